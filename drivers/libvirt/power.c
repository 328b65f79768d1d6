/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Power and run state: reboot, pause, suspend, power off and on.  Each wait has
 * an end; asking a guest politely always ends with pulling the plug. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "virt.h"

/* How often a guest that was asked to shut down is looked at. */
#define POLL_MS 200
/* How long a guest agent may think about the time. */
#define AGENT_SECONDS 5

/* Records that the guest cannot be VERBed because it is not NEEDED; answers -1. */
static int
refuse_state (struct vl_call *call, const char *uuid, const char *verb, const char *needed)
{
  return vl_refuse_as (call, VL_ERR_FAILED, "InstanceNotRunning", NULL, NULL,
                       "guest '%s' cannot be %s: it is not %s", uuid, verb, needed);
}

/* Asks the guest to shut down and waits TIMEOUT seconds, asking again every
 * RETRY seconds (0: never).  1: it is off, or another process runs it now; 0: it
 * runs on.  A guest that does not hear is no error. */
static int
shut_down (struct vl_call *call, virDomainPtr domain, uint32_t timeout, uint32_t retry)
{
  unsigned id = virDomainGetID (domain);
  int64_t start = virt_now (), asked = start, deadline = start + (int64_t)timeout * 1000;

  if (virDomainShutdown (domain) < 0) {
    virResetLastError ();
    return ! virt_alive (domain);
  }
  vl_progress (call, "waiting up to %u s for guest '%s' to shut down", timeout,
               virDomainGetName (domain));
  for (;;) {
    if (! virt_alive (domain) || virDomainGetID (domain) != id)
      return 1;
    if (virt_now () >= deadline)
      return 0;
    if (retry > 0 && virt_now () - asked >= (int64_t)retry * 1000) {
      if (virDomainShutdown (domain) < 0)
        virResetLastError ();
      asked = virt_now ();
    }
    virt_sleep (POLL_MS);
  }
}

/* Off, then on again from the document, which is proven before the running
 * guest is touched.  A guest that is not there is made. */
static int
hard_reboot (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  VIRT_AUTODOMAIN virDomainPtr old = NULL;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  if (virt_look (call, conn, spawn->uuid, &old) < 0)
    return -1;
  domain = virt_define (call, conn, spawn);
  if (domain == NULL)
    return -1;
  if (old && virt_kill (call, conn, domain) < 0)
    return -1;
  if (virt_start (call, conn, spawn, domain, VIR_DOMAIN_START_FORCE_BOOT) == 0)
    return 0;
  /* The guest was there before, even where its definition was not: its TPM and firmware
   * variables may be. */
  if (old == NULL)
    virt_undefine (call, domain, 1);
  return -1;
}

static int
virt_reboot (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn,
             enum vl_reboot how)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  if (how == VL_REBOOT_SOFT) {
    unsigned id;
    int state;

    domain = virt_find (call, conn, spawn->uuid);
    if (domain == NULL || (state = virt_state (call, conn, domain)) < 0)
      return -1;
    id = virDomainGetID (domain);
    if (state == VL_STATE_RUNNING && shut_down (call, domain, conn->soft_reboot_wait, 0)
        && virt_alive (domain) && virDomainGetID (domain) != id)
      return 0;
  }
  return hard_reboot (call, conn, spawn);
}

static int
virt_pause (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, uuid);
  int state;

  if (domain == NULL || (state = virt_state (call, conn, domain)) < 0)
    return -1;
  if (state == VL_STATE_PAUSED)
    return 0;
  if (state != VL_STATE_RUNNING)
    return refuse_state (call, uuid, "paused", "running");
  if (virDomainSuspend (domain) < 0)
    return virt_error (call, "cannot pause guest '%s'", uuid);
  return 0;
}

/* The clock of a guest that stood still is late.  Only an agent inside can set
 * it, and few guests have one, so this never fails. */
static void
set_guest_time (struct vl_call *call, virDomainPtr domain)
{
  virDomainAgentSetResponseTimeout (domain, AGENT_SECONDS, 0);
  if (virDomainSetTime (domain, 0, 0, VIR_DOMAIN_TIME_SYNC) < 0)
    vl_debug (call, "the guest's clock was not set: %s", virGetLastErrorMessage ());
  virResetLastError ();
}

static int
virt_unpause (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, uuid);
  int state;

  if (domain == NULL || (state = virt_state (call, conn, domain)) < 0)
    return -1;
  if (state == VL_STATE_RUNNING)
    return 0;
  if (state != VL_STATE_PAUSED)
    return refuse_state (call, uuid, "unpaused", "paused");
  if (virDomainResume (domain) < 0)
    return virt_error (call, "cannot unpause guest '%s'", uuid);
  set_guest_time (call, domain);
  return 0;
}

static int
virt_suspend (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, uuid);
  int state;

  if (domain == NULL || (state = virt_state (call, conn, domain)) < 0)
    return -1;
  if (state == VL_STATE_SUSPENDED)
    return 0;
  if (state != VL_STATE_RUNNING && state != VL_STATE_PAUSED)
    return refuse_state (call, uuid, "suspended", "running");
  vl_progress (call, "saving the memory of guest '%s'", virDomainGetName (domain));
  if (virDomainManagedSave (domain, VIR_DOMAIN_SAVE_RUNNING) < 0)
    return virt_error (call, "cannot suspend guest '%s'", uuid);
  return 0;
}

/* A guest with saved memory goes on; one without boots. */
static int
virt_resume (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, spawn->uuid);
  int state;

  if (domain == NULL || (state = virt_state (call, conn, domain)) < 0)
    return -1;
  if (state == VL_STATE_RUNNING)
    return 0;
  if (state == VL_STATE_PAUSED)
    return virt_unpause (call, conn, spawn->uuid);
  if (virt_start (call, conn, spawn, domain, 0) < 0)
    return -1;
  set_guest_time (call, domain);
  return 0;
}

static int
virt_power_off (struct vl_call *call, struct vl_conn *conn, const char *uuid, uint32_t timeout,
                uint32_t retry)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, uuid);
  int state;

  if (domain == NULL)
    return -1;
  if (timeout > 0) {
    state = virt_state (call, conn, domain);
    if (state < 0)
      return -1;
    if (state == VL_STATE_RUNNING)
      shut_down (call, domain, timeout, retry);
  }
  return virt_kill (call, conn, domain);
}

static int
virt_power_on (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  return hard_reboot (call, conn, spawn);
}

static int
virt_resume_state_on_host_boot (struct vl_call *call, struct vl_conn *conn,
                                const struct vl_spawn *spawn)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  int state = VL_STATE_SHUTDOWN;

  if (virt_look (call, conn, spawn->uuid, &domain) < 0)
    return -1;
  if (domain && (state = virt_state (call, conn, domain)) < 0)
    return -1;
  if (state == VL_STATE_SHUTDOWN || state == VL_STATE_CRASHED)
    return hard_reboot (call, conn, spawn);
  return 0;
}

/* Nothing is left rebooting: a reboot ends within its call. */
static int
virt_poll_rebooting_instances (struct vl_call *call, struct vl_conn *conn, uint32_t timeout)
{
  (void)call;
  (void)conn;
  (void)timeout;
  return 0;
}

static int
virt_trigger_crash_dump (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, uuid);

  if (domain == NULL)
    return -1;
  if (virDomainInjectNMI (domain, 0) == 0)
    return 0;
  switch (virt_last_code ()) {
  case VIR_ERR_NO_SUPPORT:
    virResetLastError ();
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "TriggerCrashDumpNotSupported", NULL, NULL,
                         "the machine of guest '%s' has no such interrupt", uuid);
  case VIR_ERR_OPERATION_INVALID:
    virResetLastError ();
    return refuse_state (call, uuid, "interrupted", "running");
  default:
    return virt_error (call, "cannot interrupt guest '%s'", uuid);
  }
}

const struct vl_power_calls virt_power_calls = {
  .size = sizeof (struct vl_power_calls),
  .spawn = virt_spawn,
  .destroy = virt_destroy,
  .cleanup = virt_cleanup,
  .reboot = virt_reboot,
  .pause = virt_pause,
  .unpause = virt_unpause,
  .suspend = virt_suspend,
  .resume = virt_resume,
  .power_off = virt_power_off,
  .power_on = virt_power_on,
  .resume_state_on_host_boot = virt_resume_state_on_host_boot,
  .poll_rebooting_instances = virt_poll_rebooting_instances,
  .trigger_crash_dump = virt_trigger_crash_dump,
};
