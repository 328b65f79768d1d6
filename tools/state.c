/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom state: whether what is on record and what is there are one, what mends it, and
 * copies of the records. */

#include <config.h>

#include "tool.h"

#include <stdlib.h>
#include <string.h>

struct telling {
  struct tool *tool;
  json_t *list;
  int left; /* how many faults were not mended */
};

static void
print_fault (const struct vl_state_fault *fault)
{
  char *text = vl_text_clean (fault->text), *id = vl_shell_quote (fault->id ? fault->id : "");

  printf ("%s  %s: %s\n", fault->mended ? "MEND" : "FAIL", fault->kind, text);
  if (! fault->mended && fault->id && fault->loss)
    printf ("      this takes %s: virtloom state repair --accept-loss %s\n", fault->loss, id);
  else if (! fault->mended && fault->id)
    printf ("      virtloom state repair\n");
  free (id);
  free (text);
}

static int
add_fault (void *opaque, const struct vl_state_fault *fault)
{
  struct telling *t = opaque;
  json_t *object = json_object ();

  json_put (object, "kind", fault->kind);
  json_put (object, "id", fault->id);
  json_put (object, "message", fault->text);
  json_put (object, "loss", fault->loss);
  json_object_set_new (object, "mended", json_boolean (fault->mended));
  json_array_append_new (t->list, object);
  t->left += ! fault->mended;
  if (! t->tool->json)
    print_fault (fault);
  return 0;
}

/* Each --accept-loss that no fault of LIST has is told: it is misspelt, or all is well with it. */
static void
tell_unused (struct tool *tool, const json_t *list)
{
  for (const char *const *id = args_list (tool->args, "accept-loss"); *id; id++) {
    int used = 0;

    for (size_t i = 0; i < json_array_size (list); i++) {
      const char *has = json_string_value (json_object_get (json_array_get (list, i), "id"));

      used |= has && strcmp (has, *id) == 0;
    }
    if (! used)
      vl_warn (tool->call, NULL, "'virtloom state check' says what it takes to mend each",
               "--accept-loss '%s' names nothing that is to be mended", *id);
  }
}

static int
compare (struct tool *tool, int repair)
{
  struct telling t = { .tool = tool, .list = json_array () };
  int result =
      vl_state_check (tool->app, repair, args_list (tool->args, "accept-loss"), add_fault, &t);

  json_object_set_new (tool->data, "faults", t.list);
  if (repair)
    tell_unused (tool, t.list);
  if (result == 0 && t.left == 0 && ! tool->json)
    printf ("PASS  %s: what is on record is there, and nothing else\n",
            vl_app_state_dir (tool->app));
  return result < 0 ? -1 : t.left ? VL_ERR_FAILED : 0;
}

static int
state_check (struct tool *tool)
{
  return compare (tool, 0);
}

static int
state_repair (struct tool *tool)
{
  return compare (tool, 1);
}

static int
state_backup (struct tool *tool)
{
  const char *file;

  if (vl_state_backup (tool->app, &file) < 0)
    return -1;
  tool_done (tool, "the records are copied to \"%s\"", file);
  json_put (tool->data, "file", file);
  return 0;
}

static int
state_restore (struct tool *tool)
{
  const char *file = tool->args->n_words ? tool->args->words[0] : NULL, *kept;

  if (vl_state_restore (tool->app, file, &kept) < 0)
    return -1;
  tool_done (tool, "the records are those of the copy; those of before, if any, are \"%s\"", kept);
  json_put (tool->data, "replaced", kept);
  return compare (tool, 0);
}

static const struct verb verbs[] = {
  { "check", NULL, 0, 0, NULL, "table json",
    "compares what is on record with the folders, images and guests that are there",
    "virtloom state check", VERB_WATCHED, state_check },
  { "repair", NULL, 0, 0, "accept-loss", "table json",
    "mends what takes nothing, and what --accept-loss names", "virtloom state repair", 0,
    state_repair },
  { "backup", NULL, 0, 0, NULL, "table json", "copies the records, not the disks, to STATE/backup",
    "virtloom state backup", VERB_WATCHED, state_backup },
  { "restore", "[FILE]", 0, 1, NULL, "table json",
    "puts a copy in the place of the records, which are kept", "virtloom state restore",
    VERB_WATCHED, state_restore },
  { .run = NULL },
};

const struct noun state_noun = { "state", "the folder that all is kept in", verbs };
