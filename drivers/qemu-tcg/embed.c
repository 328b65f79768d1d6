/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The root folder of libvirt's embedded driver: folders, qemu.conf, and one
 * process at a time.  The driver stays in the process after its connection was
 * closed, and so does the lock. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/alloc.h"
#include "lib/file.h"

#include "../libvirt/virt.h"
#include "embed.h"

/* The first line of a qemu.conf that may be written anew. */
#define MARK "# written by virtloom at each start; without this line it is left alone\n"
/* libvirt's own messages go to a file, which is begun anew at this size. */
#define LOG_BYTES (1024 * 1024)
/* The longest that libvirt makes below its root; UNIX sockets end at 107. */
#define LONGEST_SOCKET "/lib/qemu/domain-9999-vl-0123456789ab/monitor.sock"
#define POLL_MS 20

static struct {
  pthread_mutex_t lock;
  char *root; /* NULL: none taken yet */
  int fd;     /* holds the lock, open until the process ends */
  struct embed_user guests;
} taken = { .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

/* Debian's libvirt resolves the user and group that it was built for before it
 * reads qemu.conf, and does not open without them. */
const char *
embed_missing_user (void)
{
  static const char user[] = "libvirt-qemu";
  struct stat st;

  if (geteuid () != 0 || stat ("/etc/debian_version", &st) < 0)
    return NULL;
  return getpwnam (user) && getgrnam (user) ? NULL : user;
}

static int
fail (struct vl_call *call, const char *what, const char *path)
{
  return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "cannot %s '%s': %s", what, path,
                    strerror (errno));
}

static int
make_folder (struct vl_call *call, const char *path)
{
  struct stat st;

  if (mkdir (path, 0700) < 0 && errno != EEXIST)
    return fail (call, "make folder", path);
  if (lstat (path, &st) < 0)
    return fail (call, "look at folder", path);
  if (! S_ISDIR (st.st_mode) || st.st_uid != geteuid ())
    return vl_refuse (call, VL_ERR_NOT_PERMITTED, NULL, NULL,
                      "'%s' is not a folder of the user that runs this", path);
  return 0;
}

/* Does another process have libvirt's driver open on this root without our lock?
 * libvirt gives up at once on such a root, and cannot be asked a second time in
 * the same process. */
static int
pid_file_held (const char *path)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
  int fd = open (path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  int held;

  if (fd < 0)
    return 0;
  held = fcntl (fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  close (fd);
  return held;
}

static int64_t
now_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The descriptor that holds the root, -1 after a finding. */
static int
wait_for_root (struct vl_call *call, const char *root, unsigned timeout)
{
  const char *path = vl_printf (call, "%s/virtloom.lock", root);
  const char *pid_file = vl_printf (call, "%s/run/qemu/driver.pid", root);
  int64_t deadline = now_ms () + (int64_t)timeout * 1000;
  int fd = open (path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  int locked = 0, told = 0;

  if (fd < 0)
    return fail (call, "open", path);
  for (;;) {
    struct timespec pause = { 0, POLL_MS * 1000000 };

    if (! locked && flock (fd, LOCK_EX | LOCK_NB) == 0)
      locked = 1;
    if (locked && ! pid_file_held (pid_file))
      return fd;
    if (now_ms () >= deadline)
      break;
    if (! told)
      vl_progress (call, "waiting for another command to be done with the guests of '%s'", root);
    told = 1;
    nanosleep (&pause, NULL);
  }
  close (fd);
  return vl_refuse_as (call, VL_ERR_UNREACHABLE, "HypervisorBusy", NULL,
                       "try again, or raise open_timeout in plugins.d/qemu-tcg.conf",
                       "another process has used the guests of '%s' for more than %u s", root,
                       timeout);
}

/* Does virtlogd listen?  Then it writes the consoles, and bounds their size. */
static int
has_virtlogd (void)
{
  const char *runtime = getenv ("XDG_RUNTIME_DIR");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd, n, answers;

  if (geteuid () == 0)
    n = snprintf (address.sun_path, sizeof address.sun_path, "/run/libvirt/virtlogd-sock");
  else
    n = snprintf (address.sun_path, sizeof address.sun_path, "%s/libvirt/virtlogd-sock",
                  runtime ? runtime : "");
  if (n >= (int)sizeof address.sun_path)
    return 0;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return 0;
  answers = connect (fd, (struct sockaddr *)&address, sizeof address) == 0;
  close (fd);
  return answers;
}

/* Whom root's guests run as, so that who breaks out of a QEMU is not root: Debian's user
 * for guests, else nobody. */
static struct embed_user
guest_user (void)
{
  static const char *const names[] = { "libvirt-qemu", "qemu", "nobody" };
  const struct passwd *user = NULL;

  for (size_t i = 0; geteuid () == 0 && user == NULL && i < sizeof names / sizeof names[0]; i++)
    user = getpwnam (names[i]);
  return user ? (struct embed_user) { user->pw_uid, user->pw_gid } : (struct embed_user) { 0 };
}

/* What libvirt asks QEMU it asks as root: as another user it gives its probes the right to
 * open /dev/kvm, finds that guests have not got that right, and throws away what it
 * learned, each time.  Guests themselves run as a user of their own.  A
 * qemu.conf without our mark is the operator's. */
static const char *
wanted_conf (struct vl_call *call)
{
  return vl_printf (call, "%sstdio_handler = \"%s\"\n%s", MARK, has_virtlogd () ? "logd" : "file",
                    geteuid () == 0 ? "user = \"+0\"\ngroup = \"+0\"\n" : "");
}

/* Makes qemu.conf what it has to be.  0; 1: it is the operator's and stays as it is; -1
 * after a finding. */
static int
write_conf (struct vl_call *call, const char *root)
{
  const char *path = vl_printf (call, "%s/etc/qemu.conf", root);
  const char *wanted = wanted_conf (call), *why;
  VL_AUTOFREE char *text = NULL;
  size_t length;

  if (make_folder (call, vl_printf (call, "%s/etc", root)) < 0)
    return -1;
  text = vl_file_read (path, (size_t)1 << 20, &length, &why);
  if (text && strncmp (text, MARK, strlen (MARK)) != 0)
    return 1;
  if (text && strcmp (text, wanted) == 0)
    return 0;
  return vl_file_write (path, wanted, strlen (wanted), 0600) < 0 ? fail (call, "write", path) : 0;
}

const char *
embed_environment (struct vl_call *call, const char *root)
{
  /* libvirt's children forget the file and print; let them keep to errors.  What it keeps
   * for a user lies below our root, whatever HOME says next time. */
  const char *quiet = vl_printf (call, "LIBVIRT_DEBUG=4\nXDG_CACHE_HOME=%s/cache", root);
  const char *path = vl_printf (call, "%s/libvirt.log", root);

  /* Blanks and colons in a path would be read as part of the list. */
  return strpbrk (path, " \t:")
             ? quiet
             : vl_printf (call, "%s\nLIBVIRT_LOG_OUTPUTS=3:file:%s", quiet, path);
}

static void
rotate_log (struct vl_call *call, const char *root)
{
  const char *path = vl_printf (call, "%s/libvirt.log", root);
  struct stat st;

  if (stat (path, &st) == 0 && st.st_size > LOG_BYTES)
    rename (path, vl_printf (call, "%s.old", path));
}

/* Is PATH what libvirt wrote of a guest before it forked QEMU? */
static int
is_unborn (const char *path)
{
  size_t length;
  const char *why;
  char *text = vl_file_read (path, (size_t)1 << 24, &length, &why);
  char *status = text ? strstr (text, "<domstatus ") : NULL, *pid;
  int unborn;

  if (status)
    status[strcspn (status, ">")] = '\0';
  pid = status ? strstr (status, " pid=") : NULL;
  unborn = pid && (strncmp (pid, " pid='0'", 8) == 0 || strncmp (pid, " pid=\"0\"", 8) == 0);
  free (text);
  return unborn;
}

/* A process that is killed between writing a guest's state and forking its QEMU leaves
 * a state with process 0, which every later libvirt takes for a guest whose start never
 * ends.  We hold the root, so nobody is about to fork. */
static void
forget_unborn (struct vl_call *call, const char *root)
{
  const char *folder = vl_printf (call, "%s/run/qemu", root);
  DIR *dir = opendir (folder);
  struct dirent *entry;

  while (dir && (entry = readdir (dir)) != NULL) {
    size_t n = strlen (entry->d_name);
    const char *path = vl_printf (call, "%s/%s", folder, entry->d_name);

    if (n > 4 && strcmp (entry->d_name + n - 4, ".xml") == 0 && is_unborn (path))
      unlink (path);
  }
  if (dir)
    rewinddir (dir);
  /* The file of the process number is left where libvirt was killed between the two. */
  while (dir && (entry = readdir (dir)) != NULL) {
    size_t n = strlen (entry->d_name);

    if (n > 4 && strcmp (entry->d_name + n - 4, ".pid") == 0
        && strcmp (entry->d_name, "driver.pid") != 0
        && faccessat (dirfd (dir), vl_printf (call, "%.*s.xml", (int)n - 4, entry->d_name), F_OK, 0)
               < 0)
      unlinkat (dirfd (dir), entry->d_name, 0);
  }
  if (dir)
    closedir (dir);
}

static int
take (struct vl_call *call, const char *root, unsigned timeout)
{
  size_t room = sizeof ((struct sockaddr_un *)0)->sun_path - sizeof LONGEST_SOCKET;
  int written;

  if (taken.root && strcmp (taken.root, root) == 0)
    return 0;
  if (taken.root)
    return vl_refuse (call, VL_ERR_UNSUPPORTED, NULL, NULL,
                      "this process drives the guests of '%s' already and cannot drive those of "
                      "'%s' too",
                      taken.root, root);
  if (strlen (root) > room)
    return vl_refuse (call, VL_ERR_UNSUPPORTED, NULL, NULL,
                      "'%s' is longer than the %zu bytes that leave room for the names of sockets",
                      root, room);
  if (make_folder (call, root) < 0)
    return -1;
  taken.fd = wait_for_root (call, root, timeout);
  if (taken.fd < 0)
    return -1;
  written = write_conf (call, root);
  if (written < 0)
    return -1;
  /* Whom guests run as the operator's own qemu.conf says. */
  taken.guests = written ? (struct embed_user) { 0 } : guest_user ();
  if (taken.guests.uid && virt_let_user_pass (call, taken.guests.uid, taken.guests.gid, root) < 0)
    return -1;
  forget_unborn (call, root);
  rotate_log (call, root);
  taken.root = strdup (root);
  return taken.root ? 0 : vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "out of memory");
}

int
embed_take (struct vl_call *call, const char *root, unsigned timeout, struct embed_user *guests)
{
  int answer;

  pthread_mutex_lock (&taken.lock);
  answer = take (call, root, timeout);
  *guests = taken.guests;
  if (answer < 0 && taken.root == NULL && taken.fd >= 0) {
    close (taken.fd);
    taken.fd = -1;
  }
  pthread_mutex_unlock (&taken.lock);
  return answer;
}

int
embed_knows_qemu (struct vl_call *call)
{
  return taken.root
         && access (vl_printf (call, "%s/cache/qemu/capabilities", taken.root), F_OK) == 0;
}
