#!/bin/sh
# bench/run.sh [BUILD]: every measurement, each beside a limit measured in the same run.
# Alone on the machine, please.  BUILD: default build/release, built when missing.
set -eu
cd "$(dirname "$0")/.."
build=${1:-build/release}
if [ ! -x "$build/bench/bench_network" ]; then
    cmake --preset release >/dev/null
    cmake --build --preset release -j "$(nproc)" >/dev/null
fi
echo "commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown), $(nproc) cores, $(uname -m)," \
    "load average $(cut -d ' ' -f 1 /proc/loadavg)"

echo "== matmul beside OpenBLAS"
OPENBLAS_NUM_THREADS=1 OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-SkylakeX} "$build/bench/bench_matmul"
echo "== state updates beside RocksDB alone and SHA-256"
"$build/bench/bench_state"
echo "== blocks appended, and the way back forgotten, beside RocksDB and the disk alone"
"$build/bench/bench_chain"
echo "== snapshot made and restored beside RocksDB alone"
"$build/bench/bench_snapshot"
echo "== blocks appended, sealed and pruned beside RocksDB alone"
"$build/bench/bench_history"
echo "== state proofs beside SHA-256"
"$build/bench/bench_proof"
echo "== audit replay beside the signature bound"
"$build/bench/bench_audit"

echo "== shards of a 4 MiB block beside SHA-256"
"$build/bench/bench_shard"

echo "== four validators: latency and throughput"
dir=$(mktemp -d)
cleanup() {
    status=$?
    trap - EXIT INT TERM
    "$build/gradus" localnet down --dir "$dir/net" >/dev/null 2>&1 || true
    rm -rf "$dir"
    exit "$status"
}
trap cleanup EXIT INT TERM
"$build/gradus" localnet up --dir "$dir/net" --validators 4 --accounts 1000 --base-port 24700 >/dev/null
"$build/bench/bench_network" "$dir/net" --count 40000 --latency 200 --expect
