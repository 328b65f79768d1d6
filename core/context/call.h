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
struct vl_acting; /* server/hooks.c */

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
  /* Of a server that is on record. */
  VL_PHASE_PERMIT,
  VL_PHASE_PREPARE, /* from here on plugins act on the host */
  VL_PHASE_RELEASE,
  VL_PHASE_EVENT,
  VL_PHASE_GROUP, /* an acting call of a group */
};
const char *vl_phase_name (enum vl_phase phase);

struct vl_findings {
  struct vl_finding *items; /* texts in the arena of the context */
  size_t n, size;
  size_t n_errors;
  int repeated;    /* an error was said that is there already; vl_said forgets it */
  uint32_t *table; /* numbers of findings, from 1, by what they say; 0: none */
  size_t table_size, n_listed;
};

/* Where a hypervisor put a device: "pci domain=0x0000 bus=0x00 ...", in the arena of
 * the call. */
struct vl_address {
  const char *device, *text;
  struct vl_address *next;
};

/* A part of the host that a server holds. */
struct vl_held {
  const char *server;                   /* its name */
  const char *resource;                 /* or the pool */
  const char *plugin, *holder, *member; /* of a pool; else MEMBER is NULL */
  int64_t amount;                       /* 0: a member that others may hold as well */
};

/* All that is held of one host, as the room of the server hands it down: by OTHERS, and
 * by the server that the call is about.  In byte order of the resource. */
struct vl_holdings {
  struct vl_held *others, *own;
  size_t n_others, n_own;
};

/* What a driver said when it was asked by vl_driver_answer. */
struct vl_answer {
  const char *question, *text;
  struct vl_answer *next;
};

struct vl_call {
  struct vl_call *older; /* among all that are there: for vl_app_fault */
  const void *thread;    /* that made it */
  struct vl_arena *arena;
  struct vl_findings findings;
  struct vl_plugin *plugin; /* whose code runs, NULL: the core; set by vl_call_as */
  const char *plugin_name;  /* or NULL */
  const char *module;       /* the plugin's file, or NULL */
  const char *doing;        /* what it was called for, outside of a build's phases, or NULL */
  enum vl_phase phase;
  struct vl_build *build;         /* the build under way, or NULL */
  struct vl_guest *guest;         /* the guest that it is about, or NULL */
  const struct vl_host *host;     /* whose facts are asked, or NULL */
  struct vl_host *probing;        /* in probe: the host that gets facts, else NULL */
  const struct vl_plugin *driver; /* the chosen one, or NULL */
  const char *ready_virt_type;    /* where there is no guest: what the driver's are, or NULL */
  const char *origin; /* of text that is being read: of findings that have no other, or NULL */
  struct vl_address *addresses; /* that vl_doc_read_back saw */
  /* How often vl_doc_read_back has found all of a document: in all, in a running domain, and in a
   * text that is the document's own, byte for byte. */
  struct vl_seen_back {
    unsigned times, live, own;
  } seen_back;
  const char *op_device;    /* the disk or NIC that an operation is about, or NULL */
  struct vl_acting *acting; /* permit and later: the server that it is about; else NULL */
  /* "key=value, layer[, file:line]" of PROP in the arena of CALL, or NULL where it came
   * from nowhere: vl_origin_text of core/request, or NULL. */
  const char *(*origin_text) (struct vl_call *call, const char *prop);
  const struct vl_holdings *holdings; /* NULL: the host is empty */
  struct vl_answer *answers;          /* of the driver, so far */
  const struct vl_answer *told;       /* what it said in an earlier build, or NULL */
  int64_t deadline;                   /* of the build, by clock (); 0: none */
  const char *tree;                   /* the build tree whose programs are run, or NULL */
  int here; /* 1: the guest is for this machine, whose files can be looked at */
  int quiet, verbose;
  struct {
    unsigned seconds, gib; /* what inspecting an image may take; 0: 30 and 2 */
    int64_t max_size;      /* bytes that an image may become; 0: 1 TiB */
  } image_limits;
  void (*progress) (void *, const char *);
  void *progress_opaque;
  void (*on_wait) (void *, const char *); /* what is waited for; NULL: that is progress */
  void *on_wait_opaque;
  void (*on_fact) (void *, const char *plugin, const char *key); /* a plugin asks for a fact */
  void *on_fact_opaque;
  void (*spare) (void); /* what vl_spare does, once, or NULL */
  int64_t patience;     /* vl_clock_ms, until which is waited for others; 0: as settings say */
};

struct vl_call *vl_call_new (void);
void vl_call_free (struct vl_call *call);

/* What a finding says besides its message.  NULL members are left to the core:
 * plugin from the call, origin from the guest or the settings. */
struct vl_report {
  enum vl_severity severity;
  enum vl_err err;
  const char *code, *plugin, *property, *origin, *path;
  const char *hint; /* how to mend it, or NULL */
};
/* Records a finding; answers -1.  The same finding twice is kept once. */
int vl_report (struct vl_call *call, const struct vl_report *report, const char *fmt, ...)
    VL_PRINTF (3, 4);
int vl_vreport (struct vl_call *call, const struct vl_report *report, const char *fmt, va_list args)
    VL_PRINTF (3, 0);
/* Findings have been moved: they are to be found anew. */
void vl_findings_moved (struct vl_call *call);
/* Forgets the findings from number FROM up to TO. */
void vl_findings_drop (struct vl_call *call, size_t from, size_t to);
/* The exit code of the findings from number FIRST on. */
int vl_findings_exit (const struct vl_call *call, size_t first);

/* ---- wait.c ---- */
/* Who asks waits for others at most MS milliseconds from now; 0: as settings say. */
void vl_patience_set (struct vl_call *call, unsigned ms);

/* A hint: "did you mean 'BEST'?", with QUOTE for the quotes; OTHERWISE where there
 * is no BEST. */
const char *vl_did_you_mean (struct vl_call *call, char quote, const char *best,
                             const char *otherwise);
/* The full name of PROP: "PLUGIN.PROP" for a short own name. */
const char *vl_full_name (struct vl_call *call, const char *prop);

/* What kind of mistake it is to have named a file that cannot be read, ERROR being the errno: it is not
 * there, may not be read, or is none that is taken. */
enum vl_err vl_read_err (int error);

#endif
