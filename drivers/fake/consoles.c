/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the consoles of a fake guest would be: as its document says.  Nobody listens there. */

#include <config.h>

#include <string.h>

#include "../consoles.h"
#include "fake.h"

const struct vl_xml *
fake_devices_of (struct vl_call *call, struct vl_conn *conn, const char *method, const char *uuid)
{
  const struct vl_xml *root;
  struct fake_guest guest;
  int found = fake_pass (call, conn, method) < 0 ? -1 : fake_load (call, conn, uuid, &guest);

  if (found == 0)
    fake_not_found (call, uuid);
  if (found <= 0)
    return NULL;
  root = vl_xml_read (call, guest.xml, strlen (guest.xml));
  return root ? vl_xml_child (root, "devices") : NULL;
}

static int
answer (struct vl_call *call, const char *uuid, const char *type, int has, struct vl_console found,
        struct vl_console *console)
{
  if (has)
    return console_hand_out (console, found);
  return vl_refuse_as (
      call, VL_ERR_UNSUPPORTED, "ConsoleTypeUnavailable", NULL,
      vl_printf (call, "virtloom server show %s has its displays and its console", uuid),
      "guest '%s' has no console of type %s", uuid, type);
}

static int
graphics (struct vl_call *call, struct vl_conn *conn, const char *method, const char *type,
          const char *uuid, struct vl_console *console)
{
  const struct vl_xml *devices = fake_devices_of (call, conn, method, uuid);
  struct vl_console found = { .port = 0 };

  if (devices == NULL)
    return -1;
  return answer (call, uuid, type, console_graphics (devices, type, &found), found, console);
}

int
fake_get_vnc_console (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                      struct vl_console *console)
{
  return graphics (call, conn, "get_vnc_console", "vnc", uuid, console);
}

int
fake_get_spice_console (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                        struct vl_console *console)
{
  return graphics (call, conn, "get_spice_console", "spice", uuid, console);
}

int
fake_get_serial_console (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                         struct vl_console *console)
{
  const struct vl_xml *devices = fake_devices_of (call, conn, "get_serial_console", uuid);
  struct vl_console found = { .port = 0 };

  if (devices == NULL)
    return -1;
  return answer (call, uuid, "serial", console_serial (devices, &found), found, console);
}
