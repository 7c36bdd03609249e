/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * atomics.c -- section 9.7: atomic memory operations.
 *
 * First, what each routine does, alone, against a model; then all PEs at once on the same words,
 * where nothing may get lost.
 */
#include <time.h>

#include "atomic_forms.h"
#include "conformance.h"

static uint64_t model(enum operation operation, uint64_t old, uint64_t value, uint64_t cond)
{
    switch (operation) {
    case FETCH:
        return old;
    case SET:
    case SWAP:
        return value;
    case COMPARE_SWAP:
        return old == cond ? value : old;
    case INC:
        return old + 1;
    case ADD:
        return old + value;
    case AND:
        return old & value;
    case OR:
        return old | value;
    case XOR:
        return old ^ value;
    }
    return 0;
}

/* All of them within the range of double when they are converted back. */
static const struct {
    uint64_t old, value, cond;
} operands[] = {
    {0, 1, 0},
    {5, 7, 5},
    {5, 7, 6},
    {0x0123456789abcdef, 0x00ff00ff00ff00ff, 0x0123456789abcdef},
    {0x0123456789abcdef, 0x00ff00ff00ff00ff, 0x0123456689abcdef}, /* only the upper half differs */
    {0x7fffffffffffffff, 0x0f0f0f0f0f0f0f0f, 0x7fffffffffffffff},
    {1000, 1, 1},
};
enum { OPERANDS = CONFORMANCE_COUNT(operands) };

/* Which row of operands the words i of a PE begin with: another one on each PE, so that a wrong
 * target is seen. */
static size_t row(size_t i, int pe)
{
    return (i + (size_t)pe) % OPERANDS;
}

/* Each PE has, on each PE, a word of its own for each row of operands; the others' are next to
 * it. */
static void one_form(size_t number, shmem_ctx_t ctx, shmem_team_t team, unsigned char *words)
{
    const struct atomic_form *form = &atomic_forms[number];
    int n = shmem_n_pes();
    int me = shmem_my_pe();
    uint64_t fetched[OPERANDS]; /* room for any type */
    for (int i = 0; i < OPERANDS * n; i++) {
        form->store(words + (size_t)i * form->size, operands[row((size_t)(i / n), me)].old);
    }
    shmem_barrier_all();

    for (int pe = 0; pe < n; pe++) {
        for (size_t i = 0; i < OPERANDS; i++) {
            fetched[i] = 0;
            if (!conformance_tries(number, i, OPERANDS)) {
                continue;
            }
            form->call(ctx, &fetched[i], words + (i * (size_t)n + (size_t)me) * form->size,
                       operands[row(i, pe)].value, operands[row(i, pe)].cond,
                       shmem_team_translate_pe(SHMEM_TEAM_WORLD, pe, team));
        }
        if (form->result == AFTER_QUIET) {
            shmem_ctx_quiet(ctx);
        }
        for (size_t i = 0; i < OPERANDS && form->result != NONE; i++) {
            if (!conformance_tries(number, i, OPERANDS)) {
                continue;
            }
            uint64_t old = form->as(operands[row(i, pe)].old);
            check(form->load(&fetched[i]) == old, "%s, operands %zu: fetched %#lx and not %#lx",
                  form->name, i, (long)form->load(&fetched[i]), (long)old);
        }
    }
    shmem_ctx_quiet(ctx);
    shmem_barrier_all();

    for (int i = 0; i < OPERANDS * n; i++) {
        size_t mine = row((size_t)(i / n), me);
        uint64_t old = form->as(operands[mine].old);
        uint64_t want = old;
        if (conformance_tries(number, (size_t)(i / n), OPERANDS)) {
            want = form->as(model(form->operation, old, form->as(operands[mine].value),
                                  form->as(operands[mine].cond)));
        }
        uint64_t have = form->load(words + (size_t)i * form->size);
        check(have == want, "%s, operands %d of PE %d: left %#lx and not %#lx", form->name, i / n,
              i % n, (long)have, (long)want);
    }
    shmem_barrier_all();
}

static void every_form(void)
{
    int n = shmem_n_pes();
    unsigned char *words = shmem_malloc((size_t)(OPERANDS * n) * sizeof(uint64_t));
    shmem_ctx_t own = SHMEM_CTX_INVALID;
    check(shmem_ctx_create(SHMEM_CTX_SERIALIZED, &own) == 0, "ctx_create");
    shmem_team_t reverse = SHMEM_TEAM_INVALID;
    shmem_team_config_t config = {.num_contexts = 1};
    check(shmem_team_split_strided(SHMEM_TEAM_WORLD, n - 1, -1, n, &config, SHMEM_TEAM_NUM_CONTEXTS,
                                   &reverse) == 0,
          "split_strided");
    shmem_ctx_t team_ctx = SHMEM_CTX_INVALID;
    check(shmem_team_create_ctx(reverse, 0, &team_ctx) == 0, "team_create_ctx");

    const struct {
        shmem_ctx_t ctx;
        shmem_team_t team;
    } places[] = {
        {SHMEM_CTX_DEFAULT, SHMEM_TEAM_WORLD}, {own, SHMEM_TEAM_WORLD}, {team_ctx, reverse}};
    for (size_t i = 0; i < CONFORMANCE_COUNT(atomic_forms); i++) {
        for (size_t j = 0; j < (atomic_forms[i].takes_ctx ? CONFORMANCE_COUNT(places) : 1); j++) {
            if (!atomic_forms[i].takes_ctx || conformance_tries(i, j, CONFORMANCE_COUNT(places))) {
                one_form(i, places[j].ctx, places[j].team, words);
            }
        }
    }
    shmem_ctx_destroy(own);
    shmem_ctx_destroy(team_ctx);
    shmem_team_destroy(reverse);
    shmem_free(words);
}

/* ---- all PEs at once on one word of every PE, with every routine whose totals are known ------ */

static uint64_t my_bit(void)
{
    return UINT64_C(1) << shmem_my_pe();
}

static bool is_of_bits(enum operation operation)
{
    return operation == AND || operation == OR || operation == XOR;
}

static uint64_t value_for(enum operation operation, int strike)
{
    switch (operation) {
    case SWAP:
        return (uint64_t)(shmem_my_pe() * 1000 + strike + 1);
    case AND:
        return ~my_bit();
    case OR:
    case XOR:
        return my_bit();
    default:
        return 1;
    }
}

/* The same number of strikes for each PE.  Of swaps: what was put into words less what came out. */
static long strike_all(const struct atomic_form *form, void *word, int rounds)
{
    int n = shmem_n_pes();
    long balance = 0;
    uint64_t fetched, cond = 0;
    for (int k = 0; k < rounds * n; k++) {
        int pe = k / rounds;
        uint64_t value = value_for(form->operation, k);
        cond = k % rounds == 0 ? 0 : cond; /* what this PE's word is thought to be */
        value = form->operation == COMPARE_SWAP ? cond + 1 : value;
        form->call(SHMEM_CTX_DEFAULT, &fetched, word, value, cond, pe);
        if (form->operation != SWAP && form->operation != COMPARE_SWAP) {
            continue;
        }
        shmem_quiet();
        uint64_t old = form->load(&fetched);
        if (form->operation == SWAP) {
            balance += (long)value - (long)old;
        } else {
            balance += old == cond;
            cond = old == cond ? value : old;
        }
    }
    shmem_quiet(); /* what was fetched goes to a variable here */
    return balance;
}

/* What is left in each word, of operations that do not tell what was there before. */
static void check_left(const struct atomic_form *form, const void *word, int rounds)
{
    const int n = shmem_n_pes();
    uint64_t want = (uint64_t)(rounds * n);
    if (form->operation == AND || (form->operation == XOR && rounds % 2 == 0)) {
        want = 0;
    } else if (is_of_bits(form->operation)) {
        want = (UINT64_C(1) << n) - 1;
    }
    check(form->load(word) == want, "%s: total %#lx and not %#lx", form->name,
          (long)form->load(word), (long)want);
}

/* What was swapped in has come out or is still there. */
static void check_balance(const struct atomic_form *form, const long *balance)
{
    long sum = 0;
    for (int pe = 0; pe < shmem_n_pes() && shmem_my_pe() == 0; pe++) {
        sum += shmem_long_g(balance, pe);
    }
    check(sum == 0, "%s: %ld more went in than came out", form->name, sum);
}

static int strikes_of(size_t number)
{
    enum operation operation = atomic_forms[number].operation;
    bool is_sum = operation == ADD || operation == INC;
    bool is_known =
        operation != FETCH && operation != SET && (!is_of_bits(operation) || shmem_n_pes() <= 30);
    bool is_tried = is_known && conformance_tries(number, 0, is_sum ? 3 : 48);
    return is_tried ? conformance_rounds(is_sum ? 40 : 10) : 0;
}

static void totals(void)
{
    enum { FORMS = CONFORMANCE_COUNT(atomic_forms) };
    struct total {
        uint64_t word;
        long balance;
    } *totals = shmem_malloc(FORMS * sizeof(*totals));
    for (size_t i = 0; i < FORMS; i++) {
        bool is_and = atomic_forms[i].operation == AND;
        atomic_forms[i].store(&totals[i].word, is_and ? (UINT64_C(1) << shmem_n_pes()) - 1 : 0);
    }
    shmem_barrier_all();
    for (size_t i = 0; i < FORMS; i++) {
        totals[i].balance = strike_all(&atomic_forms[i], &totals[i].word, strikes_of(i));
    }
    shmem_barrier_all();
    for (size_t i = 0; i < FORMS; i++) {
        totals[i].balance -= (long)atomic_forms[i].load(&totals[i].word);
    }
    shmem_barrier_all();
    for (size_t i = 0; i < FORMS; i++) {
        enum operation operation = atomic_forms[i].operation;
        if (strikes_of(i) != 0 && (operation == SWAP || operation == COMPARE_SWAP)) {
            check_balance(&atomic_forms[i], &totals[i].balance);
        } else if (strikes_of(i) != 0) {
            check_left(&atomic_forms[i], &totals[i].word, strikes_of(i));
        }
    }
    shmem_barrier_all();
    shmem_free(totals);
}

/* Every number that fetch_inc gives out, it gives out once, and to each PE in ascending order. */
static void tickets(void)
{
    const int each = conformance_rounds(2000);
    int n = shmem_n_pes();
    int *counter = shmem_calloc(1, sizeof(int));
    int *taken = shmem_calloc((size_t)(each * n), sizeof(int));
    int last = -1;
    for (int i = 0; i < each; i++) {
        int ticket = shmem_int_atomic_fetch_inc(counter, n - 1);
        if (!check(ticket > last && ticket < each * n, "ticket %d after %d", ticket, last)) {
            break;
        }
        last = ticket;
        shmem_int_atomic_inc(&taken[ticket], n / 2);
    }
    shmem_barrier_all();
    if (shmem_my_pe() == n - 1) {
        check(*counter == each * n, "the counter is %d and not %d", *counter, each * n);
    }
    for (int i = 0; i < each * n && shmem_my_pe() == n / 2; i++) {
        if (!check(taken[i] == 1, "ticket %d was given out %d times", i, taken[i])) {
            break;
        }
    }
    shmem_free(counter);
    shmem_free(taken);
}

/* Addition made of compare-and-swap, on 4 and 8 bytes, and the other addition meanwhile. */
static void compare_swap_loops(void)
{
    const int each = conformance_rounds(500);
    int n = shmem_n_pes();
    struct {
        uint64_t wide;
        uint32_t narrow[2];
    } *words = shmem_calloc(1, sizeof(*words));
    for (int i = 0; i < each; i++) {
        uint64_t wide = shmem_uint64_atomic_fetch(&words->wide, 0);
        for (uint64_t seen; (seen = shmem_uint64_atomic_compare_swap(
                                 &words->wide, wide, wide + 0x100000001, 0)) != wide;) {
            wide = seen;
        }
        uint32_t narrow = 0;
        for (uint32_t seen; (seen = shmem_uint32_atomic_compare_swap(&words->narrow[i % 2], narrow,
                                                                     narrow + 1, 0)) != narrow;) {
            narrow = seen;
        }
        shmem_uint32_atomic_add(&words->narrow[(i + 1) % 2], 1, 0);
    }
    shmem_barrier_all();
    if (shmem_my_pe() == 0) {
        uint64_t sum = (uint64_t)each * (uint64_t)n;
        check(words->wide == sum * 0x100000001, "wide %#lx", (long)words->wide);
        check(words->narrow[0] == sum && words->narrow[1] == sum, "narrow %u %u, to be %lu",
              words->narrow[0], words->narrow[1], (long)sum);
    }
    shmem_free(words);
}

/* Whatever is swapped in comes out once, or is still there at the end. */
static void swaps(void)
{
    const int each = conformance_rounds(10000);
    struct results {
        double number, sum;
        uint64_t word, xored;
    } *all = shmem_calloc(1, sizeof(*all));
    int me = shmem_my_pe();
    for (int i = 0; i < each; i++) {
        double mine = me * each + i + 1;
        uint64_t bits = (uint64_t)(me * each + i + 1) * 0x9e3779b97f4a7c15;
        all->sum += mine - shmem_double_atomic_swap(&all->number, mine, 0);
        all->xored ^= bits ^ shmem_uint64_atomic_swap(&all->word, bits, 0);
    }
    shmem_barrier_all();
    if (me == 0) {
        double sum = -all->number;
        uint64_t xored = all->word;
        for (int pe = 0; pe < shmem_n_pes(); pe++) {
            struct results theirs;
            shmem_getmem(&theirs, all, sizeof(theirs), pe);
            sum += theirs.sum;
            xored ^= theirs.xored;
        }
        check(sum == 0, "doubles: %g got lost", sum);
        check(xored == 0, "words: %#lx got lost", (long)xored);
    }
    shmem_barrier_all();
    shmem_free(all);
}

/* Each PE has a bit in every word, and sees it as it left it. */
static void bits(void)
{
    enum { WORDS = 6 };
    const int rounds = conformance_rounds(500);
    int n = shmem_n_pes();
    uint32_t *words = shmem_calloc(WORDS, sizeof(uint32_t));
    uint32_t mine = 1u << (shmem_my_pe() % 32);
    if (n > 32) {
        skip("words have 32 bits");
        shmem_free(words);
        return;
    }
    for (int i = 0; i < rounds; i++) {
        uint32_t *word = &words[i % WORDS];
        int pe = i / WORDS % n;
        uint32_t seen = shmem_uint32_atomic_fetch_or(word, mine, pe);
        check((seen & mine) == 0, "round %d: my bit was there", i);
        seen = shmem_uint32_atomic_fetch_xor(word, mine, pe);
        check((seen & mine) != 0, "round %d: my bit was gone after or", i);
        shmem_uint32_atomic_or(word, mine, pe);
        seen = shmem_uint32_atomic_fetch_and(word, ~mine, pe);
        check((seen & mine) != 0, "round %d: my bit was gone after or and xor", i);
    }
    shmem_uint32_atomic_xor(&words[0], mine, 0);
    shmem_barrier_all();
    for (int i = 0; i < WORDS; i++) {
        uint32_t want = i > 0 || shmem_my_pe() > 0 ? 0 : (uint32_t)((UINT64_C(1) << n) - 1);
        check(words[i] == want, "word %d is %#x and not %#x", i, words[i], want);
    }
    shmem_free(words);
}

/* On one line: words of 4 bytes that others add to, next to words that their owner just stores to,
 * and an 8-byte word between them.  An atomic made of a wider one would undo the stores. */
static void neighbours(void)
{
    const uint32_t rounds = (uint32_t)conformance_rounds(5000);
    struct line {
        volatile uint32_t stored;
        uint32_t added;
        uint64_t wide;
        uint32_t also_added;
        volatile uint32_t also_stored;
    } *line = shmem_align(64, sizeof(*line));
    memset((void *)line, 0, sizeof(*line));
    shmem_barrier_all();
    int next = (shmem_my_pe() + 1) % shmem_n_pes();
    for (uint32_t i = 1; i <= rounds; i++) {
        line->stored = i;
        line->also_stored = ~i;
        shmem_uint32_atomic_add(&line->added, 1, next);
        shmem_uint64_atomic_add(&line->wide, UINT64_C(0x100000001), next);
        shmem_uint32_atomic_fetch_inc(&line->also_added, next);
        if (!check(line->stored == i && line->also_stored == ~i, "round %u: %u %u", i, line->stored,
                   ~line->also_stored)) {
            break;
        }
    }
    shmem_barrier_all();
    check(line->added == rounds && line->also_added == rounds, "added %u and %u", line->added,
          line->also_added);
    check(line->wide == rounds * UINT64_C(0x100000001), "wide %#lx", (long)line->wide);
    check(line->stored == rounds && line->also_stored == ~rounds, "stored %u and %u", line->stored,
          ~line->also_stored);
    shmem_free((void *)line);
}

/* On one line of one PE, from all PEs at once: every operation, on 4 and on 8 bytes.  What is known
 * in the end is exact.  Among PEs on several hosts some do it with their CPU and some through the
 * network, and to the word that must make no difference. */
struct anvil {
    uint64_t sum;
    uint32_t sum4, bits4;
    uint64_t bits, swapped, last_set;
    volatile uint32_t stored;
    uint32_t swapped4;
    uint64_t swapped_out; /* of this PE */
};

static void strike(struct anvil *anvil, uint32_t i, int at)
{
    const uint64_t id = (uint64_t)shmem_my_pe() * 1000000 + i + 1;
    const uint32_t mine = 1u << (shmem_my_pe() % 32);
    const uint64_t mine8 = (uint64_t)mine << 32;
    shmem_uint64_atomic_add(&anvil->sum, 3, at);
    shmem_uint32_atomic_inc(&anvil->sum4, at);
    uint64_t before = shmem_uint64_atomic_fetch_inc(&anvil->sum, at);
    for (uint64_t seen; (seen = shmem_uint64_atomic_compare_swap(&anvil->sum, before, before + 1,
                                                                 at)) != before;) {
        before = seen;
    }
    check(shmem_uint64_atomic_fetch(&anvil->sum, at) > before, "%lu ran back", (long)before);
    shmem_uint32_atomic_fetch_add(&anvil->sum4, 2, at);
    check((shmem_uint32_atomic_fetch_or(&anvil->bits4, mine, at) & mine) == 0, "or of 4");
    shmem_uint64_atomic_or(&anvil->bits, mine8, at);
    check((shmem_uint64_atomic_fetch_xor(&anvil->bits, mine8, at) & mine8) != 0, "xor of 8");
    check((shmem_uint32_atomic_fetch_and(&anvil->bits4, ~mine, at) & mine) != 0, "and of 4");
    anvil->swapped_out ^= id ^ shmem_uint64_atomic_swap(&anvil->swapped, id, at);
    anvil->swapped_out ^=
        (uint32_t)id ^ shmem_uint32_atomic_swap(&anvil->swapped4, (uint32_t)id, at);
    shmem_uint64_atomic_set(&anvil->last_set, id, at);
}

static void hammer(void)
{
    const uint32_t rounds = (uint32_t)conformance_rounds(3000);
    int n = shmem_n_pes();
    int at = n / 2;
    struct anvil *anvil = shmem_align(64, sizeof(*anvil));
    if (n > 32) {
        skip("words have 32 bits");
        shmem_free((void *)anvil);
        return;
    }
    memset((void *)anvil, 0, sizeof(*anvil));
    shmem_barrier_all();
    for (uint32_t i = 0; i < rounds; i++) {
        anvil->stored = i;
        strike(anvil, i, at);
        check(anvil->stored == i, "a store was undone");
    }
    shmem_barrier_all();
    uint64_t out = 0;
    for (int pe = 0; pe < n && shmem_my_pe() == at; pe++) {
        out ^= shmem_uint64_g(&anvil->swapped_out, pe);
    }
    if (shmem_my_pe() == at) {
        const uint64_t all = (uint64_t)rounds * (uint64_t)n;
        check(anvil->sum == 5 * all && anvil->sum4 == 3 * all, "sums %lu %u, to be %lu %lu",
              (long)anvil->sum, anvil->sum4, (long)(5 * all), (long)(3 * all));
        check(anvil->bits == 0 && anvil->bits4 == 0, "bits %#lx %#x", (long)anvil->bits,
              anvil->bits4);
        check((out ^ anvil->swapped ^ anvil->swapped4) == 0, "something swapped in got lost");
        check((anvil->last_set - 1) % 1000000 < rounds, "set to %lu", (long)anvil->last_set);
    }
    shmem_barrier_all();
    shmem_free((void *)anvil);
}

/* Static data are as good as the heap. */
static int static_counter;
static long static_long = 100;

static void static_data(void)
{
    const int each = conformance_rounds(1000);
    int n = shmem_n_pes();
    long after = 100;
    static_counter = 0;
    shmem_barrier_all();
    for (int i = 0; i < each * n; i++) {
        shmem_atomic_inc(&static_counter, i % n);
        after = shmem_atomic_fetch_add(&static_long, 2L, i % n);
    }
    check(after >= 100 && after < 100 + 2L * each * n && after % 2 == 0, "fetched %ld", after);
    shmem_barrier_all();
    check(static_counter == each * n, "int %d and not %d", static_counter, each * n);
    check(static_long == 100 + 2L * each * n, "long %ld", static_long);
    shmem_barrier_all();
    static_long = 100;
}

/* Atomics and puts reach a PE that does not call the library. */
static void progress(void)
{
    int n = shmem_n_pes();
    volatile long *words = shmem_calloc(2, sizeof(long));
    if (shmem_my_pe() == n - 1) {
        shmem_long_atomic_add((long *)&words[0], 7, 0);
        long seen = shmem_long_atomic_fetch((long *)&words[0], 0);
        check(seen == 7, "fetched %ld", seen);
        shmem_long_p((long *)&words[1], 8, 0);
        shmem_quiet();
    }
    time_t give_up = time(NULL) + 20;
    while (shmem_my_pe() == 0 && (words[0] != 7 || words[1] != 8) && time(NULL) < give_up) {
        /* what a computation would be */
    }
    if (shmem_my_pe() == 0) {
        check(words[0] == 7 && words[1] == 8, "only %ld %ld has come", words[0], words[1]);
    }
    shmem_free((void *)words);
}

int main(int argc, char **argv)
{
    static const struct conformance_case cases[] = {
        {"every operation of every type and form", every_form},
        {"totals of every type", totals},
        {"tickets", tickets},
        {"loops of compare_swap", compare_swap_loops},
        {"swaps", swaps},
        {"bits", bits},
        {"neighbouring words", neighbours},
        {"every operation on one line", hammer},
        {"static data", static_data},
        {"progress while the target computes", progress},
    };
    return conformance_main(argc, argv, cases, CONFORMANCE_COUNT(cases));
}
