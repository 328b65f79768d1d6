#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A guest gets another flavor and its old one back, as it sees that itself: its memory, its CPUs,
# the size of its disk, and what it has written there.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image
cd "$tmp" || exit 99

# The guest says what it has, and how often it was started with its ephemeral disk.
script look << 'END'
mem=$(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo)
n=$(dd if=/dev/vdb bs=512 count=1 2> /dev/null | tr -dc 0-9)
n=$((${n:-0} + 1))
{ echo "$n"; head -c 500 /dev/zero; } | dd of=/dev/vdb bs=512 count=1 conv=notrunc 2> /dev/null
sync
echo "guest: has $((mem / 1024 / 64)) $(grep -c ^processor /proc/cpuinfo) $(($(cat /sys/block/vda/size) / 2048)) $(($(cat /sys/block/vdb/size) / 2048)) start $n."
END
must t flavor create small --vcpus 1 --ram 192 --disk 1 --ephemeral 1
must t flavor create large --vcpus 2 --ram 320 --disk 2 --ephemeral 2
must t image create guest --file "$image" --disk-format qcow2

run t server create one --flavor small --image guest --volume "$(volume look)"
made "a guest"
true_that "it has what its flavor says" says one "guest: has 2 1 1024 1024 start 1."
before=$(t server show one -o json | sed -n 's/^.*"xml": //p')
run t server resize one --flavor large --timeout 1
is_rc 0 "resize"
is_eq "$(field one status) $(power one)" "VERIFY_RESIZE RUNNING" "it runs, and waits to be confirmed"
true_that "it has more memory, CPUs and disks, with what it had written" says one "guest: has 4 2 2048 2048 start 2."
run t server resize revert one --timeout 1
is_rc 0 "revert"
true_that "it has what it had, and nothing that it has written since" says one "guest: has 2 1 1024 1024 start 2."
is_eq "$(field one status) $(power one)" "ACTIVE RUNNING" "it runs"
is_eq "$(t server show one -o json | sed -n 's/^.*"xml": //p')" "$before" "its document is what it was"
run t server stop one --timeout 0
run t server resize one --flavor large
is_eq "$rc $err" "0 " "resize of one that is off"
is_eq "$(power one)" "SHUTDOWN" "which stays off"
run t server resize confirm one
is_eq "$rc $err $(field one status)" "0  SHUTOFF" "confirm"
is_eq "$(find "$state/servers" -name resize)" "" "what it was is gone"
run t server delete one
is_rc 0 "delete"
all_gone
done_testing
