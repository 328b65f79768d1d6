#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A client that nobody here wrote: Debian's cloud-init in stock Debian guests reads their
# config drives, once as a CD-ROM on virtio-scsi and once as a vfat disk, the two remedies for
# a kernel that has no AHCI driver.  Their addresses come from a dnsmasq of this test's own, on
# a bridge in a network namespace of its own.  Run by ./check debian, which makes the image:
# VL_TEST_DEBIAN is the folder that tests/guest/make-debian filled.

here=$(dirname "$0")
if [ -z "${VL_TEST_INSIDE:-}" ] && [ -n "${VL_TEST_DEBIAN:-}" ] && [ "$(id -u)" = 0 ]; then
  export VL_TEST_INSIDE=1
  exec unshare --net --mount bash "$0" "$@"
fi
# shellcheck source=tests/tap.sh
. "$here/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$here/guest-lib.sh"
[ -n "${VL_TEST_DEBIAN:-}" ] || skip_all "VL_TEST_DEBIAN is not set: ./check debian runs this"
[ -s "$VL_TEST_DEBIAN/made" ] || bail "tests/guest/make-debian did not fill $VL_TEST_DEBIAN"
[ -n "${VL_TEST_INSIDE:-}" ] || skip_all "network namespaces take root"
guests_or_skip
needs dnsmasq dnsmasq-base
needs ip iproute2
needs virsh libvirt-clients
needs jq jq
needs mkfs.vfat dosfstools
needs mcopy mtools
needs genisoimage genisoimage
: "${VL_TEST_BOOT_SECONDS:=3600}"

# ---- a network of the test's own ----

# What programs see of interfaces below /sys is that of the namespace, too.
mkdir "$tmp/sys"
mount -t sysfs sysfs "$tmp/sys"
mount --bind "$tmp/sys/class/net" /sys/class/net
mount --bind "$tmp/sys/devices/virtual/net" /sys/devices/virtual/net
CLEANUPS="$CLEANUPS cleanup_network"
# shellcheck disable=SC2317 # called by tap.sh
cleanup_network () {
  [ -z "${dnsmasq:-}" ] || kill "$dnsmasq" 2> /dev/null
  umount /sys/devices/virtual/net /sys/class/net "$tmp/sys" 2> /dev/null
}
ip link set lo up
ip link add br0 type bridge
ip address add 192.168.77.1/24 dev br0
ip link set br0 up
dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --port=0 --interface=br0 --bind-interfaces \
  --user=root --pid-file= --dhcp-leasefile="$tmp/leases" --log-dhcp --log-facility="$tmp/dnsmasq.log" \
  --dhcp-range=192.168.77.50,static --dhcp-host=52:54:00:77:00:01,192.168.77.61 \
  --dhcp-host=52:54:00:77:00:02,192.168.77.62 --dhcp-option=26,1300 9>&- &
dnsmasq=$!

# ---- two guests ----

# The vendor's word is applied too.  Making a locale and four kinds of host keys would take minutes here.
cat > "$tmp/vendor" << 'END'
#cloud-config
locale: false
ssh_genkeytypes: [ed25519]
write_files:
- path: /etc/vl-vendor
  content: the vendor's word
END
jq -n --rawfile config "$tmp/vendor" '{ "cloud-init": $config }' > "$tmp/vendor.json"
# cloud-init runs it as root, once.  Each line is one write: others write on that console, too.
cat > "$tmp/user-data" << 'END'
#!/bin/sh
say () { echo "guest: $*" > /dev/ttyS0; }
say hostname "$(hostname) $(cloud-init query ds.meta_data.hostname)"
say source "$(cloud-init query platform) $(cloud-init query subplatform)"
say uuid "$(cloud-init query ds.meta_data.uuid)"
say role "$(cloud-init query ds.meta_data.meta.role)"
say tag "$(cloud-init query ds.meta_data.devices | tr -d ' \n')"
say keys "$(cat /home/debian/.ssh/authorized_keys)"
say vendor "$(cat /etc/vl-vendor)"
say file "$(base64 -w 0 /etc/vl-file)"
say umlauts "größer"
say network "$(grep -v '^#' /etc/network/interfaces.d/50-cloud-init | tr '\n' ' ')"
say address "$(ip -o -4 address show scope global | awk '{ print $4 }')"
say end
END
key='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1dCBub3QgYSByZWFsIGtleSwganVzdCB0ZXh0 me@here'
echo "$key" > "$tmp/key.pub"
head -c 3000 /dev/urandom > "$tmp/file"

must t flavor create f --vcpus 1 --ram 768 --disk 0
must t image create kernel --file "$VL_TEST_DEBIAN/vmlinuz" --disk-format aki
must t image create ramdisk --file "$VL_TEST_DEBIAN/initrd" --disk-format ari
must t image create debian --file "$VL_TEST_DEBIAN/root.img" --disk-format raw --property kernel_id=kernel \
  --property ramdisk_id=ramdisk --property 'os_command_line=root=/dev/vda console=ttyS0 mitigations=off' \
  --property hw_machine_type=q35 --property hw_qemu_guest_agent=yes
# spawn NAME NUMBER OPTION...
spawn () {
  local name=$1 number=$2
  shift 2
  run t server create "$name" --flavor f --image debian --network "bridge=br0,mac=52:54:00:77:00:0$number,tag=lan" \
    --hostname "$name.example.org" --ssh-key "$tmp/key.pub" --key-name mine --metadata role=web \
    --user-data "$tmp/user-data" --file "/etc/vl-file=$tmp/file" "$@"
  made "$name is made"
}
main_setting storage "vendordata_jsonfile_path = $tmp/vendor.json"
spawn cdrom 1 --property hw_cdrom_bus=scsi --property hw_scsi_model=virtio-scsi
lacks "$err" AHCI "nothing is advised where the remedy is taken"
main_setting storage "vendordata_jsonfile_path = $tmp/vendor.json" 'config_drive_format = vfat'
spawn vfat 2

# ---- what they found ----

# agent SERVER JSON: the agent's answer.  libvirt finds the agent a moment after it finds the guest; dommemstat waits for it.
agent () {
  local domain
  domain=$(field "$1" domain)
  virsh -q -c "qemu:///embed?root=$state/libvirt" "dommemstat $domain; qemu-agent-command $domain '$2'" 2> /dev/null | grep '^{'
}
# inside SERVER FILE: what a file of the guest has, read by its agent.
inside () {
  local handle
  handle=$(agent "$1" "{\"execute\": \"guest-file-open\", \"arguments\": {\"path\": \"$2\"}}" | jq '.return')
  [ -n "$handle" ] || return 1
  agent "$1" "{\"execute\": \"guest-file-read\", \"arguments\": {\"handle\": $handle, \"count\": 65536}}" | jq -r '.return."buf-b64"' | base64 -d
}
# shellcheck disable=SC2317 # called by wait_for
ssh_answers () { timeout 300 bash -c "read -r line < /dev/tcp/$1/22 && [[ \$line == SSH-2.0-* ]]"; }
number=0
for each in cdrom vfat; do
  number=$((number + 1))
  uuid=$(field "$each" uuid)
  true_that "$each: user data runs to its end" says "$each" "guest: end"
  is "$(tells "$each" hostname)" "$each $each.example.org" "$each: the host name"
  case $each in
    cdrom) is "$(tells cdrom source)" "configdrive config-disk (/dev/sr0)" "cdrom: found on the SCSI CD-ROM" ;;
    vfat) is "$(tells vfat source)" "configdrive config-disk (/dev/vdb)" "vfat: found on a disk" ;;
  esac
  is "$(tells "$each" uuid)" "$uuid" "$each: the uuid"
  is "$(tells "$each" role)" web "$each: metadata"
  has "$(tells "$each" tag)" '"mac":"52:54:00:77:00:0'"$number"'","tags":["lan"]' "$each: the tagged interface"
  has "$(tells "$each" keys)" "$key" "$each: the key is in authorized_keys"
  is "$(tells "$each" vendor)" "the vendor's word" "$each: vendor data"
  is "$(tells "$each" file)" "$(base64 -w 0 "$tmp/file")" "$each: a file, byte by byte"
  is "$(tells "$each" umlauts)" "größer" "$each: user data is what was given"
  has "$(tells "$each" network)" "inet dhcp" "$each: network data is applied"
  is "$(tells "$each" address)" "192.168.77.6$number/24" "$each: with the address that dnsmasq has for its MAC"
  has "$(cat "$tmp/leases")" "52:54:00:77:00:0$number 192.168.77.6$number $each " "$each: which it leased under its host name"
  true_that "$each: its SSH server answers there" wait_for "$VL_TEST_BOOT_SECONDS" ssh_answers "192.168.77.6$number"
  true_that "$each: cloud-init comes to its end" says "$each" "finished at"
  has "$(console "$each" | grep 'finished at')" "DataSourceConfigDrive [net,ver=2]" "$each: with network data and all of version 2"
  is "$(agent "$each" '{"execute": "guest-ping"}')" '{"return":{}}' "$each: Debian's agent answers"
  has "$(agent "$each" '{"execute": "guest-network-get-interfaces"}')" "192.168.77.6$number" "$each: and knows the address"
  is "$(inside "$each" /run/cloud-init/result.json | jq -c '.v1.errors')" '[]' "$each: cloud-init met no error"
done
[ "$failures" -eq 0 ] || diag "$(tail -n 30 "$tmp/dnsmasq.log")"

for each in cdrom vfat; do must t server delete "$each"; done
all_gone
done_testing
