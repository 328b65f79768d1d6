/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Resolve: each feature makes its properties final when they are first asked
 * for, so that no feature depends on load order.  Who reads whom is noted: what
 * fails takes along those who built on it, without a second finding. */

#include <config.h>

#include "request/disks.h"
#include "request/work.h"

/* ---- failing ---- */

/* Number I read something that failed.  Whatever it says from here on follows
 * from that. */
static void
taint (struct vl_guest *guest, size_t i)
{
  if (guest->work->tainted[i] == 0)
    guest->work->tainted[i] = guest->call->findings.n + 1;
  if (i < guest->registry->n && ! guest->failed[i])
    vl_guest_fail (guest, guest->registry->plugins[i]);
}

void
vl_guest_fail (struct vl_guest *guest, struct vl_plugin *plugin)
{
  struct vl_guest_work *work = guest->work;
  size_t i = vl_guest_number (guest, plugin);

  if (i == guest->registry->n || guest->failed[i])
    return;
  guest->failed[i] = 1;
  if (guest->resolution[i] != VL_RESOLVING)
    guest->resolution[i] = VL_FAILED;
  for (size_t reader = 0; reader < guest->registry->n; reader++)
    if (work->readers[i * work->words + reader / 64] >> reader % 64 & 1)
      taint (guest, reader);
}

int
vl_guest_spoilt (struct vl_guest *guest, const struct vl_plugin *plugin)
{
  size_t tainted = guest->work ? guest->work->tainted[vl_guest_number (guest, plugin)] : 0, kept;
  struct vl_findings *all = &guest->call->findings;

  if (tainted == 0)
    return 0;
  kept = tainted - 1;
  for (size_t i = kept; i < all->n; i++)
    if (VL_STREQ (all->items[i].plugin, plugin ? plugin->name : "core"))
      all->n_errors -= all->items[i].severity == VL_SEV_ERROR;
    else
      all->items[kept++] = all->items[i];
  all->n = kept;
  return 1;
}

/* ---- chain and cycles ---- */

/* NAME is asked for, by WHO, while it is being resolved. */
static void
report_cycle (struct vl_guest *guest, const char *name, size_t who)
{
  const struct vl_plugin *reader = who < guest->registry->n ? guest->registry->plugins[who] : NULL;
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_CONFLICT,
                              .code = "PropertyCycle",
                              .plugin = reader ? reader->name : NULL };
  VL_AUTOSTR struct vl_str text = { 0 };
  size_t first = guest->n_chain;

  while (first > 0 && ! VL_STREQ (guest->chain[first - 1], name))
    first--;
  vl_str_add (&text, "");
  for (size_t i = first ? first - 1 : 0; i < guest->n_chain; i++)
    vl_str_printf (&text, "%s -> ", guest->chain[i]);
  report.hint = "turn one of these features off; the cycle is a fault of theirs";
  vl_report (guest->call, &report, "properties depend on themselves: %s%s", text.text, name);
}

/* ---- one feature ---- */

static void
resolve_feature (struct vl_guest *guest, size_t i)
{
  struct vl_call *call = guest->call;
  struct vl_plugin *plugin = guest->registry->plugins[i], *caller = call->plugin;
  size_t first = call->findings.n;
  int result, said = 0, spoilt;

  if (plugin->feature.resolve == NULL) {
    guest->resolution[i] = guest->failed[i] ? VL_FAILED : VL_RESOLVED;
    return;
  }
  guest->resolution[i] = VL_RESOLVING;
  guest->chain[guest->n_chain++] = plugin->name;
  vl_call_as (call, plugin);
  call->doing = "resolve";
  result = plugin->feature.resolve (call);
  vl_call_as (call, caller);
  guest->n_chain--;
  spoilt = vl_guest_spoilt (guest, plugin);
  for (size_t k = first; k < call->findings.n; k++)
    said |= call->findings.items[k].severity == VL_SEV_ERROR
            && VL_STREQ (call->findings.items[k].plugin, plugin->name);
  if (result < 0 && ! said && ! spoilt) {
    vl_call_as (call, plugin);
    vl_fault (call, "'%s' failed in resolve without saying why", plugin->name);
    vl_call_as (call, caller);
  }
  if (result < 0 || said)
    vl_guest_fail (guest, plugin);
  guest->resolution[i] = guest->failed[i] ? VL_FAILED : VL_RESOLVED;
}

/* ---- slots ---- */

/* Begins the core's own work, which may read what has failed: then, at its end, its
 * findings are dropped and the answer is -1.  What is answered here is for the end. */
static size_t
begin_core (struct vl_guest *guest)
{
  size_t outer = guest->work->tainted[guest->registry->n];

  guest->work->tainted[guest->registry->n] = 0;
  return outer;
}

static int
end_core (struct vl_guest *guest, size_t outer)
{
  int spoilt = vl_guest_spoilt (guest, NULL);

  guest->work->tainted[guest->registry->n] = outer;
  return spoilt ? -1 : 0;
}

static void
fill_by_default (struct vl_guest *guest, struct vl_guest_prop *slot)
{
  struct vl_call *call = guest->call;
  struct vl_plugin *caller = call->plugin, *driver = guest->driver;
  const char *text = vl_driver_answer (call, driver, slot->name);

  vl_call_as (call, NULL);
  if (text == NULL)
    text = vl_slot_default (call, slot->name);
  vl_call_as (call, caller);
  vl_guest_put (guest, slot->name, text, NULL,
                driver ? vl_printf (call, "default of driver '%s'", driver->name) : "default");
}

/* What there is for guests is less, or more, than what the host has. */
static void
apply_capacity (struct vl_guest *guest, struct vl_guest_prop *slot)
{
  const char *what = VL_STREQ (slot->name, VL_HOST_VCPUS)    ? "cpu"
                     : VL_STREQ (slot->name, VL_HOST_MEMORY) ? "ram"
                                                             : NULL;
  const char *how;
  int64_t n;

  if (what == NULL || ! slot->value.set)
    return;
  n = vl_capacity (guest, what, slot->value.number, &how);
  vl_guest_put (guest, slot->name, vl_printf (guest->call, "%lld", (long long)n), slot->why, how);
}

static void
resolve_slot (struct vl_guest *guest, struct vl_guest_prop *slot)
{
  struct vl_guest_prop *filler = slot->filler ? &guest->props[slot->filler - 1] : NULL;
  size_t outer = begin_core (guest);

  slot->state = VL_RESOLVING;
  guest->chain[guest->n_chain++] = slot->name;
  if (filler && vl_guest_settle (guest, slot->filler - 1, guest->registry->n) == 0
      && filler->value.set) {
    slot->value = filler->value;
    slot->origin = filler->origin;
    slot->why = filler->name;
  } else if (filler == NULL || ! guest->failed[filler->owner])
    fill_by_default (guest, slot);
  apply_capacity (guest, slot);
  guest->n_chain--;
  if (end_core (guest, outer) < 0)
    slot->state = VL_FAILED;
  else if (slot->state != VL_FAILED)
    slot->state = VL_RESOLVED;
}

/* ---- settling ---- */

static void
note_reader (struct vl_guest *guest, size_t owner, size_t reader)
{
  struct vl_guest_work *work = guest->work;

  if (reader < guest->registry->n && owner < guest->registry->n)
    work->readers[owner * work->words + reader / 64] |= (uint64_t)1 << reader % 64;
}

static int
settle_core (struct vl_guest *guest, struct vl_guest_prop *prop, size_t who)
{
  size_t owner = prop->filler ? guest->props[prop->filler - 1].owner : guest->registry->n;

  if (prop->row->fills && prop->state == VL_UNRESOLVED && ! guest->frozen)
    resolve_slot (guest, prop);
  else if (prop->state == VL_RESOLVING) {
    report_cycle (guest, prop->name, who);
    taint (guest, who);
    return -1;
  }
  note_reader (guest, owner, who);
  if (prop->state == VL_FAILED || (owner < guest->registry->n && guest->failed[owner])) {
    taint (guest, who);
    return -1;
  }
  return 0;
}

int
vl_guest_settle_other (struct vl_guest *guest, size_t number, size_t who)
{
  struct vl_guest_prop *prop = &guest->props[number];
  size_t i = prop->owner;

  if (prop->plugin == NULL)
    return settle_core (guest, prop, who);
  note_reader (guest, i, who);
  if (guest->resolution[i] == VL_UNRESOLVED && ! guest->frozen && ! guest->failed[i])
    resolve_feature (guest, i);
  else if (guest->resolution[i] == VL_RESOLVING) {
    report_cycle (guest, prop->plugin->name, who);
    taint (guest, who);
    return -1;
  }
  if (! guest->failed[i])
    return 0;
  taint (guest, who);
  return -1;
}

int
vl_guest_settle_list (struct vl_guest *guest, int disks, const struct vl_plugin *reader)
{
  enum vl_resolution *state = disks ? &guest->disks_state : &guest->nics_state;
  const char *name = disks ? VL_GUEST_DISK : VL_GUEST_NIC;

  if (*state == VL_UNRESOLVED && ! guest->frozen) {
    size_t outer = begin_core (guest);
    int result;

    *state = VL_RESOLVING;
    guest->chain[guest->n_chain++] = name;
    result = disks ? vl_disks_lay_out (guest->call, guest) : vl_nics_lay_out (guest->call, guest);
    guest->n_chain--;
    *state = end_core (guest, outer) < 0 || result < 0 ? VL_FAILED : VL_RESOLVED;
    /* A guest without its disks must never come of a failure that nobody told. */
    if (result < 0 && guest->call->findings.n_errors == 0)
      vl_refuse (guest->call, VL_ERR_UNSUPPORTED, NULL, NULL,
                 "%s cannot be laid out for this kind of guest", name);
  } else if (*state == VL_RESOLVING)
    report_cycle (guest, name, vl_guest_number (guest, reader));
  if (*state == VL_RESOLVED)
    return 0;
  taint (guest, vl_guest_number (guest, reader));
  return -1;
}

/* ---- all ---- */

void
vl_guest_resolve (struct vl_guest *guest)
{
  struct vl_plugin *caller = guest->call->plugin;
  const struct vl_plugin_slot *core = &guest->work->index->plugins[guest->work->index->n_plugins];

  for (size_t i = 0; i < guest->registry->n; i++) {
    const struct vl_plugin *plugin = guest->registry->plugins[i];

    if (plugin->kind == VL_KIND_FEATURE && plugin->state == VL_PLUGIN_LOADED
        && guest->resolution[i] == VL_UNRESOLVED)
      resolve_feature (guest, i);
  }
  vl_call_as (guest->call, NULL);
  for (size_t i = 0; i < core->n_reads; i++) {
    struct vl_guest_prop *prop = &guest->props[core->reads[i].prop];

    if (prop->row->fills && prop->state == VL_UNRESOLVED)
      resolve_slot (guest, prop);
  }
  vl_guest_settle_list (guest, 1, NULL);
  vl_guest_settle_list (guest, 0, NULL);
  vl_call_as (guest->call, caller);
  guest->frozen = 1;
}

/* ---- what a feature says of itself ---- */

static void
set_items (struct vl_arena *arena, struct vl_value *value)
{
  size_t room = strlen (value->text) / 2 + 2;
  char *copy = vl_arena_strdup (arena, value->text), *state = NULL;

  value->items = vl_arena_alloc (arena, room * sizeof *value->items);
  value->n_items = 0;
  for (char *item = strtok_r (copy, " ", &state); item; item = strtok_r (NULL, " ", &state))
    value->items[value->n_items++] = item;
}

struct vl_guest_prop *
vl_guest_own (struct vl_call *call, const char *prop)
{
  struct vl_guest *guest = call->guest;
  const struct vl_prop *row = prop && call->plugin ? vl_plugin_row (call->plugin, prop) : NULL;
  size_t number = guest ? vl_guest_number (guest, call->plugin) : 0;
  const struct vl_plugin_slot *slot;

  if (row == NULL || guest == NULL || number == guest->registry->n) {
    vl_fault (call, "vl_put of '%s': it has no such property of its own", prop ? prop : "NULL");
    return NULL;
  }
  if (guest->resolution[number] != VL_RESOLVING && call->phase != VL_PHASE_CLAIM) {
    vl_fault (call, "vl_put of '%s': properties are set in resolve and claim only", prop);
    return NULL;
  }
  slot = &guest->work->index->plugins[number];
  for (size_t i = slot->first; i < slot->first + slot->n; i++)
    if (guest->props[i].row == row)
      return &guest->props[i];
  return NULL;
}

int
vl_row_take (struct vl_arena *arena, const struct vl_prop *row, const char *text,
             struct vl_value *value, const char **wrong)
{
  /* The items of an indexed row stand with blanks between; none has one inside. */
  const struct vl_prop indexed = { .type = VL_STRING, .flags = row->flags };
  int is_indexed = (row->flags & VL_INDEXED) != 0;

  memset (value, 0, sizeof *value);
  value->type = row->type;
  if (vl_value_take (arena, is_indexed ? &indexed : row, text, value, wrong) < 0)
    return -1;
  if (is_indexed && value->set)
    set_items (arena, value);
  return 0;
}

int
vl_guest_take (struct vl_call *call, const struct vl_guest_prop *prop, const char *text,
               struct vl_value *value)
{
  const char *wrong;

  *value = (struct vl_value) { .type = prop->row->type };
  if (text == NULL || vl_row_take (call->arena, prop->row, text, value, &wrong) == 0)
    return 0;
  return vl_refuse_as (call, VL_ERR_REQUEST, prop->row->invalid_code, prop->name, NULL, "'%s' %s",
                       prop->row->flags & VL_SECRET ? VL_HIDDEN : text, wrong);
}

int
vl_put (struct vl_call *call, const char *prop, const char *value, const char *why,
        const char *reason)
{
  struct vl_guest_prop *own = vl_guest_own (call, prop);

  if (own == NULL)
    return -1;
  own->why = why && strchr (why, '.') == NULL && strchr (why, ':') == NULL
                 ? vl_full_name (call, why)
                 : vl_arena_strdup (call->arena, why);
  own->reason = vl_arena_strdup (call->arena, reason);
  own->origin = VL_LAYER_RESOLVED;
  return vl_guest_take (call, own, value, &own->value);
}
