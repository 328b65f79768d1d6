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
    .only = "guest.kernel guest.virt-type!=lxc",
    .invalid_code = "InvalidRequest",
    .help = "command line of the kernel that the image comes with",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "os/cmdline" },
                                          { .path = "os/initrd" },
                                          { .path = "os/kernel" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_DISK },
                                        { .name = VL_GUEST_KERNEL },
                                        { .name = VL_GUEST_RAMDISK },
                                        { .name = VL_GUEST_VIRT_TYPE } };

static int
active (struct vl_call *c)
{
  return vl_has (c, VL_GUEST_KERNEL) && ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

/* The disk that the guest's system is on. */
static const char *
root_device (struct vl_call *c)
{
  for (size_t i = 0; i < vl_n_disks (c); i++)
    if (vl_disk (c, i)->boot == 1)
      return vl_disk (c, i)->dev;
  return NULL;
}

static int
resolve (struct vl_call *c)
{
  const char *root;

  if (! active (c) || vl_has (c, "command-line"))
    return 0;
  root = root_device (c);
  return vl_put (c, "command-line",
                 vl_printf (c, "root=/dev/%s " CONSOLES "%s", root ? root : "vda",
                            vl_is (c, VL_GUEST_VIRT_TYPE, "qemu") ? " no_timer_check" : ""),
                 VL_GUEST_KERNEL, "the image names none");
}

static int
contribute (struct vl_call *c)
{
  vl_text_from (vl_ensure (c, "os/kernel", VL_GUEST_KERNEL), VL_GUEST_KERNEL);
  if (vl_has (c, VL_GUEST_RAMDISK))
    vl_text_from (vl_ensure (c, "os/initrd", VL_GUEST_RAMDISK), VL_GUEST_RAMDISK);
  return vl_text_from (vl_ensure (c, "os/cmdline", "command-line"), "command-line");
}

VL_FEATURE (kernel_boot, "kernel-boot", .version = VL_VERSION,
            .summary = "booting into the kernel that comes with an image",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .contribute = contribute);
