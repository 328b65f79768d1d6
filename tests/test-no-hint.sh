#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Refusals that leave a user without a next step, without a hint and without "accepted" in their
# sentence: in each room there are no more of them than tests/no-hint.list says.
. "${srcdir:-$(dirname "$0")}/tap.sh"

needs perl perl

# ---- what is one ----

cat > "$tmp/some.c" << 'EOC'
vl_refuse (struct vl_call *call, int err, const char *property, NULL, "the definition")
/* vl_refuse (call, 1, NULL, NULL, "a comment"); */
  vl_refuse (call, 1, NULL, NULL, "one, \"%s\" (1",
             name);
  vl_refuse (call, f (1, 2) ? A : B, NULL, "do this", "with a hint");
  vl_refuse_as (call, 1, "Code", NULL, NULL, "two");
  vl_refuse_as (call, 1, "Code", NULL, NULL, "three; accepted: %s", all);
  vl_reader_refuse (r, NULL, path, NULL, "four");
EOC
is "$("$top_srcdir/tests/no-hint" "$tmp/some.c" | sed "s,^$tmp/,,")" 'some.c:3: "one, \"%s\" (1" name
some.c:6: "two"
some.c:8: "four"' "what has no hint and says nothing that is accepted"

# ---- what is copied into a shell ----

is "$(grep -rnE '"[^"]*\b(qemu-img|findmnt|ln -s|chmod|chown|mount|rm|mv|cp|virtloom [a-z]+|--[a-z-]+)[^"]* \\"%' "$top_srcdir"/{confine,core,drivers,features,lib,machine,networks,storage,tools} --include='*.c')" "" "no hint has a command with a name in double quotes: vl_shell_word says it"

# ---- what is not to be removed ----

is "$(grep -rnE 'vl_file_failed \([^"]*"cannot (remove|move)"' "$top_srcdir/core" --include='*.c')" "" "what is not to be removed or moved is told by vl_stuck, which has a hint"

# ---- how many there are ----

listed=0
while read -r room most; do
  case $room in '' | '#'*) continue ;; esac
  found=$(find "$top_srcdir/$room" -maxdepth 1 -name '*.c' -exec "$top_srcdir/tests/no-hint" {} +)
  n=$(printf '%s' "${found:+$found
}" | wc -l)
  listed=$((listed + n))
  if [ "$n" -le "$most" ]; then
    ok "$room: $n of at most $most"
  else
    not_ok "$room: $n of at most $most; give the new one a hint, or say in its sentence what is accepted"
    diag "$found"
  fi
done < "$top_srcdir/tests/no-hint.list"
all=$(find "$top_srcdir"/{confine,core,drivers,features,lib,machine,networks,storage,tools} -name '*.c' -exec "$top_srcdir/tests/no-hint" {} + | wc -l)
is "$all" "$listed" "each room is in the list"
done_testing
