#include "client/audit/sealed.h"

#include "store/history/history.h"

/* A block of the run that leads from the sealed one to what the certificate names. */
struct link {
    uint64_t height;
    uint64_t view;
    struct hash block_id;
    struct hash next_set_hash;
};

static bool wrong(const struct chain_walk *walk, const char *expected, const char *actual,
                  struct audit_fault *fault)
{
    return fault_text(fault, walk->height, "seal", expected, actual);
}

/* Never past the end of the epoch: the first block behind it carries the certificate of the
 * block that ended it. */
static bool follow(const struct chain_walk *walk, const struct chain_epoch *epoch,
                   struct bytes bytes, struct link *link)
{
    struct block_header header;
    if (!wire_decode_header(bytes, &header) || header.height != link->height + 1 ||
        header.epoch != epoch->number || !hash_equal(&header.parent_id, &link->block_id) ||
        !hash_equal(&header.set_hash, &epoch->trust.set_hash) ||
        !hash_equal(&header.chain_id, &epoch->trust.chain_id) ||
        (link->height == walk->height && epoch->end_height == walk->height)) {
        return false;
    }
    link->height = header.height;
    link->view = header.view;
    link->next_set_hash = header.next_set_hash;
    crypto_digest(TAG_BLOCK_HEADER, bytes, &link->block_id);
    return true;
}

static bool check_certificate(const struct chain_walk *walk, const struct chain_epoch *epoch,
                              const struct link *link, const struct finality *finality,
                              struct audit_fault *fault)
{
    const struct proposal_light *light = &finality->light;
    if (light->height != link->height || light->epoch != epoch->number ||
        light->view < link->view || !hash_equal(&light->block_id, &link->block_id) ||
        !hash_equal(&light->next_set_hash, &link->next_set_hash)) {
        return wrong(walk, "a certificate for the block that its headers lead to",
                     "one for something else", fault);
    }
    const enum evidence_verdict verdict = evidence_verify(&epoch->trust, finality);
    return verdict == EVIDENCE_VALID ||
           wrong(walk, evidence_text(EVIDENCE_VALID), evidence_text(verdict), fault);
}

/* Two seals before any block with a certificate: it is the same one. */
static bool remember(struct chain_walk *walk, struct bytes last_final, struct audit_fault *fault)
{
    struct hash digest;
    crypto_digest(TAG_LAST_FINAL, last_final, &digest);
    if (walk->seal_open) {
        return hash_equal(&digest, &walk->seal_digest) ||
               wrong(walk, "the certificate of the seal before", "another one", fault);
    }
    walk->seal_open = true;
    walk->seal_height = walk->height;
    walk->seal_digest = digest;
    return true;
}

bool chain_walk_seal(struct chain_walk *walk, struct bytes seal, struct audit_fault *fault)
{
    struct history_seal_parts parts;
    struct finality finality;
    if (!history_seal_decode(seal, &parts) ||
        !wire_decode_last_final(parts.last_final, &finality)) {
        return wrong(walk, "a canonical SEAL", "other bytes", fault);
    }
    const struct chain_seen *seen = &walk->seen[walk->height - 1];
    const struct chain_epoch *epoch = walk->epochs[seen->epoch];
    struct link link = {.height = walk->height,
                        .view = seen->view,
                        .block_id = walk->block_id,
                        .next_set_hash = epoch->end_height == walk->height ? epoch->next_set_hash
                                                                           : epoch->trust.set_hash};
    for (uint32_t i = 0; i < parts.count; i++) {
        if (!follow(walk, epoch, parts.headers[i], &link)) {
            return wrong(walk, "the headers of the next blocks", "others", fault);
        }
    }
    return check_certificate(walk, epoch, &link, &finality, fault) &&
           remember(walk, parts.last_final, fault);
}

bool sealed_by(struct chain_walk *walk, const struct wire_block *block, struct audit_fault *fault)
{
    if (!walk->seal_open || !block->has_last_final ||
        block->last_final.light.height < walk->seal_height) {
        return true;
    }
    walk->seal_open = false;
    return hash_equal(&block->header.last_cert_hash, &walk->seal_digest) ||
           fault_text(fault, walk->seal_height, "seal", "the certificate that the chain carries",
                      "another one");
}
