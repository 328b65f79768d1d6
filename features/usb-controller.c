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

static const struct vl_write writes[] = { { "devices/controller", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },          { VL_GUEST_DISK },
                                        { VL_GUEST_VIRT_TYPE },     { "input-devices.keyboard" },
                                        { "input-devices.tablet" }, { "sound.model" } };

/* The property behind a USB device that the guest has, or NULL. */
static const char *
needs_usb (const struct vl_guest *guest)
{
  if (vl_guest_is (guest, "input-devices.tablet", "usb"))
    return "input-devices.tablet";
  if (vl_guest_is (guest, "input-devices.keyboard", "usb"))
    return "input-devices.keyboard";
  if (vl_guest_is (guest, "sound.model", "usb"))
    return "sound.model";
  for (size_t i = 0; i < vl_guest_n_disks (guest); i++)
    if (strcmp (vl_guest_disk (guest, i)->bus, "usb") == 0)
      return vl_guest_disk (guest, i)->why;
  return NULL;
}

/* POWER machines bring a USB keyboard and mouse, and no "none". */
static int
is_power (const struct vl_guest *guest)
{
  return vl_guest_is (guest, VL_GUEST_ARCH, "ppc") || vl_guest_is (guest, VL_GUEST_ARCH, "ppc64")
         || vl_guest_is (guest, VL_GUEST_ARCH, "ppc64le");
}

static int
active (const struct vl_guest *guest)
{
  return ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *need = needs_usb (guest);

  (void)host;
  if (vl_guest_has (guest, "model") && (need || is_power (guest))) {
    vl_advice (call, NULL, "model", "'%s' has no effect: the machine's own controller serves %s",
               vl_guest_str (guest, "model"), need ? "the guest's USB devices" : "POWER guests");
    if (need && strncmp (need, "input", 5) == 0)
      vl_hint (call, "hw_input_bus=virtio in the image makes a guest without USB devices");
  }
  return 0;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *need = needs_usb (guest);
  struct vl_node *controller = vl_ensure_keyed (call, NULL, "devices/controller",
                                                "type=usb,index=0", VL_WEAK, need ? need : "model");

  (void)host;
  if (need == NULL && ! is_power (guest)) {
    const char *model = vl_guest_str (guest, "model");

    vl_set (call, controller, "model", model ? model : "none", "model");
  }
  return 0;
}

VL_FEATURE (usb_controller, "usb-controller", .version = VL_VERSION,
            .summary = "USB controller, or none", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .active = active,
            .validate = validate, .contribute = contribute);
