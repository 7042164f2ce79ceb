#!/bin/sh
# restart.sh GRADUS [KILLS]: how long a validator that was killed and started at once needs to its next
# vote. One of four is down, so that no block becomes final without the vote of the one that is
# killed: the time from the kill to the next final block is an upper bound. Times are printed, not
# judged; what is judged is that no transfer is lost or executed twice.
GRADUS=$1
KILLS=${2:-20}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/load.sh"
E2E_AT_EXIT=load_end

now_ms() {
    echo $(($(date +%s%N) / 1000000))
}

# Of validator 0.
height() {
    "$GRADUS" node status --genesis "$net/genesis.gradus" --node "127.0.0.1:$E2E_PORT" --output json |
        field height
}

above() {
    [ "$(height)" -gt "$1" ]
}

up() {
    "$GRADUS" localnet up --dir "$net" "$@" >/dev/null
}

up --validators 4 --accounts 4 --base-port "$E2E_PORT"
wait_for 30 settled
load_begin
progress 30 "four of four"
stop 3 TERM
progress 30 "three of four"
for kill in $(seq "$KILLS"); do
    pid=$(pid_of 2)
    began=$(now_ms)
    kill -KILL "$pid"
    wait_for 20 gone "$pid"
    before=$(height)
    up --only 2
    wait_for 60 above "$before"
    echo $(($(now_ms) - began)) >>"$E2E_DIR/times"
    progress 60 "kill $kill" >/dev/null
done
up --only 3
sort -n "$E2E_DIR/times" | awk '
    { time[NR] = $1 }
    END {
        p50 = time[int((NR + 1) / 2)]; p99 = time[NR - int(NR / 100)]
        printf "kill -9 to the next vote under load: p50 %d ms, p99 %d ms of %d kills; budget p99 3000 ms: ratio %.2f\n",
            p50, p99, NR, p99 / 3000
    }'
check_histories
