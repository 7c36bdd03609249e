#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# headers.sh -- each public header compiles alone, and a small user of all the constants with it,
# under every standard of C and C++ and every compiler that is here.
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "$(dirname "$0")/tap.sh"

warnings='-Wall -Wextra -pedantic -Werror'

# compile <compiler> <language> <standard> <file>; 77: this compiler lacks the standard.
compile() {
    echo | "$1" -x "$2" -std="$3" -fsyntax-only - 2>/dev/null || return 77
    # shellcheck disable=SC2086
    "$1" -x "$2" -std="$3" $warnings -I"$src/include" -fsyntax-only "$4"
}

# All standards by one compiler; a line for each that fails, and at least one must be there.
standards() {
    compiler=$1 language=$2 file=$3
    shift 3
    tried=0
    for standard; do
        compile "$compiler" "$language" "$standard" "$file" >"$tmp/log" 2>&1
        case $? in
        0) tried=$((tried + 1)) ;;
        77) echo "# $compiler does not know -std=$standard" >&3 ;;
        *)
            echo "with -std=$standard:"
            cat "$tmp/log"
            return 1
            ;;
        esac
    done
    [ "$tried" -gt 0 ] || { echo "$compiler knows none of: $*" && return 1; }
}

exec 3>&1 # past what check keeps for failures
each_compiler() {
    for compiler in gcc clang; do
        if have "$compiler"; then
            check "$1, C with $compiler" \
                standards "$compiler" c "$2" c99 gnu99 c11 gnu11 c17 gnu17 c2x gnu2x
            check "$1, C++ with $compiler" \
                standards "$compiler" c++ "$2" c++98 gnu++98 c++11 c++14 c++17 c++20 gnu++20
        else
            skip "$1 with $compiler" "there is no $compiler"
        fi
    done
}

cd "$src/include" || exit 2
for header in *.h mpp/*.h; do
    # Not a header to include by itself; only C has it.
    [ "$header" != shmemi_generics.h ] || continue
    # Twice, for the include guard, and something after it, for ISO C wants that.
    printf '#include <%s>\n#include <%s>\nextern int something;\n' "$header" "$header" \
        >"$tmp/alone.c"
    each_compiler "$header" "$tmp/alone.c"
done
each_compiler "a user of all constants" "$src/tests/lint/user.c"
finish
