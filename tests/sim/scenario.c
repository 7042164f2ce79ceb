#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/fault.h"

/* A plan as text:
 *
 *   seed 62
 *   n 4
 *   delay_us 8120
 *   txs 12
 *   heal_us 4519283
 *   hold_us 0
 *   end_us 154519283
 *   # class         node  from us    to us      value
 *   drop            all   0          4519283    16
 *   crash           2     1200000    1200001    350
 *
 * '#' starts a comment.  What is not set is as plan_expand() would never have it: refused. */

static bool read_class(const char *name, enum fault_class *out)
{
    for (uint32_t class = 0; class < FAULT_COUNT; class ++) {
        if (strcmp(name, fault_name((enum fault_class) class)) == 0) {
            *out = (enum fault_class) class;
            return fault_group(*out) != FAULT_EFFECT;
        }
    }
    return false;
}

static bool read_number(const char *text, uint64_t *out)
{
    char *end = NULL;
    if (text == NULL || *text < '0' || *text > '9') {
        return false;
    }
    *out = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool read_fault(const char *name, char **rest, struct sim_plan *plan)
{
    struct sim_fault fault = {.node = FAULT_ALL_NODES};
    uint64_t node = FAULT_ALL_NODES;
    const char *who = strtok_r(NULL, " \t", rest);
    if (who == NULL || !read_class(name, &fault.class) ||
        (strcmp(who, "all") != 0 && !read_number(who, &node)) ||
        !read_number(strtok_r(NULL, " \t", rest), &fault.from_us) ||
        !read_number(strtok_r(NULL, " \t", rest), &fault.to_us) ||
        !read_number(strtok_r(NULL, " \t", rest), &fault.value)) {
        return false;
    }
    const uint32_t before = plan->fault_count;
    fault.node = (uint32_t)node;
    if (fault.node != FAULT_ALL_NODES && fault.node >= plan->n) {
        return false; /* n stands above */
    }
    plan_add(plan, &fault);
    return plan->fault_count > before;
}

static bool read_line(char *line, struct sim_plan *plan)
{
    static const char *const fields[] = {"seed",   "n",       "delay_us", "txs",    "heal_us",
                                         "end_us", "members", "changes",  "hold_us"};
    char *rest = NULL;
    const char *name = strtok_r(line, " \t", &rest);
    uint64_t value = 0;
    uint32_t field = 0;
    while (field < 9 && name != NULL && strcmp(name, fields[field]) != 0) {
        field++;
    }
    if (name == NULL || field == 9) {
        return name == NULL || read_fault(name, &rest, plan);
    }
    if (!read_number(strtok_r(NULL, " \t", &rest), &value)) {
        return false;
    }
    plan->seed = field == 0 ? value : plan->seed;
    plan->n = field == 1 ? (uint32_t)value : plan->n;
    plan->delay_us = field == 2 ? (uint32_t)value : plan->delay_us;
    plan->tx_count = field == 3 ? (uint32_t)value : plan->tx_count;
    plan->heal_us = field == 4 ? value : plan->heal_us;
    plan->hold_us = field == 8 ? value : plan->hold_us;
    plan->end_us = field == 5 ? value : plan->end_us;
    plan->members = field == 6 ? (uint32_t)value : plan->members;
    plan->changes = field == 7 ? (uint32_t)value : plan->changes;
    return true;
}

bool scenario_read(const char *path, struct sim_plan *out)
{
    char line[256];
    FILE *file = fopen(path, "r");
    bool good = file != NULL;
    uint32_t number = 0;
    *out = (struct sim_plan){0};
    while (good && fgets(line, sizeof(line), file) != NULL) {
        number++;
        line[strcspn(line, "#\n")] = '\0';
        good = read_line(line, out);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    if (!good) {
        (void)fprintf(stderr, "%s: line %u cannot be read\n", path, number);
        return false;
    }
    out->members = out->members == 0 ? out->n : out->members;
    const bool is_whole = out->n >= 1 && out->n <= 10 && out->members <= out->n &&
                          out->changes <= 20 && out->delay_us >= 1 && out->heal_us > 0 &&
                          out->end_us > out->heal_us && out->tx_count <= 500 &&
                          out->hold_us <= UINT64_C(600000000);
    if (!is_whole) {
        (void)fprintf(stderr, "%s: n, delay_us, heal_us, end_us or txs is out of range\n", path);
    }
    return is_whole;
}

void scenario_write(FILE *file, const struct sim_plan *plan, const char *comment)
{
    (void)fprintf(file, "# %s\n", comment);
    (void)fprintf(file,
                  "seed %" PRIu64 "\nn %u\ndelay_us %u\ntxs %u\nheal_us %" PRIu64
                  "\nend_us %" PRIu64 "\n# class         node  from us    to us      value\n",
                  plan->seed, plan->n, plan->delay_us, plan->tx_count, plan->heal_us, plan->end_us);
    if (plan->hold_us > 0) {
        (void)fprintf(file, "hold_us %" PRIu64 "\n", plan->hold_us);
    }
    if (plan->changes > 0) {
        (void)fprintf(file, "members %u\nchanges %u\n", plan->members, plan->changes);
    }
    for (uint32_t i = 0; i < plan->fault_count; i++) {
        const struct sim_fault *fault = &plan->faults[i];
        char node[16] = "all";
        if (fault->node != FAULT_ALL_NODES) {
            (void)snprintf(node, sizeof(node), "%u", fault->node);
        }
        (void)fprintf(file, "%-15s %-5s %-10" PRIu64 " %-10" PRIu64 " %" PRIu64 "\n",
                      fault_name(fault->class), node, fault->from_us, fault->to_us, fault->value);
    }
}
