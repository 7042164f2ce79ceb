/* What cutting a block into shards costs, beside SHA-256 over the same bytes: every shard
 * must be hashed at least once, so that is the limit.
 *
 *   bench_shard [BLOCK_BYTES]     default 4 MiB */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "node/shard/shard.h"

enum { ROUNDS = 20 };

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct times {
    double encode, commit, restore, limit;
};

static void keep_least(double *least, double start)
{
    const double took = now_s() - start;
    *least = *least == 0 || took < *least ? took : *least;
}

static void measure(const struct shard_code *code, struct bytes block, uint8_t *room,
                    struct times *out)
{
    bool present[VALIDATOR_COUNT_MAX] = {false};
    struct shard_leaves leaves;
    struct hash root;
    struct hash digest;
    struct shard_leaves again;
    for (uint32_t i = 0; i < code->required; i++) {
        present[code->count - 1 - i] = true; /* as much parity as can be */
    }
    for (int round = 0; round < ROUNDS; round++) {
        double start = now_s();
        if (!shard_encode(code, block, room)) {
            exit(1);
        }
        keep_least(&out->encode, start);
        start = now_s();
        shard_leaves_hash(code, room, &leaves);
        shard_root(code, &leaves, &root);
        keep_least(&out->commit, start);
        start = now_s();
        if (shard_restore(code, &root, present, room, &again) != SHARD_AVAILABLE) {
            exit(1);
        }
        keep_least(&out->restore, start);
        start = now_s();
        crypto_sha256(bytes_of(room, shard_room(code)), &digest);
        keep_least(&out->limit, start);
    }
}

int main(int argc, char **argv)
{
    static const uint32_t validators[] = {4, 16, 64, 100};
    const uint32_t size = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : BLOCK_SIZE_MAX;
    for (size_t i = 0; i < sizeof(validators) / sizeof(validators[0]); i++) {
        struct shard_code code;
        struct times times = {0};
        uint8_t *block = calloc(1, size > 0 ? size : 1);
        if (block == NULL || !shard_code_derive(validators[i], size, &code)) {
            (void)fprintf(stderr, "bench_shard: BLOCK_BYTES is 1 to %d\n", BLOCK_SIZE_MAX);
            free(block);
            return 2;
        }
        uint8_t *room = malloc(shard_room(&code));
        if (room == NULL) {
            free(block);
            return 1;
        }
        for (uint32_t at = 0; at < size; at++) {
            block[at] = (uint8_t)(at * 131 >> 3);
        }
        measure(&code, bytes_of(block, size), room, &times);
        (void)printf("n %3u  k %2u  leader sends %.2f blocks  encode %5.2f ms  commit %5.2f ms  "
                     "restore and check %5.2f ms; SHA-256 %5.2f ms: encode and commit %.2f of it\n",
                     code.count, code.required, (double)(code.count - 1) * code.shard_size / size,
                     times.encode * 1e3, times.commit * 1e3, times.restore * 1e3, times.limit * 1e3,
                     (times.encode + times.commit) / times.limit);
        free(room);
        free(block);
    }
    return 0;
}
