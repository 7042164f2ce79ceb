#include "client/compiler/adamw.h"

#include <stdio.h>
#include <string.h>

#include "client/compiler/ops.h"

/* Scalars of this step, computed once and read by every parameter's update. */
struct step_scalars {
    uint32_t correct1;   /* 1 / (1 - b1^t) */
    uint32_t correct2;   /* 1 / (1 - b2^t) */
    uint32_t minus_rate; /* -learning rate of this step */
};

static uint32_t counter_add(struct graph *graph, const char *name, float start)
{
    struct graph_state state = {
        .class = GRAPH_COUNTER, .init = GRAPH_INIT_CONSTANT, .scale = start};
    (void)snprintf(state.name, sizeof state.name, "%s", name);
    return graph_state_add(graph, &state, 1, (const uint32_t[]){1});
}

static void state_becomes(struct graph *graph, uint32_t in, uint32_t out)
{
    struct graph_state *state = graph_state_of(graph, in);
    if (state != NULL && out != GRAPH_NONE) {
        state->out = out;
    }
}

/* Declares the counter beta^t, multiplies it on, returns 1 / (1 - beta^t). */
static uint32_t correction(struct graph *graph, const char *name, float beta)
{
    const uint32_t power = counter_add(graph, name, 1.0F);
    const uint32_t next = op_binary(graph, GRAPH_MUL, power, op_constant(graph, beta));
    state_becomes(graph, power, next);
    const uint32_t one = op_constant(graph, 1.0F);
    return op_binary(graph, GRAPH_DIV, one, op_binary(graph, GRAPH_SUB, one, next));
}

static uint32_t minus_rate(struct graph *graph, const struct adamw_config *config)
{
    const uint32_t full = op_constant(graph, -config->learning_rate);
    if (config->warmup_steps == 0 && config->decay_steps == 0) {
        return full;
    }
    const uint32_t step = counter_add(graph, "step", 0.0F);
    const uint32_t one = op_constant(graph, 1.0F);
    const uint32_t next = op_binary(graph, GRAPH_ADD, step, one);
    state_becomes(graph, step, next);
    uint32_t rate = full;
    if (config->warmup_steps != 0) {
        const uint32_t share = op_constant(graph, (float)config->warmup_steps);
        const uint32_t rise =
            op_binary(graph, GRAPH_MIN, op_binary(graph, GRAPH_DIV, next, share), one);
        rate = op_binary(graph, GRAPH_MUL, rate, rise);
    }
    if (config->decay_steps != 0) {
        const uint32_t share = op_constant(graph, (float)config->decay_steps);
        const uint32_t left =
            op_binary(graph, GRAPH_SUB, one, op_binary(graph, GRAPH_DIV, next, share));
        const uint32_t fall = op_binary(graph, GRAPH_MAX, left, op_constant(graph, 0.1F));
        rate = op_binary(graph, GRAPH_MUL, rate, fall);
    }
    return rate;
}

static uint32_t moment_add(struct graph *graph, const struct graph_state *parameter, char kind)
{
    struct graph_state state = {.class = GRAPH_INNER, .init = GRAPH_INIT_CONSTANT};
    const int size = snprintf(state.name, sizeof state.name, "%c.%.60s", kind, parameter->name);
    if (size < 0 || strlen(parameter->name) > 60) {
        return graph_fail(graph, "parameter name too long");
    }
    const struct graph_tensor *tensor = graph_tensor_at(graph, parameter->in);
    return graph_state_add(graph, &state, tensor->rank, tensor->dims);
}

static void parameter_update(struct graph *graph, uint32_t index, const struct adamw_config *config,
                             const struct step_scalars *scalars)
{
    const struct graph_state parameter = graph->states[index];
    const uint32_t p = parameter.in;
    const uint32_t g = graph->gradient[p];
    const uint32_t m = moment_add(graph, &parameter, 'm');
    const uint32_t v = moment_add(graph, &parameter, 'v');
    const uint32_t m_next = op_ternary(graph, GRAPH_FMA, op_constant(graph, 1.0F - config->beta1),
                                       op_binary(graph, GRAPH_SUB, g, m), m);
    const uint32_t v_gap = op_ternary(graph, GRAPH_FMA, g, g, op_unary(graph, GRAPH_NEG, v));
    const uint32_t v_next =
        op_ternary(graph, GRAPH_FMA, op_constant(graph, 1.0F - config->beta2), v_gap, v);
    const uint32_t m_hat = op_binary(graph, GRAPH_MUL, m_next, scalars->correct1);
    const uint32_t v_hat = op_binary(graph, GRAPH_MUL, v_next, scalars->correct2);
    const uint32_t root = op_binary(graph, GRAPH_ADD, op_unary(graph, GRAPH_SQRT, v_hat),
                                    op_constant(graph, config->epsilon));
    uint32_t direction = op_binary(graph, GRAPH_DIV, m_hat, root);
    if (parameter.decay && config->weight_decay > 0.0F) {
        const uint32_t pull =
            op_binary(graph, GRAPH_MUL, op_constant(graph, config->weight_decay), p);
        direction = op_binary(graph, GRAPH_ADD, direction, pull);
    }
    state_becomes(graph, m, m_next);
    state_becomes(graph, v, v_next);
    state_becomes(graph, p, op_ternary(graph, GRAPH_FMA, scalars->minus_rate, direction, p));
}

void adamw_add(struct graph *graph, const struct adamw_config *config)
{
    const uint32_t parameter_count = graph->state_count;
    graph->muted++;
    for (uint32_t i = 0; i < parameter_count && !graph->failed; i++) {
        if (graph->gradient[graph->states[i].in] == GRAPH_NONE) {
            (void)graph_fail(graph, "a parameter does not influence the loss");
        }
    }
    struct step_scalars scalars;
    scalars.correct1 = correction(graph, "beta1^t", config->beta1);
    scalars.correct2 = correction(graph, "beta2^t", config->beta2);
    scalars.minus_rate = minus_rate(graph, config);
    for (uint32_t i = 0; i < parameter_count && !graph->failed; i++) {
        parameter_update(graph, i, config, &scalars);
    }
    graph->muted--;
}
