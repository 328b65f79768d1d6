#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Servers' disks in a volume group where there can be none: what a plan and a server that is to be made say. What is
# done in a group ./check nested tries.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
main_setting storage 'images_type = lvm'
setting lvm 'images_volume_group = vg0'
f () { vl --driver fake -q "$@"; }
truncate -s 1M "$tmp/raw"
run f flavor create tiny --vcpus 1 --ram 64 --disk 1
run f image create raw --file "$tmp/raw" --disk-format raw
if [ ! -e /dev/mapper/control ]; then
  missing="this host's kernel has no device mapper (/dev/mapper/control)"
elif [ ! -x /sbin/lvm ] && [ ! -x /usr/sbin/lvm ]; then
  missing="lvm2 is not installed"
else
  skip_all "this host has logical volumes"
fi
run vl --driver qemu-tcg plan --flavor tiny --image raw
has "$rc $out" "<source dev='/dev/vg0/" "a disk in a group is planned where there are no groups"
has "$err" "warning StorageFailed lvm: images_volume_group is set, and no disk can be made in one: $missing (images_volume_group=vg0, setting, $config/plugins.d/lvm.conf:2)
  apt-get install lvm2 and modprobe dm-mod" "and it is told that none can be made"
run f plan --flavor tiny --image raw
is_eq "$rc $err" "0 " "which is not said of another host"
run f server create one --flavor tiny --image raw
is_eq "$rc $err" "4 error ToolMissing lvm: nothing is done in volume groups: $missing
  apt-get install lvm2 and modprobe dm-mod" "none is made"
run f server list -o value
is_eq "$rc $out$err" "0 " "and nothing is left of it"
run f state check
has "$rc $out" "nothing is done in volume groups: $missing" "state check says that it cannot look"
main_setting storage 'images_type = flat'
setting lvm
run f state check
has "$rc $out" "0 PASS" "where no group is set it does not try"
done_testing
