/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * timeline.c -- what cores and hosts did from when to when, for people to see.
 *
 * As a file that chrome://tracing and ui.perfetto.dev load, and as a picture.  All forms of an
 * operator begin at 0, on the same scale.
 */
#include "fused.h"

#include <errno.h>
#include <stdio.h>

static const struct {
    const char *name, *colour;
} kinds[SPAN_KINDS] = {
    [SPAN_COMPUTE] = {"compute", "#4c78a8"}, [SPAN_PUSH] = {"push", "#f58518"},
    [SPAN_WAIT] = {"wait", "#d5d5d5"},       [SPAN_REDUCE] = {"reduce", "#54a24b"},
    [SPAN_HOST] = {"collective", "#b279a2"},
};

const char *const form_names[FORMS] = {
    [UNFUSED] = "unfused", [ON_STREAM] = "on stream", [FUSED] = "fused"};

/* When a form began and ended, on any PE. */
struct extent {
    uint64_t begin, end;
};

static struct extent extent_of(const struct timeline *t, int form)
{
    struct extent e = {UINT64_MAX, 0};
    for (size_t i = 0; i < t->n_spans; i++) {
        const struct span *s = &t->spans[i];
        if (s->form != form)
            continue;
        e.begin = s->begin < e.begin ? s->begin : e.begin;
        e.end = s->end > e.end ? s->end : e.end;
    }
    return e.end == 0 ? (struct extent){0, 0} : e;
}

static FILE *create(const char *path)
{
    FILE *out = fopen(path, "w");
    if (out == NULL)
        fprintf(stderr, "timeline: cannot write %s: %s\n", path, strerror(errno));
    return out;
}

/* All of it must have come to the file. */
static int done(FILE *out, const char *path)
{
    int failed = ferror(out);
    if (fclose(out) != 0 || failed) {
        fprintf(stderr, "timeline: cannot write %s: %s\n", path, strerror(errno));
        return -1;
    }
    printf("  timeline: %s\n", path);
    return 0;
}

/* ---- the trace ------------------------------------------------------------------------------- */

/* A process is a PE in one of the forms; a thread is a core, and the last one the host. */
static int process_of(const struct timeline *t, int form, int pe)
{
    return form * t->n_pes + pe + 1;
}

static int thread_of(const struct timeline *t, int lane)
{
    return lane < 0 ? t->n_lanes : lane;
}

static void name_process(FILE *out, const struct timeline *t, int form, int pe)
{
    int id = process_of(t, form, pe);
    fprintf(out,
            "{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_name\","
            "\"args\":{\"name\":\"%s, PE %d\"}},\n",
            id, form_names[form], pe);
    fprintf(out,
            "{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_sort_index\","
            "\"args\":{\"sort_index\":%d}},\n",
            id, id);
    for (int lane = 0; lane < t->n_lanes; lane++)
        fprintf(out,
                "{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"name\":\"thread_name\","
                "\"args\":{\"name\":\"core %d\"}},\n",
                id, lane, lane);
    fprintf(out,
            "{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"name\":\"thread_name\","
            "\"args\":{\"name\":\"host\"}},\n",
            id, t->n_lanes);
}

int timeline_json(const struct timeline *t, const char *path)
{
    uint64_t begin[FORMS];
    for (int form = 0; form < FORMS; form++)
        begin[form] = extent_of(t, form).begin;
    FILE *out = create(path);
    if (out == NULL)
        return -1;
    fprintf(out, "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"program\":\"%s\"},\n", t->title);
    fprintf(out, "\"traceEvents\":[\n");
    for (int form = 0; form < FORMS; form++)
        for (int pe = 0; pe < t->n_pes && begin[form] != 0; pe++)
            name_process(out, t, form, pe);
    for (size_t i = 0; i < t->n_spans; i++) {
        const struct span *s = &t->spans[i];
        fprintf(out,
                "{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"name\":\"%s\",\"ts\":%.3f,\"dur\":%.3f,"
                "\"args\":{\"tile\":%d,\"peer\":%d}}%s\n",
                process_of(t, s->form, s->pe), thread_of(t, s->lane), kinds[s->kind].name,
                (double)(s->begin - begin[s->form]) / 1e3, (double)(s->end - s->begin) / 1e3,
                s->tile, s->peer, i + 1 < t->n_spans ? "," : "");
    }
    fprintf(out, "]}\n");
    return done(out, path);
}

/* ---- the picture ----------------------------------------------------------------------------- */

/* Points: the picture's width, and what is left of and above the spans. */
enum { WIDTH = 1200, LEFT = 90, RIGHT = 90, TOP = 74, ROW = 9, PE_GAP = 7, FORM_GAP = 40 };

/* A PE has a row for each core, and below one for the host. */
static int pe_height(const struct timeline *t)
{
    return (t->n_lanes + 1) * ROW + PE_GAP;
}

/* Forms that were not run take no place. */
static int form_top(const struct timeline *t, int form)
{
    int before = 0;
    for (int i = 0; i < form; i++)
        before += extent_of(t, i).end != 0;
    return TOP + before * (t->n_pes * pe_height(t) + FORM_GAP);
}

static double x_of(uint64_t ns, uint64_t longest)
{
    return LEFT + (double)ns / (double)longest * (WIDTH - LEFT - RIGHT);
}

static void draw_head(FILE *out, const struct timeline *t, int height)
{
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\">\n"
            "<style>text { font: 11px sans-serif; fill: #333 } .title { font-size: 16px; "
            "font-weight: bold } .form { font-size: 13px; font-weight: bold } "
            ".right { text-anchor: end } .middle { text-anchor: middle }</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n"
            "<text class=\"title\" x=\"%d\" y=\"24\">%s, %d PEs: what each core did, and, below "
            "its cores, the host or the stream</text>\n",
            WIDTH, height, WIDTH, height, LEFT, t->title, t->n_pes);
    for (int kind = 0; kind < SPAN_KINDS; kind++)
        fprintf(out,
                "<rect x=\"%d\" y=\"35\" width=\"12\" height=\"12\" fill=\"%s\"/>"
                "<text x=\"%d\" y=\"45\">%s</text>\n",
                LEFT + kind * 90, kinds[kind].colour, LEFT + kind * 90 + 17, kinds[kind].name);
}

/* Milliseconds between the lines of the time axis: 1, 2 or 5 of some power of ten. */
static double choose_step(double ms)
{
    double step = 1e-3;
    for (int i = 0; ms / step > 12; i++)
        step *= i % 3 == 1 ? 2.5 : 2;
    return step;
}

static void draw_axis(FILE *out, uint64_t longest, int bottom)
{
    double ms = (double)longest / 1e6, step = choose_step(ms);
    for (int i = 0; i * step <= ms; i++) {
        double x = x_of((uint64_t)(i * step * 1e6), longest);
        fprintf(out,
                "<path d=\"M%.1f %dV%d\" stroke=\"#e4e4e4\"/>"
                "<text class=\"middle\" x=\"%.1f\" y=\"%d\">%g%s</text>\n",
                x, TOP, bottom, x, bottom + 15, i * step, i == 0 ? " ms" : "");
    }
}

static void draw_form(FILE *out, const struct timeline *t, int form, uint64_t longest)
{
    struct extent e = extent_of(t, form);
    int top = form_top(t, form), bottom = top + t->n_pes * pe_height(t) - PE_GAP;
    double end = x_of(e.end - e.begin, longest);
    fprintf(out, "<text class=\"form\" x=\"%d\" y=\"%d\">%s</text>\n", LEFT, top - 6,
            form_names[form]);
    for (int pe = 0; pe < t->n_pes; pe++) {
        int y = top + pe * pe_height(t);
        fprintf(out,
                "<text class=\"right\" x=\"%d\" y=\"%d\">PE %d</text>"
                "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#f2f2f2\"/>\n",
                LEFT - 8, y + pe_height(t) / 2, pe, LEFT, y, end - LEFT, pe_height(t) - PE_GAP);
    }
    for (size_t i = 0; i < t->n_spans; i++) {
        const struct span *s = &t->spans[i];
        if (s->form != form)
            continue;
        double x = x_of(s->begin - e.begin, longest), width = x_of(s->end - e.begin, longest) - x;
        fprintf(out,
                "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\">"
                "<title>%s, tile %d, %.3f ms</title></rect>\n",
                x, top + s->pe * pe_height(t) + thread_of(t, s->lane) * ROW,
                width < 0.4 ? 0.4 : width, ROW - 1, kinds[s->kind].colour, kinds[s->kind].name,
                s->tile, (double)(s->end - s->begin) / 1e6);
    }
    fprintf(out,
            "<path d=\"M%.1f %dV%d\" stroke=\"#333\" stroke-dasharray=\"4 2\"/>"
            "<text x=\"%.1f\" y=\"%d\">%.1f ms</text>\n",
            end, top - 4, bottom + 4, end + 6, top + 8, (double)(e.end - e.begin) / 1e6);
}

int timeline_svg(const struct timeline *t, const char *path)
{
    FILE *out = create(path);
    if (out == NULL)
        return -1;
    uint64_t longest = 1;
    for (int form = 0; form < FORMS; form++) {
        struct extent e = extent_of(t, form);
        longest = e.end - e.begin > longest ? e.end - e.begin : longest;
    }
    int bottom = form_top(t, FORMS) - FORM_GAP;
    draw_head(out, t, bottom + 30);
    draw_axis(out, longest, bottom);
    for (int form = 0; form < FORMS; form++)
        if (extent_of(t, form).end != 0)
            draw_form(out, t, form, longest);
    fprintf(out, "</svg>\n");
    return done(out, path);
}
