#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# floors.sh -- who may include whom.
#
#     src/core/base                   knows only itself
#     src/transport, src/device       know the base and themselves, not each other
#     src/core                        knows all
#
# Includes are written from src/, so that each shows its floor.
# shellcheck source-path=SCRIPTDIR source=tap.sh
. "$(dirname "$0")/tap.sh"

# "file include" for each quoted include under a directory of src.
includes() {
    find "$src/src/$1" -name '*.[ch]' -type f -exec \
        sed -nE 's|^[[:space:]]*#[[:space:]]*include[[:space:]]*"([^"]*)".*|\1|; T; F; p' {} + |
        paste -d' ' - - | sed "s|^$src/||; s|^src/\./|src/|"
}

# The includes under a directory that do not match a pattern.
only() {
    includes "$1" | grep -vE " (build\.h|$2)" >"$tmp/wrong"
    empty "$tmp/wrong"
}

from_src() {
    includes . | while read -r file include; do
        [ "$include" = build.h ] || [ -e "$src/src/$include" ] || echo "$file includes $include"
    done >"$tmp/wrong"
    empty "$tmp/wrong"
}

some() {
    [ "$(includes . | wc -l)" -gt 0 ]
}

check "there are includes to look at" some
check "includes are written from src/ and exist" from_src
check "src/core/base includes only itself" only core/base 'core/base/'
check "src/transport includes only the base and itself" only transport '(core/base|transport)/'
check "src/device includes only the base and itself" only device '(core/base|device)/'
finish
