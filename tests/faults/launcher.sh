#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# launcher.sh -- the launcher is lost, or everybody at once: nothing stays behind.
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"
fault=$programs/fault
status=
took=0

all_there() {
    [ "$(pes "$fault" | wc -l)" = 3 ]
}

none_there() {
    [ -z "$(pes "$fault")" ]
}

all_gone() {
    [ -z "$(rest)" ]
}

# Three PEs that wait for ever, in the background; the launcher is $launcher_pid.  A shell without
# job control starts such commands with SIGINT ignored, which is undone.
start() {
    ls /dev/shm | sort >"$tmp/shm"
    : >"$tmp/both"
    # shellcheck disable=SC2086  # a command with its options
    env --default-signal=INT FAULT_JOB="$FAULT_MARK" $OSHRUN -n 3 "$fault" kill "$1" \
        >"$tmp/out" 2>"$tmp/err" </dev/null &
    launcher_pid=$!
    wait_for 20 all_there
}

for launcher in $launchers; do
    export SHMEM_LAUNCHER="$launcher"
    for doing in barrier wait compute sleep; do
        # The PE that kills itself sleeps half a second first, and here never gets that far.
        export FAULT_DELAY=30000
        start "$doing"
        check "$launcher: three PEs run" all_there
        sleep 0.5
        kill -9 "$launcher_pid"
        wait "$launcher_pid" 2>/dev/null
        check "$launcher killed, PEs: $doing: they end within 5 seconds" wait_for 5 none_there
        check "$launcher killed, PEs: $doing: nothing is left" nothing_left
    done

    start wait
    sleep 0.5
    for pid in $(rest); do
        kill -9 "$pid" 2>/dev/null
    done
    wait "$launcher_pid" 2>/dev/null
    check "$launcher: all killed at once: nothing is left" nothing_left

    for signal in TERM INT; do
        start wait
        sleep 0.5
        kill -"$signal" "$launcher_pid"
        check "$launcher: SIG$signal ends the job" wait_for 10 all_gone
        wait "$launcher_pid"
        status=$?
        check "$launcher: SIG$signal: the status is not 0" [ "$status" != 0 ]
        check "$launcher: SIG$signal: nothing is left" nothing_left
    done
done
finish
