# Transfers during a test, and what must hold of them at its end. After lib.sh; the includer may
# define ask again, when its nodes are not to be reached from here.
net=$E2E_DIR/net
LOADS="0 1"
loads=

ask() {
    "$GRADUS" "$@" --net "$net"
}

pid_of() {
    cat "$net/validator-$1/pid"
}

gone() {
    ! kill -0 "$1" 2>/dev/null
}

stop() {
    pid=$(pid_of "$1")
    kill "-$2" "$pid"
    wait_for 20 gone "$pid"
}

# The status of all four, as JSON, in $E2E_DIR/status; false unless all answer.
statuses() {
    ask status --explain --output json >"$E2E_DIR/status" 2>/dev/null &&
        [ "$(field state_root <"$E2E_DIR/status" | wc -l)" = 4 ]
}

agreed() {
    statuses && [ "$(field height <"$E2E_DIR/status" | sort -u | wc -l)" = 1 ] &&
        [ "$(field state_root <"$E2E_DIR/status" | sort -u | wc -l)" = 1 ]
}

# Transfers from one account, each proven final before the next.
load() {
    to=$("$GRADUS" keys show "$net/accounts/account-0003.key" --output json | field address)
    while [ ! -e "$E2E_DIR/stop" ]; do
        echo >>"$E2E_DIR/tried"
        ask tx transfer --key "$net/accounts/account-000$1.key" --to "$to" --amount 1 \
            --output json >>"$E2E_DIR/done.$1" 2>>"$E2E_DIR/load.$1.log" || true
    done
}

load_begin() {
    for k in $LOADS; do
        : >"$E2E_DIR/done.$k"
        load "$k" &
        loads="$loads $!"
    done
}

load_end() {
    touch "$E2E_DIR/stop"
    for load in $loads; do
        wait "$load" || true
    done
    loads=
}

proven() {
    cat "$E2E_DIR"/done.* | wc -l
}

more_than() {
    [ "$(proven)" -gt "$1" ]
}

# progress SECONDS WHAT: transfers go on being proven.
progress() {
    began=$(date +%s)
    wait_for "$1" more_than $(($(proven) + 1))
    echo "$2: two more transfers proven after $(($(date +%s) - began)) s"
}

# No fork, nothing lost, nothing twice: what four disks hold, block by block. Ends the load and
# the nodes.
check_histories() {
    load_end
    wait_for 60 settled
    height=$(field height <"$E2E_DIR/status" | head -n 1)
    root=$(field state_root <"$E2E_DIR/status" | head -n 1)
    "$GRADUS" localnet down --dir "$net" >/dev/null
    genesis=$net/genesis.gradus
    for i in 0 1 2 3; do
        history=$E2E_DIR/history-$i
        "$GRADUS" history export --data-dir "$net/validator-$i/data" --genesis "$genesis" \
            --out "$history" >/dev/null 2>&1 || fail "history of validator $i"
        "$GRADUS" history ls "$history" --genesis "$genesis" --output json >"$E2E_DIR/blocks-$i"
        cmp "$E2E_DIR/blocks-0" "$E2E_DIR/blocks-$i" || fail "the histories of 0 and $i differ"
        "$GRADUS" audit replay "$history" --genesis "$genesis" --output json >"$E2E_DIR/audit" ||
            fail "the audit of $i: $(cat "$E2E_DIR/audit")"
        [ "$height $root" = "$(field height <"$E2E_DIR/audit") $(field state_root <"$E2E_DIR/audit")" ] ||
            fail "the auditor of $i found $(cat "$E2E_DIR/audit")"
    done
    [ "$(wc -l <"$E2E_DIR/blocks-0")" = "$height" ] || fail "not $height blocks"
    "$GRADUS" history cat "$E2E_DIR/history-0" --genesis "$genesis" --output json |
        field tx | sort >"$E2E_DIR/ids"
    cat "$E2E_DIR"/done.* | field tx_id | sort >"$E2E_DIR/proven"
    [ -s "$E2E_DIR/proven" ] || fail "no transfer was proven"
    [ -z "$(uniq -d "$E2E_DIR/ids")" ] || fail "executed twice: $(uniq -d "$E2E_DIR/ids")"
    [ -z "$(uniq -d "$E2E_DIR/proven")" ] || fail "proven twice: $(uniq -d "$E2E_DIR/proven")"
    lost=$(comm -13 "$E2E_DIR/ids" "$E2E_DIR/proven")
    [ -z "$lost" ] || fail "proven to the client, in no block: $lost"
    # One call of the client is at most one transfer, whatever it was told on the way.
    [ "$(wc -l <"$E2E_DIR/ids")" -le "$(wc -l <"$E2E_DIR/tried")" ] || fail "a transfer was repeated"
    echo "height $height, root $root on all four; $(wc -l <"$E2E_DIR/tried") transfers tried," \
        "$(wc -l <"$E2E_DIR/ids") executed once, $(wc -l <"$E2E_DIR/proven") proven to the client"
}
