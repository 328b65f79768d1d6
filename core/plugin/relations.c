/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a feature says of others, held against what is there: a name that nobody has
 * reads as unset for ever, and is a slip of the pen unless the row says otherwise. */

#include <config.h>

#include "plugin/load.h"

#include "lib/text.h"

/* Nova's: of "trait_GROUP:NAME". */
#define GROUP_BYTES 64

const char *
vl_required_name (const char *key, const char *word, int *grouped)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  size_t length = strlen (word), group;

  if (strncmp (key, word, length) != 0)
    return NULL;
  group = strspn (key + length, letters);
  if (key[length + group] != ':' || group > GROUP_BYTES)
    return NULL;
  *grouped = group > 0;
  return key + length + group + 1;
}

const char *
vl_key_problem (const char *key, int image)
{
  int grouped = 0;

  if (*key == '\0' || key[strspn (key, VL_KEY_LETTERS)])
    return "which nobody can ask for; accepted: letters, digits and '_.:-'";
  if (vl_required_name (key, "trait", &grouped) && ! (image && grouped))
    return "with which flavors and images require traits; accepted: another name before the ':'";
  if (! image && vl_required_name (key, "resources", &grouped))
    return "with which flavors ask for resources; accepted: another name before the ':'";
  return NULL;
}

static const char *const core_values[] = {
  VL_GUEST_NAME,
  VL_GUEST_UUID,
  VL_GUEST_ARCH,
  VL_GUEST_VIRT_TYPE,
  VL_GUEST_MACHINE,
  VL_GUEST_VCPUS,
  VL_GUEST_MEMORY,
  VL_GUEST_RUN_DIR,
  VL_GUEST_BOOT_FROM_VOLUME,
  VL_GUEST_KERNEL,
  VL_GUEST_RAMDISK,
  VL_GUEST_FLAVOR,
  VL_GUEST_IMAGE,
  VL_GUEST_ROOT_SIZE,
  VL_DRIVER_SECRETS,
  VL_CLAIM_VCPUS,
  VL_CLAIM_MEMORY,
  VL_HOST_VCPUS,
  VL_HOST_MEMORY,
  VL_STORAGE_IMAGES_TYPE,
  VL_STORAGE_COW,
  VL_STORAGE_RAW,
  VL_STORAGE_PREALLOCATE,
  VL_DRIVER_NAME,
  VL_DISK_BUS,
  VL_CDROM_BUS,
  VL_STORAGE_CONFIG_DRIVE_BUS,
  VL_GUEST_DEDICATED_CPUS,
  VL_SCSI_MODEL,
  VL_NIC_MODEL,
  VL_GUEST_DISK,
  VL_GUEST_NIC,
  NULL,
};

struct relation {
  const struct vl_registry *registry;
  const struct vl_plugin *plugin;
  struct vl_spell spell; /* offered what could have been meant */
};

/* What is wrong with ROW of PLUGIN's tables, or NULL. */
typedef const char *(*problem_fn) (struct relation *r, const struct vl_name *row);

/* A core value NAME. */
static const char *
core_value_problem (struct relation *r, const char *name)
{
  r->spell.wanted = name;
  if (vl_text_among (name, core_values))
    return NULL;
  for (const char *const *value = core_values; *value; value++)
    vl_spell_offer (&r->spell, *value);
  return "which the core does not have";
}

/* A plugin NAME that no conf names. */
static const char *
absent_problem (struct relation *r, const struct vl_name *row, const char *name)
{
  if (row->flags & VL_OPTIONAL)
    return NULL;
  r->spell.wanted = name;
  for (size_t i = 0; i < r->registry->n; i++)
    vl_spell_offer (&r->spell, r->registry->plugins[i]->name);
  return vl_arena_printf (r->plugin->arena, "and no configuration names a feature '%s'", name);
}

static const char *
read_problem (struct relation *r, const struct vl_name *row)
{
  size_t length = strcspn (row->name, ".");
  const char *name = vl_arena_strndup (r->plugin->arena, row->name, length);
  const char *prop = row->name + length + 1;
  const struct vl_plugin *other = vl_registry_find (r->registry, name);

  if (row->name[length] == '\0')
    return "which is no property; accepted: PLUGIN.PROPERTY";
  if (vl_plugin_name_reserved (name))
    return core_value_problem (r, row->name);
  if (other == NULL)
    return absent_problem (r, row, name);
  if (other == r->plugin || other->state != VL_PLUGIN_LOADED)
    return NULL;
  for (size_t i = 0; i < other->n_props; i++)
    if (VL_STREQ (other->props[i].name, prop))
      return other->props[i].flags & VL_PUBLIC ? NULL
                                               : "which is not public: its plugin may rename it";
  if (row->flags & VL_OPTIONAL)
    return NULL;
  r->spell.wanted = prop;
  for (size_t i = 0; i < other->n_props; i++)
    vl_spell_offer (&r->spell, other->props[i].name);
  return "which that feature does not have";
}

static const char *
feature_problem (struct relation *r, const struct vl_name *row)
{
  const struct vl_plugin *other = vl_registry_find (r->registry, row->name);

  return other == NULL                    ? absent_problem (r, row, row->name)
         : other == r->plugin             ? "which is itself"
         : other->kind != VL_KIND_FEATURE ? "which is a driver; accepted: features"
                                          : NULL;
}

static const char *
trait_problem (struct relation *r, const struct vl_name *row)
{
  size_t n = strspn (row->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

  (void)r;
  return n && (row->name[n] == '\0' || VL_STREQ (row->name + n, "*"))
             ? NULL
             : "which is no trait; accepted: capitals, digits and '_', '*' at the end";
}

static void
relate (struct vl_call *call, const struct vl_registry *registry, struct vl_plugin *plugin,
        const char *verb, const struct vl_table *table, problem_fn problem)
{
  for (uint32_t n = 0; n < table->count; n++) {
    struct relation r = { registry, plugin, { .wanted = NULL } };
    struct vl_name row = { .name = NULL };
    const char *why;

    memcpy (&row, (const char *)table->rows + (size_t)n * table->row_size,
            table->row_size < sizeof row ? table->row_size : sizeof row);
    why = problem (&r, &row);
    if (why)
      vl_plugin_refuse (call, plugin, VL_ERR_REFUSED, NULL,
                        vl_did_you_mean (call, '\'', r.spell.best, NULL), "it %s '%s', %s", verb,
                        row.name, why);
  }
}

void
vl_registry_relate (struct vl_call *call, struct vl_registry *registry)
{
  for (size_t i = 0; i < registry->n; i++) {
    struct vl_plugin *plugin = registry->plugins[i];
    const struct vl_feature *feature = &plugin->feature;

    if (plugin->kind != VL_KIND_FEATURE || plugin->state != VL_PLUGIN_LOADED)
      continue;
    relate (call, registry, plugin, "reads", &feature->reads, read_problem);
    relate (call, registry, plugin, "wakes", &feature->wakes, feature_problem);
    relate (call, registry, plugin, "needs", &feature->needs, feature_problem);
    relate (call, registry, plugin, "conflicts with", &feature->conflicts, feature_problem);
    relate (call, registry, plugin, "honours trait", &feature->traits, trait_problem);
  }
}
