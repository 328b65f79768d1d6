/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The state machine of servers, in tables; build-aux/states reads them. */

#include <config.h>

#include "server/states.h"

#include "lib/text.h"

#include <virtloom/virtloom.h>

/* When what is on record counts, whatever state the guest is in. */
enum kept { NEVER, ALWAYS, WITH_A_GUEST };

/* A status for each row: when it is kept, the command that leads out of it, what else does, what it
 * means. */
static const struct {
  const char *status;
  enum kept kept;
  const char *way_out, *or_else, *meaning;
} statuses[] = {
  { "BUILD", ALWAYS, NULL, NULL, "it is being made" },
  { "ACTIVE", NEVER, NULL, NULL, "its guest runs" },
  { "SHUTOFF", NEVER, "start", NULL, "its guest is off" },
  { "PAUSED", NEVER, "unpause", NULL, "its guest stands still in memory" },
  { "SUSPENDED", NEVER, "resume", NULL, "its guest's memory lies on disk" },
  { "VERIFY_RESIZE", ALWAYS, "resize confirm", "revert it",
    "it has another flavor, and what it was before is kept" },
  { "RESCUE", ALWAYS, "unrescue", NULL, "it runs from a rescue disk, and what it was is kept" },
  { "SHELVED_OFFLOADED", ALWAYS, "unshelve", "delete it",
    "its guest is off, and its root disk is an image" },
  { "MIGRATING", ALWAYS, NULL, NULL, "it goes to another host, or has gone" },
  { "ERROR", ALWAYS, "reboot --hard", "delete it",
    "an operation failed halfway, or its guest is gone" },
  { "DELETING", ALWAYS, NULL, NULL, "it is being removed" },
};
#define N_STATUSES (sizeof statuses / sizeof statuses[0])

#define ANY "any"
#define NOT "not "
/* One that is there: neither is it being made nor removed, nor two servers at once, nor elsewhere. */
#define THERE NOT "BUILD, VERIFY_RESIZE, RESCUE, SHELVED_OFFLOADED, MIGRATING, DELETING"

static const struct vl_operation operations[] = {
  { "start", "SHUTOFF", "ACTIVE", VL_OP_START, VL_EVENT_STARTED },
  { "stop", "ACTIVE, PAUSED, ERROR", "SHUTOFF", VL_OP_STOP, VL_EVENT_STOPPED },
  { "reboot", "ACTIVE", "ACTIVE", VL_OP_REBOOT, VL_EVENT_REBOOTED },
  { "hard reboot", "ACTIVE, SHUTOFF, PAUSED, SUSPENDED, ERROR", "ACTIVE", VL_OP_REBOOT,
    VL_EVENT_REBOOTED },
  { "pause", "ACTIVE", "PAUSED", VL_OP_PAUSE, VL_EVENT_PAUSED },
  { "unpause", "PAUSED", "ACTIVE", VL_OP_UNPAUSE, VL_EVENT_UNPAUSED },
  { "suspend", "ACTIVE", "SUSPENDED", VL_OP_SUSPEND, VL_EVENT_SUSPENDED },
  { "resume", "SUSPENDED", "ACTIVE", VL_OP_RESUME, VL_EVENT_RESUMED },
  { "start after a boot of the host", "SHUTOFF, VERIFY_RESIZE", "ACTIVE, VERIFY_RESIZE",
    VL_OP_START, VL_EVENT_STARTED },
  { "attach volume", "ACTIVE, SHUTOFF, PAUSED", NULL, VL_OP_ATTACH_VOLUME, VL_EVENT_ATTACHED },
  { "detach volume", "ACTIVE, SHUTOFF, PAUSED", NULL, VL_OP_DETACH_VOLUME, VL_EVENT_DETACHED },
  { "extend volume", "ACTIVE, SHUTOFF, PAUSED", NULL, VL_OP_EXTEND_VOLUME, 0 },
  { "swap volume", "ACTIVE, SHUTOFF, PAUSED", NULL, VL_OP_SWAP_VOLUME, 0 },
  { "snapshot volume", "ACTIVE, SHUTOFF, PAUSED", NULL, VL_OP_SNAPSHOT, 0 },
  { "unsnapshot volume", "ACTIVE, SHUTOFF, PAUSED", NULL, VL_OP_SNAPSHOT, 0 },
  { "attach interface", "ACTIVE, SHUTOFF, PAUSED", NULL, VL_OP_ATTACH_INTERFACE,
    VL_EVENT_ATTACHED },
  { "detach interface", "ACTIVE, SHUTOFF, PAUSED", NULL, VL_OP_DETACH_INTERFACE,
    VL_EVENT_DETACHED },
  { "resize", "ACTIVE, SHUTOFF", "VERIFY_RESIZE", VL_OP_RESIZE, VL_EVENT_CHANGED },
  { "resize confirm", "VERIFY_RESIZE", "", 0, 0 },
  { "resize revert", "VERIFY_RESIZE", "", 0, VL_EVENT_CHANGED },
  { "rescue", "ACTIVE, SHUTOFF, ERROR", "RESCUE", VL_OP_RESCUE, VL_EVENT_REBOOTED },
  { "unrescue", "RESCUE", "ACTIVE", VL_OP_UNRESCUE, VL_EVENT_REBOOTED },
  { "rebuild", "ACTIVE, SHUTOFF, ERROR", "", VL_OP_REBUILD, VL_EVENT_CHANGED },
  { "live migration", "ACTIVE, PAUSED", "MIGRATING", VL_OP_LIVE_MIGRATE, 0 },
  { "migrate", "ACTIVE, SHUTOFF", "gone", VL_OP_MIGRATE, 0 },
  { "shelve", "ACTIVE, SHUTOFF, PAUSED", "SHELVED_OFFLOADED", VL_OP_SHELVE, VL_EVENT_STOPPED },
  { "unshelve", "SHELVED_OFFLOADED", "ACTIVE", VL_OP_UNSHELVE, VL_EVENT_STARTED },
  { "dump", "ACTIVE, PAUSED, RESCUE, VERIFY_RESIZE, ERROR", NULL, VL_OP_CRASH_DUMP, 0 },
  { "create image", "ACTIVE, SHUTOFF, PAUSED, SUSPENDED", NULL, VL_OP_SNAPSHOT, 0 },
  { "set password", "ACTIVE", NULL, VL_OP_SET_PASSWORD, 0 },
  { "show diagnostics", "ACTIVE, PAUSED, RESCUE, VERIFY_RESIZE, ERROR", NULL, 0, 0 },
  { "console", "ACTIVE, PAUSED, RESCUE, VERIFY_RESIZE, ERROR", NULL, 0, 0 },
  { "screenshot", "ACTIVE, PAUSED, RESCUE, VERIFY_RESIZE, ERROR", NULL, 0, 0 },
  { "set", THERE, NULL, 0, 0 },
  { "set status", THERE, "", 0, 0 },
  { "lock", ANY, NULL, 0, 0 },
  { "unlock", ANY, NULL, 0, 0 },
  { "delete", NOT "MIGRATING", "gone", VL_OP_DELETE, 0 },
};
#define N_OPERATIONS (sizeof operations / sizeof operations[0])

/* Operations that are done by a verb of another name: what is on record, and "server " VERB. */
static const struct {
  const char *word, *verb;
} verbs[] = {
  { "hard reboot", "reboot --hard" },
  { "update", "reboot --hard --update" },
  { "attach volume", "add volume" },
  { "detach volume", "remove volume" },
  { "attach interface", "add network" },
  { "detach interface", "remove network" },
  { "create image", "image create" },
  { "set password", "password set" },
  { "set live", "set" },
  { "set status", "set --status" },
  { "show diagnostics", "show --diagnostics" },
  { "dump", "dump create" },
  { "release", "delete" },
  { "import replace", "import --replace" },
};
#define N_VERBS (sizeof verbs / sizeof verbs[0])

static const struct vl_happening happenings[] = {
  { "ACTIVE", "SHUTOFF", "stopped", VL_EVENT_STOPPED },
  { "PAUSED", "SHUTOFF", "stopped while paused", VL_EVENT_STOPPED },
  { "ACTIVE", "PAUSED", "paused", VL_EVENT_PAUSED },
  { "PAUSED", "ACTIVE", "unpaused", VL_EVENT_UNPAUSED },
  { "SHUTOFF", "ACTIVE", "started", VL_EVENT_STARTED },
  { "SUSPENDED", "ACTIVE", "resumed", VL_EVENT_RESUMED },
};
#define N_HAPPENINGS (sizeof happenings / sizeof happenings[0])

/* What Nova calls a server in STATE, and the state itself.  To the hypervisor, a guest that
 * was saved to disk is off. */
static const struct {
  enum vl_state state;
  const char *status, *power;
} states[] = {
  { VL_STATE_RUNNING, "ACTIVE", "RUNNING" },        { VL_STATE_PAUSED, "PAUSED", "PAUSED" },
  { VL_STATE_SUSPENDED, "SUSPENDED", "SUSPENDED" }, { VL_STATE_SHUTDOWN, "SHUTOFF", "SHUTDOWN" },
  { VL_STATE_CRASHED, "SHUTOFF", "CRASHED" },
};
#define N_STATES (sizeof states / sizeof states[0])

const char *
vl_server_status (size_t i)
{
  return i < N_STATUSES ? statuses[i].status : NULL;
}

const struct vl_operation *
vl_operation_find (const char *word)
{
  for (size_t i = 0; i < N_OPERATIONS; i++)
    if (VL_STREQ (operations[i].word, word))
      return &operations[i];
  return NULL;
}

const char *
vl_operation_verb (const char *word)
{
  for (size_t i = 0; i < N_VERBS; i++)
    if (VL_STREQ (verbs[i].word, word))
      return verbs[i].verb;
  return word;
}

/* Is STATUS in LIST, "ACTIVE, PAUSED"? */
static int
is_listed (const char *list, const char *status)
{
  size_t length;

  for (; *list; list += length + strspn (list + length, ", ")) {
    length = strcspn (list, ",");
    if (strlen (status) == length && memcmp (list, status, length) == 0)
      return 1;
  }
  return 0;
}

int
vl_operation_is_for (const struct vl_operation *operation, const char *status)
{
  const char *from = operation->from;

  if (VL_STARTS (from, NOT))
    return ! is_listed (from + strlen (NOT), status);
  return VL_STREQ (from, ANY) || is_listed (from, status);
}

int
vl_operation_leads_to (const struct vl_operation *operation, const char *status)
{
  return operation->to && is_listed (operation->to, status);
}

const struct vl_happening *
vl_happening_find (const char *was, const char *is)
{
  for (size_t i = 0; i < N_HAPPENINGS; i++)
    if (VL_STREQ (happenings[i].was, was) && VL_STREQ (happenings[i].is, is))
      return &happenings[i];
  return NULL;
}

const char *
vl_status_way_out (struct vl_call *call, const char *status, const char *server)
{
  for (size_t i = 0; i < N_STATUSES; i++)
    if (VL_STREQ (statuses[i].status, status) && statuses[i].way_out)
      return vl_printf (call, "virtloom server %s %s%s%s", statuses[i].way_out, server,
                        statuses[i].or_else ? ", or " : "",
                        statuses[i].or_else ? statuses[i].or_else : "");
  return NULL;
}

/* Does RECORDED count, whatever STATE the guest is in? */
static int
is_kept (const char *recorded, enum vl_state state)
{
  for (size_t i = 0; i < N_STATUSES; i++)
    if (VL_STREQ (statuses[i].status, recorded))
      return statuses[i].kept == ALWAYS
             || (statuses[i].kept == WITH_A_GUEST && state != VL_STATE_NONE);
  return 0;
}

const char *
vl_status_of (const char *recorded, enum vl_state state, int known)
{
  if (! known || is_kept (recorded, state))
    return recorded;
  for (size_t i = 0; i < N_STATES; i++)
    if (states[i].state == state)
      return VL_STREQ (states[i].status, "SHUTOFF") && VL_STREQ (recorded, "SUSPENDED")
                 ? recorded
                 : states[i].status;
  return "ERROR";
}

const char *
vl_power_state_name (enum vl_state state)
{
  for (size_t i = 0; i < N_STATES; i++)
    if (states[i].state == state)
      return states[i].power;
  return "NOSTATE";
}
