/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where the consoles of a guest are, by its document: as it runs, or as it was planned. */

#ifndef VL_DRIVERS_CONSOLES_H
#define VL_DRIVERS_CONSOLES_H

#include <stdlib.h>
#include <string.h>

#include <virtloom/driver.h>

static inline int32_t
console_port (const struct vl_xml *node, const char *name)
{
  const char *text = vl_xml_attr (node, name);
  long port = text ? strtol (text, NULL, 10) : 0;

  return port > 0 && port <= 65535 ? (int32_t)port : 0;
}

/* The display of TYPE among DEVICES: 1 with *FOUND, or 0. */
static inline int
console_graphics (const struct vl_xml *devices, const char *type, struct vl_console *found)
{
  const struct vl_xml *node = vl_xml_child (devices, "graphics"), *listen;

  while (node && (vl_xml_attr (node, "type") == NULL || strcmp (vl_xml_attr (node, "type"), type)))
    node = vl_xml_next (node, "graphics");
  if (node == NULL)
    return 0;
  listen = vl_xml_child (node, "listen");
  found->socket = listen ? vl_xml_attr (listen, "socket") : NULL;
  if (found->socket == NULL)
    found->socket = vl_xml_attr (node, "socket");
  found->host = listen ? vl_xml_attr (listen, "address") : NULL;
  if (found->host == NULL)
    found->host = vl_xml_attr (node, "listen");
  found->port = console_port (node, "port");
  found->tls_port = console_port (node, "tlsPort");
  return found->socket || found->port || found->tls_port;
}

/* 1 where DEVICE, a <serial> or <console>, can be reached. */
static inline int
console_of_device (const struct vl_xml *device, struct vl_console *found)
{
  const char *type = vl_xml_attr (device, "type");
  const struct vl_xml *source = vl_xml_child (device, "source");
  const char *mode = source ? vl_xml_attr (source, "mode") : NULL;

  if (type == NULL || source == NULL)
    return 0;
  if (strcmp (type, "pty") == 0)
    return (found->tty = vl_xml_attr (source, "path")) != NULL;
  if (mode == NULL || strcmp (mode, "bind") != 0)
    return 0;
  if (strcmp (type, "unix") == 0)
    return (found->socket = vl_xml_attr (source, "path")) != NULL;
  if (strcmp (type, "tcp") != 0)
    return 0;
  found->host = vl_xml_attr (source, "host");
  found->port = console_port (source, "service");
  return found->port != 0;
}

/* The first serial port, or console, among DEVICES that can be reached: 1 with *FOUND, or 0. */
static inline int
console_serial (const struct vl_xml *devices, struct vl_console *found)
{
  static const char *const kinds[] = { "serial", "console" };

  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    for (const struct vl_xml *node = vl_xml_child (devices, kinds[i]); node;
         node = vl_xml_next (node, kinds[i]))
      if (console_of_device (node, found))
        return 1;
  return 0;
}

/* Is there a display that somebody could look at? */
static inline int
console_has_display (const struct vl_xml *devices)
{
  const struct vl_xml *video = vl_xml_child (devices, "video");
  const struct vl_xml *model = video ? vl_xml_child (video, "model") : NULL;
  const char *type = model ? vl_xml_attr (model, "type") : NULL;

  return video && (type == NULL || strcmp (type, "none") != 0);
}

/* FOUND, as far as the caller knows of its members. */
static inline int
console_hand_out (struct vl_console *console, struct vl_console found)
{
  found.size = console->size < sizeof found ? console->size : (uint32_t)sizeof found;
  memcpy (console, &found, found.size);
  return 0;
}

#endif
