/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A driver whose groups of calls are wrong: one forgot its size, one lies elsewhere, one has a
 * call behind those that we know. */

#include "mock.h"

struct later_secrets {
  struct vl_secrets_calls calls;
  const char *later;
};

static const struct vl_power_calls power = { .size = 0 };
static const struct later_secrets secrets = { .calls = { .size = sizeof secrets }, .later = "x" };
static const struct vl_write understands[] = {
  { .path = "devices/panic", .since = "10.4.0" },
  { .path = "devices/rng", .since = "v10.4" },
};

static const char *
torn_virt_type (struct vl_call *c)
{
  (void)c;
  return "kvm";
}

static int
torn_open (struct vl_call *c, const struct vl_open *how, struct vl_conn **conn)
{
  (void)c;
  (void)how;
  *conn = NULL;
  return 0;
}

static void
torn_close (struct vl_conn *conn)
{
  (void)conn;
}

VL_DRIVER (torn_driver, "torn-driver", .summary = "torn", .virt_type = torn_virt_type,
           .open = torn_open, .close = torn_close, .power = &power,
           .inventory = (const struct vl_inventory_calls *)16, .secrets = &secrets.calls,
           .understands = VL_TABLE (understands));
