#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A guest writes its own disk, header included, and can make it name any file of
# the host as backing file.  On the real driver, no command follows it there: the
# canary is not opened, and stays whose it was.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
cd "$tmp" || exit 99

echo secret > canary
chmod 600 canary
touch -d @0 -a canary
looks () { stat -c '%u:%g:%a:%X:%Z' canary; }
before=$(looks)

# traced ARG...: t under strace where that can be had; then $names is every call
# of it and its children that named the canary, except for writing its name.
traced=''
strace -f -o trace true 2> /dev/null && traced=yes
traced () {
  if [ -n "$traced" ]; then
    # It waits for a guest that comes up against all expectation, too.
    run timeout 120 strace -f -e trace=%file -o trace "$VL_RUN" virtloom --config "$config" --state "$state" \
      --driver qemu-tcg -q "$@"
    grep -qF "$state" trace || bail "strace saw nothing"
    names=$(grep -F canary trace | grep -v ' execve(')
  else
    run t "$@"
    names=''
  fi
}
untouched () {
  is_eq "$(looks)" "$before" "$1: the canary is as it was"
  if [ -n "$traced" ]; then is_eq "$names" "" "$1: no call names it"; else
    skip "no strace here (Debian: strace)"
  fi
}
# What a guest does to its disk: the header, in place, under a running QEMU too.
rewrite () {
  qemu-img create -q -f qcow2 -u -F raw -b "$tmp/canary" evil.qcow2 1G
  dd if=evil.qcow2 of="$state/servers/$uuid/disk" conv=notrunc status=none
}
# refused WHAT WORD...
refused () {
  local what=$1
  shift
  traced "$@"
  is_rc 3 "$what is refused"
  has "$err" "names backing file \"$tmp/canary\" instead of" "$what: and says why"
  untouched "$what"
}

# ---- an image that names it ----

qemu-img create -q -f qcow2 -u -F raw -b "$tmp/canary" backing.qcow2 16M
traced image create bad --file backing.qcow2 --disk-format qcow2
is_rc 3 "an image with a backing file is refused"
has "$err" "error ImageUnacceptable core: " "with its code"
untouched "image create"

# ---- a disk that comes to name it ----

qemu-img create -q -f qcow2 good.qcow2 16M
must t image create good --file good.qcow2 --disk-format qcow2
must t flavor create f --vcpus 1 --ram 64 --disk 1
must t server create s --flavor f --image good
uuid=$(field s uuid)
image_owner=$(stat -c '%u:%g:%a' "$state"/images/*)

rewrite
refused "hard reboot" server reboot --hard s
is_eq "$(power s)" RUNNING "the guest runs on"
traced server pause s
is_rc 0 "pause"
untouched "pause"
traced server unpause s
is_rc 0 "unpause"
untouched "unpause"
traced server suspend s
is_rc 0 "suspend"
untouched "suspend"
refused "resume" server resume s
is_eq "$(power s)" SUSPENDED "its memory is kept"
traced server show s
is_rc 0 "show"
untouched "show"
traced server delete s
is_rc 0 "delete of a suspended guest"
untouched "delete of a suspended guest"

# ---- and while it runs ----

must t server create s --flavor f --image good
uuid=$(field s uuid)
rewrite
traced server stop s --timeout 0
is_rc 0 "stop"
untouched "stop"
refused "start" server start s
refused "hard reboot of a guest that is off" server reboot --hard s
traced server delete s
is_rc 0 "delete of a guest that is off"
untouched "delete of a guest that is off"

must t server create s --flavor f --image good
uuid=$(field s uuid)
rewrite
traced server delete s
is_rc 0 "delete of a running guest"
untouched "delete of a running guest"
is_eq "$(stat -c '%u:%g:%a' "$state"/images/*)" "$image_owner" "the image is whose it was"

all_gone
done_testing
