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
shows "the static library" "-L$build/.libs -l:libnpushmem.a .*-lpmix" "$cc" -show -static-lib a.o
shows "-showme:compile" "^-I$source/include$" "$cc" -showme:compile
shows "--showme:link" "^-L$build/.libs -Wl,-rpath,$build/.libs -lnpushmem$" "$cc" --showme:link
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
if [ -f "$build/.libs/libnpushmem.so" ]; then
    "$cc" "$tmp/a.o" -o "$tmp/a" >"$tmp/out" 2>&1 && timeout 30 "$tmp/a" >"$tmp/out" 2>&1
    result $? "links a program that runs"
    "$cc" -static-lib -x c "$tmp/a.c" -o "$tmp/s" >"$tmp/out" 2>&1 &&
        timeout 30 "$tmp/s" >"$tmp/out" 2>&1 && ! ldd "$tmp/s" | grep -q npushmem
    result $? "links a program with the library inside"
fi
echo "1..$n_tests"
