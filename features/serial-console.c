/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * serial-console: one serial port whose output goes to console.log, or, where
 * the operator turns serial consoles on, as many TCP ports as the flavor and the
 * image ask for.  s390x has consoles instead, containers a bare one. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>
#include <stdlib.h>

/* QEMU has four ISA ports; Nova leaves one free. */
#define MOST_PORTS 3

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
    .setting = "serial_console_enabled",
    .help = "TCP serial consoles are on",
    .since = "0.1.0" },
  { .name = "ports",
    .type = VL_STRING,
    .setting = "port_range",
    .help = "range of TCP ports, FIRST:LAST",
    .since = "0.1.0" },
  { .name = "address",
    .type = VL_STRING,
    .setting = "proxyclient_address",
    .help = "address that the ports listen on",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "serial_console_enabled",
    .type = VL_BOOL,
    .deflt = "no",
    .nova = "serial_console.enabled",
    .help = "serial ports are TCP ports of the host",
    .since = "0.1.0" },
  { .name = "port_range",
    .type = VL_STRING,
    .deflt = "10000:20000",
    .nova = "serial_console.port_range",
    .help = "the TCP ports that may be taken, FIRST:LAST",
    .since = "0.1.0" },
  { .name = "proxyclient_address",
    .type = VL_STRING,
    .deflt = "127.0.0.1",
    .nova = "serial_console.proxyclient_address",
    .help = "the address that serial consoles listen on",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/console", NULL }, { "devices/serial", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_ARCH },
                                        { VL_GUEST_RUN_DIR },
                                        { VL_GUEST_VIRT_TYPE } };

/* Reads FIRST:LAST; 0, or -1 where TEXT is no range of ports. */
static int
read_range (const char *text, long *first, long *last)
{
  char *end;

  if (*text < '0' || *text > '9')
    return -1;
  *first = strtol (text, &end, 10);
  if (*end != ':' || end[1] < '0' || end[1] > '9')
    return -1;
  *last = strtol (end + 1, &end, 10);
  return *end || *first < 1 || *last > 65535 || *first > *last ? -1 : 0;
}

static int
resolve (struct vl_call *call, struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  if (vl_guest_int (guest, "count") == 0)
    return vl_guest_set (call, guest, "count", "1", "count", "0 counts as not given");
  return 0;
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int64_t count = vl_guest_int (guest, "count");
  const char *range = vl_guest_str (guest, "ports"),
             *type = vl_guest_str (guest, VL_GUEST_VIRT_TYPE);
  long first, last;

  (void)host;
  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc"))
    return 0;
  if (! vl_guest_bool (guest, "tcp")) {
    if (count > 1) {
      vl_advice (call, NULL, "count",
                 "one serial port is made: serial consoles are off on this host");
      vl_hint (call, "set serial_console_enabled = yes in plugins.d/serial-console.conf for more");
    }
    return 0;
  }
  if (count > MOST_PORTS && ! vl_guest_is (guest, VL_GUEST_ARCH, "s390x"))
    return vl_error (call, VL_ERR_REQUEST, "SerialPortNumberLimitExceeded", "count",
                     "%" PRId64
                     " serial ports are more than a '%s' guest can have; accepted: 1 to %d",
                     count, type, MOST_PORTS);
  if (read_range (range, &first, &last) < 0) {
    vl_error (call, VL_ERR_UNSUPPORTED, NULL, "ports",
              "'%s' is no range of TCP ports; accepted: FIRST:LAST, from 1 to 65535", range);
    vl_hint (call, "set port_range = 10000:20000 in plugins.d/serial-console.conf");
    return -1;
  }
  if (last - first + 1 < count)
    return vl_error (call, VL_ERR_UNSUPPORTED, "SocketPortRangeExhaustedException", "ports",
                     "the range '%s' has %ld ports, this server needs %" PRId64, range,
                     last - first + 1, count);
  return 0;
}

static void
add_log (struct vl_call *call, const struct vl_guest *guest, struct vl_node *port)
{
  struct vl_node *log = vl_ensure (call, port, "log", 0, VL_GUEST_RUN_DIR);

  vl_set (call, log, "file",
          vl_printf (call, "%s/console.log", vl_guest_str (guest, VL_GUEST_RUN_DIR)),
          VL_GUEST_RUN_DIR);
  vl_set (call, log, "append", "off", VL_GUEST_RUN_DIR);
}

static void
add_tcp (struct vl_call *call, const struct vl_guest *guest, const char *path, const char *target)
{
  int64_t count = vl_guest_int (guest, "count");
  long first = 0, last = 0;

  read_range (vl_guest_str (guest, "ports"), &first, &last);
  for (int64_t i = 0; i < count; i++) {
    struct vl_node *port = vl_append (call, NULL, path, "count"), *source;

    vl_set (call, port, "type", "tcp", "tcp");
    source = vl_ensure (call, port, "source", 0, "tcp");
    vl_set (call, source, "mode", "bind", "tcp");
    vl_set (call, source, "host", vl_guest_str (guest, "address"), "address");
    vl_set (call, source, "service", vl_printf (call, "%ld", first + (long)i), "ports");
    if (i == 0)
      add_log (call, guest, port);
    if (target)
      vl_set (call, vl_ensure (call, port, "target", 0, VL_GUEST_ARCH), "type",
              i == 0 ? target : "virtio", VL_GUEST_ARCH);
  }
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int mainframe = vl_guest_is (guest, VL_GUEST_ARCH, "s390x");
  const char *path = mainframe ? "devices/console" : "devices/serial";
  struct vl_node *port;

  (void)host;
  if (vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc")) {
    vl_set (call, vl_append (call, NULL, "devices/console", VL_GUEST_VIRT_TYPE), "type", "pty",
            NULL);
    return 0;
  }
  if (vl_guest_bool (guest, "tcp")) {
    add_tcp (call, guest, path, mainframe ? "sclp" : NULL);
    return 0;
  }
  port = vl_append (call, NULL, path, "tcp");
  vl_set (call, port, "type", "pty", "tcp");
  add_log (call, guest, port);
  if (mainframe)
    vl_set (call, vl_ensure (call, port, "target", 0, VL_GUEST_ARCH), "type", "sclp",
            VL_GUEST_ARCH);
  return 0;
}

VL_FEATURE (serial_console, "serial-console", .version = VL_VERSION,
            .summary = "serial port with its log, or TCP serial consoles",
            .props = VL_TABLE (props), .settings = VL_TABLE (settings), .writes = VL_TABLE (writes),
            .reads = VL_TABLE (reads), .resolve = resolve, .validate = validate,
            .contribute = contribute);
