#!/usr/bin/env python3
"""Write the table of exit codes in docs/operations.md from base/exit_codes.def, between its
two marks.  --check compares instead of writing."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOC = ROOT / "docs/operations.md"
BEGIN, END = "<!-- exit codes: tools/exit_table.py -->\n", "<!-- end of exit codes -->"


def table():
    lines = ["| code | name | meaning | what to do |", "|---|---|---|---|"]
    source = (ROOT / "base/exit_codes.def").read_text()
    row = re.compile(r'^EXIT_CODE\((\w+), (\d+), "([^"]+)", "([^"]*)"\)$', re.M)
    for name, number, text, step in row.findall(source):
        lines.append(f"| {number} | `{name}` | {text} | {step} |".replace("|  |", "| |"))
    if len(lines) - 2 != source.count("\nEXIT_CODE("):
        sys.exit("base/exit_codes.def: a line has another form")
    return "\n".join(lines) + "\n"


def main():
    text = DOC.read_text()
    before, rest = text.split(BEGIN)
    wanted = before + BEGIN + table() + rest[rest.index(END):]
    if "--check" not in sys.argv[1:]:
        DOC.write_text(wanted)
    elif text != wanted:
        sys.exit("docs/operations.md: the exit codes are old; run tools/exit_table.py")


main()
