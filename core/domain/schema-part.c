/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of a Relax-NG schema that a document can meet.  libvirt's schema of a domain is
 * most of what a plan takes, in time and in memory, and a guest has a tenth of its elements.
 *
 * The pattern of an element or attribute that the document has not keeps its name and loses what
 * it would hold: whoever validates finds the name nowhere and never looks inside.  It is dead, as
 * is a value that the document has nowhere, and what cannot do without something dead.  A choice
 * loses what is dead, and an optional pattern goes where nothing else is in it.  Definitions that
 * nothing refers to any more go, too.
 *
 * All that takes documents away and lets none in, since Relax-NG has but one pattern that takes
 * more when something in it takes less, `except`, which is left as it is.  So a document that is
 * valid by the part is valid by the whole.  Of one that is not nothing is said: the whole has to
 * be asked.  Where something here is not understood there is no part. */

#include <config.h>

#include "domain/xml.h"

#include "lib/file.h"
#include "lib/text.h"

#include <libxml/SAX2.h>
#include <libxml/parserInternals.h>

#define RELAXNG "http://relaxng.org/ns/structure/1.0"
#define BLANKS " \t\r\n"
#define MOST_BYTES ((size_t)16 << 20)

/* The elements of a file: <grammar> is the first level, what is in it the second. */
#define LEVEL_OF_RULES 2
#define MOST_LEVELS 64

enum kind {
  OTHER, /* which cannot do without any of what it holds */
  ELEMENT,
  ATTRIBUTE,
  LIST, /* a group, a definition: one after the other */
  CHOICE,
  OPTIONAL, /* or more often */
  REF,
  VALUE,
  FREE, /* takes what it takes, whatever the document has */
};

struct pattern {
  enum kind kind;
  int is_typed; /* VALUE: it is compared in a way of its own */
  int is_dead;
  const char *tag, *name; /* NAME: its attribute `name`, or NULL */
  const char *attributes; /* as they are written */
  const char *text;
  struct pattern *first, *last, *next;
};

/* A <start> or <define>. */
struct rule {
  const char *name; /* NULL: a start */
  size_t number;    /* by which it came */
  struct pattern *pattern;
  int is_met, is_judged;
};

struct part {
  struct vl_arena *arena;
  const struct vl_schema_names *names;
  struct vl_strv files; /* that are read, and to be read, without the folder */
  struct rule *rules;
  size_t n_rules, size_rules;
  const char *datatypes; /* which library, the same in all files */
  struct vl_str out;
  /* The file that is read. */
  struct pattern *open[MOST_LEVELS];
  unsigned level, left_out; /* LEFT_OUT: the level below which nothing is kept; 0: none */
  unsigned except;          /* the level of the one that is open; 0: none */
  int is_foreign;           /* what is left out is no pattern, and nor is its element */
  int is_odd;               /* something is not understood */
};

static int
compare (const void *name, const void *item)
{
  return strcmp (name, *(const char *const *)item);
}

static int
is_listed (const struct vl_strv *sorted, const char *name)
{
  return sorted->n && bsearch (name, sorted->items, sorted->n, sizeof *sorted->items, compare);
}

/* Can the document have something called NAME (NULL: something that is named otherwise)? */
static int
may_be_met (const struct vl_strv *names, const char *name)
{
  return name == NULL || strpbrk (name, ":" BLANKS) || is_listed (names, name);
}

/* ---- names ---- */

static void
add_name (struct vl_strv *list, const xmlChar *name)
{
  if (! vl_strv_has (list, (const char *)name))
    vl_strv_add (list, (const char *)name);
}

/* TEXT (NULL: nothing) without blanks around it, and one for each row of them in it, as two values
 * are compared. */
static char *
normalized (const char *text)
{
  VL_AUTOSTRV struct vl_strv words = { 0 };

  vl_strv_split (&words, text ? text : "", BLANKS);
  return vl_strv_join (&words, " ");
}

static void
add_value (struct vl_strv *list, const char *text)
{
  VL_AUTOFREE char *value = normalized (text);

  add_name (list, BAD_CAST value);
}

static void
add_names (xmlNodePtr node, struct vl_schema_names *names)
{
  for (; node; node = node->next) {
    if (node->type != XML_ELEMENT_NODE)
      continue;
    add_name (&names->elements, node->name);
    for (xmlAttrPtr attr = node->properties; attr; attr = attr->next) {
      add_name (&names->attributes, attr->name);
      add_value (&names->values, attr->children ? (const char *)attr->children->content : NULL);
    }
    add_value (&names->values, node->children ? (const char *)node->children->content : NULL);
    add_names (node->children, names);
  }
}

void
vl_schema_names (xmlDocPtr doc, struct vl_schema_names *names)
{
  add_names (doc->children, names);
  vl_strv_sort (&names->elements);
  vl_strv_sort (&names->attributes);
  vl_strv_sort (&names->values);
}

void
vl_schema_names_free (struct vl_schema_names *names)
{
  vl_strv_free (&names->elements);
  vl_strv_free (&names->attributes);
  vl_strv_free (&names->values);
}

/* ---- one file ---- */

/* libxml2 hands five pointers over for each attribute. */
struct attribute {
  const xmlChar *name, *prefix, *uri, *value, *end;
};

static const char *
value_of (struct part *part, const struct attribute *attributes, int n, const char *name)
{
  for (int i = 0; i < n; i++)
    if (attributes[i].uri == NULL && xmlStrEqual (attributes[i].name, BAD_CAST name))
      return vl_arena_strndup (part->arena, (const char *)attributes[i].value,
                               (size_t)(attributes[i].end - attributes[i].value));
  return NULL;
}

/* <grammar>: what its attributes say holds for all below, and only one such thing is known. */
static void
begin_grammar (struct part *part, const xmlChar *name, const struct attribute *attributes, int n)
{
  const char *datatypes = value_of (part, attributes, n, "datatypeLibrary");

  if (part->files.n == 1)
    part->datatypes = datatypes;
  if (! xmlStrEqual (name, BAD_CAST "grammar") || n != (datatypes != NULL)
      || ! vl_text_same (part->datatypes, datatypes))
    part->is_odd = 1;
}

/* <include>: a whole file of the same folder, once. */
static void
include (struct part *part, const struct attribute *attributes, int n)
{
  const char *file = value_of (part, attributes, n, "href");

  if (file == NULL || n != 1 || strchr (file, '/') || vl_strv_has (&part->files, file))
    part->is_odd = 1;
  else
    vl_strv_add (&part->files, file);
}

/* The attributes as they are written; those that have a name space of their own are remarks. */
static const char *
written (struct part *part, const struct attribute *attributes, int n)
{
  part->out.length = 0;
  vl_str_add (&part->out, "");
  for (int i = 0; i < n; i++) {
    const struct attribute *attribute = &attributes[i];

    if (attribute->uri)
      continue;
    vl_str_add (&part->out, " ");
    vl_str_add (&part->out, (const char *)attribute->name);
    vl_str_add (&part->out, "='");
    vl_xml_add_escaped (&part->out, (const char *)attribute->value,
                        (size_t)(attribute->end - attribute->value), 1);
    vl_str_add (&part->out, "'");
  }
  return vl_arena_strndup (part->arena, part->out.text, part->out.length);
}

static const struct {
  const char *tag;
  enum kind kind;
} kinds[] = {
  { "element", ELEMENT },     { "attribute", ATTRIBUTE }, { "ref", REF },
  { "optional", OPTIONAL },   { "choice", CHOICE },       { "value", VALUE },
  { "group", LIST },          { "define", LIST },         { "start", LIST },
  { "zeroOrMore", OPTIONAL }, { "list", FREE },           { "except", FREE },
  { "data", FREE },           { "param", FREE },          { "text", FREE },
  { "empty", FREE },          { "notAllowed", FREE },     { "name", FREE },
  { "anyName", FREE },        { "nsName", FREE },         { "interleave", OTHER },
  { "oneOrMore", OTHER },
};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

static struct pattern *
new_pattern (struct part *part, const xmlChar *tag, const struct attribute *attributes, int n)
{
  struct pattern *pattern = vl_arena_alloc (part->arena, sizeof *pattern);
  size_t i = 0;

  while (i < N_KINDS && ! xmlStrEqual (tag, BAD_CAST kinds[i].tag))
    i++;
  if (i == N_KINDS) {
    part->is_odd = 1;
    return NULL;
  }
  pattern->kind = kinds[i].kind;
  pattern->tag = kinds[i].tag;
  pattern->name = value_of (part, attributes, n, "name");
  pattern->attributes = written (part, attributes, n);
  pattern->is_typed = n > 0;
  return pattern;
}

static void
begin_rule (struct part *part, struct pattern *pattern)
{
  if (! VL_STREQ (pattern->tag, "start") && ! VL_STREQ (pattern->tag, "define")) {
    part->is_odd = 1;
    return;
  }
  VL_GROW (part->rules, part->n_rules, part->size_rules);
  part->rules[part->n_rules] = (struct rule) {
    .name = *pattern->tag == 's' ? NULL : pattern->name,
    .number = part->n_rules,
    .pattern = pattern,
  };
  part->n_rules++;
}

/* A pattern in that of the level above. */
static void
begin_pattern (struct part *part, struct pattern *pattern)
{
  struct pattern *around = part->open[part->level - 1];

  *(around->last ? &around->last->next : &around->first) = pattern;
  around->last = pattern;
  if (VL_STREQ (pattern->tag, "except") && part->except == 0)
    part->except = part->level;
  /* What is taken away from what is taken away is let in. */
  if (part->except && pattern->kind != FREE && pattern->kind != CHOICE && pattern->kind != VALUE)
    part->is_odd = 1;
  if (pattern->kind == ELEMENT)
    pattern->is_dead = ! may_be_met (&part->names->elements, pattern->name);
  if (pattern->kind == ATTRIBUTE)
    pattern->is_dead = ! may_be_met (&part->names->attributes, pattern->name);
  if (pattern->is_dead)
    part->left_out = part->level;
}

static void
begin_element (void *opaque, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
               int n_spaces, const xmlChar **spaces, int n, int n_defaulted, const xmlChar **values)
{
  struct part *part = opaque;
  const struct attribute *attributes = (const struct attribute *)values;
  struct pattern *pattern;

  (void)prefix;
  (void)n_spaces;
  (void)spaces;
  (void)n_defaulted;
  if (++part->level >= MOST_LEVELS)
    part->is_odd = 1;
  if (part->is_odd || part->left_out)
    return;
  if (! xmlStrEqual (uri, BAD_CAST RELAXNG)) {
    part->is_foreign = 1;
    part->left_out = part->level;
  } else if (part->level < LEVEL_OF_RULES)
    begin_grammar (part, name, attributes, n);
  else if (part->level == LEVEL_OF_RULES && xmlStrEqual (name, BAD_CAST "include")) {
    include (part, attributes, n);
    part->open[part->level] = NULL;
  } else if (part->level > LEVEL_OF_RULES && part->open[part->level - 1] == NULL)
    part->is_odd = 1;
  else if ((pattern = new_pattern (part, name, attributes, n)) != NULL) {
    part->open[part->level] = pattern;
    if (part->level == LEVEL_OF_RULES)
      begin_rule (part, pattern);
    else
      begin_pattern (part, pattern);
  }
}

static void
end_element (void *opaque, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
  struct part *part = opaque;

  (void)name;
  (void)prefix;
  (void)uri;
  if (part->left_out == part->level)
    part->left_out = part->is_foreign = 0;
  if (part->except == part->level)
    part->except = 0;
  part->level--;
}

/* What stands in a <value>, <param> or <name>; elsewhere it is blanks. */
static void
characters (void *opaque, const xmlChar *text, int n)
{
  struct part *part = opaque;
  struct pattern *pattern;

  if (part->is_odd || part->left_out || part->level <= LEVEL_OF_RULES)
    return;
  pattern = part->open[part->level];
  if (pattern->kind == VALUE || VL_STREQ (pattern->tag, "param") || VL_STREQ (pattern->tag, "name"))
    pattern->text = vl_arena_printf (part->arena, "%s%.*s", pattern->text ? pattern->text : "", n,
                                     (const char *)text);
}

/* With a document type come entities, and nobody knows here what they stand for. */
static void
doctype (void *opaque, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
  struct part *part = opaque;

  (void)name;
  (void)external;
  (void)system;
  part->is_odd = 1;
}

static void
read_file (struct part *part, const char *path)
{
  xmlSAXHandler sax = {
    .initialized = XML_SAX2_MAGIC,
    .internalSubset = doctype,
    .startElementNs = begin_element,
    .endElementNs = end_element,
    .characters = characters,
    .ignorableWhitespace = characters,
    .cdataBlock = characters,
  };
  size_t length;
  const char *why;
  VL_AUTOFREE char *text = vl_file_read (path, MOST_BYTES, &length, &why);

  part->level = part->left_out = part->except = 0;
  if (text == NULL || xmlSAXUserParseMemory (&sax, part, text, (int)length) != 0)
    part->is_odd = 1;
}

/* ---- what is dead ---- */

static int
compare_rules (const void *a, const void *b)
{
  const struct rule *x = a, *y = b;
  int order =
      x->name && y->name ? strcmp (x->name, y->name) : (x->name != NULL) - (y->name != NULL);

  /* Those of one name stay in their order. */
  return order ? order : x->number < y->number ? -1 : 1;
}

/* The first rule called NAME; they are sorted. */
static size_t
first_rule (const struct part *part, const char *name)
{
  size_t low = 0, high = part->n_rules;

  while (low < high) {
    size_t middle = (low + high) / 2;
    const char *other = part->rules[middle].name;

    if (other == NULL || strcmp (other, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static void judge (struct part *part, struct pattern *pattern);

/* What REF refers to is dead where all rules of that name are, which make one together. */
static int
refers_to_dead (struct part *part, const struct pattern *ref)
{
  size_t first = ref->name ? first_rule (part, ref->name) : part->n_rules, at;
  int is_dead = 1;

  for (at = first; at < part->n_rules && VL_STREQ (part->rules[at].name, ref->name); at++) {
    struct rule *rule = &part->rules[at];

    /* One that refers to itself is not dead yet. */
    if (! rule->is_judged) {
      rule->is_judged = 1;
      judge (part, rule->pattern);
    }
    is_dead &= rule->pattern->is_dead;
  }
  if (at == first)
    part->is_odd = 1;
  return at > first && is_dead;
}

/* Takes out of PATTERN what is dead, but for what it is dead with. */
static void
thin (struct pattern *pattern)
{
  struct pattern **place = &pattern->first, *child;

  while ((child = *place) != NULL) {
    int goes = pattern->kind == CHOICE ? child->is_dead
                                       : child->kind == OPTIONAL && child->first
                                             && child->first->is_dead && child->first->next == NULL;

    if (goes && (pattern->kind == CHOICE || pattern->kind == ELEMENT || pattern->kind == LIST))
      *place = child->next;
    else
      place = &child->next;
  }
}

static void
judge (struct part *part, struct pattern *pattern)
{
  int n = 0, n_dead = 0;

  if (pattern->is_dead || pattern->kind == FREE)
    return;
  if (pattern->kind == REF)
    pattern->is_dead = refers_to_dead (part, pattern);
  if (pattern->kind == VALUE && ! pattern->is_typed) {
    VL_AUTOFREE char *value = normalized (pattern->text);

    pattern->is_dead = ! is_listed (&part->names->values, value);
  }
  for (struct pattern *child = pattern->first; child; child = child->next) {
    judge (part, child);
    n++;
    n_dead += child->is_dead;
  }
  if (n)
    pattern->is_dead = pattern->kind == CHOICE ? n_dead == n : pattern->kind != OPTIONAL && n_dead;
  if (! pattern->is_dead)
    thin (pattern);
}

/* ---- all of it ---- */

static void meet (struct part *part, const struct pattern *pattern);

/* What REF refers to is written; several may have one name, and make one together. */
static void
follow (struct part *part, const struct pattern *ref)
{
  for (size_t to = first_rule (part, ref->name);
       to < part->n_rules && VL_STREQ (part->rules[to].name, ref->name); to++) {
    struct rule *rule = &part->rules[to];

    if (! rule->is_met) {
      rule->is_met = 1;
      meet (part, rule->pattern);
    }
  }
}

static void
meet (struct part *part, const struct pattern *pattern)
{
  if (pattern->kind == REF)
    follow (part, pattern);
  for (const struct pattern *child = pattern->first; child; child = child->next)
    meet (part, child);
}

static void
write_pattern (struct part *part, const struct pattern *pattern)
{
  int is_empty = pattern->first == NULL && (pattern->kind == ELEMENT || pattern->kind == LIST);

  vl_str_add (&part->out, "<");
  vl_str_add (&part->out, pattern->tag);
  vl_str_add (&part->out, pattern->attributes);
  vl_str_add (&part->out, ">");
  if (pattern->text)
    vl_xml_add_escaped (&part->out, pattern->text, strlen (pattern->text), 0);
  if (is_empty)
    vl_str_add (&part->out, "<empty/>");
  for (const struct pattern *child = pattern->first; child; child = child->next)
    write_pattern (part, child);
  vl_str_add (&part->out, "</");
  vl_str_add (&part->out, pattern->tag);
  vl_str_add (&part->out, ">");
}

static char *
text_of (struct part *part)
{
  part->out.length = 0;
  vl_str_add (&part->out, "<grammar xmlns='" RELAXNG "'");
  if (part->datatypes) {
    vl_str_add (&part->out, " datatypeLibrary='");
    vl_xml_add_escaped (&part->out, part->datatypes, strlen (part->datatypes), 1);
    vl_str_add (&part->out, "'");
  }
  vl_str_add (&part->out, ">");
  for (size_t i = 0; i < part->n_rules; i++)
    if (part->rules[i].is_met)
      write_pattern (part, part->rules[i].pattern);
  vl_str_add (&part->out, "</grammar>");
  return VL_STEAL (part->out.text);
}

/* Judges from the starts on, and marks what is written. */
static void
choose (struct part *part)
{
  if (part->n_rules)
    qsort (part->rules, part->n_rules, sizeof *part->rules, compare_rules);
  for (size_t i = 0; i < part->n_rules && part->rules[i].name == NULL; i++)
    judge (part, part->rules[i].pattern);
  for (size_t i = 0; i < part->n_rules && part->rules[i].name == NULL; i++) {
    part->rules[i].is_met = 1;
    meet (part, part->rules[i].pattern);
  }
}

char *
vl_schema_part (const char *folder, const char *name, const struct vl_schema_names *names)
{
  struct part part = { .arena = vl_arena_new (), .names = names };
  char *text = NULL;

  vl_strv_add (&part.files, vl_arena_printf (part.arena, "%s.rng", name));
  for (size_t i = 0; i < part.files.n && ! part.is_odd; i++)
    read_file (&part, vl_arena_printf (part.arena, "%s/%s", folder, part.files.items[i]));
  if (! part.is_odd)
    choose (&part);
  if (! part.is_odd)
    text = text_of (&part);
  free (part.rules);
  vl_str_free (&part.out);
  vl_strv_free (&part.files);
  vl_arena_free (part.arena);
  return text;
}
