#ifndef CLIENT_MODEL_MODEL_H
#define CLIENT_MODEL_MODEL_H

#include "base/bytes.h"
#include "base/error.h"
#include "client/compiler/compiler.h"
#include "vm/vm.h"

/* Running compiled models off the chain: a program with its memory and threads, training on
 * one machine, sampling, checkpoints, and how long a step takes here.  Rounds of several
 * workers are in client/outer/outer.h.
 *
 * Everything that is computed comes from the tensor VM, so a state root reached here is the
 * one every other machine reaches.  Functions that can fail say why in *error. */

/* ---- Running a program ---------------------------------------------------------- */

struct model_run;

struct model_run_config {
    const struct vm_program *program; /* outlives the run */
    const void *data;                 /* of the VM_DATA tensor, outlives the run; or NULL */
    uint32_t threads;                 /* 1 .. POOL_THREADS_MAX */
    struct vm_isa isa;                /* model_isa(), unless another is wanted */
};

/* The fastest instruction set of this machine. */
struct vm_isa model_isa(void);
/* "plain", "fma", "avx2", "avx512" or "auto"; false if unknown or not on this machine. */
MUST_USE bool model_isa_find(const char *name, struct vm_isa *out, struct error *error);
const char *model_isa_name(struct vm_isa isa);

/* Bytes of memory a run of this program takes: tell people before it starts. */
uint64_t model_run_memory(const struct vm_program *program, uint32_t threads);

/* State starts as zeros.  NULL: EXIT_CODE_FAILURE when memory or threads are short,
 * EXIT_CODE_VERIFY for a program that reads constant tensors (a job has no place for their
 * content) or data that was not given. */
MUST_USE struct model_run *model_run_new(const struct model_run_config *config,
                                         struct error *error);
void model_run_free(struct model_run *run); /* NULL is legal */

/* State tensor `index` (state_in order); the address is valid until the next step. */
void *model_run_state(struct model_run *run, uint32_t index);
/* Fill the whole state with the model's first values. */
void model_run_reset(struct model_run *run, const struct compiler_model *model);

/* One step under this batch key; false after a trap, with the state unchanged. */
MUST_USE bool model_run_step(struct model_run *run, const struct hash *key, uint64_t step,
                             struct vm_result *out);

void model_run_roots(struct model_run *run, struct vm_state_roots *out);
/* Root of the whole state when `step` is the number of the next step. */
void model_run_root(struct model_run *run, uint64_t step, struct hash *out);

/* Copy one group of state tensors out to, or in from, one array in state_in order;
 * model_group_bytes says how large it is. */
uint64_t model_group_bytes(const struct vm_program *program, enum vm_group group);
void model_run_read(struct model_run *run, enum vm_group group, void *out);
void model_run_write(struct model_run *run, enum vm_group group, const void *in);

/* ---- Checkpoints ---------------------------------------------------------------- */

enum { MODEL_JOB_MAX = 96 };

/* What a checkpoint file says about itself; all of it stands in the file's __metadata__. */
struct model_info {
    struct compiler_spec spec;
    char job[MODEL_JOB_MAX]; /* the job's id in hex, or "local" */
    uint64_t round;          /* local training: steps done */
    struct hash state_root;  /* of the chain's round, or model_run_root */
    bool certified;
};

/* Write the state tensors state[index] (state_in order) that are not NULL: the parameters, or
 * everything.  Equal states and infos give equal files. */
MUST_USE bool model_checkpoint_save(const char *path, const struct model_info *info,
                                    const struct compiler_model *model, const void *const *state,
                                    struct error *error);

struct model_checkpoint;
MUST_USE struct model_checkpoint *model_checkpoint_load(const char *path, struct error *error);
void model_checkpoint_free(struct model_checkpoint *checkpoint); /* NULL is legal */
const struct model_info *model_checkpoint_info(const struct model_checkpoint *checkpoint);

/* Copy the parameters (or, if whole, all state) from the file into the run; false if one is
 * missing or of another shape. */
MUST_USE bool model_checkpoint_fill(const struct model_checkpoint *checkpoint,
                                    const struct compiler_model *model, struct model_run *run,
                                    bool whole, struct error *error);

/* ---- Training on this machine ---------------------------------------------------- */

struct model_progress {
    uint64_t step;  /* done, 1 .. steps */
    uint64_t steps; /* to do in all */
    float loss;     /* of this step */
    double seconds; /* since the first step began */
};

struct model_train {
    struct compiler_spec spec;
    struct bytes data; /* the text, or whole records */
    uint64_t steps;
    uint32_t threads;
    struct vm_isa isa;
    const char *checkpoint; /* path to write the whole state to, or NULL */
    /* Called after every step; returning false ends the training after it.  May be NULL. */
    bool (*progress)(void *context, const struct model_progress *progress);
    void *context;
    float *losses; /* room for one per step, or NULL */
};

struct model_trained {
    uint64_t steps; /* done */
    float first_loss;
    float last_loss; /* mean of the last 20 steps, or of all if fewer */
    struct hash state_root;
    double seconds;
};

/* Train from the specification's first parameters under the batch key of zeros: the
 * result is a function of spec, data and steps alone. */
MUST_USE bool model_train_local(const struct model_train *train, struct model_trained *out,
                                struct error *error);

/* ---- Sampling --------------------------------------------------------------------- */

struct model_sample {
    const char *prompt; /* may be empty; bytes above 127 lose their top bit */
    uint32_t count;     /* bytes to generate */
    float temperature;  /* 0: always the likeliest byte; 1: as trained */
    uint64_t seed;
    uint32_t threads;
};

/* Continue the prompt; out has room for count + 1 bytes and is terminated.  Bytes that are
 * no printable ASCII or line feed come out as '?'.  The same checkpoint, prompt and seed give
 * the same text on every machine. */
MUST_USE bool model_sample(const struct model_checkpoint *checkpoint,
                           const struct model_sample *sample, char *out, struct error *error);

/* ---- Measuring --------------------------------------------------------------------- */

struct model_speed {
    double step_ms; /* median */
    double best_ms;
    uint32_t steps;  /* measured, after one to warm up */
    uint64_t macs;   /* of one step */
    uint64_t memory; /* bytes of a run */
};

/* Time steps of this model for about `seconds` (at least three steps), to size rounds:
 * steps = time / step_ms. */
MUST_USE bool model_measure(const struct compiler_model *model,
                            const struct model_run_config *config, double seconds,
                            struct model_speed *out, struct error *error);

#endif /* CLIENT_MODEL_MODEL_H */
