/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Power and run state: reboot, pause, suspend, power off and on.  Each wait has
 * an end; asking a guest politely always ends with pulling the plug.  The embedded driver
 * is closed while anything is waited for: what needs libvirt are the functions that take a
 * job. */

#include <config.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libvirt/libvirt-qemu.h>

#include "virt.h"

/* How long a guest agent may think about the time. */
#define AGENT_SECONDS 1
/* A daemon is asked so often whether a guest is off, and looks so long. */
#define OFF_MS 500u
/* The guest's QEMU does not answer. */
#define DEAF 2
/* To ask a guest to shut down takes this time at least, however busy libvirt is. */
#define ASK_MS 10000u

/* Records that the guest cannot be VERBed because it is not NEEDED; answers -1. */
static int
refuse_state (struct vl_call *call, const char *uuid, const char *verb, const char *needed)
{
  return vl_refuse_as (call, VL_ERR_FAILED, "InstanceNotRunning", NULL,
                       vl_printf (call, "virtloom server show %s tells what it is", uuid),
                       "guest '%s' cannot be %s: it is not %s", uuid, verb, needed);
}

/* ---- shutting down ---- */

/* Asks a running guest to shut down: 0; 1 where it does not run, so that there is nothing to
 * wait for; DEAF where it does not hear, which is no error.  QEMU of the embedded driver is told to end
 * with its guest, as libvirt would see to if it stayed. */
static int
ask_to_shut_down (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
                  FILE *answer)
{
  static const char ends[] =
      "{\"execute\": \"set-action\", \"arguments\": {\"shutdown\": \"poweroff\"}}";
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, job->uuid);
  VIRT_AUTOTEXT char *said = NULL;
  int state = VIR_DOMAIN_NOSTATE, reason;

  (void)answer;
  if (domain == NULL)
    return -1;
  if (! virt_settle (conn, domain, VIRT_HEAR_MS))
    return DEAF;
  if (virDomainGetState (domain, &state, &reason, 0) < 0) {
    virResetLastError ();
    return 0;
  }
  if (state != VIR_DOMAIN_RUNNING && state != VIR_DOMAIN_BLOCKED)
    return 1;
  if (conn->embedded) {
    virDomainQemuMonitorCommand (domain, ends, &said, 0);
    virt_note_asked (call, conn, job->uuid);
  }
  virDomainShutdown (domain);
  virResetLastError ();
  return 0;
}

/* Looks for as many milliseconds as the job says. */
static int
is_off (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  int64_t deadline = vl_clock_ms () + *(const uint32_t *)job->more;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &domain) < 0)
    return -1;
  while (domain && virt_alive (domain)) {
    if (vl_clock_ms () >= deadline)
      return 0;
    virt_sleep (20);
  }
  return 1;
}

static int
look_off (struct vl_call *call, struct vl_conn *conn, const char *uuid, uint32_t ms)
{
  struct virt_job job = { .uuid = uuid, .more = &ms, .blind = 1, .work_ms = VIRT_QUICK_MS };

  return virt_do (call, conn, is_off, &job);
}

static int
ask (struct vl_call *call, struct vl_conn *conn, const char *uuid, int64_t left)
{
  struct virt_job job = { .uuid = uuid,
                          .blind = 1,
                          .open_ms = left > (int64_t)ASK_MS ? (uint32_t)left : ASK_MS,
                          .work_ms = VIRT_QUICK_MS };
  struct virt_job first = { .uuid = uuid, .blind = 1, .work_ms = VIRT_HEAR_MS };
  const char *answer;
  size_t length;
  int result = 0;

  snprintf (conn->asked, sizeof conn->asked, "%s", uuid);
  conn->asked_at = vl_clock_ms ();
  if (conn->seen.deaf && strcmp (conn->seen.uuid, uuid) == 0)
    result = VIRT_LATE;
  else if (virt_asks_first (conn))
    result = virt_apart (call, conn, virt_ping, &first, &answer, &length);
  if (result == VIRT_LATE)
    return DEAF;
  result = virt_busy (call, conn, &first, result);
  return result < 0 ? -1 : virt_do (call, conn, ask_to_shut_down, &job);
}

/* Asks the guest to shut down and waits TIMEOUT seconds, asking again every RETRY seconds
 * (0: never); with a TIMEOUT of 0 it only looks.  1 where the guest runs on, DEAF where besides
 * its QEMU did not answer, 0 where it does not run, or stood still when it was asked; -1 after a
 * finding. */
static int
shut_down (struct vl_call *call, struct vl_conn *conn, const char *uuid, uint32_t timeout,
           uint32_t retry)
{
  struct vl_wait wait = { .what = vl_printf (call, "guest '%s' to shut down, up to %u s",
                                             virt_name_of (call, uuid), timeout),
                          .ms = timeout * 1000 };
  int processes = virt_has_processes (conn),
      fd = processes ? virt_process_of (call, conn, uuid) : -1;
  int64_t asked = strcmp (conn->asked, uuid) == 0 ? conn->asked_at : 0;
  int64_t deadline = vl_clock_ms () + wait.ms;
  int result = 0, off = processes ? fd < 0 : timeout == 0 ? look_off (call, conn, uuid, 0) : 0;

  if (fd == VIRT_UNKNOWN)
    return -1;
  while ((result == 0 || result == DEAF) && ! off) {
    int64_t now = vl_clock_ms ();

    if (timeout > 0 && (asked == 0 || (retry > 0 && now - asked >= (int64_t)retry * 1000))) {
      result = ask (call, conn, uuid, deadline - now);
      asked = vl_clock_ms ();
    }
    if (! vl_wait_more (call, &wait, fd))
      break;
    off =
        processes ? virt_process_ended (fd) : look_off (call, conn, uuid, conn->apart ? OFF_MS : 0);
  }
  if (fd >= 0)
    close (fd);
  conn->asked[0] = '\0';
  if (result < 0 || off < 0)
    return -1;
  return off || result == 1 ? 0 : result == DEAF ? DEAF : 1;
}

static int
virt_shut_down (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return ask (call, conn, uuid, 0) < 0 ? -1 : 0;
}

/* ---- rebooting ---- */

static int
start_anew (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr old = NULL;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &old) < 0)
    return -1;
  domain = virt_define (call, conn, job->spawn);
  if (domain == NULL)
    return -1;
  if (old && virt_kill (call, conn, domain) < 0)
    return -1;
  if (virt_start (call, conn, job->spawn, domain, VIR_DOMAIN_START_FORCE_BOOT) == 0)
    return 0;
  /* The guest was there before, even where its definition was not: its TPM and firmware
   * variables may be. */
  if (old == NULL)
    virt_undefine (call, domain, 1);
  return -1;
}

static int
prove (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_define (call, conn, job->spawn);

  (void)answer;
  return domain ? virt_prove_room (call, conn) : -1;
}

/* Off, then on again from the document, which is proven before the running
 * guest is touched.  A guest that is not there is made. */
static int
hard_reboot (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn, int deaf)
{
  struct virt_job proof = { .uuid = spawn->uuid, .spawn = spawn, .blind = 1 };
  struct virt_job job = { .uuid = spawn->uuid, .spawn = spawn };
  int fd = virt_has_processes (conn) ? virt_process_of (call, conn, spawn->uuid) : -1;

  if (fd == VIRT_UNKNOWN)
    return -1;
  if (fd >= 0) {
    close (fd);
    if (virt_do (call, conn, prove, &proof) < 0
        || virt_process_kill (call, conn, spawn->uuid, deaf) < 0)
      return -1;
  }
  return virt_do (call, conn, start_anew, &job);
}

static int
virt_reboot (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn,
             enum vl_reboot how, uint32_t timeout)
{
  uint32_t given = timeout == VL_TIMEOUT_AS_SET ? conn->soft_reboot_wait : timeout;
  int runs = 0;

  if (how == VL_REBOOT_SOFT && virt_has_processes (conn)
      && ! virt_is_known (call, conn, spawn->uuid))
    return virt_not_found (call, spawn->uuid);
  if (how == VL_REBOOT_SOFT)
    runs = shut_down (call, conn, spawn->uuid, given, 0);
  return runs < 0 || hard_reboot (call, conn, spawn, runs == DEAF) < 0 ? -1 : runs ? (int)given : 0;
}

/* ---- pausing, suspending ---- */

static int
pause_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const char *uuid = job->uuid;
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find_awake (call, conn, uuid);
  int state;

  (void)answer;
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
unpause_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const char *uuid = job->uuid;
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find_awake (call, conn, uuid);
  int state;

  (void)answer;
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
suspend_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const char *uuid = job->uuid;
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find_awake (call, conn, uuid);
  int state;

  (void)answer;
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

/* Can what libvirt saved of the guest be read?  Memory whose head it cannot read it removes when it
 * starts the guest, which then boots anew; asked for the document in it, it leaves it.  0, or -1
 * after a finding. */
static int
prove_saved (struct vl_call *call, const struct vl_spawn *spawn, virDomainPtr domain)
{
  VIRT_AUTOTEXT char *xml = virDomainManagedSaveGetXMLDesc (domain, 0);
  const char *why;

  if (xml)
    return 0;
  if (virt_last_code () != VIR_ERR_OPERATION_FAILED)
    return virt_error (call, "cannot read the saved memory of guest '%s'", spawn->domain);
  why = vl_printf (call, "%s", virGetLastErrorMessage ());
  virResetLastError ();
  return vl_refuse_as (call, VL_ERR_FAILED, "InstanceResumeFailure", NULL,
                       "put the file back if there is a copy of it; virtloom server reboot --hard "
                       "boots it anew and loses that memory",
                       "the saved memory of guest '%s' cannot be read; it is not resumed, and "
                       "nothing is removed: %s",
                       spawn->domain, why);
}

static int
resume_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find_awake (call, conn, job->uuid);
  int state;

  if (domain == NULL || (state = virt_state (call, conn, domain)) < 0)
    return -1;
  if (state == VL_STATE_RUNNING)
    return 0;
  if (state == VL_STATE_PAUSED)
    return unpause_guest (call, conn, job, answer);
  if (virDomainHasManagedSaveImage (domain, 0) <= 0)
    return vl_refuse_as (call, VL_ERR_FAILED, "InstanceResumeFailure", NULL,
                         "virtloom server reboot --hard boots it anew",
                         "the saved memory of guest '%s' is gone; it is not resumed",
                         job->spawn->domain);
  if (prove_saved (call, job->spawn, domain) < 0
      || virt_start (call, conn, job->spawn, domain, 0) < 0)
    return -1;
  set_guest_time (call, domain);
  return 0;
}

static int
do_quickly (struct vl_call *call, struct vl_conn *conn, const char *uuid, virt_fn fn)
{
  struct virt_job job = { .uuid = uuid, .work_ms = VIRT_QUICK_MS };

  return virt_do_awake (call, conn, &job, fn);
}

static int
virt_pause (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return do_quickly (call, conn, uuid, pause_guest);
}

static int
virt_unpause (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return do_quickly (call, conn, uuid, unpause_guest);
}

static int
virt_suspend (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  struct virt_job job = { .uuid = uuid };

  return virt_do_awake (call, conn, &job, suspend_guest);
}

static int
virt_resume (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  struct virt_job job = { .uuid = spawn->uuid, .spawn = spawn };

  return virt_do_awake (call, conn, &job, resume_guest);
}

/* ---- off and on ---- */

static int
kill_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, job->uuid);

  (void)answer;
  return domain ? virt_kill (call, conn, domain) : -1;
}

static int
virt_power_off (struct vl_call *call, struct vl_conn *conn, const char *uuid, uint32_t timeout,
                uint32_t retry)
{
  struct virt_job job = { .uuid = uuid };
  int runs = shut_down (call, conn, uuid, timeout, retry), result;

  if (runs < 0
      || (virt_has_processes (conn) && virt_process_kill (call, conn, uuid, runs == DEAF) < 0))
    return -1;
  result = virt_try (call, conn, kill_guest, &job);
  if (result == VIRT_BUSY && virt_is_known (call, conn, uuid)) {
    /* It is off; whoever has libvirt next tidies up. */
    virt_seen_last (call, conn, uuid, &conn->seen);
    conn->seen_at = INT64_MAX;
    result = 0;
  }
  if (result == VIRT_BUSY)
    return virt_not_found (call, uuid);
  return result < 0 ? -1 : runs != 0;
}

static int
virt_power_on (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  return hard_reboot (call, conn, spawn, 0);
}

static int
virt_resume_state_on_host_boot (struct vl_call *call, struct vl_conn *conn,
                                const struct vl_spawn *spawn)
{
  struct virt_seen seen;

  if (virt_look_at (call, conn, spawn->uuid, &seen) < 0)
    return -1;
  if (! seen.known || seen.info.state == VL_STATE_SHUTDOWN || seen.info.state == VL_STATE_CRASHED)
    return hard_reboot (call, conn, spawn, 0);
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
interrupt_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
                 FILE *answer)
{
  const char *uuid = job->uuid;
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find_awake (call, conn, uuid);

  (void)answer;
  if (domain == NULL)
    return -1;
  if (virDomainInjectNMI (domain, 0) == 0)
    return 0;
  if (strstr (virGetLastErrorMessage (), "does not provide NMIs")) {
    virResetLastError ();
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "NMINotSupported", NULL,
                         "machines of x86_64, ppc64 and s390x have one (hw_machine_type)",
                         "the machine of guest '%s' has no non-maskable interrupt", uuid);
  }
  switch (virt_last_code ()) {
  case VIR_ERR_NO_SUPPORT:
    virResetLastError ();
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "TriggerCrashDumpNotSupported", NULL, NULL,
                         "libvirt cannot interrupt guests of type '%s', as '%s' is", conn->type,
                         uuid);
  case VIR_ERR_OPERATION_INVALID:
    virResetLastError ();
    return refuse_state (call, uuid, "interrupted", "running");
  default:
    return virt_error (call, "cannot interrupt guest '%s'", uuid);
  }
}

static int
virt_trigger_crash_dump (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return do_quickly (call, conn, uuid, interrupt_guest);
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
  .rescue = virt_become,
  .unrescue = virt_become,
  .resume_state_on_host_boot = virt_resume_state_on_host_boot,
  .poll_rebooting_instances = virt_poll_rebooting_instances,
  .trigger_crash_dump = virt_trigger_crash_dump,
  .shut_down = virt_shut_down,
  .dump_memory = virt_dump_memory,
  .rebuild = virt_rebuild,
};
