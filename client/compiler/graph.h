#ifndef CLIENT_COMPILER_GRAPH_H
#define CLIENT_COMPILER_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"

/* The compiler's graph: straight-line code over tensors, in single assignment.
 *
 * Element-wise arithmetic is kept as single instructions here; fuse.c joins them into
 * the virtual machine's register programs, which never changes a bit because each
 * instruction rounds once wherever it runs.  Everything else is one node per machine
 * operator.
 *
 * Building cannot fail half way: the first mistake or full table sets graph->failed and
 * every later call returns tensor 0, so a template is written without a check per line
 * and the compiler looks once at the end.
 *
 * Shapes: scalars are [1], row vectors [N], column vectors [..., M, 1]; matrices are
 * [M, N], batches of them [B, M, N]. */

enum {
    GRAPH_IN_MAX = 3,
    GRAPH_OUT_MAX = 2,
    GRAPH_TENSOR_MAX = 1 << 16, /* the templates' largest program stays below 20,000 */
    GRAPH_STATE_MAX = 4096,     /* parameters, two moments each, and counters */
    GRAPH_NAME_MAX = 64,
    GRAPH_NONE = 0, /* tensor 0 does not exist */
};

enum graph_dtype { GRAPH_F32 = 0, GRAPH_I32 = 1, GRAPH_U8 = 3 };

enum graph_kind { GRAPH_TEMP, GRAPH_STATE, GRAPH_DATA };

enum graph_op {
    GRAPH_EWISE, /* one instruction: code, up to three operands */
    GRAPH_MATMUL,
    GRAPH_BMM,
    GRAPH_ROWSUM,
    GRAPH_ROWDOT,
    GRAPH_ROWMAX,
    GRAPH_COLSUM,
    GRAPH_GATHER,
    GRAPH_SCATTER,
    GRAPH_RESHAPE,
    GRAPH_SLICE,
    GRAPH_SPLIT_HEADS,
    GRAPH_MERGE_HEADS,
    GRAPH_BATCH_WINDOWS,
    GRAPH_BATCH_RECORDS,
    GRAPH_CAST, /* u8 -> f32 */
};

enum graph_code {
    GRAPH_ADD,
    GRAPH_SUB,
    GRAPH_MUL,
    GRAPH_DIV,
    GRAPH_FMA,
    GRAPH_SQRT,
    GRAPH_EXP,
    GRAPH_LOG,
    GRAPH_TANH,
    GRAPH_MAX,
    GRAPH_MIN,
    GRAPH_ABS,
    GRAPH_NEG,
    GRAPH_GT,
    GRAPH_GE,
    GRAPH_EQ,
    GRAPH_SEL,
    GRAPH_RINT,
    GRAPH_I2F,
    GRAPH_F2I,
    GRAPH_CONST,
    GRAPH_ROWIDX,
    GRAPH_COLIDX,
};

struct graph_tensor {
    enum graph_dtype dtype;
    enum graph_kind kind;
    uint32_t rank;
    uint32_t dims[4];
    bool differentiable; /* a parameter takes part in it */
};

struct graph_node {
    enum graph_op op;
    enum graph_code code; /* GRAPH_EWISE only */
    uint32_t in_count;
    uint32_t out_count;
    uint32_t in[GRAPH_IN_MAX];
    uint32_t out[GRAPH_OUT_MAX];
    uint32_t attr[2 * 4]; /* MATMUL, BMM: tA, tB; HEADS: heads, T; SLICE: starts, lengths; ... */
    float constant;       /* GRAPH_CONST only */
};

/* What the backward pass must do for one step of the forward pass: either the rule of
 * a single node or the rule of a composite, which needs fewer and better conditioned
 * operators than the sum of its parts. */
enum graph_rule {
    GRAPH_RULE_NODE,
    GRAPH_RULE_SOFTMAX,
    GRAPH_RULE_RMSNORM,
    GRAPH_RULE_CROSS_ENTROPY
};

struct graph_tape {
    enum graph_rule rule;
    uint32_t node;     /* GRAPH_RULE_NODE */
    uint32_t in[2];    /* composite: its inputs */
    uint32_t out;      /* composite: its result */
    uint32_t saved[2]; /* composite: values the rule reads again */
};

enum graph_class { GRAPH_PARAMETER, GRAPH_INNER, GRAPH_COUNTER };

enum graph_init { GRAPH_INIT_CONSTANT, GRAPH_INIT_RANDOM };

struct graph_state {
    uint32_t in;  /* tensor that holds the value before the step */
    uint32_t out; /* tensor whose value it takes after the step */
    enum graph_class class;
    enum graph_init init;
    float scale; /* the constant, or the standard deviation */
    bool decay;  /* weight decay applies: matrices, not gains and biases */
    char name[GRAPH_NAME_MAX];
};

struct graph {
    struct graph_tensor *tensors;
    struct graph_node *nodes;
    struct graph_tape *tape;
    struct graph_state *states;
    uint32_t *gradient; /* per tensor: its gradient, GRAPH_NONE if it has none */
    uint32_t *producer; /* per tensor: index of the node that makes it, plus 1 */
    uint32_t tensor_count;
    uint32_t node_count;
    uint32_t tape_count;
    uint32_t state_count;
    uint32_t muted; /* > 0: nodes belong to a composite and get no tape entry */
    bool failed;
    const char *why; /* first failure, for the person who wrote the template */
};

/* Empty graph on the heap; NULL when memory is short.  graph_free(NULL) is legal. */
MUST_USE struct graph *graph_new(void);
void graph_free(struct graph *graph);

/* Note the first failure; returns GRAPH_NONE. */
uint32_t graph_fail(struct graph *graph, const char *why);

uint32_t graph_tensor_add(struct graph *graph, const struct graph_tensor *tensor);
const struct graph_tensor *graph_tensor_at(const struct graph *graph, uint32_t id);
uint64_t graph_elements(const struct graph *graph, uint32_t id);
bool graph_same_shape(const struct graph *graph, uint32_t a, uint32_t b);

/* Append a node whose inputs are set; makes its outputs of the given shapes. */
uint32_t graph_node_add(struct graph *graph, const struct graph_node *node,
                        const struct graph_tensor *out);

/* Declare a state tensor; out starts equal to in. */
uint32_t graph_state_add(struct graph *graph, const struct graph_state *state, uint32_t rank,
                         const uint32_t *dims);
struct graph_state *graph_state_of(struct graph *graph, uint32_t tensor);

#endif /* CLIENT_COMPILER_GRAPH_H */
