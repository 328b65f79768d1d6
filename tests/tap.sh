# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034
#
# TAP for shell tests: source this, make tests, end with done_testing.  Each test
# gets a temporary folder $tmp with an empty STATE and a configuration folder
# $config of its own, and `vl` runs the uninstalled program on them.

set -u
: "${top_srcdir:=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}"
: "${top_builddir:=$top_srcdir}"
top_srcdir=$(cd "$top_srcdir" && pwd)
top_builddir=$(cd "$top_builddir" && pwd)
if [ -z "${VL_RUN:-}" ]; then
  VL_RUN=$top_builddir/run
  [ -x "$VL_RUN" ] || VL_RUN=$top_srcdir/run
fi
export top_builddir

tmp=$(mktemp -d) || exit 99
# The user that guests run as passes through it.
chmod 711 "$tmp"
state=$tmp/state
config=$tmp/config
mkdir -p "$config/plugins.d"
chmod go-w "$config" "$config/plugins.d"
tests=0 failures=0 out='' err='' rc=0

# Functions named cleanup_* in CLEANUPS run first; the folder goes in any case.
CLEANUPS=''
finish () {
  for each in $CLEANUPS; do "$each"; done
  chmod -R u+rwX "$tmp" 2> /dev/null
  rm -rf "$tmp"
}
trap finish EXIT
trap 'exit 99' INT TERM

ok () { tests=$((tests + 1)); echo "ok $tests - $*"; }
not_ok () { tests=$((tests + 1)); failures=$((failures + 1)); echo "not ok $tests - $*"; }
diag () { printf '%s\n' "$*" | sed 's/^/# /'; }
skip () { tests=$((tests + 1)); echo "ok $tests # SKIP $*"; }
# 0, not 77: to automake's TAP driver the plan says it, and another code is an error.
skip_all () { echo "1..0 # SKIP $*"; exit 0; }
bail () { echo "Bail out! $*"; exit 99; }
done_testing () { echo "1..$tests"; [ "$failures" -eq 0 ]; exit; }

# needs PROGRAM PACKAGE: skips the whole file where PROGRAM is missing.
needs () {
  PATH=$PATH:/usr/sbin:/sbin command -v "$1" > /dev/null || skip_all "$1 is missing (Debian: $2)"
}

# run COMMAND...: its stdout in $out, stderr in $err, exit code in $rc.
run () {
  "$@" > "$tmp/.out" 2> "$tmp/.err"
  rc=$?
  out=$(cat "$tmp/.out") err=$(cat "$tmp/.err")
  case $err in *"LeakSanitizer has encountered a fatal error"*) run_unsearched "$@" ;; esac
}
# The search for leaks stops its process from a second one, which a host may not let it do.  It has then
# found nothing, and its code has taken the command's place.  A command that only looks is run again without
# it; of another nobody knows how it ended.
run_unsearched () {
  diag "the search for leaks gave up after $*:"
  diag "$err"
  case " $* " in *" show "* | *" list "* | *" usage "* | *" url "* | *" plan "* | *" explain "* | *" check "*) ;; *) return ;; esac
  ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 run "$@"
}
if [ -n "${VL_PROGRAM:-}" ]; then
  # For `virtloom plugin check`: that very program, with a module that is not installed.
  # Once a command was stopped by the deadline, none is run any more.
  program () {
    local status=0
    [ ! -e "$tmp/.late" ] || return 124
    timeout --kill-after=5 "${VL_DEADLINE:-600}" "$VL_PROGRAM" ${VL_TREE:+--tree "$VL_TREE"} ${VL_PLUGIN:+--plugin "$VL_PLUGIN"} "$@" || status=$?
    case $status in 124 | 137)
      : > "$tmp/.late"
      echo "it was stopped by a deadline of ${VL_DEADLINE:-600} seconds" >&2 ;;
    esac
    return $status
  }
else
  program () { "$VL_RUN" virtloom "$@"; }
fi
# Another --config or --state than the test's own stands alone: neither is given twice.
vl () {
  local own=()
  [[ " $* " == *" --config"[\ =]* ]] || own+=(--config "$config")
  [[ " $* " == *" --state"[\ =]* ]] || own+=(--state "$state")
  program "${own[@]}" "$@"
}

# db SQL...: what STATE has on record; one that another command writes just now is waited for.
db () { sqlite3 -cmd '.timeout 60000' "$state/state.db" "$@"; }

# can_kill: can a command be killed at a system call here?
can_kill () { strace -f -o "$tmp/trace" true 2> /dev/null; }
# kill_places STEP: at which of its system calls a command is killed, in turn, until it is not any more:
# a sample, each STEPth, and every one with ./check --long.  The sanitizers' build takes a third as many,
# and others: what it is for is the code that cleans up, at any of them.
kill_places () {
  if [ -z "${VL_TEST_LONG:-}" ] && [ -n "${VL_SANITIZE:-}" ]; then
    seq $((1 + $1 / 2)) $(($1 * 3)) 5000
  else
    seq 1 "${VL_TEST_LONG:-$1}" 5000
  fi
}
# run_killed N CALLS COMMAND...: as run, but killed at the Nth of the system calls CALLS ("fsync,rename")
# that one of its processes makes; not killed where none makes as many.  Leaks are not looked for, since
# their finder wants to be where strace is.
run_killed () {
  local n=$1 calls=$2
  shift 2
  run env ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0" timeout --kill-after=5 1200 \
    strace -f -o "$tmp/trace" -e trace="$calls" -e inject="$calls:signal=KILL:when=$n" "$@"
}

# can_mount: can this user, in a mount namespace of their own?  inside SCRIPT: runs it in one, with
# what tests have for commands.
if [ "$(id -u)" -eq 0 ]; then own_mounts=(unshare -m); else own_mounts=(unshare -rm); fi
can_mount () { "${own_mounts[@]}" mount -t tmpfs none "$tmp" 2> /dev/null; }
inside () {
  export tmp state config top_srcdir top_builddir VL_RUN
  export -f vl program f db run
  "${own_mounts[@]}" bash -c "$1"
}

# What the last run is compared with.
is_eq () {
  if [ "$1" = "$2" ]; then ok "$3"; else
    not_ok "$3"
    diag "got:      $1"
    diag "expected: $2"
  fi
}
is () { is_eq "$@"; }
is_rc () {
  if [ "$rc" -eq "$1" ]; then ok "$2"; else
    not_ok "$2"
    diag "exit code $rc, expected $1"
    diag "stdout: $out"
    diag "stderr: $err"
  fi
}
# has TEXT PART WHAT, lacks TEXT PART WHAT: fixed strings.
has () {
  case $1 in *"$2"*) ok "$3" ;; *)
    not_ok "$3"
    diag "no \"$2\" in: $1" ;;
  esac
}
lacks () {
  case $1 in *"$2"*)
    not_ok "$3"
    diag "\"$2\" in: $1" ;; *) ok "$3" ;;
  esac
}
# true_that WHAT COMMAND...: a test is a command that succeeds.
true_that () {
  local what=$1
  shift
  if "$@"; then ok "$what"; else not_ok "$what"; fi
}
# wait_for SECONDS COMMAND...: until the command succeeds; looks more rarely the longer it
# takes, since looking costs time, too.
wait_for () {
  local end=$((SECONDS + $1)) looks=0
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] && [ ! -e "$tmp/.late" ] || return 1
    looks=$((looks + 1))
    if [ $looks -lt 20 ]; then sleep 0.05; else sleep 0.25; fi
  done
}

# kill_job PID: kills a command of the background, maybe one with a shell around it, and waits until all of
# its processes have ended; answers what `wait` does.  Who works for a command that is killed ends a
# moment later, and holds till then what the next command wants.
kill_job () {
  local each all code
  all=$(job_pids "$1")
  # shellcheck disable=SC2046 # numbers
  ! [ "/proc/$1/exe" -ef "/proc/$$/exe" ] || kill -KILL $(pgrep -P "$1")
  kill -KILL "$1"
  wait "$1"
  code=$?
  for each in $all; do wait_for 600 has_ended "$each" || return 1; done
  return $code
} 2> /dev/null
job_pids () {
  local each
  for each in $(pgrep -P "$1"); do
    echo "$each"
    job_pids "$each"
  done
}
# has_ended PID: it holds nothing any more, whether or not its parent has been told.
has_ended () { ! grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status"; }

# lock_holder FILE: the process that has a lock on FILE by flock(2). The kernel gives out /proc/locks in
# pieces, and what other processes take or let go between two of them can hide a line: so it is looked
# for until it is there.
lock_holder () {
  local inode pid=
  inode=$(stat -c %i "$1")
  is_held () { pid=$(sed -n "s/^[0-9]*: FLOCK *ADVISORY *WRITE \([0-9]*\) [0-9a-f:]*:$inode .*/\1/p" /proc/locks); [ -n "$pid" ]; }
  wait_for 600 is_held && echo "$pid"
}

# setting PLUGIN LINE...: the [settings] of PLUGIN in $config.
setting () {
  local plugin=$1
  shift
  { echo '[settings]'; printf '%s\n' "$@"; } > "$config/plugins.d/$plugin.conf"
  chmod go-w "$config/plugins.d/$plugin.conf"
}
# main_setting SECTION LINE...: virtloom.conf, anew.
main_setting () {
  local section=$1
  shift
  { echo "[$section]"; printf '%s\n' "$@"; } > "$config/virtloom.conf"
  chmod go-w "$config/virtloom.conf"
}
# value KEY: the first text or number of that name in the JSON in $out.
value () {
  grep -oE "\"$1\": *(\"[^\"]*\"|[0-9a-z.-]+)" <<< "$out" | head -n 1 | sed -e 's/^[^:]*: *//' -e 's/"//g'
}
