#include "net/frame.h"

#include <string.h>

#include "base/endian.h"

uint32_t frame_payload_max(enum net_role sender, enum net_lane lane)
{
    bool small = lane == NET_LANE_VOTE || sender == NET_ROLE_CLIENT || sender == NET_ROLE_ANON;
    return small ? VOTE_FRAME_SIZE_MAX : FRAME_SIZE_MAX;
}

bool frame_seal(struct crypto_session_half *half, const struct frame *frame, uint8_t *out)
{
    ASSERT(frame->payload.size <= FRAME_SIZE_MAX);
    size_t plain_size = FRAME_HEADER_SIZE + frame->payload.size;
    store_be32(out, (uint32_t)(plain_size + CRYPTO_SEAL_SIZE));
    uint8_t *plain = out + FRAME_PREFIX_SIZE;
    plain[0] = (uint8_t)frame->kind;
    store_be32(plain + 1, frame->id);
    if (frame->payload.size > 0) {
        memcpy(plain + FRAME_HEADER_SIZE, frame->payload.data, frame->payload.size);
    }
    return crypto_session_seal(half, bytes_of(out, FRAME_PREFIX_SIZE), bytes_of(plain, plain_size),
                               plain);
}

size_t frame_size(const uint8_t *prefix, uint32_t payload_max)
{
    uint32_t sealed = load_be32(prefix);
    uint32_t least = FRAME_HEADER_SIZE + CRYPTO_SEAL_SIZE;
    if (sealed < least || sealed - least > payload_max) {
        return 0;
    }
    return FRAME_PREFIX_SIZE + (size_t)sealed;
}

size_t frame_hello_size(const uint8_t *prefix)
{
    uint32_t size = load_be32(prefix);
    return size == 0 || size > NET_HELLO_SIZE_MAX ? 0 : FRAME_PREFIX_SIZE + (size_t)size;
}

enum net_reason frame_open(struct crypto_session_half *half, uint8_t *whole, size_t size,
                           struct frame *out)
{
    ASSERT(size >= FRAME_OVERHEAD);
    uint8_t *sealed = whole + FRAME_PREFIX_SIZE;
    if (!crypto_session_open(half, bytes_of(whole, FRAME_PREFIX_SIZE),
                             bytes_of(sealed, size - FRAME_PREFIX_SIZE), sealed)) {
        return NET_REASON_BAD_SEAL;
    }
    uint8_t kind = sealed[0];
    uint32_t id = load_be32(sealed + 1);
    if (kind < FRAME_DATA || kind > FRAME_PING) {
        return NET_REASON_BAD_FRAME;
    }
    bool answered = kind == FRAME_REQUEST || kind == FRAME_RESPONSE;
    if (!answered && id != 0) {
        return NET_REASON_BAD_FRAME;
    }
    out->kind = (enum frame_kind)kind;
    out->id = id;
    out->payload = bytes_of(sealed + FRAME_HEADER_SIZE, size - FRAME_OVERHEAD);
    return NET_REASON_NONE;
}
