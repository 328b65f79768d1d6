#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Disks and interfaces that come to servers and go from them, on the fake driver: what is on
# record, what is refused, what is undone, and commands that are killed.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3
needs jq jq

f () { vl --driver fake "$@"; }
cmd=("$VL_RUN" virtloom --config "$config" --state "$state" --driver fake)
setting user 'host_loopback_acknowledged = yes'

cd "$tmp" || exit 99
truncate -s 8M disk.raw
truncate -s 1M one.raw two.raw three.raw
qemu-img create -q -f qcow2 deep.qcow2 4M
f flavor create m1 --vcpus 1 --ram 128 --disk 1 > /dev/null
f image create img --file disk.raw --disk-format raw > /dev/null
f server create web --flavor m1 --image img --network user > /dev/null || bail "no server"

# ---- what is typed ----

run f plan --flavor m1 --network user,modell=virtio
is "$rc $err" "2 error Usage core: \"modell\" in --network \"user,modell=virtio\"; accepted: type=, bridge=, vnic_type=, model=, mac=, mtu=, tag=, bridge_name=, datapath_type=, dev=, filter=, macvtap_mode=, macvtap_source=, network=, ovs_hybrid_plug=, ovs_interfaceid=, portgroup=, vhostuser_fp_plug=, vhostuser_mode=, vhostuser_ovs_plug=, vhostuser_socket=, vhostuser_vrouter_plug=, vlan=
  did you mean \"model=\"?" "--network is shown as it was typed"
for pair in network:user,model= volume:path= volume:path=/v,format=; do
  run f plan --flavor m1 "--${pair%%:*}" "${pair#*:}"
  key=${pair##*[:,]}
  is "$rc $err" "2 error Usage core: \"$key\" in --${pair%%:*} \"${pair#*:}\" has no value
  leave it out, or say what it is to be" "$pair has no value"
done

# ---- what comes and goes ----

# devices SERVER: "vdb one.raw" of each volume, "nic1" of each interface; of record, guest, claims.
devices () {
  f server show "$1" -o json | jq -r '(.disks[] | select (.id | startswith ("volume")) | "\(.target) \(.source)"),
    (.networks[] | "\(.id) \(.mac)")' | sed "s|$tmp/||" | paste -sd,
}
uuid=$(f server show web -o json | jq -r .uuid)
# What the guest has is what is on record.
whole () {
  is_eq "$(sed '1,/^$/d' "$state/fake/guests/$uuid")" "$(db "SELECT xml FROM document WHERE server = '$uuid' AND role = 'current'")" "$1: guest and record are one"
  is_eq "$(db 'SELECT count(*) FROM operation')$(db 'SELECT count(*) FROM undo')$(db "SELECT count(*) FROM document WHERE role <> 'current'")$(db "SELECT count(*) FROM claim WHERE role <> 'current'")" 0000 "and nothing is under way"
  is_eq "$(db "SELECT count(*) FROM claim WHERE resource = 'VOLUME'")" "$(devices web | grep -o 'raw\|qcow2' | grep -c .)" "each volume is claimed, and no other"
  run f server diff web
  is_eq "$rc $out$err" "0 " "a plan of today is no other"
}

# ---- what disks are called ----

# names PROPERTY...: the disks of a plan, the root disk first.
names () {
  f image create named --file disk.raw --disk-format raw "${@/#/--property=}" > /dev/null
  f plan --flavor all --image named --config-drive -o json | jq -r '.disks[] | .role + "=" + .target' | paste -sd ' '
  f image delete named
}
f flavor create all --vcpus 1 --ram 128 --disk 1 --ephemeral 1 --swap 64 > /dev/null
is_eq "$(names)" "root=vda ephemeral=vdb swap=vdc config=hda" "default_root_device_name and default_device_names_for_instance"
is_eq "$(names hw_disk_bus=scsi | cut -d ' ' -f 1)" "root=sda" "default_root_device_name on another bus"
is_eq "$(names hw_disk_bus=ide hw_cdrom_bus=sata)" "root=hda ephemeral=hdb swap=hdc config=sda" "default_device_names_for_instance on others"
before=$(cat "$state/fake/guests/$uuid")
run f server add volume web "path=$tmp/one.raw,format=raw" --dry-run
is_eq "$rc $out$err" "0 vdb" "get_device_name_for_instance"
run f server add volume web "path=$tmp/one.raw,format=raw" --device /dev/vdq --dry-run -o json
is_eq "$rc $(jq -r .device <<< "$out")" "0 vdq" "get_device_name_for_instance of one with a name"
run f server add volume web size=3 --dry-run
is_rc 2 "of what is no volume"
run f server add volume wob "path=$tmp/one.raw,format=raw" --dry-run
is_rc 5 "of no server"
run f server add volume web "path=$tmp/none.raw,format=raw" --dry-run
is_eq "$rc $out$err" "5 error DiskNotFound core: volume \"$tmp/none.raw\" cannot be read: No such file or directory" "of a file that is not there"
is_eq "$(cat "$state/fake/guests/$uuid")$(f server event list web -o value -c action | paste -sd,)" "${before}create" "nothing was done"

# ---- one after the other ----

for status in ACTIVE PAUSED SHUTOFF; do
  case $status in
    PAUSED) f server pause web ;;
    SHUTOFF) f server stop web ;;
  esac
  first=$(devices web)
  run f server add volume web "path=$tmp/one.raw,format=raw"
  is_eq "$rc $err" "0 " "$status: add volume"
  one=$out
  has "$one" "volume-" "says its id"
  run f server add volume web path=deep.qcow2,format=qcow2 --device /dev/vdf
  is_eq "$rc $err" "0 " "$status: another, with a name of its own"
  run f server add network web user
  is_eq "$rc $out $err" "0 nic1 " "$status: add network"
  mac=$(f server show web -o json | jq -r '.networks[] | select (.id == "nic1") | .mac')
  is_eq "$(devices web)" "vdb one.raw,vdf deep.qcow2,$first,nic1 $mac" "$status: all are on record"
  is_eq "$(f server list -o json | jq -r '.servers[].status')" "$status" "the server is as it was"
  whole "$status: added"
  run f server remove volume web vdb
  is_eq "$rc $out$err" "0 " "$status: remove volume"
  run f server add volume web "path=$tmp/two.raw,format=raw"
  is_eq "$(devices web)" "vdf deep.qcow2,vdb two.raw,$first,nic1 $mac" "what stays keeps its name"
  run f server remove network web nic0
  is_eq "$rc $out$err" "0 " "$status: remove network"
  run f server add network web "user,mac=${first#* }"
  is_eq "$rc $out $err" "0 nic0 " "$status: an interface with the address of that"
  is_eq "$(devices web)" "vdf deep.qcow2,vdb two.raw,nic1 $mac,$first" "the other one keeps its own"
  whole "$status: changed"
  for name in "$tmp/deep.qcow2" "$(f server show web -o json | jq -r '.disks[-1].id' | sed s/volume-//)"; do
    run f server remove volume web "$name"
    is_eq "$rc $out$err" "0 " "$status: a volume by its file, and by its uuid"
  done
  run f server remove network web "$mac"
  is_eq "$rc $out$err" "0 " "$status: an interface by its address"
  is_eq "$(devices web)" "$first" "all of it is gone"
  whole "$status: removed"
  case $status in
    PAUSED) f server unpause web ;;
    SHUTOFF) f server start web ;;
  esac
done
is_eq "$(f server event list web -o json | jq -r '[.events[] | .action + " " + .result] | unique | .[]' | grep "volume\|network")" "add network done
add volume done
remove network done
remove volume done" "the history has them, by their verbs"

# ---- what is refused ----

refused () {
  local what=$1 code=$2 text=$3
  shift 3
  run f server "$@"
  is_eq "$rc $out$err" "$code $text" "$what"
  [ "$1 $2" = "add volume" ] || return 0
  run f server "$@" --dry-run
  is_eq "$rc $out$err" "$code $text" "$what, without doing it"
}
f server add volume web "path=$tmp/one.raw,format=raw" > /dev/null
id=$(f server show web -o json | jq -r '.disks[-1].id')
refused "no such server" 5 "error InstanceNotFound core: there is no server \"wob\"
  did you mean \"web\"?" add volume wob "path=$tmp/two.raw,format=raw"
refused "words that are none" 2 "error Usage core: \"size\" in volume \"size=3\"; accepted: path=, format=, bus=, boot_index=, tag=, luks=" add volume web size=3
refused "a file that is not there" 5 "error DiskNotFound core: volume \"$tmp/none\" cannot be read: No such file or directory" \
  add volume web "path=$tmp/none,format=raw"
run f server add volume web "path=$tmp/one.raw,format=raw"
is_rc 4 "a volume that it has"
has "$err" "error ComputeResourcesUnavailable core: volume '$tmp/one.raw' of 'volume-" "is refused"
has "$err" "is in use by this server already
  name each volume once: another path or link to a file is the same volume" "in words, and without 'delete that server'"
refused "a name that is taken" 3 "error InvalidDevicePath core: device_name 'vdb' of \$.block_devices[1] is taken by another disk
  leave the name out, and a free one is taken" \
  add volume web "path=$tmp/two.raw,format=raw" --device vdb
refused "a name that is none" 3 "error InvalidBDM core: \$.block_devices[1].device_name: 'a b' is no device name; accepted: names as 'vdb' or '/dev/vdb' (server \"web\")" \
  add volume web "path=$tmp/two.raw,format=raw" --device "a b"
refused "bytes that are something else" 3 "error ImageUnacceptable core: volume \"$tmp/two.raw\" was given as qcow2, but its bytes are not those of qcow2
  say what it is with --disk-format; a plain disk image is raw" add volume web "path=$tmp/two.raw,format=qcow2"
refused "a volume that is none of it" 5 "error VolumeBDMNotFound core: server \"web\" has no volume \"vdq\"; accepted: vdb ($id)" remove volume web vdq
refused "the root disk" 3 "error InvalidVolume core: disk 'vda' of server \"web\" (root) goes with the server alone
  its own disks are changed by 'server rebuild' and 'server resize'; virtloom server show web lists the volumes" remove volume web vda
nic=$(f server show web -o json | jq -r '.networks[0].mac')
refused "an interface that is none of it" 5 "error PortNotFound core: server \"web\" has no interface \"nic7\"; accepted: nic0 ($nic)" remove network web nic7
f server suspend web > /dev/null 2>&1
# Nova's VIF objects are kept as a request's networks are, by the uuid of the port.
vif () { printf '{"id": "%s", "type": "user", "address": "%s", "devname": null, "active": true, "preserve_on_delete": true, "profile": {}, "network": {"bridge": null, "meta": {"mtu": null}}}' "$1" "$2"; }
port=0a4f3e9c-8b5c-4eeb-8f00-d84eaa0aaa4f
run f server create ported --request - << END
{"flavor": {"vcpus": 1, "ram": 64, "disk": 0}, "image": {"name": "img"}, "networks": [$(vif "$port" fa:16:3e:00:00:01), $(vif "1${port#0}" fa:16:3e:00:00:02)]}
END
is_eq "$rc $err" "0 " "a server of two VIF objects"
is_eq "$(devices ported)" "nic-$port fa:16:3e:00:00:01,nic-1${port#0} fa:16:3e:00:00:02" "their ports are on record"
run f server remove network ported "nic-$port"
is_eq "$rc $(devices ported)" "0 nic-1${port#0} fa:16:3e:00:00:02" "one goes by its port"
f server delete ported > /dev/null

for words in "add volume web path=$tmp/two.raw,format=raw" "remove volume web vdb" "add network web user" "remove network web nic0"; do
  case $words in add\ v*) kind="add volume" ;; remove\ v*) kind="remove volume" ;; add*) kind="add network" ;; *) kind="remove network" ;; esac
  # shellcheck disable=SC2086
  refused "$kind of a guest whose memory lies on disk" 3 "error InstanceInvalidState core: server \"web\" is SUSPENDED; $kind is for servers that are ACTIVE, SHUTOFF, PAUSED
  virtloom server resume web" $words
done
f server resume web > /dev/null 2>&1
whole "refused"

# What a plan of today would change besides.
setting disk-cache 'disk_cachemodes = file=writethrough'
more="'/domain/devices/disk[1]/driver/@cache' from 'none' to 'writethrough'; '/domain/devices/disk[2]/driver/@cache' from 'none' to 'writethrough'"
hint="
  take a plan of today first: virtloom server diff web shows it, virtloom server reboot --hard --update web takes it"
refused "where settings have changed, attach" 3 "error GuestWouldChange core: add volume of server \"web\" would change more than the device: $more$hint" \
  add volume web "path=$tmp/two.raw,format=raw"
refused "and detach" 3 "error GuestWouldChange core: remove volume of server \"web\" would change more than the device: ${more%%; *}$hint" remove volume web vdb
f server stop web
refused "also of a server that is off" 3 "error GuestWouldChange core: add volume of server \"web\" would change more than the device: $more$hint" \
  add volume web "path=$tmp/two.raw,format=raw"
rm "$config/plugins.d/disk-cache.conf"
whole "settings"

# More than the device changes with it: only while the guest is off.
f server add volume web "path=$tmp/two.raw,format=raw,boot_index=1" > "$tmp/id"
whole "a volume to boot from, of a server that is off"
f server start web
f server remove volume web vdc > /dev/null 2>&1

# ---- what fails ----

for kind in volume interface; do
  before=$(devices web)
  words="volume web path=$tmp/three.raw,format=raw"
  [ $kind = volume ] || words="network web user"
  setting fake "fail = attach_$kind"
  # shellcheck disable=SC2086
  run f server add $words
  is_eq "$rc $err" "1 error PlannedFailure fake: method 'attach_$kind' fails as planned by setting 'fail'" "attach_$kind fails"
  setting fake
  is_eq "$(devices web)" "$before" "and nothing has changed"
  whole "attach_$kind failed"
  # shellcheck disable=SC2086
  f server add $words > /dev/null
  before=$(devices web)
  what=$(f server show web -o json | jq -r 'if "'$kind'" == "volume" then .disks[-1].target else .networks[-1].id end')
  setting fake "fail = detach_$kind"
  run f server remove ${words%% *} web "$what"
  is_eq "$rc $err" "1 error PlannedFailure fake: method 'detach_$kind' fails as planned by setting 'fail'" "detach_$kind fails"
  setting fake
  is_eq "$(devices web)" "$before" "and it has it still"
  whole "detach_$kind failed"
  is_eq "$(f server event list web -o json | jq -r '.events[0] | .action + "|" + .result + "|" + .reason')" \
    "remove ${words%% *}|failed|PlannedFailure: method 'detach_$kind' fails as planned by setting 'fail'" "which the history tells"
  f server remove ${words%% *} web "$what"
done

# ---- commands that are killed ----

# While the driver works: the next command finishes what was begun.
for kind in volume interface; do
  for gone in no yes; do
    case $kind-$gone in
      volume-no) words="add volume web path=$tmp/three.raw,format=raw" call=attach_volume ;;
      volume-yes) words="remove volume web $tmp/three.raw" call=detach_volume ;;
      interface-no) words="add network web user" call=attach_interface ;;
      *) words="remove network web nic1" call=detach_interface ;;
    esac
    setting fake "delay_ms = $call:3600000"
    # shellcheck disable=SC2086
    "${cmd[@]}" server $words > /dev/null 2>&1 &
    pid=$!
    true_that "$words is under way" wait_for 300 sh -c "sqlite3 '$state/state.db' 'SELECT kind FROM operation' | grep tach"
    is_eq "$(db "SELECT group_concat (role) FROM (SELECT role FROM document ORDER BY role)")" current,pending "both documents are there"
    kill_job "$pid"
    setting fake
    run f server list
    is_eq "$rc $err" "0 " "the next command goes on"
    case $kind-$gone in
      volume-no) has "$(devices web)" three.raw "and has finished it" ;;
      interface-no) has "$(devices web)" nic1 "and has finished it" ;;
      volume-yes) lacks "$(devices web)" three.raw "and has finished it" ;;
      *) lacks "$(devices web)" nic1 "and has finished it" ;;
    esac
    whole "killed in $call"
  done
done
# Of a server whose user data has what no name may have.
printf '#!/bin/sh\n# \x7f \xc2\x85 \xe2\x80\xae\r\n' > "$tmp/user-data"
f server create odd --flavor m1 --image img --user-data "$tmp/user-data" > /dev/null
setting fake 'delay_ms = attach_volume:3600000'
"${cmd[@]}" server add volume odd "path=$tmp/three.raw,format=raw" > /dev/null 2>&1 &
pid=$!
true_that "an attach is under way" wait_for 300 sh -c "sqlite3 '$state/state.db' 'SELECT kind FROM operation' | grep tach"
kill_job "$pid"
setting fake
run f server list
is_eq "$rc $err" "0 " "the next command goes on"
has "$(devices odd)" three.raw "whatever characters the request has"
f server delete odd
# What cannot be finished is taken back, and says why.
setting fake 'delay_ms = attach_volume:3600000'
"${cmd[@]}" server add volume web "path=$tmp/three.raw,format=raw" > /dev/null 2>&1 &
pid=$!
wait_for 300 sh -c "sqlite3 '$state/state.db' 'SELECT kind FROM operation' | grep tach"
kill_job "$pid"
setting fake 'fail = attach_volume'
run f server list
is_rc 0 "a killed attach that fails when it is finished"
lacks "$(devices web)" three.raw "is taken back"
setting fake
whole "taken back"
has "$(f server event list web -o json | jq -r '.events[0] | .action + "|" + .result + "|" + .reason')" \
  "add volume|interrupted|the command that did it was killed; the next one undid it: PlannedFailure: method 'attach_volume' fails as planned by setting 'fail'" "which the history tells"

# Nobody knows what the guest has: it is for the next command.
setting fake 'fail = attach_volume, detach_volume'
run f server add volume web "path=$tmp/three.raw,format=raw"
is_eq "$rc $err" "1 error PlannedFailure fake: method 'attach_volume' fails as planned by setting 'fail'
error PlannedFailure fake: method 'detach_volume' fails as planned by setting 'fail'" "an attach that can neither be done nor taken back"
is_eq "$(db 'SELECT kind FROM operation')" "server attach volume" "is under way"
run f server list -o json
is_eq "$(jq -r '.servers[].fault' <<< "$out")" "PlannedFailure: method 'attach_volume' fails as planned by setting 'fail'; PlannedFailure: method 'detach_volume' fails as planned by setting 'fail'" "the list says why"
has "$(jq -r '.findings[] | .code + ": " + .message' <<< "$out")" 'Unfinished: an interrupted "server add volume" of ' "and that it is tried again"
run f server stop web
is_rc 1 "nothing else is done to it"
setting fake
run f server list -o json
is_eq "$rc $err $(jq -r '.servers[].fault' <<< "$out")" "0  null" "the next command finishes it"
has "$(devices web)" three.raw "and it has it"
f server remove volume web "$tmp/three.raw"
whole "finished later"

# At each write.
if can_kill; then
  calls=fdatasync,fsync,rename,pwrite64,symlink,unlink
  for words in "add volume web path=$tmp/three.raw,format=raw" "remove volume web $tmp/three.raw" "add network web user" "remove network web nic1"; do
    bad=0
    for n in $(kill_places 3); do
      # shellcheck disable=SC2086
      run_killed "$n" $calls "${cmd[@]}" server $words
      code=$rc
      run f server list
      [ "$rc$err" = 0 ] || { bad=1; diag "killed at call $n: $rc $err"; }
      [ "$(db 'SELECT count(*) FROM operation')$(db "SELECT count(*) FROM document WHERE role <> 'current'")" = 00 ] || { bad=1; diag "killed at call $n: something is left"; }
      [ "$(sed '1,/^$/d' "$state/fake/guests/$uuid")" = "$(db "SELECT xml FROM document WHERE server = '$uuid' AND role = 'current'")" ] \
        || { bad=1; diag "killed at call $n: guest and record differ"; }
      [ "$code" -ne 0 ] || break
      # It was finished, or undone: the other way round, and once more.
      case $words in
        "add v"*) f server remove volume web "$tmp/three.raw" > /dev/null 2>&1 ;;
        "add n"*) f server remove network web nic1 > /dev/null 2>&1 ;;
        *network*) devices web | grep -q nic1 || f server add network web user > /dev/null 2>&1 ;;
        *) devices web | grep -q three || f server add volume web "path=$tmp/three.raw,format=raw" > /dev/null 2>&1 ;;
      esac
    done
    is_eq "$bad" 0 "$words: killed at a sample of $n calls, the server is whole"
    true_that "and it was killed" test "$n" -gt 10 -a "$n" -lt 400
  done
else
  skip "no strace here (Debian: strace)"
fi
whole "killed at its writes"

# On a SCSI adapter what stays keeps its unit.
f image create scsi --file disk.raw --disk-format raw --property hw_disk_bus=scsi --property hw_scsi_model=virtio-scsi > /dev/null
f server create disks --flavor m1 --image scsi --volume "path=$tmp/two.raw,format=raw" --volume "path=$tmp/three.raw,format=raw" > /dev/null
units () { f server show disks -o json | jq -r .xml | grep -o "unit='[0-9]*'" | tr -dc '0-9\n' | paste -sd ' '; }
is_eq "$(units)" "0 1 2" "three SCSI disks"
run f server remove volume disks sdb
is_eq "$rc $err $(units)" "0  0 2" "the one between is taken out of a guest that runs"
run f server add volume disks "path=$tmp/two.raw,format=raw"
is_eq "$rc $err $(units)" "0  0 2 1" "and the next gets its unit"
run f server diff disks
is_eq "$rc $out$err" "0 " "a plan of today is no other"
f server delete disks

f server delete web
is_eq "$(find "$state/servers" "$state/fake/guests" -mindepth 1)" "" "nothing is left"
done_testing
