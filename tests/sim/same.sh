#!/bin/sh
# same.sh SIM [COMPILER...]: a run is a function of its plan.
#   The plan that a seed expands into, written and read back, gives the seed's digest.
#   The simulator and all it runs on, built by each compiler, gives one digest for SEEDS seeds.
set -eu
SEEDS=${SEEDS:-20}
root=$(cd "$(dirname "$0")/../.." && pwd)
sim=$1
shift
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for seed in 3 5 14 26; do
    "$sim" --seed "$seed" --write "$scratch/plan" > "$scratch/seed"
    "$sim" --plan "$scratch/plan" > "$scratch/replay"
    cmp "$scratch/seed" "$scratch/replay" || {
        echo "same: seed $seed and its plan are two runs" >&2
        exit 1
    }
done

"$sim" --from 1 --count "$SEEDS" > "$scratch/want"
cd "$root"
for compiler in "$@"; do
    mkdir "$scratch/$compiler"
    find base types wire crypto consensus store/journal store/sign_state node/shard tests/sim -name '*.c' |
        sort | xargs -P 2 -I{} sh -c "$compiler -w -std=c17 -O2 -D_GNU_SOURCE -I. -c {} \
        -o $scratch/$compiler/\$(echo {} | tr / _).o"
    "$compiler" -o "$scratch/$compiler/sim" "$scratch/$compiler"/*.o -lsecp256k1 -lcrypto -lsodium -lmsgpackc -lisal -lpthread
    "$scratch/$compiler/sim" --from 1 --count "$SEEDS" > "$scratch/got"
    cmp "$scratch/want" "$scratch/got" || {
        diff "$scratch/want" "$scratch/got" >&2 || true
        echo "same: $compiler runs another run" >&2
        exit 1
    }
    echo "$compiler: $(tail -n 1 "$scratch/got")"
done
