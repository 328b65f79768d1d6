#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Volumes are judged by what they are, whatever their path says, before each use: each
# type with each format, each with an image that keeps its data elsewhere; who else may
# write to them; where they lie; who has them already.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils

f () { vl --driver fake -q "$@"; }
cd "$tmp" || exit 99
echo secret > canary
loops=''
cleanup_loops () {
  local loop
  for loop in $loops; do losetup -d "$loop" 2> /dev/null; done
  rm -rf "$shm"
}
CLEANUPS=cleanup_loops
shm=$(mktemp -d /dev/shm/vl.XXXXXX) || bail "no folder in /dev/shm"
# device FILE: a block device that shows FILE, in $device; fails where there is none.
device () {
  [ "$(id -u)" = 0 ] || return 1
  device=$(losetup -f --show "$1" 2> /dev/null) && loops="$loops $device"
}

# let_go DEVICE: detaches a device that shows a file.  Another test may have its name right after,
# so it is not detached again at the end.
let_go () { losetup -d "$1" && loops=" $loops " && loops=${loops//" $1 "/ }; }

qemu-img create -q -f qcow2 good.qcow2 16M
qemu-img create -q -f qcow2 -o data_file="$tmp/data",data_file_raw=on evil.qcow2 1M
truncate -s 1M good.raw
cp good.raw image.raw
run f image create img --file image.raw --disk-format raw
run f flavor create m1 --vcpus 1 --ram 128 --disk 1
is_rc 0 "an image and a flavor"
mkdir "$state/files"

# create WHERE FORMAT: a server `v` with a volume.  Whatever stands in the way of it, a plan said
# before, but for whose the file is: that only a connection knows.
create () {
  local planned
  run f plan --flavor m1 --image img --volume "path=$1,format=$2"
  planned="$rc $err"
  run f server create v --flavor m1 --image img --volume "path=$1,format=$2"
  case $rc$err in 0* | *"'$1' is owned by another user"* | *"'$1' is writable by its group"*) return ;; esac
  is_eq "$planned" "$rc $err" "a plan says the same: $1 as $2"
}
external="ImageUnacceptable core: volume \"%s\" keeps its data in an external file
  accepted: an image that stands alone"

# ---- each type, each format ----

# info TYPE FORMAT DATA: a request with a volume that is connected.
info () {
  cat << EOT
{"flavor": {"vcpus": 1, "ram": 128, "disk": 1}, "image": {"disk_format": "raw"}, "block_devices": [{"source_type":
"volume", "destination_type": "volume", "uuid": "11111111-2222-4333-8444-555555555555", "connection_info":
{"driver_volume_type": "$1", "data": {$3, "format": "$2"}}}]}
EOT
}
cp evil.qcow2 "$shm/evil"
cp evil.qcow2 named.raw
places="file:$tmp/evil.qcow2 file:$shm/evil file:$tmp/named.raw"
if device evil.qcow2; then
  ln -s "$device" to-device
  places="$places block:$device block:$tmp/to-device"
else
  skip "block devices: there is no loop device"
fi
for place in $places; do
  type=${place%%:*} where=${place#*:}
  for format in qcow2 vmdk vdi vhd vpc vhdx qed parallels luks dmg iso qcow cow none; do
    create "$where" "$format"
    case $format in
      qcow2)
        # shellcheck disable=SC2059
        is_eq "$rc $err" "3 error $(printf "$external" "$where")" "a data file: $type $where, $format" ;;
      *)
        is_eq "$rc $err" "3 error InvalidBDM core: \$.block_devices[0].format: '$format' is no format of a volume; \
accepted: qcow2 raw (the command line)" "refused: $type $where, $format"
        run f plan --request - <<< "$(info local "$format" "\"device_path\": \"$where\"")"
        is_eq "$rc $err" "3 error InvalidBDM core: \$.block_devices[0] (request) is a $type volume of format \"$format\"; \
accepted: raw, qcow2" "and where it is connected" ;;
    esac
  done
  create "$where" raw
  is_eq "$rc $err" "0 " "what is raw is nobody's to interpret: $type $where"
  has "$(f server show v -o json)" "<disk device='disk' type='$type'>" "and is what it is"
  run f server delete v
done
for format in raw qcow2 vmdk luks none; do
  run f plan --request - <<< "$(info rbd "$format" '"name": "p/v", "hosts": []')"
  if [ "$format" = raw ]; then
    is_eq "$rc" 0 "a network volume is raw"
  else
    is_eq "$rc $err" "3 error InvalidBDM core: \$.block_devices[0] (request) is a network volume of format \"$format\"; \
accepted: raw, since no other can be inspected there" "and nothing else: $format"
  fi
done
# What a plugin calls a file or a block device is what it is, too.
for type in file nfs local iscsi; do
  run f plan --request - <<< "$(info "$type" raw "\"device_path\": \"$shm/evil\"")"
  has "$out" "<disk device='disk' type='file'>" "a file is a file, by $type"
done

# kinds: PATH MESSAGE.
mkfifo fifo
mkdir folder
: > empty
while IFS='|' read -r path message code; do
  create "$path" raw
  has "$err" "error ${code:-ImageUnacceptable} core: volume \"$path\" $message" "refused: $path"
  lacks "$rc" 0 "with an error"
done << EOT
$tmp/fifo|is a FIFO; accepted: a regular file
$tmp/folder|is a folder; accepted: a regular file
$tmp/empty|is empty
$tmp/none|cannot be read: No such file or directory|DiskNotFound
/dev/zero|is a character device; accepted: a block device
EOT

# ---- each use ----

# uses WHERE: a volume that is good when its server is made and evil after.
uses () {
  local verb
  cp good.qcow2 "$2"
  create "$1" qcow2
  is_eq "$rc $err" "0 " "a good one: $1"
  for verb in "reboot --hard" "reboot" "stop" "start" "start" "suspend" "resume" "reboot --hard --update"; do
    case $verb in
      stop) run f server stop v; cp good.qcow2 "$2"; f server start v > /dev/null; f server stop v > /dev/null; cp evil.qcow2 "$2"; continue ;;
      suspend) cp good.qcow2 "$2"; f server start v > /dev/null; run f server suspend v; is_rc 0 "suspend"; cp evil.qcow2 "$2"; continue ;;
      *) cp evil.qcow2 "$2" ;;
    esac
    # shellcheck disable=SC2086
    run f server $verb v
    # shellcheck disable=SC2059
    is_eq "$rc $(grep -v '^advice' <<< "$err")" "3 error $(printf "$external" "$1")" "$verb looks at it"
  done
  run f server delete v
  is_eq "$rc" 0 "delete does not"
}
uses "$tmp/use.qcow2" use.qcow2
truncate -s 4M use-device
if device use-device; then
  uses "$device" "$device"
else
  skip "each use of a block device: there is no loop device"
fi

# ---- who else may write ----

# trusts FILE WHAT COMMAND: refused as WHAT, and accepted after the command of the hint.
trusts () {
  create "$1" raw
  is_eq "$rc $(sed 's/(owner [^)]*)/(...)/' <<< "$err")" "9 error VolumeNotTrusted core: volume \"$1\" can be changed while a guest \
has it: $2 (...); accepted: owned by root or by the caller, and writable by nobody else
  $3" "refused: $2"
  $3
  create "$1" raw
  is_eq "$rc $err" "0 " "accepted after: $3"
  run f server delete v
}
mkdir -p "$tmp/far/near"
for bits in o:everyone g:"its group" go:"its group and by everyone"; do
  cp good.raw "$tmp/far/near/v"
  # Group 0 may: it is root's.
  [ "$(id -u)" = 0 ] && chgrp -R 1234 "$tmp/far" || case $bits in g*) continue ;; esac
  for at in far far/near far/near/v; do
    chmod "${bits%%:*}+w" "$tmp/$at"
    trusts "$tmp/far/near/v" "'$tmp/$at' is writable by ${bits#*:}" "chmod ${bits%%:*}-w $tmp/$at"
  done
done
if [ "$(id -u)" = 0 ]; then
  for at in far far/near far/near/v; do
    chown nobody "$tmp/$at"
    trusts "$tmp/far/near/v" "'$tmp/$at' is owned by another user" "chown root $tmp/$at"
  done
  ln -s "$tmp/far/near/v" "$tmp/far/link"
  chown -h nobody "$tmp/far/link"
  trusts "$tmp/far/link" "the symbolic link '$tmp/far/link' is owned by another user" "chown -h root $tmp/far/link"
else
  skip "another user's file: this is not root"
fi

# ---- what is virtloom's own ----

create "$tmp/good.raw" raw
uuid=$(f server show v -o json | sed -n 's/.*"uuid": *"\([^"]*\)".*/\1/p' | head -n 1)
image=$(find "$state/images" -type f)
other () { run f server create w --flavor m1 --image img --volume "path=$1,format=raw"; }
# own PATH FILE: PATH is FILE, which is ours.
own () {
  other "$1"
  is_eq "$rc $err" "3 error ImageUnacceptable core: volume \"$1\" is \"$2\", which lies in STATE and is virtloom's own
  give a file of your own; images are given with --image" "refused: $3"
}
ln -s "$state" to-state
ln "$state/state.db" hard
own "$state/state.db" "$state/state.db" "the records"
own "$tmp/to-state/state.db" "$state/state.db" "the records by a link"
own "$tmp/hard" "$state/state.db" "the records by another name"
own "$image" "$image" "an image"
own "$state/servers/$uuid/disk" "$state/servers/$uuid/disk" "another server's disk"
if device "$state/state.db"; then
  own "$device" "$state/state.db" "a device that shows the records"
  below=$device
  if device "$below"; then
    own "$device" "$state/state.db" "a device that shows a device that shows the records"
    let_go "$device"
  fi
  let_go "$below"
fi

# ---- who has it already ----

cp good.raw "$tmp/twice"
ln "$tmp/twice" "$tmp/again"
ln -s twice link
for second in twice again link; do
  run f plan --flavor m1 --image img --volume "path=$tmp/twice,format=raw" --volume "path=$tmp/$second,format=raw"
  has "$rc $err" "4 error ComputeResourcesUnavailable core: volume '$tmp/$second' of 'volume-" "the same volume twice is refused by a plan: $second"
  has "$err" "is in use by this server already
  name each volume once: another path or link to a file is the same volume" "in words, and nobody is told to take it away elsewhere"
done
run f server create w --flavor m1 --image img --volume "path=$tmp/twice,format=raw" --volume "path=$tmp/again,format=raw"
is_eq "$rc" 4 "and by create"
used="is in use by server \"v\"
  take it away there ('virtloom server remove volume'), or delete that server; a volume is shared where each server's connection_info says \"multiattach\": true"
ln "$tmp/good.raw" "$tmp/good-too"
run f plan --flavor m1 --image img --volume "path=$tmp/good-too,format=raw"
has "$rc $err" "4 error ComputeResourcesUnavailable core: volume '$tmp/good-too' of 'volume-" "another server's volume is refused by a plan"
has "$err" "$used" "in words"
if device "$tmp/good.raw"; then
  run f plan --flavor m1 --image img --volume "path=$device,format=raw"
  has "$rc $err" "4 error ComputeResourcesUnavailable core: volume '$device' of 'volume-" "so is a device that shows it"
  below=$device
  if device "$below"; then
    run f plan --flavor m1 --image img --volume "path=$device,format=raw"
    has "$rc $err" "4 error ComputeResourcesUnavailable core: volume '$device' of 'volume-" "so is a device that shows that device"
    let_go "$device"
  fi
  let_go "$below"
else
  skip "a device that shows another's volume: there is no loop device"
fi

# A disk and a partition of it: with an MBR that says two.
truncate -s 16M parted
le32 () { printf '%b' "$(printf '\\x%02x' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24)))"; }
part () { printf '\0\0\0\0\203\0\0\0'; le32 "$1"; le32 "$2"; }
{ part 2048 8192; part 16384 8192; } | dd of=parted bs=1 seek=446 conv=notrunc status=none
printf '\125\252' | dd of=parted bs=1 seek=510 conv=notrunc status=none
# has_it DISK OF: DISK is refused as a volume that server w has.
has_it () {
  run f plan --flavor m1 --image img --volume "path=$1,format=raw"
  has "$rc $err" "4 error ComputeResourcesUnavailable core: volume '$1' of 'volume-" "$2"
  has "$err" 'is in use by server "w"' "in words"
}
free () {
  run f plan --flavor m1 --image img --volume "path=$1,format=raw"
  is_eq "$rc $err" "0 " "$2"
}
# The kernel has read the table when losetup is done, or cannot read any, and is told.
partitions () {
  [ -e "/sys/class/block/${1##*/}p2/dev" ] || { addpart "$1" 1 2048 8192 && addpart "$1" 2 16384 8192; } 2> /dev/null
}
if device parted && let_go "$device" && device=$(losetup -fP --show parted) && loops="$loops $device" && partitions "$device"; then
  for n in 1 2; do
    IFS=: read -r major minor < "/sys/class/block/${device##*/}p$n/dev"
    mknod -m 600 "$tmp/p$n" b "$major" "$minor"
  done
  for pair in "p1 p2" "p2 p1"; do
    read -r one two <<< "$pair"
    run f server create w --flavor m1 --image img --volume "path=$tmp/$one,format=raw"
    is_eq "$rc $err" "0 " "a partition: $one"
    has_it "$device" "its disk is not given to another"
    has_it "$tmp/parted" "nor the file that the disk shows"
    free "$tmp/$two" "another partition is"
    run f server delete w
    run f server create w --flavor m1 --image img --volume "path=$device,format=raw"
    is_eq "$rc $err" "0 " "the whole disk"
    has_it "$tmp/$one" "its partition is not given to another"
    run f server delete w
  done
  run f plan --flavor m1 --image img --volume "path=$tmp/p1,format=raw" --volume "path=$device,format=raw"
  has "$rc $err" "4 error ComputeResourcesUnavailable core: volume '$device' of 'volume-" "nor both to one server"
  let_go "$device"
else
  skip "a disk and a partition of it: there is no loop device with partitions"
fi

# ---- one volume by two names ----

# reach NAME [UUID]: the request of a server `w` with the volume that rbd calls NAME.
reach () {
  local uuid=''
  [ $# -lt 2 ] || uuid="\"uuid\": \"$2\","
  cat << EOT
{"flavor": {"vcpus": 1, "ram": 128, "disk": 1}, "image": {"name": "img", "disk_format": "raw"}, "block_devices":
[{"source_type": "image", "destination_type": "local", "boot_index": 0}, {"source_type": "volume", "destination_type":
"volume", $uuid "connection_info": {"driver_volume_type": "rbd", "data": {"name": "$1", "hosts": []}}}]}
EOT
}
uuid=11111111-2222-4333-8444-555555555555
reach pool/a "$uuid" > w.json
run f server create w --request w.json
is_eq "$rc $err" "0 " "a volume in a cluster; the flavor has no name"
run f server list -c Name -c Flavor --no-headings
is_eq "$(awk '$1 == "w"' <<< "$out" | tr -d ' ')" w "which list leaves empty"
for name in pool/a pool//a pool/a/; do
  run f plan --request - <<< "$(reach "$name")"
  is_eq "$rc" 4 "it is taken by any spelling: $name"
  has "$err" "error ComputeResourcesUnavailable core: volume '$name' of 'volume-" "in words"
done
run f plan --request - <<< "$(reach elsewhere/b "$uuid")"
has "$rc $err" "4 error ComputeResourcesUnavailable core: volume '$uuid' of 'volume-$uuid' is in use by server \"w\"" "and by its uuid, wherever it is reached"
for name in pool/ab pool/b poo/la pool/a/b; do
  run f plan --request - <<< "$(reach "$name")"
  is_eq "$rc $err" "0 " "another one is not: $name"
done
run f server delete w

# ---- what this host uses itself ----

# Mounted in a namespace of its own, of which other tests' hosts take no copy with them.
holds_mount () {
  local said
  # shellcheck disable=SC2016 # the inner shell's own
  coproc holder { unshare --mount sh -c 'mount "$1" "$2" && echo mounted && read -r _' sh "$@" 2> /dev/null; }
  holder_pid=$!
  read -r said <&"${holder[0]}" && [ "$said" = mounted ]
}
truncate -s 4M mounted.raw
if PATH=$PATH:/usr/sbin:/sbin command -v mkfs.ext4 > /dev/null && PATH=$PATH:/usr/sbin:/sbin mkfs.ext4 -q mounted.raw \
    && device mounted.raw && mkdir mnt && holds_mount "$device" mnt; then
  other "$device"
  is_eq "$rc $err" "3 error ImageUnacceptable core: volume \"$device\" is in use by this host itself
  see what has it: lsblk" "a device that is mounted"
  eval "exec ${holder[1]}>&-"
  wait "$holder_pid"
  other "$device"
  is_eq "$rc $err" "0 " "which it is not any more"
  f server delete w > /dev/null
else
  skip "a device that is mounted: nothing can be mounted here"
fi
run f server delete v
is_eq "$rc" 0 "delete"
is_eq "$(cat canary)" secret "the canary is as it was"
done_testing
