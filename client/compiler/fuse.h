#ifndef CLIENT_COMPILER_FUSE_H
#define CLIENT_COMPILER_FUSE_H

#include "client/compiler/graph.h"
#include "vm/vm.h"

/* Dead-code removal and element-wise fusion.
 *
 * Walking backwards, every element-wise instruction joins the register program of its
 * earliest reader if both run over the same elements and the machine's limits (32
 * instructions, 16 registers, 8 full inputs, 4 outputs) still hold; a value somebody else
 * also reads becomes an additional output.  Constants and index numbers are repeated where
 * they are used.  Fusing cannot change a bit: each instruction rounds once, in a register
 * or in memory. */

enum { FUSE_MEMBER_MAX = 32 };

/* One operator of the program: a single node, or several element-wise nodes. */
struct fuse_group {
    uint32_t count;
    uint32_t members[FUSE_MEMBER_MAX]; /* node indices, descending; members[0] is the last */
    bool external[FUSE_MEMBER_MAX];    /* its value is read outside of the group */
};

struct fuse_plan {
    uint32_t count;
    struct fuse_group *groups; /* in the order in which they run */
};

/* The operators that the loss and every state's next value need.  False when memory is
 * short.  The plan is freed with fuse_free. */
MUST_USE bool fuse_run(const struct graph *graph, uint32_t loss, struct fuse_plan *out);
void fuse_free(struct fuse_plan *plan);

/* Register program of an element-wise group.  Writes opcode, inputs, outputs (ids of the
 * graph's tensors) and attrs; false if the machine's limits do not hold. */
MUST_USE bool fuse_encode(const struct graph *graph, const struct fuse_group *group,
                          struct vm_op *out);

#endif /* CLIENT_COMPILER_FUSE_H */
