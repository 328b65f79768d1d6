#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Real Linux guests under KVM, from create to delete, and what they report from inside.

# shellcheck source=tests/nested/lib.sh
. "$top_srcdir/tests/nested/lib.sh"
mkdir -p "$work"
chmod 755 "$work"
ip link add br0 type bridge
ip link set br0 up

# What the guest's CPU shows, and whether its kernel took the machine for KVM's.
cat > "$work/look.disk" << 'INSIDE'
#!vl
grep -qw svm /proc/cpuinfo && echo "guest: svm yes" || echo "guest: svm no"
dmesg | grep -q 'Hypervisor detected: KVM' && echo "guest: hypervisor KVM" || echo "guest: hypervisor none"
last=
while :; do
  now=
  for disk in /sys/block/[vs]d*; do now="$now ${disk##*/}=$(cat "$disk/size")"; done
  [ "$now" = "$last" ] || echo "guest: sees$now."
  last=$now; sleep 1
done
INSIDE
cp "$work/look.disk" "$work/other.disk"
truncate -s 64K "$work"/*.disk
truncate -s 2M "$work/one.raw"
look="path=$work/look.disk,format=raw"

must k flavor create nests --vcpus 1 --ram 192 --disk 1 --property hw:nested_virt=required --property hw:watchdog_action=reset
must k flavor create hidden --vcpus 1 --ram 192 --disk 1 --property hw:nested_virt=disabled --property hw:hide_hypervisor_id=yes
must k image create linux --file "$top_srcdir/guest.qcow2" --disk-format qcow2 --property hw_qemu_guest_agent=yes

run k server create nests --flavor nests --image linux --volume "$look" --network bridge=br0
made "a guest with nesting, a watchdog and an interface on a bridge"
is "$(domain nests "^<domain type='[a-z]*'")" "<domain type='kvm'" "is of type kvm"
pid=$(pgrep -of "guest=$(field nests domain),")
has "$(tr '\0' ' ' < "/proc/$pid/cmdline")" " -accel kvm " "QEMU uses KVM"
is "$(ps -o user= -p "$pid")" "libvirt-qemu" "as libvirt-qemu"
has "$(cat "/proc/$pid/attr/current")" "(enforce)" "under a profile of AppArmor that is enforced"
has "$(ls -l "/proc/$pid/fd")" /dev/vhost-net "with vhost-net"
true_that "it boots and looks" says nests "guest: sees"
is "$(tells nests svm)" yes "it sees svm"
is "$(tells nests hypervisor)" KVM "and the hypervisor"
has "$(tells nests watchdog)" "i6300ESB" "and the watchdog"
sees=$(tells nests sees)
run k server add volume nests "path=$work/one.raw,format=raw"
is_rc 0 "add volume"
has "$err" "advice Advice nested-virt: while the guest runs guests of its own it cannot be migrated live" "with what nesting costs"
true_that "the guest sees it" says nests "guest: sees ${sees%.} vdc=4096."
run k server remove volume nests vdc
is_eq "$rc $out" "0 " "remove volume"
true_that "the guest does not see it any more" says nests "guest: sees $sees" 2
run k server pause nests
is_eq "$rc $err $(power nests)" "0  PAUSED" "pause"
run k server unpause nests
is_eq "$rc $err $(power nests)" "0  RUNNING" "unpause"
run k server reboot --hard nests
is_eq "$rc $err" "0 " "a hard reboot"
true_that "the guest boots anew" says nests "guest: sees $sees"

run k server create hidden --flavor hidden --image linux --volume "path=$work/other.disk,format=raw"
made "a guest without nesting, that shall not know"
true_that "it boots and looks" says hidden "guest: sees"
is "$(tells hidden svm)" no "it sees no svm"
is "$(tells hidden hypervisor)" none "and no hypervisor"
run k server stop hidden --timeout 0
is_eq "$rc $err $(power hidden)" "0  SHUTDOWN" "stop"
run k server start hidden
is_eq "$rc $err $(power hidden)" "0  RUNNING" "start"
run k server delete hidden
is_rc 0 "delete"
run k server delete nests
is_rc 0 "and the other"
is "$(virsh -q -c qemu:///system list --all --name | grep -c .)" 0 "libvirt has no guest"
is "$(denials)" "" "AppArmor refused nothing"
done_testing
