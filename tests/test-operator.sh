#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# An operator's day on the fake driver: what a server is made of and told, what is shown of it,
# what happened to it, and the forms of answers.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# Those of core/server/states.c.
statuses="BUILD, ACTIVE, SHUTOFF, PAUSED, SUSPENDED, VERIFY_RESIZE, RESCUE, SHELVED_OFFLOADED, MIGRATING, ERROR, DELETING"
needs qemu-img qemu-utils
needs genisoimage genisoimage
needs sqlite3 sqlite3
needs jq jq

f () { vl --driver fake "$@"; }
me=$(id -un)

truncate -s 8M "$tmp/disk.raw"
f flavor create m1 --vcpus 2 --ram 128 --disk 1 > "$tmp/.out"
f image create img --file "$tmp/disk.raw" --disk-format raw --property hw_video_model=vga > "$tmp/.out"

# ---- what a guest is told ----

# drive SERVER FILE: the file of its config drive.
drive () {
  isoinfo -R -x "/openstack/latest/$2" -i "$(find "$state/servers" -name '*config*' -type f | head -n 1)"
}
key='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJ1dCBub3QgYSByZWFsIGtleSwganVzdCB0ZXh0 me@here'
echo "$key" > "$tmp/id.pub"
echo 's3cret word' > "$tmp/password"
run f server create web --flavor m1 --image img --network bridge=br0,mac=52:54:00:00:00:01,mtu=1400 \
  --metadata role=web --metadata 'note=a b' --ssh-key "$tmp/id.pub" --key-name mine \
  --ssh-key "$tmp/id.pub" --password "$tmp/password" --hostname web.example.org
is_rc 0 "a server with all that a guest is told"
run drive web meta_data.json
uuid=$(value uuid)
is_eq "$(jq -cS 'del (.random_seed)' <<< "$out")" "{\"admin_pass\":\"s3cret word\",\"availability_zone\":\"nova\",\"dedicated_cpus\":[],\"devices\":[],\"hostname\":\"web.example.org\",\"keys\":[{\"data\":\"$key\",\"name\":\"id\",\"type\":\"ssh\"},{\"data\":\"$key\",\"name\":\"mine\",\"type\":\"ssh\"}],\"launch_index\":0,\"meta\":{\"note\":\"a b\",\"role\":\"web\"},\"name\":\"web\",\"project_id\":null,\"public_keys\":{\"id\":\"$key\",\"mine\":\"$key\"},\"uuid\":\"$uuid\"}" "its config drive says so"
run drive web network_data.json
is_eq "$(jq -r '.links[0] | "\(.ethernet_mac_address) \(.mtu) \(.type)"' <<< "$out")" "52:54:00:00:00:01 1400 bridge" "and what its interfaces are"
true_that "the password is in no record" sh -c "! grep -rlq 's3cret word' '$state'/state.db*"
run f server show web -o json
lacks "$out$err" 's3cret' "and nowhere shown"
f server delete web

# Each mistake has its sentence.
echo '-----BEGIN OPENSSH PRIVATE KEY-----' > "$tmp/id"
echo 'ssh-ed25519 short' > "$tmp/short.pub"
cat "$tmp/id.pub" "$tmp/id.pub" > "$tmp/two.pub"
: > "$tmp/empty"
printf 'a\tb\n' > "$tmp/tab"
accepted="accepted: a file with one line as ssh-keygen writes it, 'ssh-ed25519 AAAA... comment'"
refused () {
  local text=$1 code=$2
  shift 2
  run f server create web --flavor m1 --image img "$@"
  is_eq "$rc $err" "$code $text" "refused: ${*//$tmp/}"
}
refused "error Invalid core: --ssh-key '$tmp/id' is a private key
  give its public half: --ssh-key $tmp/id.pub" 3 --ssh-key "$tmp/id"
for bad in short.pub two.pub empty; do
  refused "error Invalid core: --ssh-key '$tmp/$bad' is no public key; $accepted" 3 --ssh-key "$tmp/$bad"
done
refused "error Usage core: --key-name 'b' names no key: each goes with one --ssh-key, in order
  --key-name NAME --ssh-key FILE" 2 --ssh-key "$tmp/id.pub" --key-name a --key-name b
refused "error Usage core: --key-name 'a=b'; accepted: a name without '='" 2 --ssh-key "$tmp/id.pub" --key-name a=b
refused 'error Usage core: the public key key "id" is given twice
  give each key once' 2 --ssh-key "$tmp/id.pub" --ssh-key "$tmp/id.pub"
refused "error Invalid core: the first line of --password '$tmp/empty' is empty; accepted: 1 to 255 bytes" 3 --password "$tmp/empty"
refused "error Invalid core: the first line of --password '$tmp/tab' has a control character; accepted: printable text" 3 --password "$tmp/tab"
refused "error NotFound core: --password '$tmp/none' cannot be read: No such file or directory; accepted: a file" 5 --password "$tmp/none"
for name in -a a- a..b .a a_b ''; do
  refused "error InvalidRequest core: \$.hostname: '$name' is no host name; accepted: letters, digits and '-' in labels of 1 to 63 with '.' between them, at most 253 in all (the command line)" 3 "--hostname=$name"
done
refused 'error Usage core: metadata "role"; accepted: KEY=VALUE' 2 --metadata role
run f server create web
is_eq "$rc $err" "2 error Usage core: 'server create' needs --flavor FLAVOR, or --request FILE" "a server needs a flavor or a request"

# ---- a request file ----

cat > "$tmp/request.json" << 'EOF'
{ "uuid": "11111111-2222-4333-8444-555555555555",
  "flavor": { "name": "own", "vcpus": 3, "ram": 256, "disk": 1 },
  "image": { "name": "img" },
  "metadata": { "role": "db", "tier": "1" }, "hostname": "db1" }
EOF
run f server create db --request "$tmp/request.json" --metadata role=web -o json
is_rc 0 "a server of a request file"
is_eq "$(value uuid) $(value name) $(value flavor)" "11111111-2222-4333-8444-555555555555 db own" "has the uuid and the flavor that it says"
run drive db meta_data.json
has "$out" '"meta":{"role":"web","tier":"1"}' "what the command line says is above it"
run f server show db -o json
has "$out" "model type='vga'" "its image has the properties of the one in STATE"
sed 's/"11111111-2222-4333-8444-555555555555"/"11111111-2222-4ccc-8ccc-cccccccccccc"/' "$tmp/request.json" > "$tmp/begins.json"
while IFS='|' read -r file message; do
  for verb in plan "server create db2 --dry-run" "server create db2"; do
    # shellcheck disable=SC2086
    run f $verb --request "$tmp/$file"
    is_eq "$rc $out $err" "3  error InstanceExists core: the uuid $message
  leave the uuid out of the request, or give another one" "refused by $verb: $file"
  done
done << EOF
request.json|11111111-2222-4333-8444-555555555555 of the request is that of server "db"
begins.json|11111111-2222-4ccc-8ccc-cccccccccccc of the request begins with the 12 digits of server "db", and the guest is named by them: vl-111111112222
EOF
for dry in "" --dry-run; do
  # shellcheck disable=SC2086
  run f server create db --flavor m1 --image img $dry
  has "$rc $err" "3 error InstanceExists core: there is already a server \"db\"" "a name that is taken is refused: $dry"
done
run f server create db2 --request - <<< '{"flavor": {"vcpus": 1, "ram": 64}, "image": {"name": "img", "disk_format": "qcow2", "kernel": "/etc/hostname", "properties": {"hw_video_model": "qxl"}}}'
is_eq "$rc $err" "3 error ImageDiffers core: stdin: image 'img' has a kernel in the request and none in STATE
  virtloom image set --property kernel_id=IMAGE img
error ImageDiffers core: stdin: image 'img' has 'disk_format' \"qcow2\" in the request and \"raw\" in STATE
  leave it out of the request, or name the image that is meant
error ImageDiffers core: stdin: image 'img' has 'hw_video_model' \"qxl\" in the request and \"vga\" in STATE
  leave it out of the request, or name the image that is meant" "an image is what was inspected"
run f server create db2 --request - <<< '{"flavor": {"vcpus": 1, "ram": 64}, "image": {"name": "im"}}'
is_eq "$rc $err" '5 error ImageNotFound core: there is no image "im"
  did you mean "img"?' "and in STATE"
run f server create db2 --request - <<< '{"flavour": 1}'
is_eq "$rc ${err%%;*}" '3 error InvalidRequest core: $.flavour: unknown member' "a request is read as by plan"
run f server create db2 --request - <<< '{'
is_rc 3 "what is no JSON is refused"
f server delete db

# ---- what a server is ----

f flavor create dog --vcpus 2 --ram 128 --disk 1 --property hw:watchdog_action=reset > "$tmp/.out"
f server create web --flavor dog --image img --network bridge=br0,mac=52:54:00:00:00:01 --metadata role=web \
  --ssh-key "$tmp/id.pub" --property hw_rng_model=virtio --property os_shutdown_timeout=5 > "$tmp/.out" 2>&1
run f server show web -o json
uuid=$(value uuid)
run f server show web
is_rc 0 "show"
is_eq "$(sed -e "s#$state#STATE#g; s#$uuid#UUID#g; s#vl-${uuid:0:8}${uuid:9:4}#DOMAIN#g; / done /s/$me/ME/" \
  -e 's/^Generation  *[0-9]*/Generation N/; s/20..-..-..T..:..:..Z/TIME/g; s/^Features  .*/Features acpi, .../; s/  */ /g; s/ [0-9]\{5,6\} 10[0-9]\{8\} STATE.images.[0-9a-f-]* -$/ N M IMAGE -/' \
  -e 's/ [0-9]\{5,6\} [0-9]\{5,6\} 0 - -$/ N N 0 - -/' <<< "$out")" "Name web
UUID UUID
Domain DOMAIN
Status ACTIVE
Power RUNNING
Fault -
Overruled -
Description -
Locked -
Flavor dog
VCPUs 2
RAM (MiB) 128
Flavor properties hw:watchdog_action=reset
Image img
Image properties hw_video_model=vga
Own properties hw_rng_model=virtio, os_shutdown_timeout=5
Metadata role=web
Host name -
SSH keys id
Config drive yes
Driver fake
Firmware -
Generation N
Created TIME
Displays vnc unix:STATE/servers/UUID/run/vnc
Console STATE/servers/UUID/run/console.log
Run folder STATE/servers/UUID/run
Features acpi, ...

Disks:
ID Source Format Bus Target Size (B) Virtual size (B) Used (B) Over-committed (B) Files below Address
root STATE/servers/UUID/disk qcow2 virtio vda 1073741824 1073741824 N M IMAGE -
config STATE/servers/UUID/disk.config raw ide hda - N N 0 - -

Interfaces:
ID Type Source Model MAC MTU Address
nic0 bridge br0 virtio 52:54:00:00:00:01 - -

Claims:
Resource Amount Holder Member Plugin
DISK_GB:state 1 - - core
MAC - nic0 52:54:00:00:00:01 core
MEMORY_MB 128 - - core
VCPU 2 - - core

Features that were asked for:
Feature Why
rng hw_rng_model=virtio (request)
video hw_video_model=vga (image)
watchdog hw:watchdog_action=reset (flavor)

Last actions:
Time Action User Result Reason
TIME create ME done -" "shows all of it"
run f server show web -o json
for member in '"vcpus": 2,' '"id": "nic0",' '"used": ' '"why": "hw:watchdog_action=reset (flavor)"' '"name": "watchdog.action",' '"action": "create",' '"displays": ['; do
  has "$out" "$member" "-o json has $member"
done
f server delete web

# ---- forms of answers ----

for name in a b c; do f server create $name --flavor m1 --image img > "$tmp/.out"; done
f server pause b
f server stop c
run f server list --no-headings -c status,Name
is_eq "$rc $out" "0 ACTIVE   a
PAUSED   b
SHUTOFF  c" "columns by key or title, in the order given, without headings"
run f server list -o value -c name -c fault,image
is_eq "$rc $out" "0 a		img
b		img
c		img" "values have tabs between; what is not there is empty"
run f server list -o json -c status
is_eq "$(tr -d ' \n' <<< "$out")" '{"servers":[{"status":"ACTIVE"},{"status":"PAUSED"},{"status":"SHUTOFF"}],"findings":[]}' "columns of JSON"
run f server show a -o value -c status -c vcpus
is_eq "$rc $out" "0 ACTIVE
2" "values of one object, a line each"
run f server show a -c status
is_eq "$rc $out" "0 Status  ACTIVE" "one row of one object"
run f server show a -o json -c status
is_eq "$(tr -d ' \n' <<< "$out")" '{"status":"ACTIVE","findings":[]}' "members of one object"
run f server list -c nme
is_eq "$rc $out$err" "2 error Usage core: there is no column 'nme'; accepted: name, uuid, status, power_state, flavor, image, driver, domain, created, fault, locked, description, run_dir
  did you mean 'name'?" "a column that is none"
run f flavor show m1 -o value -c ram_mib
is_eq "$rc $out" "0 128" "of flavors, too"
run f feature show rng -c state -o value
is_eq "$rc $out" "0 loaded" "and of features"
run f server list --status DELETED
is_eq "$rc $out$err" "2 error Usage core: --status 'DELETED'; accepted: $statuses" "a status that is none"
run f image create 'bild-é漢' --file "$tmp/disk.raw" --disk-format raw
for locale in C C.UTF-8; do
  run env LC_ALL=$locale timeout 600 "$VL_RUN" virtloom --config "$config" --state "$state" image list -c name,format
  is_eq "$rc $out" "0 Name      Format
bild-é漢  raw
img       raw" "names are as wide as they are, in locale $locale"
done
f image delete 'bild-é漢'
# On a terminal: no line is wider than it, and no text is lost.
wide () { script -qec "stty cols $1; $VL_RUN virtloom --config $config --state $state --driver fake $2" /dev/null | tr -d '\r'; }
wide 100 'config show' > "$tmp/wide"
true_that "a table fits the terminal" test "$(wc -L < "$tmp/wide")" -le 100
run f config show -c value,origin
true_that "in a pipe nothing is wrapped" test "$(wc -l <<< "$out")" -lt "$(wc -l < "$tmp/wide")"

# Progress leaves no trace where the answer is.
script -qec "$VL_RUN virtloom --config $config --state $state --driver fake server create tty --flavor m1 --image img" /dev/null > "$tmp/wide"
true_that "there is progress on a terminal" grep -qF 'starting "tty" ...' "$tmp/wide"
true_that "that is wiped before the answer" grep -qF $'...\r\033[KName' "$tmp/wide"
true_that "and not again behind it" test "$(tail -n 1 "$tmp/wide" | tr -d '\r')" != $'\033[K'
f server delete tty

# ---- configuration: drop-ins, masks, what is changed, who answers ----

mkdir -m 755 "$config/plugins.d/rng.conf.d" "$config/virtloom.conf.d"
drop () { printf '%s\n' "${@:2}" > "$config/$1"; chmod go-w "$config/$1"; }
setting rng 'rng_dev_path = /dev/hwrng'
drop plugins.d/rng.conf.d/20-b.conf '[settings]' 'rng_dev_path = /dev/urandom'
drop plugins.d/rng.conf.d/10-a.conf '[settings]' 'rng_dev_path = /dev/random' '[plugin]' 'critical = yes'
drop virtloom.conf.d/own.conf '[storage]' 'max_image_size = 1099511627776'
drop plugins.d/rng.conf.d/.hidden.conf 'broken'
run vl config show rng virtloom -o value -c key,value,origin
is_rc 0 "config show of two files"
has "$out" "rng_dev_path	/dev/urandom	$config/plugins.d/rng.conf.d/20-b.conf:2" "the last drop-in counts"
has "$out" "max_image_size	1099511627776	$config/virtloom.conf.d/own.conf:2" "of virtloom.conf, too"
lacks "$out" watchdog "and nothing else is shown"
run vl config show rgn
is_eq "$rc $out$err" "5 error NotFound core: there is no configuration of 'rgn'; accepted: the name of a plugin, or virtloom
  did you mean 'rng'?" "a name that is none"
ln -s /dev/null "$config/plugins.d/watchdog.conf"
run vl config delta rng watchdog
is_eq "$(sed "s#$config#CONFIG#; s/  */ /g" <<< "$out")" "Change File Key Packaged Value Origin
same plugins.d/rng.conf critical yes yes CONFIG/plugins.d/rng.conf.d/10-a.conf:4
set plugins.d/rng.conf rng_dev_path - /dev/urandom CONFIG/plugins.d/rng.conf.d/20-b.conf:2
masked plugins.d/watchdog.conf enabled yes no CONFIG/plugins.d/watchdog.conf" "what differs from what is packaged"
run vl config delta serial-console --no-headings
is_eq "$rc $out$err" "0 " "and nothing where nothing does"
run f plan --flavor dog --image img
is_eq "$rc ${err%%$'\n'*}" "4 error FeatureUnavailable watchdog: 'hw:watchdog_action' is for feature 'watchdog' ($top_builddir/plugins.d/watchdog.conf), which is turned off: masked: $config/plugins.d/watchdog.conf is a link to /dev/null (hw:watchdog_action=reset, flavor)" "a masked plugin is off, and keeps its keys"
run vl feature enable watchdog
is_eq "$rc $err" "1 error Failed core: plugin 'watchdog' is masked: '$config/plugins.d/watchdog.conf' is a link to /dev/null
  rm $config/plugins.d/watchdog.conf" "and is not turned on behind the mask"
chmod 777 "$config/plugins.d"
run vl config show watchdog
has "$err" 'is writable by everyone' "in a folder of others a link is no mask"
lacks "$out" 'masked' "and masks nothing"
chmod 755 "$config/plugins.d"
drop plugins.d/rng.conf.d/notes.txt 'text'
run vl config show rng
is_eq "$err" "warning Warning core: 'notes.txt' is not read; accepted: files named *.conf ($config/plugins.d/rng.conf.d/notes.txt)" "what is no drop-in is told"
rm "$config/plugins.d/rng.conf.d/notes.txt"
drop plugins.d/rng.conf.d/30.conf '[settigns]'
run f plan --flavor m1 --image img
is_rc 7 "a broken drop-in refuses its plugin"
has "$err" "unknown section [settigns]; accepted: plugin settings ($config/plugins.d/rng.conf.d/30.conf:1)" "with its file and line"
drop virtloom.conf.d/bad.conf '[virtloom]' 'drivr = fake'
run vl config show
is_rc 7 "a broken drop-in of virtloom.conf is an error"
has "$err" "unknown key 'drivr' in [virtloom]" "in words"
ln -sf /dev/null "$config/virtloom.conf.d/bad.conf"
run vl config show virtloom
is_rc 0 "a drop-in that is a mask says nothing"
rm -rf "$config"/plugins.d/* "$config/virtloom.conf.d"
run f feature which hw:watchdog_action
is_eq "$(sed 's/  */ /g' <<< "$out")" "Plugin State Is Property Type Accepted Default Help
watchdog loaded flavor key watchdog.action choice none, pause, poweroff, reset, disabled disabled what happens when the guest stops feeding the watchdog; 'disabled': no device" "who answers for a key"
for each in 'hw:numa_cpus.1 numa' 'HW_CPU_X86_AMD_SEV sev' 'trait:HW_CPU_X86_AMD_SEV sev' 'hide_hypervisor_id hide-hypervisor-id' \
    'rng_dev_path rng' 'watchdog.action watchdog'; do
  run f feature which "${each% *}" -o value -c plugin
  is_eq "$rc $out" "0 ${each#* }" "who answers for ${each% *}"
done
run f feature which hw:watchdog_acton
is_eq "$rc $out$err" "5 error KeyNotFound core: no plugin answers for 'hw:watchdog_acton'
  did you mean 'hw:watchdog_action'?" "nobody answers for a misspelt key"

# ---- findings that are advice ----

sed 's#, "/dev/vhost-net"##' "$top_srcdir/tests/hosts/kvm-x86_64.json" > "$tmp/no-vhost.json"
kvm () { vl --driver libvirt-kvm --host "$tmp/no-vhost.json" plan --flavor m1 --image img "$@"; }
run kvm
lacks "$err" vhost "who has no interface is told nothing of vhost"
run kvm --network bridge=br0 --network bridge=br1
is_eq "$(grep -c vhost <<< "$err")" 2 "who has two is told once, with what mends it"
kvm --network bridge=br0 > "$tmp/both" 2>&1
is_eq "$(grep -n 'advice' "$tmp/both" | cut -d : -f 1)" "$(($(grep -n '</domain>' "$tmp/both" | cut -d : -f 1) + 1))" "after the answer"

# ---- many servers, and waiting ----

run f server list --status paused,SHUTOFF -o value -c name
is_eq "$rc $out" "0 b
c" "servers of a status"
run f server stop
is_eq "$rc $err" "2 error Usage core: 'server stop' needs SERVER..., --all or --status STATUS
  virtloom server stop --help" "stop needs servers"
run f server stop a --all
is_eq "$rc $err" "2 error Usage core: 'server stop' takes SERVER..., or --all or --status, not both" "and not two ways of naming them"
run f server stop a b a
is_eq "$rc $err" "2 error Usage core: 'server stop' is given 'a' twice
  give it once" "nor one of them twice"
run f flavor delete m1 m1
is_eq "$rc $err" "2 error Usage core: 'flavor delete' is given 'm1' twice
  give it once" "and nothing is deleted"
run f server wait a --status ACTVE
is_eq "$rc $err" "2 error Usage core: --status 'ACTVE'; accepted: $statuses, DELETED
  did you mean 'ACTIVE'?" "a status that is misspelt"
for slip in scis:scsi sat:sata; do
  run f plan --flavor m1 --image img --volume "path=$tmp/disk.raw,format=raw,bus=${slip%:*}"
  has "$rc $err" "3 error InvalidBDM core: \$.block_devices[0].disk_bus: '${slip%:*}' is no bus of disks; accepted: fdc ide lxc sata scsi uml usb virtio xen
  did you mean '${slip#*:}'?" "a bus that is misspelt"
done
run f plan --flavor m1 --volume rbd:p/v
is_eq "$rc $err" "4 error VolumeDriverNotFound core: --volume \"rbd:p/v\": volumes of that type are given in a request alone; accepted: path=FILE,format=FORMAT iscsi:target_portal nbd:server vhostuser:socket
  put its connection_info into a --request FILE; virtloom-feature-rbd(7) has what it takes" "a volume that has no short form"
run f server stop --status SHUTDOWN
is_eq "$rc $err" "2 error Usage core: --status 'SHUTDOWN'; accepted: $statuses" "nor a status that is none"
run f server stop --all
is_eq "$rc $out$err" "0 " "all that can be stopped"
run f server list -o value -c status
is_eq "$out" "SHUTOFF
SHUTOFF
SHUTOFF" "are"
f server start a
run f server wait a --status active
is_eq "$rc $out$err" "0 " "what is already is not waited for"
run f server wait a c --status ACTIVE,PAUSED --timeout 0
is_eq "$rc $err" "1 error WaitTimeout core: server 'c' is still SHUTOFF after 0 seconds
  virtloom server event list c; --timeout SECONDS waits longer" "a wait has an end"
run f server wait a
is_eq "$rc $err" "2 error Usage core: 'server wait' needs --status STATUS, such as ACTIVE, or --console TEXT, which the guest writes" "and a status, or a text"
run f server wait a --console ''
is_eq "$rc $err" "2 error Usage core: --console is empty; accepted: a text that the guest writes" "that is one"
run f server wait a --console 'boot 1'
is_eq "$rc $out$err" "0 " "what a guest has written is not waited for"
run f server wait a --status ACTIVE --console 'boot 77' --timeout 0
is_eq "$rc $err" "1 error WaitTimeout core: the guest of server 'a' has not written 'boot 77' to its console after 0 seconds
  virtloom server log a; --timeout SECONDS waits longer" "what it does not write has an end"
run f server wait zz --console x
is_rc 5 "nor is one that was never there heard"
n=$(f server log a | sed -n 's/^.*boot //p' | tail -n 1)
f server wait a --console "boot $((n + 1))" --timeout 120 > "$tmp/heard" 2>&1 &
pid=$!
wait_for 120 grep -q . "$tmp/heard"
f server reboot a --hard
wait "$pid"
is_eq "$? $(cat "$tmp/heard")" "0 waiting for the console of server 'a'" "a wait ends when the guest writes it"
run f server wait a --status RUNNING
is_eq "$rc $err" "2 error Usage core: --status 'RUNNING'; accepted: $statuses, DELETED" "that is one"
run f server wait zz --status ACTIVE
is_rc 5 "who was never there is not waited for"
f server wait c --status ACTIVE --timeout 120 > "$tmp/waited" 2>&1 &
pid=$!
wait_for 120 grep -q . "$tmp/waited"
f server start c
wait "$pid"
is_eq "$? $(cat "$tmp/waited")" "0 waiting for server 'c', which is SHUTOFF" "a wait says so, and ends when it is so"
f server wait c --status DELETED --timeout 120 > "$tmp/ended" 2>&1 &
pid=$!
wait_for 120 grep -q . "$tmp/ended"
f server delete --status SHUTOFF
run f server list -o value -c name
is_eq "$out" "a
c" "delete of a status"
f server delete --all
wait "$pid"
is_eq "$? $(cat "$tmp/ended")" "0 waiting for server 'c', which is ACTIVE" "a wait for the end of a server"
run f server list --no-headings
is_eq "$rc $out$err" "0 " "delete of all"

# ---- what was done, what happened ----

# history SERVER: action, user, result and reason, a line each.
history () {
  run f server event list "$1" -o json
  grep -E '"(action|user|result|reason)"' <<< "$out" | sed -e 's/^ *"[a-z]*": //' -e 's/,$//' -e "s/\"$me\"/ME/" | paste -d ' ' - - - - | sort
}
f server create web --flavor m1 --image img > "$tmp/.out"
run f server event list web
is_rc 0 "the history of a server"
is_eq "$(sed 's/  */ /g; s/^[0-9T:Z-]* //' <<< "$out")" "Time Action User Result Reason
create $me done -" "says who made it"
f server stop web
run f server event list web -o json
is_eq "$(value at | tr '[:digit:]' 0) $(value ended | tr '[:digit:]' 0)" "0000-00-00T00:00:00Z 0000-00-00T00:00:00Z" "with times"
is_eq "$(value action)" stop "the last first"
setting fake 'fail = power_on:1'
run f server start web
is_eq "$rc $err" "1 error PlannedFailure fake: method 'power_on' fails as planned by setting 'fail'" "a start that fails"
rm -f "$config/plugins.d/fake.conf"
history web > "$tmp/.history"
has "$(cat "$tmp/.history")" '"start" ME "failed" "PlannedFailure: method '"'power_on' fails as planned by setting 'fail'"'"' "is told with its reason"
f server start web
run f server show web -o json
uuid=$(value uuid)
f server event list web > "$tmp/before"
# Its process ends while nobody looks.
sed -i 's/^state running/state crashed/' "$state/fake/guests/$uuid"
touch -d '2026-11-27T10:11:12Z' "$state/servers/$uuid/run/console.log"
run f server list
has "$out" SHUTOFF "a list finds a guest that crashed"
run f server event list web
is_eq "$(sed -n '2s/  */ /gp' <<< "$out" | cut -d ' ' -f 2-)" "crashed - seen its process ended; it last wrote to its console at 2026-11-27T10:11:12Z" "which is told with when and why"
is_eq "$(wc -l < "$tmp/before") + 1" "$(($(wc -l <<< "$out") - 1)) + 1" "once"
run f server show web
has "$out" "crashed: its process ended; it last wrote to its console at 2026-11-27T10:11:12Z" "and stands in the record"
run f server list
run f server event list web
is_eq "$(grep -c crashed <<< "$out")" 1 "looking again adds nothing"
f server start web
run f server show web
is_eq "$(sed -n "s/^Fault  *//p" <<< "$out")" - "a start ends it"
sed -i 's/^state running/state shutdown/' "$state/fake/guests/$uuid"
run f server show web
run f server event list web
is_eq "$(sed -n '2s/  */ /gp' <<< "$out" | cut -d ' ' -f 2-)" "stopped - seen by itself; it last wrote to its console at 2026-11-27T10:11:12Z" "a guest that shut down did it by itself"
sqlite3 "$state/state.db" "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 150)
  INSERT INTO action (server, name, action, user, at, result) SELECT uuid, name, 'pause', 'root', '', 'done' FROM i, server WHERE name = 'web'"
f server start web
run f server event list web
is_eq "$(grep -cE ' (pause|start) +root ' <<< "$out")" 100 "the last 100 are kept"
has "$out" crashed "what it did by itself apart"
f server delete web
is_eq "$(history "$uuid" | grep delete)" '"delete" ME "done" null' "a server that is gone has its history, too"
run f server event list nobody
is_eq "$rc ${err%%$'\n'*}" '5 error InstanceNotFound core: there is no server "nobody"' "one that never was has none"
run f server event web
is_eq "$rc ${err%%;*}" "2 error Usage core: 'server' has no verb 'event web'" "event takes list"
# A command that is killed.
setting fake 'delay_ms = pause:3600000'
f server create web --flavor m1 --image img > "$tmp/.out"
f server pause web &
pid=$!
running () { f server event list web | grep -q 'pause .* running'; }
true_that "what is under way is told" wait_for 120 running
kill_job "$pid"
rm -f "$config/plugins.d/fake.conf"
run f server event list web
has "$(sed 's/  */ /g' <<< "$out")" "pause $me interrupted the command that did it was killed before it was done" "and what came of it"
f server delete web
# A store of before.
f server create old --flavor m1 --image img > "$tmp/.out"
sqlite3 "$state/state.db" 'DROP TABLE departed; DROP TABLE resize; DROP TRIGGER server_changed; DROP TRIGGER server_departed;
  DROP TRIGGER server_returned; DROP TRIGGER document_made; DROP TRIGGER document_changed; DROP TRIGGER document_gone;
  DROP TRIGGER device_changed; DROP TRIGGER kept_made; DROP TRIGGER kept_changed; DROP TRIGGER kept_gone;
  ALTER TABLE server DROP COLUMN generation; ALTER TABLE server DROP COLUMN exported; DROP TABLE action; ALTER TABLE server DROP COLUMN locked; ALTER TABLE server DROP COLUMN description;
  ALTER TABLE server DROP COLUMN loader; ALTER TABLE server DROP COLUMN given; ALTER TABLE event DROP COLUMN device;
  DROP TRIGGER image_taken; DROP TRIGGER image_left; DROP TRIGGER image_copied; DROP TRIGGER image_forgotten;
  ALTER TABLE image DROP COLUMN url; ALTER TABLE image DROP COLUMN url_format; ALTER TABLE image DROP COLUMN url_checksum;
  ALTER TABLE image DROP COLUMN used; UPDATE schema SET version = 3'
run f server event list old
is_eq "$rc $(wc -l <<< "$out")" "0 1" "a server of an earlier schema has an empty history"
f server pause old
run f server event list old
has "$out" pause "that begins now"
f server delete old

done_testing
