/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The installed libvirt's Relax-NG: read once per process when first needed.
 * libxml2 says that a document is invalid but not where; blame.c finds out, and
 * here the culprit gets its owner and cause. */

#include <config.h>

#include "domain/xml.h"

#include <libxml/parserInternals.h>
#include <libxml/relaxng.h>
#include <pthread.h>

#ifndef VL_LIBVIRT_SCHEMAS
#error "VL_LIBVIRT_SCHEMAS: the folder of libvirt's Relax-NG files"
#endif

/* ---- the schema ---- */

/* What judges by a whole schema, or by a part of it. */
struct judge {
  xmlRelaxNGPtr rng;                /* NULL: not read */
  xmlRelaxNGValidCtxtPtr validator; /* NULL: not made yet */
};

struct schema {
  char name[32];
  struct judge whole, part;
  int is_parted; /* the part was made, or found to be none */
  struct schema *next;
};

/* Kept for the life of the process, as libxml2's own tables are, with what a validator
 * needs for its work.  Sessions in several threads share them, and libxml2 does not say
 * that two may validate by one schema. */
static struct schema *schemas;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void VL_PRINTF (2, 3) ignore (void *opaque, const char *fmt, ...)
{
  (void)opaque;
  (void)fmt;
}

static char *
path_of (const char *name)
{
  return vl_xasprintf ("%s/%s.rng", VL_LIBVIRT_SCHEMAS, name);
}

/* What PARSER (NULL: nothing) makes of its text.  Frees it. */
static xmlRelaxNGPtr
parse (xmlRelaxNGParserCtxtPtr parser)
{
  xmlRelaxNGPtr rng = NULL;

  if (parser) {
    /* The blanks between the elements of a schema mean nothing, and are half of it. */
    int keep = xmlKeepBlanksDefault (0);

    xmlRelaxNGSetParserErrors (parser, ignore, ignore, NULL);
    rng = xmlRelaxNGParse (parser);
    xmlRelaxNGFreeParserCtxt (parser);
    xmlKeepBlanksDefault (keep);
  }
  return rng;
}

static int
read_whole (struct schema *schema)
{
  VL_AUTOFREE char *path = path_of (schema->name);

  if (schema->whole.rng == NULL && access (path, R_OK) == 0)
    schema->whole.rng = parse (xmlRelaxNGNewParserCtxt (path));
  return schema->whole.rng != NULL;
}

/* The place of schema NAME, which may not have been read. */
static struct schema *
get (const char *name)
{
  struct schema *schema = schemas;

  while (schema && ! VL_STREQ (schema->name, name))
    schema = schema->next;
  if (schema == NULL) {
    schema = VL_NEW (struct schema);
    strcpy (schema->name, name);
    schema->next = schemas;
    schemas = schema;
  }
  return schema;
}

static struct schema *
find (struct vl_call *call, const char *name)
{
  if (strlen (name) < sizeof schemas->name
      && strspn (name, "abcdefghijklmnopqrstuvwxyz") == strlen (name))
    return get (name);
  vl_refuse_as (call, VL_ERR_FAILED, "SchemaUnavailable", NULL, NULL, "there is no schema '%s'",
                name);
  return NULL;
}

/* Where it cannot be read, whoever needs it is told. */
void
vl_schema_prepare (void)
{
  pthread_mutex_lock (&lock);
  read_whole (get ("domain"));
  pthread_mutex_unlock (&lock);
}

/* A validator is used again only after a valid document: libxml2 does not say in which
 * state another leaves it. */
static int
validate (struct judge *judge, xmlDocPtr doc)
{
  int is_valid;

  if (judge->validator == NULL)
    judge->validator = xmlRelaxNGNewValidCtxt (judge->rng);
  if (judge->validator == NULL)
    vl_oom ();
  xmlRelaxNGSetValidErrors (judge->validator, ignore, ignore, NULL);
  is_valid = xmlRelaxNGValidateDoc (judge->validator, doc) == 0;
  if (! is_valid) {
    xmlRelaxNGFreeValidCtxt (judge->validator);
    judge->validator = NULL;
  }
  return is_valid;
}

/* ---- a part of it ---- */

/* Is DOC valid by the part of SCHEMA that the first document could meet?  0 says nothing, and the
 * whole is asked. */
static int
valid_by_part (struct schema *schema, xmlDocPtr doc)
{
  struct vl_schema_names names = { 0 };

  if (! schema->is_parted) {
    VL_AUTOFREE char *text = NULL;

    schema->is_parted = 1;
    vl_schema_names (doc, &names);
    text = vl_schema_part (VL_LIBVIRT_SCHEMAS, schema->name, &names);
    vl_schema_names_free (&names);
    if (text)
      schema->part.rng = parse (xmlRelaxNGNewMemParserCtxt (text, (int)strlen (text)));
  }
  return schema->part.rng && validate (&schema->part, doc);
}

int
vl_schema_valid (struct vl_call *call, const char *name, xmlDocPtr doc)
{
  struct schema *schema;
  int answer = -1;

  pthread_mutex_lock (&lock);
  schema = find (call, name);
  if (schema && schema->whole.rng == NULL && valid_by_part (schema, doc))
    answer = 1;
  else if (schema && read_whole (schema))
    answer = validate (&schema->whole, doc);
  pthread_mutex_unlock (&lock);
  if (schema && answer < 0) {
    VL_AUTOFREE char *path = path_of (name);

    vl_refuse_as (call, VL_ERR_UNSUPPORTED, "SchemaUnavailable", NULL,
                  "install libvirt's schemas (Debian: apt-get install libvirt0)",
                  "libvirt's schema '%s' cannot be read", path);
  }
  return answer;
}

/* ---- any document ---- */

static const char *
xml_path (struct vl_call *call, const struct vl_culprit *culprit)
{
  xmlChar *path = xmlGetNodePath (culprit->node);
  const char *text =
      vl_printf (call, "%s%s%s", path ? (const char *)path : "", culprit->attr ? "/@" : "",
                 culprit->attr ? (const char *)culprit->attr->name : "");

  xmlFree (path);
  return text;
}

int
vl_xml_validate (struct vl_call *call, const char *name, const char *xml)
{
  xmlDocPtr doc = vl_xml_parse (call, name ? xml : NULL, xml ? strlen (xml) : 0);
  struct vl_culprits culprits = { 0 };
  int valid;

  if (doc == NULL)
    return -1;
  valid = vl_schema_valid (call, name, doc);
  if (valid == 0)
    vl_schema_blame (call, name, doc, &culprits);
  for (size_t i = 0; i < culprits.n; i++) {
    struct vl_report report = {
      .severity = VL_SEV_ERROR,
      .err = VL_ERR_UNSUPPORTED,
      .code = "SchemaInvalid",
      .path = xml_path (call, &culprits.items[i]),
    };

    vl_report (call, &report, "'%s' is not valid by the installed libvirt's schema '%s'",
               report.path, name);
  }
  free (culprits.items);
  xmlFreeDoc (doc);
  return valid == 1 ? 0 : -1;
}

/* ---- our own document ---- */

/* The document as libxml2 has it, but made of the build's own memory and texts: libxml2
 * takes as long to copy and free a tree as the features take to write it.  Only DOC
 * itself is libxml2's. */
struct tree {
  struct vl_arena *arena;
  xmlDocPtr doc;
  int has_namespaces;
};

/* What NAME without its prefix is in *LOCAL, and the namespace that NODE has it in.  A
 * name whose prefix nobody declares is kept whole, as a reader of the text would. */
static xmlNsPtr
namespace_of (const struct tree *tree, xmlNodePtr node, const char *name, const char **local)
{
  const char *colon = strchr (name, ':');
  VL_AUTOFREE char *prefix = colon ? vl_xstrndup (name, (size_t)(colon - name)) : NULL;
  xmlNsPtr ns =
      colon || tree->has_namespaces ? xmlSearchNs (tree->doc, node, BAD_CAST prefix) : NULL;

  *local = ns && colon ? colon + 1 : name;
  return ns;
}

static xmlNodePtr
new_text (const struct tree *tree, xmlNodePtr parent, const char *text)
{
  xmlNodePtr node = vl_arena_alloc (tree->arena, sizeof *node);

  node->type = XML_TEXT_NODE;
  node->name = xmlStringText;
  node->content = BAD_CAST text;
  node->parent = parent;
  node->doc = tree->doc;
  return node;
}

/* Attribute NAME of NODE, as the last one. */
static void
add_attribute (const struct tree *tree, xmlNodePtr node, xmlAttrPtr *last, const char *name,
               const char *value)
{
  xmlAttrPtr attr = vl_arena_alloc (tree->arena, sizeof *attr);

  attr->type = XML_ATTRIBUTE_NODE;
  attr->ns = strchr (name, ':') ? namespace_of (tree, node, name, &name) : NULL;
  attr->name = BAD_CAST name;
  attr->parent = node;
  attr->doc = tree->doc;
  attr->children = attr->last = new_text (tree, (xmlNodePtr)attr, value);
  attr->prev = *last;
  *(*last ? &(*last)->next : &node->properties) = attr;
  *last = attr;
}

/* Is SLOT the declaration of a namespace, whose prefix (NULL: none) is *PREFIX? */
static int
is_namespace (const struct vl_slot *slot, const char **prefix)
{
  *prefix = VL_STARTS (slot->name, "xmlns:") ? slot->name + 6 : NULL;
  return *prefix || VL_STREQ (slot->name, "xmlns");
}

static void
declare (struct tree *tree, xmlNodePtr node, const char *prefix, const char *href)
{
  xmlNsPtr ns = vl_arena_alloc (tree->arena, sizeof *ns);

  *ns = (xmlNs) { .type = XML_LOCAL_NAMESPACE,
                  .href = BAD_CAST href,
                  .prefix = BAD_CAST prefix,
                  .next = node->nsDef };
  node->nsDef = ns;
  tree->has_namespaces = 1;
}

/* ELEMENT and what is in it, below PARENT after PREV (NULL: as the first).  Each node
 * knows its element. */
static xmlNodePtr
new_element (struct tree *tree, xmlNodePtr parent, xmlNodePtr prev,
             const struct vl_element *element)
{
  xmlNodePtr node = vl_arena_alloc (tree->arena, sizeof *node);
  const char *name, *prefix;
  xmlAttrPtr attr = NULL;

  node->_private = (void *)element;
  node->type = XML_ELEMENT_NODE;
  node->parent = parent;
  node->prev = prev;
  node->doc = tree->doc;
  for (const struct vl_slot *slot = element->slots; slot; slot = slot->next)
    if (slot->value && is_namespace (slot, &prefix))
      declare (tree, node, prefix, slot->value);
  node->ns = namespace_of (tree, node, element->shape->name, &name);
  node->name = BAD_CAST name;
  for (const struct vl_slot *slot = element->slots; slot; slot = slot->next)
    if (slot->value && ! is_namespace (slot, &prefix))
      add_attribute (tree, node, &attr, slot->name, slot->value);
  if (vl_element_value (element, NULL))
    node->children = node->last = new_text (tree, node, element->text->value);
  for (const struct vl_element *child = element->first; child; child = child->next) {
    xmlNodePtr made = new_element (tree, node, node->last, child);

    *(node->last ? &node->last->next : &node->children) = made;
    node->last = made;
  }
  return node;
}

static struct vl_owner *
owners_of (const struct vl_doc *doc, const struct vl_element *node, const char *attr)
{
  const struct vl_slot *slot = attr ? vl_element_slot (node, attr) : node->text;

  if (slot)
    return vl_slot_owners (doc->arena, slot);
  return vl_element_owners (node);
}

/* The host's libvirt knows what the installed one may not: a subtree that its
 * owner marks `since` a version that the host has is not held against it. */
static const char *
excused_since (const struct vl_element *node, const char *attr, const struct vl_owner *owners,
               const struct vl_host *host)
{
  for (const struct vl_owner *o = owners; o; o = o->next) {
    const struct vl_write *row = vl_element_since (node, attr, o->plugin);

    if (row && vl_host_at_least (host, "libvirt.version", row->since) == 1)
      return row->since;
  }
  return NULL;
}

/* What is wrong, as it is written: " = 'red'" of an attribute, " (<rng .../>)" of
 * an element. */
static const char *
shown (struct vl_call *call, const struct vl_element *node, const char *attr)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  if (attr)
    return vl_printf (call, " = '%s'", vl_element_value (node, attr));
  vl_str_printf (&text, " (<%s", node->shape->name);
  for (const struct vl_slot *slot = node->slots; slot; slot = slot->next)
    vl_str_printf (&text, " %s='%s'", slot->name, slot->value);
  vl_str_add (&text, node->first ? "> and what is in it)" : "/>)");
  if (node->text)
    return vl_printf (call, " = '%s'", node->text->value);
  return vl_arena_strdup (call->arena, text.text);
}

static void
report_culprit (struct vl_call *call, const struct vl_doc *doc, const struct vl_element *node,
                const char *attr, const struct vl_host *host)
{
  const struct vl_owner *owners = owners_of (doc, node, attr);
  const char *since = excused_since (node, attr, owners, host);
  struct vl_report report = {
    .severity = since ? VL_SEV_ADVICE : VL_SEV_ERROR,
    .err = VL_ERR_UNSUPPORTED,
    .code = since ? "SchemaOlder" : "SchemaInvalid",
    .plugin = owners ? vl_owner_name (owners) : "core",
    .property = owners ? vl_owner_property (call->guest, owners) : NULL,
    .path = vl_element_path (call->arena, node, attr),
    .hint = since ? NULL
                  : "the installed libvirt does not take it here; see virtloom explain for its "
                    "reasons",
  };

  if (since) {
    vl_report (call, &report,
               "'%s' was not checked: it came with libvirt %s, which the host has and the "
               "installed schema does not know",
               report.path, since);
    return;
  }
  vl_report (call, &report, "'%s'%s is not valid by libvirt's schema; written by %s", report.path,
             shown (call, node, attr), owners ? vl_owners_text (call->guest, owners) : "core");
}

void
vl_doc_check_schema (struct vl_build *build)
{
  struct vl_call *call = build->call;
  struct vl_culprits culprits = { 0 };
  struct tree tree = { .arena = call->arena, .doc = xmlNewDoc (BAD_CAST "1.0") };
  xmlDocPtr doc = tree.doc;

  if (doc == NULL)
    vl_oom ();
  doc->children = doc->last = new_element (&tree, (xmlNodePtr)doc, NULL, build->doc->root);
  if (vl_schema_valid (call, "domain", doc) == 0)
    vl_schema_blame (call, "domain", doc, &culprits);
  for (size_t i = 0; i < culprits.n; i++) {
    const struct vl_culprit *c = &culprits.items[i];

    report_culprit (call, build->doc, c->node->_private,
                    c->attr ? (const char *)c->attr->name : NULL, build->host);
  }
  free (culprits.items);
  doc->children = doc->last = NULL;
  xmlFreeDoc (doc);
}
