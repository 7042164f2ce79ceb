#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "state/objects/objects.h"
#include "tests/support/chain.h"
#include "tests/support/text.h"
#include "types/codes.h"
#include "types/tx.h"

/* The bytes of every object, body, key and digest, against tests/vectors/state.txt; and
 * that a decoder takes exactly what its writer makes.
 * To see what a change does to the vectors: the test leaves its own in state_vectors.txt. */

enum { OBJECT_MAX = 1 << 14, ENCODED_MAX = 64 << 10, TEXT_MAX = 1 << 20 };

static const struct record *const records[] = {
    &record_params,
    &record_chain,
    &record_clock,
    &record_totals,
    &record_planner,
    &record_purge,
    &record_counter,
    &record_item,
    &record_org,
    &record_usage,
    &record_account,
    &record_node,
    &record_offer,
    &record_data_set,
    &record_request,
    &record_process,
    &record_plan,
    &record_member,
    &record_lease,
    &record_job_terms,
    &record_program,
    &record_round,
    &record_segment,
    &record_body_transfer,
    &record_body_node_register,
    &record_body_offer_create,
    &record_body_offer_cancel,
    &record_body_data_register,
    &record_body_train_request,
    &record_body_train_cancel,
    &record_body_lease_accept,
    &record_body_lease_reject,
    &record_body_lease_ready,
    &record_body_program_part,
    &record_body_gradient_commitment,
    &record_body_proof_of_training,
    &record_body_round_result,
    &record_validator,
    &record_set_change,
    &record_set_epoch,
    &record_body_validator_propose,
    &record_body_validator_approve,
    &record_body_ready,
    &record_signed_vote,
    &record_body_evidence,
    &record_suspension,
};
enum { RECORDS = sizeof(records) / sizeof(records[0]) };

static void fill_uint(uint8_t *member, uint32_t width, uint32_t number)
{
    /* 1, 2 .. for most, and now and then the greatest of the width. */
    uint64_t value = number % 7 == 3 ? UINT64_MAX : number;
    for (uint32_t i = 0; i < width; i++) {
        member[i] = (uint8_t)(value >> (8 * i)); /* this machine is little-endian */
    }
}

static void fill_bytes(uint8_t *member, size_t size, uint32_t number)
{
    for (size_t i = 0; i < size; i++) {
        member[i] = (uint8_t)(number + i);
    }
}

static void fill_uints(const struct field *field, uint8_t *member, uint32_t number)
{
    for (uint32_t i = 0; i < field->size; i++) {
        fill_uint(member + (size_t)i * field->width, field->width, number + i);
    }
}

/* Two of what a list may hold, or one where it may hold no more. */
static void fill_list(const struct field *field, uint8_t *base, uint32_t number)
{
    const uint32_t count = field->size < 2 ? field->size : 2;
    for (uint32_t i = 0; i < count; i++) {
        fill_bytes(base + field->offset + (size_t)i * field->width, field->width, number + i);
    }
    memcpy(base + field->count_offset, &count, sizeof(count));
}

static void fill_field(const struct field *field, uint8_t *base, uint32_t number)
{
    static const uint8_t view[] = "seen, not copied";
    uint8_t *member = base + field->offset;
    const uint32_t two = 2;
    switch (field->kind) {
    case FIELD_UINT:
        fill_uint(member, field->width, field->fixed_value ? RECORD_VERSION : number);
        return;
    case FIELD_FIXED:
        fill_bytes(member, field->size, number);
        return;
    case FIELD_BIN:
        fill_bytes(member, two, number);
        memcpy(base + field->count_offset, &two, sizeof(two));
        return;
    case FIELD_VIEW: {
        const struct bytes bytes = bytes_of(view, sizeof(view) - 1);
        memcpy(member, &bytes, sizeof(bytes));
        return;
    }
    case FIELD_VECTOR:
        fill_uints(field, member, number);
        return;
    case FIELD_UINTS:
    case FIELD_FIXEDS:
        fill_list(field, base, number);
        return;
    case FIELD_RECORDS:
    case FIELD_RECORD:
    case FIELD_ARRAY:
        return;
    }
}

static void fill_items(const struct field *field, uint8_t *out, uint32_t number)
{
    const struct record *items = field->items;
    for (uint32_t j = 0; j < items->field_count; j++) {
        fill_field(&items->fields[j], out, number + j);
    }
}

static void fill(const struct record *record, uint8_t *out)
{
    memset(out, 0, record->struct_size);
    for (uint32_t i = 0; i < record->field_count; i++) {
        const struct field *field = &record->fields[i];
        const uint32_t count = field->kind == FIELD_RECORDS ? 2 : 1;
        fill_field(field, out, i + 1);
        if (field->items == NULL) {
            continue;
        }
        for (uint32_t k = 0; k < count; k++) {
            fill_items(field, out + field->offset + (size_t)k * field->items->struct_size, i + k);
        }
        if (field->kind == FIELD_RECORDS) {
            memcpy(out + field->count_offset, &count, sizeof(count));
        }
    }
}

static struct bytes encode(const struct record *record, const uint8_t *object, uint8_t *buffer)
{
    struct bytes out;
    assert_true(record_encode(record, object, buffer, ENCODED_MAX, &out));
    return out;
}

static void must_decode(const struct record *record, struct bytes bytes, uint8_t *decoded)
{
    if (!record_decode(record, bytes, decoded)) {
        fail_msg("%s does not decode", record->name);
    }
}

static void a_decoder_takes_exactly_what_its_writer_makes(void **state)
{
    (void)state;
    static uint8_t object[OBJECT_MAX];
    static uint8_t decoded[OBJECT_MAX];
    static uint8_t buffer[ENCODED_MAX];
    static uint8_t again[ENCODED_MAX];
    for (size_t i = 0; i < RECORDS; i++) {
        const struct record *record = records[i];
        assert_true(record->struct_size <= OBJECT_MAX);
        fill(record, object);
        const struct bytes bytes = encode(record, object, buffer);
        must_decode(record, bytes, decoded);
        const struct bytes twice = encode(record, decoded, again);
        assert_true(bytes_equal(bytes, twice));
        for (size_t size = 0; size < bytes.size; size++) {
            assert_false(record_decode(record, bytes_of(bytes.data, size), decoded));
        }
        buffer[bytes.size] = 0;
        assert_false(record_decode(record, bytes_of(bytes.data, bytes.size + 1), decoded));
        if (record->fields[0].fixed_value) {
            /* [ver, ...]: the version follows the array's header, of 1 or 3 bytes. */
            const size_t at = buffer[0] == 0xdc ? 3 : 1;
            assert_int_equal(buffer[at], RECORD_VERSION);
            buffer[at] = RECORD_VERSION + 1;
            assert_false(record_decode(record, bytes, decoded));
        }
    }
}

static struct hash pattern(uint8_t first)
{
    struct hash out;
    fill_bytes(out.bytes, HASH_SIZE, first);
    return out;
}

static void add(struct text *text, const char *name, struct bytes bytes)
{
    text_add(text, "%s ", name);
    text_add_hex(text, bytes);
    text_add(text, "\n");
}

static void add_key(struct text *text, const char *name, struct key key)
{
    add(text, name, key_view(&key));
}

static void add_hash(struct text *text, const char *name, struct hash hash)
{
    add(text, name, bytes_of(hash.bytes, HASH_SIZE));
}

static void add_keys(struct text *text)
{
    const struct hash id = pattern(0x10);
    const struct hash other = pattern(0x40);
    struct address address;
    fill_bytes(address.bytes, ADDRESS_SIZE, 0x80);
    const struct bytes owner = bytes_of(address.bytes, ADDRESS_SIZE);
    add_key(text, "key.global", key_global(GLOBAL_CLOCK));
    add_key(text, "key.account", key_account(&address));
    add_key(text, "key.lane", key_lane(&address, 7));
    add_key(text, "key.unordered", key_unordered(&address, 0x0102030405060708));
    add_key(text, "key.org", key_org(3));
    add_key(text, "key.usage", key_usage(3));
    static const enum key_kind kinds[] = {KEY_NODE,         KEY_OFFER,     KEY_DATA,    KEY_REQUEST,
                                          KEY_REQUEST_BODY, KEY_TERMS,     KEY_PROCESS, KEY_LEASE,
                                          KEY_PROGRAM,      KEY_SUSPENSION};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char name[] = "key.object.?";
        name[sizeof(name) - 2] = (char)kinds[i];
        add_key(text, name, key_object(kinds[i], &id));
    }
    add_key(text, "key.change", key_change(&address));
    add_key(text, "key.set", key_set(0x0102030405060708));
    add_key(text, "key.plan", key_plan(&id, 2));
    add_key(text, "key.member", key_member(&id, 2, 5));
    add_key(text, "key.round", key_round(&id, 9));
    add_key(text, "key.segment", key_segment(&id, 9, 5));
    add_key(text, "key.upload", key_upload(&address, &id));
    add_key(text, "key.part", key_part(&address, &id, 31));
    add_key(text, "key.count", key_count(COLLECTION_WORKER_LEASES, owner));
    add_key(text, "key.item", key_item(COLLECTION_WORKER_LEASES, owner, 4));
    add_key(text, "key.position", key_position(COLLECTION_WORKER_LEASES, owner, &id));
    add_key(text, "key.position.worker",
            key_position(COLLECTION_JOB_WORKERS, bytes_of(id.bytes, HASH_SIZE), &other));
}

static void add_digests(struct text *text)
{
    const struct hash chain = pattern(1);
    const struct hash job = pattern(2);
    const struct hash beacon = pattern(3);
    struct address address;
    struct public_key key;
    struct plan plan;
    uint8_t tunnels[2][TUNNEL_KEY_SIZE];
    fill_bytes(address.bytes, ADDRESS_SIZE, 4);
    fill_bytes(key.bytes, PUBLIC_KEY_SIZE, 5);
    fill_bytes(tunnels[0], TUNNEL_KEY_SIZE, 6);
    fill_bytes(tunnels[1], TUNNEL_KEY_SIZE, 7);
    fill(&record_plan, (uint8_t *)&plan);
    const struct peer_set peers = {.tunnel_keys = (const uint8_t(*)[TUNNEL_KEY_SIZE])tunnels,
                                   .count = 2};
    const struct commitment commitment = {.worker_key = key,
                                          .job = job,
                                          .round = 8,
                                          .trace_root = pattern(9),
                                          .delta_root = pattern(10),
                                          .inner_root = pattern(11),
                                          .salt = pattern(12)};
    add_hash(text, "id.created", id_created(KEY_OFFER, &chain, &address, 0, 300));
    add_hash(text, "id.job", id_job(&chain, &address, bytes_of("job", 3)));
    add_hash(text, "id.lease", id_lease(&chain, &job, 1, 2));
    add_hash(text, "id.plan", id_plan(&plan));
    add_hash(text, "id.possession", id_possession(&chain, &address, &key));
    add_hash(text, "id.ready", id_ready(&chain, &job, 3, 300));
    const struct vote vote = {
        .kind = VOTE_FINALIZE, .epoch = 3, .view = 300, .proposal = pattern(8), .validator = 1};
    add_hash(text, "id.vote", id_vote(&chain, &job, &vote));
    add_hash(text, "id.suspension", id_suspension(&key));
    add_hash(text, "id.peer_set", id_peer_set(&peers));
    add_hash(text, "id.batch_key", id_batch_key(&job, 8, &key, &beacon));
    add_hash(text, "id.commitment", id_commitment(&commitment));
}

static void the_bytes_are_those_of_the_vectors(void **state)
{
    (void)state;
    static uint8_t object[OBJECT_MAX];
    static uint8_t buffer[ENCODED_MAX];
    static char ours[TEXT_MAX];
    static char theirs[TEXT_MAX];
    struct text text = {.data = ours, .capacity = sizeof(ours)};
    for (size_t i = 0; i < RECORDS; i++) {
        fill(records[i], object);
        add(&text, records[i]->name, encode(records[i], object, buffer));
    }
    add_keys(&text);
    add_digests(&text);

    FILE *file = fopen(SOURCE_DIR "/tests/vectors/state.txt", "rb");
    size_t size = 0;
    if (file != NULL) {
        size = fread(theirs, 1, sizeof(theirs), file);
        assert_int_equal(fclose(file), 0);
    }
    if (size != text.size || memcmp(ours, theirs, size) != 0) {
        file = fopen("state_vectors.txt", "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(ours, 1, text.size, file), text.size);
        assert_int_equal(fclose(file), 0);
        fail_msg("bytes differ from tests/vectors/state.txt; ours are in state_vectors.txt");
    }
}

/* Every key's record is found by its kind alone. */
static void a_key_names_its_record(void **state)
{
    (void)state;
    const struct hash id = pattern(1);
    const struct key lease = key_object(KEY_LEASE, &id);
    const struct key clock = key_global(GLOBAL_CLOCK);
    const struct key body = key_object(KEY_REQUEST_BODY, &id);
    const struct key set = key_global(GLOBAL_VALIDATORS);
    assert_ptr_equal(record_of_key(key_view(&lease)), &record_lease);
    assert_ptr_equal(record_of_key(key_view(&clock)), &record_clock);
    assert_null(record_of_key(key_view(&body)));
    assert_null(record_of_key(key_view(&set)));
    assert_null(record_of_key(bytes_of(NULL, 0)));
}

static void every_type_has_a_body(void **state)
{
    (void)state;
    for (uint32_t type = 0; type < 256; type++) {
        assert_int_equal(record_of_body(type) != NULL, tx_type_name(type) != NULL);
    }
}

static void parameters_keep_a_ledger_going(void **state)
{
    (void)state;
    const struct params good = chain_params();
    assert_null(params_fault(&good));
    struct {
        size_t offset;
        uint64_t value;
    } cases[] = {
        {offsetof(struct params, deadline_grid_ms), 0},
        {offsetof(struct params, quota_window_ms), 0},
        {offsetof(struct params, planner_interval_ms), 0},
        {offsetof(struct params, expiries_max), 0},
        {offsetof(struct params, planner_steps_max), 0},
        {offsetof(struct params, planner_requests_max), 0},
        {offsetof(struct params, planner_attempts_max), 0},
        {offsetof(struct params, workers_max), PLAN_MEMBER_MAX + 1},
        {offsetof(struct params, offers_max), OFFER_OPEN_MAX + 1},
        {offsetof(struct params, queue_max), QUEUE_MAX + 1},
        {offsetof(struct params, audit_p_ppm), 1000001},
        {offsetof(struct params, bond_burnt_ppm), 1000001},
        {offsetof(struct params, challenge_bond_ppm), 1000001},
        {offsetof(struct params, reference_price_per_tmac), SUPPLY_MAX + 1},
        {offsetof(struct params, bond_floor_per_tmac), SUPPLY_MAX + 1},
        {offsetof(struct params, take_rate_ppm), 1},
        {offsetof(struct params, certification_window_ms), UINT64_MAX},
        {offsetof(struct params, round_ms_max), UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct params bad = good;
        memcpy((uint8_t *)&bad + cases[i].offset, &cases[i].value, sizeof(cases[i].value));
        assert_non_null(params_fault(&bad));
    }
}

/* Codes and events: numbers are unique (the compiler checks the switch), names are found. */
static void codes_have_names_and_texts(void **state)
{
    (void)state;
    assert_string_equal(code_name(CODE_OK), "OK");
    assert_string_equal(code_name(64), "E_RANGE");
    assert_null(code_name(65535));
    assert_string_equal(code_text(65535), "unknown code");
    assert_string_equal(event_name(38), "ROUND_CLOSED");
    assert_null(event_name(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decoder_takes_exactly_what_its_writer_makes),
        cmocka_unit_test(the_bytes_are_those_of_the_vectors),
        cmocka_unit_test(a_key_names_its_record),
        cmocka_unit_test(every_type_has_a_body),
        cmocka_unit_test(parameters_keep_a_ledger_going),
        cmocka_unit_test(codes_have_names_and_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
