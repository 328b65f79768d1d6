/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files of a machine: of this one, or of one that is recorded below a folder. */

#include <config.h>

#include "look.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "lib/file.h"

#define FILE_BYTES ((size_t)16 * 1024 * 1024)
#define LOG_BYTES ((size_t)1024 * 1024)

/* Below a root, links are followed as the machine would, and never lead out of it. */
static int
open_file (const struct machine *machine, const char *path, int flags)
{
  struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT };

  if (machine->root < 0)
    return open (path, flags | O_CLOEXEC);
  path += strspn (path, "/");
  return (int)syscall (SYS_openat2, machine->root, *path ? path : ".", &how, sizeof how);
}

const char *
machine_read (struct machine *machine, const char *path)
{
  VL_AUTOCLOSE int fd = open_file (machine, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  VL_AUTOFREE char *text = NULL;
  struct stat st;
  const char *why;

  if (fd < 0 || fstat (fd, &st) < 0)
    return NULL;
  if (! S_ISREG (st.st_mode)) {
    errno = EINVAL;
    return NULL;
  }
  text = vl_file_read_all (fd, FILE_BYTES, NULL, &why);
  return text ? vl_printf (machine->call, "%s", text) : NULL;
}

/* A line of gen_init_cpio's: "nod PATH MODE UID GID TYPE MAJOR MINOR". */
static int
find_node (const struct machine *machine, const char *path, struct stat *st)
{
  for (const char *line = machine->nodes; line && *line;
       line += strcspn (line, "\n"), line += *line == '\n') {
    unsigned mode, uid, gid, major, minor;
    char name[128], type;

    if (sscanf (line, "nod %127s %o %u %u %c %u %u", name, &mode, &uid, &gid, &type, &major, &minor)
            == 7
        && VL_STREQ (name, path)) {
      *st = (struct stat) {
        .st_mode = (mode & 07777) | (type == 'b' ? S_IFBLK : S_IFCHR),
        .st_uid = uid,
        .st_gid = gid,
        .st_rdev = makedev (major, minor),
      };
      return 0;
    }
  }
  errno = ENOENT;
  return -1;
}

int
machine_stat (struct machine *machine, const char *path, struct stat *st)
{
  VL_AUTOCLOSE int fd = open_file (machine, path, O_PATH);

  if (fd >= 0)
    return fstat (fd, st);
  return errno == ENOENT || errno == ENOTDIR ? find_node (machine, path, st) : -1;
}

int
machine_has (struct machine *machine, const char *path)
{
  struct stat st;

  return machine_stat (machine, path, &st) == 0;
}

void
machine_list (struct machine *machine, const char *path, const char *suffix, struct vl_strv *names)
{
  int fd = open_file (machine, path, O_RDONLY | O_DIRECTORY);
  DIR *folder = fd < 0 ? NULL : fdopendir (fd);
  const struct dirent *entry;

  if (folder == NULL) {
    if (fd >= 0)
      close (fd);
    return;
  }
  while ((entry = readdir (folder)))
    if (entry->d_name[0] != '.' && VL_ENDS (entry->d_name, suffix))
      vl_strv_add (names, entry->d_name);
  closedir (folder);
  vl_strv_sort (names);
}

/* A record of /dev/kmsg a time: "6,1,0,-;text", then lines that begin with a blank. */
static const char *
read_records (struct machine *machine, int fd)
{
  VL_AUTOSTR struct vl_str text = { NULL, 0, 0 };
  char record[8192];

  vl_str_add (&text, "");
  while (text.length < LOG_BYTES) {
    ssize_t n = read (fd, record, sizeof record - 1);
    const char *message;

    if (n < 0 && (errno == EPIPE || errno == EINTR))
      continue;
    if (n <= 0)
      break;
    record[n] = '\0';
    message = strchr (record, ';');
    message = message ? message + 1 : record;
    vl_str_add_n (&text, message, strcspn (message, "\n"));
    vl_str_add (&text, "\n");
  }
  return vl_printf (machine->call, "%s", text.text);
}

const char *
machine_kernel_log (struct machine *machine)
{
  VL_AUTOCLOSE int fd = -1;
  const char *text;

  if (machine->root >= 0) {
    text = machine_read (machine, "/dev/kmsg");
    return text ? text : "";
  }
  fd = open_file (machine, "/dev/kmsg", O_RDONLY | O_NONBLOCK | O_NOCTTY);
  return fd < 0 ? "" : read_records (machine, fd);
}

/* ---- words ---- */

static const char *
find_line (const char *text, const char *key)
{
  while (text && *text && ! VL_STARTS (text, key)) {
    text += strcspn (text, "\n");
    text += *text == '\n';
  }
  return text && *text ? text : NULL;
}

int
machine_has_line (const char *text, const char *key)
{
  return find_line (text, key) != NULL;
}

int
machine_line_has (const char *text, const char *key, const char *word)
{
  const char *line = find_line (text, key);
  const char *end = line ? line + strcspn (line, "\n") : NULL;

  for (const char *p = line ? strstr (line, word) : NULL; p && p < end; p = strstr (p + 1, word))
    if (p > line && strchr (" \t:", p[-1]) && strchr (" \n", p[strlen (word)]))
      return 1;
  return 0;
}

const char *
machine_line (struct machine *machine, const char *text, const char *key)
{
  const char *line = find_line (text, key);

  if (line == NULL)
    return NULL;
  line += strlen (key);
  line += strspn (line, " \t:");
  return vl_printf (machine->call, "%.*s", (int)strcspn (line, "\n"), line);
}

/* ---- modules ---- */

const char *
machine_parameter (struct machine *machine, const char *module, const char *parameter)
{
  const char *text = machine_read (
      machine, vl_printf (machine->call, "/sys/module/%s/parameters/%s", module, parameter));

  return text ? vl_printf (machine->call, "%.*s", (int)strcspn (text, "\n"), text) : NULL;
}

int
machine_is_loaded (struct machine *machine, const char *module)
{
  return machine_has (machine, vl_printf (machine->call, "/sys/module/%s", module));
}

/* ---- the machine ---- */

void
machine_say (struct machine *machine, const char *name, enum machine_result result,
             const char *mend, const char *fmt, ...)
{
  struct machine_row row = { .name = name, .result = result, .mend = mend };
  char *text;
  va_list args;

  va_start (args, fmt);
  text = vl_xvasprintf (fmt, args);
  va_end (args);
  row.text = vl_printf (machine->call, "%s", text);
  free (text);
  machine->tell (machine->opaque, &row);
}

struct machine *
machine_new (struct vl_call *call, const char *root, const char **why)
{
  struct machine *machine = VL_NEW (struct machine);

  machine->call = call;
  machine->root = -1;
  if (root) {
    VL_AUTOCLOSE int probe = -1;

    machine->root = open (root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (machine->root >= 0)
      probe = open_file (machine, "/", O_PATH);
    if (probe < 0) {
      *why = machine->root >= 0 && (errno == ENOSYS || errno == EPERM)
                 ? "the kernel does not let it be read apart from this machine (openat2, Linux 5.6)"
                 : strerror (errno);
      machine_free (machine);
      return NULL;
    }
    machine->nodes = machine_read (machine, "/nodes");
  }
  machine_look_at_cpu (machine);
  return machine;
}

void
machine_free (struct machine *machine)
{
  if (machine->root >= 0)
    close (machine->root);
  free (machine);
}
