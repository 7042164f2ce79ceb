/* The byte form of a program: parse and encode are inverses, and parse accepts nothing that
 * encode cannot have written. */

#include <string.h>

#include "base/checked.h"
#include "base/endian.h"
#include "vm/program/record.h"
#include "vm/tensor/tensor.h"

static const uint8_t magic[5] = {'D', 'T', 'V', 'M', '1'};

enum { OP_SIZE_MIN = 4 };

void vm_tensor_record(const struct vm_tensor *tensor, uint8_t out[VM_TENSOR_SIZE])
{
    out[0] = tensor->dtype;
    out[1] = tensor->rank;
    out[2] = tensor->kind;
    out[3] = tensor->flags;
    for (size_t i = 0; i < VM_RANK_MAX; i++) {
        store_le32(out + 4 + 4 * i, tensor->dims[i]);
    }
    memcpy(out + 20, tensor->const_root.bytes, HASH_SIZE);
}

size_t vm_op_record_size(const struct vm_op *op)
{
    return 4 + 4 * ((size_t)op->in_count + op->out_count) + op->attr_size;
}

size_t vm_op_record(const struct vm_op *op, uint8_t out[VM_OP_SIZE_MAX])
{
    out[0] = op->opcode;
    out[1] = op->in_count;
    out[2] = op->out_count;
    out[3] = op->attr_size;
    uint8_t *at = out + 4;
    for (int i = 0; i < op->in_count; i++, at += 4) {
        store_le32(at, op->in[i]);
    }
    for (int i = 0; i < op->out_count; i++, at += 4) {
        store_le32(at, op->out[i]);
    }
    memcpy(at, op->attrs, op->attr_size);
    return vm_op_record_size(op);
}

void vm_header_record(const struct vm_program *program, uint8_t out[VM_HEADER_SIZE])
{
    memcpy(out, magic, sizeof magic);
    store_le32(out + 5, program->tensor_count);
    store_le32(out + 9, program->op_count);
    store_le16(out + 13, program->state_count);
    store_le16(out + 15, program->const_count);
}

static void read_header(const uint8_t *in, struct vm_program *out)
{
    out->tensor_count = load_le32(in + 5);
    out->op_count = load_le32(in + 9);
    out->state_count = load_le16(in + 13);
    out->const_count = load_le16(in + 15);
}

/* The smallest program with these counts; the real one is at most VM_OP_SIZE_MAX per op. */
static enum vm_verdict check_header(struct bytes bytes, struct vm_program *out)
{
    if (bytes.size < VM_HEADER_SIZE || bytes.size > PROGRAM_SIZE_MAX) {
        return VM_BAD_SIZE;
    }
    if (memcmp(bytes.data, magic, sizeof magic) != 0) {
        return VM_BAD_MAGIC;
    }
    read_header(bytes.data, out);
    if (out->op_count == 0 || out->op_count > PROGRAM_OPS_MAX || out->tensor_count == 0 ||
        out->tensor_count > PROGRAM_SIZE_MAX / VM_TENSOR_SIZE) {
        return VM_BAD_COUNT;
    }
    const size_t least = VM_HEADER_SIZE + (size_t)out->tensor_count * VM_TENSOR_SIZE +
                         (size_t)out->op_count * OP_SIZE_MIN + 8 * (size_t)out->state_count + 4;
    return bytes.size < least ? VM_BAD_SIZE : VM_OK;
}

/* The parsed arrays, in this order: ops and tensors (aligned for uint32_t), maps, scratch. */
size_t vm_program_arena_size(struct bytes bytes)
{
    struct vm_program program = {0};
    if (check_header(bytes, &program) != VM_OK) {
        return 0;
    }
    return program.op_count * sizeof(struct vm_op) +
           program.tensor_count * (sizeof(struct vm_tensor) + 1) + 8 * (size_t)program.state_count;
}

static void read_tensor(const uint8_t *in, struct vm_tensor *out)
{
    out->dtype = in[0];
    out->rank = in[1];
    out->kind = in[2];
    out->flags = in[3];
    for (size_t i = 0; i < VM_RANK_MAX; i++) {
        out->dims[i] = load_le32(in + 4 + 4 * i);
    }
    memcpy(out->const_root.bytes, in + 20, HASH_SIZE);
}

/* Reads one record at the front of *rest. */
static enum vm_verdict read_op(struct bytes *rest, struct vm_op *out)
{
    if (rest->size < OP_SIZE_MIN) {
        return VM_BAD_SIZE;
    }
    memset(out, 0, sizeof *out);
    const uint8_t *in = rest->data;
    out->opcode = in[0];
    out->in_count = in[1];
    out->out_count = in[2];
    out->attr_size = in[3];
    if (out->in_count > VM_IN_MAX || out->out_count > VM_OUT_MAX || out->attr_size > VM_ATTR_MAX ||
        vm_op_record_size(out) > VM_OP_SIZE_MAX) {
        return VM_BAD_OP_SIZE;
    }
    const size_t size = vm_op_record_size(out);
    if (rest->size < size) {
        return VM_BAD_SIZE;
    }
    in += 4;
    for (int i = 0; i < out->in_count; i++, in += 4) {
        out->in[i] = load_le32(in);
    }
    for (int i = 0; i < out->out_count; i++, in += 4) {
        out->out[i] = load_le32(in);
    }
    memcpy(out->attrs, in, out->attr_size);
    rest->data += size;
    rest->size -= size;
    return VM_OK;
}

static void read_map(const uint8_t *in, uint32_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        out[i] = load_le32(in + 4 * i);
    }
}

enum vm_verdict vm_program_parse(struct bytes bytes, void *arena, struct vm_program *out,
                                 uint32_t *where)
{
    *where = 0;
    struct vm_program program = {0};
    enum vm_verdict verdict = check_header(bytes, &program);
    if (verdict != VM_OK) {
        return verdict;
    }
    struct vm_op *ops = arena;
    struct vm_tensor *tensors = (struct vm_tensor *)(ops + program.op_count);
    uint32_t *state_in = (uint32_t *)(tensors + program.tensor_count);
    uint32_t *state_out = state_in + program.state_count;
    uint8_t *written = (uint8_t *)(state_out + program.state_count);

    struct bytes rest = {bytes.data + VM_HEADER_SIZE, bytes.size - VM_HEADER_SIZE};
    for (uint32_t i = 0; i < program.tensor_count; i++) {
        read_tensor(rest.data, &tensors[i]);
        rest = bytes_of(rest.data + VM_TENSOR_SIZE, rest.size - VM_TENSOR_SIZE);
    }
    for (uint32_t i = 0; i < program.op_count; i++) {
        verdict = read_op(&rest, &ops[i]);
        if (verdict != VM_OK) {
            *where = i;
            return verdict;
        }
    }
    if (rest.size != 8 * (size_t)program.state_count + 4) {
        return VM_BAD_SIZE;
    }
    read_map(rest.data, state_in, program.state_count);
    read_map(rest.data + 4 * (size_t)program.state_count, state_out, program.state_count);
    program.loss = load_le32(rest.data + 8 * (size_t)program.state_count);
    program.ops = ops;
    program.tensors = tensors;
    program.state_in = state_in;
    program.state_out = state_out;
    verdict = vm_program_check(&program, written, NULL, where);
    if (verdict == VM_OK) {
        *out = program;
    }
    return verdict;
}

size_t vm_program_encode(const struct vm_program *program, uint8_t *out, size_t capacity)
{
    size_t size = VM_HEADER_SIZE + (size_t)program->tensor_count * VM_TENSOR_SIZE +
                  8 * (size_t)program->state_count + 4;
    for (uint32_t i = 0; i < program->op_count; i++) {
        size += vm_op_record_size(&program->ops[i]);
    }
    if (size > capacity) {
        return 0;
    }
    vm_header_record(program, out);
    uint8_t *at = out + VM_HEADER_SIZE;
    for (uint32_t i = 0; i < program->tensor_count; i++, at += VM_TENSOR_SIZE) {
        vm_tensor_record(&program->tensors[i], at);
    }
    for (uint32_t i = 0; i < program->op_count; i++) {
        uint8_t record[VM_OP_SIZE_MAX];
        const size_t record_size = vm_op_record(&program->ops[i], record);
        memcpy(at, record, record_size);
        at += record_size;
    }
    for (uint32_t i = 0; i < program->state_count; i++) {
        store_le32(at + 4 * (size_t)i, program->state_in[i]);
        store_le32(at + 4 * ((size_t)program->state_count + i), program->state_out[i]);
    }
    at += 8 * (size_t)program->state_count;
    store_le32(at, program->loss);
    return size;
}

static void record_leaf(struct vm_tree *tree, const uint8_t *record, size_t size)
{
    static const uint8_t prefix = 0;
    const struct bytes parts[2] = {bytes_of(&prefix, 1), bytes_of(record, size)};
    struct hash leaf;
    tree->hash->sha256(tree->hash->context, parts, 2, &leaf);
    vm_tree_add(tree, &leaf);
}

static void map_root(const uint32_t *map, size_t count, const struct hash_port *hash,
                     struct hash *out)
{
    struct vm_tree tree;
    vm_tree_init(&tree, hash);
    for (size_t i = 0; i < count; i++) {
        uint8_t id[4];
        store_le32(id, map[i]);
        record_leaf(&tree, id, sizeof id);
    }
    vm_tree_root(&tree, out);
}

void vm_program_root(const struct vm_program *program, const struct hash_port *hash,
                     struct hash *out)
{
    uint8_t head[1 + VM_HEADER_SIZE] = {4};
    vm_header_record(program, head + 1);
    struct vm_tree tree;
    struct hash roots[4];
    vm_tree_init(&tree, hash);
    for (uint32_t i = 0; i < program->tensor_count; i++) {
        uint8_t record[VM_TENSOR_SIZE];
        vm_tensor_record(&program->tensors[i], record);
        record_leaf(&tree, record, sizeof record);
    }
    vm_tree_root(&tree, &roots[0]);
    vm_tree_init(&tree, hash);
    for (uint32_t i = 0; i < program->op_count; i++) {
        uint8_t record[VM_OP_SIZE_MAX];
        const size_t size = vm_op_record(&program->ops[i], record);
        record_leaf(&tree, record, size);
    }
    vm_tree_root(&tree, &roots[1]);
    map_root(program->state_in, program->state_count, hash, &roots[2]);
    map_root(program->state_out, program->state_count, hash, &roots[3]);
    uint8_t loss[4];
    store_le32(loss, program->loss);
    const struct bytes parts[6] = {
        bytes_of(head, sizeof head),         bytes_of(roots[0].bytes, HASH_SIZE),
        bytes_of(roots[1].bytes, HASH_SIZE), bytes_of(roots[2].bytes, HASH_SIZE),
        bytes_of(roots[3].bytes, HASH_SIZE), bytes_of(loss, sizeof loss)};
    hash->sha256(hash->context, parts, 6, out);
}
