#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What an operator changes on a server's record: its name, description and properties, a
# status that is wrong, and the lock, which lets nothing be done to it.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3

f () { vl --driver fake "$@"; }
history () { f server event list "$1" -o value -c action,result,reason; }
advice="advice Advice core: the guest goes on as it is, since '/domain/devices/watchdog[1]' is not changed while it runs; it gets what changed with 'server reboot --hard --update'"

truncate -s 1M "$tmp/disk.raw"
run f image create img --file "$tmp/disk.raw" --disk-format raw
is_rc 0 "an image"
run f flavor create m1 --ram 128
is_rc 0 "a flavor"
run f server create web1 --flavor m1 --image img --config-drive
is_rc 0 "a server"
guest=$state/fake/guests/$(db "SELECT uuid FROM server")
before=$(cat "$guest")

# ---- properties ----

run f server set web1
is_eq "$rc $err" "2 error Usage core: 'server set' needs --name, --description, --property or --status" "set what?"
run f server unset web1
is_eq "$rc $err" "2 error Usage core: 'server unset' needs --property KEY or --firmware" "unset what?"
run f server set web1 --property hw_watchdog_action=rezet
is_eq "$rc $err" "3 error InvalidWatchdogAction watchdog: 'rezet' is not among the choices; accepted: none pause poweroff reset disabled; did you mean 'reset'? (hw_watchdog_action=rezet, request)" "a value that is none"
run f server set web1 --property hw_watchdog_action=pause --property hw_watchdog_action=reset
is_eq "$rc $err" '2 error Usage core: the property key "hw_watchdog_action" is given twice
  give each key once' "a key twice"
run f server set nobody --description x
is_eq "$rc" 5 "a server that is none"
has "$err" 'error InstanceNotFound core: there is no server "nobody"' "is named"
is_eq "$(history web1)" "create	done	" "nothing of that was done"
run f server set web1 --property hw_watchdog_action=pause --description "the front end"
is_eq "$rc $err" "0 $advice
  virtloom server diff web1" "a property"
run f server show web1 -o value -c description,request_properties
is_eq "$out" "the front end
hw_watchdog_action=pause" "and a description"
is_eq "$(cat "$guest")" "$before" "the guest goes on as it is"
last=$(history web1)
for words in "--property hw_watchdog_action=pause" "--description=the front end" "--name web1"; do
  if [[ $words == --description* ]]; then run f server set web1 "$words"; else
    # shellcheck disable=SC2086
    run f server set web1 $words
  fi
  is_eq "$rc $err" '0 advice Advice core: server "web1" has that already; nothing was changed' "$words again changes nothing"
done
is_eq "$(history web1)" "$last" "which the history does not tell"
run f server diff web1
has "$out" "+ /domain/devices/watchdog[1]/@action = pause  <- watchdog, hw_watchdog_action=pause (request)" "diff shows what will be"
run f server unset web1 --property hw_watchdog_acton
is_eq "$rc $err" '5 error PropertyNotFound core: the server has no property "hw_watchdog_acton" of its own
  did you mean "hw_watchdog_action"?' "a key that it does not have"
run f server reboot --hard --update web1
is_rc 0 "a hard reboot takes it"
has "$(cat "$guest")" "<watchdog action='pause'" "so that the guest has it"
run f server set web1 --property hw_disk_bus=virtio
is_eq "$rc $err" "0 advice Advice core: the guest is that already, and goes on as it is" "what the guest has for another reason"
f server unset web1 --property hw_disk_bus > /dev/null 2>&1
run f server unset web1 --property hw_watchdog_action
is_rc 0 "unset"
run f server diff web1
has "$out" "- /domain/devices/watchdog[1]/@action = pause" "takes it away with the next one"
run f server set web1 --description ''
is_rc 0 "an empty description"
run f server show web1 -o json
has "$out" '"description": null' "is none"
run f server set web1 --description "$(printf 'x%.0s' {1..256})"
is_eq "$rc $err" "3 error Invalid core: the description is too long; accepted: up to 255 bytes" "a long one"
run f server set web1 --description $'a\eb'
is_rc 3 "one with an escape"

# ---- what a plan refuses ----

# Each of these is one that a flavor may have; a plan on this host refuses it.
shares="error UnsupportedHostCPUControlPolicy cpu-quota: '1' is out of the range of this host's cgroups, whose version is 2; accepted: 2 to 10000 (quota:cpu_shares=1, flavor)
  10000 is the most that every host takes"
run f flavor create few --ram 128 --property quota:cpu_shares=1
is_rc 0 "a flavor may have what this host does not take"
run f plan --flavor few --image img
is_eq "$rc $err" "4 $shares" "which a plan refuses"
last=$(history web1) request=$(db "SELECT request FROM server")
run f server set web1 --property quota:cpu_shares=1 --description "never written"
is_eq "$rc $err" "4 $shares" "so does set, in the plan's words"
is_eq "$(db "SELECT request FROM server") $(db "SELECT coalesce (description, '-') FROM server")" "$request -" "and nothing of it is written"
is_eq "$(history web1)" "$last" "nor told"
run f server diff web1
is_eq "$rc" 0 "a plan is made as before"
run f server set web1 --property hw:cpu_thread_policy=require
is_rc 3 "what needs another property"
threads=$err
has "$threads" "hw:cpu_thread_policy" "is refused alone"
run f server set web1 --property hw:cpu_policy=dedicated --property hw:cpu_thread_policy=prefer
is_rc 0 "and taken with that"
run f server unset web1 --property hw:cpu_policy
is_eq "$rc" 3 "which is not taken away alone"
run f server unset web1 --property hw:cpu_policy --property hw:cpu_thread_policy
is_rc 0 "but with it"

# Where a plan of what it is fails, too, a change is judged by what it adds, so that it may mend it.
db "UPDATE server SET request = json_set (request, '\$.flavor.extra_specs.quota:cpu_shares', '1') WHERE name = 'web1'"
run f server diff web1
is_eq "$rc $err" "4 $shares" "a server that no plan takes any more"
run f server set web1 --property hw_rng_model=virtio
is_rc 0 "gets what is no fault"
run f server set web1 --property quota:cpu_shares=20000
is_rc 4 "and not what is one of its own"
has "$err" "(quota:cpu_shares=20000, flavor)" "which is told"
lacks "$err" "quota:cpu_shares=1," "without the old one"
run f server unset web1 --property quota:cpu_shares --property hw_rng_model
is_rc 0 "what stood in the way is unset"
run f server diff web1
is_rc 0 "and a plan is made again"

# Every key of a flavor and of an image with what is accepted and what is next to that, and with odd numbers.
for feature in $(cd "$top_srcdir/features" && echo *.c); do
  vl feature show "${feature%.c}" -o json | awk '
    /"accepted": / { accepted = ""; if (split($0, part, "\"") > 3) accepted = part[4] }
    /"(flavor|image)": "/ { split($0, part, "\""); print part[4], accepted }'
done > "$tmp/keys"
while read -r key accepted; do
  key=${key/%.N/.0}
  for value in 0 1 4096 yes ${accepted//,/ }; do
    echo "$key=$value"
    [[ ! $value =~ ^-?[0-9]{1,18}$ ]] || printf '%s\n' "$key=$((value + 1))" "$key=$((value - 1))"
  done
done < "$tmp/keys" | sort -u > "$tmp/each"
run f server create each --flavor m1 --image img --config-drive
is_rc 0 "a server for each property"
run "$top_builddir/tests/set-each" "$top_builddir" "$config" "$state" each < "$tmp/each"
is_eq "$rc" 0 "each that is set is one that a plan takes"
diag "$out"
true_that "of many both" awk '/ taken, / && $1 > 100 && $3 > 100 { ok = 1 } END { exit !ok }' <<< "$out"
f server delete each > /dev/null

# ---- another name ----

run f server create web2 --flavor m1 --image img
is_rc 0 "another server"
run f server set web2 --name web1
is_eq "$rc $err" '3 error InstanceExists core: there is already a server "web1"
  take another name, or delete it first: virtloom server delete web1' "a name that is taken"
run f server set web2 --name 00000000-0000-4000-8000-000000000000
is_rc 3 "a name that is a uuid"
run f server set web1 --name db1
is_rc 0 "a new name"
is_eq "$(f server list -o value -c name)" "db1
web2" "is what it is called"
is_eq "$(db "SELECT json_extract (request, '\$.name', '\$.hostname') FROM server WHERE name = 'db1'")" '["db1","web1"]' "its guest keeps its host name"
is_eq "$(db "SELECT json_extract (request, '\$.hostname') IS NULL FROM server WHERE name = 'web2'")" 1 "one without a config drive has none"
run f server set web2 --name web3
is_rc 0 "a server without a config drive"
run f server diff web3
is_eq "$out" "~ /domain/metadata/vl:server/vl:name = web2 -> web3  <- core, name=web3 (request)" "gets none by its new name"

# ---- a status that is wrong ----

run f server set db1 --status gone
is_eq "$rc $err" "2 error Usage core: a server cannot be set to 'gone'; accepted: active error" "a status that it cannot be set to"
run f server set db1 --status error
is_rc 0 "error"
run f server pause db1
is_rc 3 "what is in error is not paused"
run f server set db1 --status active
is_rc 0 "active"
run f server pause db1
is_rc 0 "what is not is"
run f server unpause db1

# ---- the lock ----

run f server lock db1 --reason "backup until noon"
is_rc 0 "lock"
refused='error InstanceIsLocked core: server "db1" is locked: backup until noon
  virtloom server unlock db1'
for verb in stop reboot 'reboot --hard' 'reboot --hard --update' pause suspend delete 'set --name x' 'set --property hw_rng_model=virtio' 'unset --property a' 'set --description x'; do
  # shellcheck disable=SC2086
  run f server $verb db1
  is_rc 3 "no $verb of a server that is locked"
  has "$err" "$refused" "with the reason"
done
run f server list -o value -c name,locked
is_eq "$out" "db1	backup until noon
web3	" "list shows it"
for verb in show log diff 'event list' explain; do
  # shellcheck disable=SC2086
  if [ "$verb" = explain ]; then run f explain db1; else run f server $verb db1; fi
  is_rc 0 "$verb looks at it"
done
run f server set db1 --status active
is_rc 0 "a status is put right"
run f server lock db1
is_rc 0 "locked again"
run f server stop --force db1
is_eq "$rc $err" '0 warning InstanceIsLocked core: server "db1" is locked
  virtloom server unlock db1' "--force overrules it"
is_eq "$(db "SELECT what || ': ' || said FROM overruled")" 'stop: InstanceIsLocked: server "db1" is locked' "which is on record"
run f server start db1
is_eq "$rc $err" '3 error InstanceIsLocked core: server "db1" is locked
  virtloom server unlock db1' "no start"
run f server unlock db1 web3
is_rc 0 "unlock"
run f server start db1
is_eq "$rc $err" "0 " "all can be done again"
is_eq "$(history db1 | head -6)" "start	done	
unlock	done	
stop	done	
lock	done	
set	done	status ACTIVE
lock	done	backup until noon" "the history tells of it"
is_eq "$(history web3 | head -1)" "set	done	name web3" "and not of what was not done"

# A hint's command is one that can be typed, also where the name looks like an option.
run f server set db1 --name=-x
run f server lock -- -x
run f server stop -- -x
is_eq "$rc $err" '3 error InstanceIsLocked core: server "-x" is locked
  virtloom server unlock -- -x' "a name that begins with -"
run f server unlock -- -x
is_rc 0 "the hint is followed"

done_testing
