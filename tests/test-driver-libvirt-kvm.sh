#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libvirt-kvm without guests: plans for recorded hosts, which connections it takes, and why
# KVM cannot be used on a machine, with what mends it.  test-driver-libvirt-kvm-libvirtd.sh
# runs guests.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

k () { vl --driver libvirt-kvm "$@"; }
cat > "$tmp/request.json" << 'END'
{"name": "k",
 "flavor": {"name": "f", "vcpus": 1, "ram": 512, "disk": 1},
 "image": {"name": "i", "disk_format": "qcow2", "size": 1048576, "status": "active"}}
END
host=$tmp/host.json
k --host generic-x86_64 host show -o json > "$host"
plan () { run k --host "$host" plan --request "$tmp/request.json"; }

plan
is_rc 0 "a plan for a recorded host"
has "${out//\'/\"}" '<domain type="kvm"' "is of type kvm"
sed '/"guest\.x86_64\.types"/s/, "kvm"//' "$host" > "$tmp/nokvm.json"
run k --host "$tmp/nokvm.json" plan --request "$tmp/request.json"
is_rc 0 "a recorded host without KVM is planned for"
is "$err" "warning HypervisorUnavailable libvirt-kvm: the recorded host has no KVM for 'x86_64' (guest.x86_64.types has no 'kvm'): as it was recorded it would not define this guest" "with a warning"

# ---- which connections ----

refused () {
  setting libvirt-kvm "connection_uri = $1"
  plan
  is_rc 4 "$1 is refused"
  is "$err" "error InvalidConfiguration libvirt-kvm: connection_uri '$1' $2
  accepted: qemu:///system, qemu:///session, qemu+unix:///system?socket=PATH, qemu+unix:///session?socket=PATH; set it in plugins.d/libvirt-kvm.conf" "in words"
}
refused qemu+ssh://elsewhere/system "is reached through 'ssh', as other machines are; disks are made and judged on this one"
refused qemu://elsewhere/system "is of another machine ('elsewhere'); disks are made and judged on this one"
refused xen:///system "is of libvirt's driver 'xen'; this one runs QEMU"
refused qemu:///embed "is libvirt's driver in the process, which driver qemu-tcg alone uses"
for uri in qemu:///system qemu:///session 'qemu+unix:///system?socket=/nowhere/sock'; do
  setting libvirt-kvm "connection_uri = $uri"
  plan
  is "$rc $err" "0 " "$uri is taken"
done
run k host show
is_rc 8 "a daemon that does not listen is exit 8"
has "$err" "cannot connect to libvirt at 'qemu+unix:///system?socket=/nowhere/sock'" "with the connection"
has "$err" "
  systemctl start libvirtd; Debian: apt-get install libvirt-daemon-system" "and what to do"

# ---- why KVM cannot be used ----

# Without a driver that can be used, `auto` says why each was passed by.
printf '[plugin]\nenabled = no\n' > "$config/plugins.d/qemu-tcg.conf"
chmod go-w "$config/plugins.d/qemu-tcg.conf"
says () {
  is_rc 4 "$1"
  is "$err" "error DriverUnavailable core: no driver can be used on this machine: libvirt-kvm: $2
  virtloom host check" "in words"
}
daemon="systemctl start libvirtd; Debian: apt-get install libvirt-daemon-system"
run vl host show
says "no daemon" "no libvirt daemon listens at '/nowhere/sock' for connection_uri 'qemu+unix:///system?socket=/nowhere/sock' ($daemon)"

setting libvirt-kvm
if [ "$(id -u)" != 0 ] || ! unshare --mount true 2> /dev/null; then
  skip "machines without KVM: no mount namespace here, which takes root"
  done_testing
fi

# A machine of its own: /proc/cpuinfo has $1, the modules are $2, and $3 makes /dev/kvm.
machine () {
  printf '%s\n' "$1" > "$tmp/cpuinfo"
  run env modules="$2" node="$3" user="${4:-}" vl_tmp="$tmp" unshare --mount bash -c '
    set -eu
    mount --bind "$vl_tmp/cpuinfo" /proc/cpuinfo
    mount -t tmpfs own /sys/module
    for module in $modules; do mkdir "/sys/module/$module"; done
    mkdir -p "$vl_tmp/m"
    mount -t tmpfs own "$vl_tmp/m"
    mkdir "$vl_tmp/m/etc" "$vl_tmp/m/work" "$vl_tmp/m/dev"
    mount -t overlay -o "lowerdir=/etc,upperdir=$vl_tmp/m/etc,workdir=$vl_tmp/m/work" own /etc
    printf "%s\n" root:x:0:0::/root:/bin/sh libvirt-qemu:x:64055:64055::/:/bin/sh other:x:64056:64056::/:/bin/sh > /etc/passwd
    printf "%s\n" root:x:0: kvm:x:64057:other libvirt-qemu:x:64055: other:x:64056: > /etc/group
    mkdir -p /etc/libvirt
    printf "%s\n" "# user = \"root\"" "$user" > /etc/libvirt/qemu.conf
    cp -a /dev/null /dev/zero /dev/random /dev/urandom "$vl_tmp/m/dev"
    mount --bind "$vl_tmp/m/dev" /dev
    mount -t tmpfs own /run
    eval "$node"
    exec "$@"' - "$VL_RUN" virtloom --config "$config" --state "$state" host show
}
intel='flags		: fpu vmx sse' amd='flags		: fpu svm sse'
gone='/dev/kvm is not there: '
machine "$intel" "" ""
says "an Intel CPU without its module" "${gone}the module kvm_intel is not loaded (modprobe kvm_intel; at each boot: echo kvm_intel > /etc/modules-load.d/kvm.conf; where modprobe says 'Operation not supported', turn Intel VT-x on in the firmware)"
machine "$amd" "" ""
says "an AMD CPU without its module" "${gone}the module kvm_amd is not loaded (modprobe kvm_amd; at each boot: echo kvm_amd > /etc/modules-load.d/kvm.conf; where modprobe says 'Operation not supported', turn AMD-V (SVM) on in the firmware)"
machine "$amd" "kvm kvm_amd" ""
says "a module without its device" "${gone}the module kvm_amd is loaded, but /dev/kvm cannot be used (modprobe -r kvm_amd && modprobe kvm_amd; udevadm trigger --name-match=kvm)"
machine 'flags		: fpu sse xsvmx' "" ""
says "virtualization off in the firmware" "${gone}the CPU shows neither vmx nor svm: turn Intel VT-x or AMD-V (SVM) on in the firmware"
machine 'flags		: fpu sse hypervisor' "" ""
says "a virtual machine" "${gone}the CPU shows neither vmx nor svm: this is a virtual machine, whose host has to let it run guests of its own (nested=1 of its kvm_intel or kvm_amd, and a CPU that has the flag)"
machine $'processor	: 0\nplatform	: PowerNV' "" ""
says "a PowerNV without its module" "${gone}the module kvm_hv is not loaded (modprobe kvm_hv; at each boot: echo kvm_hv > /etc/modules-load.d/kvm.conf)"
machine $'processor	: 0\nplatform	: pSeries' "" ""
says "a partition of a POWER machine" "${gone}the module kvm_pr is not loaded (modprobe kvm_pr; at each boot: echo kvm_pr > /etc/modules-load.d/kvm.conf)"
machine $'processor	: 0\nFeatures	: fp' "" ""
says "a CPU of which nothing is known" "${gone}the kernel offers no KVM on this CPU (see 'dmesg | grep -i kvm')"
# Of a number that no driver of the kernel has.
machine "$intel" "" 'mknod -m 666 /dev/kvm c 10 254'
says "a node alone" "/dev/kvm is a node without a device: the module kvm_intel is not loaded (modprobe kvm_intel; at each boot: echo kvm_intel > /etc/modules-load.d/kvm.conf; where modprobe says 'Operation not supported', turn Intel VT-x on in the firmware)"

qemu=", as whom libvirt runs QEMU, may not open /dev/kvm, which is"
trigger="udevadm trigger --name-match=kvm gives it to group kvm where udev has its rule; else: chgrp kvm /dev/kvm && chmod 660 /dev/kvm; then adduser"
machine "$intel" "kvm_intel" 'mknod -m 600 /dev/kvm c 10 232'
says "a device of root's alone" "user libvirt-qemu$qemu root:root with mode 0600 ($trigger libvirt-qemu kvm)"
machine "$intel" "kvm_intel" 'mknod -m 660 /dev/kvm c 10 232; chgrp kvm /dev/kvm'
says "a group that QEMU's user is not in" "user libvirt-qemu$qemu root:kvm with mode 0660 (adduser libvirt-qemu kvm, and start libvirtd anew)"
machine "$intel" "kvm_intel" 'mknod -m 640 /dev/kvm c 10 232; chgrp kvm /dev/kvm' 'user = "other"'
says "a group that may read only, and another user in qemu.conf" "user other$qemu root:kvm with mode 0640 ($trigger other kvm)"
machine "$intel" "kvm_intel" 'mknod -m 600 /dev/kvm c 10 232; chown 777:888 /dev/kvm' 'user = "+64056"'
says "numbers without a name" "user other$qemu 777:888 with mode 0600 ($trigger other kvm)"
nobody="no libvirt daemon listens at '/run/libvirt/libvirt-sock' for connection_uri 'qemu:///system' ($daemon)"
if { : <> /dev/kvm; } 2> /dev/null; then
  machine "$intel" "kvm_intel" 'mknod -m 660 /dev/kvm c 10 232; chgrp kvm /dev/kvm' 'user = "other"'
  says "a group that the user in qemu.conf is in, so that a daemon is what is missing" "$nobody"
  machine "$intel" "kvm_intel" 'mknod -m 600 /dev/kvm c 10 232; chgrp kvm /dev/kvm' $'user = "libvirt-qemu"\ngroup = "kvm"'
  says "a mode that leaves the group out" "user libvirt-qemu$qemu root:kvm with mode 0600 ($trigger libvirt-qemu kvm)"
  machine "$intel" "kvm_intel" 'mknod -m 660 /dev/kvm c 10 232; chgrp kvm /dev/kvm' $'user = "libvirt-qemu"\ngroup = "kvm"'
  says "a group that qemu.conf names" "$nobody"
  machine "" "" 'mknod -m 600 /dev/kvm c 10 232' 'user = "root"'
  says "QEMU that runs as root, whatever the CPU shows" "$nobody"
else
  skip "a /dev/kvm that can be used: $({ : <> /dev/kvm; } 2>&1)"
fi

done_testing
