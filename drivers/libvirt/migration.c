/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Another document for a guest that is off, whose disks were exchanged meanwhile. */

#include <config.h>

#include "virt.h"

static int
define (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_define (call, conn, job->spawn);

  (void)answer;
  return domain ? 0 : -1;
}

/* Firmware variables and TPM are the domain's, which stays. */
static int
virt_finish_migration (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  struct virt_job job = { .uuid = spawn->uuid, .spawn = spawn };

  return spawn->power_on ? virt_power_calls.power_on (call, conn, spawn)
                         : virt_do (call, conn, define, &job);
}

const struct vl_migration_calls virt_migration_calls = {
  .size = sizeof (struct vl_migration_calls),
  .finish_migration = virt_finish_migration,
  .finish_revert_migration = virt_finish_migration,
};
