/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * STATE/fake on disk.  A guest's file has a first line that names the format,
 * then "name value" lines, an empty line and the document.  Files are replaced
 * by rename, so a reader needs no lock. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake.h"

#define FORMAT "virtloom fake guest 1"
#define UUID_LENGTH 36
/* What a list reads of each file; the lines before the document are shorter. */
#define HEAD_BYTES 1024
#define FILE_BYTES (16 * 1024 * 1024)
/* How long a command waits for another one. */
#define LOCK_MS 60000
#define RECORD_BYTES (4 * 1024 * 1024)

static const struct {
  enum vl_state state;
  const char *name;
} states[] = {
  { VL_STATE_NONE, "none" },       { VL_STATE_RUNNING, "running" },
  { VL_STATE_PAUSED, "paused" },   { VL_STATE_SHUTDOWN, "shutdown" },
  { VL_STATE_CRASHED, "crashed" }, { VL_STATE_SUSPENDED, "suspended" },
};
#define N_STATES (sizeof states / sizeof states[0])

const char *
fake_state_name (enum vl_state state)
{
  size_t i;

  for (i = 0; i < N_STATES; i++)
    if (states[i].state == state)
      return states[i].name;
  return "none";
}

static int
fail (struct vl_call *call, const char *what, const char *path)
{
  return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "cannot %s '%s': %s", what, path,
                    strerror (errno));
}

/* A uuid becomes a file name, so nothing but a uuid will do. */
static int
is_uuid (const char *text)
{
  return strlen (text) == UUID_LENGTH && strspn (text, "0123456789abcdefABCDEF-") == UUID_LENGTH;
}

static const char *
guest_path (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  return vl_printf (call, "%s/guests/%s", conn->dir, uuid);
}

const char *
fake_secret_path (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  if (is_uuid (uuid))
    return vl_printf (call, "%s/secrets/%s", conn->dir, uuid);
  vl_refuse (call, VL_ERR_USAGE, NULL, NULL, "'%s' is not a uuid", uuid);
  return NULL;
}

int
fake_prepare (struct vl_call *call, const char *dir)
{
  static const char *const below[] = { "", "/guests", "/secrets", "/" FAKE_LEAVES, "/" FAKE_COMES };

  for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
    const char *folder = vl_printf (call, "%s%s", dir, below[i]);

    if (mkdir (folder, 0700) < 0 && errno != EEXIST)
      return fail (call, "make folder", folder);
  }
  return 0;
}

int
fake_lock (struct vl_call *call, const struct vl_conn *conn)
{
  const char *path = vl_printf (call, "%s/lock", conn->dir);
  struct vl_wait wait = { .what = "another command that uses the fake guests",
                          .holder = path,
                          .ms = vl_patience (call, LOCK_MS) };
  int fd = open (path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), locked, error;

  if (fd < 0)
    return fail (call, "open", path);
  do {
    locked = flock (fd, LOCK_EX | LOCK_NB) == 0;
    error = locked ? 0 : errno;
  } while ((error == EINTR || error == EWOULDBLOCK) && vl_wait_more (call, &wait, -1));
  if (! locked) {
    errno = error;
    if (error == EWOULDBLOCK)
      vl_refuse_as (call, VL_ERR_UNREACHABLE, "HypervisorBusy", NULL, "try again",
                    "another process has used the fake guests for more than %u s%s", wait.ms / 1000,
                    vl_wait_holder (call, path));
    else
      fail (call, "lock", path);
    close (fd);
    return -1;
  }
  /* For those who wait; without it they are told less. */
  if (ftruncate (fd, 0) == 0)
    dprintf (fd, "%ld\n", (long)getpid ());
  return fd;
}

void
fake_unlock (int fd)
{
  close (fd);
}

/* At most LIMIT bytes of PATH, NUL-terminated, to be freed; NULL with errno. */
static char *
read_file (const char *path, size_t limit)
{
  int fd = open (path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  struct stat st;
  char *text;
  size_t n = 0, want;

  if (fd < 0)
    return NULL;
  want = fstat (fd, &st) == 0 && (size_t)st.st_size < limit ? (size_t)st.st_size : limit;
  text = malloc (want + 1);
  while (text && n < want) {
    ssize_t got = read (fd, text + n, want - n);

    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    n += (size_t)got;
  }
  close (fd);
  if (text)
    text[n] = '\0';
  return text;
}

static int
sync_folder (const char *path)
{
  int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int ok = fd >= 0 && fsync (fd) == 0;

  if (fd >= 0)
    close (fd);
  return ok ? 0 : -1;
}

static int
write_file (struct vl_call *call, const char *folder, const char *path, const char *text)
{
  const char *temp = vl_printf (call, "%s.new", path);
  size_t length = strlen (text);
  int fd = open (temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  int ok;

  if (fd < 0)
    return fail (call, "write", temp);
  ok = write (fd, text, length) == (ssize_t)length && fsync (fd) == 0;
  ok = close (fd) == 0 && ok;
  if (! ok || rename (temp, path) < 0 || sync_folder (folder) < 0) {
    fail (call, "write", path);
    unlink (temp);
    return -1;
  }
  return 0;
}

/* The value of "NAME value" in the lines before the first empty one, cut off
 * from TEXT, or NULL. */
static const char *
field (struct vl_call *call, const char *text, const char *name)
{
  size_t length = strlen (name);
  const char *line = text;

  while (line && *line && *line != '\n') {
    const char *end = strchr (line, '\n');

    if (strncmp (line, name, length) == 0 && line[length] == ' ' && end)
      return vl_printf (call, "%.*s", (int)(end - line - (ptrdiff_t)length - 1), line + length + 1);
    line = end ? end + 1 : NULL;
  }
  return NULL;
}

static int64_t
number (struct vl_call *call, const char *text, const char *name)
{
  const char *value = field (call, text, name);

  return value ? strtoll (value, NULL, 10) : 0;
}

/* -1 where TEXT is no guest. */
static int
parse (struct vl_call *call, const char *uuid, const char *text, struct fake_guest *guest)
{
  const char *state = field (call, text, "state");
  const char *domain = field (call, text, "domain");
  const char *xml = strstr (text, "\n\n");
  size_t i;

  if (strncmp (text, FORMAT "\n", sizeof FORMAT) != 0 || state == NULL || domain == NULL)
    return -1;
  *guest = (struct fake_guest) {
    .uuid = vl_printf (call, "%s", uuid),
    .domain = domain,
    .id = number (call, text, "id"),
    .boots = number (call, text, "boots"),
    .memory = number (call, text, "memory"),
    .vcpus = number (call, text, "vcpus"),
    .xml = xml ? vl_printf (call, "%s", xml + 2) : "",
  };
  for (i = 0; i < N_STATES; i++)
    if (strcmp (states[i].name, state) == 0)
      guest->state = states[i].state;
  return 0;
}

int
fake_load (struct vl_call *call, const struct vl_conn *conn, const char *uuid,
           struct fake_guest *guest)
{
  const char *path = guest_path (call, conn, uuid);
  char *text;
  int answer;

  if (! is_uuid (uuid))
    return 0;
  errno = 0;
  text = read_file (path, FILE_BYTES);
  if (text == NULL)
    return errno == ENOENT ? 0 : fail (call, "read", path);
  answer = parse (call, uuid, text, guest) < 0 ? -1 : 1;
  free (text);
  if (answer < 0)
    vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "the record of fake guest '%s' is damaged: '%s'",
               uuid, path);
  return answer;
}

int
fake_save (struct vl_call *call, const struct vl_conn *conn, const struct fake_guest *guest)
{
  const char *text = vl_printf (call,
                                FORMAT "\ndomain %s\nstate %s\nid %lld\nboots %lld\nmemory %lld\n"
                                       "vcpus %lld\n\n%s",
                                guest->domain, fake_state_name (guest->state), (long long)guest->id,
                                (long long)guest->boots, (long long)guest->memory,
                                (long long)guest->vcpus, guest->xml);

  if (! is_uuid (guest->uuid))
    return vl_refuse (call, VL_ERR_USAGE, NULL, NULL, "'%s' is not a uuid", guest->uuid);
  return write_file (call, vl_printf (call, "%s/guests", conn->dir),
                     guest_path (call, conn, guest->uuid), text);
}

int
fake_remove (struct vl_call *call, const struct vl_conn *conn, const char *uuid)
{
  const char *path = guest_path (call, conn, uuid);

  if (! is_uuid (uuid))
    return 0;
  /* A process that was killed while it wrote has left the other. */
  unlink (vl_printf (call, "%s.new", path));
  if (unlink (path) < 0 && errno == ENOENT)
    return 0;
  if (access (path, F_OK) == 0 || sync_folder (vl_printf (call, "%s/guests", conn->dir)) < 0)
    return fail (call, "remove", path);
  return 0;
}

int
fake_each (struct vl_call *call, const struct vl_conn *conn,
           int (*fn) (void *, const struct fake_guest *), void *opaque)
{
  const char *folder = vl_printf (call, "%s/guests", conn->dir);
  DIR *dir = opendir (folder);
  struct dirent *entry;
  int answer = 0;

  if (dir == NULL)
    return fail (call, "read folder", folder);
  while (answer == 0 && (entry = readdir (dir)) != NULL) {
    struct fake_guest guest;
    char *text;

    if (! is_uuid (entry->d_name))
      continue;
    text = read_file (guest_path (call, conn, entry->d_name), HEAD_BYTES);
    if (text == NULL)
      continue; /* destroyed meanwhile */
    if (parse (call, entry->d_name, text, &guest) == 0)
      answer = fn (opaque, &guest);
    else
      vl_warn (call, NULL, NULL, "the record of fake guest '%s' is damaged", entry->d_name);
    free (text);
  }
  closedir (dir);
  return answer;
}

int64_t
fake_count (struct vl_call *call, const struct vl_conn *conn, const char *name)
{
  const char *path = vl_printf (call, "%s/counters", conn->dir);
  const char *others = "";
  char *text = read_file (path, FILE_BYTES), *line, *rest;
  int64_t value = 1;

  for (line = text ? strtok_r (text, "\n", &rest) : NULL; line;
       line = strtok_r (NULL, "\n", &rest)) {
    size_t length = strlen (name);

    if (strncmp (line, name, length) == 0 && line[length] == ' ')
      value = strtoll (line + length, NULL, 10) + 1;
    else
      others = vl_printf (call, "%s%s\n", others, line);
  }
  free (text);
  if (write_file (call, conn->dir, path,
                  vl_printf (call, "%s%s %lld\n", others, name, (long long)value))
      < 0)
    return -1;
  return value;
}

void
fake_record (struct vl_call *call, const struct vl_conn *conn, const char *method, const char *uuid,
             int answer)
{
  const char *path = vl_printf (call, "%s/calls.log", conn->dir);
  const char *line = vl_printf (call, "%s %s %s\n", method, uuid, answer < 0 ? "failed" : "done");
  struct stat st;
  ssize_t wrote = 0;
  int fd;

  if (stat (path, &st) == 0 && st.st_size > RECORD_BYTES)
    rename (path, vl_printf (call, "%s.old", path));
  fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd >= 0) {
    wrote = write (fd, line, strlen (line));
    close (fd);
  }
  if (fd < 0 || wrote < 0)
    vl_warn (call, NULL, NULL, "method '%s' was not recorded in '%s': %s", method, path,
             strerror (errno));
}

/* ---- guests that move ---- */

int
fake_move_note (struct vl_call *call, const struct vl_conn *conn, const char *kind,
                const char *uuid, const char *text)
{
  const char *folder = vl_printf (call, "%s/%s", conn->dir, kind);
  const char *path = vl_printf (call, "%s/%s", folder, uuid);

  if (! is_uuid (uuid))
    return vl_refuse (call, VL_ERR_USAGE, NULL, "a uuid: 00000000-0000-4000-8000-000000000001",
                      "'%s' is not a uuid", uuid);
  if (text)
    return write_file (call, folder, path, text);
  return unlink (path) < 0 && errno != ENOENT ? fail (call, "remove", path) : 0;
}

const char *
fake_move_noted (struct vl_call *call, const struct vl_conn *conn, const char *kind,
                 const char *uuid)
{
  char *text = is_uuid (uuid)
                   ? read_file (vl_printf (call, "%s/%s/%s", conn->dir, kind, uuid), FILE_BYTES)
                   : NULL;
  const char *kept = text ? vl_printf (call, "%s", text) : NULL;

  free (text);
  return kept;
}
