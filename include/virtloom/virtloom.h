/* SPDX-License-Identifier: MIT
 *
 * What an application calls.  The command is written on this header alone.
 * There is no promise of stability before 1.0.
 *
 * Ownership: `new` and `plan` give, `free` takes, all else is borrowed and
 * lives until the object it came from is freed, or, where it came from the
 * application itself, until the next call that returns the same kind of thing.
 * Calls answer 0, or -1 with at least one finding recorded.
 *
 * Threads: a session (struct vl_app) and everything that came from it belong to one
 * thread at a time; two sessions may be used by two threads.  Call-backs run on the
 * thread that made the call.  A driver may run threads of its own; they call nothing of
 * the application's, and signals are blocked in them.
 *
 * The process belongs to the application.  The library changes neither its environment,
 * umask, signals or limits, nor how it ends.  It starts programs and waits for them, so
 * SIGCHLD must not be ignored.  What a driver needs beyond that it asks of the application
 * through vl_app_on_process:
 * - variables, set by setenv () from that call-back; that is safe only while the application
 *   has no other thread that reads the environment;
 * - an end by _exit (), after flushing what was written, once such a driver was opened.
 *   Driver qemu-tcg needs both where libvirt's own driver runs in the process.
 *
 * An application that uses libvirt itself says so (own_event_loop): it has then registered
 * an event loop before the first call here that reaches a hypervisor, and runs it on a
 * thread of its own until the session is freed; virSetErrorFunc is left as it is.
 * Otherwise the libvirt drivers run libvirt's default loop on a thread of theirs, from the
 * first connection to the last, and silence libvirt's printing of errors. */

#ifndef VIRTLOOM_VIRTLOOM_H
#define VIRTLOOM_VIRTLOOM_H

#include <virtloom/types.h>
#include <virtloom/feature.h>
#include <virtloom/driver.h>
#include <virtloom/version.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vl_app;
struct vl_disk; /* feature.h */
struct vl_plan;

struct vl_app_options {
  const char *config_dir; /* --config, or NULL */
  const char *state_dir;  /* --state, or NULL: the default */
  const char *driver;     /* --driver, or NULL: virtloom.conf */
  const char *host_file;  /* --host, or NULL */
  const char *tree_dir;   /* --tree: the build tree, or NULL */
  int own_event_loop;     /* the application runs libvirt's event loop; see above */
  /* --plugin: files of modules that are not installed, NULL-terminated, or NULL.  Each
   * stands in for a plugin of its name.  A conf beside it, NAME.conf, is one more layer;
   * without any conf it has the keys of its tables. */
  const char *const *modules;
  int quiet;   /* no progress */
  int verbose; /* debug text on stderr */
  int timed;   /* plans say how long each phase of each plugin took */
  int strict;  /* plugins that were refused are errors, not warnings */
  int wait;    /* for another command on the same server up to a day, not a minute */
  /* Told the plugin whose module is loaded next, and NULL when that is over; or NULL. */
  void (*on_load) (void *opaque, const char *plugin);
  void *opaque;
};

/* ---- one session ---- */

VL_EXPORT struct vl_app *vl_app_new (const struct vl_app_options *options);
VL_EXPORT void vl_app_free (struct vl_app *app);
/* Reads the configuration folders.  No module is opened: what enabled plugins would do
 * is not known.  -1 where virtloom.conf or --config cannot be used; a plugin whose conf
 * was refused is a finding and a record. */
VL_EXPORT int vl_app_read (struct vl_app *app);
/* The same, and loads the features that are enabled.  Those that were refused are
 * findings and records; a plan is refused where it would need one of them. */
VL_EXPORT int vl_app_load (struct vl_app *app);
/* The call, for vl_refuse and vl_xml_read in the application's own name. */
VL_EXPORT struct vl_call *vl_app_call (struct vl_app *app);
/* STATE, decided and checked; NULL after a finding. */
VL_EXPORT const char *vl_app_state_dir (struct vl_app *app);
/* The least of the findings that a user is to be told: -q's warnings, or what log_level in
 * virtloom.conf says, once that was read; all else.  What is kept, and -o json, has all. */
VL_EXPORT enum vl_severity vl_app_least_told (const struct vl_app *app);
/* Called with each progress text; NULL: none. */
VL_EXPORT void vl_app_on_progress (struct vl_app *app, void (*fn) (void *, const char *),
                                   void *opaque);
/* Called, once for each, with what has been waited for a second; NULL: that is progress. */
VL_EXPORT void vl_app_on_wait (struct vl_app *app, void (*fn) (void *, const char *), void *opaque);
/* Called with each fact of a host that PLUGIN asks for by KEY, whether the host says it or
 * not; NULL: none. */
VL_EXPORT void vl_app_on_fact (struct vl_app *app,
                               void (*fn) (void *, const char *plugin, const char *key),
                               void *opaque);
/* Called before a driver is opened that needs something of the process; NULL: the
 * application sees to it in its own way. */
VL_EXPORT void vl_app_on_process (struct vl_app *app,
                                  void (*fn) (void *, const struct vl_process *), void *opaque);

/* Whose code runs in this process, if it is a plugin's.  Safe in a signal handler: what
 * an application needs to say which plugin crashed, or ended the process. */
struct vl_fault {
  const char *plugin; /* its name */
  const char *phase;  /* what it was called for: "contribute", "load" */
  const char *module; /* the file, or "" */
};
VL_EXPORT int vl_app_fault (struct vl_fault *fault); /* 1, or 0: no plugin's */

/* ---- findings ---- */

struct vl_finding {
  enum vl_severity severity;
  enum vl_err err;      /* of errors: the exit code it stands for */
  const char *code;     /* "FlavorImageConflict" */
  const char *plugin;   /* "watchdog"; "core" for the core itself */
  const char *property; /* "watchdog.action", or NULL */
  const char *origin;   /* "hw:watchdog_action=x, flavor", or NULL */
  const char *path;     /* document or JSON path, or NULL */
  const char *message;
  const char *hint; /* or NULL */
};

VL_EXPORT size_t vl_findings_count (const struct vl_app *app);
VL_EXPORT const struct vl_finding *vl_findings_get (const struct vl_app *app, size_t i);
VL_EXPORT void vl_findings_clear (struct vl_app *app);
/* Records a finding of the application's own; texts are copied, and CODE and PLUGIN may be
 * NULL.  Answers -1. */
VL_EXPORT int vl_findings_add (struct vl_call *call, const struct vl_finding *finding);
/* Those from number FIRST on are forgotten. */
VL_EXPORT void vl_findings_forget (struct vl_app *app, size_t first);
/* The exit code of all findings so far: 0 where none is an error; of several 7, else 3,
 * else 6, else 4, else the first. */
VL_EXPORT int vl_findings_exit_code (const struct vl_app *app);

/* ---- plugins and configuration ---- */

enum vl_plugin_state {
  VL_PLUGIN_LOADED = 1,
  VL_PLUGIN_DISABLED = 2, /* enabled = no */
  VL_PLUGIN_REFUSED = 3,
  VL_PLUGIN_UNUSED = 4, /* a driver that was not chosen */
};

/* What a row is where no request says more. */
struct vl_row_value {
  const char *text;   /* NULL: unset; "***" of a secret */
  const char *origin; /* "FILE:LINE", or "default" */
};

struct vl_plugin_info {
  const char *name;
  enum vl_kind kind;
  enum vl_plugin_state state;
  const char *reason;                        /* why it is not loaded, or NULL */
  const char *version, *summary, *built_for; /* of loaded ones */
  const char *module;                        /* path of the .so */
  const char *conf;                          /* the conf file that names it first */
  int enabled, critical, auto_rank;
  const char *const *keys; /* claimed request keys, NULL-terminated */
  const struct vl_prop *props;
  const struct vl_row_value *values; /* parallel to PROPS */
  size_t n_props;
  const struct vl_write *writes;
  size_t n_writes;
  const char *const *reads, *const *wakes, *const *needs, *const *conflicts, *const *traits;
  const struct vl_tool_row *tools; /* outside programs that it may run */
  size_t n_tools;
  const struct vl_offer *offers; /* what may stand in the slots that it fills */
  size_t n_offers;
};

VL_EXPORT size_t vl_plugins_count (const struct vl_app *app);
VL_EXPORT const struct vl_plugin_info *vl_plugins_get (const struct vl_app *app,
                                                       size_t i); /* by name */
VL_EXPORT const struct vl_plugin_info *vl_plugins_find (const struct vl_app *app, const char *name);
/* Loads the module of a driver that is not the chosen one, for `driver show`. */
VL_EXPORT int vl_plugins_load (struct vl_app *app, const char *name);
/* Refuses plugin NAME for REASON, known to the application, instead of loading it:
 * between vl_app_read and vl_app_load. */
VL_EXPORT void vl_plugins_refuse (struct vl_app *app, const char *name, const char *reason);
/* Would the module in FILE be let in, by whose file it is and what it says of itself,
 * before any of its code runs?  0 with *NOTE; -1 with *WHY not. */
VL_EXPORT int vl_plugins_gate (struct vl_app *app, const char *file, struct vl_note_desc *note,
                               const char **why);
/* May a new plugin be named NAME?  0; -1 after a finding where it is not a plugin's name,
 * is reserved for the core, or is that of a plugin that is known. */
VL_EXPORT int vl_plugins_check_name (struct vl_app *app, const char *name);
/* Can driver NAME be used on this machine?  Loads it.  1; 0 with *WHY not. */
VL_EXPORT int vl_plugins_usable (struct vl_app *app, const char *name, const char **why);
/* Calls one callback of the loaded feature NAME, for no purpose but to see what it does.
 * `permit` is asked about operation WHICH (enum vl_op) on SERVER, `event` told that WHICH
 * (enum vl_event) happened to it, which did not; `prepare` and `release` are called for it;
 * `probe` looks at this machine, and what it finds is forgotten; `judge_image` judges image
 * "check" as one that comes (1), that is used (2), or that stays in a store (3).  DEVICE is the disk or NIC
 * of SERVER that it is about, as of vl_op_device (), or NULL.  0; 1 where it has no such
 * callback; -1 after a finding. */
enum vl_trial {
  VL_TRY_PERMIT = 1,
  VL_TRY_EVENT = 2,
  VL_TRY_PROBE = 3,
  VL_TRY_PREPARE = 4,
  VL_TRY_RELEASE = 5,
  VL_TRY_JUDGE_IMAGE = 6,
};
VL_EXPORT int vl_plugins_try (struct vl_app *app, const char *name, enum vl_trial trial, int which,
                              const char *server, const char *device);
/* What call WORD of a storage plugin ("resize") did: WHY is what it did wrong (borrowed), NULL: nothing. */
typedef void (*vl_storage_told_fn) (void *opaque, const char *word, const char *why);
/* Has the loaded storage plugin NAME do what its acting calls are for, in good order and in bad, with the
 * disks and volumes of SERVER that it reaches: FN gets OPAQUE and what came of it, of one call as often as it
 * was tried.  The server is one of a STATE of its own, without a guest that matters, and good for nothing
 * afterwards but to be deleted.  SERVER NULL: FN is told of each call that the plugin has, and none is
 * made.  0, or -1 after findings: it was not tried. */
VL_EXPORT int vl_plugins_try_storage (struct vl_app *app, const char *name, const char *server,
                                      vl_storage_told_fn fn, void *opaque);
/* The first of the images_types that plugin NAME answers for; NULL: none. */
VL_EXPORT const char *vl_plugins_images_type (const struct vl_app *app, const char *name);
/* Writes `enabled = yes|no` for plugin NAME into the conf of the highest
 * writable layer (--config, else sysconfdir); the file is answered in *FILE. */
VL_EXPORT int vl_plugins_enable (struct vl_app *app, const char *name, int on, const char **file);

struct vl_config_value {
  const char *file_kind; /* "virtloom.conf" or "plugins.d/NAME.conf" */
  const char *section, *key, *value;
  const char *origin;                     /* FILE:LINE; FILE alone of a mask, a link to /dev/null */
  const char *packaged, *packaged_origin; /* what the packaged folder says, or NULL */
  int layer;                              /* that VALUE is of: 0 the packaged one */
};
VL_EXPORT size_t vl_config_count (const struct vl_app *app);
VL_EXPORT const struct vl_config_value *vl_config_get (const struct vl_app *app, size_t i);

/* What virtloom.conf may say: rows with `setting`, which is the key, or "SECTION.KEY"
 * outside of [virtloom]. */
VL_EXPORT const struct vl_prop *vl_config_table (size_t *n);

/* ---- host ---- */

/* The host that plans are made for: --host, else what the driver's settings
 * name, else the probed one.  NULL after a finding. */
VL_EXPORT const struct vl_host *vl_app_host (struct vl_app *app);
/* The same; a hypervisor is asked anew, whatever it said before.  What an earlier
 * call returned is gone. */
VL_EXPORT const struct vl_host *vl_app_host_anew (struct vl_app *app);
/* The driver that acts, chosen where it is `auto`.  NULL after a finding. */
VL_EXPORT const char *vl_app_driver (struct vl_app *app);
VL_EXPORT struct vl_host *vl_host_new (void);
VL_EXPORT void vl_host_free (struct vl_host *host);
/* What vl_host_import_capabilities and its sister in driver.h read goes into HOST
 * from now on; NULL: nowhere.  ORIGIN names the text in findings, or is NULL. */
VL_EXPORT void vl_host_import_into (struct vl_call *call, struct vl_host *host, const char *origin);
/* The values of fact KEY: how many, and the I-th or NULL. */
VL_EXPORT size_t vl_host_count (const struct vl_host *host, const char *key);
VL_EXPORT const char *vl_host_item (const struct vl_host *host, const char *key, size_t i);
/* FACT is "KEY=VALUE"; a key given twice becomes a list. */
VL_EXPORT int vl_host_import_fact (struct vl_call *call, struct vl_host *host, const char *fact);
/* The names of the recorded hosts that there are, ended by NULL; memory of CALL.  One of
 * them, which the caller frees; NULL after a finding. */
VL_EXPORT const char *const *vl_hosts (struct vl_call *call);
VL_EXPORT struct vl_host *vl_hosts_load (struct vl_call *call, const char *name);
/* The host file, owned by the caller: free (). */
VL_EXPORT char *vl_host_to_json (const struct vl_host *host);
VL_EXPORT size_t vl_host_n_facts (const struct vl_host *host);
VL_EXPORT const char *vl_host_fact_key (const struct vl_host *host, size_t i); /* in byte order */

/* Is HOST this machine, and not a file? */
VL_EXPORT int vl_host_probed (const struct vl_host *host);
/* Asks the core, the driver that acts, and all features, whether their settings are
 * possible on HOST; where that is NULL, features alone, and what settings say by
 * themselves.  0, or -1 after findings. */
VL_EXPORT int vl_app_ready (struct vl_app *app, const struct vl_host *host);
/* The absolute path of the program NAME in the system's own folders (the environment has
 * no say), or NULL. */
VL_EXPORT const char *vl_tool_find (struct vl_call *call, const char *name);
/* *WHAT becomes what this machine lacks of what confines a program ("Landlock,
 * namespaces"), or NULL.  0, or -1 after a finding: no program can be run. */
VL_EXPORT int vl_tool_lacks (struct vl_call *call, const char **what);

/* ---- plan and explain ---- */

struct vl_pair {
  const char *name, *value;
};

enum vl_part { VL_PART_ELEMENT = 1, VL_PART_ATTRIBUTE = 2, VL_PART_TEXT = 3 };

struct vl_provenance {
  const char *path;   /* "/domain/devices/watchdog[1]/@action" */
  const char *value;  /* NULL: an element */
  const char *owners; /* "watchdog", "a, b" */
  const char *cause;  /* "hw:watchdog_action=reset (flavor)" */
  const char *chain;  /* the reasons below it, one a line, or NULL */
  enum vl_part part;
  const struct vl_pair *keys; /* of the element: what tells it from others at its path */
  size_t n_keys;
  const char *device; /* the id of the disk or NIC that it belongs to, or NULL */
  int guarded;        /* see VL_GUARDED */
};

/* A part of a document that differs from another's: WAS alone is to go, IS alone is
 * new, both have different values. */
struct vl_change {
  const struct vl_provenance *was, *is;
};

/* What a plan takes of the host: an amount of a resource, or one member of a pool. */
struct vl_claim_info {
  const char *resource, *plugin; /* the resource or the pool; who claims it */
  int64_t amount;                /* 0: a member that others may have too */
  int64_t total;                 /* -1: the host does not say */
  int64_t used;                  /* by other servers; -1: no STATE asked */
  const char *holder, *member;   /* of a pool: MEMBER is for HOLDER; else NULL */
  const char *why;               /* the property behind it, or NULL */
  int provisional;               /* chosen among what is free, anew when the server is made */
};

/* REQUEST is the text of a request file; ORIGIN names it in findings.  On
 * failure *PLAN is still given, without XML, so that the findings, claims and
 * active features can be shown. */
VL_EXPORT int vl_plan_request (struct vl_app *app, const char *request, size_t length,
                               const char *origin, struct vl_plan **plan);
/* A file for the guest: its absolute path there, and what is in it, which is never kept. */
struct vl_guest_file {
  const char *path, *bytes;
  size_t length;
};
struct vl_create_options {
  const char *name; /* server name */
  const char *flavor, *image;
  const char *const *networks;   /* "bridge=br0,model=..." or "user", NULL-terminated */
  const char *const *volumes;    /* "path=FILE,format=F[,bus=,boot_index=]" */
  const char *const *properties; /* "K=V", image keys */
  const char *user_data;         /* file, or NULL */
  int config_drive;
  const char *request, *origin;      /* the text, and its name in findings; or NULL */
  size_t length;                     /* of REQUEST */
  const char *const *metadata;       /* "K=V" */
  const char *const *public_keys;    /* "NAME=KEY" */
  const char *hostname;              /* or NULL: made of NAME */
  const char *password;              /* for the config drive alone: it is never kept; or NULL */
  const struct vl_guest_file *files; /* for the config drive alone */
  size_t n_files;
};
/* The same for a stored flavor and image.  PROPERTIES are "K=V".  With REQUEST that is the text
 * of a request file, whose members the others take the place of, or are added to where they are
 * lists of "K=V"; its image must be one of STATE and be described as that is. */
VL_EXPORT int vl_plan_create (struct vl_app *app, const struct vl_create_options *options,
                              struct vl_plan **plan);
/* Holds what the driver that acts says of itself against what it does, with the guest of PLAN, which
 * is made on this host, in STATE, without being started, and is gone afterwards.  PLAN is of no use after a claim that is tried with a document which cannot be
 * carried out.  0: it is so; 1: the driver does not say it; -1 with *WHY it is not so (borrowed),
 * NULL: that cannot be tried, and after findings. */
enum vl_driver_claim {
  VL_CLAIM_READS_BACK = 1, /* `reads_back`, and get_info has the guest's XML */
  VL_CLAIM_SEES_LOSS = 2,  /* the same where the hypervisor lost something: spawn fails */
  VL_CLAIM_VALIDATES = 3,  /* `validates` */
  VL_CLAIM_SECRETS = 4,    /* the calls of `secrets` */
  VL_CLAIM_GUESTS = 5,     /* which guests there are, and what is not done to one that is off */
  VL_CLAIM_AGENT = 6,  /* `guest`: a guest without an agent does nothing that one is asked for */
  VL_CLAIM_EVENTS = 7, /* `events`: it says when it hears, and ends when it is told to */
};
VL_EXPORT int vl_plan_try_driver (struct vl_app *app, struct vl_plan *plan,
                                  enum vl_driver_claim claim, const char **why);
VL_EXPORT void vl_plan_free (struct vl_plan *plan);
VL_EXPORT const char *vl_plan_xml (const struct vl_plan *plan); /* NULL: failed */
VL_EXPORT size_t vl_plan_n_provenance (const struct vl_plan *plan);
VL_EXPORT const struct vl_provenance *vl_plan_provenance (const struct vl_plan *plan, size_t i);
VL_EXPORT size_t vl_plan_n_claims (const struct vl_plan *plan);
VL_EXPORT const struct vl_claim_info *vl_plan_claim (const struct vl_plan *plan, size_t i);
VL_EXPORT size_t vl_plan_n_active (const struct vl_plan *plan);
/* The I-th active feature; *WHY is what made it active. */
VL_EXPORT const char *vl_plan_active (const struct vl_plan *plan, size_t i, const char **why);
/* The disks, the root disk first, with what each is called in the guest (`dev`):
 * Nova's default_root_device_name and default_device_names_for_instance.  None where the plan
 * failed before they were laid out. */
VL_EXPORT size_t vl_plan_n_disks (const struct vl_plan *plan);
VL_EXPORT const struct vl_disk *vl_plan_disk (const struct vl_plan *plan, size_t i);
/* Nanoseconds spent per phase and plugin: rows "PHASE PLUGIN NS"; none unless the session is
 * `timed`. */
VL_EXPORT size_t vl_plan_n_timings (const struct vl_plan *plan);
VL_EXPORT const char *vl_plan_timing (const struct vl_plan *plan, size_t i, const char **phase,
                                      int64_t *ns);

#ifdef __cplusplus
}
#endif

#include <virtloom/servers.h>

#endif
