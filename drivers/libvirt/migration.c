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
int
virt_become (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  struct virt_job job = { .uuid = spawn->uuid, .spawn = spawn };

  return spawn->power_on ? virt_power_calls.power_on (call, conn, spawn)
                         : virt_do (call, conn, define, &job);
}

/* libvirt makes the firmware's variables anew when the guest is started; where it is not, they go
 * with the old definition, which takes no TPM along. */
static int
make_anew (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  VIRT_AUTODOMAIN virDomainPtr old = NULL;

  (void)answer;
  if (! job->spawn->power_on) {
    if (virt_look (call, conn, job->uuid, &old) < 0)
      return -1;
    if (old && virt_undefine (call, old, VIRT_KEEP_TPM) < 0)
      return -1;
  }
  domain = virt_define (call, conn, job->spawn);
  if (domain == NULL)
    return -1;
  return job->spawn->power_on
             ? virt_start (call, conn, job->spawn, domain,
                           VIR_DOMAIN_START_FORCE_BOOT | VIR_DOMAIN_START_RESET_NVRAM)
             : 0;
}

int
virt_rebuild (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  struct virt_job job = { .uuid = spawn->uuid, .spawn = spawn };

  return virt_do (call, conn, make_anew, &job);
}

const struct vl_migration_calls virt_migration_calls = {
  .size = sizeof (struct vl_migration_calls),
  .finish_migration = virt_become,
  .finish_revert_migration = virt_become,
};
