#!/bin/sh
# silent.sh GRADUS: a provider whose worker stands still lets a lease expire. Its offer closes, the
# request goes on waiting, and the worker offers itself anew when it is back. An offer that its
# provider withdraws stays withdrawn.
GRADUS=$1
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net
text=$E2E_DIR/text
awk 'BEGIN { for (i = 0; i < 2000; i++) printf "%d plus %d is %d.\n", i % 10, i % 7, i % 10 + i % 7 }' >"$text"
stop_worker() {
    kill -CONT "$worker" 2>/dev/null || true
    kill "$worker" 2>/dev/null || true
}
E2E_AT_EXIT=stop_worker

"$GRADUS" localnet up --dir "$net" --validators 4 --providers 1 --base-port "$E2E_PORT"
start_worker() {
    "$GRADUS" worker run --net "$net" --key "$net/accounts/provider-1.key" \
        --journal "$net/worker-1" --listen "127.0.0.1:$((E2E_PORT + 11))" >"$1" 2>&1 &
    worker=$!
    wait_for 60 grep -q "waiting for a lease" "$1"
}
start_worker "$E2E_DIR/worker-0.log"
offer=$(sed -n 's/.*offer \([0-9a-f]*\) stands.*/\1/p' "$E2E_DIR/worker-0.log" | head -n 1)
"$GRADUS" offer cancel "$offer" --net "$net" --key "$net/accounts/provider-1.key"
wait_for 60 grep -q "offer was withdrawn" "$E2E_DIR/worker-0.log"
[ "$(grep -c " stands; " "$E2E_DIR/worker-0.log")" = 1 ] || fail "the offer was made anew"
kill "$worker"
wait "$worker" || fail "the worker ended badly"
start_worker "$E2E_DIR/worker-1.log"
kill -STOP "$worker"
"$GRADUS" job run "$text" --net "$net" --key "$net/accounts/consumer.key" --name silent \
    --spec "char-gpt layers=1 width=32 heads=2 context=32 batch=8" --rounds 1 --steps 40 \
    --workers-min 1 --workers-max 1 --out "$E2E_DIR/model.safetensors" --output json \
    >"$E2E_DIR/job.out" 2>"$E2E_DIR/job.err" &
job=$!
# Of a plan that failed, the member is still told.
closed() { grep -q "waits for a plan: 1 members" "$E2E_DIR/job.err"; }
wait_for 90 closed
kill -CONT "$worker"
offered() { grep -q "1 accepted" "$E2E_DIR/job.err"; }
wait_for 90 offered
wait "$job" || { tail -n 5 "$E2E_DIR/job.err" "$E2E_DIR/worker-1.log"; fail "the job ended badly"; }
[ "$(field rounds_certified <"$E2E_DIR/job.out" | head -n 1)" = 1 ] || fail "the round is not certified"
