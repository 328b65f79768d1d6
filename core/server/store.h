/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Records in STATE: flavors, images, servers, claims, undo log, in one SQLite
 * file.  No transaction is held across a driver call. */

#ifndef VL_CORE_STORE_H
#define VL_CORE_STORE_H

#include "context/app.h"

/* How much of RESOURCE live servers (records, not a counter) have claimed; -1
 * where there is no STATE yet. */
int64_t vl_store_claimed (struct vl_app *app, const char *resource);

#endif
