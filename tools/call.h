/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom driver call: the methods of Nova's ComputeDriver by their names, with JSON in and out.
 * One table says what each takes and what answers it. */

#ifndef VL_TOOL_CALL_H
#define VL_TOOL_CALL_H

#include "server.h"

/* What a member of the arguments is. */
enum call_type {
  CALL_TEXT = 1,
  CALL_TEXTS,  /* an array of them */
  CALL_PAIRS,  /* an object of them: KEY=VALUE each */
  CALL_NUMBER, /* a whole number, 0 or more */
  CALL_BOOL,
  CALL_OBJECT,
  CALL_SECRET, /* a text that is in no finding */
  CALL_ITEM,   /* a text, or an item of a list of a request file */
};

#define CALL_NEEDED 0x1u
#define CALL_WORD 0x2u /* a word of the verb, not an option */

struct call_argument {
  const char *name;
  enum call_type type;
  unsigned flags;
  const char *option; /* of the verb that it is; NULL: the option of its own name */
};

/* A method.  One of VERB, OWN and CODE answers it. */
struct call_method {
  const char *name;
  const char *other; /* the name that the project's third seed, or older Nova, has; or NULL */
  const struct call_argument *arguments; /* ends with one without a name; NULL: none */
  const char *noun, *verb;               /* of the command, whose library function does it */
  const char *fixed; /* "OPTION" or "OPTION=VALUE" that it always has, or NULL */
  const char
      *pick; /* the member of what the verb answers with -o json, "A/B" one below; NULL: all */
  /* 0 with *RESULT, a new value or left NULL; -1 after a finding. */
  int (*own) (struct tool *tool, const json_t *arguments, json_t **result);
  const char *code, *why; /* Nova's exception, and what stands behind "'METHOD' " */
};

/* call-table.c: the I-th method; NULL beyond the last. */
const struct call_method *call_method_at (size_t i);

/* call-own.c: what the command has no verb for. */
int call_nothing (struct tool *tool, const json_t *arguments, json_t **result);
int call_no (struct tool *tool, const json_t *arguments, json_t **result);
int call_init_host (struct tool *tool, const json_t *arguments, json_t **result);
int call_list_instances (struct tool *tool, const json_t *arguments, json_t **result);
int call_list_uuids (struct tool *tool, const json_t *arguments, json_t **result);
int call_count_instances (struct tool *tool, const json_t *arguments, json_t **result);
int call_instance_exists (struct tool *tool, const json_t *arguments, json_t **result);
int call_instance_on_disk (struct tool *tool, const json_t *arguments, json_t **result);
int call_get_info (struct tool *tool, const json_t *arguments, json_t **result);
int call_boot_instance (struct tool *tool, const json_t *arguments, json_t **result);
int call_reboot (struct tool *tool, const json_t *arguments, json_t **result);
int call_block_stats (struct tool *tool, const json_t *arguments, json_t **result);
int call_nodes (struct tool *tool, const json_t *arguments, json_t **result);
int call_node_is_there (struct tool *tool, const json_t *arguments, json_t **result);
int call_node_is_deleted (struct tool *tool, const json_t *arguments, json_t **result);
int call_root_device (struct tool *tool, const json_t *arguments, json_t **result);

/* call-live.c: guests that go to another host while they run. */
int call_shared_local (struct tool *tool, const json_t *arguments, json_t **result);
int call_shared_remote (struct tool *tool, const json_t *arguments, json_t **result);
int call_shared_cleanup (struct tool *tool, const json_t *arguments, json_t **result);
int call_check_destination (struct tool *tool, const json_t *arguments, json_t **result);
int call_cleanup_destination (struct tool *tool, const json_t *arguments, json_t **result);
int call_check_source (struct tool *tool, const json_t *arguments, json_t **result);
int call_pre_live (struct tool *tool, const json_t *arguments, json_t **result);
int call_live_migration (struct tool *tool, const json_t *arguments, json_t **result);
int call_live_abort (struct tool *tool, const json_t *arguments, json_t **result);
int call_live_force (struct tool *tool, const json_t *arguments, json_t **result);
int call_post_live (struct tool *tool, const json_t *arguments, json_t **result);
int call_post_source (struct tool *tool, const json_t *arguments, json_t **result);
int call_rollback_source (struct tool *tool, const json_t *arguments, json_t **result);
int call_post_destination (struct tool *tool, const json_t *arguments, json_t **result);
int call_rollback_destination (struct tool *tool, const json_t *arguments, json_t **result);

/* call.c: does VERB of NOUN with WORDS and OPTIONS ("NAME", "NAME=VALUE"; NULL-terminated), and
 * *RESULT becomes what it answers with -o json.  0, -1 after a finding, or the verb's own exit
 * code. */
int call_verb (struct tool *tool, const char *noun, const char *verb, const char *const *words,
               const char *const *options, json_t **result);

/* call.c: METHOD with ARGUMENTS, which were judged: *RESULT is a new value.  0, -1 after a finding, or
 * the exit code of a verb. */
int call_do (struct tool *tool, const struct call_method *method, const json_t *arguments,
             json_t **result);
/* call.c: the verb. */
int driver_call (struct tool *tool);

#endif
