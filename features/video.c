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

static const struct vl_prop props[] = {
  { .name = "model",
    .type = VL_CHOICE,
    .choices = models,
    .image_key = "hw_video_model",
    .invalid_code = "InvalidRequest",
    .help = "model of the display adapter",
    .since = "0.1.0" },
  { .name = "ram",
    .type = VL_INT,
    .min = 0,
    .max = MOST_MIB,
    .unit = "MiB",
    .image_key = "hw_video_ram",
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

static const struct vl_write writes[] = { { "devices/video", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { VL_GUEST_MACHINE },
                                        { VL_GUEST_VIRT_TYPE },
                                        { "graphics.display" },
                                        { "graphics.spice" } };

static int
is_one_of (const struct vl_guest *guest, const char *prop, const char *const *texts)
{
  for (; *texts; texts++)
    if (vl_guest_is (guest, prop, *texts))
      return 1;
  return 0;
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  static const char *const x86[] = { "i686", "x86_64", NULL };
  static const char *const power[] = { "ppc", "ppc64", "ppc64le", NULL };

  (void)host;
  if (vl_guest_has (guest, "model"))
    return 0;
  if (is_one_of (guest, VL_GUEST_ARCH, power))
    return vl_guest_set (call, guest, "model", "vga", VL_GUEST_ARCH,
                         "what POWER firmware can show");
  if (is_one_of (guest, VL_GUEST_ARCH, x86) && vl_guest_bool (guest, "graphics.spice"))
    return vl_guest_set (call, guest, "model", "qxl", "graphics.spice", "SPICE's own adapter");
  return vl_guest_set (call, guest, "model", "virtio", NULL, "works with and without a driver");
}

static int
asked_for (const struct vl_guest *guest)
{
  return vl_guest_origin (guest, "model") != VL_LAYER_RESOLVED || vl_guest_int (guest, "ram") > 0;
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_bool (guest, "graphics.display") || asked_for (guest);
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *model = vl_guest_str (guest, "model");
  int64_t ram = vl_guest_int (guest, "ram"), most = vl_guest_int (guest, "ram-max");

  if (! vl_guest_bool (guest, "graphics.display")) {
    vl_advice (call, NULL, vl_guest_has (guest, "ram") ? "ram" : "model",
               "it has no effect: guests have no display on this host");
    return 0;
  }
  if (ram > most) {
    vl_error (call, VL_ERR_REQUEST, "RequestedVRamTooHigh", "ram",
              "%" PRId64
              " MiB of video memory are more than the flavor allows; accepted: up to %" PRId64
              " MiB",
              ram, most);
    vl_hint (call, "set hw_video:ram_max_mb=%" PRId64 " in the flavor", ram);
    return -1;
  }
  if (vl_guest_is (guest, "model", "gop") || vl_guest_is (guest, "model", "xen")) {
    vl_error (call, VL_ERR_UNSUPPORTED, "InvalidVideoMode", "model",
              "QEMU has no video model '%s'; accepted: bochs cirrus none qxl vga virtio vmvga",
              model);
    vl_hint (call, "'virtio' works with and without a driver in the guest");
    return -1;
  }
  /* libvirt does not list 'none', and old ones leave out more that they have. */
  if (! vl_guest_is (guest, "model", "none")
      && vl_host_cap (guest, host, "video.model", model) == 0)
    vl_warning (call, "UnsupportedHardware", "model", "this host does not list video model '%s'",
                model);
  return 0;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int64_t ram = vl_guest_int (guest, "ram");
  struct vl_node *model;

  (void)host;
  if (! vl_guest_bool (guest, "graphics.display"))
    return 0;
  model = vl_ensure (call, vl_append (call, NULL, "devices/video", "model"), "model", 0, "model");
  vl_set (call, model, "type", vl_guest_str (guest, "model"), "model");
  if (ram > 0)
    vl_set (call, model, "vram", vl_printf (call, "%" PRId64, ram * 1024), "ram");
  return 0;
}

VL_FEATURE (video, "video", .version = VL_VERSION, .summary = "display adapter and its memory",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .contribute = contribute);
