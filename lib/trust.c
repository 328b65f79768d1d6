/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The path rule, walked with descriptors.  No database of users or groups is
 * asked: what it says is not under the control of this machine alone. */

#include <config.h>

#include "lib/trust.h"

#include "lib/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>

#define MOST_LINKS 40
#define ACCEPTED "; accepted: owned by root or by the caller, and writable by nobody else"

/* The folders of what was judged last, by their paths without links, while this thread
 * wants them remembered. */
static __thread struct {
  int on, next;
  struct {
    char *path;
    int fd;
  } folders[4];
} recent;
#define N_RECENT (int)(sizeof recent.folders / sizeof recent.folders[0])

struct walk {
  struct vl_arena *arena;
  struct vl_trust *trust;
  const char *here; /* the path of FD, without links */
  int fd, is_kept;  /* KEPT: FD is one that is remembered, and stays open */
  struct stat st;   /* of FD */
  int64_t nobody;   /* the number that stands for owners that are not mapped; -1: none */
  const struct vl_trust_guests *guests; /* of a volume, or NULL */
  int flags, opened; /* what a regular file is opened with; the descriptor, or -1 */
};

/* The number as which this user namespace shows all owners that it does not map,
 * or -1 in a namespace that maps everybody. */
static int64_t
unmapped_id (void)
{
  VL_AUTOFCLOSE FILE *map = fopen ("/proc/self/uid_map", "re");
  VL_AUTOFCLOSE FILE *nobody = fopen ("/proc/sys/kernel/overflowuid", "re");
  unsigned long inside, outside, count, id;

  if (map && fscanf (map, "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0
      && outside == 0 && count == UINT32_MAX)
    return -1;
  return nobody && fscanf (nobody, "%lu", &id) == 1 ? (int64_t)id : 65534;
}

/* How to mend what COMMAND mends.  A folder that is everybody's on purpose, as /tmp, is left as it
 * is: others would miss it. */
static const char *
mending (struct walk *walk, const char *command)
{
  const char *here = vl_shell_word (walk->arena, walk->here);

  if (S_ISDIR (walk->st.st_mode) && (walk->st.st_mode & S_ISVTX) && walk->st.st_uid == 0)
    return vl_arena_printf (
        walk->arena,
        "leave it as it is, and take a folder of your own in it: mkdir -m 700 "
        "%s",
        vl_shell_word (walk->arena, vl_arena_printf (walk->arena, "%s/virtloom", walk->here)));
  return vl_arena_printf (walk->arena, "%s %s", command, here);
}

static int
refuse (struct walk *walk, const char *command, const char *what)
{
  const struct stat *st = &walk->st;

  walk->trust->error = 0;
  walk->trust->why = vl_arena_printf (walk->arena, "%s'%s' %s (owner %u, group %u, mode %04o)%s",
                                      S_ISLNK (st->st_mode) ? "the symbolic link " : "", walk->here,
                                      what, (unsigned)st->st_uid, (unsigned)st->st_gid,
                                      (unsigned)st->st_mode & 07777, ACCEPTED);
  walk->trust->hint =
      command ? mending (walk, command)
              : "run virtloom where that owner is mapped; /proc/self/uid_map lists those that are";
  return -1;
}

static int
private_group (const struct walk *walk, gid_t gid)
{
  return geteuid () != 0 && gid == getegid () && gid == geteuid () && (int64_t)gid != walk->nobody;
}

/* Is FD what guests may have for their own? */
static int
is_volume (const struct walk *walk)
{
  return walk->guests && (S_ISREG (walk->st.st_mode) || S_ISBLK (walk->st.st_mode));
}

/* May the group of FD write to it? */
static int
group_may_write (const struct walk *walk)
{
  const struct stat *st = &walk->st;

  if (st->st_gid == 0 || private_group (walk, st->st_gid))
    return 1;
  return is_volume (walk) && (S_ISBLK (st->st_mode) || (int64_t)st->st_gid == walk->guests->gid);
}

/* Judges what FD is; LAST: what the whole path names. */
static int
judge (struct walk *walk, int last)
{
  const struct stat *st = &walk->st;
  unsigned loose = st->st_mode & S_IWOTH;

  if (st->st_uid != 0 || (st->st_mode & S_IWGRP))
    walk->nobody = unmapped_id ();
  if (st->st_uid != 0 && st->st_uid == walk->nobody)
    return refuse (walk, NULL,
                   "is owned by somebody whom this user namespace does not map, or by nobody");
  if (st->st_uid != 0 && st->st_uid != geteuid ()
      && ! (is_volume (walk) && (int64_t)st->st_uid == walk->guests->uid))
    return refuse (walk, S_ISLNK (st->st_mode) ? "chown -h root" : "chown root",
                   "is owned by another user");
  /* The mode of a link means nothing. */
  if (S_ISLNK (st->st_mode))
    return 0;
  if ((st->st_mode & S_IWGRP) && ! group_may_write (walk))
    loose |= S_IWGRP;
  /* In a sticky folder nobody renames what is another's. */
  if (loose == 0 || (! last && S_ISDIR (st->st_mode) && (st->st_mode & S_ISVTX) && st->st_uid == 0))
    return 0;
  return refuse (walk,
                 loose == S_IWGRP   ? "chmod g-w"
                 : loose == S_IWOTH ? "chmod o-w"
                                    : "chmod go-w",
                 loose == S_IWGRP   ? "is writable by its group"
                 : loose == S_IWOTH ? "is writable by everyone"
                                    : "is writable by its group and by everyone");
}

static int
failed (struct walk *walk, const char *what)
{
  walk->trust->error = errno;
  walk->trust->hint = NULL;
  walk->trust->why = vl_arena_printf (walk->arena, "'%s': %s", what, strerror (errno));
  return -1;
}

/* The descriptor that has to be closed where the walk leaves it; -1: none. */
static int
leave (struct walk *walk)
{
  int fd = walk->is_kept ? -1 : walk->fd;

  walk->fd = -1;
  walk->is_kept = 0;
  return fd;
}

static int
step_to (struct walk *walk, int fd, const char *here)
{
  VL_AUTOCLOSE int left = leave (walk);

  (void)left;
  walk->fd = fd;
  walk->here = here;
  return fd < 0 || fstat (fd, &walk->st) < 0 ? failed (walk, here) : 0;
}

/* The path of NAME below HERE, a path without links. */
static const char *
below (struct vl_arena *arena, const char *here, const char *name)
{
  const char *slash = strrchr (here, '/');

  if (VL_STREQ (name, "."))
    return here;
  if (VL_STREQ (name, ".."))
    return slash == here ? "/" : vl_arena_strndup (arena, here, (size_t)(slash - here));
  return vl_arena_printf (arena, "%s/%s", here[1] ? here : "", name);
}

/* FD is a link: steps to where its target begins; answers what is left to walk. */
static const char *
follow (struct walk *walk, int folder, const char *parent, const char *rest)
{
  char target[PATH_MAX];
  ssize_t n = readlinkat (walk->fd, "", target, sizeof target - 1);
  int bad = n < 0;

  if (bad)
    failed (walk, walk->here);
  else
    target[n] = '\0';
  if (! bad && target[0] == '/')
    bad = step_to (walk, open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "/");
  else if (! bad)
    bad = step_to (walk, fcntl (folder, F_DUPFD_CLOEXEC, 3), parent);
  return bad ? NULL : vl_arena_printf (walk->arena, "%s/%s", target, rest);
}

void
vl_trust_remember (int on)
{
  for (int i = 0; i < N_RECENT; i++) {
    if (recent.folders[i].path)
      close (recent.folders[i].fd);
    free (recent.folders[i].path);
    recent.folders[i].path = NULL;
  }
  recent.on = on;
}

/* The number of the folder whose path is the first N bytes of PATH, or -1. */
static int
remembered (const char *path, size_t n)
{
  int i = N_RECENT;

  while (--i >= 0)
    if (recent.folders[i].path && strlen (recent.folders[i].path) == n
        && memcmp (recent.folders[i].path, path, n) == 0)
      break;
  return i;
}

static void
remember (const char *path, int fd)
{
  int i = recent.next;

  if (! recent.on || remembered (path, strlen (path)) >= 0)
    return;
  if (recent.folders[i].path)
    close (recent.folders[i].fd);
  free (recent.folders[i].path);
  recent.folders[i].fd = fcntl (fd, F_DUPFD_CLOEXEC, 3);
  recent.folders[i].path = recent.folders[i].fd >= 0 ? vl_xstrdup (path) : NULL;
  recent.next = (i + 1) % N_RECENT;
}

/* Steps to the folder where the walk to PATH begins, one that is remembered or the
 * root; answers what is left of PATH, or NULL. */
static const char *
begin (struct walk *walk, const char *path)
{
  size_t n = (size_t)(strrchr (path, '/') - path);
  int i = remembered (path, n);
  int bad = i < 0 ? step_to (walk, open ("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "/")
                  : step_to (walk, recent.folders[i].fd, vl_arena_strndup (walk->arena, path, n));

  walk->is_kept = i >= 0;
  return bad < 0 || judge (walk, 0) < 0 ? NULL : path + (i < 0 ? 0 : n);
}

/* Opens NAME of FOLDER, which FD is and was judged, for reading.  What has that name by now may be
 * another file, and is not taken then. */
static void
open_here (struct walk *walk, int folder, const char *name)
{
  struct stat st;

  if (! S_ISREG (walk->st.st_mode) || (walk->flags & (O_ACCMODE | O_PATH | O_TRUNC)) != O_RDONLY)
    return;
  walk->opened = openat (folder, name, walk->flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (walk->opened < 0
      || (fstat (walk->opened, &st) == 0 && st.st_dev == walk->st.st_dev
          && st.st_ino == walk->st.st_ino))
    return;
  close (walk->opened);
  walk->opened = -1;
}

/* Walks to what REST names. */
static int
walk_all (struct walk *walk, const char *rest)
{
  int links = 0;

  rest = begin (walk, rest);
  if (rest == NULL)
    return -1;
  for (rest += strspn (rest, "/"); *rest;) {
    size_t n = strcspn (rest, "/");
    const char *name = vl_arena_strndup (walk->arena, rest, n), *parent = walk->here;
    int folder = walk->fd;
    VL_AUTOCLOSE int left = leave (walk);

    (void)left;
    rest += n;
    rest += strspn (rest, "/");
    if (step_to (walk, openat (folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC),
                 below (walk->arena, parent, name))
        < 0) {
      /* A folder that was judged, and yet others may write to it: a sticky one. */
      if (walk->trust->error == ENOENT && fstat (folder, &walk->st) == 0)
        walk->trust->shared = (walk->st.st_mode & S_ISVTX) != 0;
      return -1;
    }
    if (judge (walk, 0) < 0)
      return -1;
    if (! *rest && ! S_ISLNK (walk->st.st_mode)) {
      if (judge (walk, 1) < 0)
        return -1;
      open_here (walk, folder, name);
      remember (parent, folder);
      return 0;
    }
    if (! S_ISLNK (walk->st.st_mode))
      continue;
    if (++links > MOST_LINKS) {
      errno = ELOOP;
      return failed (walk, walk->here);
    }
    rest = follow (walk, folder, parent, rest);
    if (rest == NULL)
      return -1;
    rest += strspn (rest, "/");
  }
  return judge (walk, 1);
}

static int
open_path (struct vl_arena *arena, const char *path, int flags,
           const struct vl_trust_guests *guests, struct vl_trust *trust)
{
  struct walk walk = { .arena = arena,
                       .trust = trust,
                       .fd = -1,
                       .nobody = -1,
                       .guests = guests,
                       .flags = flags,
                       .opened = -1 };
  VL_AUTOFREE char *here = path[0] == '/' ? NULL : getcwd (NULL, 0);
  char name[32];
  int fd = -1, left;

  memset (trust, 0, sizeof *trust);
  if (path[0] != '/' && here == NULL)
    failed (&walk, path);
  else if (walk_all (&walk, here ? vl_arena_printf (arena, "%s/%s", here, path) : path) == 0) {
    if (flags == O_PATH && ! walk.is_kept)
      return walk.fd;
    /* The file that was judged, whatever has its name by now. */
    snprintf (name, sizeof name, "/proc/self/fd/%d", walk.fd);
    fd = walk.opened < 0 ? open (name, flags | O_CLOEXEC) : walk.opened;
    if (fd < 0)
      failed (&walk, walk.here);
  }
  left = leave (&walk);
  if (left >= 0)
    close (left);
  return fd;
}

int
vl_trust_open (struct vl_arena *arena, const char *path, int flags, struct vl_trust *trust)
{
  return open_path (arena, path, flags, NULL, trust);
}

int
vl_trust_open_volume (struct vl_arena *arena, const char *path,
                      const struct vl_trust_guests *guests, struct vl_trust *trust)
{
  return open_path (arena, path, O_PATH, guests, trust);
}
