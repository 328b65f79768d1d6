/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What names and addresses of a request may look like.  Each check answers NULL
 * for good, else what is wrong and what is accepted, to stand after the value. */

#ifndef VL_CORE_NAME_H
#define VL_CORE_NAME_H

#include "lib/text.h"
#include "request/request.h"

/* Any short text: 1 to 255 bytes, printable. */
const char *vl_text_name_problem (const char *text);
/* What a NIC is called for ever: "nic0". */
const char *vl_nic_id_problem (const char *id);
/* A network interface of the host: a bridge. */
const char *vl_interface_problem (const char *name);
/* An absolute path without "..". */
const char *vl_path_problem (const char *path);
/* A kernel or ramdisk: an absolute path, or the name of another image. */
const char *vl_image_ref_problem (const char *text);
const char *vl_uuid_problem (const char *text);
/* A MAC address that an interface can have. */
const char *vl_mac_problem (const char *text);

#endif
