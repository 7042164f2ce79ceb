#include "net/handshake.h"

#include <string.h>

#include "crypto/crypto.h"
#include "wire/codec/codec.h"

enum { MESSAGE_HELLO = 1, MESSAGE_PROOF = 2, MESSAGE_REFUSE = 3 };
enum { HELLO_FIELDS = 9, HELLO_FIELDS_MAX = 32 /* of versions to come */ };
enum { REASON_TRAVELS_MAX = 31 }; /* net/reasons.def */

/* What T(d) is for. */
enum transcript { TRANSCRIPT_KEYS = 0, TRANSCRIPT_DIALER = 1, TRANSCRIPT_LISTENER = 2 };

static void message_close(struct handshake_message *out, const struct wire_writer *writer)
{
    struct bytes written;
    bool fits = wire_writer_end(writer, &written);
    ASSERT(fits);
    out->size = written.size;
}

static void hello_encode(const struct hello *hello, struct handshake_message *out)
{
    struct wire_writer writer;
    wire_writer_init(&writer, out->bytes, sizeof out->bytes);
    wire_write_array(&writer, HELLO_FIELDS);
    wire_write_u64(&writer, MESSAGE_HELLO);
    wire_write_u64(&writer, HANDSHAKE_VERSION);
    wire_write_hash(&writer, &hello->chain_id);
    wire_write_hash(&writer, &hello->genesis_hash);
    wire_write_u64(&writer, hello->role);
    wire_write_u64(&writer, hello->lane);
    wire_write_bin(&writer, bytes_of(hello->key.bytes, hello->key.size));
    wire_write_bin(&writer, bytes_of(hello->ephemeral, sizeof hello->ephemeral));
    wire_write_bin(&writer, bytes_of(hello->nonce, sizeof hello->nonce));
    message_close(out, &writer);
}

static struct net_key key_read(struct wire_reader *reader)
{
    struct bytes bytes = wire_read_bin(reader, PUBLIC_KEY_SIZE);
    struct net_key key = {0};
    if (bytes.size != PUBLIC_KEY_SIZE && bytes.size != TUNNEL_KEY_SIZE) {
        wire_reader_fail(reader, WIRE_BAD_RANGE);
        return key;
    }
    memcpy(key.bytes, bytes.data, bytes.size);
    key.size = (uint8_t)bytes.size;
    return key;
}

enum net_reason hello_decode(struct bytes message, struct hello *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, message);
    uint32_t fields = wire_read_list(&reader, HELLO_FIELDS_MAX);
    uint64_t kind = wire_read_u64(&reader);
    uint64_t version = wire_read_u64(&reader);
    if (!wire_reader_ok(&reader) || kind != MESSAGE_HELLO) {
        return NET_REASON_BAD_HELLO;
    }
    if (version != HANDSHAKE_VERSION) {
        return NET_REASON_VERSION;
    }
    if (fields != HELLO_FIELDS) {
        return NET_REASON_BAD_HELLO;
    }
    memset(out, 0, sizeof *out);
    out->chain_id = wire_read_hash(&reader);
    out->genesis_hash = wire_read_hash(&reader);
    uint32_t role = wire_read_u32_max(&reader, NET_ROLE_ANON);
    uint32_t lane = wire_read_u32_max(&reader, NET_LANE_BULK);
    out->key = key_read(&reader);
    wire_read_fixed(&reader, out->ephemeral, sizeof out->ephemeral);
    wire_read_fixed(&reader, out->nonce, sizeof out->nonce);
    if (!wire_reader_end(&reader) || role < NET_ROLE_VALIDATOR) {
        return NET_REASON_BAD_HELLO;
    }
    out->role = (enum net_role)role;
    out->lane = (enum net_lane)lane;
    bool tunnel = out->key.size == TUNNEL_KEY_SIZE;
    if (tunnel && out->role != NET_ROLE_MEMBER && out->role != NET_ROLE_ANON) {
        return NET_REASON_BAD_HELLO;
    }
    return NET_REASON_NONE;
}

static void transcript_hash(const struct handshake *handshake, enum transcript use,
                            struct hash *out)
{
    const struct handshake_message *dialer =
        handshake->dialed ? &handshake->own_hello : &handshake->peer_hello;
    const struct handshake_message *listener =
        handshake->dialed ? &handshake->peer_hello : &handshake->own_hello;
    uint8_t buffer[2 * NET_HELLO_SIZE_MAX + 16];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_write_array(&writer, 3);
    wire_write_bin(&writer, bytes_of(dialer->bytes, dialer->size));
    wire_write_bin(&writer, bytes_of(listener->bytes, listener->size));
    wire_write_u64(&writer, use);
    struct bytes written;
    bool fits = wire_writer_end(&writer, &written);
    ASSERT(fits);
    crypto_digest(TAG_HANDSHAKE, written, out);
}

static enum transcript transcript_of(const struct handshake *handshake, bool own)
{
    return own == handshake->dialed ? TRANSCRIPT_DIALER : TRANSCRIPT_LISTENER;
}

/* X25519 of the tunnel key of one side with the ephemeral key of the other. */
static bool tunnel_agree(const struct handshake *handshake, bool own,
                         uint8_t out[CRYPTO_EXCHANGE_SIZE])
{
    return own ? crypto_exchange_agree(handshake->self->tunnel_secret, handshake->peer.ephemeral,
                                       out)
               : crypto_exchange_agree(handshake->secret, handshake->peer.key.bytes, out);
}

static bool tunnel_proof(const struct handshake *handshake, bool own, struct hash *out)
{
    uint8_t shared[CRYPTO_EXCHANGE_SIZE];
    if (!tunnel_agree(handshake, own, shared)) {
        return false;
    }
    struct hash transcript;
    transcript_hash(handshake, transcript_of(handshake, own), &transcript);
    crypto_hmac(bytes_of(shared, sizeof shared), bytes_of(transcript.bytes, HASH_SIZE), out);
    crypto_wipe(shared, sizeof shared);
    return true;
}

static bool proof_write(const struct handshake *handshake, struct handshake_message *out)
{
    struct wire_writer writer;
    wire_writer_init(&writer, out->bytes, sizeof out->bytes);
    wire_write_array(&writer, 2);
    wire_write_u64(&writer, MESSAGE_PROOF);
    if (handshake->self->key == NULL) {
        struct hash proof;
        if (!tunnel_proof(handshake, true, &proof)) {
            return false;
        }
        wire_write_hash(&writer, &proof);
    } else {
        struct hash transcript;
        struct signature signature;
        transcript_hash(handshake, transcript_of(handshake, true), &transcript);
        crypto_key_sign(handshake->self->key, &transcript, &signature);
        wire_write_signature(&writer, &signature);
    }
    message_close(out, &writer);
    return true;
}

static bool proof_verify(const struct handshake *handshake, struct bytes proof)
{
    if (handshake->peer.key.size == TUNNEL_KEY_SIZE) {
        struct hash due;
        return proof.size == HASH_SIZE && tunnel_proof(handshake, false, &due) &&
               crypto_equal(due.bytes, proof.data, HASH_SIZE);
    }
    if (proof.size != SIGNATURE_SIZE) {
        return false;
    }
    struct public_key key;
    struct signature signature;
    struct hash transcript;
    memcpy(key.bytes, handshake->peer.key.bytes, sizeof key.bytes);
    memcpy(signature.bytes, proof.data, sizeof signature.bytes);
    transcript_hash(handshake, transcript_of(handshake, false), &transcript);
    return crypto_verify(&key, &transcript, &signature);
}

void handshake_begin(struct handshake *handshake, const struct handshake_self *self,
                     enum net_lane lane, const struct net_key *expected,
                     struct handshake_message *out)
{
    memset(handshake, 0, sizeof *handshake);
    handshake->self = self;
    handshake->dialed = expected != NULL;
    out->size = 0;
    if (expected != NULL) {
        handshake->expected = *expected;
    }
    handshake->own = (struct hello){
        .chain_id = self->chain_id,
        .genesis_hash = self->genesis_hash,
        .role = self->role,
        .lane = lane,
        .key = self->public_key,
    };
    crypto_exchange_generate(handshake->secret, handshake->own.ephemeral);
    crypto_random_bytes(handshake->own.nonce, sizeof handshake->own.nonce);
    if (handshake->dialed) {
        hello_encode(&handshake->own, &handshake->own_hello);
        *out = handshake->own_hello;
    }
}

static enum handshake_step fail(struct handshake *handshake, enum net_reason reason)
{
    handshake->reason = reason;
    return HANDSHAKE_FAILED;
}

void handshake_refuse(struct handshake *handshake, enum net_reason reason,
                      struct handshake_message *out)
{
    struct wire_writer writer;
    wire_writer_init(&writer, out->bytes, sizeof out->bytes);
    wire_write_array(&writer, 2);
    wire_write_u64(&writer, MESSAGE_REFUSE);
    wire_write_u64(&writer, reason);
    message_close(out, &writer);
    handshake->reason = reason;
}

static enum net_reason hello_judge(const struct handshake *handshake)
{
    const struct hello *peer = &handshake->peer;
    const struct handshake_self *self = handshake->self;
    if (!hash_equal(&peer->chain_id, &self->chain_id)) {
        return NET_REASON_WRONG_CHAIN;
    }
    if (!hash_equal(&peer->genesis_hash, &self->genesis_hash)) {
        return NET_REASON_WRONG_GENESIS;
    }
    /* An ANON key is nobody's name; any other role must not meet itself. */
    if (net_key_equal(&peer->key, &self->public_key) && peer->role != NET_ROLE_ANON) {
        return NET_REASON_SELF;
    }
    if (!handshake->dialed) {
        bool votes = peer->role == NET_ROLE_VALIDATOR || peer->role == NET_ROLE_FULL;
        return votes || peer->lane == NET_LANE_BULK ? NET_REASON_NONE : NET_REASON_BAD_LANE;
    }
    if (handshake->expected.size != 0 && !net_key_equal(&handshake->expected, &peer->key)) {
        return NET_REASON_WRONG_KEY;
    }
    return peer->lane == handshake->own.lane ? NET_REASON_NONE : NET_REASON_BAD_LANE;
}

static enum handshake_step hello_take(struct handshake *handshake, struct bytes message,
                                      struct handshake_message *out)
{
    enum net_reason reason = hello_decode(message, &handshake->peer);
    if (reason == NET_REASON_NONE) {
        reason = hello_judge(handshake);
    }
    if (reason != NET_REASON_NONE) {
        handshake_refuse(handshake, reason, out);
        return HANDSHAKE_FAILED;
    }
    memcpy(handshake->peer_hello.bytes, message.data, message.size);
    handshake->peer_hello.size = message.size;
    handshake->greeted = true;
    if (handshake->dialed) {
        return proof_write(handshake, out) ? HANDSHAKE_WAIT : fail(handshake, NET_REASON_BAD_PROOF);
    }
    handshake->own.lane = handshake->peer.lane;
    hello_encode(&handshake->own, &handshake->own_hello);
    *out = handshake->own_hello;
    return HANDSHAKE_WAIT;
}

static enum handshake_step proof_take(struct handshake *handshake, struct bytes proof,
                                      struct handshake_message *out)
{
    if (!proof_verify(handshake, proof)) {
        handshake_refuse(handshake, NET_REASON_BAD_PROOF, out);
        return HANDSHAKE_FAILED;
    }
    return handshake->dialed ? HANDSHAKE_DONE : HANDSHAKE_JUDGE;
}

enum handshake_step handshake_take(struct handshake *handshake, struct bytes message,
                                   struct handshake_message *out)
{
    out->size = 0;
    if (handshake->reason != NET_REASON_NONE) {
        return HANDSHAKE_FAILED; /* whatever the peer says after that */
    }
    if (message.size > NET_HELLO_SIZE_MAX) {
        return fail(handshake, NET_REASON_BAD_HELLO);
    }
    struct wire_reader reader;
    wire_reader_init(&reader, message);
    uint32_t fields = wire_read_list(&reader, HELLO_FIELDS_MAX);
    uint64_t kind = wire_read_u64(&reader);
    if (wire_reader_ok(&reader) && fields == 2 && kind == MESSAGE_REFUSE) {
        uint32_t reason = wire_read_u32_max(&reader, REASON_TRAVELS_MAX);
        bool known = wire_reader_end(&reader) && reason != NET_REASON_NONE;
        return fail(handshake, known ? (enum net_reason)reason : NET_REASON_BAD_HELLO);
    }
    if (!handshake->greeted) {
        return hello_take(handshake, message, out);
    }
    if (wire_reader_ok(&reader) && fields == 2 && kind == MESSAGE_PROOF) {
        struct bytes proof = wire_read_bin(&reader, SIGNATURE_SIZE);
        if (wire_reader_end(&reader)) {
            return proof_take(handshake, proof, out);
        }
    }
    return fail(handshake, NET_REASON_BAD_HELLO);
}

bool handshake_accept(const struct handshake *handshake, struct handshake_message *out)
{
    return proof_write(handshake, out);
}

bool handshake_session(const struct handshake *handshake, struct crypto_session *session)
{
    uint8_t shared[3 * CRYPTO_EXCHANGE_SIZE];
    size_t size = CRYPTO_EXCHANGE_SIZE;
    bool ok = crypto_exchange_agree(handshake->secret, handshake->peer.ephemeral, shared);
    for (int listener = 0; ok && listener < 2; listener++) {
        bool own = handshake->dialed == (listener == 0);
        bool tunnel =
            own ? handshake->self->key == NULL : handshake->peer.key.size == TUNNEL_KEY_SIZE;
        if (tunnel) {
            ok = tunnel_agree(handshake, own, shared + size);
            size += CRYPTO_EXCHANGE_SIZE;
        }
    }
    if (ok) {
        struct hash transcript;
        transcript_hash(handshake, TRANSCRIPT_KEYS, &transcript);
        crypto_session_start(session, bytes_of(shared, size), &transcript, handshake->dialed);
    }
    crypto_wipe(shared, sizeof shared);
    return ok;
}

void handshake_wipe(struct handshake *handshake)
{
    crypto_wipe(handshake->secret, sizeof handshake->secret);
}
