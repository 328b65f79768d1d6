/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The facts of one host: a map sorted by key, so that a look-up is a binary
 * search.  The host owns keys and values; what look-ups answer is borrowed until
 * the fact is set again.  Each look-up marks its fact, for the record of a plan. */

#include <config.h>

#include "host/host.h"

#include "lib/text.h"

#include <virtloom/ascii.h>

#include <sys/stat.h>

static void
clear_fact (struct vl_fact *fact)
{
  for (size_t i = 0; i < fact->n; i++)
    free (fact->values[i]);
  free (fact->values);
  free (fact->key);
  memset (fact, 0, sizeof *fact);
}

struct vl_host *
vl_host_new (void)
{
  struct vl_host *host = VL_NEW (struct vl_host);

  host->sorted = 1;
  return host;
}

void
vl_host_free (struct vl_host *host)
{
  if (host == NULL)
    return;
  for (size_t i = 0; i < host->n; i++)
    clear_fact (&host->facts[i]);
  free (host->facts);
  vl_cpu_map_free (host->cpu_map);
  free (host);
}

/* ---- adding ---- */

int
vl_fact_has (const struct vl_fact *fact, const char *value)
{
  for (size_t i = 0; fact && i < fact->n; i++)
    if (VL_STREQ (fact->values[i], value))
      return 1;
  return 0;
}

void
vl_fact_put (struct vl_fact *fact, const char *value)
{
  if (vl_fact_has (fact, value))
    return;
  VL_GROW (fact->values, fact->n, fact->size);
  fact->values[fact->n++] = vl_xstrdup (value);
}

struct vl_fact *
vl_host_append (struct vl_host *host, const char *key, int list)
{
  struct vl_fact *fact;

  VL_GROW (host->facts, host->n, host->size);
  fact = &host->facts[host->n];
  memset (fact, 0, sizeof *fact);
  fact->key = vl_xstrdup (key);
  fact->list = list;
  if (host->n > 0 && host->sorted)
    host->sorted = strcmp (host->facts[host->n - 1].key, key) < 0;
  host->n++;
  return fact;
}

/* The first fact whose key is KEY or behind it. */
static size_t
lower_bound (const struct vl_host *host, const char *key)
{
  size_t low = 0, high = host->n;

  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (strcmp (host->facts[middle].key, key) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The fact KEY of a host under construction, made where it is missing. */
static struct vl_fact *
fact_of (struct vl_host *host, const char *key)
{
  struct vl_fact made;
  size_t i;

  vl_host_sort (host);
  i = lower_bound (host, key);
  if (i < host->n && VL_STREQ (host->facts[i].key, key))
    return &host->facts[i];
  vl_host_append (host, key, 0);
  made = host->facts[host->n - 1];
  memmove (&host->facts[i + 1], &host->facts[i], (host->n - 1 - i) * sizeof *host->facts);
  host->facts[i] = made;
  host->sorted = 1;
  return &host->facts[i];
}

static void
drop_values (struct vl_fact *fact)
{
  while (fact->n)
    free (fact->values[--fact->n]);
}

void
vl_host_set (struct vl_host *host, const char *key, const char *value)
{
  struct vl_fact *fact = fact_of (host, key);
  /* The value may be the fact's own. */
  VL_AUTOFREE char *copy = vl_xstrdup (value);

  drop_values (fact);
  fact->list = 0;
  vl_fact_put (fact, copy);
}

void
vl_host_add (struct vl_host *host, const char *key, const char *value)
{
  struct vl_fact *fact = fact_of (host, key);

  fact->list = 1;
  vl_fact_put (fact, value);
}

/* Why KEY or VALUE cannot be, or NULL. */
static const char *
fact_problem (const char *key, size_t key_length, const char *value)
{
  if (key_length == 0)
    return "has no key";
  if (key_length > 255)
    return "has a key of more than 255 bytes";
  if (memchr (key, ' ', key_length) || vl_name_problem (key, key_length))
    return "has a blank, what is not printable or no UTF-8 in its key";
  if (vl_text_problem (value, strlen (value)))
    return "has a control character or no UTF-8 in its value";
  return NULL;
}

int
vl_host_import_fact (struct vl_call *call, struct vl_host *host, const char *text)
{
  const char *equals = strchr (text, '=');
  const char *problem =
      equals ? fact_problem (text, (size_t)(equals - text), equals + 1) : "has no '='";
  VL_AUTOFREE char *key = NULL;
  struct vl_fact *fact;

  if (problem) {
    return vl_refuse_as (
        call, VL_ERR_USAGE, "InvalidFact", NULL, "for example --fact module.kvm_amd.sev=Y",
        "the fact '%s' %s; accepted: KEY=VALUE", vl_shown (call->arena, text), problem);
  }
  key = vl_xstrndup (text, (size_t)(equals - text));
  fact = fact_of (host, key);
  for (size_t i = 0; fact->given && i < fact->n; i++)
    if (VL_STREQ (fact->values[i], equals + 1))
      return vl_refuse_as (call, VL_ERR_USAGE, "InvalidFact", NULL, "give each value once",
                           "the fact '%s' is given twice", vl_shown (call->arena, text));
  if (! fact->given)
    drop_values (fact);
  /* "device" is a list however many devices a host has. */
  fact->list = fact->given || VL_STREQ (key, "device");
  fact->given = 1;
  vl_fact_put (fact, equals + 1);
  return 0;
}

/* ---- order ---- */

struct place {
  struct vl_fact fact;
  size_t at;
};

static int
compare_places (const void *a, const void *b)
{
  const struct place *x = a, *y = b;
  int order = strcmp (x->fact.key, y->fact.key);

  return order ? order : x->at < y->at ? -1 : 1;
}

/* Joins LATER, of the same key, into FACT. */
static void
join (struct vl_fact *fact, struct vl_fact *later)
{
  if (fact->list && later->list) {
    for (size_t i = 0; i < later->n; i++)
      vl_fact_put (fact, later->values[i]);
    clear_fact (later);
  } else {
    clear_fact (fact);
    *fact = *later;
  }
}

void
vl_host_sort (struct vl_host *host)
{
  VL_AUTOFREE struct place *places = NULL;
  size_t n = 0;

  if (host->sorted)
    return;
  places = vl_xcalloc (host->n, sizeof *places);
  for (size_t i = 0; i < host->n; i++)
    places[i] = (struct place) { .fact = host->facts[i], .at = i };
  qsort (places, host->n, sizeof *places, compare_places);
  for (size_t i = 0; i < host->n; i++)
    if (n > 0 && VL_STREQ (host->facts[n - 1].key, places[i].fact.key))
      join (&host->facts[n - 1], &places[i].fact);
    else
      host->facts[n++] = places[i].fact;
  host->n = n;
  host->sorted = 1;
}

void
vl_host_merge (struct vl_host *host, struct vl_host *fresh)
{
  struct vl_fact *facts;
  size_t n = 0, i = 0, j = 0, size;

  vl_host_sort (host);
  vl_host_sort (fresh);
  size = host->n + fresh->n;
  facts = vl_xcalloc (size, sizeof *facts);
  while (i < host->n || j < fresh->n) {
    int order = i == host->n    ? 1
                : j == fresh->n ? -1
                                : strcmp (host->facts[i].key, fresh->facts[j].key);

    if (order == 0)
      clear_fact (&host->facts[i++]);
    facts[n++] = order < 0 ? host->facts[i++] : fresh->facts[j++];
  }
  free (host->facts);
  host->facts = facts;
  host->size = size;
  host->n = n;
  fresh->n = 0;
}

/* ---- look-ups ---- */

/* Sorting changes no meaning: to those who only look, the host is the same. */
static void
settle (const struct vl_host *host)
{
  if (! host->sorted)
    vl_host_sort ((struct vl_host *)host);
}

const struct vl_fact *
vl_host_find (const struct vl_host *host, const char *key)
{
  size_t i;

  if (host == NULL || key == NULL)
    return NULL;
  settle (host);
  i = host->last;
  if (i >= host->n || ! VL_STREQ (host->facts[i].key, key))
    i = lower_bound (host, key);
  if (i == host->n || ! VL_STREQ (host->facts[i].key, key))
    return NULL;
  host->facts[i].used = 1;
  ((struct vl_host *)host)->last = i;
  return &host->facts[i];
}

int
vl_host_has_any (const struct vl_host *host, const char *prefix)
{
  size_t first;

  settle (host);
  first = lower_bound (host, prefix);
  return first < host->n && VL_STARTS (host->facts[first].key, prefix);
}

size_t
vl_host_range (const struct vl_host *host, const char *prefix, size_t *first)
{
  size_t n = 0;

  settle (host);
  *first = lower_bound (host, prefix);
  while (*first + n < host->n && VL_STARTS (host->facts[*first + n].key, prefix))
    n++;
  return n;
}

void
vl_host_forget_use (struct vl_host *host)
{
  for (size_t i = 0; i < host->n; i++)
    host->facts[i].used = 0;
}

/* The kernel says "Y" and "1" where a host file says true. */
int
vl_host_flag (const struct vl_host *host, const char *key)
{
  static const char *const words[][2] = {
    { "false", "true" }, { "0", "1" }, { "n", "y" }, { "no", "yes" }, { "off", "on" }, { "f", "t" },
  };
  const struct vl_fact *fact = vl_host_find (host, key);

  if (fact == NULL || fact->n != 1)
    return -1;
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    for (int answer = 0; answer < 2; answer++)
      if (vl_ascii_casecmp (fact->values[0], words[i][answer]) == 0)
        return answer;
  return -1;
}

int
vl_host_offers (const struct vl_host *host, const char *key, const char *value)
{
  const struct vl_fact *fact = vl_host_find (host, key);

  return fact ? vl_fact_has (fact, value) : -1;
}

const char *
vl_host_str (const struct vl_host *host, const char *key)
{
  const struct vl_fact *fact = vl_host_find (host, key);

  return fact && fact->n ? fact->values[0] : NULL;
}

size_t
vl_host_count (const struct vl_host *host, const char *key)
{
  const struct vl_fact *fact = vl_host_find (host, key);

  return fact ? fact->n : 0;
}

const char *
vl_host_item (const struct vl_host *host, const char *key, size_t i)
{
  const struct vl_fact *fact = vl_host_find (host, key);

  return fact && i < fact->n ? fact->values[i] : NULL;
}

int
vl_host_at_least (const struct vl_host *host, const char *key, const char *atleast)
{
  const char *version = vl_host_str (host, key);

  if (version == NULL || ! vl_ascii_is_digit (*version))
    return -1;
  return vl_version_compare (version, atleast) >= 0;
}

int
vl_host_device (const struct vl_host *host, const char *path)
{
  struct stat st;

  if (! host->live)
    return vl_host_offers (host, "device", path);
  return stat (path, &st) == 0;
}

size_t
vl_host_n_facts (const struct vl_host *host)
{
  settle (host);
  return host->n;
}

const char *
vl_host_fact_key (const struct vl_host *host, size_t i)
{
  settle (host);
  return i < host->n ? host->facts[i].key : NULL;
}
