#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# audit: catalogues as they are printed elsewhere, each fault once, the matrix, exit
# codes.
. "${srcdir:-$(dirname "$0")}/tap.sh"

hosts=$top_srcdir/tests/hosts
audit () { run program --config "$config" --state "$state" --driver libvirt-kvm audit "$@"; }
# Of several hosts, by their short names.
three () {
  (cd "$hosts" && audit --flavors "$tmp/f.json" --images "$tmp/i.json" --host kvm-x86_64.json \
    --host amd-sev.json --host aarch64.json "$@"
  echo "$rc" > "$tmp/rc"; echo "$out" > "$tmp/said"; echo "$err" > "$tmp/told")
  rc=$(cat "$tmp/rc") out=$(cat "$tmp/said") err=$(cat "$tmp/told")
}

cat > "$tmp/f.json" << 'EOF'
[{"ID": "1", "Name": "tiny", "RAM": 512, "Disk": 1, "Ephemeral": 0, "VCPUs": 1, "Is Public": true,
  "Swap": "", "RXTX Factor": 1.0, "Properties": ""},
 {"ID": "2", "Name": "small", "RAM": 2048, "Disk": 20, "Ephemeral": 0, "VCPUs": 1, "Is Public": true,
  "Swap": 0, "RXTX Factor": 1.0, "Properties": {}},
 {"ID": "3", "Name": "pci", "RAM": 2048, "Disk": 20, "Ephemeral": 0, "VCPUs": 1, "Is Public": true,
  "Swap": 0, "RXTX Factor": 1.0, "Properties": {"pci_passthrough:alias": "gpu:1"}}]
EOF
cat > "$tmp/i.json" << 'EOF'
{"name": "plain", "disk_format": "qcow2", "min_disk": 0, "min_ram": 0, "size": 1000, "status": "active",
 "properties": "os_distro='debian', os_hidden='False'", "visibility": "public"}
{"name": "q35", "disk_format": "qcow2", "min_disk": 2, "min_ram": 0, "size": 1000, "status": "active",
 "properties": {"hw_machine_type": "q35", "os_hidden": false}}
{"name": "big", "disk_format": "raw", "min_disk": 10, "min_ram": 1024, "size": 1000, "status": "active",
 "properties": {"hw_qemu_guest_agent": "yes"}}
EOF
three
is_rc 3 "a catalogue with faults"
is "$err" "" "nothing beside the answer"
is "$out" "driver libvirt-kvm, 3 flavors, 3 images, 3 hosts: 11 of 27 plans can be made

error NotSupported core: 'pci_passthrough:alias' is not supported: guests are given no PCI devices of the host
  take it out of the flavor
  9 plans:
  flavors pci; images all 3; hosts all 3

error FlavorDiskSmallerThanMinDisk core: the image needs a disk of 2 GiB, the flavor has 1
  take a flavor with a larger disk
  and the like with other numbers
  6 plans:
  flavors tiny; images q35, big; hosts all 3

error InvalidMachineType machine-type: machine type 'q35' is not one of the 8 that this host offers: 'virt' and versioned ones
  the whole list is the host fact 'guest.aarch64.machines'
  3 plans:
  flavors all 3; images q35; hosts aarch64.json

error FlavorMemoryTooSmall core: the image needs 1024 MiB of memory, the flavor has 512
  take a flavor with more memory
  3 plans:
  flavors tiny; images big; hosts all 3

images:
   1  plain
   2  q35
   3  big

flavor  123
tiny    .xx
small   .1.
pci     xxx

.: can be made on every host  x: refused on every host  1-9: on so many" "each fault once, then the matrix"
three -o json
is "$(jq -c '[.driver, .hosts, .plans, .refused]' <<< "$out")" \
  '["libvirt-kvm",["kvm-x86_64.json","amd-sev.json","aarch64.json"],27,16]' "-o json: numbers"
is "$(jq -c '.faults[] | [.severity, .code, .plans, .other_numbers, (.where[] | [.flavors, .images, .hosts])]' <<< "$out" | tail -2)" \
  '["error","InvalidMachineType",3,false,[["tiny","small","pci"],["q35"],["aarch64.json"]]]
["error","FlavorMemoryTooSmall",3,false,[["tiny"],["big"],["kvm-x86_64.json","amd-sev.json","aarch64.json"]]]' "faults"
is "$(jq -c '[.matrix[] | .refused]' <<< "$out")" '[0,3,3,0,1,0,3,3,3]' "matrix"
# Every plan of a fault is in exactly one block.
is "$(jq '[.faults[] | .plans == ([.where[] | (.flavors | length) * (.images | length) * (.hosts | length)] | add)] | all' <<< "$out")" true \
  "blocks have every plan once"
first=$out
three -o json
is "$out" "$first" "and it is the same the next time, whichever thread was first"

# ---- the other forms ----

audit --flavors "$tmp/f.json" --images "$tmp/i.json" --host "$hosts/kvm-x86_64.json"
has "$out" ".: can be made  x: refused" "one host needs no numbers"
jq '{flavors: [.[] | {name: .Name, ram: .RAM, vcpus: .VCPUs, disk: .Disk, swap: .Swap,
  "OS-FLV-EXT-DATA:ephemeral": .Ephemeral, extra_specs: (if .Name == "pci" then .Properties else {} end)}]}' "$tmp/f.json" > "$tmp/f-api.json"
jq -s '{images: [.[] | del (.properties) + (if .name == "q35" then {hw_machine_type: "q35"} elif .name == "big" then {hw_qemu_guest_agent: "yes"} else {os_distro: "x"} end)]}' \
  "$tmp/i.json" > "$tmp/i-api.json"
mv "$tmp/f.json" "$tmp/f-cli.json"; mv "$tmp/i.json" "$tmp/i-cli.json"
cp "$tmp/f-api.json" "$tmp/f.json"; cp "$tmp/i-api.json" "$tmp/i.json"
three -o json
is "$out" "$first" "what the API answers comes to the same"
jq -c '.[]' "$tmp/f-cli.json" > "$tmp/f.json"
three -o json
is "$out" "$first" "so do objects one after another"

vl flavor create own --vcpus 1 --ram 512 --disk 1 --property hw:watchdog_action=reset > /dev/null
vl flavor list -o json > "$tmp/f.json"
jq -n '[{ID: "x", Name: "listed", "Disk Format": "qcow2", "Container Format": "bare", Size: 5, Status: "active"}]' > "$tmp/i.json"
audit --flavors "$tmp/f.json" --images "$tmp/i.json" --host "$hosts/kvm-x86_64.json" -o json
is "$rc $(jq -c '[.matrix[] | [.flavor, .image, .refused]]' <<< "$out")" '0 [["own","listed",0]]' "virtloom's own list, and an image list"
is "$(jq -c '[.findings[] | [.severity, .code, .message, .hint]]' <<< "$out")" \
  '[["warning","NoProperties","some images have no member for properties: what they ask of a host is not known","`openstack image show -f json` has them, `openstack image list` has not"]]' \
  "what has no properties is told"
audit --flavors "$tmp/f.json" --flavors "$tmp/f-cli.json" --images "$tmp/i.json" --host "$hosts/kvm-x86_64.json" -o json
is "$(jq -c '[.matrix[].flavor]' <<< "$out")" '["own","tiny","small","pci"]' "several files"

# ---- mistakes ----

# refused CODE FLAVORS IMAGES EXPECTED WHAT
refused () {
  printf '%s' "$2" > "$tmp/f.json"
  printf '%s' "$3" > "$tmp/i.json"
  audit --flavors "$tmp/f.json" --images "$tmp/i.json" --host "$hosts/kvm-x86_64.json"
  is "$rc ${err//$tmp\//}" "$1 $4" "$5"
}
flavor='{"name": "f", "vcpus": 1, "ram": 512}' image='{"name": "i", "properties": {}}'
refused 3 '{"name": "f", "ram": 512, "properties": {}}' "$image" \
  "error Invalid core: f.json, flavor 'f': has no vcpus or no ram; \`openstack flavor list --long -f json\` has both" "a flavor without vCPUs"
refused 3 '{"name": "f", "vcpus": "two", "ram": 512, "properties": {}}' "$image" \
  "error Invalid core: f.json, flavor 'f': vcpus is no whole number
error Invalid core: f.json, flavor 'f': has no vcpus or no ram; \`openstack flavor list --long -f json\` has both" "a text that is no number"
refused 3 '{"name": "f", "vcpus": 1, "ram": 512, "properties": "a=b"}' "$image" \
  "error Invalid core: f.json, flavor 'f': its properties are neither an object nor KEY='VALUE', ..." "properties of no form"
echo '[{}]' > "$tmp/nameless"
echo "$flavor" > "$tmp/one"
audit --flavors "$tmp/one" --images "$tmp/nameless"
has "$rc $err" "3 error Invalid core: $tmp/nameless, image '1': has neither name nor id" "an image without a name"
refused 3 '[1]' "$image" "error Invalid core: f.json, flavor '1': is no JSON object" "a list of numbers"
refused 3 '[]' "$image" "error Invalid core: 'f.json' lists no flavors" "an empty list"
audit --flavors "$tmp/one" --images "$tmp/i.json" --host amd-sev --host kvm-x86_64 --host amd-sev
has "$rc $err" "2 warning NoProperties" "a host that is given twice"
has "$err" "error Usage core: --host 'amd-sev' is given twice
  give each host once" "is refused"
refused 3 "$flavor" '{"name"' "error Invalid core: 'i.json' is not JSON: ':' expected near end of file (byte 7)
warning NoProperties core: some flavors have no member for properties: what they ask of a host is not known
  \`openstack flavor list --long -f json\` has them" "no JSON"
audit --flavors "$tmp/f.json"
is "$rc $err" "2 error Usage core: 'audit' needs --flavors FILE and --images FILE
  \`openstack flavor list --long -f json > F.json\` and \`for i in \$(openstack image list -f value -c ID); do openstack image show -f json \$i; done > I.json\` make them" "both are needed"
printf '%s' "$image" > "$tmp/i.json"
printf '%s' '{"name": "f", "vcpus": 1, "ram": 512, "properties": {}}' > "$tmp/f.json"
audit --flavors "$tmp/f.json" --images "$tmp/i.json" --host "$hosts/kvm-x86_64.json"
is "$(head -n 1 <<< "$out")" "driver libvirt-kvm, 1 flavor, 1 image, 1 host: 1 of 1 plan can be made" "one of each"
audit --flavors "$tmp/f-cli.json" --images "$tmp/i.json" --host "$tmp/none.json"
is_rc 5 "a host that is not there"

done_testing
