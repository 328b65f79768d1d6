/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Making a guest: a copy of the registry's template with the request laid over
 * it.  Everything is in the context's arena. */

#include <config.h>

#include "request/work.h"

static struct vl_guest_work *
new_work (struct vl_guest *guest)
{
  struct vl_arena *arena = guest->call->arena;
  struct vl_guest_work *work = vl_arena_alloc (arena, sizeof *work);
  size_t n = guest->registry->n;

  work->index = vl_index_get (guest->registry);
  work->words = n / 64 + 1;
  work->readers = vl_arena_alloc (arena, (n + 1) * work->words * sizeof *work->readers);
  work->tainted = vl_arena_alloc (arena, (n + 1) * sizeof *work->tainted);
  return work;
}

/* Does the image or the operator insist on a config drive? */
static int
wants_config_drive (const struct vl_guest *guest)
{
  const struct vl_guest_prop *prop = vl_guest_find (guest, "guest.config-drive");

  return (prop->value.set && VL_STREQ (prop->value.text, "mandatory"))
         || (guest->config && vl_config_bool (guest->config, "storage.force_config_drive"));
}

struct vl_guest *
vl_guest_blank (struct vl_call *call, struct vl_registry *registry, const struct vl_config *config,
                struct vl_plugin *driver, const struct vl_host *host)
{
  struct vl_guest *guest = vl_arena_alloc (call->arena, sizeof *guest);
  const struct vl_prop_index *index;
  size_t n = registry->n;

  guest->call = call;
  guest->registry = registry;
  guest->host = host;
  guest->config = config;
  guest->driver = driver;
  guest->work = new_work (guest);
  index = guest->work->index;
  guest->n_props = index->n_props;
  guest->props = vl_arena_alloc (call->arena, index->n_props * sizeof *guest->props);
  memcpy (guest->props, index->props, index->n_props * sizeof *guest->props);
  guest->resolution = vl_arena_alloc (call->arena, (n + 1) * sizeof *guest->resolution);
  guest->failed = vl_arena_alloc (call->arena, (n + 1) * sizeof *guest->failed);
  guest->active = vl_arena_alloc (call->arena, (n + 1) * sizeof *guest->active);
  guest->active_why = vl_arena_alloc (call->arena, (n + 1) * sizeof *guest->active_why);
  /* Each feature, slot and list is in it once at most. */
  guest->chain = vl_arena_alloc (call->arena, (n + index->n_props + 2) * sizeof *guest->chain);
  vl_call_about (call, guest);
  call->host = host;
  call->driver = driver;
  return guest;
}

struct vl_guest *
vl_guest_new (struct vl_call *call, struct vl_registry *registry, const struct vl_config *config,
              struct vl_plugin *driver, const struct vl_request *request,
              const struct vl_host *host)
{
  struct vl_guest *guest = vl_guest_blank (call, registry, config, driver, host);
  struct vl_plugin *caller = call->plugin;

  guest->request = request;
  vl_call_as (call, NULL);
  vl_guest_parse (guest);
  if (wants_config_drive (guest))
    ((struct vl_request *)request)->config_drive = 1;
  vl_core_set (guest);
  vl_request_check (guest);
  vl_call_as (call, caller);
  return guest;
}
