#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Hostile and damaged modules: each is refused by the gate, or named when its code
# faults; plugin check fails each for that very reason; and what need not load it goes on.
. "${srcdir:-$(dirname "$0")}/tap.sh"
needs readelf binutils
[ -z "${VL_SANITIZE:-}" ] || skip_all "the sanitizers have handlers of their own"

modules=$tmp/tree/hostile/.libs
mkdir -p "$modules" "$tmp/did"
for part in confine drivers features networks storage packaging plugins.d; do ln -s "$top_builddir/$part" "$tmp/tree/$part"; done
ln -s "$top_srcdir/tests" "$tmp/tree/tests"
"$top_srcdir/tests/hostile" "$top_srcdir" "$top_builddir" "$modules" > "$tmp/list" 2> "$tmp/errors" || bail "$(tail -n 3 "$tmp/errors")"
chmod -R go-w "$tmp/tree"
true_that "there are many" [ "$(wc -l < "$tmp/list")" -ge 100 ]
cat > "$tmp/request.json" << 'EOJ'
{ "name": "empty", "flavor": { "name": "m1", "vcpus": 1, "ram": 512, "disk": 1 },
  "image": { "name": "debian", "disk_format": "qcow2" } }
EOJ
# Without scripts in between: what is run here is run a thousand times.
program=$top_builddir/tools/.libs/virtloom
[ -x "$program" ] || skip_all "this build has no shared libraries"
export LD_LIBRARY_PATH=$top_builddir/core/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
one () {
  local driver=(--driver fake)
  [[ " $* " != *" --driver "* ]] || driver=()
  "$program" --tree "$tmp/tree" --config "$config" --state "$state" "${driver[@]}" "$@"
}
# What runs although the gate has refused it leaves this file.
export VL_TEST_TRACE=$tmp/trace

run one flavor create m1 --vcpus 1 --ram 512 --disk 0
is_rc 0 "a flavor"
mkdir "$tmp/blank"
cp -R "$config" "$tmp/blank/config"
cp -R "$state" "$tmp/blank/state"
truncate -s 1M "$tmp/disk.raw"
run one server create live --flavor m1 --volume "path=$tmp/disk.raw,format=raw,boot_index=0"
is_rc 0 "a server from before"
run one image create plain --file "$tmp/disk.raw" --disk-format raw
is_rc 0 "an image"

# ---- each alone, several beside each other; what came of it is read afterwards ----

# act NAME STEP COMMAND..., did NAME STEP: as `run` does, at two times.
act () {
  local at=$tmp/did/$1.$2
  shift 2
  "$@" > "$at.out" 2> "$at.err" < /dev/null
  echo $? > "$at.rc"
}
did () {
  local at=$tmp/did/$1.$2
  out=$(cat "$at.out") err=$(cat "$at.err") rc=$(cat "$at.rc")
}
make_server () { # NAME OPTION...
  act "$1" create one server create "$1" --flavor m1 --volume "path=$tmp/disk.raw,format=raw,boot_index=0" "${@:2}"
}
exercise () { # NAME CLASS
  # Names of sockets end at 108 bytes.
  local folder=$tmp/a/$3 kind=feature request=()
  local config=$folder/config state=$folder/state
  cp -R "$tmp/blank" "$folder"
  cp "$modules/$1.conf" "$config/plugins.d/"
  [ ! -e "$modules/$1.json" ] || request=(--request "$modules/$1.json")
  case $2 in
    fine) unset VL_TEST_TRACE ;;
    gate | probe) ;;
    plan) act "$1" fault one plan "${request[@]}" ;;
    permit) make_server "$1"; act "$1" fault one server suspend "$1" ;;
    event) make_server "$1"; act "$1" fault one server pause "$1" ;;
    prepare) make_server "$1" ;;
    release) make_server "$1"; act "$1" fault one server delete "$1" ;;
    plug | unplug) make_server "$1" --network "type=$1,bridge=br0" ;;
    driver | destroy) kind=driver; make_server "$1" --driver "$1" ;;
    *) act "$1" fault one plan --request "$tmp/request.json" ;;
  esac
  case $2 in
    prepare | plug | driver) for end in out err rc; do mv "$tmp/did/$1.create.$end" "$tmp/did/$1.fault.$end"; done ;;
    unplug) act "$1" fault one server delete "$1" ;;
    destroy) act "$1" fault one server delete "$1" --driver "$1" ;;
  esac
  # Once for each place is enough.
  case $1 in *-null | load-* | throws-* | jumps)
    act "$1" show one config show
    act "$1" flavors one flavor list
    act "$1" off one $kind disable "$1"
    act "$1" after one plan --request "$tmp/request.json" ;;
  esac
  # Of what hangs, the deadline of plugin check has a test of its own.
  [ "$1" = load-hang ] || act "$1" check one plugin check "$modules/$1.so" "${request[@]}"
  : > "$tmp/did/$1.done"
}
mkdir "$tmp/a"
n=0
# One is stopped by its deadline, and waits for that.
while read -r name class words; do
  while [ "$(jobs -rp | wc -l)" -ge 5 ]; do wait -n; done
  n=$((n + 1))
  exercise "$name" "$class" $n &
done < <(grep '^load-hang ' "$tmp/list"; grep -v '^load-hang ' "$tmp/list")

# ---- what the gate refuses and what fails in loading, all at once ----

grep ' gate ' "$tmp/list" > "$tmp/gate"
grep ' load ' "$tmp/list" | grep -v '^load-hang ' > "$tmp/load"
while read -r name _; do cp "$modules/$name.conf" "$config/plugins.d/"; done < "$tmp/gate"
run one plan --request "$tmp/request.json"
is_rc 0 "a plan goes on beside what the gate refuses"
while read -r name class words; do
  has "$err" "warning PluginRefused $name: module '$modules/$name.so' $words" "$name: and says so"
done < "$tmp/gate"
while read -r name _; do cp "$modules/$name.conf" "$config/plugins.d/"; done < "$tmp/load"
# What need not load any of them, each command as far as it can be tried here; and what asks
# every plugin that there is, or plans.
cat > "$tmp/free" << 'EOC'
config delta
config show
driver list
driver show fake
driver enable fake
feature list
feature show watchdog
feature which hw:watchdog_action
feature disable watchdog
feature enable watchdog
flavor list
flavor show m1
host check
host list
host show
host usage
image list
image show plain
image save plain --file saved
image cache show
image cache manage
image cache fetch plain
server console live
server event list live
server migration list
server list
server log live
server screenshot live
server top -n 1 -d 1
server show live
server url live
server vnc live --web --timeout 1
server wait live --status ACTIVE
state backup
state check
flavor unset m1 --property hw:nothing
image unset plain --property hw_nothing
image delete plain
flavor delete m1
EOC
cat > "$tmp/asking" << 'EOC'
audit config check|import-nova driver call|disable explain flavor create|set host import|resume|tend|watch image create|set plan plugin check|new
server create|delete|diff|export|import|lock|migrate|pause|reboot|rebuild|rescue|resize|resume|set|shelve|start|stop|suspend|unlock|unpause|unrescue|unset|unshelve state repair|restore migration serve
EOC
cd "$tmp" || bail "no $tmp"
while read -r words; do
  read -r -a words <<< "$words"
  run one "${words[@]}"
  case ${words[*]} in
    *unset*) is_rc 5 "${words[*]} goes on beside all of them" ;;
    # As far as it goes without a viewer, or without Debian's noVNC.
    *vnc*) true_that "${words[*]} goes on beside all of them" grep -qE '^error (WaitTimeout|ToolMissing) core: ' <<< "$err" ;;
    *console*) is_rc 4 "${words[*]} goes on beside all of them" ;;
    *) is_rc 0 "${words[*]} goes on beside all of them" ;;
  esac
done < "$tmp/free"
for noun in $("$program" --help | sed -n '/^Nouns/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
  while read -r verb; do
    true_that "$noun $verb is on one of the lists" grep -qE "^$noun $verb( |\$)|(^| )$noun ([a-z-]+\|)*$verb(\||\$| )" "$tmp/free" "$tmp/asking"
  done < <("$program" "$noun" --help | sed -n '/^Verbs/,/^$/s/^  \([a-z-]*\( list\)\{0,1\}\)  .*/\1/p')
done
run one feature list -o json
while read -r name _; do
  is_eq "$(jq -r --arg name "$name" '.features[] | select (.name == $name) | .state' <<< "$out")" refused "$name is refused"
done < <(cat "$tmp/gate" "$tmp/load")
run one config check
is_rc 7 "config check fails"
while read -r name class words; do
  case $class in
    gate) has "$err" "error PluginRefused $name: module '$modules/$name.so' $words" "$name: $words" ;;
    load) has "$err" "error PluginRefused $name: its code ${words/#killed/was killed}" "$name: $words" ;;
  esac
done < <(cat "$tmp/gate" "$tmp/load")
wait
true_that "nothing of what the gate refused has run" [ ! -e "$tmp/trace" ]

# ---- what came of each ----

while read -r name class words; do
  true_that "$name has come to its end" [ -e "$tmp/did/$name.done" ]
  for step in show flavors off after; do
    [ -e "$tmp/did/$name.$step.rc" ] || continue
    did "$name" $step
    is_rc 0 "$name: $step goes on"
  done
  case $name in
    # What ends the process without a signal that can be caught leaves no word.
    load-quit | load-kill) ;;
    *) if [ -e "$tmp/did/$name.fault.rc" ]; then
      did "$name" fault
      true_that "$name: no success" [ "$rc" -ne 0 ]
      # A driver is let go after the answer.
      [[ $name = driver-close-* ]] || is "$out" "" "$name: no answer"
      has "$err" "error PluginFault $name: $words ($modules/$name.so)
  'enabled = no' in plugins.d/$name.conf turns it off" "$name: $words"
    fi ;;
  esac
  if [ -e "$tmp/did/$name.create.rc" ]; then
    did "$name" create
    is_rc 0 "$name: a server of which it is a part"
  fi
  [ -e "$tmp/did/$name.check.rc" ] || continue
  did "$name" check
  case $class:$name in
    fine:*) is_rc 0 "$name: plugin check passes it"
      lacks "$out" "not ok" "$name: in each line" ;;
    *:abi-2 | *:other-magic) has "$out" "not ok 3 - its ABI is this one's" "$name: plugin check says so" ;;
    *:alias) has "$out" "not ok 4 - its name is the file's" "$name: plugin check says so" ;;
    *:load-quit | *:load-kill) has "$out" "not ok 10 - loading comes to its end" "$name: plugin check says so" ;;
    gate:*) has "$out" "$words" "$name: plugin check says so" ;;
    *) has "$out" "$words ($modules/$name.so)" "$name: plugin check says so" ;;
  esac
  [ "$class" = fine ] || true_that "$name: plugin check fails" [ "$rc" -ne 0 ]
done < "$tmp/list"
done_testing
