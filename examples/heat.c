/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * heat.c -- heat spreads through a plate.
 *
 *     oshcc heat.c -o heat && oshrun -n 4 ./heat
 *
 * The rows of the plate are dealt out to the PEs.  In each step a PE gives its first row to the PE
 * above and its last one to the PE below, by a put that raises a signal behind the data; it waits
 * for two such signals, and no PE ever waits for all.  At the end PE 0 gets all rows, repeats the
 * work alone, and compares.
 */
#include <math.h>
#include <shmem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 96, COLS = 160, STEPS = 1500 };
enum { PICTURE_ROWS = 24, PICTURE_COLS = 72 };

/* Where the row of a neighbour lies that is new in this step: these are symmetric, as are all
 * global and static variables and what shmem_malloc gives. */
static uint64_t from_above, from_below;

/* The rows of a PE: from first_row(pe) up to first_row(pe + 1). */
static int first_row(int pe, int n_pes)
{
    return (int)((long)ROWS * pe / n_pes);
}

/* How hot a place is at the beginning; the plate's edges stay so. */
static double beginning(int row, int col)
{
    int dy = row - ROWS / 2, dx = (col - COLS / 3) / 2;

    if (row == 0)
        return 100;
    return dx * dx + dy * dy < 300 ? 80 : 0;
}

/* A field is the rows of a PE, with a row of each neighbour around them. */
static void begin(double *field, int first, int rows)
{
    for (int i = -1; i <= rows; i++)
        for (int col = 0; col < COLS; col++)
            field[(i + 1) * COLS + col] = beginning(first + i, col);
}

/* One step: each place takes the mean of its neighbours, but for the edges of the plate. */
static void step(double *to, const double *from, int first, int rows)
{
    for (int i = 1; i <= rows; i++) {
        const double *at = from + i * COLS;

        memcpy(to + i * COLS, at, COLS * sizeof(double));
        if (first + i - 1 == 0 || first + i - 1 == ROWS - 1)
            continue;
        for (int col = 1; col < COLS - 1; col++)
            to[i * COLS + col] =
                0.25 * (at[col - 1] + at[col + 1] + at[col - COLS] + at[col + COLS]);
    }
}

/*
 * Give the edges of this PE's rows to its neighbours and wait for theirs, those of step now.
 *
 * Two fields in turn make this safe: a neighbour overwrites a row here two steps later, and for
 * that it must have had this PE's row of the step between, which is sent after the row was used.
 */
static void exchange(double *field, int rows, uint64_t now)
{
    int me = shmem_my_pe(), n_pes = shmem_n_pes();

    if (me > 0) {
        int rows_above = first_row(me, n_pes) - first_row(me - 1, n_pes);

        shmem_double_put_signal(field + (rows_above + 1) * COLS, field + COLS, COLS, &from_below,
                                now, SHMEM_SIGNAL_SET, me - 1);
    }
    if (me < n_pes - 1)
        shmem_double_put_signal(field, field + rows * COLS, COLS, &from_above, now,
                                SHMEM_SIGNAL_SET, me + 1);
    if (me > 0)
        shmem_signal_wait_until(&from_above, SHMEM_CMP_GE, now);
    if (me < n_pes - 1)
        shmem_signal_wait_until(&from_below, SHMEM_CMP_GE, now);
}

static void draw(const double *plate)
{
    static const char ink[] = " .:-=+*#%@";

    for (int y = 0; y < PICTURE_ROWS; y++) {
        char line[PICTURE_COLS + 1] = "";

        for (int x = 0; x < PICTURE_COLS; x++) {
            double heat = plate[y * ROWS / PICTURE_ROWS * COLS + x * COLS / PICTURE_COLS];
            line[x] = ink[(int)(heat / 100 * (sizeof(ink) - 2) + 0.5)];
        }
        puts(line);
    }
}

/* All rows at one PE, without the rows around them. */
static void gather(double *plate, const double *field)
{
    int n_pes = shmem_n_pes();

    for (int pe = 0; pe < n_pes; pe++) {
        int first = first_row(pe, n_pes), rows = first_row(pe + 1, n_pes) - first;
        shmem_double_get(plate + first * COLS, field + COLS, (size_t)rows * COLS, pe);
    }
}

/* The largest difference between the plate and what one PE makes of it alone. */
static double difference(const double *plate)
{
    size_t bytes = (ROWS + 2) * COLS * sizeof(double);
    double *field[2] = {malloc(bytes), malloc(bytes)};
    double largest = 0;

    if (field[0] == NULL || field[1] == NULL)
        return INFINITY;
    begin(field[0], 0, ROWS);
    begin(field[1], 0, ROWS);
    for (int i = 0; i < STEPS; i++)
        step(field[(i + 1) % 2], field[i % 2], 0, ROWS);
    for (int i = 0; i < ROWS * COLS; i++)
        largest = fmax(largest, fabs(plate[i] - field[STEPS % 2][COLS + i]));
    free(field[0]);
    free(field[1]);
    return largest;
}

/* What PE 0 does when all are done: 0 if the result is right. */
static int report(const double *field)
{
    double *plate = malloc(ROWS * COLS * sizeof(double));

    if (plate == NULL)
        return 1;
    gather(plate, field);
    draw(plate);
    double error = difference(plate);
    printf("%d x %d places, %d steps, %d PEs: differs from a run on one PE by at most %g: %s\n",
           ROWS, COLS, STEPS, shmem_n_pes(), error, error < 1e-9 ? "right" : "WRONG");
    free(plate);
    return error < 1e-9 ? 0 : 1;
}

int main(void)
{
    shmem_init();
    int me = shmem_my_pe(), n_pes = shmem_n_pes(), status = 0;
    int first = first_row(me, n_pes), rows = first_row(me + 1, n_pes) - first;

    if (n_pes > ROWS) {
        if (me == 0)
            fprintf(stderr, "heat: at most %d PEs: each needs a row\n", ROWS);
        shmem_finalize();
        return 1;
    }
    /* The same size everywhere, that of the PE with the most rows. */
    size_t bytes = (size_t)(ROWS / n_pes + 1 + 2) * COLS * sizeof(double);
    double *field[2] = {shmem_malloc(bytes), shmem_malloc(bytes)};
    if (field[0] == NULL || field[1] == NULL)
        shmem_global_exit(1);
    begin(field[0], first, rows);
    begin(field[1], first, rows);
    shmem_barrier_all();

    for (int i = 0; i < STEPS; i++) {
        if (i > 0)
            exchange(field[i % 2], rows, (uint64_t)i);
        step(field[(i + 1) % 2], field[i % 2], first, rows);
    }
    shmem_barrier_all();
    if (me == 0)
        status = report(field[STEPS % 2]);
    shmem_free(field[1]);
    shmem_free(field[0]);
    shmem_finalize();
    return status;
}
