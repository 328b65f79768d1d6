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

run t server delete signed unsigned
is_rc 0 "delete"
is_eq "$(find "$state/libvirt" -name '*VARS*' 2> /dev/null)" "" "no variable store is left"
all_gone
done_testing
