#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What the host sees of real guests: locked memory, huge pages, ten at once, and
# commands that are killed.  The guests have an empty disk and never boot.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip

truncate -s 1M "$tmp/empty.raw"
must t image create empty --file "$tmp/empty.raw" --disk-format raw
must t flavor create tiny --vcpus 1 --ram 64 --disk 0

# ---- memory ----

# Where a process may not lock this much, QEMU could not either.
limit=$(ulimit -H -l)
if [ "$limit" != unlimited ] && [ "$limit" -lt 1048576 ] && ! (ulimit -l 1048576) 2> /dev/null; then
  skip "locked memory is locked: the limit is $limit KiB and cannot be raised"
else
  must t flavor create locked --vcpus 1 --ram 64 --disk 0 \
    --property hw:locked_memory=yes --property hw:mem_page_size=small
  run t server create locked --flavor locked --image empty
  is_rc 0 "a guest with locked memory"
  kib=$(sed -n 's/^VmLck:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$(guest_pids)/status" 2> /dev/null)
  true_that "QEMU has locked at least the guest's memory (${kib:-0} KiB)" test "${kib:-0}" -ge 65536
  run t server delete locked
  is_rc 0 "delete"
fi

pool=/sys/kernel/mm/hugepages/hugepages-2048kB
reserved=$(cat $pool/nr_hugepages 2> /dev/null)
cleanup_pages () {
  umount "$tmp/huge" 2> /dev/null
  echo "$reserved" > $pool/nr_hugepages
}
# Reserves the 32 pages of a guest of 64 MiB, and sees to a place for them.
reserve () {
  [ -n "$reserved" ] || { why="this host has none of 2 MiB"; return 1; }
  [ -w $pool/nr_hugepages ] || { why="this user may reserve none"; return 1; }
  CLEANUPS="$CLEANUPS cleanup_pages"
  echo $((reserved + 32)) > $pool/nr_hugepages
  [ "$(cat $pool/nr_hugepages)" -ge $((reserved + 32)) ] || { why="this host cannot spare 64 MiB"; return 1; }
  grep -q ' hugetlbfs ' /proc/mounts && return 0
  mkdir "$tmp/huge"
  mount -t hugetlbfs none "$tmp/huge" 2> /dev/null || { why="hugetlbfs cannot be mounted"; return 1; }
}
if reserve; then
  before=$(cat $pool/free_hugepages)
  must t flavor create huge --vcpus 1 --ram 64 --disk 0 --property hw:mem_page_size=2048
  run t server create huge --flavor huge --image empty
  is_rc 0 "a guest on huge pages"
  is_eq "$((before - $(cat $pool/free_hugepages)))" 32 "takes 32 of the host's, which are 64 MiB"
  run t server delete huge
  is_rc 0 "delete"
  is_eq "$(cat $pool/free_hugepages)" "$before" "and gives them back"
else
  skip "huge pages back a guest: $why"
fi

# ---- ten at once ----

# Ten of one CPU, also on a host with two.
mkdir "$tmp/many"
printf '[virtloom]\ninitial_cpu_allocation_ratio = 16.0\n' > "$tmp/many/virtloom.conf"
for i in 1 2 3 4 5 6 7 8 9 10; do
  { t --config "$tmp/many" server create "many$i" --flavor tiny --image empty > "$tmp/many$i" 2>&1; echo $? > "$tmp/rc$i"; } &
done
wait
is_eq "$(cat "$tmp"/rc? "$tmp"/rc?? | sort | uniq -c | tr -s ' ')" " 10 0" "ten creates at once all succeed"
for i in 1 2 3 4 5 6 7 8 9 10; do [ "$(cat "$tmp/rc$i")" = 0 ] || diag "$(cat "$tmp/many$i")"; done
is_eq "$(t server list -o json | grep -o '"power_state": *"RUNNING"' | wc -l)" 10 "and all ten run"
is_eq "$(guest_pids | wc -l)" 10 "each in a process of its own"
# shellcheck disable=SC2046 # numbers
kill -KILL $(guest_pids | tail -n 9)
nine_crashed () { [ "$(t server list -o json 2> /dev/null | grep -o '"power_state": *"CRASHED"' | wc -l)" = 9 ]; }
true_that "guests that died are seen to have crashed" wait_for 120 nine_crashed
# shellcheck disable=SC2046 # names without blanks
run t server delete $(seq -f 'many%g' 10)
is_rc 0 "all are deleted by one command"

# ---- killed ----

# Killed anywhere between its beginning and its end, a create leaves nothing,
# or, where it was done already, a whole server.
begin=$(date +%s%N)
must t server create measure --flavor tiny --image empty
whole=$((($(date +%s%N) - begin) / 1000000))
must t server delete measure
is_decided () { ! t server list 2>&1 | grep -qE 'killed.*BUILD|^warning'; }
left=''
for part in 2 4 5 6 7 8; do
  # No function: the process to kill is the one that works.
  "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q \
    server create killed --flavor tiny --image empty > "$tmp/killed" 2>&1 &
  child=$!
  sleep "$(printf '%d.%03d' $((whole * part / 9 / 1000)) $((whole * part / 9 % 1000)))"
  kill -KILL "$child" 2> /dev/null
  wait "$child" 2> /dev/null
  # A list does not wait for what dies.
  wait_for 120 is_decided
  run t server list -o json
  [ "$rc" = 0 ] || left="$left after $part/9 the next command failed: $err;"
  case $out in
    *'"name": "killed"'*)
      power_is killed RUNNING || left="$left after $part/9 a server that does not run;"
      t server delete killed > /dev/null 2>&1
      ;;
  esac
  rest=$(guest_pids; find "$state/servers" -mindepth 1 -maxdepth 1 2> /dev/null)
  [ -z "$rest" ] || left="$left after $part/9 there is $rest;"
done
is_eq "$left" "" "creates that are killed leave nothing after the next command"

# Killed after libvirt wrote down that the guest starts, before there is a QEMU.
for when in 5 6 7 8 9 10; do
  strace -qq -o /dev/null -e trace=clone -e inject=clone:signal=SIGKILL:when=$when \
    "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q server create unborn --flavor tiny --image empty > /dev/null 2>&1
  run t server delete unborn
  case $rc in
    0 | 5) ;;
    *) left="$left clone $when: $err;" ;;
  esac
done
is_eq "$left" "" "a guest that was never born can be deleted"

# Killed while libvirt asks a QEMU what it can do, which it does once in a STATE.  That is soon
# over: the folder is looked at without a pause, and what came too late is tried again.
asked=$tmp/asked
cleanup_asked () { state=$asked cleanup_guests; }
CLEANUPS="cleanup_asked $CLEANUPS"
is_asked () { compgen -G "$asked/libvirt/lib/qemu/qmp-*/qmp.pid" > /dev/null; }
left=''
for try in $(seq 50); do
  rm -rf "$asked"
  "$VL_RUN" virtloom --config "$config" --state "$asked" --driver qemu-tcg host show > "$tmp/.out" 2>&1 &
  child=$!
  until is_asked || ! kill -0 "$child" 2> /dev/null; do :; done
  kill -KILL "$child" 2> /dev/null
  wait "$child" 2> /dev/null
  left=$(state=$asked guest_pids)
  [ -z "$left" ] || break
  diag "try $try: libvirt had its answers"
done
true_that "a command is killed while libvirt asks a QEMU" [ -n "$left" ]
run vl --driver qemu-tcg --state "$asked" host show
is_rc 0 "the next one asks, too"
is_eq "$(state=$asked guest_pids)$(cd "$asked/libvirt/lib/qemu" && echo qmp-*)" "qmp-*" "and no QEMU is left that waits for questions"

all_gone
done_testing
