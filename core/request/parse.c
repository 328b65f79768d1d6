/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parse: each key of the request becomes a typed value of its property in its
 * layer, or a finding; then the layers are combined by Nova's rules, where what the
 * request itself says counts as the image's and lies above it. */

#include <config.h>

#include "request/work.h"

#define MOST_NUMBERS 128

static void
fail (struct vl_guest *guest, struct vl_guest_prop *prop)
{
  if (prop->plugin)
    vl_guest_fail (guest, prop->plugin);
  else
    prop->state = VL_FAILED;
}

/* TEXT, a value of what SAID is about, as a finding may have it. */
static const char *
shown (const struct vl_guest *guest, const struct vl_said *said, const char *text)
{
  return guest->props[said->prop].row->flags & VL_SECRET ? VL_HIDDEN
                                                         : vl_shown (guest->call->arena, text);
}

static struct vl_report
report_of (struct vl_guest *guest, const struct vl_said *said, enum vl_severity severity)
{
  const struct vl_guest_prop *prop = &guest->props[said->prop];
  struct vl_entry entry = *said->entry;

  entry.value = shown (guest, said, entry.value);
  return (struct vl_report) { .severity = severity,
                              .err = VL_ERR_REQUEST,
                              .plugin = prop->plugin ? prop->plugin->name : NULL,
                              .property = prop->name,
                              .origin = vl_entry_origin (guest->call->arena, &entry),
                              .path = entry.path };
}

void
vl_said_refuse (struct vl_guest *guest, const struct vl_said *said, const char *code,
                const char *hint, const char *fmt, ...)
{
  struct vl_report report = report_of (guest, said, VL_SEV_ERROR);
  va_list args;

  report.code = code;
  report.hint = hint;
  va_start (args, fmt);
  vl_vreport (guest->call, &report, fmt, args);
  va_end (args);
  fail (guest, &guest->props[said->prop]);
}

/* ---- collecting ---- */

/* VALUE through "old=new,old2=new2". */
static const char *
map_value (struct vl_arena *arena, const char *map, const char *value)
{
  size_t length = strlen (value);

  for (const char *p = map; p && *p; p += strspn (p, ",")) {
    size_t item = strcspn (p, ",");

    if (item > length && p[length] == '=' && strncmp (p, value, length) == 0)
      return vl_arena_strndup (arena, p + length + 1, item - length - 1);
    p += item;
  }
  return value;
}

static const char *
row_key (const struct vl_prop *row, enum vl_layer layer)
{
  const char *key = layer == VL_LAYER_FLAVOR ? row->flavor_key : row->image_key;

  return key ? key : layer == VL_LAYER_FLAVOR ? row->image_key : row->flavor_key;
}

static void
warn_deprecated (struct vl_guest *guest, const struct vl_said *said)
{
  struct vl_report report = report_of (guest, said, VL_SEV_WARNING);
  const char *now = row_key (guest->props[said->prop].row, said->layer);

  vl_report (guest->call, &report, "'%s' is deprecated; write '%s'", said->entry->key, now);
}

static void
collect (struct vl_guest *guest)
{
  const struct vl_request *request = guest->request;
  struct vl_guest_work *work = guest->work;

  work->said = vl_arena_alloc (guest->call->arena, (request->n_entries + 1) * sizeof *work->said);
  for (size_t i = 0; i < request->n_entries; i++) {
    const struct vl_entry *entry = &request->entries[i];
    struct vl_said *said = &work->said[work->n_said];
    const struct vl_key_slot *slot;

    if (vl_open_key (guest, entry))
      continue;
    slot = vl_key_find (guest, entry, &said->number);
    if (slot == NULL)
      continue;
    said->prop = slot->prop;
    said->layer = entry->layer;
    said->entry = entry;
    said->alias = slot->alias;
    said->text = slot->alias ? map_value (guest->call->arena, slot->alias->value_map, entry->value)
                             : entry->value;
    work->n_said++;
    if (slot->alias && slot->alias->deprecated)
      warn_deprecated (guest, said);
  }
}

static int
compare_said (const void *a, const void *b)
{
  const struct vl_said *x = a, *y = b;

  if (x->prop != y->prop)
    return x->prop < y->prop ? -1 : 1;
  if (x->layer != y->layer)
    return x->layer < y->layer ? -1 : 1;
  if (x->number != y->number)
    return x->number < y->number ? -1 : 1;
  /* The row's own key before its aliases. */
  return (x->alias != NULL) - (y->alias != NULL);
}

/* ---- one layer of one property ---- */

struct vl_raw *
vl_said_parse (struct vl_guest *guest, const struct vl_said *said)
{
  const struct vl_prop *row = guest->props[said->prop].row;
  struct vl_raw *raw = vl_arena_alloc (guest->call->arena, sizeof *raw);
  const char *why;

  raw->key = said->entry->key;
  raw->text = row->flags & VL_SECRET ? VL_HIDDEN : said->entry->value;
  raw->origin = said->entry->origin;
  if (vl_value_parse (guest->call->arena, row, said->text, &raw->value, &why) < 0) {
    vl_said_refuse (guest, said, row->invalid_code, NULL, "'%s' %s",
                    shown (guest, said, said->text), why);
    return NULL;
  }
  return raw;
}

/* The same, NULL also where it is unset. */
static const struct vl_raw *
parse_one (struct vl_guest *guest, const struct vl_said *said)
{
  const struct vl_raw *raw = vl_said_parse (guest, said);

  return raw && raw->value.set ? raw : NULL;
}

/* A key and its alias in one layer: the same, or both true or false, where one
 * true is enough. */
static const struct vl_raw *
join (struct vl_guest *guest, const struct vl_said *said, const struct vl_raw *a,
      const struct vl_raw *b)
{
  const struct vl_guest_prop *prop = &guest->props[said->prop];

  if (a == NULL || b == NULL)
    return a ? a : b;
  if (VL_STREQ (a->value.text, b->value.text))
    return a;
  if (prop->row->rule == VL_EITHER)
    return a->value.number ? a : b;
  vl_said_refuse (
      guest, said, prop->row->conflict_code ? prop->row->conflict_code : "FlavorImageConflict",
      vl_printf (guest->call, "keep '%s' and leave '%s' out", a->key, b->key),
      "'%s' contradicts %s=%s, which is the same property", vl_shown (guest->call->arena, b->text),
      a->key, vl_shown (guest->call->arena, a->text));
  return a;
}

static const struct vl_raw *
parse_plain (struct vl_guest *guest, const struct vl_said *said, size_t n)
{
  const struct vl_raw *raw = NULL;

  for (size_t i = 0; i < n; i++)
    raw = join (guest, &said[i], raw, parse_one (guest, &said[i]));
  return raw;
}

/* The values by number as items; their texts stand with a blank between in the
 * value's own text. */
static const struct vl_raw *
parse_indexed (struct vl_guest *guest, const struct vl_said *said, size_t n)
{
  const struct vl_prop *row = guest->props[said->prop].row;
  struct vl_raw *raw = vl_arena_alloc (guest->call->arena, sizeof *raw);
  struct vl_value *value = &raw->value;
  VL_AUTOSTR struct vl_str text = { 0 }, written = { 0 };

  value->items = vl_arena_alloc (guest->call->arena, (n + 1) * sizeof *value->items);
  for (size_t i = 0; i < n; i++) {
    const struct vl_raw *one;

    if (said[i].number >= MOST_NUMBERS) {
      vl_said_refuse (guest, &said[i], NULL, NULL, "number %ld is out of range; accepted: 0 to %d",
                      said[i].number, MOST_NUMBERS - 1);
      return NULL;
    }
    if ((size_t)said[i].number != i) {
      vl_said_refuse (
          guest, &said[i], NULL,
          vl_printf (guest->call, "give number %zu too, or number the keys anew", i),
          "there is a number %ld and no number %zu; accepted: 0, 1, 2 ... without a gap",
          said[i].number, i);
      return NULL;
    }
    one = parse_one (guest, &said[i]);
    value->items[value->n_items++] = one ? one->value.text : "";
    vl_str_printf (&text, "%s%s", text.length ? " " : "", one ? one->value.text : "");
    vl_str_printf (&written, "%s%s", written.length ? " " : "",
                   row->flags & VL_SECRET ? VL_HIDDEN : said[i].entry->value);
  }
  value->set = 1;
  value->type = row->type;
  value->text = vl_arena_strdup (guest->call->arena, text.text);
  raw->key = value->n_items == 1 ? said->entry->key : row_key (row, said->layer);
  raw->text = vl_arena_strdup (guest->call->arena, written.text);
  raw->origin = said->entry->origin;
  return raw;
}

/* ---- rules ---- */

static void
take (struct vl_guest_prop *prop, enum vl_layer layer)
{
  prop->value = prop->raw[layer]->value;
  prop->origin = layer;
}

static int
same_value (const struct vl_raw *a, const struct vl_raw *b)
{
  if (a->value.n_items != b->value.n_items || ! VL_STREQ (a->value.text, b->value.text))
    return 0;
  for (size_t i = 0; i < a->value.n_items; i++)
    if (! VL_STREQ (a->value.items[i], b->value.items[i]))
      return 0;
  return 1;
}

static const char *
written (struct vl_guest *guest, const struct vl_raw *raw, enum vl_layer layer)
{
  return vl_printf (guest->call, "'%s' of the %s", vl_shown (guest->call->arena, raw->text),
                    vl_layer_name (layer));
}

/* HIGH and LOW, two layers of PROP, cannot both be had. */
static void
conflict (struct vl_guest *guest, struct vl_guest_prop *prop, enum vl_layer high, enum vl_layer low,
          const char *what, const char *hint)
{
  const struct vl_raw *a = prop->raw[high], *b = prop->raw[low];
  struct vl_report report = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .code = prop->row->conflict_code ? prop->row->conflict_code : "FlavorImageConflict",
    .plugin = prop->plugin ? prop->plugin->name : NULL,
    .property = prop->name,
    .origin = vl_printf (guest->call, "%s; %s", vl_raw_origin (guest->call->arena, a, high),
                         vl_raw_origin (guest->call->arena, b, low)),
    .hint = hint,
  };

  vl_report (guest->call, &report, "%s %s %s", written (guest, a, high), what,
             written (guest, b, low));
  fail (guest, prop);
}

static void
must_agree (struct vl_guest *guest, struct vl_guest_prop *prop)
{
  for (int high = VL_LAYER_REQUEST; high > VL_LAYER_FLAVOR; high--)
    for (int low = high - 1; low >= VL_LAYER_FLAVOR; low--)
      if (prop->raw[high] && prop->raw[low] && ! same_value (prop->raw[high], prop->raw[low])) {
        conflict (guest, prop, (enum vl_layer)high, (enum vl_layer)low, "contradicts",
                  "give both the same value, or leave one out");
        return;
      }
}

static void
flavor_wins (struct vl_guest *guest, struct vl_guest_prop *prop)
{
  /* Whoever asks for something with the server itself is told that it is not to
   * be had; an image is made for many flavors. */
  if (prop->raw[VL_LAYER_REQUEST] && prop->raw[VL_LAYER_FLAVOR]
      && ! same_value (prop->raw[VL_LAYER_REQUEST], prop->raw[VL_LAYER_FLAVOR]))
    conflict (guest, prop, VL_LAYER_REQUEST, VL_LAYER_FLAVOR, "cannot replace",
              "the flavor decides here; leave the property out, or take another flavor");
}

/* The number must not be more than the flavor's. */
static void
image_narrows (struct vl_guest *guest, struct vl_guest_prop *prop)
{
  const struct vl_raw *flavor = prop->raw[VL_LAYER_FLAVOR];

  for (int layer = VL_LAYER_REQUEST; flavor && layer >= VL_LAYER_IMAGE; layer--)
    if (prop->raw[layer] && prop->raw[layer]->value.number > flavor->value.number) {
      conflict (guest, prop, (enum vl_layer)layer, VL_LAYER_FLAVOR, "is more than",
                "ask for as much or less; only the flavor may allow more");
      return;
    }
}

/* True anywhere is true, and the highest layer that says so is the reason. */
static void
either (struct vl_guest_prop *prop)
{
  for (int layer = VL_LAYER_REQUEST; layer >= VL_LAYER_DEFAULT; layer--)
    if (prop->raw[layer] && prop->raw[layer]->value.number) {
      take (prop, (enum vl_layer)layer);
      return;
    }
}

/* The highest layer that says something is taken, where a rule does not know better. */
static void
apply_rule (struct vl_guest *guest, struct vl_guest_prop *prop)
{
  enum vl_rule rule = prop->row->rule;

  for (int layer = VL_LAYER_DEFAULT; layer <= VL_LAYER_REQUEST; layer++)
    if (prop->raw[layer])
      take (prop, (enum vl_layer)layer);
  if (rule == VL_FLAVOR_WINS && prop->raw[VL_LAYER_FLAVOR])
    take (prop, VL_LAYER_FLAVOR);
  if (rule == VL_MUST_AGREE)
    must_agree (guest, prop);
  else if (rule == VL_FLAVOR_WINS)
    flavor_wins (guest, prop);
  else if (rule == VL_IMAGE_NARROWS)
    image_narrows (guest, prop);
  else if (rule == VL_EITHER)
    either (prop);
}

/* ---- all ---- */

static void
parse_prop (struct vl_guest *guest, const struct vl_said *said, size_t n)
{
  struct vl_guest_prop *prop = &guest->props[said->prop];
  size_t errors = guest->call->findings.n_errors, end;
  const struct vl_raw **layers =
      vl_arena_copy (guest->call->arena, prop->raw, VL_N_LAYERS * sizeof *layers);

  prop->raw = layers;
  for (size_t i = 0; i < n; i = end) {
    for (end = i + 1; end < n && said[end].layer == said[i].layer;)
      end++;
    layers[said[i].layer] = prop->row->flags & VL_INDEXED ? parse_indexed (guest, said + i, end - i)
                                                          : parse_plain (guest, said + i, end - i);
  }
  if (guest->call->findings.n_errors == errors)
    apply_rule (guest, prop);
}

void
vl_guest_parse (struct vl_guest *guest)
{
  struct vl_guest_work *work = guest->work;
  size_t end;

  collect (guest);
  if (guest->call->verbose)
    vl_keys_advise (guest);
  if (work->n_said > 1)
    qsort (work->said, work->n_said, sizeof *work->said, compare_said);
  for (size_t i = 0; i < work->n_said; i = end) {
    for (end = i + 1; end < work->n_said && work->said[end].prop == work->said[i].prop;)
      end++;
    parse_prop (guest, work->said + i, end - i);
  }
  vl_devices_parse (guest);
  vl_traits_sort (guest);
}

int
vl_keys_judge (struct vl_call *call, struct vl_registry *registry, const struct vl_config *config,
               enum vl_layer layer, const struct vl_property *list, size_t n)
{
  struct vl_request request = { .arena = call->arena, .n_entries = n };
  struct vl_guest *guest = vl_guest_blank (call, registry, config, NULL, NULL);
  size_t errors = call->findings.n_errors;

  request.entries = vl_arena_alloc (call->arena, (n + 1) * sizeof *request.entries);
  for (size_t i = 0; i < n; i++)
    request.entries[i] =
        (struct vl_entry) { list[i].key, list[i].value, layer, vl_layer_name (layer), NULL };
  guest->request = &request;
  collect (guest);
  vl_keys_advise (guest);
  for (size_t i = 0; i < guest->work->n_said; i++)
    vl_said_parse (guest, &guest->work->said[i]);
  vl_traits_sort (guest);
  vl_call_about (call, NULL);
  return call->findings.n_errors > errors ? -1 : 0;
}
