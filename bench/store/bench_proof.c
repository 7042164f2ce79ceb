/* bench_proof [KEYS]: state proofs out of a store of KEYS keys: how large they are, how much
 * CPU making and verifying them takes, and beside that what the machine does in the same
 * run: SHA-256 of 65 bytes, the message of every node, one after another, as often as the
 * verifier calls it.
 *
 * Half of the keys asked for are absent.  Uses a directory of its own under /tmp. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/endian.h"
#include "state/tree/tree.h"
#include "store/store.h"
#include "tests/support/directory.h"
#include "tests/support/random.h"

enum {
    KEY_SIZE = 32,
    VALUE_SIZE = 100,
    NODE_SIZE = 65,
    SHA_ROUNDS = 2000000,
    LOAD_BATCH = 10000,
    ASKED_MAX = 1000,
    REPEATS = 20,
};

static double seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void die(const char *why)
{
    (void)fprintf(stderr, "%s\n", why);
    exit(1);
}

static struct hash id_of(uint64_t height)
{
    struct hash id = {{0}};
    store_be64(id.bytes, height + 1);
    return id;
}

static void load_block(struct store *store, uint64_t height, uint64_t *seed)
{
    static uint8_t keys[LOAD_BATCH][KEY_SIZE];
    static uint8_t values[LOAD_BATCH][VALUE_SIZE];
    static struct state_write writes[LOAD_BATCH];
    struct error error;
    for (uint64_t i = 0; i < LOAD_BATCH; i++) {
        store_be64(keys[i], height * LOAD_BATCH + i);
        store_be64(values[i], random_next(seed));
        writes[i] = (struct state_write){.key = bytes_of(keys[i], KEY_SIZE),
                                         .value = bytes_of(values[i], VALUE_SIZE)};
    }
    if (height > 0) {
        const struct store_final final = {
            .height = height, .block_id = id_of(height), .block = bytes_of("b", 1)};
        if (!store_append_final(store, &final, 1, &error)) {
            die(error.detail);
        }
    }
    const struct store_stage stage = {
        .height = height, .block_id = id_of(height), .writes = {writes, LOAD_BATCH}};
    struct store_overlay *overlay = store_overlay_add(store, &stage);
    if (overlay == NULL || !store_commit(store, overlay, &error)) {
        die(error.detail);
    }
}

/* Questions about keys, ascending by path, and the single proofs of their keys. */
struct asked {
    size_t count;
    uint8_t (*keys)[KEY_SIZE];
    struct state_tree_item *items;
    struct store_proof *proofs;
    struct state_tree_claim *claims;
    uint8_t *many;
    size_t many_size;
};

static void *must(void *memory)
{
    if (memory == NULL) {
        die("out of memory");
    }
    return memory;
}

/* A key and its path, for sorting. */
struct placed {
    uint8_t key[KEY_SIZE];
    struct hash path;
};

static int placed_order(const void *a, const void *b)
{
    return hash_compare(&((const struct placed *)a)->path, &((const struct placed *)b)->path);
}

static void ask(struct asked *asked, size_t count, uint64_t keys, uint64_t *seed)
{
    static struct placed placed[ASKED_MAX];
    for (size_t i = 0; i < count; i++) {
        memset(placed[i].key, 0, KEY_SIZE);
        store_be64(placed[i].key, random_below(seed, 2 * keys));
        state_tree_path(bytes_of(placed[i].key, KEY_SIZE), &placed[i].path);
    }
    qsort(placed, count, sizeof(placed[0]), placed_order);
    asked->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && hash_equal(&placed[i].path, &placed[i - 1].path)) {
            continue;
        }
        memcpy(asked->keys[asked->count], placed[i].key, KEY_SIZE);
        asked->items[asked->count++].path = placed[i].path;
    }
}

/* Every key's own proof; returns their bytes. */
static size_t prove(struct store *store, uint64_t height, struct asked *asked)
{
    struct error error;
    size_t sum = 0;
    for (size_t i = 0; i < asked->count; i++) {
        struct store_proof *proof = &asked->proofs[i];
        const struct bytes key = bytes_of(asked->keys[i], KEY_SIZE);
        if (store_prove(store, height, key, proof, &error) != STORE_FOUND) {
            die("a key cannot be proven");
        }
        asked->items[i].proof = bytes_of(proof->bytes, proof->size);
        asked->claims[i] = (struct state_tree_claim){.key = asked->keys[i],
                                                     .key_size = KEY_SIZE,
                                                     .value = proof->value.data,
                                                     .value_size = proof->value.size,
                                                     .present = proof->present};
        sum += proof->size;
    }
    return sum;
}

static uint64_t hashes_counted;

static void counting_sha256(const uint8_t *data, size_t size, uint8_t *out)
{
    struct hash hash;
    crypto_sha256(bytes_of(data, size), &hash);
    memcpy(out, hash.bytes, HASH_SIZE);
    hashes_counted++;
}

static struct state_tree_question question_of(const struct asked *asked)
{
    return (struct state_tree_question){.root = asked->proofs[0].root.bytes,
                                        .claims = asked->claims,
                                        .count = asked->count,
                                        .sha256 = counting_sha256};
}

/* What proofs of one format took, all questions together. */
struct sum {
    size_t bytes;
    double made;     /* seconds */
    double verified; /* seconds */
    uint64_t hashes; /* while verifying */
};

static void verify_one_all(const struct asked *asked, struct sum *sum)
{
    struct state_tree_question question = question_of(asked);
    question.count = 1;
    hashes_counted = 0;
    const double start = seconds();
    for (size_t i = 0; i < asked->count; i++) {
        const struct bytes proof = asked->items[i].proof;
        question.claims = &asked->claims[i];
        if (state_tree_verify_one(&question, proof.data, proof.size) != STATE_TREE_PROVEN) {
            die("a proof does not hold");
        }
    }
    sum->verified += seconds() - start;
    sum->hashes += hashes_counted;
}

static void verify_many_all(const struct asked *asked, struct sum *sum)
{
    const struct state_tree_question question = question_of(asked);
    hashes_counted = 0;
    const double start = seconds();
    if (state_tree_verify_many(&question, asked->many, asked->many_size) != STATE_TREE_PROVEN) {
        die("a proof does not hold");
    }
    sum->verified += seconds() - start;
    sum->hashes += hashes_counted;
}

static void asked_free_values(struct asked *asked)
{
    for (size_t i = 0; i < asked->count; i++) {
        store_buffer_free(&asked->proofs[i].value);
    }
}

static void sum_print(const char *name, const struct sum *sum, double total, double hash_seconds)
{
    const double limit = (double)sum->hashes * hash_seconds;
    (void)printf("  %s %5.0f bytes, made in %6.2f us, verified in %5.2f us: %4.1f hashes, "
                 "limit %5.2f us, share %3.0f %%\n",
                 name, (double)sum->bytes / total, sum->made / total * 1e6,
                 sum->verified / total * 1e6, (double)sum->hashes / total, limit / total * 1e6,
                 100 * limit / sum->verified);
}

struct bench {
    struct store *store;
    uint64_t height;
    uint64_t keys;
    double hash_seconds;
    struct asked asked;
};

static void bench_asked(struct bench *bench, size_t count)
{
    struct asked *asked = &bench->asked;
    uint64_t seed = count;
    struct sum one = {0};
    struct sum many = {0};
    size_t total = 0;
    for (size_t i = 0; i < REPEATS; i++) {
        ask(asked, count, bench->keys, &seed);
        const double start = seconds();
        one.bytes += prove(bench->store, bench->height, asked);
        const double proven = seconds();
        asked->many_size = state_tree_many_write(asked->items, asked->count, asked->many,
                                                 ASKED_MAX * (size_t)STATE_PROOF_SIZE_MAX);
        one.made += proven - start;
        many.made += seconds() - start;
        many.bytes += asked->many_size;
        verify_one_all(asked, &one);
        verify_many_all(asked, &many);
        total += asked->count;
        asked_free_values(asked);
    }
    (void)printf("%zu keys at once, for each of them\n", count);
    sum_print("SP1", &one, (double)total, bench->hash_seconds);
    sum_print("SM1", &many, (double)total, bench->hash_seconds);
}

static double bench_sha(void)
{
    uint8_t node[NODE_SIZE] = {1};
    struct hash hash = {{0}};
    const double start = seconds();
    for (size_t i = 0; i < SHA_ROUNDS; i++) {
        crypto_sha256(bytes_of(node, sizeof(node)), &hash);
        memcpy(node + 1, hash.bytes, HASH_SIZE);
    }
    const double each = (seconds() - start) / SHA_ROUNDS;
    (void)printf("SHA-256 of 65 bytes: %.3f us (%u)\n", each * 1e6, hash.bytes[0] & 1U);
    return each;
}

int main(int argc, char **argv)
{
    const uint64_t keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    struct directory directory;
    struct error error;
    struct store *store = NULL;
    uint64_t seed = 1;
    if (keys < LOAD_BATCH || keys % LOAD_BATCH != 0 || !directory_make(&directory)) {
        (void)fprintf(stderr, "usage: bench_proof [KEYS, a multiple of %d]\n", LOAD_BATCH);
        return 2;
    }
    const struct store_options options = {.dir = directory.path};
    if (!store_open(&options, &store, &error)) {
        die(error.detail);
    }
    const uint64_t blocks = keys / LOAD_BATCH;
    for (uint64_t height = 0; height < blocks; height++) {
        load_block(store, height, &seed);
    }
    struct bench bench = {.store = store, .height = blocks - 1, .keys = keys};
    struct asked *asked = &bench.asked;
    asked->keys = must(calloc(ASKED_MAX, sizeof(*asked->keys)));
    asked->items = must(calloc(ASKED_MAX, sizeof(*asked->items)));
    asked->proofs = must(calloc(ASKED_MAX, sizeof(*asked->proofs)));
    asked->claims = must(calloc(ASKED_MAX, sizeof(*asked->claims)));
    asked->many = must(malloc(ASKED_MAX * (size_t)STATE_PROOF_SIZE_MAX));
    (void)printf("%llu keys, half of those asked absent\n", (unsigned long long)keys);
    bench.hash_seconds = bench_sha();
    for (size_t count = 1; count <= ASKED_MAX; count *= 10) {
        bench_asked(&bench, count);
    }
    store_close(store);
    directory_remove(&directory);
    free(asked->keys);
    free(asked->items);
    free(asked->proofs);
    free(asked->claims);
    free(asked->many);
    return 0;
}
