#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The command's own side: help of every verb, mistakes of usage word for word,
# exit codes, options anywhere, findings in both forms, completion.
. "${srcdir:-$(dirname "$0")}/tap.sh"

fake () { vl --driver fake "$@"; }
# The verbs of NOUN as they are told, "create, event list"; and the first word of each.
names_of () { "$VL_RUN" virtloom "$1" --help | awk -F '  +' '/^$/ { on = 0 } on { print $2 } /^Verbs:/ { on = 1 }' | paste -sd, | sed 's/,/, /g'; }
verbs_of () { names_of "$1" | sed 's/, /\n/g' | cut -d' ' -f1 | uniq | xargs; }

# ---- help ----

run "$VL_RUN" virtloom --help
is_rc 0 "--help"
nouns=$(sed -n '/^Nouns:/,/^$/s/^  \([a-z]*\) .*/\1/p' <<< "$out" | xargs)
is "$nouns" "flavor image server plan explain audit feature driver plugin config host state migration" "the nouns"
for noun in $nouns; do
  run "$VL_RUN" virtloom "$noun" --help
  is_rc 0 "$noun --help"
  if [ "$noun" = plan ] || [ "$noun" = explain ] || [ "$noun" = audit ]; then
    verbs=''
    has "$out" "Example:
  virtloom $noun " "$noun --help ends with an example"
  else
    verbs=$(verbs_of "$noun")
  fi
  for verb in $verbs; do
    case $verb in
      event) verb='event list' ;;
      dump | image) verb="$verb create" ;;
      password) verb='password set' ;;
      cache) verb='cache show' ;;
      migration) verb='migration list' ;;
      add | remove | extend | swap | snapshot | unsnapshot) verb="$verb volume" ;;
    esac
    # shellcheck disable=SC2086 # two words
    run "$VL_RUN" virtloom "$noun" $verb --help
    is_rc 0 "$noun $verb --help"
    has "$out" "
Example:
  virtloom " "$noun $verb --help has an example"
    has "$out" "virtloom $noun $verb" "$noun $verb --help names itself"
  done
done
run "$VL_RUN" virtloom help server create
has "$out" "virtloom server create [OPTIONS] SERVER" "help NOUN VERB is the same"
run "$VL_RUN" virtloom --version
is "$out" "virtloom $(sed -n 's/^AC_INIT(\[virtloom\], \[\([^]]*\)\].*/\1/p' "$top_srcdir/configure.ac")" "--version"

# ---- usage, word for word ----

usage () {
  local expected=$1 hint=$2
  shift 2
  run "$VL_RUN" virtloom "$@"
  is_rc 2 "'$*' is a mistake of usage"
  is "$err" "error Usage core: $expected${hint:+
  $hint}" "'$*' is told so"
  is "$out" "" "'$*' prints no data"
}
usage "a noun is missing" "virtloom --help"
usage "there is no noun 'flavr'; accepted: flavor, image, server, plan, explain, audit, feature, driver, plugin, config, host, state, migration" \
  "did you mean 'flavor'?" flavr list
usage "'flavor' needs a verb; accepted: create, set, unset, list, show, delete" "" flavor
usage "'server' has no verb 'lsit'; accepted: create, list, show, delete, set, unset, lock, unlock, start, stop, reboot, diff, add volume, add network, remove volume, remove network, extend volume, swap volume, snapshot volume, unsnapshot volume, resize confirm, resize revert, resize, rescue, unrescue, rebuild, shelve, unshelve, export, import, migrate, migration list, migration abort, migration force-complete, event list, dump create, image create, password set, wait, pause, unpause, suspend, resume, log, console, url, vnc, top, screenshot" \
  "did you mean 'list'?" server lsit
usage "'flavor show' needs FLAVOR" "virtloom flavor show --help" flavor show
usage "'flavor show' takes FLAVOR; 'b' is too much" "virtloom flavor show --help" flavor show a b
usage "'server resize' takes SERVER; 'web' is too much" "virtloom server resize --help; or is one of these meant: resize confirm, resize revert?" server resize undo web
usage "'server resize' needs --flavor NAME" "virtloom flavor list; a resize that is done is ended by 'server resize confirm' or 'server resize revert'" server resize web
usage "'flavor list' takes no words; 'a' is too much" "virtloom flavor list --help" flavor list a
usage "'flavor create' has no option '--vcpu'" "did you mean '--vcpus'?" flavor create x --vcpu 1
usage "'flavor list' has no option '--vcpus'" "virtloom flavor list --help" flavor list --vcpus 1
usage "'flavor list' has no option '-x'" "virtloom flavor list --help" flavor list -x
usage "there is no option '--nonsense'" "virtloom --help" --nonsense
usage "option '--state' needs a value: --state DIR" "" flavor list --state
usage "option '-o' needs a value: -o FORMAT" "" flavor list -o
usage "option '--quiet' takes no value" "" flavor list --quiet=yes
usage "'flavor list' cannot answer with -o 'yaml'; accepted: table, json, value" "" flavor list -o yaml
usage "'plan' cannot answer with -o 'table'; accepted: xml, json" "" plan -o table
usage "'host import' cannot answer with -o 'table'; accepted: json" "" host import -o table

usage "'server list' has no option '-f'" "the form of the answer is -o FORMAT: table json value" server list -f json
usage "'server' has no verb 'ssh'; accepted: $(names_of server)" "" server ssh a
usage "'server create' has no option '--name'" "the name is a word: virtloom server create SERVER" server create --name x
usage "'server create' has no option '--nic'" "did you mean '--network'?" server create x --nic net-id=1
for option in vcpus ram disk ephemeral swap; do
  usage "'flavor set' has no option '--$option'" "--$option is for 'flavor create', and cannot be changed: make another flavor" flavor set m1 --$option 512
done
usage "'image set' has no option '--min-ram'" "--min-ram is for 'image create', and cannot be changed: make another image" image set i --min-ram 512
usage "'server dump' needs a second word; accepted: dump create" "" server dump
usage "'server' has no verb 'dump creat'; accepted: dump create" "" server dump creat web1
usage "'image cache' needs a second word; accepted: cache show, cache manage, cache fetch" "" image cache
usage "'host usage' has no option '--volume'" "did you mean '--volumes'?" host usage --volume
usage "option '--state' needs a value: --state DIR" "virtloom --help" --state
usage "option '-n' needs a value: -n N" "" server top -n
usage "option '--flavor' needs a value: --flavor FLAVOR" "" server create x --flavor
# What an option means with one verb.
for each in 'image save|FILE|the new file to write, - for stdout' 'server rebuild|GUEST=FILE|what the guest has at the path GUEST; repeatable' \
  "server dump create|FILE|the new file that gets the guest's memory" 'server screenshot|FILE|the new file that gets the picture; without it, or -: stdout' \
  "image create|FILE|the image's bytes, which are copied"; do
  IFS='|' read -r words value text <<< "$each"
  # shellcheck disable=SC2086 # words
  is "$("$VL_RUN" virtloom $words --help | sed -n 's/^ *--file //p' | tr -s ' ')" "$value $text" "$words --file"
done
for verb in restore evacuate; do
  usage "'server $verb' is not in this version; accepted: $(names_of server)" "" server "$verb" a
done
for each in --version -V version; do
  run "$VL_RUN" virtloom "$each"
  is "$rc $out" "0 virtloom $(sed -n "s/^AC_INIT(\[[a-z]*\], \[\([0-9.]*\)\].*/\1/p" "$top_srcdir/configure.ac")" "$each"
done
run "$VL_RUN" virtloom server help
is "$rc $out" "0 $("$VL_RUN" virtloom server --help)" "server help"
usage "option '--flavor' is given twice, with 'a' and 'b'" "give it once" plan --flavor a --flavor b
usage "option '--output' is given twice, with 'json' and 'table'" "give it once" flavor list -ojson --output table
# Whatever takes one value is refused a second one, with every verb; what is repeatable says so.
told='' silent=''
for noun in $("$VL_RUN" virtloom --help | awk '/^$/ { on = 0 } on { print $1 } /^Nouns:/ { on = 1 }'); do
  for verb in $("$VL_RUN" virtloom "$noun" --help | awk '/^$/ { on = 0 } on { print $1 } /^Verbs:/ { on = 1 }') ''; do
    while read -r option line; do
      # shellcheck disable=SC2086 # a noun without verbs has none
      run "$VL_RUN" virtloom "$noun" $verb "$option" 1 "$option" 2
      case "$line $err" in
        *'; repeatable'*"is given twice"*) told="$told $noun $verb $option" ;;
        *'; repeatable'*) ;;
        *"error Usage core: option '$option' is given twice, with '1' and '2'"*) ;;
        *) [ "$noun $verb" = "driver call" ] && [[ "$out" == *"\"option '$option' is given twice, with '1' and '2'\""* ]] || silent="$silent $noun $verb $option" ;;
      esac
    done < <("$VL_RUN" virtloom "$noun" ${verb:+"$verb"} --help | sed -nE 's/^  (-., |    )(--[a-z-]+) [A-Z].*$/\2 &/p' | grep -v 'this text')
  done
done
is "$told" "" "what is repeatable may be given again"
# Of audit they are many hosts; of plugin new --driver is another spelling of --kind driver.
is "$silent" " audit  --host plugin new --driver" "what takes one value is refused a second one"
# A file that an option takes and that cannot be read is refused by the option's name, with every verb.
verbs () {
  local noun
  for noun in $("$VL_RUN" virtloom --help | awk '/^$/ { on = 0 } on { print $1 } /^Nouns:/ { on = 1 }'); do
    "$VL_RUN" virtloom "$noun" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z -]*[a-z]\)  .*/'"$noun"' \1/p' | grep . || echo "$noun"
  done
}
unnamed='' named='' ends='cannot be read: No such file or directory; accepted: a file'
while read -r verb; do
  # shellcheck disable=SC2086 # noun and verb
  help=$("$VL_RUN" virtloom $verb --help)
  words=$(sed -nE "1s/^virtloom $verb( \[OPTIONS\])?([^:]*):.*/\2/p" <<< "$help" | sed 's/\[.*//; s/[^ ][^ ]*/x/g')
  while read -r option value; do
    # shellcheck disable=SC2086 # noun, verb and as many words as it takes
    run vl $verb $words "$option" "${value%FILE}$tmp/nowhere"
    [[ "$err" == *"error NotFound core: $option '$tmp/nowhere' $ends"* || "$out" == *"\"$option '$tmp/nowhere' $ends\""* ]] && named="$named$option " || unnamed="$unnamed$verb $option, "
  done < <(sed -nE '/ the new file |--host /d; s/^  (-., |    )(--[a-z-]+) ([A-Z=]*FILE) .*$/\2 \3/p' <<< "$help")
done < <(verbs)
is "$unnamed" "" "a file that is not there is refused by its option's name"
is "$(tr ' ' '\n' <<< "$named" | sort -u | paste -sd ' ')" \
  " --arguments --capabilities --domcapabilities --file --flavors --images --password --plugin --request --ssh-key --user-data" "by each of these"

run vl flavor create bare
run vl plan --flavor bare
is "$rc $err" "3 error InvalidBDMBootSequence core: there is no disk to boot from
  give an image (--image IMAGE), or a block device with boot_index 0 (--volume path=FILE,format=FORMAT,boot_index=0)" "a plan without a disk"
run vl flavor delete bare
# What is offered as a conversion is one that qemu-img can do.
echo x > "$tmp/bytes"
for format in iso9660:'did you mean "iso"?' dmg:'convert it: qemu-img convert -f dmg -O qcow2 OLD NEW' qcow3:'did you mean "qcow2"?'; do
  run vl image create x --file "$tmp/bytes" --disk-format "${format%%:*}"
  is "$err" "error ImageUnacceptable core: image file \"$tmp/bytes\" cannot be kept: disk format \"${format%%:*}\" is not one of raw, qcow2, iso, vmdk, vdi, vhd, vpc, vhdx, ami, aki, ari
  ${format#*:}" "--disk-format ${format%%:*}"
done
run vl image create x --file "$tmp/bytes" --disk-format nonesuch
is "$err" "error ImageUnacceptable core: image file \"$tmp/bytes\" cannot be kept: disk format \"nonesuch\" is not one of raw, qcow2, iso, vmdk, vdi, vhd, vpc, vhdx, ami, aki, ari" "one that nobody has"

# ---- whatever is read is a file ----

# A FIFO that nobody writes to would be waited for, a device read for ever: each option and word
# that takes a file refuses what is none, at once.
run vl flavor create m0
mkdir "$tmp/with-fifo" "$tmp/folder.so"
mkfifo "$tmp/fifo.so" "$tmp/with-fifo/nova.conf"
no_file () { # WHAT COMMAND...: FILE stands for what is no file.
  local path what=$1
  shift
  for path in "$tmp/fifo.so" "$tmp/folder.so" /dev/zero; do
    case "$what $path" in
      *plugin*/dev/zero) continue ;; # by its name it is no module
      "config import-nova $tmp/folder.so") path=$tmp/with-fifo ;;
    esac
    VL_DEADLINE=120 run timeout 120 "$VL_RUN" virtloom --config "$config" --state "$state" --driver fake "${@//FILE/$path}"
    case "$what$out" in --arguments*'"findings"'*) err="error $(jq -r '.findings[0].message' <<< "$out")" ;; esac
    case "$rc $err" in
      "3 error "*"is not a regular file"* | "3 error "*"is a "*"; accepted: a regular file"*) ok "$what: $path" ;;
      [27]\ *"is not a regular file"*) case $what in *plugin*) ok "$what: $path" ;; *) not_ok "$what: $path: $rc $err" ;; esac ;;
      *) not_ok "$what: $path: $rc $err" ;;
    esac
  done
}
mapfile -t takes_file < <(sed -n 's/^  { "\([a-z-]*\)", [^,]*, "FILE".*/\1/p' "$top_srcdir/tools/args-options.c")
for option in "${takes_file[@]}"; do
  case $option in
    arguments) no_file --arguments driver call pause --arguments FILE ;;
    host) no_file --host --host FILE plan --flavor m0 ;;
    plugin) no_file --plugin --plugin FILE plan --flavor m0 ;;
    capabilities | domcapabilities) no_file "--$option" host import "--$option" FILE ;;
    file) no_file --file image create x --disk-format raw --file FILE ;;
    flavors) no_file --flavors audit --flavors FILE --images "$0" ;;
    images) no_file --images audit --images FILE --flavors "$0" ;;
    password | ssh-key | user-data) no_file "--$option" server create x --flavor m0 "--$option" FILE ;;
    request)
      no_file "plan --request" plan --request FILE
      no_file "create --request" server create x --request FILE ;;
    *) not_ok "--$option takes a file, and is not tried" ;;
  esac
done
is "${#takes_file[@]}" 12 "all of them are tried"
no_file "config import-nova" config import-nova FILE --out "$tmp/imported"
no_file "plugin check" plugin check FILE
no_file "state restore" state restore FILE
touch "$tmp/nothing"
run vl state restore "$tmp/nothing"
is "$rc $err" "3 error BackupNotFound core: \"$tmp/nothing\" is no backup: it has nothing on record
  without FILE it is the last copy; STATE/backup has others" "nothing is no backup"
run vl flavor list -c Name --no-headings
has "$out" m0 "STATE is as it was"
run vl plan --request <(echo '{}')
lacks "$err" "is not a regular file" "what the shell opened is read"
run vl flavor delete m0

run vl flavor create x --vcpus many --ram 1.5 --property novalue
is_rc 2 "values that are no numbers, a property without '='"
is "$err" "error Usage core: --vcpus 'many' is not a whole number; accepted: 1 to 2147483647
  for instance --vcpus 2
error Usage core: --ram '1.5' is not a whole number; accepted: 1 to 2147483647 MiB
  for instance --ram 512
error Usage core: --property 'novalue'; accepted: KEY=VALUE" "all of them at once"
# Each option that takes a number says its range and unit.
number () { # OPTION VALUE ACCEPTED COMMAND...
  run vl "${@:4}" "--$1" "$2"
  is "$rc $err" "2 error Usage core: --$1 $2; accepted: $3" "--$1 out of range"
  run vl "${@:4}" "--$1" 512MB
  is "$rc ${err%%$'\n'*}" "2 error Usage core: --$1 '512MB' is not a whole number; accepted: $3" "--$1 that is no number"
}
for size in disk ephemeral; do number $size -1 "0 to 2147483647 GiB" flavor create x; done
number swap 2147483648 "0 to 2147483647 MiB" flavor create x
number ram 0 "1 to 2147483647 MiB" flavor create x
number vcpus 99999999999999999999 "1 to 2147483647" flavor create x
number min-ram -1 "0 to 2147483647 MiB" image create x --file "$0" --disk-format raw
number min-disk -1 "0 to 2147483647 GiB" image create x --file "$0" --disk-format raw
number lines 0 "1 to 2147483647" server log x
number timeout 86401 "0 to 86400 seconds" server stop x
run vl plan
is "$err" "error Usage core: 'plan' needs one request, not none
  --request FILE, or --flavor FLAVOR with --image IMAGE" "plan needs something to plan"
run vl explain web1 --request /dev/null
has "$err" "'explain' needs one request, not several" "explain takes one request"

# ---- options anywhere ----

run "$VL_RUN" virtloom --state "$state" flavor create m1 --vcpus=2 --ram 512 --property hw:boot_menu=true
is_rc 0 "flavor create"
run "$VL_RUN" virtloom flavor -ojson show --state "$state" m1
is_rc 0 "options between the words"
is "$(value vcpus)" 2 "-o json says it"
is "$(value ram_mib)" 512 "with units in the names"
run "$VL_RUN" virtloom --output=json -q flavor list "--state=$state"
is_rc 0 "options in front, with ="
run "$VL_RUN" virtloom flavor show --state "$state" -- m1
is_rc 0 "-- ends the options"
run "$VL_RUN" virtloom flavor show --state "$state" -- --m1
is_rc 5 "behind it all are words"

# ---- findings ----

run vl flavor show nope -o json
is_rc 5 "what is not there is exit code 5"
is "$err" "" "with -o json nothing is on stderr"
is "$(value severity)" error "the finding is in the JSON"
has "$out" '"code":' "with its code"
run vl flavor show nope
is "$out" "" "without it nothing is on stdout"
has "$err" "error " "but on stderr"
run vl flavor list "$(printf 'a\033[2Jb\n')"
is "$(wc -l <<< "$err")" 2 "a finding is one line, its hint one"
has "$err" 'a\x1b[2Jb' "control characters do not reach the terminal"
run vl flavor list -o json
is "$(value name)" m1 "flavor list -o json"
has "$out" '"findings": []' "no findings is an empty list"

# ---- nouns ----

run vl feature list
has "$out" "watchdog" "feature list"
run vl feature show watchdog
has "$out" "hw:watchdog_action" "feature show has the keys"
has "$out" "devices/watchdog" "and the writes"
run vl feature show watchdgo
is_rc 5 "a feature that is not there"
is "$err" "error NotFound core: there is no feature 'watchdgo'
  did you mean 'watchdog'?" "with the nearest name"
run vl feature show fake
is "$err" "error NotFound core: there is no feature 'fake'
  virtloom driver show fake" "a driver is no feature"
run vl driver list -o json
is_rc 0 "driver list"
version=$(vl --version) version=${version#virtloom }
run vl --driver fake driver list -o json
is "$(jq -c '[.drivers[] | select (.state == "chosen") | .name, .version]' <<< "$out")" "[\"fake\",\"$version\"]" "which is chosen is said"
main_setting virtloom 'driver = qemu-tcg'
run vl driver list -o json
is "$(jq -c '[.drivers[] | select (.state == "chosen") | .name]' <<< "$out")" '["qemu-tcg"]' "also where a setting chooses it"
rm "$config/virtloom.conf"
vl driver disable qemu-tcg > "$tmp/.out"
run vl driver list -o json
is "$(jq -c '[.drivers[] | select (.name == "qemu-tcg") | .state]' <<< "$out")" '["disabled"]' "or disabled"
rm "$config/plugins.d/qemu-tcg.conf"
run vl driver show fake
has "$out" "host" "driver show loads the module for its settings"
run vl feature disable watchdog
is "$out" "feature watchdog is disabled in $config/plugins.d/watchdog.conf" "feature disable"
run vl feature show watchdog -o json
is "$(value state)" disabled "it is disabled"
run vl feature enable watchdog
is_rc 0 "feature enable"
run vl feature show watchdog -o json
is "$(value state)" loaded "it is loaded again"
run vl feature disable watchdog rgn
is "$rc $err" "5 error NotFound core: there is no feature 'rgn'
  did you mean 'rng'?" "of several names one is wrong"
run vl feature show watchdog -o json
is "$(value state)" loaded "and nothing is changed"
run vl feature disable watchdog rng
is "$rc $out$err" "0 feature watchdog is disabled in $config/plugins.d/watchdog.conf
feature rng is disabled in $config/plugins.d/rng.conf" "several are disabled at once"
run vl feature enable watchdog rng -o json
is "$rc $(jq -r .done <<< "$out")" "0 feature watchdog is enabled in $config/plugins.d/watchdog.conf
feature rng is enabled in $config/plugins.d/rng.conf" "and enabled"
run vl driver disable qemu-tcg fake
is "$rc $out" "0 driver qemu-tcg is disabled in $config/plugins.d/qemu-tcg.conf
driver fake is disabled in $config/plugins.d/fake.conf" "drivers, too"
rm "$config/plugins.d/qemu-tcg.conf" "$config/plugins.d/fake.conf" "$config/plugins.d/rng.conf"
run vl config show
has "$out" "$config/plugins.d/watchdog.conf:" "config show says where each value is from"
run vl config check
is_rc 0 "config check"
echo 'nonsense = 1' > "$config/virtloom.conf"
run vl config check
is_rc 7 "config check of a bad file"
# Whatever is wrong in one file, the others are read in the same run.
main_setting virtloom 'foo = 1' 'log_level = loud'
setting graphics 'vnc_server_listn = x'
setting watchdog 'x = y' 'z = y'
run vl config check
is_rc 7 "of several"
is "$(sed -n 's/^error PluginRefused \([a-z-]*: [a-z_ =]*\).*/\1/p' <<< "$err" | tr '\n' '|')" \
  "core: unknown key |core: log_level = |graphics: unknown setting |watchdog: unknown setting |watchdog: unknown setting |" "all that is wrong is told"
rm "$config/plugins.d/graphics.conf" "$config/plugins.d/watchdog.conf"
# What is not loaded cannot say which of its settings are secret: their names do.
secrets='api_password db_passwd secret_uuid token credentials private_key'
{ printf '[plugin]\nkind = feature\nmodule = acme.so\n[settings]\nlevel = 3\n'; printf '%s = sesame\n' $secrets; } > "$tmp/acme.conf"
mkdir -p "$tmp/secret/plugins.d"
mv "$tmp/acme.conf" "$tmp/secret/plugins.d/acme.conf"
for verb in show delta; do
  for form in table json; do
    run program --config "$tmp/secret" --state "$state" -o $form config $verb acme
    lacks "$out$err" sesame "config $verb -o $form shows no secret"
    has "$out" level "but what is none"
    for name in $secrets; do has "$out" "$name" "by its name: $name"; done
  done
done
# A STATE that is misspelt is no empty cloud.
for noun in server image flavor; do
  run program --state "$tmp/misspelt" --driver fake $noun list
  is "$rc $err" "0 advice Advice core: the STATE folder \"$tmp/misspelt\" is not there: nothing is on record in it
  see whether --state, or state_dir in virtloom.conf, is spelt as it was" "$noun list says that STATE is not there"
done
run program --state '' --driver fake server list
is "$rc $err" "2 error StateUnusable core: the name of the STATE folder is empty
  give one with --state DIR" "nor is no name"
# Without a driver that can be used here, settings are judged by themselves; a host that is
# named is one to plan for.
mkdir -p "$tmp/alone/plugins.d"
printf '[settings]\ncpu_mode = custom\n' > "$tmp/alone/plugins.d/cpu-model.conf"
printf '[settings]\nconnection_uri = qemu+unix:///system?socket=/nowhere/sock\n' > "$tmp/alone/plugins.d/libvirt-kvm.conf"
alone () { run "$VL_RUN" virtloom --config "$tmp/alone" --state "$state" --driver libvirt-kvm "$@" config check; }
alone
judged () { grep -v -e '^warning DriverUnavailable ' -e '^  settings were judged by themselves; ' <<< "$err"; }
is "$rc $(judged)" "7 error Invalid cpu-model: cpu_mode is 'custom' and cpu_models is empty (cpu_mode=custom, setting, $tmp/alone/plugins.d/cpu-model.conf:2)
  name one or more models in cpu_models, for instance 'Nehalem'" "settings that do not go together"
rm "$tmp/alone/plugins.d/cpu-model.conf"
printf '[storage]\nimages_type = ploop\n' > "$tmp/alone/virtloom.conf"
alone
is "$rc $(judged)" "7 error PluginRefused core: no loaded plugin answers for images_type 'ploop'; accepted: default flat lvm overlay qcow2 raw rbd ($tmp/alone/virtloom.conf:2)
  enable the storage plugin that answers for it" "disks that no plugin makes"
printf '[storage]\nimages_type = qcow\n' > "$tmp/alone/virtloom.conf"
alone
is "$rc $(judged)" "7 error PluginRefused core: no loaded plugin answers for images_type 'qcow'; accepted: default flat lvm overlay qcow2 raw rbd ($tmp/alone/virtloom.conf:2)
  did you mean 'qcow2'?" "the nearest is named"
printf '[storage]\nimages_type = iscsi\n' > "$tmp/alone/virtloom.conf"
alone
is "$rc $(judged)" "7 error PluginRefused core: no loaded plugin answers for images_type 'iscsi'; accepted: default flat lvm overlay qcow2 raw rbd ($tmp/alone/virtloom.conf:2)
  plugin 'iscsi' answers for volumes of this type, and makes no disks" "nor a plugin for volumes"
rm "$tmp/alone/virtloom.conf"
alone
has "$out" "a guest can be planned for no driver" "no driver that can be used"
alone --host "$top_srcdir/tests/hosts/kvm-x86_64.json"
has "$out" "a guest can be planned for driver libvirt-kvm" "a host that is named"
rm "$config/virtloom.conf"

run fake host show -o json
is_rc 0 "host show"
printf '%s\n' "$out" > "$tmp/host.json"
run fake --host "$tmp/host.json" host show -o json
is "$out" "$(cat "$tmp/host.json")" "what host show prints is read back by --host"
run vl host import --fact libvirt.version=9.0.0 --fact device=/dev/kvm --fact device=/dev/sev
is "$out" '{
  "virtloom_host": 1,
  "facts": {
    "device": ["/dev/kvm", "/dev/sev"],
    "libvirt.version": "9.0.0"
  }
}' "host import --fact"
run vl host import --fact device=/dev/kvm --fact device=/dev/sev --fact device=/dev/kvm
is "$rc $err" "2 error InvalidFact core: the fact 'device=/dev/kvm' is given twice
  give each value once" "the same fact twice"
run vl host import --fact nonsense
is_rc 2 "a fact without a value"
is "$err" "error InvalidFact core: the fact 'nonsense' has no '='; accepted: KEY=VALUE
  for example --fact module.kvm_amd.sev=Y" "with an example"
echo '<domain/>' > "$tmp/domain.xml"
run vl host import --capabilities "$tmp/domain.xml"
is_rc 3 "a document of another kind"
is "$err" "error InvalidXML core: the document is <domain>; accepted: <capabilities>, as libvirt writes it ($tmp/domain.xml)
  'virsh capabilities' prints such a document" "with its file"
for kind in capabilities domcapabilities; do
  echo '{}' > "$tmp/host0.json"
  run vl host import --$kind "$tmp/host0.json"
  is "$rc $err" "3 error InvalidXML core: XML is not well-formed: line 1: Start tag expected, '<' not found ($tmp/host0.json)
  'virsh $kind' prints such a document" "--$kind of what is no XML is the same mistake"
done
run vl host import --capabilities "$tmp/none.xml"
is_rc 5 "a file that is not there"
run fake --host nonesuch host show
is_rc 5 "a recorded host that is not there"
for name in amd-sev.json amd_sev.facts "$tmp/amd-sve.json"; do
  run fake --host "$name" host show
  is "$rc $err" "5 error HostFileNotFound core: the host file '$name' cannot be read: No such file or directory
  did you mean the recorded host 'amd-sev'? 'virtloom host list' has them all" "--host $name"
done
run fake --host nothing.like.it host show
is "$rc $err" "5 error HostFileNotFound core: the host file 'nothing.like.it' cannot be read: No such file or directory
  a file, or one of the names that 'virtloom host list' has" "a file that is like no recorded host"

# ---- plugin new, plugin check ----

cd "$tmp" || exit 99
run vl plugin new acme-test
is "$out" "acme-test: now \`make -C acme-test VIRTLOOM_TREE=$top_builddir check\`" "plugin new"
is "$(ls acme-test)" "Makefile
acme-test.c
acme-test.conf
acme-test.pod
tests" "its files"
run vl plugin new acme-engine --kind driver
is "$out" "acme-engine: now \`make -C acme-engine VIRTLOOM_TREE=$top_builddir check\`" "plugin new of a driver"
for kind in feature driver storage network; do
  run vl plugin new "acme-$kind" --$kind
  is "$out" "acme-$kind: now \`make -C acme-$kind VIRTLOOM_TREE=$top_builddir check\`" "plugin new --$kind"
  true_that "which is one" grep -q "kind *= $([ $kind = driver ] && echo driver || echo feature)\$" "acme-$kind/acme-$kind.conf"
done
true_that "of storage" grep -q 'vl_storage_calls' acme-storage/acme-storage.c
true_that "of a network" grep -q 'vl_network_calls' acme-network/acme-network.c
run vl plugin new acme-other --kind filter
is_rc 2 "a kind that there is not"
is "$err" "error Usage core: there is no kind 'filter' of plugins; accepted: feature, driver, storage, network" "is told"
run vl plugin new acme-test
is_rc 6 "not over a folder that is there"
run vl plugin new Acme
is_rc 2 "a name that no plugin can have"
run vl plugin new guest
is_rc 2 "a name that the core keeps"
is "$err" "error Usage core: the name 'guest' is reserved: the core's own values begin with it
  take another name" "is refused for that"
run vl plugin new watchdog
is_rc 6 "the name of a plugin that is there"
has "$err" "error Conflict core: there is a plugin 'watchdog' (" "is refused for that"
if command -v "${CC:-gcc}" > /dev/null && [ -e "$top_builddir/core/.libs/libvirtloom.so" ]; then
  run ${CC:-gcc} -std=c11 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -I"$top_srcdir/include" \
    -I"$top_builddir/include" acme-test/acme-test.c -o acme-test/acme-test.so -shared -Wl,-z,defs \
    -Wl,-z,now -Wl,-z,relro -Wl,-z,noexecstack -L"$top_builddir/core/.libs" -lvirtloom
  if [ "$rc" -eq 0 ]; then
    ok "the new plugin builds without a warning"
    # What was printed is done, by this tree alone: no virtloom has to be installed.
    if command -v make > /dev/null && command -v pkg-config > /dev/null && [ -z "${VL_PROGRAM:-}" ]; then
      for kind in feature storage network driver; do
        run env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u CFLAGS -u VIRTLOOM -u PKG_CONFIG_PATH PATH=/usr/bin:/bin make -C "acme-$kind" "VIRTLOOM_TREE=$top_builddir" check
        is_rc 0 "make VIRTLOOM_TREE=... check of a new $kind"
        lacks "$out" "not ok" "which builds and conforms"
      done
      truncate -s 1M acme.raw
      run vl --driver fake flavor create acme --vcpus 1 --ram 64 --disk 0
      run vl --driver fake image create acme --file acme.raw --disk-format raw
      run vl --driver fake plan --flavor acme --image acme --plugin ./acme-storage/acme-storage.so --volume "acme-storage:$tmp/acme.raw"
      is_rc 0 "a volume of the new plugin is given on the command line"
      has "$out" "<source file='$tmp/acme.raw'/>" "and is in the plan"
      run vl --driver fake plan --flavor acme --image acme --plugin ./acme-network/acme-network.so --network acme-network,bridge=br-acme
      is_rc 0 "and so is a network of the new plugin for those"
      has "$out" "<source bridge='br-acme'/>" "which is in the plan, too"
    else
      skip "make or pkg-config is missing"
    fi
    run vl plugin check acme-test/acme-test.so
    is_rc 0 "and conforms"
    has "$out" "model: each value makes a plan, or is refused with a reason" "its choices were tried"
    lacks "$out" "not ok" "all tests pass"
    run "$top_builddir/tests/virtloom-test" --tree "$top_builddir" --plugin acme-test/acme-test.so acme-test/tests
    is "$out" "ok 1 - acme-test/first.case
1..1" "and its golden case"
    chmod 646 acme-test/acme-test.so
    run vl plugin check acme-test/acme-test.so
    is_rc 1 "a module that others may write to is not run"
    has "$out" "not ok 2 - the gate lets it in
# it cannot be trusted: '$tmp/acme-test/acme-test.so' is writable by everyone (owner " "but refused as it would be loaded"
    chmod 644 acme-test/acme-test.so
    cp acme-test/acme-test.so other.so
    run vl plugin check other.so
    is_rc 1 "under another name it does not"
    has "$out" "not ok 4 - its name is the file's" "the name is told"
  else
    skip "a sanitized core takes other flags: $err"
  fi
fi
echo text > text.so
run vl plugin check text.so
is_rc 1 "what is not ELF does not conform"
has "$out" "not ok 2 - the gate lets it in
# it is not an ELF file" "and is told why"
run vl plugin check text
is_rc 2 "what is not called a module is not tried"

# ---- completion ----

completion=$top_srcdir/tools/completion/virtloom.bash
# shellcheck disable=SC1090 # found at run time
. "$completion"
for noun in $nouns; do
  [[ $noun =~ ^(plan|explain|audit)$ ]] || \
    is "$(_virtloom_verbs "$noun")" "$(verbs_of "$noun")" "completion knows the verbs of $noun"
  mapfile -t verbs < <(_virtloom_verbs "$noun" | tr ' ' '\n' | sed 's/^event$/event list/; s/^\(dump\|image\)$/& create/; s/^password$/& set/; s/^cache$/& show/; s/^migration$/& list/; s/^\(add\|remove\|extend\|swap\|snapshot\|unsnapshot\)$/& volume/')
  for verb in "${verbs[@]}" ''; do
    case $noun-$verb in plan- | explain- | audit- | *-?*) ;; *) continue ;; esac
    # shellcheck disable=SC2086 # the verb may be none
    options=$("$VL_RUN" virtloom "$noun" $verb --help \
      | sed -n '/^Options:/,/^$/s/^ *\(-., \)\?\(--[a-z-]*\).*/\2/p' | sort)
    # What lists or shows things, shows them in columns that can be chosen.
    case "$noun $verb" in
      "host show") ;;
      *" list" | *" show") is "$(grep -cx -e --column -e --no-headings <<< "$options")" 2 "$noun $verb: columns" ;;
    esac
    is "$(_virtloom_options "$noun" "$verb" | tr ' ' '\n' | sed '/^$/d' | sort)" "$options" \
      "completion knows the options of $noun $verb"
  done
done
COMP_WORDS=(virtloom ser) COMP_CWORD=1 COMPREPLY=()
_virtloom
is "${COMPREPLY[*]}" server "completion of a noun"
COMP_WORDS=(virtloom --state x server sta) COMP_CWORD=4 COMPREPLY=()
_virtloom
is "${COMPREPLY[*]}" start "completion of a verb, behind options"
COMP_WORDS=(virtloom plan --re) COMP_CWORD=2 COMPREPLY=()
_virtloom
is "${COMPREPLY[*]}" --request "completion of an option"
# complete LINE: what is offered at its end.
virtloom () { vl --driver fake "$@"; }
complete_line () {
  local COMP_LINE="virtloom $1" COMP_POINT
  COMP_POINT=${#COMP_LINE} COMPREPLY=()
  _virtloom
  out=${COMPREPLY[*]}
}
truncate -s 1M "$tmp/disk.raw"
vl flavor create 'two words' --vcpus 1 --ram 64 --disk 0 > /dev/null
vl flavor show m1 > /dev/null
for each in 'server list --sta|--status --state' 'server create --flavor=m|m1' 'server create --flavor t|two\ words' \
    'flavor set m1 --property hw:watchdog_a|watchdog_action=' 'flavor set m1 --property hw:watchdog_action=p|pause poweroff' \
    'flavor set m1 --property hw:boot_menu=|yes no' 'image set i --property hw_watchdog_action=res|reset' \
    'feature which hw:watchdog_|watchdog_action' 'server event |list' 'server dump |create' 'server wait --status SHUT|SHUTOFF' \
    'config show virtl|virtloom' 'config show watchd|watchdog' 'server list -o v|value' 'server create x --network us|user' \
    'flavor show m1 --v|--verbose --version' "--state=$state flavor show m|m1"; do
  complete_line "${each%|*}"
  is "$out" "${each##*|}" "completion of '${each%|*}'"
done

run "$top_srcdir/check" --help
has "$rc $out" "0 usage: ./check [--long] [STAGE...]" "./check --help tells its usage"
has "$out" "where they are named: nova" "and stages that plain ./check leaves out"
run "$top_srcdir/check" gcc --nope
is "$rc $out$err" "2 check: no stage '--nope'; stages: $(sed -n 's/^[a-z]*_stages="\(.*\)"$/\1/p' "$top_srcdir/check" | paste -sd ' ')" "a stage that is none is refused"
done_testing
