/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a feature says of others, held against what is there: a name that nobody has
 * reads as unset for ever, and is a slip of the pen unless the row says otherwise. */

#include <config.h>

#include "plugin/load.h"

#include "lib/spell.h"
#include "lib/text.h"

static const char *const core_values[] = {
  VL_GUEST_NAME,      VL_GUEST_UUID,          VL_GUEST_ARCH,
  VL_GUEST_VIRT_TYPE, VL_GUEST_MACHINE,       VL_GUEST_VCPUS,
  VL_GUEST_MEMORY,    VL_GUEST_RUN_DIR,       VL_GUEST_BOOT_FROM_VOLUME,
  VL_GUEST_KERNEL,    VL_GUEST_RAMDISK,       VL_GUEST_FLAVOR,
  VL_GUEST_IMAGE,     VL_GUEST_ROOT_SIZE,     VL_DRIVER_SECRETS,
  VL_CLAIM_VCPUS,     VL_CLAIM_MEMORY,        VL_HOST_VCPUS,
  VL_HOST_MEMORY,     VL_STORAGE_IMAGES_TYPE, VL_STORAGE_COW,
  VL_STORAGE_RAW,     VL_STORAGE_PREALLOCATE, VL_DRIVER_NAME,
  VL_DISK_BUS,        VL_CDROM_BUS,           VL_SCSI_MODEL,
  VL_NIC_MODEL,       VL_GUEST_DISK,          VL_GUEST_NIC,
};
#define N_CORE_VALUES (sizeof core_values / sizeof core_values[0])

struct relation {
  struct vl_call *call;
  struct vl_registry *registry;
  struct vl_plugin *plugin;
  const char *verb; /* "reads" */
};

static void
refuse (struct relation *r, const char *name, const char *why, const struct vl_spell *spell)
{
  vl_plugin_refuse (r->call, r->registry, r->plugin, VL_ERR_REFUSED, NULL,
                    vl_did_you_mean (r->call, '\'', spell ? spell->best : NULL, NULL),
                    "it %s '%s', %s", r->verb, name, why);
}

static void
check_core_value (struct relation *r, const char *name)
{
  struct vl_spell spell = { .wanted = name };

  for (size_t i = 0; i < N_CORE_VALUES; i++) {
    if (VL_STREQ (core_values[i], name))
      return;
    vl_spell_offer (&spell, core_values[i]);
  }
  refuse (r, name, "which the core does not have", &spell);
}

/* The plugin NAME, LENGTH long, that a conf names; NULL after a refusal, or where it
 * may be absent. */
static const struct vl_plugin *
known_plugin (struct relation *r, const struct vl_name *row, size_t length)
{
  const char *name = vl_arena_strndup (r->registry->arena, row->name, length);
  const struct vl_plugin *plugin = vl_registry_find (r->registry, name);
  struct vl_spell spell = { .wanted = name };

  if (plugin || (row->flags & VL_OPTIONAL))
    return plugin;
  for (size_t i = 0; i < r->registry->n; i++)
    vl_spell_offer (&spell, r->registry->plugins[i]->name);
  refuse (r, row->name,
          vl_arena_printf (r->registry->arena, "and no configuration names a feature '%s'", name),
          &spell);
  return NULL;
}

static void
check_read (struct relation *r, const struct vl_name *row)
{
  size_t length = strcspn (row->name, ".");
  const char *prop = row->name + length + 1;
  struct vl_spell spell = { .wanted = prop };
  const struct vl_plugin *other;

  if (row->name[length] == '\0') {
    refuse (r, row->name, "which is no property; accepted: PLUGIN.PROPERTY", NULL);
    return;
  }
  if (vl_plugin_name_reserved (vl_arena_strndup (r->registry->arena, row->name, length))) {
    check_core_value (r, row->name);
    return;
  }
  other = known_plugin (r, row, length);
  if (other == NULL || other == r->plugin || other->state != VL_PLUGIN_LOADED)
    return;
  for (size_t i = 0; i < other->n_props; i++) {
    if (VL_STREQ (other->props[i].name, prop)) {
      if (! (other->props[i].flags & VL_PUBLIC))
        refuse (r, row->name, "which is not public: its plugin may rename it", NULL);
      return;
    }
    vl_spell_offer (&spell, other->props[i].name);
  }
  if (! (row->flags & VL_OPTIONAL))
    refuse (r, row->name, "which that feature does not have", &spell);
}

static void
check_feature (struct relation *r, const struct vl_name *row)
{
  const struct vl_plugin *other = known_plugin (r, row, strlen (row->name));

  if (other == r->plugin)
    refuse (r, row->name, "which is itself", NULL);
  else if (other && other->kind != VL_KIND_FEATURE)
    refuse (r, row->name, "which is a driver; accepted: features", NULL);
}

static void
check_trait (struct relation *r, const struct vl_name *row)
{
  size_t n = strspn (row->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

  if (n == 0 || (row->name[n] && ! VL_STREQ (row->name + n, "*")))
    refuse (r, row->name, "which is no trait; accepted: capitals, digits and '_', '*' at the end",
            NULL);
}

void
vl_registry_relate (struct vl_call *call, struct vl_registry *registry)
{
  for (size_t i = 0; i < registry->n; i++) {
    struct vl_plugin *plugin = registry->plugins[i];
    const struct {
      const char *verb;
      const struct vl_table *table;
      void (*check) (struct relation *, const struct vl_name *);
    } lists[] = {
      { "reads", &plugin->feature.reads, check_read },
      { "wakes", &plugin->feature.wakes, check_feature },
      { "needs", &plugin->feature.needs, check_feature },
      { "conflicts with", &plugin->feature.conflicts, check_feature },
      { "honours trait", &plugin->feature.traits, check_trait },
    };

    if (plugin->kind != VL_KIND_FEATURE || plugin->state != VL_PLUGIN_LOADED)
      continue;
    for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++) {
      struct relation r = { call, registry, plugin, lists[k].verb };
      const struct vl_table *table = lists[k].table;

      for (uint32_t n = 0; n < table->count; n++) {
        struct vl_name row = { .name = NULL };
        size_t size = table->row_size < sizeof row ? table->row_size : sizeof row;

        memcpy (&row, (const char *)table->rows + (size_t)n * table->row_size, size);
        lists[k].check (&r, &row);
      }
    }
  }
}
