/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * statfs as a folder on a network file system answers it: the folder of VL_TEST_ELSEWHERE, of the
 * number that VL_TEST_MAGIC is. */

#define _GNU_SOURCE 1

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

int
statfs (const char *path, struct statfs *fs)
{
  int (*real) (const char *, struct statfs *) =
      (int (*) (const char *, struct statfs *))dlsym (RTLD_NEXT, "statfs");
  const char *elsewhere = getenv ("VL_TEST_ELSEWHERE"), *magic = getenv ("VL_TEST_MAGIC");
  int result = real (path, fs);

  if (result == 0 && elsewhere && magic && strcmp (path, elsewhere) == 0)
    fs->f_type = (__typeof__ (fs->f_type))strtoul (magic, NULL, 0);
  return result;
}
