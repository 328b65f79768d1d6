/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What somebody set or asked for and what changes nothing.  A row's `only` is read here
 * alone: of settings by this file, of what a request asks by core/request. */

#ifndef VL_CORE_PLUGIN_IDLE_H
#define VL_CORE_PLUGIN_IDLE_H

#include "plugin/conf.h"

/* The code of the findings. */
#define VL_NO_EFFECT "NoEffect"

/* One word of a row's `only`: "NAME", "NAME=VALUE|VALUE" or "NAME!=VALUE". */
struct vl_only {
  const char *name, *values; /* VALUES NULL: NAME is set */
  int negated;
  const struct vl_prop *row; /* what NAME is, or NULL */
  const char *text;          /* what it is set to, or NULL */
};

/* What NAME is set to (NULL: nothing), and its *ROW. */
typedef const char *vl_only_value (void *opaque, const char *name, const struct vl_prop **row);

/* Reads WORD.  0, or -1 where it is none. */
int vl_only_read (struct vl_call *call, const char *word, struct vl_only *only);
/* Takes the next ALTERNATIVE, or the next word of one, off *TEXT; NULL: there is no more. */
const char *vl_only_next (struct vl_call *call, const char **text, int alternative);
/* Does one of the alternatives of TEXT, a row's `only` or NULL, hold?  Where not, *FAILED is the
 * first word that does not. */
int vl_only_holds (struct vl_call *call, const char *text, vl_only_value *value, void *opaque,
                   struct vl_only *failed);
/* "vnc_enabled is no": what FAILED, called SHOWN, is. */
const char *vl_only_state (struct vl_call *call, const struct vl_only *failed, const char *shown);
/* "set vnc_enabled = yes": what mends it; BETWEEN stands between name and value. */
const char *vl_only_remedy (struct vl_call *call, const struct vl_only *failed, const char *shown,
                            const char *between);

/* Tells of the settings of PLUGIN, which is loaded, that change nothing beside its others. */
void vl_idle_rows (struct vl_call *call, const struct vl_registry *registry,
                   const struct vl_plugin *plugin);
/* Tells of what the files say in vain: of plugins that are off, of drivers that no server gets
 * where WANTED is the one for new servers, and in virtloom.conf. */
void vl_idle_files (struct vl_call *call, const struct vl_registry *registry,
                    const struct vl_config *config, const char *wanted);

#endif
