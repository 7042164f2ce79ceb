#include "raw.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <nng/nng.h>
#include <nng/supplemental/tls/tls.h>

#include "base/endian.h"

void raw_dial(struct raw *raw, const char *address)
{
    char url[64];
    nng_stream_dialer *dialer = NULL;
    nng_tls_config *tls = NULL;
    nng_aio *aio = NULL;
    (void)snprintf(url, sizeof url, "tls+tcp://%s", address);
    assert_int_equal(nng_tls_config_alloc(&tls, NNG_TLS_MODE_CLIENT), 0);
    assert_int_equal(nng_tls_config_auth_mode(tls, NNG_TLS_AUTH_MODE_NONE), 0);
    assert_int_equal(nng_stream_dialer_alloc(&dialer, url), 0);
    assert_int_equal(nng_stream_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, tls), 0);
    assert_int_equal(nng_stream_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, true), 0);
    assert_int_equal(nng_aio_alloc(&aio, NULL, NULL), 0);
    nng_aio_set_timeout(aio, PATIENCE_MS);
    nng_stream_dialer_dial(dialer, aio);
    nng_aio_wait(aio);
    assert_int_equal(nng_aio_result(aio), 0);
    raw->stream = nng_aio_get_output(aio, 0);
    nng_aio_free(aio);
    nng_stream_dialer_free(dialer);
    nng_tls_config_free(tls);
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
};

static void waiter_wake(void *arg)
{
    struct waiter *waiter = arg;
    (void)pthread_mutex_lock(&waiter->lock);
    waiter->done = true;
    (void)pthread_cond_signal(&waiter->cond);
    (void)pthread_mutex_unlock(&waiter->lock);
}

static bool waiter_wait(struct waiter *waiter, uint32_t timeout_ms)
{
    struct timespec until;
    int result = 0;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    (void)pthread_mutex_lock(&waiter->lock);
    while (!waiter->done && result == 0) {
        result = pthread_cond_timedwait(&waiter->cond, &waiter->lock, &until);
    }
    const bool done = waiter->done;
    (void)pthread_mutex_unlock(&waiter->lock);
    return done;
}

/* One operation; the bytes it moved, 0 at the end of the stream.  NNG 1.5.2 never ends a
 * receive, and forgets its deadline, when the TLS layer took in the end of the stream before
 * the receive was posted.  Only closing the stream ends it, which is what net's keeper does too. */
static size_t operate(struct raw *raw, bool send, void *data, size_t size)
{
    struct waiter waiter = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
    nng_aio *aio = NULL;
    nng_iov iov = {.iov_buf = data, .iov_len = size};
    assert_int_equal(nng_aio_alloc(&aio, waiter_wake, &waiter), 0);
    assert_int_equal(nng_aio_set_iov(aio, 1, &iov), 0);
    if (send) {
        nng_stream_send(raw->stream, aio);
    } else {
        nng_stream_recv(raw->stream, aio);
    }
    if (!waiter_wait(&waiter, PATIENCE_MS)) {
        nng_stream_close(raw->stream);
    }
    nng_aio_wait(aio);
    size_t count = nng_aio_result(aio) == 0 ? nng_aio_count(aio) : 0;
    nng_aio_free(aio);
    return count;
}

void raw_send(struct raw *raw, struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.size);
    assert_non_null(copy);
    memcpy(copy, bytes.data, bytes.size);
    size_t done = 0;
    while (done < bytes.size) {
        size_t count = operate(raw, true, copy + done, bytes.size - done);
        if (count == 0) {
            break; /* the other side has hung up: the test will see */
        }
        done += count;
    }
    free(copy);
}

bool raw_receive(struct raw *raw, uint8_t *out, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t count = operate(raw, false, out + done, size - done);
        if (count == 0) {
            return false;
        }
        done += count;
    }
    return true;
}

void raw_wait_end(struct raw *raw)
{
    uint8_t byte;
    while (raw_receive(raw, &byte, 1)) {
    }
}

void raw_close(struct raw *raw)
{
    nng_stream_close(raw->stream);
    nng_stream_free(raw->stream);
}

void raw_message(struct raw *raw, struct bytes message)
{
    uint8_t framed[FRAME_PREFIX_SIZE + NET_HELLO_SIZE_MAX];
    store_be32(framed, (uint32_t)message.size);
    memcpy(framed + FRAME_PREFIX_SIZE, message.data, message.size);
    raw_send(raw, bytes_of(framed, FRAME_PREFIX_SIZE + message.size));
}

static struct bytes message_receive(struct raw *raw, uint8_t *buffer)
{
    uint8_t prefix[FRAME_PREFIX_SIZE];
    assert_true(raw_receive(raw, prefix, sizeof prefix));
    size_t size = frame_hello_size(prefix);
    assert_int_not_equal(size, 0);
    assert_true(raw_receive(raw, buffer, size - FRAME_PREFIX_SIZE));
    return bytes_of(buffer, size - FRAME_PREFIX_SIZE);
}

void raw_greet(struct raw *raw, const struct node *as, const struct node *to, enum net_lane lane)
{
    struct handshake_self self = {
        .chain_id = test_hash(1),
        .genesis_hash = test_hash(1),
        .role = as->role,
        .key = as->key,
        .public_key = node_key(as),
    };
    struct net_key expected = node_key(to);
    struct handshake handshake;
    struct handshake_message out;
    uint8_t buffer[NET_HELLO_SIZE_MAX];
    handshake_begin(&handshake, &self, lane, &expected, &out);
    raw_message(raw, bytes_of(out.bytes, out.size));
    assert_int_equal(handshake_take(&handshake, message_receive(raw, buffer), &out),
                     HANDSHAKE_WAIT);
    raw_message(raw, bytes_of(out.bytes, out.size));
    assert_int_equal(handshake_take(&handshake, message_receive(raw, buffer), &out),
                     HANDSHAKE_DONE);
    assert_true(handshake_session(&handshake, &raw->session));
}

static struct sockaddr_in loopback(const char *address)
{
    const char *colon = address == NULL ? NULL : strchr(address, ':');
    struct sockaddr_in in = {.sin_family = AF_INET};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    in.sin_port = htons(colon == NULL ? 0 : (uint16_t)strtoul(colon + 1, NULL, 10));
    return in;
}

int mute_listen(char address[32])
{
    struct sockaddr_in in = loopback(NULL);
    socklen_t size = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&in, sizeof in), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&in, &size), 0);
    (void)snprintf(address, 32, "127.0.0.1:%u", ntohs(in.sin_port));
    return fd;
}

int tcp_dial(const char *address)
{
    struct sockaddr_in in = loopback(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&in, sizeof in), 0);
    return fd;
}

int tcp_dial_begin(const char *address)
{
    struct sockaddr_in in = loopback(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    (void)connect(fd, (const struct sockaddr *)(const void *)&in, sizeof in);
    return fd;
}
