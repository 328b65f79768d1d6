/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A feature with something on the host: a file for each server in a folder of its own.
 * Each callback is a line of the file that the setting `trace` names; what it does besides
 * is in a file beside that, "prepare=fail".  Version 2 takes another type of value,
 * version 3 knows nothing of the host. */

#include "mock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if LESSEE == 2
#define VERSION "2.0"
#define LEASE .type = VL_CHOICE, .choices = leases
static const char *const leases[] = { "short", "long", NULL };
#else
#define VERSION LESSEE == 1 ? "1.0" : "3.0"
#define LEASE .type = VL_INT, .min = 0, .max = 99
#endif

static const struct vl_prop props[] = {
  { .name = "lease", LEASE, .flavor_key = "lessee:lease", .help = "a lease", .since = "0.1" },
  { .name = "trace", .type = VL_STRING, .setting = "trace", .help = "a file", .since = "0.1" },
};
static const struct vl_name reads[] = { { .name = VL_GUEST_NAME }, { .name = VL_GUEST_UUID } };

static int
active (struct vl_call *c)
{
  return vl_has (c, "lease");
}

#if LESSEE != 3
static const char *const op_names[VL_N_OPS] = {
  [VL_OP_CREATE] = "create",
  [VL_OP_START] = "start",
  [VL_OP_STOP] = "stop",
  [VL_OP_REBOOT] = "reboot",
  [VL_OP_PAUSE] = "pause",
  [VL_OP_UNPAUSE] = "unpause",
  [VL_OP_SUSPEND] = "suspend",
  [VL_OP_RESUME] = "resume",
  [VL_OP_UPDATE] = "update",
  [VL_OP_DELETE] = "delete",
  [VL_OP_ATTACH_VOLUME] = "attach",
  [VL_OP_DETACH_VOLUME] = "detach",
  [VL_OP_RESIZE] = "resize",
  [VL_OP_CRASH_DUMP] = "dump",
  [VL_OP_RESCUE] = "rescue",
  [VL_OP_UNRESCUE] = "unrescue",
  [VL_OP_REBUILD] = "rebuild",
  [VL_OP_SNAPSHOT] = "snapshot",
  [VL_OP_SHELVE] = "shelve",
  [VL_OP_UNSHELVE] = "unshelve",
  [VL_OP_SET_PASSWORD] = "set password",
  [VL_OP_EXTEND_VOLUME] = "extend",
  [VL_OP_SWAP_VOLUME] = "swap",
};
static const char *const event_names[] = {
  "",          "CREATED",  "STARTED",  "STOPPED", "PAUSED",   "UNPAUSED",
  "SUSPENDED", "RESUMED",  "REBOOTED", "CRASHED", "WATCHDOG", "IO_ERROR",
  "AGENT",     "ATTACHED", "DETACHED", "CHANGED", "MIGRATED", "BLOCK_JOB",
};

/* Is "WHAT=HOW" a word of the file beside the trace? */
static int
does (struct vl_call *c, const char *what, const char *how)
{
  FILE *file = fopen (vl_printf (c, "%s-does", vl_str (c, "trace")), "re");
  const char *wanted = vl_printf (c, "%s=%s", what, how);
  char word[64];
  int found = 0;

  while (file && ! found && fscanf (file, "%63s", word) == 1)
    found = strcmp (word, wanted) == 0;
  if (file)
    fclose (file);
  return found;
}

static const char *
file_of (struct vl_call *c)
{
  return vl_printf (c, "%s.%s", vl_str (c, "trace"), vl_str (c, VL_GUEST_NAME));
}

/* Writes the line, then does what it is told to for WHAT. */
static int
trace (struct vl_call *c, const char *what, const char *more)
{
  FILE *file = fopen (vl_str (c, "trace"), "ae");
  const char *kept = vl_kept (c, "file"), *device = vl_op_device (c);

  if (file == NULL)
    return vl_refuse (c, VL_ERR_FAILED, "trace", NULL, "cannot write");
  fprintf (file, "%s%s%s%s%.6s %s lease=%s kept=%s\n", what, *more ? " " : "", more,
           device ? " of " : "", device ? device : "", vl_str (c, VL_GUEST_NAME),
           vl_has (c, "lease") ? vl_str (c, "lease") : "-", kept ? "yes" : "no");
  fclose (file);
  if (does (c, what, "die"))
    raise (SIGKILL);
  if (does (c, what, "silent"))
    return -1;
  if (does (c, what, "fail"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "lease", "mend it", "%s fails as it is told", what);
  if (does (c, what, "fail-alike"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "lease", "mend it", "the host fails in the same way");
  return 0;
}

static int
permit (struct vl_call *c, enum vl_op op)
{
  if (does (c, "permit", "keep") && vl_keep (c, "file", "x") < 0)
    return -1;
  if (does (c, op_names[op], "forbid"))
    return vl_refuse (c, VL_ERR_NOT_PERMITTED, "lease", NULL, "%s is forbidden", op_names[op]);
  return trace (c, "permit", op_names[op]);
}

static int
secrets (struct vl_call *c)
{
  static const char bytes[] = "canary-in-a-secret";
  const char *uuid = vl_str (c, VL_GUEST_UUID);

  if (! does (c, "prepare", "secret"))
    return 0;
  return vl_secret_put (c, uuid, "vtpm", vl_printf (c, "lessee %s", uuid), bytes, sizeof bytes - 1);
}

static int
prepare (struct vl_call *c)
{
  const char *path = file_of (c);
  int fd;

  if (does (c, "prepare", "misname") && vl_keep (c, "a/b", "x") < 0)
    return -1;
  if (vl_lock (c, "files") < 0 || vl_lock (c, "files") < 0 || vl_keep (c, "file", path) < 0
      || secrets (c) < 0)
    return -1;
  fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return vl_refuse (c, VL_ERR_FAILED, "trace", NULL, "cannot make '%s'", path);
  close (fd);
  return trace (c, "prepare", "");
}

static int
release (struct vl_call *c)
{
  const char *path = vl_kept (c, "file");
  int result = trace (c, "release", "");

  if (result < 0 || vl_op_device (c))
    return result;
  if (path)
    unlink (path);
  return vl_secret_drop (c, vl_str (c, VL_GUEST_UUID));
}

static int
event (struct vl_call *c, enum vl_event what)
{
  if (does (c, "event", "copy")) {
    const char *copy = vl_printf (c, "%s.copy", vl_kept (c, "file"));
    struct vl_image_facts facts = { .size = sizeof facts };

    if (vl_copy (c, vl_str (c, "trace"), copy) < 0 || vl_image_inspect (c, copy, "raw", &facts) < 0)
      return -1;
    unlink (copy);
  }
  return trace (c, "event", event_names[what]);
}
#endif

static int
validate (struct vl_call *c)
{
  (void)c;
#if LESSEE == 1
  if (does (c, "validate", "keep"))
    return vl_keep (c, "file", "x");
  if (does (c, "validate", "copy"))
    return vl_copy (c, "/etc/hostname", "/nowhere");
#endif
  return 0;
}

VL_FEATURE (lessee, "lessee", .version = VERSION, .summary = "a file on the host",
            .props = VL_TABLE (props), .reads = VL_TABLE (reads), .active = active,
            .validate = validate,
#if LESSEE != 3
            .permit = permit, .prepare = prepare, .release = release, .event = event
#endif
);
