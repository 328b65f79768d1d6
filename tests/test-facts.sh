#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What QEMU said it can do is kept while all that it rests on is as it was: a plan
# then takes no connection.  Seen from who cannot have one: the guests are in use.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
guests_or_skip
needs flock util-linux

setting qemu-tcg 'open_timeout = 0'
mkdir "$tmp/bin"
# Where programs are looked for: root's PATH is the system's, so the folder is put there.
if [ "$(id -u)" = 0 ]; then
  unshare --mount mount --bind "$tmp/bin" /usr/local/sbin 2> /dev/null \
    || skip_all "no folder can be mounted here, which needs CAP_SYS_ADMIN"
  # shellcheck disable=SC2016
  program () {
    unshare --mount sh -c 'mount --bind "$0" /usr/local/sbin && exec "$@"' "$tmp/bin" "$VL_RUN" virtloom "$@"
  }
  in_use () { taken unshare --mount sh -c 'mount --bind "$0" /usr/local/sbin && exec "$@"' "$tmp/bin" \
    "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q "$@"; }
else
  export PATH=$tmp/bin:$PATH
  in_use () { taken "$VL_RUN" virtloom --config "$config" --state "$state" --driver qemu-tcg -q "$@"; }
fi
must t flavor create f --vcpus 1 --ram 64
qemu-img create -q -f qcow2 "$tmp/empty.qcow2" 1M
must t image create i --file "$tmp/empty.qcow2" --disk-format qcow2
plan () { t plan --flavor f --image i; }
# In use by somebody else, as another command would have it.
taken () { flock "$state/libvirt/virtloom.lock" "$@"; }

run plan
is_rc 0 "QEMU is asked"
first=$out
run in_use plan --flavor f --image i
is_rc 0 "what it said is kept"
is "$out" "$first" "the plan is the same"
run in_use host show
is_rc 8 "host show asks anew"
has "$err" "error HypervisorBusy qemu-tcg: another process has used the guests of" "it says who is in the way"
run in_use host check
has "$out" "FAIL  qemu-tcg: another process has used the guests of" "host check asks anew"

cat > "$tmp/bin/qemu-system-new" <<< '#!/bin/sh'
run in_use plan --flavor f --image i
is_rc 8 "another emulator: what QEMU said is not believed any more"
run plan
is "$out" "$first" "asked again, it says the same"
run in_use plan --flavor f --image i
is_rc 0 "and that is kept"
echo 'exit 1' >> "$tmp/bin/qemu-system-new"
run in_use plan --flavor f --image i
is_rc 8 "an emulator that was changed in its place"
run plan
echo '# mine' >> "$state/libvirt/etc/qemu.conf"
run in_use plan --flavor f --image i
is_rc 8 "a changed qemu.conf"

t host show -o json > "$tmp/asked.json"
run in_use plan --flavor f --image i -o json
# What servers of this host hold is not seen under a host file.
used () { sed -E 's/"used": (null|[0-9]+)/"used": null/' <<< "$1"; }
kept=$(used "$out")
run t --host "$tmp/asked.json" plan --flavor f --image i -o json
is "$(used "$out")" "$kept" "kept facts decide as a host file does"

# ---- what libvirt refuses ----

printf '%s\n' '[plugin]' 'kind = feature' 'module = warp.so' 'keys = warp:drive' > "$config/plugins.d/warp.conf"
chmod go-w "$config/plugins.d/warp.conf"
must t flavor set f --property warp:drive=yes
sentence="error SchemaInvalid warp: '/domain/devices/warp[1]' (<warp/>) is not valid by libvirt's schema; written by warp (warp:drive=yes (flavor))"
run t plan --flavor f --image i
is_rc 4 "a plan with a device that libvirt does not know"
has "$err" "$sentence" "it names the owner"
said=$err
run t server create s --flavor f --image i
is_rc 4 "libvirt refuses the guest"
is "$err" "$said" "and virtloom says the same of it"
is "$(t server list -o json | grep -c '"name"')" 0 "no record is left"
is "$(find "$state/servers" "$state/libvirt/etc" -mindepth 1 -name "*-*")" "" "nor a folder"

done_testing
