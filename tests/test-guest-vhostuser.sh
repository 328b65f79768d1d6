#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Two guests that reach each other through a switch in user space, tests/vhost-switch, which maps
# their memory: one guest makes its socket, to the other the switch has made it.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
needs mcopy mtools
guest_image
[ -x "$top_builddir/tests/vhost-switch" ] || bail "tests/vhost-switch is not built: make check"
# Sockets have short paths, and QEMU's user gets to them.
sockets=$(mktemp -d /tmp/vl-XXXXXX) || bail "no folder"
chmod 777 "$sockets"
setting vhostuser "socket_directories = $sockets"

must t flavor create small --vcpus 1 --ram 192 --disk 0
# QEMU 7.2 crashes under emulation where a guest has MSI-X on such an interface: the kernel is booted with
# the words of the image's own, and pci=nomsi.
must qemu-img convert -O raw "$image" "$tmp/image.raw"
must mcopy -n -i "$tmp/image.raw" ::/vmlinuz ::/initrd.gz "$tmp"
must t image create kernel --file "$tmp/vmlinuz" --disk-format aki
must t image create ramdisk --file "$tmp/initrd.gz" --disk-format ari
must t image create guest --file "$image" --disk-format qcow2 --property kernel_id=kernel --property ramdisk_id=ramdisk \
  --property 'os_command_line=console=ttyS0 quiet panic=-1 tsc=unstable no_timer_check cryptomgr.notests pci=nomsi'

"$top_builddir/tests/vhost-switch" "listen:$sockets/one" "connect:$sockets/two" > "$tmp/switch" 2>&1 &
switch=$!
CLEANUPS="$CLEANUPS cleanup_switch"
# shellcheck disable=SC2317 # called by tap.sh
cleanup_switch () {
  kill "$switch" 2> /dev/null
  wait "$switch" 2> /dev/null
  rm -rf "$sockets"
}
wait_for 120 test -S "$sockets/one" || bail "the switch: $(cat "$tmp/switch")"
chmod 777 "$sockets/one"

guest () {
  script "$1" << END
ip address add 10.1.0.$2/24 dev eth0
ip link set eth0 up
until ping -c 1 -W 2 10.1.0.$3 > /dev/null 2>&1; do sleep 1; done
echo "guest: reaches $3 in \$(cat /proc/sys/kernel/random/boot_id)"
ping -c 3 -s 1400 -W 60 10.1.0.$3 > /dev/null 2>&1 && echo "guest: large ones too"
while :; do sleep 1000; done
END
}
guest one 1 2
guest two 2 1
run t server create one --flavor small --image guest --volume "$(volume one)" --network "vhostuser,vhostuser_socket=$sockets/one,vhostuser_mode=client"
made "a guest comes to the switch"
run t server create two --flavor small --image guest --volume "$(volume two)" --network "vhostuser,vhostuser_socket=$sockets/two"
made "the switch comes to a guest"
run t server create three --flavor small --image guest --network "vhostuser,vhostuser_socket=$sockets/two"
is_rc 4 "a socket that a server has"
has "$err" "error ComputeResourcesUnavailable vhostuser: VHOSTUSER '$sockets/two' of 'nic0' is in use by server \"two\"" "goes to no second one, and who has it is named"
for server in one two; do
  true_that "$server reaches the other" says "$server" 'guest: reaches'
  true_that "$server has an answer to large ones" says "$server" 'guest: large ones too'
done
run t server diff one
is_eq "$rc $out" "0 " "a plan of today would change nothing"

# ---- stop, start, delete ----

boot=$(tells two reaches 1 in)
run t server stop two --timeout 0
is_rc 0 "stop"
run t server start two
is_rc 0 "start"
# Whether the log of an earlier boot is kept depends on who keeps it.
anew () { says two 'guest: reaches' && [ "$(tells two reaches 1 in)" != "$boot" ]; }
true_that "the guest reaches the other again" wait_for 600 anew
for server in one two; do
  run t server delete "$server"
  is_rc 0 "$server is deleted"
done
true_that "the switch has lived through it" kill -0 "$switch"
is_eq "$(cat "$tmp/switch")" "" "and has nothing to say"
is_eq "$(ls "$sockets")" one "the guest's socket is gone"
all_gone
done_testing
