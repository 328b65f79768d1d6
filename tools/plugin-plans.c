/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of `plugin check` that plans: every row with the limits of what it accepts,
 * in every layer, alone and all together; each request twice, and again elsewhere. */

#include <config.h>

#include "plugin-check.h"

#include <alloca.h>
#include <locale.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define DRIVER "fake"
/* Rows have their limits, what lies inside, and a default. */
#define MOST_TURNS 5
/* Requests of one row in which it is told that the time is asked. */
#define MOST_TIMED 64
/* Values that an indexed row may have. */
#define MOST_INDEXED 128

/* ---- sessions and plans ---- */

static void
note_process (void *opaque, const struct vl_process *process)
{
  struct tap *tap = opaque;

  tap->quick |= process->quick_exit != 0;
}

struct vl_app *
open_app (struct checking *c, const char *config, const char *host, int with, int *result)
{
  const char *modules[] = { c->file, NULL };
  struct vl_app_options options = c->tool->options;
  struct vl_app *app;

  /* Volumes of STATE are no guest's. */
  options.state_dir = vl_printf (c->tool->call, "%s/state", c->folder);
  options.modules = with ? modules : NULL;
  options.driver = options.driver ? options.driver : DRIVER;
  options.host_file = host ? host : options.host_file;
  options.config_dir = config ? config : options.config_dir;
  options.quiet = 1;
  options.on_load = NULL;
  options.verbose = 0;
  app = vl_app_new (&options);
  vl_app_on_process (app, note_process, c->tap);
  *result = vl_app_load (app);
  return app;
}

struct vl_app *
check_open (struct checking *c, const char *host, int with)
{
  int result;
  struct vl_app *app = open_app (c, NULL, host, with, &result);

  if (result == 0)
    return app;
  tap_ok (c->tap, 0, with ? "it loads beside all other plugins" : "the other plugins load",
          "the findings are below");
  tap_findings (c->tap, app);
  vl_app_free (app);
  return NULL;
}

int
make_plan (struct vl_app *app, const json_t *request, struct vl_plan **plan)
{
  char *text = json_dumps (request, JSON_COMPACT);
  int result;

  *plan = NULL;
  vl_findings_clear (app);
  result = vl_plan_request (app, text, strlen (text), "plugin check", plan);
  free (text);
  return result;
}

int
is_active (const struct vl_plan *plan, const char *name)
{
  const char *why;

  for (size_t i = 0; plan && i < vl_plan_n_active (plan); i++)
    if (strcmp (vl_plan_active (plan, i, &why), name) == 0)
      return 1;
  return 0;
}

/* The first element or attribute of PLAN that NAME owns, or NULL. */
static const char *
owned (const struct vl_plan *plan, const char *name)
{
  size_t n = strlen (name);

  for (size_t i = 0; plan && i < vl_plan_n_provenance (plan); i++) {
    const struct vl_provenance *row = vl_plan_provenance (plan, i);

    for (const char *p = row->owners; *p; p += strcspn (p, ","), p += strspn (p, ", "))
      if (strncmp (p, name, n) == 0 && (p[n] == '\0' || p[n] == ','))
        return row->path;
  }
  return NULL;
}

static uint64_t
add_hash (uint64_t hash, const char *text)
{
  for (; text && *text; text++)
    hash = (hash ^ (unsigned char)*text) * 1099511628211u;
  return hash;
}

/* Of all that came of a plan; never 0. */
static uint64_t
hash_of (const struct vl_app *app, const struct vl_plan *plan)
{
  uint64_t hash = add_hash (14695981039346656037u, plan ? vl_plan_xml (plan) : NULL);

  for (size_t i = 0; i < vl_findings_count (app); i++) {
    const struct vl_finding *finding = vl_findings_get (app, i);

    hash = add_hash (add_hash (hash, finding->code), finding->message);
    hash = add_hash (hash, finding->hint);
  }
  return hash ? hash : 1;
}

/* ---- each request ---- */

static const char *const layer_names[] = { "flavor", "image", "flavor and image", "request",
                                           "device" };

struct asking {
  struct checking *c;
  struct vl_app *app;
  int again;         /* elsewhere: only what differs is told */
  int together;      /* all rows at once */
  json_t *full;      /* the request that has all rows at once */
  size_t n;          /* requests so far */
  int bad[2];        /* failures of the row at hand: of values, of what is none */
  int unlike, known; /* requests that gave two answers; whether one was told */
  const char *first_unlike;
};

static void
fail_ask (struct asking *a, int bad, const char *what, const char *why)
{
  if (a->bad[bad]++ == 0) {
    tap_note (a->c->tap, "%s: %s", what, why);
    tap_findings (a->c->tap, a->app);
  }
}

static void
judge (struct asking *a, int result, int bad, const char *what)
{
  int code = result < 0 ? vl_findings_exit_code (a->app) : 0;

  if (tap_faulty (a->app))
    fail_ask (a, bad == 1, what, "a fault of the plugin");
  else if (bad == 1 && code != VL_ERR_REQUEST)
    fail_ask (a, 1, what, result == 0 ? "it makes a plan" : "it is refused, not as a bad value");
  else if (bad != 1 && code != 0 && code != VL_ERR_REQUEST && code != VL_ERR_UNSUPPORTED
           && code != VL_ERR_CONFLICT)
    fail_ask (a, 0, what, "neither a plan nor a refusal with a reason");
  else if (result < 0 && code == 0)
    fail_ask (a, bad == 1, what, "no plan, and no reason");
}

/* Memory that nobody has written to has other bytes than it had. */
static void
dirty_stack (void)
{
  char bytes[64 * 1024];

  memset (bytes, 0xa5, sizeof bytes);
  __asm__ volatile("" : : "r"(bytes) : "memory");
}

/* Plans REQUEST with what it allocates, and its stack, at other places than before. */
static int
plan_aside (const struct asking *a, const json_t *request, struct vl_plan **plan)
{
  size_t n = 16 * (a->n % 61 + 1);
  void *heap = malloc ((64 << 10) + n), *stack = alloca (n);
  int result;

  __asm__ volatile("" : : "r"(stack), "r"(heap) : "memory");
  result = make_plan (a->app, request, plan);
  free (heap);
  return result;
}

/* Plans REQUEST twice; answers whether there was a plan. */
static int
try_request (struct asking *a, const json_t *request, int bad, const char *what)
{
  struct tap *tap = a->c->tap;
  uint64_t hashes[2];
  int results[2], active = 0;

  for (int i = 0; i < 2; i++) {
    struct vl_plan *plan;

    watch_time (i == 0 && ! a->again && (a->together || a->n < MOST_TIMED));
    if (a->again)
      dirty_stack ();
    results[i] = i ? plan_aside (a, request, &plan) : make_plan (a->app, request, &plan);
    watch_time (0);
    hashes[i] = hash_of (a->app, plan);
    active = results[i] == 0 && is_active (plan, a->c->name);
    vl_plan_free (plan);
  }
  tap->active |= active;
  if (! a->again)
    judge (a, results[0], bad, what);
  if (a->n < MOST_PLANS) {
    uint64_t *known = &tap->plans[a->n++];

    if (hashes[0] != hashes[1] || (a->again && *known != hashes[0])) {
      a->unlike++;
      if (a->first_unlike == NULL)
        a->first_unlike = vl_xasprintf ("%s", what);
    }
    if (! a->again)
      *known = hashes[0];
  }
  return results[0] == 0;
}

/* VALUE of ROW beside all that the others may have, in the first layer that has it: what it
 * means may show only then. */
static void
try_beside (struct asking *a, const struct vl_prop *row, const struct value *value)
{
  json_t *request = json_deep_copy (a->full);
  int layer = 0;
  char *what = vl_xasprintf ("%s=%s beside all others", row->name, value->text);

  while (layer < N_LAYERS && ! ask_for (request, row, (enum layer)layer, 0, value->text))
    layer++;
  if (value->bad != 1 && layer < N_LAYERS)
    (void)try_request (a, request, -1, what);
  free (what);
  json_decref (request);
}

static void
try_value (struct asking *a, const struct vl_prop *row, const struct value *value)
{
  const char *key = row->flavor_key ? row->flavor_key : row->image_key;

  for (int layer = 0; layer < N_LAYERS; layer++)
    for (int form = 0; form < (row->flags & VL_INDEXED ? 4 : 1); form++) {
      json_t *request = plain_request (a->c);
      /* Indexed: the first; the first two; the second alone, which is none; as many as may be. */
      int asked = ask_for (request, row, (enum layer)layer, form == 2, value->text);
      char *what = vl_xasprintf ("%s=%s (%s)", layer == IMAGE ? row->image_key : key, value->text,
                                 layer_names[layer]);

      for (int number = 1; asked
                           && number < (form == 1   ? 2
                                        : form == 3 ? MOST_INDEXED
                                                    : 0);
           number++)
        (void)ask_for (request, row, (enum layer)layer, number, value->text);
      if (asked)
        (void)try_request (a, request,
                           form == 2                      ? 1
                           : form == 3 && value->bad == 0 ? -1
                                                          : value->bad,
                           what);
      free (what);
      json_decref (request);
    }
  try_beside (a, row, value);
}

/* Other spellings of ROW's key. */
static void
try_aliases (struct asking *a, const struct vl_prop *row, const struct values *values)
{
  const struct vl_alias *aliases = row->aliases.rows;

  for (size_t i = 0; i < row->aliases.count; i++) {
    struct vl_prop other = *row;
    const char *map = aliases[i].value_map, *equals = map ? strchr (map, '=') : NULL;
    struct value value = { NULL, -1 };

    other.flavor_key = aliases[i].image ? NULL : aliases[i].key;
    other.image_key = aliases[i].image ? aliases[i].key : NULL;
    for (size_t v = 0; v < values->n && value.text == NULL; v++)
      if (values->list[v].bad == 0)
        value.text = values->list[v].text;
    if (equals)
      value.text = vl_xasprintf ("%.*s", (int)(equals - map), map);
    if (value.text)
      try_value (a, &other, &value);
  }
}

static void
try_rows (struct asking *a, const struct vl_plugin_info *info)
{
  struct tap *tap = a->c->tap;

  for (size_t i = 0; i < info->n_props; i++) {
    const struct vl_prop *row = &info->props[i];
    struct values values;
    char *line;

    if (row->flavor_key == NULL && row->image_key == NULL)
      continue;
    values_of (row, &values);
    a->bad[0] = a->bad[1] = 0;
    for (size_t v = 0; v < values.n; v++)
      try_value (a, row, &values.list[v]);
    try_aliases (a, row, &values);
    if (a->again)
      continue;
    line = vl_xasprintf ("%s: each value makes a plan, or is refused with a reason", row->name);
    tap_ok (tap, a->bad[0] == 0, line, "the first of %d is above", a->bad[0]);
    free (line);
    line = vl_xasprintf ("%s: what is no value of it is refused", row->name);
    if (row->type != VL_STRING && row->type != VL_LIST)
      tap_ok (tap, a->bad[1] == 0, line, "the first of %d is above", a->bad[1]);
    free (line);
  }
}

/* ---- the stages ---- */

static void
check_unasked (struct checking *c, struct vl_app *app)
{
  json_t *request = plain_request (c);
  struct vl_plan *plan;
  int result = make_plan (app, request, &plan);
  const char *path = owned (plan, c->name);

  if (! tap_ok (c->tap, result == 0 && ! tap_faulty (app),
                "a plan that does not ask for it is made", "the findings are below"))
    tap_findings (c->tap, app);
  if (is_active (plan, c->name))
    tap_ok (c->tap, c->request || vl_plugins_find (app, c->name)->critical,
            "as it acts on every guest, its conf says that it is critical",
            "critical = yes in [plugin]: no guest may be made without it");
  else
    tap_ok (c->tap, path == NULL, "inactive, it contributes nothing", "%s", path ? path : "");
  vl_plan_free (plan);
  json_decref (request);
}

/* All rows at once, each with its first value, each with its second, and so on. */
static void
try_together (struct asking *a, const struct vl_plugin_info *info)
{
  int faulty = 0;

  a->together = 1;
  a->bad[0] = 0;
  for (size_t turn = 0; turn < MOST_TURNS; turn++) {
    json_t *full = full_request (a->c, a->app, turn, a->again ? NULL : &faulty);

    (void)try_request (a, full, -1, "the request that asks for all of it");
    json_decref (full);
  }
  for (const char *const *trait = info->traits; trait && *trait; trait++) {
    json_t *request = require_trait (a->full, *trait);

    (void)try_request (a, request, -1, *trait);
    json_decref (request);
  }
  if (a->c->request == NULL) {
    json_t *rich = json_deep_copy (a->full);

    make_rich (rich);
    (void)try_request (a, rich, -1, "a guest with several disks and networks");
    json_decref (rich);
  }
  if (! a->again)
    tap_ok (a->c->tap, a->bad[0] == 0 && faulty == 0, "all of it at once makes a plan",
            "see above");
}

static void
try_all (struct asking *a)
{
  json_t *plain = plain_request (a->c);

  a->full = full_request (a->c, a->app, 0, NULL);
  (void)try_request (a, plain, -1, "the request that does not ask for it");
  try_rows (a, vl_plugins_find (a->app, a->c->name));
  try_together (a, vl_plugins_find (a->app, a->c->name));
  json_decref (a->full);
  json_decref (plain);
}

/* A fact of which there is none is not said by any host, and nobody would notice. */
static void
note_fact (void *opaque, const char *plugin, const char *key)
{
  struct asking *a = opaque;
  struct tap *tap = a->c->tap;

  if (tap->fact[0] == '\0' && strcmp (plugin, a->c->name) == 0 && ! facts_known (a->app, key))
    snprintf (tap->fact, sizeof tap->fact, "%s", key);
}

void
check_plans (struct checking *c)
{
  struct asking a = { .c = c, .app = check_open (c, NULL, 1) };
  struct process_state *before;

  if (a.app == NULL)
    return;
  vl_app_on_fact (a.app, note_fact, &a);
  watch_begin (c);
  before = stage_look ();
  check_unasked (c, a.app);
  try_all (&a);
  stage_compare (c, "planning", before, 0);
  c->tap->planned = time (NULL);
  tap_ok (
      c->tap, c->tap->fact[0] == '\0', "each fact that it asks for has a name that hosts know",
      "'%s'; accepted: those of virtloom-feature(3), and PLUGIN.* of a plugin that is installed",
      c->tap->fact);
  if (c->tap->watched)
    tap_ok (c->tap, c->tap->asked[0] == '\0',
            "while a guest is planned it asks the system for nothing", "%s", c->tap->asked);
  else
    tap_skip (c->tap, "while a guest is planned it asks the system for nothing",
              "system calls cannot be watched here");
  tap_ok (c->tap, a.unlike == 0, "a request that is planned twice gives the same bytes",
          "%d of %zu requests do not; the first is: %s", a.unlike, a.n, a.first_unlike);
  vl_app_free (a.app);
}

/* Until the clock says another second than SINCE, when the last plan was made. */
static void
wait_for_a_second (time_t since)
{
  struct timespec now;

  while (time (NULL) == since && clock_gettime (CLOCK_REALTIME, &now) == 0)
    usleep ((useconds_t)(1001000 - now.tv_nsec / 1000));
}

/* Another time than SINCE, zone, language, folder and environment. */
static void
go_elsewhere (time_t since)
{
  static const char *const languages[] = { "tr_TR.UTF-8", "de_DE.UTF-8", "C.UTF-8", "POSIX" };
  const char *here = getenv ("LC_ALL"), *language = "C";
  char *path = vl_xasprintf ("%s", getenv ("PATH") ? getenv ("PATH") : "/usr/bin:/bin");

  for (size_t i = sizeof languages / sizeof languages[0]; i-- > 0;)
    if ((here == NULL || strcmp (here, languages[i]) != 0) && setlocale (LC_ALL, languages[i]))
      language = languages[i];
  setlocale (LC_ALL, language);
  /* What is mapped from now on lies at other addresses, since the gaps are filled. */
  for (size_t pages = 1; pages < 512; pages++)
    (void)mmap (NULL, pages * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mallopt (M_PERTURB, 0x5a);
  dirty_stack ();
  wait_for_a_second (since);
  clearenv ();
  setenv ("PATH", path, 1);
  setenv ("LC_ALL", language, 1);
  setenv ("TZ", "Pacific/Kiritimati", 1);
  setenv ("HOME", "/nonexistent", 1);
  setenv ("USER", "somebody", 1);
  free (path);
  if (chdir ("/") < 0)
    _exit (1);
}

void
check_plans_again (struct checking *c)
{
  struct asking a = { .c = c, .again = 1 };

  go_elsewhere (c->tap->planned);
  a.app = check_open (c, NULL, 1);
  if (a.app == NULL)
    return;
  try_all (&a);
  tap_ok (c->tap, a.unlike == 0,
          "planned in another process, place and time it gives the same bytes",
          "%d of %zu requests do not; the first is: %s", a.unlike, a.n, a.first_unlike);
  vl_app_free (a.app);
}

/* Each session gives back all that it took, so that what is left more after each one is
 * what the module keeps.  The server is there if one could be made. */
static void *
plan_once (void *opaque)
{
  struct checking *c = opaque;
  struct vl_app *app = check_open (c, NULL, 1);
  json_t *full = app ? full_request (c, app, 0, NULL) : NULL;
  struct vl_plan *plan;

  if (app)
    (void)make_plan (app, full, &plan);
  if (app)
    vl_plan_free (plan);
  if (app && vl_server_find (app, "check"))
    (void)vl_server_act (app, "check", VL_SERVER_REBOOT_HARD, 0, 0);
  json_decref (full);
  vl_app_free (app);
  return NULL;
}

/* Bytes of memory that this process has mapped. */
static size_t
mapped (void)
{
  FILE *file = fopen ("/proc/self/statm", "re");
  unsigned long pages = 0;

  if (file && fscanf (file, "%lu", &pages) != 1)
    pages = 0;
  if (file)
    fclose (file);
  return pages * (size_t)sysconf (_SC_PAGESIZE);
}

void
check_memory (struct checking *c)
{
  enum { ROUNDS = 8, SETTLED = 2 };
  size_t used[ROUNDS], all[ROUNDS];
  int grows = 1, spreads = 1;

  /* Chunks that the allocator puts aside for the next call count as used.  Those of a
   * thread it takes back with the thread. */
  mallopt (M_MXFAST, 0);
  mallopt (M_ARENA_MAX, 1);
  for (int i = 0; i < ROUNDS && (grows || spreads); i++) {
    struct mallinfo2 info;
    pthread_t thread;

    if (pthread_create (&thread, NULL, plan_once, c) != 0)
      return;
    pthread_join (thread, NULL);
    info = mallinfo2 ();
    used[i] = info.uordblks + info.hblkhd;
    /* Without what the allocator has, which it gives back when it likes. */
    all[i] = mapped () - info.arena - info.hblkhd;
    grows &= i <= SETTLED || used[i] > used[i - 1];
    spreads &= i <= SETTLED || all[i] > all[i - 1];
  }
  if (grows || spreads)
    tap_ok (c->tap, 0, "it keeps no memory from one command to the next",
            "%zu bytes in %d commands%s",
            grows ? used[ROUNDS - 1] - used[SETTLED] : all[ROUNDS - 1] - all[SETTLED],
            ROUNDS - 1 - SETTLED, grows ? "" : ", which are not the allocator's");
  else
    tap_ok (c->tap, 1, "it keeps no memory from one command to the next", " ");
}

/* A host that says nothing: a plan or findings, whatever; but no crash, and no
 * failure without a word. */
void
check_bare (struct checking *c)
{
  char *host = vl_xasprintf ("%s/bare.json", c->folder);
  struct vl_app *app = check_open (c, host, 1), *other = check_open (c, NULL, 1);
  json_t *full = other ? full_request (c, other, 0, NULL) : plain_request (c);
  struct vl_plan *plan;
  int result;

  if (app) {
    result = make_plan (app, full, &plan);
    if (! tap_ok (c->tap, (result == 0 || vl_findings_exit_code (app) != 0) && ! tap_faulty (app),
                  "on a host that offers nothing it does not fail without a word",
                  "the findings are below"))
      tap_findings (c->tap, app);
    vl_plan_free (plan);
  }
  vl_app_free (app);
  vl_app_free (other);
  json_decref (full);
  free (host);
}
