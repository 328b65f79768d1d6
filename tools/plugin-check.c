/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom plugin check: conformance of a module in TAP.  First what its file
 * says, then, in children that may crash, what its code does. */

#include <config.h>

#include "plugin-check.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULE_LIMIT ((size_t)64 << 20)
#define REQUEST_LIMIT ((size_t)4 << 20)
#define STAGE_SECONDS 120
#define ELSEWHERE "planning elsewhere"

/* ---- TAP ---- */

static void VL_PRINTF (2, 0) add (struct tap *tap, const char *fmt, va_list args)
{
  char *text = vl_xvasprintf (fmt, args), *clean = vl_text_clean (text);
  size_t n = strlen (clean);

  if (tap->length + n + 1 < sizeof tap->text) {
    memcpy (tap->text + tap->length, clean, n);
    tap->length += n;
    tap->text[tap->length++] = '\n';
  }
  free (clean);
  free (text);
}

static void VL_PRINTF (2, 3) line (struct tap *tap, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  add (tap, fmt, args);
  va_end (args);
}

void
tap_note (struct tap *tap, const char *fmt, ...)
{
  va_list args;
  char *longer = vl_xasprintf ("# %s", fmt);

  va_start (args, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  add (tap, longer, args);
#pragma GCC diagnostic pop
  va_end (args);
  free (longer);
}

int
tap_ok (struct tap *tap, int ok, const char *what, const char *fmt, ...)
{
  va_list args;
  char *text;

  tap->tests++;
  tap->failures += ! ok;
  line (tap, "%sok %d - %s", ok ? "" : "not ", tap->tests, what);
  if (! ok) {
    va_start (args, fmt);
    text = vl_xvasprintf (fmt, args);
    va_end (args);
    tap_note (tap, "%s", text);
    free (text);
  }
  return ok;
}

void
tap_skip (struct tap *tap, const char *what, const char *why)
{
  tap->tests++;
  line (tap, "ok %d - %s # SKIP %s", tap->tests, what, why);
}

void
tap_findings (struct tap *tap, const struct vl_app *app)
{
  for (size_t i = 0; i < vl_findings_count (app); i++) {
    const struct vl_finding *finding = vl_findings_get (app, i);

    tap_note (tap, "%s %s: %s", finding->code, finding->plugin, finding->message);
    if (finding->hint)
      tap_note (tap, "  %s", finding->hint);
  }
}

int
tap_faulty (const struct vl_app *app)
{
  for (size_t i = 0; i < vl_findings_count (app); i++)
    if (strcmp (vl_findings_get (app, i)->code, "PluginFault") == 0)
      return 1;
  return 0;
}

void
tap_flush (struct tap *tap)
{
  fwrite (tap->text, 1, tap->length, stdout);
  fflush (stdout);
  tap->length = 0;
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
  tap_ok (tap, elf->n_symbols == 1 && strcmp (elf->symbols[0], symbol) == 0,
          "it exports one symbol, its own", "%zu, the first is '%s'; accepted: '%s' alone",
          elf->n_symbols, elf->n_symbols ? elf->symbols[0] : "", symbol);
  tap_ok (tap, elf->binds_now, "it binds at once", "link with -Wl,-z,now");
  tap_ok (tap, ! elf->indirect, "none of its code runs while it is linked",
          "it has indirect functions, which choose their code before anything is known of it");
  if (c->note.kind == VL_KIND_FEATURE) {
    tap_ok (tap, elf->variable == NULL, "it has no variables",
            "'%s' can be written to; accepted: "
            "const, or what is made anew in each call",
            elf->variable ? elf->variable : "");
    tap_ok (tap, elf->n_calls == 0, "it uses nothing of the C library that no feature may", "%s",
            vl_join (c->tool->call, ", ", elf->calls, elf->n_calls));
  }
  if (elf->raw_is)
    tap_note (
        tap,
        "its code has bytes that may be a system call of its own: '%s' at 0x%llx.  While a guest "
        "is planned such calls are seen, in prepare and the like they are not; look: objdump -d",
        elf->raw_is, (unsigned long long)elf->raw);
  if (elf->constructors)
    tap_note (tap, "it has constructors: they run before the tables are looked at");
  free (symbol);
  return ok;
}

/* ---- the code ---- */

static void
run_stages (struct checking *c)
{
  static const struct {
    const char *what;
    void (*run) (struct checking *);
  } stages[] = {
    { "planning", check_plans },
    { "planning with other settings", check_settings },
    { "planning for a bare host", check_bare },
    { "planning guests of each kind", check_shapes },
    { "probing", check_probe },
    { "the life of a server", check_server },
    { "each callback", check_callbacks },
    { "each storage call", check_storage },
    { "a plan and a reboot, again and again", check_memory },
  };

  stage_run (c, "loading", check_loading);
  if (c->tap->broken)
    return;
  if (c->note.kind == VL_KIND_DRIVER) {
    check_driver (c);
    return;
  }
  for (size_t i = 0; i < sizeof stages / sizeof stages[0] && ! c->tap->late; i++) {
    stage_run (c, stages[i].what, stages[i].run);
    if (i == 0 && ! c->tap->late)
      stage_again (c, ELSEWHERE);
  }
  if (! c->tap->broken)
    tap_ok (c->tap, c->tap->active, "a plan is made in which it is active",
            "none was; --request FILE says what else it needs, --host FILE for which host");
}

/* ---- files of the trial ---- */

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void)st;
  (void)type;
  (void)ftw;
  return remove (path);
}

/* An empty disk. */
static int
make_volume (struct checking *c)
{
  char *path = vl_xasprintf ("%s/" TRIAL_VOLUME, c->folder);
  FILE *file = fopen (path, "we");
  int result = file ? ftruncate (fileno (file), TRIAL_VOLUME_BYTES) : -1;

  if (result < 0)
    (void)vl_refuse (c->tool->call, VL_ERR_FAILED, NULL, NULL, "'%s': %m", path);
  if (file)
    fclose (file);
  free (path);
  return result;
}

static int
make_folder (struct checking *c)
{
  const char *base = getenv ("TMPDIR");
  char *path = vl_xasprintf ("%s/vl-XXXXXX", base && *base == '/' ? base : "/tmp"), *bare;
  int result;

  c->folder = mkdtemp (path);
  if (c->folder == NULL) {
    free (path);
    return vl_refuse (c->tool->call, VL_ERR_FAILED, NULL, NULL, "no folder can be made: %m");
  }
  snprintf (c->tap->folder, sizeof c->tap->folder, "%s", path);
  if (make_volume (c) < 0)
    return -1;
  bare = vl_xasprintf ("%s/bare.json", c->folder);
  result = tool_write_new (c->tool, bare,
                           "{\"virtloom_host\": 1, \"facts\": {\"host.arch\": \"x86_64\"}}\n");
  free (bare);
  return result;
}

/* What is named relative to this folder stays what it is where the folder is another. */
static const char *
absolute (struct tool *tool, const char *path)
{
  char *whole = path ? realpath (path, NULL) : NULL;
  const char *kept = whole ? vl_printf (tool->call, "%s", whole) : path;

  free (whole);
  return kept;
}

/* TEXT, which is freed, with PATH for each "@volume@". */
static char *
with_volume (char *text, const char *path)
{
  static const char mark[] = "@volume@";
  char *all = vl_xasprintf ("%s", ""), *rest = text;

  while (rest) {
    char *found = strstr (rest, mark);
    int n = found ? (int)(found - rest) : (int)strlen (rest);
    char *longer = vl_xasprintf ("%s%.*s%s", all, n, rest, found ? path : "");

    free (all);
    all = longer;
    rest = found ? found + strlen (mark) : NULL;
  }
  free (text);
  return all;
}

char *
trial_text (struct checking *c, const char *text)
{
  char *volume = vl_xasprintf ("%s/" TRIAL_VOLUME, c->folder);
  char *all = with_volume (vl_xasprintf ("%s", text), volume);

  free (volume);
  return all;
}

static int
read_request (struct checking *c)
{
  const char *path = args_value (c->tool->args, "request");
  size_t length;
  char *given = path ? tool_read (c->tool, path, REQUEST_LIMIT, &length) : NULL;
  char *text = given ? trial_text (c, given) : NULL;
  json_error_t error = { .line = 0 };

  free (given);
  if (path == NULL)
    return 0;
  if (text)
    c->request = json_loads (text, JSON_REJECT_DUPLICATES, &error);
  if (text && ! json_is_object (c->request))
    (void)vl_refuse (c->tool->call, VL_ERR_REQUEST, NULL, NULL, "'%s', line %d: %s", path,
                     error.line, error.text);
  free (text);
  return json_is_object (c->request) ? 0 : -1;
}

/* Reads what was given; C has a folder, or gets one. */
static int
prepare (struct checking *c)
{
  struct vl_app_options *options = &c->tool->options;
  int64_t seconds;

  if (args_number (c->tool, "timeout", STAGE_SECONDS, &seconds) < 0)
    return -1;
  c->seconds = (unsigned)(seconds < 1 ? 1 : seconds);
  c->file = absolute (c->tool, c->file);
  options->config_dir = absolute (c->tool, options->config_dir);
  options->tree_dir = absolute (c->tool, options->tree_dir);
  if (options->host_file && strchr (options->host_file, '/'))
    options->host_file = absolute (c->tool, options->host_file);
  return (c->folder == NULL && make_folder (c) < 0) || read_request (c) < 0 ? -1 : 0;
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
    tap_flush (c->tap);
    result = prepare (c);
    if (result == 0)
      run_stages (c);
    if (c->folder)
      nftw (c->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free (c->folder);
    json_decref (c->request);
  }
  tap_flush (c->tap);
  printf ("1..%d\n", c->tap->tests);
  return result;
}

/* Memory that children share, and who is begun with "--again FD". */
static struct tap *
share_tap (struct checking *c)
{
  const char *again = args_value (c->tool->args, "again");

  c->tap_fd = again ? atoi (again) : memfd_create ("tap", MFD_CLOEXEC);
  if (c->tap_fd < 0 || (again == NULL && ftruncate (c->tap_fd, sizeof *c->tap) < 0))
    return MAP_FAILED;
  return mmap (NULL, sizeof *c->tap, PROT_READ | PROT_WRITE, MAP_SHARED, c->tap_fd, 0);
}

/* For who has begun again, in the trial's folder: the one stage. */
static int
check_again (struct checking *c)
{
  c->folder = vl_xasprintf ("%s", c->tap->folder);
  if (prepare (c) < 0)
    return -1;
  stage_run (c, ELSEWHERE, check_plans_again);
  return 0;
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
  c.tap = share_tap (&c);
  if (bytes == NULL || c.tap == MAP_FAILED) {
    free (bytes);
    free (c.name);
    return -1;
  }
  if (args_has (tool->args, "again"))
    result = check_again (&c);
  else {
    result = check_module (&c, bytes, length);
    if (result == 0 && c.tap->failures)
      result = VL_ERR_FAILED;
  }
  munmap (c.tap, sizeof *c.tap);
  free (bytes);
  free (c.name);
  return result;
}
