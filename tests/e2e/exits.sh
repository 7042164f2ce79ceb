#!/bin/sh
# exits.sh GRADUS BENCH_NETWORK: a validator that finds its configuration, genesis, keys, port, disk space,
# journal or sign.state wrong ends with the exit code of that and one last line on stderr that names the
# object and the next step; SIGTERM ends with 0.
GRADUS=$1
LOAD=$2
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net
node=$net/validator-0
say=$E2E_DIR/say

"$GRADUS" localnet up --dir "$net" --validators 4 --accounts 10 --base-port "$E2E_PORT" >/dev/null
"$LOAD" "$net" --count 50 --latency 0 --expect >/dev/null
"$GRADUS" localnet down --dir "$net" >/dev/null
cp -a "$node" "$E2E_DIR/kept"
cp "$net/genesis.gradus" "$E2E_DIR/genesis.kept"

restore() {
    rm -rf "$node"
    cp -a "$E2E_DIR/kept" "$node"
    cp "$E2E_DIR/genesis.kept" "$net/genesis.gradus"
}

# ends CODE TEXT: the node ends by itself with CODE; its last line, the only one that is no
# log line, holds TEXT.
ends() {
    code=0
    timeout 30 "$GRADUS" node run --config "$node/node.ini" >"$E2E_DIR/out" 2>"$say" || code=$?
    [ "$code" = "$1" ] || { cat "$say"; fail "exit code $code instead of $1 for: $2"; }
    grep -v '^[0-9-]*T[0-9:.]*Z ' "$say" >"$E2E_DIR/lines" || true
    [ "$(wc -l <"$E2E_DIR/lines")" = 1 ] || { cat "$say"; fail "not one line for: $2"; }
    tail -n 1 "$say" | grep -q -- "$2" || { cat "$say"; fail "the line does not say: $2"; }
    [ ! -s "$E2E_DIR/out" ] || fail "something on standard output"
    echo "exit $code: $(cat "$E2E_DIR/lines")"
    restore
}

# set_option NAME VALUE in [node]
set_option() {
    sed -i "/^$1 *=/d; s|^\[node\]|[node]\n$1 = $2|" "$node/node.ini"
}

flip() {
    python3 - "$1" "$2" <<'PY'
import sys
path, at = sys.argv[1], int(sys.argv[2])
data = bytearray(open(path, "rb").read())
data[at] ^= 1
open(path, "wb").write(data)
PY
}

echo "colour = blue" >>"$node/node.ini"
ends 64 colour
set_option min_block_interval_ms soon
ends 64 "whole number"
rm "$node/node.ini"
ends 64 node.ini

flip "$net/genesis.gradus" 40
ends 65 genesis
rm "$net/genesis.gradus"
ends 65 genesis

chmod 644 "$node/keys/consensus.key"
ends 66 consensus.key
flip "$node/keys/network.key" 20
ends 66 network.key

python3 -c '
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen()
print("listening", flush=True)
time.sleep(60)' "$E2E_PORT" >"$E2E_DIR/holder" &
holder=$!
wait_for 10 grep -q listening "$E2E_DIR/holder"
ends 68 "$E2E_PORT"
kill "$holder"
wait "$holder" 2>/dev/null || true

set_option disk_reserve_mib 1048576
ends 75 "$node"

journal=$(ls "$node"/data/journal/journal-* | head -n 1)
flip "$journal" 200
ends 72 "$(basename "$journal")"
rm -r "$node/data/sign"
ends 80 sign.state
rm -r "$node/data"
ends 80 consensus.key.used
for slot in "$node"/data/sign/*; do
    flip "$slot" 100
    flip "$slot" $(($(wc -c <"$slot") / 2 + 100))
done
ends 72 sign.state

"$GRADUS" node run --config "$node/node.ini" 2>"$say" &
pid=$!
wait_for 20 grep -q "node: running" "$say"
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
[ "$code" = 0 ] || { cat "$say"; fail "exit code $code after SIGTERM"; }
echo "exit 0: after SIGTERM"

# A file system that is really full, met by a node at work: code 75 and one line; with room again
# it starts, catches up, and votes.
not() {
    ! "$@"
}
gone() {
    ! kill -0 "$1" 2>/dev/null
}
full_end() {
    kill "$(cat "$node/pid")" 2>/dev/null || true
    umount -l "$node/data" 2>/dev/null || true
}
E2E_AT_EXIT=full_end
"$GRADUS" localnet up --dir "$net" >/dev/null
pid=$(cat "$node/pid")
kill -TERM "$pid"
wait_for 20 gone "$pid"
mv "$node/data" "$E2E_DIR/data"
mkdir "$node/data"
mount -t tmpfs -o size=64m,mode=700 tmpfs "$node/data" || fail "cannot mount a tmpfs: this test needs root"
cp -a "$E2E_DIR/data/." "$node/data"
set_option disk_reserve_mib 1
: >"$say"
"$GRADUS" node run --config "$node/node.ini" >"$E2E_DIR/out" 2>"$say" &
pid=$!
echo "$pid" >"$node/pid"
wait_for 20 grep -q "node: running" "$say"
"$LOAD" "$net" --count 50 --latency 0 --expect >/dev/null
wait_for 20 agreed
before=$(field height <"$E2E_DIR/status" | head -n 1)
dd if=/dev/zero of="$node/data/filler" bs=4k 2>/dev/null && fail "the file system does not fill"
"$LOAD" "$net" --count 200 --latency 0 --without 0 --expect >/dev/null
wait_for 20 gone "$pid"
code=0
wait "$pid" || code=$?
[ "$code" = 75 ] || { cat "$say"; fail "exit code $code on a full file system"; }
grep -v '^[0-9-]*T[0-9:.]*Z ' "$say" >"$E2E_DIR/lines" || true
[ "$(wc -l <"$E2E_DIR/lines")" = 1 ] || { cat "$say"; fail "not one line for a full file system"; }
grep -q "$node/data.*free space" "$E2E_DIR/lines" || { cat "$say"; fail "the line does not say what to do"; }
echo "exit $code: $(cat "$E2E_DIR/lines")"

rm "$node/data/filler"
"$GRADUS" localnet up --dir "$net" --only 0 >/dev/null
wait_for 30 agreed
[ "$(field height <"$E2E_DIR/status" | head -n 1)" -gt "$before" ] || fail "it has not caught up"
pid=$(cat "$net/validator-1/pid")
kill -TERM "$pid"
wait_for 20 gone "$pid"
"$LOAD" "$net" --count 50 --latency 0 --without 1 --expect >/dev/null
"$GRADUS" localnet down --dir "$net" >/dev/null
echo "freed: caught up and votes"
