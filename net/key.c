#include <string.h>

#include "net/net.h"

struct net_key net_key_of_node(const struct public_key *key)
{
    struct net_key out = {.size = PUBLIC_KEY_SIZE};
    memcpy(out.bytes, key->bytes, PUBLIC_KEY_SIZE);
    return out;
}

struct net_key net_key_of_tunnel(const uint8_t key[TUNNEL_KEY_SIZE])
{
    struct net_key out = {.size = TUNNEL_KEY_SIZE};
    memcpy(out.bytes, key, TUNNEL_KEY_SIZE);
    return out;
}

bool net_key_equal(const struct net_key *a, const struct net_key *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

const char *net_reason_text(enum net_reason reason)
{
    switch (reason) {
#define NET_REASON(name, number, text)                                                             \
    case NET_REASON_##name:                                                                        \
        return text;
#include "net/reasons.def"
#undef NET_REASON
    }
    return "unknown reason";
}
