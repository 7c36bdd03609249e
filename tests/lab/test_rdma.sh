#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_rdma.sh -- the verbs module on a machine with an RDMA device, without shared memory.
# shellcheck disable=SC2015,SC2317  # called by name
# shellcheck source-path=SCRIPTDIR source=machine.sh
. "$(dirname "$0")/machine.sh"
in_machines 1 "${RDMA_TIMEOUT:-5400}"
export SHMEM_LAUNCHER=own SHMEM_TRANSPORT=verbs SHMEM_NODE_SHARING=no

# drives <PEs>: all of the module's table, with the loop transport as the oracle.
drives() {
    timeout 300 tests/unit/test_transport .libs/verbs.so "$1" >"$tmp/out" 2>&1
    status=$?
    [ "$status" = 0 ] && ! grep -E '^not ok|SKIP' "$tmp/out" || { cat "$tmp/out" && return 1; }
}

# refuses <what is said, once>: the job ends at once, and not well.
refuses() {
    limit=30 job -n 2 tests/openshmem-conformance/signals
    [ "$status" != 0 ] && [ "$status" != 124 ] && [ "$(grep -Ec -e "$1" "$tmp/both")" = 1 ] ||
        { echo "status $status" && cat "$tmp/both" && return 1; }
}

# The word that is not there ends the job with all that is known about it.
strays() {
    timeout 60 tests/unit/test_transport .libs/verbs.so stray >"$tmp/both" 2>&1
    says 'put of 8 bytes at 0x[0-9a-f]+ of PE 1 failed: .*rxe0.*not in memory'
}

# Nor does a job wait for ever for a PE that has gone before anybody spoke to it.
unanswered() {
    SHMEM_NET_TIMEOUT=2 timeout 60 tests/unit/test_transport .libs/verbs.so deaf >"$tmp/both" 2>&1
    says 'PE 1 does not answer .* for 2 seconds.*rxe0'
}

check "the module's table, 2 PEs" drives 2
check "a put to what is not exposed ends the job and says where" strays
check "a put to a PE that has gone ends the job and says so" unanswered
SHMEM_VERBS_DEVICE=rxe7 check "a device that is not there" refuses 'VERBS_DEVICE=rxe7.* rxe0'
SHMEM_VERBS_PORT=2 check "a port that is not there" refuses 'VERBS_PORT=2.*rxe0 has 1 port'
SHMEM_VERBS_GID=77 check "a GID that is not there" refuses 'VERBS_GID=77.*no such GID'
SHMEM_VERBS_GID=0 check "another GID of the port" conforms -n 2 tests/openshmem-conformance/signals
conformance "2 PEs through the device" -n 2
# Stores and the device together: all share memory; on each of two make-believe nodes two do.
export SHMEM_NODE_SHARING=yes CONFORMANCE_SLOWNESS=50
RDMA_PROGRAMS=${RDMA_MIXED-atomics ordering signals} conformance "2 PEs with shared memory" -n 2
SHMEM_NODE_SIZE=2 RDMA_PROGRAMS=${RDMA_MIXED-atomics ordering signals} \
    conformance "4 PEs, half of them with shared memory" -n 4
export SHMEM_NODE_SHARING=no
for program in rma atomics signals; do
    check "$program, memory of an accelerator" conforms -n 2 tests/device/$program
done
finish
