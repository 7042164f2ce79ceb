#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "net/handshake.h"

/* Two messages of a stranger, to a listener or a dialer (first byte: who, second: size of
 * the first message).  Nobody gets as far as a session without a proof, and whatever is
 * answered fits a handshake message. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct handshake_self self;
static struct crypto_key *key;

static void key_free(void)
{
    crypto_key_free(key);
}

static void self_set(void)
{
    const uint8_t secret[CRYPTO_SECRET_SIZE] = {1};
    key = crypto_key_create(secret);
    ASSERT(key != NULL && atexit(key_free) == 0);
    memset(self.chain_id.bytes, 1, HASH_SIZE);
    memset(self.genesis_hash.bytes, 1, HASH_SIZE);
    self.role = NET_ROLE_VALIDATOR;
    self.public_key = net_key_of_node(crypto_key_public(key));
    self.key = key;
}

static void hello_check(struct bytes message)
{
    struct hello hello;
    if (hello_decode(message, &hello) != NET_REASON_NONE) {
        return;
    }
    ASSERT(hello.role >= NET_ROLE_VALIDATOR && hello.role <= NET_ROLE_ANON);
    ASSERT(hello.lane == NET_LANE_VOTE || hello.lane == NET_LANE_BULK);
    ASSERT(hello.key.size == PUBLIC_KEY_SIZE || hello.key.size == TUNNEL_KEY_SIZE);
    ASSERT(message.size <= NET_HELLO_SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct handshake handshake;
    struct handshake_message out;
    struct net_key any = {.size = 0};
    if (size < 2) {
        return 0;
    }
    if (self.key == NULL) {
        self_set();
    }
    size_t first = data[1] < size - 2 ? data[1] : size - 2;
    const struct bytes messages[2] = {bytes_of(data + 2, first),
                                      bytes_of(data + 2 + first, size - 2 - first)};
    hello_check(messages[0]);
    handshake_begin(&handshake, &self, NET_LANE_BULK, (data[0] & 1) != 0 ? &any : NULL, &out);
    for (int i = 0; i < 2; i++) {
        enum handshake_step step = handshake_take(&handshake, messages[i], &out);
        ASSERT(step == HANDSHAKE_WAIT || step == HANDSHAKE_FAILED);
        ASSERT(out.size <= NET_HELLO_SIZE_MAX);
        ASSERT(step == HANDSHAKE_WAIT || handshake.reason != NET_REASON_NONE);
        ASSERT(step == HANDSHAKE_FAILED || i == 0);
    }
    handshake_wipe(&handshake);
    return 0;
}
