#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What is done to volumes of a guest that runs, as the guest sees it: they grow, and get another file
# with what is on them; and the quota of a
# disk, as libvirt has it of QEMU.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image
cd "$tmp" || exit 99
GIB=1073741824

# The guest writes to its volume, and says whenever that has another size, with a checksum of its
# first MiB.
script look << 'END'
dd if=/dev/urandom of=/dev/vdc bs=64k count=16 2> /dev/null
sync
last=
while :; do
  now="$(cat /sys/block/vdc/size) $(cat /sys/block/vdd/size)"
  [ "$now" = "$last" ] || echo "guest: sees $now $(dd if=/dev/vdc bs=64k count=16 2> /dev/null | md5sum | cut -c 1-32)."
  last=$now; sleep 1
done
END
truncate -s 1M one.raw
qemu-img create -q -f qcow2 two.qcow2 4M
must t flavor create small --vcpus 1 --ram 192 --disk 0
must t image create guest --file "$image" --disk-format qcow2
run t server create live --flavor small --image guest --volume "$(volume look)" --volume "path=$tmp/one.raw,format=raw" --volume "path=$tmp/two.qcow2,format=qcow2"
made "a guest"
true_that "it looks" says live "guest: sees 2048 8192 "
sum=$(tells live sees 2048 8192)

# ---- they grow ----

run t server extend volume live vdc --size 1
is_eq "$rc $out$err" "0 $GIB" "a raw volume grows"
true_that "the guest sees it, with what it has written" says live "guest: sees 2097152 8192 $sum"
run t server extend volume live vdd --size 2
is_eq "$rc $out$err" "0 $((2 * GIB))" "a qcow2 volume grows"
true_that "the guest sees it" says live "guest: sees 2097152 4194304 $sum"
is_eq "$(qemu-img info -U two.qcow2 | grep -c '2 GiB')" 1 "and so does who looks at the file"
truncate -s 3G one.raw
run t server extend volume live vdc
is_eq "$rc $out$err" "0 $((3 * GIB))" "one that was grown by somebody else"
true_that "the guest sees it" says live "guest: sees 6291456 4194304 $sum"
must t server pause live
run t server extend volume live vdc --size 4
is_eq "$rc $out$err $(stat -c %s one.raw)" "0 $((4 * GIB)) $((4 * GIB))" "of a paused guest"
must t server unpause live
true_that "which sees it when it goes on" says live "guest: sees 8388608 4194304 $sum"

# ---- another file ----

# What it had is written over, and the guest has what it wrote.
yes garbage | head -c 4M > new.raw
truncate -s 4G new.raw
run t server swap volume live vdc "path=$tmp/new.raw,format=raw"
is_eq "$rc $out$err" "0 " "swap volume"
run t server extend volume live vdc --size 5
is_eq "$rc $out$err" "0 $((5 * GIB))" "and it grows"
true_that "the guest sees it, with what it has written" says live "guest: sees 10485760 4194304 $sum"
is_eq "$(head -c 1M new.raw | md5sum | cut -c 1-32).$(head -c 4M new.raw | tail -c 1M | tr -d '\0' | wc -c)" "${sum}0" "which is in the new file, and nothing else"
open=$(ls -l /proc/"$(guest_pids)"/fd)
has "$open" "$tmp/new.raw" "QEMU has the new file open"
lacks "$open" "$tmp/one.raw" "but not the old one"
run t server diff live
is_eq "$rc $out$err" "0 " "a plan of today would change nothing"
must t server add volume live "path=$tmp/one.raw,format=raw"
ok "the old one is free"
qemu-img create -q -f qcow2 new.qcow2 5G
run t server swap volume live vdc "path=$tmp/new.qcow2,format=qcow2"
is_eq "$rc $out$err" "0 " "and to another format"
run t server extend volume live vdc --size 6
is_eq "$rc $out$err" "0 $((6 * GIB))" "which grows"
true_that "the guest goes on" says live "guest: sees 12582912 4194304 $sum"
run t server diff live
is_eq "$rc $out$err" "0 " "a plan of today would change nothing"

# ---- killed while QEMU knows more than libvirt ----

# Is libvirt about to note that the guest has the file NAME, and, with ALONE, no copy is under way?
about_to_note () {
  local note
  note=$(cat "$state/libvirt/run/qemu/"*.xml.new 2> /dev/null)
  grep -q "/$1'" <<< "$note" && { [ "${2:-}" = "" ] || ! grep -q "<mirror" <<< "$note"; }
}
# killed_at "NAME [ALONE]" COMMAND...: libvirt takes three seconds for each note of what QEMU has
# done, and the command is killed while it is at that one.
killed_at () {
  local moment parent
  read -ra moment <<< "$1"
  shift
  strace -f -o "$tmp/trace" -e trace=rename,renameat2 -e inject=rename,renameat2:delay_enter=3000000 \
    "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q "$@" > /dev/null 2>&1 &
  pid=$!
  true_that "$*: QEMU has it" wait_for 300 about_to_note "${moment[@]}"
  read -r parent < "/proc/$pid/task/$pid/children"
  { kill -KILL "${parent%% *}"; } 2> /dev/null
  is_eq "$?" 0 "the command is at work, and is killed"
  wait $pid 2> /dev/null
  run t server list
  is_eq "$rc $(grep '^error ' <<< "$err")" "0 " "killed: the next command"
  ended () { t server list > /dev/null 2>&1; [ -z "$(sqlite3 "$state/state.db" 'SELECT * FROM operation')" ]; }
  true_that "ends it, or the one after" wait_for 300 ended
}
# What QEMU has open for its volumes, and what the record says.
open_files () { find "/proc/$(guest_pids)/fd" '(' -lname "$tmp/*.raw" -o -lname "$tmp/*.qcow2" ')' -exec readlink {} + 2> /dev/null | sort -u | paste -sd ' '; }
on_record () { t server show live -o json | grep -o "$tmp/[a-z]*\.\(raw\|qcow2\)" | sort -u | paste -sd ' '; }
if can_kill && command -v sqlite3 > /dev/null; then
  truncate -s 8M extra.raw
  killed_at extra.raw server add volume live "path=$tmp/extra.raw,format=raw"
  is_eq "$(open_files)" "$(on_record)" "what QEMU has open is what is on record"
  truncate -s 6G last.raw
  killed_at last.raw server swap volume live vdc "path=$tmp/last.raw,format=raw"
  is_eq "$(open_files)" "$(on_record)" "what QEMU has open is what is on record"
  truncate -s 6G left.raw
  killed_at "left.raw alone" server swap volume live vdc "path=$tmp/left.raw,format=raw"
  is_eq "$(open_files)" "$(on_record)" "what QEMU has open is what is on record"
  run t server diff live
  is_eq "$rc $out$err" "0 " "a plan of today would change nothing"
else
  skip "no strace or sqlite3 here (Debian: strace sqlite3)"
fi

# ---- copied, then detached ----

# libvirt 9.0 may keep the job of a copy or a backup, and then lets the disk not go.
run t server image create live --name backup
is_rc 0 "an image of a guest whose volume was copied"
has "$(open_files)" "/left.raw" "which has it"
run t server remove volume live vdc
is_eq "$rc $out$err" "0 " "the volume goes"
lacks "$(open_files)" "/left.raw" "QEMU lets go of it"
truncate -s 1M more.raw moved.raw
must t server add volume live "path=$tmp/more.raw,format=raw" --device /dev/vdc
run t server swap volume live vdc "path=$tmp/moved.raw,format=raw"
is_eq "$rc $out$err" "0 " "and one that was put in its place is copied"
run t server remove volume live vdc
is_eq "$rc $out$err" "0 " "and goes"
run t server diff live
is_eq "$rc $out$err" "0 " "a plan of today would change nothing"

# ---- a quota ----

limits () { sed -n 's|.*<\(total_iops_sec\)>\([0-9]*\)<.*|\1 \2|p' "$state/libvirt/run/qemu/$(field live domain).xml" | paste -sd,; }
# With advice, which -q leaves out.
loud () { vl --driver qemu-tcg "$@"; }
run loud server set live --property quota:disk_total_iops_sec=500
is_eq "$rc $(grep -c 'the guest has it already: ' <<< "$err")" "0 1" "a quota while it runs"
is_eq "$(limits)" "total_iops_sec 500" "is its disk's"
run t server set live --property quota:disk_total_iops_sec=700
is_eq "$rc $(limits)" "0 total_iops_sec 700" "and another one"
run t server diff live
is_eq "$rc $out$err" "0 " "a plan of today would change nothing"
run loud server unset live --property quota:disk_total_iops_sec
is_eq "$rc $(grep -c 'the guest has it already: ' <<< "$err") $(limits)" "0 1 " "and none"
is_eq "$(power live)" RUNNING "it runs on"

run t server delete live
is_rc 0 "delete"
all_gone
done_testing
