/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bounded reading, atomic writing, folders. */

#include <config.h>

#include "lib/file.h"

#include "lib/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <limits.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

/* What is left to read of FD.  EXPECTED: where the end is, if nobody writes meanwhile; 0: only a read
 * of nothing tells. */
static char *
read_up_to (int fd, size_t limit, size_t expected, size_t *length, const char **why)
{
  static __thread char too_large[64];
  size_t n = 0, size = expected && expected <= limit ? expected + 2 : 0;
  VL_AUTOFREE char *text = size ? vl_xrealloc (NULL, size, 1) : NULL;

  for (;;) {
    ssize_t got;

    /* One byte beyond the limit tells that there is more, one is for the NUL. */
    if (size - n < 2) {
      size = size < limit / 2 ? 2 * size + 4096 : limit + 2;
      text = vl_xrealloc (text, size, 1);
    }
    got = read (fd, text + n, size - n - 1);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0) {
      *why = strerror (errno);
      return NULL;
    }
    n += (size_t)got;
    if (n > limit) {
      snprintf (too_large, sizeof too_large, "is larger than %zu bytes", limit);
      *why = too_large;
      errno = EFBIG;
      return NULL;
    }
    if (got == 0 || n == expected)
      break;
  }
  text[n] = '\0';
  if (length)
    *length = n;
  return VL_STEAL (text);
}

char *
vl_file_read_all (int fd, size_t limit, size_t *length, const char **why)
{
  return read_up_to (fd, limit, 0, length, why);
}

char *
vl_file_read_fd (int fd, size_t limit, size_t *length, const char **why)
{
  struct stat st;

  if (fstat (fd, &st) < 0)
    *why = strerror (errno);
  else if (! S_ISREG (st.st_mode)) {
    *why = "is not a regular file";
    errno = EINVAL;
  } else
    return read_up_to (fd, limit, (size_t)st.st_size, length, why);
  return NULL;
}

char *
vl_file_read (const char *path, size_t limit, size_t *length, const char **why)
{
  /* O_NONBLOCK: a FIFO must not hang us before fstat can tell it apart. */
  VL_AUTOCLOSE int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (fd < 0) {
    *why = strerror (errno);
    return NULL;
  }
  return vl_file_read_fd (fd, limit, length, why);
}

int
vl_file_is_odd (int error)
{
  return error == EINVAL || error == EFBIG;
}

int
vl_file_write_all (int fd, const char *text, size_t length)
{
  while (length) {
    ssize_t put = write (fd, text, length);

    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return -1;
    text += put;
    length -= (size_t)put;
  }
  return 0;
}

char *
vl_file_folder (const char *path)
{
  const char *slash = strrchr (path, '/');

  return slash ? vl_xstrndup (path, slash == path ? 1 : (size_t)(slash - path)) : vl_xstrdup (".");
}

int
vl_file_sync_folder (const char *path)
{
  VL_AUTOFREE char *folder = vl_file_folder (path);
  VL_AUTOCLOSE int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  return fd < 0 ? -1 : fsync (fd);
}

int
vl_file_write (const char *path, const char *text, size_t length, mode_t mode)
{
  VL_AUTOFREE char *temp = vl_xasprintf ("%s.XXXXXX", path);
  int fd = mkostemp (temp, O_CLOEXEC), bad = 0;

  if (fd < 0)
    return -1;
  if (fchmod (fd, mode) < 0 || vl_file_write_all (fd, text, length) < 0 || fsync (fd) < 0)
    bad = errno;
  if (close (fd) < 0 && ! bad)
    bad = errno;
  if (! bad && rename (temp, path) < 0)
    bad = errno;
  if (! bad)
    return vl_file_sync_folder (path);
  unlink (temp);
  errno = bad;
  return -1;
}

const char *
vl_file_network (const char *path)
{
  /* As linux/magic.h and the file systems' own headers have them. */
  static const struct {
    uint32_t magic;
    const char *name;
  } kinds[] = {
    { 0x6969, "nfs" },        { 0xff534d42, "cifs" },  { 0xfe534d42, "smb2" },
    { 0x517b, "smb" },        { 0x00c36400, "ceph" },  { 0x65735546, "fuse" },
    { 0x01021997, "9p" },     { 0x5346414f, "afs" },   { 0x6b414653, "afs" },
    { 0x73757245, "coda" },   { 0x01161970, "gfs2" },  { 0x7461636f, "ocfs2" },
    { 0x0bd00bd0, "lustre" }, { 0x47504653, "gpfs" },  { 0x19830326, "beegfs" },
    { 0x013111a8, "ibrix" },  { 0xaad7aaea, "panfs" }, { 0xbacbacbc, "vmhgfs" },
  };
  struct statfs fs;

  if (statfs (path, &fs) < 0)
    return NULL;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if ((uint32_t)fs.f_type == kinds[i].magic)
      return kinds[i].name;
  return NULL;
}

int
vl_file_mkdirs (const char *path, mode_t mode)
{
  VL_AUTOFREE char *copy = vl_xstrdup (path);

  for (char *p = copy + 1; *p; p++)
    if (*p == '/') {
      *p = '\0';
      if (mkdir (copy, mode) < 0 && errno != EEXIST)
        return -1;
      *p = '/';
    }
  return mkdir (copy, mode) < 0 && errno != EEXIST ? -1 : 0;
}

/* The mount that NAME in PARENT lies on, "" being PARENT itself: two of one file system
 * differ.  0, or -1 with errno. */
static int
mount_of (int parent, const char *name, struct statx *found)
{
  return statx (parent, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (*name ? 0 : AT_EMPTY_PATH),
                STATX_TYPE | STATX_MNT_ID, found);
}

/* Removes NAME in PARENT with all below it, or with LOOK only looks whether all of it is on
 * the mount TOP. */
static int
remove_below (int parent, const char *name, const struct statx *top, int look)
{
  VL_AUTOCLOSE int fd = -1;
  struct statx here;
  DIR *dir;
  int bad = 0;

  if (mount_of (parent, name, &here) < 0)
    return errno == ENOENT ? 0 : -1;
  if (here.stx_dev_major != top->stx_dev_major || here.stx_dev_minor != top->stx_dev_minor
      || (here.stx_mask & top->stx_mask & STATX_MNT_ID && here.stx_mnt_id != top->stx_mnt_id)) {
    errno = EXDEV;
    return -1;
  }
  if (! S_ISDIR (here.stx_mode))
    return look ? 0 : unlinkat (parent, name, 0);
  fd = openat (parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  dir = fd < 0 ? NULL : fdopendir (fd);
  if (dir == NULL)
    return -1;
  /* It is the folder's from here on. */
  fd = -1;
  for (struct dirent *entry; (entry = readdir (dir));)
    if (! VL_STREQ (entry->d_name, ".") && ! VL_STREQ (entry->d_name, "..")
        && remove_below (dirfd (dir), entry->d_name, top, look) < 0)
      bad = errno;
  closedir (dir);
  errno = bad;
  return bad ? -1 : look ? 0 : unlinkat (parent, name, AT_REMOVEDIR);
}

int
vl_file_remove_tree (const char *path)
{
  VL_AUTOFREE char *folder = vl_xstrdup (path);
  char *slash = strrchr (folder, '/');
  const char *name = slash ? path + (slash - folder) + 1 : path;
  VL_AUTOCLOSE int fd = -1;
  struct statx top;

  if (*name == '\0' || VL_STREQ (name, ".") || VL_STREQ (name, "..")) {
    errno = EINVAL;
    return -1;
  }
  if (slash)
    slash[slash == folder] = '\0';
  fd = open (slash ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return errno == ENOENT ? 0 : -1;
  /* What is mounted below is looked for first: afterwards half would be gone. */
  return mount_of (fd, "", &top) < 0 || remove_below (fd, name, &top, 1) < 0
             ? -1
             : remove_below (fd, name, &top, 0);
}

struct vl_identity
vl_file_identity (const char *path)
{
  struct vl_identity none = { 0, 0 };
  struct loop_info64 loop;
  VL_AUTOCLOSE int fd = -1;
  struct stat st;

  if (stat (path, &st) < 0)
    return none;
  if (! S_ISBLK (st.st_mode))
    return (struct vl_identity) { st.st_dev, st.st_ino };
  if (major (st.st_rdev) == LOOP_MAJOR)
    fd = open (path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0 || ioctl (fd, LOOP_GET_STATUS64, &loop) < 0)
    return (struct vl_identity) { st.st_rdev, 0 };
  return loop.lo_rdevice ? (struct vl_identity) { loop.lo_rdevice, 0 }
                         : (struct vl_identity) { loop.lo_device, loop.lo_inode };
}

/* The first line of the FILE that the kernel has about block device DEVICE; 0, or -1. */
static int
read_about (uint64_t device, const char *file, char *text, int size)
{
  VL_AUTOFREE char *path =
      vl_xasprintf ("/sys/dev/block/%u:%u/%s", major (device), minor (device), file);
  FILE *about = fopen (path, "re");
  char *line = about ? fgets (text, size, about) : NULL;

  if (about)
    fclose (about);
  text[line ? strcspn (text, "\n") : 0] = '\0';
  return line ? 0 : -1;
}

static void add_below (struct vl_file_stack *stack, struct vl_identity id, int part);

/* The device whose number is in FILE, below DEVICE, is one that this is a part of. */
static void
add_device (struct vl_file_stack *stack, uint64_t device, const char *file)
{
  unsigned major_id, minor_id;
  char text[64];

  if (read_about (device, file, text, sizeof text) == 0
      && sscanf (text, "%u:%u", &major_id, &minor_id) == 2)
    add_below (stack, (struct vl_identity) { makedev (major_id, minor_id), 0 }, 1);
}

static void
add_below (struct vl_file_stack *stack, struct vl_identity id, int part)
{
  VL_AUTOFREE char *slaves =
      vl_xasprintf ("/sys/dev/block/%u:%u/slaves", major (id.device), minor (id.device));
  char text[PATH_MAX];
  DIR *dir;

  if (id.device == 0 || stack->n == sizeof stack->of / sizeof stack->of[0])
    return;
  stack->of[stack->n].id = id;
  stack->of[stack->n++].part = part;
  if (id.inode)
    return;
  if (read_about (id.device, "partition", text, sizeof text) == 0)
    add_device (stack, id.device, "../dev");
  else if (read_about (id.device, "loop/backing_file", text, sizeof text) == 0)
    add_below (stack, vl_file_identity (text), part);
  dir = opendir (slaves);
  for (struct dirent *entry; dir && (entry = readdir (dir));)
    if (entry->d_name[0] != '.' && strlen (entry->d_name) < 200) {
      snprintf (text, sizeof text, "slaves/%s/dev", entry->d_name);
      add_device (stack, id.device, text);
    }
  if (dir)
    closedir (dir);
}

struct vl_file_stack
vl_file_stack (const char *path)
{
  struct vl_file_stack stack = { .n = 0 };

  add_below (&stack, vl_file_identity (path), 0);
  return stack;
}

int
vl_file_shares (const char *a, const char *b)
{
  struct vl_file_stack x = vl_file_stack (a), y = vl_file_stack (b);

  for (size_t i = 0; i < x.n; i++)
    for (size_t j = 0; j < y.n; j++)
      if (x.of[i].id.device == y.of[j].id.device && x.of[i].id.inode == y.of[j].id.inode
          && ! (x.of[i].part && y.of[j].part))
        return 1;
  return 0;
}
