#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The rooms of core/ call downwards only, and each knows only the outside libraries
# that are its business: every prefix of their order links by itself, with
# nothing left undefined.  Archives alone would hide a call upwards.
. "${srcdir:-$(dirname "$0")}/tap.sh"

build=${top_builddir:-$(dirname "$0")/..}
[ -z "${VL_SANITIZE:-}" ] || skip_all "the sanitizers' own symbols come with the program"

archives=() outside=()
room () {
  local name=$1 archive=$2
  shift 2
  archives+=("$archive") outside+=("$@")
  # shellcheck disable=SC2086 # a compiler is words
  if ${CC:-cc} -shared -o "$tmp/prefix.so" -Wl,--whole-archive "${archives[@]}" -Wl,--no-whole-archive \
    -Wl,-z,defs "${outside[@]}" 2> "$tmp/errors"; then
    ok "$name needs nothing of a later room"
  else
    not_ok "$name needs nothing of a later room"
    diag "$(grep -oE 'in function .*|undefined reference.*|cannot find.*' "$tmp/errors" | sort -u)"
  fi
}
read -r -a xml <<< "${VL_LIBXML2_LIBS:-$(pkg-config --libs libxml-2.0)}"
read -r -a conf <<< "${VL_CONF_LIBS:-$(pkg-config --libs inih) -lltdl}"
read -r -a json <<< "${VL_JANSSON_LIBS:-$(pkg-config --libs jansson)}"
read -r -a uuid <<< "${VL_UUID_LIBS:-$(pkg-config --libs uuid)}"
read -r -a sql <<< "${VL_SQLITE_LIBS:-$(pkg-config --libs sqlite3)}"
room base "$build/lib/.libs/libbase.a"
room context "$build/core/.libs/libcontext.a" "${xml[@]}"
room plugin "$build/core/.libs/libplugin.a" "${conf[@]}"
room host "$build/core/.libs/libhost.a" "${json[@]}"
room request "$build/core/.libs/librequest.a" "${uuid[@]}"
room domain "$build/core/.libs/libdomain.a"
room storage "$build/core/.libs/libstorage.a"
room server "$build/core/.libs/libserver.a" "${sql[@]}"
done_testing
