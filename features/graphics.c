/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * graphics: VNC and SPICE displays as the operator configured them, and the
 * SPICE agent's channel.  Others read graphics.display: does the guest have one? */

#include <config.h>

#include <virtloom/feature.h>

#include <arpa/inet.h>
#include <string.h>

static const char *const image_modes[] = {
  "auto_glz", "auto_lz", "quic", "glz", "lz", "off", NULL
};
static const char *const wan_modes[] = { "auto", "never", "always", NULL };
static const char *const stream_modes[] = { "filter", "all", "off", NULL };

#define ROW(row, text, ...)                                                                        \
  {                                                                                                \
    .name = row, .help = text, .since = "0.1.0", __VA_ARGS__                                       \
  }

static const struct vl_prop props[] = {
  ROW ("display", "the guest has a display", .type = VL_BOOL, .flags = VL_PUBLIC),
  ROW ("vnc", "guests have a VNC display", .type = VL_BOOL, .flags = VL_PUBLIC, .deflt = "true",
       .setting = "vnc_enabled", .nova = "vnc.enabled"),
  ROW ("vnc-listen", "address that VNC displays listen on by TCP; unset: a UNIX socket",
       .type = VL_STRING, .setting = "vnc_server_listen", .nova = "vnc.server_listen",
       .only = "vnc=true"),
  ROW ("spice", "guests have a SPICE display", .type = VL_BOOL, .flags = VL_PUBLIC,
       .deflt = "false", .setting = "spice_enabled", .nova = "spice.enabled"),
  ROW ("spice-agent", "guests with SPICE have its agent's channel", .type = VL_BOOL,
       .flags = VL_PUBLIC, .deflt = "true", .setting = "spice_agent_enabled",
       .nova = "spice.agent_enabled", .only = "spice=true"),
  ROW ("spice-listen", "address that SPICE displays listen on by TCP; unset: a UNIX socket",
       .type = VL_STRING, .setting = "spice_server_listen", .nova = "spice.server_listen",
       .only = "spice=true"),
  ROW ("spice-secure", "every SPICE channel must be encrypted", .type = VL_BOOL, .deflt = "false",
       .setting = "spice_require_secure", .nova = "spice.require_secure", .only = "spice=true"),
  ROW ("spice-image", "how SPICE compresses images; unset: its own default", .type = VL_CHOICE,
       .choices = image_modes, .setting = "spice_image_compression",
       .nova = "spice.image_compression", .only = "spice=true"),
  ROW ("spice-jpeg", "when SPICE uses JPEG; unset: its own default", .type = VL_CHOICE,
       .choices = wan_modes, .setting = "spice_jpeg_compression", .nova = "spice.jpeg_compression",
       .only = "spice=true"),
  ROW ("spice-zlib", "when SPICE uses zlib over glz; unset: its own default", .type = VL_CHOICE,
       .choices = wan_modes, .setting = "spice_zlib_compression", .nova = "spice.zlib_compression",
       .only = "spice=true"),
  ROW ("spice-playback", "SPICE compresses sound; unset: its own default", .type = VL_BOOL,
       .setting = "spice_playback_compression", .nova = "spice.playback_compression",
       .only = "spice=true"),
  ROW ("spice-streaming", "which video SPICE streams; unset: its own default", .type = VL_CHOICE,
       .choices = stream_modes, .setting = "spice_streaming_mode", .nova = "spice.streaming_mode",
       .only = "spice=true"),
};

static const struct vl_write writes[] = { { .path = "devices/channel" },
                                          { .path = "devices/graphics" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_MACHINE },
                                        { .name = VL_GUEST_RUN_DIR },
                                        { .name = VL_GUEST_VIRT_TYPE } };

/* Is TEXT an IPv6 address, or an IPv4 address or name of a host, which libvirt tells apart
 * by the same letters? */
static int
is_address (const char *text)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
  struct in6_addr address;

  return text[strspn (text, letters)] == '\0' || inet_pton (AF_INET6, text, &address) == 1;
}

/* Addresses that are none. */
static int
ready (struct vl_call *c)
{
  static const char *const listens[] = { "vnc-listen", "spice-listen", NULL };
  int result = 0;

  for (const char *const *row = listens; *row; row++)
    if (vl_has (c, *row) && ! is_address (vl_str (c, *row)))
      result = vl_refuse_as (c, VL_ERR_REFUSED, "Invalid", *row, "mend it in graphics.conf",
                             "'%s' is no address to listen on; accepted: an IPv4 or IPv6 address, "
                             "or the name of a host",
                             vl_str (c, *row));
  return result;
}

static int
resolve (struct vl_call *c)
{
  const char *why = vl_bool (c, "vnc") ? "vnc" : "spice";

  if (vl_is (c, VL_GUEST_VIRT_TYPE, "lxc") || ! vl_bool (c, why))
    return 0;
  return vl_put (c, "display", "yes", why, "a display is configured");
}

static int
active (struct vl_call *c)
{
  return vl_bool (c, "display");
}

static int
is_encrypted (struct vl_call *c, const char *type)
{
  return strcmp (type, "spice") == 0 && vl_bool (c, "spice-secure");
}

/* Where displays of TYPE listen by TCP, or NULL for a UNIX socket.  SPICE encrypts what
 * goes by TCP only. */
static const char *
address_of (struct vl_call *c, const char *type)
{
  const char *address = vl_str (c, vl_printf (c, "%s-listen", type));

  return address == NULL && is_encrypted (c, type) ? "127.0.0.1" : address;
}

/* Neither VNC nor SPICE without TLS asks who comes. */
static void
warn_of_tcp (struct vl_call *c, const char *type)
{
  const char *address = address_of (c, type);

  if (address && ! is_encrypted (c, type))
    vl_warn (c, vl_printf (c, "%s-listen", type),
             vl_printf (
                 c,
                 "leave %s_server_listen out: displays are then UNIX sockets that root alone opens",
                 type),
             "the %s display listens on %s by TCP without password or TLS: whoever reaches that "
             "address has the guest's screen and keyboard, guests on a 'user' network among them",
             type, address);
}

static int
validate (struct vl_call *c)
{
  static const char *const types[] = { "vnc", "spice", NULL };
  int result = 0;

  for (const char *const *type = types; *type; type++) {
    if (! vl_bool (c, *type))
      continue;
    warn_of_tcp (c, *type);
    if (vl_cap (c, "graphics.type", *type) == 0)
      result = vl_refuse (
          c, VL_ERR_UNSUPPORTED, *type,
          vl_printf (
              c, "set %s_enabled = no in plugins.d/graphics.conf, or install QEMU's module for it",
              *type),
          "this host's QEMU has no '%s' display", *type);
  }
  return result;
}

static struct vl_node *
add_display (struct vl_call *c, const char *type)
{
  struct vl_node *node = vl_append (c, "devices/graphics", type), *listen;
  const char *address = address_of (c, type), *row = vl_printf (c, "%s-listen", type);

  vl_set (node, "type", type);
  if (address) {
    vl_set (node, "autoport", "yes");
    vl_set_why (node, "listen", address, vl_str (c, row) ? row : "spice-secure");
    return node;
  }
  listen = vl_append_in (vl_because (node, VL_GUEST_RUN_DIR), "listen");
  vl_set (listen, "type", "socket");
  vl_set (listen, "socket", vl_printf (c, "%s/%s", vl_str (c, VL_GUEST_RUN_DIR), type));
  return node;
}

static void
tune_spice (struct vl_call *c, struct vl_node *spice)
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
    const char *prop = parts[i].prop, *value = vl_str (c, prop);

    if (value == NULL)
      continue;
    if (vl_is (c, prop, "true") || vl_is (c, prop, "false"))
      value = vl_bool (c, prop) ? "on" : "off";
    vl_set (vl_ensure_in (vl_because (spice, prop), parts[i].element), parts[i].attr, value);
  }
  for (const char *const *name = channels; *name && vl_bool (c, "spice-secure"); name++)
    vl_set (vl_keyed_in (vl_because (spice, "spice-secure"), "channel", "name", *name, NULL),
            "mode", "secure");
}

static int
contribute (struct vl_call *c)
{
  if (vl_bool (c, "vnc"))
    add_display (c, "vnc");
  if (! vl_bool (c, "spice"))
    return 0;
  tune_spice (c, add_display (c, "spice"));
  if (vl_bool (c, "spice-agent")) {
    struct vl_node *channel = vl_append (c, "devices/channel", "spice-agent"), *target;

    vl_set (channel, "type", "spicevmc");
    target = vl_ensure_in (channel, "target");
    vl_set (target, "type", "virtio");
    vl_set (target, "name", "com.redhat.spice.0");
  }
  return 0;
}

VL_FEATURE (graphics, "graphics", .version = VL_VERSION, .summary = "VNC and SPICE displays",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .ready = ready, .resolve = resolve, .active = active, .validate = validate,
            .contribute = contribute);
