#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A server is shelved and unshelved, on the fake driver: what becomes of its disks, its image, and what it
# takes of the host, what is refused, what is undone, and commands that are killed.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs qemu-io qemu-utils
needs genisoimage genisoimage
needs isoinfo genisoimage
needs sqlite3 sqlite3
needs jq jq

f () { vl --driver fake "$@"; }
db () { sqlite3 "$state/state.db" "$1"; }
cmd=("$VL_RUN" virtloom --config "$config" --state "$state" --driver fake)
setting user 'host_loopback_acknowledged = yes'
cd "$tmp" || exit 99
truncate -s 1M disk.raw volume.raw boot.raw
echo geheim-1 > password
f flavor create m0 --vcpus 2 --ram 128 --disk 1 --swap 16 > /dev/null
f flavor create m1 --vcpus 1 --ram 128 --disk 1 --ephemeral 1 --swap 16 > /dev/null
f flavor create huge --vcpus 1 --ram 40000 --disk 1 > /dev/null
f image create img --file disk.raw --disk-format raw > /dev/null
new_web () { # [FLAVOR]
  f server create web --flavor "${1:-m0}" --image img --network user --volume "path=$tmp/volume.raw,format=raw" --config-drive --password password > /dev/null || bail "no server"
  uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
  dir=$state/servers/$uuid
  qemu-io -f qcow2 -c "write -P 7 0 64k" "$dir/disk" > /dev/null
  first=$(disks)
  before=$(document)
  drive=$(sha256sum < "$dir/disk.config")
}
status () { f server show "$1" -o json | jq -r '"\(.status) \(.power_state) \(.image)"'; }
disks () { find "$dir" -maxdepth 1 -name 'disk*' -printf '%f %i\n' | sort; }
names () { find "$dir" -maxdepth 1 -type f -printf '%f\n' | sort | paste -sd ,; }
format () { case $(head -c 3 "$1") in QFI) echo qcow2 ;; *) echo raw ;; esac; }
marked () { [[ $(qemu-io -r -f "$(format "$1")" -c "read -P ${2:-7} 0 64k" "$1" 2>&1) == read\ 65536* ]]; }
guest () { sed '1,/^$/d' "$state/fake/guests/$uuid"; }
document () { db "SELECT xml FROM document WHERE server = '$uuid' AND role = 'current'"; }
images () { f image list -o json | jq -r '[.images[].name] | sort | join (",")'; }
uses () { db "SELECT group_concat (name) FROM (SELECT name FROM image JOIN server_image ON image = uuid WHERE server = '$uuid' ORDER BY name)"; }
holds () { db "SELECT group_concat (resource) FROM (SELECT DISTINCT resource FROM claim WHERE server = '$uuid' AND resource <> 'VOLUME_UUID' ORDER BY resource)"; }
image_file () { f image show web-shelved -o json | jq -r .file; }
under_way () { echo "$(db 'SELECT count(*) FROM operation')$(db "SELECT count(*) FROM document WHERE role <> 'current'")$(db "SELECT count(*) FROM claim WHERE role <> 'current'")$(find "$state/images" "$state/servers" -name '*.new' -o -name unshelve)"; }
clean () { is_eq "$(under_way)" 000 "$1: nothing is under way"; }
whole () { # STATUS WHAT: the server is what it was
  is_eq "$(status web)" "$1" "$2: the server is as it was"
  is_eq "$(guest)$(document)" "$before$before" "and so are its guest and its document"
  is_eq "$(disks)" "$first" "and its disks, which are the very files"
  is_eq "$(images) $(uses)" "img img" "no image is left"
  clean "$2"
}
shelved () { # WHAT: the server is shelved, with all that it had
  is_eq "$(status web)" "SHELVED_OFFLOADED SHUTDOWN img" "$1: it is shelved"
  is_eq "$(names)" "disk.config" "of its disks only the config drive is there"
  is_eq "$(sha256sum < "$dir/disk.config")" "$drive" "as it was"
  is_eq "$(uses | grep -o 'web-shelved$')" web-shelved "the image is on record as used"
  true_that "and has what was on the disk" marked "$(image_file)"
  is_eq "$(holds)" "MAC,VOLUME" "of the host it holds address and volume"
  clean "$1"
}
unshelved () { # WHAT
  is_eq "$(status web)" "ACTIVE RUNNING img" "$1: it runs"
  is_eq "$(names)" "disk,disk.config,disk.swap" "it has the disks that it had"
  is_eq "$(sha256sum < "$dir/disk.config")" "$drive" "its config drive is the one that it had"
  true_that "its root disk has what was on it" marked "$dir/disk"
  is_eq "$(qemu-img info --output=json "$dir/disk" | jq -r '."backing-filename" // "alone"')" alone "and stands alone"
  is_eq "$(images) $(uses)" "img " "its image is gone"
  is_eq "$(holds)" "DISK_GB:state,MAC,MEMORY_MB,VCPU,VOLUME" "it holds of the host what it held"
  is_eq "$(guest)" "$(document)" "its guest is the one on record"
  is_eq "$(f server diff web)" "" "which is the one that is planned"
  clean "$1"
}
refused () { # WHAT CODE TEXT WORD...
  run f server "${@:4}"
  is_eq "$rc $err" "$2 $3" "$1 is refused"
}
new_web

# ---- refused ----

f server suspend web > /dev/null
refused "a shelve of a server whose memory would be lost" 3 'error InstanceInvalidState core: server "web" is SUSPENDED; shelve is for servers that are ACTIVE, SHUTOFF, PAUSED
  virtloom server resume web' shelve web
f server resume web > /dev/null
f server lock web > /dev/null
for verb in shelve unshelve; do
  refused "$verb of a server that is locked" 3 'error InstanceIsLocked core: server "web" is locked
  virtloom server unlock web' $verb web
done
f server unlock web > /dev/null
refused "unshelve of a server that is not shelved" 3 'error InstanceInvalidState core: server "web" is ACTIVE; unshelve is for servers that are SHELVED_OFFLOADED' unshelve web
f image create web-shelved --file disk.raw --disk-format raw > /dev/null
refused "a shelve where the image's name is taken" 3 'error ImageExists core: there is already an image "web-shelved"
  take another name, or delete it first: virtloom image delete web-shelved' shelve web
f server delete web > /dev/null
is_eq "$(images)" "img,web-shelved" "an image of that name that is its user's stays when the server goes"
f image delete web-shelved
new_web
long=$(printf 'x%.0s' {1..248})
f server set web --name "$long" > /dev/null
refused "a shelve where the image's name would be too long" 3 "error InvalidName core: server \"$long\" is not shelved: its image would be called \"$long-shelved\", which is too long; accepted: 1 to 255 bytes
  give the server a shorter name: virtloom server set --name NAME $long" shelve "$long"
f server set "$long" --name web > /dev/null
cp "$dir/disk" kept
qemu-img resize -q -f qcow2 "$dir/disk" 100T
boots=$(f server log web)
run f server shelve web
is_eq "$rc $(sed 's/[0-9]* are free/N are free/' <<< "$err")" "1 error DiskFull core: \"$dir/disk\" may become 109951162777600 bytes large, and N are free there
  make room in the file system at \"$(stat -c %m "$dir")\", then try again" "a shelve where the image has no room is refused"
is_eq "$(f server log web)" "$boots" "and its guest was not switched off for that"
cat kept > "$dir/disk"
whole "ACTIVE RUNNING img" "refused"
# A guest has open still what somebody has removed: it is not switched off for what cannot be done then.
for words in 'rebuild web' 'rescue web' 'resize web --flavor m1' 'shelve web'; do
  for file in disk disk.config; do
    [ "$words $file" != 'rescue web disk.config' ] || continue
    mv "$dir/$file" away
    run f server $words
    if [ "$words $file" = 'shelve web disk' ]; then
      is_eq "$rc $err" "5 error DiskNotFound core: image file \"$dir/disk\" cannot be read: No such file or directory" "$words without $file is refused"
    else
      is_eq "$rc $err" "5 error DiskNotFound core: the disk \"$dir/$file\" is not there
  put it back under that name; 'virtloom state check' shows what else is not there" "$words without $file is refused"
    fi
    is_eq "$(f server log web) $(f server list -o value -c status)" "$boots ACTIVE" "and its guest goes on"
    mv away "$dir/$file"
  done
  [ "${words%% *}" != rescue ] && [ "${words%% *}" != shelve ] || continue
  mv volume.raw away
  run f server $words
  is_eq "$rc $err" "5 error DiskNotFound core: volume \"$tmp/volume.raw\" cannot be read: No such file or directory" "$words without its volume is refused"
  is_eq "$(f server log web) $(f server list -o value -c status)" "$boots ACTIVE" "and its guest goes on"
  mv away volume.raw
done
whole "ACTIVE RUNNING img" "refused"
setting vtpm 'swtpm_enabled = yes'
f flavor create tpm --vcpus 1 --ram 128 --disk 1 --property hw:tpm_version=2.0 --property hw:tpm_model=tpm-crb > /dev/null
f server create safe --flavor tpm --image img > /dev/null || bail "no server with a TPM"
refused "shelve of one with a TPM" 3 "error OperationNotSupportedForVTPM vtpm: a guest with a TPM is not shelved: what its TPM keeps is sealed to its own disk (hw:tpm_version=2.0 (flavor))" shelve safe
f server delete safe > /dev/null
rm "$config/plugins.d/vtpm.conf"
whole "ACTIVE RUNNING img" "refused"

# ---- shelved, and back ----

run f server shelve web
is_eq "$rc $out$err" "0 " "shelve"
shelved "shelved"
run f image delete web-shelved
is_eq "$rc $err" '3 error ImageInUse core: image "web-shelved" is used by 1 server: "web"
  virtloom server unshelve web takes it out' "its image is not deleted"
f server create beside --flavor m1 --image web-shelved > "$tmp/.out" 2>&1
run f image delete web-shelved
is_eq "$rc $err" '3 error ImageInUse core: image "web-shelved" is used by 2 servers: "beside", "web"
  delete the servers that are not shelved; then virtloom server unshelve web takes it out' "of which another server was made"
f server delete beside
run f image delete img
is_eq "$rc $err" '3 error ImageInUse core: image "img" is used by 1 server: "web"
  delete those servers first' "nor the one that it was made of"
main_setting storage 'remove_unused_original_minimum_age_seconds = 0'
run f image cache manage
is_eq "$rc $(uses)" "0 img,web-shelved" "nor does it leave the cache"
rm "$config/virtloom.conf"
run f state check
is_eq "$rc $err" "0 " "nothing is missing"
for words in 'start web' 'stop web' 'reboot --hard web' 'set web --name other' 'rebuild web' 'rescue web' 'resize web --flavor m1' 'shelve web' 'image create web --name copy' "add volume web path=$tmp/boot.raw,format=raw"; do
  # shellcheck disable=SC2086
  run f server $words
  is_rc 3 "no '$words' of a server that is shelved"
  has "$err" "error InstanceInvalidState core: server \"web\" is SHELVED_OFFLOADED; " "by its status"
  has "$err" "virtloom server unshelve web, or delete it" "with the ways out"
done
run f host resume
is_eq "$rc $(status web)" "0 SHELVED_OFFLOADED SHUTDOWN img" "a boot of the host does not start it"
run f server create thief --flavor m0 --image img --volume "path=$tmp/volume.raw,format=raw"
is_rc 4 "nobody else gets its volume"
has "$err" "is in use by server \"web\"" "which is said"
run f server unshelve web
is_eq "$rc $out$err" "0 " "unshelve"
unshelved "unshelved"
is_eq "$(f server event list web -o value -c action,result | head -n 2 | paste -sd ,)" "unshelve	done,shelve	done" "both are in its history"
run f server shelve web
is_eq "$rc $err" "0 " "it is shelved once more"
shelved "shelved again"
run f server unshelve web
is_eq "$rc $err" "0 " "and unshelved"
unshelved "unshelved again"
first=$(disks) before=$(document)

f server pause web > /dev/null
run f server shelve web
is_eq "$rc $err" "0 " "one that is paused is shelved"
shelved "that was paused"
f server unshelve web > /dev/null
f server stop web > /dev/null
run f server shelve web
is_eq "$rc $err" "0 " "one that is off is shelved"
shelved "that was off"
run f server create second --flavor m0 --image web-shelved
is_eq "$rc" 0 "another server is made of its image"
run f server unshelve web
is_eq "$rc $(images) $(uses)" "0 img,web-shelved " "which stays then"
f server delete second > /dev/null
run f image delete web-shelved
is_eq "$rc $err" "0 " "until the other is gone"
unshelved "beside the other"
run f server shelve web
run f server delete web
is_eq "$rc $err" "0 " "one that is shelved is deleted"
is_eq "$(images)$(find "$state/servers" "$state/fake/guests" -mindepth 1)$(db 'SELECT count(*) FROM server_image')$(db 'SELECT count(*) FROM claim')" img00 "with its image: nothing is left"

# ---- what would be lost ----

new_web m1
refused "a shelve that would lose a disk" 3 'error GuardedLoss core: disks of server "web" would be in no image, and what is on them would be gone: ephemeral0
  copy what is on them; if they shall go: --accept-loss ephemeral0' shelve web
refused "one that accepts another loss" 3 'error GuardedLoss core: disks of server "web" would be in no image, and what is on them would be gone: ephemeral0
  copy what is on them; if they shall go: --accept-loss ephemeral0' shelve web --accept-loss swap
refused "one that accepts what there is not" 3 'error Invalid core: --accept-loss '"'ephemeral'"' is nothing that server "web" has; accepted: the id of a disk, as show has them
  did you mean '"'ephemeral0'?"'' shelve web --accept-loss ephemeral
whole "ACTIVE RUNNING img" "nothing was lost"
run f server shelve web --accept-loss ephemeral0
is_eq "$rc $err" '0 warning DisksDropped core: disks of server "web" are in no image, and what was on them is gone: ephemeral0' "where that is accepted it is told"
shelved "without its second disk"
f server unshelve web
is_eq "$(names)" "disk,disk.config,disk.local,disk.swap" "and it gets a new one"
f server delete web > /dev/null
new_web

# ---- from a volume ----

f flavor create v0 --vcpus 1 --ram 128 --disk 0 > /dev/null
f server create vol --flavor v0 --volume "path=$tmp/boot.raw,format=raw,boot_index=0" > /dev/null || bail "no server from a volume"
run f server shelve vol
is_eq "$rc $err $(images) $(f server show vol -o value -c status)" "0  img SHELVED_OFFLOADED" "one that boots from a volume has no image"
run f server unshelve vol
is_eq "$rc $err $(status vol) $(stat -c %s boot.raw)" "0  ACTIVE RUNNING null 1048576" "and comes back with its volume"
f server delete vol > /dev/null

# ---- no room ----

f server create first --flavor huge --image img > /dev/null || bail "no large server"
run f server shelve first
is_rc 0 "a large server is shelved"
run f server create other --flavor huge --image img
is_rc 0 "so that another one has room"
run f server unshelve first
is_rc 4 "there is none for it any more"
has "$err" "error ComputeResourcesUnavailable" "which is said"
is_eq "$(status first) $(images)" "SHELVED_OFFLOADED SHUTDOWN img first-shelved,img" "it stays shelved"
f server delete other > /dev/null
run f server unshelve first
is_eq "$rc $err $(images)" "0  img" "until there is room"
f server delete first > /dev/null

# ---- its folder is gone ----

f server create bare --flavor m0 --image img > /dev/null
folder=$state/servers/$(db "SELECT uuid FROM server WHERE name = 'bare'")
f server shelve bare > /dev/null
mv "$folder" away
run f server unshelve bare
is_eq "$rc $err" "1 error StorageFailed core: cannot make \"$folder/unshelve\": No such file or directory
error InstanceFaultRollback core: server \"bare\" was not unshelved; it is what it was" "without its folder a server is not unshelved"
clean "without its folder"
mv away "$folder"
run f server unshelve bare
is_eq "$rc $err" "0 " "with it, it is"
f server delete bare > /dev/null

# ---- what fails ----

setting fake 'fail = power_off'
run f server shelve web
is_rc 1 "a shelve whose guest does not go off"
rm "$config/plugins.d/fake.conf"
whole "ACTIVE RUNNING img" "not shelved"
mv "$dir/disk" "$dir/away"
run f server shelve web
is_rc 5 "one whose disk is not there"
mv "$dir/away" "$dir/disk"
whole "ACTIVE RUNNING img" "refused for its disk"
setting fake 'shutdown_seconds = 90'
run f server shelve web --timeout 1
is_eq "$rc $err" '0 warning ShutdownTimeout core: the guest of server "web" did not shut down in 1 s; the plug was pulled' "a guest that does not shut down is told"
setting fake 'fail = finish_migration'
run f server unshelve web
is_eq "$rc $err" "1 error PlannedFailure fake: method 'finish_migration' fails as planned by setting 'fail'
error InstanceFaultRollback core: server \"web\" was not unshelved; it is what it was" "an unshelve that does not start"
shelved "not unshelved"
rm "$config/plugins.d/fake.conf"
db "UPDATE image SET status = 'queued' WHERE name = 'web-shelved'"
refused "an unshelve whose image is not there" 1 "error ImageNotFound core: image \"web-shelved\", which is the root disk of server \"web\", is not on record
  $(f server unshelve web 2>&1 | sed -n 's/^  //p')" unshelve web
db "UPDATE image SET status = 'active' WHERE name = 'web-shelved'"
shelved "refused for its image"
# The only copy of the disk has other bytes than those that were written.
file=$(image_file) sum=$(db "SELECT checksum FROM image WHERE name = 'web-shelved'") kept=$(sha256sum < "$(image_file)")
cp -p "$file" kept
printf 'x' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 100)) conv=notrunc 2> /dev/null
refused "an unshelve whose image is damaged" 1 "error ImageDamaged core: \"$file\" is not what is on record: its checksum is sha256:$(sha256sum "$file" | cut -d ' ' -f 1) instead of $sum
  see dmesg; put the file back from a backup, or make an image of what is left: virtloom image create NAME --disk-format qcow2 --file $file" unshelve web
run f image create left --disk-format qcow2 --file "$file"
is_eq "$rc $err" "0 " "what is left of it becomes another image, as the hint says"
f image delete left > /dev/null
cat kept > "$file"
is_eq "$(sha256sum < "$file")" "$kept" "its bytes are put back"
shelved "refused for what its image was"
run f server unshelve web
is_eq "$rc $err" "0 " "with which it is unshelved"
unshelved "after all"
f server delete web > /dev/null
new_web

# ---- commands that are killed ----

if can_kill; then
  calls=fdatasync,fsync,rename,pwrite64,link,unlink,unlinkat,mkdir
  for verb in shelve unshelve; do
    bad=0 on=0 off=0
    for n in $(kill_places 3); do
      if [ "$verb $(status web)" = "unshelve ACTIVE RUNNING img" ]; then
        f server shelve web > /dev/null 2>&1
      elif [ "$verb $(status web)" = "shelve SHELVED_OFFLOADED SHUTDOWN img" ]; then
        f server delete web > /dev/null
        new_web
      fi
      run_killed "$n" "$calls" "${cmd[@]}" server "$verb" web
      code=$rc
      run f server list
      [ "$rc$err" = 0 ] || { bad=1; diag "killed at call $n: $rc $err"; }
      is=$(status web)
      case $is in
        "ACTIVE RUNNING img")
          on=$((on + 1))
          [ "$(names) $(images)" = "disk,disk.config,disk.swap img" ] || { bad=1; diag "killed at call $n: $(names) $(images)"; }
          [ $verb = unshelve ] || [ "$(disks)$(uses)" = "${first}img" ] || { bad=1; diag "killed at call $n: it is not what it was"; }
          marked "$dir/disk" || { bad=1; diag "killed at call $n: what was on its disk is gone"; }
          [ "$(guest)" = "$(document)" ] || { bad=1; diag "killed at call $n: guest and record differ"; } ;;
        "SHELVED_OFFLOADED SHUTDOWN img")
          off=$((off + 1))
          [ "$(names) $(images) $(holds)" = "disk.config img,web-shelved MAC,VOLUME" ] || { bad=1; diag "killed at call $n: $(names) $(images) $(holds)"; }
          [[ $(uses) == *web-shelved ]] || { bad=1; diag "killed at call $n: images $(uses)"; }
          marked "$(image_file)" || { bad=1; diag "killed at call $n: what was on its disk is gone"; } ;;
        *) bad=1; diag "killed at call $n: $is" ;;
      esac
      [ "$(sha256sum < "$dir/disk.config")" = "$drive" ] || { bad=1; diag "killed at call $n: its config drive is another one"; }
      [ "$(under_way)" = 000 ] || { bad=1; diag "killed at call $n: $(under_way)"; }
      [ "$code" -ne 0 ] || break
    done
    is_eq "$bad" 0 "$verb: killed at places up to $n, the server is whole"
    true_that "and it was killed ($on, $off)" test "$n" -gt 8 -a "$code" -eq 0 -a $on -gt 1 -a $off -gt 1
  done
else
  skip "no strace here (Debian: strace)"
fi
f server delete web > /dev/null
is_eq "$(images)$(find "$state/servers" "$state/fake/guests" -mindepth 1)$(db 'SELECT count(*) FROM claim')" "img0" "nothing is left"
done_testing
