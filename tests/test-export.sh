#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What is on record of a server goes from host to host as one file: with a number that grows with each
# change, so that an older one is known.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3

setting user 'host_loopback_acknowledged = yes'
f () { vl --driver fake "$@"; }
generation () { run f server show "$1" -o json; value generation; }

truncate -s 8M "$tmp/disk.raw"
f image create img --file "$tmp/disk.raw" --disk-format raw > "$tmp/log" 2>&1
f flavor create m1 --vcpus 1 --ram 128 --disk 1 > "$tmp/log" 2>&1

# ---- the generation ----

uuid=2d3f1c80-0d5e-4d12-9a4e-2f41a6f2a001
# One that says its own uuid, so that it can come again.
cat > "$tmp/request.json" << EOT
{ "name": "web", "uuid": "$uuid",
  "flavor": { "name": "m1", "vcpus": 1, "ram": 128, "disk": 1 },
  "image": { "name": "img", "disk_format": "raw", "size": 8388608 } }
EOT
run f server create web --request "$tmp/request.json"
is_eq "$rc $err" "0 " "a server"
first=$(generation web)
true_that "has a generation" test "${first:-0}" -gt 0
run f server list
is_eq "$(generation web)" "$first" "which does not change while nothing does"
last=$first
for step in 'pause web' 'unpause web' 'set web --description one' 'lock web' 'unlock web' 'stop web' 'start web' 'resize web --flavor m2' \
    'resize revert web'; do
  [[ $step != resize*m2 ]] || f flavor create m2 --vcpus 1 --ram 256 --disk 1 > "$tmp/log" 2>&1
  # shellcheck disable=SC2086 # words
  run f server $step
  now=$(generation web)
  true_that "$step makes it greater" test "$rc $((now > last))" = "0 1"
  last=$now
done
run f server set web --description one
is_eq "$(generation web)" "$last" "the same once more is no change"
f server delete web > "$tmp/log" 2>&1
run f server create web --request "$tmp/request.json"
true_that "a server that is gone and comes again is of a later one" test "$(generation web)" -gt "$last"
f server delete web > "$tmp/log" 2>&1

# ---- a STATE is of one host ----

place () { grep -A1 '^[A-Z]* *state place' <<< "$out"; }
run f host check
is_eq "$(grep '^[A-Z]* *state place' <<< "$out")" "PASS  state place: $state is of this host alone" "a STATE on a disk"
elsewhere=$top_builddir/tests/shim/.libs/elsewhere.so
if [ -e "$elsewhere" ]; then
  far () {
    VL_TEST_ELSEWHERE=$state VL_TEST_MAGIC=$1 ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS:-} LD_PRELOAD=$elsewhere run f host check
  }
  far 0x6969
  is_eq "$rc $(place)" "4 FAIL  state place: $state lies on a network file system (nfs), which other hosts may have, too; STATE is for one host
      keep it on a disk of this host: state_dir in virtloom.conf, or --state DIR" "one on a network file system is refused"
  far 0x65735546
  is_eq "$(place)" "WARN  state place: $state lies on a file system of FUSE, which other hosts may have, too; STATE is for one host
      see that no other host has it: findmnt -T $state" "one on FUSE is warned of"
else
  skip "a build without shared libraries has nothing to preload"
fi

done_testing
