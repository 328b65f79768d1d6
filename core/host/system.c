/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the kernel and the file system of this machine say: release, module
 * parameters, cgroups, devices, programs.  Only ever asked for a live host. */

#include <config.h>

#include "host/host.h"

#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

#define MAX_BYTES ((size_t)1024 * 1024)

static const struct {
  const char *module, *parameter;
} parameters[] = {
  { "kvm_amd", "nested" },  { "kvm_amd", "sev" },      { "kvm_amd", "sev_es" },
  { "kvm_amd", "sev_snp" }, { "kvm_intel", "nested" },
};

static const char *const devices[] = {
  "/dev/hwrng",    "/dev/kvm",     "/dev/net/tun",   "/dev/random",    "/dev/sev",
  "/dev/sgx_vepc", "/dev/urandom", "/dev/vfio/vfio", "/dev/vhost-net", "/dev/vhost-vsock",
};

/* The kernel's files say they are empty, whatever is in them. */
char *
vl_kernel_file (const char *path)
{
  VL_AUTOFCLOSE FILE *file = fopen (path, "re");
  VL_AUTOSTR struct vl_str text = { NULL, 0, 0 };
  char buffer[4096];
  size_t n;

  if (file == NULL)
    return NULL;
  vl_str_add (&text, "");
  while (text.length < MAX_BYTES && (n = fread (buffer, 1, sizeof buffer, file)) > 0)
    vl_str_add_n (&text, buffer, n);
  return VL_STEAL (text.text);
}

static void
add_parameters (struct vl_host *host)
{
  for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
    VL_AUTOFREE char *key =
        vl_xasprintf ("module.%s.%s", parameters[i].module, parameters[i].parameter);
    VL_AUTOFREE char *path = vl_xasprintf ("/sys/module/%s/parameters/%s", parameters[i].module,
                                           parameters[i].parameter);
    VL_AUTOFREE char *text = vl_kernel_file (path);

    if (text)
      text[strcspn (text, "\n")] = '\0';
    /* A module that is not there, or that is too old for the parameter, does
     * not do it: that is known. */
    vl_host_set (host, key, text ? text : "false");
  }
}

static int
has_word (const char *text, const char *separators, const char *word)
{
  size_t length = strlen (word);

  while (*text) {
    size_t n = strcspn (text, separators);

    if (n == length && strncmp (text, word, n) == 0)
      return 1;
    text += n;
    text += strspn (text, separators);
  }
  return 0;
}

/* The version of cgroups that has the controller cpu, 0 for none.  Version 1: a mount with
 * the option cpu; version 2: the controller. */
static int
cpu_controller (void)
{
  VL_AUTOFREE char *mounts = vl_kernel_file ("/proc/self/mounts");
  char *rest = mounts, *line;

  while (rest && (line = strsep (&rest, "\n"))) {
    const char *device = strsep (&line, " "), *folder = strsep (&line, " ");
    const char *type = strsep (&line, " "), *options = strsep (&line, " ");

    if (device == NULL || folder == NULL || type == NULL || options == NULL)
      continue;
    if (VL_STREQ (type, "cgroup") && has_word (options, ",", "cpu"))
      return 1;
    if (VL_STREQ (type, "cgroup2")) {
      VL_AUTOFREE char *path = vl_xasprintf ("%s/cgroup.controllers", folder);
      VL_AUTOFREE char *controllers = vl_kernel_file (path);

      if (controllers && has_word (controllers, " \n", "cpu"))
        return 2;
    }
  }
  return 0;
}

static int
in_path (const char *program)
{
  const char *path = getenv ("PATH");
  VL_AUTOFREE char *copy = vl_xstrdup (path && *path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
  char *rest = copy, *folder;

  while ((folder = strsep (&rest, ":"))) {
    VL_AUTOFREE char *file = vl_xasprintf ("%s/%s", folder, program);
    struct stat st;

    if (folder[0] == '/' && access (file, X_OK) == 0 && stat (file, &st) == 0
        && S_ISREG (st.st_mode))
      return 1;
  }
  return 0;
}

void
vl_host_probe_system (struct vl_call *call, struct vl_host *host)
{
  int cgroup = cpu_controller ();
  struct utsname self;

  if (uname (&self) == 0) {
    vl_host_set (host, "kernel.release", self.release);
    if (vl_host_find (host, "host.arch") == NULL)
      vl_host_set (host, "host.arch", self.machine);
  } else {
    vl_debug (call, "uname: %s", strerror (errno));
  }
  add_parameters (host);
  vl_host_set (host, "cgroup.cpu", cgroup ? "true" : "false");
  if (cgroup)
    vl_host_set (host, "cgroup.version", cgroup == 1 ? "1" : "2");
  vl_host_set (host, "swtpm", in_path ("swtpm") ? "true" : "false");
  for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
    if (access (devices[i], F_OK) == 0)
      vl_host_add (host, "device", devices[i]);
}

/* A file without a name, where the file system has them; else one that is
 * unlinked at once. */
static int
open_direct (const char *dir)
{
  int fd = open (dir, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
  VL_AUTOFREE char *path = NULL;

  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
    return fd;
  path = vl_xasprintf ("%s/.direct-XXXXXX", dir);
  fd = mkostemp (path, O_DIRECT | O_CLOEXEC);
  /* Without O_DIRECT on this file system the file is made, then not opened. */
  if (fd >= 0 || errno == EINVAL)
    unlink (path);
  return fd;
}

/* The bytes, a whole number of MiB, that the file FD can grow to: what its file system, and this
 * process, let it. */
static int64_t
file_size_most (int fd)
{
  const int64_t mib = 1 << 20;
  struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
  int64_t good = 0, bad = INT64_MAX / mib + 1;

  getrlimit (RLIMIT_FSIZE, &limit);
  /* Beyond the limit of a process a signal would come. */
  if (limit.rlim_cur < INT64_MAX)
    bad = (int64_t)limit.rlim_cur / mib + 1;
  while (bad - good > 1) {
    int64_t middle = good + (bad - good) / 2;

    if (ftruncate (fd, middle * mib) == 0)
      good = middle;
    else
      bad = middle;
  }
  return good * mib;
}

void
vl_host_probe_storage (struct vl_call *call, struct vl_host *host, const char *dir)
{
  VL_AUTOCLOSE int fd = open_direct (dir);
  VL_AUTOFREE void *block = NULL;
  struct statvfs fs;
  char bytes[32];
  int direct = 0;

  if (statvfs (dir, &fs) == 0) {
    snprintf (bytes, sizeof bytes, "%llu",
              (unsigned long long)fs.f_blocks * (unsigned long long)fs.f_frsize);
    vl_host_set (host, "storage.capacity", bytes);
  }
  if (fd < 0 && errno != EINVAL) {
    vl_debug (call, "\"%s\": cannot find out about direct I/O: %s", dir, strerror (errno));
    return;
  }
  if (posix_memalign (&block, 4096, 4096) != 0)
    vl_oom ();
  memset (block, 0, 4096);
  direct = fd >= 0 && pwrite (fd, block, 4096, 0) == 4096;
  vl_host_set (host, "storage.direct_io", direct ? "true" : "false");
  if (fd < 0)
    return;
  snprintf (bytes, sizeof bytes, "%lld", (long long)file_size_most (fd));
  vl_host_set (host, "storage.file_size", bytes);
}
