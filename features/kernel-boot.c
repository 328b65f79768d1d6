/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * kernel-boot: a guest whose image comes with a kernel is booted straight into
 * it, with its ramdisk and a command line. */

#include <config.h>

#include <virtloom/feature.h>

#define CONSOLES "console=tty0 console=ttyS0 console=hvc0"

static const struct vl_prop props[] = {
  { .name = "command-line",
    .type = VL_STRING,
    .image_key = "os_command_line",
    .invalid_code = "InvalidRequest",
    .help = "command line of the kernel that the image comes with",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "os/cmdline", NULL },
                                          { "os/initrd", NULL },
                                          { "os/kernel", NULL } };

static const struct vl_name reads[] = {
  { VL_GUEST_DISK }, { VL_GUEST_KERNEL }, { VL_GUEST_RAMDISK }, { VL_GUEST_VIRT_TYPE }
};

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, VL_GUEST_KERNEL) && ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc");
}

/* The disk that the guest's system is on. */
static const char *
root_device (const struct vl_guest *guest)
{
  for (size_t i = 0; i < vl_guest_n_disks (guest); i++)
    if (vl_guest_disk (guest, i)->boot == 1)
      return vl_guest_disk (guest, i)->dev;
  return NULL;
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  const char *root;

  (void)host;
  if (! active (guest)) {
    if (vl_guest_has (guest, "command-line"))
      vl_advice (call, NULL, "command-line", "it has no effect: the image comes with no kernel");
    return 0;
  }
  if (vl_guest_has (guest, "command-line"))
    return 0;
  root = root_device (guest);
  return vl_guest_set (
      call, guest, "command-line",
      vl_printf (call, "root=/dev/%s " CONSOLES "%s", root ? root : "vda",
                 vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "qemu") ? " no_timer_check" : ""),
      VL_GUEST_KERNEL, "the image names none");
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  vl_text (call, vl_ensure (call, NULL, "os/kernel", 0, VL_GUEST_KERNEL),
           vl_guest_str (guest, VL_GUEST_KERNEL), VL_GUEST_KERNEL);
  if (vl_guest_has (guest, VL_GUEST_RAMDISK))
    vl_text (call, vl_ensure (call, NULL, "os/initrd", 0, VL_GUEST_RAMDISK),
             vl_guest_str (guest, VL_GUEST_RAMDISK), VL_GUEST_RAMDISK);
  vl_text (call, vl_ensure (call, NULL, "os/cmdline", 0, "command-line"),
           vl_guest_str (guest, "command-line"), "command-line");
  return 0;
}

VL_FEATURE (kernel_boot, "kernel-boot", .version = VL_VERSION,
            .summary = "booting into the kernel that comes with an image",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .contribute = contribute);
