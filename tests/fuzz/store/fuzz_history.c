#include <stdlib.h>

#include "store/history/chunk.h"
#include "store/history/set.h"

/* A history file of blocks 1 .. n, n from the first byte: whatever it holds, the reader
 * ends after at most n blocks, and what it calls damaged lies in the file or at its end; a
 * sound file's index leads to its blocks. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(struct chunk_reader *reader, size_t size, bool sound)
{
    const struct history_span span = {reader->first, reader->last};
    for (uint64_t height = span.first; height <= span.last; height++) {
        struct block_place place;
        const bool found = place_find(reader->stream, size, &span, height, &place);
        ASSERT(found || !sound);
        ASSERT(!sound || place.offset + place.size < size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buffer[BLOCK_SIZE_MAX];
    const struct hash id = {{9}};
    if (size < 2) {
        return 0;
    }
    struct chunk_reader reader = {.first = 1, .last = 1 + data[0] % 8, .height = 1};
    reader.buffer = buffer;
    uint8_t *copy = malloc(size - 1);
    memcpy(copy, data + 1, size - 1);
    reader.stream = fmemopen(copy, size - 1, "rb");
    if (reader.stream != NULL) {
        struct history_item item;
        uint64_t count = 0;
        enum history_answer answer = chunk_begin(&reader, &id);
        while (answer == HISTORY_BLOCK || answer == HISTORY_FINALITY || answer == HISTORY_SEAL) {
            static struct history_seal_parts parts;
            answer = chunk_next(&reader, &item);
            if (answer == HISTORY_SEAL && history_seal_decode(item.bytes, &parts)) {
                ASSERT(parts.count <= HISTORY_SEAL_HEADER_MAX);
            }
            ASSERT(count++ <= reader.last + 1);
        }
        ASSERT(answer != HISTORY_END || (reader.height == reader.last + 1 && reader.ended));
        ASSERT(answer != HISTORY_DAMAGED || reader.fault.offset <= size);
        look_up(&reader, size - 1, answer == HISTORY_END);
        (void)fclose(reader.stream);
    }
    free(copy);
    return 0;
}
