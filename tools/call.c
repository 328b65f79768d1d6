/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom driver call: reads the arguments of a method, judges them by its row, and has the verb
 * or function of that row do it. */

#include <config.h>

#include "call.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/file.h"

/* A request of the largest size, and what else there is. */
#define ARGUMENTS_LIMIT ((size_t)2 << 20)

#define LIST_HINT "virtloom driver call --list -o table shows all"

static const char *const type_names[] = {
  [CALL_TEXT] = "a text",
  [CALL_TEXTS] = "an array of texts",
  [CALL_PAIRS] = "an object of texts",
  [CALL_NUMBER] = "a whole number, 0 or more",
  [CALL_BOOL] = "true or false",
  [CALL_OBJECT] = "an object",
  [CALL_SECRET] = "a text",
  [CALL_ITEM] = "a text or an object",
};

/* ---- methods ---- */

static const struct call_method *
find_method (const char *name)
{
  const struct call_method *method;

  for (size_t i = 0; (method = call_method_at (i)); i++)
    if (strcmp (method->name, name) == 0 || (method->other && strcmp (method->other, name) == 0))
      return method;
  return NULL;
}

static int
refuse_method (struct tool *tool, const char *name)
{
  struct vl_spell spelling = { .wanted = name };
  const struct call_method *method;
  const char *hint = LIST_HINT;

  for (size_t i = 0; (method = call_method_at (i)); i++)
    vl_spell_offer (&spelling, method->name);
  if (spelling.best)
    hint = vl_printf (tool->call, "did you mean '%s'?", spelling.best);
  return vl_refuse_as (tool->call, VL_ERR_USAGE, "NotImplemented", NULL, hint,
                       "a ComputeDriver has no method '%s'", name);
}

static json_t *
arguments_json (const struct call_method *method)
{
  json_t *list = json_array ();

  for (const struct call_argument *a = method->arguments; a && a->name; a++) {
    json_t *object = json_object ();

    json_put (object, "name", a->name);
    json_put (object, "type", type_names[a->type]);
    json_object_set_new (object, "needed", json_boolean (a->flags & CALL_NEEDED));
    json_array_append_new (list, object);
  }
  return list;
}

/* "instance file [lines]" */
static const char *
arguments_text (struct tool *tool, const struct call_method *method)
{
  const char *all = "";

  for (const struct call_argument *a = method->arguments; a && a->name; a++)
    all = vl_printf (tool->call, a->flags & CALL_NEEDED ? "%s%s%s" : "%s%s[%s]", all,
                     *all ? " " : "", a->name);
  return all;
}

static int
list_methods (struct tool *tool)
{
  static const struct column columns[] = {
    { "method", "Method" }, { "arguments", "Arguments" },
    { "does", "Does" },     { "exception", "Is refused" },
    { NULL, NULL },
  };
  const struct call_method *method;
  json_t *list = json_array ();

  if (tool->args->n_words) {
    json_decref (list);
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, "give one of both",
                      "--list takes no method; '%s' is one", tool->args->words[0]);
  }
  for (size_t i = 0; (method = call_method_at (i)); i++) {
    json_t *object = json_object ();

    json_put (object, "method", method->name);
    json_put (object, "other", method->other);
    if (tool->json)
      json_object_set_new (object, "arguments", arguments_json (method));
    else
      json_put (object, "arguments", arguments_text (tool, method));
    json_put (object, "does",
              method->noun ? vl_printf (tool->call, "%s%s%s", method->noun, method->verb ? " " : "",
                                        method->verb ? method->verb : "")
              : method->own ? "the call itself"
                            : NULL);
    json_put (object, "exception", method->code);
    json_put (object, "why", method->why);
    json_array_append_new (list, object);
  }
  tool_list (tool, "methods", list, columns);
  return 0;
}

/* ---- what is read ---- */

static int VL_PRINTF (3, 4) refuse_input (struct tool *tool, const char *hint, const char *fmt, ...)
{
  va_list args;
  char *text;
  int result;

  va_start (args, fmt);
  text = vl_xvasprintf (fmt, args);
  va_end (args);
  result = vl_refuse_as (tool->call, VL_ERR_REQUEST, "InvalidInput", NULL, hint, "%s", text);
  free (text);
  return result;
}

/* jansson quotes what it read last, which may be a password, so its words are not told. */
static json_t *
parse (struct tool *tool, const char *text, size_t length)
{
  json_error_t error;
  json_t *value;

  if (text[strspn (text, " \t\r\n")] == '\0' && strlen (text) == length)
    return json_object ();
  value = json_loadb (text, length, JSON_REJECT_DUPLICATES, &error);
  if (value == NULL && json_error_code (&error) == json_error_duplicate_key)
    refuse_input (tool, "give it once", "the arguments have a member twice (line %d, column %d)",
                  error.line, error.column);
  else if (value == NULL)
    refuse_input (tool, "for instance: {\"instance\": \"web1\"}",
                  "the arguments are not JSON (line %d, column %d)", error.line, error.column);
  else if (! json_is_object (value)) {
    json_decref (value);
    value = NULL;
    refuse_input (tool, NULL, "the arguments are no object; accepted: {\"NAME\": VALUE, ...}");
  }
  return value;
}

static json_t *
read_arguments (struct tool *tool)
{
  const char *path = args_value (tool->args, "arguments");
  json_t *value;
  size_t length;
  char *text;

  if (path == NULL && isatty (STDIN_FILENO))
    return json_object ();
  text = tool_read (tool, path ? path : "-", ARGUMENTS_LIMIT, &length);
  if (text == NULL)
    return NULL;
  value = parse (tool, text, length);
  explicit_bzero (text, length);
  free (text);
  return value;
}

/* ---- what is judged ---- */

static int
is_texts (const json_t *value, int pairs)
{
  const char *key;
  json_t *item;
  size_t i;

  if (pairs ? ! json_is_object (value) : ! json_is_array (value))
    return 0;
  if (pairs) {
    json_object_foreach ((json_t *)value, key, item) if (! json_is_string (item)) return 0;
  } else {
    json_array_foreach (value, i, item) if (! json_is_string (item)) return 0;
  }
  return 1;
}

static int
is_type (const json_t *value, enum call_type type)
{
  switch (type) {
  case CALL_TEXTS:
  case CALL_PAIRS:
    return is_texts (value, type == CALL_PAIRS);
  case CALL_NUMBER:
    return json_is_integer (value) && json_integer_value (value) >= 0;
  case CALL_BOOL:
    return json_is_boolean (value);
  case CALL_OBJECT:
    return json_is_object (value);
  case CALL_ITEM:
    return json_is_string (value) || json_is_object (value);
  default:
    return json_is_string (value);
  }
}

static const struct call_argument *
find_argument (const struct call_method *method, const char *name)
{
  for (const struct call_argument *a = method->arguments; a && a->name; a++)
    if (strcmp (a->name, name) == 0)
      return a;
  return NULL;
}

/* Those that begin with x- are ignored, as everywhere. */
static int
judge_member (struct tool *tool, const struct call_method *method, const char *key,
              const json_t *value)
{
  const struct call_argument *argument = find_argument (method, key);
  struct vl_spell spelling = { .wanted = key };
  const char *accepted = arguments_text (tool, method);

  if (VL_STARTS (key, "x-"))
    return 0;
  if (argument)
    return is_type (value, argument->type) || json_is_null (value)
               ? 0
               : refuse_input (tool, NULL,
                               "argument '%s' of '%s' is not what it must be; accepted: %s", key,
                               method->name, type_names[argument->type]);
  for (const struct call_argument *a = method->arguments; a && a->name; a++)
    vl_spell_offer (&spelling, a->name);
  return refuse_input (
      tool, spelling.best ? vl_printf (tool->call, "did you mean '%s'?", spelling.best) : NULL,
      *accepted ? "'%s' has no argument '%s'; accepted: %s"
                : "'%s' takes no arguments, and '%s' is one; accepted: {}",
      method->name, key, accepted);
}

static int
is_absent (const json_t *arguments, const char *name)
{
  const json_t *value = json_object_get (arguments, name);

  return value == NULL || json_is_null (value);
}

static int
judge (struct tool *tool, const struct call_method *method, const json_t *arguments)
{
  const char *key;
  json_t *value;
  int bad = 0;

  json_object_foreach ((json_t *)arguments, key, value) bad |=
      judge_member (tool, method, key, value);
  for (const struct call_argument *a = method->arguments; a && a->name; a++)
    if ((a->flags & CALL_NEEDED) && is_absent (arguments, a->name))
      bad =
          refuse_input (tool, vl_printf (tool->call, "it takes: %s", arguments_text (tool, method)),
                        "'%s' needs argument '%s': %s", method->name, a->name, type_names[a->type]);
  return bad;
}

/* ---- what does it ---- */

/* The command line of a verb. */
struct line {
  struct tool *tool;
  const char *words[8];
  const char **options;
  size_t n_words, n_options;
  int files[4]; /* that options name by their descriptors */
  size_t n_files;
};

static void
add_option (struct line *line, const char *name, const char *value)
{
  line->options = vl_xrealloc (line->options, line->n_options + 2, sizeof *line->options);
  line->options[line->n_options++] =
      value ? vl_printf (line->tool->call, "%s=%s", name, value) : name;
  line->options[line->n_options] = NULL;
}

/* What a verb reads from a file comes from memory. */
static int
add_file (struct line *line, const char *name, const char *text)
{
  int fd = memfd_create ("virtloom", MFD_CLOEXEC);

  if (fd < 0 || vl_file_write_all (fd, text, strlen (text)) < 0 || lseek (fd, 0, SEEK_SET) < 0) {
    if (fd >= 0)
      close (fd);
    return vl_refuse (line->tool->call, VL_ERR_FAILED, NULL, "is there memory left?",
                      "the argument for --%s cannot be kept in memory: %m", name);
  }
  line->files[line->n_files++] = fd;
  add_option (line, name, vl_printf (line->tool->call, "/dev/fd/%d", fd));
  return 0;
}

static int
add_object (struct line *line, const char *name, const json_t *value)
{
  char *text = json_dumps (value, JSON_COMPACT);
  int result = add_file (line, name, text);

  free (text);
  return result;
}

/* An item of a request file goes the way of a text, as its JSON. */
static const char *
item_text (struct line *line, const json_t *value)
{
  char *text = json_is_object (value) ? json_dumps (value, JSON_COMPACT) : NULL;
  const char *kept = text ? vl_printf (line->tool->call, "%s", text) : json_string_value (value);

  free (text);
  return kept;
}

static int
add_argument (struct line *line, const struct call_argument *a, const json_t *value)
{
  const char *option = a->option ? a->option : a->name, *key;
  json_t *item;
  size_t i;

  switch (a->type) {
  case CALL_TEXTS:
    json_array_foreach (value, i, item) add_option (line, option, json_string_value (item));
    return 0;
  case CALL_PAIRS:
    json_object_foreach ((json_t *)value, key, item) add_option (
        line, option, vl_printf (line->tool->call, "%s=%s", key, json_string_value (item)));
    return 0;
  case CALL_NUMBER:
    add_option (line, option,
                vl_printf (line->tool->call, "%lld", (long long)json_integer_value (value)));
    return 0;
  case CALL_BOOL:
    if (json_is_true (value))
      add_option (line, option, NULL);
    return 0;
  case CALL_OBJECT:
    return add_object (line, option, value);
  case CALL_SECRET:
    return add_file (line, option, json_string_value (value));
  default:
    if (a->flags & CALL_WORD)
      line->words[line->n_words++] = item_text (line, value);
    else
      add_option (line, option, json_string_value (value));
    return 0;
  }
}

static const struct verb *
find_verb (const char *noun, const char *name, const struct noun **of)
{
  for (size_t i = 0; nouns[i]; i++)
    for (const struct verb *v = nouns[i]->verbs; strcmp (nouns[i]->name, noun) == 0 && v->run; v++)
      if (name ? v->name && strcmp (v->name, name) == 0 : v->name == NULL) {
        *of = nouns[i];
        return v;
      }
  return NULL;
}

int
call_verb (struct tool *tool, const char *noun, const char *verb, const char *const *words,
           const char *const *options, json_t **result)
{
  struct args args = { .argv = tool->args->argv }, *before = tool->args;
  json_t *data = tool->data;
  int code;

  args.verb = find_verb (noun, verb, &args.noun);
  while (words && words[args.n_words])
    args.n_words++;
  args.words = vl_xcalloc (args.n_words + 1, sizeof *args.words);
  if (args.n_words)
    memcpy (args.words, words, args.n_words * sizeof *words);
  for (; options && *options; options++) {
    size_t length = strcspn (*options, "=");

    args.given = vl_xrealloc (args.given, args.n_given + 1, sizeof *args.given);
    args.given[args.n_given++] =
        (struct given) { args_find_option (*options, length, 0),
                         (*options)[length] ? *options + length + 1 : NULL, 0 };
  }
  tool->args = &args;
  tool->data = json_object ();
  code = args.verb->run (tool);
  *result = tool->data;
  tool->data = data;
  tool->args = before;
  args_free (&args);
  return code;
}

static int
run_verb (struct tool *tool, const struct call_method *method, const json_t *arguments,
          json_t **result)
{
  struct line line = { .tool = tool };
  const char **words = NULL;
  int bad = 0;
  json_t *item;
  size_t i;

  if (method->fixed)
    add_option (&line, method->fixed, NULL);
  for (const struct call_argument *a = method->arguments; a && a->name && bad == 0; a++) {
    const json_t *value = json_object_get (arguments, a->name);

    if (value == NULL || json_is_null (value))
      continue;
    if (a->type == CALL_TEXTS && (a->flags & CALL_WORD)) {
      words = vl_xcalloc (json_array_size (value) + 1, sizeof *words);
      json_array_foreach (value, i, item) words[i] = json_string_value (item);
    } else
      bad = add_argument (&line, a, value);
  }
  if (bad == 0)
    bad = call_verb (tool, method->noun, method->verb, words ? words : line.words, line.options,
                     result);
  for (i = 0; i < line.n_files; i++)
    close (line.files[i]);
  free (words);
  free (line.options);
  return bad;
}

/* The member of RESULT that METHOD picks takes its place; nothing is null. */
static void
pick (const struct call_method *method, json_t **result)
{
  json_t *value = *result;

  for (const char *p = method->pick; p; p = strchr (p, '/') ? strchr (p, '/') + 1 : NULL)
    value = json_object_getn (value, p, strcspn (p, "/"));
  if (method->pick || (json_is_object (value) && json_object_size (value) == 0)) {
    value = value && method->pick ? json_incref (value) : json_null ();
    json_decref (*result);
    *result = value;
  }
}

int
call_do (struct tool *tool, const struct call_method *method, const json_t *arguments,
         json_t **result)
{
  int code = method->own ? method->own (tool, arguments, result)
                         : run_verb (tool, method, arguments, result);

  if (code < 0) {
    json_decref (*result);
    *result = NULL;
    return -1;
  }
  if (*result == NULL)
    *result = json_null ();
  if (method->noun)
    pick (method, result);
  return code;
}

static int
answer (struct tool *tool, const struct call_method *method, const json_t *arguments)
{
  json_t *result = NULL;
  int code = judge (tool, method, arguments) < 0 ? -1 : call_do (tool, method, arguments, &result);

  if (code >= 0)
    json_object_set_new (tool->data, "result", result);
  return code;
}

int
driver_call (struct tool *tool)
{
  const char *name = tool->args->n_words ? tool->args->words[0] : NULL;
  const struct call_method *method = name ? find_method (name) : NULL;
  json_t *arguments;
  int result;

  if (args_has (tool->args, "list"))
    return list_methods (tool);
  if (! tool->json)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, "leave -o away",
                      "a method answers in JSON; -o %s is for --list", tool->format);
  if (name == NULL)
    return vl_refuse (tool->call, VL_ERR_USAGE, NULL, LIST_HINT, "'driver call' needs METHOD");
  if (method == NULL)
    return refuse_method (tool, name);
  if (method->code)
    return vl_refuse_as (tool->call, VL_ERR_UNSUPPORTED, method->code, NULL, LIST_HINT, "'%s' %s",
                         method->name, method->why);
  arguments = read_arguments (tool);
  if (arguments == NULL)
    return -1;
  result = answer (tool, method, arguments);
  json_decref (arguments);
  return result;
}
