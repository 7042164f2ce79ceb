#!/bin/sh
# db.sh GRADUS BENCH_NETWORK: looking into the databases of stopped and crashed validators changes no byte, a
# running one is refused, two agree, and damage is named with exit code 10.  Backups.
GRADUS=$1
LOAD=$2
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net
data=$net/validator-0/data
genesis=$net/genesis.gradus

# ends CODE TEXT ARGUMENTS...
ends() {
    want=$1
    text=$2
    shift 2
    code=0
    "$GRADUS" "$@" --genesis "$genesis" >"$E2E_DIR/said" 2>&1 || code=$?
    [ "$code" = "$want" ] || { cat "$E2E_DIR/said"; fail "gradus $*: exit code $code instead of $want"; }
    grep -q -- "$text" "$E2E_DIR/said" || { cat "$E2E_DIR/said"; fail "gradus $*: does not say: $text"; }
}
sums() {
    (cd "$data" && find . -type f -exec sha256sum {} + | sort)
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

"$GRADUS" localnet up --dir "$net" --validators 4 --accounts 10 --base-port "$E2E_PORT" >/dev/null
"$LOAD" "$net" --count 200 --latency 0 --expect >/dev/null
wait_for 20 settled
ends 14 "stop that node" db check --data-dir "$data"
kill -KILL "$(cat "$net/validator-0/pid")"
"$GRADUS" localnet down --dir "$net" >/dev/null

# Crashed: its logs are not closed.  Reading them leaves no trace.
sums >"$E2E_DIR/before"
ends 0 "all right" db check --data-dir "$data"
ends 0 '"check":"pass"' db check --data-dir "$data" --output json
ends 0 "account " db stats --data-dir "$data"
ends 0 '"kinds":\[' db stats --data-dir "$data" --output json
ends 0 "the same state" db diff "$data" "$net/validator-1/data"
ends 0 '"same":true' db diff "$data" "$net/validator-1/data" --output json
sums | cmp - "$E2E_DIR/before" || fail "inspection changed a byte"
ends 4 "no chain.db" db check --data-dir "$E2E_DIR"

# A byte of the log in the middle: RocksDB would drop what follows; here it is refused.
cp -a "$data" "$E2E_DIR/kept"
log=$(ls -S "$data"/chain.db/*.log | head -n 1)
flip "$log" $(($(wc -c <"$log") / 3))
ends 10 "chain.db" db check --data-dir "$data"
rm -rf "$data" && cp -a "$E2E_DIR/kept" "$data"

# The file that says which files count: neither the check nor the node makes an empty chain there.
rm "$data/chain.db/CURRENT"
ends 10 "CURRENT" db check --data-dir "$data"
code=0
timeout 30 "$GRADUS" node run --config "$net/validator-0/node.ini" >/dev/null 2>"$E2E_DIR/said" || code=$?
[ "$code" = 72 ] || { cat "$E2E_DIR/said"; fail "a node without CURRENT ends with $code instead of 72"; }
[ -n "$(ls "$data"/chain.db/*.log)" ] || fail "the node deleted its chain"
rm -rf "$data" && cp -a "$E2E_DIR/kept" "$data"

# Without state.db nothing is wrong and not everything can be said; the node makes it again.
mv "$data/state.db" "$E2E_DIR/state.away"
ends 12 "no state.db" db check --data-dir "$data"
rm -rf "$data" && cp -a "$E2E_DIR/kept" "$data"

# A backup is whole or refused; it never holds what could vote.
backup=$E2E_DIR/backup
ends 0 "made" backup create --data-dir "$data" --out "$backup"
ends 2 "exists" backup create --data-dir "$data" --out "$backup"
[ ! -e "$backup/sign" ] && [ ! -e "$backup/journal" ] || fail "a backup of sign.state or journal"
ends 0 "all right" backup verify "$backup"
ends 0 '"check":"pass"' backup verify "$backup" --output json
log=$(ls -S "$backup"/chain.db/*.log | head -n 1)
flip "$log" 30
ends 10 "$(basename "$log")" backup verify "$backup"
ends 10 "$(basename "$log")" backup restore "$backup" --data-dir "$E2E_DIR/other"
flip "$log" 30
ends 2 "keep sign" backup restore "$backup" --data-dir "$data"

# Beside its sign.state the validator goes on where the backup ends: it votes and follows.
rm -rf "$data/chain.db" "$data/state.db"
ends 0 "restored" backup restore "$backup" --data-dir "$data"
"$GRADUS" localnet up --dir "$net" >/dev/null
"$LOAD" "$net" --count 100 --latency 0 --expect >/dev/null
wait_for 20 settled
"$GRADUS" localnet down --dir "$net" >/dev/null
ends 0 "the same state" db diff "$data" "$net/validator-1/data"
ends 0 "all right" db check --data-dir "$data"

# The state goes back, and forward again at the next start.
height=$("$GRADUS" db check --data-dir "$data" --genesis "$genesis" --output json | field applied_height)
ends 0 "went back" db rollback --data-dir "$data" --to 1
ends 0 "will be executed" db check --data-dir "$data"
ends 4 "below" db rollback --data-dir "$data" --to "$height"
ends 0 "after" db compact --data-dir "$data"
"$GRADUS" localnet up --dir "$net" >/dev/null
wait_for 20 settled
"$GRADUS" localnet down --dir "$net" >/dev/null
ends 0 "the same state after height $height" db diff "$data" "$net/validator-1/data"

# Without it there is no right to vote: the node says so and ends.
rm -rf "$data"
ends 0 "restored" backup restore "$backup" --data-dir "$data"
ends 0 "all right" db check --data-dir "$data"
code=0
timeout 30 "$GRADUS" node run --config "$net/validator-0/node.ini" >/dev/null 2>"$E2E_DIR/said" || code=$?
[ "$code" = 80 ] || { cat "$E2E_DIR/said"; fail "a restored node without sign.state ends with $code, not 80"; }
echo "databases are looked into without a trace, backed up and restored"
