#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The life of servers on the fake driver: states, findings, failures that are
# undone, commands that are killed, commands at the same time.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils

f () { vl --driver fake "$@"; }
cmd=("$VL_RUN" virtloom --config "$config" --state "$state" --driver fake)
status () { run f server show "$1" -o json; value status; }
# What is left of servers anywhere.
left () { find "$state/servers" "$state/fake/guests" -mindepth 1 2> /dev/null | sort; }
guests () { find "$state/fake/guests" -mindepth 1 -maxdepth 1 2> /dev/null | wc -l; }

truncate -s 8M "$tmp/disk.raw"
run f server list
is_rc 0 "a list without a STATE is empty"
true_that "and makes none" test ! -e "$state"
run f flavor create m1 --vcpus 1 --ram 128 --disk 1
is_rc 0 "flavor create"
run f image create img --file "$tmp/disk.raw" --disk-format raw
is_rc 0 "image create"

# ---- one life ----

run f server create web --flavor m1 --image img
is_rc 0 "server create"
is_eq "$(status web)" ACTIVE "the server runs"
run f server show web -o json
uuid=$(value uuid)
true_that "its disk is an overlay over the image" grep -q "$state/images/" "$state/servers/$uuid/disk"
run f server create web --flavor m1 --image img
is_rc 3 "a second of that name is refused"
has "$err" InstanceExists "with its code"
run f server start web
is_rc 3 "start of a server that runs is refused"
has "$err" 'InstanceInvalidState core: server "web" is ACTIVE; start is for servers that are SHUTOFF' "in words"
for step in pause:PAUSED unpause:ACTIVE suspend:SUSPENDED resume:ACTIVE stop:SHUTOFF start:ACTIVE reboot:ACTIVE; do
  run f server "${step%:*}" web
  is_rc 0 "server ${step%:*}"
  is_eq "$(status web)" "${step#*:}" "leaves it ${step#*:}"
done
run f server reboot --hard web
is_rc 0 "hard reboot"

# A guest that does not shut down in time: its plug is pulled, which is told and on record.
said () { echo "warning ShutdownTimeout core: the guest of server \"$1\" did not shut down in $2 s; the plug was pulled"; }
# The last N rows of its history: action, result, reason.
history () { f server event list "$1" -o json | jq -r ".events[:$2][] | [.action, .result, .reason] | join (\"|\")"; }
setting fake 'shutdown_seconds = 200'
run f server reboot web
is_eq "$rc $err" "0 $(said web 120)" "a soft reboot waits as long as settings say"
run f server reboot web --timeout 7
is_eq "$rc $err" "0 $(said web 7)" "--timeout stands above them"
run f server reboot web --timeout 0
is_eq "$rc $err" "0 " "with none the guest is not asked"
run f server reboot web --timeout 200
is_eq "$rc $err" "0 " "and with enough it shuts down"
run f server reboot web --hard --timeout 7
is_eq "$rc $err" "2 error Usage core: --timeout is not for --hard, which asks no guest to shut down" "a hard one has no timeout"
run f server reboot web --hard
run f server reboot web --hard --update
is_eq "$(history web 6)" "reboot --hard --update|done|
reboot --hard|done|
reboot|done|
reboot|done|
reboot|done|not shut down in 7 s, plug pulled
reboot|done|not shut down in 120 s, plug pulled" "the history tells all these from each other, and why"
run f server create second --flavor m1 --image img
run f server stop web second --timeout 5
is_eq "$rc $err" "0 $(said web 5)
$(said second 5)" "of several that are stopped each is told"
is_eq "$(history web 1) $(history second 1)" "stop|done|not shut down in 5 s, plug pulled stop|done|not shut down in 5 s, plug pulled" "and recorded"
f server start web second
run f server stop web --timeout 0
is_eq "$rc $err" "0 " "where the plug was to be pulled that is no news"
f server pause second
run f server stop second --timeout 5
is_eq "$rc $err" "0 " "nor where the guest stood still"
is_eq "$(history web 1) $(history second 1)" "stop|done| stop|done|" "and the history has no reason"
f server start web
run f server delete second
rm "$config/plugins.d/fake.conf"
run f server log web
is_rc 0 "server log"
true_that "the log has a line" test -n "$out"
run f server show web -o json
uuid=$(value uuid)
for noun in "server create $uuid --flavor m1 --image img" "flavor create $uuid --vcpus 1 --ram 64 --disk 0" \
    "image create $uuid --file $tmp/disk.raw --disk-format raw"; do
  # shellcheck disable=SC2086 # words
  run f $noun
  is_rc 3 "no ${noun%% *} is named as another thing's uuid"
  is_eq "$err" "error InvalidName core: the name of the ${noun%% *} has the form of a uuid; accepted: any other printable text" "and says so"
done

# A driver that is named acts on no server of another one.
for words in "reboot web" "stop web" "delete web" "show web" "log web" "diff web"; do
  # shellcheck disable=SC2086 # words
  run vl --driver qemu-tcg server $words
  is_eq "$rc $out$err" "3 error OtherDriver core: server \"web\" is of driver fake, not of qemu-tcg
  leave out --driver: each server keeps the driver that made it" "$words with another driver"
done
run vl --driver auto server diff web
is_eq "$rc $err" "0 " "auto names none"
is_eq "$(status web)" ACTIVE "and the server is as it was"

# What a guest wrote comes without what a terminal obeys.
folder=$(value folder)
[ -n "$folder" ] || folder=$state/servers/$uuid
console=$folder/console.log
[ ! -d "$folder/run" ] || console=$folder/run/console.log
printf 'a\033]0;title\007b\033[2Jc\033[1;31mred\033[0m\r\nover\rwritten\n\302\233Kc1 \342\200\256rtl \377 \303\251\n\033Pdcs\033\\end \007\033(Bx\n' > "$console"
run f server console web
is_eq "$out" 'abcred
over
written
c1 \xe2\x80\xaertl \xff é
end \x07x' "a console cannot speak to the terminal"
vl --driver fake server console web --raw > "$tmp/raw"
true_that "--raw gives the bytes" cmp -s "$tmp/raw" "$console"
printf 'a\033\nb\033[1\nc\033]0;x\nd\033[1\033[2Je\n' > "$console"
run f server console web
is_eq "$out" $'a\nb\nc\nde' "a sequence that is broken off takes no line with it"
rm -f "$console"
ln -s /etc/hostname "$console"
run f server console web
is_rc 4 "a console that is a link is not followed"
has "$err" "the console's file '$console' cannot be read: Too many levels of symbolic links
  virtloom server log web" "and it says so, and what shows it all the same"
rm -rf "$state/servers/$uuid/run"
run f server pause web
run f server unpause web
true_that "what starts no guest makes no folder" test ! -e "$state/servers/$uuid/run"
run f server stop web
run f server pause web
is_rc 3 "pause of a stopped server is refused"
has "$err" 'virtloom server start web' "and says what would help"
run f server show wib
is_rc 5 "a server that is not there"
has "$err" 'did you mean "web"?' "has a nearest name"
run f server list
has "$out" SHUTOFF "list shows the state"
run f image delete img
is_rc 3 "the image of a server cannot be deleted"
has "$err" 'ImageInUse core: image "img" is used by 1 server: "web"' "and says whose it is"
run f server delete "$uuid"
is_rc 0 "server delete by uuid"
is_eq "$(left)" "" "leaves nothing"
run f server delete web
is_rc 5 "a second delete finds nothing"
run f image delete img
is_rc 0 "then the image can go"
run f image create img --file "$tmp/disk.raw" --disk-format raw
is_rc 0 "and come again"

# ---- a container ----

setting fake 'virt_type = lxc'
run f server create box --flavor m1 --image img
is_rc 0 "a container is created"
run f server reboot --hard box
is_eq "$rc $err" "0 " "and rebooted"
run f server delete box
rm -f "$config/plugins.d/fake.conf"

# ---- what only so many can have ----

setting serial-console 'serial_console_enabled = yes' 'port_range = 10000:10002'
run f flavor create talk --vcpus 1 --ram 128 --disk 1 --property hw:serial_port_count=2
run f server create talk-1 --flavor talk --image img
run f server create talk-2 --flavor m1 --image img
ports () { f server show "$1" -o json | grep -o "service='[0-9]*'" | tr '\n' ' '; }
is_eq "$(ports talk-1)$(ports talk-2)" "service='10000' service='10001' service='10002' " "no two servers have one TCP port"
run f server create talk-3 --flavor m1 --image img
is_rc 4 "where none is left"
has "$err" "error ComputeResourcesUnavailable serial-console: nothing of 'TCP_PORT' is free for 'port.0'" "no server is made"
run f server delete talk-1
run f server create talk-3 --flavor talk --image img
is_eq "$(ports talk-3)" "service='10000' service='10001' " "what one gives back another gets"
run f server delete talk-2
run f server delete talk-3
rm -f "$config/plugins.d/serial-console.conf"

setting fake "host = $top_srcdir/tests/hosts/amd-sev.json"
setting sev 'num_memory_encrypted_guests = 4'
run f image create uefi --file "$tmp/disk.raw" --disk-format raw --property hw_firmware_type=uefi --property hw_machine_type=q35
run f flavor create secret --vcpus 1 --ram 128 --disk 1 --property hw:mem_encryption=true
pids=''
for i in 1 2 3 4 5 6 7 8; do
  f server create "secret-$i" --flavor secret --image uefi > "$tmp/secret-$i" 2>&1 &
  pids="$pids $!"
done
good=0
for pid in $pids; do wait "$pid" && good=$((good + 1)); done
is_eq "$good" 4 "of eight that need one of four, four are made"
is_eq "$(grep -l 'error ComputeResourcesUnavailable' "$tmp"/secret-* | wc -l)" 4 "the others are told why"
run f server create "secret-9" --flavor secret --image uefi
is_rc 4 "with exit code 4"
one=$(f server list | awk '/secret-/ { print $1; exit }')
run f server suspend "$one"
is_rc 4 "a feature can forbid an operation"
is_eq "$(status "$one")" ACTIVE "which then does not happen"
run f server delete "$one"
run f server create "secret-9" --flavor secret --image uefi
is_rc 0 "what one gives back another gets"
for name in $(f server list | awk '/secret-/ { print $1 }'); do f server delete "$name"; done
rm -f "$config/plugins.d/sev.conf"
setting fake
is_eq "$(left)" "" "nothing is left"

# ---- what fails is undone ----

for call in spawn get_info; do
  setting fake "fail = $call"
  run f server create "bad-$call" --flavor m1 --image img
  is_rc 1 "a $call that fails fails the create"
  setting fake
  is_eq "$(left)" "" "and leaves nothing"
  run f server show "bad-$call"
  is_rc 5 "not even a record"
done
run f flavor create big --vcpus 1 --ram 128 --disk 1 --ephemeral 1 --swap 64
run f server create disks --flavor big --image img
is_rc 0 "ephemeral and swap disks"
run f server show disks -o json
uuid=$(value uuid)
true_that "the ephemeral disk is there" test -s "$state/servers/$uuid/disk.local"
true_that "the swap disk is there" test -s "$state/servers/$uuid/disk.swap"
run f server delete disks
# Sizes that no qcow2 disk has, and that no file here can have: plan says what create would.
run f host show -o json
most=$(jq -r '.facts["storage.file_size"] // empty' <<< "$out")
huge () { # OPTION GIB REASON
  run f flavor create huge --vcpus 1 --ram 128 "$1" "$2"
  for verb in plan "server create huge"; do
    # shellcheck disable=SC2086
    run f $verb --flavor huge --image img
    has "$rc $err" "4 error ComputeResourcesUnavailable $3" "$verb: $1 $2"
  done
  run f flavor delete huge
}
huge --disk 8388608 "qcow2: disk 'root' is to have 8388608 GiB; a disk of format qcow2 has at most 2097152"
huge --ephemeral 8000000 "qcow2: disk 'ephemeral0' is to have 8000000 GiB; a disk of format qcow2 has at most 2097152"
if [ -n "$most" ]; then
  true_that "a file can be as large as the fact says" truncate -s "$most" "$state/most"
  rm -f "$state/most"
  if [ "$most" -lt 1000000000000000 ]; then
    printf '[storage]\nimages_type = flat\n' > "$config/virtloom.conf"
    gib=$((most / 1073741824))
    huge --disk $((gib + 1)) "flat: disk 'root' is to have $((gib + 1)) GiB; a file where servers' disks lie (fact \
storage.file_size) has at most $gib"
    rm "$config/virtloom.conf"
  fi
fi
qemu-img create -q -f qcow2 "$tmp/large.qcow2" 3G
run f image create large --file "$tmp/large.qcow2" --disk-format qcow2
run f server create small --flavor m1 --image large
is_rc 3 "a flavor with too small a disk"
has "$err" FlavorDiskSmallerThanImage "is named"
is_eq "$(left)" "" "and leaves nothing"

# A driver that cannot destroy: the deletion that began is finished by the next command.
run f server create sticky --flavor m1 --image img
setting fake 'fail = destroy'
run f server delete sticky
is_rc 1 "a destroy that fails"
is_eq "$(status sticky)" DELETING "leaves a server that is being deleted"
run f server show sticky -o json
has "$(value fault)" "PlannedFailure: method 'destroy' fails as planned" "and says why"
setting fake
run f server list
lacks "$out" sticky "the next command finishes"
is_eq "$(left)" "" "whole"

# A spawn that fails and cannot be undone at once.
setting fake 'fail = spawn, destroy'
run f server create twice --flavor m1 --image img
is_rc 1 "a failure that cannot be undone"
setting fake
run f server create after --flavor m1 --image img
is_rc 0 "does not hold up the next command"
run f server show twice
is_rc 5 "which undoes it"
run f server delete after
is_eq "$(left)" "" "nothing is left"

# ---- killed half-way ----

setting fake 'delay_ms = spawn:3600000'
f server create killed --flavor m1 --image img > /dev/null 2>&1 &
pid=$!
true_that "a create is under way" wait_for 300 test -n "$(wait_for 300 sh -c "ls $state/servers/*/disk" && echo yes)"
run f server list
has "$out" BUILD "it shows as BUILD"
kill_job "$pid"
setting fake
run f server delete killed
is_rc 0 "a killed create can be deleted"
is_eq "$(left)" "" "and leaves nothing"
setting fake 'delay_ms = spawn:3600000'
f server create killed --flavor m1 --image img > /dev/null 2>&1 &
pid=$!
wait_for 300 sh -c "ls $state/servers/*/disk"
kill_job "$pid"
setting fake
run f server create next --flavor m1 --image img
is_rc 0 "the next create undoes a killed one"
run f server show killed
is_rc 5 "it never was"
is_eq "$(guests)" 1 "one guest is there"

run f server list
setting fake 'delay_ms = destroy:3600000'
f server delete next > /dev/null 2>&1 &
pid=$!
wait_for 300 sh -c "$VL_RUN virtloom --config $config --state $state --driver fake server list | grep DELETING"
kill_job "$pid"
setting fake
run f server create other --flavor m1 --image img
is_rc 0 "the next command finishes a killed delete"
run f server show next
is_rc 5 "the server is gone"
run f server delete other
is_eq "$(left)" "" "nothing is left"

# ---- at the same time ----

pids=''
for i in 1 2 3 4 5 6 7 8 9 10; do
  f server create "many-$i" --flavor m1 --image img > "$tmp/many-$i" 2>&1 &
  pids="$pids $!"
done
bad=0
for pid in $pids; do wait "$pid" || bad=$((bad + 1)); done
is_eq "$bad" 0 "ten creates at once succeed"
[ "$bad" -eq 0 ] || diag "$(cat "$tmp"/many-*)"
run f server list
is_eq "$(grep -c many- <<< "$out")" 10 "all are listed"
pids=''
for i in 1 2 3 4 5; do
  f server create same --flavor m1 --image img > /dev/null 2>&1 &
  pids="$pids $!"
done
good=0
for pid in $pids; do wait "$pid" && good=$((good + 1)); done
is_eq "$good" 1 "of five creates of one name one succeeds"
for i in 1 2 3; do f server delete many-1 > /dev/null 2>&1 & done
wait
run f server show many-1
is_rc 5 "three deletes at once delete it"
for name in same many-2 many-3 many-4 many-5 many-6 many-7 many-8 many-9 many-10; do f server delete $name; done
is_eq "$(left)" "" "nothing is left"

# ---- killed while it writes a guest down ----

if can_kill; then
  for call in write rename fsync; do
    for n in 1 2 3; do
      run_killed $n $call "${cmd[@]}" server create killed --flavor m1 --image img
      vl --driver fake server delete killed > /dev/null 2>&1
      vl --driver fake server list > /dev/null 2>&1
    done
  done
  is_eq "$(find "$state/fake/guests" -name '*.new')" "" "no half-written guest stays"

  # A deletion: at each record that reaches the journal, and at each file and folder that goes.
  for calls in fdatasync,fsync unlink,unlinkat,rmdir; do
    n=0 code=1 wrong=''
    while [ $code -ne 0 ] && [ $n -lt 300 ]; do
      n=$((n + 1))
      f server show killed > /dev/null 2>&1 || f server create killed --flavor big --image img --config-drive > /dev/null 2>&1
      run_killed $n $calls "${cmd[@]}" server delete killed
      code=$rc
      # The next command finishes what began; what did not begin left the server as it was.
      run f server list --no-headings -c Status
      case "$rc|$err|$out|$(left | wc -w)" in
        "0|||0" | "0||ACTIVE|"*) ;;
        *) wrong="$wrong; $n: $rc $err $out $(left)" ;;
      esac
      run f state check
      [ "$rc" = 0 ] || wrong="$wrong; $n: $out"
    done
    is_eq "$code $wrong" "0 " "a delete that is killed at each $calls, $n in all, is done or has not begun"
    true_that "there were some" test $n -gt 3
  done
else
  skip "killed while it writes a guest down: no strace here (Debian: strace)"
fi

done_testing
