#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Nova on virtloom: its API, scheduler, conductor, placement and compute manager, by Nova's own functional
# fixtures, with the driver of contrib/nova and virtloom's driver fake behind it.  Run by ./check nova, which
# installs Nova.

# shellcheck source=tests/tap.sh
. "$(dirname "$0")/tap.sh"
[ -n "${VL_TEST_NOVA:-}" ] || skip_all "VL_TEST_NOVA is not set: ./check nova runs this"
needs qemu-img qemu-utils
# Debian's Nova belongs to Debian's Python, whatever else PATH has.
python=/usr/bin/python3
for module in nova:nova oslotest:oslotest wsgi_intercept:wsgi-intercept ddt:ddt placement:placement \
    requests_mock:requests-mock fixtures:fixtures testtools:testtools; do
  "$python" -c "import ${module%:*}" > /dev/null 2>&1 \
    || skip_all "Python has no module ${module%:*} (Debian: python3-${module#*:})"
done
[ -e /usr/share/nova-common/api-paste.ini ] || skip_all "Nova's API is not configured (Debian: nova-common)"

# Where docs/nova.md puts the driver, in a Nova of links.
nova=$("$python" -c 'import importlib.util as util; print(util.find_spec("nova").submodule_search_locations[0])')
mkdir "$tmp/python"
cp -rs "$nova" "$tmp/python/nova" || bail "no copy of $nova"
ln -s "$top_srcdir/contrib/nova/virtloom" "$tmp/python/nova/virt/virtloom"
export PYTHONPATH="$tmp/python:$top_srcdir/tests/nova-driver" PYTHONDONTWRITEBYTECODE=1 PYTHONWARNINGS=ignore
# What Nova says stays with the test that it is about.
export OS_STDOUT_CAPTURE=1 OS_STDERR_CAPTURE=1
# in_python WORD...: a run of testtools in a place of its own, $place.
in_python () {
  mkdir -p "$place/config/plugins.d" "$place/volumes" "$place/tmp"
  chmod go-w "$place/config" "$place/config/plugins.d"
  env TMPDIR="$place/tmp" VL_NOVA_FOLDER="$place/volumes" \
    VL_NOVA_COMMAND="$VL_RUN virtloom --driver fake --config $place/config --state $place/state" \
    timeout --kill-after=60 3600 "$python" -m testtools.run "$@"
}
# What a test leaves but for the images, which are a cache: of servers, of temporary files, and who still runs.
left () {
  find "$place/state/servers" "$place/tmp" -mindepth 1 2>&1 | sed "s,^$place/,,"
  pgrep -af -- "$tmp/"
}

# Sockets have short names.
place=$tmp/0
run in_python --list test_fake
list=$(grep '^test_fake\.' <<< "$out")
[ -n "$list" ] || { diag "$err"; bail "the tests cannot be listed"; }
for each in $list; do
  place=$tmp/$((tests + 1))
  run in_python "$each"
  if [ "$rc" -eq 0 ] && grep -q '^Ran 1 test' <<< "$out" && grep -qx OK <<< "$out"; then ok "$each"; else
    not_ok "$each"
    diag "exit code $rc"
    diag "$(tail -n 60 <<< "$out")"
    diag "$(tail -n 20 <<< "$err")"
  fi
  is_eq "$(left)" "" "$each leaves nothing"
done
done_testing
