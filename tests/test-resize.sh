#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Another flavor for a server, on the fake driver: what becomes of its disks, document and claims,
# what is refused, what is undone, and commands that are killed.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3
needs jq jq

f () { vl --driver fake "$@"; }
cmd=("$VL_RUN" virtloom --config "$config" --state "$state" --driver fake)
setting fake 'host = amd-sev'
setting sev 'num_memory_encrypted_guests = 1'
cd "$tmp" || exit 99
truncate -s 1M disk.raw volume.raw
f flavor create small --vcpus 1 --ram 128 --disk 1 --ephemeral 1 --swap 16 > /dev/null
f flavor create large --vcpus 2 --ram 256 --disk 3 --ephemeral 2 > /dev/null
f flavor create swap --vcpus 1 --ram 128 --disk 1 --ephemeral 1 --swap 32 > /dev/null
f flavor create narrow --vcpus 1 --ram 128 --disk 0 --ephemeral 1 > /dev/null
f flavor create bare --vcpus 1 --ram 128 --disk 1 > /dev/null
f flavor create sev --vcpus 1 --ram 128 --disk 1 --property hw:mem_encryption=true > /dev/null
f image create img --file disk.raw --disk-format raw > /dev/null
f image create uefi --file disk.raw --disk-format raw --property hw_firmware_type=uefi --property hw_machine_type=q35 > /dev/null
f server create web --flavor small --image img --config-drive > /dev/null || bail "no server"
uuid=$(db 'SELECT uuid FROM server')
dir=$state/servers/$uuid

status () { f server show "$1" -o json | jq -r '"\(.status) \(.power_state) \(.flavor)"'; }
# "disk 1G 1234" of each disk: name, size and inode; what only a copy changes is not among it.
disks () {
  local file
  for file in "$dir"/disk*; do
    echo "${file##*/} $(qemu-img info -U --output json "$file" | jq '."virtual-size" / 1048576') $(stat -c %i "$file")"
  done
}
names () { disks | cut -d ' ' -f 1,2 | paste -sd ,; }
mark () { qemu-io -f qcow2 -c "write -P $2 0 64k" "$dir/$1" > /dev/null; }
marked () { [[ $(qemu-io -r -f qcow2 -c "read -P $2 0 64k" "$dir/$1" 2>&1) == read\ 65536* ]]; }
guest () { sed '1,/^$/d' "$state/fake/guests/$uuid"; }
document () { db "SELECT xml FROM document WHERE server = '$uuid' AND role = '${1:-current}'"; }
claims () { db "SELECT group_concat (resource || ' ' || amount, ', ') FROM (SELECT * FROM claim WHERE server = '$uuid' AND role = '$1' ORDER BY resource)"; }
whole () { # STATUS WHAT: nothing is left of a resize
  is_eq "$(status web)" "$1" "$2: the server is as it was"
  is_eq "$(guest)" "$(document)" "and so is its guest"
  is_eq "$(db 'SELECT count(*) FROM operation')$(db "SELECT count(*) FROM document WHERE role <> 'current'")$(db "SELECT count(*) FROM claim WHERE role <> 'current'")$(db 'SELECT count(*) FROM resize')" 0000 "and nothing is under way"
  true_that "and nothing is kept" test ! -e "$dir/resize"
}
mark disk 7
mark disk.local 8
first=$(disks)
before=$(document)
request=$(db 'SELECT request FROM server')

# ---- refused ----

refused () { # WHAT CODE TEXT WORD...
  run f server resize "${@:4}"
  is_eq "$rc $err" "$2 $3" "$1 is refused"
}
refused "no flavor" 2 "error Usage core: 'server resize' needs --flavor NAME
  virtloom flavor list; a resize that is done is ended by 'server resize confirm' or 'server resize revert'" web
refused "a flavor that is none" 5 'error FlavorNotFound core: there is no flavor "tiny"
  virtloom flavor list' web --flavor tiny
refused "the same flavor" 3 'error CannotResizeToSameFlavor core: server "web" has flavor "small" already
  take another one: virtloom flavor list' web --flavor small
refused "a smaller root disk" 3 'error ResizeError core: server "web" has 1 GiB of root disk, flavor "narrow" 0; disks are not made smaller
  take a flavor that has at least 1 GiB of it' web --flavor narrow
refused "a smaller ephemeral disk" 3 'error ResizeError core: server "web" has 1 GiB of ephemeral disk, flavor "bare" 0; disks are not made smaller
  take a flavor that has at least 1 GiB of it' web --flavor bare
f server lock web > /dev/null
for words in 'web --flavor large' 'confirm web' 'revert web'; do
  # shellcheck disable=SC2086
  refused "$words of a server that is locked" 3 'error InstanceIsLocked core: server "web" is locked
  virtloom server unlock web' $words
done
f server unlock web > /dev/null
db "UPDATE device SET source = '/srv/disk' WHERE id = 'root'"
refused "a disk that lies elsewhere" 4 'error MigrationPreCheckError core: disk '"'root'"' of server "web" is "/srv/disk", which storage plugin "qcow2" could not give back as it was; such disks are not resized' web --flavor large
db "UPDATE device SET source = '$dir/disk' WHERE id = 'root'"
whole "ACTIVE RUNNING small" "refused"
is_eq "$(disks)" "$first" "no disk was touched"
is_eq "$(grep -c power_off "$state/fake/calls.log")" 0 "nor was the guest switched off"

# ---- and back ----

for state_of in "ACTIVE RUNNING" "SHUTOFF SHUTDOWN"; do
  [ "$state_of" = "ACTIVE RUNNING" ] || f server stop web > /dev/null
  power=${state_of#* }
  run f server resize web --flavor large
  is_eq "$rc $out$err" "0 " "resize of a server that is ${state_of% *}"
  is_eq "$(status web)" "VERIFY_RESIZE $power large" "it waits to be confirmed"
  is_eq "$(names)" "disk 3072,disk.config 0.470703125,disk.local 2048" "its disks are grown, and swap is gone"
  true_that "its root disk has its bytes" marked disk 7
  true_that "and so has the ephemeral one" marked disk.local 8
  is_eq "$(guest)" "$(document)" "its guest is the one on record"
  has "$(guest)" "<vcpu>2</vcpu>" "with two CPUs"
  is_eq "$(claims current)" "DISK_GB:state 5, MEMORY_MB 256, VCPU 2" "it claims what it has"
  is_eq "$(claims pending)" "DISK_GB:state 3, MEMORY_MB 128, VCPU 1" "and what it had"
  is_eq "$(document pending)" "$before" "its document is kept"
  run f server diff web
  is_eq "$rc $out$err" "0 " "a plan of today is no other"
  # What the guest does now is not the old guest's.
  mark disk 9
  run f server resize revert web
  is_eq "$rc $out$err" "0 " "revert"
  whole "$state_of small" "reverted"
  is_eq "$(disks)" "$first" "its disks are the very files that they were"
  true_that "with their bytes" marked disk 7
  is_eq "$(document)" "$before" "its document is what it was"
  is_eq "$(db 'SELECT request FROM server')" "$request" "and what was asked for"
done
is_eq "$(f server event list web -o value -c action,result | head -2 | paste -sd ,)" "resize revert	done,resize	done" "the history tells of it"
run f server resize revert web
is_eq "$rc $err" '3 error InstanceInvalidState core: server "web" is SHUTOFF; resize revert is for servers that are VERIFY_RESIZE
  virtloom server start web' "no second time"
f server start web > /dev/null

# ---- confirmed ----

f server resize web --flavor swap > /dev/null
is_eq "$(names)" "disk 1024,disk.config 0.470703125,disk.local 1024,disk.swap 32" "swap is made anew, what is as large as it was is not touched"
true_that "nor are its bytes" marked disk 7
run f server resize confirm web
is_eq "$rc $out$err" "0 " "confirm"
whole "ACTIVE RUNNING swap" "confirmed"
is_eq "$(claims current)" "DISK_GB:state 3, MEMORY_MB 128, VCPU 1" "it claims what it has"
f server resize web --flavor small > /dev/null
f server stop web > /dev/null 2>&1
is_eq "$(status web)" "VERIFY_RESIZE RUNNING small" "nothing else is done to it"
run f server set web --name other
is_eq "$rc $err" '3 error InstanceInvalidState core: server "web" is VERIFY_RESIZE; set is for servers that are not BUILD, VERIFY_RESIZE, RESCUE, SHELVED_OFFLOADED, MIGRATING, DELETING
  virtloom server resize confirm web, or revert it' "nor is it renamed"
f server resize confirm web
# A copy of STATE has what is kept, too.
f server resize web --flavor large > /dev/null
run f state backup
is_rc 0 "a copy of the records"
run f state restore
is_rc 0 "is put back"
run f server resize revert web
is_eq "$rc $(status web)" "0 ACTIVE RUNNING small" "and the server can go back"
whole "ACTIVE RUNNING small" "restored"

# ---- a volume for its root disk, and what guards a guest ----

f server create vol --flavor bare --volume "path=$tmp/volume.raw,format=raw,boot_index=0" > /dev/null
f flavor create none --vcpus 2 --ram 128 --disk 0 > /dev/null
run f server resize vol --flavor none
is_eq "$rc $err" "0 " "a server that boots from a volume may get a flavor without a disk"
is_eq "$(status vol) $(stat -c %s volume.raw)" "VERIFY_RESIZE RUNNING none 1048576" "its volume is not touched"
run f server resize revert vol
is_eq "$rc $(status vol)" "0 ACTIVE RUNNING bare" "and reverted"
f server delete vol
f server create safe --flavor sev --image uefi > /dev/null
run f server resize safe --flavor bare
is_rc 3 "encryption does not go by itself"
has "$err" "error GuardedLoss sev: '/domain/launchSecurity' guards server \"safe\" and would go
  take a flavor that has it, too: virtloom flavor show sev; if it shall go: --accept-loss /domain/launchSecurity" "in words, with what helps"
run f server resize safe --flavor bare --accept-loss /domain/launchSecurity --accept-loss /domain/memoryBacking
is_rc 0 "with consent it does"
run f server create other --flavor sev --image uefi
has "$err" "ComputeResourcesUnavailable" "its slot is its own until that is confirmed"
f server resize confirm safe
run f server create other --flavor sev --image uefi
is_rc 0 "then it is free"
f server delete safe other

# ---- what fails ----

first=$(disks)
before=$(document)
setting fake 'host = amd-sev' 'fail = finish_migration'
run f server resize web --flavor large
is_eq "$rc $err" "1 error PlannedFailure fake: method 'finish_migration' fails as planned by setting 'fail'
error InstanceFaultRollback core: server \"web\" did not get flavor \"large\"; it is what it was, with its disks" "a guest that does not start"
whole "ACTIVE RUNNING small" "failed"
is_eq "$(disks)$(document)" "$first$before" "with its disks and its document"
setting fake 'host = amd-sev' 'fail = finish_migration, finish_revert_migration'
run f server resize web --flavor large
is_rc 1 "one that does not come back either"
is_eq "$(db 'SELECT kind FROM operation')" "server resize" "is under way"
is_eq "$(db 'SELECT fault FROM server')" "PlannedFailure: method 'finish_migration' fails as planned by setting 'fail'; PlannedFailure: method 'finish_revert_migration' fails as planned by setting 'fail'" "the list says why"
setting fake 'host = amd-sev'
run f server list -o json
is_eq "$rc $err $(jq -r '.servers[].fault' <<< "$out")" "0  null" "the next command brings it back"
whole "ACTIVE RUNNING small" "brought back"
is_eq "$(disks)" "$first" "with its disks"
f server resize web --flavor large
setting fake 'host = amd-sev' 'fail = finish_revert_migration'
run f server resize revert web
is_rc 1 "a revert that fails"
is_eq "$(db 'SELECT kind FROM operation')" "server resize revert" "is under way"
setting fake 'host = amd-sev'
run f server list
is_eq "$rc $err" "0 " "the next command finishes it"
whole "ACTIVE RUNNING small" "reverted later"
is_eq "$(disks)" "$first" "with its disks"
setting fake 'host = amd-sev' 'shutdown_seconds = 90'
run f server resize web --flavor large --timeout 1
is_eq "$rc $err" '0 warning ShutdownTimeout core: the guest of server "web" did not shut down in 1 s; the plug was pulled' "a guest that does not shut down is told"
setting fake 'host = amd-sev'
f server resize revert web

# ---- what a guest was told ----

echo secret > password
f server create told --flavor small --image img --password password --file /etc/motd=password > /dev/null
told=$state/servers/$(db "SELECT uuid FROM server WHERE name = 'told'")/disk.config
drive=$(sha256sum < "$told")
f server resize told --flavor large
is_eq "$(status told) $(sha256sum < "$told")" "VERIFY_RESIZE RUNNING large $drive" "password and files are on the config drive still"
f server resize confirm told
is_eq "$(sha256sum < "$told")" "$drive" "and stay there"
f server delete told

# ---- commands that are killed ----

if can_kill; then
  calls=fdatasync,fsync,rename,pwrite64,link,unlink,unlinkat,mkdir
  for words in "web --flavor large" "confirm web" "revert web"; do
    bad=0
    for n in $(kill_places 5); do
      case $words in
        web*) ;;
        *) [ "$(status web)" = "VERIFY_RESIZE RUNNING large" ] || f server resize web --flavor large > /dev/null 2>&1 ;;
      esac
      # shellcheck disable=SC2086
      run_killed "$n" $calls "${cmd[@]}" server resize $words
      code=$rc
      run f server list
      [ "$rc$err" = 0 ] || { bad=1; diag "killed at call $n: $rc $err"; }
      is=$(status web)
      case $words:$is in
        "web "*:"ACTIVE RUNNING small" | revert*:"ACTIVE RUNNING small")
          [ "$(disks)" = "$first" ] || { bad=1; diag "killed at call $n: other disks"; } ;;
        *:"VERIFY_RESIZE RUNNING large") ;;
        confirm*:"ACTIVE RUNNING large") ;;
        *) bad=1; diag "killed at call $n: $is" ;;
      esac
      case $is in
        ACTIVE*) [ ! -e "$dir/resize" ] && [ "$(db "SELECT count(*) FROM document WHERE role <> 'current'")" = 0 ] || { bad=1; diag "killed at call $n: something is kept"; } ;;
      esac
      marked disk 7 || { bad=1; diag "killed at call $n: the bytes are gone"; }
      [ "$(guest)$(db 'SELECT count(*) FROM operation')" = "$(document)0" ] || { bad=1; diag "killed at call $n: guest and record differ"; }
      [ "$code" -ne 0 ] || break
      # Once more, from where it began.
      case $words:$is in
        "web "*:VERIFY*) f server resize revert web > /dev/null 2>&1 ;;
        confirm*:ACTIVE*)
          f server delete web > /dev/null 2>&1
          f server create web --flavor small --image img --config-drive > /dev/null 2>&1
          uuid=$(db 'SELECT uuid FROM server') dir=$state/servers/$(db 'SELECT uuid FROM server')
          mark disk 7
          first=$(disks) ;;
      esac
    done
    is_eq "$bad" 0 "$words: killed at a sample of $n calls, the server is whole"
    true_that "and it was killed" test "$n" -gt 8 -a "$n" -lt 400
    case $words in
      "web "*) [ "$(status web)" != "VERIFY_RESIZE RUNNING large" ] || f server resize revert web > /dev/null ;;
      confirm*)
        f server delete web > /dev/null 2>&1
        f server create web --flavor small --image img --config-drive > /dev/null 2>&1
        uuid=$(db 'SELECT uuid FROM server') dir=$state/servers/$(db 'SELECT uuid FROM server')
        mark disk 7
        first=$(disks) ;;
    esac
  done
else
  skip "no strace here (Debian: strace)"
fi

f server resize web --flavor large > /dev/null 2>&1
run f server delete web
is_eq "$rc $err" "0 " "a server that waits to be confirmed is deleted"
is_eq "$(find "$state/servers" "$state/fake/guests" -mindepth 1)$(db 'SELECT count(*) FROM claim')$(db 'SELECT count(*) FROM resize')" "00" "nothing is left"
done_testing
