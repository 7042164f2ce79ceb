#include "tests/support/eval64.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "vm/num/num.h"

/* The (batch, rows, columns) view. */
struct view {
    size_t batch;
    size_t rows;
    size_t columns;
};

static const struct vm_tensor *tensor_of(const struct eval64 *eval, uint32_t id)
{
    return &eval->program->tensors[id];
}

static size_t count_of(const struct vm_tensor *tensor)
{
    size_t count = 1;
    for (uint32_t i = 0; i < tensor->rank; i++) {
        count *= tensor->dims[i];
    }
    return count;
}

static struct view view_of(const struct vm_tensor *tensor)
{
    struct view view = {1, 1, tensor->dims[tensor->rank - 1]};
    if (tensor->rank > 1) {
        view.rows = tensor->dims[tensor->rank - 2];
    }
    view.batch = count_of(tensor) / (view.rows * view.columns);
    return view;
}

void eval64_open(struct eval64 *eval, const struct vm_program *program, const uint8_t *data)
{
    *eval = (struct eval64){.program = program, .data = data};
    eval->values = calloc(program->tensor_count, sizeof *eval->values);
    ASSERT(eval->values != NULL);
    for (uint32_t i = 0; i < program->tensor_count; i++) {
        const size_t count = count_of(&program->tensors[i]);
        eval->values[i] = calloc(count, sizeof *eval->values[i]);
        ASSERT(eval->values[i] != NULL);
        for (size_t k = 0; program->tensors[i].kind == VM_DATA && k < count; k++) {
            eval->values[i][k] = data[k];
        }
    }
}

void eval64_close(struct eval64 *eval)
{
    for (uint32_t i = 0; i < eval->program->tensor_count; i++) {
        free(eval->values[i]);
    }
    free(eval->values);
}

double *eval64_state(struct eval64 *eval, uint32_t index)
{
    return eval->values[eval->program->state_in[index]];
}

const double *eval64_next(const struct eval64 *eval, uint32_t index)
{
    return eval->values[eval->program->state_out[index]];
}

static double instruction(uint8_t code, double a, double b, double c)
{
    switch (code) {
    case VM_E_ADD:
        return a + b;
    case VM_E_SUB:
        return a - b;
    case VM_E_MUL:
        return a * b;
    case VM_E_DIV:
        return a / b;
    case VM_E_FMA:
        return a * b + c;
    case VM_E_SQRT:
        return sqrt(a);
    case VM_E_EXP:
        return exp(a);
    case VM_E_LOG:
        return log(a);
    case VM_E_TANH:
        return tanh(a);
    case VM_E_MAX:
        return a > b ? a : b;
    case VM_E_MIN:
        return a < b ? a : b;
    case VM_E_ABS:
        return fabs(a);
    case VM_E_NEG:
        return -a;
    case VM_E_GT:
        return a > b ? 1.0 : 0.0;
    case VM_E_GE:
        return a >= b ? 1.0 : 0.0;
    case VM_E_EQ:
        return a == b ? 1.0 : 0.0;
    case VM_E_SEL:
        return a > 0.0 ? b : c;
    case VM_E_RINT:
    case VM_E_F2I:
        return rint(a);
    case VM_E_I2F:
        return a;
    default:
        UNREACHABLE();
    }
}

static double element(const struct eval64 *eval, uint32_t id, uint8_t kind, const size_t at[3])
{
    const struct view view = view_of(tensor_of(eval, id));
    const double *x = eval->values[id];
    const size_t b = at[0];
    switch (kind) {
    case VM_ROW:
        return x[at[2]];
    case VM_SCALAR:
        return x[0];
    case VM_COL:
        return tensor_of(eval, id)->rank == 1 ? x[at[1]] : x[b * view.rows + at[1]];
    case VM_MATRIX:
        return x[at[1] * view.columns + at[2]];
    default:
        return x[(b * view.rows + at[1]) * view.columns + at[2]];
    }
}

static void ewise_element(struct eval64 *eval, const struct vm_op *op, const size_t at[3],
                          size_t flat)
{
    const uint32_t code_count = op->attrs[0];
    const uint8_t *kinds = op->attrs + 2;
    const uint8_t *results = kinds + op->in_count;
    const uint8_t *code = results + op->out_count;
    const uint8_t *constants = code + (size_t)3 * code_count;
    double reg[16] = {0};
    for (uint32_t i = 0; i < op->in_count; i++) {
        reg[i] = element(eval, op->in[i], kinds[i], at);
    }
    for (uint32_t i = 0; i < code_count; i++) {
        const uint8_t *word = code + (size_t)3 * i;
        double *out = &reg[word[1] & 15];
        if (word[0] == VM_E_CONST) {
            *out = (double)vm_float(load_le32(constants + (size_t)4 * word[2]));
        } else if (word[0] == VM_E_ROWIDX) {
            *out = (double)at[1];
        } else if (word[0] == VM_E_COLIDX) {
            *out = (double)at[2];
        } else {
            *out = instruction(word[0], reg[word[1] >> 4], reg[word[2] & 15], reg[word[2] >> 4]);
        }
    }
    for (uint32_t i = 0; i < op->out_count; i++) {
        eval->values[op->out[i]][flat] = reg[results[i]];
    }
}

static void ewise(struct eval64 *eval, const struct vm_op *op)
{
    const struct view view = view_of(tensor_of(eval, op->out[0]));
    size_t flat = 0;
    for (size_t b = 0; b < view.batch; b++) {
        for (size_t i = 0; i < view.rows; i++) {
            for (size_t j = 0; j < view.columns; j++) {
                ewise_element(eval, op, (const size_t[]){b, i, j}, flat++);
            }
        }
    }
}

/* One output of a product: strides express the transposed operands. */
static double product_element(const double *a, const double *b, const size_t strides[2], size_t k)
{
    double sum = 0.0;
    for (size_t i = 0; i < k; i++) {
        sum += a[i * strides[0]] * b[i * strides[1]];
    }
    return sum;
}

static void product(struct eval64 *eval, const struct vm_op *op)
{
    const struct view a = view_of(tensor_of(eval, op->in[0]));
    const struct view b = view_of(tensor_of(eval, op->in[1]));
    const struct view y = view_of(tensor_of(eval, op->out[0]));
    const bool ta = (op->attrs[0] & VM_TA) != 0;
    const bool tb = (op->attrs[0] & VM_TB) != 0;
    const size_t inner = ta ? a.rows : a.columns;
    const size_t strides[2] = {ta ? a.columns : 1, tb ? 1 : b.columns};
    for (size_t at = 0; at < y.batch * y.rows * y.columns; at++) {
        const size_t batch = at / (y.rows * y.columns);
        const size_t row = at / y.columns % y.rows;
        const size_t column = at % y.columns;
        const double *left = eval->values[op->in[0]] + batch * a.rows * a.columns;
        const double *right = eval->values[op->in[1]] + batch * b.rows * b.columns;
        eval->values[op->out[0]][at] =
            product_element(left + row * (ta ? 1 : a.columns),
                            right + column * (tb ? b.columns : 1), strides, inner);
    }
}

static void row_reduce(struct eval64 *eval, const struct vm_op *op)
{
    const struct view view = view_of(tensor_of(eval, op->in[0]));
    for (size_t i = 0; i < view.batch * view.rows; i++) {
        const double *x = eval->values[op->in[0]] + i * view.columns;
        const double *y = op->opcode == VM_ROWDOT ? eval->values[op->in[1]] + i * view.columns : x;
        double acc = op->opcode == VM_ROWMAX ? -HUGE_VAL : 0.0;
        for (size_t j = 0; j < view.columns; j++) {
            if (op->opcode == VM_ROWMAX) {
                acc = x[j] > acc ? x[j] : acc;
            } else {
                acc += op->opcode == VM_ROWDOT ? x[j] * y[j] : x[j];
            }
        }
        eval->values[op->out[0]][i] = acc;
    }
}

static void column_sum(struct eval64 *eval, const struct vm_op *op)
{
    const struct view view = view_of(tensor_of(eval, op->in[0]));
    for (size_t j = 0; j < view.columns; j++) {
        double sum = 0.0;
        for (size_t i = 0; i < view.rows; i++) {
            sum += eval->values[op->in[0]][i * view.columns + j];
        }
        eval->values[op->out[0]][j] = sum;
    }
}

static void table(struct eval64 *eval, const struct vm_op *op)
{
    const bool gather = op->opcode == VM_GATHER_ROWS;
    const uint32_t index = op->in[gather ? 1 : 0];
    const uint32_t from = op->in[gather ? 0 : 1];
    const size_t width = view_of(tensor_of(eval, from)).columns;
    double *out = eval->values[op->out[0]];
    const double *x = eval->values[from];
    if (!gather) {
        memset(out, 0, count_of(tensor_of(eval, op->out[0])) * sizeof *out);
    }
    for (size_t i = 0; i < count_of(tensor_of(eval, index)); i++) {
        const size_t row = (size_t)eval->values[index][i];
        for (size_t j = 0; j < width; j++) {
            if (gather) {
                out[i * width + j] = x[row * width + j];
            } else {
                out[row * width + j] += x[i * width + j];
            }
        }
    }
}

static void heads(struct eval64 *eval, const struct vm_op *op)
{
    const bool split = op->attrs[0] == VM_SPLIT;
    const size_t count = load_le16(op->attrs + 1);
    const struct view many = view_of(tensor_of(eval, split ? op->out[0] : op->in[0]));
    const double *x = eval->values[op->in[0]];
    double *y = eval->values[op->out[0]];
    for (size_t at = 0; at < many.batch * many.rows * many.columns; at++) {
        const size_t j = at % many.columns;
        const size_t t = at / many.columns % many.rows;
        const size_t b = at / (many.columns * many.rows) / count;
        const size_t h = at / (many.columns * many.rows) % count;
        const size_t flat = ((b * many.rows + t) * count + h) * many.columns + j;
        if (split) {
            y[at] = x[flat];
        } else {
            y[flat] = x[at];
        }
    }
}

static void slice(struct eval64 *eval, const struct vm_op *op)
{
    const struct view from = view_of(tensor_of(eval, op->in[0]));
    const struct view to = view_of(tensor_of(eval, op->out[0]));
    const size_t row = load_le32(op->attrs);
    const size_t column = load_le32(op->attrs + 4);
    for (size_t i = 0; i < to.rows; i++) {
        for (size_t j = 0; j < to.columns; j++) {
            eval->values[op->out[0]][i * to.columns + j] =
                eval->values[op->in[0]][(row + i) * from.columns + column + j];
        }
    }
}

/* floor(r * n / 2^64) with r the first 64 bits of block j. */
static size_t draw(const struct hash *key, uint64_t step, uint32_t j, uint64_t n)
{
    uint32_t word[4];
    vm_random(key, step, 0, j, word);
    const uint64_t low = (uint64_t)word[0] * n >> 32;
    return (size_t)((word[1] * n + low) >> 32);
}

static void batch(struct eval64 *eval, const struct vm_op *op, const struct hash *key,
                  uint64_t step)
{
    const struct vm_tensor *data = tensor_of(eval, op->in[0]);
    const double *x = eval->values[op->in[0]];
    const size_t count = count_of(tensor_of(eval, op->out[0]));
    const bool windows = op->opcode == VM_BATCH_WINDOWS;
    const size_t length = windows ? load_le32(op->attrs) : data->dims[1];
    for (size_t at = 0; at < count; at++) {
        const uint64_t choices = windows ? data->dims[0] - length - 1 : data->dims[0];
        const size_t place = draw(key, step, (uint32_t)(at / length), choices);
        const size_t from = windows ? place + at % length : place * length + at % length;
        eval->values[op->out[0]][at] = x[from];
        if (windows) {
            eval->values[op->out[1]][at] = x[from + 1];
        }
    }
}

static void op_run(struct eval64 *eval, const struct vm_op *op, const struct hash *key,
                   uint64_t step)
{
    switch (op->opcode) {
    case VM_EWISE:
        ewise(eval, op);
        return;
    case VM_MATMUL:
    case VM_BMM:
        product(eval, op);
        return;
    case VM_ROWSUM:
    case VM_ROWDOT:
    case VM_ROWMAX:
        row_reduce(eval, op);
        return;
    case VM_COLSUM:
        column_sum(eval, op);
        return;
    case VM_GATHER_ROWS:
    case VM_SCATTER_ADD_ROWS:
        table(eval, op);
        return;
    case VM_HEADS:
        heads(eval, op);
        return;
    case VM_SLICE:
        slice(eval, op);
        return;
    case VM_BATCH_WINDOWS:
    case VM_BATCH_RECORDS:
        batch(eval, op, key, step);
        return;
    case VM_RESHAPE:
    case VM_CAST:
        memcpy(eval->values[op->out[0]], eval->values[op->in[0]],
               count_of(tensor_of(eval, op->out[0])) * sizeof(double));
        return;
    default:
        UNREACHABLE();
    }
}

double eval64_run(struct eval64 *eval, const struct hash *key, uint64_t step)
{
    for (uint32_t i = 0; i < eval->program->op_count; i++) {
        op_run(eval, &eval->program->ops[i], key, step);
    }
    return eval->values[eval->program->loss][0];
}

void eval64_advance(struct eval64 *eval)
{
    for (uint32_t i = 0; i < eval->program->state_count; i++) {
        const uint32_t to = eval->program->state_in[i];
        memcpy(eval->values[to], eval->values[eval->program->state_out[i]],
               count_of(tensor_of(eval, to)) * sizeof(double));
    }
}
