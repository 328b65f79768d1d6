#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# plan and explain: forms, a plan for a recorded host, all problems in one run, a
# request from stdin, and that a plan and a server are the same bytes.
. "${srcdir:-$(dirname "$0")}/tap.sh"

hosts=$top_srcdir/tests/hosts
plan () { vl --driver libvirt-kvm --host "$hosts/kvm-x86_64.json" plan "$@"; }

cat > "$tmp/request.json" << 'EOF'
{ "name": "web1",
  "flavor": { "name": "m1", "vcpus": 2, "ram": 512, "disk": 1,
              "extra_specs": { "hw:watchdog_action": "reset" } },
  "image": { "name": "debian", "disk_format": "qcow2",
             "properties": { "hw_machine_type": "q35" } },
  "networks": [ { "type": "bridge", "bridge": "br0" } ] }
EOF

# ---- plan ----

run plan --request "$tmp/request.json"
is_rc 0 "plan --request"
has "$out" "<watchdog action='reset' model='i6300esb'/>" "the domain has what was asked for"
has "$out" "machine='q35'" "and its machine"
has "$out" "<source bridge='br0'/>" "and its network"
xml=$out
run plan --request - < "$tmp/request.json"
is "$out" "$xml" "a request from stdin gives the same bytes"

# In Turkish the capital of i is another letter.
if localedef -i tr_TR -f UTF-8 "$tmp/tr_TR.UTF-8" > "$tmp/localedef" 2>&1; then
  sed 's/"q35" }/"q35", "hw_vif_model": "VIRTIO" }/' "$tmp/request.json" > "$tmp/upper.json"
  run plan --request "$tmp/upper.json"
  is_rc 0 "values in capitals"
  upper=$out
  export LOCPATH=$tmp LC_ALL=tr_TR.UTF-8
  is "$(printf 'i' | sed 's/./\U&/')" İ "the locale is Turkish"
  run plan --request "$tmp/upper.json"
  unset LOCPATH LC_ALL
  is "$out" "$upper" "are the same plan in Turkish"
else
  skip "no Turkish locale can be made here"
fi

run plan --request "$tmp/request.json" -o json
is_rc 0 "plan -o json"
for member in xml findings provenance claims active; do
  has "$out" "\"$member\":" "the JSON has $member"
done
has "$out" '"path": "/domain/devices/watchdog[1]/@action"' "provenance of an attribute"
has "$out" '"feature": "watchdog"' "the active features"
run plan --request "$tmp/request.json" --timing
has "$out" "contribute  watchdog" "--timing has phases and plugins"
lacks "$out" "<domain" "and no document"
true_that "a plan leaves nothing in STATE" test ! -e "$state"

for driver in libvirt-kvm qemu-tcg fake; do
  run vl --driver "$driver" --host "$hosts/kvm-x86_64.json" plan --request "$tmp/request.json"
  is_rc 0 "a plan for driver $driver needs no hypervisor"
done
run vl --driver libvirt-kvm --host "$hosts/aarch64.json" plan --request - \
  <<< '{"flavor": {"name": "m", "vcpus": 1, "ram": 512}, "image": {"name": "i", "disk_format": "qcow2"}}'
has "$out" "arch='aarch64'" "a plan for another kind of host"

# ---- all problems in one run ----

cat > "$tmp/wrong.json" << 'EOF'
{ "flavor": { "name": "m1", "vcpus": 2, "ram": 512, "disk": 1,
              "extra_specs": { "hw:watchdog_action": "explode", "hw:watchdog_acton": "reset",
                               "hw_rng:rate_bytes": "many", "hw_rng:rate_period": "1" } },
  "image": { "name": "debian", "disk_format": "qcow2",
             "properties": { "hw_machine_type": "q36" } } }
EOF
run plan --request "$tmp/wrong.json"
is_rc 3 "a request with mistakes"
is "$out" "" "makes no document"
has "$err" "(hw:watchdog_action=explode, flavor)" "the first is told with key, value and layer"
has "$err" "hw:watchdog_acton" "the second"
has "$err" "did you mean" "with the nearest spelling"
has "$err" "hw_rng:rate_bytes=many" "the third"
has "$err" "q36" "the fourth"
run plan --request "$tmp/wrong.json" -o json
is_rc 3 "the same with -o json"
has "$out" '"xml": null' "there is no document"
has "$out" '"property": "watchdog.action"' "a finding names its property"
is "$err" "" "nothing on stderr"

echo '{"flavor": ' > "$tmp/cut.json"
run plan --request "$tmp/cut.json"
is_rc 3 "a request that is cut off"
has "$err" "$tmp/cut.json" "the finding names the file"
run plan --request "$tmp/none.json"
is_rc 5 "a request file that is not there"
is "$err" "error NotFound core: --request '$tmp/none.json' cannot be read: No such file or directory; accepted: a file" "said once"

# ---- explain ----

explain () { vl --driver libvirt-kvm --host "$hosts/kvm-x86_64.json" explain "$@"; }
run explain --request "$tmp/request.json"
is_rc 0 "explain"
has "$out" "/domain/devices/watchdog[1]/@action = reset  <- watchdog, hw:watchdog_action=reset (flavor)" \
  "an attribute: path, value, owner, cause"
has "$out" "
/domain/devices/watchdog[1]  <- watchdog, hw:watchdog_action=reset (flavor)
" "an element has no value"
lacks "$out" "
    " "without -v there is no chain"
lacks "$(grep -v '  <- ' <<< "$out")" "/" "each line has an owner"
run explain -v --request "$tmp/request.json"
has "$out" "
    " "with -v there is"
lacks "$err" "debug" "-v is not debug text here"
run explain --request "$tmp/wrong.json"
is_rc 3 "explaining a request with mistakes"
is "$out" "" "explains nothing"

# ---- stored flavor and image; a plan and the server it becomes ----

run vl flavor create m1 --vcpus 1 --ram 256 --disk 1 --property hw:watchdog_action=pause
command -v qemu-img > /dev/null || { skip "qemu-img is missing (Debian: qemu-utils)"; done_testing; }
qemu-img create -q -f qcow2 "$tmp/disk.qcow2" 10M
run vl image create debian --file "$tmp/disk.qcow2" --disk-format qcow2
is_rc 0 "image create"
run vl --driver fake plan --flavor m1 --image debian --network user --property hw_watchdog_action=none
is_rc 0 "plan --flavor --image"
has "$out" "<watchdog action='none'" "a property of the request is above the flavor's"
run vl --driver fake server create web1 --flavor m1 --image debian --dry-run
is_rc 0 "server create --dry-run"
has "$out" "<watchdog action='pause'" "shows the domain"
run vl --driver fake server list -o json
lacks "$out" "web1" "and makes none"
run vl --driver fake server create web1 --flavor m1 --image debian --wait
is_rc 0 "server create --wait"
has "$out" "ACTIVE" "the guest runs"
run vl --driver fake server show web1 -o json
stored=$(sed -n 's/^ *"xml": "\(.*\)",$/\1/p' <<< "$out")
true_that "server show -o json has the domain" test -n "$stored"
uuid=$(value uuid)
run vl --driver fake explain web1
is_rc 0 "explain SERVER"
has "$out" "/domain/uuid = $uuid  <- core" "is about that server"
run vl --driver fake explain nope
is_rc 5 "a server that is not there"

# ---- facts that cannot be ----

pages='{"name":"p","flavor":{"name":"f","vcpus":1,"ram":512,"disk":1,"extra_specs":{"hw:mem_page_size":"small"}},
  "image":{"name":"i","disk_format":"qcow2"}}'
for wrong in '0' '"2M"'; do
  sed -E "s/\"host.page-sizes\": \[4,/\"host.page-sizes\": [$wrong,/" "$hosts/kvm-x86_64.json" > "$tmp/wrong.json"
  run vl --driver fake --host "$tmp/wrong.json" plan --request - <<< "$pages"
  is_rc 3 "a page size of $wrong"
  has "$err" "error InvalidHostFile numa: fact host.page-sizes of the host is '${wrong//\"/}'; accepted: a whole number of at \
least 1" "is refused in words"
done

# ---- keys ----

nothing="advice Advice core: no plugin answers for these properties of the image, which have no effect: a note, owner_of (image)"
cat > "$tmp/keys.json" << 'EOF2'
{ "flavor": { "vcpus": 1, "ram": 512, "extra_specs": { "aggregate_instance_extra_specs:ssd": "true" } },
  "image": { "disk_format": "qcow2",
             "properties": { "a note": "1", "owner_of": "2", "os_purpose": "generic", "architecture": "x86_64" } } }
EOF2
run plan --request "$tmp/keys.json"
is_rc 0 "properties that are for catalogues"
is "$err" "" "are passed over"
run plan -v --request "$tmp/keys.json"
has "$err" "$nothing" "with -v those that nobody knows are told"
sed -i 's/"aggregate_[a-z_]*:ssd": "true"/"accel:device_profile": "fpga"/' "$tmp/keys.json"
run plan --request "$tmp/keys.json"
is_rc 4 "a key that Nova knows"
is "$err" "error NotSupported core: 'accel:device_profile' is not supported: guests are given no accelerators \
(accel:device_profile=fpga, flavor)
  take it out of the flavor" "is refused as one"
mkdir -p "$tmp/more"
printf '[virtloom]\nignored_extra_specs += accel:*\ntraits = CUSTOM_GOLD\n' > "$tmp/more/virtloom.conf"
chmod go-w "$tmp/more" "$tmp/more/virtloom.conf"
run vl --config "$tmp/more" --driver libvirt-kvm --host "$hosts/kvm-x86_64.json" plan --request "$tmp/keys.json"
is_rc 0 "but where the operator has it passed over"
sed -i 's/"accel:device_profile": "fpga"/"trait:CUSTOM_GOLD": "required"/' "$tmp/keys.json"
run plan --request "$tmp/keys.json"
is_rc 4 "a trait that the host has not"
run vl --config "$tmp/more" --driver libvirt-kvm --host "$hosts/kvm-x86_64.json" plan --request "$tmp/keys.json"
is_rc 0 "and that the operator says it has"

for what in 'flavor create twice' "plan --flavor m1"; do
  run vl --driver fake $what --property hw:boot_menu=yes --property hw:boot_menu=no
  is_rc 2 "$what: a property twice"
  has "$err" 'the property key "hw:boot_menu" is given twice' "is refused"
done

done_testing
