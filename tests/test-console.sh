#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# virtloom-console alone: what it keeps, what it gives up, and that its writer never waits for
# a disk.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
program=$top_builddir/confine/virtloom-console
dir=$tmp/run
mkdir -m 700 "$dir"
user=$(id -u)
if [ "$user" = 0 ]; then
  chown 65534:65534 "$dir"
  user=65534
fi

# begin BYTES: starts one, with the pipe at descriptor 9 and what it waits for at 8.
begin () {
  rm -f "$tmp/pipe" "$tmp/started"
  mkfifo "$tmp/pipe" "$tmp/started"
  exec 6<> "$tmp/pipe" 9> "$tmp/pipe" 5< "$tmp/pipe" 6>&-
  exec 6<> "$tmp/started" 8> "$tmp/started" 4< "$tmp/started" 6>&-
  said=$("$program" "$1" <&5 2>&1 > /dev/null 3< "$dir" 4<&4 5<&- 8>&- 9>&-)
  exec 5<&- 4<&-
}
held () { ! flock -n "$dir" true; }
gone () { ! held; }
ends () { exec 8>&- 9>&-; wait_for 120 gone; }
pid () { lock_holder "$dir"; }
of () { sed -n "s/^$1:[[:space:]]*//p" "/proc/$(pid)/status" | tr '\t' ' '; }
size () { stat -c %s "$dir/$1" 2> /dev/null || echo none; }
all () { cat "$dir/console.log.0" "$dir/console.log" 2> /dev/null; }
lines () { seq -f 'line %06.0f of a guest that says much' "$1" "$2"; }
kept () { all | grep -qF "$1"; }

mkfifo "$dir/console.log"
echo old > "$dir/console.log.0"
begin 8192
is_eq "$said" "" "it is ready when it has closed its stderr"
true_that "a process of its own goes on, and holds a lock on the folder" held
true_that "until the guest is started the log's name is a pipe" test -p "$dir/console.log"
is_eq "$(size console.log.0)" none "the log of before is gone"
is_eq "$(of Uid)" "$user $user $user $user" "it runs as the user whose folder it is"
is_eq "$(of CapEff) $(of CapPrm) $(of NoNewPrivs) $(of Seccomp)" "0000000000000000 0000000000000000 1 2" \
  "without capabilities, with a filter of system calls"
is_eq "$(sed -n 's/^Max file size *\([0-9]*\) .*/\1/p' "/proc/$(pid)/limits")" 4096 "no file of its can become larger"
lines 1 3 >&9
exec 8>&-
true_that "the log is a file then" wait_for 120 test -f "$dir/console.log"
true_that "what was said before is kept" wait_for 120 kept "line 000003"
is_eq "$(size console.log.0)" none "of one part, as long as it is short"
lines 4 2000 >&9
true_that "the newest is kept" wait_for 120 kept "line 002000"
true_that "and no more than was said ($(size console.log), $(size console.log.0))" test $(($(size console.log) + $(size console.log.0))) -le 8192
true_that "of which half is always there" test $(($(size console.log) + $(size console.log.0))) -ge 4096
is_eq "$(all | tail -n 100)" "$(lines 1901 2000)" "without a gap"
is_eq "$(find "$dir" -mindepth 1 | wc -l)" 2 "in two files"

: > "$dir/console.log"
lines 2001 2003 >&9
true_that "a log that somebody empties goes on" wait_for 120 kept "line 002003"
rm "$dir/console.log" "$dir/console.log.0"
lines 2004 3000 >&9
true_that "one that somebody removes is begun anew" wait_for 120 kept "line 003000"
rm -f "$dir/console.log.0"
mkdir "$dir/console.log.0"
lines 3001 4000 >&9
true_that "what cannot be moved away is lost" wait_for 120 kept "line 004000"
true_that "and nothing grows" test "$(size console.log)" -le 4096
rmdir "$dir/console.log.0"
chmod 500 "$dir"
lines 4001 9000 >&9
chmod 700 "$dir"
lines 9001 9999 >&9
true_that "where nothing can be written the writer goes on all the same, and so does the log later" wait_for 120 kept "line 009999"

mkfifo "$tmp/again"
exec 7<> "$tmp/again"
said=$("$program" 8192 2>&1 > /dev/null <&7 3< "$dir" 4<&7 7>&- 8>&- 9>&-)
is_eq "$said" "another one writes this log: Resource temporarily unavailable" "a second one does not begin"
exec 7>&-
said=$("$program" 100 2>&1 > /dev/null 3< "$dir" 4< /dev/null)
is_eq "$said" "how much it may keep: Invalid argument" "nor one that may keep nothing"

kill -KILL "$(pid)"
true_that "killed, it is gone" wait_for 120 gone
before=$(all | cksum)
(trap '' PIPE; lines 1 9 >&9) 2> /dev/null
is_eq "$(all | cksum)" "$before" "and the log stays as it was"
exec 9>&-

begin 8192
lines 1 2 >&9
true_that "it ends with its guest" ends
is_eq "$(all)" "$(lines 1 2)" "after the last line"
done_testing
