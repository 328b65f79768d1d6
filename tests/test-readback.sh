#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Hypervisors drop what they do not know without a word.  Here libvirt forgets one
# node of the document at a time, or is told another value for it: no such guest
# is kept, the finding names what is missing and whose it was, nothing is left.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
# Some of the guests have their memory locked.
ulimit -l unlimited 2> /dev/null || skip_all "the limit of locked memory cannot be raised"
shim=$top_builddir/tests/shim/.libs/drop-node.so
program=$top_builddir/tests/.libs/drop-nodes
[ -x "$program" ] || program=$top_builddir/tests/drop-nodes
[ -e "$shim" ] || skip_all "a build without shared libraries has nothing to preload"

# What libvirt fills in with the same when it is not there.
cat > "$tmp/same" <<'END'
/domain/clock	the default is utc
/domain/clock/@offset	the default is utc
/domain/uuid	taken from sysinfo's uuid
/domain/uuid/text()	the same
/domain/cpu/@match	host-model has none
/domain/cpu/@mode	custom where there is a model
/domain/cpu/feature[name=aes]/@policy	the default is require
/domain/cpu/numa/cell[id=0]/@cpus	one cell has all
/domain/cpu/numa/cell[id=0]/@id	the first free one
/domain/devices/controller[index=0,type=scsi]/@index	the first free one
/domain/devices/controller[index=0,type=usb]/@index	the first free one
/domain/devices/controller[index=0,type=usb]	the machine's own
/domain/devices/controller[index=N,type=pci]	libvirt makes as many as it needs and more
/domain/devices/controller[index=N,type=pci]/@index	the first free one
/domain/devices/disk[1]/address/@unit	the default is 0
/domain/devices/disk[N]/address	follows from the name in target
/domain/devices/disk[N]/address/@controller	the default is 0
/domain/devices/disk[N]/@device	the default is disk
/domain/devices/disk[N]/@type	the default is file
/domain/devices/disk[N]/driver/@name	the only one there is
/domain/devices/disk[N]/target/@bus	follows from the name
/domain/devices/emulator	the host's own
/domain/devices/emulator/text()	the same
/domain/devices/graphics[1]/@autoport	a display without a port has it
/domain/devices/input[1]/@bus	the default of a tablet is usb
/domain/devices/serial[1]/@type	the default is pty
/domain/features/vmcoreinfo/@state	the default is on
/domain/memory	the sum of the cells
/domain/memory/text()	the sum of the cells
/domain/memory/@unit	the default is KiB
/domain/numatune/memnode[cellid=0]/@mode	the default is strict
/domain/numatune/memory/@mode	the default is strict
/domain/os/boot[1]	the default is hd
/domain/os/type/@arch	the host's own
/domain/os/type/@machine	the default is pc
END
# Other values that make no difference.
cat > "$tmp/same-changed" <<'END'
/domain/cpu/@match = minimum	host-model has none
/domain/devices/controller[index=0,type=usb]/@index = 1	then the machine adds number 0
/domain/devices/controller[index=N,type=pci]/@index = 5	then libvirt adds number 4
/domain/memory/text() = 65537	the sum of the cells
END

# forget HOW FLAVOR FEATURE...: a line for each node in $tmp/HOW-FLAVOR.  Each
# FEATURE has to have a node that is missed.
forget () {
  local how=$1 flavor=$2 file=$tmp/$1-$2 same=$tmp/same feature
  shift 2
  [ "$how" = drop ] || same=$tmp/same-changed
  LD_LIBRARY_PATH=$top_builddir/core/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} \
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 \
    VL_TEST_DROPPED=$tmp/dropped LD_PRELOAD=$shim \
    run "$program" "$top_builddir" "$config" "$state" "$how" "$flavor" "image-$flavor" bridge=vl-no-bridge
  is_rc 0 "$flavor: $how each node"
  printf '%s\n' "$out" > "$file"
  diag "$flavor, $how: $(cut -f 1 "$file" | sort | uniq -c | tr -s ' \n' ' ')"
  is_eq "$(grep -E '^(WRONG|unmet)' "$file")" "" "$flavor, $how: nothing goes unnoticed, nothing is left behind"
  is_eq "$(grep '^kept' "$file" | cut -f 3 | while read -r path; do
    any=$(sed -e 's,/disk\[[0-9]*\],/disk[N],' -e 's/index=[0-9]*,type=pci/index=N,type=pci/' <<< "$path")
    grep -qxE "($(sed 's/[][()/@.]/\\&/g' <<< "$path
$any" | paste -s -d '|'))	.*" "$same" || echo "$path"
  done)" "" "$flavor, $how: what is kept means the same"
  for feature; do
    true_that "$flavor, $how: $feature" grep -qP "^(mismatch|refused)\t([a-z-]+, )*${feature}[,\t]" "$file"
  done
}
must_set () { must vl --driver qemu-tcg -q "$@"; }

qemu-img create -q -f qcow2 "$tmp/empty.qcow2" 1M

# ---- a new machine ----

setting pcie-ports 'num_pcie_ports = 4'
setting disk-cache 'hw_disk_discard = unmap' 'disk_cachemodes = file=writethrough'
must_set image create image-new --file "$tmp/empty.qcow2" --disk-format qcow2 \
  --property hw_qemu_guest_agent=yes --property hw_machine_type=q35 --property hw_firmware_type=uefi \
  --property hw_scsi_model=virtio-scsi --property hw_disk_bus=scsi --property hw_vif_model=virtio \
  --property hw_video_model=qxl --property hw_input_bus=virtio --property hw_usb_model=qemu-xhci \
  --property hw_sound_model=ich9 --property os_type=windows
must_set flavor create new --vcpus 2 --ram 64 --disk 1 --swap 1 --property hw:watchdog_action=pause \
  --property hw_rng:rate_bytes=1024 --property hw_rng:rate_period=2000 --property hw:pmu=false \
  --property hw:hide_hypervisor_id=true --property hw:cpu_threads=2 --property hw:boot_menu=yes \
  --property quota:disk_read_bytes_sec=1000000 --property quota:vif_inbound_average=1000
new="acpi balloon boot-menu clock cpu-model cpu-topology disk-cache disk-qos firmware graphics
  guest-agent hide-hypervisor-id input-devices iothreads nic-qos pcie-ports pmu rng scsi-controller
  serial-console smbios sound usb-controller vhost-net video vmcoreinfo watchdog core"
# shellcheck disable=SC2086
forget drop new $new
# shellcheck disable=SC2086
forget change new ${new/acpi/}

# ---- an old machine, with other values ----

rm -f "$config"/plugins.d/*.conf
setting cpu-model 'cpu_mode = custom' 'cpu_models = Nehalem' 'cpu_model_extra_flags = aes'
setting perf-events 'enabled_perf_events = cpu_clock,task_clock'
setting graphics 'spice_enabled = yes' 'spice_image_compression = off' 'vnc_enabled = no'
setting serial-console 'serial_console_enabled = yes'
head -c 64K /dev/zero > "$tmp/kernel"
must_set image create kernel --file "$tmp/kernel" --disk-format raw
must_set image create image-old --file "$tmp/empty.qcow2" --disk-format qcow2 \
  --property kernel_id=kernel --property os_command_line=quiet --property hw_machine_type=pc \
  --property hw_disk_bus=virtio --property hw_vif_model=e1000 --property hw_video_model=vga \
  --property hw_sound_model=es1370 --property hw_locked_memory=true
must_set flavor create old --vcpus 2 --ram 64 --disk 1 --property hw:mem_page_size=small \
  --property hw:watchdog_action=poweroff --property hw:numa_nodes=1
old="cpu-model kernel-boot locked-memory numa perf-events graphics serial-console sound video watchdog"
# shellcheck disable=SC2086
forget drop old $old
# shellcheck disable=SC2086
forget change old ${old/locked-memory/}

# ---- processors of its own ----

rm -f "$config"/plugins.d/*.conf
if [ "$(nproc)" -lt 2 ]; then
  skip "this machine has one processor, and the guest wants two of its own"
else
  setting cpu-pinning 'cpu_dedicated_set = 0-1'
  must_set image create image-own --file "$tmp/empty.qcow2" --disk-format qcow2 \
    --property hw_machine_type=q35
  must_set flavor create own --vcpus 2 --ram 64 --disk 1 --property hw:cpu_policy=dedicated \
    --property hw:cpu_realtime=yes --property hw:cpu_realtime_mask=^0 --property hw:viommu_model=intel \
    --property hw:maxphysaddr_mode=emulate --property hw:maxphysaddr_bits=42 --property hw:nested_virt=disabled \
    --property quota:cpu_shares=512 --property quota:cpu_period=20000 --property quota:cpu_quota=10000
  own="cpu-pinning cpu-quota maxphysaddr nested-virt realtime viommu"
  # shellcheck disable=SC2086
  forget drop own $own
  # shellcheck disable=SC2086
  forget change own $own
fi

all_gone
done_testing
