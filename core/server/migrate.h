/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server moves to another host.  Internal to core/server. */

#ifndef VL_SERVER_MIGRATE_H
#define VL_SERVER_MIGRATE_H

#include "server/import.h"
#include "server/wire.h"

/* What lies beside a volume while both hosts find out whether they have one folder; a uuid follows. */
#define VL_PROBE_FILE ".virtloom-move-"

/* migrate.c: a command died in which server UUID moved: the other host is asked whose it is. */
int vl_migrate_mend (struct vl_app *app, const char *uuid);

#endif
