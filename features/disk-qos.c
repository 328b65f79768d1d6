/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * disk-qos: the flavor's limits on the bytes and operations per second of local
 * disks.  A volume's limits come with its connection. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

#define MOST 1000000000000000 /* QEMU's own limit */

#define LIMIT(prop, key, what, measure)                                                            \
  {                                                                                                \
    .name = prop, .type = VL_INT, .min = 0, .max = MOST, .unit = measure,                          \
    .flavor_key = "quota:disk_" key, .help = what " of each local disk; 0: no limit",              \
    .since = "0.1.0"                                                                               \
  }

static const struct vl_prop props[] = {
  LIMIT ("read-bytes", "read_bytes_sec", "bytes read per second", "bytes"),
  LIMIT ("read-iops", "read_iops_sec", "read operations per second", "operations"),
  LIMIT ("total-bytes", "total_bytes_sec", "bytes per second", "bytes"),
  LIMIT ("total-iops", "total_iops_sec", "operations per second", "operations"),
  LIMIT ("write-bytes", "write_bytes_sec", "bytes written per second", "bytes"),
  LIMIT ("write-iops", "write_iops_sec", "write operations per second", "operations"),
};

static const struct vl_write writes[] = { { .path = "devices/disk/iotune", .flags = VL_GUARDED } };

static const struct vl_name reads[] = { { .name = VL_GUEST_DISK }, { .name = VL_GUEST_VIRT_TYPE } };

static int
active (struct vl_call *c)
{
  for (size_t i = 0; i < sizeof props / sizeof props[0]; i++)
    if (vl_has (c, props[i].name))
      return ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
  return 0;
}

/* The sum and its parts, by what they measure. */
static const char *const groups[][3] = {
  { "total-bytes", "read-bytes", "write-bytes" },
  { "total-iops", "read-iops", "write-iops" },
};

/* QEMU limits either the sum or the parts. */
static int
validate (struct vl_call *c)
{
  int result = 0;

  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
    const char *part = vl_int (c, groups[i][1]) ? groups[i][1] : groups[i][2];

    if (vl_int (c, groups[i][0]) == 0 || vl_int (c, part) == 0)
      continue;
    result =
        vl_refuse (c, VL_ERR_REQUEST, groups[i][0],
                   vl_printf (c, "give either quota:disk_total_%s_sec, or the read and write ones",
                              strchr (part, '-') + 1),
                   "a limit on the total and one on reads or writes exclude each other");
  }
  return result;
}

/* Is property NAME written?  A 0 is not where the schema takes no more beside the
 * limit that it stands beside. */
static int
is_written (struct vl_call *c, const char *name)
{
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
    const char *const *group = groups[i];
    int part = strcmp (name, group[1]) == 0 || strcmp (name, group[2]) == 0;

    if (strcmp (name, group[0]) == 0 && vl_int (c, name) == 0
        && (vl_has (c, group[1]) || vl_has (c, group[2])))
      return 0;
    if (part && vl_int (c, group[0]) > 0)
      return 0;
  }
  return vl_has (c, name);
}

static void
limit (struct vl_call *c, struct vl_node *disk)
{
  for (size_t i = 0; i < sizeof props / sizeof props[0]; i++) {
    const char *name = props[i].name, *element = props[i].flavor_key + strlen ("quota:disk_");

    if (is_written (c, name))
      vl_text_from (vl_ensure_in (vl_because (disk, name), vl_printf (c, "iotune/%s", element)),
                    name);
  }
}

static int
limit_disk (struct vl_call *c, struct vl_node *node, void *opaque)
{
  const struct vl_disk *disk = vl_node_disk (node);

  (void)opaque;
  if (disk && disk->serial == NULL)
    limit (c, node);
  return 0;
}

static int
adjust (struct vl_call *c)
{
  return vl_each (c, "devices/disk", limit_disk, NULL);
}

VL_FEATURE (disk_qos, "disk-qos", .version = VL_VERSION,
            .summary = "limits on the throughput of local disks", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .validate = validate, .adjust = adjust);
