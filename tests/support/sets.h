#ifndef TESTS_SUPPORT_SETS_H
#define TESTS_SUPPORT_SETS_H

#include "tests/support/chain.h"

/* Changes of the validator set on a test chain. */

struct body_validator_propose sets_proposal(const struct test_chain *chain,
                                            enum change_action action, uint32_t seat);

/* The change under this account's name; the test fails when there is none. */
struct set_change sets_open(const struct test_chain *chain, uint32_t proposer);
bool sets_accepted(const struct test_chain *chain, struct set_change *out);

/* The account's approval of the proposer's change, in a block of its own. */
enum code sets_approve(struct test_chain *chain, uint32_t account, uint32_t proposer,
                       const struct hash *next_set_hash);

/* READY of this seat of the accepted change, signed with the key of this number. */
struct body_ready sets_ready_body(const struct test_chain *chain, uint32_t seat, uint8_t key);

/* What the next block is by the rule. */
struct state_epoch sets_next(const struct test_chain *chain);

/* The set that holds for the next block. */
struct validator_set sets_now(const struct test_chain *chain);

struct hash sets_hash(const struct validator_set *set);

#endif /* TESTS_SUPPORT_SETS_H */
