#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a plan sees of other servers: dedicated CPUs and pages go round what they
# have, cells are chosen by what is free, and where nothing is left that is said.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils

f () { vl --driver fake "$@"; }

# The host CPUs of the guest's CPUs in order, by the element that pins them.
pins () { f explain "$@" | sed -n 's,^/domain/cputune/vcpupin\[vcpu=[0-9]*\]/@cpuset = \([^ ]*\) .*,\1,p' | tr '\n' ' '; }

truncate -s 8M "$tmp/disk.raw"
setting fake 'host = kvm-x86_64'
run f flavor create pin --vcpus 8 --ram 512 --disk 1 --property hw:cpu_policy=dedicated
run f flavor create alone --vcpus 2 --ram 512 --disk 1 --property hw:cpu_policy=dedicated \
  --property hw:cpu_thread_policy=isolate
run f flavor create two --vcpus 2 --ram 512 --disk 1 --property hw:cpu_policy=dedicated
run f flavor create wide --vcpus 12 --ram 512 --disk 1 --property hw:cpu_policy=dedicated
run f flavor create cells --vcpus 12 --ram 512 --disk 1 --property hw:cpu_policy=dedicated \
  --property hw:numa_nodes=2
run f flavor create pages --vcpus 1 --ram 1024 --disk 1 --property hw:mem_page_size=2MB
run f image create img --file "$tmp/disk.raw" --disk-format raw
is_rc 0 "flavors and image"

# ---- CPUs: two cells of sixteen ----

for i in 1 2 3 4; do
  run f server create "p$i" --flavor pin --image img
  is_rc 0 "pinned guest $i"
  is_eq "$(pins "p$i")" "$(seq -s ' ' $((i * 8 - 8)) $((i * 8 - 1))) " "has the first CPUs that are free"
done
run f server create p5 --flavor pin --image img
is_rc 4 "a fifth finds none"
is_eq "$err" "error ComputeResourcesUnavailable cpu-pinning: the guest needs 8 dedicated CPUs, and this host has 0 \
that fit and that no other server has (hw:cpu_policy=dedicated, flavor)
  delete a server that has some, or use another host; a thread policy narrows the choice" "and is told why"
run f plan --flavor pin --image img
is_rc 4 "nor does a plan"
run f server delete p2
run f server create p6 --flavor pin --image img
is_eq "$(pins p6)" "8 9 10 11 12 13 14 15 " "what a deleted guest had is given again"
run f server delete p1
run f server create two --flavor two --image img
is_eq "$(pins two)" "0 1 " "a small guest in between"
run f server create alone --flavor alone --image img
is_eq "$(pins alone)" "2 4 " "isolated CPUs are of cores that nobody uses"
run f server create two2 --flavor two --image img
is_eq "$(pins two2)" "6 7 " "and nobody gets the other threads of those"
for i in p3 p4 p6; do f server delete "$i"; done

# ---- cells ----

run f server create wide --flavor wide --image img
is_eq "$(pins wide)" "$(seq -s ' ' 16 27) " "twelve CPUs of one cell are in the second"
run f plan --flavor cells --image img
is_rc 4 "two cells of six CPUs each do not fit any more"
has "$err" "the host's NUMA cells (2) cannot hold the guest's (2): none is left for cell 1 (6 vCPU, 256 MiB)" \
  "which is said of the cell that finds no place"
for i in wide two two2 alone; do f server delete "$i"; done

# ---- pages: 1024 of 2 MiB in each cell ----

for i in 1 2 3 4; do
  run f server create "h$i" --flavor pages --image img
  is_rc 0 "guest $i with 512 huge pages"
  has "$(f explain "h$i")" "/domain/numatune/memory/@nodeset = $(((i - 1) / 2)) " "in the first cell that has them"
done
run f server create h5 --flavor pages --image img
is_rc 4 "a fifth finds none"
has "$err" "error ComputeResourcesUnavailable numa: the host's NUMA cells (2) cannot hold the guest's (1): none is \
left for cell 0 (1 vCPU, 1024 MiB, pages '2048') (hw:mem_page_size=2MB, flavor)" "and is told why"
f server delete h3
setting memory-pages 'reserved_huge_pages = 1, 2048, 1'
run f server create h6 --flavor pages --image img
is_rc 4 "pages that are kept back are not given"
setting memory-pages 'reserved_huge_pages = 1, 2048'
run f plan --flavor pages --image img
is_rc 7 "a list that is not made of threes is refused"
has "$err" "error InvalidConfiguration memory-pages: reserved_huge_pages are numbers in threes: cell of the host, KiB of \
a page, pages (reserved_huge_pages=1" "in words"
rm "$config/plugins.d/memory-pages.conf"

# ---- without cells ----

run f feature disable numa
run f plan --flavor two --image img
is_rc 4 "dedicated CPUs without the feature that gives cells"
has "$err" "error FeatureUnavailable cpu-pinning: dedicated CPUs are chosen in cells of the host, which the feature 'numa' \
gives (hw:cpu_policy=dedicated, flavor)
  enable the feature 'numa'" "are refused, not passed over"

done_testing
