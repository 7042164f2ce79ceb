#include <stdlib.h>

#include "client/light/state.h"

/* Blocks below the tip, by its hist_root. */

bool light_take_anchor(struct light *light, const struct api_anchor *anchor, struct light_tip *out,
                       struct error *error)
{
    if (!light_take_tip(light, anchor->tip_header, anchor->last_final, error)) {
        return false;
    }
    const struct block_header *tip = &light->header; /* of this answer */
    if (!wire_decode_header(anchor->header, &out->header) ||
        !hash_equal(&out->header.chain_id, &tip->chain_id)) {
        return light_refuse(error, "it shows no header of this chain");
    }
    verify_block_id(anchor->header, &out->block_id);
    const char *wrong = NULL;
    if (anchor->is_tip && !bytes_equal(anchor->header, anchor->tip_header)) {
        wrong = "it calls another header the tip";
    }
    if (!anchor->is_tip) {
        wrong = verify_history(tip, out->header.height, &out->block_id, &anchor->path);
    }
    return wrong == NULL || light_refuse(error, wrong);
}

/* The tip, the header it names and how the one grew to the other. */
static bool take_header(struct light *light, void *context, struct error *error)
{
    const struct api_answer *answer = &light->answer;
    struct light_tip *out = context;
    if (!light_take_anchor(light, &answer->anchor, out, error)) {
        return false;
    }
    if (out->header.height != light->request.height) {
        return light_refuse(error, "it shows the header of another block");
    }
    const char *wrong =
        verify_growth(&light->header, &out->header, answer->growth, answer->growth_size);
    return wrong == NULL || light_refuse(error, wrong);
}

bool light_header(struct light *light, uint64_t height, struct light_tip *out, struct error *error)
{
    light->request = (struct api_request){.kind = API_HEADER, .height = height};
    return light_ask(light, take_header, out, error);
}

struct body {
    const struct light_tip *block;
    struct light_reply *out;
};

static bool take_body(struct light *light, void *context, struct error *error)
{
    const struct body *body = context;
    const struct bytes bytes = light->answer.body;
    const char *wrong = verify_body(bytes, body->block->header.height, &body->block->block_id);
    if (wrong != NULL) {
        return light_refuse(error, wrong);
    }
    body->out->data = malloc(bytes.size);
    if (body->out->data == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "no memory for %zu bytes", bytes.size);
    }
    memcpy(body->out->data, bytes.data, bytes.size);
    body->out->size = bytes.size;
    return true;
}

bool light_body(struct light *light, const struct light_tip *block, struct light_reply *out,
                struct error *error)
{
    struct body body = {.block = block, .out = out};
    *out = (struct light_reply){.data = NULL};
    light->request = (struct api_request){.kind = API_BLOCK, .height = block->header.height};
    return light_ask(light, take_body, &body, error);
}

static bool take_places(struct light *light, void *context, struct error *error)
{
    struct light_page *io = context;
    uint64_t height = io->below_height;
    uint32_t number = io->below_number;
    for (uint32_t i = 0; i < light->answer.place_count; i++) {
        const struct api_place *at = &light->answer.places[i];
        if (at->height > height || (at->height == height && at->number >= number)) {
            return light_refuse(error, "its list does not descend");
        }
        height = at->height;
        number = at->number;
    }
    io->complete_to = light->answer.height;
    io->count = light->answer.place_count;
    memcpy(io->places, light->answer.places, io->count * sizeof io->places[0]);
    return true;
}

bool light_list_txs(struct light *light, struct light_page *io, struct error *error)
{
    light->request = (struct api_request){.kind = API_TXS,
                                          .sender = io->sender,
                                          .height = io->below_height,
                                          .number = io->below_number};
    return light_ask(light, take_places, io, error);
}
