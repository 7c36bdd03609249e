# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=sh disable=SC2034,SC2154  # shared between files
# hosts.sh -- what the scripts here share: a lab of this script's own, which ends with it.
# shellcheck source-path=SCRIPTDIR source=../lint/tap.sh
. "$(dirname "$0")/../lint/tap.sh"

lab=$src/tests/lab/lab
LAB_NAME=t$$
LAB_BUILD=$build
LAB_SHARE=$tmp
export LAB_NAME LAB_BUILD LAB_SHARE
trap 'trap "" INT TERM HUP; "$lab" down; rm -rf "$tmp"' EXIT
cd "$build" || exit 2

# need_lab <arguments of "lab up">: or skip everything, saying why.  The lab ends with this script,
# even if it is killed.
need_lab() {
    "$lab" up "$@" --with $$ 9>&- >"$tmp/up" 2>&1 && return
    [ $? = 77 ] || { cat "$tmp/up" >&2 && exit 1; }
    echo "1..0 # SKIP $(cat "$tmp/up")"
    exit 0
}

on() { # <host> <command...>
    timeout 30 "$lab" exec "$@"
}

now_ms() {
    date +%s%3N
}

# job <arguments of "lab run">: sets status; took, in milliseconds; files out, err.  It may take
# $limit seconds.  A shell hears signals while it waits, and not while a command runs before it.
limit=150
job() {
    begun=$(now_ms)
    timeout -k 10 $((limit + 30)) "$lab" run "$@" >"$tmp/out" 2>"$tmp/err" </dev/null &
    wait $!
    status=$?
    took=$(($(now_ms) - begun))
    cat "$tmp/out" "$tmp/err" >"$tmp/both"
}

status_is() {
    [ "$status" = "$1" ] || { echo "status $status" && cat "$tmp/both" && return 1; }
}

says() {
    grep -Eiq -e "$1" "$tmp/both" || { cat "$tmp/both" && return 1; }
}

# wait_for <seconds> <command...>: until the command succeeds.
wait_for() {
    deadline=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        [ "$(now_ms)" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# no <command...>: passes if the command fails.
no() {
    ! "$@"
}
