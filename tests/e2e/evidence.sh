#!/bin/sh
# evidence.sh GRADUS DOUBLE: a validator signs two votes of one view for one other, which is alone and is
# killed before any block can tell. When a quorum is back, the chain suspends the liar, once, and
# the auditor finds the same.
GRADUS=$1
DOUBLE=$2
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net
liar=
stop_liar() {
    [ -z "$liar" ] || kill "$liar" 2>/dev/null || true
}
E2E_AT_EXIT=stop_liar

pid_of() {
    cat "$net/validator-$1/pid"
}
gone() {
    ! kill -0 "$1" 2>/dev/null
}
stop() {
    pid=$(pid_of "$1")
    kill "-$2" "$pid"
    wait_for 20 gone "$pid"
}
up() {
    "$GRADUS" localnet up --dir "$net" "$@" >/dev/null
}
lie() {
    "$DOUBLE" "$net/validator-3/node.ini" 0 >>"$E2E_DIR/lies" 2>>"$E2E_DIR/double.log" &
    liar=$!
}
lied() {
    [ "$(grep -c lied "$E2E_DIR/lies")" -ge "$1" ]
}
end_liar() {
    kill "$liar"
    wait "$liar" || fail "the liar ended badly"
    liar=
}
transfer() {
    "$GRADUS" tx transfer --net "$net" --key "$net/accounts/account-0000.key" --to "$to" --amount 1
}
list() {
    "$GRADUS" validator list --net "$net" --output json 2>"$E2E_DIR/list.log" | tr -d ' \n' >"$E2E_DIR/list"
    [ -s "$E2E_DIR/list" ]
}
suspended() {
    list && grep -q '"first_kind"' "$E2E_DIR/list"
}

up --validators 4 --accounts 4 --base-port "$E2E_PORT"
wait_for 30 settled
to=$("$GRADUS" keys show "$net/accounts/account-0003.key" --output json | field address)
transfer
list
grep -q '"first_kind"' "$E2E_DIR/list" && fail "somebody is suspended without a lie"
stop 3 TERM
stop 1 TERM
stop 2 TERM

# One alone: it finds the pair, and no block can be made before it dies.
lie
wait_for 60 grep -q "validator 3 contradicts itself" "$net/validator-0/node.log"
end_liar
stop 0 KILL
for i in 0 1 2; do
    up --only "$i"
done
wait_for 60 suspended
grep -q '"seat":3,"first_kind":1,"second_kind":1' "$E2E_DIR/list" ||
    fail "not seat 3 for two NOTARIZE: $(cat "$E2E_DIR/list")"
"$GRADUS" validator list --net "$net" | grep -A 1 "^suspended: "

# The seat is given up: three go on, and the liar's node, honest again, only follows.
members() {
    list && [ "$(grep -o '"seats":\[[^]]*\]' "$E2E_DIR/list" | grep -o '"vrf"' | wc -l)" = "$1" ]
}
wait_for 60 members 3
grep -q '^{"height":[0-9]*,"epoch":1,' "$E2E_DIR/list" || fail "three members: $(cat "$E2E_DIR/list")"
up --only 3
wait_for 60 grep -q "epoch=1 from" "$net/validator-3/node.log"
transfer
rest() {
    "$GRADUS" localnet status --dir "$net" --output json >"$E2E_DIR/status" 2>/dev/null || true
    [ "$(field awake <"$E2E_DIR/status" | tr '\n' ' ')" = "false false false false " ] &&
        [ "$(field height <"$E2E_DIR/status" | sort -u | wc -l)" = 1 ]
}
wait_for 60 rest
height=$(field height <"$E2E_DIR/status" | sort -u)
root=$(field state_root <"$E2E_DIR/status" | sort -u)
"$GRADUS" localnet down --dir "$net" >/dev/null
genesis=$net/genesis.gradus
for i in 0 1; do
    "$GRADUS" history export --data-dir "$net/validator-$i/data" --genesis "$genesis" \
        --out "$E2E_DIR/history-$i" >/dev/null
    "$GRADUS" audit replay "$E2E_DIR/history-$i" --genesis "$genesis" --output json >"$E2E_DIR/audit" ||
        fail "the audit of $i: $(cat "$E2E_DIR/audit")"
    [ "$height $root" = "$(field height <"$E2E_DIR/audit") $(field state_root <"$E2E_DIR/audit")" ] ||
        fail "the auditor of $i found $(cat "$E2E_DIR/audit")"
    count=$("$GRADUS" history cat "$E2E_DIR/history-$i" --genesis "$genesis" | grep -c EVIDENCE)
    [ "$count" = 1 ] || fail "EVIDENCE stands $count times in the history of $i"
done
echo "suspended once at height $height, root $root; the auditor agrees"
