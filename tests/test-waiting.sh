#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# While one command waits for a guest, all others go on: what is held, by whom, and what
# is shown meanwhile.  The guests here hear nothing, since their disk is empty.
. "$(dirname "$0")/tap.sh"
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
needs flock util-linux
needs strace strace

v () { vl --driver qemu-tcg "$@"; }
# The same in the background, of which $waiter is the process itself, not a shell around it.
behind () {
  rm -f "$tmp/waiting.err" # what an earlier one said is not taken for this one's
  "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg "$@" \
    > "$tmp/waiting.out" 2> "$tmp/waiting.err" &
  waiter=$!
}
stop_waiting () { kill -KILL ${waiter:-} ${sleeper:-} 2> /dev/null; wait; }
CLEANUPS="stop_waiting $CLEANUPS"
pulled () { echo "warning ShutdownTimeout core: the guest of server \"$1\" did not shut down in $2 s; the plug was pulled"; }
# waits COMMAND...: in the background, until it says what it waits for.
waits () {
  behind "$@"
  wait_for 120 grep -qs '^waiting for ' "$tmp/waiting.err" || bail "$* does not wait: $(cat "$tmp/waiting.err")"
}
undated () { sed -E "s/since 20[-0-9T:]+Z/since T/" <<< "$1"; }
still_waits () { true_that "$1, while the other waits" kill -0 "$waiter"; }
# The QEMU of a server.
qemu () { cat "$state/libvirt/run/qemu/$(field "$1" domain).pid"; }
runs () { [ "$(readlink "/proc/$1/exe" | grep -c qemu)" = 1 ]; }

must v flavor create f --vcpus 1 --ram 64
truncate -s 1M "$tmp/empty.img"
must v image create i --file "$tmp/empty.img" --disk-format raw
for each in a b c d e; do must v server create $each --flavor f --image i; done

# ---- one guest that does not hear ----

waits server stop a --timeout 3000
is "$(cat "$tmp/waiting.err")" "waiting for guest '$(field a domain)' to shut down, up to 3000 s" "it says what it waits for"
run v server list
is_rc 0 "list"
# On a machine that is busy enough libvirt itself may not answer in time.
is "$(grep -c 'ACTIVE *RUNNING' <<< "$out") $(steady "$err")" "5 " "shows all servers as they are"
still_waits "list"
run v server show a
has "$out" RUNNING "show"
run v server log b
is_rc 0 "log"
run v server console a
is_rc 0 "console"
run v server stop --timeout=0 b
is_rc 0 "the plug of another is pulled"
run v server start b
is_rc 0 "it is started"
run v server reboot --hard b
is_rc 0 "and rebooted"
run v server delete e
is_rc 0 "another is deleted"
run v server create e --flavor f --image i
is_rc 0 "and created"
still_waits "all that"

# Another one on the same server is told who works on it, and goes on when that is gone: a
# command that was killed holds nothing.
first=$waiter
waits server pause a
text=$(undated "$(cat "$tmp/waiting.err")")
has "$text" "waiting for another virtloom command that works on $(field a uuid) (process $first, since T: virtloom " "another on the same server says who works on it"
has "$text" " server stop a --timeout 3000)" "and what it does"
kill -KILL "$first"
wait "$waiter"
is "$?" 0 "it goes on when that was killed"
waiter=
is "$(power a)" PAUSED "as it was told"
must v server unpause a
run v server stop --timeout=0 a
is_rc 0 "a server whose stop was killed can be stopped"
is "$(power a)" SHUTDOWN "it was not a crash"
must v server start a

# ---- several ----

asked () { local each; for each in a b c; do [ -e "$state/libvirt/crashed/$(field $each uuid)" ] || return 1; done; }
pids="$(qemu a) $(qemu b) $(qemu c)"
behind server stop a b c --timeout 3000
true_that "all are asked" wait_for 300 asked
alive=0
for pid in $pids; do runs "$pid" && alive=$((alive + 1)); done
is "$alive" 3 "before the first is gone"
for pid in $pids; do kill -KILL "$pid"; done
wait "$waiter"
is "$?" 0 "when all are gone it is done"
waiter=
for each in a b c; do is "$(power $each)" SHUTDOWN "$each is off, and has not crashed"; done
for each in a b c; do must v server start $each; done
run v server stop a nobody b --timeout 1
is_rc 5 "one that is not there"
has "$err" "$(pulled a 1)
$(pulled b 1)" "each whose plug was pulled is told"
is "$(power a) $(power b) $(power c)" "SHUTDOWN SHUTDOWN RUNNING" "does not stand in the way of the others"
must v server start a
must v server start b

# --timeout stands above the setting, 120 seconds.
run v server reboot a --timeout 1
is "$rc $(grep -v ^waiting <<< "$err")" "0 $(pulled a 1)" "a soft reboot becomes a hard one"
is "$(power a) $(v server event list a -o json | jq -r '.events[0] | .action + ": " + .reason')" "RUNNING reboot: not shut down in 1 s, plug pulled" "which is on record"

# ---- a QEMU that stands still ----

kill -STOP "$(qemu a)"
run v server list
is_rc 0 "list beside a QEMU that stands still"
true_that "says so" grep -qE "does not answer; its state is the one last known|^warning LastSeen qemu-tcg: libvirt did not answer in time: " <<< "$err"
run v server stop a --timeout 1
is_rc 0 "it is stopped"
has "$err" "$(pulled a 1)" "the hard way"
is "$(power a)" SHUTDOWN "for good"
kill -STOP "$(qemu b)"
run v server delete b
is_rc 0 "another one is deleted"

# ---- libvirt's driver in other hands ----

lock=$state/libvirt/virtloom.lock
# By the process that it names, and which is what it shall be.
held () { [ "$(cat "/proc/$(cat "$lock")/comm")" = sleep ] && ! flock -n "$lock" true; }
hold () {
  : > "$lock"
  flock "$lock" sh -c "echo \$\$ > '$lock'; exec sleep 3000" &
  waiter=$!
  wait_for 300 held || bail "the lock cannot be held"
  sleeper=$(cat "$lock")
}
let_go () {
  kill "$sleeper"
  wait "$holder"
}
gone=$(field d domain)
hold
holder=$waiter
run v server list
is_rc 0 "list beside somebody who has libvirt's driver"
is "$(grep -c 'ACTIVE *RUNNING' <<< "$out") $(grep -c 'SHUTOFF *SHUTDOWN' <<< "$out")" "3 1" "shows what was seen last"
is "$(undated "$err")" "warning LastSeen qemu-tcg: libvirt is busy with other guests (process $sleeper, since T: sleep 3000): states are those that it saw last" "and says so"
run v server show c
has "$out" RUNNING "show, too"
run v server log c
is "$rc $err" "0 advice Advice core: the guest has written nothing to its console yet
  virtloom server wait --console TEXT c waits for what it will write" "the log waits for nobody"
run v server stop --timeout=0 e
is_rc 0 "a guest that runs is stopped all the same"
is "$(power e)" SHUTDOWN "and is off"
run v server delete d
is_rc 0 "or deleted"
is "$(power d)$(find "$state/libvirt/etc" "$state/libvirt/lib" -name "$gone*")" "" "with what libvirt has of it"
true_that "while libvirt is in other hands" held
waits server pause c
is "$(undated "$(cat "$tmp/waiting.err")")" "waiting for another command that uses the guests of '$state/libvirt' (process $sleeper, since T: sleep 3000)" \
  "who waits names who is in the way"
let_go
wait "$waiter"
is "$?" 0 "and goes on when that is gone"
waiter=
is "$(power c)" PAUSED "as it was told"

setting qemu-tcg 'open_timeout = 1'
hold
holder=$waiter
run v server unpause c
is "$rc $(undated "$(grep ^error <<< "$err")")" "8 error HypervisorBusy qemu-tcg: another process has used the guests of '$state/libvirt' for more than 1 s (process $sleeper, since T: sleep 3000)" \
  "a wait has an end"
let_go
waiter=
rm -f "$config/plugins.d/qemu-tcg.conf"

# ---- crashes ----

kill -KILL "$(qemu c)"
gone () { ! v server list | grep -q 'c .*PAUSED'; }
true_that "a guest whose QEMU is killed" wait_for 300 gone
run v server show c
has "$out" CRASHED "has crashed"
like=$(grep -E '^Fault +crashed: its QEMU process ended by itself, as was seen at 20[-0-9T:]+Z; what it said last is in ' <<< "$out" | wc -l)
is "$like" 1 "when, and where to read on"
run v server start c
is_rc 0 "it is started again"
lacks "$(v server show c | grep ^Fault)" "ended by itself" "and all is well"

# A command that is killed when it has pulled the plug has not made a crash of that.
strace -qq -f -o /dev/null -e trace=pidfd_send_signal -e inject=pidfd_send_signal:signal=KILL:when=1 \
  "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg server reboot --hard c > /dev/null 2>&1
kill -KILL "$(qemu c)" 2> /dev/null
off () { [ "$(power c)" = SHUTDOWN ]; }
true_that "a guest whose plug was pulled is off" wait_for 120 off
must v server start c

# What libvirt had begun to write of a guest goes with it.
uuid=$(field e uuid) domain=$(field e domain)
: > "$state/libvirt/etc/qemu/$domain.xml.new"
must v server delete e
is "$(find "$state/libvirt" -name "*$domain*" -o -name "*$uuid*")" "" "nothing is left of a guest that is deleted"

# ---- saved memory that is gone ----

must v server suspend c
rm "$state"/libvirt/lib/qemu/save/*
run v server resume c
is "$rc $err" "1 error InstanceResumeFailure qemu-tcg: the saved memory of guest '$(field c domain)' is gone; it is not resumed
  virtloom server reboot --hard boots it anew" "is not resumed"
run v server reboot --hard c
is_rc 0 "but booted"

# libvirt removes a file whose head it cannot read, and boots the guest.
saved=$state/libvirt/lib/qemu/save/$(field c domain).save
must v server suspend c
mv "$saved" "$tmp/saved"
# unread WHY WHAT: the resume is refused, and the file stays.
unread () {
  cp "$saved" "$tmp/before"
  run v server resume c
  is "$rc $err" "1 error InstanceResumeFailure qemu-tcg: the saved memory of guest '$(field c domain)' cannot be read; it is not resumed, and nothing is removed: $1
  put the file back if there is a copy of it; virtloom server reboot --hard boots it anew and loses that memory" "$2"
  true_that "which stays" cmp "$saved" "$tmp/before"
  is "$(power c)" "SUSPENDED" "the guest is suspended"
}
: > "$saved"
unread "operation failed: failed to read qemu header" "memory that is cut off"
{ printf LibvirtQemudPart; tail -c +17 "$tmp/saved"; } > "$saved"
unread "operation failed: save image is incomplete" "memory of which libvirt wrote a part"
{ printf LibvirtQemudSaxe; tail -c +17 "$tmp/saved"; } > "$saved"
unread "operation failed: image magic is incorrect" "what is no memory"
head -c $(($(stat -c %s "$tmp/saved") / 2)) "$tmp/saved" > "$saved"
cp "$saved" "$tmp/before"
run v server resume c
is "$rc $(power c)" "1 SUSPENDED" "half of the memory is not resumed"
true_that "and stays" cmp "$saved" "$tmp/before"
mv "$tmp/saved" "$saved"
run v server resume c
is "$rc $err $(power c)" "0  RUNNING" "what was put back is resumed"

# What was left of a memory beside a guest that runs is not restored later.
: > "$state/libvirt/lib/qemu/save/$(field c domain).save"
run v server stop --timeout=0 c
is "$rc $(power c)" "0 SHUTDOWN" "a guest that ran is off, not suspended"

# ---- a process of which nothing can be found out is not taken for one that ended ----

# cannot_watch WHEN COMMAND...: opening a process fails from the WHEN-th time on.
cannot_watch () {
  local when=$1
  shift
  run timeout 300 strace -qq -f -o /dev/null -e trace=pidfd_open -e "inject=pidfd_open:error=EMFILE:when=$when+" \
    "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg "$@"
}
must v server start a
pid=$(qemu a)
cannot_watch 1 server pause a
is_rc 1 "a command that cannot look at the guest's process"
has "$err" "error HostLimit qemu-tcg: cannot find out whether guest '$(field a domain)' runs, from \"/proc/$pid\": Too many open files
  allow a process more open files: ulimit -n" "says so"
true_that "and the guest goes on" runs "$pid"
is "$(power a)" RUNNING "as is seen afterwards"
cannot_watch $(($(ls "$state"/libvirt/run/qemu/*.xml | wc -l) + 1)) server pause a
is_rc 1 "one that cannot watch libvirt's own process"
is "$(sed 's,/proc/[0-9]*,/proc/N,' <<< "$err")" "error HostLimit qemu-tcg: cannot watch libvirt's process \"/proc/N\": Too many open files
  allow a process more open files: ulimit -n" "says so"
true_that "and the guest goes on, too" runs "$pid"

for each in a c d e; do v server delete $each > /dev/null 2>&1; done
is "$(find "$state/libvirt" -name '*vl-*')" "" "nothing that libvirt made is left of any guest"
all_gone
done_testing
