/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Files of the command. */

#include <config.h>

#include "tool.h"

#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
tool_is_lent (const char *path)
{
  return strcmp (path, "-") == 0 || strcmp (path, "/dev/stdin") == 0
         || strncmp (path, "/dev/fd/", 8) == 0 || strncmp (path, "/proc/self/fd/", 14) == 0;
}

char *
tool_read (struct tool *tool, const char *path, size_t limit, size_t *length)
{
  int is_stdin = strcmp (path, "-") == 0, lent = tool_is_lent (path);
  VL_AUTOCLOSE int file = ! lent || is_stdin ? -1 : open (path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  const char *why = strerror (errno);
  char *text = NULL;

  if (! lent)
    text = vl_file_read (path, limit, length, &why);
  else if (is_stdin || file >= 0)
    text = vl_file_read_all (is_stdin ? STDIN_FILENO : file, limit, length, &why);
  if (text == NULL && errno == EINVAL)
    vl_refuse (tool->call, VL_ERR_REQUEST, NULL, NULL,
               "'%s' %s; accepted: a file, - for stdin, or what the shell opened (/dev/fd/N)", path,
               why);
  else if (text == NULL && errno == EFBIG)
    vl_refuse (tool->call, VL_ERR_REQUEST, NULL, NULL, "'%s' %s", path, why);
  else if (text == NULL)
    vl_refuse (tool->call, errno == EACCES ? VL_ERR_NOT_PERMITTED : VL_ERR_NOT_FOUND, NULL, NULL,
               "'%s' cannot be read: %s", path, why);
  return text;
}

int
tool_write_new (struct tool *tool, const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  int error = fd < 0 || vl_file_write_all (fd, text, strlen (text)) < 0 ? errno : 0;

  if (fd >= 0 && close (fd) < 0 && error == 0)
    error = errno;
  if (error == 0)
    return 0;
  return vl_refuse (tool->call, error == EACCES ? VL_ERR_NOT_PERMITTED : VL_ERR_FAILED, NULL, NULL,
                    "'%s' cannot be written: %s", path, strerror (error));
}
