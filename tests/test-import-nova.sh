#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# config import-nova: oslo.config's dialect, what is written and what is left out,
# and that the result is a configuration that loads and does what Nova's said.
. "${srcdir:-$(dirname "$0")}/tap.sh"

import () { run vl config import-nova "$@" --out "$tmp/out"; }
main () { cat "$tmp/out/virtloom.conf"; }
of () { cat "$tmp/out/plugins.d/$1.conf"; }
again () { rm -rf "$tmp/out"; }
# Nothing is written, whole or in part.
nothing () { is "$(ls -d "$tmp"/out* 2> /dev/null)" "" "$*: nothing is written"; }

# ---- as deployments have it ----

# All that is said and written, of each folder in tests/nova.
everything () {
  echo "exit code $rc"
  echo "$out"
  echo "$err"
  (cd "$tmp/out" && grep -rv '^# Made' . | LC_ALL=C sort -t: -k1,1 -s)
}
# ---- secrets that are drawn into other values ----

for drawn in keystone_authtoken.password DEFAULT.transport_url; do
  cat > "$tmp/drawn.conf" << EOF
[DEFAULT]
transport_url = rabbit://user:s3cret@host
[libvirt]
virt_type = qemu
rng_dev_path = \${$drawn}
[keystone_authtoken]
password = s3cret
EOF
  import "$tmp/drawn.conf"
  is_rc 3 "a secret is drawn into another value: $drawn"
  has "$err" "libvirt.rng_dev_path: it is made of $drawn, which may be a secret; write the value itself, if it is none" "it is refused"
  lacks "$out$err" s3cret "and not shown"
  nothing "a secret that is drawn into another value"
done

# A URI with a password is shown and written nowhere, whatever option it is given for.
for option in connection_uri cpu_mode rng_dev_path disk_cachemodes; do
  for uri in qemu+tcp://u:s3cretpw@h/system 'qemu://:s3cretpw@/x' "x://user:$(printf 's3cretpw%.0s' {1..15})@h"; do
    printf '[libvirt]\nvirt_type = qemu\n%s = %s\n' "$option" "$uri" > "$tmp/uri.conf"
    import "$tmp/uri.conf"
    is_rc 3 "a URI with a password: $option"
    has "$err" "libvirt.$option: it is a URI with a password, which no configuration keeps; leave the password out" "is refused"
    lacks "$out$err" s3cret "and not shown"
    nothing "a URI with a password"
  done
done

for folder in "$top_srcdir"/tests/nova/*/; do
  name=$(basename "$folder")
  case $name in
    debian) import "$folder/nova.conf" "$folder/nova-compute.conf" ;;
    *) import "$folder" ;;
  esac
  # Whether the driver can be used is this machine's affair.
  got=$(everything | sed "/^warning DriverUnavailable /,+1d; s|$tmp|TMP|g; s|$folder/*|DIR/|g")
  [ -z "${VL_TEST_REGENERATE:-}" ] || echo "$got" > "$top_srcdir/tests/nova/$name.expected"
  is "$got" "$(cat "$top_srcdir/tests/nova/$name.expected")" "$name"
  lacks "$out$err$(vl config import-nova "$folder" --out "$tmp/more" -o json)" "s3cret" "$name: no secret is shown"
  rm -rf "$tmp/more"
  run "$VL_RUN" virtloom --config "$tmp/out" --state "$state" config check
  is_rc 0 "$name: what was written loads"
  again
done

# ---- the dialect ----

cat > "$tmp/nova.conf" << 'EOF'
# a comment
; another
[DEFAULT]
debug = true
force_raw_images: false
use_cow_images = "no"
my_ip = 10.0.0.7

[libvirt]
cpu_mode = host-passthrough
cpu_mode = custom
cpu_models = Penryn,
   IvyBridge,
   Haswell

rng_dev_path=/dev/hwrng
hw_machine_type = x86_64=q35

[VNC]
server_listen = $my_ip
[made_up]
option = 1
EOF
import "$tmp/nova.conf"
is_rc 0 "options without a counterpart are no error"
is "$err" "" "and no warning where they say nothing of guests"
has "$out" "4 lines for other services, or without effect, are left out (-v lists them)" "they are counted"
has "$(main)" "force_raw_images = false" "key: value"
has "$(main)" "use_cow_images = no" "quotes fall off"
lacks "$(main)" "driver" "no driver where neither compute_driver nor virt_type is set"
has "$(of cpu-model)" "cpu_mode = custom" "of a repeated key the last counts"
lacks "$(of cpu-model)" "host-passthrough" "and the others do not"
has "$(of cpu-model)" "cpu_models = Penryn, IvyBridge, Haswell" "indented lines go on"
has "$(of rng)" "rng_dev_path = /dev/hwrng" "no blanks around ="
has "$(of machine-type)" "hw_machine_type = x86_64=q35" "only the first = divides"
has "$(of graphics)" "= 10.0.0.7" "a group's name is compared without case, \$name is replaced"
run "$VL_RUN" virtloom --config "$tmp/out" --state "$state" --driver libvirt-kvm \
  --host "$top_srcdir/tests/hosts/kvm-x86_64.json" plan --request - \
  <<< '{"flavor": {"name": "m", "vcpus": 1, "ram": 256}, "image": {"name": "i", "disk_format": "qcow2"}}'
is_rc 0 "the result makes plans"
has "$out" "machine='q35'" "as nova.conf said"
has "$out" "<model>Penryn</model>" "with its CPU model"
again
run vl -v config import-nova "$tmp/nova.conf" --out "$tmp/out"
has "$out" "left out: DEFAULT.debug ($tmp/nova.conf:4)
left out: DEFAULT.my_ip ($tmp/nova.conf:7)
left out: libvirt.cpu_mode ($tmp/nova.conf:10), which another line overrides
left out: made_up.option ($tmp/nova.conf:22)" "-v lists each line that is left out"
again
run vl config import-nova "$tmp/nova.conf" --out "$tmp/out" -o json
is "$(jq -r '.written[] | "\(.option) \(.file) \(.section).\(.key) \(.value) \(.origin)"' <<< "$out" | sed "s|$tmp/||" | head -3)" \
  "DEFAULT.use_cow_images virtloom.conf storage.use_cow_images no nova.conf:6
DEFAULT.force_raw_images virtloom.conf storage.force_raw_images false nova.conf:5
libvirt.cpu_mode plugins.d/cpu-model.conf settings.cpu_mode custom nova.conf:11" "-o json has what was written"
is "$(jq -r '.left_out[] | "\(.option) \(.kind) \(.origin)"' <<< "$out" | sed "s|$tmp/||")" \
  "DEFAULT.debug services nova.conf:4
DEFAULT.my_ip services nova.conf:7
libvirt.cpu_mode overridden nova.conf:10
made_up.option services nova.conf:22" "and what was left out, each line once"
again

# Several files, the last one counting; a folder's files in the order of their names.
mkdir "$tmp/nova.conf.d"
printf '[libvirt]\nrng_dev_path = /dev/one\nvirt_type = kvm\n' > "$tmp/nova.conf.d/10-a.conf"
printf '[libvirt]\nrng_dev_path = /dev/two\n' > "$tmp/nova.conf.d/20-b.conf"
printf '[libvirt]\nrng_dev_path = /dev/three\n' > "$tmp/nova.conf.d/30-c.conf.bak"
import "$tmp/nova.conf.d"
has "$(of rng)" "rng_dev_path = /dev/two" "a folder's last file counts, and only *.conf"
again
import "$tmp/nova.conf.d" "$tmp/nova.conf"
has "$(of rng)" "rng_dev_path = /dev/hwrng" "and what is named after it"
again
# As oslo.config has it: the last file first, and there today's name before older ones.
printf '[vnc]\nserver_listen = 10.0.0.1\nvncserver_listen = 10.0.0.2\n[DEFAULT]\nvncserver_listen = 10.0.0.3\n' > "$tmp/names.conf"
import "$tmp/names.conf"
has "$(of graphics)" "= 10.0.0.1" "today's name counts before older ones"
again
printf '[vnc]\nvncserver_listen = 10.0.0.4\n' > "$tmp/later.conf"
import "$tmp/names.conf" "$tmp/later.conf"
has "$(of graphics)" "= 10.0.0.4" "unless a later file has the old one"
is "$err" "advice OldOption core: vnc.vncserver_listen is the old name of vnc.server_listen ($tmp/later.conf:2)" "which is told"
again
# shellcheck disable=SC2016 # dollars of the file
printf '[DEFAULT]\nuse_cow_images = ${yes}\nyes = $other.no\nstate = $$HOME\\$x\n[other]\nno=$DEFAULT.off\n[DEFAULT]\noff=no\n[libvirt]\nrng_dev_path = /dev/$other.no$$\\$\n' > "$tmp/dollar.conf"
import "$tmp/dollar.conf"
has "$(main)" "use_cow_images = no" "\${name}, \$group.name"
# shellcheck disable=SC2016
has "$(of rng)" 'rng_dev_path = /dev/no$$' "\$\$ and \\\$"
again

# ---- mistakes ----

printf 'early = 1\n[libvirt]\n  goes on\nnothing here\n[cut\n= 3\n' > "$tmp/bad.conf"
import "$tmp/bad.conf"
is_rc 3 "a file that oslo.config would not read"
is "$err" "error Invalid core: an assignment before the first section; accepted: [DEFAULT] above it ($tmp/bad.conf:1)
error Invalid core: an indented line that goes on with nothing; accepted: a line that begins at the margin ($tmp/bad.conf:3)
error Invalid core: a line that assigns nothing; accepted: key = value, key: value, [section], # comment ($tmp/bad.conf:4)
error Invalid core: a section that does not end, or has no name; accepted: [name] ($tmp/bad.conf:5)
error Invalid core: an assignment without a key; accepted: key = value ($tmp/bad.conf:6)" \
  "all mistakes at once, with lines"
nothing "a bad file"

# refused CODE TEXT EXPECTED WHAT: what comes of a file that is TEXT.
refused () {
  # shellcheck disable=SC2059 # a format it is
  printf "$2" > "$tmp/x.conf"
  import "$tmp/x.conf"
  is "$rc ${err//$tmp\//}" "$1 $3" "$4"
  nothing "$4"
}
refused 3 '[libvirt]\ncpu_mode = imaginary\n' \
  "error Invalid cpu-model: libvirt.cpu_mode: setting 'cpu_mode' = 'imaginary' is not among the choices; accepted: host-model host-passthrough custom none (x.conf:2)" \
  "a value that the setting does not take"
refused 4 '[libvirt]\nimages_type = ploop\n' \
  "error NotSupported core: libvirt.images_type = 'ploop': no disks of servers are made by Virtuozzo (x.conf:2)
  set libvirt.images_type = default in a second file, and name that after this one: virtloom config import-nova nova.conf second.conf --out DIR" "a back end that is not there is not guessed at"
refused 3 '[libvirt]\ncpu_mode = custom\n' \
  "error Invalid cpu-model: libvirt.cpu_mode: cpu_mode is 'custom' and cpu_models is empty (x.conf:2)
  name one or more models in cpu_models, for instance 'Nehalem'" "settings that do not go together"
# What else the file has is told in the same run.
refused 4 '[libvirt]\nimages_type = ploop\nimages_rbd_glance_store_name = ceph\n[vnc]\nkeymap = de\n' \
  "error NotSupported core: libvirt.images_type = 'ploop': no disks of servers are made by Virtuozzo (x.conf:2)
  set libvirt.images_type = default in a second file, and name that after this one: virtloom config import-nova nova.conf second.conf --out DIR
warning OptionNotCarriedOver core: libvirt.images_rbd_glance_store_name is not carried over: images are registered, not looked for in a store (x.conf:3)
warning OptionNotCarriedOver core: vnc.keymap is not carried over: displays have the keyboard of the client (x.conf:5)" "what is not carried over"
refused 4 '[libvirt]\nvirt_type = lxc\n' \
  "error NotSupported core: virt_type = 'lxc': no driver here makes such guests; accepted: kvm qemu (x.conf:2)" "another virt_type"
refused 4 '[DEFAULT]\ncompute_driver = vmwareapi.VMwareVCDriver\n' \
  "error NotSupported core: compute_driver = 'vmwareapi.VMwareVCDriver': there is no such driver here; accepted: libvirt.LibvirtDriver (x.conf:2)" "another compute_driver"
# shellcheck disable=SC2016
{
refused 3 '[DEFAULT]\na = $b\nb = $a\nuse_cow_images = $a\n' \
  'error Invalid core: DEFAULT.use_cow_images: its "$name" leads to itself, or through too many others (x.conf:4)' "names that mean each other"
refused 3 '[DEFAULT]\nuse_cow_images = $other\n' \
  'error Invalid core: DEFAULT.use_cow_images: "$other" is set in none of the files, and Nova'"'"'s own default for it is not known here (x.conf:2)' "a name that is not there"
refused 3 '[DEFAULT]\nuse_cow_images = $ 1\n' \
  "error Invalid core: DEFAULT.use_cow_images: '\$' without a name behind it; accepted: \$name, \${name}, \$group.name, \$\$ (x.conf:2)" "a lonely dollar"
}
refused 3 '\xef\xbb\xbf[DEFAULT]\nuse_cow_images = no\n' \
  "error Invalid core: a byte order mark at its beginning; accepted: a file without one: sed -i '1s/^\\xEF\\xBB\\xBF//' FILE (x.conf:1)" "a byte order mark"
refused 3 '[libvirt]\nrng_dev_path = /dev/a ;b\n' \
  "error Invalid core: libvirt.rng_dev_path has ' ;', which begins a comment here (x.conf:2)" "what would be a comment"
refused 3 '[libvirt]\nrng_dev_path = /dev/a\n  b\n' \
  "error Invalid core: libvirt.rng_dev_path goes on in an indented line; accepted: only lists do, each item in one line (x.conf:2)" "two lines of no list"
refused 3 "[libvirt]\nrng_dev_path = /dev/$(printf '%0200d' 0)\n" \
  "error Invalid core: libvirt.rng_dev_path is too long for a line here (x.conf:2)" "a line that is too long"
refused 3 '[DEFAULT]\ndefault_ephemeral_format = ext4\0\n' "error Invalid core: 'x.conf' has a NUL byte" "a NUL byte"

# What each value may grow to is one bound for all: a short file is no way to fill memory.
{ echo '[DEFAULT]'; printf 'a=%030000d\n' 0; echo 'b=$a$a$a$a$a$a$a$a'; echo 'c=$b$b$b$b$b$b$b$b'
  echo 'use_cow_images=$c'; } > "$tmp/bomb.conf"
import "$tmp/bomb.conf"
is "$rc $err" "3 error Invalid core: DEFAULT.use_cow_images: with \"\$name\" replaced, the values are longer than 1 MiB together ($tmp/bomb.conf:5)" "a bomb"
nothing "a bomb"
# A list is as long as it likes: its items go into lines of their own.
printf '[libvirt]\ncpu_mode = custom\ncpu_models = %s\n' "$(seq -s, -f 'Model%g' 40)" > "$tmp/long.conf"
vl config import-nova "$tmp/long.conf" --out "$tmp/out" > "$tmp/said" 2>&1
has "$(of cpu-model)" "cpu_models = Model1,
  Model2," "a long list"
is "$(grep -c '^  Model' "$tmp/out/plugins.d/cpu-model.conf")" 39 "with all of its items"
again

: > "$tmp/empty.conf"
import "$tmp/empty.conf"
is "$rc $out" "0 $tmp/out: 0 settings in 0 files, from 1 of Nova's
judge and use it: virtloom --config $tmp/out config check" "an empty file says nothing"
import "$tmp/empty.conf"
is "$rc $err" "6 error Conflict core: '$tmp/out' has something in it; accepted: a folder that is empty or not there yet
  name another, or move it away" "a folder that has something"
again
mkdir "$tmp/out"
import "$tmp/nova.conf"
is_rc 0 "an empty folder is taken"
again
import "$tmp/none.conf"
is_rc 5 "a file that is not there"
mkdir "$tmp/none.d"
import "$tmp/none.d"
is "$rc $err" "5 error NotFound core: folder '$tmp/none.d' has no file *.conf" "an empty folder"
run vl config import-nova "$tmp/nova.conf"
is_rc 2 "--out is needed"

# ---- a driver that cannot be used ----

printf '[libvirt]\nvirt_type = qemu\nconnection_uri = qemu+unix:///system?socket=/nonexistent/sock\n' > "$tmp/x.conf"
# libvirt is loaded here and never opened: in some runs LeakSanitizer itself dies then (SIGSEGV).
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 import "$tmp/x.conf"
is "$rc ${err//$tmp\//}" "0 warning DriverUnavailable core: libvirt.virt_type: servers get driver 'qemu-tcg', which cannot be used here: no libvirt daemon listens at '/nonexistent/sock' for connection_uri 'qemu+unix:///system?socket=/nonexistent/sock' (systemctl start libvirtd; Debian: apt-get install libvirt-daemon-system) (x.conf:2)
  settings were judged by themselves; 'virtloom config check --host NAME' judges them for a recorded host" "no server could be made"
has "$out" "judge and use it: virtloom --config $tmp/out config check" "the next step"
again

# ---- libvirt on another machine ----

printf '[libvirt]\nvirt_type = kvm\nconnection_uri = qemu+tcp://user@elsewhere/system\n' > "$tmp/x.conf"
import "$tmp/x.conf"
is "$rc ${err//$tmp\//}" "0 warning DriverUnavailable core: libvirt.virt_type: servers get driver 'libvirt-kvm', which cannot be used here: connection_uri 'qemu+tcp://user@elsewhere/system' is reached through 'tcp', as other machines are; disks are made and judged on this one (x.conf:2)
  settings were judged by themselves; 'virtloom config check --host NAME' judges them for a recorded host" "a connection to another machine is told of"
again

# ---- seen elsewhere ----

if [ -d "${VL_NOVA_CASES:-}" ]; then
  for conf in "$VL_NOVA_CASES"/*/nova.conf; do
    case $(basename "$(dirname "$conf")") in
      *lxc*) expected=4 ;;
      cpu-mode-invalid) expected=3 ;;
      cpu-models-unset-mode) expected=4 ;;
      *) expected=0 ;;
    esac
    import "$conf"
    is_rc "$expected" "$(basename "$(dirname "$conf")")"
    again
  done
fi

done_testing
