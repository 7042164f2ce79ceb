#!/bin/sh
# catchup.sh GRADUS BENCH_NETWORK: a validator that has lost its chain or its journal, and one that was away for
# 2,000 transfers, fetch what they lack and arrive at the same root; kill -9 on the way is harmless.
GRADUS=$1
LOAD=$2
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net

up() {
    "$GRADUS" localnet up --dir "$net" "$@" >/dev/null
}

stop() {
    pid=$(cat "$net/validator-$1/pid")
    kill "-$2" "$pid" 2>/dev/null || true
    wait_for 20 not kill -0 "$pid" 2>/dev/null
}

not() {
    ! "$@"
}

# Blocks one after the other, until the guard has ended.
moved_on() {
    "$LOAD" "$net" --count 10 --latency 10 --expect >/dev/null && unguarded
}

up --validators 4 --accounts 100 --base-port "$E2E_PORT"
"$LOAD" "$net" --count 500 --latency 0 --expect
wait_for 30 agreed

# Away for 2,000 transfers, and the chain lost; sign.state and journal stay.
stop 3 TERM
rm -rf "$net/validator-3/data/chain.db" "$net/validator-3/data/state.db"
"$LOAD" "$net" --count 2000 --latency 20 --without 3 --expect
up --only 3
sleep 0.3
stop 3 KILL
up --only 3
wait_for 60 agreed
before=$(field height <"$E2E_DIR/status" | head -n 1)

# It votes again: with another one stopped, the chain goes on only if it does.
stop 1 TERM
"$LOAD" "$net" --count 200 --latency 0 --without 1 --expect
up --only 1
wait_for 60 agreed
after=$(field height <"$E2E_DIR/status" | head -n 1)
[ "$after" -gt "$before" ] || fail "no block with the one that came back"
echo "height $after, state root $(field state_root <"$E2E_DIR/status" | head -n 1) on all four"

# The journal lost, sign.state whole (docs/operations.md, Damage): the same, once the guard has ended.
unguarded() {
    "$GRADUS" localnet status --dir "$net" --output json >"$E2E_DIR/guard" && ! grep -q '"guard"' "$E2E_DIR/guard"
}
stop 2 TERM
mv "$net/validator-2/data/journal" "$E2E_DIR/journal.kept"
up --only 2
wait_for 60 agreed
unguarded && fail "it votes at once without its journal"
wait_for 60 moved_on
stop 0 TERM
"$LOAD" "$net" --count 200 --latency 0 --without 0 --expect
up --only 0
wait_for 60 agreed
[ "$(field height <"$E2E_DIR/status" | head -n 1)" -gt "$after" ] || fail "no block without the journal"
