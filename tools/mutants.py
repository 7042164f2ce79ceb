#!/usr/bin/env python3
"""mutants.py BUILD [--all | --find] [NAME...]: the bug zoo; tests of the tests.

Each patch of tests/mutants is one seeded bug: a guard removed, an off-by-one, a lost persist, a
wrong quorum or epoch.  tests/mutants/list.txt names the test that catches each, or says
`survives` and why.  Here each bug is applied to a scratch copy, what it touches is compiled,
and the test that the list names must fail; the same tests pass without any bug.  A patch
that no longer applies is a failure.

  (nothing)  the sample that the list marks with *, for CI
  --all      every bug
  --find     every bug against every test: prints the list anew

The simulator runs without AUDIT, so that the checkers must see the bug, not an assertion.
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MUTANTS = ROOT / 'tests' / 'mutants'
SEEDS = os.environ.get('SEEDS', '400')
CC = os.environ.get('CC', 'cc')
FLAGS = ['-std=c17', '-O1', '-g0', '-w', '-D_XOPEN_SOURCE=700', '-I.']
LIBS = ['libwire.a', 'libcrypto.a', 'libtypes.a', 'libbase.a']
SYSTEM = ['-lsecp256k1', '-lcrypto', '-lsodium', '-lcmocka', '-lisal', '-lpthread']

CORE = ['consensus/*.c', 'consensus/*/*.c']
STORE = ['store/journal/*.c', 'store/sign_state/*.c']
CLUSTER = CORE + ['tests/unit/consensus/cluster.c']
DISK = STORE + ['tests/sim/disk.c', 'tests/sim/disk_damage.c']
SIM = CORE + STORE + ['node/shard/*.c', 'tests/sim/*.c']
# The order in which --find tries them.
TESTS = {
    'sim': (SIM, ['--from', '1', '--count', SEEDS, '--first']),
    'oracle': (SIM, ['1', '120']),
    'rules': (CLUSTER + ['tests/unit/consensus/test_rules.c'], []),
    'pitfalls': (CLUSTER + ['tests/unit/consensus/test_pitfalls.c'], []),
    'path': (CLUSTER + ['tests/unit/consensus/test_path.c'], []),
    'have': (CLUSTER + ['tests/unit/consensus/test_have.c'], []),
    'evidence': (CLUSTER + ['tests/unit/consensus/test_evidence.c'], []),
    'epochs': (CLUSTER + ['tests/unit/consensus/test_epochs.c'], []),
    'journal': (DISK + ['tests/unit/journal/test_journal.c'], []),
    'sign_state': (DISK + ['tests/unit/journal/test_sign_state.c'], []),
    'types': (['tests/unit/types/test_types.c'], []),
}


class Zoo:
    def __init__(self, build, scratch):
        self.build = build
        self.scratch = scratch
        self.objects = {}  # source -> object of the tree without a bug

    def sources(self, test):
        found = set()
        for pattern in TESTS[test][0]:
            found.update(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))
        return sorted(found)

    def compile(self, tree, source, out):
        subprocess.run([CC, *FLAGS, '-c', source, '-o', out], cwd=tree, check=True)
        return out

    def prepare(self, tests):
        wanted = sorted({source for test in tests for source in self.sources(test)})
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = pool.map(lambda source: self.compile(
                ROOT, source, str(self.scratch / source.replace('/', '_')) + '.o'), wanted)
            self.objects = dict(zip(wanted, objects))

    def link(self, test, changed, out):
        """changed: source -> object; a changed source of a library stands before the library."""
        objects = {source: self.objects[source] for source in self.sources(test)}
        objects.update({source: built for source, built in changed.items()
                        if source in objects or source.split('/')[0] in ('types', 'wire')})
        libs = [str(self.build / lib) for lib in LIBS]
        subprocess.run([CC, '-o', out, *objects.values(), *libs, *SYSTEM], check=True)

    def fails(self, test, changed, name):
        """The line that says so, or None."""
        out = str(self.scratch / f'{name}.{test}')
        self.link(test, changed, out)
        try:
            judge_first = [str(ROOT / 'tests/sim/oracle.py')] if test == 'oracle' else []
            run = subprocess.run([*judge_first, out, *TESTS[test][1]], capture_output=True,
                                 text=True, timeout=900, check=False, errors='replace')
        except subprocess.TimeoutExpired:
            return 'runs for ever'
        finally:
            os.unlink(out)
        if run.returncode == 0:
            return None
        lines = (run.stdout + run.stderr).splitlines()
        said = [line for line in lines if 'FAIL' in line] or lines[-1:] or ['killed']
        return said[0].strip()

    def mutate(self, name):
        """source -> object of the tree with the bug; None: the patch does not apply."""
        tree = self.scratch / name
        patch = MUTANTS / f'{name}.patch'
        touched = [line[6:].strip() for line in patch.read_text().splitlines()
                   if line.startswith('+++ b/')]
        tree.mkdir()
        for folder in ('base', 'types', 'wire', 'crypto', 'consensus', 'store', 'node', 'tests'):
            (tree / folder).symlink_to(ROOT / folder)
        for folder in {source.split('/')[0] for source in touched}:
            (tree / folder).unlink()
            subprocess.run(['cp', '-r', str(ROOT / folder), str(tree)], check=True)
        applied = subprocess.run(['git', 'apply', '--recount', str(patch)], cwd=tree, check=False)
        if applied.returncode != 0:
            return None
        changed = {}
        for source in touched:
            out = str(self.scratch / f'{name}_{source.replace("/", "_")}.o')
            changed[source] = self.compile(tree, source, out)
        subprocess.run(['rm', '-rf', str(tree)], check=True)
        return changed


def read_list():
    """name -> (test, in the sample)."""
    out = {}
    for line in (MUTANTS / 'list.txt').read_text().splitlines():
        words = line.split('#')[0].split()
        if words:
            out[words[0].lstrip('*')] = (words[1], words[0].startswith('*'))
    return out


def judge(zoo, name, tests):
    """(caught by, what it said)."""
    changed = zoo.mutate(name)
    if changed is None:
        return 'stale', 'the patch no longer applies: bring it up to date'
    for test in tests:
        said = zoo.fails(test, changed, name)
        if said:
            return test, said
    return 'survives', ''


def main():
    arguments = sys.argv[2:]
    find, every = '--find' in arguments, '--all' in arguments
    names = [word for word in arguments if not word.startswith('--')]
    known = {} if find else read_list()
    on_disk = sorted(path.stem for path in MUTANTS.glob('*.patch'))
    if not find and sorted(known) != on_disk:
        print('mutants: list.txt and the patches differ:', set(known) ^ set(on_disk))
        return 1
    stale = [name for name in on_disk if subprocess.run(
        ['git', 'apply', '--check', '--recount', str(MUTANTS / f'{name}.patch')],
        cwd=ROOT, check=False, capture_output=True).returncode != 0]
    if stale:
        print('mutants: these patches no longer apply, bring them up to date:', *stale)
        return 1
    if not names:
        names = [name for name in on_disk if find or every or known[name][1]]
    wanted = {name: list(TESTS) if find else [known[name][0]] for name in names}
    caught, bad = 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        zoo = Zoo(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(scratch))
        used = {test for tests in wanted.values() for test in tests if test in TESTS}
        zoo.prepare(sorted(used))
        for test in sorted(used):
            if zoo.fails(test, {}, 'none'):
                print(f'mutants: {test} fails without any bug')
                return 1
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = {name: pool.submit(judge, zoo, name, [t for t in tests if t in TESTS])
                    for name, tests in wanted.items()}
            for name, run in runs.items():
                test, said = run.result()
                caught += test in TESTS
                expected = find or test == known[name][0]
                bad += not expected
                print(f'{name:28} {test:10} {"" if expected else "UNEXPECTED "}{said}', flush=True)
    print(f'{len(names)} bugs, {caught} caught, {bad} not as the list says')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
