#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Names and keys that look like others are refused wherever one is given, by one rule.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils

f () { vl --driver fake "$@"; }
truncate -s 1M "$tmp/disk.raw"
f flavor create m1 --vcpus 1 --ram 64 --disk 1 > "$tmp/.out"
f image create img --file "$tmp/disk.raw" --disk-format raw > "$tmp/.out"
echo 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1dCBub3QgYSByZWFsIGtleSwganVzdCB0ZXh0 me@here' > "$tmp/id.pub"
f host show -o json > "$tmp/good.json"

# refused TEXT COMMAND...: it is, with that text alone.
refused () {
  local text=$1
  shift
  run "$@"
  is_eq "$err" "error $text" "refused: ${*//$tmp/}"
  [ "$rc" -ge 2 ] || not_ok "with exit code $rc"
}
seen='accepted: printable text'
while IFS='|' read -r bytes shown problem; do
  # shellcheck disable=SC2059 # the bytes are a format
  bad=$(printf "$bytes.") bad=${bad%.}
  shown=${shown//_/ }
  cp "$tmp/good.json" "$tmp/$bad.json"
  for noun in flavor image server; do
    case $noun in
      flavor) args=(--vcpus 1 --ram 64) ;;
      image) args=(--file "$tmp/disk.raw" --disk-format raw) ;;
      server) args=(--flavor m1 --image img) ;;
    esac
    refused "InvalidName core: the name of the $noun $problem" f "$noun" create "$bad" "${args[@]}"
  done
  server=(f server create s --flavor m1 --image img)
  for where in 'flavor set m1' 'flavor create m2 --vcpus 1 --ram 64' 'server create s --flavor m1 --image img' 'plan --flavor m1 --image img'; do
    text="InvalidRequest core: \$.properties['$shown']: the key '$shown' $problem (the command line)"
    case $where in flavor*) text="InvalidProperty core: the property key \"$shown\" $problem" ;; esac
    # shellcheck disable=SC2086 # words
    refused "$text" f $where --property "$bad=1"
  done
  for where in 'set img' "create i2 --disk-format raw --file $tmp/disk.raw"; do
    # shellcheck disable=SC2086 # words
    refused "InvalidProperty core: the property key \"$shown\" $problem" f image $where --property "$bad=1"
  done
  refused "InvalidRequest core: \$.metadata['$shown']: the key '$shown' $problem (the command line)" "${server[@]}" --metadata "$bad=1"
  refused "InvalidRequest core: \$.public_keys['$shown']: the key '$shown' $problem (the command line)" \
    "${server[@]}" --ssh-key "$tmp/id.pub" --key-name "$bad"
  refused "InvalidRequest core: \$.hostname: '$shown' is no host name; accepted: letters, digits and '-' in labels of 1 to 63 with '.' between them, at most 253 in all (the command line)" \
    "${server[@]}" --hostname "$bad"
  refused "InvalidRequest core: \$.networks[0].bridge: '$shown' is no name of a network interface; accepted: printable ASCII without blank, '/' and ':' (the command line)" \
    "${server[@]}" --network "bridge=$bad"
  case $bad in ' '*) ;; *)
    refused "InvalidBDM core: \$.block_devices[0].path: '/$shown' $problem (the command line)" "${server[@]}" --volume "path=/$bad,format=raw"
    refused "StateUnusable core: the name of the STATE folder $problem" vl --state "/$bad" flavor list
    cd "$tmp" || exit 99
    refused "InvalidName core: the name of the host file '$shown.json' $problem" f --host "$bad.json" plan --flavor m1 --image img
    cd "$OLDPWD" || exit 99 ;;
  esac
  # The same in files.
  printf '[{"Name":"%s","VCPUs":1,"RAM":64,"Disk":1,"Properties":{}}]' "$bad" > "$tmp/flavors"
  echo '[{"name":"i","disk_format":"raw","properties":{}}]' > "$tmp/images"
  run f audit --flavors "$tmp/flavors" --images "$tmp/images"
  has "$rc $out" "error InvalidName core: \$.flavor.name: '$shown' $problem" "a flavor of a catalogue"
  for member in name flavor.name image.name extra_specs properties image.properties metadata public_keys; do
    case $member in
      name) part="\"name\": \"$bad\"," mode='' where=\$.name ;;
      flavor.name) part='' mode=", \"name\": \"$bad\"" where=\$.flavor.name ;;
      image.name) part="\"image\": {\"name\": \"$bad\"}," mode='' where=\$.image.name ;;
      extra_specs) part='' mode=", \"extra_specs\": {\"$bad\": \"1\"}" where=\$.flavor.extra_specs ;;
      image.properties) part="\"image\": {\"properties\": {\"$bad\": \"1\"}}," mode='' where=\$.image.properties ;;
      *) part="\"$member\": {\"$bad\": \"1\"}," mode='' where=\$.$member ;;
    esac
    echo "{$part \"flavor\": {\"vcpus\": 1, \"ram\": 64, \"disk\": 1$mode}}" > "$tmp/request.json"
    case $member in
      *name) text="InvalidName core: $where: '$shown' $problem ($tmp/request.json)" ;;
      *) text="InvalidRequest core: ${where}['$shown']: the key '$shown' $problem ($tmp/request.json)" ;;
    esac
    run f plan --request "$tmp/request.json"
    has "$rc $err" "error $text" "in a request: $member"
  done
  cat > "$tmp/request.json" << EOJ
{"flavor": {"vcpus": 1, "ram": 64, "disk": 1}, "block_devices": [{"source_type": "volume", "destination_type": "volume",
 "uuid": "11111111-2222-4333-8444-555555555555", "connection_info": {"driver_volume_type": "rbd", "data": {"name": "$bad"}}}]}
EOJ
  run f plan --request "$tmp/request.json"
  has "$rc $err" "error InvalidBDM rbd: \$.block_devices[0].connection_info: connection_info has '$shown' as data.name, which $problem" "a volume of a backend"
  sed "s/\"facts\": {/&\n    \"x.$bad\": \"1\",/" "$tmp/good.json" > "$tmp/host.json"
  case $bad in ' '*) ;; *)
    run f --host "$tmp/host.json" plan --flavor m1 --image img
    has "$rc $err" "InvalidHostFile core: \$.facts['x.$shown'] $problem" "a fact of a host file" ;;
  esac
done << EOF
a\xe2\x80\x8bb|a\xe2\x80\x8bb|has a character that is not seen; $seen
a\xe2\x80\xaeb|a\xe2\x80\xaeb|has a character that is not seen; $seen
a\xe3\x85\xa4b|a\xe3\x85\xa4b|has a character that is not seen; $seen
a\xef\xb8\x8fb|a\xef\xb8\x8fb|has a character that is not seen; $seen
a\xc2\xa0b|a\xc2\xa0b|has a blank other than U+0020; $seen
\x20a|_a|begins or ends with a blank; accepted: text without blanks around it
EOF

done_testing
