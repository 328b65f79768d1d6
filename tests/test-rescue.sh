#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A server is rescued, unrescued and rebuilt, on the fake driver: what becomes of its disks, document
# and images, what is refused, what is undone, and commands that are killed.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs qemu-io qemu-utils
needs genisoimage genisoimage
needs isoinfo genisoimage
needs sqlite3 sqlite3
needs jq jq

f () { vl --driver fake "$@"; }
cmd=("$VL_RUN" virtloom --config "$config" --state "$state" --driver fake)
setting user 'host_loopback_acknowledged = yes'
cd "$tmp" || exit 99
truncate -s 1M disk.raw volume.raw boot.raw
head -c 1M /dev/zero | tr '\0' '\5' > rescue.raw
truncate -s 3G large.raw
f flavor create m1 --vcpus 1 --ram 128 --disk 1 --ephemeral 1 --swap 16 > /dev/null
f flavor create m0 --vcpus 1 --ram 128 --disk 1 > /dev/null
f image create img --file disk.raw --disk-format raw > /dev/null
f image create rescue --file rescue.raw --disk-format raw --property hw_disk_bus=scsi --property hw_scsi_model=virtio-scsi > /dev/null
f image create stable --file rescue.raw --disk-format raw --property hw_rescue_bus=usb --property hw_rescue_device=disk > /dev/null
f image create large --file large.raw --disk-format raw > /dev/null
f image create greedy --file disk.raw --disk-format raw --min-ram 512 --min-disk 5 > /dev/null
f image create odd --file disk.raw --disk-format raw --property hw_numa_nodes=4 --property os_secure_boot=required --property hw_firmware_type=bios > /dev/null
f image create bus --file disk.raw --disk-format raw --property hw_rescue_bus=isa > /dev/null
f image create device --file disk.raw --disk-format raw --property hw_rescue_device=tape > /dev/null
rm large.raw
# User data has what no name may have.
printf '#!/bin/sh\n# \x7f \xc2\x85 \xe2\x80\xae\r\n' > odd
new_web () {
  f server create web --flavor m1 --image img --network user --volume "path=$tmp/volume.raw,format=raw" --user-data odd --config-drive > /dev/null || bail "no server"
  uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
  dir=$state/servers/$uuid
  qemu-io -f qcow2 -c "write -P 7 0 64k" "$dir/disk" > /dev/null
  first=$(disks)
  before=$(document)
}
status () { f server show "$1" -o json | jq -r '"\(.status) \(.power_state) \(.image)"'; }
disks () { find "$dir" -maxdepth 1 -name 'disk*' -printf '%f %i\n' | sort; }
names () { disks | cut -d ' ' -f 1 | paste -sd ,; }
holds () { [[ $(qemu-io -r -f qcow2 -c "read -P $2 0 64k" "$dir/$1" 2>&1) == read\ 65536* ]]; }
guest () { sed '1,/^$/d' "$state/fake/guests/$uuid"; }
document () { db "SELECT xml FROM document WHERE server = '$uuid' AND role = '${1:-current}'"; }
# "vda disk.rescue" of each disk of the guest, in its order.
has_disks () { guest | sed -n 's/^      <source file=.*\/\([^/]*\)'"'"'.*/\1/p; s/^ *<target .*dev='"'"'\([a-z]*\)'"'"'.*/\1/p' | paste -d ' ' - - | paste -sd ,; }
images () { db "SELECT group_concat (name) FROM (SELECT name FROM image JOIN server_image ON image = uuid WHERE server = '$uuid' ORDER BY name)"; }
meta () { isoinfo -J -x /openstack/latest/meta_data.json -i "$dir/$1"; }
kept_out () { # WORD WHAT: the secret is nowhere but in the config drive
  is_eq "$(grep -rl "$1" "$state" --include='*' 2> /dev/null | grep -v '/disk.config')$(grep -c "$1" <<< "$out$err")" 0 "$2"
}
clean () { # WHAT: nothing is under way, and nothing left
  is_eq "$(db 'SELECT count(*) FROM operation')$(db "SELECT count(*) FROM document WHERE role <> 'current'")$(db "SELECT count(*) FROM claim WHERE role <> 'current'")" 000 "$1: nothing is under way"
  true_that "and nothing is kept" test ! -e "$dir/rebuild" -a ! -e "$dir/disk.rescue" -a ! -e "$dir/disk.config.rescue"
}
whole () { # STATUS WHAT: the server is what it was
  is_eq "$(status web)" "$1" "$2: the server is as it was"
  is_eq "$(guest)$(document)" "$before$before" "and so are its guest and its document"
  is_eq "$(disks)" "$first" "and its disks, which are the very files"
  clean "$2"
}
echo geheim-1 > password
new_web

# ---- refused ----

refused () { # WHAT CODE TEXT WORD...
  run f server "${@:4}"
  is_eq "$rc $err" "$2 $3" "$1 is refused"
}
for verb in rescue rebuild; do
  refused "$verb of an image that is none" 5 'error ImageNotFound core: there is no image "resuce"
  did you mean "rescue"?' $verb web --image resuce
  f server pause web > /dev/null
  refused "$verb of a server that is paused" 3 "error InstanceInvalidState core: server \"web\" is PAUSED; $verb is for servers that are ACTIVE, SHUTOFF, ERROR
  virtloom server unpause web" $verb web
  f server unpause web > /dev/null
done
f server lock web > /dev/null
for verb in rescue unrescue rebuild; do
  refused "$verb of a server that is locked" 3 'error InstanceIsLocked core: server "web" is locked
  virtloom server unlock web' $verb web
done
f server unlock web > /dev/null
refused "unrescue of a server that is not rescued" 3 'error InstanceInvalidState core: server "web" is ACTIVE; unrescue is for servers that are RESCUE' unrescue web
refused "a bus that no rescue disk can be on" 4 "error UnsupportedRescueBus core: image 'bus' has hw_rescue_bus 'isa', which no rescue disk of a 'kvm' guest can be on; accepted: virtio scsi ide usb fdc sata
  virtloom image set --property hw_rescue_bus=BUS bus" rescue web --image bus
refused "a device that is none" 4 "error UnsupportedRescueDevice core: image 'device' has hw_rescue_device 'tape'; accepted: disk, cdrom, floppy
  virtloom image set --property hw_rescue_device=disk device" rescue web --image device
run f server rebuild web --image greedy
is_rc 3 "an image that asks for more than the flavor has"
has "$err" "error FlavorMemoryTooSmall core: the image needs 512 MiB of memory, the flavor has 128" "of memory"
has "$err" "error FlavorDiskSmallerThanMinDisk core: the image needs a disk of 5 GiB, the flavor has 1" "and of disk, both at once"
run f server rebuild web --image large
is_rc 3 "an image that is larger than the flavor's disk"
has "$err" "error FlavorDiskSmallerThanImage core: the image has 3221225472 bytes, the flavor's disk has 1073741824" "in words"
for verb in rescue rebuild; do
  run f server $verb web --image odd
  is_rc 3 "$verb of an image whose properties cannot be"
  has "$err" " numa: " "one feature tells its reason"
  has "$err" " firmware: " "and another one its own"
done
whole "ACTIVE RUNNING img" "refused"
is_eq "$(grep -c power_off "$state/fake/calls.log")" 0 "nor was the guest switched off"

f server create vol --flavor m0 --volume "path=$tmp/boot.raw,format=raw,boot_index=0" > /dev/null || bail "no server from a volume"
refused "a rescue of a server that boots from a volume" 3 'error InstanceNotRescuable core: server "vol" boots from a volume, whose place no rescue disk takes
  virtloom image set --property hw_rescue_device=disk rescue; then its disk is one more' rescue vol --image rescue
refused "one without an image" 3 'error InstanceNotRescuable core: server "vol" has no image that it could be rescued from
  say which image: --image IMAGE' rescue vol
refused "a rebuild of it from an image" 3 'error ImageUnacceptable core: server "vol" boots from a volume, which no image takes the place of
  leave --image out: then its volumes stay, and its own disks are made anew' rebuild vol --image img
run f server rescue vol --image stable
is_eq "$rc $err" "0 " "a stable rescue of it"
is_eq "$(f server show vol -o value -c status)" RESCUE "is no such thing"
run f server unrescue vol
is_eq "$rc $err $(f server show vol -o value -c status)" "0  ACTIVE" "and it goes back"
run f server rebuild vol
is_eq "$rc $err $(stat -c %s boot.raw)" "0  1048576" "its rebuild leaves the volume alone"
f server delete vol > /dev/null

# ---- rescued, and back ----

run f server rescue web --image rescue --password password
is_eq "$rc $out$err" "0 " "rescue"
is_eq "$(status web)" "RESCUE RUNNING img" "it runs, and is rescued"
is_eq "$(has_disks)" "disk.rescue sda,disk sdb,disk.config.rescue hda" "from the rescue disk, its own is the second"
is_eq "$(guest)" "$(document rescue)" "by a document of its own"
has "$(guest)" "model='virtio-scsi'" "with what the rescue image says"
is_eq "$(document)" "$before" "its document is kept"
is_eq "$(f server show web -o json | jq -r '[.disks[] | "\(.id) \(.target) \(.source | split ("/") | last)"] | join (",")')" \
  "rescue sda disk.rescue,root sdb disk,config hda disk.config.rescue,ephemeral0 null disk.local,swap null disk.swap,volume-$(f server show web -o json | jq -r '.disks[-1].id | ltrimstr ("volume-")') null volume.raw" "server show has the rescue disk, and the server's own"
true_that "the rescue disk is of the image" holds disk.rescue 5
is_eq "$(disks | grep -v rescue)" "$first" "its own disks are not touched"
is_eq "$(guest | grep -A1 "<interface" | grep -o 'address=.*')" "$(grep -A1 "<interface" <<< "$before" | grep -o 'address=.*')" "its interface is the one that it was"
is_eq "$(meta disk.config.rescue | jq -r .admin_pass)" geheim-1 "the config drive has the password"
kept_out geheim-1 "and nothing else"
is_eq "$(images)" "img,rescue" "both images are in use"
run f image delete rescue
is_eq "$rc" 3 "so that the rescue image is not deleted"
for words in 'stop web' 'reboot --hard web' 'set web --description x' 'set web --status active' 'rebuild web' 'rescue web' 'resize web --flavor m0'; do
  # shellcheck disable=SC2086
  run f server $words
  is_rc 3 "no '$words' of a server that is rescued"
  has "$err" "error InstanceInvalidState core: server \"web\" is RESCUE; " "by its status"
  has "$err" "virtloom server unrescue web" "with the way out"
done
run f server unrescue web
is_eq "$rc $out$err" "0 " "unrescue"
whole "ACTIVE RUNNING img" "unrescued"
is_eq "$(images)" "img" "the rescue image is in use no more"
run f image delete rescue
is_eq "$rc $err" "0 " "and can go"
f image create rescue --file rescue.raw --disk-format raw > /dev/null

run f server rescue web --image stable --password password
is_eq "$rc $out$err" "0 " "a stable rescue"
is_eq "$(has_disks)" "disk vda,disk.local vdb,disk.swap vdc,volume.raw vdd,disk.config.rescue hda,disk.rescue sda" "all disks stay, and the rescue disk is one more"
is_eq "$(guest | grep "<boot " | paste -sd ,)" "      <boot order='2'/>,      <boot order='1'/>" "which is booted from first"
is_eq "$(meta disk.config.rescue | jq -r .admin_pass)" geheim-1 "the config drive has the password"
kept_out geheim-1 "and nothing else"
run f server unrescue web
whole "ACTIVE RUNNING img" "unrescued from it"

f server stop web > /dev/null
run f server rescue web
is_eq "$rc $err $(status web)" "0  RESCUE RUNNING img" "one that is off is rescued, from its own image"
run f server unrescue web
is_eq "$rc $err $(status web)" "0  ACTIVE RUNNING img" "and runs afterwards, as Nova's"
main_setting storage 'rescue_image_id = stable'
run f server rescue web
has "$(has_disks)" "disk.rescue sda" "the settings can name the image"
rm "$config/virtloom.conf"
run f server delete web
is_eq "$rc $err" "0 " "a server that is rescued is deleted"
is_eq "$(find "$state/servers" "$state/fake/guests" -mindepth 1)$(db 'SELECT count(*) FROM server_image')" 0 "nothing is left"
new_web
is_eq "$(f server event list web -o value -c action,result | paste -sd ,)" "create	done" "a new one has a history of its own"

setting vtpm 'swtpm_enabled = yes'
f flavor create tpm --vcpus 1 --ram 128 --disk 1 --property hw:tpm_version=2.0 --property hw:tpm_model=tpm-crb > /dev/null
run f server create safe --flavor tpm --image img
is_rc 0 "a server with a TPM"
for verb in rescue:rescued rebuild:rebuilt; do
  refused "${verb%:*} of it" 3 "error OperationNotSupportedForVTPM vtpm: a guest with a TPM is not ${verb#*:}: what its TPM keeps is sealed to its own disk (hw:tpm_version=2.0 (flavor))" "${verb%:*}" safe
done
f server delete safe > /dev/null
rm "$config/plugins.d/vtpm.conf"

# ---- rebuilt ----

printf 'hello\n' > motd
macs () { db "SELECT group_concat (mac) FROM device WHERE server = '$uuid' AND is_nic"; }
mac=$(macs)
run f server rebuild web --image rescue --password password --file "/etc/motd=$tmp/motd"
is_eq "$rc $out$err" "0 warning DisksRebuilt core: disks of server \"web\" were made anew, and what was on them is gone: root, ephemeral0, swap" "rebuild says what is lost"
is_eq "$(status web) $(macs) $(db 'SELECT uuid FROM server')" "ACTIVE RUNNING rescue $mac $uuid" "it runs, is of the other image, and is itself"
is_eq "$(names)" "disk,disk.config,disk.local,disk.swap" "it has the disks that it had"
is_eq "$(join <(disks) <(echo "$first") | awk '$2 == $3' | wc -l)" 0 "and none is the file that it was"
true_that "its root disk is of the image" holds disk 5
is_eq "$(stat -c %s volume.raw)" 1048576 "its volume is not touched"
is_eq "$(guest)" "$(document)" "its guest is the one on record"
is_eq "$(meta disk.config | jq -r '.admin_pass, .files[0].path' | paste -sd ,)" "geheim-1,/etc/motd" "the config drive has password and file"
kept_out geheim-1 "and nothing else has the password"
rebuilt='warning DisksRebuilt core: disks of server "web" were made anew, and what was on them is gone: root, ephemeral0, swap'
dropped () { echo "warning ConfigDriveRebuilt core: the config drive of server \"web\" was made anew, without what it was given before and nothing else keeps: $1"; }
setting fake 'fail = rebuild'
f server rebuild web > /dev/null 2>&1
rm "$config/plugins.d/fake.conf"
is_eq "$(meta disk.config | jq -r '.admin_pass, .files[0].path' | paste -sd ,)" "geheim-1,/etc/motd" "a rebuild that fails leaves them there"
run f server rebuild web --password password --file "/srv/a b=$tmp/motd"
is_eq "$rc $err" "0 $rebuilt
$(dropped "file /etc/motd")
  give it again: virtloom server rebuild --file '/etc/motd=FILE' web" "a file that is not given again is named"
run f server rebuild web
is_eq "$rc $err" "0 $rebuilt
$(dropped "the administrator's password, file /srv/a b")
  give it again: virtloom server rebuild --password FILE --file '/srv/a b=FILE' web" "and so is a password"
is_eq "$(meta disk.config | jq -r '.admin_pass, .files' | paste -sd ,)" "null,null" "both are gone"
run f server rebuild web
is_eq "$rc $err" "0 $rebuilt" "what was not there is not missed"
is_eq "$(images)" "rescue" "its image is the other one"
clean "rebuilt"
run f image delete img
is_eq "$rc $err" "0 " "the old image can go"
f image create img --file disk.raw --disk-format raw > /dev/null
f server stop web > /dev/null
run f server rebuild web --image img
is_eq "$rc $(status web)" "0 SHUTOFF SHUTDOWN img" "one that is off stays off"
true_that "with a disk of the image" holds disk 0
f server set web --status error > /dev/null
run f server rebuild web
is_eq "$rc $(status web)" "0 ACTIVE RUNNING img" "one that was in error runs"

# What it is told, and what it is.
printf '#!/bin/sh\r\n# \x7f new\n' > user-data
: > empty
first=$(disks)
told () { isoinfo -J -x /openstack/latest/user_data -i "$dir/disk.config" | cmp -s - user-data; }
own () { f server show web -o json | jq -rc '[.metadata, .request_properties]'; }
refused "user data that is none" 5 "error NotFound core: --user-data '$tmp/none' cannot be read: No such file or directory; accepted: a file" rebuild web --user-data "$tmp/none"
refused "a property without a value" 2 'error Usage core: property "hw_watchdog_action"; accepted: KEY=VALUE' rebuild web --property hw_watchdog_action
refused "metadata twice" 2 'error Usage core: the metadata key "a" is given twice
  give each key once' rebuild web --metadata a=1 --metadata a=2
run f server rebuild web --property hw_watchdog_action=rezet
is_rc 3 "a value that is none"
has "$err" "error InvalidWatchdogAction watchdog: 'rezet' is not among the choices" "in words"
is_eq "$(status web) $(disks)" "ACTIVE RUNNING img $first" "and nothing was made"
run f server rebuild web --user-data user-data --metadata a=1 --metadata b=2 --property hw_watchdog_action=reset
is_rc 0 "a rebuild with user data, metadata and a property"
true_that "the config drive has the user data" told
is_eq "$(meta disk.config | jq -c .meta) $(own)" '{"a":"1","b":"2"} [{"a":"1","b":"2"},{"hw_watchdog_action":"reset"}]' "and the metadata; the record has all of it"
has "$(guest)" "<watchdog action='reset'" "the guest is of the property"
run f server rebuild web --metadata c=3 --property hw_rng_model=virtio
is_eq "$rc $(meta disk.config | jq -c .meta) $(own)" '0 {"c":"3"} [{"c":"3"},{"hw_rng_model":"virtio","hw_watchdog_action":"reset"}]' "other metadata takes the place of all, a property comes to those that it has"
true_that "user data that is not given stays" told
run f server rebuild web --user-data empty
is_rc 0 "an empty file takes it away"
is_eq "$(isoinfo -J -f -i "$dir/disk.config" | grep -c user_data)" 0 "from the config drive"
clean "rebuilt with what was given"
for key in hw_watchdog_action hw_rng_model; do f server unset web --property $key > /dev/null 2>&1; done
f server delete web > /dev/null
new_web
first=$(disks) before=$(document)

# ---- what fails ----

setting fake 'fail = rescue'
run f server rescue web --image rescue
is_eq "$rc $err" "1 error PlannedFailure fake: method 'rescue' fails as planned by setting 'fail'
error InstanceNotRescuable core: server \"web\" was not rescued; it is what it was, with its disks" "a rescue that does not start"
whole "ACTIVE RUNNING img" "failed"
is_eq "$(images)" img "the rescue image is in use no more"
setting fake 'fail = rescue, unrescue'
run f server rescue web --image rescue
is_rc 1 "one that does not come back either"
is_eq "$(db 'SELECT kind FROM operation')" "server rescue" "is under way"
has "$(f server list -o json 2> /dev/null | jq -r '.servers[].fault')" "method 'unrescue' fails as planned" "the list says why"
rm "$config/plugins.d/fake.conf"
run f server list
is_eq "$rc $err" "0 " "the next command brings it back"
whole "ACTIVE RUNNING img" "brought back"
f server rescue web > /dev/null
setting fake 'fail = unrescue'
run f server unrescue web
is_rc 1 "an unrescue that fails"
is_eq "$(db 'SELECT kind FROM operation')" "server unrescue" "is under way"
rm "$config/plugins.d/fake.conf"
run f server list
is_eq "$rc $err" "0 " "the next command finishes it"
whole "ACTIVE RUNNING img" "unrescued later"
setting fake 'fail = rebuild'
run f server rebuild web --image rescue
is_eq "$rc $err" "1 error PlannedFailure fake: method 'rebuild' fails as planned by setting 'fail'
error InstanceFaultRollback core: server \"web\" was not rebuilt; it is what it was, with its disks" "a rebuild that does not start"
whole "ACTIVE RUNNING img" "not rebuilt"
is_eq "$(images)" img "the other image is in use no more"
setting fake 'fail = rebuild, finish_revert_migration'
run f server rebuild web --image rescue
is_rc 1 "one that does not come back either"
rm "$config/plugins.d/fake.conf"
run f server list
is_eq "$rc $err" "0 " "is brought back by the next command"
whole "ACTIVE RUNNING img" "rebuild undone"

# ---- a disk that is gone ----

refused_gone () { has "$rc $err" "5 error DiskNotFound core: the disk \"$dir/disk\" is not there" "$1"; }
f server stop web > /dev/null
mv "$dir/disk" lost
run f server start web
refused_gone "a server that is off and lost its disk does not start"
setting fake 'fail = rebuild'
run f server rebuild web --image rescue
is_eq "$rc $err" "1 error PlannedFailure fake: method 'rebuild' fails as planned by setting 'fail'
error InstanceFaultRollback core: server \"web\" was not rebuilt; it is what it was, with its disks" "a rebuild of it that fails is taken back"
setting fake 'fail = rebuild, finish_revert_migration'
run f server rebuild web --image rescue
is_rc 1 "one that cannot be taken back at once"
rm "$config/plugins.d/fake.conf"
run f server list
is_eq "$rc $err" "0 " "is so by the next command"
clean "taken back"
is_eq "$(names) $(status web)" "disk.config,disk.local,disk.swap SHUTOFF SHUTDOWN img" "and its disk is gone, as it was"
run f server rebuild web
is_eq "$rc $err" "0 warning DisksRebuilt core: disks of server \"web\" were made anew, and what was on them is gone: root, ephemeral0, swap" "a rebuild makes it anew"
clean "made anew"
is_eq "$(names) $(status web)" "disk,disk.config,disk.local,disk.swap SHUTOFF SHUTDOWN img" "all disks are there"
run f server start web
is_eq "$rc $err" "0 " "and it starts"
f server delete web > /dev/null
new_web
setting fake 'shutdown_seconds = 90'
run f server rescue web --timeout 1
is_eq "$rc $err" '0 warning ShutdownTimeout core: the guest of server "web" did not shut down in 1 s; the plug was pulled' "a guest that does not shut down is told"
rm "$config/plugins.d/fake.conf"
f server unrescue web

# ---- commands that are killed ----

if can_kill; then
  calls=fdatasync,fsync,rename,pwrite64,link,unlink,unlinkat,mkdir
  for words in "rescue web --image rescue" "unrescue web" "rebuild web --image rescue" \
    "rebuild web --image rescue --user-data user-data --property hw_watchdog_action=reset"; do
    bad=0
    for n in $(kill_places 5); do
      case $words in
        unrescue*) [ "$(status web)" = "RESCUE RUNNING img" ] || f server rescue web --image rescue > /dev/null 2>&1 ;;
        rescue*) [ "$(status web)" = "ACTIVE RUNNING img" ] || f server unrescue web > /dev/null 2>&1 ;;
        rebuild*)
          [ "$(status web)" = "ACTIVE RUNNING img" ] || {
            f server delete web > /dev/null
            new_web
          } ;;
      esac
      # shellcheck disable=SC2086
      run_killed "$n" $calls "${cmd[@]}" server $words
      code=$rc
      run f server list
      [ "$rc$err" = 0 ] || { bad=1; diag "killed at call $n: $rc $err"; }
      is=$(status web) role=current
      case $words:$is in
        *:"ACTIVE RUNNING img")
          [ "$(guest)$(disks)$(own)" = "$before${first}[{},{}]" ] || { bad=1; diag "killed at call $n: it is not what it was"; }
          [ "$(images)" = img ] || { bad=1; diag "killed at call $n: images $(images)"; } ;;
        rebuild*:"ACTIVE RUNNING rescue")
          holds disk 5 || { bad=1; diag "killed at call $n: no new disk"; }
          [[ $words != *user-data* ]] || { told && [ "$(own)" = '[{},{"hw_watchdog_action":"reset"}]' ]; } || { bad=1; diag "killed at call $n: it has not what was given: $(own)"; }
          [ "$(images)" = rescue ] || { bad=1; diag "killed at call $n: images $(images)"; } ;;
        r*:"RESCUE RUNNING img" | unrescue*:"RESCUE RUNNING img")
          role=rescue
          [ "$(disks | grep -v rescue)" = "$first" ] || { bad=1; diag "killed at call $n: its disks were touched"; } ;;
        *) bad=1; diag "killed at call $n: $is" ;;
      esac
      [ "$(guest)$(db 'SELECT count(*) FROM operation')" = "$(document $role)0" ] || { bad=1; diag "killed at call $n: guest and record differ"; }
      [ $role = rescue ] || [ "$(find "$dir" -name '*rescue*' -o -name rebuild -o -name '*.new' | wc -l)$(db "SELECT count(*) FROM document WHERE role <> 'current'")" = 00 ] \
        || { bad=1; diag "killed at call $n: something is kept"; }
      [ "$code" -ne 0 ] || break
    done
    is_eq "$bad" 0 "$words: killed at a sample of $n calls, the server is whole"
    true_that "and it was killed" test "$n" -gt 8 -a "$n" -lt 500
  done
else
  skip "no strace here (Debian: strace)"
fi
f server delete web > /dev/null
is_eq "$(find "$state/servers" "$state/fake/guests" -mindepth 1)$(db 'SELECT count(*) FROM claim')" "0" "nothing is left"
done_testing
