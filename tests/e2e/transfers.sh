#!/bin/sh
# transfers.sh GRADUS BENCH_NETWORK: four processes commit 10,000 transfers while one of them is
# killed and started again; afterwards all agree, stay idle, and survive a restart of all.
GRADUS=$1
LOAD=$2
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net

"$GRADUS" localnet up --dir "$net" --validators 4 --accounts 100 --base-port "$E2E_PORT"
"$LOAD" "$net" --count 10000 --latency 20 --expect >"$E2E_DIR/load" 2>&1 &
load=$!

above() {
    "$GRADUS" localnet status --dir "$net" --output json 2>/dev/null | field height |
        awk -v least="$1" '$1 > least { found = 1 } END { exit !found }'
}
wait_for 60 above 25
kill -9 "$(cat "$net/validator-2/pid")"
wait_for 30 above 40
"$GRADUS" localnet up --dir "$net" --only 2 >/dev/null

wait "$load" || { cat "$E2E_DIR/load"; fail "not every transfer committed"; }
cat "$E2E_DIR/load"
wait_for 30 settled
height=$(field height <"$E2E_DIR/status" | head -n 1)
root=$(field state_root <"$E2E_DIR/status" | head -n 1)

# An idle chain makes no blocks; a restart of everybody changes nothing.
"$GRADUS" localnet down --dir "$net"
"$GRADUS" localnet up --dir "$net"
wait_for 30 settled
[ "$height $root" = "$(field height <"$E2E_DIR/status" | head -n 1) $(field state_root <"$E2E_DIR/status" | head -n 1)" ] ||
    fail "height or root changed over an idle restart"
echo "height $height, state root $root on all four"
