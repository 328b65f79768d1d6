#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A guest is shelved and unshelved, as it sees that itself: what it wrote on its disk is there again.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image
cd "$tmp" || exit 99

# The guest counts its starts on its root disk and on its volume.
script count << 'END'
[ ! -e /run/done ] || exit 0
: > /run/done
list=''
for disk in vda vdb; do
  n=$(dd if=/dev/$disk bs=512 skip=131071 count=1 2> /dev/null | tr -dc 0-9)
  n=$((${n:-0} + 1))
  { echo "$n"; head -c 500 /dev/zero; } | dd of=/dev/$disk bs=512 seek=131071 count=1 conv=notrunc,fsync 2> /dev/null
  list="$list $disk=$n"
done
echo "guest: counted$list."
END
truncate -s 65M count.disk
cp "$image" own.qcow2
must qemu-img resize -q -f qcow2 own.qcow2 256M
must t flavor create small --vcpus 1 --ram 192 --disk 1
must t image create own --file own.qcow2 --disk-format qcow2

run t server create one --flavor small --image own --volume "$(volume count)"
made "a guest"
true_that "it writes on its disks" says one "guest: counted vda=1 vdb=1."
uuid=$(field one uuid)
run t server shelve one --timeout 0
is_eq "$rc $(steady "$err")" "0 " "shelve"
is_eq "$(field one status) $(power one)" "SHELVED_OFFLOADED SHUTDOWN" "it is off, and shelved"
is_eq "$(find "$state/servers/$uuid" -maxdepth 1 -name 'disk*')$(guest_pids)" "" "its disks are gone, and so is its process"
run t server start one
is_rc 3 "it cannot be started"
run t server unshelve one
is_eq "$rc $(steady "$err")" "0 " "unshelve"
is_eq "$(field one status) $(power one)" "ACTIVE RUNNING" "it runs"
true_that "it has its mark again" says one "guest: counted vda=2 vdb=2."
is_eq "$(t image list -o value -c name)" own "its image is gone"

# Killed where its disks go, and where it starts.
if can_kill; then
  killed () { # CALL WHEN VERB...
    run_killed "$2" "$1" "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q server "${@:3}"
  }
  run t server stop one --timeout 0
  killed unlink 3 shelve one
  is_rc 137 "a shelve that is killed"
  run t server list
  is_rc 0 "is mended"
  case $(field one status) in
    SHELVED_OFFLOADED) ok "it is shelved" ;;
    SHUTOFF) ok "it is what it was"; must t server shelve one ;;
    *) not_ok "it is $(field one status)" ;;
  esac
  n=3
  for when in 1 2; do
    killed rename "$when" unshelve one
    is_rc 137 "an unshelve that is killed at its rename $when"
    run t server list
    is_rc 0 "is mended"
    case $(field one status) in
      SHELVED_OFFLOADED) ok "it is shelved" ;;
      ACTIVE)
        true_that "it runs from its disk" says one "guest: counted vda=$n vdb=$n."
        n=$((n + 1))
        run t server shelve one --timeout 0
        ;;
      *) not_ok "it is $(field one status)" ;;
    esac
  done
  run t server unshelve one
  is_rc 0 "unshelve after that"
  true_that "nothing that it wrote is lost" says one "guest: counted vda=$n vdb=$n."
else
  skip "no strace here (Debian: strace)"
fi
run t server shelve one --timeout 0
run t server delete one
is_eq "$rc $(t image list -o value -c name)" "0 own" "one that is shelved is deleted, with its image"
is_eq "$(find "$state/servers" -mindepth 1)" "" "nothing is left"
done_testing
