/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom host check: each thing that servers need of this machine, whether it is
 * there, and the command that mends it.  What single drivers and features need
 * they say themselves, in `usable` and `ready`. */

#include <config.h>

#include "tool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

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

static void
check_state (struct rows *rows)
{
  struct vl_app *app = rows->tool->app;
  size_t first = vl_findings_count (app);
  const char *state = vl_app_state_dir (app);

  if (state == NULL) {
    const struct vl_finding *finding = vl_findings_get (app, first);

    add (rows, "state folder", "FAIL", finding->hint, "%s", finding->message);
    vl_findings_forget (app, first);
  } else if (access (state, F_OK) < 0)
    add (rows, "state folder", "PASS", NULL, "%s will be made by the first command that needs it",
         state);
  else if (access (state, R_OK | W_OK | X_OK) < 0) {
    const char *why = strerror (errno);
    VL_AUTOFREE char *word = vl_shell_quote (state);

    add (rows, "state folder", "FAIL",
         vl_printf (rows->tool->call, "chown %u %s", (unsigned)geteuid (), word), "%s: %s", state,
         why);
  } else
    add (rows, "state folder", "PASS", NULL, "%s", state);
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
  struct utsname machine;
  const char *iso = vl_tool_find (call, "genisoimage") ? "genisoimage" : "xorriso";

  uname (&machine);
  check_program (rows, "emulator", vl_printf (call, "qemu-system-%s", machine.machine),
                 VL_STREQ (machine.machine, "x86_64")    ? "qemu-system-x86"
                 : VL_STREQ (machine.machine, "aarch64") ? "qemu-system-arm"
                                                         : "qemu-system",
                 "FAIL");
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

static void
check_kvm (struct rows *rows)
{
  static const char path[] = "/dev/kvm";

  if (access (path, R_OK | W_OK) == 0)
    add (rows, "kvm device", "PASS", NULL, "%s can be used", path);
  else if (errno == ENOENT)
    add (rows, "kvm device", "WARN", "modprobe kvm_intel || modprobe kvm_amd",
         "%s is not there: guests are emulated, which is slow", path);
  else
    add (rows, "kvm device", "WARN", "adduser $USER kvm", "%s: %s", path, strerror (errno));
}

/* Network interfaces of KVM guests go through the kernel where it offers to. */
static void
check_vhost (struct rows *rows, const struct vl_host *host)
{
  static const char path[] = "/dev/vhost-net";
  int there = vl_host_device (host, path);

  if (there == 1)
    add (rows, "vhost device", "PASS", NULL,
         "%s is there: virtio interfaces of KVM guests use vhost, those of emulated ones never do",
         path);
  else if (there == 0)
    add (rows, "vhost device", "WARN", "modprobe vhost-net",
         "%s is not there: virtio interfaces do without vhost, which is slower", path);
  else
    add (rows, "vhost device", "SKIP", NULL, "the host file does not say whether %s is there",
         path);
}

/* Parameters of the module that virtualises this CPU: "module.kvm_amd.nested". */
static void
check_modules (struct rows *rows, const struct vl_host *host)
{
  struct vl_call *call = rows->tool->call;
  size_t n = vl_host_n_facts (host), found = 0;

  for (size_t i = 0; i < n; i++) {
    const char *key = vl_host_fact_key (host, i), *parameter = strrchr (key, '.'), *module;
    const char *value = vl_host_item (host, key, 0);

    /* A module that is not loaded has no "Y" or "N", but the flag false. */
    if (! VL_STARTS (key, "module.") || parameter == key + 6 || value == NULL
        || VL_STREQ (value, "false"))
      continue;
    module = vl_printf (call, "%.*s", (int)(parameter - key) - 7, key + 7);
    parameter++;
    found++;
    if (VL_STREQ (value, "Y") || VL_STREQ (value, "1"))
      add (rows, vl_printf (call, "%s %s", module, parameter), "PASS", NULL, "is on");
    else
      add (rows, vl_printf (call, "%s %s", module, parameter), "WARN",
           vl_printf (call,
                      "echo options %s %s=1 > /etc/modprobe.d/%s-%s.conf && modprobe -r %s && "
                      "modprobe %s",
                      module, parameter, module, parameter, module, module),
           "is off (%s)", value);
  }
  if (found == 0)
    add (rows, "kvm module", "SKIP", NULL, "no module for this CPU is loaded");
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
  check_vhost (rows, host);
  if (vl_host_probed (host))
    check_modules (rows, host);
  (void)vl_app_ready (app, host);
  if (findings_to_rows (rows, first) == 0)
    add (rows, "plugin settings", "PASS", NULL, "all are possible on this host");
}

int
host_check (struct tool *tool)
{
  struct rows rows = { .tool = tool, .list = json_array () };
  size_t first = vl_findings_count (tool->app);
  const char *chosen;

  check_state (&rows);
  check_schema (&rows);
  check_programs (&rows);
  check_tools (&rows);
  check_kvm (&rows);
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
  json_object_set_new (tool->data, "checks", rows.list);
  return rows.failed ? VL_ERR_UNSUPPORTED : 0;
}
