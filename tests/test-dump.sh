#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Crash dumps of guests, and what `host tend` does.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3
# shellcheck source=tests/tree-lib.sh
. "$(dirname "$0")/tree-lib.sh"
must () { run "$@"; [ "$rc" -eq 0 ] || bail "$*: $err"; }
history () { db "SELECT action, result, coalesce (reason, '-') FROM action WHERE server = '$uuid' ORDER BY n DESC LIMIT 1"; }
truncate -s 8M "$tmp/disk.raw"
must f image create img --file "$tmp/disk.raw" --disk-format raw
must f flavor create m1 --vcpus 1 --ram 128 --disk 1
must f server create web --flavor m1 --image img
uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
own=$tmp/own
mkdir -m 700 "$own"

# ---- an interrupt ----

run f server dump create web
is_eq "$rc $out$err" "0 " "an interrupt"
is_eq "$(history)" "dump|done|-" "is in the history"
must f server pause web
run f server dump create web
is_eq "$rc $(db "SELECT status FROM server WHERE name = 'web'")" "0 PAUSED" "a paused guest stays paused"
must f server unpause web
must f server lock web
run f server dump create web
is_eq "$rc $err" "3 error InstanceIsLocked core: server \"web\" is locked
  virtloom server unlock web" "not of a server that is locked"
must f server unlock web
must f server stop web --timeout 0
run f server dump create web
is_eq "$rc $err" "3 error InstanceInvalidState core: server \"web\" is SHUTOFF; dump create is for servers that are ACTIVE, PAUSED, RESCUE, VERIFY_RESIZE, ERROR
  virtloom server start web" "not of one that is off"
must f server start web
setting fake 'fail = trigger_crash_dump'
run f server dump create web
is_eq "$rc $(history)" "1 dump|failed|PlannedFailure: method 'trigger_crash_dump' fails as planned by setting 'fail'" "one that fails is told in the history"
setting fake 'virt_type = lxc'
run f server dump create web
is_eq "$rc $err" "4 error TriggerCrashDumpNotSupported fake: libvirt cannot interrupt guests of type 'lxc', as '$uuid' is" "a container is not interrupted"
setting fake 'host = aarch64'
run f server dump create web
is_eq "$rc $err" "4 error NMINotSupported fake: the machine of guest '$uuid' has no non-maskable interrupt" "nor where there is no such interrupt"
setting fake

# ---- a file ----

run f server dump create web --file "$own/memory"
is_eq "$rc $out$err" "0 " "its memory in a file"
is_eq "$(stat -c '%a %u' "$own/memory") $(cat "$own/memory") $(ls -A "$own")" "600 $(id -u) the memory of guest $uuid memory" "which is the caller's alone"
is_eq "$(history)" "dump|done|$own/memory" "and in the history"
run f server dump create web --file "$own/memory"
is_eq "$rc $err" "3 error FileExists core: \"$own/memory\" is there already; the dump takes no file's place
  give the name of a new file" "no file's place is taken"
ln -s "$tmp/elsewhere" "$own/link"
run f server dump create web --file "$own/link"
is_eq "$rc $err" "3 error FileExists core: \"$own/link\" is there already; the dump takes no file's place
  give the name of a new file" "nor is a link followed"
run f server dump create web --file "$own/"
is_eq "$rc $err" "2 error Invalid core: \"$own/\" names a folder, not a file for the dump" "a folder is none"
long=$(printf 'x%.0s' {1..218})
run f server dump create web --file "$own/$long"
is_eq "$rc $err" "3 error InvalidName core: the name of the dump is too long for the file system of \"$own\": \"$long\"
  take a shorter name: it is made as \"$own/.$long.$uuid\" first" "nor a name that does not fit"
is_eq "$(db 'SELECT count (*) FROM operation')" 0 "and nothing has begun"
mkdir -m 1777 "$tmp/everybodys"
run f server dump create web --file "$tmp/everybodys/memory"
is_eq "$rc $err" "9 error FileNotTrusted core: the memory of a guest is not written into \"$tmp/everybodys\": '$tmp/everybodys' is writable by everyone (owner 0, group 0, mode 1777); accepted: owned by root or by the caller, and writable by nobody else
  leave it as it is, and take a folder of your own in it: mkdir -m 700 $tmp/everybodys/virtloom" "not where others could put a link"
run f server dump create web --file "$own/none/memory"
is_rc 9 "not into a folder that is not there"
has "$err" "error FileNotTrusted core: the memory of a guest is not written into \"$own/none\": " "in words"
for odd in $'a\nb' $'a\xff' $'a\xe2\x80\xae'; do
  run f server dump create web --file "$own/$odd"
  is_rc 3 "no name that is not on record as it is"
  has "$err" "error Invalid core: \"$own/.a" "says which"
  is_eq "$(db 'SELECT count (*) FROM operation') $(ls -A "$own" | paste -sd ' ')" "0 link memory" "and nothing has begun"
done
run f server dump create web --file "$own/"$'a\nb'
is_eq "$err" "error Invalid core: \"$own/.a\x0ab.$uuid\" cannot be made: its name has a control character; accepted: printable text" "in words"
setting fake 'fail = dump_memory'
run f server dump create web --file "$own/failed"
is_eq "$rc $(history) $(ls -A "$own" | paste -sd ' ')" "1 dump|failed|PlannedFailure: method 'dump_memory' fails as planned by setting 'fail' link memory" "one that fails leaves nothing"

# ---- killed ----

setting fake 'delay_ms = dump_memory:600000'
"${cmd[@]}" server dump create web --file "$own/killed" > /dev/null 2>&1 &
pid=$!
true_that "a dump under way" wait_for 300 test -e "$own/.killed.$uuid/memory"
is_eq "$(stat -c %a "$own/.killed.$uuid")" 700 "is nobody else's"
kill_job $pid
setting fake
run f server list
is_eq "$rc $(history) $(ls -A "$own" | paste -sd ' ')" "0 dump|interrupted|the command that did it was killed; the next one undid it link memory" "that is killed leaves nothing"
# Killed behind the last step: the file is whole.
db "INSERT INTO operation VALUES ('$uuid', 'server dump', 'fake', '2026-01-01T00:00:00Z');
  INSERT INTO undo VALUES ('$uuid', 'folder', '$own/.memory.$uuid', 'a-token');
  INSERT INTO action (server, name, action, user, at, result) VALUES ('$uuid', 'web', 'dump', 'root', '2026-01-01T00:00:00Z', 'running')"
mkdir -m 700 "$own/.memory.$uuid"
ln -s a-token "$own/.memory.$uuid/.operation"
run f server list
is_eq "$rc $(history) $(ls -A "$own" | paste -sd ' ')" "0 dump|done|- link memory" "one that was whole stays"
# The hypervisor has the guest stand still meanwhile, and nobody has it go on.
stands_still () { sed -i '1,/^$/s/^state .*$/state paused/' "$state/fake/guests/$uuid"; }
# killed_dump STATUS: ends with it.
killed_dump () {
  setting fake 'delay_ms = dump_memory:600000'
  "${cmd[@]}" server dump create web --file "$own/killed" > /dev/null 2>&1 &
  pid=$!
  true_that "a dump of a guest that is $1" wait_for 300 test -e "$own/.killed.$uuid/memory"
  kill_job $pid
  stands_still
  setting fake
  run f server list
  is_eq "$rc $(history | cut -d '|' -f 1,2) $(db "SELECT status FROM server WHERE name = 'web'") $(grep -m 1 ^state "$state/fake/guests/$uuid")" "0 dump|interrupted $1 state $2" "is killed: it is so again"
}
killed_dump ACTIVE running
must f server pause web
killed_dump PAUSED paused
must f server unpause web
setting fake 'delay_ms = trigger_crash_dump:600000'
"${cmd[@]}" server dump create web > /dev/null 2>&1 &
pid=$!
under_way () { [ "$(db "SELECT kind FROM operation")" = 'server dump' ]; }
true_that "an interrupt under way" wait_for 300 under_way
kill_job $pid
setting fake
run f server list
is_eq "$rc $(history)" "0 dump|interrupted|the command that did it was killed; the guest may have been interrupted" "that is killed is told"

# ---- deleted with a dump that could not be mended ----

must f server create gone --flavor m1 --image img
gone=$(db "SELECT uuid FROM server WHERE name = 'gone'")
setting fake 'delay_ms = dump_memory:600000'
"${cmd[@]}" server dump create gone --file "$own/left" > /dev/null 2>&1 &
pid=$!
true_that "a dump" wait_for 300 test -e "$own/.left.$gone/memory"
kill_job $pid
sed -i '1,/^$/s/^state .*$/state paused/' "$state/fake/guests/$gone"
setting fake 'fail = unpause'
run f server list
is_eq "$(db "SELECT kind FROM operation") $(ls -A "$own" | paste -sd ' ')" "server dump .left.$gone link memory" "that cannot be mended"
run f server delete gone
is_eq "$rc $(db "SELECT count (*) FROM operation") $(ls -A "$own" | paste -sd ' ')" "0 0 link memory" "goes with its server"
setting fake

# ---- tend ----

# killed_reboot: a soft reboot whose command dies once the guest is off.
killed_reboot () {
  setting fake 'delay_ms = reboot:600000'
  "${cmd[@]}" server reboot web > /dev/null 2>&1 &
  pid=$!
  wait_for 300 sh -c "sqlite3 '$state/state.db' 'SELECT kind FROM operation' | grep -q reboot"
  kill_job $pid
  setting fake
  sed -i '1,/^$/s/^state running$/state shutdown/' "$state/fake/guests/$uuid"
}
killed_reboot
run f host tend
is_eq "$rc $out$err" "0 " "without reboot_timeout"
is_eq "$(db "SELECT status FROM server")" SHUTOFF "a reboot that was interrupted stays so"
main_setting virtloom 'reboot_timeout = 86400'
run f host tend
is_eq "$rc $out$err$(db "SELECT status FROM server")" "0 SHUTOFF" "and one that is younger"
main_setting virtloom 'reboot_timeout = 1'
db "UPDATE action SET at = '2026-01-01T00:00:00Z' WHERE action = 'reboot'"
must f server lock web
run f host tend
is_eq "$rc $out$err$(db "SELECT status FROM server")" "0 SHUTOFF" "and one of a server that is locked"
must f server unlock web
db "DELETE FROM action WHERE action IN ('lock', 'unlock')"
run f host tend
is_eq "$rc $out$err" "0 rebooted web" "an older one becomes hard"
is_eq "$(history) $(db "SELECT status FROM server")" "hard reboot|done|- ACTIVE" "and the server runs"
grep -q '^poll_rebooting_instances' "$state/fake/calls" 2> /dev/null || grep -rqs poll_rebooting_instances "$state/fake"
is_eq $? 0 "the driver was asked"
run f host tend
is_eq "$rc $out$err" "0 " "once"
must f server stop web --timeout 0
run f host tend -o json
is_eq "$rc $(tr -d ' \n' <<< "$out")" '0 {"rebooted":[],"findings":[]}' "what an operator stopped stays off"
mkdir "$state/servers/00000000-0000-4000-8000-000000000000"
run f host tend
is_eq "$rc $err" "0 warning Unrecorded core: 1 folder in \"$state/servers\" belongs to no server on record
  virtloom state check" "what is there without a record is told"
rmdir "$state/servers/00000000-0000-4000-8000-000000000000"
exec 8> "$state/locks/tend.lock"
flock 8
run f host tend
is_eq "$rc $out" "0 another process is at it" "two of it are one"
exec 8>&-
must f server delete web
rm -rf "$state"
run f host tend
is_eq "$rc $out$err" "0 " "without a STATE there is nothing to do"
true_that "and none is made" test ! -e "$state"

done_testing
