#ifndef TYPES_LIMITS_H
#define TYPES_LIMITS_H

#include <stdint.h>

#include "base/assert.h"

/* Every size in the system.  A queue, loop, message or array refers to one of these;
 * each stands here with its reason. */
enum {
    /* Sizes of the nouns (fixed by the algorithms). */
    HASH_SIZE = 32,       /* SHA-256 */
    ADDRESS_SIZE = 20,    /* first bytes of the tagged digest of a public key */
    PUBLIC_KEY_SIZE = 33, /* compressed secp256k1 */
    SIGNATURE_SIZE = 64,  /* ECDSA, compact, low-S */
    VRF_PROOF_SIZE = 81,  /* RFC 9381: Gamma 33, c 16, s 32 */
    VRF_OUTPUT_SIZE = 32, /* SHA-256 */
    TUNNEL_KEY_SIZE = 32, /* X25519, named in LEASE_ACCEPT */

    /* Consensus. */
    VALIDATOR_COUNT_MAX = 128, /* certificate below 8.3 KB */
    VALIDATOR_BITMAP_SIZE = VALIDATOR_COUNT_MAX / 8,
    VIEW_WINDOW = 64,       /* K5: full slots are kept for the last 64 views */
    SET_READY_BLOCKS = 100, /* K3: READY names a height within the last 100 blocks */
    SET_READY_MS = 600000,  /* K3: an accepted change that is not ready by then is dropped */
    SET_OPEN_MS =
        7 * 24 * 3600 * 1000, /* a proposal waits a week for approvals: people give them */
    UNFINAL_BLOCK_MAX = 32,   /* K5: non-empty blocks above the last final one */

    /* Shards (docs/protocol.md 3.10). */
    SHARD_SIZE_MAX = (4 << 20) / 2 + 64, /* k is at least 2 */
    SHARD_PATH_MAX = 7,                  /* siblings: 2^7 = VALIDATOR_COUNT_MAX */
    SHARD_BLOCK_SIZE_MIN = 4096,         /* below, proofs weigh more than shards */
    SHARD_ROOT_MAX = 2,                  /* proposals of one view whose shards are kept */
    SHARD_SET_MAX = 8,      /* two in the current view and in the 3 ahead; 12 MiB each at most */
    SHARD_CHECK_MAX = 4,    /* whole blocks whose code is computed at once; 16 MiB each at most */
    SHARD_WASTE_BURST = 64, /* shards that do not verify, of one peer: 64 hashes of a shard, ... */
    SHARD_WASTE_RATE = 8,   /* ... and so many a second */
    SHARD_ASK_MAX = 8,      /* a node asks so often for the shards of one proposal */

    /* Blocks and transactions. */
    BLOCK_SIZE_MAX = 4 << 20, /* 4 MiB, header and last_final included */
    BLOCK_TX_MAX = 16384,
    FRAME_SIZE_MAX = BLOCK_SIZE_MAX + (256 << 10), /* a block plus its certificates */
    VOTE_FRAME_SIZE_MAX = 256 << 10,               /* vote lane: STATUS with certificates */
    TX_SIZE_MAX_DEFAULT = 16 << 10,                /* unless tx.def says otherwise */
    EVIDENCE_SIZE_MAX = 512,                       /* two votes and the envelope: 383 */
    TX_SIZE_MAX = 128 << 10,                       /* WITNESS; PROGRAM_PART 33 KiB, see tx.def */
    TX_FORWARD_MAX = 1024,                         /* transactions in one TXS message */
    TX_VALID_MS_MAX = 3600000,                     /* valid_until_ms <= header time + 1 h */

    /* Network. */
    NET_SESSION_MAX = 2048, /* slots: both lanes of every validator, then the classes */
    NET_PEER_MAX = 1024,    /* kept connected: PLAN_MEMBER_MAX, more than validators */
    NET_HALF_OPEN_MAX = 64, /* the oldest gives way, so silent strangers shut out nobody */
    NET_FULL_MAX = 16,      /* sessions by class; validators are bounded by their set */
    NET_CLIENT_MAX = 1024,  /* worker and light slots */
    NET_MEMBER_MAX = 256,
    NET_ANON_MAX = 64,
    NET_ADDRESS_MAX = 16,      /* sessions from one IP address, validators not counted */
    NET_LOOPBACK_MAX = 64,     /* the same for this machine: a localnet lives there */
    NET_VOTE_QUEUE_MAX = 1024, /* frames waiting in a vote lane: 8 for each validator */
    NET_BULK_QUEUE_MAX = 64,
    NET_BULK_QUEUE_SIZE_MAX = 4 * FRAME_SIZE_MAX,
    NET_INBOX_MAX = 256, /* received and not taken: then the session is not read */
    NET_INBOX_SIZE_MAX = 2 * FRAME_SIZE_MAX,
    NET_HELD_MAX = 2 * VALIDATOR_COUNT_MAX, /* sessions that wait for net_flush */
    NET_BATCH_SIZE = 64 << 10,              /* small frames sealed into one stream write */
    NET_HELLO_SIZE_MAX = 512,               /* any handshake message */
    NET_HANDSHAKE_MS = 5000,                /* connect, TLS and handshake */
    NET_PING_MS = 5000,
    NET_IDLE_MS = 15000, /* three pings missed */
    NET_REDIAL_MIN_MS = 50,
    NET_REDIAL_MAX_MS = 2000, /* kill -9 to next vote stays below 3 s */

    /* Mempool of one node. */
    MEMPOOL_TX_MAX = 50000,
    MEMPOOL_SIZE_MAX = 32 << 20,
    MEMPOOL_SENDER_TX_MAX = 1024, /* one sender cannot crowd out the others, ... */
    MEMPOOL_SENDER_SIZE_MAX = MEMPOOL_SIZE_MAX / 16, /* ... nor their bytes */
    RECENT_TX_MAX = 1 << 17,                         /* final transactions a node can place by id */

    /* What answering a node's questions may cost it: one for each question and each
     * SERVE_UNIT_SIZE bytes read.  Over it the answer is EXIT_CODE_QUOTA until time has passed. */
    SERVE_UNIT_SIZE = 4096,
    SERVE_ANON_BURST = 16384, /* 64 MiB at once, and ... */
    SERVE_ANON_RATE = 2048,   /* ... 8 MiB a second, for one session without a key */
    SERVE_ANON_TOTAL_BURST = 32768,
    SERVE_ANON_TOTAL_RATE = 4096, /* for all of them: some percent of the driver's time */
    SERVE_CLIENT_BURST = 65536,
    SERVE_CLIENT_RATE = 8192, /* for one registered key */
    SERVE_VALIDATOR_BURST = 131072,
    SERVE_VALIDATOR_RATE = 65536, /* catching up runs at 256 MiB a second, then waits */

    /* Undo records that one proof of an earlier state may read: all of the window on a chain with
     * little to do, and at most about 50 ms of the driver's time on a busy one. */
    PAST_SIZE_MAX = 4 << 20,

    /* Decoding. */
    WIRE_DEPTH_MAX = 16,   /* nested arrays */
    WIRE_NODES_MAX = 4096, /* per message; blocks count per transaction */

    /* State. */
    STATE_KEY_SIZE_MAX = 1024, /* the longest key, of an item, is far below */
    STATE_VALUE_SIZE_MAX = 4 << 20,
    PROOF_DEPTH_MAX = 256,
    STATE_PROOF_SIZE_MAX = 4 + 32 + 256 * 32 + 64, /* SP1, every sibling present */
    STATE_WRITE_COUNT_MAX = 1 << 17,               /* keys one block may write: 8 a transaction */
    STATE_WRITE_BYTES_MAX = 48 << 20, /* their bytes, rewrites within the block included */
    STATE_EVENT_COUNT_MAX = 1 << 15,  /* events of one block: 2 a transaction */
    TX_LANE_MAX = 255,                /* ordered lanes of an account: each is a state key */
    SNAPSHOT_CHUNK_SIZE = 2 << 20,    /* of several leaves: half a frame, some 10 ms of work */
    SNAPSHOT_PART_MAX = 1 << 15,      /* chunks: a manifest fits a frame; 32 GiB of state or more */

    /* Market and training. */
    ORG_COUNT_MAX = 128,
    OFFER_OPEN_MAX = 4096,   /* open at once: the planner sorts them all */
    QUEUE_MAX = 4096,        /* waiting requests: likewise */
    ORG_POLICY_MAX = 32,     /* organisations an offer may name */
    NODE_DEVICE_MAX = 16,    /* a node may name; also replicas of a data set */
    REGION_MAX = 16,         /* regions a data set may name */
    OFFER_EXCLUDED_MAX = 16, /* offers a request remembers as failed */
    ACCOUNT_SHARE = 16, /* an account holds at most a 16th of nodes_max, offers_max, queue_max */
    QUEUE_WAIT_MS_MAX = 7 * 24 * 3600 * 1000, /* a request that nobody serves ends after a week */
    NAME_SIZE_MAX = 64,                       /* org, network and request names, UTF-8 bytes */
    ENDPOINT_SIZE_MAX = 128,                  /* "host:port" */
    PLAN_MEMBER_MAX = 1024,
    PROGRAM_SIZE_MAX = 1 << 20, /* 32 parts; a 4-layer transformer has 44 KB */
    PROGRAM_PART_SIZE_MAX = 32 << 10,
    PROGRAM_OPS_MAX = 8192,                          /* X4 */
    PROGRAM_CHECK_BLOCK_SIZE_MAX = PROGRAM_SIZE_MAX, /* checked in one block: some 10 ms */
    POSSESSION_BLOCK_MAX = 256,    /* signatures in bodies judged in one block: some 20 ms */
    TENSOR_ELEMENTS_MAX = 1 << 26, /* 256 MiB of f32 */
    WITNESS_SIZE_MAX = 112 << 10,  /* leaves, paths and envelope of one micro-step */
    DELTA_WEIGHT_MAX = 66000,      /* sum of H_i of a round; 127 * 2^40 * it < 2^63 */
    SEGMENT_CHECKPOINT_MAX = 256,  /* S */
};

/* Cost of one training step: a day of a slow core, and what a large host has. */
#define STEP_GAS_MAX   (UINT64_C(1) << 46)
#define STEP_BYTES_MAX (UINT64_C(1) << 38)

STATIC_ASSERT(VALIDATOR_COUNT_MAX % 8 == 0, "a bitmap is whole bytes");
STATIC_ASSERT(SHARD_SIZE_MAX == BLOCK_SIZE_MAX / 2 + 64, "half of the largest block, rounded up");
STATIC_ASSERT(1 << SHARD_PATH_MAX >= VALIDATOR_COUNT_MAX, "a path from any shard to the root");
STATIC_ASSERT(TX_SIZE_MAX < BLOCK_SIZE_MAX, "every legal transaction fits a block");

#endif /* TYPES_LIMITS_H */
