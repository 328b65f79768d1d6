#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The library exports what its headers declare, and what its map lists, and
# nothing else; every shipped module exports its one symbol.
. "${srcdir:-$(dirname "$0")}/tap.sh"

top=${top_srcdir:-$(dirname "$0")/..}
build=${top_builddir:-$top}
headers () {
  cat "$top"/include/virtloom/{types,feature,driver,tool,virtloom}.h | tr '\n' ' ' \
    | grep -oE 'VL_EXPORT [a-z_0-9 *]*\bvl_[a-z_0-9]+ \(' | grep -oE 'vl_[a-z_0-9]+ \($' | tr -d ' (' | LC_ALL=C sort -u
}
map () { sed -nE 's/^ +(vl_[a-z_0-9]+);$/\1/p' "$top/core/libvirtloom.map"; }
exported () { nm -D --defined-only "$1" | awk '$2 ~ /^[TDBRW]$/ { sub (/@.*/, "", $3); print $3 }' | grep -v '^__odr_asan' | LC_ALL=C sort -u; }

same () {
  local difference
  difference=$(diff "$1" "$2") && ok "$3" || { not_ok "$3"; diag "$difference"; }
}
headers > "$tmp/headers"
map > "$tmp/map"
exported "$build/core/.libs/libvirtloom.so" | grep '^vl_' > "$tmp/library"
same "$tmp/headers" "$tmp/map" "the map lists what the headers declare"
same "$tmp/map" "$tmp/library" "the library exports what the map lists"
is "$(exported "$build/core/.libs/libvirtloom.so" | grep -vE '^(vl_|VL_0)' | tr '\n' ' ')" "" "the library exports nothing else"
for module in "$build"/features/.libs/*.so "$build"/drivers/.libs/*.so; do
  [ -e "$module" ] || continue
  name=$(basename "$module" .so)
  is "$(exported "$module" | tr '\n' ' ')" "${name//-/_}_LTX_virtloom_module " "$name exports its one symbol"
done
done_testing
