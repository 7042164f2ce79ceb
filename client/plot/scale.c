#include "client/plot/scale.h"

#include <math.h>

struct scale scale_make(double low, double high, unsigned ticks)
{
    if (!(high > low)) {
        high = low + (low == 0.0 ? 1.0 : fabs(low));
    }
    const double raw = (high - low) / (double)ticks;
    const double power = pow(10.0, floor(log10(raw)));
    const double share = raw / power;
    const double step = share <= 1.0 ? 1.0 : share <= 2.0 ? 2.0 : share <= 5.0 ? 5.0 : 10.0;
    struct scale scale = {.tick = step * power};
    scale.low = floor(low / scale.tick + 1e-9) * scale.tick;
    scale.high = ceil(high / scale.tick - 1e-9) * scale.tick;
    const double decimals = -floor(log10(scale.tick) + 1e-9);
    scale.decimals = decimals < 0.0 ? 0 : decimals > 9.0 ? 9 : (int)decimals;
    return scale;
}

double scale_place(const struct scale *scale, double value)
{
    return (value - scale->low) / (scale->high - scale->low);
}

static bool is_usable(struct plot_point point)
{
    return isfinite(point.x) && isfinite(point.y);
}

struct range {
    double low;
    double high;
};

static void range_add(struct range *range, double value)
{
    range->low = value < range->low ? value : range->low;
    range->high = value > range->high ? value : range->high;
}

/* Widen both ranges by a series; returns the number of usable points. */
static size_t series_add(const struct plot_series *series, struct range *across, struct range *up)
{
    size_t count = 0;
    for (size_t i = 0; i < series->count; i++) {
        if (is_usable(series->points[i])) {
            range_add(across, series->points[i].x);
            range_add(up, series->points[i].y);
            count++;
        }
    }
    return count;
}

bool scale_plot(const struct plot *plot, unsigned x_ticks, unsigned y_ticks, struct scale *x,
                struct scale *y)
{
    struct range across = {HUGE_VAL, -HUGE_VAL};
    struct range up = {HUGE_VAL, -HUGE_VAL};
    size_t count = 0;
    for (size_t i = 0; i < plot->series_count; i++) {
        count += series_add(&plot->series[i], &across, &up);
    }
    if (count < 2) {
        return false;
    }
    *x = scale_make(across.low, across.high, x_ticks);
    /* Time ends where the data ends. */
    x->high = across.high > across.low ? across.high : x->high;
    *y = scale_make(up.low, up.high, y_ticks);
    return true;
}

double scale_smooth(const struct plot_series *series, size_t index)
{
    /* A short window at first: the beginning falls steeply, and a long mean would lag. */
    const size_t grown = index / 4 + 1;
    const size_t whole = series->smooth > 1 ? series->smooth : 1;
    const size_t window = grown < whole ? grown : whole;
    double sum = 0.0;
    size_t count = 0;
    for (size_t k = index + 1; k > 0 && count < window; k--) {
        if (is_usable(series->points[k - 1])) {
            sum += series->points[k - 1].y;
            count++;
        }
    }
    return count == 0 || !is_usable(series->points[index]) ? (double)NAN : sum / (double)count;
}
