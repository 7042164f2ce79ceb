#include <stdlib.h>

#include "client/light/state.h"
#include "state/tree/tree.h"

/* Values with their proofs, checked against the tip's state root. */

static bool check_proofs(struct light *light, struct error *error)
{
    const struct api_answer *answer = &light->answer;
    if (answer->proof_count != light->request.key_count) {
        return light_refuse(error, "it proves another number of keys");
    }
    for (uint32_t i = 0; i < answer->proof_count; i++) {
        const struct api_proof *proof = &answer->proofs[i];
        const enum state_tree_verdict verdict =
            state_tree_verify(&light->header.state_root, light->request.keys[i],
                              proof->present ? &proof->value : NULL, proof->proof);
        if (verdict != STATE_TREE_PROVEN) {
            return light_refuse(error, state_tree_verdict_text(verdict));
        }
    }
    return true;
}

static bool copy_values(const struct api_answer *answer, struct light_values *out,
                        struct error *error)
{
    size_t total = 1;
    for (uint32_t i = 0; i < answer->proof_count; i++) {
        total += answer->proofs[i].value.size;
    }
    out->memory = malloc(total);
    if (out->memory == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "no memory for %zu bytes of values", total);
    }
    size_t at = 0;
    for (uint32_t i = 0; i < answer->proof_count; i++) {
        const struct bytes value = answer->proofs[i].value;
        if (value.size != 0) {
            memcpy(out->memory + at, value.data, value.size);
        }
        out->items[i].present = answer->proofs[i].present;
        out->items[i].value = bytes_of(out->memory + at, value.size);
        at += value.size;
    }
    return true;
}

static bool take_proofs(struct light *light, void *context, struct error *error)
{
    struct light_values *out = context;
    /* light->header is the decoded header of this answer afterwards, whatever the tip. */
    if (!light_take_tip(light, light->answer.header, light->answer.last_final, error) ||
        !check_proofs(light, error) || !copy_values(&light->answer, out, error)) {
        return false;
    }
    out->height = light->header.height;
    out->time_ms = light->header.time_ms;
    out->state_root = light->header.state_root;
    out->count = light->answer.proof_count;
    return true;
}

bool light_prove(struct light *light, const struct key *keys, uint32_t count,
                 struct light_values *out, struct error *error)
{
    ASSERT(count > 0 && count <= LIGHT_KEY_MAX);
    memset(out, 0, sizeof *out);
    light->request = (struct api_request){.kind = API_PROVE, .key_count = count};
    for (uint32_t i = 0; i < count; i++) {
        light->request.keys[i] = key_view(&keys[i]);
    }
    return light_ask(light, take_proofs, out, error);
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
