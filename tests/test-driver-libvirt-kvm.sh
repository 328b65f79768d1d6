#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libvirt-kvm plans and does not run: open is exit 8 with a sentence, `auto`
# passes it by, a plan for a recorded host works without any of libvirt.

. "$(dirname "$0")/tap.sh"

k () { vl --driver libvirt-kvm "$@"; }
cat > "$tmp/request.json" << 'END'
{"name": "k",
 "flavor": {"name": "f", "vcpus": 1, "ram": 512, "disk": 1},
 "image": {"name": "i", "disk_format": "qcow2", "size": 1048576, "status": "active"}}
END
host=$tmp/host.json
k --host generic-x86_64 host show -o json > "$host"

run k --host "$host" plan --request "$tmp/request.json"
is_rc 0 "a plan for a recorded host"
has "${out//\'/\"}" '<domain type="kvm"' "is of type kvm"
sed '/"guest\.x86_64\.types"/s/, "kvm"//' "$host" > "$tmp/nokvm.json"
run k --host "$tmp/nokvm.json" plan --request "$tmp/request.json"
is_rc 0 "a recorded host without KVM is planned for"
has "$err" "warning HypervisorUnavailable libvirt-kvm: the recorded host has no KVM for 'x86_64' (guest.x86_64.types has no 'kvm'): as it was recorded it would not define this guest" "with a warning"
run k host show
is_rc 8 "what needs the hypervisor is exit 8"
has "$err" "makes no connection to 'qemu:///system'" "in words"
setting libvirt-kvm 'connection_uri = qemu+ssh://elsewhere/system'
run k host show
has "$err" "makes no connection to 'qemu+ssh://elsewhere/system'" "with the setting's uri"

# Without a driver that can be used, `auto` says why each was passed by.
printf '[plugin]\nenabled = no\n' > "$config/plugins.d/qemu-tcg.conf"
chmod go-w "$config/plugins.d/qemu-tcg.conf"
run vl host show
true_that "auto passes it by" test "$rc" -ne 0
has "$err" "does not run them" "and says why"

done_testing
