#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What servers take of their host: CPUs, memory, addresses and volumes are counted,
# by ratios and reserves; who comes at the same time gets parts of their own.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils

f () { vl --driver fake "$@"; }
# claims LIST: resources and pools of the JSON in $out, "NAME=AMOUNT/TOTAL/USED" or "NAME:MEMBER".
claims () {
  tr -d ' \n' <<< "$out" | sed "s/.*\"$1\":\[\([^]]*\)\].*/\1/" | tr '{' '\n' | sed -n \
    -e 's/^"resource":"\([^"]*\)","plugin":"[^"]*","amount":\([^,]*\),"total":\([^,]*\),"used":\([^}]*\)}.*/\1=\2\/\3\/\4/p' \
    -e 's/^"pool":"\([^"]*\)",.*"member":"\([^"]*\)"}.*/\1:\2/p' | grep -v '^MAC:fa:16' | tr '\n' ' '
}
left='  delete a server that holds some, or use another host'

truncate -s 8M "$tmp/disk.raw"
setting fake 'host = kvm-x86_64'
run f flavor create half --vcpus 2 --ram 32512 --disk 1
run f flavor create one --vcpus 1 --ram 128 --disk 1
run f flavor create wide --vcpus 100 --ram 128 --disk 1
run f flavor create pin --vcpus 8 --ram 128 --disk 1 --property hw:cpu_policy=dedicated
run f image create img --file "$tmp/disk.raw" --disk-format raw
is_rc 0 "flavors and image"

# ---- memory: 65536 MiB, of which 512 are reserved ----

run f plan --flavor half --image img -o json
is_eq "$(claims claims)" "DISK_GB:state=1/null/0 MEMORY_MB=32512/65024/0 VCPU=2/128/0 " "what a plain guest takes"
is_eq "$(claims provisional)" "" "of which nothing is a choice"
is_eq "$err" "" "and no word is lost about it"
run f -v plan --flavor half --image img
has "$err" "advice Advice core: the host does not say how much it has of DISK_GB:state; that is counted, and not judged
  see what it says with: virtloom host show" "with -v a plan tells what is not judged"
run f server create a --flavor half --image img
is_rc 0 "half of the memory"
run f server create b --flavor half --image img
is_rc 0 "the other half"
run f server stop a
none="error ComputeResourcesUnavailable core: the guest needs 128 of 'MEMORY_MB'; 65024 of the host's 65024 are in use (ram=128, flavor)
$left"
run f server create c --flavor one --image img
is_rc 4 "and nothing is left, though one is stopped"
is_eq "$err" "$none" "in words"
run f plan --flavor one --image img
is_rc 4 "a plan says the same"
is_eq "$err" "$none" "in the same words"
run f --host kvm-x86_64 plan --flavor one --image img -o json
is_rc 0 "on the host of a file nothing is taken"
is_eq "$(claims claims)" "DISK_GB:state=1/null/null MEMORY_MB=128/65024/null VCPU=1/128/null " "nor counted"
run f --host kvm-x86_64 server create far --flavor one --image img
is_rc 0 "nor is it by a server that is made there"
f server delete far > /dev/null
run f server start a
is_rc 0 "a server that is there starts"

# ---- who holds more than there is stays ----

main_setting virtloom 'reserved_host_memory_mb = 40000' 'cpu_allocation_ratio = 1.0'
run f server reboot --hard --update a
is_rc 0 "a server that holds more than there is keeps it"
is_eq "$err" "" "without a word"
run f server create c --flavor one --image img
is_rc 4 "nothing is added"
is_eq "$err" "error ComputeResourcesUnavailable core: the guest needs 128 of 'MEMORY_MB'; 65024 of the host's 25536 are in use (ram=128, flavor)
$left" "in words"
run f server delete b
run f server delete a
run f server create c --flavor half --image img
is_rc 4 "what a single guest cannot have is refused"
is_eq "$err" "error ComputeResourcesUnavailable core: the guest needs 32512 of 'MEMORY_MB' and the host has 25536 (ram=32512, flavor)" \
  "as that"

# ---- CPUs ----

run f server create c --flavor wide --image img
is_eq "$err" "error ComputeResourcesUnavailable core: the guest needs 100 of 'VCPU' and the host has 32 (vcpus=100, flavor)" \
  "CPUs by the ratio"
main_setting virtloom 'initial_cpu_allocation_ratio = 3.5' 'reserved_host_cpus = 2'
run f plan --flavor wide --image img -o json
has "$(claims claims)" "VCPU=100/105/0 " "by another, less what is reserved"
setting cpu-pinning 'cpu_shared_set = 0-9' 'cpu_dedicated_set = 10-31'
run f plan --flavor one --image img -o json
has "$(claims claims)" "VCPU=1/28/0 " "of the CPUs that are shared"
run f plan --flavor pin --image img -o json
lacks "$(claims claims)" VCPU "dedicated CPUs cost none of them"
is_eq "$(claims provisional)" "$(printf 'PCPU:%d ' $(seq 16 23))" "they are choices"
is_eq "$err" "" "which JSON shows under their name"
run f plan --flavor pin --image img
is_eq "$err" "advice Advice core: what the plan took of PCPU is what is free now; it is chosen when the server is made" \
  "and a plan tells in one advice"
main_setting virtloom 'cpu_allocation_ratio = 1,5'
run f plan --flavor one --image img
is_rc 7 "a ratio that is no number"
has "$err" "cpu_allocation_ratio = '1,5' is not a decimal number; accepted: as in '4' or '1.25', with at most four digits \
after the point" "is refused"
rm "$config/virtloom.conf" "$config/plugins.d/cpu-pinning.conf"

# ---- addresses and volumes ----

truncate -s 1M "$tmp/vol"
ln "$tmp/vol" "$tmp/same"
mac=52:54:00:00:00:0A
run f server create m --flavor one --image img --network "user,mac=$mac" --volume "path=$tmp/vol,format=raw"
is_rc 0 "a server with an address and a volume"
run f server create n --flavor one --image img --network "user,mac=${mac,,}" --volume "path=$tmp/same,format=raw"
is_rc 4 "neither is given twice"
has "$err" "error ComputeResourcesUnavailable core: MAC address '52:54:00:00:00:0a' of 'nic0' is in use by server \"m\"
  give another one, or none to have one made" "the address, whatever its case"
has "$err" "is in use by server \"m\"
  take it away there ('virtloom server remove volume'), or delete that server; a volume is shared where each server's connection_info says \"multiattach\": true" \
  "the volume, whatever its name"
run f server delete m
run f server create n --flavor one --image img --network "user,mac=$mac" --volume "path=$tmp/same,format=raw"
is_rc 0 "a server that is gone gives both back"
shared () {
  cat << EOT
{"flavor": {"vcpus": 1, "ram": 128, "disk": 1}, "image": {"disk_format": "raw"}, "block_devices": [{"source_type":
"volume", "destination_type": "volume", "uuid": "11111111-2222-4333-8444-55555555555$1", "connection_info":
{"driver_volume_type": "local", "multiattach": $2, "data": {"device_path": "$tmp/vol"}}}]}
EOT
}
run f plan --request - <<< "$(shared 1 true)"
is_rc 4 "one of two that shares a volume does not share it"
f server delete n > /dev/null

# ---- at once ----

for i in 1 2 3 4; do
  f server create -q "p$i" --flavor pin --image img > /dev/null 2> "$tmp/p$i.err" &
done
wait
is_eq "$(cat "$tmp"/p?.err)" "" "four pinned servers at once"
is_eq "$(for i in 1 2 3 4; do f explain "p$i"; done | sed -n 's,.*vcpupin.*/@cpuset = \([0-9]*\) .*,\1,p' | sort -n | tr '\n' ' ')" \
  "$(seq -s ' ' 0 31) " "each have CPUs of their own"
run f server create p5 --flavor pin --image img
is_rc 4 "a fifth finds none"
for i in 1 2 3 4; do f server delete "p$i" > /dev/null; done
run f flavor create serial --vcpus 1 --ram 128 --disk 1 --property hw:serial_port_count=2
setting serial-console 'serial_console_enabled = yes'
for i in 0 1 2 3 4 5 6 7 8 9; do
  f server create -q "s$i" --flavor serial --image img > /dev/null 2> "$tmp/s$i.err" &
done
wait
is_eq "$(cat "$tmp"/s?.err)" "" "ten servers with ports at once"
is_eq "$(for i in 0 1 2 3 4 5 6 7 8 9; do f explain "s$i"; done | grep -c '/source/@service = ')" 20 "have two each"
is_eq "$(for i in 0 1 2 3 4 5 6 7 8 9; do f explain "s$i"; done | sed -n 's,.*/source/@service = \([0-9]*\) .*,\1,p' | sort -u | wc -l)" \
  20 "and no two the same"
run f server diff s3
is_eq "$rc $out$err" "0 " "a plan of today gives a server the ports that it has"

done_testing
