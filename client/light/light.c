#include <stdlib.h>

#include "client/light/state.h"
#include "crypto/crypto.h"
#include "wire/wire.h"

struct light *light_open(const struct light_config *config, const struct light_port *port)
{
    uint8_t buffer[WIRE_VALIDATOR_SET_SIZE_MAX];
    struct wire_writer writer;
    struct bytes set;
    ASSERT(config->endpoint_count > 0 && config->endpoint_count <= LIGHT_ENDPOINT_MAX);
    struct light *light = calloc(1, sizeof *light);
    if (light == NULL) {
        return NULL;
    }
    light->config = *config;
    if (light->config.timeout_ms == 0) {
        light->config.timeout_ms = LIGHT_TIMEOUT_MS;
    }
    light->ask_ms = light->config.timeout_ms;
    light->port = *port;
    light->trust.chain_id = config->chain_id; /* of epoch 0 */
    light->trust.validators = config->validators;
    wire_writer_init(&writer, buffer, sizeof buffer);
    wire_write_validator_set(&writer, &config->validators);
    const bool fits = wire_writer_end(&writer, &set);
    ASSERT(fits);
    crypto_digest(TAG_VALIDATOR_SET, set, &light->trust.set_hash);
    return light;
}

void light_close(struct light *light)
{
    if (light != NULL) {
        free(light->reply.data);
        free(light);
    }
}

const struct light_tip *light_tip(const struct light *light)
{
    return &light->tip;
}

const struct hash *light_chain_id(const struct light *light)
{
    return &light->config.chain_id;
}

uint64_t light_now_ms(const struct light *light)
{
    return light->port.now_ms(light->port.context);
}

uint64_t light_wall_ms(const struct light *light)
{
    return light->port.wall_ms(light->port.context);
}

void light_wait(const struct light *light, uint32_t ms)
{
    light->port.wait_ms(light->port.context, ms);
}

bool light_refuse(struct error *error, const char *what)
{
    return error_set(error, EXIT_CODE_VERIFY,
                     "the node's answer is refused: %s; ask another node and report this one",
                     what);
}

/* ---- Asking -------------------------------------------------------------------------- */

static bool encode_request(struct light *light, struct bytes *out)
{
    struct wire_writer writer;
    wire_writer_init(&writer, light->encoded, sizeof light->encoded);
    api_write_request(&writer, &light->request);
    return wire_writer_end(&writer, out);
}

static bool take_error(const struct api_answer *answer, struct error *error)
{
    char text[160];
    const size_t size = answer->text.size < sizeof text - 1 ? answer->text.size : sizeof text - 1;
    for (size_t i = 0; i < size; i++) {
        const uint8_t byte = answer->text.data[i];
        text[i] = '?';
        if (byte >= 0x20 && byte < 0x7F) {
            text[i] = (char)byte;
        }
    }
    text[size] = '\0';
    const enum exit_code code =
        answer->code == EXIT_CODE_NOT_FOUND || answer->code == EXIT_CODE_DENIED ||
                answer->code == EXIT_CODE_QUOTA || answer->code == EXIT_CODE_USAGE
            ? (enum exit_code)answer->code
            : EXIT_CODE_UNREACHABLE;
    return error_set(error, code, "the node refuses: %s", text);
}

static bool ask_once(struct light *light, uint32_t endpoint, light_take *take, void *context,
                     struct error *error)
{
    struct light_question question = {.endpoint = endpoint, .timeout_ms = light->ask_ms};
    free(light->reply.data);
    light->reply = (struct light_reply){.data = NULL};
    if (!encode_request(light, &question.request)) {
        return error_set(error, EXIT_CODE_USAGE, "the question is too large for one message");
    }
    if (!light->port.ask(light->port.context, &question, &light->reply, error)) {
        return false;
    }
    if (!api_decode_answer(bytes_of(light->reply.data, light->reply.size), &light->answer)) {
        return light_refuse(error, "it is no message of this version");
    }
    if (light->answer.kind == API_ERROR) {
        return take_error(&light->answer, error);
    }
    if (light->answer.kind != light->request.kind) {
        return light_refuse(error, "it answers another question");
    }
    return take(light, context, error);
}

bool light_ask_one(struct light *light, uint32_t endpoint, light_take *take, void *context,
                   struct error *error)
{
    light->behind = false;
    if (ask_once(light, endpoint, take, context, error)) {
        return true;
    }
    while (light->behind) { /* each round is an epoch further, or the last */
        light->saved = light->request;
        const bool followed = light_follow(light, endpoint, error);
        light->request = light->saved;
        light->behind = false;
        if (!followed) {
            return false;
        }
        if (ask_once(light, endpoint, take, context, error)) {
            return true;
        }
    }
    return false;
}

/* Which failure to tell when every endpoint failed: tampering before silence. */
static int gravity(enum exit_code code)
{
    switch ((int)code) {
    case EXIT_CODE_FORK:
        return 5;
    case EXIT_CODE_VERIFY:
        return 4;
    case EXIT_CODE_WRONG_CHAIN:
        return 3;
    case EXIT_CODE_DENIED:
    case EXIT_CODE_USAGE:
        return 2;
    case EXIT_CODE_OK:
        return -1;
    default:
        return 1;
    }
}

static bool is_resting(const struct light *light, uint32_t endpoint, uint64_t now)
{
    const uint64_t failed = light->failed_ms[endpoint];
    const uint32_t more = light->failures[endpoint] < LIGHT_RESTING_DOUBLED_MAX
                              ? light->failures[endpoint]
                              : LIGHT_RESTING_DOUBLED_MAX;
    return failed != 0 && now < failed + ((uint64_t)LIGHT_RESTING_MS << more);
}

void light_rest(struct light *light, uint32_t endpoint)
{
    if (light->failed_ms[endpoint] != 0) {
        light->failures[endpoint]++;
    }
    light->failed_ms[endpoint] = light_now_ms(light) + 1;
}

void light_rouse(struct light *light, uint32_t endpoint)
{
    light->failed_ms[endpoint] = 0;
    light->failures[endpoint] = 0;
}

void light_turn(struct light *light)
{
    light->current = (light->current + 1) % light->config.endpoint_count;
}

/* Every endpoint once, the current one first; resting ones only in the second pass. */
static bool ask_around(struct light *light, light_take *take, void *context, struct error *error)
{
    const uint32_t count = light->config.endpoint_count;
    const uint32_t first = light->current;
    ASSERT(count > 0); /* light_open */
    const uint64_t start = light_now_ms(light);
    struct error latest;
    error->code = EXIT_CODE_OK;
    for (uint32_t i = 0; i < 2 * count; i++) {
        const uint32_t endpoint = (first + i) % count;
        const bool second = i >= count;
        if (is_resting(light, endpoint, start) != second) {
            continue;
        }
        if (light_ask_one(light, endpoint, take, context, &latest)) {
            light_rouse(light, endpoint);
            light->current = endpoint;
            return true;
        }
        light_rest(light, endpoint);
        if (gravity(latest.code) > gravity(error->code)) {
            *error = latest;
        }
    }
    return false;
}

/* What no node will have soon: the past, or anything of a chain without a block. */
static bool is_last_word(const struct light *light, const struct error *error)
{
    return error->code == EXIT_CODE_NOT_FOUND &&
           (light->tip.header.height == 0 || light->request.kind == API_HEADER ||
            light->request.kind == API_TXS ||
            (light->request.kind == API_PROVE && light->request.height != 0));
}

bool light_ask(struct light *light, light_take *take, void *context, struct error *error)
{
    const uint64_t until = light_now_ms(light) + light->config.timeout_ms;
    for (;;) {
        if (ask_around(light, take, context, error)) {
            return true;
        }
        if (gravity(error->code) > 1 || is_last_word(light, error) ||
            light_now_ms(light) >= until) {
            return false;
        }
        light_wait(light, LIGHT_RETRY_MS);
    }
}

/* ---- The tip --------------------------------------------------------------------------- */

static bool is_known_tip(const struct light *light, const struct hash *block_id)
{
    return light->tip.header.height != 0 && hash_equal(block_id, &light->tip.block_id);
}

bool light_take_tip(struct light *light, struct bytes header, struct bytes last_final,
                    struct error *error)
{
    struct hash block_id;
    const uint64_t floor = light->tip.header.height > light->config.floor_height
                               ? light->tip.header.height
                               : light->config.floor_height;
    const char *wrong = verify_header(&light->trust, header, &light->header, &block_id);
    if (wrong != NULL) {
        return light_refuse(error, wrong);
    }
    if (is_known_tip(light, &block_id)) {
        return true;
    }
    if (light->header.height < floor) {
        return error_set(error, EXIT_CODE_UNREACHABLE,
                         "the node is at height %llu, %llu is final already",
                         (unsigned long long)light->header.height, (unsigned long long)floor);
    }
    if (light->header.epoch > light->trust.epoch) {
        light->behind = true;
        return error_set(error, EXIT_CODE_UNREACHABLE, "the node is in epoch %llu, %llu is known",
                         (unsigned long long)light->header.epoch,
                         (unsigned long long)light->trust.epoch);
    }
    wrong = verify_final(&light->trust, last_final, &light->header, &block_id, &light->scratch);
    if (wrong != NULL) {
        return light_refuse(error, wrong);
    }
    if (light->header.height == light->tip.header.height) {
        return error_set(error, EXIT_CODE_FORK,
                         "two final blocks at height %llu: stop and keep both as evidence",
                         (unsigned long long)light->header.height);
    }
    light->tip.header = light->header;
    light->tip.block_id = block_id;
    memcpy(light->tip_final, last_final.data, last_final.size);
    light->tip_final_size = last_final.size;
    return true;
}

/* ---- From epoch to epoch ------------------------------------------------------------------- */

/* The last block of an epoch is final: so is the height, and the next set is known. */
static bool take_boundary(struct light *light, void *context, struct error *error)
{
    const struct verify_boundary claim = {light->answer.header, light->answer.last_final,
                                          light->answer.body};
    (void)context;
    const char *wrong = verify_boundary(&light->trust, &claim, &light->scratch, &light->next);
    if (wrong != NULL) {
        return light_refuse(error, wrong);
    }
    if (light->scratch.header.height > light->tip.header.height) {
        light->tip.header = light->scratch.header;
        verify_block_id(claim.header, &light->tip.block_id);
    }
    light->trust = light->next;
    memset(light->heads, 0, sizeof light->heads); /* seats are others now */
    memset(light->failed_ms, 0, sizeof light->failed_ms);
    memset(light->failures, 0, sizeof light->failures);
    return true;
}

bool light_follow(struct light *light, uint32_t endpoint, struct error *error)
{
    const uint64_t goal = light->header.epoch;
    while (light->trust.epoch < goal) {
        light->request = (struct api_request){.kind = API_BOUNDARY, .epoch = light->trust.epoch};
        if (!ask_once(light, endpoint, take_boundary, NULL, error)) {
            return false;
        }
    }
    return true;
}

static bool take_final(struct light *light, void *context, struct error *error)
{
    (void)context;
    return light_take_tip(light, light->answer.header, light->answer.last_final, error);
}

/* ---- Freshness (9.3) ---------------------------------------------------------------------- */

static bool take_head(struct light *light, void *context, struct error *error)
{
    const uint64_t *asked_ms = context;
    const char *wrong = verify_head(&light->trust, &light->request.hash, &light->answer);
    if (wrong != NULL) {
        return light_refuse(error, wrong);
    }
    struct light_head *head = &light->heads[light->answer.validator];
    head->heard = true;
    head->asked_ms = *asked_ms;
    head->height = light->answer.height;
    return true;
}

static uint32_t count_fresh(const struct light *light, uint64_t within_ms)
{
    const uint64_t now = light_now_ms(light);
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < light->trust.validators.count; i++) {
        const struct light_head *head = &light->heads[i];
        fresh += head->heard && now - head->asked_ms <= within_ms &&
                 head->height <= light->tip.header.height;
    }
    return fresh;
}

bool light_is_fresh(const struct light *light)
{
    return count_fresh(light, LIGHT_FRESH_MS) > validator_faulty_max(light->trust.validators.count);
}

/* Ask validators for their heights until f + 1 honest ones have answered; resting ones are skipped
 * while others are left.  A high claim of one liar proves nothing and stops nobody: it just
 * does not count (light_is_fresh). */
static void ask_heads(struct light *light)
{
    const uint32_t needed = 2 * validator_faulty_max(light->trust.validators.count) + 1;
    const uint32_t count = light->config.endpoint_count;
    const uint64_t start = light_now_ms(light);
    uint32_t answered = 0;
    struct error error;
    ASSERT(count > 0); /* light_open */
    light->ask_ms = light->ask_ms < LIGHT_HEAD_MS ? light->ask_ms : LIGHT_HEAD_MS;
    for (uint32_t i = 0; i < 2 * count && answered < needed; i++) {
        const uint32_t endpoint = (light->current + i) % count;
        uint64_t asked_ms = light_now_ms(light);
        if (is_resting(light, endpoint, start) != (i >= count)) {
            continue;
        }
        light->request = (struct api_request){.kind = API_HEAD};
        crypto_random_bytes(light->request.hash.bytes, HASH_SIZE);
        if (light_ask_one(light, endpoint, take_head, &asked_ms, &error)) {
            light_rouse(light, endpoint);
            answered++;
        } else {
            light_rest(light, endpoint);
        }
    }
    light->ask_ms = light->config.timeout_ms;
}

static bool ask_final(struct light *light, struct error *error)
{
    light->request = (struct api_request){.kind = API_FINAL};
    return light_ask(light, take_final, NULL, error);
}

bool light_refresh(struct light *light, struct error *error)
{
    const uint64_t epoch = light->trust.epoch;
    if (count_fresh(light, LIGHT_FRESH_MS / 4) <=
        validator_faulty_max(light->trust.validators.count)) {
        ask_heads(light);
    }
    if (!ask_final(light, error)) {
        return false;
    }
    if (light->trust.epoch == epoch) {
        return true;
    }
    ask_heads(light); /* those of the set that holds now */
    return ask_final(light, error);
}

bool light_refresh_fresh(struct light *light, struct error *error)
{
    const uint64_t until = light_now_ms(light) + light->config.timeout_ms;
    for (;;) {
        ask_heads(light);
        if (!ask_final(light, error)) {
            return false;
        }
        if (light_is_fresh(light)) {
            return true;
        }
        if (light_now_ms(light) >= until) {
            return error_set(error, EXIT_CODE_UNREACHABLE,
                             "fewer than f + 1 validators confirm height %llu as newest; name "
                             "more endpoints",
                             (unsigned long long)light->tip.header.height);
        }
        light_wait(light, LIGHT_RETRY_MS);
    }
}

/* ---- The node's own view ------------------------------------------------------------------ */

struct status_text {
    char *out;
    size_t size;
};

static bool take_status(struct light *light, void *context, struct error *error)
{
    const struct status_text *text = context;
    (void)error;
    const size_t size =
        light->answer.text.size < text->size ? light->answer.text.size : text->size - 1;
    memcpy(text->out, light->answer.text.data, size);
    text->out[size] = '\0';
    return true;
}

bool light_status(struct light *light, uint32_t endpoint, char *out, size_t size,
                  struct error *error)
{
    ASSERT(endpoint < light->config.endpoint_count);
    struct status_text text = {.out = out, .size = size};
    out[0] = '\0';
    light->request = (struct api_request){.kind = API_STATUS};
    return light_ask_one(light, endpoint, take_status, &text, error);
}
