#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# ascend.sh -- the module for Ascend NPUs, on a make-believe runtime (fake-ascend).
#
# ascend.sh <source> <build> [all|few|none]: with all, every program and fused operator in every
# way of sharing memory, with 2 and with 4 PEs, which takes minutes; with few, enough for a
# build with sanitizers; with none, nothing, where all is run by itself; else each at least once.
# shellcheck source-path=SCRIPTDIR source=../faults/faults.sh
. "$(dirname "$0")/../faults/faults.sh"
extent=${3-$ASCEND_EXTENT}
fake=$build/tests/device/fake-ascend/.libs
old=$build/tests/device/fake-ascend/old/.libs
vendor=$build/tests/device/fake-ascend/vendor/.libs
# shellcheck disable=SC2034  # faults.sh's
seconds=400 # kernels are processes here, more than CPUs
misuse=$build/tests/device/misuse
neighbour=$build/tests/device/neighbour
library_path=$LD_LIBRARY_PATH
: "${SHMEM_LAUNCHER:=own}" # which starts and ends quickest
SHMEM_DEVICE=ascend
SHMEM_DEVICE_SIZE=32M
export SHMEM_LAUNCHER SHMEM_DEVICE SHMEM_DEVICE_SIZE

# run_time <directory>: the runtime that is found from now on.
run_time() {
    LD_LIBRARY_PATH=$1:$library_path
}

passed() {
    [ "$status" = 0 ] && grep -q '^ok ' "$tmp/out" && says_not '^not ok|^fake-ascend:'
}

# passes <PEs> <what is special> <program>...
passes() {
    n=$1
    what=$2
    shift 2
    for program; do
        job "$n" "$build/tests/device/$program"
        check "$program x$n, $what" passed
    done
}

# with NAME=value... -- command...: for that command only, as functions are no commands of env's.
with() {
    while [ "$1" != -- ]; do
        export "${1?}"
        names="$names ${1%%=*}"
        shift
    done
    shift
    "$@"
    # shellcheck disable=SC2086  # words
    unset $names
    names=
    export SHMEM_DEVICE=ascend
}

# wrong <PEs> <name> <patterns that one line must have>: misuse's case ends the job.
wrong() {
    n=$1
    name=$2
    shift 2
    job "$n" "$misuse" "$name"
    ends_with "$@"
}

ends_with() {
    check "$what: the job fails" has_failed
    check "$what: nobody goes on" says_not survived
    check "$what: one line has: $*" line_has npushmem "$@"
    check "$what: nothing is left" nothing_left
}

# The PEs say so once each, unless they are ended before they can, and nothing else.
one_error() {
    n_errors=$(grep -c '^npushmem: .*error' "$tmp/err")
    [ "$n_errors" -ge 1 ] && [ "$n_errors" -le "$1" ]
}

# fused <PEs> <what is special>: kernels that communicate.
fused() {
    n=$1
    what=$2
    for operator in allgather_matmul matmul_reduce_scatter matmul_allreduce moe; do
        job "$n" "$build/examples/$operator" -r 2 -m 40 -n 36 -k 28 -t 8
        check "$operator x$n, $what" says 'serial result .*: right$'
    done
}

# beside <PEs> <case> <what is special>: a program that uses the runtime by itself.
beside() {
    job "$1" "$neighbour" "$2"
    check "$3 x$1" passed
    check "$3: nobody takes the runtime away" says_not 'fake-ascend:'
}

# info <PEs> <command>...: shmem_info looks for modules beside itself.
cp "$build/tools/shmem_info" "$tmp" && ln -s "$build/.libs/npushmem" "$tmp/npushmem" || exit 2
info() {
    n=$1
    shift
    job "$n" "$@" "$tmp/shmem_info"
}

run_time "$fake"
no_mapping=engines=1 # kernels reach no host memory: rings are in the NPU's
case $extent in
none)
    echo "1..0 # SKIP check-ascend runs it"
    exit 0
    ;;
few)
    passes 2 'whatever is best' rma signals streams on_stream kernel_calls
    with SHMEM_ASCEND_SHARE=copy -- passes 2 'copies' rma atomics kernel_calls
    with FAKE_ASCEND_FAIL=$no_mapping -- passes 2 'rings in device memory' kernel_calls
    with SHMEM_ASCEND_SHARE=key -- passes 2 'keys' memory
    with FAKE_ASCEND_FAIL=from-fabric@1=507899,from@2=507899 -- passes 3 'a way for each PE' memory
    beside 2 around 'a program that uses the runtime before and after'
    run_time "$old"
    passes 2 'an old runtime' rma streams
    finish
    ;;
esac

# ---- every way in which PEs share memory

programs='rma atomics signals streams on_stream'
every="$programs collectives memory on_stream_order kernel_calls"
for way in fabric handle listed key copy; do
    if [ "$extent" = all ]; then
        for n in 2 4; do
            # shellcheck disable=SC2086  # words
            with SHMEM_ASCEND_SHARE=$way -- passes $n "$way" $every
            with SHMEM_ASCEND_SHARE=$way -- fused $n "$way"
        done
    else
        # shellcheck disable=SC2086  # words
        with SHMEM_ASCEND_SHARE=$way -- passes 2 "$way" $programs
        with SHMEM_ASCEND_SHARE=$way -- passes 4 "$way" rma
    fi
done

# Kernels that communicate: by load and store with PEs whose memory is mapped, and through the ring,
# be it in host memory or in the NPU's, where the host looks at it by copies.
passes 2 'mapped' kernel_calls
fused 3 'mapped'
with SHMEM_ASCEND_SHARE=copy -- passes 2 'through the ring' kernel_calls
with SHMEM_ASCEND_SHARE=copy -- fused 3 'through the ring'
what='rings in device memory'
with FAKE_ASCEND_FAIL=$no_mapping -- passes 4 "$what" kernel_calls
with FAKE_ASCEND_FAIL=$no_mapping SHMEM_ASCEND_SHARE=copy -- fused 2 "$what"
with FAKE_ASCEND_FAIL=aclrtHostRegisterV2=207000 -- passes 2 "$what" memory kernel_calls
with FAKE_ASCEND_FAIL=engines@1=1 -- passes 3 "$what of one PE" kernel_calls

# shmem_info tells what was chosen.
what=shmem_info
with FAKE_ASCEND_FAIL=import@1=507899 -- info 3
check "$what: the device" says 'device  *ascend: .*NPU 0 of 8.* rings in host memory'
check "$what: a PE's own memory" says 'PE 0: mapped pages, shared by fabric handles; '
check "$what: PEs that are mapped" says "PE 1-2: fabric handles; atomics: its PE's agent"
with FAKE_ASCEND_FAIL=import@0=507899 -- info 3
check "$what: PEs that are not" says "PE 1-2: its PE's agent; "
with FAKE_ASCEND_FAIL=fabric-large=507899 -- info 2
check "$what: a handle for a granule, and not for the heap" says 'PE 1: shareable handles; '
with FAKE_ASCEND_FAIL=aclrtDeviceEnablePeerAccess=507899 -- info 2
check "$what: NPUs that do not reach each other" says "PE 1: its PE's agent; "
with FAKE_ASCEND_FAIL=$no_mapping -- info 2
check "$what: rings in device memory" says 'rings in device memory'
with SHMEM_INFO=1 -- job 2 "$build/tests/device/memory"
check 'SHMEM_INFO: the way of sharing' says 'PE 1: fabric handles; '

# The way of sharing is decided for each PE's memory, by what the others can import.
what='handles that nobody can import'
with FAKE_ASCEND_FAIL=import-fabric=507899 -- info 3
check "$what: the next kind" says 'PE 1-2: shareable handles; '
with FAKE_ASCEND_FAIL=import-fabric=507899,handle=207006 -- info 3
check "$what: for listed processes" says 'PE 1-2: shareable handles for listed processes; '
with FAKE_ASCEND_FAIL=import-fabric=507899,import-handle=507899 -- info 3
check "$what: keys" says 'PE 1-2: keys; '
with FAKE_ASCEND_FAIL=import-fabric=507899 SHMEM_ASCEND_SHARE=fabric -- info 2
check "$what: but SHMEM_ASCEND_SHARE wants no other" says "PE 1: its PE's agent; "
what='one PE that cannot import some'
with FAKE_ASCEND_FAIL=import-fabric@2=507899 -- info 4
check "$what: what all can" says 'PE 1, 3: shareable handles; '
check "$what: and its own memory" says 'PE 2: fabric handles; '
with FAKE_ASCEND_FAIL=import-fabric@2=507899,import-handle@2=507899 -- info 3
check "$what: memory of another kind" says 'PE 0: aclrtMalloc, shared by keys; '
what='a way for each PE'
each='from-fabric@1=507899,from-handle@1=507899,handle@2=207006,fabric@2=207000,from@3=507899'
with FAKE_ASCEND_FAIL=$each -- info 5
check "$what: fabric handles" says 'PE 4: fabric handles; '
check "$what: keys" says 'PE 1: keys; '
check "$what: shareable handles" says 'PE 2: shareable handles for listed processes; '
check "$what: copies" says "PE 3: its PE's agent; "
with FAKE_ASCEND_FAIL=$each -- passes 4 "$what" rma atomics signals memory
what='what was only tried is given back'
with FAKE_ASCEND_HBM=37 -- passes 2 "$what" memory

# Which devices a process sees.
what=ASCEND_RT_VISIBLE_DEVICES
with ASCEND_RT_VISIBLE_DEVICES=2,5,6 -- info 2
check "$what: its own numbers, and the host's" says "NPU 0 .the host's 2. of 3,"
check "$what: devices of one list reach each other" says 'PE 1: fabric handles; '
with ASCEND_RT_VISIBLE_DEVICES=1,4,8,5 -- info 2
check "$what: up to a number that there is not" says "NPU 0 .the host's 1. of 2,"
# shellcheck disable=SC2016  # for each PE's own shell
info 2 sh -c 'export ASCEND_RT_VISIBLE_DEVICES=$((PMIX_RANK + 3)); exec "$0"'
check "$what: a device for each" says "NPU 0 .the host's 3. of 1,"
check "$what: devices that do not see each other" says 'PE 1: fabric handles; '
for list in 5,2 3,3 x ''; do
    with ASCEND_RT_VISIBLE_DEVICES="$list" -- wrong 2 memory 'SHMEM_DEVICE=ascend' \
        'error 207004, no device' ASCEND_RT_VISIBLE_DEVICES
done

# A network that cannot register the memory of an NPU.
if [ -e "$build/.libs/npushmem/ofi.so" ]; then
    with SHMEM_NODE_SHARING=no SHMEM_TRANSPORT=ofi 'SHMEM_OFI_PROVIDER=tcp;ofi_rxm' -- \
        passes 2 'between PEs that share no memory' memory signals
fi

passes 4 'whatever is best' collectives memory on_stream_order signals
with SHMEM_ASCEND_SHARE=copy -- passes 4 'copies' collectives memory on_stream_order signals

# What the runtime lacks, the module does without.
fabric='fabric=207000'
with FAKE_ASCEND_FAIL=$fabric -- passes 2 'no fabric handles' memory rma
with FAKE_ASCEND_FAIL=$fabric,handle=207006 -- passes 2 'handles with lists only' memory rma
with FAKE_ASCEND_FAIL=$fabric,handle=207000,listed=207000 -- passes 2 'no handles' memory rma
with FAKE_ASCEND_FAIL=import=507899 -- passes 2 'nothing can be imported' memory rma
with FAKE_ASCEND_FAIL=import@1=507899 -- passes 3 'one PE cannot import' rma atomics signals
with FAKE_ASCEND_FAIL=aclrtReserveMemAddress=207000 -- passes 2 'no mapped pages' rma
with FAKE_ASCEND_FAIL=aclrtMemSetAccess=207000,aclrtMemGetAllocationGranularity=207000 -- \
    passes 2 'an older driver' rma
with FAKE_ASCEND_FAIL=aclrtPointerGetAttributes=107000 -- \
    passes 2 'host memory that the runtime does not know' rma streams
with ASCEND_RT_VISIBLE_DEVICES=3 -- passes 3 'one NPU for all' memory streams
with FAKE_ASCEND_FAIL=aclrtDeviceEnablePeerAccess=507899 -- \
    passes 2 'NPUs that do not reach each other' rma signals
with FAKE_ASCEND_FAIL=fabric-large=507899 -- passes 2 'the next kind of handle' memory rma
run_time "$old"
passes 2 'an old runtime' rma atomics memory streams
run_time "$fake"

# ---- programs that use the runtime, too

alone "$neighbour" refusals
check 'the make-believe runtime refuses what the real one does' passed
beside 2 around 'a program that uses the runtime before and after'
beside 3 crossed 'a program that gives its NPU back early'
beside 2 threads 'threads with other NPUs'
beside 2 kernels 'kernels of the own launching of a program'
with FAKE_ASCEND_FAIL=$no_mapping -- beside 2 kernels 'the same with rings in device memory'
run_time "$fake:$vendor"
beside 2 vendor "another library with the standard's names"
run_time "$fake"
what='aclFinalize before shmem_finalize'
job 2 "$neighbour" early
ends_with 'error 100001' 'aclFinalize comes after shmem_finalize'

# ---- no NPU

what='no runtime'
with SHMEM_ASCEND_LIBRARY=/nowhere/libascendcl.so -- wrong 2 memory 'SHMEM_DEVICE=ascend' \
    'no Ascend runtime' '/nowhere/libascendcl.so'
check "$what: one error of a PE" one_error 2
what='a runtime that is too old'
mkdir "$tmp/ancient" && sed s/aclrtLaunchHostFunc/aclrtLaunchHostGone/g \
    "$fake/libascendcl.so" >"$tmp/ancient/libascendcl.so"
with SHMEM_ASCEND_LIBRARY="$tmp/ancient/libascendcl.so" -- wrong 2 memory 'SHMEM_DEVICE=ascend' \
    'has no aclrtLaunchHostFunc' 'too old'
check "$what: one error of a PE" one_error 2
with SHMEM_ASCEND_LIBRARY=/nowhere/libascendcl.so SHMEM_DEBUG=1 SHMEM_DEVICE=auto -- \
    job 2 "$misuse" memory
check "$what, and SHMEM_DEVICE=auto: the software device" says 'debug.* device: sim'
check "$what, and SHMEM_DEVICE=auto: all goes well" status_is 0
what='no driver, and SHMEM_DEVICE=auto'
with FAKE_ASCEND_FAIL=aclInit=507899 SHMEM_DEBUG=1 SHMEM_DEVICE=auto -- job 2 "$misuse" memory
check "$what: the software device" says 'debug.* device: sim'
check "$what: all goes well" status_is 0
what='a runtime that is too old, and SHMEM_DEVICE=auto'
with SHMEM_ASCEND_LIBRARY="$tmp/ancient/libascendcl.so" SHMEM_DEBUG=1 SHMEM_DEVICE=auto -- \
    job 2 "$misuse" memory
check "$what: the software device" says 'debug.* device: sim'
what='another library'
with SHMEM_ASCEND_LIBRARY=libm.so.6 -- wrong 2 memory 'SHMEM_DEVICE=ascend' \
    'libm.so.6 has no aclInit'
what='no driver'
with FAKE_ASCEND_FAIL=aclInit=507899 -- wrong 2 memory 'SHMEM_DEVICE=ascend' 'aclInit: error 507899'
what='no device'
with FAKE_ASCEND_FAIL=aclrtGetDeviceCount=207004 -- wrong 2 memory 'SHMEM_DEVICE=ascend' \
    'no NPU' 'error 207004, no device'

# Some PEs have an NPU, and the others the software device, whose memory is the host's.
mixed() {
    for program; do
        # shellcheck disable=SC2016  # for each PE's own shell
        with SHMEM_DEVICE=auto -- job 3 sh -c \
            '[ "$PMIX_RANK" != 1 ] || export SHMEM_ASCEND_LIBRARY=/nowhere.so; exec "$0"' \
            "$build/tests/device/$program"
        check "$program x3, one PE without an NPU" passed
    done
}
mixed rma atomics signals collectives memory kernel_calls
# shellcheck disable=SC2016  # for each PE's own shell
job 3 sh -c '[ "$PMIX_RANK" != 1 ] || export SHMEM_DEVICE=sim; exec "$0"' "$build/tests/device/rma"
check 'rma x3, one PE with SHMEM_DEVICE=sim' passed

# ---- an NPU that does not do

what='a device in use'
with FAKE_ASCEND_FAIL=aclrtSetDevice=207005 -- wrong 2 memory 'NPU 1, which cannot be used' \
    'error 207005' 'in use'
what='a device in use, and others are not'
with FAKE_ASCEND_FAIL=aclrtSetDevice@1=207005 -- wrong 3 memory 'NPU 1, which cannot be used' \
    'error 207005' 'in use'
what='a lost device'
with FAKE_ASCEND_FAIL=aclrtMemcpy=507010 -- wrong 2 freed_twice 'NPU' 'aclrtMemcpy' 'error 507010' \
    'the device is lost' 'npu-smi info'
what='a device that is lost while work is on a stream'
with FAKE_ASCEND_FAIL=aclrtSynchronizeStream=507901 -- wrong 2 memory 'device fault' 'NPU' \
    'error 507901' 'the device is lost' 'npu-smi info'
what='too little device memory'
with FAKE_ASCEND_HBM=16 -- wrong 2 memory 'gives no 32 MiB' 'free of 16 MiB' SHMEM_DEVICE_SIZE
what='too little device memory on one NPU'
with FAKE_ASCEND_FAIL=aclrtMallocPhysical@1=207018,aclrtMalloc@1=207018 -- \
    wrong 3 memory 'NPU 1 gives no 32 MiB' SHMEM_DEVICE_SIZE
what='the runtime has its own words'
with FAKE_ASCEND_FAIL=aclrtMallocPhysical=507899,aclrtMalloc=507899 \
    FAKE_ASCEND_MESSAGE='EE9999 inner error' -- wrong 2 memory 'error 507899' 'EE9999 inner error'

# ---- programs that do not

what='a host that follows a device address'
wrong 2 touch 'PE 1' 'device memory' 0x 'shmem_get'
what='a kernel that crashes'
wrong 2 crash 'device fault' 'NPU 1' 'error 507015' 'crashed'
what='a kernel that crashes, and nobody looks'
wrong 2 unseen 'device fault' 'NPU 1' 'error 507015'
what='a kernel without an end'
with FAKE_ASCEND_TIMEOUT=1 -- wrong 2 endless 'device fault' 'error 507014' 'took too long'
what='a PE that is killed with a kernel running'
job 2 "$misuse" killed
check "$what: the job fails" has_failed
check "$what: nothing is left" nothing_left
finish
