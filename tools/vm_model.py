#!/usr/bin/env python3
"""A second tensor VM, from docs/protocol-vm.md alone: exact arithmetic in integers and
decimals, rounded once to binary32, every operator element by element.  --write writes
tests/vectors/vm.txt (programs with data, a first state, and the state root after some
steps); --check computes the roots again.  The C test runs the same programs on every
instruction set."""
import decimal
import hashlib
import math
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
VECTORS = ROOT / "tests/vectors/vm.txt"
HEAD = """\
# Golden runs of the tensor VM, written by tools/vm_model.py from docs/protocol-vm.md.
#   program HEX | data HEX | key HEX | first STEP | steps COUNT | state HEX (tensors in order)
#   program_root, data_root, state_root after the steps, loss of the last (bits): HEX
"""
DTYPES = {0: ("f", 4), 1: ("i", 4), 2: ("b", 1), 3: ("B", 1), 4: ("H", 2), 5: ("q", 8)}
CONTEXT = decimal.Context(prec=60, Emin=-10**6, Emax=10**6)
INF, NAN = math.inf, math.nan


def bits(x):
    return 0x7FC00000 if x != x else struct.unpack("<I", struct.pack("<f", x))[0]


def of_bits(u):
    return struct.unpack("<f", struct.pack("<I", u))[0]


def round32(numerator, exponent, sign=1):
    """The float nearest to numerator * 2^exponent, ties to even; numerator an integer."""
    if numerator == 0:
        return math.copysign(0.0, sign)
    negative, n = numerator < 0, abs(numerator)
    drop = max(n.bit_length() - 24, -149 - exponent)
    if drop > 0:
        half, rest = 1 << (drop - 1), n & ((1 << drop) - 1)
        n >>= drop
        n += rest > half or (rest == half and n & 1)
        exponent += drop
    if n.bit_length() + exponent > 128:
        return -INF if negative else INF
    value = math.ldexp(n, exponent)
    return -value if negative else value


def parts(x):
    """x = integer * 2^exponent, exactly."""
    mantissa, exponent = math.frexp(x)
    return int(mantissa * (1 << 24)), exponent - 24


def f32(x):
    """A double that came from one operation on floats: one more rounding changes nothing
    (Figueroa 1995, for + - * / sqrt)."""
    if x != x or math.isinf(x):
        return x
    return round32(int(math.frexp(x)[0] * (1 << 53)), math.frexp(x)[1] - 53, math.copysign(1, x))


def fma(a, b, c):
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    (m, e), (n, f), (p, g) = parts(a), parts(b), parts(c)
    low = min(e + f, g)
    total = (m * n << (e + f - low)) + (p << (g - low))
    if total == 0:
        return math.copysign(0.0, a * b) + c if m * n == 0 or p == 0 else 0.0
    return round32(total, low)


def decimal32(value, sign):
    """The float nearest to a decimal that no float tie equals."""
    scaled = CONTEXT.multiply(value, CONTEXT.power(2, 200))
    return round32(int(scaled), -200, sign)


def exp(x):
    if x != x or x == INF:
        return x
    if x > 89 or x < -110:
        return INF if x > 0 else 0.0
    return decimal32(CONTEXT.exp(decimal.Decimal(x)), 1) if x != 0 else 1.0


def log(x):
    if x == 0:
        return -INF
    if x != x or x < 0:
        return NAN
    return x if x == INF else decimal32(CONTEXT.ln(decimal.Decimal(x)), 1)


def tanh(x):
    if x != x or x == 0:
        return x
    if abs(x) > 10:
        return math.copysign(1.0, x)
    e = CONTEXT.exp(decimal.Decimal(2 * x))
    return decimal32(CONTEXT.divide(e - 1, e + 1), x)


def div(a, b):
    if b == 0 and a == a:
        return NAN if a == 0 else math.copysign(INF, a) * math.copysign(1, b)
    return f32(a / b)


def rint(x):
    return x if not math.isfinite(x) else math.copysign(float(round(x)), x)


def to_int(x):
    return 0 if x != x else int(max(-2.0**31, min(2.0**31 - 1, rint(x))))


def philox(counter, key):
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [p1 >> 32 ^ c[1] ^ k0, p1 & 0xFFFFFFFF, p0 >> 32 ^ c[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def sha(*chunks):
    return hashlib.sha256(b"".join(chunks)).digest()


def tree(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b"\1")
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1", tree(leaves[:split]), tree(leaves[split:]))


class Tensor:
    def __init__(self, record):
        self.dtype, self.rank, self.kind, self.flags = record[:4]
        self.all_dims = struct.unpack("<4I", record[4:20])
        self.dims = self.all_dims[:self.rank]
        self.count = math.prod(self.dims)
        self.cols = self.dims[-1]
        self.rows = self.dims[-2] if self.rank > 1 else 1
        self.values = None

    def pack(self, values):
        code, _ = DTYPES[self.dtype]
        if self.dtype == 0:
            return b"".join(struct.pack("<I", bits(x)) for x in values)
        return struct.pack(f"<{len(values)}{code}", *values)

    def unpack(self, data):
        return list(struct.unpack(f"<{self.count}{DTYPES[self.dtype][0]}", data))

    def leaves(self):
        size = DTYPES[self.dtype][1]
        if self.rank == 1 or self.cols == 1:
            for at in range(0, self.count, 1024):
                yield self.pack(self.values[at:at + 1024]).ljust(1024 * size, b"\0")
            return
        for batch in range(self.count // (self.rows * self.cols)):
            for i in range(0, self.rows, 32):
                for j in range(0, self.cols, 32):
                    payload = b""
                    for row in range(i, min(i + 32, self.rows)):
                        at = (batch * self.rows + row) * self.cols
                        run = self.values[at + j:at + min(j + 32, self.cols)]
                        payload += self.pack(run).ljust(32 * size, b"\0")
                    yield payload.ljust(1024 * size, b"\0")

    def root(self):
        leaf = [sha(b"\0", bytes([self.dtype]), payload) for payload in self.leaves()]
        head = bytes([2, self.dtype, self.rank]) + struct.pack("<4I", *self.all_dims)
        return sha(head, tree(leaf))


class Program:
    def __init__(self, data):
        assert data[:5] == b"DTVM1"
        self.bytes = data
        tensors, ops, states, _ = struct.unpack("<IIHH", data[5:17])
        at = 17
        self.tensor_records = [data[at + 52 * i:at + 52 * (i + 1)] for i in range(tensors)]
        self.tensors = [Tensor(record) for record in self.tensor_records]
        at += 52 * tensors
        self.op_records = []
        for _ in range(ops):
            size = 4 + 4 * (data[at + 1] + data[at + 2]) + data[at + 3]
            self.op_records.append(data[at:at + size])
            at += size
        ids = list(struct.unpack(f"<{2 * states + 1}I", data[at:]))
        self.state_in, self.state_out, self.loss = ids[:states], ids[states:-1], ids[-1]

    def root(self):
        def records(items):
            return tree([sha(b"\0", item) for item in items])

        def ids(items):
            return records([struct.pack("<I", i) for i in items])
        return sha(b"\4", self.bytes[:17], records(self.tensor_records), records(self.op_records),
                   ids(self.state_in), ids(self.state_out), struct.pack("<I", self.loss))

    def state_root(self, step):
        roots = [[], [], []]
        for i in self.state_in:
            roots[self.tensors[i].flags].append(self.tensors[i].root())
        return sha(b"\3", struct.pack("<Q", step), *[tree(group) for group in roots])

    def step(self, key, step):
        for record in self.op_records:
            opcode, ins, outs, _ = record[:4]
            ids = struct.unpack(f"<{ins + outs}I", record[4:4 + 4 * (ins + outs)])
            inputs = [self.tensors[i] for i in ids[:ins]]
            outputs = [self.tensors[i] for i in ids[ins:]]
            results = OPS[opcode](inputs, outputs, record[4 + 4 * (ins + outs):], (key, step))
            for tensor, values in zip(outputs, results):
                tensor.values = values
        after = [self.tensors[i].values for i in self.state_out]
        for i, values in zip(self.state_in, after):
            self.tensors[i].values = values
        return self.tensors[self.loss].values[0]


# Operators: (inputs, outputs, attributes, (key, step)) -> list of values per output.

FUNCTIONS = {
    1: lambda a, b, c: f32(a + b), 2: lambda a, b, c: f32(a - b), 3: lambda a, b, c: f32(a * b),
    4: lambda a, b, c: div(a, b), 5: fma, 6: lambda a, b, c: f32(math.sqrt(a)) if a >= 0 else NAN,
    7: lambda a, b, c: exp(a), 8: lambda a, b, c: log(a), 9: lambda a, b, c: tanh(a),
    10: lambda a, b, c: a if a > b else b, 11: lambda a, b, c: a if a < b else b,
    12: lambda a, b, c: abs(a), 13: lambda a, b, c: -a, 14: lambda a, b, c: float(a > b),
    15: lambda a, b, c: float(a >= b), 16: lambda a, b, c: float(a == b),
    17: lambda a, b, c: b if a > 0 else c, 18: lambda a, b, c: rint(a),
    19: lambda a, b, c: f32(float(a)), 20: lambda a, b, c: to_int(a),
    24: lambda a, b, c: ((a & 0xFFFFFFFF) >> 8) * 2.0**-24,
}


def ewise(inputs, outputs, attrs, _):
    count, consts = attrs[0], attrs[1]
    kinds = attrs[2:2 + len(inputs)]
    at = 2 + len(inputs) + len(outputs)
    wanted = attrs[2 + len(inputs):at]
    code = [attrs[at + 3 * i:at + 3 * i + 3] for i in range(count)]
    pool = struct.unpack(f"<{consts}f", attrs[at + 3 * count:])
    shape, results = outputs[0], [[] for _ in outputs]
    for e in range(shape.count):
        row, j = divmod(e, shape.cols)
        i = row % shape.rows
        place = {0: e, 1: j, 2: row, 3: 0, 4: i * shape.cols + j}
        regs = [x.values[place[kind]] for x, kind in zip(inputs, kinds)]
        regs += [0] * (16 - len(regs))
        for op, da, bc in code:
            a, b, c = da >> 4, bc & 15, bc >> 4
            special = {21: lambda: pool[bc], 22: lambda: f32(float(i)), 23: lambda: f32(float(j))}
            regs[da & 15] = special[op]() if op in special else \
                FUNCTIONS[op](regs[a], regs[b], regs[c])
        for result, reg in zip(results, wanted):
            result.append(regs[reg])
    return results


def matmul(inputs, outputs, attrs, _):
    (a, b), c, flags = inputs, outputs[0], attrs[0]
    inner = a.rows if flags & 1 else a.cols
    values = []
    for e in range(c.count):
        n, i, j = e // (c.rows * c.cols), e // c.cols % c.rows, e % c.cols
        acc, at_a, at_b = 0.0, n * c.rows * inner, n * inner * c.cols
        for k in range(inner):
            x = a.values[at_a + (k * c.rows + i if flags & 1 else i * inner + k)]
            y = b.values[at_b + (j * inner + k if flags & 2 else k * c.cols + j)]
            acc = fma(x, y, acc)
        values.append(acc)
    return [values]


def rows_of(x):
    return [x.values[i:i + x.cols] for i in range(0, x.count, x.cols)]


def fold(lanes):
    for s in (8, 4, 2, 1):
        for i in range(s):
            lanes[i] = f32(lanes[i] + lanes[i + s])
    return lanes[0]


def rowsum(inputs, *_):
    sums = []
    for row in rows_of(inputs[0]):
        lanes = [0.0] * 16
        for j, x in enumerate(row):
            lanes[j % 16] = f32(lanes[j % 16] + x)
        sums.append(fold(lanes))
    return [sums]


def rowdot(inputs, *_):
    dots = []
    for xs, ys in zip(rows_of(inputs[0]), rows_of(inputs[1])):
        lanes = [0.0] * 16
        for j, (x, y) in enumerate(zip(xs, ys)):
            lanes[j % 16] = fma(x, y, lanes[j % 16])
        dots.append(fold(lanes))
    return [dots]


def scan(row):
    best, at = -INF, 0
    for j, x in enumerate(row):
        if x > best:
            best, at = x, j
    return best, at


def colsum(inputs, *_):
    sums = [0.0] * inputs[0].cols
    for row in rows_of(inputs[0]):
        sums = [f32(s + x) for s, x in zip(sums, row)]
    return [sums]


def gather(inputs, *_):
    table = rows_of(inputs[0])
    return [[x for i in inputs[1].values for x in table[i]]]


def scatter(inputs, outputs, *_):
    table = [[0.0] * outputs[0].cols for _ in range(outputs[0].dims[0])]
    for i, row in zip(inputs[0].values, rows_of(inputs[1])):
        table[i] = [f32(s + x) for s, x in zip(table[i], row)]
    return [[x for row in table for x in row]]


def transpose(inputs, *_):
    x, size = inputs[0], inputs[0].rows * inputs[0].cols
    return [[x.values[n + i * x.cols + j] for n in range(0, x.count, size)
             for j in range(x.cols) for i in range(x.rows)]]


def offsets(tensor, start, sizes):
    """Places in `tensor` of a box, in row-major order."""
    places = [0]
    for dim, first, size in zip(tensor.all_dims, start, sizes):
        places = [at * dim + first + i for at in places for i in range(size)]
    return places


def cut(inputs, outputs, attrs, _):
    places = offsets(inputs[0], struct.unpack("<4I", attrs), outputs[0].all_dims)
    return [[inputs[0].values[at] for at in places]]


def concat(inputs, outputs, attrs, _):
    values, start = [None] * outputs[0].count, [0] * 4
    for x in inputs:
        for at, value in zip(offsets(outputs[0], start, x.all_dims), x.values):
            values[at] = value
        start[attrs[0]] += x.all_dims[attrs[0]]
    return [values]


def heads(inputs, outputs, attrs, _):
    split, h = attrs[0] == 0, attrs[1] | attrs[2] << 8
    _, t, d = (outputs if split else inputs)[0].dims
    values = [None] * inputs[0].count
    for e in range(inputs[0].count):
        row, head, column = e // (h * d), e // d % h, e % d
        apart = ((row // t * h + head) * t + row % t) * d + column
        values[apart if split else e] = inputs[0].values[e if split else apart]
    return [values]


def random_block(where, stream, index):
    key, step = where
    return philox([index, stream, step & 0xFFFFFFFF, step >> 32], struct.unpack("<2I", key[:8]))


def random_words(_, outputs, attrs, where):
    stream = struct.unpack("<I", attrs)[0]
    words = []
    for index in range((outputs[0].count + 3) // 4):
        words += [w - (w >> 31 << 32) for w in random_block(where, stream, index)]
    return [words[:outputs[0].count]]


def draw(where, stream, index, limit):
    words = random_block(where, stream, index)
    return (words[0] | words[1] << 32) * limit >> 64


def windows(inputs, outputs, attrs, where):
    size, stream = struct.unpack("<2I", attrs)
    data, starts = inputs[0].values, []
    for j in range(outputs[0].count // size):
        starts.append(draw(where, stream, j, len(data) - size - 1))
    return [[data[p + i + shift] for p in starts for i in range(size)] for shift in (0, 1)]


def records(inputs, outputs, attrs, where):
    table, stream = rows_of(inputs[0]), struct.unpack("<I", attrs)[0]
    return [[x for j in range(outputs[0].dims[0])
             for x in table[draw(where, stream, j, len(table))]]]


def cast(inputs, outputs, *_):
    convert = {0: lambda x: f32(float(x)), 1: lambda x: to_int(float(x))}[outputs[0].dtype]
    return [[convert(x) for x in inputs[0].values]]


OPS = {1: ewise, 2: matmul, 3: matmul, 4: rowsum, 5: rowdot,
       6: lambda x, *_: [[scan(row)[0] for row in rows_of(x[0])]],
       7: lambda x, *_: [[scan(row)[1] for row in rows_of(x[0])]],
       8: colsum, 9: gather, 10: scatter, 11: transpose, 12: lambda x, *_: [list(x[0].values)],
       13: cut, 14: concat, 15: heads, 20: random_words, 21: windows, 22: records, 23: cast}


def run(vector):
    program = Program(bytes.fromhex(vector["program"]))
    data = bytes.fromhex(vector["data"])
    state = bytes.fromhex(vector["state"])
    out = {"program_root": program.root().hex()}
    for tensor in program.tensors:
        if tensor.kind == 3:
            tensor.values = tensor.unpack(data)
            out["data_root"] = tensor.root().hex()
    for i in program.state_in:
        tensor = program.tensors[i]
        size = tensor.count * DTYPES[tensor.dtype][1]
        tensor.values, state = tensor.unpack(state[:size]), state[size:]
    first, count = int(vector["first"]), int(vector["steps"])
    for step in range(first, first + count):
        loss = program.step(bytes.fromhex(vector["key"]), step)
    out["state_root"] = program.state_root(first + count).hex()
    out["loss"] = f"{bits(loss):08x}"
    return out


def read():
    vectors = []
    for line in VECTORS.read_text().splitlines():
        if line.startswith("vector "):
            vectors.append({"name": line[7:]})
        elif line.strip() and not line.startswith("#"):
            name, _, value = line.strip().partition(" ")
            vectors[-1][name] = value
    return vectors


def main():
    """--write keeps the inputs that stand in the file (from compiled programs) and writes
    what this model makes of them."""
    good, text = True, HEAD
    for vector in read():
        results = run(vector)
        for name, value in results.items():
            if vector.get(name) != value:
                print(f"{vector['name']}: {name} is {vector.get(name)}, the model has {value}")
                good = False
        text += f"vector {vector['name']}\n"
        for name in ("program", "data", "key", "first", "steps", "state"):
            text += f"  {name} {vector[name]}\n"
        text += "".join(f"  {name} {value}\n" for name, value in results.items())
    if sys.argv[1:] == ["--write"]:
        VECTORS.write_text(text)
        return 0
    return 0 if good else 1


sys.exit(main())
