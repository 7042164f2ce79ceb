#!/usr/bin/env python3
"""A second encoder of the protocol's objects, from docs/protocol.md alone, with nothing but
the standard library.  --write writes tests/vectors/wire.txt and the seeds of the fuzz
targets; --check compares the file.  The C test decodes each vector's bytes and compares
the fields, the bytes written again and the digest."""
import hashlib
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VECTORS = ROOT / "tests/vectors/wire.txt"
CORPUS = ROOT / "tests/fuzz/corpus"
HEAD = """\
# Golden vectors of wire, written by tools/wire_model.py from docs/protocol.md.
#   <object> <label>       a vector; then its fields in order, "  name value"
#   refuse <object> <why>  bytes that must be refused
#   = HEX                  the encoding
#   digest HEX             header and block: block_id; rest: rest_digest; proposal: proposal_hash;
#                          last_final: last_cert_hash; validator_set: set_hash; tx: tx_id;
#                          vote: what is signed, with chain id 32 x 11 and set hash 32 x 22
"""
CHAIN, SET = b"\x11" * 32, b"\x22" * 32
U64 = 2**64 - 1


# Canonical msgpack, section 1.

def uint(value):
    if value < 0x80:
        return bytes([value])
    for lead, size in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
        if value < 1 << 8 * size:
            return bytes([lead]) + value.to_bytes(size, "big")
    raise OverflowError


def sized(size, fix, fix_count, leads):
    if size < fix_count:
        return bytes([fix + size])
    for lead, width in leads:
        if size < 1 << 8 * width:
            return bytes([lead]) + size.to_bytes(width, "big")
    raise OverflowError


def binary(value):
    return sized(len(value), 0, 0, ((0xC4, 1), (0xC5, 2), (0xC6, 4))) + value


def text(value):
    raw = value.encode()
    return sized(len(raw), 0xA0, 32, ((0xD9, 1), (0xDA, 2), (0xDB, 4))) + raw


def array(items):
    return sized(len(items), 0x90, 16, ((0xDC, 2), (0xDD, 4))) + b"".join(items)


def encode(value):
    if isinstance(value, int):
        return uint(value)
    if isinstance(value, bytes):
        return binary(value)
    return text(value) if isinstance(value, str) else array([encode(item) for item in value])


def digest(tag, data):
    tag_hash = hashlib.sha256(f"gradus/1/{tag}".encode()).digest()
    return hashlib.sha256(tag_hash + tag_hash + data).digest()


# Objects, sections 3 to 5.  fields: a list of (name, value); a name may repeat.

def pick(fields, prefix):
    return [(name[len(prefix):], value) for name, value in fields if name.startswith(prefix)]


def plain(fields):
    return encode([value for _, value in fields])


def signers(fields):
    indexes = [value for name, value in fields if name == "signer"]
    bitmap = bytearray(max(indexes) // 8 + 1)
    for index in indexes:
        bitmap[index // 8] |= 1 << index % 8
    return [bytes(bitmap), b"".join(value for name, value in fields if name == "signature")]


def unsigned(fields):
    return [value for name, value in fields if name not in ("signer", "signature")]


def certificate(fields):
    return encode(unsigned(fields) + signers(fields)) if fields else array([])


def last_final(fields):
    if not fields:
        return array([])
    light, rest_digest = unsigned(fields)[:5], unsigned(fields)[5]
    return encode([light, rest_digest, *signers(fields)])


def light_and_rest(fields):
    return plain(pick(fields, "light.")), plain(pick(fields, "rest."))


def proposal(fields):
    values = dict(fields)
    return array([*light_and_rest(fields), binary(values["signature"]), binary(values["block"])])


def txs(fields):
    return encode([value for name, value in fields if name == "tx"])


def block(fields):
    return array([plain(pick(fields, "header.")), last_final(pick(fields, "last_final.")), txs(fields)])


def payload(fields):
    values = [encode(value) for name, value in fields if name not in ("body", "signature")]
    return array([*values, dict(fields)["body"]])


def tx(fields):
    return array([payload(fields), binary(dict(fields)["signature"])])


def validator_set(fields):
    values = [value for _, value in fields]
    return encode([values[i:i + 4] for i in range(0, len(values), 4)])


def result(fields):
    values = dict(fields)
    return array([uint(values["code"]), uint(values["consumed"]), values["events"]])


def message(fields):
    values = dict(fields)
    return array([uint(values["kind"]), values["body"]])


def status(fields):
    values = dict(fields)
    return array([uint(values["epoch"]), uint(values["view"]), certificate(pick(fields, "last_final.")),
                  certificate(pick(fields, "entry."))])


def shard(fields):
    values = dict(fields)
    return array([*light_and_rest(fields), binary(values["signature"]), uint(values["index"]),
                  binary(values["path"]), binary(values["shard"])])


def one(fields):
    return encode(fields[0][1])


ENCODERS = {
    "header": plain, "light": plain, "rest": plain, "last_final": last_final, "proposal": proposal,
    "block": block, "vote": plain, "certificate": certificate, "tx": tx,
    "validator_set": validator_set, "result": result, "message": message, "get_cert": plain,
    "get_certs": plain, "get_block": plain, "block_message": one, "status": status, "txs": txs,
    "wake": one, "shard": shard, "get_shards": plain, "have": plain,
}


def vote_digest(fields):
    values = dict(fields)
    kind = ("propose", "notarize", "nullify", "finalize")[values["kind"]]
    subject = [values["epoch"], values["view"], values["proposal"]]
    return digest(f"vote/{kind}", encode([CHAIN, SET, *subject]))


def proposal_hash(fields):
    light, rest = light_and_rest(fields)
    return digest("proposal", light + digest("proposal-rest", rest))


DIGESTS = {
    "header": lambda f: digest("block-header", plain(f)),
    "block": lambda f: digest("block-header", plain(pick(f, "header."))),
    "rest": lambda f: digest("proposal-rest", plain(f)),
    "last_final": lambda f: digest("last-final", last_final(f)),
    "proposal": proposal_hash,
    "vote": vote_digest,
    "tx": lambda f: digest("tx", payload(f)),
    "validator_set": lambda f: digest("validator-set", validator_set(f)),
}


# Field values.

def noise(label, size):
    return hashlib.shake_128(label.encode()).digest(size)


def header(label, numbers, proposer, last_cert_hash):
    height, time_ms, epoch, view = numbers
    return [
        ("version", 1), ("chain_id", noise("chain", 32)), ("height", height),
        ("parent_id", noise(label + "parent", 32)), ("time_ms", time_ms), ("epoch", epoch),
        ("view", view), ("proposer", proposer), ("vrf_proof", noise(label + "vrf", 81)),
        ("txs_root", noise(label + "txs", 32)), ("state_root", noise(label + "state", 32)),
        ("results_root", noise(label + "results", 32)), ("hist_root", noise(label + "hist", 32)),
        ("set_hash", noise("set", 32)), ("next_set_hash", noise("set", 32)),
        ("last_cert_hash", last_cert_hash)]


def light(label, epoch, view, height):
    return [("epoch", epoch), ("view", view), ("height", height),
            ("block_id", noise(label + "id", 32)), ("next_set_hash", noise("set", 32))]


def rest(label, numbers, flags):
    parent_view, block_size, leader = numbers
    return [("version", 1), ("chain_id", noise("chain", 32)), ("parent_view", parent_view),
            ("parent_proposal", noise(label + "pp", 32) if parent_view else bytes(32)),
            ("da_mode", 0), ("da_n", 0), ("da_k", 0), ("block_size", block_size), ("shard_size", 0),
            ("da_root", bytes(32)), ("leader", leader), ("flags", flags)]


def sharded(label, sizes, leader):
    n, k, block_size, shard_size = sizes
    return change(change(change(change(change(
        rest(label, (9, block_size, leader), 0), "da_mode", 1), "da_n", n), "da_k", k),
        "shard_size", shard_size), "da_root", noise(label + "root", 32))


def signed_by(label, indexes):
    return [field for i in indexes
            for field in (("signer", i), ("signature", noise(f"{label}signature{i}", 64)))]


def finality(label, numbers, indexes):
    return [*light(label, *numbers), ("rest_digest", noise(label + "rest", 32)), *signed_by(label, indexes)]


def cert(label, kind, numbers, indexes):
    epoch, view = numbers
    return [("kind", kind), ("epoch", epoch), ("view", view),
            ("proposal", bytes(32) if kind == 2 else noise(label + "proposal", 32)),
            *signed_by(label, indexes)]


def vote(label, kind, epoch, view, validator):
    return [("kind", kind), ("epoch", epoch), ("view", view),
            ("proposal", bytes(32) if kind == 2 else noise(label + "proposal", 32)),
            ("validator", validator), ("signature", noise(label + "vote", 64))]


def transaction(label, kind, lane_seq_until, body):
    lane, seq, until = lane_seq_until
    return [("version", 1), ("chain_id", noise("chain", 32)), ("type", kind),
            ("sender", noise(label + "sender", 20)), ("lane", lane), ("seq", seq),
            ("valid_until_ms", until), ("body", encode(body)), ("signature", noise(label + "tx", 64))]


def prefixed(prefix, fields):
    return [(prefix + name, value) for name, value in fields]


FORMS = [0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, U64, b"", bytes(255), bytes(256),
         "", "a" * 31, "b" * 32, "Zürich, €, 😀", "c" * 255, "d" * 256, [], [[0] * 15, [1] * 16]]


def examples():
    """(object, label, fields), in the order of the file."""
    transfer = transaction("t", 2, (0, 7, 1_800_000_000_000), [noise("to", 20), 1_000_000_000])
    nop = transaction("n", 1, (2**32 - 1, 300, 1_800_000_003_600), [])
    final = finality("f", (0, 41, 40), [0, 2, 3])
    top = (U64, U64, U64, U64)
    yield "header", "first", header("a", (1, 1_800_000_000_000, 0, 1), 0, bytes(32))
    yield "header", "widest", header("b", top, 127, noise("cert", 32))
    yield "light", "first", light("a", 0, 1, 1)
    yield "light", "widest", light("b", U64, U64, U64)
    yield "rest", "first", rest("a", (0, 460, 1), 0)
    yield "rest", "again", rest("b", (300, 4 << 20, 127), 1)
    yield "rest", "sharded", sharded("s", (4, 2, 460, 256), 3)
    yield "rest", "sharded widest", sharded("w", (128, 44, 4 << 20, (2 << 20) + 64), 127)
    yield "last_final", "three", final
    yield "last_final", "alone", finality("g", (1, 2**32, 65536), [127])
    proposed = prefixed("light.", light("a", 0, 1, 1)) + prefixed("rest.", rest("a", (0, 460, 1), 0))
    yield "proposal", "bare", [*proposed, ("signature", noise("leader", 64)), ("block", b"")]
    content = prefixed("header.", header("a", (1, 1_800_000_000_000, 0, 1), 0, bytes(32)))
    yield "proposal", "whole", [*proposed, ("signature", noise("leader", 64)), ("block", block(content))]
    yield "block", "empty", content
    sealed = prefixed("header.", header("c", (42, 1_800_000_000_001, 0, 43), 3,
                                        digest("last-final", last_final(final))))
    yield "block", "full", [*sealed, *prefixed("last_final.", final), ("tx", tx(transfer)), ("tx", tx(nop))]
    for kind, label in enumerate(("propose", "notarize", "nullify", "finalize")):
        yield "vote", label, vote(label, kind, kind, 127 + kind, (0, 5, 64, 127)[kind])
    yield "certificate", "notarize", cert("h", 1, (0, 9), [0, 1, 2])
    yield "certificate", "nullify", cert("i", 2, (3, 256), [4, 7, 8, 15, 16])
    yield "certificate", "everybody", cert("j", 3, (U64, U64), range(128))
    yield "tx", "transfer", transfer
    yield "tx", "nop", nop
    yield "tx", "unknown", transaction("u", 2**32 - 1, (5, U64, U64), FORMS)
    for count in (1, 4):
        yield "validator_set", f"of{count}", [
            field for i in range(count) for field in (
                ("consensus", b"\2" + noise(f"c{i}", 32)), ("network", b"\3" + noise(f"n{i}", 32)),
                ("vrf", b"\2" + noise(f"v{i}", 32)), ("account", noise(f"o{i}", 20)))]
    yield "result", "done", [("code", 0), ("consumed", 1), ("events", encode([]))]
    yield "result", "forms", [("code", 300), ("consumed", U64), ("events", encode([[1], [2**32 - 1, *FORMS]]))]
    yield "get_cert", "any", [("epoch", 0), ("view", 9), ("want", 0)]
    yield "get_cert", "final", [("epoch", 1), ("view", U64), ("want", 3)]
    yield "get_certs", "range", [("epoch", 0), ("from_view", 3), ("to_view", 300)]
    yield "get_block", "one", [("block_id", noise("id", 32))]
    yield "block_message", "empty", [("block", block(content))]
    yield "status", "new", [("epoch", 0), ("view", 1)]
    yield "status", "running", [("epoch", 0), ("view", 10),
                                *prefixed("last_final.", cert("k", 3, (0, 8), [1, 2, 3])),
                                *prefixed("entry.", cert("h", 1, (0, 9), [0, 1, 2]))]
    yield "txs", "two", [("tx", tx(transfer)), ("tx", tx(nop))]
    yield "wake", "transfer", [("tx", tx(transfer))]
    pieces = prefixed("light.", light("s", 0, 10, 10)) + prefixed("rest.", sharded("s", (4, 2, 460, 256), 3))
    yield "shard", "third", [*pieces, ("signature", noise("leader", 64)), ("index", 2),
                             ("path", noise("path", 64)), ("shard", noise("shard", 256))]
    yield "get_shards", "one", [("proposal", noise("proposal", 32))]
    yield "have", "final", [("epoch", 2), ("view", 70000), ("kind", 3)]
    yield "message", "vote", [("kind", 2), ("body", plain(vote("notarize", 1, 1, 128, 5)))]
    yield "message", "wake", [("kind", 10), ("body", binary(tx(nop)))]


def change(fields, name, value):
    return [(key, value if key == name else old) for key, old in fields]


def refusals():
    """(object, why, bytes)."""
    first = header("a", (1, 1_800_000_000_000, 0, 1), 0, bytes(32))
    good = plain(first)
    yield "header", "version 2", plain(change(first, "version", 2))
    yield "header", "version 0", plain(change(first, "version", 0))
    yield "header", "proposer 128", plain(change(first, "proposer", 128))
    yield "header", "a byte after the end", good + b"\0"
    yield "header", "version not in its shortest form", good.replace(b"\x01\xc4\x20", b"\xcc\x01\xc4\x20", 1)
    yield "header", "array size not in its shortest form", b"\xdd\0\0\0\x10" + good[3:]
    yield "header", "fifteen fields", encode([value for _, value in first][:15])
    bare = rest("a", (0, 460, 1), 0)
    for name, value in (("da_mode", 1), ("da_mode", 2), ("da_n", 1), ("da_k", 1), ("shard_size", 1), ("leader", 128),
                        ("da_root", noise("root", 32)), ("flags", 2), ("block_size", (4 << 20) + 1)):
        yield "rest", f"{name} that nobody knows", plain(change(bare, name, value))
    cut = sharded("s", (4, 2, 460, 256), 3)
    for name, value in (("da_mode", 0), ("da_n", 129), ("da_n", 1), ("da_k", 0), ("da_k", 5),
                        ("block_size", 0), ("shard_size", 0), ("shard_size", (2 << 20) + 65)):
        yield "rest", f"of shards with {name} {value}", plain(change(cut, name, value))
    pieces = prefixed("light.", light("s", 0, 10, 10)) + prefixed("rest.", cut)
    piece = [*pieces, ("signature", noise("leader", 64)), ("index", 2), ("path", noise("path", 64)),
             ("shard", noise("shard", 256))]
    for name, value in (("index", 4), ("path", noise("path", 63)), ("path", noise("path", 256)),
                        ("shard", noise("shard", 255)), ("shard", b"")):
        yield "shard", f"with a {name} of {value if name == 'index' else len(value)}", shard(
            change(piece, name, value))
    whole = prefixed("light.", light("s", 0, 10, 10)) + prefixed("rest.", bare)
    yield "shard", "of a whole block", shard([*whole, *piece[len(whole):]])
    yes = cert("h", 1, (0, 9), [0, 1, 2])
    head, bitmap, all_signatures = unsigned(yes), signers(yes)[0], signers(yes)[1]
    for why, pair in (("a zero byte at the bitmap's end", [bitmap + b"\0", all_signatures]),
                      ("a signature too few", [bitmap, all_signatures[64:]]),
                      ("a signature too many", [bitmap, all_signatures + bytes(64)]),
                      ("half a signature", [bitmap, all_signatures[:-1]]),
                      ("no signer", [b"", b""]), ("no signer, one byte", [b"\0", b""]),
                      ("a bitmap of 17 bytes", [bytes(16) + b"\1", bytes(64)])):
        yield "certificate", why, encode(head + pair)
    yield "certificate", "of proposals", encode([0] + head[1:] + signers(yes))
    yield "certificate", "nullify with a proposal", encode([2] + head[1:] + signers(yes))
    yield "vote", "nullify with a proposal", plain(change(vote("x", 1, 0, 1, 0), "kind", 2))
    yield "vote", "of kind 4", plain(change(vote("x", 1, 0, 1, 0), "kind", 4))
    yield "vote", "validator 128", plain(vote("x", 1, 0, 1, 128))
    sealed = header("c", (42, 1, 0, 43), 3, noise("cert", 32))
    final = last_final(finality("f", (0, 41, 40), [0, 2, 3]))
    yield "block", "last_cert_hash without last_final", array([plain(sealed), array([]), array([])])
    yield "block", "last_final without last_cert_hash", array([good, final, array([])])
    yield "block", "an empty transaction", array([good, array([]), encode([b""])])
    yield "block", "a transaction that is not there", array([good, array([]), b"\x91\xc6\0\2\0\1"])
    yield "block", "an array as transaction", array([good, array([]), b"\x91\x90"])
    base = transaction("t", 2, (0, 7, 1), [])
    yield "tx", "version 2", tx(change(base, "version", 2))
    yield "tx", "a body that is no array", tx(change(base, "body", b"\0"))
    for why, body in (("nil", b"\x91\xc0"), ("true", b"\x91\xc3"), ("a map", b"\x91\x80"),
                      ("a float", b"\x91\xca\0\0\0\0"), ("a negative number", b"\x91\xff"),
                      ("ext", b"\x91\xd4\0\0"), ("text that is not UTF-8", b"\x91\xa1\xff"),
                      ("seventeen nested arrays", b"\x91" * 14 + b"\x90")):
        yield "tx", f"{why} in its body", tx(change(base, "body", body))
    yield "tx", "over the 16 KiB of its type", tx(change(base, "body", encode([bytes(16 << 10)])))
    yield "validator_set", "of nobody", array([])
    yield "result", "an event without kind", encode([0, 0, [[]]])
    yield "result", "an event that is no array", encode([0, 0, [1]])
    yield "result", "an event whose kind needs 33 bits", encode([0, 0, [[2**32]]])
    yield "result", "an event whose kind is bytes", encode([0, 0, [[b"1"]]])
    yield "get_certs", "backwards", encode([0, 4, 3])
    yield "get_cert", "of kind 4", encode([0, 3, 4])
    yield "status", "a last_final that finalizes nothing", array(
        [uint(0), uint(1), certificate(yes), array([])])
    yield "txs", "none", array([])
    yield "wake", "an empty transaction", binary(b"")
    yield "message", "kind 0", encode([0, []])
    yield "message", "kind 14", encode([14, []])
    yield "have", "of kind 0", encode([0, 3, 0])
    yield "have", "of kind 4", encode([0, 3, 4])


def show(value):
    return f"x{value.hex()}" if isinstance(value, bytes) else str(value)


def build():
    lines = [HEAD]
    for name, label, fields in examples():
        lines.append(f"{name} {label}\n" + "".join(f"  {key} {show(value)}\n" for key, value in fields))
        lines.append(f"= {ENCODERS[name](fields).hex()}\n")
        lines.append(f"digest {DIGESTS[name](fields).hex()}\n" if name in DIGESTS else "")
        lines.append("\n")
    for name, why, data in refusals():
        lines.append(f"refuse {name} {why}\n= {data.hex()}\n\n")
    return "".join(lines)


TARGETS = ("header", "proposal", "vote", "certificate", "last_final", "block", "tx",
           "validator_set", "result")
MESSAGES = ("", "proposal", "vote", "certificate", "get_cert", "get_certs", "get_block",
            "block_message", "status", "txs", "wake", "shard", "get_shards", "have")


def seeds():
    """A few short encodings for each fuzz target."""
    for name, label, fields in examples():
        data = ENCODERS[name](fields)
        if len(data) > 2048:
            continue
        if name in TARGETS:
            yield f"fuzz_wire_{name}/{label}", data
        if name in MESSAGES:
            yield f"fuzz_wire_sync/{name}-{label}", array([uint(MESSAGES.index(name)), data])
        if name in ("result", "tx", "block", "status"):
            yield f"fuzz_wire_differential/{name}-{label}", data
    for number, (name, _, data) in enumerate(refusals()):
        if len(data) <= 512 and number % 3 == 0 and name in TARGETS:
            yield f"fuzz_wire_{name}/refused-{hashlib.sha256(data).hexdigest()[:8]}", data


def main():
    if sys.argv[1:] == ["--check"]:
        same = VECTORS.read_text() == build()
        if not same:
            print(f"{VECTORS} differs: run tools/wire_model.py --write", file=sys.stderr)
        return not same
    if sys.argv[1:] != ["--write"]:
        print(__doc__, file=sys.stderr)
        return 2
    VECTORS.write_text(build())
    for name, data in seeds():
        path = CORPUS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return 0


sys.exit(main())
