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
drop_state () { umount -l "$state" 2> /dev/null; }
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
  make room on the disk that holds the STATE folder, then try again" "it is refused, with the reason"
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
done_testing
