#!/usr/bin/env python3
"""Write the tables of docs/protocol-state.md from the sources: records and bodies
(state/objects), codes and events.  --check only compares."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOC = ROOT / "docs/protocol-state.md"
FILES = ("ledger", "sets", "market", "jobs", "training", "bodies")
NAMES = {"hash": "hash", "signature": "bin 64", "address": "bin 20", "public_key": "key"}
UINTS = {"uint8_t": "u8", "uint16_t": "u16", "uint32_t": "u32", "uint64_t": "u64"}
OBJECTS = ("account org usage counter item params chain clock totals planner purge device node "
           "offer data_set job_terms request excluded process plan member lease program round "
           "segment validator set_change set_epoch suspension").split()
BODIES = ("transfer validator_propose validator_approve ready signed_vote evidence node_register offer_create offer_cancel data_register performance "
          "train_request train_cancel lease_accept lease_reject lease_ready program_part "
          "gradient_commitment proof_of_training round_result").split()
PARTS = ("performance", "signed_vote")  # of bodies
STRUCT = re.compile(r"struct (\w+) \{(.*?)\n\};", re.S)
MEMBER = re.compile(r"\s*(?:const )?(?:struct )?(\w+) (\w+)(?:\[(.*?)\])?;\s*(?:/\*(.*?)\*/)?")
ROW = re.compile(r'F_(\w+)\((?:T, )?"?(\w+)"?(?:,\s*([^)]*))?\)')


def read(name):
    return (ROOT / name).read_text()


def members():
    """struct -> member -> (type, array size, comment)"""
    out = {}
    for path in (*(f"state/objects/{name}.h" for name in FILES), "types/validators.h"):
        text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"\s*\n\s*\*?\s*", " ", m.group()),
                      read(path), flags=re.S)
        for struct, body in STRUCT.findall(text):
            found = (MEMBER.match(line) for line in body.split("\n"))
            out[struct] = {m[2]: (m[1], m[3], (m[4] or "").strip()) for m in found if m}
    return out


def form(kind, member, argument):
    ctype, size, comment = member
    name = NAMES.get(ctype) or UINTS.get(ctype) or ctype
    text = {
        "VERSION": "1", "UINT": name, "MONEY": name, "FIXED": NAMES.get(ctype) or f"bin {size}",
        "BIN": f"bin 0 .. {size}", "VIEW": f"bin 0 .. {argument}",
        "VECTOR": f"array of {size} {name}", "UINTS": f"list of 0 .. {size} {name}",
        "FIXEDS": f"list of 0 .. {size} {name}", "RECORDS": f"list of 0 .. {size} {name}",
        "RECORD": name,
    }[kind]
    return text, "credits held here. " + comment if kind == "MONEY" else comment


def record(struct, label, structs, source):
    fields = re.search(rf"struct field {struct}_fields\[\] = \{{(.*?)\}};", source, re.S).group(1)
    lines = [f"**{label}**", "", "| field | form | |", "|---|---|---|"]
    for kind, name, argument in ROW.findall(fields):
        name = "version" if kind == "VERSION" else name
        if kind == "ARRAY":
            lines.append(f"| [{name}: | an array of {argument} | the next {argument} fields] |")
        else:
            text, comment = form(kind, structs[struct][name], argument)
            lines.append(f"| {name} | {text} | {comment} |")
    return "\n".join(lines) + "\n"


def rows(path, macro, heads):
    found = re.findall(rf'{macro}\((\w+), (\d+), "(.*?)"\)', read(path))
    lines = [f"| {' | '.join(heads)} |", "|---|---|---|"]
    return "\n".join(lines + [f"| {number} | {name} | {text} |" for name, number, text in found])


def tables():
    structs = members()
    source = "".join(read(f"state/objects/{name}.c") for name in FILES)
    yield "objects", "\n".join(record(n, n, structs, source) for n in OBJECTS)
    yield "bodies", "\n".join(
        record(n if n in PARTS else f"body_{n}", n if n == "signed_vote" else n.upper(), structs,
               source)
        for n in BODIES)
    yield "codes", rows("types/codes.def", "CODE", ("code", "name", "meaning"))
    yield "events", rows("state/objects/events.def", "EVENT", ("kind", "name", "fields"))


def main():
    old = new = DOC.read_text()
    for name, text in tables():
        block = f"<!-- {name}: written by tools/state_tables.py -->\n{text.rstrip()}\n<!-- end -->"
        new = re.sub(rf"<!-- {name}: .*?<!-- end -->", lambda _: block, new, flags=re.S)
    if "--check" not in sys.argv:
        DOC.write_text(new)
        return 0
    if new != old:
        print("docs/protocol-state.md is stale: run tools/state_tables.py", file=sys.stderr)
    return int(new != old)


sys.exit(main())
