#!/bin/sh
# shards.sh GRADUS BENCH_NETWORK: four processes send every block of 4 KiB and more as shards, and
# announce certificates, as a large network does.
# They commit 8,000 transfers while one of them is killed and started again; afterwards all agree,
# everybody has restored blocks from shards, nobody has found a false one, and a restart of all
# changes nothing.
GRADUS=$1
LOAD=$2
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net

"$GRADUS" localnet up --dir "$net" --validators 4 --accounts 100 --base-port "$E2E_PORT" >/dev/null
"$GRADUS" localnet down --dir "$net" >/dev/null
for i in 0 1 2 3; do
    sed -i 's/^\[node\]$/[node]\nshard_threshold_kib = 0\nannounce_above = 0/' \
        "$net/validator-$i/node.ini"
    grep -q '^shard_threshold_kib = 0$' "$net/validator-$i/node.ini" || fail "no node.ini to change"
done
"$GRADUS" localnet up --dir "$net" >/dev/null
"$LOAD" "$net" --count 8000 --latency 20 --expect >"$E2E_DIR/load" 2>&1 &
load=$!

above() {
    "$GRADUS" localnet status --dir "$net" --output json 2>/dev/null | field height |
        awk -v least="$1" '$1 > least { found = 1 } END { exit !found }'
}
wait_for 60 above 44
pid=$(cat "$net/validator-2/pid")
kill -9 "$pid"
gone() {
    ! kill -0 "$pid" 2>/dev/null
}
wait_for 30 gone
wait_for 60 above 48
"$GRADUS" localnet up --dir "$net" --only 2 >/dev/null

wait "$load" || { cat "$E2E_DIR/load"; fail "not every transfer committed"; }
cat "$E2E_DIR/load"
wait_for 30 settled
# However long the start took: validator 2 takes part in these.
"$LOAD" "$net" --count 2000 --latency 0 --expect
wait_for 30 settled
height=$(field height <"$E2E_DIR/status" | head -n 1)
root=$(field state_root <"$E2E_DIR/status" | head -n 1)

# What each of them did, in the line it leaves when it stops.
"$GRADUS" localnet down --dir "$net" >/dev/null
count() {
    sed -n "s/.* shards:.*[ ]$2=\([0-9]*\).*/\1/p" "$net/validator-$1/node.log" | tail -n 1
}
for i in 0 1 2 3; do
    echo "validator $i: $(grep ' shards: ' "$net/validator-$i/node.log" | tail -n 1)"
    [ "$(count "$i" restored)" -gt 0 ] || fail "validator $i restored no block"
    [ "$(count "$i" passed_on)" -gt 0 ] || fail "validator $i passed no shard on"
    ! grep -q "malformed announcement" "$net/validator-$i/node.log" || fail "validator $i: HAVE"
    [ "$(count "$i" inconsistent) $(count "$i" refused)" = "0 0" ] || fail "validator $i found fault"
done

"$GRADUS" localnet up --dir "$net" >/dev/null
wait_for 30 settled
[ "$height $root" = "$(field height <"$E2E_DIR/status" | head -n 1) $(field state_root <"$E2E_DIR/status" | head -n 1)" ] ||
    fail "height or root changed over an idle restart"
echo "height $height, state root $root on all four"
