/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libvirt's capabilities and domain capabilities as facts.  A live probe and
 * `host import` of recorded answers go through here, so both decide alike.
 * What libvirt leaves out stays unknown; what it denies becomes an empty list
 * or false. */

#include <config.h>

#include "host/host.h"

/* What lies beyond is no size and no CPU of any machine. */
#define MOST_KIB (1LL << 42)
#define MOST_CPU 65535

struct import {
  struct vl_call *call;
  struct vl_host *fresh; /* merged into the host when all is read */
};

/* ---- helpers ---- */

static struct vl_fact *VL_PRINTF (3, 4) make (struct import *in, int list, const char *fmt, ...)
{
  VL_AUTOFREE char *key = NULL;
  va_list args;

  va_start (args, fmt);
  key = vl_xvasprintf (fmt, args);
  va_end (args);
  return vl_host_append (in->fresh, key, list);
}

static void
put (struct import *in, const char *key, const char *value)
{
  if (value && *value)
    vl_fact_put (make (in, 0, "%s", key), value);
}

static void
put_all (struct vl_fact *fact, const struct vl_strv *texts)
{
  for (size_t i = 0; i < texts->n; i++)
    vl_fact_put (fact, texts->items[i]);
}

/* The text of each <value> below PARENT. */
static void
put_values (struct vl_fact *fact, const struct vl_xml *parent)
{
  for (const struct vl_xml *v = vl_xml_child (parent, "value"); v; v = vl_xml_next (v, "value"))
    vl_fact_put (fact, vl_xml_text (v));
}

static int
supported (const struct vl_xml *node)
{
  const char *text = vl_xml_attr (node, "supported");

  return text && VL_STREQ (text, "yes");
}

/* Sizes of these documents say their unit; KiB is what libvirt writes. */
static long long
kib (const struct vl_xml *node, const char *text)
{
  const char *unit = vl_xml_attr (node, "unit");
  long long number = text ? strtoll (text, NULL, 10) : 0;

  if (number < 0 || number > MOST_KIB)
    return 0;
  if (unit == NULL || VL_STREQ (unit, "KiB") || VL_STREQ (unit, "k"))
    return number;
  if (VL_STREQ (unit, "b") || VL_STREQ (unit, "bytes"))
    return number / 1024;
  if (VL_STREQ (unit, "MiB"))
    return number * 1024;
  return VL_STREQ (unit, "GiB") ? number * 1024 * 1024 : number;
}

/* ---- capabilities ---- */

static void
read_cpu (struct import *in, const struct vl_xml *cpu)
{
  const struct vl_xml *topology = vl_xml_child (cpu, "topology");
  struct vl_fact *fact;

  put (in, "host.arch", vl_xml_text (vl_xml_child (cpu, "arch")));
  put (in, "host.cpu.model", vl_xml_text (vl_xml_child (cpu, "model")));
  put (in, "host.cpu.vendor", vl_xml_text (vl_xml_child (cpu, "vendor")));
  put (in, "host.cpu.sockets", vl_xml_attr (topology, "sockets"));
  put (in, "host.cpu.cores", vl_xml_attr (topology, "cores"));
  put (in, "host.cpu.threads", vl_xml_attr (topology, "threads"));
  fact = make (in, 1, "host.cpu.features");
  for (const struct vl_xml *f = vl_xml_child (cpu, "feature"); f; f = vl_xml_next (f, "feature")) {
    const char *name = vl_xml_attr (f, "name"), *policy = vl_xml_attr (f, "policy");

    if (name && ! (policy && VL_STREQ (policy, "disable")))
      vl_fact_put (fact, name);
  }
  fact = make (in, 1, "host.page-sizes");
  for (const struct vl_xml *p = vl_xml_child (cpu, "pages"); p; p = vl_xml_next (p, "pages")) {
    char text[32];

    snprintf (text, sizeof text, "%lld", kib (p, vl_xml_attr (p, "size")));
    vl_fact_put (fact, text);
  }
}

static int
compare_ints (const void *a, const void *b)
{
  int x = *(const int *)a, y = *(const int *)b;

  return x < y ? -1 : x > y;
}

/* The ids as a CPU set: "0-3,8". */
static void
put_cpuset (struct import *in, const char *cell, int *ids, size_t n)
{
  VL_AUTOSTR struct vl_str text = { NULL, 0, 0 };

  if (n > 1)
    qsort (ids, n, sizeof *ids, compare_ints);
  for (size_t i = 0; i < n;) {
    size_t last = i;

    while (last + 1 < n && ids[last + 1] - ids[last] <= 1)
      last++;
    vl_str_printf (&text, "%s%d", text.length ? "," : "", ids[i]);
    if (ids[last] != ids[i])
      vl_str_printf (&text, "-%d", ids[last]);
    i = last + 1;
  }
  if (text.length)
    vl_fact_put (make (in, 0, "host.cell.%s.cpus", cell), text.text);
}

static void
read_cell (struct import *in, const struct vl_xml *cell, const char *id)
{
  const struct vl_xml *memory = vl_xml_child (cell, "memory"), *cpus = vl_xml_child (cell, "cpus");
  VL_AUTOFREE int *ids = NULL;
  size_t n = 0, size = 0;
  struct vl_fact *fact;
  char text[32];

  if (memory) {
    snprintf (text, sizeof text, "%lld", kib (memory, vl_xml_text (memory)));
    vl_fact_put (make (in, 0, "host.cell.%s.memory", id), text);
  }
  for (const struct vl_xml *p = vl_xml_child (cell, "pages"); p; p = vl_xml_next (p, "pages"))
    vl_fact_put (make (in, 0, "host.cell.%s.pages.%lld", id, kib (p, vl_xml_attr (p, "size"))),
                 vl_xml_text (p));
  fact = make (in, 1, "host.cell.%s.siblings", id);
  for (const struct vl_xml *c = vl_xml_child (cpus, "cpu"); c; c = vl_xml_next (c, "cpu")) {
    const char *number = vl_xml_attr (c, "id"), *siblings = vl_xml_attr (c, "siblings");

    if (number && strtol (number, NULL, 10) >= 0 && strtol (number, NULL, 10) <= MOST_CPU) {
      VL_GROW (ids, n, size);
      ids[n++] = (int)strtol (number, NULL, 10);
    }
    if (siblings)
      vl_fact_put (fact, siblings);
  }
  put_cpuset (in, id, ids, n);
}

static void
read_topology (struct import *in, const struct vl_xml *topology)
{
  const struct vl_xml *cells = vl_xml_child (topology, "cells");
  VL_AUTOSTRV struct vl_strv ids = { NULL, 0, 0 };

  if (cells == NULL)
    return;
  for (const struct vl_xml *c = vl_xml_child (cells, "cell"); c; c = vl_xml_next (c, "cell"))
    if (vl_xml_attr (c, "id")) {
      vl_strv_add (&ids, vl_xml_attr (c, "id"));
      read_cell (in, c, vl_xml_attr (c, "id"));
    }
  put_all (make (in, 1, "host.cells"), &ids);
}

/* Machines stand under the architecture and again under the domain types that
 * have an emulator of their own. */
static void
collect_machines (struct import *in, const char *arch, const struct vl_xml *parent,
                  struct vl_strv *names)
{
  for (const struct vl_xml *m = vl_xml_child (parent, "machine"); m;
       m = vl_xml_next (m, "machine")) {
    const char *name = vl_xml_text (m), *canonical = vl_xml_attr (m, "canonical");
    const char *cpus = vl_xml_attr (m, "maxCpus");

    if (*name == '\0')
      continue;
    if (! vl_strv_has (names, name))
      vl_strv_add (names, name);
    if (canonical) {
      vl_fact_put (make (in, 0, "guest.%s.canonical.%s", arch, name), canonical);
      if (! vl_strv_has (names, canonical))
        vl_strv_add (names, canonical);
    }
    if (cpus)
      vl_fact_put (make (in, 0, "guest.%s.max-vcpus.%s", arch, name), cpus);
    if (cpus && canonical)
      vl_fact_put (make (in, 0, "guest.%s.max-vcpus.%s", arch, canonical), cpus);
  }
}

static void
read_guest (struct import *in, const struct vl_xml *guest)
{
  const struct vl_xml *node = vl_xml_child (guest, "arch");
  const char *arch = vl_xml_attr (node, "name"),
             *os = vl_xml_text (vl_xml_child (guest, "os_type"));
  const char *emulator = vl_xml_text (vl_xml_child (node, "emulator"));
  VL_AUTOSTRV struct vl_strv names = { NULL, 0, 0 }, types = { NULL, 0, 0 };

  if (arch == NULL || ! (VL_STREQ (os, "hvm") || VL_STREQ (os, "exe")))
    return;
  if (*emulator)
    vl_fact_put (make (in, 0, "guest.%s.emulator", arch), emulator);
  collect_machines (in, arch, node, &names);
  for (const struct vl_xml *d = vl_xml_child (node, "domain"); d; d = vl_xml_next (d, "domain")) {
    if (vl_xml_attr (d, "type"))
      vl_strv_add (&types, vl_xml_attr (d, "type"));
    collect_machines (in, arch, d, &names);
  }
  put_all (make (in, 1, "guest.%s.machines", arch), &names);
  put_all (make (in, 1, "guest.%s.types", arch), &types);
}

/* The document, if its root is called NAME; NULL after a finding. */
static const struct vl_xml *
read_document (struct vl_call *call, const char *xml, const char *name)
{
  const char *hint = vl_printf (call, "'virsh %s' prints such a document",
                                VL_STREQ (name, "capabilities") ? name : "domcapabilities");
  size_t first = call->findings.n;
  const struct vl_xml *root;

  if (call->probing == NULL || xml == NULL) {
    vl_fault (call, "imports %s", xml ? "facts outside of probe" : "no text");
    return NULL;
  }
  root = vl_xml_read (call, xml, strlen (xml));
  /* What is no XML at all is the same mistake as another document. */
  for (size_t i = first; root == NULL && i < call->findings.n; i++) {
    call->findings.items[i].err = VL_ERR_REQUEST;
    call->findings.items[i].hint = hint;
  }
  if (root && ! VL_STREQ (vl_xml_name (root), name)) {
    vl_refuse_as (call, VL_ERR_REQUEST, "InvalidXML", NULL, hint,
                  "the document is <%s>; accepted: <%s>, as libvirt writes it", vl_xml_name (root),
                  name);
    return NULL;
  }
  return root;
}

/* libvirt names a model and what the host has on top; features are asked for by
 * name, so the model's own are written out where the CPU map knows them. */
static void
expand_features (struct vl_host *host)
{
  const char *model = vl_host_str (host, "host.cpu.model");
  VL_AUTOFREE char *key = model ? vl_xasprintf ("cpu-model.%s.features", model) : NULL;
  size_t n = key ? vl_host_count (host, key) : 0;

  for (size_t i = 0; i < n; i++) {
    VL_AUTOFREE char *name = vl_xstrdup (vl_host_item (host, key, i));

    vl_host_add (host, "host.cpu.features", name);
  }
}

void
vl_host_import_into (struct vl_call *call, struct vl_host *host, const char *origin)
{
  call->probing = host;
  call->host = host;
  call->origin = origin;
}

int
vl_host_import_capabilities (struct vl_call *call, const char *xml)
{
  const struct vl_xml *root = read_document (call, xml, "capabilities"), *self;
  struct vl_host *host = call->probing;
  struct import in = { .call = call };

  if (root == NULL)
    return -1;
  in.fresh = vl_host_new ();
  self = vl_xml_child (root, "host");
  put (&in, "host.uuid", vl_xml_text (vl_xml_child (self, "uuid")));
  if (vl_xml_child (self, "cpu"))
    read_cpu (&in, vl_xml_child (self, "cpu"));
  read_topology (&in, vl_xml_child (self, "topology"));
  for (const struct vl_xml *g = vl_xml_child (root, "guest"); g; g = vl_xml_next (g, "guest"))
    read_guest (&in, g);
  vl_host_merge (host, in.fresh);
  vl_host_free (in.fresh);
  vl_host_add_cpu_map (call, host);
  expand_features (host);
  return 0;
}

/* ---- domain capabilities ---- */

/* <PARENT><enum name='ENUM'><value>...: a list called WHAT.  An unsupported
 * parent offers nothing; one that is not mentioned is unknown. */
static const struct {
  const char *parent, *name, *what;
} enums[] = {
  { "os", "firmware", "firmware" },
  { "os/loader", "type", "loader.type" },
  { "os/loader", "readonly", "loader.readonly" },
  { "os/loader", "secure", "loader.secure" },
  { "memoryBacking", "sourceType", "memory-backing.source" },
  { "devices/disk", "diskDevice", "disk.device" },
  { "devices/disk", "bus", "disk.bus" },
  { "devices/disk", "model", "disk.model" },
  { "devices/graphics", "type", "graphics.type" },
  { "devices/video", "modelType", "video.model" },
  { "devices/hostdev", "mode", "hostdev.mode" },
  { "devices/hostdev", "subsysType", "hostdev.type" },
  { "devices/rng", "model", "rng.model" },
  { "devices/rng", "backendModel", "rng.backend" },
  { "devices/filesystem", "driverType", "filesystem.driver" },
  { "devices/tpm", "model", "tpm.model" },
  { "devices/tpm", "backendModel", "tpm.backend" },
  { "devices/tpm", "backendVersion", "tpm.version" },
  { "devices/redirdev", "bus", "redirdev.bus" },
  { "devices/channel", "type", "channel.type" },
  { "devices/crypto", "model", "crypto.model" },
  { "devices/panic", "model", "panic.model" },
  { "features/gic", "version", "gic.version" },
  { "features/hyperv", "features", "hyperv.features" },
  { "features/launchSecurity", "sectype", "launch-security" },
};

/* <... supported='yes|no'>: a flag called WHAT. */
static const struct {
  const char *path, *what;
} flags[] = {
  { "iothreads", "feature.iothreads" },
  { "features/gic", "feature.gic" },
  { "features/vmcoreinfo", "feature.vmcoreinfo" },
  { "features/genid", "feature.genid" },
  { "features/backingStoreInput", "feature.backing-store-input" },
  { "features/backup", "feature.backup" },
  { "features/async-teardown", "feature.async-teardown" },
  { "features/sev", "feature.sev" },
  { "features/sgx", "feature.sgx" },
};

static const struct {
  const char *path, *what;
} texts[] = {
  { "features/sev/cbitpos", "sev.cbitpos" },
  { "features/sev/reducedPhysBits", "sev.reduced-phys-bits" },
  { "features/sev/maxGuests", "sev.max-guests" },
  { "features/sev/maxESGuests", "sev.max-es-guests" },
};

static void
read_enums (struct import *in, const struct vl_xml *root, const char *prefix)
{
  for (size_t i = 0; i < sizeof enums / sizeof enums[0]; i++) {
    const struct vl_xml *parent = vl_xml_find (root, enums[i].parent), *list;

    list = vl_xml_child (parent, "enum");
    while (
        list
        && ! (vl_xml_attr (list, "name") && VL_STREQ (vl_xml_attr (list, "name"), enums[i].name)))
      list = vl_xml_next (list, "enum");
    if (parent && (list || ! supported (parent)))
      put_values (make (in, 1, "%s.%s", prefix, enums[i].what), list);
  }
}

static void
read_host_model (struct import *in, const struct vl_xml *mode, const char *prefix)
{
  const struct vl_xml *model = vl_xml_child (mode, "model");
  const struct vl_xml *bits = vl_xml_child (mode, "maxphysaddr");
  const char *vendor = vl_xml_text (vl_xml_child (mode, "vendor"));
  struct vl_fact *fact;

  if (model == NULL)
    return;
  vl_fact_put (make (in, 0, "%s.cpu.host-model", prefix), vl_xml_text (model));
  if (*vendor)
    vl_fact_put (make (in, 0, "%s.cpu.host-model.vendor", prefix), vendor);
  if (vl_xml_attr (bits, "limit") || vl_xml_attr (bits, "bits"))
    vl_fact_put (make (in, 0, "%s.cpu.max-phys-bits", prefix), vl_xml_attr (bits, "limit")
                                                                   ? vl_xml_attr (bits, "limit")
                                                                   : vl_xml_attr (bits, "bits"));
  fact = make (in, 1, "%s.cpu.host-model.features", prefix);
  for (const struct vl_xml *f = vl_xml_child (mode, "feature"); f; f = vl_xml_next (f, "feature")) {
    const char *name = vl_xml_attr (f, "name"), *policy = vl_xml_attr (f, "policy");

    if (name)
      vl_fact_put (fact, vl_printf (in->call, "%c%s",
                                    policy && VL_STREQ (policy, "disable") ? '-' : '+', name));
  }
}

/* Where libvirt says "unknown" of each model, which ones are usable is unknown
 * too. */
static void
read_models (struct import *in, const struct vl_xml *mode, const char *prefix)
{
  VL_AUTOSTRV struct vl_strv usable = { NULL, 0, 0 };
  struct vl_fact *fact = make (in, 1, "%s.cpu.models", prefix);
  int known = 0;

  for (const struct vl_xml *m = vl_xml_child (mode, "model"); m; m = vl_xml_next (m, "model")) {
    const char *word = vl_xml_attr (m, "usable");

    vl_fact_put (fact, vl_xml_text (m));
    known |= word && ! VL_STREQ (word, "unknown");
    if (word && VL_STREQ (word, "yes"))
      vl_strv_add (&usable, vl_xml_text (m));
  }
  if (! known)
    return;
  put_all (make (in, 1, "%s.cpu.usable", prefix), &usable);
}

static void
read_modes (struct import *in, const struct vl_xml *cpu, const char *prefix)
{
  VL_AUTOSTRV struct vl_strv names = { NULL, 0, 0 };

  if (cpu == NULL)
    return;
  for (const struct vl_xml *m = vl_xml_child (cpu, "mode"); m; m = vl_xml_next (m, "mode")) {
    const char *name = vl_xml_attr (m, "name");

    if (name == NULL || ! supported (m))
      continue;
    vl_strv_add (&names, name);
    if (VL_STREQ (name, "host-model"))
      read_host_model (in, m, prefix);
    else if (VL_STREQ (name, "custom"))
      read_models (in, m, prefix);
  }
  put_all (make (in, 1, "%s.cpu.modes", prefix), &names);
}

static void
read_domain (struct import *in, const struct vl_xml *root, const char *prefix)
{
  const char *vcpus = vl_xml_attr (vl_xml_child (root, "vcpu"), "max");
  const struct vl_xml *loader = vl_xml_find (root, "os/loader");

  if (vcpus)
    vl_fact_put (make (in, 0, "%s.max-vcpus", prefix), vcpus);
  read_enums (in, root, prefix);
  if (loader)
    put_values (make (in, 1, "%s.loader", prefix), loader);
  read_modes (in, vl_xml_child (root, "cpu"), prefix);
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    const struct vl_xml *node = vl_xml_find (root, flags[i].path);

    if (node)
      vl_fact_put (make (in, 0, "%s.%s", prefix, flags[i].what),
                   supported (node) ? "true" : "false");
  }
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    const struct vl_xml *node = vl_xml_find (root, texts[i].path);

    if (node)
      vl_fact_put (make (in, 0, "%s.%s", prefix, texts[i].what), vl_xml_text (node));
  }
}

int
vl_host_import_domcapabilities (struct vl_call *call, const char *xml)
{
  struct vl_host *host = call->probing;
  static const char *const needed[] = { "domain", "arch", "machine" };
  const struct vl_xml *root = read_document (call, xml, "domainCapabilities");
  struct import in = { .call = call };
  const char *words[3];

  if (root == NULL)
    return -1;
  for (size_t i = 0; i < 3; i++) {
    words[i] = vl_xml_text (vl_xml_child (root, needed[i]));
    if (*words[i] == '\0')
      return vl_refuse_as (call, VL_ERR_REQUEST, "InvalidXML", NULL, NULL,
                           "the domain capabilities have no <%s>", needed[i]);
  }
  in.fresh = vl_host_new ();
  read_domain (&in, root, vl_printf (call, "caps.%s.%s.%s", words[0], words[1], words[2]));
  vl_host_merge (host, in.fresh);
  vl_host_free (in.fresh);
  vl_host_add_cpu_map (call, host);
  return 0;
}
