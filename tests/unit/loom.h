/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Mock features, in this process, for tests of the document and the build: a
 * registry without files, a guest without a request, or a whole build. */

#ifndef VL_TESTS_LOOM_H
#define VL_TESTS_LOOM_H

#include "domain/doc.h"

struct loom {
  struct vl_call *call;
  struct vl_registry *registry;
  struct vl_host *host;
  struct vl_config *config;
  struct vl_plugin *driver;
  struct vl_request *request;
  const struct vl_recorded *was; /* what loom_build's guest is on record, or NULL */
  struct vl_guest guest;         /* of document tests: no properties */
  struct vl_build build;
};

/* A context, a registry with nothing in it, an empty document. */
void loom_start (struct loom *loom);
void loom_end (struct loom *loom);
/* Adds FEATURE as plugin NAME, loaded. */
struct vl_plugin *loom_feature (struct loom *loom, const char *name,
                                const struct vl_feature *feature);
/* Adds a feature that may write the N paths in PATHS. */
struct vl_plugin *loom_writer (struct loom *loom, const char *name, const char *const *paths,
                               size_t n);
#define LOOM_WRITER(loom, name, ...)                                                               \
  loom_writer ((loom), (name), (const char *const[]) { __VA_ARGS__ },                              \
               sizeof ((const char *const[]) { __VA_ARGS__ }) / sizeof (const char *))
/* Adds a driver that makes guests of VIRT_TYPE ("kvm", "qemu", "lxc"). */
void loom_driver (struct loom *loom, const char *virt_type);
/* Sets KEY of virtloom.conf ("storage.images_type"). */
void loom_setting (struct loom *loom, const char *key, const char *text);
/* Reads the request JSON and builds it with all of the registry; the XML, or
 * NULL. */
const char *loom_build (struct loom *loom, const char *json);
/* From now on calls come from PLUGIN (NULL: the core) in PHASE. */
void loom_as (struct loom *loom, struct vl_plugin *plugin, enum vl_phase phase);
/* Writing as PLUGIN in contribute, or with NULL as the core in begin; WHY is the
 * reason.  NODE NULL is the domain. */
struct vl_node *loom_in (struct loom *loom, struct vl_plugin *plugin, struct vl_node *node,
                         const char *why);
#define LOOM_SET(loom, plugin, node, attr, value, why)                                             \
  vl_set (loom_in ((loom), (plugin), (node), (why)), (attr), (value))
#define LOOM_TEXT(loom, plugin, node, value, why)                                                  \
  vl_text (loom_in ((loom), (plugin), (node), (why)), (value))
/* Ends contribute, adjust (with nothing more written) and seals; the XML, or
 * NULL where one of them failed. */
const char *loom_seal (struct loom *loom);
/* "error CODE plugin: message (origin)" and "  hint" lines of all findings. */
const char *loom_findings (struct loom *loom);
/* "PATH = VALUE  <- OWNERS, CAUSE" lines of the sealed document. */
const char *loom_provenance (struct loom *loom);

#endif
