/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Facts that a user gives: their names, which are those of virtloom-feature(3), and what
 * may stand in each; and which facts a host file lacks for a plain guest. */

#include <config.h>

#include "tool.h"

#include "lib/text.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What stands in a fact: text, a whole number, a flag, a version, a module's parameter,
 * an absolute path. */
enum kind { IS_TEXT, IS_NUMBER, IS_FLAG, IS_VERSION, IS_PARAMETER, IS_PATH };

static const struct {
  const char *name; /* '*' stands for any text */
  enum kind kind;
} known[] = {
  { "caps.*.feature.*", IS_FLAG },
  { "caps.*.max-vcpus", IS_NUMBER },
  { "caps.*", IS_TEXT },
  { "cgroup.cpu", IS_FLAG },
  { "cgroup.version", IS_NUMBER },
  { "cpu-flags", IS_TEXT },
  { "cpu-model.*.features", IS_TEXT },
  { "cpu-model.*.vendor", IS_TEXT },
  { "device", IS_PATH },
  { "guest.*.canonical.*", IS_TEXT },
  { "guest.*.emulator", IS_PATH },
  { "guest.*.machines", IS_TEXT },
  { "guest.*.max-vcpus.*", IS_NUMBER },
  { "guest.*.types", IS_TEXT },
  { "host.arch", IS_TEXT },
  { "host.cell.*.cpus", IS_TEXT },
  { "host.cell.*.memory", IS_NUMBER },
  { "host.cell.*.pages.*", IS_NUMBER },
  { "host.cell.*.siblings", IS_TEXT },
  { "host.cells", IS_NUMBER },
  { "host.cpu.cores", IS_NUMBER },
  { "host.cpu.features", IS_TEXT },
  { "host.cpu.model", IS_TEXT },
  { "host.cpu.sockets", IS_NUMBER },
  { "host.cpu.threads", IS_NUMBER },
  { "host.cpu.vendor", IS_TEXT },
  { "host.page-sizes", IS_NUMBER },
  { "host.uuid", IS_TEXT },
  { "kernel.release", IS_VERSION },
  { "libvirt.secrets", IS_FLAG },
  { "libvirt.version", IS_VERSION },
  { "limit.memlock", IS_TEXT },
  { "module.kvm_amd.nested", IS_PARAMETER },
  { "module.kvm_amd.sev", IS_PARAMETER },
  { "module.kvm_amd.sev_es", IS_PARAMETER },
  { "module.kvm_amd.sev_snp", IS_PARAMETER },
  { "module.kvm_intel.nested", IS_PARAMETER },
  { "qemu.version", IS_VERSION },
  { "storage.capacity", IS_NUMBER },
  { "storage.direct_io", IS_FLAG },
  { "storage.file_size", IS_NUMBER },
  { "swtpm", IS_FLAG },
  { "trait.*", IS_FLAG },
};
#define N_KNOWN (sizeof known / sizeof known[0])

static int
is_word (const char *text, const char *words)
{
  size_t n = strlen (text);

  for (const char *p = strstr (words, text); n && p; p = strstr (p + 1, text))
    if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
      return 1;
  return 0;
}

/* What is accepted in a fact of KIND, where VALUE is none; else NULL. */
static const char *
problem (enum kind kind, const char *value)
{
  size_t digits = strspn (value, "0123456789");

  switch (kind) {
  case IS_NUMBER:
    return digits && value[digits] == '\0' ? NULL : "a whole number";
  case IS_FLAG:
    return is_word (value, "true false") ? NULL : "true, false";
  case IS_VERSION:
    return digits ? NULL : "a version, as 9.0.0";
  case IS_PARAMETER:
    return is_word (value, "Y N 0 1 true false") ? NULL : "Y, N, 1, 0, or false for one not there";
  case IS_PATH:
    return value[0] == '/' ? NULL : "an absolute path";
  default:
    return *value ? NULL : "some text";
  }
}

/* Is KEY of a plugin that APP has, "PLUGIN.WHAT"? */
static int
is_plugins (const struct vl_app *app, const char *key)
{
  size_t n = strcspn (key, ".");

  for (size_t i = 0; key[n] && i < vl_plugins_count (app); i++) {
    const char *name = vl_plugins_get (app, i)->name;

    if (strlen (name) == n && strncmp (name, key, n) == 0)
      return 1;
  }
  return 0;
}

int
facts_known (const struct vl_app *app, const char *key)
{
  for (size_t i = 0; i < N_KNOWN; i++)
    if (fnmatch (known[i].name, key, 0) == 0)
      return 1;
  return is_plugins (app, key);
}

int
facts_check (struct tool *tool, const char *text)
{
  const char *equals = strchr (text, '='), *accepted;
  char key[256];
  struct vl_spell spell = { .wanted = key };
  size_t n = equals ? (size_t)(equals - text) : 0, i = 0;

  /* What is no KEY=VALUE the import itself refuses. */
  if (n == 0 || n >= sizeof key)
    return 0;
  memcpy (key, text, n);
  key[n] = '\0';
  while (i < N_KNOWN && fnmatch (known[i].name, key, 0) != 0)
    vl_spell_offer (&spell, known[i++].name);
  if (i == N_KNOWN && is_plugins (tool->app, key))
    return 0;
  if (i == N_KNOWN)
    return vl_refuse_as (tool->call, VL_ERR_USAGE, "InvalidFact", NULL,
                         spell.best ? vl_printf (tool->call, "did you mean '%s'?", spell.best)
                                    : "virtloom-feature(3) lists them",
                         "there is no fact '%s'; accepted: those of virtloom-feature(3), and "
                         "PLUGIN.* of a plugin that is installed",
                         key);
  accepted = problem (known[i].kind, equals + 1);
  /* What is no text at all the import itself refuses. */
  if (accepted == NULL || vl_text_problem (equals + 1, strlen (equals + 1)))
    return 0;
  return vl_refuse_as (tool->call, VL_ERR_USAGE, "InvalidFact", NULL, NULL,
                       "fact '%s' is '%.64s'; accepted: %s", key, equals + 1, accepted);
}

void
facts_missing (struct tool *tool, const struct vl_host *host)
{
  char path[] = "/tmp/virtloom-host-XXXXXX";
  int fd = mkstemp (path);
  FILE *file = fd < 0 ? NULL : fdopen (fd, "w");
  struct vl_app_options options = tool->options;
  char *text = vl_host_to_json (host);
  struct vl_app *app;

  if (file && fputs (text, file) >= 0 && fclose (file) == 0) {
    options.host_file = path;
    options.strict = 0;
    if (options.driver == NULL)
      options.driver = "libvirt-kvm";
    app = vl_app_new (&options);
    config_plan_nothing (app);
    for (size_t i = 0; i < vl_findings_count (app); i++) {
      const struct vl_finding *finding = vl_findings_get (app, i);

      if (finding->code && strcmp (finding->code, "HostFactUnknown") == 0)
        vl_warn (tool->call, NULL, finding->hint,
                 "a plain guest cannot be planned for this host: %s", finding->message);
    }
    vl_app_free (app);
  }
  if (fd >= 0)
    unlink (path);
  free (text);
}
