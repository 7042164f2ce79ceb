#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/random.h"
#include "tests/support/wire_differential.h"
#include "tests/support/wire_draw.h"

enum { ROUNDS = 2000, MUTATIONS = 50, SIZE_MAX_DRAWN = 1 << 16 };

static uint8_t buffer[SIZE_MAX_DRAWN];

static size_t element_draw(uint64_t *seed, uint32_t depth)
{
    struct wire_writer writer;
    struct bytes out;
    wire_writer_init(&writer, buffer, sizeof(buffer));
    draw_element(seed, &writer, depth);
    assert_true(wire_writer_end(&writer, &out));
    return out.size;
}

/* Whatever the writer writes, both readers read alike. */
static void elements_are_read_alike(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t seed = round;
        const size_t size = element_draw(&seed, WIRE_DEPTH_MAX);
        assert_true(wire_differential_check(bytes_of(buffer, size)));
    }
}

/* After a change of one byte the readers still agree on all that ours accepts, and it
 * accepts some and refuses some: the changed bytes reach both sides. */
static void changed_elements_are_read_alike(void **state)
{
    (void)state;
    size_t accepted = 0;
    size_t refused = 0;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        uint64_t seed = round;
        const size_t size = element_draw(&seed, 4);
        for (uint32_t i = 0; i < MUTATIONS; i++) {
            const size_t at = random_below(&seed, size);
            const uint8_t was = buffer[at];
            buffer[at] = (uint8_t)random_next(&seed);
            if (wire_differential_check(bytes_of(buffer, size))) {
                accepted++;
            } else {
                refused++;
            }
            buffer[at] = was;
        }
    }
    assert_true(accepted > ROUNDS && refused > ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_are_read_alike),
        cmocka_unit_test(changed_elements_are_read_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
