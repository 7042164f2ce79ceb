#include <stdlib.h>

#include "tests/sim/sim.h"

/* The network: who reaches whom, and when.  What happens to the k-th message of a link is
 * drawn by that k alone. */

struct sim_message *message_new(enum sim_message_kind kind, const struct sim_node *from)
{
    struct sim_message *message = calloc(1, sizeof(*message));
    ASSERT(message != NULL);
    message->kind = kind;
    message->from = from->validator;
    message->via = from->index;
    message->epoch = from->epoch;
    return message;
}

void message_free(struct sim_message *message)
{
    if (message != NULL) {
        free(message->certificate);
        free(message);
    }
}

struct sim_message *message_copy(const struct sim_message *message)
{
    struct sim_message *copy = malloc(sizeof(*copy));
    struct certificate *certificate = NULL;
    ASSERT(copy != NULL);
    if (message->certificate != NULL) {
        certificate = malloc(sizeof(*certificate));
        ASSERT(certificate != NULL);
        *certificate = *message->certificate;
    }
    *copy = *message;
    copy->certificate = certificate;
    return copy;
}

/* One bit of what is signed, or of the signature.  False: nothing signed is in it; such a frame
 * does not open (AEAD) and is lost. */
static bool message_corrupt(struct sim_message *message, uint64_t random)
{
    const uint8_t bit = (uint8_t)(1U << (random & 7));
    const size_t at = (size_t)(random >> 3);
    if (message->kind == SIM_VOTE) {
        const bool proposal = (random >> 40 & 1) != 0 && message->vote.kind != VOTE_NULLIFY;
        uint8_t *bytes = proposal ? message->vote.proposal.bytes : message->vote.signature.bytes;
        bytes[at % (proposal ? HASH_SIZE : SIGNATURE_SIZE)] ^= bit;
        return true;
    }
    struct certificate *certificate = message->certificate;
    if (message->kind == SIM_CERTIFICATE && certificate != NULL &&
        certificate->signature_count > 0) {
        certificate->signatures[at % certificate->signature_count].bytes[at % SIGNATURE_SIZE] ^=
            bit;
        return true;
    }
    return false;
}

struct link {
    uint32_t from, to, place;
    uint64_t count;
};

static bool link_chance(const struct sim_world *world, const struct link *link, enum draw_kind kind,
                        uint64_t percent)
{
    return draw_hash(world->plan.seed, kind, link->place, link->count) % 100 < percent;
}

static bool link_fault(struct sim_world *world, const struct link *link, enum fault_class class,
                       enum draw_kind kind)
{
    const uint64_t percent = fault_value(world, class, link->from);
    const bool strikes = percent > 0 && link_chance(world, link, kind, percent);
    if (strikes) {
        fault_hit(world, class);
    }
    return strikes;
}

static uint64_t link_delay(struct sim_world *world, const struct link *link)
{
    const uint64_t mean = world->plan.delay_us;
    const uint64_t random = draw_hash(world->plan.seed, DRAW_DELAY, link->place, link->count);
    uint64_t delay = mean / 4 + random % (mean + mean / 2);
    if (link_fault(world, link, FAULT_STRAGGLE, DRAW_STRAGGLE)) {
        delay *= 1 + (random >> 32) % 30;
    }
    const uint64_t slow_from = fault_value(world, FAULT_SLOW, link->from);
    const uint64_t slow_to = fault_value(world, FAULT_SLOW, link->to);
    if (slow_from > 1 || slow_to > 1) {
        fault_hit(world, FAULT_SLOW);
        delay *= slow_from > slow_to ? slow_from : slow_to;
    }
    return delay;
}

static void deliver_later(struct sim_world *world, const struct link *link,
                          const struct sim_message *message, uint64_t delay_us)
{
    struct sim_message *copy = message_copy(message);
    if (link_fault(world, link, FAULT_CORRUPT, DRAW_CORRUPT)) {
        const uint64_t random = draw_hash(world->plan.seed, DRAW_CORRUPT, link->to, link->count);
        if (!message_corrupt(copy, random)) {
            message_free(copy);
            return;
        }
    }
    const struct sim_event event = {.kind = SIM_DELIVER, .node = link->to, .message = copy};
    world_push(world, delay_us, &event);
}

static void send_one(struct sim_world *world, uint32_t to, const struct sim_message *message)
{
    struct link link = {.from = message->via, .to = to, .place = message->via * SIM_NODES_MAX + to};
    link.count = world->sent[link.place]++;
    if ((world->passes != NULL && !world->passes(world, message, to)) ||
        !fault_is_linked(world, link.from, to) || link_fault(world, &link, FAULT_DROP, DRAW_DROP)) {
        return;
    }
    const uint64_t delay_us = link_delay(world, &link);
    deliver_later(world, &link, message, delay_us);
    if (link_fault(world, &link, FAULT_REPEAT, DRAW_REPEAT)) {
        deliver_later(world, &link, message, delay_us + world->plan.delay_us / 2);
    }
}

void world_send(struct sim_world *world, uint32_t to, struct sim_message *message)
{
    message->sent_us = world->now_us;
    for (uint32_t i = 0; i < world->node_count; i++) {
        const uint32_t validator = world->nodes[i].validator;
        if (validator != message->from && (to == CONSENSUS_ALL || to == validator)) {
            send_one(world, i, message);
        }
    }
    message_free(message);
}
