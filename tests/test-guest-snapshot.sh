#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A guest that writes all the time while an image is made of its disk: it goes on, the image is the
# disk at one moment, and boots.  Its agent freezes it for that moment; whoever is killed meanwhile
# leaves it as it was.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image
needs qemu-io qemu-utils
cd "$tmp" || exit 99

# The guest writes a number to sixteen places of its disk, one after the other, then the next: of two
# of them the earlier one is the same or one more, in whatever moment.
# The agent is killed, since one that is told to end while it begins may go on.
script write << 'END'
for name in /sys/class/virtio-ports/*/name; do
  [ "$(cat "$name" 2> /dev/null)" = org.qemu.guest_agent.0 ] && port=${name%/name}
done
if [ -n "$port" ]; then
  printf '#!/bin/sh\necho "guest: hook $1" > /dev/console\n' > /run/hook
  # What the agent calls to set a password; the test has no users to lose.
  printf '#!/bin/sh\nread -r line\necho "guest: has password $line." > /dev/console\n' > /bin/chpasswd
  chmod +x /run/hook /bin/chpasswd
  killall -9 qemu-ga 2> /dev/null; sleep 1
  /bin/qemu-ga -m virtio-serial -p "/dev/${port##*/}" -t /run -F/run/hook > /dev/null 2>&1 &
  until ls -l /proc/[0-9]*/fd 2> /dev/null | grep -q "/dev/${port##*/}"; do sleep 1; done
fi
n=100000
while :; do
  n=$((n + 1))
  for at in 200 250 300 350 400 450 500 550 600 650 700 750 800 850 900 950; do
    echo "$n" | dd of=/dev/vda bs=1M seek=$at conv=notrunc,fsync 2> /dev/null
  done
  echo "guest: round $n"
done
END
script look << 'END'
echo "guest: marker $(dd if=/dev/vda bs=1M skip=200 count=1 2> /dev/null | head -n 1) there"
END
script deaf << 'END'
killall -9 qemu-ga 2> /dev/null; sleep 1
echo "guest: is deaf"
END
# What it has to write down takes longer than anybody waits.
script slow << 'END'
for name in /sys/class/virtio-ports/*/name; do
  [ "$(cat "$name" 2> /dev/null)" = org.qemu.guest_agent.0 ] && port=${name%/name}
done
printf '#!/bin/sh\n[ "$1" = thaw ] || sleep 240\necho "guest: hook $1" > /dev/console\n' > /run/hook
chmod +x /run/hook
killall -9 qemu-ga 2> /dev/null; sleep 1
/bin/qemu-ga -m virtio-serial -p "/dev/${port##*/}" -t /run -F/run/hook > /dev/null 2>&1 &
# libvirt asks only one that has its channel open.
until ls -l /proc/[0-9]*/fd 2> /dev/null | grep -q "/dev/${port##*/}"; do sleep 1; done
echo "guest: is slow"
END
# What is copied takes its time.
cp "$image" big.qcow2
must qemu-img resize -q -f qcow2 big.qcow2 1G
must qemu-io -f qcow2 -c 'write -q -P 7 210M 30M' -c 'write -q -P 7 260M 30M' -c 'write -q -P 7 310M 30M' -c 'write -q -P 7 410M 30M' big.qcow2
must t flavor create small --vcpus 1 --ram 192 --disk 1
must t image create guest --file big.qcow2 --disk-format qcow2 --property hw_qemu_guest_agent=yes
must t image create must --file big.qcow2 --disk-format qcow2 --property hw_qemu_guest_agent=yes --property os_require_quiesce=yes
rm big.qcow2

rounds () { console one | sed -n 's/^guest: round //p' | tail -n 1; }
goes_on () {
  local before
  before=$(rounds)
  is_past () { [ "$(rounds)" -gt "${before:-0}" ]; }
  wait_for 600 is_past
}
# numbers IMAGE: what is in the sixteen places.
numbers () {
  local at
  qemu-img convert -f qcow2 -O raw "$(t image show "$1" -o json | sed -n 's/^.*"file": *"\([^"]*\)".*$/\1/p')" "$tmp/numbers.raw"
  for at in 200 250 300 350 400 450 500 550 600 650 700 750 800 850 900 950; do
    dd if="$tmp/numbers.raw" bs=1M skip=$at count=1 2> /dev/null | head -n 1 | tr -d '\0'
  done
  rm -f "$tmp/numbers.raw"
}
# One number, or two, of which the larger one comes first.
one_moment () {
  local list
  list=$(uniq <<< "$1")
  case $(wc -l <<< "$list") in
    1) [ "$list" -gt 100000 ] ;;
    2) [ "$(head -n 1 <<< "$list")" -eq $(($(tail -n 1 <<< "$list") + 1)) ] ;;
    *) false ;;
  esac
}
hooks () { console one | grep -c "guest: hook $1"; }
opens () { # PATTERN: has QEMU such a file open?
  local pid
  for pid in $(guest_pids); do
    find "/proc/$pid/fd" -lname "$1" 2> /dev/null | grep -q . && return 0
  done
  return 1
}
left () { find "$state/servers" -name snapshot; find "$state/images" -name '*.new'; }

run t server create one --flavor small --image guest --volume "$(volume write)"
made "a guest"
true_that "it writes" says one "guest: round 100002"
run t server image create one --name live
is_eq "$rc $err" "0 " "an image of its disk"
true_that "it goes on" goes_on
is_eq "$(field one status) $(power one)" "ACTIVE RUNNING" "it runs"
list=$(numbers live)
true_that "the image is the disk at one moment: $(uniq <<< "$list" | paste -sd ' ')" one_moment "$list"
true_that "for which its agent has frozen it" wait_for 300 said one "guest: hook thaw"
is_eq "$(hooks freeze) $(hooks thaw)" "1 1" "once, and thawed it"
is_eq "$(left)" "" "nothing is left"
true_that "it has its own disk open" opens '*/disk'
true_that "and no copy" eval '! opens "*/snapshot"'
for each in 1 2; do
  run t server image create one --name "more$each"
  list=$(numbers "more$each")
  true_that "once more ($rc): $(uniq <<< "$list" | paste -sd ' ')" one_moment "$list"
  t image delete "more$each"
done

# ---- a password ----

echo 'dearest secret' > password
run t server password set one --password password
is_eq "$rc $out$err" "0 " "a password"
true_that "the guest has another password" says one "guest: has password root:dearest secret."
lacks "$(grep -rl 'dearest secret' "$state" | grep -v 'console\.log')" "$state" "and nobody else"

# ---- killed ----

# killed WHAT COMMAND...: the command that makes an image dies when the last command succeeds.
ends () { t server list > /dev/null 2>&1; [ -z "$(left)" ]; }
killed () {
  local what=$1
  shift
  "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q server image create one --name x > /dev/null 2>&1 &
  pid=$!
  true_that "$what is under way" wait_for 300 "$@"
  { kill -KILL $pid; wait $pid; } 2> /dev/null
  run t server list
  is_eq "$rc $(grep '^error ' <<< "$err")" "0 " "killed: the next command"
  # A list does not wait for the process that sees the freeze through.
  true_that "ends it, or the one after" wait_for 300 ends
  true_that "ends the copy" eval '! opens "*/snapshot*"'
  is_eq "$(left)$(t image list -o json | grep '"x"')" "" "and leaves nothing of it"
  true_that "the guest goes on" goes_on
  # The next command thaws it in any case, so that it may hear of that twice.
  true_that "and is not frozen" test "$(hooks thaw)" -ge "$(hooks freeze)"
  true_that "with its own disk" opens '*/disk'
}
copies () { [ "$(find "$state/servers" -name snapshot -printf %b)" -gt 0 ]; }
killed "the copy of the hypervisor's" copies
killed "the freeze" eval '[ "$(hooks freeze)" -gt '"$(hooks freeze)"' ]'
run t server image create one --name x
is_eq "$rc $err" "0 " "then an image is made"
t image delete x > /dev/null

# ---- what is made of the image ----

run t server create two --flavor small --image live --volume "$(volume look)"
made "a server of the image"
true_that "boots, and has what the first had written" says two "guest: marker $(head -n 1 <<< "$(numbers live)") there"
run t server delete two
run t server pause one
run t server image create one --name paused
is_eq "$rc $err $(power one)" "0  PAUSED" "of a guest that is paused"
list=$(numbers paused)
true_that "it is the disk, too: $(uniq <<< "$list" | paste -sd ' ')" one_moment "$list"
run t server suspend one
run t server stop one --timeout 0
run t server image create one --name cold
is_eq "$rc $err" "0 " "of a guest that is off"
list=$(numbers cold)
true_that "it is the disk: $(uniq <<< "$list" | paste -sd ' ')" one_moment "$list"
run t server delete one
is_rc 0 "delete"

# ---- an agent that does not answer ----

must t server create deaf --flavor small --image must --volume "$(volume deaf)"
true_that "a guest whose agent has ended" says deaf "guest: is deaf"
run t server image create deaf --name x
is_rc 1 "is not copied where it has to be frozen"
has "$err" "error InstanceQuiesceFailed qemu-tcg: the agent of guest '" "for that reason"
has "$err" "' has not frozen its file systems: it does not answer
  see in the guest whether qemu-guest-agent runs, or stop the server first" "in words"
is_eq "$(left)$(t image list -o json | grep '"x"')" "" "and nothing is left"
run t server password set deaf --password password
is_rc 1 "nor gets it a password"
has "$err" "error InstancePasswordSetFailed qemu-tcg: the agent of guest '" "for that reason"
has "$err" "' has not set the password of user 'root': it does not answer
  see in the guest whether qemu-guest-agent runs, and the user is there" "in words"
run t server delete deaf

# ---- an agent that freezes when nobody waits for that any more ----

must t server create slow --flavor small --image guest --volume "$(volume slow)"
must t server create other --flavor small --image guest
true_that "a guest whose agent is slow" says slow "guest: is slow"
t server image create slow --name late > late 2>&1 &
pid=$!
# It has begun: nobody else has libvirt for the minute that the agent is waited for, and not for longer.
asked () { [ "$(db "SELECT count(*) FROM operation")" != 0 ]; }
true_that "an image of it is being made" wait_for 300 asked
setting qemu-tcg 'open_timeout = 220'
run t server pause other
is_eq "$rc $(steady "$err") $(console slow | grep -c 'guest: hook')" "0  0" "another guest is paused before that one has frozen"
rm "$config/plugins.d/qemu-tcg.conf"
wait $pid
is_eq "$? $(grep -c "has not frozen its file systems: it does not answer; its disk is copied as after a power failure" late)" "0 1" "is copied as it is"
is_eq "$(console slow | grep 'guest: hook ' | paste -sd ' ')" "guest: hook freeze guest: hook thaw" "and thawed after it was frozen all the same"
run t server delete slow other
all_gone
done_testing
