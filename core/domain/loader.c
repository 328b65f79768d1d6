/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The loader that a hypervisor chose for a document that leaves the choice to it: seen when
 * the guest is read back, kept with its record, and given back at each later start. */

#include <config.h>

#include "domain/node.h"

#include <virtloom/driver.h>

/* Members of what is kept, each once: NAME=VALUE, apart by a blank. */
static const struct {
  const char *name, *element, *attr; /* of `os`; attribute NULL: the text */
} kept[] = {
  { "loader", "loader", NULL },
  { "readonly", "loader", "readonly" },
  { "secure", "loader", "secure" },
  { "type", "loader", "type" },
  { "stateless", "loader", "stateless" },
  { "format", "loader", "format" },
  { "template", "nvram", "template" },
  { "template-format", "nvram", "templateFormat" },
  { "variables-format", "nvram", "format" },
};
#define N_KEPT (sizeof kept / sizeof kept[0])

/* What is neither XML nor a blank, and so stands for itself in both. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+:,@-"

static const struct vl_element *
child_of (const struct vl_element *element, const char *name)
{
  const struct vl_element *child = element ? element->first : NULL;

  while (child && ! VL_STREQ (child->shape->name, name))
    child = child->next;
  return child;
}

/* What attribute ATTR of element NAME of the document's `os` is, or NULL. */
static const char *
os_value (const struct vl_doc *doc, const char *name, const char *attr)
{
  const struct vl_element *os = child_of (doc->root, "os");
  const struct vl_element *element = name ? child_of (os, name) : os;

  return element ? vl_element_value (element, attr) : NULL;
}

static int
is_yes (const char *value)
{
  return value && VL_STREQ (value, "yes");
}

/* The machine that DOC asks for, by its own word; "-" where that cannot be kept. */
static const char *
machine (const struct vl_doc *doc)
{
  const char *name = os_value (doc, "type", "machine");

  return name && *name && name[strspn (name, PLAIN)] == '\0' ? name : "-";
}

const char *
vl_loader_value (struct vl_call *call, const char *loader, const char *name)
{
  size_t length = strlen (name);

  for (const char *c = loader; c && *c; c += strcspn (c, " ")) {
    c += strspn (c, " ");
    if (strncmp (c, name, length) == 0 && c[length] == '=')
      return vl_printf (call, "%.*s", (int)strcspn (c + length + 1, " "), c + length + 1);
  }
  return NULL;
}

int
vl_loader_is_left (const char *loader)
{
  return VL_STARTS (loader, VL_LOADER_LEFT);
}

/* What the guest whose XML is DOMAIN has, or NULL where it has none that can be kept. */
static const char *
read_loader (struct vl_call *call, const struct vl_xml *domain)
{
  const struct vl_xml *os = vl_xml_child (domain, "os"), *loader = vl_xml_child (os, "loader");
  const char *type = vl_xml_attr (loader, "type");
  const char *smm = vl_xml_attr (vl_xml_find (domain, "features/smm"), "state");
  VL_AUTOSTR struct vl_str text = { 0 };

  if (type == NULL || ! VL_STREQ (type, "pflash") || *vl_xml_text (loader) == '\0')
    return NULL;
  for (size_t i = 0; i < N_KEPT; i++) {
    const struct vl_xml *element = vl_xml_child (os, kept[i].element);
    const char *value = element == NULL ? NULL
                        : kept[i].attr  ? vl_xml_attr (element, kept[i].attr)
                                        : vl_xml_text (element);

    if (value == NULL)
      continue;
    if (value[strspn (value, PLAIN)])
      return NULL;
    vl_str_printf (&text, "%s%s=%s", text.length ? " " : "", kept[i].name, value);
  }
  if (smm && VL_STREQ (smm, "on"))
    vl_str_printf (&text, " smm=on");
  return vl_arena_strdup (call->arena, text.text);
}

void
vl_loader_note (struct vl_call *call, const struct vl_doc *doc, const struct vl_xml *domain)
{
  const char *text = os_value (doc, NULL, "firmware") ? read_loader (call, domain) : NULL;

  if (text)
    vl_address_keep (call, VL_LOADER_DEVICE,
                     vl_printf (call, "%s machine=%s", text, machine (doc)));
}

/* Is LOADER what DOC asks for, so that the choice is made? */
static int
is_chosen (struct vl_call *call, const struct vl_doc *doc, const char *loader)
{
  const char *was;

  if (loader == NULL || vl_loader_is_left (loader) || os_value (doc, NULL, "firmware") == NULL)
    return 0;
  was = vl_loader_value (call, loader, "machine");
  return was && VL_STREQ (machine (doc), was)
         && is_yes (os_value (doc, "loader", "secure"))
                == is_yes (vl_loader_value (call, loader, "secure"))
         && is_yes (os_value (doc, "loader", "stateless"))
                == is_yes (vl_loader_value (call, loader, "stateless"));
}

/* The elements of `os` that say LOADER. */
static void
add_elements (struct vl_call *call, const char *loader, struct vl_str *text)
{
  static const char *const elements[] = { "loader", "nvram" };

  for (size_t e = 0; e < 2; e++) {
    const char *content = NULL;
    size_t before = text->length;

    vl_str_printf (text, "    <%s", elements[e]);
    for (size_t i = 0; i < N_KEPT; i++) {
      const char *value = VL_STREQ (kept[i].element, elements[e])
                              ? vl_loader_value (call, loader, kept[i].name)
                              : NULL;

      if (value && kept[i].attr)
        vl_str_printf (text, " %s='%s'", kept[i].attr, value);
      else if (value)
        content = value;
    }
    if (content)
      vl_str_printf (text, ">%s</%s>\n", content, elements[e]);
    else if (text->text[text->length - 1] == '\'')
      vl_str_printf (text, "/>\n");
    else
      text->text[text->length = before] = '\0';
  }
}

const char *
vl_doc_xml_chosen (struct vl_call *call, const struct vl_doc *doc, const char *loader)
{
  const char *xml = vl_doc_xml (doc), *smm = "    <smm state='on'/>\n";
  int within = 0, left_out = 0;
  VL_AUTOSTR struct vl_str text = { 0 };

  if (! is_chosen (call, doc, loader))
    return xml;
  if (vl_loader_value (call, loader, "smm") == NULL || strstr (xml, "\n    <smm "))
    smm = NULL;
  /* Text of the document has no line that begins like one of its elements. */
  for (const char *end; *xml; xml = end) {
    size_t length = strcspn (xml, "\n");

    end = xml + length + (xml[length] == '\n');
    if (VL_STARTS (xml, "  <os ")) {
      if (smm && strstr (vl_doc_xml (doc), "\n  <features>") == NULL)
        vl_str_printf (&text, "  <features>\n%s  </features>\n", smm);
      vl_str_add (&text, "  <os>\n");
      within = 1;
      continue;
    }
    within &= ! VL_STARTS (xml, "  </os>");
    left_out |= within && VL_STARTS (xml, "    <firmware>");
    if (! left_out && ! (within && VL_STARTS (xml, "    <loader")))
      vl_str_printf (&text, "%.*s", (int)(end - xml), xml);
    left_out &= ! VL_STARTS (xml, "    </firmware>");
    if (within && VL_STARTS (xml, "    <type"))
      add_elements (call, loader, &text);
    if (smm && VL_STARTS (xml, "  <features>"))
      vl_str_add (&text, smm);
  }
  return vl_arena_strdup (call->arena, text.text);
}

int
vl_loader_differs (struct vl_call *call, const struct vl_doc *doc, const char *loader,
                   const char *xml)
{
  const char *now, *was, *is;
  const struct vl_xml *domain;

  if (loader == NULL || is_chosen (call, doc, loader) || os_value (doc, NULL, "firmware") == NULL)
    return 0;
  domain = vl_xml_read (call, xml, strlen (xml));
  now = domain ? read_loader (call, domain) : NULL;
  was = vl_loader_value (call, loader, "template");
  is = now ? vl_loader_value (call, now, "template") : NULL;
  return was && is && ! VL_STREQ (was, is);
}
