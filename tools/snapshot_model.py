#!/usr/bin/env python3
"""A model of snapshots (protocol-state.md, "Snapshots") from its definition: the tree built
whole, top down, and cut on the way.  It writes tests/vectors/snapshot.txt; --check compares
instead.  Each line: keys, largest value, height, parts, SHA-256 of the manifest, SHA-256 of all
chunks behind each other.  Key i is "key-i", its value (7919 i + 13) mod (largest + 1) bytes,
byte j of it (i + 31 j) mod 251; the chain id is 32 times 7, block id h is SHA-256 of "block-h"."""
import hashlib
import pathlib
import sys

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "tests/vectors/snapshot.txt"
CASES = [(0, 10, 1), (1, 100, 1), (2, 40, 2), (50, 1000, 7), (40, 200000, 5), (600, 20000, 1000),
         (3, 4194304, 6), (300, 60000, 65)]
CHUNK_SIZE = 2 << 20
HISTORY = hashlib.sha256(b"gradus/1/history-tree").digest() * 2


def sha(data):
    return hashlib.sha256(data).digest()


def tree(leaves, depth):
    """(kind, hash) of [(path, leaf hash, record)...] below a node at depth."""
    if not leaves:
        return 0, bytes(32)
    if len(leaves) == 1:
        return 1, leaves[0][1]
    left, right = split(leaves, depth)
    return 2, sha(b"\x01" + tree(left, depth + 1)[1] + tree(right, depth + 1)[1])


def split(leaves, depth):
    bit = [leaf[0][depth // 8] >> (7 - depth % 8) & 1 for leaf in leaves]
    return ([leaf for leaf, b in zip(leaves, bit) if b == 0],
            [leaf for leaf, b in zip(leaves, bit) if b == 1])


def cut(leaves, depth, prefix, out):
    if not leaves:
        return
    size = sum(len(leaf[2]) for leaf in leaves)
    if size <= CHUNK_SIZE or len(leaves) == 1:
        kind, digest = tree(leaves, depth)
        place = (prefix << (256 - depth)).to_bytes(32, "big")
        out.append((place + depth.to_bytes(2, "big") + bytes([kind]) + digest
                    + len(leaves).to_bytes(4, "big") + size.to_bytes(4, "big"),
                    b"".join(leaf[2] for leaf in leaves)))
        return
    left, right = split(leaves, depth)
    cut(left, depth + 1, prefix * 2, out)
    cut(right, depth + 1, prefix * 2 + 1, out)


def history(ids):
    if len(ids) == 1:
        return sha(HISTORY + b"\x00" + ids[0])
    half = len(ids) // 2
    return sha(HISTORY + b"\x01" + history(ids[:half]) + history(ids[half:]))


def peaks(height):
    out, start = b"", 0
    while start < height:
        size = 1 << (height - start).bit_length() - 1
        out += history([sha(b"block-%d" % h) for h in range(start + 1, start + size + 1)])
        start += size
    return out


def line(count, largest, height):
    leaves = []
    for i in range(count):
        key, size = b"key-%d" % i, (7919 * i + 13) % (largest + 1)
        period = bytes((i + 31 * j) % 251 for j in range(251))
        value = (period * (size // 251 + 1))[:size]
        record = len(key).to_bytes(2, "big") + size.to_bytes(4, "big") + key + value
        path = sha(key)
        leaves.append((path, sha(b"\x00" + path + sha(value)), record))
    leaves.sort()
    parts = []
    cut(leaves, 0, 0, parts)
    grown = height.to_bytes(8, "big") + peaks(height)
    manifest = (b"GRADUSS1" + bytes([7]) * 32 + height.to_bytes(8, "big") + tree(leaves, 0)[1]
                + len(grown).to_bytes(4, "big") + len(parts).to_bytes(4, "big") + grown
                + b"".join(part[0] for part in parts))
    return "%d %d %d %d %s %s" % (count, largest, height, len(parts), sha(manifest).hex(),
                                  sha(b"".join(part[1] for part in parts)).hex())


def main():
    text = ("# keys, largest value, height, parts, SHA-256 of the manifest and of the chunks; "
            "from tools/snapshot_model.py\n" + "".join(line(*case) + "\n" for case in CASES))
    if "--check" not in sys.argv[1:]:
        VECTORS.write_text(text)
        return 0
    if VECTORS.read_text() != text:
        print("tests/vectors/snapshot.txt is not what tools/snapshot_model.py makes")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
