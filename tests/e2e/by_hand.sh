#!/bin/sh
# by_hand.sh GRADUS: the network of docs/operations.md, made step by step, moves credits.
GRADUS=$1
. "$(dirname "$0")/lib.sh"
cd "$E2E_DIR"
pids=

stop_all() {
    for pid in $pids; do
        kill "$pid" 2>/dev/null || true
    done
}

public() {
    "$GRADUS" keys show --kind "$1" "$2" --output json | field "$3"
}

for i in 0 1 2 3; do
    mkdir -m 700 "$i" "$i/keys"
    for kind in consensus network vrf; do
        "$GRADUS" keys new --kind $kind "$i/keys/$kind.key" >/dev/null
    done
    "$GRADUS" keys new --kind account "$i/account.key" >/dev/null
done

{
    printf '[network]\nname = example\nprofile = standard\n'
    for i in 0 1 2 3; do
        printf '[org %s]\nroles = provider worker consumer data_owner validator\n' "Org-$i"
        printf '[account %s]\npublic_key = %s\norg = %s\n' "account-$i" \
            "$(public account "$i/account.key" public_key)" "Org-$i"
        printf 'roles = provider worker consumer data_owner validator\ncredits = 1000\n'
    done
    for i in 0 1 2 3; do
        printf '[validator %s]\n' "$i"
        for kind in consensus network vrf; do
            printf '%s = %s\n' $kind "$(public $kind "$i/keys/$kind.key" public_key)"
        done
        printf 'account = %s\n' "$(public account "$i/account.key" address)"
    done
} >genesis.ini
"$GRADUS" genesis make genesis.ini --out genesis.gradus

for i in 0 1 2 3; do
    {
        printf '[node]\ngenesis = ../genesis.gradus\ndata_dir = data\nkeys_dir = keys\n'
        printf 'listen = 127.0.0.1:%s\n[peers]\n' $((E2E_PORT + i))
        for peer in 0 1 2 3; do
            [ $peer = $i ] || printf '%s = 127.0.0.1:%s\n' $peer $((E2E_PORT + peer))
        done
    } >$i/node.ini
    "$GRADUS" node run --config $i/node.ini 2>$i/node.log &
    pids="$pids $!"
done
trap 'stop_all; e2e_cleanup' EXIT INT TERM

wait_for 20 grep -q "node: running" 3/node.log
"$GRADUS" tx transfer --genesis genesis.gradus --node "127.0.0.1:$E2E_PORT" --key 0/account.key \
    --to "$(public account 1/account.key address)" --amount 250
for pid in $pids; do
    kill "$pid"
    wait "$pid" || fail "a node ended with $?"
done
