#ifndef TESTS_UNIT_NET_RAW_H
#define TESTS_UNIT_NET_RAW_H

#include "net/frame.h"
#include "net/handshake.h"
#include "support.h"

/* A hand-made peer: a TLS stream on which a test does what it likes. */
struct raw {
    void *stream; /* nng_stream */
    struct crypto_session session;
};

void raw_dial(struct raw *raw, const char *address);
void raw_send(struct raw *raw, struct bytes bytes);
/* False when the stream ended before size bytes came. */
bool raw_receive(struct raw *raw, uint8_t *out, size_t size);
/* Reads until the other side hangs up. */
void raw_wait_end(struct raw *raw);
void raw_close(struct raw *raw);

/* An honest handshake by hand; afterwards raw->session seals and opens. */
void raw_greet(struct raw *raw, const struct node *as, const struct node *to, enum net_lane lane);
/* A handshake message with its length. */
void raw_message(struct raw *raw, struct bytes message);

/* A plain TCP socket that listens on loopback and never says a word. */
int mute_listen(char address[32]);
int tcp_dial(const char *address);
int tcp_dial_begin(const char *address); /* does not wait: a full backlog answers nothing */

#endif /* TESTS_UNIT_NET_RAW_H */
