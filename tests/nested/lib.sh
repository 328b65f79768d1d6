# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# For scripts that run inside the nested host: source this.  The installed virtloom runs on
# its own default STATE and configuration, as an operator's does.

# shellcheck source=tests/tap.sh
. "$top_srcdir/tests/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$top_srcdir/tests/guest-lib.sh"
# What it takes is what the machine that emulates this host has to give.
# shellcheck disable=SC2034 # guest-lib.sh and tap.sh read them
VL_TEST_BOOT_SECONDS=900 VL_DEADLINE=900
k () { program --driver libvirt-kvm -q "$@"; }
t () { k "$@"; }
# What the scripts make, and tell those that run after the boot.
work=/var/lib/nested
# denials: what AppArmor refused since the host's boot.
denials () { dmesg | grep 'apparmor="DENIED"'; }
# domain SERVER PATTERN: what of libvirt's document matches.
domain () { virsh -q -c qemu:///system dumpxml "$(field "$1" domain)" | grep -oE "$2"; }
# statuses: of all servers, by one command.
statuses () { k server list -o json | jq -r '.servers[] | "\(.name) \(.status) \(.power_state)"' | sort; }
# owners: whose the files of images and servers are, and who may do what with them.
owners () { find /var/lib/virtloom/images /var/lib/virtloom/servers -printf '%u:%g %m %y %p\n' | sort -k 4; }
