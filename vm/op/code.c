#include "vm/op/code.h"

#include <string.h>

#include "base/endian.h"

STATIC_ASSERT(VM_CODE_CONSTS_MAX * 4 > VM_ATTR_MAX, "attrs are full before consts are");

bool vm_code_read(const struct vm_op *op, struct vm_code *out)
{
    if (op->attr_size < 2) {
        return false;
    }
    const uint8_t *at = op->attrs + 2;
    out->count = op->attrs[0];
    out->const_count = op->attrs[1];
    const unsigned size =
        2U + op->in_count + op->out_count + 3U * out->count + 4U * out->const_count;
    if (out->count == 0 || out->count > VM_CODE_MAX || size != op->attr_size) {
        return false;
    }
    memcpy(out->kinds, at, op->in_count);
    at += op->in_count;
    memcpy(out->results, at, op->out_count);
    at += op->out_count;
    for (int i = 0; i < op->out_count; i++) {
        if (out->results[i] >= VM_CODE_REGISTERS) {
            return false;
        }
    }
    for (int i = 0; i < out->count; i++, at += 3) {
        out->instructions[i] = (struct vm_instruction){
            .op = at[0], .dst = at[1] & 15, .a = at[1] >> 4, .b = at[2] & 15, .c = at[2] >> 4};
    }
    for (int i = 0; i < out->const_count; i++, at += 4) {
        out->consts[i] = load_le32(at);
    }
    return true;
}
