#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/plot/plot.h"
#include "client/plot/scale.h"

static void round_ticks(void **state)
{
    (void)state;
    static const struct {
        double low;
        double high;
        double want_low;
        double want_high;
        double want_tick;
        int decimals;
    } cases[] = {
        {0.0, 599.0, 0.0, 600.0, 100.0, 0},  {1.21, 4.87, 1.0, 5.0, 1.0, 0},
        {0.113, 0.172, 0.11, 0.18, 0.01, 2}, {-3.0, 2.0, -3.0, 2.0, 1.0, 0},
        {7.0, 7.0, 6.0, 14.0, 2.0, 0},       {0.0, 0.0, 0.0, 1.0, 0.2, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct scale scale = scale_make(cases[i].low, cases[i].high, 6);
        assert_true(fabs(scale.low - cases[i].want_low) < 1e-9);
        assert_true(fabs(scale.high - cases[i].want_high) < 1e-9);
        assert_true(fabs(scale.tick - cases[i].want_tick) < 1e-9);
        assert_int_equal(scale.decimals, cases[i].decimals);
    }
}

enum { COUNT = 40 };

static struct plot falling(struct plot_point *points)
{
    for (int i = 0; i < COUNT; i++) {
        points[i] = (struct plot_point){i, 4.0 / (1 + i / 4.0) + (i % 2 == 0 ? 0.1 : -0.1)};
    }
    points[7].y = (double)NAN;
    return (struct plot){.title = "Loss <of> \"a\" & b",
                         .x_label = "step",
                         .y_label = "nats",
                         .series = {{"w0", points, COUNT, 4}},
                         .series_count = 1,
                         .marks = {{12.0, "killed"}, {99.0, "outside"}},
                         .mark_count = 2};
}

static void means(void **state)
{
    (void)state;
    struct plot_point points[COUNT];
    const struct plot plot = falling(points);
    const struct plot_series *series = &plot.series[0];
    assert_true(isnan(scale_smooth(series, 7)));
    assert_true(fabs(scale_smooth(series, 0) - points[0].y) < 1e-12);
    double sum = 0.0;
    for (size_t i = 36; i < 40; i++) {
        sum += points[i].y;
    }
    assert_true(fabs(scale_smooth(series, 39) - sum / 4) < 1e-12);
}

static char *file_text(const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    return text;
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

static void svg(void **state)
{
    (void)state;
    char path[] = "/tmp/test_plot.XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct plot_point points[COUNT];
    struct plot plot = falling(points);
    struct error error;
    assert_true(plot_svg(&plot, path, &error));
    const char *text = file_text(path);
    assert_non_null(strstr(text, "Loss &lt;of&gt; &quot;a&quot; &amp; b"));
    assert_null(strstr(text, "nan"));
    assert_int_equal(count_of(text, "<polyline"), 2);
    assert_int_equal(count_of(text, "<text"), count_of(text, "</text>"));
    assert_int_equal(count_of(text, "killed"), 1);
    assert_int_equal(count_of(text, "outside"), 0);
    assert_non_null(strstr(text, "</svg>"));
    plot.series[0].count = 1;
    assert_false(plot_svg(&plot, path, &error));
    assert_int_equal(error.code, EXIT_CODE_USAGE);
    assert_int_equal(remove(path), 0);
    plot.series[0].count = COUNT;
    assert_false(plot_svg(&plot, "/nonexistent/plot.svg", &error));
    assert_int_equal(error.code, EXIT_CODE_STORAGE);
}

static void terminal(void **state)
{
    (void)state;
    static const char want[] = "         Loss <of> \"a\" & b (nats)\n"
                               "      5 +                                    \n"
                               "      4 +*                                   \n"
                               "        |**                                  \n"
                               "      3 + **                                 \n"
                               "      2 +  ***                               \n"
                               "        |     *****                          \n"
                               "      1 +         ***************            \n"
                               "      0 +                       *************\n"
                               "        +------------------------------------\n"
                               "         0              step               39\n"
                               "         w0 0.386\n";
    struct plot_point points[COUNT];
    const struct plot plot = falling(points);
    char text[4096] = "";
    FILE *out = tmpfile();
    assert_non_null(out);
    plot_terminal(&plot, 45, 12, true, out);
    rewind(out);
    text[fread(text, 1, sizeof text - 1, out)] = '\0';
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_ticks),
        cmocka_unit_test(means),
        cmocka_unit_test(svg),
        cmocka_unit_test(terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
