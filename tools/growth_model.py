#!/usr/bin/env python3
"""Consistency proofs of the history tree (docs/protocol.md 2.5) from the definitions of RFC 9162
2.1.1 and 2.1.4.1, with nothing but the standard library.  --write writes
tests/vectors/growth.txt; --check compares the file.  Entry i of a list is SHA-256 of i in 8
bytes, big-endian."""
import hashlib
import pathlib
import sys

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "tests/vectors/growth.txt"
HEAD = """\
# Golden consistency proofs of the history tree, written by tools/growth_model.py from
# docs/protocol.md 2.5.  Entry i is SHA-256 of i in 8 bytes, big-endian.
#   growth BEFORE AFTER ROOT-OF-BEFORE ROOT-OF-AFTER [HASH ...]
"""
TAG = hashlib.sha256(b"gradus/1/history-tree").digest()


def entry(index):
    return hashlib.sha256(index.to_bytes(8, "big")).digest()


def tagged(data):
    return hashlib.sha256(TAG + TAG + data).digest()


def split(count):
    """The largest power of two smaller than count."""
    power = 1
    while 2 * power < count:
        power *= 2
    return power


def mth(entries):
    if not entries:
        return tagged(b"")
    if len(entries) == 1:
        return tagged(b"\0" + entries[0])
    k = split(len(entries))
    return tagged(b"\1" + mth(entries[:k]) + mth(entries[k:]))


def subproof(m, entries, whole):
    if m == len(entries):
        return [] if whole else [mth(entries)]
    k = split(len(entries))
    if m <= k:
        return subproof(m, entries[:k], whole) + [mth(entries[k:])]
    return subproof(m - k, entries[k:], False) + [mth(entries[:k])]


def proof(m, entries):
    return subproof(m, entries, True) if m > 0 else []


def lines():
    pairs = [(m, n) for n in range(1, 12) for m in range(n + 1)]
    pairs += [(m, 100) for m in (1, 2, 63, 64, 65, 96, 97, 99)] + [(6, 64), (63, 64), (64, 128)]
    for m, n in pairs:
        entries = [entry(i) for i in range(n)]
        words = [mth(entries[:m]), mth(entries)] + proof(m, entries)
        yield f"growth {m} {n} " + " ".join(word.hex() for word in words) + "\n"


def main():
    content = HEAD + "".join(lines())
    if sys.argv[1:] == ["--write"]:
        VECTORS.write_text(content)
    elif sys.argv[1:] == ["--check"]:
        if VECTORS.read_text() != content:
            sys.exit(f"{VECTORS}: differs from the model")
    else:
        sys.exit("usage: growth_model.py --write | --check")


main()
