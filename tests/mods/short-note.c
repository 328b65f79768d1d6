/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A note that ends before its fields do. */

#include "mock.h"

__attribute__ ((section (".note.virtloom"), used, aligned (4))) static const struct {
  uint32_t namesz, descsz, type;
  char owner[12];
  uint32_t magic;
} note = { sizeof (VL_NOTE_OWNER), 4, VL_NOTE_TYPE, VL_NOTE_OWNER, VL_NOTE_MAGIC };
MOCK_BODY (short_note, .summary = "with a short note");
