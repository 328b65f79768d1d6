#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Real Linux guests under KVM, and what they report from inside.

# shellcheck source=tests/nested/lib.sh
. "$top_srcdir/tests/nested/lib.sh"
install -d "$work"
# A bridge that the host's next boot has, too.
cat > /etc/systemd/network/br0.netdev << 'NETDEV'
[NetDev]
Name=br0
Kind=bridge
NETDEV
cat > /etc/systemd/network/br0.network << 'NETWORK'
[Match]
Name=br0
[Link]
RequiredForOnline=no-carrier
[Network]
ConfigureWithoutCarrier=yes
LinkLocalAddressing=no
NETWORK
systemctl -q enable --now systemd-networkd
true_that "systemd has a bridge" wait_for 300 ip link show br0

# What the guest's CPU shows, and whether its kernel took the machine for KVM's.
cat > "$work/look.disk" << 'INSIDE'
#!vl
grep -qw svm /proc/cpuinfo && echo "guest: svm yes" || echo "guest: svm no"
dmesg | grep -q 'Hypervisor detected: KVM' && echo "guest: hypervisor KVM" || echo "guest: hypervisor none"
echo "guest: megabytes $(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) / 64 / 1024 * 64))"
life=$(cat /proc/sys/kernel/random/uuid) last=
while :; do
  now=
  for disk in /sys/block/[vs]d*; do now="$now ${disk##*/}=$(cat "$disk/size")"; done
  [ "$now" = "$last" ] || { echo "guest: life $life"; echo "guest: sees$now."; }
  last=$now; sleep 1
done
INSIDE
cp "$work/look.disk" "$work/other.disk"
truncate -s 64K "$work"/*.disk
truncate -s 2M "$work/one.raw" "$work/empty.raw"

must k flavor create nests --vcpus 1 --ram 192 --disk 1 --property hw:nested_virt=required --property hw:watchdog_action=reset
must k flavor create larger --vcpus 1 --ram 256 --disk 2 --property hw:nested_virt=required --property hw:watchdog_action=reset
must k flavor create hidden --vcpus 1 --ram 192 --disk 1 --property hw:nested_virt=disabled --property hw:hide_hypervisor_id=yes \
  --property hw:pmu=no --property quota:vif_inbound_average=1024 --property quota:disk_total_iops_sec=5000
must k flavor create tiny --vcpus 1 --ram 64 --disk 0
must k image create linux --file "$top_srcdir/guest.qcow2" --disk-format qcow2 --property hw_qemu_guest_agent=yes
must k image create empty --file "$work/empty.raw" --disk-format raw

# ---- one that nests ----

run program --driver libvirt-kvm plan --flavor nests --image linux
has "$err" "advice Advice nested-virt: while the guest runs guests of its own it cannot be migrated live" "plan says what nesting costs"
run k server create nests --flavor nests --image linux --volume "path=$work/look.disk,format=raw" --network bridge=br0
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
is "$(tells nests megabytes)" 128 "and its memory"
sees=$(tells nests sees)
run k server add volume nests "path=$work/one.raw,format=raw"
is_rc 0 "add volume"
is_eq "$err" "" "without a word, as -q asks"
true_that "the guest sees it" says nests "guest: sees ${sees%.} vdc=4096."
run k server remove volume nests vdc
is_eq "$rc $out" "0 " "remove volume"
true_that "the guest does not see it any more" says nests "guest: sees $sees" 2
run k server image create nests --name shot
is_eq "$rc $err $(power nests)" "0  RUNNING" "an image of its disk, while it runs"
run k server pause nests
is_eq "$rc $err $(power nests)" "0  PAUSED" "pause"
run k server unpause nests
is_eq "$rc $err $(power nests)" "0  RUNNING" "unpause"
run k server resize nests --flavor larger
is_rc 0 "resize"
true_that "the guest boots anew, with a larger disk" says nests "guest: sees ${sees/vda=2097152/vda=4194304}"
is "$(tells nests megabytes)" 192 "and more memory"
run k server resize confirm nests
is_rc 0 "which is confirmed"

# ---- one that does not, and shall not know what it runs on ----

run k server create hidden --flavor hidden --image shot --volume "path=$work/other.disk,format=raw" --network bridge=br0
made "a guest of that image, without nesting and without a PMU, with limits of its disk and interface"
pid=$(pgrep -of "guest=$(field hidden domain),")
has "$(tr '\0' ' ' < "/proc/$pid/cmdline")" ",pmu=off " "QEMU gives it no PMU"
is "$(domain hidden '<pmu [^>]*>|<total_iops_sec>[0-9]*|<inbound [^>]*>' | sort)" "<inbound average='1024'/>
<pmu state='off'/>
<total_iops_sec>5000" "as the document has it, and the limits"
tap=$(domain hidden "<target dev='tap[^']*" | cut -d "'" -f 2)
has "$(tc class show dev "$tap")" "ceil 8192Kbit" "the kernel limits what the guest receives"
has "$(tc qdisc show dev "$tap")" "qdisc sfq" "and is fair to what it receives"
true_that "it boots and looks" says hidden "guest: sees"
is "$(tells hidden svm)" no "it sees no svm"
is "$(tells hidden hypervisor)" none "and no hypervisor"
is "$(denials)" "" "AppArmor refused nothing"
done_testing
