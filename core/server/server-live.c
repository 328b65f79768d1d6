/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What changes of a guest while it runs.  Where its next document differs from the one that it runs
 * by nothing but what its driver can change in a guest that runs, the guest gets that at once. */

#include <config.h>

#include "server/hooks.h"

#include "lib/text.h"
#include "server/method.h"
#include "server/undo.h"

#define TOLD 5 /* so many changes are told */

struct live {
  struct vl_app *app;
  struct vl_record record; /* as it was, */
  struct vl_record after;  /* and with the next request */
  struct vl_plugin *driver;
  struct vl_hooks current;
  struct vl_plan *plan;
  const char *why; /* it cannot be done, or NULL */
  int tried;
};

/* ---- what the driver can do ---- */

/* "devices/disk/iotune" of "/domain/devices/disk[2]/iotune". */
static const char *
plain_path (struct vl_call *call, const char *path)
{
  static const char top[] = "/domain/";
  char *plain = vl_arena_strdup (call->arena, VL_STARTS (path, top) ? path + strlen (top) : path);
  char *to = plain;

  for (const char *from = plain; *from; from++)
    if (*from == '[' && strchr (from, ']'))
      from = strchr (from, ']');
    else
      *to++ = *from;
  *to = '\0';
  return plain;
}

/* Can DRIVER change what is at PATH while the guest runs? */
static int
is_live (struct vl_call *call, const struct vl_plugin *driver, const char *path)
{
  const char *plain = plain_path (call, path);

  for (const char *const *live = driver->driver.live; live && *live; live++) {
    size_t length = strlen (*live);

    if (VL_STARTS (plain, *live) && (plain[length] == '\0' || strchr ("/@", plain[length])))
      return 1;
  }
  return 0;
}

static const char *
path_of (const struct vl_change *change)
{
  return change->is ? change->is->path : change->was->path;
}

/* The first of the N CHANGES that needs a start, NULL: none does. */
static const struct vl_change *
find_other (const struct live *l, const struct vl_change *changes, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (! is_live (l->app->call, l->driver, path_of (&changes[i])))
      return &changes[i];
  return NULL;
}

/* The judge of the replacement, inside its transaction. */
static int
judge (void *opaque, const struct vl_change *changes, size_t n)
{
  const struct live *l = opaque;
  const struct vl_change *other = find_other (l, changes, n);

  return other == NULL ? 0
                       : vl_refuse_as (l->app->call, VL_ERR_REQUEST, "GuestWouldChange", NULL, NULL,
                                       "'%s' is not changed while the guest runs", path_of (other));
}

/* ---- the driver ---- */

/* The devices of AFTER that differ from those of BEFORE. */
static struct vl_table
parts_of (struct vl_call *call, const struct vl_stored *before, const struct vl_stored *after)
{
  struct vl_device_part *parts;
  struct vl_change *changes;
  uint32_t n_parts = 0;
  size_t n;

  vl_doc_difference (call, before->doc, before->rows, after->doc, after->rows, &changes, &n);
  parts = vl_arena_alloc (call->arena, (n + 1) * sizeof *parts);
  for (size_t i = 0; i < n; i++) {
    const struct vl_provenance *row = changes[i].is ? changes[i].is : changes[i].was;
    const char *path = row->device ? vl_stored_path (after, row->device) : NULL;
    uint32_t k = 0;

    while (path && k < n_parts && ! VL_STREQ (parts[k].id, row->device))
      k++;
    if (path && k == n_parts)
      parts[n_parts++] =
          (struct vl_device_part) { row->device, vl_doc_part_xml (call, after->doc, path) };
  }
  return (struct vl_table) { parts, n_parts, sizeof *parts };
}

static int
call_driver (struct vl_app *app, struct vl_plugin *driver, const struct vl_record *record,
             const struct vl_hooks *before, const struct vl_hooks *after)
{
  struct vl_spawn spawn;
  const struct vl_device_change change = { .size = sizeof change,
                                           .parts =
                                               parts_of (app->call, before->stored, after->stored),
                                           .after = &spawn };

  if (vl_record_spawn (app, record, after->stored->doc, &spawn) < 0)
    return -1;
  app->call->host = after->host;
  app->call->addresses = NULL;
  app->call->seen_back = (struct vl_seen_back) { 0 };
  return VL_CALL (app, driver, devices, change_live, &change) < 0
             ? -1
             : vl_driver_looked (app, driver, "change_live", 0);
}

int
vl_live_change (const struct vl_hooks *current, const struct vl_hooks *next)
{
  struct vl_app *app = current->app;

  if (call_driver (app, current->driver, current->record, current, next) == 0)
    return 0;
  return call_driver (app, current->driver, current->record, next, current) == 0 ? -1
                                                                                 : VL_UNFINISHED;
}

static int
act (void *opaque)
{
  struct live *l = opaque;
  struct vl_hooks next;
  int result = vl_hooks_load (&next, l->app, &l->after, VL_ROLE_PENDING);

  if (result == 0)
    result = vl_hooks_permit (&next, VL_OP_UPDATE, 0);
  if (result == 0)
    result = vl_live_change (&l->current, &next);
  vl_hooks_free (&next);
  return result;
}

/* ---- may it be done? ---- */

/* Says in L->why why it may not, or in *TOLD what changes. */
static int
judge_plan (struct live *l, const char **told)
{
  struct vl_call *call = l->app->call;
  const struct vl_stored *stored = l->current.stored;
  VL_AUTOSTR struct vl_str text = { 0 };
  const struct vl_change *other;
  struct vl_change *changes;
  size_t n;

  l->plan = vl_record_plan (l->app, &l->after, stored);
  if (l->plan == NULL || ! l->plan->ok) {
    l->why = "a plan of today fails: virtloom server diff shows why";
    return -1;
  }
  vl_stored_difference (l->app, stored, l->plan, &changes, &n);
  if (n == 0)
    return -1;
  other = find_other (l, changes, n);
  if (other)
    l->why = vl_printf (call, "'%s' is not changed while it runs", path_of (other));
  else if (vl_record_drifts (l->app, &l->record, stored))
    l->why = "a plan of today would change more than was set";
  if (l->why)
    return -1;
  for (size_t i = 0; i < n && i < TOLD; i++)
    vl_str_printf (&text, "%s%s", i ? "; " : "", vl_change_text (call, &changes[i]));
  if (n > TOLD)
    vl_str_printf (&text, "; and %zu more", n - TOLD);
  *told = vl_arena_strdup (call->arena, text.text);
  return 0;
}

static int
change (struct live *l, const char **told)
{
  struct vl_app *app = l->app;
  const struct vl_replacement how = {
    .kind = VL_OP_SERVER_LIVE, .judge = judge, .act = act, .opaque = l, .request = l->after.request
  };
  struct vl_info info;

  l->driver = vl_app_driver_named (app, l->record.driver);
  if (l->driver == NULL || l->driver->driver.live == NULL
      || VL_CALL_FN (l->driver, devices, change_live) == NULL
      || vl_server_look (app, l->driver, l->record.uuid, &info) < 0
      || (info.state != VL_STATE_RUNNING && info.state != VL_STATE_PAUSED)
      || vl_hooks_load (&l->current, app, &l->record, VL_ROLE_CURRENT) < 0
      || l->current.stored->was.earlier || judge_plan (l, told) < 0)
    return 0;
  l->tried = 1;
  app->call->host = l->plan->build.host;
  if (vl_document_replace (app, &l->record, l->current.stored, l->plan, &how) == 0)
    return 1;
  l->why =
      vl_db_any (app->store, "SELECT 1 FROM operation WHERE object = ?", "s", l->record.uuid) > 0
          ? "it could neither be changed while it runs nor put back, which the next command "
            "tries again"
          : "it could not be changed while it runs";
  return 0;
}

int
vl_server_live (struct vl_app *app, const struct vl_record *record, const char *request,
                const char **told)
{
  struct live l = { .app = app, .record = *record, .after = *record };
  size_t first = app->call->findings.n;
  int result;

  *told = NULL;
  l.after.request = request;
  result = change (&l, told);
  /* What was set is on record whatever comes of this: errors are of what is tried beside it. */
  if (l.tried)
    vl_soften (app->call, first);
  else
    vl_findings_drop (app->call, first, app->call->findings.n);
  if (result == 0)
    *told = l.why;
  vl_plan_free (l.plan);
  vl_hooks_free (&l.current);
  return result;
}
