/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Host files: {"virtloom_host": 1, "facts": {"dotted.key": value or [values]}}.
 * Read strictly, with the JSON path of what is wrong, all of it in one run;
 * written sorted, so that the same facts are the same bytes. */

#include <config.h>

#include "host/host.h"

#include "lib/text.h"

#include <virtloom/ascii.h>

#include <inttypes.h>
#include <jansson.h>

#define FORMAT_VERSION 1
#define MAX_BYTES ((size_t)8 * 1024 * 1024)
#define MAX_DEPTH 4 /* the file, its facts, a list; one more to tell what is in it */
#define MAX_KEY 255
#define MAX_VALUE 65536

struct reading {
  struct vl_call *call;
  struct vl_host *host;
  const char *origin;
  const char *key; /* of the fact that is being read */
  int item;        /* of its list, or -1 */
  int bad;
};

static void VL_PRINTF (4, 5)
    refuse (struct reading *r, const char *path, const char *hint, const char *fmt, ...)
{
  VL_AUTOFREE char *text = NULL;
  va_list args;

  va_start (args, fmt);
  text = vl_xvasprintf (fmt, args);
  va_end (args);
  r->bad = 1;
  vl_report (r->call,
             &(struct vl_report) { .severity = VL_SEV_ERROR,
                                   .err = VL_ERR_REQUEST,
                                   .code = "InvalidHostFile",
                                   .hint = hint,
                                   .plugin = "core",
                                   .origin = r->origin,
                                   .path = path },
             "%s%s%s", path ? path : "", path ? " " : "", text);
}

/* The path of what is being read. */
static const char *
here (struct reading *r)
{
  const char *key = vl_shown (r->call->arena, r->key);

  return r->item < 0 ? vl_printf (r->call, "$.facts['%s']", key)
                     : vl_printf (r->call, "$.facts['%s'][%d]", key, r->item);
}

/* ---- reading ---- */

/* jansson would go down 2,048 levels before it says no. */
static int
deeper_than (const char *text, size_t length, int limit)
{
  int depth = 0, quoted = 0;

  for (size_t i = 0; i < length; i++) {
    if (quoted) {
      if (text[i] == '\\')
        i++;
      else if (text[i] == '"')
        quoted = 0;
    } else if (text[i] == '"') {
      quoted = 1;
    } else if (text[i] == '{' || text[i] == '[') {
      if (++depth > limit)
        return 1;
    } else if (text[i] == '}' || text[i] == ']') {
      depth--;
    }
  }
  return 0;
}

static const char *
text_problem (const char *text, size_t length)
{
  if (length > MAX_VALUE)
    return "is longer than 65536 bytes";
  return vl_text_problem (text, length);
}

/* One value as text, in BUFFER or borrowed from VALUE; NULL after a finding. */
static const char *
value_text (struct reading *r, const json_t *value, char buffer[32])
{
  const char *problem;

  switch (json_typeof (value)) {
  case JSON_TRUE:
    return "true";
  case JSON_FALSE:
    return "false";
  case JSON_INTEGER:
    snprintf (buffer, 32, "%" JSON_INTEGER_FORMAT, json_integer_value (value));
    return buffer;
  case JSON_STRING:
    problem = text_problem (json_string_value (value), json_string_length (value));
    if (problem == NULL)
      return json_string_value (value);
    refuse (r, here (r), NULL, "%s", problem);
    return NULL;
  case JSON_REAL:
    refuse (r, here (r), NULL, "is a number with a fraction; accepted: text, such as \"%g\"",
            json_real_value (value));
    return NULL;
  case JSON_NULL:
    refuse (r, here (r), NULL, "is null; an unknown fact is left out");
    return NULL;
  case JSON_OBJECT:
    refuse (r, here (r), "keys are dotted: \"a.b\": 1 rather than \"a\": {\"b\": 1}",
            "is an object; accepted: text, a whole number, true, false, or a list of them");
    return NULL;
  case JSON_ARRAY:
    break;
  }
  refuse (r, here (r), NULL, "is a list in a list");
  return NULL;
}

static void
read_fact (struct reading *r, const char *key, const json_t *value)
{
  const char *text, *problem = vl_name_problem (key, strlen (key));
  struct vl_fact *fact;
  char buffer[32];

  r->key = key;
  r->item = -1;
  if (*key == '\0' || strchr (key, ' ') || strlen (key) > MAX_KEY)
    problem = "is no key; accepted: 1 to 255 bytes without blanks";
  if (problem) {
    refuse (r, here (r), NULL, "%s", problem);
    return;
  }
  fact = vl_host_append (r->host, key, json_is_array (value));
  if (! json_is_array (value)) {
    text = value_text (r, value, buffer);
    if (text)
      vl_fact_put (fact, text);
    return;
  }
  for (size_t i = 0; i < json_array_size (value); i++) {
    const json_t *item = json_array_get (value, i);

    r->item = json_is_string (item) ? -1 : (int)i;
    text = value_text (r, item, buffer);
    if (text)
      vl_fact_put (fact, text);
  }
}

static void
read_top (struct reading *r, json_t *root)
{
  static const char *const members[] = { "virtloom_host", "facts" };
  const json_t *version = json_object_get (root, "virtloom_host");
  json_t *facts = json_object_get (root, "facts"), *value;
  const char *key;

  json_object_foreach (root, key, value)
  {
    struct vl_spell spell = { .wanted = key };

    if (VL_STREQ (key, members[0]) || VL_STREQ (key, members[1]) || VL_STARTS (key, "x-"))
      continue;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
      vl_spell_offer (&spell, members[i]);
    refuse (r, vl_printf (r->call, "$['%s']", key),
            vl_did_you_mean (r->call, '"', spell.best, NULL),
            "is unknown; accepted: virtloom_host, facts, x-...");
  }
  if (version == NULL)
    refuse (r, "$.virtloom_host", NULL, "is missing; accepted: %d", FORMAT_VERSION);
  else if (! json_is_integer (version) || json_integer_value (version) != FORMAT_VERSION)
    refuse (r, "$.virtloom_host", NULL, "is not a version of host files known here; accepted: %d",
            FORMAT_VERSION);
  if (facts == NULL)
    refuse (r, "$.facts", NULL, "is missing; accepted: an object of facts");
  else if (! json_is_object (facts))
    refuse (r, "$.facts", NULL, "is not an object; accepted: an object of facts");
  else
    json_object_foreach (facts, key, value) read_fact (r, key, value);
}

struct vl_host *
vl_host_from_json (struct vl_call *call, const char *text, size_t length, const char *origin)
{
  struct reading r = { .call = call, .origin = origin };
  json_error_t error;
  json_t *root;

  if (length > MAX_BYTES) {
    refuse (&r, NULL, NULL, "the host file is larger than %zu bytes", MAX_BYTES);
    return NULL;
  }
  if (deeper_than (text, length, MAX_DEPTH)) {
    refuse (&r, NULL, NULL, "the host file is nested more than %d deep", MAX_DEPTH);
    return NULL;
  }
  root = json_loadb (text, length, JSON_REJECT_DUPLICATES, &error);
  if (root == NULL) {
    refuse (&r, NULL, "`virtloom host show -o json` and `virtloom host import` write one",
            "the host file is not JSON: line %d, column %d: %s", error.line, error.column,
            error.text);
    return NULL;
  }
  r.host = vl_host_new ();
  if (json_is_object (root))
    read_top (&r, root);
  else
    refuse (&r, "$", NULL, "is not an object");
  json_decref (root);
  vl_host_sort (r.host);
  if (r.bad) {
    vl_host_free (r.host);
    return NULL;
  }
  return r.host;
}

/* ---- writing ---- */

/* Whole numbers as one would write them by hand; "007" and "+1" are text. */
static int
is_number (const char *text)
{
  size_t length = strlen (text);

  for (size_t i = 0; i < length; i++)
    if (! vl_ascii_is_digit (text[i]))
      return 0;
  return length == 1 || (length > 1 && length < 16 && text[0] != '0');
}

static void
write_text (struct vl_str *out, const char *text)
{
  vl_str_add (out, "\"");
  for (const char *p = text; *p; p++) {
    if (*p == '"' || *p == '\\')
      vl_str_printf (out, "\\%c", *p);
    else if ((unsigned char)*p < ' ')
      vl_str_printf (out, "\\u%04x", (unsigned)*p);
    else
      vl_str_add_n (out, p, 1);
  }
  vl_str_add (out, "\"");
}

static int
is_bare (const char *value)
{
  return VL_STREQ (value, "true") || VL_STREQ (value, "false") || is_number (value);
}

static void
write_fact (struct vl_str *out, const struct vl_fact *fact)
{
  int list = fact->list || fact->n != 1, bare = 1;

  /* A list is all numbers or all text: "486" may be a CPU model. */
  for (size_t i = 0; i < fact->n; i++)
    bare = bare && is_bare (fact->values[i]);
  write_text (out, fact->key);
  vl_str_add (out, list ? ": [" : ": ");
  for (size_t i = 0; i < fact->n; i++) {
    if (i)
      vl_str_add (out, ", ");
    if (bare)
      vl_str_add (out, fact->values[i]);
    else
      write_text (out, fact->values[i]);
  }
  if (list)
    vl_str_add (out, "]");
}

static char *
write_host (const struct vl_host *host, int used_only)
{
  struct vl_str out = { NULL, 0, 0 };
  size_t n = vl_host_n_facts (host);
  const char *between = "\n";

  vl_str_printf (&out, "{\n  \"virtloom_host\": %d,\n  \"facts\": {", FORMAT_VERSION);
  for (size_t i = 0; i < n; i++) {
    if (used_only && ! host->facts[i].used)
      continue;
    vl_str_printf (&out, "%s    ", between);
    write_fact (&out, &host->facts[i]);
    between = ",\n";
  }
  vl_str_add (&out, between[0] == ',' ? "\n  }\n}\n" : "}\n}\n");
  return out.text;
}

char *
vl_host_to_json (const struct vl_host *host)
{
  return write_host (host, 0);
}

char *
vl_host_used_json (const struct vl_host *host)
{
  return write_host (host, 1);
}
