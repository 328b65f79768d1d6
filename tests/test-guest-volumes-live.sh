#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What is done to volumes of a guest that runs, as the guest sees it: they grow.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
guest_image
cd "$tmp" || exit 99
GIB=1073741824

# The guest writes to its volume, and says whenever that has another size, with a checksum of its
# first MiB.
script look << 'END'
dd if=/dev/urandom of=/dev/vdc bs=64k count=16 2> /dev/null
sync
last=
while :; do
  now="$(cat /sys/block/vdc/size) $(cat /sys/block/vdd/size)"
  [ "$now" = "$last" ] || echo "guest: sees $now $(dd if=/dev/vdc bs=64k count=16 2> /dev/null | md5sum | cut -c 1-32)."
  last=$now; sleep 1
done
END
truncate -s 1M one.raw
qemu-img create -q -f qcow2 two.qcow2 4M
must t flavor create small --vcpus 1 --ram 192 --disk 0
must t image create guest --file "$image" --disk-format qcow2
run t server create live --flavor small --image guest --volume "$(volume look)" --volume "path=$tmp/one.raw,format=raw" --volume "path=$tmp/two.qcow2,format=qcow2"
made "a guest"
true_that "it looks" says live "guest: sees 2048 8192 "
sum=$(tells live sees 2048 8192)

# ---- they grow ----

run t server extend volume live vdc --size 1
is_eq "$rc $out$err" "0 $GIB" "a raw volume grows"
true_that "the guest sees it, with what it has written" says live "guest: sees 2097152 8192 $sum"
run t server extend volume live vdd --size 2
is_eq "$rc $out$err" "0 $((2 * GIB))" "a qcow2 volume grows"
true_that "the guest sees it" says live "guest: sees 2097152 4194304 $sum"
is_eq "$(qemu-img info -U two.qcow2 | grep -c '2 GiB')" 1 "and so does who looks at the file"
truncate -s 3G one.raw
run t server extend volume live vdc
is_eq "$rc $out$err" "0 $((3 * GIB))" "one that was grown by somebody else"
true_that "the guest sees it" says live "guest: sees 6291456 4194304 $sum"
must t server pause live
run t server extend volume live vdc --size 4
is_eq "$rc $out$err $(stat -c %s one.raw)" "0 $((4 * GIB)) $((4 * GIB))" "of a paused guest"
must t server unpause live
true_that "which sees it when it goes on" says live "guest: sees 8388608 4194304 $sum"

run t server delete live
is_rc 0 "delete"
all_gone
done_testing
