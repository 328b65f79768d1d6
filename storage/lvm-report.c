/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * lvm: running lvm2's program, and what it reports.  It looks for its groups on no logical volume,
 * which is where guests write, and asks nothing: what it would ask about is a failure. */

#include <config.h>

#include "storage/lvm.h"

#include "lib/alloc.h"
#include "lib/file.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* Milliseconds: udev is waited for, and other commands of lvm2 that have the group. */
#define DEADLINE 120000
/* What it keeps of a group below /etc/lvm. */
#define MOST_BACKUP ((int64_t)64 << 20)
#define MOST_ARGS 24
/* No signature of a guest's is read, nothing stays behind, and no daemon is started. */
#define CONFIG                                                                                     \
  "devices/scan_lvs=0 activation/monitoring=0 activation/process_priority=0 global/notify_dbus=0"

static int
run (struct vl_call *c, const char *const *args, struct vl_tool_result *result)
{
  const char *all[MOST_ARGS + 3] = { args[0], "--config", CONFIG };
  const struct vl_tool tool = { .size = sizeof tool,
                                .name = LVM_TOOL,
                                .args = all,
                                .deadline = DEADLINE,
                                .file_size = MOST_BACKUP };
  const char *missing = lvm_missing (c);

  for (size_t i = 1; args[i] && i < MOST_ARGS; i++)
    all[i + 2] = args[i];
  if (missing)
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "ToolMissing", NULL,
                         LVM_INSTALL " and modprobe dm-mod", "nothing is done in volume groups: %s",
                         missing);
  return vl_tool_run (c, &tool, result);
}

void
lvm_need_target (const char *target)
{
  struct {
    struct dm_ioctl head;
    char answer[256];
  } question = { .head = { .version = { DM_VERSION_MAJOR, 0, 0 },
                           .data_size = sizeof question,
                           .data_start = sizeof question.head } };
  VL_AUTOCLOSE int fd = open (LVM_CONTROL, O_RDWR | O_CLOEXEC);

  snprintf (question.head.name, sizeof question.head.name, "%s", target);
  if (fd >= 0)
    ioctl (fd, DM_GET_TARGET_VERSION, &question);
}

int
lvm_run (struct vl_call *c, const char *const *args)
{
  return run (c, args, NULL);
}

/* Has COMMAND (vgs, lvs) report FIELDS of what WHERE selects, in bytes; ANSWER is read with text_of. */
static int
report (struct vl_call *c, const char *command, const char *fields, const char *where,
        struct vl_volume *answer)
{
  const char *args[] = { command, "--reportformat", "json", "--units", "b", "--nosuffix",
                         "-o",    fields,           "-S",   where,     NULL };
  struct vl_tool_result result = { .size = sizeof result };

  if (run (c, args, &result) < 0)
    return -1;
  *answer = (struct vl_volume) { .size = sizeof *answer,
                                 .connection = result.out,
                                 .where = "what lvm2 reports" };
  /* An answer that is cut off says neither that something is there nor that it is not. */
  return strstr (result.out, "\"report\"")
             ? 0
             : vl_refuse_as (c, VL_ERR_FAILED, "ToolFailed", NULL,
                             "try it: lvm vgs --reportformat json",
                             "the program \"lvm\" did not report in JSON");
}

/* FIELD of the I-th row of KIND (vg, lv); "" where it says nothing, NULL where there is no such row. */
static const char *
text_of (struct vl_call *c, const struct vl_volume *answer, const char *kind, size_t i,
         const char *field)
{
  return vl_info (c, answer, vl_printf (c, "report.0.%s.%zu.%s", kind, i, field));
}

static int64_t
bytes_of (struct vl_call *c, const struct vl_volume *answer, const char *kind, size_t i,
          const char *field)
{
  const char *text = text_of (c, answer, kind, i, field);

  return text ? strtoll (text, NULL, 10) : 0;
}

/* FIELD of the I-th volume, "" where nothing is said. */
static const char *
said (struct vl_call *c, const struct vl_volume *answer, size_t i, const char *field)
{
  const char *text = text_of (c, answer, "lv", i, field);

  return text ? text : "";
}

int
lvm_find_group (struct vl_call *c, const char *name, struct lvm_group *group)
{
  struct vl_volume answer;

  if (report (c, "vgs", "vg_name,vg_size,vg_free", vl_printf (c, "vg_name=\"%s\"", name), &answer)
      < 0)
    return -1;
  if (text_of (c, &answer, "vg", 0, "vg_name") == NULL)
    return vl_refuse_as (c, VL_ERR_NOT_FOUND, "StorageFailed", NULL,
                         "vgs shows which there are; set images_volume_group in plugins.d/lvm.conf",
                         "this host has no volume group '%s'", name);
  *group = (struct lvm_group) { .name = name,
                                .bytes = bytes_of (c, &answer, "vg", 0, "vg_size"),
                                .free = bytes_of (c, &answer, "vg", 0, "vg_free") };
  return 0;
}

int
lvm_find_volume (struct vl_call *c, const char *path, struct lvm_volume *volume,
                 struct lvm_group *group)
{
  const char *name = path + strlen ("/dev/"), *slash = strchr (name, '/'), *of, *open;
  struct vl_volume answer;

  of = vl_printf (c, "%.*s", (int)(slash - name), name);
  if (report (c, "lvs", "lv_name,lv_size,lv_tags,lv_device_open,lv_active,pool_lv",
              vl_printf (c, "vg_name=\"%s\" && lv_name=\"%s\"", of, slash + 1), &answer)
      < 0)
    return -1;
  /* Of a group that is not there nobody knows what it has. */
  if (text_of (c, &answer, "lv", 0, "lv_name") == NULL)
    return lvm_find_group (c, of, group);
  open = said (c, &answer, 0, "lv_device_open");
  *volume = (struct lvm_volume) { .name = name,
                                  .path = path,
                                  .tags = said (c, &answer, 0, "lv_tags"),
                                  .pool = said (c, &answer, 0, "pool_lv"),
                                  .bytes = bytes_of (c, &answer, "lv", 0, "lv_size"),
                                  .is_active = *said (c, &answer, 0, "lv_active") != '\0' };
  /* Of one that is not active it is "unknown". */
  volume->is_open = VL_STREQ (open, "open") || (volume->is_active && *open);
  return 1;
}

int
lvm_each_disk (struct vl_call *c, const char *group,
               void (*fn) (void *opaque, const char *server, const char *disk), void *opaque)
{
  struct vl_volume answer;
  const char *name;

  if (report (c, "lvs", "lv_name,lv_tags", vl_printf (c, "vg_name=\"%s\"", group), &answer) < 0)
    return -1;
  for (size_t i = 0; (name = text_of (c, &answer, "lv", i, "lv_name")); i++) {
    const char *server = vl_printf (c, "%.36s", name);

    /* The name alone may be Nova's. */
    if (vl_is_uuid (server) && name[36] == '_' && strstr (said (c, &answer, i, "lv_tags"), LVM_TAG))
      fn (opaque, server,
          vl_printf (c, "logical volume \"%s/%s\" (look at it with: lvs -o +lv_tags %s/%s)", group,
                     name, group, name));
  }
  return 0;
}

/* ---- thin pools ---- */

static int
refuse_pool (struct vl_call *c, const char *group, const char *wanted, size_t n)
{
  if (n == 0)
    return vl_refuse_as (
        c, VL_ERR_NOT_FOUND, "StorageFailed", NULL,
        vl_printf (c,
                   "lvcreate --type thin-pool -l 90%%FREE -n pool %s, or set "
                   "sparse_logical_volumes = no",
                   group),
        "sparse_logical_volumes takes a thin pool, and volume group '%s' has none%s%s%s", group,
        wanted ? " of the name '" : "", wanted ? wanted : "", wanted ? "'" : "");
  return vl_refuse_as (
      c, VL_ERR_UNSUPPORTED, "StorageFailed", NULL, "set images_thin_pool in plugins.d/lvm.conf",
      "volume group '%s' has %zu thin pools, and which is to be used is not said", group, n);
}

int
lvm_find_pool (struct vl_call *c, const char *group, struct lvm_pool *pool)
{
  const char *wanted = vl_str (c, "pool");
  struct vl_volume answer;
  size_t n = 0, rows = 0;
  double percent;

  if (report (c, "lvs", "lv_name,lv_size,data_percent,zero",
              vl_printf (c, "vg_name=\"%s\" && lv_attr=~\"^t\"%s%s%s", group,
                         wanted ? " && lv_name=\"" : "", wanted ? wanted : "", wanted ? "\"" : ""),
              &answer)
      < 0)
    return -1;
  while (text_of (c, &answer, "lv", n, "lv_name"))
    n++;
  if (n != 1)
    return refuse_pool (c, group, wanted, n);
  percent = strtod (said (c, &answer, 0, "data_percent"), NULL);
  *pool = (struct lvm_pool) { .name = text_of (c, &answer, "lv", 0, "lv_name"),
                              .bytes = bytes_of (c, &answer, "lv", 0, "lv_size") };
  pool->used = (int64_t)((double)pool->bytes * percent / 100);
  if (! VL_STREQ (said (c, &answer, 0, "zero"), "zero"))
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "StorageFailed", NULL,
                         vl_printf (c, "lvchange --zero y %s/%s", group, pool->name),
                         "thin pool '%s/%s' hands out what others wrote: it does not zero its "
                         "blocks",
                         group, pool->name);
  if (report (c, "lvs", "lv_name,lv_size",
              vl_printf (c, "vg_name=\"%s\" && pool_lv=\"%s\"", group, pool->name), &answer)
      < 0)
    return -1;
  while (text_of (c, &answer, "lv", rows, "lv_name"))
    pool->promised += bytes_of (c, &answer, "lv", rows++, "lv_size");
  return 0;
}
