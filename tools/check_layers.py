#!/usr/bin/env python3
"""Every include must follow an arrow declared in CMakeLists.txt and enter a folder
by its public headers; a third-party header stays in the folder that wraps it; a
source in no library is an error."""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
ROOT = ROOT if ROOT.is_dir() else ROOT.parent.parent
OPEN = {"base", "types"}  # folders whose every header is public
# First component of a vendor include -> the folders that may use it.
VENDOR = {
    "msgpack.h": {"wire"}, "msgpack": {"wire"},
    "secp256k1.h": {"crypto"}, "secp256k1_ecdh.h": {"crypto"}, "secp256k1_recovery.h": {"crypto"},
    "openssl": {"crypto"}, "sodium.h": {"crypto"}, "sodium": {"crypto"},
    "rocksdb": {"store"}, "zstd.h": {"store"}, "nng": {"net"},
    "ini.h": {"genesis", "node", "cli"}, "jansson.h": {"node", "client", "cli"},
    "microhttpd.h": {"node"}, "isa-l.h": {"node"}, "isa-l": {"node"},
}
NOT_LAYERS = {"tests", "bench", "build", "tools", "docs", "cmake", "run", "packaging", "web"}
LAYER = re.compile(r"^layer\((\w+)(?:\s+NEEDS((?:\s+(?!PURE|VENDOR)\w+)+))?", re.M)
INCLUDE = re.compile(r'^\s*#\s*include ["<]([^">]+)[">]', re.M)


def is_public(header):
    """folder/folder.h, a room's room/room.h, any port, or a header of an open folder."""
    path = pathlib.PurePosixPath(header)
    return (path.parts[0] in OPEN or path.stem == path.parent.name
            or path.name.endswith("_port.h"))


def reachable(direct, name):
    seen, todo = set(), [name]
    while todo:
        for need in direct[todo.pop()]:
            if need not in seen:
                seen.add(need)
                todo.append(need)
    return seen


def check_file(path, name, direct, allowed):
    for header in INCLUDE.findall(path.read_text()):
        folder = header.split("/")[0]
        where = f"{path.relative_to(ROOT)}: {header}"
        if folder in direct and folder not in allowed:
            yield f"{where}: {name} may not include {folder}"
        elif folder in direct and folder != name and not is_public(header):
            yield f"{where}: private to {folder}"
        if folder in VENDOR and name not in VENDOR[folder]:
            yield f"{where}: only {', '.join(sorted(VENDOR[folder]))} may include it"


def main():
    cmake = (ROOT / "CMakeLists.txt").read_text()
    direct = {n: (needs or "").split() for n, needs in LAYER.findall(cmake)}
    errors = []
    for name in direct:
        if name in reachable(direct, name):
            errors.append(f"{name}: dependency cycle")
            continue
        allowed = reachable(direct, name) | {name}
        for path in sorted((ROOT / name).rglob("*.[ch]")):
            errors += check_file(path, name, direct, allowed)
    for path in sorted(ROOT.rglob("*.c")):
        top = path.relative_to(ROOT).parts[0]
        if top not in direct and top not in NOT_LAYERS:
            errors.append(f"{path.relative_to(ROOT)}: in no library")
    print("\n".join(errors), file=sys.stderr)
    return bool(errors)


sys.exit(main())
