#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The host as Debian's packages make it: what `host check` says, and that AppArmor enforces.

# shellcheck source=tests/nested/lib.sh
. "$top_srcdir/tests/nested/lib.sh"

true_that "systemd has the host up" wait_for 900 systemctl is-active --quiet multi-user.target
is "$(cat /sys/module/apparmor/parameters/enabled)" Y "AppArmor is on"
has "$(cat /sys/kernel/security/apparmor/profiles)" "libvirtd (enforce)" "and enforces the profile of libvirtd"
has "$(cat /sys/kernel/security/lsm)" landlock "Landlock is on"
true_that "/dev/kvm is there" test -c /dev/kvm
# As the row of vhost_net says.
modprobe vhost_net && echo vhost_net > /etc/modules-load.d/vhost_net.conf
run program host check
is_rc 0 "host check passes"
lacks "$out" "FAIL" "without a fault"
has "$out" "PASS  driver libvirt-kvm: can be used, and is" "and libvirt-kvm is the driver"
diag "$out"
is "$(denials)" "" "AppArmor refused nothing"
done_testing
