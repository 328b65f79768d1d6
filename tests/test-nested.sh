#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libvirt-kvm with real Linux guests under KVM, inside a host of Debian's packages as they are
# (systemd, libvirt-daemon-system, AppArmor), that is itself an emulated guest whose CPU has
# SVM.  Run by ./check nested, which makes the image: VL_TEST_NESTED is the folder that
# tests/guest/make-debian filled, VL_TEST_INSTALLED the one into which the program is installed.  What is proven inside are the scripts of tests/nested/first
# and, after a boot of that host, of tests/nested/second, if there are any; VL_TEST_NESTED_ONLY names the one of
# first/ that is to be run alone.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
[ -n "${VL_TEST_NESTED:-}" ] || skip_all "VL_TEST_NESTED is not set: ./check nested runs this"
[ -d "${VL_TEST_INSTALLED:-}" ] || bail "VL_TEST_INSTALLED is no folder: '${VL_TEST_INSTALLED:-}'"
[ -s "$VL_TEST_NESTED/made" ] || bail "tests/guest/make-debian did not fill $VL_TEST_NESTED"
guests_or_skip
needs mke2fs e2fsprogs
needs debugfs e2fsprogs
guest_image
# The host is dead when its console says nothing for so long: it says "alive" each ten seconds; or when no script says
# anything for a quarter of an hour, as where it does not come to its next boot.
: "${VL_TEST_NESTED_SILENCE:=120}" "${VL_TEST_NESTED_QUIET:=900}" "${VL_TEST_NESTED_SECONDS:=2700}"

# ---- what the host gets: the installed program, the guests' image, the scripts ----

payload=$tmp/payload
mkdir -p "$payload/tests"
cp -r "$VL_TEST_INSTALLED" "$payload/installed"
cp -r "$top_srcdir/tests/nested" "$top_srcdir/tests/tap.sh" "$top_srcdir/tests/guest-lib.sh" "$top_srcdir/tests/with-deadline" "$payload/tests/"
cp "$image" "$payload/guest.qcow2"
if [ -n "${VL_TEST_NESTED_ONLY:-}" ]; then
  rm -rf "$payload/tests/nested/second"
  find "$payload/tests/nested/first" -name '*.sh' ! -name "$VL_TEST_NESTED_ONLY" -delete
fi
chmod -R go-w "$payload"
mke2fs -q -F -t ext4 -L payload -d "$payload" "$tmp/payload.img" 256M || bail "no file system for the host's second disk"

cat > "$tmp/nested.service" << 'UNIT'
[Unit]
After=libvirtd.service local-fs.target
RequiresMountsFor=/payload
[Service]
ExecStart=/bin/bash /payload/tests/nested/inside
UNIT
cat > "$tmp/payload.mount" << 'UNIT'
[Mount]
What=/dev/vdb
Where=/payload
Options=ro
UNIT
# fresh_root: a copy of the image with the two units, and without a mark of an earlier run.
fresh_root () {
  cp --sparse=always "$VL_TEST_NESTED/root.img" "$tmp/root.img"
  debugfs -w -f - "$tmp/root.img" > "$tmp/debugfs" 2>&1 << DEBUGFS
mkdir /payload
cd /etc/systemd/system
write $tmp/nested.service nested.service
write $tmp/payload.mount payload.mount
symlink multi-user.target.wants/nested.service /etc/systemd/system/nested.service
DEBUGFS
}

# ---- the host ----

cleanup_host () { [ -z "${host:-}" ] || kill -KILL "$host" 2> /dev/null; }
CLEANUPS="$CLEANUPS cleanup_host"
host_up () {
  : > "$tmp/console"
  : > "$tmp/said"
  qemu-system-x86_64 -name nested -no-user-config -nodefaults -display none -machine q35 -accel "tcg$1" -cpu max -smp 1 -m 2560 \
    -kernel "$VL_TEST_NESTED/vmlinuz" -initrd "$VL_TEST_NESTED/initrd" \
    -append 'root=/dev/vda console=ttyS0 mitigations=off tsc=unstable no_timer_check systemd.show_status=1' \
    -drive "file=$tmp/root.img,format=raw,if=virtio,cache=unsafe" -drive "file=$tmp/payload.img,format=raw,if=virtio,readonly=on" \
    -object rng-random,id=r,filename=/dev/urandom -device virtio-rng-pci,rng=r \
    -serial "file:$tmp/console" -serial "file:$tmp/said" 9>&- > "$tmp/qemu" 2>&1 &
  host=$!
}
# shellcheck disable=SC2317 # called by wait_for
changed () { ! kill -0 "$host" || [ "$(stat -c %s "$tmp/console")" != "$size" ]; }
# watch_host: until the host switches itself off; what is wrong is in $late where it does not.
watch_host () {
  local size=0 end=$((SECONDS + VL_TEST_NESTED_SECONDS)) lines=0 heard=$SECONDS
  late=
  while kill -0 "$host" 2> /dev/null; do
    wait_for "$VL_TEST_NESTED_SILENCE" changed || late="has said nothing for $VL_TEST_NESTED_SILENCE seconds"
    [ "$SECONDS" -lt $end ] || late="has not come to its end in $VL_TEST_NESTED_SECONDS seconds"
    if [ "$(stat -c %s "$tmp/said")" != "$lines" ]; then lines=$(stat -c %s "$tmp/said") heard=$SECONDS; fi
    [ $((SECONDS - heard)) -lt "$VL_TEST_NESTED_QUIET" ] || late="has run nothing for $VL_TEST_NESTED_QUIET seconds"
    [ -z "$late" ] || kill -KILL "$host" 2> /dev/null
    size=$(stat -c %s "$tmp/console")
  done
  wait "$host"
  host=
  [ -z "$late" ]
}
for turn in '' ,thread=single; do
  fresh_root
  host_up "$turn"
  watch_host && break
  diag "the nested host $late; it is killed$([ -n "$turn" ] || echo ", and started once more")"
  diag "$(tail -n 15 "$tmp/console")"
  diag "$(tail -n 15 "$tmp/said")"
  [ -z "$turn" ] || { cat "$tmp/said"; not_ok "the nested host lives"; done_testing; }
done
[ -z "${VL_TEST_NESTED_KEEP:-}" ] || cp "$tmp/console" "$tmp/said" "$VL_TEST_NESTED_KEEP/"

# ---- what was said inside ----

tr -d '\r' < "$tmp/said" > "$tmp/lines"
script=
while IFS= read -r line; do
  case $line in
    '# begins '*) script=${line#'# begins '} ;;
    '# ended '*) [ "${line##* }" = 0 ] || [ "${line##* }" = 1 ] || not_ok "$script ends ($line)" ;;
    'ok '*' # SKIP '*) skip "$script: ${line#*# SKIP }" ;;
    'ok '*) ok "$script: ${line#* - }" ;;
    'not ok '*) not_ok "$script: ${line#* - }" ;;
    'Bail out!'*) not_ok "$script: $line" ;;
    '#'*) echo "$line" ;;
  esac
done < "$tmp/lines"
for boot in first second; do
  [ -d "$payload/tests/nested/$boot" ] || continue
  true_that "all scripts of the $boot boot were run" grep -qx "# done $boot" "$tmp/lines"
done
[ "$failures" -eq 0 ] || diag "$(tail -n 30 "$tmp/console")"
done_testing
