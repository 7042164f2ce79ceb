#include "tests/support/job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "vm/vm.h"

static struct hash named(const char *name, uint32_t number)
{
    char text[64];
    struct hash out;
    const int size = snprintf(text, sizeof(text), "%s %u", name, number);
    crypto_sha256(bytes_of(text, (size_t)size), &out);
    return out;
}

struct bytes job_program(struct hash *root)
{
    static uint8_t bytes[512];
    /* x [1,1] becomes x * x, which is also the loss. */
    const struct vm_tensor tensors[] = {
        {.dtype = VM_F32, .rank = 2, .kind = VM_STATE, .dims = {1, 1, 1, 1}},
        {.dtype = VM_F32, .rank = 2, .kind = VM_TEMP, .dims = {1, 1, 1, 1}},
    };
    const struct vm_op ops[] = {
        {.opcode = VM_MATMUL, .in_count = 2, .out_count = 1, .attr_size = 1, .out = {1}},
    };
    const uint32_t state_in[] = {0};
    const uint32_t state_out[] = {1};
    const struct vm_program program = {
        .tensor_count = 2,
        .op_count = 1,
        .state_count = 1,
        .tensors = tensors,
        .ops = ops,
        .state_in = state_in,
        .state_out = state_out,
        .loss = 1,
    };
    const size_t size = vm_program_encode(&program, bytes, sizeof(bytes));
    assert_true(size > 0);
    vm_program_root(&program, crypto_hash_port(), root);
    return bytes_of(bytes, size);
}

struct body_node_register job_node_body(const struct test_chain *chain, uint32_t account)
{
    return (struct body_node_register){
        .worker_key = *crypto_key_public(chain->keys[account]),
        .region = 276,
        .devices_count = 1,
        .devices = {{.class = 0, .mem_mib = 8192, .gflops = 100}},
        .cpu_mcore = 2000,
        .ram_mib = 8192,
        .net_up_kbps = 100000,
        .net_down_kbps = 100000,
    };
}

struct body_offer_create job_offer_body(const struct hash *node)
{
    struct body_offer_create body = {.node_id = *node, .kind = OFFER_COMPUTE};
    body.capacity[CAPACITY_CPU_MCORE] = 1000;
    body.capacity[CAPACITY_GFLOPS] = 50;
    body.prices[0] = 20;
    return body;
}

struct body_data_register job_data_body(void)
{
    return (struct body_data_register){
        .content_root = named("data", 0),
        .size_bytes = 237000,
        .records = 237000,
        .purposes = PURPOSE_PRETRAIN | PURPOSE_AUDIT,
    };
}

struct body_program_part job_program_body(void)
{
    struct body_program_part body = {0};
    body.part = job_program(&body.program_root);
    body.size = (uint32_t)body.part.size;
    return body;
}

struct body_train_request job_request_body(const struct test_chain *chain,
                                           const struct job_ids *ids)
{
    struct body_train_request body = {
        .request_id_size = 5,
        .request_id = {'j', 'o', 'b', '-', '1'},
        .source = chain->addresses[CHAIN_CONSUMER],
        .data_count = 1,
        .data = {ids->data},
        .priority = 100,
        .max_tp = 1,
        .max_pp = 1,
        .profile = PROFILE_REFEREED,
        .escrow = JOB_ESCROW,
        .terms =
            {
                .version = RECORD_VERSION,
                .program_root = ids->program,
                .data_root = job_data_body().content_root,
                .init_params_root = named("theta", 0),
                .init_inner_root = named("inner", 0),
                .init_counters_root = named("counters", 0),
                .local_steps = JOB_STEPS,
                .checkpoints = JOB_CHECKPOINTS,
                .rounds = JOB_ROUNDS,
                .round_ms = 5000,
                .workers_min = 2,
                .workers_max = JOB_WORKERS,
                .outer_eta = 0x3f333333,
                .outer_mu = 0x3f666666,
                .bond_per_segment = JOB_BOND,
                .price_per_segment = JOB_PRICE,
            },
    };
    return body;
}

void job_offer_all(struct test_chain *chain, struct job_ids *ids)
{
    for (uint32_t i = 0; i < JOB_WORKERS; i++) {
        const uint32_t account = CHAIN_PROVIDER + i;
        const struct body_node_register node = job_node_body(chain, account);
        assert_int_equal(chain_do(chain, account, TX_NODE_REGISTER, &node), CODE_OK);
        ids->node[i] = chain_item(chain, COLLECTION_ACCOUNT_NODES, chain_owner(chain, account), 0);
        struct body_offer_create offer = job_offer_body(&ids->node[i]);
        offer.capacity[CAPACITY_GFLOPS] += JOB_WORKERS - i; /* the first is the fastest */
        assert_int_equal(chain_do(chain, account, TX_OFFER_CREATE, &offer), CODE_OK);
        ids->offer[i] =
            chain_item(chain, COLLECTION_ACCOUNT_OFFERS, chain_owner(chain, account), 0);
    }
}

void job_upload(struct test_chain *chain, struct job_ids *ids)
{
    const struct body_program_part part = job_program_body();
    const struct body_data_register data = job_data_body();
    ids->program = part.program_root;
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_PROGRAM_PART, &part), CODE_OK);
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_DATA_REGISTER, &data), CODE_OK);
    ids->data = chain_item(chain, COLLECTION_ACCOUNT_DATA, chain_owner(chain, CHAIN_CONSUMER), 0);
}

void job_request(struct test_chain *chain, struct job_ids *ids)
{
    const struct body_train_request body = job_request_body(chain, ids);
    assert_int_equal(chain_do(chain, CHAIN_CONSUMER, TX_TRAIN_REQUEST, &body), CODE_OK);
    ids->job =
        chain_item(chain, COLLECTION_ACCOUNT_REQUESTS, chain_owner(chain, CHAIN_CONSUMER), 0);
    const struct hash expected = id_job(&chain->chain_id, &chain->addresses[CHAIN_CONSUMER],
                                        bytes_of(body.request_id, body.request_id_size));
    assert_true(hash_equal(&ids->job, &expected));
}

void job_plan(struct test_chain *chain, const struct job_ids *ids)
{
    const struct state_due due = state_next_due(&chain->view);
    assert_true(due.scheduled);
    chain_run_until(chain, due.time_ms);
    assert_int_equal(job_process(chain, ids).state, PROCESS_PROPOSED);
}

struct process job_process(const struct test_chain *chain, const struct job_ids *ids)
{
    struct process out;
    const struct key key = key_object(KEY_PROCESS, &ids->job);
    chain_read(chain, &key, &record_process, &out);
    return out;
}

struct request job_request_of(const struct test_chain *chain, const struct job_ids *ids)
{
    struct request out;
    const struct key key = key_object(KEY_REQUEST, &ids->job);
    chain_read(chain, &key, &record_request, &out);
    return out;
}

struct round job_round(const struct test_chain *chain, const struct job_ids *ids, uint32_t index)
{
    struct round out;
    const struct key key = key_round(&ids->job, index);
    chain_read(chain, &key, &record_round, &out);
    return out;
}

struct member job_member(const struct test_chain *chain, const struct job_ids *ids, uint32_t rank)
{
    struct member out;
    const struct key key = key_member(&ids->job, job_process(chain, ids).plan_version, rank);
    chain_read(chain, &key, &record_member, &out);
    return out;
}

struct hash job_lease(const struct test_chain *chain, const struct job_ids *ids, uint32_t rank)
{
    return job_member(chain, ids, rank).lease_id;
}

struct lease job_lease_of(const struct test_chain *chain, const struct job_ids *ids, uint32_t rank)
{
    struct lease out;
    const struct hash id = job_lease(chain, ids, rank);
    const struct key key = key_object(KEY_LEASE, &id);
    chain_read(chain, &key, &record_lease, &out);
    return out;
}

uint32_t job_account(const struct test_chain *chain, const struct job_ids *ids, uint32_t rank)
{
    const struct member member = job_member(chain, ids, rank);
    for (uint32_t i = 0; i < CHAIN_ACCOUNTS; i++) {
        if (address_equal(&chain->addresses[i], &member.provider)) {
            return i;
        }
    }
    fail_msg("no account holds rank %u", rank);
    return 0;
}

struct body_lease_accept job_accept_body(const struct test_chain *chain, const struct job_ids *ids,
                                         uint32_t rank)
{
    struct body_lease_accept body = {
        .lease_id = job_lease(chain, ids, rank),
        .plan_hash = job_process(chain, ids).plan_hash,
        .endpoint_size = 14,
    };
    memcpy(body.endpoint, "127.0.0.1:7000", 14);
    body.tunnel_key[0] = (uint8_t)(rank + 1);
    return body;
}

struct body_lease_ready job_ready_body(const struct test_chain *chain, const struct job_ids *ids,
                                       uint32_t rank)
{
    const struct process process = job_process(chain, ids);
    return (struct body_lease_ready){.lease_id = job_lease(chain, ids, rank),
                                     .plan_hash = process.plan_hash,
                                     .peer_set = process.peer_set};
}

void job_accept_all(struct test_chain *chain, const struct job_ids *ids)
{
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        const struct body_lease_accept body = job_accept_body(chain, ids, rank);
        chain_send(chain, job_account(chain, ids, rank), TX_LEASE_ACCEPT, &body);
    }
    chain_block(chain, 1);
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        assert_int_equal(chain_code(chain, rank), CODE_OK);
    }
    assert_int_equal(job_process(chain, ids).state, PROCESS_AGREED);
}

void job_ready_all(struct test_chain *chain, const struct job_ids *ids)
{
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        const struct body_lease_ready body = job_ready_body(chain, ids, rank);
        chain_send(chain, job_account(chain, ids, rank), TX_LEASE_READY, &body);
    }
    chain_block(chain, 1);
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        assert_int_equal(chain_code(chain, rank), CODE_OK);
    }
    assert_int_equal(job_process(chain, ids).state, PROCESS_RUNNING);
}

void job_draw(struct test_chain *chain)
{
    assert_true(state_next_due(&chain->view).waiting);
    chain_block(chain, 1);
    assert_true(state_next_due(&chain->view).waiting);
    chain_block(chain, 1);
    assert_false(state_next_due(&chain->view).waiting);
}

struct body_proof_of_training job_proof_body(const struct test_chain *chain,
                                             const struct job_ids *ids, uint32_t rank)
{
    const uint32_t index = job_process(chain, ids).rounds_opened - 1;
    const uint32_t seed = 100 * index + rank;
    const struct round round = job_round(chain, ids, index);
    const struct lease lease = job_lease_of(chain, ids, rank);
    const struct member member = job_member(chain, ids, rank);
    const uint32_t units = member.steps / (JOB_STEPS / JOB_CHECKPOINTS);
    struct body_proof_of_training body = {
        .job = ids->job,
        .round = index,
        .lease_id = member.lease_id,
        .roots_count = units + 1,
        .params_root = named("local", seed),
        .inner_root = named("inner after", seed),
        .counters_root = named("counters after", seed),
        .delta_root = named("delta", seed),
        .delta_size = 1000,
        .steps = member.steps,
        .loss_first = 0x40800000,
        .loss_last = 0x40000000,
        .salt = named("salt", seed),
    };
    const uint64_t first = (uint64_t)index * JOB_STEPS;
    const struct vm_state_roots start = {
        .params = round.theta_in, .inner = lease.inner_root, .counters = lease.counters_root};
    const struct vm_state_roots end = {
        .params = body.params_root, .inner = body.inner_root, .counters = body.counters_root};
    vm_state_root(first, &start, crypto_hash_port(), &body.roots[0]);
    for (uint32_t i = 1; i < units; i++) {
        body.roots[i] = named("checkpoint", 1000 * seed + i);
    }
    vm_state_root(first + member.steps, &end, crypto_hash_port(), &body.roots[units]);
    return body;
}

struct body_gradient_commitment job_commit_body(const struct test_chain *chain,
                                                const struct job_ids *ids, uint32_t rank)
{
    const struct body_proof_of_training proof = job_proof_body(chain, ids, rank);
    struct commitment commitment = {
        .worker_key = job_member(chain, ids, rank).worker_key,
        .job = ids->job,
        .round = proof.round,
        .delta_root = proof.delta_root,
        .inner_root = proof.inner_root,
        .salt = proof.salt,
    };
    vm_trace_root(proof.roots, proof.roots_count, crypto_hash_port(), &commitment.trace_root);
    return (struct body_gradient_commitment){
        .job = ids->job,
        .round = proof.round,
        .lease_id = proof.lease_id,
        .commitment = id_commitment(&commitment),
    };
}

struct body_round_result job_result_body(const struct test_chain *chain, const struct job_ids *ids)
{
    const uint32_t index = job_process(chain, ids).rounds_opened - 1;
    const struct round round = job_round(chain, ids, index);
    struct body_round_result body = {
        .job = ids->job,
        .round = index,
        .bitmap_size = round.revealed_size,
        .theta_root = named("theta", index + 1),
        .mom_root = named("mom", index + 1),
    };
    memcpy(body.bitmap, round.revealed, round.revealed_size);
    return body;
}

void job_commit_all(struct test_chain *chain, const struct job_ids *ids)
{
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        const struct body_gradient_commitment body = job_commit_body(chain, ids, rank);
        chain_send(chain, job_account(chain, ids, rank), TX_GRADIENT_COMMITMENT, &body);
    }
    chain_block(chain, 1);
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        assert_int_equal(chain_code(chain, rank), CODE_OK);
    }
}

void job_reveal_all(struct test_chain *chain, const struct job_ids *ids)
{
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        const struct body_proof_of_training body = job_proof_body(chain, ids, rank);
        chain_send(chain, job_account(chain, ids, rank), TX_PROOF_OF_TRAINING, &body);
    }
    chain_block(chain, 1);
    for (uint32_t rank = 0; rank < JOB_WORKERS; rank++) {
        assert_int_equal(chain_code(chain, rank), CODE_OK);
    }
}

void job_vote(struct test_chain *chain, const struct job_ids *ids)
{
    const struct body_round_result body = job_result_body(chain, ids);
    for (uint32_t rank = 0; rank < 2; rank++) {
        chain_send(chain, job_account(chain, ids, rank), TX_ROUND_RESULT, &body);
    }
    chain_block(chain, 1);
    assert_int_equal(chain_code(chain, 0), CODE_OK);
    assert_int_equal(chain_code(chain, 1), CODE_OK);
}

void job_start(struct test_chain *chain, struct job_ids *ids)
{
    job_offer_all(chain, ids);
    job_upload(chain, ids);
    job_request(chain, ids);
    job_plan(chain, ids);
    job_accept_all(chain, ids);
    job_ready_all(chain, ids);
    job_draw(chain);
}
