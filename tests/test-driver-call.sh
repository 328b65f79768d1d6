#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# virtloom driver call: every method of docs/compute-driver.list is there, and answers or is refused
# in its words; a server's life by Nova's names alone, on the fake driver.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs jq jq

# call METHOD JSON [OPTION...]: the answer in $out, its message and code in $said.
call () {
  printf '%s' "$2" > "$tmp/arguments"
  run vl --driver fake driver call "$1" "${@:3}" < "$tmp/arguments"
  said=$(jq -r '[.findings[] | select(.severity == "error") | .code + ": " + .message] | join ("\n")' <<< "$out")
}
# The result of the last call, on one line.
result () { jq -cS .result <<< "$out"; }
# refused RC TEXT NAME
refused () { is "$rc $said" "$1 $2" "$3"; is "$(jq 'has("result")' <<< "$out")" false "$3: without a result"; }
done_with () { is "$rc $said" "0 " "$1"; }

run vl driver call --list
is_rc 0 "--list"
list=$out
names=$(jq -r '.methods[].method' <<< "$list")
if [ -e "$top_srcdir/docs/compute-driver.list" ]; then
  rows=$(sed -n '/^= Systems/q; /^[a-z_]* |/s/ |.*//p' "$top_srcdir/docs/compute-driver.list")
  is "$(sort <<< "$names")" "$(sort <<< "$rows")" "the methods are those of docs/compute-driver.list"
  seed=$(sed -n '/^= Systems/q; s/^\([a-z_]*\) | \([a-z_]\{5,\}\) |.*/\1 \2/p' "$top_srcdir/docs/compute-driver.list")
  is "$(jq -r '.methods[] | select(.other) | .method + " " + .other' <<< "$list" | sort)" "$(sort <<< "$seed")" "and so are the other names that they have"
fi
run vl driver call --list -o table --no-headings -c method,arguments
has "$out" "reboot  " "as a table"
is "$(grep '^reboot ' <<< "$out" | sed 's/  */ /g; s/ $//')" "reboot instance [reboot_type] [timeout]" "what is needed, and what may be given"

# ---- each of them ----

# A method answers in its own words where it is refused, and else names what it lacks, or does what it does.
while IFS=$'\t' read -r method code why needed; do
  call "$method" '{}'
  if [ "$code" != - ]; then
    is "$rc $said" "4 $code: '$method' $why" "$method is refused by name"
  elif [ "$needed" != - ]; then
    is "$rc $(head -n 1 <<< "$said")" "3 InvalidInput: '$method' needs argument '$needed': $(jq -r --arg m "$method" '.methods[] | select(.method == $m) | .arguments[] | select(.needed) | .type' <<< "$list" | head -n 1)" "$method says what it needs"
    call "$method" '{"no_such": 1}'
    has "$said" "'$method' has no argument 'no_such'; accepted: $needed" "$method has no other argument"
  else
    is "$rc $said $(jq 'has("result")' <<< "$out")" "0  true" "$method is done"
  fi
done < <(jq -r '.methods[] | [.method, .exception // "-", .why // "-", ([.arguments[] | select(.needed) | .name] | first // "-")] | @tsv' <<< "$list")

# What there is no server for.
while read -r method; do
  # The others first: what is asked for is judged before who it is asked of.
  given=$(jq -c --arg m "$method" '.methods[] | select(.method == $m) | [.arguments[] | select(.needed) |
    {key: .name, value: (if .type == "an object" then {} elif (.type | startswith ("a text")) then "nobody" elif .type == "an object of texts" then {"quota:disk_read_iops_sec": "1"} else ["nobody"] end)}] | from_entries' <<< "$list")
  # A flavor is looked for first; at the destination of a guest there is no server.
  case $method in spawn | finish_migration | *_destination | pre_live_migration) continue ;; esac
  call "$method" "$given"
  is "$rc $(head -n 1 <<< "$said")" "5 InstanceNotFound: there is no server \"nobody\"" "$method of a server that is not there"
done < <(jq -r '.methods[] | select(.exception == null and ([.arguments[].name] | index("instance"))) | .method' <<< "$list")

# ---- what is no call ----

call nope '{}'
refused 2 "NotImplemented: a ComputeDriver has no method 'nope'" "a method that is none"
call get_inf '{}'
is "$(jq -r '.findings[0].hint' <<< "$out")" "did you mean 'get_info'?" "with the nearest one"
call pause '{"instance": "web"'
refused 3 "InvalidInput: the arguments are not JSON (line 1, column 18)" "broken JSON"
call set_admin_password '{"instance": "web", "new_pass": "geheim'
lacks "$out$err" geheim "which is not shown: it may be a password"
call pause '["web"]'
refused 3 'InvalidInput: the arguments are no object; accepted: {"NAME": VALUE, ...}' "an array"
call pause '{"instance": "web", "instance": "web"}'
refused 3 "InvalidInput: the arguments have a member twice (line 1, column 30)" "a member that is there twice"
call pause '{"instance": 7}'
refused 3 "InvalidInput: argument 'instance' of 'pause' is not what it must be; accepted: a text" "a number in place of a text"
call pause '{"instance": null}'
refused 3 "InvalidInput: 'pause' needs argument 'instance': a text" "null is as if it were not there"
call power_off '{"instance": "web", "timeout": -1}'
refused 3 "InvalidInput: argument 'timeout' of 'power_off' is not what it must be; accepted: a whole number, 0 or more" "a number below 0"
call power_off '{"instance": "web", "timeout": 90000}'
refused 2 "Usage: --timeout 90000; accepted: 0 to 86400 seconds" "one that is too large"
call shut_down '{"instances": ["web", 1]}'
refused 3 "InvalidInput: argument 'instances' of 'shut_down' is not what it must be; accepted: an array of texts" "a list with something else in it"
call change_live '{"instance": "web", "properties": {"a": 1}}'
refused 3 "InvalidInput: argument 'properties' of 'change_live' is not what it must be; accepted: an object of texts" "properties that are no texts"
call destroy '{"instance": "web", "force": "yes"}'
refused 3 "InvalidInput: argument 'force' of 'destroy' is not what it must be; accepted: true or false" "a word in place of a boolean"
call list_instances '{"instance": "web"}'
refused 3 "InvalidInput: 'list_instances' takes no arguments, and 'instance' is one; accepted: {}" "an argument where there is none"
call list_instances '{"x-note": 1}'
done_with "what begins with x- is ignored"
call reboot '{"instance": "web", "reboot_type": "soft"}'
refused 3 "InvalidInput: argument 'reboot_type' of 'reboot' is 'soft'; accepted: SOFT, HARD" "a reboot that is none of Nova's"
call pause "{\"instance\": \"$(head -c 3000000 /dev/zero | tr '\0' x)\"}"
is "$rc $said" "3 Invalid: '-' is larger than 2097152 bytes" "too much"
run vl driver call < /dev/null
is "$rc $(jq -r '.findings[0].message' <<< "$out")" "2 'driver call' needs METHOD" "no method"
run vl driver call pause -o table < /dev/null
is "$rc $err" "2 error Usage core: a method answers in JSON; -o table is for --list
  leave -o away" "no table of a call"
run vl driver call pause --list < /dev/null
is "$rc $(jq -r '.findings[0].message' <<< "$out")" "2 --list takes no method; 'pause' is one" "a list of one"
printf '{"x-note": 1}' > "$tmp/file.json"
run vl --driver fake driver call get_num_instances --arguments "$tmp/file.json" < /dev/null
is "$rc $(result)" "0 0" "arguments from a file"

# ---- a server's life ----

truncate -s 8M "$tmp/disk.raw" "$tmp/volume.raw" "$tmp/other.raw"
vl --driver fake flavor create m1 --vcpus 1 --ram 128 --disk 1
vl --driver fake flavor create m2 --vcpus 2 --ram 256 --disk 1
vl --driver fake image create img --file "$tmp/disk.raw" --disk-format raw
call spawn '{"instance": "web", "flavor": "m1", "image": "img", "properties": {"hw_rng_model": "virtio"}, "metadata": {"role": "a=b"},
  "user_data": "#!/bin/sh", "admin_password": "geheim", "config_drive": true, "networks": ["user"]}'
done_with "spawn"
is "$(jq -r '.result | .name + " " + .status' <<< "$out")" "web ACTIVE" "answers what 'server create' does"
lacks "$out$err" geheim "but for the password"
uuid=$(jq -r .result.uuid <<< "$out")
call get_instance_disk_info '{"instance": "web"}'
is "$rc $(jq -r '.result[0].id' <<< "$out")" "0 root" "get_instance_disk_info"
run vl server show web -o json
is "$(jq -cS '[.metadata, .request_properties]' <<< "$out")" '[{"role":"a=b"},{"hw_rng_model":"virtio"}]' "and all of it is on record"
call get_info '{"instance": "web"}'
is "$rc $(jq -r .result.state <<< "$out")" "0 1" "get_info: it runs"
call get_info "{\"instance\": \"$uuid\"}"
is "$rc $(jq -r .result.state <<< "$out")" "0 1" "also by its uuid"
call instance_exists '{"instance": "web"}'
is "$rc $(result)" "0 true" "instance_exists"
call instance_exists '{"instance": "00000000-0000-4000-8000-000000000001"}'
is "$rc $(result)" "0 false" "and one that the hypervisor does not have does not"
call get_info '{"instance": "00000000-0000-4000-8000-000000000001"}'
is "$rc ${said%%:*}" "5 InstanceNotFound" "get_info of that"
call instance_on_disk '{"instance": "web"}'
is "$rc $(result)" "0 true" "instance_on_disk"
call list_instance_uuids '{}'
is "$rc $(result)" "0 [\"$uuid\"]" "list_instance_uuids"
call get_num_instances ''
is "$rc $(result)" "0 1" "get_num_instances, of no arguments at all"
# METHOD ARGUMENTS STATE: what it is done with, and the state that get_info tells then.
while read -r method becomes more; do
  call "$method" "{\"instance\": \"web\"$more}"
  done_with "$method$more"
  call get_info '{"instance": "web"}'
  is "$(jq -r .result.state <<< "$out")" "$becomes" "$method$more: state $becomes"
done << 'END'
pause 3
unpause 1
suspend 7
resume 1
reboot 1
reboot 1 , "reboot_type": "HARD"
reboot 1 , "reboot_type": "SOFT", "timeout": 5
power_off 4 , "timeout": 1
power_on 1
rescue 1 , "rescue_password": "geheim"
unrescue 1
trigger_crash_dump 1
finish_migration 1 , "flavor": "m2"
finish_revert_migration 1
rebuild 1
END
call pause '{"instance": "web"}'
call pause '{"instance": "web"}'
is "$rc ${said%%:*}" "3 InstanceInvalidState" "what its state does not allow is refused as by the command"
call unpause '{"instance": "web"}'
call attach_volume "{\"instance\": \"web\", \"volume\": \"path=$tmp/volume.raw,format=raw\", \"mountpoint\": \"vdb\"}"
is "$rc $said $(jq -r '.result.id // empty' <<< "$out" | sed 's/-.*//')" "0  volume" "attach_volume"
call get_device_name_for_instance "{\"instance\": \"web\", \"volume\": \"path=$tmp/other.raw,format=raw\"}"
is "$rc $said $(result)" '0  "vdc"' "get_device_name_for_instance"
call block_stats '{"instance": "web", "disk_id": "vdb"}'
is "$rc $said $(jq '.result | length' <<< "$out")" "0  5" "block_stats"
call block_stats '{"instance": "web", "disk_id": "vdz"}'
refused 5 "DiskNotFound: the guest of server 'web' has no disk 'vdz'" "of a disk that it has not"
call swap_volume "{\"instance\": \"web\", \"old_volume\": \"vdb\", \"new_volume\": \"path=$tmp/other.raw,format=raw\"}"
done_with "swap_volume"
call extend_volume '{"instance": "web", "volume": "vdb", "size": 1}'
is "$rc $said $(result)" "0  1073741824" "extend_volume"
call detach_volume '{"instance": "web", "volume": "vdb"}'
done_with "detach_volume"
call attach_interface '{"instance": "web", "vif": "user"}'
is "$rc $(jq -r '.result.id' <<< "$out")" "0 nic1" "attach_interface"
call detach_interface '{"instance": "web", "vif": "nic1"}'
done_with "detach_interface"
# Nova's own objects: what a request file has.
vif='{"id": "b6a3d0c4-1111-4222-8333-444444444444", "address": "52:54:00:12:34:56", "network": {"id": "n", "bridge": "br-int", "subnets": [], "meta": {"mtu": 1400}}, "type": "bridge", "vnic_type": "normal", "details": {}, "devname": "tapb6a3d0c4-11", "active": true, "preserve_on_delete": true}'
call attach_interface "{\"instance\": \"web\", \"vif\": $vif}"
is "$rc $said $(jq -r '.result.id' <<< "$out")" "0  nic-b6a3d0c4-1111-4222-8333-444444444444" "attach_interface of Nova's VIF object, which keeps its name"
call attach_interface "{\"instance\": \"web\", \"vif\": $vif}"
has "$rc $said" "3 InvalidRequest: \$.networks[2].id: 'nic-b6a3d0c4-1111-4222-8333-444444444444' is the id of \$.networks[1] too" "but once"
call detach_interface '{"instance": "web", "vif": "52:54:00:12:34:56"}'
done_with "detach_interface by its address"
call attach_interface '{"instance": "web", "vif": {"type": "binding_failed"}}'
is "$rc ${said%%:*}" "3 PortBindingFailed" "a port that no host serves"
call attach_interface '{"instance": "web", "vif": 7}'
refused 3 "InvalidInput: argument 'vif' of 'attach_interface' is not what it must be; accepted: a text or an object" "a number in place of an interface"
item="{\"source_type\": \"volume\", \"destination_type\": \"volume\", \"uuid\": \"A2DD0DE8-0000-4000-8000-000000000001\", \"connection_info\": {\"driver_volume_type\": \"file\", \"data\": {\"device_path\": \"$tmp/volume.raw\", \"format\": \"raw\"}}}"
call get_device_name_for_instance "{\"instance\": \"web\", \"volume\": $item}"
is "$rc $said $(result)" '0  "vdb"' "get_device_name_for_instance of a volume of Cinder's"
call attach_volume "{\"instance\": \"web\", \"volume\": $item}"
is "$rc $said $(jq -r '.result.id' <<< "$out")" "0  volume-a2dd0de8-0000-4000-8000-000000000001" "attach_volume of a volume of Cinder's, which keeps its name"
call attach_volume "{\"instance\": \"web\", \"volume\": $item}"
refused 3 "InvalidVolume: the server has the volume a2dd0de8-0000-4000-8000-000000000001 already" "but once"
call detach_volume '{"instance": "web", "volume": "a2dd0de8-0000-4000-8000-000000000001"}'
done_with "detach_volume by its uuid"
call attach_volume '{"instance": "web", "volume": {"source_type": "volume", "nope": 1}}'
has "$said" "nope" "what is wrong in it is said as of a request file"
run vl --driver fake server add volume web '{"source_type": '
is "$rc $err" "2 error Usage core: volume begins as JSON and is none; accepted: an object as in 'block_devices' of a request file" "half an object"
call snapshot '{"instance": "web", "image": "copy", "properties": {"os_distro": "debian"}}'
is "$rc $said $(jq -r '.result.name' <<< "$out")" "0  copy" "snapshot"
call get_console_output '{"instance": "web", "lines": 1}'
is "$rc $said $(jq -r '.result | type' <<< "$out")" "0  string" "get_console_output"
call get_vnc_console '{"instance": "web"}'
is "$rc $said $(jq -r '.result.type' <<< "$out")" "0  vnc" "get_vnc_console"
call screenshot "{\"instance\": \"web\", \"file\": \"$tmp/web.png\"}"
is "$rc $said $(head -c 4 "$tmp/web.png" | tail -c 3)" "0  PNG" "screenshot"
call get_diagnostics '{"instance": "web"}'
is "$rc $(jq -r '.result | has("memory")' <<< "$out")" "0 true" "get_diagnostics"
call get_instance_diagnostics '{"instance": "web"}'
is "$rc $(jq -r '.result.state' <<< "$out")" "0 running" "get_instance_diagnostics"
call get_available_nodes '{}'
node=$(jq -r '.result[0]' <<< "$out")
call node_is_available "{\"nodename\": \"$node\"}"
is "$rc $(result)" "0 true" "node_is_available"
call is_node_deleted "{\"nodename\": \"$node\"}"
is "$rc $(result)" "0 false" "is_node_deleted"
request='{"name": "next", "flavor": {"name": "m1", "vcpus": 1, "ram": 128, "disk": 1}, "image": {"name": "i", "disk_format": "qcow2", "size": 1048576, "status": "active"}}'
call default_root_device_name "{\"request\": $request}"
is "$rc $said $(result)" '0  "vda"' "default_root_device_name"
call default_device_names_for_instance "{\"request\": $request}"
is "$rc $said $(jq -c '[.result[].target]' <<< "$out")" '0  ["vda"]' "default_device_names_for_instance"
call shut_down '{"instances": ["web"], "timeout": 1}'
done_with "shut_down"
call resume_state_on_host_boot '{"instance": "web"}'
done_with "resume_state_on_host_boot"
call shelve '{"instance": "web", "timeout": 1}'
done_with "shelve"
call unshelve '{"instance": "web"}'
done_with "unshelve"
run vl server event list web -o json
is "$(jq -r '.events[0] | .action + " " + .result' <<< "$out")" "unshelve done" "all of it is in the history"
call destroy '{"instance": "web"}'
done_with "destroy"
call list_instances '{}'
is "$rc $(result)" "0 []" "nothing is left of it"
grep -rqs geheim "$state" && not_ok "no secret is kept" || ok "no secret is kept"

setting fake 'fail = spawn:1'
call spawn '{"instance": "bad", "flavor": "m1", "image": "img"}'
is "$rc $(jq 'has("result")' <<< "$out") $(jq -r '[.findings[] | select(.severity == "error")] | length > 0' <<< "$out")" "1 false true" "a spawn that fails has findings, and no result"
done_testing
