/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A libvirt that forgets: preloaded, it takes one element, attribute or text out
 * of each document on its way to libvirt, behind the driver's back.  The node is
 * named in VL_TEST_DROP by its provenance path ("/domain/devices/rng[1]/@model",
 * or "/domain/memory/text()").  With VL_TEST_VALUE, an attribute or text gets that
 * value instead.  Each time a node was found, its path is appended to the file
 * VL_TEST_DROPPED.  VL_TEST_LIVE names a node that is taken out of what libvirt says of a
 * running guest.  The bridge vl-no-bridge is there for who plans, so that guests are defined
 * and none is started.  Nothing but the tests uses this. */

#include <config.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>

#include <libvirt/libvirt.h>

typedef char *(*xml_fn) (virDomainPtr, unsigned int);
typedef int (*access_fn) (const char *, int);
typedef virDomainPtr (*define_fn) (virConnectPtr, const char *, unsigned int);

int
access (const char *path, int mode)
{
  access_fn real;

  if (strncmp (path, "/sys/class/net/vl-no-bridge", 27) == 0)
    return 0;
  *(void **)&real = dlsym (RTLD_NEXT, "access");
  return real (path, mode);
}

static void
note (const char *path)
{
  const char *file = getenv ("VL_TEST_DROPPED");
  FILE *out = file ? fopen (file, "a") : NULL;

  if (out == NULL)
    return;
  fprintf (out, "%s\n", path);
  fclose (out);
}

static void
drop (xmlNodePtr node)
{
  const char *value = getenv ("VL_TEST_VALUE");

  if (value) {
    xmlNodeSetContent (node, BAD_CAST value);
    return;
  }
  if (node->type == XML_ATTRIBUTE_NODE) {
    xmlRemoveProp ((xmlAttrPtr)node);
    return;
  }
  xmlUnlinkNode (node);
  xmlFreeNode (node);
}

/* The document without the node that PATH names, NULL where it has none. */
static xmlChar *
without (const char *xml, const char *path)
{
  xmlDocPtr doc = xmlReadMemory (xml, (int)strlen (xml), "domain.xml", NULL, XML_PARSE_NONET);
  xmlXPathContextPtr context = doc ? xmlXPathNewContext (doc) : NULL;
  xmlXPathObjectPtr found = NULL;
  xmlChar *text = NULL;
  int length;

  if (context) {
    xmlXPathRegisterNs (context, BAD_CAST "vl", BAD_CAST "urn:virtloom:server:1");
    found = xmlXPathEvalExpression (BAD_CAST path, context);
  }
  if (found && found->nodesetval && found->nodesetval->nodeNr > 0) {
    drop (found->nodesetval->nodeTab[0]);
    found->nodesetval->nodeNr = 0;
    xmlDocDumpMemory (doc, &text, &length);
  }
  xmlXPathFreeObject (found);
  xmlXPathFreeContext (context);
  xmlFreeDoc (doc);
  return text;
}

/* libvirt's own function.  The driver's module keeps libvirt to itself, so "the next one" is
 * not always in sight of a preloaded library. */
static void *
real_one (const char *name)
{
  void *libvirt = dlopen ("libvirt.so.0", RTLD_NOW | RTLD_NOLOAD);

  return libvirt ? dlsym (libvirt, name) : NULL;
}

/* Without validation: the point is what libvirt accepts and does not keep. */
virDomainPtr
virDomainDefineXMLFlags (virConnectPtr conn, const char *xml, unsigned int flags)
{
  define_fn real = (define_fn)real_one ("virDomainDefineXMLFlags");
  const char *path = getenv ("VL_TEST_DROP");
  xmlChar *less = path ? without (xml, path) : NULL;
  virDomainPtr domain;

  if (less)
    note (path);
  domain = real (conn, less ? (const char *)less : xml,
                 less ? flags & ~(unsigned)VIR_DOMAIN_DEFINE_VALIDATE : flags);
  xmlFree (less);
  return domain;
}

/* As if a later libvirt rendered a running guest in another way. */
char *
virDomainGetXMLDesc (virDomainPtr domain, unsigned int flags)
{
  xml_fn real = (xml_fn)real_one ("virDomainGetXMLDesc");
  const char *path = getenv ("VL_TEST_LIVE");
  char *xml = real (domain, flags);
  xmlChar *less =
      path && xml && (flags & VIR_DOMAIN_XML_INACTIVE) == 0 ? without (xml, path) : NULL;

  if (less == NULL)
    return xml;
  note (path);
  free (xml);
  xml = strdup ((const char *)less);
  xmlFree (less);
  return xml;
}
