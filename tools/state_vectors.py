#!/usr/bin/env python3
"""Check tests/vectors/state.txt with a model that shares no code with state/: every record
is one canonical array, and every id is recomputed from docs/protocol-state.md's formula."""
import hashlib
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def sha(data):
    return hashlib.sha256(data).digest()


def digest(tag, data):
    mark = sha(f"gradus/1/{tag}".encode())
    return sha(mark + mark + data)


def pack(value):
    """Canonical msgpack of nested lists of unsigned integers and bytes."""
    if isinstance(value, bytes):
        size = len(value)
        head = b"\xc4" + bytes([size]) if size < 256 else b"\xc5" + size.to_bytes(2, "big")
        return head + value
    if isinstance(value, list):
        count = len(value)
        head = bytes([0x90 | count]) if count < 16 else b"\xdc" + count.to_bytes(2, "big")
        return head + b"".join(pack(item) for item in value)
    if value < 128:
        return bytes([value])
    for code, width in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
        if value < 1 << (8 * width):
            return bytes([code]) + value.to_bytes(width, "big")
    raise ValueError(value)


def unpack(data, at=0):
    """One element and where it ends; the caller packs it again to see that it is canonical."""
    byte = data[at]
    at += 1
    if byte < 0x80:
        return byte, at
    if 0xCC <= byte <= 0xCF:
        width = 1 << (byte - 0xCC)
        return int.from_bytes(data[at:at + width], "big"), at + width
    if byte in (0xC4, 0xC5):
        width = byte - 0xC3
        size = int.from_bytes(data[at:at + width], "big")
        at += width
        return data[at:at + size], at + size
    if 0x90 <= byte <= 0x9F or byte == 0xDC:
        count = byte & 15
        if byte == 0xDC:
            count = int.from_bytes(data[at:at + 2], "big")
            at += 2
        items = []
        for _ in range(count):
            item, at = unpack(data, at)
            items.append(item)
        return items, at
    raise ValueError(f"byte {byte:#x}")


def run(first, size=32):
    return bytes((first + i) & 255 for i in range(size))


def ids(vectors):
    chain, job, address, key = run(1), run(2), run(4, 20), run(5, 33)
    yield "id.created", digest("object-id", pack([chain, ord("f"), address, 0, 300]))
    yield "id.job", digest("object-id", pack([chain, ord("q"), address, b"job"]))
    yield "id.lease", digest("object-id", pack([chain, ord("e"), job, 1, 2]))
    yield "id.plan", digest("plan", vectors["plan"])
    yield "id.possession", digest("node-possession", pack([chain, address, key]))
    yield "id.ready", digest("ready", pack([chain, job, 3, 300]))
    vote = pack([chain, job, 3, 300, run(8)])
    yield "id.vote", digest("vote/finalize", vote)
    yield "id.suspension", digest("address", key)
    yield "id.peer_set", digest("peer-set", pack([run(6), run(7)]))
    yield "id.batch_key", digest("batch-key", pack([job, 8, key, run(3)]))
    opened = [key, job, 8, run(9), run(10), run(11), run(12)]
    yield "id.commitment", digest("gradient-commitment", pack(opened))


def main():
    lines = (ROOT / "tests/vectors/state.txt").read_text().splitlines()
    vectors = {name: bytes.fromhex(text) for name, text in (line.split() for line in lines)}
    errors = []
    for name, data in vectors.items():
        if "." in name:
            continue
        value, end = unpack(data)
        if not isinstance(value, list) or end != len(data) or pack(value) != data:
            errors.append(f"{name}: not one canonical array")
    for name, expected in ids(vectors):
        if vectors[name] != expected:
            errors.append(f"{name}: {expected.hex()} by the formula")
    print("\n".join(errors), file=sys.stderr)
    return bool(errors)


sys.exit(main())
