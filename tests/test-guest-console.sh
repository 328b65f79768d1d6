#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The serial console of a real guest on a terminal: what is typed is heard, what is answered is
# shown, and the terminal is as it was, whatever ends it.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
needs socat socat
needs jq jq
needs python3 python3
guest_image
cd "$tmp" || exit 99

script listen << 'END_OF_SCRIPT'
stty -echo < /dev/ttyS0
echo "guest: to be seen" > /dev/tty0
echo "guest: listens"
while read -r line; do echo "guest: heard <$line>"; done < /dev/ttyS0
END_OF_SCRIPT
must t flavor create small --vcpus 1 --ram 192 --disk 0
must t image create guest --file "$image" --disk-format qcow2

# A terminal is socat's; what is typed there comes through a pipe, what it shows is kept in a file.
# on_terminal NAME ARGUMENT...: virtloom with these arguments there, with the modes of the terminal
# before and afterwards.
cat > run-there << 'END_OF_SCRIPT'
name=$1
shift
stty -a > "$name.before"
"$@"
echo "ended $?" > "$name.code"
stty -a > "$name.after"
END_OF_SCRIPT
on_terminal () {
  local name=$1
  shift
  rm -f "$name".*
  mkfifo "$name.keys"
  printf '%q ' "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg "$@" > "$name.command"
  socat - EXEC:"bash run-there $name bash $name.command",pty,ctty,setsid,stderr < "$name.keys" > "$name.shown" 2> /dev/null &
  terminal=$!
  exec 7> "$name.keys"
}
type_there () { printf '%b' "$1" >&7; }
leave () { exec 7>&-; }
shows () { grep -qF -- "$2" "$1.shown"; }
has_ended () { [ -s "$1.after" ]; }
# The command's own process, of the two: the one that was started.
command_of () { pgrep -of "virtloom .*--state $state .*$1\$"; }
same_modes () { is_eq "$(cat "$1.after")" "$(cat "$1.before")" "the terminal is as it was"; }

run t server create one --flavor small --image guest --volume "$(volume listen)"
made "a guest is made"
true_that "it listens" says one "guest: listens"

run t server url one --type serial -o json
is_rc 0 "url"
has "$(value tty)" /dev/pts/ "its serial console is a terminal of QEMU's"
run t server url one -c address -o value
is_eq "$rc $out" "0 unix:$state/servers/$(field one uuid)/run/vnc" "its display is a socket"
run t server url one --type spice
is_eq "$rc $(steady "$err")" "4 error ConsoleTypeUnavailable qemu-tcg: guest '$(field one domain)' has no console of type spice
  virtloom server show $(field one uuid) has its displays and its console" "it has no SPICE"

must t server screenshot one --file one.png
is_eq "$(head -c 8 one.png | od -An -tx1) $(stat -c %a one.png)" " 89 50 4e 47 0d 0a 1a 0a 600" "a picture of its display is a PNG of the caller's"
# The guest has written on it.
read -r width height colours < <(python3 "$top_srcdir/tests/png.py" one.png)
true_that "of a screen with something on it ($width, $height, $colours)" test "$width" -ge 640 -a "$height" -ge 400 -a "$colours" -gt 1
run t server screenshot one --file one.png
is_rc 3 "a second one takes no file's place"

# In a browser: the first that QEMU says, and which kinds of security it has: one, none.
if [ -x /usr/bin/websockify ] && [ -e /usr/share/novnc/vnc.html ]; then
  t server vnc one --web > page.out 2> page.err 7>&- &
  page=$!
  true_that "its display has a page" wait_for 600 grep -q '^http://127' page.out
  : | python3 "$top_srcdir/tests/vnc-viewer.py" view "$(cat page.out)" > view.out 2>&1
  is_eq "$(cat view.out)" "RFB 003.008
0101
closed" "on which QEMU speaks with the viewer"
  wait "$page"
  is_eq "$? $(steady "$(cat page.err)")" "0 " "and which ends when the viewer closes"
  browser=/usr/bin/chromium-headless-shell
  if [ -x $browser ] && python3 "$top_srcdir/tests/browser.py" $browser 2> browser.err; then
    t server vnc one --web > page.out 2> page.err 7>&- &
    page=$!
    true_that "it has another one" wait_for 600 grep -q '^http://127' page.out
    run python3 "$top_srcdir/tests/browser.py" $browser "$(cat page.out)"
    is "$rc ${out% *}" "0 $width $height" "in Chromium it is as large as the picture that QEMU made"
    true_that "and has something on it ($out)" test "${out##* }" -gt 1
    wait "$page"
    is_eq "$? $(steady "$(cat page.err)")" "0 " "and it ends with the browser"
  else
    skip "Chromium does not run here (Debian: chromium-headless-shell): $(cat browser.err 2> /dev/null)"
  fi
else
  skip "noVNC or websockify is missing (Debian: novnc websockify)"
fi

run t server top --rounds 1 --delay 1 -o json
is_eq "$rc $(jq -r '.servers[] | [.name, .power_state, .cpu >= 0, .memory_mb > 10, .read_bytes >= 0, .write_bytes >= 0] | map (tostring) | join (" ")' <<< "$out")" \
  "0 one RUNNING true true true true" "what it does, in a round"

on_terminal first server console one
true_that "on a terminal the console begins" wait_for 120 shows first "^] leaves it"
type_there 'hello there\r'
true_that "the guest hears what is typed, and its answer is shown" wait_for 120 shows first "guest: heard <hello there>"
type_there '\003\032one more\r'
true_that "^C and ^Z are the guest's" wait_for 120 shows first "one more>"
true_that "and end nothing" test ! -e first.after

run t server console one --attach
is_rc 8 "a second one at once"
holder=$(t server console one --attach 2>&1 | grep "^error")
has "$holder" "error ConsoleInUse core: the serial console of server \"one\" is in use (process " "is told who has it"
has "$holder" " server console one)" "and with which command"
run t server pause one
is_rc 0 "what is done to the guest waits for no console"
run t server unpause one
is_rc 0 "nor this"
is_eq "$(power one)" RUNNING "nor who looks"
type_there '\035'
true_that "^] leaves it" wait_for 120 has_ended first
is_eq "$(cat first.code)" "ended 0" "and that is success"
same_modes first
leave
wait "$terminal"
is_eq "$(power one)" RUNNING "the guest runs on"
is_eq "$(find "$state/locks" -name 'console-*' 2> /dev/null)" "" "no lock is left"

for signal in TERM HUP INT QUIT KILL; do
  on_terminal killed server console one
  true_that "the console, once more" wait_for 120 shows killed "^] leaves it"
  kill -$signal "$(command_of "server console one")"
  true_that "SIG$signal ends it" wait_for 120 has_ended killed
  same_modes killed
  leave
  wait "$terminal"
done

# Without a terminal the bytes go there and back as they are.
mkfifo keys
t server console one --attach < keys > plain 2> plain.err &
plain=$!
exec 7> keys
printf 'plainly\r' >&7
true_that "without a terminal, too, the guest is heard" wait_for 120 grep -qF "guest: heard <plainly>" plain
run t server console one --raw --attach
is_eq "$rc $err" "2 error Usage core: --attach is for the console itself; --follow, --raw and -o json are for its file" "what does not go together is refused"

run t server stop one --timeout 0
is_rc 0 "the guest is stopped meanwhile"
gone () { ! kill -0 "$plain" 2> /dev/null; }
true_that "that ends its console" wait_for 120 gone
wait "$plain"
is_eq "$? $(steady "$(cat plain.err)")" "0 " "without an error"
exec 7>&-
run t server console one --attach
is_eq "$rc $(steady "$err")" "3 error InstanceInvalidState core: server \"one\" is SHUTOFF; console is for servers that are ACTIVE, PAUSED, RESCUE, VERIFY_RESIZE, ERROR
  virtloom server start one" "a guest that is off has none"

# The same by a UNIX socket.
setting serial-console 'serial_console_socket = yes'
run t server reboot --hard --update one
is_rc 0 "a hard reboot, from a plan with a socket"
true_that "it listens" says one "guest: listens"
run t server url one --type serial -c socket -o value
is_eq "$rc $out" "0 $(field one run_dir)/serial0" "its serial console is a socket"
true_that "which is there" test -S "$out"
on_terminal socket server console one
true_that "on a terminal the console begins" wait_for 120 shows socket "^] leaves it"
type_there 'by socket\r'
true_that "the guest hears and answers" wait_for 120 shows socket "guest: heard <by socket>"
true_that "its log has that, too" says one "guest: heard <by socket>"
run t server stop one --timeout 0
true_that "the end of the guest ends it" wait_for 120 has_ended socket
is_eq "$(cat socket.code)" "ended 0" "and is success"
true_that "it is told" shows socket "the guest has closed its console"
same_modes socket
leave
wait "$terminal"

run t server delete one
is_rc 0 "delete"
all_gone
done_testing
