#include <stdlib.h>

#include "tests/support/fake_state.h"
#include "tests/support/growth.h"
#include "types/codes.h"
#include "wire/wire.h"

struct making {
    struct fake_node *node;
    uint32_t endpoint;
    enum fake_fault fault;
    const struct api_request *request;
    struct api_answer *answer;
    struct told told;
    uint8_t *memory; /* BUFFER_SIZE */
};

static void make_head(struct making *m)
{
    uint8_t buffer[160];
    struct wire_writer writer;
    struct bytes preimage;
    struct hash digest;
    m->answer->height = m->node->height + (m->fault == FAULT_HEAD_HIGH ? 1000 : 0);
    m->answer->hash = m->node->blocks[m->node->height].id;
    m->answer->wall_ms = m->node->now_ms;
    m->answer->validator = m->endpoint;
    const struct hash nonce = m->fault == FAULT_HEAD_NONCE ? m->node->old_nonce : m->request->hash;
    wire_writer_init(&writer, buffer, sizeof buffer);
    api_write_head_preimage(&writer, &m->node->chain_id, &nonce, m->answer);
    ASSERT(wire_writer_end(&writer, &preimage));
    crypto_digest(TAG_HEAD, preimage, &digest);
    crypto_key_sign(m->node->keys[m->endpoint], &digest, &m->answer->signature);
}

static void make_submit(struct making *m)
{
    struct fake_node *node = m->node;
    struct tx tx;
    const bool used = wire_decode_tx(m->request->tx, &tx) && tx.seq < node->seq_floor;
    m->answer->code = used || m->fault == FAULT_SWALLOWS ? CODE_E_SEQ_USED : node->refuse;
    node->refuse = 0;
    if (m->answer->code == 0) {
        ASSERT(node->pool_count < FAKE_TXS);
        node->pool[node->pool_count++] =
            (struct fake_tx){.raw = fake_copy(m->request->tx), .size = m->request->tx.size};
    }
}

static void path_copy(const struct crypto_path *in, struct api_path *out)
{
    out->index = in->index;
    out->count = in->count;
    out->size = in->size;
    memcpy(out->siblings, in->siblings, sizeof out->siblings);
}

static bool find_tx(const struct fake_node *node, const struct hash *id, uint64_t *height,
                    uint32_t *index)
{
    struct tx tx;
    struct hash own;
    for (uint64_t h = 1; h <= node->height; h++) {
        for (uint32_t i = 0; i < node->blocks[h].tx_count; i++) {
            const struct fake_tx *at = &node->blocks[h].txs[i];
            if (wire_decode_tx(bytes_of(at->raw, at->size), &tx)) {
                crypto_digest(TAG_TX, tx.payload, &own);
                if (hash_equal(&own, id)) {
                    *height = h;
                    *index = i;
                    return true;
                }
            }
        }
    }
    return false;
}

static void make_result(struct making *m)
{
    struct api_answer *answer = m->answer;
    const struct fake_block *block = &m->node->blocks[answer->height];
    struct fake_tx told = block->txs[answer->index];
    struct crypto_path path;
    told.code ^= m->fault == FAULT_RESULT ? 7 : 0;
    fake_record(&told, m->memory, &answer->body);
    (void)fake_results(block, answer->index, &path);
    path_copy(&path, &answer->path);
}

static void make_anchor(struct making *m, uint64_t height)
{
    struct fake_node *node = m->node;
    struct api_answer *answer = m->answer;
    struct crypto_path path;
    answer->anchor.tip_header = bytes_of(m->told.block->header, m->told.block->header_size);
    answer->anchor.last_final = m->told.last_final;
    answer->anchor.is_tip = height == node->height;
    answer->anchor.header = bytes_of(node->blocks[height].header, node->blocks[height].header_size);
    if (!answer->anchor.is_tip) {
        (void)fake_history(node, node->height, height, &path);
        path_copy(&path, &answer->anchor.path);
        answer->anchor.path.siblings[0].bytes[3] ^= m->fault == FAULT_PATH ? 1 : 0;
    }
}

static void make_prove(struct making *m)
{
    const uint64_t asked = m->request->height == 0 ? m->node->height - 1 : m->request->height;
    const uint64_t height = asked - (m->fault == FAULT_EARLIER ? 1 : 0);
    if (asked >= m->node->height || height < m->node->oldest) {
        *m->answer = (struct api_answer){.kind = API_ERROR, .code = EXIT_CODE_NOT_FOUND};
        return;
    }
    make_anchor(m, height + 1);
    size_t at = fake_prove(m->node, height, m->request, m->answer, m->memory);
    for (uint32_t i = 0; i < m->answer->fact_count; i++) {
        struct api_fact *fact = &m->answer->facts[i];
        if (m->fault == FAULT_VALUE && fact->present) {
            memcpy(m->memory + at, fact->value.data, fact->value.size);
            m->memory[at + fact->value.size - 1] ^= 1;
            fact->value.data = m->memory + at;
            at += fact->value.size;
        }
        if (m->fault == FAULT_ABSENT) {
            fact->present = false;
            fact->value = bytes_of(NULL, 0);
        }
    }
}

static void make_header(struct making *m)
{
    struct hash ids[FAKE_BLOCKS];
    struct crypto_growth growth;
    const uint64_t height = m->request->height - (m->fault == FAULT_EARLIER ? 1 : 0);
    if (height == 0 || height > m->node->height) {
        *m->answer = (struct api_answer){.kind = API_ERROR, .code = EXIT_CODE_NOT_FOUND};
        return;
    }
    for (uint64_t h = 1; h <= m->node->height; h++) {
        ids[h - 1] = m->node->blocks[h].id;
    }
    make_anchor(m, height);
    growth_make(ids, height - 1, m->node->height - 1, &growth);
    m->answer->growth_size = growth.size;
    memcpy(m->answer->growth, growth.hashes, sizeof growth.hashes);
    m->answer->growth[0].bytes[9] ^= m->fault == FAULT_GROWTH ? 1 : 0;
}

static void make_tx(struct making *m)
{
    struct fake_node *node = m->node;
    struct api_answer *answer = m->answer;
    answer->tx_status = node->pool_count > 0 ? API_TX_PENDING : API_TX_UNKNOWN;
    if (!find_tx(node, &m->request->hash, &answer->height, &answer->index)) {
        return;
    }
    answer->tx_status = API_TX_FINAL;
    if (answer->height >= node->height) {
        return;
    }
    answer->tx_status = API_TX_PROVEN;
    if (m->fault == FAULT_INDEX && answer->index > 0) {
        answer->index--;
    }
    make_result(m);
    make_anchor(m, answer->height + 1);
}

static void make_block(struct making *m)
{
    const struct fake_block *block = &m->node->blocks[m->request->height];
    memcpy(m->memory, block->body, block->body_size);
    m->answer->body = bytes_of(m->memory, block->body_size);
    if (m->fault == FAULT_BLOCK) {
        m->memory[block->body_size - 20] ^= 1;
    }
}

static void make_answer(struct making *m)
{
    m->answer->kind = m->fault == FAULT_OTHER_KIND ? API_STATUS : m->request->kind;
    if (m->answer->kind != m->request->kind) {
        return;
    }
    if (m->request->kind == API_HEAD) {
        make_head(m);
        return;
    }
    if (m->request->kind == API_SUBMIT) {
        make_submit(m);
        if (m->fault == FAULT_LOST_REPLY || m->fault == FAULT_DENIES) {
            fake_commit(m->node);
            fake_commit(m->node);
            m->answer->code = CODE_E_SEQ_USED;
        }
        if (m->fault == FAULT_REFUSES) {
            fake_commit(m->node);
            fake_commit(m->node);
            m->answer->code = CODE_E_FUNDS;
        }
        return;
    }
    if (!fake_tell(m->node, m->fault, &m->told)) {
        *m->answer = (struct api_answer){.kind = API_ERROR, .code = EXIT_CODE_NOT_FOUND};
        return;
    }
    m->answer->last_final = m->told.last_final;
    if (m->request->kind == API_FINAL) {
        m->answer->header = bytes_of(m->told.block->header, m->told.block->header_size);
    }
    if (m->request->kind == API_PROVE) {
        make_prove(m);
    } else if (m->request->kind == API_TX) {
        make_tx(m);
    } else if (m->request->kind == API_BLOCK) {
        make_block(m);
    } else if (m->request->kind == API_HEADER) {
        make_header(m);
    }
}

static bool fake_ask(void *context, const struct light_question *question, struct light_reply *out,
                     struct error *error)
{
    const uint32_t endpoint = question->endpoint;
    static struct api_request decoded; /* tests have one thread */
    static struct api_answer answer;
    static struct making making;
    struct fake_node *node = context;
    struct wire_writer writer;
    struct bytes bytes;
    node->asked[endpoint]++;
    if (node->faults[endpoint] == FAULT_SILENT) {
        return error_set(error, EXIT_CODE_UNREACHABLE, "silent");
    }
    ASSERT(api_decode_request(question->request, &decoded));
    memset(&answer, 0, sizeof answer);
    uint8_t *memory = malloc(BUFFER_SIZE);
    memset(&making, 0, sizeof making);
    making.node = node;
    making.endpoint = endpoint;
    making.fault = node->faults[endpoint];
    making.request = &decoded;
    making.answer = &answer;
    making.memory = memory;
    make_answer(&making);
    out->data = malloc(BUFFER_SIZE);
    wire_writer_init(&writer, out->data, BUFFER_SIZE);
    api_write_answer(&writer, &answer);
    ASSERT(wire_writer_end(&writer, &bytes));
    out->size = bytes.size;
    if (making.fault == FAULT_GARBAGE) {
        out->data[0] = 0xC1;
    }
    free(making.told.other.header);
    free(memory);
    if (making.fault == FAULT_LOST_REPLY && decoded.kind == API_SUBMIT) {
        free(out->data);
        out->data = NULL;
        return error_set(error, EXIT_CODE_UNREACHABLE, "the answer is lost");
    }
    return true;
}

static uint64_t fake_now_ms(void *context)
{
    const struct fake_node *node = context;
    return node->now_ms;
}

static void fake_wait_ms(void *context, uint32_t ms)
{
    struct fake_node *node = context;
    node->now_ms += ms;
    if (node->commit_on_wait && node->pool_count > 0) {
        fake_commit(node);
        fake_commit(node);
    }
}

struct light_port fake_port(struct fake_node *node)
{
    return (struct light_port){.context = node,
                               .ask = fake_ask,
                               .now_ms = fake_now_ms,
                               .wall_ms = fake_now_ms,
                               .wait_ms = fake_wait_ms};
}

struct light *fake_light(struct fake_node *node)
{
    struct light_config config = {.chain_id = node->chain_id,
                                  .validators = node->set,
                                  .endpoint_count = FAKE_VALIDATORS,
                                  .timeout_ms = 1000};
    const struct light_port port = fake_port(node);
    return light_open(&config, &port);
}
