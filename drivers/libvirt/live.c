/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What changes of devices while their guest runs: the quotas of disks and NICs. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "virt.h"

const char *const virt_live[] = { "devices/disk/iotune", "devices/interface/bandwidth", NULL };

/* Those that a disk always has: 0 is no limit.  libvirt calls them as the document does. */
static const char *const limits[] = {
  VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_BYTES_SEC, VIR_DOMAIN_BLOCK_IOTUNE_READ_BYTES_SEC,
  VIR_DOMAIN_BLOCK_IOTUNE_WRITE_BYTES_SEC, VIR_DOMAIN_BLOCK_IOTUNE_TOTAL_IOPS_SEC,
  VIR_DOMAIN_BLOCK_IOTUNE_READ_IOPS_SEC,   VIR_DOMAIN_BLOCK_IOTUNE_WRITE_IOPS_SEC,
};
#define N_LIMITS (sizeof limits / sizeof limits[0])

struct params {
  virTypedParameterPtr list;
  int n, size, bad;
};

static const char *
attr_of (const struct vl_xml *node, const char *path, const char *name)
{
  const struct vl_xml *below = node ? vl_xml_find (node, path) : NULL;

  return below ? vl_xml_attr (below, name) : NULL;
}

/* ---- disks ---- */

static void
add_limit (struct params *p, const char *name, const char *value)
{
  p->bad |= virTypedParamsAddULLong (&p->list, &p->n, &p->size, name, strtoull (value, NULL, 10));
}

static int
is_limit (const char *name)
{
  for (size_t i = 0; i < N_LIMITS; i++)
    if (strcmp (limits[i], name) == 0)
      return 1;
  return 0;
}

static int
tune_disk (virDomainPtr domain, const struct vl_xml *disk, struct params *p)
{
  const struct vl_xml *tune = vl_xml_child (disk, "iotune"), *node;
  const char *target = attr_of (disk, "target", "dev");

  for (size_t i = 0; i < N_LIMITS; i++) {
    node = tune ? vl_xml_child (tune, limits[i]) : NULL;
    add_limit (p, limits[i], node ? vl_xml_text (node) : "0");
  }
  for (node = tune ? vl_xml_child (tune, NULL) : NULL; node; node = vl_xml_next (node, NULL))
    if (strcmp (vl_xml_name (node), VIR_DOMAIN_BLOCK_IOTUNE_GROUP_NAME) == 0)
      p->bad |= virTypedParamsAddString (&p->list, &p->n, &p->size, vl_xml_name (node),
                                         vl_xml_text (node));
    else if (! is_limit (vl_xml_name (node)))
      add_limit (p, vl_xml_name (node), vl_xml_text (node));
  return p->bad ? -1
                : virDomainSetBlockIoTune (domain, target, p->list, p->n, VIR_DOMAIN_AFFECT_LIVE);
}

/* ---- NICs ---- */

static int
tune_nic (struct vl_call *call, virDomainPtr domain, const struct vl_xml *nic, struct params *p)
{
  static const char *const directions[] = { "inbound", "outbound" };
  static const char *const measures[] = { "average", "peak", "burst" };
  const struct vl_xml *width = vl_xml_child (nic, "bandwidth");
  const char *mac = attr_of (nic, "mac", "address");

  for (size_t i = 0; i < 2; i++)
    for (size_t k = 0; k < 3; k++) {
      const char *value = attr_of (width, directions[i], measures[k]);

      p->bad |= virTypedParamsAddUInt (&p->list, &p->n, &p->size,
                                       vl_printf (call, "%s.%s", directions[i], measures[k]),
                                       value ? (unsigned)strtoul (value, NULL, 10) : 0);
    }
  return p->bad
             ? -1
             : virDomainSetInterfaceParameters (domain, mac, p->list, p->n, VIR_DOMAIN_AFFECT_LIVE);
}

/* ---- both ---- */

static int
tune (struct vl_call *call, virDomainPtr domain, const struct vl_device_part *part)
{
  const struct vl_xml *node = vl_xml_read (call, part->xml, strlen (part->xml));
  struct params p = { 0 };
  int result;

  if (node == NULL)
    return -1;
  result = strcmp (vl_xml_name (node), "disk") == 0 ? tune_disk (domain, node, &p)
                                                    : tune_nic (call, domain, node, &p);
  /* virTypedParamsFree makes libvirt forget why. */
  if (result < 0)
    virt_error (call, "cannot change '%s' of guest '%s' while it runs", part->id,
                virt_domain_name (domain));
  virTypedParamsFree (p.list, p.n);
  return result < 0 ? -1 : 0;
}

/* A guest that has ended meanwhile has its definition, and begins with that. */
static int
change_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_device_change *change = job->change;
  const struct vl_device_part *parts = change->parts.rows;
  VIRT_AUTODOMAIN virDomainPtr old = NULL;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  (void)answer;
  old = virt_find_awake (call, conn, job->uuid);
  if (old == NULL)
    return -1;
  domain = virt_define (call, conn, change->after);
  if (domain == NULL)
    return -1;
  if (! virt_alive (domain))
    return 0;
  for (size_t i = 0; i < change->parts.count; i++)
    if (tune (call, domain, &parts[i]) < 0)
      return -1;
  return virt_prove (call, change, domain, "it is as it was before");
}

int
virt_change_live (struct vl_call *call, struct vl_conn *conn, const struct vl_device_change *change)
{
  struct virt_job job = { .uuid = change->after->uuid, .change = change };

  return virt_do_awake (call, conn, &job, change_guest);
}
