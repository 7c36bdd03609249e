#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# environment.sh -- the variables of the library, and launchers that it does not speak with.
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"
heap=$programs/heap
mega=1048576

works() {
    [ "$status" = 0 ] && says "PE 0 of 2: shmem_malloc\\($1\\) gave memory" && says 'PE 1 is done'
}

gives_nothing() {
    [ "$status" = 0 ] && says "PE 0 of 2: shmem_malloc\\($1\\) gave nothing" && says 'PE 1 is done'
}

# with <VAR=value> <bytes>
with() {
    job 2 -x "$1" "$heap" "$2"
}

# What the specification says of sizes: fractions, one letter, either case, the rest ignored.
with SHMEM_SYMMETRIC_SIZE=1m $((mega * 9 / 10))
check "SHMEM_SYMMETRIC_SIZE=1m is enough for 0.9 MiB" works $((mega * 9 / 10))
with SHMEM_SYMMETRIC_SIZE=1m $((mega * 600))
check "SHMEM_SYMMETRIC_SIZE=1m is not enough for 600 MiB" gives_nothing $((mega * 600))
check "a failing malloc says what is free, and the variable" says 'SHMEM_SYMMETRIC_SIZE'
with SHMEM_SYMMETRIC_SIZE=.5m $((mega * 4 / 10))
check "SHMEM_SYMMETRIC_SIZE=.5m" works $((mega * 4 / 10))
with SHMEM_SYMMETRIC_SIZE=3.1M $((mega * 3))
check "SHMEM_SYMMETRIC_SIZE=3.1M" works $((mega * 3))
with SHMEM_SYMMETRIC_SIZE=1G $((mega * 1000))
check "SHMEM_SYMMETRIC_SIZE=1G" works $((mega * 1000))
with SHMEM_SYMMETRIC_SIZE=900kilobytes $((mega / 2))
check "SHMEM_SYMMETRIC_SIZE=900kilobytes" works $((mega / 2))
with SHMEM_SYMMETRIC_SIZE=2000000 $((mega * 3 / 2))
check "SHMEM_SYMMETRIC_SIZE=2000000" works $((mega * 3 / 2))
with SMA_SYMMETRIC_SIZE=1m $((mega * 600))
check "SMA_SYMMETRIC_SIZE=1m, the old name" gives_nothing $((mega * 600))
job 2 -x SMA_SYMMETRIC_SIZE=1m -x SHMEM_SYMMETRIC_SIZE=800m "$heap" $((mega * 600))
check "SHMEM_SYMMETRIC_SIZE wins over SMA_SYMMETRIC_SIZE" works $((mega * 600))
with SHMEM_SYMMETRIC_SIZE=0 0
check "SHMEM_SYMMETRIC_SIZE=0 starts" gives_nothing 0
with SHMEM_SYMMETRIC_SIZE=0 $mega
check "SHMEM_SYMMETRIC_SIZE=0 has no memory" gives_nothing $mega

for bad in bad -1 1x m '1 m' 100000T 0x100 nan inf; do
    with "SHMEM_SYMMETRIC_SIZE=$bad" 0
    check "SHMEM_SYMMETRIC_SIZE='$bad' fails" has_failed
    check "SHMEM_SYMMETRIC_SIZE='$bad': the variable and the value are named" \
        line_has SHMEM_SYMMETRIC_SIZE "$(echo "$bad" | sed 's/100000T/100000T|[0-9] MiB/')"
    check "SHMEM_SYMMETRIC_SIZE='$bad': nothing is left" nothing_left
done
with SHMEM_CHECK=perhaps 0
check "a bad value of another kind fails" has_failed
check "and is named" line_has SHMEM_CHECK perhaps

with SHMEM_SYMETRIC_SIZE=1m 64
check "a misspelt variable does not stop the job" works 64
check "but is reported, with the nearest name" line_has SHMEM_SYMETRIC_SIZE SHMEM_SYMMETRIC_SIZE
once() {
    [ "$(grep -c "$1" "$tmp/both")" = 1 ]
}
check "once, not by every PE" once SHMEM_SYMETRIC_SIZE

with SHMEM_VERSION=1 64
check "SHMEM_VERSION prints the version" says 'npushmem [0-9]+\.[0-9]+'
check "SHMEM_VERSION: once" once 'npushmem [0-9]'
with SHMEM_INFO= 64
for variable in SHMEM_SYMMETRIC_SIZE SHMEM_DEBUG SHMEM_VERSION SHMEM_INFO SHMEM_CHECK; do
    check "SHMEM_INFO, set to nothing, tells of $variable" says "$variable"
done
check "SHMEM_INFO: once" once '^ *SHMEM_SYMMETRIC_SIZE'
job 2 "$heap" 64
check "without them nothing of the library's is printed" [ "$(wc -l <"$tmp/both")" = 4 ]
with SHMEM_DEBUG=1 64
check "SHMEM_DEBUG prints, and the job works" works 64
check "SHMEM_DEBUG: lines of the library on stderr" line_has npushmem debug

# What only one PE has been told, and all must do alike.
for setting in NODE_SHARING=no STATIC_SHARING=no TEAMS_MAX=64 HEAP=device CHECK=1 COLL_SCAN=flat; do
    # shellcheck disable=SC2016  # for the PEs' shell
    job 3 sh -c '[ "$PMIX_RANK" != 1 ] || export "SHMEM_$1"; exec "$0" 64' "$heap" "$setting"
    check "$setting on PE 1 only: refused" has_failed
    check "$setting: and says so" line_has "SHMEM_${setting%=*} is .* on PE 0 " 'on PE 1 '
    check "$setting: nothing is left" nothing_left
done

# Started by something that is no PMIx launcher: many copies of a job of one PE would be wrong.
# foreign <description> <command...>
foreign() {
    description=$1
    shift
    alone "$@" "$heap" 64
    check "$description: refused" has_failed
    check "$description: says how to start" line_has npushmem 'oshrun|--mpi=pmix'
    check "$description: one line" [ "$(wc -l <"$tmp/err")" = 1 ]
    check "$description: did not run" says_not 'shmem_malloc\('
}
foreign "an MPICH launcher" env PMI_RANK=0 PMI_SIZE=2 PMI_FD=17
foreign "srun without PMIx" env SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=2 SLURM_NTASKS=2
foreign "a PMIx launcher that is gone" env PMIX_NAMESPACE=gone PMIX_RANK=0 \
    'PMIX_SERVER_URI2=gone.0;tcp4://127.0.0.1:9'
foreign "an Open MPI whose PMIx cannot be reached" env OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0

alone "$heap" 64
check "without a launcher: a job of one PE" says 'PE 0 of 1: shmem_malloc\(64\) gave memory'
check "without a launcher: status 0" status_is 0
check "without a launcher: nothing else is printed" [ "$(wc -l <"$tmp/both")" = 2 ]
alone env SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1 "$heap" 64
check "in an srun of one task: a job of one PE" says 'PE 0 of 1'
alone env PMI_RANK=0 PMI_SIZE=1 "$heap" 64
check "under an MPICH launcher with one process: a job of one PE" says 'PE 0 of 1'
finish
