#include "client/chaincheck/chaincheck.h"

#include <stdlib.h>
#include <unistd.h>

#include "client/audit/chain.h"

struct chaincheck {
    struct chain_walk walk;
    struct chaincheck_sets sets;
    struct validator_set next;
    struct ahead *ahead;
    bool final; /* the last block taken had a finality of its own */
    struct chaincheck_report report;
};

bool chaincheck_create(const struct genesis *genesis, uint32_t threads,
                       const struct chaincheck_sets *sets, struct chaincheck **out,
                       struct error *error)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const uint32_t wanted = threads != 0 ? threads : cores < 1 ? 1 : (uint32_t)cores;
    struct chaincheck *check = calloc(1, sizeof(*check));
    if (check == NULL) {
        return error_set(error, EXIT_CODE_FAILURE, "no memory to check a chain");
    }
    if (sets != NULL) {
        check->sets = *sets;
    }
    if (!chain_walk_init(&check->walk, genesis)) {
        chaincheck_free(check);
        return error_set(error, EXIT_CODE_FAILURE, "no memory to check a chain");
    }
    if (!ahead_create(wanted > AUDIT_THREADS_MAX ? AUDIT_THREADS_MAX : wanted, &check->ahead,
                      error)) {
        chaincheck_free(check);
        return false;
    }
    *out = check;
    return true;
}

void chaincheck_free(struct chaincheck *check)
{
    if (check != NULL) {
        ahead_free(check->ahead);
        chain_walk_free(&check->walk);
        free(check);
    }
}

/* The oldest block of the ring, which is not empty, once its checks are done. */
static bool judge_front(struct chaincheck *check, struct error *error)
{
    struct audit_fault *fault = &check->report.fault;
    const struct ahead_block *b = ahead_front(check->ahead);
    const struct block_header *header = &b->block.header;
    if (!b->vrf_good) {
        (void)fault_text(fault, header->height, "vrf_proof", "the proposer's proof",
                         "a proof that does not verify");
        return fault_error(fault, error);
    }
    if (b->evidence != EVIDENCE_VALID) {
        (void)fault_text(fault, header->height, "last_final", evidence_text(EVIDENCE_VALID),
                         evidence_text(b->evidence));
        return fault_error(fault, error);
    }
    if (!hash_equal(&b->txs_root, &header->txs_root)) {
        (void)fault_hash(fault, header->height, "txs_root",
                         (struct fault_hashes){&b->txs_root, &header->txs_root});
        return fault_error(fault, error);
    }
    check->report.height = header->height;
    check->report.txs += b->block.txs.count;
    check->report.certificates += b->block.has_last_final ? 1 : 0;
    ahead_pop(check->ahead);
    return true;
}

static bool drain(struct chaincheck *check, struct error *error)
{
    while (ahead_front(check->ahead) != NULL) {
        if (!judge_front(check, error)) {
            return false;
        }
    }
    return true;
}

/* What is wrong here is only said once every block before it was found right. */
static bool refuse(struct chaincheck *check, const struct audit_fault *fault, struct error *error)
{
    if (!drain(check, error)) {
        return false;
    }
    check->report.fault = *fault;
    return fault_error(fault, error);
}

static bool no_memory(struct error *error)
{
    return error_set(error, EXIT_CODE_FAILURE, "no memory to check a chain");
}

/* The last block taken is a boundary: the next epoch's set, if anybody knows it. */
static enum chain_taken open_epoch(struct chaincheck *check, const struct block_header *header)
{
    if (check->sets.find == NULL || !check->sets.find(check->sets.context, header->epoch + 1,
                                                      &header->next_set_hash, &check->next)) {
        check->report.unjudged_from = header->height + 1;
        return CHAIN_REFUSED;
    }
    return chain_walk_open(&check->walk, &check->next) ? CHAIN_TAKEN : CHAIN_NO_MEMORY;
}

bool chaincheck_take(struct chaincheck *check, struct bytes block, struct bytes finality,
                     struct error *error)
{
    if (check->report.unjudged_from != 0) {
        return true;
    }
    struct audit_fault fault = {.found = false};
    struct ahead_block *slot = ahead_slot(check->ahead);
    while (slot == NULL) { /* the ring is full */
        if (!judge_front(check, error)) {
            return false;
        }
        slot = ahead_slot(check->ahead);
    }
    switch (ahead_fill(slot, block)) {
    case AHEAD_NO_MEMORY:
        return no_memory(error);
    case AHEAD_MALFORMED:
        (void)fault_text(&fault, check->walk.height + 1, "bytes", "a canonical block",
                         "other bytes");
        return refuse(check, &fault, error);
    case AHEAD_FILLED:
        break;
    }
    switch (chain_walk_take(&check->walk, slot, &fault)) {
    case CHAIN_NO_MEMORY:
        return no_memory(error);
    case CHAIN_REFUSED:
        return refuse(check, &fault, error);
    case CHAIN_TAKEN:
        break;
    }
    const struct block_header header = slot->block.header;
    ahead_push(check->ahead);
    check->final = finality.size > 0;
    if (check->final && !chain_walk_end(&check->walk, finality, &fault)) {
        return refuse(check, &fault, error);
    }
    check->report.certificates += check->final ? 1 : 0;
    return !check->walk.closed || open_epoch(check, &header) != CHAIN_NO_MEMORY || no_memory(error);
}

bool chaincheck_end(struct chaincheck *check, struct error *error)
{
    struct audit_fault fault;
    if (check->walk.height > 0 && !check->final && check->report.unjudged_from == 0) {
        (void)fault_text(&fault, check->walk.height, "finality",
                         "the certificate of the newest block", "nothing");
        return refuse(check, &fault, error);
    }
    return drain(check, error);
}

const struct chaincheck_report *chaincheck_report(const struct chaincheck *check)
{
    return &check->report;
}
