#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Whatever the command prints, a terminal obeys none of it: a walk over all verbs, all their
# words and options, and over the texts of files, images, requests, guests and the store.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs sqlite3 sqlite3
needs qemu-img qemu-utils

f () { vl --driver fake "$@"; }
# A title, a cleared screen, C1, DEL, bidi overrides and isolates, separators of lines, a tag.
bad=$'a\e]0;X\a\e[2J\xc2\x9b31m\x7f\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xe2\x80\xa8\xe2\x80\xa9\xf3\xa0\x81\x81\xff\rb'
escaped='a\u001b]0;X\u0007\u001b[2J\u009b31m\u007f\u202e\u2066\u061c\u2028\u2029\udb40\udc41\rb'
# obeyed: is there anything in the last answer that a terminal obeys?
obeyed () {
  LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xd8\x9c|\xf3\xa0[\x80-\x81]|\xff' \
    "$tmp/.out" "$tmp/.err"
}
true_that "what is looked for is found" eval 'printf "%s" "$bad" > "$tmp/.out"; : > "$tmp/.err"; obeyed'

truncate -s 1M "$tmp/disk.raw"
# What the walk may have deleted.
things () {
  f flavor create m1 --vcpus 1 --ram 64 --disk 1
  f image create img --file "$tmp/disk.raw" --disk-format raw
  f server create web --flavor m1 --image img
}
things > "$tmp/.out" 2>&1

# ---- every word and every option of every verb ----

runs=0 wrong=''
# Two go on until they are stopped, which they are once they have said something.
has_said () { [ -s "$tmp/.out" ] || [ -s "$tmp/.err" ]; }
stopped () {
  local pid
  rm -f "$tmp/.out" "$tmp/.err"
  "$VL_RUN" virtloom --config "$config" "$@" < /dev/null > "$tmp/.out" 2> "$tmp/.err" &
  pid=$!
  wait_for 300 has_said || wrong="$wrong $* says nothing;"
  kill -TERM $pid
  wait $pid 2> /dev/null
}
walk () {
  case "$*" in
    *" host watch" | *" server top") stopped "$@" ;;
    *) run timeout 300 "$VL_RUN" virtloom --config "$config" "$@" < /dev/null ;;
  esac
  runs=$((runs + 1))
  ! obeyed || wrong="$wrong $*"
}
state_of=(--state "$state" --driver fake)
for noun in $("$VL_RUN" virtloom --help | awk '/^$/ { on = 0 } on { print $1 } /^Nouns:/ { on = 1 }'); do
  for verb in $("$VL_RUN" virtloom "$noun" --help | awk '/^$/ { on = 0 } on { print $1 } /^Verbs:/ { on = 1 }') ''; do
    help=$("$VL_RUN" virtloom "$noun" ${verb:+"$verb"} --help 2> /dev/null) || continue
    [ "$noun $verb" != 'server event' ] || verb='event list'
    for words in "$bad" "web $bad" "m1 $bad" ''; do
      # shellcheck disable=SC2086 # the blank between words
      walk "${state_of[@]}" $noun $verb ${words/ $bad/} ${words:+"${words#* }"}
    done
    # shellcheck disable=SC2086 # words
    walk "${state_of[@]}" $noun $verb "$bad" -o json
    while read -r option; do
      case $option in
        --state | --driver | --config) # shellcheck disable=SC2086 # words
          run timeout 300 "$VL_RUN" virtloom $noun $verb "$option" "$bad" web < /dev/null
          runs=$((runs + 1))
          ! obeyed || wrong="$wrong $noun $verb $option" ;;
        --out) ;;
        *) # shellcheck disable=SC2086 # words
          walk "${state_of[@]}" $noun $verb "$option" "$bad" web
          # shellcheck disable=SC2086 # words
          walk "${state_of[@]}" $noun $verb "$option" "k=$bad" m1 ;;
      esac
    done < <(sed -nE 's/^  (-., |    )(--[a-z-]+) [A-Z].*$/\2/p' <<< "$help")
  done
done
is "$wrong" '' "no verb prints what a terminal obeys"
true_that "of many ($runs)" test "$runs" -gt 300

things > "$tmp/.out" 2>&1

# ---- what files say ----

clean () { # WHAT COMMAND...
  local what=$1
  shift
  run "$@"
  if obeyed; then not_ok "$what"; diag "$(cat -v "$tmp/.out" "$tmp/.err")"; else ok "$what"; fi
  has "$out$err" "${mark:-a}" "and shows it"
}
printf '[{"Name": "%s", "VCPUs": 1, "RAM": 64, "Disk": 1, "Properties": {"%s": "%s"}}]' "$escaped" "$escaped" "$escaped" > "$tmp/flavors"
printf '[{"name": "%s", "disk_format": "raw", "properties": {"hw_video_model": "%s"}}]' "$escaped" "$escaped" > "$tmp/images"
clean "a catalogue" f audit --flavors "$tmp/flavors" --images "$tmp/images"
clean "a catalogue, in JSON" f audit --flavors "$tmp/flavors" --images "$tmp/images" -o json
printf '{"name": "%s", "flavor": {"vcpus": 1, "ram": 64, "disk": 1, "extra_specs": {"%s": "%s"}}, "%s": "%s"}' "$escaped" "$escaped" "$escaped" "$escaped" "$escaped" > "$tmp/request"
clean "a request" f plan --request "$tmp/request"
printf '{"virtloom_host": 1, "facts": {"%s": "%s", "a": "%s"}, "%s": "%s"}' "$escaped" "$escaped" "$escaped" "$escaped" "$escaped" > "$tmp/host.json"
clean "a host file" f --host "$tmp/host.json" plan --flavor m1
printf '[DEFAULT]\n%s = %s\n[%s]\nx = y\n[libvirt]\nvirt_type = %s\n' "$bad" "$bad" "$bad" "$bad" > "$tmp/nova.conf"
clean "nova.conf" f config import-nova "$tmp/nova.conf" --out "$tmp/out" -v
printf '[settings]\n%s = %s\nx = y\n' "$bad" "$bad" > "$config/plugins.d/watchdog.conf"
chmod go-w "$config/plugins.d/watchdog.conf"
clean "a plugin's file" f config check
clean "a plugin's file, of a server" f server show web
rm "$config/plugins.d/watchdog.conf"

# ---- what images say ----

mark=qcow2
qemu-img create -q -f qcow2 "$tmp/evil.qcow2" 1M
# The name of the backing file, at 512 (docs/interop/qcow2.txt of QEMU): offset and size.
printf '%s' "$bad" | dd of="$tmp/evil.qcow2" bs=1 seek=512 conv=notrunc status=none
printf '\0\0\0\0\0\0\2\0\0\0\0\x30' | dd of="$tmp/evil.qcow2" bs=1 seek=8 conv=notrunc status=none
clean "the name of a backing file" f image create evil --file "$tmp/evil.qcow2" --disk-format qcow2
cp "$tmp/disk.raw" "$tmp/$bad.raw"
mark=disk-format
clean "the name of a file" f image create evil --file "$tmp/$bad.raw"

# ---- what the store says, which another version or hand wrote ----

mark=a
sqlite3 "$state/state.db" "UPDATE server SET fault = CAST(x'$(printf '%s' "${bad/$'\xff'/}" | od -An -tx1 | tr -d ' \n')' AS TEXT)"
clean "the fault of a server" f server show web
clean "the fault of a server, in JSON" f server show web -o json
has "$out" '\u009b31m' "JSON has its own escapes"
clean "the fault of a server in a list" f server list --column name,fault

# ---- commands that hints offer ----

mkdir "$tmp/it's \$(id)"
echo '-----BEGIN OPENSSH PRIVATE KEY-----' > "$tmp/it's \$(id)/id"
run f server create s --flavor m1 --image img --ssh-key "$tmp/it's \$(id)/id"
is "$err" "error Invalid core: --ssh-key '$tmp/it's \$(id)/id' is a private key
  give its public half: --ssh-key '$tmp/it'\\''s \$(id)/id.pub'" "a file's name is one word of the shell"
f server create "a\$(id)'b" --flavor m1 --image img > "$tmp/.out"
f server stop "a\$(id)'b" > "$tmp/.out"
run f server pause "a\$(id)'b"
is "$err" "error InstanceInvalidState core: server \"a\$(id)'b\" is SHUTOFF; pause is for servers that are ACTIVE
  virtloom server start 'a\$(id)'\\''b'" "and so is a server's"

done_testing
