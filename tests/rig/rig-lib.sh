# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
#
# Private hosts for tests: source this after tap.sh.  A host is a set of
# namespaces (mount, process, network, IPC, name) in which a libvirtd and a virtlogd
# of its own run on folders of its own.  Nothing of the machine's own libvirt is
# touched, and all of it ends with the test, also where that is killed.

# What a host needs of this machine; the rest of the file may be skipped.
hosts_or_skip () {
  [ -z "${VL_TEST_NO_GUESTS:-}" ] || skip_all "VL_TEST_NO_GUESTS is set"
  [ "$(uname -m)" = x86_64 ] || skip_all "the test's guest is for x86-64, this is $(uname -m)"
  [ "$(id -u)" = 0 ] || skip_all "a private libvirtd takes root"
  local tool
  for tool in libvirtd:libvirt-daemon virtlogd:libvirt-daemon virsh:libvirt-clients ip:iproute2 \
      unshare:util-linux nsenter:util-linux setpriv:util-linux qemu-system-x86_64:qemu-system-x86; do
    needs "${tool%:*}" "${tool#*:}"
  done
  unshare --mount --pid --net --uts --ipc --fork true 2> "$tmp/unshare" \
    || skip_all "no namespaces on this machine: $(cat "$tmp/unshare")"
  # Guests run as another user, who has to come through to STATE; sockets have short names.
  rig=$(mktemp -d /tmp/vr.XXXXXX) || bail "no folder in /tmp"
  chmod 711 "$rig" "$tmp"
  state=$rig/s
  CLEANUPS="$CLEANUPS hosts_down"
}

# What a host whose guests run under KVM needs besides.
kvm_or_skip () {
  [ -c /dev/kvm ] || skip_all "guests under KVM: there is no /dev/kvm"
  { : <> /dev/kvm; } 2> "$tmp/kvm" || skip_all "guests under KVM: $(cat "$tmp/kvm")"
}

# host_up NAME [kvm]: starts the host and waits for its libvirtd, whose socket is then
# $rig/NAME/run/libvirt-sock, for everybody on this machine.  With "kvm" it has /dev/kvm.
# What a test has put into $rig/NAME/etc before is in its /etc/libvirt.
host_up () {
  local at=$rig/$1 folder
  known=$top_builddir/tests/tmp/libvirtd-cache${2:+-$2}
  mkdir -p "$at"
  chmod 711 "$at"
  for folder in etc run log cache own; do mkdir -p "$at/$folder"; done
  # What libvirt found out about QEMU, which takes it some seconds, is kept for the
  # next test of this build tree; it sees by itself when that is stale.
  [ ! -d "$known" ] || cp -a "$known/." "$at/cache/"
  cat > "$at/etc/libvirtd.conf" << END
host_uuid = "$(cat /proc/sys/kernel/random/uuid)"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "2:file:/var/log/libvirt/libvirtd.log"
END
  # unshare ends its child when it ends, and the kernel ends unshare when we do.
  setpriv --pdeathsig KILL unshare --mount --pid --net --uts --ipc --fork --mount-proc --kill-child=KILL \
    bash "$top_srcdir/tests/rig/host-init" "$1" "$at" "${2:-}" > "$at/log/init" 2>&1 < /dev/null &
  echo $! > "$at/pid"
  wait_for "${VL_TEST_BOOT_SECONDS:-600}" virsh -q -c "$(host_uri "$1")" list && return 0
  host_log "$1"
  bail "the private libvirtd of host $1 does not answer"
}

# host_uri NAME: how a program outside of the host's namespaces reaches its libvirtd.
host_uri () { echo "qemu+unix:///system?socket=$rig/$1/run/libvirt-sock"; }
# host_run NAME COMMAND...: inside of them.
host_run () {
  local pid
  pid=$(host_init_pid "$1")
  shift
  nsenter --target "$pid" --mount --pid --net --uts --ipc "$@"
}
host_virsh () { virsh -q -c "$(host_uri "$1")" "${@:2}"; }
# The first process of the host, as this machine numbers it.
host_init_pid () { cat "/proc/$(cat "$rig/$1/pid")/task/$(cat "$rig/$1/pid")/children" 2> /dev/null | tr -d ' '; }

# host_log NAME: what went wrong there, for a test that failed.
host_log () {
  local file
  for file in "$rig/$1"/log/init "$rig/$1"/log/libvirtd.log "$rig/$1"/log/qemu/*.log; do
    [ ! -s "$file" ] || diag "${file#"$rig"/}: $(grep -v ethtool "$file" | tail -n 8)"
  done
}

# host_down NAME: the namespaces' first process ends, and with it everything in them.
host_down () {
  local at=$rig/$1 pid
  [ -s "$at/pid" ] || return 0
  if [ ! -d "$known" ] && [ -d "$at/cache/qemu" ]; then
    mkdir -p "${known%/*}"
    cp -a "$at/cache" "$known.$$" && mv -T "$known.$$" "$known" 2> /dev/null || rm -rf "$known.$$"
  fi
  # unshare itself takes no notice of a polite signal.
  pid=$(cat "$at/pid")
  kill -KILL "$(host_init_pid "$1")" "$pid" 2> /dev/null
  wait "$pid" 2> /dev/null
  wait_for 300 host_is_empty "$1" || diag "processes of host $1 are still there"
  rm -rf "$at"
}
# No process has the host's folder for its /run/libvirt any more.
host_is_empty () { ! grep -qsF " $rig/$1/" /proc/[0-9]*/mountinfo; }
hosts_down () {
  local at
  for at in "$rig"/*/pid; do
    [ ! -e "$at" ] || host_down "$(basename "${at%/pid}")"
  done
  rm -rf "$rig"
}
