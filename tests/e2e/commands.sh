#!/bin/sh
# commands.sh GRADUS: the command line itself, without a network: help, refusals, man pages.
GRADUS=$1
. "$(dirname "$0")/lib.sh"
cd "$E2E_DIR"

# ends CODE TEXT ARGUMENTS...: the exit code, and a text in what is said.
ends() {
    want=$1
    text=$2
    shift 2
    code=0
    "$GRADUS" "$@" >said 2>&1 || code=$?
    [ "$code" = "$want" ] || { cat said; fail "gradus $*: exit code $code instead of $want"; }
    [ -z "$text" ] || grep -q -- "$text" said || { cat said; fail "gradus $*: does not say: $text"; }
}

# Help.
ends 2 "tx transfer"
ends 0 "tx transfer" help
ends 0 "tx transfer" --help
ends 0 "tx transfer" -h
ends 0 "^gradus [0-9]" --version
ends 0 "^{\"version\"" version --output json
ends 2 "keys show" keys
ends 2 "node run" node
ends 0 "keys show" keys --help
ends 0 "keys show" keys -h
ends 0 "keys show" help keys
ends 0 "usage: gradus keys new" help keys new
ends 0 "usage: gradus keys new" keys new -h
ends 2 "no command \"foo\"" help foo
ends 2 "no command \"keys foo\"" help keys foo
ends 2 "no command \"keys foo\"" keys foo
"$GRADUS" help keys >said
! grep -q "tx transfer" said || fail "help keys lists other nouns"

# A dash is an option, also where an argument may stand.
ends 2 "-x: no such option" keys new -x
[ ! -e ./-x ] || fail "a key was made in a file named -x"
ends 0 "account key" keys new -- -x
[ -s ./-x ] || fail "after -- it is an argument"
ends 2 "--output: write json" version --output yaml
ends 2 "no JSON" node run --config none --output json

# What is missing is named.
ends 2 "query head --help" query head
ends 2 "at least one" query head --genesis none --node ""
ends 2 "at least one" query head --genesis none --node ,
ends 4 "none" query head --genesis none --node localhost:1
ends 4 "none" genesis show none
echo no genesis >bad
ends 3 "bad" genesis show bad
ends 2 "job id" job cancel 12 --genesis none --node localhost:1 --key none
ends 2 "offer id" offer cancel 12 --genesis none --node localhost:1 --key none
ends 2 "set's id" validator approve 12 --genesis none --node localhost:1 --key none
ends 2 "consensus-key" validator ready --genesis none --node localhost:1 --key none
ends 4 "none" validator list --genesis none --node localhost:1
ends 2 "transaction id" query tx 12 --genesis none --node localhost:1
ends 2 "give --net DIR" status --explain
ends 4 "no localnet there" status --explain --net nowhere
ends 0 "worker key" keys new --kind worker worker.key

# One man page for each command, and a completion that bash reads.
ends 2 "DIR" help --man
ends 0 "" help --man .
"$GRADUS" help | sed -n 's/^  \([a-z]* [a-z]*\) .*/\1/p' | sed 's/ *$//; s/ /-/' >names
[ "$(wc -l <names)" -gt 20 ] || fail "too few commands in gradus help"
while read -r name; do
    page=man/gradus-$name.1
    [ -s "$page" ] || fail "$page is missing"
    head -n 1 "$page" | grep -q "^\.TH \"gradus-$name\" 1 " || fail "$page: no title"
    for part in NAME SYNOPSIS OPTIONS "EXIT STATUS"; do
        grep -q "^\.SH $part\$" "$page" || fail "$page: no $part"
    done
    ! grep '^\.' "$page" | grep -v '^\.\(TH\|SH\|TP\)' || fail "$page: a line roff would obey"
done <names
[ "$(find man -name '*.1' | wc -l)" = "$(wc -l <names)" ] || fail "pages of no command"
if command -v bash >/dev/null; then
    bash -c '. completion/gradus.bash
        COMP_WORDS=(gradus job c); COMP_CWORD=2; _gradus; [ "${COMPREPLY[*]}" = cancel ] || exit 1
        COMP_WORDS=(gradus tx transfer --me); COMP_CWORD=3; _gradus
        [ "${COMPREPLY[*]}" = --memo ] || exit 1
        COMP_WORDS=(gradus status --ex); COMP_CWORD=2; _gradus
        [ "${COMPREPLY[*]}" = --explain ]' || fail "the completion does not complete"
fi
echo "every command explains itself"
