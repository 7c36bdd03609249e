#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# fused.sh -- the fused operators are right with any number of PEs, cores and tiles, with devices
# that reach each other's memory and without; and a wrong result is found.
# shellcheck source-path=SCRIPTDIR/../lint source=tap.sh
. "$(dirname "$0")/../lint/tap.sh"

export SHMEM_LAUNCHER="${SHMEM_LAUNCHER:-own}"
operators='allgather_matmul matmul_reduce_scatter matmul_allreduce moe'

# run <PEs> <operator> [options]: what it prints goes to $tmp/out.
run() {
    pes=$1
    program=$build/examples/$2
    shift 2
    timeout -k 10 100 "$build/tools/oshrun" -n "$pes" "$program" -r 2 "$@" >"$tmp/out" 2>&1
}

says() {
    grep -q "^  differs from a serial result .*: $1\$" "$tmp/out"
}

# Sizes that do not divide.
right() {
    if run "$@" && says right; then return 0; fi
    cat "$tmp/out"
    return 1
}

# Status 1, and not because of anything else.
wrong() {
    run "$@"
    if [ $? = 1 ] && says WRONG; then return 0; fi
    cat "$tmp/out"
    return 1
}

refused() {
    run "$@"
    if [ $? = 2 ] && grep -q "$expected" "$tmp/out"; then return 0; fi
    cat "$tmp/out"
    return 1
}

# A trace of all PEs and forms, in which every span is one.
trace() {
    right 3 matmul_allreduce -m 40 -n 36 -k 28 -t 8 --trace "$tmp/trace.json" \
        --svg "$tmp/trace.svg" || return
    grep -q "timeline: $tmp/trace.json" "$tmp/out" && perl -MJSON::PP -e '
        local $/;
        my $trace = decode_json(<STDIN>);
        my %seen;
        for my $event (@{$trace->{traceEvents}}) {
            next if $event->{ph} ne "X";
            die "a span before the beginning" if $event->{ts} < 0 || $event->{dur} < 0;
            $seen{$event->{pid}}{$event->{name}}++;
        }
        my @names = sort map { join ",", sort keys %$_ } values %seen;
        my %kinds = map { $_ => 1 } @names;
        die "spans of ", scalar @names, " PEs and forms" if @names != 9;
        die "not @names" if !$kinds{"compute,push,reduce,wait"} || !$kinds{"collective,compute"};
    ' <"$tmp/trace.json"
}

# As many rectangles as spans, and more for PEs and the legend; all that is opened is closed.
picture() {
    spans=$(grep -c '"ph":"X"' "$tmp/trace.json")
    [ "$(grep -c '<title>.*</title></rect>$' "$tmp/trace.svg")" = "$spans" ] &&
        [ "$spans" -gt 100 ] && tail -n 1 "$tmp/trace.svg" | grep -qx '</svg>'
}

for operator in $operators; do
    for pes in 1 2 4 5; do
        check "$operator with $pes PEs" right "$pes" "$operator" -m 40 -n 36 -k 28 -t 8
    done
    export SHMEM_SIM_P2P=no
    for pes in 2 5; do
        check "$operator with $pes PEs, through the ring" \
            right "$pes" "$operator" -m 40 -n 36 -k 28 -t 8
    done
    unset SHMEM_SIM_P2P
    check "$operator with fewer tiles than PEs" right 5 "$operator" -m 9 -n 7 -k 5 -t 8
    export SHMEM_SIM_CORES=1
    check "$operator with one core" right 3 "$operator" -m 40 -n 36 -k 28 -t 8
    unset SHMEM_SIM_CORES
    check "$operator finds a spoilt element" wrong 3 "$operator" -m 40 -n 36 -k 28 -t 8 --spoil
    check "$operator finds rounding" wrong 2 "$operator" -m 40 -n 36 -k 28 -t 8 --tolerance 0
done
check "a timeline as a trace" trace
check "a timeline as a picture" picture
expected='0 is no number from 1 to 1024'
check "no tiles are refused" refused 2 moe -t 0
expected='usage: '
check "what is no option is refused" refused 2 moe --tiles
finish
