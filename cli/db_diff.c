#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "cli/commands.h"
#include "cli/db.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

/* gradus db diff: where two states part, and what wrote it. */

struct writer {
    bool block_found;
    uint32_t tx_count; /* of the block */
    uint32_t named;    /* transactions of the block that name the key's object */
    struct hash tx;    /* the last of those */
    uint32_t index;
    const char *type;
};

static bool contains(struct bytes all, struct bytes part)
{
    for (size_t i = 0; part.size > 0 && i + part.size <= all.size; i++) {
        if (memcmp(all.data + i, part.data, part.size) == 0) {
            return true;
        }
    }
    return false;
}

/* The last transaction of the block that names the key's object: the writes of one block are
 * stored together, so that no more can be said without executing it again. */
static void look_at_txs(const struct wire_block *block, struct bytes id, struct writer *out)
{
    struct wire_tx_iterator txs;
    struct bytes raw;
    struct tx tx;
    wire_txs_begin(&txs, &block->txs);
    for (uint32_t i = 0; wire_txs_next(&txs, &raw); i++) {
        if (wire_decode_tx(raw, &tx) &&
            (contains(bytes_of(tx.sender.bytes, ADDRESS_SIZE), id) || contains(tx.body, id))) {
            crypto_digest(TAG_TX, tx.payload, &out->tx);
            out->type = tx_type_name(tx.type);
            out->index = i;
            out->named++;
        }
    }
}

static bool find_writer(struct inspect *inspect, uint64_t height, struct bytes key,
                        struct writer *out, struct error *error)
{
    static struct wire_block block; /* one thread */
    uint8_t *bytes = NULL;
    size_t size = 0;
    *out = (struct writer){.named = 0};
    if (height == 0) {
        return true;
    }
    if (!inspect_read_block(inspect, height, &bytes, &size, error)) {
        return false;
    }
    if (bytes != NULL && wire_decode_block(bytes_of(bytes, size), &block)) {
        out->block_found = true;
        out->tx_count = block.txs.count;
        look_at_txs(&block, db_key_id(key), out);
    }
    free(bytes);
    return true;
}

/* ---- Printing ---------------------------------------------------------------------- */

static json_t *side_json(const char *dir, const struct inspect_side *side, struct bytes key,
                         const struct writer *writer)
{
    json_t *json = json_pack("{s:s,s:b}", "dir", dir, "present", (int)side->present);
    if (!side->present) {
        return json;
    }
    (void)json_object_set_new(json, "height", json_integer((json_int_t)side->height));
    (void)json_object_set_new(json, "value",
                              db_value_json(key, bytes_of(side->value, side->value_size)));
    (void)json_object_set_new(json, "block_transactions", json_integer(writer->tx_count));
    (void)json_object_set_new(json, "naming_transactions", json_integer(writer->named));
    if (writer->named > 0) {
        (void)json_object_set_new(json, "tx", db_hash_json(&writer->tx));
        (void)json_object_set_new(json, "tx_index", json_integer(writer->index));
        (void)json_object_set_new(json, "tx_type",
                                  json_string(writer->type == NULL ? "?" : writer->type));
    }
    return json;
}

static void writer_text(const struct inspect_side *side, const struct writer *writer)
{
    char id[2 * HASH_SIZE + 1];
    if (side->height == 0) {
        (void)printf("  written by the genesis\n");
    } else if (!writer->block_found) {
        (void)printf("  written by block %llu, which chain.db no longer has\n",
                     (unsigned long long)side->height);
    } else if (writer->named == 0) {
        (void)printf("  written by block %llu; none of its %u transactions names it\n",
                     (unsigned long long)side->height, (unsigned)writer->tx_count);
    } else {
        hex_encode(writer->tx.bytes, HASH_SIZE, id);
        (void)printf("  written by block %llu; of its %u transactions %u name it, the last is %u: "
                     "%s %s\n",
                     (unsigned long long)side->height, (unsigned)writer->tx_count,
                     (unsigned)writer->named, (unsigned)writer->index,
                     writer->type == NULL ? "?" : writer->type, id);
    }
}

static void side_text(const char *dir, const struct inspect_side *side, struct bytes key,
                      const struct writer *writer)
{
    if (!side->present) {
        (void)printf("%s: absent\n", dir);
        return;
    }
    json_t *value = db_value_json(key, bytes_of(side->value, side->value_size));
    (void)printf("%s: ", dir);
    (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    (void)printf("\n");
    json_decref(value);
    writer_text(side, writer);
}

static void print_difference(const struct cli_call *call,
                             const struct inspect_difference *difference,
                             const struct writer writers[2])
{
    char text[DB_KEY_TEXT_MAX];
    const struct bytes key = bytes_of(difference->key, difference->key_size);
    const char *dirs[2] = {cli_argument(call, 0), cli_argument(call, 1)};
    if (cli_json(call)) {
        json_t *json =
            json_pack("{s:b,s:I,s:o,s:o}", "same", (int)!difference->found, "height",
                      (json_int_t)difference->height, "root_a", db_hash_json(&difference->roots[0]),
                      "root_b", db_hash_json(&difference->roots[1]));
        if (difference->found) {
            db_key_text(key, text);
            (void)json_object_set_new(json, "key", json_string(text));
            (void)json_object_set_new(json, "a",
                                      side_json(dirs[0], &difference->sides[0], key, &writers[0]));
            (void)json_object_set_new(json, "b",
                                      side_json(dirs[1], &difference->sides[1], key, &writers[1]));
        }
        db_print_json(json);
        return;
    }
    if (!difference->found) {
        char root[2 * HASH_SIZE + 1];
        hex_encode(difference->roots[0].bytes, HASH_SIZE, root);
        (void)printf("the same state after height %llu, root %s\n",
                     (unsigned long long)difference->height, root);
        return;
    }
    db_key_text(key, text);
    (void)printf("after height %llu the states differ, first in: %s\n",
                 (unsigned long long)difference->height, text);
    side_text(dirs[0], &difference->sides[0], key, &writers[0]);
    side_text(dirs[1], &difference->sides[1], key, &writers[1]);
}

/* ---- The command ------------------------------------------------------------------- */

/* Up to the compared height both must have the same blocks. */
static bool same_chain(struct inspect *const pair[2], struct error *error)
{
    static struct wire_block block; /* one thread */
    struct hash ids[2];
    uint64_t height = UINT64_MAX;
    for (uint32_t i = 0; i < 2; i++) {
        const uint64_t decided = inspect_head(pair[i])->decided_height;
        height = decided < height ? decided : height;
    }
    for (uint32_t i = 0; height > 0 && i < 2; i++) {
        uint8_t *bytes = NULL;
        size_t size = 0;
        if (!inspect_read_block(pair[i], height, &bytes, &size, error)) {
            return false;
        }
        const bool sound = bytes != NULL && wire_decode_block(bytes_of(bytes, size), &block);
        if (sound) {
            crypto_digest(TAG_BLOCK_HEADER, block.header_bytes, &ids[i]);
        }
        free(bytes);
        if (!sound) {
            return error_set(error, EXIT_CODE_VERIFY,
                             "block %llu is missing or damaged; see "
                             "gradus db check",
                             (unsigned long long)height);
        }
    }
    return height == 0 || hash_equal(&ids[0], &ids[1]) ||
           error_set(error, EXIT_CODE_FORK,
                     "the two chains have different blocks at height %llu; keep both, tell every "
                     "operator",
                     (unsigned long long)height);
}

static bool compare(struct cli_call *call, struct inspect *const pair[2],
                    struct inspect_difference *difference, struct error *error)
{
    struct writer writers[2] = {{0}, {0}};
    if (!same_chain(pair, error) || !inspect_diff(pair, difference, error)) {
        return false;
    }
    const struct bytes key = bytes_of(difference->key, difference->key_size);
    for (uint32_t i = 0; difference->found && i < 2; i++) {
        if (!find_writer(pair[i], difference->sides[i].height, key, &writers[i], error)) {
            return false;
        }
    }
    print_difference(call, difference, writers);
    return !difference->found ||
           error_set(error, EXIT_CODE_VERIFY,
                     "the states differ; the one whose root stands in the next header is right, "
                     "see gradus db check");
}

static enum exit_code run_diff(struct cli_call *call, struct error *error)
{
    struct inspect_difference difference = {.found = false};
    struct inspect *pair[2] = {NULL, NULL};
    struct genesis *genesis = NULL;
    if (!db_genesis(call, &genesis, error)) {
        return error->code;
    }
    bool ready = true;
    for (uint32_t i = 0; ready && i < 2; i++) {
        const char *dir = cli_argument(call, i);
        ready = inspect_open(dir, genesis_chain_id(genesis), &pair[i], error) &&
                (inspect_head(pair[i])->has_state ||
                 error_set(error, EXIT_CODE_INCOMPLETE, "%s: there is no state.db", dir));
    }
    const bool same = ready && compare(call, pair, &difference, error);
    inspect_difference_free(&difference);
    inspect_close(pair[0]);
    inspect_close(pair[1]);
    genesis_free(genesis);
    return same ? EXIT_CODE_OK : db_code(error);
}

const struct cli_command cli_db_diff = {
    .noun = "db",
    .verb = "diff",
    .arguments = "DIR DIR",
    .argument_min = 2,
    .argument_max = 2,
    .help = "the first key in which the states of two stopped nodes differ, and what wrote it",
    .run = run_diff,
    .options = {{"genesis", "FILE", NULL, "the network's genesis file"}}};
