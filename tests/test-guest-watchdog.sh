#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The watchdog fires in real guests: each opens it, never feeds it, and each
# action is judged by what becomes of the guest.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image

# The second time the guest comes up, its script disk is empty.  -t is longer
# than -T: the guest never feeds it.
for name in reset poweroff pause none; do
  script "$name" << 'END'
dd if=/dev/zero of=/dev/vdb bs=512 count=1 conv=notrunc 2> /dev/null
sync
begin=$(date +%s)
dd if=/dev/hwrng of=/dev/null bs=512 count=6 iflag=fullblock 2> /dev/null
echo "guest: rng seconds $(($(date +%s) - begin))"
watchdog -T 4 -t 1000 /dev/watchdog0
echo "guest: watchdog opened"
sleep 9
echo "guest: watchdog survived"
END
  must t flavor create "$name" --vcpus 1 --ram 192 --disk 1 --property "hw:watchdog_action=$name"
done
must t image create linux --file "$image" --disk-format qcow2

start () { run t server create "$1" --flavor "$1" --image linux --volume "$(volume "$1")"; made "a guest with action $1"; }
seconds () { wait_for "${VL_TEST_BOOT_SECONDS:-600}" "$@"; }

# Two at a time: a guest keeps a processor busy while it boots.
start reset
start poweroff
true_that "its guest opens the watchdog" says poweroff "guest: watchdog opened"
true_that "poweroff: the server is off" seconds power_is poweroff SHUTDOWN
is_eq "$(field poweroff status)" SHUTOFF "and its status is SHUTOFF"
true_that "reset: the guest starts anew" says reset "guest: report begins" 2
is_eq "$(power reset)" RUNNING "and is running"
lacks "$(console reset)" "guest: watchdog survived" "the guest that was reset never went on"
true_that "the guest gets 3 KiB of random numbers" grep -qxE '[0-9]+' <<< "$(tells reset rng seconds)"
lacks "$(tr '\0' ' ' < "/proc/$(pgrep -f "[g]uest=$(field reset domain),")/cmdline")" max-bytes "without a rate"
run t server delete reset poweroff
is_rc 0 "delete"

start pause
start none
true_that "none: the guest outlives its watchdog" says none "guest: watchdog survived"
is_eq "$(power none)" RUNNING "and is running"
true_that "pause: the server is paused" seconds power_is pause PAUSED
lacks "$(console pause)" "guest: watchdog survived" "the guest stands still"
run t server unpause pause
is_rc 0 "unpause"
true_that "lets it go on" says pause "guest: watchdog survived"
run t server delete pause none
is_rc 0 "delete"

all_gone
done_testing
