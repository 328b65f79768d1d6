/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Figures of the host that the driver stands for, and of guests, which do nothing. */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <virtloom/cpuset.h>

#include "fake.h"

#define NS_PER_S INT64_C (1000000000)

static int
add_taken (void *opaque, const struct fake_guest *guest)
{
  struct vl_resources *sum = opaque;

  if (guest->state != VL_STATE_RUNNING && guest->state != VL_STATE_PAUSED)
    return 0;
  sum->guests++;
  sum->vcpus_used += (int32_t)guest->vcpus;
  sum->memory_mb_used += guest->memory / 1024;
  return 0;
}

/* What the recorded host has, as far as it is known. */
static void
add_host (struct vl_call *call, struct vl_resources *sum)
{
  size_t n = vl_fact_count (call, "host.cells");

  for (size_t i = 0; i < n; i++) {
    const char *cell = vl_fact_item (call, "host.cells", i);
    struct vl_cpuset cpus;
    int64_t kib;

    if (vl_fact_cpus (call, vl_printf (call, "host.cell.%s.cpus", cell), &cpus) == 1)
      sum->vcpus += (int32_t)vl_cpuset_count (&cpus);
    if (vl_fact_int (call, vl_printf (call, "host.cell.%s.memory", cell), 0, &kib) == 1)
      sum->memory_mb += kib / 1024;
  }
  if (sum->vcpus == 0)
    sum->vcpus = -1;
  if (sum->memory_mb == 0)
    sum->memory_mb = -1;
}

/* Disks are files of this machine, whatever host is meant. */
int
fake_get_available_resource (struct vl_call *call, struct vl_conn *conn,
                             struct vl_resources *resources)
{
  struct vl_resources sum = { .size = resources->size,
                              .hypervisor_type = "fake",
                              .hypervisor_version = -1,
                              .local_bytes = -1,
                              .local_bytes_used = -1 };
  struct statvfs fs;
  char name[256] = "";

  if (fake_pass (call, conn, "get_available_resource") < 0
      || fake_each (call, conn, add_taken, &sum) < 0)
    return -1;
  add_host (call, &sum);
  if (statvfs (conn->dir, &fs) == 0) {
    sum.local_bytes = (int64_t)(fs.f_blocks * fs.f_frsize);
    sum.local_bytes_used = (int64_t)((fs.f_blocks - fs.f_bfree) * fs.f_frsize);
  }
  if (gethostname (name, sizeof name - 1) == 0)
    sum.hypervisor_hostname = vl_printf (call, "%s", name);
  memcpy (resources, &sum, resources->size < sizeof sum ? resources->size : sizeof sum);
  return 0;
}

/* One processor that has been idle since this machine's boot. */
int
fake_get_host_cpu_stats (struct vl_call *call, struct vl_conn *conn, struct vl_host_cpu *cpu)
{
  struct timespec up;

  if (fake_pass (call, conn, "get_host_cpu_stats") < 0)
    return -1;
  if (clock_gettime (CLOCK_BOOTTIME, &up) < 0)
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL,
                      "the kernel does not say how long it has run: %s", strerror (errno));
  cpu->mhz = 0;
  cpu->kernel = cpu->user = cpu->iowait = 0;
  cpu->idle = (int64_t)up.tv_sec * NS_PER_S;
  return 0;
}

static const char *
name_in (const struct vl_xml *device)
{
  const struct vl_xml *target = vl_xml_child (device, "target");

  return target ? vl_xml_attr (target, "dev") : NULL;
}

static void
add_devices (struct vl_call *call, const struct fake_guest *guest, struct vl_diagnostics *d)
{
  const struct vl_xml *root = vl_xml_read (call, guest->xml, strlen (guest->xml));
  const struct vl_xml *devices = root ? vl_xml_child (root, "devices") : NULL, *node;
  struct vl_disk_figures *disks;
  struct vl_nic_figures *nics;
  size_t n = 1;

  for (node = devices ? vl_xml_child (devices, NULL) : NULL; node; node = vl_xml_next (node, NULL))
    n++;
  disks = vl_memory (call, n * sizeof *disks);
  nics = vl_memory (call, n * sizeof *nics);
  for (node = devices ? vl_xml_child (devices, "disk") : NULL; node;
       node = vl_xml_next (node, "disk"))
    disks[d->n_disks++].target = name_in (node) ? name_in (node) : "";
  for (node = devices ? vl_xml_child (devices, "interface") : NULL; node;
       node = vl_xml_next (node, "interface"))
    if (name_in (node))
      nics[d->n_nics++].name = name_in (node);
  d->disks = disks;
  d->nics = nics;
}

struct teller {
  struct vl_call *call;
  struct vl_conn *conn;
  vl_diagnostics_fn fn;
  void *opaque;
};

static int
tell (const struct teller *teller, const struct fake_guest *guest)
{
  struct vl_diagnostics d = { .size = sizeof d,
                              .state = guest->state,
                              .uuid = guest->uuid,
                              .domain = guest->domain,
                              .memory = guest->memory,
                              .max_memory = guest->memory };

  d.vcpus = vl_memory (teller->call, ((size_t)guest->vcpus + 1) * sizeof *d.vcpus);
  d.n_vcpus = (size_t)guest->vcpus;
  add_devices (teller->call, guest, &d);
  return teller->fn (teller->opaque, &d);
}

/* One that was destroyed meanwhile is none. */
static int
tell_running (void *opaque, const struct fake_guest *head)
{
  const struct teller *teller = opaque;
  struct fake_guest guest;
  int found;

  if (head->state != VL_STATE_RUNNING && head->state != VL_STATE_PAUSED)
    return 0;
  found = fake_load (teller->call, teller->conn, head->uuid, &guest);
  return found == 1 ? tell (teller, &guest) : found;
}

int
fake_get_instance_diagnostics (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                               vl_diagnostics_fn fn, void *opaque)
{
  struct teller teller = { call, conn, fn, opaque };
  struct fake_guest guest;
  int found;

  if (fake_pass (call, conn, "get_instance_diagnostics") < 0)
    return -1;
  if (uuid == NULL)
    return fake_each (call, conn, tell_running, &teller);
  found = fake_load (call, conn, uuid, &guest);
  if (found == 0)
    return fake_not_found (call, uuid);
  return found < 0 ? -1 : tell (&teller, &guest);
}
