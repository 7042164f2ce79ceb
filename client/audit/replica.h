#ifndef CLIENT_AUDIT_REPLICA_H
#define CLIENT_AUDIT_REPLICA_H

#include "state/view_port.h"
#include "types/types.h"

/* The state in memory: a hash table from path (SHA-256 of the key) to value, and the
 * authenticated tree over it, whose root is kept up with each block's writes. */

struct replica;

struct replica *replica_create(void); /* empty; NULL when memory is short */
void replica_free(struct replica *replica);

/* Values stay where they are until the next replica_apply. */
struct state_view replica_view(const struct replica *replica);

/* Apply one block's writes; false when memory is short (the replica is then unusable). */
MUST_USE bool replica_apply(struct replica *replica, struct state_writes writes);

const struct hash *replica_root(const struct replica *replica);
uint64_t replica_count(const struct replica *replica); /* keys */

#endif /* CLIENT_AUDIT_REPLICA_H */
