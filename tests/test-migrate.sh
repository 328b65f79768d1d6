#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A server moves to another host, on the fake driver: two STATEs are two hosts, and the transport runs the
# other one's command.  Whatever dies on the way, the server is one host's, and its guest runs on no two.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs sqlite3 sqlite3
needs jq jq
needs python3 python3
needs qemu-img qemu-utils

setting user 'host_loopback_acknowledged = yes'
there=$tmp/there shared=$tmp/shared
mkdir -p "$there/plugins.d" "$shared"
chmod go-w "$there" "$there/plugins.d" "$shared"
cp "$config/plugins.d/user.conf" "$there/plugins.d/"
# What is at the other end of the line: FILE says how it is served.
# It is given no variable of ours; what finds leaks is told all the same what it shall do.
asan=$(printf 'export ASAN_OPTIONS=%q LSAN_OPTIONS=%q' "${ASAN_OPTIONS:-}" "${LSAN_OPTIONS:-}")
cat > "$tmp/line" << EOT
#!/bin/bash
$asan
[ "\$1" = -- ] && [ "\$2" = two ] || { echo "no route to \$*" >&2; exit 255; }
[ ! -e "$tmp/dead" ] || { echo 'connect to host two: No route to host' >&2; exit 255; }
. "$tmp/how"
EOT
chmod 755 "$tmp/line"
b=("$VL_RUN" virtloom --driver fake --config "$there" --state "$tmp/b")
serve="exec ${b[*]} migration serve"
how () { printf '%s\n' "$1" > "$tmp/how"; }
how "$serve"
line="migration_transport = $tmp/line -- %h"
main_setting virtloom 'host = one' "$line"
printf '[virtloom]\nhost = two\nmigration_transport = %s/line-back -- %%h\n' "$tmp" > "$there/virtloom.conf"
printf '#!/bin/bash\n%s\n. "%s/how-back"\n' "$asan" "$tmp" > "$tmp/line-back"
chmod 755 "$tmp/line-back"
a () { vl --driver fake "$@"; }
b () { "${b[@]}" "$@"; }
bdb () { sqlite3 -cmd '.timeout 60000' "$tmp/b/state.db" "$@"; }
status_a () { db "SELECT status FROM server WHERE name = 'web'"; }
status_b () { [ ! -e "$tmp/b/state.db" ] || bdb "SELECT status FROM server WHERE name = 'web'"; }
# How many guests the hypervisors of both hosts have that run, looked at without a command.
running () { cat "$state"/fake/guests/* "$tmp"/b/fake/guests/* 2> /dev/null | grep -c running; }
truncate -s 8M "$shared/disk.raw"
a flavor create m0 --vcpus 1 --ram 128 --disk 0 > "$tmp/log" 2>&1
create () {
  a server create web --flavor m0 --network user --volume "path=$shared/disk.raw,format=raw,boot_index=0" > "$tmp/log" 2>&1 || bail "no server: $(cat "$tmp/log")"
  uuid=$(db "SELECT uuid FROM server WHERE name = 'web'")
}
create

# ---- what refuses it ----

run a server migrate web
is_eq "$rc $err" "2 error Usage core: 'server migrate' needs --host NAME
  it is what migration_transport in virtloom.conf reaches it by" "to which host"
for host in '-oProxyCommand=x' 'a b' 'a/b' '$(x)' ''; do
  run a server migrate web --host "$host"
  has "$rc $err" "InvalidHostname core: '" "no host: '$host'"
done
how "$serve"
run a server migrate web --host three
is_eq "$rc $err" "8 error MigrationError core: host \"three\" cannot be asked: it has ended (no route to -- three)
  see migration_transport in virtloom.conf; it has to run 'virtloom migration serve' there" "one that is not there"
main_setting virtloom 'host = one' "migration_transport = $tmp/nothing %h"
run a server migrate web --host two
is_eq "$rc ${err%%$'\n'*}" "8 error MigrationError core: host \"two\" cannot be asked: '$tmp/nothing' cannot be run: there is no such program" "a transport that is not there"
# A program of that name where a variable leads to, and one where the system's are.
mkdir "$tmp/planted"
printf '#!/bin/sh\n: > "%s/planted/ran"\n' "$tmp" | tee "$tmp/planted/printenv" > "$tmp/planted/sh"
chmod 755 "$tmp/planted/printenv" "$tmp/planted/sh"
main_setting virtloom 'host = one' "migration_transport = printenv"
run env PATH="$tmp/planted:$PATH" SECRET=7 SSH_AUTH_SOCK=/run/agent "$VL_RUN" virtloom --driver fake --config "$config" --state "$state" server migrate web --host two
has "$err" "error InvalidRequest core: " "what the command says is no message"
lacks "$err" SECRET "it gets no variable of ours"
true_that "and is the system's, wherever PATH leads" test ! -e "$tmp/planted/ran"
main_setting virtloom 'host = one' "$line"
while IFS=@ read -r what said; do
  how "$what"
  run a server migrate web --host two
  has "$err" "$said" "the other end: $what"
  is_eq "$(status_a) $(db 'SELECT count(*) FROM operation')" "ACTIVE 0" "nothing has begun"
done << 'EOT'
true@cannot be asked: it has ended
printf '{"done"'@cannot be asked: it ended in the middle of a line
echo rubbish; cat > /dev/null@error InvalidRequest core: $: is not JSON
echo '[]'; cat > /dev/null@error InvalidRequest core: $: is no object; accepted: a line with one (host "two")
echo '{}'; cat > /dev/null@cannot be asked: its answer says neither that it was done nor that it was not
echo '{"done":true,"version":7}'; cat > /dev/null@cannot be asked: it speaks version 7 of the protocol; accepted: 1 to 1
echo '{"done":true,"version":1,"host":"one"}'; cat > /dev/null@error UnableToMigrateToSelf core: host "two" is this one
echo '{"findings":[{"severity":1,"err":4,"code":"NoWay","plugin":"x","message":"not today","hint":"tomorrow"}]}'; cat > /dev/null@error NoWay x: host "two": not today
head -c 5000000 /dev/zero | tr '\0' ' '; cat > /dev/null@cannot be asked: a line of it has more than 4259840 bytes
yes '{"done":true,"version":1,"host":"two","x":1}' | head -n 3; cat > /dev/null@disk
EOT
how "$serve"
truncate -s 8M "$tmp/own.raw"
a flavor create m1 --vcpus 1 --ram 128 --disk 1 > "$tmp/log" 2>&1
a image create img --file "$tmp/own.raw" --disk-format raw > "$tmp/log" 2>&1
a server create own --flavor m1 --image img > "$tmp/log" 2>&1
run a server migrate own --host two
is_eq "$rc $err" "4 error InvalidSharedStorage core: disk 'root' of server \"own\", \"$state/servers/$(db "SELECT uuid FROM server WHERE name = 'own'")/disk\", does not move: it is in STATE, which is this host's alone
  volumes move that both hosts reach: files of a folder that they share, and what is reached by the network" "a disk of this host alone"
a server delete own > "$tmp/log" 2>&1
how "sed -u 's|$shared|/nowhere|' | ${b[*]} migration serve"
run a server migrate web --host two
has "$rc $err" "4 error InvalidSharedStorage core: disk 'root' of server \"web\", " "a folder that the other host has not"
has "$err" "does not move: host \"two\" has not that folder" "which is told"
how "$serve"
printf '[virtloom]\nhost = two\nreserved_host_memory_mb = 100000000\n' > "$there/virtloom.conf.new"
cp "$there/virtloom.conf" "$tmp/two.conf"
cp "$there/virtloom.conf.new" "$there/virtloom.conf"; rm "$there/virtloom.conf.new"
run a server migrate web --host two
has "$rc $err" "4 error ComputeResourcesUnavailable " "a host without room"
has "$err" ': host "two": ' "and its name is told"
cp "$tmp/two.conf" "$there/virtloom.conf"
printf '[settings]\ndisk_cachemodes = file=writethrough\n' > "$there/plugins.d/disk-cache.conf"
run a server migrate web --host two
has "$rc $err" "4 error GuestWouldChange disk-cache: host \"two\": on this host server \"web\" would change in what its guest sees: " "what the guest would see"
rm "$there/plugins.d/disk-cache.conf"
is_eq "$(status_a)/$(status_b)/$(ls -A "$shared")" "ACTIVE//disk.raw" "nothing came of any"

# ---- it moves ----

run a server migrate web --host two --dry-run
is_eq "$rc $err $(status_a)/$(status_b)" "0  ACTIVE/" "it can be said what would be done"
has "$out" "/domain/" "and what differs"
run a server migrate web --host two
is_eq "$rc $err" "0 " "it moves"
is_eq "$(status_a)/$(status_b)" "/ACTIVE" "it is the other host's, and runs there as it did"
is_eq "$(db 'SELECT count(*) FROM server') $(db 'SELECT count(*) FROM claim') $(db 'SELECT count(*) FROM operation') $(ls -A "$state/servers")$(find "$state/fake/guests" -type f)" "0 0 0 " "nothing is left here"
is_eq "$(bdb 'SELECT uuid FROM server')" "$uuid" "it is the same server"
is_eq "$(ls -A "$shared")" disk.raw "its disk is where it was, and nothing beside it"
run b server event list web
has "$out" import "its history begins there"
# The way back is the same.
printf 'exec %q virtloom --driver fake --config %q --state %q migration serve\n' "$VL_RUN" "$config" "$state" > "$tmp/how-back"
b server stop web > "$tmp/log" 2>&1
run b server migrate web --host one
is_eq "$rc $err $(status_a)/$(status_b)" "0  SHUTOFF/" "one that is off comes back, and is off"
run a server start web
is_eq "$rc $err" "0 " "and starts"
run a server migration list -o json
is_eq "$rc $(jq '.migrations | length' <<< "$out")" "0 0" "none is on its way"
for act in abort force-complete; do
  run a server migration "$act" web
  has "$rc $err" "3 error NoActiveMigrationForInstance " "$act of none"
done

# ---- the other host refuses at the last moment, or its line is cut ----

printf '[settings]\nfail = finish_migration:1\n' > "$there/plugins.d/fake.conf"
run a server migrate web --host two
has "$rc $err" "error PlannedFailure fake: host \"two\": " "the other host cannot make the guest"
has "$err" "error InstanceFaultRollback core: server \"web\" did not move to host \"two\"; it is what it was" "which is told"
is_eq "$(status_a)/$(status_b)" "ACTIVE/" "it is here, and runs"
rm "$there/plugins.d/fake.conf"
# Cut when it has the commit, and has not answered: what has become of it is asked over another line.
cat > "$tmp/until-commit.py" << 'EOP'
# until-commit.py DELIVERED FILE COMMAND...: passes on what COMMAND and the other host say, up to the commit, which is
# passed on if DELIVERED is 1, and whose answer is not; FILE is made then.
import subprocess, sys
p = subprocess.Popen(sys.argv[3:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
for line in sys.stdin.buffer:
    last = b'"commit"' in line
    if not last or sys.argv[1] == "1":
        p.stdin.write(line)
        p.stdin.flush()
        answer = p.stdout.readline()
    if last:
        break
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
open(sys.argv[2], "w")
p.stdin.close()
p.wait()
EOP
how "if [ -e $tmp/cut ]; then $serve; else exec python3 $tmp/until-commit.py 1 $tmp/cut ${b[*]} migration serve; fi"
run a server migrate web --host two
is_eq "$rc $(status_a)/$(status_b)" "0 /ACTIVE" "a line that is cut after the commit: it has moved, and runs"
has "$err" 'warning MigrationError core: host "two" cannot be asked: it has ended' "which is told"
how "$serve"
run b server migrate web --host one
is_eq "$rc $err $(status_a)/$(status_b)" "0  ACTIVE/" "back"

# ---- parked ----

# The line dies with the commit, and the host with it.
how "exec python3 $tmp/until-commit.py 0 $tmp/dead ${b[*]} migration serve"
run a server migrate web --host two
has "$rc $err" 'error MigrationError core: whether server "web" is on host "two" is not known: it is MIGRATING until that answers' "a host that died with the commit: it is parked"
is_eq "$(status_a)/$(status_b)" "MIGRATING/" "and nobody's guest runs"
run a server start web
true_that "it is not started meanwhile" test "$rc" -ne 0
is_eq "$(status_a)" MIGRATING "it stays parked"
run a server migration list -o json
is_eq "$rc $(jq -r '.migrations[] | .server + " " + .kind + " " + .host + " " + .status' <<< "$out")" "0 web cold two MIGRATING" "which is shown"
rm "$tmp/dead"
how "$serve"
run a server list
is_eq "$(status_a)/$(status_b) $(db 'SELECT count(*) FROM operation')" "ACTIVE/ 0" "once the host answers it is this host's, and runs"

# The same, where it had the commit.
how "exec python3 $tmp/until-commit.py 1 $tmp/dead ${b[*]} migration serve"
run a server migrate web --host two
is_eq "$rc $(status_a)/$(status_b)" "8 MIGRATING/SHUTOFF" "a host that died after the commit has it, which nobody knows here"
run b server start web
is_eq "$rc $err" "0 " "there it starts"
rm "$tmp/dead"
how "$serve"
run a server list
is_eq "$(status_a)/$(status_b) $(db 'SELECT count(*) FROM operation')" "/ACTIVE 0" "once the host answers it is forgotten here"
run b server migrate web --host one
is_eq "$rc $err $(status_a)/$(status_b)" "0  ACTIVE/" "back"

# ---- what the other end makes of what is said ----

# told LINE...: what the other end answers to these, after hello.
hello='{"method":"hello","oldest":1,"newest":1,"host":"one"}'
told () { run "${b[@]}" migration serve < <(printf '%s\n' "$@"); said=$(jq -rs '[.[].findings[]?.message] | join ("; ")' <<< "$out" 2>&1); }
while IFS=@ read -r what said_is; do
  told "$hello" "$what"
  is_eq "$said" "$said_is" "$what"
done << 'EOT'
{"method":"look","path":"/etc/passwd"}@the message 'look' of the migration protocol has no path, which is that of a file that is there for this
{"method":"look","path":"relative/.virtloom-move-00000000-0000-4000-8000-000000000001"}@the message 'look' of the migration protocol has no path, which is that of a file that is there for this
{"method":"commit"}@the message 'commit' of the migration protocol has no server that is prepared
{"method":"prepare"}@the message 'prepare' of the migration protocol has no record
{"method":"prepare","record":7}@the message 'prepare' of the migration protocol has no record
{"method":"resolve","uuid":"../x","generation":1}@the message 'resolve' of the migration protocol has no uuid and generation
{"method":"start","uuid":"web"}@the message 'start' of the migration protocol has no uuid
{"method":"rm -rf"}@the migration protocol has no message 'rm -rf'
{"method":"abort","x-mine":[1,{"a":2}]}@
{}@the migration protocol has no message ''
[]@$: is no object; accepted: a line with one
EOT
told '{"method":"commit"}'
is_eq "$said" "the message 'commit' of the migration protocol has no hello before it" "hello comes first"
told '{"method":"hello","oldest":0,"newest":0,"host":"one"}'
is_eq "$said" 'host "one" speaks versions 0 to 0 of the migration protocol; accepted: 1 to 1' "one that is older"
told '{"method":"hello","oldest":2,"newest":3,"host":"one"}'
is_eq "$said" 'host "one" speaks versions 2 to 3 of the migration protocol; accepted: 1 to 1' "one that is newer"
told '{"method":"hello","oldest":0,"newest":2,"host":"one","new":true}'
is_eq "$rc $(jq -r '"\(.version) \(.host)"' <<< "$out")" "0 1 two" "one that speaks both, with a member that nobody knows"
told '{"method":"hello","oldest":1,"newest":1,"host":"-x"}'
is_eq "$said" "the message 'hello' of the migration protocol has no host, which is the name of one" "one without a name"
run "${b[@]}" migration serve < <(head -c 5000000 /dev/zero | tr '\0' ' ')
has "$out" "a line of it has more than 4259840 bytes" "a line without an end"
run "${b[@]}" migration serve < <(printf '%s\n{"meth' "$hello")
has "$rc $out" "it ended in the middle of a line" "one that is cut"
run "${b[@]}" migration serve < /dev/null
is_eq "$rc $out$err" "0 " "nothing at all"
# Prepared, and then the line ends: it is as if it had never been.
a server stop web > "$tmp/log" 2>&1
a server export web | jq -c '{method: "prepare", record: (.generation += 0)}' > "$tmp/prepare.json"
run "${b[@]}" migration serve < <(echo "$hello"; cat "$tmp/prepare.json")
is_eq "$rc $(jq -rs '.[1].done' <<< "$out") $(bdb 'SELECT count(*) FROM server') $(bdb 'SELECT count(*) FROM claim') $(bdb 'SELECT count(*) FROM operation')$(ls -A "$tmp/b/servers")" "0 true 0 0 0" "prepared, and the line ends: nothing is left"
a server start web > "$tmp/log" 2>&1

# ---- killed at any place, on either side ----

if can_kill; then
  calls=fsync,fdatasync,rename,renameat2,unlink,mkdir,pwrite64
  for side in one two; do
    bad=''
    for n in $(kill_places 9); do
      rm -f "$tmp/killed" "$tmp/trace"
      kill=(strace -o "$tmp/trace" -e trace="$calls" -e inject="$calls:signal=KILL:when=$n")
      how "$serve"
      if [ "$side" = one ]; then
        run env ASAN_OPTIONS=detect_leaks=0 timeout --kill-after=5 120 "${kill[@]}" "$VL_RUN" virtloom --driver fake --config "$config" --state "$state" server migrate web --host two
      else
        how "if [ ! -e $tmp/killed ]; then touch $tmp/killed; exec env ASAN_OPTIONS=detect_leaks=0 ${kill[*]} ${b[*]} migration serve; else $serve; fi"
        run a server migrate web --host two
      fi
      killed=0
      ! grep -q 'killed by SIGKILL' "$tmp/trace" || killed=137
      [ "$(running)" -le 1 ] || bad+=" $n: it runs twice;"
      # The next command on either side.
      run b server list
      run a server list
      run a server list
      where=$(status_a)/$(status_b)
      [ "$(running)" -le 1 ] || bad+=" $n: it runs twice, at last;"
      case $where in
        ACTIVE/ | /ACTIVE | /SHUTOFF | SHUTOFF/) ;;
        *) bad+=" $n: $where;" ;;
      esac
      [ "$(db 'SELECT count(*) FROM operation') $(bdb 'SELECT count(*) FROM operation')" = "0 0" ] || bad+=" $n: an operation is left;"
      [ "$(find "$shared" -type f ! -name '.virtloom-move-*')" = "$shared/disk.raw" ] || bad+=" $n: the disk;"
      rm -f "$shared"/.virtloom-move-*
      case $where in
        /*) b server migrate web --host one > "$tmp/log" 2>&1 || bad+=" $n: back: $(cat "$tmp/log");" ;;
      esac
      a server start web > "$tmp/log" 2>&1
      [ "$(status_a)" = ACTIVE ] || bad+=" $n: not here;"
      [ "$killed" != 0 ] || break
    done
    is_eq "$killed $bad" "0 " "killed at any of $n places, side $side, it is one host's"
  done
else
  skip "a command cannot be killed at a system call here"
fi

done_testing
