/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver libvirt-kvm: KVM guests of the system's libvirtd.  In this version
 * it plans, for recorded hosts and offline; it does not connect. */

#include <config.h>

#include <virtloom/driver.h>

#include "../offers.h"

static const struct vl_prop props[] = {
  { .name = "connection-uri",
    .type = VL_STRING,
    .flags = VL_EMPTY_UNSET,
    .deflt = "qemu:///system",
    .setting = "connection_uri",
    .nova = "libvirt.connection_uri",
    .help = "the libvirt daemon whose guests these are",
    .since = "0.1" },
  { .name = "soft-reboot-wait",
    .type = VL_INT,
    .deflt = "120",
    .min = 0,
    .max = 86400,
    .unit = "s",
    .setting = "wait_soft_reboot_seconds",
    .nova = "libvirt.wait_soft_reboot_seconds",
    .help = "how long a soft reboot waits for the guest before it becomes a hard one",
    .since = "0.1" },
};

#define PLANS_ONLY "virtloom " VL_VERSION " plans guests for libvirt-kvm, but does not run them"

static const char *
libvirt_kvm_virt_type (struct vl_call *call)
{
  (void)call;
  return "kvm";
}

static int
libvirt_kvm_usable (struct vl_call *call, const char **why)
{
  (void)call;
  *why = PLANS_ONLY;
  return 0;
}

/* A fact that the host file does not have is not held against it here: what
 * needs it says so itself. */
static int
libvirt_kvm_ready (struct vl_call *call)
{
  const char *arch = vl_fact_str (call, "host.arch");
  const char *key = arch ? vl_printf (call, "guest.%s.types", arch) : NULL;

  if (key == NULL || vl_fact_offers (call, key, "kvm") != 0)
    return 0;
  /* A recording may be older than the host, or made where /dev/kvm was out of
   * reach; what is written down is not what decides there. */
  if (! vl_host_is_live (call)) {
    vl_warn_as (call, "HypervisorUnavailable", NULL, NULL,
                "the recorded host has no KVM for '%s' (%s has no 'kvm'): as it was recorded it "
                "would not define this guest",
                arch, key);
    return 0;
  }
  return vl_refuse_as (
      call, VL_ERR_UNSUPPORTED, "HypervisorUnavailable", NULL,
      "use --driver qemu-tcg, or turn virtualization on in the firmware and load kvm_intel "
      "or kvm_amd",
      "this host has no KVM for '%s' (%s has no 'kvm')", arch, key);
}

static int
libvirt_kvm_open (struct vl_call *call, const struct vl_open *open, struct vl_conn **conn)
{
  (void)open;
  (void)conn;
  return vl_refuse_as (call, VL_ERR_UNREACHABLE, "HypervisorUnavailable", NULL,
                       "use --driver qemu-tcg for real guests; plan works with --host FILE",
                       PLANS_ONLY ": it makes no connection to '%s'",
                       vl_str (call, "connection-uri"));
}

/* Nothing is ever opened. */
static void
libvirt_kvm_close (struct vl_conn *conn)
{
  (void)conn;
}

VL_DRIVER (libvirt_kvm, "libvirt-kvm", .version = VL_VERSION,
           .summary = "KVM guests of the system's libvirtd (plans only in this version)",
           .props = VL_TABLE (props), .offers = VL_TABLE (driver_offers), .reads_back = 1,
           .virt_type = libvirt_kvm_virt_type, .usable = libvirt_kvm_usable,
           .ready = libvirt_kvm_ready, .open = libvirt_kvm_open, .close = libvirt_kvm_close);
