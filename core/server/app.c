/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session of an application: what it was started with, where STATE is, what
 * was found wrong. */

#include <config.h>

#include "server/session.h"

#include "request/guest.h"

#include "lib/file.h"
#include "lib/text.h"
#include "lib/trust.h"
#include "plugin/idle.h"
#include "server/db.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* The path of a UNIX socket has 107 bytes, of which /servers/UUID/run/qga.sock takes 58. */
#define STATE_LIMIT 49u

const char *
vl_path_absolute (struct vl_arena *arena, const char *path)
{
  VL_AUTOFREE char *here = path[0] == '/' ? NULL : getcwd (NULL, 0);

  return here ? vl_arena_printf (arena, "%s/%s", here, path) : vl_arena_strdup (arena, path);
}

/* LIST, whose paths become absolute, in memory of ARENA. */
static const char *const *
keep_list (struct vl_arena *arena, const char *const *list)
{
  const char **kept;
  size_t n = 0;

  while (list && list[n])
    n++;
  kept = vl_arena_alloc (arena, (n + 1) * sizeof *kept);
  for (size_t i = 0; i < n; i++)
    kept[i] = vl_path_absolute (arena, list[i]);
  return n ? kept : NULL;
}

struct vl_app *
vl_app_new (const struct vl_app_options *options)
{
  struct vl_app *app = VL_NEW (struct vl_app);
  struct vl_arena *arena;

  app->call = vl_call_new ();
  app->call->origin_text = vl_origin_text;
  arena = app->call->arena;
  app->options = *options;
  app->options.config_dir = vl_arena_strdup (arena, options->config_dir);
  app->options.state_dir = vl_arena_strdup (arena, options->state_dir);
  app->options.driver = vl_arena_strdup (arena, options->driver);
  app->options.host_file = vl_arena_strdup (arena, options->host_file);
  app->options.tree_dir = vl_arena_strdup (arena, options->tree_dir);
  app->call->tree = app->places.tree = app->options.tree_dir;
  app->places.config_dir = app->options.config_dir;
  app->places.on_load = options->on_load;
  app->places.opaque = options->opaque;
  app->places.modules = app->options.modules = keep_list (arena, options->modules);
  app->options.wait = options->wait;
  app->call->quiet = options->quiet;
  app->call->verbose = options->verbose;
  app->told = options->quiet ? VL_SEV_WARNING : VL_SEV_ADVICE;
  return app;
}

void
vl_app_free (struct vl_app *app)
{
  if (app == NULL)
    return;
  vl_app_disconnect (app);
  if (app->console)
    vl_lock_drop (app->console);
  free (app->console);
  for (size_t i = 0; i < app->n_drivers; i++)
    vl_host_free (app->drivers[i].host);
  free (app->drivers);
  vl_store_close (app->store);
  vl_registry_free (app->registry);
  vl_config_free (app->config);
  vl_call_free (app->call);
  free (app);
}

/* Options stand above the setting. */
static void
apply_log_level (struct vl_app *app)
{
  const char *level = vl_config_str (app->config, "log_level");

  if (app->options.quiet || app->options.verbose)
    return;
  app->call->verbose = VL_STREQ (level, "debug");
  app->told = VL_STREQ (level, "error")     ? VL_SEV_ERROR
              : VL_STREQ (level, "warning") ? VL_SEV_WARNING
                                            : VL_SEV_ADVICE;
  app->call->quiet = app->told < VL_SEV_ADVICE;
}

enum vl_severity
vl_app_least_told (const struct vl_app *app)
{
  return app->told;
}

int
vl_app_read (struct vl_app *app)
{
  size_t first = app->call->findings.n;
  int result;

  if (app->registry)
    return 0;
  app->config = vl_config_new ();
  app->registry = vl_registry_new ();
  vl_trust_remember (1);
  result = vl_config_read (app->call, app->config, &app->places);
  vl_trust_remember (0);
  /* Who asks for all that is wrong hears of the plugins' files, too. */
  if (result < 0 && ! app->options.strict)
    return -1;
  apply_log_level (app);
  app->call->image_limits.seconds =
      (unsigned)vl_config_int (app->config, "storage.images_cpu_time_limit");
  app->call->image_limits.gib =
      (unsigned)vl_config_int (app->config, "storage.images_address_space_limit");
  app->call->image_limits.max_size = vl_config_int (app->config, "storage.max_image_size");
  vl_registry_read (app->call, app->registry, app->config);
  if (! app->options.strict)
    vl_soften (app->call, first);
  return vl_registry_given (app->call, app->registry, &app->places) < 0 ? -1 : result;
}

int
vl_app_load (struct vl_app *app)
{
  size_t first = app->call->findings.n;
  int result = vl_app_read (app);

  if (result < 0 && ! app->options.strict)
    return -1;
  vl_trust_remember (1);
  vl_registry_load_all (app->call, app->registry, &app->places);
  vl_trust_remember (0);
  if (app->options.strict && app->config)
    vl_idle_files (app->call, app->registry, app->config, vl_driver_wanted (app));
  if (! app->options.strict)
    vl_soften (app->call, first);
  return vl_registry_given_loaded (app->call, app->registry) < 0 ? -1 : result;
}

struct vl_call *
vl_app_call (struct vl_app *app)
{
  return app->call;
}

void
vl_app_on_progress (struct vl_app *app, void (*fn) (void *, const char *), void *opaque)
{
  app->call->progress = fn;
  app->call->progress_opaque = opaque;
}

void
vl_app_on_fact (struct vl_app *app, void (*fn) (void *, const char *, const char *), void *opaque)
{
  app->call->on_fact = fn;
  app->call->on_fact_opaque = opaque;
}

void
vl_app_on_wait (struct vl_app *app, void (*fn) (void *, const char *), void *opaque)
{
  app->call->on_wait = fn;
  app->call->on_wait_opaque = opaque;
}

void
vl_app_on_process (struct vl_app *app, void (*fn) (void *, const struct vl_process *), void *opaque)
{
  app->on_process = fn;
  app->process_opaque = opaque;
}

/* ---- findings ---- */

size_t
vl_findings_count (const struct vl_app *app)
{
  return app->call->findings.n;
}

const struct vl_finding *
vl_findings_get (const struct vl_app *app, size_t i)
{
  return i < app->call->findings.n ? &app->call->findings.items[i] : NULL;
}

void
vl_findings_clear (struct vl_app *app)
{
  vl_findings_forget (app, 0);
}

void
vl_findings_forget (struct vl_app *app, size_t first)
{
  vl_findings_drop (app->call, first, app->call->findings.n);
}

int
vl_findings_exit_code (const struct vl_app *app)
{
  return vl_findings_exit (app->call, 0);
}

void
vl_soften (struct vl_call *call, size_t first)
{
  for (size_t i = first; i < call->findings.n; i++)
    if (call->findings.items[i].severity == VL_SEV_ERROR) {
      call->findings.items[i].severity = VL_SEV_WARNING;
      call->findings.n_errors--;
    }
}

/* ---- STATE ---- */

static const char *
default_state (struct vl_call *call)
{
  const char *base = getenv ("XDG_STATE_HOME"), *home = getenv ("HOME");

  if (geteuid () == 0)
    return "/var/lib/virtloom";
  /* The XDG specification: a path that is not absolute is ignored. */
  if (base && base[0] == '/')
    return vl_arena_printf (call->arena, "%s/virtloom", base);
  return home && home[0] == '/' ? vl_arena_printf (call->arena, "%s/.local/state/virtloom", home)
                                : NULL;
}

static int
judge_state (struct vl_call *call, const char *path)
{
  const char *why;
  struct vl_trust trust;
  VL_AUTOCLOSE int fd = -1;

  if (strlen (path) > STATE_LIMIT) {
    return vl_refuse_as (
        call, VL_ERR_USAGE, "StateUnusable", NULL,
        "give a shorter one: --state DIR, or state_dir in virtloom.conf",
        "the STATE folder \"%s\" has %zu bytes in its name; accepted: at most %u, because the "
        "sockets of guests lie below it and their names end at 108 bytes",
        path, strlen (path), STATE_LIMIT);
  }
  why = vl_name_problem (path, strlen (path));
  if (why)
    return vl_refuse_as (call, VL_ERR_USAGE, "StateUnusable", NULL, NULL,
                         "the name of the STATE folder %s", why);
  fd = vl_trust_open (call->arena, path, O_RDONLY | O_DIRECTORY, &trust);
  if (fd >= 0 || trust.error == ENOENT)
    return 0;
  if (trust.error == ENOTDIR)
    return vl_refuse_as (call, VL_ERR_USAGE, "StateUnusable", NULL, NULL,
                         "the STATE folder \"%s\" is not a folder", path);
  return vl_refuse_as (
      call,
      trust.error && trust.error != EACCES && trust.error != EPERM ? VL_ERR_FAILED
                                                                   : VL_ERR_NOT_PERMITTED,
      "StateUnusable", NULL,
      trust.hint ? vl_printf (call, "%s; or give another folder with --state", trust.hint) : NULL,
      "the STATE folder \"%s\" cannot be %s: %s", path, trust.error ? "opened" : "trusted",
      trust.why);
}

const char *
vl_app_state_dir (struct vl_app *app)
{
  const char *path = app->options.state_dir;
  size_t length;

  if (app->state_dir)
    return app->state_dir;
  if (path && *path == '\0') {
    vl_refuse_as (app->call, VL_ERR_USAGE, "StateUnusable", NULL, "give one with --state DIR",
                  "the name of the STATE folder is empty");
    return NULL;
  }
  if (path == NULL)
    path = vl_config_str (app->config, "state_dir");
  if (path == NULL || *path == '\0')
    path = default_state (app->call);
  if (path == NULL) {
    vl_refuse_as (app->call, VL_ERR_USAGE, "StateUnusable", NULL, "give one with --state DIR",
                  "there is no home folder to keep STATE in");
    return NULL;
  }
  path = vl_path_absolute (app->call->arena, path);
  length = strlen (path);
  while (length > 1 && path[length - 1] == '/')
    length--;
  path = vl_arena_strndup (app->call->arena, path, length);
  if (judge_state (app->call, path) < 0)
    return NULL;
  app->state_dir = path;
  return path;
}

static int
make_folder (struct vl_call *call, const char *path)
{
  int error = vl_file_mkdirs (path, 0700) == 0 ? 0 : errno;

  if (error == 0)
    return 0;
  return vl_refuse_as (call,
                       error == EACCES || error == EROFS ? VL_ERR_NOT_PERMITTED : VL_ERR_FAILED,
                       error == ENOSPC ? "DiskFull" : "StateUnusable", NULL,
                       error == ENOSPC ? vl_make_room (call, path) : NULL, "cannot make \"%s\": %s",
                       path, strerror (error));
}

const char *
vl_state_make (struct vl_app *app)
{
  static const char *const below[] = { "", "/images", "/locks", "/servers" };
  const char *state = vl_app_state_dir (app);

  for (size_t i = 0; state && i < sizeof below / sizeof below[0]; i++)
    if (make_folder (app->call, vl_printf (app->call, "%s%s", state, below[i])) < 0)
      return NULL;
  /* What was not there when it was judged may have been made by somebody else. */
  return state && judge_state (app->call, state) == 0 ? state : NULL;
}

/* The documents, overlays and undo logs of servers name files below STATE by the name that
 * it had when they were made: it keeps that name, whichever it is opened by, and is refused
 * where that is no name of it any more.  A copy would run its guests on the disks of those
 * that it was copied from.  WRITING: the name is kept where none is yet.  0, or -1 after a
 * finding. */
static int
judge_place (struct vl_app *app, int writing)
{
  const char *state = app->state_dir, *place = NULL;
  struct stat here, there;
  int servers, gone;

  if (vl_db_row (app->store, &place, "SELECT value FROM setting WHERE key = 'folder'", "") < 0)
    return -1;
  if (place && VL_STREQ (place, state))
    return 0;
  gone = place && stat (place, &there) < 0;
  if (place && ! gone && stat (state, &here) == 0 && here.st_dev == there.st_dev
      && here.st_ino == there.st_ino) {
    app->state_dir = place;
    return judge_state (app->call, place);
  }
  servers = place ? vl_db_any (app->store, "SELECT 1 FROM server", "") : 0;
  if (servers == 0)
    return writing ? vl_db_run (app->store, "INSERT OR REPLACE INTO setting VALUES ('folder', ?)",
                                "s", state)
                   : 0;
  return servers < 0 ? -1
                     : vl_refuse_as (
                         app->call, VL_ERR_FAILED, "StateMoved", NULL,
                         gone ? vl_printf (app->call, "move it back, or: ln -s %s %s",
                                           vl_shell_word (app->call->arena, state),
                                           vl_shell_word (app->call->arena, place))
                              : vl_printf (app->call, "use that: --state %s",
                                           vl_shell_word (app->call->arena, place)),
                         "the STATE folder \"%s\" %s \"%s\", which its servers' disks are named by",
                         state, gone ? "was moved from" : "is a copy of", place);
}

/* The same STORE, or NULL, closed, where it is in no place to be used. */
static struct vl_store *
placed (struct vl_app *app, struct vl_store *store, int writing)
{
  app->store = store;
  if (store && judge_place (app, writing && ! store->read_only) < 0) {
    vl_store_close (store);
    app->store = NULL;
  }
  return app->store;
}

int
vl_app_store_if_any (struct vl_app *app, struct vl_store **store)
{
  const char *state, *path;

  *store = app->store;
  if (app->store)
    return 0;
  state = vl_app_state_dir (app);
  if (state == NULL)
    return -1;
  path = vl_printf (app->call, "%s/state.db", state);
  if (access (path, F_OK) < 0 && errno == ENOENT)
    return vl_state_lost (app->call, path);
  *store = placed (app, vl_store_open (app->call, path, 0), 0);
  return *store ? 0 : -1;
}

static struct vl_store *
make_store (struct vl_app *app, int create)
{
  const char *state = vl_state_make (app), *path;
  int there;

  if (state == NULL)
    return NULL;
  path = vl_printf (app->call, "%s/state.db", state);
  there = access (path, F_OK) == 0;
  if (there || create == 2 || vl_state_lost (app->call, path) == 0)
    placed (app, vl_store_open (app->call, path, create), 1);
  if (app->store && ! app->store->read_only) {
    vl_reserve_keep (app);
    if (there)
      vl_state_backup_daily (app);
  }
  return app->store;
}

struct vl_store *
vl_app_store (struct vl_app *app)
{
  return app->store ? app->store : make_store (app, 1);
}

struct vl_store *
vl_app_store_anew (struct vl_app *app)
{
  return make_store (app, 2);
}
