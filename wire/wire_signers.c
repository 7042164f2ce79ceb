#include "wire/wire_parts.h"

#include <string.h>

void wire_read_signers(struct wire_reader *reader, struct wire_signers out)
{
    const struct bytes bitmap = wire_read_bin(reader, VALIDATOR_BITMAP_SIZE);
    const struct bytes all = wire_read_bin(reader, (size_t)VALIDATOR_COUNT_MAX * SIGNATURE_SIZE);
    *out.bitmap = (struct validator_bitmap){0};
    *out.count = 0;
    if (!wire_reader_ok(reader)) {
        return;
    }
    if (bitmap.size == 0 || bitmap.data[bitmap.size - 1] == 0) {
        wire_reader_fail(reader, WIRE_BAD_FORM);
        return;
    }
    memcpy(out.bitmap->bytes, bitmap.data, bitmap.size);
    *out.count = validator_bitmap_count(out.bitmap);
    if (all.size != (size_t)*out.count * SIGNATURE_SIZE) {
        wire_reader_fail(reader, WIRE_BAD_COUNT);
        return;
    }
    for (uint32_t i = 0; i < *out.count; i++) {
        memcpy(out.signatures[i].bytes, all.data + (size_t)i * SIGNATURE_SIZE, SIGNATURE_SIZE);
    }
}

void wire_write_signers(struct wire_writer *writer, const struct validator_bitmap *bitmap,
                        const struct signature *signatures, uint32_t count)
{
    size_t size = VALIDATOR_BITMAP_SIZE;
    ASSERT(count > 0 && count == validator_bitmap_count(bitmap));
    while (bitmap->bytes[size - 1] == 0) {
        size--;
    }
    wire_write_bin(writer, bytes_of(bitmap->bytes, size));
    STATIC_ASSERT(sizeof(struct signature) == SIGNATURE_SIZE, "signatures lie without gaps");
    wire_write_bin(writer, bytes_of(signatures, (size_t)count * SIGNATURE_SIZE));
}
