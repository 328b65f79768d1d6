/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows with `of`: a value for each disk or NIC.  What the device's own properties
 * say lies above the layers of the guest, and what a feature puts above both. */

#include <config.h>

#include "request/name.h"
#include "request/work.h"

/* What is said of property PROP of one device. */
struct vl_device_value {
  const char *device; /* its id; NULL: what the request says of number AT */
  size_t at, prop;
  const struct vl_raw *raw;
  const char *why, *reason; /* of what was put */
  struct vl_device_value *next;
};

static int
is_disk (const struct vl_prop *row)
{
  return VL_STREQ (row->of, "disk");
}

/* ---- parse ---- */

static void
refuse (struct vl_guest *guest, struct vl_guest_prop *prop, const struct vl_entry *entry,
        const char *code, const char *message)
{
  struct vl_entry shown = *entry;
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_REQUEST,
                              .code = code,
                              .plugin = prop->plugin ? prop->plugin->name : NULL,
                              .property = prop->name,
                              .path = entry->path };

  if (prop->row->flags & VL_SECRET)
    shown.value = VL_HIDDEN;
  report.origin = vl_entry_origin (guest->call->arena, &shown);
  vl_report (guest->call, &report, "%s", message);
  if (prop->plugin)
    vl_guest_fail (guest, prop->plugin);
}

static void
parse_entry (struct vl_guest *guest, const struct vl_entry *entry, int disk, size_t at)
{
  struct vl_call *call = guest->call;
  long number;
  const struct vl_key_slot *slot = vl_key_find (guest, entry, &number);
  struct vl_guest_prop *prop = slot ? &guest->props[slot->prop] : NULL;
  struct vl_device_value *value;
  struct vl_raw *raw;
  const char *why;

  if (prop == NULL)
    return;
  if (prop->row->of == NULL || is_disk (prop->row) != disk) {
    refuse (guest, prop, entry, "ValidationError",
            vl_printf (call, "'%s' is no property of a %s; it is one of %s", entry->key,
                       disk ? "disk" : "network",
                       prop->row->of == NULL ? "images and servers"
                       : is_disk (prop->row) ? "disks"
                                             : "networks"));
    return;
  }
  raw = vl_arena_alloc (call->arena, sizeof *raw);
  raw->key = entry->key;
  raw->text = prop->row->flags & VL_SECRET ? VL_HIDDEN : entry->value;
  raw->origin = entry->path;
  if (vl_value_parse (call->arena, prop->row, entry->value, &raw->value, &why) < 0) {
    refuse (guest, prop, entry, prop->row->invalid_code,
            vl_printf (call, "'%s' %s", vl_shown (call->arena, raw->text), why));
    return;
  }
  value = vl_arena_alloc (call->arena, sizeof *value);
  *value = (struct vl_device_value) { NULL, at, slot->prop, raw, NULL, NULL, guest->work->devices };
  guest->work->devices = value;
}

void
vl_devices_parse (struct vl_guest *guest)
{
  const struct vl_request *request = guest->request;

  for (size_t i = 0; i < request->n_devices; i++)
    for (size_t k = 0; k < request->devices[i].n_properties; k++)
      parse_entry (guest, &request->devices[i].properties[k], 1, i);
  for (size_t i = 0; i < request->n_networks; i++)
    for (size_t k = 0; k < request->networks[i].n_properties; k++)
      parse_entry (guest, &request->networks[i].properties[k], 0, i);
}

/* ---- look-up ---- */

/* The number in the request of the disk or NIC with id DEVICE; *FOUND is 0 where
 * there is none such. */
static size_t
place_of (const struct vl_guest *guest, int disk, const char *device, int *found)
{
  for (size_t i = 0; i < (disk ? guest->n_disks : guest->n_nics); i++)
    if (VL_STREQ (disk ? guest->disks[i].id : guest->nics[i].id, device)) {
      *found = 1;
      if (! disk)
        return (size_t)guest->nics[i].index;
      return guest->disk_devices && guest->disk_devices[i]
                 ? (size_t)(guest->disk_devices[i] - guest->request->devices)
                 : SIZE_MAX;
    }
  *found = 0;
  return SIZE_MAX;
}

static const struct vl_device_value *
find_value (const struct vl_guest *guest, size_t prop, const char *device, size_t at)
{
  const struct vl_device_value *given = NULL;

  for (const struct vl_device_value *v = guest->work->devices; v; v = v->next)
    if (v->prop == prop) {
      if (v->device && VL_STREQ (v->device, device))
        return v;
      if (v->device == NULL && v->at == at)
        given = v;
    }
  return given;
}

/* Makes sure that row NUMBER is per device and that DEVICE is there, with its place
 * in *AT.  0, or -1 after a finding. */
static int
settle_device (struct vl_call *call, size_t number, const char *device, size_t *at)
{
  struct vl_guest *guest = call->guest;
  const struct vl_guest_prop *prop = &guest->props[number];
  const struct vl_plugin *reader =
      call->plugin && call->plugin->kind == VL_KIND_FEATURE ? call->plugin : NULL;
  int found;

  if (prop->row->of == NULL)
    return vl_fault (call, "reads '%s' of a device: that row has one value for the guest",
                     prop->name);
  if ((is_disk (prop->row) ? vl_guest_settle_disks (guest, reader)
                           : vl_guest_settle_nics (guest, reader))
      < 0)
    return -1;
  *at = place_of (guest, is_disk (prop->row), device, &found);
  return found ? 0
               : vl_fault (call, "asks for '%s' of '%s', which is no %s of this guest", prop->name,
                           device, prop->row->of);
}

static const struct vl_value *
value_of (struct vl_call *call, const char *device, const char *name)
{
  const struct vl_device_value *own;
  size_t number, at;

  if (device == NULL || name == NULL || call->guest == NULL) {
    vl_fault (call, "reads a property of a device: NULL where a name is needed, or no guest");
    return NULL;
  }
  number = vl_guest_locate (call, name);
  if (number == VL_NO_PROP || settle_device (call, number, device, &at) < 0)
    return NULL;
  own = find_value (call->guest, number, device, at);
  if (own)
    return own->raw->value.set ? &own->raw->value : NULL;
  return call->guest->props[number].value.set ? &call->guest->props[number].value : NULL;
}

VL_READERS (vl_of_, (struct vl_call * call, const char *device, const char *prop),
            value_of (call, device, prop))

int
vl_put_of (struct vl_call *call, const char *device, const char *prop, const char *value,
           const char *why, const char *reason)
{
  struct vl_guest_prop *own = vl_guest_own (call, prop);
  struct vl_device_value *put;
  struct vl_raw *raw;
  size_t number, at;

  if (own == NULL)
    return -1;
  number = (size_t)(own - call->guest->props);
  if (device == NULL)
    return vl_fault (call, "vl_put_of of '%s': NULL where a device is needed", prop);
  if (settle_device (call, number, device, &at) < 0)
    return -1;
  raw = vl_arena_alloc (call->arena, sizeof *raw);
  if (vl_guest_take (call, own, value, &raw->value) < 0)
    return -1;
  put = vl_arena_alloc (call->arena, sizeof *put);
  *put = (struct vl_device_value) { vl_arena_strdup (call->arena, device),
                                    at,
                                    number,
                                    raw,
                                    why ? vl_full_name (call, why) : NULL,
                                    vl_arena_strdup (call->arena, reason),
                                    call->guest->work->devices };
  call->guest->work->devices = put;
  return 0;
}

/* ---- the record ---- */

void
vl_devices_put (struct vl_guest *guest, const struct vl_guest_prop *prop, const char *device,
                const struct vl_value *value, const char *reason)
{
  struct vl_device_value *put = vl_arena_alloc (guest->call->arena, sizeof *put);
  struct vl_raw *raw = vl_arena_alloc (guest->call->arena, sizeof *raw);

  raw->value = *value;
  *put = (struct vl_device_value) { .device = device,
                                    .at = SIZE_MAX,
                                    .prop = (size_t)(prop - guest->props),
                                    .raw = raw,
                                    .reason = reason,
                                    .next = guest->work->devices };
  guest->work->devices = put;
}

const struct vl_value *
vl_device_value (const struct vl_guest *guest, const struct vl_guest_prop *prop, const char *device)
{
  const struct vl_device_value *own;
  size_t at;
  int found;

  if (prop->row->of == NULL)
    return NULL;
  at = place_of (guest, is_disk (prop->row), device, &found);
  own = found ? find_value (guest, (size_t)(prop - guest->props), device, at) : NULL;
  return own && own->raw->value.set ? &own->raw->value : NULL;
}

/* ---- reasons ---- */

const char *
vl_device_cause (const struct vl_guest *guest, const struct vl_guest_prop *prop, const char *device)
{
  struct vl_arena *arena = guest->call->arena;
  const struct vl_device_value *own;
  int found = 0;
  size_t at;

  if (prop->row->of == NULL || guest->work == NULL)
    return NULL;
  at = place_of (guest, is_disk (prop->row), device, &found);
  own = found ? find_value (guest, (size_t)(prop - guest->props), device, at) : NULL;
  if (own == NULL)
    return NULL;
  if (own->device == NULL)
    return vl_arena_printf (arena, "%s=%s (%s)", own->raw->key, vl_shown (arena, own->raw->text),
                            own->raw->origin);
  return vl_arena_printf (arena, "%s=%s (%s%s%s)", prop->name,
                          prop->row->flags & VL_SECRET ? VL_HIDDEN
                          : own->raw->value.text       ? vl_shown (arena, own->raw->value.text)
                                                       : "",
                          own->reason ? own->reason : "resolved", own->why ? ", " : "",
                          own->why ? own->why : "");
}
