#!/usr/bin/env python3
"""The checks must be able to fail: each is run over a small tree that breaks one rule."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).resolve().parent.parent.parent / "tools"
CMAKE = "layer(base)\nlayer(types NEEDS base PURE)\nlayer(net NEEDS types VENDOR nng)\n"


def tree(files):
    root = pathlib.Path(tempfile.mkdtemp())
    for name, text in {"CMakeLists.txt": CMAKE, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    subprocess.run(["git", "init", "-q", root], check=True)
    subprocess.run(["git", "-C", root, "add", "-A"], check=True)
    return root


def run(tool, files):
    done = subprocess.run([sys.executable, TOOLS / tool, tree(files)], capture_output=True, text=True)
    return done.returncode, done.stderr


class Layers(unittest.TestCase):
    def expect(self, files, words):
        code, text = run("check_layers.py", files)
        self.assertEqual(bool(words), bool(code), text)
        self.assertIn(words, text)

    def test_clean_tree_passes(self):
        self.expect({"types/a.c": '#include "base/b.h"\n'}, "")

    def test_upward_arrow(self):
        self.expect({"base/a.c": '#include "types/b.h"\n'}, "base may not include types")

    def test_upward_arrow_from_a_room(self):
        self.expect({"types/room/a.c": '#include "net/net.h"\n'}, "types may not include net")

    def test_private_header(self):
        self.expect({"net/x.h": "", "types/a.c": "", "net/a.c": '#include "types/a.h"\n'}, "")
        self.expect({"base/a.c": '#include "net/x.h"\n'}, "base may not include net")

    def test_vendor_outside_its_folder(self):
        self.expect({"types/a.c": "#include <nng/nng.h>\n"}, "only net may include it")

    def test_source_in_no_library(self):
        self.expect({"stray/a.c": ""}, "in no library")


class Tidy(unittest.TestCase):
    def expect(self, name, text, words):
        code, errors = run("tidy.py", {name: text})
        self.assertEqual(bool(words), bool(code), errors)
        self.assertIn(words, errors)

    def test_clean_file_passes(self):
        self.expect("types/a.c", "int a;\n", "")

    def test_long_file(self):
        self.expect("types/a.c", "int a;\n" * 501, "the limit is 500")

    def test_long_line(self):
        self.expect("types/a.c", "int " + "a" * 100 + ";\n", "100 columns")

    def test_banned_call(self):
        self.expect("types/a.c", "int a = atoi(b);\n", "atoi() is banned")

    def test_banned_word_in_a_string_is_fine(self):
        self.expect("types/a.c", 'char *a = "atoi(1)";\n', "")

    def test_float_in_a_pure_folder(self):
        self.expect("state/a.c", "static double a;\n", "floating point")

    def test_heap_in_a_pure_folder(self):
        self.expect("state/a.c", "void *a = malloc(4);\n", "heap or goto")

    def test_wrong_guard(self):
        self.expect("types/a.h", "#ifndef X\n#define X\n#endif\n", "TYPES_A_H")

    def test_open_end(self):
        self.expect("types/a.c", "/* " + "TO" + "DO */\n", "open end")

    def test_document_in_a_comment(self):
        self.expect("types/a.c", "/* see design.md 3 */\n", "design.md is no file in docs/")
        self.expect("types/a.c", "/* see docs/gone.md */\n", "docs/gone.md is no file in docs/")

    def test_dead_link(self):
        self.expect("docs/a.md", "[x](gone.md)\n", "dead link")


class Pure(unittest.TestCase):
    """time() through a function of base must fail: the check reads object code."""

    def build(self, source):
        root = pathlib.Path(tempfile.mkdtemp())
        (root / "a.c").write_text(source)
        subprocess.run(["gcc", "-c", "-o", root / "a.o", root / "a.c"], check=True)
        subprocess.run(["ar", "rc", root / "a.a", root / "a.o"], check=True)
        return subprocess.run([TOOLS / "check_pure.sh", root / "a.a"], capture_output=True, text=True)

    def test_clean_library_passes(self):
        self.assertEqual(self.build("int f(int a) { return a; }").returncode, 0)

    def test_call_into_an_unlisted_function(self):
        done = self.build("long base_now(void); long f(void) { return base_now(); }")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("base_now", done.stderr)

    def test_hidden_state(self):
        done = self.build("int f(void) { static int n; return ++n; }")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(".bss", done.stderr)


unittest.main()
