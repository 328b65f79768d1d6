/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the agent in a guest does.  It is a program of the guest's: it may be missing, slow, or
 * lie, so that each request has its deadline and nothing rests on its answer but the consistency of
 * the guest's own files. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "virt.h"

#define CHANNEL "org.qemu.guest_agent.0"
/* What a guest has to write down before it is frozen takes its time. */
#define FREEZE_SECONDS 60
#define PASSWORD_SECONDS 30
/* How often one that is frozen is asked to go on, and for what time in all. */
#define THAW_PAUSE_MS 500u
#define THAW_MS 30000u
/* The same for one that was still to freeze when it was waited for no longer, and where others wait
 * for libvirt: how long they have it between two requests, and how long one of these takes. */
#define LATE_MS 300000u
#define LATE_PAUSE_MS 5000u
#define LATE_SECONDS 5

/* What libvirt says of the agent's channel, NULL: the guest has none. */
static const char *
channel_state (struct vl_call *call, virDomainPtr domain)
{
  VIRT_AUTOTEXT char *xml = virDomainGetXMLDesc (domain, 0);
  const struct vl_xml *root = xml ? vl_xml_read (call, xml, strlen (xml)) : NULL;
  const struct vl_xml *channel = root ? vl_xml_find (root, "devices/channel") : NULL;

  virResetLastError ();
  for (; channel; channel = vl_xml_next (channel, "channel")) {
    const struct vl_xml *target = vl_xml_child (channel, "target");
    const char *name = target ? vl_xml_attr (target, "name") : NULL;
    const char *state = target ? vl_xml_attr (target, "state") : NULL;

    if (name && strcmp (name, CHANNEL) == 0)
      return state ? state : "unknown";
  }
  return NULL;
}

int
virt_agent_hears (struct vl_call *call, virDomainPtr domain)
{
  const char *state = channel_state (call, domain);

  return state && strcmp (state, "disconnected") != 0;
}

static int
ask_for (virDomainPtr domain, int thaw, int seconds)
{
  int result;

  (void)virDomainAgentSetResponseTimeout (domain, seconds, 0);
  result = thaw ? virDomainFSThaw (domain, NULL, 0, 0) : virDomainFSFreeze (domain, NULL, 0, 0);
  if (result >= 0) {
    (void)virDomainAgentSetResponseTimeout (domain, VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK, 0);
    virResetLastError ();
  }
  return result < 0 ? -1 : 0;
}

static int
ask (virDomainPtr domain, int thaw)
{
  return ask_for (domain, thaw, FREEZE_SECONDS);
}

/* What of libvirt's words is told: a part of them is the agent's. */
#define REASON_BYTES 300

#define SILENT "it does not answer"

/* The reason of libvirt's last error, which is forgotten: its first line.  What follows is the
 * agent's own, or a drawing of where its answer is no JSON. */
static const char *
reason (struct vl_call *call)
{
  const char *said = virGetLastErrorMessage ();
  size_t length = strcspn (said, "\n");
  const char *text =
      virt_last_code () == VIR_ERR_AGENT_UNRESPONSIVE
          ? SILENT
          : vl_printf (call, "%.*s", (int)(length < REASON_BYTES ? length : REASON_BYTES), said);

  virResetLastError ();
  return text;
}

static const char *
thaw (struct vl_call *call, virDomainPtr domain, uint32_t ms)
{
  int64_t deadline = vl_clock_ms () + ms;

  while (ask (domain, 1) < 0) {
    const char *why = reason (call);

    if (! virt_alive (domain))
      return NULL;
    if (vl_clock_ms () > deadline)
      return why;
    virt_sleep (THAW_PAUSE_MS);
  }
  return NULL;
}

const char *
virt_thaw (struct vl_call *call, virDomainPtr domain)
{
  return thaw (call, domain, THAW_MS);
}

const char *
virt_freeze (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain, int *late)
{
  int64_t begun = vl_clock_ms ();
  const char *why;

  *late = 0;
  if (conn->gave_up)
    return SILENT;
  if (ask (domain, 0) == 0)
    return NULL;
  why = reason (call);
  if (! virt_agent_hears (call, domain))
    return why;
  /* libvirt gives up after 5 s on an agent that says nothing at all: this one was told to freeze, does
   * it when it can, and hears nothing before. */
  if (vl_clock_ms () - begun >= (FREEZE_SECONDS - 1) * 1000)
    *late = conn->embedded && conn->apart && ! virt_is_left (conn)
                ? VIRT_FREEZES
                : thaw (call, domain, LATE_MS) != NULL;
  /* It may have been done all the same. */
  else if (ask (domain, 1) < 0)
    virResetLastError ();
  return why;
}

/* One request of an agent that has not answered: 1 where it is to be said again. */
static int
thaw_once (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find_awake (call, conn, job->uuid);
  int asked = domain ? ask_for (domain, 1, LATE_SECONDS) : -1;

  (void)answer;
  if (domain == NULL)
    return -1;
  virResetLastError ();
  return asked < 0 && virt_alive (domain);
}

/* Waits, without libvirt, until those who want it have had it. */
static void
stand_aside (struct vl_call *call)
{
  struct vl_wait pause = { .what = "others", .told = 1, .ms = LATE_PAUSE_MS };

  while (vl_wait_more (call, &pause, -1))
    continue;
}

int
virt_do_freezing (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
                  virt_fn fn)
{
  struct vl_wait wait = { .what = vl_printf (call, "the agent of guest '%s'", job->uuid),
                          .ms = LATE_MS };
  struct virt_job once = { .uuid = job->uuid };
  int result = virt_do_awake (call, conn, job, fn), thawed = 1;

  if (result != VIRT_FREEZES)
    return result;
  while (thawed == 1 && vl_wait_more (call, &wait, -1)) {
    stand_aside (call);
    thawed = virt_do_awake (call, conn, &once, thaw_once);
  }
  if (thawed != 0)
    return thawed < 0
               ? -1
               : vl_refuse_as (call, VL_ERR_FAILED, "InstanceQuiesceFailed", NULL,
                               "see in the guest whether qemu-guest-agent runs, or stop the "
                               "server first",
                               "the agent of guest '%s' has not frozen its file systems: " SILENT,
                               job->uuid);
  conn->gave_up = 1;
  result = virt_do_awake (call, conn, job, fn);
  conn->gave_up = 0;
  return result;
}

/* ---- the calls ---- */

/* The guest, which runs and has a channel for an agent, or NULL after a finding. */
static virDomainPtr
find_with_agent (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  virDomainPtr domain = virt_find (call, conn, uuid);
  int state = domain ? virt_state (call, conn, domain) : -1;

  if (state == VL_STATE_RUNNING && channel_state (call, domain))
    return domain;
  if (state >= 0 && state != VL_STATE_RUNNING)
    vl_refuse_as (call, VL_ERR_FAILED, "InstanceNotRunning", NULL,
                  vl_printf (call, "virtloom server start %s", uuid),
                  "guest '%s' does not run, and its agent does not either", uuid);
  else if (state >= 0)
    vl_refuse_as (call, VL_ERR_UNSUPPORTED, "QemuGuestAgentNotEnabled", NULL,
                  "the image of a guest that has one says hw_qemu_guest_agent=yes",
                  "guest '%s' has no channel for a guest agent", uuid);
  virt_cleanup_domain (&domain);
  return NULL;
}

static int
quiesce_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = find_with_agent (call, conn, job->uuid);
  const char *why;
  int late;

  (void)answer;
  if (domain == NULL)
    return -1;
  why = job->more ? virt_thaw (call, domain) : virt_freeze (call, conn, domain, &late);
  if (why && ! job->more && late == VIRT_FREEZES)
    return late;
  return why ? vl_refuse_as (call, VL_ERR_FAILED, "InstanceQuiesceFailed", NULL,
                             job->more ? VIRT_THAW_HINT
                                       : "in the guest the agent's own log may say more",
                             "the agent of guest '%s' has not %s its file systems: %s", job->uuid,
                             job->more ? "thawed" : "frozen", why)
             : 0;
}

static int
virt_quiesce (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  struct virt_job job = { .uuid = uuid };

  return virt_do_freezing (call, conn, &job, quiesce_guest);
}

static int
virt_unquiesce (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  struct virt_job job = { .uuid = uuid, .more = "" };

  return virt_do_awake (call, conn, &job, quiesce_guest);
}

struct password {
  const char *user, *password;
};

static int
set_password (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = find_with_agent (call, conn, job->uuid);
  const struct password *set = job->more;
  int result;

  (void)answer;
  if (domain == NULL)
    return -1;
  (void)virDomainAgentSetResponseTimeout (domain, PASSWORD_SECONDS, 0);
  result = virDomainSetUserPassword (domain, set->user, set->password, 0);
  if (result < 0 && virt_last_code () == VIR_ERR_NO_SUPPORT) {
    virResetLastError ();
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "SetAdminPasswdNotSupported", NULL, NULL,
                         "libvirt sets no password in guests of type '%s', as '%s' is", conn->type,
                         job->uuid);
  }
  if (result < 0)
    return vl_refuse_as (call, VL_ERR_FAILED, "InstancePasswordSetFailed", NULL,
                         "see in the guest whether qemu-guest-agent runs, and the user is there",
                         "the agent of guest '%s' has not set the password of user '%s': %s",
                         job->uuid, set->user, reason (call));
  (void)virDomainAgentSetResponseTimeout (domain, VIR_DOMAIN_AGENT_RESPONSE_TIMEOUT_BLOCK, 0);
  virResetLastError ();
  return 0;
}

static int
virt_set_admin_password (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                         const char *user, const char *password)
{
  const struct password set = { user, password };
  struct virt_job job = { .uuid = uuid, .more = &set };

  return virt_do_awake (call, conn, &job, set_password);
}

const struct vl_guest_calls virt_guest_calls = {
  .size = sizeof (struct vl_guest_calls),
  .quiesce = virt_quiesce,
  .unquiesce = virt_unquiesce,
  .set_admin_password = virt_set_admin_password,
};
