#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Quotas of disks and interfaces that are changed while a guest runs, on the fake driver: what it
# gets at once, what waits for its next start, and commands that are killed.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3
# shellcheck source=tests/tree-lib.sh
. "$(dirname "$0")/tree-lib.sh"
must () { run "$@"; [ "$rc" -eq 0 ] || bail "$*: $err"; }
history () { db "SELECT action || '|' || result || '|' || coalesce (reason, '-') FROM action WHERE server = '$uuid' ORDER BY n DESC LIMIT 1"; }
guest () { sed '1,/^$/d' "$state/fake/guests/$uuid"; }
has_quota () { guest | grep -o '<read_bytes_sec>[0-9]*' | tr -dc '0-9\n'; }
# What the guest has is what is on record, and nothing is under way.
whole () {
  is_eq "$(guest)" "$(db "SELECT xml FROM document WHERE server = '$uuid' AND role = 'current'")" "$1: guest and record are one"
  is_eq "$(db "SELECT (SELECT count(*) FROM operation) || (SELECT count(*) FROM undo) || (SELECT count(*) FROM document WHERE role <> 'current')")" 000 "and nothing is under way"
}
later="advice Advice core: the guest goes on as it is"
update="; it gets what changed with 'server reboot --hard --update'
  virtloom server diff web"
quota='/domain/devices/disk[1]/iotune/read_bytes_sec'

truncate -s 1M "$tmp/disk.raw"
must f image create img --file "$tmp/disk.raw" --disk-format raw
must f flavor create m1 --ram 128 --disk 1
must f flavor set m1 --property quota:disk_read_bytes_sec=1000
must f server create web --flavor m1 --image img --network bridge=br0
uuid=$(db "SELECT uuid FROM server")
is_eq "$(has_quota)" 1000 "a guest with the quota of its flavor"

# ---- at once ----

boots=$(grep '^boots' "$state/fake/guests/$uuid")
for status in ACTIVE PAUSED; do
  [ $status = ACTIVE ] || must f server pause web
  run f server set web --property quota:disk_read_bytes_sec=2000
  is_eq "$rc $err" "0 advice Advice core: the guest has it already: '$quota' from '1000' to '2000'" "$status: another one"
  is_eq "$(has_quota) $(history)" "2000 set live|done|-" "is the guest's"
  whole "$status: set"
  run f server diff web
  is_eq "$rc $out$err" "0 " "a plan of today is no other"
  run f server unset web --property quota:disk_read_bytes_sec
  is_eq "$rc $err $(has_quota)" "0 advice Advice core: the guest has it already: '$quota' from '2000' to '1000' 1000" "$status: it has the flavor's again"
  run f server set web --property quota:vif_inbound_average=500
  is_eq "$rc $err" "0 advice Advice core: the guest has it already: '/domain/devices/interface[1]/bandwidth', which is new; '/domain/devices/interface[1]/bandwidth/inbound', which is new; '/domain/devices/interface[1]/bandwidth/inbound/@average' '500', which is new" "$status: one of an interface"
  has "$(guest)" "<inbound average='500'/>" "is the guest's"
  whole "$status: interface"
  run f server unset web --property quota:vif_inbound_average
  is_rc 0 "$status: none"
  lacks "$(guest)" "inbound" "is none"
  whole "$status: unset"
done
is_eq "$(grep '^boots' "$state/fake/guests/$uuid") $(f server list -o value -c status)" "$boots PAUSED" "nothing was started for that"
must f server unpause web
run f server unset web --property quota:disk_read_bytes_sec
is_eq "$rc $err" "5 error PropertyNotFound core: the server has no property \"quota:disk_read_bytes_sec\" of its own
  'virtloom server show' has its own properties" "what is the flavor's is not the server's"
run f server set web --property quota:disk_read_bytes_sec=much
is_rc 3 "a quota that is none"
is_eq "$(history)" "unpause|done|-" "is refused"

# ---- what waits ----

must f server stop web
run f server set web --property quota:disk_read_bytes_sec=3000
is_eq "$rc $err $(has_quota)" "0 $later$update 1000" "a guest that is off"
must f server start web
run f server set web --property quota:disk_read_bytes_sec=4000
is_eq "$rc $err $(has_quota)" "0 $later, since a plan of today would change more than was set$update 1000" "one whose plan is another one already"
must f server reboot --hard --update web --accept-loss "$quota"
is_eq "$(has_quota)" 4000 "gets it with that"
run f server set web --property quota:disk_read_bytes_sec=5000 --property hw_watchdog_action=reset
is_eq "$rc $err $(has_quota)" "0 $later, since '/domain/devices/watchdog[1]' is not changed while it runs$update 4000" "with something that needs a start"
run f server unset web --property hw_watchdog_action
must f server set web --property quota:disk_read_bytes_sec=4000
is_eq "$(has_quota)" 4000 "all of it is what it was"
run f server diff web
is_eq "$rc $out" "0 " "and so is its plan"
setting fake 'fail = change_live:1'
run f server set web --property quota:disk_read_bytes_sec=6000
is_eq "$rc $err" "0 warning PlannedFailure fake: method 'change_live' fails as planned by setting 'fail'
$later, since it could not be changed while it runs$update" "a driver that fails"
is_eq "$(has_quota) $(history)" "4000 set live|failed|PlannedFailure: method 'change_live' fails as planned by setting 'fail'" "is told, and the guest is as it was"
whole "failed"
setting fake
run f server set web --property quota:disk_read_bytes_sec=4000
is_rc 0 "back"
f server set web --property hw_rng_model=virtio > /dev/null 2>&1
f server unset web --property hw_rng_model > /dev/null 2>&1

# ---- commands that are killed ----

killed () {
  setting fake 'delay_ms = change_live:3600000'
  "${cmd[@]}" server set web --property quota:disk_read_bytes_sec="$1" > /dev/null 2>&1 &
  pid=$!
  true_that "it is under way" wait_for 300 sh -c "sqlite3 '$state/state.db' 'SELECT kind FROM operation' | grep 'set live'"
  kill_job $pid
}
killed 7000
setting fake
run f server list
is_eq "$rc $err $(has_quota) $(history)" "0  7000 set live|done|-" "a killed one is finished by the next command"
whole "killed"
killed 8000
# Calls are counted on.
setting fake 'fail = change_live:3'
run f server list
is_eq "$rc $(has_quota) $(history)" "0 7000 set live|interrupted|the command that did it was killed; the next one undid it: PlannedFailure: method 'change_live' fails as planned by setting 'fail'" "or taken back, with the reason"
setting fake
whole "taken back"
if can_kill; then
  calls=fdatasync,fsync,rename,pwrite64,unlink
  bad=0
  run f server reboot --hard --update web --accept-loss "$quota"
  for n in $(kill_places 3); do
    run_killed "$n" $calls "${cmd[@]}" server set web --property quota:disk_read_bytes_sec=$((9000 + n))
    code=$rc
    run f server list
    [ "$rc$err" = 0 ] || { bad=1; diag "killed at call $n: $rc $err"; }
    [ "$(db "SELECT (SELECT count(*) FROM operation) || (SELECT count(*) FROM document WHERE role <> 'current')")" = 00 ] || { bad=1; diag "killed at call $n: something is left"; }
    [ "$(guest)" = "$(db "SELECT xml FROM document WHERE server = '$uuid' AND role = 'current'")" ] || { bad=1; diag "killed at call $n: guest and record differ"; }
    [ "$code" -ne 0 ] || break
    # Set, but not yet the guest's.
    [ -z "$(f server diff web)" ] || f server reboot --hard --update web --accept-loss "$quota" > /dev/null 2>&1
  done
  is_eq "$bad" 0 "killed at a sample of $n calls, guest and record are one"
  true_that "and it was killed" test "$n" -gt 10 -a "$n" -lt 300
else
  skip "no strace here (Debian: strace)"
fi
done_testing
