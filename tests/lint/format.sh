#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# format.sh -- the layout of what people wrote: licence line, tabs, columns, clang-format.
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "$(dirname "$0")/tap.sh"

cd "$src" || exit 2

# In the first line, or in the second after #!.
licence() {
    sources | while read -r file; do
        head -n 2 "$file" | sed '1{/^#!/d}' | head -n 1 |
            grep -q 'SPDX-License-Identifier: BSD-3-Clause' || echo "$file"
    done >"$tmp/wrong"
    empty "$tmp/wrong"
}

tabs() {
    sources | xargs grep -nP '\t| +$' >"$tmp/wrong"
    empty "$tmp/wrong"
}

# Characters, not bytes.
columns() {
    sources | LC_ALL=C.UTF-8 xargs grep -nE '^.{101,}' >"$tmp/wrong"
    empty "$tmp/wrong"
}

formatted() {
    sources '*.c' '*.h' | xargs clang-format --dry-run --Werror --style=file
}

check "every file begins with its licence" licence
check "there are no tabs, and no blanks at the ends of lines" tabs
check "lines have at most 100 columns" columns
if have clang-format; then
    check "clang-format would change nothing" formatted
else
    skip "clang-format would change nothing" "there is no clang-format"
fi
finish
