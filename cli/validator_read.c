#include "cli/validator.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

enum { READ_SET, READ_EPOCH, READ_CHANGE, READ_NEXT, READ_SUSPENDED, READ_COUNT };

static bool read_globals(struct light *light, struct validator_changes *out, struct error *error)
{
    const struct key keys[READ_COUNT] = {
        [READ_SET] = key_global(GLOBAL_VALIDATORS),
        [READ_EPOCH] = key_global(GLOBAL_EPOCH),
        [READ_CHANGE] = key_global(GLOBAL_CHANGE),
        [READ_NEXT] = key_global(GLOBAL_NEXT_SET),
        [READ_SUSPENDED] = key_count(COLLECTION_SUSPENSIONS, bytes_of(NULL, 0)),
    };
    struct light_values values;
    struct counter suspended = {.value = 0};
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
    good = good && (!v[READ_SUSPENDED].present ||
                    record_decode(&record_counter, v[READ_SUSPENDED].value, &suspended));
    out->suspended_count = (uint32_t)suspended.value;
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

/* The values under these keys as records, which all have to be there. */
struct wanted {
    const struct key *keys;
    uint32_t count;
    const struct record *record;
    uint8_t *out;
};

static bool read_records(struct light *light, const struct wanted *wanted, struct error *error)
{
    struct light_values values;
    bool good = light_prove(light, wanted->keys, wanted->count, &values, error);
    if (!good) {
        return false;
    }
    for (uint32_t i = 0; i < wanted->count; i++) {
        good = good && values.items[i].present &&
               record_decode(wanted->record, values.items[i].value,
                             wanted->out + i * wanted->record->struct_size);
    }
    light_values_free(&values);
    return good || error_set(error, EXIT_CODE_VERIFY,
                             "the proven suspensions are not ones that this program can read; "
                             "update it");
}

/* Suspensions below the newest `from`. */
static bool read_suspensions(struct light *light, struct validator_changes *out, uint32_t from,
                             struct error *error)
{
    const struct bytes nobody = bytes_of(NULL, 0);
    struct key keys[LIGHT_KEY_MAX] = {0};
    struct item items[LIGHT_KEY_MAX];
    const uint32_t left = out->suspension_count - from;
    const uint32_t count = left < LIGHT_KEY_MAX ? left : LIGHT_KEY_MAX;
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = key_item(COLLECTION_SUSPENSIONS, nobody, out->suspended_count - 1 - from - i);
    }
    struct wanted wanted = {keys, count, &record_item, (uint8_t *)items};
    if (!read_records(light, &wanted, error)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = key_object(KEY_SUSPENSION, &items[i].id);
    }
    wanted.record = &record_suspension;
    wanted.out = (uint8_t *)&out->suspensions[from];
    return read_records(light, &wanted, error);
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
    out->suspension_count =
        out->suspended_count < VALIDATOR_COUNT_MAX ? out->suspended_count : VALIDATOR_COUNT_MAX;
    for (uint32_t from = 0; from < out->suspension_count; from += LIGHT_KEY_MAX) {
        if (!read_suspensions(light, out, from, error)) {
            return false;
        }
    }
    return true;
}
