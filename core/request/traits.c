/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Traits and resources, whose keys are the core's.  Which of them a feature honours
 * its conf says; which traits the host has, virtloom.conf, facts trait.NAME and the
 * rules of nova-names.conf. */

#include <config.h>

#include "request/work.h"

#include <virtloom/ascii.h>

static void
refuse_value (struct vl_guest *guest, const struct vl_entry *entry, const char *accepted)
{
  vl_entry_say (guest, entry, NULL, VL_ERR_REQUEST, NULL, NULL,
                "'%s' is no value of '%s'; accepted: %s",
                vl_shown (guest->call->arena, entry->value), entry->key, accepted);
}

static int
check_name (struct vl_guest *guest, const struct vl_entry *entry, const char *name)
{
  if (vl_trait_name_ok (name))
    return 0;
  return vl_entry_say (guest, entry, NULL, VL_ERR_REQUEST, NULL, NULL,
                       "'%s' is no name; accepted: capital letters, digits and '_'",
                       vl_shown (guest->call->arena, name));
}

/* Does PLUGIN's conf claim trait or resource class NAME? */
static int
claims (const struct vl_plugin *plugin, const char *name)
{
  for (const char **claim = plugin->claims; *claim; claim++) {
    size_t n = strlen (*claim);

    if (VL_STREQ (*claim, name)
        || (n && (*claim)[n - 1] == '*' && strncmp (*claim, name, n - 1) == 0))
      return 1;
  }
  return 0;
}

/* What NAME asks for must not be dropped because those that claim it are off or
 * refused.  The number of plugins that claim it, or -1 after a finding.  What a server
 * on record was given is not judged again. */
static int
check_claimed (struct vl_guest *guest, const struct vl_entry *entry, const char *name)
{
  const struct vl_plugin *off = NULL;
  int n = 0, on = 0;

  if (guest->loaded)
    return 1;
  for (size_t i = 0; i < guest->registry->n; i++) {
    const struct vl_plugin *plugin = guest->registry->plugins[i];

    if (! claims (plugin, name))
      continue;
    n++;
    if (plugin->state == VL_PLUGIN_LOADED)
      on = 1;
    else
      off = plugin;
  }
  /* What is on record was asked for when they were there. */
  return n == 0 || on || guest->was ? n
                                    : vl_entry_unavailable (guest, entry, off, VL_ERR_UNSUPPORTED);
}

/* Every guest takes these, so that they ask for nothing more. */
static int
is_usual (const char *class)
{
  return vl_glob_any ("VCPU PCPU MEMORY_MB DISK_GB", class);
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
  if (! forbidden && check_claimed (guest, entry, name) < 0)
    return;
  work->traits[work->n_traits++] = (struct vl_trait) { name, entry, forbidden, grouped };
}

/* An amount of 0 asks for nothing, and what every guest has for nothing more. */
static void
add_resource (struct vl_guest *guest, const struct vl_entry *entry, const char *name)
{
  struct vl_guest_work *work = guest->work;
  size_t n = strspn (entry->value, "0123456789");
  int claimed;

  if (n == 0 || n > 18 || entry->value[n]) {
    refuse_value (guest, entry, "a whole number");
    return;
  }
  if (entry->value[strspn (entry->value, "0")] == '\0'
      || (claimed = check_claimed (guest, entry, name)) < 0)
    return;
  if (claimed == 0 && ! is_usual (name) && guest->was == NULL) {
    vl_entry_say (
        guest, entry, NULL, VL_ERR_UNSUPPORTED, "NotSupported", "take it out of the flavor",
        "'%s' is not supported: no plugin gives guests resources of class '%s'", entry->key, name);
    return;
  }
  work->resources[work->n_resources++] = entry;
}

int
vl_open_key (struct vl_guest *guest, const struct vl_entry *entry)
{
  struct vl_guest_work *work = guest->work;
  size_t room = guest->request->n_entries;
  int grouped, flavor = entry->layer == VL_LAYER_FLAVOR;
  const char *name = vl_required_name (entry->key, "trait", &grouped);

  if (work->traits == NULL) {
    work->traits = vl_arena_alloc (guest->call->arena, room * sizeof *work->traits);
    work->resources = vl_arena_alloc (guest->call->arena, room * sizeof *work->resources);
  }
  if (name && (flavor || ! grouped)) {
    if (check_name (guest, entry, name) == 0)
      add_trait (guest, entry, name, grouped);
    return 1;
  }
  name = flavor ? vl_required_name (entry->key, "resources", &grouped) : NULL;
  if (name && check_name (guest, entry, name) == 0)
    add_resource (guest, entry, name);
  return name != NULL;
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
        vl_entry_say (guest, work->traits[k].entry, NULL, VL_ERR_REQUEST, "FlavorImageConflict",
                      "take out one of the two",
                      "trait '%s' is forbidden here and required by the %s", work->traits[i].name,
                      vl_layer_name (work->traits[i].entry->layer));
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

/* The work of the guest of CALL, NULL where there is none; NAME, which must be
 * there, is what is asked for. */
static const struct vl_guest_work *
work_for (struct vl_call *call, const char *name)
{
  if (name == NULL)
    vl_fault (call, "asks for a trait or resource: NULL where a name is needed");
  return name && call->guest ? call->guest->work : NULL;
}

const char *
vl_trait_item (struct vl_call *call, const char *prefix, unsigned layers, size_t i)
{
  const struct vl_guest_work *work = work_for (call, prefix);
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
vl_trait (struct vl_call *call, const char *name, unsigned layers)
{
  const struct vl_guest_work *work = work_for (call, name);

  for (size_t k = 0; work && k < work->n_traits; k++)
    if (in_layers (&work->traits[k], layers) && VL_STREQ (work->traits[k].name, name))
      return 1;
  return 0;
}

int64_t
vl_resource (struct vl_call *call, const char *name)
{
  const struct vl_guest_work *work = work_for (call, name);
  int64_t sum = 0;

  for (size_t i = 0; work && i < work->n_resources; i++) {
    const struct vl_entry *entry = work->resources[i];
    int64_t amount = strtoll (entry->value, NULL, 10);

    if (VL_STREQ (strchr (entry->key, ':') + 1, name))
      sum = sum > INT64_MAX - amount ? INT64_MAX : sum + amount;
  }
  return sum;
}

/* ---- what the host has ---- */

/* Does CONDITION, one of a rule of nova-names.conf, hold?  '*' in it is VALUE. */
static int
holds (struct vl_guest *guest, const char *condition, const char *value)
{
  struct vl_call *call = guest->call;
  const char *virt = vl_str (call, VL_GUEST_VIRT_TYPE), *star = strchr (condition, '*');
  VL_AUTOSTRV struct vl_strv words = { 0 };
  const char *word, *key, *what;
  const struct vl_offer **offers;
  size_t n;

  if (star)
    condition = vl_printf (call, "%.*s%s%s", (int)(star - condition), condition, value, star + 1);
  vl_strv_split (&words, condition, " ");
  word = words.n ? words.items[0] : "";
  key = words.n > 1 ? words.items[1] : "";
  what = words.n > 2 ? words.items[2] : NULL;
  if (VL_STREQ (word, "virt"))
    return virt && vl_strv_has (&words, virt);
  if (VL_STREQ (word, "fact") && what)
    return vl_host_offers (guest->host, key, what) == 1;
  if (VL_STREQ (word, "fact"))
    return vl_host_find (guest->host, key) && vl_host_flag (guest->host, key) != 0;
  if (VL_STREQ (word, "least") && what)
    return vl_host_at_least (guest->host, key, what) == 1;
  if (VL_STREQ (word, "cap"))
    return vl_cap_any (call, key, what) == 1;
  if (VL_STREQ (word, "offer") && what) {
    offers = vl_registry_offers (guest->registry, call->arena, guest->driver, key, virt, &n);
    for (size_t i = 0; i < n; i++)
      if (VL_STREQ (offers[i]->name, what))
        return 1;
  }
  return VL_STREQ (word, "always");
}

static int
rule_holds (struct vl_guest *guest, const char *rule, const char *value)
{
  VL_AUTOSTRV struct vl_strv conditions = { 0 };

  vl_strv_split (&conditions, rule, ",\n");
  for (size_t i = 0; i < conditions.n; i++)
    if (! holds (guest, conditions.items[i], value))
      return 0;
  return conditions.n > 0;
}

/* By the rule for NAME or for the longest beginning of it that ends in '_': what follows
 * there is a value in small letters, with '_' or '-' between. */
static int
derived (struct vl_guest *guest, const char *name)
{
  const char *rule = vl_known (guest->config, "traits", name);
  char *stem = vl_arena_strdup (guest->call->arena, name);
  char *value = vl_arena_strdup (guest->call->arena, name);

  for (char *p = value; *p; p++)
    *p = vl_ascii_lower (*p);
  if (rule)
    return rule_holds (guest, rule, "");
  for (size_t n = strlen (name); n > 1 && rule == NULL; n--)
    if (stem[n - 1] == '_') {
      stem[n] = '\0';
      rule = vl_known (guest->config, "traits", stem);
      value = rule ? value + n : value;
    }
  if (rule && rule_holds (guest, rule, value))
    return 1;
  for (char *p = value; *p; p++)
    *p = (char)(*p == '_' ? '-' : *p);
  return rule && rule_holds (guest, rule, value);
}

/* Has the host NAME?  What is not known it has not. */
static int
host_has (struct vl_guest *guest, const char *name)
{
  const char *flag = vl_known (guest->config, "trait-flags", name), *lacks;
  int had = vl_host_flag (guest->host, vl_printf (guest->call, "trait.%s", name));
  size_t n;
  const char *const *said = vl_config_items (guest->config, "traits", &n);

  for (size_t i = 0; i < n; i++)
    if (VL_STREQ (said[i] + (said[i][0] == '-'), name))
      had = said[i][0] != '-';
  if (had >= 0)
    return had;
  return flag ? vl_cpu_lacks (guest->call, NULL, flag, &lacks) == 0 : derived (guest, name);
}

const char *
vl_trait_flag (struct vl_call *call, const char *name)
{
  if (name == NULL)
    vl_fault (call, "asks for a trait: NULL where a name is needed");
  return name && call->guest ? vl_known (call->guest->config, "trait-flags", name) : NULL;
}

/* ---- the judgement ---- */

static int
is_honoured (const struct vl_guest *guest, const char *name)
{
  for (size_t i = 0; i < guest->registry->n; i++)
    if (guest->active[i] && ! guest->failed[i] && claims (guest->registry->plugins[i], name))
      return 1;
  return 0;
}

static void
judge_trait (struct vl_guest *guest, const struct vl_trait *trait)
{
  const char *layer = vl_layer_name (trait->entry->layer), *name = trait->name;
  int had = host_has (guest, name);

  if (trait->forbidden)
    vl_entry_say (guest, trait->entry, NULL, had ? VL_ERR_UNSUPPORTED : 0,
                  had ? "NoValidHost" : NULL, had ? "take a host that has it not" : NULL,
                  "the %s forbids trait '%s', which this host has%s", layer, name,
                  had ? "" : " not");
  else if (! had && ! is_honoured (guest, name))
    vl_entry_say (guest, trait->entry, NULL, VL_ERR_UNSUPPORTED, "NoValidHost",
                  vl_printf (guest->call,
                             "take a host that has it, or say 'traits += %s' in virtloom.conf "
                             "where this one has",
                             name),
                  "the %s requires trait '%s', which this host has not, and no active feature "
                  "looks at it",
                  layer, name);
}

void
vl_guest_judge_traits (struct vl_guest *guest)
{
  const struct vl_guest_work *work = guest->work;

  for (size_t i = 0; work && i < work->n_traits; i++)
    judge_trait (guest, &work->traits[i]);
  for (size_t i = 0; work && i < work->n_resources; i++) {
    const struct vl_entry *entry = work->resources[i];
    const char *name = strchr (entry->key, ':') + 1;

    if (! is_usual (name) && ! is_honoured (guest, name))
      vl_entry_say (guest, entry, NULL, VL_ERR_UNSUPPORTED, "NotSupported",
                    "ask for what needs it by its own key, or take it out",
                    "'%s' gives the guest nothing: no feature that takes such resources is active",
                    entry->key);
  }
}
