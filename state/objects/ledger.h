#ifndef STATE_OBJECTS_LEDGER_H
#define STATE_OBJECTS_LEDGER_H

#include "state/objects/record.h"
#include "types/validators.h"

/* Objects of the ledger itself.  `version` is always RECORD_VERSION.  Money is in base
 * units; times are milliseconds, ledger time unless a name says header. */

enum role {
    ROLE_VALIDATOR = 1,
    ROLE_PROVIDER = 2,
    ROLE_CONSUMER = 4,
    ROLE_DATA_OWNER = 8,
    ROLE_WORKER = 16,
    ROLE_VERIFIER = 32,
    ROLE_AUDITOR = 64,
    ROLE_REGULATOR = 128,
    ROLE_GATEWAY = 256,
    ROLE_ALL = 511,
};

enum status { STATUS_ACTIVE = 0, STATUS_SUSPENDED = 1, STATUS_REVOKED = 2 };

/* Every amount, sum and product of the ledger stays below this. */
#define SUPPLY_MAX (UINT64_C(1) << 62)

struct params {
    uint32_t version;
    /* Consensus (issue "Settled in advance"). */
    uint64_t delta_0_ms;   /* first view time-out */
    uint64_t c_max_ms;     /* longest certify */
    uint64_t drift_max_ms; /* header time above a voter's clock */
    uint64_t delta_max_ms; /* longest view time-out */
    /* Ledger clock and quotas (13.1, 13.2). */
    uint64_t outage_grace_ms;  /* a block this much later than due is no outage yet */
    uint64_t deadline_grid_ms; /* deadlines are multiples of this */
    uint64_t quota_window_ms;  /* header time over which a quota counts */
    /* Leases. */
    uint64_t accept_window_ms;
    uint64_t ready_window_ms;
    /* Rounds. */
    uint64_t commit_window_ms;        /* on top of the job's round_ms */
    uint64_t reveal_window_ms;        /* after the commitments closed */
    uint64_t result_window_ms;        /* after the reveals closed */
    uint64_t certification_window_ms; /* after the result */
    /* Planner (14.7). */
    uint64_t planner_interval_ms;
    uint64_t planner_steps_max;    /* reads and loop turns of one run */
    uint64_t planner_requests_max; /* requests looked at in one run */
    uint64_t planner_attempts_max; /* plans that counted, for one request (14.8) */
    uint64_t offers_max;           /* open at once */
    uint64_t queue_max;            /* requests waiting */
    uint64_t nodes_max;
    uint64_t workers_max; /* of one job */
    uint64_t rounds_max;  /* of one job */
    uint64_t round_ms_max;
    uint64_t expiries_max; /* deadlines handled in one block */
    /* Economics (14.6).  Reserved, not acted on yet: audit_k and all that follows. */
    uint64_t reference_price_per_tmac; /* credits for 10^12 multiply-adds */
    uint64_t bond_floor_per_tmac;
    uint64_t bond_burnt_ppm;     /* b of 14.6 */
    uint64_t audit_p_ppm;        /* p of 14.6; audits themselves are not on the chain yet */
    uint64_t audit_k;            /* reserved: not acted on yet */
    uint64_t audit_window_ms;    /* reserved: not acted on yet */
    uint64_t challenge_bond_ppm; /* reserved: not acted on yet */
    uint64_t challenge_clock_ms; /* reserved: not acted on yet */
    uint64_t auditor_pay_ppm;    /* reserved: not acted on yet */
    uint64_t take_rate_ppm;      /* reserved: must be 0 */
};

/* What is wrong with them: "params: ..." naming the field and what it may be; NULL when a
 * ledger can live by them. */
const char *params_fault(const struct params *params);

struct chain {
    uint32_t version;
    struct hash chain_id;
    uint32_t name_size;
    uint8_t name[NAME_SIZE_MAX];
    uint64_t header_ms; /* genesis time */
};

/* Of the last block that changed state (others write nothing). */
struct clock {
    uint32_t version;
    uint64_t height;
    uint64_t header_ms;
    uint64_t ledger_ms; /* = header_ms - outage_ms */
    uint64_t outage_ms; /* 13.1: sum of outages */
    struct hash beacon; /* beacon_h of that block */
};

/* Conservation: accounts (available + locked) + escrows + sink = supply, after every block. */
struct totals {
    uint32_t version;
    uint64_t supply;
    uint64_t sink;  /* burnt credits */
    uint64_t nodes; /* registered */
};

struct planner {
    uint32_t version;
    uint64_t inputs;         /* 14.7: raised whenever queue, offers or bonds changed */
    uint64_t planned_inputs; /* value at the last run */
    uint64_t last_run_ms;
};

/* Unordered transactions to forget, by minute of header time. */
struct purge {
    uint32_t version;
    uint64_t minute;      /* all before are forgotten */
    uint64_t last_minute; /* the latest that holds any */
};

struct counter {
    uint32_t version;
    uint64_t value;
};

/* An entry of a collection.  COLLECTION_WHEEL also uses time_ms and kind; in
 * COLLECTION_EXPIRY id begins with the address and time_ms is the sequence number. */
struct item {
    uint32_t version;
    struct hash id;
    uint64_t time_ms;
    uint32_t kind; /* enum wheel_kind */
};

enum wheel_kind {
    WHEEL_JOB = 1,     /* the phase of a job's plan or round */
    WHEEL_CERTIFY = 2, /* its oldest closed round */
    WHEEL_REQUEST = 3, /* a waiting request's deadline */
    WHEEL_PLANNER = 4, /* the next run; id is zero */
};

struct org {
    uint32_t version;
    uint32_t name_size;
    uint8_t name[NAME_SIZE_MAX];
    uint32_t weight;
    uint32_t roles; /* that its accounts may hold */
    uint64_t quota; /* units in each quota_window_ms; a transaction is 1 + size / 1024 */
    uint8_t status;
};

struct usage {
    uint32_t version;
    uint64_t window; /* header time / quota_window_ms */
    uint64_t used;
};

struct account {
    uint32_t version;
    struct public_key public_key;
    uint32_t org;
    uint32_t roles;
    uint8_t status;
    uint64_t seq; /* next of lane 0 */
    uint64_t available;
    uint64_t locked; /* bonds */
};

extern const struct record record_params;
extern const struct record record_chain;
extern const struct record record_clock;
extern const struct record record_totals;
extern const struct record record_planner;
extern const struct record record_purge;
extern const struct record record_counter;
extern const struct record record_item;
extern const struct record record_org;
extern const struct record record_usage;
extern const struct record record_account;

/* What genesis/ hands to state_execute_genesis.  Accounts: version, public_key, org,
 * roles, available. */
struct state_genesis {
    struct hash chain_id;
    uint64_t time_ms;
    struct bytes name;
    struct params params;
    const struct org *orgs;
    uint32_t org_count;
    const struct validator_set *validators;
    const struct account *accounts; /* distinct keys */
    size_t account_count;
};

#endif /* STATE_OBJECTS_LEDGER_H */
