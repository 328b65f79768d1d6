/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server's record.  Internal to core/server. */

#ifndef VL_CORE_RECORD_H
#define VL_CORE_RECORD_H

#include "server/db.h"
#include "server/plan.h"
#include "server/session.h"
#include "server/states.h"

#include <time.h>

/* As vl_db_row fills it. */
struct vl_record {
  const char *uuid, *name, *domain, *status, *flavor, *image, *image_uuid, *driver, *created;
  const char *fault;
  const char *request;    /* JSON */
  const char *xml;        /* of the current document */
  const char *properties; /* JSON, of a server of an earlier schema */
  const char *locked;     /* why nothing is done to it, "" without a reason; NULL: not locked */
  const char *description;
  const char *loader; /* which the hypervisor chose (vl_spawn), NULL: none that is on record */
};

/* Is the guest UUID called DOMAIN as ours are? */
int vl_domain_is_ours (const char *uuid, const char *domain);
/* STATE/images/UUID and STATE/servers/UUID. */
const char *vl_image_path (struct vl_app *app, const char *uuid);
const char *vl_server_dir (struct vl_app *app, const char *uuid);
/* run/ in the folder of server UUID, made where it is not there: sockets and logs of the
 * guest.  It is the only folder that a driver may give to the user that QEMU runs as, so
 * disks and what is believed later lie outside.  NULL after a finding. */
const char *vl_server_run_dir (struct vl_app *app, const char *uuid);

/* The record of SERVER, a name or uuid: 1, 0 where there is none, -1 after a
 * finding.  Arena memory. */
int vl_record_load (struct vl_store *store, const char *server, struct vl_record *record);
/* The same, with the store: NULL after InstanceNotFound, or OtherDriver where --driver names another
 * than the server's. */
const struct vl_record *vl_record_find (struct vl_app *app, const char *server);
/* What servers hold of the host that DRIVER acts on, apart for server UUID and all
 * others, in ARENA.  One whose document is being replaced holds the larger of both
 * claims.  0 with *HELD, NULL where there is no STATE yet and for the host of a file
 * (--host); -1 after a finding. */
int vl_holdings_load (struct vl_app *app, const struct vl_plugin *driver, const char *uuid,
                      struct vl_arena *arena, const struct vl_holdings **held);
/* image-cache.c: IMAGE has had its bytes, so that it is known what it is.  0, or -1 after
 * ImageNotActive. */
int vl_image_was_whole (struct vl_call *call, const struct vl_image_info *image);
/* image-cache.c: the images that REQUEST is made of are in STATE, fetched if they must be; with
 * CLONES not the one that its root disk can be cloned from.  To be
 * called before a server's disks are planned to be made of them.  0, or -1 after a finding. */
int vl_images_ready (struct vl_app *app, const struct vl_request *request, int clones);
/* image-judge.c: asks all features whether disks may be made from the image INFO, whose bytes are the
 * file PATH; NULL: they stay in a store.  GIVEN_AS: the format that it was converted from, or NULL.
 * COMES: it is being taken over.  0, or -1 after findings. */
int vl_image_judge_use (struct vl_app *app, const struct vl_image_info *info, const char *path,
                        const char *given_as, int comes);
/* image-store.c: the plugin in whose store images like URL (or NULL) lie, or NULL; does IMAGE lie in
 * one? */
struct vl_plugin *vl_image_store_of (struct vl_app *app, const char *url);
int vl_image_is_elsewhere (const struct vl_image_info *image);
/* Can IMAGE be had where it is not here? */
int vl_image_comes (const struct vl_image_info *image);
/* Makes IMAGE, which is URL, without a copy of it; has one made.  0, or -1 after findings. */
int vl_image_register (struct vl_app *app, const char *url, const struct vl_image_info *image);
int vl_image_bring (struct vl_app *app, const struct vl_image_info *image);
/* Can a disk of PLUGIN be cloned from IMAGE?  1, 0, -1 after findings. */
int vl_image_clones (struct vl_app *app, const struct vl_image_info *image,
                     struct vl_plugin *plugin);
/* Inside a transaction in which PLAN was built (vl_plan_again): its claims become those
 * of SERVER as ROLE.  Under --host nothing is taken.  0, or -1 after a finding. */
int vl_claims_write (struct vl_app *app, const char *server, const char *role,
                     const struct vl_plan *plan);
int vl_record_set_status (struct vl_store *store, const char *uuid, const char *status,
                          const char *fault);
/* Finds SERVER, opens its driver (not where DRIVER is NULL) and takes its lock within WAIT seconds;
 * *RECORD is its record as it is then.  0 or -1; 1 where another command has the lock and WAIT is
 * 0. */
int vl_server_take (struct vl_app *app, const char *server, unsigned wait, struct vl_record *record,
                    struct vl_plugin **driver, struct vl_lock *lock);
/* What DRIVER says of the guest of server UUID, VL_STATE_NONE of one that is not there.  0 or -1. */
int vl_server_look (struct vl_app *app, struct vl_plugin *driver, const char *uuid,
                    struct vl_info *info);
/* May operation WORD ("pause", of states.c) be done to a server that is STATUS?  0, or -1 after a
 * refusal that names what helps. */
int vl_record_accepts (struct vl_call *call, const struct vl_record *record, const char *status,
                       const char *word);
/* server-act.c: the same of the server as DRIVER knows it now, which becomes RECORD's status; what
 * that tells has happened. */
int vl_server_judge_state (struct vl_app *app, struct vl_plugin *driver, struct vl_record *record,
                           const char *word);
/* Seconds between two requests to shut down, within the caller's timeout. */
#define VL_ASK_AGAIN 10u
/* Warns that the plug was pulled on a guest that was given SECONDS; the words for the history. */
const char *vl_server_tell_pulled (struct vl_call *call, const struct vl_record *record,
                                   unsigned seconds);
/* server-set.c: 0, or -1 after InstanceIsLocked. */
int vl_record_unlocked (struct vl_call *call, const struct vl_record *record);
/* metadata.c: the host name, by RFC 1123, that is made of the name of REQUEST's server; malloc. */
char *vl_host_name (const struct vl_request *request);
/* The text of the findings from number FIRST on, for the record's fault. */
const char *vl_fault_text (struct vl_call *call, size_t first);

/* server-files.c: judges all that the guest of RECORD will open by its document XML: disks
 * and the images below them, kernel and initial RAM disk.  Each must be what it was made
 * as or is said to be and name no other file; none that is not ours may lie in STATE or be
 * open to others.  *FILES: struct vl_judged; with FILES, NULL, nothing is to be started, and other
 * STATEs are not told of the volumes.  0, or -1 after a finding. */
int vl_server_files_judge (struct vl_app *app, const struct vl_record *record, const char *xml,
                           struct vl_table *files);
/* Is the disk PATH, one of ours, there?  0, or -1 after a finding. */
int vl_server_disk_there (struct vl_app *app, const char *path);
/* What RECORD's guest is made from, with document DOC, whose files are judged now.  0, or -1
 * after a finding. */
int vl_record_spawn (struct vl_app *app, const struct vl_record *record, const struct vl_doc *doc,
                     struct vl_spawn *spawn);
/* The same of a guest that is not started: none of its files is judged. */
int vl_record_spawn_off (struct vl_app *app, const struct vl_record *record,
                         const struct vl_doc *doc, struct vl_spawn *spawn);

/* What FILES and PASSWORD put on a config drive, as column `given` has it: the names of files, and that
 * there is a password.  NULL: nothing. */
#define VL_GIVEN_PASSWORD "password"
const char *vl_record_given (struct vl_call *call, const char *password,
                             const struct vl_guest_file *files, size_t n);
/* Are the loader that was chosen for RECORD's guest and, with ANEW, the template of its variables
 * there still?  To be asked before a guest is started.  0, or -1 after FirmwareGone. */
int vl_record_loader_judge (struct vl_call *call, const struct vl_record *record, int anew);

/* Why the guest of server UUID is in the state that INFO tells: the driver's word, with what there
 * is to see of a guest that ended by itself.  NULL where nothing is. */
const char *vl_guest_reason (struct vl_app *app, const char *uuid, const struct vl_info *info);

/* server-request.c: the request JSON of a server that is to be made, its uuid
 * UUID or NULL (derived).  malloc; NULL after a finding. */
char *vl_create_request (struct vl_app *app, const struct vl_create_options *options,
                         const char *uuid);
/* server-create.c, inside a transaction: SERVER cannot do without the images whose files are FILE
 * (its WHAT, "root disk"; NULL: none), and the kernel and ramdisk of IMAGE, as far as they are in STATE.
 * One that was deleted since the plan was made is noticed.  0 or -1.  And: it needs none any more
 * but what its documents name. */
int vl_server_images_take (struct vl_app *app, const char *server, const char *file,
                           const char *what, const struct vl_request_image *image);
int vl_server_images_leave (struct vl_store *store, const char *server);
/* server-create.c: are UUID, the name of its domain, and NAME (NULL: not asked) free in STATE?
 * 0, or -1 after a finding. */
int vl_server_judge_free (struct vl_app *app, const char *uuid, const char *name);
/* Request JSON with one device more, a NIC or a volume, as SPEC of a command line asks for it; a
 * volume is called NAME ("vdb") if that is not NULL.  *ID is what the device is called for ever.
 * With one less: the one whose id that is.  malloc; NULL after a finding. */
char *vl_request_add (struct vl_app *app, const char *json, int nic, const char *spec,
                      const char *name, const char **id);
char *vl_request_drop (struct vl_call *call, const char *json, int nic, const char *id);
/* The text of REQUEST, of jansson's, whose DEVICE has been given another file; it is called what
 * DISK, which it is, is called. */
struct json_t;
const char *vl_request_other_file (struct vl_call *call, struct json_t *request,
                                   struct json_t *device, const struct vl_disk *disk);
/* Request JSON with FLAVOR as it is today.  malloc; NULL after a finding. */
char *vl_request_flavor (struct vl_app *app, const char *json, const char *flavor);
/* The same with IMAGE, if that is not NULL, and with a config drive if CONFIG_DRIVE is not 0. */
char *vl_request_image (struct vl_app *app, const char *json, const char *image, int config_drive);
/* The same with what OPTIONS say of user data, metadata and properties. */
char *vl_request_rebuild (struct vl_app *app, const char *json,
                          const struct vl_rebuild_options *options);
/* Are the N files for the guest such as a config drive can give it?  0, or -1 after findings. */
int vl_guest_files_check (struct vl_call *call, const struct vl_guest_file *files, size_t n);
/* How findings name where the request of OPTIONS comes from. */
#define vl_create_origin(options) ((options)->origin ? (options)->origin : "the command line")
/* Reads request JSON and adds where its image is in STATE. */
struct vl_request *vl_stored_request (struct vl_app *app, const char *json, const char *origin);
/* Now, or T, as "2026-11-27T12:00:00Z". */
const char *vl_now_text (struct vl_call *call);
const char *vl_time_text (struct vl_call *call, time_t t);
/* server-act.c: the guest of server UUID, on which nobody works, is not what is on record any
 * more: what that tells is written down if it can be.  1 where another command works on it. */
int vl_server_notice (struct vl_app *app, const char *uuid);

/* ---- properties.c ---- */
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
