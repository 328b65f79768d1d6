/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Stamps: what facts rest on, as text that differs once one of these things does.
 * Facts that were kept with an equal stamp are still true. */

#include <config.h>

#include "host/host.h"

#include "lib/file.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fnmatch.h>
#include <glob.h>
#include <inttypes.h>
#include <sys/stat.h>

void
vl_stamp_word (struct vl_stamp *stamp, const char *name, const char *value)
{
  vl_str_printf (&stamp->text, "%s=%s\n", name, value ? value : "");
}

void
vl_stamp_file (struct vl_stamp *stamp, const char *path)
{
  struct stat st;

  if (stat (path, &st) < 0)
    vl_str_printf (&stamp->text, "%s -\n", path);
  else
    vl_str_printf (&stamp->text,
                   "%s %" PRIuMAX ":%" PRIuMAX " %o %" PRIuMAX " %" PRIdMAX ".%09ld %" PRIdMAX
                   ".%09ld\n",
                   path, (uintmax_t)st.st_dev, (uintmax_t)st.st_ino, (unsigned)st.st_mode,
                   (uintmax_t)st.st_size, (intmax_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                   (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

void
vl_stamp_folder (struct vl_stamp *stamp, const char *folder, const char *pattern)
{
  DIR *dir = pattern ? opendir (folder) : NULL;
  size_t plain = pattern ? strcspn (pattern, "*?[\\") : 0;
  VL_AUTOSTRV struct vl_strv names = { NULL, 0, 0 };

  vl_stamp_file (stamp, folder);
  for (struct dirent *entry; dir && (entry = readdir (dir));)
    if (entry->d_name[0] != '.' && strncmp (entry->d_name, pattern, plain) == 0
        && fnmatch (pattern, entry->d_name, 0) == 0)
      vl_strv_add (&names, entry->d_name);
  if (dir)
    closedir (dir);
  vl_strv_sort (&names);
  for (size_t i = 0; i < names.n; i++) {
    VL_AUTOFREE char *path = vl_xasprintf ("%s/%s", folder, names.items[i]);

    vl_stamp_file (stamp, path);
  }
}

/* What the kernel's files that match PATTERN say; of a longer one the line that
 * has WORD. */
static void
stamp_contents (struct vl_stamp *stamp, const char *pattern, const char *word)
{
  glob_t paths = { 0 };

  if (glob (pattern, 0, NULL, &paths) == 0)
    for (size_t i = 0; i < paths.gl_pathc; i++) {
      VL_AUTOFREE char *text = vl_kernel_file (paths.gl_pathv[i]);
      char *line = text && word ? strstr (text, word) : text;

      if (line)
        line[strcspn (line, "\n")] = '\0';
      vl_stamp_word (stamp, paths.gl_pathv[i], line);
    }
  globfree (&paths);
}

void
vl_stamp_system (struct vl_stamp *stamp)
{
  static const char *const devices[] = { "/dev/kvm", "/dev/sev" };
  static const struct {
    const char *pattern, *word;
  } files[] = {
    { "/proc/sys/kernel/random/boot_id", NULL },
    { "/proc/meminfo", "MemTotal:" },
    { "/sys/module/kvm_*/parameters/*", NULL },
    { "/sys/devices/system/cpu/online", NULL },
    { "/sys/devices/system/node/node*/cpulist", NULL },
    { "/sys/devices/system/node/node*/meminfo", "MemTotal:" },
    { "/sys/devices/system/node/node*/hugepages/*/nr_hugepages", NULL },
    { "/sys/kernel/mm/hugepages/*/nr_hugepages", NULL },
  };
  VL_AUTOFREE char *user = vl_xasprintf ("%lu", (unsigned long)geteuid ());
  VL_AUTOFREE char *own = NULL;
  Dl_info self;

  /* Other code may make other facts of the same answers. */
  vl_stamp_word (stamp, "virtloom", VL_VERSION);
  if (dladdr ((void *)&vl_str_add, &self) && self.dli_fname)
    own = realpath (self.dli_fname, NULL);
  if (own)
    vl_stamp_file (stamp, own);
  vl_stamp_word (stamp, "user", user);
  vl_stamp_folder (stamp, VL_CPU_MAP, "index.xml");
  for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
    vl_stamp_file (stamp, devices[i]);
    vl_stamp_word (stamp, devices[i], access (devices[i], R_OK | W_OK) == 0 ? "usable" : "no");
  }
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    stamp_contents (stamp, files[i].pattern, files[i].word);
}
