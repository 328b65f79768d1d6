/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an operator changes on a server's record: name, description, properties, the lock, a
 * status that is wrong.  The guest's document changes with the next `reboot --hard --update`, but for
 * what its driver can change while it runs. */

#include <config.h>

#include "request/guest.h"
#include "request/request.h"
#include "server/hooks.h"
#include "server/undo.h"

#include <virtloom/ascii.h>
#include <virtloom/virtloom.h>

#include <jansson.h>

/* As Nova's: of descriptions and of reasons for a lock. */
#define TEXT_LIMIT 255u

struct changing {
  struct vl_app *app;
  struct vl_record record;
  struct vl_lock lock;
  const char *request;      /* JSON, that the server has now */
  struct vl_stored *stored; /* its document; NULL: there is none to be read */
  struct vl_plan *plan;     /* of today, of that request; NULL: none was made */
};

/* The guest is not touched yet, so no driver is looked for before the server is. */
static int
begin (struct changing *c, const char *server)
{
  return vl_server_take (c->app, server, vl_lock_seconds (c->app), &c->record, NULL, &c->lock);
}

/* Writes WHAT into the history, once the caller's statements had RESULT, and ends the
 * transaction. */
static int
end (struct changing *c, const char *what, const char *reason, int result)
{
  struct vl_store *store = c->app->store;

  if (result == 0)
    result = vl_history_begin (store, c->record.uuid, what);
  if (result == 0)
    result = vl_history_end (store, c->record.uuid, "done", reason);
  return vl_db_finish (store, result);
}

/* Can TEXT, which is WHAT, be kept?  0, or -1 after a refusal. */
static int
check_text (struct vl_call *call, const char *what, const char *text)
{
  size_t length = text ? strlen (text) : 0;
  const char *problem = length > TEXT_LIMIT ? "is too long; accepted: up to 255 bytes"
                        : length            ? vl_text_problem (text, length)
                                            : NULL;

  return problem ? vl_refuse_as (call, VL_ERR_REQUEST, "Invalid", NULL, NULL, "the %s %s", what,
                                 problem)
                 : 0;
}

/* ---- lock ---- */

int
vl_record_unlocked (struct vl_call *call, const struct vl_record *record)
{
  if (record->locked == NULL)
    return 0;
  return vl_refuse_as (
      call, VL_ERR_REQUEST, "InstanceIsLocked", NULL,
      vl_printf (call, "virtloom server unlock %s", vl_name_word (call->arena, record->name)),
      "server \"%s\" is locked%s%s", record->name, *record->locked ? ": " : "", record->locked);
}

int
vl_server_lock (struct vl_app *app, const char *server, const char *reason)
{
  struct changing c = { .app = app, .lock = VL_LOCK_NONE };
  int result = -1;

  if (check_text (app->call, "reason of the lock", reason) == 0 && begin (&c, server) == 0
      && vl_db_begin (app->store) == 0)
    result = end (&c, "lock", reason,
                  vl_db_run (app->store, "UPDATE server SET locked = ? WHERE uuid = ?", "ss",
                             reason ? reason : "", c.record.uuid));
  vl_lock_drop (&c.lock);
  return result;
}

int
vl_server_unlock (struct vl_app *app, const char *server)
{
  struct changing c = { .app = app, .lock = VL_LOCK_NONE };
  int result = begin (&c, server);

  /* One that is not locked is as it shall be, and nothing was done. */
  if (result == 0 && c.record.locked) {
    result = vl_db_begin (app->store);
    if (result == 0)
      result = end (&c, "unlock", NULL,
                    vl_db_run (app->store, "UPDATE server SET locked = NULL WHERE uuid = ?", "s",
                               c.record.uuid));
  }
  vl_lock_drop (&c.lock);
  return result;
}

/* ---- name, description, properties ---- */

/* Are SET properties that an image or a flavor could have?  They are judged by themselves, and again
 * with all others in a plan. */
static int
check_properties (struct vl_app *app, const struct vl_server_change *change)
{
  struct vl_property *sorted =
      vl_arena_alloc (app->call->arena, (change->n_set + 1) * sizeof *sorted);
  size_t n = 0, first;

  for (size_t i = 0; i < change->n_set; i++)
    if (! vl_key_is_flavors (app->registry, change->set[i].key))
      sorted[n++] = change->set[i];
  first = n;
  for (size_t i = 0; i < change->n_set; i++)
    if (vl_key_is_flavors (app->registry, change->set[i].key))
      sorted[n++] = change->set[i];
  return (first && vl_properties_check (app, &vl_noun_server, sorted, first) < 0)
                 || (n > first
                     && vl_properties_check (app, &vl_noun_flavor, sorted + first, n - first) < 0)
             ? -1
             : 0;
}

/* What the flavor of RECORD says today of KEY, NULL: nothing. */
static const char *
flavors_value (struct vl_store *store, const struct vl_record *record, const char *key)
{
  const struct vl_property *list;
  size_t n = 0;

  if (record->flavor && vl_properties_load (store, &vl_noun_flavor, record->flavor, &list, &n) == 0)
    for (size_t i = 0; i < n; i++)
      if (VL_STREQ (list[i].key, key))
        return list[i].value;
  return NULL;
}

/* Gives KEY among SPECS, the flavor's of the server, what the flavor says: 1; 0 where that is what
 * it has. */
static int
unset_spec (struct changing *c, json_t *specs, const char *key)
{
  const char *value = flavors_value (c->app->store, &c->record, key);
  const char *own = json_string_value (json_object_get (specs, key));

  if (own == NULL || (value && VL_STREQ (own, value)))
    return 0;
  if (value)
    json_object_set_new (specs, key, json_string (value));
  else
    json_object_del (specs, key);
  return 1;
}

/* Takes KEYS out of PROPERTIES, or puts back what the flavor says of them in SPECS. */
static int
unset (struct changing *c, json_t *properties, json_t *specs, const char *const *keys)
{
  struct vl_call *call = c->app->call;
  int bad = 0;

  for (; keys && *keys; keys++) {
    struct vl_spell spell = { .wanted = *keys };
    const char *key;
    json_t *value;

    if (vl_key_is_flavors (c->app->registry, *keys) && unset_spec (c, specs, *keys))
      continue;
    json_object_foreach (properties, key, value) vl_spell_offer (&spell, key);
    if (json_object_del (properties, *keys) < 0)
      bad = vl_refuse_as (
          call, VL_ERR_NOT_FOUND, "PropertyNotFound", NULL,
          vl_did_you_mean (call, '"', spell.best, "'virtloom server show' has its own properties"),
          "the server has no property \"%s\" of its own", *keys);
  }
  return bad;
}

/* The request of the server with CHANGE in it; malloc, or NULL after a finding. */
static char *
changed_request (struct changing *c, const struct vl_server_change *change)
{
  json_t *request = json_loads (c->record.request, 0, NULL);
  json_t *properties = json_object_get (request, "properties");
  json_t *flavor = json_object_get (request, "flavor");
  json_t *specs = json_object_get (flavor, "extra_specs");
  char *text = NULL;

  if (request == NULL) {
    vl_refuse_as (c->app->call, VL_ERR_FAILED, "StoreDamaged", NULL, "virtloom state check",
                  "the request of server \"%s\" on record is no JSON", c->record.name);
    return NULL;
  }
  if (change->name) {
    struct vl_request *old = vl_stored_request (c->app, c->record.request, c->record.name);

    /* A host name that was made of the old name stays the guest's.  Without a config drive it has
     * been told of none. */
    if (old && old->config_drive && old->hostname == NULL) {
      VL_AUTOFREE char *host = vl_host_name (old);

      json_object_set_new (request, "hostname", json_string (host));
    }
    vl_request_free (old);
    json_object_set_new (request, "name", json_string (change->name));
  }
  if (! json_is_object (properties)) {
    properties = json_object ();
    json_object_set_new (request, "properties", properties);
  }
  if (specs == NULL && json_is_object (flavor)) {
    specs = json_object ();
    json_object_set_new (flavor, "extra_specs", specs);
  }
  if (unset (c, properties, specs, change->unset) == 0) {
    for (size_t i = 0; i < change->n_set; i++)
      json_object_set_new (vl_key_is_flavors (c->app->registry, change->set[i].key) ? specs
                                                                                    : properties,
                           change->set[i].key, json_string (change->set[i].value));
    if (json_object_size (properties) == 0)
      json_object_del (request, "properties");
    text = json_dumps (request, JSON_COMPACT | JSON_SORT_KEYS);
  }
  json_decref (request);
  return text;
}

/* Is the new name free?  0 or -1 after a finding. */
static int
check_name (struct changing *c, const char *name)
{
  struct vl_store *store = c->app->store;
  int there = vl_db_any (store, "SELECT 1 FROM server WHERE name = ? AND uuid <> ?", "ss", name,
                         c->record.uuid);

  return there > 0 ? vl_exists (store->call, &vl_noun_server, name) : there;
}

/* Does CHANGE have anything that a plan is made of? */
static int
is_planned_of (const struct vl_server_change *change)
{
  return change->name || change->n_set || change->unset;
}

/* A plan of today of REQUEST; NULL after findings, which are told in any case. */
static struct vl_plan *
plan_of (const struct changing *c, const char *request)
{
  struct vl_record record = c->record;

  record.request = request;
  return vl_record_plan (c->app, &record, c->stored);
}

/* Makes the plan of the request that the server is to have, which each later start is made of: what
 * that refuses is not taken.  What is refused of the server as it is, too (of another host, of an image
 * that is gone), is no fault of the change, which may mend it.  0, or -1 after what the plan found. */
static int
judge_plan (struct changing *c)
{
  struct vl_call *call = c->app->call;
  const struct vl_findings *all = &call->findings;
  size_t first = all->n, fresh, kept;

  c->stored = vl_stored_load (c->app, &c->record, VL_ROLE_CURRENT);
  c->plan = c->stored ? plan_of (c, c->request) : NULL;
  vl_findings_drop (call, first, all->n);
  if (c->stored == NULL || (c->plan && c->plan->ok))
    return 0;
  /* What is found twice is kept once: what the plan of the new request adds is its own. */
  vl_plan_free (plan_of (c, c->record.request));
  kept = fresh = all->n;
  vl_plan_free (plan_of (c, c->request));
  while (kept < all->n)
    if (all->items[kept].severity == VL_SEV_ERROR)
      kept++;
    else
      vl_findings_drop (call, kept, kept + 1);
  vl_findings_drop (call, first, fresh);
  return all->n > first ? -1 : 0;
}

/* Inside a transaction. */
static int
write_change (struct changing *c, const struct vl_server_change *change)
{
  struct vl_store *store = c->app->store;
  const char *uuid = c->record.uuid;

  if ((change->name && check_name (c, change->name) < 0)
      || vl_db_run (store,
                    "UPDATE server SET request = ?, name = coalesce (?, name) WHERE uuid = ?",
                    "sss", c->request, change->name, uuid)
             < 0)
    return -1;
  if (change->status
      && vl_record_set_status (store, uuid, change->status,
                               VL_STREQ (change->status, "ERROR") ? "set by the operator" : NULL)
             < 0)
    return -1;
  if (change->choose_loader && c->record.loader && ! vl_loader_is_left (c->record.loader)
      && vl_db_run (store,
                    "UPDATE server SET loader = '" VL_LOADER_LEFT "' || loader WHERE uuid = ?", "s",
                    uuid)
             < 0)
    return -1;
  return change->description == NULL
             ? 0
             : vl_db_run (store, "UPDATE server SET description = nullif (?, '') WHERE uuid = ?",
                          "ss", change->description, uuid);
}

/* Is the server what CHANGE wants already? */
static int
is_so (const struct changing *c, const struct vl_server_change *change)
{
  const char *description = c->record.description ? c->record.description : "";
  json_t *was = json_loads (c->record.request, 0, NULL);
  json_t *is = json_loads (c->request, 0, NULL);
  const char *loader = c->record.loader;
  int same = change->status == NULL
             && (! change->choose_loader || loader == NULL || vl_loader_is_left (loader))
             && (change->description == NULL || VL_STREQ (change->description, description))
             && json_equal (was, is);

  json_decref (was);
  json_decref (is);
  return same;
}

/* What the history says of CHANGE. */
static const char *
told (struct vl_call *call, const struct vl_server_change *change)
{
  VL_AUTOSTR struct vl_str text = { NULL, 0, 0 };

  vl_str_add (&text, "");
  if (change->name)
    vl_str_printf (&text, "name %s", change->name);
  if (change->description)
    vl_str_printf (&text, "%sdescription", text.length ? ", " : "");
  if (change->status)
    vl_str_printf (&text, "%sstatus %s", text.length ? ", " : "", change->status);
  if (change->choose_loader)
    vl_str_printf (&text, "%sno loader", text.length ? ", " : "");
  for (size_t i = 0; i < change->n_set; i++)
    vl_str_printf (&text, "%s%s", text.length ? ", " : "", change->set[i].key);
  for (const char *const *key = change->unset; key && *key; key++)
    vl_str_printf (&text, "%sno %s", text.length ? ", " : "", *key);
  return vl_arena_strdup (call->arena, text.text);
}

/* Only a status is put right on a server that is locked: whoever does that looks after the host,
 * not after the server. */
static int
may_change (const struct changing *c, const struct vl_server_change *change)
{
  if (vl_record_accepts (c->app->call, &c->record, c->record.status,
                         change->status ? "set status" : "set")
      < 0)
    return -1;
  if (is_planned_of (change) || change->description || change->choose_loader)
    return vl_record_unlocked (c->app->call, &c->record);
  return 0;
}

/* The status that is recorded where a server is set to STATUS, letters in either case; NULL after
 * a refusal. */
static const char *
settable_status (struct vl_call *call, const char *status)
{
  static const char *const all[] = { "ACTIVE", "ERROR" };

  for (size_t i = 0; i < 2; i++)
    if (vl_ascii_casecmp (status, all[i]) == 0)
      return all[i];
  vl_refuse (call, VL_ERR_USAGE, NULL, NULL,
             "a server cannot be set to '%s'; accepted: active error", status);
  return NULL;
}

/* Is the guest's document what a plan of today makes of the new request? */
static int
is_planned (const struct changing *c)
{
  struct vl_change *changes;
  size_t n = 1;

  if (c->plan && c->plan->ok)
    vl_stored_difference (c->app, c->stored, c->plan, &changes, &n);
  return n == 0;
}

/* Properties have changed: a guest that runs gets that where its driver can do it; the result tells
 * what it has, and what waits. */
static void
tell_guest (struct changing *c, const struct vl_server_change *change)
{
  struct vl_call *call = c->app->call;
  const char *name = vl_name_word (call->arena, change->name ? change->name : c->record.name);
  const char *told = NULL;

  if (is_planned (c))
    vl_advise (call, NULL, NULL, "the guest is that already, and goes on as it is");
  else if ((change->n_set || change->unset)
           && vl_server_live (c->app, &c->record, c->request, &told))
    vl_advise (call, NULL, NULL, "the guest has it already: %s", told);
  else
    vl_advise (call, NULL, vl_printf (call, "virtloom server diff %s", name),
               "the guest goes on as it is%s%s; it gets what changed with 'server reboot --hard "
               "--update'",
               told ? ", since " : "", told ? told : "");
}

/* Writes CHANGE down: 0; 1 where there is nothing to be written; -1 after a finding. */
static int
write_down (struct changing *c, const struct vl_server_change *change)
{
  VL_AUTOFREE char *request = changed_request (c, change);

  if (request == NULL)
    return -1;
  c->request = vl_arena_strdup (c->app->call->arena, request);
  if (is_so (c, change))
    return 1;
  if ((is_planned_of (change) && judge_plan (c) < 0) || vl_db_begin (c->app->store) < 0)
    return -1;
  return end (c, "set", told (c->app->call, change), write_change (c, change));
}

int
vl_server_change (struct vl_app *app, const char *server, const struct vl_server_change *given)
{
  struct changing c = { .app = app, .lock = VL_LOCK_NONE };
  struct vl_server_change change = *given;
  int result = -1;

  if (change.status && (change.status = settable_status (app->call, change.status)) == NULL)
    return -1;
  if ((change.name && vl_name_check (app->call, &vl_noun_server, change.name) < 0)
      || check_text (app->call, "description", change.description) < 0
      || check_properties (app, &change) < 0)
    return -1;
  if (begin (&c, server) == 0 && may_change (&c, &change) == 0) {
    if (change.name && VL_STREQ (change.name, c.record.name))
      change.name = NULL;
    result = write_down (&c, &change);
  }
  if (result > 0)
    vl_advise (app->call, NULL, NULL, "server \"%s\" has that already; nothing was changed",
               c.record.name);
  else if (result == 0 && is_planned_of (&change))
    tell_guest (&c, &change);
  if (result == 0 && change.choose_loader)
    vl_advise (app->call, NULL, NULL, "the firmware is chosen anew when the guest is started next");
  vl_plan_free (c.plan);
  vl_stored_free (c.stored);
  vl_lock_drop (&c.lock);
  vl_events_tell (app);
  return result < 0 ? -1 : 0;
}
