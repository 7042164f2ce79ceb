/* Arity, element types, shapes and attributes of every operator (vm/op/op.h). */

#include <string.h>

#include "base/endian.h"
#include "vm/program/record.h"
#include "vm/tensor/tensor.h"

static bool same_dims(const struct vm_tensor *a, const struct vm_tensor *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, sizeof a->dims) == 0;
}

static bool is_word(const struct vm_tensor *tensor)
{
    return tensor->dtype == VM_F32 || tensor->dtype == VM_I32;
}

static enum vm_verdict check_matmul(const struct vm_view *v)
{
    const struct vm_tensor *a = v->in[0];
    const struct vm_tensor *b = v->in[1];
    const struct vm_tensor *c = v->out[0];
    const uint8_t flags = v->op->attrs[0];
    const uint8_t rank = v->op->opcode == VM_BMM ? 3 : 2;
    if ((flags & ~(VM_TA | VM_TB)) != 0) {
        return VM_BAD_ATTR;
    }
    if (a->rank != rank || b->rank != rank || c->rank != rank) {
        return VM_BAD_SHAPE;
    }
    const uint32_t *da = a->dims + rank - 2;
    const uint32_t *db = b->dims + rank - 2;
    const uint32_t *dc = c->dims + rank - 2;
    const int ta = (flags & VM_TA) != 0;
    const int tb = (flags & VM_TB) != 0;
    const bool batch = rank == 2 || (a->dims[0] == b->dims[0] && a->dims[0] == c->dims[0]);
    const bool fits = da[1 - ta] == db[tb] && dc[0] == da[ta] && dc[1] == db[1 - tb];
    return batch && fits ? VM_OK : VM_BAD_SHAPE;
}

static enum vm_verdict check_rows(const struct vm_view *v)
{
    const struct vm_tensor *x = v->in[0];
    struct vm_tensor want = *x;
    want.dims[x->rank - 1] = 1;
    if (!same_dims(&want, v->out[0]) || (v->op->in_count == 2 && !same_dims(x, v->in[1]))) {
        return VM_BAD_SHAPE;
    }
    return VM_OK;
}

static enum vm_verdict check_colsum(const struct vm_view *v)
{
    const bool fits =
        v->in[0]->rank == 2 && v->out[0]->rank == 1 && v->out[0]->dims[0] == v->in[0]->dims[1];
    return fits ? VM_OK : VM_BAD_SHAPE;
}

static enum vm_verdict check_gather(const struct vm_view *v)
{
    const struct vm_tensor *e = v->in[0];
    const struct vm_tensor *y = v->out[0];
    if (!is_word(e) || e->dtype != y->dtype) {
        return VM_BAD_TYPE;
    }
    const bool fits = e->rank == 2 && y->rank == 2 && y->dims[1] == e->dims[1] &&
                      y->dims[0] == vm_tensor_elements(v->in[1]);
    return fits ? VM_OK : VM_BAD_SHAPE;
}

static enum vm_verdict check_scatter(const struct vm_view *v)
{
    const struct vm_tensor *x = v->in[1];
    const struct vm_tensor *y = v->out[0];
    const bool fits = x->rank == 2 && y->rank == 2 && y->dims[1] == x->dims[1] &&
                      x->dims[0] == vm_tensor_elements(v->in[0]);
    return fits ? VM_OK : VM_BAD_SHAPE;
}

static enum vm_verdict check_transpose(const struct vm_view *v)
{
    struct vm_tensor want = *v->in[0];
    if (want.rank < 2) {
        return VM_BAD_SHAPE;
    }
    want.dims[want.rank - 2] = v->in[0]->dims[want.rank - 1];
    want.dims[want.rank - 1] = v->in[0]->dims[want.rank - 2];
    return same_dims(&want, v->out[0]) ? VM_OK : VM_BAD_SHAPE;
}

static enum vm_verdict check_reshape(const struct vm_view *v)
{
    return vm_tensor_elements(v->in[0]) == vm_tensor_elements(v->out[0]) ? VM_OK : VM_BAD_SHAPE;
}

static enum vm_verdict check_slice(const struct vm_view *v)
{
    const struct vm_tensor *x = v->in[0];
    const struct vm_tensor *y = v->out[0];
    if (x->rank != y->rank) {
        return VM_BAD_SHAPE;
    }
    for (size_t i = 0; i < VM_RANK_MAX; i++) {
        const uint32_t start = load_le32(v->op->attrs + 4 * i);
        if (start >= x->dims[i] || x->dims[i] - start < y->dims[i]) {
            return VM_BAD_SHAPE;
        }
    }
    return VM_OK;
}

static enum vm_verdict check_concat(const struct vm_view *v)
{
    const struct vm_tensor *y = v->out[0];
    const uint8_t axis = v->op->attrs[0];
    if (axis >= y->rank) {
        return VM_BAD_ATTR;
    }
    uint64_t sum = 0;
    for (int i = 0; i < v->op->in_count; i++) {
        struct vm_tensor want = *v->in[i];
        if (want.dtype != y->dtype) {
            return VM_BAD_TYPE;
        }
        sum += want.dims[axis];
        want.dims[axis] = y->dims[axis];
        if (!same_dims(&want, y)) {
            return VM_BAD_SHAPE;
        }
    }
    return sum == y->dims[axis] ? VM_OK : VM_BAD_SHAPE;
}

static enum vm_verdict check_heads(const struct vm_view *v)
{
    const uint8_t direction = v->op->attrs[0];
    const uint32_t heads = load_le16(v->op->attrs + 1);
    if (direction > VM_MERGE || heads == 0) {
        return VM_BAD_ATTR;
    }
    const struct vm_tensor *flat = direction == VM_SPLIT ? v->in[0] : v->out[0];
    const struct vm_tensor *split = direction == VM_SPLIT ? v->out[0] : v->in[0];
    if (flat->dtype != split->dtype || !is_word(flat)) {
        return VM_BAD_TYPE;
    }
    const bool fits = flat->rank == 2 && split->rank == 3 && split->dims[0] % heads == 0 &&
                      (uint64_t)split->dims[0] / heads * split->dims[1] == flat->dims[0] &&
                      (uint64_t)heads * split->dims[2] == flat->dims[1];
    return fits ? VM_OK : VM_BAD_SHAPE;
}

static enum vm_verdict check_windows(const struct vm_view *v)
{
    const struct vm_tensor *data = v->in[0];
    const uint32_t window = load_le32(v->op->attrs);
    if (data->dtype != VM_U8 && data->dtype != VM_I32) {
        return VM_BAD_TYPE;
    }
    if (window == 0) {
        return VM_BAD_ATTR;
    }
    const bool fits = data->rank == 1 && same_dims(v->out[0], v->out[1]) &&
                      vm_tensor_elements(v->out[0]) % window == 0 && data->dims[0] >= 2 &&
                      data->dims[0] - 2 >= window;
    return fits ? VM_OK : VM_BAD_SHAPE;
}

static enum vm_verdict check_records(const struct vm_view *v)
{
    const struct vm_tensor *data = v->in[0];
    const size_t size = vm_dtype_size(data->dtype);
    if (data->dtype != v->out[0]->dtype || (size != 1 && size != 4)) {
        return VM_BAD_TYPE;
    }
    const bool fits =
        data->rank == 2 && v->out[0]->rank == 2 && data->dims[1] == v->out[0]->dims[1];
    return fits ? VM_OK : VM_BAD_SHAPE;
}

static enum vm_verdict check_cast(const struct vm_view *v)
{
    static const uint8_t targets[] = {[VM_F32] = 1 << VM_I32 | 1 << VM_BF16,
                                      [VM_I32] = 1 << VM_F32,
                                      [VM_I8] = 1 << VM_F32 | 1 << VM_I32,
                                      [VM_U8] = 1 << VM_F32 | 1 << VM_I32,
                                      [VM_BF16] = 1 << VM_F32,
                                      [VM_I64] = 1 << VM_F32};
    if ((targets[v->in[0]->dtype] >> v->out[0]->dtype & 1) == 0) {
        return VM_BAD_TYPE;
    }
    return same_dims(v->in[0], v->out[0]) ? VM_OK : VM_BAD_SHAPE;
}

static bool is_shift(const struct vm_tensor *shift, const struct vm_tensor *of)
{
    return shift->dtype == VM_U8 && shift->rank == 1 && shift->dims[0] == vm_tensor_leaves(of);
}

static enum vm_verdict check_quant(const struct vm_view *v)
{
    const bool quant = v->op->opcode == VM_QUANT_I8;
    const struct vm_tensor *x = quant ? v->in[0] : v->out[0];
    const struct vm_tensor *q = quant ? v->out[0] : v->in[0];
    const struct vm_tensor *shift = quant ? v->out[1] : v->in[1];
    if (x->dtype != VM_F32 || q->dtype != VM_I8 || (quant && v->out[2]->dtype != VM_F32)) {
        return VM_BAD_TYPE;
    }
    const bool fits = same_dims(x, q) && is_shift(shift, x) && (!quant || same_dims(x, v->out[2]));
    return fits ? VM_OK : VM_BAD_SHAPE;
}

static enum vm_verdict check_agg(const struct vm_view *v)
{
    const struct vm_tensor *y = v->out[0];
    const int first = v->op->in_count % 2;
    const int count = v->op->in_count / 2;
    if (v->op->attr_size != 4 * count) {
        return VM_BAD_ATTR;
    }
    if (first == 1 && (v->in[0]->dtype != VM_I64 || !same_dims(v->in[0], y))) {
        return VM_BAD_TYPE;
    }
    uint64_t weights = 0;
    for (int i = 0; i < count; i++) {
        const struct vm_tensor *q = v->in[first + 2 * i];
        const uint32_t weight = load_le32(v->op->attrs + (size_t)i * 4);
        weights += weight;
        if (weight == 0) {
            return VM_BAD_ATTR;
        }
        if (q->dtype != VM_I8 || !same_dims(q, y) || !is_shift(v->in[first + 2 * i + 1], y)) {
            return VM_BAD_SHAPE;
        }
    }
    return weights <= DELTA_WEIGHT_MAX ? VM_OK : VM_BAD_ATTR;
}

static enum vm_verdict check_nothing(const struct vm_view *v)
{
    (void)v;
    return VM_OK;
}

enum {
    ANY = 0xFF, /* a dtype that the operator's own check judges */
    VARIABLE = 0xFF,
};

/* Counts, the dtype of all inputs and of output 0 (and the rest), bytes of attributes. */
struct rule {
    uint8_t in_least;
    uint8_t in_most;
    uint8_t outs;
    uint8_t attr_size;
    uint8_t in_dtype;
    uint8_t out_dtype;
    enum vm_verdict (*check)(const struct vm_view *view);
};

static const struct rule rules[] = {
    [VM_MATMUL] = {2, 2, 1, 1, VM_F32, VM_F32, check_matmul},
    [VM_BMM] = {2, 2, 1, 1, VM_F32, VM_F32, check_matmul},
    [VM_ROWSUM] = {1, 1, 1, 0, VM_F32, VM_F32, check_rows},
    [VM_ROWDOT] = {2, 2, 1, 0, VM_F32, VM_F32, check_rows},
    [VM_ROWMAX] = {1, 1, 1, 0, VM_F32, VM_F32, check_rows},
    [VM_ROWARGMAX] = {1, 1, 1, 0, VM_F32, VM_I32, check_rows},
    [VM_COLSUM] = {1, 1, 1, 0, VM_F32, VM_F32, check_colsum},
    [VM_GATHER_ROWS] = {2, 2, 1, 0, ANY, ANY, check_gather},
    [VM_SCATTER_ADD_ROWS] = {2, 2, 1, 0, ANY, VM_F32, check_scatter},
    [VM_TRANSPOSE] = {1, 1, 1, 0, ANY, ANY, check_transpose},
    [VM_RESHAPE] = {1, 1, 1, 0, ANY, ANY, check_reshape},
    [VM_SLICE] = {1, 1, 1, 16, ANY, ANY, check_slice},
    [VM_CONCAT] = {2, 16, 1, 1, ANY, ANY, check_concat},
    [VM_HEADS] = {1, 1, 1, 3, ANY, ANY, check_heads},
    [VM_RNG_U32] = {0, 0, 1, 4, ANY, VM_I32, check_nothing},
    [VM_BATCH_WINDOWS] = {1, 1, 2, 8, ANY, VM_I32, check_windows},
    [VM_BATCH_RECORDS] = {1, 1, 1, 4, ANY, ANY, check_records},
    [VM_CAST] = {1, 1, 1, 0, ANY, ANY, check_cast},
    [VM_QUANT_I8] = {1, 1, 3, 0, VM_F32, ANY, check_quant},
    [VM_DEQUANT_I8] = {2, 2, 1, 0, ANY, VM_F32, check_quant},
    [VM_AGG_SUM] = {2, VM_IN_MAX, 1, VARIABLE, ANY, VM_I64, check_agg},
    [VM_AGG_TRIM] = {0},
};

static bool types_fit(const struct rule *rule, const struct vm_view *v)
{
    for (int i = 0; rule->in_dtype != ANY && i < v->op->in_count; i++) {
        if (v->in[i]->dtype != rule->in_dtype) {
            return false;
        }
    }
    for (int i = 0; rule->out_dtype != ANY && i < v->op->out_count; i++) {
        if (v->out[i]->dtype != rule->out_dtype) {
            return false;
        }
    }
    return true;
}

/* The operators whose inputs are of two types, and those that keep any type. */
static bool special_types_fit(const struct vm_view *v)
{
    switch (v->op->opcode) {
    case VM_GATHER_ROWS:
        return v->in[1]->dtype == VM_I32;
    case VM_SCATTER_ADD_ROWS:
        return v->in[0]->dtype == VM_I32 && v->in[1]->dtype == VM_F32;
    case VM_TRANSPOSE:
    case VM_RESHAPE:
    case VM_SLICE:
        return v->in[0]->dtype == v->out[0]->dtype;
    default:
        return true;
    }
}

enum vm_verdict vm_check_op(const struct vm_view *view)
{
    const struct vm_op *op = view->op;
    if (op->opcode == 0 || op->opcode > VM_AGG_TRIM) {
        return VM_BAD_OPCODE;
    }
    if (op->opcode == VM_EWISE) {
        return vm_check_ewise(view);
    }
    const struct rule *rule = &rules[op->opcode];
    if (rule->check == NULL) {
        return VM_NOT_IMPLEMENTED;
    }
    if (op->in_count < rule->in_least || op->in_count > rule->in_most ||
        op->out_count != rule->outs) {
        return VM_BAD_ARITY;
    }
    if (rule->attr_size != VARIABLE && op->attr_size != rule->attr_size) {
        return VM_BAD_ATTR;
    }
    if (!types_fit(rule, view) || !special_types_fit(view)) {
        return VM_BAD_TYPE;
    }
    return rule->check(view);
}
