#ifndef GENESIS_GENESIS_H
#define GENESIS_GENESIS_H

#include "base/assert.h"
#include "base/error.h"
#include "state/objects/objects.h"
#include "types/validators.h"

/* The genesis file: one canonical array that all nodes of a network share.  Its digest
 * (TAG_GENESIS) is the chain id, so not a byte of it can ever change.
 *
 *     [ver, name, time_ms, params, orgs, validators, balances]
 *     params     the record of state/objects/ledger.h, every window of the network
 *     orgs       [[name, weight, roles, quota], ...]
 *     validators VALIDATOR_SET: [[consensus, network, vrf, account], ...]
 *     balances   [[public_key, org, roles, amount], ...]; addresses follow from the keys
 *
 * People write an ini file; `gradus genesis make` turns it into these bytes. */

struct genesis;

enum { GENESIS_SIZE_MAX = 1 << 20, GENESIS_ACCOUNT_MAX = 4096 };

/* 285,000 years: times and windows can be added without a thought of overflow, and a JSON
 * reader that knows doubles alone reads them exactly. */
#define GENESIS_TIME_MS_MAX ((UINT64_C(1) << 53) - 1)

/* Read and check a file.  False: EXIT_CODE_BAD_GENESIS with file, field and next step. */
MUST_USE bool genesis_load(const char *path, struct genesis **out, struct error *error);

/* The same from bytes; name is what errors call them. */
MUST_USE bool genesis_decode(const char *name, struct bytes bytes, struct genesis **out,
                             struct error *error);
void genesis_free(struct genesis *genesis); /* NULL is allowed */

/* A node of a network that begins in the future would propose blocks that all others refuse:
 * false with EXIT_CODE_BAD_GENESIS when time_ms is beyond now_ms and the network's
 * drift_max_ms.  name as above. */
MUST_USE bool genesis_has_begun(const struct genesis *genesis, const char *name, uint64_t now_ms,
                                struct error *error);

/* All of these live as long as the genesis. */
struct bytes genesis_bytes(const struct genesis *genesis);
const struct hash *genesis_chain_id(const struct genesis *genesis);
const struct hash *genesis_set_hash(const struct genesis *genesis);
const struct params *genesis_params(const struct genesis *genesis);
const struct validator_set *genesis_validators(const struct genesis *genesis);
/* For state_execute_genesis. */
const struct state_genesis *genesis_state(const struct genesis *genesis);

/* Leader of view 1 of epoch 0: the chain id as a number, modulo the set's size. */
uint32_t genesis_leader_offset(const struct genesis *genesis);

/* The parameters of a profile: "standard" or "test" (windows of seconds, delta_0 100 ms);
 * false for another name. */
MUST_USE bool genesis_profile(const char *name, struct params *out);

/* What genesis_encode writes. */
struct genesis_parts {
    const char *name;
    uint64_t time_ms;
    struct params params;
    const struct org *orgs; /* name, weight, roles, quota are used */
    uint32_t org_count;
    const struct validator_set *validators;
    const struct account *accounts; /* public_key, org, roles, available are used */
    size_t account_count;
};

/* Canonical bytes into buffer of GENESIS_SIZE_MAX; false when the parts do not fit. */
MUST_USE bool genesis_encode(const struct genesis_parts *parts, uint8_t *buffer, struct bytes *out);

/* Make the bytes from an ini file:
 *
 *     [network]        name, profile, time_ms (optional; now when absent), and any
 *                      parameter of the params record by its name
 *     [org NAME]       weight, roles (names, separated by spaces), quota
 *     [validator N]    consensus, network, vrf, account (public keys in hex)   N = 0, 1, ...
 *     [account NAME]   public_key (hex), org (its name), roles, credits
 *
 * The result was decoded and checked again before it is returned.  now_ms: the time when
 * the file names none. */
MUST_USE bool genesis_make(const char *ini_path, uint64_t now_ms, uint8_t *buffer,
                           struct bytes *out, struct error *error);

#endif /* GENESIS_GENESIS_H */
