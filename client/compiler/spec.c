#include "client/compiler/compiler.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The one table of keys: name, field, range, which templates know it. */
struct key {
    const char *name;
    size_t offset;
    uint32_t min;
    uint32_t max;
    unsigned templates; /* bit set of enum compiler_kind */
};

enum { MLP = 1 << COMPILER_MLP, GPT = 1 << COMPILER_CHAR_GPT, ALL = MLP | GPT };

static const struct key keys[] = {
    {"layers", offsetof(struct compiler_spec, layers), 1, 64, ALL},
    {"width", offsetof(struct compiler_spec, width), 1, 4096, ALL},
    {"heads", offsetof(struct compiler_spec, heads), 1, 256, GPT},
    {"context", offsetof(struct compiler_spec, context), 1, 4096, ALL},
    {"batch", offsetof(struct compiler_spec, batch), 1, 4096, ALL},
    {"features", offsetof(struct compiler_spec, features), 0, 65536, MLP},
    {"classes", offsetof(struct compiler_spec, classes), 0, 256, MLP},
    {"warmup", offsetof(struct compiler_spec, warmup), 0, 1 << 24, ALL},
    {"decay", offsetof(struct compiler_spec, decay), 0, 1 << 24, ALL},
};

enum { KEY_COUNT = sizeof keys / sizeof keys[0], WORD_MAX = 48 };

static const struct compiler_spec mlp_default = {.kind = COMPILER_MLP,
                                                 .layers = 2,
                                                 .width = 128,
                                                 .heads = 1,
                                                 .context = 16,
                                                 .batch = 64,
                                                 .warmup = 20,
                                                 .rate = 0.003F,
                                                 .weight_decay = 0.01F,
                                                 .seed = 1};

static const struct compiler_spec gpt_default = {.kind = COMPILER_CHAR_GPT,
                                                 .layers = 4,
                                                 .width = 128,
                                                 .heads = 4,
                                                 .context = 64,
                                                 .batch = 16,
                                                 .warmup = 50,
                                                 .rate = 0.003F,
                                                 .weight_decay = 0.01F,
                                                 .seed = 1};

static uint32_t *field(struct compiler_spec *spec, const struct key *key)
{
    return (uint32_t *)(void *)((char *)spec + key->offset);
}

static uint32_t field_value(const struct compiler_spec *spec, const struct key *key)
{
    uint32_t value = 0;
    memcpy(&value, (const char *)spec + key->offset, sizeof value);
    return value;
}

static bool integer_read(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (text[0] < '0' || text[0] > '9') {
        return false;
    }
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool real_read(const char *text, float *out)
{
    char *end = NULL;
    *out = strtof(text, &end);
    return end != text && *end == '\0' && isfinite(*out) && *out >= 0.0F && *out <= 10.0F;
}

static bool count_set(struct compiler_spec *spec, const struct key *key, const char *value,
                      struct error *error)
{
    uint64_t number = 0;
    if ((key->templates & (1U << spec->kind)) == 0) {
        return error_set(error, EXIT_CODE_USAGE, "model: this template has no key '%s'", key->name);
    }
    if (!integer_read(value, &number) || number < key->min || number > key->max) {
        return error_set(error, EXIT_CODE_USAGE, "model: %s=%s is not a number from %u to %u",
                         key->name, value, key->min, key->max);
    }
    *field(spec, key) = (uint32_t)number;
    return true;
}

static bool pair_set(struct compiler_spec *spec, const char *name, const char *value,
                     struct error *error)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(name, keys[i].name) == 0) {
            return count_set(spec, &keys[i], value, error);
        }
    }
    if (strcmp(name, "seed") == 0) {
        return integer_read(value, &spec->seed) ||
               error_set(error, EXIT_CODE_USAGE, "model: seed=%s is not a number", value);
    }
    float *real = strcmp(name, "rate") == 0           ? &spec->rate
                  : strcmp(name, "weight-decay") == 0 ? &spec->weight_decay
                                                      : NULL;
    if (real == NULL) {
        return error_set(error, EXIT_CODE_USAGE, "model: unknown key '%s'", name);
    }
    return real_read(value, real) ||
           error_set(error, EXIT_CODE_USAGE, "model: %s=%s is not a number from 0 to 10", name,
                     value);
}

static bool spec_check(const struct compiler_spec *spec, struct error *error)
{
    if (spec->kind == COMPILER_CHAR_GPT && spec->width % spec->heads != 0) {
        return error_set(error, EXIT_CODE_USAGE, "model: width=%u is no multiple of heads=%u",
                         spec->width, spec->heads);
    }
    if (spec->kind == COMPILER_MLP && spec->classes != 0 && spec->features == 0) {
        return error_set(error, EXIT_CODE_USAGE, "model: classes needs features (mlp on records)");
    }
    if (spec->classes == 1) {
        return error_set(error, EXIT_CODE_USAGE, "model: classes=1 leaves nothing to learn");
    }
    return true;
}

/* Cut the next word off *text into word; false at the end.  An overlong word is cut, and
 * then matches no key. */
static bool word_next(const char **text, char word[WORD_MAX])
{
    *text += strspn(*text, " ,:");
    const size_t size = strcspn(*text, " ,:");
    const size_t kept = size < WORD_MAX ? size : WORD_MAX - 1;
    memcpy(word, *text, kept);
    word[kept] = '\0';
    *text += size;
    return size != 0;
}

bool compiler_spec_parse(const char *text, struct compiler_spec *out, struct error *error)
{
    char word[WORD_MAX];
    if (strlen(text) >= COMPILER_SPEC_MAX) {
        return error_set(error, EXIT_CODE_USAGE, "model: specification longer than %d bytes",
                         COMPILER_SPEC_MAX - 1);
    }
    if (!word_next(&text, word)) {
        return error_set(error, EXIT_CODE_USAGE, "model: no template named; try char-gpt or mlp");
    }
    struct compiler_spec spec = gpt_default;
    if (strcmp(word, "mlp") == 0) {
        spec = mlp_default;
    } else if (strcmp(word, "char-gpt") != 0) {
        return error_set(error, EXIT_CODE_USAGE, "model: no template '%s'; try char-gpt or mlp",
                         word);
    }
    while (word_next(&text, word)) {
        char *equals = strchr(word, '=');
        if (equals == NULL) {
            return error_set(error, EXIT_CODE_USAGE, "model: '%s' is not key=value", word);
        }
        *equals = '\0';
        if (!pair_set(&spec, word, equals + 1, error)) {
            return false;
        }
    }
    if (!spec_check(&spec, error)) {
        return false;
    }
    *out = spec;
    return true;
}

/* The fewest digits that read back as the same float. */
static void real_format(float value, char out[32])
{
    for (int digits = 1; digits <= 9; digits++) {
        (void)snprintf(out, 32, "%.*g", digits, (double)value);
        if (strtof(out, NULL) == value) {
            return;
        }
    }
}

void compiler_spec_format(const struct compiler_spec *spec, char out[COMPILER_SPEC_MAX])
{
    char rate[32];
    char decay[32];
    size_t used = (size_t)snprintf(out, COMPILER_SPEC_MAX, "%s",
                                   spec->kind == COMPILER_MLP ? "mlp" : "char-gpt");
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if ((keys[i].templates & (1U << spec->kind)) != 0) {
            used += (size_t)snprintf(out + used, COMPILER_SPEC_MAX - used, " %s=%u", keys[i].name,
                                     field_value(spec, &keys[i]));
        }
    }
    real_format(spec->rate, rate);
    real_format(spec->weight_decay, decay);
    used +=
        (size_t)snprintf(out + used, COMPILER_SPEC_MAX - used, " rate=%s weight-decay=%s seed=%llu",
                         rate, decay, (unsigned long long)spec->seed);
    ASSERT(used < COMPILER_SPEC_MAX);
}
