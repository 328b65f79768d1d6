#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# STATEs that earlier versions made, as tests/states has them, and one of today are
# opened, and their servers live on.  Those of schemas 1 and 2 have no document on
# record, only its XML: they get one with the first plan that they take.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs qemu-img qemu-utils
needs sqlite3 sqlite3

setting fake "host = $top_srcdir/tests/hosts/amd-sev.json"
setting user 'host_loopback_acknowledged = yes'
setting sev 'num_memory_encrypted_guests = 4'
f () { vl --driver fake "$@"; }
status () { run f server show "$1" -o json; value status; }
slots () { db "SELECT resource, sum (amount) FROM claim WHERE resource LIKE 'MEM_ENC%'"; }
guest () { sed '1,/^$/d' "$state/fake/guests/$(db "SELECT uuid FROM server WHERE name = '$1'")"; }

# The XML of server $1, a name or uuid.
xml_of () {
  local from="SELECT xml FROM server"
  [ "$n" -lt 3 ] || from="SELECT document.xml FROM server JOIN document ON server = uuid AND role = 'current'"
  db "$from WHERE '$1' IN (uuid, name)"
}

# What the dump of the store does not have: images, disks, and the guests of the
# fake hypervisor, which are made of the records.
unpack () {
  local uuid image
  rm -rf "$state"
  mkdir -m 700 "$state" "$state/images" "$state/servers" "$state/fake" "$state/fake/guests"
  sed "s#@STATE@#$state#g" "$1" | db > /dev/null
  chmod 600 "$state/state.db"
  for uuid in $(db 'SELECT uuid FROM image'); do truncate -s 8M "$state/images/$uuid"; done
  chmod 600 "$state"/images/*
  for uuid in $(db 'SELECT uuid FROM server'); do
    image=$(db "SELECT image_uuid FROM server WHERE uuid = '$uuid'")
    mkdir -m 700 "$state/servers/$uuid"
    qemu-img create -q -f qcow2 -F raw -b "$state/images/$image" "$state/servers/$uuid/disk" 1G
    chmod 600 "$state/servers/$uuid/disk"
    db "SELECT 'virtloom fake guest 1' || char (10) || 'domain ' || domain || char (10) || 'state ' ||
        CASE status WHEN 'ACTIVE' THEN 'running' ELSE 'shutdown' END || char (10) ||
        'id 1' || char (10) || 'boots 1' || char (10) || 'memory 131072' || char (10) || 'vcpus 2' ||
        char (10) || char (10) FROM server WHERE uuid = '$uuid'" > "$state/fake/guests/$uuid"
    xml_of "$uuid" >> "$state/fake/guests/$uuid"
  done
}

newest=$(sed -n 's/^static const char \*const \*const migrations.* to_\([0-9]*\) };$/\1/p' "$top_srcdir/core/server/schema.c")
is_eq "$(cd "$top_srcdir/tests/states" && echo schema-*.sql)" "$(seq -f 'schema-%g.sql' -s ' ' $((newest - 1)))" "each schema that there was before has a STATE"

for dump in "$top_srcdir"/tests/states/schema-*.sql; do
  n=${dump##*-}
  n=${n%.sql}
  schema="schema $n"
  unpack "$dump"
  if [ "$n" -lt 3 ]; then
    db "INSERT INTO claim (server, resource, amount, plugin)
        SELECT uuid, 'PCPU:cpu-' || 0, 1, 'cpu-pinning' FROM server WHERE name = 'web'"
  else
    db "INSERT INTO claim SELECT uuid, 'current', 'fake', 'PCPU', 'cpu-pinning', 'cpu-0', '0', 1 FROM server WHERE name = 'web'"
  fi
  first=$(xml_of web)
  claimed=$(slots)
  run f server list
  is_rc 0 "$schema: list"
  is_eq "$(awk 'NR > 1 { print $1, $3 }' <<< "$out")" "db SHUTOFF
secret ACTIVE
web ACTIVE" "all servers are there"
  is_eq "$(db 'SELECT version FROM schema')" "$newest" "the store is one of today"
  [ "$n" = "$newest" ] || is_eq "$(sqlite3 "$state/backup/schema-$n.db" 'SELECT version FROM schema')" "$n" "and a copy of then is kept"
  is_eq "$(slots)" "$claimed" "what was claimed is claimed"
  is_eq "$(db "SELECT holder, member, amount FROM claim WHERE resource = 'PCPU'")" 'cpu-0|0|1' "a dedicated CPU is one of a pool"
  run f flavor create pin --vcpus 1 --ram 128 --disk 1 --property hw:cpu_policy=dedicated
  run f plan --flavor pin --image uefi
  lacks "$out" "cpuset='0'" "that nobody else gets"
  has "$out" "<vcpupin cpuset='1' vcpu='0'/>" "who gets another"
  run f server show web -o json
  is_rc 0 "show"
  has "$out" '"xml": "<domain' "with its document"
  run f server log web
  is_rc 0 "log"
  run f explain web
  is_rc 0 "explain"
  reason="/domain/devices/watchdog/@action = reset  <- unknown, made before reasons were recorded"
  [ "$n" -lt 3 ] || reason="/domain/devices/watchdog[1]/@action = reset  <- watchdog, hw:watchdog_action=reset (flavor)"
  has "$out" "$reason" "says what it knows"
  run f server stop web
  is_eq "$rc $err" "0 " "stop"
  run f server start web
  is_eq "$rc $err" "0 " "start"
  is_eq "$(guest web)" "$first" "from its document, byte for byte"
  if [ "$n" -lt 3 ]; then
    run f server resize web --flavor pin
    is_eq "$rc $err" '3 error GuestWouldChange core: server "web" was made before devices were on record
  virtloom server reboot --hard --update web' "no other flavor without its devices"
  fi
  run f server reboot --hard db
  is_eq "$rc $err" "0 " "hard reboot"
  is_eq "$(status db)" ACTIVE "boots what was off"
  run f server suspend secret
  is_rc 4 "who is asked today is asked of a server of then"
  has "$err" "error OperationNotSupportedForSEV sev: a guest with 'amd-sev' memory cannot be suspended (sev.kind=amd-sev (the usual model))" "and refuses"
  for i in 1 2 3 4; do run f server create "more-$i" --flavor secret --image uefi; done
  is_rc 4 "its claim counts"
  for i in 1 2 3; do run f server delete "more-$i"; done
  run f server diff web
  is_rc 0 "diff"
  run f server reboot --hard --update web
  is_eq "$rc $err" "0 " "a plan of today"
  # Before devices were on record nothing said what a tap was called: that the guest does not see.
  kept='mac address|target dev|<uuid>'
  [ "$n" -ge 3 ] || kept='mac address|<uuid>'
  is_eq "$(guest web | grep -E "$kept")" "$(grep -E "$kept" <<< "$first")" "keeps what its devices are called"
  run f server diff web
  is_eq "$rc $out$err" "0 " "is what it is now"
  run f explain web
  has "$out" "/domain/devices/watchdog[1]/@action = reset  <- watchdog, hw:watchdog_action=reset (flavor)" "with reasons"
  is_eq "$(db "SELECT count(*) FROM server WHERE name = 'web' AND xml || properties || facts = ''")" 1 "and once on record"
  run f server reboot --hard --update secret
  is_eq "$rc $err" "0 " "one with a claim"
  is_eq "$(slots)" "$claimed" "claims it once"
  for name in web db secret; do run f server delete $name; is_eq "$rc $err" "0 " "delete $name"; done
  is_eq "$(find "$state/servers" "$state/fake/guests" -mindepth 1)" "" "nothing is left"
done

done_testing
