/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which disk or NIC of a server is meant by a word. */

#include <config.h>

#include "server/hooks.h"

#include "lib/text.h"

/* Is DEVICE what WORD names? */
static int
is_named (const struct vl_recorded_device *device, const char *word)
{
  const struct vl_disk *disk = &device->disk;
  const struct vl_nic *nic = &device->nic;

  if (device->is_nic)
    return VL_STREQ (nic->id, word) || vl_text_same (nic->mac, word)
           || vl_text_same (nic->tap, word);
  return VL_STREQ (disk->id, word) || vl_text_same (disk->serial, word)
         || vl_text_same (disk->dev, VL_STARTS (word, "/dev/") ? word + 5 : word)
         || vl_text_same (disk->source, word);
}

/* Refuses WORD, which names N NICs or volumes of RECORD's server; ALL: those that it has. */
static int
refuse_word (struct vl_call *call, const struct vl_record *record, int nic, const char *word,
             size_t n, const char *all)
{
  const char *kind = nic ? "interface" : "volume";

  if (n > 0)
    return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidInput", NULL, NULL,
                         "\"%s\" is %zu %ss of server \"%s\"; accepted: %s", word, n, kind,
                         record->name, all);
  return vl_refuse_as (call, VL_ERR_NOT_FOUND, nic ? "PortNotFound" : "VolumeBDMNotFound", NULL,
                       NULL, "server \"%s\" has no %s \"%s\"; accepted: %s", record->name, kind,
                       word, all ? all : "none, since it has none that can go");
}

const char *
vl_device_named (struct vl_call *call, const struct vl_record *record,
                 const struct vl_recorded *was, int nic, const char *word)
{
  VL_AUTOSTR struct vl_str all = { 0 };
  const char *found = NULL;
  size_t n = 0;

  for (size_t i = 0; i < was->n_devices; i++) {
    const struct vl_recorded_device *device = &was->devices[i];
    const struct vl_disk *disk = &device->disk;

    if (device->is_nic != nic)
      continue;
    if (! nic && ! VL_STREQ (disk->role, "volume")) {
      if (is_named (device, word)) {
        vl_refuse_as (
            call, VL_ERR_REQUEST, "InvalidVolume", NULL,
            vl_printf (call,
                       "its own disks are changed by 'server rebuild' and 'server resize'; "
                       "virtloom server show %s lists the volumes",
                       vl_name_word (call->arena, record->name)),
            "disk '%s' of server \"%s\" (%s) goes with the server alone", disk->dev, record->name,
            disk->role);
        return NULL;
      }
      continue;
    }
    vl_str_printf (&all, "%s%s (%s)", all.length ? ", " : "", nic ? device->nic.id : disk->dev,
                   nic ? device->nic.mac : disk->id);
    if (is_named (device, word)) {
      found = nic ? device->nic.id : disk->id;
      n++;
    }
  }
  if (n != 1)
    refuse_word (call, record, nic, word, n, all.text);
  return n == 1 ? found : NULL;
}
