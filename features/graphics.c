/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * graphics: VNC and SPICE displays as the operator configured them, and the
 * SPICE agent's channel.  Others read graphics.display: does the guest have one? */

#include <config.h>

#include <virtloom/feature.h>

static const char *const image_modes[] = {
  "auto_glz", "auto_lz", "quic", "glz", "lz", "off", NULL
};
static const char *const wan_modes[] = { "auto", "never", "always", NULL };
static const char *const stream_modes[] = { "filter", "all", "off", NULL };

/* A property that is what the setting NAME says. */
#define FROM_SETTING(prop, kind, key, text)                                                        \
  {                                                                                                \
    .name = prop, .type = kind, .setting = key, .help = text, .since = "0.1.0"                     \
  }
#define CHOICE_FROM_SETTING(prop, list, key, text)                                                 \
  {                                                                                                \
    .name = prop, .type = VL_CHOICE, .choices = list, .setting = key, .help = text,                \
    .since = "0.1.0"                                                                               \
  }

static const struct vl_prop props[] = {
  { .name = "display", .type = VL_BOOL, .help = "the guest has a display", .since = "0.1.0" },
  FROM_SETTING ("vnc", VL_BOOL, "vnc_enabled", "there is a VNC display"),
  FROM_SETTING ("vnc-listen", VL_STRING, "vnc_server_listen", "address that VNC listens on"),
  FROM_SETTING ("spice", VL_BOOL, "spice_enabled", "there is a SPICE display"),
  FROM_SETTING ("spice-agent", VL_BOOL, "spice_agent_enabled",
                "the guest has the SPICE agent's channel"),
  FROM_SETTING ("spice-listen", VL_STRING, "spice_server_listen", "address that SPICE listens on"),
  FROM_SETTING ("spice-secure", VL_BOOL, "spice_require_secure",
                "all SPICE channels are encrypted"),
  CHOICE_FROM_SETTING ("spice-image", image_modes, "spice_image_compression", "image compression"),
  CHOICE_FROM_SETTING ("spice-jpeg", wan_modes, "spice_jpeg_compression", "JPEG on slow links"),
  CHOICE_FROM_SETTING ("spice-zlib", wan_modes, "spice_zlib_compression", "zlib on slow links"),
  FROM_SETTING ("spice-playback", VL_BOOL, "spice_playback_compression", "sound is compressed"),
  CHOICE_FROM_SETTING ("spice-streaming", stream_modes, "spice_streaming_mode", "video streams"),
};

static const struct vl_setting settings[] = {
  { .name = "vnc_enabled",
    .type = VL_BOOL,
    .deflt = "yes",
    .nova = "vnc.enabled",
    .help = "guests have a VNC display",
    .since = "0.1.0" },
  { .name = "vnc_server_listen",
    .type = VL_STRING,
    .deflt = "127.0.0.1",
    .nova = "vnc.server_listen",
    .help = "address that VNC displays listen on; they have no password",
    .since = "0.1.0" },
  { .name = "spice_enabled",
    .type = VL_BOOL,
    .deflt = "no",
    .nova = "spice.enabled",
    .help = "guests have a SPICE display",
    .since = "0.1.0" },
  { .name = "spice_agent_enabled",
    .type = VL_BOOL,
    .deflt = "yes",
    .nova = "spice.agent_enabled",
    .help = "guests with SPICE have its agent's channel",
    .since = "0.1.0" },
  { .name = "spice_server_listen",
    .type = VL_STRING,
    .deflt = "127.0.0.1",
    .nova = "spice.server_listen",
    .help = "address that SPICE displays listen on",
    .since = "0.1.0" },
  { .name = "spice_require_secure",
    .type = VL_BOOL,
    .deflt = "no",
    .nova = "spice.require_secure",
    .help = "every SPICE channel must be encrypted",
    .since = "0.1.0" },
  { .name = "spice_image_compression",
    .type = VL_CHOICE,
    .choices = image_modes,
    .nova = "spice.image_compression",
    .help = "how SPICE compresses images; unset: its own default",
    .since = "0.1.0" },
  { .name = "spice_jpeg_compression",
    .type = VL_CHOICE,
    .choices = wan_modes,
    .nova = "spice.jpeg_compression",
    .help = "when SPICE uses JPEG; unset: its own default",
    .since = "0.1.0" },
  { .name = "spice_zlib_compression",
    .type = VL_CHOICE,
    .choices = wan_modes,
    .nova = "spice.zlib_compression",
    .help = "when SPICE uses zlib over glz; unset: its own default",
    .since = "0.1.0" },
  { .name = "spice_playback_compression",
    .type = VL_BOOL,
    .nova = "spice.playback_compression",
    .help = "SPICE compresses sound; unset: its own default",
    .since = "0.1.0" },
  { .name = "spice_streaming_mode",
    .type = VL_CHOICE,
    .choices = stream_modes,
    .nova = "spice.streaming_mode",
    .help = "which video SPICE streams; unset: its own default",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/channel", NULL },
                                          { "devices/graphics", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { VL_GUEST_MACHINE },
                                        { VL_GUEST_VIRT_TYPE } };

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  const char *why = vl_guest_bool (guest, "vnc") ? "vnc" : "spice";

  (void)host;
  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc") || ! vl_guest_bool (guest, why))
    return 0;
  return vl_guest_set (call, guest, "display", "yes", why, "a display is configured");
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_bool (guest, "display");
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  static const char *const types[] = { "vnc", "spice", NULL };
  int result = 0;

  for (const char *const *type = types; *type; type++)
    if (vl_guest_bool (guest, *type) && vl_host_cap (guest, host, "graphics.type", *type) == 0) {
      result = vl_error (call, VL_ERR_UNSUPPORTED, NULL, *type,
                         "this host's QEMU has no '%s' display", *type);
      vl_hint (call,
               "set %s_enabled = no in plugins.d/graphics.conf, or install QEMU's module for it",
               *type);
    }
  return result;
}

static struct vl_node *
add_display (struct vl_call *call, const struct vl_guest *guest, const char *type,
             const char *listen)
{
  struct vl_node *node = vl_append (call, NULL, "devices/graphics", type);

  vl_set (call, node, "type", type, type);
  vl_set (call, node, "autoport", "yes", type);
  vl_set (call, node, "listen", vl_guest_str (guest, listen), listen);
  return node;
}

static void
tune_spice (struct vl_call *call, const struct vl_guest *guest, struct vl_node *spice)
{
  static const struct {
    const char *prop, *element, *attr;
  } parts[] = {
    { "spice-image", "image", "compression" },  { "spice-jpeg", "jpeg", "compression" },
    { "spice-zlib", "zlib", "compression" },    { "spice-playback", "playback", "compression" },
    { "spice-streaming", "streaming", "mode" },
  };
  static const char *const channels[] = { "main",   "display",   "inputs",   "cursor", "playback",
                                          "record", "smartcard", "usbredir", NULL };

  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    const char *value = vl_guest_str (guest, parts[i].prop);

    if (value == NULL)
      continue;
    if (parts[i].prop[6] == 'p')
      value = vl_guest_bool (guest, parts[i].prop) ? "on" : "off";
    vl_set (call, vl_ensure (call, spice, parts[i].element, 0, parts[i].prop), parts[i].attr, value,
            parts[i].prop);
  }
  for (const char *const *name = channels; *name && vl_guest_bool (guest, "spice-secure"); name++)
    vl_set (call,
            vl_ensure_keyed (call, spice, "channel", vl_printf (call, "name=%s", *name), 0,
                             "spice-secure"),
            "mode", "secure", "spice-secure");
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (vl_guest_bool (guest, "vnc"))
    add_display (call, guest, "vnc", "vnc-listen");
  if (! vl_guest_bool (guest, "spice"))
    return 0;
  tune_spice (call, guest, add_display (call, guest, "spice", "spice-listen"));
  if (vl_guest_bool (guest, "spice-agent")) {
    struct vl_node *channel = vl_append (call, NULL, "devices/channel", "spice-agent"), *target;

    vl_set (call, channel, "type", "spicevmc", "spice-agent");
    target = vl_ensure (call, channel, "target", 0, "spice-agent");
    vl_set (call, target, "type", "virtio", "spice-agent");
    vl_set (call, target, "name", "com.redhat.spice.0", "spice-agent");
  }
  return 0;
}

VL_FEATURE (graphics, "graphics", .version = VL_VERSION, .summary = "VNC and SPICE displays",
            .props = VL_TABLE (props), .settings = VL_TABLE (settings), .writes = VL_TABLE (writes),
            .reads = VL_TABLE (reads), .resolve = resolve, .active = active, .validate = validate,
            .contribute = contribute);
