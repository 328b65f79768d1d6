/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The root folder of libvirt's embedded driver: folders, qemu.conf, and one
 * process at a time.  The driver stays in the process after its connection was
 * closed, and so does the lock. */

#include <config.h>

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

static struct {
  pthread_mutex_t lock;
  char *root; /* NULL: none taken yet */
  int fd;     /* holds the lock, open until the process ends */
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

/* The process that has libvirt's driver open on this root without our lock, or 0.
 * libvirt gives up at once on such a root, and cannot be asked a second time in
 * the same process. */
static pid_t
holder_of_pid_file (const char *path)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
  int fd = open (path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  pid_t holder = 0;

  if (fd < 0)
    return 0;
  if (fcntl (fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
    holder = lock.l_pid;
  close (fd);
  return holder;
}

/* Takes the lock that is open as FD.  0, or VIRT_BUSY where others have it for MS. */
static int
wait_for_root (struct vl_call *call, const char *root, int fd, uint32_t ms)
{
  struct vl_wait wait = { .what = vl_printf (call, "another command that uses the guests of '%s'",
                                             root),
                          .holder = vl_printf (call, "%s/virtloom.lock", root),
                          .ms = ms };
  const char *pid_file = vl_printf (call, "%s/run/qemu/driver.pid", root);
  pid_t other = 0;
  int locked = 0;

  do {
    locked = locked || flock (fd, LOCK_EX | LOCK_NB) == 0;
    other = locked ? holder_of_pid_file (pid_file) : 0;
    if (locked && other == 0) {
      if (ftruncate (fd, 0) == 0)
        dprintf (fd, "%ld\n", (long)getpid ());
      return 0;
    }
    if (other)
      wait.what = vl_printf (call, "process %ld, which uses the guests of '%s'", (long)other, root);
  } while (vl_wait_more (call, &wait, -1));
  return VIRT_BUSY;
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
 * after a finding.  *PLAIN: it has QEMU write the logs itself. */
static int
write_conf (struct vl_call *call, const char *root, int *plain)
{
  const char *path = vl_printf (call, "%s/etc/qemu.conf", root);
  const char *wanted = wanted_conf (call), *why;
  VL_AUTOFREE char *text = NULL;
  size_t length;

  if (make_folder (call, vl_printf (call, "%s/etc", root)) < 0)
    return -1;
  *plain = virt_log_is_plain (wanted);
  text = vl_file_read (path, (size_t)1 << 20, &length, &why);
  if (text && strncmp (text, MARK, strlen (MARK)) != 0) {
    *plain = virt_log_is_plain (text);
    return 1;
  }
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

int
embed_prepare (struct vl_call *call, const char *root, struct embed *embed)
{
  size_t room = sizeof ((struct sockaddr_un *)0)->sun_path - sizeof LONGEST_SOCKET;
  int written;

  if (strlen (root) > room)
    return vl_refuse (call, VL_ERR_UNSUPPORTED, NULL, NULL,
                      "'%s' is longer than the %zu bytes that leave room for the names of sockets",
                      root, room);
  if (make_folder (call, root) < 0)
    return -1;
  written = write_conf (call, root, &embed->plain_logs);
  if (written < 0)
    return -1;
  /* Whom guests run as the operator's own qemu.conf says. */
  embed->guests = written ? (struct embed_user) { 0 } : guest_user ();
  return embed->guests.uid ? virt_let_user_pass (call, embed->guests.uid, embed->guests.gid, root)
                           : 0;
}

int
embed_take (struct vl_call *call, const char *root, uint32_t ms)
{
  const char *lock = vl_printf (call, "%s/virtloom.lock", root);
  int fd = open (lock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

  if (fd < 0)
    return fail (call, "open", lock);
  if (wait_for_root (call, root, fd, ms) != 0) {
    close (fd);
    return VIRT_BUSY;
  }
  if (embed_scrub (call, root) < 0) {
    close (fd);
    return -1;
  }
  rotate_log (call, root);
  return fd;
}

static int
stay (struct vl_call *call, const char *root, uint32_t ms)
{
  if (taken.root && strcmp (taken.root, root) == 0)
    return taken.fd;
  if (taken.root)
    return vl_refuse (call, VL_ERR_UNSUPPORTED, NULL, NULL,
                      "this process drives the guests of '%s' already and cannot drive those of "
                      "'%s' too",
                      taken.root, root);
  taken.fd = embed_take (call, root, ms);
  if (taken.fd >= 0)
    taken.root = strdup (root);
  return taken.fd;
}

int
embed_stay (struct vl_call *call, const char *root, uint32_t ms)
{
  int answer;

  pthread_mutex_lock (&taken.lock);
  answer = stay (call, root, ms);
  pthread_mutex_unlock (&taken.lock);
  return answer;
}

int
embed_knows_qemu (struct vl_call *call, const char *root)
{
  return access (vl_printf (call, "%s/cache/qemu/capabilities", root), F_OK) == 0;
}
