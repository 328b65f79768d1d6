#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Hostile and damaged modules: each is refused by the gate, or named when its code
# faults; plugin check fails each; and what need not load it goes on.
. "${srcdir:-$(dirname "$0")}/tap.sh"
needs readelf binutils
[ -z "${VL_SANITIZE:-}" ] || skip_all "the sanitizers have handlers of their own"

modules=$tmp/tree/hostile/.libs
mkdir -p "$modules"
for part in confine drivers features networks storage packaging plugins.d; do ln -s "$top_builddir/$part" "$tmp/tree/$part"; done
"$top_srcdir/tests/hostile" "$top_srcdir" "$top_builddir" "$modules" > "$tmp/list" 2> "$tmp/errors" || bail "$(tail -n 3 "$tmp/errors")"
chmod -R go-w "$tmp/tree"
true_that "there are many" [ "$(wc -l < "$tmp/list")" -ge 60 ]
cat > "$tmp/request.json" << 'EOJ'
{ "name": "empty", "flavor": { "name": "m1", "vcpus": 1, "ram": 512, "disk": 1 },
  "image": { "name": "debian", "disk_format": "qcow2" } }
EOJ
one () { "$top_builddir/tools/virtloom" --tree "$tmp/tree" --config "$config" --state "$state" --driver fake "$@"; }
# The fake driver's host is a file, so that no feature probes it: --driver x does that.
export VL_TEST_TRACE=$tmp/trace

one flavor create m1 --vcpus 1 --ram 512 --disk 0 > /dev/null
while read -r name class words; do
  rm -f "$tmp/trace"
  conf=$config/plugins.d/$name.conf
  printf '[plugin]\nkind = feature\n' > "$conf"
  chmod go-w "$conf"
  # What opens no module goes on in any case.
  run one config show
  is_rc 0 "$name: config show"
  case $class in
    gate | load)
      run one feature show "$name" -o json
      is_rc 0 "$name: feature show goes on"
      is "$(value state)" refused "$name: it is refused"
      has "$out" "$(sed 's/"/\\"/g' <<< "$words")" "$name: $words"
      ;;
  esac
  run one config check
  case $class in
    gate) is_rc 7 "$name: config check fails"
      has "$err" "error PluginRefused $name: module '$modules/$name.so' $words" "$name: and says why"
      true_that "$name: nothing of it has run" [ ! -e "$tmp/trace" ] ;;
    load) is_rc 7 "$name: config check fails"
      has "$err" "error PluginRefused $name: its code " "$name: and says which"
      has "$err" "$words" "$name: and why" ;;
    probe | permit) is_rc 0 "$name: config check does not go there" ;;
    *) is_rc 7 "$name: config check fails"
      has "$err" "$words ($modules/$name.so)" "$name: and says why" ;;
  esac
  case $class in
    gate) run one plan --request "$tmp/request.json"
      is_rc 0 "$name: a plan goes on"
      has "$err" "warning PluginRefused $name: " "$name: and says so" ;;
    probe | load) ;;
    permit) truncate -s 1M "$tmp/$name.raw"
      run one server create "$name" --flavor m1 --volume "path=$tmp/$name.raw,format=raw,boot_index=0"
      is_rc 0 "$name: a server of which it is a part"
      run one server suspend "$name"
      has "$err" "error PluginFault $name: $words ($modules/$name.so)" "$name: $words" ;;
    *) run one plan --request "$tmp/request.json"
      true_that "$name: no success" [ "$rc" -ne 0 ]
      is "$out" "" "$name: no answer"
      has "$err" "error PluginFault $name: $words ($modules/$name.so)
  'enabled = no' in plugins.d/$name.conf turns it off" "$name: $words" ;;
  esac
  case $class in
    probe | permit | load) ;;
    *) run one plugin check "$modules/$name.so"
      true_that "$name: plugin check fails" [ "$rc" -ne 0 ] ;;
  esac
  run one feature disable "$name"
  is_rc 0 "$name: it can be turned off"
  run one plan --request "$tmp/request.json"
  is_rc 0 "$name: and is out of the way"
  rm "$conf"
done < "$tmp/list"
done_testing
