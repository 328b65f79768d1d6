/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copies of disks, and what a guest's agent does.  Guests of this driver write nothing, so that a
 * disk of theirs is a sentence; whether they have an agent their documents say, and it always
 * answers, unless a plan has it fail. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fake.h"

#define AGENT "org.qemu.guest_agent.0"

/* Does the guest run (STRICT), or is it at least in memory, and what is it?  The caller has the lock. */
static int
load (struct vl_call *call, struct vl_conn *conn, const char *uuid, int strict,
      struct fake_guest *guest)
{
  int found = fake_load (call, conn, uuid, guest);

  if (found <= 0)
    return found < 0 ? -1 : fake_not_found (call, uuid);
  if (guest->state == VL_STATE_RUNNING || (! strict && guest->state == VL_STATE_PAUSED))
    return 0;
  return vl_refuse_as (call, VL_ERR_FAILED, "InstanceNotRunning", NULL, NULL,
                       "guest '%s' is in state '%s', and does not run", uuid,
                       fake_state_name (guest->state));
}

static int
has_agent (struct vl_call *call, const struct fake_guest *guest)
{
  if (guest->xml && strstr (guest->xml, AGENT))
    return 0;
  return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "QemuGuestAgentNotEnabled", NULL, NULL,
                       "guest '%s' has no channel for a guest agent", guest->uuid);
}

/* What the agent does to the guest is on the record of calls. */
static int
ask_agent (struct vl_call *call, struct vl_conn *conn, const char *method, const char *uuid)
{
  int lock = fake_begin (call, conn, method, uuid);
  struct fake_guest guest;

  if (lock < 0)
    return -1;
  return fake_end (call, conn, lock, method, uuid,
                   load (call, conn, uuid, 1, &guest) < 0 ? -1 : has_agent (call, &guest));
}

static int
fake_quiesce (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return ask_agent (call, conn, "quiesce", uuid);
}

static int
fake_unquiesce (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return ask_agent (call, conn, "unquiesce", uuid);
}

static int
write_copy (struct vl_call *call, const struct vl_snapshot *snapshot)
{
  FILE *file = fopen (snapshot->target, "r+e");

  if (file && fprintf (file, "the disk of guest %s\n", snapshot->uuid) > 0 && fclose (file) == 0)
    return 0;
  return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "cannot write '%s': %s", snapshot->target,
                    strerror (errno));
}

/* Freezing and thawing are on the record of calls, too. */
static int
fake_snapshot (struct vl_call *call, struct vl_conn *conn, const struct vl_snapshot *snapshot)
{
  int quiet = snapshot->quiesce == VL_QUIESCE_MUST, answer, lock;
  struct fake_guest guest;

  if (quiet && fake_quiesce (call, conn, snapshot->uuid) < 0)
    return -1;
  lock = fake_begin (call, conn, "snapshot", snapshot->uuid);
  if (lock < 0)
    return -1;
  answer = load (call, conn, snapshot->uuid, 0, &guest);
  if (answer == 0 && snapshot->quiesce == VL_QUIESCE_TRY)
    fake_record (call, conn, "quiesce", snapshot->uuid, 0);
  if (answer == 0)
    answer = write_copy (call, snapshot);
  answer = fake_end (call, conn, lock, "snapshot", snapshot->uuid, answer);
  return quiet && fake_unquiesce (call, conn, snapshot->uuid) < 0 ? -1 : answer;
}

static int
fake_snapshot_end (struct vl_call *call, struct vl_conn *conn, const struct vl_snapshot *snapshot)
{
  int lock = fake_begin (call, conn, "snapshot_end", snapshot->uuid);

  if (lock >= 0 && snapshot->quiesce)
    fake_record (call, conn, "unquiesce", snapshot->uuid, 0);
  return lock < 0 ? -1 : fake_end (call, conn, lock, "snapshot_end", snapshot->uuid, 0);
}

const struct vl_images_calls fake_images = {
  .size = sizeof fake_images,
  .snapshot = fake_snapshot,
  .snapshot_end = fake_snapshot_end,
};

/* As libvirt's drivers: there is no agent in containers. */
static int
fake_set_admin_password (struct vl_call *call, struct vl_conn *conn, const char *uuid,
                         const char *user, const char *password)
{
  (void)user;
  (void)password;
  if (strcmp (vl_str (call, "virt-type"), "lxc") == 0)
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "SetAdminPasswdNotSupported", NULL, NULL,
                         "libvirt sets no password in guests of type 'lxc', as '%s' is", uuid);
  return ask_agent (call, conn, "set_admin_password", uuid);
}

const struct vl_guest_calls fake_guest_calls = {
  .size = sizeof fake_guest_calls,
  .quiesce = fake_quiesce,
  .unquiesce = fake_unquiesce,
  .set_admin_password = fake_set_admin_password,
};
