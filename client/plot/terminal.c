#include <math.h>
#include <stdint.h>
#include <string.h>

#include "client/plot/scale.h"

enum { COLUMNS_MAX = 200, ROWS_MAX = 60, MARGIN = 9 };

/* A bitmap of 2 x 4 dots per character, as Unicode's braille block draws them. */
struct bitmap {
    unsigned columns; /* characters */
    unsigned rows;
    uint8_t cells[ROWS_MAX][COLUMNS_MAX];
    uint8_t owner[ROWS_MAX][COLUMNS_MAX]; /* series that drew last, plus 1 */
};

/* Bit of the braille pattern for the dot in this column and row of a cell. */
static const uint8_t dot_bit[2][4] = {{0x01, 0x02, 0x04, 0x40}, {0x08, 0x10, 0x20, 0x80}};

static void dot_set(struct bitmap *bitmap, double x, double y, size_t series)
{
    const double width = 2.0 * bitmap->columns - 1.0;
    const double height = 4.0 * bitmap->rows - 1.0;
    if (!(x >= 0.0 && x <= 1.0 && y >= 0.0 && y <= 1.0)) {
        return;
    }
    const unsigned across = (unsigned)lround(x * width);
    const unsigned down = (unsigned)lround((1.0 - y) * height);
    bitmap->cells[down / 4][across / 2] |= dot_bit[across % 2][down % 4];
    bitmap->owner[down / 4][across / 2] = (uint8_t)(series + 1);
}

/* Straight line between two places, dot by dot. */
static void line_set(struct bitmap *bitmap, const struct plot_point *from,
                     const struct plot_point *to, size_t series)
{
    const double dots = fmax(fabs(to->x - from->x) * 2.0 * bitmap->columns,
                             fabs(to->y - from->y) * 4.0 * bitmap->rows);
    const unsigned steps = (unsigned)fmin(dots, 1000.0) + 1;
    for (unsigned i = 0; i <= steps; i++) {
        const double share = (double)i / steps;
        dot_set(bitmap, from->x + share * (to->x - from->x), from->y + share * (to->y - from->y),
                series);
    }
}

static void series_set(struct bitmap *bitmap, const struct plot_series *series, size_t number,
                       const struct scale axes[2])
{
    struct plot_point last = {0};
    bool started = false;
    for (size_t i = 0; i < series->count; i++) {
        const double y = scale_smooth(series, i);
        if (!isfinite(y)) {
            continue;
        }
        const struct plot_point here = {scale_place(&axes[0], series->points[i].x),
                                        scale_place(&axes[1], y)};
        if (started) {
            line_set(bitmap, &last, &here, number);
        }
        last = here;
        started = true;
    }
}

static void cell_print(const struct bitmap *bitmap, unsigned row, unsigned column, bool ascii,
                       FILE *out)
{
    static const char signs[PLOT_SERIES_MAX + 1] = "*+xo#@%&";
    const uint8_t cell = bitmap->cells[row][column];
    if (cell == 0) {
        (void)fputc(' ', out);
    } else if (ascii) {
        (void)fputc(signs[bitmap->owner[row][column] - 1], out);
    } else {
        /* U+2800 + cell in UTF-8 */
        (void)fprintf(out, "\xe2%c%c", 0xA0 + (cell >> 6), 0x80 + (cell & 0x3F));
    }
}

static void rows_print(const struct bitmap *bitmap, const struct scale *y, bool ascii, FILE *out)
{
    for (unsigned row = 0; row < bitmap->rows; row++) {
        /* The label of the tick that lies in this row, if one does. */
        const double high = y->high - (y->high - y->low) * row / bitmap->rows;
        const double low = y->high - (y->high - y->low) * (row + 1) / bitmap->rows;
        const double tick = floor(high / y->tick + 1e-9) * y->tick;
        const bool last = row + 1 == bitmap->rows;
        if (tick > low + 1e-9 || (last && tick > low - 1e-9)) {
            (void)fprintf(out, "%*.*f %s", MARGIN - 2, y->decimals, tick, ascii ? "+" : "┤");
        } else {
            (void)fprintf(out, "%*s %s", MARGIN - 2, "", ascii ? "|" : "│");
        }
        for (unsigned column = 0; column < bitmap->columns; column++) {
            cell_print(bitmap, row, column, ascii, out);
        }
        (void)fputc('\n', out);
    }
}

static void axis_print(const struct bitmap *bitmap, const struct scale *x, const struct plot *plot,
                       bool ascii, FILE *out)
{
    char low[32];
    char high[32];
    (void)snprintf(low, sizeof low, "%.*f", x->decimals, x->low);
    (void)snprintf(high, sizeof high, "%.*f", x->decimals, x->high);
    (void)fprintf(out, "%*s%s", MARGIN - 1, "", ascii ? "+" : "└");
    for (unsigned column = 0; column < bitmap->columns; column++) {
        (void)fputs(ascii ? "-" : "─", out);
    }
    const int room = (int)bitmap->columns - (int)strlen(low) - (int)strlen(high);
    const int before = (room - (int)strlen(plot->x_label)) / 2;
    (void)fprintf(
        out, "\n%*s%s%*s%s%*s%s\n", MARGIN, "", low, before < 1 ? 1 : before, "", plot->x_label,
        room - before - (int)strlen(plot->x_label) < 1 ? 1
                                                       : room - before - (int)strlen(plot->x_label),
        "", high);
}

void plot_terminal(const struct plot *plot, unsigned columns, unsigned rows, bool ascii, FILE *out)
{
    struct scale axes[2];
    struct bitmap bitmap = {0};
    columns = columns < 40 ? 40 : columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
    rows = rows < 8 ? 8 : rows > ROWS_MAX ? ROWS_MAX : rows;
    if (!scale_plot(plot, columns / 12, rows / 3, &axes[0], &axes[1])) {
        (void)fprintf(out, "%s: fewer than two points to draw\n", plot->title);
        return;
    }
    bitmap.columns = columns - MARGIN;
    bitmap.rows = rows - 4;
    for (size_t i = 0; i < plot->series_count; i++) {
        series_set(&bitmap, &plot->series[i], i, axes);
    }
    (void)fprintf(out, "%*s%s (%s)\n", MARGIN, "", plot->title, plot->y_label);
    rows_print(&bitmap, &axes[1], ascii, out);
    axis_print(&bitmap, &axes[0], plot, ascii, out);
    (void)fprintf(out, "%*s", MARGIN, "");
    for (size_t i = 0; i < plot->series_count; i++) {
        const struct plot_series *series = &plot->series[i];
        const double last =
            series->count == 0 ? (double)NAN : scale_smooth(series, series->count - 1);
        (void)fprintf(out, "%s%s %.3f", i == 0 ? "" : "   ", series->name, last);
    }
    (void)fputc('\n', out);
}
