#!/usr/bin/env python3
"""oracle.py [SIM SEED...] | oracle.py FILE: the rules, derived again from what was said.

Reads the record of a run (sim --record): every signature as it was released, every proposal,
every block as a node called it final.  Shares no code with the core and does its own sums.
Judged, in the order of the record, each epoch with its own members and views:

  N(v,h)  q validators signed NOTARIZE for h in view v      Z(v)  q signed NULLIFY in v
  F(v,h)  q signed FINALIZE for h in view v                 q     two quorums share an honest one

  R5  an honest NOTARIZE(v,h): one per view, the leader's own proposal, whose parent is
      notarized and between whose parent's view and v every view has a Z, by then
  R8  an honest FINALIZE(v,h): N(v,h) exists by then, and no NULLIFY(v) of the same signer, ever
  R10 a final block: the proposal of an F that exists by then, or an ancestor of one; the blocks
      of one height are one block, and each stands on the one before it
  E3  on a proposal of a block that ends its epoch only that block is proposed, again
  E4  nobody honest signs for an epoch that is not open or whose member he is not
"""
import subprocess
import sys

ZERO = '0' * 64


def quorum(n):
    """The smallest number of which any two share more than f, when f < n/3; all, below four."""
    f = max(k for k in range(n) if 3 * k < n)
    return n if n < 4 else next(q for q in range(1, n + 1) if 2 * q - n > f)


class Run:
    def __init__(self):
        self.excused = 0
        self.sets = {}       # epoch -> (offset, members)
        self.proposals = {}  # hash -> (epoch, view), leader, parent view, parent, block, height, ends
        self.signers = {}    # (kind, (epoch, view), hash) -> set of validators
        self.values = {}     # (validator, kind, (epoch, view)) -> set of hashes
        self.final = set()   # proposals that an F makes final, with their ancestors
        self.heights = {}    # height -> block
        self.heads = {}      # node -> (height, block)
        self.votes = 0

    def has(self, kind, view, proposal):
        count = len(self.signers.get((kind, view, proposal), ()))
        return count >= quorum(len(self.sets[view[0]][1]))

    def mark_final(self, proposal):
        while proposal != ZERO and proposal not in self.final:
            self.final.add(proposal)
            proposal = self.proposals[proposal][3]

    def judge_notarize(self, validator, view, proposal):
        if proposal not in self.proposals:
            return 'NOTARIZE for what nobody proposed'
        its_view, leader, parent_view, parent, block, height, _ = self.proposals[proposal]
        epoch, number = view
        offset, members = self.sets[epoch]
        if its_view != view or leader != (number - 1 + offset) % len(members):
            return 'NOTARIZE for another view or of another leader'
        if parent_view > 0 and not self.has(1, (epoch, parent_view), parent):
            return 'NOTARIZE over a parent without N'
        if parent_view > 0:
            *_, parent_block, parent_height, ends = self.proposals[parent]
            if ends and (block, height) != (parent_block, parent_height):
                return 'NOTARIZE of another block on one that ends its epoch'
            if not ends and parent_height + 1 != height:
                return 'NOTARIZE of a wrong height'
        missing = [u for u in range(parent_view + 1, number)
                   if not self.has(2, (epoch, u), ZERO)]
        return f'NOTARIZE skips view {missing[0]} without a Z' if missing else None

    def judge(self, validator, kind, view, proposal):
        if len(self.values.get((validator, kind, view), ())) > 1:
            return f'two values of kind {kind}'
        if self.values.get((validator, 2, view)) and self.values.get((validator, 3, view)):
            return 'NULLIFY and FINALIZE'
        if kind == 1:
            return self.judge_notarize(validator, view, proposal)
        if kind == 3 and not self.has(1, view, proposal):
            return 'FINALIZE without an N'
        return None

    def sign(self, validator, kind, view, proposal):
        if view[0] not in self.sets or validator not in self.sets[view[0]][1]:
            honest = not self.excused >> validator & 1
            return honest and f'validator {validator} signs for epoch {view[0]}: no member'
        again = proposal in self.values.get((validator, kind, view), ())
        self.values.setdefault((validator, kind, view), set()).add(proposal)
        honest = not self.excused >> validator & 1
        fault = self.judge(validator, kind, view, proposal) if honest and not again else None
        self.signers.setdefault((kind, view, proposal), set()).add(validator)
        self.votes += 1
        if kind == 3 and self.has(3, view, proposal) and proposal in self.proposals:
            self.mark_final(proposal)
        return fault and f'validator {validator} in epoch, view {view}: {fault}'

    def commit(self, node, height, proposal):
        block = self.proposals[proposal][4]
        if proposal not in self.final:
            return f'node {node}: height {height} is final without an F on it or above it'
        if self.heights.setdefault(height, block) != block:
            return f'node {node}: another block at height {height}'
        if self.heads.get(node, 0) + 1 != height:
            return f'node {node}: height {height} after {self.heads.get(node, 0)}'
        self.heads[node] = height
        return None

    def line(self, words):
        if words[0] == 'run':
            self.sets[1] = (0, list(range(int(words[1]))))
            self.excused = int(words[2])
        elif words[0] == 'epoch':
            self.sets[int(words[1])] = (int(words[2]), [int(word) for word in words[3:]])
        elif words[0] == 'proposal':
            view, leader, parent_view, height = map(int, words[2:6])
            self.proposals[words[1]] = ((int(words[8]), view), leader, parent_view, words[6],
                                        words[7], height, words[9] == '1')
        elif words[0] == 'sign':
            view = (int(words[5]), int(words[3]))
            return self.sign(int(words[1]), int(words[2]), view, words[4])
        elif words[0] == 'final':
            return self.commit(int(words[1]), int(words[2]), words[3])
        return None


def judge_file(lines, name):
    run = Run()
    for number, line in enumerate(lines, 1):
        fault = run.line(line.split())
        if fault:
            print(f'FAIL {name} line {number}: {fault}')
            return None
    return run


def main():
    if len(sys.argv) == 2:
        with open(sys.argv[1], encoding='ascii') as file:
            return 0 if judge_file(file, sys.argv[1]) else 1
    sim, first, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    runs = []
    for seed in range(first, last + 1):
        child = subprocess.run([sim, '--seed', str(seed), '--record', '/dev/stdout'],
                               capture_output=True, check=False, text=True)
        runs.append(judge_file(child.stdout.splitlines(), f'seed {seed}'))
    judged = [run for run in runs if run]
    print(f'{len(runs)} runs, {sum(run.votes for run in judged)} signatures, '
          f'{sum(len(run.heights) for run in judged)} heights judged, '
          f'{len(runs) - len(judged)} failed')
    said = all(run.votes > 0 for run in judged)
    return 0 if len(judged) == len(runs) and said else 1


if __name__ == '__main__':
    sys.exit(main())
