#!/usr/bin/env python3
"""Write crypto/tag_table.def: for every tag of types/tags.def the SHA-256 state after
tag_hash || tag_hash (one block).  --check compares instead of writing.  The table is
constant data, so that a digest saves a block and needs no start-up step."""
import hashlib
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MASK = 0xFFFFFFFF


def primes(count):
    found = []
    n = 2
    while len(found) < count:
        if all(n % p for p in found):
            found.append(n)
        n += 1
    return found


def root_fraction(n, degree):
    """The first 32 bits of the fraction of n's square or cube root, by integers."""
    low, high = 0, n << 32
    while low + 1 < high:
        mid = (low + high) // 2
        low, high = (mid, high) if mid**degree <= n << (32 * degree) else (low, mid)
    return low & MASK


K = [root_fraction(p, 3) for p in primes(64)]
INITIAL = [root_fraction(p, 2) for p in primes(8)]


def rotate(x, n):
    return (x >> n | x << (32 - n)) & MASK


def compress(state, block):
    """FIPS 180-4, section 6.2.2."""
    w = [int.from_bytes(block[i:i + 4], "big") for i in range(0, 64, 4)]
    for t in range(16, 64):
        s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3
        s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10
        w.append((w[t - 16] + s0 + w[t - 7] + s1) & MASK)
    a, b, c, d, e, f, g, h = state
    for t in range(64):
        t1 = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (e & f ^ ~e & g) + K[t] + w[t]
        t2 = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = (t1 + t2) & MASK, a, b, c, (d + t1) & MASK, e, f, g
    return [(x + y) & MASK for x, y in zip(state, (a, b, c, d, e, f, g, h))]


def table():
    lines = ["/* MIDSTATE(NAME, eight words): the SHA-256 state after tag_hash || tag_hash.",
             " * Written by tools/tag_table.py from types/tags.def; a test recomputes it. */"]
    for name, text in re.findall(r'^TAG\((\w+), "([^"]+)"\)', (ROOT / "types/tags.def").read_text(),
                                 re.M):
        words = compress(INITIAL, hashlib.sha256(text.encode()).digest() * 2)
        half = [", ".join(f"0x{w:08x}" for w in words[i:i + 4]) for i in (0, 4)]
        lines.append(f"MIDSTATE({name}, {half[0]},\n         {half[1]})")
    return "\n".join(lines) + "\n"


def main():
    path = ROOT / "crypto/tag_table.def"
    if "--check" not in sys.argv:
        path.write_text(table())
    elif path.read_text() != table():
        print("crypto/tag_table.def is stale: run tools/tag_table.py", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
