#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The firmware that the hypervisor chose when it started a guest, on the fake driver: what is on record
# of it after a command was killed at any point of a start.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3

f () { vl --driver fake "$@"; }
cmd=("$VL_RUN" virtloom --config "$config" --state "$state" --driver fake)
chosen () { # FILE: as the hypervisor of the fake driver chooses it from now on
  : > "$1"
  setting fake "loader = $1" 'host = amd-sev'
}
kept () { db "SELECT coalesce (loader, '-') FROM server"; }
shows () { f server show web -o json | sed -n 's/.*"firmware": "\([^"]*\)".*/\1/p'; }
state_of () { f server show web -o json | sed -n 's/.*"power_state": "\([^"]*\)".*/\1/p'; }
guest () { sed -n 's/.*<loader[^>]*>\([^<]*\)<.*/\1/p' "$state"/fake/guests/*; }
words () { echo "loader=$1 readonly=yes type=pflash template=$1 machine=q35"; }

truncate -s 1M "$tmp/disk.raw"
chosen "$tmp/first.fd"
f flavor create f --vcpus 1 --ram 128 --disk 1 > /dev/null
f image create uefi --file "$tmp/disk.raw" --disk-format raw --property hw_firmware_type=uefi \
  --property hw_machine_type=q35 > /dev/null
run f server create web --flavor f --image uefi
is_rc 0 "a server whose firmware the hypervisor chooses"
is_eq "$(kept)" "$(words "$tmp/first.fd")" "it is on record"
is_eq "$(shows) $(guest)" "$tmp/first.fd $tmp/first.fd" "is shown, and the guest's"
chosen "$tmp/second.fd"
run f server reboot web --hard
is_eq "$rc $(kept) $(guest)" "0 $(words "$tmp/first.fd") $tmp/first.fd" "and stays, whatever would be chosen now"

# No loader is on record: it was never started by a command that lived long enough.
can_kill || { skip "strace cannot trace here"; done_testing; }
lost=0 found=0 wrong=''
for n in $(kill_places 1); do
  f server stop web --timeout=0 > /dev/null 2>&1
  db 'UPDATE server SET loader = NULL'
  run_killed "$n" fsync,fdatasync,rename "${cmd[@]}" server start web
  [ "$rc" -ne 0 ] || break
  [ "$(kept)" != - ] || { grep -qi '^state running' "$state"/fake/guests/* && lost=$((lost + 1)); }
  f server set web --description "$n" > /dev/null 2>&1 || wrong="$wrong $n: not set;"
  case $(state_of) in
    RUNNING)
      found=$((found + 1))
      [ "$(kept)" = "$(words "$tmp/second.fd")" ] || wrong="$wrong $n: $(kept);" ;;
    *) [ "$(kept)" = - ] || wrong="$wrong $n: off, $(kept);" ;;
  esac
done
is_eq "$wrong" "" "a start that is killed anywhere: the next command has the loader of a guest that runs on record"
true_that "of a guest that ran without one on record, too" test "$lost" -gt 0


# To be chosen anew: one that was not started has the old one, which is not taken for the choice.
chosen "$tmp/third.fd"
f server stop web --timeout=0 > /dev/null 2>&1
f server start web > /dev/null
must=$(kept)
f server unset web --firmware > /dev/null
is_eq "$(kept)" "left $must" "firmware is to be chosen anew"
wrong='' new=0 old=0
for n in $(kill_places 1); do
  db "UPDATE server SET loader = 'left $must'"
  run_killed "$n" fsync,fdatasync,rename "${cmd[@]}" server reboot web --hard
  [ "$rc" -ne 0 ] || break
  f server set web --description "$n" > /dev/null 2>&1 || wrong="$wrong $n: not set;"
  case $(guest) in
    "$tmp/second.fd") old=$((old + 1)); [ "$(kept)" = "left $must" ] || wrong="$wrong $n: $(kept);" ;;
    *) new=$((new + 1)); [ "$(kept)" = "$(words "$tmp/third.fd")" ] || wrong="$wrong $n: $(kept);" ;;
  esac
  [ "$new" -lt 2 ] || break
done
is_eq "$wrong" "" "a reboot that is killed anywhere: what the guest has by then is on record, and the wish for another stays until then"
true_that "both were seen" test "$old" -gt 0 -a "$new" -gt 0
done_testing
