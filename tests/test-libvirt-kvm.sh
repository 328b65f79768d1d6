#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libvirt-kvm and a private libvirtd whose /dev/kvm works, beyond the conformance suite:
# guests really run under KVM; `auto` takes it; one STATE has guests of two drivers; what
# libvirt offers but the host cannot do ends in words; a session.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
hosts_or_skip
kvm_or_skip
needs qemu-img qemu-utils
needs jq jq
k () { vl --driver libvirt-kvm -q "$@"; }
of () { k server show "$1" -o json | jq -r ".$2"; }
# On every host, whatever its KVM lacks.
safe='cpu_model_extra_flags = -arch-capabilities'
setting cpu-model "$safe"
truncate -s 1M "$tmp/empty.img"

host_up a kvm
setting libvirt-kvm "connection_uri = $(host_uri a)"
setting qemu-tcg "connection_uri = $(host_uri a)"
must k flavor create f --vcpus 1 --ram 64 --disk 0
must k image create i --file "$tmp/empty.img" --disk-format raw

# ---- guests of two drivers ----

run k server create s --flavor f --image i
is_rc 0 "a guest"
is "$(host_virsh a dumpxml "$(of s domain)" | grep -o "^<domain type='[a-z]*'")" "<domain type='kvm'" "libvirt's domain is of type kvm"
has "$(tr '\0' ' ' < "/proc/$(guest_pids)/cmdline")" " -accel kvm " "QEMU uses KVM"
uuid=$(of s uuid)
is "$(ls "$state/libvirt/guests-kvm")" "$uuid" "the driver notes whose it is"
run t server create e --flavor f --image i
is_rc 0 "an emulated guest of the same daemon in the same STATE"
is "$(host_virsh a dumpxml "$(t server show e -o json | jq -r .domain)" | grep -o "^<domain type='[a-z]*'")" "<domain type='qemu'" "is of type qemu"
is "$(vl server list -o json | jq -r '.servers[] | "\(.name) \(.power_state)"' | sort)" "e RUNNING
s RUNNING" "a list has both"
setting libvirt-kvm 'connection_uri = qemu:///system'
run k server stop s --timeout 0
is_rc 4 "a guest of another connection is not driven"
has "$err" "guest '$uuid' of this STATE is run by '$(host_uri a)', and connection_uri is 'qemu:///system'" "in words"
setting libvirt-kvm "connection_uri = $(host_uri a)"
run t server delete e
is_rc 0 "the emulated one is deleted"
run k server delete s
is_rc 0 "and the other"
is "$(ls "$state/libvirt/guests-kvm" "$state/libvirt/guests")" "$state/libvirt/guests:

$state/libvirt/guests-kvm:" "and nothing is noted"

# ---- auto, as a command of that host sees it ----

setting libvirt-kvm
setting qemu-tcg
mkdir "$rig/auto"
chmod 711 "$rig/auto"
inside () { host_run a "$VL_RUN" virtloom --config "$config" --state "$rig/auto/s" -q "$@"; }
must inside flavor create f --vcpus 1 --ram 64 --disk 0
must inside image create i --file "$tmp/empty.img" --disk-format raw
run inside server create s --flavor f --image i
is_rc 0 "a guest of the driver that is usable"
is "$(inside server show s -o json | jq -r '"\(.driver) \(.power_state)"')" "libvirt-kvm RUNNING" "which is libvirt-kvm"
run inside host check
has "$out" "PASS  driver libvirt-kvm: can be used, and is" "host check says so"
has "$out" "PASS  driver choice: libvirt-kvm, chosen by auto" "and who chose it"
run inside server delete s
is_rc 0 "delete"

# ---- a session ----

setting libvirt-kvm 'connection_uri = qemu:///session'
own=$rig/own
install -d -o 65534 -g 65534 -m 700 "$own" "$own/run"
chmod -R a+rX "$config"
chmod a+x "$tmp"
session () {
  host_run a setpriv --reuid 65534 --regid 65534 "$groups" env HOME="$own" XDG_RUNTIME_DIR="$own/run" \
    "$VL_RUN" virtloom --config "$config" --state "$own/s" -q "$@"
}
printf '[plugin]\nenabled = no\n' > "$config/plugins.d/qemu-tcg.conf"
groups=--clear-groups
run session --driver libvirt-kvm flavor create f --vcpus 1 --ram 64 --disk 0
if [ "$rc" -eq 0 ]; then
  run session host show
  has "$err" "no driver can be used on this machine: libvirt-kvm: nobody may not open /dev/kvm, which is root:libvirt-qemu with mode 0660 (adduser nobody libvirt-qemu, and log in anew)" \
    "a user who may not open the device is told what to do"
  groups=--groups=$(host_run a getent group libvirt-qemu | cut -d: -f3)
  run session --driver libvirt-kvm image create i --file "$tmp/empty.img" --disk-format raw
  run session --driver libvirt-kvm server create s --flavor f --image i
  is_rc 0 "a guest of a session"
  run session --driver libvirt-kvm server show s -o json
  is "$(value power_state)" RUNNING "runs"
  run session --driver libvirt-kvm server delete s
  is_rc 0 "and is deleted"
else
  skip "a session: another user cannot run this build tree"
fi

# ---- what is offered and does not start ----

# QEMU as it is, but for guests: then it says what stands in the file and fails.  It finds its
# modules beside the folder that it is in, so there it is under a name that the host does
# not need.  virtlogd is given a moment to read what QEMU said, or libvirt tells nothing of it.
setting libvirt-kvm "connection_uri = $(host_uri a)"
restart () {
  host_run a bash -c 'pkill -F /run/libvirtd.pid; while pgrep -x libvirtd > /dev/null; do sleep 0.1; done; '"$1"'
    /usr/sbin/libvirtd --daemon'
  wait_for 300 host_virsh a list
}
restart "
  mkdir $rig/a/own/qemu
  mount --bind /usr/bin/qemu-system-x86_64 /usr/bin/qemu-img
  printf '%s\n' '#!/bin/sh' 'case \"\$*\" in *guest=vl-*) cat $rig/a/own/qemu/says >&2; sleep 1; exit 1 ;; esac' \
    'exec /usr/bin/qemu-img \"\$@\"' > $rig/a/own/qemu/wrapper
  : > $rig/a/own/qemu/says
  chmod -R a+rX $rig/a/own
  chmod 755 $rig/a/own/qemu/wrapper
  mount --bind $rig/a/own/qemu/wrapper /usr/bin/qemu-system-x86_64"
fails () {
  host_run a sh -c "cat > $rig/a/own/qemu/says" <<< "$2"
  run k server create s --flavor f --image i
  is_rc 4 "$1"
  # libvirt words it by how far it had come.
  is "$(sed "s/vl-[0-9a-f]*'/vl-X'/; s/internal error: [a-z ]*: Could/internal error: WHEN: Could/" <<< "$err")" "error HypervisorUnavailable libvirt-kvm: cannot start guest 'vl-X': $3" "in words"
}
fails "a CPU flag whose register KVM does not have" "qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69
qemu-system-x86_64: ../../target/i386/kvm/kvm.c:2893: kvm_buf_set_msrs: Assertion \`ret == cpu->kvm_msr_buf->nmsrs' failed." \
  "KVM on this host does not let guests have register 0x10a (MSR), though a flag of their CPU promises it
  set cpu_model_extra_flags = -arch-capabilities in plugins.d/cpu-model.conf"
fails "a flag that is not known by its register" "qemu-system-x86_64: error: failed to set MSR 0x48f to 0x7fffff" \
  "KVM on this host does not let guests have register 0x48f (MSR), though a flag of their CPU promises it
  take the flag away with cpu_model_extra_flags in plugins.d/cpu-model.conf, or set cpu_mode = none there"
fails "a device that was closed meanwhile" "Could not access KVM kernel module: Permission denied" \
  "internal error: WHEN: Could not access KVM kernel module: Permission denied
  let the user that QEMU runs as open /dev/kvm: udevadm trigger --name-match=kvm; adduser libvirt-qemu kvm; systemctl restart libvirtd"
fails "a module that was taken out meanwhile" "Could not access KVM kernel module: No such file or directory" \
  "internal error: WHEN: Could not access KVM kernel module: No such file or directory
  modprobe kvm_intel || modprobe kvm_amd; systemctl restart libvirtd"
is "$(k server list -o json | jq ".servers | length") $(host_virsh a list --all --name | grep -c .)" "0 0" "nothing is left of them"

# ---- no QEMU ----

restart 'for file in /usr/bin/qemu-system-* /usr/bin/qemu-kvm; do [ ! -f "$file" ] || mount --bind /dev/null "$file"; done'
run k host show
run k server create s --flavor f --image i
is_rc 4 "a libvirt that finds no QEMU"
has "$err" "error HypervisorUnavailable libvirt-kvm: libvirt finds no QEMU for '$(uname -m)' on this host, and would say: no supported architecture for os type 'hvm'
  install QEMU (Debian: apt-get install qemu-system-x86, or the one of its architecture), then: systemctl restart libvirtd" "in words"

[ "$failures" -eq 0 ] || host_log a
done_testing
