#ifndef TESTS_SUPPORT_JOB_H
#define TESTS_SUPPORT_JOB_H

#include "tests/support/chain.h"

/* A training job on a test chain: bodies that are accepted as they are, and the steps that
 * lead a job through its life.  Tests spoil one field at a time. */

enum {
    JOB_WORKERS = 3,
    JOB_STEPS = 8,
    JOB_CHECKPOINTS = 4,
    JOB_ROUNDS = 2,
    JOB_PRICE = 100, /* per segment: 20 credits a second for 5 s */
    JOB_BOND = 50,   /* per segment */
    JOB_ESCROW = JOB_WORKERS * JOB_ROUNDS * JOB_PRICE + 7,
};

struct job_ids {
    struct hash program;
    struct hash data;
    struct hash node[JOB_WORKERS];
    struct hash offer[JOB_WORKERS];
    struct hash job;
};

/* The bytes of a program of one operator and its root. */
struct bytes job_program(struct hash *root);

struct body_node_register job_node_body(const struct test_chain *chain, uint32_t account);
struct body_offer_create job_offer_body(const struct hash *node);
struct body_data_register job_data_body(void);
struct body_program_part job_program_body(void);
struct body_train_request job_request_body(const struct test_chain *chain,
                                           const struct job_ids *ids);

/* Providers 1 .. JOB_WORKERS register a node and offer it. */
void job_offer_all(struct test_chain *chain, struct job_ids *ids);
/* The consumer uploads program and data set. */
void job_upload(struct test_chain *chain, struct job_ids *ids);
/* The consumer asks; ids->job is set. */
void job_request(struct test_chain *chain, struct job_ids *ids);
/* The planner has run. */
void job_plan(struct test_chain *chain, const struct job_ids *ids);

struct hash job_lease(const struct test_chain *chain, const struct job_ids *ids, uint32_t rank);
struct member job_member(const struct test_chain *chain, const struct job_ids *ids, uint32_t rank);
struct lease job_lease_of(const struct test_chain *chain, const struct job_ids *ids, uint32_t rank);
struct process job_process(const struct test_chain *chain, const struct job_ids *ids);
struct request job_request_of(const struct test_chain *chain, const struct job_ids *ids);
struct round job_round(const struct test_chain *chain, const struct job_ids *ids, uint32_t index);
/* The account that owns this rank. */
uint32_t job_account(const struct test_chain *chain, const struct job_ids *ids, uint32_t rank);

struct body_lease_accept job_accept_body(const struct test_chain *chain, const struct job_ids *ids,
                                         uint32_t rank);
struct body_lease_ready job_ready_body(const struct test_chain *chain, const struct job_ids *ids,
                                       uint32_t rank);
void job_accept_all(struct test_chain *chain, const struct job_ids *ids);
void job_ready_all(struct test_chain *chain, const struct job_ids *ids);
/* Two blocks: the open round has its beacon. */
void job_draw(struct test_chain *chain);

/* What a worker would send; invented roots that satisfy every rule of the chain. */
struct body_proof_of_training job_proof_body(const struct test_chain *chain,
                                             const struct job_ids *ids, uint32_t rank);
struct body_gradient_commitment job_commit_body(const struct test_chain *chain,
                                                const struct job_ids *ids, uint32_t rank);
struct body_round_result job_result_body(const struct test_chain *chain, const struct job_ids *ids);
void job_commit_all(struct test_chain *chain, const struct job_ids *ids);
void job_reveal_all(struct test_chain *chain, const struct job_ids *ids);
/* Votes of ranks 0 and 1 close the round. */
void job_vote(struct test_chain *chain, const struct job_ids *ids);

/* From genesis to a running job with its first beacon. */
void job_start(struct test_chain *chain, struct job_ids *ids);

#endif /* TESTS_SUPPORT_JOB_H */
