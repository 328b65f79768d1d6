#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A guest whose memory is a file: it is as large as the guest is told, nobody else may read it, and it goes
# when the guest stops; all guests together have what the setting says.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image

setting file-memory 'file_backed_memory = 400'
main_setting virtloom 'reserved_host_memory_mb = 8'
must t flavor create f --vcpus 1 --ram 192 --disk 0
must t flavor create large --vcpus 1 --ram 256 --disk 0
must t image create linux --file "$image" --disk-format qcow2
script work << 'END'
echo "guest: has $(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' /proc/meminfo) in $(cat /proc/sys/kernel/random/boot_id)"
while :; do sleep 1000; done
END
run t server create web --flavor f --image linux --volume "$(volume work)"
made "a guest whose memory is a file"
# A boot is known by its id: the log is new with each.
boot=none
begins () { booted=$(tells web has); [ -n "${booted#*in }" ] && [ "${booted#*in }" != "$boot" ]; }
begins_anew () { wait_for "${VL_TEST_BOOT_SECONDS:-600}" begins && boot=${booted#*in }; }
true_that "it runs" begins_anew
true_that "it has its memory" test "${booted%% *}" -gt 130000
of_qemu () { tr '\0' '\n' < "/proc/$(guest_pids)/cmdline"; }
memory=$(of_qemu | sed -n 's/^.*"mem-path":"\([^"]*\)".*$/\1/p')
has "$(of_qemu)" '"share":true' "it is shared"
is_eq "$(stat -c '%s %F' "$memory")" "$((192 << 20)) regular file" "the file is as large as the guest's memory"
true_that "and there at once, whole" test "$(($(stat -c %b "$memory") * 512))" -ge $((192 << 20))
is_eq "$(stat -c '%U' "$memory" "${memory%/*}" | sort -u)" "$(stat -c %U "/proc/$(guest_pids)")" "it is QEMU's"
is_eq "$(($(stat -c '0%a' "${memory%/*}") & 7))" 0 "nobody else gets to it"
run t server diff web
is_eq "$rc $out$err" "0 " "a plan of today would change nothing"

run t server create more --flavor large --image linux
is_eq "$rc $(grep '^error' <<< "$err")" "4 error ComputeResourcesUnavailable core: the guest needs 256 of 'MEMORY_MB'; 192 of the host's 392 are in use (ram=256, flavor)" \
  "all guests together have what the setting says"

run t server reboot --hard web
is_rc 0 "hard reboot"
true_that "it is up again" begins_anew
is_eq "$(find "${memory%/*/*}" -type f | wc -l)" 1 "it has one file, as before"
run t server stop web --timeout 0
is_rc 0 "stop"
is_eq "$(find "${memory%/*/*}" -type f | wc -l)" 0 "the file is gone"
run t server start web
is_rc 0 "start"
true_that "it starts again" begins_anew
run t server delete web
is_rc 0 "delete"
is_eq "$(find "${memory%/*/*}" -mindepth 1 | wc -l)" 0 "nothing is left of it"
all_gone
done_testing
