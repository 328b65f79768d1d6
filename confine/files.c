/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What files an outside program can open: those that are lent to it, by descriptor,
 * and those that Landlock lets it find by name. */

#include <config.h>

#include "confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Newer than the headers that this is built with. */
#define FS_TRUNCATE ((uint64_t)1 << 14)
#define FS_IOCTL_DEV ((uint64_t)1 << 15)
#define SCOPE_ABSTRACT_SOCKETS 1u
#define SCOPE_SIGNALS 2u

#define FS_FILE                                                                                    \
  (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE       \
   | FS_TRUNCATE | FS_IOCTL_DEV)
#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_RUN (FS_READ | LANDLOCK_ACCESS_FS_EXECUTE)
#define FS_DEVICE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_IOCTL_DEV)
/* In a folder that it may write to; no device nodes, nothing to run. */
#define FS_WRITE                                                                                   \
  (FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR                         \
   | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG    \
   | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SOCK     \
   | LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE)

/* ---- lending ---- */

/* A descriptor of a user namespace in which the owner of ST is the program's user, or
 * -1. */
static int
mapping (const struct confine *c, const struct stat *st)
{
  int ready[2], space = -1, good = 1;
  char path[64], byte;
  pid_t pid;

  if (pipe2 (ready, O_CLOEXEC) < 0)
    return -1;
  pid = fork ();
  if (pid == 0) {
    /* It holds nothing that others wait for the end of, and goes with its parent: one that was
     * gone before is found by the pipe that nobody reads. */
    close_range (0, (unsigned)ready[1] - 1, 0);
    close_range ((unsigned)ready[1] + 1, ~0u, 0);
    if (unshare (CLONE_NEWUSER) == 0 && prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0
        && write (ready[1], "", 1) == 1)
      for (;;)
        pause ();
    _exit (1);
  }
  close (ready[1]);
  good = pid > 0 && read (ready[0], &byte, 1) == 1;
  close (ready[0]);
  for (int i = 0; good && i < 2; i++) {
    FILE *map;

    snprintf (path, sizeof path, "/proc/%d/%s", (int)pid, i ? "gid_map" : "uid_map");
    map = fopen (path, "we");
    good = map && fprintf (map, "%u %u 1\n", i ? st->st_gid : st->st_uid, i ? c->gid : c->uid) > 0;
    if (map && fclose (map) != 0)
      good = 0;
  }
  snprintf (path, sizeof path, "/proc/%d/ns/user", (int)pid);
  if (good)
    space = open (path, O_RDONLY | O_CLOEXEC);
  if (pid > 0) {
    kill (pid, SIGKILL);
    waitpid (pid, NULL, 0);
  }
  return space;
}

/* A descriptor of the same file on a mount of its own, on which the program's user
 * owns what the owner of ST owns; or -1. */
static int
mapped (const struct confine *c, int fd, const struct stat *st, int write)
{
  int tree = open_tree (fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  int space = tree < 0 ? -1 : mapping (c, st);
  struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC
                                         | (write ? 0 : MOUNT_ATTR_RDONLY),
                             .userns_fd = (uint64_t)space };
  int good = space >= 0 && mount_setattr (tree, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0;

  if (space >= 0)
    close (space);
  if (! good && tree >= 0)
    close (tree);
  return good ? tree : -1;
}

/* The descriptor's file once more, opened for no more than is lent. */
static int
reopen (int fd, const struct stat *st, int write)
{
  char path[64];

  snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  return open (path, S_ISDIR (st->st_mode) ? O_RDONLY | O_DIRECTORY | O_CLOEXEC
                                           : (write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK);
}

/* May the program's user open it as it is? */
static int
is_open_to (const struct confine *c, const struct stat *st, int write)
{
  mode_t needed = (write ? S_IWOTH : 0) | S_IROTH;

  if (! c->root || c->uid == st->st_uid || confine_has (c, CAP_DAC_OVERRIDE))
    return 1;
  /* What lies in a folder may be closed where the folder is open. */
  return ! S_ISDIR (st->st_mode) && (st->st_mode & needed) == needed;
}

static void
cannot_lend (const char *name, const char *reason)
{
  confine_fail ("\"%s\" cannot be handed to it: %s", name, reason);
}

/* A descriptor of file I as it is lent; C->owner may become set. */
static int
lend (struct confine *c, unsigned i)
{
  int fd = VL_CONFINE_FILE_0 + (int)i, write = c->job.writes >> i & 1, tree = -1, lent;
  struct stat st;

  if (fstat (fd, &st) < 0)
    cannot_lend (c->names[i], strerror (errno));
  if (! is_open_to (c, &st, write) && (tree = mapped (c, fd, &st, write)) < 0) {
    if (c->owner)
      cannot_lend (c->names[i], "it is another user's than the file before");
    if (confine_landlock () == 0)
      cannot_lend (c->names[i], "neither a mount with mapped users nor Landlock is to be had; "
                                "accepted: one of them, or a file that everybody may read");
    c->owner = 1;
    c->uid = st.st_uid;
    c->gid = st.st_gid;
  }
  lent = reopen (tree >= 0 ? tree : fd, &st, write);
  if (lent < 0)
    cannot_lend (c->names[i], strerror (errno));
  if (tree >= 0)
    close (tree);
  return lent;
}

void
confine_lend (struct confine *c)
{
  int lent[VL_TOOL_MOST_FILES], owner;

  if (c->job.writes && ! (c->job.flags & VL_TOOL_WRITES))
    confine_fail ("a file is handed to it for writing, which its row does not ask for");
  do {
    owner = c->owner;
    for (unsigned i = 0; i < c->job.n_files; i++)
      lent[i] = lend (c, i);
    /* Another user than at the beginning: what was lent before is lent anew. */
    for (unsigned i = 0; c->owner != owner && i < c->job.n_files; i++)
      close (lent[i]);
  } while (c->owner != owner);
  for (unsigned i = 0; i < c->job.n_files; i++) {
    confine_must ("could not be given its descriptors", dup2 (lent[i], VL_CONFINE_FILE_0 + (int)i));
    close (lent[i]);
  }
}

/* ---- Landlock ---- */

int
confine_landlock (void)
{
  long version = syscall (SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

  return version > 0 ? (int)version : 0;
}

/* All that the kernel's version VERSION can forbid. */
static uint64_t
handled (int version)
{
  return (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 + (version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0)
         + (version >= 3 ? FS_TRUNCATE : 0) + (version >= 5 ? FS_IOCTL_DEV : 0);
}

/* 0, or -1 with errno. */
static int
allow_fd (int ruleset, int fd, uint64_t access)
{
  struct landlock_path_beneath_attr rule = { .allowed_access =
                                                 access & handled (confine_landlock ()),
                                             .parent_fd = fd };
  struct stat st;

  if (fstat (fd, &st) < 0)
    return -1;
  if (! S_ISDIR (st.st_mode))
    rule.allowed_access &= FS_FILE;
  return (int)syscall (SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* PATHS end with NULL; what is not there needs no rule. */
static int
allow (int ruleset, const char *const *paths, uint64_t access)
{
  for (; *paths; paths++) {
    int fd = open (*paths, O_PATH | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
      continue;
    if (fd < 0 || allow_fd (ruleset, fd, access) < 0)
      return -1;
    close (fd);
  }
  return 0;
}

/* What is lent as FD: a block device's size, and that it is to be zeroed, are asked of it by ioctl. */
static uint64_t
lent_access (int fd, int write)
{
  struct stat st;

  return (write ? FS_WRITE : FS_READ)
         | (fstat (fd, &st) == 0 && S_ISBLK (st.st_mode) ? FS_IOCTL_DEV : 0);
}

static int
add_rules (const struct confine *c)
{
  const char *const programs[] = { "/usr",   "/bin",    "/sbin",    "/lib", "/lib32",
                                   "/lib64", "/libx32", c->program, NULL };
  static const char *const texts[] = {
    "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/passwd", "/etc/group", "/etc/localtime",
    "/etc/mke2fs.conf", "/etc/nsswitch.conf", "/proc",       "/sys",       NULL
  };
  static const char *const network[] = {
    "/etc/resolv.conf", "/etc/hosts",           "/etc/services",
    "/etc/gai.conf",    "/etc/ssl/certs",       "/etc/host.conf",
    "/etc/protocols",   "/etc/ssl/openssl.cnf", NULL
  };
  static const char *const devices[] = { "/dev/null",   "/dev/zero",    "/dev/full",
                                         "/dev/random", "/dev/urandom", NULL };
  int ruleset = c->ruleset;

  for (unsigned i = 0; i < c->job.n_files; i++)
    if (allow_fd (ruleset, VL_CONFINE_FILE_0 + (int)i,
                  lent_access (VL_CONFINE_FILE_0 + (int)i, c->job.writes >> i & 1))
        < 0)
      return -1;
  if (allow (ruleset, programs, FS_RUN) < 0 || allow (ruleset, texts, FS_READ) < 0
      || allow (ruleset, devices, FS_DEVICE) < 0 || allow (ruleset, c->paths, FS_READ) < 0
      || allow (ruleset, c->devices, FS_DEVICE) < 0)
    return -1;
  return c->job.flags & VL_TOOL_CONNECT ? allow (ruleset, network, FS_READ) : 0;
}

void
confine_rules (struct confine *c)
{
  int version = confine_landlock ();
  struct {
    uint64_t fs, net, scoped;
  } attr = { handled (version), 0,
             version >= 6
                 ? SCOPE_SIGNALS | (c->job.flags & VL_TOOL_CONNECT ? 0 : SCOPE_ABSTRACT_SOCKETS)
                 : 0 };

  c->ruleset = -1;
  /* Under Landlock nobody mounts, which is what CAP_SYS_ADMIN is declared for. */
  if (version == 0 || confine_has (c, CAP_SYS_ADMIN))
    return;
  c->ruleset = confine_must ("could not be confined by Landlock",
                             syscall (SYS_landlock_create_ruleset, &attr, sizeof attr, 0));
  confine_must ("could not be confined by Landlock", add_rules (c));
}
