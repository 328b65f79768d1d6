#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What becomes of STATE when its disk is full, or read-only: reading goes on, and so does what gives
# room back; what writes says what is wrong.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3

f () { vl --driver fake "$@"; }
truncate -s 8M "$tmp/disk.raw"

# ---- STATE is full ----

# small SCRIPT: runs it on a STATE of its own with two servers, a small file system.
small () {
  inside 'mount -t tmpfs -o size=16m,mode=700 none "$state"
    f flavor create m1 --vcpus 1 --ram 128 --disk 1 > /dev/null
    f image create img --file "$tmp/disk.raw" --disk-format raw > /dev/null
    f server create one --flavor m1 --image img > /dev/null
    f server create two --flavor m1 --image img > /dev/null
    '"$1" > "$tmp/said" 2>&1
  out=$(cat "$tmp/said")
}
can_mount || skip_all "nothing can be mounted here"
rm -rf "$state"
mkdir -m 700 "$state"
fill='dd if=/dev/zero of="$state/fill" bs=1k status=none 2> /dev/null; df --output=avail "$state" | tail -n 1 | tr -d " "'
room="make room in the file system at \"$state\", then try again; servers and images can be deleted all the same"
small "$fill"'
  for noun in server image flavor; do run f $noun list; echo "$rc $err $(grep -c . <<< "$out")"; done
  run f server show one -o json; echo "$rc $err"
  run f plan --flavor m1 --image img; echo "$rc $err"
  run f flavor create m2 --vcpus 1 --ram 128 --disk 1; echo "$rc $err"
  run f server stop two; echo "$rc $err"'
is_eq "$out" "0
0  3
0  2
0  2
0 
0 
1 error DiskFull core: cannot use \"$state/state.db\": No space left on device
  $room
1 error DiskFull core: cannot use \"$state/state.db\": No space left on device
  $room" "on a full STATE what only reads goes on, and what writes says what is wrong"
small "$fill"'
  run f server delete one; echo "$rc $err"
  '"$fill"'
  run f server delete two; echo "$rc $err"
  find "$state/servers" "$state/fake/guests" -mindepth 1
  run f image delete img; echo "$rc $err"
  run f flavor delete m1; echo "$rc $err"
  run f server list; echo "$rc $err"; rm "$state/fill"
  run f flavor create m2 --vcpus 1 --ram 128 --disk 1; echo "$rc $err"; stat -c %s "$state/reserve"'
is_eq "$out" "0
0 
0
0 
0 
0 
0 
0 
1048576" "and servers, images and flavors can be deleted"

small 'f flavor create m2 --vcpus 1 --ram 128 --disk 2 > /dev/null
  f image create old --file "$tmp/disk.raw" --disk-format raw > /dev/null
  sqlite3 "$state/state.db" "UPDATE image SET url = '"'http://127.0.0.1/'"', url_checksum = checksum, used = '"'2001-01-01T00:00:00Z'"' WHERE name = '"'old'"'"
  f server resize one --flavor m2; f server resize two --flavor m2
  '"$fill"'
  run f server resize confirm one; echo "$rc $err"
  rm "$state/fill"; f flavor create "m$RANDOM" --vcpus 1 --ram 128 --disk 2 > /dev/null
  '"$fill"'
  run f server resize revert two; echo "$rc $err"
  rm "$state/fill"; f flavor create "m$RANDOM" --vcpus 1 --ram 128 --disk 2 > /dev/null
  '"$fill"'
  run f image cache manage -c name,what -o value; echo "$rc $err$out" | tr "\t" " "
  f server list -c name,status,flavor -o value | tr "\t" " "'
is_eq "$out" "0
0 
0
0 
0
0 img kept
old removed
one ACTIVE m2
two ACTIVE m1" "unused images can go, and resizes be ended"

# ---- STATE is read-only ----

small 'mount -o remount,ro "$state"
  for noun in server image flavor; do run f $noun list; echo "$rc $err $(grep -c . <<< "$out")"; done
  run f server show one -o json; echo "$rc $err"
  run f plan --flavor m1 --image img; echo "$rc $err"
  run f server delete one; echo "$rc $err"
  run f flavor create m2 --vcpus 1 --ram 128 --disk 1; echo "$rc $err"
  run f image create img2 --file "$tmp/disk.raw" --disk-format raw; echo "$rc $err"'
uuid=$(sed -n 's|.*/servers/\([0-9a-f-]*\).lock.*|\1|p' <<< "$out") image=$(sed -n 's|.*/images/\([0-9a-f-]*\).lock.*|\1|p' <<< "$out")
is_eq "$out" "0  3
0  2
0  2
0 
0 
9 error ReadOnly core: cannot lock \"$state/servers/$uuid.lock\": Read-only file system
  see what made it so (dmesg), then mount it writable: mount -o remount,rw
9 error ReadOnly core: cannot use \"$state/state.db\": Read-only file system
  see what made it so (dmesg), then mount it writable: mount -o remount,rw
9 error ReadOnly core: cannot lock \"$state/images/$image.lock\": Read-only file system
  see what made it so (dmesg), then mount it writable: mount -o remount,rw" "a STATE that is read-only is read, and what writes says so"

# With what a command that was killed left in the log, too.
small 'sqlite3 "$state/state.db" "PRAGMA journal_mode" ".output /dev/null" "UPDATE flavor SET ram = 64" ".shell kill -KILL \$PPID" 2> /dev/null
  ls "$state" | grep -c "state.db-wal"
  mount -o remount,ro "$state"
  run f flavor list; echo "$rc $err $(grep -c " 64 " <<< "$out")"'
is_eq "$(tail -n 2 <<< "$out")" "1
0  1" "with what is in the log only, too"

done_testing
