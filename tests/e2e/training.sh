#!/bin/sh
# training.sh GRADUS FORGE: the main job in small. Three workers train two rounds; a validator and a
# worker are killed with SIGKILL on the way and started again; the checkpoint is certified,
# everybody is paid the same, the history passes an audit that agrees on the last root.
# A worker whose parameters were changed on disk fetches them again.
# A worker that lies goes on in round 2 from a forged state: the chain takes it, the training
# audit names the step.
GRADUS=$1
FORGE=$2
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net
text=$E2E_DIR/text
awk 'BEGIN { for (i = 0; i < 4000; i++) printf "%d plus %d is %d.\n", i % 10, i % 7, i % 10 + i % 7 }' >"$text"

# The first trains with a key of its own, the others with their provider's.
"$GRADUS" keys new --kind worker "$E2E_DIR/worker.key" >/dev/null
worker() {
    own=
    [ "$1" != 1 ] || own=$E2E_DIR/worker.key
    "$GRADUS" worker run --net "$net" --key "$net/accounts/provider-$1.key" --record \
        ${own:+--worker-key "$own"} ${2:+--price "$2"} \
        --journal "$net/worker-$1" --listen "127.0.0.1:$((E2E_PORT + 10 + $1))" \
        >>"$E2E_DIR/worker-$1.log" 2>&1 &
    echo $! >"$E2E_DIR/worker-$1.pid"
}
stop_workers() {
    for i in 1 2 3; do
        kill "$(cat "$E2E_DIR/worker-$i.pid")" 2>/dev/null || true
    done
}
E2E_AT_EXIT=stop_workers

"$GRADUS" localnet up --dir "$net" --validators 4 --providers 3 --base-port "$E2E_PORT"
for i in 1 2 3; do
    worker $i
done
spec="char-gpt layers=1 width=32 heads=2 context=32 batch=8"
"$GRADUS" job run "$text" --net "$net" --key "$net/accounts/consumer.key" --name small \
    --spec "$spec" --rounds 2 --steps 240 \
    --out "$E2E_DIR/model.safetensors" --plot "$E2E_DIR/loss.svg" --output json \
    >"$E2E_DIR/job.out" 2>"$E2E_DIR/job.err" &
job=$!

started() { grep -q "round 1/2" "$E2E_DIR/job.err"; }
wait_for 120 started
kill -9 "$(cat "$net/validator-1/pid")"
kill -9 "$(cat "$E2E_DIR/worker-2.pid")"
# Its parameters change under a right digest: the chain holds their root.
python3 - "$net" <<'PY'
import glob, hashlib, sys
(path,) = glob.glob("%s/worker-2/*/base" % sys.argv[1])
body = bytearray(open(path, "rb").read()[:-32])
body[200] ^= 1
open(path, "wb").write(bytes(body) + hashlib.sha256(body).digest())
PY
worker 2
# Kill a worker within round 2 ...
liar=$(python3 - "$net" "$E2E_DIR" <<'PY'
import glob, os, signal, sys, time
def segment(worker):
    for path in glob.glob("%s/worker-%d/*/segment" % (sys.argv[1], worker)):
        data = open(path, "rb").read()
        at = 5 if data[4] < 0x80 else 6
        if data[:4] == b"\xdc\x00\x10\x01" and data[at] == 0:  # of round 2, not done
            return path
    return None
deadline = time.monotonic() + 120
caught = []
while not caught:
    assert time.monotonic() < deadline
    time.sleep(0.002)
    caught = [worker for worker in (1, 3) if segment(worker)]
with open("%s/worker-%d.pid" % (sys.argv[2], caught[0])) as pid:
    os.kill(int(pid.read()), signal.SIGKILL)
time.sleep(0.2)
print(caught[0], segment(caught[0]))
PY
) || fail "no worker was caught in round 2"
# ... then one bit of its parameters changes, under a right digest and a right root.
"$FORGE" "$spec" "$text" "${liar#* }" 240 || fail "the segment cannot be forged"
liar=${liar%% *}
"$GRADUS" history export --data-dir "$net/validator-3/data" --genesis "$net/genesis.gradus" \
    --out "$E2E_DIR/history-1"
worker "$liar"
closed() { grep -q "^round 1/2 closed" "$E2E_DIR/job.err"; }
wait_for 120 closed
"$GRADUS" localnet up --dir "$net" --only 1 >/dev/null

wait "$job" || { tail -n 5 "$E2E_DIR/job.err"; tail -n 3 "$E2E_DIR"/worker-*.log; fail "the job ended badly"; }
grep -q "the parameters of round 0 are not those of the chain; they are fetched" "$E2E_DIR/worker-2.log" ||
    fail "worker 2 went on from changed parameters"
[ "$(field rounds_certified <"$E2E_DIR/job.out" | head -n 1)" = 2 ] || fail "not every round is certified"
[ "$(field earned <"$E2E_DIR/job.out" | sort -u | wc -l)" = 1 ] || fail "the members earned differently"
[ -s "$E2E_DIR/model.safetensors" ] && [ -s "$E2E_DIR/loss.svg" ] || fail "a result is missing"
"$GRADUS" model sample "$E2E_DIR/model.safetensors" --prompt "1 plus " --count 40
wait_for 60 settled
root=$(field state_root <"$E2E_DIR/status" | head -n 1)

"$GRADUS" history export --data-dir "$net/validator-3/data" --genesis "$net/genesis.gradus" \
    --out "$E2E_DIR/history"
"$GRADUS" audit replay "$E2E_DIR/history" --genesis "$net/genesis.gradus" | tee "$E2E_DIR/audit"
grep -q "^audit: pass" "$E2E_DIR/audit" && grep -q "$root" "$E2E_DIR/audit" ||
    fail "the auditor does not agree with the validators on $root"

# The training again: all that was revealed until the worker lied, then everything.
id=$(field job <"$E2E_DIR/job.out" | head -n 1)
training() {
    code=0
    "$GRADUS" audit replay "$1" --genesis "$net/genesis.gradus" --training "$id" \
        --records "$2" --segments 100 >"$E2E_DIR/audit" 2>&1 || code=$?
    cat "$E2E_DIR/audit"
    [ "$code" = "$3" ] || fail "training audit: exit $code instead of $3"
}
records=$net/worker-1,$net/worker-2,$net/worker-3
training "$E2E_DIR/history-1" "$records" 0
grep -q "^training: pass  [2-5] segments of job $id re-executed" "$E2E_DIR/audit" || fail "not every segment ran"
training "$E2E_DIR/history" "$records" 10
grep -q "^audit: FAIL  training: round 1, worker [0-2], sub-segment [0-2]: a wrong step" \
    "$E2E_DIR/audit" || fail "the wrong step is not named"
training "$E2E_DIR/history" "$E2E_DIR" 12
grep -q "^training: INCOMPLETE" "$E2E_DIR/audit" && grep -q "^audit: pass" "$E2E_DIR/audit" ||
    fail "missing records are not what they are"

# Another price: the open offer is withdrawn and made anew, once.
restart() {
    kill "$(cat "$E2E_DIR/worker-1.pid")"
    wait "$(cat "$E2E_DIR/worker-1.pid")" || fail "worker 1 ended with $?"
    : >"$E2E_DIR/worker-1.log"
    worker 1 200000000
    wait_for 60 grep -q "waiting for a lease" "$E2E_DIR/worker-1.log"
}
restart
grep -q "the offer is replaced: price 100000000 becomes 200000000" "$E2E_DIR/worker-1.log" ||
    fail "the offer still has the old price"
restart
! grep -q "the offer" "$E2E_DIR/worker-1.log" || fail "an offer of the same terms was replaced"
