/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * memory-pages: the size of the host's pages that back the guest's memory.  The
 * flavor says it, the image may narrow it; which pages each NUMA cell of the
 * guest gets is numa's choice, which this feature wakes and reads. */

#include <config.h>

#include <virtloom/ascii.h>
#include <virtloom/feature.h>

#include <inttypes.h>
#include <string.h>

static const struct vl_prop props[] = {
  { .name = "size",
    .type = VL_STRING,
    .rule = VL_IMAGE_WINS,
    .flags = VL_PUBLIC,
    .flavor_key = "hw:mem_page_size",
    .image_key = "hw_mem_page_size",
    .invalid_code = "MemoryPageSizeInvalid",
    .help = "page size: small, large, any, KiB ('2048'), or a size ('2MB', '1GB')",
    .since = "0.1.0" },
  { .name = "wanted",
    .type = VL_STRING,
    .flags = VL_PUBLIC,
    .help = "the same as small, large, any or a number of KiB",
    .since = "0.1.0" },
  { .name = "reserved",
    .type = VL_LIST,
    .flags = VL_PUBLIC,
    .setting = "reserved_huge_pages",
    .help = "pages that no guest gets, numbers in threes: cell of the host, KiB of a page, pages",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "memoryBacking/hugepages" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = "numa.huge-pages" } };

static const struct vl_name wakes[] = { { .name = "numa" } };

static const char *const words[] = { "small", "large", "any" };

#define N_WORDS (sizeof words / sizeof words[0])

static int
is_word (const char *text)
{
  for (size_t i = 0; i < N_WORDS; i++)
    if (strcmp (text, words[i]) == 0)
      return 1;
  return 0;
}

/* KiB of "2048" (KiB), "2MB", "1GiB", "4096B", "16Mb" (bits, as Nova reads it);
 * -1 for anything else and for less than 1 KiB. */
static int64_t
kib_of (const char *text)
{
  static const char units[] = "KMGT";
  size_t digits = strspn (text, "0123456789");
  int64_t number = 0;
  const char *unit;

  if (digits == 0 || digits > 15)
    return -1;
  for (; digits > 0; digits--)
    number = number * 10 + (*text++ - '0');
  if (*text == '\0')
    return number > 0 ? number : -1;
  unit = strchr (units, *text);
  if (unit) {
    for (const char *step = units; step <= unit; step++) {
      if (number > INT64_MAX / 1024)
        return -1;
      number *= 1024;
    }
    text += text[1] == 'i' ? 2 : 1;
  }
  if (strcmp (text, "b") == 0 || strcmp (text, "bit") == 0)
    number /= 8;
  else if (strcmp (text, "B"))
    return -1;
  return number >= 1024 && number % 1024 == 0 ? number / 1024 : -1;
}

/* TEXT as it is shown in a finding: no more than 64 bytes of it. */
static const char *
shown (struct vl_call *c, const char *text)
{
  size_t n = 64;

  if (strlen (text) <= n)
    return text;
  while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
    n--;
  return vl_printf (c, "%.*s...", (int)n, text);
}

/* Does TEXT begin with WORD, which is small, in any case? */
static int
begins_like (const char *text, const char *word)
{
  while (*word && (*text | 0x20) == *word)
    text++, word++;
  return *word == '\0';
}

static int
check_text (struct vl_call *c, const char *text)
{
  const char *hint = "for pages of 2 MiB say '2MB' or '2048'";

  if (is_word (text) || kib_of (text) > 0)
    return 0;
  for (size_t i = 0; i < N_WORDS; i++)
    if (begins_like (text, words[i]))
      hint = vl_printf (c, "did you mean '%s'?", words[i]);
  return vl_refuse_as (
      c, VL_ERR_REQUEST, "MemoryPageSizeInvalid", "size", hint,
      "'%s' is not a page size; accepted: small, large, any, a number of KiB, or a size with unit "
      "such as '2MB' or '1GB'",
      shown (c, text));
}

/* The image may choose only where the flavor leaves a choice. */
static int
check_layers (struct vl_call *c)
{
  const char *flavor = vl_layer_str (c, "size", VL_LAYER_FLAVOR);
  const char *image = vl_layer_str (c, "size", VL_LAYER_IMAGE);

  if (image && flavor == NULL)
    return vl_refuse_as (c, VL_ERR_REQUEST, "MemoryPageSizeForbidden", "size",
                         "add hw:mem_page_size=any or hw:mem_page_size=large to the flavor",
                         "page size '%s' of the image is forbidden: the flavor has no "
                         "hw:mem_page_size",
                         shown (c, image));
  if (flavor && check_text (c, flavor) < 0)
    return -1;
  if (image && strcmp (flavor, "any") && strcmp (flavor, "large"))
    return vl_refuse_as (
        c, VL_ERR_REQUEST, "MemoryPageSizeForbidden", "size",
        "take hw_mem_page_size out of the image; it counts only where the flavor says 'any' or "
        "'large'",
        "page size '%s' of the image is forbidden: the flavor says '%s'", shown (c, image), flavor);
  return image ? check_text (c, image) : 0;
}

/* Has the host pages of this size at all? */
static int
check_host (struct vl_call *c, const char *kib)
{
  static const char key[] = "host.page-sizes";
  const char *sizes[16];
  size_t n = 0;

  switch (vl_fact_offers (c, key, kib)) {
  case 1:
    return 0;
  case 0:
    for (; n < vl_fact_count (c, key) && n < sizeof sizes / sizeof sizes[0]; n++)
      sizes[n] = vl_fact_item (c, key, n);
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "MemoryPageSizeNotSupported", "size",
                         "name one of these sizes, or say 'large' or 'any'",
                         "this host has no pages of %s KiB; accepted, in KiB: %s", kib,
                         vl_join (c, ", ", sizes, n));
  default:
    return vl_unsaid (c, "size", key);
  }
}

static int
resolve (struct vl_call *c)
{
  const char *size, *kib;

  if (check_layers (c) < 0)
    return -1;
  size = vl_str (c, "size");
  if (size == NULL)
    return 0;
  if (is_word (size))
    return vl_put (c, "wanted", size, "size", "as asked for");
  kib = vl_printf (c, "%" PRId64, kib_of (size));
  if (check_host (c, kib) < 0)
    return -1;
  return vl_put (c, "wanted", kib, "size", "the same in KiB");
}

/* Reserved pages are described in threes. */
static int
ready (struct vl_call *c)
{
  size_t n = vl_count (c, "reserved");
  int wrong = n % 3 != 0;

  for (size_t i = 0; i < n; i++) {
    const char *item = vl_item (c, "reserved", i);

    wrong |=
        item[strspn (item, "0123456789")] != '\0' || (i % 3 && vl_item_int (c, "reserved", i) < 1);
  }
  if (! wrong)
    return 0;
  return vl_refuse_as (c, VL_ERR_REFUSED, "InvalidConfiguration", "reserved",
                       "for 64 pages of 2 MiB in cell 0 of the host write '0, 2048, 64' in "
                       "plugins.d/memory-pages.conf",
                       "reserved_huge_pages are numbers in threes: cell of the host, KiB of a "
                       "page, pages");
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "wanted");
}

static int
validate (struct vl_call *c)
{
  if (vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "size", NULL,
                      "the memory of a container has no page size of its own");
  return 0;
}

static int
contribute (struct vl_call *c)
{
  for (size_t i = 0; i < vl_count (c, "numa.huge-pages"); i++) {
    const char *kib = vl_item (c, "numa.huge-pages", i);
    struct vl_node *page;

    if (strcmp (kib, "0") == 0)
      continue;
    page = vl_keyed (c, "memoryBacking/hugepages/page", "size", "nodeset", vl_printf (c, "%zu", i),
                     NULL);
    vl_set_why (page, "size", kib, "numa.huge-pages");
    vl_set (page, "unit", "KiB");
  }
  return 0;
}

VL_FEATURE (memory_pages, "memory-pages", .version = VL_VERSION,
            .summary = "page size of the guest's memory on the host", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .wakes = VL_TABLE (wakes),
            .needs = VL_TABLE (wakes), .resolve = resolve, .active = active, .validate = validate,
            .contribute = contribute, .ready = ready);
