/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the guest wrote on its console, the end of the log that QEMU or virtlogd
 * keeps, and where its consoles are reached.  The bytes come from the guest, so only so many of
 * them are read. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../consoles.h"
#include "virt.h"

#define CONSOLE_BYTES (100 * 1024)
/* virtlogd keeps three older files by default. */
#define ROTATED_MAX 16

/* The file behind one console or serial element, NULL if it has none. */
static const char *
log_of (const struct vl_xml *device)
{
  const char *type = vl_xml_attr (device, "type");
  const struct vl_xml *log = vl_xml_child (device, "log");
  const struct vl_xml *source = vl_xml_child (device, "source");

  if (type && strcmp (type, "file") == 0 && source && vl_xml_attr (source, "path"))
    return vl_xml_attr (source, "path");
  return log ? vl_xml_attr (log, "file") : NULL;
}

const char *
virt_log_path (const struct vl_xml *domain)
{
  static const char *const kinds[] = { "console", "serial" };
  const struct vl_xml *devices = vl_xml_child (domain, "devices");
  size_t i;

  for (i = 0; devices && i < sizeof kinds / sizeof kinds[0]; i++) {
    const struct vl_xml *device = vl_xml_child (devices, kinds[i]);

    for (; device; device = vl_xml_next (device, kinds[i])) {
      const char *path = log_of (device);

      if (path)
        return path;
    }
  }
  return NULL;
}

/* A regular file, opened without following a link; *SIZE is its size.  -1 with
 * errno. */
static int
open_log (const char *path, off_t *size)
{
  int fd = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat st;

  if (fd < 0)
    return -1;
  if (fstat (fd, &st) == 0 && S_ISREG (st.st_mode)) {
    *size = st.st_size;
    return fd;
  }
  close (fd);
  /* A pipe, as long as the guest is being started. */
  errno = S_ISFIFO (st.st_mode) ? ENOENT : EINVAL;
  return -1;
}

/* Puts the end of PATH before OFFSET of the buffer and answers the new offset;
 * -1 after a finding.  A file that is not there is empty. */
static int
read_tail (struct vl_call *call, const char *path, char *buffer, int offset, int *missing)
{
  off_t size = 0;
  int fd = open_log (path, &size);
  int want = size < offset ? (int)size : offset;
  int n = 0;

  *missing = fd < 0 && errno == ENOENT;
  if (*missing)
    return offset;
  if (fd < 0)
    return vl_refuse_as (call, VL_ERR_FAILED, "ConsoleNotAvailable", NULL, NULL,
                         "cannot read console log '%s': %s", path, strerror (errno));
  while (n < want) {
    ssize_t got = pread (fd, buffer + offset - want + n, (size_t)(want - n), size - want + n);

    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    n += (int)got;
  }
  close (fd);
  /* a log that was rotated meanwhile is shorter than it was */
  memmove (buffer + offset - n, buffer + offset - want, (size_t)n);
  return offset - n;
}

/* Newest first, from the end of the buffer to its beginning. */
static int
read_logs (struct vl_call *call, const char *path, char *buffer)
{
  int missing, offset = read_tail (call, path, buffer, CONSOLE_BYTES, &missing);
  int i;

  for (i = 0; i < ROTATED_MAX && offset > 0; i++) {
    const char *older = vl_printf (call, "%s.%d", path, i);

    offset = read_tail (call, older, buffer, offset, &missing);
    if (missing)
      break;
  }
  return offset;
}

static int
write_definition (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
                  FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, job->uuid);
  VIRT_AUTOTEXT char *xml = domain ? virDomainGetXMLDesc (domain, 0) : NULL;

  if (domain && xml == NULL)
    return virt_error (call, "cannot read guest '%s'", job->uuid);
  if (xml)
    fputs (xml, answer);
  return xml ? 0 : -1;
}

/* What libvirt wrote of the embedded driver's guest is read as it lies there: no other command
 * is waited for.  NULL after a finding. */
static const char *
definition (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  struct virt_job job = { .uuid = uuid, .blind = 1, .work_ms = VIRT_QUICK_MS };
  const char *answer;
  char *text;

  if (! virt_has_processes (conn))
    return virt_ask (call, conn, write_definition, &job, &answer) < 0 ? NULL : answer;
  text = virt_definition_read (call, conn, uuid);
  if (text == NULL) {
    virt_not_found (call, uuid);
    return NULL;
  }
  answer = vl_printf (call, "%s", text);
  free (text);
  return answer;
}

static int
virt_get_console_output (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                         const char **text, size_t *length)
{
  const char *xml = definition (call, conn, uuid);
  VIRT_AUTOTEXT char *buffer = NULL;
  const struct vl_xml *root = xml ? vl_xml_read (call, xml, strlen (xml)) : NULL;
  const char *path;
  char *kept;
  int offset;

  if (root == NULL)
    return -1;
  path = virt_log_path (root);
  if (path == NULL)
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "ConsoleNotAvailable", NULL, NULL,
                         "guest '%s' has no console that is written to a file", uuid);
  buffer = malloc (CONSOLE_BYTES);
  if (buffer == NULL)
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "out of memory");
  offset = read_logs (call, path, buffer);
  if (offset < 0)
    return -1;
  /* vl_printf is only for text; the guest may have written NULs. */
  *length = (size_t)(CONSOLE_BYTES - offset);
  kept = vl_memory (call, *length + 1);
  memcpy (kept, buffer + offset, *length);
  *text = kept;
  return 0;
}

/* ---- where consoles are reached ---- */

/* <devices> of the guest as it runs, or NULL after a finding. */
static const struct vl_xml *
live_devices (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  VIRT_AUTOTEXT char *text = NULL;
  const struct vl_xml *root;
  const char *xml;

  if (virt_has_processes (conn)) {
    text = virt_live_read (call, conn, uuid);
    if (text == NULL) {
      if (! virt_is_known (call, conn, uuid))
        virt_not_found (call, uuid);
      else
        vl_refuse_as (call, VL_ERR_REQUEST, "InstanceNotRunning", NULL,
                      vl_printf (call, "virtloom server start %s", uuid),
                      "guest '%s' does not run, and has no console then",
                      virt_name_of (call, uuid));
      return NULL;
    }
  }
  xml = text ? text : definition (call, conn, uuid);
  root = xml ? vl_xml_read (call, xml, strlen (xml)) : NULL;
  if (root && text)
    root = vl_xml_find (root, "domain");
  return root ? vl_xml_child (root, "devices") : NULL;
}

static int
unavailable (struct vl_call *call, const char *uuid, const char *type)
{
  return vl_refuse_as (
      call, VL_ERR_UNSUPPORTED, "ConsoleTypeUnavailable", NULL,
      vl_printf (call, "virtloom server show %s has its displays and its console", uuid),
      "guest '%s' has no console of type %s", virt_name_of (call, uuid), type);
}

static int
graphics_of (struct vl_call *call, struct vl_conn *conn, const char *uuid, const char *type,
             struct vl_console *console)
{
  const struct vl_xml *devices = live_devices (call, conn, uuid);
  struct vl_console found = { .port = 0 };

  if (devices == NULL)
    return -1;
  return console_graphics (devices, type, &found) ? console_hand_out (console, found)
                                                  : unavailable (call, uuid, type);
}

static int
virt_get_vnc_console (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                      struct vl_console *console)
{
  return graphics_of (call, conn, uuid, "vnc", console);
}

static int
virt_get_spice_console (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                        struct vl_console *console)
{
  return graphics_of (call, conn, uuid, "spice", console);
}

static int
virt_get_serial_console (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                         struct vl_console *console)
{
  const struct vl_xml *devices = live_devices (call, conn, uuid);
  struct vl_console found = { .port = 0 };

  if (devices == NULL)
    return -1;
  return console_serial (devices, &found) ? console_hand_out (console, found)
                                          : unavailable (call, uuid, "serial");
}

/* ---- what is to be seen ---- */

/* What one display may take; the most that QEMU shows is less by far. */
#define PICTURE_BYTES (INT64_C (256) << 20)

/* 0 with all of STREAM in ANSWER, or -1 after a finding. */
static int
receive (struct vl_call *call, const struct virt_job *job, virStreamPtr stream, FILE *answer)
{
  VIRT_AUTOTEXT char *buffer = malloc (CONSOLE_BYTES);
  int64_t left = PICTURE_BYTES;
  int n;

  if (buffer == NULL)
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "out of memory");
  while ((n = virStreamRecv (stream, buffer, CONSOLE_BYTES)) > 0 && (left -= n) >= 0)
    fwrite (buffer, 1, (size_t)n, answer);
  if (n == 0 && virStreamFinish (stream) == 0)
    return 0;
  if (n > 0) {
    virStreamAbort (stream);
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL,
                      "the picture of guest '%s' is larger than %lld MiB", job->uuid,
                      (long long)(PICTURE_BYTES >> 20));
  }
  return virt_error (call, "cannot read the picture of guest '%s'", job->uuid);
}

/* ANSWER gets a PNG, which is QEMU's own: libvirt has it write one where it can. */
static int
write_picture (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find_awake (call, conn, job->uuid);
  virStreamPtr stream;
  int result;

  if (domain == NULL)
    return -1;
  stream = virStreamNew (conn->virt, 0);
  if (stream == NULL)
    return virt_error (call, "cannot read from libvirt");
  VIRT_AUTOTEXT char *type = virDomainScreenshot (domain, stream, 0, 0);
  if (type == NULL)
    result = virt_error (call, "cannot take a picture of guest '%s'", job->uuid);
  else if (strcmp (type, "image/png") != 0)
    result = vl_refuse_as (call, VL_ERR_UNSUPPORTED, "ScreenshotNotSupported", NULL,
                           "install QEMU 7.1 or later",
                           "this QEMU writes pictures as '%s' alone; a PNG needs QEMU 7.1", type);
  else
    result = receive (call, job, stream, answer);
  virStreamFree (stream);
  return result;
}

static int
virt_screenshot (struct vl_call *call, struct vl_conn *conn, const char *uuid, const void **png,
                 size_t *length)
{
  struct virt_job job = { .uuid = uuid, .blind = 1, .looks = 1, .work_ms = VIRT_QUICK_MS };
  const struct vl_xml *devices = live_devices (call, conn, uuid);
  const char *answer;

  if (devices == NULL)
    return -1;
  if (! console_has_display (devices))
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "ConsoleTypeUnavailable", NULL,
                         "vnc_enabled = yes in plugins.d/graphics.conf gives guests one",
                         "guest '%s' has no display to take a picture of",
                         virt_name_of (call, uuid));
  if (virt_ask_bytes (call, conn, write_picture, &job, &answer, length) < 0)
    return -1;
  *png = answer;
  return 0;
}

const struct vl_console_calls virt_console_calls = {
  .size = sizeof (struct vl_console_calls),
  .get_console_output = virt_get_console_output,
  .get_vnc_console = virt_get_vnc_console,
  .get_spice_console = virt_get_spice_console,
  .get_serial_console = virt_get_serial_console,
  .screenshot = virt_screenshot,
};
