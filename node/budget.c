#include "node/budget.h"

#include <string.h>

enum { TOKEN_MILLI = 1000 };

void budget_init(struct budget *budget, uint32_t burst, uint32_t rate)
{
    memset(budget, 0, sizeof(*budget));
    budget->burst = burst;
    budget->rate = rate;
}

/* FNV-1a over the key; the bucket with what has come back since it was last looked at. */
static uint64_t *spent_of(struct budget *budget, struct bytes key, uint64_t now_ms)
{
    uint32_t hash = UINT32_C(0x811c9dc5);
    for (size_t i = 0; i < key.size; i++) {
        hash = (hash ^ key.data[i]) * UINT32_C(0x01000193);
    }
    const uint32_t index = (hash ^ (hash >> 16)) % BUDGET_COUNT;
    const uint64_t seen = budget->buckets[index].seen_ms;
    const uint64_t full_ms = (uint64_t)budget->burst * TOKEN_MILLI;
    const uint64_t passed = now_ms > seen ? now_ms - seen : 0;
    const uint64_t back = passed < full_ms ? passed * budget->rate : full_ms;
    uint64_t *spent = &budget->buckets[index].spent_milli;
    *spent = *spent > back ? *spent - back : 0;
    budget->buckets[index].seen_ms = now_ms;
    return spent;
}

bool budget_has(struct budget *budget, struct bytes key, uint64_t now_ms)
{
    const uint64_t full = (uint64_t)budget->burst * TOKEN_MILLI;
    return *spent_of(budget, key, now_ms) + TOKEN_MILLI <= full;
}

bool budget_spend(struct budget *budget, struct bytes key, uint64_t now_ms)
{
    if (!budget_has(budget, key, now_ms)) {
        return false;
    }
    *spent_of(budget, key, now_ms) += TOKEN_MILLI;
    return true;
}

void budget_charge(struct budget *budget, struct bytes key, uint64_t cost, uint64_t now_ms)
{
    *spent_of(budget, key, now_ms) += cost * TOKEN_MILLI;
}
