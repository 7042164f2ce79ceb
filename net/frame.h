#ifndef NET_FRAME_H
#define NET_FRAME_H

#include "crypto/session/session.h"
#include "net/net.h"

/* Bytes on the stream.  Before the handshake has ended: size (4 bytes, big-endian, 1 ..
 * NET_HELLO_SIZE_MAX), then a handshake message.  After it: size (4 bytes, big-endian) of
 * what follows, then a sealed frame; sealed = AEAD(kind 1 byte, id 4 bytes big-endian,
 * payload) with the 4 bytes of size as associated data and the frame's number in its
 * direction as nonce.  id is 0 but in REQUEST and RESPONSE. */

enum frame_kind {
    FRAME_DATA = 1,
    FRAME_REQUEST = 2,
    FRAME_RESPONSE = 3,
    FRAME_PING = 4,
};

enum {
    FRAME_PREFIX_SIZE = 4,
    FRAME_HEADER_SIZE = 5,
    FRAME_OVERHEAD = FRAME_PREFIX_SIZE + FRAME_HEADER_SIZE + CRYPTO_SEAL_SIZE,
};

struct frame {
    enum frame_kind kind;
    uint32_t id;
    struct bytes payload;
};

/* The largest payload that the side with this role may send in this lane. */
uint32_t frame_payload_max(enum net_role sender, enum net_lane lane);

/* Writes FRAME_OVERHEAD + payload.size bytes to out; false when the counter is used up. */
MUST_USE bool frame_seal(struct crypto_session_half *half, const struct frame *frame, uint8_t *out);

/* Size of a whole sealed frame, prefix included, from its first FRAME_PREFIX_SIZE bytes;
 * 0 when out of bounds, before anything is allocated for it. */
size_t frame_size(const uint8_t *prefix, uint32_t payload_max);
/* The same for a handshake message. */
size_t frame_hello_size(const uint8_t *prefix);

/* Opens in place a whole sealed frame whose frame_size is size; out->payload then points
 * into it. */
enum net_reason frame_open(struct crypto_session_half *half, uint8_t *whole, size_t size,
                           struct frame *out);

#endif /* NET_FRAME_H */
