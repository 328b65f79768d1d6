/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A driver with nothing wrong and nothing to do. */

#include "mock.h"

static const struct vl_prop props[] = {
  { .name = "virt-type",
    .type = VL_STRING,
    .deflt = "kvm",
    .setting = "virt_type",
    .nova = "mock.virt_type",
    .help = "a domain type",
    .since = "0.1" },
};

static const char *
engine_virt_type (struct vl_call *c)
{
  (void)c;
  return "kvm";
}

static int
engine_open (struct vl_call *c, const struct vl_open *how, struct vl_conn **conn)
{
  (void)c;
  (void)how;
  *conn = NULL;
  return 0;
}

static void
engine_close (struct vl_conn *conn)
{
  (void)conn;
}

VL_DRIVER (engine, "engine", .version = "1.0", .summary = "a mock driver",
           .props = VL_TABLE (props), .virt_type = engine_virt_type, .open = engine_open,
           .close = engine_close);
