/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server password set: from a file, stdin, or a terminal that does not show it. */

#include <config.h>

#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_BYTES 512
#define CONTROL_C '\003'

/* One line that is typed behind PROMPT, in LINE.  0, or -1 where the terminal has gone, or ^C was
 * typed. */
static int
type_line (const char *prompt, char *line)
{
  struct termios shown, hidden;
  size_t n = 0;
  ssize_t got;
  char c = 0;

  if (tcgetattr (STDIN_FILENO, &shown) < 0)
    return -1;
  hidden = shown;
  /* Whoever types ^C finds a terminal that shows what is typed: it ends the line, not the process. */
  hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
  hidden.c_cc[VEOL] = CONTROL_C;
  if (tcsetattr (STDIN_FILENO, TCSAFLUSH, &hidden) < 0)
    return -1;
  /* What is typed before would be shown, and lost. */
  fputs (prompt, stderr);
  while ((got = read (STDIN_FILENO, &c, 1)) == 1 && c != '\n' && c != CONTROL_C)
    if (n < LINE_BYTES - 1)
      line[n++] = c;
  line[n] = '\0';
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &shown);
  fputc ('\n', stderr);
  return got == 1 && c == '\n' ? 0 : -1;
}

/* What is typed twice. */
static int
ask (struct tool *tool, char *password)
{
  char again[LINE_BYTES] = "";
  int result = 0;

  if (! isatty (STDIN_FILENO))
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, "--password - takes it from stdin",
                      "'server password set' needs --password FILE where there is no terminal");
  if (type_line ("New password: ", password) < 0 || type_line ("Once more: ", again) < 0)
    result = vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "no password was typed");
  else if (strcmp (password, again) != 0)
    result =
        vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "what was typed twice is not the same");
  explicit_bzero (again, sizeof again);
  return result;
}

int
server_password_set (struct tool *tool)
{
  char typed[LINE_BYTES] = "", *read = NULL;
  int result = server_read_password (tool, &read);

  if (result == 0 && read == NULL)
    result = ask (tool, typed);
  if (result == 0)
    result = vl_server_set_password (tool->app, tool->args->words[0], read ? read : typed);
  explicit_bzero (typed, sizeof typed);
  if (read)
    explicit_bzero (read, strlen (read));
  free (read);
  return result;
}
