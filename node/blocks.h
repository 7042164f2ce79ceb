#ifndef NODE_BLOCKS_H
#define NODE_BLOCKS_H

#include "node/driver.h"

/* What the driver does with blocks: blocks.c, header.c, build.c, commit.c. */

struct unfinal *blocks_find(const struct driver *d, const struct hash *proposal);
/* Make an entry from a decoded proposal whose block matches its id; copies the block. */
struct unfinal *blocks_add(struct driver *d, const struct wire_proposal *proposal,
                           const struct wire_block *block);
void blocks_build(struct driver *d, const struct consensus_action *action);
/* Answer DO_BUILD: with a complete proposal and its block (built: a BUILT that lacks both), ... */
const struct unfinal *blocks_propose(struct driver *d, const struct wire_proposal *message,
                                     const struct consensus_event *built);
void blocks_build_failed(struct driver *d, uint64_t view); /* ... or with nothing */
void blocks_certify(struct driver *d, uint64_t view, const struct hash *proposal);
void blocks_retry_certify(struct driver *d);
void blocks_finalize(struct driver *d);
/* Free accepted blocks that nobody can ask for any more. */
void blocks_forget(struct driver *d);
/* Free what can never be final: the epoch is over. */
void blocks_drop_unfinal(struct driver *d);
bool blocks_parent_tip(struct driver *d, const struct hash *parent_id, struct tip *out);
void blocks_update_work(struct driver *d);
void blocks_after_commit(struct driver *d, const struct wire_block *block, uint64_t height);

/* The next step of an operator whose databases are damaged or have diverged.  Never "delete the
 * data directory": sign.state is in it. */
#define BLOCKS_FETCH_AGAIN                                                                         \
    "move chain.db and state.db away, keep sign/ and journal/, start again: peers have the blocks"

void blocks_proposal_hash(const struct proposal *proposal, struct hash *rest_digest,
                          struct hash *out);
/* The block that is not final yet with this id. */
struct unfinal *blocks_find_id(const struct driver *d, const struct hash *block_id);
struct state_view blocks_view(struct driver *d, const struct tip *tip);
void blocks_hist_root(struct driver *d, const struct tip *parent, struct hash *out);
void blocks_beacon(const struct hash *output, struct hash *beacon);
struct bytes blocks_beacon_alpha(const struct driver *d, const struct tip *parent, uint8_t *buffer);
/* The highest height that a last_final of block, a child of parent, or of an ancestor certifies. */
uint64_t blocks_carried_height(const struct wire_block *block, const struct tip *parent);
/* R7: the rule that needs the parent and is broken, or NULL.  A function of chain content
 * alone. */
const char *blocks_header_fault(struct driver *d, const struct wire_block *block,
                                const struct tip *parent);
/* Execute u and the ancestors that were not executed yet. */
enum consensus_certify blocks_execute_branch(struct driver *d, struct unfinal *u);
/* An entry for a block whose proposal is not known; copies the bytes. */
struct unfinal *blocks_adopt(struct driver *d, struct bytes bytes, const struct wire_block *block);
/* Make blocks final, oldest first, the first a child of the committed one; evidence is for
 * the last.  Whenever the node stops, the newest block of chain.db has evidence of its own. */
bool blocks_commit(struct driver *d, struct unfinal *const *entries, uint32_t count,
                   const struct finality *evidence);
/* Forget what is final and old, and branches that died. */
void blocks_prune(struct driver *d);
/* A block of chain.db, judged before it was stored: execute it and commit, or if the state
 * holds it already only take its place as the tip. */
bool blocks_replay(struct driver *d, const struct wire_block *block, bool commit, struct tip *tip,
                   struct error *error);
/* An array of result records as stored in chain.db; the caller frees it. */
void blocks_encode_results(const struct state_outcome *outcome, struct store_buffer *out);
void blocks_encode_finality(const struct finality *finality, struct store_buffer *out);
void blocks_unfinal_free(struct unfinal *u);
void blocks_clear(struct driver *d);
void blocks_look_at_pool(struct driver *d);

#endif /* NODE_BLOCKS_H */
