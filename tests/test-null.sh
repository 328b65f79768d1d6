#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A feature that passes NULL where a call needs a text is told so, and named: never
# a crash.  The calls are those of the headers, whatever they are.
. "${srcdir:-$(dirname "$0")}/tap.sh"
needs perl perl

include=$top_srcdir/include
modules=$tmp/tree/null/.libs
mkdir -p "$modules"
for part in confine drivers features networks storage packaging plugins.d; do ln -s "$top_builddir/$part" "$tmp/tree/$part"; done
perl "$top_srcdir/tests/null-calls" "$top_builddir/core/.libs/libvirtloom.so" "$include"/virtloom/{types,feature,driver,tool,storage,network}.h > "$tmp/null.c" 2> "$tmp/calls" || bail "null-calls"
# shellcheck disable=SC2086 # a compiler is words
${CC:-cc} -shared -fPIC -I"$include" -I"$top_builddir/include" "$tmp/null.c" -o "$modules/null.so" \
  -L"$top_builddir/core/.libs" -lvirtloom -Wl,-rpath,"$top_builddir/core/.libs" || bail "null.c cannot be built"
printf '[plugin]\nkind = feature\nkeys = null:call\n' > "$config/plugins.d/null.conf"
chmod -R go-w "$config" "$tmp/tree"

true_that "the headers have many such calls" [ "$(wc -l < "$tmp/calls")" -gt 40 ]
while read -r number call text; do
  cat > "$tmp/request.json" << EOJ
{ "name": "null", "flavor": { "name": "m1", "vcpus": 1, "ram": 512, "disk": 1,
  "extra_specs": { "null:call": "$number" } }, "image": { "name": "debian", "disk_format": "qcow2" } }
EOJ
  run "$top_builddir/tools/virtloom" --tree "$tmp/tree" --config "$config" --state "$state" --driver fake plan --request "$tmp/request.json"
  case $rc:$err in
    1:*"error PluginFault null: "*) ok "$call: $text" ;;
    *) not_ok "$call: $text"; diag "exit code $rc: $err" ;;
  esac
done < "$tmp/calls"
done_testing
