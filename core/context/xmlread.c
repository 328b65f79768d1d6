/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading XML that a hypervisor gave.  libxml2 parses without network, DTD and
 * entities and within its own limits; the result is copied into the arena of
 * the caller's context, so nothing of libxml2 is seen outside. */

#include <config.h>

#include "context/xml.h"

#include <libxml/parser.h>
#include <libxml/tree.h>

#define MAX_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_DEPTH 100

static const struct vl_report invalid = { .severity = VL_SEV_ERROR,
                                          .err = VL_ERR_FAILED,
                                          .code = "InvalidXML" };

struct xml_attr {
  const char *name, *value;
  struct xml_attr *next;
};

struct vl_xml {
  const char *name, *text;
  struct xml_attr *attrs;
  const struct vl_xml *parent;
  struct vl_xml *first, *next;
};

/* ---- parsing ---- */

/* A document type, even an empty one, is where entities and external files come
 * in: nothing after it is read. */
static void
refuse_doctype (void *opaque, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
  xmlParserCtxtPtr parser = opaque;

  (void)name;
  (void)external;
  (void)system;
  parser->_private = parser;
  xmlStopParser (parser);
}

static const char *
first_line (struct vl_call *call, const char *text)
{
  return text ? vl_arena_strndup (call->arena, text, strcspn (text, "\n")) : "is malformed";
}

xmlDocPtr
vl_xml_parse (struct vl_call *call, const char *text, size_t length)
{
  xmlParserCtxtPtr parser;
  xmlDocPtr doc;

  if (text == NULL) {
    vl_report (call,
               &(struct vl_report) {
                   .severity = VL_SEV_ERROR, .err = VL_ERR_FAILED, .code = "PluginFault" },
               "reads no XML: NULL where text is needed");
    return NULL;
  }
  if (length > MAX_BYTES) {
    vl_report (call, &invalid, "XML of %zu bytes is larger than the %zu accepted", length,
               MAX_BYTES);
    return NULL;
  }
  if (memchr (text, '\0', length)) {
    vl_report (call, &invalid, "XML holds a NUL byte");
    return NULL;
  }
  parser = xmlNewParserCtxt ();
  if (parser == NULL)
    vl_oom ();
  parser->sax->internalSubset = refuse_doctype;
  doc = xmlCtxtReadMemory (parser, text, (int)length, NULL, NULL,
                           XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
  if (parser->_private) {
    vl_report (call, &invalid, "XML has a document type, which is not accepted");
    xmlFreeDoc (doc);
    doc = NULL;
  } else if (doc == NULL) {
    const xmlError *error = xmlCtxtGetLastError (parser);

    vl_report (call, &invalid, "XML is not well-formed: line %d: %s", error ? error->line : 1,
               first_line (call, error ? error->message : NULL));
  }
  xmlFreeParserCtxt (parser);
  return doc;
}

/* ---- copying ---- */

static const char *
qualified_name (struct vl_call *call, const xmlNs *ns, const xmlChar *name)
{
  if (ns && ns->prefix)
    return vl_arena_printf (call->arena, "%s:%s", (const char *)ns->prefix, (const char *)name);
  return vl_arena_strdup (call->arena, (const char *)name);
}

static void
add_attr (struct vl_call *call, struct vl_xml *copy, const char *name, const char *value)
{
  struct xml_attr *attr = vl_arena_alloc (call->arena, sizeof *attr);

  attr->name = name;
  attr->value = vl_arena_strdup (call->arena, value ? value : "");
  attr->next = copy->attrs;
  copy->attrs = attr;
}

static void
copy_attrs (struct vl_call *call, xmlNodePtr node, struct vl_xml *copy)
{
  for (const xmlNs *ns = node->nsDef; ns; ns = ns->next)
    add_attr (call, copy,
              ns->prefix ? vl_arena_printf (call->arena, "xmlns:%s", (const char *)ns->prefix)
                         : "xmlns",
              (const char *)ns->href);
  for (xmlAttrPtr attr = node->properties; attr; attr = attr->next) {
    xmlChar *value = xmlNodeListGetString (node->doc, attr->children, 1);

    add_attr (call, copy, qualified_name (call, attr->ns, attr->name), (const char *)value);
    xmlFree (value);
  }
}

static char *
trimmed (struct vl_call *call, const struct vl_str *text)
{
  static const char blanks[] = " \t\r\n";
  const char *start = text->text ? text->text + strspn (text->text, blanks) : "";
  size_t length = strlen (start);

  while (length > 0 && strchr (blanks, start[length - 1]))
    length--;
  return vl_arena_strndup (call->arena, start, length);
}

static struct vl_xml *
copy_node (struct vl_call *call, xmlNodePtr node, const struct vl_xml *parent, int depth)
{
  struct vl_xml *copy = vl_arena_alloc (call->arena, sizeof *copy), **end = &copy->first;
  VL_AUTOSTR struct vl_str text = { 0 };

  if (depth > MAX_DEPTH) {
    vl_report (call, &invalid, "XML is nested deeper than the %d accepted", MAX_DEPTH);
    return NULL;
  }
  copy->name = qualified_name (call, node->ns, node->name);
  copy->parent = parent;
  copy_attrs (call, node, copy);
  for (xmlNodePtr child = node->children; child; child = child->next) {
    if (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) {
      vl_str_add (&text, (const char *)child->content);
    } else if (child->type == XML_ELEMENT_NODE) {
      *end = copy_node (call, child, copy, depth + 1);
      if (*end == NULL)
        return NULL;
      end = &(*end)->next;
    }
  }
  copy->text = trimmed (call, &text);
  return copy;
}

const struct vl_xml *
vl_xml_read (struct vl_call *call, const char *text, size_t length)
{
  xmlDocPtr doc = vl_xml_parse (call, text, length);
  const struct vl_xml *root = NULL;

  if (doc) {
    root = copy_node (call, xmlDocGetRootElement (doc), NULL, 1);
    xmlFreeDoc (doc);
  }
  return root;
}

/* ---- reading ---- */

const char *
vl_xml_name (const struct vl_xml *node)
{
  return node->name;
}

const char *
vl_xml_text (const struct vl_xml *node)
{
  return node ? node->text : "";
}

const char *
vl_xml_attr (const struct vl_xml *node, const char *name)
{
  for (const struct xml_attr *attr = node ? node->attrs : NULL; attr; attr = attr->next)
    if (VL_STREQ (attr->name, name))
      return attr->value;
  return NULL;
}

static const struct vl_xml *
named (const struct vl_xml *node, const char *name)
{
  while (node && name && ! VL_STREQ (node->name, name))
    node = node->next;
  return node;
}

const struct vl_xml *
vl_xml_child (const struct vl_xml *node, const char *name)
{
  return node ? named (node->first, name) : NULL;
}

const struct vl_xml *
vl_xml_next (const struct vl_xml *node, const char *name)
{
  return node ? named (node->next, name) : NULL;
}

/* Backtracks: "a/b" finds the first <b> even where the first <a> has none. */
const struct vl_xml *
vl_xml_find (const struct vl_xml *node, const char *path)
{
  size_t length = strcspn (path, "/");

  for (const struct vl_xml *child = node ? node->first : NULL; child; child = child->next) {
    const struct vl_xml *found;

    if (strncmp (child->name, path, length) != 0 || child->name[length] != '\0')
      continue;
    found = path[length] ? vl_xml_find (child, path + length + 1) : child;
    if (found)
      return found;
  }
  return NULL;
}
