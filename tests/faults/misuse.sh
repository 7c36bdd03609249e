#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# misuse.sh -- calls out of season and, with SHMEM_CHECK=1, wrong arguments: one clear line each.
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"
misuse=$programs/misuse

# The library's lines are marked as such.  One is enough.
library_line() {
    line_has 'npushmem|shmem' "$@"
}

for routine in shmem_barrier_all shmem_my_pe shmem_n_pes shmem_putmem shmem_long_g shmem_malloc \
    shmem_long_atomic_inc shmem_set_lock shmem_long_wait_until shmem_team_sync \
    shmem_long_sum_reduce shmem_quiet shmem_signal_set shmem_ctx_create \
    shmem_team_split_strided shmem_finalize; do
    for time in before after; do
        alone "$misuse" "$time" "$routine"
        check "$routine $time: fails" has_failed
        check "$routine $time: a line names it and says when" library_line "$routine" "$time"
    done
done

# wrong <case> <patterns that one line must have>
wrong() {
    name=$1
    shift
    job 2 "$misuse" "$name"
    check "$name: the job fails" has_failed
    check "$name: found before harm is done" says_not 'survived'
    check "$name: one line has: $*" library_line "$@"
    check "$name: nothing is left" nothing_left
}

export SHMEM_CHECK=1
wrong pe_too_large shmem_putmem 'PE 5' '0 to 1|0\.\.1|2 PEs'
wrong pe_negative shmem_long_g 'PE -1'
wrong pe_of_atomic shmem_long_atomic_inc 'PE 2'
wrong stack_address shmem_long_put dest 0x
wrong malloc_address shmem_long_get source 0x
wrong null_address shmem_long_p dest
wrong past_the_block shmem_putmem dest '1000 bytes' 100
wrong past_the_segment shmem_getmem source 1125899906842624
wrong freed_block shmem_long_p dest 0x
wrong free_twice shmem_free 0x
wrong free_of_static shmem_free 0x
wrong invalid_team shmem_team_sync team
wrong invalid_team_of_reduce shmem_long_sum_reduce team
wrong invalid_context shmem_ctx_long_p SHMEM_CTX_INVALID
wrong root_out_of_range shmem_long_broadcast root ' 2'
wrong different_roots shmem_long_broadcast root
wrong different_lengths shmem_long_sum_reduce 'nreduce|nelems|length|bytes|elements'
wrong different_dests shmem_long_fcollect dest
wrong different_sizes_of_malloc shmem_malloc '100|200'
wrong stack_in_collective shmem_long_max_reduce source
wrong unaligned_atomic shmem_long_atomic_inc dest align
wrong lock_not_symmetric shmem_set_lock lock
wrong wait_not_symmetric shmem_long_wait_until ivar
wrong bad_comparison shmem_long_wait_until 77
wrong bad_signal_operation shmem_long_put_signal 99

# Two programs in one job: what one has in static variables, the other has not.
job 1 "$programs/mixed" : -n 1 "$programs/mixed_too"
check "two programs: status 0" status_is 0
check "two programs: PE 0 is right" says 'PE 0 is right'
check "two programs: PE 1 is right" says 'PE 1 is right'
job 1 "$programs/mixed" put : -n 1 "$programs/mixed_too" put
check "two programs: a put to a variable of the other fails" has_failed
check "two programs: found before harm is done" says_not survived
check "two programs: a line says why" library_line shmem_long_p 'PE 1 runs another'
finish
