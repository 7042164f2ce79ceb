#include "tests/support/wire_objects.h"
#include "wire/sync/sync.h"

/* A message of a peer, taken as the node takes it: the envelope, then the body's decoder. */
/* NOLINTBEGIN(readability-identifier-naming) */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
/* NOLINTEND(readability-identifier-naming) */
{
    static const char *const bodies[] = {
        [WIRE_PROPOSAL] = "proposal",
        [WIRE_VOTE] = "vote",
        [WIRE_CERT] = "certificate",
        [WIRE_GET_CERT] = "get_cert",
        [WIRE_GET_CERTS] = "get_certs",
        [WIRE_GET_BLOCK] = "get_block",
        [WIRE_BLOCK] = "block_message",
        [WIRE_STATUS] = "status",
        [WIRE_TXS] = "txs",
        [WIRE_WAKE] = "wake",
        [WIRE_SHARD] = "shard",
        [WIRE_GET_SHARDS] = "get_shards",
        [WIRE_HAVE] = "have",
    };
    struct wire_message message;
    wire_object_check("message", bytes_of(data, size));
    if (wire_decode_message(bytes_of(data, size), &message)) {
        wire_object_check(bodies[message.kind], message.body);
    }
    return 0;
}
