#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# fork.sh -- PEs that fork.
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"
program=$programs/fork

for launcher in $launchers; do
    export SHMEM_LAUNCHER="$launcher"
    for mode in memory system exec calls; do
        job 2 "$program" "$mode"
        check "$launcher, $mode: the job ends well" status_is 0
        check "$launcher, $mode: nothing is left" nothing_left
    done
    check "$launcher: a child is told that it is no PE" line_has shmem_barrier_all 'fork|child'
    check "$launcher: by the routine it called" line_has shmem_long_p 'fork|child'
done
finish
