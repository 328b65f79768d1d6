/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A pointer among the code, which the linker would have to write. */

#include "mock.h"

static int
text_reloc_active (struct vl_call *c)
{
  return c != NULL;
}

__asm__(".text\n\t.balign 8\n\t.dc.a text_reloc_LTX_virtloom_module\n\t.previous");

VL_FEATURE (text_reloc, "text-reloc", .summary = "text relocation", .active = text_reloc_active);
