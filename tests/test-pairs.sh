#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Each pair of features that passes on this host is also defined by the real
# libvirt: what the plan promises, QEMU's driver takes.
. "${srcdir:-$(dirname "$0")}/tap.sh"

build=${top_builddir:-$top_srcdir}
command -v virsh > /dev/null || skip_all "virsh is missing (Debian: libvirt-clients)"
[ "$(id -u)" != 0 ] || getent passwd libvirt-qemu > /dev/null || skip_all "there is no user libvirt-qemu"
state=$(mktemp -d /tmp/vlp.XXXXXX) || bail "no folder in /tmp"
cleanup_state () { rm -rf "$state"; }
CLEANUPS=cleanup_state
mkdir "$tmp/xml"
run "$build/tests/plan-pairs" "$build" "$state" "$tmp/xml"
is "$rc" 0 "pairs are planned: $out"
[ "$rc" = 0 ] || diag "$err"
# One session for all: opening the driver is what takes time.  Plans have no
# disks, only definitions.
for xml in "$tmp"/xml/*.xml; do
  name=$(sed -n 's/^ *<name>\(.*\)<\/name>$/\1/p' "$xml" | head -n 1)
  printf 'define --validate %s\nundefine --nvram %s\n' "$xml" "$name"
done > "$tmp/commands"
virsh -q -c "qemu:///embed?root=$state/libvirt" < "$tmp/commands" > "$tmp/out" 2> "$tmp/err"
defined=$(grep -c '^Domain .* defined from ' "$tmp/out")
[ "$defined" -gt 0 ] || defined=$(($(find "$tmp/xml" -name '*.xml' | wc -l) - $(grep -c 'Failed to define' "$tmp/err")))
is "$(grep -A 1 'Failed to define' "$tmp/err" | head -n 20)" "" "libvirt defines each of them"
is "$defined" "$(find "$tmp/xml" -name '*.xml' | wc -l)" "and none was left out"
done_testing
