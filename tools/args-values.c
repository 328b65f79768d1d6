/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What options were given, as text, numbers and properties. */

#include <config.h>

#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *
args_value (const struct args *args, const char *name)
{
  for (size_t i = args->n_given; i > 0; i--)
    if (strcmp (args->given[i - 1].option->name, name) == 0)
      return args->given[i - 1].value;
  return NULL;
}

int
args_has (const struct args *args, const char *name)
{
  for (size_t i = 0; i < args->n_given; i++)
    if (strcmp (args->given[i].option->name, name) == 0)
      return 1;
  return 0;
}

const char *const *
args_list (struct args *args, const char *name)
{
  const char **list = vl_xcalloc (args->n_given + 1, sizeof *list);
  size_t n = 0;

  for (size_t i = 0; i < args->n_given; i++)
    if (strcmp (args->given[i].option->name, name) == 0)
      list[n++] = args->given[i].value;
  args->lists[args->n_lists++] = list;
  return list;
}

/* What options take that take numbers; the limits of sizes are those of a request file. */
static const struct number {
  const char *name;
  int64_t least, most;
  const char *unit;
  int example;
} numbers[] = {
  { "delay", 1, 86400, " seconds", 5 },     { "rounds", 1, INT32_MAX, "", 3 },
  { "disk", 0, INT32_MAX, " GiB", 10 },     { "ephemeral", 0, INT32_MAX, " GiB", 10 },
  { "lines", 1, INT32_MAX, "", 20 },        { "min-disk", 0, INT32_MAX, " GiB", 10 },
  { "min-ram", 0, INT32_MAX, " MiB", 512 }, { "ram", 1, INT32_MAX, " MiB", 512 },
  { "size", 1, 8388608, " GiB", 20 },       { "swap", 0, INT32_MAX, " MiB", 512 },
  { "timeout", 0, 86400, " seconds", 60 },  { "vcpus", 1, INT32_MAX, "", 2 },
  { NULL, INT64_MIN, INT64_MAX, "", 4 },
};

int
args_number (struct tool *tool, const char *name, int64_t otherwise, int64_t *number)
{
  const char *text = args_value (tool->args, name), *accepted;
  const struct number *row = numbers;
  char *end;

  *number = otherwise;
  if (text == NULL)
    return 0;
  while (row->name && strcmp (row->name, name) != 0)
    row++;
  accepted =
      vl_printf (tool->call, "%" PRId64 " to %" PRId64 "%s", row->least, row->most, row->unit);
  errno = 0;
  *number = strtoll (text, &end, 10);
  if (*text == '\0' || *end || strchr ("-0123456789", *text) == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL,
                      vl_printf (tool->call, "for instance --%s %d", name, row->example),
                      "--%s '%s' is not a whole number; accepted: %s", name, text, accepted);
  if (errno || *number < row->least || *number > row->most)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "--%s %s; accepted: %s", name, text,
                      accepted);
  return 0;
}

int
args_properties (struct tool *tool, const char *name, struct vl_property **list, size_t *n)
{
  const char *const *texts = args_list (tool->args, name);
  int bad = 0;

  *n = 0;
  *list = vl_xcalloc (tool->args->n_given + 1, sizeof **list);
  for (; *texts; texts++) {
    const char *equals = strchr (*texts, '=');

    if (equals == NULL || equals == *texts) {
      bad = vl_refuse (tool->call, VL_ERR_USAGE, NULL, NULL, "--%s '%s'; accepted: KEY=VALUE", name,
                       *texts);
      continue;
    }
    (*list)[*n].key = vl_printf (tool->call, "%.*s", (int)(equals - *texts), *texts);
    (*list)[(*n)++].value = equals + 1;
  }
  return bad;
}

int
args_check_files (struct tool *tool)
{
  const struct args *args = tool->args;
  int bad = 0;

  for (size_t i = 0; i < args->n_given; i++) {
    const struct option *option = args_meaning (args->noun, args->verb, args->given[i].option);
    const char *path = args->given[i].value;

    if (option->value == NULL || ! VL_ENDS (option->value, "FILE") || option->maybe)
      continue;
    /* GUEST=FILE; what is no such pair is refused where it is read. */
    if (strchr (option->value, '='))
      path = strchr (path, '=') ? strchr (path, '=') + 1 : "";
    if (*path == '\0' || tool_is_lent (path))
      continue;
    if (access (path, R_OK) < 0)
      bad = vl_refuse (tool->call, errno == EACCES ? VL_ERR_NOT_PERMITTED : VL_ERR_NOT_FOUND, NULL,
                       NULL, "--%s '%s' cannot be read: %s; accepted: a file", option->name, path,
                       strerror (errno));
  }
  return bad;
}

void
args_free (struct args *args)
{
  for (size_t i = 0; i < args->n_lists; i++)
    free (args->lists[i]);
  free (args->words);
  free (args->given);
  free ((char *)args->message);
  free ((char *)args->hint);
}
