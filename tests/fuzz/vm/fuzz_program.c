/* Any bytes: parse and check them; what is accepted encodes to the same bytes, and if it is
 * small, runs a step on every instruction set of this CPU with one result. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "crypto/crypto.h"
#include "vm/num/num.h"
#include "vm/vm.h"

enum {
    GAS_MAX = 1 << 22,
    BYTES_MAX = 1 << 22,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bits that hold every kind of float in every binade, and small integers. */
static void fill(uint8_t *out, uint64_t size, uint32_t salt)
{
    uint32_t x = salt * 2654435761u + 1;
    for (uint64_t i = 0; i + 4 <= size; i += 4) {
        x = x * 1664525u + 1013904223u;
        const uint32_t bits = (x & 0x300) == 0 ? x : 0x3F000000u ^ (x >> 8 & 0x80FFFFFFu);
        memcpy(out + i, &bits, sizeof bits);
    }
}

/* Contents of const and data tensors.  A data set of bytes is also a good index. */
static void *content_of(const struct vm_tensor *tensor, uint32_t salt)
{
    const uint64_t size = vm_tensor_bytes(tensor);
    uint8_t *content = aligned_alloc(VM_ALIGN, (size + VM_ALIGN) / VM_ALIGN * VM_ALIGN);
    memset(content, 0, (size + VM_ALIGN) / VM_ALIGN * VM_ALIGN);
    fill(content, size, salt);
    return content;
}

static void run(const struct vm_setup *setup, struct hash *root, struct vm_result *result)
{
    void *table = malloc(vm_table_size(setup->program));
    void *arena = aligned_alloc(VM_ALIGN, vm_footprint(setup->program, 2, table) + VM_ALIGN);
    struct vm *vm = vm_init(setup, table, arena);
    const struct hash key = {{1}};
    for (uint16_t i = 0; i < setup->program->state_count; i++) {
        const struct vm_tensor *tensor = &setup->program->tensors[setup->program->state_in[i]];
        fill(vm_state(vm, i), vm_tensor_bytes(tensor), i);
    }
    (void)vm_step(vm, &key, 3, result);
    struct vm_state_roots roots;
    vm_roots(vm, crypto_hash_port(), &roots);
    vm_state_root(4, &roots, crypto_hash_port(), root);
    free(arena);
    free(table);
}

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static void run_everywhere(const struct vm_program *program)
{
    const void *consts[64] = {NULL};
    struct vm_setup setup = {.program = program, .consts = consts};
    uint32_t const_count = 0;
    for (uint32_t i = 0; i < program->tensor_count; i++) {
        const struct vm_tensor *tensor = &program->tensors[i];
        if (tensor->kind == VM_CONST) {
            consts[const_count++] = content_of(tensor, i);
        } else if (tensor->kind == VM_DATA) {
            setup.data = content_of(tensor, i);
        }
    }
    const struct cpu_features cpu = cpu_probe();
    const int have[] = {1, cpu.fma, cpu.avx2, cpu.avx512};
    struct hash want;
    struct vm_result first;
    run(&setup, &want, &first);
    for (int kind = VM_ISA_FMA; kind <= VM_ISA_AVX512; kind++) {
        if (have[kind]) {
            struct hash got;
            struct vm_result result;
            setup.isa.kind = (enum vm_isa_kind)kind;
            run(&setup, &got, &result);
            require(hash_equal(&got, &want));
            require(result.trap == first.trap && result.op == first.op);
            require(vm_bits(result.loss) == vm_bits(first.loss));
        }
    }
    for (uint32_t i = 0; i < const_count; i++) {
        free((void *)(uintptr_t)consts[i]);
    }
    free((void *)(uintptr_t)setup.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bytes bytes = bytes_of(data, size);
    const size_t arena_size = vm_program_arena_size(bytes);
    void *arena = malloc(arena_size + 1);
    struct vm_program program;
    uint32_t where = 0;
    const enum vm_verdict verdict = vm_program_parse(bytes, arena, &program, &where);
    require(vm_verdict_text(verdict) != NULL);
    if (verdict == VM_OK) {
        uint8_t *again = malloc(size);
        struct vm_cost cost;
        require(vm_program_encode(&program, again, size) == size);
        require(memcmp(again, data, size) == 0);
        vm_program_cost(&program, &cost);
        if (cost.gas < GAS_MAX && cost.bytes < BYTES_MAX && program.const_count <= 64) {
            run_everywhere(&program);
        }
        free(again);
    }
    free(arena);
    return 0;
}
