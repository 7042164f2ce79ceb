#!/bin/sh
# check_pure.sh LIB.a [LOWER_PURE.a ...]
# A pure layer calls only itself, the pure layers below it, the helpers a compiler
# may emit, and the functions of base, crypto and wire named in pure_allowed.txt;
# and it has no variable that outlives a call.  So no malloc, clock_gettime,
# pthread_*, printf, rand, read, and no hidden state.  Each tool runs in an
# assignment of its own: if it fails, so does the check.
set -eu
here=$(dirname "$0")
listed=$(grep -v '^#' "$here/pure_allowed.txt")
defined=$(nm --defined-only "$@")
undefined=$(nm --undefined-only "$1")
sections=$(size -A "$1")

allowed=$(printf '%s\n' "$defined" | awk 'NF == 3 { print $3 }'
    printf '%s\n' "$listed" memcpy memset memcmp memmove __memcpy_chk __memset_chk __memmove_chk \
        __stack_chk_fail __udivti3 __umodti3 __udivmodti4 __divti3 __modti3 __muloti4 _GLOBAL_OFFSET_TABLE_)
calls=$(printf '%s\n' "$undefined" | awk '$1 == "U" { print $2 }' | sort -u |
    grep -vxF "$allowed" || true)
variables=$(printf '%s\n' "$sections" |
    awk '$1 ~ /^\.t?(data|bss)/ && $1 !~ /^\.data\.rel\.ro/ && $2 > 0 { print $1 }' | sort -u)

[ -z "$calls" ] || echo "$1 is not pure; it calls:" $calls >&2
[ -z "$variables" ] || echo "$1 is not pure; it keeps variables in:" $variables >&2
[ -z "$calls$variables" ]
