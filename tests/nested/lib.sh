# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# For scripts that run inside the nested host: source this.  The installed virtloom runs on
# its own default STATE and configuration, as an operator's does.

# shellcheck source=tests/tap.sh
. "$top_srcdir/tests/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$top_srcdir/tests/guest-lib.sh"
# shellcheck disable=SC2034 # guest-lib.sh reads it
VL_TEST_BOOT_SECONDS=1200
# What it takes is what the machine that emulates this host has to give.
VL_DEADLINE=1200
k () { program --driver libvirt-kvm -q "$@"; }
t () { k "$@"; }
work=/var/lib/nested
# denials: what AppArmor refused since the host's boot.
denials () { dmesg | grep 'apparmor="DENIED"'; }
# domain SERVER PATTERN: what of libvirt's document matches.
domain () { virsh -q -c qemu:///system dumpxml "$(field "$1" domain)" | grep -oE "$2"; }
