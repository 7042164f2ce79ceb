#!/bin/sh
# spin.sh [NAME...]: check the Promela models of tests/spin with spin (docs/models.md).
# A safe configuration must be searched to its end without an error.  In every other one a guard is
# gone, a scheme is unsafe, or a run is asked for that must exist: an assertion must fail.
# Prints for each: name, verdict, states stored, depth, seconds of the search.
set -eu
models=$(cd "$(dirname "$0")/../tests/spin" && pwd)
for tool in spin "${CC:-cc}"; do
    command -v "$tool" >/dev/null || {
        echo "spin.sh: $tool is missing: sh tools/install.sh" >&2
        exit 1
    }
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# name  verdict  model  macros
table='
votes                  safe   votes   -DV=6
votes.plain            safe   votes   -DV=3 -DPLAIN
votes.notarize_blind   safe   votes   -DV=3 -DNOTARIZE_BLIND
votes.witness          fails  votes   -DV=3 -DWITNESS
votes.one_notarize     fails  votes   -DV=2 -DNO_ONE_NOTARIZE
votes.exclusion        fails  votes   -DV=2 -DNO_EXCLUSION
votes.ancestry         fails  votes   -DV=2 -DNO_SKIP_PROOF
votes.parent           fails  votes   -DV=2 -DNO_PARENT
votes.certify          fails  votes   -DV=2 -DNO_CERTIFY
votes.quorum_2         fails  votes   -DV=2 -DQ=2
votes.two_liars        fails  votes   -DV=2 -DLIARS=2
epochs                 safe   epochs  -DV=6 -DW=2
epochs.witness         fails  epochs  -DV=5 -DW=2 -DWITNESS
epochs.grandchild      fails  epochs  -DV=3 -DW=1 -DGRANDCHILD
epochs.first_final     fails  epochs  -DV=3 -DW=1 -DFIRST_FINAL
epochs.complaints      fails  epochs  -DV=3 -DW=1 -DCOMPLAINTS
epochs.no_repropose    fails  epochs  -DV=5 -DW=1 -DNO_REPROPOSE
epochs.open_on_n       fails  epochs  -DV=5 -DW=1 -DOPEN_ON_N
epochs.proposal_root   fails  epochs  -DV=5 -DW=1 -DROOT_IS_PROPOSAL
epochs.no_ready        fails  epochs  -DV=4 -DW=1 -DNO_READY
'

# search DIR MODEL OPTIMISATION MACROS...: translate, compile and run; the answer is DIR/out.
# One process: partial order reduction has nothing to reduce.  States are stored whole:
# hash compaction was seen to leave out 3 in 1,000, and COLLAPSE takes twice the time.
search() {
    dir=$1 model=$2 optimise=$3
    shift 3
    mkdir "$dir"
    (cd "$dir" && spin "$@" -a "$models/$model.pml" >translated 2>&1 &&
        "${CC:-cc}" "$optimise" -w -DSAFETY -DNOREDUCE -DMEMLIM=3000 -o pan pan.c 2>>translated) || {
        cat "$dir/translated"
        return 1
    }
    (cd "$dir" && ./pan -E -m1000 -w24 >out 2>&1) || true
}

# judge FILE VERDICT.  A search cut short (depth, memory) counts for nothing, nor does an error that
# is no assertion.
judge() {
    if grep -qE 'search depth too small|out of memory|MEMLIM|limit|ndexing' "$1"; then
        return 1
    fi
    case $2 in
        safe) grep -q 'errors: 0$' "$1" && ! grep -q 'not completed' "$1" ;;
        fails) grep -q '^pan:1: assertion violated' "$1" && grep -q 'errors: 1$' "$1" ;;
        *) return 1 ;;
    esac
}

echo "$table" | grep . >"$scratch/table"
for name in "$@"; do
    grep -q "^$name " "$scratch/table" || {
        echo "spin.sh: no configuration $name" >&2
        exit 1
    }
done
bad=0
while read -r name verdict model macros; do
    case "${*:-$name} " in
        "$name "* | *" $name "*) ;;
        *) continue ;;
    esac
    optimise=-O0
    [ "$verdict" = fails ] || optimise=-O2
    # shellcheck disable=SC2086
    search "$scratch/$name" "$model" "$optimise" $macros || {
        bad=1
        continue
    }
    out=$scratch/$name/out
    if judge "$out" "$verdict"; then
        awk -v name="$name" -v verdict="$verdict" '
            /states, stored/ { states = $1 } /depth reached/ { sub(",", "", $6); depth = $6 }
            /elapsed time/ { seconds = $4 }
            END { printf "%-22s %-6s %9d states  depth %2d  %6.2f s\n",
                         name, verdict, states, depth, seconds }' "$out"
    else
        echo "spin.sh: $name should be '$verdict':" >&2
        cat "$out" >&2
        bad=1
    fi
done <"$scratch/table"
exit $bad
