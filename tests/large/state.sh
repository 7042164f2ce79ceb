#!/bin/sh
# state.sh GRADUS GROW LIAR KEYS [KILLS]: a network whose state has KEYS keys.
#
#   open   a validator of it is killed and started at once, KILLS times, while a second one is down:
#          from the kill to the next final block, for which its vote is needed
#   join   a validator without databases joins by the state of the others, until a client that asks
#          it alone has a proven answer; then the same with two of its three sources lying
#
# Times are printed beside their budgets, not judged: the budgets are for ten million keys.
GRADUS=$1
GROW=$2
LIAR=$3
KEYS=$4
KILLS=${5:-3}
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/load.sh"
E2E_AT_EXIT=end_all
genesis=$net/genesis.gradus
liars=

end_liars() {
    for pid in $liars; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    liars=
}

end_all() {
    load_end
    end_liars
}

now_ms() {
    echo $(($(date +%s%N) / 1000000))
}

up() {
    "$GRADUS" localnet up --dir "$net" "$@" >/dev/null
}

address() {
    sed -n "s/^listen = //p" "$net/validator-$1/node.ini"
}

# Of validator 0.
height() {
    "$GRADUS" node status --genesis "$genesis" --node "$(address 0)" --output json | field height
}

above() {
    [ "$(height)" -gt "$1" ]
}

# figure NAME MS BUDGET_MS
figure() {
    echo "$1: $2 ms; budget at 10,000,000 keys $3 ms: ratio $(awk "BEGIN { printf \"%.2f\", $2 / $3 }");" \
        "load average $(cut -d ' ' -f 1 /proc/loadavg)"
}

# What each validator starts from.  Table files never change, so they are shared.
grow() {
    "$GROW" "$genesis" "$net/validator-0/data" "$KEYS" >"$E2E_DIR/ids"
    for i in 1 2 3; do
        for name in chain.db state.db; do
            mkdir -p "$net/validator-$i/data/$name"
            for file in "$net/validator-0/data/$name"/*; do
                case $file in
                *.sst) ln "$file" "$net/validator-$i/data/$name/" ;;
                *) cp "$file" "$net/validator-$i/data/$name/" ;;
                esac
            done
        done
    done
}

# A proven answer of validator 3 alone, about each of three data sets.
served() {
    for id in $(cat "$E2E_DIR/ids"); do
        "$GRADUS" query object data "$id" --genesis "$genesis" --node "$(address 3)" --output json \
            >"$E2E_DIR/answer" 2>"$E2E_DIR/why" || return 1
    done
    grep -q "$(tail -n 1 "$E2E_DIR/ids")" "$E2E_DIR/answer"
}

# Validator 3 without databases.  What it signed it keeps: it has voted.
join() {
    rm -r "$net/validator-3/data/chain.db" "$net/validator-3/data/state.db"
    : >"$net/validator-3/node.log"
    began=$(now_ms)
    up --only 3
    wait_for 300 served
    took=$(($(now_ms) - began))
    grep "sync:" "$net/validator-3/node.log" || fail "it did not join by the state"
    figure "$1" "$took" 60000
}

# liar N KIND: in the place of validator N; what it does not lie about it has from validator 2.
liar() {
    stop "$1" TERM
    "$LIAR" "$genesis" "$net/validator-$1/keys/network.key" "$(address "$1")" "$(address 2)" "$2" \
        >"$E2E_DIR/liar-$1" &
    liars="$liars $!"
}

up --validators 4 --accounts 4 --base-port "$E2E_PORT"
"$GRADUS" localnet down --dir "$net" >/dev/null
rm -rf "$net"/validator-*/data "$net"/validator-*/keys/consensus.key.used
sed -i 's/^listen/state_sync = 1\nlisten/' "$net/validator-3/node.ini"
echo "$KEYS keys beside genesis"
began=$(now_ms)
grow
echo "grown in $(($(now_ms) - began)) ms; state.db has $(du -sm "$net/validator-0/data/state.db" | cut -f 1) MiB"
began=$(now_ms)
up
wait_for 120 settled
echo "four opened side by side in $(($(now_ms) - began)) ms"

load_begin
progress 60 "four of four"
stop 3 TERM
progress 60 "three of four"
for kill in $(seq "$KILLS"); do
    pid=$(pid_of 2)
    began=$(now_ms)
    kill -KILL "$pid"
    wait_for 20 gone "$pid"
    before=$(height)
    up --only 2
    wait_for 120 above "$before"
    figure "kill -9 to the next vote under load" $(($(now_ms) - began)) 10000
    progress 60 "kill $kill" >/dev/null
done

join "join from three honest sources, under load, to a proven read"
load_end
wait_for 120 settled

stop 3 TERM
liar 0 manifest
liar 1 chunk
join "join from three sources of which two lie, to a proven read"
for i in 0 1; do
    grep -q lied "$E2E_DIR/liar-$i" || fail "liar $i was not asked"
done
# The other one goes unpunished when its manifest was not the one that was chosen.
grep -q "validator 1 sent a chunk that is not the state's" "$net/validator-3/node.log" ||
    fail "a liar was not found out"
end_liars
up --only 0
up --only 1
wait_for 120 agreed
echo "state root $(field state_root <"$E2E_DIR/status" | head -n 1) on all four"
