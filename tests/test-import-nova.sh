#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# config import-nova: oslo.config's dialect, what is written and what is left out,
# and that the result is a configuration that loads and does what nova.conf said.
. "${srcdir:-$(dirname "$0")}/tap.sh"

import () { run vl config import-nova "$1" --out "$tmp/out"; }
main () { cat "$tmp/out/virtloom.conf"; }
of () { cat "$tmp/out/plugins.d/$1.conf"; }
again () { rm -rf "$tmp/out"; }

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
is "$err" "warning OptionNotCarriedOver core: DEFAULT.debug = 'true' has no counterpart here and is not carried over ($tmp/nova.conf:4)
warning OptionNotCarriedOver core: DEFAULT.my_ip = '10.0.0.7' has no counterpart here and is not carried over ($tmp/nova.conf:7)
warning OptionNotCarriedOver core: made_up.option = '1' has no counterpart here and is not carried over ($tmp/nova.conf:22)" \
  "each is listed with its line"
has "$(main)" "force_raw_images = false" "key: value"
has "$(main)" "use_cow_images = no" "quotes fall off"
has "$(of cpu-model)" "cpu_mode = custom" "of a repeated key the last counts"
lacks "$(of cpu-model)" "host-passthrough" "and the others do not"
has "$(of cpu-model)" "cpu_models = Penryn, IvyBridge, Haswell" "indented lines go on"
has "$(of rng)" "rng_dev_path = /dev/hwrng" "no blanks around ="
has "$(of machine-type)" "hw_machine_type = x86_64=q35" "only the first = divides"
has "$(of graphics)" "= 10.0.0.7" "a group's name is compared without case, \$name is replaced"

run "$VL_RUN" virtloom --config "$tmp/out" --state "$state" config check
is_rc 0 "what was written loads"
run "$VL_RUN" virtloom --config "$tmp/out" --state "$state" --driver libvirt-kvm \
  --host "$top_srcdir/tests/hosts/kvm-x86_64.json" plan --request - \
  <<< '{"flavor": {"name": "m", "vcpus": 1, "ram": 256}, "image": {"name": "i", "disk_format": "qcow2"}}'
is_rc 0 "and makes plans"
has "$out" "machine='q35'" "as nova.conf said"
has "$out" "<model>Penryn</model>" "with its CPU model"
again

run vl config import-nova "$tmp/nova.conf" --out "$tmp/out" -o json
is_rc 0 "-o json"
has "$out" '"left_out": [' "has the list"
has "$out" '"made_up.option"' "of all that was left out"
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
true_that "nothing is written" test ! -e "$tmp/out"

printf '[libvirt]\ncpu_mode = imaginary\n' > "$tmp/value.conf"
import "$tmp/value.conf"
is_rc 3 "a value that the setting does not take"
has "$err" "libvirt.cpu_mode = 'imaginary'" "names it"
has "$err" "$tmp/value.conf:2" "with its line"
again

printf '[DEFAULT]\na = $b\nb = $a\nuse_cow_images = $a\n' > "$tmp/loop.conf"
import "$tmp/loop.conf"
is_rc 3 "names that mean each other come to an end"
again
printf '[DEFAULT]\ndefault_ephemeral_format = ext4\0\n' > "$tmp/nul.conf"
import "$tmp/nul.conf"
is "$err" "error Invalid core: '$tmp/nul.conf' has a NUL byte" "a NUL byte"
: > "$tmp/empty.conf"
import "$tmp/empty.conf"
is_rc 0 "an empty file says nothing"
again
import "$tmp/none.conf"
is_rc 5 "a file that is not there"
run vl config import-nova "$tmp/nova.conf"
is_rc 2 "--out is needed"

# ---- seen elsewhere ----

if [ -d "${VL_NOVA_CASES:-}" ]; then
  for conf in "$VL_NOVA_CASES"/*/nova.conf; do
    import "$conf"
    is_rc 0 "$(basename "$(dirname "$conf")")"
    again
  done
fi

done_testing
