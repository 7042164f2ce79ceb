# Helpers of the end-to-end tests.  GRADUS is the executable; every folder made here goes
# away, and only processes started here are ended.
set -eu

E2E_DIR=$(mktemp -d)
E2E_PORT=$((20000 + $$ % 20000))

e2e_cleanup() {
    status=$?
    trap - EXIT INT TERM
    ${E2E_AT_EXIT:-:}
    "$GRADUS" localnet down --dir "$E2E_DIR/net" >/dev/null 2>&1 || true
    if [ "$status" != 0 ] && [ -d "$E2E_DIR/net" ]; then
        tail -n 15 "$E2E_DIR"/net/validator-*/node.log "$E2E_DIR"/*.log || true
    fi
    rm -rf "$E2E_DIR"
    exit "$status"
}
trap e2e_cleanup EXIT INT TERM

fail() {
    echo "FAIL: $*" >&2
    exit 1
}

# field NAME: the values of a number or string field in JSON on standard input, one a line.
field() {
    sed 's/[,{}]/\n/g' | sed -n "s/.*\"$1\":\"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p"
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
    deadline=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$deadline" ] || {
            "$GRADUS" localnet status --dir "$E2E_DIR/net" >&2 || true
            fail "in time: $*"
        }
    done
}

# Every validator answers with the same height and state root.
agreed() {
    "$GRADUS" localnet status --dir "$E2E_DIR/net" --output json >"$E2E_DIR/status" 2>/dev/null &&
        [ "$(field height <"$E2E_DIR/status" | sort -u | wc -l)" = 1 ] &&
        [ "$(field state_root <"$E2E_DIR/status" | sort -u | wc -l)" = 1 ]
}

# ... and is idle.
settled() {
    agreed && [ "$(field awake <"$E2E_DIR/status" | sort -u)" = false ]
}
