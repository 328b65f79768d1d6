/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Planned failures and delays: the settings `fail` and `delay_ms`, and how each
 * method begins and ends under them. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"

/* The calls that `fail` and `delay_ms` may name. */
static const char *const calls[] = {
  "spawn",
  "destroy",
  "cleanup",
  "reboot",
  "pause",
  "unpause",
  "suspend",
  "resume",
  "power_off",
  "shut_down",
  "power_on",
  "rescue",
  "unrescue",
  "rebuild",
  "list_instances",
  "instance_exists",
  "get_info",
  "get_host_uptime",
  "get_available_resource",
  "get_host_cpu_stats",
  "get_instance_diagnostics",
  "get_console_output",
  "get_vnc_console",
  "get_spice_console",
  "get_serial_console",
  "screenshot",
  "trigger_crash_dump",
  "resume_state_on_host_boot",
  "poll_rebooting_instances",
  "attach_volume",
  "detach_volume",
  "attach_interface",
  "detach_interface",
  "extend_volume",
  "change_live",
  "swap_volume",
  "volume_snapshot_create",
  "volume_snapshot_delete",
  "finish_migration",
  "finish_revert_migration",
  "check_can_live_migrate_destination",
  "check_can_live_migrate_source",
  "pre_live_migration",
  "live_migration",
  "live_migration_abort",
  "live_migration_force_complete",
  "post_live_migration",
  "post_live_migration_at_source",
  "post_live_migration_at_destination",
  "rollback_live_migration_at_source",
  "rollback_live_migration_at_destination",
  "secret_put",
  "secret_has",
  "secret_drop",
  "dump_memory",
  "snapshot",
  "snapshot_end",
  "quiesce",
  "unquiesce",
  "set_admin_password",
  "listen",
  NULL,
};

/* Splits "CALL:NUMBER"; *NUMBER is -1 where there is none.  0, or -1 where the
 * number is not one. */
static int
split (struct vl_call *call, const char *item, const char **method, int64_t *number)
{
  const char *colon = strchr (item, ':');
  char *end;

  *method = item;
  *number = -1;
  if (colon == NULL)
    return 0;
  *method = vl_printf (call, "%.*s", (int)(colon - item), item);
  errno = 0;
  *number = strtoll (colon + 1, &end, 10);
  return colon[1] && *end == '\0' && errno == 0 && *number >= 0 ? 0 : -1;
}

/* The number that row PROP gives for METHOD, -1 for the method alone, 0 where it is
 * not named. */
static int64_t
planned (struct vl_call *call, const char *prop, const char *method)
{
  size_t i, n = vl_count (call, prop);

  for (i = 0; i < n; i++) {
    const char *name;
    int64_t number;

    if (split (call, vl_item (call, prop, i), &name, &number) == 0 && strcmp (name, method) == 0)
      return number;
  }
  return 0;
}

static int
check_items (struct vl_call *call, const char *prop, const char *setting, int64_t least,
             int64_t most)
{
  size_t i, n = vl_count (call, prop);
  int answer = 0;

  for (i = 0; i < n; i++) {
    const char *item = vl_item (call, prop, i), *method, *list = "";
    int64_t number;
    size_t k;
    int bad =
        split (call, item, &method, &number) < 0 || number < least || number > most || number == 0;

    for (k = 0; calls[k] && strcmp (calls[k], method) != 0; k++)
      ;
    if (! bad && calls[k])
      continue;
    for (k = 0; calls[k]; k++)
      list = vl_printf (call, "%s%s%s", list, *list ? " " : "", calls[k]);
    answer = vl_refuse (call, VL_ERR_UNSUPPORTED, NULL, vl_printf (call, "the calls are: %s", list),
                        "'%s' in setting '%s' is not %s with a number from 1 to %lld", item,
                        setting, least < 0 ? "a method, or a method" : "a method", (long long)most);
  }
  return answer;
}

int
fake_check_plan (struct vl_call *call)
{
  int failures = check_items (call, "fail", "fail", -1, 1000000000);
  int delays = check_items (call, "delay-ms", "delay_ms", 1, 3600000);

  return failures < 0 || delays < 0 ? -1 : 0;
}

/* The wait is outside the lock, so that slow calls overlap. */
int
fake_begin (struct vl_call *call, const struct vl_conn *conn, const char *method, const char *uuid)
{
  int64_t delay = fake_delay (call, method);
  struct timespec left = { delay / 1000, (long)(delay % 1000) * 1000000 };

  while (delay > 0 && nanosleep (&left, &left) < 0 && errno == EINTR)
    ;
  return fake_begin_now (call, conn, method, uuid);
}

int64_t
fake_delay (struct vl_call *call, const char *method)
{
  return planned (call, "delay-ms", method);
}

int
fake_begin_now (struct vl_call *call, const struct vl_conn *conn, const char *method,
                const char *uuid)
{
  int64_t fails = planned (call, "fail", method), count;
  int lock = fake_lock (call, conn);

  if (lock < 0)
    return -1;
  if (fails == 0)
    return lock;
  count = fake_count (call, conn, method);
  if (count >= 0 && fails > 0 && count != fails)
    return lock;
  if (count >= 0)
    vl_refuse_as (call, VL_ERR_FAILED, "PlannedFailure", NULL, NULL,
                  "method '%s' fails as planned by setting 'fail'", method);
  return fake_end (call, conn, lock, method, uuid, -1);
}

int
fake_end (struct vl_call *call, const struct vl_conn *conn, int lock, const char *method,
          const char *uuid, int answer)
{
  fake_record (call, conn, method, uuid, answer);
  fake_unlock (lock);
  return answer;
}

int
fake_pass (struct vl_call *call, const struct vl_conn *conn, const char *method)
{
  int lock;

  if (planned (call, "delay-ms", method) == 0 && planned (call, "fail", method) == 0)
    return 0;
  lock = fake_begin (call, conn, method, "-");
  if (lock < 0)
    return -1;
  fake_unlock (lock);
  return 0;
}
