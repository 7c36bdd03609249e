// SPDX-License-Identifier: BSD-3-Clause
// cxx.cc -- a C++ program: the header, the handles, and a little of each section.
#include <vector>

#include "conformance.h"

#include <mpp/shmem.h>
#include <mpp/shmemx.h>
#include <pshmem.h>
#include <shmemx.h>

static int global_words[16];
static long global_sum;

// Handles can stand in static initialisers, and be compared.
static shmem_team_t world = SHMEM_TEAM_WORLD;
static shmem_ctx_t default_context = SHMEM_CTX_DEFAULT;

// The constants are integer constant expressions.
static int by_comparison(int comparison)
{
    switch (comparison) {
    case SHMEM_CMP_EQ:
    case SHMEM_CMP_NE:
    case SHMEM_CMP_LT:
    case SHMEM_CMP_LE:
    case SHMEM_CMP_GT:
    case SHMEM_CMP_GE:
        return 1;
    default:
        return 0;
    }
}

static void constants()
{
    check(by_comparison(SHMEM_CMP_GE) == 1, "a comparison is missing");
    check(world != SHMEM_TEAM_INVALID && world != SHMEM_TEAM_SHARED, "teams");
    check(default_context != SHMEM_CTX_INVALID, "contexts");
    check(SHMEM_SIGNAL_SET != SHMEM_SIGNAL_ADD, "signal operations");
}

static void communication()
{
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    int next = (me + 1) % n;
    int left = (me + n - 1) % n;

    std::vector<double> source(100, me + 0.5);
    double *dest = static_cast<double *>(shmem_malloc(100 * sizeof(double)));
    shmem_double_put(dest, &source[0], source.size(), next);
    shmem_int_p(&global_words[3], me, next);
    shmem_ctx_long_atomic_add(default_context, &global_sum, 7, next);
    shmem_barrier_all();
    check(dest[0] == left + 0.5 && dest[99] == left + 0.5, "put: %g", dest[99]);
    check(global_words[3] == left, "p: %d", global_words[3]);
    check(shmem_int_g(&global_words[3], me) == left, "g");
    check(global_sum == 7, "atomic_add: %ld", global_sum);
    shmem_free(dest);
}

static void complex_reduction()
{
    int n = shmem_n_pes();
    // The header's complex types are C's, with the layout of an array of two.
    double *values = static_cast<double *>(shmem_calloc(4, sizeof(double)));
    int *sum = static_cast<int *>(shmem_calloc(2, sizeof(int)));
    sum[0] = shmem_my_pe() + 1;
    check(shmem_int_sum_reduce(world, &sum[1], &sum[0], 1) == 0, "sum_reduce");
    check(sum[1] == n * (n + 1) / 2, "sum %d", sum[1]);
    values[0] = 1.0;
    values[1] = -2.0;
    shmem_complexd_sum_reduce(world, reinterpret_cast<double _Complex *>(&values[2]),
                              reinterpret_cast<double _Complex *>(&values[0]), 1);
    check(values[2] == n && values[3] == -2.0 * n, "complex sum %g %g", values[2], values[3]);
    shmem_free(values);
    shmem_free(sum);
}

// What a tool would call.
static void profiling_names()
{
    check(pshmem_my_pe() == shmem_my_pe() && pshmem_n_pes() == shmem_n_pes(), "pshmem");
    int *word = static_cast<int *>(pshmem_calloc(1, sizeof(int)));
    pshmem_int_atomic_inc(word, shmem_my_pe());
    pshmem_quiet();
    check(*word == 1, "pshmem_int_atomic_inc: %d", *word);
    pshmem_free(word);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"constants and handles", constants},
        {"communication", communication},
        {"reductions", complex_reduction},
        {"profiling names", profiling_names},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
