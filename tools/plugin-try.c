/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of `plugin check` that loads the module, and calls what a plan does not reach. */

#include <config.h>

#include "plugin-check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
check_loading (struct checking *c)
{
  struct vl_app *app = check_open (c, NULL, 0);
  const struct vl_plugin_info *info;
  struct process_state *before;

  /* What the others leave in the process, they have left when it is looked at. */
  if (app == NULL)
    return;
  vl_app_free (app);
  before = stage_look ();
  app = check_open (c, NULL, 1);
  if (app && c->note.kind == VL_KIND_DRIVER)
    (void)vl_plugins_load (app, c->name);
  info = app ? vl_plugins_find (app, c->name) : NULL;
  if (app
      && tap_ok (c->tap, info && info->state == VL_PLUGIN_LOADED,
                 "it loads beside all other plugins", "%s",
                 info && info->reason ? info->reason : "it is not known")) {
    stage_compare (c, "loading", before, 0);
    check_tables (c, info);
    tap_ok (c->tap, strcmp (info->conf, info->module) != 0, "its conf stands beside it",
            "there is no %s.conf; virtloom-plugins.d(5) says what it says", c->name);
    check_page (c, info);
  } else
    c->tap->broken = 1;
  vl_app_free (app);
}

/* ---- the life of a server ---- */

/* The members of OBJECT as properties; calloc. */
static struct vl_property *
properties_of (json_t *object, size_t *n)
{
  struct vl_property *list = vl_xcalloc (json_object_size (object) + 1, sizeof *list);
  const char *key;
  json_t *value;

  *n = 0;
  json_object_foreach (object, key, value) list[(*n)++] =
      (struct vl_property) { key, json_string_value (value) };
  return list;
}

static int64_t
number_of (const json_t *object, const char *name)
{
  return json_integer_value (json_object_get (object, name));
}

/* A flavor and an image that ask for what REQUEST asks for. */
static int
make_parts (struct checking *c, struct vl_app *app, const json_t *request)
{
  json_t *flavor = json_object_get (request, "flavor"), *image = json_object_get (request, "image");
  char *path = vl_xasprintf ("%s/" TRIAL_VOLUME, c->folder);
  struct vl_flavor_info about = { .name = "check",
                                  .vcpus = number_of (flavor, "vcpus"),
                                  .ram = number_of (flavor, "ram") };
  struct vl_image_info disk = { .name = "check", .disk_format = "raw" };
  struct vl_property *specs =
      properties_of (json_object_get (flavor, "extra_specs"), &about.n_properties);
  struct vl_property *properties =
      properties_of (json_object_get (image, "properties"), &disk.n_properties);
  int result;

  about.properties = specs;
  disk.properties = properties;
  result = vl_flavor_create (app, &about);
  if (result == 0)
    result = vl_image_create (app, path, &disk);
  free (specs);
  free (properties);
  free (path);
  return result;
}

static int
is_refusal (int code)
{
  return code == VL_ERR_REQUEST || code == VL_ERR_UNSUPPORTED || code == VL_ERR_CONFLICT
         || code == VL_ERR_NOT_PERMITTED;
}

/* What is not here to be had: a volume whose server is away, a device. */
static int
is_absent (const struct vl_app *app)
{
  int code = vl_findings_exit_code (app), away = 0;

  for (size_t i = 0; i < vl_findings_count (app); i++)
    away |= strcmp (vl_findings_get (app, i)->code, "VolumeUnreachable") == 0;
  return away || code == VL_ERR_NOT_FOUND || code == VL_ERR_UNREACHABLE;
}

/* Is RESULT of WHAT an answer: success, or a refusal that is not the module's fault? */
static int
is_answer (struct checking *c, struct vl_app *app, int result, const char *what)
{
  int ok = (result == 0 || is_refusal (vl_findings_exit_code (app))) && ! tap_faulty (app);

  if (! ok) {
    tap_note (c->tap, "%s:", what);
    tap_findings (c->tap, app);
  }
  vl_findings_clear (app);
  return ok;
}

static int
act (struct checking *c, struct vl_app *app)
{
  static const struct {
    const char *name;
    enum vl_server_action action;
  } acts[] = {
    { "pause", VL_SERVER_PAUSE },        { "unpause", VL_SERVER_UNPAUSE },
    { "suspend", VL_SERVER_SUSPEND },    { "resume", VL_SERVER_RESUME },
    { "stop", VL_SERVER_STOP },          { "start", VL_SERVER_START },
    { "reboot", VL_SERVER_REBOOT_SOFT }, { "reboot --hard", VL_SERVER_REBOOT_HARD },
  };
  int ok = 1;

  for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++)
    ok &= is_answer (c, app, vl_server_act (app, "check", acts[i].action, 1, 0), acts[i].name);
  return ok;
}

int
check_create (struct checking *c, struct vl_app *app, struct vl_create_options *options,
              const json_t *request, const char *line, struct process_state **before)
{
  /* What flavor and image do not say: networks, disks, properties. */
  char *text = json_dumps (request, JSON_COMPACT);
  /* A disk that is to be made is nowhere to be found but where its plugin makes it. */
  int makes = json_object_get (request, "disk_kind") != NULL, result, absent;
  char *why = NULL;
  const char *uuid;

  options->request = text;
  options->length = strlen (text);
  options->origin = "the trial";
  vl_findings_clear (app);
  *before = stage_look ();
  result = vl_server_create (app, options, &uuid);
  free (text);
  if (result == 0)
    return 0;
  if (vl_findings_count (app))
    why = vl_xasprintf ("a server with it cannot be made here: %s",
                        vl_findings_get (app, 0)->message);
  absent = is_absent (app) && ! tap_faulty (app)
           && (! makes || vl_findings_exit_code (app) != VL_ERR_NOT_FOUND);
  if (absent || is_answer (c, app, result, "create"))
    tap_skip (c->tap, line, why ? why : "a server with it cannot be made here");
  else
    tap_ok (c->tap, 0, line, "it cannot be made; see above");
  free (why);
  return -1;
}

struct vl_app *
check_made_server (struct checking *c, const char *line, struct process_state **before)
{
  struct vl_create_options options = { .name = "check", .flavor = "check", .image = "check" };
  struct vl_app *app = check_open (c, NULL, 1);
  json_t *full;
  int result;

  if (app == NULL)
    return NULL;
  full = full_request (c, app, 0, NULL);
  /* Something to be asked about. */
  if (c->request == NULL && json_object_get (full, "networks") == NULL)
    json_object_set_new (full, "networks", json_pack ("[{s:s}]", "type", "user"));
  vl_findings_clear (app);
  /* The parts are there from the stage before. */
  result = vl_flavor_find (app, "check") ? 0 : make_parts (c, app, full);
  if (result < 0)
    (void)is_answer (c, app, result, line);
  result = check_create (c, app, &options, full, line, before);
  json_decref (full);
  if (result == 0)
    return app;
  vl_app_free (app);
  return NULL;
}

void
check_server (struct checking *c)
{
  const char *line = "a server with it is made, lives, and is gone";
  struct process_state *before;
  struct vl_app *app = check_made_server (c, line, &before);
  int ok;

  if (app == NULL)
    return;
  ok = act (c, app);
  ok &= is_answer (c, app, vl_server_delete (app, "check", 0, NULL), "delete");
  tap_ok (c->tap, ok, line, "what was no answer is above");
  stage_compare (c, "the life of a server", before, 1);
  vl_app_free (app);
}

/* ---- what no command calls yet ---- */

/* The id of the first device of KIND, "disk" or "nic", that the server has; NULL: none, or
 * no KIND. */
static const char *
device_of (struct vl_app *app, const char *kind)
{
  struct vl_server_details details = { .n_devices = 0 };

  if (kind == NULL || vl_server_details (app, "check", &details) < 0)
    return NULL;
  for (size_t i = 0; i < details.n_devices; i++)
    if (strcmp (details.devices[i].kind, kind) == 0)
      return details.devices[i].id;
  return NULL;
}

/* What operation WHICH is about. */
static const char *
kind_of_operation (int which)
{
  switch (which) {
  case VL_OP_ATTACH_VOLUME:
  case VL_OP_DETACH_VOLUME:
  case VL_OP_SWAP_VOLUME:
  case VL_OP_EXTEND_VOLUME:
    return "disk";
  case VL_OP_ATTACH_INTERFACE:
  case VL_OP_DETACH_INTERFACE:
    return "nic";
  default:
    return NULL;
  }
}

struct trying {
  struct checking *c;
  struct vl_app *app;
  enum vl_trial trial;
  int has, bad;
};

static void
try_one (struct trying *t, int which, const char *kind)
{
  const char *device = device_of (t->app, kind);

  vl_findings_clear (t->app);
  t->has |= vl_plugins_try (t->app, t->c->name, t->trial, which, "check", device) != 1;
  if (tap_faulty (t->app) && t->bad++ == 0)
    tap_findings (t->c->tap, t->app);
}

/* Tries TRIAL with each of the numbers up to MOST, with each device that it may be about;
 * NAME for people. */
static void
try_each (struct checking *c, struct vl_app *app, const char *name, enum vl_trial trial, int most)
{
  struct process_state *before = stage_look ();
  struct trying t = { c, app, trial, 0, 0 };
  char *line;

  for (int which = 1; which <= most; which++)
    if (trial == VL_TRY_EVENT && (which == VL_EVENT_ATTACHED || which == VL_EVENT_DETACHED)) {
      try_one (&t, which, "disk");
      try_one (&t, which, "nic");
    } else
      try_one (&t, which, trial == VL_TRY_PERMIT ? kind_of_operation (which) : NULL);
  if (t.has) {
    line = vl_xasprintf ("%s answers, or refuses with a reason", name);
    tap_ok (c->tap, t.bad == 0, line, "the first of %d faults is above", t.bad);
    free (line);
    stage_compare (c, name, before, 0);
  }
}

/* What was prepared is prepared again; what was released, a device of it first, again. */
static void
try_twice (struct checking *c, struct vl_app *app)
{
  static const struct {
    enum vl_trial trial;
    const char *kind;
  } calls[] = {
    { VL_TRY_PREPARE, NULL },  { VL_TRY_PREPARE, NULL }, { VL_TRY_RELEASE, "disk" },
    { VL_TRY_RELEASE, "nic" }, { VL_TRY_RELEASE, NULL }, { VL_TRY_RELEASE, NULL },
    { VL_TRY_PREPARE, NULL },
  };
  struct process_state *before = stage_look ();
  struct trying t = { .c = c, .app = app };

  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    t.trial = calls[i].trial;
    try_one (&t, 0, calls[i].kind);
  }
  if (t.has) {
    tap_ok (c->tap, t.bad == 0, "prepare and release find what they have done, and go on",
            "the first of %d faults is above", t.bad);
    stage_compare (c, "doing it twice", before, 1);
  }
}

void
check_probe (struct checking *c)
{
  struct vl_app *app = check_open (c, NULL, 1);

  if (app)
    try_each (c, app, "probe", VL_TRY_PROBE, 1);
  vl_app_free (app);
}

void
check_callbacks (struct checking *c)
{
  struct process_state *before;
  struct vl_app *app =
      check_made_server (c, "it is asked about each operation and told each event", &before);

  if (app == NULL)
    return;
  try_each (c, app, "judge_image", VL_TRY_JUDGE_IMAGE, 3);
  try_each (c, app, "permit", VL_TRY_PERMIT, VL_N_OPS - 1);
  try_each (c, app, "event", VL_TRY_EVENT, VL_EVENT_BLOCK_JOB);
  try_twice (c, app);
  vl_app_free (app);
}
