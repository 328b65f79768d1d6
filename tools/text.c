/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory, files and the nearest spelling for the command.  Running out of memory
 * ends it, as in the library. */

#include <config.h>

#include "tool.h"

#include <virtloom/ascii.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST_WORD 64

static void *
or_die (void *p)
{
  if (p == NULL) {
    fputs ("virtloom: out of memory\n", stderr);
    abort ();
  }
  return p;
}

void *
tool_alloc (size_t n, size_t size)
{
  return or_die (calloc (n ? n : 1, size));
}

void *
tool_grow (void *p, size_t n, size_t size)
{
  return or_die (reallocarray (p, n ? n : 1, size));
}

char *
tool_vprintf (const char *fmt, va_list args)
{
  char *text = NULL;

  return vasprintf (&text, fmt, args) < 0 ? or_die (NULL) : text;
}

char *
tool_printf (const char *fmt, ...)
{
  va_list args;
  char *text;

  va_start (args, fmt);
  text = tool_vprintf (fmt, args);
  va_end (args);
  return text;
}

/* ---- files ---- */

static char *
read_all (int fd, size_t limit, size_t *length, int *error)
{
  size_t size = 65536, n = 0;
  char *text = tool_alloc (size, 1);
  ssize_t got;

  while ((got = read (fd, text + n, size - n - 1)) != 0) {
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 || (n += (size_t)got) > limit) {
      *error = got < 0 ? errno : EFBIG;
      free (text);
      return NULL;
    }
    if (size - n < 2) {
      size *= 2;
      text = tool_grow (text, size, 1);
    }
  }
  text[n] = '\0';
  *length = n;
  return text;
}

char *
tool_read (struct tool *tool, const char *path, size_t limit, size_t *length)
{
  int is_stdin = strcmp (path, "-") == 0, error = 0;
  int fd = is_stdin ? STDIN_FILENO : open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  char *text = NULL;
  struct stat st;

  if (fd < 0)
    error = errno;
  else if (! is_stdin && fstat (fd, &st) == 0 && S_ISDIR (st.st_mode))
    error = EISDIR;
  else
    text = read_all (fd, limit, length, &error);
  if (fd >= 0 && ! is_stdin)
    close (fd);
  if (text)
    return text;
  if (error == EFBIG)
    vl_error (tool->call, VL_ERR_REQUEST, NULL, NULL, "'%s' is larger than %zu bytes", path, limit);
  else
    vl_error (tool->call, error == EACCES ? VL_ERR_NOT_PERMITTED : VL_ERR_NOT_FOUND, NULL, NULL,
              "'%s' cannot be read: %s", path, strerror (error));
  return NULL;
}

int
tool_write_new (struct tool *tool, const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  size_t length = strlen (text);
  int error = fd < 0 ? errno : 0;

  while (fd >= 0 && length && error == 0) {
    ssize_t put = write (fd, text, length);

    if (put < 0 && errno != EINTR)
      error = errno;
    if (put > 0) {
      text += put;
      length -= (size_t)put;
    }
  }
  if (fd >= 0 && close (fd) < 0 && error == 0)
    error = errno;
  if (error == 0)
    return 0;
  return vl_error (tool->call, error == EACCES ? VL_ERR_NOT_PERMITTED : VL_ERR_FAILED, NULL, NULL,
                   "'%s' cannot be written: %s", path, strerror (error));
}

/* ---- spelling ---- */

static int
same (char a, char b)
{
  return vl_ascii_lower (a) == vl_ascii_lower (b);
}

/* Insertions, deletions, replacements and swaps of neighbours. */
static unsigned
distance_of (const char *a, const char *b)
{
  unsigned rows[LONGEST_WORD + 1][LONGEST_WORD + 1];
  size_t n = strlen (a), m = strlen (b);

  if (n > LONGEST_WORD || m > LONGEST_WORD)
    return LONGEST_WORD;
  for (size_t i = 0; i <= n; i++)
    for (size_t j = 0; j <= m; j++) {
      unsigned best = (unsigned)(i ? i : j);

      if (i && j) {
        best = rows[i - 1][j - 1] + ! same (a[i - 1], b[j - 1]);
        if (rows[i - 1][j] + 1 < best)
          best = rows[i - 1][j] + 1;
        if (rows[i][j - 1] + 1 < best)
          best = rows[i][j - 1] + 1;
        if (i > 1 && j > 1 && same (a[i - 1], b[j - 2]) && same (a[i - 2], b[j - 1])
            && rows[i - 2][j - 2] + 1 < best)
          best = rows[i - 2][j - 2] + 1;
      }
      rows[i][j] = best;
    }
  return rows[n][m];
}

void
spelling_offer (struct spelling *spelling, const char *candidate)
{
  size_t length = strlen (spelling->wanted);
  unsigned allowed = length < 6 ? 2 : (unsigned)(length / 3);
  unsigned distance = distance_of (spelling->wanted, candidate);

  if (distance > allowed || distance >= strlen (candidate))
    return;
  if (spelling->best == NULL || distance < spelling->distance) {
    spelling->best = candidate;
    spelling->distance = distance;
  }
}
