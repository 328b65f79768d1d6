#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# host check --root: machines of which the files are recorded, whole and broken ones, and
# what is said of each.  tests/machines/NAME.tree describes the files:
#
#   like NAME          begin with the files of that machine
#   file PATH [MODE]   a file; lines that begin with a tab are what it has
#   dir PATH           a folder
#   slink PATH TARGET  a symbolic link
#   nod PATH MODE UID GID TYPE MAJOR MINOR   a device, for which no rights are needed here
#   without PATH       what of the above is taken away again
#   expect N           the exit code; then the rows, of one that is like another those alone
#                      that the other does not have
#
# With VL_TEST_REGENERATE=1 what comes after `expect` is written anew: read it, then.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
machines=$top_srcdir/tests/machines

# plant NAME DIR: makes the files of a machine below DIR.
plant () {
  local dir=$2 line verb path more file=''
  mkdir -p "$dir"
  while IFS= read -r line; do
    read -r verb path more <<< "$line"
    case $line in
      'expect '*) break ;;
      $'\t'*) printf '%s\n' "${line#$'\t'}" >> "$file"; continue ;;
      '' | '#'*) continue ;;
    esac
    case $verb in
      like) plant "$path" "$dir" ;;
      file)
        file=$dir$path
        mkdir -p "$(dirname "$file")"
        : > "$file"
        chmod "${more:-0644}" "$file"
        ;;
      dir) mkdir -p "$dir$path" ;;
      slink)
        mkdir -p "$(dirname "$dir$path")"
        ln -s "$more" "$dir$path"
        ;;
      nod | without)
        rm -rf "${dir:?}$path"
        [ ! -e "$dir/nodes" ] || sed -i "\\|^nod $path |d" "$dir/nodes"
        [ "$verb" = without ] || printf '%s\n' "$line" >> "$dir/nodes"
        ;;
      *) bail "$1.tree: what is '$line'?" ;;
    esac
  done < "$machines/$1.tree"
}

base_of () { sed -n 's/^like //p' "$machines/$1.tree"; }
# judge NAME: the rows of a machine in $tmp/rows/NAME, its exit code in $tmp/codes/NAME.
mkdir "$tmp/rows" "$tmp/codes"
judge () {
  plant "$1" "$tmp/machine"
  run vl host check --root "$tmp/machine"
  rm -rf "$tmp/machine"
  is "$err" "" "$1: nothing but rows"
  printf '%s\n' "$out" > "$tmp/rows/$1"
  echo "$rc" > "$tmp/codes/$1"
}
rows_of () {
  local base
  base=$(base_of "$1")
  echo "expect $(cat "$tmp/codes/$1")"
  if [ -n "$base" ]; then
    # A row and what mends it stand and fall together.
    awk 'NR == FNR { seen[$0] = 1; next }
         /^[A-Z]/ { shown = ! ($0 in seen) }
         shown' "$tmp/rows/$base" "$tmp/rows/$1"
  else
    cat "$tmp/rows/$1"
  fi
}

names=$(cd "$machines" && ls -- *.tree | sed 's/\.tree$//')
for name in $names; do judge "$name"; done
for name in $names; do
  found=$(rows_of "$name")
  if [ -n "${VL_TEST_REGENERATE:-}" ]; then
    { sed '/^expect /,$d' "$machines/$name.tree"; printf '%s\n' "$found"; } > "$tmp/new"
    cat "$tmp/new" > "$machines/$name.tree"
  fi
  is "$found" "$(sed -n '/^expect /,$p' "$machines/$name.tree")" "$name"
done

# ---- a folder is the whole machine ----

# What a link of the machine's leads to is inside, as it is on the machine itself.
root=$tmp/root canary=$tmp/canary
check () { run vl host check --root "$root"; }
row () { grep -A1 "^[A-Z]*  $1: " <<< "$out" | sed '2{/^      /!d}'; }
plant intel "$root"
mv "$root/proc/cpuinfo" "$root/cpuinfo"
mkdir "$canary"
printf 'flags\t\t: fpu svm lm\n' > "$canary/cpuinfo"
link () {
  ln -sfn "$1" "$root/proc/cpuinfo"
  check
  is "$(row 'cpu virtualization')" "$2" "/proc/cpuinfo is a link to $3"
}
found='PASS  cpu virtualization: the CPU has vmx (Intel VT-x)'
none="FAIL  cpu virtualization: /proc/cpuinfo cannot be read
      copy the machine's /proc/cpuinfo"
link "$canary/cpuinfo" "$none" "a file outside"
link "../../../../../../../../../../../..$canary/cpuinfo" "$none" "a file outside, by .."
link /cpuinfo "$found" "/cpuinfo"
link ../../../cpuinfo "$found" "../../../cpuinfo"
ln -sfn "$canary" "$root/linked"
link /linked/cpuinfo "$none" "a file below a link to a folder outside"
link / "$none" "a folder"
link /proc/self/root/proc/cpuinfo "$none" "what the kernel of this machine would follow"
rm "$root/proc/cpuinfo"
mkfifo "$root/proc/cpuinfo"
check
is "$(row 'cpu virtualization')" "$none" "/proc/cpuinfo is a pipe that nobody writes to"
rm "$root/proc/cpuinfo"
mv "$root/cpuinfo" "$root/proc/cpuinfo"

# Nothing is opened but what another command opens, too, and what is below the folder.
if [ -z "${VL_SANITIZE:-}" ] && can_kill; then
  outside () {
    timeout 120 strace -f -qq -e trace=%file -o "$tmp/trace" "$VL_RUN" virtloom --config "$config" --state "$state" \
      "$@" > /dev/null 2>&1
    grep -v 'resolve=RESOLVE_IN_ROOT' "$tmp/trace" | grep -oE '"[^"]*"' | sort -u
  }
  outside host check --root "$root" > "$tmp/check"
  cp "$tmp/trace" "$tmp/trace-check"
  outside feature list > "$tmp/list"
  is "$(comm -23 "$tmp/check" "$tmp/list" | grep -vxE '"(check|--root|host)"')" "\"$root\"" "nothing outside is opened"
  for file in proc/cpuinfo proc/misc dev/kvm etc/passwd var/lib/dpkg/status; do
    true_that "$file is opened below it" grep -qF "\"$file\", {flags" "$tmp/trace-check"
  done
else
  skip "no strace here (Debian: strace)"
fi

# A device that was copied as what it is.
if [ "$(id -u)" = 0 ] && mknod -m 600 "$root/dev-kvm" c 10 232 2> /dev/null; then
  mkdir -p "$root/dev"
  mv "$root/dev-kvm" "$root/dev/kvm"
  check
  is "$(row 'kvm device owner')" "FAIL  kvm device owner: /dev/kvm is root:root with mode 0600, and libvirt-qemu may not open it; udev gives it to group kvm with mode 0660
      udevadm trigger --name-match=kvm; without udev: chgrp kvm /dev/kvm && chmod 660 /dev/kvm" "a node counts before its line in nodes"
  rm "$root/dev/kvm"
else
  skip "nodes cannot be made here"
fi

check
is_rc 0 "the machine is whole again"
run vl -o json host check --root "$root"
is_rc 0 "as JSON"
is "$(jq -r '.checks[0] | [.name, .result, .message, .mend] | @tsv' <<< "$out")" \
  $'cpu virtualization\tPASS\tthe CPU has vmx (Intel VT-x)\t' "has the same rows"

# ---- folders that are none ----

refused () {
  run vl host check --root "$1"
  is_rc 2 "$2 is refused"
  is "$err" "error Usage core: --root '$1': $3
  the folder has the files of the machine to judge: proc/cpuinfo, proc/misc, sys/module and so on" "with what it should be"
}
refused "$tmp/nowhere" "a folder that is not there" "No such file or directory"
: > "$tmp/file"
refused "$tmp/file" "a file" "Not a directory"
run vl host check --root "$root" --root "$root"
is_rc 2 "two folders are refused"

# ---- this machine ----

run vl host check
for name in 'cpu virtualization' 'firmware switch' 'kvm module' 'kvm module at boot' 'kvm device' 'kvm device owner' 'qemu user' \
  'emulator' 'vhost_net' 'nested guests'; do
  true_that "this machine has a row '$name'" grep -qE "^(PASS|WARN|FAIL|SKIP)  $name: " <<< "$out"
done
lacks "$out" "FAIL  kvm" "without KVM there are emulated guests: no step to it fails"
run vl --host generic-x86_64 host check
lacks "$out" "cpu virtualization" "with --host, this machine is not judged"
done_testing
