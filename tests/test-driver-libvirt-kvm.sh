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

# A machine of its own: /proc/cpuinfo has $1, /proc/misc says that the kernel has KVM where $2 is
# "kvm", $3 makes /dev/kvm, and $4 is qemu.conf.  What there is to say, tests/machines has;
# here it is asked of this machine, by its own users and groups.
machine () {
  printf '%s\n' "$1" > "$tmp/cpuinfo"
  printf '%s\n' "200 tun" "${2:+232 kvm}" > "$tmp/misc"
  run env node="$3" user="${4:-}" vl_tmp="$tmp" unshare --mount bash -c '
    set -eu
    mount --bind "$vl_tmp/cpuinfo" /proc/cpuinfo
    mount --bind "$vl_tmp/misc" /proc/misc
    mount -t tmpfs own /sys/module
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
    exec "$@"' - "$VL_RUN" virtloom --config "$config" --state "$state" "${asked[@]}"
}
asked=(host show)
intel='flags		: fpu vmx lm sse' amd='flags		: fpu svm lm sse'
machine "$intel" "" ""
says "an Intel CPU without its module" "kvm_intel is not loaded (modprobe kvm_intel; where it says 'Operation not supported', turn Intel VT-x on in the firmware)"
machine "$amd" "" ""
says "an AMD CPU without its module" "kvm_amd is not loaded (modprobe kvm_amd; where it says 'Operation not supported', turn AMD-V (SVM) on in the firmware)"
machine 'flags		: fpu lm sse hypervisor' "" ""
says "a virtual machine" "the CPU shows neither vmx nor svm: this is a virtual machine, whose host does not let it run guests of its own (on its host: load kvm_intel or kvm_amd with nested=1, and give this machine a CPU that has the flag (cpu_mode = host-passthrough))"
machine $'processor	: 0\nplatform	: PowerNV' "" ""
says "a PowerNV without its module" "kvm_hv is not loaded (modprobe kvm_hv)"
machine $'processor	: 0\nplatform	: pSeries' "" ""
says "a partition of a POWER machine" "the platform is 'pSeries': KVM takes PowerNV (take a machine whose firmware starts Linux itself (PowerNV), or use driver qemu-tcg)"
machine "$intel" kvm ''
says "a kernel with KVM, and no device" "/dev/kvm is not there, though the kernel has KVM (rm -f /dev/kvm && mknod -m 660 /dev/kvm c 10 232 && chgrp kvm /dev/kvm)"
machine "$intel" kvm 'mknod -m 666 /dev/kvm c 10 254'
says "another device" "/dev/kvm is not the character device 10:232 (rm -f /dev/kvm && mknod -m 660 /dev/kvm c 10 232 && chgrp kvm /dev/kvm)"
machine "$intel" "" 'mknod -m 666 /dev/kvm c 10 232'
says "a node alone" "kvm_intel is not loaded (modprobe kvm_intel; where it says 'Operation not supported', turn Intel VT-x on in the firmware)"

closed () {
  says "$1" "/dev/kvm is $2, and $3 may not open it; udev gives it to group kvm with mode 0660 (udevadm trigger --name-match=kvm; without udev: chgrp kvm /dev/kvm && chmod 660 /dev/kvm)"
}
machine "$intel" kvm 'mknod -m 600 /dev/kvm c 10 232'
closed "a device of root's alone" "root:root with mode 0600" libvirt-qemu
machine "$intel" kvm 'mknod -m 660 /dev/kvm c 10 232; chgrp kvm /dev/kvm'
says "a group that QEMU's user is not in" "libvirt-qemu, as whom libvirt runs QEMU, may not open /dev/kvm, which is root:kvm with mode 0660 (adduser libvirt-qemu kvm && systemctl restart libvirtd)"
machine "$intel" kvm 'mknod -m 640 /dev/kvm c 10 232; chgrp kvm /dev/kvm' 'user = "other"'
closed "a group that may read only, and another user in qemu.conf" "root:kvm with mode 0640" other
machine "$intel" kvm 'mknod -m 600 /dev/kvm c 10 232; chown 777:888 /dev/kvm' 'user = "+64056"'
closed "numbers without a name" "777:888 with mode 0600" other
machine "$intel" kvm 'mknod -m 660 /dev/kvm c 10 232' 'user = "nowhere"'
says "a user that there is not" "/etc/libvirt/qemu.conf has QEMU run as 'nowhere', and there is no such user (adduser --system nowhere, or set another user there)"
nobody="no libvirt daemon listens at '/run/libvirt/libvirt-sock' for connection_uri 'qemu:///system' ($daemon)"
machine "$intel" kvm 'mknod -m 660 /dev/kvm c 10 232; chgrp kvm /dev/kvm' 'user = "other"'
says "a group that the user in qemu.conf is in, so that a daemon is what is missing" "$nobody"
machine "$intel" kvm 'mknod -m 660 /dev/kvm c 10 232; chgrp kvm /dev/kvm' $'user = "libvirt-qemu"\ngroup = "kvm"'
says "a group that qemu.conf names" "$nobody"
machine "" kvm 'mknod -m 600 /dev/kvm c 10 232' 'user = "root"'
says "QEMU that runs as root, whatever the CPU shows" "$nobody"
setting libvirt-kvm 'connection_uri = qemu:///session'
machine "$intel" kvm 'mknod -m 660 /dev/kvm c 10 254' 'user = "other"'
says "a session, of which another step fails" "/dev/kvm is not the character device 10:232 (rm -f /dev/kvm && mknod -m 660 /dev/kvm c 10 232 && chgrp kvm /dev/kvm)"

# `host check` has the same, as steps; what libvirt-kvm lacks is no fault where another acts.
setting libvirt-kvm
asked=(host check)
machine "$amd" "" ""
has "$out" "WARN  kvm module: kvm_amd is not loaded
      modprobe kvm_amd; where it says 'Operation not supported', turn AMD-V (SVM) on in the firmware" "host check says it as a step"
has "$out" "WARN  driver libvirt-kvm: kvm_amd is not loaded (modprobe kvm_amd; where it says" "and of the driver"

done_testing
