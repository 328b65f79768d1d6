#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A file of an image or of a server that is not to be removed or moved: what the command says of it, and
# that its hint mends it.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3
needs strace strace
can_kill || skip_all "strace cannot trace here"

f () { vl --driver fake "$@"; }
cmd=("$VL_RUN" virtloom --config "$config" --state "$state" --driver fake)
# failing ERROR CALL PATH COMMAND...: as run, where the first system call CALL of PATH, or of what is in that
# folder, has ERROR.
failing () {
  local error=$1 call=$2 path=$3
  shift 3
  run env ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" timeout --kill-after=5 300 \
    strace -f -qq -o /dev/null -P "$path" -e trace="$call" -e inject="$call:error=$error:when=1" "${cmd[@]}" "$@"
}
# words ERROR WHAT PATH: the finding, without its severity.
words () {
  local what="core: $2 \"$3\":"
  case $1 in
    EPERM) echo "StorageFailed $what Operation not permitted
  whose is it, and may others remove what is there? ls -ld ${3%/*} $3" ;;
    EACCES) echo "StorageFailed $what Permission denied
  may this user write there? ls -ld ${3%/*} $3" ;;
    EBUSY) echo "StorageFailed $what Device or resource busy
  unmount it: findmnt -R $3 shows it" ;;
    EROFS) echo "ReadOnly $what Read-only file system
  see what made it so (dmesg), then mount it writable: mount -o remount,rw" ;;
  esac
}
image () { echo "$state/images/$(db "SELECT uuid FROM image WHERE name = '$1'")"; }
folder () { echo "$state/servers/$(db "SELECT uuid FROM server WHERE name = '$1'")"; }
new_image () { f image create "$1" --file "$tmp/disk.raw" --disk-format raw > /dev/null; }
new_server () { f server create web --flavor m1 --image img > /dev/null; }

truncate -s 1M "$tmp/disk.raw"
f flavor create m1 --ram 128 --disk 1 > /dev/null
new_image img
new_image rescue
for error in EPERM EACCES EBUSY EROFS; do
  code=1
  [ "$error" != EROFS ] || code=9
  new_image gone
  file=$(image gone)
  failing "$error" unlink "$file" image delete gone
  is_eq "$rc $err" "$code error $(words "$error" "cannot remove" "$file")" "$error: an image's file"
  run f image list
  is_eq "$rc $err" "0 " "the next command removes it"
  true_that "wholly" test ! -e "$file"
  new_server
  dir=$(folder web)
  failing "$error" unlinkat "$dir" server delete web
  is_eq "$rc $err" "$code error $(words "$error" "cannot remove" "$dir")" "$error: a server's folder"
  run f server list
  is_eq "$rc $err" "0 " "the next command removes it"
  true_that "wholly" test ! -e "$dir"
  new_server
  dir=$(folder web)
  while IFS='|' read -r call path what; do
    failing "$error" "$call" "$dir/$path" server rebuild web
    is_rc "$code" "$error: a rebuild whose $call fails"
    has "$err" "error $(words "$error" "$what" "$dir/disk")" "says which file, and how that is mended"
    run f server list
    is_eq "$rc" 0 "a command later"
    is_eq "$(db "SELECT status FROM server")" ACTIVE "it is what it was"
  done << 'EOF'
unlink|disk|cannot remove
rename|rebuild/disk.new|cannot move
EOF
  f server delete web > /dev/null
done

# ---- what the file system holds ----

: > "$tmp/held"
held=''
cleanup_held () { [ -z "$held" ] || chattr -ia "$held"; }
CLEANUPS=cleanup_held
if chattr +i "$tmp/held" 2> /dev/null && ! rm -f "$tmp/held" 2> /dev/null; then
  chattr -i "$tmp/held"
  new_image gone
  held=$(image gone)
  chattr +i "$held"
  run f image delete gone
  is_eq "$rc $err" "1 error StorageFailed core: cannot remove \"$held\": Operation not permitted
  the file system holds it (chattr +i or +a): chattr -ia $held" "an image that is immutable"
  eval "${err##*: }"
  run f image list
  is_eq "$rc $err" "0 " "the hint mends it"
  true_that "it is gone" test ! -e "$held"
  new_server
  held=$(folder web)/disk
  chattr +a "$held"
  run f server delete web
  is_eq "$rc $err" "1 error StorageFailed core: cannot remove \"${held%/*}\": Operation not permitted
  the file system holds it (chattr +i or +a): chattr -ia $held" "a disk that is only added to"
  eval "${err##*: }"
  run f server list
  is_eq "$rc $err" "0 " "the hint mends it"
  true_that "it is gone" test ! -e "$held"
  new_server
  held=$(folder web)
  chattr +i "$held"
  run f server delete web
  is_eq "$rc $err" "1 error StorageFailed core: cannot remove \"$held\": Operation not permitted
  the file system holds it (chattr +i or +a): chattr -ia $held" "a folder that is immutable"
  eval "${err##*: }"
  held=''
  run f server list
  is_eq "$rc $err" "0 " "the hint mends it"
else
  chattr -i "$tmp/held" 2> /dev/null
  skip "no file is immutable for this user here"
fi
done_testing
