#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A guest is rescued, unrescued and rebuilt, as it sees that itself: from which disk it has booted,
# which others it has, and what is on them.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image
cd "$tmp" || exit 99

# The guest says from which kind of disk it has booted, which disks it has, each with its tag, and how
# often it was started with it.  Its script is in the last 64 KiB of its disks, since a guest that is
# rescued has no volume; tag and count are in the last two sectors.
cat > look << 'END'
#!vl
[ ! -e /run/done ] || exit 0
: > /run/done
list=''
for disk in /sys/block/vd? /sys/block/sd?; do
  [ -e "$disk/size" ] || continue
  last=$(($(cat "$disk/size") - 1))
  disk=${disk##*/}
  [ "$last" -gt 100000 ] || continue
  tag=$(dd if=/dev/$disk bs=512 skip=$((last - 1)) count=1 2> /dev/null | tr -dc 'a-z')
  n=$(dd if=/dev/$disk bs=512 skip=$last count=1 2> /dev/null | tr -dc 0-9)
  n=$((${n:-0} + 1))
  { echo "$n"; head -c 500 /dev/zero; } | dd of=/dev/$disk bs=512 seek=$last count=1 conv=notrunc 2> /dev/null
  list="$list $disk=$tag,$n"
done
sync
kind=$(sed 's/.*panic=-\([0-9]\).*/\1/' /proc/cmdline)
echo "guest: booted $kind has$list."
exit 0
END
disk () { # FILE TAG KIND
  qemu-img convert -O raw "$image" "$1"
  LC_ALL=C sed -i "s/panic=-1/panic=-$3/g" "$1"
  truncate -s 64M "$1"
  dd if=look of="$1" bs=512 seek=$((131072 - 128)) conv=notrunc status=none
  printf '%s\n' "$2" | dd of="$1" bs=512 seek=131070 conv=notrunc status=none
}
disk own.raw own 1
disk other.raw other 2
disk third.raw third 3
script data < /dev/null
must t flavor create f --vcpus 1 --ram 192 --disk 0
must t image create own --file own.raw --disk-format raw
must t image create other --file other.raw --disk-format raw
must t image create third --file third.raw --disk-format raw
must t image create stable --file other.raw --disk-format raw --property hw_rescue_bus=virtio --property hw_rescue_device=disk

run t server create one --flavor f --image own --volume "$(volume data)"
made "a guest"
true_that "it runs from its own disk" says one "guest: booted 1 has vda=own,1."
uuid=$(field one uuid)
sums () { sha256sum "$state/servers/$uuid"/disk* | sed 's/ .*\// /'; }
before=$(t server show one -o json | sed -n 's/^.*"xml": //p')

run t server rescue one --image other --timeout 0
is_rc 0 "rescue"
is_eq "$(field one status) $(power one)" "RESCUE RUNNING" "it runs, and is rescued"
true_that "it runs from the rescue disk, and sees its own as the second" says one "guest: booted 2 has vda=other,1 vdb=own,2."
run t server unrescue one
is_rc 0 "unrescue"
is_eq "$(field one status) $(power one)" "ACTIVE RUNNING" "it runs"
true_that "from its own disk, with what was written while it was rescued" says one "guest: booted 1 has vda=own,3."
is_eq "$(t server show one -o json | sed -n 's/^.*"xml": //p')" "$before" "its document is what it was"
is_eq "$(find "$state/servers/$uuid" -name '*rescue*')" "" "the rescue disk is gone"

run t server rescue one --image stable --timeout 0
is_rc 0 "a stable rescue"
true_that "it runs from the rescue disk, which is one more" says one "guest: booted 2 has vda=own,4 vdc=other,1."
run t server unrescue one
is_rc 0 "unrescue"
true_that "it runs from its own disk again" says one "guest: booted 1 has vda=own,5."

run t server stop one --timeout 0
is_rc 0 "stop"
was=$(sums)
run t server rescue one --image nowhere
is_rc 5 "a rescue that is refused"
is_eq "$(sums) $(power one)" "$was SHUTDOWN" "touches nothing"
run t server rescue one --timeout 0
is_eq "$rc $err" "0 " "a rescue from its own image, of a guest that was off"
true_that "it runs from a new disk of that" says one "guest: booted 1 has vda=own,1 vdb=own,6."
run t server unrescue one
is_rc 0 "unrescue"
true_that "it runs from its own" says one "guest: booted 1 has vda=own,7."

run t server rebuild one --image other --timeout 0
is_rc 0 "rebuild"
has "$err" "warning DisksRebuilt core: disks of server \"one\" were made anew, and what was on them is gone: root" "says what is gone"
true_that "it runs from a new disk of the other image" says one "guest: booted 2 has vda=other,1."
is_eq "$(field one status) $(field one image) $(field one uuid)" "ACTIVE other $uuid" "and is the server that it was"
run t server stop one --timeout 0
run t server rebuild one --image third
is_rc 0 "rebuild of one that is off"
is_eq "$(power one)" "SHUTDOWN" "which stays off"
is_eq "$(find "$state/servers/$uuid" -name rebuild)" "" "what it was is gone"
run t server start one
is_rc 0 "start"
true_that "it runs from a new disk of the third image" says one "guest: booted 3 has vda=third,1."
run t server delete one
is_rc 0 "delete"
all_gone
done_testing
