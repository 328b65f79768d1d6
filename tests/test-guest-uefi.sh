#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Real guests under UEFI: firmware that libvirt selects, EFI variables in the
# guest, secure boot with Debian's signed boot loaders, stateless firmware.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
[ -e /usr/share/qemu/firmware ] || skip_all "no UEFI firmware for guests (Debian: ovmf)"
guest_image

must t flavor create f --vcpus 1 --ram 512 --disk 1
must t image create plain --file "$image" --disk-format qcow2 \
  --property hw_firmware_type=uefi --property hw_machine_type=q35
must t image create signed --file "$secure" --disk-format qcow2 \
  --property hw_firmware_type=uefi --property hw_machine_type=q35 --property os_secure_boot=required

# A variable of the guest's own; what is after ":" is in UTF-16 in the file that libvirt has of it.
script variable << 'END'
printf '\007\000\000\000hello' > /sys/firmware/efi/efivars/VLTest-01234567-89ab-cdef-0123-456789abcdef
echo "guest: variable written $?"
# Once: with nothing of this script left no later boot does so.
dd if=/dev/zero of=/dev/vdb bs=512 count=1 conv=notrunc 2> /dev/null
sync
END
run t server create plain --flavor f --image plain --volume "$(volume variable)"
made "a guest with UEFI"
run t server create signed --flavor f --image signed
made "a guest with secure boot"

true_that "the UEFI guest boots" says plain "guest: report ends"
is_eq "$(tells plain firmware)" uefi "by UEFI"
true_that "it sees EFI variables ($(tells plain efi variables))" test "$(tells plain efi variables)" -ge 5
is_eq "$(tells plain secure boot)" 0 "secure boot is off"

true_that "the guest with secure boot boots" says signed "guest: report ends"
is_eq "$(tells signed secure boot)" 1 "secure boot is on"

# A rebuild makes the variables anew; one that does not come to its end puts them back.
variables=$(find "$state/libvirt/lib/qemu/nvram" -name "$(field plain domain)_VARS.*")
has_variable () { tr -d '\0' < "$variables" | grep -q VLTest; }
has_none () { [ -s "$variables" ] && ! has_variable; }
if can_kill; then
  true_that "it has written a variable" says plain "guest: variable written 0"
  true_that "which is in its file" has_variable
  must t server set plain --name=renamed
  must t server set renamed --name=plain
  run t server reboot plain --hard
  is_rc 0 "a hard reboot, after it was called otherwise"
  true_that "keeps it" has_variable
  # libvirt takes its time for each note.
  strace -f -o "$tmp/trace" -e trace=rename,renameat2 -e inject=rename,renameat2:delay_enter=3000000 \
    "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q server rebuild plain --timeout=0 > "$tmp/rebuild" 2>&1 &
  pid=$!
  true_that "a rebuild: its variables are new" wait_for 300 has_none
  read -r parent < "/proc/$pid/task/$pid/children"
  true_that "it is killed" kill -KILL "${parent%% *}"
  wait $pid 2> /dev/null
  put_back () { t server list > /dev/null 2>&1; [ "$(power plain)" = RUNNING ] && has_variable; }
  true_that "the next command puts them back" wait_for 300 put_back
  is_eq "$(find "$state/servers" -name '*VARS*' -o -name rebuild)" "" "and keeps nothing"
  run t server rebuild plain --timeout=0
  is_eq "$rc $(grep -c error <<< "$err")" "0 0" "one that comes to its end"
  true_that "has new ones" has_none
  is_eq "$(find "$state/servers" -name '*VARS*' -o -name rebuild)" "" "and keeps nothing"
else
  skip "no strace here (Debian: strace)"
fi

# What is not signed does not boot, so secure boot is more than a word.
must t image create unsigned --file "$image" --disk-format qcow2 \
  --property hw_firmware_type=uefi --property hw_machine_type=q35 --property os_secure_boot=required
must t server delete plain
run t server create unsigned --flavor f --image unsigned
made "a guest whose boot loader nobody signed"
true_that "is told so by its firmware" says unsigned "Access Denied"
lacks "$(console unsigned)" "guest:" "and never starts its kernel"

# The same firmware and variables after a hard reboot.
run t server reboot signed --hard
is_rc 0 "hard reboot with UEFI"
true_that "boots again" says signed "guest: report ends"
is_eq "$(tells signed secure boot)" 1 "secure boot is still on"


# What libvirt chose at the first start stays, whatever firmware this host describes later.  Only
# commands below `today` see that.
kept () { db "SELECT loader FROM server WHERE name = '$1'"; }
live_loader () { tr '\0' '\n' < "/proc/$(pid_of "$1")/cmdline" | sed -n 's/.*"driver":"file","filename":"\([^"]*\)".*pflash0.*/\1/p'; }
pid_of () { for pid in $(guest_pids); do tr '\0' ' ' < "/proc/$pid/cmdline" | grep -qF "$(field "$1" uuid)" && echo "$pid"; done; }
has "$(kept signed)" "secure=yes" "the loader that was chosen is on record"
if [ "$(id -u)" = 0 ] && unshare -m true 2> /dev/null; then
  must t server delete unsigned
  must t server create lasts --flavor f --image plain
  first=$(kept lasts)
  is_eq "$(live_loader lasts)" "$(field lasts firmware)" "server show has the loader"
  mkdir "$tmp/described" "$tmp/new"
  chmod 755 "$tmp/new"
  cp /usr/share/qemu/firmware/* "$tmp/described/"
  cp -L /usr/share/OVMF/OVMF_CODE_4M*.fd /usr/share/OVMF/OVMF_VARS_4M*.fd "$tmp/new/"
  sed -i "s#/usr/share/OVMF#$tmp/new#" "$tmp"/described/*
  today () {
    unshare -m bash -c 'mount --bind "$0" /usr/share/qemu/firmware && exec "$@"' "$tmp/described" \
      "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg "$@"
  }
  must t flavor create g --vcpus 1 --ram 576 --disk 1
  for words in "reboot lasts --hard" "reboot lasts --hard --update" "rebuild lasts --timeout=0" "stop lasts --timeout=0" \
      "start lasts" "resize lasts --flavor g --timeout=0" "resize revert lasts --timeout=0" "shelve lasts --timeout=0" "unshelve lasts"; do
    # shellcheck disable=SC2086
    run today server $words
    is_eq "$rc $(kept lasts)" "0 $first" "${words%% *}: the same firmware"
    case $words in
      stop* | shelve*) ;;
      *) is_eq "$(live_loader lasts)" "$(field lasts firmware)" "which the guest has" ;;
    esac
  done
  run t server diff lasts
  is_eq "$rc $out" "0 " "that is no difference of its document"
  run today server reboot signed --hard
  is_eq "$rc $(kept signed | grep -c "$tmp")" "0 0" "and the one with secure boot"
  true_that "which boots again" says signed "guest: report ends"
  is_eq "$(tells signed secure boot)" 1 "secure boot is still on"

  # Chosen anew.
  says lasts "guest: report ends"
  run today server unset lasts --firmware
  is_eq "$rc $(steady "$err")" "0 advice Advice core: the firmware is chosen anew when the guest is started next" "other firmware is to be chosen"
  is_eq "$(field lasts firmware)" "" "which is not known yet"
  run today server reboot lasts --hard
  is_eq "$rc $(grep -c "^warning FirmwareVariablesAnew qemu-tcg: the firmware's variables of guest '$(field lasts domain)' were made anew, since other firmware was chosen for it$" <<< "$err")" \
    "0 1" "the next start chooses, and variables are those of its template"
  is_eq "$(live_loader lasts)" "$(field lasts firmware)" "the guest has it"
  has "$(kept lasts)" "loader=$tmp/new/" "it is on record"
  true_that "the guest boots" says lasts "guest: report ends"

  # Gone.
  mv "$tmp/new" "$tmp/gone"
  gone="error FirmwareGone core: the firmware's file \"$(field lasts firmware)\", which was chosen when server \"lasts\" was started first, is not there any more
  install it again, or let other firmware be chosen at the next start: virtloom server unset --firmware lasts"
  for words in "reboot lasts --hard" "reboot lasts --hard --update" "rebuild lasts" "resize lasts --flavor g" "rescue lasts"; do
    # shellcheck disable=SC2086
    run t server $words
    is_eq "$rc $err" "1 $gone" "${words%% *}: firmware that is gone is told"
  done
  is_eq "$(power lasts)" RUNNING "before anything is done"
  must t server stop lasts --timeout=0
  run t server start lasts
  is_eq "$rc $err" "1 $gone" "start: the same"
  must t server unset lasts --firmware
  run today server unset lasts --firmware
  is_eq "$(steady "$err")" 'advice Advice core: server "lasts" has that already; nothing was changed' "chosen anew, once"
  run t server start lasts
  is_eq "$rc $(kept lasts)" "0 $first" "then the next start chooses what there is"
  must t server delete lasts
else
  skip "firmware that this host describes later: that takes root, and a file system of its own (unshare -m)"
  must t server delete unsigned
fi

run t server delete signed
is_rc 0 "delete"
is_eq "$(find "$state/libvirt" -name '*VARS*' 2> /dev/null)" "" "no variable store is left"
all_gone
done_testing
