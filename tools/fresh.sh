#!/bin/sh
# fresh.sh [COMMAND]: run COMMAND (default: both commands of README.md) on a Debian 12
# on which nothing was installed by hand: a debootstrap chroot with only git in it,
# holding a clone of this checkout's HEAD.  Needs root.  The chroot is removed at the end.
#   FRESH_MIRROR  the Debian mirror (default: the first deb line of this machine)
#   FRESH_DIR     where the chroot goes (default: a new directory under TMPDIR)
set -eu
[ "$(id -u)" = 0 ] || { echo "fresh.sh: debootstrap and chroot need root" >&2; exit 2; }
source=$(cd "$(dirname "$0")/.." && pwd)
sh "$source/tools/install.sh"
sources=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true)
mirror=${FRESH_MIRROR:-$(printf '%s\n' "$sources" |
    sed -n 's/^deb \(\[[^]]*\] \)\{0,1\}\(http[^ ]*\) bookworm .*/\2/p; s/^URIs: *\(http[^ ]*debian\/\{0,1\}\) *$/\1/p' | head -n 1)}
mirror=${mirror:-http://deb.debian.org/debian}
root=${FRESH_DIR:-$(mktemp -d)}
command=${*:-sh tools/demo.sh && sh tools/test.sh}

cleanup() {
    for mount in "$root/proc" "$root/sys" "$root/dev/shm" "$root/dev/pts" "$root/dev"; do
        mountpoint -q "$mount" && umount -l "$mount" || true
    done
    [ -n "${FRESH_KEEP:-}" ] || rm -rf "$root"
}
trap cleanup EXIT INT TERM

debootstrap --variant=minbase --include=ca-certificates,git bookworm "$root" "$mirror" >/dev/null
for file in /etc/resolv.conf /etc/hosts /etc/apt/apt.conf.d/*proxy* /etc/apt/auth.conf.d/*; do
    [ ! -f "$file" ] || install -D -m 644 "$file" "$root$file"
done
cp -a /etc/ssl/certs/. "$root/etc/ssl/certs/"
mount --bind /dev "$root/dev"
mount -t devpts devpts "$root/dev/pts" 2>/dev/null || true
mount -t tmpfs tmpfs "$root/dev/shm" 2>/dev/null || true
mount -t proc proc "$root/proc"
git clone -q "$source" "$root/gradus"
chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    sh -c "cd /gradus && $command"
