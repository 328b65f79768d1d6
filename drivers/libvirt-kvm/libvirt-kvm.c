/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The driver libvirt-kvm: KVM guests of the system's libvirtd.  In this version
 * it plans, for recorded hosts and offline; it does not connect. */

#include <config.h>

#include <virtloom/driver.h>

static const struct vl_setting settings[] = {
  { .name = "connection_uri",
    .type = VL_STRING,
    .flags = VL_EMPTY_UNSET,
    .deflt = "qemu:///system",
    .nova = "libvirt.connection_uri",
    .help = "the libvirt daemon whose guests these are",
    .since = "0.1" },
  { .name = "wait_soft_reboot_seconds",
    .type = VL_INT,
    .deflt = "120",
    .min = 0,
    .max = 86400,
    .unit = "s",
    .nova = "libvirt.wait_soft_reboot_seconds",
    .help = "how long a soft reboot waits for the guest before it becomes a hard one",
    .since = "0.1" },
};

#define PLANS_ONLY "virtloom " VL_VERSION " plans guests for libvirt-kvm, but does not run them"

static const char *
libvirt_kvm_virt_type (struct vl_call *call, const struct vl_host *host)
{
  (void)call;
  (void)host;
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
libvirt_kvm_ready (struct vl_call *call, const struct vl_host *host)
{
  const char *arch = vl_host_str (host, "host.arch");
  const char *key = arch ? vl_printf (call, "guest.%s.types", arch) : NULL;

  if (key == NULL || vl_host_offers (host, key, "kvm") != 0)
    return 0;
  /* A recording may be older than the host, or made where /dev/kvm was out of
   * reach; what is written down is not what decides there. */
  if (! vl_host_live (host)) {
    vl_warning (call, "HypervisorUnavailable", NULL,
                "the recorded host has no KVM for '%s' (%s has no 'kvm'): as it was recorded it "
                "would not define this guest",
                arch, key);
    return 0;
  }
  vl_error (call, VL_ERR_UNSUPPORTED, "HypervisorUnavailable", NULL,
            "this host has no KVM for '%s' (%s has no 'kvm')", arch, key);
  vl_hint (call,
           "use --driver qemu-tcg, or turn virtualization on in the firmware and load kvm_intel "
           "or kvm_amd");
  return -1;
}

static int
libvirt_kvm_open (struct vl_call *call, const struct vl_open *open, struct vl_conn **conn)
{
  (void)open;
  (void)conn;
  vl_error (call, VL_ERR_UNREACHABLE, "HypervisorUnavailable", NULL,
            PLANS_ONLY ": it makes no connection to '%s'", vl_setting_str (call, "connection_uri"));
  vl_hint (call, "use --driver qemu-tcg for real guests; plan works with --host FILE");
  return -1;
}

/* Nothing is ever opened. */
static void
libvirt_kvm_close (struct vl_conn *conn)
{
  (void)conn;
}

VL_DRIVER (libvirt_kvm, "libvirt-kvm", .version = VL_VERSION,
           .summary = "KVM guests of the system's libvirtd (plans only in this version)",
           .settings = VL_TABLE (settings), .virt_type = libvirt_kvm_virt_type,
           .usable = libvirt_kvm_usable, .ready = libvirt_kvm_ready, .open = libvirt_kvm_open,
           .close = libvirt_kvm_close);
