/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * sound: a sound device, where the flavor or the image asks for one. */

#include <config.h>

#include <virtloom/feature.h>

#define VIRTIO_LIBVIRT "10.4.0"
#define VIRTIO_QEMU "8.2.0"

static const char *const models[] = { "ac97", "es1370", "ich6",   "ich9", "pcspk",
                                      "sb16", "usb",    "virtio", NULL };

static const struct vl_prop props[] = {
  { .name = "model",
    .type = VL_CHOICE,
    .rule = VL_MUST_AGREE,
    .flags = VL_PUBLIC,
    .choices = models,
    .flavor_key = "hw:sound_model",
    .image_key = "hw_sound_model",
    .help = "model of the sound device; unset: none",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = {
  { .path = "devices/sound" },
  { .path = "devices/sound[model=virtio]", .since = VIRTIO_LIBVIRT },
};

static int
active (struct vl_call *c)
{
  return vl_has (c, "model");
}

static int
validate (struct vl_call *c)
{
  static const struct {
    const char *fact, *least;
  } needs[] = { { "libvirt.version", VIRTIO_LIBVIRT }, { "qemu.version", VIRTIO_QEMU } };

  for (size_t i = 0; vl_is (c, "model", "virtio") && i < 2; i++)
    switch (vl_fact_at_least (c, needs[i].fact, needs[i].least)) {
    case 0:
      return vl_refuse (c, VL_ERR_UNSUPPORTED, "model", "'ich9' works on every host",
                        "sound model 'virtio' needs libvirt " VIRTIO_LIBVIRT
                        " and QEMU " VIRTIO_QEMU "; this host's %s is %s",
                        needs[i].fact, vl_fact_str (c, needs[i].fact));
    case 1:
      break;
    default:
      return vl_unsaid (c, "model", needs[i].fact);
    }
  return 0;
}

static int
contribute (struct vl_call *c)
{
  return vl_set_from (vl_append (c, "devices/sound", "model"), "model", "model");
}

VL_FEATURE (sound, "sound", .version = VL_VERSION, .summary = "sound device",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .active = active,
            .validate = validate, .contribute = contribute);
