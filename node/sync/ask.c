#include "node/sync/ask.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"

enum { CONNECT_MS = 5000, ANSWER_MS = 15000, REQUEST_SIZE = 64 };

void sync_wait_ms(uint32_t ms)
{
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
        errno = 0;
    }
}

static bool connect_to(const struct sync_asker *asker, struct sync_source *source)
{
    struct error error;
    const bool known = asker->own != NULL && !source->stranger;
    const struct net_config config = {.chain_id = asker->chain_id,
                                      .genesis_hash = asker->chain_id,
                                      .role = known ? NET_ROLE_FULL : NET_ROLE_ANON,
                                      .key = known ? asker->own : asker->anon};
    const struct net_peer peer = {
        .address = source->peer.address, .key = source->peer.key, .bulk_lane = true};
    if (net_client_open(&config, &peer, CONNECT_MS, &source->client, &error)) {
        return true;
    }
    source->client = NULL;
    log_line(LOG_INFO, "sync", "validator %u: %s", source->peer.validator, error.detail);
    source->stranger = source->stranger || (known && error.code == EXIT_CODE_DENIED);
    return false;
}

/* A node that does not know our key, or is older than the role, may still serve a stranger. */
static bool connected(const struct sync_asker *asker, struct sync_source *source)
{
    const bool stranger = source->stranger;
    return source->client != NULL || connect_to(asker, source) ||
           (source->stranger != stranger && connect_to(asker, source));
}

enum sync_reply sync_ask(const struct sync_asker *asker, struct sync_source *source,
                         const struct api_request *request)
{
    uint8_t buffer[REQUEST_SIZE];
    struct wire_writer writer;
    struct bytes out;
    struct error error;
    if (!connected(asker, source)) {
        return SYNC_SILENT;
    }
    wire_writer_init(&writer, buffer, sizeof(buffer));
    api_write_request(&writer, request);
    ASSERT(wire_writer_end(&writer, &out));
    if (!net_client_call(source->client, out, ANSWER_MS, &source->event, &error)) {
        sync_ask_close(source);
        return SYNC_SILENT;
    }
    enum sync_reply reply = SYNC_SILENT;
    if (api_decode_answer(source->event.bytes, &source->answer)) {
        const bool refused = source->answer.kind == API_ERROR;
        reply = source->answer.kind == request->kind                    ? SYNC_GIVEN
                : refused && source->answer.code == EXIT_CODE_QUOTA     ? SYNC_BUSY
                : refused && source->answer.code == EXIT_CODE_NOT_FOUND ? SYNC_NOTHING
                                                                        : SYNC_SILENT;
    }
    if (reply != SYNC_GIVEN) {
        net_event_release(&source->event);
    }
    return reply;
}

void sync_ask_end(struct sync_source *source)
{
    net_event_release(&source->event);
}

void sync_ask_close(struct sync_source *source)
{
    net_client_close(source->client);
    source->client = NULL;
}

void sync_ban(struct sync_source *source, const char *what)
{
    source->banned = true;
    log_line(LOG_ODD, "sync", "validator %u sent %s; it is asked no more", source->peer.validator,
             what);
}
