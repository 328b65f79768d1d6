/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A library that nobody should load: it leaves a file beside itself where one did. */

#include <config.h>

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void __attribute__ ((constructor)) leave_a_file (void)
{
  char path[4096];
  Dl_info self;
  int fd;

  if (dladdr ((void *)leave_a_file, &self) == 0 || self.dli_fname == NULL)
    return;
  snprintf (path, sizeof path, "%s.ran", self.dli_fname);
  fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0)
    close (fd);
}
