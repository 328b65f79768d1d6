/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * serial-console: one serial port whose output goes to console.log, or, where
 * the operator turns serial consoles on, as many TCP ports or UNIX sockets as the flavor and
 * the image ask for.  s390x has consoles instead, containers a bare one. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <string.h>

/* QEMU has four ISA ports; Nova leaves one free. */
#define MOST_PORTS 3
#define LAST_TCP_PORT 65535

/* The ports of the host that servers hold. */
#define POOL "TCP_PORT"

static const struct vl_prop props[] = {
  { .name = "count",
    .type = VL_INT,
    .rule = VL_IMAGE_NARROWS,
    .deflt = "1",
    .min = 0,
    .max = INT32_MAX,
    .flavor_key = "hw:serial_port_count",
    .image_key = "hw_serial_port_count",
    .invalid_code = "ImageSerialPortNumberInvalid",
    .conflict_code = "ImageSerialPortNumberExceedFlavorValue",
    .help = "number of serial ports, where serial consoles are on; 0 counts as 1",
    .since = "0.1.0" },
  { .name = "tcp",
    .type = VL_BOOL,
    .deflt = "false",
    .setting = "serial_console_enabled",
    .nova = "serial_console.enabled",
    .help = "serial ports are TCP ports of the host",
    .since = "0.1.0" },
  { .name = "ports",
    .type = VL_STRING,
    .deflt = "10000:20000",
    .setting = "port_range",
    .nova = "serial_console.port_range",
    .only = "tcp=true socket=false",
    .help = "the TCP ports that may be taken, FIRST:LAST",
    .since = "0.1.0" },
  { .name = "address",
    .type = VL_STRING,
    .deflt = "127.0.0.1",
    .setting = "proxyclient_address",
    .nova = "serial_console.proxyclient_address",
    .only = "tcp=true socket=false",
    .help = "the address that serial consoles listen on",
    .since = "0.1.0" },
  { .name = "socket",
    .type = VL_BOOL,
    .deflt = "false",
    .setting = "serial_console_socket",
    .help = "serial ports are UNIX sockets in the server's folder, and no TCP ports",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/console" },
                                          { .path = "devices/serial" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_ARCH },
                                        { .name = VL_GUEST_RUN_DIR },
                                        { .name = VL_GUEST_VIRT_TYPE } };

/* The port that TEXT begins with, in *PORT: what stands behind it, or NULL where
 * there is none. */
static const char *
read_port (const char *text, int64_t *port)
{
  for (*port = 0; *text >= '0' && *text <= '9' && *port <= LAST_TCP_PORT; text++)
    *port = *port * 10 + (*text - '0');
  return *port >= 1 && *port <= LAST_TCP_PORT ? text : NULL;
}

/* Reads FIRST:LAST; 0, or -1 where the row is no range of ports. */
static int
read_range (struct vl_call *c, int64_t *first, int64_t *last)
{
  const char *text = read_port (vl_str (c, "ports"), first);

  text = text && *text == ':' ? read_port (text + 1, last) : NULL;
  return text && *text == '\0' && *first <= *last ? 0 : -1;
}

static int
resolve (struct vl_call *c)
{
  if (vl_int (c, "count") == 0)
    return vl_put (c, "count", "1", "count", "0 counts as not given");
  return 0;
}

static int
validate (struct vl_call *c)
{
  int64_t count = vl_int (c, "count"), first, last;

  if (vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return 0;
  if (! vl_bool (c, "tcp") && ! vl_bool (c, "socket")) {
    if (count > 1)
      vl_advise (c, "count",
                 "set serial_console_enabled = yes in plugins.d/serial-console.conf for more",
                 "one serial port is made: serial consoles are off on this host");
    return 0;
  }
  if (count > MOST_PORTS && ! vl_is (c, VL_GUEST_ARCH, "s390x"))
    return vl_refuse_as (c, VL_ERR_REQUEST, "SerialPortNumberLimitExceeded", "count", NULL,
                         "%" PRId64
                         " serial ports are more than a '%s' guest can have; accepted: 1 to %d",
                         count, vl_str (c, VL_GUEST_VIRT_TYPE), MOST_PORTS);
  if (vl_bool (c, "socket"))
    return 0;
  if (read_range (c, &first, &last) < 0)
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "ports",
                      "set port_range = 10000:20000 in plugins.d/serial-console.conf",
                      "'%s' is no range of TCP ports; accepted: FIRST:LAST, from 1 to %d",
                      vl_str (c, "ports"), LAST_TCP_PORT);
  if (last - first + 1 < count)
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "SocketPortRangeExhaustedException", "ports", NULL,
                         "the range '%s' has %" PRId64 " ports, this server needs %" PRId64,
                         vl_str (c, "ports"), last - first + 1, count);
  return 0;
}

/* The name under which the guest holds its I-th port. */
static const char *
holder (struct vl_call *c, int64_t i)
{
  return vl_printf (c, "port.%" PRId64, i);
}

/* The ports of a guest ascend, and each leaves room for those after it. */
static int
claim (struct vl_call *c)
{
  int64_t count = vl_int (c, "count"), port, last;

  if (! vl_bool (c, "tcp") || vl_bool (c, "socket") || vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return 0;
  if (read_range (c, &port, &last) < 0)
    return -1;
  for (int64_t i = 0; i < count; i++, port++) {
    port = vl_claim_number (c, POOL, holder (c, i), port, last - (count - 1 - i), "ports");
    if (port < 0)
      return -1;
  }
  return 0;
}

static void
add_log (struct vl_call *c, struct vl_node *port)
{
  struct vl_node *log = vl_ensure_in (vl_because (port, VL_GUEST_RUN_DIR), "log");

  vl_set (log, "file", vl_printf (c, "%s/console.log", vl_str (c, VL_GUEST_RUN_DIR)));
  vl_set (log, "append", "off");
}

static void
set_target (struct vl_node *port, const char *type)
{
  vl_set (vl_ensure_in (vl_because (port, VL_GUEST_ARCH), "target"), "type", type);
}

/* Whoever may pass through the server's folder reaches it: root, and the user that QEMU runs as. */
static void
set_socket (struct vl_call *c, struct vl_node *port, int64_t i)
{
  struct vl_node *source;

  vl_set_why (port, "type", "unix", "socket");
  source = vl_ensure_in (vl_because (port, VL_GUEST_RUN_DIR), "source");
  vl_set (source, "mode", "bind");
  vl_set (source, "path", vl_printf (c, "%s/serial%" PRId64, vl_str (c, VL_GUEST_RUN_DIR), i));
}

static void
set_tcp (struct vl_call *c, struct vl_node *port, int64_t i)
{
  struct vl_node *source;

  vl_set_why (port, "type", "tcp", "tcp");
  source = vl_ensure_in (vl_because (port, "tcp"), "source");
  vl_set (source, "mode", "bind");
  vl_set_from (source, "host", "address");
  vl_set_why (source, "service", vl_claimed (c, POOL, holder (c, i)), "ports");
}

static void
add_ports (struct vl_call *c, const char *path, int mainframe)
{
  for (int64_t i = 0; i < vl_int (c, "count"); i++) {
    struct vl_node *port = vl_append (c, path, "count");

    if (vl_bool (c, "socket"))
      set_socket (c, port, i);
    else
      set_tcp (c, port, i);
    if (i == 0)
      add_log (c, port);
    if (mainframe)
      set_target (port, i == 0 ? "sclp" : "virtio");
  }
}

static int
contribute (struct vl_call *c)
{
  int mainframe = vl_is (c, VL_GUEST_ARCH, "s390x");
  const char *path = mainframe ? "devices/console" : "devices/serial";
  struct vl_node *port;

  if (vl_is (c, VL_GUEST_VIRT_TYPE, "lxc"))
    return vl_set (vl_append (c, "devices/console", VL_GUEST_VIRT_TYPE), "type", "pty");
  if (vl_bool (c, "tcp") || vl_bool (c, "socket")) {
    add_ports (c, path, mainframe);
    return 0;
  }
  port = vl_append (c, path, "tcp");
  vl_set (port, "type", "pty");
  add_log (c, port);
  if (mainframe)
    set_target (port, "sclp");
  return 0;
}

VL_FEATURE (serial_console, "serial-console", .version = VL_VERSION,
            .summary = "serial port with its log, or TCP serial consoles",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .resolve = resolve, .validate = validate, .claim = claim, .contribute = contribute);
