/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one way out: stdout and stderr.  Whatever a guest, an image, a file, a request, or a
 * library that read one of them has put into a line, a terminal obeys none of it here: what is
 * not printable leaves as "\x1b", in JSON as "\u001b".  Also the line of progress, which
 * is written over and wiped before anything else is said. */

#include <config.h>

#include "tool.h"

#include "lib/file.h"
#include "lib/text.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct way {
  int fd;
  enum { TEXT, JSON, RAW } form;
  char held[4]; /* the beginning of a character that the next bytes end */
  size_t n_held;
};
static struct way answers = { .fd = STDOUT_FILENO }, findings = { .fd = STDERR_FILENO };

static int progress_shown;

/* ---- progress ---- */

void
output_progress (void *opaque, const char *text)
{
  char *clean = vl_text_clean (text), *line = vl_xasprintf ("\r\033[K%s ...", clean);

  (void)opaque;
  progress_shown = vl_file_write_all (STDERR_FILENO, line, strlen (line)) == 0;
  free (line);
  free (clean);
}

/* Without a terminal it is a line of its own: nobody should wonder why nothing happens. */
void
output_wait (void *opaque, const char *text)
{
  if (isatty (STDERR_FILENO))
    output_progress (opaque, text);
  else
    fprintf (stderr, "%s\n", text);
}

void
output_wipe (void)
{
  if (progress_shown)
    (void)! vl_file_write_all (STDERR_FILENO, "\r\033[K", 4);
  progress_shown = 0;
}

/* ---- what passes ---- */

/* The N bytes of a character at TEXT, which stands in a string of JSON. */
static void
add_json (struct vl_str *out, const char *text, size_t n)
{
  uint32_t c;

  if (vl_utf8_read (text, n, &c) == 0)
    vl_str_add (out, "\\ufffd");
  else if (c < 0x10000)
    vl_str_printf (out, "\\u%04x", (unsigned)c);
  else
    vl_str_printf (out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                   (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
}

static void
clean (const struct way *way, struct vl_str *out, const char *text, size_t length)
{
  for (size_t i = 0, n; i < length; i += n) {
    uint32_t c;

    n = vl_utf8_read (text + i, length - i, &c);
    n = n ? n : 1;
    if (text[i] == '\n' || text[i] == '\t' || vl_text_problem (text + i, n) == NULL)
      vl_str_add_n (out, text + i, n);
    else if (way->form == JSON)
      add_json (out, text + i, n);
    else {
      char *shown = vl_text_clean_n (text + i, n);

      vl_str_add (out, shown);
      free (shown);
    }
  }
}

static ssize_t
pass (void *cookie, const char *bytes, size_t n)
{
  struct way *way = cookie;
  VL_AUTOSTR struct vl_str all = { 0 }, out = { 0 };
  size_t held = 0;

  output_wipe ();
  if (way->form == RAW)
    return vl_file_write_all (way->fd, bytes, n) < 0 ? 0 : (ssize_t)n;
  vl_str_add_n (&all, way->held, way->n_held);
  vl_str_add_n (&all, bytes, n);
  for (size_t k = 1; k < sizeof way->held && k <= all.length; k++)
    if (guest_text_is_cut (all.text + all.length - k, k))
      held = k;
  way->n_held = held;
  memcpy (way->held, all.text + all.length - held, held);
  vl_str_add (&out, "");
  clean (way, &out, all.text, all.length - held);
  return vl_file_write_all (way->fd, out.text, out.length) < 0 ? 0 : (ssize_t)n;
}

static FILE *
open_way (struct way *way, FILE *otherwise, int mode)
{
  FILE *file = fopencookie (way, "w", (cookie_io_functions_t) { .write = pass });

  if (file == NULL)
    return otherwise;
  setvbuf (file, NULL, mode, BUFSIZ);
  return file;
}

void
output_open (void)
{
  stdout = open_way (&answers, stdout, isatty (STDOUT_FILENO) ? _IOLBF : _IOFBF);
  stderr = open_way (&findings, stderr, _IONBF);
}

int
output_is_deaf (void)
{
  struct pollfd polled = { .fd = STDOUT_FILENO };

  return poll (&polled, 1, 0) > 0 && (polled.revents & (POLLERR | POLLHUP));
}

void
output_json (void)
{
  answers.form = JSON;
}

void
output_raw (const char *bytes, size_t n)
{
  int form = answers.form;

  fflush (stdout);
  answers.form = RAW;
  fwrite (bytes, 1, n, stdout);
  fflush (stdout);
  answers.form = form;
}
