#include <stdlib.h>

#include "client/light/state.h"
#include "state/tree/tree.h"

/* Values with their proof, checked against the state root of a final header. */

/* What was asked: keys in the caller's order, and in the proof's, ascending by path, each once. */
struct asked {
    struct light_values *out;
    uint32_t count;
    uint32_t place[LIGHT_KEY_MAX]; /* of the caller's i-th key in the proof's order */
};

struct asked_key {
    struct hash path;
    uint32_t index;
};

static int asked_order(const void *a, const void *b)
{
    const struct asked_key *x = a;
    const struct asked_key *y = b;
    return hash_compare(&x->path, &y->path);
}

static void request_keys(struct light *light, const struct key *keys, struct asked *asked)
{
    struct asked_key order[LIGHT_KEY_MAX];
    struct api_request *request = &light->request;
    *request = (struct api_request){.kind = API_PROVE, .height = light->look_back};
    for (uint32_t i = 0; i < asked->count; i++) {
        state_tree_path(key_view(&keys[i]), &order[i].path);
        order[i].index = i;
    }
    qsort(order, asked->count, sizeof order[0], asked_order);
    for (uint32_t i = 0; i < asked->count; i++) {
        if (i == 0 || !hash_equal(&order[i - 1].path, &order[i].path)) {
            request->keys[request->key_count++] = key_view(&keys[order[i].index]);
        }
        asked->place[order[i].index] = request->key_count - 1;
    }
}

static bool check_proof(struct light *light, const struct hash *root, struct error *error)
{
    const struct api_answer *answer = &light->answer;
    struct state_tree_claim claims[LIGHT_KEY_MAX];
    if (answer->fact_count != light->request.key_count) {
        return light_refuse(error, "it proves another number of keys");
    }
    for (uint32_t i = 0; i < answer->fact_count; i++) {
        const struct api_fact *fact = &answer->facts[i];
        claims[i] = (struct state_tree_claim){.key = light->request.keys[i].data,
                                              .key_size = light->request.keys[i].size,
                                              .value = fact->value.data,
                                              .value_size = fact->value.size,
                                              .present = fact->present};
    }
    const enum state_tree_verdict verdict =
        state_tree_many_verify(root, claims, answer->fact_count, answer->proof);
    return verdict == STATE_TREE_PROVEN || light_refuse(error, state_tree_verdict_text(verdict));
}

static bool copy_values(const struct api_answer *answer, const struct asked *asked,
                        struct error *error)
{
    struct light_values *out = asked->out;
    size_t total = 1;
    for (uint32_t i = 0; i < asked->count; i++) {
        total += answer->facts[asked->place[i]].value.size;
    }
    out->memory = malloc(total);
    if (out->memory == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "no memory for %zu bytes of values", total);
    }
    size_t at = 0;
    for (uint32_t i = 0; i < asked->count; i++) {
        const struct api_fact *fact = &answer->facts[asked->place[i]];
        if (fact->value.size != 0) {
            memcpy(out->memory + at, fact->value.data, fact->value.size);
        }
        out->items[i].present = fact->present;
        out->items[i].value = bytes_of(out->memory + at, fact->value.size);
        at += fact->value.size;
    }
    return true;
}

static bool take_proof(struct light *light, void *context, struct error *error)
{
    const struct asked *asked = context;
    struct light_tip named;
    if (!light_take_anchor(light, &light->answer.anchor, &named, error)) {
        return false;
    }
    const bool expected = light->look_back == 0 ? light->answer.anchor.is_tip
                                                : named.header.height == light->look_back + 1;
    if (!expected) {
        return light_refuse(error, "it proves the state at another height");
    }
    if (!check_proof(light, &named.header.state_root, error) ||
        !copy_values(&light->answer, asked, error)) {
        return false;
    }
    asked->out->height = named.header.height;
    asked->out->time_ms = named.header.time_ms;
    asked->out->state_root = named.header.state_root;
    asked->out->count = asked->count;
    return true;
}

void light_look_back(struct light *light, uint64_t height)
{
    light->look_back = height;
}

bool light_prove(struct light *light, const struct key *keys, uint32_t count,
                 struct light_values *out, struct error *error)
{
    struct asked asked = {.out = out, .count = count};
    ASSERT(count > 0 && count <= LIGHT_KEY_MAX);
    memset(out, 0, sizeof *out);
    request_keys(light, keys, &asked);
    return light_ask(light, take_proof, &asked, error);
}

void light_values_free(struct light_values *values)
{
    free(values->memory);
    values->memory = NULL;
    values->count = 0;
}

bool light_read(struct light *light, const struct key *key, const struct record *record, void *out,
                struct error *error)
{
    struct light_values values;
    if (!light_prove(light, key, 1, &values, error)) {
        return false;
    }
    bool ok = true;
    if (!values.items[0].present) {
        ok = error_set(error, EXIT_CODE_NOT_FOUND, "no such %s at height %llu", record->name,
                       (unsigned long long)values.height);
    } else if (!record_decode(record, values.items[0].value, out)) {
        ok = error_set(error, EXIT_CODE_VERSION,
                       "a %s this version cannot read: use a newer gradus", record->name);
    }
    light_values_free(&values);
    return ok;
}

/* ---- Collections (11.2) --------------------------------------------------------------------- */

static bool bad_collection(struct error *error)
{
    return error_set(error, EXIT_CODE_VERSION,
                     "a collection this version cannot read: use a newer gradus");
}

static bool take_count(const struct light_value *value, uint32_t *count)
{
    struct counter counter = {.value = 0};
    if (value->present && !record_decode(&record_counter, value->value, &counter)) {
        return false;
    }
    *count = (uint32_t)counter.value;
    return counter.value <= UINT32_MAX;
}

/* The count and the items from io->from + first on in one question: one state root for all. */
static bool read_page(struct light *light, struct light_collection *io, uint32_t first,
                      struct hash *root, struct error *error)
{
    struct key keys[LIGHT_KEY_MAX];
    struct light_values values;
    uint32_t asked = 1;
    keys[0] = key_count(io->collection, io->owner);
    while (asked < LIGHT_KEY_MAX && first + asked - 1 < io->max) {
        keys[asked] = key_item(io->collection, io->owner, io->from + first + asked - 1);
        asked++;
    }
    if (!light_prove(light, keys, asked, &values, error)) {
        return false;
    }
    bool ok = take_count(&values.items[0], &io->count);
    const uint32_t there = io->count > io->from ? io->count - io->from : 0;
    for (uint32_t i = 1; ok && i < asked && first + i - 1 < there; i++) {
        ok = values.items[i].present &&
             record_decode(&record_item, values.items[i].value, &io->items[first + i - 1]);
    }
    *root = values.state_root;
    light_values_free(&values);
    return ok || bad_collection(error);
}

bool light_read_collection(struct light *light, struct light_collection *io, struct error *error)
{
    struct hash first_root;
    struct hash root;
    const uint64_t until = light_now_ms(light) + light->config.timeout_ms;
    for (;;) {
        bool same = true;
        bool ok = read_page(light, io, 0, &first_root, error);
        for (uint32_t at = LIGHT_KEY_MAX - 1;
             ok && same && io->from + at < io->count && at < io->max; at += LIGHT_KEY_MAX - 1) {
            ok = read_page(light, io, at, &root, error);
            same = ok && hash_equal(&root, &first_root);
        }
        if (!ok || same) {
            return ok;
        }
        if (light_now_ms(light) >= until) {
            return error_set(error, EXIT_CODE_UNREACHABLE,
                             "the collection changed while it was read; try again");
        }
    }
}
