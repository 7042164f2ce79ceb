#include "store/history/history.h"

/* From chunks to one file and back: the same blocks, and each seal follows from them. */

/* Every digest of what is to be converted: damage must not be given new digests. */
static bool verify(const char *from, const struct hash *chain_id, struct error *error)
{
    struct history_reader *reader = NULL;
    struct history_item item;
    enum history_answer answer = HISTORY_BLOCK;
    if (!history_open(from, chain_id, &reader, error)) {
        return false;
    }
    while (answer == HISTORY_BLOCK || answer == HISTORY_FINALITY || answer == HISTORY_SEAL) {
        answer = history_next(reader, &item, error);
    }
    history_close(reader);
    return answer == HISTORY_END;
}

struct set_blocks {
    const struct history_set *set;
    struct store_buffer block; /* the last one */
};

static bool set_source(void *context, uint64_t height, struct bytes *out, struct error *error)
{
    struct set_blocks *blocks = context;
    store_buffer_free(&blocks->block);
    const enum store_answer answer = history_set_block(blocks->set, height, &blocks->block, error);
    *out = bytes_of(blocks->block.data, blocks->block.size);
    return answer == STORE_FOUND ||
           (answer == STORE_ABSENT && error_set(error, EXIT_CODE_CORRUPT, "there is no block %llu",
                                                (unsigned long long)height));
}

static bool rewrite(const struct history_set *set, const struct history_export *to, bool whole,
                    struct error *error)
{
    struct set_blocks blocks = {.set = set};
    struct store_buffer ending = {0};
    struct history_work work = {
        .dir = to->dir,
        .chain_id = to->chain_id,
        .source = {.context = &blocks, .block = set_source},
        .first = history_set_span(set, 0).first,
        .last = history_set_span(set, history_set_count(set) - 1).last,
        .whole = whole,
        .context = to->context,
        .progress = to->progress,
    };
    if (!history_set_ending(set, &work.sealed, &ending, error)) {
        return false;
    }
    work.ending = bytes_of(ending.data, ending.size);
    const bool done = history_write(&work, error);
    store_buffer_free(&blocks.block);
    store_buffer_free(&ending);
    return done;
}

bool history_convert(const char *from, const struct history_export *to, bool whole,
                     struct error *error)
{
    struct history_set *set = NULL;
    if (!verify(from, &to->chain_id, error) || !history_set_open(from, &set, error)) {
        return false;
    }
    const bool done = rewrite(set, to, whole, error);
    history_set_close(set);
    return done;
}
