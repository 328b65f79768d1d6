/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which parts of a document a schema refuses.  libxml2 does not say, so it is
 * asked again: each child alone in a place that is valid without it; where no
 * such place is, with one part left out, then two, then three; going down into
 * what made the difference. */

#include <config.h>

#include "domain/xml.h"

/* One question takes about 0.1 ms; a search gives up after about a second and
 * names the element that it has come to. */
#define MAX_QUESTIONS 8000
#define MAX_TOGETHER 3

struct search {
  struct vl_call *call;
  const char *name;
  xmlDocPtr doc;
  int questions;
  struct vl_culprits *culprits;
};

/* A part of an element that can be left out of it and put back. */
struct part {
  xmlNodePtr node, parent, before; /* BEFORE: what it stood after, or NULL */
  xmlAttrPtr attr, attr_before;
};

static int
valid (struct search *s)
{
  if (++s->questions > MAX_QUESTIONS)
    return 0;
  return vl_schema_valid (s->call, s->name, s->doc) == 1;
}

static void
take_out (struct part *p)
{
  if (p->attr) {
    p->attr_before = p->attr->prev;
    if (p->attr->prev)
      p->attr->prev->next = p->attr->next;
    else
      p->node->properties = p->attr->next;
    if (p->attr->next)
      p->attr->next->prev = p->attr->prev;
    return;
  }
  p->parent = p->node->parent;
  p->before = p->node->prev;
  xmlUnlinkNode (p->node);
}

/* In the opposite order of taking out. */
static void
put_back (struct part *p)
{
  if (p->attr) {
    p->attr->prev = p->attr_before;
    p->attr->next = p->attr_before ? p->attr_before->next : p->node->properties;
    if (p->attr_before)
      p->attr_before->next = p->attr;
    else
      p->node->properties = p->attr;
    if (p->attr->next)
      p->attr->next->prev = p->attr;
    return;
  }
  if (p->before)
    xmlAddNextSibling (p->before, p->node);
  else if (p->parent->children)
    xmlAddPrevSibling (p->parent->children, p->node);
  else
    xmlAddChild (p->parent, p->node);
}

static void
blame (struct search *s, xmlNodePtr node, xmlAttrPtr attr)
{
  VL_GROW (s->culprits->items, s->culprits->n, s->culprits->size);
  s->culprits->items[s->culprits->n++] = (struct vl_culprit) { .node = node, .attr = attr };
}

/* The attributes (if ATTRS), the child elements and (if TEXTS) all other children of
 * NODE. */
static struct part *
parts_of (xmlNodePtr node, int attrs, int texts, size_t *n)
{
  struct part *parts = NULL;
  size_t size = 0;

  *n = 0;
  for (xmlAttrPtr attr = attrs ? node->properties : NULL; attr; attr = attr->next) {
    VL_GROW (parts, *n, size);
    parts[(*n)++] = (struct part) { .node = node, .attr = attr };
  }
  for (xmlNodePtr child = node->children; child; child = child->next)
    if (texts || child->type == XML_ELEMENT_NODE) {
      VL_GROW (parts, *n, size);
      parts[(*n)++] = (struct part) { .node = child };
    }
  return parts;
}

static void search_element (struct search *s, xmlNodePtr node);

/* Is the document valid without the parts that CHOSEN lists? */
static int
valid_without (struct search *s, struct part *parts, const size_t *chosen, size_t n)
{
  int answer;

  for (size_t i = 0; i < n; i++)
    take_out (&parts[chosen[i]]);
  answer = valid (s);
  for (size_t i = n; i-- > 0;)
    put_back (&parts[chosen[i]]);
  return answer;
}

/* Each of CHOSEN is at fault by itself: the others are kept out while one is
 * looked into. */
static void
blame_chosen (struct search *s, struct part *parts, const size_t *chosen, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct part *p = &parts[chosen[i]];

    if (p->attr) {
      blame (s, p->node, p->attr);
      continue;
    }
    for (size_t k = 0; k < n; k++)
      if (k != i)
        take_out (&parts[chosen[k]]);
    search_element (s, p->node);
    for (size_t k = n; k-- > 0;)
      if (k != i)
        put_back (&parts[chosen[k]]);
  }
}

/* Leaves out SIZE parts at a time, every choice of them.  1: found. */
static int
leave_out (struct search *s, struct part *parts, size_t n, size_t size)
{
  size_t chosen[MAX_TOGETHER] = { 0, 1, 2 };

  if (size > n)
    return 0;
  for (;;) {
    size_t at = size;

    if (valid_without (s, parts, chosen, size)) {
      blame_chosen (s, parts, chosen, size);
      return 1;
    }
    while (at > 0 && chosen[at - 1] == n - size + at - 1)
      at--;
    if (at == 0 || s->questions > MAX_QUESTIONS)
      return 0;
    chosen[at - 1]++;
    for (; at < size; at++)
      chosen[at] = chosen[at - 1] + 1;
  }
}

/* Where the element is valid with none of its children, each child is tried
 * alone.  1: at least one was found. */
static int
try_alone (struct search *s, xmlNodePtr node)
{
  size_t n, before = s->culprits->n;
  struct part *parts = parts_of (node, 0, 0, &n);

  for (size_t i = 0; i < n; i++)
    take_out (&parts[i]);
  if (n > 0 && valid (s)) {
    for (size_t i = 0; i < n; i++) {
      xmlAddChild (node, parts[i].node);
      if (! valid (s))
        search_element (s, parts[i].node);
      xmlUnlinkNode (parts[i].node);
    }
  }
  for (size_t i = n; i-- > 0;)
    put_back (&parts[i]);
  free (parts);
  return s->culprits->n > before;
}

/* The document is invalid because of something in NODE. */
static void
search_element (struct search *s, xmlNodePtr node)
{
  struct part *parts;
  size_t n;
  int found;

  if (try_alone (s, node))
    return;
  parts = parts_of (node, 1, 0, &n);
  found = 0;
  for (size_t size = 1; size <= MAX_TOGETHER && ! found; size++)
    found = leave_out (s, parts, n, size);
  free (parts);
  if (! found)
    blame (s, node, NULL);
}

/* ---- the root ---- */

/* A domain cannot do without these, so it is never valid with no child at all:
 * the smallest valid set of children stands in for the rest. */
static void
add_stand_ins (xmlDocPtr doc, xmlNodePtr root)
{
  xmlNodePtr os;

  xmlNewTextChild (root, NULL, BAD_CAST "name", BAD_CAST "a");
  xmlNewTextChild (root, NULL, BAD_CAST "memory", BAD_CAST "1");
  os = xmlNewDocNode (doc, NULL, BAD_CAST "os", NULL);
  xmlNewTextChild (os, NULL, BAD_CAST "type", BAD_CAST "hvm");
  xmlAddChild (root, os);
}

/* Asks with CHILD among the stand-ins, in the place of the one of its name, and
 * looks into it there.  uuid and genid must come before the others, all else
 * after. */
static void
try_among_stand_ins (struct search *s, xmlNodePtr root, xmlNodePtr child)
{
  struct part replaced = { .node = root->children };

  while (replaced.node && ! xmlStrEqual (replaced.node->name, child->name))
    replaced.node = replaced.node->next;
  if (replaced.node)
    take_out (&replaced);
  xmlAddPrevSibling (root->children, child);
  if (! valid (s)) {
    xmlUnlinkNode (child);
    xmlAddChild (root, child);
    if (! valid (s))
      search_element (s, child);
  }
  xmlUnlinkNode (child);
  if (replaced.node)
    put_back (&replaced);
}

static void
search_domain (struct search *s, xmlNodePtr root)
{
  size_t n;
  struct part *parts = parts_of (root, 0, 1, &n);

  for (size_t i = 0; i < n; i++)
    take_out (&parts[i]);
  add_stand_ins (s->doc, root);
  if (valid (s))
    for (size_t i = 0; i < n; i++)
      if (parts[i].node->type == XML_ELEMENT_NODE)
        try_among_stand_ins (s, root, parts[i].node);
  while (root->children) {
    xmlNodePtr stand_in = root->children;

    xmlUnlinkNode (stand_in);
    xmlFreeNode (stand_in);
  }
  for (size_t i = 0; i < n; i++)
    xmlAddChild (root, parts[i].node);
  free (parts);
}

void
vl_schema_blame (struct vl_call *call, const char *name, xmlDocPtr doc,
                 struct vl_culprits *culprits)
{
  struct search s = { .call = call, .name = name, .doc = doc, .culprits = culprits };
  xmlNodePtr root = xmlDocGetRootElement (doc);

  if (VL_STREQ (name, "domain"))
    search_domain (&s, root);
  if (culprits->n == 0)
    search_element (&s, root);
}
