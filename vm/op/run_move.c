/* Operators that move elements, and SCATTER_ADD_ROWS. */

#include <string.h>

#include "base/endian.h"
#include "vm/num/num.h"
#include "vm/op/run.h"
#include "vm/tensor/tensor.h"

enum vm_trap vm_run_gather(const struct vm_frame *frame)
{
    const uint32_t *table = frame->x[0];
    const int32_t *index = frame->x[1];
    const uint32_t table_rows = frame->in[0]->dims[0];
    const size_t cols = frame->in[0]->dims[1];
    const struct vm_share share = vm_share_of(frame, vm_tensor_elements(frame->in[1]), 1);
    enum vm_trap trap = VM_TRAP_NONE;
    for (size_t i = share.from; i < share.to; i++) {
        uint32_t *out = (uint32_t *)frame->y[0] + i * cols;
        if (index[i] < 0 || (uint32_t)index[i] >= table_rows) {
            memset(out, 0, cols * sizeof *out);
            trap = VM_TRAP_INDEX;
        } else {
            memcpy(out, table + (size_t)index[i] * cols, cols * sizeof *out);
        }
    }
    return trap;
}

/* SEQ down the rows, per column: an item owns columns. */
enum vm_trap vm_run_scatter(const struct vm_frame *frame)
{
    const int32_t *index = frame->x[0];
    const float *x = frame->x[1];
    float *y = frame->y[0];
    const size_t rows = frame->in[1]->dims[0];
    const size_t cols = frame->in[1]->dims[1];
    const uint32_t table_rows = frame->out[0]->dims[0];
    const struct vm_share share = vm_share_of(frame, cols, 16);
    enum vm_trap trap = VM_TRAP_NONE;
    for (size_t v = 0; v < table_rows; v++) {
        memset(y + v * cols + share.from, 0, (share.to - share.from) * sizeof *y);
    }
    for (size_t i = 0; i < rows; i++) {
        if (index[i] < 0 || (uint32_t)index[i] >= table_rows) {
            trap = VM_TRAP_INDEX;
            continue;
        }
        float *out = y + (size_t)index[i] * cols;
        for (size_t j = share.from; j < share.to; j++) {
            out[j] = out[j] + x[i * cols + j];
        }
    }
    for (size_t v = 0; v < table_rows; v++) {
        frame->kernels->canon(y + v * cols + share.from, y + v * cols + share.from,
                              share.to - share.from);
    }
    return trap;
}

/* Copies `count` elements of `size` bytes that lie `stride` elements apart. */
static void copy_strided(uint8_t *out, const uint8_t *x, size_t stride, size_t count, size_t size)
{
    if (size == 4) {
        for (size_t i = 0; i < count; i++) {
            memcpy(out + i * 4, x + i * stride * 4, 4);
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(out + i * size, x + i * stride * size, size);
    }
}

/* In 32x32 tiles, so that the strided side stays in the cache. */
enum vm_trap vm_run_transpose(const struct vm_frame *frame)
{
    const struct vm_shape shape = vm_tensor_shape(frame->in[0]);
    const size_t size = vm_dtype_size(frame->in[0]->dtype);
    const size_t rows = shape.rows;
    const size_t cols = shape.cols;
    const size_t out_rows = (size_t)shape.batch * cols;
    const struct vm_share share = vm_share_of(frame, out_rows, 1);
    const uint8_t *x = frame->x[0];
    uint8_t *y = frame->y[0];
    for (size_t i0 = 0; i0 < rows; i0 += VM_TILE) {
        const size_t run = rows - i0 < VM_TILE ? rows - i0 : VM_TILE;
        for (size_t r = share.from; r < share.to; r++) {
            const size_t from = (r / cols * rows + i0) * cols + r % cols;
            copy_strided(y + (r * rows + i0) * size, x + from * size, cols, run, size);
        }
    }
    return VM_TRAP_NONE;
}

/* A box of a rank-4 array and the strides of both sides, in bytes of contiguous runs. */
struct box {
    const uint8_t *from;
    uint8_t *to;
    size_t counts[VM_RANK_MAX - 1];
    size_t from_strides[VM_RANK_MAX - 1];
    size_t to_strides[VM_RANK_MAX - 1];
    size_t run;
};

static void copy_box(const struct box *box)
{
    const size_t runs = box->counts[0] * box->counts[1] * box->counts[2];
    for (size_t n = 0; n < runs; n++) {
        const size_t at[3] = {n / box->counts[2] / box->counts[1],
                              n / box->counts[2] % box->counts[1], n % box->counts[2]};
        const uint8_t *from = box->from;
        uint8_t *to = box->to;
        for (int d = 0; d < VM_RANK_MAX - 1; d++) {
            from += at[d] * box->from_strides[d];
            to += at[d] * box->to_strides[d];
        }
        memcpy(to, from, box->run);
    }
}

/* Row-major strides in bytes; dims beyond the rank are 1 and come last. */
static void strides_of(const struct vm_tensor *tensor, size_t strides[VM_RANK_MAX])
{
    size_t stride = vm_dtype_size(tensor->dtype);
    for (int i = VM_RANK_MAX - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= tensor->dims[i];
    }
}

/* Between a part (whole) and its place, `start` of each dimension, in a larger tensor. */
static struct box box_of(const struct vm_tensor *whole, const struct vm_tensor *part,
                         const uint32_t start[VM_RANK_MAX], size_t *offset)
{
    size_t outer[VM_RANK_MAX];
    size_t inner[VM_RANK_MAX];
    strides_of(whole, outer);
    strides_of(part, inner);
    struct box box = {.run = part->dims[VM_RANK_MAX - 1] * outer[VM_RANK_MAX - 1]};
    *offset = 0;
    for (int i = 0; i < VM_RANK_MAX; i++) {
        *offset += start[i] * outer[i];
    }
    for (int i = 0; i < VM_RANK_MAX - 1; i++) {
        box.counts[i] = part->dims[i];
        box.from_strides[i] = outer[i];
        box.to_strides[i] = inner[i];
    }
    return box;
}

static bool first_item(const struct vm_frame *frame)
{
    return frame->item == 0;
}

enum vm_trap vm_run_slice(const struct vm_frame *frame)
{
    if (!first_item(frame)) {
        return VM_TRAP_NONE;
    }
    uint32_t start[VM_RANK_MAX];
    for (size_t i = 0; i < VM_RANK_MAX; i++) {
        start[i] = load_le32(frame->op->attrs + (size_t)4 * i);
    }
    size_t offset = 0;
    struct box box = box_of(frame->in[0], frame->out[0], start, &offset);
    box.from = (const uint8_t *)frame->x[0] + offset;
    box.to = frame->y[0];
    copy_box(&box);
    return VM_TRAP_NONE;
}

enum vm_trap vm_run_concat(const struct vm_frame *frame)
{
    if (!first_item(frame)) {
        return VM_TRAP_NONE;
    }
    const uint8_t axis = frame->op->attrs[0];
    uint32_t start[VM_RANK_MAX] = {0};
    for (int i = 0; i < frame->op->in_count; i++) {
        size_t offset = 0;
        struct box box = box_of(frame->out[0], frame->in[i], start, &offset);
        for (int d = 0; d < VM_RANK_MAX - 1; d++) {
            const size_t stride = box.from_strides[d];
            box.from_strides[d] = box.to_strides[d];
            box.to_strides[d] = stride;
        }
        box.from = frame->x[i];
        box.to = (uint8_t *)frame->y[0] + offset;
        copy_box(&box);
        start[axis] += frame->in[i]->dims[axis];
    }
    return VM_TRAP_NONE;
}

/* Row (b*T + t) of the flat side holds, head after head, row (b*h + head)*T + t of the other. */
enum vm_trap vm_run_heads(const struct vm_frame *frame)
{
    const bool split = frame->op->attrs[0] == VM_SPLIT;
    const size_t heads = load_le16(frame->op->attrs + 1);
    const struct vm_tensor *parts = split ? frame->out[0] : frame->in[0];
    const size_t batch = parts->dims[0] / heads;
    const size_t time = parts->dims[1];
    const size_t run = parts->dims[2] * sizeof(uint32_t);
    const uint8_t *x = frame->x[0];
    uint8_t *y = frame->y[0];
    const struct vm_share share = vm_share_of(frame, batch * time, 1);
    for (size_t row = share.from; row < share.to; row++) {
        const size_t b = row / time;
        const size_t t = row % time;
        for (size_t head = 0; head < heads; head++) {
            const size_t flat = (row * heads + head) * run;
            const size_t apart = ((b * heads + head) * time + t) * run;
            memcpy(y + (split ? apart : flat), x + (split ? flat : apart), run);
        }
    }
    return VM_TRAP_NONE;
}
