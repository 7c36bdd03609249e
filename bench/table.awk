# SPDX-License-Identifier: BSD-3-Clause
# table.awk -- compare's table.  In: who, round, test, size, value, unit, separated by tabs.
#
# A reference is bare memory, measured in the same run as the test: ratios to it are taken run by
# run, and their median is shown.

# test, bare reference, aim: "max" (in the test's unit) or "bare" (times the reference), its limit,
# and the size from which the aim holds.
function define(test, bare, kind, limit, from)
{
    reference[test] = bare
    aim_kind[test] = kind
    aim_limit[test] = limit
    aim_from[test] = from + 0
}

function define_all(tests, bare, kind, limit, from,    list, n, i)
{
    n = split(tests, list, " ")
    for (i = 1; i <= n; i++)
        define(list[i], bare, kind, limit, from)
}

BEGIN {
    better = 1.5 # times better than theirs is the aim,
    at_limit = 1.10 # unless ours is within this of the bare reference
    define("init_finalize", "", "max", 30)
    define("p", "bare_store", "max", 3)
    define("p_quiet", "bare_store", "max", 10)
    define("g", "bare_load", "bare", 2)
    define("g_dirty", "bare_load_dirty", "bare", 2)
    define("put", "bare_put", "bare", 1.05, 1048576)
    define("get", "bare_get", "bare", 1.05, 1048576)
    define("fetch", "bare_fetch", "bare", 2)
    define_all("fetch_add fetch_inc", "bare_fetch_add", "bare", 2)
    define_all("fetch_and fetch_or fetch_xor", "bare_fetch_and", "bare", 2)
    define("swap", "bare_swap", "bare", 2)
    define("compare_swap", "bare_compare_swap", "bare", 2)
    define("set", "bare_set")
    define_all("inc add and or xor", "bare_add", "bare", 2)
    define("fetch_dirty", "bare_fetch_dirty", "bare", 2)
    define("fetch_add_dirty", "bare_fetch_add_dirty", "bare", 2)
    define("swap_dirty", "bare_swap_dirty", "bare", 2)
    define("compare_swap_dirty", "bare_compare_swap_dirty", "bare", 2)
    define("pingpong", "bare_pingpong", "bare", 1.15)
    define_all("barrier_all sync_all", "bare_barrier", "bare", 1.5)
    define_all("barrier_all.8pe sync_all.8pe", "", "max", 60000)
    define("broadcast", "bare_broadcast")
    define_all("collect fcollect alltoall", "bare_exchange")
    define_all("put_flag_pingpong put_signal_pingpong", "bare_put_pingpong")
    define("p_rate", "bare_rate")
    define("put_bw", "bare_put_bw", "bare", 1.05, 1048576)
    define("put_bw_sym", "bare_put_bw_sym", "bare", 1.05, 1048576)
    define("get_bw", "bare_get_bw", "bare", 1.05, 1048576)
    define("get_bw_malloc", "bare_get_bw_malloc")
    define("get_bw_sym", "bare_get_bw_sym", "bare", 1.05, 1048576)
}

{
    at = $1 SUBSEP $3 SUBSEP $4
    value[at, $2] = $5
    if ($2 > rounds)
        rounds = $2
    unit[$3] = $6
    if ($3 !~ /^bare_/ && !(($3, $4) in seen)) {
        seen[$3, $4] = 1
        order[++n_rows] = $3 SUBSEP $4
    }
}

# The median of list[1..n]; sorts it.  Nothing has the median "".
function median(list, n,    i, j, x)
{
    for (i = 2; i <= n; i++) {
        x = list[i]
        for (j = i - 1; j >= 1 && list[j] > x; j--)
            list[j + 1] = list[j]
        list[j + 1] = x
    }
    return n == 0 ? "" : n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

function median_of(who, test, size,    list, n, r)
{
    for (r = 1; r <= rounds; r++)
        if ((who, test, size, r) in value)
            list[++n] = value[who, test, size, r] + 0
    return median(list, n)
}

function is_rate(test)
{
    return unit[test] == "MB/s" || unit[test] == "Mop/s"
}

# How many times worse a is than b: 2 is twice the time, or half the rate.
function times(test, a, b)
{
    if (a == 0 || b == 0)
        return ""
    return is_rate(test) ? b / a : a / b
}

# How many times worse than its reference, in the median of the runs.
function to_bare(who, test, size,    bare, list, n, r)
{
    bare = reference[test]
    for (r = 1; r <= rounds && bare != ""; r++)
        if ((who, test, size, r) in value && (who, bare, size, r) in value)
            list[++n] = times(test, value[who, test, size, r], value[who, bare, size, r])
    return median(list, n)
}

function number(x)
{
    if (x == "")
        return "-"
    return x >= 10000 ? sprintf("%.0f", x) : x >= 100 ? sprintf("%.1f", x) : sprintf("%.2f", x)
}

function aim_text(test, size)
{
    if (aim_kind[test] == "max")
        return "<= " aim_limit[test] " " unit[test]
    if (aim_kind[test] == "bare" && size + 0 >= aim_from[test])
        return "<= " aim_limit[test] " bare"
    return "-"
}

function judge(is_met)
{
    n_met += is_met
    n_judged++
    return is_met ? "met" : "NOT MET"
}

function aim_verdict(test, ours, ratio, text)
{
    if (text == "-" || ours == "" || (aim_kind[test] == "bare" && ratio == ""))
        return "-"
    return judge((aim_kind[test] == "max" ? ours : ratio) <= aim_limit[test])
}

# Against theirs.  Where the bare reference is hardly better than ours, or would itself not be that
# much better than theirs, the machine is the limit.
function better_verdict(gain, ratio, their_ratio)
{
    if (gain == "")
        return "-"
    if (gain < better && ratio != "" && ratio <= at_limit)
        return "limit"
    if (gain < better && gain >= 1 && their_ratio != "" && their_ratio < better)
        return "limit"
    return judge(gain >= better)
}

function row(test, size,    ours, theirs, bare, gain, ratio, text)
{
    ours = median_of("ours", test, size)
    theirs = median_of("theirs", test, size)
    bare = reference[test] == "" ? "" : median_of("ours", reference[test], size)
    gain = ours == "" || theirs == "" ? "" : times(test, theirs, ours)
    ratio = to_bare("ours", test, size)
    text = aim_text(test, size)
    printf layout, test, size, unit[test], number(ours), number(theirs), number(gain),
           number(bare), number(ratio), text, aim_verdict(test, ours, ratio, text),
           better_verdict(gain, ratio, to_bare("theirs", test, size))
}

END {
    layout = "%-20s %9s %-5s %10s %10s %8s %10s %8s  %-12s %-8s %-8s\n"
    printf layout, "test", "bytes", "unit", "ours", "theirs", "better", "bare", "to bare", "aim",
           "", "1.5 x"
    for (i = 1; i <= n_rows; i++) {
        split(order[i], key, SUBSEP)
        row(key[1], key[2])
    }
    printf "\n%d of %d aims met.\n", n_met, n_judged
    print "better   times better than theirs, in time or rate"
    print "to bare  times worse than the bare reference of the same run"
    print "1.5 x    is it 1.5 times better?  limit: nothing can be: ours is within 10% of bare, or"
    print "         bare itself is less than 1.5 times better than theirs, and ours is no worse"
}
