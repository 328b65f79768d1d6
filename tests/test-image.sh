#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Images that lie: refused when they come, and found again if they change while
# a server is built on them.  The canary is neither opened nor changes hands.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils

f () { vl --driver fake "$@"; }
cd "$tmp" || exit 99
echo secret > canary
before=$(stat -c '%u:%g:%a:%X:%Z' canary)
unchanged () { is_eq "$(stat -c '%u:%g:%a:%X:%Z' canary)" "$before" "the canary is as it was $1"; }

# refuse FILE FORMAT CODE-OF-EXIT PART WHAT [CODE]
refuse () {
  run f image create bad --file "$1" --disk-format "$2"
  is_rc "$3" "$5"
  has "$err" "error ${6:-ImageUnacceptable} core: " "$5: the code"
  has "$err" "$4" "$5: the words"
}

qemu-img create -q -f qcow2 good.qcow2 16M
qemu-img create -q -f qcow2 -u -F raw -b "$tmp/canary" backing.qcow2 16M
qemu-img create -q -f qcow2 -u -F raw -b 'json:{"file.filename":"/etc/passwd"}' json.qcow2 16M
qemu-img create -q -f qcow2 -o data_file="$tmp/data" external.qcow2 16M
qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 16M
printf '# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 1 FLAT "%s" 0\n' "$tmp/canary" > text.vmdk
: > empty
echo text > plain-text
mkfifo fifo
ln -s good.qcow2 link
head -c 60 good.qcow2 > cut.qcow2
dd if=good.qcow2 of=iso bs=512 count=1 status=none
truncate -s 64K iso
printf 'CD001' | dd of=iso bs=1 seek=32769 conv=notrunc status=none
touch -d @0 -a canary
before=$(stat -c '%u:%g:%a:%X:%Z' canary)

refuse backing.qcow2 qcow2 3 'names a backing file' "a backing file"
# shellcheck disable=SC2016 # a name that nothing may run
cp backing.qcow2 'a$(id)`id`.qcow2'
# shellcheck disable=SC2016
refuse 'a$(id)`id`.qcow2' qcow2 3 "where you trust that file: qemu-img convert -f qcow2 -O qcow2 'a\$(id)\`id\`.qcow2' NEW" "a name that is copied into a shell"
refuse json.qcow2 qcow2 3 'names a backing file' "a json: backing file"
refuse external.qcow2 qcow2 3 'external' "an external data file"
refuse flat.vmdk vmdk 3 'data lies elsewhere' "a VMDK extent outside"
refuse text.vmdk vmdk 3 'data lies elsewhere' "a VMDK descriptor"
refuse text.vmdk raw 3 'its bytes are those of vmdk' "a VMDK descriptor given as raw"
refuse good.qcow2 raw 3 'its bytes are those of qcow2' "qcow2 given as raw"
refuse iso iso 3 'its bytes are those of qcow2' "qcow2 in an ISO's system area"
refuse plain-text qcow2 3 'its bytes are not those of qcow2' "text given as qcow2"
refuse empty raw 3 'is empty' "an empty file"
refuse fifo raw 3 'is a FIFO' "a FIFO"
refuse link qcow2 3 'is a symbolic link' "a symbolic link"
refuse . raw 3 'is a folder' "a folder"
refuse /dev/zero raw 3 'is a device' "a device"
refuse cut.qcow2 qcow2 3 'ends inside its header' "a cut header"
refuse nothing raw 5 "cannot be read: No such file" "a missing file" NotFound
refuse good.qcow2 qcow3 3 'is not one of raw, qcow2' "an unknown format"
if [ "$(id -u)" -ne 0 ]; then
  cp good.qcow2 unreadable
  chmod 0 unreadable
  refuse unreadable qcow2 9 'Permission denied' "an unreadable file" NotPermitted
else
  skip "root reads everything"
fi
unchanged "after all of them"
is_eq "$(find "$state/images" -mindepth 1 2> /dev/null)" "" "nothing was kept"

# ---- the image changes below a server ----

chmod 600 canary
run f image create img --file good.qcow2 --disk-format qcow2
is_rc 0 "a good image"
run f flavor create m1 --vcpus 1 --ram 128 --disk 1
run f server create web --flavor m1 --image img
is_rc 0 "a server on it"
run f server create xml --flavor m1 --image img --dry-run
stored=$(find "$state/images" -type f)
run f server show web -o json
uuid=$(value uuid)
has "$out" "backingStore" "the plan carries its backing chain"
chmod u+w "$stored"
cp backing.qcow2 "$stored"
touch -d @0 -a canary
before=$(stat -c '%u:%g:%a:%X:%Z' canary)
run f server create second --flavor m1 --image img
is_rc 3 "create on an image that was changed"
has "$err" 'names a backing file' "says so"
unchanged "after create"
run f server reboot --hard web
is_rc 3 "hard reboot likewise"
unchanged "after reboot"
run f server stop web
run f server start web
is_rc 3 "start likewise"
unchanged "after start"
cp good.qcow2 "$stored"
qemu-img rebase -u -f qcow2 -F raw -b "$tmp/canary" "$state/servers/$uuid/disk"
run f server start web
is_rc 3 "a disk whose header was changed"
has "$err" "names backing file \"$tmp/canary\" instead of" "says so"
unchanged "after start"
run f server delete web
is_rc 0 "delete"
unchanged "after delete"
run f image delete img
is_rc 0 "image delete"
is_eq "$(find "$state/images" "$state/servers" -mindepth 1)" "" "nothing is left"

# ---- volumes are looked at, never made, never removed ----

qemu-img create -q -f qcow2 volume.qcow2 16M
run f image create img --file good.qcow2 --disk-format qcow2
run f server create vol --flavor m1 --image img --volume "path=$tmp/volume.qcow2,format=qcow2"
is_rc 0 "a volume"
run f server delete vol
true_that "stays when its server goes" test -s volume.qcow2
run f server create vol --flavor m1 --image img --volume "path=$tmp/backing.qcow2,format=qcow2"
is_rc 3 "a volume with a backing file is refused"
unchanged "after that"
true_that "and stays" test -s backing.qcow2

# ---- kernels, RAM disks and config drives, at each start ----

head -c 64K /dev/zero > kernel
for part in kernel ramdisk; do run f image create $part --file kernel --disk-format raw; done
run f image create booted --file good.qcow2 --disk-format qcow2 --property kernel_id=kernel --property ramdisk_id=ramdisk
run f server create boots --flavor m1 --image booted --config-drive
is_eq "$rc $err" "0 " "a server with kernel, RAM disk and config drive"
uuid=$(f server show boots -o json | sed -n 's/.*"uuid": *"\([^"]*\)".*/\1/p' | head -n 1)
xml=$(f server show boots -o json)
# changed FILE MESSAGE: what the verbs say of it; it is put back.
changed () {
  local verb
  for verb in "reboot --hard" reboot "reboot --hard --update" start resume; do
    mv "$1" kept
    case $verb in
      start) mv kept "$1"; f server stop boots > /dev/null; mv "$1" kept ;;
      resume) mv kept "$1"; f server start boots > /dev/null; f server suspend boots > /dev/null; mv "$1" kept ;;
    esac
    case $2 in
      *"symbolic link"*) ln -s "$tmp/canary" "$1" ;;
      *FIFO*) mkfifo "$1" ;;
      *) cp good.qcow2 "$1" ;;
    esac
    # shellcheck disable=SC2086
    run f server $verb boots
    is_eq "$rc $(grep error <<< "$err")" "3 error ImageUnacceptable core: image file \"$1\" $2" "$verb: $2"
    rm -f "$1"
    mv kept "$1"
  done
  run f server resume boots
  is_rc 0 "resume"
}
for part in kernel initrd; do
  file=$(sed -n "s/.*<$part>\([^<]*\)<.*/\1/p" <<< "$xml" | head -n 1)
  changed "$file" "is a symbolic link; accepted: a regular file"
  changed "$file" "was given as raw, but its bytes are those of qcow2"
done
changed "$state/servers/$uuid/disk.config" "is a symbolic link; accepted: a regular file"
changed "$state/servers/$uuid/disk.config" "is a FIFO; accepted: a regular file"
unchanged "after all of them"
f server delete boots > /dev/null

# ---- a large file without data ----

truncate -s 4T sparse.raw
run f image create sparse --file sparse.raw --disk-format raw
is_eq "$rc $err" "3 error ImageUnacceptable core: image file \"sparse.raw\" is a disk of 4398046511104 bytes; accepted: at most \
1099511627776, the max_image_size of [storage]
  where such images are wanted, set a larger max_image_size in virtloom.conf" "is refused before it is read"

# ---- files may not grow (ulimit -f) ----

head -c 4M /dev/urandom > grows.raw
before=$(find "$state/images" | sort)
# limited KIB WORD...: the command, where a file has at most so much.
limited () { (ulimit -f "$1" && shift && exec "$VL_RUN" virtloom --driver fake --config "$config" --state "$state" "$@"); }
run limited 512 image create grows --file grows.raw --disk-format raw
is_eq "$rc $out" "1 " "an image is larger than a file may be"
true_that "which is told" grep -q "^error ToolFailed core: the program \"cp\" failed: .*: File too large\$" <<< "$err"
is_eq "$(find "$state/images" | sort)" "$before" "and leaves nothing"
run limited 1 flavor create tiny --vcpus 1 --ram 128 --disk 1
is_eq "$rc $out $err" "1  error StoreFailed core: cannot use \"$state/state.db\": disk I/O error (File too large)" "no record may grow"
run f flavor create tiny --vcpus 1 --ram 128 --disk 1
is_eq "$rc $err" "0 " "which is whole"

# ---- a full disk ----

if unshare -rm true 2> /dev/null; then
  mkdir full
  cat > full.sh <<'END'
mount -t tmpfs -o size=24m,mode=700 none "$1/full" || exit 98
cd "$1" || exit 98
shift
"$@"
code=$?
find full/images full/servers -mindepth 1 | grep . && echo LEFT
exit $code
END
  head -c 40M /dev/urandom > large.raw
  run unshare -rm bash full.sh "$tmp" "$VL_RUN" virtloom --driver fake --config "$config" --state "$tmp/full" \
    image create large --file "$tmp/large.raw" --disk-format raw
  if [ "$rc" -eq 98 ]; then skip "no tmpfs in a namespace"; else
    is_rc 1 "an image that does not fit"
    has "$err" 'error DiskFull core: ' "is called so"
    has "$(sed 's/, and [0-9]* are/, and N are/' <<< "$err")" "/image\" may become 41943040 bytes large, and N are free there
  make room in the file system at \"$tmp/full\", then try again" "in words, before anything is written"
    lacks "$out" LEFT "and leaves nothing"
    # Small files that are large disks, each a bomb when it is converted.
    truncate -s 1G huge.raw
    for format in vmdk vdi vpc; do
      qemu-img convert -q -f raw -O "$format" huge.raw "bomb.$format"
      run unshare -rm bash full.sh "$tmp" "$VL_RUN" virtloom --driver fake --config "$config" --state "$tmp/full" \
        image create bomb --file "$tmp/bomb.$format" --disk-format "${format/vpc/vhd}"
      is_rc 1 "a bomb: $format"
      has "$err" "error DiskFull core: \"$tmp/full/images/" "is refused"
      true_that "for the disk that it says it is" grep -qE "may become 107[0-9]{7} bytes large, and [0-9]* are free there" <<< "$err"
      lacks "$out" LEFT "and leaves nothing"
    done
  fi
else
  skip "no namespaces for a full disk"
fi

done_testing
