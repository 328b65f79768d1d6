# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh disable=SC2034
#
# Debian packages that building, trying and testing need; sourced by
# ./quickstart and ./check.

VL_BUILD_PACKAGES="gcc libc6-dev make autoconf automake libtool libltdl-dev pkg-config perl
  libinih-dev libjansson-dev libseccomp-dev libsmartcols-dev libsqlite3-dev uuid-dev libxml2-dev libvirt-dev"
VL_GUEST_PACKAGES="libvirt-daemon libvirt-daemon-driver-qemu qemu-system-x86 qemu-utils
  busybox-static syslinux syslinux-common syslinux-efi mtools cpio gzip qemu-guest-agent"
VL_TEST_PACKAGES="ccache check locales clang libclang-rt-dev clang-format python3 shellcheck
  curl openssl genisoimage dosfstools jq ovmf libvirt-clients socat strace sqlite3 libxml2-utils procps iproute2 util-linux
  libvirt-daemon openvswitch-switch swtpm swtpm-tools tgt nbdkit qemu-block-extra mmdebstrap dnsmasq-base novnc websockify virtinst prometheus-libvirt-exporter chromium-headless-shell"

# What ./check nested puts into a host of its own, beside what make-debian puts in any.
VL_NESTED_PACKAGES="apparmor libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils jq procps kmod lvm2 thin-provisioning-tools strace
  libinih1 libltdl7 libjansson4 libseccomp2 libsmartcols1 libsqlite3-0 libuuid1 libxml2"

# What ./check ceph brings up, and what reaches it; no service of it runs by itself.
VL_CEPH_PACKAGES="ceph-mon ceph-mgr ceph-osd ceph-common librbd-dev qemu-block-extra"

# What ./check cluster ties two hosts together with; no service of it runs by itself.
VL_CLUSTER_PACKAGES="corosync pacemaker pacemaker-cli-utils pacemaker-resource-agents crmsh resource-agents libxml2-utils"

# What ./check nova runs virtloom under: Nova and what its functional tests need; no service of it runs.
VL_NOVA_PACKAGES="python3-nova nova-common python3-oslotest python3-wsgi-intercept python3-ddt python3-placement
  python3-requests-mock python3-fixtures python3-testtools"

# vl_packages WHY PACKAGE...: installs those that are missing, after one line
# that says which and why.
vl_packages () {
  why=$1
  shift
  missing=
  for package; do
    dpkg-query -W -f '${Status}\n' "$package" 2> /dev/null | grep -q '^install ok installed' \
      || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" != 0 ]; then
    echo "$0: these Debian packages are missing ($why); as root: apt-get install --no-install-recommends$missing" >&2
    return 1
  fi
  echo "==> installing Debian packages ($why):$missing"
  [ -n "${vl_updated:-}" ] || apt-get -qq update
  vl_updated=1
  # shellcheck disable=SC2086 # a list of names
  vl_idle_services apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install $missing > /dev/null
}

# vl_idle_services COMMAND...: runs it, and no service of a package that it installs is started
# meanwhile: tests run what they need themselves, in namespaces of their own.
vl_idle_services () (
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
  fi
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  "$@"
)

# As root, libvirt's QEMU driver opens only where Debian's user for guests is
# known; libvirt-daemon-system makes it, and brings a system daemon that
# nothing here needs.  64055 is the number that Debian keeps for it.
vl_guest_user () {
  [ "$(id -u)" = 0 ] || return 0
  getent group libvirt-qemu > /dev/null || {
    echo "==> making group libvirt-qemu (libvirt opens its QEMU driver only where it exists)"
    groupadd --system --gid 64055 libvirt-qemu 2> /dev/null || groupadd --system libvirt-qemu
  }
  getent passwd libvirt-qemu > /dev/null || {
    echo "==> making user libvirt-qemu (libvirt opens its QEMU driver only where it exists)"
    useradd --system --uid 64055 --gid libvirt-qemu --home-dir /var/lib/libvirt --no-create-home \
      --shell /usr/sbin/nologin libvirt-qemu 2> /dev/null \
      || useradd --system --gid libvirt-qemu --home-dir /var/lib/libvirt --no-create-home \
        --shell /usr/sbin/nologin libvirt-qemu
  }
}
