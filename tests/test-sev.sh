#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a plan cannot show of protected memory: slots for encrypted
# guests are counted from live servers, two commands never get the same one, and
# what would break the protection is refused.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils

f () { vl --driver fake "$@"; }

truncate -s 8M "$tmp/disk.raw"
setting fake 'host = amd-sev'
setting sev 'num_memory_encrypted_guests = 2'
run f flavor create plain --vcpus 1 --ram 128 --disk 1
run f flavor create sev --vcpus 1 --ram 128 --disk 1 --property hw:mem_encryption=true
run f flavor create nest --vcpus 1 --ram 128 --disk 1 --property hw:nested_virt=required
run f image create img --file "$tmp/disk.raw" --disk-format raw \
  --property hw_firmware_type=uefi --property hw_machine_type=q35
is_rc 0 "flavors and image"

# ---- slots ----

run f plan --flavor sev --image img -o json
is_rc 0 "a plan for an encrypted guest"
has "$out" '"resource": "MEM_ENCRYPTION_CONTEXT:amd-sev"' "claims a slot"
has "$(tr -d " \n" <<< "$out")" '"resource":"MEM_ENCRYPTION_CONTEXT:amd-sev","plugin":"sev","amount":1,"total":2,"used":0' "of as many as the operator allows"
for i in 1 2 3 4; do
  f server create "s$i" --flavor sev --image img > "$tmp/s$i.out" 2> "$tmp/s$i.err" &
done
wait
run f server list -o json
is_eq "$(grep -c '"name": "s[1-4]"' <<< "$out")" 2 "of four at once, two get the two slots"
has "$(cat "$tmp"/s?.err)" 'ComputeResourcesUnavailable' "the others are told"
run f server create p --flavor plain --image img
is_rc 0 "a plain guest needs no slot"
s=$(grep -oE '"name": "s[1-4]"' <<< "$(f server list -o json)" | head -n 1 | grep -oE 's[1-4]')
run f plan --flavor sev --image img
is_rc 4 "a plan knows that the slots are taken"
run f server delete "$s"
run f server create again --flavor sev --image img
is_rc 0 "a deleted guest gives its slot back"

# ---- what is permitted ----

run f server suspend again
is_rc 4 "an encrypted guest cannot be suspended"
has "$err" "OperationNotSupportedForSEV sev: a guest with 'amd-sev' memory cannot be suspended" "in words"
run f server show again -o json
is_eq "$(value status)" ACTIVE "and still runs"
run f server pause again
is_rc 0 "it can be paused"
run f server unpause again
run f server reboot again
is_rc 0 "and rebooted"
run f server suspend p
is_rc 0 "a plain guest can be suspended"

run f server create n --flavor nest --image img
is_rc 0 "a guest that may run guests"
has "$err" 'cannot be migrated live' "is told what that costs"
run f server suspend n
is_rc 0 "it can be suspended"
has "$err" 'the resume after this suspend fails if the guest runs guests of its own' "with an advice"

done_testing
