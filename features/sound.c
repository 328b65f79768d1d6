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
    .choices = models,
    .flavor_key = "hw:sound_model",
    .image_key = "hw_sound_model",
    .help = "model of the sound device; unset: none",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/sound", VIRTIO_LIBVIRT } };

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "model");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  static const struct {
    const char *fact, *least;
  } needs[] = { { "libvirt.version", VIRTIO_LIBVIRT }, { "qemu.version", VIRTIO_QEMU } };

  for (size_t i = 0; vl_guest_is (guest, "model", "virtio") && i < 2; i++)
    switch (vl_host_at_least (host, needs[i].fact, needs[i].least)) {
    case 0:
      vl_error (call, VL_ERR_UNSUPPORTED, NULL, "model",
                "sound model 'virtio' needs libvirt " VIRTIO_LIBVIRT " and QEMU " VIRTIO_QEMU
                "; this host's %s is %s",
                needs[i].fact, vl_host_str (host, needs[i].fact));
      vl_hint (call, "'ich9' works on every host");
      return -1;
    case 1:
      break;
    default:
      return vl_host_unknown (call, "model", needs[i].fact);
    }
  return 0;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  vl_set (call, vl_append (call, NULL, "devices/sound", "model"), "model",
          vl_guest_str (guest, "model"), "model");
  return 0;
}

VL_FEATURE (sound, "sound", .version = VL_VERSION, .summary = "sound device",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .active = active,
            .validate = validate, .contribute = contribute);
