#include "base/checked.h"
#include "crypto/crypto.h"
#include "state/training/training.h"
#include "vm/vm.h"

/* PROGRAM_PART: programs are uploaded in parts and checked when complete (14.5).  Uploads are
 * kept by (owner, root), so that nobody can block another's; a wrong part is replaced by
 * sending it again.  A check costs all validators milliseconds: a block checks only so many
 * bytes, and a program that was refused is dropped, so that the next check must be paid for
 * with a whole upload again. */

enum { PART_COUNT_MAX = PROGRAM_SIZE_MAX / PROGRAM_PART_SIZE_MAX };
STATIC_ASSERT(PART_COUNT_MAX == 8 * sizeof(((struct program *)0)->parts_held),
              "a bit for every part");

static enum code judge_part(const struct body_program_part *body, uint32_t *part_count)
{
    if (hash_is_zero(&body->program_root) || body->size == 0 || body->size > PROGRAM_SIZE_MAX) {
        return CODE_E_RANGE;
    }
    *part_count = (body->size + PROGRAM_PART_SIZE_MAX - 1) / PROGRAM_PART_SIZE_MAX;
    if (body->index >= *part_count) {
        return CODE_E_RANGE;
    }
    const uint32_t offset = body->index * PROGRAM_PART_SIZE_MAX;
    const uint32_t left = body->size - offset;
    const uint32_t expected = left < PROGRAM_PART_SIZE_MAX ? left : PROGRAM_PART_SIZE_MAX;
    return body->part.size == expected ? CODE_OK : CODE_E_RANGE;
}

/* Puts the parts together, checks them in linear time and compares the root. */
static enum code check_program(struct execution *x, const struct hash *root,
                               struct program *program)
{
    uint32_t used = 0;
    for (uint32_t i = 0; i < program->part_count; i++) {
        struct bytes part;
        const struct key key = key_part(&program->owner, root, i);
        const bool present = buffer_get(x->buffer, &key, &part);
        ASSERT(present && part.size <= PROGRAM_SIZE_MAX - used);
        memcpy(x->program + used, part.data, part.size);
        used += (uint32_t)part.size;
    }
    const struct bytes bytes = bytes_of(x->program, used);
    const size_t arena = vm_program_arena_size(bytes);
    if (arena == 0 || arena > PROGRAM_ARENA_SIZE) {
        return CODE_E_PROGRAM;
    }
    struct vm_program parsed;
    struct vm_cost cost;
    uint32_t where = 0;
    if (vm_program_parse(bytes, x->program_arena, &parsed, &where) != VM_OK) {
        return CODE_E_PROGRAM;
    }
    if (parsed.const_count != 0) {
        return CODE_E_CONSTS;
    }
    struct hash computed;
    vm_program_root(&parsed, crypto_hash_port(), &computed);
    if (!hash_equal(&computed, root)) {
        return CODE_E_PROGRAM;
    }
    vm_program_cost(&parsed, &cost);
    program->op_count = parsed.op_count;
    program->tensor_count = parsed.tensor_count;
    program->macs = cost.macs;
    program->status = PROGRAM_CHECKED;
    return CODE_OK;
}

static enum code complete(struct execution *x, const struct hash *root, struct program *program)
{
    if (program->size > x->budget.program_size) {
        return CODE_E_BLOCK_FULL;
    }
    x->budget.program_size -= program->size; /* spent whatever comes out */
    const enum code code = check_program(x, root, program);
    if (code != CODE_OK) {
        x->refused =
            (struct refused_upload){.pending = true, .owner = program->owner, .root = *root};
        return code;
    }
    const struct key upload = key_upload(&program->owner, root);
    const struct key key = key_object(KEY_PROGRAM, root);
    buffer_remove(x->buffer, &upload);
    buffer_write(x->buffer, &key, &record_program, program);
    collection_append(x->buffer, COLLECTION_ACCOUNT_PROGRAMS, owner_account(&program->owner), root);
    ledger_event(x, EVENT_PROGRAM_CHECKED, root, program->op_count, program->macs);
    return CODE_OK;
}

void program_drop_refused(struct execution *x)
{
    const struct refused_upload refused = x->refused;
    struct program program;
    const struct key upload = key_upload(&refused.owner, &refused.root);
    x->refused.pending = false;
    if (!refused.pending || !buffer_read(x->buffer, &upload, &record_program, &program)) {
        return; /* of a single part, nothing was kept */
    }
    for (uint32_t i = 0; i < program.part_count; i++) {
        const struct key part = key_part(&refused.owner, &refused.root, i);
        if (bitmap_get(program.parts_held, i)) {
            buffer_remove(x->buffer, &part);
        }
    }
    buffer_remove(x->buffer, &upload);
}

enum code execute_program_part(struct execution *x, struct call *call)
{
    const struct body_program_part *body = call->body;
    const struct hash *root = &body->program_root;
    uint32_t part_count = 0;
    const enum code code = judge_part(body, &part_count);
    if (code != CODE_OK) {
        return code;
    }
    struct bytes existing;
    const struct key program_key = key_object(KEY_PROGRAM, root);
    if (buffer_get(x->buffer, &program_key, &existing)) {
        return CODE_E_DUPLICATE;
    }
    struct program program = {
        .version = RECORD_VERSION,
        .owner = call->tx->sender,
        .size = body->size,
        .part_count = part_count,
        .parts_held_size = sizeof(program.parts_held),
        .created_ms = x->now_ms,
    };
    const struct key upload = key_upload(&call->tx->sender, root);
    if (buffer_read(x->buffer, &upload, &record_program, &program) && program.size != body->size) {
        return CODE_E_SEQ;
    }
    const struct key part = key_part(&call->tx->sender, root, body->index);
    buffer_put(x->buffer, &part, body->part);
    bitmap_set(program.parts_held, body->index);
    ledger_event(x, EVENT_PROGRAM_PART, root, body->index, part_count);
    if (bitmap_count(program.parts_held, program.parts_held_size) == part_count) {
        return complete(x, root, &program);
    }
    buffer_write(x->buffer, &upload, &record_program, &program);
    return CODE_OK;
}
