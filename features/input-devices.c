/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * input-devices: a tablet and, where asked for or where the machine brings none,
 * a keyboard, for guests that have a display. */

#include <config.h>

#include <virtloom/feature.h>

static const char *const buses[] = { "usb", "virtio", NULL };
static const char *const image_pointers[] = { "usbtablet", NULL };
static const char *const pointers[] = { "usbtablet", "ps2mouse", NULL };

static const struct vl_prop props[] = {
  { .name = "bus",
    .type = VL_CHOICE,
    .choices = buses,
    .image_key = "hw_input_bus",
    .invalid_code = "InvalidRequest",
    .help = "bus of both tablet and keyboard",
    .since = "0.1.0" },
  { .name = "pointer",
    .type = VL_CHOICE,
    .choices = image_pointers,
    .image_key = "hw_pointer_model",
    .invalid_code = "InvalidRequest",
    .help = "pointer of the guest, where no bus is given",
    .since = "0.1.0" },
  { .name = "host-pointer",
    .type = VL_CHOICE,
    .choices = pointers,
    .setting = "pointer_model",
    .help = "pointer of guests whose image names none",
    .since = "0.1.0" },
  { .name = "tablet",
    .type = VL_CHOICE,
    .choices = buses,
    .help = "bus of the tablet",
    .since = "0.1.0" },
  { .name = "keyboard",
    .type = VL_CHOICE,
    .choices = buses,
    .help = "bus of the keyboard",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "pointer_model",
    .type = VL_CHOICE,
    .choices = pointers,
    .deflt = "usbtablet",
    .nova = "DEFAULT.pointer_model",
    .help = "pointer of guests: a USB tablet, or only the mouse that the machine has",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/input", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { "graphics.display" },
                                        { "graphics.vnc" },
                                        { "graphics.spice" },
                                        { "graphics.spice-agent" } };

/* SPICE's agent moves the pointer itself; VNC still needs a tablet. */
static int
agent_is_pointer (const struct vl_guest *guest)
{
  return vl_guest_bool (guest, "graphics.spice") && vl_guest_bool (guest, "graphics.spice-agent")
         && ! vl_guest_bool (guest, "graphics.vnc");
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  const char *bus = vl_guest_str (guest, "bus"), *why = "bus";

  (void)host;
  if (! vl_guest_bool (guest, "graphics.display"))
    return 0;
  if (bus
      && vl_guest_set (call, guest, "keyboard", bus, "bus", "on the bus that the image names") < 0)
    return -1;
  if (bus == NULL && vl_guest_is (guest, VL_GUEST_ARCH, "aarch64")
      && vl_guest_set (call, guest, "keyboard", "usb", VL_GUEST_ARCH, "the machine brings none")
             < 0)
    return -1;
  if (bus == NULL) {
    why = vl_guest_has (guest, "pointer") ? "pointer" : "host-pointer";
    bus = vl_guest_is (guest, why, "usbtablet") ? "usb" : NULL;
  }
  if (bus == NULL || agent_is_pointer (guest))
    return 0;
  return vl_guest_set (call, guest, "tablet", bus, why, "an absolute pointer for the display");
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_has (guest, "tablet") || vl_guest_has (guest, "keyboard")
         || vl_guest_has (guest, "bus") || vl_guest_has (guest, "pointer");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  const char *asked = vl_guest_has (guest, "bus") ? "bus" : "pointer";

  (void)host;
  if (vl_guest_has (guest, "tablet") || ! vl_guest_has (guest, asked))
    return 0;
  if (vl_guest_bool (guest, "graphics.display"))
    vl_warning (call, NULL, asked, "no tablet is made: the SPICE agent moves the pointer");
  else
    vl_advice (call, NULL, asked, "it has no effect: guests have no display on this host");
  return 0;
}

static void
add_input (struct vl_call *call, const struct vl_guest *guest, const char *type)
{
  struct vl_node *input;

  if (! vl_guest_has (guest, type))
    return;
  input = vl_append (call, NULL, "devices/input", type);
  vl_set (call, input, "type", type, type);
  vl_set (call, input, "bus", vl_guest_str (guest, type), type);
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  add_input (call, guest, "tablet");
  add_input (call, guest, "keyboard");
  return 0;
}

VL_FEATURE (input_devices, "input-devices", .version = VL_VERSION,
            .summary = "tablet and keyboard of guests with a display", .props = VL_TABLE (props),
            .settings = VL_TABLE (settings), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .active = active, .validate = validate, .contribute = contribute);
