#ifndef STATE_TRAINING_TRAINING_H
#define STATE_TRAINING_TRAINING_H

#include "state/market/market.h"

/* Programs and rounds (docs/protocol-state.md 13.4, 14.5, 14.9 - 14.11).
 *
 *      round_open -> WAIT_FINAL -> WAIT_BEACON -> COMMIT -> REVEAL -> RESULT -> CLOSED -> CERTIFIED
 *                       (draw, 13.4)              |         |         |
 *                                                +---------+---------+--> FAILED: the job drains
 *
 * A phase ends when everybody it waits for has come, or at its deadline.  The next round
 * opens as soon as one is closed; pay and certification follow when its window has passed. */

enum code execute_program_part(struct execution *x, struct call *call);
/* Drops the upload whose program was refused in the transaction that has just been undone. */
void program_drop_refused(struct execution *x);
enum code execute_gradient_commitment(struct execution *x, struct call *call);
enum code execute_proof_of_training(struct execution *x, struct call *call);
enum code execute_round_result(struct execution *x, struct call *call);

/* Opens the next round; the caller stores the job. */
void round_open(struct execution *x, struct job *job);

/* Block end: rounds that await a beacon (13.4). */
void rounds_draw(struct execution *x);

/* The deadline of the open round's phase. */
void rounds_deadline(struct execution *x, struct job *job);

/* The oldest closed round's window has passed: it is certified and paid. */
void rounds_certify(struct execution *x, const struct hash *id);

/* Within training. */
void round_load(const struct execution *x, const struct job *job, uint32_t index,
                struct round *out);
void round_store(struct execution *x, const struct job *job, uint32_t index,
                 const struct round *round);
bool segment_find(const struct execution *x, const struct job *job, uint32_t index, uint32_t rank,
                  struct segment *out);
void segment_store(struct execution *x, const struct job *job, uint32_t index, uint32_t rank,
                   const struct segment *segment);
bool bitmap_get(const uint8_t *bitmap, uint32_t rank);
void bitmap_set(uint8_t *bitmap, uint32_t rank);
uint32_t bitmap_count(const uint8_t *bitmap, uint32_t size);
uint32_t bitmap_size(uint32_t member_count);

/* Phase changes; each stores what it changes but the job, which the caller stores. */
void round_begin_reveal(struct execution *x, struct job *job, struct round *round);
void round_begin_result(struct execution *x, struct job *job, struct round *round);
/* round->accepted, theta_out, mom_out and accepted_weight are set. */
void round_close(struct execution *x, struct job *job, struct round *round);

/* A draining job whose closed rounds are all certified ends. */
void rounds_finish_if_done(struct execution *x, struct job *job);

#endif /* STATE_TRAINING_TRAINING_H */
