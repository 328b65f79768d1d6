#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# After a boot of the host the guests that ran before it are started again, where the
# operator says so: the record keeps which those were.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3

# shellcheck source=tests/tree-lib.sh
. "$(dirname "$0")/tree-lib.sh"
statuses () { f server list | awk 'NR > 1 { print $1, $3 }'; }
# The host boots: all guests are off, and it has another boot id.
boot () {
  sed -i -E '1,/^$/s/^state (running|paused)$/state shutdown/' "$state"/fake/guests/*
  db "UPDATE setting SET value = 'the last boot' WHERE key = 'resumed'"
}
on () { main_setting virtloom 'resume_guests_state_on_host_boot = yes'; }

run f host resume
is_eq "$rc $out$err" "0 nothing is started: resume_guests_state_on_host_boot is off" "off, unless it is switched on"
on
run f host resume
is_eq "$rc $out$err" "0 " "without a STATE there is nothing to start"
true_that "and none is made" test ! -e "$state"
truncate -s 8M "$tmp/disk.raw"
f flavor create m1 --vcpus 1 --ram 128 --disk 1 > /dev/null
f image create img --file "$tmp/disk.raw" --disk-format raw > /dev/null
for name in db off paused saved web; do f server create "$name" --flavor m1 --image img > /dev/null; done
f server stop off
f server pause paused
f server suspend saved
boot
is_eq "$(statuses)" "db SHUTOFF
off SHUTOFF
paused SHUTOFF
saved SUSPENDED
web SHUTOFF" "after a boot all guests are off"
main_setting virtloom 'resume_guests_state_on_host_boot = no'
run f host resume
is_eq "$rc $out$err" "0 nothing is started: resume_guests_state_on_host_boot is off" "where it is off nothing is started"
on
setting fake 'fail = resume_state_on_host_boot'
run f host resume
is_eq "$rc $out$err" "1 error PlannedFailure fake: method 'resume_state_on_host_boot' fails as planned by setting 'fail'
error NotStarted core: server \"db\" was ACTIVE before the host's boot and could not be started
  the next 'virtloom host resume' tries it again
error NotStarted core: server \"web\" was ACTIVE before the host's boot and could not be started
  the next 'virtloom host resume' tries it again" "a start that fails is told for each"
setting fake
run f host resume
is_eq "$rc $out$err" "0 started db
started web" "those that ran are started by the next call"
is_eq "$(statuses)" "db ACTIVE
off SHUTOFF
paused SHUTOFF
saved SUSPENDED
web ACTIVE" "and they alone"
f server stop web
sed -i '1,/^$/s/^state running$/state shutdown/' "$state/fake/guests/$(db "SELECT uuid FROM server WHERE name = 'db'")"
run f host resume
is_eq "$rc $out$err" "0 " "once in a boot: what went off since stays off"
boot
run f host resume -o json
is_rc 0 "the next boot"
has "$out" '"started": [
    "db"
  ]' "starts what was not stopped by an operator"
boot
rm "$state/fake/guests/$(db "SELECT uuid FROM server WHERE name = 'db'")"
run f host resume
is_eq "$rc $err" "1 error InstanceInvalidState core: server \"db\" was ACTIVE before the host's boot and is ERROR: its driver does not know the guest any more
  virtloom server reboot --hard db" "a guest that is gone is told"
for name in db off paused saved web; do f server delete "$name"; done

# ---- servers of another flavor, of which that is to be confirmed ----

f flavor create m2 --vcpus 1 --ram 256 --disk 1 > /dev/null
for name in grown idle; do f server create "$name" --flavor m1 --image img > /dev/null; done
f server stop idle
for name in grown idle; do f server resize "$name" --flavor m2 > /dev/null; done
powers () { f server list -o value -c name,status,power_state | tr '\t' ' '; }
is_eq "$(powers)" "grown VERIFY_RESIZE RUNNING
idle VERIFY_RESIZE SHUTDOWN" "one that ran when it was resized, and one that did not"
boot
setting fake 'fail = resume_state_on_host_boot'
run f host resume
is_eq "$rc $out$err" "1 error PlannedFailure fake: method 'resume_state_on_host_boot' fails as planned by setting 'fail'
error NotStarted core: server \"grown\" ran before the host's boot and could not be started
  the next 'virtloom host resume' tries it again" "one that cannot be started is told"
setting fake 'delay_ms = resume_state_on_host_boot:600000'
"${cmd[@]}" host resume > /dev/null 2>&1 &
pid=$!
under_way () { [ "$(db "SELECT kind FROM operation")" = 'server start after a boot of the host' ]; }
true_that "its start is under way" wait_for 300 under_way
kill_job $pid
setting fake
is_eq "$(powers)" "grown VERIFY_RESIZE SHUTDOWN
idle VERIFY_RESIZE SHUTDOWN" "and is killed: it is off"
is_eq "$(f server event list grown -o value -c action,result | head -n 1 | tr '\t' ' ')" "start after a boot of the host interrupted" "which is told"
run f host resume
is_eq "$rc $out$err" "0 started grown" "the next call starts it"
is_eq "$(powers)" "grown VERIFY_RESIZE RUNNING
idle VERIFY_RESIZE SHUTDOWN" "and it alone; both are still to be confirmed"
run f server resize revert grown
is_eq "$rc $(powers | head -n 1)" "0 grown ACTIVE RUNNING" "it can be reverted, and runs"
for name in grown idle; do f server delete "$name"; done

# ---- the unit ----

unit=$top_builddir/packaging/virtloom-resume.service
has "$(cat "$unit")" "/bin/virtloom --quiet host resume" "the unit runs it"
lacks "$(cat "$unit")" "@" "with its path filled in"
# What systemd starts behind another unit it stops before it.
after () { echo " $(sed -n 's/^After=//p' "$top_builddir/packaging/virtloom-$1.service") "; }
has "$(after watch)" " libvirt-guests.service " "host watch ends before guests are shut down with their host"
has "$(after resume)" " network-online.target " "guests are started when the host's network is there"
has "$(after resume)" " virtloom-watch.service " "and somebody listens"
if command -v systemd-analyze > /dev/null; then
  sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|; s|^Documentation.*||' "$unit" > "$tmp/virtloom-resume.service"
  run systemd-analyze verify --man=no "$tmp/virtloom-resume.service"
  lacks "$out$err" virtloom-resume "systemd understands it"
else
  skip "systemd-analyze is missing (Debian: systemd)"
fi

done_testing
