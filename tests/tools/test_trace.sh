#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_trace.sh -- the time line that SHMEM_TRACE asks for.
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
    python3 -c 'import json, sys
events = json.load(open(sys.argv[1]))
pes = {event["pid"] for event in events}
names = [event for event in events if event["ph"] == "M"]
spans = [event for event in events if event["ph"] == "X"]
assert pes == {0, 1, 2}, pes
assert len(names) == 3 and len(names) + len(spans) == len(events)
assert all(event["ts"] >= 0 and event["dur"] >= 0 for event in spans)
' "$tmp/trace.json"
}

refused() {
    traced "$tmp/no/such/directory" >"$tmp/out" 2>&1 && grep 'SHMEM_TRACE.*No such file' "$tmp/out"
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
if have python3; then
    check "it is an array of JSON" is_json
else
    skip "it is an array of JSON" "there is no python3"
fi
check "where it cannot be written, that is said, and the program goes on" refused
finish
