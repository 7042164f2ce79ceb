#!/bin/sh
# epochs.sh GRADUS BENCH_NETWORK: while transfers go on, a fifth validator is added to a live network, one is
# removed and added again, and one gets new keys; one that is down meanwhile follows; all agree, a client that
# knows the genesis alone verifies the tip, and the auditor passes over the history.
GRADUS=$1
LOAD=$2
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net
nodes=127.0.0.1:$E2E_PORT,127.0.0.1:$((E2E_PORT + 1)),127.0.0.1:$((E2E_PORT + 2))

not() {
    ! "$@"
}

up() {
    "$GRADUS" localnet up --dir "$net" "$@" >/dev/null
}

stop() {
    pid=$(cat "$net/validator-$1/pid")
    kill "-$2" "$pid" 2>/dev/null || true
    wait_for 20 not kill -0 "$pid" 2>/dev/null
}

public() {
    "$GRADUS" keys show --kind "$1" "$2" --output json | field "$3"
}

ask() {
    "$GRADUS" "$@" --genesis "$net/genesis.gradus" --node "$nodes"
}

account() {
    echo "$net/accounts/validator-$1.key"
}

# new_node NUMBER [KEYS_OF]: a node with keys of its own that dials those of the genesis.
new_node() {
    mkdir -m 700 "$net/validator-$1" "$net/validator-$1/keys"
    for kind in consensus network vrf; do
        "$GRADUS" keys new --kind $kind "$net/validator-$1/keys/$kind.key" >/dev/null
    done
    {
        printf '[node]\ngenesis = ../genesis.gradus\ndata_dir = data\nkeys_dir = keys\n'
        printf 'listen = 127.0.0.1:%s\n[peers]\n' $((E2E_PORT + $1))
        for peer in 0 1 2 3; do
            printf '%s = 127.0.0.1:%s\n' $peer $((E2E_PORT + peer))
        done
    } >"$net/validator-$1/node.ini"
}

keys_of() {
    for kind in consensus network vrf; do
        printf -- '--%s %s ' $kind "$(public $kind "$net/validator-$1/keys/$kind.key" public_key)"
    done
}

set_is() {
    ask validator list --output json >"$E2E_DIR/list" 2>"$E2E_DIR/list.err" &&
        grep -q "\"epoch\": $1,"  "$E2E_DIR/list" && [ "$(grep -c '"consensus"' "$E2E_DIR/list")" = "$2" ]
}

next_set() {
    ask validator list | sed -n 's/^  next set //p' | head -n 1
}

# agree PROPOSER MEMBER...: the members approve, then say once more that they are there.
agree() {
    proposer=$1
    shift
    next=$(next_set)
    [ -n "$next" ] || fail "nothing is proposed"
    for i in "$@"; do
        ask validator approve "$next" --key "$(account "$i")" >/dev/null
    done
    for i in $proposer "$@"; do # who is the last has said so already
        ask validator approve "$next" --key "$(account "$i")" >/dev/null 2>&1 || true
    done
}

ready() {
    ask validator ready --consensus-key "$net/validator-$1/keys/consensus.key" \
        --key "$net/accounts/consumer.key" >/dev/null
}

up --validators 4 --accounts 20 --base-port "$E2E_PORT"
"$LOAD" "$net" --count 200 --latency 0 --expect >/dev/null
touch "$E2E_DIR/go"
(
    trap - EXIT INT TERM
    while [ -f "$E2E_DIR/go" ]; do
        "$LOAD" "$net" --count 40 --latency 5 --without 3 --expect >/dev/null || touch "$E2E_DIR/load.failed"
        echo >>"$E2E_DIR/rounds"
    done
) &
load=$!
E2E_AT_EXIT="rm -f $E2E_DIR/go"

# A fifth: it follows from the proposal on, says that it is ready, and votes.
new_node 4
# shellcheck disable=SC2046
ask validator propose add --account "$(public account "$(account 4)" address)" $(keys_of 4) --key "$(account 0)"
up --only 4
wait_for 30 agreed
agree 0 1 2
ready 4
wait_for 60 set_is 1 5
echo "epoch 1: five validators"

# One goes, and another is down meanwhile.
stop 2 KILL
ask validator propose remove --seat 3 --key "$(account 0)" >/dev/null
agree 0 1 3 4
wait_for 60 set_is 2 4
grep -q "an observer" "$net/validator-3/node.log" || fail "the removed one goes on as if nothing had been"
up --only 2
wait_for 60 agreed
echo "epoch 2: four, without seat 3; the one that was down has followed"

# It comes back with the same keys.
# shellcheck disable=SC2046
ask validator propose add --account "$(public account "$(account 3)" address)" $(keys_of 3) --key "$(account 0)" >/dev/null
agree 0 1 2
ready 3
wait_for 60 set_is 3 5
echo "epoch 3: five again"

# Seat 1 gets new keys: a second node takes over, the first one follows and is stopped.
new_node 5
# shellcheck disable=SC2046
ask validator propose rekey --seat 1 $(keys_of 5) --key "$(account 0)" >/dev/null
up --only 5
wait_for 60 agreed
agree 0 2 3 4
ready 5
wait_for 60 set_is 4 5
echo "epoch 4: seat 1 has new keys"

# The new ones vote: without another old one the chain goes on only if they do.
rm -f "$E2E_DIR/go"
wait "$load" || true
[ ! -f "$E2E_DIR/load.failed" ] || fail "a transfer was lost"
[ "$(wc -l <"$E2E_DIR/rounds")" -gt 3 ] || fail "no load went on meanwhile"
stop 1 TERM
stop 0 TERM
nodes=127.0.0.1:$((E2E_PORT + 2)),127.0.0.1:$((E2E_PORT + 4)),127.0.0.1:$((E2E_PORT + 5))
for i in 1 2 3; do
    ask tx transfer --key "$net/accounts/consumer.key" --to "$(public account "$(account $i)" address)" --amount $i \
        >/dev/null || fail "the new ones do not vote"
done
up --only 0

status_of() {
    "$GRADUS" node status --genesis "$net/genesis.gradus" --node "127.0.0.1:$((E2E_PORT + $1))" --output json
}
ended() {
    status_of 0 >"$E2E_DIR/first" 2>/dev/null || return 1
    for i in 2 3 4 5; do
        status_of $i >"$E2E_DIR/other" 2>/dev/null || return 1
        [ "$(field state_root <"$E2E_DIR/first" | head -n 1)" = "$(field state_root <"$E2E_DIR/other" | head -n 1)" ] || return 1
    done
}
wait_for 60 ended
ask query head >"$E2E_DIR/head" || fail "the tip does not verify from the genesis"
grep -q "not enough validators" "$E2E_DIR/head" && fail "no quorum of heads: $(cat "$E2E_DIR/head")"
cat "$E2E_DIR/head"

# A validator of a later epoch that has lost its chain fetches the state of the newest one.
stop 4 TERM
rm -rf "$net/validator-4/data/chain.db" "$net/validator-4/data/state.db"
sed -i 's/^data_dir.*/&\nstate_sync = 1/' "$net/validator-4/node.ini"
up --only 4
wait_for 60 ended
grep -q "restoring" "$net/validator-4/node.log" || fail "it has fetched blocks, not the state"
stop 4 TERM
up --only 4
wait_for 60 ended

stop 2 TERM
"$GRADUS" db check --data-dir "$net/validator-2/data" --genesis "$net/genesis.gradus" || fail "the database"
"$GRADUS" history export --data-dir "$net/validator-2/data" --genesis "$net/genesis.gradus" --out "$E2E_DIR/history" >/dev/null
"$GRADUS" audit replay "$E2E_DIR/history" --genesis "$net/genesis.gradus" || fail "the auditor"
