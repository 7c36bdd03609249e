#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# faults.sh -- kernels that crash or hang, hosts that touch device memory, blocks that were freed,
# PEs that are killed: each is told in one clear line, ends the job, and leaves nothing.
# shellcheck source-path=SCRIPTDIR source=../faults/faults.sh
. "$(dirname "$0")/../faults/faults.sh"
misuse=$build/tests/device/misuse
: "${SHMEM_LAUNCHER:=own}" # which starts and ends quickest
export SHMEM_LAUNCHER

# wrong <case> <patterns that one line must have>
wrong() {
    name=$1
    shift
    job 2 "$misuse" "$name"
    check "$name: the job fails" has_failed
    check "$name: nobody goes on" says_not survived
    check "$name: one line has: $*" line_has npushmem "$@"
    check "$name: nothing is left" nothing_left
}

wrong touch 'PE 1' 'device memory' 0x 'shmem_get'
wrong crash 'PE 1' 'kernel storing_kernel' 'block 2 of 4' 'Segmentation fault at address 0x' \
    'not device memory'
wrong unseen 'PE 1' 'kernel storing_kernel' 'block 2 of 4' 'null pointer'
wrong bad_kernel 'PE 1' 'device fault' 'block 0 of 1'
wrong overflow 'PE 1' 'kernel sinking_kernel' 'block 1 of 2' "beyond the core's stack of 8 MiB"
SHMEM_SIM_TIMEOUT=1
export SHMEM_SIM_TIMEOUT
wrong endless 'PE 1' 'kernel endless_kernel' 'not ended after 1 s' 'running: 1'
unset SHMEM_SIM_TIMEOUT
wrong call 'shmem_barrier_all' 'by a kernel'
wrong outside 'PE 1' 'shmem_long_p' '0x' 'not in the symmetric device heap'
wrong beyond 'PE 1' 'address 0x' 'of the device, where no memory is allocated'
wrong long_copy 'PE 1' 'shmemx_memcpy: src 0x' 'the 9 bytes' 'go 1 bytes beyond' 'ends at 0x'
wrong long_stream_copy 'PE 1' 'shmemx_memcpy_on_stream: dst 0x' 'the 9 bytes' 'ends at 0x'
wrong freed_twice shmem_free 0x 'freed before'
wrong no_stream shmemx_stream_create 'no device is open' shmemx_device_open
wrong no_device shmemx_barrier_all_on_stream 'no device is open' shmemx_device_open
wrong no_pe 'PE 1' shmemx_long_p_on_stream 'no PE 2' 'PEs 0 to 1'
wrong private 'PE 1' shmemx_putmem_on_stream 'dest 0x' 'not a symmetric address'
wrong two_at_once 'PE 1' shmemx_barrier_on_stream 'team of 2 PEs' events
SHMEM_CHECK=1
export SHMEM_CHECK
wrong freed shmem_long_p 0x 'was it freed'
wrong freed_on_stream shmemx_long_put_on_stream 0x 'was it freed'
unset SHMEM_CHECK
SHMEM_DEVICE=none
export SHMEM_DEVICE
wrong memory shmemx_calloc_device 'SHMEM_DEVICE=none'
unset SHMEM_DEVICE

# The device itself waits for a signal, and nobody sends it before that has been reported.
rm -f "$tmp/err"
MISUSE_GO=$tmp/go SHMEM_WATCHDOG=1
export MISUSE_GO SHMEM_WATCHDOG
(
    wait_for 50 grep -qs 'waiting for' "$tmp/err"
    : >"$MISUSE_GO"
) &
job 2 "$misuse" late_signal
wait $!
unset SHMEM_WATCHDOG
check "a stream that waits too long: one line says for what" line_has npushmem 'PE 1' \
    shmemx_signal_wait_until_on_stream 0x 'device heap' 'it is 3, to become 5 or more'
check "and the job goes on when the signal has come" status_is 0

SHMEM_SIM_P2P=no
export SHMEM_SIM_P2P
job 3 "$misuse" no_quiet
check "a kernel that leaves without a quiet: shmem_finalize waits for what it has asked for" \
    status_is 0
unset SHMEM_SIM_P2P

job 2 "$misuse" killed
check "a PE that is killed with a kernel running: the job fails" has_failed
check "a PE that is killed with a kernel running: nothing is left" nothing_left
# Many cores' stacks and a large heap of the host: a kernel's own variable is never taken for one
# that all PEs have.
SHMEM_DEVICE=sim SHMEM_SIM_CORES=30 SHMEM_SYMMETRIC_SIZE=1G
export SHMEM_DEVICE SHMEM_SIM_CORES SHMEM_SYMMETRIC_SIZE
job 2 "$build/tests/device/kernel_calls" 'wrong arguments'
check "a kernel's own variables are not symmetric" status_is 0
unset SHMEM_DEVICE SHMEM_SIM_CORES SHMEM_SYMMETRIC_SIZE
job 2 "$misuse" memory
check "without a fault, all goes well" status_is 0
check "without a fault, nothing is left" nothing_left
finish
