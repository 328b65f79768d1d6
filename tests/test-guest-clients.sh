#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Other programs beside virtloom on one libvirtd: virt-install, the library of virt-manager and
# prometheus-libvirt-exporter see virtloom's guests and leave them as they are; virtloom leaves
# theirs alone, and says that they are there.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
hosts_or_skip
needs virt-install virtinst
needs prometheus-libvirt-exporter prometheus-libvirt-exporter
needs curl curl

host_up a
uri=$(host_uri a)
setting qemu-tcg "connection_uri = $uri"
truncate -s 1M "$tmp/empty.img" "$rig/theirs.img"
must t flavor create f --vcpus 1 --ram 64 --disk 0
must t image create i --file "$tmp/empty.img" --disk-format raw
must t server create ours --flavor f --image i
domain=$(field ours domain) uuid=$(field ours uuid)
dump () { host_virsh a dumpxml --inactive "$domain"; }
before=$(dump)
has "$before" "$uuid" "a guest of virtloom"

# ---- virt-install ----

install_theirs () {
  virt-install --connect "$uri" --name theirs --virt-type qemu --memory 64 --import \
    --disk "path=$rig/theirs.img,format=raw" --network none --graphics none --noautoconsole \
    --osinfo detect=off,require=off "$@"
}
run install_theirs
made "virt-install makes a guest beside it"
is_eq "$(host_virsh a domstate theirs | grep .)" running "that runs"
run t server list -c Name
is "$(grep -c '^ours' <<< "$out") $(grep -c '^theirs' <<< "$out")" "1 0" "and is no server"
host_virsh a dumpxml --inactive theirs > "$tmp/theirs"
run t host tend
is_rc 0 "host tend"
must t server reboot --hard ours
must t server stop --timeout=0 ours
must t server start ours
is_eq "$(host_virsh a domstate theirs | grep .)" running "what virtloom does leaves it running"
is_eq "$(host_virsh a dumpxml --inactive theirs)" "$(cat "$tmp/theirs")" "as it was defined"
run install_theirs --uuid "$uuid" --check all=off
is_rc 1 "virt-install cannot make a guest with the uuid of a server"
run t server create taken --request - << END
{ "uuid": "$(host_virsh a domuuid theirs | grep .)", "flavor": { "vcpus": 1, "ram": 64, "disk": 0 },
  "image": { "name": "i" } }
END
is_rc 3 "nor virtloom one with that of theirs"
has "$err" "is that of a guest of the hypervisor that is no server of this STATE" "in words"

# ---- virt-manager's library ----

before=$(dump)
cat > "$tmp/library.py" << 'END'
import sys
sys.path.insert (0, '/usr/share/virt-manager')
from virtinst import Guest, VirtinstConnection
connection = VirtinstConnection (sys.argv[1])
connection.open (None, None)
xml = connection.lookupByName (sys.argv[2]).XMLDesc (2)
guest = Guest (connection, parsexml=xml)
print (guest.uuid, guest.memory // 1024, guest.vcpus, len (guest.devices.disk))
for disk in guest.devices.disk:
    print (disk.device, disk.target, disk.get_source_path ())
END
run /usr/bin/python3 "$tmp/library.py" "$uri" "$domain"
is_rc 0 "virt-manager's library reads the guest"
has "$out" "$uuid 64 1 1" "its size and its disk"
disk=$(xmllint --xpath 'string (//disk/source/@file)' - <<< "$before")
has "$out" "disk vda ${disk:?}" "with its file"
run virt-xml --connect "$uri" "$domain" --edit --metadata title=changed --print-xml --no-define
is_rc 0 "virt-xml writes its document again"
has "$out" "<title>changed</title>" "with the change that it was asked for"
is_eq "$(dump)" "$before" "and nothing of it is defined"

# ---- prometheus-libvirt-exporter ----

host_run a prometheus-libvirt-exporter --libvirt.uri=qemu:///system --web.listen-address=127.0.0.1:9177 \
  > "$tmp/exporter" 2>&1 &
metrics () { host_run a curl -sf http://127.0.0.1:9177/metrics > "$tmp/metrics" && grep -qF "domain=\"$domain\"" "$tmp/metrics"; }
true_that "the exporter sees the guest" wait_for 300 metrics
is_eq "$(grep -F "domain=\"$domain\"" "$tmp/metrics" | sed -n "s/^libvirt_domain_info_virtual_cpus{.*} //p")" 1 "and its CPU"
run t server diff ours
is_rc 0 "the server is as it is on record"
is_eq "$(dump)" "$before" "and its definition as it was"

# ---- the end ----

must t server delete ours
is_eq "$(host_virsh a list --all --name | grep .)" theirs "theirs is what is left"
true_that "with its disk" test -e "$rig/theirs.img"
[ "$failures" -eq 0 ] || host_log a
done_testing
