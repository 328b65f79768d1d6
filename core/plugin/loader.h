/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a conf's module name to a loaded module: our own loader behind libltdl.
 * Nothing is ever unloaded; each module's descriptor stays open for the life of
 * the process, because dlopen tells modules apart by "/proc/self/fd/N". */

#ifndef VL_CORE_PLUGIN_LOADER_H
#define VL_CORE_PLUGIN_LOADER_H

#include "plugin/note.h"
#include "plugin/registry.h"

struct vl_module {
  const char *path; /* the file, for messages; memory of the arena */
  struct vl_note_desc note;
  const void *body; /* struct vl_feature or struct vl_driver of its size */
};

/* Loads module file FILE (NAME.so) of plugin NAME.  0, or -1 with *WHY: a
 * whole sentence that names the file.  MODULE->path is set as soon as a file was
 * found.  Texts are memory of ARENA. */
int vl_module_open (struct vl_arena *arena, const struct vl_places *places, const char *name,
                    enum vl_kind kind, const char *file, struct vl_module *module,
                    const char **why);

#endif
