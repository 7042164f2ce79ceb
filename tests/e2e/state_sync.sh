#!/bin/sh
# state_sync.sh GRADUS BENCH_NETWORK LIAR: a validator that lost its databases joins by the state of the others, while
# the first of its three sources lies: about a chunk, then about the sizes in the manifest; then a new one joins.
GRADUS=$1
LOAD=$2
LIAR=$3
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net
genesis=$net/genesis.gradus
liar=
E2E_AT_EXIT=end_liar

end_liar() {
    [ -z "$liar" ] || kill "$liar" 2>/dev/null || true
    liar=
}

up() {
    "$GRADUS" localnet up --dir "$net" "$@" >/dev/null
}

not() {
    ! "$@"
}

stop() {
    pid=$(cat "$net/validator-$1/pid")
    kill "-$2" "$pid" 2>/dev/null || true
    wait_for 20 not kill -0 "$pid" 2>/dev/null
}

address() {
    sed -n "s/^listen = //p" "$net/validator-$1/node.ini"
}

# Validator 3 joins while a liar with the key of validator 0 stands in its place.
join_beside_liar() {
    stop 3 TERM
    rm -r "$net/validator-3/data/chain.db" "$net/validator-3/data/state.db"
    stop 0 TERM
    "$LIAR" "$genesis" "$net/validator-0/keys/network.key" "$(address 0)" "$(address 1)" "$1" >"$E2E_DIR/liar" &
    liar=$!
    : >"$net/validator-3/node.log"
    up --only 3
    wait_for 60 grep -q "sync: restoring" "$net/validator-3/node.log"
    grep -q "validator 0 sent $2" "$net/validator-3/node.log" || fail "the liar was not found out: $1"
    grep -q lied "$E2E_DIR/liar" || fail "the liar was not asked"
    end_liar
    "$LOAD" "$net" --count 200 --latency 0 --without 0 --expect # three are left: it votes
    up --only 0
    wait_for 60 agreed
    [ ! -e "$net/validator-3/data/restore" ] || fail "what was fetched is still there"
}

up --validators 4 --accounts 100 --base-port "$E2E_PORT"
"$LOAD" "$net" --count 1000 --latency 0 --expect
wait_for 30 agreed
sed -i 's/^listen/state_sync = 1\nlisten/' "$net/validator-3/node.ini"
join_beside_liar chunk "a chunk that is not the state's"
join_beside_liar manifest "a manifest with false sizes"

# A key that never voted, on a machine where there is nothing.
stop 3 TERM
rm -r "$net/validator-3/data"
rm "$net/validator-3/keys/consensus.key.used"
"$LOAD" "$net" --count 200 --latency 0 --without 3 --expect
: >"$net/validator-3/node.log"
up --only 3
wait_for 60 agreed
grep -q "sync: restoring" "$net/validator-3/node.log" || fail "it did not join by the state"
echo "state root $(field state_root <"$E2E_DIR/status" | head -n 1) on all four"
