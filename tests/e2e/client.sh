#!/bin/sh
# client.sh GRADUS: what a person does at a network: a transfer and its proof, a request that
# is taken back or runs out of time, an offer that is withdrawn, a look at the nodes.
GRADUS=$1
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net
consumer=$net/accounts/consumer.key
provider=$net/accounts/provider-1.key
"$GRADUS" localnet up --dir "$net" --validators 4 --providers 1 --base-port "$E2E_PORT" >/dev/null

address() {
    "$GRADUS" keys show "$1" --output json | field address
}
account() {
    "$GRADUS" query account "$(address "$1")" --net "$net" --output json | tr -d ' ' | field "$2"
}

# ---- A transfer, its proof, and its repetition under the same number.
"$GRADUS" tx transfer --net "$net" --key "$consumer" --to "$(address "$provider")" --amount 5 \
    --output json >"$E2E_DIR/tx"
id=$(field tx_id <"$E2E_DIR/tx")
"$GRADUS" query tx "$id" --net "$net" | tee "$E2E_DIR/said"
grep -q "TRANSFER of $(address "$consumer"), sequence number 0" "$E2E_DIR/said" &&
    grep -q "result OK" "$E2E_DIR/said" || fail "the transfer is not proven"
before=$(account "$consumer" available)
code=0
"$GRADUS" tx transfer --net "$net" --key "$consumer" --to "$(address "$provider")" --amount 5 \
    --seq 0 2>"$E2E_DIR/said" || code=$?
cat "$E2E_DIR/said"
[ "$code" = 7 ] && grep -q "sequence number 0" "$E2E_DIR/said" || fail "exit code $code: a used number"
[ "$(account "$consumer" available)" = "$before" ] || fail "the repetition was executed"
code=0
"$GRADUS" query tx "$(printf %064d 0)" --net "$net" || code=$?
[ "$code" = 4 ] || fail "exit code $code of an unknown transaction"

# ---- Blocks under the tip, and a chain that is the one of the last time.
"$GRADUS" query block 1 --net "$net" --transactions --remember "$E2E_DIR/memory" |
    tee "$E2E_DIR/said"
grep -q "TRANSFER *$id" "$E2E_DIR/said" || fail "block 1 does not hold the transfer"
grep -q "extends this one" "$E2E_DIR/said" || fail "the history is not said to extend it"
"$GRADUS" query head --net "$net" --remember "$E2E_DIR/memory" >/dev/null
code=0
"$GRADUS" query block 1000000 --net "$net" || code=$?
[ "$code" = 4 ] || fail "exit code $code of a block that is not there"

# ---- The state before and after a transfer, proven.
"$GRADUS" tx transfer --net "$net" --key "$consumer" --to "$(address "$provider")" --amount 7 \
    --output json >"$E2E_DIR/tx"
height=$("$GRADUS" query tx "$(field tx_id <"$E2E_DIR/tx")" --net "$net" --output json |
    tr -d ' ' | field height)
at() {
    "$GRADUS" query account "$(address "$consumer")" --net "$net" --at "$1" --output json |
        tr -d ' ' | field available
}
[ "$(at "$((height - 1))")" = "$before" ] || fail "before block $height it held another amount"
[ "$((before - $(at "$height")))" = 7 ] || fail "block $height took another amount"
before=$(account "$consumer" available)
code=0
"$GRADUS" query account "$(address "$consumer")" --net "$net" --at 1000000 || code=$?
[ "$code" = 4 ] || fail "exit code $code of a state that is not there"

# ---- By sender, as soon as the index has followed, and by time.
both() {
    "$GRADUS" query txs "$(address "$consumer")" --net "$net" >"$E2E_DIR/said"
    [ "$(grep -c TRANSFER "$E2E_DIR/said")" = 2 ]
}
wait_for 20 both
cat "$E2E_DIR/said"
grep -q "TRANSFER .*$id" "$E2E_DIR/said" || fail "the first transfer is not listed"
"$GRADUS" query block "$height" --net "$net" --output json | tr -d ' ' >"$E2E_DIR/said"
"$GRADUS" query block "@$(field time_ms <"$E2E_DIR/said")" --net "$net" --output json | tr -d ' ' |
    grep -q "\"block_id\":\"$(field block_id <"$E2E_DIR/said")" || fail "another block at this time"
code=0
"$GRADUS" query block @1 --net "$net" || code=$?
[ "$code" = 4 ] || fail "exit code $code of a time before the first block"

# ---- A request without workers: interrupted, cancelled, the escrow is free again.
yes "abc def" 2>/dev/null | head -c 20000 >"$E2E_DIR/text"
request() {
    name=$1
    shift
    "$GRADUS" job run "$E2E_DIR/text" --net "$net" --key "$consumer" --name "$name" \
        --out "$E2E_DIR/out.safetensors" --rounds 1 --steps 4 --price 1000000 \
        --spec "char-gpt layers=1 width=16 heads=2 context=16 batch=2" "$@" \
        >"$E2E_DIR/$name.out" 2>"$E2E_DIR/$name.err"
}
# The escrow stands beside the account.
locked() { [ "$(account "$consumer" available)" != "$before" ]; }
request waits &
job=$!
wait_for 60 locked
# The shell runs the function in a process of its own; the request is its child.
kill -INT "$(pgrep -P "$job")"
code=0
wait "$job" || code=$?
tail -n 3 "$E2E_DIR/waits.err"
[ "$code" = 130 ] || fail "exit code $code of an interrupted request"
locked || fail "the escrow is free although the request goes on"
command=$(sed -n 's/^  gradus \(job cancel .*\)/\1/p' "$E2E_DIR/waits.err")
[ -n "$command" ] || fail "the way out is not named"
# shellcheck disable=SC2086 # the words of a command
"$GRADUS" $command
! locked || fail "the escrow is still locked"

# ---- A request with a deadline ends by itself.
code=0
request late --deadline 2 || code=$?
tail -n 2 "$E2E_DIR/late.err"
[ "$code" = 7 ] && grep -q W_DEADLINE "$E2E_DIR/late.err" || fail "exit code $code after a deadline"
! locked || fail "the escrow is locked after the deadline"

# ---- A worker with its own key; its offer is withdrawn by hand, then by itself.
"$GRADUS" keys new --kind worker "$E2E_DIR/worker.key" >/dev/null
offer() {
    "$GRADUS" worker run --net "$net" --key "$provider" --worker-key "$E2E_DIR/worker.key" \
        --journal "$E2E_DIR/worker" --listen "127.0.0.1:$((E2E_PORT + 50))" "$@" \
        2>"$E2E_DIR/worker.log" &
    worker=$!
    wait_for 60 grep -q "offer [0-9a-f]* stands" "$E2E_DIR/worker.log"
    offer=$(sed -n 's/.*offer \([0-9a-f]*\) stands.*/\1/p' "$E2E_DIR/worker.log" | head -n 1)
}
state_of() {
    "$GRADUS" query object offer "$1" --net "$net" --output json | tr -d ' ' | field state
}
offer
open=$(state_of "$offer")
"$GRADUS" offer cancel "$offer" --net "$net" --key "$provider"
[ "$(state_of "$offer")" != "$open" ] || fail "the offer is still open"
kill -TERM "$worker"
wait "$worker" || fail "the worker ends badly"
first=$offer
offer --cancel-offer
[ "$offer" != "$first" ] || fail "no new offer"
kill -TERM "$worker"
wait "$worker" || { tail -n 3 "$E2E_DIR/worker.log"; fail "the worker ends badly"; }
[ "$(state_of "$offer")" != "$open" ] || fail "the offer outlives its worker"

# ---- After a restart, and without an index, old transactions are still found.
"$GRADUS" localnet down --dir "$net" >/dev/null
"$GRADUS" db reindex --data-dir "$net/validator-0/data" --genesis "$net/genesis.gradus"
for i in 1 2 3; do
    rm -r "$net/validator-$i/data/index.db"
done
"$GRADUS" localnet up --dir "$net" >/dev/null
known() { "$GRADUS" query tx "$id" --net "$net" >"$E2E_DIR/said"; }
wait_for 20 known
grep -q "result OK" "$E2E_DIR/said" || fail "the first transfer is forgotten"

# ---- The nodes' own word, one of them down.
nodes=127.0.0.1:$E2E_PORT,127.0.0.1:$((E2E_PORT + 1)),127.0.0.1:$((E2E_PORT + 49))
code=0
"$GRADUS" node status --genesis "$net/genesis.gradus" --node "$nodes" >"$E2E_DIR/said" 2>&1 || code=$?
cat "$E2E_DIR/said"
[ "$code" = 6 ] || fail "exit code $code although a node is silent"
[ "$(grep -c "height [1-9][0-9]*  view" "$E2E_DIR/said")" = 2 ] || fail "two nodes should answer"
grep -q "last final block: height [1-9]" "$E2E_DIR/said" || fail "no final block"
"$GRADUS" node status --net "$net" --output json | field mempool | grep -q 0 || fail "no JSON"
echo "every request has a way back"
