#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# loss.sh -- a PE is lost, whatever the others are doing: the job ends soon and says why.
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"
fault=$programs/fault

lost() {
    check "$1: the job fails" has_failed
    check "$1: it takes less than 5 seconds" within_ms 5000
    check "$1: PE 1 is named" says '(PE|rank|process) 1([^0-9]|$)'
    check "$1: nobody goes on" says_not 'went on without'
    check "$1: nothing is left" nothing_left
}

for launcher in $launchers; do
    export SHMEM_LAUNCHER="$launcher"
    for doing in barrier wait test compute sleep lock reduce finalize put; do
        job 3 "$fault" kill "$doing"
        lost "$launcher, killed, the others: $doing"
    done
    for what in segv abort exit=3 return=3 _exit=3 _exit=0 exit=0 return=0; do
        job 3 "$fault" "$what" wait
        lost "$launcher, $what, the others: wait"
    done
    job 3 "$fault" exit=3 barrier
    check "$launcher, exit 3: the status is the PE's" status_is 3
    job 2 "$fault" segv compute
    check "$launcher, segv: the status says so" status_is 139
done
finish
