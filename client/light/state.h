#ifndef CLIENT_LIGHT_STATE_H
#define CLIENT_LIGHT_STATE_H

#include "client/light/light.h"
#include "client/light/verify.h"
#include "wire/wire.h"

enum {
    LIGHT_REQUEST_SIZE_MAX = TX_SIZE_MAX + 8192,
    LIGHT_RETRY_MS = 50,           /* between rounds over endpoints that lag behind */
    LIGHT_RESTING_MS = 3000,       /* an endpoint that failed is asked last for so long ... */
    LIGHT_RESTING_DOUBLED_MAX = 4, /* ... and twice as long after each failure, up to 48 s */
    LIGHT_HEAD_MS = 1000, /* for one HEAD: a dead validator must not stop the work of a client */
};

/* What one validator said last (9.3). */
struct light_head {
    bool heard;
    uint64_t asked_ms;
    uint64_t height;
};

struct light {
    struct light_config config;
    struct light_port port;
    struct verify_trust trust;
    bool behind; /* an answer was of a later epoch than trust: light_ask_one follows */
    struct light_tip tip;
    uint8_t tip_final[WIRE_LAST_FINAL_SIZE_MAX]; /* what made it final */
    size_t tip_final_size;
    uint32_t current;                       /* endpoint that is asked first */
    uint64_t failed_ms[LIGHT_ENDPOINT_MAX]; /* 0: fine */
    uint32_t failures[LIGHT_ENDPOINT_MAX];  /* in a row */
    uint32_t ask_ms;                        /* time-out of one question */
    uint64_t look_back;                     /* values after this block; 0: at the tip */
    struct light_head heads[VALIDATOR_COUNT_MAX];

    /* One question at a time. */
    struct api_request request;
    struct api_answer answer;
    struct light_reply reply; /* what answer points into */
    struct verify_scratch scratch;
    struct block_header header;
    struct verify_trust next;
    struct api_request saved; /* the question that was asked before an epoch had to be followed */
    uint8_t encoded[LIGHT_REQUEST_SIZE_MAX];
};

/* Looks at light->answer; false with why: the next endpoint is asked. */
typedef bool light_take(struct light *light, void *context, struct error *error);

/* Ask light->request wherever an answer comes that `take` accepts, until the time-out. */
MUST_USE bool light_ask(struct light *light, light_take *take, void *context, struct error *error);
/* The same of one endpoint, once. */
MUST_USE bool light_ask_one(struct light *light, uint32_t endpoint, light_take *take, void *context,
                            struct error *error);

/* Ask this endpoint last for a while; or as before. */
void light_rest(struct light *light, uint32_t endpoint);
void light_rouse(struct light *light, uint32_t endpoint);
void light_turn(struct light *light); /* begin with the next one */

/* A tip as an answer carries it: verified, and not older than the one that is known. */
MUST_USE bool light_take_tip(struct light *light, struct bytes header, struct bytes last_final,
                             struct error *error);

/* A header that the tip is or names; out is the tip's own when it is the tip. */
MUST_USE bool light_take_anchor(struct light *light, const struct api_anchor *anchor,
                                struct light_tip *out, struct error *error);

/* Ask the endpoint how epochs ended until the trust is in this one or it has no more. */
MUST_USE bool light_follow(struct light *light, uint32_t endpoint, struct error *error);

bool light_refuse(struct error *error, const char *what);

#endif /* CLIENT_LIGHT_STATE_H */
