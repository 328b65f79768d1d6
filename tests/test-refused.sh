#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Plugins that were refused: what needs them fails with 7, all else goes on and
# says so in a warning.
. "${srcdir:-$(dirname "$0")}/tap.sh"
needs jq jq

cat > "$tmp/empty.json" << 'EOJ'
{ "name": "empty", "flavor": { "name": "m1", "vcpus": 1, "ram": 512, "disk": 1 },
  "image": { "name": "debian", "disk_format": "qcow2" } }
EOJ
sed 's/"disk": 1 /"disk": 1, "extra_specs": { "hw:watchdog_action": "reset" } /' "$tmp/empty.json" > "$tmp/watchdog.json"

# ---- who is critical ----

active_of () {
  "$VL_RUN" virtloom --state "$state" "$@" plan --request "$tmp/empty.json" -o json \
    | sed -n '/"active"/,/^  \]/p' | sed -n 's/.*"feature": "\(.*\)".*/\1/p'
}
{
  active_of --driver fake
  for host in "$top_srcdir"/tests/hosts/*.json "$top_srcdir"/drivers/fake/hosts/*.json; do
    active_of --driver libvirt-kvm --host "$host"
    active_of --driver qemu-tcg --host "$host"
  done
} 2> /dev/null | LC_ALL=C sort -u > "$tmp/active"
grep -lE '^critical *= *yes' "$top_srcdir"/plugins.d/*.conf | sed 's,.*/\(.*\)\.conf,\1,' | LC_ALL=C sort > "$tmp/critical"
true_that "some features act on every guest" [ "$(wc -l < "$tmp/active")" -gt 10 ]
is "$(diff "$tmp/active" "$tmp/critical")" "" "those that act without a key are critical as packaged, and no others"

# ---- one whose key a request may have ----

fake () { vl --driver fake "$@"; }
printf '[plugin]\nkeys =\n' > "$config/plugins.d/watchdog.conf"
chmod go-w "$config/plugins.d/watchdog.conf"
run fake feature list
is_rc 0 "feature list with a refused plugin"
has "$err" "warning PluginRefused watchdog: the keys of its conf and of its tables differ" "it says so in a warning"
run fake feature show watchdog
is_rc 0 "feature show of it"
has "$out" "refused" "it shows the state"
run fake plan --request "$tmp/empty.json"
is_rc 0 "a plan that does not need it"
has "$err" "warning PluginRefused watchdog: " "says so too"
lacks "$err" "error" "without an error"
run fake server list
is_rc 0 "server list"
run fake config check
is_rc 7 "config check"
has "$err" "error PluginRefused watchdog: the keys of its conf" "to which it is an error"
printf '[plugin]\nenabled = yes\n[settings]\nnonsense = 1\n' > "$config/plugins.d/watchdog.conf"
run fake plan --request "$tmp/watchdog.json"
is_rc 7 "a plan that has its key"
has "$err" "error PluginRefused watchdog: 'hw:watchdog_action' is for feature 'watchdog' (" "names key and feature"
has "$err" "), which is refused: unknown setting 'nonsense'" "and why"
printf '[plugin]\nenabled = no\n' > "$config/plugins.d/watchdog.conf"
run fake plan --request "$tmp/watchdog.json"
is_rc 4 "a plugin that is switched off"
has "$err" "error FeatureUnavailable watchdog: 'hw:watchdog_action' is for feature 'watchdog' (" "stays what it was"
rm "$config/plugins.d/watchdog.conf"

# ---- a critical one ----

run fake flavor create m1 --vcpus 1 --ram 512 --disk 1
run fake server create before --flavor m1 --volume "path=$tmp/none,format=raw"
printf '[settings]\nnonsense = 1\n' > "$config/plugins.d/acpi.conf"
chmod go-w "$config/plugins.d/acpi.conf"
run fake plan --request "$tmp/empty.json"
is_rc 7 "no plan without a critical plugin"
has "$err" "error PluginRefused acpi: unknown setting 'nonsense'; accepted: libvirt_disable_apic (" "says which and why"
has "$err" "
  mend it; or, if guests may be made without it: virtloom feature disable acpi" "and what to do"
run fake server create a --flavor m1
is_rc 7 "nor a server"
for words in "server list" "flavor list" "feature list" "config show" "flavor show m1" "driver list"; do
  # shellcheck disable=SC2086 # words
  run fake $words
  is_rc 0 "$words goes on"
  lacks "$err" "error" "$words has no error"
done
run fake server show none
is_rc 5 "a command ends as it would without the refusal"
run fake feature disable acpi
is_rc 0 "it can be turned off"
run fake plan --request "$tmp/empty.json"
is_rc 0 "and then a plan is made"
rm "$config"/plugins.d/*

# ---- the list of drivers, whose modules it loads ----

run vl driver list -o json
is_rc 0 "driver list"
version=$(vl --version) version=${version#virtloom }
summary="guests that are only records, on any recorded host"
is "$(jq -c '[.drivers[] | select (.name == "fake") | .state, .version, .summary, .reason]' <<< "$out")" "[\"enabled\",\"$version\",\"$summary\",null]" "what can be chosen, with version and summary"
is "$(jq -c '[.drivers[] | select (.version == null or .summary == null) | .name]' <<< "$out")" "[]" "which each has"
run vl driver show fake -o json
is "$(jq -r '.version, .summary' <<< "$out")" "$version
$summary" "as driver show has them"
run vl driver list
is "$(sed -n 's/  */ /g; 1p; /^fake/p' <<< "$out")" "Name State Auto Version Summary
fake enabled 0 $version $summary" "and as a table"
run vl driver list --no-headings -o value -c name,version,summary
is "$(grep ^fake <<< "$out")" "fake	$version	$summary" "and as values"
printf '[settings]\nnonsense = 1\n' > "$config/plugins.d/qemu-tcg.conf"
chmod go-w "$config/plugins.d/qemu-tcg.conf"
run vl driver list -o json
is "$rc $(jq -c '[.drivers[] | select (.name == "qemu-tcg") | .state, (.reason | startswith ("unknown setting"))]' <<< "$out")" '0 ["refused",true]' "one that is refused is in the list"
run vl driver list --long
is_rc 0 "with --long"
has "$out" "unknown setting 'nonsense'" "which says why"
has "$err" "warning PluginRefused qemu-tcg: unknown setting 'nonsense'" "beside a warning"
rm "$config/plugins.d/qemu-tcg.conf"
done_testing
