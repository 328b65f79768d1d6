#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# qemu-tcg and the connections of libvirt: which are taken and why others are not; secrets
# where no libvirt keeps them; what libvirt's own driver asks of the process.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
needs qemu-img qemu-utils
accepted='accepted: qemu:///embed, qemu:///system, qemu:///session, qemu+unix:///system?socket=PATH, qemu+unix:///session?socket=PATH; set it in plugins.d/qemu-tcg.conf'
host=generic-x86_64
calls () { "$top_builddir/tests/driver-calls" "$config" "$state" "$@"; }

# ---- which connections ----

truncate -s 1M "$tmp/empty.img"
must t flavor create f --vcpus 1 --ram 64 --disk 0
must t image create i --file "$tmp/empty.img" --disk-format raw
refused () {
  setting qemu-tcg "connection_uri = $1"
  run t --host "$host" plan --flavor f --image i
  is_rc 4 "$1 is refused"
  is "$err" "error InvalidConfiguration qemu-tcg: connection_uri '$1' $2
  $accepted" "in words"
}
here='disks are made and judged on this one'
refused xen:///system "is of libvirt's driver 'xen'; this one runs QEMU"
refused test:///default "is of libvirt's driver 'test'; this one runs QEMU"
refused qemu+ssh://root@elsewhere/system "is reached through 'ssh', as other machines are; $here"
refused qemu+tls:///system "is reached through 'tls', as other machines are; $here"
refused qemu://elsewhere/system "is of another machine ('elsewhere'); $here"
refused qemu+unix://elsewhere/system "is of another machine ('elsewhere'); $here"
secret () { # URI SHOWN TEXT: the same, and the password is nowhere.
  local findings
  setting qemu-tcg "connection_uri = $1"
  run t --host "$host" plan --flavor f --image i
  is "$rc $err" "4 error InvalidConfiguration qemu-tcg: connection_uri '$2' $3
  $accepted" "$2: in words"
  findings=$({ t --host "$host" plan --flavor f --image i -o json; t config show; t config show -o json; t config delta
    t driver show qemu-tcg -o json; t config check; t host show; } 2>&1)
  lacks "$findings" SECRET "and no command shows the password"
  has "$findings" "$2" "but who is asked"
}
secret qemu+ssh://u:SECRET@elsewhere/system 'qemu+ssh://u:***@elsewhere/system' "is reached through 'ssh', as other machines are; $here"
secret qemu://u:SECRET@elsewhere/system 'qemu://u:***@elsewhere/system' "is of another machine ('elsewhere'); $here"
secret qemu://u:SEC@SECRET@elsewhere/system 'qemu://u:***@elsewhere/system' "is of another machine ('elsewhere'); $here"
secret qemu+tcp://:SECRET@/system 'qemu+tcp://:***@/system' "is reached through 'tcp', as other machines are; $here"
secret "qemu://u:$(printf 'SECRET%.0s' {1..20})@elsewhere/system" 'qemu://u:***@elsewhere/system' "is of another machine ('elsewhere'); $here"
refused 'qemu:///embed?root=/srv' "ends with '?root=/srv', which is not accepted"
refused 'qemu:///system?socket=/run/x' "ends with '?socket=/run/x', which is not accepted"
refused 'qemu+unix:///system?mode=direct' "ends with '?mode=direct', which is not accepted"
refused 'qemu+unix:///system?socket=run/x' "names the socket 'run/x', which is not an absolute path of letters, digits and /-._~"
refused 'qemu+unix:///embed' "has the path '/embed', which QEMU's driver does not have"
refused qemu:///other "has the path '/other', which QEMU's driver does not have"
refused qemu "is no URI of libvirt's"
long=/$(printf 'x%.0s' {1..120})
refused "qemu+unix:///system?socket=$long" "names a socket of 121 bytes; a UNIX socket has at most 107"
for uri in qemu+tcp://user:s3cret@elsewhere/system qemu://user:s3cret@elsewhere/system; do
  setting qemu-tcg "connection_uri = $uri"
  run t --host "$host" plan --flavor f --image i
  is_rc 4 "a password in a URI"
  has "$err" "connection_uri '${uri/s3cret/***}' is " "is not shown"
  lacks "$err" s3cret "nowhere"
done
for uri in qemu:///embed qemu:///system qemu:///session 'qemu+unix:///system?socket=/nowhere/sock'; do
  setting qemu-tcg "connection_uri = $uri"
  run t --host "$host" plan --flavor f --image i
  is "$rc $err" "0 " "$uri is taken"
done

printf '[plugin]\nenabled = no\n' > "$config/plugins.d/libvirt-kvm.conf"
chmod go-w "$config/plugins.d/libvirt-kvm.conf"
run vl host show
has "$err" "qemu-tcg: no libvirt daemon listens at '/nowhere/sock' for connection_uri 'qemu+unix:///system?socket=/nowhere/sock'" "auto says why it passes the driver by"
run t host show
is_rc 8 "a daemon that does not listen is exit 8"
has "$err" "cannot connect to libvirt at 'qemu+unix:///system?socket=/nowhere/sock'" "with the connection"

# ---- secrets where no libvirt keeps them ----

secret=11111111-2222-4333-8444-555555555555
run calls fake secret-put $secret vtpm use <<< canary-in-fake
is "$rc $out" "0 0" "fake keeps that there is a secret"
run calls fake secret-put $secret vtpm use <<< other
is "$out" 1 "and that it was there"
run calls fake secret-put $secret ceph use <<< other
is "$rc $err" "1 SecretExists fake: secret '$secret' is kept already for another use ('vtpm use'); it is left as it is" "for one use"
run calls fake secret-has $secret
is "$out" 1 "it has it"
is "$(grep -rlF canary-in-fake "$state")" "" "but never the bytes"
run calls fake secret-drop $secret
run calls fake secret-has $secret
is "$out" 0 "and no more once it was dropped"
run calls fake secret-drop $secret
is_rc 0 "dropping what is not there is success"
run calls fake secret-put ../x vtpm use <<< x
is "$err" "Usage fake: '../x' is not a uuid" "a uuid is a uuid"

# ---- the process belongs to the application ----

rm -f "$config/plugins.d/qemu-tcg.conf"
if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && ! getent passwd libvirt-qemu > /dev/null; then
  skip "libvirt does not run as root without the user libvirt-qemu (Debian: libvirt-daemon-system)"
elif [ ${#state} -gt 49 ]; then
  skip "the temporary folder's name is too long for sockets of guests"
else
  run calls qemu-tcg process
  is "$out" "LIBVIRT_DEBUG=4
XDG_CACHE_HOME=$state/libvirt/cache
LIBVIRT_LOG_OUTPUTS=3:file:$state/libvirt/libvirt.log
1" "libvirt's own driver asks for its log, and for an end by _exit"
  run calls qemu-tcg exit
  has "$out" "opened, umask 123, same environment" "where nobody sees to it nothing is changed"
  has "$out" "handler" "and the application's own handler of exit () is called"
  run calls qemu-tcg secret-put $secret vtpm use <<< x
  is "$rc $err" "4 Unsupported qemu-tcg: libvirt's embedded driver starts no guest that needs a libvirt secret
  set connection_uri = qemu:///system in plugins.d/qemu-tcg.conf" \
    "the embedded driver takes no secret"
  run calls qemu-tcg secret-has $secret
  is "$rc $out" "0 0" "so it has none"
  run calls qemu-tcg secret-drop $secret
  is_rc 0 "and none to drop"
  is "$(t host show -o json | grep -o '"libvirt.secrets": [a-z]*')" '"libvirt.secrets": false' "which its facts say"
fi

done_testing
