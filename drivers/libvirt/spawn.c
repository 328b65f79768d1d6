/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Making and removing guests: define, prove, start, prove again; kill, forget.
 * What fails half-way is undone here, and only what this call made. */

#include <config.h>

#include <string.h>
#include <unistd.h>

#include "virt.h"

/* How often a guest is started whose display port somebody else took. */
#define START_TRIES 6

/* How long a killed guest may take to be gone. */
#define GONE_MS 30000
/* How often a guest that somebody starts meanwhile is killed again. */
#define KILLS 3

#define UNDEFINE                                                                                   \
  (VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA                       \
   | VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA)
#define UNDEFINE_GONE (UNDEFINE | VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_TPM)
#define UNDEFINE_ANEW (UNDEFINE | VIR_DOMAIN_UNDEFINE_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_TPM)
#define UNDEFINE_KEEP (UNDEFINE | VIR_DOMAIN_UNDEFINE_KEEP_NVRAM | VIR_DOMAIN_UNDEFINE_KEEP_TPM)

int
virt_undefine (struct vl_call *call, virDomainPtr domain, int keep)
{
  unsigned flags = keep == VIRT_KEEP_TPM ? UNDEFINE_ANEW : keep ? UNDEFINE_KEEP : UNDEFINE_GONE;

  if (virDomainUndefineFlags (domain, flags) == 0 || virt_last_code () == VIR_ERR_NO_DOMAIN) {
    virResetLastError ();
    return 0;
  }
  return virt_error (call, "cannot remove the definition of guest '%s'", virt_domain_name (domain));
}

/* Waits until the guest is gone.  1: gone, 0: it runs under another number, so
 * somebody started it again, -1 after a finding. */
static int
wait_gone (struct vl_call *call, virDomainPtr domain, unsigned id)
{
  int64_t deadline = vl_clock_ms () + GONE_MS;

  while (virt_alive (domain)) {
    unsigned now = virDomainGetID (domain);

    if (now != (unsigned)-1 && now != id)
      return 0;
    if (vl_clock_ms () >= deadline)
      return vl_refuse_as (call, VL_ERR_FAILED, "InstancePowerOffFailure", NULL, VIRT_STUCK_HINT,
                           "guest '%s' was killed, but is still there after %d s",
                           virDomainGetName (domain), GONE_MS / 1000);
    virt_sleep (20);
  }
  return 1;
}

int
virt_kill (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain)
{
  char uuid[VIR_UUID_STRING_BUFLEN];
  int i, gone = 0;

  for (i = 0; i < KILLS && ! gone; i++) {
    unsigned id = virDomainGetID (domain);

    if (virDomainDestroy (domain) < 0) {
      int code = virt_last_code ();

      /* "not running" is what was wanted, whoever did it */
      if (code == VIR_ERR_OPERATION_TIMEOUT)
        return vl_refuse_as (call, VL_ERR_FAILED, "InstancePowerOffFailure", NULL, VIRT_STUCK_HINT,
                             "guest '%s' does not let itself be killed in time",
                             virDomainGetName (domain));
      if (code != VIR_ERR_NO_DOMAIN && (code != VIR_ERR_OPERATION_INVALID || virt_alive (domain)))
        return virt_error (call, "cannot kill guest '%s'", virt_domain_name (domain));
      virResetLastError ();
    }
    gone = wait_gone (call, domain, id);
    if (gone < 0)
      return -1;
  }
  if (! gone)
    return vl_refuse_as (call, VL_ERR_FAILED, "InstancePowerOffFailure", NULL,
                         "another program starts it: stop that one, then do it again",
                         "guest '%s' was killed %d times and started again each time",
                         virDomainGetName (domain), KILLS);
  /* What this process started libvirt tidies up itself. */
  if (conn->embedded) {
    virt_log_wait (call, domain);
    virt_forget_groups (call, virDomainGetName (domain));
    virt_forget_files (call, conn, virDomainGetName (domain), 0);
  }
  if (virDomainGetUUIDString (domain, uuid) == 0)
    virt_forget_crash (call, conn, uuid);
  return 0;
}

static int
read_back (struct vl_call *call, const struct vl_spawn *spawn, virDomainPtr domain, int live)
{
  VIRT_AUTOTEXT char *xml = virDomainGetXMLDesc (domain, live ? 0 : VIR_DOMAIN_XML_INACTIVE);

  if (xml == NULL)
    return virt_error (call, "cannot read guest '%s' back", spawn->domain);
  return vl_doc_read_back (call, spawn->doc, xml, live);
}

void
virt_put_back (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain, const char *before)
{
  VIRT_AUTODOMAIN virDomainPtr old = NULL;

  if (before == NULL) {
    virt_undefine (call, domain, 1);
    return;
  }
  old = virDomainDefineXML (conn->virt, before);
  if (old == NULL)
    virt_warning (call, "cannot put back the former definition of guest '%s'",
                  virt_domain_name (domain));
}

/* The document with the label that has libvirt run the guest as its own user and give it
 * the files that it needs. */
static const char *
labelled (struct vl_call *call, const struct vl_conn *conn, const char *xml)
{
  const char *end = strrchr (xml, '<');

  if (conn->guest_uid == 0)
    return xml;
  return vl_printf (call,
                    "%.*s  <seclabel type='static' model='dac' relabel='yes'>\n"
                    "    <label>+%u:+%u</label>\n  </seclabel>\n%s",
                    (int)(end - xml), xml, (unsigned)conn->guest_uid, (unsigned)conn->guest_gid,
                    end);
}

/* FLAGS are libvirt's. */
static virDomainPtr
define (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn, unsigned flags)
{
  VIRT_AUTODOMAIN virDomainPtr old = NULL;
  VIRT_AUTOTEXT char *before = NULL;
  virDomainPtr domain;

  if (virt_look (call, conn, spawn->uuid, &old) < 0)
    return NULL;
  if (old) {
    before = virDomainGetXMLDesc (old, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);
    if (before == NULL) {
      virt_error (call, "cannot read the definition of guest '%s'", spawn->domain);
      return NULL;
    }
  }
  if (virt_let_qemu_in (call, conn, spawn) < 0 || virt_note_guest (call, conn, spawn->uuid) < 0)
    return NULL;
  domain = virDomainDefineXMLFlags (
      conn->virt, labelled (call, conn, vl_doc_xml_chosen (call, spawn->doc, spawn->loader)),
      flags);
  if (domain == NULL) {
    virt_error (call, "libvirt does not accept guest '%s'", spawn->domain);
    if (old == NULL)
      virt_forget_guest (call, conn, spawn->uuid);
    return NULL;
  }
  if (read_back (call, spawn, domain, 0) < 0) {
    virt_put_back (call, conn, domain, before);
    if (old == NULL)
      virt_forget_guest (call, conn, spawn->uuid);
    virDomainFree (domain);
    return NULL;
  }
  return domain;
}

virDomainPtr
virt_define (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  return define (call, conn, spawn, VIR_DOMAIN_DEFINE_VALIDATE);
}

virDomainPtr
virt_define_judged (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  return define (call, conn, spawn, 0);
}

/* libvirt looks for a free display port and QEMU binds it a moment later; another
 * program, or a guest of another STATE, may be quicker.  Then the next start
 * finds another port. */
static int
lost_a_port (void)
{
  const char *text = virGetLastErrorMessage ();

  return text && strstr (text, "Address already in use") != NULL;
}

static int
start_paused (struct vl_call *call, virDomainPtr domain, unsigned flags)
{
  for (unsigned tries = 1;; tries++) {
    if (virDomainCreateWithFlags (domain, flags | VIR_DOMAIN_START_PAUSED) == 0)
      return 0;
    if (tries == START_TRIES || ! lost_a_port ())
      return -1;
    vl_debug (call, "a display port was taken by somebody else; start %u of %d", tries + 1,
              START_TRIES);
    /* Two who collide must not wait equally long. */
    usleep (50000u * tries + (unsigned)getpid () % 50000u);
  }
}

/* Does the paused guest have open what was judged? */
static int
prove_files (struct vl_call *call, const struct vl_spawn *spawn, virDomainPtr domain)
{
  VIRT_AUTOTEXT char *xml = virDomainGetXMLDesc (domain, 0);

  if (xml == NULL)
    return virt_error (call, "cannot read guest '%s' back", spawn->domain);
  return virt_prove_files (call, spawn, xml, "it was killed before it ran");
}

/* Are the variables of the paused guest those of firmware that it does not have any more, since
 * other firmware was chosen?  1, 0, or -1 after a finding. */
static int
has_strange_variables (struct vl_call *call, const struct vl_spawn *spawn, virDomainPtr domain,
                       unsigned flags)
{
  VIRT_AUTOTEXT char *xml = NULL;

  if (! (flags & VIR_DOMAIN_START_FORCE_BOOT) || (flags & VIR_DOMAIN_START_RESET_NVRAM))
    return 0;
  xml = virDomainGetXMLDesc (domain, 0);
  return xml ? vl_loader_differs (call, spawn->doc, spawn->loader, xml)
             : virt_error (call, "cannot read guest '%s' back", spawn->domain);
}

/* The same start with variables that are made from the template of today's firmware. */
static int
start_with_new (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn,
                virDomainPtr domain, unsigned flags)
{
  if (virt_kill (call, conn, domain) < 0)
    return -1;
  vl_warn_as (call, "FirmwareVariablesAnew", NULL, NULL,
              "the firmware's variables of guest '%s' were made anew, since other firmware was "
              "chosen for it",
              spawn->domain);
  return virt_start (call, conn, spawn, domain, flags | VIR_DOMAIN_START_RESET_NVRAM);
}

/* The saved memory is gone from the disk once it is restored; the guest has it now. */
static int
leave_paused (struct vl_call *call, const struct vl_spawn *spawn)
{
  return vl_refuse_as (
      call, VL_ERR_FAILED, "GuestPaused", NULL,
      "virtloom server unpause lets it run as it is; virtloom server reboot --hard makes it anew "
      "and loses that memory",
      "guest '%s' has its saved memory back, but is not as it was asked for; it is left paused",
      spawn->domain);
}

int
virt_start (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn,
            virDomainPtr domain, unsigned flags)
{
  int logs, started, strange,
      restored =
          ! (flags & VIR_DOMAIN_START_FORCE_BOOT) && virDomainHasManagedSaveImage (domain, 0) > 0;

  virt_forget_crash (call, conn, spawn->uuid);
  if (virt_log_begin (call, conn, spawn, &logs) < 0)
    return -1;
  started = start_paused (call, domain, flags);
  if (logs >= 0)
    close (logs);
  if (started < 0)
    return virt_error (call, "cannot start guest '%s'", spawn->domain);
  strange = has_strange_variables (call, spawn, domain, flags);
  if (strange > 0)
    return start_with_new (call, conn, spawn, domain, flags);
  /* Saved memory or not: what has a strange file open must never run. */
  if (strange < 0 || prove_files (call, spawn, domain) < 0) {
    virt_kill (call, conn, domain);
    return -1;
  }
  if (read_back (call, spawn, domain, 1) == 0) {
    if (virDomainResume (domain) == 0)
      return 0;
    virt_error (call, "cannot start the processors of guest '%s'", spawn->domain);
  }
  if (restored)
    return leave_paused (call, spawn);
  virt_kill (call, conn, domain);
  return -1;
}

static int
spawn_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_spawn *spawn = job->spawn;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  (void)answer;
  if (virt_look (call, conn, spawn->uuid, &domain) < 0)
    return -1;
  if (domain)
    return vl_refuse_as (call, VL_ERR_FAILED, "InstanceExists", NULL,
                         "virtloom host check tells which guests are there without a record",
                         "guest '%s' is there already", spawn->uuid);
  domain = virt_define (call, conn, spawn);
  if (domain == NULL)
    return -1;
  if (! spawn->power_on || virt_start (call, conn, spawn, domain, VIR_DOMAIN_START_FORCE_BOOT) == 0)
    return 0;
  if (virt_undefine (call, domain, 0) == 0)
    virt_forget_guest (call, conn, spawn->uuid);
  return -1;
}

int
virt_spawn (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  struct virt_job job = { .uuid = spawn->uuid, .spawn = spawn };

  return virt_do (call, conn, spawn_guest, &job);
}

static int
destroy_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &domain) < 0)
    return -1;
  if (domain && (virt_kill (call, conn, domain) < 0 || virt_undefine (call, domain, 0) < 0))
    return -1;
  virt_forget_guest (call, conn, job->uuid);
  virt_forget_crash (call, conn, job->uuid);
  if (conn->embedded)
    virt_forget_files (call, conn, virt_name_of (call, job->uuid), 1);
  return 0;
}

int
virt_destroy (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  struct virt_job job = { .uuid = uuid };

  int known = ! virt_has_processes (conn) || virt_is_known (call, conn, uuid), result = VIRT_BUSY;

  if (known && virt_has_processes (conn) && virt_process_kill (call, conn, uuid, 0) < 0)
    return -1;
  if (known)
    result = virt_try (call, conn, destroy_guest, &job);
  if (result != VIRT_BUSY)
    return result;
  /* Without libvirt, which another command has: files are all that there is of a guest that is
   * off. */
  virt_forget_crash (call, conn, uuid);
  virt_forget_files (call, conn, virt_name_of (call, uuid), 1);
  return 0;
}

/* Forgets a guest that is off; a running one is left alone. */
static int
clean_up_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
                FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &domain) < 0)
    return -1;
  if (domain && virt_alive (domain))
    return vl_refuse_as (call, VL_ERR_FAILED, "InstanceExists", NULL, NULL,
                         "guest '%s' still runs: it has to be destroyed before it is cleaned up",
                         job->uuid);
  if (domain && virt_undefine (call, domain, 0) < 0)
    return -1;
  virt_forget_guest (call, conn, job->uuid);
  return 0;
}

int
virt_cleanup (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  struct virt_job job = { .uuid = uuid };

  if (virt_has_processes (conn) && ! virt_is_known (call, conn, uuid))
    return 0;
  return virt_do (call, conn, clean_up_guest, &job);
}
