/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What of its environment the command heeds.  libvirt, GLib, GnuTLS and the C library load
 * code, write files and look for programs as variables say, so only those stay that are
 * known to be harmless. */

#include <config.h>

#include "tool.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* For everybody: language, terminal, time zone, where temporary files go.  A name that ends
 * with "_" stands for all that begin so.  What the dynamic linker and sanitizers obey has
 * had its effect already, and their own children need it. */
static const char *const kept[] = {
  "ASAN_OPTIONS",
  "COLUMNS",
  "HOME",
  "LANG",
  "LANGUAGE",
  "LC_",
  "LD_",
  "LINES",
  "LOCPATH",
  "LOGNAME",
  "LSAN_OPTIONS",
  "NO_COLOR",
  "PWD",
  "TERM",
  "TMPDIR",
  "TZ",
  "UBSAN_OPTIONS",
  "USER",
  "VL_TEST_",
  /* Of systemd to a service: `host watch`. */
  "NOTIFY_SOCKET",
  "WATCHDOG_PID",
  "WATCHDOG_USEC",
  NULL,
};
/* For users: their own programs and session. */
static const char *const of_users[] = {
  "PATH", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", NULL,
};

static int
is_listed (const char *line, size_t length, const char *const *names)
{
  for (; *names; names++) {
    size_t n = strlen (*names);

    if (strncmp (line, *names, n) == 0 && (length == n || (*names)[n - 1] == '_'))
      return 1;
  }
  return 0;
}

void
environment_tame (void)
{
  int root = geteuid () == 0;
  const struct passwd *user = root ? getpwuid (0) : NULL;
  char **to = environ;

  for (char **line = environ; line && *line; line++) {
    size_t length = strcspn (*line, "=");

    if (is_listed (*line, length, kept) || (! root && is_listed (*line, length, of_users)))
      *to++ = *line;
  }
  if (to)
    *to = NULL;
  if (root || getenv ("PATH") == NULL)
    setenv ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  if (user) {
    setenv ("HOME", user->pw_dir, 1);
    setenv ("USER", user->pw_name, 1);
    setenv ("LOGNAME", user->pw_name, 1);
  }
}
