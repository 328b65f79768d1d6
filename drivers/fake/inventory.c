/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What only reads: lists, figures, the console.  Without the lock, since a
 * guest's file is whole at any time, and not recorded. */

#include <config.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "fake.h"

#define BOOTS_SHOWN 100

int
fake_not_found (struct vl_call *call, const char *uuid)
{
  return vl_refuse_as (call, VL_ERR_NOT_FOUND, "InstanceNotFound", NULL, NULL,
                       "the hypervisor has no guest '%s'", uuid);
}

struct lister {
  vl_instance_fn fn;
  void *opaque;
};

static int
list_one (void *opaque, const struct fake_guest *guest)
{
  const struct lister *lister = opaque;

  return lister->fn (lister->opaque, guest->uuid, guest->domain, guest->state);
}

static int
fake_list_instances (struct vl_call *call, struct vl_conn *conn, vl_instance_fn fn, void *opaque)
{
  struct lister lister = { fn, opaque };

  if (fake_pass (call, conn, "list_instances") < 0)
    return -1;
  return fake_each (call, conn, list_one, &lister);
}

static int
fake_instance_exists (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  struct fake_guest guest;

  if (fake_pass (call, conn, "instance_exists") < 0)
    return -1;
  return fake_load (call, conn, uuid, &guest);
}

/* A fake guest uses no processor. */
static int
fake_get_info (struct vl_call *call, struct vl_conn *conn, const char *uuid, struct vl_info *info)
{
  struct vl_info answer = { .size = sizeof answer };
  struct fake_guest guest;
  int found = fake_pass (call, conn, "get_info") < 0 ? -1 : fake_load (call, conn, uuid, &guest);

  if (found < 0)
    return -1;
  if (found == 0)
    return fake_not_found (call, uuid);
  answer.state = guest.state;
  answer.id =
      guest.state == VL_STATE_RUNNING || guest.state == VL_STATE_PAUSED ? (int32_t)guest.id : -1;
  answer.memory = answer.max_memory = guest.memory;
  answer.vcpus = (int32_t)guest.vcpus;
  if (info->size >= offsetof (struct vl_info, xml) + sizeof info->xml && info->with_xml) {
    answer.with_xml = 1;
    answer.xml = guest.xml;
  }
  if (info->size < answer.size)
    answer.size = info->size;
  memcpy (info, &answer, answer.size);
  return 0;
}

static int
fake_get_host_uptime (struct vl_call *call, struct vl_conn *conn, int64_t *seconds)
{
  struct timespec up;

  if (fake_pass (call, conn, "get_host_uptime") < 0)
    return -1;
  if (clock_gettime (CLOCK_BOOTTIME, &up) < 0)
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL,
                      "the kernel does not say how long it has run: %s", strerror (errno));
  *seconds = up.tv_sec;
  return 0;
}

/* One line per boot, of the last hundred. */
static int
fake_get_console_output (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                         const char **text, size_t *length)
{
  struct fake_guest guest;
  int found =
      fake_pass (call, conn, "get_console_output") < 0 ? -1 : fake_load (call, conn, uuid, &guest);
  const char *all = "";
  int64_t i;

  if (found < 0)
    return -1;
  if (found == 0)
    return fake_not_found (call, uuid);
  for (i = guest.boots > BOOTS_SHOWN ? guest.boots - BOOTS_SHOWN + 1 : 1; i <= guest.boots; i++)
    all = vl_printf (call, "%sfake console of %s, boot %lld\n", all, guest.domain, (long long)i);
  *text = all;
  *length = strlen (all);
  return 0;
}

const struct vl_inventory_calls fake_inventory = {
  .size = sizeof fake_inventory,
  .list_instances = fake_list_instances,
  .instance_exists = fake_instance_exists,
  .get_info = fake_get_info,
  .get_host_uptime = fake_get_host_uptime,
  .get_available_resource = fake_get_available_resource,
  .get_host_cpu_stats = fake_get_host_cpu_stats,
  .get_instance_diagnostics = fake_get_instance_diagnostics,
};

const struct vl_console_calls fake_console = {
  .size = sizeof fake_console,
  .get_console_output = fake_get_console_output,
  .get_vnc_console = fake_get_vnc_console,
  .get_spice_console = fake_get_spice_console,
  .get_serial_console = fake_get_serial_console,
  .screenshot = fake_screenshot,
};
