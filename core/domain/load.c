/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A sealed document from what is on record of it: its XML, and one row for each
 * element, attribute and text, which says whose it is.  Nobody is asked for it:
 * an owner may be gone. */

#include <config.h>

#include "domain/xml.h"

#include <libxml/parser.h>

struct loading {
  struct vl_call *call;
  const struct vl_registry *registry;
  struct vl_doc *doc;
  const struct vl_provenance *rows;
  struct vl_element *last; /* the element of the last row */
};

/* ---- owners ---- */

/* A plugin that is gone is one that has a name. */
static const struct vl_plugin *
plugin_named (const struct loading *l, const char *name)
{
  const struct vl_plugin *plugin = vl_registry_find (l->registry, name);
  struct vl_plugin *gone;

  if (plugin || VL_STREQ (name, "core"))
    return plugin;
  gone = vl_arena_alloc (l->call->arena, sizeof *gone);
  gone->name = name;
  return gone;
}

static struct vl_owner *
owners_of (const struct loading *l, const struct vl_provenance *row)
{
  char *names = vl_arena_strdup (l->call->arena, row->owners), *state = NULL;
  struct vl_owner *owners = NULL;

  for (char *name = strtok_r (names, ", ", &state); name; name = strtok_r (NULL, ", ", &state))
    vl_owner_add (l->call->arena, &owners, plugin_named (l, name), row->cause, 0);
  return owners;
}

static void
add_value (const struct loading *l, struct vl_element *element, const char *name, const char *value,
           struct vl_owner *owners)
{
  struct vl_slot *slot = vl_arena_alloc (l->call->arena, sizeof *slot);
  struct vl_slot **place = name ? &element->slots : &element->text;

  slot->wishes = vl_arena_alloc (l->call->arena, sizeof *slot->wishes);
  slot->wishes->value = slot->value = value;
  slot->wishes->owners = owners;
  slot->name = name;
  while (name && *place)
    place = &(*place)->next;
  *place = slot;
}

/* ---- from rows ---- */

/* The element at or below which PATH is: the last one, or what that is in; *REST is
 * what follows.  NULL where there is none. */
static struct vl_element *
holder_of (const struct loading *l, const char *path, const char **rest)
{
  for (struct vl_element *e = l->last; e; e = e->parent) {
    const char *own = vl_element_path (l->call->arena, e, NULL);
    size_t length = strlen (own);

    if (strncmp (path, own, length) == 0 && (path[length] == '/' || path[length] == '\0')) {
      *rest = path + length;
      return e;
    }
  }
  return NULL;
}

static void
add_element (struct loading *l, const struct vl_provenance *row, struct vl_element *parent,
             const char *rest)
{
  size_t length = strcspn (rest, "[");
  enum vl_element_kind kind = row->n_keys    ? VL_ELEMENT_KEYED
                              : rest[length] ? VL_ELEMENT_LISTED
                                             : VL_ELEMENT_SINGLE;
  struct vl_element *element =
      vl_element_new (l->doc, parent, vl_shape_child (l->doc, parent->shape, rest, length), kind,
                      row->keys, row->n_keys);

  if (kind == VL_ELEMENT_LISTED)
    element->place = (uint32_t)strtoul (rest + length + 1, NULL, 10);
  element->owners = owners_of (l, row);
  element->row = (size_t)(row - l->rows);
  if (row->device && vl_element_device (parent) == NULL)
    element->device = row->device;
  l->last = element;
}

/* 0, or -1 where ROW stands nowhere. */
static int
add_row (struct loading *l, const struct vl_provenance *row)
{
  const char *rest = NULL;
  struct vl_element *holder = holder_of (l, row->path, &rest);

  if (holder == NULL)
    return -1;
  if (row->part == VL_PART_ELEMENT && VL_STARTS (rest, "/")) {
    add_element (l, row, holder, rest + 1);
  } else if (row->part == VL_PART_ELEMENT && holder == l->doc->root && holder->owners == NULL) {
    holder->owners = owners_of (l, row);
  } else if (row->part == VL_PART_ATTRIBUTE && VL_STARTS (rest, "/@") && row->value) {
    add_value (l, holder, vl_arena_strdup (l->call->arena, rest + 2), row->value,
               owners_of (l, row));
  } else if (row->part == VL_PART_TEXT && *rest == '\0' && row->value) {
    add_value (l, holder, NULL, row->value, owners_of (l, row));
  } else {
    return -1;
  }
  return 0;
}

/* ---- from XML alone ---- */

static const char *
qualified (const struct loading *l, const xmlNs *ns, const xmlChar *name)
{
  return ns && ns->prefix ? vl_arena_printf (l->call->arena, "%s:%s", (const char *)ns->prefix,
                                             (const char *)name)
                          : vl_arena_strdup (l->call->arena, (const char *)name);
}

static void
add_xml_attributes (const struct loading *l, struct vl_element *element, xmlNode *xml,
                    struct vl_owner *owners)
{
  for (const xmlNs *ns = xml->nsDef; ns; ns = ns->next)
    if (ns->prefix)
      add_value (l, element, vl_arena_printf (l->call->arena, "xmlns:%s", (const char *)ns->prefix),
                 vl_arena_strdup (l->call->arena, (const char *)ns->href), owners);
  for (const xmlAttr *attr = xml->properties; attr; attr = attr->next) {
    xmlChar *value = xmlNodeListGetString (xml->doc, attr->children, 1);

    add_value (l, element, qualified (l, attr->ns, attr->name),
               vl_arena_strdup (l->call->arena, value ? (const char *)value : ""), owners);
    xmlFree (value);
  }
}

/* Of the same name beside XML: those before it, and all of them. */
static uint32_t
count_like (xmlNode *xml, uint32_t *all)
{
  uint32_t before = 0;

  *all = 1;
  for (xmlNode *other = xmlPreviousElementSibling (xml); other;
       other = xmlPreviousElementSibling (other))
    before += xmlStrEqual (other->name, xml->name);
  for (xmlNode *other = xmlNextElementSibling (xml); other; other = xmlNextElementSibling (other))
    *all += xmlStrEqual (other->name, xml->name);
  *all += before;
  return before;
}

/* How the elements of a list were told apart is not known: what there is more than
 * one of is a list. */
static void
add_xml (struct loading *l, struct vl_element *element, xmlNode *xml, struct vl_owner *owners)
{
  element->owners = owners;
  add_xml_attributes (l, element, xml, owners);
  if (xmlChildElementCount (xml) == 0 && xml->children) {
    xmlChar *text = xmlNodeGetContent (xml);

    add_value (l, element, NULL, vl_arena_strdup (l->call->arena, (const char *)text), owners);
    xmlFree (text);
  }
  for (xmlNode *child = xmlFirstElementChild (xml); child; child = xmlNextElementSibling (child)) {
    const char *name = qualified (l, child->ns, child->name);
    struct vl_shape *shape = vl_shape_child (l->doc, element->shape, name, strlen (name));
    uint32_t all, before = count_like (child, &all);
    struct vl_element *made = vl_element_new (
        l->doc, element, shape, all > 1 ? VL_ELEMENT_LISTED : VL_ELEMENT_SINGLE, NULL, 0);

    made->place = before + 1;
    add_xml (l, made, child, owners);
  }
}

static int
load_xml (struct loading *l, const char *xml)
{
  xmlDocPtr doc = vl_xml_parse (l->call, xml, strlen (xml));
  struct vl_plugin *unknown = vl_arena_alloc (l->call->arena, sizeof *unknown);
  struct vl_owner *owners = NULL;

  if (doc == NULL)
    return -1;
  unknown->name = "unknown";
  vl_owner_add (l->call->arena, &owners, unknown, "made before reasons were recorded", 0);
  add_xml (l, l->doc->root, xmlDocGetRootElement (doc), owners);
  xmlFreeDoc (doc);
  return 0;
}

/* ---- both ---- */

struct vl_doc *
vl_doc_load (struct vl_call *call, const struct vl_registry *registry, const char *xml,
             const struct vl_provenance *rows, size_t n)
{
  struct loading l = { .call = call, .registry = registry, .doc = vl_doc_new (call), .rows = rows };
  int result = 0;

  l.last = l.doc->root;
  for (size_t i = 0; i < n && result == 0; i++)
    result = add_row (&l, &rows[i]);
  if (n == 0)
    result = load_xml (&l, xml);
  if (n && result == 0)
    vl_doc_render (l.doc, &l.doc->xml);
  if (n && (result < 0 || ! VL_STREQ (l.doc->xml.text, xml)))
    result = vl_refuse_as (call, VL_ERR_FAILED, "StoreDamaged", NULL, VL_HINT_DAMAGED,
                           "the document on record is damaged: its parts do not make up its XML");
  if (result < 0) {
    vl_doc_free (l.doc);
    return NULL;
  }
  l.doc->xml.length = 0;
  vl_str_add (&l.doc->xml, xml);
  l.doc->sealed = 1;
  return l.doc;
}
