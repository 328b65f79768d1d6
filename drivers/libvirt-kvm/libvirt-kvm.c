/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver libvirt-kvm: KVM guests of a libvirt daemon of this machine.  It is what all
 * libvirt drivers are, but for the domain type and what KVM needs of the machine. */

#include <config.h>

#include "machine/machine.h"

#include "../libvirt/live.h"
#include "../offers.h"

static const struct virt_driver libvirt_kvm = {
  .name = "libvirt-kvm",
  .type = "kvm",
  .notes = "guests-kvm",
};

static const struct vl_prop props[] = {
  VIRT_PROP_URI ("qemu:///system", "the libvirt daemon of this machine whose guests these are"),
  VIRT_PROP_SOFT_REBOOT_WAIT,
  VIRT_PROPS_DETACH,
  VIRT_PROPS_LIVE_MIGRATION,
};

static const char *
libvirt_kvm_virt_type (struct vl_call *call)
{
  (void)call;
  return libvirt_kvm.type;
}

static void
keep_first (void *opaque, const struct machine_row *row)
{
  struct machine_row *first = opaque;

  if (row->result == MACHINE_FAIL && first->text == NULL)
    *first = *row;
}

/* Why guests of the connection URI cannot use KVM, with the command that mends it: the first
 * step of `host check` that fails.  NULL: they can, as far as can be seen without asking
 * libvirt.  Of a daemon that listens at a socket of its own nothing is known: it may be in a
 * container with devices of its own. */
static const char *
kvm_problem (struct vl_call *call, const struct virt_uri *uri)
{
  struct machine_row first = { .text = NULL };
  struct machine *machine;
  const char *why;

  if (uri->socket)
    return NULL;
  machine = machine_new (call, NULL, &why);
  machine_kvm (machine, uri->where == VIRT_SESSION ? MACHINE_CALLER : MACHINE_QEMU, keep_first,
               &first);
  machine_free (machine);
  return first.text && first.mend ? vl_printf (call, "%s (%s)", first.text, first.mend)
                                  : first.text;
}

static int
libvirt_kvm_usable (struct vl_call *call, const char **why)
{
  struct virt_uri uri;

  if (virt_uri_read (call, &libvirt_kvm, &uri, why) < 0)
    return 0;
  *why = kvm_problem (call, &uri);
  return *why == NULL && virt_usable (call, &uri, why);
}

/* What the live host says against KVM.  libvirt has no guests for an architecture whose QEMU
 * it did not find, and then says so of each: "no supported architecture for os type". */
static int
refuse_live (struct vl_call *call, const struct virt_uri *uri, const char *arch, const char *key,
             int offers)
{
  const char *problem = kvm_problem (call, uri);

  if (offers < 0)
    return vl_refuse_as (
        call, VL_ERR_UNSUPPORTED, "HypervisorUnavailable", NULL, VIRT_QEMU_HINT,
        "libvirt finds no QEMU for '%s' on this host, and would say: no supported architecture "
        "for os type 'hvm'",
        arch);
  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "HypervisorUnavailable", NULL,
                       problem ? problem
                               : "restart libvirtd, which asks QEMU anew; or use --driver "
                                 "qemu-tcg, which needs no KVM",
                       "this host has no KVM for '%s' (%s has no 'kvm')", arch, key);
}

/* A fact that a host file does not have is not held against it here: what needs it says so
 * itself. */
static int
libvirt_kvm_ready (struct vl_call *call)
{
  const char *arch = vl_fact_str (call, "host.arch");
  const char *key = arch ? vl_printf (call, "guest.%s.types", arch) : NULL;
  struct virt_uri uri;
  int offers;

  if (virt_setting (call, &libvirt_kvm, &uri) < 0)
    return -1;
  offers = key ? vl_fact_offers (call, key, libvirt_kvm.type) : 1;
  if (offers > 0)
    return 0;
  if (vl_host_is_live (call))
    return refuse_live (call, &uri, arch, key, offers);
  /* A recording may be older than the host, or made where /dev/kvm was out of
   * reach; what is written down is not what decides there. */
  if (offers == 0)
    vl_warn_as (call, "HypervisorUnavailable", NULL, NULL,
                "the recorded host has no KVM for '%s' (%s has no 'kvm'): as it was recorded it "
                "would not define this guest",
                arch, key);
  return 0;
}

static int
libvirt_kvm_open (struct vl_call *call, const struct vl_open *open, struct vl_conn **conn)
{
  struct virt_open how;
  struct virt_uri uri;

  if (virt_begin (call, &libvirt_kvm, open, &uri, &how) < 0)
    return -1;
  return virt_open (call, &how, conn);
}

static int
libvirt_kvm_stamp (struct vl_call *call, const struct vl_open *open, struct vl_stamp *stamp)
{
  struct virt_uri uri;
  const char *why;

  if (virt_uri_read (call, &libvirt_kvm, &uri, &why) < 0)
    return -1;
  return virt_stamp (call, stamp, &uri, open->state_dir);
}

VL_DRIVER (libvirt_kvm, "libvirt-kvm", .version = VL_VERSION,
           .summary = "KVM guests of the libvirt daemon of this machine", .props = VL_TABLE (props),
           .offers = VL_TABLE (driver_offers), .reads_back = 1, .virt_type = libvirt_kvm_virt_type,
           .usable = libvirt_kvm_usable, .ready = libvirt_kvm_ready, .open = libvirt_kvm_open,
           .close = virt_close, .probe = virt_probe, .power = &virt_power_calls,
           .inventory = &virt_inventory_calls, .devices = &virt_devices_calls,
           .console = &virt_console_calls, .stamp = libvirt_kvm_stamp, .validates = 1,
           .secrets = &virt_secrets_calls, .migration = &virt_migration_calls,
           .events = &virt_event_calls, .images = &virt_image_calls, .guest = &virt_guest_calls,
           .live = virt_live);
