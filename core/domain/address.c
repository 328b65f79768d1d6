/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Addresses of devices: seen when a guest is read back, kept with its record, and
 * given back where another document takes the place of the one that was read. */

#include <config.h>

#include "domain/node.h"
#include "request/recorded.h"

void
vl_address_keep (struct vl_call *call, const char *id, const char *text)
{
  struct vl_address *seen = call->addresses;

  while (seen && ! VL_STREQ (seen->device, id))
    seen = seen->next;
  if (seen == NULL) {
    seen = vl_arena_alloc (call->arena, sizeof *seen);
    *seen = (struct vl_address) { vl_arena_strdup (call->arena, id), NULL, call->addresses };
    call->addresses = seen;
  }
  seen->text = vl_arena_strdup (call->arena, text);
}

void
vl_address_note (struct vl_call *call, const char *id, const struct vl_xml *xml)
{
  /* What libvirt writes into <address>, whatever its type. */
  static const char *const names[] = {
    "bus",  "controller", "cssid", "devno", "domain", "function", "multifunction",
    "port", "reg",        "slot",  "ssid",  "target", "unit",
  };
  const struct vl_xml *address = vl_xml_child (xml, "address");
  const char *type = address ? vl_xml_attr (address, "type") : NULL;
  VL_AUTOSTR struct vl_str text = { 0 };

  if (type == NULL)
    return;
  vl_str_printf (&text, "type=%s", type);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const char *value = vl_xml_attr (address, names[i]);

    if (value)
      vl_str_printf (&text, " %s=%s", names[i], value);
  }
  vl_address_keep (call, id, text.text);
}

/* Does property NAME have the value that is on record? */
static int
is_as_it_was (struct vl_call *call, const char *name)
{
  const struct vl_recorded *was = call->guest->was;

  for (size_t i = 0; i < was->n_props; i++)
    if (VL_STREQ (was->props[i].name, name))
      return vl_is (call, name, was->props[i].value);
  return 0;
}

void
vl_address_write (struct vl_call *call, struct vl_node *node, const char *id, const char *bus)
{
  const struct vl_recorded_device *was = vl_recorded_device (call->guest->was, id);
  const char *place = was == NULL ? NULL : was->is_nic ? was->nic.model : was->disk.bus;
  char *copy, *state = NULL;

  if (place == NULL || was->address == NULL || bus == NULL || ! VL_STREQ (place, bus)
      || ! is_as_it_was (call, VL_GUEST_MACHINE) || ! is_as_it_was (call, VL_GUEST_ARCH))
    return;
  node = vl_ensure_in (vl_because (node, VL_WHY_ADDRESS), "address");
  copy = vl_arena_strdup (call->arena, was->address);
  for (char *pair = strtok_r (copy, " ", &state); pair; pair = strtok_r (NULL, " ", &state)) {
    char *value = strchr (pair, '=');

    if (value) {
      *value++ = '\0';
      vl_set_default (node, pair, value);
    }
  }
}
