/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Planned failures and delays: the settings `fail` and `delay_ms`, and how each
 * call begins and ends under them. */

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
  "power_on",
  "list_instances",
  "instance_exists",
  "get_info",
  "get_host_uptime",
  "get_console_output",
  "trigger_crash_dump",
  "resume_state_on_host_boot",
  "poll_rebooting_instances",
  NULL,
};

/* Splits "CALL:NUMBER"; *NUMBER is -1 where there is none.  0, or -1 where the
 * number is not one. */
static int
split (struct vl_ctx *ctx, const char *item, const char **call, int64_t *number)
{
  const char *colon = strchr (item, ':');
  char *end;

  *call = item;
  *number = -1;
  if (colon == NULL)
    return 0;
  *call = vl_printf (ctx, "%.*s", (int)(colon - item), item);
  errno = 0;
  *number = strtoll (colon + 1, &end, 10);
  return colon[1] && *end == '\0' && errno == 0 && *number >= 0 ? 0 : -1;
}

/* The number that SETTING gives for CALL, -1 for the call alone, 0 where it is
 * not named. */
static int64_t
planned (struct vl_ctx *ctx, const char *setting, const char *call)
{
  size_t i, n = vl_setting_count (ctx, setting);

  for (i = 0; i < n; i++) {
    const char *name;
    int64_t number;

    if (split (ctx, vl_setting_item (ctx, setting, i), &name, &number) == 0
        && strcmp (name, call) == 0)
      return number;
  }
  return 0;
}

static int
check_items (struct vl_ctx *ctx, const char *setting, int64_t least, int64_t most)
{
  size_t i, n = vl_setting_count (ctx, setting);
  int answer = 0;

  for (i = 0; i < n; i++) {
    const char *item = vl_setting_item (ctx, setting, i), *call, *list = "";
    int64_t number;
    size_t k;
    int bad =
        split (ctx, item, &call, &number) < 0 || number < least || number > most || number == 0;

    for (k = 0; calls[k] && strcmp (calls[k], call) != 0; k++)
      ;
    if (! bad && calls[k])
      continue;
    for (k = 0; calls[k]; k++)
      list = vl_printf (ctx, "%s%s%s", list, *list ? " " : "", calls[k]);
    answer = vl_error (ctx, VL_ERR_UNSUPPORTED, NULL, NULL,
                       "'%s' in setting '%s' is not %s with a number from 1 to %lld", item, setting,
                       least < 0 ? "a call, or a call" : "a call", (long long)most);
    vl_hint (ctx, "the calls are: %s", list);
  }
  return answer;
}

int
fake_check_plan (struct vl_ctx *ctx)
{
  int failures = check_items (ctx, "fail", -1, 1000000000);
  int delays = check_items (ctx, "delay_ms", 1, 3600000);

  return failures < 0 || delays < 0 ? -1 : 0;
}

/* The wait is outside the lock, so that slow calls overlap. */
int
fake_begin (struct vl_ctx *ctx, const struct vl_conn *conn, const char *call, const char *uuid)
{
  int64_t delay = planned (ctx, "delay_ms", call), fails = planned (ctx, "fail", call), count;
  struct timespec left = { delay / 1000, (long)(delay % 1000) * 1000000 };
  int lock;

  while (delay > 0 && nanosleep (&left, &left) < 0 && errno == EINTR)
    ;
  lock = fake_lock (ctx, conn);
  if (lock < 0)
    return -1;
  if (fails == 0)
    return lock;
  count = fake_count (ctx, conn, call);
  if (count >= 0 && fails > 0 && count != fails)
    return lock;
  if (count >= 0)
    vl_error (ctx, VL_ERR_FAILED, "PlannedFailure", NULL,
              "call '%s' fails as planned by setting 'fail'", call);
  return fake_end (ctx, conn, lock, call, uuid, -1);
}

int
fake_end (struct vl_ctx *ctx, const struct vl_conn *conn, int lock, const char *call,
          const char *uuid, int answer)
{
  fake_record (ctx, conn, call, uuid, answer);
  fake_unlock (lock);
  return answer;
}

int
fake_pass (struct vl_ctx *ctx, const struct vl_conn *conn, const char *call)
{
  int lock;

  if (planned (ctx, "delay_ms", call) == 0 && planned (ctx, "fail", call) == 0)
    return 0;
  lock = fake_begin (ctx, conn, call, "-");
  if (lock < 0)
    return -1;
  fake_unlock (lock);
  return 0;
}
