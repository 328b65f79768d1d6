#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# server vnc --web: the page on loopback, the token that one viewer uses up, websockify as nobody,
# and that nothing is left whatever ends it.  The display is one of the test's; where guests can be
# started, that of a QEMU, too.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs jq jq
needs python3 python3
needs websockify websockify
[ -e /usr/share/novnc/vnc.html ] || skip_all "noVNC is missing (Debian: novnc)"
cd "$tmp" || exit 99

f () { vl --driver fake "$@"; }
viewer () { python3 "$top_srcdir/tests/vnc-viewer.py" "$@"; }
page='' display=''
tcp=()
cleanup_processes () { kill -KILL $page $display $looking "${tcp[@]}" 2> /dev/null; }
looking=''
CLEANUPS=cleanup_processes

f flavor create m1 --vcpus 1 --ram 64 --disk 1 > /dev/null
truncate -s 1M disk.raw
f image create img --file disk.raw --disk-format raw > /dev/null
f server create one --flavor m1 --image img > /dev/null || bail "no server"
run f server url one -c socket -o value
socket=$out
mkdir -p "${socket%/*}"
(cd "${socket%/*}" && exec python3 "$top_srcdir/tests/vnc-viewer.py" display "${socket##*/}") > display.out 2>&1 &
display=$!
true_that "a display is there" wait_for 120 grep -q listens display.out

# show DRIVER ARGUMENT...: the command in the background; its address is in $url, its websockify in
# $proxy, its folder in $folder.
has_address () { grep -qE '^(\{"url":")?http://127\.0\.0\.1:[0-9]+/' page.out; }
is_there () { has_address || ! kill -0 "$page" 2> /dev/null; }
# The leader of its group is the child of the child that works.
proxies () { pgrep -g "$1" 2> /dev/null; }
find_proxy () {
  local child
  child=$(descendants "$page" | while read -r pid; do tr '\0' ' ' < "/proc/$pid/cmdline" 2> /dev/null | grep -q websockify && echo "$pid"; done | head -n 1)
  [ -n "$child" ] && proxy=$child
}
descendants () {
  local pid
  for pid in $(pgrep -P "$1"); do
    echo "$pid"
    descendants "$pid"
  done
}
show () {
  local driver=$1
  shift
  rm -f page.out page.err
  # A command of a background has SIGINT ignored, a terminal's has not.
  env --default-signal=INT "$VL_RUN" virtloom --config "$config" --state "$state" --driver "$driver" server vnc one --web "$@" \
    > page.out 2> page.err &
  page=$!
  wait_for 300 is_there
  url=$(grep -oE 'http://[^"]*' page.out)
  token=${url##*3D}
  proxy=''
  true_that "websockify is there" wait_for 120 find_proxy
  folder=$(readlink "/proc/$proxy/fd/3")
}
# ended CODE WHAT: so it ends, and leaves nothing.
has_ended () { ! kill -0 "$page" 2> /dev/null; }
no_proxy () { [ -z "$(proxies "$proxy")" ]; }
ended () {
  true_that "$2: it ends" wait_for 120 has_ended
  wait "$page"
  is_eq "$? $(grep -v '^warning LastSeen ' page.err)" "$1" "$2"
  true_that "$2: no process is left" wait_for 120 no_proxy
  true_that "$2: no folder is left" [ ! -e "$folder" ]
}
lines () { [ "$(wc -l < "$1")" -ge "$2" ]; }
# look: a viewer in the background, which has heard the display.
look () {
  rm -f keys view.out
  mkfifo keys
  viewer view "$@" < keys > view.out 2>&1 &
  looking=$!
  exec 7> keys
  true_that "a viewer has heard the display" wait_for 120 lines view.out 2
}
leave () { exec 7>&-; wait "$looking"; looking=''; }

# ---- what is refused ----

run f server vnc one
is_eq "$rc $err" "2 error Usage core: 'server vnc' needs --web
  in a browser: --web; its address for a viewer of your own: virtloom server url SERVER --type vnc" "without --web"
run f server vnc none --web
is_rc 5 "a server that is not there"
run f server vnc one --web --timeout soon
is_rc 2 "a timeout that is none"
f server create off --flavor m1 --image img > /dev/null
f server stop off > /dev/null
run f server vnc off --web
is_eq "$rc $err" "3 error InstanceInvalidState core: server \"off\" is SHUTOFF; console is for servers that are ACTIVE, PAUSED, RESCUE, VERIFY_RESIZE, ERROR
  virtloom server start off" "a server that is off"
setting graphics 'spice_enabled = yes' 'vnc_enabled = no'
f server create spice --flavor m1 --image img > /dev/null
run f server vnc spice --web
is_eq "$rc $err" "4 error ConsoleTypeUnavailable fake: guest '$(f server show spice -o json | jq -r .uuid)' has no console of type vnc
  virtloom server show $(f server show spice -o json | jq -r .uuid) has its displays and its console" "a server with SPICE alone"
rm "$config/plugins.d/graphics.conf"

if can_mount; then
  # shellcheck disable=SC2016 # for the shell inside
  run inside 'f () { vl --driver fake "$@"; }; mount -t tmpfs none /usr/share/novnc; f server vnc one --web'
  is_eq "$rc $err" "4 error ToolMissing core: the page \"/usr/share/novnc/vnc.html\" is not installed
  apt-get install novnc websockify" "without noVNC"
  run inside 'mount --bind /dev/null /usr/bin/websockify; f server vnc one --web'
  is_eq "$rc $err" "4 error ToolMissing core: the program \"/usr/bin/websockify\" is not installed
  apt-get install novnc websockify" "without websockify"
  printf '#!/bin/sh\necho begins >&2\necho "there is no Python" >&2\nexit 1\n' > broken
  chmod 755 broken
  run inside "mount --bind $tmp/broken /usr/bin/websockify; f server vnc one --web"
  is_eq "$rc $err" "1 error Failed core: websockify, which shows the page of server \"one\", has ended: there is no Python" "one that ends"
else
  skip "programs cannot be hidden here: no mount namespace"
fi

run f server vnc one --web --timeout 1
is_eq "$rc $err" "1 error WaitTimeout core: nobody has opened the page of server \"one\" in time
  say it again for a new address; without --timeout it waits until it is opened" "a page that nobody opens, with --timeout"
run f server vnc one --web -o json --timeout 1
is_eq "$rc $(wc -l <<< "$out") $(jq -r '.url | sub ("[0-9a-f]{32}$"; "TOKEN") | sub (":[0-9]+/"; ":PORT/")' <<< "$out")" \
  "1 1 http://127.0.0.1:PORT/vnc.html?autoconnect=1&path=websockify%3Ftoken%3DTOKEN" "its address in JSON"

# ---- where its address goes ----

run sh -c '"$@" > /dev/full' sh "$VL_RUN" virtloom --config "$config" --state "$state" --driver fake server vnc one --web --timeout 100
is_eq "$rc $err" "1 error Failed core: the page of server \"one\" cannot be shown: its address: No space left on device" "an address that cannot be written: nobody waits for a viewer"
run sh -c '"$@" >&-' sh "$VL_RUN" virtloom --config "$config" --state "$state" --driver fake server vnc one --web --timeout 100
is_eq "$rc $err" "1 error Failed core: the page of server \"one\" cannot be shown: its address: Bad file descriptor" "nor one that goes nowhere"
# Nobody reads: the other end is closed before the command begins.
mkfifo unread
exec 8<> unread 9> unread 8>&-
run sh -c '"$@" >&9' sh "$VL_RUN" virtloom --config "$config" --state "$state" --driver fake server vnc one --web --timeout 100
exec 9>&-
is_eq "$rc $err" "1 error Failed core: the page of server \"one\" cannot be shown: its address: Broken pipe" "nor one that nobody reads"
if can_mount; then
  # shellcheck disable=SC2016 # for the shell inside
  run inside 'mount -t tmpfs none /run; rm -f unread; mkfifo unread; exec 8<> unread 9> unread 8>&-
    for fd in 9 8; do vl --driver fake server vnc one --web --timeout 100 >&$fd; done 2> /dev/null 8> /dev/full; ls -A /run/virtloom'
  is_eq "$rc $out" "0 " "no folder is left"
else
  skip "no mount namespace here"
fi

# ---- one viewer ----

show fake
has "$url" "/vnc.html?autoconnect=1&path=websockify%3Ftoken%3D" "it says the address"
true_that "which has a token of 128 bits" grep -qxE '[0-9a-f]{32}' <<< "$token"
if [ "$(id -u)" = 0 ]; then
  is_eq "$(awk '/^(Uid|Gid|Groups|CapEff|CapPrm|CapBnd_|NoNewPrivs):/ { $1 = $1; print }' "/proc/$proxy/status")" "Uid: 65534 65534 65534 65534
Gid: 65534 65534 65534 65534
Groups:
CapPrm: 0000000000000000
CapEff: 0000000000000000
NoNewPrivs: 1" "websockify is nobody, and stays so"
  is_eq "$(stat -c '%a %U' "$folder") $(stat -c '%a %u' "$folder/$token")" "711 root 600 65534" "its socket is nobody else's, in a folder that nobody lists"
else
  is_eq "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$proxy/status")" 1 "websockify gets no new privileges"
fi
is_eq "$(cd "/proc/$proxy/fd" && printf '%s\n' * | sort -n | head -n 4 | tr '\n' ' ')" "0 1 2 3 " "it has what it needs of our descriptors"
is_eq "$(readlink "/proc/$proxy/fd/1")" /dev/null "and says nothing on our stdout"
is_eq "$(tr '\0' '\n' < "/proc/$proxy/environ" | sed 's/=.*//' | sort | tr '\n' ' ')" "HOME LANG PATH PYTHONDONTWRITEBYTECODE " "nor has it our environment"
is_eq "$(grep -c "$token" /proc/net/unix)" 0 "the token is not in the kernel's list of sockets"
is_eq "$(cat "/proc/$proxy/cmdline" "/proc/$page/cmdline" | grep -ac "$token")" 0 "nor in a command line"
is_eq "$(grep -c begin display.out)" 0 "the display was not spoken to yet"
is_eq "$(viewer get "$url")" "200 True" "the page is noVNC"
run viewer view "$url" 00000000000000000000000000000000
is_eq "$rc $out" "1 nothing" "another token opens nothing"
run viewer view "$url" ../fd/0
is_eq "$rc $out" "1 nothing" "nor does a path"
is_eq "$(grep -c begin display.out)" 0 "the display was not spoken to"
look "$url"
is_eq "$(cat view.out)" "RFB 003.008
$(printf 'RFB 003.008\n' | od -An -tx1 | tr -d ' \n')" "the viewer speaks with the display, both ways"
true_that "the token is gone" [ ! -e "$folder/$token" ]
run viewer view "$url"
is_eq "$rc $out" "1 nothing" "a second one gets nothing"
is_eq "$(grep -c begin display.out)" 1 "the display has had one connection"
leave
ended "0 " "the viewer closes"
true_that "the display's connection is closed" wait_for 120 grep -q end display.out
true_that "no token is on record" sh -c "! grep -raqF '$token' '$state'"

# ---- how many there may be ----

# Whoever reaches loopback can open connections, each of which is a process.
show fake
port=${url#http://127.0.0.1:} port=${port%%/*}
python3 - "$port" "$tmp/many" << 'END' &
import socket, sys, time
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(60)]
for each in held[32:]:
    each.settimeout(300)
    try: each.recv(1)
    except ConnectionResetError: pass
open(sys.argv[2], "w").write("closed")
time.sleep(600)
END
many=$!
tcp+=("$many")
true_that "of sixty connections those that are too many are closed" wait_for 300 [ -s "$tmp/many" ]
most=$(proxies "$proxy" | wc -l)
true_that "the page has $most processes, 33 at most" [ "$most" -le 33 ]
true_that "more than a browser's six" [ "$most" -gt 6 ]
kill_job "$many"
few () { [ "$(proxies "$proxy" | wc -l)" -le 6 ]; }
true_that "which end with their connections" wait_for 120 few
look "$url"
is_eq "$(head -n 1 view.out)" "RFB 003.008" "then a viewer comes in"
leave
ended "0 " "it ends"

# ---- other ends ----

show fake
kill -INT "$page"
ended "0 " "^C while nobody is there"

show fake -o json
look "$url"
kill -TERM "$page"
ended "0 " "SIGTERM while a viewer is there"
true_that "the viewer is told" wait_for 120 grep -q closed view.out
leave

show fake
look "$url"
kill -KILL "$proxy"
ended "1 error Failed core: websockify, which shows the page of server \"one\", was ended by signal 9" "websockify is killed"
leave

show fake
kill -KILL "$page"
true_that "killed: websockify ends with it" wait_for 120 no_proxy
gone () { [ ! -e "$folder" ]; }
true_that "killed: so does the folder" wait_for 120 gone
wait "$page" 2> /dev/null

show fake
look "$url"
kill -KILL "$display"
ended "0 " "the display ends"
leave
show fake
run viewer view "$url"
is_eq "$rc $out" "1 nothing" "a display that is gone shows nothing"
ended "8 error ConsoleNotAvailable core: the display of server \"one\" cannot be reached at unix:$socket: Connection refused" "it is told"

# ---- a display that has a port ----

tcp_display () { # WORD: its port is in $port
  python3 "$top_srcdir/tests/vnc-viewer.py" display tcp "$1" > "$1.out" 2>&1 &
  tcp+=($!)
  true_that "a display $1 is there" wait_for 120 grep -q listens "$1.out"
  port=$(sed -n 's/^listens //p' "$1.out")
}
# Which port it has is said by the hypervisor; here it is the test that does.
guest=$state/fake/guests/$(f server show one -o json | jq -r .uuid)
at_port () { sed -i -E "s|<graphics type=['\"]vnc['\"].*|<graphics type='vnc' port='$1' listen='127.0.0.1'/>|" "$guest"; }
tcp_display theirs; theirs=$port
tcp_display ours
grep -A 1 '<graphics' "$guest" | grep -q '<listen' && sed -i '/<listen type=.socket/d; /<\/graphics>/d' "$guest"
at_port "$theirs"
is_eq "$(f server url one -o value -c port)" "$theirs" "a display by TCP"
show fake
at_port "$port"
look "$url"
is_eq "$(head -n 1 view.out) $(grep -c begin theirs.out)" "ours 0" "its port is asked for when the viewer comes: another guest may have that of before"
leave
ended "0 " "it ends"
show fake
f server stop one > /dev/null
run viewer view "$url"
is_eq "$rc $out" "1 nothing" "a guest that is off by then shows nothing"
ended "3 error InstanceInvalidState core: server \"one\" is SHUTOFF; console is for servers that are ACTIVE, PAUSED, RESCUE, VERIFY_RESIZE, ERROR
  virtloom server start one" "it is told, too"
done_testing
