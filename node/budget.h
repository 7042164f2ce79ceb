#ifndef NODE_BUDGET_H
#define NODE_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/bytes.h"

/* What a peer may waste: each key has tokens that come back with time (token bucket).  A
 * signature that does not verify, a transaction there is no room for, a line in the log each
 * cost one; honest peers hardly ever pay.
 *
 * Bounded: keys share BUDGET_COUNT buckets by hash, so that no number of keys buys more than
 * that many buckets, and nothing has to be remembered of who came and went. */

enum { BUDGET_COUNT = 1024 };

struct budget {
    uint32_t burst; /* tokens of a full bucket, >= 1 */
    uint32_t rate;  /* tokens a second */
    struct {
        uint64_t spent_milli; /* thousandths of a token below full */
        uint64_t seen_ms;
    } buckets[BUDGET_COUNT];
};

void budget_init(struct budget *budget, uint32_t burst, uint32_t rate);
/* Is there a token left?  Costs nothing. */
MUST_USE bool budget_has(struct budget *budget, struct bytes key, uint64_t now_ms);
/* Spend one if there is one; false: none was left. */
bool budget_spend(struct budget *budget, struct bytes key, uint64_t now_ms);

/* Spend cost tokens, were it more than are left: what was done is paid for afterwards. */
void budget_charge(struct budget *budget, struct bytes key, uint64_t cost, uint64_t now_ms);

#endif /* NODE_BUDGET_H */
