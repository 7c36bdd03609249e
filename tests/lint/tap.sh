# SPDX-License-Identifier: BSD-3-Clause
# tap.sh -- what the lint scripts share: read by them, after $1 and $2 are set.

src=$(cd "$1" && pwd) || exit 2
# shellcheck disable=SC2034  # used by those who read this
build=$(cd "${2:-.}" && pwd) || exit 2
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
export LC_ALL=C
count=0
failed=0

# check <description> <command...>: passes if the command does; what it prints is the explanation.
check() {
    description=$1
    shift
    count=$((count + 1))
    if "$@" >"$tmp/explanation" 2>&1; then
        echo "ok $count - $description"
    else
        failed=1
        echo "not ok $count - $description"
        head -n 20 "$tmp/explanation" | sed 's/^/# /'
    fi
}

skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# Passes if the file is empty or absent; else prints it.
empty() {
    ! [ -s "$1" ] || { cat "$1" && return 1; }
}

# Passes if two sorted lists are the same; else says what each alone has.
same() {
    {
        comm -23 "$1" "$2" | sed "s/^/only in ${1##*/}: /"
        comm -13 "$1" "$2" | sed "s/^/only in ${2##*/}: /"
    } >"$tmp/difference"
    empty "$tmp/difference"
}

# The text that people wrote, one path to a line, relative to the source directory: sources
# matching the patterns given, or all sources and scripts.
sources() {
    [ $# -gt 0 ] || set -- '*.c' '*.h' '*.cc' '*.py' '*.sh'
    (
        cd "$src" || exit
        for pattern; do
            find include src tests tools bench examples scripts -name "$pattern" -type f
        done 2>/dev/null | sort
    )
}

have() {
    command -v "$1" >/dev/null 2>&1
}

finish() {
    echo "1..$count"
    exit "$failed"
}
