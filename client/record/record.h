#ifndef CLIENT_RECORD_RECORD_H
#define CLIENT_RECORD_RECORD_H

#include "base/error.h"
#include "client/model/model.h"
#include "client/outer/outer.h"
#include "types/limits.h"

/* What one worker did in one round, as files: the state a round began from and its segment.
 * The worker's journal is made of them, and whoever holds them can run the segment again and
 * compare every root (`gradus audit replay --training`).
 *
 *     base     [round, theta, momentum, inner, counters, ef]            before the round
 *     segment  [round, step, done, loss_first, loss_last, [root, ...], params root, inner root,
 *               counters root, salt, delta_root, theta, inner, counters, ef, delta]
 *
 * Canonical arrays followed by the SHA-256 of what stands before; tensors are arrays in
 * state_in order.  A segment under way has neither ef nor delta. */

/* Sizes that follow from the program. */
struct record_shape {
    uint64_t elements; /* parameters */
    uint64_t inner_size;
    uint64_t counters_size;
    uint64_t delta_size;
};
struct record_shape record_shape_of(const struct vm_program *program);

/* Arrays are the caller's. */
struct record_base {
    uint32_t round;
    float *theta;
    float *momentum;
    uint8_t *inner;
    uint8_t *counters;
    float *ef; /* error feedback */
};

struct record_segment {
    uint32_t round;
    uint32_t step; /* done */
    bool done;
    float loss_first;
    float loss_last;
    uint32_t root_count; /* 1 + sub-segments done */
    struct hash roots[SEGMENT_CHECKPOINT_MAX + 1];
    struct vm_state_roots end; /* when done, as are the next two */
    struct hash salt;
    struct hash delta_root;
    float *theta; /* the worker's own, after step */
    uint8_t *inner;
    uint8_t *counters;
    float *ef;      /* when done */
    uint8_t *delta; /* when done */
};

/* Replace the file at once, synced. */
MUST_USE bool record_write_base(const char *path, const struct record_shape *shape,
                                const struct record_base *base, struct error *error);
MUST_USE bool record_write_segment(const char *path, const struct record_shape *shape,
                                   const struct record_segment *segment, struct error *error);

/* False: EXIT_CODE_NOT_FOUND, or EXIT_CODE_VERIFY when damaged or of another shape; then the
 * arrays hold anything. */
MUST_USE bool record_read_base(const char *path, const struct record_shape *shape,
                               struct record_base *base, struct error *error);
MUST_USE bool record_read_segment(const char *path, const struct record_shape *shape,
                                  struct record_segment *segment, struct error *error);

/* Arrays for one of them on the heap. */
MUST_USE bool record_base_alloc(const struct record_shape *shape, struct record_base *base);
void record_base_free(struct record_base *base);
MUST_USE bool record_segment_alloc(const struct record_shape *shape,
                                   struct record_segment *segment);
void record_segment_free(struct record_segment *segment);

/* ---- Running it again --------------------------------------------------------------------- */

struct record_replay {
    const struct vm_program *program;
    const void *data; /* content of the data tensor */
    uint32_t threads;
    struct vm_isa isa;
    const struct record_base *base;
    struct hash key;          /* id_batch_key of job, round, worker key and the round's beacon */
    uint64_t first_step;      /* round x local_steps */
    uint32_t steps;           /* the member's H_i */
    uint32_t stride;          /* local_steps / checkpoints */
    const struct hash *roots; /* claimed: steps / stride + 1 */
    struct hash delta_root;   /* claimed */
    float *ef_after;          /* takes the error feedback after a right segment; may be NULL */
    bool (*progress)(void *context, uint32_t step, uint32_t steps); /* false ends it; may be NULL */
    void *context;
};

enum record_verdict {
    RECORD_RIGHT,
    RECORD_WRONG_START, /* the base is not the state that the first root names */
    RECORD_WRONG_STEP,  /* sub_segment: the first whose end differs */
    RECORD_WRONG_DELTA,
    RECORD_WRONG_TRAP, /* a step of sub_segment traps here */
};

struct record_outcome {
    enum record_verdict verdict;
    uint32_t sub_segment;
    struct hash expected; /* claimed */
    struct hash actual;
};

/* False: no memory or threads, or progress ended it (EXIT_CODE_INTERRUPTED). */
MUST_USE bool record_replay(const struct record_replay *replay, struct record_outcome *out,
                            struct error *error);

#endif /* CLIENT_RECORD_RECORD_H */
