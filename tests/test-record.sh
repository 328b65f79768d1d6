#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A server is what is on record of it: whatever the configuration says today, and
# whichever plugins are there, its guest is the same, byte for byte.  What a plan of
# today would change is shown, and taken when it is asked for.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3

# shellcheck source=tests/tree-lib.sh
. "$(dirname "$0")/tree-lib.sh"
keeper () { plugin keeper "keeper-$1/.libs/keeper" keeper:level keeper:word; }
scribe () { plugin scribe .libs/scribe scribe:text; }

# The document that the fake hypervisor has, and that is on record.
uuid_of () { db "SELECT uuid FROM server WHERE name = '$1'"; }
guest () { sed '1,/^$/d' "$state/fake/guests/$(uuid_of "$1")"; }
record () { db "SELECT xml FROM document WHERE role = 'current' AND server = '$(uuid_of "$1")'"; }
whole () {
  is_eq "$(guest "$1")" "$(record "$1")" "$2: guest and record are one"
  is_eq "$(db "SELECT group_concat (role) FROM document WHERE server = '$(uuid_of "$1")'")" current "$2: with one document"
  is_eq "$(db 'SELECT count(*) FROM operation')" 0 "$2: and nothing under way"
}

truncate -s 8M "$tmp/disk.raw"
run f image create img --file "$tmp/disk.raw" --disk-format raw
is_rc 0 "an image"
run f flavor create m1 --vcpus 1 --ram 128 --disk 1
is_rc 0 "a flavor"

# ---- whatever the configuration says ----

run f server create web --flavor m1 --image img --network bridge=br0 --network user
is_rc 0 "a server"
is_eq "$err" "warning HostLoopbackReachable user: through a network of type user this guest reaches what listens on the host's loopback address, as 10.0.2.2
  take a bridge; or see to it that what listens there asks for a password, and set host_loopback_acknowledged = yes in plugins.d/user.conf" \
  "a guest that reaches the host's loopback is told of"
setting user 'host_loopback_acknowledged = yes'
first=$(guest web)
whole web "a new server"
is_eq "$(db "SELECT xml || properties || facts FROM server")" "" "nothing is kept twice"
setting disk-cache 'disk_cachemodes = file=writethrough'
setting machine-type 'hw_machine_type = x86_64=q35'
setting fake 'host = generic-x86_64'
for step in stop start suspend resume reboot "reboot --hard"; do
  # shellcheck disable=SC2086
  run f server $step web
  is_rc 0 "$step under another configuration"
  lacks "$err" warning "$step: without a warning"
  [ "$step" = stop ] || is_eq "$(guest web)" "$first" "$step: the same guest, byte for byte"
done
run f explain web
is_rc 0 "explain tells of the document that runs"
has "$out" "/domain/os/type/@machine = pc  <- core, machine-type.type=pc" "with what it was made with"
lacks "$out" writethrough "and not what it would be made with"
is_eq "$(f explain web -o json | grep -c '"path"')" \
  "$(db "SELECT count(*) FROM document_part AS p WHERE kind <> 1 OR NOT EXISTS (SELECT 1 FROM document_part WHERE path = p.path AND kind = 3)")" \
  "each part is a row"

# ---- what a plan of today would change ----

run f server diff web
is_rc 0 "server diff"
has "$out" "~ /domain/devices/disk[1]/driver/@cache = none -> writethrough  <- disk-cache, disk_cachemodes=file=writethrough (setting, $config/plugins.d/disk-cache.conf:2)" "shows a value with its owner and reason"
has "$out" "~ /domain/os/type/@machine = pc -> q35  <- core, machine-type.type=q35 (hw_machine_type names it for x86_64)" "and the machine"
run f server diff web -o json
has "$out" '"change": "changed",
      "path": "/domain/devices/disk[1]/driver/@cache",
      "was": "none",
      "is": "writethrough",
      "owners": "disk-cache",' "as JSON too"
run f server reboot web --update
is_eq "$rc $err" "2 error Usage core: --update needs --hard" "--update is for hard reboots"
run f server reboot web --hard --accept-loss /domain
is_eq "$rc $err" "2 error Usage core: --accept-loss needs --update" "and --accept-loss for --update"
run f server reboot --hard --update web
is_eq "$rc $err" "0 " "reboot --hard --update takes it"
has "$(guest web)" "machine='q35'" "the guest is another one"
whole web "an updated server"
run f server diff web
is_eq "$rc $out$err" "0 " "nothing differs any more"
rm -f "$config/plugins.d/disk-cache.conf" "$config/plugins.d/machine-type.conf"
run f server reboot --hard web
has "$(guest web)" "machine='q35'" "it stays so"
is_eq "$(guest web | grep -E 'mac address|tap' | sort)" "$(grep -E 'mac address|tap' <<< "$first" | sort)" "its interfaces are what they were"

# ---- plugins that are gone ----

scribe
keeper 1
run f flavor create written --vcpus 1 --ram 128 --disk 1 --property scribe:text=mine
run f flavor create kept --vcpus 1 --ram 128 --disk 1 --property keeper:level=7 --property keeper:word=sesame
run f server create written --flavor written --image img
is_rc 0 "a server with a feature that only writes"
run f server create kept --flavor kept --image img
is_rc 0 "and one with a feature that is asked"
written=$(guest written) kept=$(guest kept)
has "$written" "<description>mine</description>" "the one has its text"
has "$kept" "<panic model='isa'/>" "the other its device"
run f server suspend kept
is_eq "$rc $(head -n 1 <<< "$err")" "4 error Unsupported keeper: level 7 keeps it awake (keeper:level=7 (flavor))" "it is asked, of what is on record: no secret"

purge scribe
run f server stop written
is_eq "$rc $err" "0 " "stop without it"
run f server start written
is_eq "$rc $err" "0 warning FeatureGone core: feature 'scribe' 1.0 of server \"written\" is not installed; its guest is made from the record
  put 'scribe' 1.0 back, or take a plan of today: virtloom server reboot --hard --update written" "start tells that it is gone"
is_eq "$(guest written)" "$written" "the guest is what it was"
run f explain written
has "$out" "/domain/description = mine  <- scribe, scribe:text=mine (flavor)" "explain knows whose it was"
gone="error PluginRefused core: server \"kept\" has feature 'keeper' 1.0 (permit), which is not installed
  put 'keeper' 1.0 back, or take a plan of today: virtloom server reboot --hard --update kept"
purge keeper
for step in reboot "reboot --hard" suspend; do
  # shellcheck disable=SC2086
  run f server $step kept
  is_eq "$rc $err" "7 $gone" "$step without who must be asked is refused"
done
for step in pause unpause log show stop; do
  run f server "$step" kept
  is_eq "$rc $err" "0 " "$step goes on"
done
run f server list
is_eq "$rc $err" "0 " "list goes on"
run f server start kept
is_eq "$rc $err" "7 $gone" "start is refused"
run f server resume written
is_rc 3 "(another server is not)"
keeper 1
run f feature disable keeper
run f server start kept
is_eq "$rc $err" "7 error PluginRefused core: server \"kept\" has feature 'keeper' 1.0 (permit), which is not enabled: enabled = no in $config/plugins.d/keeper.conf:2
  virtloom feature enable keeper" "switched off is gone, too"
run f feature enable keeper
run f server start kept
is_eq "$rc $err" "0 " "put back, it starts"
is_eq "$(guest kept)" "$kept" "as it was"

chmod o+w "$tree/tests/mods/.libs/keeper.so"
run f server reboot --hard kept
is_rc 7 "a module that is refused is gone, too"
has "$err" "error PluginRefused core: server \"kept\" has feature 'keeper' 1.0 (permit), which was refused: " "in words"
chmod o-w "$tree/tests/mods/.libs/keeper.so"

# ---- a module that takes other values ----

keeper 2
changed="error PluginRefused keeper: 'keeper.level' is on record as int '7', by 'keeper' 1.0; 'keeper' 2.0 takes choice there
  put the module of then back, or take a plan of today: virtloom server reboot --hard --update kept"
run f server reboot --hard kept
is_eq "$rc $err" "7 $changed" "a row of another type is refused, with both versions"
run f server pause kept
is_eq "$rc $err" "0 " "pause goes on"
run f server unpause kept
run f server diff kept
is_rc 3 "a plan of today refuses the flavor's value"
run f flavor set kept --property keeper:level=high
run f server diff kept
is_rc 3 "the server has the flavor as it was"
keeper 1

# ---- secrets ----

lacks "$(db .dump | grep -v flavor_property)" sesame "a secret is in no record"
is_eq "$(db "SELECT layer || key || value FROM document_key WHERE key = 'keeper:word'")" "2keeper:word" "but that it was given"
run f server diff kept
is_eq "$rc $out$err" "0 " "a plan of today has it, from the flavor"
run f flavor create also --vcpus 2 --ram 128 --disk 1 --property keeper:level=7 --property keeper:word=sesame
run f server resize kept --flavor also
is_rc 0 "another flavor with a secret"
lacks "$(db .dump | grep -v flavor_property)" sesame "leaves it in no record"
run f server resize revert kept
is_rc 0 "and is taken back"
lacks "$(f explain kept -v -o json; f server show kept -o json)" sesame "it is not shown"

# ---- what guards a guest ----

run f flavor create bare --vcpus 1 --ram 128 --disk 1 --property keeper:level=7
run f server create guarded --flavor bare --image img
is_rc 0 "a server with a guarded device"
db "UPDATE document_part SET value = 'hyperv' WHERE value = 'isa' AND server = '$(uuid_of guarded)'"
run f server reboot --hard guarded
is_eq "$rc $err" "1 error StoreDamaged core: the document on record is damaged: its parts do not make up its XML
  put a copy of STATE back, or give the server up: virtloom server delete --force" "parts that do not make up the document"
db "UPDATE document SET xml = replace (xml, '''isa''', '''hyperv''') WHERE server = '$(uuid_of guarded)'"
run f server reboot --hard --update guarded
is_eq "$rc $err" "3 error GuardedLoss keeper: '/domain/devices/panic[1]/@model' = 'hyperv' guards server \"guarded\" and would become 'isa'
  see what made it go with: virtloom server diff guarded; if it shall go: --accept-loss '/domain/devices/panic[1]/@model'" "it becomes nothing else by itself"
run f server reboot --hard --update guarded --accept-loss '/domain/devices/panic[1]'
is_eq "$rc $err" "0 " "with consent it does"
purge keeper
guarded=$(guest guarded)
run f server diff guarded
is_eq "$rc $out$err" "3 error ValidationError core: no plugin answers for extra spec 'keeper:level' (keeper:level=7, flavor)
  'virtloom feature list --long' shows the keys that are known, and ignored_extra_specs of virtloom.conf names those to pass over" \
  "what a plugin that is gone was for is asked for still"
main_setting virtloom 'ignored_extra_specs += keeper:*'
run f server diff guarded
is_eq "$rc $err" "0 " "where the operator has it passed over, a plan of today lacks it"
is_eq "$out" "- /domain/devices/panic[1]  <- keeper, keeper:level=7 (flavor)
- /domain/devices/panic[1]/@model = isa  <- keeper, keeper:level=7 (flavor)" "diff shows that"
run f server reboot --hard --update guarded
is_eq "$rc $err" "3 error GuardedLoss keeper: '/domain/devices/panic[1]' guards server \"guarded\" and would go
  see what made it go with: virtloom server diff guarded; if it shall go: --accept-loss '/domain/devices/panic[1]'" "it does not go by itself"
is_eq "$(guest guarded)" "$guarded" "the guest is not touched"
run f server reboot --hard --update guarded --accept-loss /domain/devices/memballoon
is_eq "$rc $(grep -c GuardedLoss <<< "$err")" "3 1" "nor with another consent"
run f server reboot --hard --update guarded --accept-loss /domain/devices/panik --accept-loss /domain/devices/panic
is_eq "$rc $err" "3 error Invalid core: --accept-loss '/domain/devices/panik' is nothing that server \"guarded\" has; accepted: a path of its document, as diff shows them
  did you mean '/domain/devices/panic[1]'?" "nor with one that is misspelt, although there is a right one"
is_eq "$(guest guarded)" "$guarded" "the guest is not touched by that either"
run f server reboot --hard --update guarded --accept-loss /domain/devices/panic
is_eq "$rc $err" "0 " "with consent it goes"
lacks "$(guest guarded)" panic "and is gone"
whole guarded "without it"
run f server reboot --hard guarded
is_eq "$rc $err" "0 " "who is gone is not asked any more"
rm "$config/virtloom.conf"

# ---- a server that cannot be booted anew ----

run f server create shaky --flavor m1 --image img
shaky=$(guest shaky)
setting disk-cache 'disk_cachemodes = file=writethrough'
setting fake 'fail = reboot'
run f server reboot --hard --update shaky
is_rc 1 "the hypervisor refuses the new document"
has "$err" PlannedFailure "and says why"
setting fake
is_eq "$(record shaky)" "$shaky" "the old one stays on record"
whole shaky "after a failure"
run f server stop shaky
run f server start shaky
is_eq "$rc $(guest shaky)" "0 $shaky" "and starts"

# ---- killed on the way ----

setting fake 'delay_ms = reboot:3600000'
"${cmd[@]}" server reboot --hard --update shaky > /dev/null 2>&1 &
pid=$!
true_that "an update is under way" wait_for 300 sh -c "sqlite3 '$state/state.db' 'SELECT kind FROM operation' | grep 'server update'"
is_eq "$(db "SELECT group_concat (role) FROM (SELECT role FROM document WHERE server = '$(uuid_of shaky)' ORDER BY role)")" current,pending "both documents are there"
kill_job "$pid"
setting fake
run f server list
is_rc 0 "the next command mends it"
is_eq "$(record shaky)" "$shaky" "the current document is the old one"
whole shaky "after a kill"

if can_kill; then
  mode=none
  for n in $(kill_places 3); do
    if [ "$mode" = writethrough ]; then mode=none; else mode=writethrough; fi
    setting disk-cache "disk_cachemodes = file=$mode"
    run_killed "$n" fdatasync,fsync,rename,pwrite64 "${cmd[@]}" server reboot --hard --update shaky
    [ "$rc" -eq 0 ] && break
    [ "$rc" -eq 137 ] || not_ok "killed at call $n: exit code $rc, $err"
    run f server list
    [ "$rc" -eq 0 ] || not_ok "killed at call $n: the next command goes on"
    [ "$(guest shaky)" = "$(record shaky)" ] || not_ok "killed at call $n: guest and record are one"
    [ "$(db 'SELECT count(*) FROM operation')$(db "SELECT count(*) FROM document WHERE role <> 'current'")" = 00 ] \
      || not_ok "killed at call $n: nothing is left"
  done
  true_that "killed at a sample of $n calls, a server is whole" test "$n" -gt 20 -a "$n" -lt 400
else
  skip "no strace here (Debian: strace)"
fi

db "PRAGMA foreign_keys = ON; DELETE FROM document WHERE server = '$(uuid_of shaky)'"
run f server reboot --hard shaky
is_eq "$rc $err" '1 error StoreDamaged core: server "shaky" has no current document on record
  put a copy of STATE back, or give the server up: virtloom server delete --force' "without a document there is no guest"
run f server delete --force shaky
is_rc 0 "but it can be deleted"
for name in web written kept guarded; do run f server delete "$name"; is_eq "$rc $err" "0 " "delete $name"; done
is_eq "$(db 'SELECT count(*) FROM document_part')$(db 'SELECT count(*) FROM device')" 00 "nothing is left"

done_testing
