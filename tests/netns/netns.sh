#!/bin/sh
# netns.sh GRADUS ROUTER FLOOD CLOCK [ROUNDS]: four validators in network namespaces with delay and
# loss between them meet a kill, a stop, a partition, jumping clocks, the loss of a database, one of
# them that floods the others, and the end of everybody, while a client transfers.
# ROUNDS: how often (tools/campaign netns), other weather each time.
GRADUS=$1
ROUTER=$2
FLOOD=$3
CLOCK=$4
ROUNDS=${5:-1}
FLOOD_MS=$((ROUNDS > 1 ? 3000 : 250)) # of each kind of message
# What a peer's queues may hold (NET_INBOX_SIZE_MAX in two lanes, NET_BULK_QUEUE_SIZE_MAX) and the pool.
MEMORY_MIB=96
. "$(dirname "$0")/lib.sh"

# explains NODE WORDS...: the sentence of that node has the words.
explains() {
    node=$1
    shift
    ask status --explain --output json 2>/dev/null | tr '{' '\n' |
        sed -n 's/.*"explanation":"\([^"]*\)".*/\1/p' | sed -n "$((node + 1))p" >"$E2E_DIR/sentence"
    for word in "$@"; do
        grep -q "$word" "$E2E_DIR/sentence" || return 1
    done
    echo "validator $node: $(cat "$E2E_DIR/sentence")"
}

kill_one() {
    stop 3 KILL
    progress 30 "kill -9"
    start 3
}

stop_one() {
    kill -STOP "$(pid_of 2)"
    progress 30 "SIGSTOP"
    kill -CONT "$(pid_of 2)"
}

partition() {
    split "0 1" "2 3"
    # Both halves know that they wait, and for whom.
    wait_for 40 explains 0 "validator 2 " "validator 3 "
    wait_for 40 explains 3 "validator 0 " "validator 1 "
    statuses || fail "somebody does not answer its client"
    before=$(field height <"$E2E_DIR/status" | sort -n | tail -n 1)
    wait_for 40 explains 1 "validator 2 " "validator 3 "
    statuses || fail "somebody does not answer its client"
    [ "$before" = "$(field height <"$E2E_DIR/status" | sort -n | tail -n 1)" ] ||
        fail "half of the validators made a block final"
    rule clear
    weather
    progress 60 "partition 2-2, healed"
}

wipe_one() {
    stop 1 KILL
    rm -rf "$net/validator-1/data/chain.db" "$net/validator-1/data/state.db"
    progress 30 "one wiped"
    start 1
    wait_for 60 caught_up
}

# Validator 1 is not behind by more than what is decided meanwhile.
caught_up() {
    statuses && field height <"$E2E_DIR/status" | sort -n | awk '
        { height[NR] = $1 } END { exit !(NR == 4 && height[1] + 8 > height[4]) }'
}

memory() {
    sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$(pid_of "$1")/status"
}

# A validator whose key sends what no validator sends, each kind of message as fast as it goes.
flood_all() {
    stop 3 TERM
    before=$(memory 0)
    : >"$E2E_DIR/flood"
    nsenter --net="$(namespace 3)" "$FLOOD" "$net/validator-3/node.ini" "$FLOOD_MS" \
        >>"$E2E_DIR/flood" 2>&1 &
    flood=$!
    wait_for 30 grep -q PROPOSAL "$E2E_DIR/flood"
    progress 60 "flooded by one"
    status=0
    wait "$flood" || status=$?
    flood=
    [ "$status" = 0 ] || fail "the flood: $(cat "$E2E_DIR/flood")"
    grown=$((($(memory 0) - before) / 1024))
    echo "flood: $(tr '\n' ' ' <"$E2E_DIR/flood"); memory grew by $grown MiB"
    [ "$grown" -lt "$MEMORY_MIB" ] || fail "a flood takes memory"
    start 3
    progress 30 "after the flood"
}

# The client compares its own clock with each node's.
shows_clock() {
    ask status --explain 2>/dev/null | grep "clock: [0-9]* min $1 this machine's"
}

# A leader from the future is not followed, one from the past does not vote and says why; neither
# stops the others.
clock_jumps() {
    clock 2 3600000
    wait_for 20 shows_clock "ahead of"
    progress 60 "a clock an hour ahead"
    clock 2 -3600000
    progress 60 "a clock an hour behind"
    wait_for 40 explains 2 "its clock is" "behind the newest block"
    clock 2 0
    progress 30 "all clocks right"
}

end_all() {
    for i in 0 1 2 3; do
        kill -KILL "$(pid_of "$i")"
    done
    for i in 0 1 2 3; do
        wait_for 20 gone "$(pid_of "$i")"
    done
    for i in 0 1 2 3; do
        start "$i"
    done
    progress 60 "all four killed and started"
}

weather() {
    rule delay "*" "*" "$delay"
    rule loss "*" "*" "$loss"
}

netns_up
load_begin
for round in $(seq "$ROUNDS"); do
    delay=$((round * 7 % 40 + 3))
    loss=$((round * 11 % 30 + 2))
    echo "round $round: $delay ms, $loss in 1000 lost"
    weather
    progress 30 "delay and loss"
    kill_one
    stop_one
    partition
    clock_jumps
    wipe_one
    flood_all
    end_all
done
check_histories
check_router
