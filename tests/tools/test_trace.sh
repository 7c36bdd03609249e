#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_trace.sh -- the time line that SHMEM_TRACE asks for.
# shellcheck disable=SC2016,SC2317  # text for another program; called by name
# shellcheck source-path=SCRIPTDIR/../lint source=tap.sh
. "$(dirname "$0")/../lint/tap.sh"

program=$build/tests/openshmem-conformance/sessions
export SHMEM_LAUNCHER=own

# A job of three PEs, whose trace goes to the file.
traced() {
    SHMEM_TRACE=$1 timeout 60 "$build/tools/oshrun" -n 3 "$program"
}

# An event of this name and PE, and what else stands in its line.
has_event() {
    grep "^{\"name\":\"$1\",\"ph\":\"X\",.*\"pid\":$2,$3" "$tmp/trace.json"
}

is_json() {
    perl -MJSON::PP -e '
        open(my $in, "<", $ARGV[0]) or die "$ARGV[0]: $!";
        my @events = @{decode_json(join("", <$in>))};
        my @names = grep { $_->{ph} eq "M" } @events;
        my @spans = grep { $_->{ph} eq "X" } @events;
        my %pes = map { $_->{pid} => 1 } @events;
        die "PEs @{[sort keys %pes]}" if join(" ", sort keys %pes) ne "0 1 2";
        die "@{[scalar @names]} names" if @names != 3;
        die "other events" if @names + @spans != @events;
        for (@spans) { die "$_->{name}: from $_->{ts}, $_->{dur}" if $_->{ts} < 0 || $_->{dur} < 0 }
        ' "$tmp/trace.json"
}

refused() {
    traced "$tmp/no/such/directory" >"$tmp/out" 2>&1 && grep 'SHMEM_TRACE.*No such file' "$tmp/out"
}

# A program that goes to another directory, and is of no interest for a while.
pausing() {
    cat >"$tmp/pausing.c" <<'END'
#include <shmem.h>
#include <unistd.h>

static long a, b;

int main(void)
{
    shmem_pcontrol(0);
    shmem_init();
    shmem_long_p(&a, 1, 0);
    shmem_pcontrol(1);
    shmem_long_put(&a, &b, 1, 0);
    shmem_pcontrol(0);
    shmem_long_atomic_inc(&a, 0);
    if (chdir("/") != 0) {
        return 1;
    }
    shmem_finalize();
    return 0;
}
END
    "$build/tools/oshcc" "$tmp/pausing.c" -o "$tmp/pausing" &&
        (cd "$tmp" && SHMEM_TRACE=pausing.json timeout 60 "$build/tools/oshrun" -n 2 ./pausing) &&
        [ "$(grep -c '"ph":"X"' "$tmp/pausing.json")" = 2 ] &&
        [ "$(grep -c '"name":"shmem_long_put","ph":"X"' "$tmp/pausing.json")" = 2 ]
}

printf 'what was there before\n' >"$tmp/trace.json"
check "a program with SHMEM_TRACE" traced "$tmp/trace.json"
for pe in 0 1 2; do
    check "PE $pe: a put" has_event shmem_ctx_long_put_nbi $pe \
        ".*\"pe\":$(((pe + 1) % 3)),\"bytes\":8}"
    check "PE $pe: an atomic" has_event shmem_ctx_uint64_atomic_inc $pe
    check "PE $pe: a reduction" has_event shmem_int_sum_reduce $pe
    check "PE $pe: a barrier" has_event shmem_barrier_all $pe
done
check "the file begins anew" eval "! grep 'what was there' '$tmp/trace.json'"
check "it is an array of JSON" is_json
check "shmem_pcontrol pauses it; a relative name is where the job began" pausing
check "where it cannot be written, that is said, and the program goes on" refused
finish
