#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A filter of libvirt's on an interface, on a private host: its rules are there while the
# interface is.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
hosts_or_skip
needs ebtables ebtables
needs iptables iptables
needs jq jq
truncate -s 1M "$tmp/empty.img"
host_up a
setting qemu-tcg "connection_uri = $(host_uri a)"
# What it sees of interfaces is the host's.
t () { host_run a "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q "$@"; }
host_run a bash -e << 'END' > "$tmp/host" 2>&1 || bail "the host's networks: $(cat "$tmp/host")"
mkdir -p /run/sys
mount -t sysfs sysfs /run/sys
mount --bind /run/sys/class/net /sys/class/net
mount --bind /run/sys/devices/virtual/net /sys/devices/virtual/net
ip link add br0 type bridge
ip link set br0 up
ebtables -t nat -L
END
cat > "$rig/filter.xml" << 'END'
<filter name='own-address' chain='mac'>
<rule action='drop' direction='out' priority='500'><mac match='no' srcmacaddr='$MAC'/></rule>
</filter>
END
host_virsh a nwfilter-define "$rig/filter.xml" > /dev/null
must t flavor create f --vcpus 1 --ram 64 --disk 0
must t image create i --file "$tmp/empty.img" --disk-format raw
rules () { host_run a ebtables -t nat -L | grep -c -- '-j libvirt-'; }
is_eq "$(rules)" 0 "the host has no rule"

run t server create none --flavor f --image i --network bridge=br0,filter=nonesuch
true_that "a filter that libvirt has not is refused" test "$rc" -ne 0
has "$err" "nonesuch" "by its name"
is_eq "$(t server list -o json | grep -c '"name"') $(rules)" "0 0" "and leaves nothing"
run t server create s --flavor f --image i --network bridge=br0,filter=own-address
made "a guest with a filter"
tap=$(t server show s -o json | jq -r '.networks[0].tap')
has "$(host_run a ebtables -t nat -L)" "-i $tap -j libvirt-" "what it sends is filtered"
one=$(rules)
run t server add network s bridge=br0,filter=own-address
is_eq "$rc $err" "0 " "add network"
two=$(rules)
true_that "what the next sends is filtered too" test "$two" -gt "$one"
run t server stop s --timeout 0
is_eq "$rc $(rules)" "0 0" "a guest that is off has no rules"
run t server start s
is_eq "$rc $(rules)" "0 $two" "one that is started has them again"
run t server diff s
is_eq "$rc $out$err" "0 " "a plan of today would change nothing"
run t server delete s
is_rc 0 "delete"
is_eq "$(rules)" 0 "no rule is left"
done_testing
