# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# For tests whose plugins come and go: a build tree of their own, and the program itself
# (no script in between, so that it can be killed) on it.

# A tree with modules of its own, which come and go.
[ -x "$top_builddir/tools/.libs/virtloom" ] || skip_all "this build has no shared libraries"
tree=$tmp/tree
mkdir -p "$tree/tests/mods/.libs"
for part in core confine helpers drivers features networks storage packaging plugins.d tools; do ln -s "$top_builddir/$part" "$tree/$part"; done
ln -s "$top_builddir/tests/hosts" "$tree/tests/hosts"
export LD_LIBRARY_PATH=$top_builddir/core/.libs${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
cmd=("$top_builddir/tools/.libs/virtloom" --tree "$tree" --config "$config" --state "$state" --driver fake)
f () { "${cmd[@]}" "$@"; }

# plugin NAME [FILE]: installs it, from a build of another name; keys follow.
plugin () {
  local name=$1 file=$2
  shift 2
  rm -f "$tree/tests/mods/.libs/$name.so"
  cp "$top_builddir/tests/mods/$file.so" "$tree/tests/mods/.libs/$name.so"
  chmod go-w "$tree/tests/mods/.libs/$name.so"
  printf '%s\n' '[plugin]' 'kind = feature' "module = $name.so" "keys = $*" > "$config/plugins.d/$name.conf"
  chmod go-w "$config/plugins.d/$name.conf"
}
purge () { rm -f "$tree/tests/mods/.libs/$1.so" "$config/plugins.d/$1.conf"; }
