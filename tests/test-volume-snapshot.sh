#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Snapshots of volumes on the fake driver: what comes and goes with them, what is refused, what is
# undone, and commands that are killed.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs qemu-io qemu-utils
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
claimed () { db "SELECT member FROM claim WHERE resource = 'VOLUME' AND role = 'current' ORDER BY member" | sed "s|$tmp/||" | paste -sd ' '; }
# The files of the volume vdb, the upper one first, by the record.
chain () { db "SELECT xml FROM document WHERE server = '$uuid' AND role = 'current'" | grep -o "file='$tmp/[^']*'\|file=\"$tmp/[^\"]*\"" | grep -v /state/ | sed "s|.*/||; s|['\"]$||" | tac | paste -sd ' '; }
same () { [ "$(sed '1,/^$/d' "$state/fake/guests/$uuid")" = "$(db "SELECT xml FROM document WHERE server = '$uuid' AND role = 'current'")" ]; }
overlays () { find . -name '*over*' -not -path './state/*' -printf '%f\n' | paste -sd ' '; }
# Guest and record are one, with the files $2; nothing is under way; no other file is there.
whole () {
  true_that "$1: guest and record are one" same
  is_eq "$(chain)|$(claimed)|$(left)" "$2|$(tr ' ' '\n' <<< "$2" | sort | paste -sd ' ')|000" "$1: the files are those of the volume, and nothing is under way"
  is_eq "$(overlays)" "$(tr ' ' '\n' <<< "$2" | grep over)" "$1: no other overlay is there"
  run f server diff web
  is_eq "$rc $out$err" "0 " "$1: a plan of today is no other"
}
# What was written to the overlay is below, and nothing else.
merged () { is_eq "$(head -c 65536 "$1" | tr -d '\7' | wc -c)" 0 "what was in the overlay is in $1"; }

cd "$tmp" || exit 99
truncate -s 8M disk.raw
truncate -s 1M one.raw two.raw
qemu-img create -q -f qcow2 deep.qcow2 1M
must f image create img --file disk.raw --disk-format raw
must f flavor create m1 --vcpus 1 --ram 128 --disk 1
must f server create web --flavor m1 --image img --volume "path=$tmp/one.raw,format=raw"
uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
id=$(f server show web -o json | jq -r '.disks[] | select (.target == "vdb") | .id')

# ---- it comes and goes ----

for status in ACTIVE PAUSED SHUTOFF; do
  case $status in
    PAUSED) must f server pause web ;;
    SHUTOFF) must f server stop web ;;
  esac
  run f server snapshot volume web vdb "$tmp/over.qcow2"
  is_eq "$rc $out$err" "0 " "$status: snapshot volume"
  whole "$status: with a snapshot" "over.qcow2 one.raw"
  is_eq "$(history)" "snapshot volume|done|-" "$status: is in the history"
  is_eq "$(stat -c '%a %h' over.qcow2) $(qemu-img info --output json over.qcow2 | jq -r '."backing-filename" + " " + ."backing-filename-format" + " " + (."virtual-size" | tostring)')" \
    "600 1 $tmp/one.raw raw 1048576" "the overlay is for its owner alone, and lies over the volume"
  is_eq "$(f server show web -o json | jq -r '.disks[] | select (.target == "vdb") | .id')" "$id" "the guest sees the disk that it had"
  [ $status = SHUTOFF ] || f server stop web > /dev/null 2>&1
  qemu-io -f qcow2 -c 'write -q -P 7 0 64k' over.qcow2 > /dev/null
  must f server start web
  must f server reboot --hard web
  must f server stop web
  must f server start web
  case $status in
    PAUSED) must f server pause web ;;
    SHUTOFF) must f server stop web ;;
  esac
  run f server unsnapshot volume web "$id"
  is_eq "$rc $out$err" "0 " "$status: unsnapshot volume"
  whole "$status: merged" one.raw
  is_eq "$(history)" "unsnapshot volume|done|-" "$status: is in the history"
  [ $status = SHUTOFF ] && merged one.raw
  case $status in
    PAUSED) must f server unpause web ;;
    SHUTOFF) must f server start web ;;
  esac
done

# ---- what is refused while there is one ----

must f server snapshot volume web vdb "$tmp/over.qcow2"
mend="
  merge it first: virtloom server unsnapshot volume web vdb"
for word in 'swap volume' 'extend volume' 'remove volume'; do
  case $word in
    swap*) words=(swap volume web vdb "path=$tmp/two.raw,format=raw") ;;
    extend*) words=(extend volume web vdb --size 1) ;;
    remove*) words=(remove volume web vdb) ;;
  esac
  refused "$word" 3 "error InvalidVolume core: volume 'vdb' of server \"web\" has a snapshot, \"$tmp/over.qcow2\"; '$word' is for volumes without one$mend" "${words[@]}"
done
for file in one.raw,format=raw over.qcow2,format=qcow2; do
  run f server create two --flavor m1 --image img --volume "path=$tmp/$file"
  is_eq "$rc" 4 "another server cannot have ${file%,*}"
  run f server list -o value -c name
  is_eq "$out" web "it is not there"
done
whole "refused" "over.qcow2 one.raw"
must f server rescue web --image img
must f server unrescue web
must f flavor create m2 --vcpus 2 --ram 256 --disk 1
must f server resize web --flavor m2
must f server resize revert web
must f server rebuild web
whole "after a rescue, a resize and a rebuild" "over.qcow2 one.raw"
must f server stop web
# What is below is judged at each start, by what is on record.
cp over.qcow2 kept
qemu-img rebase -q -u -f qcow2 -F raw -b "$tmp/two.raw" over.qcow2
refused "an overlay that names another file" 3 "error ImageUnacceptable core: volume \"$tmp/over.qcow2\" names backing file \"$tmp/two.raw\" instead of \"$tmp/one.raw\"" start web
refused "which is not merged either" 3 "error ImageUnacceptable core: volume \"$tmp/over.qcow2\" names backing file \"$tmp/two.raw\" instead of \"$tmp/one.raw\"" unsnapshot volume web vdb
cat kept > over.qcow2
mv over.qcow2 lost
refused "without the overlay" 5 "error DiskNotFound core: overlay \"$tmp/over.qcow2\" of volume 'vdb' of server \"web\" is not there
  put it back; where it is lost, an empty one has what was on the volume before: qemu-img create -f qcow2 -F raw -b $tmp/one.raw $tmp/over.qcow2" unsnapshot volume web vdb
qemu-img create -q -f qcow2 -F raw -b "$tmp/one.raw" "$tmp/over.qcow2"
must f server unsnapshot volume web vdb
whole "the overlay was lost" one.raw
must f server snapshot volume web vdb "$tmp/over.qcow2"
mv one.raw gone.raw
refused "without the file below" 5 "error DiskNotFound core: volume \"$tmp/one.raw\" cannot be read: No such file or directory" start web
mv gone.raw one.raw
must f server start web
must f server unsnapshot volume web vdb
whole "mended" one.raw

# ---- what is refused without one ----

refused "unsnapshot" 3 "error InvalidVolume core: volume 'vdb' of server \"web\" has no snapshot; 'server snapshot volume' makes one" unsnapshot volume web vdb
refused "over a file" 3 "error FileExists core: \"$tmp/two.raw\" is there already; the overlay takes no file's place
  give the name of a new file" snapshot volume web vdb "$tmp/two.raw"
refused "a folder" 2 "error Invalid core: \"$tmp/\" names a folder, not a file for the overlay" snapshot volume web vdb "$tmp/"
long=$(printf 'x%.0s' {1..218})
refused "a name that does not fit" 3 "error InvalidName core: the name of the overlay is too long for the file system of \"$tmp\": \"$long\"
  take a shorter name: it is made as \"$tmp/.$long.$uuid\" first" snapshot volume web vdb "$tmp/$long"
ln -s "$state/servers/$uuid" to-state
for folder in "$state/servers/$uuid" "$tmp/to-state" "$state"; do
  refused "in STATE" 3 "error ImageUnacceptable core: no overlay is made in \"$folder\": it lies in STATE and is virtloom's own
  give the name of a file elsewhere" snapshot volume web vdb "$folder/over"
done
rm to-state
if can_mount; then
  mkdir -m 0755 still
  # shellcheck disable=SC2016 # for the shell inside
  run inside 'mount -t tmpfs -o ro,mode=755 none still; vl --driver fake server snapshot volume web vdb "$tmp/still/over"; code=$?; vl --driver fake server list -o value -c name; exit $code'
  is_eq "$rc $out $err" "9 web error ReadOnly core: cannot make \"$tmp/still/.over.$uuid\": Read-only file system
  see what made it so (dmesg), then mount it writable: mount -o remount,rw" "where nothing can be written: refused, and nothing waits to be mended"
else
  skip "no mount namespace here"
fi
whole "refused" one.raw
mkdir -m 0777 open
run f server snapshot volume web vdb "$tmp/open/over"
is_rc 9 "in a folder that others write to"
has "$err" "error FileNotTrusted core: no overlay is made in \"$tmp/open\": " "is refused"
refused "of the root disk" 3 "error InvalidVolume core: disk 'vda' of server \"web\" (root) goes with the server alone
  its own disks are changed by 'server rebuild' and 'server resize'; virtloom server show web lists the volumes" snapshot volume web vda "$tmp/over.qcow2"
must f server lock web
run f server snapshot volume web vdb "$tmp/over.qcow2"
has "$err" "error InstanceIsLocked " "of a locked server"
must f server unlock web
with () { jq -cn --argjson volume "$1" '{name: "other", flavor: {name: "m1", vcpus: 1, ram: 128, disk: 0}, block_devices: [$volume + {boot_index: 0}]}'; }
json () { jq -cn --arg tmp "$tmp" "$1"; }
with "$(json '{path: ($tmp + "/two.raw"), format: "raw", backing: "/x"}')" > request.json
run f server create other --request request.json
is_eq "$rc $err" "3 error InvalidBDM core: $.block_devices[0]: lies over another file; accepted: a path of format qcow2, with backing and backing_format (request.json)
  give path, format, backing and backing_format, or neither of the last two" "half a volume with a snapshot"
# of_chain WHAT MEMBERS TEXT: of a volume of several files.
of_chain () {
  with "$(json "{path: (\$tmp + \"/two.qcow2\"), format: \"qcow2\"} + $2")" > request.json
  run f server create other --request request.json
  is_eq "$rc $err" "3 error $3" "$1"
}
one='backing: "/x", backing_format: "qcow2"'
of_chain "files below no file" '{backing_chain: [{path: "/y", format: "raw"}]}' 'InvalidBDM core: $.block_devices[0]: has backing_chain, but no backing (request.json)
  give the file that is nearest as backing'
of_chain "too many files" "{$one, backing_chain: [range (11) | {path: \"/\\(.)\", format: \"qcow2\"}]}" 'InvalidBDM core: $.block_devices[0]: is a volume of 13 files; accepted: at most 12 (request.json)
  merge some of them'
raw='InvalidBDM core: $.block_devices[0]: has a raw file that lies over another one; accepted: qcow2, and raw for the last file alone (request.json)'
of_chain "raw over a file" '{backing: "/x", backing_format: "raw", backing_chain: [{path: "/y", format: "raw"}]}' "$raw"
of_chain "raw over a file, further down" "{$one, backing_chain: [{path: \"/y\", format: \"raw\"}, {path: \"/z\", format: \"raw\"}]}" "$raw"
of_chain "a file without a name" "{$one, backing_chain: [{format: \"raw\"}]}" 'InvalidRequest core: $.block_devices[0].backing_chain[0].path: is missing (request.json)'
of_chain "a file without a format" "{$one, backing_chain: [{path: \"/y\"}]}" 'InvalidRequest core: $.block_devices[0].backing_chain[0].format: is missing (request.json)'
of_chain "a relative name" "{$one, backing_chain: [{path: \"y\", format: \"raw\"}]}" "InvalidBDM core: $.block_devices[0].backing_chain[0].path: 'y' is no absolute path; accepted: '/' and what follows (request.json)"
# of_kind WHAT DATA TEXT: of a volume that a plugin reaches, and that is so.
of_kind () {
  json "{name: \"other\", flavor: {name: \"m1\", vcpus: 1, ram: 128, disk: 1}, image: {name: \"img\"}, block_devices: [{source_type: \"image\", destination_type: \"local\", boot_index: 0},
    {source_type: \"volume\", destination_type: \"volume\", boot_index: -1, uuid: \"11111111-2222-4333-8444-555555555555\", connection_info: ({driver_volume_type: \"local\"} + $2)}]}" > request.json
  must f server create other --request request.json
  refused "$1" 4 "error InvalidVolume core: volume 'vdb' of server \"other\" $3" snapshot volume other vdb "$tmp/over.qcow2"
  must f server delete other
}
of_kind "of one that a plugin reaches" '{data: {device_path: ($tmp + "/two.raw")}}' "was not given as a file; such volumes have no snapshots here"
of_kind "of one that is read-only" '{data: {device_path: ($tmp + "/two.raw"), access_mode: "ro"}}' "is read-only; such volumes have no snapshots here"
of_kind "of one that is shared" '{data: {device_path: ($tmp + "/two.raw")}, multiattach: true}' "is shared with other servers; such volumes have no snapshots here"
setting disk-cache 'disk_cachemodes = file=writethrough'
run f server snapshot volume web vdb "$tmp/over.qcow2"
is_rc 3 "where settings have changed"
has "$err" "error GuestWouldChange core: snapshot volume of server \"web\" would change more than the volume: '/domain/devices/disk[1]/driver/@cache' from 'none' to 'writethrough'
  take a plan of today first: " "is refused"
rm "$config/plugins.d/disk-cache.conf"
must f server set web --property os_require_quiesce=yes
must f server reboot --hard --update web
refused "one that is to be frozen, without an agent" 3 "error QemuGuestAgentNotEnabled core: server \"web\" is to be frozen while its disk is copied (os_require_quiesce), but has no guest agent (hw_qemu_guest_agent)
  stop it first; a guest that is off needs no freeze" snapshot volume web vdb "$tmp/over.qcow2"
must f server unset web --property os_require_quiesce
must f server reboot --hard --update web
whole "refused" one.raw

# ---- of qcow2, and what is the server's goes on to another ----

must f server add volume web "path=$tmp/deep.qcow2,format=qcow2"
must f server remove volume web vdb
must f server snapshot volume web vdc "$tmp/over.qcow2"
whole "of qcow2" "over.qcow2 deep.qcow2"
must f server delete web
is_eq "$(ls over.qcow2 deep.qcow2 | paste -sd ' ')" "deep.qcow2 over.qcow2" "volumes stay where their server goes, with their overlays"
jq -cn --arg tmp "$tmp" '{name: "web", flavor: {name: "m1", vcpus: 1, ram: 128, disk: 1}, block_devices: [{path: ($tmp + "/over.qcow2"), format: "qcow2", backing: ($tmp + "/deep.qcow2"), backing_format: "qcow2"}]}' > request.json
run f server create web --image img --request request.json
is_eq "$rc $err" "0 " "a server is made of a volume with its snapshot"
uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
whole "made again" "over.qcow2 deep.qcow2"
must f server unsnapshot volume web vdb
whole "merged" deep.qcow2
must f server delete web
must f server create web --flavor m1 --image img --volume "path=$tmp/one.raw,format=raw"
uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")

# ---- several ----

# fill FILE N: N MiB/16, one byte that says who wrote it, into the N-th part of it.
fill () { qemu-io -f qcow2 -c "write -q -P $2 $(($2 * 64))k 64k" "$1" > /dev/null || bail "qemu-io $1"; }
# holds FORMAT FILE N...: the parts N have what was written to them.
holds () {
  local format=$1 file=$2 n words=()
  shift 2
  for n; do words+=(-c "read -q -P $n $((n * 64))k 64k"); done
  is_eq "$(qemu-io -r -f "$format" "${words[@]}" "$file" 2>&1)" "" "$file has parts $*"
}
# four: the volume has three overlays, each with what was written while it was the first; the server is off.
four () {
  local n
  truncate -s 0 one.raw
  truncate -s 1M one.raw
  rm -f over?.qcow2
  for n in 1 2 3; do
    must f server snapshot volume web vdb "$tmp/over$n.qcow2"
    [ "$(f server show web -o value -c status)" = SHUTOFF ] || must f server stop web
    fill over$n.qcow2 $n
  done
}
# Guest and record are one, with the files $2, and these overlays are there: $3.
chained () {
  true_that "$1: guest and record are one" same
  is_eq "$(chain)|$(claimed)|$(left)" "$2|$(tr ' ' '\n' <<< "$2" | sort | paste -sd ' ')|000" "$1: the files are those of the volume, and nothing is under way"
  is_eq "$(overlays | tr ' ' '\n' | sort | paste -sd ' ')" "$3" "$1: the overlays that are there"
  run f server diff web
  is_eq "$rc $out$err" "0 " "$1: a plan of today is no other"
}
# as_qemu: the files name one another as the record says, which this driver's guests do not do.
as_qemu () {
  local file was=
  for file in $(chain); do
    [ -z "$was" ] || qemu-img rebase -q -u -f qcow2 -F "${file##*.}" -b "$tmp/$file" "$was"
    was=$file
  done
  [ "${was##*.}" = raw ] || qemu-img rebase -q -u -f qcow2 -b '' "$was"
}
must f server stop web
four
all="over1.qcow2 over2.qcow2 over3.qcow2"
chained "three overlays" "over3.qcow2 over2.qcow2 over1.qcow2 one.raw" "$all"
is_eq "$(f server show web -o json | jq -r '.disks[] | select (.target == "vdb") | .below | join (" ")' | sed "s|$tmp/||g")" "over2.qcow2 over1.qcow2 one.raw" "show has all files below"
run f server show web
true_that "as a table, too" grep -q "$tmp/over2.qcow2, $tmp/over1.qcow2, $tmp/one.raw" <<< "$out"
# What is not there is missed before anything is done.
for words in "--overlay $tmp/over2.qcow2|over3.qcow2" "--overlay $tmp/over2.qcow2|over1.qcow2" "--pull|over1.qcow2" "--pull|over3.qcow2"; do
  lost=${words#*|}
  mv "$lost" lost
  # shellcheck disable=SC2086
  refused "$words is lost" 5 "error DiskNotFound core: overlay \"$tmp/$lost\" of volume 'vdb' of server \"web\" is not there
  put it back" unsnapshot volume web vdb ${words%|*}
  mv lost "$lost"
done
mv one.raw lost
refused "the last one is lost" 5 "error DiskNotFound core: file \"$tmp/one.raw\" of volume 'vdb' of server \"web\" is not there
  put it back" unsnapshot volume web vdb
mv lost one.raw
chained "what was lost is back" "over3.qcow2 over2.qcow2 over1.qcow2 one.raw" "$all"
must f server start web
must f server stop web
run f server unsnapshot volume web vdb
is_eq "$rc $out$err" "0 " "off: the first one is merged"
chained "merged into an overlay" "over2.qcow2 over1.qcow2 one.raw" "over1.qcow2 over2.qcow2"
holds qcow2 over2.qcow2 1 2 3
run f server unsnapshot volume web vdb --overlay "$tmp/over1.qcow2"
is_eq "$rc $out$err" "0 " "off: one that another lies over is merged"
chained "merged below" "over2.qcow2 one.raw" "over2.qcow2"
holds raw one.raw 1
holds qcow2 over2.qcow2 1 2 3
must f server start web
must f server unsnapshot volume web vdb
chained "all merged" one.raw ""
must f server stop web
four
run f server unsnapshot volume web vdb --pull
is_eq "$rc $out$err" "0 " "off: all is pulled"
chained "pulled" over3.qcow2 "$all"
holds qcow2 over3.qcow2 1 2 3
is_eq "$(qemu-img info --output json over3.qcow2 | jq -r '."backing-filename" // "-"')" - "it stands alone"
must f server start web
must f server swap volume web vdb "path=$tmp/one.raw,format=raw"
must f server stop web
four
must f server start web
for words in "--overlay $tmp/over2.qcow2" "--pull --base $tmp/one.raw"; do
  # shellcheck disable=SC2086
  run f server unsnapshot volume web vdb $words
  is_eq "$rc $out$err" "0 " "on: $words"
  as_qemu
done
chained "merged and pulled" "over3.qcow2 one.raw" "over1.qcow2 over3.qcow2"
refused "nothing to pull" 3 "error InvalidVolume core: there is nothing to pull: volume 'vdb' of server \"web\" has no file between \"$tmp/over3.qcow2\" and \"$tmp/one.raw\"
  name a file further down, or none: then all is copied" \
  unsnapshot volume web vdb --pull --base "$tmp/one.raw"
refused "what is no overlay" 5 "error InvalidVolume core: \"$tmp/one.raw\" is no overlay of volume 'vdb' of server \"web\"; it has: \"$tmp/over3.qcow2\"
  name one of those, or none: that which the guest writes to" unsnapshot volume web vdb --overlay "$tmp/one.raw"
refused "what is no file" 5 "error InvalidVolume core: \"$tmp/two.raw\" is no file of volume 'vdb' of server \"web\"
  name one that is to stay below, or none: then nothing is" unsnapshot volume web vdb --pull --base "$tmp/two.raw"
refused "both" 2 "error Usage core: --overlay and --pull exclude each other
  --overlay: that one into the file below; --pull: the files below into the first one" unsnapshot volume web vdb --pull --overlay x
refused "a base alone" 2 "error Usage core: --base is for --pull
  --pull --base PATH copies what lies over that file" unsnapshot volume web vdb --base x
rm over1.qcow2
must f server snapshot volume web vdb "$tmp/over1.qcow2"
# The guest has them open, and could write where nobody finds it.
while_on="
  put it back before the guest stops: its QEMU has it open still, in /proc/PID/fd"
mv over1.qcow2 lost
refused "on: the first one is lost, which is to be filled" 5 "error DiskNotFound core: overlay \"$tmp/over1.qcow2\" of volume 'vdb' of server \"web\" is not there$while_on" unsnapshot volume web vdb --pull
refused "on: what is over one that is to be merged is lost" 5 "error DiskNotFound core: overlay \"$tmp/over1.qcow2\" of volume 'vdb' of server \"web\" is not there$while_on" unsnapshot volume web vdb --overlay "$tmp/over3.qcow2"
mv lost over1.qcow2
mv one.raw lost
refused "on: what is to be merged into is lost" 5 "error DiskNotFound core: file \"$tmp/one.raw\" of volume 'vdb' of server \"web\" is not there$while_on" unsnapshot volume web vdb
mv lost one.raw
mv over1.qcow2 lost
run f server unsnapshot volume web vdb
is_eq "$rc $out$err" "0 " "on: one that the guest writes to is merged, although its name is lost"
mv lost over1.qcow2
chained "merged without a name" "over3.qcow2 one.raw" "over1.qcow2 over3.qcow2"
rm over1.qcow2
must f server snapshot volume web vdb "$tmp/over1.qcow2"
must f server stop web
refused "a part, of one that is off" 3 "error InvalidVolume core: server \"web\" is off; of a part of the files below only QEMU pulls, and none has volume 'vdb' open
  start it first, or pull all: without --base" unsnapshot volume web vdb --pull --base "$tmp/one.raw"
must f server start web
for n in $(seq 9); do must f server snapshot volume web vdb "$tmp/over.$n"; done
refused "too many" 3 "error InvalidVolume core: volume 'vdb' of server \"web\" has 11 snapshots; accepted: at most 11
  merge one: virtloom server unsnapshot volume web vdb" snapshot volume web vdb "$tmp/over.10"
must f server reboot --hard web
for n in $(seq 11); do must f server unsnapshot volume web vdb; done
chained "all merged" one.raw ""

# ---- what fails, and is killed ----

setting fake 'fail = volume_snapshot_create:1'
refused "a snapshot that fails" 1 "error PlannedFailure fake: method 'volume_snapshot_create' fails as planned by setting 'fail'" snapshot volume web vdb "$tmp/over.qcow2"
is_eq "$(history)" "snapshot volume|failed|PlannedFailure: method 'volume_snapshot_create' fails as planned by setting 'fail'" "is in the history"
whole "failed" one.raw
setting fake 'fail = volume_snapshot_create'
run f server snapshot volume web vdb "$tmp/over.qcow2"
is_eq "$rc $(db 'SELECT kind FROM operation')" "1 server snapshot volume" "one of which nobody knows what the guest has is for the next command"
is_eq "$(ls over.qcow2)" over.qcow2 "until then the overlay stays"
setting fake
run f server list
is_eq "$rc $err" "0 " "which settles it"
whole "settled" one.raw
must f server snapshot volume web vdb "$tmp/over.qcow2"
setting fake 'fail = volume_snapshot_delete:1'
refused "a merge that fails" 1 "error PlannedFailure fake: method 'volume_snapshot_delete' fails as planned by setting 'fail'" unsnapshot volume web vdb
setting fake
whole "not merged" "over.qcow2 one.raw"
# A guest's QEMU says in the files that it has merged, or pulled; it may die before all is there.
must f server unsnapshot volume web vdb
four
must f server start web
below=over1.qcow2
for words in "--overlay $tmp/over2.qcow2" --pull; do
  setting fake 'fail = volume_snapshot_delete'
  # shellcheck disable=SC2086
  refused "$words fails" 1 "error PlannedFailure fake: method 'volume_snapshot_delete' fails as planned by setting 'fail'" unsnapshot volume web vdb $words
  is_eq "$(db 'SELECT kind FROM operation')" "server unsnapshot volume" "nobody knows what is in the files: it is for the next command"
  setting fake
  [ "$words" = --pull ] && below=
  qemu-img rebase -q -u -f qcow2 ${below:+-F qcow2} -b "${below:+$tmp/$below}" over3.qcow2
  run f server list
  is_eq "$rc $err" "0 " "which looks at them"
  chained "$words, by a QEMU that is gone" "over3.qcow2 over1.qcow2 one.raw" "over1.qcow2 over3.qcow2"
  holds qcow2 over3.qcow2 1 2 3
  is_eq "$(history)" "unsnapshot volume|$([ -n "$below" ] && echo 'done|-' || echo 'interrupted|the command that did it was killed; the next one undid it')" "is in the history"
done
as_qemu
for n in 1 2; do must f server unsnapshot volume web vdb; done
must f server snapshot volume web vdb "$tmp/over.qcow2"
# A process that has the overlay open may be a guest's, whatever is said of that.
python3 - over.qcow2 "$tmp/has" << 'END' &
import fcntl, struct, sys, time
f = open(sys.argv[1], 'r+')
fcntl.fcntl(f, 37, struct.pack('hhqqi4x', fcntl.F_RDLCK, 0, 201, 1, 0))
open(sys.argv[2], 'w').close()
time.sleep(3600)
END
holder=$!
true_that "a process has the overlay" wait_for 300 test -e has
refused "an overlay that is in use" 1 "error VolumeInUse core: overlay \"$tmp/over.qcow2\" is not removed: a process has it open, although the guest has another file
  see which process has it: fuser -v \"$tmp/over.qcow2\"" unsnapshot volume web vdb
is_eq "$(ls over.qcow2) $(db 'SELECT kind FROM operation')" "over.qcow2 server unsnapshot volume" "stays, and is not forgotten"
{ kill $holder; wait $holder; } 2> /dev/null
run f server list
is_eq "$rc $err" "0 " "the next command removes it"
whole "removed" one.raw
is_eq "$(history)" "unsnapshot volume|done|-" "and it is done"

# What has not come to the disk has not left the overlay.
if can_kill; then
  must f server snapshot volume web vdb "$tmp/over.qcow2"
  run env ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" strace -f -o "$tmp/trace" -P "$tmp/one.raw" -e trace=fsync -e inject=fsync:error=EIO "${cmd[@]}" server unsnapshot volume web vdb
  is_eq "$rc $err" "1 error StorageFailed core: \"$tmp/one.raw\" may not be on its disk: Input/output error; no overlay is removed
  see what ails that disk (dmesg) before you remove any file of the volume" "a file that is not written to its disk"
  is_eq "$(history)" "unsnapshot volume|failed|StorageFailed: \"$tmp/one.raw\" may not be on its disk: Input/output error; no overlay is removed" "is in the history"
  chained "not written" one.raw over.qcow2
  run f server list
  is_eq "$rc $err $(overlays)" "0  over.qcow2" "which no later command removes"
  rm over.qcow2
fi

if can_kill; then
  calls=fdatasync,fsync,rename,pwrite64,unlink,link,mkdir,symlink,rmdir,unlinkat
  for status in ACTIVE SHUTOFF; do
    [ $status = ACTIVE ] || must f server stop web
    for word in snapshot unsnapshot; do
      bad=0
      for n in $(kill_places 11); do
        rm -f written
        if [ $word = snapshot ]; then
          [ "$(chain)" = one.raw ] || must f server unsnapshot volume web vdb
          run_killed "$n" $calls "${cmd[@]}" server snapshot volume web vdb "$tmp/over.qcow2"
        else
          [ "$(chain)" = "over.qcow2 one.raw" ] || must f server snapshot volume web vdb "$tmp/over.qcow2"
          # A qemu-img whose command was killed may have it for a moment.
          wait_for 120 qemu-io -f qcow2 -c "write -q -P $((n % 200 + 1)) 0 64k" over.qcow2 > /dev/null 2>&1 || bail "the overlay cannot be written"
          run_killed "$n" $calls "${cmd[@]}" server unsnapshot volume web vdb
        fi
        code=$rc
        run f server list
        [ "$rc$err" = 0 ] || { bad=1; diag "killed at call $n: $rc $err"; }
        [ "$(left)" = 000 ] || { bad=1; diag "killed at call $n: something is left"; }
        same || { bad=1; diag "killed at call $n: guest and record differ"; }
        [ "$(overlays)" = "$(chain | grep -o over.qcow2)" ] || { bad=1; diag "killed at call $n: overlays are $(overlays), on record $(chain)"; }
        if [ $word$status = unsnapshotSHUTOFF ]; then
          top=$(chain); top=${top%% *}
          qemu-io -r -f "${top##*.}" -c "read -P $((n % 200 + 1)) 0 64k" "$top" 2>&1 | grep -q 'verification failed' && { bad=1; diag "killed at call $n: data is lost"; }
        fi
        [ "$code" -ne 0 ] || break
      done
      is_eq "$bad" 0 "$status: $word volume is killed at a sample of $n calls: it is done or was not"
    done
  done
  # Of several.
  for status in ACTIVE SHUTOFF; do
    for words in "--overlay $tmp/over2.qcow2" --pull; do
      bad=0
      for n in $(kill_places 19); do
        rm -f written
        as_qemu
        [ "$(f server show web -o value -c status)" = SHUTOFF ] || must f server stop web
        while [ "$(chain)" != one.raw ]; do
          case $(chain) in
            over3.qcow2) must f server swap volume web vdb "path=$tmp/one.raw,format=raw" ;;
            *) must f server unsnapshot volume web vdb ;;
          esac
        done
        four
        [ $status = SHUTOFF ] || must f server start web
        # shellcheck disable=SC2086
        run_killed "$n" $calls "${cmd[@]}" server unsnapshot volume web vdb $words
        code=$rc
        run f server list
        [ "$rc$err" = 0 ] || { bad=1; diag "killed at call $n: $rc $err"; }
        [ "$(left)" = 000 ] || { bad=1; diag "killed at call $n: something is left"; }
        same || { bad=1; diag "killed at call $n: guest and record differ"; }
        if [ $status = SHUTOFF ]; then
          said=$(qemu-io -r -f qcow2 -c 'read -q -P 1 64k 64k' -c 'read -q -P 2 128k 64k' -c 'read -q -P 3 192k 64k' over3.qcow2 2>&1)
          [ -z "$said" ] || { bad=1; diag "killed at call $n: $said"; }
          run f server start web
          [ "$rc" = 0 ] || { bad=1; diag "killed at call $n: $err"; }
        fi
        [ "$code" -ne 0 ] || break
      done
      is_eq "$bad" 0 "$status: unsnapshot volume ${words%% *} is killed at a sample of $n calls: it is done or was not"
    done
  done
else
  skip "no strace here (Debian: strace)"
fi
done_testing
