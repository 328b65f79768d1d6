/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What an audit found: each fault once, with the flavors, images and hosts that it stands
 * for, and a matrix of all plans. */

#include <config.h>

#include "audit.h"

/* Names of one list that are printed without -v. */
#define MOST_NAMES 8
/* Images in one row of the matrix. */
#define ROW_IMAGES 50

static const char *
plural (size_t n)
{
  return n == 1 ? "" : "s";
}

/* ---- blocks: flavors that share images that share hosts ---- */

struct block {
  struct audit *audit;
  const unsigned char *flavors, *images; /* a byte for each, 1: it belongs to it */
  uint64_t hosts;
};

/* Calls FN for each block of FAULT; every plan of it is in exactly one. */
static void
each_block (struct audit *audit, const struct audit_fault *fault,
            void (*fn) (void *, const struct block *), void *opaque)
{
  size_t n_f = audit->flavors.n, n_i = audit->images.n;
  uint64_t *hosts = vl_xcalloc (n_f * n_i, sizeof *hosts);
  unsigned char *flavors = vl_xcalloc (n_f, 1), *images = vl_xcalloc (n_i, 1);
  unsigned char *done = vl_xcalloc (n_f + n_i, 1), *done_images = done + n_f;

  for (size_t i = 0; i < fault->n; i++)
    hosts[fault->plans[i] / audit->n_hosts] |= UINT64_C (1) << (fault->plans[i] % audit->n_hosts);
  for (size_t f = 0; f < n_f; f++) {
    const uint64_t *row = hosts + f * n_i;

    if (done[f])
      continue;
    for (size_t g = 0; g < n_f; g++) {
      flavors[g] = g >= f && memcmp (row, hosts + g * n_i, n_i * sizeof *row) == 0;
      done[g] |= flavors[g];
    }
    memset (done_images, 0, n_i);
    for (size_t i = 0; i < n_i; i++) {
      if (done_images[i] || row[i] == 0)
        continue;
      for (size_t k = 0; k < n_i; k++) {
        images[k] = row[k] == row[i];
        done_images[k] |= images[k];
      }
      fn (opaque, &(struct block) { audit, flavors, images, row[i] });
    }
  }
  free (hosts);
  free (flavors);
  free (images);
  free (done);
}

/* The names of what BLOCK has of LIST, NULL: of the hosts. */
static json_t *
names_of (const struct block *block, const struct audit_list *list, const unsigned char *has)
{
  json_t *names = json_array ();
  size_t n = list ? list->n : block->audit->n_hosts;

  for (size_t i = 0; i < n; i++)
    if (list ? has[i] : (int)(block->hosts >> i & 1))
      json_array_append_new (names,
                             json_text (list ? list->items[i].name : block->audit->hosts[i].name));
  return names;
}

static void
print_names (const struct block *block, const char *what, const struct audit_list *list,
             const unsigned char *has)
{
  json_t *names = names_of (block, list, has), *name;
  size_t all = list ? list->n : block->audit->n_hosts, n = json_array_size (names), i;
  size_t most = block->audit->tool->verbose ? n : MOST_NAMES;

  printf ("%s ", what);
  if (n == all && n > 1)
    printf ("all %zu", n);
  else
    json_array_foreach (names, i, name)
    {
      char *clean = vl_text_clean (json_string_value (name));

      if (i < most)
        printf ("%s%s", i ? ", " : "", clean);
      free (clean);
    }
  if (n != all && n > most)
    printf (" and %zu more", n - most);
  json_decref (names);
}

static void
print_block (void *opaque, const struct block *block)
{
  struct audit *audit = opaque;

  fputs ("  ", stdout);
  print_names (block, "flavors", &audit->flavors, block->flavors);
  print_names (block, "; images", &audit->images, block->images);
  if (audit->n_hosts > 1)
    print_names (block, "; hosts", NULL, NULL);
  putchar ('\n');
}

static void
add_block (void *opaque, const struct block *block)
{
  json_t *object = json_object ();

  json_object_set_new (object, "flavors", names_of (block, &block->audit->flavors, block->flavors));
  json_object_set_new (object, "images", names_of (block, &block->audit->images, block->images));
  json_object_set_new (object, "hosts", names_of (block, NULL, NULL));
  json_array_append_new (opaque, object);
}

/* ---- faults ---- */

/* Errors first, and what stands for most plans before others. */
static int
compare_faults (const void *a, const void *b)
{
  const struct audit_fault *x = a, *y = b;

  if (x->finding.severity != y->finding.severity)
    return x->finding.severity < y->finding.severity ? -1 : 1;
  if (x->n != y->n)
    return x->n > y->n ? -1 : 1;
  return strcmp (x->finding.message, y->finding.message);
}

static void
print_fault (struct audit *audit, const struct audit_fault *fault)
{
  putchar ('\n');
  findings_print_one (&fault->finding, stdout);
  if (fault->varies)
    puts ("  and the like with other numbers");
  printf ("  %zu plan%s:\n", fault->n, plural (fault->n));
  each_block (audit, fault, print_block, audit);
}

static json_t *
fault_json (struct audit *audit, const struct audit_fault *fault)
{
  static const char *const severities[] = { "", "error", "warning", "advice" };
  json_t *object = json_object (), *where = json_array ();

  json_put (object, "severity", severities[fault->finding.severity]);
  json_put (object, "code", fault->finding.code);
  json_put (object, "plugin", fault->finding.plugin);
  json_put (object, "property", fault->finding.property);
  json_put (object, "message", fault->finding.message);
  json_put (object, "hint", fault->finding.hint);
  json_object_set_new (object, "other_numbers", json_boolean (fault->varies));
  json_put_int (object, "plans", (int64_t)fault->n);
  each_block (audit, fault, add_block, where);
  json_object_set_new (object, "where", where);
  return object;
}

/* ---- the matrix ---- */

/* On how many hosts the pair is refused. */
static size_t
refusals (const struct audit *audit, size_t flavor, size_t image)
{
  size_t first = (flavor * audit->images.n + image) * audit->n_hosts, n = 0;

  for (size_t h = 0; h < audit->n_hosts; h++)
    n += audit->refused[first + h];
  return n;
}

static void
print_cells (const struct audit *audit, size_t flavor, size_t first, size_t end, size_t wide)
{
  char *clean = vl_text_clean (audit->flavors.items[flavor].name);

  printf ("%-*.*s  ", (int)wide, (int)wide, clean);
  for (size_t i = first; i < end; i++) {
    size_t n = refusals (audit, flavor, i);

    putchar (n == 0 ? '.' : n == audit->n_hosts ? 'x' : n > 9 ? '9' : (char)('0' + n));
  }
  putchar ('\n');
  free (clean);
}

static void
print_matrix (const struct audit *audit)
{
  size_t wide = 6;

  for (size_t f = 0; f < audit->flavors.n; f++)
    if (strlen (audit->flavors.items[f].name) > wide)
      wide = strlen (audit->flavors.items[f].name);
  wide = wide > 24 ? 24 : wide;
  printf ("\nimages:\n");
  for (size_t i = 0; i < audit->images.n; i++) {
    char *clean = vl_text_clean (audit->images.items[i].name);

    printf ("%4zu  %s\n", i + 1, clean);
    free (clean);
  }
  for (size_t first = 0; first < audit->images.n; first += ROW_IMAGES) {
    size_t end = first + ROW_IMAGES < audit->images.n ? first + ROW_IMAGES : audit->images.n;

    /* Rows begin after a whole number of tens. */
    if (end - first >= 10)
      printf ("\n%*s", (int)wide + 2, "");
    for (size_t tens = first / 10 + 1; tens <= end / 10; tens++)
      printf ("%10zu", tens % 10);
    printf ("\n%-*s  ", (int)wide, "flavor");
    for (size_t i = first; i < end; i++)
      putchar ((char)('0' + (i + 1) % 10));
    putchar ('\n');
    for (size_t f = 0; f < audit->flavors.n; f++)
      print_cells (audit, f, first, end, wide);
  }
  puts (audit->n_hosts > 1
            ? "\n.: can be made on every host  x: refused on every host  1-9: on so many"
            : "\n.: can be made  x: refused");
}

static json_t *
matrix_json (const struct audit *audit)
{
  json_t *matrix = json_array ();

  for (size_t f = 0; f < audit->flavors.n; f++)
    for (size_t i = 0; i < audit->images.n; i++) {
      json_t *object = json_object ();

      json_put (object, "flavor", audit->flavors.items[f].name);
      json_put (object, "image", audit->images.items[i].name);
      json_put_int (object, "refused", (int64_t)refusals (audit, f, i));
      json_array_append_new (matrix, object);
    }
  return matrix;
}

void
audit_show (struct audit *audit)
{
  size_t n = audit->flavors.n * audit->images.n * audit->n_hosts;
  json_t *data = audit->tool->data, *faults = json_array (), *hosts = json_array ();

  if (audit->faults.n)
    qsort (audit->faults.items, audit->faults.n, sizeof *audit->faults.items, compare_faults);
  if (! audit->tool->json) {
    printf ("driver %s, %zu flavor%s, %zu image%s, %zu host%s: %zu of %zu plan%s can be made\n",
            audit->driver, audit->flavors.n, plural (audit->flavors.n), audit->images.n,
            plural (audit->images.n), audit->n_hosts, plural (audit->n_hosts), n - audit->n_refused,
            n, plural (n));
    for (size_t i = 0; i < audit->faults.n; i++)
      print_fault (audit, &audit->faults.items[i]);
    print_matrix (audit);
  }
  for (size_t h = 0; h < audit->n_hosts; h++)
    json_array_append_new (hosts, json_text (audit->hosts[h].name));
  for (size_t i = 0; audit->tool->json && i < audit->faults.n; i++)
    json_array_append_new (faults, fault_json (audit, &audit->faults.items[i]));
  json_put (data, "driver", audit->driver);
  json_object_set_new (data, "hosts", hosts);
  json_put_int (data, "plans", (int64_t)n);
  json_put_int (data, "refused", (int64_t)audit->n_refused);
  json_object_set_new (data, "faults", faults);
  if (audit->tool->json)
    json_object_set_new (data, "matrix", matrix_json (audit));
}
