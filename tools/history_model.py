#!/usr/bin/env python3
"""A model of history files (docs/protocol-history.md) from their definition.  It writes
tests/vectors/history.txt; --check compares instead.  Each line: the last height, whether all is
one file, and for each file its name and SHA-256.  The chain id is 9 and 31 zeros; the blocks are
those of tests/support/paper.h, the LAST_FINAL at the end is the bytes "finality"."""
import hashlib
import pathlib
import sys

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "tests/vectors/history.txt"
CASES = [(1, False), (3, False), (1000, False), (1001, False), (1002, False), (2001, False),
         (2500, False), (2500, True)]
CHUNK = 1000
BLOCK, FINALITY, END, SEAL, INDEX = 1, 2, 3, 4, 5


def sha(data):
    return hashlib.sha256(data).digest()


def digest(tag, data):
    return sha(sha(b"gradus/1/" + tag) * 2 + data)


def pack(item):
    if isinstance(item, bytes):
        for mark, size in ((0xC4, 1), (0xC5, 2), (0xC6, 4)):
            if len(item) < 1 << 8 * size:
                return bytes([mark]) + len(item).to_bytes(size, "big") + item
    if isinstance(item, list):
        head = bytes([0x90 + len(item)]) if len(item) < 16 else b"\xdc" + len(item).to_bytes(2, "big")
        return head + b"".join(pack(part) for part in item)
    if item < 128:
        return bytes([item])
    for mark, size in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
        if item < 1 << 8 * size:
            return bytes([mark]) + item.to_bytes(size, "big")
    raise ValueError(item)


def last_final(height):
    light = [0, height, height, bytes(32), bytes(32)]
    signature = bytes((height + i) % 256 for i in range(64))
    return [light, bytes(32), bytes([1]), signature]


def block(height):
    """(header, last_final or None) as lists."""
    final = last_final(height - 1) if height > 1 and height % 3 == 0 else None
    cert = bytes(32) if final is None else digest(b"last-final", pack(final))
    header = [1, bytes(32), height, bytes([height % 256]) + bytes(31), 1000 * height, 0, height, 0,
              bytes(81)] + [bytes(32)] * 6 + [cert]
    return header, final


def block_bytes(height):
    header, final = block(height)
    tx = bytes((height + 3 * i) % 256 for i in range(20 + height % 100))
    return pack([header, [] if final is None else final, [tx]])


def seal(last, tip):
    """Of the chunk that ends with last; None while the chain up to tip carries nothing."""
    for height in range(last + 1, tip + 1):
        final = block(height)[1]
        if final is not None and final[0][2] >= last:
            run = [pack(block(h)[0]) for h in range(last + 1, final[0][2] + 1)]
            return pack([run, pack(final)])
    return None


def record(kind, height, body):
    core = bytes([kind, 0, 0, 0]) + len(body).to_bytes(4, "big") + height.to_bytes(8, "big")
    return core + sha(core)[:8] + body, sha(core + body)


def file(first, last, ending):
    head = b"GRADUSH2" + bytes([9]) + bytes(31) + first.to_bytes(8, "big")
    out = head + sha(head)[:8]
    total, index = out, b""
    for height in range(first, last + 1):
        index += len(out).to_bytes(8, "big")
        body, check = record(BLOCK, height, block_bytes(height))
        out, total = out + body + check, total + check
    for kind, body in (ending, (INDEX, index)):
        body, check = record(kind, last, body)
        out, total = out + body + check, total + check
    return out + record(END, last, b"")[0] + sha(total)


def files(last, whole):
    first = 1
    while not whole and first + CHUNK - 1 <= last:
        end = first + CHUNK - 1
        closing = seal(end, last)
        if closing is None:
            break
        yield first, end, file(first, end, (SEAL, closing))
        first = end + 1
    if first <= last:
        yield first, last, file(first, last, (FINALITY, b"finality"))


def line(last, whole):
    return "%d %d %s" % (last, whole, " ".join(
        "history-%012d-%012d.gradus %s" % (first, end, sha(data).hex())
        for first, end, data in files(last, whole)))


def main():
    text = ("# last height, one file, then names and SHA-256; from tools/history_model.py\n"
            + "".join(line(*case) + "\n" for case in CASES))
    if "--check" not in sys.argv[1:]:
        VECTORS.write_text(text)
        return 0
    if VECTORS.read_text() != text:
        print("tests/vectors/history.txt is not what tools/history_model.py makes")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
