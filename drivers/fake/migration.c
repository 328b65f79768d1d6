/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Guests that go to another host while they run.  Nothing is sent: at the source a guest ceases to be
 * there, as long after it began as `delay_ms` of live_migration says; at the destination it is there
 * once it is said to have come. */

#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"
#include "lib/clock.h"

#define LOOK_MS 20
#define GOES "goes"
#define ABORT "abort"
#define FORCE "force"

static int
not_in_state (struct vl_call *call, const struct fake_guest *guest, const char *what)
{
  return vl_refuse_as (call, VL_ERR_REQUEST, "InstanceInvalidState", NULL,
                       "a guest that runs or is paused can be moved so",
                       "guest '%s' is %s: it cannot be %s", guest->uuid,
                       fake_state_name (guest->state), what);
}

static int
goes_state (const struct fake_guest *guest)
{
  return guest->state == VL_STATE_RUNNING || guest->state == VL_STATE_PAUSED;
}

/* The element NAME of XML as text, "" without attributes that nobody compares; NULL: there is none. */
static const char *
cpu_text (struct vl_call *call, const char *xml)
{
  const char *begin = strstr (xml, "<cpu "), *end = begin ? strstr (begin, "</cpu>") : NULL;

  return end ? vl_printf (call, "%.*s", (int)(end - begin) + 6, begin) : NULL;
}

/* ---- can it? ---- */

static int
lacks_feature (struct vl_call *call, const char *name)
{
  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "MigrationPreCheckError", NULL,
                       "another host, or a guest with a CPU model that both have",
                       "the guest's processor has '%s', and this host's has not", name);
}

static int
fake_check_can_live_migrate_destination (struct vl_call *call, struct vl_conn *conn,
                                         struct vl_migrate_data *data)
{
  int lock = fake_begin (call, conn, "check_can_live_migrate_destination", data->uuid), answer = 0;
  const struct vl_xml *cpu =
      lock >= 0 && data->cpu ? vl_xml_read (call, data->cpu, strlen (data->cpu)) : NULL;

  if (lock < 0)
    return -1;
  if (data->cpu && cpu == NULL)
    answer = -1;
  for (const struct vl_xml *f = cpu ? vl_xml_child (cpu, "feature") : NULL; f && answer == 0;
       f = vl_xml_next (f, "feature")) {
    const char *policy = vl_xml_attr (f, "policy"), *name = vl_xml_attr (f, "name");

    if (name && (policy == NULL || strcmp (policy, "require") == 0)
        && vl_fact_offers (call, "host.cpu.features", name) == 0)
      answer = lacks_feature (call, name);
  }
  return fake_end (call, conn, lock, "check_can_live_migrate_destination", data->uuid, answer);
}

static int
fake_check_can_live_migrate_source (struct vl_call *call, struct vl_conn *conn,
                                    struct vl_migrate_data *data)
{
  struct fake_guest guest;
  int lock = fake_begin (call, conn, "check_can_live_migrate_source", data->uuid), found,
      answer = 0;

  if (lock < 0)
    return -1;
  found = fake_load (call, conn, data->uuid, &guest);
  if (found <= 0)
    answer = found < 0 ? -1 : fake_not_found (call, data->uuid);
  else if (! goes_state (&guest))
    answer = not_in_state (call, &guest, "moved while it runs");
  else {
    data->domain = guest.domain;
    data->cpu = cpu_text (call, guest.xml);
    if (data->xml == NULL)
      data->xml = guest.xml;
  }
  return fake_end (call, conn, lock, "check_can_live_migrate_source", data->uuid, answer);
}

/* ---- at the destination ---- */

static int
fake_pre_live_migration (struct vl_call *call, struct vl_conn *conn,
                         const struct vl_migrate_data *data)
{
  struct fake_guest guest;
  int lock = fake_begin (call, conn, "pre_live_migration", data->uuid), found, answer;

  if (lock < 0)
    return -1;
  found = fake_load (call, conn, data->uuid, &guest);
  if (found > 0)
    answer = vl_refuse_as (call, VL_ERR_FAILED, "InstanceExists", NULL,
                           "roll_back_live_migration_at_destination, or virtloom state check",
                           "guest '%s' is there already", data->uuid);
  else
    answer = found < 0
                 ? -1
                 : fake_move_note (call, conn, FAKE_COMES, data->uuid,
                                   vl_printf (call, "%s\n%s", data->domain ? data->domain : "",
                                              data->xml ? data->xml : ""));
  return fake_end (call, conn, lock, "pre_live_migration", data->uuid, answer);
}

/* A guest of what is noted of it, which runs. */
static int
arrive (struct vl_call *call, struct vl_conn *conn, const char *uuid, const char *noted)
{
  const char *xml = strchr (noted, '\n') + 1;
  const struct vl_xml *root = *xml ? vl_xml_read (call, xml, strlen (xml)) : NULL;
  const struct vl_xml *memory = root ? vl_xml_child (root, "memory") : NULL;
  const struct vl_xml *vcpu = root ? vl_xml_child (root, "vcpu") : NULL;
  struct fake_guest guest = {
    .uuid = uuid,
    .domain = vl_printf (call, "%.*s", (int)(xml - noted) - 1, noted),
    .memory = memory ? strtoll (vl_xml_text (memory), NULL, 10) : 0,
    .vcpus = vcpu ? strtoll (vl_xml_text (vcpu), NULL, 10) : 0,
    .xml = xml,
  };

  return fake_start (call, conn, &guest) < 0 || fake_save (call, conn, &guest) < 0
             ? -1
             : fake_move_note (call, conn, FAKE_COMES, uuid, NULL);
}

static int
fake_post_live_migration_at_destination (struct vl_call *call, struct vl_conn *conn,
                                         const struct vl_migrate_data *data)
{
  struct fake_guest guest;
  int lock = fake_begin (call, conn, "post_live_migration_at_destination", data->uuid), found,
      answer;
  const char *noted = lock < 0 ? NULL : fake_move_noted (call, conn, FAKE_COMES, data->uuid);

  if (lock < 0)
    return -1;
  found = fake_load (call, conn, data->uuid, &guest);
  if (found != 0)
    answer = found < 0 ? -1 : 0;
  else
    answer = noted ? arrive (call, conn, data->uuid, noted) : fake_not_found (call, data->uuid);
  return fake_end (call, conn, lock, "post_live_migration_at_destination", data->uuid, answer);
}

static int
fake_rollback_live_migration_at_destination (struct vl_call *call, struct vl_conn *conn,
                                             const struct vl_migrate_data *data)
{
  struct fake_guest guest;
  int lock = fake_begin (call, conn, "rollback_live_migration_at_destination", data->uuid), found,
      answer;

  if (lock < 0)
    return -1;
  found = fake_load (call, conn, data->uuid, &guest);
  answer = found > 0    ? not_in_state (call, &guest, "taken back, since it has come whole")
           : found == 0 ? fake_move_note (call, conn, FAKE_COMES, data->uuid, NULL)
                        : -1;
  return fake_end (call, conn, lock, "rollback_live_migration_at_destination", data->uuid, answer);
}

/* ---- at the source ---- */

/* What the caller, or another process, wants of the guest that goes. */
static const char *
order_of (struct vl_call *call, struct vl_conn *conn, const char *uuid, vl_migration_fn fn,
          void *opaque, const struct vl_migration_progress *progress)
{
  const char *noted = fake_move_noted (call, conn, FAKE_LEAVES, uuid);
  int order = fn ? fn (opaque, progress) : VL_MIGRATION_GOES_ON;

  if (order == VL_MIGRATION_ABORT || noted == NULL)
    return ABORT;
  return order == VL_MIGRATION_FORCE_COMPLETE ? FORCE : noted;
}

/* 0 once all of GUEST has gone, -1 where it was given up. */
static int
copy (struct vl_call *call, struct vl_conn *conn, const struct fake_guest *guest,
      vl_migration_fn fn, void *opaque)
{
  int64_t takes = fake_delay (call, "live_migration"), begun = vl_clock_ms (), elapsed = 0;
  int64_t total = guest->memory * 1024;

  do {
    struct vl_migration_progress progress = {
      .size = sizeof progress,
      .iteration = 1,
      .elapsed = elapsed,
      .downtime = -1,
      .memory_total = total,
      .memory_remaining = takes ? total - total * elapsed / takes : 0,
      .disk_total = 0,
      .disk_remaining = 0,
      .bps = -1,
    };
    const char *order = order_of (call, conn, guest->uuid, fn, opaque, &progress);
    const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };

    if (strcmp (order, ABORT) == 0)
      return -1;
    if (strcmp (order, FORCE) == 0)
      return 0;
    if (elapsed < takes)
      nanosleep (&pause, NULL);
    elapsed = vl_clock_ms () - begun;
  } while (elapsed < takes);
  return 0;
}

/* The last step, after which the guest is not here any more. */
static int
leave (struct vl_call *call, struct vl_conn *conn, const char *uuid, int copied)
{
  int lock = fake_lock (call, conn);
  int answer = lock < 0 ? -1 : 0;

  if (answer == 0 && copied < 0)
    answer = vl_refuse_as (call, VL_ERR_FAILED, "MigrationError", NULL,
                           "it goes on here; try again when it may be moved",
                           "the move of guest '%s' was given up", uuid);
  else if (answer == 0)
    answer = fake_remove (call, conn, uuid);
  if (lock >= 0) {
    (void)fake_move_note (call, conn, FAKE_LEAVES, uuid, NULL);
    fake_record (call, conn, "live_migration", uuid, answer);
    fake_unlock (lock);
  }
  return answer;
}

static int
fake_live_migration (struct vl_call *call, struct vl_conn *conn, const struct vl_migrate_data *data,
                     const char *dest, vl_migration_fn fn, void *opaque)
{
  struct fake_guest guest;
  int lock = fake_begin_now (call, conn, "live_migration", data->uuid), found, answer;

  (void)dest;
  if (lock < 0)
    return -1;
  found = fake_load (call, conn, data->uuid, &guest);
  if (found <= 0)
    answer = found < 0 ? -1 : fake_not_found (call, data->uuid);
  else
    answer = goes_state (&guest) ? fake_move_note (call, conn, FAKE_LEAVES, data->uuid, GOES)
                                 : not_in_state (call, &guest, "moved while it runs");
  if (answer < 0)
    return fake_end (call, conn, lock, "live_migration", data->uuid, answer);
  fake_unlock (lock);
  return leave (call, conn, data->uuid, copy (call, conn, &guest, fn, opaque));
}

/* Tells the process in which METHOD's guest goes what becomes of it. */
static int
tell (struct vl_call *call, struct vl_conn *conn, const char *method, const char *uuid,
      const char *order)
{
  int lock = fake_begin (call, conn, method, uuid), answer;

  if (lock < 0)
    return -1;
  if (fake_move_noted (call, conn, FAKE_LEAVES, uuid))
    answer = fake_move_note (call, conn, FAKE_LEAVES, uuid, order);
  else
    answer = vl_refuse_as (call, VL_ERR_REQUEST, "NoActiveMigrationForInstance", NULL,
                           "it may have ended by itself: virtloom server list",
                           "guest '%s' is not being moved", uuid);
  return fake_end (call, conn, lock, method, uuid, answer);
}

static int
fake_live_migration_abort (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return tell (call, conn, "live_migration_abort", uuid, ABORT);
}

static int
fake_live_migration_force_complete (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return tell (call, conn, "live_migration_force_complete", uuid, FORCE);
}

static int
has_gone (struct vl_call *call, struct vl_conn *conn, const char *method, const char *uuid)
{
  struct fake_guest guest;
  int lock = fake_begin (call, conn, method, uuid), found, answer;

  if (lock < 0)
    return -1;
  found = fake_load (call, conn, uuid, &guest);
  answer =
      found > 0 ? not_in_state (call, &guest, "tidied up after, since it is still here") : found;
  return fake_end (call, conn, lock, method, uuid, answer);
}

static int
fake_post_live_migration (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return has_gone (call, conn, "post_live_migration", uuid);
}

static int
fake_post_live_migration_at_source (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return has_gone (call, conn, "post_live_migration_at_source", uuid);
}

static int
fake_rollback_live_migration_at_source (struct vl_call *call, struct vl_conn *conn,
                                        const char *uuid)
{
  struct fake_guest guest;
  int lock = fake_begin (call, conn, "rollback_live_migration_at_source", uuid), found, answer;

  if (lock < 0)
    return -1;
  found = fake_load (call, conn, uuid, &guest);
  answer = found < 0 || fake_move_note (call, conn, FAKE_LEAVES, uuid, NULL) < 0 ? -1 : found == 0;
  return fake_end (call, conn, lock, "rollback_live_migration_at_source", uuid, answer);
}

const struct vl_migration_calls fake_migration = {
  .size = sizeof fake_migration,
  .finish_migration = fake_finish_migration,
  .finish_revert_migration = fake_finish_revert_migration,
  .check_can_live_migrate_destination = fake_check_can_live_migrate_destination,
  .check_can_live_migrate_source = fake_check_can_live_migrate_source,
  .pre_live_migration = fake_pre_live_migration,
  .live_migration = fake_live_migration,
  .live_migration_abort = fake_live_migration_abort,
  .live_migration_force_complete = fake_live_migration_force_complete,
  .post_live_migration = fake_post_live_migration,
  .post_live_migration_at_source = fake_post_live_migration_at_source,
  .post_live_migration_at_destination = fake_post_live_migration_at_destination,
  .rollback_live_migration_at_source = fake_rollback_live_migration_at_source,
  .rollback_live_migration_at_destination = fake_rollback_live_migration_at_destination,
};
