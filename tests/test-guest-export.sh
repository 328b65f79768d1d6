#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A guest goes to another STATE by its record alone, as it sees that itself: what it wrote on its volume
# is there, and its interface has its address.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image
cd "$tmp" || exit 99

# The guest counts its starts on its volume.
script count << 'END'
[ ! -e /run/done ] || exit 0
: > /run/done
n=$(dd if=/dev/vdb bs=512 skip=131071 count=1 2> /dev/null | tr -dc 0-9)
n=$((${n:-0} + 1))
{ echo "$n"; head -c 500 /dev/zero; } | dd of=/dev/vdb bs=512 seek=131071 count=1 conv=notrunc,fsync 2> /dev/null
echo "guest: counted $n as $(cat /sys/class/net/eth0/address)."
END
truncate -s 65M count.disk
cp "$image" root.qcow2
setting user 'host_loopback_acknowledged = yes'
must t flavor create small --vcpus 1 --ram 192 --disk 0
run t server create one --flavor small --network user,mac=52:54:00:00:00:07 \
  --volume "path=$tmp/root.qcow2,format=qcow2,boot_index=0" --volume "$(volume count)"
made "a guest of volumes alone"
true_that "it writes on one" says one "guest: counted 1 as 52:54:00:00:00:07."
uuid=$(field one uuid)
run t server stop one --timeout 0
is_rc 0 "it is stopped"
t server export one > one.json
made "its record"
run t server delete one
is_rc 0 "it is not here any more"

# The other host: a STATE of its own, with the libvirt of that.
mine=$state
rm -f console-of-one
state=${state%/*}/o
mkdir -m 700 "$state" "$state/libvirt"
cp -a "$mine/libvirt/cache" "$state/libvirt/cache"
run t server import one.json
made "it is imported"
is_eq "$(field one status) $(field one uuid)" "SHUTOFF $uuid" "off, as what it was"
is_eq "$(guest_pids)" "" "and no process runs"
run t server start one
is_eq "$rc $(steady "$err")" "0 " "it starts"
true_that "it has its mark and its address" says one "guest: counted 2 as 52:54:00:00:00:07."
run t server import one.json
has "$rc $err" "3 error InstanceExists" "it is not imported twice"
run t server delete one
is_rc 0 "it is deleted"
all_gone
state=$mine
all_gone
done_testing
