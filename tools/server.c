/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom server: guests, made of a flavor and an image. */

#include <config.h>

#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 250

static const struct column list_columns[] = {
  { "name", "Name" },
  { "uuid", "UUID" },
  { "status", "Status" },
  { "power_state", "Power" },
  { "flavor", "Flavor" },
  { "image", "Image" },
  { "driver", "Driver" },
  { "domain", "Domain", 1 },
  { "created", "Created", 1 },
  { "fault", "Fault", 1 },
  { "locked", "Locked", 1 },
  { "description", "Description", 1 },
  { "run_dir", "Run folder", 1 },
  { NULL, NULL },
};

json_t *
server_json (const struct vl_server_info *server)
{
  json_t *object = json_object ();

  json_put (object, "name", server->name);
  json_put (object, "uuid", server->uuid);
  json_put (object, "domain", server->domain);
  json_put (object, "status", server->status);
  json_put (object, "power_state", server->power_state);
  json_put (object, "flavor", server->flavor);
  json_put (object, "image", server->image);
  json_put (object, "driver", server->driver);
  json_put (object, "created", server->created);
  json_put (object, "fault", server->fault);
  json_put (object, "run_dir", server->run_dir);
  json_put (object, "overruled", server->overruled);
  json_put (object, "locked", server->locked);
  json_put (object, "description", server->description);
  json_put (object, "firmware", server->loader);
  json_put (object, "generation", server->generation);
  return object;
}

/* ---- list, show, delete ---- */

struct list {
  struct tool *tool;
  json_t *servers;
};

static int
add_server (void *opaque, const struct vl_server_info *server)
{
  struct list *list = opaque;
  int match = server_matches (list->tool, server);

  return match <= 0 ? match : json_array_append_new (list->servers, server_json (server));
}

static int
server_list (struct tool *tool)
{
  static const struct vl_server_info none = { .status = "" };
  struct list list = { tool, NULL };
  int result;

  if (server_matches (tool, &none) < 0)
    return -1;
  list.servers = json_array ();
  result = vl_server_each (tool->app, add_server, &list);
  /* Those that can be shown are, beside what is wrong with others. */
  if (result < 0 && json_array_size (list.servers) == 0)
    json_decref (list.servers);
  else
    tool_list (tool, "servers", list.servers, list_columns);
  return result;
}

static int
server_delete (struct tool *tool)
{
  const char *const *abandon = args_list (tool->args, "abandon");
  const char *const *names = server_names (tool);
  int bad = names == NULL;

  for (size_t i = 0; names && names[i]; i++)
    bad |= vl_server_delete (tool->app, names[i], args_has (tool->args, "force"), abandon);
  free ((void *)names);
  return bad ? -1 : 0;
}

/* ---- power ---- */

static int
act (struct tool *tool, enum vl_server_action action)
{
  const char *const *names;
  uint32_t seconds;
  size_t n = 0;
  int bad;

  if (server_seconds (tool, DEFAULT_STOP, &seconds) < 0)
    return -1;
  if (action == VL_SERVER_REBOOT_SOFT && ! args_has (tool->args, "timeout"))
    seconds = VL_TIMEOUT_AS_SET;
  names = server_names (tool);
  bad = names == NULL;
  while (names && names[n])
    n++;
  if (n && action == VL_SERVER_STOP)
    bad = vl_server_stop (tool->app, names, n, seconds, args_has (tool->args, "force"));
  else
    for (size_t i = 0; i < n; i++)
      bad |= vl_server_act (tool->app, names[i], action, seconds, args_has (tool->args, "force"));
  free ((void *)names);
  return bad ? -1 : 0;
}

static int
server_start (struct tool *tool)
{
  return act (tool, VL_SERVER_START);
}

static int
server_stop (struct tool *tool)
{
  return act (tool, VL_SERVER_STOP);
}

static int
server_reboot (struct tool *tool)
{
  const char *const *accept = args_list (tool->args, "accept-loss");
  int update = args_has (tool->args, "update"), bad = 0;

  if ((update && ! args_has (tool->args, "hard")) || (accept && *accept && ! update))
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "--%s needs --%s",
                      update ? "update" : "accept-loss", update ? "hard" : "update");
  if (args_has (tool->args, "hard") && args_has (tool->args, "timeout"))
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                      "--timeout is not for --hard, which asks no guest to shut down");
  for (size_t i = 0; update && i < tool->args->n_words; i++)
    bad |= vl_server_update (tool->app, tool->args->words[i], accept);
  if (update)
    return bad ? -1 : 0;
  return act (tool, args_has (tool->args, "hard") ? VL_SERVER_REBOOT_HARD : VL_SERVER_REBOOT_SOFT);
}

static int
server_pause (struct tool *tool)
{
  return act (tool, VL_SERVER_PAUSE);
}

static int
server_unpause (struct tool *tool)
{
  return act (tool, VL_SERVER_UNPAUSE);
}

static int
server_suspend (struct tool *tool)
{
  return act (tool, VL_SERVER_SUSPEND);
}

static int
server_resume (struct tool *tool)
{
  return act (tool, VL_SERVER_RESUME);
}

/* ---- diff ---- */

static json_t *
change_json (const struct vl_change *change)
{
  const struct vl_provenance *row = change->is ? change->is : change->was;
  json_t *object = json_object ();

  json_put (object, "change",
            change->was && change->is ? "changed"
            : change->is              ? "added"
                                      : "removed");
  json_put (object, "path", row->path);
  json_put (object, "was", change->was ? change->was->value : NULL);
  json_put (object, "is", change->is ? change->is->value : NULL);
  json_put (object, "owners", row->owners);
  json_put (object, "cause", row->cause);
  json_object_set_new (object, "guarded", json_boolean (change->was && change->was->guarded));
  return object;
}

static void
print_change (const struct vl_change *change)
{
  const struct vl_provenance *row = change->is ? change->is : change->was;
  char *path = vl_text_clean (row->path), *cause = vl_text_clean (row->cause ? row->cause : "");
  char *was = change->was && change->was->value ? vl_text_clean (change->was->value) : NULL;
  char *is = change->is && change->is->value ? vl_text_clean (change->is->value) : NULL;

  printf ("%c %s%s%s%s%s  <- %s%s%s\n",
          change->was && change->is ? '~'
          : change->is              ? '+'
                                    : '-',
          path, was || is ? " = " : "", was ? was : "", was && is ? " -> " : "", is ? is : "",
          row->owners, *cause ? ", " : "", cause);
  free (path);
  free (cause);
  free (was);
  free (is);
}

void
server_show_changes (struct tool *tool, const struct vl_change *changes, size_t n)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < n; i++)
    if (tool->json)
      json_array_append_new (list, change_json (&changes[i]));
    else
      print_change (&changes[i]);
  json_object_set_new (tool->data, "changes", list);
}

static int
server_diff (struct tool *tool)
{
  const struct vl_change *changes;
  size_t n;

  if (vl_server_diff (tool->app, tool->args->words[0], &changes, &n) < 0)
    return -1;
  server_show_changes (tool, changes, n);
  return 0;
}

/* ---- console ---- */

/* Where the last LINES lines of TEXT begin. */
static size_t
tail_of (const char *text, size_t length, int64_t lines)
{
  size_t at = length;

  if (at && text[at - 1] == '\n')
    at--;
  while (at > 0 && (text[at - 1] != '\n' || --lines > 0))
    at--;
  return at;
}

static int
server_log (struct tool *tool)
{
  const char *text = NULL;
  size_t length = 0, from = 0;
  int64_t lines;
  struct guest_text guest = { .raw = args_has (tool->args, "raw") };

  if (args_number (tool, "lines", 0, &lines) < 0)
    return -1;
  if (vl_server_log (tool->app, tool->args->words[0], &text, &length) < 0)
    return -1;
  if (length == 0) {
    VL_AUTOFREE char *word = vl_name_quote (tool->args->words[0]);

    vl_advise (tool->call, NULL,
               vl_printf (tool->call,
                          "virtloom server wait --console TEXT %s waits for what it will write",
                          word),
               "the guest has written nothing to its console yet");
  }
  if (lines)
    from = tail_of (text, length, lines);
  /* A guest may write NUL bytes: those are shown, but JSON text has none. */
  if (tool->json)
    json_put (tool->data, "log", text + from);
  else {
    guest_text_print (&guest, text + from, length - from);
    guest_text_end (&guest);
  }
  return 0;
}

/* Follows the file rather than asking the driver again and again: the embedded
 * driver lets one command in at a time, and others want their turn. */
static FILE *
open_log (const char *path)
{
  int fd = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  FILE *file = NULL;
  struct stat st;

  /* The folder belongs to the user that QEMU runs as. */
  if (fd >= 0 && fstat (fd, &st) == 0 && S_ISREG (st.st_mode))
    file = fdopen (fd, "r");
  else if (fd >= 0) {
    close (fd);
    errno = EINVAL;
  }
  return file;
}

/* Where FILE is full another one takes its name.  1 where PATH has been opened anew. */
static int
reopen_log (FILE **file, const char *path)
{
  struct stat old, new;
  FILE *next;

  if (fstat (fileno (*file), &old) < 0 || lstat (path, &new) < 0 || old.st_ino == new.st_ino
      || ftello (*file) < old.st_size || (next = open_log (path)) == NULL)
    return 0;
  fclose (*file);
  *file = next;
  return 1;
}

int
server_follow (struct tool *tool, const char *server, const char *path)
{
  const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
  struct guest_text guest = { .raw = args_has (tool->args, "raw") };
  FILE *file = open_log (path);
  char buffer[4096];
  size_t n;

  if (file == NULL) {
    VL_AUTOFREE char *word = vl_name_quote (server);

    (void)vl_refuse_as (tool->call, VL_ERR_UNSUPPORTED, "ConsoleNotAvailable", NULL,
                        vl_printf (tool->call, "virtloom server log %s", word),
                        "the console's file '%s' cannot be read: %m", path);
    return -1;
  }
  while (! ferror (stdout) && ! output_is_deaf ()) {
    while ((n = fread (buffer, 1, sizeof buffer, file)) > 0)
      guest_text_print (&guest, buffer, n);
    fflush (stdout);
    if (! args_has (tool->args, "follow"))
      break;
    clearerr (file);
    if (! reopen_log (&file, path))
      nanosleep (&pause, NULL);
  }
  guest_text_end (&guest);
  fclose (file);
  return 0;
}

#define POWER(verb, does, run)                                                                     \
  {                                                                                                \
#verb, "SERVER...", 0, -1, "all status wait", "table json", does,                              \
        "virtloom server " #verb " web1", 0, run                                                   \
  }

static const struct verb verbs[] = {
  { "create", "SERVER", 1, 1,
    "flavor image network volume property request metadata ssh-key key-name password hostname "
    "file user-data config-drive wait timeout dry-run",
    "table json", "makes a guest and starts it",
    "virtloom server create web1 --flavor m1.small --image debian --network user --wait", 0,
    server_create },
  { "list", NULL, 0, 0, "status " TABLE_OPTIONS, TABLE_FORMATS, "lists all servers",
    "virtloom server list", VERB_WATCHED, server_list },
  { "show", "SERVER", 1, 1, "diagnostics " TABLE_OPTIONS, TABLE_FORMATS,
    "shows a server: what it is made of, and what was done to it last", "virtloom server show web1",
    VERB_WATCHED, server_show },
  { "delete", "SERVER...", 0, -1, "all status force abandon wait", "table json",
    "stops guests and removes what is theirs", "virtloom server delete web1", 0, server_delete },
  { "set", "SERVER", 1, 1, "name description property status wait", "table json",
    "changes what is on record of a server; its guest goes on as it is",
    "virtloom server set web1 --property hw_watchdog_action=reset", 0, server_set },
  { "unset", "SERVER", 1, 1, "property firmware wait", "table json",
    "takes properties of the server's own away (--property is the key alone), or the firmware that "
    "was chosen for it",
    "virtloom server unset web1 --property hw_watchdog_action", 0, server_unset },
  { "lock", "SERVER...", 1, -1, "reason wait", "table json",
    "lets nothing be done to servers until they are unlocked",
    "virtloom server lock web1 --reason 'backup until noon'", 0, server_lock },
  { "unlock", "SERVER...", 1, -1, "wait", "table json", "lets all be done to servers again",
    "virtloom server unlock web1", 0, server_unlock },
  POWER (start, "switches guests on", server_start),
  { "stop", "SERVER...", 0, -1, "all status timeout force wait", "table json",
    "asks guests to shut down, then pulls the plug; --timeout 0 does not ask",
    "virtloom server stop web1 --timeout 30", 0, server_stop },
  { "reboot", "SERVER...", 1, -1, "hard timeout update accept-loss wait", "table json",
    "restarts guests; --hard --update: from a plan of today", "virtloom server reboot web1 --hard",
    0, server_reboot },
  { "diff", "SERVER", 1, 1, NULL, "table json",
    "shows what a plan of today would change; nothing where that is nothing",
    "virtloom server diff web1", 0, server_diff },
  { "add volume", "SERVER VOLUME", 2, 2, "device wait dry-run", "table json",
    "gives a guest one more volume, as --volume of create does",
    "virtloom server add volume web1 path=/srv/data.raw,format=raw", 0, server_add_volume },
  { "add network", "SERVER NET", 2, 2, "wait", "table json",
    "gives a guest one more interface, as --network of create does",
    "virtloom server add network web1 bridge=br0", 0, server_add_network },
  { "remove volume", "SERVER VOLUME", 2, 2, "wait", "table json",
    "takes a volume away: its id, uuid, name in the guest, or file",
    "virtloom server remove volume web1 vdb", 0, server_remove_volume },
  { "remove network", "SERVER INTERFACE", 2, 2, "wait", "table json",
    "takes an interface away: its id, MAC address, or tap",
    "virtloom server remove network web1 nic1", 0, server_remove_network },
  { "extend volume", "SERVER VOLUME", 2, 2, "size wait", "table json",
    "tells a guest that a volume has grown; --size: grows it before that",
    "virtloom server extend volume web1 vdb --size 20", 0, server_extend_volume },
  { "swap volume", "SERVER VOLUME NEW", 3, 3, "wait", "table json",
    "gives a volume another file, with what is on it where the guest runs",
    "virtloom server swap volume web1 vdb path=/srv/new.raw,format=raw", 0, server_swap_volume },
  { "snapshot volume", "SERVER VOLUME NEW", 3, 3, "wait", "table json",
    "keeps what a volume is; the guest writes to an overlay, a new file, from then on",
    "virtloom server snapshot volume web1 vdb /srv/data.overlay", 0, server_snapshot_volume },
  { "unsnapshot volume", "SERVER VOLUME", 2, 2, "overlay pull base wait", "table json",
    "merges an overlay of a volume into the file below, and removes it; --pull: the other way "
    "round",
    "virtloom server unsnapshot volume web1 vdb", 0, server_unsnapshot_volume },
  { "resize confirm", "SERVER", 1, 1, "wait", "table json",
    "keeps the new flavor of a server, and lets its old disks go",
    "virtloom server resize confirm web1", 0, server_resize_confirm },
  { "resize revert", "SERVER", 1, 1, "timeout wait", "table json",
    "gives a server back its old flavor, document and disks", "virtloom server resize revert web1",
    0, server_resize_revert },
  { "resize", "SERVER", 1, 1, "flavor timeout accept-loss wait", "table json",
    "gives a guest another flavor; its old disks are kept until that is confirmed or reverted",
    "virtloom server resize web1 --flavor m1.large", 0, server_resize },
  { "rescue", "SERVER", 1, 1, "image password timeout wait", "table json",
    "boots a guest from a new disk of an image, until it is unrescued",
    "virtloom server rescue web1 --image rescue", 0, server_rescue },
  { "unrescue", "SERVER", 1, 1, "wait", "table json",
    "boots a guest as it was before it was rescued", "virtloom server unrescue web1", 0,
    server_unrescue },
  { "rebuild", "SERVER", 1, 1,
    "image password file user-data metadata property timeout accept-loss wait", "table json",
    "makes the disks of a server anew that are its own; what was on them is gone",
    "virtloom server rebuild web1 --image debian", 0, server_rebuild },
  { "shelve", "SERVER", 1, 1, "timeout accept-loss wait", "table json",
    "makes an image of a server's root disk, and frees what else its guest takes of the host",
    "virtloom server shelve web1", 0, server_shelve },
  { "unshelve", "SERVER", 1, 1, "accept-loss wait", "table json",
    "starts the guest of a shelved server from its image, which is removed then",
    "virtloom server unshelve web1", 0, server_unshelve },
  { "export", "SERVER...", 0, -1, "all status out", "table json",
    "prints the record of a server, which another host imports; --out: a file for each server",
    "virtloom server export web1 --out /srv/records", 0, server_export },
  { "import", "FILE", 1, 1, "dry-run replace fenced wait", "table json",
    "makes a server of the record that another host exported; its disks are there already",
    "virtloom server import /srv/records/UUID.json", 0, server_import },
  { "migrate", "SERVER", 1, 1, "dry-run timeout wait", "table json",
    "moves a server to --host NAME, which reaches its disks, too; a guest that runs is stopped and "
    "started",
    "virtloom server migrate web1 --host compute2", VERB_MOVES, server_migrate },
  { "migration list", NULL, 0, 0, TABLE_OPTIONS, TABLE_FORMATS,
    "shows servers that are on their way to another host", "virtloom server migration list",
    VERB_WATCHED, server_migration_list },
  { "migration abort", "SERVER", 1, 1, NULL, "table json",
    "gives up a live migration that is under way", "virtloom server migration abort web1", 0,
    server_migration_abort },
  { "migration force-complete", "SERVER", 1, 1, NULL, "table json",
    "brings a live migration to its end: by post-copy where that is permitted, else by a pause",
    "virtloom server migration force-complete web1", 0, server_migration_force_complete },
  { "event list", "SERVER", 1, 1, "follow " TABLE_OPTIONS, TABLE_FORMATS,
    "shows what was done to a server and what happened to it, the last first",
    "virtloom server event list web1", VERB_WATCHED | VERB_ENDLESS, server_event_list },
  { "dump create", "SERVER", 1, 1, "file wait", "table json",
    "interrupts a guest (NMI), which writes a crash dump; --file: its memory into a new file",
    "virtloom server dump create web1", 0, server_dump_create },
  { "image create", "SERVER", 1, 1, "name property wait", "table json",
    "makes an image of a server's root disk; a guest that runs goes on",
    "virtloom server image create web1 --name web1-today", 0, server_image_create },
  { "password set", "SERVER", 1, 1, "password wait", "table json",
    "has the guest's agent set its administrator's password, which is asked for on a terminal",
    "virtloom server password set web1", 0, server_password_set },
  { "wait", "SERVER...", 1, -1, "status console timeout", "table json",
    "comes back when servers are what is waited for", "virtloom server wait web1 --status ACTIVE",
    VERB_WATCHED | VERB_ENDLESS, server_wait },
  POWER (pause, "stops guests where they are", server_pause),
  POWER (unpause, "lets paused guests go on", server_unpause),
  POWER (suspend, "writes guests to disk and stops them", server_suspend),
  POWER (resume, "lets suspended guests go on", server_resume),
  { "log", "SERVER", 1, 1, "lines raw", "table json", "shows what the guest wrote to its console",
    "virtloom server log web1 --lines 20", VERB_WATCHED, server_log },
  { "console", "SERVER", 1, 1, "follow raw attach", "table json",
    "on a terminal: the guest's serial console, which ^] leaves; elsewhere what it wrote",
    "virtloom server console web1", VERB_WATCHED | VERB_ENDLESS, server_console },
  { "url", "SERVER", 1, 1, "type " TABLE_OPTIONS, TABLE_FORMATS,
    "shows where a console of the guest is reached", "virtloom server url web1 --type vnc",
    VERB_WATCHED, server_url },
  { "vnc", "SERVER", 1, 1, "web timeout", "table json",
    "--web: a page of this host's browser that shows the guest's display, for one viewer",
    "virtloom server vnc web1 --web", VERB_WATCHED | VERB_ENDLESS, server_vnc },
  { "top", NULL, 0, 0, "delay rounds sort " TABLE_OPTIONS, TABLE_FORMATS,
    "shows what guests do with processors, memory, disks and network, round by round",
    "virtloom server top --sort disk", VERB_WATCHED | VERB_ENDLESS, server_top },
  { "screenshot", "SERVER", 1, 1, "file", "table json",
    "takes a picture of the guest's display: a PNG in a new file, or on stdout",
    "virtloom server screenshot web1 --file web1.png", VERB_WATCHED, server_screenshot },
  { .run = NULL },
};

const struct noun server_noun = { "server", "guests", verbs };
