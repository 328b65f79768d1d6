/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a conf's module name to a loaded module: our own loader behind libltdl.
 * Nothing is ever unloaded; each module's descriptor stays open for the life of
 * the process, because dlopen tells modules apart by "/proc/self/fd/N". */

#ifndef VL_CORE_PLUGIN_LOADER_H
#define VL_CORE_PLUGIN_LOADER_H

#include "plugin/note.h"
#include "plugin/registry.h"

#include <sys/types.h>

struct vl_module {
  dev_t dev; /* of the file */
  ino_t ino;
  struct vl_note_desc note;
  size_t span;       /* bytes of memory that it takes */
  const char *start; /* where it was mapped */
  const void *body;  /* struct vl_feature or struct vl_driver of its size */
};

/* Where module file FILE (NAME.so) of plugin NAME is: *PATH.  0, or -1 with *WHY: a
 * whole sentence that names the file.  Texts are memory of ARENA, here and below. */
int vl_module_find (struct vl_arena *arena, const struct vl_places *places, const char *name,
                    const char *file, const char **path, const char **why);
/* Judges the file at PATH without running any of it: its descriptor, or -1 with *WHY, a
 * phrase whose subject is the module. */
int vl_module_check (struct vl_arena *arena, const char *path, struct vl_module *module,
                     const char **why);
/* Loads the module at PATH as plugin NAME of KIND.  0, or -1 with *WHY as above. */
int vl_module_open (struct vl_arena *arena, const char *path, const char *name, enum vl_kind kind,
                    struct vl_module *module, const char **why);

#endif
