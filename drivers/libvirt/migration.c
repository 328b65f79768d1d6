/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Another document for a guest that is off, whose disks were exchanged meanwhile. */

#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include <virtloom/storage.h>

#include "lib/file.h"
#include "virt.h"

/* ---- the firmware's variables ---- */

#define SYSTEM_NVRAM "/var/lib/libvirt/qemu/nvram"
#define NVRAM_BYTES ((size_t)64 * 1024 * 1024)

/* Where libvirt has them, of all guests; a definition does not say. */
static const char *
nvram_folder (struct vl_call *call, const struct vl_conn *conn)
{
  return conn->embedded ? vl_printf (call, "%s/lib/qemu/nvram", virt_root (call, conn))
                        : SYSTEM_NVRAM;
}

/* The files of guest NAME in folder FROM come into TO, in place of those that are there; where there
 * is none, or the folder is not ours to read, there is nothing to do.  0, or -1 after a finding. */
static int
copy_variables (struct vl_call *call, const char *name, const char *from, const char *to)
{
  const char *prefix = vl_printf (call, "%s_VARS.", name);
  DIR *dir = opendir (from);
  int bad = 0;

  for (const struct dirent *entry; dir && bad == 0 && (entry = readdir (dir));) {
    const char *source = vl_printf (call, "%s/%s", from, entry->d_name), *why;
    const char *target = vl_printf (call, "%s/%s", to, entry->d_name);
    VIRT_AUTOTEXT char *bytes = NULL;
    size_t length;

    if (strncmp (entry->d_name, prefix, strlen (prefix)) != 0)
      continue;
    bytes = vl_file_read (source, NVRAM_BYTES, &length, &why);
    if (bytes == NULL)
      bad = vl_file_failed (call, "cannot read", source, errno);
    else if (vl_file_write (target, bytes, length, 0600) < 0)
      bad = vl_file_failed (call, "cannot write", target, errno);
  }
  if (dir)
    closedir (dir);
  return bad;
}

/* ---- another document ---- */

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

  if (spawn->kept
      && copy_variables (call, spawn->domain, spawn->kept, nvram_folder (call, conn)) < 0)
    return -1;
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

  if (spawn->kept
      && copy_variables (call, spawn->domain, nvram_folder (call, conn), spawn->kept) < 0)
    return -1;
  return virt_do (call, conn, make_anew, &job);
}

const struct vl_migration_calls virt_migration_calls = {
  .size = sizeof (struct vl_migration_calls),
  .finish_migration = virt_become,
  .finish_revert_migration = virt_become,
  .check_can_live_migrate_destination = virt_check_can_live_migrate_destination,
  .check_can_live_migrate_source = virt_check_can_live_migrate_source,
  .pre_live_migration = virt_pre_live_migration,
  .live_migration = virt_live_migration,
  .live_migration_abort = virt_live_migration_abort,
  .live_migration_force_complete = virt_live_migration_force_complete,
  .post_live_migration = virt_post_live_migration,
  .post_live_migration_at_source = virt_post_live_migration_at_source,
  .post_live_migration_at_destination = virt_post_live_migration_at_destination,
  .rollback_live_migration_at_source = virt_rollback_live_migration_at_source,
  .rollback_live_migration_at_destination = virt_rollback_live_migration_at_destination,
};
