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

run t server create plain --flavor f --image plain
made "a guest with UEFI"
run t server create signed --flavor f --image signed
made "a guest with secure boot"

true_that "the UEFI guest boots" says plain "guest: report ends"
is_eq "$(tells plain firmware)" uefi "by UEFI"
true_that "it sees EFI variables ($(tells plain efi variables))" test "$(tells plain efi variables)" -ge 5
is_eq "$(tells plain secure boot)" 0 "secure boot is off"

true_that "the guest with secure boot boots" says signed "guest: report ends"
is_eq "$(tells signed secure boot)" 1 "secure boot is on"

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
