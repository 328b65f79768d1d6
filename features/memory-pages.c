/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * memory-pages: the size of the host's pages that back the guest's memory.  The
 * flavor says it, the image may narrow it; which pages each NUMA cell of the
 * guest gets is numa's choice, which this feature wakes and reads. */

#include <config.h>

#include <virtloom/ascii.h>
#include <virtloom/feature.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct vl_prop props[] = {
  { .name = "size",
    .type = VL_STRING,
    .rule = VL_IMAGE_WINS,
    .flavor_key = "hw:mem_page_size",
    .image_key = "hw_mem_page_size",
    .invalid_code = "MemoryPageSizeInvalid",
    .help = "page size: small, large, any, KiB ('2048'), or a size ('2MB', '1GB')",
    .since = "0.1.0" },
  { .name = "wanted",
    .type = VL_STRING,
    .help = "the same as small, large, any or a number of KiB",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "memoryBacking/hugepages", NULL } };

static const struct vl_name reads[] = {
  { VL_GUEST_VIRT_TYPE },
  { "numa.huge-pages" },
  { "numa.host-cells" },
  { "numa.cell-memory" },
};

static const struct vl_name wakes[] = { { "numa" } };

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
  const char *rest = text + digits, *unit;
  int64_t number;

  if (digits == 0 || digits > 15)
    return -1;
  number = strtoll (text, NULL, 10);
  if (*rest == '\0')
    return number > 0 ? number : -1;
  unit = strchr (units, *rest);
  if (unit) {
    for (const char *step = units; step <= unit; step++) {
      if (number > INT64_MAX / 1024)
        return -1;
      number *= 1024;
    }
    rest += rest[1] == 'i' ? 2 : 1;
  }
  if (strcmp (rest, "b") == 0 || strcmp (rest, "bit") == 0)
    number /= 8;
  else if (strcmp (rest, "B"))
    return -1;
  return number >= 1024 && number % 1024 == 0 ? number / 1024 : -1;
}

/* TEXT as it is shown in a finding: no more than 64 bytes of it. */
static const char *
shown (struct vl_call *call, const char *text)
{
  size_t n = 64;

  if (strlen (text) <= n)
    return text;
  while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
    n--;
  return vl_printf (call, "%.*s...", (int)n, text);
}

static int
check_text (struct vl_call *call, const char *text)
{
  if (is_word (text) || kib_of (text) > 0)
    return 0;
  vl_error (call, VL_ERR_REQUEST, "MemoryPageSizeInvalid", "size",
            "'%s' is not a page size; accepted: small, large, any, a number of KiB, or a size with "
            "unit such as '2MB' or '1GB'",
            shown (call, text));
  for (size_t i = 0; i < N_WORDS; i++)
    if (vl_ascii_ncasecmp (text, words[i], strlen (words[i])) == 0) {
      vl_hint (call, "did you mean '%s'?", words[i]);
      return -1;
    }
  vl_hint (call, "for pages of 2 MiB say '2MB' or '2048'");
  return -1;
}

/* The image may choose only where the flavor leaves a choice. */
static int
check_layers (struct vl_call *call, const struct vl_guest *guest)
{
  const char *flavor = NULL, *image = NULL;

  if (vl_guest_layer_has (guest, "size", VL_LAYER_FLAVOR))
    flavor = vl_guest_layer_str (guest, "size", VL_LAYER_FLAVOR);
  if (vl_guest_layer_has (guest, "size", VL_LAYER_IMAGE))
    image = vl_guest_layer_str (guest, "size", VL_LAYER_IMAGE);
  if (image && flavor == NULL) {
    vl_error (call, VL_ERR_REQUEST, "MemoryPageSizeForbidden", "size",
              "page size '%s' of the image is forbidden: the flavor has no hw:mem_page_size",
              shown (call, image));
    vl_hint (call, "add hw:mem_page_size=any or hw:mem_page_size=large to the flavor");
    return -1;
  }
  if (flavor && check_text (call, flavor) < 0)
    return -1;
  if (image && strcmp (flavor, "any") && strcmp (flavor, "large")) {
    vl_error (call, VL_ERR_REQUEST, "MemoryPageSizeForbidden", "size",
              "page size '%s' of the image is forbidden: the flavor says '%s'", shown (call, image),
              flavor);
    vl_hint (call, "take hw_mem_page_size out of the image; it counts only where the flavor says "
                   "'any' or 'large'");
    return -1;
  }
  return image ? check_text (call, image) : 0;
}

/* Has the host pages of this size at all? */
static int
check_host (struct vl_call *call, const struct vl_host *host, int64_t kib)
{
  const char *sizes = "";

  switch (vl_host_offers (host, "host.page-sizes", vl_printf (call, "%" PRId64, kib))) {
  case 1:
    return 0;
  case 0:
    for (size_t i = 0; i < vl_host_count (host, "host.page-sizes"); i++)
      sizes = vl_printf (call, "%s%s%s", sizes, i ? ", " : "",
                         vl_host_item (host, "host.page-sizes", i));
    vl_error (call, VL_ERR_UNSUPPORTED, "MemoryPageSizeNotSupported", "size",
              "this host has no pages of %" PRId64 " KiB; accepted, in KiB: %s", kib, sizes);
    vl_hint (call, "name one of these sizes, or say 'large' or 'any'");
    return -1;
  default:
    return vl_host_unknown (call, "size", "host.page-sizes");
  }
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  const char *size;
  int64_t kib;

  if (check_layers (call, guest) < 0)
    return -1;
  size = vl_guest_str (guest, "size");
  if (size == NULL)
    return 0;
  if (is_word (size))
    return vl_guest_set (call, guest, "wanted", size, "size", "as asked for");
  kib = kib_of (size);
  if (check_host (call, host, kib) < 0)
    return -1;
  return vl_guest_set (call, guest, "wanted", vl_printf (call, "%" PRId64, kib), "size",
                       "the same in KiB");
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "wanted");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_error (call, VL_ERR_UNSUPPORTED, NULL, "size",
                     "the memory of a container has no page size of its own");
  return 0;
}

/* Huge pages are reserved: two guests cannot have the same ones. */
static int
claim (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int result = 0;

  for (size_t i = 0; i < vl_guest_count (guest, "numa.huge-pages"); i++) {
    const char *cell = vl_guest_item (guest, "numa.host-cells", i);
    int64_t kib = atoll (vl_guest_item (guest, "numa.huge-pages", i)), total;

    if (kib == 0 || cell == NULL)
      continue;
    total = vl_host_int (host, vl_printf (call, "host.cell.%s.pages.%" PRId64, cell, kib), 0);
    result |= vl_claim (call, vl_printf (call, "MEMORY_PAGES_%" PRId64 "KIB:cell-%s", kib, cell),
                        atoll (vl_guest_item (guest, "numa.cell-memory", i)) / kib, total, "size");
  }
  return result;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *page;

  (void)host;
  for (size_t i = 0; i < vl_guest_count (guest, "numa.huge-pages"); i++) {
    const char *kib = vl_guest_item (guest, "numa.huge-pages", i);

    if (strcmp (kib, "0") == 0)
      continue;
    page = vl_ensure_keyed (call, NULL, "memoryBacking/hugepages/page",
                            vl_printf (call, "nodeset=%zu", i), 0, "size");
    vl_set (call, page, "size", kib, "numa.huge-pages");
    vl_set (call, page, "unit", "KiB", "size");
  }
  return 0;
}

VL_FEATURE (memory_pages, "memory-pages", .version = VL_VERSION,
            .summary = "page size of the guest's memory on the host", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .wakes = VL_TABLE (wakes),
            .needs = VL_TABLE (wakes), .resolve = resolve, .active = active, .validate = validate,
            .claim = claim, .contribute = contribute);
