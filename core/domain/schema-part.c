/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of a Relax-NG schema that a document can meet.  libvirt's schema of a domain is
 * most of what a plan takes, in time and in memory, and a guest has a tenth of its elements.
 *
 * What the document has no element or attribute for is left out in two ways.  The pattern of an
 * element or attribute that it has not keeps its name and loses what it would hold: whoever
 * validates finds the name nowhere and never looks inside.  One that is optional goes as a
 * whole.  Definitions that nothing refers to any more go, too.
 *
 * Relax-NG has no pattern that takes more when something in it takes less.  So a document that
 * is valid by the part is valid by the whole.  Of one that is not nothing is said: the whole has
 * to be asked.  Where something here is not understood there is no part. */

#include <config.h>

#include "domain/xml.h"

#include "lib/file.h"
#include "lib/text.h"

#include <libxml/SAX2.h>
#include <libxml/parserInternals.h>

#define RELAXNG "http://relaxng.org/ns/structure/1.0"

/* The elements of a file: <grammar> is the first level, what is in it the second. */
#define LEVEL_OF_RULES 2
#define MOST_LEVELS 64
#define MOST_BYTES ((size_t)16 << 20)

/* A <start> or <define>: its text, and what it refers to. */
struct rule {
  const char *name; /* NULL: a start */
  size_t from, to;  /* in the texts of all */
  size_t first_ref, n_refs;
  int is_met;
};

/* An element that is open. */
struct level {
  size_t from, content;     /* where it begins in the texts, and where what it holds does */
  size_t n_refs;            /* before it */
  int is_optional, is_list; /* LIST: what it holds is taken one after the other */
  int is_dead;              /* optional, and never met */
  int is_thin;              /* something that it held went as a whole */
};

struct part {
  struct vl_arena *arena;
  const struct vl_schema_names *names;
  struct vl_strv files; /* that are read, and to be read, without the folder */
  struct rule *rules;
  size_t n_rules, size_rules;
  const char **refs;
  size_t n_refs, size_refs;
  struct vl_str texts;
  const char *datatypes; /* which library, the same in all files */
  /* The file that is read. */
  struct level levels[MOST_LEVELS];
  unsigned level, left_out; /* LEFT_OUT: the level below which nothing is kept; 0: none */
  int is_foreign;           /* what is left out is no pattern, and nor is its element */
  int is_text;              /* characters count */
  int is_odd;               /* something is not understood */
};

static int
is_one_of (const xmlChar *name, const char *const *list)
{
  return vl_text_among ((const char *)name, list);
}

static int
compare (const void *name, const void *item)
{
  return strcmp (name, *(const char *const *)item);
}

/* Can the document have something called NAME (NULL: something that is named otherwise)? */
static int
may_be_met (const struct vl_strv *names, const char *name)
{
  return name == NULL || strpbrk (name, ": \t\r\n")
         || bsearch (name, names->items, names->n, sizeof *names->items, compare);
}

/* ---- names ---- */

static void
add_name (struct vl_strv *list, const xmlChar *name)
{
  if (! vl_strv_has (list, (const char *)name))
    vl_strv_add (list, (const char *)name);
}

static void
add_names (xmlNodePtr node, struct vl_schema_names *names)
{
  for (; node; node = node->next)
    if (node->type == XML_ELEMENT_NODE) {
      add_name (&names->elements, node->name);
      for (xmlAttrPtr attr = node->properties; attr; attr = attr->next)
        add_name (&names->attributes, attr->name);
      add_names (node->children, names);
    }
}

void
vl_schema_names (xmlDocPtr doc, struct vl_schema_names *names)
{
  add_names (doc->children, names);
  vl_strv_sort (&names->elements);
  vl_strv_sort (&names->attributes);
}

void
vl_schema_names_free (struct vl_schema_names *names)
{
  vl_strv_free (&names->elements);
  vl_strv_free (&names->attributes);
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

static void
begin_rule (struct part *part, const xmlChar *name, const struct attribute *attributes, int n)
{
  static const char *const known[] = { "start", "define", NULL };
  struct rule *rule;

  if (! is_one_of (name, known)) {
    part->is_odd = 1;
    return;
  }
  VL_GROW (part->rules, part->n_rules, part->size_rules);
  rule = &part->rules[part->n_rules++];
  *rule = (struct rule) { .name = value_of (part, attributes, n, "name"),
                          .from = part->texts.length,
                          .first_ref = part->n_refs };
}

static void
write_tag (struct part *part, const xmlChar *name, const struct attribute *attributes, int n)
{
  vl_str_add (&part->texts, "<");
  vl_str_add (&part->texts, (const char *)name);
  for (int i = 0; i < n; i++) {
    const struct attribute *attribute = &attributes[i];

    /* What has a name space of its own is a remark. */
    if (attribute->uri)
      continue;
    vl_str_add (&part->texts, " ");
    vl_str_add (&part->texts, (const char *)attribute->name);
    vl_str_add (&part->texts, "='");
    vl_xml_add_escaped (&part->texts, (const char *)attribute->value,
                        (size_t)(attribute->end - attribute->value), 1);
    vl_str_add (&part->texts, "'");
  }
  vl_str_add (&part->texts, ">");
  part->levels[part->level].content = part->texts.length;
}

/* Nothing is kept of what the pattern that is open holds.  An optional one around it goes, where
 * others come before and after it; libxml2 does not take one that is empty in every place. */
static void
leave_out (struct part *part)
{
  struct level *around = &part->levels[part->level - 1];

  part->left_out = part->level;
  around->is_dead = around->is_optional && around[-1].is_list;
}

/* A pattern of a rule. */
static void
begin_pattern (struct part *part, const xmlChar *name, const struct attribute *attributes, int n)
{
  static const char *const odd[] = { "grammar", "externalRef", "parentRef", "include",
                                     "div",     "start",       "define",    NULL };
  static const char *const texts[] = { "value", "param", "name", NULL };
  static const char *const lists[] = { "element", "group", NULL };
  struct level *level = &part->levels[part->level];

  if (is_one_of (name, odd) || part->is_text)
    part->is_odd = 1;
  part->is_text = is_one_of (name, texts);
  level->is_optional = xmlStrEqual (name, BAD_CAST "optional");
  level->is_list = is_one_of (name, lists);
  write_tag (part, name, attributes, n);
  if (xmlStrEqual (name, BAD_CAST "ref")) {
    VL_GROW (part->refs, part->n_refs, part->size_refs);
    part->refs[part->n_refs++] = value_of (part, attributes, n, "name");
  } else if (xmlStrEqual (name, BAD_CAST "element")
             && ! may_be_met (&part->names->elements, value_of (part, attributes, n, "name"))) {
    vl_str_add (&part->texts, "<empty/>");
    leave_out (part);
  } else if (xmlStrEqual (name, BAD_CAST "attribute")
             && ! may_be_met (&part->names->attributes, value_of (part, attributes, n, "name")))
    leave_out (part);
}

/* The element NAME that is open ends. */
static void
end_pattern (struct part *part, const xmlChar *name)
{
  struct level *level = &part->levels[part->level], *around = level - 1;

  part->is_text = 0;
  if (level->is_dead) {
    part->texts.length = level->from;
    part->n_refs = level->n_refs;
    around->is_thin = 1;
    return;
  }
  if (level->is_thin && part->texts.length == level->content)
    vl_str_add (&part->texts, "<empty/>");
  vl_str_add (&part->texts, "</");
  vl_str_add (&part->texts, (const char *)name);
  vl_str_add (&part->texts, ">");
}

static void
begin_element (void *opaque, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
               int n_spaces, const xmlChar **spaces, int n, int n_defaulted, const xmlChar **values)
{
  struct part *part = opaque;
  const struct attribute *attributes = (const struct attribute *)values;

  (void)prefix;
  (void)n_spaces;
  (void)spaces;
  (void)n_defaulted;
  if (++part->level >= MOST_LEVELS)
    part->is_odd = 1;
  if (part->is_odd || part->left_out)
    return;
  part->levels[part->level] = (struct level) { .from = part->texts.length, .n_refs = part->n_refs };
  if (! xmlStrEqual (uri, BAD_CAST RELAXNG)) {
    part->is_foreign = 1;
    part->left_out = part->level;
  } else if (part->level < LEVEL_OF_RULES)
    begin_grammar (part, name, attributes, n);
  else if (part->level > LEVEL_OF_RULES)
    begin_pattern (part, name, attributes, n);
  else if (xmlStrEqual (name, BAD_CAST "include"))
    include (part, attributes, n);
  else {
    begin_rule (part, name, attributes, n);
    part->levels[part->level].is_list = 1;
    write_tag (part, name, attributes, n);
  }
}

static void
end_element (void *opaque, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
  struct part *part = opaque;
  int is_foreign = part->is_foreign;
  struct rule *rule;

  (void)prefix;
  (void)uri;
  if (! part->is_odd && (part->left_out == 0 || part->left_out == part->level)) {
    part->left_out = part->is_foreign = 0;
    if (! is_foreign && part->level >= LEVEL_OF_RULES && ! xmlStrEqual (name, BAD_CAST "include"))
      end_pattern (part, name);
    if (part->level == LEVEL_OF_RULES && part->n_rules) {
      rule = &part->rules[part->n_rules - 1];
      rule->to = part->texts.length;
      rule->n_refs = part->n_refs - rule->first_ref;
    }
  }
  part->level--;
}

static void
characters (void *opaque, const xmlChar *text, int n)
{
  struct part *part = opaque;

  if (part->is_text && part->left_out == 0 && ! part->is_odd)
    vl_xml_add_escaped (&part->texts, (const char *)text, (size_t)n, 0);
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

  part->level = 0;
  if (text == NULL || xmlSAXUserParseMemory (&sax, part, text, (int)length) != 0)
    part->is_odd = 1;
}

/* ---- all of them ---- */

static int
compare_rules (const void *a, const void *b)
{
  const struct rule *x = a, *y = b;

  int order =
      x->name && y->name ? strcmp (x->name, y->name) : (x->name != NULL) - (y->name != NULL);

  /* Those of one name stay in their order. */
  return order ? order : x->from < y->from ? -1 : 1;
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

/* RULE is met, and what it refers to; several may have one name, and make one together. */
static void
meet (struct part *part, struct rule *rule)
{
  if (rule->is_met)
    return;
  rule->is_met = 1;
  for (size_t i = 0; i < rule->n_refs; i++) {
    const char *ref = part->refs[rule->first_ref + i];
    size_t to = ref ? first_rule (part, ref) : part->n_rules;

    if (to == part->n_rules || ! VL_STREQ (part->rules[to].name, ref))
      part->is_odd = 1;
    for (; to < part->n_rules && VL_STREQ (part->rules[to].name, ref); to++)
      meet (part, &part->rules[to]);
  }
}

static char *
text_of (struct part *part)
{
  VL_AUTOSTR struct vl_str out = { 0 };

  vl_str_add (&out, "<grammar xmlns='" RELAXNG "'");
  if (part->datatypes) {
    vl_str_add (&out, " datatypeLibrary='");
    vl_xml_add_escaped (&out, part->datatypes, strlen (part->datatypes), 1);
    vl_str_add (&out, "'");
  }
  vl_str_add (&out, ">");
  for (size_t i = 0; i < part->n_rules; i++)
    if (part->rules[i].is_met)
      vl_str_add_n (&out, part->texts.text + part->rules[i].from,
                    part->rules[i].to - part->rules[i].from);
  vl_str_add (&out, "</grammar>");
  return VL_STEAL (out.text);
}

char *
vl_schema_part (const char *folder, const char *name, const struct vl_schema_names *names)
{
  struct part part = { .arena = vl_arena_new (), .names = names };
  char *text = NULL;

  vl_strv_add (&part.files, vl_arena_printf (part.arena, "%s.rng", name));
  for (size_t i = 0; i < part.files.n && ! part.is_odd; i++)
    read_file (&part, vl_arena_printf (part.arena, "%s/%s", folder, part.files.items[i]));
  if (part.n_rules)
    qsort (part.rules, part.n_rules, sizeof *part.rules, compare_rules);
  for (size_t i = 0; i < part.n_rules && part.rules[i].name == NULL; i++)
    meet (&part, &part.rules[i]);
  if (! part.is_odd)
    text = text_of (&part);
  free (part.rules);
  free (part.refs);
  vl_str_free (&part.texts);
  vl_strv_free (&part.files);
  vl_arena_free (part.arena);
  return text;
}
