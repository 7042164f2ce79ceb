#!/bin/sh
# test.sh: install what is missing, build and run every test.  Ends with ctest's summary.
#   dev      gcc, audits on: unit, property, simulator, tidy, whole path
#   asan     address and undefined-behaviour sanitizers
#   tsan     thread sanitizer over what has threads
#   fuzz     clang: every decoder for FUZZ_SECONDS (10) from its committed corpus
#   release  the build that users run: golden roots, command line, whole path
set -eu
cd "$(dirname "$0")/.."
sh tools/install.sh
jobs=$(nproc)
started=$(date +%s)

step() {
    preset=$1
    shift
    echo "== $preset ($(($(date +%s) - started)) s)"
    cmake --preset "$preset" >/dev/null
    cmake --build --preset "$preset" -j "$jobs" 2>&1 | grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking|Re-checking)' || true
    cmake --build --preset "$preset" -j "$jobs" >/dev/null
    ctest --preset "$preset" -j "$jobs" --no-tests=error "$@"
}

step fuzz
step tsan -L threads
step asan -LE 'tidy|long|e2e'
step release -L 'golden|e2e'
step dev -LE e2e
