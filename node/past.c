#include "node/past.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/tree/tree.h"

static void refuse(struct past_reply *out, enum exit_code code, const char *text)
{
    out->code = code;
    out->text = text;
}

/* Which heights can be asked for. */
static void refuse_height(const struct driver *d, uint64_t oldest, struct past_reply *out)
{
    static char text[160]; /* the driver's thread only */
    (void)snprintf(text, sizeof(text),
                   "this node proves the states after blocks %llu to %llu; another one may have a "
                   "longer undo_window",
                   (unsigned long long)oldest, (unsigned long long)d->committed.height - 1);
    refuse(out, EXIT_CODE_NOT_FOUND, text);
}

static bool ascend(const struct api_request *request)
{
    struct hash last = {.bytes = {0}};
    for (uint32_t i = 0; i < request->key_count; i++) {
        struct hash path;
        state_tree_path(request->keys[i], &path);
        if (i > 0 && hash_compare(&last, &path) >= 0) {
            return false;
        }
        last = path;
    }
    return request->key_count > 0;
}

static struct bytes append(struct store_buffer *memory, const struct store_buffer *from)
{
    uint8_t *at = memory->data + memory->size;
    if (from->size > 0) {
        memcpy(at, from->data, from->size);
    }
    memory->size += from->size;
    return bytes_of(at, from->size);
}

/* Values and proof in one piece of memory. */
static bool collect(const struct store_facts *facts, struct api_answer *answer,
                    struct store_buffer *memory)
{
    size_t size = facts->proof.size;
    for (size_t i = 0; i < facts->count; i++) {
        size += facts->items[i].value.size;
    }
    *memory = (struct store_buffer){.data = malloc(size)};
    if (memory->data == NULL) {
        return false;
    }
    answer->fact_count = (uint32_t)facts->count;
    for (uint32_t i = 0; i < answer->fact_count; i++) {
        answer->facts[i].present = facts->items[i].present;
        answer->facts[i].value = append(memory, &facts->items[i].value);
    }
    answer->proof = append(memory, &facts->proof);
    return true;
}

static void prove(struct driver *d, const struct api_request *request, struct api_answer *answer,
                  struct past_reply *out)
{
    const struct store_question question = {.height = out->height,
                                            .keys = request->keys,
                                            .count = request->key_count,
                                            .past_size_max = PAST_SIZE_MAX};
    struct store_facts facts;
    struct error error;
    const enum store_answer found = store_prove_many(d->store, &question, &facts, &error);
    out->read = facts.past_size;
    if (found == STORE_ABSENT) {
        refuse_height(d, facts.oldest, out);
    } else if (found == STORE_FAILED) {
        refuse(out, EXIT_CODE_STORAGE, "this node cannot read that state");
    } else if (!collect(&facts, answer, &out->memory)) {
        refuse(out, EXIT_CODE_FAILURE, "no memory");
    }
    store_facts_free(&facts);
}

void past_prove(struct driver *d, const struct api_request *request, struct api_answer *answer,
                struct past_reply *out)
{
    const uint64_t tip = d->committed.height;
    *out = (struct past_reply){.code = EXIT_CODE_OK, .height = request->height};
    if (tip == 0 || !d->has_tip_finality) {
        refuse(out, EXIT_CODE_NOT_FOUND, "no block is final yet");
    } else if (!ascend(request)) {
        refuse(out, EXIT_CODE_USAGE, "the keys are not ascending by their SHA-256");
    } else if (request->height >= tip) {
        refuse(out, EXIT_CODE_NOT_FOUND, "no final header names the state after that block yet");
    } else {
        out->height = request->height == 0 ? tip - 1 : request->height;
        prove(d, request, answer, out);
    }
}
