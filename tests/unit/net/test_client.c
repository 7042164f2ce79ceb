#include <pthread.h>
#include <unistd.h>

#include "raw.h"

/* A node that answers every request with its bytes, until it is told to stop.  While it is
 * late it keeps a request, and answers it just before the next one. */
struct server {
    struct node node;
    pthread_t thread;
    _Atomic bool stop;
    _Atomic bool late;
    uint32_t kept; /* id of the request that waits; 0: none */
};

static void answer(struct server *server, const struct net_event *request)
{
    struct net *net = server->node.net;
    if (server->late) {
        server->kept = request->request;
        return;
    }
    if (server->kept != 0) {
        (void)net_reply(net, request->session, server->kept, bytes_of("too late", 8));
        server->kept = 0;
    }
    (void)net_reply(net, request->session, request->request, request->bytes);
}

static void *serve(void *arg)
{
    struct server *server = arg;
    struct net_event event;
    while (!server->stop) {
        if (!net_poll(server->node.net, &event, 20)) {
            continue;
        }
        if (event.kind == NET_EVENT_REQUEST) {
            answer(server, &event);
        }
        net_event_release(&event);
    }
    return NULL;
}

static void server_start(struct server *server)
{
    server->stop = false;
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_open(struct server *server, bool strangers)
{
    memset(server, 0, sizeof *server);
    node_open(&server->node, NET_ROLE_VALIDATOR, NULL);
    server->node.strangers = strangers;
    server_start(server);
}

static void server_stop(struct server *server)
{
    server->stop = true;
    assert_int_equal(pthread_join(server->thread, NULL), 0);
}

static bool client_open(const struct node *as, const struct server *server,
                        const struct net_key *key, struct net_client **out, struct error *error)
{
    struct net_config config;
    node_config(as, &config);
    struct net_peer peer = {.address = server->node.address, .key = *key};
    return net_client_open(&config, &peer, PATIENCE_MS, out, error);
}

static void echo(struct net_client *client, const char *text)
{
    struct net_event answer;
    struct error error;
    struct bytes request = bytes_of(text, strlen(text));
    if (!net_client_call(client, request, PATIENCE_MS, &answer, &error)) {
        fail_msg("%s", error.detail);
    }
    assert_true(bytes_equal(answer.bytes, request));
    net_event_release(&answer);
}

static void test_calls(void **state)
{
    (void)state;
    struct server server;
    struct net_client *client = NULL;
    struct error error;
    struct node as = {.key = crypto_key_generate(), .role = NET_ROLE_CLIENT};
    const struct net_key any = {.size = 0};
    server_open(&server, true);
    assert_true(client_open(&as, &server, &any, &client, &error));
    struct net_key proven = net_client_peer(client);
    struct net_key key = node_key(&server.node);
    assert_true(net_key_equal(&proven, &key));
    for (int i = 0; i < 100; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "question %d", i);
        echo(client, text);
    }
    net_client_close(client);
    server_stop(&server);
    crypto_key_free(as.key);
    node_close(&server.node);
}

/* The node goes and comes back: a call in between fails, the next one finds it again. */
static void test_node_restarts(void **state)
{
    (void)state;
    struct server server;
    struct net_client *client = NULL;
    struct net_event answer;
    struct error error;
    struct node as = {.key = crypto_key_generate(), .role = NET_ROLE_ANON};
    server_open(&server, true);
    struct net_key key = node_key(&server.node);
    assert_true(client_open(&as, &server, &key, &client, &error));
    echo(client, "before");
    server.late = true;
    assert_false(net_client_call(client, bytes_of("x", 1), 50, &answer, &error));
    assert_int_equal(error.code, EXIT_CODE_UNREACHABLE);
    server.late = false;
    echo(client, "the late answer is not taken for this one");

    char address[32];
    memcpy(address, server.node.address, sizeof address);
    server_stop(&server);
    net_close(server.node.net);
    assert_false(net_client_call(client, bytes_of("x", 1), 300, &answer, &error));
    assert_int_equal(error.code, EXIT_CODE_UNREACHABLE);
    assert_non_null(strstr(error.detail, address));
    node_open_at(&server.node, address, NULL);
    server_start(&server);
    echo(client, "after");
    net_client_close(client);
    server_stop(&server);
    crypto_key_free(as.key);
    node_close(&server.node);
}

static void test_errors(void **state)
{
    (void)state;
    struct server server;
    struct net_client *client = NULL;
    struct error error = {.code = EXIT_CODE_OK};
    struct node as = {.key = crypto_key_generate(), .role = NET_ROLE_CLIENT};
    server_open(&server, false);
    struct net_key key = node_key(&server.node);
    struct net_key wrong = node_key(&as);
    assert_false(client_open(&as, &server, &key, &client, &error));
    assert_int_equal(error.code, EXIT_CODE_DENIED);
    assert_false(client_open(&as, &server, &wrong, &client, &error));
    assert_int_equal(error.code, EXIT_CODE_VERIFY);

    struct net_config config;
    struct net_peer peer = {.address = server.node.address, .key = key};
    node_config(&as, &config);
    config.chain_id = test_hash(3);
    assert_false(net_client_open(&config, &peer, PATIENCE_MS, &client, &error));
    assert_int_equal(error.code, EXIT_CODE_WRONG_CHAIN);
    assert_non_null(strstr(error.detail, "another chain"));
    config.chain_id = test_hash(1);

    char address[32];
    int fd = mute_listen(address);
    peer.address = address;
    uint64_t begun = test_now_ms();
    assert_false(net_client_open(&config, &peer, 200, &client, &error));
    assert_int_equal(error.code, EXIT_CODE_UNREACHABLE);
    assert_true(test_now_ms() - begun < NET_HANDSHAKE_MS / 2);
    assert_int_equal(close(fd), 0);
    assert_false(net_client_open(&config, &peer, 200, &client, &error));
    assert_int_equal(error.code, EXIT_CODE_UNREACHABLE);
    assert_non_null(strstr(error.detail, "cannot connect"));
    peer.address = "";
    assert_false(net_client_open(&config, &peer, 200, &client, &error));
    server_stop(&server);
    crypto_key_free(as.key);
    node_close(&server.node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_node_restarts),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
