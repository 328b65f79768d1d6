/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CPU models of libvirt's installed CPU map: which features and which vendor a
 * model has.  Written into the host facts, so that a recorded host answers as
 * the live one did, whatever CPU map is installed where it is read. */

#include <config.h>

#include "host/host.h"

#include "lib/file.h"

#define MAX_BYTES ((size_t)4 * 1024 * 1024)
#define MAX_BASES 8

struct map_model {
  const char *name, *vendor, *base;
  const char **features; /* the model's own, not those of its base */
  size_t n, size;
};

struct vl_cpu_map {
  struct vl_call *call; /* its own: memory, and findings that are ours alone */
  const char *arch;     /* as the map calls it */
  struct map_model *models;
  size_t n, size;
  struct vl_strv flags; /* that there are */
};

/* ---- reading ---- */

static const struct vl_xml *
read_file (struct vl_cpu_map *map, const char *name)
{
  const char *path = vl_printf (map->call, "%s/%s", VL_CPU_MAP, name), *why = NULL;
  VL_AUTOFREE char *text = NULL;
  size_t length;

  if (strchr (name, '/'))
    return NULL;
  text = vl_file_read (path, MAX_BYTES, &length, &why);
  return text ? vl_xml_read (map->call, text, length) : NULL;
}

static void
read_model (struct vl_cpu_map *map, const struct vl_xml *node)
{
  const struct vl_xml *base = vl_xml_child (node, "model");
  struct map_model *model;

  if (vl_xml_attr (node, "name") == NULL)
    return;
  VL_GROW (map->models, map->n, map->size);
  model = &map->models[map->n++];
  *model = (struct map_model) { .name = vl_xml_attr (node, "name") };
  model->vendor = vl_xml_attr (vl_xml_child (node, "vendor"), "name");
  model->base = vl_xml_attr (base, "name");
  for (const struct vl_xml *f = vl_xml_child (node, "feature"); f; f = vl_xml_next (f, "feature")) {
    const char *name = vl_xml_attr (f, "name"), *removed = vl_xml_attr (f, "removed");

    /* QEMU's model had it once: no guest gets it by asking for the model. */
    if (name == NULL || (removed && VL_STREQ (removed, "yes")))
      continue;
    VL_GROW (model->features, model->n, model->size);
    model->features[model->n++] = name;
  }
}

/* Includes stand below the architecture, in newer versions in groups. */
static void
read_includes (struct vl_cpu_map *map, const struct vl_xml *parent, int depth)
{
  for (const struct vl_xml *node = vl_xml_child (parent, NULL); node && depth < 4;
       node = vl_xml_next (node, NULL)) {
    const char *file = vl_xml_attr (node, "filename");
    const struct vl_xml *root;

    if (VL_STREQ (vl_xml_name (node), "model"))
      read_model (map, node);
    else if (VL_STREQ (vl_xml_name (node), "feature") && vl_xml_attr (node, "name"))
      vl_strv_add (&map->flags, vl_xml_attr (node, "name"));
    else if (VL_STREQ (vl_xml_name (node), "group"))
      read_includes (map, node, depth + 1);
    if (! VL_STREQ (vl_xml_name (node), "include") || file == NULL)
      continue;
    root = read_file (map, file);
    if (root)
      read_includes (map, root, depth + 1);
  }
}

static int
compare_models (const void *a, const void *b)
{
  return strcmp (((const struct map_model *)a)->name, ((const struct map_model *)b)->name);
}

static const char *
map_arch (const char *arch)
{
  static const struct {
    const char *arch, *name;
  } known[] = {
    { "x86_64", "x86" }, { "i686", "x86" },    { "aarch64", "arm" },
    { "armv7l", "arm" }, { "ppc64", "ppc64" }, { "ppc64le", "ppc64" },
  };

  for (size_t i = 0; arch && i < sizeof known / sizeof known[0]; i++)
    if (VL_STREQ (arch, known[i].arch))
      return known[i].name;
  return NULL;
}

static struct vl_cpu_map *
read_map (const char *arch)
{
  struct vl_cpu_map *map = VL_NEW (struct vl_cpu_map);
  const struct vl_xml *root;

  map->call = vl_call_new ();
  map->arch = arch;
  root = read_file (map, "index.xml");
  for (const struct vl_xml *a = vl_xml_child (root, "arch"); a; a = vl_xml_next (a, "arch"))
    if (vl_xml_attr (a, "name") && VL_STREQ (vl_xml_attr (a, "name"), arch))
      read_includes (map, a, 0);
  if (map->n > 1)
    qsort (map->models, map->n, sizeof *map->models, compare_models);
  return map;
}

void
vl_cpu_map_free (struct vl_cpu_map *map)
{
  if (map == NULL)
    return;
  for (size_t i = 0; i < map->n; i++)
    free (map->models[i].features);
  free (map->models);
  vl_strv_free (&map->flags);
  vl_call_free (map->call);
  free (map);
}

/* ---- facts ---- */

static const struct map_model *
find_model (const struct vl_cpu_map *map, const char *name)
{
  struct map_model wanted = { .name = name };

  return map->n ? bsearch (&wanted, map->models, map->n, sizeof *map->models, compare_models)
                : NULL;
}

static void
add_model (const struct vl_cpu_map *map, struct vl_host *fresh, const char *name)
{
  const struct map_model *model = find_model (map, name), *first = model;
  struct vl_fact *fact;
  const char *vendor = NULL;

  if (model == NULL)
    return;
  fact = vl_host_append (fresh, vl_printf (map->call, "cpu-model.%s.features", name), 1);
  for (int depth = 0; model && depth < MAX_BASES; depth++) {
    for (size_t i = 0; i < model->n; i++)
      vl_fact_put (fact, model->features[i]);
    if (vendor == NULL)
      vendor = model->vendor;
    model = model->base ? find_model (map, model->base) : NULL;
  }
  if (vendor)
    vl_fact_put (vl_host_append (fresh, vl_printf (map->call, "cpu-model.%s.vendor", name), 0),
                 vendor);
  if (first->base)
    add_model (map, fresh, first->base);
}

static int
is_known (const struct vl_host *host, const char *model)
{
  VL_AUTOFREE char *key = vl_xasprintf ("cpu-model.%s.features", model);
  size_t first;

  return vl_host_range (host, key, &first) > 0;
}

static void
want (const struct vl_host *host, const struct vl_fact *fact, struct vl_strv *names)
{
  for (size_t i = 0; i < fact->n; i++)
    if (! vl_strv_has (names, fact->values[i]) && ! is_known (host, fact->values[i]))
      vl_strv_add (names, fact->values[i]);
}

/* Does KEY, "caps.VIRT.ARCH.MACHINE...", speak of models of the map's ARCH? */
static int
names_models (const char *key, const char *arch)
{
  static const char *const ends[] = { ".cpu.models", ".cpu.host-model" };
  const char *start = strchr (key + strlen ("caps."), '.'),
             *end = start ? strchr (start + 1, '.') : NULL;
  VL_AUTOFREE char *name = end ? vl_xstrndup (start + 1, (size_t)(end - start - 1)) : NULL;
  const char *known = map_arch (name);
  size_t length = strlen (key);

  if (known == NULL || ! VL_STREQ (known, arch))
    return 0;
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
    if (length > strlen (ends[i]) && VL_STREQ (key + length - strlen (ends[i]), ends[i]))
      return 1;
  return 0;
}

void
vl_host_add_cpu_map (struct vl_call *call, struct vl_host *host)
{
  const char *arch = map_arch (vl_host_str (host, "host.arch"));
  const struct vl_fact *own = vl_host_find (host, "host.cpu.model");
  VL_AUTOSTRV struct vl_strv names = { NULL, 0, 0 };
  struct vl_host *fresh;
  size_t first, n;

  if (arch == NULL)
    return;
  if (own)
    want (host, own, &names);
  n = vl_host_range (host, "caps.", &first);
  for (size_t i = first; i < first + n; i++)
    if (names_models (host->facts[i].key, arch))
      want (host, &host->facts[i], &names);
  if (names.n == 0)
    return;
  if (host->cpu_map && ! VL_STREQ (host->cpu_map->arch, arch)) {
    vl_cpu_map_free (host->cpu_map);
    host->cpu_map = NULL;
  }
  if (host->cpu_map == NULL)
    host->cpu_map = read_map (arch);
  if (host->cpu_map->n == 0)
    vl_debug (call, "libvirt's CPU map (%s) has no models of %s", VL_CPU_MAP, arch);
  fresh = vl_host_new ();
  /* Elsewhere flags are QEMU's, and the map does not know all of them. */
  for (size_t i = 0; VL_STREQ (arch, "x86") && i < host->cpu_map->flags.n; i++)
    vl_fact_put (vl_host_append (fresh, "cpu-flags", 1), host->cpu_map->flags.items[i]);
  for (size_t i = 0; i < names.n; i++)
    add_model (host->cpu_map, fresh, names.items[i]);
  vl_host_merge (host, fresh);
  vl_host_free (fresh);
}
