#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What becomes of STATE when it is damaged, lost or restored: reading and deleting go on where
# they can, nothing is removed that is not proven to be ours, and every fault is told in words.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3

f () { vl --driver fake "$@"; }
uuid_of () { db "SELECT uuid FROM server WHERE name = '$1'"; }

truncate -s 8M "$tmp/disk.raw"
f flavor create m1 --vcpus 1 --ram 128 --disk 1 > /dev/null
f image create img --file "$tmp/disk.raw" --disk-format raw > /dev/null
for name in one two three; do
  run f server create "$name" --flavor m1 --image img
  is_rc 0 "server $name"
done

# ---- STATE has one place ----

# A server's document, disks and undo log name files below STATE.
fresh=$tmp/place
g () { program --config "$config" --state "$1" --driver fake "${@:2}"; }
g "$fresh" flavor create m1 --vcpus 1 --ram 128 --disk 1 > /dev/null
g "$fresh" image create img --file "$tmp/disk.raw" --disk-format raw > /dev/null
mv "$fresh" "$fresh.2"
for name in here there; do
  run g "$fresh.2" server create "$name" --flavor m1 --image img
  is_eq "$rc $err" "0 " "without servers STATE can be moved"
done
cp -a "$fresh.2" "$fresh.copy"
copied="error StateMoved core: the STATE folder \"$fresh.copy\" is a copy of \"$fresh.2\", which its servers' disks are named by
  use that: --state $fresh.2"
for words in 'server start here' 'server reboot --hard here' 'server delete here' 'server list' 'server show here' \
  'image list' 'flavor list' 'image delete img' 'server create more --flavor m1 --image img' 'host resume' 'state backup'; do
  setting='resume_guests_state_on_host_boot = yes'
  [ "$words" != 'host resume' ] || main_setting virtloom "$setting"
  # shellcheck disable=SC2086
  run g "$fresh.copy" $words
  rm -f "$config/virtloom.conf"
  is_eq "$rc $err" "1 $copied" "a copy of a STATE with servers is refused: $words"
done
run g "$fresh.copy" state check
is_rc 1 "state check tells it"
has "$out" "FAIL  store: the STATE folder \"$fresh.copy\" is a copy of \"$fresh.2\"" "in the same words"
is_eq "$(find "$fresh.2/servers" -name disk | wc -l)" 2 "the disks are there"
mv "$fresh.2" "$fresh.3"
run g "$fresh.3" server delete here
is_eq "$rc $err" "1 error StateMoved core: the STATE folder \"$fresh.3\" was moved from \"$fresh.2\", which its servers' disks are named by
  move it back, or: ln -s $fresh.3 $fresh.2" "as is one that was moved"
ln -s "$fresh.3" "$fresh.2"
run g "$fresh.3" server stop here
is_eq "$rc $err" "0 " "a link does"
run g "$fresh.3" server reboot --hard --update here
is_eq "$rc $err" "0 " "for whatever makes paths anew"
run g "$fresh.3" server delete here
is_eq "$rc $err" "0 " "by the one name"
run g "$fresh.2" server delete there
is_eq "$rc $err" "0 " "and the other"
is_eq "$(ls "$fresh.3/servers")" "" "nothing is left"

# ---- what the store says is no path ----

mkdir "$tmp/x"
echo precious > "$tmp/x/file"
one=$(uuid_of one) two=$(uuid_of two)
hint="'virtloom state check' shows what is damaged, 'virtloom state repair' and 'virtloom state restore' mend it"
for bad in '' '../../x' '..' "../servers/$two" "$one/x"; do
  db "PRAGMA foreign_keys = OFF; UPDATE server SET uuid = '$bad' WHERE name = 'one'"
  run f server delete one
  is_eq "$rc $err" "1 error StoreDamaged core: \"$state/state.db\" is damaged: the uuid '$bad' on record is no uuid; accepted: 8-4-4-4-12 hexadecimal digits
  $hint" "a server whose uuid is '$bad' is not deleted"
  run f server list
  is_rc 1 "list says so"
  has "$out" three "and shows the others"
  true_that "their disks stay" test -s "$state/servers/$two/disk"
  true_that "its own, too" test -s "$state/servers/$one/disk"
  is_eq "$(cat "$tmp/x/file")" precious "and what is outside"
done
db "PRAGMA foreign_keys = OFF; UPDATE server SET uuid = '$one', domain = '../x' WHERE name = 'one'"
run f server stop one
is_eq "$rc $err" "1 error StoreDamaged core: \"$state/state.db\" is damaged: the domain '../x' on record is no name of a guest; accepted: 'vl-' and up to 12 hexadecimal digits
  $hint" "nor is the name of a guest taken"
db "UPDATE server SET domain = 'vl-' || substr (replace (uuid, '-', ''), 1, 12)"
run f server delete one
is_eq "$rc $err" "0 " "put right, it is deleted"
image=$(db 'SELECT uuid FROM image')
db "PRAGMA foreign_keys = OFF; UPDATE image SET uuid = '../../x/file'; UPDATE server_image SET image = '../../x/file'"
for name in two three; do
  run f server delete "$name"
  is_eq "$rc $err" "0 " "server $name goes"
done
run f image delete img
is_eq "$rc $err" "1 error StoreDamaged core: \"$state/state.db\" is damaged: the uuid '../../x/file' on record is no uuid; accepted: 8-4-4-4-12 hexadecimal digits
  $hint" "an image whose uuid is a path is not deleted"
is_eq "$(cat "$tmp/x/file")" precious "what that path leads to stays"
db "UPDATE image SET uuid = '$image'"
run f image delete img
is_eq "$rc $err" "0 " "put right, it is deleted"
f image create img --file "$tmp/disk.raw" --disk-format raw > /dev/null

# ---- what is mounted in a server's folder ----

if can_mount; then
  for place in folder file; do
    run f server create mounted --flavor m1 --image img
    is_rc 0 "a server"
    uuid=$(uuid_of mounted)
    export uuid
    inside 'cd "$state/servers/$uuid"
      if ['" $place = folder"' ]; then mkdir m; mount --bind "$tmp/x" m; else touch m; mount --bind "$tmp/x/file" m; fi
      run f server delete mounted; echo "$rc $err"; test -s disk && cat "$tmp/x/file"' > "$tmp/said"
    is_eq "$(cat "$tmp/said")" "1 error StorageFailed core: cannot remove \"$state/servers/$uuid\": something is mounted there, or below it; nothing of it was removed
  unmount it: findmnt -R $state/servers/$uuid shows it
precious" "with a $place mounted in its folder nothing of it is removed"
    run f server list
    is_eq "$rc $err" "0 " "the next command finishes"
    true_that "whole" test ! -e "$state/servers/$uuid"
    is_eq "$(cat "$tmp/x/file")" precious "without what was mounted"
  done
else
  skip "nothing can be mounted here"
fi

# ---- whose it is, survives a copy of STATE ----

# A create that is killed when its disk is made, with its folder in $dir.
half_has_disk () { local uuid; uuid=$(uuid_of half) && [ -n "$uuid" ] && [ -e "$state/servers/$uuid/disk" ]; }
killed_create () {
  setting fake 'delay_ms = spawn:3600000'
  f server create half --flavor m1 --image img > /dev/null 2>&1 &
  pid=$!
  wait_for 300 half_has_disk
  kill_job "$pid"
  setting fake
  dir=$state/servers/$(uuid_of half)
}
killed_create
true_that "a create was killed half-way" test -e "$dir/disk"
mv "$state" "$state.away"
cp -a "$state.away" "$state"
rm -rf "$state.away"
run f server list
is_eq "$rc $err$(grep half <<< "$out")" "0 " "its server is taken back"
is_eq "$(ls "$state/servers")" "" "with its disk, which has another inode now"
killed_create
rm "$dir/.operation"
unproven="NotProven core: \"$dir\" has not the mark of the operation that began to make it: it may be somebody else's, and stays
  look at it; move it away, or have it removed: virtloom state repair --accept-loss ${dir##*/}"
run f server list
is_eq "$rc $err" "0 warning $unproven
warning Unfinished core: an interrupted \"server create\" of ${dir##*/} could not be mended now; it is tried again later" "without the mark it is not removed, and that is told"
has "$out" "ERROR" "its server is shown"
run f server delete half
is_rc 1 "nor is it by a deletion"
has "$err" "error $unproven" "which says why"
true_that "the disk is there" test -e "$dir/disk"
mv "$dir" "$tmp/moved"
run f server delete half
is_eq "$rc $err" "0 " "moved away, it can be deleted"
run f server create whole --flavor m1 --image img
is_eq "$rc $(find "$state/servers" -name .operation)" "0 " "a server that is made needs no mark"
run f server delete whole
is_eq "$rc $err" "0 " "to be deleted"

# ---- done, but not recorded; done, but not told ----

run f server create web --flavor m1 --image img
web=$(uuid_of web)
db "CREATE TRIGGER sick BEFORE UPDATE ON server WHEN NEW.status = 'SHUTOFF' BEGIN SELECT RAISE (ABORT, 'sick'); END"
run f server stop web
is_eq "$rc $err" "1 error StoreFailed core: cannot use \"$state/state.db\": sick
error NotRecorded core: the stop of server \"web\" was done, but is not on record
  the next command looks what became of it, and records that" "a stop that could not be recorded is told from one that failed"
run f server list
has "$out" SHUTOFF "the guest is off"
db "DROP TRIGGER sick"
run f server list
is_eq "$rc $err$(db "SELECT status FROM server WHERE name = 'web'") $(db 'SELECT count (*) FROM operation')" "0 SHUTOFF 0" "and the next command records it"
db "CREATE TRIGGER sick BEFORE DELETE ON server BEGIN SELECT RAISE (ABORT, 'sick'); END"
run f server delete web
is_eq "$rc $err" "1 error StoreFailed core: cannot use \"$state/state.db\": sick
error NotRecorded core: server \"web\" was deleted, but is still on record
  the next command that can write to STATE forgets it" "a deletion that could not be recorded"
true_that "(its folder is gone)" test ! -e "$state/servers/$web"
run f server start web
is_rc 1 "is no server to be started"
run f server show web
has "$out" DELETING "but one that is being deleted"
db "DROP TRIGGER sick"
run f server list
is_eq "$rc $err$(grep web <<< "$out")" "0 " "and is finished by the next command"
db "CREATE TRIGGER sick BEFORE DELETE ON image BEGIN SELECT RAISE (ABORT, 'sick'); END"
run f image delete img
is_eq "$rc $err" "1 error StoreFailed core: cannot use \"$state/state.db\": sick
error NotRecorded core: image $image was deleted, but is still on record
  the next command that can write to STATE forgets it" "so is one of an image"
db "DROP TRIGGER sick"
run f image list
is_eq "$rc $err$(grep img <<< "$out")" "0 " "by the next list"
f image create img --file "$tmp/disk.raw" --disk-format raw > /dev/null
if [ -c /dev/full ]; then
  err=$(f server create web --flavor m1 --image img 2>&1 > /dev/full) rc=$?
  is_eq "$rc $err" "1 error Failed core: what was asked for was done, but the answer cannot be written: No space left on device" "an answer that cannot be written is told from what was not done"
  err=$(f server list -o json 2>&1 > /dev/full) rc=$?
  is_eq "$rc $err" "1 error Failed core: what was asked for was done, but the answer cannot be written: No space left on device" "and so is one in JSON, on stderr then"
  run f server delete web
  is_eq "$rc $err" "0 " "the server is there"
fi

# ---- nothing fails without saying why ----

silent=$top_builddir/tests/shim/.libs/silent.so
if [ -e "$silent" ]; then
  for words in "flavor list" "server list" "server show web" "server stop web" "image delete img"; do
    # shellcheck disable=SC2086
    ASAN_OPTIONS=verify_asan_link_order=0:${ASAN_OPTIONS:-} LD_PRELOAD=$silent run f $words
    verb=$(cut -d' ' -f1,2 <<< "$words")
    is_eq "$rc $out$err" "1 error Failed core: '$verb' failed without saying why (a fault of virtloom)" "a silent failure of '$words' is told all the same"
  done
else
  skip "a build without shared libraries has nothing to preload"
fi

# ---- an image whose file cannot be removed ----

if can_mount; then
  file=$state/images/$image
  export file
  inside 'mount --bind "$tmp/x/file" "$file"
    run f image delete img; echo "$rc $err"
    run f image list; echo "$rc $err"; grep -o "img .* deleting" <<< "$out" | tr -s " "
    run f image create img --file "$tmp/disk.raw" --disk-format raw; echo "$rc $err"
    run f plan --flavor m1 --image img; echo "$rc $err"' > "$tmp/said"
  busy="StorageFailed core: cannot remove \"$file\": Device or resource busy
  unmount it: findmnt -R $file shows it"
  later="warning Unfinished core: an interrupted \"image delete\" of $image could not be mended now; it is tried again later"
  is_eq "$(cat "$tmp/said")" "1 error $busy
0 warning $busy
$later
img $image raw deleting
1 warning $busy
$later
error $busy
3 error ImageNotActive core: the image is 'deleting'; accepted: active (status=deleting, image)
  wait until the image is active, or take another one" "a deletion that cannot be finished is shown, and its name is taken in words"
  run f image list
  is_eq "$rc $err$(grep img <<< "$out")" "0 " "the next command finishes"
  true_that "whole" test ! -e "$file"
fi

# ---- what is there, and what is on record ----

# none of it is run by a shell that would change $state
rm -rf "$state"
f flavor create m1 --vcpus 1 --ram 128 --disk 1 > /dev/null
f image create img --file "$tmp/disk.raw" --disk-format raw > /dev/null
for name in one two; do f server create "$name" --flavor m1 --image img > /dev/null; done
one=$(uuid_of one) two=$(uuid_of two) image=$(db 'SELECT uuid FROM image')
fine="PASS  $state: what is on record is there, and nothing else"
run f state check
is_eq "$rc $out$err" "0 $fine" "a STATE that is whole"
mkdir "$state/servers/foo" "$state/images/imagesx" "$state/images/lost+found" "$state/images/$one.new"
: > "$state/servers/$one.bak"
: > "$state/servers/$one.lock"
run f state check
is_eq "$rc $out$err" "1 $(for each in "servers/$one.bak" servers/foo images/imagesx; do
  echo "FAIL  stranger: \"$state/$each\" is not of virtloom: look what it is, and move it away"
done)" "what is not of virtloom is told"
run f state repair
is_eq "$rc $(ls -d "$state/servers/foo" "$state/images/imagesx" "$state/servers/$one.bak" | wc -l)" "1 3" "and not taken away"
run f image list
is_eq "$rc $err" "0 " "who only lists is not bothered"
mv "$state/images/$one.new" "$state/images/${one//[0-9]/0}.new"
has "$(f state check)" "stranger: \"$state/images/${one//[0-9]/0}.new\"" "so is a half image that nobody makes"
rm -r "$state/servers/foo" "$state/images/imagesx" "$state/images/lost+found" "$state/images"/*.new "$state/servers/$one.bak"
run f state backup
is_eq "$rc $out$err" "0 the records are copied to \"$state/backup/state.db\"" "is copied"
is_eq "$(stat -c %a "$state/backup" "$state/backup/state.db" | tr '\n' ' ')" "700 600 " "for nobody else to read"
f server create three --flavor m1 --image img > /dev/null
three=$(uuid_of three)
stray="FAIL  folder: \"$state/servers/$three\" is of no server on record
      this takes the disks in it: virtloom state repair --accept-loss $three
FAIL  guest: guest $three of driver \"fake\" is on no record
      this takes the guest: virtloom state repair --accept-loss $three"

# Lost.
for how in "rm $state/state.db" ": > $state/state.db"; do
  cp "$state/state.db" "$tmp/kept.db"
  eval "$how"
  word=missing
  [ ! -e "$state/state.db" ] || word=empty
  lost="error StoreLost core: \"$state/state.db\" is $word, but the folders beside it have 3 servers and 1 image
  virtloom state restore; 'virtloom state check' shows what is there"
  for words in "server list" "image list" "flavor list" "server delete one" "flavor create m2 --vcpus 1 --ram 64 --disk 0" \
      "image create img --file $tmp/disk.raw --disk-format raw" "server create four --flavor m1"; do
    # shellcheck disable=SC2086
    run f $words
    is_eq "$rc $out$err" "1 $lost" "$word: $words says that the records are lost"
  done
  run f state check
  is_rc 1 "$word: state check fails"
  is_eq "$(grep -c '^FAIL' <<< "$out")" 8 "and shows the store, three folders, one file and three guests"
  run f host check
  has "$out" "FAIL  state store: \"$state/state.db\" is $word" "so does host check"
  run f state repair --accept-loss "$one"
  is_rc 1 "nothing of it is repaired"
  true_that "as long as nobody gave the records up" test -e "$state/servers/$one/disk"
  rm -f "$state"/state.db*
  cp "$tmp/kept.db" "$state/state.db"
done

# Restored: what came after the copy is on no record.
run f state restore
is_rc 1 "a restored STATE"
kept=$(ls "$state"/backup/replaced-*.db)
is_eq "$out$err" "the records are those of the copy; those of before, if any, are \"$kept\"
$stray" "says what came after the copy"
run f server list
is_eq "$rc $err" "0 warning Unrecorded core: 1 folder in \"$state/servers\" belongs to no server on record
  virtloom state check
warning Unrecorded core: 1 guest with a name of ours belongs to no server on record
  virtloom state check" "list tells of it"
is_eq "$(awk 'NR > 1 { print $1, $3 }' <<< "$out")" "one ACTIVE
two ACTIVE" "and has those of then"
run f state repair
is_eq "$rc $out" "1 $stray" "nothing is removed by the way"
true_that "no disk" test -e "$state/servers/$three/disk"
run f state repair --accept-loss "$three"
is_eq "$rc $out$err" "0 MEND  folder: \"$state/servers/$three\" is of no server on record
MEND  guest: guest $three of driver \"fake\" is on no record
$fine" "but where that is accepted"
true_that "then it goes" test ! -e "$state/servers/$three"
run f state check
is_eq "$rc $out$err" "0 $fine" "and all is one again"
run f state repair --accept-loss "$three"
is_eq "$rc $out$err" "0 $fine""warning Warning core: --accept-loss '$three' names nothing that is to be mended
  'virtloom state check' says what it takes to mend each" "what names nothing is told"
run f state restore "$kept"
is_rc 1 "another copy is restored by its name"
has "$out" "FAIL  server: server \"three\" has no folder \"$state/servers/$three\" any more: virtloom server delete three forgets it
FAIL  server: driver \"fake\" does not know the guest of server \"three\": virtloom server reboot --hard three makes it anew" "a server that is not there is told"
run f server delete three
is_eq "$rc $err" "0 " "and forgotten"
run f state restore "$tmp/nowhere"
is_eq "$rc $err" "5 error BackupNotFound core: the backup \"$tmp/nowhere\" cannot be read: No such file or directory
  'virtloom state backup' makes one, and so does the first command of a day that changes something" "a copy that is not there"
echo "no database at all, but long enough to be taken for one by its size ......................." > "$tmp/bad.db"
run f state restore "$tmp/bad.db"
is_eq "$rc $err" "3 error BackupNotFound core: \"$tmp/bad.db\" is no backup: it is no SQLite file
  without FILE it is the last copy; STATE/backup has others" "or is none"
cp "$kept" "$tmp/late.db"
sqlite3 "$tmp/late.db" 'UPDATE schema SET version = 99'
run f state restore "$tmp/late.db"
is_eq "$rc $err" "1 error StoreTooNew core: \"$tmp/late.db\" was written by a later virtloom (schema 99; this one knows 8)
  use that virtloom, or another folder with --state" "or is of a later virtloom"
run f state check
is_eq "$rc $out$err" "0 $fine" "changes nothing"

# What was under way when the copy was made is not gone on with.
db "INSERT INTO operation VALUES ('$one', 'server create', 'fake', 'then'); INSERT INTO undo VALUES ('$one', 'domain', '$one', NULL);
    INSERT INTO undo VALUES ('$one', 'folder', '$state/servers/$one', '$two'); UPDATE server SET status = 'BUILD' WHERE uuid = '$one'"
cp "$state/state.db" "$tmp/then.db"
db "DELETE FROM operation; UPDATE server SET status = 'ACTIVE'"
run f state restore "$tmp/then.db"
is_rc 0 "a copy of a moment when a server was being made"
run f server show one
has "$out" "restored from a copy that was made while it was being made" "says so"
true_that "and leaves what was finished since" test -e "$state/servers/$one/disk"
run f server reboot --hard one
is_eq "$rc $err" "0 " "it can be used again"

# Damaged rows; a damaged file.
db "PRAGMA foreign_keys = OFF; UPDATE server SET uuid = '../x' WHERE name = 'two'"
run f state check
is_eq "$rc $out" "1 FAIL  row: \"$state/state.db\" is damaged: the uuid '../x' on record is no uuid; accepted: 8-4-4-4-12 hexadecimal digits
      this takes what is on record there: virtloom state repair --accept-loss state.db
$(for table in claim document server_image; do echo "FAIL  row: \"$state/state.db\" has rows of what is not there in its table $table
      this takes what is on record there: virtloom state repair --accept-loss state.db"; done)
FAIL  folder: \"$state/servers/$two\" is of no server on record
      this takes the disks in it: virtloom state repair --accept-loss $two
FAIL  guest: guest $two of driver \"fake\" is on no record
      this takes the guest: virtloom state repair --accept-loss $two" "a row that is damaged is told"
run f state repair --accept-loss state.db --accept-loss "$two"
is_rc 0 "and forgotten"
run f state check
is_eq "$rc $out$err" "0 $fine" "then all is one"
true_that "what is whole stays" test -e "$state/servers/$one/disk"
f state backup > /dev/null
dd if=/dev/urandom of="$state/state.db" bs=1k count=100 conv=notrunc status=none
run f server list
is_rc 1 "a damaged file"
has "$err" "  $hint" "leads to the copy"
run f state check
is_rc 1 "state check"
is_eq "$(grep -c . <<< "$out")" 1 "does not take all that is there for stray"
run f state backup
is_rc 1 "what is damaged does not take the place of a good copy"
run f state restore
is_eq "$rc $(tail -n 1 <<< "$out")$err" "0 $fine" "from which it is restored"

# What is missing on disk; what lies in the way.
mv "$state/images/$image" "$tmp/image"
run f state check
is_eq "$rc $out" "1 FAIL  image: image \"img\" has no file \"$state/images/$image\" any more: put it back, or delete the image" "an image without its file is told"
mv "$tmp/image" "$state/images/$image"
f image create other --file "$tmp/disk.raw" --disk-format raw > /dev/null
other=$(db "SELECT uuid FROM image WHERE name = 'other'")
db "DELETE FROM image WHERE name = 'other'"
run f image list
is_eq "$rc $err" "0 warning Unrecorded core: 1 file in \"$state/images\" belongs to no image on record
  virtloom state check" "a file without an image is told by list"
run f image create other --file "$tmp/disk.raw" --disk-format raw
is_eq "$rc $err" "1 error StorageFailed core: \"$state/images/$other\" is there already, but no image of that uuid is on record
  $hint" "and is not written over"
run f state repair --accept-loss "$other"
is_eq "$rc $out" "0 MEND  file: \"$state/images/$other\" is of no image on record
$fine" "it goes where that is accepted"
run f image create other --file "$tmp/disk.raw" --disk-format raw
is_eq "$rc $err" "0 " "then there is room for another"

# An operation that waits.
killed_create
rm "$dir/.operation"
run f state check
is_eq "$rc $out" "1 FAIL  operation: an interrupted \"server create\" of ${dir##*/} waits to be mended
      this takes what it made, whether that is proven or not: virtloom state repair --accept-loss ${dir##*/}" "an operation that waits is told"
run f state repair --accept-loss "${dir##*/}"
is_rc 0 "and ended where that is accepted"
true_that "with what it made" test ! -e "$dir"
run f state check
is_eq "$rc $out$err" "0 $fine" "all is one"

db "INSERT INTO operation VALUES ('$one', 'server release', 'fake', 'then'); INSERT INTO kept VALUES ('$one', 'gone', '', '', '1.0')"
run f state check
is_eq "$rc $out" "1 FAIL  operation: server $one is deleted but for what plugins hold that are not there: put them back, or virtloom server delete --abandon" "so is one that waits for plugins"
db "DELETE FROM operation; DELETE FROM kept"

# Once a day, and before the schema changes.
rm -rf "$state/backup"
run f flavor create m3 --vcpus 1 --ram 64 --disk 0
is_eq "$rc $(sqlite3 "$state/backup/state.db" 'SELECT count (*) FROM flavor')" "0 1" "the first command of a day that changes something copies the records"
run f flavor create m4 --vcpus 1 --ram 64 --disk 0
is_eq "$(sqlite3 "$state/backup/state.db" 'SELECT count (*) FROM flavor')" 1 "others do not"
touch -d '25 hours ago' "$state/backup/state.db"
run f flavor delete m3
run f flavor create m5 --vcpus 1 --ram 64 --disk 0
is_eq "$(sqlite3 "$state/backup/state.db" 'SELECT count (*) FROM flavor')" 2 "until the day is over"
run f server delete one
is_eq "$rc $err" "0 " "the server goes"

# ---- what is wrong with the host is no wrong request ----

f server create web --flavor m1 --image img > /dev/null
f server stop web
web=$(uuid_of web) disk=$state/servers/$web/disk
there="put it back under that name; 'virtloom state check' shows what else is not there"
mv "$disk" "$tmp/disk"
run f server start web
is_eq "$rc $err" "5 error DiskNotFound core: the disk \"$disk\" is not there
  $there" "a server without its disk"
mv "$tmp/disk" "$disk"
mv "$state/images/$image" "$tmp/image"
run f server start web
is_eq "$rc $err" "5 error DiskNotFound core: the base image of disk \"$disk\", \"$state/images/$image\", is not there
  $there" "or without its base image"
mv "$tmp/image" "$state/images/$image"
run f server start web
is_eq "$rc $err" "0 " "put back, it starts"
run f server delete web
# However few files a process may open, that is no fault of the request, nor of a plugin.
limited () { (ulimit -S -n "$1" && ulimit "${@:2:1}" -n "$1" && f server create few --flavor m1 --image img); }
for n in 255 100 60 55 40 20; do
  run limited "$n" -H
  is_eq "$rc $err" "1 error HostLimit core: a process may open $n files here; virtloom needs 256
  allow a process more open files: ulimit -n" "a limit of $n files is named"
done
run limited 60 -S
is_eq "$rc $err" "0 " "one that may be raised is"
run f server delete few
run f state check
is_eq "$rc $out$err" "0 $fine" "nothing is left"

done_testing
