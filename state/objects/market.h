#ifndef STATE_OBJECTS_MARKET_H
#define STATE_OBJECTS_MARKET_H

#include "state/objects/record.h"

/* Objects of the market (docs/protocol-state.md 12).  Units: milli-cores,
 * MiB, GFLOP/s, kbit/s, parts per million, base units; times are ledger milliseconds. */

enum { CAPACITY_COUNT = 10, PRICE_COUNT = 5 };

/* Indexes of a capacity vector. */
enum capacity {
    CAPACITY_CPU_MCORE = 0,
    CAPACITY_RAM_MIB = 1,
    CAPACITY_ACC_COUNT = 2,
    CAPACITY_ACC_MEM_MIB = 3,
    CAPACITY_GFLOPS = 4, /* sustained; the planner's measure of speed */
    CAPACITY_DISK_MIB = 5,
    CAPACITY_DISK_KIBPS = 6,
    CAPACITY_NET_UP_KBPS = 7,
    CAPACITY_NET_DOWN_KBPS = 8,
    CAPACITY_LINK_KBPS = 9,
};

struct device {
    uint8_t class; /* 0 CPU, 1 GPU, 2 DPU, 3 NPU */
    uint32_t model_id;
    uint64_t mem_mib;
    uint32_t gflops;
    uint8_t link_class;
    uint64_t intra_kibps;
};

enum reachable { REACHABLE_DIRECT = 0, REACHABLE_RELAYED = 1 };
enum node_state { NODE_ENABLED = 1 };

struct node {
    uint32_t version;
    struct address provider;
    struct address worker;
    struct public_key worker_key;
    uint16_t region; /* ISO 3166 numeric */
    uint16_t domain;
    uint32_t devices_count;
    struct device devices[NODE_DEVICE_MAX];
    uint32_t cpu_mcore;
    uint64_t ram_mib;
    uint64_t disk_mib;
    uint32_t disk_kibps;
    uint32_t net_up_kbps;
    uint32_t net_down_kbps;
    uint8_t reachable;                /* 0 DIRECT, 1 RELAYED */
    uint8_t state;                    /* enum node_state */
    uint64_t offered[CAPACITY_COUNT]; /* by its live offers (I3) */
};

enum offer_kind { OFFER_COMPUTE = 1 };
enum offer_state { OFFER_OPEN = 1, OFFER_LEASED = 2, OFFER_CLOSING = 3, OFFER_CLOSED = 4 };

/* A COMPUTE offer is one worker's place: at most one live lease at a time (I2). */
struct offer {
    uint32_t version;
    struct address provider;
    struct hash node_id;
    uint8_t kind; /* enum offer_kind */
    uint64_t capacity[CAPACITY_COUNT];
    uint64_t prices[PRICE_COUNT]; /* [0] base units per second of planned segment time */
    uint64_t from_ms;
    uint64_t to_ms;
    uint32_t min_lease_s;
    uint32_t max_lease_s;
    uint32_t reclaim_window_s;
    uint8_t preemptible;
    uint8_t accept_mode;         /* 0 MANUAL: by LEASE_ACCEPT */
    uint32_t allowed_orgs_count; /* 0: any */
    uint32_t allowed_orgs[ORG_POLICY_MAX];
    uint8_t peer_orgs;
    uint32_t purposes;
    uint64_t deposit;
    uint8_t state; /* enum offer_state */
    uint64_t created_ms;
    struct hash lease_id; /* of the live lease, else zero */
};

enum purpose {
    PURPOSE_RESEARCH = 1,
    PURPOSE_COMMERCIAL = 2,
    PURPOSE_FINETUNE = 4,
    PURPOSE_PRETRAIN = 8,
    PURPOSE_AUDIT = 16, /* 14.6: a REFEREED job needs it */
};
enum egress { EGRESS_FREE = 0, EGRESS_DOMAIN_ONLY = 1, EGRESS_NODE_ONLY = 2 };
enum data_state { DATA_ACTIVE = 1 };

struct data_set {
    uint32_t version;
    struct address owner;
    struct hash content_root; /* tensor root of the VM_DATA tensor */
    uint64_t size_bytes;
    uint64_t records;
    uint8_t kind;
    uint32_t chunks;
    uint32_t chunk_kib;
    uint16_t licence_id;
    struct hash licence_hash;
    uint32_t purposes; /* enum purpose bits */
    uint8_t derivative_rule;
    uint32_t regions_count;
    uint16_t regions[REGION_MAX];
    uint8_t egress; /* enum egress */
    uint32_t quality_ppm;
    uint8_t statistical_flags;
    uint64_t price;
    uint64_t price_gib;
    uint8_t state; /* enum data_state */
};

extern const struct record record_device;
extern const struct record record_node;
extern const struct record record_offer;
extern const struct record record_data_set;

#endif /* STATE_OBJECTS_MARKET_H */
