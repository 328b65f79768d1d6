#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Every module of a feature in this tree passes `plugin check`, each with a request in which it is
# active where its own keys are not enough.
. "${srcdir:-$(dirname "$0")}/tap.sh"
[ -z "${VL_SANITIZE:-}" ] || skip_all "the sanitizers have handlers of their own"
[ -e "$top_builddir/core/.libs/libvirtloom.so" ] || skip_all "modules need a shared library"
command -v jq > /dev/null || bail "jq is missing (Debian: jq)"

mkdir -p "$tmp/asks" "$tmp/said" "$tmp/hosts" "$tmp/settings/lvm/plugins.d"
# asks NAME MEMBERS: what the request of NAME has besides.
asks () {
  jq -n --argjson more "$2" '{name: "check", flavor: {name: "check", vcpus: 2, ram: 1024, disk: 1},
    image: {name: "check", disk_format: "qcow2"}} * $more' > "$tmp/asks/$1.json"
}
flavor () { asks "$1" "{\"flavor\": {\"extra_specs\": $2}}"; }
image () { asks "$1" "{\"image\": {\"properties\": $2}}"; }
nic () { asks "$1" "{\"networks\": [$2]}"; }
volume () { # NAME TYPE DATA
  asks "$1" "{\"block_devices\": [{\"source_type\": \"image\", \"destination_type\": \"local\", \"boot_index\": 0},
    {\"source_type\": \"volume\", \"destination_type\": \"volume\", \"boot_index\": -1, \"uuid\": \"11111111-2222-4333-8444-555555555555\",
     \"connection_info\": {\"driver_volume_type\": \"$2\", \"data\": $3}}]}"
}
image hypervisor-version '{"img_hv_requested_version": ">=1.0"}'
flavor locked-memory '{"hw:mem_page_size": "small", "hw:locked_memory": "true"}'
flavor memory-pages '{"hw:mem_page_size": "small"}'
asks kernel-boot '{"image": {"kernel": "vmlinuz-1"}}'
image pcie-ports '{"hw_machine_type": "q35"}'
asks viommu '{"image": {"properties": {"hw_machine_type": "q35"}}, "flavor": {"extra_specs": {"hw:viommu_model": "intel"}}}'
flavor realtime '{"hw:cpu_policy": "dedicated", "hw:cpu_realtime": "yes", "hw:cpu_realtime_mask": "^0"}'
image sev '{"hw_machine_type": "q35", "hw_firmware_type": "uefi", "hw_mem_encryption": "true"}'
nic vhost-net '{"bridge": "br0"}'
nic bridge '{"bridge": "br0"}'
nic libvirt-network '{"type": "network", "details": {"network": "default"}}'
nic macvtap '{"type": "macvtap", "details": {"macvtap_source": "eth0"}}'
nic tap '{"type": "tap", "details": {"dev": "tap-blue"}}'
nic ovs '{"type": "ovs", "bridge": "br-int"}'
nic vhostuser '{"type": "vhostuser", "details": {"vhostuser_socket": "/run/vhostuser/web", "vhostuser_mode": "client"}}'
volume block fibre_channel '{"device_path": "/dev/v"}'
volume file file '{"device_path": "@volume@"}'
volume iscsi iscsi '{"target_portal": "127.0.0.1:1", "target_iqn": "iqn.2026-11.org.example:t1", "target_lun": 1}'
volume nbd nbd '{"server": "127.0.0.1:1"}'
volume vhostuser-blk vhostuser '{"socket": "/run/vhostuser-blk/one"}'
asks rbd '{"disk_kind": "rbd"}'
asks flat '{"disk_kind": "flat"}'
asks lvm '{"disk_kind": "lvm"}'
printf '[settings]\nimages_volume_group = vg\n' > "$tmp/settings/lvm/plugins.d/lvm.conf"
chmod -R go-w "$tmp/settings"
echo amd-sev > "$tmp/hosts/sev"
echo kvm-x86_64 > "$tmp/hosts/vhost-net"

check_one () {
  local name request='' host='' settings=''
  name=$(basename "$1" .so)
  [ ! -e "$tmp/asks/$name.json" ] || request=$tmp/asks/$name.json
  [ ! -e "$tmp/hosts/$name" ] || host=$(cat "$tmp/hosts/$name")
  [ ! -e "$tmp/settings/$name" ] || settings=$tmp/settings/$name
  "$VL_RUN" virtloom ${settings:+--config "$settings"} --state "$tmp/state-$name" ${host:+--host "$host"} --driver fake plugin check --timeout 600 \
    ${request:+--request "$request"} "$1" > "$tmp/said/$name" 2>&1
  echo $? > "$tmp/said/$name.rc"
}
export -f check_one
export VL_RUN tmp
list=("$top_builddir"/{features,storage,networks}/.libs/*.so)
true_that "there are many" [ "${#list[@]}" -ge 60 ]
# Each waits for another second.
printf '%s\0' "${list[@]}" | xargs -0 -n 1 -P "$((2 * $(nproc)))" bash -c 'check_one "$1" < /dev/null' check
for module in "${list[@]}"; do
  name=$(basename "$module" .so)
  is_eq "$(cat "$tmp/said/$name.rc") $(grep -A 4 '^not ok' "$tmp/said/$name")" "0 " "$name conforms"
done
# Of the drivers the one that needs nothing.
run "$VL_RUN" virtloom --state "$tmp/state-fake" plugin check --timeout 600 "$top_builddir/drivers/fake/.libs/fake.so"
is_rc 0 "the driver fake conforms"
has "$out" 'spawn refuses a guest of which the hypervisor lost something' "with what it says of itself"
done_testing
