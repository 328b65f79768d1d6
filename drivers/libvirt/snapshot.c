/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A copy of a disk while its guest runs: a backup job of libvirt's.  QEMU writes down what the disk
 * was when the job began, as it copies each cluster before the guest's next write to it; the disk
 * itself stays what it is, in its place, whatever becomes of the job. */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "virt.h"

#define FIRST_PAUSE_MS 5u
#define LAST_PAUSE_MS 250u
/* To give a job up takes QEMU no more than what it has under way. */
#define ABORT_MS 60000u

static const struct vl_xml *
live_of (struct vl_call *call, virDomainPtr domain)
{
  VIRT_AUTOTEXT char *xml = virDomainGetXMLDesc (domain, 0);

  if (xml)
    return vl_xml_read (call, xml, strlen (xml));
  virt_error (call, "cannot read the document of guest '%s'", virt_domain_name (domain));
  return NULL;
}

/* What is copied is named, and so is what is not: by itself libvirt would take all disks.  NULL after
 * a finding. */
static const char *
backup_xml (struct vl_call *call, virDomainPtr domain, const struct vl_snapshot *snapshot)
{
  const struct vl_xml *root = live_of (call, domain);
  const struct vl_xml *disk = root ? vl_xml_find (root, "devices/disk") : NULL;
  const char *disks = "";
  int found = 0;

  for (; disk; disk = vl_xml_next (disk, "disk")) {
    const struct vl_xml *source = vl_xml_child (disk, "source");
    const char *file = source ? vl_xml_attr (source, "file") : NULL;
    const char *dev = vl_xml_attr (vl_xml_child (disk, "target"), "dev");
    int is_it = file && strcmp (file, snapshot->source) == 0;

    found |= is_it;
    disks = is_it ? vl_printf (call,
                               "%s<disk name='%s' backup='yes' type='file'><driver type='raw'/>"
                               "<target file='%s'/></disk>",
                               disks, dev, virt_escaped (call, snapshot->target))
                  : vl_printf (call, "%s<disk name='%s' backup='no'/>", disks, dev);
  }
  if (found)
    return vl_printf (call, "<domainbackup mode='push'><disks>%s</disks></domainbackup>", disks);
  if (root)
    vl_refuse_as (call, VL_ERR_FAILED, "DiskNotFound", NULL,
                  "virtloom server reboot --hard gives it the disks on record",
                  "guest '%s' has no disk \"%s\"", snapshot->uuid, snapshot->source);
  return NULL;
}

/* The job that copies a disk of the guest: 1 where it writes TARGET, 2 where it is another's, 0 where
 * there is none. */
static int
job_of (struct vl_call *call, virDomainPtr domain, const char *target)
{
  VIRT_AUTOTEXT char *xml = virDomainBackupGetXMLDesc (domain, 0);
  int ours = xml && strstr (xml, vl_printf (call, "'%s'", virt_escaped (call, target)));

  virResetLastError ();
  return xml == NULL ? 0 : ours ? 1 : 2;
}

/* How the last job of the guest ended: NULL: well; else why not. */
static const char *
outcome (struct vl_call *call, virDomainPtr domain)
{
  virTypedParameterPtr params = NULL;
  int type = VIR_DOMAIN_JOB_NONE, n = 0;
  const char *why = NULL, *said = NULL;

  if (! virt_alive (domain))
    return "the guest has ended meanwhile";
  if (virDomainGetJobStats (domain, &type, &params, &n, VIR_DOMAIN_JOB_STATS_COMPLETED) < 0)
    why = vl_printf (call, "%s", virGetLastErrorMessage ());
  else if (type != VIR_DOMAIN_JOB_COMPLETED) {
    if (virTypedParamsGetString (params, n, VIR_DOMAIN_JOB_ERRMSG, &said) != 1)
      said = type == VIR_DOMAIN_JOB_CANCELLED ? "it was cancelled" : "QEMU does not say why";
    why = vl_printf (call, "%s", said);
  }
  virTypedParamsFree (params, n);
  virResetLastError ();
  return why;
}

/* Waits until the job is over, at most MS milliseconds (0: as long as the command is there).  0, or -1
 * where it is not. */
static int
wait_for_job (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain, const char *target,
              uint32_t ms)
{
  virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
  int64_t deadline = vl_clock_ms () + ms;
  unsigned pause = FIRST_PAUSE_MS;

  while (job_of (call, domain, target) == 1) {
    if (ms ? vl_clock_ms () > deadline : virt_is_left (conn))
      return -1;
    virt_sleep (pause);
    pause = pause * 2 < LAST_PAUSE_MS ? pause * 2 : LAST_PAUSE_MS;
  }
  /* Whoever is told that the job is over may come before QEMU was told to close the file, which
   * nobody would do once the embedded driver has gone.  Any question has to wait for that. */
  (void)virDomainMemoryStats (domain, stats, VIR_DOMAIN_MEMORY_STAT_NR, 0);
  virResetLastError ();
  return 0;
}

static int
begin_job (struct vl_call *call, virDomainPtr domain, const void *opaque)
{
  const struct vl_snapshot *snapshot = opaque;
  const char *xml = backup_xml (call, domain, snapshot);

  if (xml == NULL)
    return -1;
  return virDomainBackupBegin (domain, xml, NULL, VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL) == 0
             ? 0
             : virt_error (call, "cannot copy the disk of guest '%s'", snapshot->uuid);
}

int
virt_do_frozen (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain, const char *uuid,
                enum vl_quiesce quiesce, int (*fn) (struct vl_call *, virDomainPtr, const void *),
                const void *opaque)
{
  int late = 0, frozen, result;
  const char *why = quiesce ? virt_freeze (call, conn, domain, &late) : NULL;

  if (why && late == VIRT_FREEZES)
    return late;
  frozen = quiesce && why == NULL;
  if (why && (late || quiesce == VL_QUIESCE_MUST))
    return vl_refuse_as (call, VL_ERR_FAILED, "InstanceQuiesceFailed", NULL,
                         "see in the guest whether qemu-guest-agent runs, or stop the server first",
                         "the agent of guest '%s' has not frozen its file systems: %s", uuid, why);
  if (why)
    vl_warn_as (
        call, "InstanceQuiesceFailed", NULL, NULL,
        "the agent of guest '%s' has not frozen its file systems: %s; its disk is copied as "
        "after a power failure",
        uuid, why);
  result = fn (call, domain, opaque);
  why = frozen ? virt_thaw (call, domain) : NULL;
  if (why)
    result =
        vl_refuse_as (call, VL_ERR_FAILED, "InstanceQuiesceFailed", NULL, VIRT_THAW_HINT,
                      "the agent of guest '%s' has not thawed its file systems: %s", uuid, why);
  return result;
}

/* Gives our job up, and waits until it is over. */
static int
abort_job (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain,
           const struct vl_snapshot *snapshot)
{
  if (job_of (call, domain, snapshot->target) == 1
      && ((virDomainAbortJob (domain) < 0 && job_of (call, domain, snapshot->target) == 1)
          || wait_for_job (call, conn, domain, snapshot->target, ABORT_MS) < 0))
    return virt_error (call, "cannot end the copy of the disk of guest '%s'", snapshot->uuid);
  virResetLastError ();
  return 0;
}

/* The copy from its beginning to its end.  Where the command is killed, the guest is thawed, and the
 * job given up, all the same: a libvirt that died meanwhile would not have QEMU close the file. */
static int
copy (struct vl_call *call, struct vl_conn *conn, virDomainPtr domain,
      const struct vl_snapshot *snapshot)
{
  int result =
      virt_do_frozen (call, conn, domain, snapshot->uuid, snapshot->quiesce, begin_job, snapshot);

  if (result == 0)
    result = wait_for_job (call, conn, domain, snapshot->target, 0);
  if (result == 0 || ! virt_is_left (conn))
    return result;
  abort_job (call, conn, domain, snapshot);
  return -1;
}

static int
copy_disk (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find_awake (call, conn, job->uuid);
  const struct vl_snapshot *snapshot = job->more;
  const char *why;
  int result;

  (void)answer;
  if (domain == NULL)
    return -1;
  if (! virt_alive (domain))
    return vl_refuse_as (call, VL_ERR_FAILED, "InstanceNotRunning", NULL,
                         "start it, then do it again", "guest '%s' is not running any more",
                         job->uuid);
  if (job_of (call, domain, snapshot->target))
    return vl_refuse_as (
        call, VL_ERR_FAILED, "StorageFailed", NULL, "wait for it, or end it: virsh domjobabort",
        "a disk of guest '%s' is being copied already, by another program", job->uuid);
  if (virt_hold (conn) < 0)
    return -1;
  result = copy (call, conn, domain, snapshot);
  if (virt_let_go (conn) < 0 || result < 0)
    return result == VIRT_FREEZES ? result : -1;
  why = outcome (call, domain);
  if (why && strstr (why, "No space left"))
    return vl_refuse_as (call, VL_ERR_FAILED, "DiskFull", NULL,
                         "make room in the file system of that folder, then try again",
                         "the disk of guest '%s' was not copied to \"%s\": %s", job->uuid,
                         snapshot->target, why);
  return why ? vl_refuse_as (call, VL_ERR_FAILED, "StorageFailed", NULL, NULL,
                             "the disk of guest '%s' was not copied: %s", job->uuid, why)
             : 0;
}

static int
virt_snapshot (struct vl_call *call, struct vl_conn *conn, const struct vl_snapshot *snapshot)
{
  struct virt_job job = { .uuid = snapshot->uuid, .more = snapshot };

  return virt_do_freezing (call, conn, &job, copy_disk);
}

/* ---- what is left of one ---- */

static int
end_copy (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_snapshot *snapshot = job->more;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  const char *why = NULL;

  (void)answer;
  if (virt_look (call, conn, job->uuid, &domain) < 0)
    return -1;
  if (domain == NULL || ! virt_alive (domain))
    return 0;
  if (virt_hears (call, conn, domain, job->uuid) < 0)
    return -1;
  /* First what the guest waits for. */
  if (snapshot->quiesce && virt_agent_hears (call, domain))
    why = virt_thaw (call, domain);
  if (abort_job (call, conn, domain, snapshot) < 0)
    return -1;
  return why ? vl_refuse_as (call, VL_ERR_FAILED, "InstanceQuiesceFailed", NULL, VIRT_THAW_HINT,
                             "the agent of guest '%s' has not thawed its file systems: %s",
                             job->uuid, why)
             : 0;
}

static int
virt_snapshot_end (struct vl_call *call, struct vl_conn *conn, const struct vl_snapshot *snapshot)
{
  struct virt_job job = { .uuid = snapshot->uuid, .more = snapshot };

  return virt_do (call, conn, end_copy, &job);
}

const struct vl_images_calls virt_image_calls = {
  .size = sizeof (struct vl_images_calls),
  .snapshot = virt_snapshot,
  .snapshot_end = virt_snapshot_end,
};
