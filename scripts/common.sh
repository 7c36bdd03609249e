# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# common.sh -- what scripts/demo and scripts/check share: packages, builds, and the demo itself.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

# As root, which in containers one mostly is.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -E "$@"; fi
}

# install_packages build|check: those of scripts/packages that are missing.
install_packages() {
    local kind name missing=()
    while read -r kind name; do
        [ "$kind" = build ] || [ "$kind" = "$1" ] || continue
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
            missing+=("$name")
    done < <(grep -v '^#' "$root/scripts/packages")
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "this is not Debian; the build needs what these packages have: ${missing[*]}" >&2
        return 0
    fi
    echo "installing ${missing[*]}"
    as_root apt-get -qq update &&
        as_root apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# The build system's files, where they are not there or older than what they are made of.
bootstrap() {
    cd "$root" || return
    [ -f configure ] && [ configure -nt configure.ac ] && [ Makefile.in -nt Makefile.am ] ||
        autoreconf -fi
}

# build_in <directory> [configure's arguments]: what is named in targets, or all that is installed.
build_in() {
    local directory=$1
    shift
    bootstrap && mkdir -p "$directory" && cd "$directory" || return
    "$root/configure" "$@" || return
    # shellcheck disable=SC2086  # a list of names
    make -j"$(nproc)" ${targets:-all}
}

# quietly <log> <command...>: what it prints goes to the log, and is shown only if it fails.
quietly() {
    local log=$1
    shift
    mkdir -p "$(dirname "$log")"
    ("$@") >"$log" 2>&1 || {
        echo "$* failed; the end of $log:"
        tail -n 40 "$log"
        return 1
    }
}

# Build, install below build/, and compile and run an example as users do.
build_demo() {
    quietly "$build/logs/build.log" \
        build_in "$build" --enable-werror --prefix="$build/installed" &&
        quietly "$build/logs/install.log" make -C "$build" install
}

# The programs that scripts/demo shows; a fused operator leaves a timeline in $trace and $picture.
run_demo() {
    local bin=$build/installed/bin
    echo "oshcc examples/heat.c -o build/heat -lm && oshrun -n 4 build/heat"
    "$bin/oshcc" -O2 "$root/examples/heat.c" -o "$build/heat" -lm &&
        timeout 120 "$bin/oshrun" -n 4 "$build/heat" || return
    echo
    echo "oshcc matmul_allreduce.c fused.c timeline.c && SHMEM_DEVICE=sim oshrun -n 4"
    (cd "$root/examples" && "$bin/oshcc" -O2 matmul_allreduce.c fused.c timeline.c \
        -o "$build/matmul_allreduce" -lm) &&
        SHMEM_DEVICE=sim SHMEM_SIM_CORES=2 timeout 120 "$bin/oshrun" -n 4 \
            "$build/matmul_allreduce" -m 512 -n 512 -k 512 -t 64 \
            --trace "${trace:-$build/matmul_allreduce.json}" \
            --svg "${picture:-$build/matmul_allreduce.svg}"
}
