#ifndef CLIENT_PLOT_SCALE_H
#define CLIENT_PLOT_SCALE_H

#include "client/plot/plot.h"

/* An axis: the range of the data widened to round numbers, and ticks 1, 2 or 5 times a power
 * of ten apart. */

struct scale {
    double low;
    double high;
    double tick;  /* distance of ticks; low and high are multiples of it */
    int decimals; /* that a tick's label needs */
};

/* An axis over [low, high] with about `ticks` ticks. */
struct scale scale_make(double low, double high, unsigned ticks);

/* Where a value lies, 0 at low and 1 at high. */
double scale_place(const struct scale *scale, double value);

/* Axes of a plot: its finite points and its marks.  False if fewer than two points. */
MUST_USE bool scale_plot(const struct plot *plot, unsigned x_ticks, unsigned y_ticks,
                         struct scale *x, struct scale *y);

/* The y of point `index`, averaged over the last `smooth` finite points (fewer near the start);
 * NaN if it is not finite itself. */
double scale_smooth(const struct plot_series *series, size_t index);

#endif /* CLIENT_PLOT_SCALE_H */
