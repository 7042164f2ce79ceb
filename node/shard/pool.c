#include "node/shard/pool.h"

#include <stdlib.h>
#include <string.h>

void shard_pool_init(struct shard_pool *pool)
{
    memset(pool, 0, sizeof(*pool));
}

void shard_set_close(struct shard_set *set)
{
    free(set->room);
    memset(set, 0, sizeof(*set));
}

void shard_pool_clear(struct shard_pool *pool)
{
    for (uint32_t i = 0; i < SHARD_SET_MAX; i++) {
        shard_set_close(&pool->sets[i]);
    }
}

/* Views count from 1 in every epoch. */
static bool is_before(const struct proposal_light *a, const struct proposal_light *b)
{
    return a->epoch != b->epoch ? a->epoch < b->epoch : a->view < b->view;
}

void shard_pool_forget(struct shard_pool *pool, uint64_t epoch, uint64_t view)
{
    const struct proposal_light next = {.epoch = epoch, .view = view + 1};
    for (uint32_t i = 0; i < SHARD_SET_MAX; i++) {
        struct shard_set *set = &pool->sets[i];
        if (set->state != SHARD_SET_FREE && is_before(&set->proposal.light, &next)) {
            shard_set_close(set);
        }
    }
}

struct shard_set *shard_pool_find(struct shard_pool *pool, const struct hash *hash)
{
    for (uint32_t i = 0; i < SHARD_SET_MAX; i++) {
        struct shard_set *set = &pool->sets[i];
        if (set->state != SHARD_SET_FREE && hash_equal(&set->hash, hash)) {
            return set;
        }
    }
    return NULL;
}

/* A free set, or that of the lowest view below this one. */
static struct shard_set *find_place(struct shard_pool *pool, const struct proposal_light *light)
{
    struct shard_set *lowest = NULL;
    uint32_t of_view = 0;
    for (uint32_t i = 0; i < SHARD_SET_MAX; i++) {
        struct shard_set *set = &pool->sets[i];
        const bool used = set->state != SHARD_SET_FREE;
        const struct proposal_light *its = &set->proposal.light;
        of_view += used && its->epoch == light->epoch && its->view == light->view ? 1 : 0;
        if (lowest == NULL || is_before(its, &lowest->proposal.light)) {
            lowest = set; /* free ones have epoch and view 0 */
        }
    }
    const bool takes = lowest->state == SHARD_SET_FREE || is_before(&lowest->proposal.light, light);
    return takes && of_view < SHARD_ROOT_MAX ? lowest : NULL;
}

bool shard_pool_has_room(struct shard_pool *pool, const struct proposal_light *light)
{
    const bool has_room = find_place(pool, light) != NULL;
    pool->refused_count += has_room ? 0 : 1;
    return has_room;
}

struct shard_set *shard_pool_open(struct shard_pool *pool, const struct proposal *proposal,
                                  const struct hash *hash, const struct shard_code *code)
{
    struct shard_set *set = find_place(pool, &proposal->light);
    uint8_t *room = set == NULL ? NULL : malloc(shard_room(code));
    if (room == NULL) {
        pool->refused_count++;
        return NULL;
    }
    pool->evicted_count += set->state == SHARD_SET_COLLECTING ? 1 : 0;
    shard_set_close(set);
    set->state = SHARD_SET_COLLECTING;
    set->hash = *hash;
    set->proposal = *proposal;
    set->code = *code;
    set->room = room;
    return set;
}

bool shard_set_ready(const struct shard_set *set)
{
    return set->state == SHARD_SET_COLLECTING && set->have >= set->code.required;
}

static bool path_of(const struct shard_set *set, const struct shard_offer *offer,
                    struct crypto_path *out)
{
    memset(out, 0, sizeof(*out));
    if (offer->path.size % HASH_SIZE != 0 ||
        offer->path.size > (size_t)SHARD_PATH_MAX * HASH_SIZE) {
        return false;
    }
    out->index = offer->index;
    out->count = set->code.count;
    out->size = (uint32_t)(offer->path.size / HASH_SIZE);
    if (offer->path.size > 0) { /* else data may be NULL, which memcpy does not take */
        memcpy(out->siblings, offer->path.data, offer->path.size);
    }
    return true;
}

enum shard_put shard_set_put(struct shard_set *set, const struct shard_offer *offer)
{
    struct crypto_path path;
    if (set->state != SHARD_SET_COLLECTING || offer->from >= set->code.count ||
        set->liars[offer->from] || shard_set_ready(set) ||
        (offer->index < set->code.count && set->present[offer->index])) {
        return SHARD_PUT_KNOWN;
    }
    if (!path_of(set, offer, &path) ||
        !shard_verify(&set->code, &set->proposal.rest.da_root, offer->index, offer->shard, &path)) {
        set->liars[offer->from] = true;
        return SHARD_PUT_FALSE;
    }
    memcpy(set->room + (size_t)offer->index * set->code.shard_size, offer->shard.data,
           offer->shard.size);
    set->present[offer->index] = true;
    set->have++;
    if (offer->index != offer->from) {
        set->own_path = path; /* only the receiver's own shard comes from another */
    }
    return SHARD_PUT_KEPT;
}

bool shard_set_get(const struct shard_set *set, uint32_t index, uint32_t self, struct bytes *shard,
                   struct crypto_path *path)
{
    const bool whole = set->state == SHARD_SET_WHOLE;
    const bool alone = set->state == SHARD_SET_COLLECTING && index == self &&
                       index < set->code.count && set->present[index];
    if (index >= set->code.count || (!whole && !alone)) {
        return false;
    }
    if (whole) {
        shard_prove(&set->code, &set->leaves, index, path);
    } else {
        *path = set->own_path;
    }
    *shard = bytes_of(set->room + (size_t)index * set->code.shard_size, set->code.shard_size);
    return true;
}
