/* SPDX-License-Identifier: MIT
 *
 * An example of a feature about single disks: each may have a rate of its own, be
 * removable, and say what product it is, which no other disk on the host does. */

#include <virtloom/feature.h>

/* Product names that are in use on this host. */
#define POOL "ACME_PRODUCT"

static const struct vl_prop props[] = {
  { .name = "rate",
    .type = VL_INT,
    .min = 1,
    .max = 1000000,
    .unit = "operations per second",
    .of = "disk",
    .image_key = "acme_disk_rate",
    .help = "the most operations in a second",
    .since = "0.1" },
  { .name = "removable",
    .type = VL_BOOL,
    .of = "disk",
    .image_key = "acme_disk_removable",
    .help = "the guest may take it out",
    .since = "0.1" },
  { .name = "product",
    .type = VL_STRING,
    .of = "disk",
    .image_key = "acme_disk_product",
    .help = "the product that the disk says it is",
    .since = "0.1" },
};

static const struct vl_write writes[] = {
  { .path = "devices/disk/iotune" },
  { .path = "devices/disk/product" },
  { .path = "devices/disk/target/@removable" },
};

static const struct vl_name reads[] = { { .name = VL_GUEST_DISK } };

/* A removable disk without a product is one of ours, by its id. */
static int
resolve (struct vl_call *c)
{
  for (size_t i = 0; i < vl_n_disks (c); i++) {
    const char *id = vl_disk (c, i)->id;

    if (vl_of_bool (c, id, "removable") && ! vl_of_has (c, id, "product")
        && vl_put_of (c, id, "product", vl_printf (c, "ACME %.11s", id), "removable",
                      "a removable disk has one")
               < 0)
      return -1;
  }
  return 0;
}

static int
active (struct vl_call *c)
{
  for (size_t i = 0; i < vl_n_disks (c); i++)
    if (vl_of_has (c, vl_disk (c, i)->id, "rate") || vl_of_has (c, vl_disk (c, i)->id, "product"))
      return 1;
  return 0;
}

/* Two that say the same could be taken for each other by who backs them up. */
static int
claim (struct vl_call *c)
{
  for (size_t i = 0; i < vl_n_disks (c); i++) {
    const char *id = vl_disk (c, i)->id, *product = vl_of_str (c, id, "product");

    if (product == NULL)
      continue;
    if (vl_taken_one (c, POOL, product))
      return vl_refuse (c, VL_ERR_UNSUPPORTED, "product", "give it another acme_disk_product",
                        "a disk of another server is '%s' already", product);
    if (vl_claim_one (c, POOL, id, &product, 1, "product") == NULL)
      return -1;
  }
  return 0;
}

static int
adjust_one (struct vl_call *c, struct vl_node *disk, void *opaque)
{
  const char *id = vl_node_device (disk);

  (void)opaque;
  if (id == NULL)
    return 0;
  if (vl_of_has (c, id, "rate"))
    vl_text_int (vl_ensure_in (vl_because (disk, "rate"), "iotune/total_iops_sec"),
                 vl_of_int (c, id, "rate"));
  if (vl_of_bool (c, id, "removable"))
    vl_set_default (vl_ensure_in (vl_because (disk, "removable"), "target"), "removable", "on");
  if (vl_of_has (c, id, "product"))
    vl_text (vl_ensure_in (vl_because (disk, "product"), "product"), vl_of_str (c, id, "product"));
  return 0;
}

static int
adjust (struct vl_call *c)
{
  return vl_each (c, "devices/disk", adjust_one, NULL);
}

VL_FEATURE (acme_disks, "acme-disks", .version = "1.0", .summary = "what single disks are",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .claim = claim, .adjust = adjust);
