# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh disable=SC2034,SC2154  # shared between files
# machine.sh -- what the RDMA tests share: they run themselves in machines that have RDMA devices.
# RDMA_PROGRAMS names the conformance programs to run, instead of all of them.
# shellcheck source-path=SCRIPTDIR source=../lint/tap.sh
. "$(dirname "$0")/../lint/tap.sh"
# Emulated processors are slow.  All registered memory is in real memory.
export SHMEM_SYMMETRIC_SIZE="${SHMEM_SYMMETRIC_SIZE:-32M}" SHMEM_WATCHDOG=0
export LD_LIBRARY_PATH="$build/.libs"
cd "$build" || exit 2

# in_machines <hosts> <seconds>: go on there, or skip everything, saying why.
in_machines() {
    [ -z "${RDMA_HOSTS:-}" ] || return 0
    if [ ! -e "$build/.libs/verbs.so" ]; then
        echo "1..0 # SKIP the verbs module was not built"
        exit 0
    fi
    "$src/tests/lab/rdma" --prepare >"$tmp/prepare" 2>&1 || {
        echo "1..0 # SKIP $(tail -n 1 "$tmp/prepare")"
        exit 0
    }
    rm -rf "$tmp"
    trap - EXIT
    exec "$src/tests/lab/rdma" --hosts "$1" --timeout "$2" -- sh "$0" "$src" "$build"
}

# job <oshrun's arguments>: sets status; files out, err and both.
job() {
    timeout -k 5 "${limit:-900}" tools/oshrun "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    status=$?
    cat "$tmp/out" "$tmp/err" >"$tmp/both"
}

says() {
    grep -Eq -e "$1" "$tmp/both" || { cat "$tmp/both" && return 1; }
}

# A program of many PEs prints TAP and ends well.
conforms() { # <oshrun's arguments>
    job "$@"
    [ "$status" = 0 ] && ! grep '^not ok' "$tmp/out" && return
    echo "status $status" && tail -n 15 "$tmp/both" && return 1
}

conformance() { # <what it is called> <oshrun's arguments>
    called=$1
    shift
    for program in ${RDMA_PROGRAMS:-tests/openshmem-conformance/*}; do
        program=tests/openshmem-conformance/${program##*/}
        [ -f "$program" ] && [ -x "$program" ] || continue
        check "${program##*/}, $called" conforms "$@" "$program"
    done
}
