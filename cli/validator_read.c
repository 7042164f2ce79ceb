#include "cli/validator.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

enum { READ_SET, READ_EPOCH, READ_CHANGE, READ_NEXT, READ_COUNT };

static bool read_globals(struct light *light, struct validator_changes *out, struct error *error)
{
    const struct key keys[READ_COUNT] = {
        [READ_SET] = key_global(GLOBAL_VALIDATORS),
        [READ_EPOCH] = key_global(GLOBAL_EPOCH),
        [READ_CHANGE] = key_global(GLOBAL_CHANGE),
        [READ_NEXT] = key_global(GLOBAL_NEXT_SET),
    };
    struct light_values values;
    if (!light_prove(light, keys, READ_COUNT, &values, error)) {
        return false;
    }
    const struct light_value *v = values.items;
    out->height = values.height;
    out->accepted = v[READ_CHANGE].present;
    bool good = v[READ_SET].present && wire_decode_validator_set(v[READ_SET].value, &out->set);
    if (good) {
        crypto_digest(TAG_VALIDATOR_SET, v[READ_SET].value, &out->set_hash);
    }
    good = good && (!v[READ_EPOCH].present ||
                    record_decode(&record_set_epoch, v[READ_EPOCH].value, &out->epoch));
    good = good &&
           (!out->accepted ||
            (record_decode(&record_set_change, v[READ_CHANGE].value, &out->change) &&
             v[READ_NEXT].present && wire_decode_validator_set(v[READ_NEXT].value, &out->next)));
    light_values_free(&values);
    return good || error_set(error, EXIT_CODE_VERIFY,
                             "the proven validator set is not one that this program can read; "
                             "update it");
}

/* The open changes of seats from .. from + count - 1. */
static bool read_open(struct light *light, struct validator_changes *out, uint32_t from,
                      struct error *error)
{
    struct key keys[LIGHT_KEY_MAX] = {0};
    struct light_values values;
    const uint32_t left = out->set.count - from;
    const uint32_t count = left < LIGHT_KEY_MAX ? left : LIGHT_KEY_MAX;
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = key_change(&out->set.items[from + i].account);
    }
    if (!light_prove(light, keys, count, &values, error)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct set_change *open = &out->open[out->open_count];
        if (values.items[i].present &&
            record_decode(&record_set_change, values.items[i].value, open) &&
            open->epoch == out->epoch.epoch) {
            out->open_count++;
        }
    }
    light_values_free(&values);
    return true;
}

bool validator_read(struct light *light, struct validator_changes *out, struct error *error)
{
    *out = (struct validator_changes){.epoch = {.version = RECORD_VERSION}};
    if (!read_globals(light, out, error)) {
        return false;
    }
    for (uint32_t from = 0; from < out->set.count; from += LIGHT_KEY_MAX) {
        if (!read_open(light, out, from, error)) {
            return false;
        }
    }
    return true;
}
