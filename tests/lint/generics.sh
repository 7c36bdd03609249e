#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# generics.sh -- every C11 generic, for every type and form, calls the routine it must.
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "$(dirname "$0")/tap.sh"

warnings='-Wall -Wextra -pedantic -Wmissing-prototypes -Werror'

# "call_x y" for each function of the object file: y is what it calls.  A section per function
# makes this a matter of reading the relocations.
calls() {
    readelf -rW "$1" | awk '
        /^Relocation section/ { f = $3; sub(/.*\.call_/, "", f); sub(/\x27$/, "", f) }
        f !~ /[.]/ { for (i = 1; i <= NF; i++) if ($i ~ /^shmem_/) print f, $i }'
}

# Without the type, which the compiler has checked: shmem_size_put may well be shmem_ulong_put.
types='float|(long)?double|complex[fd]|[su]?char|u?short|u?int(8|16|32|64)?|u?long(long)?'
types="$types|size|ptrdiff"
untyped() {
    sed -E "s/\bshmem(_ctx)?_($types)_/shmem\1_T_/g"
}

right_routines() {
    # shellcheck disable=SC2086
    $1 -std=c11 $warnings -O0 -fPIC -ffunction-sections -I"$src/include" \
        -c "$src/tests/lint/generics.c" -o "$tmp/generics.o" || return 1
    calls "$tmp/generics.o" >"$tmp/calls"
    untyped <"$tmp/calls" | awk '$1 != $2 { print "call of " $1 " went to " $2 }' >"$tmp/wrong"
    empty "$tmp/wrong"
}

# Each typed routine of the specification is called here, but for those that have no generic: the
# reductions over active sets and shmem_T_wait.  So are the four that are not typed.
all_called() {
    cut -d' ' -f1 "$tmp/calls" | sort -u >"$tmp/called"
    {
        cut -f1 "$src/tests/lint/openshmem-1.6.txt" | grep -E "^shmem_(ctx_)?($types)_" |
            grep -vE '_to_all$|_wait$'
        printf 'shmem_%s\n' signal_add ctx_signal_add signal_set ctx_signal_set team_sync sync
    } | sort >"$tmp/generic"
    comm -13 "$tmp/called" "$tmp/generic" >"$tmp/uncalled"
    wc -l <"$tmp/generic"
    empty "$tmp/uncalled" && [ "$(wc -l <"$tmp/generic")" -gt 1400 ]
}

# An unknown type must fail to compile, and say so by name.
refused() {
    printf '#include <shmem.h>\nstruct s { int a; } s;\nvoid *v;\nvoid f(void) { %s; }\n' "$2" \
        >"$tmp/refused.c"
    if $1 -std=c11 -I"$src/include" -fsyntax-only "$tmp/refused.c" 2>"$tmp/errors"; then
        echo "it compiled"
        return 1
    fi
    grep -q shmemi_not_an_openshmem_type "$tmp/errors" || { cat "$tmp/errors" && return 1; }
}

for compiler in gcc clang; do
    if ! have $compiler; then
        skip "generics with $compiler" "there is no $compiler"
        continue
    fi
    check "generics call the right routine, with $compiler" right_routines $compiler
    check "every routine with a generic is called, with $compiler" all_called
    for call in 'shmem_put(&s, &s, 1, 0)' 'shmem_put(SHMEM_CTX_DEFAULT, v, v, 1, 0)' \
        'shmem_atomic_inc((char *)v, 0)' 'shmem_sum_reduce(SHMEM_TEAM_WORLD, &s, &s, 1)' \
        'shmem_wait_until((float *)v, SHMEM_CMP_EQ, 1)'; do
        check "$compiler refuses $call" refused $compiler "$call"
    done
done
finish
