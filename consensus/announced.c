#include "consensus/announced.h"

/* 32.1: a block in shards takes one delay more than a whole one. */
enum consensus_verdict on_announced(struct consensus *core, uint64_t view)
{
    struct slot *slot = slot_find(core, view);
    if (slot == NULL || view <= core->fin.view) {
        return CONSENSUS_STALE;
    }
    if (slot->announced || slot->candidate.present) {
        return CONSENSUS_DUPLICATE;
    }
    slot->announced = true;
    if (view == core->view && core->cert_ms != NEVER) {
        core->cert_ms += delta_ms(core);
    }
    return CONSENSUS_ACCEPTED;
}

/* A proposal that may be voted for is here or on its way: t_lead does not count. */
bool is_proposal_near(const struct slot *slot)
{
    return slot->candidate.present ? !slot->candidate.bad : slot->announced;
}
