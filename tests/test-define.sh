#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What plan accepts for this machine its libvirt defines, and makes QEMU's command line
# of: every golden request that plans here, and the least and the most of each number
# that a flavor, an image or a request can have.
. "${srcdir:-$(dirname "$0")}/tap.sh"
. "${srcdir:-$(dirname "$0")}/guest-lib.sh"
guests_or_skip

mkdir -p "$state/plans"
run t host show -o json
is_rc 0 "the facts of this machine are kept in STATE"
has "$out" '"firmware.stateless"' "and say which firmware there is"
has "$out" '"cpu-flags"' "and which CPU flags"
has "$out" '"cgroup.version"' "and which cgroups"
has "$out" '"limit.memlock"' "and how much memory may be locked"

"$top_builddir/tests/virtloom-test" --tree "$top_builddir" --live "$state" "$top_srcdir/tests" \
  > "$tmp/planned" 2>&1
is "$?" 0 "all golden requests are planned for this machine"
n=$(find "$state/plans" -name '*.xml' | wc -l)
true_that "hundreds of them can be" test "$n" -gt 300

# ---- the extremes of each number ----

# KEYS of the features' rows that are numbers: "LAYER KEY LEAST MOST" a line.
numbers () {
  local feature
  for feature in $(cd "$top_srcdir/features" && echo *.c); do
    vl feature show "${feature%.c}" -o json | awk '
      /"accepted":/ { range = ""
        if (match($0, /-?[0-9]+ to -?[0-9]+/)) range = substr($0, RSTART, RLENGTH) }
      /"(flavor|image)": "/ && range != "" {
        split($0, part, "\""); key = part[4]; sub(/ to /, " ", range)
        print part[2], key, range; sub(/ /, " to ", range) }'
  done | sed 's:\.N :.0 :' | sort -u
}
# A request with the flavor's, the image's keys and further members.
request () {
  printf '{"name": "x", "flavor": {"name": "f", "vcpus": %s, "ram": %s, "disk": 1, ' "${3:-1}" "${4:-512}"
  printf '"extra_specs": {%s}}, "image": {"name": "i", "disk_format": "qcow2", "properties": {%s}}}' "$1" "$2"
}
# plans NAME: the request on stdin; its document where there is one.
plans () {
  t plan --request - > "$tmp/one.xml" 2> "$tmp/one.err" && cp "$tmp/one.xml" "$state/plans/extreme.$1.xml"
}
numbers > "$tmp/numbers"
true_that "the features have numbers" test "$(wc -l < "$tmp/numbers")" -gt 15
tried=0
while read -r layer key least most; do
  for value in "$least" "$most"; do
    pair="\"$key\": \"$value\""
    if [ "$layer" = flavor ]; then request "$pair" ""; else request "" "$pair"; fi
    echo
  done
done < "$tmp/numbers" > "$tmp/requests"
while read -r line; do
  tried=$((tried + 1))
  plans "$tried" <<< "$line" || true
  lacks "$(cat "$tmp/one.err")" SchemaInvalid "extreme $tried is no document that the schema refuses"
done < "$tmp/requests"
for size in "1 1" "1 64" "64 512" "255 512" "256 512" "288 512"; do
  request "" "" "${size% *}" "${size#* }" | plans "size.${size% *}.${size#* }"
  request "" '"hw_machine_type": "q35"' "${size% *}" "${size#* }" | plans "size.q35.${size% *}.${size#* }"
done
true_that "many of the extremes can be planned" test "$(find "$state/plans" -name 'extreme.*' | wc -l)" -gt 20

# ---- what no fact that is kept can say ----

request "" "" | sed 's/}$/, "networks": [{"type": "bridge", "bridge": "nobr0"}, {"type": "bridge", "bridge": "lo"}]}/' \
  > "$tmp/bridge.json"
run t plan --request "$tmp/bridge.json"
is_rc 4 "bridges that are not there"
is "$err" "error NoValidHost bridge: \$.networks[0]: this host has no bridge 'nobr0'
  make it: ip link add nobr0 type bridge && ip link set nobr0 up; 'ip link show type bridge' lists what there is
error NoValidHost bridge: \$.networks[1]: this host has a network interface that is no bridge, called 'lo'
  'ip link show type bridge' lists what there is" "are told with what makes them"
mkdir -p "$tmp/space"
printf '[virtloom]\ndisk_allocation_ratio = 1000000\n[storage]\npreallocate_images = space\n' > "$tmp/space/virtloom.conf"
chmod -R go-w "$tmp/space"
request "" "" | sed 's/"disk": 1/"disk": 16000/' > "$tmp/space.json"
run t --config "$tmp/space" plan --request "$tmp/space.json"
is_rc 4 "disks that are preallocated and do not fit"
has "$err" "the guest's disks take 16000 GiB at once, and \"$state\" has " "are told before they are made"

# ---- a real define ----

"$top_builddir/tests/define-plans" "$state/libvirt" "$state/plans" > "$tmp/refused" 2> "$tmp/count"
has "$(cat "$tmp/count")" "$(find "$state/plans" -name '*.xml' | wc -l)" "each was tried"
is "$(cat "$tmp/refused")" "" "libvirt defines all that plan accepted"
done_testing
