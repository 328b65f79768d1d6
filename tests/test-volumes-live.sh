#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What is done to volumes that servers have, on the fake driver: they grow, what is refused, what is
# undone, and commands that are killed.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3
needs jq jq
# shellcheck source=tests/tree-lib.sh
. "$(dirname "$0")/tree-lib.sh"
must () { run "$@"; [ "$rc" -eq 0 ] || bail "$*: $err"; }
refused () {
  local what=$1 code=$2 text=$3
  shift 3
  run f server "$@"
  is_eq "$rc $out$err" "$code $text" "$what"
}
history () { db "SELECT action || '|' || result || '|' || coalesce (reason, '-') FROM action WHERE server = '$uuid' ORDER BY n DESC LIMIT 1"; }
left () { db "SELECT (SELECT count(*) FROM operation) || (SELECT count(*) FROM undo) || (SELECT count(*) FROM document WHERE role <> 'current')"; }
bytes () { case $1 in *.qcow2) qemu-img info -U --output json "$1" | jq '."virtual-size"' ;; *) stat -c %s "$1" ;; esac; }
GIB=1073741824

cd "$tmp" || exit 99
truncate -s 8M disk.raw
truncate -s 1M one.raw two.raw shared.raw
qemu-img create -q -f qcow2 deep.qcow2 4M
must f image create img --file disk.raw --disk-format raw
must f flavor create m1 --vcpus 1 --ram 128 --disk 1
must f server create web --flavor m1 --image img --volume "path=$tmp/one.raw,format=raw" --volume "path=$tmp/deep.qcow2,format=qcow2"
uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
id=$(f server show web -o json | jq -r '.disks[] | select (.target == "vdb") | .id')

# ---- a volume grows ----

size=1
for status in ACTIVE PAUSED SHUTOFF; do
  case $status in
    PAUSED) must f server pause web ;;
    SHUTOFF) must f server stop web ;;
  esac
  for name in one.raw deep.qcow2; do
    run f server extend volume web "$tmp/$name" --size $size
    is_eq "$rc $out$err" "0 $((size * GIB))" "$status: extend $name"
    is_eq "$(bytes $name)" $((size * GIB)) "which has that many bytes"
  done
  is_eq "$(history) $(left)" "extend volume|done|vdc: $((size * GIB)) bytes 000" "is in the history, and nothing is under way"
  is_eq "$(f server list -o value -c status)" $status "the server is as it was"
  size=$((size + 1))
done
must f server start web
run f server extend volume web vdb --size 3
is_eq "$rc $out$err" "0 $((3 * GIB))" "to what it has already"
truncate -s 5G one.raw
run f server extend volume web "${id#volume-}" -o json
is_eq "$rc $err $(jq -c 'del (.findings)' <<< "$out")" "0  {\"bytes\":$((5 * GIB))}" "one that somebody else has grown is told"
run f server diff web
is_eq "$rc $out$err" "0 " "a plan of today is no other"

# ---- what is refused ----

refused "smaller" 3 "error VolumeExtendFailed core: volume 'vdb' of server \"web\" has $((5 * GIB)) bytes, which are more than $((2 * GIB)); volumes are not made smaller
  give at least 5 GiB" extend volume web vdb --size 2
is_eq "$(bytes one.raw)" $((5 * GIB)) "it is as it was"
refused "a size that is none" 2 "error Usage core: --size 0; accepted: 1 to 8388608 GiB" extend volume web vdb --size 0
refused "a volume of another server" 5 "error VolumeBDMNotFound core: server \"web\" has no volume \"two.raw\"; accepted: vdb ($id), vdc ($(f server show web -o json | jq -r '.disks[-1].id'))" \
  extend volume web two.raw --size 2
refused "the root disk" 3 "error InvalidVolume core: disk 'vda' of server \"web\" (root) goes with the server alone
  its own disks are changed by 'server rebuild' and 'server resize'; virtloom server show web lists the volumes" extend volume web vda --size 2
refused "no such server" 5 "error InstanceNotFound core: there is no server \"wob\"
  did you mean \"web\"?" extend volume wob vdb --size 2
must f server lock web
refused "of a server that is locked" 3 "error InstanceIsLocked core: server \"web\" is locked
  virtloom server unlock web" extend volume web vdb --size 9
must f server unlock web
must f server suspend web
refused "of one whose memory lies on disk" 3 "error InstanceInvalidState core: server \"web\" is SUSPENDED; extend volume is for servers that are ACTIVE, SHUTOFF, PAUSED
  virtloom server resume web" extend volume web vdb --size 9
must f server resume web

cp deep.qcow2 kept.qcow2
# To measure its processor, QEMU needs one that is not too busy.
wait_for 300 qemu-img create -q --object secret,id=s,data=secret -f qcow2 -o encrypt.format=luks,encrypt.key-secret=s deep.qcow2 1M
refused "an encrypted one" 3 "error ImageUnacceptable core: volume \"$tmp/deep.qcow2\" is encrypted" extend volume web vdc --size 9
truncate -s 64K deep.qcow2
dd if=/dev/zero of=deep.qcow2 bs=64K count=1 conv=notrunc 2> /dev/null
refused "one that is something else" 3 "error ImageUnacceptable core: volume \"$tmp/deep.qcow2\" was given as qcow2, but its bytes are not those of qcow2
  say what it is with --disk-format; a plain disk image is raw" extend volume web vdc --size 9
mv deep.qcow2 gone
refused "one that is gone" 5 "error DiskNotFound core: volume \"$tmp/deep.qcow2\" cannot be read: No such file or directory" extend volume web vdc --size 9
cp kept.qcow2 deep.qcow2
is_eq "$(left)" 000 "nothing of it began"

# with WORDS: a request with a volume whose connection_info has them.
with () {
  cat << EOT
{"name": "other", "flavor": {"vcpus": 1, "ram": 128, "disk": 1}, "image": {"name": "img"}, "block_devices": [
{"source_type": "image", "destination_type": "local", "boot_index": 0}, {"source_type": "volume", "destination_type": "volume", "boot_index": -1,
"uuid": "11111111-2222-4333-8444-555555555555", "connection_info": {"driver_volume_type": "local", $1}}]}
EOT
}
kind () {
  with "$2" > request.json
  must f server create other --request request.json
  # shellcheck disable=SC2086 # two words, or none
  refused "$1" 4 "$3" extend volume other vdb ${4:-}
  must f server delete other
}
kind "a read-only volume" "\"data\": {\"device_path\": \"$tmp/shared.raw\", \"access_mode\": \"ro\"}" \
  "error InvalidVolume core: volume 'vdb' of server \"other\" is read-only; such volumes do not grow"
kind "a shared one" "\"multiattach\": true, \"data\": {\"device_path\": \"$tmp/shared.raw\"}" \
  "error InvalidVolume core: volume 'vdb' of server \"other\" is shared with other servers, whose guests would not be told"
kind "a size of one that a plugin reaches" "\"data\": {\"device_path\": \"$tmp/shared.raw\"}" \
  "error ExtendVolumeNotSupported core: volume 'vdb' of server \"other\" is no file that virtloom could grow
  grow it where it is kept, then say this again without a size" "--size 2"

setting fake 'fail = extend_volume'
refused "one that fails" 1 "error PlannedFailure fake: method 'extend_volume' fails as planned by setting 'fail'" extend volume web vdb --size 6
is_eq "$(history) $(left) $(bytes one.raw)" "extend volume|failed|PlannedFailure: method 'extend_volume' fails as planned by setting 'fail' 000 $((5 * GIB))" "is in the history, and the volume as it was"
setting fake

# ---- commands that are killed ----

# killed_growing VOLUME GIB: a command that is killed while the driver makes the volume so large.
killed_growing () {
  setting fake 'delay_ms = extend_volume:3600000'
  "${cmd[@]}" server extend volume web "$1" --size "$2" > /dev/null 2>&1 &
  pid=$!
  is_growing () { db 'SELECT kind FROM operation' | grep -q extend; }
  true_that "$1 is under way to $2 GiB" wait_for 300 is_growing
  kill_job $pid
}
killed_growing vdb 6
setting fake
run f server list
is_eq "$rc $err $(history) $(left) $(bytes one.raw)" "0  extend volume|done|vdb: $((6 * GIB)) bytes 000 $((6 * GIB))" "a killed one is finished by the next command"
killed_growing vdb 7
truncate -s 8G one.raw
setting fake
run f server list
is_eq "$rc $err $(history) $(bytes one.raw)" "0  extend volume|done|vdb: $((8 * GIB)) bytes $((8 * GIB))" "one that somebody else has grown further meanwhile is not made smaller"
killed_growing vdc 7
setting fake 'fail = extend_volume'
run f server list
is_eq "$rc $(history) $(left)" "0 extend volume|interrupted|the command that did it was killed: PlannedFailure: method 'extend_volume' fails as planned by setting 'fail' 000" "or says why it is not"
setting fake

# At each write.
if can_kill; then
  calls=fdatasync,fsync,rename,pwrite64,ftruncate,unlink
  bad=0
  for n in $(kill_places 2); do
    run_killed "$n" $calls "${cmd[@]}" server extend volume web vdb --size $((n + 8))
    code=$rc
    run f server list
    [ "$rc$err" = 0 ] || { bad=1; diag "killed at call $n: $rc $err"; }
    [ "$(left)" = 000 ] || { bad=1; diag "killed at call $n: something is left"; }
    case $(history) in
      "extend volume|done|"*) [ "$(history)" = "extend volume|done|vdb: $(bytes one.raw) bytes" ] || { bad=1; diag "killed at call $n: $(history), $(bytes one.raw)"; } ;;
    esac
    [ "$code" -ne 0 ] || break
  done
  is_eq "$bad" 0 "killed at a sample of $n calls, the volume is what the history says"
  true_that "and it was killed" test "$n" -gt 6 -a "$n" -lt 300
else
  skip "no strace here (Debian: strace)"
fi

# ---- another file ----

truncate -s 400G new.raw old.raw
qemu-img create -q -f qcow2 new.qcow2 400G
must f server remove volume web vdc
must f server remove volume web vdb
must f server add volume web "path=$tmp/one.raw,format=raw"
id=$out
serial=$(f server show web -o json | jq -r .xml | grep -c "<serial>${id#volume-}</serial>")
has_file () { f server show web -o json | jq -r '.disks[] | select (.target == "vdb") | .id + " " + .source + " " + .format' | sed "s|$tmp/||"; }
# What the guest has is what is on record, and no other volume is claimed.
whole () {
  is_eq "$(sed '1,/^$/d' "$state/fake/guests/$uuid")" "$(db "SELECT xml FROM document WHERE server = '$uuid' AND role = 'current'")" "$1: guest and record are one"
  is_eq "$(left) $(db "SELECT count(*) FROM claim WHERE resource = 'VOLUME'")" "000 1" "nothing is under way, and one volume claimed"
  run f server diff web
  is_eq "$rc $out$err" "0 " "a plan of today is no other"
}
was=$(bytes one.raw)
refused "to a larger one while the guest runs" 3 "error VolumeRebaseFailed core: volume \"$tmp/old.raw\" has $((400 * GIB)) bytes, volume 'vdb' of server \"web\" $was
  give a file of the same size; 'server extend volume' makes a volume larger before that, or afterwards" swap volume web vdb "path=$tmp/old.raw,format=raw"
must f server stop web
refused "to a smaller one while it is off" 3 "error VolumeRebaseFailed core: volume \"$tmp/two.raw\" has 1048576 bytes, volume 'vdb' of server \"web\" $was
  give a file that is as large, or larger" swap volume web vdb "path=$tmp/two.raw,format=raw"
run f server swap volume web vdb "path=$tmp/old.raw,format=raw"
is_eq "$rc $out$err $(has_file)" "0  $id old.raw raw" "to a larger one while it is off"
must f server start web
for status in ACTIVE PAUSED SHUTOFF; do
  case $status in
    PAUSED) must f server pause web ;;
    SHUTOFF) must f server stop web ;;
  esac
  run f server swap volume web vdb "path=$tmp/new.raw,format=raw"
  is_eq "$rc $out$err $(has_file)" "0  $id new.raw raw" "$status: swap volume"
  is_eq "$(history) $serial" "swap volume|done|- 1" "is in the history, and the guest sees the disk that it had"
  whole "$status: swapped"
  run f server swap volume web "$id" path=old.raw,format=raw
  is_eq "$rc $out$err $(has_file)" "0  $id old.raw raw" "$status: and another one"
  case $status in
    PAUSED) must f server unpause web ;;
    SHUTOFF) must f server start web ;;
  esac
done
must f server create two --flavor m1 --image img --volume "path=$tmp/new.raw,format=raw"
must f server delete two
run f server swap volume web vdb path=new.qcow2,format=qcow2
is_eq "$rc $out$err $(has_file)" "0  $id new.qcow2 qcow2" "of another format"
whole "of another format"

refused "to one that is smaller" 3 "error VolumeRebaseFailed core: volume \"$tmp/two.raw\" has 1048576 bytes, volume 'vdb' of server \"web\" $((400 * GIB))
  give a file of the same size; 'server extend volume' makes a volume larger before that, or afterwards" swap volume web vdb "path=$tmp/two.raw,format=raw"
refused "to itself" 3 "error InvalidVolume core: volume 'vdb' of server \"web\" is \"$tmp/new.qcow2\" already
  give another file" swap volume web vdb "path=$tmp/new.qcow2,format=qcow2"
refused "with a bus" 2 "error Usage core: volume \"path=$tmp/old.raw,format=raw,bus=scsi\" takes the place of another one, whose bus, boot order and tag it has; accepted: path=, format=" \
  swap volume web vdb "path=$tmp/old.raw,format=raw,bus=scsi"
refused "to one that is not there" 5 "error DiskNotFound core: volume \"$tmp/none\" cannot be read: No such file or directory" swap volume web vdb "path=$tmp/none,format=raw"
refused "of the root disk" 3 "error InvalidVolume core: disk 'vda' of server \"web\" (root) goes with the server alone
  its own disks are changed by 'server rebuild' and 'server resize'; virtloom server show web lists the volumes" swap volume web vda "path=$tmp/old.raw,format=raw"
must f server create two --flavor m1 --image img --volume "path=$tmp/old.raw,format=raw"
run f server swap volume web vdb "path=$tmp/old.raw,format=raw"
is_rc 4 "to one of another server"
has "$err" "is in use by server \"two\"" "which has it"
must f server delete two
with "\"data\": {\"device_path\": \"$tmp/shared.raw\"}" > request.json
must f server create other --request request.json
run f server swap volume other vdb "path=$tmp/old.raw,format=raw"
is_eq "$rc $err" "4 error InvalidVolume core: volume 'vdb' of server \"other\" was not given as a file; such volumes are not swapped
  add the other one, copy in the guest, and remove this one: virtloom server add volume --help" "of one that a plugin reaches"
must f server delete other
setting disk-cache 'disk_cachemodes = file=writethrough'
run f server swap volume web vdb "path=$tmp/old.raw,format=raw"
is_rc 3 "where settings have changed"
has "$err" "error GuestWouldChange core: swap volume of server \"web\" would change more than the volume: '/domain/devices/disk[1]/driver/@cache' from 'none' to 'writethrough'
  take a plan of today first: " "is refused"
rm "$config/plugins.d/disk-cache.conf"
whole "refused"

setting fake 'fail = swap_volume:1'
refused "one that fails" 1 "error PlannedFailure fake: method 'swap_volume' fails as planned by setting 'fail'" swap volume web vdb "path=$tmp/old.raw,format=raw"
is_eq "$(history) $(has_file)" "swap volume|failed|PlannedFailure: method 'swap_volume' fails as planned by setting 'fail' $id new.qcow2 qcow2" "leaves the old one"
setting fake 'fail = swap_volume'
run f server swap volume web vdb "path=$tmp/old.raw,format=raw"
is_eq "$rc $(db 'SELECT kind FROM operation')" "1 server swap volume" "one of which nobody knows what the guest has is for the next command"
is_eq "$(db "SELECT count(*) FROM claim WHERE resource = 'VOLUME'")" 2 "until then both are the server's"
setting fake
run f server list
is_eq "$rc $err $(has_file)" "0  $id new.qcow2 qcow2" "which settles it"
whole "settled"
setting fake 'delay_ms = swap_volume:3600000'
"${cmd[@]}" server swap volume web vdb "path=$tmp/old.raw,format=raw" > /dev/null 2>&1 &
pid=$!
true_that "it is under way" wait_for 300 sh -c "sqlite3 '$state/state.db' 'SELECT kind FROM operation' | grep swap"
run f server create two --flavor m1 --image img --volume "path=$tmp/old.raw,format=raw"
is_rc 4 "meanwhile nobody else can have the new one"
kill_job $pid
setting fake
run f server list
is_eq "$rc $err $(has_file) $(history)" "0  $id new.qcow2 qcow2 swap volume|interrupted|the command that did it was killed; the next one undid it" "a killed one is given up"
whole "killed"
if can_kill; then
  calls=fdatasync,fsync,rename,pwrite64,unlink
  bad=0
  for n in $(kill_places 3); do
    case $(has_file) in *new.qcow2*) new="path=$tmp/old.raw,format=raw" ;; *) new="path=$tmp/huge.raw,format=raw" ;; esac
    truncate -s 400G huge.raw
    run_killed "$n" $calls "${cmd[@]}" server swap volume web vdb "$new"
    code=$rc
    run f server list
    [ "$rc$err" = 0 ] || { bad=1; diag "killed at call $n: $rc $err"; }
    [ "$(left)" = 000 ] || { bad=1; diag "killed at call $n: something is left"; }
    [ "$(sed '1,/^$/d' "$state/fake/guests/$uuid")" = "$(db "SELECT xml FROM document WHERE server = '$uuid' AND role = 'current'")" ] || { bad=1; diag "killed at call $n: guest and record differ"; }
    [ "$code" -ne 0 ] || break
    case $(has_file) in *huge*) break ;; esac
  done
  is_eq "$bad" 0 "killed at a sample of $n calls, the volume is the old one or the new one"
else
  skip "no strace here (Debian: strace)"
fi

must f server delete web
is_eq "$(bytes one.raw | grep -c .)" 1 "volumes stay where their server goes"
done_testing
