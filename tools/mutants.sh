#!/bin/sh
# mutants.sh BUILD_DIR [NAME...]: the simulator must notice when a guard is gone.
# Each patch of tests/mutants removes one guard of docs/protocol-consensus.md wherever it
# stands (core and sign.state).  It is applied to a scratch copy, compiled with the
# simulator (without AUDIT: the checkers must see it, not an assertion), and must make the
# simulator fail within SEEDS seeds.  A patch that no longer applies is a failure.
set -eu
SEEDS=${SEEDS:-200}
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(cd "$1" && pwd)
shift
[ $# -gt 0 ] || set -- $(cd "$root/tests/mutants" && ls *.patch | sed 's/\.patch$//')
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# compile DIR OUT: the simulator of the tree in DIR; what no patch touches comes from BUILD.
compile() {
    (cd "$1" && mkdir -p o &&
        for source in consensus/*.c store/journal/*.c store/sign_state/*.c tests/sim/*.c; do
            echo "$source"
        done | xargs -P 2 -I{} sh -c '${CC:-cc} -std=c17 -O1 -D_XOPEN_SOURCE=700 -I. -c {} \
            -o o/$(echo {} | tr / _).o' &&
        ${CC:-cc} -o "$2" o/*.o "$build/libwire.a" "$build/libcrypto.a" "$build/libtypes.a" \
            "$build/libbase.a" -lsecp256k1 -lcrypto -lsodium)
}

copy() {
    mkdir -p "$1/tests"
    (cd "$root" && cp -r base types wire crypto consensus "$1" && mkdir "$1/store" &&
        cp -r store/journal store/sign_state "$1/store" &&
        cp -r tests/sim tests/support "$1/tests")
}

# The unmutated copy must pass, or the mutants' failures mean nothing.
copy "$scratch/none"
compile "$scratch/none" "$scratch/sim.none"
"$scratch/sim.none" --from 1 --count "$SEEDS" > "$scratch/out" || {
    cat "$scratch/out"
    echo "mutants: the simulator fails without any mutation" >&2
    exit 1
}

bad=0
for name in "$@"; do
    copy "$scratch/$name"
    if ! (cd "$scratch/$name" && git apply "$root/tests/mutants/$name.patch"); then
        echo "mutants: $name.patch no longer applies: bring it up to date" >&2
        bad=1
        continue
    fi
    compile "$scratch/$name" "$scratch/sim.$name"
    if "$scratch/sim.$name" --from 1 --count "$SEEDS" --first > "$scratch/out"; then
        echo "mutants: $name survives $SEEDS seeds" >&2
        bad=1
    else
        echo "$name: $(grep FAIL "$scratch/out" || cat "$scratch/out")"
    fi
done
exit $bad
