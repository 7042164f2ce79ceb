#!/usr/bin/env python3
"""A model of shards (protocol.md, "Shards") that shares nothing with ISA-L: GF(2^8) by
long multiplication, parity from 1 / (i ^ j).  It writes tests/vectors/shard.txt; --check
compares instead.  Each line: validators, size of the block, da_root; byte i of the block is
(131 i + 7 size + validators) mod 251."""
import hashlib
import pathlib
import sys

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "tests/vectors/shard.txt"
CASES = [(4, 1), (4, 60), (4, 124), (4, 125), (5, 1000), (6, 777), (7, 4096), (10, 5000),
         (16, 3000), (31, 9999), (100, 20000), (128, 6000)]
POLYNOMIAL = 0x11D


def multiply(a, b):
    product = 0
    while b:
        if b & 1:
            product ^= a
        a = a << 1 ^ (POLYNOMIAL if a & 0x80 else 0)
        b >>= 1
    return product


INVERSE = {a: next(b for b in range(1, 256) if multiply(a, b) == 1) for a in range(1, 256)}


def digest(tag, data):
    midstate = hashlib.sha256(tag.encode()).digest() * 2
    return hashlib.sha256(midstate + data).digest()


def tree(leaves):
    """RFC 9162, 2.1.1."""
    if len(leaves) == 1:
        return digest("gradus/1/shard-tree", b"\0" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return digest("gradus/1/shard-tree", b"\1" + tree(leaves[:split]) + tree(leaves[split:]))


def shards(validators, block):
    faulty = (validators - 1) // 3
    required = (validators + faulty) // 2 + 1 - faulty
    size = -(-(4 + len(block)) // required)
    size = -(-size // 64) * 64
    content = len(block).to_bytes(4, "big") + block
    content += bytes(required * size - len(content))
    out = [content[i * size:(i + 1) * size] for i in range(required)]
    for row in range(required, validators):
        parity = bytearray(size)
        for column in range(required):
            factor = INVERSE[row ^ column]
            table = bytes(multiply(factor, value) for value in range(256))
            for at, value in enumerate(out[column]):
                parity[at] ^= table[value]
        out.append(bytes(parity))
    return out


def line(validators, size):
    block = bytes((131 * i + 7 * size + validators) % 251 for i in range(size))
    leaves = [index.to_bytes(2, "big") + digest("gradus/1/shard", shard)
              for index, shard in enumerate(shards(validators, block))]
    return f"{validators} {size} {tree(leaves).hex()}\n"


def main():
    text = "# validators, size of the block, da_root; from tools/shard_model.py\n"
    text += "".join(line(*case) for case in CASES)
    if "--check" not in sys.argv:
        VECTORS.write_text(text)
    elif VECTORS.read_text() != text:
        sys.exit("tests/vectors/shard.txt is not what tools/shard_model.py writes")


main()
