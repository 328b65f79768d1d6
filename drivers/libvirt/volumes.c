/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Volumes of a guest, which has them open: they grow. */

#include <config.h>

#include <inttypes.h>

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
  return virt_settle (conn, *domain, VIRT_HEAR_MS) ? 1 : virt_deaf (call, job->uuid, VIRT_HEAR_MS);
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
                       virDomainGetName (domain));
  if (info.capacity >= (unsigned long long)volume->bytes)
    return 0;
  return vl_refuse_as (call, VL_ERR_FAILED, "VolumeExtendFailed", NULL, NULL,
                       "disk '%s' of guest '%s' has %llu bytes after it was to grow to %" PRId64,
                       volume->target, virDomainGetName (domain), info.capacity, volume->bytes);
}

int
virt_extend_volume (struct vl_call *call, struct vl_conn *conn, const struct vl_volume_size *volume)
{
  struct virt_job job = { .uuid = volume->uuid, .more = volume };

  return virt_do_awake (call, conn, &job, extend_guest);
}
