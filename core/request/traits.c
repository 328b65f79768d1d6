/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The keys that belong to the core and are open: traits, resources,
 * capabilities, aggregates' own specs, the policy of resource groups.  Any
 * well-formed one passes; features ask for the traits and resources they know. */

#include <config.h>

#include "request/work.h"

#include "lib/spell.h"
#include "request/name.h"

#include <errno.h>

#define GROUP_BYTES 64

static int
refuse (struct vl_guest *guest, const struct vl_entry *entry, const char *code, const char *message)
{
  struct vl_report report = { .severity = VL_SEV_ERROR,
                              .err = VL_ERR_REQUEST,
                              .code = code,
                              .origin = vl_entry_origin (guest->call->arena, entry),
                              .path = entry->path };

  return vl_report (guest->call, &report, "%s", message);
}

static int
refuse_value (struct vl_guest *guest, const struct vl_entry *entry, const char *accepted)
{
  return refuse (guest, entry, NULL,
                 vl_printf (guest->call, "'%s' is no value of '%s'; accepted: %s",
                            vl_shown (guest->call->arena, entry->value), entry->key, accepted));
}

/* Where the name begins in KEY, "WORD[GROUP]:NAME"; NULL where it is none. */
static const char *
name_in (const char *key, const char *word, int *grouped)
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

/* A trait or resource class: capitals, digits and '_'. */
static int
check_name (struct vl_guest *guest, const struct vl_entry *entry, const char *name)
{
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

  if (*name && strlen (name) <= 255 && name[strspn (name, letters)] == '\0')
    return 0;
  refuse (guest, entry, NULL,
          vl_printf (guest->call, "'%s' is no name; accepted: capital letters, digits and '_'",
                     vl_shown (guest->call->arena, name)));
  return -1;
}

static void
add_trait (struct vl_guest *guest, const struct vl_entry *entry, const char *name, int grouped)
{
  struct vl_guest_work *work = guest->work;
  int forbidden = VL_STREQ (entry->value, "forbidden") && entry->layer == VL_LAYER_FLAVOR;

  if (! forbidden && ! VL_STREQ (entry->value, "required")) {
    refuse_value (guest, entry,
                  entry->layer == VL_LAYER_FLAVOR ? "required forbidden" : "required");
    return;
  }
  if (work->traits == NULL)
    work->traits =
        vl_arena_alloc (guest->call->arena, guest->request->n_entries * sizeof *work->traits);
  work->traits[work->n_traits++] = (struct vl_trait) { name, entry, forbidden, grouped };
}

static void
add_resource (struct vl_guest *guest, const struct vl_entry *entry)
{
  struct vl_guest_work *work = guest->work;
  size_t n = strspn (entry->value, "0123456789");

  if (n == 0 || n > 18 || entry->value[n]) {
    refuse_value (guest, entry, "a whole number");
    return;
  }
  if (work->resources == NULL)
    work->resources =
        vl_arena_alloc (guest->call->arena, guest->request->n_entries * sizeof *work->resources);
  work->resources[work->n_resources++] = entry;
}

/* Of flavors only: images have traits and nothing else of these. */
static int
open_spec (struct vl_guest *guest, const struct vl_entry *entry)
{
  const char *name;
  int grouped;

  if ((name = name_in (entry->key, "resources", &grouped)) != NULL) {
    if (check_name (guest, entry, name) == 0)
      add_resource (guest, entry);
    return 1;
  }
  if (VL_STARTS (entry->key, "capabilities:")
      || VL_STARTS (entry->key, "aggregate_instance_extra_specs:"))
    return 1;
  if (! VL_STREQ (entry->key, "group_policy"))
    return 0;
  if (! VL_STREQ (entry->value, "none") && ! VL_STREQ (entry->value, "isolate"))
    refuse_value (guest, entry, "none isolate");
  return 1;
}

int
vl_open_key (struct vl_guest *guest, const struct vl_entry *entry)
{
  int grouped;
  const char *name = name_in (entry->key, "trait", &grouped);

  if (name && (entry->layer == VL_LAYER_FLAVOR || ! grouped)) {
    if (check_name (guest, entry, name) == 0)
      add_trait (guest, entry, name, grouped);
    return 1;
  }
  return entry->layer == VL_LAYER_FLAVOR && open_spec (guest, entry);
}

static int
compare_traits (const void *a, const void *b)
{
  const struct vl_trait *x = a, *y = b;
  int order = strcmp (x->name, y->name);

  return order ? order : x->forbidden - y->forbidden;
}

/* One trait cannot be required and forbidden; of two groups each may have its
 * own mind. */
static void
refuse_contradictions (struct vl_guest *guest)
{
  const struct vl_guest_work *work = guest->work;

  for (size_t i = 0; i < work->n_traits; i++)
    for (size_t k = i + 1;
         k < work->n_traits && VL_STREQ (work->traits[i].name, work->traits[k].name); k++)
      if (work->traits[i].forbidden != work->traits[k].forbidden && ! work->traits[i].grouped
          && ! work->traits[k].grouped) {
        refuse (guest, work->traits[k].entry, "FlavorImageConflict",
                vl_printf (guest->call, "trait '%s' is forbidden here and required by the %s",
                           work->traits[i].name, vl_layer_name (work->traits[i].entry->layer)));
        vl_hint (guest->call, "take out one of the two");
      }
}

void
vl_traits_sort (struct vl_guest *guest)
{
  struct vl_guest_work *work = guest->work;

  if (work->n_traits > 1)
    qsort (work->traits, work->n_traits, sizeof *work->traits, compare_traits);
  refuse_contradictions (guest);
}

/* ---- what features ask ---- */

/* The request layer is the image's. */
static int
in_layers (const struct vl_trait *trait, unsigned layers)
{
  enum vl_layer layer =
      trait->entry->layer == VL_LAYER_REQUEST ? VL_LAYER_IMAGE : trait->entry->layer;

  return ! trait->forbidden && layers & 1u << layer;
}

const char *
vl_guest_trait_item (const struct vl_guest *guest, const char *prefix, unsigned layers, size_t i)
{
  const struct vl_guest_work *work = guest->work;
  const char *last = NULL;

  for (size_t k = 0; work && k < work->n_traits; k++) {
    const struct vl_trait *trait = &work->traits[k];

    if (! in_layers (trait, layers) || ! VL_STARTS (trait->name, prefix)
        || (last && VL_STREQ (last, trait->name)))
      continue;
    last = trait->name;
    if (i-- == 0)
      return last;
  }
  return NULL;
}

int
vl_guest_trait (const struct vl_guest *guest, const char *name, unsigned layers)
{
  const struct vl_guest_work *work = guest->work;

  for (size_t k = 0; work && k < work->n_traits; k++)
    if (in_layers (&work->traits[k], layers) && VL_STREQ (work->traits[k].name, name))
      return 1;
  return 0;
}

int64_t
vl_guest_resource (const struct vl_guest *guest, const char *name)
{
  const struct vl_guest_work *work = guest->work;
  int64_t sum = 0;

  for (size_t i = 0; work && i < work->n_resources; i++) {
    const struct vl_entry *entry = work->resources[i];
    int64_t amount = strtoll (entry->value, NULL, 10);

    if (VL_STREQ (strchr (entry->key, ':') + 1, name))
      sum = sum > INT64_MAX - amount ? INT64_MAX : sum + amount;
  }
  return sum;
}

/* ---- advice ---- */

static int
is_honoured (const struct vl_guest *guest, const char *name)
{
  for (size_t i = 0; i < guest->registry->n; i++)
    for (const char **trait = guest->registry->plugins[i]->traits;
         guest->active[i] && ! guest->failed[i] && *trait; trait++)
      if (VL_STREQ (*trait, name))
        return 1;
  return 0;
}

void
vl_guest_advise_traits (struct vl_guest *guest)
{
  const struct vl_guest_work *work = guest->work;

  for (size_t k = 0; work && k < work->n_traits; k++) {
    const struct vl_trait *trait = &work->traits[k];
    struct vl_report report = { .severity = VL_SEV_ADVICE,
                                .origin = vl_entry_origin (guest->call->arena, trait->entry),
                                .path = trait->entry->path };

    if (trait->forbidden || is_honoured (guest, trait->name))
      continue;
    vl_report (guest->call, &report,
               "no active feature looks at trait '%s'; that the host has it is up to the scheduler",
               trait->name);
  }
}
