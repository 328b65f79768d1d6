#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A guest whose agent lies: wrong ids, control characters, bytes that are no text, answers that are cut, of
# another type, too deep, too long, without an end, or late.  Each request ends, says so in one sentence that
# harms no terminal and no record, leaves the guest as it was and holds nobody up, and the next one is as
# good as the agent is then.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image
cd "$tmp" || exit 99

# The agent reads how it shall be from block 100 of its disk, while nobody is connected to it: libvirt gives
# it 5 s for the first answer.  A good one answers the last of the questions that it finds.
script liar << 'END'
for name in /sys/class/virtio-ports/*/name; do
  [ "$(cat "$name" 2> /dev/null)" = org.qemu.guest_agent.0 ] && port=${name%/name}
done
killall -9 qemu-ga 2> /dev/null; sleep 1
exec 3<> "/dev/${port##*/}"
look () { echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/vdb bs=512 skip=100 count=1 2> /dev/null | tr -d '\0'; }
answer () { printf '%s\n' "$1" >&3; }
# many N CHARACTER: N times 64 KiB of it.
many () { dd if=/dev/zero bs=65536 count="$1" 2> /dev/null | tr '\0' "$2" >&3; }
mode=none
echo "guest: has a liar"
while :; do
  if ! read -r line <&3; then
    new=$(look)
    [ "$new" = "$mode" ] || echo "guest: turns $new"
    mode=$new; sleep 1
    continue
  fi
  case $mode in *good) while read -t 1 -r next <&3; do line=$next; done ;; esac
  id=${line##*\"id\":}
  id=${id%%\}*}
  case "${mode#* } $line" in
    wrong*guest-sync*) answer "{\"return\":$((id % 1000 + 7))}" ;;
    endless*) while [ "$(look)" = "$mode" ]; do many 16 A; done ;;
    lines*)
      while [ "$(look)" = "$mode" ]; do
        n=0
        while [ $n -lt 500 ]; do n=$((n + 1)); echo '{"return":{}}'; done >&3
      done ;;
    *guest-sync*) answer "{\"return\":$id}" ;;
    control*) answer '{"error":{"class":"GenericError","desc":"\u001b[2J\u0007gone\nerror Fake core: nothing is there\u202e"}}' ;;
    bytes*) printf '{"error":{"class":"GenericError","desc":"\377\300\200\033[2J\001"}}\n' >&3 ;;
    cut*) answer '{"error":{"class":"Gen' ;;
    null*) answer 'null' ;;
    type*) answer '{"error":{"class":7,"desc":[["x"]]}}' ;;
    number*) answer '{"return":-99999999999999999999}' ;;
    nest*) printf '{"return":' >&3; many 2 '['; printf '\n' >&3 ;;
    long*) printf '{"error":{"class":"GenericError","desc":"' >&3; many 32 B; printf '"}}\n' >&3 ;;
    late*) sleep 45; answer '{"return":{}}'; mode=$(look) ;;
    *freeze* | *thaw*) answer '{"return":1}' ;;
    *) answer '{"return":{}}' ;;
  esac
done
END
turn=0
is_so () { # MODE
  local text
  turn=$((turn + 1))
  text="$turn $1"
  { printf '%s' "$text"; head -c $((512 - ${#text})) /dev/zero; } \
    | dd of=liar.disk bs=512 seek=100 count=1 conv=notrunc iflag=fullblock 2> /dev/null
}
turned () { true_that "$1: its agent" says s "guest: turns $turn $1"; }

must t flavor create f --vcpus 1 --ram 256 --disk 0
must t image create i --file "$image" --disk-format qcow2 --property hw_qemu_guest_agent=yes --property os_require_quiesce=yes
must t image create plain --file "$image" --disk-format qcow2
run t server create s --flavor f --image i --volume "$(volume liar)"
made "a guest"
run t server create other --flavor f --image plain
made "another guest"
true_that "the agent of the first one lies" says s "guest: has a liar"
uuid=$(field s uuid)
# The same name for what is said of the guest, whatever its uuid.
told () { sed "s/$uuid/UUID/g" <<< "$err"; }
plain () { ! LC_ALL=C grep -q '[^ -~]' <<< "$1"; }
echo 'dearest secret' > password
good () { t server password set s --password password > good 2>&1; }
is_so good
turned good
true_that "one that does not is believed" wait_for 300 good

asks=("$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q server)
# bad MODE HEAD HINT WORD...: what is asked of a server that is so fails with HEAD, the agent's reason, and HINT.
bad () {
  local mode=$1 head=$2 hint=$3
  is_so "$mode"
  turned "$mode"
  run timeout 300 "${asks[@]}" "${@:4}"
  is_rc 1 "$mode: ${*:4} ends, and fails"
  is_eq "$(sed -n 1p <<< "$(told)" | cut -c "1-${#head}")" "$head" "that is told"
  # Whether it froze nobody knows: one that lies is asked to thaw as well, which is told in its turn.
  is_eq "$(told | sed -n '2,$p' | sed 's/\( has not thawed its file systems: \).*/\1/; /^  thaw them in the guest/d')" "  $hint" "in one sentence, and what to do"
  true_that "which is short" test ${#err} -lt 700
  true_that "and plain" plain "$err"
  diag "$mode: $(sed -n 1p <<< "$(told)" | cut -c "$((${#head} + 1))-")"
  is_eq "$(field s status) $(power s)" "ACTIVE RUNNING" "the guest goes on"
  is_so good
  true_that "$mode: the next request is heard" wait_for 600 good
}
unset_password="error InstancePasswordSetFailed qemu-tcg: the agent of guest 'UUID' has not set the password of user 'root': "
user_hint="see in the guest whether qemu-guest-agent runs, and the user is there"
for mode in wrong control bytes cut null type nest long lines endless; do
  bad $mode "$unset_password" "$user_hint" password set s --password password
done
frozen="error InstanceQuiesceFailed qemu-tcg: the agent of guest 'UUID' has not frozen its file systems: "
for mode in wrong control number; do
  bad $mode "$frozen" "see in the guest whether qemu-guest-agent runs, or stop the server first
error InstanceQuiesceFailed qemu-tcg: the agent of guest 'UUID' has not thawed its file systems: " image create s --name x
  is_eq "$(find "$state/servers" -name snapshot; find "$state/images" -name '*.new'; t image list -o value -c name | sort | paste -sd ,)" "i,plain" "and no image is left"
done

# ---- late: nobody else waits for it ----

is_so late
turned late
"${asks[@]}" password set s --password password > late 2>&1 &
pid=$!

run t server pause other
is_eq "$rc $(steady "$err")" "0 " "another guest is paused meanwhile"
run t server list -o json
is_eq "$rc $(steady "$err")" "0 " "and all are listed"
wait $pid
is_eq "$? $(sed "s/$uuid/UUID/g" late)" "1 ${unset_password}it does not answer
  $user_hint" "late: that is told"
is_so good
true_that "late: the next request is heard" wait_for 600 good

# ---- what need not be answered ----

is_so wrong
turned wrong
run t server pause s
is_eq "$rc $(steady "$err")" "0 " "one that lies is paused"
run timeout 300 "${asks[@]}" unpause s
is_eq "$rc" 0 "and goes on, whatever it says of its clock"
diag "$err"
true_that "which is said in plain words" plain "$err"
run timeout 300 "${asks[@]}" stop s --timeout 5
is_eq "$rc $(field s status)" "0 SHUTOFF" "and is stopped"
true_that "which is said in plain words" plain "$err"
diag "$err"
run t server delete s other
is_rc 0 "deleted"
all_gone
done_testing
