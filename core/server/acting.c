/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a plugin may use while it is called about a server on record. */

#include <config.h>

#include "server/hooks.h"

#include "request/request.h"
#include "server/method.h"

#define NAME_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-"
#define KEY_LIMIT 200u
#define TEXT_LIMIT 65536u

/* ---- locks ---- */

static int
take_lock (struct vl_acting *acting, const char *name)
{
  struct vl_app *app = acting->hooks->app;
  const char *path = vl_printf (app->call, "/%s.lock", name);
  struct vl_lock lock = VL_LOCK_NONE;

  for (size_t i = 0; i < acting->n; i++) {
    const char *held = strrchr (acting->locks[i].path, '/');

    if (held && VL_STREQ (held, path))
      return 0;
  }
  if (vl_lock_take (app, "locks", name, VL_LOCK_OTHER, &lock) < 0)
    return -1;
  VL_GROW (acting->locks, acting->n, acting->size);
  acting->locks[acting->n++] = lock;
  return 0;
}

int
vl_acting_run (const struct vl_hooks *hooks, struct vl_plugin *plugin, enum vl_phase phase,
               const char *word,
               int (*fn) (struct vl_call *call, struct vl_plugin *plugin, const void *arg),
               const void *arg)
{
  struct vl_call *call = hooks->app->call, before = *call;
  struct vl_acting acting = { .hooks = hooks };
  size_t errors = call->findings.n_errors;
  int result;

  vl_call_as (call, plugin);
  call->phase = phase;
  call->acting = &acting;
  call->doing = word;
  result = vl_said (call, fn (call, plugin, arg) ? -1 : 0, errors);
  vl_call_as (call, before.plugin);
  call->phase = before.phase;
  call->acting = before.acting;
  while (acting.n > 0)
    vl_lock_drop (&acting.locks[--acting.n]);
  free (acting.locks);
  /* An error that was told before is told once. */
  return result < 0 || call->findings.n_errors > errors ? -1 : 0;
}

int
vl_group_run (struct vl_app *app, struct vl_plugin *plugin, const char *word,
              int (*fn) (struct vl_call *call, struct vl_plugin *plugin, void *arg), void *arg)
{
  struct vl_call *call = app->call, before = *call;
  size_t errors = call->findings.n_errors;
  int result;

  vl_call_as (call, plugin);
  call->phase = VL_PHASE_GROUP;
  call->doing = word;
  result = vl_said (call, fn (call, plugin, arg), errors);
  vl_call_as (call, before.plugin);
  call->phase = before.phase;
  return result;
}

/* ---- who may call what ---- */

/* What the running code acts for, or NULL after a PluginFault: VERB is not for its phase,
 * or there is no server. */
static struct vl_acting *
acting_of (struct vl_call *call, const char *verb)
{
  if (call->acting && (call->phase == VL_PHASE_PERMIT || vl_may_act (call, verb) == 0))
    return call->acting;
  if (vl_may_act (call, verb) == 0)
    vl_fault (call, "%s is called where there is no server on record", verb);
  return NULL;
}

/* The same for what permit may not do. */
static struct vl_acting *
may_change (struct vl_call *call, const char *verb)
{
  return vl_may_act (call, verb) < 0 ? NULL : acting_of (call, verb);
}

/* A name of the plugin's own: 0, or -1 after a PluginFault. */
static int
check_name (struct vl_call *call, const char *verb, const char *name)
{
  size_t length = name ? strlen (name) : 0;

  if (length > 0 && length <= KEY_LIMIT && strspn (name, NAME_BYTES) == length)
    return 0;
  return vl_fault (call, "%s is given the name '%s'; accepted: 1 to %u of A-Z a-z 0-9 _ . : -",
                   verb, name ? name : "", KEY_LIMIT);
}

int
vl_lock (struct vl_call *call, const char *name)
{
  struct vl_acting *acting = may_change (call, "vl_lock");

  if (acting == NULL || check_name (call, "vl_lock", name) < 0)
    return -1;
  return take_lock (acting, vl_printf (call, "%s.%s", call->plugin->name, name));
}

/* ---- what is kept ---- */

int
vl_kept_write (const struct vl_hooks *hooks, const struct vl_plugin *plugin, const char *key,
               const char *text)
{
  struct vl_store *store = hooks->app->store;

  if (text == NULL)
    return vl_db_run (store, "DELETE FROM kept WHERE server = ? AND plugin = ? AND key = ?", "sss",
                      hooks->record->uuid, plugin->name, key);
  return vl_db_run (store,
                    "INSERT OR REPLACE INTO kept (server, plugin, key, value, version) "
                    "VALUES (?, ?, ?, ?, ?)",
                    "sssss", hooks->record->uuid, plugin->name, key, text,
                    plugin->version ? plugin->version : "");
}

int
vl_keep (struct vl_call *call, const char *key, const char *text)
{
  struct vl_acting *acting = may_change (call, "vl_keep");

  if (acting == NULL || check_name (call, "vl_keep", key) < 0)
    return -1;
  if (text && strlen (text) > TEXT_LIMIT)
    return vl_fault (call, "vl_keep is given %zu bytes for '%s'; accepted: at most %u",
                     strlen (text), key, TEXT_LIMIT);
  return vl_kept_write (acting->hooks, call->plugin, key, text);
}

const char *
vl_kept (struct vl_call *call, const char *key)
{
  struct vl_acting *acting = acting_of (call, "vl_kept");
  const char *text = NULL;

  if (acting && check_name (call, "vl_kept", key) == 0)
    vl_db_row (acting->hooks->app->store, &text,
               "SELECT value FROM kept WHERE server = ? AND plugin = ? AND key = ?", "sss",
               acting->hooks->record->uuid, call->plugin->name, key);
  return text;
}

/* ---- secrets ---- */

/* The same as may_change, of the secret UUID. */
static struct vl_acting *
may_keep (struct vl_call *call, const char *verb, const char *uuid)
{
  struct vl_acting *acting = may_change (call, verb);

  if (acting == NULL || (uuid && vl_uuid_problem (uuid) == NULL))
    return acting;
  vl_fault (call, "%s is given '%s', which is no uuid", verb, uuid ? uuid : "");
  return NULL;
}

int
vl_secret_put (struct vl_call *call, const char *uuid, const char *type, const char *usage,
               const void *bytes, size_t length)
{
  struct vl_acting *acting = may_keep (call, "vl_secret_put", uuid);
  struct vl_secret secret = { .size = sizeof secret,
                              .length = (uint32_t)length,
                              .uuid = uuid,
                              .type = type,
                              .usage = usage,
                              .bytes = bytes };

  if (acting == NULL)
    return -1;
  if (check_name (call, "vl_secret_put", type) < 0)
    return -1;
  if (usage == NULL || *usage == '\0')
    return vl_fault (call, "vl_secret_put is given no usage");
  if (bytes == NULL || length == 0 || length > TEXT_LIMIT)
    return vl_fault (call, "vl_secret_put is given %zu bytes; accepted: 1 to %u", length,
                     TEXT_LIMIT);
  secret.description =
      vl_printf (call, "%s of server %s", call->plugin->name, acting->hooks->record->name);
  return VL_CALL (acting->hooks->app, acting->hooks->driver, secrets, put, &secret) < 0 ? -1 : 0;
}

int
vl_secret_has (struct vl_call *call, const char *uuid)
{
  struct vl_acting *acting = may_keep (call, "vl_secret_has", uuid);

  return acting ? VL_CALL (acting->hooks->app, acting->hooks->driver, secrets, has, uuid) : -1;
}

int
vl_secret_drop (struct vl_call *call, const char *uuid)
{
  struct vl_acting *acting = may_keep (call, "vl_secret_drop", uuid);

  if (acting == NULL)
    return -1;
  /* A driver that keeps no secrets has none. */
  return VL_CALL_FN (acting->hooks->driver, secrets, drop)
             ? VL_CALL (acting->hooks->app, acting->hooks->driver, secrets, drop, uuid)
             : 0;
}
