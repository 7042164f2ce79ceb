#!/bin/sh
# sanitized.sh GRADUS BENCH_NETWORK COUNT: four processes built with a sanitizer commit COUNT
# transfers while one of them is killed and started again; any report of a sanitizer fails.
GRADUS=$1
LOAD=$2
COUNT=$3
. "$(dirname "$0")/lib.sh"
net=$E2E_DIR/net
suppressions=$(cd "$(dirname "$0")/../suppressions" && pwd)/tsan.txt
export ASAN_OPTIONS="detect_leaks=1:log_path=$E2E_DIR/report"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$E2E_DIR/report"
export TSAN_OPTIONS="suppressions=$suppressions:log_path=$E2E_DIR/report"

# The load generator keeps its keys until it ends.
load() {
    ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" "$LOAD" "$net" "$@" || {
        clean
        fail "load: $*"
    }
}

clean() {
    for report in "$E2E_DIR"/report.*; do
        [ ! -e "$report" ] || { cat "$report"; fail "a sanitizer reports"; }
    done
}

"$GRADUS" localnet up --dir "$net" --validators 4 --accounts 20 --base-port "$E2E_PORT"
load --count "$COUNT" --latency 5 --expect
clean
kill -9 "$(cat "$net/validator-2/pid")"
load --count 40 --latency 0 --without 2 --expect
"$GRADUS" localnet up --dir "$net" --only 2
wait_for 60 agreed
"$GRADUS" localnet down --dir "$net"
clean
grep -h "runtime error" "$net"/validator-*/node.log && fail "undefined behaviour"
echo "no report; height $(field height <"$E2E_DIR/status" | head -n 1) on all four"
