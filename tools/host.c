/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom host: the facts that decisions are made from, what is missing for
 * the work, and host files made of what others recorded. */

#include <config.h>

#include "watch.h"

#include <stdlib.h>
#include <string.h>

#define XML_LIMIT ((size_t)16 << 20)

/* ---- show ---- */

static void
print_facts (const struct vl_host *host)
{
  for (size_t i = 0; i < vl_host_n_facts (host); i++) {
    const char *key = vl_host_fact_key (host, i);
    size_t n = vl_host_count (host, key);

    printf ("%s =", key);
    for (size_t j = 0; j < n; j++) {
      char *clean = vl_text_clean (vl_host_item (host, key, j));

      printf ("%s %s", j ? "," : "", clean);
      free (clean);
    }
    putchar ('\n');
  }
}

/* A host file has no room for findings: they stay on stderr. */
static void
print_file (struct tool *tool, const struct vl_host *host)
{
  char *text = vl_host_to_json (host);

  fputs (text, stdout);
  free (text);
  tool->printed = 1;
}

static int
host_show (struct tool *tool)
{
  const struct vl_host *host = vl_app_host_anew (tool->app);

  if (host == NULL)
    return -1;
  if (tool->json)
    print_file (tool, host);
  else
    print_facts (host);
  return 0;
}

/* ---- import ---- */

static int
import_files (struct tool *tool, struct vl_host *host, const char *option,
              int (*import) (struct vl_call *, const char *))
{
  int bad = 0;

  for (const char *const *path = args_list (tool->args, option); *path; path++) {
    size_t length;
    char *text = tool_read (tool, *path, XML_LIMIT, &length);

    if (text == NULL)
      bad = -1;
    else if (strlen (text) != length)
      bad = vl_refuse_as (tool->call, VL_ERR_REQUEST, "InvalidXML", NULL, NULL,
                          "'%s' has a NUL byte", *path);
    else {
      vl_host_import_into (tool->call, host, *path);
      bad |= import (tool->call, text);
      vl_host_import_into (tool->call, NULL, NULL);
    }
    free (text);
  }
  return bad;
}

static int
host_import (struct tool *tool)
{
  struct vl_host *host = vl_host_new ();
  const char *const *facts = args_list (tool->args, "fact");
  int bad = 0;

  if (! args_has (tool->args, "capabilities") && ! args_has (tool->args, "domcapabilities")
      && ! args_has (tool->args, "fact"))
    bad = vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                     "`virsh capabilities > FILE` and `virsh domcapabilities > FILE` make them",
                     "'host import' needs --capabilities, --domcapabilities or --fact");
  bad |= import_files (tool, host, "capabilities", vl_host_import_capabilities);
  bad |= import_files (tool, host, "domcapabilities", vl_host_import_domcapabilities);
  if (*facts && vl_app_read (tool->app) < 0)
    bad = -1;
  for (; *facts; facts++)
    bad |= facts_check (tool, *facts) | vl_host_import_fact (tool->call, host, *facts);
  if (! bad) {
    print_file (tool, host);
    facts_missing (tool, host);
  }
  vl_host_free (host);
  return bad ? -1 : 0;
}

/* ---- resume ---- */

static int
add_started (void *opaque, const char *name)
{
  struct tool *tool = opaque;
  json_t *list = json_object_get (tool->data, "started");
  char *clean = vl_text_clean (name);

  if (! tool->json)
    printf ("started %s\n", clean);
  free (clean);
  return json_array_append_new (list, json_text (name));
}

static int
host_resume (struct tool *tool)
{
  int result;

  json_object_set_new (tool->data, "started", json_array ());
  result = vl_host_resume (tool->app, add_started, tool);
  if (result == 1)
    tool_done (tool, "nothing is started: resume_guests_state_on_host_boot is off");
  return result < 0 ? -1 : 0;
}

/* ---- list ---- */

static int
host_list (struct tool *tool)
{
  static const struct column columns[] = { { "name", "Name" }, { "arch", "Architecture" },
                                           { "cpu", "CPU" },   { "libvirt", "libvirt" },
                                           { "qemu", "QEMU" }, { NULL, NULL } };
  static const char *const facts[][2] = { { "arch", "host.arch" },
                                          { "cpu", "host.cpu.model" },
                                          { "libvirt", "libvirt.version" },
                                          { "qemu", "qemu.version" } };
  json_t *list = json_array ();
  const char *const *names = vl_hosts (tool->call);

  for (; *names; names++) {
    struct vl_host *host = vl_hosts_load (tool->call, *names);
    json_t *object = json_object ();

    json_put (object, "name", *names);
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
      json_put (object, facts[i][0], host ? vl_host_item (host, facts[i][1], 0) : NULL);
    json_array_append_new (list, object);
    vl_host_free (host);
  }
  tool_list (tool, "hosts", list, columns);
  return 0;
}

static const struct verb verbs[] = {
  { "list", NULL, 0, 0, TABLE_OPTIONS, TABLE_FORMATS,
    "lists the recorded hosts that --host knows by name", "virtloom host list", VERB_READ,
    host_list },
  { "show", NULL, 0, 0, NULL, "table json", "shows the facts; -o json is what --host reads",
    "virtloom host show -o json > host.json", VERB_WATCHED, host_show },
  { "usage", NULL, 0, 0, "volumes " TABLE_OPTIONS, TABLE_FORMATS,
    "shows what the host has and how much of it is taken", "virtloom host usage", VERB_WATCHED,
    host_usage },
  { "check", NULL, 0, 0, "root", "table json", "checks each prerequisite, and says what mends it",
    "virtloom host check", VERB_WATCHED, host_check },
  { "resume", NULL, 0, 0, NULL, "table json",
    "starts the guests that ran before the host's boot, where the setting says so",
    "virtloom host resume", 0, host_resume },
  { "watch", NULL, 0, 0, NULL, "table",
    "listens to the hypervisor and records what it tells of servers, until it is stopped",
    "virtloom host watch", VERB_READ, host_watch },
  { "tend", NULL, 0, 0, NULL, "table json", "does what is periodic, once", "virtloom host tend", 0,
    host_tend },
  { "import", NULL, 0, 0, "capabilities domcapabilities fact", "json",
    "makes a host file of what libvirt says elsewhere",
    "virtloom host import --capabilities caps.xml --domcapabilities q35.xml --fact "
    "libvirt.version=9.0.0",
    VERB_NO_LOAD, host_import },
  { .run = NULL },
};

const struct noun host_noun = { "host", "the facts that decisions are made from", verbs };
