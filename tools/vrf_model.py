#!/usr/bin/env python3
"""A model of the beacon's VRF in integers: RFC 9381, ECVRF-P256-SHA256-TAI, with
secp256k1 for the curve and 0xFE for the suite byte.  It writes tests/vectors/vrf.txt;
--check compares instead.  Either way it first reproduces a vector of RFC 9381 (appendix
B.1) on P-256, which shows that the model is the RFC's algorithm."""
import hashlib
import hmac
import pathlib
import sys
from collections import namedtuple

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "tests/vectors/vrf.txt"
Curve = namedtuple("Curve", "p a b n base suite")

P256 = Curve(
    p=2**256 - 2**224 + 2**192 + 2**96 - 1,
    a=-3,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    base=(0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
          0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5),
    suite=0x01)
SECP256K1 = Curve(
    p=2**256 - 2**32 - 977, a=0, b=7,
    n=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    base=(0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
          0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8),
    suite=0xFE)


def add(curve, left, right):
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % curve.p == 0:
        return None
    if left == right:
        slope = (3 * x1 * x1 + curve.a) * pow(2 * y1, -1, curve.p)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, curve.p)
    x = (slope * slope - x1 - x2) % curve.p
    return x, (slope * (x1 - x) - y1) % curve.p


def multiply(curve, scalar, point):
    total = None
    while scalar:
        if scalar & 1:
            total = add(curve, total, point)
        point = add(curve, point, point)
        scalar >>= 1
    return total


def encode(point):
    return bytes([2 + (point[1] & 1)]) + point[0].to_bytes(32, "big")


def decode(curve, data):
    x = int.from_bytes(data[1:], "big")
    square = (x**3 + curve.a * x + curve.b) % curve.p
    y = pow(square, (curve.p + 1) // 4, curve.p)  # both primes are 3 mod 4
    if data[0] not in (2, 3) or x >= curve.p or y * y % curve.p != square:
        return None
    return x, y if (y & 1) == (data[0] & 1) else curve.p - y


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def encode_to_curve(curve, salt, alpha):
    """5.4.1.1, try and increment."""
    for counter in range(256):
        digest = sha256(bytes([curve.suite, 1]), salt, alpha, bytes([counter, 0]))
        point = decode(curve, b"\x02" + digest)
        if point:
            return point
    raise ValueError("no point")


def nonce(curve, secret, message):
    """RFC 6979, 3.2, without the check on r."""
    h1 = int.from_bytes(sha256(message), "big") % curve.n
    seed = secret.to_bytes(32, "big") + h1.to_bytes(32, "big")
    mac = lambda key, data: hmac.new(key, data, hashlib.sha256).digest()
    key, value = bytes(32), b"\x01" * 32
    for separator in (b"\0", b"\1"):
        key = mac(key, value + separator + seed)
        value = mac(key, value)
    while True:
        value = mac(key, value)
        k = int.from_bytes(value, "big")
        if 0 < k < curve.n:
            return k
        key = mac(key, value + b"\0")
        value = mac(key, value)


def challenge(curve, *points):
    digest = sha256(bytes([curve.suite, 2]), *map(encode, points), b"\0")
    return int.from_bytes(digest[:16], "big")


def output(curve, gamma):
    return sha256(bytes([curve.suite, 3]), encode(gamma), b"\0")


def prove(curve, secret, alpha):
    """5.1."""
    public = multiply(curve, secret, curve.base)
    point = encode_to_curve(curve, encode(public), alpha)
    gamma = multiply(curve, secret, point)
    k = nonce(curve, secret, encode(point))
    c = challenge(curve, public, point, gamma, multiply(curve, k, curve.base),
                  multiply(curve, k, point))
    s = (k + c * secret) % curve.n
    proof = encode(gamma) + c.to_bytes(16, "big") + s.to_bytes(32, "big")
    return encode(public), proof, output(curve, gamma)


def verify(curve, public, alpha, proof):
    """5.3; the output, or None."""
    key, gamma = decode(curve, public), decode(curve, proof[:33])
    c, s = int.from_bytes(proof[33:49], "big"), int.from_bytes(proof[49:], "big")
    if key is None or gamma is None or s >= curve.n:
        return None
    point = encode_to_curve(curve, public, alpha)
    minus = lambda p: (p[0], curve.p - p[1])
    u = add(curve, multiply(curve, s, curve.base), multiply(curve, c, minus(key)))
    v = add(curve, multiply(curve, s, point), multiply(curve, c, minus(gamma)))
    return output(curve, gamma) if challenge(curve, key, point, gamma, u, v) == c else None


def check_rfc():
    secret = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
    public, proof, beta = prove(P256, secret, b"sample")
    assert public.hex() == "0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    assert proof.hex() == ("035b5c726e8c0e2c488a107c600578ee75cb702343c153cb1eb8dec77f4b5071b4"
                           "a53f0a46f018bc2c56e58d383f2305e0975972c26feea0eb122fe7893c15af376b"
                           "33edf7de17c6ea056d4d82de6bc02f")
    assert beta.hex() == "a3ad7b0ef73d8fc6655053ea22f9bede8c743f08bbed3d38821f0e16474b505e"
    assert verify(P256, public, b"sample", proof) == beta


def cases():
    yield 1, b""
    yield SECP256K1.n - 1, b"\0"
    for i in range(14):
        secret = int.from_bytes(sha256(b"vrf vector secret %d" % i), "big") % SECP256K1.n
        yield secret, (sha256(b"vrf vector alpha %d" % i) * 8)[:i * 17]


def vectors():
    lines = ["# secret, public key, alpha (- when empty), proof, output; from tools/vrf_model.py"]
    for secret, alpha in cases():
        public, proof, beta = prove(SECP256K1, secret, alpha)
        assert verify(SECP256K1, public, alpha, proof) == beta
        lines.append(" ".join([secret.to_bytes(32, "big").hex(), public.hex(), alpha.hex() or "-",
                               proof.hex(), beta.hex()]))
    return "\n".join(lines) + "\n"


def main():
    check_rfc()
    text = vectors()
    if "--check" not in sys.argv:
        VECTORS.parent.mkdir(exist_ok=True)
        VECTORS.write_text(text)
    elif VECTORS.read_text() != text:
        print("tests/vectors/vrf.txt is stale: run tools/vrf_model.py", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
