#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What guests do, round by round, by the driver fake, whose guests do nothing; and what -q leaves out.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs jq jq
needs socat socat
# shellcheck source=tests/tree-lib.sh
. "$(dirname "$0")/tree-lib.sh"
cd "$tmp" || exit 99
rounds () { jq -c '[.servers[] | [.name, .cpu]]' "$1" | paste -sd ' '; }

run f server top -n 1 -d 1
is_eq "$rc $(wc -l <<< "$out")$err" "0 1" "without guests there are headings alone"
truncate -s 1M i.raw
f image create i --file i.raw --disk-format raw > /dev/null
f flavor create small --vcpus 1 --ram 64 --disk 0 > /dev/null
f flavor create large --vcpus 1 --ram 128 --disk 0 > /dev/null
for name in b c; do f server create $name --flavor small --image i > /dev/null; done
f server create a --flavor large --image i > /dev/null
f server pause b
f server create off --flavor small --image i > /dev/null
f server stop off

run f server top --rounds 1 --delay 1
is_eq "$rc $(sed -E 's/ +/ /g; s/ $//' <<< "$out")$err" "0 Name Power state CPU (%) Memory (MiB) Read (B/s) Written (B/s) Received (B/s) Sent (B/s)
a RUNNING 0 0 0 0 0 0
b PAUSED 0 0 0 0 0 0
c RUNNING 0 0 0 0 0 0" "those that run or are paused"
run f server top -n 2 -d 1 -c name,cpu -o value
is_eq "$rc $(tr '\t' ' ' <<< "$out")" "0 a 0
b 0
c 0

a 0
b 0
c 0" "two rounds, an empty line between them"
run f server top -n 1 -d 1 -o json
is_eq "$rc $(jq -c '.servers[0] | keys' <<< "$out")" '0 ["cpu","domain","memory_mb","name","power_state","read_bytes","rx_bytes","tx_bytes","uuid","write_bytes"]' "in JSON an object for each"
true_that "with the time that it is about" test "$(jq '.seconds > 0.1' <<< "$out")" = true
is_eq "$(wc -l <<< "$out")" 1 "in one line"
for order in cpu memory disk net name; do
  run f server top -n 1 -d 1 --sort $order -c name -o value
  is_eq "$rc $(paste -sd ' ' <<< "$out")" "0 a b c" "--sort $order: those that are equal by name"
done

# ---- one that goes, one that comes ----

"${cmd[@]}" server top -n 600 -d 1 -o json > rounds 2> rounds.err &
top=$!
has_rounds () { [ "$(wc -l < rounds)" -ge "$1" ]; }
true_that "rounds come" wait_for 300 has_rounds 1
f server delete b
shows () { rounds rounds | grep -qF "$1"; }
true_that "one that goes between rounds is gone" wait_for 300 shows '[["a",0],["c",0]]'
f server start off
true_that "of one that comes nothing is known in its first round" wait_for 300 shows '[["a",0],["c",0],["off",null]]'
true_that "and the next has it" wait_for 300 shows '[["a",0],["c",0],["off",0]]'
{ kill -TERM $top; wait $top; } 2> /dev/null
is_eq "$(cat rounds.err)" "" "a signal ends it, without a word"
jq -e . rounds > /dev/null
is_eq $? 0 "and all of what it said is JSON"

# ---- what is wrong ----

run f server top --sort size
is_eq "$rc $err" "2 error Usage core: --sort 'size'; accepted: cpu, memory, disk, net, name" "an order that there is not"
run f server top -d 0
is_eq "$rc $err" "2 error Usage core: --delay 0; accepted: 1 to 86400 seconds" "no delay"
run f server top -n x
is_eq "$rc $err" "2 error Usage core: --rounds 'x' is not a whole number; accepted: 1 to 2147483647
  for instance --rounds 3" "no number"
run f server top -d 1 -c none
is_rc 2 "a column that there is not ends it"
has "$err" "error Usage core: there is no column 'none'" "and is told"
setting fake 'fail = get_instance_diagnostics:2'
run f server top -n 3 -d 1
is_eq "$rc $out $err" "1  error PlannedFailure fake: method 'get_instance_diagnostics' fails as planned by setting 'fail'" "a round that fails ends it"
setting fake

# ---- on a terminal ----

# What is behind it stays until all that was shown has been read.
printf '%s\n' 'trap : INT' "$(printf '%q ' "${cmd[@]}" server top -d 1)" 'until [ -e read ]; do sleep 0.1; done' > there
mkfifo keys
socat - EXEC:"bash there",pty,ctty,setsid,stderr < keys > typed 2> /dev/null &
terminal=$!
exec 7> keys
begun=$(printf '\033[?1049h') ended=$(printf '\033[?1049l') clear=$(printf '\033[H\033[2J')
drawn () { [ "$(grep -aoF "$clear" typed | wc -l)" -ge 3 ] && grep -aq 'Sent (B/s)' typed; }
true_that "on a terminal it is drawn anew" wait_for 300 drawn
has "$(cat typed)" "$begun" "on a screen of its own"
lacks "$(cat typed)" "$ended" "which is there"
printf '\003' >&7
left () { grep -aqF "$ended" typed; }
true_that "until ^C ends it: the terminal is as it was" wait_for 300 left
touch read
wait "$terminal"
exec 7>&-

# ---- quiet ----

truncate -s 1M v.raw
setting user 'host_loopback_acknowledged = yes'
f flavor create nests --vcpus 1 --ram 64 --disk 0 --property hw:nested_virt=required > /dev/null
f server create n --flavor nests --image i > /dev/null 2>&1
words=(plan --flavor nests --image i)
run f "${words[@]}"
is_rc 0 "a plan"
has "$err" "advice Advice nested-virt: while the guest runs guests of its own it cannot" "has advice"
run f -q "${words[@]}"
is_eq "$rc $err" "0 " "but not with -q"
run f -q "${words[@]}" -o json
has "$out" '"severity": "advice"' "JSON has it"
for words in "add volume n path=$tmp/v.raw,format=raw" "remove volume n vdb" "add network n user" "remove network n nic0"; do
  cp -a "$state" before
  # shellcheck disable=SC2086
  run f server $words
  is_rc 0 "$words"
  has "$err" "advice Advice nested-virt: " "has it"
  rm -rf "$state"
  mv before "$state"
  # shellcheck disable=SC2086
  run f server $words -q
  is_eq "$rc $err" "0 " "$words -q has none"
done
done_testing
