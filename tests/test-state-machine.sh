#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Each pair of an operation and a status, as the tables in core/server/states.c have it: done with
# its result, or refused in its words.  docs/states.md is as build-aux/states makes it of them.
#
# An operation that is new there needs its command in command_of, a status the way into it in
# become.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3
[ -e "$top_srcdir/core/server/states.c" ] || skip_all "the tables are not installed"

f () { vl --driver fake "$@"; }
status () { run f server show s -o value -c status; }

run "$top_srcdir/build-aux/states" "$top_srcdir"
is "$rc $err" "0 " "the page can be made"
is "$out" "$(cat "$top_srcdir/docs/states.md")" "and is as made: build-aux/states > docs/states.md"
# What `permit` is asked of: each name of the header that the core says, in its order.
asked=$(sed -n 's/^  \(VL_OP_[A-Z_]*\) = .*/\1/p' "$top_srcdir/include/virtloom/feature.h" | while read -r op; do
  ! grep -qw "$op" "$top_srcdir"/core/server/*.c || tr '[:upper:]' '[:lower:]' <<< "${op#VL_OP_}"
done)
told=$(tr '\n' ' ' < "$top_srcdir/docs/virtloom-feature.pod" \
  | sed 's/.*of which this version has \(.*delete\)), of the active features.*/\1/; s/ ([^)]*)//g; s/ and /, /; s/, /\n/g')
is_eq "$told" "$asked" "docs/virtloom-feature.pod names what permit is asked of"
pairs=$("$top_srcdir/build-aux/states" --pairs "$top_srcdir")

# In $words the command that does operation $1 to server s.
command_of () {
  case $1 in
    start | stop | reboot | pause | unpause | suspend | resume | lock | unlock | delete) words=("$1" s) ;;
    'hard reboot') words=(reboot --hard s) ;;
    'attach volume') words=(add volume s "path=$tmp/new.raw,format=raw") ;;
    'detach volume') words=(remove volume s vdb) ;;
    'extend volume') words=(extend volume s vdb) ;;
    'swap volume') words=(swap volume s vdb "path=$tmp/new.raw,format=raw") ;;
    'snapshot volume') words=(snapshot volume s vdb "$tmp/over.qcow2") ;;
    'unsnapshot volume') words=(unsnapshot volume s vdb) ;;
    'attach interface') words=(add network s user) ;;
    'detach interface') words=(remove network s nic0) ;;
    resize) words=(resize s --flavor m2) ;;
    'resize confirm' | 'resize revert') words=(resize "${1#* }" s) ;;
    rescue | unrescue) words=("$1" s) ;;
    rebuild) words=(rebuild s) ;;
    shelve | unshelve) words=("$1" s) ;;
    dump) words=(dump create s) ;;
    'set password') words=(password set s --password "$tmp/password") ;;
    'create image') words=(image create s --name "copy$RANDOM") ;;
    'show diagnostics') words=(show s --diagnostics) ;;
    console) words=(url s) ;;
    screenshot)
      rm -f "$tmp/s.png"
      words=(screenshot s --file "$tmp/s.png")
      ;;
    set) words=(set s --description new) ;;
    'set status') words=(set s --status active) ;;
    migrate) words=(migrate s --host other) ;;
    *) words=() ;;
  esac
}
# Makes server s, which is ACTIVE, one that is $1.
become () {
  case $1 in
    ACTIVE) ;;
    SHUTOFF) f server stop s ;;
    PAUSED) f server pause s ;;
    SUSPENDED) f server suspend s ;;
    VERIFY_RESIZE) f server resize s --flavor m2 ;;
    RESCUE) f server rescue s ;;
    SHELVED_OFFLOADED) f server shelve s ;;
    ERROR) f server set s --status error ;;
    # What another command has begun.
    BUILD | DELETING | MIGRATING) db "UPDATE server SET status = '$1'" ;;
    *) false ;;
  esac
}

setting user 'host_loopback_acknowledged = yes'
truncate -s 1M "$tmp/disk.raw" "$tmp/volume.raw" "$tmp/new.raw"
f flavor create m1 --vcpus 1 --ram 128 --disk 1 > /dev/null
f flavor create m2 --vcpus 1 --ram 256 --disk 2 > /dev/null
echo secret > "$tmp/password"
f image create img --file "$tmp/disk.raw" --disk-format raw --property hw_qemu_guest_agent=yes > /dev/null
f server create s --flavor m1 --image img --network user --volume "path=$tmp/volume.raw,format=raw" > /dev/null || bail "no server"
cp -a "$state" "$tmp/ACTIVE.state"
put_back () { rm -rf "$state"; cp -a "$tmp/$1.state" "$state"; }

for status in $(cut -f 2 <<< "$pairs" | sort -u); do
  put_back ACTIVE
  become "$status" > /dev/null 2>&1 || bail "no server becomes $status"
  status
  is "$rc $out" "0 $status" "a server is $status"
  [ "$status" = ACTIVE ] || cp -a "$state" "$tmp/$status.state"
done

while read -r verb; do
  case $verb in 'start after a boot of the host' | 'live migration') continue ;; esac
  # shellcheck disable=SC2086
  run f server ${verb%% --*} --help
  has "$rc $out" "0 virtloom server ${verb%% --*} " "what is told is a verb: $verb"
  [ "$verb" = "${verb##* --}" ] || has "$out" "--${verb##* --}" "with that option"
done < <(cut -f 7 <<< "$pairs" | sort -u)

at=''
while IFS=$'\t' read -r word status result from way or verb; do
  pair="$word of a server that is $status"
  command_of "$word"
  # What no verb of a server does is tried where it is done, as in test-live-migration.sh.
  case $word in 'start after a boot of the host' | 'live migration') continue ;; esac
  # In test-migrate.sh: there has to be another host.
  [ "$word$result" != migrategone ] || continue
  [ "$at" = "$status" ] || put_back "$status"
  at=$status
  rm -f "$tmp/over.qcow2"
  # It needs a snapshot that can be ended.
  if [ "$word" = 'unsnapshot volume' ] && [ "$result" != - ]; then f server snapshot volume s vdb "$tmp/over.qcow2"; fi
  run f server "${words[@]}"
  if [ "$result" = - ]; then
    hint=''
    [ "$way" = NULL ] || hint=$'\n'"  virtloom server $way s"
    [ "$or" = NULL ] || hint="$hint, or $or"
    is "$rc $err" "3 error InstanceInvalidState core: server \"s\" is $status; $verb is for servers that are $from$hint" "no $pair"
    continue
  fi
  is_rc 0 "$pair"
  status
  case $result in
    gone) is "$rc" 5 "it is gone" ;;
    'as its guest is') is "$(grep -cxE 'ACTIVE|SHUTOFF|PAUSED|SUSPENDED' <<< "$out")" 1 "it is as its guest is: $out" ;;
    *) is "$out" "$result" "it is $result" ;;
  esac
  at=''
done <<< "$pairs"
done_testing
