#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Servers whose disks are logical volumes, of a group on a loop device: thick and thin, what is written over, what
# is not removed, a guest under KVM that boots from one, and commands that are killed.

# shellcheck source=tests/nested/lib.sh
. "$top_srcdir/tests/nested/lib.sh"
work=/var/lib/vl-lvm state=$work/state
install -d -m 755 "$work"
f () { vl --driver fake -q "$@"; }
k () { vl --driver libvirt-kvm -q "$@"; }
# What lies in the group, but for a pool's own parts.
group () { lvs --noheadings -o lv_name vg0 | tr -d ' ' | sort | paste -sd ' '; }
# plain TEXT: without what differs from server to server.
plain () { sed -E 's/[0-9a-f]{8}-[0-9a-f-]{27}/UUID/g' <<< "$1"; }
lvm_setting () { setting lvm 'images_volume_group = vg0' "$@"; }
uuid_of () { f server show "$1" -o json | jq -r .uuid; }
# marks FILE: how many lines of a tenant's are in the first part of it.
marks () { sync; head -c 32M "$1" | grep -ac 'bytes of a tenant'; }

main_setting storage 'images_type = lvm'
lvm_setting
printf 'begins' > "$work/holes.raw"
truncate -s 8M "$work/holes.raw"
yes 'bytes of a tenant' 2> /dev/null | head -c 8M > "$work/full.raw"
must f flavor create tiny --vcpus 1 --ram 64 --disk 0
must f flavor create swaps --vcpus 1 --ram 64 --disk 0 --swap 16
must f flavor create large --vcpus 1 --ram 64 --disk 1
must f image create holes --file "$work/holes.raw" --disk-format raw
must f image create full --file "$work/full.raw" --disk-format raw
must k image create linux --file "$top_srcdir/guest.qcow2" --disk-format qcow2

# ---- a group ----

run f server create one --flavor tiny --image holes
is_eq "$rc $err" "5 error StorageFailed lvm: this host has no volume group 'vg0'
  vgs shows which there are; set images_volume_group in plugins.d/lvm.conf" "without the group no server is made"
run f server list -o value
is_eq "$out" "" "and none is there"
# Whoever was there before left something where disks will be.
yes 'bytes of somebody earlier' 2> /dev/null | head -c 48M > "$work/pv"
truncate -s 256M "$work/pv"
loop=$(losetup --find --show "$work/pv") || bail "no loop device"
must pvcreate -q "$loop"
must vgcreate -q vg0 "$loop"

# ---- thick ----

run f server create one --flavor swaps --image holes
is_rc 0 "a server with disks in the group is made"
one=$(uuid_of one)
is_eq "$(group)" "${one}_disk ${one}_disk.swap" "they are volumes of it"
is_eq "$(lvs --noheadings --units m --nosuffix -o lv_size vg0 | tr -d ' ' | paste -sd ' ')" "8.00 16.00" "as large as asked for"
has "$(lvs --noheadings -o lv_tags "vg0/${one}_disk")" virtloom. "with a tag"
true_that "one has the image" cmp "$work/holes.raw" "/dev/vg0/${one}_disk"
is_eq "$(blkid -p -o value -s TYPE "/dev/vg0/${one}_disk.swap")" swap "the other is for swapping"
is_eq "$(grep -ac 'bytes of somebody' "/dev/vg0/${one}_disk.swap")" 0 "and has nothing of whoever was there before"
is_eq "$(find "$state/servers/$one" -name 'disk*')" "" "no disk lies in the server's folder"
run f host usage -o json
is_eq "$(jq -r '"\(.local_gb) \(.local_gb_used)"' <<< "$out") $err" "0 0 " "host usage tells the room of the group"
run f server resize one --flavor large
is_eq "$rc $(plain "$err")" "4 error MigrationPreCheckError core: disk 'root' of server \"one\" is \"/dev/vg0/UUID_disk\", which storage plugin \"lvm\" could not give back as it was; such disks are not resized" "no other flavor, as in Nova"
sed s/begins/marked/ "$work/holes.raw" > "$work/marked.raw"
must dd if="$work/marked.raw" of="/dev/vg0/${one}_disk" bs=1M conv=fsync status=none
run f server shelve one
is_eq "$rc $err $(group)" "0  " "shelved, it has no volume"
run f server unshelve one
is_eq "$rc $err $(group)" "0  ${one}_disk ${one}_disk.swap" "and gets them again"
true_that "with what was on them" cmp "$work/marked.raw" "/dev/vg0/${one}_disk"
run f server rebuild one --image full
is_eq "$rc $err $(group)" "0 warning DisksRebuilt core: disks of server \"one\" were made anew, and what was on them is gone: root, swap ${one}_disk.2 ${one}_disk.swap.2" "rebuilt, it has volumes beside those"
true_that "of the new image" cmp "$work/full.raw" "/dev/vg0/${one}_disk.2"
run f server rebuild one --image holes
is_eq "$rc $(group)" "0 ${one}_disk ${one}_disk.swap" "and once more those of before"
true_that "of its image" cmp "$work/holes.raw" "/dev/vg0/${one}_disk"
run f server rescue one --image full
is_eq "$rc $err $(group)" "0  ${one}_disk ${one}_disk.swap" "a rescue makes no volume"
true_that "but a file" cmp "$work/full.raw" "$state/servers/$one/disk.rescue"
run f server unrescue one
is_eq "$rc $err $(find "$state/servers/$one" -name 'disk*')" "0  " "which goes with it"
run f server create two --flavor large --image holes
is_eq "$rc $err" "1 error DiskFull lvm: disk 'root' takes 1024 MiB, and volume group 'vg0' has 228 MiB free
  remove what is not needed, or vgextend and lvextend it" "a group without room"
is_eq "$(group)" "${one}_disk ${one}_disk.swap" "has nothing more after that"

# ---- what is not removed ----

exec 8< "/dev/vg0/${one}_disk"
run f server delete one
is_eq "$rc $(plain "$err")" '1 error StorageFailed lvm: logical volume "vg0/UUID_disk" is in use, and is not removed
  lsof /dev/vg0/UUID_disk and lsblk /dev/vg0/UUID_disk show what has it; end that, and the next command tries again' "a volume that somebody has open stays"
has "$(group)" "${one}_disk" "with its bytes"
true_that "all of them" cmp "$work/holes.raw" /dev/fd/8
exec 8<&-
tag=$(lvs --noheadings -o lv_tags "vg0/${one}_disk" | tr -d ' ')
must lvchange -q --deltag "$tag" "vg0/${one}_disk"
run f server delete one
has "$rc $(plain "$err")" 'error NotProven lvm: logical volume "vg0/UUID_disk" has not the mark of what this server made: it may be somebody else'"'"'s, and stays
  look at it with lvs -o +lv_tags vg0/UUID_disk, and remove or rename it' "and one without our tag"
must lvchange -q --addtag "$tag" "vg0/${one}_disk"
run f server list -o value
is_eq "$rc $out$err$(group)" "0 " "what is ours goes with the next command"

must lvcreate -q -n "${one}_disk" -L 4M --addtag virtloom.0 vg0
run f state check
has "$rc $out" "logical volume \"vg0/${one}_disk\" (look at it with: lvs -o +lv_tags vg0/${one}_disk) is of no server on record" "a volume without a record is found"
must lvremove -q -y "vg0/${one}_disk"

# ---- what is written over ----

wipes () { # WHAT LINES SETTING...: a disk that was full is removed with these settings; so many lines of it are gone.
  local before
  lvm_setting "${@:3}"
  must f server create full --flavor tiny --image full
  before=$(marks "$work/pv")
  # As after a boot that did not activate it: what is written goes to the disk all the same.
  must lvchange -q --activate n "vg0/$(group)"
  must f server delete full
  is_eq "$((before - $(marks "$work/pv"))) $(group)" "$2 " "$1"
}
lines=$(marks "$work/full.raw")
wipes "volume_clear = none leaves all" 0 'volume_clear = none'
wipes "volume_clear = zero writes over all" "$lines"
wipes "volume_clear = shred, too" "$lines" 'volume_clear = shred'
# The line that lies across the end is gone, too.
wipes "volume_clear_size is how much of it" "$((1 + $(head -c 1M "$work/full.raw" | grep -ac 'bytes of a tenant')))" 'volume_clear_size = 1'
lvm_setting

# ---- a guest ----

cat > "$work/look.disk" << 'INSIDE'
#!vl
echo "guest: disk $(cat /sys/block/vda/size)"
INSIDE
truncate -s 64K "$work/look.disk"
must k flavor create small --vcpus 1 --ram 192 --disk 0
run k server create real --flavor small --image linux --volume "path=$work/look.disk,format=raw"
made "a guest under KVM"
real=$(field real uuid)
has "$(domain real "<source dev='[^']*'")" "<source dev='/dev/vg0/${real}_disk'" "has the volume"
true_that "it boots from that" says real "guest: disk"
run k server image create real --name shot
is_eq "$rc $err $(power real) $(group)" "0  RUNNING ${real}_disk" "an image of it while it runs, of which no snapshot is left"
run k server stop real --timeout 0
is_eq "$rc $err" "0 " "stop"
must lvchange -q --activate n "vg0/${real}_disk"
run k server start real
is_eq "$rc $err $(power real)" "0  RUNNING" "a volume that is not active is activated when it starts"
run k server delete real
is_eq "$rc $err $(group)" "0  " "and is removed with it"
run f server create again --flavor tiny --image shot
is_rc 0 "the image is one to make servers of"
must f server delete again
is "$(denials)" "" "AppArmor refused nothing"

# ---- killed ----

# Each of its runs of another program begins with a memfd.
root () { cmp -s "$1" "/dev/vg0/$(group)"; }
each_place () { # STEP ACT WORD...: server k is whole, or gone, or its disk is the one of before, once `server list` has done what was left to do.
  local n code=1 bad='' places=0
  for n in $(kill_places "$1"); do
    [ "$2" = create ] || must f server create k --flavor tiny --image holes
    run_killed "$n" memfd_create "$VL_PROGRAM" --config "$config" --state "$state" --driver fake -q server "$2" k "${@:3}"
    code=$rc
    run f server list -o value -c name -c status
    case $2,$out in
      create,k$'\tACTIVE') must f server delete k ;;
      rebuild,k$'\tACTIVE')
        root "$work/holes.raw" || root "$work/full.raw" || bad="$bad $n: $code, lost, $(group)"
        must f server delete k
        ;;
      shelve,k$'\tACTIVE')
        root "$work/holes.raw" || bad="$bad $n: $code, lost, $(group)"
        must f server delete k
        ;;
      shelve,k$'\tSHELVED_OFFLOADED')
        cmp -s "$work/holes.raw" "$(f image show k-shelved -o json | jq -r .file)" || bad="$bad $n: $code, lost"
        [ -z "$(group)" ] || bad="$bad $n: $(group) is left"
        must f server delete k
        ;;
      create, | delete,) ;;
      *) bad="$bad $n: $code, then $out $err" ;;
    esac
    [ -z "$(group)" ] || bad="$bad $n: $(group)"
    if [ "$code" -eq 0 ] || [ -n "$bad" ]; then break; fi
    places=$((places + 1))
  done
  is_eq "$code$bad" 0 "a $2 that is killed at any of $places runs of a program leaves nothing"
  true_that "and they were several" test $places -gt 1
}
each_place 2 create --flavor tiny --image holes
each_place 2 delete
each_place 3 rebuild --image full
each_place 3 shelve

# ---- thin ----

lvm_setting 'sparse_logical_volumes = yes'
run f server create thin --flavor tiny --image holes
is_eq "$rc $err" "5 error StorageFailed lvm: sparse_logical_volumes takes a thin pool, and volume group 'vg0' has none
  lvcreate --type thin-pool -l 90%FREE -n pool vg0, or set sparse_logical_volumes = no" "without a thin pool no sparse disk is made"
must lvcreate -q --type thin-pool --zero n -L 64M -n pool vg0
run f server create thin --flavor tiny --image holes
is_eq "$rc $err" "4 error StorageFailed lvm: thin pool 'vg0/pool' hands out what others wrote: it does not zero its blocks
  lvchange --zero y vg0/pool" "nor in a pool that does not zero"
must lvchange -q --zero y vg0/pool
run f server create thin --flavor large --image full
is_eq "$rc $err" "0 warning Overcommitted lvm: thin pool 'vg0/pool' of 64 MiB has promised 1024 MiB: guests stop when it is full
  lvextend vg0/pool, or have dmeventd do so: thin_pool_autoextend_threshold in lvm.conf" "a disk that is larger than its pool"
thin=$(uuid_of thin)
is_eq "$(lvs --noheadings -o pool_lv,lv_size "vg0/${thin}_disk" | tr -s ' ')" " pool 1.00g" "takes its bytes of that"
true_that "and has the image" cmp -n 8388608 "$work/full.raw" "/dev/vg0/${thin}_disk"
is_eq "$(dd if="/dev/vg0/${thin}_disk" bs=1M skip=8 count=32 2> /dev/null | grep -ac 'bytes of')" 0 "and nothing of others behind it"
run f server create other --flavor tiny --image holes
is_eq "$rc" 0 "an image with holes"
true_that "is whole" cmp "$work/holes.raw" "/dev/vg0/$(uuid_of other)_disk"
true_that "and takes what it has alone" [ "$(lvs --noheadings -o data_percent "vg0/$(uuid_of other)_disk" | tr -d ' ' | cut -d . -f 1)" -lt 10 ]
must lvcreate -q --type thin-pool -L 8M -n other vg0
run f server create no --flavor tiny --image full
is_eq "$rc $err" "4 error StorageFailed lvm: volume group 'vg0' has 2 thin pools, and which is to be used is not said
  set images_thin_pool in plugins.d/lvm.conf" "of two pools one is named"
lvm_setting 'sparse_logical_volumes = yes' 'images_thin_pool = other'
run f server create no --flavor tiny --image full
is_eq "$rc" 0 "and that is taken"
is_eq "$(lvs --noheadings -o pool_lv "vg0/$(uuid_of no)_disk" | tr -d ' ')" other "for the disk"
run f server create full --flavor tiny --image full
is_eq "$rc $err" "1 error DiskFull lvm: disk 'root' takes 8 MiB, and thin pool 'vg0/other' has 0 MiB free
  remove what is not needed, or vgextend and lvextend it" "until it is full"
lvm_setting 'sparse_logical_volumes = yes' 'images_thin_pool = pool'
main_setting storage 'images_type = lvm' 'default_ephemeral_format = ext4'
must f flavor create more --vcpus 1 --ram 64 --disk 0 --ephemeral 1
must f server create more --flavor more --image holes
is_eq "$(blkid -p -o value -s TYPE -s LABEL "/dev/vg0/$(uuid_of more)_disk.local" | sort | paste -sd ' ')" "ephemeral0 ext4" "a disk besides has a file system"
must f server delete more
exec 8< "/dev/vg0/$(uuid_of other)_disk"
run f server image create other --name thinshot
exec 8<&-
is_eq "$rc $err" "0 " "an image of a thin disk that is in use"
true_that "is that disk" cmp "$work/holes.raw" "$(f image show thinshot -o json | jq -r .file)"
must f image delete thinshot
exec 8< "/dev/vg0/$(uuid_of other)_disk"
run_killed 3 memfd_create "$VL_PROGRAM" --config "$config" --state "$state" --driver fake -q server image create other --name killed
exec 8<&-
has "$(group)" "_disk.snap" "an image that is killed while it is read leaves a snapshot"
must f server reboot --hard other
lacks "$(group)" "_disk.snap" "which the next start removes"
run f server delete thin other no
is_eq "$rc $err $(group)" "0  other pool" "thin disks go"

# ---- the end ----

must f image delete holes full shot linux
run f state check
is_eq "$rc" 0 "nothing is left in STATE"
must vgremove -q -y vg0
must pvremove -q "$loop"
losetup -d "$loop"
rm -rf "$work"
is "$(denials)" "" "AppArmor refused nothing"
done_testing
