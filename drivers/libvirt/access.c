/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A way to a guest's files for the user that QEMU runs as: through the folders of STATE,
 * and a folder of its own for sockets and logs. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/text.h"
#include "virt.h"

#define MAX_DEPTH 64
/* Who guests run as changes when a daemon is started anew: it is not asked again for so long. */
#define USER_MS 1000

/* The label that libvirt gives guests: "+UID:+GID". */
static const char *
label_of (const struct vl_xml *capabilities, const char *type)
{
  const struct vl_xml *model = vl_xml_child (vl_xml_child (capabilities, "host"), "secmodel");

  for (; model; model = vl_xml_next (model, "secmodel")) {
    const struct vl_xml *label = vl_xml_child (model, "baselabel");
    const struct vl_xml *name = vl_xml_child (model, "model");

    if (name == NULL || strcmp (vl_xml_text (name), "dac") != 0)
      continue;
    for (; label; label = vl_xml_next (label, "baselabel")) {
      const char *of = vl_xml_attr (label, "type");

      if (of && strcmp (of, type) == 0)
        return vl_xml_text (label);
    }
  }
  return NULL;
}

/* The user that LABEL names, with its groups. */
static struct virt_user
user_of (const char *label)
{
  struct virt_user user = { .found = -1 };
  struct passwd entry, *found = NULL;
  char text[4096];
  unsigned uid, gid;

  if (label == NULL || sscanf (label, "+%u:+%u", &uid, &gid) != 2 || uid == 0)
    return user;
  user =
      (struct virt_user) { .found = 1, .uid = uid, .groups = { gid }, .n_groups = VIRT_MAX_GROUPS };
  if (getpwuid_r (uid, &entry, text, sizeof text, &found) != 0 || found == NULL
      || getgrouplist (entry.pw_name, gid, user.groups, &user.n_groups) < 0)
    user.n_groups = 1;
  return user;
}

/* Is conn->user true still? */
static int
is_known (struct vl_conn *conn)
{
  if (conn->guest_uid)
    conn->user = (struct virt_user) {
      .found = 1, .uid = conn->guest_uid, .groups = { conn->guest_gid }, .n_groups = 1
    };
  return conn->guest_uid || (conn->user.found && vl_clock_ms () - conn->user.at < USER_MS);
}

int
virt_find_user (struct vl_call *call, struct vl_conn *conn)
{
  VIRT_AUTOTEXT char *xml = NULL;
  const struct vl_xml *root;

  if (is_known (conn))
    return 0;
  xml = virConnectGetCapabilities (conn->virt);
  if (xml == NULL)
    return virt_error (call, "cannot ask libvirt which user it runs QEMU as");
  root = vl_xml_read (call, xml, strlen (xml));
  if (root == NULL)
    return -1;
  conn->user = user_of (label_of (root, conn->type));
  conn->user.at = vl_clock_ms ();
  return 0;
}

/* May USER pass through the folder?  An access list is taken to say so. */
static int
may_pass (const struct virt_user *user, int fd, const struct stat *st)
{
  if (fgetxattr (fd, "system.posix_acl_access", NULL, 0) > 0)
    return 1;
  if (st->st_uid == user->uid)
    return (st->st_mode & S_IXUSR) != 0;
  for (int i = 0; i < user->n_groups; i++)
    if (st->st_gid == user->groups[i])
      return (st->st_mode & S_IXGRP) != 0;
  return (st->st_mode & S_IXOTH) != 0;
}

static const char *
way_hint (struct vl_call *call, const char *folder)
{
  VL_AUTOFREE char *word = vl_shell_quote (folder);

  return vl_printf (call, "chmod o+x %s, or give another STATE with --state DIR", word);
}

static int
refuse_folder (struct vl_call *call, const struct virt_user *user, const char *folder)
{
  return vl_refuse (
      call, VL_ERR_NOT_PERMITTED, NULL, way_hint (call, folder),
      "folder '%s' does not let user %u pass, as whom libvirt runs QEMU: guests would not reach "
      "their disks below STATE",
      folder, (unsigned)user->uid);
}

/* OURS: the folder is STATE or below it. */
static int
open_way (struct vl_call *call, const struct virt_user *user, const char *folder, int ours)
{
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (ours ? O_NOFOLLOW : 0));
  struct stat st;
  int answer = -1;

  if (fd >= 0 && fstat (fd, &st) == 0) {
    if (may_pass (user, fd, &st))
      answer = 0;
    else if (! ours)
      answer = refuse_folder (call, user, folder);
    /* To pass is not to list: what lies there is reached by who knows its name and may open it. */
    else if (fchmod (fd, (st.st_mode & 07777) | S_IXGRP | S_IXOTH) == 0)
      answer = 0;
    else
      vl_refuse (call, VL_ERR_FAILED, NULL, way_hint (call, folder),
                 "cannot let user %u pass through folder '%s': %s", (unsigned)user->uid, folder,
                 strerror (errno));
  } else if (ours) {
    vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "cannot open folder '%s': %s", folder,
               strerror (errno));
  } else {
    answer = 0; /* who may not look at it cannot judge it; libvirt says what it cannot reach */
  }
  if (fd >= 0)
    close (fd);
  return answer;
}

/* The folders above STATE have to let USER pass: they are not ours to change. */
static int
open_way_above (struct vl_call *call, const struct virt_user *user, const char *state)
{
  for (const char *slash = strchr (state + 1, '/'); slash; slash = strchr (slash + 1, '/'))
    if (open_way (call, user, vl_printf (call, "%.*s", (int)(slash - state), state), 0) < 0)
      return -1;
  return 0;
}

/* Opens the way to PATH, which lies below STATE, from STATE on. */
static int
open_way_to (struct vl_call *call, const struct vl_conn *conn, const struct virt_user *user,
             const char *path)
{
  for (const char *slash = path + strlen (conn->state_dir); slash; slash = strchr (slash + 1, '/'))
    if (open_way (call, user, vl_printf (call, "%.*s", (int)(slash - path), path), 1) < 0)
      return -1;
  return 0;
}

static int
is_below (const char *path, const char *folder)
{
  size_t length = strlen (folder);

  return path && strncmp (path, folder, length) == 0 && path[length] == '/';
}

/* Takes away what QEMU's user may have put into its folder FD and libvirt would follow or
 * write to as root: links. */
static void
remove_links (int fd)
{
  int again = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  DIR *dir = again < 0 ? NULL : fdopendir (again);
  struct dirent *entry;
  struct stat st;

  while (dir && (entry = readdir (dir)) != NULL)
    if (fstatat (fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
        && (S_ISLNK (st.st_mode) || (S_ISREG (st.st_mode) && st.st_nlink > 1)))
      unlinkat (fd, entry->d_name, 0);
  if (dir)
    closedir (dir);
  else if (again >= 0)
    close (again);
}

/* Gives what is at PATH to USER: with FOLDER the folder of sockets and logs, else a log that
 * is kept elsewhere, which is made where it is not there. */
static int
give (struct vl_call *call, const struct virt_user *user, const char *path, int folder)
{
  int kind = folder ? O_RDONLY | O_DIRECTORY : O_WRONLY | O_CREAT | O_NONBLOCK;
  int fd = open (path, kind | O_NOFOLLOW | O_CLOEXEC, 0600), error = 0;
  struct stat st;

  if (fd < 0 || fstat (fd, &st) < 0)
    error = errno;
  else if (! folder && (! S_ISREG (st.st_mode) || st.st_nlink != 1))
    error = EINVAL;
  else if ((st.st_uid != user->uid && fchown (fd, user->uid, user->groups[0]) < 0)
           || fchmod (fd, folder ? 0700 : 0600) < 0)
    error = errno;
  if (folder && error == 0)
    remove_links (fd);
  if (fd >= 0)
    close (fd);
  if (error == 0)
    return 0;
  return vl_refuse (call, VL_ERR_FAILED, NULL,
                    "files there need owners: give a STATE on another file system with --state DIR",
                    "cannot give '%s' to user %u, as whom QEMU runs: %s", path, (unsigned)user->uid,
                    strerror (error));
}

/* Every file, folder and socket of the document that lies below STATE. */
static int
walk (struct vl_call *call, const struct vl_conn *conn, const struct virt_user *user,
      const char *run_dir, const struct vl_xml *node, int depth)
{
  static const char *const attributes[] = { "file", "path", "dir", "dev", "socket" };
  const char *text = vl_xml_text (node);

  if (is_below (text, conn->state_dir) && open_way_to (call, conn, user, text) < 0)
    return -1;
  for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
    const char *value = vl_xml_attr (node, attributes[i]);

    if (is_below (value, conn->state_dir) && open_way_to (call, conn, user, value) < 0)
      return -1;
  }
  text = vl_xml_attr (node, "file");
  /* A guest that was recorded before its logs had a folder of their own. */
  if (geteuid () == 0 && strcmp (vl_xml_name (node), "log") == 0 && is_below (text, conn->state_dir)
      && ! is_below (text, run_dir) && give (call, user, text, 0) < 0)
    return -1;
  if (depth < MAX_DEPTH)
    for (const struct vl_xml *child = vl_xml_child (node, NULL); child;
         child = vl_xml_next (child, NULL))
      if (walk (call, conn, user, run_dir, child, depth + 1) < 0)
        return -1;
  return 0;
}

int
virt_let_user_pass (struct vl_call *call, uid_t uid, gid_t gid, const char *folder)
{
  struct virt_user user = { .uid = uid, .groups = { gid }, .n_groups = 1 };
  const char *state = vl_printf (call, "%.*s", (int)(strrchr (folder, '/') - folder), folder);

  if (open_way_above (call, &user, state) < 0 || open_way (call, &user, state, 1) < 0)
    return -1;
  return open_way (call, &user, folder, 1);
}

static int
write_user (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  (void)job;
  if (virt_find_user (call, conn) < 0)
    return -1;
  fwrite (&conn->user, sizeof conn->user, 1, answer);
  return 0;
}

int
virt_get_guest_owner (struct vl_call *call, struct vl_conn *conn, int64_t *uid, int64_t *gid)
{
  struct virt_job job = { 0 };
  const char *answer;
  size_t length;

  *uid = *gid = -1;
  if (! is_known (conn)) {
    if (virt_ask_bytes (call, conn, write_user, &job, &answer, &length) < 0)
      return -1;
    if (conn->apart && length == sizeof conn->user)
      memcpy (&conn->user, answer, sizeof conn->user);
  }
  if (conn->user.found > 0) {
    *uid = conn->user.uid;
    *gid = conn->user.groups[0];
  }
  return 0;
}

int
virt_let_qemu_in (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  const char *state = conn->state_dir, *xml = vl_doc_xml (spawn->doc);
  const struct vl_xml *root;
  const struct virt_user *user = &conn->user;

  if (virt_find_user (call, conn) < 0)
    return -1;
  if (user->found < 0)
    return 0;
  if (open_way_above (call, user, state) < 0)
    return -1;
  root = vl_xml_read (call, xml, strlen (xml));
  if (root == NULL || walk (call, conn, user, spawn->run_dir, root, 0) < 0)
    return -1;
  return geteuid () == 0 ? give (call, user, spawn->run_dir, 1) : 0;
}
