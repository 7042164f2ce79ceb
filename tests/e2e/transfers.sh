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

# An idle node takes below 1 % of a core and makes no blocks.
ticks() {
    awk '{ print $14 + $15 }' "/proc/$(cat "$net/validator-$1/pid")/stat"
}
for i in 0 1 2 3; do ticks "$i"; done >"$E2E_DIR/before"
sleep 10
for i in 0 1 2 3; do ticks "$i"; done >"$E2E_DIR/after"
paste "$E2E_DIR/before" "$E2E_DIR/after" | awk -v most="$(($(getconf CLK_TCK) / 10))" '
    { print "idle: " $2 - $1 " ticks in 10 s"; if ($2 - $1 > most) bad = 1 } END { exit bad }' ||
    fail "an idle node is busy"

# An idle chain makes no blocks; a restart of everybody changes nothing.
"$GRADUS" localnet down --dir "$net"
"$GRADUS" localnet up --dir "$net"
wait_for 30 settled
[ "$height $root" = "$(field height <"$E2E_DIR/status" | head -n 1) $(field state_root <"$E2E_DIR/status" | head -n 1)" ] ||
    fail "height or root changed over an idle restart"
echo "height $height, state root $root on all four"

# The auditor agrees, from what one validator hands out and from what another has on its disk;
# one flipped bit, and it does not.
genesis=$net/genesis.gradus
audit() {
    "$GRADUS" audit replay "$E2E_DIR/$1" --genesis "$genesis" --output json >"$E2E_DIR/audit"
}
"$GRADUS" history export --from-node "127.0.0.1:$((E2E_PORT + 2))" --genesis "$genesis" \
    --out "$E2E_DIR/fetched"
"$GRADUS" history export --data-dir "$net/validator-1/data" --genesis "$genesis" \
    --out "$E2E_DIR/copied"
for history in fetched copied; do
    audit "$history" || fail "the audit of the $history history: $(cat "$E2E_DIR/audit")"
    [ "$height $root" = "$(field height <"$E2E_DIR/audit") $(field state_root <"$E2E_DIR/audit")" ] ||
        fail "the auditor of the $history history found $(cat "$E2E_DIR/audit")"
done

# What one reads in the files is what the audit counted.
look() {
    verb=$1
    shift
    "$GRADUS" history "$verb" "$E2E_DIR/copied" --genesis "$genesis" --output json "$@"
}
[ "$(look ls | wc -l)" = "$height" ] || fail "history ls does not list $height blocks"
[ "$(look cat | wc -l)" = "$(look verify | field transactions)" ] ||
    fail "history cat and verify count different transactions"
[ "$(look show --height "$height" | field block_id)" = "$(look ls --from "$height" | field block_id)" ] ||
    fail "history show and ls name different blocks"
look show --height $((height + 1)) >/dev/null 2>&1 && fail "history show found a block after the last"

file=$(ls "$E2E_DIR"/copied/* | head -n 1)
at=$(($(wc -c <"$file") / 2))
byte=$(od -An -tu1 -j "$at" -N 1 "$file" | tr -d ' ')
printf '%b' "\\0$(printf %o $((byte ^ 16)))" | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
status=0
audit copied || status=$?
[ "$status" = 10 ] || fail "a flipped bit ended with $status: $(cat "$E2E_DIR/audit")"
status=0
look verify >"$E2E_DIR/verify" 2>&1 || status=$?
[ "$status" = 10 ] || fail "history verify ended with $status: $(cat "$E2E_DIR/verify")"
echo "audit: pass on both histories, FAIL with one bit flipped"
