#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# exit.sh -- how a job ends when a PE ends it, and what becomes of its output.
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"
fault=$programs/fault

for launcher in $launchers; do
    export SHMEM_LAUNCHER="$launcher"
    for code in 0 1 7 99 255; do
        job 3 "$fault" "global_exit=$code" wait
        check "$launcher: global_exit($code): the status, others wait" status_is "$code"
        check "$launcher: global_exit($code): takes less than 5 s" within_ms 5000
        check "$launcher: global_exit($code): the buffered output of its PE is there" \
            says 'from PE 1, unfinished; '
        check "$launcher: global_exit($code): nothing is left" nothing_left
    done
    for doing in compute barrier lock sleep; do
        job 3 "$fault" global_exit=7 "$doing"
        check "$launcher: global_exit(7), others: $doing: the status" status_is 7
        check "$launcher: global_exit(7), others: $doing: takes less than 5 s" within_ms 5000
        check "$launcher: global_exit(7), others: $doing: nothing is left" nothing_left
    done
    job 2 "$fault" global_exit=0 barrier
    check "$launcher: global_exit(0) while others are in a barrier: status 0" status_is 0
    check "$launcher: and nobody complains" eval '! line_has npushmem'
    job 3 "$fault" global_exit=5 all
    check "$launcher: global_exit(5) on all PEs: the status" status_is 5
    job 1 "$fault" global_exit=6 wait
    check "$launcher: global_exit(6) of one PE alone: the status" status_is 6

    # Without shmem_finalize, but on all PEs.
    for how in exit=0 return=0 late_finalize; do
        job 3 "$fault" "$how" all
        check "$launcher: $how on all PEs without finalize: status 0" status_is 0
        check "$launcher: $how on all PEs: nothing is left" nothing_left
    done
    job 3 "$fault" exit=3 all
    check "$launcher: exit(3) on all PEs: status 3" status_is 3
    job 3 "$fault" abort sleep
    check "$launcher: abort(): the job fails" has_failed
    check "$launcher: abort(): nothing is left" nothing_left
done

alone "$fault" global_exit=9 wait
check "without a launcher: global_exit(9): the status" status_is 9
check "without a launcher: the buffered output is there" says 'from PE 0, unfinished; '
alone "$fault" exit=0 all
check "without a launcher: exit(0) without finalize: status 0" status_is 0
alone "$fault" exit=4 all
check "without a launcher: exit(4) without finalize: status 4" status_is 4
finish
