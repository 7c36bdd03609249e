#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# heat.sh -- the example is right with any number of PEs, dividing the rows or not.
# shellcheck source-path=SCRIPTDIR/../lint source=tap.sh
. "$(dirname "$0")/../lint/tap.sh"

heat() {
    timeout 60 "$build/tools/oshrun" -n "$1" "$build/examples/heat"
}

# The last line tells; each number of PEs gives the same picture.
right() {
    heat "$1" >"$tmp/out" 2>&1 && tail -n 1 "$tmp/out" | grep -q "$1 PEs: .*right$" &&
        sed '$d' "$tmp/out" | diff "$tmp/alone" - || { cat "$tmp/out" && return 1; }
}

heat 1 | sed '$d' >"$tmp/alone"
check "there is a picture" grep -q '^ -=[*#%]*=-$' "$tmp/alone"
for pes in 1 2 4 5; do
    check "heat with $pes PEs" right "$pes"
done
finish
