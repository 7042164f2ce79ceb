#ifndef TESTS_SUPPORT_VM_MLP_H
#define TESTS_SUPPORT_VM_MLP_H

#include "tests/support/vm_builder.h"

/* A recorded training job: a perceptron 16-24-4 with tanh, softmax cross entropy and momentum,
 * written operator by operator, on records of 16 bytes and a label. */

enum {
    MLP_RECORDS = 200,
    MLP_PIXELS = 16,
    MLP_HIDDEN = 24,
    MLP_CLASSES = 4,
    MLP_BATCH = 33,
    MLP_PARAMS = 4,
};

struct mlp {
    struct vm_builder b;
    uint32_t params[MLP_PARAMS]; /* w1 b1 w2 b2 */
    uint32_t moments[MLP_PARAMS];
    uint32_t grads[MLP_PARAMS];
    uint32_t decay; /* a counter: learning rate times 0.99 per step */
    uint32_t x;
    uint32_t label;
    uint32_t hidden;
    uint32_t logits;
    uint32_t dlogits;
};

static inline void mlp_batch(struct mlp *m)
{
    struct vm_builder *b = &m->b;
    const uint32_t data = builder_tensor(b, VM_DATA, VM_U8, dims2(MLP_RECORDS, MLP_PIXELS + 1));
    const uint32_t batch = builder_temp(b, VM_U8, dims2(MLP_BATCH, MLP_PIXELS + 1));
    builder_word(builder_unary(b, VM_BATCH_RECORDS, data, batch), 0);
    const uint32_t pixels = builder_temp(b, VM_U8, dims2(MLP_BATCH, MLP_PIXELS));
    struct vm_op *op = builder_unary(b, VM_SLICE, batch, pixels);
    for (int i = 0; i < 4; i++) {
        builder_word(op, 0);
    }
    const uint32_t labels = builder_temp(b, VM_U8, dims2(MLP_BATCH, 1));
    op = builder_unary(b, VM_SLICE, batch, labels);
    for (int i = 0; i < 4; i++) {
        builder_word(op, i == 1 ? MLP_PIXELS : 0);
    }
    const uint32_t bytes = builder_temp(b, VM_F32, dims2(MLP_BATCH, MLP_PIXELS));
    builder_unary(b, VM_CAST, pixels, bytes);
    m->label = builder_temp(b, VM_I32, dims2(MLP_BATCH, 1));
    builder_unary(b, VM_CAST, labels, m->label);
    m->x = builder_temp(b, VM_F32, dims2(MLP_BATCH, MLP_PIXELS));
    builder_ewise(b, &(struct builder_ewise){
                         .in_count = 1,
                         .in = {bytes},
                         .out_count = 1,
                         .out = {m->x},
                         .results = {0},
                         .code_count = 2,
                         .code = {{VM_E_CONST, 1, 0, 0, 0}, {VM_E_MUL, 0, 0, 1, 0}},
                         .const_count = 1,
                         .consts = {1.0F / 255.0F},
                     });
}

/* y = x w + bias, through tanh if asked. */
static inline uint32_t mlp_layer(struct mlp *m, uint32_t x, int layer, uint32_t width)
{
    struct vm_builder *b = &m->b;
    const uint32_t product = builder_temp(b, VM_F32, dims2(MLP_BATCH, width));
    builder_matmul(b, VM_MATMUL, 0, (uint32_t[3]){x, m->params[layer], product});
    const uint32_t out = builder_temp(b, VM_F32, dims2(MLP_BATCH, width));
    builder_ewise(b, &(struct builder_ewise){
                         .in_count = 2,
                         .in = {product, m->params[layer + 1]},
                         .kinds = {VM_FULL, VM_ROW},
                         .out_count = 1,
                         .out = {out},
                         .results = {0},
                         .code_count = layer == 0 ? 2 : 1,
                         .code = {{VM_E_ADD, 0, 0, 1, 0}, {VM_E_TANH, 0, 0, 0, 0}},
                     });
    return out;
}

/* loss = mean(log(sum) - logit[label] + max), dlogits = (softmax - [col == label]) / batch. */
static inline void mlp_loss(struct mlp *m)
{
    struct vm_builder *b = &m->b;
    const struct builder_dims rows = dims2(MLP_BATCH, 1);
    const struct builder_dims full = dims2(MLP_BATCH, MLP_CLASSES);
    const uint32_t max = builder_temp(b, VM_F32, rows);
    builder_unary(b, VM_ROWMAX, m->logits, max);
    const uint32_t exps = builder_temp(b, VM_F32, full);
    const uint32_t hits = builder_temp(b, VM_F32, full);
    builder_ewise(b, &(struct builder_ewise){
                         .in_count = 3,
                         .in = {m->logits, max, m->label},
                         .kinds = {VM_FULL, VM_COL, VM_COL},
                         .out_count = 2,
                         .out = {exps, hits},
                         .results = {3, 4},
                         .code_count = 5,
                         .code = {{VM_E_SUB, 3, 0, 1, 0},
                                  {VM_E_EXP, 3, 3, 0, 0},
                                  {VM_E_COLIDX, 4, 0, 0, 0},
                                  {VM_E_I2F, 5, 2, 0, 0},
                                  {VM_E_EQ, 4, 4, 5, 0}},
                     });
    const uint32_t sums = builder_temp(b, VM_F32, rows);
    builder_unary(b, VM_ROWSUM, exps, sums);
    const uint32_t chosen = builder_temp(b, VM_F32, rows);
    builder_binary(b, VM_ROWDOT, m->logits, hits, chosen);
    const uint32_t losses = builder_temp(b, VM_F32, rows);
    builder_ewise(b, &(struct builder_ewise){
                         .in_count = 3,
                         .in = {sums, chosen, max},
                         .out_count = 1,
                         .out = {losses},
                         .results = {0},
                         .code_count = 5,
                         .code = {{VM_E_LOG, 0, 0, 0, 0},
                                  {VM_E_SUB, 0, 0, 1, 0},
                                  {VM_E_ADD, 0, 0, 2, 0},
                                  {VM_E_CONST, 1, 0, 0, 0},
                                  {VM_E_MUL, 0, 0, 1, 0}},
                         .const_count = 1,
                         .consts = {1.0F / MLP_BATCH},
                     });
    b->program.loss = builder_temp(b, VM_F32, dims1(1));
    builder_unary(b, VM_COLSUM, losses, b->program.loss);
    m->dlogits = builder_temp(b, VM_F32, full);
    builder_ewise(b, &(struct builder_ewise){
                         .in_count = 3,
                         .in = {exps, sums, hits},
                         .kinds = {VM_FULL, VM_COL, VM_FULL},
                         .out_count = 1,
                         .out = {m->dlogits},
                         .results = {0},
                         .code_count = 4,
                         .code = {{VM_E_DIV, 0, 0, 1, 0},
                                  {VM_E_SUB, 0, 0, 2, 0},
                                  {VM_E_CONST, 1, 0, 0, 0},
                                  {VM_E_MUL, 0, 0, 1, 0}},
                         .const_count = 1,
                         .consts = {1.0F / MLP_BATCH},
                     });
}

static inline void mlp_backward(struct mlp *m)
{
    struct vm_builder *b = &m->b;
    const struct builder_dims hidden = dims2(MLP_BATCH, MLP_HIDDEN);
    m->grads[2] = builder_temp(b, VM_F32, dims2(MLP_HIDDEN, MLP_CLASSES));
    builder_matmul(b, VM_MATMUL, VM_TA, (uint32_t[3]){m->hidden, m->dlogits, m->grads[2]});
    m->grads[3] = builder_temp(b, VM_F32, dims1(MLP_CLASSES));
    builder_unary(b, VM_COLSUM, m->dlogits, m->grads[3]);
    const uint32_t back = builder_temp(b, VM_F32, hidden);
    builder_matmul(b, VM_MATMUL, VM_TB, (uint32_t[3]){m->dlogits, m->params[2], back});
    const uint32_t dhidden = builder_temp(b, VM_F32, hidden);
    builder_ewise(b, &(struct builder_ewise){
                         .in_count = 2,
                         .in = {m->hidden, back},
                         .out_count = 1,
                         .out = {dhidden},
                         .results = {2},
                         .code_count = 4,
                         .code = {{VM_E_CONST, 2, 0, 0, 0},
                                  {VM_E_NEG, 3, 0, 0, 0},
                                  {VM_E_FMA, 2, 3, 0, 2},
                                  {VM_E_MUL, 2, 2, 1, 0}},
                         .const_count = 1,
                         .consts = {1.0F},
                     });
    m->grads[0] = builder_temp(b, VM_F32, dims2(MLP_PIXELS, MLP_HIDDEN));
    builder_matmul(b, VM_MATMUL, VM_TA, (uint32_t[3]){m->x, dhidden, m->grads[0]});
    m->grads[1] = builder_temp(b, VM_F32, dims1(MLP_HIDDEN));
    builder_unary(b, VM_COLSUM, dhidden, m->grads[1]);
}

/* v' = 0.9 v + g; p' = p - rate v'. */
static inline void mlp_update(struct mlp *m, int i)
{
    struct vm_builder *b = &m->b;
    const struct vm_tensor *p = &b->tensors[m->params[i]];
    struct builder_dims dims = {.rank = p->rank};
    memcpy(dims.dims, p->dims, sizeof dims.dims);
    const uint32_t moment = builder_temp(b, VM_F32, dims);
    const uint32_t param = builder_temp(b, VM_F32, dims);
    builder_ewise(b, &(struct builder_ewise){
                         .in_count = 4,
                         .in = {m->params[i], m->moments[i], m->grads[i], m->decay},
                         .kinds = {VM_FULL, VM_FULL, VM_FULL, VM_SCALAR},
                         .out_count = 2,
                         .out = {moment, param},
                         .results = {1, 0},
                         .code_count = 4,
                         .code = {{VM_E_CONST, 4, 0, 0, 0},
                                  {VM_E_FMA, 1, 1, 4, 2},
                                  {VM_E_NEG, 3, 3, 0, 0},
                                  {VM_E_FMA, 0, 3, 1, 0}},
                         .const_count = 1,
                         .consts = {0.9F},
                     });
    builder_next(b, m->moments[i], moment);
    builder_next(b, m->params[i], param);
}

static inline void mlp_build(struct mlp *m)
{
    memset(m, 0, sizeof *m);
    struct vm_builder *b = &m->b;
    builder_init(b);
    const struct builder_dims dims[MLP_PARAMS] = {dims2(MLP_PIXELS, MLP_HIDDEN), dims1(MLP_HIDDEN),
                                                  dims2(MLP_HIDDEN, MLP_CLASSES),
                                                  dims1(MLP_CLASSES)};
    for (int i = 0; i < MLP_PARAMS; i++) {
        m->params[i] = builder_state(b, VM_PARAMS, VM_F32, dims[i]);
    }
    for (int i = 0; i < MLP_PARAMS; i++) {
        m->moments[i] = builder_state(b, VM_INNER, VM_F32, dims[i]);
    }
    m->decay = builder_state(b, VM_COUNTERS, VM_F32, dims1(1));
    mlp_batch(m);
    m->hidden = mlp_layer(m, m->x, 0, MLP_HIDDEN);
    m->logits = mlp_layer(m, m->hidden, 2, MLP_CLASSES);
    mlp_loss(m);
    mlp_backward(m);
    for (int i = 0; i < MLP_PARAMS; i++) {
        mlp_update(m, i);
    }
    const uint32_t next = builder_temp(b, VM_F32, dims1(1));
    builder_ewise(b, &(struct builder_ewise){
                         .in_count = 1,
                         .in = {m->decay},
                         .out_count = 1,
                         .out = {next},
                         .results = {0},
                         .code_count = 2,
                         .code = {{VM_E_CONST, 1, 0, 0, 0}, {VM_E_MUL, 0, 0, 1, 0}},
                         .const_count = 1,
                         .consts = {0.99F},
                     });
    builder_next(b, m->decay, next);
}

/* Class c lights up four of the sixteen pixels; some noise. */
static inline void mlp_data(uint8_t out[MLP_RECORDS * (MLP_PIXELS + 1)])
{
    uint32_t noise = 12345;
    for (uint32_t r = 0; r < MLP_RECORDS; r++) {
        uint8_t *record = out + (size_t)r * (MLP_PIXELS + 1);
        const uint32_t label = r % MLP_CLASSES;
        for (uint32_t i = 0; i < MLP_PIXELS; i++) {
            noise = noise * 1664525u + 1013904223u;
            const uint32_t base = i / 4 == label ? 120 : 40;
            record[i] = (uint8_t)(base + (noise >> 25));
        }
        record[MLP_PIXELS] = (uint8_t)label;
    }
}

#endif /* TESTS_SUPPORT_VM_MLP_H */
