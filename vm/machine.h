#ifndef VM_MACHINE_H
#define VM_MACHINE_H

#include "vm/op/kernels.h"
#include "vm/vm.h"

/* The inside of struct vm and its memory plan. */

#define VM_NOWHERE UINT32_MAX

/* Where a tensor's content lies.  A tensor that is another's memory (RESHAPE) names that as
 * its root; everything else here is about roots. */
struct vm_slot {
    uint32_t root;
    uint32_t last_use; /* operator; op_count if needed after the step */
    uint32_t next;     /* list of slots that die at the same operator */
    uint32_t owner;    /* state index whose next value is written here directly */
    uint64_t offset;   /* in the arena; UINT64_MAX: outside it (const, data) */
    void *data;
};

/* A state tensor has two buffers: the current value, and where the step writes the next.  If
 * nothing can write there directly (the same tensor feeds two states, say) it is copied. */
struct vm_pair {
    uint64_t offset;
    uint64_t spare_offset;
    void *spare;
    bool direct;
    bool fixed; /* state_out is state_in: one buffer */
};

struct vm_fault {
    enum vm_trap trap;
    uint32_t op;
};

struct vm {
    struct vm_setup setup;
    const struct vm_kernels *kernels;
    struct vm_slot *slots;
    struct vm_pair *pairs;
    uint32_t lanes;
    uint64_t footprint;
    uint64_t scratch_offset;
    float *scratch;
    struct hash key;
    uint64_t step;
    struct vm_fault faults[VM_LANES_MAX];
};

#endif /* VM_MACHINE_H */
