/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Arguments: nouns and verbs from their tables, options from the one table
 * below, wherever they stand.  An option means the same with every verb, so that
 * `--flavor m1 plan` can be read before the verb is known. */

#include <config.h>

#include "tool.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Those before the empty row go with every verb. */
static const struct option options[] = {
  { "config", NULL, "DIR", "a configuration folder above those of the system" },
  { "state", NULL, "DIR", "where records, images and disks are" },
  { "driver", NULL, "NAME", "the driver that acts, or that plans are made for" },
  { "host", NULL, "FILE", "plan for a recorded host: a file, or a name" },
  { "output", "o", "FORMAT", "form of the answer" },
  { "quiet", "q", NULL, "no progress, no advice" },
  { "verbose", "v", NULL, "say more" },
  { "help", "h", NULL, "this text" },
  { "plugin", NULL, "FILE", "load a module that is not installed, too" REPEATABLE },
  { "tree", NULL, "DIR", NULL },
  { "version", "V", NULL, NULL },
  { NULL, NULL, NULL, NULL },
  { "again", NULL, "FD", NULL },
  { "abandon", NULL, "PLUGIN", "give up what this plugin holds on the host" REPEATABLE },
  { "capabilities", NULL, "FILE", "libvirt's capabilities" REPEATABLE },
  { "checksum", NULL, "KIND:HEX", "sha256: or sha512: of the image's bytes as they are given" },
  { "column", "c", "COLUMN,...", "only these columns, in this order" REPEATABLE },
  { "config-drive", NULL, NULL, "with a config drive" },
  { "delay", "d", "SECONDS", "from one round to the next" },
  { "description", NULL, "TEXT", "what the server is for" },
  { "device", NULL, "NAME", "what the disk is called in the guest: vdb" },
  { "disk", NULL, "GIB", "root disk; 0: the image's own size" },
  { "disk-format", NULL, "FORMAT", "what the file is: qcow2, raw ...; never guessed" },
  { "domcapabilities", NULL, "FILE", "libvirt's domain capabilities" REPEATABLE },
  { "dry-run", NULL, NULL,
    "show the domain that would be made, or what a volume would be called; make nothing" },
  { "ephemeral", NULL, "GIB", "an empty second disk" },
  { "fact", NULL, "KEY=VALUE", "a fact; a key given twice is a list" REPEATABLE },
  { "file", NULL, "FILE",
    "the image's bytes, which are copied; of image save what is written, - for stdout; of a server "
    "GUEST=FILE, a file for the guest" },
  { "flavor", NULL, "FLAVOR", "the flavor" },
  { "flavors", NULL, "FILE", "a catalogue of flavors in JSON" REPEATABLE },
  { "attach", NULL, NULL, "the serial console itself: what is typed goes to the guest" },
  { "diagnostics", NULL, NULL, "what the guest has done: processor, memory, disks, network" },
  { "type", NULL, "TYPE", "the console: vnc (without it), spice or serial" },
  { "follow", "f", NULL, "go on with what comes, until interrupted" },
  { "force", NULL, NULL, "although a plugin forbids it; that is recorded" },
  { "hard", NULL, NULL, "pull the plug and make the guest anew" },
  { "update", NULL, NULL, "with --hard: from a plan of today, not from what is on record" },
  { "all", NULL, NULL, "all servers that it can be done to" },
  { "hostname", NULL, "NAME", "the guest's host name; otherwise made of its name" },
  { "accept-loss", NULL, "WHAT",
    "what may go: a path of reboot --update, or what 'state check' names" REPEATABLE },
  { "image", NULL, "IMAGE", "the image" },
  { "images", NULL, "FILE", "a catalogue of images in JSON" REPEATABLE },
  { "key-name", NULL, "NAME", "what the --ssh-key at the same place is called" REPEATABLE },
  { "kind", NULL, "KIND", "feature, driver, storage or network" },
  { "raw", NULL, NULL, "what the guest wrote byte by byte, terminal sequences too" },
  { "lines", NULL, "N", "only the last N lines" },
  { "long", NULL, NULL, "more columns" },
  { "metadata", NULL, "KEY=VALUE", "the guest's metadata" REPEATABLE },
  { "min-disk", NULL, "GIB", "least root disk of a flavor for this image" },
  { "min-ram", NULL, "MIB", "least memory of a flavor for this image" },
  { "name", NULL, "NAME", "another name" },
  { "network", NULL, "NET", "bridge=BRIDGE[,model=,mac=,mtu=] or user" REPEATABLE },
  { "no-headings", NULL, NULL, "tables without their first line" },
  { "out", NULL, "DIR", "the folder to write" },
  { "password", NULL, "FILE", "the administrator's password: the first line, - for stdin" },
  { "property", NULL, "KEY=VALUE", "a property" REPEATABLE },
  { "ram", NULL, "MIB", "memory" },
  { "reason", NULL, "TEXT", "why the server is locked" },
  { "request", NULL, "FILE", "a request file, - for stdin" },
  { "root", NULL, "DIR", "the recorded machine to judge: its /proc, /sys, /dev below DIR" },
  { "rounds", "n", "N", "so many rounds, and no more" },
  { "sort", NULL, "ORDER", "what is largest first: cpu, memory, disk, net; or name" },
  { "ssh-key", NULL, "FILE", "a public SSH key for the guest" REPEATABLE },
  { "console", NULL, "TEXT", "what the guest writes to its console" },
  { "status", NULL, "STATUS,...", "a server's, as 'server list' shows it: ACTIVE, SHUTOFF" },
  { "swap", NULL, "MIB", "swap disk" },
  { "size", NULL, "GIB", "what the volume is to have; it never gets smaller" },
  { "timeout", NULL, "SECONDS", "how long to wait" },
  { "timing", NULL, NULL, "show the time of each phase and plugin instead" },
  { "url", NULL, "URL", "where the image is downloaded from: http or https" },
  { "user-data", NULL, "FILE", "user data for the config drive" },
  { "vcpus", NULL, "N", "virtual CPUs" },
  { "volumes", NULL, NULL, "what guests have read of volumes and written to them" },
  { "volume", NULL, "VOLUME", "path=FILE,format=FORMAT[,bus=,boot_index=]" REPEATABLE },
  { "wait", NULL, NULL, "wait for the guest, or another command on the server" },
};
#define N_OPTIONS (sizeof options / sizeof options[0])

/* ---- looking up ---- */

static const struct option *
find_option (const char *name, size_t length, int letter)
{
  for (size_t i = 0; i < N_OPTIONS; i++) {
    const char *text = letter ? options[i].letter : options[i].name;

    if (text && strlen (text) == length && strncmp (text, name, length) == 0)
      return &options[i];
  }
  return NULL;
}

int
args_is_general (const struct option *option)
{
  for (const struct option *o = options; o->name; o++)
    if (o == option)
      return 1;
  return 0;
}

const struct option *
args_option (size_t i)
{
  return i < N_OPTIONS ? &options[i] : NULL;
}

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

static char *
join_verbs (const struct noun *noun)
{
  char *all = vl_xasprintf ("%s", noun->verbs[0].name);

  for (const struct verb *verb = noun->verbs + 1; verb->run; verb++) {
    char *longer = vl_xasprintf ("%s, %s", all, verb->name);

    free (all);
    all = longer;
  }
  return all;
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
  static const char later[] = "backup dump evacuate image migrate migration "
                              "restore shelve unshelve volume";
  struct vl_spell spelling = { .wanted = name ? name : "" };
  char *all = join_verbs (args->noun);
  int known = name && strcmp (args->noun->name, "server") == 0 && has_word (later, name);

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
  return strcmp (name, "nic") == 0 && args_takes (args->verb, find_option ("network", 7, 0))
             ? "network"
             : NULL;
}

/* A hint for option NAME, which the verb does not take, or NULL; malloc. */
static char *
hint_option (const struct args *args, const char *name)
{
  const struct option *option = find_option (name, strlen (name), 0);
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

  for (size_t i = 0; i < N_OPTIONS; i++)
    if (options[i].name && options[i].help && args_takes (args->verb, &options[i]))
      vl_spell_offer (&spelling, options[i].name);
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
  if (rest == NULL)
    complain (p->args, "option '%s' needs a value: %s %s", shown, shown, option->value);
  else
    add_given (p->args, option, rest);
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
      add_given (p->args, find_option ("kind", 4, 0), kinds[i]);
      return 1;
    }
  return 0;
}

static void
parse_long (struct parsing *p, const char *text)
{
  size_t length = strcspn (text, "=");
  const struct option *option = find_option (text, length, 0);
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
    const struct option *option = find_option (text, 1, 1);
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

/* May OPTION be given to VERB more than once?  Of one value the last would win silently; what
 * has none says the same twice. */
static int
is_repeatable (const struct verb *verb, const struct option *option)
{
  size_t length = option->help ? strlen (option->help) : 0, n = sizeof REPEATABLE - 1;

  return option->value == NULL
         || (length > n && strcmp (option->help + length - n, REPEATABLE) == 0)
         || ((verb->flags & VERB_HOSTS) && strcmp (option->name, "host") == 0)
         || ((verb->flags & VERB_FILES) && strcmp (option->name, "file") == 0);
}

static void
check_twice (struct args *args)
{
  for (size_t i = 1; i < args->n_given; i++)
    for (size_t k = 0; k < i; k++)
      if (args->given[k].option == args->given[i].option
          && ! is_repeatable (args->verb, args->given[i].option)) {
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

static void
check_words (struct args *args)
{
  const struct verb *verb = args->verb;
  const char *output = args_value (args, "output");

  if (args->n_words < (size_t)verb->least)
    complain (args, "'%s%s%s' needs %s", verb_noun (args), gap (args), verb_name (args),
              verb->words);
  else if (verb->most >= 0 && args->n_words > (size_t)verb->most)
    complain (args, "'%s%s%s' takes %s; '%s' is too much", verb_noun (args), gap (args),
              verb_name (args), verb->words ? verb->words : "no words", args->words[verb->most]);
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
  if (args->verb && ! args->help && ! args->bad)
    check_twice (args);
  if (args->verb && ! args->help && ! args->bad)
    check_words (args);
  free (p.owned);
}
