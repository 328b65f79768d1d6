#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# tests/with-deadline: a test that hangs is ended and told of, one that goes on is not.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

# within SECONDS SCRIPT: where a test in which nothing happens for 6 s hangs.
within () { run env VL_HUNG_SECONDS=6 "$top_srcdir/tests/with-deadline" "$1" bash -c "$2"; }

within 600 'echo "ok 1 - a"; echo 1..1; exit 7'
is "$rc $out" "7 ok 1 - a
1..1" "a test that ends: its output and its code"
within 600 'for n in 1 2 3; do sleep 4; done; echo 1..0'
is "$rc $out" "0 1..0" "a test that is slow"
within 600 "trap 'echo tidied up; exit 3' TERM; sleep 4321 & wait"
is_rc 99 "a test that hangs"
has "$out" "# nothing has happened in it for 6 s; its processes:" "is told of"
has "$out" "sleep 4321" "with what it waits for"
has "$out" "tidied up
Bail out! nothing has happened in it for 6 s" "and tidies up"
within 6 'while :; do sleep 1; done'
is "$rc $(tail -n 1 <<< "$out")" "99 Bail out! it has not ended in 6 s" "a test that comes to no end"
# Read as make's driver does it.
{ "$top_srcdir/tests/with-deadline" 600 bash -c 'setsid sleep 4322 & echo 1..0'; echo "$?"; } > >(cat > "$tmp/read")
wait $!
has "$(cat "$tmp/read")" "sleep 4322
Bail out! it left processes behind that hold its output
99" "a test that leaves a process behind which holds its output"
done_testing
