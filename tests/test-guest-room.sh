#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# STATE is full: libvirt's embedded driver stops the guests whose state it cannot write when it
# opens, so no command may open it.  The guests here hear nothing, since their disk is empty.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
[ "$(id -u)" = 0 ] || skip_all "a file system of its own needs root"

# Below $tmp its path would be too long for sockets.
state=$tmp/s
mkdir "$state"
mount -t tmpfs -o size=4g,mode=711 none "$state" 2> /dev/null || skip_all "nothing can be mounted here"
drop_state () { while umount -l "$state" 2> /dev/null; do :; done; }
CLEANUPS="$CLEANUPS drop_state"

v () { vl --driver qemu-tcg "$@"; }
qemu () { cat "$state/libvirt/run/qemu/$(v server show "$1" -o json | jq -r .domain).pid"; }
must v flavor create f --vcpus 1 --ram 64 --disk 0
truncate -s 1M "$tmp/empty.img"
must v image create i --file "$tmp/empty.img" --disk-format raw
for each in a b; do must v server create $each --flavor f --image i; done
a=$(qemu a) b=$(qemu b)
runs () { [ -e "/proc/$1/exe" ]; }
# What is left beyond a page or two is filled.
fill () {
  mount -o "remount,size=$(($(df --output=used -k "$state" | tail -n 1) + 64))k" "$state" || bail "no remount"
  cat /dev/zero > "$state/fill" 2> /dev/null
}
both () { true_that "$1: both guests go on" eval "runs $a && runs $b"; }

fill
run v server pause b
is_rc 1 "pause"
folder=$state/libvirt/run/qemu
is "$err" "error DiskFull qemu-tcg: libvirt is not opened, since it stops guests whose state it cannot write to \"$folder\": No space left on device
  make room in the file system at \"$state\", then try again" "it is refused, with the reason"
both "pause"
run v server list
is_rc 0 "list"
is "$err" "warning LastSeen qemu-tcg: libvirt is not opened, since it stops guests whose state it cannot write (No space left on device): states are those that it saw last" "what was seen last is shown"
has "$out" "ACTIVE" "the guests among it"
both "list"
for command in "server show a" "server suspend b" "server unpause b" "server reboot --hard b" "server log a" "host show" "host check"; do
  # shellcheck disable=SC2086 # a verb and its words
  run v $command
  both "$command"
done
run v host check
is "$rc $(grep -A1 "^FAIL  state folder" <<< "$out")" "4 FAIL  state folder: nothing can be written to \"$state\": No space left on device
      make room in the file system at \"$state\", then try again" "host check says so"
run v server delete b
is_rc 0 "a server is deleted all the same"
true_that "its guest is gone" eval "! runs $b"
true_that "the other goes on" runs "$a"
mount -o remount,size=4g "$state"
rm "$state/fill"
run v server pause a
is_rc 0 "with room all is as before"
true_that "and nothing is left of it" [ ! -e "$folder/.room" ]
run v server delete a
is_rc 0 "and the last one goes"

# ---- room for libvirt, and none for what it is to do ----

full="No space left on device
  make room on the disk that is full ('df' shows which), then try again"
# As much as is to be left, in KiB.
leave () {
  mount -o "remount,size=$(($(df --output=used -k "$state" | tail -n 1) + $1))k" "$state" || bail "no remount"
}
must v server create a --flavor f --image i
a=$(qemu a)
leave 1024
run v server suspend a
is_rc 1 "no room for the memory of a guest"
has "$err" "error DiskFull qemu-tcg: cannot suspend guest '" "is no fault of libvirt's"
has "$err" "$full" "with what to do"
true_that "the guest goes on" runs "$a"
leave 80
run v server reboot --hard a
is_rc 1 "no room to start a guest again"
has "$err" "error DiskFull qemu-tcg: " "is told"
has "$err" "No space left on device
  make room in the file system at \"$state\", then try again" "with what to do"
true_that "before it is ended" runs "$a"
mount -o remount,size=4g "$state"
must v server stop --timeout=0 a
for kib in 0 8 64; do
  leave $kib
  run v server start a
  [ "$rc" -eq 0 ] && break
  is "$rc $(grep -c '^error DiskFull ' <<< "$err")" "1 1" "$kib KiB are left: start"
  lacks "$err" InternalError "no fault of libvirt's either"
done
mount -o remount,size=4g "$state"
must v server delete a

# ---- a file system that became read-only ----

must v server create a --flavor f --image i
a=$(qemu a)
# QEMU has files open for writing in the one below.
mount --bind "$state" "$state" && mount -o remount,bind,ro "$state"
run v server pause a
is_rc 9 "a read-only STATE"
has "$err" ": Read-only file system" "is told"
run v host check
is "$rc $(grep -A1 "^FAIL  state folder" <<< "$out")" "4 FAIL  state folder: nothing can be written to \"$state\": Read-only file system
      see what made it so (dmesg), then mount it writable: mount -o remount,rw" "host check, too"
true_that "the guest goes on" runs "$a"
umount "$state"
must v server delete a
done_testing
