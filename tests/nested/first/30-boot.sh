#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Before the host boots: one guest runs, one is suspended, one is off, and the units are enabled.

# shellcheck source=tests/nested/lib.sh
. "$top_srcdir/tests/nested/lib.sh"
run k server create off --flavor tiny --image empty
made "a third guest"
run k server stop off --timeout 0
is_eq "$rc $err" "0 " "stop"
tells hidden life > "$work/life"
run k server suspend hidden
is_eq "$rc $err" "0 " "suspend"

config=/usr/local/etc/virtloom
mkdir -p "$config"
printf '[virtloom]\nresume_guests_state_on_host_boot = yes\n' > "$config/virtloom.conf"
systemctl -q enable virtloom-resume.service virtloom-tend.timer
run systemctl -q enable --now virtloom-watch.service
is_rc 0 "host watch tells systemd that it listens"
statuses > "$work/statuses"
is "$(cat "$work/statuses")" "hidden SUSPENDED SUSPENDED
nests ACTIVE RUNNING
off SHUTOFF SHUTDOWN" "one runs, one is suspended, one is off"
owners > "$work/owners"
is "$(denials)" "" "AppArmor refused nothing"
done_testing
