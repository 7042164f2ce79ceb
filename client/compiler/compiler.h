#ifndef CLIENT_COMPILER_COMPILER_H
#define CLIENT_COMPILER_COMPILER_H

#include "base/bytes.h"
#include "base/error.h"
#include "vm/vm.h"

/* The model compiler: from a template's name and a few numbers to a program of the tensor
 * VM and its first state.
 *
 *   forward graph -> reverse-mode derivative -> AdamW -> dead code, fusion -> program bytes
 *
 * It is off the chain and need not be trusted: the chain certifies that *this program* was
 * run, and who asks for a job signs its root.  Two machines that compile the same
 * specification get the same bytes, program and first state.
 *
 * A specification is one line of text, a template's name and key=value pairs in any order,
 * every key optional:
 *
 *   char-gpt layers=4 width=128 heads=4 context=64 batch=16
 *   mlp      layers=2 width=128 context=16 batch=64               next byte from a window
 *   mlp      layers=2 width=64 features=16 classes=10 batch=64    records: features, label
 *   mlp      layers=2 width=64 features=16 classes=0 batch=64     regression on the last byte
 *   all:     rate=0.003 warmup=50 decay=0 weight-decay=0.01 seed=1
 *
 * docs/models.md describes the templates and their state. */

enum compiler_kind { COMPILER_MLP, COMPILER_CHAR_GPT };

enum {
    COMPILER_VOCABULARY = 128, /* a token is a byte & 127 */
    COMPILER_SPEC_MAX = 256,   /* bytes of a specification's text, end included */
};

struct compiler_spec {
    enum compiler_kind kind;
    uint32_t layers;   /* 1 .. 64; mlp: hidden layers */
    uint32_t width;    /* 1 .. 4096: of the residual stream or of a hidden layer */
    uint32_t heads;    /* char-gpt: divides width */
    uint32_t context;  /* tokens a prediction sees, 1 .. 4096 */
    uint32_t batch;    /* windows or records per step, 1 .. 4096 */
    uint32_t features; /* mlp on records: input bytes of a record; 0: byte windows */
    uint32_t classes;  /* mlp on records: labels 0 .. classes-1; 0: regression */
    uint32_t warmup;   /* steps over which the learning rate rises */
    uint32_t decay;    /* step at which it has fallen to a tenth; 0: never */
    float rate;        /* learning rate */
    float weight_decay;
    uint64_t seed; /* of the first parameters */
};

/* Read a specification; false with the reason for an unknown name or key, a number out of
 * its range, or heads that do not divide width. */
MUST_USE bool compiler_spec_parse(const char *text, struct compiler_spec *out, struct error *error);

/* Canonical text: every key that matters for the template, in a fixed order. */
void compiler_spec_format(const struct compiler_spec *spec, char out[COMPILER_SPEC_MAX]);

/* A compiled model; immutable, so safe to share between threads. */
struct compiler_model;

/* Compile the training step.  data_count: bytes of the text (windows) or number of records;
 * it is part of the program, because a data set's shape is.  NULL with the reason. */
MUST_USE struct compiler_model *compiler_train(const struct compiler_spec *spec,
                                               uint32_t data_count, struct error *error);

/* Compile inference for one window or record: only the forward pass, batch 1.  Its state is
 * the parameters, under the names and in the order of compiler_train, then the counter
 * "input" (i32 [context]: token numbers; records: f32 [1, features]) and the counter
 * "output" (f32: char-gpt [context, 128] logits per position; mlp [1, outputs]). */
MUST_USE struct compiler_model *compiler_infer(const struct compiler_spec *spec,
                                               struct error *error);

void compiler_free(struct compiler_model *model); /* NULL is legal */

const struct vm_program *compiler_program(const struct compiler_model *model);
struct bytes compiler_bytes(const struct compiler_model *model); /* vm/program format */
const struct vm_cost *compiler_cost(const struct compiler_model *model);
/* Name of state tensor `index` (state_in order), for example "block0.attention.query". */
const char *compiler_state_name(const struct compiler_model *model, uint32_t index);
uint64_t compiler_parameter_count(const struct compiler_model *model);

/* First content of state tensor `index` into out (as many elements as it has): random
 * parameters are sums of four uniform 16-bit numbers (Irwin-Hall), drawn with Philox from
 * the seed and the index; moments are zero; counters have their start. */
void compiler_initial(const struct compiler_model *model, uint32_t index, void *out);

#endif /* CLIENT_COMPILER_COMPILER_H */
