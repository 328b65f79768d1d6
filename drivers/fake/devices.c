/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Disks and NICs that come and go: the guest has the document that it is given. */

#include <config.h>

#include <string.h>

#include "fake.h"

/* Nothing comes to a guest whose memory lies on disk, nor goes from it. */
static int
change (struct vl_call *call, const struct vl_conn *conn, const char *method,
        const struct vl_device_change *change)
{
  const char *uuid = change->after->uuid;
  struct fake_guest guest;
  int lock = fake_begin (call, conn, method, uuid), found, answer = -1;

  if (lock < 0)
    return -1;
  found = fake_load (call, conn, uuid, &guest);
  if (found == 0)
    answer = fake_not_found (call, uuid);
  else if (found > 0 && guest.state == VL_STATE_SUSPENDED)
    answer = vl_refuse_as (call, VL_ERR_FAILED, "InstanceNotRunning", NULL, NULL,
                           "guest '%s' is in state '%s', in which '%s' cannot be done", uuid,
                           fake_state_name (guest.state), method);
  else if (found > 0 && fake_take_document (call, change->after, &guest) == 0)
    answer = fake_save (call, conn, &guest);
  return fake_end (call, conn, lock, method, uuid, answer);
}

static int
fake_attach_volume (struct vl_call *call, struct vl_conn *conn, const struct vl_device_change *what)
{
  return change (call, conn, "attach_volume", what);
}

static int
fake_detach_volume (struct vl_call *call, struct vl_conn *conn, const struct vl_device_change *what)
{
  return change (call, conn, "detach_volume", what);
}

static int
fake_attach_interface (struct vl_call *call, struct vl_conn *conn,
                       const struct vl_device_change *what)
{
  return change (call, conn, "attach_interface", what);
}

static int
fake_detach_interface (struct vl_call *call, struct vl_conn *conn,
                       const struct vl_device_change *what)
{
  return change (call, conn, "detach_interface", what);
}

/* No process has the volume open: 1, once the guest is looked at. */
static int
fake_extend_volume (struct vl_call *call, struct vl_conn *conn, const struct vl_volume_size *volume)
{
  int lock = fake_begin (call, conn, "extend_volume", volume->uuid), found;
  struct fake_guest guest;

  if (lock < 0)
    return -1;
  found = fake_load (call, conn, volume->uuid, &guest);
  if (found == 0)
    found = fake_not_found (call, volume->uuid);
  return fake_end (call, conn, lock, "extend_volume", volume->uuid, found);
}

/* Where the first file stays, the document says which others there are. */
static int
is_after (const char *xml, const struct vl_volume_swap *swap)
{
  return strcmp (xml, vl_doc_xml (swap->after->doc)) == 0;
}

/* Is the file of SWAP the one that its disk is in the document XML?  What lies below it is not. */
static int
has_source (struct vl_call *call, const char *xml, const struct vl_volume_swap *swap)
{
  const struct vl_xml *root = vl_xml_read (call, xml, strlen (xml));
  const struct vl_xml *disk = root ? vl_xml_find (root, "devices/disk") : NULL;

  for (; disk; disk = vl_xml_next (disk, "disk")) {
    const struct vl_xml *source = vl_xml_child (disk, "source");
    const char *file = source ? vl_xml_attr (source, "file") : NULL;

    if (file && strcmp (file, swap->source) == 0)
      return 1;
  }
  return 0;
}

/* Nothing is copied: what is settled is what the guest's document has. */
static int
change_file (struct vl_call *call, struct vl_conn *conn, const char *method,
             const struct vl_volume_swap *swap)
{
  const struct vl_device_change what = { .size = sizeof what, .after = swap->after };
  struct fake_guest guest;
  int found;

  if (! swap->settle || swap->off)
    return change (call, conn, method, &what);
  if (fake_pass (call, conn, method) < 0)
    return -1;
  found = fake_load (call, conn, swap->after->uuid, &guest);
  if (found == 0)
    return fake_not_found (call, swap->after->uuid);
  return found < 0                  ? -1
         : swap->pulls || swap->top ? ! is_after (guest.xml, swap)
                                    : ! has_source (call, guest.xml, swap);
}

static int
fake_swap_volume (struct vl_call *call, struct vl_conn *conn, const struct vl_volume_swap *swap)
{
  return change_file (call, conn, "swap_volume", swap);
}

static int
fake_snapshot_create (struct vl_call *call, struct vl_conn *conn, const struct vl_volume_swap *swap)
{
  return change_file (call, conn, "volume_snapshot_create", swap);
}

static int
fake_snapshot_delete (struct vl_call *call, struct vl_conn *conn, const struct vl_volume_swap *swap)
{
  return change_file (call, conn, "volume_snapshot_delete", swap);
}

static int
fake_change_live (struct vl_call *call, struct vl_conn *conn, const struct vl_device_change *what)
{
  return change (call, conn, "change_live", what);
}

const struct vl_devices_calls fake_devices = {
  .size = sizeof fake_devices,
  .attach_volume = fake_attach_volume,
  .detach_volume = fake_detach_volume,
  .attach_interface = fake_attach_interface,
  .detach_interface = fake_detach_interface,
  .extend_volume = fake_extend_volume,
  .change_live = fake_change_live,
  .swap_volume = fake_swap_volume,
  .volume_snapshot_create = fake_snapshot_create,
  .volume_snapshot_delete = fake_snapshot_delete,
};
