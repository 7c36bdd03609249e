#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_oshcc.sh -- the compiler wrappers, where they were built and where they are moved to.
#
#     test_oshcc.sh [source directory] [build directory]
# Prints TAP.

source=$(cd "${1:-.}" && pwd)
build=$(cd "${2:-.}" && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset OSHCC_CC OSHCXX_CXX CC CXX
n_tests=0

result()    # status, name
{
    n_tests=$((n_tests + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n_tests - $2"
    else
        echo "not ok $n_tests - $2"
        sed 's/^/# /' "$tmp/out"
    fi
}

shows()     # name, pattern, command: the command's output has the pattern
{
    name=$1
    pattern=$2
    shift 2
    "$@" >"$tmp/out" 2>&1 && grep -q -e "$pattern" "$tmp/out"
    result $? "$name"
}

hides()     # name, pattern, command: it has not
{
    name=$1
    pattern=$2
    shift 2
    "$@" >"$tmp/out" 2>&1 && ! grep -q -e "$pattern" "$tmp/out"
    result $? "$name"
}

cc=$build/tools/oshcc
cxx=$build/tools/oshc++

shows "the headers of the source tree" "-I$source/include" "$cc" -show -c a.c
shows "links with the library" "a.c .*-L$build/.libs -Wl,-rpath,$build/.libs -lnpushmem" \
    "$cc" -show a.c
for word in -c -S -E -M -fsyntax-only; do
    hides "does not link with $word" lnpushmem "$cc" -show $word a.c
done
hides "does not link nothing" lnpushmem "$cc" -show -v
hides "a value is no input" lnpushmem "$cc" -show -o a -I b
shows "an object is" lnpushmem "$cc" -show a.o
shows "arguments are kept whole" "'a b.c' '-DX=\"y z\"'" "$cc" --showme 'a b.c' '-DX="y z"'
shows "the whole answer to -show alone" "-I$source/include -L$build/.libs .*-lnpushmem" "$cc" -show
shows "the static library" "-L$build/.libs -l:libnpushmem.a .*-lpmix" "$cc" -show -static-lib a.o
shows "-showme:compile" "^-I$source/include$" "$cc" -showme:compile
shows "--showme:link" "^-L$build/.libs -Wl,-rpath,$build/.libs -lnpushmem$" "$cc" --showme:link
shows "--showme:libdirs" "^$build/.libs$" "$cc" --showme:libdirs
shows "OSHCC_CC" "^my cc -I" env OSHCC_CC="my cc" "$cc" -show a.c
shows "CC" "^my cc -I" env CC="my cc" "$cc" -show a.c
hides "CC naming the wrapper" "^[^ ]*oshcc" env CC="$cc" "$cc" -show a.c
shows "OSHCXX_CXX" "^my c++ -I" env OSHCXX_CXX="my c++" "$cxx" -show a.cc
hides "CC is not for C++" "^my" env CC="my cc" "$cxx" -show a.cc
shows "--version" "^npushmem [0-9]" "$cc" --version

# As installed: the script goes to another place together with the tree around it.
prefix=$(sed -n "s/^prefix='\(.*\)'/\1/p" "$cc")
bindir=$(sed -n 's/^bindir="\(.*\)"/\1/p' "$cc" |
    sed "s|\${exec_prefix}||; s|\${prefix}||; s|^$prefix||")
mkdir -p "$tmp/moved$bindir"
cp "$cc" "$tmp/moved$bindir/oshcc"
shows "moved, the headers" "-I$tmp/moved/" "$tmp/moved$bindir/oshcc" -show a.c
shows "moved, the library" "-Wl,-rpath,$tmp/moved/" "$tmp/moved$bindir/oshcc" -show a.c
ln -s "moved$bindir/oshcc" "$tmp/link"
shows "through a link" "-I$tmp/moved/" "$tmp/link" -show a.c

printf '#include <shmem.h>\nint main(void) { shmem_init(); shmem_finalize(); return 0; }\n' \
    >"$tmp/a.c"
cp "$tmp/a.c" "$tmp/a.cc"
"$cc" -Wall -Werror -c "$tmp/a.c" -o "$tmp/a.o" >"$tmp/out" 2>&1
result $? "compiles C"
"$cxx" -Wall -Werror -c "$tmp/a.cc" -o "$tmp/b.o" >"$tmp/out" 2>&1
result $? "compiles C++"
# Large variables lie apart from small ones.
cat >"$tmp/medium.c" <<'EOT'
#include <shmem.h>
static char bss[300000], data[300000] = {1};
static int small_bss, small_data = 1;
int main(void)
{
    shmem_init();
    int next = (shmem_my_pe() + 1) % shmem_n_pes();
    shmem_char_p(&bss[299999], 2, next);
    shmem_char_p(&data[299999], 3, next);
    shmem_int_p(&small_bss, 4, next);
    shmem_int_p(&small_data, 5, next);
    shmem_barrier_all();
    int good = bss[299999] == 2 && data[299999] == 3 && data[0] == 1;
    good = good && small_bss == 4 && small_data == 5;
    shmem_finalize();
    return good ? 0 : 1;
}
EOT

if [ -f "$build/.libs/libnpushmem.so" ]; then
    "$cc" "$tmp/a.o" -o "$tmp/a" >"$tmp/out" 2>&1 && timeout 30 "$tmp/a" >"$tmp/out" 2>&1
    result $? "links a program that runs"
    "$cc" -static-lib -x c "$tmp/a.c" -o "$tmp/s" >"$tmp/out" 2>&1 &&
        timeout 30 "$tmp/s" >"$tmp/out" 2>&1 && ! ldd "$tmp/s" | grep -q npushmem
    result $? "links a program with the library inside"
    for flags in '-fpie -pie' '-fno-pie -no-pie' '-fpie -pie -mcmodel=medium' \
        '-fno-pie -no-pie -mcmodel=medium'; do
        # shellcheck disable=SC2086  # a list of flags
        "$cc" $flags "$tmp/medium.c" -o "$tmp/m" >"$tmp/out" 2>&1 || continue
        timeout 60 "$build/tools/oshrun" --launcher own -n 2 "$tmp/m" >"$tmp/out" 2>&1
        result $? "the static variables of a program built with $flags"
    done
fi
echo "1..$n_tests"
