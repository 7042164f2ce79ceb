#ifndef CLIENT_COMPILER_ADAMW_H
#define CLIENT_COMPILER_ADAMW_H

#include "client/compiler/graph.h"

struct adamw_config {
    float learning_rate;
    float beta1;
    float beta2;
    float epsilon;
    float weight_decay;    /* decoupled; matrices only */
    uint32_t warmup_steps; /* the rate rises linearly over so many steps; 0: at once */
    uint32_t decay_steps;  /* then falls linearly to a tenth at this step; 0: never */
};

/* Append one AdamW step for every parameter with a gradient (Loshchilov, Hutter 2019), in
 * the composite form the training specification fixes:
 *
 *     m' = fma(1-b1, g-m, m)            v' = fma(1-b2, fma(g, g, -v), v)
 *     p' = fma(-lr, m' c1 / (sqrt(v' c2) + eps) + wd p, p)      ci = 1 / (1 - bi^t)
 *
 * The powers bi^t and the step number t are counters in the state: a program has no
 * memory but its state.  Moments are named m.<parameter> and v.<parameter>. */
void adamw_add(struct graph *graph, const struct adamw_config *config);

#endif /* CLIENT_COMPILER_ADAMW_H */
