#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# api.sh -- the headers declare, and the library exports, OpenSHMEM 1.6 and nothing by accident.
#
# openshmem-1.6.txt has a line for each routine of the specification: name, tab, prototype.
# beyond-1.6.txt has the further names of shmem.h, which older programs use.
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "$(dirname "$0")/tap.sh"

lint=$src/tests/lint
grep -v '^#' "$lint/openshmem-1.6.txt" >"$tmp/table"
cut -f1 "$tmp/table" | sort >"$tmp/standard"
grep -v '^#' "$lint/beyond-1.6.txt" | cat - "$tmp/standard" | sort >"$tmp/expected"
sed 's/^/p/' "$tmp/expected" | sort >"$tmp/expected-p"

whole_table() {
    [ "$(sort -u "$tmp/standard" | wc -l)" = 1788 ]
}

# Every prototype of the table once more after ours: the compiler compares.
prototypes() {
    {
        printf '#define SHMEMI_NO_GENERICS\n#include <pshmem.h>\n'
        cut -f2 "$tmp/table"
        awk -F'\t' '{ at = index($2, $1 "("); print substr($2, 1, at - 1) "p" substr($2, at) }' \
            "$tmp/table"
    } >"$tmp/prototypes.$2"
    $1 -Wall -Wextra -Werror -I"$src/include" -fsyntax-only "$tmp/prototypes.$2"
}

# The functions that a header declares: names before a parenthesis, or at the end where the type is
# that of another.
declared() {
    echo "#include <$1>" | ${CC:-cc} -E -P -I"$src/include" - | tr ';' '\n' |
        grep -oP "\\b$2(?= *(\\(|\$))" | grep -v '_t$' | sort -u
}
names='(shmem_[a-z0-9_]+|start_pes|_my_pe|_num_pes|shmalloc|shfree|shrealloc|shmemalign)'

headers_declare() {
    declared shmem.h "$names" >"$tmp/shmem.h"
    same "$tmp/expected" "$tmp/shmem.h"
}

pheader_declares() {
    declared pshmem.h "p$names" >"$tmp/pshmem.h"
    same "$tmp/expected-p" "$tmp/pshmem.h"
}

vendor_string() {
    version=$(sed -n 's/^AC_INIT(\[\(.*\)\], *\[\(.*\)\])$/\1 \2/p' "$src/configure.ac")
    grep -q "^#define SHMEM_VENDOR_STRING  *\"$version\"\$" "$src/include/shmem.h" ||
        { echo "configure.ac says $version" && return 1; }
}

check "the table has the 1,788 routines of the specification" whole_table
for compiler in gcc clang; do
    if have $compiler; then
        check "prototypes agree with the specification, C with $compiler" \
            prototypes "$compiler -x c -std=c99" c
        check "prototypes agree with the specification, C++ with $compiler" \
            prototypes "$compiler -x c++ -std=c++11" cc
    else
        skip "prototypes agree with the specification, with $compiler" "there is no $compiler"
    fi
done
check "shmem.h declares these routines and no others" headers_declare
check "pshmem.h declares a profiling name for each" pheader_declares
check "SHMEM_VENDOR_STRING is the package's version" vendor_string

# ---- the library -------------------------------------------------------------------------------

library=${3:-$build/.libs/libnpushmem.so}
if ! [ -e "$library" ]; then
    skip "what the library exports" "$library is not built"
    finish
fi

# "name type address" of what it exports.  W is weak.
nm -D --defined-only "$library" | sed 's/@.*//' | awk '$2 != "A" { print $3, $2, $1 }' |
    sort >"$tmp/exports"
cut -d' ' -f1 "$tmp/exports" | grep -Ev '^p?shmemx_' >"$tmp/exported"
sort "$tmp/expected" "$tmp/expected-p" >"$tmp/both"
cut -d' ' -f1 "$tmp/exports" | grep '^shmemx_' >"$tmp/exported-x"
declared shmemx.h 'shmemx_[a-z0-9_]+' >"$tmp/shmemx.h"

missing_exports() {
    comm -23 "$tmp/both" "$tmp/exported" >"$tmp/missing"
    empty "$tmp/missing" || { echo "$(wc -l <"$tmp/missing") are missing" && return 1; }
}

other_exports() {
    comm -13 "$tmp/both" "$tmp/exported" >"$tmp/others"
    empty "$tmp/others"
}

weak() {
    awk '$1 !~ /^p/ && $2 != "W" { print $1 " is not weak" }' "$tmp/exports" >"$tmp/strong"
    empty "$tmp/strong"
}

# What begins with p is compared with the name without it.
same_address() {
    awk '{ at[$1] = $3 }
         END { for (name in at)
                   if (name !~ /^p/ && at[name] != at["p" name])
                       print name " and p" name " differ" }' "$tmp/exports" >"$tmp/differ"
    empty "$tmp/differ"
}

# A tool may have replaced shmem_x, so the library never calls it, nor takes its address.
own_use() {
    objects=$build/.libs/libcore.a
    [ -e "$objects" ] || objects=
    # shellcheck disable=SC2086  # none or one
    readelf -rW "$library" $objects | awk '{ print $5 }' | sed 's/@.*//' |
        grep -E "^p?(shmemx_.*|$names)\$" >"$tmp/uses"
    empty "$tmp/uses"
}

check "the library exports every routine and its profiling name" missing_exports
check "the library exports nothing else" other_exports
check "extensions: shmemx.h and the library agree" same "$tmp/shmemx.h" "$tmp/exported-x"
check "shmem_ names are weak" weak
check "shmem_x and pshmem_x are one address" same_address
check "the library does not use its own public names" own_use
finish
