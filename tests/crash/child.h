#ifndef TESTS_CRASH_CHILD_H
#define TESTS_CRASH_CHILD_H

#include <stdbool.h>
#include <stdint.h>

/* A process of its own for each life and each check: both may end anyhow. */

enum { CHILD_KILLED = -1, CHILD_CRASHED = -2 };

/* A life of `blocks` under the plan in *faults: CHILD_KILLED, CHILD_CRASHED (a signal that was
 * not ours), or what life_run answered. */
int child_live(const char *dir, uint64_t blocks);
/* What life_check answered, or CHILD_CRASHED. */
int child_check(const char *dir, bool after_damage);

/* How many lives or damages, and what became of them. */
struct tally {
    uint32_t met;     /* the fault happened */
    uint32_t sound;   /* ... and nothing was lost */
    uint32_t refused; /* ... and the node does not start, with a reason */
    uint32_t wrong;
};

struct campaign {
    const char *dir; /* for the databases; empty at first */
    uint64_t seed;
    uint32_t lives; /* of each cell */
    uint32_t wrong; /* violations so far */
};

/* The tables of crashes and of damage; *campaign counts what is wrong. */
void crash_table(struct campaign *campaign);
void step_table(struct campaign *campaign);
void damage_table(struct campaign *campaign);

/* The folders of the node in dir. */
bool folders_copy(const char *from, const char *to);
void folders_remove(const char *dir);

#endif /* TESTS_CRASH_CHILD_H */
