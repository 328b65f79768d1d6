/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows with `of`: a value for each disk or NIC.  What the device's own properties
 * say lies above the layers of the guest, and what a feature puts above both. */

#include <config.h>

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
put (struct vl_guest *guest, struct vl_device_value value)
{
  struct vl_device_value *copy = vl_arena_alloc (guest->call->arena, sizeof *copy);

  *copy = value;
  copy->next = guest->work->devices;
  guest->work->devices = copy;
}

static void
parse_entry (struct vl_guest *guest, const struct vl_entry *entry, int disk, size_t at)
{
  struct vl_said said = { .layer = entry->layer, .entry = entry, .text = entry->value };
  const struct vl_key_slot *slot = vl_key_find (guest, entry, &said.number);
  const struct vl_prop *row = slot ? guest->props[slot->prop].row : NULL;
  struct vl_raw *raw;

  if (row == NULL)
    return;
  said.prop = slot->prop;
  if (row->of == NULL || is_disk (row) != disk) {
    vl_said_refuse (guest, &said, "ValidationError", NULL,
                    "'%s' is no property of a %s; it is one of %s", entry->key,
                    disk ? "disk" : "network",
                    row->of == NULL ? "images and servers"
                    : is_disk (row) ? "disks"
                                    : "networks");
    return;
  }
  raw = vl_said_parse (guest, &said);
  if (raw == NULL)
    return;
  raw->origin = entry->path;
  put (guest, (struct vl_device_value) { .at = at, .prop = slot->prop, .raw = raw });
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

/* Is DEVICE a disk, or else a NIC?  1 with its number in the request in *AT, SIZE_MAX
 * where it is not of that; or 0. */
static int
place_of (const struct vl_guest *guest, int disk, const char *device, size_t *at)
{
  const struct vl_block_device *bdm;
  size_t i = 0, n = disk ? guest->n_disks : guest->n_nics;

  while (i < n && ! VL_STREQ (disk ? guest->disks[i].id : guest->nics[i].id, device))
    i++;
  if (i == n)
    return 0;
  bdm = disk && guest->disk_devices ? guest->disk_devices[i] : NULL;
  *at = ! disk ? (size_t)guest->nics[i].index
        : bdm  ? (size_t)(bdm - guest->request->devices)
               : SIZE_MAX;
  return 1;
}

/* What is said of PROP of DEVICE itself, or NULL. */
static const struct vl_device_value *
find_value (const struct vl_guest *guest, const struct vl_guest_prop *prop, const char *device)
{
  const struct vl_device_value *given = NULL;
  size_t number = (size_t)(prop - guest->props), at;

  if (prop->row->of == NULL || guest->work == NULL
      || ! place_of (guest, is_disk (prop->row), device, &at))
    return NULL;
  for (const struct vl_device_value *v = guest->work->devices; v; v = v->next)
    if (v->prop == number) {
      if (v->device && VL_STREQ (v->device, device))
        return v;
      if (v->device == NULL && v->at == at)
        given = v;
    }
  return given;
}

/* Makes sure that PROP is per device and that DEVICE is there.  0, or -1 after a
 * finding. */
static int
settle_device (struct vl_call *call, const struct vl_guest_prop *prop, const char *device)
{
  int disk, settled;
  size_t at;

  if (prop->row->of == NULL)
    return vl_fault (call, "reads '%s' of a device: that row has one value for the guest",
                     prop->name);
  disk = is_disk (prop->row);
  settled = vl_guest_settle_list (call->guest, disk, vl_guest_reader (call));
  if (settled < 0 || place_of (call->guest, disk, device, &at))
    return settled;
  return vl_fault (call, "asks for '%s' of '%s', which is no %s of this guest", prop->name, device,
                   prop->row->of);
}

static const struct vl_value *
value_of (struct vl_call *call, const char *device, const char *name)
{
  const struct vl_device_value *own;
  const struct vl_guest_prop *prop;
  const struct vl_value *value;
  size_t number;

  if (device == NULL || name == NULL || call->guest == NULL) {
    vl_fault (call, "reads a property of a device: NULL where a name is needed, or no guest");
    return NULL;
  }
  number = vl_guest_locate (call, name);
  prop = number == VL_NO_PROP ? NULL : &call->guest->props[number];
  if (prop == NULL || settle_device (call, prop, device) < 0)
    return NULL;
  own = find_value (call->guest, prop, device);
  value = own ? &own->raw->value : &prop->value;
  return value->set ? value : NULL;
}

VL_READERS (vl_of_, (struct vl_call * call, const char *device, const char *prop),
            value_of (call, device, prop))

int
vl_put_of (struct vl_call *call, const char *device, const char *prop, const char *value,
           const char *why, const char *reason)
{
  struct vl_guest_prop *own = vl_guest_own (call, prop);
  struct vl_raw *raw;

  if (own == NULL)
    return -1;
  if (device == NULL)
    return vl_fault (call, "vl_put_of of '%s': NULL where a device is needed", prop);
  raw = vl_arena_alloc (call->arena, sizeof *raw);
  if (settle_device (call, own, device) < 0 || vl_guest_take (call, own, value, &raw->value) < 0)
    return -1;
  put (call->guest, (struct vl_device_value) { .device = vl_arena_strdup (call->arena, device),
                                               .prop = (size_t)(own - call->guest->props),
                                               .raw = raw,
                                               .why = why ? vl_full_name (call, why) : NULL,
                                               .reason = vl_arena_strdup (call->arena, reason) });
  return 0;
}

/* ---- the record ---- */

void
vl_devices_put (struct vl_guest *guest, const struct vl_guest_prop *prop, const char *device,
                const struct vl_value *value, const char *reason)
{
  struct vl_raw *raw = vl_arena_alloc (guest->call->arena, sizeof *raw);

  raw->value = *value;
  put (guest,
       (struct vl_device_value) {
           .device = device, .prop = (size_t)(prop - guest->props), .raw = raw, .reason = reason });
}

const struct vl_value *
vl_device_value (const struct vl_guest *guest, const struct vl_guest_prop *prop, const char *device)
{
  const struct vl_device_value *own = find_value (guest, prop, device);

  return own && own->raw->value.set ? &own->raw->value : NULL;
}

/* ---- reasons ---- */

const char *
vl_device_cause (const struct vl_guest *guest, const struct vl_guest_prop *prop, const char *device)
{
  struct vl_arena *arena = guest->call->arena;
  const struct vl_device_value *own = find_value (guest, prop, device);

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
