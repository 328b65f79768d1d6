#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The library exports what its headers declare, each call in the node of its header,
# and nothing else; every shipped module exports its one symbol.
. "${srcdir:-$(dirname "$0")}/tap.sh"

top=${top_srcdir:-$(dirname "$0")/..}
build=${top_builddir:-$top}
headers () {
  cat "$@" | tr '\n' ' ' | grep -oE 'VL_EXPORT [a-z_0-9 *]*\bvl_[a-z_0-9]+ \(' \
    | grep -oE 'vl_[a-z_0-9]+ \($' | tr -d ' (' | LC_ALL=C sort -u
}
# The calls that the map lists in node $1.
map () { sed -nE "/^$1 \{/,/^\}/s/^ +(vl_[a-z_0-9]+);\$/\1/p" "$top/core/libvirtloom.map"; }
exported () { nm -D --defined-only "$1" | awk '$2 ~ /^[TDBRW]$/ { sub (/@.*/, "", $3); print $3 }' | grep -v '^__odr_asan' | LC_ALL=C sort -u; }
# The calls that the library exports with version $1.
versioned () { nm -D --defined-only "$library" | sed -nE "s/^.* T (vl_[a-z_0-9]+)@@$1\$/\1/p" | LC_ALL=C sort -u; }

same () {
  local difference
  difference=$(diff "$1" "$2") && ok "$3" || { not_ok "$3"; diag "$difference"; }
}
library=$build/core/.libs/libvirtloom.so
include=$top/include/virtloom
for node in VIRTLOOM_PLUGIN_1 VIRTLOOM_APP_1; do
  case $node in
    *_PLUGIN_*) headers "$include"/{types,feature,driver,cpuset,tool,storage,network}.h > "$tmp/headers" ;;
    *) headers "$include"/{virtloom,servers}.h > "$tmp/headers" ;;
  esac
  map $node > "$tmp/map"
  versioned $node > "$tmp/library"
  same "$tmp/headers" "$tmp/map" "the map lists in $node what its headers declare"
  same "$tmp/map" "$tmp/library" "the library exports in $node what the map lists"
done
# A call that no page names, or that no module or program calls, is not ready for anybody.
unnamed='' uncalled=''
for call in $(map VIRTLOOM_PLUGIN_1); do
  grep -qw "B<$call>" "$top"/docs/*.pod || unnamed="$unnamed $call"
  grep -rqw "$call" "$top"/{features,storage,networks,drivers,examples,tools/scaffold,tests/mods} || uncalled="$uncalled $call"
done
for call in $(map VIRTLOOM_APP_1); do
  grep -qw "B<$call>" "$top/docs/libvirtloom.pod" || unnamed="$unnamed $call"
  grep -rqw "$call" "$top/tools" || uncalled="$uncalled $call"
done
is "$unnamed" "" "each call is on a manual page"
is "$uncalled" "" "each call is called by a plugin, or by the command"
is "$(exported "$library" | grep -vE '^(vl_|VIRTLOOM_)' | tr '\n' ' ')" "" "the library exports nothing else"
abi=$(sed -n 's/^#define VL_ABI //p' "$include/types.h")
is "$(readelf -d "$library" | sed -n 's/.*soname: \[\(.*\)\]/\1/p')" "libvirtloom.so.$abi" "the soname has the number of the ABI"
is "$(sed -n '/^static const char \*const nodes/,/;/p' "$top/core/plugin/note.c" | grep -oE 'VIRTLOOM_PLUGIN_[0-9.]+' | tr '\n' ' ')" \
  "$(sed -nE 's/^(VIRTLOOM_PLUGIN_[0-9.]+) \{$/\1/p' "$top/core/libvirtloom.map" | tr '\n' ' ')" "the gate knows the nodes of the map"
# Plugins' names of core values are held against a list of those in types.h.
is "$(sed -nE '/core_values\[\]/,/\};/p' "$top/core/plugin/relations.c" | grep -oE '\bVL_[A-Z_]+' | LC_ALL=C sort | tr '\n' ' ')" \
  "$(sed -nE 's/^#define (VL_[A-Z_]+) "[a-z]+\.[a-z.-]+".*/\1/p' "$include/types.h" | LC_ALL=C sort | tr '\n' ' ')" "the core's values are all known"
for module in "$build"/{features,storage,networks}/.libs/*.so "$build"/drivers/.libs/*.so; do
  [ -e "$module" ] || continue
  name=$(basename "$module" .so)
  is "$(exported "$module" | tr '\n' ' ')" "${name//-/_}_LTX_virtloom_module " "$name exports its one symbol"
done
done_testing
