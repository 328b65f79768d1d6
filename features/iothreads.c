/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * iothreads: one I/O thread for each guest, beside QEMU's main loop, as Nova
 * gives it; it is what iothreadpin of pinned guests refers to. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_write writes[] = { { "iothreads", NULL } };

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)guest;
  (void)host;
  vl_text (call, vl_ensure (call, NULL, "iothreads", 0, NULL), "1", NULL);
  return 0;
}

VL_FEATURE (iothreads, "iothreads", .version = VL_VERSION, .summary = "one I/O thread per guest",
            .writes = VL_TABLE (writes), .contribute = contribute);
