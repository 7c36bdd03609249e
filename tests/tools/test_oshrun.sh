#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_oshrun.sh -- oshrun's options, statuses, signals and clean ends, with every launcher here.
#
#     test_oshrun.sh [source directory] [build directory]
# Prints TAP.  Needs tests/tools/pmix_probe and tools/oshrun to be built.

build=$(cd "${2:-.}" && pwd)
oshrun=$build/tools/oshrun
probe=$build/tests/tools/pmix_probe
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export TMPDIR="$tmp"
unset SHMEM_LAUNCHER
n_tests=0

result()    # status, name: one line of TAP, and what oshrun said where it failed
{
    n_tests=$((n_tests + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n_tests - $launcher: $2"
    else
        echo "not ok $n_tests - $launcher: $2"
        head -20 "$tmp/out" | cut -c1-200 | sed 's/^/# out: /'
        head -20 "$tmp/err" | cut -c1-200 | sed 's/^/# err: /'
        echo "# status $status after $took ms"
    fi
}

run()       # oshrun with these arguments; leaves status, took (ms), $tmp/out and $tmp/err
{
    start=$(date +%s%N)
    timeout -k 5 60 "$oshrun" --launcher "$launcher" "$@" >"$tmp/out" 2>"$tmp/err"
    status=$?
    took=$((($(date +%s%N) - start) / 1000000))
}

expect()    # wanted status, name
{
    [ "$status" = "$1" ]
    result $? "$2"
}

lines()     # wanted status and wanted lines of output, in any order; name
{
    wanted=$(printf '%s' "$2" | tr ' ' '\n' | sort)
    [ "$status" = "$1" ] && [ "$(sort "$tmp/out")" = "$wanted" ]
    result $? "$3"
}

says()      # text that must be in stderr, name
{
    grep -q -e "$1" "$tmp/err"
    result $? "$2"
}

alive()     # do processes with this mark in their arguments run?
{
    for entry in /proc/[0-9]*; do
        [ "$(readlink "$entry/exe" 2>/dev/null)" = "$probe" ] || continue
        tr '\0' ' ' <"$entry/cmdline" 2>/dev/null | grep -q "$1" && return 0
    done
    return 1
}

gone()      # mark, name: none runs any more, within two seconds
{
    tries=0
    while alive "$1" && [ $tries -lt 20 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    ! alive "$1"
    result $? "$2"
}

every_launcher()
{
    run -n 2 true
    expect 0 "a program that knows nothing of PMIx"
    for n in 1 2 5 16; do
        run -n $n "$probe" group fence
        expect 0 "$n PEs exchange"
        [ "$(wc -l <"$tmp/out")" = $n ]
        result $? "$n PEs print"
    done
    run -np 3 "$probe" say
    [ "$(grep -c 'of 3' "$tmp/out")" = 3 ]
    result $? "-np"
    run --oversubscribe --allow-run-as-root --ntasks=2 --chdir "$tmp" pwd
    lines 0 "$tmp $tmp" "as users of mpirun and srun write it"
    run -n 3 sh -c 'exit 5'
    expect 5 "an exit status is passed on"
    run -n 3 "$probe" 1:exit=3 sleep
    expect 3 "the status of the PE that failed"
    run -n 3 "$probe" 1:signal=9 sleep
    expect 137 "128 and the signal"
    run -n 3 "$probe" 2:signal=11 sleep
    expect 139 "128 and another signal"
    run -n 3 "$probe" 2:exit=0 sleep
    [ "$status" != 0 ]
    result $? "leaving without finalize is a failure"
    run -n 3 "$probe" 1:abort=7 sleep
    expect 7 "the status of an abort"
    run -n 3 "$probe" 1:abort=0 sleep
    expect 0 "an abort with status 0"
    run -n 3 --timeout 1 "$probe" sleep
    expect 124 "the time limit"
    says 'time limit of 1 s' "the time limit says so"
    run -n 2 -x PROBE_A=1 -x PROBE_B sh -c 'echo $PROBE_A$PROBE_B'
    lines 0 "1 1" "-x VAR=VALUE"
    PROBE_B=2 run -n 2 -x PROBE_B sh -c 'echo $PROBE_B'
    lines 0 "2 2" "-x VAR"
    SHMEM_DEBUG_PROBE=3 run -n 2 sh -c 'echo $SHMEM_DEBUG_PROBE$SHMEM_LAUNCHER'
    lines 0 "3 3" "SHMEM_ variables are passed on"
    mkdir -p "$tmp/dir"
    run -n 2 --wdir "$tmp/dir" pwd
    lines 0 "$tmp/dir $tmp/dir" "--wdir"
    run -n 1 echo a : -n 2 echo b
    lines 0 "a b b" "two programs in one job"
    echo hello | run -n 3 cat
    lines 0 hello "input goes to PE 0"
    run ./no-such-program
    expect 1 "a program that is not there"
    says 'cannot run ./no-such-program: No such file or directory' "and why"
    run "$tmp"
    says 'Is a directory' "a directory is not run"
    run /etc/passwd
    says 'cannot run /etc/passwd: Permission denied' "a file that is not executable"
}

bad_command_lines()
{
    launcher=own
    for bad in "-n 0 true" "-n x true" "-n 2x true" "-n" "--no-such-option true" "--ppn 0 true" \
        "--timeout -1 true" "--timeout x true" "--hosts , true" "-n 2" "--launcher no true" \
        "true : true" "--hostfile /no/such true" "--hosts no.such.host true"; do
        # shellcheck disable=SC2086  # words on purpose
        run $bad
        [ "$status" = 1 ] && [ "$(grep -c '^oshrun: ' "$tmp/err")" = 1 ]
        result $? "refused in one line: $bad"
    done
    run --help
    [ "$status" = 0 ] && grep -q -- --timeout "$tmp/out"
    result $? "--help"
    run -h
    [ "$status" = 0 ] && grep -q -- --timeout "$tmp/out"
    result $? "-h"
    run --version
    [ "$status" = 0 ] && grep -q npushmem "$tmp/out"
    result $? "--version"
}

# What auto makes of the programs in PATH.
choices()
{
    launcher=auto
    before=$PATH
    mkdir "$tmp/bin"
    for program in id date timeout; do
        ln -s "$(command -v $program)" "$tmp/bin"
    done
    ln -s "$oshrun" "$tmp/bin/mpirun"
    printf '#!/bin/sh\nexit 77 # hydra\n' >"$tmp/bin/mpirun.openmpi"
    chmod +x "$tmp/bin/mpirun.openmpi"
    PATH=$tmp/bin
    run -n 2 id
    PATH=$before
    expect 0 "without another launcher, oshrun serves itself"
    PATH=$tmp/bin
    run --hosts no.such.host true
    PATH=$before
    says 'needs Open MPI' "which is not enough for other hosts"
    printf '#!/bin/sh\necho "$@" # orterun\n' >"$tmp/bin/mpirun.openmpi"
    PATH=$tmp/bin:$before
    run -n 2 --tag --pass --quiet -x A=1 true b c
    PATH=$before
    grep -q -e '--oversubscribe .*--tag-output --quiet -n 2 .*-x A=1 true b c$' "$tmp/out"
    result $? "an mpirun that is there, and how it is called"
}

# Start oshrun in the background with these arguments and wait until the PEs have spoken.
begin()     # number of lines to wait for, arguments
{
    wanted=$1
    shift
    start=$(date +%s%N)
    : >"$tmp/out" # now, not when the shell in the background gets to it
    # A shell's background processes ignore SIGINT unless they are told otherwise.
    env --default-signal=INT,QUIT "$oshrun" --launcher own "$@" \
        >"$tmp/out" 2>"$tmp/err" </dev/null &
    pid=$!
    tries=0
    while [ "$(wc -l <"$tmp/out")" -lt "$wanted" ] && [ $tries -lt 100 ]; do
        sleep 0.05
        tries=$((tries + 1))
    done
}

finish()    # the status of what begin started
{
    wait $pid
    status=$?
    took=$((($(date +%s%N) - start) / 1000000))
}

own_deaths()
{
    run -n 3 "$probe" 1:signal=11 sleep
    says 'PE 1 (pid [0-9]*) was killed by signal 11 (Segmentation fault)' "who was killed, by what"
    [ "$(grep -c oshrun: "$tmp/err")" = 1 ] && [ "$took" -lt 2000 ]
    result $? "one line, in less than two seconds"
    run -n 3 "$probe" 1:exit=3 sleep
    says 'PE 1 (pid [0-9]*) exited with status 3' "who failed, with what"
    run -n 3 "$probe" 1:exit=0 sleep
    expect 1 "leaving early is status 1"
    says 'PE 1 (pid [0-9]*) left without shmem_finalize' "who left early"
    run -n 3 "$probe" early
    expect 1 "a PE that never joins"
    says 'PE 0 (pid [0-9]*) ended without shmem_init' "who never joined"
    run -n 3 "$probe" 1:abort=7 sleep
    says 'PE 1 (pid [0-9]*) ended the job with status 7' "who aborted"
    run -n 3 "$probe" 2:exit=4 event
    [ "$(grep -c 'event -404 of PE 2' "$tmp/out")" = 2 ]
    result $? "survivors learn of an exit"
    run -n 3 "$probe" 2:signal=9 event
    [ "$(grep -c 'event -402 of PE 2' "$tmp/out")" = 2 ]
    result $? "survivors learn of a death"
    run -n 3 sh -c 'trap "" TERM; [ "$PMIX_RANK" = 1 ] && exit 6; sleep 30; sleep 30'
    [ "$status" = 6 ] && [ "$took" -lt 2500 ]
    result $? "PEs that ignore SIGTERM"
    run -n 3 --timeout 0.5 "$probe" 1:sleep
    says 'still running: PE 1$' "the time limit names the PE"
    run -n 64 "$probe" fence
    expect 0 "64 PEs"
}

own_signals()
{
    begin 3 -n 3 "$probe" say sleep
    kill -INT $pid
    finish
    [ "$status" = 130 ] && [ "$took" -lt 3000 ]
    result $? "SIGINT ends the job"
    begin 3 -n 3 "$probe" say sleep
    kill -TERM $pid
    finish
    expect 143 "SIGTERM ends the job"
    begin 2 -n 2 sh -c 'trap "" INT; echo; sleep 30; sleep 30'
    kill -INT $pid
    sleep 0.2
    kill -INT $pid
    finish
    [ "$status" = 130 ] && [ "$took" -lt 1000 ]
    result $? "the second SIGINT does not wait"
    begin 2 -n 2 sh -c 'trap "echo usr; exit 0" USR1; echo; while :; do sleep 0.05; done'
    kill -USR1 $pid
    finish
    [ "$status" = 0 ] && [ "$(grep -c usr "$tmp/out")" = 2 ]
    result $? "SIGUSR1 is passed on"
    begin 2 -n 2 "$probe" say sleep mark-kill
    kill -KILL $pid
    finish 2>/dev/null
    gone mark-kill "killed by SIGKILL, oshrun leaves no PE"
    [ "$(find "$tmp" -maxdepth 1 -name 'oshrun-*' | wc -l)" = 1 ]
    result $? "and its directory"
    run -n 1 true
    [ "$(find "$tmp" -maxdepth 1 -name 'oshrun-*' | wc -l)" = 0 ]
    result $? "which the next one removes"
    begin 2 -n 2 "$probe" say sleep mark-stop
    kill -TSTP $pid
    sleep 0.3
    stopped=$(grep -c '^State:.*stopped' /proc/$pid/status)
    kill -CONT $pid
    kill -TERM $pid
    finish
    [ "$stopped" = 1 ] && [ "$status" = 143 ]
    result $? "SIGTSTP stops, SIGCONT goes on"
    gone mark-stop "and nothing is left"
}

own_output()
{
    run -n 2 --tag sh -c 'echo a b; printf c; echo d >&2'
    [ "$(sort "$tmp/out" | tr '\n' '|')" = '[0] a b|[0] c|[1] a b|[1] c|' ] &&
        [ "$(sort "$tmp/err" | tr '\n' '|')" = '[0] d|[1] d|' ]
    result $? "--tag"
    run -n 4 --tag sh -c 'i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i + 1)); done'
    [ "$(grep -c '^\[[0-3]\] line [0-9]*$' "$tmp/out")" = 8000 ]
    result $? "--tag keeps lines whole"
    run -n 2 --tag sh -c 'yes | head -c 200000 | tr -d "\n"; echo'
    [ "$(sed 's/^\[[01]\] //' "$tmp/out" | tr -d '\n' | wc -c)" = 200000 ]
    result $? "--tag and very long lines"
    status=$(timeout 20 "$oshrun" --launcher own --tag -n 1 yes 2>"$tmp/err" | head -1 >"$tmp/out"
        cat "$tmp/out")
    [ "$status" = '[0] y' ] && grep -q 'signal 13' "$tmp/err"
    result $? "--tag into a pipe that closes"
    run -n 2 sh -c '(sleep 0.1; echo late) & exit 0'
    lines 0 "late late" "what a PE leaves behind may end"
    run -n 2 sh -c 'setsid sleep 47 & exit 0'
    [ "$status" = 0 ] && [ "$took" -lt 3000 ] && ! grep -qsz '^47$' /proc/[0-9]*/cmdline
    result $? "and is ended otherwise"
    if script -qec true /dev/null >/dev/null 2>&1; then # there are terminals to be had
        printf 'typed\n\004' | timeout 20 script -qec "'$oshrun' --launcher own -n 2 sh -c \
            'if [ \$PMIX_RANK = 0 ]; then read a; echo \"<\$a>\"; fi'" \
            /dev/null >"$tmp/out" 2>"$tmp/err"
        status=$?
        [ "$status" = 0 ] && grep -q '<typed>' "$tmp/out"
        result $? "a terminal is PE 0's input"
        (sleep 1; printf '\003') | timeout 20 script -qec \
            "'$oshrun' --launcher own -n 2 sleep 30" /dev/null >"$tmp/out" 2>"$tmp/err"
        status=$?
        expect 130 "Ctrl-C"
    fi
}

launcher=own
[ -x "$probe" ] || {
    echo "1..0 # SKIP $probe is not built"
    exit 0
}
bad_command_lines
for launcher in own mpirun; do
    run -n 1 true
    if [ $launcher = mpirun ] && [ "$status" != 0 ]; then
        echo "# no Open MPI here"
        continue
    fi
    every_launcher
done
choices
launcher=own
own_deaths
own_signals
own_output
[ "$(find "$tmp" -maxdepth 1 -name 'oshrun-*' | wc -l)" = 0 ]
result $? "nothing is left in TMPDIR"
echo "1..$n_tests"
