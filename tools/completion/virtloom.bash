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
    image) echo "create set unset list show delete" ;;
    server) echo "create list show delete start stop reboot diff event pause unpause suspend resume log console" ;;
    feature | driver) echo "list show enable disable" ;;
    plugin) echo "check new" ;;
    config) echo "show check import-nova" ;;
    host) echo "show check resume import" ;;
    state) echo "check repair backup restore" ;;
  esac
}

_virtloom_options ()
{
  case $1-$2 in
    flavor-create) echo "--vcpus --ram --disk --ephemeral --swap --property" ;;
    flavor-set | flavor-unset | image-set | image-unset) echo "--property" ;;
    image-create) echo "--file --disk-format --min-ram --min-disk --property" ;;
    server-create) echo "--flavor --image --network --volume --property --request --metadata --ssh-key --key-name --password --hostname --user-data --config-drive --wait --timeout --dry-run" ;;
    server-delete) echo "--abandon --force" ;;
    server-stop) echo "--force --timeout" ;;
    server-reboot) echo "--hard --timeout --update --accept-loss" ;;
    server-log) echo "--lines --raw" ;;
    server-console) echo "--follow --raw" ;;
    plan-*) echo "--flavor --image --network --volume --property --config-drive --request --timing" ;;
    audit-*) echo "--flavors --images" ;;
    explain-*) echo "--flavor --image --network --volume --property --config-drive --request" ;;
    feature-list | driver-list) echo "--long" ;;
    state-repair) echo "--accept-loss" ;;
    host-import) echo "--capabilities --domcapabilities --fact" ;;
    plugin-check) echo "--request --timeout" ;;
    plugin-new) echo "--kind" ;;
    config-import-nova) echo "--out" ;;
  esac
}

# The names that `virtloom NOUN list` knows, with the options typed so far that
# say where to look.
_virtloom_names ()
{
  virtloom -q "${_virtloom_where[@]}" "$1" list 2> /dev/null | sed 1d | cut -d' ' -f1
}

_virtloom ()
{
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  local general="--config --state --driver --host --output --quiet --verbose --help"
  local nouns="flavor image server plan explain audit feature driver plugin config host state"
  local noun='' verb='' i word
  local -a _virtloom_where=()

  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --config | --state | --driver | --host)
        _virtloom_where+=("$word" "${COMP_WORDS[++i]}")
        ;;
      --long | --wait | --dry-run | --config-drive | --hard | --follow | --timing | --quiet | --verbose | --help) ;;
      -o | --*) ((i++)) ;;
      -*) ;;
      *) if [[ -z $noun ]]; then noun=$word; elif [[ -z $verb ]]; then verb=$word; fi ;;
    esac
  done

  case $prev in
    --config | --state | --out)
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
    --host | --file | --request | --flavors | --images | --capabilities | --domcapabilities | --user-data | --ssh-key | --password)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    -o | --output)
      if [[ $noun == plan ]]; then word="xml json"; else word="table json"; fi
      mapfile -t COMPREPLY < <(compgen -W "$word" -- "$cur")
      return
      ;;
    --flavor | --image | --driver)
      mapfile -t COMPREPLY < <(compgen -W "$(_virtloom_names "${prev#--}")" -- "$cur")
      return
      ;;
    --disk-format)
      mapfile -t COMPREPLY < <(compgen -W "qcow2 raw vmdk vdi vhdx iso" -- "$cur")
      return
      ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_virtloom_options "$noun" "$verb") $general" -- "$cur")
  elif [[ -z $noun ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$nouns" -- "$cur")
  elif [[ $noun == explain ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_virtloom_names server)" -- "$cur")
  elif [[ -z $verb ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_virtloom_verbs "$noun")" -- "$cur")
  elif [[ $noun-$verb == plugin-check || $noun-$verb == config-import-nova ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  elif [[ $verb != create && $verb != list && $noun =~ ^(flavor|image|server|feature|driver)$ ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_virtloom_names "$noun")" -- "$cur")
  fi
}

complete -F _virtloom virtloom
