#!/bin/sh
# check_format.sh: every tracked C file is as clang-format writes it.  --fix rewrites them.
set -eu
cd "$(dirname "$0")/.."
mode="--dry-run --Werror"
[ "${1:-}" != --fix ] || mode=-i
git ls-files '*.c' '*.h' | xargs -r clang-format $mode
