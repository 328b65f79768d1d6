/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is before and after a guest's way to another host, at either of them; and how it is ended from
 * another process. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "virt.h"

/* How long libvirt may take to give a migration up. */
#define END_MS 60000
#define LOOK_MS 50u

/* Does a migration of DOMAIN to another host go on? */
static int
is_leaving (virDomainPtr domain)
{
  virTypedParameterPtr params = NULL;
  int type = VIR_DOMAIN_JOB_NONE, n = 0, what = 0, leaves;

  leaves = virDomainGetJobStats (domain, &type, &params, &n, 0) == 0 && type != VIR_DOMAIN_JOB_NONE
           && virTypedParamsGetInt (params, n, VIR_DOMAIN_JOB_OPERATION, &what) == 1
           && what == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT;
  virTypedParamsFree (params, n);
  virResetLastError ();
  return leaves;
}

static virDomainPtr
find_leaving (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  virDomainPtr domain = virt_find (call, conn, uuid);

  if (domain == NULL || is_leaving (domain))
    return domain;
  virDomainFree (domain);
  vl_refuse_as (call, VL_ERR_REQUEST, "NoActiveMigrationForInstance", NULL,
                "it may have ended by itself: virtloom server list",
                "guest '%s' is not being moved", uuid);
  return NULL;
}

static int
give_up (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = find_leaving (call, conn, job->uuid);

  (void)answer;
  if (domain == NULL)
    return -1;
  return virDomainAbortJob (domain) == 0
             ? 0
             : virt_error (call, "cannot give up the move of guest '%s'", job->uuid);
}

static int
force (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = find_leaving (call, conn, job->uuid);

  (void)answer;
  return domain ? virt_force_migration (call, domain,
                                        vl_bool (call, "live-migration-permit-post-copy"))
                : -1;
}

static int
quickly (struct vl_call *call, struct vl_conn *conn, const char *uuid, virt_fn fn)
{
  struct virt_job job = { .uuid = uuid, .work_ms = 2 * VIRT_QUICK_MS, .blind = 1 };

  return virt_do (call, conn, fn, &job);
}

int
virt_live_migration_abort (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return quickly (call, conn, uuid, give_up);
}

int
virt_live_migration_force_complete (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return quickly (call, conn, uuid, force);
}

/* ---- the source ---- */

static int
tidy (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &domain) < 0)
    return -1;
  if (domain)
    return vl_refuse_as (call, VL_ERR_REQUEST, "InstanceInvalidState", NULL,
                         "rollback_live_migration_at_source is for one that has not gone",
                         "guest '%s' is still here: nothing of it is tidied up", job->uuid);
  virt_forget_groups (call, virt_name_of (call, job->uuid));
  return 0;
}

int
virt_post_live_migration (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return quickly (call, conn, uuid, tidy);
}

int
virt_post_live_migration_at_source (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  if (quickly (call, conn, uuid, tidy) < 0)
    return -1;
  virt_forget_guest (call, conn, uuid);
  return 0;
}

/* What still copies it is given up.  -1 after a finding. */
static int
stop_leaving (struct vl_call *call, virDomainPtr domain, const char *uuid)
{
  int64_t deadline = vl_clock_ms () + END_MS;

  while (is_leaving (domain)) {
    if (vl_clock_ms () > deadline)
      return vl_refuse_as (call, VL_ERR_UNREACHABLE, "GuestNotResponding", NULL, "try again",
                           "the move of guest '%s' has not ended %d s after it was given up", uuid,
                           END_MS / 1000);
    (void)virDomainAbortJob (domain);
    virResetLastError ();
    virt_sleep (LOOK_MS);
  }
  return 0;
}

/* One that has begun to run at the other host, or is off here and still defined, is not here. */
static int
take_back (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  int state = VIR_DOMAIN_NOSTATE, reason = 0;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &domain) < 0)
    return -1;
  if (domain == NULL)
    return 1;
  if (stop_leaving (call, domain, job->uuid) < 0)
    return -1;
  if (! virt_alive (domain))
    return 1;
  if (virDomainGetState (domain, &state, &reason, 0) < 0)
    return virt_error (call, "cannot see guest '%s'", job->uuid);
  return state == VIR_DOMAIN_PAUSED
         && (reason == VIR_DOMAIN_PAUSED_POSTCOPY || reason == VIR_DOMAIN_PAUSED_POSTCOPY_FAILED);
}

int
virt_rollback_live_migration_at_source (struct vl_call *call, struct vl_conn *conn,
                                        const char *uuid)
{
  return quickly (call, conn, uuid, take_back);
}

/* ---- the destination ---- */

/* It has come in part: it has not run here, and is not defined. */
static int
is_coming (virDomainPtr domain)
{
  int state = VIR_DOMAIN_NOSTATE, reason = 0, comes;

  comes = virDomainGetState (domain, &state, &reason, 0) == 0 && state == VIR_DOMAIN_PAUSED
          && (reason == VIR_DOMAIN_PAUSED_STARTING_UP || reason == VIR_DOMAIN_PAUSED_MIGRATION)
          && virDomainIsPersistent (domain) == 0;
  virResetLastError ();
  return comes;
}

static int
expect (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &domain) < 0)
    return -1;
  return domain ? vl_refuse_as (call, VL_ERR_FAILED, "InstanceExists", NULL,
                                "virtloom state check tells of guests on no record",
                                "guest '%s' is there already", job->uuid)
                : 0;
}

int
virt_pre_live_migration (struct vl_call *call, struct vl_conn *conn,
                         const struct vl_migrate_data *data)
{
  return virt_live_judge (call, conn) < 0 ? -1 : quickly (call, conn, data->uuid, expect);
}

static int
has_come (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, job->uuid);

  (void)answer;
  if (domain == NULL)
    return -1;
  return is_coming (domain) || ! virt_alive (domain) ? virt_not_found (call, job->uuid) : 0;
}

int
virt_post_live_migration_at_destination (struct vl_call *call, struct vl_conn *conn,
                                         const struct vl_migrate_data *data)
{
  return quickly (call, conn, data->uuid, has_come) < 0 ? -1
                                                        : virt_note_guest (call, conn, data->uuid);
}

static int
send_back (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &domain) < 0)
    return -1;
  if (domain == NULL)
    return 0;
  if (! is_coming (domain))
    return vl_refuse_as (call, VL_ERR_REQUEST, "InstanceInvalidState", NULL,
                         "post_live_migration_at_destination is for one that has come",
                         "guest '%s' has come whole, and is not taken back", job->uuid);
  return virt_kill (call, conn, domain);
}

int
virt_rollback_live_migration_at_destination (struct vl_call *call, struct vl_conn *conn,
                                             const struct vl_migrate_data *data)
{
  return quickly (call, conn, data->uuid, send_back);
}
