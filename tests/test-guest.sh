#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# One real guest with many features at once, and what it sees of them; then its
# life: commands that find it, pause, stop, reboot, an agent that answers.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image

# Rates and flags as no default has them, so that the guest cannot see them by
# chance.
setting cpu-model 'cpu_mode = custom' 'cpu_models = Nehalem' 'cpu_model_extra_flags = aes, -popcnt'
# On a busy machine a guest takes long to shut down.
must t image create linux --file "$image" --disk-format qcow2 --property hw_qemu_guest_agent=yes --property os_shutdown_timeout=600
must t flavor create all --vcpus 4 --ram 256 --disk 1 \
  --property hw:watchdog_action=none --property hw:pmu=no \
  --property hw_rng:rate_bytes=512 --property hw_rng:rate_period=1000 \
  --property hw:cpu_sockets=1 --property hw:cpu_cores=2 --property hw:cpu_threads=2

script look << 'END'
count () { cat /sys/devices/system/cpu/cpu[0-9]*/topology/"$1" | sort -u | grep -c .; }
echo "guest: topology $(count physical_package_id) $(count core_id) $(count thread_siblings_list)"
for flag in aes popcnt sse4_2; do
  if grep '^flags' /proc/cpuinfo | head -n 1 | grep -qw "$flag"; then echo "guest: flag $flag yes"; else echo "guest: flag $flag no"; fi
done
begin=$(date +%s)
dd if=/dev/hwrng of=/dev/null bs=512 count=6 iflag=fullblock 2> /dev/null
echo "guest: rng seconds $(($(date +%s) - begin))"
END

run t server create one --flavor all --image linux --volume "$(volume look)"
made "a guest with everything is made"
is_eq "$(power one)" RUNNING "the next command finds it running"
true_that "it boots and reports" says one "guest: report ends"
has "$(console one)" "guest: kernel " "its console has its kernel"
is_eq "$(tells one watchdog)" "/dev/watchdog0 i6300ESB timer" "its watchdog is the i6300esb"
has "$(tells one hwrng)" "virtio_rng.0 bytes " "its random numbers come from virtio"
true_that "and are numbers" grep -qE "^[0-9a-f]{16}\$" <<< "$(tells one hwrng virtio_rng.0 bytes)"
has "$(tells one agent port)" "/dev/vport" "the agent's port is there"
has "$(tells one cpu model)" Nehalem "the CPU is the model that the operator chose"
is_eq "$(tells one cpus)" 4 "it has four CPUs"
is_eq "$(tells one firmware)" bios "it was booted by a BIOS"
true_that "the script on its second disk runs" says one "guest: script ended"
is_eq "$(tells one flag aes)" yes "an extra flag is there"
is_eq "$(tells one flag popcnt)" no "a flag that was taken away is not"
is_eq "$(tells one flag sse4_2)" yes "the model's own flags are there"
is_eq "$(tells one topology)" "1 2 2" "1 socket, 2 cores, 2 threads each"
seconds=$(tells one rng seconds)
true_that "3 KiB at 512 bytes a second take their time (${seconds:-no answer} s)" test "${seconds:-0}" -ge 3
run t server log one
is_rc 0 "server log"
has "$out" "guest: report ends" "shows the console"
has "$(t server show one -o json)" "pmu" "the performance counters are off, and the plan says so"

# ---- what whoever breaks out of QEMU would have ----

command -v ss > /dev/null || bail "ss is missing (Debian: iproute2)"

# process FIELD: of QEMU's /proc/PID/status.
process () { awk -v field="$1:" '$1 == field { print $2 }' "/proc/$(pgrep -f "[g]uest=$(field one domain),")/status"; }
folder=$(field one run_dir)
if [ "$(id -u)" = 0 ]; then
  is_eq "$(process Uid)" "$(id -u libvirt-qemu)" "QEMU of root runs as libvirt-qemu"
  is_eq "$(process CapEff)" 0000000000000000 "without capabilities"
  is_eq "$(stat -c '%a %U' "$state")" "711 root" "STATE lets it pass and is root's"
  is_eq "$(stat -c '%a %U' "${folder%/run}")" "711 root" "so is the server's folder"
  is_eq "$(stat -c '%a %U' "$folder")" "700 libvirt-qemu" "only the folder of sockets and logs is its own"
  is_eq "$(stat -c '%a %U' "$state/state.db")" "600 root" "the records are root's alone"
else
  skip "QEMU of root is another user: this is not root"
fi
is_eq "$(process NoNewPrivs)" 1 "it gains no privileges"
is_eq "$(process Seccomp)" 2 "its system calls are filtered"
true_that "its display is a UNIX socket" test -S "$folder/vnc"
qemu=$(pgrep -f "[g]uest=$(field one domain),")
is_eq "$(ss -Hltnp 2> /dev/null | grep "pid=$qemu,")" "" "nothing of it listens on TCP"

# ---- the agent ----

# libvirt finds the agent a moment after it finds the guest; dommemstat waits for it.
agent () {
  local domain
  domain=$(field one domain)
  virsh -q -c "qemu:///embed?root=$state/libvirt" \
    "dommemstat $domain; qemu-agent-command $domain '{\"execute\": \"$1\"}'" 2> /dev/null | grep '^{'
}
if command -v virsh > /dev/null; then
  ping=$(agent guest-ping)
  is_eq "$ping" '{"return":{}}' "the agent answers a ping through libvirt"
  has "$(agent guest-info)" guest-fsfreeze-freeze "and lists what it can do"
else
  skip "the agent answers a ping through libvirt: virsh is missing (Debian: libvirt-clients)"
fi

# ---- its life ----

run t server pause one
is_rc 0 "pause"
is_eq "$(power one)" PAUSED "it is paused"
run t server unpause one
is_rc 0 "unpause"
is_eq "$(power one)" RUNNING "it runs again"

pid=$(guest_pids) begin=$SECONDS
run t server reboot one
is_rc 0 "soft reboot"
true_that "the guest shuts down by itself, and is not forced to ($((SECONDS - begin)) s)" test $((SECONDS - begin)) -lt 600
is_eq "$err" "" "without a word"
true_that "it is another process" test "$(guest_pids)" != "$pid"
true_that "which boots again" says one "guest: report ends"
pid=$(guest_pids)
run t server reboot one --hard
is_rc 0 "hard reboot"
true_that "is another process" test "$(guest_pids)" != "$pid"
is_eq "$(power one)" RUNNING "and runs"

run t server stop one --timeout 0
is_rc 0 "stop"
is_eq "$(power one) $(guest_pids)" "SHUTDOWN " "it is off, without a process"
if [ "$(id -u)" = 0 ]; then
  # Whom guests run as the operator's own qemu.conf says.
  printf 'user = "+0"\ngroup = "+0"\nstdio_handler = "file"\n' > "$state/libvirt/etc/qemu.conf"
  run t server start one
  is_rc 0 "start under a qemu.conf of the operator's"
  is_eq "$(process Uid)" 0 "which says whom guests run as"
  run t server stop one --timeout 0
  is_rc 0 "stop"
  rm "$state/libvirt/etc/qemu.conf"
  # As a QEMU that was broken out of would leave them for libvirt to follow.
  mv "$folder/console.log" "$folder/old"
  ln -s "$tmp/elsewhere" "$folder/console.log"
  ln "$folder/old" "$folder/second"
fi
run t server start one
is_rc 0 "start"
is_eq "$(power one)" RUNNING "it runs"
if [ "$(id -u)" = 0 ]; then
  is_eq "$(process Uid)" "$(id -u libvirt-qemu)" "as libvirt-qemu once more"
  true_that "what a link names is not written to" test ! -e "$tmp/elsewhere"
  true_that "the console's log is a file again" test -f "$folder/console.log" -a ! -L "$folder/console.log"
  true_that "and no second name of a file is left" test ! -e "$folder/second"
fi

# ---- hidden signature ----

if ! [ -w /dev/kvm ]; then
  skip "the hypervisor's signature is hidden: no /dev/kvm"
elif ! vl --driver libvirt-kvm -q server list > /dev/null 2> "$tmp/kvm"; then
  skip "the hypervisor's signature is hidden: $(head -n 1 "$tmp/kvm")"
else
  must vl --driver libvirt-kvm -q flavor create hidden --vcpus 1 --ram 256 --disk 1 \
    --property hw:hide_hypervisor_id=yes
  script signature << 'END'
if dmesg | grep -q 'Hypervisor detected: KVM'; then echo "guest: signature shown"; else echo "guest: signature hidden"; fi
END
  if vl --driver libvirt-kvm -q server create kvm --flavor hidden --image linux --volume "$(volume signature)" \
      > "$tmp/kvm" 2>&1; then
    says kvm "guest: script ended"
    is_eq "$(tells kvm signature)" hidden "the hypervisor's signature is hidden"
    must vl --driver libvirt-kvm -q server delete kvm
  else
    skip "the hypervisor's signature is hidden: $(head -n 1 "$tmp/kvm")"
  fi
fi

run t server delete one
is_rc 0 "delete"
all_gone
done_testing
