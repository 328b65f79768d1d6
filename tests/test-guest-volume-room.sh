#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A merge of a volume's snapshot for which there is no room: it is refused, and nothing of what the guest
# wrote before, meanwhile and afterwards is lost; with room it is done.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
needs jq jq
[ "$(id -u)" = 0 ] || skip_all "a file system of its own needs root"
mkdir "$tmp/small"
mount -t tmpfs -o size=3m,mode=711 none "$tmp/small" 2> /dev/null || skip_all "nothing can be mounted here"
drop_small () { while umount -l "$tmp/small" 2> /dev/null; do :; done; }
CLEANUPS="$CLEANUPS drop_small"
guest_image
cd "$tmp" || exit 99

# The guest writes what it is told, "N WORD": all six MiB of its volume anew from the N-th on, and says the
# checksums of all.
script work << 'END'
told () { echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/vdd bs=512 count=1 2> /dev/null | tr -d '\0'; }
last=$(told)
sums () {
  for i in 0 1 2 3 4 5; do dd if=/dev/vdc bs=64k skip=$((i * 16)) count=16 2> /dev/null | md5sum | cut -c 1-8; done | tr '\n' ' '
}
echo "guest: begins $(sums)."
while :; do
  now=$(told)
  if [ "$now" != "$last" ]; then
    last=$now
    set -- $now
    dd if=/dev/urandom of=/dev/vdc bs=64k seek=$(($1 * 16)) count=$(((6 - $1) * 16)) conv=notrunc,fsync 2> /dev/null
    sync; echo 3 > /proc/sys/vm/drop_caches
    echo "guest: $2 $(sums)."
  fi; sleep 1
done
END
truncate -s 8M data.raw
truncate -s 64K told.raw
# The line is whole.
all_told () { sums=$(tells live "$1"); [ "${sums%.}" != "$sums" ]; }
tell () {
  printf '%-20s' "$1 $2" | dd of=told.raw conv=notrunc,fsync 2> /dev/null
  was=${sums:-}
  true_that "the guest writes: $2" wait_for 600 all_told "$2"
  sums=${sums%.}
}
sums_of () {
  qemu-img convert -U -O raw "$1" all.raw
  for i in 0 1 2 3 4 5; do dd if=all.raw bs=1M skip=$i count=1 2> /dev/null | md5sum | cut -c 1-8; done | tr '\n' ' '
}
on_record () { t server show live -o json | jq -r '.disks[] | select (.target == "vdc") | [.source] + .below | join (" ")' | sed "s|$tmp/||g"; }
whole () {
  is_eq "$(on_record)" "$2" "$1: the files on record"
  run t server diff live
  is_eq "$rc $out$(steady "$err")" "0 " "$1: a plan of today would change nothing"
  tell 5 "$3"
  is_eq "${sums% * }" "${was% * }" "$1: the guest has what it had"
  is_eq "$(sums_of "${2%% *}")" "$sums" "$1: nothing is lost"
}
# What QEMU has in memory alone would be gone.
dies () {
  kill -KILL "$(guest_pids)"
  true_that "$1: QEMU is gone" wait_for 300 eval '[ -z "$(guest_pids)" ]'
  must t server reboot --hard live
  true_that "$1: it starts with all that it wrote" says live "guest: begins $sums"
}
room () { mount -o "remount,size=$1" "$tmp/small" || bail "no remount"; }

must t flavor create f --vcpus 1 --ram 192 --disk 0
must t image create guest --file "$image" --disk-format qcow2
run t server create live --flavor f --image guest --volume "$(volume work)" --volume "path=$tmp/data.raw,format=raw" --volume "path=$tmp/told.raw,format=raw"
made "a guest"
true_that "it begins" says live "guest: begins"
tell 0 first

# ---- while it runs ----

must t server snapshot volume live vdc "$tmp/small/low"
must t server snapshot volume live vdc "$tmp/mid"
tell 0 second
run t server unsnapshot volume live vdc
is_eq "$rc $(sed "s/guest '[^']*'/guest NAME/" <<< "$(steady "$err")")" "1 error VolumeRebaseFailed qemu-tcg: cannot copy disk 'vdc' of guest NAME to \"$tmp/small/low\": the hypervisor gave it up; is there room for it?" "what it writes to does not fit below"
whole "no room below" "mid small/low data.raw" third
must t server snapshot volume live vdc "$tmp/top"
tell 5 fourth
run t server unsnapshot volume live vdc --overlay "$tmp/mid"
is_eq "$rc $(sed "s/guest '[^']*'/guest NAME/" <<< "$(steady "$err")" | head -n 1)" "1 error VolumeRebaseFailed qemu-tcg: cannot merge \"$tmp/mid\" of disk 'vdc' of guest NAME: the hypervisor gave it up; is there room for it?" "nor does one that another lies over"
run t server list
is_eq "$rc $(grep '^error ' <<< "$err")" "0 " "the next command"
whole "no room for one below" "top mid small/low data.raw" fifth
room 64m
run t server unsnapshot volume live vdc --overlay "$tmp/mid"
is_eq "$rc $out$(steady "$err")" "0 " "with room it is merged"
is_eq "$(sums_of top)" "$sums" "at once all is in the files"
dies "merged"
whole "merged" "top small/low data.raw" sixth
run t server unsnapshot volume live vdc
is_eq "$rc $out$(steady "$err")" "0 " "and the other"
is_eq "$(sums_of small/low)" "$sums" "at once all of that is in the files, too"
dies "both are merged"
whole "both are merged" "small/low data.raw" seventh
run t server unsnapshot volume live vdc
is_eq "$rc $out$(steady "$err") $(ls small)" "0  " "and the last"
room 3m

# ---- the other way round ----

must t server snapshot volume live vdc "$tmp/small/low"
run t server unsnapshot volume live vdc --pull
is_eq "$rc $(sed "s/guest '[^']*'/guest NAME/" <<< "$(steady "$err")" | head -n 1)" "1 error VolumeRebaseFailed qemu-tcg: cannot copy disk 'vdc' of guest NAME to \"$tmp/small/low\": the hypervisor gave it up; is there room for it?" "what is below does not fit into the first one"
run t server list
is_eq "$rc $(grep '^error ' <<< "$err")" "0 " "the next command"
room 64m
whole "no room above" "small/low data.raw" eighth
run t server unsnapshot volume live vdc --pull
is_eq "$rc $out$(steady "$err") $(on_record)" "0  small/low" "with room all is pulled"
dies "pulled"
must t server swap volume live vdc "path=$tmp/data.raw,format=raw"
rm small/low
must t server snapshot volume live vdc "$tmp/small/low"
room "$(($(df --output=used -k small | tail -n 1) + 64))k"

# ---- while it is off ----

must t server snapshot volume live vdc "$tmp/mid"
tell 0 ninth
must t server stop live --timeout 0
run t server unsnapshot volume live vdc
is_eq "$rc $(grep -c "^error DiskFull core: the program \"qemu-img\" failed: .*No space left on device" <<< "$err")" "1 1" "off: what does not fit below"
is_eq "$(tail -n 1 <<< "$err")" "  make room in the file system at \"$tmp/small\", then try again" "it says where there is no room"
is_eq "$(on_record) $(sums_of mid)" "mid small/low data.raw $sums" "off: nothing is lost"
must t server start live
true_that "it starts again, with all that it wrote" says live "guest: begins $sums"
must t server stop live --timeout 0
room 64m
run t server unsnapshot volume live vdc
is_eq "$rc $out$(steady "$err") $(on_record) $(sums_of small/low)" "0  small/low data.raw $sums" "off, with room: merged"
run t server delete live
is_rc 0 "delete"
all_gone
done_testing
