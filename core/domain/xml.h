/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The schema, and what a document must lose to fit it. */

#ifndef VL_CORE_XML_H
#define VL_CORE_XML_H

#include "context/xml.h"
#include "domain/node.h"

/* ---- schema.c ---- */
/* 1 valid, 0 not, -1 after a finding where the schema cannot be read. */
int vl_schema_valid (struct vl_call *call, const char *name, xmlDocPtr doc);

/* ---- schema-part.c ---- */
/* What the elements and attributes of a document are called, without prefixes, and what they hold,
 * as values are compared; each sorted. */
struct vl_schema_names {
  struct vl_strv elements, attributes, values;
};
void vl_schema_names (xmlDocPtr doc, struct vl_schema_names *names);
void vl_schema_names_free (struct vl_schema_names *names);
/* The part of schema NAME in FOLDER that a document of NAMES can meet: what is valid by
 * it is valid by the whole.  The text of one grammar, which the caller frees; NULL where the
 * schema cannot be read, or has what is not understood. */
char *vl_schema_part (const char *folder, const char *name, const struct vl_schema_names *names);

/* ---- blame.c ---- */
/* What an invalid document must lose to be valid: elements and attributes, each
 * as deep as it can be named. */
struct vl_culprits {
  struct vl_culprit {
    xmlNodePtr node;
    xmlAttrPtr attr; /* NULL: the element itself */
  } * items;
  size_t n, size;
};
void vl_schema_blame (struct vl_call *call, const char *name, xmlDocPtr doc,
                      struct vl_culprits *culprits);

#endif
