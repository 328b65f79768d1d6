#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Volumes of real servers: NBD by UNIX socket, TCP and TLS, iSCSI with CHAP, LUKS. A guest writes to each
# and reads it back; a server that hangs, a wrong password.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
hosts_or_skip
needs qemu-nbd qemu-utils
needs nbdkit nbdkit
needs tgtd tgt
needs tgtadm tgt
needs openssl openssl
needs qemu-storage-daemon qemu-system-x86
guest_image
cd "$tmp" || exit 99
# A folder that the group of QEMU's user may read, where qemu.conf says that certificates are.
mkdir -m 711 "$rig/a" "$rig/a/etc" && mkdir -m 750 "$tmp/pki"
echo "nbd_tls_x509_cert_dir = \"$tmp/pki\"" > "$rig/a/etc/qemu.conf"
host_up a
setting vhostuser-blk "socket_directories = $rig/sock"
setting qemu-tcg "connection_uri = $(host_uri a)"
# Commands run in the host's namespaces, where the servers listen.
t () { host_run a "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q "$@"; }
# serve COMMAND...: a server of the host, which ends with it.
serve () { host_run a setpriv --pdeathsig KILL "$@" >> "$tmp/server" 2>&1 < /dev/null & }

# ---- servers ----

iqn=iqn.2026-11.org.example:t1
chap=11111111-aaaa-4333-8444-555555555555 wrong=22222222-aaaa-4333-8444-555555555555
luks=33333333-aaaa-4333-8444-555555555555
password=canary$RANDOM$RANDOM$RANDOM passphrase=bird$RANDOM$RANDOM$RANDOM
truncate -s 8M unix.raw iscsi.raw
mkdir -m 711 "$rig/sock"
serve qemu-nbd -t -e 4 -k "$rig/sock/one" -f raw -x disk1 "$tmp/unix.raw"
serve nbdkit -f -p 10810 memory 8M
true_that "qemu-nbd listens" wait_for 120 test -S "$rig/sock/one"
chmod 777 "$rig/sock/one"
serve tgtd -f --iscsi portal=127.0.0.1:3260
adm () { host_run a tgtadm --lld iscsi "$@"; }
true_that "tgtd answers" wait_for 120 adm --op show --mode target
{
  adm --op new --mode target --tid 1 -T $iqn
  adm --op new --mode logicalunit --tid 1 --lun 1 -b "$tmp/iscsi.raw"
  adm --op bind --mode target --tid 1 -I ALL
  adm --op new --mode account --user u1 --password "$password"
  adm --op bind --mode account --tid 1 --user u1
} > "$tmp/tgtadm" 2>&1 || bail "tgtadm: $(cat "$tmp/tgtadm")"
# secret UUID TYPE ELEMENT NAME VALUE
secret () {
  printf '%s' "<secret ephemeral='no' private='yes'><uuid>$1</uuid><usage type='$2'><$3>$4</$3></usage></secret>" > "$tmp/secret.xml"
  printf %s "$5" > "$tmp/value"
  { host_virsh a secret-define "$tmp/secret.xml" && host_virsh a secret-set-value "$1" --file "$tmp/value" --plain; } > "$tmp/virsh" 2>&1 \
    || bail "virsh: $(cat "$tmp/virsh")"
  rm "$tmp/value"
}
secret $chap iscsi target $iqn "$password"
secret $wrong iscsi target other wrongwrong12
secret $luks volume volume luks.raw "$passphrase"
printf %s "$passphrase" > lukspw
# It measures itself, and gives up where the machine is too busy for that.
make_luks () { qemu-img create -q -f luks --object secret,id=s,file=lukspw -o key-secret=s,iter-time=10 luks.raw 8M; }
wait_for 120 make_luks 2> "$tmp/luks" || bail "qemu-img: $(cat "$tmp/luks")"
rm lukspw

# certificates FOLDER: a CA, and keys of a server and of a client that it vouches for.
certificates () {
  local who
  [ -d "$1" ] || mkdir -m 750 "$1"
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$1/ca-key.pem" -out "$1/ca-cert.pem" -days 30 -subj "/CN=${1##*/}" -addext keyUsage=critical,keyCertSign
  printf '%s\n' subjectAltName=DNS:nbd.example.org extendedKeyUsage=serverAuth,clientAuth keyUsage=digitalSignature,keyEncipherment > "$1/ext"
  for who in server client; do
    openssl req -newkey rsa:2048 -nodes -keyout "$1/$who-key.pem" -out "$1/$who.csr" -subj /CN=nbd.example.org
    openssl x509 -req -in "$1/$who.csr" -CA "$1/ca-cert.pem" -CAkey "$1/ca-key.pem" -CAcreateserial -days 30 -out "$1/$who-cert.pem" -extfile "$1/ext"
  done
  host_run a chgrp -R libvirt-qemu "$1" && chmod 640 "$1"/*
}
{ certificates "$tmp/pki" && certificates "$tmp/strange"; } 2> "$tmp/openssl" || bail "openssl: $(cat "$tmp/openssl")"
# Who has no certificate of that CA is turned away.
tls () { serve qemu-nbd -t -e 4 -p "$1" -f raw -x disk1 --object "tls-creds-x509,id=t,dir=$2,endpoint=server,verify-peer=yes" --tls-creds t "$3"; }
truncate -s 8M tls.raw strange.raw
tls 10820 "$tmp/pki" "$tmp/tls.raw"
tls 10821 "$tmp/strange" "$tmp/strange.raw"
asks_for_tls () { host_run a qemu-img info "nbd://127.0.0.1:$1" 2>&1 | grep -q "TLS negotiation required"; }
true_that "a server asks for TLS" wait_for 120 asks_for_tls 10820
true_that "and so does one with certificates of another CA" wait_for 120 asks_for_tls 10821
[ "$failures" -eq 0 ] || bail "the servers: $(cat "$tmp/server")"

# ---- a guest with one of each ----

script try << 'END'
for disk in vdc vdd vde vdf vdg; do
  [ -e /dev/$disk ] || continue
  echo "guest: $disk had $(dd if=/dev/$disk bs=512 count=1 2> /dev/null | tr -d '\0')."
  echo "hello of $disk" > /run/block
  dd if=/run/block of=/dev/$disk bs=512 count=1 conv=sync 2> /dev/null
  sync
  echo "guest: $disk $(cat /sys/block/$disk/size) $(dd if=/dev/$disk bs=512 count=1 2> /dev/null | tr -d '\0')."
done
echo "guest: tried all in $(cat /proc/sys/kernel/random/boot_id)"
END
must t flavor create small --vcpus 1 --ram 192 --disk 0
must t image create linux --file "$image" --disk-format qcow2
target="iscsi:127.0.0.1:3260,target_iqn=$iqn,target_lun=1,auth_username=u1"
run t server create one --flavor small --image linux --volume "$(volume try)" --volume "nbd:$rig/sock/one,export=disk1" \
  --volume nbd:127.0.0.1:10810 --volume "$target,secret_uuid=$chap" --volume "path=$tmp/luks.raw,format=raw,luks=$luks" \
  --volume nbd:127.0.0.1:10820,export=disk1,tls=true,tls_hostname=nbd.example.org
made "a guest with volumes of NBD, of NBD over TLS, iSCSI and LUKS"
true_that "tries them" says one "guest: tried all"
for disk in vdc vdd vde vdf vdg; do
  true_that "and has written to $disk" said one "guest: $disk 16384 hello of $disk."
done
is_eq "$(head -c 12 unix.raw)" "hello of vdc" "which qemu-nbd has"
is_eq "$(head -c 12 iscsi.raw)" "hello of vde" "and tgtd"
is_eq "$(head -c 12 tls.raw)" "hello of vdg" "and the one that speaks TLS"
is_eq "$(grep -c 'hello of' luks.raw)" 0 "and LUKS has not in the clear"
run t server diff one
is_eq "$rc $out$err" "0 " "a plan of today would change nothing"
run t plan --flavor small --image linux --volume "nbd:$rig/sock/one,export=disk1"
is_rc 4 "it is the server's alone"
has "$err" "is in use by server \"one\"" "in words"
for verb in "extend volume one vdf --size 1" "swap volume one vdf path=$tmp/iscsi.raw,format=raw" "snapshot volume one vdf $tmp/over.qcow2"; do
  # shellcheck disable=SC2086
  run t server $verb
  is_rc 4 "an encrypted volume: ${verb%% *}"
  has "$err" "volume 'vdf' of server \"one\" is encrypted" "is refused in words"
done
run t server remove volume one vdd
is_eq "$rc $err" "0 " "it is detached"
run t server add volume one nbd:127.0.0.1:10810
is_eq "$rc $err" "0 " "and attached"
# boots_anew SERVER ID: it has tried all in another boot than that. Who keeps the log may keep what an earlier one said.
boots_anew () { says "$1" "guest: tried all" && [ "$(tells "$1" tried all in)" != "$2" ]; }
boot=$(tells one tried all in)
run t server reboot --hard one
is_eq "$rc $err" "0 " "a hard reboot connects all"
true_that "the guest goes on" wait_for 600 boots_anew one "$boot"
true_that "with what it has written" said one "guest: vdf had hello of vdf."

# ---- what does not answer ----

# No one accepts there; the name of the file is by what this server is known among all.
serve nbdkit -f -p 10811 -P "$tmp/dead" memory 8M
true_that "another server answers" wait_for 120 host_run a qemu-img info nbd://127.0.0.1:10811
dead=$(pgrep -f "[n]bdkit -f -p 10811 -P $tmp/dead" | tail -n 1)
kill -STOP "$dead"
run t server add volume one nbd:127.0.0.1:10811
is_eq "$rc $err" "1 error VolumeUnreachable nbd: the server of volume \"127.0.0.1:10811\" does not answer within 20 seconds
  see whether it is at work there, and whether a firewall is between" "a server that hangs is told of within the deadline"
is_eq "$(power one)" RUNNING "the guest runs on"
# nsenter stops with its child, and goes on only when it is told.
for pid in $(pgrep -f "[n]bdkit -f -p 10811 -P $tmp/dead"); do kill -CONT "$pid"; done
run t server add volume one nbd:127.0.0.1:10812
is_eq "$rc $err" "1 error VolumeUnreachable nbd: the server of volume \"127.0.0.1:10812\" does not serve it: Failed to connect to '127.0.0.1:10812': Connection refused
  see whether it is at work there, and has the volume by this name" "nor is one that is not there"
run t server add volume one "nbd:$tmp/luks.raw"
is_eq "$rc $err" "1 error VolumeUnreachable nbd: no server of a volume listens at \"$tmp/luks.raw\": no UNIX socket
  start what serves the volume, or give the path at which it listens" "nor what is no socket"
run t server add volume one "nbd:$rig/sock/none"
is_eq "$rc $err" "1 error VolumeUnreachable nbd: no server of a volume listens at \"$rig/sock/none\": No such file or directory
  start what serves the volume, or give the path at which it listens" "nor where nothing is"

# ---- TLS ----

tls_code () {
  run t server add volume one "nbd:127.0.0.1:$1,export=disk2,tls=true,tls_hostname=$2"
  is_rc 1 "$3"
  has "$err" "error VolumeAttachFailed" "with its code"
  has "$err" "$4" "and why"
}
tls_code 10821 nbd.example.org "a server whose certificate is of another CA is refused" "certificate"
tls_code 10820 other.example.org "and one whose certificate has another name" "Certificate does not match the hostname other.example.org"
tls_code 10810 nbd.example.org "and one that speaks no TLS" "starttls"
run t server add volume one nbd:127.0.0.1:10820,export=disk2
is_eq "$rc $err" "1 error VolumeUnreachable nbd: the server of volume \"127.0.0.1:10820\" does not serve it: TLS negotiation required before option 7 (go)
  say that it speaks TLS: data.tls true, or --volume nbd:...,tls=true" "a volume without TLS where the server asks for it"
is_eq "$(power one)" RUNNING "the guest runs on"

# ---- who asks for a password ----

run t server remove volume one vde
is_eq "$rc $err" "0 " "the target is free"
run t server add volume one "$target,secret_uuid=$wrong"
is_rc 1 "a wrong password is refused"
has "$err" "error VolumeAttachFailed" "with its code"
has "$err" "uthentication" "and why"
is_eq "$(power one)" RUNNING "the guest runs on"
run t server add volume one "$target,secret_uuid=$chap"
is_eq "$rc $err" "0 " "the right one is taken"

# ---- short forms that say nothing ----

while IFS='|' read -r spec message; do
  run t plan --flavor small --image linux --volume "$spec"
  has "$rc $err" "$message" "refused: $spec"
done << END
nbb:x|4 error VolumeDriverNotFound core: --volume "nbb:x": nobody answers for volumes of that type; accepted: path=FILE,format=FORMAT iscsi:target_portal nbd:server vhostuser:socket
rbd:p/v|4 error VolumeDriverNotFound core: --volume "rbd:p/v": volumes of that type are given in a request alone; accepted: path=FILE,format=FORMAT iscsi:target_portal nbd:server vhostuser:socket
nbd:h,exprt=x|2 error Usage core: "exprt" in --volume "nbd:h,exprt=x"; accepted: export=, tls=, tls_hostname=, bus=, boot_index=, tag=, luks=, device=, serial=, access_mode=, multiattach=, discard=
nbd:h,multiattach=maybe|2 error Usage core: "multiattach=maybe" in --volume "nbd:h,multiattach=maybe"; accepted: yes, no
END
has "$(t plan --flavor small --image linux --volume nbb:x 2>&1)" "
  did you mean 'nbd'?" "the hint says what is nearest"

# ---- a process that serves a disk from the guest's memory ----

truncate -s 8M served.raw
serve_disk () {
  serve qemu-storage-daemon --blockdev "driver=file,node-name=f,filename=$tmp/served.raw" \
    --export "type=vhost-user-blk,id=e,node-name=f,addr.type=unix,addr.path=$rig/sock/served,writable=on"
  true_that "qemu-storage-daemon listens" wait_for 120 test -S "$rig/sock/served"
  chmod 777 "$rig/sock/served"
}
serve_disk
cp "$tmp/try.disk" "$tmp/again.disk"
run t server add volume one "vhostuser:$rig/sock/served"
is_rc 3 "a guest whose memory is its own gets no such disk later"
has "$err" "error GuestWouldChange core: add volume of server \"one\" would change more than the device: '/domain/memoryBacking'" "and why"
run t server create served --flavor small --image linux --volume "$(volume again)" --volume "vhostuser:$rig/sock/none"
has "$rc $err" "1 error VolumeUnreachable vhostuser-blk: no server of a volume listens at \"$rig/sock/none\": No such file or directory
  start what serves the volume, or give the path at which it listens" "a socket that is not there is told"
run t server delete served
run t server create served --flavor small --image linux --volume "$(volume again)" --volume "vhostuser:$rig/sock/served"
made "a guest with a disk of vhost-user"
true_that "tries it" says served "guest: tried all"
true_that "and has written to it" said served "guest: vdc 16384 hello of vdc."
is_eq "$(head -c 12 served.raw)" "hello of vdc" "which the daemon has"
run t server diff served
is_eq "$rc $out$err" "0 " "a plan of today would change nothing"
run t plan --flavor small --image linux --volume "vhostuser:$rig/sock/served"
is_rc 4 "it is the server's alone"
has "$err" "is in use by server \"served\"" "in words"
run t server extend volume served vdc --size 1
is_rc 4 "it is not extended"
run t server swap volume served vdc "path=$tmp/iscsi.raw,format=raw"
is_rc 4 "nor swapped"
run t server show served
is_rc 0 "the server is shown"
boot=$(tells served tried all in)
run t server stop served --timeout 0
is_rc 0 "stop"
daemons () { pgrep -f "[q]emu-storage-daemon .*$rig/sock/served"; }
for pid in $(daemons); do kill "$pid"; done
no_daemon () { ! daemons > /dev/null; }
true_that "the daemon is gone" wait_for 120 no_daemon
rm -f "$rig/sock/served"
run t server start served
is_eq "$rc $err" "1 error VolumeUnreachable vhostuser-blk: no server of a volume listens at \"$rig/sock/served\": No such file or directory
  start what serves the volume, or give the path at which it listens" "a start without it is refused"
serve_disk
run t server start served
is_eq "$rc $err" "0 " "with it the guest is started"
true_that "it boots" wait_for 600 boots_anew served "$boot"
true_that "and finds what it has written" said served "guest: vdc had hello of vdc."
run t server delete served
is_eq "$rc $err" "0 " "delete"

# ---- nothing leaks, nothing is left ----

cat > "$tmp/canaries" << END
$password
$passphrase
$(printf %s "$password" | base64)
$(printf %s "$passphrase" | base64)
END
has "$(host_run a pgrep -af '[q]emu-system')" '"keyid":"masterKey0"' "QEMU is given its secrets in cipher"
# What a process was started with, and the environment that it has.
is_eq "$(cat /proc/[0-9]*/{cmdline,environ} 2> /dev/null | tr '\0' '\n' | grep -cFf "$tmp/canaries")" 0 "no process has a password among its arguments"
is_eq "$(host_virsh a dumpxml "$(host_virsh a list --name | head -n 1)" --security-info | grep -cFf "$tmp/canaries")" 0 "nor the document of libvirt's"
is_eq "$(grep -rlaFf "$tmp/canaries" "$state" "$config" "$rig/a/log" "$tmp/server" 2> /dev/null)" "" "no record, document or log has one"
run t server delete one
is_eq "$rc $err" "0 " "delete"
is_eq "$(host_virsh a secret-list | grep -c -e $chap -e $wrong -e $luks)" 3 "the secrets are the user's, and stay"
is_eq "$(adm --op show --mode conn --tid 1 | grep -c Session)" 0 "no session is left"
[ "$failures" -eq 0 ] || host_log a
all_gone
done_testing
