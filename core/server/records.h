/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Records between hosts: who has a server by the folder of records that hosts share (records_dir).
 * Internal to core/server. */

#ifndef VL_SERVER_RECORDS_H
#define VL_SERVER_RECORDS_H

#include "server/exported.h"

/* What is wrong with NAME as that of a host, or NULL.  It may stand on a command line: it does not
 * begin with "-". */
const char *vl_host_name_problem (const char *name);
/* What this host is called; NULL after a finding. */
const char *vl_app_host_name (struct vl_app *app);
/* The folder of records, or NULL. */
const char *vl_records_folder (struct vl_app *app);
/* Brings the folder of records up to date: each server's record that has changed, and the files of servers
 * that are gone.  What goes wrong are warnings, and is tried again by the next command. */
void vl_records_keep (struct vl_app *app);
/* Before a guest is started: is RECORD's server this host's by the folder of records?  0, or -1 after a
 * finding, also where that cannot be asked. */
int vl_records_judge_owner (struct vl_app *app, const struct vl_record *record);
/* Is EXPORTED the newest record of its server that this host knows of?  0, or -1 after RecordTooOld. */
int vl_records_judge_newest (struct vl_app *app, const struct vl_exported *exported);

#endif
