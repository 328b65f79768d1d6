/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Domains as they are: look-up by uuid, states, lists.  With libvirt's driver in
 * this process, nobody watched the guests since the last command: what the
 * driver tells right after it was opened can be old, so a state is shown only
 * once it has settled. */

#include <config.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "virt.h"

/* How long states of a whole list may take to settle. */
#define SETTLE_MS 5000

void
virt_sleep (unsigned ms)
{
  struct timespec left = { ms / 1000, (long)(ms % 1000) * 1000000 };

  while (nanosleep (&left, &left) < 0 && errno == EINTR)
    ;
}

int
virt_look (struct vl_call *call, struct vl_conn *conn, const char *uuid, virDomainPtr *domain)
{
  *domain = virDomainLookupByUUIDString (conn->virt, uuid);
  if (*domain)
    return 0;
  if (virt_last_code () != VIR_ERR_NO_DOMAIN)
    return virt_error (call, "cannot look up guest '%s'", uuid);
  virResetLastError ();
  return 0;
}

int
virt_not_found (struct vl_call *call, const char *uuid)
{
  return vl_refuse_as (call, VL_ERR_NOT_FOUND, "InstanceNotFound", NULL, NULL,
                       "the hypervisor has no guest '%s'", uuid);
}

virDomainPtr
virt_find (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  virDomainPtr domain;

  if (virt_look (call, conn, uuid, &domain) < 0)
    return NULL;
  if (domain == NULL)
    virt_not_found (call, uuid);
  return domain;
}

int
virt_alive (virDomainPtr domain)
{
  int state = VIR_DOMAIN_NOSTATE, reason;

  if (virDomainGetState (domain, &state, &reason, 0) < 0) {
    virResetLastError ();
    return 0;
  }
  return state != VIR_DOMAIN_SHUTOFF && state != VIR_DOMAIN_CRASHED;
}

/* Has the driver come to know what became of the guest?  A guest that shut down
 * while nobody listened reads SHUTDOWN until its process is reaped.  One that
 * reads as running may have ended: the driver finds out in a job of its own, so
 * the state counts once no job runs.  Asking for the job is not waiting for it: a
 * hung QEMU holds it for half a minute, and must not hold up a list. */
static int
has_settled (virDomainPtr domain)
{
  virDomainControlInfo control;
  int state, reason;

  if (virDomainGetState (domain, &state, &reason, 0) < 0)
    return 1;
  if (state == VIR_DOMAIN_SHUTDOWN)
    return 0;
  if (state == VIR_DOMAIN_SHUTOFF)
    return 1;
  if (virDomainGetControlInfo (domain, &control, 0) < 0)
    return 1;
  /* "Internal error" is libvirt's word for a job that waits outside the monitor:
   * on opening, the job that finds out whether QEMU is still there. */
  if (control.state == VIR_DOMAIN_CONTROL_ERROR)
    return control.details != VIR_DOMAIN_CONTROL_ERROR_REASON_INTERNAL;
  return control.state == VIR_DOMAIN_CONTROL_OK;
}

int
virt_settle (struct vl_conn *conn, virDomainPtr domain, unsigned ms)
{
  int64_t deadline = vl_clock_ms () + ms;
  int settled = ! conn->embedded;

  while (! settled && ! (settled = has_settled (domain)) && vl_clock_ms () < deadline)
    virt_sleep (5);
  virResetLastError ();
  return settled;
}

int
virt_hears (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain, const char *uuid)
{
  return virt_settle (conn, domain, VIRT_ACT_MS) ? 0 : virt_deaf (call, uuid, VIRT_ACT_MS);
}

virDomainPtr
virt_find_awake (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  virDomainPtr domain = virt_find (call, conn, uuid);

  if (domain == NULL || virt_hears (call, conn, domain, uuid) == 0)
    return domain;
  virDomainFree (domain);
  return NULL;
}

/* In MS milliseconds, or half of the time that the caller has for all. */
static int64_t
settle_until (struct vl_call *call, uint32_t ms)
{
  return vl_clock_ms () + vl_patience (call, 2 * ms) / 2;
}

static void
settle (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain, int64_t deadline)
{
  int64_t left = deadline - vl_clock_ms ();

  conn->deaf = ! virt_settle (conn, domain, left > 0 ? (unsigned)left : 0);
  if (conn->deaf)
    vl_warn (call, NULL, NULL, "guest '%s' does not answer; its state is the one last known",
             virDomainGetName (domain));
}

enum vl_state
virt_state_of (struct vl_call *call, const struct vl_conn *conn, virDomainPtr domain, int state,
               int reason)
{
  char uuid[VIR_UUID_STRING_BUFLEN];

  switch (state) {
  case VIR_DOMAIN_RUNNING:
  case VIR_DOMAIN_BLOCKED:
    return VL_STATE_RUNNING;
  case VIR_DOMAIN_PAUSED:
    return VL_STATE_PAUSED;
  case VIR_DOMAIN_SHUTDOWN:
    return VL_STATE_SHUTDOWN;
  case VIR_DOMAIN_SHUTOFF:
    if (virDomainHasManagedSaveImage (domain, 0) > 0)
      return VL_STATE_SUSPENDED;
    /* The embedded driver forgets why between two commands. */
    if (conn->embedded ? virDomainGetUUIDString (domain, uuid) == 0 && virt_crash (call, conn, uuid)
                       : reason == VIR_DOMAIN_SHUTOFF_CRASHED)
      return VL_STATE_CRASHED;
    return VL_STATE_SHUTDOWN;
  case VIR_DOMAIN_CRASHED:
    return VL_STATE_CRASHED;
  case VIR_DOMAIN_PMSUSPENDED:
    return VL_STATE_SUSPENDED;
  default:
    return VL_STATE_NONE;
  }
}

/* The state, GONE for a guest that went away meanwhile, -1 after a finding. */
#define GONE (-2)

static int
read_state (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain, int64_t deadline)
{
  int state, reason;

  settle (call, conn, domain, deadline);
  if (virDomainGetState (domain, &state, &reason, 0) == 0)
    return (int)virt_state_of (call, conn, domain, state, reason);
  if (virt_last_code () != VIR_ERR_NO_DOMAIN)
    return virt_error (call, "cannot read the state of guest '%s'", virt_domain_name (domain));
  virResetLastError ();
  return GONE;
}

int
virt_state (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain)
{
  int state = read_state (call, conn, domain, settle_until (call, VIRT_HEAR_MS));

  if (state == GONE)
    return vl_refuse_as (call, VL_ERR_NOT_FOUND, "InstanceNotFound", NULL,
                         "virtloom server list tells what became of it",
                         "guest '%s' went away meanwhile", virDomainGetName (domain));
  return state;
}

static int
list_one (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain, int64_t deadline,
          vl_instance_fn fn, void *opaque)
{
  char uuid[VIR_UUID_STRING_BUFLEN];
  int state = read_state (call, conn, domain, deadline);

  if (state == GONE)
    return 0;
  if (state < 0)
    return -1;
  if (virDomainGetUUIDString (domain, uuid) < 0)
    return virt_error (call, "cannot read the uuid of guest '%s'", virt_domain_name (domain));
  if (state == VL_STATE_RUNNING || state == VL_STATE_PAUSED)
    virt_log_judge (call, conn, uuid);
  return fn (opaque, uuid, virDomainGetName (domain), (enum vl_state)state);
}

/* A daemon has watched its guests: one call says how all of them are. */
static int
list_watched (struct vl_call *call, struct vl_conn *conn, vl_instance_fn fn, void *opaque)
{
  virDomainStatsRecordPtr *records = NULL;
  int n = virConnectGetAllDomainStats (conn->virt, VIR_DOMAIN_STATS_STATE, &records, 0);
  int i, answer = 0;

  if (n < 0)
    return virt_error (call, "cannot list the guests");
  for (i = 0; i < n && answer == 0; i++) {
    const virDomainStatsRecord *record = records[i];
    int state = VIR_DOMAIN_NOSTATE, reason = 0;
    char uuid[VIR_UUID_STRING_BUFLEN];

    (void)virTypedParamsGetInt (record->params, record->nparams, "state.state", &state);
    (void)virTypedParamsGetInt (record->params, record->nparams, "state.reason", &reason);
    answer = virDomainGetUUIDString (record->dom, uuid) < 0
                 ? virt_error (call, "cannot read the uuid of guest '%s'",
                               virt_domain_name (record->dom))
                 : fn (opaque, uuid, virDomainGetName (record->dom),
                       virt_state_of (call, conn, record->dom, state, reason));
  }
  virDomainStatsRecordListFree (records);
  return answer;
}

static int
list_all (struct vl_call *call, struct vl_conn *conn, vl_instance_fn fn, void *opaque)
{
  virDomainPtr *domains = NULL;
  int64_t deadline = settle_until (call, SETTLE_MS);
  int i, n, answer = 0;

  if (! conn->embedded)
    return list_watched (call, conn, fn, opaque);
  n = virConnectListAllDomains (conn->virt, &domains, 0);
  if (n < 0)
    return virt_error (call, "cannot list the guests");
  for (i = 0; i < n; i++) {
    if (answer == 0)
      answer = list_one (call, conn, domains[i], deadline, fn, opaque);
    virDomainFree (domains[i]);
  }
  free (domains);
  return answer;
}

static int
write_instance (void *opaque, const char *uuid, const char *domain, enum vl_state state)
{
  return fprintf (opaque, "%s %d %s\n", uuid, (int)state, domain) < 0 ? -1 : 0;
}

static int
write_all (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  (void)job;
  return list_all (call, conn, write_instance, answer);
}

/* Calls FN for each line of what write_all wrote. */
static int
read_all (struct vl_call *call, const char *lines, vl_instance_fn fn, void *opaque)
{
  int answer = 0;

  for (const char *end; answer == 0 && (end = strchr (lines, '\n')); lines = end + 1) {
    const char *line = vl_printf (call, "%.*s", (int)(end - lines), lines);
    char uuid[VIR_UUID_STRING_BUFLEN];
    int state, name;

    if (sscanf (line, "%36s %d %n", uuid, &state, &name) == 2)
      answer = fn (opaque, uuid, line + name, (enum vl_state)state);
  }
  return answer;
}

static int
virt_list_instances (struct vl_call *call, struct vl_conn *conn, vl_instance_fn fn, void *opaque)
{
  struct virt_job job = { .work_ms = VIRT_QUICK_MS, .looks = 1 };
  const char *lines = "";
  size_t length;
  int result;

  if (! conn->apart)
    return list_all (call, conn, fn, opaque);
  result = virt_apart (call, conn, write_all, &job, &lines, &length);
  if ((result == VIRT_BUSY || result == VIRT_LATE) && conn->embedded && virt_is_hasty (call))
    return virt_list_last_seen (call, conn, fn, opaque);
  return virt_busy (call, conn, &job, result) < 0 ? -1 : read_all (call, lines, fn, opaque);
}

int
virt_see (struct vl_call *call, struct vl_conn *conn, const char *uuid, struct virt_seen *seen)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  virDomainInfo read;
  unsigned id;
  int state;

  *seen = (struct virt_seen) { .info = { .size = sizeof seen->info, .id = -1 } };
  snprintf (seen->uuid, sizeof seen->uuid, "%s", uuid);
  if (virt_look (call, conn, uuid, &domain) < 0)
    return -1;
  seen->known = domain != NULL;
  if (domain == NULL)
    return 0;
  state = virt_state (call, conn, domain);
  if (state < 0)
    return -1;
  seen->deaf = conn->deaf;
  if (virDomainGetInfo (domain, &read) < 0)
    return virt_error (call, "cannot read the figures of guest '%s'", uuid);
  id = virDomainGetID (domain);
  seen->info.state = (enum vl_state)state;
  seen->info.id = id == (unsigned)-1 ? -1 : (int32_t)id;
  seen->info.memory = (int64_t)read.memory;
  seen->info.max_memory = (int64_t)read.maxMem;
  seen->info.cpu_time = (int64_t)read.cpuTime;
  seen->info.vcpus = read.nrVirtCpu;
  return 0;
}

static int
virt_instance_exists (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  struct virt_seen seen;

  if (conn->apart)
    return virt_look_at (call, conn, uuid, &seen) < 0 ? -1 : seen.known;
  if (virt_look (call, conn, uuid, &domain) < 0)
    return -1;
  return domain != NULL;
}

static int
write_xml (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find (call, conn, job->uuid);
  VIRT_AUTOTEXT char *xml = domain ? virDomainGetXMLDesc (domain, 0) : NULL;

  if (xml == NULL)
    return domain ? virt_error (call, "cannot read guest '%s'", job->uuid) : -1;
  fputs (xml, answer);
  return 0;
}

static int
virt_get_info (struct vl_call *call, struct vl_conn *conn, const char *uuid, struct vl_info *info)
{
  uint32_t size = info->size;
  struct virt_seen seen;

  if (virt_look_at (call, conn, uuid, &seen) < 0)
    return -1;
  if (! seen.known)
    return virt_not_found (call, uuid);
  if (seen.info.size < size)
    size = seen.info.size;
  if (seen.info.state == VL_STATE_RUNNING || seen.info.state == VL_STATE_PAUSED)
    virt_log_judge (call, conn, uuid);
  if (seen.info.state == VL_STATE_CRASHED)
    seen.info.reason = virt_crash (call, conn, uuid);
  if (size >= offsetof (struct vl_info, xml) + sizeof info->xml && info->with_xml) {
    const struct virt_job job = { .uuid = uuid, .blind = 1, .looks = 1 };

    seen.info.with_xml = 1;
    if (virt_ask (call, conn, write_xml, &job, &seen.info.xml) < 0)
      return -1;
  }
  memcpy (info, &seen.info, size);
  info->size = size;
  return 0;
}

/* libvirt has no call for it; both kinds of connection are to this machine. */
static int
virt_get_host_uptime (struct vl_call *call, struct vl_conn *conn, int64_t *seconds)
{
  struct timespec up;

  (void)conn;
  if (clock_gettime (CLOCK_BOOTTIME, &up) < 0)
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL,
                      "the kernel does not say how long it has run: %s", strerror (errno));
  *seconds = up.tv_sec;
  return 0;
}

const struct vl_inventory_calls virt_inventory_calls = {
  .size = sizeof (struct vl_inventory_calls),
  .list_instances = virt_list_instances,
  .instance_exists = virt_instance_exists,
  .get_info = virt_get_info,
  .get_guest_owner = virt_get_guest_owner,
  .get_host_uptime = virt_get_host_uptime,
  .get_available_resource = virt_get_available_resource,
  .get_host_cpu_stats = virt_get_host_cpu_stats,
  .get_instance_diagnostics = virt_get_instance_diagnostics,
};
