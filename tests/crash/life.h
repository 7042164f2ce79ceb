#ifndef TESTS_CRASH_LIFE_H
#define TESTS_CRASH_LIFE_H

#include <stdbool.h>
#include <stdint.h>

/* A toy validator: journal, sign.state, chain.db and state.db in the order of J2, with blocks of
 * the toy ledger.  Block, vote and state of a height are always the same, so that after any
 * death everything that was said can be compared with what is on the disk. */

/* In a child: open dir and make `blocks` more; 0 when they are made, else the exit code of the
 * error, with its line in faults->text. */
int life_run(const char *dir, uint64_t blocks);

enum life_verdict {
    LIFE_SOUND = 0,    /* nothing that was said is lost, the root is the model's */
    LIFE_VIOLATED = 1, /* something is wrong and was accepted */
    /* else: the exit code with which a node would stop */
};

/* In a child: open dir, execute what state.db lacks, and compare everything.  after_damage: a vote
 * may stand in the journal alone, as the node believes both. */
int life_check(const char *dir, bool after_damage);

#endif /* TESTS_CRASH_LIFE_H */
