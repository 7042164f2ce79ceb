#!/usr/bin/env python3
"""One pass over the tracked files for what no compiler checks: lengths, guards, banned
names, floats and heap in pure folders, open ends and unknown documents in comments, dead
links in docs, decisions of one number."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
ROOT = ROOT if ROOT.is_dir() else ROOT.parent.parent
PURE = {"types", "consensus", "vm", "state"}
LAYERS = PURE | {"base", "crypto", "wire", "genesis", "store", "net", "node", "client", "cli"}
LENGTHS = ((r"tests/.*\.[ch]$", 600), (r".*\.c$", 500), (r".*\.h$", 250))
BANNED = {
    "strcpy": "bounded copies", "strcat": "snprintf", "sprintf": "snprintf", "strtok": "strtok_r",
    "atoi": "strtol with checks", "gets": "fgets", "rand": "crypto_random_bytes or a seeded generator",
    "alloca": "caller's memory", "strerror": "strerror_r", "system": "posix_spawn or fork",
}
# sleep in tests hides races: wait on a condition with a deadline.
BANNED_IN_TESTS = {"sleep": "a condition with a deadline", "usleep": "a condition with a deadline"}
FLOAT_ALLOWED = ("vm/", "client/", "tests/", "bench/", "cli/", "tools/")
STRIP = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'', re.S)
DOCUMENT = re.compile(r"(?<![\w./-])(?:[\w-]+/)*[\w-]+\.md\b")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def strip(text):
    return STRIP.sub(lambda m: "\n" * m.group().count("\n"), text)


def check_lengths(name, text):
    lines = text.splitlines()
    for pattern, limit in LENGTHS:
        if re.match(pattern, name):
            if len(lines) > limit:
                yield 0, f"{len(lines)} lines, the limit is {limit}"
            break
    for number, line in enumerate(lines, 1):
        if len(line) > 100 and not name.startswith("tests/vectors"):
            yield number, "over 100 columns"
        if line != line.rstrip() or "\t" in line:
            yield number, "trailing space or tab"


def check_c(name, text):
    top = name.split("/")[0]
    if name.endswith(".h"):
        guard = re.sub(r"[^A-Za-z0-9]", "_", name).upper()
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            yield 0, f"guard must be {guard}"
    if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", text):
        yield 0, "an open end in a comment: do it or file an issue"
    for number, line in enumerate(text.splitlines(), 1):
        for document in DOCUMENT.findall(line):
            if not (document.startswith("docs/") and (ROOT / document).exists()):
                yield number, f"{document} is no file in docs/"
    banned = dict(BANNED, **(BANNED_IN_TESTS if top == "tests" else {}))
    for number, line in enumerate(strip(text).splitlines(), 1):
        for word, instead in banned.items():
            if re.search(rf"(?<![\w.>]){word}\s*\(", line):
                yield number, f"{word}() is banned: {instead}"
        if not name.startswith(FLOAT_ALLOWED) and re.search(r"\b(float|double)\b", line):
            yield number, "floating point outside vm and its users"
        if top in PURE and re.search(r"\b(malloc|calloc|realloc|free|goto)\b\s*[(\w]", line):
            yield number, "heap or goto in a pure folder"


def check_links(name, text):
    for target in LINK.findall(text):
        if not (ROOT / name).parent.joinpath(target).exists():
            yield 0, f"dead link {target}"


def check_decisions(names):
    numbers = {}
    for name in names:
        if match := re.match(r"docs/decisions/(\d{4})-", name):
            other = numbers.setdefault(match[1], name)
            if other != name:
                yield f"{name}: {other} has this number"


def main():
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=True)
    errors = []
    names = tracked.stdout.splitlines()
    errors += check_decisions(names)
    for name in names:
        path = ROOT / name
        if not path.is_file() or "/corpus/" in name:
            continue
        found = []
        if name.endswith((".c", ".h")) and name.split("/")[0] in LAYERS | {"tests", "bench"}:
            text = path.read_text()
            found = [*check_lengths(name, text), *check_c(name, text)]
        elif name.endswith(".md"):
            found = list(check_links(name, path.read_text()))
        errors += [f"{name}:{number}: {message}" for number, message in found]
    print("\n".join(errors), file=sys.stderr)
    return bool(errors)


sys.exit(main())
