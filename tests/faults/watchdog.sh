#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# watchdog.sh -- a job that is stuck says who waits for what, and goes on waiting.
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"
fault=$programs/fault
seconds=9
export SHMEM_WATCHDOG=1 FAULT_DELAY=60000

stopped_by_us() {
    [ "$status" = 124 ]
}

# PE 1 sleeps for a minute; PEs 0 and 2 wait for what does not come.
stuck() {
    job 3 "$fault" exit=0 "$1"
    check "others: $1: the job goes on until it is stopped" stopped_by_us
    check "others: $1: PE 0 reports $2" line_has 'PE 0' "$2"
    check "others: $1: and PE 2" line_has 'PE 2' "$2"
    kill_rest
    check "others: $1: nothing is left" nothing_left
}
stuck wait shmem_long_wait_until
check "and what the variable is, and has to become" line_has 'PE 0: .*shmem_long_wait_until' \
    'data \+ 0x[0-9a-f]*\): it is 0, to become 1 '
stuck barrier shmem_barrier_all
check "the barrier's report names the PE that is missing" \
    line_has shmem_barrier_all 'PE 1([^0-9]|$)'
stuck lock shmem_set_lock
check "the lock's report says which word it is" line_has shmem_set_lock 'static data \+ 0x'
for pe in 0 2; do
    check "PE $pe names the lock's holder, not only who is before it in the queue" \
        line_has "PE $pe: .*waiting for" 'PE 1 has the lock, and is not waiting'
done
stuck reduce shmem_long_sum_reduce
stuck finalize shmem_finalize

export SHMEM_WATCHDOG=0
job 2 "$fault" exit=0 wait
check "SHMEM_WATCHDOG=0: no report" says_not shmem_long_wait_until
kill_rest
finish
