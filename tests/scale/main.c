#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/scale/scale.h"

/* scale [--views N] [--validators N] [--block BYTES] [--delay-ms N] [--mbit N] [--flood]
 *
 * A network without faults in virtual time; prints what one view costs beside the limits
 * of a network of 100.  --flood: certificates to all, as sets up to announce_above do.
 * Exit 1 when the leader's egress or the modelled finality is over its limit: both are
 * virtual, the same on every machine.  CPU is measured here, printed, and judges nothing. */

enum {
    VIEW_FIRST = 3, /* measured; before it, the start */
    CHECK_ROUNDS = 400,
    VIEWS_A_SECOND = 5,
};

static struct scale_world world; /* for its size */

static uint64_t option(int argc, char **argv, const char *name, uint64_t fallback)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return strtoull(argv[i + 1], NULL, 10);
        }
    }
    return fallback;
}

static bool has_flag(int argc, char **argv, const char *name)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static bool read_options(int argc, char **argv, struct scale_options *out)
{
    struct shard_code code;
    *out = (struct scale_options){
        .validator_count = (uint32_t)option(argc, argv, "--validators", 100),
        .block_size = (uint32_t)option(argc, argv, "--block", BLOCK_SIZE_MAX),
        .delay_us = option(argc, argv, "--delay-ms", 80) * 1000,
        .link_mbit = option(argc, argv, "--mbit", 1000),
        .views = option(argc, argv, "--views", 20),
        .floods = has_flag(argc, argv, "--flood")};
    return shard_code_derive(out->validator_count, out->block_size, &code) && out->views >= 1 &&
           out->views < SCALE_VIEWS_MAX - 2 * VIEW_FIRST - 4 && out->link_mbit >= 1;
}

/* 4.8 of the design: one way, and the shards through one link, both ways. */
static uint32_t delta_0_ms(const struct scale_options *options, const struct shard_code *code)
{
    const uint64_t bits =
        (uint64_t)2 * (code->count - 1) * options->block_size / code->required * 8;
    return (uint32_t)(options->delay_us / 1000 + bits / (options->link_mbit * 1000) + 30);
}

static void start(struct scale_world *run)
{
    const uint32_t count = run->options.validator_count;
    network_init(run);
    for (uint32_t i = 0; i < count; i++) {
        struct consensus_config config = {.epoch = SCALE_EPOCH,
                                          .validator_count = count,
                                          .self = i,
                                          .delta_0_ms = run->options.delta_0_ms,
                                          .delta_max_ms = 30000,
                                          .c_max_ms = 1000,
                                          .min_block_interval_ms = 5,
                                          .standstill_ms = 5000,
                                          .announces = !run->options.floods};
        memset(config.anchor.block_id.bytes, 0xA0, HASH_SIZE);
        void *memory = malloc(consensus_footprint(count));
        ASSERT(memory != NULL);
        run->nodes[i].core = consensus_init(memory, &config);
    }
    for (uint32_t i = 0; i < count; i++) {
        validator_start(run, i);
    }
}

static bool run_views(struct scale_world *run)
{
    struct scale_event event;
    run->last_view = VIEW_FIRST + run->options.views - 1;
    while (run->last_count < run->options.validator_count && world_pop(run, &event)) {
        validator_event(run, &event);
    }
    return run->last_count == run->options.validator_count;
}

static void finish(struct scale_world *run)
{
    struct scale_event event;
    while (world_pop(run, &event)) {
        if (event.kind == SCALE_DELIVER || event.kind == SCALE_SEND) {
            message_drop(event.message);
        }
    }
    network_free(run);
    for (uint32_t i = 0; i < SCALE_VIEWS_MAX; i++) {
        if (run->blocks[i] != NULL) {
            block_release(run->blocks[i]);
            free(run->blocks[i]);
        }
    }
    for (uint32_t i = 0; i < run->options.validator_count; i++) {
        free(run->nodes[i].core);
    }
    free(run->heap);
}

/* One of the virtual figures over the measured views. */
struct spread {
    double least, most, sum;
    uint32_t count;
};

static void spread_add(struct spread *spread, double value)
{
    spread->least = spread->count == 0 || value < spread->least ? value : spread->least;
    spread->most = spread->count == 0 || value > spread->most ? value : spread->most;
    spread->sum += value;
    spread->count++;
}

static int compare_us(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return x == y ? 0 : (x < y ? -1 : 1);
}

struct figures {
    struct spread leader_blocks, relay_blocks, median_ms, last_ms, interval_ms;
};

static void look_at_view(const struct scale_world *run, uint64_t view, struct figures *out)
{
    const struct scale_block *block = run->blocks[view];
    const uint32_t count = run->options.validator_count;
    const double size = run->options.block_size;
    uint64_t final_us[SCALE_NODES_MAX];
    memcpy(final_us, block->final_us, sizeof(final_us));
    qsort(final_us, count, sizeof(final_us[0]), compare_us);
    spread_add(&out->median_ms, (double)(final_us[count / 2] - block->begun_us) / 1000);
    spread_add(&out->last_ms, (double)(final_us[count - 1] - block->begun_us) / 1000);
    for (uint32_t i = 0; i < count; i++) {
        struct spread *egress =
            i == block->proposal.rest.leader ? &out->leader_blocks : &out->relay_blocks;
        spread_add(egress, (double)run->egress[view][i] / size);
    }
    if (run->blocks[view + 1] != NULL) {
        spread_add(&out->interval_ms,
                   (double)(run->blocks[view + 1]->begun_us - block->begun_us) / 1000);
    }
}

/* Of one ECDSA signature, on this machine. */
static double check_cost_s(void)
{
    struct crypto_key *key = crypto_key_generate();
    struct signature signature;
    const struct hash digest = {{1, 2, 3}};
    uint32_t good = 0;
    ASSERT(key != NULL);
    crypto_key_sign(key, &digest, &signature);
    const double start_s = cpu_now_s();
    for (int i = 0; i < CHECK_ROUNDS; i++) {
        good += crypto_verify(crypto_key_public(key), &digest, &signature) ? 1 : 0;
    }
    const double cost_s = (cpu_now_s() - start_s) / CHECK_ROUNDS;
    ASSERT(good == CHECK_ROUNDS);
    crypto_key_free(key);
    return cost_s;
}

/* A follower's part of one block: check k shards, decode, code again, compare the root. */
static double restore_cost_s(const struct shard_code *code, uint8_t *room, double *encode_s)
{
    bool present[VALIDATOR_COUNT_MAX] = {false};
    struct shard_leaves leaves;
    struct hash root;
    uint8_t *block = calloc(1, code->block_size);
    ASSERT(block != NULL);
    double start_s = cpu_now_s();
    ASSERT(shard_encode(code, bytes_of(block, code->block_size), room));
    shard_leaves_hash(code, room, &leaves);
    shard_root(code, &leaves, &root);
    *encode_s = cpu_now_s() - start_s;
    start_s = cpu_now_s();
    for (uint32_t i = code->count - code->required; i < code->count; i++) {
        struct crypto_path path;
        shard_prove(code, &leaves, i, &path);
        const struct bytes shard = bytes_of(room + (size_t)i * code->shard_size, code->shard_size);
        present[i] = shard_verify(code, &root, i, shard, &path);
    }
    ASSERT(shard_restore(code, &root, present, room, &leaves) == SHARD_AVAILABLE);
    free(block);
    return cpu_now_s() - start_s;
}

static void print_cpu(const struct scale_world *run, const struct shard_code *code)
{
    const uint32_t count = run->options.validator_count;
    const double views = (double)run->final_count; /* of all validators together */
    struct scale_cost all = {0};
    for (uint32_t i = 0; i < count; i++) {
        const struct scale_cost *cost = &run->nodes[i].cost;
        all.core_s += cost->core_s;
        all.codec_s += cost->codec_s;
        all.step_count += cost->step_count;
        all.check_count += cost->check_count;
    }
    const double check_s = check_cost_s();
    const double core_ms = all.core_s / views * 1e3;
    const double codec_ms = all.codec_s / views * 1e3;
    const double check_ms = (double)all.check_count / views * check_s * 1e3;
    const double percent = (core_ms + codec_ms + check_ms) * VIEWS_A_SECOND / 10;
    uint8_t *room = malloc(shard_room(code));
    ASSERT(room != NULL);
    double encode_s = 0;
    const double restore_s = restore_cost_s(code, room, &encode_s);
    free(room);
    (void)printf("measured here, each validator and view:\n"
                 "  core            %7.2f ms   %.0f steps\n"
                 "  wire codec      %7.2f ms\n"
                 "  checks          %7.2f ms   %.0f of %.1f us\n"
                 "  consensus CPU   %7.2f %%    of a core at %d views/s, limit 10.00\n",
                 core_ms, (double)all.step_count / views, codec_ms, check_ms,
                 (double)all.check_count / views, check_s * 1e6, percent, VIEWS_A_SECOND);
    (void)printf("  beside it, off the consensus thread: leader codes %.1f ms, follower checks %u "
                 "shards and restores %.1f ms: %.2f %%, together %.2f %%\n",
                 encode_s * 1e3, code->required, restore_s * 1e3, restore_s * VIEWS_A_SECOND * 100,
                 percent + restore_s * VIEWS_A_SECOND * 100);
}

static const char *const names[WIRE_MESSAGE_KIND_MAX + 1] = {
    [WIRE_PROPOSAL] = "PROPOSAL",   [WIRE_VOTE] = "VOTE",
    [WIRE_CERT] = "CERT",           [WIRE_GET_CERTS] = "GET_CERTS",
    [WIRE_GET_BLOCK] = "GET_BLOCK", [WIRE_STATUS] = "STATUS",
    [WIRE_SHARD] = "SHARD",         [WIRE_HAVE] = "HAVE"};

static void print_messages(const struct scale_world *run)
{
    (void)printf("messages, each validator and view:");
    for (uint32_t kind = 1; kind <= WIRE_MESSAGE_KIND_MAX; kind++) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < run->options.validator_count; i++) {
            sum += run->nodes[i].sent[kind];
        }
        if (sum > 0) {
            (void)printf("  %s %.1f", names[kind], (double)sum / (double)run->final_count);
        }
    }
    (void)printf("\n");
}

static void print_spread(const char *name, const struct spread *spread, const char *unit)
{
    (void)printf("  %-15s %7.2f %s  least %.2f, mean %.2f", name, spread->most, unit, spread->least,
                 spread->sum / spread->count);
}

/* The design's first-order model for shards: both ways through one link, three delays.  Its
 * 4 MB are 4,000,000 bytes; 4 MiB are held to the same. */
static double table_ms(const struct scale_options *options, const struct shard_code *code)
{
    const double mega = (double)options->block_size / (1 << 20) * 1e6;
    const double bits = (2.0 * code->count - 3) * mega / code->required * 8;
    return bits / (double)options->link_mbit / 1000 + 3 * (double)options->delay_us / 1000;
}

static bool print_virtual(const struct scale_world *run, const struct shard_code *code)
{
    struct figures figures = {0};
    const double limit_ms = 1.5 * table_ms(&run->options, code);
    for (uint64_t view = VIEW_FIRST; view <= run->last_view; view++) {
        look_at_view(run, view, &figures);
    }
    (void)printf("modelled, worst of %llu views:\n", (unsigned long long)run->options.views);
    print_spread("leader egress", &figures.leader_blocks, "blocks");
    (void)printf(", limit 3.00\n");
    print_spread("other egress", &figures.relay_blocks, "blocks");
    (void)printf("\n");
    print_spread("final at half", &figures.median_ms, "ms");
    (void)printf("\n");
    print_spread("final at all", &figures.last_ms, "ms");
    (void)printf(", limit %.1f (1.5 x %.1f)\n", limit_ms, limit_ms / 1.5);
    print_spread("next proposal", &figures.interval_ms, "ms");
    (void)printf("\n");
    return figures.leader_blocks.most <= 3 && figures.last_ms.most <= limit_ms;
}

int main(int argc, char **argv)
{
    struct shard_code code;
    if (!read_options(argc, argv, &world.options)) {
        (void)fprintf(stderr, "scale [--views N] [--validators N] [--block BYTES] [--delay-ms N] "
                              "[--mbit N] [--flood]\n");
        return 2;
    }
    ASSERT(shard_code_derive(world.options.validator_count, world.options.block_size, &code));
    world.options.delta_0_ms = delta_0_ms(&world.options, &code);
    start(&world);
    const bool done = run_views(&world);
    (void)printf("%u validators, blocks of %u bytes in shards of which %u suffice, links of %llu "
                 "Mbit/s and %llu ms, delta_0 %u ms, certificates %s\n",
                 world.options.validator_count, world.options.block_size, code.required,
                 (unsigned long long)world.options.link_mbit,
                 (unsigned long long)world.options.delay_us / 1000, world.options.delta_0_ms,
                 world.options.floods ? "to all" : "announced");
    if (!done || world.nullified_count > 0 || world.unmodelled_count > 0) {
        (void)printf("FAIL: %s, %llu views given up, %llu actions that are not modelled\n",
                     done ? "done" : "stuck", (unsigned long long)world.nullified_count,
                     (unsigned long long)world.unmodelled_count);
        finish(&world);
        return 1;
    }
    const bool ok = print_virtual(&world, &code);
    print_messages(&world);
    print_cpu(&world, &code);
    finish(&world);
    (void)printf("%s\n", ok ? "within the limits" : "OVER A LIMIT");
    return ok ? 0 : 1;
}
