#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_hosts.sh -- jobs on several hosts: the conformance programs, and what can happen to a host.
# LAB_PROGRAMS names the conformance programs to run, instead of all of them, or, on 3 hosts, of
# some.  LAB_PARTS names the parts to run, instead of all.
# shellcheck disable=SC2015,SC2317  # called by name
# shellcheck source-path=SCRIPTDIR source=hosts.sh
. "$(dirname "$0")/hosts.sh"
fault=tests/faults/fault
export SHMEM_TRANSPORT="${SHMEM_TRANSPORT:-auto}"
FAULT_TIME=$tmp/time

# A program of many PEs prints TAP and ends well.
conforms() { # <arguments of "lab run">
    job --timeout "$limit" "$@"
    status_is 0 && ! grep '^not ok' "$tmp/out"
}

# The names of all programs, or of those that were asked for.
programs() {
    for program in ${LAB_PROGRAMS:-tests/openshmem-conformance/*}; do
        program=tests/openshmem-conformance/${program##*/}
        [ -f "$program" ] && [ -x "$program" ] && echo "$program"
    done
}

conformance() { # <hosts> <PEs>
    for program in $(programs); do
        check "${program##*/}, $2 PEs on $1 hosts" conforms --hosts "$1" -n "$2" "$program"
    done
}

# The job fails within some seconds of the time in the file, and not by a time limit.
fails_within() { # <seconds>
    [ -s "$FAULT_TIME" ] || { echo "there was no fault" && cat "$tmp/both" && return 1; }
    since=$(($(now_ms) - $(cat "$FAULT_TIME")))
    [ "$status" != 0 ] && [ "$status" != 124 ] && [ "$since" -le $(($1 * 1000)) ] && return
    echo "status $status, $since ms after the fault"
    cat "$tmp/both"
    return 1
}

# Programs of a list, each of which is taken by one of several such processes.
lossy() { # <program...>
    for program; do
        mkdir "$tmp/${program##*/}" 2>/dev/null || continue
        (
            tmp=$tmp/${program##*/}
            conforms --hosts 2 -n 2 -x CONFORMANCE_SLOWNESS=1000 "$program" >"$tmp/why" 2>&1 &&
                : >"$tmp/good"
        )
    done
}

was_good() { # <program>
    [ -e "$tmp/${1##*/}/good" ] || { cat "$tmp/${1##*/}/why" && return 1; }
}

# Packets that come late, or not at all: TCP mends that, and the library has to be patient.  The
# programs sleep nearly all the time, so several run at once, the longest first; but not those of
# MPI, whose shared memory is not left behind while it runs.
bad_cable() {
    limit=400
    "$lab" delay host1 20ms loss 1% && "$lab" delay host2 20ms loss 1% || exit
    long='/(atomics|rma|reductions|ordering|collectives_data)$'
    # shellcheck disable=SC2046  # lists
    set -- $(programs | grep -E "$long") $(programs | grep -vE "$long|/mixed_mpi$")
    for process in 1 2 3 4 5 6 7 8; do
        lossy "$@" &
    done
    wait
    # shellcheck disable=SC2046  # lists
    set -- "$@" $(programs | grep mixed_mpi)
    lossy "$@"
    for program; do
        check "${program##*/}, packets late and lost" was_good "$program"
    done
    limit=150
    "$lab" delay host1 off
    "$lab" delay host2 off
}

# One line that says why, also where nothing was asked for by name.
no_network() {
    job --timeout 60 --hosts 2 -n 2 -x SHMEM_OFI_PROVIDER=nosuch "$fault" exit=0 sleep
    check "no provider for two hosts: the job fails" no status_is 0
    check "and one line says why" says 'no network reaches all PEs.*SHMEM_OFI_PROVIDER=nosuch'
}

# The software NPUs of different hosts.
devices() {
    for program in memory rma atomics signals collectives streams; do
        check "device memory: $program, 4 PEs on 2 hosts" conforms --hosts 2 -n 4 \
            -x SHMEM_DEVICE=sim "tests/device/$program"
    done
}

# PE 1 is on another host than PE 0.
lost_pe() {
    for doing in barrier wait put sleep; do
        rm -f "$FAULT_TIME"
        job --timeout 60 --hosts 2 -n 2 -x FAULT_TIME="$FAULT_TIME" "$fault" kill $doing
        check "a PE is killed, the other: $doing: the job fails within 5 seconds" fails_within 5
        check "and names it" says '(PE|rank) 1([^0-9]|$)'
        check "and leaves nothing" no says 'left (running|in)'
    done
    rm -f "$FAULT_TIME"
    job --timeout 60 --hosts 2 -n 4 -x FAULT_TIME="$FAULT_TIME" "$fault" kill barrier
    check "2 PEs on 2 hosts, one is killed: the job fails within 5 seconds" fails_within 5
    check "and leaves nothing" no says 'left (running|in)'
}

# Something happens to the network under a job that would go on for a minute.  A job that the
# launcher did not bring so far says nothing about that, and another is started.
disturbed() { # <what the PEs do> <arguments of "lab">
    doing=$1
    shift
    for try in 1 2 3; do
        rm -f "$tmp/struck" "$FAULT_TIME"
        (
            if wait_for 40 on host2 sh -c 'grep -qsz "faults/fault\$" /proc/[0-9]*/cmdline'; then
                sleep 3 # for shmem_init
                now_ms >"$FAULT_TIME"
                : >"$tmp/struck"
                "$lab" "$@"
            fi
        ) &
        striking=$!
        job --timeout 60 --hosts 2 -n 2 -x FAULT_DELAY=60000 "$fault" kill "$doing"
        wait $striking
        [ ! -e "$tmp/struck" ] || return 0
        sed "s/^/# try $try, no PE on host2 in 40 seconds: /" "$tmp/both" >&2
    done
}

lost_network() {
    # The launcher notices that a host is gone, and ends the job whatever the PEs are doing.
    for doing in wait put; do
        SHMEM_NET_TIMEOUT=9
        export SHMEM_NET_TIMEOUT
        disturbed $doing link host2 down
        check "a host without a network, the other: $doing: the job fails" fails_within 25
        check "and leaves nothing in shared memory" no says 'left in'
        "$lab" link host2 up
    done
    # Here it sees both hosts, and only the PEs can know.
    export SHMEM_NET_TIMEOUT=3
    disturbed put cut host1 host2
    check "hosts that are cut off from each other: the job fails" fails_within 10
    check "and the PE that is out of reach is named" says '(PE|rank) [01]([^0-9]|$)'
    check "and nothing is left" no says 'left (running|in)'
    "$lab" heal host1 host2
    unset SHMEM_NET_TIMEOUT
    check "the hosts are as good as new" conforms --hosts 2 -n 2 tests/openshmem-conformance/rma
}

several_hosts() {
    conformance 2 4
    asked=${LAB_PROGRAMS:-}
    : "${LAB_PROGRAMS:=memory teams contexts atomics signals collectives_sync collectives_data \
        reductions ordering wait}"
    conformance 3 6
    LAB_PROGRAMS=$asked
}

need_lab 3
command -v mpirun >/dev/null || {
    echo "1..0 # SKIP there is no mpirun"
    exit 0
}
for part in ${LAB_PARTS:-several_hosts no_network devices bad_cable lost_pe lost_network}; do
    $part
done
finish
