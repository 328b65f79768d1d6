/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * usb-controller: says which USB controller a guest has.  Without a word x86
 * machines get one, so a guest that needs none is told "none". */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

static const char *const models[] = { "none", "nec-xhci", "qemu-xhci", NULL };

static const struct vl_prop props[] = {
  { .name = "model",
    .type = VL_CHOICE,
    .rule = VL_MUST_AGREE,
    .choices = models,
    .flavor_key = "hw:usb_model",
    .image_key = "hw_usb_model",
    .help = "controller model of a guest without USB devices",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/controller" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_DISK },
                                        { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = "input-devices.keyboard", .flags = VL_OPTIONAL },
                                        { .name = "input-devices.tablet", .flags = VL_OPTIONAL },
                                        { .name = "sound.model", .flags = VL_OPTIONAL } };

/* The property behind a USB device that the guest has, or NULL. */
static const char *
needs_usb (struct vl_call *c)
{
  if (vl_is (c, "input-devices.tablet", "usb"))
    return "input-devices.tablet";
  if (vl_is (c, "input-devices.keyboard", "usb"))
    return "input-devices.keyboard";
  if (vl_is (c, "sound.model", "usb"))
    return "sound.model";
  for (size_t i = 0; i < vl_n_disks (c); i++)
    if (strcmp (vl_disk (c, i)->bus, "usb") == 0)
      return vl_disk (c, i)->why;
  return NULL;
}

/* POWER machines bring a USB keyboard and mouse, and no "none". */
static int
is_power (struct vl_call *c)
{
  return vl_is (c, VL_GUEST_ARCH, "ppc") || vl_is (c, VL_GUEST_ARCH, "ppc64")
         || vl_is (c, VL_GUEST_ARCH, "ppc64le");
}

static int
active (struct vl_call *c)
{
  return ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
validate (struct vl_call *c)
{
  const char *need = needs_usb (c);

  if (vl_has (c, "model") && (need || is_power (c)))
    vl_advise (c, "model",
               need && strncmp (need, "input", 5) == 0
                   ? "hw_input_bus=virtio in the image makes a guest without USB devices"
                   : NULL,
               "'%s' has no effect: the machine's own controller serves %s", vl_str (c, "model"),
               need ? "the guest's USB devices" : "POWER guests");
  return 0;
}

static int
contribute (struct vl_call *c)
{
  const char *need = needs_usb (c);
  const char *model = vl_str (c, "model");
  struct vl_node *controller = vl_keyed_weak (c, "devices/controller", need ? need : "model",
                                              "type", "usb", "index", "0", NULL);

  if (need || is_power (c))
    return 0;
  return vl_set (controller, "model", model ? model : "none");
}

VL_FEATURE (usb_controller, "usb-controller", .version = VL_VERSION,
            .summary = "USB controller, or none", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .validate = validate, .contribute = contribute);
