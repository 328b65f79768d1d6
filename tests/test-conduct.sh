#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Modules that the gate lets in and that do what no plugin may: `plugin check` says of
# each what it is.  And modules that do not, which pass.
. "${srcdir:-$(dirname "$0")}/tap.sh"
[ -z "${VL_SANITIZE:-}" ] || skip_all "the sanitizers have handlers of their own"
[ -e "$top_builddir/core/.libs/libvirtloom.so" ] || skip_all "modules need a shared library"

modules=$tmp/modules
mkdir -m 755 "$modules" "$tmp/said"
umask 022
"$top_srcdir/tests/conduct" "$top_srcdir" "$top_builddir" "$modules" > "$tmp/list" 2> "$tmp/errors" || bail "$(tail -n 3 "$tmp/errors")"
true_that "there are many" [ "$(wc -l < "$tmp/list")" -ge 396 ]

# A note stands below its line, those of several plans above it; a driver's tests are
# tests within a test.
said_of () { tr -d '\0' < "$tmp/said/$1" | grep -B 16 -A 6 "^ *not ok [0-9]* - $2\$"; }
# A deadline of minutes; what never ends has a short one first, and a longer one where the
# machine was so busy that something before it met the short one.
check_one () {
  local name line words seconds deadlines=600 request
  IFS=$'\t' read -r name line words <<< "$1"
  case $words in *deadline*) deadlines='5 60 300' ;; esac
  request=$modules/$name.json
  [ -e "$request" ] || request=''
  # Settings are tried where no --config says what they are.
  case $name in
    set-*) set -- "$VL_RUN" virtloom --state "$state" --driver fake ;;
    *) set -- vl ;;
  esac
  for seconds in $deadlines; do
    "$@" plugin check --timeout "$seconds" ${request:+--request "$request"} "$modules/$name.so" > "$tmp/said/$name" 2>&1
    echo $? > "$tmp/said/$name.rc"
    [[ $(said_of "$name" "$line") != *"$words"* ]] || break
  done
}
export -f check_one said_of vl program
export VL_RUN tmp modules config state
# Each waits for another second, and for the disk.
tr '\n' '\0' < "$tmp/list" | xargs -0 -n 1 -P "$((4 * $(nproc)))" bash -c 'check_one "$1"' check
while IFS=$'\t' read -r name line words; do
  said=$(said_of "$name" "$line")
  is_eq "$(cat "$tmp/said/$name.rc")" 1 "$name does not conform"
  has "$said" "$words" "$name: $line"
  grep -q '^1\.\.[0-9]*$' "$tmp/said/$name" || not_ok "$name: the check came to its end"
done < "$tmp/list"

# ---- what passes ----

read -r -a cxx <<< "${CXX:-g++}"
if command -v "${cxx[0]}" > /dev/null; then
  cat > "$modules/with-stl.cc" << 'EOC'
#include <map>
#include <string>
#include <vector>
#include <virtloom/feature.h>

static const vl_prop props[] = {
  { .name = "mode", .type = VL_LIST, .flavor_key = "with-stl:mode", .help = "words", .since = "0.1" },
};
static const vl_write writes[] = { { .path = "description" } };

static int
active (vl_call *c)
{
  return vl_has (c, "mode");
}

static int
contribute (vl_call *c)
{
  std::map<std::string, std::vector<size_t>> places;
  std::string text;

  for (size_t i = 0; i < vl_count (c, "mode"); i++)
    places[vl_item (c, "mode", i)].push_back (i);
  for (const auto &[word, list] : places)
    text += word + "x" + std::to_string (list.size ()) + " ";
  return vl_text (vl_ensure (c, "description", "mode"), text.c_str ());
}

VL_FEATURE (with_stl, "with-stl", .version = "1", .summary = "C++ with its library",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .active = active,
            .contribute = contribute);
EOC
  printf '[plugin]\nkind = feature\nkeys = with-stl:mode\n' > "$modules/with-stl.conf"
  printf '=item with-stl:mode\n' > "$modules/with-stl.pod"
  run "${cxx[@]}" -std=c++20 -shared -fPIC -O1 -Wall -Werror -fvisibility=hidden -I"$top_srcdir/include" -I"$top_builddir/include" \
    -Wl,-z,now -o "$modules/with-stl.so" "$modules/with-stl.cc" -L"$top_builddir/core/.libs" -lvirtloom
  is_rc 0 "a plugin in C++ with the STL is built"
  run vl plugin check "$modules/with-stl.so"
  is_rc 0 "and conforms"
  lacks "$out" 'not ok' "with all tests"
else
  skip "no compiler for C++"
fi
# A system call without the C library is no call that the file takes: it is told, since nobody can say from the
# bytes whether they are one.
if [ "$(uname -m)" = x86_64 ]; then
  read -r -a cc <<< "${CC:-cc}"
  cat > "$modules/raw-call.c" << 'EOC'
#include <virtloom/feature.h>

static const struct vl_prop props[] = {
  { .name = "mode", .type = VL_BOOL, .flavor_key = "raw-call:mode", .help = "what it does", .since = "0.1" },
};

static int
active (struct vl_call *c)
{
  return vl_bool (c, "mode");
}

static int
prepare (struct vl_call *c)
{
  long pid;

  (void)c;
  __asm__ volatile("syscall" : "=a"(pid) : "0"(39) : "rcx", "r11", "memory");
  return pid > 0 ? 0 : vl_refuse (c, VL_ERR_FAILED, NULL, NULL, "there is no process");
}

static int
release (struct vl_call *c)
{
  (void)c;
  return 0;
}

VL_FEATURE (raw_call, "raw-call", .version = "1", .summary = "asks the kernel by itself",
            .props = VL_TABLE (props), .active = active, .prepare = prepare, .release = release);
EOC
  printf '[plugin]\nkind = feature\nkeys = raw-call:mode\n' > "$modules/raw-call.conf"
  printf '=item raw-call:mode\n' > "$modules/raw-call.pod"
  run "${cc[@]}" -shared -fPIC -O1 -Wall -fvisibility=hidden -I"$top_srcdir/include" -I"$top_builddir/include" \
    -Wl,-z,now -o "$modules/raw-call.so" "$modules/raw-call.c" -L"$top_builddir/core/.libs" -lvirtloom
  is_rc 0 "a plugin with an instruction of a system call is built"
  run vl plugin check "$modules/raw-call.so"
  is_rc 0 "and conforms, as what it is cannot be told"
  has "$out" "# its code has bytes that may be a system call of its own: 'syscall' at 0x" "but it is said"
fi
run vl plugin check "$modules/disks-well.so"
is_rc 1 "a plugin that makes disks"
is_eq "$(grep -c '^not ok' <<< "$out") $(grep -c '^not ok [0-9]* - a plan is made in which it is active$' <<< "$out")" "1 1" "lacks a request that has it, and nothing else"
for name in make resize remove snapshot capacity made image_look image_clones image_fetch; do
  has "$out" " - $name does what virtloom-storage(3) says" "$name is tried"
done
lacks "$out" '# SKIP nothing was there' "nothing is skipped"
for name in acpi watchdog cpu-quota; do
  run vl plugin check "$top_builddir/features/.libs/$name.so"
  is_rc 0 "$name conforms"
  lacks "$out" 'not ok' "$name: with all tests"
done

# ---- a module that is not installed ----

cat > "$tmp/request.json" << 'EOJ'
{ "name": "one", "flavor": { "name": "m1", "vcpus": 1, "ram": 512, "disk": 1, "extra_specs": { "with-stl:mode": "a,b,a" } },
  "image": { "name": "debian", "disk_format": "qcow2" } }
EOJ
if [ -e "$modules/with-stl.so" ]; then
  run vl plan --driver fake --request "$tmp/request.json"
  true_that "what no plugin has is refused" [ "$rc" -ne 0 ]
  run vl plan --driver fake --plugin "$modules/with-stl.so" --request "$tmp/request.json"
  is_rc 0 "plan --plugin"
  has "$out" '<description>ax2 bx1 </description>' "has what the module does"
  (cd "$modules" && vl explain --driver fake --plugin ./with-stl.so --request "$tmp/request.json") > "$tmp/explained"
  has "$(cat "$tmp/explained")" 'with-stl, with-stl:mode=a,b,a (flavor)' "explain --plugin, and by a relative path"
  rm "$modules/with-stl.conf"
  run vl feature show with-stl --plugin "$modules/with-stl.so" -o json
  is_rc 0 "feature show --plugin, of one without a conf"
  has "$out" '"with-stl:mode"' "which claims the keys that it has"
  vl flavor create f --vcpus 1 --ram 64 --disk 0 > /dev/null
  truncate -s 1M "$tmp/disk"
  run vl --plugin "$modules/with-stl.so" server create s --driver fake --flavor f --volume "path=$tmp/disk,format=raw,boot_index=0"
  is_rc 0 "server create --plugin"
  echo '[plugin' > "$modules/with-stl.conf"
  run vl plan --driver fake --plugin "$modules/with-stl.so" --request "$tmp/request.json"
  is_rc 7 "a conf beside it that cannot be read is an error"
  has "$err" "'$modules/with-stl.so', which was asked for, was refused: " "in words"
fi
# What a module leaves for the end of the process has no say in the answer.
for name in ends-well says-goodbye; do
  run vl plan --driver fake --plugin "$modules/$name.so" --flavor none --image none
  is_rc 5 "$name: a failure is one"
  is "$out" "" "and nothing else is said"
done
run vl plan --driver fake --plugin "$tmp/none.so" --request "$tmp/request.json"
is_rc 5 "a module that is not there is an error"
has "$err" "--plugin '$tmp/none.so' cannot be read: No such file or directory" "in words"
run vl plan --driver fake --plugin "$tmp/request.json" --request "$tmp/request.json"
has "$err" "module '$tmp/request.json' is not a module's name; accepted: NAME.so" "and so is another name"
done_testing
