#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Plugins that reach disks and networks: what they are called for and when, what is undone
# where a call fails, and what is said where one is missing, doubled or gone.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/tree-lib.sh
. "$(dirname "$0")/tree-lib.sh"
needs qemu-img qemu-utils

store=$tmp/store fabric=$tmp/fabric
mkdir "$store"
# of NAME FILE SETTING...: the plugin, with these settings.
of () {
  plugin "$1" ".libs/$2"
  { echo '[settings]'; shift 2; printf '%s\n' "$@"; } >> "$config/plugins.d/$1.conf"
}
array () { of array array "store = $store" "$@"; }
fabric () { of fabric fabric "trace = $fabric" "$@"; }
# The calls since the last time.
calls () { cat "$store/trace" "$fabric" 2> /dev/null; rm -f "$store/trace" "$fabric"; }
stored () { find "$store" -type f ! -name trace -printf '%s\n' | sort -n | paste -sd ' '; }
# use TYPE: images_type.
use () { printf '[storage]\nimages_type = %s\n' "$1" > "$config/virtloom.conf"; }

truncate -s 1M "$tmp/disk.raw"
array; fabric; use array
run f flavor create m1 --vcpus 1 --ram 128 --disk 0 --swap 8
run f image create img --file "$tmp/disk.raw" --disk-format raw
is_rc 0 "flavor and image"

# ---- a life ----

server () { f server create "$1" --flavor m1 --image img --network fabric; }
run server one
is_rc 0 "a server on an array and a fabric"
tap=$(f explain one | sed -n 's,^/domain/devices/interface\[1\]/target/@dev = \([^ ]*\) .*,\1,p')
is_eq "$(calls)" "make root 1048576 -
make swap 8388608 -
plug nic0 direct $tap" "what is made and plugged"
is_eq "$(stored)" "1048576 8388608" "lies in the store"
run f explain one
has "$out" "/domain/devices/interface[1]/@type = ethernet  <- fabric" "the type is the plugin's"
run f server stop one
is_eq "$rc $(calls)" "0 " "stop undoes nothing"
use default
run f server start one
is_rc 0 "it starts, whatever images_type says today"
is_eq "$(calls)" "plug nic0 direct $tap" "and is plugged in before"
uuid=$(f server show one -o value -c uuid)
run f server rescue one
is_eq "$rc $err" "4 error InstanceNotRescuable core: the rescue disk of server \"one\" would be \"$store/$uuid-rescue\", no file in its folder; \
such servers are not rescued" "a server whose disks lie elsewhere is not rescued"
run f server rebuild one
is_eq "$rc $err" "4 error InstanceDeployFailure core: disk 'root' of server \"one\" is \"$store/$uuid-root\", and storage plugin \"array\" \
makes no other beside it; such disks are not made anew" "nor rebuilt"
is_eq "$(calls)" "" "and no plugin is asked to do anything"
run f server delete one
is_rc 0 "it goes"
is_eq "$(calls)" "remove root 1048576 -
remove swap 8388608 -
unplug nic0 direct $tap" "with what was made for it"
is_eq "$(stored)" "" "of which nothing is left"
use array

# ---- calls that fail ----

array 'fails = make'
run server two
is_eq "$rc ${err%%$'\n'*}" "1 error Failed array: make fails as it is told (fails=make, setting, \
$config/plugins.d/array.conf:7)" "a make that fails"
is_eq "$(calls) $(stored)" "make root 1048576 -
remove root 1048576 - " "is undone"
array; fabric 'fails = plug'
run server two
is_rc 1 "a plug that fails"
is_eq "$(calls | grep -c -e remove -e unplug)" 3 "is undone, with all else"
is_eq "$(f server list | wc -l) $(stored)" "1 " "there is no server, and nothing in the store"
fabric
array 'fails = remove'
run server three
run f server delete three
is_rc 1 "a remove that fails keeps the server"
array
calls > "$tmp/before"
run f server delete three
is_eq "$rc $(stored)" "0 " "until it can be done"
calls > "$tmp/before"

# ---- what is there and on no record ----

run server there
: > "$store/11111111-2222-4333-8444-555555555555-root"
run f state check
is_eq "$rc $out" "1 FAIL  disk: disk \"11111111-2222-4333-8444-555555555555-root\" of the array is of no server on record" \
  "state check tells a disk that is of no server, and none that is of one"
array 'fails = made'
run f state check
is_eq "$rc $out" "1 FAIL  storage: made fails as it is told" "or why it cannot"
array
rm "$store/11111111-2222-4333-8444-555555555555-root"
run f server delete there
calls > "$tmp/before"

# ---- missing, doubled, gone ----

run server four
purge array
run f server delete four
give_up="put 'array' back; to give up what it reaches: virtloom server delete --abandon array four"
is_eq "$rc $err" "7 error FeatureUnavailable core: plugin \"array\", which reaches 'root', is not installed
  $give_up
error FeatureUnavailable core: plugin \"array\", which reaches 'swap', is not installed
  $give_up" "a plugin that is gone is named"
run f plan --flavor m1 --image img
is_eq "$rc $err" "7 error PluginRefused core: no loaded plugin answers for images_type 'array'; accepted: default \
flat lvm overlay qcow2 raw rbd ($config/virtloom.conf:2)
  enable the storage plugin that answers for it" "and its images_type is nobody's"
array
run f server delete four
is_eq "$rc $(stored)" "0 " "with the plugin the server goes"

# Its plugins never come back.
run server given-up
purge fabric
purge array
run f server delete given-up
is_rc 7 "two plugins that are gone"
run f server delete given-up --abandon image
is_eq "$rc ${err%%$'\n'*}" "5 error PluginNotFound core: no plugin 'image' holds anything for server \"given-up\"; accepted: 'array', 'fabric'" \
  "those that are waited for are named"
run f server delete given-up --abandon fabric
is_eq "$rc ${err%%$'\n'*}" "7 warning Abandoned core: plugin 'fabric' reaches 'nic0' for server \"given-up\", which is given up: \
what is left of it on this host is for you to remove" "one is not waited for"
run f server delete given-up --abandon array
is_eq "$rc ${err%%$'\n'*}" "0 warning Abandoned core: plugin 'array' reaches 'root', 'swap' for server \"given-up\", which is given up: \
what is left of it on this host is for you to remove" "nor is the other"
is_eq "$(f server list | wc -l)" 1 "and the server is gone"
rm -f "$store"/*
array
fabric
of half half "store = $store"
use half
purge array
run f server create five --flavor m1 --image img
is_eq "$rc $err" "4 error NotImplemented core: storage plugin \"half\" does not have the call \"make\"
error NotImplemented core: storage plugin \"half\" does not have the call \"remove\"" "a call that is missing"
array
run f config check
is_rc 7 "config check fails where two plugins answer for one name"
run f plan --flavor m1 --image img
has "$err" "warning PluginConflict array: plugins 'array' and 'half' both answer for images_type 'array', so both are \
refused" "two for one name are both refused"
has "$err" "warning PluginConflict half: plugins 'half' and 'array' both answer for images_type 'array', so both are \
refused" "the other too"
done_testing
