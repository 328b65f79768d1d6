#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# docs/compute-driver.md is as build-aux/compute-driver makes it of the code, whose faults are
# told; and the systems of its last table are what it says.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

# Of the source alone: not once more with the sanitizers.
if [ -e "$top_srcdir/core/server/server-act.c" ] && [ -z "${VL_SANITIZE:-}" ]; then
  make_page () { run "$top_srcdir/build-aux/compute-driver" "$1"; }
  make_page "$top_srcdir"
  is "$rc $err" "0 " "the page can be made"
  is "$out" "$(cat "$top_srcdir/docs/compute-driver.md")" "and is as made: build-aux/compute-driver > docs/compute-driver.md"

  # A tree with one thing changed in it.
  tree=$tmp/tree
  mkdir "$tree"
  for part in core drivers include tests; do ln -s "$top_srcdir/$part" "$tree/$part"; done
  mkdir "$tree/docs"
  list=$tree/docs/compute-driver.list
  wrong () {
    sed "$1" "$top_srcdir/docs/compute-driver.list" > "$list"
    make_page "$tree"
    is "$rc $out$err" "1 docs/compute-driver.list: $2" "$3"
  }
  wrong '/^pause |/d' "'pause' (power) of driver.h is not there" "a call that the list does not have"
  wrong 's/a paused guest is paused/a paused guest is not/' \
    "'pause': tests/driver-conformance.sh does not have 'a paused guest is not'" "a test that is not there"
  wrong '/^pause |/s/| driver-conf.*/| -/' "'pause' is asked for by the core, and no test is named" "a call that no test proves"
  wrong '/^pause |/s/`server pause`/open/' "'pause' is open, and a driver has it" "an open method that is there"
  wrong '/^pause |/{p;}' "'pause' is there twice" "a method that is there twice"
  wrong '/^soft_delete |/s/| -$//' "'soft_delete | - | not in Nova's libvirt driver either ' has not four columns" "a column that is missing"
fi

# ---- systems ----

imports () {
  printf '[libvirt]\nvirt_type = %s\n' "$1" > "$tmp/x.conf"
  run vl config import-nova "$tmp/x.conf" --out "$tmp/new"
  is_rc 4 "virt_type = $1"
  is "${err//$tmp\//}" "error NotSupported core: $2 (x.conf:2)" "$3"
}
plans () {
  cat > "$tmp/request.json" << END
{"name": "s", "flavor": {"name": "f", "vcpus": 1, "ram": 128, "disk": 1},
 "image": {"name": "i", "disk_format": "qcow2", "size": 1048576, "status": "active", "properties": {"img_hv_type": "$1"}}}
END
  run vl --driver fake plan --request "$tmp/request.json"
}
for system in xen parallels uml; do
  plans $system
  is_rc 4 "an image for $system"
  is "$err" "error NoValidHost core: the image is for hypervisor '$system', and driver 'fake' makes 'kvm' guests; accepted: kvm qemu (img_hv_type=$system, image)
  choose a driver for such images with --driver, or another image" "is refused by name"
done
imports lxc "virt_type = 'lxc': no driver here makes such guests; accepted: kvm qemu" "virt_type = lxc is refused"
imports xen "virt_type = 'xen': no driver here makes such guests; accepted: kvm qemu" "virt_type = xen is refused"
imports parallels "virt_type = 'parallels': no driver here makes such guests; accepted: kvm qemu" "virt_type = parallels is refused"
imports uml "virt_type = 'uml': no driver here makes such guests; accepted: kvm qemu" "virt_type = uml is refused"
setting fake 'virt_type = lxc'
plans lxc
is_rc 0 "a container is planned"
has "$out" "<domain type='lxc'>" "of type lxc"
setting fake 'virt_type = xen'
plans xen
is "$rc ${err//$config\//}" "7 error PluginRefused fake: setting 'virt_type' = 'xen' is not among the choices; accepted: kvm qemu lxc (plugins.d/fake.conf:2)" "fake makes no guests of Xen"
done_testing
