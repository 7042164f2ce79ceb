#include <errno.h>
#include <math.h>
#include <string.h>

#include "client/plot/scale.h"

enum {
    WIDTH = 880,
    HEIGHT = 500,
    LEFT = 72, /* of the drawing area */
    RIGHT = 856,
    TOP = 84,
    BOTTOM = 440,
    POINTS_MAX = 1600, /* per line: two per pixel; more only makes the file larger */
};

/* Okabe and Ito's palette: distinct for colour-blind readers too. */
static const char *const colours[PLOT_SERIES_MAX] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                     "#e69f00", "#56b4e9", "#6f6f6f", "#000000"};

struct canvas {
    FILE *out;
    struct scale x;
    struct scale y;
};

static double pixel_x(const struct canvas *canvas, double value)
{
    return LEFT + scale_place(&canvas->x, value) * (RIGHT - LEFT);
}

static double pixel_y(const struct canvas *canvas, double value)
{
    return BOTTOM - scale_place(&canvas->y, value) * (BOTTOM - TOP);
}

/* Text with the characters of XML replaced. */
static void put_text(FILE *out, const char *text)
{
    static const char special[] = "<>&\"'";
    static const char *const instead[] = {"&lt;", "&gt;", "&amp;", "&quot;", "&#39;"};
    for (const char *at = text; *at != '\0'; at++) {
        const char *found = strchr(special, *at);
        if (found != NULL) {
            (void)fputs(instead[found - special], out);
        } else {
            (void)fputc((unsigned char)*at < 0x20 ? ' ' : *at, out);
        }
    }
}

struct label {
    double x;
    double y;
    const char *class;
    const char *anchor;
};

static void put_label(FILE *out, const struct label *label, const char *text)
{
    (void)fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">", label->x,
                  label->y, label->class, label->anchor);
    put_text(out, text);
    (void)fputs("</text>\n", out);
}

static void head_draw(const struct canvas *canvas, const struct plot *plot)
{
    FILE *out = canvas->out;
    (void)fprintf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                  "viewBox=\"0 0 %d %d\" font-family=\"Helvetica, Arial, 'DejaVu Sans', "
                  "sans-serif\">\n<style>\n"
                  ".title{font-size:19px;font-weight:600;fill:#1a1a1a}\n"
                  ".sub{font-size:13px;fill:#5f6368}\n"
                  ".axis{font-size:13px;fill:#3c4043}\n"
                  ".tick{font-size:12px;fill:#5f6368}\n"
                  ".grid{stroke:#e3e6ea;stroke-width:1}\n"
                  ".frame{stroke:#9aa0a6;stroke-width:1;fill:none}\n"
                  ".line{fill:none;stroke-linejoin:round;stroke-linecap:round}\n"
                  "</style>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
                  WIDTH, HEIGHT, WIDTH, HEIGHT);
    put_label(out, &(struct label){LEFT, 30, "title", "start"}, plot->title);
    if (plot->subtitle != NULL) {
        put_label(out, &(struct label){LEFT, 51, "sub", "start"}, plot->subtitle);
    }
}

static void number_format(char *out, size_t size, double value, int decimals)
{
    /* -0 would be printed as "-0". */
    (void)snprintf(out, size, "%.*f", decimals, fabs(value) < 1e-12 ? 0.0 : value);
}

static void grid_draw(const struct canvas *canvas, const struct plot *plot)
{
    FILE *out = canvas->out;
    char text[64];
    for (int i = 0; canvas->y.low + i * canvas->y.tick <= canvas->y.high * (1 + 1e-9) + 1e-12;
         i++) {
        const double value = canvas->y.low + i * canvas->y.tick;
        const double y = pixel_y(canvas, value);
        (void)fprintf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                      LEFT, RIGHT, y, y);
        number_format(text, sizeof text, value, canvas->y.decimals);
        put_label(out, &(struct label){LEFT - 9, y + 4, "tick", "end"}, text);
    }
    for (int i = 0; canvas->x.low + i * canvas->x.tick <= canvas->x.high * (1 + 1e-9) + 1e-12;
         i++) {
        const double value = canvas->x.low + i * canvas->x.tick;
        const double x = pixel_x(canvas, value);
        (void)fprintf(out, "<line class=\"frame\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n",
                      x, x, BOTTOM, BOTTOM + 5);
        number_format(text, sizeof text, value, canvas->x.decimals);
        put_label(out, &(struct label){x, BOTTOM + 20, "tick", "middle"}, text);
    }
    (void)fprintf(out, "<line class=\"frame\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT,
                  RIGHT, BOTTOM, BOTTOM);
    put_label(out, &(struct label){(LEFT + RIGHT) / 2.0, BOTTOM + 46, "axis", "middle"},
              plot->x_label);
    (void)fprintf(out, "<g transform=\"translate(22 %.1f) rotate(-90)\">", (TOP + BOTTOM) / 2.0);
    put_label(out, &(struct label){0, 0, "axis", "middle"}, plot->y_label);
    (void)fputs("</g>\n", out);
}

/* Words stand above the frame, or one line lower where the word before is in the way. */
static void marks_draw(const struct canvas *canvas, const struct plot *plot)
{
    double taken = 0.0;
    for (size_t i = 0; i < plot->mark_count; i++) {
        const double x = pixel_x(canvas, plot->marks[i].x);
        if (!(x >= LEFT && x <= RIGHT)) {
            continue;
        }
        (void)fprintf(canvas->out,
                      "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\" stroke=\"#9aa0a6\" "
                      "stroke-dasharray=\"4 4\"/>\n",
                      x, x, TOP, BOTTOM);
        const double width = 6.6 * (double)strlen(plot->marks[i].text);
        const bool crowded = x - width / 2.0 < taken;
        put_label(canvas->out,
                  &(struct label){crowded ? x + 5.0 : x, crowded ? TOP + 15.0 : TOP - 6.0, "tick",
                                  crowded ? "start" : "middle"},
                  plot->marks[i].text);
        taken = crowded ? taken : x + width / 2.0 + 6.0;
    }
}

struct stroke {
    const char *colour;
    double width;
    double opacity;
    bool smoothed;
};

static void line_draw(const struct canvas *canvas, const struct plot_series *series,
                      const struct stroke *stroke)
{
    const size_t step = series->count / POINTS_MAX + 1;
    const char *separator = "";
    (void)fprintf(canvas->out,
                  "<polyline class=\"line\" stroke=\"%s\" stroke-width=\"%.1f\" "
                  "stroke-opacity=\"%.2f\" points=\"",
                  stroke->colour, stroke->width, stroke->opacity);
    for (size_t i = 0; i < series->count; i += step) {
        /* The last point always shows: it is the result. */
        const size_t at = i + step >= series->count ? series->count - 1 : i;
        const double y = stroke->smoothed ? scale_smooth(series, at) : series->points[at].y;
        if (isfinite(y) && isfinite(series->points[at].x)) {
            (void)fprintf(canvas->out, "%s%.1f,%.1f", separator,
                          pixel_x(canvas, series->points[at].x), pixel_y(canvas, y));
            separator = " ";
        }
    }
    (void)fputs("\"/>\n", canvas->out);
}

static void series_draw(const struct canvas *canvas, const struct plot *plot)
{
    for (size_t i = 0; i < plot->series_count; i++) {
        if (plot->series[i].smooth > 1) {
            line_draw(canvas, &plot->series[i], &(struct stroke){colours[i], 1.0, 0.28, false});
        }
    }
    for (size_t i = 0; i < plot->series_count; i++) {
        line_draw(canvas, &plot->series[i], &(struct stroke){colours[i], 2.2, 1.0, true});
    }
}

/* In the upper right corner, where a falling loss leaves room; a pale plate keeps the text
 * legible over whatever is below. */
static void legend_draw(const struct canvas *canvas, const struct plot *plot)
{
    size_t longest = 0;
    for (size_t i = 0; i < plot->series_count; i++) {
        const size_t size = strlen(plot->series[i].name);
        longest = size > longest ? size : longest;
    }
    const double width = 46.0 + 7.2 * (double)(longest + 9);
    const double left = RIGHT - width - 8.0;
    (void)fprintf(canvas->out,
                  "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%.1f\" rx=\"5\" "
                  "fill=\"#ffffff\" fill-opacity=\"0.88\" stroke=\"#e3e6ea\"/>\n",
                  left, TOP + 8, width, 14.0 + 20.0 * (double)plot->series_count);
    for (size_t i = 0; i < plot->series_count; i++) {
        const struct plot_series *series = &plot->series[i];
        const double y = TOP + 25.0 + 20.0 * (double)i;
        char value[32] = "";
        if (series->count != 0) {
            (void)snprintf(value, sizeof value, "%.3f", scale_smooth(series, series->count - 1));
        }
        (void)fprintf(canvas->out,
                      "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" "
                      "stroke-width=\"3\" stroke-linecap=\"round\"/>\n",
                      left + 12, left + 34, y - 4, y - 4, colours[i]);
        put_label(canvas->out, &(struct label){left + 42, y, "axis", "start"}, series->name);
        put_label(canvas->out, &(struct label){left + width - 12, y, "axis", "end"}, value);
    }
}

static bool failed(const char *path, struct error *error)
{
    char text[128] = "";
    (void)strerror_r(errno, text, sizeof text);
    return error_set(error, EXIT_CODE_STORAGE, "cannot write %.160s: %s", path, text);
}

bool plot_svg(const struct plot *plot, const char *path, struct error *error)
{
    struct canvas canvas = {0};
    ASSERT(plot->series_count <= PLOT_SERIES_MAX && plot->mark_count <= PLOT_MARK_MAX);
    if (!scale_plot(plot, 8, 6, &canvas.x, &canvas.y)) {
        return error_set(error, EXIT_CODE_USAGE, "plot: fewer than two points to draw");
    }
    canvas.out = fopen(path, "w");
    if (canvas.out == NULL) {
        return failed(path, error);
    }
    head_draw(&canvas, plot);
    grid_draw(&canvas, plot);
    marks_draw(&canvas, plot);
    series_draw(&canvas, plot);
    legend_draw(&canvas, plot);
    (void)fputs("</svg>\n", canvas.out);
    const bool wrote = ferror(canvas.out) == 0;
    return (fclose(canvas.out) == 0 && wrote) || failed(path, error);
}
