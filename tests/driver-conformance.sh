#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# driver-conformance.sh DRIVER [libvirtd]: what every driver has to do, tried over the
# real program, each command a process of its own.  Skips with the reason where this
# machine lacks what the driver needs.  With "libvirtd", the guests are those of a
# private libvirtd.

. "$(dirname "$0")/tap.sh"
# Only for tests of a daemon; it is not installed.
[ -z "${2:-}" ] || . "$(dirname "$0")/rig/rig-lib.sh"
driver=$1 daemon=${2:-}
needs qemu-img qemu-utils

# What the driver's page says that it needs; nothing else is excused.
case $driver in
  qemu-tcg | libvirt-kvm) if [ -n "$daemon" ]; then hosts_or_skip; fi
    [ "$driver" = qemu-tcg ] || kvm_or_skip
    [ "$(uname -m)" = x86_64 ] || skip_all "the test's guest is for x86-64"
    needs qemu-system-x86_64 qemu-system-x86
    if [ -z "$daemon" ] && [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && ! getent passwd libvirt-qemu > /dev/null; then
      skip_all "root needs the user libvirt-qemu (Debian: libvirt-daemon-system)"
    fi
    ;;
esac

d () { vl --driver "$driver" "$@"; }
delete_all () {
  for each_server in one two three four five; do d server delete $each_server > /dev/null 2>&1; done
}
CLEANUPS="delete_all $CLEANUPS"
settings=()
if [ -n "$daemon" ]; then
  case $driver in
    libvirt-kvm)
      host_up one kvm
      # Where the kernel's KVM does not have all that its CPU promises.
      setting cpu-model 'cpu_model_extra_flags = -arch-capabilities'
      ;;
    *) host_up one ;;
  esac
  settings=("connection_uri = $(host_uri one)")
  setting "$driver" "${settings[@]}"
fi

# The state that a server is in, for the core and for the driver.
states () {
  run d server show "$1" -o json
  # A driver that writes there breaks the answer.
  [ "${out:0:1}" = '{' ] || diag "no JSON: $out" >&2
  [ "${out:0:1}" = '{' ] && echo "$(value status) $(value power_state)"
}
does () {
  local what=$1
  shift
  run d "$@"
  is_rc 0 "$what"
}
# acts WHAT VERB SERVER...: says nothing, whatever the driver would like to say.
acts () {
  does "$1" server "${@:2}"
  is_eq "$out" "" "and says nothing"
}
# What is left of servers in STATE, whoever keeps it: what is called by their uuids or their
# names at the hypervisor.  Of libvirt's own, definitions; its logs and caches stay.
left () {
  {
    find "$state" \( -path "$state/images" -o -path "$state/libvirt" \) -prune \
      -o \( -name '????????-????-????-????-????????????*' -o -name 'vl-*' \) -print
    find "$state/libvirt/etc/qemu" "$state/libvirt/run/qemu" "$state/libvirt/guests" "$state/libvirt/guests-kvm" \
      -mindepth 1 -maxdepth 1 \( -name '*-*-*' -o -name 'vl-*' \) ! -name '*.new'
  } 2> /dev/null | sort
}
processes () { pgrep -fc "[g]uest=vl-.*$state"; }

# ---- the guest ----

# One boot sector of 16-bit code.  It writes "guest up" to the serial port,
# enables the ACPI power button (0x602), and sleeps until it is pressed (bit 8 of
# 0x600); then it switches itself off (0x2000 to 0x604).  The interrupt of the
# button is masked, since nobody here would acknowledge it.
guest_image () {
  printf '\xfa\x31\xc0\x8e\xd8\x8e\xd0\xbc\x00\x7c\xfc\xbe\x3b\x7c\xac\x84\xc0\x74\x06\xba\xf8\x03\xee\xeb'
  printf '\xf5\xe4\xa1\x0c\x02\xe6\xa1\xba\x02\x06\xb8\x00\x01\xef\xfb\xf4\xba\x00\x06\xed\xf6\xc4\x01\x74'
  printf '\xf6\xba\x04\x06\xb8\x00\x20\xef\xf4\xeb\xfd''guest up\r\n\0'
  head -c 440 /dev/zero
  printf '\x55\xaa'
  head -c 1048064 /dev/zero
}
guest_image > "$tmp/boot.img"

case $driver in
  fake) says='boot 1' ;;
  *) says='guest up' ;;
esac
# A driver whose code has failed is not waited for.
logged_or_faulty () {
  run d server log "$1"
  case $out in *"$says"*) logged=yes ;; *) logged=no ;; esac
  case $err in *PluginFault* | *PluginRefused*) ;; *) [ $logged = yes ] ;; esac
}
logged () {
  wait_for 300 logged_or_faulty "$1"
  [ "$logged" = yes ]
}

# ---- the list ----

does "a flavor" flavor create f --vcpus 1 --ram 64 --disk 0
does "an image" image create i --file "$tmp/boot.img" --disk-format raw

does "spawn" server create one --flavor f --image i
is_eq "$(states one)" "ACTIVE RUNNING" "a spawned guest runs"
# Nothing that follows makes sense without one.
[ "$failures" -eq 0 ] || done_testing
does "list" server list
has "$out" one "the next process finds it"
true_that "the console says what the guest wrote" logged one

# ---- figures and consoles ----

command -v jq > /dev/null || bail "jq is missing (Debian: jq)"
figure () { jq -r "$1" <<< "$out"; }
# Calls that a driver may lack; what it has of them works.
lacking () { case $out$err in *"does not have the call"*) skip "$driver has no $1" ;; *) return 1 ;; esac; }
# On a busy machine what only looks has not always the time to ask: it says so, and knows it the next time.
# A driver whose code has failed is not waited for.
says_guests () {
  run d host usage -o json
  case $out$err in *"does not have the call"* | *PluginFault* | *PluginRefused*) return 0 ;; esac
  [ "$(figure '.running_vms >= 1')" = true ]
}
says_figures () {
  run d server show one --diagnostics -o json
  case $out$err in *"does not have the call"* | *PluginFault* | *PluginRefused*) return 0 ;; esac
  [ "$rc" -eq 0 ]
}
wait_for 300 says_guests
if ! lacking "figures of the host"; then
  is_rc 0 "host usage"
  is_eq "$(figure '[.running_vms, .vcpus_used] | map (. >= 1) | all')" true "what guests take of the host"
  is_eq "$(figure '[.vcpus, .memory_mb, .local_gb] | map (. >= 1) | all')" true "what it has"
  is_eq "$(figure '.cpu_stats | [.idle, .user, .kernel] | map (. >= 0) | all')" true "the host's processors"
  true_that "and its uptime" test "$(figure .uptime)" -gt 0
fi
diagnoses=yes
wait_for 300 says_figures
if lacking "figures of guests"; then
  diagnoses=''
else
  is_rc 0 "diagnostics"
  is_eq "$(figure '.diagnostics | [.state, .memory_details.maximum, (.cpu_details | length), .disk_details[0].target] | map (tostring) | join (" ")')" \
    "running 65536 1 vda" "its figures"
  [ "$driver" = fake ] || is_eq "$(figure '.diagnostics | [.cpu_time, .memory_details.rss, .disk_details[0].read_bytes] | map (. > 0) | all')" true "which are not 0"
fi
run d server url one
if ! lacking "displays"; then
  is_rc 0 "url"
  has "$out" "unix:" "its display is a socket"
  run d server url one --type spice
  is_rc 4 "it has no other one"
  has "$err" "error ConsoleTypeUnavailable $driver: " "with Nova's code"
  [ "$driver" = fake ] || does "url of its serial port" server url one --type serial
fi
run d server show none --diagnostics
is_rc 5 "diagnostics of a server that is not there"

acts "pause" pause one
is_eq "$(states one)" "PAUSED PAUSED" "a paused guest is paused"
if [ -n "$diagnoses" ]; then
  does "diagnostics of a paused guest" server show one --diagnostics -o json
  is_eq "$(figure .diagnostics.state)" paused "say so"
fi
acts "unpause" unpause one
is_eq "$(states one)" "ACTIVE RUNNING" "an unpaused guest runs"

if [ "$driver" = qemu-tcg ] && [ -z "$daemon" ]; then
  # Times of boot that differ make libvirt's children complain, and those have
  # forgotten where its log goes.
  stale='import os, sys; [os.setxattr (f, "trusted.libvirt.security.timestamp_dac", b"1") for f in sys.argv[1:]]'
  if python3 -c "$stale" "$state"/servers/*/disk 2> /dev/null; then
    acts "hard reboot of a disk that was labelled at another time" reboot --hard one -q
    is_eq "$err" "" "and only virtloom speaks"
    true_that "its console is there again" logged one
  else
    skip "nothing here sets extended attributes of root (python3)"
  fi
fi
# libvirt's threads once crashed one command of 25 as it ended.
bad=0
for ((i = 0; i < 50; i++)); do d server log one > "$tmp/log" 2>&1 || bad=$((bad + 1)); done
is_eq "$bad" 0 "fifty commands end well"
run d server screenshot one --file "$tmp/one.png"
case $err in
  *"does not have the call"*) skip "$driver takes no pictures" ;;
  *)
    is_rc 0 "a picture of it"
    is_eq "$(head -c 8 "$tmp/one.png" | od -An -tx1) $(stat -c %a "$tmp/one.png")" " 89 50 4e 47 0d 0a 1a 0a 600" "is a PNG"
    ;;
esac
acts "soft reboot" reboot one
is_eq "$(states one)" "ACTIVE RUNNING" "it runs after a soft reboot"
acts "hard reboot" reboot --hard one
is_eq "$(states one)" "ACTIVE RUNNING" "it runs after a hard reboot"
true_that "its console is there again" logged one

acts "stop" stop one
is_eq "$(states one)" "SHUTOFF SHUTDOWN" "a stopped guest is off"
if [ -n "$diagnoses" ]; then
  run d server show one --diagnostics
  is_rc 3 "it has no figures"
fi
run d server url one
is_rc 3 "and no console"
acts "start" start one
is_eq "$(states one)" "ACTIVE RUNNING" "a started guest runs"

# ---- what a guest that hangs is looked into with ----

run d server dump create one
case $err in
  *"error NMINotSupported "*) skip "$driver interrupts no guest" ;;
  *)
    is_rc 0 "trigger_crash_dump"
    is_eq "$(states one)" "ACTIVE RUNNING" "an interrupted guest runs"
    ;;
esac
mkdir -m 700 "$tmp/own"
run d server dump create one --file "$tmp/own/memory"
case $err in
  *"does not have the call"*) skip "$driver writes no memory" ;;
  *)
    is_rc 0 "dump_memory"
    is_eq "$(stat -c %a%u "$tmp/own/memory") $(ls -A "$tmp/own")" "600$(id -u) memory" "the file is the caller's alone"
    true_that "and has something" test -s "$tmp/own/memory"
    is_eq "$(states one)" "ACTIVE RUNNING" "a guest whose memory was written runs"
    ;;
esac
rm -rf "$tmp/own"

# ---- its disk as an image ----

run d server image create one --name copy
case $err in *"does not have the call"* | *"error UnsupportedByDriver "*)
  skip "$driver copies no disk of a guest that runs"
  run d state check
  lacks "$out$err" "interrupted" "and begins nothing that nobody could finish"
  ;;
*)
  is_eq "$rc $err" "0 " "snapshot"
  is_eq "$(states one)" "ACTIVE RUNNING" "a guest whose disk was copied runs"
  acts "pause" pause one
  does "snapshot of a guest that is paused" server image create one --name still
  is_eq "$(states one)" "PAUSED PAUSED" "leaves it so"
  acts "unpause" unpause one
  does "a server is made of the image" server create five --flavor f --image copy
  is_eq "$(states five)" "ACTIVE RUNNING" "and runs"
  acts "stop" stop five --timeout 0
  does "its own image is read where it lies" server image create five --name off
  is_eq "$(states five)" "SHUTOFF SHUTDOWN" "it stays off"
  does "delete it" server delete five
  does "delete the images" image delete copy still off
  is_eq "$(find "$state/servers" -name snapshot)$(find "$state/images" -name '*.new')" "" "nothing is left" ;;
esac

acts "suspend" suspend one
is_eq "$(states one)" "SUSPENDED SUSPENDED" "a suspended guest is suspended"
acts "resume" resume one
is_eq "$(states one)" "ACTIVE RUNNING" "a resumed guest runs"

# Disks stay what they were made as.
main_setting storage 'images_type = flat' 'force_raw_images = no'
acts "hard reboot where new servers get copies" reboot --hard one
lacks "$err" GuestChanged "changes nothing of one that has an overlay"
does "create of one with a copy" server create flat --flavor f --image i
rm -f "$config/virtloom.conf"
does "hard reboot where new servers get overlays" server reboot --hard flat
lacks "$err" GuestChanged "changes nothing of one that has a copy"
does "delete it" server delete flat

# ---- another flavor ----

does "another flavor" flavor create g --vcpus 2 --ram 96 --disk 0
run d server resize one --flavor g --timeout 0
case $err in *"does not have the call"* | *"error UnsupportedByDriver "*)
  skip "$driver gives no guest another flavor"
  run d state check
  lacks "$out$err" "interrupted" "and begins nothing that nobody could finish"
  ;;
*)
  is_eq "$rc $out$err" "0 " "a guest gets another flavor"
  is_eq "$(states one)" "VERIFY_RESIZE RUNNING" "it runs with it"
  true_that "its console is there again" logged one
  acts "it gets the old one back" resize revert one --timeout 0
  is_eq "$(states one)" "ACTIVE RUNNING" "it runs with the old one"
  acts "stop" stop one --timeout 0
  acts "another one while it is off" resize one --flavor g
  is_eq "$(states one)" "VERIFY_RESIZE SHUTDOWN" "leaves it off"
  acts "confirm" resize confirm one
  acts "start" start one
  is_eq "$(states one)" "ACTIVE RUNNING" "it starts with the new one" ;;
esac

# ---- rescued, and made anew ----

run d server rescue one --timeout 0
if lacking "rescue"; then
  run d state check
  lacks "$out$err" "interrupted" "and begins nothing that nobody could finish"
else
  is_eq "$rc $out$err" "0 " "a guest is rescued"
  is_eq "$(states one)" "RESCUE RUNNING" "it runs from another disk"
  true_that "its console is there again" logged one
  acts "unrescue" unrescue one
  is_eq "$(states one)" "ACTIVE RUNNING" "it runs from its own again"
  acts "stop" stop one --timeout 0
  acts "rescue of one that is off" rescue one
  is_eq "$(states one)" "RESCUE RUNNING" "starts it"
  acts "unrescue of that" unrescue one
  is_eq "$(states one)" "ACTIVE RUNNING" "leaves it running"
fi
run d server rebuild one --timeout 0
if lacking "rebuild"; then
  run d state check
  lacks "$out$err" "interrupted" "and begins nothing that nobody could finish"
else
  is_rc 0 "a guest is made anew"
  is_eq "$(states one)" "ACTIVE RUNNING" "it runs from a new disk"
  true_that "its console is there again" logged one
  acts "stop" stop one --timeout 0
  run d server rebuild one
  is_rc 0 "and while it is off"
  is_eq "$(states one)" "SHUTOFF SHUTDOWN" "which leaves it off"
  acts "start" start one
  is_eq "$(states one)" "ACTIVE RUNNING" "it starts with new disks"
fi
run d server shelve one --timeout 0
if lacking "shelve"; then
  run d state check
  lacks "$out$err" "interrupted" "and begins nothing that nobody could finish"
else
  is_eq "$rc $out$err" "0 " "a guest is shelved"
  is_eq "$(states one)" "SHELVED_OFFLOADED SHUTDOWN" "it is off, and its disk is an image"
  run d server start one
  is_rc 3 "so that it is not started"
  acts "unshelve" unshelve one
  is_eq "$(states one)" "ACTIVE RUNNING" "it runs from a disk of that"
  true_that "its console is there again" logged one
fi

# ---- disks and interfaces that come and go ----

truncate -s 1M "$tmp/data.raw"
volumes () { d server show one -o json | grep -c '"target": *"vdb"'; }
run d server add volume one "path=$tmp/data.raw,format=raw"
case $err in *"does not have the call"* | *"error UnsupportedByDriver "*)
  skip "$driver attaches nothing"
  run d state check
  lacks "$out$err" "interrupted" "and begins nothing that nobody could finish"
  ;;
*)
  is_eq "$rc $err" "0 " "a volume is attached to a guest that runs"
  is_eq "$(states one) $(volumes)" "ACTIVE RUNNING 1" "which runs on"
  run d server add volume one "path=$tmp/data.raw,format=raw"
  is_rc 4 "a second time it is refused"
  acts "a hard reboot with it" reboot --hard one
  acts "pause" pause one
  # This guest has no system that lets go of anything.
  patience () { case $driver in qemu-tcg | libvirt-kvm) setting "$driver" "${settings[@]}" "$@" ;; esac; }
  patience 'device_detach_attempts = 2' 'device_detach_timeout = 1'
  run d server remove volume one vdb
  patience
  if [ "$rc" = 0 ]; then
    ok "it is detached"
  else
    is_rc 1 "a guest that does not let go of it"
    has "$err" "error DeviceDetachFailed $driver: guest 'vl-" "is told"
    has "$err" "to let go of 'volume-" "in words"
    is_eq "$(volumes)" 1 "and has it still"
    run d server create two --flavor f --image i --volume "path=$tmp/data.raw,format=raw"
    is_rc 4 "so that no other server can have it"
    has "$err" "is in use by server \"one\"" "for that reason"
    acts "it is off" stop one --timeout 0
    acts "then it is detached" remove volume one vdb
    acts "start" start one
  fi
  is_eq "$(volumes)" 0 "and gone"
  run d server add volume one "path=$tmp/none,format=raw"
  is_rc 5 "a volume that is not there"
  is_eq "$(volumes)" 0 "is not attached"
  acts "it is off" stop one --timeout 0
  does "a volume is attached to a guest that is off" server add volume one "path=$tmp/data.raw,format=raw"
  acts "which starts with it" start one
  is_eq "$(states one) $(volumes)" "ACTIVE RUNNING 1" "and has it"
  if [ -n "$diagnoses" ]; then
    run d host usage --volumes -o json
    is_eq "$rc $(figure '.volumes[] | [.server, .target, (.read_bytes >= 0)] | map (tostring) | join (" ")')" "0 one vdb true" "what it did to its volume"
  fi
  run d server extend volume one vdb --size 1
  if ! lacking "volumes that grow"; then
    is_eq "$rc $out$err" "0 1073741824" "a volume of a guest that runs grows"
    is_eq "$(stat -c %s "$tmp/data.raw") $(states one)" "1073741824 ACTIVE RUNNING" "and the guest runs on"
    run d server extend volume one vdb --size 1
    is_eq "$rc $out$err" "0 1073741824" "to what it has is nothing"
  fi
  truncate -s 1G "$tmp/swap.raw"
  run d server swap volume one vdb "path=$tmp/swap.raw,format=raw"
  if ! lacking "volumes that are swapped"; then
    is_eq "$rc $out$err $(states one)" "0  ACTIVE RUNNING" "a volume of a guest that runs gets another file"
    run d server diff one
    is_eq "$rc $out" "0 " "and a plan of today is no other"
    acts "and the first one again" swap volume one vdb "path=$tmp/data.raw,format=raw"
  fi
  run d server snapshot volume one vdb "$tmp/over.qcow2"
  if ! lacking "snapshots of volumes"; then
    is_eq "$rc $out$err $(states one)" "0  ACTIVE RUNNING" "a volume of a guest that runs gets a snapshot"
    run d server diff one
    is_eq "$rc $out" "0 " "and a plan of today is no other"
    acts "which is merged" unsnapshot volume one vdb
    is_eq "$(ls "$tmp/over.qcow2" 2> /dev/null)" "" "so that the overlay is gone"
  fi
  acts "it is off again" stop one --timeout 0
  run d server snapshot volume one vdb "$tmp/over.qcow2"
  if ! lacking "snapshots of volumes"; then
    is_eq "$rc $out$err" "0 " "one of a guest that is off gets one"
    acts "it starts with that" start one
    acts "and is off" stop one --timeout 0
    acts "merged while it is off" unsnapshot volume one vdb
  fi
  run d server extend volume one vdb --size 2
  if ! lacking "volumes that grow"; then
    is_eq "$rc $out$err $(stat -c %s "$tmp/data.raw")" "0 2147483648 2147483648" "one of a guest that is off grows"
  fi
  acts "and loses it" remove volume one vdb
  acts "start" start one ;;
esac

# ---- a quota of a guest that runs ----

run d server set one --property quota:disk_read_iops_sec=500
case $err in
  "error UnsupportedByDriver disk-qos: driver '$driver' "*)
    skip "$driver carries out no quota of disks"
    run d server diff one
    is_eq "$rc $out" "0 " "and none is on record"
    ;;
  *"the guest has it already: "*)
    is_rc 0 "a quota"
    ok "of a guest that runs, which has it"
    run d server diff one
    is_eq "$rc $out" "0 " "so that a plan of today is no other"
    run d server unset one --property quota:disk_read_iops_sec
    is_rc 0 "and none again"
    has "$err" "the guest has it already: " "at once"
    is_eq "$(states one)" "ACTIVE RUNNING" "it runs on"
    ;;
  *)
    is_rc 0 "a quota"
    skip "$driver changes nothing of a guest that runs"
    does "which waits" server unset one --property quota:disk_read_iops_sec
    ;;
esac

# Several commands at once wait for each other.
pids=''
for name in two three four; do
  d server create $name --flavor f --image i > "$tmp/$name" 2>&1 &
  pids="$pids $!"
done
bad=0
for pid in $pids; do wait "$pid" || bad=$((bad + 1)); done
is_eq "$bad" 0 "three spawns at once all succeed"
[ "$bad" -eq 0 ] || diag "$(cat "$tmp/two" "$tmp/three" "$tmp/four")"
for name in two three four; do is_eq "$(states $name)" "ACTIVE RUNNING" "$name runs"; done

# ---- what goes wrong ----

before=$(left)
case $driver in
  fake)
    setting fake 'fail = spawn'
    run d server create five --flavor f --image i
    is_rc 1 "a planned failure fails the spawn"
    has "$err" PlannedFailure "with its code"
    true_that "and is recorded" grep -q '^spawn .* failed$' "$state/fake/calls.log"
    setting fake 'fail = spwan'
    run d server create five --flavor f --image i
    is_rc 4 "a planned failure of no call is refused"
    has "$err" "'spwan' in setting 'fail' is not a method" "in words"
    setting fake
    ;;
  qemu-tcg | libvirt-kvm)
    run d server show two -o json
    guest=$(value domain)
    is_gone () { ! pgrep -f "[g]uest=$guest,"; }
    pkill -KILL -f "[g]uest=$guest,"
    # Being killed takes a moment on a busy machine.
    wait_for 300 is_gone
    # A daemon hears of it on its own thread.
    is_crashed () { [ "$(states two)" = "SHUTOFF CRASHED" ]; }
    true_that "a guest that died between two commands is off, and says so" wait_for 300 is_crashed
    has "$(d server show two)" "its QEMU process ended by itself" "and why"
    acts "it can be started again" start two
    is_eq "$(states two)" "ACTIVE RUNNING" "and runs"
    before=$(left)
    export VL_TEST_DROPPED=$tmp/dropped VL_TEST_DROP='/domain/devices/serial[1]'
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 \
      LD_PRELOAD=$top_builddir/tests/shim/.libs/drop-node.so \
      run d server create five --flavor f --image i
    is_rc 1 "a spawn of which libvirt forgets a device fails"
    has "$err" ReadBackMismatch "with its code"
    true_that "the device was taken out" test -s "$tmp/dropped"
    ;;
esac
is_eq "$(left)" "$before" "a failed spawn leaves nothing behind"
run d server show five
is_rc 5 "not even a record"

guests=''
for name in one two three four; do
  run d server show $name -o json
  guests="$guests $(value domain)"
  does "delete $name" server delete $name
done
is_eq "$(left)" "" "nothing is left of the servers"
is_eq "$(processes)" 0 "and no process"
is_eq "$(for guest in $guests; do find /sys/fs/cgroup -type d -name "*-$guest.*" 2> /dev/null; done)" "" \
  "and no control group"

done_testing
