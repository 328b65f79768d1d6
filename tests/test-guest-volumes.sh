#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A volume whose file is exchanged, or whose bytes change, between the look at it and
# QEMU's: the guest is killed before it runs.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
[ -x "$top_builddir/tests/swap-file" ] || bail "tests/swap-file is not built: make check"
cd "$tmp" || exit 99

echo secret > canary
truncate -s 1M image.raw canary
# As another guest's disk would be: QEMU may open it.
chmod 666 canary
must t image create empty --file image.raw --disk-format raw
must t flavor create tiny --vcpus 1 --ram 64 --disk 1

# swapped FILE OTHER COMMAND...: runs it; OTHER takes the place of FILE once FILE was looked at.
swapped () {
  local file=$1 other=$2 swap
  shift 2
  "$top_builddir/tests/swap-file" "$file" "$other" > swap.log 2>&1 &
  swap=$!
  wait_for 120 grep -q ready swap.log || bail "swap-file: $(cat swap.log)"
  run "$@"
  kill "$swap" 2> /dev/null
  wait "$swap" 2> /dev/null
  has "$(cat swap.log)" swapped "the file is exchanged meanwhile"
}
evil () { qemu-img create -q -f qcow2 -o data_file="$tmp/canary",data_file_raw=on "$1" 1M; }
volume=$tmp/v
hint="  somebody exchanged a disk's file, or wrote to it; see whose it is"
killed () {
  is_eq "$rc" 1 "$1"
  has "$err" "error OtherFileOpen qemu-tcg: guest 'vl-" "is refused"
  has "$err" "$2" "in words"
  is_eq "$(guest_pids)" "" "and the guest is gone"
}

qemu-img create -q -f qcow2 "$volume" 1M
evil other
swapped "$volume" other t server create one --flavor tiny --image empty --volume "path=$volume,format=qcow2"
killed "create, of a volume whose data is elsewhere by then" "which is none of the files that were inspected for it; it was killed before it ran
$hint"
run t server show one
is_eq "$rc" 5 "no server is left"
is_eq "$(stat -c %u canary)" "$(id -u)" "the canary is whose it was"

rm -f "$volume"
truncate -s 1M "$volume" other
swapped "$volume" other t server create one --flavor tiny --image empty --volume "path=$volume,format=raw"
killed "create, of another file of the same kind" "\" open, which is none of the files that were inspected for it; it was killed before it ran"

run t server create one --flavor tiny --image empty --volume "path=$volume,format=raw"
made "nobody exchanges anything: a guest"
is_eq "$err" "" "without a word"
for verb in "reboot --hard" start; do
  truncate -s 1M other
  # shellcheck disable=SC2086
  swapped "$volume" other t server $verb one
  killed "$verb" "\" open, which is none of the files that were inspected for it; it was killed before it ran"
  is_eq "$(power one)" SHUTDOWN "the server is off"
done
run t server start one
is_rc 0 "it starts when nobody exchanges anything"
run t server suspend one
is_rc 0 "suspend"
truncate -s 1M other
swapped "$volume" other t server resume one
killed "resume, though its memory is lost by that" "it was killed before it ran"

# ---- a guest that runs ----

setting qemu-tcg 'device_detach_timeout = 1'
truncate -s 1M more other
run t server create live --flavor tiny --image empty
made "a guest without volumes"
swapped "$tmp/more" other t server add volume live "path=$tmp/more,format=raw"
is_eq "$rc" 1 "attach, of another file of the same kind"
has "$err" "error OtherFileOpen qemu-tcg: guest '$(field live domain)' has \"" "is refused"
has "$err" "\" open, which is none of the files that were inspected for it; it is taken out again" "in words"
has "$err" "error DeviceDetachFailed qemu-tcg: guest '$(field live domain)' was asked 1 times to let go of 'volume-" "a guest that does not let go"
is_eq "$(power live)" RUNNING "runs on"
has "$(t server show live -o json | jq -r '.fault + " " + .disks[-1].target')" "DeviceDetachFailed: guest '$(field live domain)' was asked 1 times" "the record says what it has, and why"
run t server stop live --timeout 0
run t server remove volume live vdb
is_eq "$rc $err" "0 " "it goes when the guest is off"
run t server delete live

# ---- a block device ----

if [ "$(id -u)" = 0 ] && loop=$(losetup -f --show "$tmp/image.raw" 2> /dev/null); then
  cleanup_loop () { losetup -d "$loop"; }
  CLEANUPS="$CLEANUPS cleanup_loop"
  run t server create two --flavor tiny --image empty --volume "path=$loop,format=raw"
  is_eq "$rc $err" "0 " "a block device"
  run t server delete two
else
  skip "a block device: there is no loop device"
fi

# ---- a server of another STATE ----

must t server delete one
must t server create one --flavor tiny --image empty --volume "path=$volume,format=raw"
uuid=$(t server show one -o json | jq -r .uuid)
# The other STATE shares image and flavor by their names alone. Its guest never comes to be.
other=$(mktemp -d /tmp/vl.XXXXXX)
chmod 711 "$other"
cleanup_other () { rm -rf "$other"; }
CLEANUPS="$CLEANUPS cleanup_other"
o () { "$VL_RUN" virtloom --config "$config" --state "$other" --driver qemu-tcg "$@"; }
must o image create empty --file image.raw --disk-format raw
must o flavor create tiny --vcpus 1 --ram 64 --disk 1
held () { # VOLUME WHAT
  local verb
  for verb in plan "server create two"; do
    # shellcheck disable=SC2086
    run o $verb --flavor tiny --image empty --volume "path=$1,format=raw"
    is_eq "$rc $(grep -v '^warning\|^advice' <<< "$err")" "4 error ComputeResourcesUnavailable core: volume '$1' is in use by server $uuid of another STATE, \"$state\"
  take it away there ('server remove volume'), or delete that server: virtloom --state $state server delete $uuid" "$verb: $2"
  done
}
held "$volume" "the volume of a server of another STATE"
ln "$volume" by-another-name
held "$tmp/by-another-name" "by another name"
if [ "$(id -u)" = 0 ] && second=$(losetup -f --show "$volume" 2> /dev/null); then
  # Only once: another test may have its name right after.
  cleanup_second () { [ -z "$second" ] || losetup -d "$second"; }
  CLEANUPS="$CLEANUPS cleanup_second"
  held "$second" "a device that shows it"
  losetup -d "$second" && second=''
else
  skip "a device that shows it: there is no loop device"
fi
must t server stop one --timeout 0
held "$volume" "of a server that is stopped, too"
must t server start one
is_eq "$(o server list -c Name --no-headings)" "" "no server is left"

# What has it and is none of ours: QEMU's lock says so.
flocked=$tmp/flocked
truncate -s 1M "$flocked"
stdbuf -oL timeout 600 qemu-io -f raw -c 'read 0 512' -c 'sleep 500000' "$flocked" > io.log 2>&1 &
io=$!
wait_for 120 grep -q 'read 512/512' io.log || bail "qemu-io: $(cat io.log)"
holder=$(pgrep -P $io)
run t server create two --flavor tiny --image empty --volume "path=$flocked,format=raw"
kill "$io"
is_rc 4 "a volume that another program has locked"
has "$err" "\"$flocked\" is in use by process $holder (qemu-io -f raw -c read 0 512 -c sleep 500000 $flocked)" "is told with who has it"
has "$err" "
  stop what has it; a volume is shared where each server's connection_info says \"multiattach\": true" "and how that is mended"
wait "$io" 2> /dev/null

run t server delete one
is_rc 0 "delete"
run o plan --flavor tiny --image empty --volume "path=$volume,format=raw"
is_rc 0 "a volume of a server that is gone is free"
all_gone
done_testing
