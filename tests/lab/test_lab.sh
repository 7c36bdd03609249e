#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# test_lab.sh -- the lab itself: its hosts are strangers to each other, and nothing of it stays.
# shellcheck disable=SC2013,SC2016,SC2317  # text for other programs; called by name
# shellcheck source-path=SCRIPTDIR source=hosts.sh
. "$(dirname "$0")/hosts.sh"
probe=tests/tools/pmix_probe

# The processes on this machine that belong to a lab.
of_lab() { # <name>
    for pid in $(grep -lzsx -e "LAB_NAME=$1" /proc/[0-9]*/environ | cut -d/ -f3); do
        case $(tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline") in
        *" _head $1 "* | *" _host $1 "*) echo "$pid" ;;
        esac
    done
}

# Is there a process with that argument?  It is the host's shell that lists the processes.
sees() { # <host> <argument>
    on "$1" sh -c "grep -qsz '^$2\$' /proc/[0-9]*/cmdline"
}

has_no_processes() { # <name>
    [ -z "$(of_lab "$1")" ]
}

is_gone() { # <name>
    has_no_processes "$1" && [ ! -e "/run/npushmem-lab/$1" ]
}

# Somebody sleeps for 61 seconds in that lab.
is_slept_in() { # <name>
    timeout 30 env LAB_NAME="$1" "$lab" exec host1 \
        sh -c 'grep -qsz "^61$" /proc/[0-9]*/cmdline' 2>/dev/null
}

# A word sent to port 7000 of one host from another, and back.
greet() { # <from> <to> [time]
    on "$2" perl -MIO::Socket::INET -e '
        my $server = IO::Socket::INET->new(LocalPort => 7000, Listen => 1, ReuseAddr => 1,
                                           Timeout => 10) or die;
        open(my $ready, ">", "$ARGV[0]/ready");
        close($ready);
        my $peer = $server->accept() or exit 1;
        print $peer scalar(<$peer>);
        close($peer);' "$tmp" &
    wait_for 20 [ -e "$tmp/ready" ] || return 1
    on "$1" perl -MIO::Socket::INET -MTime::HiRes=time -e '
        my $peer = IO::Socket::INET->new(PeerAddr => "$ARGV[0]:7000", Timeout => 5) or exit 1;
        my $begun = time();
        print $peer "hello\n";
        exit 1 if <$peer> ne "hello\n";
        my $took = 1000 * (time() - $begun);
        die "took $took ms" if $took < $ARGV[1];' "$2" "${3:-0}"
    greeted=$?
    wait $!
    rm -f "$tmp/ready"
    return "$greeted"
}

strangers() {
    check "a host has its name" [ "$(on host2 uname -n)" = host2 ]
    for space in mnt uts ipc net pid; do
        {
            readlink /proc/self/ns/$space
            for host in head host1 host2 host3; do
                on $host readlink /proc/self/ns/$space
            done
        } | sort -u >"$tmp/spaces"
        check "this machine and four hosts: five name spaces ($space)" \
            [ "$(wc -l <"$tmp/spaces")" = 5 ]
    done
    on host1 touch /dev/shm/here /tmp/here
    check "/dev/shm is a host's own" no on host2 ls /dev/shm/here
    check "and not the machine's" no ls /dev/shm/here
    check "/tmp is a host's own" no on host2 ls /tmp/here
    check "/dev/shm is there" on host1 rm /dev/shm/here
    timeout 60 "$lab" exec host1 sleep 47 &
    wait_for 20 sees host1 47
    check "its own processes are seen" sees host1 47
    check "those of another host are not" no sees host2 47
    kill $! 2>/dev/null
    check "the end of the command outside is the end inside" \
        wait_for 20 no sees host1 47
    check "the source tree is seen" on host3 [ -f "$src/tests/lab/lab" ]
    check "the build tree is seen" on host3 [ -x "$build/tools/oshrun" ]
    check "a status is passed on" [ "$(on host1 sh -c 'exit 5' || echo $?)" = 5 ]
    check "there is no way out of the lab" [ -z "$(on host1 ip route show default)" ]
}

network() {
    check "two hosts talk" greet host1 host2
    check "a host and the head talk" greet head host3
    "$lab" link host2 down
    check "a cable pulled out" no greet host1 host2
    check "and the other hosts" greet host1 host3
    "$lab" link host2 up
    check "the cable plugged in again" greet host1 host2
    "$lab" cut host1 host2
    check "two hosts cut off from each other" no greet host2 host1
    check "who both see the others" greet host1 host3
    "$lab" heal host1 host2
    check "and healed" greet host2 host1
    check "the head's address is its own, whatever is plugged into the switch" \
        [ "$(on head cat /sys/class/net/br0/addr_assign_type)" = 3 ]
    check "a host and the head, before its cable changes" greet host1 head
    "$lab" delay host1 300ms loss 0.1%
    if [ $? = 2 ]; then
        skip "a slow cable" "neither netem nor tests/lab/cable"
        return
    fi
    check "a slow cable to another host" greet host1 host2 300
    check "and to the head" greet host1 head 300
    "$lab" delay host1 off
    check "and it is as good as new to the head" greet host1 head
    check "and to another host" greet host1 host2
    check "and fast" no greet host1 host2 200
}

jobs_in_it() {
    job -n 5 -- sh -c 'uname -n'
    check "5 processes on 3 hosts" [ "$(sort "$tmp/out" | tr '\n' ' ')" = \
        "host1 host1 host2 host2 host3 " ]
    job -n 6 "$probe" say fence
    check "they find each other" status_is 0
    check "all of them" [ "$(grep -c 'PE [0-5] of 6' "$tmp/out")" = 6 ]
    job -n 4 --hosts 2 "$probe" 3:exit=3 sleep
    check "the status of a job is passed on" status_is 3
    job -n 3 --timeout 2 "$probe" sleep
    check "the time limit" status_is 124
    job -n 3 -x MINE=yes sh -c 'echo "$MINE"'
    check "variables are passed on" [ "$(grep -c yes "$tmp/out")" = 3 ]
    job -n 3 sh -c 'uname -n >/dev/shm/stays'
    check "shared memory left behind is a failure" status_is 99
    check "and named" says 'left in the shared memory of host3: stays'
    check "and removed" no on host3 ls /dev/shm/stays
    job -n 3 sh -c 'setsid sleep 48 >/dev/null 2>&1 & sleep 0.5'
    check "processes left behind are a failure" status_is 99
    check "and named" says 'left running: sleep 48'
    check "and killed" no sees head 48
}

# Runs that are killed without a chance to clean up.
killed() {
    "$lab" run -n 3 "$probe" say sleep >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    check "a job in the lab runs" wait_for 20 grep -q 'PE 2' "$tmp/out"
    kill -9 $pid
    wait $pid 2>/dev/null
    check "killed, its processes end" wait_for 20 \
        no sees head '.*pmix_probe'
    LAB_NAME=none "$lab" run -n 2 "$probe" say sleep >"$tmp/out" 2>"$tmp/err" &
    pid=$!
    check "a job in a lab of its own runs" wait_for 20 grep -q 'PE 1' "$tmp/out"
    kill -9 $pid
    wait $pid 2>/dev/null
    check "killed, its lab ends" wait_for 20 has_no_processes run$pid
    LAB_NAME=none "$lab" down
    check "and down removes the directory" is_gone run$pid
    # shellcheck disable=SC2016  # for the other script, with a job in its lab
    setsid sh -c '. "$(dirname "$0")/hosts.sh"; need_lab 1; job -n 1 sleep 61' \
        "$src/tests/lab/test_lab.sh" "$src" "$build" &
    pid=$!
    check "another script runs a job" wait_for 40 is_slept_in t$pid
    kill -TERM -$pid
    wait $pid
    check "its processes are told to end: the lab ends" is_gone t$pid
    sleep 62 &
    pid=$!
    check "a lab for a process" env LAB_NAME="o$$" "$lab" up 1 --with $pid
    kill -9 $pid
    wait $pid 2>/dev/null
    check "which is killed: the lab ends" wait_for 20 is_gone "o$$"
}

mounts=$(cat /proc/self/mounts)
interfaces=$(ls /sys/class/net)
need_lab 3
strangers
network
if command -v mpirun >/dev/null; then
    jobs_in_it
    killed
else
    skip "jobs" "there is no mpirun"
fi
check "a second lab, with little shared memory" \
    env LAB_NAME="s$$" "$lab" up 1 --shm 1m --with $$
check "there is no more of it" no env LAB_NAME="s$$" "$lab" exec host1 \
    dd if=/dev/zero of=/dev/shm/much bs=1M count=2
check "the first goes on" on host3 true
LAB_NAME="s$$" "$lab" down
check "the second is gone" is_gone "s$$"
check "the first is not" on host1 true
on host1 sleep 49 &
wait_for 20 sees host1 49
check "down" "$lab" down
wait $!
check "nothing of it is left" is_gone "$LAB_NAME"
check "no process either" no grep -qsz '^49$' /proc/[0-9]*/cmdline
check "no mount" [ "$mounts" = "$(cat /proc/self/mounts)" ]
check "no interface" [ "$interfaces" = "$(ls /sys/class/net)" ]
check "down once more is harmless" "$lab" down
finish
