/* SPDX-License-Identifier: MIT
 *
 * An example of a driver: QEMU without libvirt.  Each guest is a process that outlives
 * the command, and a folder STATE/acme-argv/UUID: its name and its console's log as links,
 * QEMU's socket and messages and, while it is suspended, its memory. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "qemu.h"

#define PATIENCE 60 /* seconds for an answer of QEMU */
#define CONSOLE_BYTES (100 * 1024)

struct vl_conn {
  char folder[4096];
  pid_t qemu; /* who answered last, 0: nobody */
};

static const char *
file_of (struct vl_call *c, struct vl_conn *conn, const char *uuid, const char *file)
{
  return vl_printf (c, "%s/%s/%s", conn->folder, uuid, file);
}

/* ---- QEMU ---- */

/* QEMU's answer to COMMAND; NULL where it does not run, or refuses.  CONN->qemu says which. */
static const char *
ask (struct vl_call *c, struct vl_conn *conn, const char *uuid, const char *command)
{
  const char *both = vl_printf (c, "{\"execute\": \"qmp_capabilities\"}{\"execute\": %s}", command);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  struct timeval patience = { .tv_sec = PATIENCE };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), answers = 0;
  struct ucred peer = { .pid = 0 };
  socklen_t size = sizeof peer;
  FILE *lines = fdopen (fd, "r");
  char line[16384] = "";

  snprintf (address.sun_path, sizeof address.sun_path, "%s", file_of (c, conn, uuid, "qmp"));
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (lines && connect (fd, (struct sockaddr *)&address, sizeof address) == 0) {
    getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    send (fd, both, strlen (both), MSG_NOSIGNAL);
    /* A greeting and events come in between. */
    while (answers < 2 && fgets (line, sizeof line, lines))
      answers += strncmp (line, "{\"return\"", 9) == 0 || strncmp (line, "{\"error\"", 8) == 0;
  }
  if (lines)
    fclose (lines);
  conn->qemu = peer.pid;
  return answers == 2 && line[2] == 'r' ? vl_printf (c, "%s", line) : NULL;
}

/* Gives the guest TIMEOUT seconds to shut down by itself, asked again every RETRY seconds;
 * then ends it: 1.  One that does not run is left alone. */
static int
power_off (struct vl_call *c, struct vl_conn *conn, const char *uuid, uint32_t timeout,
           uint32_t retry)
{
  struct pollfd process = { .events = POLLIN };
  int ended = 0, runs;

  ask (c, conn, uuid, "\"query-status\"");
  if (conn->qemu == 0)
    return 0;
  process.fd = (int)syscall (SYS_pidfd_open, conn->qemu, 0);
  retry = retry ? retry : timeout;
  for (uint32_t waited = 0; waited < timeout && ! ended; waited += retry) {
    ask (c, conn, uuid, "\"system_powerdown\"");
    ended = poll (&process, 1, (int)retry * 1000);
  }
  runs = ! ended;
  if (runs)
    ask (c, conn, uuid, "\"quit\"");
  if (runs && poll (&process, 1, PATIENCE * 1000) == 0) {
    syscall (SYS_pidfd_send_signal, process.fd, SIGKILL, NULL, 0);
    poll (&process, 1, PATIENCE * 1000);
  }
  close (process.fd);
  return runs;
}

/* Boots the guest or, with INCOMING, continues it from the memory that was saved. */
static int
start (struct vl_call *c, struct vl_conn *conn, const struct vl_spawn *spawn, const char *incoming)
{
  const char *xml = vl_doc_xml (spawn->doc), *uuid = spawn->uuid;
  const struct vl_xml *domain = vl_xml_read (c, xml, strlen (xml)), *log;
  const char *link = file_of (c, conn, uuid, "console");
  char **argv;

  if (domain == NULL || power_off (c, conn, uuid, 0, 0) < 0)
    return -1;
  argv = command_line (c, domain, file_of (c, conn, uuid, "qmp"), incoming);
  if (argv == NULL)
    return -1;
  log = vl_xml_find (domain, "devices/serial/log");
  unlink (link);
  if (log && symlink (vl_xml_attr (log, "file"), link) < 0)
    return vl_refuse (c, VL_ERR_FAILED, NULL, NULL, "'%s' cannot be made: %m", link);
  return run_qemu (c, argv, file_of (c, conn, uuid, "messages"), file_of (c, conn, uuid, "memory"));
}

/* ---- inventory ---- */

/* The guest's name at the hypervisor; NULL where there is no such guest. */
static const char *
name_of (struct vl_call *c, struct vl_conn *conn, const char *uuid)
{
  char *name = vl_memory (c, 256);

  return readlink (file_of (c, conn, uuid, "name"), name, 255) > 0 ? name : NULL;
}

static enum vl_state
state_of (struct vl_call *c, struct vl_conn *conn, const char *uuid)
{
  const char *answer = ask (c, conn, uuid, "\"query-status\"");

  if (conn->qemu == 0)
    return access (file_of (c, conn, uuid, "memory"), F_OK) == 0 ? VL_STATE_SUSPENDED
                                                                 : VL_STATE_SHUTDOWN;
  return answer && strstr (answer, "\"running\": true") ? VL_STATE_RUNNING : VL_STATE_PAUSED;
}

static int
list_instances (struct vl_call *c, struct vl_conn *conn, vl_instance_fn fn, void *opaque)
{
  DIR *dir = opendir (conn->folder);
  int result = 0;

  for (struct dirent *entry; dir && result == 0 && (entry = readdir (dir));)
    if (name_of (c, conn, entry->d_name))
      result = fn (opaque, entry->d_name, name_of (c, conn, entry->d_name),
                   state_of (c, conn, entry->d_name));
  if (dir)
    closedir (dir);
  return result;
}

static int
instance_exists (struct vl_call *c, struct vl_conn *conn, const char *uuid)
{
  return name_of (c, conn, uuid) != NULL;
}

/* 0, or -1 after saying that the guest is not there or, with RUNNING, that it is off. */
static int
need (struct vl_call *c, struct vl_conn *conn, const char *uuid, int running)
{
  if (name_of (c, conn, uuid) == NULL)
    return vl_refuse_as (c, VL_ERR_NOT_FOUND, "InstanceNotFound", NULL, NULL,
                         "there is no guest '%s'", uuid);
  ask (c, conn, uuid, "\"query-status\"");
  if (running && conn->qemu == 0)
    return vl_refuse_as (c, VL_ERR_FAILED, "InstanceNotRunning", NULL, NULL,
                         "the guest '%s' does not run", uuid);
  return 0;
}

static int
get_info (struct vl_call *c, struct vl_conn *conn, const char *uuid, struct vl_info *info)
{
  struct vl_info answer = { .size = info->size };

  if (need (c, conn, uuid, 0) < 0)
    return -1;
  answer.state = state_of (c, conn, uuid);
  answer.id = conn->qemu ? conn->qemu : -1;
  memcpy (info, &answer, info->size < sizeof answer ? info->size : sizeof answer);
  return 0;
}

static int
get_console_output (struct vl_call *c, struct vl_conn *conn, const char *uuid, const char **text,
                    size_t *length)
{
  FILE *file = fopen (file_of (c, conn, uuid, "console"), "re");
  char *bytes = vl_memory (c, CONSOLE_BYTES + 1);

  *length = 0;
  if (file) {
    if (fseek (file, -CONSOLE_BYTES, SEEK_END) < 0)
      rewind (file);
    *length = fread (bytes, 1, CONSOLE_BYTES, file);
    fclose (file);
  }
  *text = bytes;
  return need (c, conn, uuid, 0);
}

/* ---- power ---- */

static int
tell (struct vl_call *c, struct vl_conn *conn, const char *uuid, const char *command)
{
  if (need (c, conn, uuid, 1) < 0)
    return -1;
  if (ask (c, conn, uuid, command))
    return 0;
  return vl_refuse (c, VL_ERR_FAILED, NULL, NULL, "QEMU refuses %s of '%s'", command, uuid);
}

static int
destroy (struct vl_call *c, struct vl_conn *conn, const char *uuid)
{
  static const char *const files[] = { "qmp",        "messages", "console", "memory",
                                       "memory.new", "name",     "" };
  int result = power_off (c, conn, uuid, 0, 0) < 0 ? -1 : 0;

  for (size_t i = 0; result == 0 && i < sizeof files / sizeof files[0]; i++)
    if (remove (file_of (c, conn, uuid, files[i])) < 0 && errno != ENOENT)
      result = vl_refuse (c, VL_ERR_FAILED, NULL, NULL, "'%s' of '%s' cannot be removed: %m",
                          files[i], uuid);
  return result;
}

/* Starts the guest anew, which need not be there yet. */
static int
power_on (struct vl_call *c, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  if (mkdir (file_of (c, conn, spawn->uuid, ""), 0700) < 0 && errno != EEXIST)
    return vl_refuse (c, VL_ERR_FAILED, NULL, NULL, "the guest's folder cannot be made: %m");
  if (symlink (spawn->domain, file_of (c, conn, spawn->uuid, "name")) < 0 && errno != EEXIST)
    return vl_refuse (c, VL_ERR_FAILED, NULL, NULL, "the guest's name cannot be kept: %m");
  unlink (file_of (c, conn, spawn->uuid, "memory"));
  return spawn->power_on ? start (c, conn, spawn, NULL) : 0;
}

static int
spawn_guest (struct vl_call *c, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  if (name_of (c, conn, spawn->uuid))
    return vl_refuse_as (c, VL_ERR_FAILED, "InstanceExists", NULL, NULL,
                         "there is a guest '%s' already", spawn->uuid);
  if (power_on (c, conn, spawn) == 0)
    return 0;
  destroy (c, conn, spawn->uuid);
  return -1;
}

static int
reboot (struct vl_call *c, struct vl_conn *conn, const struct vl_spawn *spawn, enum vl_reboot how,
        uint32_t timeout)
{
  uint32_t given = how == VL_REBOOT_HARD          ? 0
                   : timeout == VL_TIMEOUT_AS_SET ? 2 * PATIENCE
                                                  : timeout;
  int runs = power_off (c, conn, spawn->uuid, given, PATIENCE / 6);

  return power_on (c, conn, spawn) < 0 ? -1 : runs ? (int)given : 0;
}

static int
pause_guest (struct vl_call *c, struct vl_conn *conn, const char *uuid)
{
  return tell (c, conn, uuid, "\"stop\"");
}

static int
unpause (struct vl_call *c, struct vl_conn *conn, const char *uuid)
{
  return tell (c, conn, uuid, "\"cont\"");
}

/* QEMU hands the memory to a program of its own, which finds the name in its environment. */
static int
suspend (struct vl_call *c, struct vl_conn *conn, const char *uuid)
{
  const char *memory = file_of (c, conn, uuid, "memory"), *saving = vl_printf (c, "%s.new", memory);
  const char *answer;

  if (tell (c, conn, uuid, "\"stop\"") < 0
      || tell (c, conn, uuid,
               "\"migrate\", \"arguments\": {\"uri\": \"exec:cat >\\\"$MEMORY.new\\\"\"}")
             < 0)
    return -1;
  do
    usleep (50000);
  while ((answer = ask (c, conn, uuid, "\"query-migrate\""))
         && strstr (answer, "\"completed\"") == NULL && strstr (answer, "\"failed\"") == NULL);
  if (answer && strstr (answer, "\"completed\"") && rename (saving, memory) == 0)
    return power_off (c, conn, uuid, 0, 0) < 0 ? -1 : 0;
  ask (c, conn, uuid, "\"cont\"");
  return vl_refuse (c, VL_ERR_FAILED, NULL, NULL, "the memory of '%s' cannot be saved", uuid);
}

static int
resume (struct vl_call *c, struct vl_conn *conn, const struct vl_spawn *spawn)
{
  const char *memory = file_of (c, conn, spawn->uuid, "memory"), *answer;

  if (access (memory, F_OK) < 0)
    return power_on (c, conn, spawn);
  if (start (c, conn, spawn, "cat \"$MEMORY\"") < 0)
    return -1;
  while ((answer = ask (c, conn, spawn->uuid, "\"query-status\""))
         && strstr (answer, "\"inmigrate\""))
    usleep (50000);
  if (tell (c, conn, spawn->uuid, "\"cont\"") < 0)
    return -1;
  unlink (memory);
  return 0;
}

static const struct vl_power_calls power = { .size = sizeof power,
                                             .spawn = spawn_guest,
                                             .destroy = destroy,
                                             .reboot = reboot,
                                             .pause = pause_guest,
                                             .unpause = unpause,
                                             .suspend = suspend,
                                             .resume = resume,
                                             .power_off = power_off,
                                             .power_on = power_on };
static const struct vl_inventory_calls inventory = { .size = sizeof inventory,
                                                     .list_instances = list_instances,
                                                     .instance_exists = instance_exists,
                                                     .get_info = get_info };
static const struct vl_console_calls console = { .size = sizeof console,
                                                 .get_console_output = get_console_output };

/* ---- the driver ---- */

static const char *
virt_type (struct vl_call *c)
{
  (void)c;
  return "qemu";
}

static int
usable (struct vl_call *c, const char **why)
{
  if (access (EMULATOR, X_OK) == 0)
    return 1;
  *why = vl_printf (c, "%s is not installed (Debian: qemu-system-x86)", EMULATOR);
  return 0;
}

/* What a plan has to know of this machine; the core adds what the kernel says. */
static int
probe (struct vl_call *c, struct vl_conn *conn)
{
  (void)conn;
  vl_fact_add (c, "guest.x86_64.types", "qemu");
  vl_fact_add (c, "guest.x86_64.machines", "pc");
  vl_fact_set (c, "guest.x86_64.emulator", EMULATOR);
  return 0;
}

static int
open_folder (struct vl_call *c, const struct vl_open *how, struct vl_conn **conn)
{
  struct vl_conn *made = calloc (1, sizeof *made);

  if (made == NULL)
    return vl_refuse (c, VL_ERR_FAILED, NULL, NULL, "out of memory");
  snprintf (made->folder, sizeof made->folder, "%s/acme-argv", how->state_dir);
  if (! how->read_only && mkdir (made->folder, 0700) < 0 && errno != EEXIST) {
    vl_refuse (c, VL_ERR_FAILED, NULL, NULL, "'%s' cannot be made: %m", made->folder);
    free (made);
    return -1;
  }
  *conn = made;
  return 0;
}

static void
close_folder (struct vl_conn *conn)
{
  free (conn);
}

VL_DRIVER (acme_argv, "acme-argv", .version = "1.0", .summary = "QEMU without libvirt",
           .understands = { understood, N_UNDERSTOOD, sizeof understood[0] },
           .virt_type = virt_type, .usable = usable, .open = open_folder, .close = close_folder,
           .probe = probe, .power = &power, .inventory = &inventory, .console = &console);
