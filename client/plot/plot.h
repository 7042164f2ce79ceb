#ifndef CLIENT_PLOT_PLOT_H
#define CLIENT_PLOT_PLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/error.h"

/* Line plots of training: an SVG file for people and papers, a small one for the terminal.
 *
 * Points of a series are in ascending x; points that are not finite are left out.  A series
 * with smooth > 1 is drawn twice: faint as it is, and strong as the mean of the last `smooth`
 * points, because the loss of single batches jumps. */

enum {
    PLOT_SERIES_MAX = 8, /* colours that can be told apart */
    PLOT_MARK_MAX = 16,
};

struct plot_point {
    double x;
    double y;
};

struct plot_series {
    const char *name; /* UTF-8, shown in the legend with the last value */
    const struct plot_point *points;
    size_t count;
    size_t smooth;
};

/* Something that happened at x: a dashed line with a word beside it. */
struct plot_mark {
    double x;
    const char *text;
};

struct plot {
    const char *title;
    const char *subtitle; /* or NULL */
    const char *x_label;
    const char *y_label;
    struct plot_series series[PLOT_SERIES_MAX];
    size_t series_count;
    struct plot_mark marks[PLOT_MARK_MAX];
    size_t mark_count;
};

/* Write an SVG image of 880 x 500 pixels; false with the reason if the file cannot be
 * written or no series has two points. */
MUST_USE bool plot_svg(const struct plot *plot, const char *path, struct error *error);

/* Print the plot in `columns` x `rows` characters (at least 40 x 8), legend included.  ascii:
 * '*' and '+' instead of braille dots, for terminals without UTF-8.  Marks are left out. */
void plot_terminal(const struct plot *plot, unsigned columns, unsigned rows, bool ascii, FILE *out);

#endif /* CLIENT_PLOT_PLOT_H */
