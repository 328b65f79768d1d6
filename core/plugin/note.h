/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The gate: what is judged of a module's file, read from a descriptor, before anything
 * of the module is mapped or run. */

#ifndef VL_CORE_PLUGIN_NOTE_H
#define VL_CORE_PLUGIN_NOTE_H

#include <virtloom/types.h>

#include "plugin/elf.h"

/* Checks the module behind FD, SIZE bytes, and reads its note into *DESC, whose texts
 * are terminated, and into *SPAN how many bytes of memory it takes.  0, or -1 with *WHY
 * (memory of ARENA): a phrase whose subject is the module. */
int vl_note_read (struct vl_arena *arena, int fd, size_t size, struct vl_note_desc *desc,
                  size_t *span, const char **why);

/* Why a module with DESC must not be loaded as plugin NAME of KIND: every field
 * that differs, what the module has and what virtloom has.  NULL: it may. */
const char *vl_note_compare (struct vl_arena *arena, const struct vl_note_desc *desc,
                             const char *name, enum vl_kind kind);

const char *vl_kind_name (uint32_t kind);

#endif
