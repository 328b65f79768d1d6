/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * swap-file FILE OTHER: says "ready", waits until somebody who has read FILE closes it, and
 * puts OTHER in its place at once: between a check of FILE and the use of its name. */

#include <config.h>

#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

int
main (int argc, char **argv)
{
  int fd = inotify_init1 (IN_CLOEXEC);
  char events[4096];

  if (argc != 3 || fd < 0 || inotify_add_watch (fd, argv[1], IN_CLOSE_NOWRITE) < 0) {
    perror ("swap-file");
    return 2;
  }
  printf ("ready\n");
  fflush (stdout);
  if (read (fd, events, sizeof events) <= 0 || rename (argv[2], argv[1]) < 0) {
    perror ("swap-file");
    return 1;
  }
  printf ("swapped\n");
  return 0;
}
