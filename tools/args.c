/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Arguments: nouns and verbs from their tables, options from the one table
 * of args-options.c, wherever they stand.  An option means the same with every verb, so that
 * `--flavor m1 plan` can be read before the verb is known. */

#include <config.h>

#include "tool.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- looking up ---- */

/* Is NAME one of the blank-separated WORDS? */
static int
has_word (const char *words, const char *name)
{
  size_t length = strlen (name);

  for (const char *p = words; p && *p; p += strspn (p, " ")) {
    size_t n = strcspn (p, " ");

    if (n == length && strncmp (p, name, n) == 0)
      return 1;
    p += n;
  }
  return 0;
}

static const struct noun *
find_noun (const char *name)
{
  for (size_t i = 0; nouns[i]; i++)
    if (strcmp (nouns[i]->name, name) == 0)
      return nouns[i];
  return NULL;
}

/* The verb that the N words at WORDS begin with, which may be two as "event list"; *USED of
 * them are its name. */
static const struct verb *
find_verb (const struct noun *noun, const char **words, size_t n, size_t *used)
{
  for (const struct verb *verb = noun->verbs; verb->run; verb++) {
    size_t first = verb->name ? strcspn (verb->name, " ") : 0;
    const char *second = verb->name && verb->name[first] ? verb->name + first + 1 : NULL;

    if (first == 0 || n < (second ? 2 : 1) || strlen (words[0]) != first
        || strncmp (verb->name, words[0], first) != 0 || (second && strcmp (second, words[1]) != 0))
      continue;
    *used += second ? 2 : 1;
    return verb;
  }
  return NULL;
}

static int
has_verbs (const struct noun *noun)
{
  return noun->verbs[0].name != NULL;
}

/* ---- mistakes ---- */

static void VL_PRINTF (2, 3) complain (struct args *args, const char *fmt, ...)
{
  va_list list;

  if (args->bad)
    return;
  va_start (list, fmt);
  args->message = vl_xvasprintf (fmt, list);
  va_end (list);
  args->bad = 1;
}

static void
hint_spelling (struct args *args, const struct vl_spell *spelling, const char *before)
{
  if (spelling->best && args->hint == NULL)
    args->hint = vl_xasprintf ("did you mean '%s%s'?", before, spelling->best);
}

/* NOUN VERB, as it is typed. */
static const char *
verb_noun (const struct args *args)
{
  return args->noun->name;
}

static const char *
verb_name (const struct args *args)
{
  return args->verb && args->verb->name ? args->verb->name : "";
}

static const char *
gap (const struct args *args)
{
  return *verb_name (args) ? " " : "";
}

static char *
join_nouns (void)
{
  char *all = vl_xasprintf ("%s", nouns[0]->name);

  for (size_t i = 1; nouns[i]; i++) {
    char *longer = vl_xasprintf ("%s, %s", all, nouns[i]->name);

    free (all);
    all = longer;
  }
  return all;
}

/* The verbs of NOUN, of those of two words only those that begin with FIRST unless that is NULL;
 * malloc, NULL where there is none. */
static char *
join_verbs (const struct noun *noun, const char *first)
{
  size_t n = first ? strlen (first) : 0;
  char *all = NULL;

  for (const struct verb *verb = noun->verbs; verb->run; verb++) {
    char *longer;

    if (first && (strncmp (verb->name, first, n) != 0 || verb->name[n] != ' '))
      continue;
    longer = vl_xasprintf ("%s%s%s", all ? all : "", all ? ", " : "", verb->name);
    free (all);
    all = longer;
  }
  return all;
}

/* NAME is the first of the two words that verbs have, and the second one is not theirs. */
static int
is_half (struct args *args, const char *name)
{
  char *accepted = name ? join_verbs (args->noun, name) : NULL;
  const char *second = args->n_words > 2 ? args->words[2] : NULL;

  if (accepted == NULL)
    return 0;
  if (second)
    complain (args, "'%s' has no verb '%s %s'; accepted: %s", args->noun->name, name, second,
              accepted);
  else
    complain (args, "'%s %s' needs a second word; accepted: %s", args->noun->name, name, accepted);
  free (accepted);
  return 1;
}

static void
unknown_noun (struct args *args, const char *name)
{
  struct vl_spell spelling = { .wanted = name };
  char *all = join_nouns ();

  for (size_t i = 0; nouns[i]; i++)
    vl_spell_offer (&spelling, nouns[i]->name);
  complain (args, "there is no noun '%s'; accepted: %s", name, all);
  hint_spelling (args, &spelling, "");
  free (all);
}

static void
unknown_verb (struct args *args, const char *name)
{
  /* What the clients of OpenStack can do with a server. */
  static const char later[] = "backup evacuate "
                              "restore volume";
  struct vl_spell spelling = { .wanted = name ? name : "" };
  char *all = is_half (args, name) ? NULL : join_verbs (args->noun, NULL);
  int known = name && strcmp (args->noun->name, "server") == 0 && has_word (later, name);

  if (all == NULL)
    return;
  for (const struct verb *verb = args->noun->verbs; verb->run && ! known; verb++)
    vl_spell_offer (&spelling, verb->name);
  if (known)
    complain (args, "'%s %s' is not in this version; accepted: %s", args->noun->name, name, all);
  else if (name)
    complain (args, "'%s' has no verb '%s'; accepted: %s", args->noun->name, name, all);
  else
    complain (args, "'%s' needs a verb; accepted: %s", args->noun->name, all);
  hint_spelling (args, &spelling, "");
  free (all);
}

int
args_takes (const struct verb *verb, const struct option *option)
{
  return args_is_general (option)
         || (verb && option->name && has_word (verb->options, option->name));
}

/* What OpenStack's clients call options that are called otherwise here, or that no verb needs. */
static const char *
other_name (const struct args *args, const char *name)
{
  return strcmp (name, "nic") == 0 && args_takes (args->verb, args_find_option ("network", 7, 0))
             ? "network"
             : NULL;
}

/* A hint for option NAME, which the verb does not take, or NULL; malloc. */
static char *
hint_option (const struct args *args, const char *name)
{
  const struct option *option = args_find_option (name, strlen (name), 0);
  const char *words = args->verb ? args->verb->words : NULL, *other = other_name (args, name);
  size_t used = 0;

  if (other)
    return vl_xasprintf ("did you mean '--%s'?", other);
  if (words && args->verb->least > 0 && strcmp (name, "name") == 0)
    return vl_xasprintf ("the name is a word: virtloom %s%s%s %s", verb_noun (args), gap (args),
                         verb_name (args), words);
  /* What is given when a thing is made, and is not there to be set, cannot be changed. */
  if (option && strcmp (verb_name (args), "set") == 0
      && args_takes (find_verb (args->noun, (const char *[]) { "create" }, 1, &used), option))
    return vl_xasprintf ("--%s is for '%s create', and cannot be changed: make another %s",
                         option->name, verb_noun (args), verb_noun (args));
  return NULL;
}

static void
unknown_option (struct args *args, const char *name, const char *dashes)
{
  struct vl_spell spelling = { .wanted = name };
  const struct option *option;

  for (size_t i = 0; (option = args_option (i)); i++)
    if (option->name && option->help && args_takes (args->verb, option))
      vl_spell_offer (&spelling, option->name);
  complain (args, "'%s%s%s' has no option '%s%s'", verb_noun (args), gap (args), verb_name (args),
            dashes, name);
  if (args->hint == NULL)
    args->hint = hint_option (args, name);
  hint_spelling (args, &spelling, "--");
  if (args->hint == NULL)
    args->hint =
        vl_xasprintf ("virtloom %s%s%s --help", verb_noun (args), gap (args), verb_name (args));
}

/* ---- parsing ---- */

struct parsing {
  struct args *args;
  int argc, at;
  char **argv;
  const char *unknown; /* the first option that no verb has */
  const char *dashes;
  char *owned; /* where UNKNOWN is no argument of its own */
  char *lacks; /* what is said of an option without its value, if the verb takes it */
};

static void
add_given (struct args *args, const struct option *option, const char *value)
{
  args->given = vl_xrealloc (args->given, args->n_given + 1, sizeof *args->given);
  args->given[args->n_given++] = (struct given) { option, value };
  args->help |= strcmp (option->name, "help") == 0;
  args->version |= strcmp (option->name, "version") == 0;
}

/* The value of OPTION: REST, else the next argument. */
static void
take_value (struct parsing *p, const struct option *option, const char *rest, const char *shown)
{
  if (rest == NULL && p->at + 1 < p->argc)
    rest = p->argv[++p->at];
  if (rest == NULL && p->lacks == NULL)
    p->lacks = vl_xasprintf ("option '%s' needs a value: %s %s", shown, shown, option->value);
  if (rest == NULL && args_is_general (option))
    complain (p->args, "%s", p->lacks);
  add_given (p->args, option, rest ? rest : "");
  p->args->given[p->args->n_given - 1].letter = shown[1] != '-';
}

static void
remember_unknown (struct parsing *p, const char *name, size_t length, const char *dashes)
{
  if (p->unknown)
    return;
  p->owned = vl_xstrndup (name, length);
  p->unknown = p->owned;
  p->dashes = dashes;
}

/* Behind `plugin new`, where no driver acts and no guest has a network, the kind of the
 * plugin may be said by an option of its own. */
static int
parse_kind (struct parsing *p, const char *text)
{
  static const char *const kinds[] = { "feature", "driver", "storage", "network" };
  const struct args *args = p->args;

  if (args->n_words < 2 || strcmp (args->words[0], "plugin") != 0
      || strcmp (args->words[1], "new") != 0)
    return 0;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (strcmp (text, kinds[i]) == 0) {
      add_given (p->args, args_find_option ("kind", 4, 0), kinds[i]);
      return 1;
    }
  return 0;
}

static void
parse_long (struct parsing *p, const char *text)
{
  size_t length = strcspn (text, "=");
  const struct option *option = args_find_option (text, length, 0);
  char *shown;

  if (parse_kind (p, text))
    return;
  if (option == NULL) {
    remember_unknown (p, text, length, "--");
    return;
  }
  shown = vl_xasprintf ("--%s", option->name);
  if (option->value)
    take_value (p, option, text[length] ? text + length + 1 : NULL, shown);
  else if (text[length])
    complain (p->args, "option '%s' takes no value", shown);
  else
    add_given (p->args, option, NULL);
  free (shown);
}

/* "-qv", "-ojson", "-o json". */
static void
parse_letters (struct parsing *p, const char *text)
{
  for (; *text; text++) {
    const struct option *option = args_find_option (text, 1, 1);
    char shown[3] = { '-', *text, '\0' };

    if (option == NULL) {
      remember_unknown (p, text, 1, "-");
      return;
    }
    if (option->value) {
      take_value (p, option, text[1] ? text + 1 : NULL, shown);
      return;
    }
    add_given (p->args, option, NULL);
    p->args->given[p->args->n_given - 1].letter = 1;
  }
}

static void
name_things (struct parsing *p)
{
  struct args *args = p->args;
  size_t used = 0;

  if (args->n_words && strcmp (args->words[0], "help") == 0) {
    args->help = 1;
    memmove (args->words, args->words + 1, --args->n_words * sizeof *args->words);
  } else if (args->n_words == 1 && strcmp (args->words[0], "version") == 0)
    args->version = (int)args->n_words--;
  if (args->n_words == 0) {
    if (! args->help && ! args->version && p->unknown == NULL) {
      complain (args, "a noun is missing");
      args->hint = vl_xasprintf ("virtloom --help");
    }
    return;
  }
  args->noun = find_noun (args->words[used++]);
  if (args->noun == NULL) {
    unknown_noun (args, args->words[0]);
    return;
  }
  if (has_verbs (args->noun) && args->n_words == 2 && strcmp (args->words[1], "help") == 0)
    args->help = (int)--args->n_words;
  if (! has_verbs (args->noun))
    args->verb = args->noun->verbs;
  else if (args->n_words > used)
    args->verb = find_verb (args->noun, args->words + used, args->n_words - used, &used);
  if (args->verb == NULL && (args->n_words > 1 || ! args->help))
    unknown_verb (args, args->n_words > 1 ? args->words[1] : NULL);
  memmove (args->words, args->words + used, (args->n_words - used) * sizeof *args->words);
  args->n_words -= used;
}

static void
check_options (struct parsing *p)
{
  struct args *args = p->args;

  if (p->unknown && args->noun) {
    unknown_option (args, p->unknown, p->dashes);
  } else if (p->unknown) {
    complain (args, "there is no option '%s%s'", p->dashes, p->unknown);
    if (args->hint == NULL)
      args->hint = vl_xasprintf ("virtloom --help");
  }
  for (size_t i = 0; i < args->n_given && args->verb; i++)
    if (! args_takes (args->verb, args->given[i].option)) {
      const struct option *option = args->given[i].option;
      int letter = args->given[i].letter;

      /* The clients of OpenStack have -f for the form of the answer. */
      if (letter && strcmp (option->letter, "f") == 0 && args->hint == NULL)
        args->hint = vl_xasprintf ("the form of the answer is -o FORMAT: %s", args->verb->formats);
      unknown_option (args, letter ? option->letter : option->name, letter ? "-" : "--");
    }
}

/* May OPTION be given more than once?  Of one value the last would win silently; what
 * has none says the same twice. */
static int
is_repeatable (const struct args *args, const struct option *option)
{
  const char *help = args_meaning (args->noun, args->verb, option)->help;
  size_t length = help ? strlen (help) : 0, n = sizeof REPEATABLE - 1;

  return option->value == NULL || (length > n && strcmp (help + length - n, REPEATABLE) == 0)
         || ((args->verb->flags & VERB_HOSTS) && strcmp (option->name, "host") == 0);
}

static void
check_twice (struct args *args)
{
  for (size_t i = 1; i < args->n_given; i++)
    for (size_t k = 0; k < i; k++)
      if (args->given[k].option == args->given[i].option
          && ! is_repeatable (args, args->given[i].option)) {
        complain (args, "option '--%s' is given twice, with '%s' and '%s'",
                  args->given[i].option->name, args->given[k].value, args->given[i].value);
        if (args->hint == NULL)
          args->hint = vl_xasprintf ("give it once");
      }
}

/* "a, b" of "a b"; malloc. */
static char *
spelled_out (const char *words)
{
  char *all = vl_xasprintf ("%.*s", (int)strcspn (words, " "), words);

  for (const char *p = words + strlen (all); *p; p += strcspn (p, " ")) {
    char *longer;

    p += strspn (p, " ");
    longer = vl_xasprintf ("%s, %.*s", all, (int)strcspn (p, " "), p);
    free (all);
    all = longer;
  }
  return all;
}

/* What was taken for the first word may have been meant as the verb's second one, "resize undo". */
static void
hint_longer (struct args *args)
{
  char *longer = verb_name (args)[0] ? join_verbs (args->noun, verb_name (args)) : NULL;

  if (longer && args->hint == NULL)
    args->hint = vl_xasprintf ("virtloom %s%s%s --help; or is one of these meant: %s?",
                               verb_noun (args), gap (args), verb_name (args), longer);
  free (longer);
}

/* Of what is named twice the second would find done what the first did. */
static void
check_once (struct args *args)
{
  for (size_t i = 1; i < args->n_words; i++)
    for (size_t k = 0; k < i; k++)
      if (strcmp (args->words[i], args->words[k]) == 0 && ! args->bad) {
        complain (args, "'%s%s%s' is given '%s' twice", verb_noun (args), gap (args),
                  verb_name (args), args->words[i]);
        args->hint = vl_xasprintf ("give it once");
      }
}

static void
check_words (struct args *args)
{
  const struct verb *verb = args->verb;
  const char *output = args_value (args, "output");

  if (args->n_words < (size_t)verb->least)
    complain (args, "'%s%s%s' needs %s", verb_noun (args), gap (args), verb_name (args),
              verb->words);
  else if (verb->most >= 0 && args->n_words > (size_t)verb->most) {
    complain (args, "'%s%s%s' takes %s; '%s' is too much", verb_noun (args), gap (args),
              verb_name (args), verb->words ? verb->words : "no words", args->words[verb->most]);
    hint_longer (args);
  }
  if (verb->most < 0)
    check_once (args);
  if (args->bad && args->hint == NULL)
    args->hint =
        vl_xasprintf ("virtloom %s%s%s --help", verb_noun (args), gap (args), verb_name (args));
  if (output && ! has_word (verb->formats, output)) {
    char *formats = spelled_out (verb->formats);

    complain (args, "'%s%s%s' cannot answer with -o '%s'; accepted: %s", verb_noun (args),
              gap (args), verb_name (args), output, formats);
    free (formats);
  }
}

void
args_parse (struct args *args, int argc, char **argv)
{
  struct parsing p = { .args = args, .argc = argc, .argv = argv };
  int only_words = 0;

  args->argv = argv;
  args->words = vl_xcalloc ((size_t)argc + 1, sizeof *args->words);
  for (p.at = 1; p.at < argc; p.at++) {
    const char *text = argv[p.at];

    if (only_words || text[0] != '-' || text[1] == '\0')
      args->words[args->n_words++] = text;
    else if (strcmp (text, "--") == 0)
      only_words = 1;
    else if (text[1] == '-')
      parse_long (&p, text + 2);
    else
      parse_letters (&p, text + 1);
  }
  name_things (&p);
  check_options (&p);
  if (p.lacks)
    complain (args, "%s", p.lacks);
  if (args->verb && ! args->help && ! args->bad)
    check_twice (args);
  if (args->verb && ! args->help && ! args->bad)
    check_words (args);
  free (p.owned);
  free (p.lacks);
}
