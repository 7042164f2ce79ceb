#!/usr/bin/env python3
"""State proofs, a second implementation: tree, prover and verifier for SP1 and SM1 from
docs/protocol.md section 6, sharing no code with state/tree.  Recursive, on lists, slow.

    proof_vectors.py            write tests/vectors/proofs/ and the fuzz corpus again
    proof_vectors.py --check    they are what this program would write

Every vector passes through the verifier here: a valid one must be proven, an invalid one
refused for the reason it was made for."""
import hashlib
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/vectors/proofs"
CORPUS = ROOT / "tests/fuzz/corpus/fuzz_state_many"
EMPTY = bytes(32)
MEMBER, ABSENT_EMPTY, ABSENT_LEAF, MANY = 1, 2, 3, 4
T_EMPTY, T_LEAF, T_INNER, T_OTHER = "00", "01", "10", "11"


def sha(data):
    return hashlib.sha256(data).digest()


def leaf(path, vhash):
    return sha(b"\0" + path + vhash)


def inner(left, right):
    return sha(b"\1" + left + right)


def bits(path):
    return f"{int.from_bytes(path, 'big'):0256b}"


class Refused(Exception):
    pass


def need(condition, reason):
    if not condition:
        raise Refused(reason)


# ---- The tree and its prover --------------------------------------------------------------


class Tree:
    """The definition, word by word: T(S, d) over a map of keys to values."""

    def __init__(self, pairs):
        self.pairs = dict(pairs)
        self.leaves = {bits(sha(k)): (sha(k), sha(v)) for k, v in self.pairs.items()}
        self.cache = {}
        self.root = self.hash("")

    def below(self, prefix):
        return [x for x in self.leaves if x.startswith(prefix)]

    def hash(self, prefix):
        if prefix not in self.cache:
            below = self.below(prefix)
            if not below:
                value = EMPTY
            elif len(below) == 1:
                value = leaf(*self.leaves[below[0]])
            else:
                value = inner(self.hash(prefix + "0"), self.hash(prefix + "1"))
            self.cache[prefix] = value
        return self.cache[prefix]

    def one(self, key):
        """The parts of an SP1 proof."""
        path = bits(sha(key))
        depth = 0
        while len(self.below(path[:depth])) > 1:
            depth += 1
        siblings = [self.hash(path[:i] + flip(path[i])) for i in range(depth)]
        end = self.below(path[:depth])
        if not end:
            return One(ABSENT_EMPTY, siblings)
        if end[0] == path:
            return One(MEMBER, siblings)
        return One(ABSENT_LEAF, siblings, self.leaves[end[0]])

    def many(self, keys):
        """The parts of an SM1 proof."""
        out = Many(len(keys))
        paths = sorted(bits(sha(k)) for k in keys)
        self.many_node("", paths, out)
        return out

    def many_node(self, prefix, paths, out):
        mine = [p for p in paths if p.startswith(prefix)]
        below = self.below(prefix)
        if not mine:
            out.bits += "1" if below else "0"
            out.hashes += [self.hash(prefix)] if below else []
        elif len(below) > 1:
            out.bits += T_INNER
            self.many_node(prefix + "0", paths, out)
            self.many_node(prefix + "1", paths, out)
        elif not below:
            out.bits += T_EMPTY
        elif below[0] in mine:
            out.bits += T_LEAF
        else:
            out.bits += T_OTHER
            out.hashes += list(self.leaves[below[0]])


def flip(bit):
    return "1" if bit == "0" else "0"


def pack_bits(text):
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i:i + 8], 2) for i in range(0, len(text), 8))


class One:
    def __init__(self, kind, siblings, other=None):
        self.version, self.kind, self.siblings, self.other = 1, kind, list(siblings), other
        self.depth = len(self.siblings)
        self.bitmap = "".join("0" if s == EMPTY else "1" for s in self.siblings)

    def copy(self, **changes):
        new = One(self.kind, self.siblings, self.other)
        new.__dict__.update(changes)
        return new

    def hashes(self):
        return b"".join(s for s in reversed(self.siblings) if s != EMPTY)

    def bytes(self):
        head = bytes([self.version, self.kind]) + self.depth.to_bytes(2, "big")
        return head + pack_bits(self.bitmap) + self.hashes() + b"".join(self.other or ())


class Many:
    def __init__(self, count, tokens="", hashes=()):
        self.version, self.kind, self.count, self.bits, self.hashes = 1, MANY, count, tokens, list(hashes)
        self.bit_count = self.hash_count = None

    def copy(self, **changes):
        new = Many(self.count, self.bits, self.hashes)
        new.__dict__.update(changes)
        return new

    def bytes(self):
        bit_count = len(self.bits) if self.bit_count is None else self.bit_count
        hash_count = len(self.hashes) if self.hash_count is None else self.hash_count
        return (bytes([self.version, self.kind]) + self.count.to_bytes(2, "big")
                + bit_count.to_bytes(4, "big") + hash_count.to_bytes(4, "big")
                + pack_bits(self.bits) + b"".join(self.hashes))


# ---- The verifier ---------------------------------------------------------------------------


def check_sizes(key, value):
    need(0 < len(key) <= 1024, "key-size")
    need(value is None or len(value) <= 4 << 20, "value-size")


def verify_one(root, claims, proof):
    need(len(claims) == 1, "count")
    key, value = claims[0]
    check_sizes(key, value)
    need(len(proof) >= 4, "size")
    need(proof[0] == 1, "version")
    need(proof[1] in (MEMBER, ABSENT_EMPTY, ABSENT_LEAF), "type")
    depth = int.from_bytes(proof[2:4], "big")
    need(depth <= 256, "depth")
    width = (depth + 7) // 8
    need(len(proof) >= 4 + width, "size")
    marks = "".join(f"{b:08b}" for b in proof[4:4 + width])
    need("1" not in marks[depth:], "padding")
    need(depth == 0 or marks[depth - 1] == "1", "low-end")
    count = marks.count("1")
    tail = 64 if proof[1] == ABSENT_LEAF else 0
    need(len(proof) == 4 + width + 32 * count + tail, "size")
    hashes = [proof[4 + width + 32 * i:][:32] for i in range(count + tail // 32)]
    need(EMPTY not in hashes[:count], "zero-hash")
    need((proof[1] == MEMBER) == (value is not None), "claim")
    path = bits(sha(key))
    node = EMPTY
    if proof[1] == MEMBER:
        node = leaf(sha(key), sha(value))
    elif proof[1] == ABSENT_LEAF:
        other = bits(hashes[count])
        need(other[:depth] == path[:depth] and other != path, "place")
        node = leaf(hashes[count], hashes[count + 1])
    stream = iter(hashes)
    for level in reversed(range(depth)):
        sibling = next(stream) if marks[level] == "1" else EMPTY
        node = inner(sibling, node) if path[level] == "1" else inner(node, sibling)
    need(node == root, "root")


class Stream:
    def __init__(self, items):
        self.items, self.at = items, 0

    def take(self, count=1):
        need(self.at + count <= len(self.items), "size")
        self.at += count
        return self.items[self.at - count:self.at]

    def end(self):
        need(self.at == len(self.items), "size")


def verify_many(root, claims, proof):
    need(1 <= len(claims) <= 65535, "count")
    paths = []
    for key, value in claims:
        check_sizes(key, value)
        paths.append(sha(key))
        need(len(paths) < 2 or paths[-2] != paths[-1], "duplicate")
        need(len(paths) < 2 or paths[-2] < paths[-1], "unsorted")
    need(len(proof) >= 12, "size")
    need(proof[0] == 1, "version")
    need(proof[1] == MANY, "type")
    need(int.from_bytes(proof[2:4], "big") == len(claims), "count")
    bit_count, hash_count = (int.from_bytes(proof[i:i + 4], "big") for i in (4, 8))
    width = (bit_count + 7) // 8
    need(len(proof) == 12 + width + 32 * hash_count, "size")
    text = "".join(f"{b:08b}" for b in proof[12:12 + width])
    need("1" not in text[bit_count:], "padding")
    tokens = Stream(text[:bit_count])
    hashes = Stream([proof[12 + width + 32 * i:][:32] for i in range(hash_count)])
    asked = [(bits(p), p, v) for p, (_, v) in zip(paths, claims)]
    node, _ = node_verify("", asked, tokens, hashes)
    tokens.end()
    hashes.end()
    need(node == root, "root")


def node_verify(prefix, asked, tokens, hashes):
    """The node's hash, and whether two leaves lie below it: None when not known."""
    if not asked:
        if tokens.take() == "0":
            return EMPTY, False
        value = hashes.take()[0]
        need(value != EMPTY, "zero-hash")
        return value, None
    token = tokens.take(2)
    present = [a for a in asked if a[2] is not None]
    if token == T_INNER:
        depth = len(prefix)
        need(depth < 256, "depth")
        children = [node_verify(prefix + bit, [a for a in asked if a[0][depth] == bit], tokens, hashes)
                    for bit in "01"]
        lone = any(a[0] == EMPTY and b[1] is False for a, b in (children, children[::-1]))
        need(not lone, "low-end")
        return inner(children[0][0], children[1][0]), True
    if token == T_OTHER:
        path, vhash = hashes.take(2)
        need(bits(path).startswith(prefix) and path not in [a[1] for a in asked], "place")
        need(not present, "claim")
        return leaf(path, vhash), False
    need(len(present) == (1 if token == T_LEAF else 0), "claim")
    if token == T_EMPTY:
        return EMPTY, False
    return leaf(present[0][1], sha(present[0][2])), False


VERIFY = {"SP1": verify_one, "SM1": verify_many}


def verdict(form, root, claims, proof):
    try:
        VERIFY[form](root, claims, proof)
    except Refused as refused:
        return str(refused)
    return "proven"


# ---- Vectors --------------------------------------------------------------------------------


class Book:
    def __init__(self):
        self.vectors, self.names = [], set()

    def add(self, name, form, root, claims, proof, expected, state=None):
        proof = proof if isinstance(proof, bytes) else proof.bytes()
        found = verdict(form, root, claims, proof)
        if found != expected or name in self.names:
            sys.exit(f"{form} {name}: {found}, meant to be {expected}")
        self.names.add(name)
        entry = {"name": name, "format": form, "verdict": expected, "root": root.hex(),
                 "claims": [{"key": k.hex(), "value": None if v is None else v.hex()} for k, v in claims],
                 "proof": proof.hex()}
        if state is not None:
            entry["state"] = state
        self.vectors.append(entry)


def key_of(number):
    return f"key-{number}".encode()


def value_of(number):
    return f"value-{number}".encode() * (number % 3)


def crowded(tree_size, shared):
    """Two keys whose paths share `shared` bits at least."""
    seen = {}
    number = 1000
    while True:
        prefix = bits(sha(key_of(number)))[:shared]
        if prefix in seen:
            return seen[prefix], number
        seen[prefix] = number
        number += tree_size


def sorted_claims(tree, keys):
    return sorted(((k, tree.pairs.get(k)) for k in keys), key=lambda c: sha(c[0]))


def states():
    first, second = crowded(1, 24)
    yield []
    yield [0]
    yield [0, 1]
    yield [0, 1, 2]
    yield list(range(16))
    yield [*range(12), first, second]
    yield list(range(100))


def find(tree, kind, least=1, empty=False):
    """An absent or present key whose SP1 proof has this type, at least this depth, and with
    empty an EMPTY sibling: the deepest of many."""
    keys = list(tree.pairs) if kind == MEMBER else [key_of(n) for n in range(200, 700)]
    ones = [(k, tree.one(k)) for k in keys]
    fits = [(k, o) for k, o in ones if o.kind == kind and o.depth >= least and ("0" in o.bitmap or not empty)]
    return max(fits, key=lambda x: x[1].depth)


def synthetic(kind, key, value, depth, marks=None, other=None):
    """A proof of any depth, and the root it leads to: no honest tree needs to be that deep."""
    path = bits(sha(key))
    siblings = [sha(b"sibling" + i.to_bytes(2, "big")) for i in range(depth)]
    if marks is not None:
        siblings = [s if marks(i) or i + 1 == depth else EMPTY for i, s in enumerate(siblings)]
    node = {MEMBER: lambda: leaf(sha(key), sha(value)), ABSENT_EMPTY: lambda: EMPTY,
            ABSENT_LEAF: lambda: leaf(*other)}[kind]()
    for level in reversed(range(depth)):
        node = inner(siblings[level], node) if path[level] == "1" else inner(node, siblings[level])
    return One(kind, siblings, other), node


def neighbour(key, depth):
    """A path that leaves that of key at this bit."""
    path = bits(sha(key))
    text = path[:depth] + flip(path[depth]) + path[depth + 1:]
    return int(text, 2).to_bytes(32, "big")


def valid(book, trees):
    for index, tree in enumerate(trees):
        present = list(tree.pairs)
        absent = [key_of(n) for n in range(200, 206)]
        for key in [*present[:3], *present[-2:], *absent[:4]]:
            name = f"state {index}, {key.decode()}"
            if name not in book.names:
                claims = [(key, tree.pairs.get(key))]
                book.add(name, "SP1", tree.root, claims, tree.one(key), "proven", index)
        sets = {"one present": present[:1], "one absent": absent[:1], "absent": absent,
                "two present": present[:2], "last two": present[-2:],
                "some of both": present[::3] + absent[:3], "all and absent": present + absent}
        for title, keys in sets.items():
            if keys:
                claims = sorted_claims(tree, keys)
                book.add(f"state {index}, {title}", "SM1", tree.root, claims, tree.many(keys), "proven", index)
    key = b"deep"
    for depth in (1, 7, 8, 9, 64, 255, 256):
        proof, root = synthetic(MEMBER, key, b"v", depth)
        book.add(f"depth {depth}, member", "SP1", root, [(key, b"v")], proof, "proven")
        proof, root = synthetic(ABSENT_EMPTY, key, None, depth, marks=lambda i: i % 3 == 0)
        book.add(f"depth {depth}, empty", "SP1", root, [(key, None)], proof, "proven")
    other = (neighbour(key, 255), sha(b"o"))
    proof, root = synthetic(ABSENT_LEAF, key, None, 255, marks=lambda i: False, other=other)
    book.add("depth 255, other leaf", "SP1", root, [(key, None)], proof, "proven")
    deep_many(book, key, b"v", T_LEAF, "proven")
    long_key = bytes(range(256)) * 4
    tree = Tree({long_key: b"", b"\0": bytes(1000)})
    for k, v in tree.pairs.items():
        book.add(f"key of {len(k)} bytes", "SP1", tree.root, [(k, v)], tree.one(k), "proven")
    claims = sorted_claims(tree, tree.pairs)
    book.add("keys of 1024 and 1 bytes", "SM1", tree.root, claims, tree.many(list(tree.pairs)), "proven")


def invalid_bytes(book, form, title, root, claims, proof):
    """What needs no knowledge of the content: lengths and single bits."""
    raw = proof.bytes()
    head = 4 if form == "SP1" else 12
    for size in sorted({0, 1, 2, 3, head - 1, len(raw) - 1, len(raw) - 31, len(raw) - 32, len(raw) - 33}):
        if 0 <= size < len(raw):
            book.add(f"{title}: cut to {size} bytes", form, root, claims, raw[:size], "size")
    for extra in (b"\0", b"\1", bytes(31), bytes(32), sha(b"x"), raw):
        book.add(f"{title}: {len(extra)} bytes ({extra[:1].hex()}) behind", form, root, claims, raw + extra, "size")
    for version in (0, 2, 0x81, 255):
        book.add(f"{title}: version {version}", form, root, claims, proof.copy(version=version), "version")
    for kind in (0, 5, 255, MANY if form == "SP1" else MEMBER):
        book.add(f"{title}: type {kind}", form, root, claims, proof.copy(kind=kind), "type")
    other = Tree({b"another": b"state"}).root
    for name, wrong in (("another state's", other), ("the empty", EMPTY), ("a changed", sha(root)),
                        ("a last bit of the", root[:31] + bytes([root[31] ^ 1]))):
        book.add(f"{title}: {name} root", form, wrong, claims, raw, "root")


def invalid_one(book, tree):
    member, leafy, vacant = find(tree, MEMBER, 3), find(tree, ABSENT_LEAF, 3), find(tree, ABSENT_EMPTY, 3)
    cases = {"member": member, "other leaf": leafy, "empty": vacant}
    for title, (key, one) in cases.items():
        claims = [(key, tree.pairs.get(key))]
        add = lambda name, proof, reason, c=claims: book.add(
            f"{title}: {name}", "SP1", tree.root, c, proof, reason)
        invalid_bytes(book, "SP1", title, tree.root, claims, one)
        siblings, depth = one.siblings, one.depth
        add("a level more, EMPTY", one.copy(siblings=[*siblings, EMPTY], depth=depth + 1,
                                            bitmap=one.bitmap + "0"), "low-end")
        deeper = [*siblings, sha(b"x")]
        swapped_place = "place" if title == "other leaf" and bits(one.other[0])[depth] != bits(sha(key))[depth] else "root"
        add("a level more, a hash", One(one.kind, deeper, one.other), swapped_place)
        add("the last level missing", One(one.kind, siblings[:-1], one.other), "root"
            if siblings[-2] != EMPTY else "low-end")
        add("the first level missing", One(one.kind, siblings[1:], one.other), "root")
        add("depth one more", one.copy(depth=depth + 1), "low-end" if depth % 8 else "size")
        add("depth one less", one.copy(depth=depth - 1), "padding")
        for wrong in (257, 512, 0x8000 | depth, 65535):
            add(f"depth {wrong}", one.copy(depth=wrong), "depth")
        add("257 levels", synthetic(MEMBER, key, b"v", 256)[0].copy(
            kind=one.kind, depth=257, bitmap="1" * 257,
            siblings=[sha(bytes([i & 255])) for i in range(257)]), "depth")
        add("a bit beyond the depth", one.copy(bitmap=one.bitmap + "0" * (7 - depth % 8) + "1"), "padding")
        add("the bit after the depth", one.copy(bitmap=one.bitmap + "1"), "padding" if depth % 8 else "size")
        add("the last bit cleared", one.copy(bitmap=one.bitmap[:-1] + "0"), "low-end")
        marked = [i for i, s in enumerate(siblings) if s != EMPTY]
        clear = list(one.bitmap)
        clear[marked[0]] = "0"
        add("a sibling unmarked, its hash left", one.copy(bitmap="".join(clear)), "size")
        add("a sibling dropped, its mark left", one.copy(siblings=[
            EMPTY if i == marked[0] else s for i, s in enumerate(siblings)]), "size")
        add("a sibling dropped with its mark", One(one.kind, [
            EMPTY if i == marked[0] else s for i, s in enumerate(siblings)], one.other), "root")
        for i in sorted({marked[0], marked[len(marked) // 2], marked[-1]}):
            zeros = one.hashes()
            at = 32 * marked[::-1].index(i)
            raw = one.bytes()
            start = 4 + (depth + 7) // 8 + at
            add(f"sibling {i} of zeros", raw[:start] + EMPTY + raw[start + 32:], "zero-hash")
            add(f"sibling {i} changed", raw[:start] + sha(zeros) + raw[start + 32:], "root")
            for byte in (0, 31):
                bent = bytearray(raw)
                bent[start + byte] ^= 0x80
                add(f"sibling {i}, byte {byte} changed", bytes(bent), "root")
        holes = [siblings[i] for i in marked]
        turned = dict(zip(marked, reversed(holes)))
        add("siblings from the root down", One(one.kind, [
            turned.get(i, EMPTY) for i in range(depth)], one.other), "root")
        swap = list(siblings)
        swap[marked[-1]], swap[marked[-2]] = swap[marked[-2]], swap[marked[-1]]
        add("the two deepest siblings swapped", One(one.kind, swap, one.other), "root")
        twice = list(siblings)
        twice[marked[-2]] = twice[marked[-1]]
        add("a sibling twice", One(one.kind, twice, one.other), "root")
        add("the bitmap, other end first", one.copy(bitmap=one.bitmap[::-1] + "0" * (-depth % 8))
            if one.bitmap != one.bitmap[::-1] and one.bitmap[0] == "1" else
            one.copy(bitmap=pack_turned(one.bitmap)), turned_reason(one))
        add("no claim", one, "count", [])
        add("two claims", one, "count", claims * 2)
        add("an empty key", one, "key-size", [(b"", claims[0][1])])
        add("a key of 1025 bytes", one, "key-size", [(bytes(1025), claims[0][1])])
        add("shortcut: the root is empty", One(ABSENT_EMPTY, []), "claim" if title == "member" else "root")
        add("shortcut: one leaf", One(MEMBER, []), "root" if title == "member" else "claim")
    invalid_claims(book, tree, member, leafy, vacant)


def pack_turned(marks):
    """Least significant bit first, byte by byte."""
    marks += "0" * (-len(marks) % 8)
    return "".join(marks[i:i + 8][::-1] for i in range(0, len(marks), 8))


def turned_reason(one):
    """What a reader that takes bits the other way would have to be refused for."""
    text = one.bitmap[::-1] + "0" * (-one.depth % 8)
    if one.bitmap == one.bitmap[::-1] or one.bitmap[0] != "1":
        text = pack_turned(one.bitmap)
    if "1" in text[one.depth:]:
        return "padding"
    return "low-end" if text[one.depth - 1] == "0" else "root"


def invalid_claims(book, tree, member, leafy, vacant):
    """Good proofs of other facts."""
    root = tree.root
    add = lambda name, claim, proof, reason: book.add(name, "SP1", root, [claim], proof, reason)
    key, value = member[0], tree.pairs[member[0]]
    for title, (k, one) in {"member": member, "other leaf": leafy, "empty": vacant}.items():
        if one.kind == MEMBER:
            add("member: as absence", (k, None), one, "claim")
            for name, wrong in {"empty": value + b"!", "longer": value + b"\0", "cut": value[:-1] or b"?"}.items():
                add(f"member: value {name}", (k, wrong), one, "root")
            add("member: vhash as value", (k, sha(value)), one, "root")
        else:
            add(f"{title}: as presence", (k, b""), one, "claim")
        longer = (k + b"\0", tree.pairs.get(k))
        path_place = "root"
        if one.kind == ABSENT_LEAF:
            path_place = "place"
        add(f"{title}: another key", longer, one, path_place)
        for kind in (MEMBER, ABSENT_EMPTY, ABSENT_LEAF):
            if kind == one.kind:
                continue
            claim = (k, b"v" if kind == MEMBER else None)
            fits = (kind == ABSENT_LEAF) == (one.kind == ABSENT_LEAF)
            add(f"{title}: type changed to {kind}", claim, one.copy(kind=kind), "root" if fits else "size")
            other = one.other or (neighbour(k, one.depth), sha(b"v"))
            add(f"{title}: made a proof of type {kind}", claim,
                One(kind, one.siblings, other if kind == ABSENT_LEAF else None), "root")
    absent_own = One(ABSENT_LEAF, member[1].siblings, (sha(key), sha(value)))
    add("member: its own leaf as the other one", (key, None), absent_own, "place")
    k, one = leafy
    path, vhash = one.other
    add("other leaf: the key's own path", (k, None), one.copy(other=(sha(k), vhash)), "place")
    add("other leaf: path off the way", (k, None), one.copy(other=(neighbour(k, one.depth - 1), vhash)), "place")
    add("other leaf: path off at the first bit", (k, None), one.copy(other=(neighbour(k, 0), vhash)), "place")
    add("other leaf: another path on the way", (k, None), one.copy(other=(neighbour(k, one.depth), vhash)), "root"
        if neighbour(k, one.depth) != path else "proven")
    add("other leaf: another vhash", (k, None), one.copy(other=(path, sha(vhash))), "root")
    add("other leaf: path and vhash swapped", (k, None), one.copy(other=(vhash, path)), "place")
    add("other leaf: zeros", (k, None), one.copy(other=(EMPTY, EMPTY)), "place")
    add("other leaf: vhash missing", (k, None), one.copy(other=(path,)), "size")
    add("other leaf: leaf missing", (k, None), one.copy(other=None), "size")
    add("other leaf: leaf before the siblings", (k, None),
        one.bytes()[:4 + (one.depth + 7) // 8] + path + vhash + one.hashes(), "place")
    holder = next(x for x in tree.pairs if sha(x) == path)
    add("other leaf: for the key that stands there", (holder, None), one, "place")
    add("other leaf: as presence of the key that stands there", (holder, tree.pairs[holder]), one, "claim")
    nothing = Tree({})
    book.add("empty state: as presence", "SP1", EMPTY, [(b"k", b"")], nothing.one(b"k"), "claim")
    book.add("empty state: EMPTY beside EMPTY", "SP1", EMPTY, [(b"k", None)], b"\1\2\0\1\0", "low-end")
    book.add("empty state: two EMPTY levels", "SP1", EMPTY, [(b"k", None)], b"\1\2\0\2\0", "low-end")
    book.add("empty state: a bare member", "SP1", EMPTY, [(b"k", b"")], One(MEMBER, []), "root")
    alone = Tree({b"alone": b"1"})
    path = bits(sha(b"alone"))
    low = inner(alone.root, EMPTY) if path[0] == "0" else inner(EMPTY, alone.root)
    book.add("one leaf: hashed beside EMPTY", "SP1", low, [(b"alone", b"1")], b"\1\1\0\1\0", "low-end")
    book.add("one leaf: hashed beside EMPTY, not said", "SP1", low, [(b"alone", b"1")], One(MEMBER, []), "root")


def invalid_many(book, tree):
    present = list(tree.pairs)
    leafy, vacant = find(tree, ABSENT_LEAF)[0], find(tree, ABSENT_EMPTY)[0]
    first = sorted_claims(tree, present[:4] + [leafy, vacant])
    for title, claims in {"six keys": first, "one key": sorted_claims(tree, present[:1]),
                          "two absent": sorted_claims(tree, [leafy, vacant])}.items():
        many = tree.many([k for k, _ in claims])
        invalid_bytes(book, "SM1", title, tree.root, claims, many)
        invalid_tokens(book, tree, title, claims, many)
        invalid_sections(book, tree, title, claims, many)
        invalid_order(book, tree, title, claims, many)
    invalid_shape(book, tree)


def invalid_sections(book, tree, title, claims, many):
    add = lambda name, proof, reason: book.add(f"{title}: {name}", "SM1", tree.root, claims, proof, reason)
    width = len(many.bits)
    spare = -width % 8
    for name, count in {"no": 0, "65535": 65535, "one more": len(claims) + 1, "one less": len(claims) - 1}.items():
        if name != "no" or len(claims) > 1:
            add(f"for {name} keys", many.copy(count=count), "count")
    add("one hash less said", many.copy(hash_count=len(many.hashes) - 1), "size")
    add("one hash more said", many.copy(hash_count=len(many.hashes) + 1), "size")
    add("2^32 - 1 hashes said", many.copy(hash_count=2 ** 32 - 1), "size")
    add("2^32 - 1 bits said", many.copy(bit_count=2 ** 32 - 1), "size")
    add("no bits said", many.copy(bit_count=0), "size")
    add("a byte of bits more said", many.copy(bit_count=width + spare + 1), "size")
    add("a byte of bits more", many.copy(bits=many.bits + "0" * 8), "size")
    add("one bit more", many.copy(bits=many.bits + "0"), "size")
    add("one bit less", many.copy(bits=many.bits[:-1]), "size")
    if spare:
        add("an unused bit set", many.copy(bits=many.bits + "0" * (spare - 1) + "1", bit_count=width), "padding")
    add("no tokens", many.copy(bits=""), "size")
    add("no hashes", many.copy(hashes=[]), "size")
    add("a hash more", many.copy(hashes=[*many.hashes, sha(b"x")]), "size")
    add("the last hash missing", many.copy(hashes=many.hashes[:-1]), "size")
    add("the first hash missing", many.copy(hashes=many.hashes[1:]), None)
    add("hashes in reverse", many.copy(hashes=many.hashes[::-1]), None)
    add("the first two hashes swapped", many.copy(hashes=[*many.hashes[1::-1], *many.hashes[2:]]), None)
    add("the first hash twice", many.copy(hashes=[many.hashes[0], *many.hashes]), None)
    for i in sorted({0, len(many.hashes) // 2, len(many.hashes) - 1}):
        for name, wrong in {"zeros": EMPTY, "changed": sha(many.hashes[i])}.items():
            add(f"hash {i} {name}", many.copy(hashes=[*many.hashes[:i], wrong, *many.hashes[i + 1:]]), None)


def invalid_tokens(book, tree, title, claims, many):
    """Every single bit of the tokens changed, where it is the bit that is refused."""
    for i in range(len(many.bits)):
        text = many.bits[:i] + flip(many.bits[i]) + many.bits[i + 1:]
        book.add(f"{title}: token bit {i} changed", "SM1", tree.root, claims, many.copy(bits=text), None)


def invalid_order(book, tree, title, claims, many):
    add = lambda name, c, reason, proof=many: book.add(f"{title}: {name}", "SM1", tree.root, c, proof, reason)
    add("no claim", [], "count")
    add("no claim, and for none", [], "count", many.copy(count=0))
    add("a claim more", claims + [(b"\xff" * 3, None)], None)
    for i, (key, value) in enumerate(claims):
        turned = None if value is not None else b""
        changed = [*claims[:i], (key, turned), *claims[i + 1:]]
        add(f"claim {i} turned round", changed, "claim")
        if value is not None:
            add(f"claim {i}, another value", [*claims[:i], (key, value + b"!"), *claims[i + 1:]], "root")
        add(f"claim {i}, an empty key", [*claims[:i], (b"", value), *claims[i + 1:]], "key-size")
        add(f"claim {i} twice", [*claims[:i], claims[i], *claims[i:]], "duplicate",
            many.copy(count=len(claims) + 1))
        add(f"claim {i} missing", claims[:i] + claims[i + 1:], "count")
        if len(claims) > 1:
            fewer = many.copy(count=len(claims) - 1)
            add(f"claim {i} missing, and said so", claims[:i] + claims[i + 1:], None, fewer)
            add(f"claim {i} put in the place of another", [*claims[:i], claims[(i + 1) % len(claims)],
                                                        *claims[i + 1:]], None)
    if len(claims) > 1:
        add("claims descending", claims[::-1], "unsorted")
        add("the last two claims swapped", [*claims[:-2], claims[-1], claims[-2]], "unsorted")
        add("claims by key", sorted(claims) if sorted(claims) != claims else sorted(claims)[::-1], "unsorted")
    key, value = claims[0]
    add("a key of 1025 bytes", [(bytes(1025), value), *claims[1:]], "key-size")
    one = tree.one(key)
    add("an SP1 proof", claims, "type" if one.depth or one.other else "size", one.bytes())


def deep_many(book, key, value, end, expected):
    """A path of 256 levels, every sibling a hash, that ends with the token `end`."""
    path = bits(sha(key))
    names = [sha(level.to_bytes(2, "big")) for level in range(256)]
    tokens = "".join(T_INNER + ("1" if bit == "1" else "") for bit in path)
    before = [names[i] for i in range(256) if path[i] == "1"]
    after = [names[i] for i in reversed(range(256)) if path[i] == "0"]
    root = leaf(sha(key), sha(value))
    for level in reversed(range(256)):
        root = inner(names[level], root) if path[level] == "1" else inner(root, names[level])
    proof = Many(1, tokens + end + "1" * len(after), before + after)
    book.add(f"256 levels, then {end}", "SM1", root, [(key, value)], proof, expected)


def invalid_shape(book, tree):
    """Trees that are no trees: INNER over one leaf or none, and levels beyond the last."""
    key, value = b"deep", b"v"
    path = bits(sha(key))
    deep_many(book, key, value, T_INNER, "depth")
    deep_many(book, key, value, T_EMPTY, "claim")
    right = path[0] == "1"
    lone = leaf(sha(key), sha(value))
    low = inner(EMPTY, lone) if right else inner(lone, EMPTY)
    text = T_INNER + ("0" + T_LEAF if right else T_LEAF + "0")
    book.add("a leaf hashed beside EMPTY", "SM1", low, [(key, value)], Many(1, text), "low-end")
    text = T_INNER + ("0" + T_EMPTY if right else T_EMPTY + "0")
    book.add("EMPTY hashed beside EMPTY", "SM1", inner(EMPTY, EMPTY), [(key, None)], Many(1, text), "low-end")
    book.add("EMPTY hashed beside EMPTY, root EMPTY", "SM1", EMPTY, [(key, None)], Many(1, text), "low-end")
    text = T_INNER + ("0" + T_OTHER if right else T_OTHER + "0")
    other = neighbour(key, 9)
    node = leaf(other, sha(b"o"))
    low = inner(EMPTY, node) if right else inner(node, EMPTY)
    book.add("another leaf hashed beside EMPTY", "SM1", low, [(key, None)],
             Many(1, text, [other, sha(b"o")]), "low-end")
    both = sorted([(key, None), next((k, None) for k in map(key_of, range(9)) if bits(sha(k))[0] != path[0])],
                  key=lambda c: sha(c[0]))
    book.add("EMPTY for two, one level low", "SM1", inner(EMPTY, EMPTY), both,
             Many(2, T_INNER + T_EMPTY * 2), "low-end")
    present = list(tree.pairs)
    leaf_key, leaf_one = find(tree, ABSENT_LEAF)
    holder = next(k for k in present if sha(k) == leaf_one.other[0])
    pair = sorted_claims(tree, [leaf_key, holder])
    many = tree.many([leaf_key, holder])
    both_present = [(k, v if v is not None else b"x") for k, v in pair]
    book.add("two present keys in one leaf", "SM1", tree.root, both_present, many, "claim")
    book.add("nobody present in a leaf", "SM1", tree.root, [(k, None) for k, _ in pair], many, "claim")
    shown = tree.many([leaf_key])
    book.add("the other leaf's own key asked too", "SM1", tree.root, [(k, None) for k, _ in pair],
             shown.copy(count=2), "place")


class Picky(Book):
    """expected None: any refusal will do, take the reason the verifier gives; what is still
    proven (no change at all) is left out."""

    def add(self, name, form, root, claims, proof, expected, state=None):
        raw = proof if isinstance(proof, bytes) else proof.bytes()
        if expected is None:
            expected = verdict(form, root, claims, raw)
        if expected == "proven":
            return
        super().add(name, form, root, claims, raw, expected, state)


def corpus(tree):
    """fuzz_state_many asks about three keys: root, then proof."""
    keys = [b"one", b"two", b"three"]
    for number, present in enumerate(([], keys[:1], keys[1:], keys)):
        pairs = {k: b"1" for k in present}
        pairs.update(list(tree.pairs.items())[:5 * number])
        some = Tree(pairs)
        yield f"three_{number}", some.root + some.many(keys).bytes()


def render(vectors, trees=None):
    lines = [json.dumps(v) for v in vectors]
    text = '{"vectors": [\n' + ",\n".join(lines) + "\n]"
    if trees is not None:
        entries = [json.dumps({"root": t.root.hex(), "pairs": [[k.hex(), v.hex()] for k, v in t.pairs.items()]})
                   for t in trees]
        text += ',\n"states": [\n' + ",\n".join(entries) + "\n]"
    return (text + "}\n").encode()


def main():
    trees = [Tree({key_of(n): value_of(n) for n in numbers}) for numbers in states()]
    good, bad = Book(), Picky()
    valid(good, trees)
    invalid_one(bad, trees[4])
    invalid_many(bad, trees[4])
    files = {OUT / "valid.json": render(good.vectors, trees), OUT / "invalid.json": render(bad.vectors)}
    files.update({CORPUS / name: data for name, data in corpus(trees[4])})
    if "--check" in sys.argv:
        stale = [str(p.relative_to(ROOT)) for p, data in files.items() if not p.exists() or p.read_bytes() != data]
        print("\n".join(f"{name}: not what tools/proof_vectors.py writes" for name in stale), file=sys.stderr)
        return bool(stale)
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    count = {v: sum(x["verdict"] == v for x in bad.vectors) for v in sorted({x["verdict"] for x in bad.vectors})}
    print(len(good.vectors), "valid,", len(bad.vectors), "invalid:", count)
    return 0


sys.exit(main())
