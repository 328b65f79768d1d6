#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Events that nobody here brought about: `host watch` and `server event list --follow` hear them,
# record each once and hand it to features; and crash dumps.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3
needs jq jq
needs python3 python3
# shellcheck source=tests/tree-lib.sh
. "$(dirname "$0")/tree-lib.sh"

trace=$tmp/lessee
plugin lessee lessee-1/.libs/lessee lessee:lease
printf '%s\n' '[settings]' "trace = $trace" >> "$config/plugins.d/lessee.conf"
calls () { [ ! -e "$trace" ] || { sed 's/ lease=7.*//' "$trace" | paste -sd '|'; rm -f "$trace"; }; }
stop_watchers () { kill -KILL ${watcher:+"$watcher"} ${follower:+"$follower"} ${other:+"$other"} ${reader:+"$reader"} 2> /dev/null; }
CLEANUPS="stop_watchers $CLEANUPS"
truncate -s 8M "$tmp/disk.raw"
must () { run "$@"; [ "$rc" -eq 0 ] || bail "$*: $err"; }
must f image create img --file "$tmp/disk.raw" --disk-format raw
must f flavor create m1 --vcpus 1 --ram 128 --disk 1 --property lessee:lease=7
must f server create web --flavor m1 --image img
must f server create db --flavor m1 --image img
uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
rm -f "$trace"

# seen: what web did by itself.
seen () { db "SELECT action || ': ' || coalesce (reason, '') FROM action WHERE server = '$uuid' AND user IS NULL ORDER BY n"; }
has_seen () { seen | grep -qxF -- "$1"; }
sees () { wait_for 300 has_seen "$1" || { diag "$(seen)"; false; }; }
# Each in a file of its own: one that has not been read is not overwritten.
told=0
tells () {
  told=$((told + 1))
  echo "$uuid $*" > "$tmp/event" && mv "$tmp/event" "$state/fake/events/told$told"
}
guest_is () { sed -i "1,/^\$/s/^state .*\$/state $1/" "$state/fake/guests/$uuid"; }

# ---- a service ----

# A service manager writes what it is told into a file, a line each.
cat > "$tmp/manager.py" << 'END'
import socket, sys
s = socket.socket (socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind (sys.argv[1])
with open (sys.argv[2], 'a') as out:
    while True:
        print (s.recv (4096).decode ().replace ('\n', ' '), file=out, flush=True)
END
python3 "$tmp/manager.py" "$tmp/notify" "$tmp/notified" &
other=$!
disown
true_that "a service manager" wait_for 300 test -S "$tmp/notify"
NOTIFY_SOCKET=$tmp/notify "${cmd[@]}" host watch > "$tmp/watch" 2>&1 &
watcher=$!
true_that "host watch is ready" wait_for 300 grep -q 'READY=1 STATUS=listening' "$tmp/notified"
true_that "and alive" wait_for 300 grep -qx WATCHDOG=1 "$tmp/notified"
tells watchdog reset
true_that "the watchdog" sees 'watchdog: reset'
tells io-error "virtio-disk0: enospc; the guest is paused"
true_that "an I/O error" sees 'I/O error: virtio-disk0: enospc; the guest is paused'
tells agent connected
true_that "the agent" sees 'agent: connected'
tells device-removed virtio-disk1
true_that "a device" sees 'device removed: virtio-disk1'
tells device-not-removed virtio-disk1
true_that "one that stays" sees 'device not removed: virtio-disk1'
tells block-job 'pull of vda: completed'
true_that "a block job" sees 'block job: pull of vda: completed'
tells rebooted 'by itself'
true_that "a reboot" sees 'rebooted: by itself'
guest_is paused
true_that "a pause" sees 'paused: '
guest_is crashed
true_that "a crash" sees 'crashed: its process ended'
all='event WATCHDOG web|event IO_ERROR web|event AGENT web|event DETACHED web|event BLOCK_JOB web|event REBOOTED web|event PAUSED web|event CRASHED web'
told_all () { [ "$(db 'SELECT count(*) FROM event')" = 0 ]; }
true_that "features are told" wait_for 300 told_all
is_eq "$(calls)" "$all" "each once, in this order"

# ---- rules ----

must f server start web
is_eq "$(seen | wc -l)" 9 "what a command does is not told twice"
# While somebody works on the server nobody looks between the two.
exec 8> "$state/servers/$uuid.lock"
flock 8
guest_is shutdown
guest_is running
rm "$state/servers/$uuid.lock"
exec 8>&-
tells agent disconnected
true_that "a stop that is followed by a start" sees 'agent: disconnected'
is_eq "$(seen | grep -c stopped)" 0 "is no stop"
guest_is shutdown
true_that "one that nothing follows is" sees 'stopped: by itself'
must f server start web
for _ in 1 2 3 4 5; do tells agent connected; done
true_that "the same again" sees 'agent: connected'
tells watchdog none
true_that "and another" sees 'watchdog: none'
is_eq "$(seen | grep -c 'agent: connected')" 2 "is told once"
for i in $(seq 40); do tells watchdog "$i"; done
for i in $(seq 40); do wait_for 300 sh -c "! ls '$state/fake/events' | grep -q ."; done
tells_on () { [ "$(db 'SELECT count(*) FROM event')" = 0 ]; }
wait_for 300 tells_on
true_that "a guest does not fill its history" test "$(seen | wc -l)" -le 40
# The clock was wrong, and is put right: nothing on record is of this minute.
db "UPDATE action SET at = '2099-01-01T00:00:00Z' WHERE server = '$uuid' AND user IS NULL"
tells agent later
true_that "what was told at a time to come hides nothing" sees 'agent: later'
rm -f "$trace"
echo 'no uuid at all' > "$state/fake/events/x"
echo "00000000-0000-0000-0000-000000000000 watchdog reset" > "$state/fake/events/y"
db "DELETE FROM action WHERE server = '$uuid' AND user IS NULL"
# Another command has the server: it is recorded as soon as that is done.
exec 8> "$state/servers/$uuid.lock"
flock 8
tells agent waits
wait_for 300 sh -c "! ls '$state/fake/events' | grep -q ."
is_eq "$(seen)" "" "a server that somebody works on is not touched"
noisy=$(db "SELECT uuid FROM server WHERE name = 'db'")
exec 9> "$state/servers/$noisy.lock"
flock 9
python3 - "$state/fake/events" "$noisy" << 'END'
import os, sys, time
for i in range (10100):
    with open ('%s/n%d' % (sys.argv[1], i), 'w') as file:
        file.write ('%s watchdog %d\n' % (sys.argv[2], i))
    while i % 1000 == 0 and len (os.listdir (sys.argv[1])) > 1000:
        time.sleep (0.1)
END
true_that "a guest that makes ten thousand events" wait_for 600 sh -c "! ls '$state/fake/events' | grep -q ."
rm "$state/servers/$uuid.lock" "$state/servers/$noisy.lock"
exec 8>&- 9>&-
true_that "what waits is not forgotten, however noisy another guest is" sees 'agent: waits'
last_noise () { [ "$(db "SELECT count(*) FROM action WHERE server = '$noisy' AND user IS NULL")" = 20 ]; }
true_that "nor that one" wait_for 300 last_noise
is_eq "$(db "SELECT count(*) FROM action WHERE server NOT IN (SELECT uuid FROM server)")" 0 "what is not ours is nobody's"

# ---- one listens ----

"${cmd[@]}" server event list web --follow -o json > "$tmp/follow" 2>&1 &
follower=$!
true_that "--follow begins with what is on record" wait_for 300 grep -q '"agent"' "$tmp/follow"
"${cmd[@]}" server event list web -f > "$tmp/follow-table" 2>&1 &
true_that "in words, too" wait_for 300 grep -q '  agent  -  seen  waits$' "$tmp/follow-table"
{ "${cmd[@]}" server event list web -f; : > "$tmp/ended"; } | head -n 1 > /dev/null &
true_that "it ends when its reader has gone" wait_for 300 test -e "$tmp/ended"
run timeout 300 "$BASH" -c '"$@" > /dev/full' full "${cmd[@]}" server event list web -f
is_eq "$rc $err" "1 error Failed core: the answer cannot be written: No space left on device" "or where nothing can be written"
echo gone > "$state/fake/events/gone"
true_that "a hypervisor that goes" wait_for 300 grep -qx 'the hypervisor has gone; it is tried again until it is there' "$tmp/watch"
tells_again () { has_seen "agent: $1" || { tells agent "$1"; false; }; }
true_that "is listened to again" wait_for 300 tells_again back
kill -TERM "$watcher"
wait "$watcher"
is_eq "$?" 0 "host watch ends when it is told to"
# The service manager may not have read it yet.
says_so () { [ "$(tail -n 1 "$tmp/notified")" = STOPPING=1 ]; }
true_that "and says so" wait_for 300 says_so
true_that "then who follows listens" wait_for 300 tells_again followed
"${cmd[@]}" host watch > "$tmp/watch" 2>&1 &
watcher=$!
true_that "one is enough" wait_for 300 grep -qx 'another process listens' "$tmp/watch"
must f server pause web
must f server delete web
true_that "who follows ends with the server" wait_for 300 sh -c "! kill -0 $follower"
# The agent was told of until somebody had heard it, so maybe once more afterwards.
is_eq "$(jq -r .action "$tmp/follow" | uniq | tail -n 3 | sort | paste -sd ' ') $(jq -r .action "$tmp/follow" | tail -n 1)" \
  "agent delete pause delete" "one object a line, to the end"
true_that "then host watch listens" wait_for 300 grep -qx listening "$tmp/watch"
kill -TERM "$watcher"
wait "$watcher"
is_eq "$?" 0 "and ends"

# ---- who follows and does not read ----

uuid=$(db "SELECT uuid FROM server WHERE name = 'db'")
db "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 70)
  INSERT INTO action (server, name, action, at, ended, result, reason)
  SELECT '$uuid', 'db', 'agent', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', 'seen', 'filler ' || n FROM i"
cat > "$tmp/reader.py" << 'END'
import fcntl, os, subprocess, sys, time
r, w = os.pipe ()
fcntl.fcntl (w, 1031, 4096) # F_SETPIPE_SZ
child = subprocess.Popen (sys.argv[2:], stdout=w)
os.close (w)
while not os.path.exists (sys.argv[1] + '/read'):
    time.sleep (0.1)
with os.fdopen (r) as answers, open (sys.argv[1] + '/lines', 'w') as out:
    for line in answers:
        print (line, end='', file=out, flush=True)
        if '"sixty"' in line:
            break
child.kill ()
END
python3 "$tmp/reader.py" "$tmp" "${cmd[@]}" server event list db -f -o json > "$tmp/ended" 2>&1 &
reader=$!
true_that "who stands still listens all the same" wait_for 300 tells_again before
tells_again sixty || true_that "and goes on" wait_for 300 tells_again sixty
touch "$tmp/read"
true_that "until its reader goes on" wait_for 300 grep -q '"sixty"' "$tmp/lines"
is_eq "$(jq -r .reason "$tmp/lines" | grep -c '^filler ')" 70 "to which nothing is lost"

# ---- where there is nothing to listen to ----

q () { vl --driver qemu-tcg "$@"; }
if command -v qemu-system-x86_64 > /dev/null; then
  run q host watch
  is_eq "$rc $out$err" "4 error EventsNotAvailable qemu-tcg: 'qemu:///embed' has no listener: libvirt's driver is in the process that uses it, and lets one command in at a time
  set connection_uri = qemu:///system in plugins.d/qemu-tcg.conf for a daemon that tells events; until then each command records what it finds changed" "qemu:///embed has no listener"
  db "UPDATE server SET driver = 'qemu-tcg' WHERE name = 'db'"
  run vl server event list db --follow
  has "$rc $out$err" "4 error EventsNotAvailable qemu-tcg: 'qemu:///embed' has no listener" "nor is it followed"
  db "UPDATE server SET driver = 'fake' WHERE name = 'db'"
else
  skip "qemu-system-x86_64 is missing (Debian: qemu-system-x86)"
fi
run f server event list nobody --follow
is_eq "$rc $err" "5 error InstanceNotFound core: there is no server \"nobody\"
  virtloom server list" "who is not there is not followed"
setting fake 'fail = listen'
run f host watch
is_eq "$rc $err" "1 error PlannedFailure fake: method 'listen' fails as planned by setting 'fail'" "what fails ends it"
setting fake

# ---- the unit ----

for unit in virtloom-watch.service virtloom-tend.service virtloom-tend.timer; do
  file=$top_builddir/packaging/$unit
  [ -e "$file" ] || file=$top_srcdir/packaging/$unit
  lacks "$(cat "$file")" "@" "$unit has its path filled in"
  sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|; s|^Documentation.*||' "$file" > "$tmp/$unit"
done
if command -v systemd-analyze > /dev/null; then
  for unit in virtloom-watch.service virtloom-tend.timer; do
    run systemd-analyze verify --man=no "$tmp/$unit"
    lacks "$out$err" "$unit" "systemd understands $unit"
  done
else
  skip "systemd-analyze is missing (Debian: systemd)"
fi

done_testing
