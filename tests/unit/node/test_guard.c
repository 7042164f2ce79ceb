#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "node/node.h"
#include "tests/unit/node/lone.h"

/* A validator of four whose journal or sign.state is lost or an old copy. */

static struct lone lone;

enum { JOURNAL_MAX = 1 << 20 };
struct copy {
    uint8_t bytes[JOURNAL_MAX];
    size_t size;
};

static int open_four(void **state)
{
    (void)state;
    lone_open(&lone, 4);
    return 0;
}

static int close_it(void **state)
{
    (void)state;
    lone_close(&lone);
    return 0;
}

static void path_of(char out[700], const char *name)
{
    (void)snprintf(out, 700, "%s/%s", lone.directory.path, name);
}

static void take(const char *name, struct copy *copy)
{
    char path[700];
    path_of(path, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    copy->size = fread(copy->bytes, 1, sizeof(copy->bytes), file);
    assert_int_equal(fclose(file), 0);
}

static void put(const char *name, const struct copy *copy)
{
    char path[700];
    path_of(path, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(copy->bytes, 1, copy->size, file), copy->size);
    assert_int_equal(fclose(file), 0);
}

static struct sign_state_status signed_state(void)
{
    struct sign_state_status status;
    lone.d->signer.status(lone.d->signer.context, &status);
    return status;
}

/* A view without a block: we NULLIFY when its time is up, the others say so too. */
static void lose_view(uint64_t view)
{
    enum { TURNS_MAX = 60000 };
    const uint64_t before = signed_state().sequence;
    for (uint32_t i = 0; i < TURNS_MAX && signed_state().sequence == before; i++) {
        driver_run_timers(lone.d);
        assert_false(driver_failed(lone.d));
        (void)nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    assert_true(signed_state().sequence > before);
    for (uint32_t i = 1; i < LONE_VALIDATORS_MAX; i++) {
        lone_vote(&lone, &(struct vote){.kind = VOTE_NULLIFY, .view = view, .validator = i});
    }
}

static void lose_views(uint64_t from, uint64_t to)
{
    lone.seq = 0; /* nothing is ever final here, and a restart forgets the pool */
    assert_int_equal(lone_submit(&lone, lone_tx(&lone, 600000)), CODE_OK);
    for (uint64_t view = from; view <= to; view++) {
        lose_view(view);
    }
}

static struct node_config stop(void)
{
    const struct node_config config = lone.d->config;
    restart_close(lone.d);
    return config;
}

/* Start again in the same place; the exit code. */
static enum exit_code start(const struct node_config *config)
{
    struct error error = {.code = EXIT_CODE_OK};
    memset(lone.d, 0, sizeof(*lone.d));
    lone.d->config = *config;
    lone.d->timer_at_ms = UINT64_MAX;
    lone.d->work_due_ms = UINT64_MAX;
    if (!restart_open(lone.d, &error)) {
        restart_close(lone.d);
        memset(lone.d, 0, sizeof(*lone.d));
        return error.code;
    }
    driver_step(lone.d, &(struct consensus_event){.kind = CONSENSUS_ON_START});
    return EXIT_CODE_OK;
}

static void frame(uint32_t from, enum wire_message_kind kind, const struct wire_status *status,
                  const struct certificate *certificate)
{
    static uint8_t buffer[1 << 16];
    struct wire_writer writer;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    wire_write_message(&writer, kind);
    if (status != NULL) {
        wire_write_status(&writer, status);
    } else {
        wire_write_certificate(&writer, certificate);
    }
    struct net_event event = {.kind = NET_EVENT_FRAME,
                              .role = NET_ROLE_VALIDATOR,
                              .lane = NET_LANE_VOTE,
                              .key = lone_net_key(from)};
    assert_true(wire_writer_end(&writer, &event.bytes));
    inbound_frame(lone.d, &event);
}

/* Votes of validators first .. first + 2 as a certificate. */
static struct certificate certificate_of(enum vote_kind kind, uint64_t view, uint32_t first)
{
    struct certificate out = {.kind = kind, .view = view, .signature_count = 3};
    memset(out.proposal.bytes, kind == VOTE_NULLIFY ? 0 : 7, HASH_SIZE);
    for (uint32_t i = 0; i < 3; i++) {
        const struct vote vote = {
            .kind = kind, .view = view, .proposal = out.proposal, .validator = first + i};
        validator_bitmap_set(&out.signers, first + i);
        out.signatures[i] = lone_sign(&lone, &vote);
    }
    return out;
}

static void hear(uint32_t from, uint64_t view, bool proven)
{
    static struct wire_status status;
    memset(&status, 0, sizeof(status));
    status.view = view;
    status.has_entry = proven;
    if (proven) {
        status.entry = certificate_of(VOTE_NULLIFY, view - 1, 1);
    }
    frame(from, WIRE_STATUS, &status, NULL);
}

static bool may_sign(uint64_t view)
{
    struct error error;
    struct signer_answer answer;
    const struct vote vote = {.kind = VOTE_NULLIFY, .view = view};
    const struct signer_request request = {
        .set_hash = &lone.d->set_hash, .votes = &vote, .count = 1};
    assert_true(lone.d->signer.sign(lone.d->signer.context, &request, &answer, &error));
    return answer.verdict == SIGN_PERMITTED;
}

static void rename_in(const char *from, const char *to)
{
    char a[700];
    char b[700];
    path_of(a, from);
    path_of(b, to);
    assert_int_equal(rename(a, b), 0);
}

/* The guard stands until a quorum of others has proven its view and a view above is final. */
static void ends_as_it_should(void)
{
    assert_true(lone.d->guard.active);
    assert_true(signed_state().guarded);
    assert_false(may_sign(50));
    hear(1, 3, true);
    hear(2, 900, false); /* a view without proof is no view */
    hear(3, 5, true);
    assert_false(lone.d->guard.core.known);
    hear(2, 6, true);
    assert_true(lone.d->guard.core.known);
    assert_int_equal(lone.d->guard.core.limit, 10);
    struct certificate final = certificate_of(VOTE_FINALIZE, 10, 1);
    frame(1, WIRE_CERT, NULL, &final);
    guard_poll(lone.d);
    assert_true(lone.d->guard.active);
    final = certificate_of(VOTE_FINALIZE, 11, 1);
    frame(1, WIRE_CERT, NULL, &final);
    guard_poll(lone.d);
    assert_false(lone.d->guard.active);
    assert_false(may_sign(11));
    assert_true(may_sign(12));
}

static void lost_journal(void **state)
{
    (void)state;
    lose_views(1, 3);
    const struct node_config config = stop();
    rename_in("journal", "journal.lost");
    assert_int_equal(start(&config), EXIT_CODE_OK);
    assert_true(lone.d->guard.active);
    (void)stop();
    assert_int_equal(start(&config), EXIT_CODE_OK); /* it lasts */
    ends_as_it_should();
    (void)stop();
    assert_int_equal(start(&config), EXIT_CODE_OK);
    assert_false(lone.d->guard.active);
}

static void nothing_lost(void **state)
{
    (void)state;
    lose_views(1, 2);
    const struct node_config config = stop();
    assert_int_equal(start(&config), EXIT_CODE_OK);
    assert_false(lone.d->guard.active);
    assert_true(may_sign(3));
}

static void old_journal(void **state)
{
    static struct copy copy;
    (void)state;
    lose_views(1, 2);
    struct node_config config = stop();
    take("journal/journal-0000000000000001", &copy);
    assert_int_equal(start(&config), EXIT_CODE_OK);
    lose_views(3, 5);
    config = stop();
    put("journal/journal-0000000000000001", &copy);
    assert_int_equal(start(&config), EXIT_CODE_OLD_JOURNAL);
    rename_in("journal", "journal.old");
    assert_int_equal(start(&config), EXIT_CODE_OK);
    assert_true(lone.d->guard.active);
}

static void old_sign_state(void **state)
{
    static struct copy copy;
    struct error error;
    (void)state;
    lose_views(1, 2);
    struct node_config config = stop();
    take("sign/sign.state", &copy);
    assert_int_equal(start(&config), EXIT_CODE_OK);
    lose_views(3, 4);
    assert_false(node_guard(&config, &error)); /* the node is at work */
    config = stop();
    put("sign/sign.state", &copy);
    assert_int_equal(start(&config), EXIT_CODE_SIGN_STATE);
    assert_true(node_guard(&config, &error));
    assert_int_equal(start(&config), EXIT_CODE_OK);
    ends_as_it_should();
}

static void lost_sign_state(void **state)
{
    struct error error;
    (void)state;
    lose_views(1, 2);
    const struct node_config config = stop();
    rename_in("sign", "sign.lost");
    assert_int_equal(start(&config), EXIT_CODE_SIGN_STATE);
    assert_true(node_guard(&config, &error));
    assert_int_equal(start(&config), EXIT_CODE_OK);
    ends_as_it_should();
}

/* An own vote comes back that sign.state does not know: the node stops and is guarded. */
static void signed_elsewhere(void **state)
{
    (void)state;
    const struct certificate certificate = certificate_of(VOTE_NULLIFY, 1, 0);
    frame(1, WIRE_CERT, NULL, &certificate);
    assert_int_equal(lone.d->error.code, EXIT_CODE_SIGNED_ELSEWHERE);
    const struct node_config config = stop();
    assert_int_equal(start(&config), EXIT_CODE_OK);
    assert_true(lone.d->guard.active);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lost_journal, open_four, close_it),
        cmocka_unit_test_setup_teardown(nothing_lost, open_four, close_it),
        cmocka_unit_test_setup_teardown(old_journal, open_four, close_it),
        cmocka_unit_test_setup_teardown(old_sign_state, open_four, close_it),
        cmocka_unit_test_setup_teardown(lost_sign_state, open_four, close_it),
        cmocka_unit_test_setup_teardown(signed_elsewhere, open_four, close_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
