#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Disks and interfaces that come to a running guest, and go from it, as the guest sees them.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image
cd "$tmp" || exit 99
setting user 'host_loopback_acknowledged = yes'
setting pcie-ports 'num_pcie_ports = 8'

# The guest says whenever it sees other disks (with their sectors) or interfaces.
script look << 'END'
last=
while :; do
  now=
  for disk in /sys/block/[vs]d*; do now="$now ${disk##*/}=$(cat "$disk/size")"; done
  for nic in /sys/class/net/e*; do [ -e "$nic" ] && now="$now $(cat "$nic/address")"; done
  [ "$now" = "$last" ] || echo "guest: sees$now."
  last=$now; sleep 1
done
END
truncate -s 2M one.raw two.raw
must t flavor create small --vcpus 1 --ram 192 --disk 0
must t image create guest --file "$image" --disk-format qcow2
must t image create q35 --file "$image" --disk-format qcow2 --property hw_machine_type=q35

# mac SERVER NIC, address SERVER ID: what is on record.
mac () { t server show "$1" -o json | jq -r ".networks[] | select (.id == \"$2\") | .mac"; }
address () { t server show "$1" -o json | jq -r "[.disks[], .networks[]][] | select (.id == \"$2\") | .address"; }
addresses () { t server show "$1" -o json | jq -r '[.disks[], .networks[]][] | .id + " " + .address'; }

for machine in guest q35; do
  run t server create "$machine" --flavor small --image "$machine" --volume "$(volume look)"
  made "a guest of image $machine"
  true_that "it looks" says "$machine" "guest: sees"
  first=$(tells "$machine" sees)
  run t server add volume "$machine" "path=$tmp/one.raw,format=raw"
  is_eq "$rc $err" "0 " "add volume"
  id=$out
  true_that "the guest sees it" says "$machine" "guest: sees ${first%.} vdc=4096."
  has "$(address "$machine" "$id")" "type=pci" "its address is on record"
  run t server diff "$machine"
  is_eq "$rc $out$err" "0 " "a plan of today would change nothing"
  run t server add network "$machine" user
  is_eq "$rc $err" "0 " "add network"
  nic=$out
  true_that "the guest sees it" says "$machine" "guest: sees ${first%.} vdc=4096 $(mac "$machine" "$nic")."
  run t server remove volume "$machine" vdc
  is_eq "$rc $out$err" "0 " "remove volume"
  true_that "the guest does not see it any more" says "$machine" "guest: sees ${first%.} $(mac "$machine" "$nic")."
  open=$(ls -l /proc/"$(pgrep -of "[g]uest=$(field "$machine" domain),")"/fd)
  has "$open" look.disk "QEMU has its disks open"
  lacks "$open" one.raw "but not that one"
  run t server remove network "$machine" "$(mac "$machine" "$nic")"
  is_eq "$rc $out$err" "0 " "remove network"
  true_that "nor that" says "$machine" "guest: sees $first" 2
  # More often than the guest has places: each is given back.
  rounds=0 before=$(addresses "$machine")
  while [ $rounds -lt 20 ] && t server add volume "$machine" "path=$tmp/one.raw,format=raw" > "$tmp/id" 2> "$tmp/error" \
      && t server remove volume "$machine" "$(cat "$tmp/id")" 2> "$tmp/error"; do
    rounds=$((rounds + 1))
  done
  is_eq "$rounds $(cat "$tmp/error")" "20 " "a volume comes and goes twenty times"
  is_eq "$(addresses "$machine")" "$before" "and nothing else moves"
  run t server add volume "$machine" "path=$tmp/two.raw,format=raw" --device /dev/vdx
  is_eq "$rc $err" "0 " "another volume"
  before=$(addresses "$machine")
  run t server reboot --hard "$machine"
  is_eq "$rc $out$err" "0 " "a hard reboot"
  is_eq "$(addresses "$machine")" "$before" "all disks and interfaces are where they were"
  true_that "the guest has it from its start" says "$machine" "guest: sees ${first%.} vdc=4096."
  run t server delete "$machine"
  is_rc 0 "delete"
done

# As packaged a q35 guest has what libvirt leaves over: one free slot at most.
setting pcie-ports 'num_pcie_ports = 0'
must t server create full --flavor small --image q35
run t server add network full user
run t server add network full user
is_rc 4 "a guest without a free slot"
is_eq "$err" "error InterfaceAttachFailed qemu-tcg: guest '$(field full domain)' has no free PCI slot for '$(t server show full -o json | jq -r '"nic\(.networks | length)"')' while it runs
  guests have as many free slots as num_pcie_ports in plugins.d/pcie-ports.conf says; this one gets them by virtloom server reboot --hard --update" "is told so"
run t server add volume full "path=$tmp/one.raw,format=raw"
has "$err" "error VolumeAttachFailed qemu-tcg: guest '$(field full domain)' has no free PCI slot for 'volume-" "of a volume, too"
is_eq "$(t server show full -o json | jq -r '.disks | length') $(power full)" "1 RUNNING" "it is as it was"
run t server diff full
is_eq "$rc $out$err" "0 " "and so is its record"
run t server stop full --timeout 0
run t server add volume full "path=$tmp/one.raw,format=raw"
is_eq "$rc $err" "0 " "while it is off there is room"
run t server start full
is_eq "$rc $(power full)" "0 RUNNING" "and it starts"
run t server delete full
all_gone
done_testing
