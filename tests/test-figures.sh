#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Figures of a host and of guests, and where consoles are, by the driver fake.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs jq jq
needs python3 python3
f () { vl --driver fake -q "$@"; }
# figure EXPRESSION: of the JSON in $out.
figure () { jq -r "$1" <<< "$out"; }

run f host usage -o json
is_rc 0 "host usage before there is any server"
is_eq "$(figure '[.running_vms, .vcpus_used, .memory_mb_used] | map (tostring) | join (" ")')" "0 0 0" "nothing is taken"

truncate -s 1M "$tmp/i.raw"
f image create i --file "$tmp/i.raw" --disk-format raw > /dev/null
f flavor create f --vcpus 3 --ram 64 --disk 2 > /dev/null
for name in one two three; do
  run f server create $name --flavor f --image i
  is_rc 0 "create $name"
done
run f server stop three
run f host usage -o json
is_rc 0 "host usage"
is_eq "$(figure '[.running_vms, .vcpus_used, .memory_mb_used] | map (tostring) | join (" ")')" "2 6 128" "guests that run are counted, and no others"
is_eq "$(figure '[.hypervisor_type, .vcpus, .memory_mb] | map (tostring) | join (" ")')" "fake 32 65536" "the host is the recorded one"
is_eq "$(figure '.hypervisor_hostname')" "$(uname -n)" "under this machine's name"
is_eq "$(figure '.cpu_info | [.arch, .vendor, .topology.cells, .topology.cores] | map (tostring) | join (" ")')" "x86_64 Intel 2 8" "with its CPU"
is_eq "$(figure '[.numa_topology[] | [.id, .cpuset, .memory, .mempages[0].size_kb] | map (tostring) | join (" ")] | join (",")')" \
  "0 0-7,16-23 32768 4,1 8-15,24-31 32768 4" "its NUMA cells"
is_eq "$(figure '[.supported_instances[] | join (" ")] | contains (["x86_64 kvm hvm"])')" true "the guests that it can have"
for trait in COMPUTE_NODE COMPUTE_NET_ATTACH_INTERFACE COMPUTE_STORAGE_BUS_VIRTIO COMPUTE_SECURITY_TPM_2_0 COMPUTE_GRAPHICS_MODEL_VGA; do
  is_eq "$(figure ".traits | map (select (. == \"$trait\")) | length")" 1 "trait $trait, once"
done
# Two GiB each of three servers, as good as nothing of which is taken: what is left is less than what is free.
least=$(figure '.disk_available_least') free=$(figure '.local_gb - .local_gb_used')
true_that "disks that may grow are counted ($least of $free)" test "$least" -le $((free - 5)) -a "$least" -ge $((free - 8))
true_that "the uptime is the kernel's" test "$(figure .uptime)" -le "$(cut -d. -f1 /proc/uptime)"
is_eq "$(figure '.cpu_stats | keys | join (" ")')" "frequency idle iowait kernel user" "what its processors did"
run f host usage
has "$out" "VCPUs used                               6" "as a table"
run f host usage -c vcpus,vcpus_used -o value
is_eq "$out" $'32\n6' "as values"

# ---- volumes ----

truncate -s 1M "$tmp/data.raw" "$tmp/more.raw"
run f host usage --volumes -o json
is_eq "$rc $(figure '.volumes | length')" "0 0" "before there are volumes"
f server add volume one "path=$tmp/data.raw,format=raw" > "$tmp/id"
f server add volume three "path=$tmp/more.raw,format=raw" > /dev/null
run f host usage --volumes -o json
is_eq "$rc $(figure '.volumes[] | [.server, .id, .target, .source, .read_bytes, .write_requests] | map (tostring) | join (" ")')" \
  "0 one $(cat "$tmp/id") vdb $tmp/data.raw 0 0" "what guests did to volumes, and not of one that is off"
run f host usage --volumes -o value -c server,target,read_requests
is_eq "$rc $out" "0 one	vdb	0" "as values"
setting fake 'fail = get_instance_diagnostics'
run f host usage --volumes
is_eq "$rc $err" "1 error PlannedFailure fake: method 'get_instance_diagnostics' fails as planned by setting 'fail'" "where the driver does not say"
setting fake
f server remove volume one vdb
f server remove volume three vdb

run f server show one --diagnostics -o json
is_rc 0 "diagnostics"
is_eq "$(figure '.diagnostics | [.state, .memory_details.maximum, (.cpu_details | length), .disk_details[0].target] | map (tostring) | join (" ")')" \
  "running 65536 3 vda" "state, memory, processors, disks"
is_eq "$(figure '.diagnostics.flat | [.cpu2_time, .vda_read_req, .vda_write, .memory] | map (tostring) | join (" ")')" "0 0 0 65536" "and under the older names"
run f server show one --diagnostics
is_eq "$(sed -n 's/^cpu0_time  *//p' <<< "$out") $(awk '{ print length ($0) - length ($2) }' <<< "$out" | sort -u | wc -l)" "0 1" "as lines, in two columns"
run f server show one --diagnostics -c memory
is_eq "$rc $err" "2 error Usage core: --column and --diagnostics exclude each other: each guest has figures of its own" "columns are of what is on record"
run f server pause one
run f server show one --diagnostics -o json
is_eq "$rc $(figure .diagnostics.state)" "0 paused" "of a guest that is paused"
run f server show three --diagnostics
is_eq "$rc $err" "3 error InstanceInvalidState core: server \"three\" is SHUTOFF; show --diagnostics is for servers that are ACTIVE, PAUSED, RESCUE, VERIFY_RESIZE, ERROR
  virtloom server start three" "one that is off has none"
run f server show none --diagnostics
is_rc 5 "nor one that is not there"

folder=$(f server show two -o json | jq -r .run_dir)
run f server url two
is_eq "$rc $out" "0 Type     vnc
Address  unix:$folder/vnc" "url"
for name in novnc vnc; do
  run f server url two --type $name -c socket -o value
  is_eq "$rc $out" "0 $folder/vnc" "url --type $name"
done
guest=$(f server show two -o json | jq -r .uuid)
for name in spice spice-html5 serial; do
  run f server url two --type $name
  is_eq "$rc $err" "4 error ConsoleTypeUnavailable fake: guest '$guest' has no console of type ${name%-html5}
  virtloom server show $guest has its displays and its console" "url --type $name of a guest without one"
done
for name in rdp rdp-html5 webmks xvpvnc; do
  run f server url two --type $name
  is_eq "$rc $err" "4 error ConsoleTypeUnavailable core: no guest here has a console of type $name
  accepted: vnc, spice, serial" "url --type $name"
done
run f server url two --type vhs
is_eq "$rc $err" "2 error ConsoleTypeInvalid core: there is no console of type 'vhs'; accepted: vnc, spice, serial" "url --type vhs"
run f server url three
is_eq "$rc $err" "3 error InstanceInvalidState core: server \"three\" is SHUTOFF; console is for servers that are ACTIVE, PAUSED, RESCUE, VERIFY_RESIZE, ERROR
  virtloom server start three" "url of a guest that is off"

setting serial-console 'serial_console_enabled = yes'
setting graphics 'spice_enabled = yes' 'vnc_enabled = no'
run f server create four --flavor f --image i
run f server url four --type serial -o json
is_eq "$(figure '[.address, .port, .host] | map (tostring) | join (" ")')" "127.0.0.1:10000 10000 127.0.0.1" "a serial console by TCP"
run f server url four --type spice -c socket -o value
is_eq "$rc $out" "0 $(f server show four -o json | jq -r .run_dir)/spice" "a SPICE display"
setting serial-console 'serial_console_socket = yes'
setting graphics 'vnc_server_listen = ::1'
run f server create five --flavor f --image i
run f server url five --type serial -c address -o value
is_eq "$rc $out" "0 unix:$(f server show five -o json | jq -r .run_dir)/serial0" "a serial console by a socket"
run f server console five --attach
is_rc 8 "which nobody listens at"
has "$err" "error ConsoleNotAvailable core: the serial console of server \"five\" cannot be reached at unix:$(f server show five -o json | jq -r .run_dir)/serial0: No such file or directory" "is told"
run f server url five
is_rc 4 "a display whose port the hypervisor would have chosen is none here"
run f server console two --attach
is_eq "$rc $err" "4 error ConsoleTypeUnavailable fake: guest '$guest' has no console of type serial
  virtloom server show $guest has its displays and its console" "a guest that has no serial console"

# ---- what is to be seen ----

setting graphics
png () { python3 "$top_srcdir/tests/png.py" "$1"; }
cd "$tmp" || exit 99
run f server create six --flavor f --image i
run f server screenshot six --file six.png
is_eq "$rc $out$err $(stat -c %a six.png) $(png six.png)" "0 the display of \"six\" is in \"six.png\" 600 64 48 8" "a picture in a file that is the caller's alone"
run f server screenshot six --file loud.png
true_that "the same as before" cmp six.png loud.png
f server screenshot six > stdout.png
true_that "the same on stdout" cmp six.png stdout.png
f server screenshot six --file - > dash.png
true_that "and with -" cmp six.png dash.png
run f server screenshot six -o json
is_eq "$rc $(jq -r '.findings[].message' <<< "$out")" "2 the bytes of a picture go neither to a terminal nor into JSON" "not into JSON"
run f server screenshot six --file json.png -o json
is_eq "$rc $(figure .done)" "0 the display of \"six\" is in \"json.png\"" "but of a file JSON tells"
before=$(stat -c %Y%i%s six.png)
run f server screenshot six --file six.png
is_eq "$rc $err" "3 error FileExists core: \"six.png\" is there already, and nothing is written over it
  give a name that is free" "nothing is written over"
is_eq "$(stat -c %Y%i%s six.png)" "$before" "the file that is there"
ln -s nowhere link.png
run f server screenshot six --file link.png
is_rc 3 "nor through a link"
true_that "that leads nowhere" test ! -e nowhere
run f server screenshot six --file none/six.png
is_eq "$rc $err" "1 error StorageFailed core: cannot make \"none/six.png\": No such file or directory" "a folder that is not there"
run f server pause six
run f server screenshot six --file paused.png
is_rc 0 "a picture of one that is paused"
run f server stop six
run f server screenshot six --file off.png
is_eq "$rc $err" "3 error InstanceInvalidState core: server \"six\" is SHUTOFF; screenshot is for servers that are ACTIVE, PAUSED, RESCUE, VERIFY_RESIZE, ERROR
  virtloom server start six" "one that is off has none"
setting fake 'fail = screenshot'
run f server start six
run f server screenshot six --file failed.png
is_rc 1 "one that fails"
setting fake
setting graphics 'vnc_enabled = no'
run f server create seven --flavor f --image i
run f server screenshot seven --file seven.png
is_eq "$rc $err" "4 error ConsoleTypeUnavailable fake: guest '$(f server show seven -o json | jq -r .uuid)' has no display to take a picture of" "nor one without a display"
is_eq "$(find . -name off.png -o -name failed.png -o -name seven.png)" "" "of which no file is left"

setting graphics
setting fake 'fail = get_host_cpu_stats, get_instance_diagnostics, get_vnc_console'
run f host usage
is_rc 0 "what is known is shown beside what is not"
has "$err" "warning PlannedFailure fake: " "which is told"
run f server show two --diagnostics
is_rc 1 "diagnostics that fail"
run f server url two
is_rc 1 "a console that fails"
setting fake 'fail = get_available_resource'
run f host usage
is_rc 0 "without what is taken"
has "$out" "VCPUs used                               -" "that is not known"
setting fake
done_testing
