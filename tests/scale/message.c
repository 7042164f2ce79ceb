#include <stdlib.h>
#include <string.h>

#include "tests/scale/scale.h"

/* Messages as their sender writes them; who writes pays for it. */

static struct scale_message *message_of(enum wire_message_kind kind, uint64_t view,
                                        struct bytes bytes)
{
    struct scale_message *message = calloc(1, sizeof(*message));
    ASSERT(message != NULL);
    *message = (struct scale_message){.users = 1, .view = view, .kind = kind};
    message->size = bytes.size;
    message->bytes = malloc(bytes.size);
    ASSERT(message->bytes != NULL);
    memcpy(message->bytes, bytes.data, bytes.size);
    return message;
}

void message_use(struct scale_message *message)
{
    message->users++;
}

void message_drop(struct scale_message *message)
{
    if (message != NULL && --message->users == 0) {
        free(message->bytes);
        free(message);
    }
}

static void write_status(const struct consensus *core, struct wire_writer *writer, uint64_t *view)
{
    static struct wire_status message; /* 16 KB */
    struct consensus_status status;
    consensus_status(core, &status);
    message.epoch = status.epoch;
    message.view = status.view;
    message.has_last_final =
        status.last_final.view > 0 &&
        consensus_certificate(core, VOTE_FINALIZE, status.last_final.view, &message.last_final);
    message.has_entry =
        status.entry_kind != VOTE_PROPOSE &&
        consensus_certificate(core, status.entry_kind, status.entry_view, &message.entry);
    *view = status.view;
    wire_write_status(writer, &message);
}

static void write_certificate(const struct consensus *core, const struct consensus_action *action,
                              struct wire_writer *writer)
{
    static struct certificate certificate; /* 8 KB */
    ASSERT(consensus_certificate(core, action->certificate.kind, action->certificate.view,
                                 &certificate));
    wire_write_certificate(writer, &certificate);
}

static enum wire_message_kind kind_of(enum consensus_action_kind kind)
{
    return kind == CONSENSUS_DO_SEND_VOTE          ? WIRE_VOTE
           : kind == CONSENSUS_DO_SEND_CERTIFICATE ? WIRE_CERT
           : kind == CONSENSUS_DO_SEND_HAVE        ? WIRE_HAVE
           : kind == CONSENSUS_DO_SEND_STATUS      ? WIRE_STATUS
           : kind == CONSENSUS_DO_GET_BLOCK        ? WIRE_GET_BLOCK
                                                   : WIRE_GET_CERTS;
}

/* The body of an action's message; returns the view it is about. */
static uint64_t write_body(const struct consensus *core, const struct consensus_action *action,
                           enum wire_message_kind kind, struct wire_writer *writer)
{
    uint64_t view = action->certificate.view;
    if (kind == WIRE_VOTE) {
        wire_write_vote(writer, &action->vote);
        view = action->vote.view;
    } else if (kind == WIRE_CERT) {
        write_certificate(core, action, writer);
    } else if (kind == WIRE_HAVE) {
        wire_write_have(writer, &(struct wire_have){.epoch = SCALE_EPOCH,
                                                    .view = view,
                                                    .kind = action->certificate.kind});
    } else if (kind == WIRE_STATUS) {
        write_status(core, writer, &view);
    } else if (kind == WIRE_GET_BLOCK) {
        wire_write_get_block(writer, &action->block.proposal);
        view = action->block.view;
    } else {
        view = action->range.view;
        wire_write_get_certs(writer,
                             &(struct wire_get_certs){.epoch = SCALE_EPOCH,
                                                      .from_view = view,
                                                      .to_view = view + action->range.count - 1});
    }
    return view;
}

struct scale_message *message_write(struct scale_world *world, uint32_t from,
                                    const struct consensus_action *action)
{
    static uint8_t buffer[WIRE_VOTE_LANE_SIZE_MAX];
    struct scale_node *node = &world->nodes[from];
    const enum wire_message_kind kind = kind_of(action->kind);
    struct wire_writer writer;
    struct bytes bytes;
    const double start_s = cpu_now_s();
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_message(&writer, kind);
    const uint64_t view = write_body(node->core, action, kind, &writer);
    ASSERT(wire_writer_end(&writer, &bytes));
    node->cost.codec_s += cpu_now_s() - start_s;
    return message_of(kind, view, bytes);
}

/* Written once for all who send it: the leader, and the one whose shard it is. */
struct scale_message *message_shard(struct scale_world *world, const struct scale_block *block,
                                    const struct wire_shard *shard)
{
    const uint32_t leader = block->proposal.rest.leader;
    const size_t room = WIRE_MESSAGE_OVERHEAD + WIRE_SHARD_SIZE_MAX;
    uint8_t *buffer = malloc(room);
    struct wire_writer writer;
    struct bytes bytes;
    ASSERT(buffer != NULL);
    const double start_s = cpu_now_s();
    wire_writer_init(&writer, buffer, room);
    wire_write_message(&writer, WIRE_SHARD);
    wire_write_shard(&writer, shard);
    ASSERT(wire_writer_end(&writer, &bytes));
    world->nodes[leader].cost.codec_s += cpu_now_s() - start_s;
    struct scale_message *message = message_of(WIRE_SHARD, block->proposal.light.view, bytes);
    free(buffer);
    return message;
}

struct scale_message *message_proposal(const struct scale_block *block)
{
    const size_t room = WIRE_MESSAGE_OVERHEAD + WIRE_PROPOSAL_SIZE_MAX;
    const struct wire_proposal proposal = {
        .proposal = block->proposal,
        .signature = {{7}},
        .block = bytes_of(block->block, block->proposal.rest.block_size)};
    uint8_t *buffer = malloc(room);
    struct wire_writer writer;
    struct bytes bytes;
    ASSERT(buffer != NULL);
    wire_writer_init(&writer, buffer, room);
    wire_write_message(&writer, WIRE_PROPOSAL);
    wire_write_proposal(&writer, &proposal);
    ASSERT(wire_writer_end(&writer, &bytes));
    struct scale_message *message = message_of(WIRE_PROPOSAL, block->proposal.light.view, bytes);
    free(buffer);
    return message;
}
