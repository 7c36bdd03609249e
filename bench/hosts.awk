# SPDX-License-Identifier: BSD-3-Clause
# hosts.awk -- the table of bench/hosts.  In: who, round, test, size, value, unit, by tabs; failed
# names those of whom some run has not ended well.
{
    row = $3 SUBSEP $4
    sample[$1, row, ++count[$1, row]] = $5 + 0
    unit[row] = $6
    if ($1 == "ours" && !(row in seen)) {
        seen[row]
        order[++n_rows] = row
    }
}

function median(who, row,    list, n, i, j, x)
{
    n = count[who, row]
    for (i = 1; i <= n; i++) {
        x = sample[who, row, i]
        for (j = i - 1; j >= 1 && list[j] > x; j--)
            list[j + 1] = list[j]
        list[j + 1] = x
    }
    return n == 0 ? "" : n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

# What nobody measures is "-"; the others all measure the same.
function number(x, who)
{
    if (x == "")
        return who == "theirs" && failed ~ who ? "failed" : "-"
    return x >= 100 ? sprintf("%.0f", x) : sprintf("%.2f", x)
}

# How many times better a is than b.
function better(row, a, b)
{
    if (a == "" || b == "" || a == 0 || b == 0)
        return ""
    return unit[row] ~ /\/s$/ ? a / b : b / a
}

END {
    layout = "%-18s %8s %-5s %10s %10s %8s %10s %8s\n"
    printf layout, "test", "bytes", "unit", "ours", "theirs", "better", "bare", "to bare"
    for (i = 1; i <= n_rows; i++) {
        row = order[i]
        split(row, key, SUBSEP)
        ours = median("ours", row)
        theirs = median("theirs", row)
        bare = median("bare", row)
        printf layout, key[1], key[2], unit[row], number(ours), number(theirs, "theirs"),
               number(better(row, ours, theirs)), number(bare), number(better(row, bare, ours))
    }
    print ""
    print "better   times better than theirs, in time or rate"
    print "to bare  times worse than what stands in the column bare"
}
