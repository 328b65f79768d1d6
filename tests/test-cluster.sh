#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Two nodes with Corosync, Pacemaker and a power switch run a real guest, as docs/pacemaker.md says, whose
# commands are the ones run here: the cluster's processes are killed on the node that has the guest, while that
# counts on; it is switched off, and only then the guest runs on the other one.  Then it goes back.  Run by
# ./check cluster, which installs the packages; VL_TEST_INSTALLED is the folder into which virtloom is installed.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$(dirname "$0")/guest-lib.sh"
# shellcheck source=tests/rig/rig-lib.sh
. "$(dirname "$0")/rig/rig-lib.sh"
[ -n "${VL_TEST_CLUSTER:-}" ] || skip_all "VL_TEST_CLUSTER is not set: ./check cluster runs this"
[ -d "${VL_TEST_INSTALLED:-}" ] || bail "VL_TEST_INSTALLED is no folder: '${VL_TEST_INSTALLED:-}'"
for tool in corosync:corosync pacemakerd:pacemaker stonith_admin:pacemaker-cli-utils crm:crmsh ocf-tester:resource-agents \
    xmllint:libxml2-utils; do
  needs "${tool%:*}" "${tool#*:}"
done
guests_or_skip
hosts_or_skip
guest_image
agent=/usr/lib/ocf/resource.d/virtloom/server
shared=$rig/shared power=$rig/power
mkdir -p "$shared" "$power" "$rig"/disk-{one,two}/{state,virtloom,corosync}
chmod -R 755 "$shared" "$rig"/disk-*

# ---- the hosts ----

# on HOST SCRIPT: in the host's shell.  No systemd runs there: what it would start is started.
on () {
  host_run "$1" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 timeout 900 bash -c '
systemctl () {
  corosync || return
  setsid pacemakerd > /var/log/pacemakerd.out 2>&1 < /dev/null &
}
'"$2" < /dev/null
}
# page SECTION [N]: runs the commands of the Nth block (else the first) of a section of the page, each on the host before it.
page () {
  local host command=
  while IFS= read -r line; do
    case $line in
      'one# '* | 'two# '* | 'both# '* | end)
        if [ -n "$command" ]; then
          case $host in both) must on one "$command"; must on two "$command" ;; *) must on "$host" "$command" ;; esac
        fi
        host=${line%%#*} command=${line#*# } ;;
      *) command+=$'\n'$line ;;
    esac
  done < <(awk -v section="## $1" -v wanted="${2:-1}" '/^## / { here = $0 == section; n = 0 } here && /^```/ { n++; next } here && n == 2 * wanted - 1' \
    "$top_srcdir/docs/pacemaker.md"; echo end)
}
node_up () {
  host_up "$1"
  host_run "$1" bash "$top_srcdir/tests/rig/cluster-init" "$rig/$1" "$VL_TEST_INSTALLED" "$shared" "$rig/disk-$1" > "$tmp/init" 2>&1 \
    || bail "host $1 becomes no node: $(cat "$tmp/init")"
}
wire () {
  ip link add name vl0 netns "$(host_init_pid one)" type veth peer name vl0 netns "$(host_init_pid two)" || bail "no wire"
  for host in one:1 two:2; do
    host_run "${host%:*}" ip addr add "10.77.0.${host#*:}/24" dev vl0
    host_run "${host%:*}" ip link set vl0 up
  done
}
# What qemu-tcg needs that a host with KVM does not.
emulated () {
  for host in one two; do
    on "$host" "printf '[settings]\nconnection_uri = qemu:///system\n' > /etc/virtloom/plugins.d/qemu-tcg.conf; echo 'driver = qemu-tcg' >> /etc/virtloom/virtloom.conf"
  done
}

# The power switch: a host that is to be off is ended with all of its processes, and said to be off then.
asked () { [ ! -d "$power" ] || compgen -G "$power/*.off"; }
power_switch () {
  local file name
  while [ -d "$power" ]; do
    wait_for 600 asked || continue
    for file in "$power"/*.off; do
      [ -e "$file" ] || continue
      name=$(basename "$file" .off)
      echo "$name ends with $(host_run "$name" pgrep -fc -- '-uuid ') guests" >> "$power/log"
      kill -KILL "$(host_init_pid "$name")" "$(cat "$rig/$name/pid")" 2> /dev/null
      wait_for 300 host_is_empty "$name" && : > "$power/$name.is-off"
      rm -f "$file"
    done
  done
}

# ---- the guest ----

# The processes that are the guest: of this machine, and of a host, as that sees it.
guests () { pgrep -fc -- "-uuid ${uuid:-none}( |\$)"; }
guests_of () { host_run "$1" pgrep -fc -- "-uuid ${uuid:-none}( |\$)" 2> /dev/null; }
guest_pids () { pgrep -f -- "-uuid ${uuid:-none}( |\$)"; }
said_on () {
  [ "$(guests)" -le 1 ] || echo "two at once" >> "$power/both"
  host_run "$1" cat "/var/lib/virtloom/servers/$uuid/run/console.log" 2> /dev/null | tr -d '\r' | grep -qF -- "$2"
}
says_on () {
  wait_for "${VL_TEST_BOOT_SECONDS:-600}" said_on "$@" && return 0
  diag "on $1 the console ends with:"
  diag "$(host_run "$1" tail -n 10 "/var/lib/virtloom/servers/$uuid/run/console.log" 2>&1)"
  tell
  return 1
}
tell () {
  for host in one two; do
    diag "$host: $(on "$host" 'crm_mon -1 -r 2>&1; grep -vE " (info|debug): " /var/log/pacemaker/pacemaker.log | tail -n 25; tail -n 5 /var/log/corosync.log' 2>&1 | cut -c 1-300)"
  done
}
shows () { [ "$(guests)" -le 1 ] || echo "two at once" >> "$power/both"; on "$1" 'crm_mon -1 -r' | grep -q -- "$2"; }
shown () {
  wait_for 600 shows "$@" && return 0
  tell
  return 1
}

script data << 'END'
[ ! -e /run/done ] || exit 0
: > /run/done
n=$(dd if=/dev/vdb bs=512 skip=131071 count=1 2> /dev/null | tr -dc 0-9)
n=$((${n:-0} + 1))
{ echo "$n"; head -c 500 /dev/zero; } | dd of=/dev/vdb bs=512 seek=131071 count=1 conv=notrunc,fsync 2> /dev/null
i=0
while :; do
  echo "guest: boot $n count $i end"
  i=$((i + 1)); sleep 1
done
END
truncate -s 65M "$tmp/data.disk"

node_up one
node_up two
wire
power_switch &
switch=$!
page 'virtloom, on both hosts'
emulated
cp "$image" "$shared/volumes/web1.qcow2"
cp "$tmp/data.disk" "$shared/volumes/data.raw"

# ---- the cluster ----

page 'The cluster' 1
must on one "cat /etc/corosync/authkey > $power/authkey"
must on two "install -m 400 $power/authkey /etc/corosync/authkey"
page 'The cluster' 2
true_that "both nodes are online" shown one 'Online:.*one two'
must on one "crm configure primitive power stonith:fence_power params folder=$power pcmk_host_list='one two' pcmk_reboot_action=off op start timeout=120s op monitor interval=0 timeout=120s"
page 'Fencing'
true_that "each can be switched off" shown one 'power.*Started'

# ---- the agent, alone ----

page 'A guest' 1
uuid=$(on one 'virtloom server show web1 -o value -c uuid')
true_that "the guest counts" says_on one "guest: boot 1 count 3 end"
run on one "ocf-tester -n web1 -o server=$uuid -o CRM_meta_timeout=31000 $agent"
is_rc 0 "ocf-tester"
has "$out" "$agent passed all tests" "finds nothing"
diag "$(grep '^\*' <<< "$out")"
# agent HOST ACTION [VARIABLE=VALUE...]: what Pacemaker gets.
agent () {
  run on "$1" "OCF_ROOT=/usr/lib/ocf OCF_RESOURCE_INSTANCE=web1 OCF_RESKEY_server=$uuid OCF_RESKEY_CRM_meta_timeout=31000 ${*:3} $agent $2"
}
agent one monitor
is_rc 7 "one that is off does not run"
agent two monitor
is_rc 7 "nor one that was never there"
agent one monitor OCF_RESKEY_server=web1
is_rc 6 "a name is no uuid"
has "$err" "server='web1' is no uuid; accepted: 8-4-4-4-12 hexadecimal digits, as virtloom server show has it" "which is told"
agent one monitor OCF_RESKEY_binary=/nowhere/virtloom
is_rc 5 "a host without virtloom"
agent one stop OCF_RESKEY_binary=/nowhere/virtloom
is_rc 0 "has stopped everything"
agent one promote
is_rc 3 "what it does not do"
agent one start
is_rc 0 "it starts"
agent two start
is_rc 1 "and starts nowhere else"
has "$err" "the server was not off on host one, which is in the cluster and was not fenced since: nobody can tell that it does not run there" "while that host is there"
is "$(guests)" 1 "it runs once"
agent one monitor
is_rc 0 "it runs"
must on one 'virtloom server pause web1'
agent one monitor
is_rc 0 "also while it is paused"
must on one 'virtloom server unpause web1'
# The daemon hangs.
daemon=$(on one 'pidof libvirtd')
must on one "kill -STOP $daemon"
agent one monitor
is_rc 0 "one whose libvirt does not answer runs while its process is there"
must on one "kill -CONT $daemon"

# ---- the cluster runs it ----

page 'A guest' 2
true_that "the cluster finds it where it runs" shown one 'web1.*Started one'
true_that "and it counts there" says_on one "count 3 end"
boot=$(host_run one cat "/var/lib/virtloom/servers/$uuid/run/console.log" | sed -n 's/^.*guest: boot \([0-9]*\) count.*$/\1/p' | tail -n 1)
is "$(guests) $(guests_of one) $(guests_of two)" "1 1 0" "once"

# ---- a host dies: its cluster, while the guest goes on ----

must on one 'kill -KILL $(pidof corosync pacemakerd)'
true_that "the other node starts it" shown two 'web1.*Started two'
is "$(cat "$power/log")" "one ends with 1 guests" "the first was switched off while the guest ran there"
page 'When a host dies' 1
is "$(paste -sd ' ' <<< "$out")" "web1 ACTIVE RUNNING" "it is that host's on record"
true_that "it has booted from its disks" says_on two "guest: boot $((boot + 1)) count 3 end"
is "$(guests) $(guests_of two) $(cat "$power/both" 2> /dev/null)" "1 1 " "once, and never two at a time"

# ---- it comes back ----

host_down one
node_up one
wire
must on one 'ln -s /usr/local/lib/ocf/resource.d/virtloom /usr/lib/ocf/resource.d/virtloom'
run on one "virtloom server reboot web1 --hard"
is "$rc ${err%%:*}" "3 error InstanceMoved core" "the host of before does not start it"
page 'When a host dies' 2
true_that "both nodes are online again" shown two 'Online:.*one two'
true_that "and the guest stays where it is" shown two 'web1.*Started two'
page 'When a host dies' 3
true_that "until it is moved" shown two 'web1.*Started one'
page 'When a host dies' 4
true_that "it has booted once more" says_on one "guest: boot $((boot + 2)) count 3 end"
is "$(guests) $(guests_of one) $(cat "$power/both" 2> /dev/null)" "1 1 " "once, and never two at a time"
is "$(wc -l < "$power/log")" 1 "no host was switched off for that"

# ---- the end ----

must on one 'crm resource stop web1'
true_that "it is stopped" shown one 'Stopped (disabled)'
is "$(guests)" 0 "and no process is left"
must on one 'virtloom server delete web1'
is "$(ls "$shared/records")" "" "nor its record"
[ "$failures" -eq 0 ] || tell
rm -rf "$power"
wait "$switch"
host_down one
host_down two
is "$(grep -lF " $rig/" /proc/[0-9]*/mountinfo 2> /dev/null | wc -l)" 0 "nothing of the hosts is mounted"
is "$(guests)" 0 "no QEMU process is left"
done_testing
