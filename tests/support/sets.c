#include "tests/support/sets.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "wire/wire.h"

struct hash sets_hash(const struct validator_set *set)
{
    static uint8_t buffer[WIRE_VALIDATOR_SET_SIZE_MAX];
    struct wire_writer writer;
    struct bytes bytes;
    struct hash out;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_validator_set(&writer, set);
    assert_true(wire_writer_end(&writer, &bytes));
    crypto_digest(TAG_VALIDATOR_SET, bytes, &out);
    return out;
}

struct validator_set sets_now(const struct test_chain *chain)
{
    struct validator_set out;
    state_read_set(&chain->view, &out);
    return out;
}

struct state_epoch sets_next(const struct test_chain *chain)
{
    return state_read_epoch(&chain->view, chain->height + 1);
}

struct body_validator_propose sets_proposal(const struct test_chain *chain,
                                            enum change_action action, uint32_t seat)
{
    const struct validator_set set = sets_now(chain);
    struct body_validator_propose out = {
        .set_hash = sets_hash(&set), .action = (uint8_t)action, .seat = seat};
    if (action == CHANGE_REMOVE) {
        assert_true(seat < set.count);
        out.validator = set.items[seat];
    }
    return out;
}

struct set_change sets_open(const struct test_chain *chain, uint32_t proposer)
{
    struct set_change out;
    const struct key key = key_change(&chain->addresses[proposer]);
    chain_read(chain, &key, &record_set_change, &out);
    return out;
}

bool sets_accepted(const struct test_chain *chain, struct set_change *out)
{
    const struct key key = key_global(GLOBAL_CHANGE);
    return state_read(&chain->view, &key, &record_set_change, out);
}

enum code sets_approve(struct test_chain *chain, uint32_t account, uint32_t proposer,
                       const struct hash *next_set_hash)
{
    const struct body_validator_approve body = {.proposer = chain->addresses[proposer],
                                                .next_set_hash = *next_set_hash};
    return chain_do(chain, account, TX_VALIDATOR_APPROVE, &body);
}

struct body_ready sets_ready_body(const struct test_chain *chain, uint32_t seat, uint8_t key)
{
    struct set_change change;
    assert_true(sets_accepted(chain, &change));
    struct body_ready out = {
        .next_set_hash = change.next_set_hash, .seat = seat, .height = chain->height};
    const struct hash digest = id_ready(&chain->chain_id, &out.next_set_hash, out.seat, out.height);
    struct crypto_key *signer = chain_make_key(key);
    crypto_key_sign(signer, &digest, &out.signature);
    crypto_key_free(signer);
    return out;
}
