/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver fake: guests that are only records, for trying everything without
 * a hypervisor.  It stands for any recorded host, keeps its guests from one
 * command to the next, follows the real drivers' state machine, checks each
 * document as they do, and fails or waits where it is told to. */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "../offers.h"
#include "fake.h"

static const char *const virt_types[] = { "kvm", "qemu", "lxc", NULL };

static const struct vl_prop props[] = {
  { .name = "virt-type",
    .type = VL_CHOICE,
    .deflt = "kvm",
    .choices = virt_types,
    .setting = "virt_type",
    .nova = "libvirt.virt_type",
    .help = "the domain type of its guests",
    .since = "0.1" },
  { .name = "host",
    .type = VL_STRING,
    .setting = "host",
    .deflt = "generic-x86_64",
    .help = "the host it stands for: a host file's path, or a name under $(datadir)/virtloom/hosts",
    .since = "0.1" },
  { .name = "validate",
    .type = VL_BOOL,
    .setting = "validate",
    .deflt = "yes",
    .help = "whether a spawn checks its document by the installed libvirt's schema",
    .since = "0.1" },
  { .name = "fail",
    .type = VL_LIST,
    .setting = "fail",
    .help = "calls that fail: CALL, always, or CALL:N, the N-th one",
    .since = "0.1" },
  { .name = "delay-ms",
    .type = VL_LIST,
    .setting = "delay_ms",
    .help = "calls that take their time: CALL:MILLISECONDS",
    .since = "0.1" },
  { .name = "shutdown-seconds",
    .type = VL_INT,
    .deflt = "0",
    .min = 0,
    .max = 86400,
    .unit = "s",
    .setting = "shutdown_seconds",
    .help = "how long a guest takes to shut down when it is asked, as if; nobody waits for it",
    .since = "0.1" },
  { .name = "loader",
    .type = VL_STRING,
    .setting = "loader",
    .help =
        "the firmware's file that it chooses for a guest whose document leaves the choice to it",
    .since = "0.1" },
};

static const char *
fake_virt_type (struct vl_call *call)
{
  return vl_str (call, "virt-type");
}

static const char *
fake_host_file (struct vl_call *call)
{
  return vl_str (call, "host");
}

static int
fake_usable (struct vl_call *call, const char **why)
{
  (void)call;
  (void)why;
  return 1;
}

/* QEMU's capabilities say nothing of lxc, so that type is taken on trust. */
static int
fake_ready (struct vl_call *call)
{
  const char *type = vl_str (call, "virt-type");
  const char *arch = vl_fact_str (call, "host.arch");
  const char *key = arch ? vl_printf (call, "guest.%s.types", arch) : NULL;
  int answer = fake_check_plan (call);

  if (key && strcmp (type, "lxc") != 0 && vl_fact_offers (call, key, type) == 0)
    answer = vl_refuse_as (call, VL_ERR_UNSUPPORTED, "HypervisorUnavailable", NULL,
                           "set virt_type or host in plugins.d/fake.conf",
                           "this host has no '%s' for '%s' (%s has it not)", type, arch, key);
  return answer;
}

static int
fake_open (struct vl_call *call, const struct vl_open *how, struct vl_conn **conn)
{
  const char *dir = vl_printf (call, "%s/fake", how->state_dir);
  struct vl_conn *made;

  if (fake_prepare (call, dir) < 0)
    return -1;
  made = calloc (1, sizeof *made);
  if (made)
    made->dir = strdup (dir);
  if (made == NULL || made->dir == NULL) {
    free (made);
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "out of memory");
  }
  *conn = made;
  return 0;
}

static void
fake_close (struct vl_conn *conn)
{
  if (conn == NULL)
    return;
  free (conn->dir);
  free (conn);
}

/* As libvirt's drivers. */
static const char *const live[] = { "devices/disk/iotune", "devices/interface/bandwidth", NULL };

VL_DRIVER (fake, "fake", .version = VL_VERSION,
           .summary = "guests that are only records, on any recorded host",
           .props = VL_TABLE (props), .offers = VL_TABLE (driver_offers), .reads_back = 1,
           .virt_type = fake_virt_type, .usable = fake_usable, .ready = fake_ready,
           .open = fake_open, .close = fake_close, .host_file = fake_host_file,
           .power = &fake_power, .inventory = &fake_inventory, .console = &fake_console,
           .secrets = &fake_secrets, .devices = &fake_devices, .migration = &fake_migration,
           .events = &fake_events, .images = &fake_images, .guest = &fake_guest_calls,
           .live = live);
