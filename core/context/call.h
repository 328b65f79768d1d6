/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The context: what every call carries.  It knows which plugin is being called
 * in which phase, collects findings, and owns the memory of one build. */

#ifndef VL_CORE_CALL_H
#define VL_CORE_CALL_H

#include <virtloom/virtloom.h>

#include "lib/alloc.h"

struct vl_plugin;
struct vl_build;

enum vl_phase {
  VL_PHASE_NONE = 0, /* outside a build */
  VL_PHASE_DECLARE,
  VL_PHASE_PARSE,
  VL_PHASE_RESOLVE,
  VL_PHASE_ACTIVATE,
  VL_PHASE_VALIDATE,
  VL_PHASE_CLAIM,
  VL_PHASE_BEGIN, /* the core writes */
  VL_PHASE_CONTRIBUTE,
  VL_PHASE_ADJUST,
  VL_PHASE_CHECK,
  VL_PHASE_SCHEMA,
  VL_PHASE_SEALED,
};
const char *vl_phase_name (enum vl_phase phase);

struct vl_findings {
  struct vl_finding *items; /* texts in the arena of the context */
  size_t n, size;
  size_t n_errors;
};

struct vl_call {
  struct vl_arena *arena;
  struct vl_findings findings;
  struct vl_plugin *plugin; /* whose code runs, NULL: the core; set by vl_call_as */
  const char *plugin_name;  /* or NULL */
  enum vl_phase phase;
  struct vl_build *build; /* the build under way, or NULL */
  struct vl_guest *guest; /* its guest, set by vl_call_about */
  /* "key=value, layer[, file:line]" of PROP, or NULL where it came from nowhere;
   * there where GUEST is. */
  const char *(*origin_text) (struct vl_call *call, const struct vl_guest *guest, const char *prop);
  const char *ready_virt_type; /* in ready: what the driver's guests are, or NULL */
  int critical_refused;
  int quiet, verbose;
  struct {
    unsigned seconds, gib; /* what inspecting an image may take; 0: 30 and 2 */
    int64_t max_size;      /* bytes that an image may become; 0: 1 TiB */
  } image_limits;
  void (*progress) (void *, const char *);
  void *progress_opaque;
};

struct vl_call *vl_call_new (void);
void vl_call_free (struct vl_call *call);

/* What vl_error and its sisters fill in.  NULL members are left to the core:
 * plugin from the context, origin from the guest. */
struct vl_report {
  enum vl_severity severity;
  enum vl_err err;
  const char *code, *plugin, *property, *origin, *path;
};
/* Records a finding; answers -1.  The same finding twice is kept once. */
int vl_report (struct vl_call *call, const struct vl_report *report, const char *fmt, ...)
    VL_PRINTF (3, 4);
/* Forgets the findings from number FROM up to TO. */
void vl_findings_drop (struct vl_call *call, size_t from, size_t to);
/* The exit code of the findings from number FIRST on. */
int vl_findings_exit (const struct vl_call *call, size_t first);
const char *vl_severity_name (enum vl_severity severity);

/* The full name of PROP: "PLUGIN.PROP" for a short own name. */
const char *vl_full_name (struct vl_call *call, const char *prop);

#endif
