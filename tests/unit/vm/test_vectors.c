/* tests/vectors/vm.txt: roots that another implementation, in exact arithmetic and another
 * language (tools/vm_model.py), reached; here on every instruction set, alone and shared out. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cpu.h"
#include "base/endian.h"
#include "base/hex.h"
#include "crypto/crypto.h"
#include "vm/num/num.h"
#include "vm/vm.h"

enum { LINE_MAX_SIZE = 1 << 18, LANES = 2 };

struct vector {
    uint8_t *program_bytes;
    size_t program_size;
    uint8_t *data;
    uint8_t *state;
    size_t state_size;
    struct hash key;
    uint64_t first;
    uint64_t steps;
    struct hash program_root;
    struct hash data_root;
    struct hash state_root;
    uint8_t loss[4];
    struct vm_program program;
    void *arena;
};

static char line[LINE_MAX_SIZE];

static uint8_t *decode(const char *hex, size_t *size)
{
    *size = strlen(hex) / 2;
    uint8_t *out = aligned_alloc(VM_ALIGN, (*size / VM_ALIGN + 1) * VM_ALIGN);
    assert_true(hex_decode(hex, out, *size));
    return out;
}

/* The value of the next line, which must have this name. */
static const char *value_of(FILE *file, const char *name)
{
    char *read = fgets(line, sizeof line, file);
    assert_non_null(read);
    line[strcspn(line, "\n")] = '\0';
    const size_t length = strlen(name);
    assert_true(strncmp(line, "  ", 2) == 0 && strncmp(line + 2, name, length) == 0);
    return line + 2 + length + 1;
}

static void read_hash(FILE *file, const char *name, struct hash *out)
{
    assert_true(hex_decode(value_of(file, name), out->bytes, HASH_SIZE));
}

static void read_vector(FILE *file, struct vector *v)
{
    size_t size = 0;
    v->program_bytes = decode(value_of(file, "program"), &v->program_size);
    v->data = decode(value_of(file, "data"), &size);
    read_hash(file, "key", &v->key);
    v->first = strtoull(value_of(file, "first"), NULL, 10);
    v->steps = strtoull(value_of(file, "steps"), NULL, 10);
    v->state = decode(value_of(file, "state"), &v->state_size);
    read_hash(file, "program_root", &v->program_root);
    read_hash(file, "data_root", &v->data_root);
    read_hash(file, "state_root", &v->state_root);
    assert_true(hex_decode(value_of(file, "loss"), v->loss, sizeof v->loss));
    const struct bytes bytes = bytes_of(v->program_bytes, v->program_size);
    uint32_t where = 0;
    v->arena = malloc(vm_program_arena_size(bytes));
    assert_int_equal(vm_program_parse(bytes, v->arena, &v->program, &where), VM_OK);
}

static void free_vector(struct vector *v)
{
    free(v->program_bytes);
    free(v->data);
    free(v->state);
    free(v->arena);
}

static void check_static_roots(const struct vector *v)
{
    struct hash root;
    vm_program_root(&v->program, crypto_hash_port(), &root);
    assert_true(hash_equal(&root, &v->program_root));
    for (uint32_t i = 0; i < v->program.tensor_count; i++) {
        if (v->program.tensors[i].kind == VM_DATA) {
            vm_tensor_root(&v->program.tensors[i], v->data, crypto_hash_port(), &root);
            assert_true(hash_equal(&root, &v->data_root));
        }
    }
}

static void load_state(const struct vector *v, struct vm *vm)
{
    size_t at = 0;
    for (uint16_t i = 0; i < v->program.state_count; i++) {
        const size_t size = vm_tensor_bytes(&v->program.tensors[v->program.state_in[i]]);
        memcpy(vm_state(vm, i), v->state + at, size);
        at += size;
    }
    assert_int_equal(at, v->state_size);
}

static bool step(struct vm *vm, const struct vector *v, uint64_t number, bool shared,
                 struct vm_result *result)
{
    if (!shared) {
        return vm_step(vm, &v->key, number, result);
    }
    vm_step_begin(vm, &v->key, number);
    for (uint32_t op = 0; op < v->program.op_count; op++) {
        for (uint32_t item = 0; item < LANES; item++) {
            vm_op_run(vm, op, LANES - 1 - item, LANES, item);
        }
    }
    return vm_step_end(vm, result);
}

static void run_vector(const struct vector *v, enum vm_isa_kind kind, bool shared)
{
    void *table = malloc(vm_table_size(&v->program));
    void *arena = aligned_alloc(VM_ALIGN, vm_footprint(&v->program, LANES, table));
    const struct vm_setup setup = {.program = &v->program, .isa = {kind}, .data = v->data};
    struct vm *vm = vm_init(&setup, table, arena);
    load_state(v, vm);
    struct vm_result result = {0};
    for (uint64_t i = 0; i < v->steps; i++) {
        assert_true(step(vm, v, v->first + i, shared, &result));
    }
    struct vm_state_roots roots;
    struct hash root;
    vm_roots(vm, crypto_hash_port(), &roots);
    vm_state_root(v->first + v->steps, &roots, crypto_hash_port(), &root);
    assert_true(hash_equal(&root, &v->state_root));
    assert_int_equal(vm_bits(result.loss), load_be32(v->loss));
    free(arena);
    free(table);
}

static void test_vectors(void **state)
{
    (void)state;
    FILE *file = fopen(SOURCE_DIR "/tests/vectors/vm.txt", "r");
    assert_non_null(file);
    const struct cpu_features cpu = cpu_probe();
    const bool have[] = {true, cpu.fma, cpu.avx2, cpu.avx512};
    int count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "vector ", 7) != 0) {
            continue;
        }
        struct vector v;
        read_vector(file, &v);
        check_static_roots(&v);
        for (int kind = VM_ISA_PLAIN; kind <= VM_ISA_AVX512; kind++) {
            if (have[kind]) {
                run_vector(&v, (enum vm_isa_kind)kind, false);
                run_vector(&v, (enum vm_isa_kind)kind, true);
            }
        }
        free_vector(&v);
        count++;
    }
    assert_int_equal(count, 3);
    assert_int_equal(fclose(file), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
