#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Many guests at once, some with a QEMU that hangs, with each kind of connection: forty with
# ./check --long, else eight.  They hear nothing, since their disk is empty.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
guests_or_skip
many=8 deaf=5
[ -z "${VL_TEST_LONG:-}" ] || many=40
v () { vl --driver qemu-tcg -q "$@"; }
main_setting virtloom 'cpu_allocation_ratio = 64.0'
truncate -s 1M "$tmp/empty.img"

# each COMMAND...: with each server's name in the place of NAME, all at the same time; how many did it.
each () {
  local n did=0 pids=()
  for n in $(seq "$first" "$many"); do
    v "${@//NAME/g$n}" > "$tmp/each$n" 2>&1 &
    pids+=($!)
  done
  for n in "${!pids[@]}"; do
    if wait "${pids[n]}"; then did=$((did + 1)); else diag "$(cat "$tmp/each$((n + first))")"; fi
  done
  echo "$did"
}
states () { v server list -o json 2> /dev/null | sed -n 's/^.*"power_state": *"\([A-Z]*\)".*$/\1/p' | sort | uniq -c | tr -s '\n ' ' '; }

crowd () {
  local n pid folder
  must v flavor create f --vcpus 1 --ram 64 --disk 0
  must v image create i --file "$tmp/empty.img" --disk-format raw
  first=1
  is_eq "$(each server create NAME --flavor f --image i | tail -n 1)" "$many" "$1: all are made at the same time"
  is_eq "$(states)" " $many RUNNING " "$1: and run"
  is_eq "$(guest_pids | wc -l)" "$many" "$1: each in a QEMU of its own"
  for n in $(seq $deaf); do
    folder=$(field "g$n" run_dir)
    for pid in $(guest_pids); do
      ! tr '\0' ' ' < "/proc/$pid/cmdline" | grep -qF "$folder/" || kill -STOP "$pid"
    done
  done
  run v server list -c Name
  is "$rc $(grep -c '^g[0-9]' <<< "$out")" "0 $many" "$1: with $deaf that hang, list has all"
  run v host usage
  is_rc 0 "$1: and usage answers"
  first=$((deaf + 1))
  is_eq "$(each server pause NAME | tail -n 1)" $((many - deaf)) "$1: all others are paused"
  is_eq "$(each server unpause NAME | tail -n 1)" $((many - deaf)) "$1: and go on"
  # shellcheck disable=SC2046 # names without blanks
  run v server stop --timeout=1 $(seq -f 'g%g' $deaf)
  is_rc 0 "$1: those that hang are stopped by one command"
  is_eq "$(states)" " $((many - deaf)) RUNNING $deaf SHUTDOWN " "$1: and no other"
  # shellcheck disable=SC2046
  run v server delete $(seq -f 'g%g' "$many")
  is_rc 0 "$1: all are deleted by one command"
  is_eq "$(guest_pids)" "" "$1: and nothing runs"
}
crowd embedded
# Without the setting a guest that hears nothing is waited for, for two minutes.
setting qemu-tcg 'wait_soft_reboot_seconds = 1'
must v server create last --flavor f --image i
pid=$(guest_pids)
run vl --driver qemu-tcg server reboot last
is_rc 0 "a guest that hears nothing is rebooted all the same"
has "$err" 'did not shut down in 1 s; the plug was pulled' "after as long as wait_soft_reboot_seconds says"
true_that "and runs anew" test -n "$(guest_pids)" -a "$(guest_pids)" != "$pid"
must v server delete last
all_gone
hosts_or_skip
host_up a
setting qemu-tcg "connection_uri = $(host_uri a)"
crowd daemon
[ "$failures" -eq 0 ] || host_log a
done_testing
