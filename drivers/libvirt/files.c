/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What QEMU has open while its guest is paused must be what the core judged, by device and
 * inode: between the two, names may have come to lead elsewhere, and bytes that were read
 * may have changed.  QEMU's own files (firmware, its logs, memory) are told from the disks
 * by where they are. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "virt.h"

#define MAX_DEPTH 64
/* So many characters of a guest's name libvirt takes for the names of folders. */
#define SHORT_NAME 20

struct proof {
  struct vl_call *call;
  const struct vl_spawn *spawn;
  const struct vl_xml *live;
  const struct vl_judged *files;
  const char *follows;
  char *seen; /* one for each of FILES */
};

/* ---- whose files they are ---- */

static int
is_same (const struct stat *a, const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is ST what a path of the document outside of its disks leads to? */
static int
is_named (const struct vl_xml *node, const struct stat *st, int depth)
{
  static const char *const attributes[] = { "file", "path", "template" };
  const char *text = vl_xml_text (node);
  struct stat other;

  if (strcmp (vl_xml_name (node), "disk") == 0)
    return 0;
  if (text && *text == '/' && stat (text, &other) == 0 && is_same (st, &other))
    return 1;
  for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
    const char *value = vl_xml_attr (node, attributes[i]);

    if (value && *value == '/' && stat (value, &other) == 0 && is_same (st, &other))
      return 1;
  }
  if (depth < MAX_DEPTH)
    for (const struct vl_xml *child = vl_xml_child (node, NULL); child;
         child = vl_xml_next (child, NULL))
      if (is_named (child, st, depth + 1))
        return 1;
  return 0;
}

/* Is it the file in which libvirt has the number of the process, which keeps it open?  The
 * number may be that of another namespace. */
static int
is_pid_file (const struct proof *proof, const char *link, const char *name)
{
  const char *base = strrchr (name, '/');
  char text[32] = "";
  int fd = open (link, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : pread (fd, text, sizeof text - 1, 0);

  if (fd >= 0)
    close (fd);
  return got > 0 && base
         && strcmp (base + 1, vl_printf (proof->call, "%s.pid", proof->spawn->domain)) == 0
         && strspn (text, "0123456789\n") == (size_t)got;
}

/* Does NAME lie in the folder that libvirt makes for the memory of the guest, ".../3-vl-1465c070/pc.ram", and
 * does the guest have its memory there?  libvirt cuts the guest's name. */
static int
is_memory_file (const struct proof *proof, const char *name)
{
  const struct vl_xml *backing = vl_xml_child (proof->live, "memoryBacking");
  const struct vl_xml *source = backing ? vl_xml_child (backing, "source") : NULL;
  const char *type = source ? vl_xml_attr (source, "type") : NULL;
  const char *domain = proof->spawn->domain, *base = strrchr (name, '/'), *at = base;
  size_t digits, length = strlen (domain) < SHORT_NAME ? strlen (domain) : SHORT_NAME;

  if (type == NULL || strcmp (type, "file") != 0 || base == NULL)
    return 0;
  while (at > name && at[-1] != '/')
    at--;
  digits = strspn (at, "0123456789");
  return digits > 0 && at[digits] == '-' && at + digits + 1 + length == base
         && strncmp (at + digits + 1, domain, length) == 0;
}

/* Is ST, which is open as LINK and whose name is NAME, a part of QEMU itself? */
static int
is_part (const struct proof *proof, const char *link, const char *name, const struct stat *st)
{
  size_t length = strlen (proof->spawn->run_dir);
  struct statfs fs;

  if (! S_ISREG (st->st_mode))
    return 0;
  if (is_named (proof->live, st, 0) || is_pid_file (proof, link, name))
    return 1;
  /* Its logs, which only this guest's QEMU writes to. */
  if (strncmp (name, proof->spawn->run_dir, length) == 0 && name[length] == '/')
    return 1;
  if (is_memory_file (proof, name))
    return 1;
  /* Its memory: huge pages, or pages of the kernel's without a file. */
  if (statfs (link, &fs) < 0)
    return 0;
  return fs.f_type == HUGETLBFS_MAGIC
         || (fs.f_type == TMPFS_MAGIC && st->st_nlink == 0
             && strncmp (name, "/memfd:", strlen ("/memfd:")) == 0);
}

/* ---- what is open ---- */

static int
judge_open (struct proof *proof, const char *link)
{
  size_t n = proof->spawn->files.count;
  char name[PATH_MAX];
  struct stat st;
  ssize_t got;
  int block;

  if (stat (link, &st) < 0 || (! S_ISREG (st.st_mode) && ! S_ISBLK (st.st_mode)))
    return 0;
  block = S_ISBLK (st.st_mode);
  for (size_t i = 0; i < n; i++)
    if (proof->files[i].device == (block ? st.st_rdev : st.st_dev)
        && proof->files[i].inode == (block ? 0 : st.st_ino)) {
      proof->seen[i] = 1;
      return 0;
    }
  got = readlink (link, name, sizeof name - 1);
  name[got < 0 ? 0 : got] = '\0';
  if (is_part (proof, link, name, &st))
    return 0;
  return vl_refuse_as (proof->call, VL_ERR_FAILED, "OtherFileOpen", NULL,
                       "somebody exchanged a disk's file, or wrote to it; see whose it is",
                       "guest '%s' has \"%s\" open, which is none of the files that were inspected "
                       "for it; %s",
                       proof->spawn->domain, name, proof->follows);
}

/* Looks at what process PID has open, but for its standard streams, which are libvirt's.
 * 0; 1: that is not shown to this user, or it has ended; -1 after a finding. */
static int
judge_process (struct proof *proof, const char *pid)
{
  const char *folder = vl_printf (proof->call, "/proc/%s/fd", pid);
  DIR *dir = opendir (folder);
  struct dirent *entry;
  int result = 0;

  if (dir == NULL)
    return 1;
  while (result == 0 && (entry = readdir (dir)) != NULL)
    if (strtol (entry->d_name, NULL, 10) > STDERR_FILENO)
      result = judge_open (proof, vl_printf (proof->call, "%s/%s", folder, entry->d_name));
  closedir (dir);
  return result;
}

/* Does process PID have WANTED open? */
static int
has_open (struct vl_call *call, const char *pid, const struct stat *wanted)
{
  const char *folder = vl_printf (call, "/proc/%s/fd", pid);
  DIR *dir = opendir (folder);
  struct dirent *entry;
  struct stat st;
  int found = 0;

  while (dir && ! found && (entry = readdir (dir)) != NULL)
    found =
        stat (vl_printf (call, "%s/%s", folder, entry->d_name), &st) == 0 && is_same (&st, wanted);
  if (dir)
    closedir (dir);
  return found;
}

const char *
virt_file_holder (struct vl_call *call, const char *path)
{
  const char *holder = NULL;
  DIR *dir = opendir ("/proc");
  struct dirent *entry;
  struct stat wanted;

  while (dir && holder == NULL && stat (path, &wanted) == 0 && (entry = readdir (dir)) != NULL)
    if (entry->d_name[0] > '0' && entry->d_name[0] <= '9'
        && has_open (call, entry->d_name, &wanted)) {
      char command[4096] = "";
      int fd = open (vl_printf (call, "/proc/%s/cmdline", entry->d_name), O_RDONLY | O_CLOEXEC);
      ssize_t got = fd < 0 ? 0 : read (fd, command, 200);

      if (fd >= 0)
        close (fd);
      for (ssize_t i = 0; i + 1 < got; i++)
        command[i] = command[i] ? command[i] : ' ';
      holder = vl_printf (call, "process %s (%.200s)", entry->d_name, command);
    }
  if (dir)
    closedir (dir);
  return holder ? holder : "a process that is not seen from here";
}

/* Was process PID started as the guest UUID? */
static int
is_guest (const char *pid, const char *uuid)
{
  char path[64], text[65536];
  ssize_t got = -1;
  int fd;

  snprintf (path, sizeof path, "/proc/%.20s/cmdline", pid);
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    got = read (fd, text, sizeof text - 1);
    close (fd);
  }
  if (got <= 0)
    return 0;
  text[got] = '\0';
  for (const char *word = text, *last = ""; word < text + got; word += strlen (word) + 1) {
    if (strcmp (last, "-uuid") == 0 && strcmp (word, uuid) == 0)
      return 1;
    last = word;
  }
  return 0;
}

/* All processes that say that they are the guest, of which one is.  0; 1: none could be
 * looked at; -1 after a finding. */
static int
judge_processes (struct proof *proof)
{
  DIR *dir = opendir ("/proc");
  struct dirent *entry;
  int result = 1;

  while (dir && result >= 0 && (entry = readdir (dir)) != NULL)
    if (entry->d_name[0] > '0' && entry->d_name[0] <= '9'
        && is_guest (entry->d_name, proof->spawn->uuid)) {
      int one = judge_process (proof, entry->d_name);

      result = one > 0 ? result : one;
    }
  if (dir)
    closedir (dir);
  return result;
}

int
virt_prove_files (struct vl_call *call, const struct vl_spawn *spawn, const char *xml,
                  const char *follows)
{
  struct proof proof = { .call = call,
                         .spawn = spawn,
                         .live = vl_xml_read (call, xml, strlen (xml)),
                         .files = spawn->files.rows,
                         .follows = follows,
                         .seen = vl_memory (call, spawn->files.count + 1) };
  int result = proof.live ? judge_processes (&proof) : -1;

  if (result > 0 && geteuid () == 0)
    return vl_refuse_as (call, VL_ERR_FAILED, "FilesNotCompared", NULL,
                         "run virtloom where libvirt's processes are seen: ls /proc",
                         "the process of guest '%s' is not found, so that what it has open cannot "
                         "be compared; %s",
                         spawn->domain, follows);
  if (result > 0) {
    vl_warn_as (call, "FilesNotCompared", NULL, "run virtloom as root",
                "what guest '%s' has open is not shown to this user: that it is what was "
                "inspected was not compared",
                spawn->domain);
    return 0;
  }
  for (size_t i = 0; i < spawn->files.count && result == 0; i++)
    if (! proof.seen[i])
      result = vl_refuse_as (call, VL_ERR_FAILED, "OtherFileOpen", NULL,
                             "somebody exchanged a disk's file; see whose it is",
                             "guest '%s' does not have the file open that was inspected as \"%s\"; "
                             "%s",
                             spawn->domain, proof.files[i].path, follows);
  return result;
}
