/* grow GENESIS DATA_DIR KEYS: the state after genesis with KEYS data sets more, as the databases
 * of a node that has seen no block.
 *
 * A genesis file has at most 4,096 accounts and a transaction costs a signature, so a chain of
 * ten million keys cannot be had in minutes by what the product offers.  Every node of a network
 * that is given this state goes on from it as from genesis: headers, certificates, blocks,
 * snapshots and proofs above it are the product's own.  What such a chain cannot do is to be
 * replayed from its genesis file.
 *
 * Prints three of the ids.  Data set n has the id SHA-256(n as 8 bytes). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/hex.h"
#include "genesis/genesis.h"
#include "state/objects/keys.h"
#include "state/objects/market.h"
#include "state/state.h"
#include "store/store.h"
#include "tests/large/fill.h"

static void must(bool done, const struct error *error)
{
    if (!done) {
        (void)fprintf(stderr, "grow: %s\n", error->detail);
        exit(EXIT_FAILURE);
    }
}

static struct hash id_of(uint64_t number)
{
    uint8_t bytes[sizeof(number)];
    struct hash id;
    store_be64(bytes, number);
    crypto_sha256(bytes_of(bytes, sizeof(bytes)), &id);
    return id;
}

/* First what genesis writes, then the data sets. */
static struct bytes pair_key(const void *context, uint64_t index, uint8_t buffer[FILL_KEY_MAX])
{
    const struct state_writes *genesis = context;
    if (index < genesis->count) {
        return genesis->items[index].key;
    }
    const struct hash id = id_of(index - genesis->count);
    const struct key key = key_object(KEY_DATA, &id);
    memcpy(buffer, key.bytes, key.size);
    return bytes_of(buffer, key.size);
}

static struct bytes pair_value(const void *context, uint64_t index, uint8_t buffer[FILL_VALUE_MAX])
{
    const struct state_writes *genesis = context;
    if (index < genesis->count) {
        return genesis->items[index].value;
    }
    const struct hash id = id_of(index - genesis->count);
    struct data_set set = {.version = RECORD_VERSION,
                           .content_root = id,
                           .size_bytes = UINT64_C(1) << 40,
                           .records = index,
                           .chunks = 1,
                           .chunk_kib = 1024,
                           .licence_hash = id,
                           .price = 1000};
    struct bytes out;
    memcpy(set.owner.bytes, id.bytes, ADDRESS_SIZE);
    ASSERT(record_encode(&record_data_set, &set, buffer, FILL_VALUE_MAX, &out));
    return out;
}

/* As a node opens it: an empty chain.db beside it, and its leaves lead to its root. */
static void look(const struct fill *fill)
{
    const struct store_options options = {.dir = fill->dir, .chain_id = fill->chain_id};
    struct store *store = NULL;
    struct store_status status;
    struct error error;
    must(store_open(&options, &store, &error), &error);
    store_status(store, &status);
    ASSERT(status.initialised && status.key_count == fill->count && status.applied_height == 0);
    store_close(store);
}

int main(int argc, char **argv)
{
    enum { PRINTED = 3 };
    struct genesis *genesis = NULL;
    struct state_writes writes;
    struct error error = {.detail = "grow GENESIS DATA_DIR KEYS"};
    const uint64_t keys = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
    must(keys > 0 && genesis_load(argv[1], &genesis, &error), &error);
    const struct state_admission_config config = {.chain_id = *genesis_chain_id(genesis)};
    void *memory = malloc(state_footprint());
    ASSERT(memory != NULL);
    state_execute_genesis(state_init(memory, &config), genesis_state(genesis), &writes);
    const struct fill fill = {.dir = argv[2],
                              .chain_id = config.chain_id,
                              .count = writes.count + keys,
                              .context = &writes,
                              .key = pair_key,
                              .value = pair_value};
    must(fill_state(&fill, &error), &error);
    look(&fill);
    for (uint64_t i = 0; i < PRINTED; i++) {
        char text[2 * HASH_SIZE + 1];
        const struct hash id = id_of(i * (keys - 1) / (PRINTED - 1));
        hex_encode(id.bytes, HASH_SIZE, text);
        (void)printf("%s\n", text);
    }
    free(memory);
    genesis_free(genesis);
    return EXIT_SUCCESS;
}
