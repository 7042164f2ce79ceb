#!/bin/sh
# snapshot.sh GRADUS BENCH_NETWORK: a validator that lost its databases gets them from the snapshot of another one.
GRADUS=$1
LOAD=$2
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net
genesis=$net/genesis.gradus

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

up --validators 4 --accounts 100 --base-port "$E2E_PORT"
"$LOAD" "$net" --count 1000 --latency 0 --expect
wait_for 30 agreed

# Files: made, checked, damaged, restored; the blocks before are then on the other nodes only.
stop 2 TERM
snap=$E2E_DIR/snap
"$GRADUS" snapshot create --genesis "$genesis" --data-dir "$net/validator-2/data" --out "$snap"
"$GRADUS" snapshot verify --genesis "$genesis" "$snap" >/dev/null
cp -r "$snap" "$E2E_DIR/bad"
chunk=$(find "$E2E_DIR/bad" -name '*.chunk' | head -n 1)
printf X | dd of="$chunk" bs=1 seek=100 conv=notrunc 2>/dev/null
code=0
"$GRADUS" snapshot verify --genesis "$genesis" "$E2E_DIR/bad" 2>/dev/null || code=$?
[ "$code" = 10 ] || fail "a damaged chunk: exit $code"
stop 3 TERM
rm -r "$net/validator-3/data/chain.db" "$net/validator-3/data/state.db"
"$GRADUS" snapshot restore --genesis "$genesis" --data-dir "$net/validator-3/data" "$snap" >/dev/null
code=0
"$GRADUS" snapshot restore --genesis "$genesis" --data-dir "$net/validator-3/data" "$snap" 2>/dev/null || code=$?
[ "$code" = 2 ] || fail "restore over what is there: exit $code"
up --only 2
up --only 3
wait_for 30 agreed
"$LOAD" "$net" --count 500 --latency 0 --expect
wait_for 30 agreed
stop 3 TERM # it starts again on what it has, ...
code=0
"$GRADUS" history export --genesis "$genesis" --data-dir "$net/validator-3/data" --out "$E2E_DIR/history" \
    2>"$E2E_DIR/why" || code=$?
[ "$code" = 4 ] && grep -q "begins at block" "$E2E_DIR/why" || fail "export of what is not there: exit $code"
"$GRADUS" db check --genesis "$genesis" --data-dir "$net/validator-3/data" | grep -q "restored from a snapshot" ||
    fail "db check of a restored node"
up --only 3
wait_for 30 agreed
stop 1 TERM # ... and votes
"$LOAD" "$net" --count 200 --latency 0 --without 1 --expect
up --only 1
wait_for 60 agreed
echo "from files: state root $(field state_root <"$E2E_DIR/status" | head -n 1) on all four"
