# SPDX-License-Identifier: BSD-3-Clause
# faults.sh -- what the fault tests share: read by them with the source and the build directory.
#
# A job is started with a mark in its environment, by which its processes are found again, also
# those whose parents are gone.  All of it is looked at from outside: the launcher's exit status,
# what was printed, how long it took from the fault to the end, what is left of it.

src=$(cd "$1" && pwd) || exit 2
build=$(cd "${2:-.}" && pwd) || exit 2
# shellcheck disable=SC2034  # used by those who read this
programs=$build/tests/faults
tmp=$(mktemp -d) || exit 2
trap 'kill_rest; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
export LC_ALL=C OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export LD_LIBRARY_PATH="$build/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
: "${OSHRUN:=$build/tools/oshrun}"
count=0
failed=0
seconds=60 # that a job may take
FAULT_MARK=$$.$(date +%N)
FAULT_TIME=$tmp/time
export FAULT_MARK FAULT_TIME

# The processes of the jobs of this script that still run, this shell and its children not.
rest() {
    for environ in $(grep -lzx "FAULT_JOB=$FAULT_MARK" /proc/[0-9]*/environ 2>/dev/null); do
        pid=${environ#/proc/}
        pid=${pid%/environ}
        case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) in
        '' | Z*) ;; # gone, or only waiting for its parent to look
        *) echo "$pid" ;;
        esac
    done
}

kill_rest() {
    for pid in $(rest); do
        kill -9 "$pid" 2>/dev/null
    done
}

# The processes that run the program of a test, which are the PEs.
pes() {
    for pid in $(rest); do
        case $(readlink "/proc/$pid/exe") in
        *"$1" | *"/lt-${1##*/}") echo "$pid" ;;
        esac
    done
}

# job <number of PEs> <program> <arguments>: run to its end.
# Sets: status; took, the milliseconds since the fault; files out, err.
job() {
    n_pes=$1
    shift
    ls /dev/shm | sort >"$tmp/shm"
    rm -f "$FAULT_TIME"
    # shellcheck disable=SC2086  # a command with its options
    env FAULT_JOB="$FAULT_MARK" timeout -k 5 "$seconds" $OSHRUN -n "$n_pes" "$@" \
        >"$tmp/out" 2>"$tmp/err" </dev/null
    status=$?
    ended "$(date +%s%3N)"
}

# The same without a launcher.
alone() {
    ls /dev/shm | sort >"$tmp/shm"
    rm -f "$FAULT_TIME"
    env FAULT_JOB="$FAULT_MARK" timeout -k 5 "$seconds" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
    status=$?
    ended "$(date +%s%3N)"
}

ended() {
    took=0
    [ ! -s "$FAULT_TIME" ] || took=$(($1 - $(cat "$FAULT_TIME")))
    cat "$tmp/out" "$tmp/err" >"$tmp/both"
}

# check <description> <command...>: passes if the command does.
check() {
    description=$1
    shift
    count=$((count + 1))
    if "$@" >"$tmp/why" 2>&1; then
        echo "ok $count - $description"
    else
        failed=1
        echo "not ok $count - $description"
        {
            echo "$* failed; status $status, $took ms after the fault"
            cat "$tmp/why"
            head -c 3000 "$tmp/both"
        } | head -n 40 | sed 's/^/# /' >&2
    fi
}

skip() {
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

finish() {
    echo "1..$count"
    exit "$failed"
}

# ---- what can be checked of a job that has ended

status_is() {
    [ "$status" = "$1" ]
}

# It failed, and not by running into the time limit.
has_failed() {
    [ "$status" != 0 ] && [ "$status" != 124 ]
}

says() {
    grep -Eiq -e "$1" "$tmp/both"
}

says_not() {
    ! grep -Ei -e "$1" "$tmp/both"
}

# One line of stderr has all of these.
line_has() {
    cp "$tmp/err" "$tmp/lines"
    for pattern; do
        grep -Ei -e "$pattern" "$tmp/lines" >"$tmp/fewer"
        mv "$tmp/fewer" "$tmp/lines"
    done
    [ -s "$tmp/lines" ]
}

within_ms() {
    [ "$took" -le "$1" ]
}

# No process, and nothing in /dev/shm that was not there before and that nobody uses.
nothing_left() {
    [ -z "$(rest)" ] || sleep 0.5 # those on their way out may go
    for pid in $(rest); do
        echo "left running: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
        found=1
    done
    ls /dev/shm | sort >"$tmp/shm.now"
    for entry in $(comm -13 "$tmp/shm" "$tmp/shm.now"); do
        grep -qsF "/dev/shm/$entry" /proc/[0-9]*/maps && continue
        echo "left in /dev/shm: $entry"
        found=1
    done
    kill_rest
    [ -z "$found" ] || { found= && return 1; }
}

# wait_for <seconds> <command...>: until the command succeeds.
wait_for() {
    end=$(($(date +%s%3N) + $1 * 1000))
    shift
    until "$@"; do
        [ "$(date +%s%3N)" -lt "$end" ] || return 1
        sleep 0.05
    done
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# The launchers to try: our own, and Open MPI's where it is installed.
launchers=own
! have mpirun || launchers='own mpirun'
