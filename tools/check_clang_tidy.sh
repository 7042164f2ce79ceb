#!/bin/sh
# check_clang_tidy.sh BUILD: clang-tidy over every source of the layers, with the
# compile commands of BUILD.  Results are kept in BUILD by content, so that a second
# run reads only what changed.
set -eu
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
cache=$build/clang-tidy
mkdir -p "$cache"
export build cache
headers=$(git ls-files '*.h' .clang-tidy | xargs cat | sha256sum | cut -c1-16)
export headers
git ls-files 'base/*.c' 'types/*.c' 'crypto/*.c' 'wire/*.c' 'consensus/*.c' 'vm/*.c' 'state/*.c' \
    'genesis/*.c' 'store/*.c' 'net/*.c' 'node/*.c' 'client/*.c' 'cli/*.c' |
    xargs -P "$(nproc)" -I{} sh -c '
        stamp=$cache/$(cat "$1" | sha256sum | cut -c1-16)-$headers
        [ -e "$stamp" ] || { clang-tidy -quiet -p "$build" "$1" 2>/dev/null && : >"$stamp"; }' sh {}
