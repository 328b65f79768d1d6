# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# bash completion for virtloom: nouns, verbs, options, and the names of what
# there is.

# Verbs of a noun; tests/test-cli.sh compares them with --help.
_virtloom_verbs ()
{
  case $1 in
    flavor) echo "create set unset list show delete" ;;
    image) echo "create set unset list show save cache delete" ;;
    server) echo "create list show delete set unset lock unlock start stop reboot diff add remove extend swap snapshot unsnapshot resize rescue unrescue rebuild shelve unshelve export import migrate migration event dump image password wait pause unpause suspend resume log console url vnc top screenshot" ;;
    feature) echo "list show which enable disable" ;;
    driver) echo "list show enable disable call" ;;
    plugin) echo "check new" ;;
    config) echo "show delta check import-nova" ;;
    host) echo "list show usage check resume watch tend import" ;;
    state) echo "check repair backup restore" ;;
    migration) echo "serve" ;;
  esac
}

_virtloom_options ()
{
  case $1-$2 in
    driver-call) echo "--arguments --list --wait --column --no-headings" ;;
    flavor-create) echo "--vcpus --ram --disk --ephemeral --swap --property" ;;
    flavor-set | flavor-unset | image-set | image-unset) echo "--property" ;;
    server-set) echo "--name --description --property --status --wait" ;;
    server-unset) echo "--firmware --property --wait" ;;
    server-lock) echo "--reason --wait" ;;
    server-unlock) echo "--wait" ;;
    image-save) echo "--file" ;;
    image-create) echo "--file --url --rbd --checksum --disk-format --min-ram --min-disk --property" ;;
    server-create) echo "--flavor --image --network --volume --property --request --metadata --ssh-key --key-name --password --hostname --file --user-data --config-drive --wait --timeout --dry-run" ;;
    server-list) echo "--status --column --no-headings" ;;
    server-delete) echo "--all --status --abandon --force --wait" ;;
    server-stop) echo "--all --status --force --timeout --wait" ;;
    server-start | server-pause | server-unpause | server-suspend | server-resume) echo "--all --status --wait" ;;
    server-wait) echo "--status --console --timeout" ;;
    server-reboot) echo "--hard --timeout --update --accept-loss --wait" ;;
    server-resize) echo "--flavor --timeout --accept-loss --wait" ;;
    server-add*) echo "--device --dry-run --wait" ;;
    server-rescue) echo "--image --password --timeout --wait" ;;
    server-unrescue) echo "--wait" ;;
    server-rebuild) echo "--image --password --file --user-data --metadata --property --timeout --accept-loss --wait" ;;
    server-shelve) echo "--timeout --accept-loss --wait" ;;
    server-unshelve) echo "--accept-loss --wait" ;;
    server-export) echo "--all --status --out" ;;
    server-migrate) echo "--dry-run --timeout --wait" ;;
    server-import) echo "--replace --fenced --dry-run --wait" ;;
    server-remove* | server-swap* | server-snapshot*) echo "--wait" ;;
    server-unsnapshot*) echo "--overlay --pull --base --wait" ;;
    server-extend*) echo "--size --wait" ;;
    server-show) echo "--diagnostics --column --no-headings" ;;
    server-log) echo "--lines --raw" ;;
    server-console) echo "--attach --follow --raw" ;;
    server-screenshot) echo "--file" ;;
    server-top) echo "--delay --rounds --sort --column --no-headings" ;;
    server-vnc) echo "--web --timeout" ;;
    server-url) echo "--type --column --no-headings" ;;
    plan-*) echo "--flavor --image --network --volume --property --config-drive --request --timing" ;;
    audit-*) echo "--flavors --images" ;;
    explain-*) echo "--flavor --image --network --volume --property --config-drive --request" ;;
    state-repair) echo "--accept-loss" ;;
    feature-list | driver-list) echo "--long --column --no-headings" ;;
    host-list | flavor-list | flavor-show | image-list | image-show | image-cache* | server-show | feature-show | feature-which | driver-show | config-show | config-delta | server-migration*)
      echo "--column --no-headings"
      ;;
    host-usage) echo "--volumes --column --no-headings" ;;
    server-event*) echo "--follow --column --no-headings" ;;
    server-dump*) echo "--file --wait" ;;
    server-password*) echo "--password --wait" ;;
    server-image*) echo "--name --property --wait" ;;
    host-check) echo "--root" ;;
    host-import) echo "--capabilities --domcapabilities --fact" ;;
    plugin-check) echo "--request --timeout" ;;
    plugin-new) echo "--kind" ;;
    config-import-nova) echo "--out" ;;
  esac
}

# The answer of virtloom, with the options typed so far that say where to look.
_virtloom_ask ()
{
  virtloom -q "${_virtloom_where[@]}" "$@" 2> /dev/null
}

# The names of what there is of NOUN that begin with $cur, a line each, as they have to be typed.
_virtloom_names ()
{
  local name

  while IFS= read -r name; do
    if [[ $name == "$cur"* ]]; then printf '%q\n' "$name"; fi
  done < <(_virtloom_ask "$1" list -o value -c name)
}

# The keys that plugins answer for, each with the '=' behind it.
_virtloom_keys ()
{
  _virtloom_ask feature list -o value -c keys | tr -d ' ' | tr , '\n' | sed -n 's/[^*]$/&=/p'
}

# "KEY=VALUE" of all that property KEY takes.
_virtloom_values ()
{
  local type accepted value

  while IFS=$'\t' read -r type accepted; do
    case $type in
      bool | tristate) accepted="yes no" ;;
      choice) ;;
      *) accepted='' ;;
    esac
    for value in ${accepted//,/}; do echo "$1=$value"; done
  done < <(_virtloom_ask feature which "$1" -o value -c type,accepted)
}

# Those of the WORDS that begin with $cur.
_virtloom_words ()
{
  compgen -W "$*" -- "$cur"
}

# What may stand behind option $prev; 9 where that takes nothing.
_virtloom_behind ()
{
  case $prev in
    --type) _virtloom_words vnc spice serial ;;
    --config | --state | --out) compgen -d -- "$cur" ;;
    --host | --file | --request | --flavors | --images | --capabilities | --domcapabilities | --user-data | --ssh-key | --password | --plugin)
      compgen -f -- "$cur"
      ;;
    -o | --output)
      case $noun-$verb in
        plan-*) _virtloom_words xml json ;;
        *-list | *-show | *-which | *-delta | server-event) _virtloom_words table json value ;;
        *) _virtloom_words table json ;;
      esac
      ;;
    --flavor | --image | --driver) _virtloom_names "${prev#--}" ;;
    --property)
      if [[ $cur == *=* ]]; then _virtloom_words "$(_virtloom_values "${cur%%=*}")"; else _virtloom_words "$(_virtloom_keys)"; fi
      ;;
    --network) _virtloom_words user bridge= macvtap, network, ovs, tap vhostuser, ;;
    --status) _virtloom_words BUILD ACTIVE SHUTOFF PAUSED SUSPENDED VERIFY_RESIZE RESCUE ERROR DELETING ;;
    --disk-format) _virtloom_words qcow2 raw vmdk vdi vhdx iso ;;
    --kind) _virtloom_words feature driver storage network ;;
    *) return 9 ;;
  esac
}

# What may stand where no option takes it.
_virtloom_here ()
{
  case $noun-$verb in
    -) _virtloom_words flavor image server plan explain audit feature driver plugin config host state migration ;;
    explain-*) _virtloom_names server ;;
    plan-* | audit-*) ;;
    *-) _virtloom_words "$(_virtloom_verbs "$noun")" ;;
    image-cache) if [[ $prev == cache ]]; then _virtloom_words show manage fetch; else _virtloom_names image; fi ;;
    server-import) compgen -f -- "$cur" ;;
    server-event) if [[ $prev == event ]]; then echo list; else _virtloom_names server; fi ;;
    server-password) if [[ $prev == password ]]; then echo set; else _virtloom_names server; fi ;;
    server-dump | server-image) if [[ $prev == dump || $prev == image ]]; then echo create; else _virtloom_names server; fi ;;
    feature-which) _virtloom_words "$(_virtloom_keys | tr -d =)" ;;
    config-show | config-delta | server-migration*)
      _virtloom_words virtloom
      _virtloom_names feature
      _virtloom_names driver
      ;;
    server-resize)
      [[ $prev != resize ]] || _virtloom_words confirm revert
      _virtloom_names server
      ;;
    plugin-check | config-import-nova) compgen -f -- "$cur" ;;
    *-create | *-list) ;;
    flavor-* | image-* | server-* | feature-* | driver-*) _virtloom_names "$noun" ;;
  esac
}

_virtloom ()
{
  local line=${COMP_LINE-} cur prev noun='' verb='' i word
  local -a words _virtloom_where=()

  line=${line:0:${COMP_POINT:-0}}
  # bash's own words end at '=' and ':' as well, which keys have inside.
  if [[ -n $line ]]; then
    read -ra words <<< "$line"
    [[ $line != *[[:space:]] ]] || words+=('')
  else
    words=("${COMP_WORDS[@]:0:COMP_CWORD+1}")
  fi
  cur=${words[-1]} prev=${words[-2]}
  for ((i = 1; i < ${#words[@]} - 1; i++)); do
    word=${words[i]}
    case $word in
      --config=* | --state=* | --driver=* | --host=*) _virtloom_where+=("$word") ;;
      --config | --state | --driver | --host) _virtloom_where+=("$word" "${words[++i]}") ;;
      --all | --no-headings | --force | --long | --wait | --dry-run | --config-drive | --hard | --update | --raw | --follow | --attach | --diagnostics | --volumes | --web | --timing | --quiet | --verbose | --help | --version | --*=*) ;;
      -o | -c | -d | -n | --*) ((i++)) ;;
      -*) ;;
      *) if [[ -z $noun ]]; then noun=$word; elif [[ -z $verb ]]; then verb=$word; fi ;;
    esac
  done
  [[ $cur != --*=* ]] || { prev=${cur%%=*} cur=${cur#*=}; }
  COMPREPLY=()
  word=$(_virtloom_behind)
  if [[ $? != 9 ]]; then
    [[ -z $word ]] || mapfile -t COMPREPLY <<< "$word"
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(_virtloom_words "$(_virtloom_options "$noun" "$verb") --config --state --driver --host --output --quiet --verbose --help --version")
  else
    mapfile -t COMPREPLY < <(_virtloom_here)
  fi
  # What bash sees as words before the last is there already.
  word=${cur%"${cur##*[=:]}"}
  [[ -z $word ]] || COMPREPLY=("${COMPREPLY[@]#"$word"}")
  [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace 2> /dev/null
}

complete -F _virtloom virtloom
