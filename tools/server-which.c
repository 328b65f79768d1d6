/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which servers a command is for, and waiting for what becomes of them. */

#include <config.h>

#include "server.h"

#include "lib/text.h"

#include <virtloom/ascii.h>

#include <stdlib.h>
#include <string.h>

/* So many steps of a wait, of 20 ms, until a server is looked at again. */
#define POLL_STEPS 12

/* What STATUS, in any case, is called; NULL after a finding.  Only who waits can see that a server
 * is DELETED. */
static const char *
known_status (struct tool *tool, const char *status, int waits)
{
  struct vl_spell spell = { .wanted = status };
  const char *all = "", *name;

  for (size_t i = 0; (name = vl_server_status (i)); i++) {
    if (vl_ascii_casecmp (name, status) == 0)
      return name;
    vl_spell_offer (&spell, name);
    all = vl_printf (tool->call, "%s%s%s", all, i ? ", " : "", name);
  }
  if (waits && vl_ascii_casecmp ("DELETED", status) == 0)
    return "DELETED";
  if (waits) {
    vl_spell_offer (&spell, "DELETED");
    all = vl_printf (tool->call, "%s, DELETED", all);
  }
  (void)vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                   spell.best ? vl_printf (tool->call, "did you mean '%s'?", spell.best) : NULL,
                   "--status '%s'; accepted: %s", status, all);
  return NULL;
}

/* What --status says, else which servers --all of a verb is for: those that it can be done to. */
static const char *
wanted (const struct tool *tool)
{
  static const char *const of_verbs[][2] = {
    { "start", "SHUTOFF" },  { "stop", "ACTIVE,PAUSED" }, { "pause", "ACTIVE" },
    { "unpause", "PAUSED" }, { "suspend", "ACTIVE" },     { "resume", "SUSPENDED" },
  };
  const char *text = args_value (tool->args, "status");

  for (size_t i = 0; text == NULL && i < sizeof of_verbs / sizeof of_verbs[0]; i++)
    if (strcmp (of_verbs[i][0], tool->args->verb->name) == 0)
      text = of_verbs[i][1];
  return text;
}

/* Is STATUS among those that are wanted?  1 where all are, 0, -1 after a finding. */
static int
among (struct tool *tool, const char *status, int waits)
{
  const char *text = wanted (tool);
  char *copy = vl_xstrdup (text ? text : ""), *state = NULL;
  int found = text == NULL;

  for (char *word = strtok_r (copy, ",", &state); word && found >= 0;
       word = strtok_r (NULL, ",", &state)) {
    const char *known = known_status (tool, word, waits);

    if (known == NULL)
      found = -1;
    else if (strcmp (known, status) == 0)
      found = 1;
  }
  free (copy);
  return found;
}

int
server_matches (struct tool *tool, const struct vl_server_info *server)
{
  return among (tool, server->status, 0);
}

/* ---- all of them ---- */

struct names {
  struct tool *tool;
  const char **list; /* malloc */
  size_t n;
};

static int
add_name (void *opaque, const struct vl_server_info *server)
{
  struct names *names = opaque;
  int match = server_matches (names->tool, server);

  if (match <= 0)
    return match;
  names->list = vl_xrealloc (names->list, names->n + 2, sizeof *names->list);
  names->list[names->n++] = vl_printf (names->tool->call, "%s", server->uuid);
  names->list[names->n] = NULL;
  return 0;
}

const char *const *
server_names (struct tool *tool)
{
  const struct args *args = tool->args;
  int all = args_has (args, "all") || args_has (args, "status");
  struct names names = { tool, vl_xcalloc (args->n_words + 1, sizeof (char *)), 0 };

  if (args->n_words && all)
    (void)vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                     "'server %s' takes SERVER..., or --all or --status, not both",
                     args->verb->name);
  else if (args->n_words == 0 && ! all)
    (void)vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                     vl_printf (tool->call, "virtloom server %s --help", args->verb->name),
                     "'server %s' needs SERVER..., --all or --status STATUS", args->verb->name);
  else if (! all) {
    memcpy (names.list, args->words, args->n_words * sizeof *names.list);
    return names.list;
  } else if (among (tool, "", 0) >= 0 && vl_server_each (tool->app, add_name, &names) == 0)
    return names.list;
  free (names.list);
  return NULL;
}

/* ---- wait ---- */

/* What SERVER is now: its status, "DELETED" where it is not there; NULL after a finding. */
static const char *
status_now (struct tool *tool, const char *server)
{
  size_t first = vl_findings_count (tool->app);
  const struct vl_server_info *info = vl_server_find (tool->app, server);

  if (info)
    return info->status;
  if (vl_findings_count (tool->app) == first
      || vl_findings_get (tool->app, first)->err != VL_ERR_NOT_FOUND)
    return NULL;
  vl_findings_forget (tool->app, first);
  return "DELETED";
}

int
server_seconds (struct tool *tool, int64_t otherwise, uint32_t *seconds)
{
  int64_t number;

  if (args_number (tool, "timeout", otherwise, &number) < 0)
    return -1;
  *seconds = (uint32_t)number;
  return 0;
}

/* What helps when a wait for SERVER was too short: VERB has what it does. */
static const char *
longer (struct tool *tool, const char *verb, const char *server)
{
  VL_AUTOFREE char *word = vl_name_quote (server);

  return vl_printf (tool->call, "virtloom server %s %s; --timeout SECONDS waits longer", verb,
                    word);
}

int
server_wait_on (struct tool *tool, const char *server, const char *status, struct vl_wait *wait)
{
  wait->what = vl_printf (tool->call, "server '%s', which is %s", server, status);
  for (int i = 0; i < POLL_STEPS; i++)
    if (! vl_wait_more (tool->call, wait, -1))
      return vl_refuse_as (
          tool->call, VL_ERR_FAILED, "WaitTimeout", NULL, longer (tool, "event list", server),
          "server '%s' is still %s after %u seconds", server, status, wait->ms / 1000);
  return 0;
}

static int
wait_for_one (struct tool *tool, const char *server, struct vl_wait *wait)
{
  for (;;) {
    const char *status = status_now (tool, server);

    if (status == NULL)
      return -1;
    if (among (tool, status, 1) == 1)
      return 0;
    /* Nothing comes back from there. */
    if (strcmp (status, "DELETED") == 0)
      return vl_refuse_as (tool->call, VL_ERR_NOT_FOUND, "InstanceNotFound", NULL, NULL,
                           "server '%s' is not there any more", server);
    if (server_wait_on (tool, server, status, wait) < 0)
      return -1;
  }
}

/* Waits until the guest of SERVER has written TEXT to its console. */
static int
wait_for_text (struct tool *tool, const char *server, const char *text, struct vl_wait *wait)
{
  wait->what = vl_printf (tool->call, "the console of server '%s'", server);
  for (;;) {
    const char *log = NULL;
    size_t length = 0;

    if (vl_server_log (tool->app, server, &log, &length) < 0)
      return -1;
    /* A guest may write NUL bytes. */
    if (length && memmem (log, length, text, strlen (text)))
      return 0;
    for (int i = 0; i < POLL_STEPS; i++)
      if (! vl_wait_more (tool->call, wait, -1))
        return vl_refuse_as (tool->call, VL_ERR_FAILED, "WaitTimeout", NULL,
                             longer (tool, "log", server),
                             "the guest of server '%s' has not written '%s' to its console after "
                             "%u seconds",
                             server, text, wait->ms / 1000);
  }
}

int
server_wait (struct tool *tool)
{
  const char *text = args_value (tool->args, "console");
  int by_status = args_value (tool->args, "status") != NULL;
  struct vl_wait wait = { 0 };
  uint32_t seconds;
  int bad = 0;

  if (server_seconds (tool, SERVER_WAIT, &seconds) < 0)
    return -1;
  if (! by_status && text == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                      "'server wait' needs --status STATUS, such as ACTIVE, or --console TEXT, "
                      "which the guest writes");
  if (text && *text == '\0')
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL,
                      "--console is empty; accepted: a text that the guest writes");
  if (by_status && among (tool, "", 1) < 0)
    return -1;
  wait.ms = seconds * 1000;
  for (size_t i = 0; i < tool->args->n_words; i++) {
    const char *server = tool->args->words[i];

    wait.told = 0;
    /* One that was never there is misspelt, unless its end is waited for. */
    if ((! by_status || among (tool, "DELETED", 1) != 1)
        && vl_server_find (tool->app, server) == NULL)
      bad = -1;
    else if ((by_status && wait_for_one (tool, server, &wait) < 0)
             || (text && wait_for_text (tool, server, text, &wait) < 0))
      bad = -1;
  }
  return bad ? -1 : 0;
}
