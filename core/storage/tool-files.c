/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What files an outside program can open: those that are lent to it, by descriptor,
 * and those that Landlock lets it find by name. */

#include <config.h>

#include "storage/tool-child.h"
#include "storage/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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

/* A descriptor of a user namespace in which the owner of ST is the user of SETUP. */
static int
mapping (const struct vl_tool_setup *setup, const struct stat *st)
{
  int pidfd = -1, space = -1, good = 1;
  pid_t pid = vl_tool_clone (CLONE_NEWUSER, &pidfd);
  siginfo_t ended;
  char path[64];

  if (pid == 0)
    for (;;)
      pause ();
  if (pid < 0)
    return -1;
  for (int i = 0; i < 2; i++) {
    FILE *map;

    snprintf (path, sizeof path, "/proc/%d/%s", (int)pid, i ? "gid_map" : "uid_map");
    map = fopen (path, "we");
    good &=
        map
        && fprintf (map, "%u %u 1\n", i ? st->st_gid : st->st_uid, i ? setup->gid : setup->uid) > 0;
    if (map && fclose (map) != 0)
      good = 0;
  }
  snprintf (path, sizeof path, "/proc/%d/ns/user", (int)pid);
  if (good)
    space = open (path, O_RDONLY | O_CLOEXEC);
  syscall (SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
  waitid (P_PIDFD, (id_t)pidfd, &ended, WEXITED | __WALL);
  close (pidfd);
  return space;
}

/* A descriptor of the same file on a mount of its own, on which the user of SETUP
 * owns what the owner of ST owns. */
static int
mapped (const struct vl_tool_setup *setup, int fd, const struct stat *st, int write)
{
  VL_AUTOCLOSE int tree = open_tree (fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
  VL_AUTOCLOSE int space = tree < 0 ? -1 : mapping (setup, st);
  struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC
                                         | (write ? 0 : MOUNT_ATTR_RDONLY),
                             .userns_fd = (uint64_t)space };

  if (space < 0 || mount_setattr (tree, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
    return -1;
  return dup (tree);
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

/* May the user of SETUP open it as it is? */
static int
is_open_to (const struct vl_tool_setup *setup, const struct stat *st, int write)
{
  mode_t needed = (write ? S_IWOTH : 0) | S_IROTH;

  if (! setup->root || setup->uid == st->st_uid || (setup->capabilities >> CAP_DAC_OVERRIDE & 1))
    return 1;
  /* What lies in a folder may be closed where the folder is open. */
  return ! S_ISDIR (st->st_mode) && (st->st_mode & needed) == needed;
}

static int
cannot_lend (struct vl_call *call, const struct vl_tool_file *file, const char *reason,
             const char **why)
{
  *why = vl_arena_printf (call->arena, "\"%s\" cannot be handed to it: %s",
                          file->path ? file->path : "a file", reason);
  return -1;
}

int
vl_tool_lend (struct vl_call *call, struct vl_tool_setup *setup, const struct vl_tool_file *file,
              const char **why)
{
  int write = file->write != 0, fd = file->fd, lent;
  VL_AUTOCLOSE int own = -1, tree = -1;
  struct stat st;

  if (fd < 0)
    fd = own = open (file->path ? file->path : "", O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 || fstat (fd, &st) < 0)
    return cannot_lend (call, file, strerror (errno), why);
  if (! is_open_to (setup, &st, write) && (tree = mapped (setup, fd, &st, write)) < 0) {
    if (setup->owner || vl_tool_landlock () == 0)
      return cannot_lend (call, file,
                          setup->owner
                              ? "it is another user's than the file before"
                              : "neither a mount with mapped users nor Landlock is to be had; "
                                "accepted: one of them, or a file that everybody may read",
                          why);
    setup->owner = 1;
    setup->uid = st.st_uid;
    setup->gid = st.st_gid;
  }
  lent = reopen (tree >= 0 ? tree : fd, &st, write);
  return lent >= 0 ? lent : cannot_lend (call, file, strerror (errno), why);
}

/* ---- Landlock ---- */

int
vl_tool_landlock (void)
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
allow_fd (int ruleset, int version, int fd, uint64_t access)
{
  struct landlock_path_beneath_attr rule = { .allowed_access = access & handled (version),
                                             .parent_fd = fd };
  struct stat st;

  if (fstat (fd, &st) < 0)
    return -1;
  if (! S_ISDIR (st.st_mode))
    rule.allowed_access &= FS_FILE;
  return (int)syscall (SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* What is not there needs no rule. */
static int
allow (int ruleset, int version, const char *path, uint64_t access)
{
  VL_AUTOCLOSE int fd = open (path, O_PATH | O_CLOEXEC);

  return fd < 0 ? (errno == ENOENT ? 0 : -1) : allow_fd (ruleset, version, fd, access);
}

static int
allow_all (int ruleset, int version, const char *const *paths, uint64_t access)
{
  int result = 0;

  while (paths && *paths)
    result |= allow (ruleset, version, *paths++, access);
  return result;
}

static int
add_rules (const struct vl_tool_setup *setup, int version, const struct vl_tool_row *row,
           const uint32_t *writes)
{
  static const char *const programs[] = { "/usr",   "/bin",   "/sbin",   "/lib",
                                          "/lib32", "/lib64", "/libx32", NULL };
  static const char *const texts[] = {
    "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/passwd", "/etc/group", "/etc/localtime",
    "/etc/mke2fs.conf", "/etc/nsswitch.conf", "/sys",        NULL
  };
  static const char *const network[] = {
    "/etc/resolv.conf", "/etc/hosts",           "/etc/services",
    "/etc/gai.conf",    "/etc/ssl/certs",       "/etc/host.conf",
    "/etc/protocols",   "/etc/ssl/openssl.cnf", NULL
  };
  static const char *const devices[] = { "/dev/null",   "/dev/zero",    "/dev/full",
                                         "/dev/random", "/dev/urandom", NULL };
  int ruleset = setup->ruleset, result;

  result = allow_all (ruleset, version, programs, FS_RUN)
           | allow (ruleset, version, setup->program, FS_RUN)
           | allow_all (ruleset, version, texts, FS_READ)
           | allow_all (ruleset, version, devices, FS_DEVICE)
           | allow_all (ruleset, version, row->paths, FS_READ)
           | allow_all (ruleset, version, row->devices, FS_DEVICE);
  if (row->flags & VL_TOOL_CONNECT)
    result |= allow_all (ruleset, version, network, FS_READ);
  for (unsigned i = 3; i < setup->n_fds; i++)
    result |= allow_fd (ruleset, version, setup->fds[i], writes[i] ? FS_WRITE : FS_READ);
  return result;
}

int
vl_tool_rules (struct vl_call *call, struct vl_tool_setup *setup, const struct vl_tool_row *row,
               const uint32_t *writes, const char **why)
{
  int version = vl_tool_landlock ();
  struct {
    uint64_t fs, net, scoped;
  } attr = { handled (version), 0,
             version >= 6
                 ? SCOPE_SIGNALS | (row->flags & VL_TOOL_CONNECT ? 0 : SCOPE_ABSTRACT_SOCKETS)
                 : 0 };

  /* Under Landlock nobody mounts, which is what CAP_SYS_ADMIN is declared for. */
  if (version == 0 || (row->capabilities >> CAP_SYS_ADMIN & 1))
    return 0;
  setup->proc_access = FS_READ;
  setup->ruleset = (int)syscall (SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
  if (setup->ruleset >= 0 && add_rules (setup, version, row, writes) == 0)
    return 0;
  *why = vl_arena_printf (call->arena, "Landlock: %s", strerror (errno));
  return -1;
}

const char *
vl_tool_lacks (struct vl_call *call)
{
  int pidfd = -1, landlock = vl_tool_landlock ();
  unsigned long user = geteuid () == 0 ? 0 : CLONE_NEWUSER;
  pid_t pid =
      vl_tool_clone (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | user, &pidfd);
  siginfo_t end;

  if (pid == 0)
    _exit (0);
  if (pid > 0) {
    waitid (P_PIDFD, (id_t)pidfd, &end, WEXITED | __WALL);
    close (pidfd);
  }
  return pid > 0 && landlock
             ? NULL
             : vl_arena_printf (call->arena, "%s%s%s", landlock ? "" : "Landlock",
                                landlock || pid > 0 ? "" : ", ", pid > 0 ? "" : "namespaces");
}
