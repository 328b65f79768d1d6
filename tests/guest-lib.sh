# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
#
# For tests that boot guests: source this after tap.sh.  It skips where this
# machine cannot run them, makes the guest's image once for all tests of a build
# tree, and knows how to read what a guest says.

# What a guest needs of this machine; the rest of the file may be skipped.
guests_or_skip () {
  [ -z "${VL_TEST_NO_GUESTS:-}" ] || skip_all "VL_TEST_NO_GUESTS is set"
  [ "$(uname -m)" = x86_64 ] || skip_all "the test's guest is for x86-64, this is $(uname -m)"
  needs qemu-system-x86_64 qemu-system-x86
  needs qemu-img qemu-utils
  if [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && ! getent passwd libvirt-qemu > /dev/null; then
    skip_all "libvirt does not run as root without the user libvirt-qemu (Debian: libvirt-daemon-system)"
  fi
  # Sockets of guests lie below STATE, and their names are short.
  if [ ${#state} -gt 49 ]; then
    short=$(mktemp -d /tmp/vl.XXXXXX) || bail "no folder in /tmp"
    chmod 711 "$short"
    state=$short/s
    CLEANUPS="$CLEANUPS cleanup_short"
  fi
  CLEANUPS="cleanup_guests $CLEANUPS"
  # What libvirt found out about QEMU, which takes it some seconds, is kept for
  # the next test of this build tree; it sees by itself when that is stale.
  known=$top_builddir/tests/tmp/libvirt-cache
  mkdir -p "$state/libvirt"
  chmod 700 "$state" "$state/libvirt"
  [ ! -d "$known" ] || cp -a "$known" "$state/libvirt/cache"
}
keep_cache () {
  [ ! -d "$known" ] && [ -d "$state/libvirt/cache" ] || return 0
  mkdir -p "${known%/*}"
  cp -a "$state/libvirt/cache" "$known.$$" && mv -T "$known.$$" "$known" 2> /dev/null || rm -rf "$known.$$"
}
cleanup_short () { rm -rf "$short"; }

# Nothing of this test outlives it, however it ends; where it failed, QEMU's logs tell why a guest
# was off.
cleanup_guests () {
  local pid log
  for log in "$state"/libvirt/log/qemu/*.log; do
    [ "$failures" -gt 0 ] && [ -e "$log" ] || continue
    diag "${log##*/} ends with:"
    diag "$(grep -v '^-\|^[A-Z_]*=' "$log" | tail -n 8 | cut -c 1-300)"
  done
  for pid in $(guest_pids); do kill -KILL "$pid" 2> /dev/null; done
}
# The QEMU processes of this test's servers.
guest_pids () {
  local folder
  for folder in /proc/[0-9]*; do
    case $(readlink "$folder/exe" 2> /dev/null) in
      *qemu-system*) ;;
      *) continue ;;
    esac
    tr '\0' ' ' < "$folder/cmdline" 2> /dev/null | grep -qF "$state/" && echo "${folder#/proc/}"
  done
}

t () { vl --driver qemu-tcg -q "$@"; }

# The image, made once for a build tree: $image boots by BIOS and UEFI, $secure
# with secure boot.  Tests that run at the same time wait for the first.
guest_image () {
  local folder=$top_builddir/tests/tmp tool
  image=$folder/guest.qcow2 secure=$folder/secure.qcow2
  for tool in busybox:busybox-static mformat:mtools syslinux:syslinux cpio:cpio flock:util-linux \
      apt-get:apt qemu-ga:qemu-guest-agent; do
    needs "${tool%:*}" "${tool#*:}"
  done
  mkdir -p "$folder"
  exec 9> "$folder/guest.lock"
  flock 9
  if ! [ -s "$secure" ] || ! [ -s "$image" ] || [ "$top_srcdir/tests/guest/init" -nt "$image" ] \
      || [ "$top_srcdir/tests/guest/make-image" -nt "$image" ]; then
    "$top_srcdir/tests/guest/make-image" "$image" "$secure" > "$tmp/make-image" 2>&1 || {
      diag "$(cat "$tmp/make-image")"
      rm -f "$image" "$secure"
      skip_all "the guest's image cannot be made: $(tail -n 1 "$tmp/make-image")"
    }
  fi
  flock -u 9
  exec 9>&-
}

# must COMMAND...: the test is of no use where this fails.
must () {
  run "$@"
  [ "$rc" -eq 0 ] || bail "$* ($rc): $err"
}

# made WHAT: a test of the last run, without which there is nothing to look at.
made () {
  is_rc 0 "$1"
  [ "$rc" -eq 0 ] || bail "$1: $err"
}

# script NAME: stdin is a shell script that a guest runs from the disk NAME.
script () {
  { echo '#!vl'; cat; } > "$tmp/$1.disk"
  truncate -s 64K "$tmp/$1.disk"
}
volume () { echo "path=$tmp/$1.disk,format=raw"; }

# field SERVER MEMBER: of `server show`.
field () { t server show "$1" -o json 2> /dev/null | sed -n "s/^.*\"$2\": *\"\([^\"]*\)\".*\$/\1/p" | head -n 1; }
# steady TEXT: what a command said on stderr, but that a busy machine has answered too late.
steady () { grep -v '^warning LastSeen \|^warning Warning .* does not answer; its state is the one last known$' <<< "$1"; }
power () { field "$1" power_state; }
power_is () { [ "$(power "$1")" = "$2" ]; }

# console SERVER: what the guest has said so far, without asking the driver.
console () {
  local file=$tmp/console-of-$1
  grep -q . "$file" 2> /dev/null || echo "$(field "$1" run_dir)/console.log" > "$file"
  { tr -d '\r' < "$(cat "$file")"; } 2> /dev/null
}
# said SERVER TEXT [TIMES]: the console has TEXT that often.
said () { [ "$(console "$1" | grep -cF -- "$2")" -ge "${3:-1}" ]; }
# says SERVER TEXT [TIMES]: waits for it, at most so long as a busy machine needs.
says () {
  wait_for "${VL_TEST_BOOT_SECONDS:-600}" said "$@" && return 0
  diag "the console of $1 ends with:"
  diag "$(console "$1" | tail -n 20)"
  return 1
}
# tells SERVER WORD...: the rest of the guest's line that begins with the words.
tells () {
  local server=$1
  shift
  console "$server" | sed -n "s/^.*guest: $* //p" | tail -n 1
}

# No server, no file, no process is left when a test file is done.
all_gone () {
  keep_cache
  run t server list -o json
  lacks "$out" '"name"' "no server is left"
  # libvirt leaves a *.new of its own where it was killed while writing.
  is_eq "$(find "$state/servers" "$state/libvirt/etc/qemu" "$state/libvirt/run/qemu" -mindepth 1 -maxdepth 1 \
    \( -name '*-*-*-*-*' -o -name 'vl-*' \) ! -name '*.new' 2> /dev/null)" "" "no file of a server is left"
  is_eq "$(guest_pids)" "" "no QEMU process is left"
}
