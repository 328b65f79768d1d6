/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of `plugin check` that runs the module's code: loading, tables, plans
 * with and without it.  In a child of the command; findings of the sessions that
 * it makes become TAP lines. */

#include <config.h>

#include "plugin-check.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define JUNK "~no-such-value~"

/* ---- loading ---- */

/* The keys of a feature's rows, " key key", as its conf has to claim them. */
static char *
keys_of (const struct vl_feature *body)
{
  const struct vl_table *table = &body->props;
  char *keys = vl_xstrdup ("");

  for (uint32_t i = 0; i < table->count; i++) {
    const struct vl_prop *row =
        (const void *)((const char *)table->rows + (size_t)i * table->row_size);
    const char *own[2] = { row->flavor_key, row->image_key };
    size_t n = row->aliases.count;

    for (size_t k = 0; k < n + 2; k++) {
      const char *key = k < 2 ? own[k]
                              : ((const struct vl_alias *)((const char *)row->aliases.rows
                                                           + (k - 2) * row->aliases.row_size))
                                    ->key;
      char *longer;

      if (key == NULL)
        continue;
      longer = vl_xasprintf ("%s\n  %s", keys, key);
      free (keys);
      keys = longer;
    }
  }
  return keys;
}

/* Opens the module by itself for its keys: the gate was looked at already. */
static int
open_module (struct checking *c)
{
  char *path = vl_xasprintf ("%s/features/.libs/%s.so", c->folder, c->name), *keys;
  void *handle = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  const struct vl_feature *body;
  int result;

  free (path);
  if (! tap_ok (c->tap, handle != NULL, "it opens, with every symbol resolved", "%s",
                handle ? "" : dlerror ()))
    return -1;
  body = dlsym (handle, c->elf.symbols[0]);
  if (! tap_ok (c->tap, body && body->body_size >= offsetof (struct vl_feature, props),
                "its body is one", "it is too short"))
    return -1;
  if (c->conf_beside)
    return 0;
  keys = c->note.kind == VL_KIND_FEATURE ? keys_of (body) : vl_xstrdup ("");
  result = check_tree_conf (c, (enum vl_kind)c->note.kind, keys);
  free (keys);
  return result;
}

static void
note_findings (const struct vl_app *app)
{
  for (size_t i = 0; i < vl_findings_count (app); i++) {
    const struct vl_finding *finding = vl_findings_get (app, i);

    tap_note ("%s %s: %s", finding->code, finding->plugin, finding->message);
  }
}

static const struct vl_plugin_info *
load (struct checking *c, struct vl_app *app)
{
  const struct vl_plugin_info *info = vl_plugins_find (app, c->name);

  if (info && info->kind == VL_KIND_DRIVER && info->state == VL_PLUGIN_UNUSED) {
    (void)vl_plugins_load (app, c->name);
    info = vl_plugins_find (app, c->name);
  }
  if (! tap_ok (c->tap, info && info->state == VL_PLUGIN_LOADED,
                c->conf_beside ? "it loads beside all shipped features, with its own conf"
                               : "it loads beside all shipped features",
                "%s", info && info->reason ? info->reason : "it is not known"))
    return NULL;
  return info;
}

/* ---- tables ---- */

static void
check_tables (struct checking *c, const struct vl_plugin_info *info)
{
  const char *helpless = NULL, *undated = NULL;

  for (size_t i = 0; i < info->n_props; i++) {
    if (info->props[i].help == NULL || *info->props[i].help == '\0')
      helpless = info->props[i].name;
    if (info->props[i].since == NULL)
      undated = info->props[i].name;
  }
  tap_ok (c->tap, helpless == NULL, "each property has a line of help", "'%s' has none",
          helpless ? helpless : "");
  tap_ok (c->tap, undated == NULL, "each property says since when", "'%s' does not",
          undated ? undated : "");
  tap_ok (c->tap, info->summary && *info->summary, "it has a summary", "there is none");
  for (size_t i = 0; i < info->n_tools; i++)
    tap_note ("it runs the program %s, which has: %s", info->tools[i].program,
              program_has (c->tool, &info->tools[i]));
}

/* ---- plans ---- */

static json_t *
request_json (const char *flavor_key, const char *image_key, const char *value)
{
  json_t *specs = json_object (), *properties = json_object ();

  if (flavor_key)
    json_object_set_new (specs, flavor_key, json_string (value));
  if (image_key)
    json_object_set_new (properties, image_key, json_string (value));
  return json_pack ("{s:s, s:{s:s, s:i, s:i, s:i, s:o}, s:{s:s, s:s, s:o}}", "name", "check",
                    "flavor", "name", "check", "vcpus", 1, "ram", 512, "disk", 1, "extra_specs",
                    specs, "image", "name", "check", "disk_format", "qcow2", "properties",
                    properties);
}

static int
make_plan (struct vl_app *app, const char *flavor_key, const char *image_key, const char *value,
           struct vl_plan **plan)
{
  json_t *request = request_json (flavor_key, image_key, value);
  char *text = json_dumps (request, JSON_COMPACT);
  int result;

  vl_findings_clear (app);
  result = vl_plan_request (app, text, strlen (text), "plugin check", plan);
  free (text);
  json_decref (request);
  return result;
}

static int
is_active (const struct vl_plan *plan, const char *name)
{
  const char *why;

  for (size_t i = 0; i < vl_plan_n_active (plan); i++)
    if (strcmp (vl_plan_active (plan, i, &why), name) == 0)
      return 1;
  return 0;
}

/* The first element or attribute of PLAN that NAME owns, or NULL. */
static const char *
owned (const struct vl_plan *plan, const char *name)
{
  size_t n = strlen (name);

  for (size_t i = 0; i < vl_plan_n_provenance (plan); i++) {
    const struct vl_provenance *row = vl_plan_provenance (plan, i);

    for (const char *p = row->owners; *p; p += strcspn (p, ","), p += strspn (p, ", "))
      if (strncmp (p, name, n) == 0 && (p[n] == '\0' || p[n] == ','))
        return row->path;
  }
  return NULL;
}

static void
check_unasked (struct checking *c, struct vl_app *app)
{
  struct vl_plan *first = NULL, *second = NULL;
  int result = make_plan (app, NULL, NULL, NULL, &first);
  const char *path = first ? owned (first, c->name) : NULL;

  if (! tap_ok (c->tap, result == 0, "a plan that does not ask for it is made",
                "the findings are below"))
    note_findings (app);
  if (result == 0 && is_active (first, c->name)) {
    tap_skip (c->tap, "inactive, it contributes nothing", "it is active without being asked");
    if (c->conf_beside)
      tap_ok (c->tap, vl_plugins_find (app, c->name)->critical,
              "as it acts on every guest, its conf says that it is critical",
              "critical = yes in [plugin]: no guest may be made without it");
  } else
    tap_ok (c->tap, path == NULL, "inactive, it contributes nothing", "%s", path ? path : "");
  if (result == 0)
    result = make_plan (app, NULL, NULL, NULL, &second);
  tap_ok (c->tap,
          result == 0 && first && second && strcmp (vl_plan_xml (first), vl_plan_xml (second)) == 0,
          "the same request twice gives the same bytes", "it does not");
  vl_plan_free (first);
  vl_plan_free (second);
}

/* Did a finding name the request as what is wrong? */
static int
refused (const struct vl_app *app)
{
  for (size_t i = 0; i < vl_findings_count (app); i++) {
    const struct vl_finding *finding = vl_findings_get (app, i);

    if (finding->severity == VL_SEV_ERROR && finding->err == VL_ERR_REQUEST)
      return 1;
  }
  return 0;
}

static int
has_values (const struct vl_prop *row)
{
  return row->type != VL_STRING && row->type != VL_LIST;
}

/* A ".N" key, asked for as its first. */
static char *
first_key (const char *key)
{
  size_t n = key ? strlen (key) : 0;

  if (key == NULL)
    return NULL;
  return n > 2 && strcmp (key + n - 2, ".N") == 0 ? vl_xasprintf ("%.*s.0", (int)n - 2, key)
                                                  : vl_xstrdup (key);
}

static void
check_junk (struct checking *c, struct vl_app *app, const struct vl_prop *row)
{
  char *flavor = first_key (row->flavor_key), *image = first_key (row->image_key);
  char *keys[2][2] = { { flavor, NULL }, { NULL, image } };

  for (int k = 0; k < 2; k++) {
    struct vl_plan *plan = NULL;
    const char *key = keys[k][0] ? keys[k][0] : keys[k][1];
    char *what;
    int result;

    if (key == NULL)
      continue;
    result = make_plan (app, keys[k][0], keys[k][1], JUNK, &plan);
    what = vl_xasprintf ("%s=%s is refused", key, JUNK);
    if (! tap_ok (c->tap, result < 0 && refused (app), what, "exit code %d",
                  result < 0 ? vl_findings_exit_code (app) : 0))
      note_findings (app);
    free (what);
    vl_plan_free (plan);
  }
  free (flavor);
  free (image);
}

/* Each choice makes a plan, or is refused with a reason; a document that the
 * schema refuses is neither. */
static void
check_choices (struct checking *c, struct vl_app *app, const struct vl_prop *row)
{
  char *flavor = first_key (row->flavor_key);
  char *image = flavor ? NULL : first_key (row->image_key);

  for (size_t i = 0; (flavor || image) && row->choices && row->choices[i]; i++) {
    struct vl_plan *plan = NULL;
    int result = make_plan (app, flavor, image, row->choices[i], &plan);
    int code = result < 0 ? vl_findings_exit_code (app) : 0;
    char *what = vl_xasprintf ("%s=%s makes a plan, or is refused with a reason",
                               flavor ? flavor : image, row->choices[i]);

    if (! tap_ok (c->tap,
                  result == 0 || code == VL_ERR_REQUEST || code == VL_ERR_UNSUPPORTED
                      || code == VL_ERR_CONFLICT,
                  what, "exit code %d", code))
      note_findings (app);
    free (what);
    vl_plan_free (plan);
  }
  free (flavor);
  free (image);
}

/* A host that says nothing: a plan or findings, whatever; but no crash, and no
 * failure without a word. */
static void
check_bare (struct checking *c)
{
  struct vl_app *app = check_tree_open (c, c->bare);
  struct vl_plan *plan = NULL;
  int result;

  if (app == NULL)
    return;
  result = make_plan (app, NULL, NULL, NULL, &plan);
  tap_ok (c->tap, result == 0 || vl_findings_exit_code (app) != 0,
          "on a host that offers nothing it does not fail without a word", "no finding");
  vl_plan_free (plan);
  vl_app_free (app);
}

void
check_code (struct checking *c)
{
  const struct vl_plugin_info *info;
  struct vl_app *app;

  if (open_module (c) < 0)
    return;
  app = check_tree_open (c, c->host);
  if (app == NULL) {
    tap_ok (c->tap, 0, "the shipped plugins load", "they do not");
    return;
  }
  info = load (c, app);
  if (info) {
    check_tables (c, info);
    if (info->kind == VL_KIND_FEATURE)
      check_unasked (c, app);
    for (size_t i = 0; i < info->n_props; i++) {
      if (has_values (&info->props[i]))
        check_junk (c, app, &info->props[i]);
      check_choices (c, app, &info->props[i]);
    }
    if (info->kind == VL_KIND_FEATURE)
      check_bare (c);
  } else {
    note_findings (app);
  }
  vl_app_free (app);
}
