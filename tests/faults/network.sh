#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# network.sh -- networks that are not there: each is one clear line, at once.
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"
heap=$programs/heap
export SHMEM_NODE_SHARING=no

# fails_with_line <pattern>...: one line of stderr has all of these, and it is the only error.
fails_with_line() {
    has_failed && line_has "$@" && [ "$(grep -c 'npushmem: .*error' "$tmp/err")" = 1 ]
}

# PE 1 leaves without a word, and the others, who see it only through a network, wait for ever.
if [ -e "$build/.libs/npushmem/ofi.so" ]; then
    for doing in wait barrier; do
        job 3 "$programs/fault" exit=0 $doing
        check "a PE out of sight exits, the others: $doing: the job fails" has_failed
        check "and one line says why" line_has 'PE 1' 'without shmem_finalize'
        check "and nothing is left" nothing_left
    done
    job 3 "$programs/fault" global_exit=0 barrier
    check "a PE out of sight ends the job: the status" status_is 0
    check "and nobody complains" eval '! line_has npushmem'
    job 3 "$programs/fault" abort barrier
    check "a PE out of sight aborts: the status" status_is 134
fi

# A copy of the library without modules; what is put beside it is what it finds.
mkdir -p "$tmp/lib/npushmem"
cp "$build"/.libs/libnpushmem.so.* "$tmp/lib"

job 2 -x SHMEM_TRANSPORT=tcpip "$heap" 100
check "a network nobody knows" has_failed
check "is named, with those there are" line_has SHMEM_TRANSPORT tcpip verbs ofi

if [ -e "$build/.libs/npushmem/ofi.so" ]; then
    job 2 -x SHMEM_TRANSPORT=ofi -x SHMEM_OFI_PROVIDER=nosuch "$heap" 100
    check "a provider that is not there" fails_with_line ofi SHMEM_OFI_PROVIDER=nosuch
    job 2 -x SHMEM_TRANSPORT=ofi -x SHMEM_OFI_DOMAIN=nowhere "$heap" 100
    check "a domain that is not there" fails_with_line ofi SHMEM_OFI_DOMAIN=nowhere
else
    skip "providers" "built without libfabric"
fi

directory=$LD_LIBRARY_PATH
export LD_LIBRARY_PATH="$tmp/lib:$directory"
job 2 -x SHMEM_DEBUG=1 "$heap" 100
check "no module at all, one node: the kernel copies" eval 'status_is 0 && line_has "network: cma"'
job 2 -x SHMEM_TRANSPORT=ofi "$heap" 100
check "a module that is not there" fails_with_line 'ofi\.so' 'no such file'
cp "$build"/.libs/libnpushmem.so "$tmp/lib/npushmem/ofi.so"
job 2 -x SHMEM_TRANSPORT=ofi "$heap" 100
check "a file that is no module" fails_with_line 'ofi\.so' 'another version'
cp "$build/tests/faults/.libs/other_abi.so" "$tmp/lib/npushmem/ofi.so"
job 2 -x SHMEM_TRANSPORT=ofi "$heap" 100
check "a module made for another version" fails_with_line 'ofi\.so' 'another version' 'ABI'
job 2 -x SHMEM_TRANSPORT=auto -x SHMEM_DEBUG=1 "$heap" 100
check "left to choose, the next network is taken" \
    eval 'status_is 0 && line_has "ofi\.so" "another version" && line_has "network: cma"'
export LD_LIBRARY_PATH="$directory"

finish
