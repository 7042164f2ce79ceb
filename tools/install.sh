#!/bin/sh
# install.sh: install the Debian packages of tools/packages.txt that are missing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
missing=
for package in $(grep -v '^#' "$here/packages.txt"); do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

run=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "install.sh: not root and no sudo; install by hand:$missing" >&2
        exit 2
    }
    run=sudo
fi
echo "installing:$missing"
$run env DEBIAN_FRONTEND=noninteractive apt-get update -qq
$run env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
