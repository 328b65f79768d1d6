/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libxml2, for core/domain; all others read XML by the calls of driver.h. */

#ifndef VL_CORE_CONTEXT_XML_H
#define VL_CORE_CONTEXT_XML_H

#include "context/call.h"

#include <libxml/tree.h>

/* A parsed document (xmlFreeDoc), or NULL after a finding. */
xmlDocPtr vl_xml_parse (struct vl_call *call, const char *text, size_t length);

#endif
