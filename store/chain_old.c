#include "base/endian.h"
#include "store/chain.h"
#include "store/sealed/files.h"

/* Blocks that leave chain.db, and where they are then. */

enum { HEIGHT_SIZE = 8 };

enum store_answer chain_block(const struct chain *chain, uint64_t height, struct store_buffer *out,
                              struct error *error)
{
    const enum store_answer answer = chain_get(chain, CHAIN_BODY, height, out, error);
    return answer == STORE_ABSENT && height > 0 && chain->sealed != NULL
               ? sealed_block(chain->sealed, height, out, error)
               : answer;
}

/* The lowest height with a block in chain.db; above the newest: none. */
static bool lowest_body(const struct chain *chain, uint64_t *out, struct error *error)
{
    rocksdb_iterator_t *iterator = rocks_iterate(&chain->rocks, CHAIN_BODY);
    *out = chain->height + 1;
    rocksdb_iter_seek_to_first(iterator);
    if (rocksdb_iter_valid(iterator)) {
        const struct bytes key = rocks_iterator_key(iterator);
        *out = key.size == HEIGHT_SIZE ? load_be64(key.data) : *out;
    }
    return rocks_iterator_end(&chain->rocks, iterator, error);
}

bool chain_oldest_load(struct chain *chain, struct error *error)
{
    uint64_t lowest = 0;
    if (!lowest_body(chain, &lowest, error)) {
        return false;
    }
    if (chain->base > 0 && lowest <= chain->base) {
        chain->oldest = chain->base;
        return true;
    }
    for (size_t i = sealed_count(chain->sealed); i > 0; i--) {
        const struct history_span span = sealed_span(chain->sealed, i - 1);
        lowest = span.first < lowest && span.last + 1 >= lowest ? span.first : lowest;
    }
    chain->oldest = lowest;
    return true;
}

bool chain_drop(struct chain *chain, uint64_t first, uint64_t last, struct error *error)
{
    uint8_t from[HEIGHT_SIZE];
    uint8_t to[HEIGHT_SIZE];
    store_be64(from, first);
    store_be64(to, last);
    return rocks_drop(&chain->rocks, CHAIN_BODY, bytes_of(from, sizeof(from)),
                      bytes_of(to, sizeof(to)), error);
}

uint64_t chain_body_size(const struct chain *chain, uint64_t first, uint64_t last)
{
    uint8_t from[HEIGHT_SIZE];
    uint8_t to[HEIGHT_SIZE];
    store_be64(from, first);
    store_be64(to, last + 1);
    return rocks_size(&chain->rocks, CHAIN_BODY, bytes_of(from, sizeof(from)),
                      bytes_of(to, sizeof(to)));
}
