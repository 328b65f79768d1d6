/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server show and event list: what a server is made of, where its displays and its
 * console are, and what was done to it. */

#include <config.h>

#include "server.h"

#include <stdlib.h>
#include <string.h>

#define LAST_ACTIONS 5

static const struct column head_columns[] = {
  { "name", "Name" },
  { "uuid", "UUID" },
  { "domain", "Domain" },
  { "status", "Status" },
  { "power_state", "Power" },
  { "fault", "Fault" },
  { "overruled", "Overruled" },
  { "description", "Description" },
  { "locked", "Locked" },
  { "flavor", "Flavor" },
  { "vcpus", "VCPUs" },
  { "ram", "RAM (MiB)" },
  { "flavor_properties", "Flavor properties" },
  { "image", "Image" },
  { "image_properties", "Image properties" },
  { "request_properties", "Own properties" },
  { "metadata", "Metadata" },
  { "hostname", "Host name" },
  { "public_keys", "SSH keys" },
  { "config_drive", "Config drive" },
  { "driver", "Driver" },
  { "firmware", "Firmware" },
  { "generation", "Generation" },
  { "created", "Created" },
  { "displays", "Displays" },
  { "console", "Console" },
  { "run_dir", "Run folder" },
  { "feature_names", "Features" },
  { "disks", "Disks", 1 },
  { "networks", "Interfaces", 1 },
  { "claims", "Claims", 1 },
  { "features", "Active features", 1 },
  { "properties", "Properties", 1 },
  { "actions", "Last actions", 1 },
  { "xml", "Domain XML", 1 },
  { NULL, NULL },
};

/* ---- history ---- */

json_t *
server_action_json (const struct vl_action_info *action)
{
  json_t *object = json_object ();

  json_put (object, "at", action->at);
  json_put (object, "ended", action->ended);
  json_put (object, "action", action->action);
  json_put (object, "user", action->user);
  json_put (object, "result", action->result);
  json_put (object, "reason", action->reason);
  return object;
}

static json_t *
history (const struct vl_action_info *actions, size_t n)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < n; i++)
    json_array_append_new (list, server_action_json (&actions[i]));
  return list;
}

static const struct column history_columns[] = {
  { "at", "Time" },       { "action", "Action" }, { "user", "User" },
  { "result", "Result" }, { "reason", "Reason" }, { NULL, NULL },
};

int
server_event_list (struct tool *tool)
{
  const struct vl_action_info *actions;
  size_t n;

  if (args_has (tool->args, "follow"))
    return server_follow_events (tool);
  if (vl_server_history (tool->app, tool->args->words[0], &actions, &n) < 0)
    return -1;
  tool_list (tool, "events", history (actions, n), history_columns);
  return 0;
}

/* ---- what it is made of ---- */

/* A number in TEXT as a number, NULL as null. */
static void
put_number (json_t *object, const char *key, const char *text)
{
  if (text)
    json_put_int (object, key, strtoll (text, NULL, 10));
  else
    json_put (object, key, NULL);
}

/* The devices of KIND. */
static json_t *
devices_json (const struct vl_server_details *d, const char *kind)
{
  int nic = strcmp (kind, "nic") == 0;
  json_t *list = json_array ();

  for (size_t i = 0; i < d->n_devices; i++) {
    const struct vl_device_info *device = &d->devices[i];
    json_t *object;

    if (strcmp (device->kind, kind) != 0)
      continue;
    object = json_object ();
    json_put (object, "id", device->id);
    json_put (object, "type", device->type);
    json_put (object, "source", device->source);
    if (nic) {
      json_put (object, "model", device->model);
      json_put (object, "mac", device->mac);
      put_number (object, "mtu", device->mtu);
      json_put (object, "tap", device->tap);
    } else {
      json_put (object, "format", device->format);
      json_put (object, "bus", device->bus);
      json_put (object, "target", device->target);
      put_number (object, "size", device->size);
      put_number (object, "used", device->allocated);
      put_number (object, "virtual_size", device->virtual_size);
      put_number (object, "over_committed", device->over_committed);
      json_put (object, "backing", device->backing);
      json_object_set_new (object, "below",
                           device->below ? json_texts (device->below) : json_null ());
    }
    json_put (object, "address", device->address);
    json_put (object, "plugin", device->plugin);
    json_array_append_new (list, object);
  }
  return list;
}

static json_t *
claims_json (const struct vl_server_details *d)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < d->n_claims; i++) {
    json_t *object = json_object ();

    json_put (object, "resource", d->claims[i].resource);
    put_number (object, "amount", d->claims[i].member ? NULL : d->claims[i].amount);
    json_put (object, "holder", d->claims[i].holder);
    json_put (object, "member", d->claims[i].member);
    json_put (object, "plugin", d->claims[i].plugin);
    json_array_append_new (list, object);
  }
  return list;
}

/* The active features; with ASKED only those that something but the default made active. */
static json_t *
features_json (const struct vl_server_details *d, int asked)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < d->n_features; i++) {
    const struct vl_feature_info *feature = &d->features[i];
    json_t *object;

    if (asked && feature->cause && strcmp (feature->cause, "default") == 0)
      continue;
    object = json_object ();
    json_put (object, "feature", feature->plugin);
    json_put (object, "version", feature->version);
    json_put (object, "why", feature->cause);
    json_array_append_new (list, object);
  }
  return list;
}

static json_t *
values_json (const struct vl_server_details *d)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < d->n_values; i++) {
    json_t *object = json_object ();

    json_put (object, "name", d->values[i].name);
    json_put (object, "device", d->values[i].device);
    json_put (object, "value", d->values[i].value);
    json_put (object, "why", d->values[i].cause);
    json_array_append_new (list, object);
  }
  return list;
}

/* ---- what is in its document ---- */

/* "vnc unix:/PATH", "spice 127.0.0.1:5900": where display NODE, a <graphics>, listens. */
static const char *
display (struct tool *tool, const struct vl_xml *node)
{
  const struct vl_xml *listen = vl_xml_child (node, "listen");
  const char *socket = listen ? vl_xml_attr (listen, "socket") : NULL;
  const char *address = listen ? vl_xml_attr (listen, "address") : NULL;
  const char *port = vl_xml_attr (node, "port"), *tls = vl_xml_attr (node, "tlsPort");

  if (socket == NULL)
    socket = vl_xml_attr (node, "socket");
  if (socket)
    return vl_printf (tool->call, "%s unix:%s", vl_xml_attr (node, "type"), socket);
  if (address == NULL)
    address = vl_xml_attr (node, "listen");
  if (port == NULL || strcmp (port, "-1") == 0)
    port = "the port that the hypervisor chose";
  if (address == NULL)
    address = "127.0.0.1";
  return vl_printf (tool->call, strchr (address, ':') ? "%s [%s]:%s%s%s" : "%s %s:%s%s%s",
                    vl_xml_attr (node, "type"), address, port, tls ? ", TLS " : "", tls ? tls : "");
}

/* The file, socket or port of the first serial device or console. */
static const char *
console (struct tool *tool, const struct vl_xml *devices)
{
  static const char *const kinds[] = { "serial", "console" };

  for (size_t i = 0; i < 2; i++)
    for (const struct vl_xml *node = vl_xml_child (devices, kinds[i]); node;
         node = vl_xml_next (node, kinds[i])) {
      const struct vl_xml *log = vl_xml_child (node, "log");
      const struct vl_xml *source = vl_xml_child (node, "source");
      const char *host = source ? vl_xml_attr (source, "host") : NULL;

      if (host)
        return vl_printf (tool->call, "tcp:%s:%s", host, vl_xml_attr (source, "service"));
      if (log)
        return vl_xml_attr (log, "file");
      if (source && vl_xml_attr (source, "path"))
        return vl_xml_attr (source, "path");
    }
  return NULL;
}

static void
put_document (struct tool *tool, json_t *object, const char *xml)
{
  const struct vl_xml *root = xml && *xml ? vl_xml_read (tool->call, xml, strlen (xml)) : NULL;
  const struct vl_xml *devices = root ? vl_xml_child (root, "devices") : NULL;
  json_t *displays = json_array ();

  for (const struct vl_xml *node = devices ? vl_xml_child (devices, "graphics") : NULL; node;
       node = vl_xml_next (node, "graphics"))
    json_array_append_new (displays, json_text (display (tool, node)));
  json_object_set_new (object, "displays", displays);
  json_put (object, "console", devices ? console (tool, devices) : NULL);
  json_put (object, "xml", xml);
}

/* ---- all of it ---- */

/* Member KEY of FROM as member NAME of OBJECT, OTHERWISE (taken) where there is none. */
static void
put_member (json_t *object, const char *name, const json_t *from, const char *key,
            json_t *otherwise)
{
  json_t *value = json_object_get (from, key);

  json_object_set (object, name, value ? value : otherwise);
  json_decref (otherwise);
}

static void
put_request (json_t *object, const char *text)
{
  json_t *request = json_loads (text, 0, NULL), *names = json_array (), *value;
  const json_t *flavor = json_object_get (request, "flavor");
  const char *name;

  put_member (object, "vcpus", flavor, "vcpus", json_null ());
  put_member (object, "ram", flavor, "ram", json_null ());
  put_member (object, "flavor_properties", flavor, "extra_specs", json_object ());
  put_member (object, "image_properties", json_object_get (request, "image"), "properties",
              json_object ());
  put_member (object, "request_properties", request, "properties", json_object ());
  put_member (object, "metadata", request, "metadata", json_object ());
  put_member (object, "hostname", request, "hostname", json_null ());
  put_member (object, "config_drive", request, "config_drive", json_false ());
  json_object_foreach (json_object_get (request, "public_keys"), name, value)
      json_array_append_new (names, json_text (name));
  json_object_set_new (object, "public_keys", names);
  json_decref (request);
}

static void
show_section (struct tool *tool, const json_t *object, const char *key, const char *title,
              const struct column *columns)
{
  const json_t *list = json_object_get (object, key);

  if (json_array_size (list) == 0)
    return;
  printf ("\n%s:\n", title);
  table_list (tool, list, columns);
}

static void
show_sections (struct tool *tool, const json_t *asked)
{
  static const struct column disks[] = {
    { "id", "ID" },
    { "source", "Source" },
    { "format", "Format" },
    { "bus", "Bus" },
    { "target", "Target" },
    { "size", "Size (B)" },
    { "virtual_size", "Virtual size (B)" },
    { "used", "Used (B)" },
    { "over_committed", "Over-committed (B)" },
    { "below", "Files below" },
    { "address", "Address" },
    { NULL, NULL },
  };
  static const struct column nics[] = {
    { "id", "ID" },   { "type", "Type" }, { "source", "Source" },   { "model", "Model" },
    { "mac", "MAC" }, { "mtu", "MTU" },   { "address", "Address" }, { NULL, NULL },
  };
  static const struct column claims[] = {
    { "resource", "Resource" }, { "amount", "Amount" }, { "holder", "Holder" },
    { "member", "Member" },     { "plugin", "Plugin" }, { NULL, NULL },
  };
  static const struct column features[] = { { "feature", "Feature" },
                                            { "why", "Why" },
                                            { NULL, NULL } };

  show_section (tool, asked, "disks", "Disks", disks);
  show_section (tool, asked, "networks", "Interfaces", nics);
  show_section (tool, asked, "claims", "Claims", claims);
  show_section (tool, asked, "features", "Features that were asked for", features);
  show_section (tool, asked, "actions", "Last actions", history_columns);
}

static void
show_tables (struct tool *tool, json_t *object, const struct vl_server_details *d)
{
  json_t *names = json_array (), *asked = json_object ();

  for (size_t i = 0; i < d->n_features; i++)
    json_array_append_new (names, json_text (d->features[i].plugin));
  json_object_update (asked, object);
  json_object_set_new (asked, "feature_names", names);
  table_show (tool, asked, head_columns);
  json_object_set_new (asked, "features", features_json (d, 1));
  if (! table_is_plain (tool))
    show_sections (tool, asked);
  json_decref (asked);
}

static int
show_whole (struct tool *tool, const struct vl_server_info *server)
{
  const struct vl_action_info *actions;
  struct vl_server_details d;
  json_t *object;
  size_t n;

  if (vl_server_details (tool->app, server->uuid, &d) < 0
      || vl_server_history (tool->app, server->uuid, &actions, &n) < 0)
    return -1;
  object = server_json (server);
  put_request (object, d.request);
  put_document (tool, object, server->xml);
  json_object_set_new (object, "disks", devices_json (&d, "disk"));
  json_object_set_new (object, "networks", devices_json (&d, "nic"));
  json_object_set_new (object, "claims", claims_json (&d));
  json_object_set_new (object, "features", features_json (&d, 0));
  json_object_set_new (object, "properties", values_json (&d));
  json_object_set_new (object, "actions", history (actions, n < LAST_ACTIONS ? n : LAST_ACTIONS));
  if (! tool->json)
    show_tables (tool, object, &d);
  else
    object = table_narrow (tool, object, head_columns);
  json_object_update (tool->data, object);
  json_decref (object);
  return 0;
}

int
server_show_one (struct tool *tool, const char *name, int whole)
{
  const struct vl_server_info *server = vl_server_find (tool->app, name);

  if (server == NULL)
    return -1;
  if (whole)
    return show_whole (tool, server);
  tool_show (tool, server_json (server), head_columns);
  return 0;
}

int
server_show (struct tool *tool)
{
  if (args_has (tool->args, "diagnostics"))
    return server_diagnostics (tool, tool->args->words[0]);
  return server_show_one (tool, tool->args->words[0], 1);
}
