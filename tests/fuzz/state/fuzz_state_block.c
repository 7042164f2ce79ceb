#include "tests/support/job.h"
#include "tests/support/sets.h"
#include "wire/wire.h"

/* Blocks of arbitrary transactions on a ledger at every stage of a job.  Signatures count as
 * good, so that bodies reach the code behind admission.
 *
 *   input:  stage u8 | seconds u8 | { sender u8, type u8, size u16be, body }*
 *
 * Nothing may crash, and the machine itself asserts the conservation of credits. */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STAGES = 8, TXS_MAX = 32 };

static struct test_chain *chains[STAGES];
static struct state_machine *machines[STAGES];

static bool all_good(void *context, const struct hash *digest)
{
    (void)context;
    (void)digest;
    return true;
}

/* A member of the set is removed, and a readiness is awaited. */
static void change_set(struct test_chain *chain)
{
    const struct body_validator_propose body = sets_proposal(chain, CHANGE_REMOVE, 0);
    enum code code = chain_do(chain, 0, TX_VALIDATOR_PROPOSE, &body);
    const struct hash next = sets_open(chain, 0).next_set_hash;
    for (uint32_t i = 1; i < 3; i++) {
        code = code == CODE_OK ? sets_approve(chain, i, 0, &next) : code;
    }
    ASSERT(code == CODE_OK && !sets_next(chain).boundary);
}

static struct test_chain *make_stage(int stage)
{
    const struct params params = chain_params();
    struct test_chain *chain = chain_create_seated(&params);
    struct job_ids ids;
    void (*const steps[])(struct test_chain *, const struct job_ids *) = {job_plan, job_accept_all,
                                                                          job_ready_all};
    job_offer_all(chain, &ids);
    job_upload(chain, &ids);
    job_request(chain, &ids);
    for (int i = 0; i < 3 && i < stage; i++) {
        steps[i](chain, &ids);
    }
    if (stage > 3) {
        job_draw(chain);
    }
    if (stage > 4) {
        job_commit_all(chain, &ids);
    }
    if (stage > 5) {
        job_reveal_all(chain, &ids);
    }
    if (stage > 6) {
        change_set(chain);
    }
    return chain;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    for (int stage = 0; stage < STAGES; stage++) {
        chains[stage] = make_stage(stage);
        const struct state_admission_config config = {.chain_id = chains[stage]->chain_id,
                                                      .verdicts = {.known_good = all_good}};
        for (uint32_t i = 0; i < CHAIN_ACCOUNTS; i++) {
            crypto_key_free(chains[stage]->keys[i]); /* nothing is signed from here on */
            chains[stage]->keys[i] = NULL;
        }
        machines[stage] = state_init(chains[stage]->memory, &config);
    }
    return 0;
}

/* The next transaction's bytes, or false when the input has no more. */
static bool take_tx(struct test_chain *chain, struct bytes *in, uint64_t *seqs)
{
    if (in->size < 4) {
        return false;
    }
    const uint32_t account = in->data[0] % CHAIN_ACCOUNTS;
    const uint32_t type = in->data[1];
    size_t size = (size_t)in->data[2] << 8 | in->data[3];
    *in = bytes_of(in->data + 4, in->size - 4);
    size = size < in->size ? size : in->size;
    const struct bytes body = bytes_of(in->data, size);
    *in = bytes_of(in->data + size, in->size - size);

    struct wire_reader reader;
    wire_reader_init(&reader, body);
    const bool list = wire_peek_kind(&reader) == WIRE_ARRAY;
    (void)wire_read_span(&reader);
    if (!wire_reader_end(&reader) || !list) {
        return true; /* no envelope holds it */
    }
    const bool unsent = type == TX_EVIDENCE; /* it has no sender */
    struct tx tx = {.version = TX_VERSION,
                    .chain_id = chain->chain_id,
                    .type = type,
                    .valid_until_ms = chain->time_ms + 300000,
                    .body = body};
    if (!unsent) {
        tx.sender = chain->addresses[account];
        tx.seq = seqs[account]++;
    }
    static uint8_t payload[TX_SIZE_MAX];
    const struct signature signature = {{unsent ? 0 : 1}};
    struct wire_writer writer;
    struct bytes bytes;
    wire_writer_init(&writer, payload, sizeof(payload));
    wire_write_tx_payload(&writer, &tx);
    if (!wire_writer_end(&writer, &bytes)) {
        return true;
    }
    struct bytes raw;
    wire_writer_init(&writer, chain->tx_bytes + chain->tx_used, TX_SIZE_MAX);
    wire_write_tx(&writer, bytes, &signature);
    if (wire_writer_end(&writer, &raw)) {
        chain->tx_used += raw.size;
        chain->txs[chain->tx_count++] = raw;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    const int stage = data[0] % STAGES;
    struct test_chain *chain = chains[stage];
    struct bytes in = bytes_of(data + 2, size - 2);
    uint64_t seqs[CHAIN_ACCOUNTS];
    memcpy(seqs, chain->seq, sizeof(seqs));
    chain->tx_count = 0;
    chain->tx_used = 0;
    while (chain->tx_count < TXS_MAX && take_tx(chain, &in, seqs)) {
    }
    const struct state_block block = {
        .height = chain->height + 1,
        .time_ms = chain->time_ms + 1 + 1000 * (uint64_t)data[1],
        .final_height = chain->final_height,
        .txs = chain->txs,
        .tx_count = chain->tx_count,
    };
    struct state_outcome outcome;
    state_execute_block(machines[stage], &chain->view, &block, &outcome);
    ASSERT(outcome.verdict == STATE_BAD || outcome.result_count == block.tx_count + 1);
    return 0;
}
