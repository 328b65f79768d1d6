#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Images from servers of the web, real ones: what comes is proven, bounded and gone on with where
# it was cut; secrets are not shown.  Then the image cache: what can be fetched again leaves STATE
# when nobody uses it, what is in use never does.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs curl curl
needs python3 python3
needs openssl openssl
needs sqlite3 sqlite3

f () { vl --driver fake "$@"; }
servers=()
cleanup_servers () { for each in "${servers[@]}"; do kill "$each" 2> /dev/null; done; }
CLEANUPS=cleanup_servers
cd "$tmp" || exit 99
mkdir www
asked=$tmp/asked
: > "$asked"
# serve FILE [CERTIFICATE KEY]: its port in FILE.
serve () {
  python3 "$top_srcdir/tests/http-server.py" "$tmp/www" "$asked" "${@:2}" > "$1" 2> /dev/null &
  servers+=($!)
  wait_for 120 test -s "$1" || bail "the server does not start"
}
serve port
http=http://127.0.0.1:$(cat port)
qemu-img create -q -f qcow2 www/disk 16M
head -c 3M /dev/urandom > www/raw
sum=sha256:$(sha256sum < www/raw | cut -d ' ' -f 1)
sum512=sha512:$(sha512sum < www/raw | cut -d ' ' -f 1)
# Nothing is left of an image that was refused.
nothing () { is_eq "$(find "$state/images" -mindepth 1 2> /dev/null)$(db 'SELECT name FROM image; SELECT kind FROM operation')" "" "nothing is left of it"; }
url () { f image create "$1" --url "$2" --disk-format "${@:3}"; }

# ---- it comes ----

run url plain "$http/file/disk" qcow2
is_eq "$rc $err" "0 " "an image is downloaded"
is_eq "$(sha256sum < "$(find "$state/images" -type f)" | cut -c 1-64)" "$(sha256sum < www/disk | cut -c 1-64)" "as it is there"
has "$out" "URL               $http/file/disk" "from where is shown"
run url plain "$http/file/disk" qcow2
is_rc 3 "a name that is taken"
has "$err" 'error ImageExists core: there is already an image "plain"' "says so"
f image delete plain > /dev/null
for kind in "$sum" "$sum512"; do
  run url proven "$http/redirect/raw" raw --checksum "$kind"
  is_eq "$rc $err" "0 " "with a checksum, behind a redirect: ${kind%%:*}"
  f image delete proven > /dev/null
done
qemu-img create -q -f vmdk www/disk.vmdk 16M
run url converted "$http/file/disk.vmdk" vmdk
is_eq "$rc $err" '0 advice Advice core: image "converted" was given as vmdk and is kept as qcow2' "it is converted as a file is"
is_eq "$(value checksum)" "" "(a table has no JSON)"
run f image show converted -o json
is_eq "$(value checksum)" "sha256:$(sha256sum < "$(value file)" | cut -c 1-64)" "the checksum is that of what is kept"
f image delete converted > /dev/null
run f image create filed --file www/raw --disk-format raw --checksum "$sum512"
is_eq "$rc $err" "0 " "a file has a checksum, too"
f image delete filed > /dev/null

# ---- what is refused, and leaves nothing ----

zero=sha256:$(printf '%064d' 0)
# refused CODE-OF-EXIT TEXT URL FORMAT [OPTION...]
refused () {
  local code=$1 text=$2
  shift 2
  run url bad "$@"
  is_eq "$rc $err" "$code $text" "$1 $2 ${*:3}"
  nothing
}
where='accepted: http://HOST/PATH and https://HOST/PATH, other characters as %20'
for bad in ftp://host/x file:///etc/passwd /etc/passwd http:// 'http://host/a b' 'http:///x' '-o/x'; do
  run f image create bad "--url=$bad" --disk-format raw
  is_eq "$rc $err" "2 error Usage core: \"$bad\" is nothing to download from; $where" "no address: $bad"
done
run f image create bad --url "$http/file/raw" --file www/raw --disk-format raw
is_eq "$rc $err" "2 error Usage core: 'image create' takes one of --file FILE, --url URL and --rbd POOL/IMAGE@SNAPSHOT" "a file and an address"
run f image create bad --disk-format raw
is_eq "$rc $err" "2 error Usage core: 'image create' needs --file FILE, or --url URL" "neither"
run f image create bad --url "$http/file/raw"
is_eq "$rc $err" "2 error Usage core: 'image create' needs --disk-format FORMAT
  the format is never guessed from what is in the file" "no format"
for bad in md5:00 "sha256:00" "$sum512"0 "${sum#sha256:}"; do
  run url bad "$http/file/raw" raw --checksum "$bad"
  is_rc 2 "no checksum: $bad"
  has "$err" '; accepted: sha256: with 64, or sha512: with 128, digits 0-9a-f' "says what is one"
done
f flavor create m1 --vcpus 1 --ram 128 --disk 1 > /dev/null
: > "$asked"
run url bad "$http/file/raw" nonesuch
is_rc 3 "an unknown format"
has "$err" 'image "bad" cannot be kept: disk format "nonesuch" is not one of raw' "is refused"
is_eq "$(cat "$asked")" "" "before anything is asked for"
refused 3 "error ChecksumMismatch core: \"$http/file/raw\" has the checksum $sum instead of $zero
  the file is not the one that was meant, or the checksum is of another" "$http/file/raw" raw --checksum "$zero"
run f image create bad --file www/raw --disk-format raw --checksum "$zero"
is_eq "$rc ${err%%$'\n'*}" "3 error ChecksumMismatch core: \"www/raw\" has the checksum $sum instead of $zero" "a file likewise"
nothing
refused 5 "error ImageNotFound core: there is no \"$http/file/nothing\": its server answers 404" "$http/file/nothing" raw
refused 9 "error ImageNotAuthorized core: \"$http/forbidden/raw\" cannot be downloaded: its server answers 403
  an address may have a user and a password before the host" "$http/forbidden/raw" raw
refused 8 "error DownloadFailed core: \"$http/busy/raw\" cannot be downloaded: its server answers 503" "$http/busy/raw" raw
is_eq "$(grep -c /busy/ "$asked")" 3 "after three tries"
refused 1 "error DownloadFailed core: \"$http/loop/raw\" cannot be downloaded: Maximum (5) redirects followed" "$http/loop/raw" raw
refused 1 "error DownloadFailed core: \"$http/away/raw\" cannot be downloaded: Protocol \"file\" not supported or disabled in libcurl" "$http/away/raw" raw
run url bad "$http/file/raw" qcow2
is_rc 3 "what is not what it was said to be"
has "$err" 'was given as qcow2, but its bytes are not those of qcow2' "is refused"
nothing
run url bad "http://127.0.0.1:1/raw" raw
is_rc 8 "nobody there"
has "$err" "error DownloadFailed core: \"http://127.0.0.1:1/raw\" cannot be downloaded: Failed to connect to 127.0.0.1 port 1" "says so"
nothing
main_setting storage 'max_image_size = 1M'
large () {
  is_eq "$rc $err" "3 error ImageUnacceptable core: \"$1\" has more than 1048576 bytes; accepted: at most that, the max_image_size of [storage]
  where such images are wanted, set a larger max_image_size in virtloom.conf" "$2"
  nothing
}
run url bad "$http/file/raw" raw
large "$http/file/raw" "one that says that it is too large"
run url bad "$http/endless/raw" raw
large "$http/endless/raw" "one that does not say how large it is"
rm "$config/virtloom.conf"
main_setting storage 'max_image_size = 1024T'
run url bad "$http/huge/raw" raw
is_rc 1 "more than is free"
has "$err" "error DiskFull core: \"$http/huge/raw\" has more bytes than the " "is refused before it comes"
nothing
rm "$config/virtloom.conf"

# ---- secrets ----

me=${http/:\/\//:\/\/me:secret@}
shown=${http/:\/\//:\/\/me:***@}
run url closed "$http/password/raw" raw
is_rc 9 "without the password"
run url closed "$me/password/raw" raw --checksum "$sum"
is_eq "$rc $err" "0 " "with it"
run f image show closed
lacks "$out" secret "it is not shown"
is_eq "$(grep -c secret "$state/state.db" "$state"/state.db-wal 2> /dev/null | grep -vc ':0$')" 0 "nor kept"
f image delete closed > /dev/null
run url closed "$me/file/nothing?token=secret" raw
is_eq "$rc $err" "5 error ImageNotFound core: there is no \"$shown/file/nothing?***\": its server answers 404" "nor said in a refusal"

# ---- cut, and gone on with ----

: > "$asked"
run url drip "$http/drip/raw" raw
is_rc 8 "a byte at a time"
has "$err" "  the same command goes on behind the 3 bytes that are there" "is nothing to wait for"
is_eq "$(grep -c /drip/ "$asked")" 3 "after three tries"
f image delete drip
: > "$asked"
run url cut "$http/cut/raw" raw
is_eq "$rc $err" "0 " "a connection that is cut"
is_eq "$(cat "$asked")" "/cut/raw - -
/cut/raw bytes=1572864- -" "is gone on with where it was cut"
true_that "and the image is whole" cmp -s www/raw "$(find "$state/images" -type f)"
f image delete cut > /dev/null
for how in norange other; do
  run url cut "$http/$how/raw" raw
  is_eq "$rc $err" "0 " "where that is no more the same, it is begun anew: $how"
  true_that "and is whole" cmp -s www/raw "$(find "$state/images" -type f)"
  f image delete cut > /dev/null
done

half_there () { [ "$(stat -c %s "$state"/images/*.new/part-* 2> /dev/null | head -n 1)" = 1572864 ]; }
stop_it () {
  kill_job "$pid"
}
# killed COMMAND...: it is, when half of the image is there.
killed () {
  "$@" > /dev/null 2>&1 &
  pid=$!
  wait_for 300 half_there
  stop_it
}
killed url half "$http/slow/raw" raw
run f image list
is_eq "$rc $err" '0 warning DownloadUnfinished core: the download of image "half" was interrupted
  virtloom image create --url ... half goes on with it, virtloom image delete half forgets it' "one that was killed is told"
is_eq "$(awk '$1 == "half" { print $4 }' <<< "$out")" queued "it is queued"
run f server create s --flavor m1 --image half
is_rc 3 "no server is made of it"
has "$err" "ImageNotActive" "since it is not whole"
run f image save half --file half.out
is_eq "$rc $err" "3 error ImageNotActive core: image \"half\" is queued: it has not been downloaded yet
  wait for its download, or go on with it: 'virtloom image list' says how" "nor is it saved"
f image create kernel --file www/raw --disk-format raw --property kernel_id=half > /dev/null
run f server create s --flavor m1 --image kernel
is_rc 3 "nor taken for a kernel"
has "$err" 'error ImageNotActive core: image "half" is queued: it has not been downloaded yet' "says so"
f image delete kernel > /dev/null
run f image create half --file www/raw --disk-format raw
is_rc 3 "its name is taken"
: > "$asked"
run url half "$http/slow/raw" raw --property hw_rng_model=virtio
is_eq "$rc $err $(cat "$asked")" "0  /slow/raw bytes=1572864- -" "the same command goes on with it"
true_that "to the end" cmp -s www/raw "$(find "$state/images" -type f)"
run f image list
is_eq "$rc $err $(ls "$state/images" | wc -l)" "0  1" "nothing of it is left"
f image delete half > /dev/null
killed url half "$http/slow/raw" raw
: > "$asked"
run url half "$http/file/raw" raw
is_eq "$rc $err $(cat "$asked")" "0  /file/raw - -" "from elsewhere it is begun anew"
f image delete half > /dev/null
killed url half "$http/slow/raw" raw
run f image delete half
is_eq "$rc $err" "0 " "it can be deleted"
nothing
killed url half "$http/slow/raw" raw
run f state check
has "$out" "an interrupted \"image download\" of $(db 'SELECT uuid FROM image') waits to be mended" "state check tells it"
run f state repair --accept-loss "$(db 'SELECT uuid FROM image')"
is_rc 0 "and gives it up"
nothing

# ---- proxy, TLS ----

main_setting storage "image_proxy = $http"
run url far http://far.invalid/file/raw raw
is_eq "$rc $err" "0 " "through a proxy by its setting"
has "$(cat "$asked")" "http://far.invalid/file/raw - -" "it is asked"
f image delete far > /dev/null
rm "$config/virtloom.conf"
http_proxy=http://127.0.0.1:1 run url near "$http/file/raw" raw
is_eq "$rc $err" "0 " "the environment has no say"
f image delete near > /dev/null
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
  -keyout key.pem -out cert.pem 2> /dev/null
serve tls-port cert.pem key.pem
https=https://127.0.0.1:$(cat tls-port)
run url safe "$https/file/raw" raw
is_rc 1 "a certificate that nobody vouches for"
has "$err" "error DownloadFailed core: \"$https/file/raw\" cannot be downloaded: SSL certificate problem: self-signed certificate" "is refused"
nothing
main_setting storage "image_ca_file = $tmp/cert.pem"
run url safe "$https/redirect/raw" raw
is_eq "$rc $err" "0 " "with image_ca_file it is not"
f image delete safe > /dev/null
run url safe "$https/plain/raw" raw
is_rc 1 "a redirect from https to http"
has "$err" 'Protocol "http" not supported or disabled' "is refused"
nothing
rm "$config/virtloom.conf"

# ---- saving ----

f image create img --file www/raw --disk-format raw > /dev/null
run f image save img --file saved
is_eq "$rc $out" '0 image "img" is in "saved"' "an image is saved"
true_that "as it is" cmp -s www/raw saved
run f image save img --file saved
is_eq "$rc $err" '3 error FileExists core: "saved" is there already, and nothing is written over it
  give a name that is free' "never over another file"
vl image save img --file - > piped
true_that "to a pipe, too" cmp -s www/raw piped
run f image save img
is_eq "$rc $err" "2 error Usage core: 'image save' needs --file FILE, or --file - for stdout" "a file is needed"
run f image save img --file - -o json
is_rc 2 "JSON is none"
has "$out" '"message": "the bytes of an image go neither to a terminal nor into JSON"' "says so"
run f image save img --file nowhere/saved
is_eq "$rc $err" '1 error StorageFailed core: cannot make "nowhere/saved": No such file or directory' "no folder"
stored=$(find "$state/images" -type f)
chmod u+w "$stored"
printf x | dd of="$stored" conv=notrunc status=none
bad=$(sha256sum < "$stored" | cut -c 1-64)
for to in damaged -; do
  run f image save img --file "$to"
  is_rc 1 "a damaged one is not: $to"
  has "$err" "is not what is on record: its checksum is sha256:$bad instead of $sum" "says so"
  is_eq "$out$(ls damaged 2> /dev/null)" "" "and nothing is written"
done
is_eq "$(find . -maxdepth 1 -name 'damaged*')" "" "nothing is left"
f image delete img > /dev/null

# ---- what disks are ----

f image create img --file www/disk --disk-format qcow2 > /dev/null
f server create looked --flavor m1 --image img > /dev/null
run f server show looked -o json
disk=$(value source)
is_eq "$(value virtual_size) $(value used)" "$((1 << 30)) $(($(stat -c %b "$disk") * 512))" "how large a disk is, and what it takes"
is_eq "$(value over_committed)" "$(((1 << 30) - $(stat -c %b "$disk") * 512))" "what it may still come to take"
is_eq "$(value backing)" "$(find "$state/images" -type f)" "and the image below it"
mv "$disk" "$disk.away"
run f server show looked -o json
is_eq "$rc $(value virtual_size) $(value used)" "0 null null" "one that is not there has none of it"
mv "$disk.away" "$disk"
f server delete looked > /dev/null
f image delete img > /dev/null

# ---- the cache ----

old () { db "UPDATE image SET used = '2020-01-01T00:00:00Z'"; }
# cache VERB
cache () { f image cache "$1" -o value -c name,what,why; }
url web "$http/file/disk" qcow2 --checksum "sha256:$(sha256sum < www/disk | cut -c 1-64)" > /dev/null
f image create own --file www/raw --disk-format raw > /dev/null
url unproven "$http/file/raw" raw > /dev/null
url secret "$me/password/raw" raw --checksum "$sum" > /dev/null
base=$state/images/$(db "SELECT uuid FROM image WHERE name = 'web'")
run cache manage
is_eq "$rc $(sed 's/at 2.*Z/at T/' <<< "$out")" "0 own	kept	it is nowhere else: 'virtloom image delete' removes it
secret	kept	it is nowhere else: 'virtloom image delete' removes it
unproven	kept	it is nowhere else: 'virtloom image delete' removes it
web	kept	a server used it, or it was fetched, at T" "what was used of late stays"
true_that "all of it" test -s "$base"
run f server create user --flavor m1 --image web
old
run cache manage
has "$out" "web	kept	1 server uses it" "what is in use stays, however old"
run f image show web -o json
has "$(tr -d ' \n' <<< "$out")" '"servers":["user"]' "who uses it is shown"
main_setting storage 'images_type = flat'
f server create copied --flavor m1 --image web > /dev/null
f server delete user > /dev/null
old
run cache manage
has "$out" "web	kept	1 server uses it" "as does what a server was made of, whose disk is a copy"
rm "$config/virtloom.conf"
run f server delete copied
is_eq "$rc $(cache manage | sed -n 's/\(web.*\) at 2.*/\1/p')" "0 web	kept	a server used it, or it was fetched," "its age counts from the end of that"
old
main_setting storage 'remove_unused_base_images = no'
run cache manage
has "$out" "web	kept	remove_unused_base_images is off" "the setting"
rm "$config/virtloom.conf"
run cache show
has "$out" "web	removable	no server uses it, and it can be fetched again" "cache show removes nothing"
true_that "it is there" test -s "$base"
run cache manage
is_eq "$rc $(grep -v kept <<< "$out")" "0 web	removed	no server uses it, and it can be fetched again" "it goes"
true_that "with its file" test ! -e "$base"
is_eq "$(db "SELECT status FROM image WHERE name = 'web'")" queued "and stays on record"
run cache manage
has "$out" "web	absent	it is fetched when a server needs it" "as what is not here"
run f state check
lacks "$out" web "which is no fault"
run f plan --flavor m1 --image web
is_rc 0 "it can be planned with"
true_that "without fetching it" test ! -e "$base"
run f server create user --flavor m1 --image web
is_eq "$rc $err" "0 " "a server has it fetched"
true_that "as it was" cmp -s www/disk "$base"
run f image delete web
is_eq "$rc $err" '3 error ImageInUse core: image "web" is used by 1 server: "user"
  delete those servers first' "what is in use is not deleted"
f server delete user > /dev/null
old
cache manage > /dev/null
run f image cache fetch web
is_eq "$rc $out" '0 image "web" was fetched' "it can be fetched before"
run f image cache fetch web own
is_eq "$rc $out" '0 image "web" is here
image "own" is here' "once"
has "$(cache manage)" "web	kept	a server used it" "and counts as used then"
old
cache manage > /dev/null
mv www/disk www/gone
run f server create user --flavor m1 --image web
is_eq "$rc $err" "5 error ImageNotFound core: there is no \"$http/file/disk\": its server answers 404" "where it is there no more, that is told"
is_eq "$(db "SELECT status FROM image WHERE name = 'web'; SELECT count (*) FROM operation")" "queued
0" "and it stays on record"
head -c 1M /dev/zero > www/disk
run f image cache fetch web
is_rc 3 "something else"
has "$err" ChecksumMismatch "is not taken for it"
mv www/gone www/disk
run f image delete web
is_eq "$rc $err" "0 " "it can be deleted"

# ---- killed at any point, and two at once ----

web () { url web "$http/file/raw" raw --checksum "$sum"; }
left () { db "SELECT status FROM image WHERE name = 'web'; SELECT kind FROM operation" | xargs; }
web > /dev/null
id=$(db "SELECT uuid FROM image WHERE name = 'web'")
db "UPDATE image SET status = 'queued' WHERE uuid = '$id'; INSERT INTO operation VALUES ('$id', 'image evict', NULL, '2020')"
run f image list
is_eq "$rc $err $(left)" "0  queued" "an eviction that was killed before the file went is finished"
true_that "the file is gone" test ! -e "$state/images/$id"
f image cache fetch web > /dev/null
old
db "CREATE TRIGGER sick BEFORE DELETE ON operation BEGIN SELECT RAISE (ABORT, 'sick'); END"
run f image cache manage -o value -c name,what,why
is_rc 1 "one that cannot be recorded"
has "$out" "web	kept	it could not be removed" "is told"
is_eq "$(left)" "queued image evict" "and waits"
run f image cache fetch web
is_rc 1 "nothing is fetched over it"
db "DROP TRIGGER sick"
run f image cache fetch web
is_eq "$rc $err $(left)" "0  active" "before it is finished"
true_that "then it is there" cmp -s www/raw "$state/images/$id"
f image delete web > /dev/null
db "CREATE TRIGGER sick BEFORE DELETE ON operation BEGIN SELECT RAISE (ABORT, 'sick'); END"
run web
is_eq "$rc $(left)" "0 active image download" "a download that is whole, but for its end"
db "DROP TRIGGER sick"
run f image list
is_eq "$rc $err $(left)" "0  active" "is ended by the next command"
true_that "and is whole" cmp -s www/raw "$state/images/$id"
f image delete web > /dev/null
db "CREATE TRIGGER sick BEFORE UPDATE ON image WHEN NEW.status = 'active' BEGIN SELECT RAISE (ABORT, 'sick'); END"
run web
is_eq "$rc $(left)$(find "$state/images" -name "$id*")" "1 " "one that cannot be recorded leaves nothing"
db "DROP TRIGGER sick"
killed url web "$http/slow/raw" raw
db "UPDATE undo SET identity = 'moves' WHERE kind = 'file'"
cp www/raw "$state/images/$id"
run f image list
is_eq "$rc $err $(left)$(find "$state/images" -name "$id*")" "0  " "one that was killed on its way to its place leaves nothing either"
web > /dev/null
for i in 1 2 3 4 5; do
  old
  f image cache manage > manage-said 2>&1 &
  pid=$!
  run f server create "race$i" --flavor m1 --image web
  wait "$pid"
  case $rc in
    0) true_that "beside an eviction: a server has its base" cmp -s www/raw "$state/images/$id" ;;
    *) has "$err" "error ImageNotFound core: the image of the root disk was deleted, or left the cache, meanwhile" "beside an eviction: or is told" ;;
  esac
  f server delete "race$i" > /dev/null 2>&1
done
old
f image cache manage > /dev/null
f server create both1 --flavor m1 --image web > both1 2>&1 &
pid=$!
f server create both2 --flavor m1 --image web > both2 2>&1
wait "$pid"
is_eq "$(db "SELECT count (*) FROM server WHERE name LIKE 'both%'")" 2 "two servers that need it have it fetched once"
f server delete both1 both2 > /dev/null
f image delete web > /dev/null
url web "$http/slow/raw" raw --checksum "$sum" > /dev/null 2>&1 &
pid=$!
wait_for 300 half_there
run cache manage
has "$out" "web	absent	it is being downloaded" "a download that is under way stays"
true_that "with its bytes" half_there
stop_it
run cache manage
has "$(sed 's/at 2.*Z/at T/' <<< "$out")" "web	absent	its download was begun at T" "one that was interrupted, too"
db "UPDATE operation SET begun = '2020-01-01T00:00:00Z'"
run cache manage
has "$out" "web	removed	nobody went on with its download" "until nobody goes on with it"
is_eq "$(db "SELECT count (*) FROM image WHERE name = 'web'; SELECT count (*) FROM operation")$(ls -d "$state"/images/*.new 2> /dev/null)" "0
0" "nothing is left of it"

done_testing
