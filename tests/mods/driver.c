/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A driver with nothing wrong and nothing to do. */

#include "mock.h"

static const struct vl_setting settings[] = {
  { .name = "virt_type", .type = VL_STRING, .deflt = "kvm", .nova = "mock.virt_type" },
};

static const char *
driver_virt_type (struct vl_call *call, const struct vl_host *host)
{
  (void)call;
  (void)host;
  return "kvm";
}

static int
driver_open (struct vl_call *call, const struct vl_open *how, struct vl_conn **conn)
{
  (void)call;
  (void)how;
  *conn = NULL;
  return 0;
}

static void
driver_close (struct vl_conn *conn)
{
  (void)conn;
}

VL_DRIVER (driver, "driver", .version = "1.0", .summary = "a mock driver",
           .settings = VL_TABLE (settings), .virt_type = driver_virt_type, .open = driver_open,
           .close = driver_close);
