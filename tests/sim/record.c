#include <inttypes.h>

#include "base/hex.h"
#include "tests/sim/sim.h"

/* The run as an onlooker sees it, a line an event; oracle.py judges it. */

static const char *hex(const struct hash *hash)
{
    static char text[2][2 * HASH_SIZE + 1];
    static uint32_t turn;
    turn = 1 - turn;
    hex_encode(hash->bytes, HASH_SIZE, text[turn]);
    return text[turn];
}

void record_proposal(struct sim_world *world, const struct sim_block *block)
{
    if (world->record != NULL) {
        const struct proposal *proposal = &block->proposal;
        (void)fprintf(world->record, "proposal %s %" PRIu64 " %u %" PRIu64 " %" PRIu64,
                      hex(&block->hash), proposal->light.view, proposal->rest.leader,
                      proposal->rest.parent_view, proposal->light.height);
        (void)fprintf(world->record, " %s %s %" PRIu64 " %d\n",
                      hex(&proposal->rest.parent_proposal), hex(&proposal->light.block_id),
                      proposal->light.epoch, block_is_boundary(block) ? 1 : 0);
    }
}

void record_signed(struct sim_world *world, const struct check_member *by, const struct vote *vote)
{
    check_signed(world->check, by, vote);
    if (world->record != NULL) {
        (void)fprintf(world->record, "sign %u %d %" PRIu64 " %s %" PRIu64 "\n", by->validator,
                      (int)vote->kind, vote->view, hex(&vote->proposal), vote->epoch);
    }
}

/* The members of an epoch, by place, and who leads its view 1. */
void record_epoch(struct sim_world *world, uint64_t epoch)
{
    const struct sim_set *set = &world->sets[epoch];
    if (world->record != NULL) {
        (void)fprintf(world->record, "epoch %" PRIu64 " %u", epoch, set->offset);
        for (uint32_t i = 0; i < set->count; i++) {
            (void)fprintf(world->record, " %u", set->members[i].validator);
        }
        (void)fprintf(world->record, "\n");
    }
}

void record_final(struct sim_world *world, const struct sim_node *node,
                  const struct sim_block *block)
{
    if (world->record != NULL) {
        (void)fprintf(world->record, "final %u %" PRIu64 " %s\n", node->index,
                      block->content.height, hex(&block->hash));
    }
}
