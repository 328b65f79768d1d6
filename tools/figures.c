/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom host usage, and server show --diagnostics: what the host has and what is taken of
 * it, and what a guest has done so far, under Nova's names. */

#include <config.h>

#include "server.h"

#include "lib/file.h"

#include <virtloom/ascii.h>

#include <stdlib.h>
#include <string.h>

#define NOVA_STATES                                                                                \
  {                                                                                                \
    "nostate", "running", "", "paused", "shutdown", "", "crashed", "suspended"                     \
  }

/* NUMBER where it is known (0 or more), else null. */
static void
put_known (json_t *object, const char *key, int64_t number)
{
  json_object_set_new (object, key, number < 0 ? json_null () : json_integer (number));
}

/* ---- the host ---- */

static json_t *
items (const struct vl_host *host, const char *key)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < vl_host_count (host, key); i++)
    json_array_append_new (list, json_text (vl_host_item (host, key, i)));
  return list;
}

/* The number that fact KEY is, -1 where there is none. */
static int64_t
number (const struct vl_host *host, const char *key)
{
  const char *text = vl_host_item (host, key, 0);

  return text ? strtoll (text, NULL, 10) : -1;
}

static json_t *
cpu_info (const struct vl_host *host)
{
  json_t *object = json_object (), *topology = json_object ();

  put_known (topology, "cells", (int64_t)vl_host_count (host, "host.cells"));
  put_known (topology, "sockets", number (host, "host.cpu.sockets"));
  put_known (topology, "cores", number (host, "host.cpu.cores"));
  put_known (topology, "threads", number (host, "host.cpu.threads"));
  json_put (object, "arch", vl_host_item (host, "host.arch", 0));
  json_put (object, "model", vl_host_item (host, "host.cpu.model", 0));
  json_put (object, "vendor", vl_host_item (host, "host.cpu.vendor", 0));
  json_object_set_new (object, "topology", topology);
  json_object_set_new (object, "features", items (host, "host.cpu.features"));
  return object;
}

/* [architecture, domain type, "hvm"] of each: all that QEMU runs are whole machines. */
static json_t *
supported_instances (struct tool *tool, const struct vl_host *host)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < vl_host_n_facts (host); i++) {
    const char *key = vl_host_fact_key (host, i), *end = strstr (key, ".types");

    if (strncmp (key, "guest.", 6) != 0 || end == NULL || end[6] != '\0')
      continue;
    for (size_t j = 0; j < vl_host_count (host, key); j++) {
      const char *type = vl_host_item (host, key, j);
      json_t *row = json_array ();

      json_array_append_new (
          row, json_text (vl_printf (tool->call, "%.*s", (int)(end - key - 6), key + 6)));
      json_array_append_new (row, json_text (type));
      json_array_append_new (row, json_text (strcmp (type, "lxc") == 0 ? "exe" : "hvm"));
      json_array_append_new (list, row);
    }
  }
  return list;
}

static json_t *
numa_topology (struct tool *tool, const struct vl_host *host)
{
  json_t *cells = json_array ();

  for (size_t i = 0; i < vl_host_count (host, "host.cells"); i++) {
    const char *id = vl_host_item (host, "host.cells", i);
    const char *key = vl_printf (tool->call, "host.cell.%s", id);
    json_t *cell = json_object (), *pages = json_array ();
    int64_t kib = number (host, vl_printf (tool->call, "%s.memory", key));

    put_known (cell, "id", strtoll (id, NULL, 10));
    json_put (cell, "cpuset", vl_host_item (host, vl_printf (tool->call, "%s.cpus", key), 0));
    put_known (cell, "memory", kib < 0 ? -1 : kib / 1024);
    json_object_set_new (cell, "siblings",
                         items (host, vl_printf (tool->call, "%s.siblings", key)));
    for (size_t j = 0; j < vl_host_count (host, "host.page-sizes"); j++) {
      const char *size = vl_host_item (host, "host.page-sizes", j);
      json_t *page = json_object ();

      put_known (page, "size_kb", strtoll (size, NULL, 10));
      put_known (page, "total", number (host, vl_printf (tool->call, "%s.pages.%s", key, size)));
      json_array_append_new (pages, page);
    }
    json_object_set_new (cell, "mempages", pages);
    json_array_append_new (cells, cell);
  }
  return cells;
}

/* PREFIX and VALUE as placement spells traits. */
static void
add_trait (json_t *traits, const char *prefix, const char *value)
{
  char *trait = vl_xasprintf ("%s%s", prefix, value);
  size_t i;
  const json_t *other;

  for (char *c = trait; *c; c++)
    *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : vl_ascii_is_alnum (*c) ? *c : '_';
  json_array_foreach (traits, i, other) if (strcmp (json_string_value (other), trait) == 0) break;
  if (i == json_array_size (traits))
    json_array_append_new (traits, json_text (trait));
  free (trait);
}

/* What the driver and the host can do. */
static json_t *
traits_of (const struct vl_usage *usage)
{
  static const char *const of_facts[][2] = {
    { ".disk.bus", "COMPUTE_STORAGE_BUS_" },
    { ".video.model", "COMPUTE_GRAPHICS_MODEL_" },
    { ".tpm.version", "COMPUTE_SECURITY_TPM_" },
  };
  const struct vl_host *host = usage->host;
  json_t *traits = json_array ();

  for (const char *const *trait = usage->traits; *trait; trait++)
    add_trait (traits, "", *trait);
  for (size_t i = 0; i < vl_host_n_facts (host); i++) {
    const char *key = vl_host_fact_key (host, i);

    for (size_t j = 0; strncmp (key, "caps.", 5) == 0 && j < sizeof of_facts / sizeof of_facts[0];
         j++)
      if (VL_ENDS (key, of_facts[j][0]))
        for (size_t k = 0; k < vl_host_count (host, key); k++)
          add_trait (traits, of_facts[j][1], vl_host_item (host, key, k));
  }
  return traits;
}

static json_t *
cpu_stats (const struct vl_host_cpu *cpu)
{
  json_t *object = json_object ();

  put_known (object, "kernel", cpu->kernel);
  put_known (object, "idle", cpu->idle);
  put_known (object, "user", cpu->user);
  put_known (object, "iowait", cpu->iowait);
  put_known (object, "frequency", cpu->mhz > 0 ? cpu->mhz : -1);
  return object;
}

static const struct column usage_columns[] = {
  { "hypervisor_hostname", "Host" },
  { "hypervisor_type", "Hypervisor" },
  { "hypervisor_version", "Version" },
  { "uptime", "Uptime (s)" },
  { "running_vms", "Guests that run" },
  { "vcpus", "VCPUs" },
  { "vcpus_used", "VCPUs used" },
  { "memory_mb", "Memory (MiB)" },
  { "memory_mb_used", "Memory used (MiB)" },
  { "local_gb", "Disk (GiB)" },
  { "local_gb_used", "Disk used (GiB)" },
  { "disk_available_least", "Disk left once all disks are full (GiB)" },
  { "cpu_stats", "CPU time (ns)" },
  { "cpu_info", "CPU", 1 },
  { "supported_instances", "Guests that it can run", 1 },
  { "numa_topology", "NUMA", 1 },
  { "traits", "Traits", 1 },
  { NULL, NULL },
};

static const struct column volume_columns[] = {
  { "server", "Server" },
  { "id", "Volume" },
  { "target", "Disk" },
  { "source", "Source", 1 },
  { "read_bytes", "Read (B)" },
  { "read_requests", "Reads" },
  { "write_bytes", "Written (B)" },
  { "write_requests", "Writes" },
  { "errors_count", "Errors" },
  { NULL, NULL },
};

static json_t *
disk_json (const struct vl_disk_figures *disk)
{
  json_t *object = json_object ();

  json_put (object, "target", disk->target);
  put_known (object, "read_bytes", disk->read_bytes);
  put_known (object, "read_requests", disk->read_requests);
  put_known (object, "write_bytes", disk->write_bytes);
  put_known (object, "write_requests", disk->write_requests);
  put_known (object, "errors_count", disk->errors);
  return object;
}

static int
add_volume (void *opaque, const struct vl_volume_usage *usage)
{
  json_t *object = disk_json (usage->figures);

  json_put (object, "server", usage->server);
  json_put (object, "uuid", usage->uuid);
  json_put (object, "id", usage->id);
  json_put (object, "source", usage->source);
  json_array_append_new (opaque, object);
  return 0;
}

static int
volume_usage (struct tool *tool)
{
  json_t *list = json_array ();

  if (vl_host_volume_usage (tool->app, add_volume, list) < 0) {
    json_decref (list);
    return -1;
  }
  tool_list (tool, "volumes", list, volume_columns);
  return 0;
}

int
host_usage (struct tool *tool)
{
  const struct vl_resources *r;
  struct vl_usage usage;
  json_t *object;

  if (args_has (tool->args, "volumes"))
    return volume_usage (tool);
  if (vl_host_usage (tool->app, &usage) < 0)
    return -1;
  r = &usage.resources;
  object = json_object ();
  json_put (object, "hypervisor_hostname", r->hypervisor_hostname);
  json_put (object, "hypervisor_type", r->hypervisor_type);
  put_known (object, "hypervisor_version", r->hypervisor_version);
  put_known (object, "uptime", usage.uptime);
  put_known (object, "running_vms", r->guests);
  put_known (object, "vcpus", r->vcpus);
  put_known (object, "vcpus_used", r->vcpus_used);
  put_known (object, "memory_mb", r->memory_mb);
  put_known (object, "memory_mb_used", r->memory_mb_used);
  put_known (object, "local_gb", r->local_bytes < 0 ? -1 : r->local_bytes / VL_GIB);
  put_known (object, "local_gb_used", r->local_bytes < 0 ? -1 : r->local_bytes_used / VL_GIB);
  /* Below 0 where disks may grow beyond what there is. */
  json_object_set_new (object, "disk_available_least",
                       usage.local_free < 0
                           ? json_null ()
                           : json_integer ((usage.local_free - usage.growth) / VL_GIB));
  json_object_set_new (object, "cpu_stats", cpu_stats (&usage.cpu));
  json_object_set_new (object, "cpu_info", cpu_info (usage.host));
  json_object_set_new (object, "supported_instances", supported_instances (tool, usage.host));
  json_object_set_new (object, "numa_topology", numa_topology (tool, usage.host));
  json_object_set_new (object, "traits", traits_of (&usage));
  tool_show (tool, object, usage_columns);
  return 0;
}

/* ---- a guest ---- */

static json_t *
disks_json (const struct vl_diagnostics *d)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < d->n_disks; i++)
    json_array_append_new (list, disk_json (&d->disks[i]));
  return list;
}

static json_t *
nics_json (const struct vl_diagnostics *d)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < d->n_nics; i++) {
    const struct vl_nic_figures *nic = &d->nics[i];
    json_t *object = json_object ();

    json_put (object, "name", nic->name);
    put_known (object, "rx_octets", nic->rx_bytes);
    put_known (object, "rx_packets", nic->rx_packets);
    put_known (object, "rx_errors", nic->rx_errors);
    put_known (object, "rx_drop", nic->rx_drop);
    put_known (object, "tx_octets", nic->tx_bytes);
    put_known (object, "tx_packets", nic->tx_packets);
    put_known (object, "tx_errors", nic->tx_errors);
    put_known (object, "tx_drop", nic->tx_drop);
    json_array_append_new (list, object);
  }
  return list;
}

static json_t *
vcpus_json (const struct vl_diagnostics *d)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < d->n_vcpus; i++) {
    json_t *object = json_object ();

    put_known (object, "id", (int64_t)i);
    put_known (object, "time", d->vcpus[i]);
    json_array_append_new (list, object);
  }
  return list;
}

/* The figures of OBJECT, which is an array under KEY, by Nova's older names: "vda_read_req". */
static void
flatten (struct tool *tool, json_t *flat, const json_t *list, const char *name,
         const char *const names[][2])
{
  const json_t *object;
  size_t i;

  json_array_foreach (list, i, object) for (size_t j = 0; names[j][0]; j++)
  {
    const json_t *id = json_object_get (object, name);
    json_t *value = json_object_get (object, names[j][0]);

    if (json_is_null (value))
      continue;
    json_object_set (flat,
                     json_is_string (id)
                         ? vl_printf (tool->call, "%s_%s", json_string_value (id), names[j][1])
                         : vl_printf (tool->call, "cpu%zu_%s", i, names[j][1]),
                     value);
  }
}

/* What Nova's get_diagnostics says. */
static json_t *
flat_json (struct tool *tool, const json_t *typed)
{
  static const char *const disks[][2] = {
    { "read_requests", "read_req" },   { "read_bytes", "read" },
    { "write_requests", "write_req" }, { "write_bytes", "write" },
    { "errors_count", "errors" },      { NULL, NULL },
  };
  static const char *const nics[][2] = {
    { "rx_octets", "rx" },        { "rx_packets", "rx_packets" }, { "rx_errors", "rx_errors" },
    { "rx_drop", "rx_drop" },     { "tx_octets", "tx" },          { "tx_packets", "tx_packets" },
    { "tx_errors", "tx_errors" }, { "tx_drop", "tx_drop" },       { NULL, NULL },
  };
  static const char *const vcpus[][2] = { { "time", "time" }, { NULL, NULL } };
  json_t *flat = json_object ();

  flatten (tool, flat, json_object_get (typed, "cpu_details"), "id", vcpus);
  flatten (tool, flat, json_object_get (typed, "disk_details"), "target", disks);
  flatten (tool, flat, json_object_get (typed, "nic_details"), "name", nics);
  json_object_set (flat, "memory",
                   json_object_get (json_object_get (typed, "memory_details"), "maximum"));
  json_object_set (flat, "memory-actual",
                   json_object_get (json_object_get (typed, "memory_details"), "actual"));
  json_object_set (flat, "memory-rss",
                   json_object_get (json_object_get (typed, "memory_details"), "rss"));
  return flat;
}

static int
add_diagnostics (void *opaque, const struct vl_diagnostics *d)
{
  static const char *const states[] = NOVA_STATES;
  json_t *object = opaque, *memory = json_object ();

  json_put (object, "state", states[d->state]);
  put_known (object, "cpu_time", d->cpu_time);
  put_known (memory, "maximum", d->max_memory);
  put_known (memory, "actual", d->memory);
  put_known (memory, "rss", d->memory_used);
  json_object_set_new (object, "memory_details", memory);
  json_object_set_new (object, "cpu_details", vcpus_json (d));
  json_object_set_new (object, "disk_details", disks_json (d));
  json_object_set_new (object, "nic_details", nics_json (d));
  return 0;
}

/* The names of all figures, one per line: they are other ones for each guest. */
static void
print_flat (const json_t *flat, int bare)
{
  const char *key;
  json_t *value;
  int width = 0;

  json_object_foreach ((json_t *)flat, key, value) if ((int)strlen (key) > width) width =
      (int)strlen (key);
  json_object_foreach ((json_t *)flat, key, value)
  {
    char *cell = table_cell (value), *clean = vl_text_clean (key);

    if (bare && ! json_is_null (value))
      printf ("%s\t%s\n", clean, cell);
    else if (! json_is_null (value))
      printf ("%-*s  %s\n", width, clean, cell);
    free (cell);
    free (clean);
  }
}

int
server_diagnostics (struct tool *tool, const char *server)
{
  json_t *typed, *flat;

  if (args_has (tool->args, "column"))
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                      "--column and --diagnostics exclude each other: each guest has figures of "
                      "its own");
  typed = json_object ();
  if (vl_server_diagnostics (tool->app, server, add_diagnostics, typed) < 0) {
    json_decref (typed);
    return -1;
  }
  flat = flat_json (tool, typed);
  if (! tool->json)
    print_flat (flat, strcmp (tool->format, "value") == 0);
  json_object_set_new (typed, "flat", flat);
  json_object_set_new (tool->data, "diagnostics", typed);
  return 0;
}
