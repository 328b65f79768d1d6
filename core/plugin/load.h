/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a module's body to a plugin record: tables copied into rows of today's
 * size and checked, settings typed. */

#ifndef VL_CORE_PLUGIN_LOAD_H
#define VL_CORE_PLUGIN_LOAD_H

#include "plugin/conf.h"
#include "plugin/loader.h"
#include "plugin/registry.h"

/* Refuses PLUGIN: a finding (ERR is VL_ERR_REFUSED or VL_ERR_CONFLICT) with
 * ORIGIN (NULL: the plugin's conf), the state, and the reason where it is the
 * first.  Answers -1. */
int vl_plugin_refuse (struct vl_call *call, struct vl_plugin *plugin, enum vl_err err,
                      const char *origin, const char *hint, const char *fmt, ...) VL_PRINTF (6, 7);

/* Fills PLUGIN from MODULE's body, a struct vl_feature or vl_driver of any version
 * of this ABI.  0, or -1 after the plugin was refused. */
int vl_plugin_adopt (struct vl_call *call, struct vl_plugin *plugin,
                     const struct vl_module *module);

/* Types the [settings] of PLUGIN's conf by its table.  0 or -1 as above. */
int vl_plugin_configure (struct vl_call *call, struct vl_plugin *plugin,
                         const struct vl_config *config);

/* What is wrong with ROW of a table of tools ("asks for ..."), or NULL.  The loader
 * refuses the module: a program that reads a tenant's bytes has no network,
 * capability, user or device beside them. */
const char *vl_tool_row_problem (struct vl_arena *arena, const struct vl_tool_row *row);

/* Refuses each loaded feature that names a property, a feature or a trait that is not
 * there, and does not say that it may be absent. */
void vl_registry_relate (struct vl_call *call, struct vl_registry *registry);

/* Makes a record of a plugin. */
struct vl_plugin *vl_registry_add (struct vl_registry *registry, const char *name,
                                   enum vl_kind kind);

#endif
