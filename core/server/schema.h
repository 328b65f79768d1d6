/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The schema of state.db and its migrations. */

#ifndef VL_CORE_SCHEMA_H
#define VL_CORE_SCHEMA_H

#include "server/db.h"

/* Brings the file from its version to ours, in one transaction.  0, or -1 after
 * a finding; a file of a later virtloom is refused and left alone. */
int vl_schema_update (struct vl_store *store);
/* The version that this program writes. */
int vl_schema_version (void);

#endif
