#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What libvirt tells of a real guest is recorded by `host watch`, also after its libvirtd was
# restarted; a guest is interrupted, and its memory written into a file.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
hosts_or_skip
guest_image
needs jq jq
t () { vl --driver qemu-tcg -q "$@"; }

# A disk that is larger than the file system that it lies on.
mkdir -m 711 "$rig/small"
mount -t tmpfs -o size=1M,mode=711 small "$rig/small" || skip_all "nothing can be mounted"
cleanup_small () { umount -l "$rig/small"; }
# Behind hosts_down, which ends what uses it.
CLEANUPS=${CLEANUPS/hosts_down/stop_watchers hosts_down_and_small}
hosts_down_and_small () {
  local at
  for at in "$rig"/*/pid; do [ ! -e "$at" ] || host_down "$(basename "${at%/pid}")"; done
  cleanup_small
  rm -rf "$rig"
}
stop_watchers () { kill "${watcher:-}" "${follower:-}" 2> /dev/null; }
truncate -s 8M "$rig/small/full.raw"
host_up a
setting qemu-tcg "connection_uri = $(host_uri a)"

script tell << 'END'
nmis () { sed -n 's/^ *NMI: *\([0-9]*\) .*/\1/p' /proc/interrupts; }
before=$(nmis)
watchdog -T 4 -t 1000 /dev/watchdog0
echo "guest: waits with $before"
until [ "$(nmis)" -gt "$before" ]; do sleep 1; done
echo "guest: interrupted $(nmis)"
dd if=/dev/zero of=/dev/vdc bs=64k count=64 oflag=direct 2> /dev/null
echo "guest: wrote $?"
END
must t flavor create small --vcpus 1 --ram 192 --disk 0 --property hw:watchdog_action=none
must t image create guest --file "$image" --disk-format qcow2 --property hw_qemu_guest_agent=yes

"$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg host watch > "$tmp/watch" 2>&1 &
watcher=$!
true_that "host watch listens" wait_for 300 grep -qx listening "$tmp/watch"
run t server create web --flavor small --image guest --volume "$(volume tell)" \
  --volume "path=$rig/small/full.raw,format=raw"
made "a guest of the daemon"
domain=$(field web domain)

# seen [ACTION]: what the server did by itself, the first first.
seen () { t server event list web -o json | jq -r '.events | reverse | .[] | select (.result == "seen") | "\(.action): \(.reason)"'; }
has_seen () { seen | grep -qxF -- "$1"; }
sees () {
  wait_for "${VL_TEST_BOOT_SECONDS:-600}" has_seen "$1" && return 0
  diag "$(seen)"
  return 1
}
status_is () { [ "$(field web status)" = "$1" ]; }

true_that "the agent is told" sees 'agent: connected'
true_that "the watchdog is told" sees 'watchdog: none'
true_that "the guest waits" says web 'guest: waits with'

# ---- into the guest ----

run t server dump create web
is_eq "$rc $out$err" "0 " "an interrupt"
true_that "the guest has it" says web 'guest: interrupted'
mkdir -m 700 "$tmp/own"
run t server dump create web --file "$tmp/own/memory"
is_eq "$rc $out$err" "0 " "its memory in a file"
is_eq "$(stat -c '%a %u %g' "$tmp/own/memory") $(ls -A "$tmp/own")" "600 0 0 memory" "which is root's alone"
is_eq "$(head -c 4 "$tmp/own/memory" | tail -c 3)" ELF "an ELF file"
true_that "with the guest's text" grep -qaF 'guest: waits with' "$tmp/own/memory"
rm -f "$tmp/own/memory"

# ---- out of the guest ----

true_that "an I/O error is told" sees "I/O error: virtio-disk2, $rig/small/full.raw: enospc; the guest is paused"
true_that "and pauses it" wait_for 300 status_is PAUSED
mount -o remount,size=64M "$rig/small"
run t server unpause web
is_rc 0 "with more room"
true_that "the guest goes on" says web 'guest: wrote 0'
run t server remove volume web vdc
is_eq "$rc $err" "0 " "remove volume"
is_eq "$(seen | grep -c 'device removed')" 0 "what a command does is not told twice"
host_virsh a blockcopy "$domain" vdb --dest "$rig/copy.raw" --format raw --transient-job --wait --finish > /dev/null
true_that "a block job is told" sees 'block job: copy of vdb: ready'
# Times on record are whole seconds: the operation before has one of its own.
second=$(date +%s)
next_second () { [ "$(date +%s)" != "$second" ]; }
wait_for 300 next_second
host_virsh a detach-disk "$domain" vdb --live > /dev/null
true_that "a device that others took away is told" sees 'device removed: virtio-disk1'

# ---- libvirtd restarts ----

# Guests live on, as where systemd restarts it; what happens meanwhile is found afterwards.
daemon=$(pgrep -f "^/usr/sbin/libvirtd --daemon" -P "$(host_init_pid a)")
kill -KILL "$daemon"
true_that "the listener says that it is gone" wait_for 300 grep -qx 'the hypervisor has gone; it is tried again until it is there' "$tmp/watch"
host_run a rm -f /run/libvirtd.pid
host_run a /usr/sbin/libvirtd --daemon
true_that "and listens again" wait_for 300 sh -c "[ \$(grep -cx listening '$tmp/watch') = 2 ]"
kill -KILL "$(guest_pids)"
true_that "a crash is told" sees 'crashed: its QEMU process ended by itself'
is_eq "$(field web status)" SHUTOFF "and off is off"
"$VL_RUN" virtloom --config "$config" --state "$state" server event list web --follow -o json > "$tmp/follow" 2>&1 &
follower=$!

# ---- stops that are none ----

run t server start web
made "a start"
host_virsh a reset "$domain"
true_that "a reset is told" sees 'rebooted: by itself'
# While somebody works on the server nobody looks between the two.
lock=$state/servers/$(field web uuid).lock
exec 8> "$lock"
flock 8
host_virsh a destroy "$domain" > /dev/null
host_virsh a start "$domain" > /dev/null
rm "$lock"
exec 8>&-
host_virsh a suspend "$domain" > /dev/null
true_that "a guest that others pause" sees 'paused: null'
is_eq "$(seen | grep -c stopped)" 0 "had not stopped when it was started at once"
host_virsh a destroy "$domain" > /dev/null
has_stopped () { seen | grep -q '^stopped while paused: by itself'; }
true_that "one that stays off has" wait_for 300 has_stopped

kill "$watcher"
wait "$watcher"
is_eq "$? $(tail -n 1 "$tmp/watch")" "0 listening" "host watch ends when it is told to"
run t server delete web
is_rc 0 "delete"
true_that "who follows it ends with it" wait_for 300 sh -c "! kill -0 $follower"
is_eq "$(grep -vc '^{.*}$' "$tmp/follow")" 0 "one object a line"
for action in create agent watchdog 'dump create' 'I/O error' 'block job' 'device removed' crashed paused delete; do
  true_that "follow: $action" grep -qF "\"action\":\"$action\"" "$tmp/follow"
done
run t server list
is_eq "$(guest_pids)" "" "no QEMU is left"
[ "$failures" -eq 0 ] || { host_log a; diag "$(cat "$tmp/watch" "$tmp/follow")"; }
done_testing
