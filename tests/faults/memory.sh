#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# memory.sh -- little room: a small /dev/shm, a limit on memory; and nothing that stays behind.
# shellcheck source-path=SCRIPTDIR source=faults.sh
. "$(dirname "$0")/faults.sh"
heap=$programs/heap
mega=1048576

finished() {
    [ "$status" = 0 ] && says 'PE 0 is done' && says 'PE 1 is done'
}

# A container's /dev/shm has 64 MiB by default.
if unshare -m mount -t tmpfs -o size=64m tmpfs /dev/shm 2>/dev/null; then
    cat >"$tmp/small" <<END
#!/bin/sh
mount -t tmpfs -o size=64m tmpfs /dev/shm && exec $OSHRUN "\$@"
END
    chmod +x "$tmp/small"
    full=$OSHRUN
    OSHRUN="unshare -m $tmp/small"
    job 2 -x SHMEM_SYMMETRIC_SIZE=1G "$heap" $((mega * 1000)) $((mega * 10))
    check "/dev/shm of 64 MiB, a heap of 1 GiB, 10 MiB touched" finished
    job 2 -x SHMEM_SYMMETRIC_SIZE=1G "$heap" $((mega * 200)) $((mega * 150))
    check "/dev/shm of 64 MiB, 150 MiB touched: it works, or says why" \
        eval 'finished || { has_failed && line_has npushmem "memory|space|shm"; }'
    check "no bus error" says_not 'bus error|signal 7'
    OSHRUN=$full
else
    skip "a small /dev/shm" "no right to mount one"
    skip "a small /dev/shm, more touched" "no right to mount one"
    skip "no bus error" "no right to mount one"
fi

# Touching little of large heaps takes little.
third=$(($(sed -n 's/MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 3))
job 2 -x "SHMEM_SYMMETRIC_SIZE=${third}k" "$heap" $((third * 1000)) $mega
check "heaps of a third of the machine's memory, of which little is touched" finished

# More than there is: what is asked for and what can be had, in words that fit the number of PEs.
job 2 -x SHMEM_SYMMETRIC_SIZE=1000T "$heap" 64
check "a heap of 1000 TiB: a line says what can be had" \
    line_has npushmem 'asks for [0-9]+ MiB, but .* gives [0-9]+ MiB: choose'
room=$(sed -n 's/.* gives \([0-9]*\) MiB.*/\1/p' "$tmp/err" | head -n 1)
job 2 -x SHMEM_SYMMETRIC_SIZE="$((${room:-0} * 2 / 3))M" "$heap" 64
check "two heaps of two thirds of that: it says for how many PEs" \
    line_has npushmem 'asks for [0-9]+ MiB for each of the 2 PEs of this node' 'for all: choose'

# With address space for the program but not for the heap.
cat >"$tmp/limited" <<'END'
#!/bin/sh
ulimit -v 4000000 && exec "$@"
END
chmod +x "$tmp/limited"
job 2 -x SHMEM_SYMMETRIC_SIZE=16G "$tmp/limited" "$heap" 64
check "no address space for the heap: fails" has_failed
check "no address space: a line says so, and names the variable" \
    line_has npushmem SHMEM_SYMMETRIC_SIZE
check "no address space: nothing is left" nothing_left

# Everything at once is killed while large memory is in use.
rm -f "$tmp/out"
ls /dev/shm | sort >"$tmp/shm"
# shellcheck disable=SC2086  # a command with its options
env FAULT_JOB="$FAULT_MARK" $OSHRUN -n 2 -x SHMEM_SYMMETRIC_SIZE=1G "$heap" $((mega * 500)) \
    $((mega * 50)) 60 >"$tmp/out" 2>&1 </dev/null &
wait_for 20 grep -q 'PE 1 of 2' "$tmp/out"
sleep 1
kill_rest
wait
check "SIGKILL of all: nothing is left" nothing_left
finish
