/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The memory of a guest in a file.  The guest stands still until it is written. */

#include <config.h>

#include "virt.h"

static int
dump_guest (struct vl_call *call, struct vl_conn *conn, const struct virt_job *job, FILE *answer)
{
  VIRT_AUTODOMAIN virDomainPtr domain = virt_find_awake (call, conn, job->uuid);

  (void)answer;
  if (domain == NULL)
    return -1;
  if (virDomainCoreDumpWithFormat (domain, job->more, VIR_DOMAIN_CORE_DUMP_FORMAT_RAW,
                                   VIR_DUMP_MEMORY_ONLY)
      == 0)
    return 0;
  if (virt_last_code () != VIR_ERR_OPERATION_INVALID)
    return virt_error (call, "cannot write the memory of guest '%s'", job->uuid);
  virResetLastError ();
  return vl_refuse_as (call, VL_ERR_FAILED, "InstanceNotRunning", NULL,
                       vl_printf (call, "virtloom server start %s", job->uuid),
                       "guest '%s' has no memory to write: it is not running", job->uuid);
}

int
virt_dump_memory (struct vl_call *call, struct vl_conn *conn, const char *uuid, const char *path)
{
  struct virt_job job = { .uuid = uuid, .more = path };

  return virt_do_awake (call, conn, &job, dump_guest);
}
