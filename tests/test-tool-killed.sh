#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What runs outside programs is killed at any point of its work: the command that waits for it
# goes on at once, and no process of it stays.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs strace strace
can_kill || skip_all "strace may not trace here"

setting user 'host_loopback_acknowledged = yes'
truncate -s 1M "$tmp/disk.raw"
vl --driver fake flavor create m1 --vcpus 1 --ram 128 --disk 1 > /dev/null
vl --driver fake image create img --file "$tmp/disk.raw" --disk-format raw > /dev/null
cp -a "$state" "$state.0"

# strace ends when the last process that it follows has, whoever its parent was.
# shellcheck disable=SC2016
killed='strace -f -qq -o /dev/null -e trace="$1" -e inject="$1:signal=SIGKILL:when=$2" \
  "$VL_RUN" virtloom --config "$config" --state "$state" --driver fake server create "killed-$2" --flavor m1 --image img
  : > "$tmp/over"'
export VL_RUN config state tmp
for calls in write fork,vfork,clone,clone3 unshare close_range execve prctl; do
  for n in 1 2 3 4; do
    # What the last one left would be done first.
    rm -rf "$tmp/over" "$state"
    cp -a "$state.0" "$state"
    timeout --kill-after=5 1200 bash -c "$killed" killed "$calls" "$n" > /dev/null 2>&1
    true_that "killed at $calls $n, all of it ends" test -e "$tmp/over"
    vl --driver fake server delete "killed-$n" > /dev/null 2>&1
    run vl --driver fake server list
    is_eq "$rc $err$(ls "$state/servers")" "0 " "what was half made is gone"
  done
done

done_testing
