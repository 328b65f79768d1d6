#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Servers whose disks lie in Ceph: a cluster of the test's own, in the namespaces of a private host,
# guests that boot from it, and what goes wrong with it.  Run by ./check ceph, which installs Ceph.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
[ -n "${VL_TEST_CEPH:-}" ] || skip_all "VL_TEST_CEPH is not set: ./check ceph runs this"
for tool in ceph-mon:ceph-mon ceph-mgr:ceph-mgr ceph-osd:ceph-osd rbd:ceph-common qemu-img:qemu-utils sqlite3:sqlite3; do
  needs "${tool%:*}" "${tool#*:}"
done
qemu-img --help | grep -qw rbd || skip_all "QEMU does not reach Ceph (Debian: qemu-block-extra)"
[ -x "$top_builddir/helpers/virtloom-rbd" ] || skip_all "virtloom was built without librbd (Debian: librbd-dev)"
hosts_or_skip
guests_or_skip
guest_image
host_up one
host_run one timeout 1800 bash "$top_srcdir/tests/rig/ceph-init" > "$tmp/ceph-init" 2>&1 || {
  diag "$(tail -n 20 "$tmp/ceph-init")"
  bail "the Ceph cluster does not come up"
}
# Everything of the test is inside: Ceph's addresses are the host's own.
program () { host_run one "$VL_RUN" virtloom "$@"; }
ceph () { host_run one timeout 600 ceph --connect-timeout 120 "$@"; }
rbd () { host_run one timeout 600 rbd "$@"; }
# What lies in the pool; a removal that goes on there is none.
pool () { rbd ls vms 2> /dev/null | sort | paste -sd ' '; }
pool_is () { [ "$(pool)" = "$1" ]; }
f () { vl --driver fake -q "$@"; }
secret=5b67401f-dc5e-496a-8456-9a5dc40e7d3c
common=('images_rbd_pool = vms' 'rbd_user = virtloom' "rbd_secret_uuid = $secret" 'rbd_connect_timeout = 120'
  'rbd_destroy_volume_retries = 40' 'rbd_destroy_volume_retry_interval = 1')
setting qemu-tcg 'connection_uri = qemu:///system'
setting rbd "${common[@]}"
main_setting storage 'images_type = rbd'
must t flavor create small --vcpus 1 --ram 192 --disk 1 --swap 16
must t image create guest --file "$image" --disk-format qcow2

# ---- the secret ----

run t server create early --flavor small --image guest
is_eq "$rc $err" "4 error StorageFailed rbd: libvirt has no secret $secret with a value, which rbd_secret_uuid names
  virsh secret-define, then virsh secret-set-value $secret with: ceph auth get-key client.virtloom" \
  "without the secret nothing is begun"
is_eq "$(pool)" "" "in Ceph"
cat > "$tmp/secret.xml" << END
<secret ephemeral='no' private='no'><uuid>$secret</uuid><usage type='ceph'><name>virtloom</name></usage></secret>
END
must host_virsh one secret-define "$tmp/secret.xml"
must host_virsh one secret-set-value "$secret" --base64 "$(ceph auth get-key client.virtloom)"

# ---- a guest ----

script mark << 'END'
echo "guest: swap $(blkid /dev/vdb 2> /dev/null | grep -c swap) $(cat /sys/block/vdb/size)"
echo "marker of one" | dd of=/dev/vda bs=1M seek=900 conv=fsync 2> /dev/null
echo "guest: wrote"
END
script look << 'END'
echo "guest: marker $(dd if=/dev/vda bs=1M skip=900 count=1 2> /dev/null | head -n 1) there"
END
run t server create one --flavor small --image guest --volume "$(volume mark)"
made "a server with disks in Ceph is made"
one=$(field one uuid)
true_that "its guest boots from there" says one "guest: wrote"
is_eq "$(pool)" "${one}_disk ${one}_disk.swap" "its disks are images of the pool"
is_eq "$(rbd info --format json "vms/${one}_disk" | grep -o '"size":[0-9]*')" '"size":1073741824' "as large as the flavor says"
is_eq "$(tells one swap | cut -d ' ' -f 2)" 32768 "and the guest has its swap disk"
has "$(host_virsh one dumpxml "$(field one domain)")" "<source protocol='rbd' name='vms/${one}_disk'" "libvirt has the image"
lacks "$(host_virsh one dumpxml "$(field one domain)"; t server show one -o json; t plan --flavor small --image guest -o json)" \
  "$(ceph auth get-key client.virtloom)" "the key is nowhere"
is_eq "$(find "$state/servers/$one" -name 'disk*')" "" "no disk lies in the server's folder"
is_eq "$(rbd status --format json "vms/${one}_disk" | grep -o '"address"' | wc -l)" 1 "one client has it open"

# ---- an image of it, while it runs ----

run t server image create one --name snap
made "an image is made of a running server's disk"
is_eq "$(rbd snap ls --format json "vms/${one}_disk")" "[]" "no snapshot is left of that"
run t server create two --flavor small --image snap --volume "$(volume look)"
made "a server is made of that"
true_that "and boots" says two "guest: marker"
is_eq "$(tells two marker)" "marker of one there" "with what was written before"
two=$(field two uuid)
run t server stop one --timeout 0
is_rc 0 "it stops"
run t server start one
is_rc 0 "it starts again"
true_that "and boots from Ceph once more" says one "guest: wrote"
run t server reboot two --hard
is_rc 0 "a hard reboot"
true_that "boots, too" says two "guest: marker"

# ---- deleting ----

# A user's own snapshot is not removed with the disk.
must rbd snap create --no-progress "vms/${two}_disk@mine"
run t server delete two
is_eq "$rc $err" "0 warning Unfinished rbd: \"vms/${two}_disk\" has 1 snapshots that virtloom did not make: it lies in the trash of pool 'vms' with them
  look at it with rbd trash ls vms; rbd trash purge ends it" "a disk with a snapshot of somebody else's goes into the trash"
is_eq "$(pool) $(rbd trash ls vms | cut -d ' ' -f 2)" "${one}_disk ${one}_disk.swap ${two}_disk" "from where it can come back"
must rbd snap purge --no-progress --image-id "$(rbd trash ls vms | cut -d ' ' -f 1)" -p vms
must rbd trash rm --no-progress "vms/$(rbd trash ls vms | cut -d ' ' -f 1)"
# QEMU is killed: Ceph takes its client for alive for half a minute.
guest_pids | xargs kill -KILL
run t server delete one
is_eq "$rc $err $(pool)" "0  " "the disk of a guest whose QEMU was just killed is removed when Ceph has noticed"

# A busy machine's monitor takes its time.
vms=('images_rbd_pool = vms' 'rbd_connect_timeout = 120')

# ---- what goes wrong: the servers are those of the driver that needs no hypervisor ----

printf 'disk' > "$tmp/raw"
truncate -s 8M "$tmp/raw"
setting rbd "${vms[@]}"
must f flavor create tiny --vcpus 1 --ram 64 --disk 1
must f image create raw --file "$tmp/raw" --disk-format raw
fails () { # WHAT CODE TEXT: a server is not made.
  run f server create no --flavor tiny --image raw
  is_eq "$rc $err" "$2 $3" "$1"
  is_eq "$(pool)" "${4:-}" "and nothing of it is there"
}
conf=/etc/ceph/ceph.conf key=/etc/ceph/ceph.client.admin.keyring
wrong="Ceph cluster of \"$conf\" does not let client.admin in"
hint="compare the key in \"$key\" with: ceph auth get client.admin"
host_run one sh -c "mv $key $key.own && sed 's,key = .*,key = AQCVomlpAAAAABAAxGxVwqLmCmNMvV6kIiOLZA==,' $key.own > $key"
run f server create no --flavor tiny --image raw
is_eq "$rc $err" "9 error StorageFailed rbd: the $wrong: Permission denied
  $hint" "a wrong key"
host_run one rm -f "$key"
run f server create no --flavor tiny --image raw
is_eq "$rc $err" "9 error StorageFailed rbd: the $wrong: it has no key
  $hint" "no key"
host_run one mv "$key.own" "$key"
run f server list -o value
is_eq "$rc $err$out$(pool)" "0 " "what could not be undone is, when there is the right one"
setting rbd 'images_rbd_pool = none' 'rbd_connect_timeout = 120'
fails "a pool that is none" 5 "error StorageFailed rbd: the Ceph cluster of \"$conf\" has no pool 'none'
  ceph osd pool ls shows which there are; set images_rbd_pool in plugins.d/rbd.conf"
setting rbd 'images_rbd_ceph_conf = /etc/ceph/none.conf'
fails "a ceph.conf that is not there" 4 'error StorageFailed rbd: cannot read "/etc/ceph/none.conf", which says where the Ceph cluster is: No such file or directory
  copy it from a host of the cluster, or set images_rbd_ceph_conf in plugins.d/rbd.conf'
host_run one sh -c "sed s/10.77.0.3/10.77.0.9/ $conf > /etc/ceph/far.conf; cp $key /etc/ceph/far.client.admin.keyring"
setting rbd 'images_rbd_ceph_conf = /etc/ceph/far.conf' 'rbd_connect_timeout = 2'
fails "a monitor that does not answer" 8 'error StorageFailed rbd: no monitor of the Ceph cluster of "/etc/ceph/far.conf" answers within 2 s: Connection timed out
  ceph -c /etc/ceph/far.conf -s says whether it is up; rbd_connect_timeout is how long is waited'
setting rbd "${vms[@]}"

must f server create here --flavor tiny --image raw
here=$(f server show here -o json | sed -n 's/^.*"uuid": *"\([^"]*\)".*$/\1/p' | head -n 1)_disk
must ceph osd pool set-quota vms max_bytes 1000
is_full () { ceph health detail | grep -q POOL_FULL; }
true_that "the pool is full" wait_for 300 is_full
run f server create no --flavor tiny --image raw
has "$rc $err" "1 error DiskFull rbd: cannot make \"vms/" "a pool that is full"
has "$err" "_disk\": pool 'vms' is full (it cannot be made: Disk quota exceeded)
  make room in pool 'vms', or raise its quota, then try again" "is told"
is_eq "$(pool)" "$here" "and nothing of it is there"
must ceph osd pool set-quota vms max_bytes 0
is_free () { ! is_full; }
wait_for 300 is_free

# What is there of an image that was cut off while it was made goes, too: what it is called, without
# anything that is called so.
parts () { host_run one timeout 600 rados -p vms ls | sed 's/[0-9a-f]\{32\}/TOKEN/; s/[0-9a-f]\{8\}-[0-9a-f-]\{27\}/UUID/' | grep -E '^rbd_id' | sort | paste -sd ' '; }
id_of () { rbd info --format json "vms/$1" | grep -oE '"id": *"[0-9a-f]+' | head -n 1 | grep -oE '[0-9a-f]+$'; }
half () { # NAME: of image NAME all goes but that.
  must host_run one timeout 600 rados -p vms rm "rbd_header.$(id_of "$1")"
}
must f server create half --flavor tiny --image raw
half "$(f server show half -o json | sed -n 's/^.*"uuid": *"\([^"]*\)".*$/\1/p' | head -n 1)_disk"
run f server delete half
is_eq "$rc $err $(pool) $(parts)" "0  $here rbd_id.UUID_disk" "half an image is removed"

# An image that nothing opens has no mark that could be read: it stays, and is told.
must f server create hidden --flavor tiny --image raw
hidden=$(f server show hidden -o json | sed -n 's/^.*"uuid": *"\([^"]*\)".*$/\1/p' | head -n 1)_disk
must rbd rm --no-progress "vms/$hidden"
must rbd create --size 1 vms/parent
must rbd snap create --no-progress vms/parent@snap
must rbd snap protect vms/parent@snap
must rbd clone vms/parent@snap "vms/$hidden"
id=$(id_of "$hidden")
half parent
run f server delete hidden
is_eq "$rc $err" "1 error StorageFailed rbd: cannot remove \"vms/$hidden\" in Ceph: it cannot be opened, as one whose parent is gone, and so not be told from somebody else's
  rbd -c $conf info vms/$hidden shows it" "an image of another under the name of ours whose parent is gone is not removed"
true_that "all of it stays" host_run one timeout 600 rados -p vms stat "rbd_header.$id"
must host_run one timeout 600 rados -p vms rm "rbd_header.$id"
must rbd rm --no-progress vms/parent
must f server delete hidden
is_eq "$(pool) $(parts)" "$here rbd_id.UUID_disk" "nothing is left of both"

# The OSD stops in the middle of a call, which is held back until it has: that ends, and others do not
# wait for it.
osd=$(host_run one pgrep -x ceph-osd)
dd if=/dev/urandom of="$tmp/large" bs=1M count=128 2> /dev/null
must f image create large --file "$tmp/large" --disk-format raw
must rbd config pool set vms rbd_qos_write_bps_limit 2097152
(f server create no --flavor tiny --image large 2> "$tmp/said"; echo $? > "$tmp/rc") &
job=$!
is_begun () { pool | grep -q 'new\.'; }
true_that "an import is on its way" wait_for 300 is_begun
host_run one kill -STOP "$osd"
run f server list -o value -c name -c status
has "$rc $out" "0 " "other commands go on"
has "$out" $'here\tACTIVE' "with other servers"
wait $job
has "$(cat "$tmp/rc" "$tmp/said")" "the Ceph cluster lets in, but does not answer within 30 s" "an OSD that stops ends the call"
is_eq "$(head -n 1 "$tmp/rc")" 8 "as one that cannot be reached"
is_eq "$(db "SELECT status FROM server WHERE name = 'no'")" ERROR "what it left is on record"
host_run one kill -CONT "$osd"
must rbd config pool remove vms rbd_qos_write_bps_limit
run f server list -o value -c name
is_eq "$rc $out $(pool) $(parts)" "0 here $here rbd_id.UUID_disk" "and goes when the OSD is back, without waiting until Ceph misses who made it"

# ---- images in Ceph ----

fsid=$(ceph fsid)
must rbd import --no-progress "$tmp/raw" vms/img
must rbd snap create --no-progress vms/img@snap
register () { run f image create reg --rbd "$@"; }
register vms/img@snap
is_eq "$rc $err" "3 error ImageUnacceptable rbd: snapshot \"vms/img@snap\" in Ceph is not protected, so that it may go while disks need it
  rbd -c $conf snap protect vms/img@snap" "an image that may go"
must rbd snap protect vms/img@snap
register vms/img@other
is_eq "$rc $err" "5 error ImageNotFound rbd: cannot look at \"vms/img\" in Ceph: it has no snapshot 'other'
  rbd -c $conf ls -l vms shows what there is" "a snapshot that is none"
register vms/other@snap
is_eq "$rc $err" "5 error ImageNotFound rbd: the Ceph cluster of \"$conf\" has no image \"vms/other\"
  rbd -c $conf ls -l vms shows what there is" "an image that is none"
register vms/img
is_eq "$rc $err" '2 error Usage rbd: "rbd:vms/img" is no image in Ceph; accepted: rbd:POOL/IMAGE@SNAPSHOT and rbd://FSID/POOL/IMAGE/SNAPSHOT, of A-Z a-z 0-9 _ . -' "no snapshot"
run f image create reg --url rbd://11111111-2222-4333-8444-555555555555/vms/img/snap --disk-format raw
is_eq "$rc $err" "3 error ImageUnacceptable rbd: \"vms/img\" is of another Ceph cluster than that of \"$conf\", which is $fsid
  register it anew, with image create --rbd, where it is now" "an image of another cluster"
register vms/img@snap --disk-format qcow2
is_eq "$rc $err" "3 error ImageUnacceptable core: image \"reg\" lies in a store, where 'qcow2' cannot be inspected; accepted: raw
  convert it there, or give a file of it with --file" "what cannot be inspected there"
register vms/img@snap -o json
is_rc 0 "an image in Ceph is registered"
is_eq "$(value url) $(value status)" "rbd://$fsid/vms/img/snap queued" "as what it is"
true_that "without a copy of it" test ! -e "$(value file)"
run f server create cloned --flavor tiny --image reg
is_rc 0 "a server is made of it"
cloned=$(f server show cloned -o json | sed -n 's/^.*"uuid": *"\([^"]*\)".*$/\1/p' | head -n 1)_disk
has "$(rbd info --format json "vms/$cloned")" '"parent":{"pool":"vms"' "its disk is a clone"
is_eq "$(rbd info --format json "vms/$cloned" | grep -o '"size":[0-9]*')" '"size":1073741824' "as large as the flavor says"
run f server rescue cloned --image reg
is_eq "$rc $err" "4 error ImageNotActive rbd: image \"rbd://$fsid/vms/img/snap\" lies in Ceph, and is not copied from there
  set enable_rbd_download = yes in plugins.d/rbd.conf, or images_type = rbd" "for a file it is fetched if that is allowed"
setting rbd "${vms[@]}" 'enable_rbd_download = yes' 'download_rbd_ceph_conf = /etc/ceph/far.conf' 'download_rbd_connect_timeout = 2'
run f server rescue cloned --image reg
is_eq "$rc $err" '8 error StorageFailed rbd: no monitor of the Ceph cluster of "/etc/ceph/far.conf" answers within 2 s: Connection timed out
  ceph -c /etc/ceph/far.conf -s says whether it is up; rbd_connect_timeout is how long is waited' "from the cluster that has images"
setting rbd "${vms[@]}" 'enable_rbd_download = yes' 'download_rbd_user = virtloom' 'download_rbd_connect_timeout = 120'
run f server rescue cloned --image reg
is_rc 0 "by the user who may"
must f server unrescue cloned
must f server delete cloned
must f image delete reg
register vms/img@snap
main_setting storage 'images_type = flat'
run f server create flat --flavor tiny --image reg
is_rc 0 "a server with disks of files is made of it, too"
true_that "with its bytes" cmp -n 8388608 "$tmp/raw" "$state"/servers/*/disk
must f server delete flat
must f image delete reg
main_setting storage 'images_type = rbd'
setting rbd "${vms[@]}"
must rbd snap unprotect vms/img@snap
must rbd snap purge --no-progress vms/img
must rbd rm --no-progress vms/img

# ---- another flavor, other disks, none for a while ----

mark () { # BYTE: all of 4 KiB within the root disk of server chg.
  must host_run one timeout 600 qemu-io -f raw -c "write -P $1 5M 4k" "rbd:vms/$(root_of chg):conf=$conf"
}
marked () { # NAME BYTE
  host_run one timeout 600 qemu-io -f raw -r -c "read -P $2 5M 4k" "rbd:vms/$(root_of "$1"):conf=$conf" | grep -q 'read 4096/4096' &&
    ! host_run one timeout 600 qemu-io -f raw -r -c "read -P $2 5M 4k" "rbd:vms/$(root_of "$1"):conf=$conf" | grep -q 'Pattern verification failed'
}
uuid_of () { f server show "$1" -o json | sed -n 's/^.*"uuid": *"\([^"]*\)".*$/\1/p' | head -n 1; }
root_of () { pool_of "$1" | tr ' ' '\n' | grep -v swap; }
# pool_of NAME: what of the pool is its server's; its images' own snapshots.
pool_of () { pool | tr ' ' '\n' | grep "^$(uuid_of "$1")" | paste -sd ' '; }
snaps_of () { rbd snap ls --format json "vms/$1" | grep -o '"name":"[^"]*"' | cut -d '"' -f 4 | paste -sd ' '; }
size_of () { rbd info --format json "vms/$1" | grep -o '"size":[0-9]*' | cut -d : -f 2; }

must f flavor create wider --vcpus 1 --ram 64 --disk 2 --swap 16
must f server create chg --flavor tiny --image raw
chg=$(uuid_of chg)
mark 65
run f server resize chg --flavor wider
is_eq "$rc $err" "0 " "a server with disks in Ceph gets another flavor"
is_eq "$(pool_of chg) $(size_of "${chg}_disk") $(snaps_of "${chg}_disk")" "${chg}_disk ${chg}_disk.swap 2147483648 virtloom-resize" \
  "its disk is grown, what was on it kept, and swap made"
true_that "with what it had" marked chg 65
mark 66
run f server resize revert chg
is_eq "$rc $err $(pool_of chg) $(size_of "${chg}_disk") $(snaps_of "${chg}_disk")" "0  ${chg}_disk 1073741824 " "taken back, it is what it was"
true_that "with what was on it" marked chg 65
must f server resize chg --flavor wider
mark 66
run f server resize confirm chg
is_eq "$rc $err $(pool_of chg) $(size_of "${chg}_disk") $(snaps_of "${chg}_disk")" "0  ${chg}_disk ${chg}_disk.swap 2147483648 " "confirmed, it stays"
true_that "with what was written since" marked chg 66
run f server rebuild chg
is_eq "$rc $err" "0 warning DisksRebuilt core: disks of server \"chg\" were made anew, and what was on them is gone: root, swap" "it is rebuilt"
is_eq "$(pool_of chg) $(size_of "${chg}_disk.2")" "${chg}_disk.2 ${chg}_disk.swap.2 2147483648" "on disks beside those that it had"
true_that "which are new" marked chg 0
must f server rebuild chg
is_eq "$(pool_of chg)" "${chg}_disk ${chg}_disk.swap" "once more, on disks where those were"
mark 67
run f server shelve chg
is_eq "$rc $err $(pool_of chg)" "0  " "shelved, it has none"
run f server unshelve chg
is_eq "$rc $err $(pool_of chg)" "0  ${chg}_disk ${chg}_disk.swap" "and gets them again"
true_that "with what was on them" marked chg 67
run f server resize chg --flavor tiny
has "$rc $err" "3 error ResizeError core: server \"chg\" has 2 GiB of root disk, flavor \"tiny\" 1" "no disk gets smaller"
must f flavor create swapless --vcpus 1 --ram 64 --disk 2
must f server resize chg --flavor swapless
is_eq "$(pool_of chg) $(snaps_of "${chg}_disk")" "${chg}_disk ${chg}_disk.swap virtloom-resize" "of a flavor without swap it stays meanwhile"
run f server delete chg
is_eq "$rc $err $(pool)" "0  $here" "a server that is deleted then leaves nothing"

# each_turn STEP ACT WORD...: a command that is killed at any of its runs of a program leaves the disk that
# was, or the one that was asked for, whole, and nothing else.
each_turn () {
  local n code=1 bad='' places=0 in_host at flavor=tiny
  [ "$2" = resize ] || flavor=wider
  in_host=(nsenter --target "$(host_init_pid one)" --mount --pid --net --uts --ipc)
  for n in $(kill_places "$1"); do
    must f server create chg --flavor $flavor --image raw
    mark 65
    LD_LIBRARY_PATH=$top_builddir/core/.libs run_killed "$n" memfd_create "${in_host[@]}" "$top_builddir/tools/.libs/virtloom" --tree "$top_builddir" \
      --config "$config" --state "$state" --driver fake -q server "${@:2}"
    code=$rc
    run f server list -o value -c name -c status
    at="$n: $code, then $(grep chg <<< "$out") $err"
    [ "$(pool_of chg | tr ' ' '\n' | grep -vc swap)" = 1 ] || bad="$bad $at: $(pool_of chg)"
    case $2,$out in
      *chg$'\tVERIFY_RESIZE'*) marked chg 65 || bad="$bad $at: lost" ;;
      rebuild,*chg$'\tACTIVE'*) marked chg 65 || marked chg 0 || bad="$bad $at: lost" ;;
      resize,*chg$'\tACTIVE'*)
        { marked chg 65 && [ "$(pool_of chg) $(size_of "$(root_of chg)") $(snaps_of "$(root_of chg)")" = "$(root_of chg) 1073741824 " ]; } || bad="$bad $at: $(pool_of chg)" ;;
      *) bad="$bad $at" ;;
    esac
    f server delete chg
    [ "$(pool)" = "$here" ] || bad="$bad $at: $(pool) is left"
    [ "$code" -ne 0 ] && [ -z "$bad" ] || break
    places=$((places + 1))
  done
  is_eq "$code$bad" 0 "a $2 that is killed at any of $places runs of a program loses nothing"
  true_that "and they were several" test $places -gt 2
}
if host_run one strace -f -o "$tmp/trace" true 2> /dev/null; then
  each_turn 1 rebuild chg
  each_turn 1 resize chg --flavor wider
else
  skip "strace cannot follow processes here"
fi

# ---- the room ----

run f host usage -o json
true_that "host usage tells the pool's" test "$(value local_gb)" -le 1
setting rbd 'images_rbd_ceph_conf = /etc/ceph/far.conf' 'rbd_connect_timeout = 2'
run f host usage
is_eq "$rc $(head -n 1 <<< "$err")" '0 warning StorageFailed rbd: no monitor of the Ceph cluster of "/etc/ceph/far.conf" answers within 2 s: Connection timed out' "or why not"
setting rbd "${vms[@]}"

# ---- killed ----

# each_place STEP CALLS: a create is killed at its system calls CALLS, or the program that reaches Ceph is:
# it is whole or nothing, once `server list` has done what was left to do.
each_place () {
  local n code=1 bad='' places=0 in_host
  in_host=(nsenter --target "$(host_init_pid one)" --mount --pid --net --uts --ipc)
  for n in $(kill_places "$1"); do
    LD_LIBRARY_PATH=$top_builddir/core/.libs run_killed "$n" "$2" "${in_host[@]}" "$top_builddir/tools/.libs/virtloom" --tree "$top_builddir" \
      --config "$config" --state "$state" --driver fake -q server create k --flavor tiny --image raw
    code=$rc
    run f server list -o value -c name -c status
    case $code,$out in
      *,*k$'\tACTIVE'*) must f server delete k ;;
      0,* | *,*k$'\t'*) bad="$bad $n: $code, then $out $err" ;;
    esac
    [ "$(pool) $(parts)" = "$here rbd_id.UUID_disk" ] || bad="$bad $n: $(pool) $(parts)"
    [ "$code" -ne 0 ] && [ -z "$bad" ] || break
    places=$((places + 1))
  done
  is_eq "$code$bad" 0 "a create that is killed at any $2 of $places leaves nothing"
  true_that "and they were several" test $places -gt 2
}
if host_run one strace -f -o "$tmp/trace" true 2> /dev/null; then
  each_place 3 fdatasync,unlink
  each_place 7 sendmsg
else
  skip "strace cannot follow processes here"
fi
must f server delete here
is_eq "$(pool) $(rbd trash ls vms)" " " "nothing is left in Ceph"
run f state check
is_rc 0 "nor in STATE"
all_gone
done_testing
