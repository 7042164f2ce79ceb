#include "node/driver.h"
#include "state/objects/objects.h"

/* Who may open a session.  Called from threads of net: reads only the gate, which has a lock, and
 * the committed state, which any thread may. */

/* A registered account that is active; NODE_REGISTER makes one for a worker's key. */
static bool is_registered(struct driver *d, const struct net_key *key)
{
    struct public_key public;
    struct address address;
    struct store_buffer value = {0};
    struct error error;
    struct account account;
    if (key->size != PUBLIC_KEY_SIZE) {
        return false;
    }
    memcpy(public.bytes, key->bytes, PUBLIC_KEY_SIZE);
    crypto_address(&public, &address);
    const struct key account_key = key_account(&address);
    if (store_get(d->store, key_view(&account_key), &value, &error) != STORE_FOUND) {
        return false;
    }
    const bool active =
        record_decode(&record_account, bytes_of(value.data, value.size), &account) &&
        account.status == STATUS_ACTIVE && public_key_equal(&account.public_key, &public);
    store_buffer_free(&value);
    return active;
}

enum net_reason driver_admit(void *context, enum net_role role, enum net_lane lane,
                             const struct net_key *key)
{
    struct driver *d = context;
    bool admitted = false;
    switch (role) {
    case NET_ROLE_VALIDATOR:
        admitted = peers_admits(d, key);
        break;
    case NET_ROLE_CLIENT:
        admitted = lane == NET_LANE_BULK && is_registered(d, key);
        break;
    case NET_ROLE_ANON: /* may only fetch */
        admitted = lane == NET_LANE_BULK;
        break;
    case NET_ROLE_FULL: /* a validator that has no chain yet (node/sync/join.h) */
        admitted = lane == NET_LANE_BULK && peers_admits(d, key);
        break;
    case NET_ROLE_MEMBER:
        break;
    }
    return admitted ? NET_REASON_NONE : NET_REASON_NOT_ADMITTED;
}
