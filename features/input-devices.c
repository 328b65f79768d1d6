/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * input-devices: a tablet and, where asked for or where the machine brings none,
 * a keyboard, for guests that have a display. */

#include <config.h>

#include <virtloom/feature.h>

static const char *const buses[] = { "usb", "virtio", NULL };
static const char *const image_pointers[] = { "usbtablet", NULL };
static const char *const pointers[] = { "usbtablet", "ps2mouse", NULL };

/* Where a guest has a display, and where a pointer of it. */
#define GUEST "guest.virt-type!=lxc "
#define DISPLAY GUEST "graphics.vnc=true; " GUEST "graphics.spice=true"
#define POINTER GUEST "graphics.vnc=true; " GUEST "graphics.spice=true graphics.spice-agent=false"

static const struct vl_prop props[] = {
  { .name = "bus",
    .type = VL_CHOICE,
    .choices = buses,
    .image_key = "hw_input_bus",
    .only = DISPLAY,
    .invalid_code = "InvalidRequest",
    .help = "bus of both tablet and keyboard",
    .since = "0.1.0" },
  { .name = "pointer",
    .type = VL_CHOICE,
    .choices = image_pointers,
    .image_key = "hw_pointer_model",
    .only = POINTER,
    .invalid_code = "InvalidRequest",
    .help = "pointer of the guest, where no bus is given",
    .since = "0.1.0" },
  { .name = "host-pointer",
    .type = VL_CHOICE,
    .deflt = "usbtablet",
    .choices = pointers,
    .setting = "pointer_model",
    .nova = "DEFAULT.pointer_model",
    .only = "graphics.vnc=true; graphics.spice=true graphics.spice-agent=false",
    .help = "pointer of guests whose image names none: a USB tablet, or the machine's own mouse",
    .since = "0.1.0" },
  { .name = "tablet",
    .type = VL_CHOICE,
    .flags = VL_PUBLIC,
    .choices = buses,
    .help = "bus of the tablet",
    .since = "0.1.0" },
  { .name = "keyboard",
    .type = VL_CHOICE,
    .flags = VL_PUBLIC,
    .choices = buses,
    .help = "bus of the keyboard",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/input" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = "graphics.display", .flags = VL_OPTIONAL },
                                        { .name = "graphics.vnc", .flags = VL_OPTIONAL },
                                        { .name = "graphics.spice", .flags = VL_OPTIONAL },
                                        { .name = "graphics.spice-agent", .flags = VL_OPTIONAL } };

/* SPICE's agent moves the pointer itself; VNC still needs a tablet. */
static int
agent_is_pointer (struct vl_call *c)
{
  return vl_bool (c, "graphics.spice") && vl_bool (c, "graphics.spice-agent")
         && ! vl_bool (c, "graphics.vnc");
}

static int
resolve (struct vl_call *c)
{
  const char *bus = vl_str (c, "bus"), *why = "bus";

  if (! vl_bool (c, "graphics.display"))
    return 0;
  if (bus && vl_put (c, "keyboard", bus, "bus", "on the bus that the image names") < 0)
    return -1;
  if (bus == NULL && vl_is (c, VL_GUEST_ARCH, "aarch64")
      && vl_put (c, "keyboard", "usb", VL_GUEST_ARCH, "the machine brings none") < 0)
    return -1;
  if (bus == NULL) {
    why = vl_has (c, "pointer") ? "pointer" : "host-pointer";
    bus = vl_is (c, why, "usbtablet") ? "usb" : NULL;
  }
  if (bus == NULL || agent_is_pointer (c))
    return 0;
  return vl_put (c, "tablet", bus, why, "an absolute pointer for the display");
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "tablet") || vl_has (c, "keyboard") || vl_has (c, "bus")
         || vl_has (c, "pointer");
}

static int
validate (struct vl_call *c)
{
  /* The bus is the keyboard's, too. */
  if (vl_bool (c, "graphics.display") && vl_has (c, "bus") && ! vl_has (c, "tablet"))
    vl_warn (c, "bus", NULL, "no tablet is made: the SPICE agent moves the pointer");
  return 0;
}

static void
add_input (struct vl_call *c, const char *type)
{
  struct vl_node *input;

  if (! vl_has (c, type))
    return;
  input = vl_append (c, "devices/input", type);
  vl_set (input, "type", type);
  vl_set_from (input, "bus", type);
}

static int
contribute (struct vl_call *c)
{
  add_input (c, "tablet");
  add_input (c, "keyboard");
  return 0;
}

VL_FEATURE (input_devices, "input-devices", .version = VL_VERSION,
            .summary = "tablet and keyboard of guests with a display", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .validate = validate, .contribute = contribute);
