#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What is on record of a server goes from host to host as one file: with a number that grows with each
# change, so that an older one is known.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3
needs python3 python3

setting user 'host_loopback_acknowledged = yes'
f () { vl --driver fake "$@"; }
generation () { run f server show "$1" -o json; value generation; }

truncate -s 8M "$tmp/disk.raw"
f image create img --file "$tmp/disk.raw" --disk-format raw > "$tmp/log" 2>&1
f flavor create m1 --vcpus 1 --ram 128 --disk 1 > "$tmp/log" 2>&1

# ---- the generation ----

uuid=2d3f1c80-0d5e-4d12-9a4e-2f41a6f2a001
# One that says its own uuid, so that it can come again.
cat > "$tmp/request.json" << EOT
{ "name": "web", "uuid": "$uuid",
  "flavor": { "name": "m1", "vcpus": 1, "ram": 128, "disk": 1 },
  "image": { "name": "img", "disk_format": "raw", "size": 8388608 } }
EOT
run f server create web --request "$tmp/request.json"
is_eq "$rc $err" "0 " "a server"
first=$(generation web)
true_that "has a generation" test "${first:-0}" -gt 0
run f server list
is_eq "$(generation web)" "$first" "which does not change while nothing does"
last=$first
for step in 'pause web' 'unpause web' 'set web --description one' 'lock web' 'unlock web' 'stop web' 'start web' 'resize web --flavor m2' \
    'resize revert web'; do
  [[ $step != resize*m2 ]] || f flavor create m2 --vcpus 1 --ram 256 --disk 1 > "$tmp/log" 2>&1
  # shellcheck disable=SC2086 # words
  run f server $step
  now=$(generation web)
  true_that "$step makes it greater" test "$rc $((now > last))" = "0 1"
  last=$now
done
run f server set web --description one
is_eq "$(generation web)" "$last" "the same once more is no change"
f server delete web > "$tmp/log" 2>&1
run f server create web --request "$tmp/request.json"
true_that "a server that is gone and comes again is of a later one" test "$(generation web)" -gt "$last"
f server delete web > "$tmp/log" 2>&1

# ---- from host to host ----

# Two hosts: this STATE with this configuration, and another of both.
other=$tmp/other there=$tmp/there
mkdir -p "$there/plugins.d"
chmod go-w "$there" "$there/plugins.d"
cp "$config/plugins.d/user.conf" "$there/plugins.d/"
main_setting virtloom 'host = one'
printf '[virtloom]\nhost = two\n' > "$there/virtloom.conf"
g () { vl --driver fake --config "$there" --state "$other" "$@"; }
odb () { sqlite3 -cmd '.timeout 60000' "$other/state.db" "$@"; }
# What is on record here of a server, and of the other host.
g image create img --file "$tmp/disk.raw" --disk-format raw > "$tmp/log" 2>&1
image=$(db "SELECT uuid FROM image WHERE name = 'img'")
truncate -s 16M "$tmp/data.raw"
echo 'swordfish' > "$tmp/password"
run f server create web --flavor m1 --image img --network user --volume "path=$tmp/data.raw,format=raw" --password "$tmp/password" --metadata role=web
is_eq "$rc $err" "0 " "a server"
uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
f server set web --description 'the front end' > "$tmp/log" 2>&1
run f server export web
is_eq "$rc $err" "0 " "its record"
printf '%s\n' "$out" > "$tmp/web.json"
is_eq "$(value host) $(value virtloom_record) $(value generation)" "one 1 $(db 'SELECT generation FROM server')" "says whose it is, and of which generation"
has "$out" "\"source\": \"$state/servers/$uuid/disk\"" "its disks are where they are"
lacks "$out" swordfish "no secret is in it"
run f server export web
is_eq "$out" "$(cat "$tmp/web.json")" "it is the same while nothing changes"
run f server export web -o json
is_eq "$rc $(grep -c '"virtloom_record": 1' <<< "$out")" "0 1" "in JSON, too"
run f server export
is_eq "$rc $err" "2 error Usage core: 'server export' needs SERVER..., --all or --status STATUS
  virtloom server export --help" "of which server"

# change WHAT [FILE]: the record with the Python statement WHAT done to it as r, and with the checksum that
# it has then.
change () {
  python3 - "$1" "${2:-$tmp/web.json}" > "$tmp/changed.json" << 'EOP'
import hashlib, json, sys
r = json.load(open(sys.argv[2]))
d = r["document"]
exec(sys.argv[1])
if "checksum" in r and r["checksum"].startswith("sha256:"):
    del r["checksum"]
    plain = json.dumps(r, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    r["checksum"] = "sha256:" + hashlib.sha256(plain.encode()).hexdigest()
print(json.dumps(r, ensure_ascii=False))
EOP
}
c=$tmp/changed.json
refused () {
  run g server import --fenced "$c"
  is_eq "$rc $(grep -v '^[~+-] ' <<< "$out") $err" "$1  $2" "refused: $3"
}

# The disks are there as an operator, or shared storage, has them.
lay_out () {
  rm -rf "${other:?}/servers/$uuid"
  mkdir -m 700 "$other/servers/$uuid"
  qemu-img create -q -f qcow2 -F raw -b "$other/images/$image" "$other/servers/$uuid/disk" 1G
  chmod 600 "$other/servers/$uuid/disk"
  [ ! -e "$state/servers/$uuid/disk.config" ] || cp -p "$state/servers/$uuid/disk.config" "$other/servers/$uuid/"
}

# ---- what is no record ----

change 'pass'
: > "$c"
refused 3 "error InvalidRequest core: \$: is not JSON: '[' or '{' expected near end of file (line 1, column 0) ($c)" "nothing"
head -c 3000 "$tmp/web.json" > "$c"
run g server import --fenced "$c"
is_rc 3 "one that is cut is refused"
has "$err" 'error InvalidRequest core: $: is not JSON: ' "in words"
while IFS='|' read -r code what text hint; do
  change "$what"
  refused "$code" "error $text ($c)${hint:+
  $hint}" "$what"
done << 'EOT'
3|r["virtloom_record"] = 0|InvalidRequest core: $.virtloom_record: 0 is out of range; accepted: a whole number from 1 to 1
3|r["generation"] = 0|InvalidRequest core: $.generation: 0 is out of range; accepted: a whole number from 1 to 9007199254740992
3|r["generation"] = "5"|InvalidRequest core: $.generation: is text; accepted: a whole number from 1 to 9007199254740992, without quotes
3|del r["generation"]|InvalidRequest core: $.generation: is missing
3|del r["uuid"]|InvalidRequest core: $.uuid: is missing
3|r["uuid"] = "../../etc"|InvalidRequest core: $.uuid: '../../etc' is no uuid; accepted: 8-4-4-4-12 hexadecimal digits
3|r["name"] = ""|InvalidRequest core: $.name: '' is empty; accepted: 1 to 255 bytes
3|r["status"] = "BUILD"|InvalidRequest core: $.status: 'BUILD' is no status; accepted: ACTIVE SHUTOFF PAUSED SUSPENDED VERIFY_RESIZE RESCUE SHELVED_OFFLOADED ERROR
3|r["driver"] = "../x"|InvalidRequest core: $.driver: '../x' is no name of a plugin
3|r["request"] = "x"|InvalidRequest core: $.request: is text; accepted: an object
3|r["checksum"] = "md5:1"|InvalidRequest core: $.checksum: 'md5:1' is no checksum; accepted: sha256: with 64 digits 0-9a-f
3|d["parts"] = []|InvalidRequest core: $.document.parts: is missing|export the server again; a record is not edited
3|d["parts"] = d["parts"][1:2]|InvalidRequest core: $.document.parts[0]: stands at no place where a document has it|export the server again; a record is not edited
3|d["parts"][3]["kind"] = 4|InvalidRequest core: $.document.parts[3].kind: 4 is out of range; accepted: a whole number from 1 to 3
3|d["parts"][3]["path"] = "/etc"|InvalidRequest core: $.document.parts[3].path: '/etc' is no path of a document
3|d["parts"][3]["keys"] = 5|InvalidRequest core: $.document.parts[3]: has keys that are no object; accepted: an object of at most 8 texts
3|d["parts"] = [{}] * 16385|InvalidRequest core: $.document.parts: has 16385 items; accepted: at most 16384
3|d["nics"][0]["place"] = 256|InvalidRequest core: $.document.nics[0].place: 256 is out of range; accepted: a whole number from 0 to 255
3|d["keys"] = 5|InvalidRequest core: $.document.keys: is a number; accepted: a list
EOT
change 'r["virtloom_record"] = 2'
refused 3 "error RecordTooNew core: \$.virtloom_record: was written by a later virtloom (form 2; this one knows 1) ($c)
  use that virtloom" "one of a later form"
change 'd["disks"][0]["is_nic"] = 1'
refused 3 "error InvalidRequest core: \$.document.disks[0].is_nic: unknown member; accepted: id place type source why purpose device format bus target size boot serial readonly shareable unit address plugin ($c)
  members whose name begins with 'x-' are yours and are passed over" "one with a member that nobody knows"
sed 's/the front end/the back door/' "$tmp/web.json" > "$c"
run g server import --fenced "$c"
is_eq "$rc ${err%%its checksum is*}" "3 error RecordDamaged core: \$.checksum: the record was changed after it was written: " "one that was changed is refused"
has "$err" "  export the server again; a record is not edited" "with what helps"
head -c 4194305 /dev/zero | tr '\0' ' ' > "$c"
refused 3 "error InvalidRequest core: \$: has 4194305 bytes; accepted: at most 4194304 ($c)" "one that is too large"
python3 -c 'print("[" * 2000 + "]" * 2000)' > "$c"
refused 3 "error InvalidRequest core: \$: is nested more than 32 deep ($c)" "one that is too deep"
change 'd["xml"] = d["xml"].replace("<vcpu>", "<vcpu placement=\"static\">").replace("</domain>", " </domain>")'
lay_out
refused 3 "error RecordDamaged core: the document in \"$c\" is damaged: its parts do not make up its XML
  export it again on host one" "one whose parts are not its XML"
change 'r["request"]["uuid"] = "2d3f1c80-0d5e-4d12-9a4e-2f41a6f2a00f"'
refused 3 "error InvalidRequest core: \$.request: is that of server \"web\" (2d3f1c80-0d5e-4d12-9a4e-2f41a6f2a00f), not of the record's
  export it again on host one" "one of two servers"

# ---- what may run where it was ----

for status in ACTIVE PAUSED ERROR; do
  change "r['status'] = '$status'"
  run g server import "$c"
  is_eq "$rc $(grep -v '^[~+-] ' <<< "$out") $err" "3  error ComputeServiceInUse core: server \"web\" is $status on host \"one\" by its record, and may run there
  stop it there and import what is exported then; or, where host one is off for certain, say so: --fenced" "refused: one that is $status there"
done
change "r['status'] = 'SHUTOFF'"
run g server import --dry-run "$c"
is_eq "$rc $err" "0 " "of one that is off there nobody has to say that its host is"
change "r['host'] = 'two'"
run g server import --dry-run "$c"
is_eq "$rc $err" "0 " "nor of this host, which is asked"

# ---- what this host has not, or has already ----

change 'pass'
rm "$other/servers/$uuid/disk"
refused 5 "error DiskNotFound core: the disk \"$other/servers/$uuid/disk\" is not there
  put it back under that name; 'virtloom state check' shows what else is not there" "a disk that is not there"
is_eq "$(odb 'SELECT count(*) FROM server') $(odb 'SELECT count(*) FROM operation') $(odb 'SELECT count(*) FROM claim')" "0 0 0" "nothing is on record"
lay_out
qemu-img create -q -f qcow2 "$other/servers/$uuid/disk" 1G
run g server import --fenced "$c"
is_rc 3 "a disk that lies over nothing is none that lay over an image"
lay_out
for status in RESCUE SUSPENDED VERIFY_RESIZE SHELVED_OFFLOADED; do
  change "r['status'] = '$status'"
  refused 3 "error InstanceInvalidState core: server \"web\" is $status by its record; accepted: ACTIVE SHUTOFF PAUSED ERROR
  end that on host one, and export it again" "one that is $status"
done
change 'r["kept"] = [{"plugin": "vtpm", "key": "secret"}]'
refused 4 'error HeldByHost core: plugin "vtpm" keeps "secret" for server "web" on host "one", which a record does not have
  start it on host one' "what a plugin keeps on the other host"
change 'r["images"][0]["checksum"] = "sha256:00"'
is=$(odb 'SELECT checksum FROM image')
refused 3 "error ImageDiffers core: image \"img\", on which disks of server \"web\" lie, is another one here: its checksum is $is instead of sha256:00
  only the image of host one is what the disks were made over" "another image"
change 'r["images"][0]["uuid"] = "2d3f1c80-0d5e-4d12-9a4e-2f41a6f2a00e"'
refused 5 'error ImageNotFound core: image "img" (2d3f1c80-0d5e-4d12-9a4e-2f41a6f2a00e), on which disks of server "web" lie, is not in STATE
  virtloom image save on host one, virtloom image create here' "an image that is not here"
change 'r["driver"] = "gone"'
run g server import --fenced "$c"
true_that "a driver that is not here" test "$rc" -ne 0
change 'pass'
printf '[virtloom]\nhost = two\nreserved_host_memory_mb = 100000000\n' > "$there/virtloom.conf"
run g server import --fenced "$c"
has "$rc $err" "4 error ComputeResourcesUnavailable" "a host without room"
printf '[virtloom]\nhost = two\n' > "$there/virtloom.conf"
printf '[settings]\ndisk_cachemodes = file=writethrough\n' > "$there/plugins.d/disk-cache.conf"
run g server import --fenced "$c"
has "$rc $err" "4 error GuestWouldChange disk-cache: on this host server \"web\" would change in what its guest sees: '/domain/devices/disk[1]/driver/@cache' from" "what the guest would see"
has "$err" "  configure this host as host one is; or let the guest change there first: virtloom server reboot --hard --update web" "with what helps"
rm "$there/plugins.d/disk-cache.conf"
is_eq "$(odb 'SELECT count(*) FROM server') $(odb 'SELECT count(*) FROM operation') $(ls "$other/servers")" "0 0 $uuid" "nothing came of any"

# ---- it comes ----

run g server import --fenced --dry-run "$c"
is_eq "$rc $err $(odb 'SELECT count(*) FROM server')" "0  0" "it can be said what would be done"
has "$out" "~ /domain/devices/disk[1]/source/@file = $state/servers/$uuid/disk -> $other/servers/$uuid/disk  <- core, name=img (image)" "and what differs"
before=$(stat -c '%i %s %Y' "$other/servers/$uuid/disk")
run g server import --fenced "$c" -o json
is_eq "$rc $err" "0 " "it is imported"
has "$out" '"changes": [' "with what differs"
is_eq "$(odb 'SELECT count(*) FROM operation')" 0 "nothing is under way"
is_eq "$(stat -c '%i %s %Y' "$other/servers/$uuid/disk")" "$before" "its disk is what it was"
run g server show web -o json
is_eq "$(value status) $(value description) $(value generation)" "SHUTOFF the front end $(($(db "SELECT generation FROM server WHERE uuid = '$uuid'") + 1))" "off, and of the next generation"
is_eq "$(odb "SELECT mac FROM device WHERE is_nic")" "$(db "SELECT mac FROM device WHERE is_nic")" "with the same devices"
refused 3 "error InstanceExists core: server $uuid is on record here, as \"web\"; a record is imported where its server is not
  virtloom server show web; if it was on another host meanwhile, and is off there: virtloom server import --replace $c" "once more"
f server stop web > "$tmp/log" 2>&1
run g server start web
is_eq "$rc $err" "0 " "it starts"
run g server diff web
is_eq "$rc $out" "0 " "it is what a plan of today makes"
run g server event list web
has "$out" import "its history begins"
change 'r["uuid"] = r["request"]["uuid"] = "2d3f1c80-0d5e-4d12-9a4e-2f41a6f2a00d"'
refused 3 'error InstanceExists core: there is already a server "web"
  take another name, or delete it first: virtloom server delete web' "another one of its name"
run g server export web
printf '%s\n' "$out" > "$tmp/back.json"
g server delete web > "$tmp/log" 2>&1
is_eq "$(ls "$other/servers")" "" "deleted, it is gone"
lay_out
change 'pass'
last=$(odb "SELECT generation FROM departed WHERE server = '$uuid'")
was=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["generation"])' "$c")
refused 3 "error RecordTooOld core: the record of server \"web\" is of generation $was; when it was on this host last it was of generation $last
  import what the host exports that had the server last" "an older record than that"
change 'r["generation"] = 1000'
run g server import --fenced "$c"
is_eq "$rc $err" "0 " "a newer one is not"
g server delete web > "$tmp/log" 2>&1

# ---- killed at any place ----

if can_kill; then
  bad=''
  n=0
  for n in $(kill_places 7); do
    lay_out
    change "r['generation'] = 2000 + $n * 10"
    run_killed "$n" fsync,fdatasync,rename,renameat2,unlink,mkdir,pwrite64 "$VL_RUN" virtloom --driver fake --config "$there" --state "$other" server import --fenced "$c"
    killed=$rc
    run g server list
    [ -e "$other/servers/$uuid/disk" ] || bad+=" $n: the disk is gone;"
    [ "$(odb 'SELECT count(*) FROM operation')" = 0 ] || bad+=" $n: an operation is left;"
    if [ "$(odb 'SELECT count(*) FROM server')" = 0 ]; then
      [ "$(odb 'SELECT count(*) FROM claim')$(find "$other/fake/guests" -type f)" = 0 ] || bad+=" $n: something is left;"
      # What came to nothing is no record of before: it can be done again.
      run g server import --fenced "$c"
      [ "$rc" = 0 ] || bad+=" $n: not again: $err;"
    fi
    run g server start web
    [ "$rc" = 0 ] || bad+=" $n: $err;"
    g server delete web > "$tmp/log" 2>&1
    [ "$killed" != 0 ] || break
  done
  is_eq "$killed $bad" "0 " "killed at any of $n places, an import is done or undone, and its disks stay"
else
  skip "a command cannot be killed at a system call here"
fi

# ---- a folder that hosts share ----

records=$tmp/records
mkdir -m 755 "$records"
main_setting virtloom 'host = one' "records_dir = $records"
printf '[virtloom]\nhost = two\nrecords_dir = %s\n' "$records" > "$there/virtloom.conf"
file=$records/$uuid.json
generation_in () { python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); print(r["host"], r["generation"])' "$1"; }
run f server set web --description 'in the folder'
is_eq "$rc $err $(generation_in "$file") $(stat -c %a "$file")" "0  one $(db "SELECT generation FROM server WHERE uuid = '$uuid'") 600" "a change is in the folder at once"
run f server start web
is_eq "$rc $err $(generation_in "$file")" "0  one $(db "SELECT generation FROM server WHERE uuid = '$uuid'")" "so is a start"
inode=$(stat -c %i "$file")
run f server list
is_eq "$(stat -c %i "$file")" "$inode" "what does not change is not written"
f server stop web > "$tmp/log" 2>&1
cp "$file" "$tmp/older.json"
f server set web --description 'newer' > "$tmp/log" 2>&1
lay_out
run g server import --fenced "$tmp/older.json"
has "$rc $err" "3 error RecordTooOld core: the record of server \"web\" is of generation " "an older record than that of the folder is refused"
has "$err" ", and the one in the folder of records is of generation $(generation_in "$file" | cut -d' ' -f2), of host \"one\"
  import that: virtloom server import $file" "which is told"
sed -i 's/"generation": [0-9]*/"generation": 9000/' "$file"
python3 - "$file" << 'EOP'
import hashlib, json, sys
r = json.load(open(sys.argv[1]))
del r["checksum"]
r["checksum"] = "sha256:" + hashlib.sha256(json.dumps(r, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
json.dump(r, open(sys.argv[1], "w"))
EOP
run g server import --fenced "$file"
is_eq "$rc $err $(generation_in "$file")" "0  two 9001" "the other host takes the server over, and the folder says so"
run f server start web
moved="InstanceMoved core: server \"web\" is host \"two\"'s by \"$file\" (generation 9001)
  start it there; or take it over, once it is off there: virtloom server import --replace $file"
is_eq "$rc $err" "3 error $moved" "it does not start where it was any more"
run f server set web --description 'too late'
is_eq "$rc $err" "0 warning $moved" "what is on record there can be changed, and is not written over the other host's"
for ((i = 0; i < 5; i++)); do f server set web --description "again $i" > "$tmp/log" 2>&1; done
db "UPDATE server SET generation = 10000 WHERE uuid = '$uuid'"
run f server start web
is_eq "$rc $err" "3 error $moved" "however often that was changed"
for verb in 'reboot --hard' rescue rebuild 'resize --flavor m2'; do
  # shellcheck disable=SC2086 # words
  run f server $verb web
  has "$rc $err" "3 error InstanceMoved core: " "nor is it started by $verb"
  is_eq "$(db 'SELECT count(*) FROM operation')" 0 "of which nothing is left"
done
is_eq "$(generation_in "$file")" "two 9001" "which stays"
# The command that took it over may have died before it wrote that into the folder.
cp "$file" "$tmp/taken.json"
change 'r["host"] = "one"; r["generation"] = 9000' "$file"
cp "$c" "$file"
odb "UPDATE server SET exported = -9000"
run g server start web
is_eq "$rc $err" "0 " "it starts where it is"
is_eq "$(generation_in "$file")" "two $(odb 'SELECT generation FROM server')" "and that is in the folder then"
g server stop web > "$tmp/log" 2>&1
change 'r["host"] = "one"; r["generation"] = 9001' "$file"
cp "$c" "$file"
odb "UPDATE server SET exported = -9000"
run g server start web
has "$rc $err" "3 error InstanceMoved core: server \"web\" is host \"one\"'s by " "unless the other host has gone on with it meanwhile"
cp "$tmp/taken.json" "$file"
g server start web > "$tmp/log" 2>&1
mv "$records" "$records.gone"
g server stop web > "$tmp/log" 2>&1
run g server start web
is_eq "$rc $err" "1 error RecordsUnreadable core: the folder of records \"$records\" cannot be opened: No such file or directory
  mount it, or see records_dir in virtloom.conf" "where nobody can tell whose a server is it does not start"
mv "$records.gone" "$records"
chmod 777 "$records"
run g server start web
has "$rc $err" "9 error RecordsUnreadable core: the folder of records \"$records\" cannot be trusted: " "nor by a folder that others write to"
chmod 755 "$records"
run g server start web
is_eq "$rc $err" "0 " "else it does"
# ---- it comes back to a host that has its record of before ----

# The record of before cannot be written over the other host's, of which each command warns.
errors () { grep -A1 '^error' <<< "$err"; }

g server set web --description 'of two' > "$tmp/log" 2>&1
g server stop web > "$tmp/log" 2>&1
disk=$state/servers/$uuid/disk
before=$(stat -c '%i %s %Y' "$disk")
run f server import "$file"
is_eq "$rc $(errors)" "3 error InstanceExists core: server $uuid is on record here, as \"web\"; a record is imported where its server is not
  virtloom server show web; if it was on another host meanwhile, and is off there: virtloom server import --replace $file" "not without a word"
run f server import --replace --dry-run "$file"
is_eq "$rc $(errors) $(generation_in "$file")" "0  two $(odb "SELECT generation FROM server WHERE uuid = '$uuid'")" "it can be said what would be done"
db "UPDATE server SET status = 'SUSPENDED' WHERE uuid = '$uuid'"
run f server import --replace "$file"
is_eq "$rc $(errors)" "3 error InstanceInvalidState core: server \"web\" is SUSPENDED on this host; accepted: ACTIVE SHUTOFF PAUSED ERROR MIGRATING
  virtloom server resume web" "nothing is replaced whose memory lies here"
db "UPDATE server SET status = 'SHUTOFF' WHERE uuid = '$uuid'"
change 'r["driver"] = "qemu-tcg"; r["generation"] = 20000' "$file"
run f server import --replace "$c"
is_eq "$rc $(errors)" "3 error InstanceInvalidState core: server \"web\" has driver \"fake\" on this host, and \"qemu-tcg\" by its record
  virtloom server show web" "nor one of another driver"
f server lock web > "$tmp/log" 2>&1
run f server import --replace "$file"
has "$rc $err" "error InstanceIsLocked core: " "nor one that is locked"
f server unlock web > "$tmp/log" 2>&1
setting fake 'fail = finish_migration:1'
run f server import --replace "$file"
is_eq "$rc $(db "SELECT description || (SELECT count(*) FROM operation) || (SELECT count(*) FROM document) FROM server WHERE uuid = '$uuid'")" "1 again 401" "one that fails leaves the record of before"
rm "$config/plugins.d/fake.conf"
run f server start web
has "$rc $err" "3 error InstanceMoved core: " "which does not start"
run f server import --replace "$file"
is_eq "$rc $err $(generation_in "$file")" "0  one $(db "SELECT generation FROM server WHERE uuid = '$uuid'")" "with one it is this host's again"
run f server show web -o json
is_eq "$(stat -c '%i %s %Y' "$disk") $(value description) $(value status) $(db "SELECT count(*) FROM server_image")" "$before of two SHUTOFF $(odb "SELECT count(*) FROM server_image")" "with the disk that it has here, and the newer record"
run f server event list web
has "$out" "import --replace  root  done" "its history says so"
run f server start web
is_eq "$rc $err" "0 " "it starts"
f server export web > "$tmp/now.json"
run f server import --replace "$tmp/now.json"
has "$rc $err" "3 error RecordTooOld core: the record of server \"web\" is of generation " "it is not replaced by its own record"
change 'r["host"] = "two"; r["generation"] = 20000' "$tmp/now.json"
run f server import --replace "$c"
is_eq "$rc $err" '3 error InstanceInvalidState core: the guest of server "web" is on, on this host
  virtloom server stop web' "nor while its guest is on here"
run g server start web
has "$rc $err" "3 error InstanceMoved core: server \"web\" is host \"one\"'s by " "and where it was it does not start"
if can_kill; then
  bad=''
  f server stop web > "$tmp/log" 2>&1
  for n in $(kill_places 9); do
    change "r['host'] = 'two'; r['description'] = 'try $n'; r['generation'] = 30000 + $n * 10" "$tmp/now.json"
    run_killed "$n" fsync,fdatasync,rename,renameat2,unlink,mkdir,pwrite64 "$VL_RUN" virtloom --driver fake --config "$config" --state "$state" server import --replace --fenced "$c"
    killed=$rc
    run f server list
    [ "$(stat -c '%i %s %Y' "$disk")" = "$before" ] || bad+=" $n: the disk is another;"
    [ "$(db 'SELECT count(*) FROM operation')" = 0 ] || bad+=" $n: an operation is left;"
    [ "$(db "SELECT count(*) FROM server WHERE uuid = '$uuid'") $(db "SELECT count(*) FROM document WHERE server = '$uuid'")" = "1 1" ] || bad+=" $n: not one record;"
    if [ "$(db "SELECT description FROM server WHERE uuid = '$uuid'")" != "try $n" ]; then
      run f server import --replace --fenced "$c"
      [ "$rc" = 0 ] || bad+=" $n: not again: $err;"
    fi
    [ "$killed" != 0 ] || break
  done
  is_eq "$killed $bad" "0 " "killed at any of $n places, a replacement is done or undone, and the disk stays"
  run f server start web
  is_eq "$rc $err" "0 " "it starts then"
else
  skip "a command cannot be killed at a system call here"
fi
f server stop web > "$tmp/log" 2>&1
# The other host takes it once more.
run g server import --replace "$file"
is_eq "$rc $err $(generation_in "$file")" "0  two $(odb "SELECT generation FROM server WHERE uuid = '$uuid'")" "and it goes to and fro"
run f server delete web
is_eq "$rc $(generation_in "$file")" "0 two $(odb "SELECT generation FROM server WHERE uuid = '$uuid'")" "a deletion where it was takes no record of another host away"
run g server delete web
is_eq "$rc $(ls "$records")" "0 " "one where it is does"

# ---- a STATE is of one host ----

place () { grep -A1 '^[A-Z]* *state place' <<< "$out"; }
run f host check
is_eq "$(grep '^[A-Z]* *state place' <<< "$out")" "PASS  state place: $state is of this host alone" "a STATE on a disk"
elsewhere=$top_builddir/tests/shim/.libs/elsewhere.so
if [ -e "$elsewhere" ]; then
  far () {
    VL_TEST_ELSEWHERE=$state VL_TEST_MAGIC=$1 ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS:-} LD_PRELOAD=$elsewhere run f host check
  }
  far 0x6969
  is_eq "$rc $(place)" "4 FAIL  state place: $state lies on a network file system (nfs), which other hosts may have, too; STATE is for one host
      keep it on a disk of this host: state_dir in virtloom.conf, or --state DIR" "one on a network file system is refused"
  far 0x65735546
  is_eq "$(place)" "WARN  state place: $state lies on a file system of FUSE, which other hosts may have, too; STATE is for one host
      see that no other host has it: findmnt -T $state" "one on FUSE is warned of"
else
  skip "a build without shared libraries has nothing to preload"
fi

done_testing
