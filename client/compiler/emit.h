#ifndef CLIENT_COMPILER_EMIT_H
#define CLIENT_COMPILER_EMIT_H

#include "client/compiler/fuse.h"
#include "client/compiler/graph.h"
#include "vm/vm.h"

/* A program in memory with its tables on the heap. */
struct emit_program {
    struct vm_program view;
    struct vm_tensor *tensors;
    struct vm_op *ops;
    uint32_t *state_in;
    uint32_t *state_out;
    uint32_t *state_of; /* per state of the program: index in graph->states */
};

/* From graph and plan to a program.  Tensors are numbered anew: states (parameters, inner,
 * counters), the data set, then results in the order in which operators write them.
 * False when memory is short; emit_free is legal either way. */
MUST_USE bool emit_run(const struct graph *graph, const struct fuse_plan *plan, uint32_t loss,
                       struct emit_program *out);
void emit_free(struct emit_program *program);

#endif /* CLIENT_COMPILER_EMIT_H */
