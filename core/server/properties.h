/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What flavors and images have in common: names, properties, changing them,
 * looking them up.  Internal to core/server. */

#ifndef VL_CORE_PROPERTIES_H
#define VL_CORE_PROPERTIES_H

#include "server/db.h"
#include "server/session.h"

/* Where one kind of object keeps itself; texts of SQL, never of a user. */
struct vl_noun {
  const char *word;       /* "flavor" */
  const char *table, *id; /* its table, and the column that properties refer to */
  const char *property_table;
  const char *not_found, *exists; /* codes */
};
extern const struct vl_noun vl_noun_flavor, vl_noun_image, vl_noun_server;

/* 0 if NAME can be the name of a NOUN, else -1 after a finding. */
int vl_name_check (struct vl_call *call, const struct vl_noun *noun, const char *name);
/* The same for properties that are set: what cannot be kept, what is given twice, and
 * what would be refused in every plan. */
int vl_properties_check (struct vl_app *app, const struct vl_noun *noun,
                         const struct vl_property *list, size_t n);
/* Records "there is no NOUN NAME" with the nearest name; answers -1.  STORE may
 * be NULL: there are none at all. */
int vl_not_found (struct vl_call *call, struct vl_store *store, const struct vl_noun *noun,
                  const char *name);
int vl_exists (struct vl_call *call, const struct vl_noun *noun, const char *name);
/* Is NUMBER, called WHAT, within MIN and MAX?  0 or -1 after a finding. */
int vl_range_check (struct vl_call *call, const char *what, const char *unit, int64_t number,
                    int64_t min, int64_t max);

/* The properties of object ID, in byte order of the key, arena memory. */
int vl_properties_load (struct vl_store *store, const struct vl_noun *noun, const char *id,
                        const struct vl_property **list, size_t *n);
/* Inside a transaction. */
int vl_properties_store (struct vl_store *store, const struct vl_noun *noun, const char *id,
                         const struct vl_property *list, size_t n);
/* In a transaction of its own: sets and unsets; a key to be unset must be there. */
int vl_properties_change (struct vl_app *app, const struct vl_noun *noun, const char *id,
                          const struct vl_property *set, size_t n_set, const char *const *unset);

#endif
