#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Quotas of an interface that are changed while its guest runs: what the kernel's traffic control has
# of them, and libvirt; and a traffic control that fails.  On a bridge in a network namespace of its own.

here=$(dirname "$0")
if [ -z "${VL_TEST_INSIDE:-}" ] && [ -z "${VL_TEST_NO_GUESTS:-}" ] && [ "$(id -u)" = 0 ] && unshare --net --mount true 2> /dev/null; then
  export VL_TEST_INSIDE=1
  exec unshare --net --mount bash "$0" "$@"
fi
# shellcheck source=tests/tap.sh
. "$here/tap.sh"
# shellcheck source=tests/guest-lib.sh
. "$here/guest-lib.sh"
guests_or_skip
[ -n "${VL_TEST_INSIDE:-}" ] || skip_all "network namespaces take root"
needs ip iproute2
needs tc iproute2
needs virsh libvirt-clients
needs sqlite3 sqlite3

# What programs see of interfaces below /sys is that of the namespace, too.
mkdir "$tmp/sys"
mount -t sysfs sysfs "$tmp/sys"
mount --bind "$tmp/sys/class/net" /sys/class/net
mount --bind "$tmp/sys/devices/virtual/net" /sys/devices/virtual/net
CLEANUPS="$CLEANUPS cleanup_network"
# shellcheck disable=SC2317 # called by tap.sh
cleanup_network () { umount "$tc" /sys/devices/virtual/net /sys/class/net "$tmp/sys" 2> /dev/null; }
tc=$(readlink -f "$(command -v tc)")
ip link set lo up
ip link add br0 type bridge
ip link set br0 up

# Traffic control that fails while the file `fails` is there, and writes down what it is asked for.  Kernels
# of small machines lack some of what libvirt asks for beside htb: a plain queue stands for sfq there, and
# nothing for filters.
cp "$tc" "$tmp/tc.real"
cat > "$tmp/tc" << END
#!/bin/sh
echo "\$*" >> "$tmp/asked"
if [ -e "$tmp/fails" ] && grep -q -- "\$(cat "$tmp/fails")" << ASKED
\$*
ASKED
then echo "RTNETLINK answers: not today" >&2; exit 2; fi
why=\$("$tmp/tc.real" "\$@" 2>&1) && { echo "\$why"; exit 0; }
code=\$?
case "\$*-\$why" in
  *" sfq "*kind\ is\ unknown*) exec "$tmp/tc.real" qdisc add dev "\$4" parent 1:1 handle 2: pfifo ;;
  filter\ add*not\ found* | filter\ add*unknown* | filter\ add*Failed\ to\ load* | qdisc\ add*\ ingress-*unknown*) exit 0 ;;
esac
echo "\$why" >&2
exit \$code
END
chmod 755 "$tmp/tc"
mount --bind "$tmp/tc" "$tc" || skip_all "nothing can stand for $tc here"
tc qdisc add dev br0 root handle 1: htb default 1 2> /dev/null || skip_all "this kernel has no htb"
tc qdisc del dev br0 root

truncate -s 1M "$tmp/empty.raw"
must t flavor create f --vcpus 1 --ram 64 --disk 0
must t image create i --file "$tmp/empty.raw" --disk-format raw
run t server create s --flavor f --image i --network bridge=br0,mac=52:54:00:00:00:01
made "a guest on a bridge"
tap=$(ls /sys/class/net/br0/brif)
domain=$(field s domain)
pid=$(guest_pids)

# "4Mbit 8Mbit": rate and ceiling of what goes to the guest, as the kernel has them; and the rate of what comes
# from it, as tc was asked for it last.
inbound () { tc class show dev "$tap" | sed -n 's/.* rate \([^ ]*\) ceil \([^ ]*\) .*/\1 \2/p'; }
outbound () { awk '/^qdisc del .* ingress/ { rate = "" } / police rate / { sub (/.* police rate /, ""); rate = $1 } END { print rate }' "$tmp/asked"; }
# libvirt's own numbers that are not 0.
numbers () {
  virsh -q -c "qemu:///embed?root=$state/libvirt" domiftune "$domain" 52:54:00:00:00:01 2> /dev/null \
    | sed -n 's/ *: */=/p' | grep -v '=0$' | paste -sd ' '
}
v () { vl --driver qemu-tcg "$@"; }
history () { db "SELECT action || '|' || result || '|' || coalesce (reason, '-') FROM action ORDER BY n DESC LIMIT 1"; }
under_way () { db "SELECT (SELECT count(*) FROM operation) || (SELECT count(*) FROM document WHERE role <> 'current')"; }
is_eq "$(inbound)$(outbound)$(numbers)" "" "has no quota"

# ---- as it is set ----

path="'/domain/devices/interface[1]/bandwidth"
run v server set s --property quota:vif_inbound_average=500
is_eq "$rc $(steady "$err")" "0 advice Advice core: the guest has it already: $path', which is new; $path/inbound', which is new; $path/inbound/@average' '500', which is new" "one for what it receives"
is_eq "$(inbound)|$(outbound)|$(numbers)" "4Mbit 4Mbit||inbound.average=500" "is the kernel's, and libvirt's"
run v server set s --property quota:vif_inbound_average=600 --property quota:vif_inbound_peak=1000 --property quota:vif_inbound_burst=300 \
  --property quota:vif_outbound_average=250
is_rc 0 "another one, with a peak and a burst, and one for what it sends"
has "$err" "the guest has it already: " "are there at once"
is_eq "$(inbound)|$(outbound)|$(numbers)" "4800Kbit 8Mbit|250kbps|inbound.average=600 inbound.peak=1000 inbound.burst=300 outbound.average=250" \
  "both are the kernel's, and libvirt's"
must t server pause s
run v server unset s --property quota:vif_inbound_average --property quota:vif_inbound_peak --property quota:vif_inbound_burst
is_rc 0 "none for what it receives, while it is paused"
is_eq "$(inbound)|$(outbound)|$(numbers)" "|250kbps|outbound.average=250" "leaves the other one"
must t server unpause s
run t server diff s
is_eq "$rc $out" "0 " "a plan of today is no other"

# ---- traffic control fails ----

# What is written there is what tc does not take, "" all.
echo 375kbps > "$tmp/fails"
run v server set s --property quota:vif_outbound_average=375
is_rc 0 "one that the kernel does not take is on record"
has "$err" "warning InternalError qemu-tcg: cannot change 'nic0' of guest '$domain' while it runs: internal error: Child process (tc filter add dev $tap " "that it is not the guest's is told"
has "$err" "RTNETLINK answers: not today" "with the reason"
has "$err" "advice Advice core: the guest goes on as it is, since it could not be changed while it runs; it gets what changed with 'server reboot --hard --update'" "and what to do"
is_eq "$(outbound)|$(numbers)|$(under_way)" "250kbps|outbound.average=250|00" "it has the one that it had"
has "$(history)" "set live|failed|InternalError: cannot change 'nic0' of guest '$domain' while it runs: " "which its history says"
rm "$tmp/fails"
must t server set s --property quota:vif_outbound_average=250
run v server diff s
is_eq "$rc $out" "0 " "back"

# Neither the new one nor the old one.
echo > "$tmp/fails"
run v server set s --property quota:vif_outbound_average=375
has "$err" "the guest goes on as it is, since it could neither be changed while it runs nor put back, which the next command tries again; " "one that can neither be changed nor put back is told"
is_eq "$(history) $(under_way)" "set live|running|- 11" "is under way"
run v server list
has "$err" "warning Unfinished core: an interrupted \"server set\" of $(field s uuid) could not be mended now; it is tried again later" "and tried again"
rm "$tmp/fails"
finished () { v server list > "$tmp/list" 2>&1; [ "$(under_way)" = 00 ]; }
true_that "once traffic control is there again it is finished" wait_for 300 finished
is_eq "$(outbound)|$(numbers)" "375kbps|outbound.average=375" "the guest has it"
run v server diff s
is_eq "$rc $out" "0 " "and a plan of today is no other"
is_eq "$(guest_pids) $(power s)" "$pid RUNNING" "it was never started anew"
must t server delete s
is_eq "$(ls /sys/class/net/br0/brif)" "" "its interface is gone"
all_gone
done_testing
