/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The state machine and the calls that move guests along it. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"

/* How long a soft reboot waits unless it is told. */
#define SOFT_REBOOT_SECONDS 120u

#define IN(state) (1u << VL_STATE_##state)
#define ANY (IN (NONE) | IN (RUNNING) | IN (PAUSED) | IN (SHUTDOWN) | IN (CRASHED) | IN (SUSPENDED))

/* What a method makes of a guest.  The first row of the method that has the guest's
 * state counts; no row: the method is refused. */
static const struct rule {
  const char *method;
  unsigned from;
  enum vl_state to;
  int boots;
} rules[] = {
  { "pause", IN (RUNNING) | IN (PAUSED), VL_STATE_PAUSED, 0 },
  { "unpause", IN (PAUSED) | IN (RUNNING), VL_STATE_RUNNING, 0 },
  { "suspend", IN (RUNNING) | IN (PAUSED) | IN (SUSPENDED), VL_STATE_SUSPENDED, 0 },
  { "resume", IN (SUSPENDED) | IN (PAUSED) | IN (RUNNING), VL_STATE_RUNNING, 0 },
  { "shut_down", IN (PAUSED), VL_STATE_PAUSED, 0 },
  { "shut_down", IN (SUSPENDED), VL_STATE_SUSPENDED, 0 },
  { "shut_down", ANY, VL_STATE_SHUTDOWN, 0 },
  { "shut_down later", IN (RUNNING), VL_STATE_RUNNING, 0 },
  { "shut_down later", IN (PAUSED), VL_STATE_PAUSED, 0 },
  { "shut_down later", IN (SUSPENDED), VL_STATE_SUSPENDED, 0 },
  { "shut_down later", ANY, VL_STATE_SHUTDOWN, 0 },
  { "power_off", IN (SUSPENDED), VL_STATE_SUSPENDED, 0 },
  { "power_off", ANY, VL_STATE_SHUTDOWN, 0 },
  { "power_on", ANY, VL_STATE_RUNNING, 1 },
  { "reboot", ANY, VL_STATE_RUNNING, 1 },
  { "trigger_crash_dump", IN (RUNNING), VL_STATE_RUNNING, 0 },
  { "trigger_crash_dump", IN (PAUSED), VL_STATE_PAUSED, 0 },
  { "dump_memory", IN (RUNNING), VL_STATE_RUNNING, 0 },
  { "dump_memory", IN (PAUSED), VL_STATE_PAUSED, 0 },
  { "resume_state_on_host_boot", IN (SHUTDOWN) | IN (CRASHED), VL_STATE_RUNNING, 1 },
  { "resume_state_on_host_boot", IN (NONE), VL_STATE_NONE, 0 },
  { "resume_state_on_host_boot", IN (RUNNING), VL_STATE_RUNNING, 0 },
  { "resume_state_on_host_boot", IN (PAUSED), VL_STATE_PAUSED, 0 },
  { "resume_state_on_host_boot", IN (SUSPENDED), VL_STATE_SUSPENDED, 0 },
};

static int64_t
count_in (const struct vl_xml *domain, const char *name)
{
  const struct vl_xml *node = domain ? vl_xml_child (domain, name) : NULL;

  return node ? strtoll (vl_xml_text (node), NULL, 10) : 0;
}

/* The document of SPAWN with the firmware that was chosen before, or that setting `loader` names. */
static const char *
with_loader (struct vl_call *call, const struct vl_spawn *spawn)
{
  const char *xml = vl_doc_xml (spawn->doc), *path = vl_str (call, "loader");
  const char *chosen = vl_doc_xml_chosen (call, spawn->doc, spawn->loader);
  const struct vl_xml *domain;
  const char *machine, *secure;

  if (path == NULL || *path == '\0' || strcmp (xml, chosen) != 0)
    return chosen;
  domain = vl_xml_read (call, xml, strlen (xml));
  machine = domain ? vl_xml_attr (vl_xml_find (domain, "os/type"), "machine") : NULL;
  secure = domain ? vl_xml_attr (vl_xml_find (domain, "os/loader"), "secure") : NULL;
  return vl_doc_xml_chosen (
      call, spawn->doc,
      vl_printf (call, "loader=%s readonly=yes%s type=pflash template=%s machine=%s", path,
                 secure && strcmp (secure, "yes") == 0 ? " secure=yes" : "", path,
                 machine ? machine : "-"));
}

int
fake_take_document (struct vl_call *call, const struct vl_spawn *spawn, struct fake_guest *guest)
{
  const char *xml = with_loader (call, spawn);
  const struct vl_xml *domain;

  if (vl_bool (call, "validate") && vl_xml_validate (call, "domain", xml) < 0)
    return -1;
  domain = vl_xml_read (call, xml, strlen (xml));
  if (domain == NULL || vl_doc_read_back (call, spawn->doc, xml, 0) < 0
      || vl_doc_read_back (call, spawn->doc, xml, 1) < 0)
    return -1;
  guest->uuid = spawn->uuid;
  guest->domain = spawn->domain;
  guest->memory = count_in (domain, "memory");
  guest->vcpus = count_in (domain, "vcpu");
  guest->xml = xml;
  return 0;
}

int
fake_start (struct vl_call *call, struct vl_conn *conn, struct fake_guest *guest)
{
  guest->id = fake_count (call, conn, "id");
  if (guest->id < 0)
    return -1;
  guest->state = VL_STATE_RUNNING;
  guest->boots++;
  return 0;
}

/* GUEST, which is off, becomes that of SPAWN. */
static int
become (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn, int power_on,
        struct fake_guest *guest)
{
  guest->state = VL_STATE_SHUTDOWN;
  if (fake_take_document (call, spawn, guest) < 0)
    return -1;
  if (power_on && fake_start (call, conn, guest) < 0)
    return -1;
  return fake_save (call, conn, guest);
}

static int
make (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn, int power_on)
{
  struct fake_guest guest = { 0 };

  return become (call, conn, spawn, power_on, &guest);
}

/* Moves a guest as the rules say.  SPAWN is the new document, or NULL. */
static int
move (struct vl_call *call, struct vl_conn *conn, const char *method, struct fake_guest *guest,
      const struct vl_spawn *spawn)
{
  size_t i, n = sizeof rules / sizeof rules[0];

  for (i = 0; i < n; i++)
    if (strcmp (rules[i].method, method) == 0 && (rules[i].from & 1u << guest->state))
      break;
  if (i == n)
    return vl_refuse_as (call, VL_ERR_FAILED, "InstanceNotRunning", NULL, NULL,
                         "guest '%s' is in state '%s', in which '%s' cannot be done", guest->uuid,
                         fake_state_name (guest->state), method);
  if (rules[i].boots && spawn && fake_take_document (call, spawn, guest) < 0)
    return -1;
  if (rules[i].boots)
    return fake_start (call, conn, guest) < 0 ? -1 : fake_save (call, conn, guest);
  if (guest->state == rules[i].to)
    return 0;
  guest->state = rules[i].to;
  return fake_save (call, conn, guest);
}

/* A whole method on one guest.  An unknown one is made where MAKES says so. */
static int
change (struct vl_call *call, struct vl_conn *conn, const char *method, const char *uuid,
        const struct vl_spawn *spawn, int makes)
{
  struct fake_guest guest;
  int lock = fake_begin (call, conn, method, uuid), found, answer;

  if (lock < 0)
    return -1;
  found = fake_load (call, conn, uuid, &guest);
  if (found > 0)
    answer = move (call, conn, method, &guest, spawn);
  else if (found == 0)
    answer = makes ? make (call, conn, spawn, 1) : fake_not_found (call, uuid);
  else
    answer = -1;
  return fake_end (call, conn, lock, method, uuid, answer);
}

static int
fake_spawn (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  struct fake_guest guest;
  int lock = fake_begin (call, conn, "spawn", spawn->uuid), found, answer = -1;

  if (lock < 0)
    return -1;
  found = fake_load (call, conn, spawn->uuid, &guest);
  if (found > 0)
    vl_refuse_as (call, VL_ERR_FAILED, "InstanceExists", NULL, NULL, "guest '%s' is there already",
                  spawn->uuid);
  else if (found == 0)
    answer = make (call, conn, spawn, (int)spawn->power_on);
  return fake_end (call, conn, lock, "spawn", spawn->uuid, answer);
}

static int
fake_destroy (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  int lock = fake_begin (call, conn, "destroy", uuid);

  if (lock < 0)
    return -1;
  return fake_end (call, conn, lock, "destroy", uuid, fake_remove (call, conn, uuid));
}

static int
fake_cleanup (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  struct fake_guest guest;
  int lock = fake_begin (call, conn, "cleanup", uuid), found, answer;

  if (lock < 0)
    return -1;
  found = fake_load (call, conn, uuid, &guest);
  answer = found < 0 ? -1 : 0;
  if (found > 0)
    answer = vl_refuse_as (
        call, VL_ERR_FAILED, "InstanceExists", NULL, NULL,
        "guest '%s' is still there: it has to be destroyed before it is cleaned up", uuid);
  return fake_end (call, conn, lock, "cleanup", uuid, answer);
}

/* Does the guest run, and take longer than SECONDS to shut down?  Nobody waits for that. */
static int
is_late (struct vl_call *call, struct vl_conn *conn, const char *uuid, uint32_t seconds)
{
  int64_t takes = vl_int (call, "shutdown-seconds");
  struct fake_guest guest;

  return takes > (int64_t)seconds && fake_load (call, conn, uuid, &guest) > 0
         && guest.state == VL_STATE_RUNNING;
}

static int
fake_reboot (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn,
             enum vl_reboot how, uint32_t timeout)
{
  uint32_t given = timeout == VL_TIMEOUT_AS_SET ? SOFT_REBOOT_SECONDS : timeout;
  int late = how == VL_REBOOT_SOFT && is_late (call, conn, spawn->uuid, given);

  if (change (call, conn, "reboot", spawn->uuid, spawn, how == VL_REBOOT_HARD) < 0)
    return -1;
  return late ? (int)given : 0;
}

static int
fake_pause (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return change (call, conn, "pause", uuid, NULL, 0);
}

static int
fake_unpause (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return change (call, conn, "unpause", uuid, NULL, 0);
}

static int
fake_suspend (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  return change (call, conn, "suspend", uuid, NULL, 0);
}

static int
fake_resume (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  return change (call, conn, "resume", spawn->uuid, NULL, 0);
}

static int
fake_power_off (struct vl_call *call, struct vl_conn *conn, const char *uuid, uint32_t timeout,
                uint32_t retry)
{
  int late = is_late (call, conn, uuid, timeout);

  (void)retry;
  return change (call, conn, "power_off", uuid, NULL, 0) < 0 ? -1 : late;
}

static int
fake_shut_down (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  int takes_time = vl_int (call, "shutdown-seconds") > 0;

  return change (call, conn, takes_time ? "shut_down later" : "shut_down", uuid, NULL, 0);
}

static int
fake_power_on (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  return change (call, conn, "power_on", spawn->uuid, spawn, 0);
}

static int
fake_resume_state_on_host_boot (struct vl_call *call, struct vl_conn *conn,
                                const struct vl_spawn *spawn)
{
  return change (call, conn, "resume_state_on_host_boot", spawn->uuid, spawn, 1);
}

static int
fake_poll_rebooting_instances (struct vl_call *call, struct vl_conn *conn, uint32_t timeout)
{
  int lock = fake_begin (call, conn, "poll_rebooting_instances", "-");

  (void)timeout;
  return lock < 0 ? -1 : fake_end (call, conn, lock, "poll_rebooting_instances", "-", 0);
}

/* As libvirt's drivers: containers are not interrupted, and not every machine has an NMI. */
static int
fake_trigger_crash_dump (struct vl_call *call, struct vl_conn *conn, const char *uuid)
{
  const char *arch = vl_fact_str (call, "host.arch");

  if (strcmp (vl_str (call, "virt-type"), "lxc") == 0)
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "TriggerCrashDumpNotSupported", NULL, NULL,
                         "libvirt cannot interrupt guests of type 'lxc', as '%s' is", uuid);
  if (arch && strcmp (arch, "aarch64") == 0)
    return vl_refuse_as (call, VL_ERR_UNSUPPORTED, "NMINotSupported", NULL, NULL,
                         "the machine of guest '%s' has no non-maskable interrupt", uuid);
  return change (call, conn, "trigger_crash_dump", uuid, NULL, 0);
}

/* ---- migration ---- */

static int
finish (struct vl_call *call, struct vl_conn *conn, const char *method,
        const struct vl_spawn *spawn)
{
  struct fake_guest guest = { 0 };
  int lock = fake_begin (call, conn, method, spawn->uuid), answer = -1;

  if (lock < 0)
    return -1;
  if (fake_load (call, conn, spawn->uuid, &guest) >= 0)
    answer = become (call, conn, spawn, (int)spawn->power_on, &guest);
  return fake_end (call, conn, lock, method, spawn->uuid, answer);
}

int
fake_finish_migration (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  return finish (call, conn, "finish_migration", spawn);
}

int
fake_finish_revert_migration (struct vl_call *call, struct vl_conn *conn,
                              const struct vl_spawn *spawn)
{
  return finish (call, conn, "finish_revert_migration", spawn);
}

static int
fake_rescue (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  return finish (call, conn, "rescue", spawn);
}

static int
fake_unrescue (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  return finish (call, conn, "unrescue", spawn);
}

static int
fake_rebuild (struct vl_call *call, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  return finish (call, conn, "rebuild", spawn);
}

/* Its memory is a sentence. */
static int
fake_dump_memory (struct vl_call *call, struct vl_conn *conn, const char *uuid, const char *path)
{
  FILE *file;

  if (change (call, conn, "dump_memory", uuid, NULL, 0) < 0)
    return -1;
  file = fopen (path, "we");
  if (file == NULL || fprintf (file, "the memory of guest %s\n", uuid) < 0 || fclose (file) != 0)
    return vl_refuse (call, VL_ERR_FAILED, NULL, NULL, "cannot write '%s': %s", path,
                      strerror (errno));
  return 0;
}

const struct vl_power_calls fake_power = {
  .size = sizeof fake_power,
  .spawn = fake_spawn,
  .destroy = fake_destroy,
  .cleanup = fake_cleanup,
  .reboot = fake_reboot,
  .pause = fake_pause,
  .unpause = fake_unpause,
  .suspend = fake_suspend,
  .resume = fake_resume,
  .power_off = fake_power_off,
  .power_on = fake_power_on,
  .rescue = fake_rescue,
  .unrescue = fake_unrescue,
  .resume_state_on_host_boot = fake_resume_state_on_host_boot,
  .poll_rebooting_instances = fake_poll_rebooting_instances,
  .trigger_crash_dump = fake_trigger_crash_dump,
  .shut_down = fake_shut_down,
  .dump_memory = fake_dump_memory,
  .rebuild = fake_rebuild,
};
