#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# compile.sh -- what kernels include compiles without a warning, as C11 and C++11 by the compilers
# of the host, and as the compilers of devices see it: by them where they are here, and by a clang
# that can do without.
# shellcheck source-path=SCRIPTDIR source=../lint/tap.sh
. "$(dirname "$0")/../lint/tap.sh"

user=$src/tests/device/user.c

# The headers as nobody else sees them: with all that compilers have to say of them.
mkdir "$tmp/include" && cp "$src"/include/*.h "$tmp/include" || exit 2
for header in "$src"/include/shmemx_*.h; do
    sed '/pragma GCC system_header/d' "$header" >"$tmp/include/${header##*/}" || exit 2
done
include=-I$tmp/include

# by <compiler> <language> <standard>
by() {
    "$1" -x "$2" -std="$3" -Wall -Wextra -Wpedantic -Werror "$include" -O2 -c "$user" \
        -o "$tmp/user.o"
}

# functions <compiler and options>: the names of those that the headers define, every type's.
functions() {
    "$@" "$include" -E -P "$user" |
        grep -oE "shmemx_device_[a-zA-Z0-9_]+ *\\(" | tr -d " (" | sort -u
}

# The same, of all types, as on the host: none is left out for a device's compiler.
same_functions() {
    functions cc -x c -std=c11 >"$tmp/host"
    functions "$@" >"$tmp/device"
    [ "$(wc -l <"$tmp/host")" -gt 700 ] && diff "$tmp/host" "$tmp/device"
}

for compiler in gcc clang; do
    if have "$compiler"; then
        check "C11 by $compiler" by "$compiler" c c11
        check "C++11 by $compiler" by "$compiler" c++ c++11
    else
        skip "C and C++ by $compiler" "there is no $compiler"
    fi
done

# CUDA has no long double and says so of each function that takes one.
by_nvcc() {
    "$nvcc" -x cu -std=c++11 -Werror all-warnings -diag-suppress 20208 "$include" -c "$user" \
        -o "$tmp/user.o"
}

nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null)
if [ -n "$nvcc" ]; then
    check "CUDA by nvcc" by_nvcc
else
    skip "CUDA by nvcc" "there is no nvcc"
fi

# In clang's own manner, which needs nothing of CUDA's but its words.
cuda_by_clang() {
    clang -x cuda --cuda-device-only --cuda-gpu-arch=sm_70 -nocudainc -nocudalib -std=c++11 -Wall \
        -Wextra -Werror -Wno-unused-function -Wno-unknown-cuda-version -DSTAND_IN_CUDA \
        "$include" -O1 -S "$user" \
        -o "$tmp/user.ptx" && grep -q 'entry user' "$tmp/user.ptx"
}

if ! have clang; then
    skip "CUDA by clang" "there is no clang"
elif ! clang -print-targets 2>/dev/null | grep -q nvptx64; then
    skip "CUDA by clang" "this clang makes no code for NVIDIA's devices"
else
    check "CUDA by clang, with stand-ins for the toolkit" cuda_by_clang
    check "CUDA: each function of each type" same_functions clang -x cuda --cuda-device-only \
        --cuda-gpu-arch=sm_70 -nocudainc -nocudalib -std=c++11 -Wno-unknown-cuda-version \
        -DSTAND_IN_CUDA
fi

# Kernels of NPUs are C++; their compiler is a clang, and knows global memory as an address space.
ascendc_by_clang() {
    clang -x c++ -std=c++17 -Wall -Wextra -Werror -Wno-unused-function -DSTAND_IN_ASCENDC \
        "$include" -fsyntax-only "$user"
}

if have clang; then
    check "AscendC by clang, with stand-ins for the toolkit" ascendc_by_clang
    check "AscendC: each function of each type" same_functions clang -x c++ -std=c++17 \
        -DSTAND_IN_ASCENDC
else
    skip "AscendC by clang" "there is no clang"
fi
finish
