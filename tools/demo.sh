#!/bin/sh
# demo.sh [--text FILE] [--seconds N]: the main job on this machine.
#
# Installs what is missing, builds the release, and runs four validators, three providers
# with a worker each, and one consumer who has a character transformer trained on a text.
# On the way one validator is killed with SIGKILL and started again.  At the end: the loss
# curve, the certified checkpoint, generated text, what each provider earned, and an audit
# of the whole history that runs one segment of each worker again.  Results stay in
# demo-out/; every process ends with the script.
#
#   --text FILE   the text to train on (default: this machine's common licences)
#   --seconds N   size the rounds for so many seconds of training (default 200)
#   --port N      first of seven ports on 127.0.0.1 (default 4700)
set -eu
cd "$(dirname "$0")/.."

text=
seconds=200
port=4700
while [ $# -gt 0 ]; do
    case $1 in
    --text) text=$2 ;;
    --seconds) seconds=$2 ;;
    --port) port=$2 ;;
    *) echo "usage: sh tools/demo.sh [--text FILE] [--seconds N] [--port N]" >&2; exit 2 ;;
    esac
    shift 2
done
[ -z "$text" ] || [ -r "$text" ] || { echo "demo: $text: cannot be read" >&2; exit 2; }

sh tools/install.sh
echo "building the release"
cmake --preset release >/dev/null
cmake --build --preset release --target gradus -j "$(nproc)" >build/demo-build.log 2>&1 ||
    { cat build/demo-build.log; exit 1; }
gradus=$PWD/build/release/gradus

dir=$(mktemp -d)
net=$dir/net
out=$PWD/demo-out
mkdir -p "$out"
workers=
cleanup() {
    status=$?
    trap - EXIT INT TERM
    for pid in $workers; do
        kill "$pid" 2>/dev/null || true
    done
    "$gradus" localnet down --dir "$net" >/dev/null 2>&1 || true
    if [ "$status" = 0 ]; then
        rm -rf "$dir"
    else
        echo "demo: stopped with code $status; logs are in $dir" >&2
    fi
    exit "$status"
}
trap cleanup EXIT INT TERM

if [ -z "$text" ]; then
    text=$dir/text
    find /usr/share/common-licenses -maxdepth 1 -type f | LC_ALL=C sort | xargs cat >"$text"
fi
title() { printf '\n== %s\n' "$*"; }

title "four validators"
"$gradus" localnet up --dir "$net" --validators 4 --providers 3 --base-port "$port"

title "three providers offer their machine"
for i in 1 2 3; do
    "$gradus" worker run --net "$net" --key "$net/accounts/provider-$i.key" --nice 10 --record \
        --journal "$net/worker-$i" --listen "127.0.0.1:$((port + 3 + i))" >"$dir/worker-$i.log" 2>&1 &
    workers="$workers $!"
done

title "the consumer asks for a model of $(wc -c <"$text") bytes of text"
"$gradus" job run "$text" --net "$net" --key "$net/accounts/consumer.key" --name demo \
    --spec "char-gpt layers=2 width=96 heads=4 context=64 batch=16 rate=0.004" \
    --rounds 8 --seconds "$seconds" --out "$out/model.safetensors" --plot "$out/loss.svg" \
    >"$dir/job.out" 2>"$dir/job.err" &
job=$!
workers="$workers $job"

# Show what is new in the job's lines, and the workers when nothing is; kill a validator
# after the second round.
shown=0
quiet=0
killed=
while :; do
    if kill -0 "$job" 2>/dev/null; then running=1; else running=; fi
    lines=$(wc -l <"$dir/job.err")
    if [ "$lines" -gt "$shown" ]; then
        sed -n "$((shown + 1)),${lines}p" "$dir/job.err"
        shown=$lines
        quiet=0
    elif [ $((quiet += 1)) -ge 8 ]; then
        for i in 1 2 3; do
            printf '    worker %s: %s\n' "$i" "$(tail -n 1 "$dir/worker-$i.log")"
        done
        quiet=0
    fi
    if [ -z "$killed" ] && grep -q "^round 2/" "$dir/job.err"; then
        killed=1
        echo "** validator 1 is killed with SIGKILL"
        kill -9 "$(cat "$net/validator-1/pid")"
    elif [ "$killed" = 1 ] && grep -q "^round 3/" "$dir/job.err"; then
        killed=2
        "$gradus" localnet up --dir "$net" --only 1 >/dev/null
        echo "** validator 1 is started again"
    fi
    [ -n "$running" ] || break
    sleep 1
done
wait "$job" || { tail -n 3 "$dir/job.err" >&2; exit 1; }

title "result"
cat "$dir/job.out"
echo "loss curve   $out/loss.svg"
echo "checkpoint   $out/model.safetensors"

title "text from the certified model"
"$gradus" model sample "$out/model.safetensors" --prompt "The " --count 300 --temperature 70

title "where the validators stand"
settle() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        "$gradus" localnet status --dir "$net" >"$dir/status" 2>&1 &&
            [ "$(sed 's/.*state root \([0-9a-f]*\).*/\1/' "$dir/status" | sort -u | wc -l)" = 1 ] &&
            return 0
        sleep 1
    done
    return 1
}
settle || { cat "$dir/status"; echo "demo: the validators do not agree" >&2; exit 1; }
cat "$dir/status"

title "audit"
rm -rf "$out/history"
"$gradus" history export --data-dir "$net/validator-0/data" --genesis "$net/genesis.gradus" \
    --out "$out/history"
cp "$net/genesis.gradus" "$out/genesis.gradus"
"$gradus" audit replay "$out/history" --genesis "$out/genesis.gradus" \
    --training "$(sed -n 's/^job \([0-9a-f]*\)$/\1/p' "$dir/job.out" | head -n 1)" \
    --records "$net/worker-1,$net/worker-2,$net/worker-3" --seed "$(date +%s)"
