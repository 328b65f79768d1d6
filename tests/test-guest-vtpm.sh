#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A real guest with a TPM on a private libvirtd: its state is encrypted with a secret that
# the feature makes and the driver keeps, survives stop, start and hard reboot, and is lost
# with the server.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
hosts_or_skip
needs swtpm swtpm
needs swtpm_setup swtpm-tools
guest_image
host_up a
setting qemu-tcg "connection_uri = $(host_uri a)"
secret=11111111-2222-4333-8444-555555555555
calls () { "$top_builddir/tests/driver-calls" "$config" "$state" qemu-tcg "$@"; }

printf '%s\n' '[plugin]' 'kind = feature' 'module = tpm.so' 'keys = tpm:secret' > "$config/plugins.d/tpm.conf"
chmod go-w "$config/plugins.d/tpm.conf"
must t flavor create f --vcpus 1 --ram 256 --disk 1 --property tpm:secret=$secret
must t image create linux --file "$image" --disk-format qcow2

# The guest keeps eight bytes in its TPM, by commands of TPM 2.0's library specification:
# NV_DefineSpace, NV_Write and NV_Read of index 0x01800001, with the owner's empty password.
script keep << 'END'
owner='\x40\x00\x00\x01' index='\x01\x80\x00\x01' password='\x00\x00\x00\x09\x40\x00\x00\x09\x00\x00\x00\x00\x00'
# tpm BYTES: the answer in hexadecimal digits.
tpm () {
  exec 3<> /dev/tpm0
  printf "$1" > /run/command
  dd if=/run/command bs=4096 count=1 2> /dev/null >&3
  dd bs=4096 count=1 <&3 2> /dev/null | hexdump -v -e '1/1 "%02x"'
  exec 3>&-
}
read_it () { tpm "\x80\x02\x00\x00\x00\x23\x00\x00\x01\x4e$owner$index$password\x00\x08\x00\x00"; }
answer=$(read_it)
case $answer in
  *5649525455414c21*) echo "guest: tpm kept it" ;;
  8002????????00000000*) echo "guest: tpm has something else: $answer" ;;
  *)
    echo "guest: tpm empty $answer"
    define=$(tpm "\x80\x02\x00\x00\x00\x2d\x00\x00\x01\x2a$owner$password\x00\x00\x00\x0e$index\x00\x0b\x02\x06\x00\x06\x00\x00\x00\x08")
    write=$(tpm "\x80\x02\x00\x00\x00\x2b\x00\x00\x01\x37$owner$index$password\x00\x08VIRTUAL!\x00\x00")
    answer=$(read_it)
    case $answer in
      *5649525455414c21*) echo "guest: tpm took it" ;;
      *) echo "guest: tpm failed $define $write $answer" ;;
    esac
    ;;
esac
END

# ---- the secret ----

run t server create early --flavor f --image linux --volume "$(volume keep)"
is_rc 1 "a guest whose secret is not there yet is not made"
has "$err" "no secret with matching uuid '$secret'" "libvirt says why"
run calls secret-has $secret
is "$rc $out" "0 0" "there is no such secret"
key=canary-$(od -An -N8 -tx8 /dev/urandom | tr -d ' ')
out=$(printf %s "$key" | calls secret-put $secret vtpm vtpm-test 2> "$tmp/err")
is "$out" 0 "a secret is kept"
run calls secret-has $secret
is "$out" 1 "it is there"
out=$(printf other | calls secret-put $secret vtpm vtpm-test)
is "$out" 1 "one that is there is left as it is, and that is told"
run calls secret-put $secret ceph vtpm-test <<< x
is_rc 1 "not for another use"
is "$err" "SecretExists qemu-tcg: libvirt keeps secret '$secret' already for another use ('vtpm-test'); it is left as it is" "in words"
host_virsh a secret-dumpxml $secret > "$tmp/secret.xml"
has "$(cat "$tmp/secret.xml")" "<secret ephemeral='no' private='yes'>" "it is persistent and private"
has "$(cat "$tmp/secret.xml")" "a &lt;test&gt; &amp; nothing else" "its description is text"
run host_virsh a secret-get-value $secret
is_rc 1 "no client reads it"
# What a command left half made when it was killed: a secret without a value.
half=99999999-2222-4333-8444-555555555555
cat > "$tmp/half.xml" << END
<secret ephemeral='no' private='no'><uuid>$half</uuid><usage type='vtpm'><name>half</name></usage></secret>
END
host_virsh a secret-define "$tmp/half.xml" > "$tmp/virsh" 2>&1
run calls secret-has $half
is "$out" 0 "a secret without a value is none"
out=$(printf %s "$key" | calls secret-put $half vtpm half)
is "$out" 0 "and gets one"
has "$(host_virsh a secret-dumpxml $half)" "private='yes'" "and is private then"
run calls secret-drop $half
is_rc 0 "a secret is dropped"
run calls secret-drop $half
is_rc 0 "dropping it again is success"
run t server create early --flavor f --image linux --volume "$(volume keep)"
made "with its secret it is made"
must t server delete early
run calls secret-has $secret
is "$out" 1 "the secret is not the driver's to take away"
run calls secret-drop $secret
is_rc 0 "who put it drops it"

# ---- the feature ----

setting vtpm 'swtpm_enabled = yes'
must t flavor create v --vcpus 1 --ram 256 --disk 1 --property hw:tpm_version=2.0 --property hw:tpm_model=tpm-crb
# Every argument of every program while the guest is made.
watch_arguments () { while [ -e "$tmp/watching" ]; do cat /proc/[0-9]*/cmdline 2> /dev/null; sleep 0.02; done > "$tmp/arguments"; }
touch "$tmp/watching"
watch_arguments &
watcher=$!
run t server create one --flavor v --image linux --volume "$(volume keep)"
made "a guest with a TPM"
rm "$tmp/watching"
wait "$watcher"
uuid=$(field one uuid)
run calls secret-has "$uuid"
is "$out" 1 "its secret was made before it started"
has "$(host_virsh a secret-dumpxml "$uuid")" "<name>virtloom vtpm $uuid</name>" "with a name"
file=/etc/libvirt/secrets/$uuid.base64
coded=$(host_run a cat "$file")
key=$(base64 -d <<< "$coded")
true_that "the key is 64 hexadecimal digits" grep -qxE '[0-9a-f]{64}' <<< "$key"
tpm_state () { host_run a find /var/lib/libvirt/swtpm -name '*.permall' | grep -F "$uuid"; }
true_that "finds it empty and keeps something in it" says one "guest: tpm took it"
has "$(tpm_state)" "/$uuid/tpm2/tpm2-00.permall" "its state is on the host"
is "$(host_run a stat -c %U "$(tpm_state)")" tss "as swtpm's user"
is "$(host_run a grep -c VIRTUAL! "$(tpm_state)")" 0 "and encrypted"
for what in 'stop --timeout 0' start; do
  # shellcheck disable=SC2086 # a word with its option
  run t server ${what%% *} one ${what#"${what%% *}"}
  is_rc 0 "$what"
done
true_that "the TPM keeps it over stop and start" says one "guest: tpm kept it"
run t server reboot --hard one
is_rc 0 "hard reboot"
true_that "and over a hard reboot" says one "guest: tpm kept it"
must t server stop one --timeout 0
run host_virsh a undefine --keep-tpm "$(field one domain)"
is_rc 0 "somebody takes away its definition, but not its TPM"
run t server reboot --hard one
is_rc 0 "a hard reboot makes it again"
true_that "with what the TPM kept" says one "guest: tpm kept it"
is "$(host_run a cat "$file")" "$coded" "all the time it is one key"

# ---- nothing leaks ----

bytes=$(sed 's/../\\x&/g' <<< "$key")
# The key as it is, in base64, and the bytes that it spells, in what COMMAND... is run on.
leaks () {
  "$@" grep -rlaF -e "$key" -e "$coded" "${places[@]}" 2> /dev/null
  "$@" env LC_ALL=C grep -rlaP "$bytes" "${places[@]}" 2> /dev/null
}
places=("$state" "$tmp" "$rig/a/log")
is "$(leaks env)" "" "no record, document, log or argument has the key"
places=(/var/log /run/libvirt)
is "$(leaks host_run a)" "" "nor have the host's logs"
places=(/etc/libvirt/secrets)
is "$(leaks host_run a)" "$file" "(where it is, it is found)"

# ---- a secret that is lost ----

must t server stop one --timeout 0
host_virsh a secret-undefine "$uuid" > "$tmp/virsh" 2>&1
run t server start one
is_rc 1 "a guest whose secret was lost is not started with another"
is "$(grep -v '^debug' <<< "$err")" "error Failed vtpm: libvirt has lost the secret that opens what the TPM of this guest keeps; with another one all of that would be lost (hw:tpm_version=2.0 (flavor))
  give libvirt the secret '$uuid' back with its old value" "in words"
out=$(printf %s "$key" | calls secret-put "$uuid" vtpm "virtloom vtpm $uuid" 2> "$tmp/err")
is "$out" 0 "it is given back"
run t server start one
is_rc 0 "then it starts"
true_that "with what the TPM kept" says one "guest: tpm kept it"

run t server delete one
is "$rc $err" "0 " "delete"
is "$(tpm_state)" "" "the TPM's state is gone with the server"
run calls secret-has "$uuid"
is "$out" 0 "and so is the secret"
setting qemu-tcg
run t plan --flavor v --image linux
is_rc 4 "under the embedded driver a TPM is refused when it is planned"
has "$err" "error Unsupported vtpm: the TPM's state is encrypted with a secret of libvirt's, and libvirt's embedded driver starts no guest that needs one" "in words"
setting qemu-tcg "connection_uri = $(host_uri a)"
all_gone
[ "$failures" -eq 0 ] || host_log a
done_testing
