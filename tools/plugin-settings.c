/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of `plugin check` that tries settings: each row that has one, with the limits
 * of what it accepts, in a configuration folder of the trial's own. */

#include <config.h>

#include "plugin-check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Failures of one row: of values, of what is none. */
struct trial {
  struct checking *c;
  const struct vl_prop *row;
  char *folder, *conf;
  int bad[2];
};

static int
write_conf (const struct trial *t, const char *value)
{
  FILE *file = fopen (t->conf, "we");
  int bad = file == NULL || fprintf (file, "[settings]\n%s = %s\n", t->row->setting, value) < 0;

  if (file)
    bad |= fclose (file) != 0 || chmod (t->conf, 0644) < 0;
  return bad ? -1 : 0;
}

/* Is RESULT an answer: success, or a refusal that is not the module's fault? */
static int
is_answer (const struct vl_app *app, int result)
{
  int code = result == 0 ? 0 : vl_findings_exit_code (app);

  return ! tap_faulty (app)
         && (result == 0 || code == VL_ERR_REQUEST || code == VL_ERR_UNSUPPORTED
             || code == VL_ERR_CONFLICT || code == VL_ERR_REFUSED);
}

static void
fail (struct trial *t, const struct vl_app *app, const struct value *value, const char *why)
{
  if (t->bad[value->bad == 1]++)
    return;
  tap_note (t->c->tap, "%s = %s: %s", t->row->setting, value->text, why);
  if (app)
    tap_findings (t->c->tap, app);
}

/* Plans what asks for nothing, and what asks for all with the values of number TURN. */
static void
try_plans (struct trial *t, struct vl_app *app, const struct value *value, size_t turn)
{
  json_t *requests[] = { plain_request (t->c), full_request (t->c, app, turn, NULL) };
  struct vl_plan *plan;

  for (size_t i = 0; i < 2; i++) {
    int result = make_plan (app, requests[i], &plan);

    if (! is_answer (app, result))
      fail (t, app, value, "neither a plan nor a refusal with a reason");
    t->c->tap->active |= result == 0 && is_active (plan, t->c->name);
    vl_plan_free (plan);
    json_decref (requests[i]);
  }
}

static void
try_setting (struct trial *t, const struct value *value, size_t turn)
{
  struct vl_app *app = NULL;
  int result;

  if (write_conf (t, value->text) < 0) {
    fail (t, NULL, value, strerror (errno));
    return;
  }
  app = open_app (t->c, t->folder, NULL, 1, &result);
  if (tap_faulty (app))
    fail (t, app, value, "a fault of the plugin");
  else if (value->bad == 1 && result == 0)
    fail (t, app, value, "it is taken");
  else if (value->bad == 0 && result != 0)
    fail (t, app, value, "it is refused");
  else if (result == 0)
    try_plans (t, app, value, turn);
  vl_app_free (app);
}

static void
try_row (struct trial *t)
{
  struct tap *tap = t->c->tap;
  struct values values;
  char *line =
      vl_xasprintf ("%s: each value makes a plan, or is refused with a reason", t->row->setting);

  values_of (t->row, &values);
  t->bad[0] = t->bad[1] = 0;
  for (size_t v = 0; v < values.n; v++)
    try_setting (t, &values.list[v], v);
  tap_ok (tap, t->bad[0] == 0, line, "the first of %d is above", t->bad[0]);
  free (line);
  line = vl_xasprintf ("%s: what is no value of it is refused", t->row->setting);
  if (t->row->type != VL_STRING && t->row->type != VL_LIST)
    tap_ok (tap, t->bad[1] == 0, line, "the first of %d is above", t->bad[1]);
  free (line);
}

void
check_settings (struct checking *c)
{
  struct vl_app *app = check_open (c, NULL, 1);
  const struct vl_plugin_info *info = app ? vl_plugins_find (app, c->name) : NULL;
  char *plugins = vl_xasprintf ("%s/config/plugins.d", c->folder);
  struct trial t = { .c = c,
                     .folder = vl_xasprintf ("%s/config", c->folder),
                     .conf = vl_xasprintf ("%s/%s.conf", plugins, c->name) };
  struct process_state *before = NULL;

  if (mkdir (t.folder, 0755) < 0 || mkdir (plugins, 0755) < 0)
    info = NULL;
  for (size_t i = 0; info && i < info->n_props; i++) {
    t.row = &info->props[i];
    if (t.row->setting && c->tool->options.config_dir)
      tap_skip (c->tap, t.row->setting, "it is as --config says");
    else if (t.row->setting) {
      before = before ? before : stage_look ();
      try_row (&t);
    }
  }
  if (before)
    stage_compare (c, "planning with other settings", before, 0);
  vl_app_free (app);
  free (t.folder);
  free (t.conf);
  free (plugins);
}
