/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * video: the display adapter of a guest that has a display, and its memory,
 * which an image may ask for as far as the flavor allows. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>

#define MOST_MIB 4194303 /* libvirt counts KiB in 32 bits */

static const char *const models[] = { "bochs", "cirrus", "gop",   "none", "qxl",
                                      "vga",   "virtio", "vmvga", "xen",  NULL };

/* Where a guest has a display. */
#define DISPLAY "guest.virt-type!=lxc graphics.vnc=true; guest.virt-type!=lxc graphics.spice=true"

static const struct vl_prop props[] = {
  { .name = "model",
    .type = VL_CHOICE,
    .choices = models,
    .image_key = "hw_video_model",
    .only = DISPLAY,
    .invalid_code = "InvalidRequest",
    .help = "model of the display adapter",
    .since = "0.1.0" },
  { .name = "ram",
    .type = VL_INT,
    .min = 0,
    .max = MOST_MIB,
    .unit = "MiB",
    .image_key = "hw_video_ram",
    .only = DISPLAY,
    .invalid_code = "InvalidRequest",
    .help = "video memory",
    .since = "0.1.0" },
  { .name = "ram-max",
    .type = VL_INT,
    .deflt = "0",
    .min = 0,
    .max = MOST_MIB,
    .unit = "MiB",
    .flavor_key = "hw_video:ram_max_mb",
    .help = "most video memory that an image may ask for",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/video" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_MACHINE },
                                        { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = "graphics.display", .flags = VL_OPTIONAL },
                                        { .name = "graphics.spice", .flags = VL_OPTIONAL } };

static int
is_one_of (struct vl_call *c, const char *prop, const char *const *texts)
{
  for (; *texts; texts++)
    if (vl_is (c, prop, *texts))
      return 1;
  return 0;
}

static int
resolve (struct vl_call *c)
{
  static const char *const x86[] = { "i686", "x86_64", NULL };
  static const char *const power[] = { "ppc", "ppc64", "ppc64le", NULL };

  if (vl_has (c, "model"))
    return 0;
  if (is_one_of (c, VL_GUEST_ARCH, power))
    return vl_put (c, "model", "vga", VL_GUEST_ARCH, "what POWER firmware can show");
  if (is_one_of (c, VL_GUEST_ARCH, x86) && vl_bool (c, "graphics.spice"))
    return vl_put (c, "model", "qxl", "graphics.spice", "SPICE's own adapter");
  return vl_put (c, "model", "virtio", NULL, "works with and without a driver");
}

static int
asked_for (struct vl_call *c)
{
  return vl_origin (c, "model") != VL_LAYER_RESOLVED || vl_int (c, "ram") > 0;
}

static int
active (struct vl_call *c)
{
  return vl_bool (c, "graphics.display") || asked_for (c);
}

static int
validate (struct vl_call *c)
{
  const char *model = vl_str (c, "model");
  int64_t ram = vl_int (c, "ram"), most = vl_int (c, "ram-max");

  if (! vl_bool (c, "graphics.display"))
    return 0;
  if (ram > most)
    return vl_refuse_as (
        c, VL_ERR_REQUEST, "RequestedVRamTooHigh", "ram",
        vl_printf (c, "set hw_video:ram_max_mb=%" PRId64 " in the flavor", ram),
        "%" PRId64 " MiB of video memory are more than the flavor allows; accepted: up to %" PRId64
        " MiB",
        ram, most);
  if (vl_is (c, "model", "gop") || vl_is (c, "model", "xen"))
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "InvalidVideoMode", "model",
        "'virtio' works with and without a driver in the guest",
        "QEMU has no video model '%s'; accepted: bochs cirrus none qxl vga virtio vmvga", model);
  /* libvirt does not list 'none', and old ones leave out more that they have. */
  if (! vl_is (c, "model", "none") && vl_cap (c, "video.model", model) == 0)
    vl_warn_as (c, "UnsupportedHardware", "model", NULL, "this host does not list video model '%s'",
                model);
  return 0;
}

static int
contribute (struct vl_call *c)
{
  int64_t ram = vl_int (c, "ram");
  struct vl_node *model;

  if (! vl_bool (c, "graphics.display"))
    return 0;
  model = vl_ensure_in (vl_append (c, "devices/video", "model"), "model");
  vl_set_from (model, "type", "model");
  return ram > 0 ? vl_set_int (vl_because (model, "ram"), "vram", ram * 1024) : 0;
}

VL_FEATURE (video, "video", .version = VL_VERSION, .summary = "display adapter and its memory",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .contribute = contribute);
