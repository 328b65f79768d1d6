/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom host check: each thing that servers need of this machine, whether it is
 * there, and the command that mends it.  What single drivers and features need
 * they say themselves, in `usable` and `ready`. */

#include <config.h>

#include <virtloom/storage.h>

#include "tool.h"

#include "lib/file.h"
#include "machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Commands need so much of the STATE folder's disk, at the least. */
#define STATE_BYTES ((off_t)1 << 20)

struct rows {
  struct tool *tool;
  json_t *list;
  int failed, faults;
  const struct vl_plugin_info *best; /* what `auto` would choose today, or NULL */
};

static void VL_PRINTF (5, 6) add (struct rows *rows, const char *name, const char *result,
                                  const char *mend, const char *fmt, ...)
{
  json_t *row = json_object ();
  char *message;
  va_list args;

  va_start (args, fmt);
  message = vl_xvasprintf (fmt, args);
  va_end (args);
  json_put (row, "name", name);
  json_put (row, "result", result);
  json_put (row, "message", message);
  json_put (row, "mend", mend);
  json_array_append_new (rows->list, row);
  rows->failed |= VL_STREQ (result, "FAIL");
  if (! rows->tool->json) {
    VL_AUTOFREE char *what = vl_text_clean (message), *how = mend ? vl_text_clean (mend) : NULL;

    printf ("%-4s  %s: %s\n", result, name, what);
    if (how)
      printf ("      %s\n", how);
  }
  free (message);
}

/* ---- the machine ---- */

/* errno: why no file of so many bytes can be written in FOLDER, or 0. */
static int
no_room (const char *folder)
{
  VL_AUTOCLOSE int fd = open (folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  int error = fd < 0 ? errno : posix_fallocate (fd, 0, STATE_BYTES);

  /* Not every file system has files without a name, and room that can be kept. */
  return error == EOPNOTSUPP || error == EISDIR || error == EINVAL ? 0 : error;
}

/* Records what FINDING, the first of those from FIRST on, says of the folder, and forgets it. */
static void
add_state_finding (struct rows *rows, size_t first)
{
  const struct vl_finding *finding = vl_findings_get (rows->tool->app, first);

  add (rows, "state folder", "FAIL", finding->hint, "%s", finding->message);
  vl_findings_forget (rows->tool->app, first);
}

static void
check_state (struct rows *rows)
{
  struct vl_app *app = rows->tool->app;
  size_t first = vl_findings_count (app);
  const char *state = vl_app_state_dir (app);

  int error;

  if (state == NULL)
    add_state_finding (rows, first);
  else if (access (state, F_OK) < 0)
    add (rows, "state folder", "PASS", NULL, "%s will be made by the first command that needs it",
         state);
  else if (access (state, R_OK | W_OK | X_OK) < 0 && errno != EROFS) {
    const char *why = strerror (errno);
    VL_AUTOFREE char *word = vl_shell_quote (state);

    add (rows, "state folder", "FAIL",
         vl_printf (rows->tool->call, "chown %u %s", (unsigned)geteuid (), word), "%s: %s", state,
         why);
  } else if ((error = no_room (state))) {
    (void)vl_file_failed (rows->tool->call, "nothing can be written to", state, error);
    add_state_finding (rows, first);
  } else
    add (rows, "state folder", "PASS", NULL, "%s", state);
}

/* SQLite's locks and shared memory are of one host: two that had one STATE would damage it, and start
 * its guests twice. */
static void
check_state_place (struct rows *rows)
{
  const char *state = vl_app_state_dir (rows->tool->app);
  VL_AUTOFREE char *near = state ? vl_xstrdup (state) : NULL;
  VL_AUTOFREE char *word = state ? vl_shell_quote (state) : NULL;
  const char *kind;

  /* Where it is not there yet, it will lie where the next folder above it does. */
  while (near && access (near, F_OK) < 0 && strrchr (near, '/') > near)
    *strrchr (near, '/') = '\0';
  kind = near ? vl_file_network (near) : NULL;
  if (kind && VL_STREQ (kind, "fuse"))
    add (rows, "state place", "WARN",
         vl_printf (rows->tool->call, "see that no other host has it: findmnt -T %s", word),
         "%s lies on a file system of FUSE, which other hosts may have, too; STATE is for one host",
         state);
  else if (kind)
    add (rows, "state place", "FAIL",
         "keep it on a disk of this host: state_dir in virtloom.conf, or --state DIR",
         "%s lies on a network file system (%s), which other hosts may have, too; STATE is for one "
         "host",
         state, kind);
  else if (state)
    add (rows, "state place", "PASS", NULL, "%s is of this host alone", state);
}

static void
check_schema (struct rows *rows)
{
  const char *file = VL_LIBVIRT_SCHEMAS "/domain.rng";

  if (access (file, R_OK) == 0)
    add (rows, "libvirt schema", "PASS", NULL, "%s", file);
  else
    add (rows, "libvirt schema", "FAIL", "apt-get install libvirt0", "%s: %s", file,
         strerror (errno));
}

static void
check_program (struct rows *rows, const char *name, const char *program, const char *package,
               const char *missing)
{
  struct vl_call *call = rows->tool->call;
  const char *path = vl_tool_find (call, program);

  if (path)
    add (rows, name, "PASS", NULL, "%s", path);
  else
    add (rows, name, missing, package ? vl_printf (call, "apt-get install %s", package) : NULL,
         "the program \"%s\" is not installed", program);
}

static void
check_programs (struct rows *rows)
{
  struct vl_call *call = rows->tool->call;
  const char *iso = vl_tool_find (call, "genisoimage") ? "genisoimage" : "xorriso";

  check_program (rows, "qemu-img", "qemu-img", "qemu-utils", "FAIL");
  check_program (rows, "config drive", iso, "genisoimage", "WARN");
}

/* The programs that plugins run, and what confines them. */
static void
check_tools (struct rows *rows)
{
  struct vl_app *app = rows->tool->app;
  struct vl_call *call = rows->tool->call;
  size_t first = vl_findings_count (app);
  const char *lacks;

  if (vl_tool_lacks (call, &lacks) < 0) {
    const struct vl_finding *finding = vl_findings_get (app, first);

    add (rows, "confinement", "FAIL", finding->hint, "%s", finding->message);
    vl_findings_forget (app, first);
  } else if (lacks)
    add (rows, "confinement", "WARN",
         "boot a kernel with Landlock (lsm=landlock,...) and allow namespaces",
         "outside programs run without %s here", lacks);
  else
    add (rows, "confinement", "PASS", NULL, "outside programs run in namespaces, under Landlock");
  for (size_t i = 0; i < vl_plugins_count (app); i++) {
    const struct vl_plugin_info *plugin = vl_plugins_get (app, i);

    for (size_t k = 0; plugin->state == VL_PLUGIN_LOADED && k < plugin->n_tools; k++)
      check_program (rows, vl_printf (call, "%s %s", plugin->name, plugin->tools[k].name),
                     plugin->tools[k].program, plugin->tools[k].package, "WARN");
  }
}

/* ---- KVM and SEV ---- */

static void
add_step (void *opaque, const struct machine_row *row)
{
  static const char *const results[] = { [MACHINE_PASS] = "PASS",
                                         [MACHINE_WARN] = "WARN",
                                         [MACHINE_FAIL] = "FAIL",
                                         [MACHINE_SKIP] = "SKIP" };

  add (opaque, row->name, results[row->result], row->mend, "%s", row->text);
}

/* A machine without KVM still has emulated guests; where a driver that takes KVM is to act,
 * the driver's own row fails. */
static void
add_kvm_step (void *opaque, const struct machine_row *row)
{
  struct machine_row step = *row;

  if (step.result == MACHINE_FAIL)
    step.result = MACHINE_WARN;
  add_step (opaque, &step);
}

/* Of this machine, or of the one below the folder ROOT.  0, or -1 after a finding. */
static int
check_machine (struct rows *rows, const char *root)
{
  struct vl_call *call = rows->tool->call;
  const char *why;
  struct machine *machine = machine_new (call, root, &why);

  if (machine == NULL)
    return vl_refuse (call, VL_ERR_USAGE, NULL,
                      "the folder has the files of the machine to judge: proc/cpuinfo, proc/misc, "
                      "sys/module and so on",
                      "--root '%s': %s", root, why);
  machine_kvm (machine, MACHINE_QEMU, root ? add_step : add_kvm_step, rows);
  machine_software (machine, add_step, rows);
  machine_sev (machine, add_step, rows);
  machine_free (machine);
  return 0;
}

/* ---- plugins ---- */

static void
check_driver (struct rows *rows, const char *driver, const char *chosen)
{
  struct vl_app *app = rows->tool->app;
  const struct vl_plugin_info *info = vl_plugins_find (app, driver);
  const char *name = vl_printf (rows->tool->call, "driver %s", driver), *why = NULL;
  int acts = chosen && VL_STREQ (driver, chosen);
  size_t first = vl_findings_count (app);

  if (info->state == VL_PLUGIN_DISABLED) {
    add (rows, name, "SKIP", vl_printf (rows->tool->call, "virtloom driver enable %s", driver),
         "is not enabled");
    return;
  }
  if (info->state == VL_PLUGIN_UNUSED)
    (void)vl_plugins_load (app, driver);
  vl_findings_forget (app, first);
  info = vl_plugins_find (app, driver);
  if (info->state != VL_PLUGIN_LOADED)
    add (rows, name, acts ? "FAIL" : "WARN", NULL, "was refused: %s",
         info->reason ? info->reason : "");
  else if (! vl_plugins_usable (app, driver, &why))
    add (rows, name, acts ? "FAIL" : "WARN", NULL, "%s", why);
  else {
    add (rows, name, "PASS", NULL, "can be used%s", acts ? ", and is what new servers get" : "");
    if (info->auto_rank > 0 && (rows->best == NULL || info->auto_rank > rows->best->auto_rank))
      rows->best = info;
  }
}

/* The choice of `auto` is kept from the first server on. */
static void
check_choice (struct rows *rows, const char *chosen)
{
  const char *best = rows->best ? rows->best->name : NULL;

  if (! VL_STREQ (tool_driver_wanted (rows->tool), "auto"))
    add (rows, "driver choice", "PASS", NULL, "%s, by configuration", chosen);
  else if (best == NULL)
    add (rows, "driver choice", "FAIL", NULL, "%s; auto would find none today", chosen);
  else if (VL_STREQ (best, chosen))
    add (rows, "driver choice", "PASS", NULL, "%s, chosen by auto", chosen);
  else
    add (rows, "driver choice", "WARN",
         vl_printf (rows->tool->call, "virtloom --driver %s ...", best),
         "%s, kept since the first server; auto would choose %s today", chosen, best);
}

/* Findings from number FIRST on become rows.  How many did. */
static size_t
findings_to_rows (struct rows *rows, size_t first)
{
  static const char *const results[] = {
    [VL_SEV_ERROR] = "FAIL", [VL_SEV_WARNING] = "WARN", [VL_SEV_ADVICE] = "PASS"
  };
  struct vl_app *app = rows->tool->app;
  size_t n = vl_findings_count (app);

  for (size_t i = first; i < n; i++) {
    const struct vl_finding *finding = vl_findings_get (app, i);

    add (rows, finding->plugin, results[finding->severity], finding->hint, "%s", finding->message);
  }
  vl_findings_forget (app, first);
  return n - first;
}

static int
add_fault (void *opaque, const struct vl_state_fault *fault)
{
  struct rows *rows = opaque;

  rows->faults++;
  add (rows, vl_printf (rows->tool->call, "state %s", fault->kind),
       VL_STREQ (fault->kind, "driver") ? "WARN" : "FAIL",
       fault->id ? "virtloom state check; virtloom state repair, or virtloom state restore" : NULL,
       "%s", fault->text);
  return 0;
}

/* Is what is on record there, and nothing else? */
static void
check_records (struct rows *rows)
{
  struct vl_app *app = rows->tool->app;
  size_t first = vl_findings_count (app);

  if (vl_app_state_dir (app) && vl_state_check (app, 0, NULL, add_fault, rows) == 0
      && rows->faults == 0)
    add (rows, "state records", "PASS", NULL, "what is on record is there, and nothing else");
  (void)findings_to_rows (rows, first);
}

static void
check_host (struct rows *rows, const char *chosen)
{
  struct vl_app *app = rows->tool->app;
  size_t first = vl_findings_count (app);
  const struct vl_host *host = vl_app_host_anew (app);
  size_t told = findings_to_rows (rows, first);

  if (host == NULL) {
    if (told == 0)
      add (rows, "host facts", "FAIL", NULL, "cannot be read");
    return;
  }
  add (rows, "host facts", "PASS", NULL, "%zu facts, %s by driver %s", vl_host_n_facts (host),
       vl_host_probed (host) ? "probed" : "given", chosen);
  (void)vl_app_ready (app, host);
  if (findings_to_rows (rows, first) == 0)
    add (rows, "plugin settings", "PASS", NULL, "all are possible on this host");
}

int
host_check (struct tool *tool)
{
  struct rows rows = { .tool = tool, .list = json_array () };
  size_t first = vl_findings_count (tool->app);
  const char *root = args_value (tool->args, "root"), *chosen;

  json_object_set_new (tool->data, "checks", rows.list);
  if (root)
    return check_machine (&rows, root) < 0 ? -1 : rows.failed ? VL_ERR_UNSUPPORTED : 0;
  check_state (&rows);
  check_state_place (&rows);
  check_schema (&rows);
  check_programs (&rows);
  check_tools (&rows);
  /* With --host, settings are judged against another one. */
  if (! args_has (tool->args, "host") && check_machine (&rows, NULL) < 0)
    return -1;
  chosen = vl_app_driver (tool->app);
  (void)findings_to_rows (&rows, first);
  for (size_t i = 0; i < vl_plugins_count (tool->app); i++) {
    const struct vl_plugin_info *info = vl_plugins_get (tool->app, i);

    if (info->kind == VL_KIND_DRIVER)
      check_driver (&rows, info->name, chosen);
  }
  if (chosen) {
    check_choice (&rows, chosen);
    check_host (&rows, chosen);
  }
  check_records (&rows);
  return rows.failed ? VL_ERR_UNSUPPORTED : 0;
}
