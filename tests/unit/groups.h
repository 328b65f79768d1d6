/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The storage and network plugins that are shipped, as a registry without files has
 * them. */

#ifndef VL_TESTS_GROUPS_H
#define VL_TESTS_GROUPS_H

#include "plugin/registry.h"

/* Adds all of them to REGISTRY, loaded. */
void groups_add (struct vl_call *call, struct vl_registry *registry);

#endif
