/* Operators that make data: random words, batches, casts, and the int8 forms of deltas. */

#include <string.h>

#include "base/endian.h"
#include "vm/num/num.h"
#include "vm/op/quant.h"
#include "vm/op/run.h"
#include "vm/tensor/tensor.h"

enum vm_trap vm_run_rng(const struct vm_frame *frame)
{
    const uint32_t stream = load_le32(frame->op->attrs);
    uint32_t *y = frame->y[0];
    const struct vm_share share = vm_share_of(frame, vm_tensor_elements(frame->out[0]), 4);
    for (size_t e = share.from; e < share.to; e += 4) {
        uint32_t words[4];
        vm_random(frame->key, frame->step, stream, (uint32_t)(e / 4), words);
        const size_t left = share.to - e;
        memcpy(y + e, words, (left < 4 ? left : 4) * sizeof *y);
    }
    return VM_TRAP_NONE;
}

/* floor(r * range / 2^64) for the j-th draw. */
static uint64_t draw(const struct vm_frame *frame, uint32_t stream, uint32_t j, uint64_t range)
{
    uint32_t words[4];
    vm_random(frame->key, frame->step, stream, j, words);
    const uint64_t r = (uint64_t)words[1] << 32 | words[0];
    __extension__ const unsigned __int128 product = (unsigned __int128)r * range;
    return (uint64_t)(product >> 64);
}

static int32_t token_at(const struct vm_tensor *data, const void *x, size_t i)
{
    return data->dtype == VM_U8 ? ((const uint8_t *)x)[i] : ((const int32_t *)x)[i];
}

enum vm_trap vm_run_windows(const struct vm_frame *frame)
{
    const struct vm_tensor *data = frame->in[0];
    const uint32_t window = load_le32(frame->op->attrs);
    const uint32_t stream = load_le32(frame->op->attrs + 4);
    const size_t windows = vm_tensor_elements(frame->out[0]) / window;
    const struct vm_share share = vm_share_of(frame, windows, 1);
    for (size_t j = share.from; j < share.to; j++) {
        const uint64_t range = data->dims[0] - window - 1;
        const size_t start = (size_t)draw(frame, stream, (uint32_t)j, range);
        int32_t *tokens = (int32_t *)frame->y[0] + j * window;
        int32_t *next = (int32_t *)frame->y[1] + j * window;
        for (size_t i = 0; i < window; i++) {
            tokens[i] = token_at(data, frame->x[0], start + i);
            next[i] = token_at(data, frame->x[0], start + i + 1);
        }
    }
    return VM_TRAP_NONE;
}

enum vm_trap vm_run_records(const struct vm_frame *frame)
{
    const struct vm_tensor *data = frame->in[0];
    const uint32_t stream = load_le32(frame->op->attrs);
    const size_t record = data->dims[1] * vm_dtype_size(data->dtype);
    const struct vm_share share = vm_share_of(frame, frame->out[0]->dims[0], 1);
    for (size_t j = share.from; j < share.to; j++) {
        const size_t i = (size_t)draw(frame, stream, (uint32_t)j, data->dims[0]);
        memcpy((uint8_t *)frame->y[0] + j * record, (const uint8_t *)frame->x[0] + i * record,
               record);
    }
    return VM_TRAP_NONE;
}

static float to_float(uint8_t dtype, const void *x, size_t i)
{
    switch (dtype) {
    case VM_I32:
        return (float)((const int32_t *)x)[i];
    case VM_I8:
        return (float)((const int8_t *)x)[i];
    case VM_U8:
        return (float)((const uint8_t *)x)[i];
    case VM_BF16:
        return vm_bf16_to_f32(((const uint16_t *)x)[i]);
    default:
        return vm_i64_to_f32(((const int64_t *)x)[i]);
    }
}

static int32_t to_int(uint8_t dtype, const void *x, size_t i)
{
    switch (dtype) {
    case VM_I8:
        return ((const int8_t *)x)[i];
    case VM_U8:
        return ((const uint8_t *)x)[i];
    default:
        return vm_f2i(((const float *)x)[i]);
    }
}

enum vm_trap vm_run_cast(const struct vm_frame *frame)
{
    const uint8_t from = frame->in[0]->dtype;
    const uint8_t to = frame->out[0]->dtype;
    const void *x = frame->x[0];
    const struct vm_share share = vm_share_of(frame, vm_tensor_elements(frame->out[0]), 16);
    for (size_t i = share.from; i < share.to; i++) {
        if (to == VM_F32) {
            ((float *)frame->y[0])[i] = to_float(from, x, i);
        } else if (to == VM_I32) {
            ((int32_t *)frame->y[0])[i] = to_int(from, x, i);
        } else {
            ((uint16_t *)frame->y[0])[i] = vm_f32_to_bf16(((const float *)x)[i]);
        }
    }
    return VM_TRAP_NONE;
}

enum vm_trap vm_run_quant(const struct vm_frame *frame)
{
    const struct vm_share share = vm_share_of(frame, vm_tensor_leaves(frame->in[0]), 1);
    const struct vm_quant quant = {.tensor = frame->in[0],
                                   .x = frame->x[0],
                                   .q = frame->y[0],
                                   .shift = frame->y[1],
                                   .residual = frame->y[2]};
    enum vm_trap trap = VM_TRAP_NONE;
    for (size_t leaf = share.from; leaf < share.to; leaf++) {
        if (!vm_quant_leaf(&quant, (uint32_t)leaf)) {
            trap = VM_TRAP_RANGE;
        }
    }
    return trap;
}

enum vm_trap vm_run_dequant(const struct vm_frame *frame)
{
    const struct vm_tensor *q = frame->in[0];
    const uint8_t *shift = frame->x[1];
    const struct vm_share share = vm_share_of(frame, vm_tensor_leaves(q), 1);
    enum vm_trap trap = VM_TRAP_NONE;
    for (size_t leaf = share.from; leaf < share.to; leaf++) {
        int8_t in[VM_LEAF_ELEMENTS];
        float out[VM_LEAF_ELEMENTS];
        (void)vm_leaf_load(q, frame->x[0], (uint32_t)leaf, (uint8_t *)in);
        const bool fits = shift[leaf] <= VM_SHIFT_MAX;
        const float scale = fits ? vm_power_of_half(shift[leaf]) : 0.0F;
        trap = fits ? trap : VM_TRAP_RANGE;
        for (int i = 0; i < VM_LEAF_ELEMENTS; i++) {
            out[i] = (float)in[i] * scale;
        }
        vm_leaf_store(frame->out[0], frame->y[0], (uint32_t)leaf, (const uint8_t *)out);
    }
    return trap;
}

enum vm_trap vm_run_agg(const struct vm_frame *frame)
{
    const int first = frame->op->in_count % 2;
    const struct vm_tensor *sum = frame->out[0];
    const struct vm_share share = vm_share_of(frame, vm_tensor_leaves(sum), 1);
    enum vm_trap trap = VM_TRAP_NONE;
    for (size_t leaf = share.from; leaf < share.to; leaf++) {
        int64_t acc[VM_LEAF_ELEMENTS] = {0};
        if (first == 1) {
            (void)vm_leaf_load(sum, frame->x[0], (uint32_t)leaf, (uint8_t *)acc);
        }
        for (int i = first; i < frame->op->in_count; i += 2) {
            int8_t q[VM_LEAF_ELEMENTS];
            const uint8_t shift = ((const uint8_t *)frame->x[i + 1])[leaf];
            const uint32_t weight = load_le32(frame->op->attrs + (size_t)(i / 2) * 4);
            (void)vm_leaf_load(frame->in[i], frame->x[i], (uint32_t)leaf, (uint8_t *)q);
            trap = vm_agg_leaf(acc, q, shift, weight) ? trap : VM_TRAP_RANGE;
        }
        vm_leaf_store(sum, frame->y[0], (uint32_t)leaf, (const uint8_t *)acc);
    }
    return trap;
}
