#include "vm/tensor/tensor.h"

#include <string.h>

#include "base/endian.h"

STATIC_ASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors in memory are little-endian");

enum domain {
    DOMAIN_LEAF = 0,
    DOMAIN_NODE = 1,
    DOMAIN_TENSOR = 2,
    DOMAIN_STATE = 3,
    DOMAIN_DELTA = 6,
};

size_t vm_dtype_size(uint8_t dtype)
{
    static const uint8_t sizes[] = {4, 4, 1, 1, 2, 8};
    return dtype < sizeof sizes ? sizes[dtype] : 0;
}

uint64_t vm_tensor_elements(const struct vm_tensor *tensor)
{
    uint64_t count = 1;
    for (uint8_t i = 0; i < tensor->rank; i++) {
        count *= tensor->dims[i];
    }
    return count;
}

uint64_t vm_tensor_bytes(const struct vm_tensor *tensor)
{
    return vm_tensor_elements(tensor) * vm_dtype_size(tensor->dtype);
}

struct vm_shape vm_tensor_shape(const struct vm_tensor *tensor)
{
    const uint8_t rank = tensor->rank;
    struct vm_shape shape = {.batch = 1, .rows = 1, .cols = tensor->dims[rank - 1]};
    if (rank >= 2) {
        shape.rows = tensor->dims[rank - 2];
    }
    for (uint8_t i = 0; i + 2 < rank; i++) {
        shape.batch *= tensor->dims[i];
    }
    shape.flat = rank == 1 || shape.cols == 1;
    return shape;
}

static uint32_t tiles(uint32_t size)
{
    return (size + VM_TILE - 1) / VM_TILE;
}

uint32_t vm_tensor_leaves(const struct vm_tensor *tensor)
{
    const struct vm_shape shape = vm_tensor_shape(tensor);
    if (shape.flat) {
        return (uint32_t)((vm_tensor_elements(tensor) + VM_LEAF_ELEMENTS - 1) / VM_LEAF_ELEMENTS);
    }
    return shape.batch * tiles(shape.rows) * tiles(shape.cols);
}

/* Where a leaf lies: `rows` runs of `run` elements, the first at element `first`, `stride`
 * apart in the tensor and VM_TILE (or one run) apart in the leaf. */
struct place {
    size_t first;
    size_t stride;
    uint32_t rows;
    uint32_t run;
};

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static struct place leaf_place(const struct vm_tensor *tensor, uint32_t leaf)
{
    const struct vm_shape shape = vm_tensor_shape(tensor);
    struct place place = {.rows = 1};
    if (shape.flat) {
        place.first = (size_t)leaf * VM_LEAF_ELEMENTS;
        const uint64_t left = vm_tensor_elements(tensor) - place.first;
        place.run = left < VM_LEAF_ELEMENTS ? (uint32_t)left : VM_LEAF_ELEMENTS;
        return place;
    }
    const uint32_t across = tiles(shape.cols);
    const uint32_t down = tiles(shape.rows);
    const uint32_t row = leaf / across % down * VM_TILE;
    const uint32_t col = leaf % across * VM_TILE;
    const size_t batch = leaf / across / down;
    place.first = (batch * shape.rows + row) * shape.cols + col;
    place.stride = shape.cols;
    place.rows = least(VM_TILE, shape.rows - row);
    place.run = least(VM_TILE, shape.cols - col);
    return place;
}

size_t vm_leaf_load(const struct vm_tensor *tensor, const void *data, uint32_t leaf, uint8_t *out)
{
    const struct place place = leaf_place(tensor, leaf);
    const size_t size = vm_dtype_size(tensor->dtype);
    const uint8_t *from = (const uint8_t *)data + place.first * size;
    if ((size_t)place.rows * place.run < VM_LEAF_ELEMENTS) {
        memset(out, 0, VM_LEAF_ELEMENTS * size);
    }
    for (size_t row = 0; row < place.rows; row++) {
        memcpy(out + row * VM_TILE * size, from + row * place.stride * size, place.run * size);
    }
    return VM_LEAF_ELEMENTS * size;
}

void vm_leaf_store(const struct vm_tensor *tensor, void *data, uint32_t leaf, const uint8_t *in)
{
    const struct place place = leaf_place(tensor, leaf);
    const size_t size = vm_dtype_size(tensor->dtype);
    uint8_t *to = (uint8_t *)data + place.first * size;
    for (size_t row = 0; row < place.rows; row++) {
        memcpy(to + row * place.stride * size, in + row * VM_TILE * size, place.run * size);
    }
}

void vm_leaf_hash(uint8_t dtype, struct bytes payload, const struct hash_port *hash,
                  struct hash *out)
{
    const uint8_t prefix[2] = {DOMAIN_LEAF, dtype};
    const struct bytes parts[2] = {bytes_of(prefix, sizeof prefix), payload};
    hash->sha256(hash->context, parts, 2, out);
}

void vm_tree_init(struct vm_tree *tree, const struct hash_port *hash)
{
    tree->hash = hash;
    tree->count = 0;
}

static void node_hash(const struct hash_port *hash, const struct hash *left,
                      const struct hash *right, struct hash *out)
{
    static const uint8_t prefix = DOMAIN_NODE;
    const struct bytes parts[3] = {bytes_of(&prefix, 1), bytes_of(left->bytes, HASH_SIZE),
                                   bytes_of(right->bytes, HASH_SIZE)};
    struct hash node;
    hash->sha256(hash->context, parts, 3, &node);
    *out = node;
}

/* The stack holds one full subtree per set bit of count, the largest first. */
static unsigned stack_height(uint64_t count)
{
    unsigned height = 0;
    for (; count != 0; count &= count - 1) {
        height++;
    }
    return height;
}

void vm_tree_add(struct vm_tree *tree, const struct hash *leaf)
{
    unsigned top = stack_height(tree->count);
    ASSERT(top < VM_TREE_DEPTH_MAX);
    tree->stack[top] = *leaf;
    for (uint64_t bits = tree->count; (bits & 1) != 0; bits >>= 1) {
        top--;
        node_hash(tree->hash, &tree->stack[top], &tree->stack[top + 1], &tree->stack[top]);
    }
    tree->count++;
}

void vm_tree_root(const struct vm_tree *tree, struct hash *out)
{
    unsigned top = stack_height(tree->count);
    if (top == 0) {
        static const uint8_t prefix = DOMAIN_NODE;
        const struct bytes part = bytes_of(&prefix, 1);
        tree->hash->sha256(tree->hash->context, &part, 1, out);
        return;
    }
    struct hash right = tree->stack[--top];
    while (top > 0) {
        node_hash(tree->hash, &tree->stack[--top], &right, &right);
    }
    *out = right;
}

void vm_tensor_root(const struct vm_tensor *tensor, const void *data, const struct hash_port *hash,
                    struct hash *out)
{
    struct vm_tree tree;
    vm_tree_init(&tree, hash);
    const uint32_t leaves = vm_tensor_leaves(tensor);
    for (uint32_t leaf = 0; leaf < leaves; leaf++) {
        uint8_t payload[VM_LEAF_SIZE_MAX];
        const size_t size = vm_leaf_load(tensor, data, leaf, payload);
        struct hash digest;
        vm_leaf_hash(tensor->dtype, bytes_of(payload, size), hash, &digest);
        vm_tree_add(&tree, &digest);
    }
    struct hash root;
    vm_tree_root(&tree, &root);
    uint8_t head[3 + 4 * VM_RANK_MAX] = {DOMAIN_TENSOR, tensor->dtype, tensor->rank};
    for (size_t i = 0; i < VM_RANK_MAX; i++) {
        store_le32(head + 3 + 4 * i, tensor->dims[i]);
    }
    const struct bytes parts[2] = {bytes_of(head, sizeof head), bytes_of(root.bytes, HASH_SIZE)};
    hash->sha256(hash->context, parts, 2, out);
}

void vm_group_root(const struct vm_program *program, enum vm_group group, const void *const *data,
                   const struct hash_port *hash, struct hash *out)
{
    struct vm_tree tree;
    vm_tree_init(&tree, hash);
    for (uint32_t i = 0; i < program->state_count; i++) {
        const struct vm_tensor *tensor = &program->tensors[program->state_in[i]];
        if (tensor->flags == group) {
            struct hash root;
            vm_tensor_root(tensor, data[i], hash, &root);
            vm_tree_add(&tree, &root);
        }
    }
    vm_tree_root(&tree, out);
}

void vm_state_roots(const struct vm_program *program, const void *const *data,
                    const struct hash_port *hash, struct vm_state_roots *out)
{
    vm_group_root(program, VM_PARAMS, data, hash, &out->params);
    vm_group_root(program, VM_INNER, data, hash, &out->inner);
    vm_group_root(program, VM_COUNTERS, data, hash, &out->counters);
}

void vm_state_root(uint64_t step, const struct vm_state_roots *roots, const struct hash_port *hash,
                   struct hash *out)
{
    uint8_t head[1 + 8] = {DOMAIN_STATE};
    store_le64(head + 1, step);
    const struct bytes parts[4] = {
        bytes_of(head, sizeof head), bytes_of(roots->params.bytes, HASH_SIZE),
        bytes_of(roots->inner.bytes, HASH_SIZE), bytes_of(roots->counters.bytes, HASH_SIZE)};
    hash->sha256(hash->context, parts, 4, out);
}

void vm_trace_root(const struct hash *roots, size_t count, const struct hash_port *hash,
                   struct hash *out)
{
    struct vm_tree tree;
    vm_tree_init(&tree, hash);
    for (size_t i = 0; i < count; i++) {
        vm_tree_add(&tree, &roots[i]);
    }
    vm_tree_root(&tree, out);
}

void vm_delta_root(const struct hash *root, const struct hash_port *hash, struct hash *out)
{
    static const uint8_t prefix = DOMAIN_DELTA;
    const struct bytes parts[2] = {bytes_of(&prefix, 1), bytes_of(root->bytes, HASH_SIZE)};
    hash->sha256(hash->context, parts, 2, out);
}
