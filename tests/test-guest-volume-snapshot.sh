#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A snapshot of a volume of a guest, which writes before it, between and after: nothing of that is
# lost, while it runs, is off, or the command is killed.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
needs jq jq
guest_image
cd "$tmp" || exit 99

# The guest writes what it is told, by the file that a second volume is: "N WORD", as the N-th MiB of
# the first, and says the checksums of all it has written.
script work << 'END'
told () { echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/vdd bs=512 count=1 2> /dev/null | tr -d '\0'; }
last=$(told)
sums () {
  for i in 0 1 2 3 4 5; do dd if=/dev/vdc bs=64k skip=$((i * 16)) count=16 2> /dev/null | md5sum | cut -c 1-8; done | tr '\n' ' '
}
echo "guest: begins $(sums)."
while :; do
  now=$(told)
  if [ "$now" != "$last" ]; then
    last=$now
    set -- $now
    dd if=/dev/urandom of=/dev/vdc bs=64k seek=$(($1 * 16)) count=16 conv=notrunc,fsync 2> /dev/null
    sync; echo 3 > /proc/sys/vm/drop_caches
    echo "guest: $2 $(sums)."
  fi; sleep 1
done
END
truncate -s 8M data.raw
truncate -s 64K told.raw
# The line is whole.
all_told () { sums=$(tells live "$1"); [ "${sums%.}" != "$sums" ]; }
# tell N WORD: the guest writes its N-th MiB, and has said so, with its sums in $sums.
tell () {
  printf '%-20s' "$1 $2" | dd of=told.raw conv=notrunc,fsync 2> /dev/null
  true_that "the guest writes: $2" wait_for 600 all_told "$2"
  sums=${sums%.}
}
# The sums of the first six MiB of file $1, read by qemu-img.
sums_of () {
  qemu-img convert -U -O raw "$1" all.raw
  for i in 0 1 2 3 4 5; do dd if=all.raw bs=1M skip=$i count=1 2> /dev/null | md5sum | cut -c 1-8; done | tr '\n' ' '
}
open_files () { find "/proc/$(guest_pids)/fd" '(' -lname "$tmp/data.*" -o -lname "$tmp/over*" ')' -exec readlink {} + 2> /dev/null | sort -u | sed 's|.*/||' | paste -sd ' '; }
on_record () { t server show live -o json | jq -r '.disks[] | select (.target == "vdc") | .source // .file' | sed 's|.*/||'; }
unchanged () {
  run t server diff live
  is_eq "$rc $out$(steady "$err")" "0 " "$1: a plan of today would change nothing"
}

must t flavor create small --vcpus 1 --ram 192 --disk 0
must t image create guest --file "$image" --disk-format qcow2
run t server create live --flavor small --image guest --volume "$(volume work)" --volume "path=$tmp/data.raw,format=raw" --volume "path=$tmp/told.raw,format=raw"
made "a guest"
true_that "it begins" says live "guest: begins"

tell 0 before
first=$sums
run t server snapshot volume live vdc "$tmp/over.qcow2"
is_eq "$rc $out$(steady "$err")" "0 " "snapshot volume"
is_eq "$(open_files)" "data.raw over.qcow2" "QEMU has both files"
unchanged "with a snapshot"
tell 1 between
is_eq "$(sums_of data.raw)" "$first" "what the volume was stays as it is"
is_eq "$(sums_of over.qcow2)" "$sums" "the overlay has what the guest wrote"
is_eq "$(stat -c %a over.qcow2)" 600 "and is for its owner alone"
run t server unsnapshot volume live vdc
is_eq "$rc $out$(steady "$err")" "0 " "unsnapshot volume"
is_eq "$(open_files) $(find . -name over.qcow2)" "data.raw " "QEMU has the one, the overlay is gone"
unchanged "merged"
is_eq "$(sums_of data.raw)" "$sums" "all that it wrote is in the volume"
tell 2 after
is_eq "$(sums_of data.raw)" "$sums" "and what it writes afterwards"

# ---- across a stop ----

must t server snapshot volume live vdc "$tmp/over.qcow2"
tell 3 stopped
must t server stop live --timeout 0
must t server start live
true_that "it starts again, with all that it wrote" says live "guest: begins $sums"
must t server stop live --timeout 0
run t server unsnapshot volume live vdc
is_eq "$rc $out$(steady "$err") $(sums_of data.raw)" "0  $sums" "merged while it is off: all is in the volume"
run t server snapshot volume live vdc "$tmp/over.qcow2"
is_eq "$rc $out$(steady "$err")" "0 " "a snapshot of one that is off"
must t server start live
true_that "which starts with it" says live "guest: begins $sums"
tell 4 again
must t server reboot --hard live
true_that "it is rebooted, with all that it wrote" says live "guest: begins $sums"
is_eq "$(sums_of over.qcow2)" "$sums" "what it writes is in the overlay"
must t server pause live
run t server unsnapshot volume live vdc
is_eq "$rc $out$(steady "$err")" "0 " "merged while it is paused"
must t server unpause live
is_eq "$(sums_of data.raw)" "$sums" "all is in the volume"
tell 5 unpaused
unchanged "merged"

# ---- several ----

for n in 1 2 3; do
  must t server snapshot volume live vdc "$tmp/over$n.qcow2"
  tell $n layer$n
done
is_eq "$(open_files)" "data.raw over1.qcow2 over2.qcow2 over3.qcow2" "QEMU has four files"
unchanged "three snapshots"
run t server unsnapshot volume live vdc --overlay "$tmp/over1.qcow2"
is_eq "$rc $out$(steady "$err")" "0 " "one below is merged"
is_eq "$(open_files) $(find . -name over1.qcow2)" "data.raw over2.qcow2 over3.qcow2 " "QEMU has let it go, and it is gone"
unchanged "merged below"
tell 4 below
is_eq "$(sums_of over3.qcow2)" "$sums" "nothing is lost"
run t server unsnapshot volume live vdc --pull --base "$tmp/data.raw"
is_eq "$rc $out$(steady "$err")" "0 " "what is above the file is pulled"
is_eq "$(open_files) $(find . -name over2.qcow2 -printf %f)" "data.raw over3.qcow2 over2.qcow2" "QEMU has let the other go, and it stays"
unchanged "pulled"
tell 5 pulled
is_eq "$(sums_of over3.qcow2)" "$sums" "nothing is lost"
must t server pause live
run t server unsnapshot volume live vdc --pull
is_eq "$rc $out$(steady "$err") $(open_files)" "0  over3.qcow2" "all is pulled, while it is paused"
must t server unpause live
unchanged "pulled, all"
tell 0 alone
is_eq "$(sums_of over3.qcow2)" "$sums" "nothing is lost"
must t server reboot --hard live
true_that "it is rebooted, with all that it wrote" says live "guest: begins $sums"
rm over2.qcow2
must t server swap volume live vdc "path=$tmp/data.raw,format=raw"
is_eq "$(sums_of data.raw)" "$sums" "and copied back"

# ---- killed while QEMU knows more than libvirt ----

# killed_when COMMAND...: libvirt takes three seconds for each note of what QEMU has done, and virtloom is
# killed as soon as QEMU has, or has not any more, the overlay.
has_overlay () { find "/proc/$(guest_pids)/fd" -lname '*/over.qcow2' 2> /dev/null | grep -q .; }
has_no_overlay () { ! has_overlay; }
# libvirt has written something down, of the beginning of the work.
has_noted () { grep -q '^[0-9]* *rename' "$tmp/trace"; }
killed_when () {
  local when=$1 parent
  shift
  rm -f "$tmp/trace"
  strace -f -o "$tmp/trace" -e trace=rename,renameat2 -e inject=rename,renameat2:delay_enter=3000000 \
    "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q "$@" > /dev/null 2>&1 &
  pid=$!
  true_that "$*: $when" wait_for 300 "$when"
  read -r parent < "/proc/$pid/task/$pid/children"
  { kill -KILL "${parent%% *}"; } 2> /dev/null
  is_eq "$?" 0 "the command is at work, and is killed"
  wait $pid 2> /dev/null
  run t server list
  is_eq "$rc $(grep '^error ' <<< "$err")" "0 " "killed: the next command"
  ended () { t server list > /dev/null 2>&1; [ -z "$(sqlite3 "$state/state.db" 'SELECT * FROM operation')" ]; }
  true_that "ends it, or the one after" wait_for 300 ended
  unchanged killed
  [ -n "$stays" ] || is_eq "$(find . -name over.qcow2 -printf %f)" "$(on_record | grep over)" "the overlay is there if the record has it"
}
stays=
if can_kill && command -v sqlite3 > /dev/null; then
  killed_when has_overlay server snapshot volume live vdc "$tmp/over.qcow2"
  [ "$(on_record)" = over.qcow2 ] || must t server snapshot volume live vdc "$tmp/over.qcow2"
  tell 1 overlaid
  is_eq "$(sums_of over.qcow2)" "$sums" "nothing is lost"
  killed_when has_no_overlay server unsnapshot volume live vdc
  tell 2 killed
  is_eq "$(sums_of "$(on_record)")" "$sums" "nothing is lost"
  [ "$(on_record)" = over.qcow2 ] || must t server snapshot volume live vdc "$tmp/over.qcow2"
  killed_when has_noted server unsnapshot volume live vdc
  tell 3 copied
  is_eq "$(sums_of "$(on_record)")" "$sums" "nothing is lost"
  # The first file stays what it is.
  stays=1
  [ "$(on_record)" = over.qcow2 ] || must t server snapshot volume live vdc "$tmp/over.qcow2"
  for words in "--overlay $tmp/over.qcow2" --pull; do
    [ "$(on_record)" = top.qcow2 ] || must t server snapshot volume live vdc "$tmp/top.qcow2"
    for when in has_noted has_no_overlay; do
      has_overlay || continue
      # shellcheck disable=SC2086
      killed_when $when server unsnapshot volume live vdc $words
      tell 4 "killed${words:2:1}$when"
      is_eq "$(sums_of top.qcow2)" "$sums" "nothing is lost"
    done
    has_overlay && continue
    rm -f over.qcow2
    [ "$words" = --pull ] || { must t server unsnapshot volume live vdc; must t server snapshot volume live vdc "$tmp/over.qcow2"; }
  done
else
  skip "no strace or sqlite3 here (Debian: strace sqlite3)"
fi
is_eq "$(power live)" RUNNING "it runs on"

# ---- a libvirt that takes it for another one ----

if command -v virsh > /dev/null; then
  must t server snapshot volume live vdc "$tmp/last.qcow2"
  v () { virsh -q -c "qemu:///embed?root=$state/libvirt" "$@" > "$tmp/said" 2>&1 || bail "virsh $*: $(cat "$tmp/said")"; }
  domain=$(field live domain)
  v dumpxml --inactive "$domain"
  sed 's|/last.qcow2|/other.qcow2|' said > other.xml
  v define other.xml
  believes="error StorageFailed qemu-tcg: libvirt takes disk 'vdc' of guest '$domain' for one with other files than it is defined with: it has missed how a job ended
  virtloom server reboot --hard (or stop and start) has libvirt begin anew, with the files on record"
  run t server unsnapshot volume live vdc
  is_eq "$rc $out$(steady "$err")" "1 $believes" "a merge of files that QEMU may not have"
  run t server snapshot volume live vdc "$tmp/more.qcow2"
  is_eq "$rc $out$(steady "$err") $(find . -name more.qcow2)" "1 $believes " "or a snapshot of them"
  tell 5 believed
  must t server reboot --hard live
  true_that "it is rebooted, with all that it wrote" says live "guest: begins $sums"
  run t server unsnapshot volume live vdc
  is_eq "$rc $out$(steady "$err") $(find . -name last.qcow2)" "0  " "which mends it"
  is_eq "$(sums_of "$(on_record)")" "$sums" "nothing is lost"
else
  skip "no virsh here (Debian: libvirt-clients)"
fi

run t server delete live
is_rc 0 "delete"
all_gone
done_testing
