#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# docs.sh -- README says what is so: the variables, the files.
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "$(dirname "$0")/tap.sh"

# The section as it is, between its first variable and the next heading's blank lines.
variables() {
    "$build/tools/shmem_info" --document >"$tmp/library" || return
    sed -n '/^Environment variables$/,/^When something/p' "$src/README" |
        grep -E '^    (SHMEM_|    )' >"$tmp/README"
    [ -s "$tmp/library" ] && diff "$tmp/README" "$tmp/library"
}

# Names of source files in the tour, wherever below src, include, tools and examples they
# lie.
files() {
    (cd "$src" && find src include tools examples -type f | sed 's|.*/||' | sort -u) >"$tmp/there"
    sed -n '/^A tour/,/^How to add/p' "$src/README" | grep -oE '[a-z0-9_]+\.(c|h|in)\b' |
        sort -u >"$tmp/named"
    [ -s "$tmp/named" ] && comm -23 "$tmp/named" "$tmp/there" >"$tmp/missing"
    empty "$tmp/missing"
}

if [ -x "$build/tools/shmem_info" ]; then
    check "README lists the variables as shmem_info --document does" variables
else
    skip "README lists the variables as shmem_info --document does" "shmem_info is not built"
fi
check "the files that README's tour names are there" files
finish
