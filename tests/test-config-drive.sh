#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What a guest is told: every file of a config drive, of both formats, compared with
# tests/config-drive/*.expected.  VL_TEST_REGENERATE=1 writes these anew.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs genisoimage genisoimage
needs isoinfo genisoimage
needs mkfs.vfat dosfstools
needs mcopy mtools
needs jq jq
f () { vl --driver fake -q "$@"; }

truncate -s 8M "$tmp/disk.raw"
truncate -s 1M "$tmp/volume.raw"
f flavor create plain --vcpus 1 --ram 64 --disk 1 > "$tmp/.out"
f flavor create rich --vcpus 4 --ram 64 --disk 1 --ephemeral 1 --swap 8 --property hw:cpu_policy=mixed \
  --property hw:cpu_dedicated_mask=^0-1 > "$tmp/.out"
f image create img --file "$tmp/disk.raw" --disk-format raw > "$tmp/.out"

# unpack SERVER FOLDER: all of its config drive, by tools that read such file systems without mounting.
unpack () {
  local drive file
  drive=$state/servers/$(f server show "$1" -o json | jq -r 'first(.. | .uuid? // empty)')/disk.config
  rm -rf "$2"
  mkdir "$2"
  case $(dd if="$drive" bs=1 skip=32769 count=5 2> /dev/null | tr '\0' ' ') in
    CD001)
      label=$(isoinfo -d -i "$drive" | sed -n 's/^Volume id: //p')
      isoinfo -R -f -i "$drive" | while read -r file; do
        case ${file##*/} in
          *[-_]data* | 0[0-9]*)
            mkdir -p "$2${file%/*}"
            isoinfo -R -x "$file" -i "$drive" > "$2$file"
            ;;
        esac
      done
      ;;
    *)
      label=$(LC_ALL=C mdir -i "$drive" :: | sed -n 's/^ Volume in drive : is \([^ ]*\).*/\1/p')
      mcopy -s -n -i "$drive" ::/ec2 ::/openstack "$2"
      ;;
  esac
}
# Each JSON object in one form; a seed is replaced by what is known of it.
show () {
  local file
  (
    cd "$1" || exit
    find . -type f -printf '%P\n' | LC_ALL=C sort | while read -r file; do
      echo "== $file"
      case $file in
        *.json) jq -cS 'if .random_seed? then .random_seed |= "\(length) digits of base64" else . end' "$file" ;;
        *) od -An -c "$file" ;;
      esac
    done
  )
}
# as_expected NAME FOLDER WHAT
as_expected () {
  local expected=$top_srcdir/tests/config-drive/$1.expected
  show "$2" > "$tmp/shown"
  [ -z "${VL_TEST_REGENERATE:-}" ] || cp "$tmp/shown" "$expected"
  if diff -u "$expected" "$tmp/shown" > "$tmp/diff"; then ok "$3"; else
    not_ok "$3"
    diag "$(head -n 40 "$tmp/diff")"
  fi
}
# A request for server NAME with all that there is to say.
request () {
  cat << END
{ "name": "$1", "uuid": "$2", "hostname": "web.example.org",
  "flavor": $3, "image": { "name": "img" },
  "networks": [
    { "id": "nic-lan", "bridge": "br0", "address": "52:54:00:00:00:01", "mtu": 1400, "tag": "lan" },
    { "bridge": "br1", "address": "52:54:00:00:00:02" },
    { "type": "user", "address": "52:54:00:00:00:03", "tag": "out" } ],
  "block_devices": [
    { "path": "$tmp/volume.raw", "format": "raw", "uuid": "aaaaaaaa-0000-4000-8000-00000000000$4", "tag": "data" } ],
  "metadata": { "role": "web", "note": "größer \"als\" nichts" },
  "public_keys": { "mine": "ssh-ed25519 AAAAC3Nza me@here", "other": "ssh-rsa AAAAB3Nza" },
  "user_data": "#cloud-config\r\n{}\n  - öffnen\n" }
END
}
rich='{ "name": "rich", "vcpus": 4, "ram": 64, "disk": 1, "ephemeral": 1, "swap": 8,
  "extra_specs": { "hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0-1" } }'
echo 's3cret word' > "$tmp/password"
echo 'wisdom of the day' > "$tmp/motd"
printf 'a\0b\r\n\xff' > "$tmp/bytes"
echo '{ "cloud-init": "#cloud-config\n{}", "ours": [1, { "deep": null }] }' > "$tmp/vendor.json"

# ---- ISO 9660, with all that can be said ----

main_setting storage "vendordata_jsonfile_path = $tmp/vendor.json"
run f server create web --request - --password "$tmp/password" --file "/etc/motd=$tmp/motd" --file "/srv/bytes=$tmp/bytes" \
  <<< "$(request web 11111111-2222-4333-8444-555555555555 "$rich" 1)"
is_rc 0 "a server that is told all there is"
unpack web "$tmp/iso"
is "$label" config-2 "its config drive has the label that guests look for"
as_expected all "$tmp/iso" "every version has what Nova's has"
true_that "a file has the bytes that were given" cmp "$tmp/bytes" "$tmp/iso/openstack/content/0001"
is "$(jq -r '.random_seed' "$tmp"/iso/openstack/*/meta_data.json | grep -v null | sort -u | wc -l)" 9 "each version has a seed of its own"
is "$(jq -r .random_seed "$tmp/iso/openstack/latest/meta_data.json" | base64 -d | wc -c)" 512 "of 512 bytes"
true_that "password and files are on no record" sh -c "! grep -rlaqE 's3cret word|wisdom' '$state'/state.db*"
run f server show web -o json
lacks "$out$err" 's3cret' "and nowhere shown"
lacks "$out$err" '/etc/motd' "nor is where the files go"

# ---- vfat, and a guest that is told nothing ----

main_setting storage 'config_drive_format = vfat' "vendordata_jsonfile_path = $tmp/vendor.json"
f server delete web
run f server create web --request - --password "$tmp/password" --file "/etc/motd=$tmp/motd" --file "/srv/bytes=$tmp/bytes" \
  <<< "$(request web 11111111-2222-4333-8444-555555555555 "$rich" 1)"
is_rc 0 "the same server with vfat"
unpack web "$tmp/vfat"
is "$label" config-2 "has the same label"
is "$(show "$tmp/vfat")" "$(show "$tmp/iso")" "and the same files"
f server delete web
main_setting storage 'config_drive_skip_versions ='
run f server create plain --request - <<< '{ "name": "Grün & Co", "uuid": "21111111-2222-4333-8444-555555555555", "flavor": { "vcpus": 1, "ram": 64, "disk": 1 }, "image": { "name": "img" }, "config_drive": true }'
is_rc 0 "a server that is told nothing"
unpack plain "$tmp/plain"
as_expected plain "$tmp/plain" "has no member for what was not said; EC2's old versions are there when asked for"
f server delete plain
main_setting virtloom 'dhcp_domain = example.net' 'default_availability_zone = cellar'
f server create here --flavor plain --image img --config-drive > "$tmp/.out"
unpack here "$tmp/here"
is "$(jq -r '.hostname + " " + .availability_zone' "$tmp/here/openstack/latest/meta_data.json")" "here.example.net cellar" \
  "the operator's domain and zone"
f server delete here

# ---- mistakes ----

refused () {
  local text=$1 code=$2
  shift 2
  run f server create bad --flavor plain --image img "$@"
  is "$rc $err" "$code $text" "refused: ${*//$tmp/}"
}
refused "error Usage core: --file 'motd'; accepted: GUEST=FILE, the path in the guest and a file of this machine
  --file /etc/motd=motd.txt" 2 --file motd
refused "error NotFound core: --file '$tmp/none' cannot be read: No such file or directory; accepted: a file" 5 --file "/a=$tmp/none"
refused "error Invalid core: file 'etc/motd' of the guest is no absolute path; accepted: '/' and what follows" 3 --file "etc/motd=$tmp/motd"
refused "error Invalid core: file '/a/../b' of the guest has a '..' in it; accepted: a path without" 3 --file "/a/../b=$tmp/motd"
for each in / /a/ /a/.; do
  refused "error Invalid core: file '$each' of the guest names a folder; accepted: the path of a file" 3 --file "$each=$tmp/motd"
done
refused "error Invalid core: file '/a' of the guest is given twice" 3 --file "/a=$tmp/motd" --file "/a=$tmp/bytes"
refused "error Invalid core: file '/$(printf 'a%.0s' {1..63})...' of the guest is too long; accepted: at most 255 bytes" 3 \
  --file "/$(printf 'a%.0s' {1..255})=$tmp/motd"
truncate -s 1048577 "$tmp/large"
refused "error Invalid core: '$tmp/large' is larger than 1048576 bytes" 3 --file "/a=$tmp/large"
many=()
for ((i = 0; i < 65; i++)); do many+=(--file "/$i=$tmp/motd"); done
run f server create bad --flavor plain --image img "${many[@]}"
is "$rc $err" "3 error Invalid core: 65 files for the guest; accepted: at most 64" "refused: 65 files"
run f image create twice --file "$tmp/motd" --file "$tmp/motd" --disk-format raw
is "$rc $err" "2 error Usage core: option '--file' is given twice, with '$tmp/motd' and '$tmp/motd'
  give it once" "an image is one file"

hint="vendordata_jsonfile_path in section [storage] of virtloom.conf names a file with one JSON object; leave it out to have no vendor data"
vendor () {
  main_setting storage "vendordata_jsonfile_path = $1"
  run f server create bad --flavor plain --image img --config-drive
  is "$rc $err" "7 error InvalidConfiguration core: vendor data '$1' $2
  $hint" "vendor data that $2"
}
vendor "$tmp/nothing" "cannot be read: No such file or directory"
echo '[]' > "$tmp/list.json"
vendor "$tmp/list.json" "is no JSON object"
echo '{ "a": ' > "$tmp/cut.json"
vendor "$tmp/cut.json" "is not JSON (line 2, column 0)"
is "$(f server list -o json | jq '[.. | .uuid? // empty] | length')" 0 "and leaves no server"
done_testing
