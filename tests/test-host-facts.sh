#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Recorded hosts and their facts: which there are, names and values that are none, what a
# plain guest still needs; what of a configuration folder is read; what plan says of
# its own machine.
. "${srcdir:-$(dirname "$0")}/tap.sh"

hosts=$top_srcdir/tests/hosts
run vl host list
is_rc 0 "host list"
has "$out" "generic-x86_64  x86_64        Broadwell-IBRS      9.0.0    7.2.0" "names the hosts that are installed"

run vl host import --fact qemu.versoin=8.2.0 --fact foo=bar --fact qemu.version=banana \
  --fact swtpm=maybe --fact host.cell.0.memory=lots --fact device=kvm --fact module.kvm_amd.sev=ja
is_rc 2 "facts that are none"
is "$err" "error InvalidFact core: there is no fact 'qemu.versoin'; accepted: those of virtloom-feature(3), and PLUGIN.* of a plugin that is installed
  did you mean 'qemu.version'?
error InvalidFact core: there is no fact 'foo'; accepted: those of virtloom-feature(3), and PLUGIN.* of a plugin that is installed
  virtloom-feature(3) lists them
error InvalidFact core: fact 'qemu.version' is 'banana'; accepted: a version, as 9.0.0
error InvalidFact core: fact 'swtpm' is 'maybe'; accepted: true, false
error InvalidFact core: fact 'host.cell.0.memory' is 'lots'; accepted: a whole number
error InvalidFact core: fact 'device' is 'kvm'; accepted: an absolute path
error InvalidFact core: fact 'module.kvm_amd.sev' is 'ja'; accepted: Y, N, 1, 0, or false for one not there" "are told at once"
run vl host import --fact host.arch=x86_64 --fact vhost-net.usable=true --fact trait.CUSTOM_X=true
is_rc 0 "facts of plugins and traits are facts"
is "$err" "warning Warning core: a plain guest cannot be planned for this host: the host file does not say storage.direct_io
  add it where the host file is made: virtloom host import ... --fact storage.direct_io=true (or false)
warning Warning core: a plain guest cannot be planned for this host: the host file does not say guest.x86_64.machines
  add it where the host file is made: virtloom host import ... --capabilities FILE" "and what a plain guest needs besides is said at once"

# Each name that a recorded host has is one that may be given.
facts=
while read -r key; do facts="$facts --fact $key"; done < <(
  sed -n 's/^ *"\([a-z][^ "]*\)": \[*"*\([^][", ]*\).*/\1=\2/p' "$hosts"/*.json \
    | grep -v '^virtloom_host\|^facts\|=$' | sort -u -t= -k1,1)
# shellcheck disable=SC2086 # one word each
run vl host import $facts
is_rc 0 "every fact that a recorded host has is known"

# ---- the configuration ----

conf=$tmp/conf
mkdir -p "$conf/plugin.d" "$conf/plugins.d"
touch "$conf/virtlom.conf"
chmod -R go-w "$conf"
run vl --driver fake --config "$conf" config check
is_rc 0 "names that nobody reads"
is "$err" "warning Warning core: 'plugin.d' is not read; accepted in a configuration folder: virtloom.conf and the folders virtloom.conf.d and plugins.d ($conf/plugin.d)
  did you mean 'plugins.d'?
warning Warning core: 'virtlom.conf' is not read; accepted in a configuration folder: virtloom.conf and the folders virtloom.conf.d and plugins.d ($conf/virtlom.conf)
  did you mean 'virtloom.conf'?" "are told"
rm -r "$conf/plugin.d" "$conf/virtlom.conf"
printf '[virtloom]\nlog_level = loud\nfoo = bar\n' > "$conf/virtloom.conf"
run vl --config "$conf" config check
is_rc 7 "a wrong key, and a wrong value beside it"
has "$err" "unknown key 'foo' in [virtloom]" "the key is told"
has "$err" "log_level = 'loud' is not among the choices; accepted: error warning info debug" "and the value"
printf '' > "$conf/virtloom.conf"
printf '[plugin]\nkind = storage\n' > "$conf/plugins.d/rng.conf"
run vl --driver fake --config "$conf" config check
is_eq "$rc $err" "7 error PluginRefused rng: kind = 'storage' is not among the choices; accepted: feature driver ($conf/plugins.d/rng.conf:2)
  a plugin that reaches disks or networks is a feature, too" "a kind that is none"
rm "$conf/plugins.d/rng.conf"
no_driver='error DriverNotFound core: there is no driver'
for slip in quemu: qemut-tcg:qemu-tcg kvm:libvirt-kvm tcg:qemu-tcg libvirt:libvirt-kvm; do
  mend=${slip#*:}
  slip=${slip%%:*}
  mend=${mend:+
  did you mean \"$mend\"?}
  printf '[virtloom]\ndriver = %s\n' "$slip" > "$conf/virtloom.conf"
  run vl --config "$conf" config check
  is "$rc $err" "7 $no_driver \"$slip\"; accepted: fake, libvirt-kvm, qemu-tcg, auto ($conf/virtloom.conf:2)${mend//\\/}" \
    "driver = $slip, which there is not, with its line"
done
run vl --config "$conf" --driver kvm config check
is "$rc $err" "5 $no_driver \"kvm\"; accepted: fake, libvirt-kvm, qemu-tcg, auto
  did you mean \"libvirt-kvm\"?" "--driver kvm is no mistake of the file"
rm "$conf/virtloom.conf"
printf '[settings]\ncpu_mode = custom\n' > "$conf/plugins.d/cpumodel.conf"
run vl --driver fake --config "$conf" config check
is "$rc $err" "7 error PluginRefused cpumodel: no configuration layer says what 'cpumodel' is; accepted: kind = feature or driver in [plugin] ($conf/plugins.d/cpumodel.conf)
  did you mean 'cpu-model'?" "a slip in the name of a plugin's file is told once, with what is meant"
mv "$conf/plugins.d/cpumodel.conf" "$conf/plugins.d/cpu-model.conf"
run vl --driver fake --config "$conf" config check
is "$rc $err" "7 error Invalid cpu-model: cpu_mode is 'custom' and cpu_models is empty (cpu_mode=custom, setting, $conf/plugins.d/cpu-model.conf:2)
  name one or more models in cpu_models, for instance 'Nehalem'" "settings that are wrong by themselves are a mistake of the file"
rm "$conf/plugins.d/cpu-model.conf"
# No server can be made where the driver that servers get cannot be used.
printf '[settings]\nconnection_uri = qemu+unix:///system?socket=/nonexistent/sock\n' > "$conf/plugins.d/qemu-tcg.conf"
printf '[virtloom]\ndriver = qemu-tcg\n' > "$conf/virtloom.conf"
run vl --config "$conf" config check
is "$rc $err" "0 warning DriverUnavailable core: servers get driver 'qemu-tcg', which cannot be used here: no libvirt daemon listens at '/nonexistent/sock' for connection_uri 'qemu+unix:///system?socket=/nonexistent/sock' (systemctl start libvirtd; Debian: apt-get install libvirt-daemon-system) ($conf/virtloom.conf:2)
  settings were judged by themselves; 'virtloom config check --host NAME' judges them for a recorded host" "a driver that cannot be used here"
run vl --config "$conf" --host kvm-x86_64 config check
is "$rc $err" "0 " "and for a recorded host that does not matter"
rm "$conf/plugins.d/qemu-tcg.conf" "$conf/virtloom.conf"
printf '[settings]\ndisk_cachemodes = file=writebck\n' > "$conf/plugins.d/disk-cache.conf"
run vl --driver fake --config "$conf" config check
has "$err" "'file=writebck' is passed over" "what each plan would warn of is told too"

# ---- guests ----

request () {
  printf '{"name": "x", "flavor": {"name": "f", "vcpus": 1, "ram": 512, "disk": %s}, ' "${3:-1}"
  printf '"image": {"name": "i", "disk_format": "qcow2", "properties": {%s}}, %s}' "$1" "$2"
}
run vl --driver libvirt-kvm --host "$hosts/aarch64.json" plan --request - \
  < <(request '"hw_architecture": "armv7l"' '"networks": []')
is_rc 0 "a guest that no KVM runs"
has "$err" "warning Warning core: the guest is emulated, which is many times slower: this 'aarch64' host has no KVM for 'armv7l' (hw_architecture=armv7l, image)" \
  "is told to be slow"
run vl --driver libvirt-kvm --host "$hosts/kvm-x86_64.json" plan --request - \
  < <(request '' '"block_devices": [{"source_type": "image", "destination_type": "local", "boot_index": 0, "disk_bus": "scsi"}]')
is_rc 0 "a bus for the image's own disk"
is "$err" "warning Warning core: \$.block_devices[0].disk_bus 'scsi' has no effect: the disk's is 'virtio'
  of the image's own disk the image says it: hw_disk_bus, hw_cdrom_bus" "is told to have no effect"
done_testing
