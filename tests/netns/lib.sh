# Helpers of the tests in network namespaces: four validators, each alone in a namespace of its
# own, and the client in a fifth.  ROUTER is netns_router, CLOCK netns_clock.  Needs root: without it
# they fail.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/load.sh"
mkdir "$E2E_DIR/router"
CLIENT=4 # namespace 0 to 3: the validators

netns_cleanup() {
    touch "$E2E_DIR/stop"
    for i in 0 1 2 3; do
        kill -CONT "$(pid_of "$i" 2>/dev/null)" 2>/dev/null || true
    done
    [ -z "${flood:-}" ] || kill "$flood" 2>/dev/null || true
    "$GRADUS" localnet down --dir "$net" >/dev/null 2>&1 || true
    load_end
    kill "$router" 2>/dev/null || true
}

namespace() {
    cat "$E2E_DIR/router/ns-$1"
}

ask() {
    nsenter --net="$(namespace "$CLIENT")" "$GRADUS" "$@" --net "$net"
}

start() {
    LD_PRELOAD=$CLOCK NETNS_CLOCK=$E2E_DIR/clock-$1 \
        nsenter --net="$(namespace "$1")" "$GRADUS" localnet up --dir "$net" --only "$1" >/dev/null
}

# A command for the router, until it has obeyed.
rule() {
    echo "$@" >"$E2E_DIR/router/control"
    wait_for 10 obeyed "$*"
    : >"$E2E_DIR/router.log"
}

obeyed() {
    grep -qxF "$1" "$E2E_DIR/router.log"
}

# clock I MS: from now on the wall clock of a validator is so much ahead; in place, it is mapped.
clock() {
    printf '%-20d' "$2" 1<>"$E2E_DIR/clock-$1"
}

# split "0 1" "2 3": no packet between the two.
split() {
    for a in $1; do
        for b in $2; do
            rule cut "$a" "$b"
        done
    done
}

ready() {
    kill -0 "$router" 2>/dev/null || fail "no namespaces: $(cat "$E2E_DIR/router.log")"
    obeyed ready
}

# Four validators that have met, with clean links.
netns_up() {
    "$ROUTER" "$E2E_DIR/router" 5 >>"$E2E_DIR/router.log" 2>&1 &
    router=$!
    E2E_AT_EXIT=netns_cleanup
    wait_for 10 ready
    "$GRADUS" localnet up --dir "$net" --validators 4 --accounts 4 --base-port "$E2E_PORT" >/dev/null
    "$GRADUS" localnet down --dir "$net" >/dev/null
    for j in 0 1 2 3; do
        port=$((E2E_PORT + j))
        sed -i "s/127\.0\.0\.1:$port\$/10.77.0.$((j + 1)):$port/" "$net"/validator-*/node.ini
    done
    for i in 0 1 2 3; do
        clock "$i" 0
        start "$i"
    done
    wait_for 30 settled
}

# Each rule has met packets, or the test has shown nothing.
check_router() {
    kill "$router"
    wait "$router" || true
    grep "^packets:" "$E2E_DIR/router.log"
    for what in forwarded delayed lost cut; do
        grep -q "[1-9][0-9]* $what" "$E2E_DIR/router.log" || fail "no packet was $what"
    done
}
