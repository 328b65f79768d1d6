# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# For scripts that make many modules: each is put in a queue with its source, and all are
# compiled together, as many at once as there are processors.

queue=$(mktemp -d)
trap 'rm -rf "$queue"' EXIT
# Headers that many sources begin with are read by the compiler once.
queue_header () { # COMMAND... < HEADER: sources have #include "head.h"
  cat > "$queue/head.h"
  "$@" -x c-header -o "$queue/head.h.gch" "$queue/head.h"
}
# queue_module NAME COMMAND... < SOURCE: the command reads the source from $queue/NAME.source
queue_module () {
  cat > "$queue/$1.source"
  printf '%q ' "${@:2}" > "$queue/$1.command"
}
# compile: all of the queue.
compile () {
  find "$queue" -name '*.command' -print0 | xargs -0 -P "$(nproc)" -n 1 sh -e
}
