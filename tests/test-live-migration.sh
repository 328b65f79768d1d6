#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Guests that go to another host while they run, call by call, on the fake driver: two STATEs are two
# hosts.  A server whose guest goes, or has gone, is started by nobody a second time.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs jq jq
needs sqlite3 sqlite3

# on HOST METHOD JSON: the answer in $out, its errors in $said, its result in $result.
on () {
  local state=$tmp/$1
  run vl --driver fake driver call "$2" < <(printf '%s' "$3")
  said=$(jq -r '[.findings[] | select(.severity == "error") | .code + ": " + .message] | join ("\n")' <<< "$out")
  result=$(jq -c '.result // empty' <<< "$out")
}
a () { local state=$tmp/a; vl --driver fake "$@"; }
done_with () { is "$rc $said" "0 " "$1"; }
refused () { is "$rc $said" "$1 $2" "$3"; }
of () { jq -r ".$1" <<< "$result"; }
# with JSON: the migrate data, with members of it changed.
with () { jq -c ". + $1" <<< "$data"; }
status () { a server list -o json | jq -r '.servers[0].status'; }

truncate -s 8M "$tmp/disk.raw"
a flavor create m1 --vcpus 1 --ram 128 --disk 1 > /dev/null
a image create img --file "$tmp/disk.raw" --disk-format raw > /dev/null
a server create web --flavor m1 --image img > /dev/null || bail "no server"
uuid=$(a server show web -o json | jq -r .uuid)
me="\"instance\": \"web\"" it="\"instance\": \"$uuid\""

# ---- can it go, can it come? ----

on b check_can_live_migrate_destination "{$it}"
done_with "the destination can take it"
data=$result file=$(of filename)
true_that "a test file is there" test -f "$tmp/b/servers/$file"
is "$(of 'uuid') $(of 'disk_available_mb > 0') $(of block_migration)" "$uuid true null" "and what the destination knows is told"
on a check_can_live_migrate_source "{$me, \"migrate_data\": $data}"
done_with "the source can let it go"
is "$(of is_shared_instance_path) $(of is_shared_block_storage) $(of block_migration) $(of 'migrate_disks[]')" "false false true vda" "what is not shared is to be copied"
has "$(of xml)" "<uuid>$uuid</uuid>" "with its document"
has "$(jq -r '.findings[].message' <<< "$out")" "live migration fails if the guest runs guests of its own" "features are asked"
on a check_can_live_migrate_source "{$me, \"migrate_data\": $(with '{"block_migration": false}')}"
refused 3 'InvalidSharedStorage: the disks of server "web" are on this host alone, and are not to be copied' "neither shared nor copied"
on a check_can_live_migrate_source "{$me, \"migrate_data\": $(with '{"disk_available_mb": 1}')}"
refused 4 'MigrationPreCheckError: the disks of server "web" take 1024 MiB, and the destination has 1' "no room"
on a check_can_live_migrate_source "{$me, \"migrate_data\": $(with '{"disk_available_mb": 1, "disk_over_commit": true}')}"
done_with "but for what they take now"
cp "$tmp/b/servers/$file" "$tmp/a/servers/$file"
on a check_can_live_migrate_source "{$me, \"migrate_data\": $data}"
is "$rc $said $(of is_shared_instance_path) $(of is_shared_block_storage) $(of block_migration)" "0  true true false" "a folder that both see is shared, and nothing is copied"
shared=$result
on a check_can_live_migrate_source "{$me, \"migrate_data\": $(with '{"block_migration": true}')}"
refused 3 'InvalidLocalStorage: the disks of server "web" are to be copied, and both hosts have them' "copied onto themselves"
on b check_can_live_migrate_destination_cleanup "{\"migrate_data\": $data}"
done_with "the cleanup, by the name that older engines have"
true_that "the file has gone" test ! -e "$tmp/b/servers/$file"
on b cleanup_live_migration_destination_check "{\"migrate_data\": $data}"
done_with "and once more"
rm "$tmp/a/servers/$file"
on b check_can_live_migrate_destination "{$it, \"cpu\": \"<cpu mode='custom'><model>x</model><feature policy='require' name='no-such'/></cpu>\"}"
refused 4 "MigrationPreCheckError: the guest's processor has 'no-such', and this host's has not" "another processor"
is "$(ls "$tmp/b/servers")" "" "leaves no file"
on b check_can_live_migrate_destination '{"instance": "web"}'
refused 3 "InvalidInput: the migrate data have no uuid of a guest; accepted: 36 characters, as 00000000-0000-4000-8000-000000000001" "the destination knows no names"
on a check_instance_shared_storage_local "{$me}"
local_file=$(of filename)
on a check_instance_shared_storage_remote "{\"filename\": \"$local_file\"}"
is "$rc $said $result" "0  true" "shared storage: the file is there"
on b check_instance_shared_storage_remote "{\"filename\": \"$local_file\"}"
is "$rc $said $(jq .result <<< "$out")" "0  false" "and not on the other host"
on a check_instance_shared_storage_cleanup "{\"filename\": \"$local_file\"}"
done_with "and is removed"
for name in ../state.db migrate-x "$uuid"; do
  on a check_instance_shared_storage_cleanup "{\"filename\": \"$name\"}"
  refused 3 "InvalidInput: '$name' is no test file of shared storage; accepted: migrate-UUID" "no other file is: $name"
done
on a check_can_live_migrate_source "{$me, \"migrate_data\": {\"filname\": 1}}"
is "$rc $said $(jq -r '.findings[0].hint' <<< "$out")" "3 InvalidInput: migrate_data has no member 'filname' did you mean 'filename'?" "a member that is none"
on a check_can_live_migrate_source "{$me, \"migrate_data\": {\"migrate_disks\": [1]}}"
refused 3 "InvalidInput: member 'migrate_disks' of migrate_data is not what it must be; accepted: an array of texts" "one that is something else"
on b pre_live_migration "{$it, \"migrate_data\": $(with '{"domain": "other"}')}"
refused 3 "InvalidInput: 'other' is not what guest '$uuid' is called" "a guest that is called otherwise"
for dest in '' '-x' 'a b' 'a/b' 'x?y' '[::1]'; do
  on a live_migration "{$me, \"dest\": \"$dest\", \"migrate_data\": $shared}"
  refused 3 "InvalidHostname: '$dest' is no name of a host; accepted: a name, or an address without brackets" "no host: '$dest'"
done
is "$(status)" ACTIVE "nothing was done"
for method in live_migration_abort live_migration_force_complete; do
  on a "$method" "{$me}"
  refused 3 "NoActiveMigrationForInstance: guest '$uuid' is not being moved" "$method of one that is not"
done
for method in post_live_migration post_live_migration_at_source; do
  on a "$method" "{$me}"
  refused 3 "InstanceInvalidState: guest '$uuid' is running: it cannot be tidied up after, since it is still here" "$method of one that is here"
done

# ---- the destination makes ready, and takes that back ----

on b pre_live_migration "{$it, \"migrate_data\": $data}"
done_with "pre_live_migration"
true_that "the guest has a folder" test -d "$tmp/b/servers/$uuid/run"
on b pre_live_migration "{$it, \"migrate_data\": $data}"
refused 1 "DestinationDiskExists: the folder '$tmp/b/servers/$uuid' is there already" "not a second time"
on a pre_live_migration "{$it, \"migrate_data\": $data}"
refused 3 "InstanceExists: server \"web\" of this host has uuid $uuid" "nor where it is"
on a rollback_live_migration_at_destination "{$it, \"migrate_data\": $data}"
refused 3 "InstanceExists: server \"web\" of this host has uuid $uuid" "where nothing is taken back either"
on b rollback_live_migration_at_destination "{$it, \"migrate_data\": $data}"
done_with "rollback_live_migration_at_destination"
is "$(ls "$tmp/b/servers") $(ls "$tmp/b/fake/comes")" " " "nothing is left"
on b pre_live_migration "{$it, \"migrate_data\": $data}"
touch "$tmp/b/servers/$uuid/disk"
on b rollback_live_migration_at_destination "{$it, \"migrate_data\": $data}"
is "$rc $(jq -r '.findings[0].code' <<< "$out") $(ls "$tmp/b/servers/$uuid")" "0 FolderKept disk" "but for a disk"
rm -r "$tmp/b/servers/$uuid"
on b post_live_migration_at_destination "{$it, \"migrate_data\": $data}"
is "$rc ${said%%:*}" "5 InstanceNotFound" "what has not come is not there"

# ---- it goes, and is stopped on its way ----

setting fake 'delay_ms = live_migration:3600000'
# Begins to move the server in the background, and waits until it goes.
go () {
  printf '%s' "{$me, \"dest\": \"b\", \"migrate_data\": $shared}" > "$tmp/go.json"
  (state=$tmp/a; exec "$VL_RUN" virtloom --config "$config" --state "$tmp/a" --driver fake driver call live_migration --arguments "$tmp/go.json") > "$tmp/go.out" 2>&1 &
  mover=$!
  wait_for 300 test -s "$tmp/a/fake/leaves/$uuid"
}
true_that "it goes" go
is "$(status)" MIGRATING "a server that goes is MIGRATING"
on a live_migration_abort "{$me}"
done_with "live_migration_abort"
wait "$mover"
is "$? $(jq -r '.findings[] | select(.severity == "error") | .code + ": " + .message' "$tmp/go.out")" "1 MigrationError: the move of guest '$uuid' was given up" "who moved it is told"
is "$(status) $(ls "$tmp/a/fake/leaves")" "ACTIVE " "it goes on here"
is "$(a server event list web -o json | jq -r '.events[0] | .action + " " + .result')" "live migration failed" "which is in its history"
true_that "once more" go
kill_job "$mover"
is "$(status)" ACTIVE "where the command is killed the next one takes it back"
is "$(a server event list web -o json | jq -r '.events[0] | .action + " " + .result + ": " + .reason')" "live migration interrupted: the command that did it was killed; the guest is here" "which is in its history, too"
a server pause web
true_that "a paused one goes" go
on a live_migration_abort "{$me}"
wait "$mover"
is "$(status)" PAUSED "and is paused where it stays"
a server unpause web

# ---- it goes, and is gone ----

# As a folder that both have would be.
mkdir "$tmp/b/servers/$uuid"
on b pre_live_migration "{$it, \"migrate_data\": $shared}"
true_that "it goes again" go
on a live_migration_force_complete "{$me}"
done_with "live_migration_force_complete"
wait "$mover"
is "$? $(jq -c '[.result, has("result")]' "$tmp/go.out")" '0 [null,true]' "it has gone"
is "$(status)" MIGRATING "and the server stays MIGRATING"
# Its guest runs elsewhere: whatever would start it, or take its disks away, is refused.
for act in "start" "stop" "reboot --hard" "delete" "delete --force" "set --status active" "resize --flavor m1" "rebuild" "rescue" "shelve"; do
  # shellcheck disable=SC2086 # a verb and its option
  run a server ${act%% *} web ${act#"${act%% *}"}
  has "$rc $err" '3 error InstanceInvalidState core: server "web" is MIGRATING; ' "no $act"
done
on a rollback_live_migration_at_source "{$me}"
refused 5 'InstanceNotFound: the guest of server "web" is not here' "nor is it taken back"
is "$(status)" MIGRATING "it stays that"
for method in post_live_migration post_live_migration_at_source; do
  on a "$method" "{$me}"
  done_with "$method"
done
on b post_live_migration_at_destination "{$it, \"migrate_data\": $shared}"
done_with "post_live_migration_at_destination"
on b post_live_migration_at_destination "{$it, \"migrate_data\": $shared}"
done_with "and once more"
on b get_info "{$it}"
is "$rc $(of state)" "0 1" "it runs there"
on b rollback_live_migration_at_destination "{$it, \"migrate_data\": $shared}"
refused 3 "InstanceInvalidState: guest '$uuid' is running: it cannot be taken back, since it has come whole" "and is not taken back any more"
on b pre_live_migration "{$it, \"migrate_data\": $shared}"
refused 1 "InstanceExists: guest '$uuid' is there already" "nor does it come twice"

# ---- who cannot go ----

setting fake 'fail = live_migration'
a server create other --flavor m1 --image img > /dev/null
on a live_migration "{\"instance\": \"other\", \"dest\": \"b\", \"migrate_data\": $shared}"
is "$rc ${said%%:*} $(a server show other -o json | jq -r .status)" "1 PlannedFailure ACTIVE" "a move that fails leaves the server as it was"
a server stop other --timeout 0
on a check_can_live_migrate_source '{"instance": "other", "migrate_data": {}}'
is "$rc $said" '3 InstanceInvalidState: server "other" is SHUTOFF; live migration is for servers that are ACTIVE, PAUSED' "a server that is off"
on a live_migration "{\"instance\": \"other\", \"dest\": \"b\", \"migrate_data\": $shared}"
is "$rc $said" '3 InstanceInvalidState: server "other" is SHUTOFF; live migration is for servers that are ACTIVE, PAUSED' "does not go"
a server start other
a server lock other --reason backup
on a live_migration "{\"instance\": \"other\", \"dest\": \"b\", \"migrate_data\": $shared}"
is "$rc ${said%%:*}" "3 InstanceIsLocked" "nor does one that is locked"
done_testing
