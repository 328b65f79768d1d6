#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# After a boot of the host: what ran runs again, by the unit, and all else is as it was.

# shellcheck source=tests/nested/lib.sh
. "$top_srcdir/tests/nested/lib.sh"
unit () { systemctl show -p "$2" --value "virtloom-$1"; }
# What the server did by itself, the first first.
seen () { k server event list "$1" -o json | jq -r '.events | reverse | .[] | select (.result == "seen") | "\(.at) \(.action): \(.reason)"'; }
booted=$(date -u -d "@$(sed -n 's/^btime //p' /proc/stat)" +%Y-%m-%dT%H:%M:%SZ)
# connected: the agent has, since the boot.
connected () { seen nests | awk -v booted="$booted" '$1 >= booted' | grep -q ' agent: connected$'; }

true_that "systemd has the host up" wait_for 900 systemctl is-active --quiet multi-user.target
is "$(unit resume.service Result) $(unit resume.service ActiveState)" "success active" "host resume has done its work"
is "$(unit watch.service ActiveState) $(unit watch.service SubState) $(unit watch.service StatusText)" "active running listening" "host watch listens"
true_that "and tells systemd that it lives" [ "$(unit watch.service WatchdogTimestampMonotonic)" -gt 0 ]
is "$(unit tend.timer ActiveState)" active "the timer of host tend waits"
is "$(statuses)" "$(cat "$work/statuses")" "guests run, are suspended and are off as before"
is "$(owners)" "$(cat "$work/owners")" "files are whose they were"
true_that "what ran boots" says nests "guest: sees"
true_that "host watch heard its agent" wait_for 300 connected
run k server resume hidden
is_eq "$rc $err $(power hidden)" "0  RUNNING" "what was suspended is resumed"
run k server add volume hidden "path=$work/one.raw,format=raw"
is_eq "$rc $err" "0 " "is given a volume"
true_that "and sees it, after the boot of its host" says hidden "vdc=4096."
is "$(tells hidden life)" "$(cat "$work/life")" "without a boot of its own"
run systemctl start virtloom-tend.service
is_eq "$rc $(unit tend.service Result)" "0 success" "host tend does its work"
run program host check
is_rc 0 "host check passes"
lacks "$out" "FAIL" "without a fault"
has "$out" "PASS  vhost_net: /dev/vhost-net is there" "with the modules that it wanted"
run k server delete nests hidden off
is_eq "$rc $err" "0 " "delete"
is "$(virsh -q -c qemu:///system list --all --name | grep -c .)" 0 "libvirt has no guest"
is "$(find /var/lib/virtloom/servers -mindepth 1)" "" "no file of one is left"
is "$(denials)" "" "AppArmor refused nothing"
done_testing
