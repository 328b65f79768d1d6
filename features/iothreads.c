/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * iothreads: one I/O thread for each guest, beside QEMU's main loop, as Nova
 * gives it; it is what iothreadpin of pinned guests refers to. */

#include <config.h>

#include <virtloom/feature.h>

static const struct vl_write writes[] = { { .path = "iothreads" } };

static int
contribute (struct vl_call *c)
{
  return vl_text (vl_ensure (c, "iothreads", NULL), "1");
}

VL_FEATURE (iothreads, "iothreads", .version = VL_VERSION, .summary = "one I/O thread per guest",
            .writes = VL_TABLE (writes), .contribute = contribute);
