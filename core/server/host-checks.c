/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `host check`: each thing that servers need of this machine, whether it is
 * there, and the command that mends it.  What single drivers and features need
 * they say themselves, in `usable` and `ready`. */

#include <config.h>

#include "server/session.h"

#include "domain/doc.h"
#include "storage/tool.h"

#include <errno.h>
#include <sys/utsname.h>

struct rows {
  struct vl_app *app;
  struct vl_host_check *items;
  size_t n, size;
};

static void VL_PRINTF (5, 6) add (struct rows *rows, const char *name, const char *result,
                                  const char *mend, const char *fmt, ...)
{
  struct vl_arena *arena = rows->app->call->arena;
  struct vl_host_check row = { .result = result };
  va_list args;

  va_start (args, fmt);
  row.message = vl_arena_vprintf (arena, fmt, args);
  va_end (args);
  row.name = vl_arena_strdup (arena, name);
  row.mend = vl_arena_strdup (arena, mend);
  VL_GROW (rows->items, rows->n, rows->size);
  rows->items[rows->n++] = row;
}

/* ---- the machine ---- */

static void
check_state (struct rows *rows)
{
  struct vl_call *call = rows->app->call;
  size_t first = call->findings.n;
  const char *state = vl_app_state_dir (rows->app);

  if (state == NULL) {
    add (rows, "state folder", "FAIL", call->findings.items[first].hint, "%s",
         call->findings.items[first].message);
    vl_findings_drop (call, first, call->findings.n);
  } else if (access (state, F_OK) < 0)
    add (rows, "state folder", "PASS", NULL, "%s will be made by the first command that needs it",
         state);
  else if (access (state, R_OK | W_OK | X_OK) < 0)
    add (rows, "state folder", "FAIL", vl_printf (call, "chown %u %s", (unsigned)geteuid (), state),
         "%s: %s", state, strerror (errno));
  else
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
  struct vl_call *call = rows->app->call;
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
  struct vl_call *call = rows->app->call;
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
  const struct vl_registry *registry = rows->app->registry;
  struct vl_call *call = rows->app->call;
  size_t first = call->findings.n;
  const char *lacks;

  if (vl_tool_lacks (call, &lacks) < 0) {
    const struct vl_finding *finding = &call->findings.items[call->findings.n - 1];

    add (rows, "confinement", "FAIL", finding->hint, "%s", finding->message);
    vl_findings_drop (call, first, call->findings.n);
  } else if (lacks)
    add (rows, "confinement", "WARN",
         "boot a kernel with Landlock (lsm=landlock,...) and allow namespaces",
         "outside programs run without %s here", lacks);
  else
    add (rows, "confinement", "PASS", NULL, "outside programs run in namespaces, under Landlock");
  for (size_t i = 0; i < registry->n; i++) {
    const struct vl_plugin *plugin = registry->plugins[i];

    for (size_t k = 0; plugin->state == VL_PLUGIN_LOADED && k < plugin->n_tools; k++) {
      const struct vl_tool_row *tool = &plugin->tools[k];

      check_program (rows, vl_printf (call, "%s %s", plugin->name, tool->name), tool->program,
                     tool->package, "WARN");
    }
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

static int
is_on (const char *value)
{
  return value && (VL_STREQ (value, "Y") || VL_STREQ (value, "1"));
}

/* Parameters of the module that virtualises this CPU: "module.kvm_amd.nested". */
static void
check_modules (struct rows *rows, const struct vl_host *host)
{
  struct vl_call *call = rows->app->call;
  size_t n = vl_host_n_facts (host), found = 0;

  for (size_t i = 0; i < n; i++) {
    const char *key = vl_host_fact_key (host, i), *parameter = strrchr (key, '.');
    VL_AUTOFREE char *module = NULL;

    /* A module that is not loaded has no "Y" or "N", but the flag false. */
    if (! VL_STARTS (key, "module.") || parameter == key + 6
        || VL_STREQ (vl_host_str (host, key), "false"))
      continue;
    module = vl_xstrndup (key + 7, (size_t)(parameter - key) - 7);
    parameter++;
    found++;
    if (is_on (vl_host_str (host, key)))
      add (rows, vl_printf (call, "%s %s", module, parameter), "PASS", NULL, "is on");
    else
      add (rows, vl_printf (call, "%s %s", module, parameter), "WARN",
           vl_printf (call,
                      "echo options %s %s=1 > /etc/modprobe.d/%s-%s.conf && modprobe -r %s && "
                      "modprobe %s",
                      module, parameter, module, parameter, module, module),
           "is off (%s)", vl_host_str (host, key));
  }
  if (found == 0)
    add (rows, "kvm module", "SKIP", NULL, "no module for this CPU is loaded");
}

/* ---- plugins ---- */

static void
check_driver (struct rows *rows, struct vl_plugin *plugin, const struct vl_plugin *chosen)
{
  struct vl_call *call = rows->app->call;
  const char *name = vl_printf (call, "driver %s", plugin->name), *why = NULL;
  const char *bad = plugin == chosen ? "FAIL" : "WARN";
  struct vl_plugin *before = call->plugin;
  size_t first = call->findings.n;

  if (plugin->state == VL_PLUGIN_DISABLED) {
    add (rows, name, "SKIP", vl_printf (call, "virtloom driver enable %s", plugin->name),
         "is not enabled");
    return;
  }
  if (plugin->state == VL_PLUGIN_UNUSED)
    vl_registry_load (call, rows->app->registry, plugin, &rows->app->places);
  vl_findings_drop (call, first, call->findings.n);
  if (plugin->state != VL_PLUGIN_LOADED) {
    add (rows, name, bad, NULL, "was refused: %s", plugin->reason ? plugin->reason : "");
    return;
  }
  vl_call_as (call, plugin);
  call->doing = "usable";
  if (plugin->driver.usable == NULL || plugin->driver.usable (call, &why) == 1)
    add (rows, name, "PASS", NULL, "can be used%s", plugin == chosen ? ", and is" : "");
  else
    add (rows, name, bad, NULL, "%s", why ? why : "cannot be used on this machine");
  vl_call_as (call, before);
}

/* The choice of `auto` is kept from the first server on. */
static void
check_choice (struct rows *rows, const struct vl_plugin *chosen)
{
  struct vl_call *call = rows->app->call;
  const struct vl_plugin *today;
  const char *why;

  if (! VL_STREQ (vl_driver_wanted (rows->app), "auto")) {
    add (rows, "driver choice", "PASS", NULL, "%s, by configuration", chosen->name);
    return;
  }
  today = vl_driver_auto (rows->app, &why);
  if (today == chosen)
    add (rows, "driver choice", "PASS", NULL, "%s, chosen by auto", chosen->name);
  else if (today)
    add (rows, "driver choice", "WARN", vl_printf (call, "virtloom --driver %s ...", today->name),
         "%s, kept since the first server; auto would choose %s today", chosen->name, today->name);
  else
    add (rows, "driver choice", "FAIL", NULL, "auto finds none today: %s", why);
}

/* Findings from number FIRST on become rows. */
static void
findings_to_rows (struct rows *rows, size_t first)
{
  static const char *const results[] = {
    [VL_SEV_ERROR] = "FAIL", [VL_SEV_WARNING] = "WARN", [VL_SEV_ADVICE] = "PASS"
  };
  struct vl_call *call = rows->app->call;

  for (size_t i = first; i < call->findings.n; i++) {
    const struct vl_finding *finding = &call->findings.items[i];

    add (rows, finding->plugin, results[finding->severity], finding->hint, "%s", finding->message);
  }
  vl_findings_drop (call, first, call->findings.n);
}

static void
check_host (struct rows *rows, struct vl_plugin *chosen)
{
  struct vl_call *call = rows->app->call;
  size_t first = call->findings.n, before = rows->n;
  const struct vl_host *host = vl_app_host_anew (rows->app);

  findings_to_rows (rows, first);
  if (host == NULL) {
    if (rows->n == before)
      add (rows, "host facts", "FAIL", NULL, "cannot be read");
    return;
  }
  add (rows, "host facts", "PASS", NULL, "%zu facts, %s by driver %s", vl_host_n_facts (host),
       host->live ? "probed" : "given", chosen->name);
  check_vhost (rows, host);
  if (host->live)
    check_modules (rows, host);
  before = rows->n;
  vl_build_ready (call, rows->app->registry, chosen, host);
  findings_to_rows (rows, first);
  if (rows->n == before)
    add (rows, "plugin settings", "PASS", NULL, "all are possible on this host");
}

int
vl_host_checks (struct vl_app *app, const struct vl_host_check **checks, size_t *n)
{
  struct rows rows = { .app = app };
  struct vl_plugin *chosen;
  struct vl_host_check *kept;
  size_t first;

  check_state (&rows);
  check_schema (&rows);
  check_programs (&rows);
  check_tools (&rows);
  check_kvm (&rows);
  first = app->call->findings.n;
  chosen = vl_app_driver_plugin (app);
  findings_to_rows (&rows, first);
  for (size_t i = 0; i < app->registry->n; i++)
    if (app->registry->plugins[i]->kind == VL_KIND_DRIVER)
      check_driver (&rows, app->registry->plugins[i], chosen);
  if (chosen) {
    check_choice (&rows, chosen);
    check_host (&rows, chosen);
  }
  kept = vl_arena_alloc (app->call->arena, (rows.n + 1) * sizeof *kept);
  memcpy (kept, rows.items, rows.n * sizeof *kept);
  free (rows.items);
  *checks = kept;
  *n = rows.n;
  return 0;
}
