#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A real guest goes from one private libvirtd to another while it counts aloud: its disks are on an NBD
# server that both reach.  Once it is given up on its way, once it goes; no count is lost.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
guests_or_skip
hosts_or_skip
needs qemu-nbd qemu-utils
needs jq jq
guest_image

# Two hosts and a wire between them.
host_up a
host_up b
ip link add name vl0 netns "$(host_init_pid a)" type veth peer name vl0 netns "$(host_init_pid b)" || bail "no wire"
for host in a:1 b:2; do
  host_run "${host%:*}" ip addr add "10.77.0.${host#*:}/24" dev vl0
  host_run "${host%:*}" ip link set vl0 up
done

# Each has a STATE and settings of its own.
a () { t "$@"; }
b () {
  local state=$rig/t config=$tmp/config-b
  t "$@"
}
mkdir -p "$tmp/config-b/plugins.d"
chmod go-w "$tmp/config-b" "$tmp/config-b/plugins.d"
(config=$tmp/config-b; setting qemu-tcg "connection_uri = $(host_uri b)" "live_migration_inbound_addr = 10.77.0.2")
# The other host by its name, in a socket's path.
with=("connection_uri = $(host_uri a)" "live_migration_uri = qemu+unix:///system?socket=$rig/%s/run/libvirt-sock")
setting qemu-tcg "${with[@]}"
# on HOST METHOD JSON [OPTION...]: as in test-live-migration.sh.
on () {
  run "$1" driver call "$2" "${@:4}" < <(printf '%s' "$3")
  said=$(jq -r '[.findings[] | select(.severity == "error") | .code + ": " + .message] | join ("\n")' <<< "$out")
  result=$(jq -c '.result // empty' <<< "$out")
}
of () { jq -r ".$1" <<< "$result"; }
status () { a server list -o json | jq -r '.servers[0].status'; }

# ---- the guest ----

script count << 'END'
n=0
while :; do
  echo "count $n end"
  n=$((n + 1)); sleep 1
done
END
mkdir "$rig/sock"
chmod 755 "$rig/sock"
qemu-img convert -O raw "$image" "$tmp/root.raw"
for disk in root.raw count.disk; do
  setpriv --pdeathsig KILL qemu-nbd -t -e 8 -k "$rig/sock/${disk%.*}" -f raw -x d "$tmp/$disk" > "$tmp/nbd" 2>&1 &
  true_that "$disk is served" wait_for 120 test -S "$rig/sock/${disk%.*}"
  chmod 777 "$rig/sock/${disk%.*}"
done
must a flavor create f --vcpus 1 --ram 128 --disk 0
run a server create s --flavor f --volume "nbd:$rig/sock/root,export=d,boot_index=0" --volume "nbd:$rig/sock/count,export=d"
made "a guest that boots from a volume"
uuid=$(field s uuid)
true_that "it counts" says s "count 3 end"
it="\"instance\": \"$uuid\"" me="\"instance\": \"s\""
# The two hosts share a file system here, and what the destination's QEMU logs to is made anew.
there=$(dirname "$(cat "$tmp/console-of-s")")/there.log
counts () { { console s; tr -d '\r' < "$there"; } 2> /dev/null | sed -n 's/^.*count \([0-9]*\) end.*$/\1/p'; }
last () { counts | tail -n 1; }
reached () { [ "$(last)" -ge "$1" ]; }
goes_on () { wait_for 600 reached $(($(last) + 3)); }

# ---- can it? ----

on b check_can_live_migrate_destination "{$it}"
is "$rc $said $(of inbound_addr)" "0  10.77.0.2" "the destination can take it, at its address"
data=$result
on a check_can_live_migrate_source "{$me, \"migrate_data\": $data}"
is "$rc $said $(of is_shared_block_storage) $(of block_migration) $(of domain)" "0  true false $(field s domain)" "the source can let it go, and nothing is copied"
data=$(jq -c '.xml |= gsub ("console\\.log"; "there.log")' <<< "$result")
cpu=$(of cpu)
on b cleanup_live_migration_destination_check "{\"migrate_data\": $data}"
is "$rc $said" "0 " "the test file goes"
on b check_can_live_migrate_destination "$(jq -nc --arg u "$uuid" --arg c "<cpu mode='custom' match='exact'><model fallback='forbid'>qemu64</model><feature policy='require' name='avx512f'/></cpu>" '{instance: $u, cpu: $c}')"
is "$rc $said" "4 MigrationPreCheckError: this host's processor lacks what the guest's has" "a processor that the destination has not"
if [ "$cpu" != null ]; then
  on b check_can_live_migrate_destination "$(jq -nc --arg u "$uuid" --arg c "$cpu" '{instance: $u, cpu: $c}')"
  is "$rc $said" "0 " "the guest's own it has"
fi
for method in live_migration_abort live_migration_force_complete; do
  on a "$method" "{$me}"
  is "$rc $said" "3 NoActiveMigrationForInstance: guest '$uuid' is not being moved" "$method of one that stays"
done
on a post_live_migration "{$me}"
is "$rc ${said%%:*}" "3 InstanceInvalidState" "nothing of one that stays is tidied up"
on b post_live_migration_at_destination "{$it, \"migrate_data\": $data}"
is "$rc ${said%%:*}" "5 InstanceNotFound" "nor has it come"
on b pre_live_migration "{$it, \"migrate_data\": $data}"
is "$rc $said" "0 " "pre_live_migration"

# ---- what each setting changes ----

# asks SETTING WHAT OF-IT: what is asked of libvirt with it, towards a host that is not there.
nowhere="live_migration_uri = qemu+unix:///system?socket=/nowhere/%s"
asks () {
  setting qemu-tcg "${with[0]}" "$1" "${4-$nowhere}"
  on a live_migration "{$me, \"dest\": \"b\", \"migrate_data\": $data}" -v
  has "$rc $err $said" "$2" "$1: $3"
  is "$(status)" ACTIVE "$1: the guest is here"
}
asks 'live_migration_bandwidth = 0' "1 debug qemu-tcg: migrating '$uuid' to 'qemu+unix:///system?socket=/nowhere/b', flags 0x1b, bandwidth 0, parallel 1, by 10.77.0.2" "live, peer to peer, defined there and not here any more"
while read -r line; do
  asks "${line%%:*}" "${line#*:}" "is asked of libvirt"
done << 'END'
live_migration_bandwidth = 7:bandwidth 7,
live_migration_tunnelled = yes:flags 0x1f,
live_migration_with_native_tls = yes:flags 0x1001b,
live_migration_permit_post_copy = yes:flags 0x801b,
live_migration_permit_auto_converge = yes:flags 0x201b,
live_migration_parallel_connections = 3:flags 0x2001b, bandwidth 0, parallel 3
END
asks 'live_migration_permit_auto_converge = yes' 'flags 0x801b,' "not beside post-copy" "$nowhere
live_migration_permit_post_copy = yes"
asks 'live_migration_scheme = none' "to 'qemu+none://b/system'" "the other libvirt by that" ""
asks 'live_migration_uri = qemu+tcp://there/system' "LiveMigrationURINotAvailable: setting live_migration_uri = 'qemu+tcp://there/system' says not once where the host's name stands (%s)" "a template without a name" ""

# ---- it is given up on its way ----

# A wire so slow that it never comes.
slow=("${with[@]}" 'live_migration_bandwidth = 1')
go () { # SETTING...
  setting qemu-tcg "${slow[@]}" "$@"
  printf '%s' "{$me, \"dest\": \"b\", \"migrate_data\": $data}" > "$tmp/go.json"
  "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -v driver call live_migration --arguments "$tmp/go.json" > "$tmp/go.out" 2> "$tmp/go.err" &
  mover=$!
}
moved () { jq -r '[.findings[] | select(.severity == "error") | .code + ": " + .message] | join ("\n")' "$tmp/go.out"; }
leaves () { host_virsh a domjobinfo "$(field s domain)" | grep -q 'Operation: *Outgoing migration'; }
go
true_that "it goes" wait_for 300 leaves
is "$(status)" MIGRATING "and its server is MIGRATING"
on a live_migration_abort "{$me}"
is "$rc $said" "0 " "live_migration_abort"
wait "$mover"
is "$? $(moved)" "1 MigrationError: the move of guest '$uuid' to 'b' was given up" "who moved it is told"
is "$(status) $(host_virsh b list --all | grep -c .)" "ACTIVE 0" "it is here, and nothing of it there"
true_that "and counts on" goes_on
go 'live_migration_monitor_interval = 1' 'live_migration_downtime = 600' 'live_migration_downtime_steps = 3' 'live_migration_downtime_delay = 3'
true_that "it goes once more" wait_for 300 leaves
true_that "how far it is, is told" wait_for 300 grep -q 'MiB of memory are left' "$tmp/go.err"
true_that "it may stand still for a third of what is allowed" wait_for 300 grep -qF "downtime of '$uuid': up to 200 ms" "$tmp/go.err"
true_that "and for longer, the longer it takes" wait_for 300 grep -qF "downtime of '$uuid': up to 333 ms" "$tmp/go.err"
kill_job "$mover"
is "$(status)" ACTIVE "where the command is killed the next one takes the guest back"
true_that "nothing copies it any more" eval '! leaves'
true_that "and it counts on" goes_on
go 'live_migration_completion_timeout = 1'
wait "$mover"
is "$? $(moved)" "1 MigrationError: the move of guest '$uuid' to 'b' was given up, since it took longer than live_migration_completion_timeout" "one that takes too long is given up"
true_that "and counts on" goes_on
# The other libvirt hangs meanwhile, so that there is nothing yet that could be ended.
libvirtd=$(pgrep -f '^/usr/sbin/libvirtd --daemon' -P "$(host_init_pid b)")
kill -STOP "$libvirtd"
go 'live_migration_completion_timeout = 1'
true_that "one that takes too long before it has begun" wait_for 300 grep -qF "the move of '$uuid' takes longer than 2 s" "$tmp/go.err"
kill -CONT "$libvirtd"
wait "$mover"
is "$? $(moved)" "1 MigrationError: the move of guest '$uuid' to 'b' was given up, since it took longer than live_migration_completion_timeout" "is given up as soon as it can be"
true_that "and counts on" goes_on
paused () { [ "$(host_virsh a domstate "$(field s domain)")" = paused ]; }
go 'live_migration_completion_timeout = 1' 'live_migration_timeout_action = force_complete'
true_that "or stands still, so that it comes to its end" wait_for 300 paused
on a live_migration_abort "{$me}"
is "$rc $said" "0 " "that can be given up, too"
wait "$mover"
is "$? $(status)" "1 ACTIVE" "and it runs again here"
true_that "and counts on" goes_on
setting qemu-tcg "${with[@]}"

# ---- it goes ----

on a live_migration "{$me, \"dest\": \"b\", \"migrate_data\": $data}"
is "$rc $said" "0 " "live_migration"
is "$(status) $(host_virsh a list --all | grep -c .)" "MIGRATING 0" "it is not here any more"
run a server reboot s --hard
is_rc 3 "and is not started here"
for method in post_live_migration post_live_migration_at_source; do
  on a "$method" "{$me}"
  is "$rc $said" "0 " "$method"
done
on b post_live_migration_at_destination "{$it, \"migrate_data\": $data}"
is "$rc $said" "0 " "post_live_migration_at_destination"
on b get_info "{$it}"
is "$rc $said $(of state)" "0  1" "it runs there"
true_that "and counts on" goes_on
is "$(counts | awk 'NR > 1 && $1 != p + 1 { bad++ } { p = $1 } END { print bad + 0 }')" 0 "without a count that is lost or said twice"
on b rollback_live_migration_at_destination "{$it, \"migrate_data\": $data}"
is "$rc ${said%%:*}" "3 InstanceInvalidState" "what has come whole is not taken back"
on a rollback_live_migration_at_source "{$me}"
is "$rc ${said%%:*}" "5 InstanceNotFound" "nor at the source"
host_virsh b destroy "$uuid" > /dev/null
host_virsh b undefine "$uuid" > /dev/null
[ "$failures" -eq 0 ] || { host_log a; host_log b; diag "$(cat "$tmp/go.err")"; }

# ---- where no other host can connect ----

setting qemu-tcg 'connection_uri = qemu:///embed'
state=$rig/e
on a check_can_live_migrate_destination "{$it}"
is "$rc $said" "4 LiveMigrationURINotAvailable: guests of libvirt's embedded driver are not moved while they run: no other host can connect to it" "libvirt's embedded driver has no way to another"
done_testing
