#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Images that are signed, with keys made by openssl: what fits is used, and nothing else is: not when
# it comes, not when a server is made, rebuilt or rescued from it.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs openssl openssl
needs sqlite3 sqlite3

conf=$tmp/conf
certificates=$tmp/certificates
mkdir -p "$conf/plugins.d" "$certificates"
chmod 755 "$certificates"
settings () { printf '%s\n' '[settings]' "certificates = $certificates" "$@" > "$conf/plugins.d/image-signature.conf"; }
settings
f () { vl --driver fake --config "$conf" "$@"; }
cd "$tmp" || exit 99
qemu-img create -q -f qcow2 image 16M
f flavor create small --vcpus 1 --ram 64 --disk 1 > /dev/null

# key NAME UUID OPENSSL-GENPKEY...: NAME.key, and its certificate.
key () {
  openssl genpkey -quiet -out "$1.key" "${@:3}" 2> /dev/null || openssl genpkey -out "$1.key" "${@:3}" 2> /dev/null
  openssl req -new -x509 -key "$1.key" -out "$certificates/$2.pem" -days 2 -subj "/CN=Public Key Algorithm: rsa/O=x" 2> /dev/null
  chmod 644 "$certificates/$2.pem"
}
rsa=11111111-1111-4111-8111-111111111111
ecc=22222222-2222-4222-8222-222222222222
dsa=33333333-3333-4333-8333-333333333333
key rsa $rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
key ecc $ecc -algorithm EC -pkeyopt ec_paramgen_curve:secp384r1
openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:2048 -out dsa.params 2> /dev/null
key dsa $dsa -paramfile dsa.params
# sign KEY HASH FILE: the signature in base64.
sign () {
  local pss=()
  [ "$1" != rsa ] || pss=(-sigopt rsa_padding_mode:pss)
  openssl dgst "-sha$2" "${pss[@]}" -sign "$1.key" "$3" | base64 -w 0
}
# properties SIGNATURE HASH TYPE UUID: in the array `signed`.
properties () {
  signed=(--property "img_signature=$1" --property "img_signature_hash_method=$2" --property "img_signature_key_type=$3" --property "img_signature_certificate_uuid=$4")
}
create () { run f image create "$1" --file "${2:-image}" --disk-format "${3:-qcow2}" "${signed[@]}"; }
# What stands in front of each refusal.
cannot='error SignatureVerificationError image-signature: the signature of the image cannot be verified:'
nothing () { is_eq "$(find "$state/images" -mindepth 1 2> /dev/null)$(db 'SELECT name FROM image; SELECT kind FROM operation')" "" "nothing is left of it"; }

# ---- what fits ----

for row in "rsa 224 RSA-PSS $rsa" "rsa 256 RSA-PSS $rsa" "rsa 384 RSA-PSS $rsa" "rsa 512 RSA-PSS $rsa" "ecc 256 ECC_SECP384R1 $ecc" "dsa 256 DSA $dsa"; do
  read -r name hash type uuid <<< "$row"
  properties "$(sign "$name" "$hash" image)" "SHA-$hash" "$type" "$uuid"
  create fits
  is_eq "$rc $err" "0 " "it comes: $type, SHA-$hash"
  run f server create web --flavor small --image fits
  is_eq "$rc $err" "0 " "a server is made from it"
  f server delete web > /dev/null
  f image delete fits > /dev/null
done

# ---- what does not ----

properties "$(sign rsa 256 image)" SHA-256 RSA-PSS $rsa
qemu-img create -q -f qcow2 other 17M
create bad other
is_eq "$rc $err" "3 error SignatureVerificationError image-signature: image \"bad\" is not what was signed: its bytes and img_signature do not fit together
  fetch the image again from who signed it; no server is made from this one" "other bytes"
nothing
properties "$(sign rsa 256 image)" SHA-512 RSA-PSS $rsa
create bad
has "$err" 'image "bad" is not what was signed' "another hash"
properties "$(sign ecc 256 image)" SHA-256 RSA-PSS $rsa
create bad
has "$err" 'image "bad" is not what was signed' "a signature of another key"
properties "$(sign rsa 256 image)" SHA-256 ECC_SECP384R1 $rsa
create bad
is_eq "$rc $err" "3 $cannot the key of certificate \"$certificates/$rsa.pem\" is not of the kind ECC_SECP384R1
  correct img_signature_key_type, or img_signature_certificate_uuid" "a key of another kind"
properties "$(sign ecc 256 image)" SHA-256 RSA-PSS $ecc
create bad
has "$err" 'is not of the kind RSA-PSS' "the names in a certificate have no say in that"
properties "$(sign ecc 256 image)" SHA-256 ECC_SECP521R1 $ecc
create bad
has "$err" 'is not of the kind ECC_SECP521R1' "another curve"
properties 'no base64!' SHA-256 RSA-PSS $rsa
create bad
is_eq "$rc $err" "3 $cannot img_signature is not base64
  it is the signature's bytes in base64, in one line" "no base64"
absent=44444444-4444-4444-8444-444444444444
properties "$(sign rsa 256 image)" SHA-256 RSA-PSS $absent
create bad
is_eq "$rc $err" "3 $cannot cannot open its certificate \"$certificates/$absent.pem\": No such file or directory
  put the certificate there, in PEM; the setting 'certificates' of plugins.d/image-signature.conf says where they are" "no certificate"
properties "$(sign rsa 256 image)" SHA-256 RSA-PSS ../../$rsa
create bad
is_eq "$rc $err" "3 $cannot img_signature_certificate_uuid '../../$rsa' is no uuid
  it is the uuid that the certificate's file is named by, UUID.pem" "another file of the host's"
ln -s "$certificates/$rsa.pem" "$certificates/$absent.pem"
properties "$(sign rsa 256 image)" SHA-256 RSA-PSS $absent
create bad
has "$err" "cannot open its certificate \"$certificates/$absent.pem\": Too many levels of symbolic links" "a link is none"
rm "$certificates/$absent.pem"
echo nothing > "$certificates/$absent.pem"
create bad
has "$err" "$cannot openssl cannot read its certificate \"$certificates/$absent.pem\": " "no certificate at all"
cp "$certificates/$rsa.pem" "$certificates/$absent.pem"
chmod 664 "$certificates/$absent.pem"
create bad
is_eq "$rc $err" "3 $cannot \"$certificates/$absent.pem\" is not a file that only root may write
  give it to root, with mode 0644" "one that others may write"
openssl req -new -key rsa.key -out request -subj /CN=x 2> /dev/null
openssl x509 -req -in request -signkey rsa.key -days -1 -out "$certificates/$absent.pem" 2> /dev/null
chmod 644 "$certificates/$absent.pem"
create bad
is_eq "$rc $err" "3 $cannot its certificate \"$certificates/$absent.pem\" has expired
  have the image signed anew, or its certificate renewed" "one that has expired"
signed=("${signed[@]:0:4}")
create bad
is_eq "$rc $err" "3 $cannot it lacks img_signature_key_type, img_signature_certificate_uuid
  an image that is signed has all of img_signature, img_signature_hash_method, img_signature_key_type and img_signature_certificate_uuid" "half of it"
qemu-img create -q -f vmdk disk.vmdk 16M
properties "$(sign rsa 256 disk.vmdk)" SHA-256 RSA-PSS $rsa
create bad disk.vmdk vmdk
is_eq "$rc $err" "3 $cannot it is given as vmdk, and kept converted
  convert it to qcow2 or raw, and have that signed" "one that is converted"
nothing

# ---- each time that it is used ----

properties "$(sign rsa 256 image)" SHA-256 RSA-PSS $rsa
create good
signed=()
create plain other
f server create web --flavor small --image plain > /dev/null
f server stop web > /dev/null
mv "$certificates/$rsa.pem" kept.pem
for what in "create other --flavor small --image good" "rebuild web --image good" "rescue web --image good"; do
  # shellcheck disable=SC2086 # several words
  run f server $what
  is_rc 3 "without its certificate: server ${what%% *}"
  has "$err" "$cannot cannot open its certificate" "says why"
done
is_eq "$(f server list -o value -c name)" web "no server is left of it"
mv kept.pem "$certificates/$rsa.pem"
run f server rebuild web --image good
is_eq "$rc ${err%%:*}" '0 warning DisksRebuilt core' "with it a server is rebuilt"
f image set plain --property img_signature=AAAA --property img_signature_hash_method=SHA-256 --property img_signature_key_type=RSA-PSS --property img_signature_certificate_uuid=$rsa > /dev/null
run f server create other --flavor small --image plain
has "$err" 'image "plain" is not what was signed' "what is said of it later counts, too"
# says KEY VALUE: what STATE has of image "good".
says () { db "UPDATE image_property SET value = '$2' WHERE key = '$1' AND image = (SELECT uuid FROM image WHERE name = 'good')"; }
says img_signature_hash_method x
run f server create other --flavor small --image good
is_eq "$rc $err" "3 $cannot img_signature_hash_method is 'x'
  accepted: SHA-224 SHA-256 SHA-384 SHA-512" "a hash in STATE that is none"
says img_signature_hash_method SHA-256
says img_signature_key_type E
run f server create other --flavor small --image good
is_eq "$rc $err" "3 $cannot img_signature_key_type is 'E'
  accepted: RSA-PSS DSA ECC_SECT571K1 ECC_SECT409K1 ECC_SECT571R1 ECC_SECT409R1 ECC_SECP521R1 ECC_SECP384R1" "and such a kind of key"
says img_signature_key_type RSA-PSS
run f server image create web --name shot
is_eq "$rc" 0 "a snapshot of a signed one is made"
run f server create other --flavor small --image shot
is_eq "$rc $err" "0 " "and used, since it says nothing of a signature"
f server delete other > /dev/null

# ---- what the operator says ----

settings "verify_glance_signatures = yes"
run f server create other --flavor small --image shot
is_eq "$rc $(grep -A1 ^error <<< "$err")" "3 error SignatureVerificationError image-signature: image \"shot\" is not signed, and verify_glance_signatures is on
  give it its signature: img_signature and the three properties beside it" "yes: none that is not signed"
run f server create other --flavor small --image good
is_eq "$rc $err" "0 " "yes: one that is"
run f image create unsigned --file image --disk-format qcow2
is_eq "$rc $err" "0 " "yes: one that is not can come"
settings "verify_glance_signatures = no"
run f server create third --flavor small --image plain
is_eq "$rc $(grep -A1 ^warning <<< "$err")" "0 warning Warning image-signature: the signature of the image is not verified: verify_glance_signatures is off (img_signature=AAAA, image)
  take verify_glance_signatures = no out of plugins.d/image-signature.conf to have it verified" "no: a warning"
done_testing
