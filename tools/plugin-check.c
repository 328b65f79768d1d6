/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom plugin check: conformance of a module in TAP.  First what its file
 * says, then, in a child that may crash, what its code does. */

#include <config.h>

#include "plugin-check.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULE_LIMIT ((size_t)64 << 20)
#define CODE_SECONDS 600

/* ---- TAP ---- */

void
tap_note (const char *fmt, ...)
{
  va_list args;
  char *text, *clean;

  va_start (args, fmt);
  text = vl_xvasprintf (fmt, args);
  va_end (args);
  clean = vl_text_clean (text);
  printf ("# %s\n", clean);
  free (clean);
  free (text);
}

int
tap_ok (struct tap *tap, int ok, const char *what, const char *fmt, ...)
{
  va_list args;
  char *text;

  tap->tests++;
  tap->failures += ! ok;
  printf ("%sok %d - %s\n", ok ? "" : "not ", tap->tests, what);
  if (! ok) {
    va_start (args, fmt);
    text = vl_xvasprintf (fmt, args);
    va_end (args);
    tap_note ("%s", text);
    free (text);
  }
  fflush (stdout);
  return ok;
}

void
tap_skip (struct tap *tap, const char *what, const char *why)
{
  tap->tests++;
  printf ("ok %d - %s # SKIP %s\n", tap->tests, what, why);
}

/* ---- the file ---- */

/* "acme_tpm_LTX_virtloom_module" of "acme-tpm". */
static char *
symbol_of (const char *name)
{
  char *symbol = vl_xasprintf ("%s_LTX_virtloom_module", name);

  for (char *p = symbol; *p; p++)
    if (*p == '-')
      *p = '_';
  return symbol;
}

/* Answers whether the module's code may be run. */
static int
check_file (struct checking *c)
{
  struct elf_facts *elf = &c->elf;
  struct tap *tap = c->tap;
  char *symbol = symbol_of (c->name);
  const char *why = "";
  int let_in = vl_plugins_gate (c->tool->app, c->file, &c->note, &why) == 0;
  int ok = tap_ok (tap, vl_plugin_name_ok (c->name), "the file's name is a plugin's",
                   "'%s.so'; accepted: [a-z][a-z0-9-]{0,30}.so", c->name);

  ok &= tap_ok (tap, let_in, "the gate lets it in", "it %s", why);
  if (! let_in) {
    free (symbol);
    return 0;
  }
  ok &= tap_ok (tap, c->note.magic == VL_NOTE_MAGIC && c->note.abi == VL_ABI,
                "its ABI is this one's", "magic %#x, abi %u; accepted: magic %#x, abi %u",
                c->note.magic, c->note.abi, VL_NOTE_MAGIC, (unsigned)VL_ABI);
  ok &= tap_ok (tap, strcmp (c->note.name, c->name) == 0, "its name is the file's",
                "it calls itself '%s'", c->note.name);
  ok &= tap_ok (tap, elf->n_symbols == 1 && strcmp (elf->symbols[0], symbol) == 0,
                "it exports one symbol, its own", "%zu, the first is '%s'; accepted: '%s' alone",
                elf->n_symbols, elf->n_symbols ? elf->symbols[0] : "", symbol);
  tap_ok (tap, elf->binds_now, "it binds at once", "link with -Wl,-z,now");
  if (elf->constructors)
    tap_note ("it has constructors: they run before the tables are looked at");
  free (symbol);
  return ok;
}

/* ---- the code ---- */

/* In a child: what crashes there is a test that failed. */
static void
run_code (struct checking *c)
{
  pid_t child;
  int status = 0;

  fflush (stdout);
  child = fork ();
  if (child == 0) {
    alarm (CODE_SECONDS);
    check_code (c);
    c->tap->finished = 1;
    fflush (stdout);
    _exit (0);
  }
  if (child > 0)
    waitpid (child, &status, 0);
  if (child < 0)
    tap_ok (c->tap, 0, "its code can be tried", "fork: %m");
  else if (WIFSIGNALED (status))
    tap_ok (c->tap, 0, "its code does not crash, and comes back", "killed by signal %d (%s)",
            WTERMSIG (status), strsignal (WTERMSIG (status)));
  else
    tap_ok (c->tap, c->tap->finished, "its code does not end the process", "exit status %d",
            WEXITSTATUS (status));
}

static char *
name_of (const char *file)
{
  const char *slash = strrchr (file, '/'), *base = slash ? slash + 1 : file;
  size_t n = strlen (base);

  return n > 3 && strcmp (base + n - 3, ".so") == 0 ? vl_xasprintf ("%.*s", (int)n - 3, base)
                                                    : NULL;
}

static int
check_module (struct checking *c, const unsigned char *bytes, size_t length)
{
  int result = 0;

  elf_read (bytes, length, &c->elf);
  if (check_file (c)) {
    result = check_tree_make (c, bytes, length);
    if (result == 0)
      run_code (c);
    check_tree_remove (c);
  }
  printf ("1..%d\n", c->tap->tests);
  return result;
}

int
plugin_check (struct tool *tool)
{
  struct checking c = { .tool = tool, .file = tool->args->words[0] };
  unsigned char *bytes;
  size_t length;
  int result;

  c.name = name_of (c.file);
  if (c.name == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                      "'%s' is not a module; accepted: NAME.so", c.file);
  bytes = (unsigned char *)tool_read (tool, c.file, MODULE_LIMIT, &length);
  c.tap = mmap (NULL, sizeof *c.tap, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (bytes == NULL || c.tap == MAP_FAILED) {
    free (bytes);
    free (c.name);
    return -1;
  }
  result = check_module (&c, bytes, length);
  if (result == 0 && c.tap->failures)
    result = VL_ERR_FAILED;
  munmap (c.tap, sizeof *c.tap);
  free (bytes);
  free (c.name);
  return result;
}
