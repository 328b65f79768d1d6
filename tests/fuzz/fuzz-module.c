/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a module: let in or refused with a reason, and never read out of
 * bounds. */

#include <config.h>

#include "plugin/note.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct vl_arena *arena = vl_arena_new ();
  VL_AUTOCLOSE int fd = memfd_create ("module", MFD_CLOEXEC);
  struct vl_note_desc desc;
  const char *why = NULL;
  size_t span;
  int result;

  if (fd < 0 || write (fd, data, size) != (ssize_t)size)
    abort ();
  result = vl_note_read (arena, fd, size, &desc, &span, &why);
  if (result < 0 ? why == NULL : memchr (desc.name, '\0', sizeof desc.name) == NULL)
    abort ();
  vl_arena_free (arena);
  return 0;
}
