#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# sizes.sh -- files stay under 600 lines and functions under 60.
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "$(dirname "$0")/tap.sh"

files() {
    (cd "$src" && sources | xargs wc -l) |
        awk '$2 != "total" && $1 >= 600 { print $2 " has " $1 " lines" }' >"$tmp/long"
    empty "$tmp/long"
}

functions() {
    (cd "$src" && sources '*.[ch]' |
        ctags -x --kinds-C=f --fields=+ne --_xformat='%e %n %N %F' -L -) |
        awk '{ lines = $1 - $2 + 1 }
             lines >= 60 { print $4 ": " $3 " has " lines " lines" }
             { seen++ }
             END { if (seen == 0) print "ctags finds no functions" }' >"$tmp/long"
    empty "$tmp/long"
}

check "files are shorter than 600 lines" files
if ctags --version 2>/dev/null | grep -q 'Universal Ctags'; then
    check "functions are shorter than 60 lines" functions
else
    skip "functions are shorter than 60 lines" "there is no Universal Ctags"
fi
finish
