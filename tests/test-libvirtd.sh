#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# qemu-tcg and a private libvirtd, beyond the conformance suite: guests of one connection
# are not lost sight of by another; what QEMU's user reaches; a resume that goes wrong; a
# daemon that is gone; a session.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
hosts_or_skip
needs qemu-img qemu-utils
calls () { "$top_builddir/tests/driver-calls" "$config" "$state" "$@"; }
truncate -s 1M "$tmp/empty.img"

host_up a
setting qemu-tcg "connection_uri = $(host_uri a)"
must t flavor create f --vcpus 1 --ram 64 --disk 0
must t image create i --file "$tmp/empty.img" --disk-format raw

run calls qemu-tcg process
is "$out" "
0" "a client of a daemon asks nothing of the process"
run calls qemu-tcg own-loop
is "$rc $out" "0 opened, the loop stands before the application runs it
its errors are told
it listens" "an application's own loop and its handler of errors stay its own"
is "$(t host show -o json | grep -o '"libvirt.secrets": [a-z]*')" '"libvirt.secrets": true' "a daemon keeps secrets, as its facts say"
run t server create s --flavor f --image i
made "a guest of the daemon"
is "$(stat -c '%a %g' "$state" "$state/servers" "$state/images" | sort -u)" "711 0" \
  "QEMU's user passes through the folders of STATE, which stay root's"
is "$(stat -c %a "$state/libvirt")" 700 "and through no other"
is "$(stat -c %a "$state/state.db")" 600 "nobody else reads what is on record"
is "$(host_virsh a domuuid "$(field s domain)" | grep .)" "$(field s uuid)" "libvirtd has the guest"
true_that "QEMU's user is not root" test "$(ps -o uid= -p "$(guest_pids)" | tr -d ' ')" = "$(host_run a id -u libvirt-qemu)"
run host_run a "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q server list
has "$out" ACTIVE "a command inside the host finds it"

# Nobody else may drive this STATE meanwhile.
uuid=$(field s uuid)
for uri in qemu:///embed qemu:///system; do
  setting qemu-tcg "connection_uri = $uri"
  run t server stop s --timeout 0
  is_rc 4 "a guest of one connection is not driven by $uri"
  is "$err" "error InvalidConfiguration qemu-tcg: guest '$uuid' of this STATE is run by '$(host_uri a)', and connection_uri is '$uri', where it could be neither seen nor stopped
  set connection_uri = $(host_uri a) until its server is deleted, or use another STATE" "in words"
done
setting qemu-tcg "connection_uri = $(host_uri a)"
must t server delete s
mkdir -p "$state/libvirt/etc/qemu"
touch "$state/libvirt/etc/qemu/vl-0123456789ab.xml"
run t server list
run t server create s --flavor f --image i
is_rc 4 "guests of the embedded driver are not lost sight of either"
has "$err" "guest 'vl-0123456789ab' of this STATE is run by 'qemu:///embed', and connection_uri is '$(host_uri a)'" "in words"
rm -r "$state/libvirt/etc"

# A folder above STATE that is closed.
chmod 700 "$rig"
run t server create s --flavor f --image i
is_rc 9 "a STATE that QEMU's user cannot come to is refused"
has "$err" "folder '$rig' does not let user $(host_run a id -u libvirt-qemu) pass, as whom libvirt runs QEMU: guests would not reach their disks below STATE
  chmod o+x $rig, or give another STATE with --state DIR" "with the folder's name"
is "$(t server list -o json | grep -c '"name"') $(ls "$state/libvirt/guests")" "0 " "nothing is left"
chmod 711 "$rig"

# ---- a resume that is not as it was asked for ----

must t server create s --flavor f --image i
must t server suspend s
export VL_TEST_DROPPED=$tmp/dropped VL_TEST_LIVE='/domain/devices/serial[1]'
ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 \
  LD_PRELOAD=$top_builddir/tests/shim/.libs/drop-node.so run t server resume s
unset VL_TEST_LIVE
is_rc 1 "a resumed guest that reads back otherwise"
has "$err" "error ReadBackMismatch serial-console: '/domain/devices/serial[1]' is missing from the running domain" "is told of"
has "$err" "error GuestPaused qemu-tcg: guest '$(field s domain)' has its saved memory back, but is not as it was asked for; it is left paused
  virtloom server unpause lets it run as it is; virtloom server reboot --hard makes it anew and loses that memory" "and kept"
is "$(field s status) $(power s)" "PAUSED PAUSED" "paused"
run t server unpause s
is_rc 0 "it can be let run"
is "$(field s status) $(power s)" "ACTIVE RUNNING" "and runs"
must t server delete s

# ---- what was asked of one daemon is not believed of another ----

must t plan --flavor f --image i
host_up b
setting qemu-tcg "connection_uri = $(host_uri b)"
kill -STOP "$(pgrep -f "^/usr/sbin/libvirtd --daemon" -P "$(host_init_pid b)")"
"$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q plan --flavor f --image i > "$tmp/asks" 2>&1 &
asker=$!
# Its child has a connection to who does not answer.
true_that "another daemon is asked for itself" wait_for 300 sh -c "for child in \$(cat /proc/$asker/task/$asker/children); do ls -l /proc/\$child/fd; done | grep -q socket:"
kill -KILL "$asker"
wait "$asker" 2> /dev/null
host_down b
run t host show
is_rc 8 "a daemon that is gone is exit 8"
has "$err" "systemctl start libvirtd" "with what to do"

# ---- a session ----

setting qemu-tcg 'connection_uri = qemu:///session'
own=$rig/own
install -d -o 65534 -g 65534 -m 700 "$own" "$own/run"
chmod -R a+rX "$config"
chmod a+x "$tmp"
session () {
  host_run a setpriv --reuid 65534 --regid 65534 --clear-groups env HOME="$own" XDG_RUNTIME_DIR="$own/run" \
    "$VL_RUN" virtloom --state "$own/s" --driver qemu-tcg -q "$@"
}
run session --config "$config" flavor create f --vcpus 1 --ram 64 --disk 0
if [ "$rc" -eq 0 ]; then
  run session --config "$config" image create i --file "$tmp/empty.img" --disk-format raw
  run session --config "$config" server create s --flavor f --image i
  is_rc 0 "a guest of a session"
  run session --config "$config" server show s -o json
  is "$(value power_state)" RUNNING "runs"
  install -d -o 65534 -g 65534 -m 700 "$own/.config" "$own/.config/libvirt"
  echo ' stdio_handler = "file"' > "$own/.config/libvirt/qemu.conf"
  run session --config "$config" host check
  has "$out" "'$own/.config/libvirt/qemu.conf' has stdio_handler = \"file\": nothing bounds the console logs of guests, and each can fill this disk
      set stdio_handler = \"logd\" there, and restart the daemon" "a daemon without virtlogd is told"
  run session --config "$config" server delete s
  is_rc 0 "and is deleted"
else
  skip "a session: another user cannot run this build tree"
fi
[ "$failures" -eq 0 ] || host_log a
done_testing
