#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "net/frame.h"

/* The input is once the bytes on the stream, which nobody sealed, and once the plain text
 * of a frame that a proven peer sealed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct crypto_session_half half_new(void)
{
    struct crypto_session_half half = {.counter = 9};
    memset(half.key, 3, sizeof half.key);
    return half;
}

static void forged(const uint8_t *data, size_t size)
{
    struct frame frame;
    if (size < FRAME_PREFIX_SIZE) {
        return;
    }
    size_t hello = frame_hello_size(data);
    ASSERT(hello <= FRAME_PREFIX_SIZE + NET_HELLO_SIZE_MAX);
    size_t whole = frame_size(data, VOTE_FRAME_SIZE_MAX);
    ASSERT(whole == 0 || whole >= FRAME_OVERHEAD);
    ASSERT(whole <= FRAME_OVERHEAD + VOTE_FRAME_SIZE_MAX);
    if (whole == 0 || whole > size) {
        return;
    }
    struct crypto_session_half half = half_new();
    uint8_t *copy = malloc(whole);
    ASSERT(copy != NULL);
    memcpy(copy, data, whole);
    ASSERT(frame_open(&half, copy, whole, &frame) == NET_REASON_BAD_SEAL);
    free(copy);
}

static void sealed(const uint8_t *data, size_t size)
{
    struct frame frame;
    if (size < FRAME_HEADER_SIZE) {
        return;
    }
    struct crypto_session_half sealing = half_new();
    struct crypto_session_half opening = half_new();
    size_t whole = FRAME_PREFIX_SIZE + size + CRYPTO_SEAL_SIZE;
    uint8_t *bytes = malloc(whole);
    ASSERT(bytes != NULL);
    store_be32(bytes, (uint32_t)(size + CRYPTO_SEAL_SIZE));
    ASSERT(crypto_session_seal(&sealing, bytes_of(bytes, FRAME_PREFIX_SIZE), bytes_of(data, size),
                               bytes + FRAME_PREFIX_SIZE));
    ASSERT(frame_size(bytes, FRAME_SIZE_MAX) == whole);
    bool answered = data[0] == FRAME_REQUEST || data[0] == FRAME_RESPONSE;
    bool known = data[0] >= FRAME_DATA && data[0] <= FRAME_PING;
    bool good = known && (answered || load_be32(data + 1) == 0);
    enum net_reason reason = frame_open(&opening, bytes, whole, &frame);
    ASSERT(reason == (good ? NET_REASON_NONE : NET_REASON_BAD_FRAME));
    ASSERT(!good || frame.payload.size == size - FRAME_HEADER_SIZE);
    ASSERT(!good || frame.payload.size == 0 ||
           memcmp(frame.payload.data, data + FRAME_HEADER_SIZE, frame.payload.size) == 0);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    forged(data, size);
    sealed(data, size);
    return 0;
}
