#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A QEMU that hangs, with each verb and each kind of connection; a daemon that hangs, dies
# and comes back.  The guests here hear nothing, since their disk is empty.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
guests_or_skip
v () { vl --driver qemu-tcg "$@"; }
# The QEMU of a server.
qemu () {
  local pid uuid
  uuid=$(field "$1" uuid)
  for pid in $(guest_pids); do
    ! tr '\0' ' ' < "/proc/$pid/cmdline" | grep -qF "servers/$uuid/" || echo "$pid"
  done
}
truncate -s 1M "$tmp/empty.img" "$tmp/volume.img"

deaf () {
  is_rc 8 "$1"
  has "$err" "error GuestNotResponding qemu-tcg: QEMU of guest '$(field a domain)' has not answered libvirt for 10 s
  try again; virtloom server stop --timeout=0 ends it as it is" "$1: in words"
}
# Every verb, with guest a whose QEMU is stopped, beside guest b whose QEMU is not.
verbs () {
  local pid pulled="warning ShutdownTimeout core: the guest of server \"a\" did not shut down in 1 s; the plug was pulled"
  must v flavor create f --vcpus 1 --ram 64 --disk 0
  must v image create i --file "$tmp/empty.img" --disk-format raw
  for each in a b; do must v server create $each --flavor f --image i; done
  pid=$(qemu a)
  kill -STOP "$pid"
  for verb in pause suspend; do
    run v server $verb a
    deaf "$1: $verb"
  done
  run v server add volume a "path=$tmp/volume.img,format=raw"
  deaf "$1: add volume"
  run v server list
  is "$rc $(grep -c 'ACTIVE *RUNNING' <<< "$out")" "0 2" "$1: list shows both"
  run v server show a
  has "$out" RUNNING "$1: show"
  run v server log a
  is_rc 0 "$1: log"
  run v server pause b
  is_rc 0 "$1: another guest is paused"
  run v server unpause b
  is_rc 0 "$1: and goes on"
  kill -CONT "$pid"
  run v server pause a
  is_rc 0 "$1: one that answers again is paused"
  kill -STOP "$pid"
  run v server unpause a
  deaf "$1: unpause"
  run v server list
  has "$out" PAUSED "$1: it is not forgotten that it is paused"
  kill -CONT "$pid"
  run v server unpause a
  is_rc 0 "$1: it goes on once it answers"
  must v server add volume a "path=$tmp/volume.img,format=raw"
  kill -STOP "$pid"
  run v server remove volume a "$tmp/volume.img"
  deaf "$1: remove volume"
  kill -STOP "$pid"
  run v server reboot --timeout=1 a
  is_rc 0 "$1: a soft reboot"
  has "$err" "$pulled" "$1: becomes a hard one"
  true_that "$1: with another QEMU" test "$(qemu a)" != "$pid"
  pid=$(qemu a)
  kill -STOP "$pid"
  run v server reboot --hard a
  is_rc 0 "$1: a hard one"
  kill -STOP "$(qemu a)"
  run v server stop --timeout=1 a
  is_rc 0 "$1: stop"
  has "$err" "$pulled" "$1: pulls the plug"
  must v server start a
  kill -STOP "$(qemu a)"
  run v server stop --timeout=0 a
  is_rc 0 "$1: stop at once"
  is "$(power a) $(power b)" "SHUTDOWN RUNNING" "$1: one is off, the other runs"
  must v server start a
  kill -STOP "$(qemu a)"
  run v server delete a
  is_rc 0 "$1: delete"
}

verbs embedded
must v server delete b
is "$(guest_pids)" "" "no QEMU is left"

hosts_or_skip
host_up a
setting qemu-tcg "connection_uri = $(host_uri a)"
verbs daemon

# ---- the daemon ----

libvirtd () { pgrep -f "^/usr/sbin/libvirtd --daemon" -P "$(host_init_pid a)"; }
hung=$(libvirtd)
kill -STOP "$hung"
run v server list
is_rc 0 "a daemon that hangs: list"
has "$out" "b " "shows what is on record"
has "$err" "libvirt at '$(host_uri a)' has not answered for 10 s" "and says why that is all"
run v server pause b
is_rc 8 "a daemon that hangs: pause"
has "$err" "error HypervisorUnavailable qemu-tcg: libvirt at '$(host_uri a)' has not answered for 30 s
  systemctl start libvirtd" "in words"
kill -CONT "$hung"
run v server pause b
is_rc 0 "one that answers again does it"
kill -KILL "$hung"
run v server unpause b
is_rc 8 "a daemon that died"
has "$err" "cannot connect to libvirt at '$(host_uri a)'" "in words"
# What libvirt asks at each step of a guest, from now on: it waits there as long as a file is there.
host_run a sh -c 'mkdir -p /etc/libvirt/hooks; cat > /etc/libvirt/hooks/qemu; chmod 755 /etc/libvirt/hooks/qemu' << 'END'
#!/bin/sh
cat > /dev/null
while [ -e "/run/libvirt/wait-$2" ]; do touch "/run/libvirt/waits-$2"; sleep 0.1; done
END
host_run a sh -c 'while pgrep -x libvirtd > /dev/null; do sleep 0.1; done; rm -f /run/libvirtd.pid; /usr/sbin/libvirtd --daemon'
wait_for 300 host_virsh a list
run v server list
has "$out" PAUSED "what was done before it died is so once it is back"
run v server unpause b
is_rc 0 "and it goes on"
is "$(power b)" RUNNING "as it was told"
run v server delete b
is_rc 0 "and is deleted"

# ---- what is finished by who only looks ----

touch "$rig/a/run/wait-started"
v server create c --flavor f --image i > /dev/null 2>&1 &
pid=$!
wait_for 300 test -e "$rig/a/run/waits-started"
all=$(job_pids $pid)
pkill -KILL -f -- "--state $state .*server create c "
{ wait $pid; } 2> /dev/null
for each in $all; do wait_for 300 has_ended "$each"; done
rm "$rig/a/run/wait-started"
touch "$rig/a/run/wait-release"
run_slow () { sleep 15; rm "$rig/a/run/wait-release"; }
run_slow &
run v server list
is "$rc $err" "0 " "libvirt takes 15 s to end what a killed create had begun: list waits for it"
lacks "$out" "c " "and undoes it"
is "$(host_virsh a list --all --name | grep -c .)" 0 "the daemon has no guest left"
[ "$failures" -eq 0 ] || host_log a
done_testing
