/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * teams.c -- section 9.4: teams.
 */
#include "conformance.h"

/* A team's members can talk at once: sum of the world's numbers, by the team's own collective. */
static void check_works(shmem_team_t team, int sum, const char *what)
{
    int *words = shmem_malloc(2 * sizeof(int)); /* the same calls on all PEs: members or not */
    if (team != SHMEM_TEAM_INVALID) {
        words[0] = shmem_my_pe();
        words[1] = -1;
        check(shmem_int_sum_reduce(team, &words[1], &words[0], 1) == 0, "%s: sum_reduce", what);
        check(words[1] == sum, "%s: sum %d and not %d", what, words[1], sum);
        check(shmem_team_sync(team) == 0, "%s: team_sync", what);
    }
    shmem_free(words);
}

/* Split, and hold the result against what (start, stride, size) of that parent means. */
static void split(shmem_team_t parent, int start, int stride, int size, const char *what)
{
    int me = shmem_team_my_pe(parent);
    int expected = -1;
    int sum = 0;
    shmem_team_t team = parent; /* anything but INVALID */
    for (int i = 0; i < size; i++) {
        int member = start + i * stride;
        expected = member == me ? i : expected;
        sum += shmem_team_translate_pe(parent, member, SHMEM_TEAM_WORLD);
    }
    int failed = shmem_team_split_strided(parent, start, stride, size, NULL, 0, &team);
    check(failed == 0, "%s: (%d, %d, %d) returns %d", what, start, stride, size, failed);
    if (expected < 0) {
        check(team == SHMEM_TEAM_INVALID, "%s: I am no member, but have a team", what);
    } else if (check(team != SHMEM_TEAM_INVALID, "%s: I am a member without a team", what)) {
        check(shmem_team_my_pe(team) == expected, "%s: I am %d and not %d", what,
              shmem_team_my_pe(team), expected);
        check(shmem_team_n_pes(team) == size, "%s: %d PEs and not %d", what, shmem_team_n_pes(team),
              size);
        for (int i = 0; i < size; i++) {
            check(shmem_team_translate_pe(team, i, parent) == start + i * stride,
                  "%s: member %d is %d of the parent", what, i,
                  shmem_team_translate_pe(team, i, parent));
            check(shmem_team_translate_pe(parent, start + i * stride, team) == i,
                  "%s: PE %d of the parent", what, start + i * stride);
        }
    }
    check_works(team, sum, what);
    shmem_team_destroy(team);
}

static void predefined(void)
{
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    check(shmem_team_my_pe(SHMEM_TEAM_WORLD) == me, "world: my_pe");
    check(shmem_team_n_pes(SHMEM_TEAM_WORLD) == n, "world: n_pes");
    check_works(SHMEM_TEAM_WORLD, n * (n - 1) / 2, "world");

    int shared = shmem_team_n_pes(SHMEM_TEAM_SHARED);
    int mine = shmem_team_my_pe(SHMEM_TEAM_SHARED);
    int sum = 0;
    check(shared >= 1 && shared <= n && mine >= 0 && mine < shared, "shared: %d of %d", mine,
          shared);
    check(shmem_team_translate_pe(SHMEM_TEAM_SHARED, mine, SHMEM_TEAM_WORLD) == me,
          "shared: I am not myself");
    for (int i = 0; i < shared; i++) {
        sum += shmem_team_translate_pe(SHMEM_TEAM_SHARED, i, SHMEM_TEAM_WORLD);
    }
    check_works(SHMEM_TEAM_SHARED, sum, "shared");

    /* A PE is in the shared team exactly if its memory is here. */
    void *block = shmem_malloc(8);
    for (int pe = 0; pe < n; pe++) {
        int there = shmem_team_translate_pe(SHMEM_TEAM_WORLD, pe, SHMEM_TEAM_SHARED);
        check((there >= 0) == (shmem_ptr(block, pe) != NULL), "PE %d is %d in the shared team", pe,
              there);
    }
    shmem_free(block);
    shmem_team_destroy(SHMEM_TEAM_INVALID);
}

static void strided(void)
{
    int n = shmem_n_pes();
    split(SHMEM_TEAM_WORLD, 0, 1, n, "all");
    split(SHMEM_TEAM_WORLD, n - 1, -1, n, "reverse");
    split(SHMEM_TEAM_WORLD, 0, 2, (n + 1) / 2, "even");
    split(SHMEM_TEAM_WORLD, (n - 1) / 2 * 2, -2, (n + 1) / 2, "even, reverse");
    for (int pe = 0; pe < n; pe++) {
        split(SHMEM_TEAM_WORLD, pe, 1, 1, "one");
        split(SHMEM_TEAM_WORLD, pe, 0, 1, "one, stride 0");
        split(SHMEM_TEAM_WORLD, pe, -3, 1, "one, stride -3");
        split(SHMEM_TEAM_WORLD, pe, 1, n - pe, "from one to the end");
        split(SHMEM_TEAM_WORLD, 0, 1, pe + 1, "from the beginning");
    }
    for (int stride = 2; stride < n; stride++) {
        split(SHMEM_TEAM_WORLD, 1 % n, stride, (n - 2) / stride + 1, "every some");
    }
}

/* Arguments that name PEs that are not there: no team, and all are told. */
static void invalid(void)
{
    int n = shmem_n_pes();
    const struct {
        int start, stride, size;
    } bad[] = {{0, 1, n + 1}, {n, 1, 1},  {-1, 1, 1}, {0, -1, 2},    {0, n, 2},
               {0, 1, 0},     {0, 1, -1}, {0, 0, 2},  {n - 1, 1, 2}, {0, 1 << 30, 8}};
    for (size_t i = 0; i < CONFORMANCE_COUNT(bad); i++) {
        shmem_team_t team = SHMEM_TEAM_WORLD;
        int failed = shmem_team_split_strided(SHMEM_TEAM_WORLD, bad[i].start, bad[i].stride,
                                              bad[i].size, NULL, 0, &team);
        check(failed != 0, "(%d, %d, %d) of %d PEs returns 0", bad[i].start, bad[i].stride,
              bad[i].size, n);
        check(team == SHMEM_TEAM_INVALID, "(%d, %d, %d) of %d PEs leaves a team", bad[i].start,
              bad[i].stride, bad[i].size, n);
    }

    shmem_team_t x = SHMEM_TEAM_WORLD, y = SHMEM_TEAM_WORLD;
    check(shmem_team_split_strided(SHMEM_TEAM_INVALID, 0, 1, 1, NULL, 0, &x) != 0, "strided");
    check(x == SHMEM_TEAM_INVALID, "strided of no parent leaves a team");
    x = SHMEM_TEAM_WORLD;
    check(shmem_team_split_2d(SHMEM_TEAM_INVALID, 1, NULL, 0, &x, NULL, 0, &y) != 0, "2d");
    check(x == SHMEM_TEAM_INVALID && y == SHMEM_TEAM_INVALID, "2d of no parent leaves teams");

    shmem_team_config_t config;
    check(shmem_team_my_pe(SHMEM_TEAM_INVALID) == -1, "my_pe of no team");
    check(shmem_team_n_pes(SHMEM_TEAM_INVALID) == -1, "n_pes of no team");
    check(shmem_team_get_config(SHMEM_TEAM_INVALID, SHMEM_TEAM_NUM_CONTEXTS, &config) != 0,
          "config of no team");
    check(shmem_team_translate_pe(SHMEM_TEAM_INVALID, 0, SHMEM_TEAM_WORLD) == -1, "from no team");
    check(shmem_team_translate_pe(SHMEM_TEAM_WORLD, 0, SHMEM_TEAM_INVALID) == -1, "to no team");
    check(shmem_team_translate_pe(SHMEM_TEAM_WORLD, n, SHMEM_TEAM_WORLD) == -1, "PE %d", n);
    check(shmem_team_translate_pe(SHMEM_TEAM_WORLD, -1, SHMEM_TEAM_WORLD) == -1, "PE -1");
    check_works(SHMEM_TEAM_WORLD, n * (n - 1) / 2, "the world, after all that");
}

static void one_2d(shmem_team_t parent, int xrange)
{
    int n = shmem_team_n_pes(parent);
    int me = shmem_team_my_pe(parent);
    int width = xrange < n ? xrange : n;
    shmem_team_t x = SHMEM_TEAM_INVALID, y = SHMEM_TEAM_INVALID;
    check(shmem_team_split_2d(parent, xrange, NULL, 0, &x, NULL, 0, &y) == 0, "%d wide", xrange);
    if (!check(x != SHMEM_TEAM_INVALID && y != SHMEM_TEAM_INVALID, "%d wide: no team", xrange)) {
        return;
    }
    int row = me / width;
    int column = me % width;
    int x_size = row == n / width ? n % width : width; /* the last row may be short */
    int y_size = n / width + (column < n % width ? 1 : 0);
    check(shmem_team_my_pe(x) == column && shmem_team_n_pes(x) == x_size, "%d wide: x is %d of %d",
          xrange, shmem_team_my_pe(x), shmem_team_n_pes(x));
    check(shmem_team_my_pe(y) == row && shmem_team_n_pes(y) == y_size, "%d wide: y is %d of %d",
          xrange, shmem_team_my_pe(y), shmem_team_n_pes(y));

    int x_sum = 0, y_sum = 0;
    for (int i = 0; i < x_size; i++) {
        check(shmem_team_translate_pe(x, i, parent) == row * width + i, "%d wide: x member %d",
              xrange, i);
        x_sum += shmem_team_translate_pe(x, i, SHMEM_TEAM_WORLD);
    }
    for (int i = 0; i < y_size; i++) {
        check(shmem_team_translate_pe(y, i, parent) == i * width + column, "%d wide: y member %d",
              xrange, i);
        y_sum += shmem_team_translate_pe(y, i, SHMEM_TEAM_WORLD);
    }
    check_works(x, x_sum, "x axis");
    check_works(y, y_sum, "y axis");
    shmem_team_destroy(y);
    shmem_team_destroy(x);
}

static void two_dimensions(void)
{
    int n = shmem_n_pes();
    shmem_team_t reverse = SHMEM_TEAM_INVALID;
    shmem_team_split_strided(SHMEM_TEAM_WORLD, n - 1, -1, n, NULL, 0, &reverse);
    for (int xrange = 1; xrange <= n + 2; xrange++) {
        one_2d(SHMEM_TEAM_WORLD, xrange);
        one_2d(reverse, xrange);
    }
    shmem_team_destroy(reverse);
}

/* Teams of teams of teams, each half of its parent, the other halves left outside. */
static void nested(void)
{
    int n = shmem_n_pes();
    shmem_team_t chain[32] = {SHMEM_TEAM_WORLD};
    int depth = 0;
    int first = 0, stride = 1, size = n;
    for (; size > 1; depth++) {
        /* The upper half, in reverse order. */
        int from = size - 1, count = (size + 1) / 2;
        first += from * stride;
        stride = -stride;
        size = count;
        chain[depth + 1] = SHMEM_TEAM_INVALID;
        if (chain[depth] != SHMEM_TEAM_INVALID) {
            check(shmem_team_split_strided(chain[depth], from, -1, count, NULL, 0,
                                           &chain[depth + 1]) == 0,
                  "depth %d", depth);
        }
        int sum = 0;
        for (int i = 0; i < count; i++) {
            sum += first + i * stride;
            check(chain[depth + 1] == SHMEM_TEAM_INVALID ||
                      shmem_team_translate_pe(chain[depth + 1], i, SHMEM_TEAM_WORLD) ==
                          first + i * stride,
                  "depth %d, member %d", depth, i);
        }
        check_works(chain[depth + 1], sum, "a team of a team");
    }

    /* Between relatives, and to those who are not members. */
    for (int pe = 0; pe < n && depth > 0; pe++) {
        int in_first = shmem_team_translate_pe(SHMEM_TEAM_WORLD, pe, chain[1]);
        int expected = pe >= n - (n + 1) / 2 ? n - 1 - pe : -1;
        check(chain[1] == SHMEM_TEAM_INVALID || in_first == expected, "PE %d is %d", pe, in_first);
    }
    /* A parent may go before its children. */
    for (int i = 1; i <= depth; i++) {
        shmem_team_destroy(chain[i]);
    }

    /* Of the PEs that share memory. */
    int shared = shmem_team_n_pes(SHMEM_TEAM_SHARED);
    shmem_team_t team = SHMEM_TEAM_INVALID;
    check(shmem_team_split_strided(SHMEM_TEAM_SHARED, shared - 1, -1, shared, NULL, 0, &team) == 0,
          "of the shared team");
    check(shmem_team_my_pe(team) == shared - 1 - shmem_team_my_pe(SHMEM_TEAM_SHARED), "shared: %d",
          shmem_team_my_pe(team));
    shmem_team_destroy(team);
}

static void configured(void)
{
    int n = shmem_n_pes();
    shmem_team_config_t config = {.num_contexts = 3};
    shmem_team_t team = SHMEM_TEAM_INVALID;
    check(shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 1, n, &config, SHMEM_TEAM_NUM_CONTEXTS,
                                   &team) == 0,
          "with 3 contexts");
    config.num_contexts = -1;
    check(shmem_team_get_config(team, SHMEM_TEAM_NUM_CONTEXTS, &config) == 0, "get_config");
    check(config.num_contexts == 3, "num_contexts is %d", config.num_contexts);
    config.num_contexts = -5;
    check(shmem_team_get_config(team, 0, &config) == 0, "get_config with mask 0");
    check(config.num_contexts == -5, "mask 0 writes %d", config.num_contexts);
    check(shmem_team_get_config(team, 0, NULL) == 0, "get_config of nothing");
    shmem_team_destroy(team);

    /* Without the bit in the mask the number is not looked at; the default is 0. */
    config.num_contexts = 77;
    check(shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 1, n, &config, 0, &team) == 0, "mask 0");
    check(shmem_team_get_config(team, SHMEM_TEAM_NUM_CONTEXTS, &config) == 0, "get_config");
    check(config.num_contexts == 0, "the default of num_contexts is %d", config.num_contexts);
    shmem_team_destroy(team);
    check(shmem_team_get_config(SHMEM_TEAM_WORLD, SHMEM_TEAM_NUM_CONTEXTS, &config) == 0, "world");
    check(shmem_team_get_config(SHMEM_TEAM_SHARED, SHMEM_TEAM_NUM_CONTEXTS, &config) == 0,
          "shared");

    shmem_team_t x, y;
    shmem_team_config_t xconfig = {.num_contexts = 1}, yconfig = {.num_contexts = 2};
    check(shmem_team_split_2d(SHMEM_TEAM_WORLD, 2, &xconfig, SHMEM_TEAM_NUM_CONTEXTS, &x, &yconfig,
                              SHMEM_TEAM_NUM_CONTEXTS, &y) == 0,
          "2d");
    check(shmem_team_get_config(x, SHMEM_TEAM_NUM_CONTEXTS, &config) == 0 &&
              config.num_contexts == 1,
          "x has %d", config.num_contexts);
    check(shmem_team_get_config(y, SHMEM_TEAM_NUM_CONTEXTS, &config) == 0 &&
              config.num_contexts == 2,
          "y has %d", config.num_contexts);
    shmem_team_destroy(x);
    shmem_team_destroy(y);
}

/* Far more teams one after the other than can exist at once, and many at once. */
static void thousands(void)
{
    enum { AT_ONCE = 500 };
    const int turns = conformance_rounds(6000);
    const int at_once = conformance_few(AT_ONCE, 50);
    int n = shmem_n_pes();
    static shmem_team_t teams[AT_ONCE];
    for (int i = 0; i < turns; i++) {
        shmem_team_t team = SHMEM_TEAM_INVALID;
        int start = i % n;
        int failed =
            shmem_team_split_strided(SHMEM_TEAM_WORLD, start, 1, n - start, NULL, 0, &team);
        if (!check(failed == 0 && (team != SHMEM_TEAM_INVALID) == (shmem_my_pe() >= start),
                   "team %d: %d", i, failed)) {
            return;
        }
        if (team != SHMEM_TEAM_INVALID && i % 50 == 0) {
            shmem_team_sync(team);
        }
        shmem_team_destroy(team);
    }
    for (int i = 0; i < at_once; i++) {
        check(shmem_team_split_strided(SHMEM_TEAM_WORLD, n - 1, -1, n - i % n, NULL, 0,
                                       &teams[i]) == 0,
              "team %d at once", i);
    }
    for (int i = 0; i < at_once; i++) {
        check(teams[i] == SHMEM_TEAM_INVALID || shmem_team_sync(teams[i]) == 0, "sync of %d", i);
        check(teams[i] == SHMEM_TEAM_INVALID || shmem_team_n_pes(teams[i]) == n - i % n,
              "team %d has %d PEs", i, shmem_team_n_pes(teams[i]));
    }
    for (int i = 0; i < at_once; i++) {
        shmem_team_destroy(teams[(i * 7) % at_once]);
    }
}

/* Disjoint teams work at the same time, each at its own pace, and split further by themselves. */
static void apart(void)
{
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    shmem_team_t even = SHMEM_TEAM_INVALID, odd = SHMEM_TEAM_INVALID;
    const int rounds = conformance_few(300, 15);
    check(shmem_team_split_strided(SHMEM_TEAM_WORLD, 0, 2, (n + 1) / 2, NULL, 0, &even) == 0,
          "even");
    if (n > 1) {
        check(shmem_team_split_strided(SHMEM_TEAM_WORLD, 1, 2, n / 2, NULL, 0, &odd) == 0, "odd");
    }
    shmem_team_t mine = me % 2 == 0 ? even : odd;
    int size = shmem_team_n_pes(mine);
    check(mine != SHMEM_TEAM_INVALID, "I have no team");
    for (int i = 0; i < (me % 2 == 0 ? rounds : rounds / 3); i++) {
        shmem_team_t half = SHMEM_TEAM_INVALID;
        shmem_team_sync(mine);
        check(shmem_team_split_strided(mine, 0, 1, (size + 1) / 2, NULL, 0, &half) == 0, "half");
        if (half != SHMEM_TEAM_INVALID) {
            shmem_team_sync(half);
        }
        shmem_team_destroy(half);
    }
    shmem_team_destroy(mine);
    check_works(SHMEM_TEAM_WORLD, n * (n - 1) / 2, "the world, afterwards");
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"TEAM_WORLD and TEAM_SHARED", predefined},
        {"split_strided", strided},
        {"arguments that are not valid", invalid},
        {"split_2d", two_dimensions},
        {"teams of teams", nested},
        {"configuration", configured},
        {"disjoint teams", apart},
        {"thousands", thousands},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
