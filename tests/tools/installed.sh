#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# installed.sh -- what "make install" left in $INSTALLED serves users: "make check-installed".
# shellcheck source-path=SCRIPTDIR/../lint source=tap.sh
. "$(dirname "$0")/../lint/tap.sh"

: "${INSTALLED:?is the prefix of the installation}"
heat=$src/examples/heat.c
unset LD_LIBRARY_PATH
export PKG_CONFIG_PATH="$INSTALLED/lib/pkgconfig:$INSTALLED/lib64/pkgconfig"

# runs <program> [launcher...]: with two PEs, and the result is right.
runs() {
    program=$1
    shift
    [ $# -gt 0 ] || set -- "$INSTALLED/bin/oshrun"
    timeout 60 "$@" -n 2 "$program" | tail -n 1 | grep 'right$'
}

# needs <program> <library>: of libraries that are loaded at start.
needs() {
    readelf -d "$1" | grep "NEEDED.*\[$2"
}

static() {
    "$INSTALLED/bin/oshcc" -static-lib "$heat" -o "$tmp/static" -lm &&
        ! needs "$tmp/static" libnpushmem && runs "$tmp/static"
}

# shellcheck disable=SC2046  # lists of flags
by_pkg_config() {
    cc $(pkg-config --cflags npushmem) "$heat" -o "$tmp/pkg" $(pkg-config --libs npushmem) \
        "-Wl,-rpath,$(pkg-config --variable=libdir npushmem)" -lm &&
        needs "$tmp/pkg" libnpushmem.so && runs "$tmp/pkg"
}

# shellcheck disable=SC2046
by_static_pkg_config() {
    libdir=$(pkg-config --variable=libdir npushmem)
    flags=$(pkg-config --static --libs npushmem | sed "s/-lnpushmem/-l:libnpushmem.a/g")
    # shellcheck disable=SC2086
    cc $(pkg-config --cflags npushmem) "$heat" -o "$tmp/pkgstatic" -L"$libdir" $flags -lm &&
        ! needs "$tmp/pkgstatic" libnpushmem && runs "$tmp/pkgstatic"
}

cxx() {
    printf '#include <shmem.h>\nint main() { shmem_init(); shmem_finalize(); }\n' >"$tmp/a.cc"
    "$INSTALLED/bin/oshc++" "$tmp/a.cc" -o "$tmp/cxx" &&
        timeout 60 "$INSTALLED/bin/oshrun" -n 2 "$tmp/cxx"
}

# The wrapper finds the tree around it, wherever that has been moved.
moved() {
    cp -a "$INSTALLED" "$tmp/moved" &&
        "$tmp/moved/bin/oshcc" -Wall -Werror "$heat" -o "$tmp/there" -lm &&
        readelf -d "$tmp/there" | grep "R.*PATH.*$tmp/moved" &&
        runs "$tmp/there" "$tmp/moved/bin/oshrun"
}

by_mpirun() {
    runs "$tmp/heat" mpirun --allow-run-as-root --oversubscribe
}

check "oshcc compiles and links" \
    "$INSTALLED/bin/oshcc" -std=c99 -Wall -Wextra -pedantic -Werror "$heat" -o "$tmp/heat" -lm
check "oshrun runs it" runs "$tmp/heat"
if have mpirun; then
    check "mpirun runs it" by_mpirun
else
    skip "mpirun runs it" "there is no mpirun"
fi
check "oshcc -static-lib" static
check "pkg-config" by_pkg_config
check "pkg-config --static" by_static_pkg_config
check "oshc++" cxx
check "an installation that was moved" moved
check "shmem_info" "$INSTALLED/bin/shmem_info"
finish
