/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What lines of Nova's configuration mean: options by the names that they had, the line
 * of several that counts, and "$name". */

#include <config.h>

#include "nova.h"

#include "lib/alloc.h"
#include "lib/text.h"

/* What all values together may become, in bytes and names replaced. */
#define MOST_TEXT ((size_t)1 << 20)
#define MOST_DEPTH 16

/* ---- names ---- */

/* Where NAME is among the WORDS of TEXT, from 1; 0: nowhere. */
static int
place_of (const char *text, const char *name)
{
  size_t length = strlen (name), n;

  for (int place = 1; *(text += strspn (text, " \t\n")); place++, text += n) {
    n = strcspn (text, " \t\n");
    if (n == length && strncmp (text, name, n) == 0)
      return place;
  }
  return 0;
}

static void
rename_option (struct nova_option *option, const struct nova_conf *names)
{
  for (size_t i = 0; i < names->n; i++) {
    const struct nova_option *row = &names->options[i];
    int gone = VL_STARTS (row->said, "gone."), place;

    if (! gone && ! VL_STARTS (row->said, "old."))
      continue;
    place = place_of (row->value, option->said);
    if (place == 0)
      continue;
    option->name = row->said + (gone ? 5 : 4);
    option->age = gone ? 100 + place : place;
    option->gone = gone;
    return;
  }
}

/* Of one option the last file that has it counts; there today's name before older ones;
 * of equal names the last line. */
static int
compare (const void *a, const void *b)
{
  const struct nova_option *x = a, *y = b;
  int order = strcmp (x->name, y->name);

  if (order == 0)
    order = x->file - y->file;
  if (order == 0)
    order = y->age - x->age;
  return order ? order : x->line - y->line;
}

void
nova_settle (struct nova_conf *conf, const struct nova_conf *names)
{
  for (size_t i = 0; i < conf->n; i++)
    rename_option (&conf->options[i], names);
  if (conf->n)
    qsort (conf->options, conf->n, sizeof *conf->options, compare);
}

/* The line that counts of the option whose name has LENGTH bytes at NAME. */
static struct nova_option *
find (const struct nova_conf *conf, const char *name, size_t length)
{
  size_t low = 0, high = conf->n;

  /* The first that is greater. */
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = strncmp (conf->options[middle].name, name, length);

    if (order > 0 || (order == 0 && conf->options[middle].name[length]))
      high = middle;
    else
      low = middle + 1;
  }
  if (low == 0 || strncmp (conf->options[low - 1].name, name, length)
      || conf->options[low - 1].name[length])
    return NULL;
  return &conf->options[low - 1];
}

struct nova_option *
nova_find (const struct nova_conf *conf, const char *name)
{
  return find (conf, name, strlen (name));
}

/* ---- "$name" ---- */

struct replacing {
  struct nova_conf *conf;
  const struct nova_option *option; /* whose value is wanted */
  struct vl_str out;
  int bad;
};

static void
fail (struct replacing *r, const char *why)
{
  const struct vl_finding finding = {
    .severity = VL_SEV_ERROR,
    .err = VL_ERR_REQUEST,
    .origin = r->option->origin,
    .message = vl_printf (r->conf->call, "%s: %s", r->option->name, why),
  };

  if (! r->bad)
    r->bad = vl_findings_add (r->conf->call, &finding);
}

/* May LENGTH more bytes, or one more name, be? */
static int
spend (struct replacing *r, size_t length)
{
  r->conf->spent += length;
  if (r->conf->spent <= MOST_TEXT)
    return 1;
  fail (r, "with \"$name\" replaced, the values are longer than 1 MiB together");
  return 0;
}

/* The name that TEXT, behind a '$', begins with: "name" or "{name}".  Answers how
 * many bytes that is, 0 where it is no name. */
static size_t
read_name (const char *text, const char **name, size_t *length)
{
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";
  int braces = *text == '{';

  *name = text + braces;
  *length = strspn (*name, letters);
  if (*length == 0 || (braces && (*name)[*length] != '}'))
    return 0;
  return *length + 2 * (size_t)braces;
}

/* The option that NAME means in a value of OPTION: of its own group, else of DEFAULT. */
static const struct nova_option *
meant (const struct nova_conf *conf, const struct nova_option *option, const char *name,
       size_t length)
{
  const struct nova_option *found;
  char *full;

  if (memchr (name, '.', length))
    return find (conf, name, length);
  full =
      vl_xasprintf ("%.*s.%.*s", (int)strcspn (option->name, "."), option->name, (int)length, name);
  found = nova_find (conf, full);
  free (full);
  full = vl_xasprintf ("DEFAULT.%.*s", (int)length, name);
  found = found ? found : nova_find (conf, full);
  free (full);
  return found;
}

/* May the value of the option with this NAME be a secret, or an address that has one in it?  A value
 * that is carried is shown, and what it is made of with it. */
static int
may_be_secret (const char *name)
{
  return vl_name_is_secret (name) || strstr (name, "_url") || strstr (name, "_uri")
         || strstr (name, "connection");
}

static void
replace (struct replacing *r, const struct nova_option *option, int depth)
{
  const char *value = option->value;

  while (*value && ! r->bad) {
    size_t plain = strcspn (value, "$\\"), length, n;
    const struct nova_option *other;
    const char *name;

    /* "\$" is "$$". */
    if (value[plain] == '\\' && value[plain + 1] != '$')
      plain++;
    if (! spend (r, plain + 1))
      return;
    vl_str_add_n (&r->out, value, plain);
    value += plain;
    if (*value != '$' && ! (value[0] == '\\' && value[1] == '$'))
      continue;
    if (value[0] == '\\' || value[1] == '$') {
      vl_str_add (&r->out, "$");
      value += 2;
      continue;
    }
    n = read_name (value + 1, &name, &length);
    other = n ? meant (r->conf, option, name, length) : NULL;
    if (other && may_be_secret (other->name))
      fail (r,
            vl_printf (r->conf->call,
                       "it is made of %s, which may be a secret; write the value itself, if it is "
                       "none",
                       other->name));
    else if (other && depth < MOST_DEPTH)
      replace (r, other, depth + 1);
    else
      fail (r, n == 0  ? "'$' without a name behind it; accepted: $name, ${name}, $group.name, $$"
               : other ? "its \"$name\" leads to itself, or through too many others"
                       : vl_printf (r->conf->call,
                                    "\"$%.*s\" is set in none of the files, and Nova's own default "
                                    "for it is not known here",
                                    (int)length, name));
    value += 1 + n;
  }
}

/* Is there a URI with a password in VALUE? */
static int
has_password (const char *value)
{
  struct vl_arena *arena = vl_arena_new ();
  int has = ! VL_STREQ (vl_passwordless (arena, value), value);

  vl_arena_free (arena);
  return has;
}

const char *
nova_value (struct nova_conf *conf, const struct nova_option *option)
{
  struct replacing r = { .conf = conf, .option = option };
  const char *value;

  vl_str_add (&r.out, "");
  replace (&r, option, 0);
  if (has_password (r.out.text))
    fail (&r, "it is a URI with a password, which no configuration keeps; leave the password out");
  value = r.bad ? NULL : vl_printf (conf->call, "%s", r.out.text);
  vl_str_free (&r.out);
  return value;
}
