#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Images of servers' disks on the fake driver: what they are, what is refused, what is undone, and
# commands that are killed.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3
needs jq jq
needs python3 python3
# shellcheck source=tests/tree-lib.sh
. "$(dirname "$0")/tree-lib.sh"
must () { run "$@"; [ "$rc" -eq 0 ] || bail "$*: $err"; }
history () { db "SELECT action, result, coalesce (reason, '-') FROM action WHERE server = '$uuid' ORDER BY n DESC LIMIT 1"; }
image () { f image show "$1" -o json; }
first_line () { qemu-img convert -f "$2" -O raw "$(image "$1" | jq -r .file)" "$tmp/first" && head -n 1 "$tmp/first" | tr -d '\0'; }
calls () { cut -d ' ' -f 1 "$state/fake/calls.log" | tail -n "$1" | paste -sd ' '; }
# Nothing is left but servers and images that are whole.
tidy () { [ "$(db 'SELECT count(*) FROM operation')$(find "$state/servers" -name snapshot)$(find "$state/images" -name '*.new')" = 0 ]; }

truncate -s 8M "$tmp/disk.raw" "$tmp/volume.raw"
must f image create base --file "$tmp/disk.raw" --disk-format raw --min-ram 64 --property hw_rng_model=virtio --property os_distro=test --property boot_roles=x
must f flavor create m1 --vcpus 1 --ram 128 --disk 1
must f flavor create m0 --vcpus 1 --ram 128 --disk 0
must f server create web --flavor m1 --image base
uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
base=$(image base | jq -r .uuid)
dir=$state/servers/$uuid
# What the guest has written, as far as a guest of this driver can.
echo "the bytes of web" > "$tmp/bytes"
truncate -s 64k "$tmp/bytes"
qemu-io -f qcow2 -c "write -s $tmp/bytes 0 64k" "$dir/disk" > /dev/null || bail "no bytes"
disk=$(stat -c '%i %Y' "$dir/disk")

# ---- of a server that runs ----

run f server image create web --name live
is_eq "$rc $err" "0 " "an image of a server that runs"
is_eq "$(image live | jq -r '"\(.status) \(.disk_format) \(.virtual_size) \(.min_ram_mib) \(.min_disk_gib)"')" "active qcow2 1073741824 64 1" "has the size of its disk"
is_eq "$(image live | jq -c .properties)" '{"base_image_ref":"'"$base"'","hw_rng_model":"virtio","image_type":"snapshot","instance_uuid":"'"$uuid"'","os_distro":"test"}' "the properties of its image, and where it is from"
is_eq "$(first_line live qcow2)" "the disk of guest $uuid" "is what the hypervisor wrote"
is_eq "$(calls 1)" "snapshot" "which was asked to"
is_eq "$(qemu-img info --output json "$(image live | jq -r .file)" | jq 'has ("backing-filename")')" false "stands alone"
is_eq "$(stat -c %a "$(image live | jq -r .file)")" 400 "is written by nobody"
is_eq "$(history)" "create image|done|live" "is in the history"
is_eq "$(db "SELECT status FROM server") $(stat -c '%i %Y' "$dir/disk")" "ACTIVE $disk" "the guest goes on with the disk that it has"
true_that "nothing is left" tidy
run f server image create web
is_eq "$rc $(image web | jq -r .status)" "0 active" "without --name it is called as the server"
must f image delete web
must f server pause web
run f server image create web --name paused --property os_distro=mine
is_eq "$rc $err $(image paused | jq -r '.properties | "\(.os_distro) \(.hw_rng_model)"')" "0  mine virtio" "of one that is paused; what is given counts"
is_eq "$(db "SELECT status FROM server")" PAUSED "which stays so"
must f server unpause web
must f server lock web
run f server image create web --name locked
is_eq "$rc $err" "0 " "of one that is locked: nothing is done to it"
must f server unlock web
must f image delete paused locked

# ---- of one that is off ----

must f server suspend web
run f server image create web --name saved
is_eq "$rc $err $(first_line saved qcow2)" "0  the bytes of web" "of one that is suspended: its disk as it lies there"
must f server resume web
must f server stop web --timeout 0
run f server image create web --name cold
is_eq "$rc $err $(first_line cold qcow2)" "0  the bytes of web" "of one that is off"
is_eq "$(qemu-img info --output json "$(image cold | jq -r .file)" | jq 'has ("backing-filename")')" false "stands alone"
must f server delete web
must f image delete base
run f server create again --flavor m1 --image cold
is_eq "$rc $err" "0 " "a server is made of it, though the first and its image are gone"
again=$(db "SELECT uuid FROM server WHERE name = 'again'")
is_eq "$(qemu-img convert -U -f qcow2 -O raw "$state/servers/$again/disk" "$tmp/first" && head -n 1 "$tmp/first")" "the bytes of web" "with the bytes of the first"
run f server image create again --name second
is_eq "$(image second | jq -r '.properties | "\(.base_image_ref) \(.instance_uuid) \(.image_type)"')" "$(image cold | jq -r .uuid) $again snapshot" "an image of that is its own"
must f server delete again
must f image delete second saved live
main_setting storage 'images_type = flat'
must f server create flat --flavor m0 --image cold
format=$(f server show flat -o json | jq -r '.disks[0].format')
must f server stop flat --timeout 0
run f server image create flat --name flat
is_eq "$rc $(image flat | jq -r '.disk_format') $(first_line flat "$format")" "0 $format the bytes of web" "of a disk that is a copy"
is_eq "$(image flat | jq -r .min_disk_gib)" 1 "min_disk is what the disk has"
rm -f "$config/virtloom.conf"
must f server delete flat
must f image delete flat

# ---- refused ----

must f server create web --flavor m1 --image cold
uuid=$(db "SELECT uuid FROM server") dir=$state/servers/$(db "SELECT uuid FROM server")
refused () { # WHAT CODE TEXT WORD...
  run f server image create "${@:4}"
  is_eq "$rc $err" "$2 $3" "$1 is refused"
}
refused "a name that is taken" 3 "$(f image create cold --file "$tmp/disk.raw" --disk-format raw 2>&1)" web --name cold
refused "a name that is none" 3 "$(f image create ' x' --file "$tmp/disk.raw" --disk-format raw 2>&1)" web --name ' x'
refused "a server that is none" 5 'error InstanceNotFound core: there is no server "wob"
  did you mean "web"?' wob --name x
must f server set web --status error
refused "a server in error" 3 'error InstanceInvalidState core: server "web" is ERROR; image create is for servers that are ACTIVE, SHUTOFF, PAUSED, SUSPENDED
  virtloom server reboot --hard web, or delete it' web --name x
must f server set web --status active
must f server create vol --flavor m1 --volume "path=$tmp/volume.raw,format=raw,boot_index=0"
refused "a server that boots from a volume" 4 'error ImageUnacceptable core: server "vol" boots from a volume; no image is made of that
  volumes are copied where they are kept' vol --name x
must f server delete vol
db "UPDATE device SET source = '/srv/disk' WHERE id = 'root'"
refused "a disk that lies elsewhere" 4 'error ImageUnacceptable core: server "web" has "/srv/disk" for its root disk, no file in its folder; no image is made of that
  volumes are copied where they are kept' web --name x
db "UPDATE device SET source = '$dir/disk' WHERE id = 'root'"
true_that "nothing was begun" tidy
setting fake 'fail = snapshot'
run f server image create web --name x
is_eq "$rc $err" "1 error PlannedFailure fake: method 'snapshot' fails as planned by setting 'fail'" "a copy that fails"
is_eq "$(history) $(f image list -o value -c name | paste -sd ' ')" "create image|failed|PlannedFailure: method 'snapshot' fails as planned by setting 'fail' cold" "is told, and there is no image"
true_that "and nothing is left" tidy
setting fake 'fail = snapshot, snapshot_end'
run f server image create web --name x
is_eq "$rc $(db 'SELECT kind FROM operation') $(ls "$dir/snapshot")" "1 server create image $dir/snapshot" "one that cannot be ended is under way"
setting fake
run f server list
is_eq "$rc $err $(history)" "0  create image|interrupted|the command that did it was killed; the next one undid it" "until the next command ends it"
true_that "and nothing is left" tidy
cp "$dir/disk" "$tmp/disk"
qemu-img resize -q -f qcow2 "$dir/disk" 100T
for power in start stop; do
  f server $power web > /dev/null 2>&1
  run f server image create web --name x
  where=$([ $power = start ] && echo "$dir/disk" || echo "$state/images/UUID.new/image")
  is_eq "$rc $(sed 's/[0-9]* are free/N are free/; s|images/[-0-9a-f]*|images/UUID|' <<< "$err")" "1 error DiskFull core: \"$where\" may become 109951162777600 bytes large, and N are free there
  make room in the file system at \"$(stat -c %m "$dir")\", then try again" "a disk that has no room ($power)"
  true_that "leaves nothing" tidy
done
cp "$tmp/disk" "$dir/disk"
qemu-img rebase -u -F qcow2 -b /etc/passwd "$dir/disk"
run f server image create web --name x
is_eq "$rc $err" "3 error ImageUnacceptable core: image file \"$dir/disk\" names backing file \"/etc/passwd\" instead of \"$(image cold | jq -r .file)\"" "a disk that names another file than is on record"
true_that "is not looked at any further" tidy
must f server delete web

# ---- frozen for a moment ----

must f image create agent --file "$tmp/disk.raw" --disk-format raw --property hw_qemu_guest_agent=yes
must f image create must --file "$tmp/disk.raw" --disk-format raw --property hw_qemu_guest_agent=yes --property os_require_quiesce=yes
must f image create none --file "$tmp/disk.raw" --disk-format raw --property os_require_quiesce=yes
must f server create web --flavor m1 --image agent
: > "$state/fake/calls.log"
run f server image create web --name x
is_eq "$rc $err $(grep -c '^quiesce' "$state/fake/calls.log")" "0  1" "a guest with an agent is frozen while its copy begins"
must f image delete x
must f server delete web
must f server create web --flavor m1 --image must
: > "$state/fake/calls.log"
run f server image create web --name x
is_eq "$rc $err $(grep -oE '^(quiesce|snapshot|unquiesce)\b' "$state/fake/calls.log" | uniq | head -n 3 | paste -sd ' ')" "0  quiesce snapshot unquiesce" "one that must be is, and thawed"
must f image delete x
setting fake 'fail = quiesce'
run f server image create web --name x
is_eq "$rc $err" "1 error PlannedFailure fake: method 'quiesce' fails as planned by setting 'fail'" "where that fails there is no image"
true_that "and nothing is left" tidy
setting fake
must f server pause web
refused "one that must be and is paused" 3 'error InstanceQuiesceFailed core: server "web" is to be frozen while its disk is copied (os_require_quiesce), but is paused, so that its agent cannot answer
  virtloom server unpause web' web --name x
must f server delete web
must f server create web --flavor m1 --image none
refused "one that must be and has no agent" 3 'error QemuGuestAgentNotEnabled core: server "web" is to be frozen while its disk is copied (os_require_quiesce), but has no guest agent (hw_qemu_guest_agent)
  stop it first; a guest that is off needs no freeze' web --name x
must f server stop web --timeout 0
run f server image create web --name x
is_eq "$rc $err" "0 " "off it needs none"
must f image delete x
must f server delete web

# ---- the administrator's password ----

must f server create web --flavor m1 --image agent
uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
printf 'dearest secret\nof two lines\n' > "$tmp/password"
run f server password set web --password "$tmp/password"
is_eq "$rc $out$err $(history)" "0  set password|done|root" "a password is set"
is_eq "$(calls 1)" set_admin_password "by the driver"
run f -v -v server password set web --password - < "$tmp/password"
is_rc 0 "or from stdin"
lacks "$out$err$(grep -rl 'dearest secret' "$state")" "dearest" "it is neither logged nor recorded"
run f server password set web < "$tmp/password"
is_eq "$rc $err" "2 error Usage core: 'server password set' needs --password FILE where there is no terminal
  --password - takes it from stdin" "nothing is asked for without a terminal"
# typist.py LINE... -- COMMAND...: a terminal at which each LINE is typed when it is asked for.
cat > "$tmp/typist.py" << 'END'
import os, pty, sys
at = sys.argv.index ('--')
lines, command = sys.argv[1:at], sys.argv[at + 1:]
child, fd = pty.fork ()
if child == 0:
    os.execvp (command[0], command)
shown = b''
while True:
    try:
        got = os.read (fd, 4096)
    except OSError:
        break
    if not got:
        break
    shown += got
    if lines and shown.endswith (b': '):
        line = lines.pop (0).encode ()
        os.write (fd, line if line == b'\x03' else line + b'\n')
sys.stdout.write (shown.decode ().replace ('\r\n', '\n'))
sys.exit (os.waitstatus_to_exitcode (os.waitpid (child, 0)[1]))
END
types () { run python3 "$tmp/typist.py" "$@" -- "${cmd[@]}" -q server password set web; }
types 'one that is typed' 'one that is typed'
is_eq "$rc $out $(history) $(calls 1)" "0 New password: 
Once more:  set password|done|root set_admin_password" "on a terminal it is typed twice, and not shown"
types one another
is_eq "$rc $out" "2 New password: 
Once more: 
error Usage core: what was typed twice is not the same" "the same"
types $'\003'
is_eq "$rc $out" "2 New password: 
error Usage core: no password was typed" "or ^C"
types '' ''
is_eq "$rc $out" "3 New password: 
Once more: 
error Invalid core: the password is empty; accepted: 1 to 255 bytes" "none is refused"
long=$(printf '%01500d' 7)
types "$long" "$long"
is_eq "$rc ${out##*$'\n'}" "3 error Invalid core: the password is too long; accepted: 1 to 255 bytes" "nor is one cut off"
for each in ':is empty; accepted: 1 to 255 bytes' "$(printf 'x%.0s' {1..256}):is too long; accepted: 1 to 255 bytes"; do
  printf '%s\n' "${each%%:*}" > "$tmp/bad"
  run f server password set web --password "$tmp/bad"
  is_eq "$rc $err" "3 error Invalid core: the first line of --password '$tmp/bad' ${each#*:}" "one that ${each#*:} is refused"
done
setting fake 'fail = set_admin_password'
run f server password set web --password "$tmp/password"
is_eq "$rc $(history) $(db "SELECT status FROM server")" "1 set password|failed|PlannedFailure: method 'set_admin_password' fails as planned by setting 'fail' ACTIVE" "one that is not set is told"
setting fake 'delay_ms = set_admin_password:600000'
"${cmd[@]}" server password set web --password "$tmp/password" > /dev/null 2>&1 &
pid=$!
under_way () { [ "$(db "SELECT kind FROM operation")" = 'server set password' ]; }
true_that "one is under way" wait_for 300 under_way
kill_job $pid
setting fake 'virt_type = lxc'
run f server list
is_eq "$(history)" "set password|interrupted|the command that did it was killed; the password may have been set" "killed: that is told"
run f server password set web --password "$tmp/password"
is_eq "$rc $err" "4 error SetAdminPasswdNotSupported fake: libvirt sets no password in guests of type 'lxc', as '$uuid' is" "a container has no agent"
setting fake
must f server lock web
run f server password set web --password "$tmp/password"
is_eq "$rc $err" "3 error InstanceIsLocked core: server \"web\" is locked
  virtloom server unlock web" "not of a server that is locked"
must f server unlock web
must f server stop web --timeout 0
run f server password set web --password "$tmp/password"
is_eq "$rc $err" "3 error InstanceInvalidState core: server \"web\" is SHUTOFF; password set is for servers that are ACTIVE
  virtloom server start web" "nor of one that is off"
must f server delete web
must f server create web --flavor m1 --image none
run f server password set web --password "$tmp/password"
is_eq "$rc $err" "3 error QemuGuestAgentNotEnabled core: server \"web\" has no guest agent, which sets passwords
  the image of a server that has one says hw_qemu_guest_agent=yes" "nor of one without an agent"
must f server delete web
must f image create windows --file "$tmp/disk.raw" --disk-format raw --property hw_qemu_guest_agent=yes --property os_type=windows
must f image create admin --file "$tmp/disk.raw" --disk-format raw --property hw_qemu_guest_agent=yes --property os_admin_user=jane
for each in windows:Administrator admin:jane; do
  must f server create web --flavor m1 --image "${each%:*}"
  uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
  run f server password set web --password "$tmp/password"
  is_eq "$rc $(history)" "0 set password|done|${each#*:}" "the administrator of ${each%:*} is ${each#*:}"
  must f server delete web
done

# ---- commands that are killed ----

must f server create web --flavor m1 --image cold
uuid=$(db "SELECT uuid FROM server") dir=$state/servers/$(db "SELECT uuid FROM server")
setting fake 'delay_ms = snapshot:600000'
"${cmd[@]}" server image create web --name x > /dev/null 2>&1 &
pid=$!
true_that "a copy under way" wait_for 300 test -e "$dir/snapshot"
kill_job $pid
setting fake
run f server list
is_eq "$rc $err $(history)" "0  create image|interrupted|the command that did it was killed; the next one undid it" "that is killed is ended by the next command"
is_eq "$(calls 1)" snapshot_end "by the driver"
true_that "and nothing is left" tidy
if can_kill; then
  syscalls=fdatasync,fsync,rename,renameat2,pwrite64,link,symlink,unlink,unlinkat,mkdir,ftruncate
  for power in start stop; do
    f server $power web > /dev/null 2>&1
    was=$(db "SELECT status FROM server")
    disk=$(stat -c '%i %Y' "$dir/disk")
    bad=0
    for n in $(kill_places 5); do
      run_killed "$n" $syscalls "${cmd[@]}" server image create web --name x
      code=$rc
      run f server list
      [ "$rc$err" = 0 ] || { bad=1; diag "killed at call $n: $rc $err"; }
      [ "$(db "SELECT status FROM server") $(stat -c '%i %Y' "$dir/disk")" = "$was $disk" ] || { bad=1; diag "killed at call $n: another server"; }
      tidy || { bad=1; diag "killed at call $n: something is left: $(db 'SELECT * FROM operation') $(ls "$dir" "$state/images")"; }
      there=$(db "SELECT count(*) FROM image WHERE name = 'x' AND status = 'active'")
      done=$(history)
      case $there:$done in
        1:"create image|done|x") f image save x --file "$tmp/saved" > /dev/null && f image delete x > /dev/null || { bad=1; diag "killed at call $n: no whole image"; }; rm -f "$tmp/saved" ;;
        1:*) bad=1; diag "killed at call $n: $done, but there is an image" ;;
        0:"create image|done|"*) [ "$code" -ne 0 ] || { bad=1; diag "killed at call $n: there is no image"; } ;;
      esac
      [ "$code" -ne 0 ] || break
    done
    is_eq "$bad" 0 "after $power: killed at a sample of $n calls, all is whole"
    true_that "and it was killed" test "$n" -gt 8 -a "$n" -lt 400
  done
else
  skip "no strace here (Debian: strace)"
fi
must f server delete web
is_eq "$(ls "$state/servers")" "" "no server is left"

done_testing
