#include "state/objects/ids.h"

#include "crypto/crypto.h"
#include "wire/wire.h"

enum { PREIMAGE_MAX = 512 };

/* Ends writer, whose buffer is large enough by the field sizes, and hashes. */
static struct hash digest_of(enum tag tag, const struct wire_writer *writer)
{
    struct bytes bytes;
    const bool fits = wire_writer_end(writer, &bytes);
    ASSERT(fits);
    struct hash out;
    crypto_digest(tag, bytes, &out);
    return out;
}

struct hash id_created(enum key_kind kind, const struct hash *chain_id,
                       const struct address *creator, uint32_t lane, uint64_t seq)
{
    uint8_t buffer[PREIMAGE_MAX];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_array(&writer, 5);
    wire_write_hash(&writer, chain_id);
    wire_write_u64(&writer, (uint64_t)kind);
    wire_write_address(&writer, creator);
    wire_write_u64(&writer, lane);
    wire_write_u64(&writer, seq);
    return digest_of(TAG_OBJECT_ID, &writer);
}

struct hash id_job(const struct hash *chain_id, const struct address *consumer,
                   struct bytes request_id)
{
    uint8_t buffer[PREIMAGE_MAX];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_array(&writer, 4);
    wire_write_hash(&writer, chain_id);
    wire_write_u64(&writer, KEY_REQUEST);
    wire_write_address(&writer, consumer);
    wire_write_bin(&writer, request_id);
    return digest_of(TAG_OBJECT_ID, &writer);
}

struct hash id_lease(const struct hash *chain_id, const struct hash *job, uint32_t version,
                     uint32_t rank)
{
    uint8_t buffer[PREIMAGE_MAX];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_array(&writer, 5);
    wire_write_hash(&writer, chain_id);
    wire_write_u64(&writer, KEY_LEASE);
    wire_write_hash(&writer, job);
    wire_write_u64(&writer, version);
    wire_write_u64(&writer, rank);
    return digest_of(TAG_OBJECT_ID, &writer);
}

struct hash id_plan(const struct plan *plan)
{
    uint8_t buffer[PREIMAGE_MAX];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    record_write(&record_plan, &writer, plan);
    return digest_of(TAG_PLAN, &writer);
}

struct hash id_possession(const struct hash *chain_id, const struct address *provider,
                          const struct public_key *worker_key)
{
    uint8_t buffer[PREIMAGE_MAX];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_array(&writer, 3);
    wire_write_hash(&writer, chain_id);
    wire_write_address(&writer, provider);
    wire_write_public_key(&writer, worker_key);
    return digest_of(TAG_NODE_POSSESSION, &writer);
}

struct hash id_ready(const struct hash *chain_id, const struct hash *next_set_hash, uint32_t seat,
                     uint64_t height)
{
    uint8_t buffer[PREIMAGE_MAX];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_array(&writer, 4);
    wire_write_hash(&writer, chain_id);
    wire_write_hash(&writer, next_set_hash);
    wire_write_u64(&writer, seat);
    wire_write_u64(&writer, height);
    return digest_of(TAG_READY, &writer);
}

struct hash id_vote(const struct hash *chain_id, const struct hash *set_hash,
                    const struct vote *vote)
{
    uint8_t buffer[WIRE_VOTE_PREIMAGE_SIZE_MAX];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_vote_preimage(&writer, chain_id, set_hash, vote);
    return digest_of(wire_vote_tag(vote->kind), &writer);
}

struct hash id_suspension(const struct public_key *consensus)
{
    struct hash out;
    crypto_digest(TAG_ADDRESS, bytes_of(consensus->bytes, PUBLIC_KEY_SIZE), &out);
    return out;
}

struct hash id_peer_set(const struct peer_set *peers)
{
    ASSERT(peers->count >= 1 && peers->count <= PLAN_MEMBER_MAX);
    /* Streamed, so that the array need not fit a buffer: header first, then each key. */
    uint8_t buffer[8];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_array(&writer, peers->count);
    struct crypto_sha256 hash;
    crypto_digest_init(&hash, TAG_PEER_SET);
    crypto_sha256_update(&hash, bytes_of(buffer, writer.size));
    for (uint32_t i = 0; i < peers->count; i++) {
        uint8_t item[TUNNEL_KEY_SIZE + 8];
        struct bytes bytes;
        wire_writer_init(&writer, item, sizeof(item));
        wire_write_bin(&writer, bytes_of(peers->tunnel_keys[i], TUNNEL_KEY_SIZE));
        const bool fits = wire_writer_end(&writer, &bytes);
        ASSERT(fits);
        crypto_sha256_update(&hash, bytes);
    }
    struct hash out;
    crypto_sha256_final(&hash, &out);
    return out;
}

struct hash id_batch_key(const struct hash *job, uint32_t round,
                         const struct public_key *worker_key, const struct hash *beacon)
{
    uint8_t buffer[PREIMAGE_MAX];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_array(&writer, 4);
    wire_write_hash(&writer, job);
    wire_write_u64(&writer, round);
    wire_write_public_key(&writer, worker_key);
    wire_write_hash(&writer, beacon);
    return digest_of(TAG_BATCH_KEY, &writer);
}

struct hash id_commitment(const struct commitment *commitment)
{
    uint8_t buffer[PREIMAGE_MAX];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_array(&writer, 7);
    wire_write_public_key(&writer, &commitment->worker_key);
    wire_write_hash(&writer, &commitment->job);
    wire_write_u64(&writer, commitment->round);
    wire_write_hash(&writer, &commitment->trace_root);
    wire_write_hash(&writer, &commitment->delta_root);
    wire_write_hash(&writer, &commitment->inner_root);
    wire_write_hash(&writer, &commitment->salt);
    return digest_of(TAG_GRADIENT_COMMITMENT, &writer);
}
