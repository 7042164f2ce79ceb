#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/model/model.h"
#include "client/record/record.h"

/* forge SPEC DATA SEGMENT STEPS: a worker's lie for training.sh.  One bit of the parameters of a
 * segment under way changes, and with it the root recorded beside them and the file's digest:
 * the worker that goes on from it cannot know, and proves a step that nobody took.
 * STEPS: of a round. */

static bool forge(struct record_segment *segment, struct model_run *run, uint32_t steps)
{
    const uint64_t at = (uint64_t)segment->round * steps + segment->step;
    uint8_t *bytes = (uint8_t *)segment->theta;
    if (segment->done) {
        return false;
    }
    bytes[100] ^= 1;
    model_run_write(run, VM_PARAMS, segment->theta);
    model_run_write(run, VM_INNER, segment->inner);
    model_run_write(run, VM_COUNTERS, segment->counters);
    model_run_root(run, at, &segment->roots[segment->root_count - 1]);
    return true;
}

int main(int argc, char **argv)
{
    struct compiler_spec spec;
    struct error error = {.code = EXIT_CODE_OK};
    struct stat data;
    struct record_segment segment;
    if (argc != 5 || stat(argv[2], &data) != 0 || !compiler_spec_parse(argv[1], &spec, &error)) {
        return EXIT_CODE_USAGE;
    }
    struct compiler_model *model = compiler_train(&spec, (uint32_t)data.st_size, &error);
    uint8_t *content = calloc((size_t)data.st_size + 1, 1);
    if (model == NULL || content == NULL) {
        free(content);
        return EXIT_CODE_FAILURE;
    }
    const struct vm_program *program = compiler_program(model);
    const struct record_shape shape = record_shape_of(program);
    const struct model_run_config config = {
        .program = program, .data = content, .threads = 1, .isa = model_isa()};
    struct model_run *run = model_run_new(&config, &error);
    const bool ok = run != NULL && record_segment_alloc(&shape, &segment) &&
                    record_read_segment(argv[3], &shape, &segment, &error) &&
                    forge(&segment, run, (uint32_t)strtoul(argv[4], NULL, 10)) &&
                    record_write_segment(argv[3], &shape, &segment, &error);
    if (!ok) {
        (void)fprintf(stderr, "forge: %s\n", error.detail);
        return EXIT_CODE_FAILURE;
    }
    record_segment_free(&segment);
    model_run_free(run);
    compiler_free(model);
    free(content);
    return EXIT_CODE_OK;
}
