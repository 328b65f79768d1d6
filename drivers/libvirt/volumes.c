/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Volumes of a guest, which has them open: they grow, and get other files. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <libvirt/libvirt-qemu.h>

#include "virt.h"

/* The guest that runs, known to libvirt and not deaf: 1 and *DOMAIN, 0 where none runs, or -1 after
 * a finding. */
static int
find_running (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
              virDomainPtr *domain)
{
  *domain = virt_find (call, conn, job->uuid);
  if (*domain == NULL)
    return -1;
  if (! virt_alive (*domain))
    return 0;
  return virt_hears (call, conn, *domain, job->uuid) < 0 ? -1 : 1;
}

/* ---- growing ---- */

static int
extend_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_volume_size *volume = job->more;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  int runs = find_running (call, conn, job, &domain);
  virDomainBlockInfo info;

  (void)answer;
  if (runs <= 0)
    return runs < 0 ? -1 : 1;
  if (virDomainBlockResize (domain, volume->target, (unsigned long long)volume->bytes,
                            VIR_DOMAIN_BLOCK_RESIZE_BYTES)
          < 0
      || virDomainGetBlockInfo (domain, volume->target, &info, 0) < 0)
    return virt_error (call, "cannot grow disk '%s' of guest '%s'", volume->target,
                       virt_domain_name (domain));
  if (info.capacity >= (unsigned long long)volume->bytes)
    return 0;
  return vl_refuse_as (call, VL_ERR_FAILED, "VolumeExtendFailed", NULL,
                       "virtloom server reboot --hard shows it what the file has",
                       "disk '%s' of guest '%s' has %llu bytes after it was to grow to %" PRId64,
                       volume->target, virDomainGetName (domain), info.capacity, volume->bytes);
}

int
virt_extend_volume (struct vl_call *call, struct vl_conn *conn, const struct vl_volume_size *volume)
{
  struct virt_job job = { .uuid = volume->uuid, .more = volume };

  return virt_do_awake (call, conn, &job, extend_guest);
}

/* ---- another file ---- */

/* How far it is. */
enum swap_state { SWAP_NEW = 0, SWAP_OLD = 1, SWAP_COPIES, SWAP_READY };

/* So long a copy may take: 5 MB a second are slower than any disk that can hold a guest. */
#define COPY_MS(bytes) (120000 + (bytes) / 5000)

static const char *
attr_below (const struct vl_xml *node, const char *path, const char *attr)
{
  const struct vl_xml *below = node ? vl_xml_find (node, path) : NULL;
  const char *text = below ? vl_xml_attr (below, attr) : NULL;

  return text ? text : "";
}

/* The disk that is called TARGET in DOMAIN, or NULL. */
static const struct vl_xml *
find_disk (const struct vl_xml *domain, const char *target)
{
  const struct vl_xml *disk = vl_xml_find (domain, "devices/disk");

  while (disk && strcmp (attr_below (disk, "target", "dev"), target) != 0)
    disk = vl_xml_next (disk, "disk");
  return disk;
}

/* Does the file of NODE, a disk of the hypervisor's, and what lies below, bear the names that those of
 * WANTED have? */
static int
same_files (const struct vl_xml *node, const struct vl_xml *wanted)
{
  while (node && wanted) {
    if (strcmp (attr_below (node, "source", "file"), attr_below (wanted, "source", "file")) != 0)
      return 0;
    node = vl_xml_child (node, "backingStore");
    wanted = vl_xml_child (wanted, "backingStore");
  }
  return *attr_below (node, "source", "file") == '\0'
         && *attr_below (wanted, "source", "file") == '\0';
}

/* Does the file that the guest writes to stay what it is? */
static int
is_deep (const struct vl_volume_swap *swap)
{
  return swap->pulls || swap->top;
}

/* Does a job work on the disk?  -1 after a finding. */
static int
has_job (struct vl_call *call, virDomainPtr domain, const struct vl_volume_swap *swap)
{
  virDomainBlockJobInfo info;
  int has = virt_alive (domain) ? virDomainGetBlockJobInfo (domain, swap->target, &info, 0) : 0;

  return has >= 0 ? has
                  : virt_error (call, "cannot look at disk '%s' of guest '%s'", swap->target,
                                virt_domain_name (domain));
}

/* libvirt takes note of the end of a job, and writes that down after QEMU has forgotten the job: who ends
 * in between leaves a libvirt that believes in the old files until the guest ends.  A call that may
 * change the disk waits until that is written. */
static void
see_it_noted (virDomainPtr domain, const struct vl_volume_swap *swap)
{
  (void)virDomainBlockJobSetSpeed (domain, swap->target, 0, 0);
  virResetLastError ();
}

/* The same once more when nothing else is left to do: a job that ends between the two is the likelier, the
 * longer that takes. */
static void
see_it_noted_last (struct vl_conn *conn, const struct virt_job *job)
{
  virDomainPtr domain = virDomainLookupByUUIDString (conn->virt, job->uuid);

  if (domain)
    see_it_noted (domain, job->more);
}

/* QEMU keeps what it knows of a qcow2 file in memory until that is flushed, which a guest has it do with the
 * file that it writes to alone.  What was merged or copied into another one would be lost with that process,
 * where it did not flush that by itself (7.2: once a merge has failed for want of room), and so would what
 * the guest has flushed after the copy was whole, and before it had the new file.  The names of its nodes
 * are libvirt's: "libvirt-6-format". */
static int
flush_files (struct vl_call *call, virDomainPtr domain)
{
  VIRT_AUTOTEXT char *nodes = NULL;
  unsigned number;
  char what[16];

  if (virDomainQemuMonitorCommand (domain, "info block -n", &nodes,
                                   VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
      < 0)
    return virt_error (call, "cannot see the files of guest '%s'", virt_domain_name (domain));
  for (const char *line = nodes; line; line = strchr (line, '\n')) {
    VIRT_AUTOTEXT char *said = NULL;

    line += strspn (line, "\r\n");
    if (sscanf (line, "libvirt-%u-%15[a-z]:", &number, what) == 2
        && virDomainQemuMonitorCommand (
               domain, vl_printf (call, "qemu-io libvirt-%u-%s flush", number, what), &said,
               VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP)
               < 0)
      return virt_error (call, "cannot flush the files of guest '%s'", virt_domain_name (domain));
    if (said && *said)
      return vl_refuse_as (call, VL_ERR_FAILED, "StorageFailed", NULL,
                           "virtloom server stop has QEMU write what it still has in memory",
                           "cannot flush the files of guest '%s': %s", virDomainGetName (domain),
                           said);
  }
  return 0;
}

/* Such a libvirt would have QEMU work on files that it has not.  What it takes the guest for is compared
 * with the definition, which each operation on a volume leaves right. */
static int
judge_belief (struct vl_call *call, virDomainPtr domain, const struct vl_volume_swap *swap)
{
  VIRT_AUTOTEXT char *live = virDomainGetXMLDesc (domain, 0);
  VIRT_AUTOTEXT char *defined = virDomainGetXMLDesc (domain, VIR_DOMAIN_XML_INACTIVE);
  const struct vl_xml *is = live ? vl_xml_read (call, live, strlen (live)) : NULL;
  const struct vl_xml *was = defined ? vl_xml_read (call, defined, strlen (defined)) : NULL;

  if (is == NULL || was == NULL)
    return virt_error (call, "cannot read guest '%s'", virt_domain_name (domain));
  if (same_files (find_disk (is, swap->target), find_disk (was, swap->target)))
    return 0;
  return vl_refuse_as (call, VL_ERR_FAILED, "StorageFailed", NULL,
                       "virtloom server reboot --hard (or stop and start) has libvirt begin anew, "
                       "with the files on record",
                       "libvirt takes disk '%s' of guest '%s' for one with other files than it is "
                       "defined with: it has missed how a job ended",
                       swap->target, swap->after->domain);
}

/* An enum swap_state by what libvirt says of DOMAIN, or of its definition where it does not run; -1
 * after a finding. */
static int
look (struct vl_call *call, virDomainPtr domain, const struct vl_volume_swap *swap)
{
  int deep = is_deep (swap), works = deep ? has_job (call, domain, swap) : 0;
  VIRT_AUTOTEXT char *text = works < 0 ? NULL : virDomainGetXMLDesc (domain, 0);
  const struct vl_xml *root, *disk, *mirror;
  const char *ready;

  if (works < 0)
    return -1;
  if (text == NULL)
    return virt_error (call, "cannot read guest '%s'", virt_domain_name (domain));
  root = vl_xml_read (call, text, strlen (text));
  disk = root ? find_disk (root, swap->target) : NULL;
  if (disk == NULL)
    return vl_refuse_as (call, VL_ERR_NOT_FOUND, "DiskNotFound", NULL,
                         "virtloom server reboot --hard gives it the disks on record",
                         "guest '%s' has no disk '%s'", virDomainGetName (domain), swap->target);
  /* The job was looked at first: where it has ended, the files are what it left. */
  if (deep)
    return same_files (disk, vl_xml_read (call, swap->xml, strlen (swap->xml))) ? SWAP_NEW
           : works                                                              ? SWAP_COPIES
                                                                                : SWAP_OLD;
  if (strcmp (attr_below (disk, "source", "file"), swap->source) == 0)
    return SWAP_NEW;
  mirror = vl_xml_child (disk, "mirror");
  if (mirror == NULL)
    return SWAP_OLD;
  ready = vl_xml_attr (mirror, "ready");
  return ready && strcmp (ready, "yes") == 0 ? SWAP_READY : SWAP_COPIES;
}

static int
refuse_ended (struct vl_call *call, const struct vl_volume_swap *swap)
{
  return vl_refuse_as (call, VL_ERR_FAILED, "InstanceNotRunning", NULL,
                       "its disk is as it was: start it, then do it again",
                       "guest '%s' ended before its disk '%s' was copied", swap->after->domain,
                       swap->target);
}

static int
refuse_copy (struct vl_call *call, const struct vl_volume_swap *swap, const char *why)
{
  const char *what = swap->top ? vl_printf (call, "merge \"%s\" of disk '%s' of guest '%s'",
                                            swap->top, swap->target, swap->after->domain)
                               : vl_printf (call, "copy disk '%s' of guest '%s' to \"%s\"",
                                            swap->target, swap->after->domain, swap->source);

  vl_refuse_as (call, VL_ERR_FAILED, "VolumeRebaseFailed", NULL, NULL, "cannot %s: %s", what, why);
  virResetLastError ();
  return -1;
}

/* A job of libvirt's that has QEMU copy what is on a disk: to another file, or to the one below. */
typedef int (*begin_fn) (virDomainPtr domain, const struct vl_volume_swap *swap);

static int
begin_mirror (virDomainPtr domain, const struct vl_volume_swap *swap)
{
  return virDomainBlockCopy (domain, swap->target, swap->xml, NULL, 0,
                             VIR_DOMAIN_BLOCK_COPY_REUSE_EXT | VIR_DOMAIN_BLOCK_COPY_TRANSIENT_JOB);
}

static int
begin_merge (virDomainPtr domain, const struct vl_volume_swap *swap)
{
  if (swap->pulls)
    return virDomainBlockRebase (domain, swap->target, swap->base, 0, 0);
  if (swap->top)
    return virDomainBlockCommit (domain, swap->target, NULL, swap->top, 0,
                                 VIR_DOMAIN_BLOCK_COMMIT_SHALLOW);
  return virDomainBlockCommit (domain, swap->target, NULL, NULL, 0,
                               VIR_DOMAIN_BLOCK_COMMIT_ACTIVE | VIR_DOMAIN_BLOCK_COMMIT_SHALLOW);
}

/* A copy of ours that was begun before is begun anew. */
static int
begin_by (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, begin_fn begin)
{
  const struct vl_volume_swap *swap = job->more;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  int runs = find_running (call, conn, job, &domain), state, begun;

  if (runs <= 0)
    return runs < 0 ? -1 : refuse_ended (call, swap);
  state = look (call, domain, swap);
  if (state < 0 || state == SWAP_NEW)
    return state;
  if (state == SWAP_OLD && judge_belief (call, domain, swap) < 0)
    return -1;
  if (state != SWAP_OLD && virDomainBlockJobAbort (domain, swap->target, 0) < 0)
    return refuse_copy (call, swap, virGetLastErrorMessage ());
  if (virt_is_left (conn))
    return -1;
  begun = begin (domain, swap);
  if (begun == 0)
    see_it_noted (domain, swap);
  if (begun == 0 && virt_is_left (conn))
    (void)virDomainBlockJobAbort (domain, swap->target, 0);
  return begun == 0 ? SWAP_COPIES : refuse_copy (call, swap, virGetLastErrorMessage ());
}

static int
begin_copy (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  (void)answer;
  return begin_by (call, conn, job, begin_mirror);
}

static int
begin_commit (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  (void)answer;
  return begin_by (call, conn, job, begin_merge);
}

static int
look_at_copy (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_volume_swap *swap = job->more;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  int runs = find_running (call, conn, job, &domain), state;

  (void)answer;
  if (runs <= 0)
    return runs < 0 ? -1 : refuse_ended (call, swap);
  state = look (call, domain, swap);
  see_it_noted (domain, swap);
  return state;
}

/* The guest has the new file, and is what the document says then. */
static int
take_new (struct vl_call *call, struct vl_conn *conn, const struct vl_volume_swap *swap,
          virDomainPtr old)
{
  const struct vl_device_change change = { .size = sizeof change, .after = swap->after };
  VIRT_AUTODOMAIN virDomainPtr domain = virt_define (call, conn, swap->after);

  if (domain == NULL)
    return -1;
  if (! virt_alive (old) || swap->settle)
    return 0;
  return virt_prove (call, &change, domain, "the guest has the new volume all the same");
}

/* The guest leaves the old file for the new one, which has all.  A libvirt that dies when QEMU has the
 * new file, and before that is written down, takes it for the old one for ever. */
static int
leave_old (struct vl_call *call, struct vl_conn *conn, const struct vl_volume_swap *swap,
           virDomainPtr domain)
{
  int done;

  if (virt_is_left (conn))
    return -1;
  done = virDomainBlockJobAbort (domain, swap->target, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT);
  return virt_is_left (conn) || done < 0 ? refuse_copy (call, swap, virGetLastErrorMessage ()) : 0;
}

static int
pivot (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_volume_swap *swap = job->more;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  int runs = find_running (call, conn, job, &domain), state;

  (void)answer;
  if (runs <= 0)
    return runs < 0 ? -1 : refuse_ended (call, swap);
  state = look (call, domain, swap);
  if (state != SWAP_READY && state != SWAP_NEW)
    return state < 0 ? -1 : refuse_copy (call, swap, "the copy was given up");
  if (state == SWAP_READY && leave_old (call, conn, swap, domain) < 0)
    return -1;
  if (flush_files (call, domain) < 0)
    return -1;
  return take_new (call, conn, swap, domain);
}

/* What a guest that is off has is what libvirt wrote into its definition when it had the new one; of files
 * below the first one that says nothing of what QEMU still had in memory, and the core looks at them. */
static int
settle (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_volume_swap *swap = job->more;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  int runs = find_running (call, conn, job, &domain), state;

  (void)answer;
  if (runs < 0)
    return -1;
  state = ! runs && is_deep (swap) ? SWAP_OLD : look (call, domain, swap);
  if (runs)
    see_it_noted (domain, swap);
  if (state > SWAP_OLD && virDomainBlockJobAbort (domain, swap->target, 0) < 0)
    return virt_error (call, "cannot end the copy of disk '%s' of guest '%s'", swap->target,
                       swap->after->domain);
  if (runs && (state == SWAP_NEW || (state >= 0 && is_deep (swap)))
      && flush_files (call, domain) < 0)
    return -1;
  if (state == SWAP_NEW)
    return take_new (call, conn, swap, domain);
  return state < 0 ? -1 : SWAP_OLD;
}

static int
define_after (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_volume_swap *swap = job->more;
  VIRT_AUTODOMAIN virDomainPtr domain = virt_define (call, conn, swap->after);

  (void)answer;
  return domain ? 0 : -1;
}

/* Has BEGIN, one of the two above, begin, and sees it through. */
static int
run_copy (struct vl_call *call, struct vl_conn *conn, const struct vl_volume_swap *swap,
          virt_fn begin)
{
  struct virt_job job = {
    .uuid = swap->after->uuid, .more = swap, .held = 1, .last = see_it_noted_last
  };
  struct vl_wait wait = { .what = vl_printf (call, "disk '%s' of guest '%s' to be copied",
                                             swap->target, swap->after->domain) };
  int64_t ms = COPY_MS (swap->bytes);
  int state;

  if (swap->off)
    return virt_do (call, conn, define_after, &job);
  if (swap->settle)
    return virt_do_awake (call, conn, &job, settle);
  wait.ms = ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX - 1;
  state = virt_do_awake (call, conn, &job, begin);
  while (state == SWAP_COPIES) {
    if (! vl_wait_more (call, &wait, -1))
      return refuse_copy (call, swap, vl_printf (call, "it was not done in %u s", wait.ms / 1000));
    state = virt_do_awake (call, conn, &job, look_at_copy);
  }
  if (state == SWAP_OLD)
    return refuse_copy (call, swap, "the hypervisor gave it up; is there room for it?");
  return state < 0 ? -1 : virt_do_awake (call, conn, &job, pivot);
}

int
virt_swap_volume (struct vl_call *call, struct vl_conn *conn, const struct vl_volume_swap *swap)
{
  return run_copy (call, conn, swap, begin_copy);
}

/* ---- a snapshot ---- */

/* The overlay is for one disk; what is not named libvirt would take by itself.  NULL after a finding. */
static const char *
snapshot_xml (struct vl_call *call, virDomainPtr domain, const struct vl_volume_swap *swap)
{
  VIRT_AUTOTEXT char *text = virDomainGetXMLDesc (domain, 0);
  const struct vl_xml *root = text ? vl_xml_read (call, text, strlen (text)) : NULL;
  const struct vl_xml *disk = root ? vl_xml_find (root, "devices/disk") : NULL;
  const char *disks = "";

  if (root == NULL) {
    virt_error (call, "cannot read guest '%s'", virt_domain_name (domain));
    return NULL;
  }
  for (; disk; disk = vl_xml_next (disk, "disk")) {
    const char *dev = attr_below (disk, "target", "dev");

    disks = strcmp (dev, swap->target) == 0
                ? vl_printf (call,
                             "%s<disk name='%s' snapshot='external' type='file'><driver "
                             "type='qcow2'/><source file='%s'/></disk>",
                             disks, dev, virt_escaped (call, swap->source))
                : vl_printf (call, "%s<disk name='%s' snapshot='no'/>", disks, dev);
  }
  return vl_printf (call, "<domainsnapshot><disks>%s</disks></domainsnapshot>", disks);
}

static int
put_overlay (struct vl_call *call, virDomainPtr domain, const void *opaque)
{
  const struct vl_volume_swap *swap = opaque;
  const char *xml = snapshot_xml (call, domain, swap);
  virDomainSnapshotPtr snapshot;

  if (xml == NULL)
    return -1;
  snapshot = virDomainSnapshotCreateXML (
      domain, xml,
      VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA
          | VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT | VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC);
  if (snapshot == NULL)
    return virt_error (call, "cannot put an overlay over disk '%s' of guest '%s'", swap->target,
                       swap->after->domain);
  virDomainSnapshotFree (snapshot);
  return 0;
}

/* A libvirt that dies when QEMU has the overlay, and before that is written down, takes the guest for
 * one that has the file below for ever. */
static int
take_overlay (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  const struct vl_volume_swap *swap = job->more;
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  int runs = find_running (call, conn, job, &domain), state, result;

  (void)answer;
  if (runs <= 0)
    return runs < 0 ? -1 : refuse_ended (call, swap);
  state = look (call, domain, swap);
  if (state == SWAP_OLD) {
    if (judge_belief (call, domain, swap) < 0 || virt_hold (conn) < 0)
      return -1;
    result = virt_do_frozen (call, conn, domain, job->uuid, (enum vl_quiesce)swap->quiesce,
                             put_overlay, swap);
    if (virt_let_go (conn) < 0 || result < 0)
      return result == VIRT_FREEZES ? result : -1;
  } else if (state != SWAP_NEW)
    return state < 0 ? -1
                     : vl_refuse_as (call, VL_ERR_FAILED, "StorageFailed", NULL,
                                     "wait for it, or end it: virsh blockjob --abort",
                                     "disk '%s' of guest '%s' is being copied already, by another "
                                     "program",
                                     swap->target, swap->after->domain);
  return take_new (call, conn, swap, domain);
}

/* What a snapshot that did not come to its end has left frozen goes on, before anything else. */
static int
settle_overlay (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job,
                FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = NULL;
  int runs = find_running (call, conn, job, &domain);
  const char *why;

  if (runs < 0)
    return -1;
  why = runs && virt_agent_hears (call, domain) ? virt_thaw (call, domain) : NULL;
  if (why)
    return vl_refuse_as (call, VL_ERR_FAILED, "InstanceQuiesceFailed", NULL, VIRT_THAW_HINT,
                         "the agent of guest '%s' has not thawed its file systems: %s", job->uuid,
                         why);
  return settle (call, conn, job, answer);
}

int
virt_volume_snapshot_create (struct vl_call *call, struct vl_conn *conn,
                             const struct vl_volume_swap *swap)
{
  struct virt_job job = { .uuid = swap->after->uuid, .more = swap };

  if (swap->off)
    return virt_do (call, conn, define_after, &job);
  return swap->settle ? virt_do_awake (call, conn, &job, settle_overlay)
                      : virt_do_freezing (call, conn, &job, take_overlay);
}

int
virt_volume_snapshot_delete (struct vl_call *call, struct vl_conn *conn,
                             const struct vl_volume_swap *swap)
{
  return run_copy (call, conn, swap, begin_commit);
}
