#include <stdlib.h>
#include <string.h>

#include "client/model/model.h"
#include "vm/num/num.h"

/* Text in, the next byte out, one run of the inference program per byte. */
struct sampler {
    const struct compiler_spec *spec;
    struct compiler_model *model;
    struct model_run *run;
    uint32_t input; /* state indices */
    uint32_t output;
    uint8_t *text; /* prompt and what was generated, as tokens */
    size_t size;
};

enum { PROMPT_SIZE_MAX = 1 << 16, TOKEN_LINE_FEED = 10 };

static uint32_t state_find(const struct compiler_model *model, const char *name)
{
    const uint32_t count = compiler_program(model)->state_count;
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(compiler_state_name(model, i), name) == 0) {
            return i;
        }
    }
    UNREACHABLE();
}

static void sampler_close(struct sampler *sampler)
{
    model_run_free(sampler->run);
    compiler_free(sampler->model);
    free(sampler->text);
}

static bool sampler_open(struct sampler *sampler, const struct model_checkpoint *checkpoint,
                         const struct model_sample *sample, struct error *error)
{
    const size_t prompt_size = strlen(sample->prompt);
    sampler->spec = &model_checkpoint_info(checkpoint)->spec;
    if (sampler->spec->features != 0) {
        (void)error_set(error, EXIT_CODE_USAGE, "sample: this model reads records, not text");
        return false;
    }
    if (prompt_size > PROMPT_SIZE_MAX) {
        (void)error_set(error, EXIT_CODE_USAGE, "sample: the prompt exceeds %d bytes",
                        PROMPT_SIZE_MAX);
        return false;
    }
    sampler->model = compiler_infer(sampler->spec, error);
    if (sampler->model == NULL) {
        return false;
    }
    sampler->run =
        model_run_new(&(struct model_run_config){.program = compiler_program(sampler->model),
                                                 .threads = sample->threads,
                                                 .isa = model_isa()},
                      error);
    if (sampler->run == NULL ||
        !model_checkpoint_fill(checkpoint, sampler->model, sampler->run, false, error)) {
        return false;
    }
    sampler->text = calloc(prompt_size + sample->count + 1, 1);
    if (sampler->text == NULL) {
        (void)error_set(error, EXIT_CODE_FAILURE, "sample: out of memory");
        return false;
    }
    for (size_t i = 0; i < prompt_size; i++) {
        sampler->text[i] = (uint8_t)(sample->prompt[i] & (COMPILER_VOCABULARY - 1));
    }
    sampler->size = prompt_size;
    if (prompt_size == 0) {
        sampler->text[0] = TOKEN_LINE_FEED; /* something to continue */
        sampler->size = 1;
    }
    sampler->input = state_find(sampler->model, "input");
    sampler->output = state_find(sampler->model, "output");
    return true;
}

/* The newest tokens into the window: from its start for the transformer, which looks back
 * only, up to its end for the mlp.  Returns the row of the prediction. */
static uint32_t window_fill(struct sampler *sampler)
{
    const uint32_t context = sampler->spec->context;
    const uint32_t kept = sampler->size < context ? (uint32_t)sampler->size : context;
    const bool causal = sampler->spec->kind == COMPILER_CHAR_GPT;
    int32_t *window = model_run_state(sampler->run, sampler->input);
    for (uint32_t i = 0; i < context; i++) {
        window[i] = TOKEN_LINE_FEED;
    }
    for (uint32_t i = 0; i < kept; i++) {
        window[(causal ? 0 : context - kept) + i] = sampler->text[sampler->size - kept + i];
    }
    return causal ? kept - 1 : 0;
}

static uint8_t likeliest(const float *logits)
{
    uint8_t best = 0;
    for (uint32_t i = 1; i < COMPILER_VOCABULARY; i++) {
        best = logits[i] > logits[best] ? (uint8_t)i : best;
    }
    return best;
}

/* A token with probability softmax(logits / temperature), by the machine's own exp. */
static uint8_t token_draw(const float *logits, float temperature, float uniform)
{
    const float max = logits[likeliest(logits)];
    float weights[COMPILER_VOCABULARY];
    float sum = 0.0F;
    for (uint32_t i = 0; i < COMPILER_VOCABULARY; i++) {
        weights[i] = vm_exp((logits[i] - max) / temperature);
        sum += weights[i];
    }
    float left = uniform * sum;
    for (uint32_t i = 0; i < COMPILER_VOCABULARY; i++) {
        if (left < weights[i]) {
            return (uint8_t)i;
        }
        left -= weights[i];
    }
    return likeliest(logits); /* rounding left a little over */
}

static bool token_next(struct sampler *sampler, const struct model_sample *sample, uint32_t index,
                       struct error *error)
{
    static const struct hash key = {{0}};
    struct vm_result result;
    const uint32_t row = window_fill(sampler);
    if (!model_run_step(sampler->run, &key, 0, &result)) {
        return error_set(error, EXIT_CODE_FAILURE, "sample: trap %d", (int)result.trap);
    }
    const float *rows = model_run_state(sampler->run, sampler->output);
    const float *logits = rows + (size_t)row * COMPILER_VOCABULARY;
    uint8_t token = likeliest(logits);
    if (sample->temperature > 0.0F) {
        uint32_t word[4];
        const uint32_t counter[4] = {index, 0, 0, 0};
        const uint32_t philox[2] = {(uint32_t)sample->seed, (uint32_t)(sample->seed >> 32)};
        vm_philox(counter, philox, word);
        token = token_draw(logits, sample->temperature, (float)(word[0] >> 8) * 0x1p-24F);
    }
    sampler->text[sampler->size++] = token;
    return true;
}

bool model_sample(const struct model_checkpoint *checkpoint, const struct model_sample *sample,
                  char *out, struct error *error)
{
    struct sampler sampler = {0};
    bool done = sampler_open(&sampler, checkpoint, sample, error);
    for (uint32_t i = 0; done && i < sample->count; i++) {
        done = token_next(&sampler, sample, i, error);
    }
    for (uint32_t i = 0; done && i < sample->count; i++) {
        const char byte = (char)sampler.text[sampler.size - sample->count + i];
        const bool shown = byte == '\n' || (byte >= ' ' && byte <= '~');
        out[i] = '?';
        if (shown) {
            out[i] = byte;
        }
    }
    out[done ? sample->count : 0] = '\0';
    sampler_close(&sampler);
    return done;
}
