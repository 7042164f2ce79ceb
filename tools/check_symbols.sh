#!/bin/sh
# check_symbols.sh LIB.a...: no global name is defined twice.  The linker only notices when
# both objects happen to be pulled in.
set -eu
names=$(nm --defined-only --extern-only "$@")
twice=$(printf '%s\n' "$names" | awk 'NF == 3 && $2 ~ /[TDBRC]/ { print $3 }' | sort | uniq -d)
[ -z "$twice" ] || echo "defined twice:" $twice >&2
[ -z "$twice" ]
