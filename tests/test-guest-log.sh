#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Guests that flood their consoles, with the embedded driver and without virtlogd: the log is
# bounded, its end is there, and a guest never waits for who writes it, or ends with it.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image
most=262144
setting qemu-tcg "console_log_bytes = $most"
[ ! -S /run/libvirt/virtlogd-sock ] || skip_all "virtlogd of this machine writes the logs"

script flood << 'END'
a=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
a=$a$a$a$a$a$a$a$a$a$a$a$a$a$a$a$a
i=0
while :; do i=$((i + 1)); echo "flood $i $a"; done
END
must t flavor create small --vcpus 1 --ram 192 --disk 1
must t image create linux --file "$image" --disk-format qcow2
must t server create one --flavor small --image linux --volume "$(volume flood)"
folder=$(field one run_dir)

used () { du -sB1 --apparent-size "$folder" | cut -f 1; }
writer=
writes () { writer=$(lock_holder "$folder"); }
silent () { [ ! -e "/proc/$writer/exe" ]; }
# The number of the last whole line of the flood.
last () { cat "$folder/console.log.0" "$folder/console.log" 2> /dev/null | sed -n 's/^.*flood \([0-9]*\) A.*/\1/p' | tail -n 1; }
cpu () { awk '{ print $14 + $15 }' "/proc/$(guest_pids)/stat"; }
floods () { wait_for "${VL_TEST_BOOT_SECONDS:-600}" test "$(last)" -gt "$1"; }
goes_on () {
  local before
  before=$(last)
  is_past () { [ "$(last || echo 0)" -gt "${before:-0}" ]; }
  wait_for 600 is_past
}
rotated () { [ -s "$folder/console.log.0" ]; }
inode () { stat -c %i "$folder/console.log" 2> /dev/null; }

true_that "a process writes the log" writes
is_eq "$(readlink "/proc/$writer/exe")" "$(readlink -f "$top_builddir/confine/virtloom-console")" "which is ours"
is_eq "$(stat -c %u "/proc/$writer/status" 2> /dev/null; sed -n 's/^Uid:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$writer/status")" \
  "0
$(stat -c %u "$folder")" "as the user whose folder it is, and undumpable"
true_that "the log is a file" test -f "$folder/console.log"
true_that "the guest floods its console" wait_for 600 rotated
for round in 1 2; do
  first=$(inode)
  # shellcheck disable=SC2317
  is_another () { [ "$(inode)" != "$first" ]; }
  true_that "round $round: it floods on ($(last))" wait_for 600 is_another
  true_that "what is on disk is bounded ($(used))" test "$(used)" -le $((most + 16384))
  t server log one > "$tmp/log" 2> "$tmp/log.err"
  true_that "the last 100 KiB are there ($(wc -c < "$tmp/log"))" test "$(tr -d '\r' < "$tmp/log" | wc -c)" -ge 95000
  is_eq "$(steady "$(cat "$tmp/log.err")")" "" "without a word"
done

# Whoever reads the console goes on past the place where the log is rotated.
"$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q server console one --follow > "$tmp/followed" 2>&1 &
follower=$!
true_that "a console is followed" wait_for 600 test -s "$tmp/followed"
first=$(inode)
true_that "the log is rotated once more" wait_for 600 is_another
at=$(last)
follows () { grep -q "^flood $((at + 5)) A" <(tr -d '\r' < "$tmp/followed"); }
true_that "who follows the console follows that" wait_for 600 follows
kill "$follower"
wait "$follower" 2> /dev/null

# Stopped, it holds the guest up no longer than it is stopped; killed, not at all.
kill -KILL "$writer"
true_that "killed, the log's process is gone" wait_for 600 silent
before=$(cpu) size=$(used)
busy () { [ "$(cpu)" -gt $((before + 100)) ]; }
true_that "the guest goes on" wait_for 600 busy
is_eq "$(power one)" RUNNING "and runs"
is_eq "$(used)" "$size" "nothing grows"
run t server show one
has "$err" "the console log of guest '$(field one domain)' has ended: the process virtloom-console, which writes it, is gone
  virtloom server reboot --hard $(field one uuid) begins a new one" "server show says so"
run t host check
has "$out$err" "the console log of guest '$(field one domain)' has ended" "and so does host check"
run t server reboot one --hard
is_rc 0 "hard reboot"
true_that "begins a new one" writes
# A guest that floods may be too busy to answer in time.
is_eq "$(steady "$(t server show one 2>&1 > /dev/null)")" "" "and nobody complains"
true_that "which the guest floods" wait_for 600 rotated

run t server suspend one
is_rc 0 "suspend"
true_that "ends the log's process" wait_for 600 silent
run t server resume one
is_rc 0 "resume"
true_that "starts one" writes
true_that "the guest floods on" goes_on
pid=$(guest_pids)
kill -KILL "$pid"
true_that "it ends with a guest that is killed" wait_for 600 silent
run t server start one
is_rc 0 "start"
true_that "starts one" writes
run t server stop one --timeout 0
is_rc 0 "stop"
true_that "none is left then" silent
is_eq "$(find "$folder" -type p)" "" "and no pipe"

exec 7< "$folder"
flock 7
run t server start one
is_rc 1 "a guest whose log nothing would bound is not started"
has "$err" "guest '$(field one domain)' is not started, since nothing would bound its console log '$folder/console.log': virtloom-console does not start: another one writes this log: Resource temporarily unavailable" "in words"
is_eq "$(guest_pids)$(find "$folder" -type p)" "" "and nothing of it is left"
exec 7<&-

run t server start one
true_that "the guest floods" wait_for 600 rotated
run t server delete one
is_rc 0 "delete"
true_that "leaves no folder" test ! -e "$folder"
all_gone
done_testing
