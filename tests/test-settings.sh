#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Settings without effect: each one that there is changes what settings.list says, and is told, with where it
# stands and what mends it, where it can change nothing.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
needs jq jq

list=$top_srcdir/tests/settings.list
conf=$tmp/conf
host=kvm-x86_64
f () { vl --config "$conf" --driver fake --host "$host" "$@"; }

# settings PLUGIN.KEY=VALUE...: a configuration folder that says so, each in a file of its own kind.
settings () {
  local each file section key
  rm -rf "$conf"
  mkdir -p "$conf/plugins.d"
  for each; do
    key=${each%%=*}
    case ${key%.*} in
    virtloom | storage) file=$conf/virtloom.conf section=${key%.*} ;;
    *) file=$conf/plugins.d/${key%.*}.conf section=settings ;;
    esac
    touch "$file"
    grep -q "^\[$section\]" "$file" || echo "[$section]" >> "$file"
    sed -i "/^\[$section\]/a ${key##*.} = ${each#*=}" "$file"
  done
  chmod -R go-w "$conf"
}

# ---- the list has all there are ----

settings
printf '[virtloom]\nnone = 1\n[storage]\nnone = 1\n' > "$conf/virtloom.conf"
run vl --config "$conf" config check
for section in virtloom storage; do
  sed -n "s/.*unknown key 'none' in \[$section\]; accepted: \([^(]*\) (.*/\1/p" <<< "$err" | tr ' ' '\n' | sed "s/^/$section./"
done > "$tmp/there"
settings
for plugin in $(cd "$top_srcdir/plugins.d" && echo *.conf); do
  plugin=${plugin%.conf}
  noun=feature
  grep -q '^kind *= *driver' "$top_srcdir/plugins.d/$plugin.conf" && noun=driver
  vl --config "$conf" "$noun" show "$plugin" -o json > "$tmp/show"
  jq -r --arg p "$plugin" '.properties[] | select(.setting) | "\($p).\(.setting)"' "$tmp/show" >> "$tmp/there"
  jq -r --arg p "$plugin" '.properties[] | select(.setting and .only) | "\($p).\(.setting)"' "$tmp/show" >> "$tmp/only"
done
is_eq "$(grep -v '^#' "$list" | cut -d'|' -f1 | sort)" "$(sort "$tmp/there")" "settings.list has every setting, and no other"
true_that "there are many" test "$(wc -l < "$tmp/there")" -gt 90
is_eq "$(grep -v '^#' "$list" | awk -F'|' '$5 != "" { print $1 }' | grep -v '^virtloom\.\|^storage\.' | sort)" "$(sort "$tmp/only")" \
  "and says of each that is not everywhere of use what makes it void"

# ---- each changes something ----

# request WORD...: a request file with them.
request () {
  local word
  jq -n '{"name": "web", "uuid": "11111111-2222-4333-8444-555555555555",
    "flavor": {"name": "f", "vcpus": 2, "ram": 1024, "disk": 2, "extra_specs": {}},
    "image": {"name": "i", "disk_format": "qcow2", "properties": {}}, "networks": []}' > "$tmp/request"
  for word; do
    case $word in
    f:*) jq --arg k "$(key=${word#f:}; echo "${key%=*}")" --arg v "${word##*=}" '.flavor.extra_specs[$k] = $v' "$tmp/request" ;;
    i:*) jq --arg k "$(key=${word#i:}; echo "${key%=*}")" --arg v "${word##*=}" '.image.properties[$k] = $v' "$tmp/request" ;;
    d:*) jq --arg k "$(key=${word#d:}; echo "${key%=*}")" --argjson v "${word##*=}" '.flavor[$k] = $v' "$tmp/request" ;;
    n:bridge) jq '.networks += [{"type": "bridge", "bridge": "br0", "address": "52:54:00:00:00:01"}]' "$tmp/request" ;;
    n:*) jq --arg t "${word#n:}" '.networks += [{"type": $t, "address": "52:54:00:00:00:01"}]' "$tmp/request" ;;
    esac > "$tmp/request.new"
    mv "$tmp/request.new" "$tmp/request"
  done
}

# plan SETTING...: what a plan says with them, on stdout; and its exit code.
plan () {
  settings "$@"
  if [ -n "$live" ]; then
    vl --config "$conf" --driver qemu-tcg plan --request "$tmp/request" 2>&1
  else
    f -v plan --request "$tmp/request" 2>&1
  fi
}

# made SETTING...: what comes of a server that is made with them: the exit code, findings, and its config drive, its files'
# names, too.
made () {
  local rc drive
  settings
  [ -e "$tmp/i.qcow2" ] || qemu-img create -q -f qcow2 "$tmp/i.qcow2" 1M
  f image show i > /dev/null 2>&1 || f image create i --file "$tmp/i.qcow2" --disk-format qcow2 > /dev/null
  settings "$@"
  f server create web --request "$tmp/request" --config-drive 2>&1
  rc=$?
  drive=$(find "$state/servers" -name disk.config)
  if [ -n "$drive" ]; then
    isoinfo -J -f -i "$drive"
    tr -d '\0' < "$drive"
  fi
  settings
  f server delete web > /dev/null 2>&1
  return $rc
}

# stored SETTING...: what comes of an image of 3 MiB.
stored () {
  local rc
  settings "$@"
  f image create three --file "$tmp/three.raw" --disk-format raw 2>&1
  rc=$?
  settings
  f image delete three > /dev/null 2>&1
  return $rc
}
truncate -s 3M "$tmp/three.raw"
echo '{"vendor": "settled"}' > "$tmp/vendor.json"

# judge SETTING VALUE BESIDE WHAT
judge () {
  local setting=$1 value=${2//TMP/$tmp} live='' with without rc plain try=plan host=$host
  local -a beside=() words=()
  [ -z "$3" ] || beside=("$3")
  set -f
  # shellcheck disable=SC2086 # words
  set -- $4
  set +f
  while [[ $1 == [dfin]:* ]]; do words+=("$1"); shift; done
  while case $1 in
    live) live=yes ;;
    made | stored)
      try=$1
      for program in qemu-img isoinfo genisoimage; do
        PATH=$PATH:/sbin command -v $program > /dev/null || { skip "$setting: $program is missing"; return; }
      done ;;
    host:*) host=${1#host:} ;;
    *) false ;;
    esac; do shift; done
  local how=$1 text
  shift
  text=$*
  if [ "$how" = in ]; then
    true_that "$setting: $text sets it" grep -rqE -- "(^|[^a-z_])${setting##*.} ?= ?" "$top_srcdir/tests/$text"
    return
  fi
  if [ "$how" = limit ]; then
    can_kill || { skip "$setting: strace cannot be used"; return; }
    command -v qemu-img > /dev/null || { skip "$setting: qemu-img is missing"; return; }
    settings "$setting=$value"
    qemu-img create -q -f qcow2 "$tmp/disk.qcow2" 1M
    strace -f -o "$tmp/trace" -e trace=prlimit64,setrlimit "$VL_RUN" virtloom --config "$conf" --state "$state" --driver fake \
      image create "${setting##*_}" --file "$tmp/disk.qcow2" --disk-format qcow2 > "$tmp/.out" 2>&1
    true_that "$setting: is seen" grep -qF "$text" "$tmp/trace"
    return
  fi
  request "${words[@]}"
  without=$($try "${beside[@]}")
  plain=$?
  if [ -n "$live" ] && [ $plain -ne 0 ]; then skip "$setting: no plan can be made for this host"; return; fi
  if [ "$how" = allow ]; then
    true_that "$setting: a plan without it is refused" test $plain -ne 0
  else
    true_that "$setting: a plan without it" test $plain -eq 0
  fi
  with=$($try "${beside[@]}" "$setting=$value")
  rc=$?
  case $how in
  plan) has "$with" "$text" "$setting: is seen"; lacks "$without" "$text" "$setting: and not without it" ;;
  lacks) lacks "$with" "$text" "$setting: is seen"; has "$without" "$text" "$setting: and not without it" ;;
  allow) has "$without" "$text" "$setting: and why"; true_that "$setting: and with it is not" test "$rc" -eq 0 ;;
  refuse) has "$rc $with" "$text" "$setting: is seen"; true_that "$setting: by a refusal" test "$rc" -ne 0 ;;
  *) bail "settings.list: $setting: '$how'" ;;
  esac
}
grep -v '^#' "$list" > "$tmp/list"
while IFS='|' read -r setting value beside what void; do
  judge "$setting" "$value" "$beside" "$what"
done < "$tmp/list"

# ---- those that no plan shows ----

settings "virtloom.state_dir=$tmp/elsewhere" virtloom.driver=fake
run program --config "$conf" flavor create f --vcpus 1 --ram 64
is_eq "$rc $(find "$tmp/elsewhere" -maxdepth 1 -name state.db)" "0 $tmp/elsewhere/state.db" "virtloom.state_dir: STATE is there"
program --config "$conf" image create i --file "$tmp/three.raw" --disk-format raw > "$tmp/.out" 2>&1
run program --config "$conf" server create web --flavor f --image i
is_eq "$(program --config "$conf" server show web -o json | jq -r .driver)" fake "virtloom.driver: new servers get it"
settings "fake.host=$top_srcdir/tests/hosts/aarch64.json"
is_eq "$(vl --config "$conf" --driver fake host show -o json | jq -r '.facts."host.arch"')" aarch64 "fake.host: the host is that one"
# said SETTING OPTION: how many findings a plan tells that has a warning, an advice, and one that is debug text.
said () {
  settings "$1" nic-queues.tx_queue_size=512
  f ${2:-} plan --request "$tmp/request" 2>&1 > /dev/null | grep -cE '^(error|warning|advice) '
}
request i:a_note=x n:user
for level in error:0 warning:1 info:2 debug:3; do
  is_eq "$(said "virtloom.log_level=${level%:*}")" "${level#*:}" "virtloom.log_level: ${level%:*}"
done
is_eq "$(said virtloom.log_level=debug -q) $(said virtloom.log_level=error -v)" "1 3" "virtloom.log_level: options stand above it"

# ---- and is told where it cannot ----

# told SETTING VALUE VOID
told () {
  settings "$3" "$1=$2"
  local driver=fake key=${1#virtloom.} line file
  case $1 in
  virtloom.* | storage.*) file=virtloom.conf ;;
  *) file=plugins.d/${1%.*}.conf key=${1##*.} ;;
  esac
  [ "${1%%.*}" != qemu-tcg ] || driver=qemu-tcg
  line=$(grep -n "^${1##*.} =" "$conf/$file" | cut -d: -f1)
  run vl --config "$conf" --driver "$driver" --host "$([ $driver = fake ] && echo kvm-x86_64 || echo this-tcg)" config check
  is_rc 0 "$1 beside $3"
  is_eq "$(grep -c "^warning NoEffect [a-z-]*: $key has no effect: .* ($key=.*, setting, $conf/$file:$line)" <<< "$err")" 1 "$1: is told once, with its line"
  has "$err" "  take it out, or " "$1: and what mends it"
}
while IFS='|' read -r setting value beside what void; do
  [ -z "$void" ] || told "$setting" "$value" "$void"
done < "$tmp/list"

# ---- of plugins that do nothing here ----

# says FILE:LINE TEXT MEND WHAT: is there one warning NoEffect with them?
says () { has "$err" "warning NoEffect $2 ($conf/$1)
  take it out, or$3" "$4"; }
settings rng.rng_dev_path=/dev/random
printf '[plugin]\nenabled = no\ncritical = yes\n' >> "$conf/plugins.d/rng.conf"
run f config check
is_rc 0 "a plugin that is off"
says plugins.d/rng.conf:2 "rng: rng_dev_path has no effect: plugin 'rng' is off (enabled = no in $conf/plugins.d/rng.conf:4)" \
  ": virtloom feature enable rng" "its setting"
says plugins.d/rng.conf:5 "rng: critical has no effect: plugin 'rng' is off (enabled = no in $conf/plugins.d/rng.conf:4)" \
  ": virtloom feature enable rng" "and what it would be"
settings
mkdir "$conf/plugins.d/rng.conf.d"
printf '[settings]\nrng_dev_path = /dev/random\n' > "$conf/plugins.d/rng.conf.d/10-own.conf"
ln -s /dev/null "$conf/plugins.d/rng.conf"
run f config check
says plugins.d/rng.conf.d/10-own.conf:2 "rng: rng_dev_path has no effect: plugin 'rng' is off (masked: $conf/plugins.d/rng.conf is a link to /dev/null)" \
  ": virtloom feature enable rng" "a drop-in of one that is masked"
settings virtloom.driver=fake qemu-tcg.open_timeout=5
run vl --config "$conf" --host kvm-x86_64 config check
says plugins.d/qemu-tcg.conf:2 "qemu-tcg: open_timeout has no effect: new servers get driver 'fake' (driver = fake in $conf/virtloom.conf:2)" \
  " set driver = qemu-tcg in virtloom.conf" "one of a driver that no server gets"
settings fake.validate=no
run vl --config "$conf" --host kvm-x86_64 config check
says plugins.d/fake.conf:2 "fake: validate has no effect: servers get driver 'fake' only with --driver fake: it has no rank" \
  " set driver = fake in virtloom.conf" "one of a driver that is only asked for"
settings input-devices.pointer_model=ps2mouse
printf '[plugin]\nenabled = no\n' > "$conf/plugins.d/graphics.conf"
run f config check
has "$err" "pointer_model has no effect: plugin 'graphics' is not loaded (pointer_model=ps2mouse, setting, $conf/plugins.d/input-devices.conf:2)
  take it out, or enable it: virtloom feature enable graphics" "one beside a plugin that is off"
settings storage.max_disk_devices_to_attach=0
run f config check
is_eq "$rc ${err%%$'\n'*}" "7 error PluginRefused core: max_disk_devices_to_attach = 0; accepted: 1 to 1024, or -1 for no limit ($conf/virtloom.conf:2)" \
  "no disks at all"
settings
run f config check
is_eq "$rc $err" "0 " "what the package says is not told"

done_testing
