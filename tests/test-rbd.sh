#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Servers' disks in Ceph, without a Ceph: what is said where the program that reaches it is missing, and of
# each answer that it may give. ./check ceph tries the real one.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/tree-lib.sh
. "$(dirname "$0")/tree-lib.sh"
rm -f "$tree/helpers"
mkdir "$tree/helpers"
conf=$tmp/ceph.conf
echo '[global]' > "$conf"
main_setting storage 'images_type = rbd'
settings=("images_rbd_pool = vms" "images_rbd_ceph_conf = $conf" 'rbd_destroy_volume_retries = 0')
setting rbd "${settings[@]}"
truncate -s 1M "$tmp/raw"
must () { run "$@"; [ "$rc" -eq 0 ] || bail "$* ($rc): $err"; }
must f flavor create tiny --vcpus 1 --ram 64 --disk 1
must f image create raw --file "$tmp/raw" --disk-format raw

# helper SCRIPT: what stands in for virtloom-rbd; its order is its standard input.
helper () {
  printf '#!/bin/sh\n%s\n' "$1" > "$tree/helpers/virtloom-rbd"
  chmod 755 "$tree/helpers/virtloom-rbd"
}
# answers JSON: to every order.
answers () { helper "cat > /dev/null; echo '$1'"; }
# fails WHAT CODE TEXT: a server is not made; UUID stands for its own.
fails () {
  run f server create one --flavor tiny --image raw
  is_eq "$rc $(sed -E 's/[0-9a-f]{8}-[0-9a-f-]{27}/UUID/g' <<< "$err")" "$2 $3" "$1"
}

# ---- no program ----

run f plan --flavor tiny --image raw
is_rc 0 "a disk in Ceph is planned without a program of ours"
has "$out" "protocol='rbd'" "as one"
fails "none is made" 4 'error ToolMissing rbd: the program virtloom-rbd, which reaches Ceph, is not there: virtloom was built without librbd
  apt-get install librbd-dev, then configure and make virtloom again'
run f server list -o json
lacks "$out" '"name"' "and nothing is left of it"

# ---- what it is given ----

helper 'read -r order; echo "{\"begun\": true, \"error\": \"other\", \"text\": \"told\"}"; case $order in *"\"do\": \"remove\""*) : ;; esac; exit 0'
fails "an error that has no word" 1 'error StorageFailed rbd: cannot make "vms/UUID_disk" in Ceph: told
  rbd -c '"$conf"' info vms/UUID_disk shows it
error StorageFailed rbd: cannot remove "vms/UUID_disk" in Ceph: told
  rbd -c '"$conf"' info vms/UUID_disk shows it'
run f server list -o value -c name -c status
is_eq "$out" $'one\tERROR' "what cannot be undone is on record"
answers '{"done": true}'
run f server list -o value
is_eq "$rc $out$err" "0 " "and undone by the next command"

helper 'kill -KILL $$'
fails "a program that is killed" 1 'error ToolFailed rbd: the program "virtloom-rbd" failed: was ended by signal 9 (Killed)'
run f server list -o value -c name -c status
is_eq "$out" $'one\tERROR' "what is not removed since that fails in the same way is on record"
answers '{"done": true}'
run f server list -o value
is_eq "$rc $out$err" "0 " "and removed by the next command"

none_is () { run f server list -o value -c name -c status; is_eq "$rc $out$err" "0 " "$1"; }
answers '{"error": "denied", "text": "why"}'
fails "who is not let in" 9 "error StorageFailed rbd: the Ceph cluster of \"$conf\" does not let client.admin in: why
  compare the key in \"$tmp/ceph.client.admin.keyring\" with: ceph auth get client.admin"
none_is "has nothing to remove"
answers '{"begun": true'
fails "an answer that is cut off" 1 'error ToolFailed rbd: the program virtloom-rbd did not say what came of it
  install virtloom once more'
run f server list -o value -c name -c status
is_eq "$out" $'one\tERROR' "is none: what was made is on record"
answers '{"done": true}'
none_is "after an answer that is cut off it is removed"

# what is asked for MAKE, and a good answer to every other order
while_making () { helper "read -r order; case \$order in *'\"do\": \"make\"'*) echo '$1' ;; *) echo '{\"done\": true}' ;; esac"; }
word () { # WORD CODE TEXT
  while_making "{\"error\": \"$1\", \"text\": \"why\"}"
  fails "Ceph's error '$1'" "$2" "$3"
}
login="the Ceph cluster of \"$conf\" does not let client.admin in"
compare="compare the key in \"$tmp/ceph.client.admin.keyring\" with: ceph auth get client.admin"
word denied 9 "error StorageFailed rbd: $login: why
  $compare"
word keyring 9 "error StorageFailed rbd: $login: it has no key
  $compare"
word unreachable 8 "error StorageFailed rbd: no monitor of the Ceph cluster of \"$conf\" answers within 5 s: why
  ceph -c $conf -s says whether it is up; rbd_connect_timeout is how long is waited"
word pool 5 "error StorageFailed rbd: the Ceph cluster of \"$conf\" has no pool 'why'
  ceph osd pool ls shows which there are; set images_rbd_pool in plugins.d/rbd.conf"
word full 1 "error DiskFull rbd: cannot make \"vms/UUID_disk\": pool 'vms' is full (why)
  make room in pool 'vms', or raise its quota, then try again"
word late 8 "error StorageFailed rbd: cannot make \"vms/UUID_disk\": the Ceph cluster lets in, but does not answer within 30 s
  ceph -c $conf -s says what is wrong with it"
word foreign 1 'error NotProven rbd: "vms/UUID_disk" in Ceph has not the mark of what this server made: it may be somebody else'"'"'s, and stays
  look at it with rbd info vms/UUID_disk, and remove or rename it'
while_making 'no JSON'
fails "what is no answer" 1 'error ToolFailed rbd: the program virtloom-rbd did not say what came of it
  install virtloom once more'

# ---- another flavor, other disks ----

answers '{"done": true}'
must f flavor create large --vcpus 1 --ram 64 --disk 2
must f server create one --flavor tiny --image raw
# turn ORDER WHAT CODE ACT WORD...: where Ceph fails to do ORDER the server stays what it was.
turn () {
  local what="error StorageFailed rbd: cannot $2 \"vms/UUID_disk\" in Ceph: why
  rbd -c $conf info vms/UUID_disk shows it"
  helper "read -r order; case \$order in *'\"do\": \"$1\"'*) echo '{\"error\": \"other\", \"text\": \"why\"}' ;; *) echo '{\"done\": true}' ;; esac"
  run f server "${@:4}"
  is_eq "$rc $(sed -E 's/[0-9a-f]{8}-[0-9a-f-]{27}/UUID/g; s/_disk\.2/_disk/g' <<< "$err")" "1 $what$3" "a $4 where Ceph fails to $2 a disk"
  answers '{"done": true}'
  run f server list -o value -c status -c flavor
  is_eq "$rc $err $out" $'0  ACTIVE\ttiny' "and the server is what it was"
}
undone="
error InstanceFaultRollback core: server \"one\""
turn checkpoint 'keep what is on' "$undone did not get flavor \"large\"; it is what it was, with its disks" resize one --flavor large
turn grow grow "$undone did not get flavor \"large\"; it is what it was, with its disks" resize one --flavor large
turn make make "$undone was not rebuilt; it is what it was, with its disks" rebuild one
# What cannot be brought back, or removed, waits for the next command.
must f server resize one --flavor large
helper "read -r order; case \$order in *'\"do\": \"rollback\"'*) echo '{\"error\": \"other\", \"text\": \"why\"}' ;; *) echo '{\"done\": true}' ;; esac"
run f server resize revert one
has "$rc $err" "1 error StorageFailed rbd: cannot bring back what was on \"vms/" "a disk that cannot be what it was"
answers '{"done": true}'
run f server list -o value -c status -c flavor
is_eq "$rc $out" $'0 ACTIVE\ttiny' "is that with the next command"
must f server resize one --flavor large
helper "read -r order; case \$order in *'\"do\": \"commit\"'*) echo '{\"error\": \"other\", \"text\": \"why\"}' ;; *) echo '{\"done\": true}' ;; esac"
run f server resize confirm one
has "$rc $err" "1 error StorageFailed rbd: cannot remove what is kept of \"vms/" "a snapshot that cannot be removed"
answers '{"done": true}'
run f server list -o value -c status -c flavor
is_eq "$rc $out" $'0 ACTIVE\tlarge' "is removed with the next command"
helper "read -r order; case \$order in *'\"do\": \"remove\"'*) echo '{\"error\": \"other\", \"text\": \"why\"}' ;; *) echo '{\"done\": true}' ;; esac"
run f server rebuild one
has "$rc $err" "1 error StorageFailed rbd: cannot remove \"vms/" "the disk of before that cannot be removed"
answers '{"done": true}'
must f server list -o value
run f explain one
has "$rc $out" "_disk.2 " "is, once the server has the new one, by the next command"
must f server delete one

# ---- removing ----

answers '{"snapshots": ["a", "b"], "trashed": true, "done": true}'
must f server create one --flavor tiny --image raw
answers '{"error": "busy", "text": "x", "watchers": ["10.0.0.1:0/1", "10.0.0.2:0/2"]}'
run f server delete one
is_eq "$rc $(sed -E 's/[0-9a-f]{8}-[0-9a-f-]{27}/UUID/g' <<< "$err")" '1 error StorageFailed rbd: "vms/UUID_disk" is in use by 10.0.0.1:0/1, 10.0.0.2:0/2, and is not removed
  end what has it open; the next command tries again, and rbd_destroy_volume_retries is how often each does' "a disk in use"
run f server list -o value -c status
is_eq "$out" DELETING "keeps its server"
answers '{"snapshots": ["a", "b"], "trashed": true, "done": true}'
run f server list -o value
has "$err" 'has 2 snapshots that virtloom did not make: it lies in the trash of pool '"'vms'"' with them' "until it goes, into the trash where it has snapshots"
is_eq "$out" "" "with its server"

# ---- the real program ----

real=$top_builddir/helpers/virtloom-rbd
if [ -x "$real" ]; then
  said () { "$real" <<< "$1"; }
  is_eq "$(said '[1')" "{\"error\":\"order\",\"text\":\"standard input is no JSON object: ']' expected near end of file\"}" "an order that is no JSON"
  is_eq "$(said '{"do": "dance"}')" "{\"error\":\"order\",\"text\":\"'dance' is no order\"}" "an order that is none"
  is_eq "$(said '{"do": "look", "conf": "/nowhere"}')" '{"error":"conf","text":"No such file or directory"}' "a ceph.conf that is not there"
else
  skip "virtloom was built without librbd"
fi
done_testing
