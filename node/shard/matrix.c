#include "node/shard/matrix.h"

#include <stdlib.h>
#include <string.h>

#include <isa-l/erasure_code.h>

enum { TABLE_SIZE = 32 }; /* of one coefficient, ISA-L's ec_init_tables */

/* Large for a stack: about 200 KB at n = 128. */
struct work {
    uint8_t matrix[VALIDATOR_COUNT_MAX * VALIDATOR_COUNT_MAX];
    uint8_t chosen[VALIDATOR_COUNT_MAX * VALIDATOR_COUNT_MAX];
    uint8_t inverse[VALIDATOR_COUNT_MAX * VALIDATOR_COUNT_MAX];
    uint8_t tables[TABLE_SIZE * VALIDATOR_COUNT_MAX * VALIDATOR_COUNT_MAX];
    uint8_t *in[VALIDATOR_COUNT_MAX];
    uint8_t *out[VALIDATOR_COUNT_MAX];
};

static struct work *work_new(const struct shard_code *code)
{
    struct work *work = malloc(sizeof(*work));
    if (work != NULL) {
        gf_gen_cauchy1_matrix(work->matrix, (int)code->count, (int)code->required);
    }
    return work;
}

/* out[0 .. count) = rows x in[0 .. k). */
static void multiply(const struct shard_code *code, struct work *work, uint8_t *rows,
                     uint32_t count)
{
    if (count > 0) {
        ec_init_tables((int)code->required, (int)count, rows, work->tables);
        ec_encode_data((int)code->shard_size, (int)code->required, (int)count, work->tables,
                       work->in, work->out);
    }
}

bool matrix_parity(const struct shard_code *code, uint8_t *room)
{
    struct work *work = work_new(code);
    if (work == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < code->count; i++) {
        uint8_t *shard = room + (size_t)i * code->shard_size;
        *(i < code->required ? &work->in[i] : &work->out[i - code->required]) = shard;
    }
    multiply(code, work, work->matrix + (size_t)code->required * code->required,
             code->count - code->required);
    free(work);
    return true;
}

/* The rows of the first k shards present, and where these shards are. */
static void choose(const struct shard_code *code, const bool *present, uint8_t *room,
                   struct work *work)
{
    uint32_t chosen = 0;
    for (uint32_t i = 0; chosen < code->required; i++) {
        ASSERT(i < code->count);
        if (present[i]) {
            memcpy(work->chosen + (size_t)chosen * code->required,
                   work->matrix + (size_t)i * code->required, code->required);
            work->in[chosen++] = room + (size_t)i * code->shard_size;
        }
    }
}

bool matrix_restore(const struct shard_code *code, const bool present[VALIDATOR_COUNT_MAX],
                    uint8_t *room)
{
    struct work *work = work_new(code);
    if (work == NULL) {
        return false;
    }
    choose(code, present, room, work);
    /* Any k rows of this matrix are independent: that is what Cauchy is for. */
    const int singular = gf_invert_matrix(work->chosen, work->inverse, (int)code->required);
    ASSERT(singular == 0);
    uint32_t missing = 0;
    for (uint32_t i = 0; i < code->required; i++) {
        if (!present[i]) {
            memmove(work->inverse + (size_t)missing * code->required,
                    work->inverse + (size_t)i * code->required, code->required);
            work->out[missing++] = room + (size_t)i * code->shard_size;
        }
    }
    multiply(code, work, work->inverse, missing);
    free(work);
    return true;
}
