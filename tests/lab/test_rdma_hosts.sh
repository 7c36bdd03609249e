#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_rdma_hosts.sh -- the verbs module between two machines with RDMA devices.
# shellcheck disable=SC2015,SC2317  # called by name
# shellcheck source-path=SCRIPTDIR source=machine.sh
. "$(dirname "$0")/machine.sh"
in_machines 2 "${RDMA_TIMEOUT:-5400}"
export SHMEM_TRANSPORT=verbs OMPI_MCA_plm_rsh_agent=rsh OMPI_MCA_hwloc_base_binding_policy=none
on_two='--launcher mpirun --hosts node0:1,node1:1 -n 2'
on_both='--launcher mpirun --hosts node0:2,node1:2 -n 4'

# The other end has gone; the time-out is the adapter's.
loses_a_pe() {
    # shellcheck disable=SC2086  # lists
    limit=60 job $on_two tests/faults/fault kill "$1"
    [ "$status" != 0 ] && [ "$status" != 124 ] && says '(PE|rank) 1([^0-9]|$)'
}

# shellcheck disable=SC2086  # lists
conformance "2 PEs on 2 hosts" $on_two
# shellcheck disable=SC2086
RDMA_PROGRAMS=${RDMA_MIXED-atomics ordering signals collectives_data} \
    conformance "4 PEs on 2 hosts" $on_both
check "a PE is killed while the other puts: the job ends and names it" loses_a_pe put
check "a PE is killed while the other waits: the job ends and names it" loses_a_pe wait
finish
