#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Every key of a flavor and of an image, and every setting that is text, with the extremes of
# numbers and odd texts: what cannot be is told of the key that caused it, not of the document
# that came of it, and by no fault of virtloom.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"

numbers='-9223372036854775809 -9223372036854775808 -1 0 1 2 3 63 64 127 128 255 256 4095 4096 65535 65536 2147483647
 2147483648 4294967295 4294967296 9223372036854775807 9223372036854775808 18446744073709551616'
texts=('' a é "<&>'" ']]>' '%s%n' 'a,b' 'a b' ../../etc / yes no auto true 0x10 ' 1' '1 ' 1.5 - : ',' '0,0' 1-0 0-1 0-63
  '^1' a=b '\\' '$(id)' 😀 ' ' 1G 2048 any "$(printf '%255s' '' | tr ' ' x)" "$(printf '%4000s' '' | tr ' ' y)")

# "LAYER KEY ACCEPTED" of every row that has a key in LAYER, flavor, image or setting.
rows () {
  local feature
  for feature in $(cd "$top_srcdir/features" && echo *.c); do
    vl feature show "${feature%.c}" -o json | awk '
      /"type": "/ { split($0, part, "\""); type = part[4] }
      /"accepted": / { accepted = ""; if (split($0, part, "\"") > 3) accepted = part[4] }
      /"(flavor|image|setting)": "/ { split($0, part, "\"")
        print part[2], part[4], type, FEATURE, accepted }' FEATURE="${feature%.c}"
  done
}
rows > "$tmp/rows"
true_that "there are many" test "$(wc -l < "$tmp/rows")" -gt 100

# items LAYER KEY VALUE...: members of a catalogue.
items () {
  local layer=$1 key=${2%.N} value
  [ "$key" = "$2" ] || key=$key.0
  shift 2
  for value in "$@"; do
    n=$((n + 1))
    if [ "$layer" = flavor ]; then
      printf ',{"name":"%s","vcpus":2,"ram":512,"disk":1,"properties":{"%s":"%s"}}\n' "$n" "$key" "$value"
    else
      printf ',{"name":"%s","disk_format":"qcow2","properties":{"%s":"%s"}}\n' "$n" "$key" "$value"
    fi
  done
}
n=0
while read -r layer key _ _ accepted; do
  [ "$layer" != setting ] || continue
  # shellcheck disable=SC2086 # numbers are words
  items "$layer" "$key" $numbers "${texts[@]}" >> "$tmp/$layer.list"
  # What is accepted, and one more and one less of each number in it.
  for value in ${accepted//,/ }; do
    items "$layer" "$key" "$value" >> "$tmp/$layer.list"
    [[ ! $value =~ ^-?[0-9]{1,18}$ ]] || items "$layer" "$key" "$((value + 1))" "$((value - 1))" >> "$tmp/$layer.list"
  done
done < "$tmp/rows"
for layer in flavor image; do { printf '['; sed '1s/^,//' "$tmp/$layer.list"; printf ']'; } > "$tmp/$layer.many"; done
echo '[{"name":"f","vcpus":2,"ram":512,"disk":1,"properties":{}}]' > "$tmp/flavor.one"
echo '[{"name":"i","disk_format":"qcow2","properties":{}}]' > "$tmp/image.one"
wrong='"code": "(Schema[A-Za-z]*|InternalError|Failed|PluginFault)"'
for layer in flavor image; do
  for driver in fake libvirt-kvm; do
    hosts=()
    [ "$driver" = fake ] || hosts=(--host kvm-x86_64 --host aarch64)
    flavors=$tmp/flavor.one images=$tmp/image.one
    if [ "$layer" = flavor ]; then flavors=$tmp/flavor.many; else images=$tmp/image.many; fi
    run vl --driver "$driver" audit --flavors "$flavors" --images "$images" "${hosts[@]}" -o json
    has "$rc $out" '"faults"' "keys of the $layer for $driver: planned"
    is "$(grep -E -A 9 "$wrong" <<< "$out")" '' "and each fault is one of its key"
  done
done
true_that "of $n values" test "$n" -gt 4000

# ---- settings ----

# A plan to the end: the schema is asked of nothing else.
request='{"flavor": {"vcpus": 2, "ram": 512, "disk": 1}, "image": {"name": "i", "disk_format": "qcow2"}}'
run vl --driver libvirt-kvm --host kvm-x86_64 plan --request - <<< "$request"
is_rc 0 "a plan with no settings"
tried=0 bad=''
while read -r layer key type feature _; do
  [[ $layer = setting && $type =~ ^(string|list)$ ]] || continue
  for value in é "<&>'" ']]>' 'a,b' 'a b' / '$(id)' 😀 1:2 '[::]' 65536 "$(printf '%1000s' '' | tr ' ' x)"; do
    case $feature in
      graphics) setting graphics 'spice_enabled = yes' "$key = $value" ;;
      serial-console) setting serial-console 'serial_console_enabled = yes' "$key = $value" ;;
      *) setting "$feature" "$key = $value" ;;
    esac
    run vl --driver libvirt-kvm --host kvm-x86_64 plan --request - <<< "$request"
    tried=$((tried + 1))
    ! grep -qE '^error (Schema[A-Za-z]*|InternalError|Failed|PluginFault) ' <<< "$err" || bad="$bad
$feature.$key=$value: $err"
  done
  rm "$config/plugins.d/$feature.conf"
done < "$tmp/rows"
is "$bad" '' "settings that are text"
true_that "of $tried" test "$tried" -gt 80

done_testing
