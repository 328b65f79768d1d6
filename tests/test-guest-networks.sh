#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Two guests that reach each other over a network of each type, on a private host: libvirt's own,
# with its dnsmasq; Open vSwitch in user space; taps on a bridge that is the test's; macvtap on a
# veth.  What a guest had there is gone when it is, and what was there before it is still.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
hosts_or_skip
for tool in ovs-vsctl:openvswitch-switch ovs-vswitchd:openvswitch-switch ovsdb-server:openvswitch-switch \
    dnsmasq:dnsmasq-base jq:jq; do
  needs "${tool%:*}" "${tool#*:}"
done
guest_image
host_up a
setting qemu-tcg "connection_uri = $(host_uri a)"
# What it sees of interfaces is the host's.
t () { host_run a "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q "$@"; }

# ---- what the host has ----

host_run a bash -e << 'END' > "$tmp/host" 2>&1 || bail "the host's networks: $(cat "$tmp/host")"
mkdir -p /run/sys /run/openvswitch /var/log/openvswitch
mount -t sysfs sysfs /run/sys
mount --bind /run/sys/class/net /sys/class/net
mount --bind /run/sys/devices/virtual/net /sys/devices/virtual/net
ovsdb-tool create /run/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server --remote=punix:/run/openvswitch/db.sock --pidfile --detach --log-file=/dev/null /run/openvswitch/conf.db
ovs-vsctl --no-wait init
ovs-vswitchd --pidfile --detach --log-file=/dev/null
ovs-vsctl add-br br-int -- set bridge br-int datapath_type=netdev
ip link add veth-a type veth peer name veth-b
ip link set veth-a up
ip link set veth-b up
ip link add br-taps type bridge
ip link set br-taps up
ip tuntap add dev tap-blue mode tap
ip link set tap-blue master br-taps up
END
# The kernel makes the device of a macvtap, before its link is there, in the machine's own /dev alone.
host_run a bash -e << 'END' > "$tmp/devices" 2>&1 || bail "devices of macvtaps: $(cat "$tmp/devices")"
[ "$(findmnt -n -o FSTYPE /dev)" != devtmpfs ] || exit 0
mkdir /run/devices
mount -t devtmpfs devtmpfs /run/devices
for n in $(seq 200); do ln -sf "/run/devices/tap$n" "/dev/tap$n"; done
END
cat > "$rig/blue.xml" << 'END'
<network><name>blue</name><forward mode='open'/><bridge name='br-blue'/>
<ip address='192.168.91.1' netmask='255.255.255.0'><dhcp><range start='192.168.91.10' end='192.168.91.50'/></dhcp></ip></network>
END
host_virsh a net-define "$rig/blue.xml" > /dev/null
host_virsh a net-start blue > "$tmp/net" 2>&1 || bail "libvirt's network: $(cat "$tmp/net")"
links () { host_run a ip -o link | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | sort; }
ports () { host_run a ovs-vsctl list-ports br-int; }
links > "$tmp/links"
is_eq "$(ports)" "" "the bridge of Open vSwitch has no port"

# ---- what is refused ----

must t flavor create small --vcpus 1 --ram 192 --disk 0
must t image create guest --file "$image" --disk-format qcow2
# refused TEXT NETWORK
refused () {
  run t plan --flavor small --image guest --network "$2"
  is_eq "$rc $err" "4 $1" "--network $2"
}
refused "error NoValidHost tap: \$.networks[0]: this host has no tap 'tap-red'
  make it: ip tuntap add dev tap-red mode tap; or leave dev out to have one made" tap,dev=tap-red
refused "error NoValidHost tap: \$.networks[0]: this host has a network interface that is no tap, called 'veth-a'
  make it: ip tuntap add dev veth-a mode tap; or leave dev out to have one made" tap,dev=veth-a
refused "error NoValidHost ovs: \$.networks[0]: this host has no bridge 'br-red'
  make it: ovs-vsctl add-br br-red; 'ovs-vsctl list-br' lists what there is" ovs,bridge=br-red
refused "error NoValidHost ovs: \$.networks[0]: this host has a bridge that is not Open vSwitch's, called 'br-taps'
  leave the type out, or name a bridge of Open vSwitch: 'ovs-vsctl list-br' lists what there is" ovs,bridge=br-taps
refused "error NoValidHost macvtap: \$.networks[0]: this host has no network interface 'eth7'
  'ip link show' lists what there is" macvtap,macvtap_source=eth7
run t server create none --flavor small --image guest --network network,network=red
isnt_rc () { [ "$rc" -ne 0 ]; }
true_that "a network that libvirt has not is refused" isnt_rc
has "$err" "Network not found: no network with matching name 'red'" "in libvirt's words"
is_eq "$(t server list -o json | grep -c '"name"')" 0 "and leaves no server"

# ---- two guests ----

# Each interface has the address 10.1.N.ME, and the guest says which of the other's answer.
guest () {
  script "$1" << END
ip link set eth0 up
udhcpc -i eth0 -n -q -t 60 -s /bin/true 2>&1 | sed -n 's/^.*lease of \([0-9.]*\) obtained.*/guest: lease \1/p'
for n in 0 1 2 3; do ip address add 10.1.\$n.$2/24 dev eth\$n; ip link set eth\$n up; done
for n in 0 1 2 3; do
  until ping -c 1 -W 2 10.1.\$n.$3 > /dev/null 2>&1; do sleep 1; done
  echo "guest: reaches \$n"
done
echo "guest: mtu \$(cat /sys/class/net/eth1/mtu)"
while :; do sleep 1000; done
END
}
guest one 1 2
guest two 2 1
port=09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f
create () {
  local name=$1
  shift
  run t server create "$name" --flavor small --image guest --volume "$(volume "$name")" --network network,network=blue \
    --network ovs,bridge=br-int,vlan=5,mtu=1450,ovs_interfaceid="$2" --network "$1" \
    --network "macvtap,macvtap_source=veth-a,macvtap_mode=bridge"
  made "guest $name has an interface of each type"
}
create one tap,dev=tap-blue $port
create two tap 09b11c53-8b5c-4eeb-8f00-d84eaa0aaa50
run t server create three --flavor small --image guest --network tap,dev=tap-blue
is_rc 4 "a tap that a server has"
has "$err" "error ComputeResourcesUnavailable tap: TAP 'tap-blue' of 'nic0' is in use by server \"one\"" "goes to no second one, and who has it is named"
# tap SERVER N: the N-th interface on the host.
tap_of () { host_virsh a domiflist "$(field "$1" domain)" | awk 'NF && $1 != "Interface" && $1 !~ /^-/ { print $1 }' | sed -n "$(($2 + 1))p"; }
run host_run a ip link set "$(tap_of two 2)" master br-taps up
is_rc 0 "the tap that was made is there, for whoever connects it"
for server in one two; do
  true_that "$server has an address of libvirt's dnsmasq" says "$server" 'guest: lease 192.168.91.'
  for n in 0 1 2 3; do true_that "$server reaches the other, network $n" says "$server" "guest: reaches $n"; done
  true_that "$server has the MTU" says "$server" 'guest: mtu 1450'
done
is_eq "$(host_run a ovs-vsctl get interface "$(tap_of one 1)" external_ids:iface-id) $(host_run a ovs-vsctl get port "$(tap_of one 1)" tag)" \
  "\"$port\" 5" "Open vSwitch has the port's id and its VLAN"
is_eq "$(ports | wc -l)" 2 "and one port for each"
run t server diff one
is_eq "$rc $out$err" "0 " "a plan of today would change nothing"

# ---- one more, one less ----

run t server add network one ovs,bridge=br-int
is_eq "$rc $err" "0 " "add network"
nic=$out
is_eq "$(ports | wc -l)" 3 "is a port more"
run t server remove network one "$nic"
is_eq "$rc $err" "0 " "remove network"
is_eq "$(ports | wc -l)" 2 "is a port less"

# ---- stop, start, delete ----

run t server stop two --timeout 0
is_rc 0 "stop"
is_eq "$(ports)" "$(tap_of one 1)" "its port is gone"
run t server start two
is_rc 0 "start"
is_eq "$(ports | wc -l)" 2 "its port is there again"
for server in one two; do
  run t server delete "$server"
  is_rc 0 "$server is deleted"
done
is_eq "$(ports)" "" "no port is left"
is_eq "$(links)" "$(cat "$tmp/links")" "no interface is left, and the tap that was there before is there"
done_testing
