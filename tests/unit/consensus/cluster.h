#ifndef TESTS_UNIT_CONSENSUS_CLUSTER_H
#define TESTS_UNIT_CONSENSUS_CLUSTER_H

#include "consensus/consensus.h"

/* A handful of cores in one process, for scripted tests: messages arrive in the order they
 * were sent, at once, unless a test's filter says otherwise; requests are answered at once.
 * Time moves only when a test moves it.  (tests/sim is the adversary; this is the workbench.) */

enum { CLUSTER_NODES_MAX = 10, CLUSTER_FINALS_MAX = 4096, CLUSTER_BLOCKS_MAX = 4096 };

struct cluster_node {
    struct consensus *core; /* NULL: down */
    struct consensus_actions *actions;
    uint64_t timer_ms;
    bool can_build;
    enum consensus_certify verdict; /* of certify; PENDING: no answer */
    uint32_t signed_count[4];       /* [enum vote_kind] */
    uint32_t catch_ups;
    uint32_t diverged;
    uint32_t epochs_ended;
    uint32_t final_count;
    struct consensus_block finals[CLUSTER_FINALS_MAX];
};

struct cluster_message {
    struct cluster_message *next;
    uint32_t to;
    struct consensus_event event;
    struct proposal proposal;
    struct certificate certificate;
};

struct cluster;
/* True: the message is lost. */
typedef bool cluster_filter(const struct cluster *cluster, const struct cluster_message *message);

struct cluster {
    uint32_t n;
    uint64_t now_ms;
    bool announces;   /* of a core that is booted from now on: HAVE (31.4) */
    bool build_empty; /* what DO_BUILD makes */
    bool build_shards;
    uint64_t boundary_height; /* blocks of this height name another set; 0: none do */
    cluster_filter *filter;
    struct cluster_node nodes[CLUSTER_NODES_MAX];
    struct cluster_message *first;
    struct cluster_message *last;
    uint32_t block_count;
    struct proposal blocks[CLUSTER_BLOCKS_MAX];
    struct hash hashes[CLUSTER_BLOCKS_MAX];
    struct hash parent_ids[CLUSTER_BLOCKS_MAX];
    bool empty[CLUSTER_BLOCKS_MAX];
};

struct cluster *cluster_make(uint32_t n);
void cluster_free(struct cluster *cluster);
void cluster_config(const struct cluster *cluster, uint32_t self, struct consensus_config *out);

/* A fresh core for node i, not started. */
void cluster_boot(struct cluster *cluster, uint32_t i);
void cluster_stop(struct cluster *cluster, uint32_t i);
enum consensus_verdict cluster_step(struct cluster *cluster, uint32_t i,
                                    struct consensus_event event);
void cluster_start_all(struct cluster *cluster);
void cluster_work_all(struct cluster *cluster, bool now);

/* Deliver until nothing is on its way; false: max messages did not suffice. */
bool cluster_settle(struct cluster *cluster, uint32_t max);
/* Advance to the earliest timer (at most limit_ms) and fire it; false: no timer is set. */
bool cluster_tick(struct cluster *cluster, uint64_t limit_ms);
/* settle and tick until duration_ms have passed. */
void cluster_run(struct cluster *cluster, uint64_t duration_ms);

/* A proposal over parent, registered so that hashes resolve; salt tells twins apart. */
struct hash cluster_propose(struct cluster *cluster, uint64_t view,
                            const struct consensus_block *parent, uint8_t salt,
                            struct proposal *out);
struct vote cluster_vote(enum vote_kind kind, uint64_t view, const struct hash *proposal,
                         uint32_t validator);
struct certificate cluster_certificate(const struct cluster *cluster, enum vote_kind kind,
                                       uint64_t view, const struct hash *proposal);
struct consensus_event cluster_event_vote(const struct vote *vote);
uint64_t cluster_view(const struct cluster *cluster, uint32_t i);
/* How many actions of this kind the last step of node i had. */
uint32_t cluster_count(const struct cluster *cluster, uint32_t i, enum consensus_action_kind kind);

#endif /* TESTS_UNIT_CONSENSUS_CLUSTER_H */
