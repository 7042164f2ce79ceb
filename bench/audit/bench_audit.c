/* bench_audit [--transfers N] [--block N] [--threads N] [--runs N]
 *
 * How fast an auditor replays a history of signed transfers among 1,000 accounts, beside
 * the limit measured in the same run: the same number of threads doing nothing but
 * verifying signatures of those accounts.  Budget: 80 % of it.  Both are measured
 * alternately, `runs` times, and the best of each counts: the machine may be shared.  The
 * ratio of processor times says the same where it is. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/audit/audit.h"
#include "tests/support/archive.h"
#include "tests/support/directory.h"

enum { ACCOUNTS = 1000, SAMPLE = 4096, THREADS_MAX = AUDIT_THREADS_MAX };

struct signed_digest {
    struct public_key key;
    struct hash digest;
    struct signature signature;
};

struct bound {
    const struct signed_digest *items;
    uint32_t first, step, count;
    bool good;
};

struct speed {
    double wall; /* a second */
    double work; /* a second of processor time */
};

struct moment {
    double wall;
    double work;
};

static double clock_s(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static struct moment moment_now(void)
{
    return (struct moment){.wall = clock_s(CLOCK_MONOTONIC),
                           .work = clock_s(CLOCK_PROCESS_CPUTIME_ID)};
}

/* The better of *best and count since start. */
static void speed_note(struct speed *best, const struct moment *start, double count)
{
    const struct moment end = moment_now();
    const double wall = count / (end.wall - start->wall);
    const double work = count / (end.work - start->work);
    best->wall = wall > best->wall ? wall : best->wall;
    best->work = work > best->work ? work : best->work;
}

static void *verify_share(void *context)
{
    struct bound *bound = context;
    bound->good = true;
    for (uint32_t i = bound->first; i < bound->count; i += bound->step) {
        const struct signed_digest *item = &bound->items[i % SAMPLE];
        bound->good = crypto_verify(&item->key, &item->digest, &item->signature) && bound->good;
    }
    return NULL;
}

/* Verify `count` signatures on `threads` threads. */
static void verify_all(const struct signed_digest *items, uint32_t threads, uint32_t count)
{
    pthread_t handles[THREADS_MAX];
    struct bound bounds[THREADS_MAX];
    for (uint32_t i = 0; i < threads; i++) {
        bounds[i] = (struct bound){.items = items, .first = i, .step = threads, .count = count};
        if (pthread_create(&handles[i], NULL, verify_share, &bounds[i]) != 0) {
            exit(1);
        }
    }
    for (uint32_t i = 0; i < threads; i++) {
        (void)pthread_join(handles[i], NULL);
        if (!bounds[i].good) {
            (void)fprintf(stderr, "bench_audit: a signature does not verify\n");
            exit(1);
        }
    }
}

static void sample(const struct archive *a, struct signed_digest *items)
{
    for (uint32_t i = 0; i < SAMPLE; i++) {
        const struct crypto_key *key = a->accounts[i % ACCOUNTS];
        crypto_sha256(bytes_of(&i, sizeof(i)), &items[i].digest);
        items[i].key = *crypto_key_public(key);
        crypto_key_sign(key, &items[i].digest, &items[i].signature);
    }
}

static uint32_t number(int argc, char **argv, const char *name, uint32_t standard)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return (uint32_t)strtoul(argv[i + 1], NULL, 10);
        }
    }
    return standard;
}

static struct archive *make_archive(uint32_t transfers, uint32_t per_block)
{
    const uint64_t blocks = (transfers + per_block - 1) / per_block;
    struct archive *a = archive_create(ACCOUNTS, blocks + 1);
    for (uint32_t made = 0; made < transfers;) {
        for (uint32_t i = 0; i < per_block && made < transfers; i++, made++) {
            archive_transfer(a, made % ACCOUNTS, (made * 7 + 1) % ACCOUNTS, 1);
        }
        archive_block(a, &(struct archive_twist){.certify = a->height});
    }
    archive_block(a, &(struct archive_twist){.certify = a->height}); /* seals the last roots */
    return a;
}

int main(int argc, char **argv)
{
    static struct signed_digest items[SAMPLE];
    const uint32_t transfers = number(argc, argv, "--transfers", 40000);
    const uint32_t per_block = number(argc, argv, "--block", 4000);
    const uint32_t runs = number(argc, argv, "--runs", 5);
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const uint32_t threads = number(argc, argv, "--threads", cores < 1 ? 1 : (uint32_t)cores);
    struct directory directory;
    char genesis[DIRECTORY_PATH_MAX + 16];
    char history[DIRECTORY_PATH_MAX + 16];
    if (transfers == 0 || per_block == 0 || per_block > ARCHIVE_TX_MAX || threads == 0 ||
        threads > THREADS_MAX || !directory_make(&directory)) {
        (void)fprintf(stderr, "bench_audit: a number is out of bounds\n");
        return 2;
    }
    struct archive *a = make_archive(transfers, per_block);
    sample(a, items);
    (void)snprintf(genesis, sizeof(genesis), "%s/genesis", directory.path);
    (void)snprintf(history, sizeof(history), "%s/history", directory.path);
    bool good = archive_write_genesis(a, genesis) && archive_export(a, history);
    const struct audit_config config = {.dir = history, .genesis = genesis, .threads = threads};
    struct speed bound = {0};
    struct speed replay = {0};
    for (uint32_t i = 0; good && i < runs; i++) {
        struct audit_report report;
        struct error error;
        struct moment start = moment_now();
        verify_all(items, threads, transfers);
        speed_note(&bound, &start, transfers);
        start = moment_now();
        good = audit_replay(&config, &report, &error);
        speed_note(&replay, &start, transfers);
        if (!good) {
            (void)fprintf(stderr, "bench_audit: %s\n", error.detail);
        }
    }
    (void)unlink(genesis);
    directory_remove(&directory);
    archive_free(a);
    if (good) {
        (void)printf("audit replay   %.0f transfers/s; signature bound %.0f on %u threads: %.0f %% "
                     "(budget 80 %%); by processor time %.0f %%\n",
                     replay.wall, bound.wall, threads, 100 * replay.wall / bound.wall,
                     100 * replay.work / bound.work);
    }
    return good ? 0 : 1;
}
