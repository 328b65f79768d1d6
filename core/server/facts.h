/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Facts of this machine: asked for, or kept from when they were asked for.
 * Internal to core/server. */

#ifndef VL_CORE_FACTS_H
#define VL_CORE_FACTS_H

#include "server/session.h"

/* The facts of this machine as DRIVER sees it.  What the hypervisor says is kept
 * in STATE, and taken from there without a connection while nothing that it
 * rests on has changed; ANEW 1: it is asked all the same.  The rest is looked
 * at each time.  The caller frees; NULL after a finding. */
struct vl_host *vl_facts_probe (struct vl_app *app, struct vl_plugin *driver, int anew);

#endif
