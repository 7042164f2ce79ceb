#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/sign_state/sign_state.h"
#include "tests/sim/disk.h"

/* Any sequence of requests, with restarts between them: what was permitted is judged against
 * a memory of its own that never forgets. */

enum { VIEWS = 256, REQUESTS_MAX = 400 };

struct memory {
    struct hash hashes[4][VIEWS];
    bool signed_[4][VIEWS];
};

static void check(struct memory *memory, const struct vote *vote)
{
    const struct hash *held = &memory->hashes[vote->kind][vote->view];
    const bool before = memory->signed_[vote->kind][vote->view];
    if ((before && !hash_equal(held, &vote->proposal)) ||
        (vote->kind == VOTE_NULLIFY && memory->signed_[VOTE_FINALIZE][vote->view]) ||
        (vote->kind == VOTE_FINALIZE && memory->signed_[VOTE_NULLIFY][vote->view])) {
        abort();
    }
    memory->hashes[vote->kind][vote->view] = vote->proposal;
    memory->signed_[vote->kind][vote->view] = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sim_disk disk;
    static struct memory memory;
    const struct sign_identity identity = {.chain_id = {{1}}};
    struct sign_state *state = NULL;
    struct error error = {0};
    uint64_t seed = size;
    const struct disk_port port = sim_disk_port(&disk);
    sim_disk_free(&disk);
    memset(&memory, 0, sizeof(memory));
    if (!sign_state_open(&port, &identity, true, &state, &error)) {
        abort();
    }
    for (size_t i = 0; i + 1 < size && i < REQUESTS_MAX; i += 2) {
        struct vote vote = {.kind = (enum vote_kind)(data[i] & 3), .epoch = 1, .view = data[i + 1]};
        vote.proposal.bytes[0] = vote.kind == VOTE_NULLIFY ? 0 : 1 + (data[i] >> 2 & 1);
        enum sign_verdict verdict;
        if (!sign_state_permit(state, &vote, 1, &verdict, &error)) {
            abort();
        }
        if (verdict == SIGN_PERMITTED) {
            check(&memory, &vote);
        }
        if (data[i] >= 0xF0) {
            sign_state_close(state);
            sim_disk_crash(&disk, &seed);
            if (!sign_state_open(&port, &identity, false, &state, &error)) {
                abort();
            }
        }
    }
    sign_state_close(state);
    return 0;
}
