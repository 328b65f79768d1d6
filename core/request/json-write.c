/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The canonical JSON of a request: members sorted, no blanks, what has its
 * default left out, so that two ways to write one request are one text. */

#include <config.h>

#include "request/json-members.h"

#include <inttypes.h>

static void
add_text (struct vl_str *out, const char *text)
{
  vl_str_add_n (out, "\"", 1);
  while (*text) {
    size_t n = 0;

    while (text[n] && text[n] != '"' && text[n] != '\\' && (unsigned char)text[n] >= 0x20)
      n++;
    vl_str_add_n (out, text, n);
    text += n;
    if (*text == '"' || *text == '\\')
      vl_str_printf (out, "\\%c", *text);
    else if (*text)
      vl_str_printf (out, "\\u%04x", (unsigned char)*text);
    text += *text != '\0';
  }
  vl_str_add_n (out, "\"", 1);
}

/* The comma before, the member's name, the colon. */
static void
add_name (struct vl_str *out, const char *name)
{
  char last = out->length ? out->text[out->length - 1] : '{';

  if (last != '{' && last != '[')
    vl_str_add_n (out, ",", 1);
  if (name) {
    add_text (out, name);
    vl_str_add_n (out, ":", 1);
  }
}

static void
put_text (struct vl_str *out, const char *name, const char *text)
{
  if (text == NULL)
    return;
  add_name (out, name);
  add_text (out, text);
}

static void
put_number (struct vl_str *out, const char *name, int64_t number, int64_t otherwise)
{
  if (number == otherwise)
    return;
  add_name (out, name);
  vl_str_printf (out, "%" PRId64, number);
}

/* Opens an object or list. */
static void
open_part (struct vl_str *out, const char *name, const char *bracket)
{
  add_name (out, name);
  vl_str_add (out, bracket);
}

static void
put_entries (struct vl_str *out, const char *name, const struct vl_request *request,
             enum vl_layer layer)
{
  int opened = 0;

  for (size_t i = 0; i < request->n_entries; i++) {
    if (request->entries[i].layer != layer)
      continue;
    if (! opened)
      open_part (out, name, "{");
    opened = 1;
    put_text (out, request->entries[i].key, request->entries[i].value);
  }
  if (opened)
    vl_str_add (out, "}");
}

static void
put_devices (struct vl_str *out, const struct vl_request *request)
{
  if (request->n_devices == 0)
    return;
  open_part (out, "block_devices", "[");
  for (size_t i = 0; i < request->n_devices; i++) {
    const struct vl_block_device *device = &request->devices[i];

    open_part (out, NULL, "{");
    put_number (out, "boot_index", device->boot_index, -1);
    if (device->connection_info) {
      add_name (out, "connection_info");
      vl_str_add (out, device->connection_info);
    }
    put_text (out, "destination_type", device->destination_type);
    put_text (out, "device_name", device->device_name);
    put_text (out, "device_type", device->device_type);
    put_text (out, "disk_bus", device->disk_bus);
    put_text (out, "format", device->format);
    put_text (out, "guest_format", device->guest_format);
    put_text (out, "path", device->path);
    put_text (out, "source_type", device->source_type);
    put_text (out, "uuid", device->uuid);
    put_number (out, "volume_size", device->volume_size, 0);
    vl_str_add (out, "}");
  }
  vl_str_add (out, "]");
}

static void
put_flavor (struct vl_str *out, const struct vl_request *request)
{
  open_part (out, "flavor", "{");
  put_number (out, "disk", request->flavor.disk, 0);
  put_number (out, "ephemeral", request->flavor.ephemeral, 0);
  put_entries (out, "extra_specs", request, VL_LAYER_FLAVOR);
  put_text (out, "name", request->flavor.name);
  put_number (out, "ram", request->flavor.ram, 0);
  put_number (out, "swap", request->flavor.swap, 0);
  put_number (out, "vcpus", request->flavor.vcpus, 0);
  vl_str_add (out, "}");
}

static void
put_image (struct vl_str *out, const struct vl_request *request)
{
  if (! request->image.given)
    return;
  open_part (out, "image", "{");
  put_text (out, "disk_format", request->image.disk_format);
  put_text (out, "kernel", request->image.kernel);
  put_number (out, "min_disk", request->image.min_disk, 0);
  put_number (out, "min_ram", request->image.min_ram, 0);
  put_text (out, "name", request->image.name);
  put_entries (out, "properties", request, VL_LAYER_IMAGE);
  put_text (out, "ramdisk", request->image.ramdisk);
  put_number (out, "size", request->image.size, 0);
  put_text (out, "status", request->image.status);
  vl_str_add (out, "}");
}

static void
put_metadata (struct vl_str *out, const struct vl_request *request)
{
  if (request->n_metadata == 0)
    return;
  open_part (out, "metadata", "{");
  for (size_t i = 0; i < request->n_metadata; i++)
    put_text (out, request->metadata[i].key, request->metadata[i].value);
  vl_str_add (out, "}");
}

static void
put_networks (struct vl_str *out, const struct vl_request *request)
{
  if (request->n_networks == 0)
    return;
  open_part (out, "networks", "[");
  for (size_t i = 0; i < request->n_networks; i++) {
    const struct vl_network *network = &request->networks[i];

    open_part (out, NULL, "{");
    put_text (out, "address", network->address);
    put_text (out, "bridge", network->bridge);
    put_text (out, "model", network->model);
    put_number (out, "mtu", network->mtu, 0);
    put_text (out, "type", network->type);
    put_text (out, "vnic_type", network->vnic_type);
    vl_str_add (out, "}");
  }
  vl_str_add (out, "]");
}

void
vl_request_write (const struct vl_request *request, int with_uuid, int with_macs,
                  struct vl_str *out)
{
  vl_str_add (out, "{");
  put_devices (out, request);
  if (request->config_drive) {
    add_name (out, "config_drive");
    vl_str_add (out, "true");
  }
  put_text (out, "disk_kind", request->disk_kind);
  put_flavor (out, request);
  put_image (out, request);
  if (with_macs && request->n_macs) {
    open_part (out, "macs", "[");
    for (size_t i = 0; i < request->n_macs; i++)
      put_text (out, NULL, request->macs[i]);
    vl_str_add (out, "]");
  }
  put_metadata (out, request);
  put_text (out, "name", request->name);
  put_networks (out, request);
  put_entries (out, "properties", request, VL_LAYER_REQUEST);
  put_text (out, "user_data", request->user_data);
  if (with_uuid)
    put_text (out, "uuid", request->uuid);
  vl_str_add (out, "}");
}

char *
vl_request_to_json (const struct vl_request *request)
{
  struct vl_str text = { 0 };

  vl_request_write (request, 1, 1, &text);
  return text.text;
}
