#ifndef STATE_OBJECTS_TRAINING_H
#define STATE_OBJECTS_TRAINING_H

#include "state/objects/jobs.h"

/* Objects of training (docs/protocol-state.md 12). */

enum conviction_policy { CONVICTION_ROLLBACK = 0, CONVICTION_CONTINUE = 1 };

/* x_job of TRAIN_REQUEST (14.6), with the initial state root in its parts (14.10). */
struct job_terms {
    uint32_t version;
    struct hash program_root;
    struct hash outer_program_root; /* zero: the outer step of vm/outer */
    struct hash data_root;
    struct hash eval_root; /* zero */
    struct hash init_params_root;
    struct hash init_inner_root;
    struct hash init_counters_root;
    uint32_t local_steps; /* H */
    uint32_t checkpoints; /* S: H is a multiple of it */
    uint32_t rounds;
    uint64_t round_ms;  /* time to train one segment */
    uint64_t commit_ms; /* 0 or more than the genesis window */
    uint64_t window_ms; /* 0 or more than the genesis certification window */
    uint32_t workers_min;
    uint32_t workers_max;
    uint8_t outer_kind; /* 0 Nesterov */
    uint32_t outer_eta; /* f32 bits */
    uint32_t outer_mu;
    uint8_t agg_rule;    /* 0 weighted mean */
    uint8_t agg_trim;    /* 0 */
    uint8_t compression; /* 0 int8 */
    uint32_t audit_p_ppm;
    uint8_t audit_k;
    uint64_t bond_per_segment;
    uint64_t price_per_segment; /* the most that is paid for one segment of H steps */
    uint8_t conviction;         /* enum conviction_policy */
    uint8_t elastic;            /* 14.7: H_i by measured speed, in multiples of H / S */
    uint64_t eval_bonus;        /* 0 */
};

enum program_status { PROGRAM_UPLOADING = 0, PROGRAM_CHECKED = 1 };

/* An upload (KEY_UPLOAD) or, once the checker accepted it, a program (KEY_PROGRAM), whose
 * bytes are the parts under its owner. */
struct program {
    uint32_t version;
    struct address owner;
    uint32_t size; /* bytes */
    uint32_t part_count;
    uint32_t parts_held_size;
    uint8_t parts_held[4]; /* bit i: part i is there; at most 32 parts */
    uint8_t status;        /* enum program_status */
    uint32_t op_count;
    uint32_t tensor_count;
    uint64_t macs; /* multiply-adds of one step */
    uint64_t created_ms;
};

enum round_phase {
    ROUND_WAIT_FINAL = 0,  /* for a block that carries an F for opened_height or later (13.4) */
    ROUND_WAIT_BEACON = 1, /* for the beacon of the next block */
    ROUND_COMMIT = 2,
    ROUND_REVEAL = 3,
    ROUND_RESULT = 4,
    ROUND_CLOSED = 5,
    ROUND_CERTIFIED = 6,
    ROUND_FAILED = 7,
};

enum { BITMAP_SIZE_MAX = PLAN_MEMBER_MAX / 8 };

/* Bitmaps: bit rank % 8 of byte rank / 8; ceil(member_count / 8) bytes. */
struct round {
    uint32_t version;
    uint8_t phase;          /* enum round_phase */
    uint64_t opened_height; /* x: the block that closed what the draw is over */
    uint64_t drawn_height;  /* the block whose beacon is used; 0 before */
    struct hash beacon;
    uint64_t opened_ms;
    uint64_t commit_deadline_ms;
    uint64_t reveal_deadline_ms; /* 0 until the phase begins, as is the next */
    uint64_t result_deadline_ms;
    uint64_t closed_ms;
    uint64_t certify_ms;
    uint32_t committed_size;
    uint8_t committed[BITMAP_SIZE_MAX];
    uint32_t revealed_size; /* A_r once the phase is ROUND_RESULT */
    uint8_t revealed[BITMAP_SIZE_MAX];
    uint32_t accepted_size; /* of the result */
    uint8_t accepted[BITMAP_SIZE_MAX];
    uint64_t weight;          /* of A_r */
    uint64_t accepted_weight; /* of those who voted for the result */
    struct hash theta_in;
    struct hash mom_in;
    struct hash theta_out;
    struct hash mom_out;
};

enum segment_state {
    SEGMENT_COMMITTED = 1,
    SEGMENT_REVEALED = 2,
    SEGMENT_ACCEPTED = 3, /* in the result */
    SEGMENT_LEFT_OUT = 4, /* revealed, but not in the result: unpaid */
    SEGMENT_PAID = 5,
};

/* What one member did in one round. */
struct segment {
    uint32_t version;
    uint8_t state; /* enum segment_state */
    struct hash commitment;
    struct hash trace_root; /* zero until revealed, as is the rest */
    struct hash start_root;
    struct hash end_root;
    struct hash params_root; /* the worker's own parameters after its steps */
    struct hash inner_root;
    struct hash counters_root;
    struct hash delta_root;
    uint32_t delta_size; /* bytes of the delta blob */
    uint32_t steps;
    uint32_t loss_first; /* f32 bits */
    uint32_t loss_last;
    uint8_t trap;
    uint32_t votes; /* ROUND_RESULTs sent; the last one counts */
    uint32_t vote_bitmap_size;
    uint8_t vote_bitmap[BITMAP_SIZE_MAX];
    struct hash vote_theta;
    struct hash vote_mom;
    uint64_t paid;
};

extern const struct record record_job_terms;
extern const struct record record_program;
extern const struct record record_round;
extern const struct record record_segment;

#endif /* STATE_OBJECTS_TRAINING_H */
