#ifndef TESTS_CRASH_FAULTS_H
#define TESTS_CRASH_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A disk that fails: write, pwrite, fsync and fdatasync of this process, RocksDB's included, go
 * through here.  A life of the toy node runs in a child process; what it and its disk did is
 * in shared memory, which survives its death.
 *
 * A sync is not asked of the real disk: what a power cut takes is decided by the parent, from
 * the sizes that files had when they were last synced. */

enum fault_class {
    CLASS_JOURNAL,
    CLASS_SIGN,
    CLASS_CHAIN_LOG,
    CLASS_STATE_LOG,
    CLASS_TABLE,
    CLASS_MANIFEST,
    CLASS_COUNT,
    CLASS_OTHER = CLASS_COUNT, /* CURRENT, OPTIONS, the log for people */
};

enum fault_action {
    KILL_BEFORE_WRITE,
    KILL_IN_WRITE, /* half of it is written */
    KILL_BEFORE_SYNC,
    POWER_BEFORE_SYNC,
    POWER_AFTER_SYNC,
    FAIL_WRITE,
    FAIL_FULL,
    STAYS_FULL, /* no file takes a byte from here on */
    FAIL_SYNC,
    SHORT_WRITE, /* legal: the rest must be written, too */
    ACTION_COUNT,
    KILL_AT_STEP = ACTION_COUNT,
    POWER_AT_STEP,
};

enum step {
    STEP_JOURNAL_APPEND,
    STEP_JOURNAL_SYNC,
    STEP_SIGN,
    STEP_JOURNAL_AGAIN,
    STEP_SIGN_AGAIN,
    STEP_CHAIN,
    STEP_COMMIT,
    STEP_SYNC_AND_PRUNE,
    STEP_END,
    STEP_COUNT,
};

struct fault_plan {
    enum fault_action action;
    uint32_t where; /* enum fault_class, or enum step */
    uint32_t nth;   /* the how manyth such call, from 0 */
};

enum { FAULT_FILES_MAX = 4096, FAULT_TEXT_MAX = 400 };

struct durable {
    ino_t inode;
    off_t size;
};

struct faults {
    bool armed;
    struct fault_plan plan;
    atomic_uint count;
    atomic_bool met;
    atomic_uint file_count;
    struct durable files[FAULT_FILES_MAX]; /* the newest entry of an inode counts */
    /* What the node has said to the world. */
    uint64_t notarized;
    uint64_t finalized;
    uint64_t final;
    char text[FAULT_TEXT_MAX]; /* why it stopped, or what is wrong */
};

extern struct faults *faults; /* shared */

void faults_make(void);

/* In the parent: every file below dir is durable as it is. */
void faults_settle(const char *dir);

/* In the parent, after the death of the child: the power is cut.  What was not synced is gone, or
 * its beginning is there. */
void faults_cut_power(const char *dir, uint64_t *seed);

/* In the child: a boundary between two steps. */
void faults_step(enum step step);

enum fault_class faults_class(const char *path);

#endif /* TESTS_CRASH_FAULTS_H */
