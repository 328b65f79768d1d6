/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the command line says of one network or one volume, as a request says it. */

#ifndef VL_CORE_OPTIONS_H
#define VL_CORE_OPTIONS_H

#include "server/session.h"

#include <jansson.h>

/* Sets KEY of OBJECT to TEXT, unless that is NULL. */
void vl_put_text (json_t *object, const char *key, const char *text);
/* Adds SPEC, which OPTION has, to LIST: what the command line takes, or the JSON of an item of a
 * request file.  0, or -1 after a finding. */
int vl_option_network (struct vl_app *app, json_t *list, const char *option, const char *spec);
/* SPEC is path=FILE,format=FORMAT, or TYPE:WHERE of a storage plugin. */
int vl_option_volume (struct vl_app *app, json_t *list, const char *option, const char *spec);

#endif
