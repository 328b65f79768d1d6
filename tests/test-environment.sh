#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The environment decides nothing about the code that runs: libraries and programs are
# planted wherever a variable could lead to, and none of them runs.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip

trap=$tmp/trap
planted=$top_builddir/tests/shim/.libs/planted.so
mkdir -p "$trap/bin" "$trap/lib" "$trap/written" "$trap/home/.config/libvirt" "$trap/cache"
for name in libvirt_driver_qemu libvirt_driver_network libvirt_storage_backend_fs libvirt_storage_file_fs \
    libgioplanted UTF-16 pkcs11 engine; do
  cp "$planted" "$trap/lib/$name.so"
done
for name in qemu-system-x86_64 qemu-system-aarch64 qemu-kvm qemu-img qemu-nbd qemu-bridge-helper swtpm swtpm_setup \
    swtpm_ioctl genisoimage mkfs.vfat mkswap sha256sum dmidecode numad ip tc iptables ebtables modprobe udevadm \
    virtlogd libvirtd mdevctl pkttyagent dbus-daemon getent sh; do
  printf '#!/bin/sh\n: > "%s/bin/%s.ran"\n' "$trap" "$name" > "$trap/bin/$name"
done
chmod 755 "$trap"/bin/*
printf 'module UTF-8// INTERNAL UTF-16 1\n' > "$trap/lib/gconv-modules"
chmod -R go+rwX "$trap"
trapped () {
  env LIBVIRT_DRIVER_DIR="$trap/lib" LIBVIRT_STORAGE_BACKEND_DIR="$trap/lib" LIBVIRT_STORAGE_FILE_DIR="$trap/lib" \
    LIBVIRT_LOCK_MANAGER_PLUGIN_DIR="$trap/lib" LIBVIRT_LIBVIRTD_PATH="$trap/bin/libvirtd" \
    LIBVIRTD_PATH="$trap/bin/libvirtd" VIRTLOGD_PATH="$trap/bin/virtlogd" VIRTD_PATH="$trap/bin/libvirtd" \
    LIBVIRT_LOG_OUTPUTS="1:file:$trap/written/libvirt.log" LIBVIRT_DEBUG=1 \
    LIBVIRT_DEFAULT_URI=test:///default VIR_TEST_DEBUG=1 VIR_TEST_VERBOSE=1 \
    GIO_MODULE_DIR="$trap/lib" GIO_EXTRA_MODULES="$trap/lib" GIO_USE_VFS=planted GCONV_PATH="$trap/lib" \
    GNUTLS_SYSTEM_PRIORITY_FILE="$trap/written/none" P11_KIT_STRICT=1 OPENSSL_CONF="$trap/lib/none" \
    SQLITE_TMPDIR="$trap/written" GSETTINGS_BACKEND=planted QEMU_AUDIO_DRV=wav \
    "$@"
}
ran () { find "$trap" \( -name '*.ran' -o -path "$trap/written/*" -o -path "$trap/cache/*" \) -printf '%P '; }

# The trap works where nobody takes the variables away.
LD_LIBRARY_PATH=$trap/lib LD_PRELOAD=$trap/lib/engine.so /bin/true
is_eq "$(ran)" "lib/engine.so.ran " "a planted library tells when it is loaded"
rm "$trap/lib/engine.so.ran"
PATH=$trap/bin:$PATH qemu-img
is_eq "$(ran)" "bin/qemu-img.ran " "and a planted program when it runs"
rm "$trap/bin/qemu-img.ran"

everything () {
  run trapped "$@" host check
  has "$out" "PASS" "$who: the host is checked"
  run trapped "$@" --driver qemu-tcg host show
  is_rc 0 "$who: QEMU is asked"
  has "$out" "/qemu-system-" "$who: and found"
  lacks "$out" "$trap" "$who: where it belongs"
  truncate -s 1M "$tmp/disk.raw"
  run trapped "$@" image create i --file "$tmp/disk.raw" --disk-format raw
  is_rc 0 "$who: an image is taken"
  run trapped "$@" flavor create f --vcpus 1 --ram 64 --disk 1
  is_rc 0 "$who: a flavor is made"
  run trapped "$@" --driver qemu-tcg plan --flavor f --image i
  is_rc 0 "$who: a guest is planned"
  run trapped "$@" --driver qemu-tcg server create s --flavor f --image i
  is_rc 0 "$who: and made"
  guest=$(guest_pids)
  is_eq "$(tr '\0' '\n' < "/proc/$guest/environ" | cut -d= -f1 | grep -vxE \
    'HOME|LANG|LC_ALL|LD_[A-Z_]+|LOGNAME|PATH|TMPDIR|USER|XDG_[A-Z]+_HOME|XDG_RUNTIME_DIR|[A-Z]+SAN_OPTIONS')" "" \
    "$who: its QEMU has an environment of few names"
  lacks "$(tr "\0" "\n" < "/proc/$guest/environ" | grep -v ^HOME=)" "$trap" "$who: none of them planted"
  run trapped "$@" --driver qemu-tcg server delete s
  is_rc 0 "$who: and deleted"
  is_eq "$(ran)" "" "$who: nothing that was planted has run, and nothing was written"
}

if [ "$(id -u)" = 0 ]; then
  who=root
  everything env PATH="$trap/bin:$PATH" HOME="$trap/home" XDG_CACHE_HOME="$trap/cache" XDG_CONFIG_HOME="$trap/cache" \
    XDG_RUNTIME_DIR="$trap/cache" XDG_DATA_HOME="$trap/cache" XDG_STATE_HOME="$trap/cache" \
    "$VL_RUN" virtloom --config "$config" --state "$state"
fi

# A user's programs are the user's; libvirt's are not, and a home that is not there, or is
# another one than before, is in nobody's way.
who=user
user=(env)
if [ "$(id -u)" = 0 ]; then
  needs setpriv util-linux
  user=(setpriv --reuid 65534 --regid 65534 --clear-groups env)
  state=$(mktemp -d /tmp/vl.XXXXXX)/s
  user_state=${state%/s}
  cleanup_user () { rm -rf "$user_state"; }
  CLEANUPS="$CLEANUPS cleanup_user"
  mkdir "$state"
  chown -R 65534:65534 "$user_state"
fi
everything "${user[@]}" HOME="$trap/home" XDG_CACHE_HOME="$trap/cache" XDG_DATA_HOME="$trap/cache" \
  "$VL_RUN" virtloom --config "$config" --state "$state"
run "${user[@]}" HOME="$trap/home" "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg \
  server create s --flavor f --image i
is_rc 0 "user: a guest is made with one home"
run "${user[@]}" HOME=/nonexistent "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg server delete s
is_rc 0 "user: and deleted with another"
done_testing
