/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What plugins do beside a build: they permit, prepare, release and are told events, all
 * of a server as it is on record and of the host as it is today.  Internal to
 * core/server. */

#ifndef VL_CORE_HOOKS_H
#define VL_CORE_HOOKS_H

#include "server/stored.h"

/* A server that plugins are called about. */
struct vl_hooks {
  struct vl_app *app;
  const struct vl_record *record;
  struct vl_plugin *driver;
  struct vl_stored *stored;
  struct vl_guest *guest; /* made of STORED */
  const struct vl_host *host;
};

/* Fills HOOKS for RECORD's server (borrowed) from its document ROLE.  0, or -1 after
 * findings.  vl_hooks_free in either case. */
int vl_hooks_load (struct vl_hooks *hooks, struct vl_app *app, const struct vl_record *record,
                   const char *role);
void vl_hooks_free (struct vl_hooks *hooks);
/* What the guest has of the property that image key KEY sets; NULL where that is nothing. */
const struct vl_value *vl_hooks_value (const struct vl_hooks *hooks, const char *key);

/* Asks the active features, and every loaded one that is critical or a policy, whether OP
 * may be done, so that all that stands against it is said.  ANYWAY: a feature whose
 * values on record its module does not take any more is passed over.
 * 0, or -1 after findings. */
int vl_hooks_permit (const struct vl_hooks *hooks, enum vl_op op, int anyway);
/* For what is not done without the plugins on record: are they there, as they were?  BOOTS:
 * what only wrote into the document need not be.  0, or -1 after findings. */
int vl_hooks_judge_plugins (const struct vl_hooks *hooks, int boots);
/* Findings from number FIRST on, which stood against WORD ("stop"), become warnings; that
 * they were overruled is recorded.  0, or -1 after a finding. */
int vl_hooks_overrule (const struct vl_hooks *hooks, const char *word, size_t first);

/* Calls prepare of the active features, one after another up to the first that fails.
 * Each is on record before it is called, until it is released.  0 or -1. */
int vl_hooks_prepare (const struct vl_hooks *hooks);
/* A device, vl_op_device of the call, is gone from the guest: calls release of the active features,
 * which keep what they keep.  0, or -1 after findings. */
int vl_hooks_release_device (const struct vl_hooks *hooks);
/* Whose release can be called now for SERVER? */
enum vl_holding {
  VL_HOLDING_NONE,    /* nobody holds anything */
  VL_HOLDING_ABSENT,  /* only plugins that are not there do */
  VL_HOLDING_PRESENT, /* at least one that is there does */
};
enum vl_holding vl_hooks_holding (struct vl_app *app, const char *server);
/* The guest of RECORD's server is gone: calls release of every feature that was prepared
 * or keeps something, the last in byte order first, and forgets what it kept.  Where one
 * fails or is not there the others are called all the same.  VL_HOLDING_NONE; where
 * something is left, _PRESENT after errors, else _ABSENT after a warning for each plugin. */
enum vl_holding vl_hooks_release (struct vl_app *app, const struct vl_record *record);
/* Forgets with a warning what PLUGIN keeps of RECORD's server, and, where it is not there, that it
 * reaches devices of it, so that nobody waits for it.  0, or -1 after a finding where that is
 * nothing. */
int vl_hooks_abandon (struct vl_app *app, const struct vl_record *record, const char *plugin);

/* Inside a transaction: EVENT has happened to SERVER, or to its device DEVICE if that is not NULL. */
int vl_event_add (struct vl_store *store, const char *server, enum vl_event event,
                  const char *device);
/* What has happened to a guest that WAS on, or off, and was made anew: it IS on or off.  0: nothing, it
 * was and is off. */
enum vl_event vl_event_of_turn (int was, int is);
/* Inside a transaction: that has happened to SERVER. */
int vl_event_turn (struct vl_store *store, const char *server, int was, int is);
/* Tells what no plugin was told yet, of all servers that nobody works on.  What goes
 * wrong is a warning. */
void vl_events_tell (struct vl_app *app);

/* ---- hooks.c and acting.c ---- */
struct vl_acting {
  const struct vl_hooks *hooks;
  struct vl_lock *locks;
  size_t n, size;
};

/* hooks.c: calls PLUGIN in PHASE, which says which callback; WHAT is the vl_op or
 * vl_event.  Prepare and release run for one server at a time.  0, or -1 after
 * findings. */
int vl_hooks_call (const struct vl_hooks *hooks, struct vl_plugin *plugin, enum vl_phase phase,
                   int what);
/* Runs FN (plugin, ARG), which calls PLUGIN's WORD of a group, for no server.  0, or -1 after
 * findings. */
int vl_group_run (struct vl_app *app, struct vl_plugin *plugin, const char *word,
                  int (*fn) (struct vl_call *call, struct vl_plugin *plugin, void *arg), void *arg);
/* Runs FN (plugin, ARG), which calls PLUGIN's WORD in PHASE, for the server of HOOKS; what it
 * has locked meanwhile is let go.  0, or -1 after findings. */
int vl_acting_run (const struct vl_hooks *hooks, struct vl_plugin *plugin, enum vl_phase phase,
                   const char *word,
                   int (*fn) (struct vl_call *call, struct vl_plugin *plugin, const void *arg),
                   const void *arg);
/* hooks.c: why feature NAME cannot be called: "is not installed", "is not enabled", "was
 * refused: ..."; NULL: it can. */
const char *vl_feature_absent (struct vl_app *app, const char *name);
/* What to do about that. */
const char *vl_feature_hint (struct vl_app *app, const char *name);

/* Writes down that PLUGIN keeps TEXT (NULL: nothing any more) under KEY.  0 or -1. */
int vl_kept_write (const struct vl_hooks *hooks, const struct vl_plugin *plugin, const char *key,
                   const char *text);

/* ---- replace.c ---- */
/* The plan of RECORD's server as it would be made today, of what it is, STORED;
 * NULL after findings. */
struct vl_plan *vl_record_plan (struct vl_app *app, const struct vl_record *record,
                                const struct vl_stored *stored);
/* The same of REQUEST, which is freed or the plan's, or NULL after a finding. */
struct vl_plan *vl_record_plan_of (struct vl_app *app, const struct vl_record *record,
                                   const struct vl_recorded *was, struct vl_request *request);
/* Would a plan of today differ from STORED, which is on record, although nothing else is asked for? */
int vl_record_drifts (struct vl_app *app, const struct vl_record *record,
                      const struct vl_stored *stored);
/* server-plan.c: the N changes of LIST, which is theirs, in memory of the application. */
void vl_changes_keep (struct vl_app *app, struct vl_change *list, size_t n,
                      const struct vl_change **changes, size_t *n_changes);
/* "'/domain/vcpu' from '1' to '2'". */
const char *vl_change_text (struct vl_call *call, const struct vl_change *change);
/* What the document of PLAN differs in from STORED, but for addresses that the
 * hypervisor gave: of both documents, for as long as both are there. */
void vl_stored_difference (struct vl_app *app, const struct vl_stored *stored,
                           const struct vl_plan *plan, struct vl_change **changes, size_t *n);
#define VL_UNFINISHED (-2)
/* Does nothing that is guarded go with CHANGES but what is at or below one of the paths ACCEPTED
 * (NULL-terminated, or NULL)?  0, or -1 after a refusal for each. */
int vl_changes_judge (struct vl_app *app, const struct vl_record *record,
                      const struct vl_change *changes, size_t n, const char *const *accepted,
                      const char *see);
/* Is each of ACCEPTED (NULL-terminated, or NULL) a path of STORED, or above one?  That of a shelve: is
 * it the id of a disk?  0, or -1 after a refusal for each, with the nearest. */
int vl_losses_check (struct vl_app *app, const struct vl_record *record,
                     const struct vl_stored *stored, const char *const *accepted);
int vl_losses_check_disks (struct vl_app *app, const struct vl_record *record,
                           const struct vl_stored *stored, const char *const *accepted);
/* How a document takes the place of another. */
struct vl_replacement {
  const char *kind;            /* of the operation that begins */
  int begun;                   /* 1: it has begun already */
  const char *const *accepted; /* paths at or below which what is guarded may go, or NULL */
  const char *see; /* how it is kept, for the hint; NULL: what a plan of today would change */
  /* May the documents differ by these CHANGES?  NULL: nothing that is guarded may go. */
  int (*judge) (void *opaque, const struct vl_change *changes, size_t n);
  /* Makes the guest one of the new document.  0; after findings -1 where the guest is as it
   * was, 1 where it has what the new document says all the same, and VL_UNFINISHED where that is
   * not known: it is left for the next command to mend. */
  int (*act) (void *opaque);
  void *opaque;
  const char *request; /* JSON, of the server from then on; NULL: as it is */
  enum vl_event event; /* that happens beside VL_EVENT_CHANGED, or 0 */
  /* Inside the transaction that ends it, in place of making the new document the current one and of
   * ending the operation; NULL: those. */
  int (*take) (void *opaque);
};
/* Inside a transaction: the pending document of SERVER becomes the current one, with its claims,
 * and EVENT happens; the operation ends.  And the other one: document ROLE goes, with its claims
 * and the images that no other one names, RESULT being WHY. */
int vl_document_take (struct vl_store *store, const char *server, enum vl_event event);
int vl_document_drop (struct vl_store *store, const char *server, const char *role,
                      const char *result, const char *why);
/* The document of PLAN takes the place of STORED, the current one of RECORD's server,
 * whose lock is held: in one transaction it is built again, what changes is judged, it
 * is written down as pending with its claims, and the operation begins; the guest is made one of
 * it; it becomes the current one.  Where that fails the current one stays.  0, or -1 after
 * findings. */
int vl_document_replace (struct vl_app *app, const struct vl_record *record,
                         const struct vl_stored *stored, struct vl_plan *plan,
                         const struct vl_replacement *how);
/* Mends operation KIND whose command died: a VL_OP_SERVER_UPDATE by booting the guest, which was
 * to be booted anew, from the current document; attach and detach by finishing them, and where
 * that cannot be done by taking them back. */
int vl_document_mend (struct vl_app *app, struct vl_store *store, const char *server,
                      const char *kind);
/* server-devices.c: what vl_document_mend does of an attach or a detach, KIND, of HOOKS's server,
 * whose next document is NEXT: as vl_replacement's act answers.  *EVENT: what happens where it is
 * done. */
int vl_device_mend (const struct vl_hooks *hooks, const struct vl_hooks *next, const char *kind,
                    enum vl_event *event);

/* ---- server-device.c ---- */
/* The id of the only volume, or with NIC the only interface, of RECORD's server, which is WAS on
 * record, that WORD names: by its id, its uuid, its name in the guest, its file, its address or its
 * tap.  NULL after a finding. */
const char *vl_device_named (struct vl_call *call, const struct vl_record *record,
                             const struct vl_recorded *was, int nic, const char *word);

/* ---- server-live.c ---- */
/* The guest of RECORD's server, which has REQUEST (JSON) from now on, gets what that changes, if it
 * runs and its driver can do that: 1, with what changed in *TOLD.  0 where it does not, and *TOLD is
 * why, or NULL: there is nothing to say of it.  What went wrong are warnings. */
int vl_server_live (struct vl_app *app, const struct vl_record *record, const char *request,
                    const char **told);
/* The same for the document of NEXT, also where the command that began it died: as vl_replacement's
 * act answers. */
int vl_live_change (const struct vl_hooks *current, const struct vl_hooks *next);

/* ---- snapshot.c ---- */
/* Can the root disk of HOOKS's server, whose request is REQUEST, become an image that has the name and
 * the uuid of IMAGE?  0, or -1 after findings.  Makes it, of a guest that is off. */
int vl_snapshot_judge (const struct vl_hooks *hooks, struct vl_request *request,
                       const struct vl_image_info *image);
int vl_snapshot_cold (const struct vl_hooks *hooks, struct vl_request *request,
                      const struct vl_image_info *image);

/* ---- shelved.c ---- */
#define VL_STATUS_SHELVED "SHELVED_OFFLOADED"
/* Is DISK of the server in folder DIR a file that goes when it is shelved?  Those of document ROLE are
 * gone. */
int vl_shelved_disk_goes (const char *dir, const struct vl_disk *disk);
int vl_shelved_disks_drop (struct vl_app *app, const char *uuid, const char *role);
/* IMAGE gets name and uuid of the image that a server called NAME is shelved in. */
void vl_shelved_image_name (struct vl_call *call, const char *name, struct vl_image_info *image);
/* The same of a server that is to be shelved: -1 after a finding where no image can be called so. */
int vl_shelved_image_judge (struct vl_call *call, const char *name, struct vl_image_info *image);
/* Is IMAGE whole, and that of server UUID?  1, 0, -1. */
int vl_shelved_image_made (struct vl_store *store, const char *uuid,
                           const struct vl_image_info *image);
/* *IMAGE is the uuid of the image that RECORD's server is shelved in, or NULL. */
int vl_shelved_image_find (struct vl_store *store, const struct vl_record *record,
                           const char **image);
/* The image, with checksum, format and file, must be what was written: it is the only copy of a disk,
 * and goes once the disk is made of it.  0, or -1 after ImageDamaged. */
int vl_shelved_image_prove (struct vl_call *call, const struct vl_image_info *image);
/* Inside a transaction: SERVER needs IMAGE, which it was shelved in, no more.  *GONE is what
 * vl_shelved_image_remove is to be called with after it: NULL where other servers use the image. */
int vl_shelved_image_leave (struct vl_store *store, const char *server, const char *image,
                            const char **gone);
int vl_shelved_image_remove (struct vl_app *app, const char *gone);

/* ---- server-extend.c, server-swap.c ---- */
/* Opens the volume DISK, a file or block device of RAW or QCOW2 that stands alone, and judges it as
 * each start of a server of DRIVER does: *HAS is how large a disk it is.  0, or -1 after a finding. */
struct vl_image_file;
int vl_volume_measure (struct vl_app *app, struct vl_plugin *driver, const struct vl_disk *disk,
                       struct vl_image_file *file, int64_t *has);
/* The same of one that lies over BELOW, which is not looked at; NULL: over nothing. */
struct vl_link;
int vl_volume_measure_over (struct vl_app *app, struct vl_plugin *driver,
                            const struct vl_disk *disk, const struct vl_link *below,
                            struct vl_image_file *file, int64_t *has);
/* How a volume gets another file: what is on it is copied, or is left below the new one, or is merged
 * into the one below. */
enum vl_volume_way { VL_VOLUME_SWAPS, VL_VOLUME_SNAPSHOT, VL_VOLUME_MERGES };
struct vl_volume_how {
  enum vl_volume_way way;
  int quiesce;      /* an enum vl_quiesce */
  const char *top;  /* of what merges: the overlay, where others lie over that, */
  int pulls;        /* or what is below is copied into the first file, */
  const char *base; /* down to this one, NULL: all of it */
  int64_t bytes;    /* of a volume that is not swapped */
  int off;          /* the guest is off by now, whatever is on record */
};
/* Has the driver give the volume ID of BEFORE's guest the files that AFTER has.  As vl_replacement's act
 * answers. */
int vl_volume_change (const struct vl_hooks *before, const struct vl_hooks *after, const char *id,
                      const struct vl_volume_how *how);
/* The same, given up unless it is done, where a command died that did it.  ID, NULL: the volume whose
 * first file is to be another. */
int vl_volume_change_mend (const struct vl_hooks *current, const struct vl_hooks *next,
                           const char *id, const struct vl_volume_how *how);
/* May documents differ by these CHANGES where OPERATION is about device ID of RECORD's server alone?
 * 0, or -1 after GuestWouldChange. */
int vl_volume_change_judge (struct vl_call *call, const struct vl_record *record,
                            const char *operation, const char *id, const struct vl_change *changes,
                            size_t n);
/* Is volume DISK of the server of HOOKS encrypted, so that its bytes are not those of its file? */
int vl_volume_is_encrypted (const struct vl_hooks *hooks, const struct vl_disk *disk);
/* Is DISK of the server of HOOKS a file that is the server's alone, and not encrypted?  0, or -1 after a
 * finding: such volumes OTHERWISE. */
int vl_volume_judge_kind (const struct vl_hooks *hooks, const struct vl_disk *disk,
                          const char *otherwise);
/* ---- server-volume.c ---- */
/* Refuses OPERATION of a volume DISK of RECORD's server that has a snapshot. */
int vl_volume_judge_snapshot (struct vl_call *call, const struct vl_record *record,
                              const struct vl_disk *disk, const char *operation);
/* As vl_volume_change_mend; the overlay of a snapshot that was not made goes. */
int vl_volume_snapshot_mend (const struct vl_hooks *current, const struct vl_hooks *next);
/* The same; of a guest that is off what was not merged to its end is given up. */
int vl_volume_merge_mend (const struct vl_hooks *current, const struct vl_hooks *next);

/* ---- snapshot.c ---- */
/* Is the guest of HOOKS, whose status is on record, to be frozen while its DISK is copied?  An enum
 * vl_quiesce in *QUIESCE: 0, or -1 after a finding. */
int vl_quiesce_judge (const struct vl_hooks *hooks, int *quiesce);

/* ---- server-disks.c ---- */
/* Makes every local disk of PLAN in the server's folder, which exists; connects the
 * volumes, which it never changes.  0, or -1 after a finding: what was made lies in that
 * folder, or is in the undo log. */
int vl_server_disks_make (const struct vl_hooks *hooks, const struct vl_plan *plan);
/* Before a guest is started again: connects the volumes and plugs the NICs on RECORD. */
int vl_server_devices_connect (struct vl_app *app, const struct vl_record *record);
/* The guest of SERVER is gone: removes what was made for its disks outside of its folder,
 * disconnects its volumes and unplugs its NICs; DEVICE is the id of one, NULL for all.
 * Success where there is nothing. */
int vl_server_devices_undo (struct vl_app *app, struct vl_store *store, const char *server,
                            const char *device);
/* Makes disk number I of PLAN, which lies in the server's folder, as the file PATH, or with NULL one that
 * lies elsewhere in its place; with GROW it is there, as a copy or as what it was, and gets its new
 * size. */
int vl_server_disk_make (const struct vl_hooks *hooks, const struct vl_plan *plan, size_t i,
                         const char *path, int grow);
/* Is DISK on record one whose plugin can read it?  Then writes what it is now to the new file PATH, in
 * its format, of HOOKS's server: 0, or -1 after a finding, and PATH does not exist. */
int vl_server_disk_is_read (struct vl_app *app, const struct vl_disk *disk);
int vl_server_disk_read (const struct vl_hooks *hooks, const struct vl_disk *disk,
                         const char *path);
/* Is DISK of RECORD's server one that a plugin reaches outside of its folder?  Can the plugin that made
 * it there give it back as it was, once it was grown? */
int vl_server_disk_is_elsewhere (struct vl_app *app, const struct vl_record *record,
                                 const struct vl_disk *disk);
int vl_server_disk_is_held (struct vl_app *app, const struct vl_disk *disk);
/* Removes the disks of document ROLE of RECORD's server that were made outside of its folder, but for
 * those that document OTHER has, too.  0, or -1 after findings. */
int vl_server_disks_drop (struct vl_app *app, const struct vl_record *record, const char *role,
                          const char *other);
/* What is to be done for one device of document ROLE, whose request is RECORD's, or with NULL for all: it
 * is connected and plugged, that is undone, or the plugin that reaches it is told that it has another
 * size.  And for disks that were made outside of the server's folder: what is on them is kept, they
 * are that again, it is kept no more. */
enum vl_device_way {
  VL_DEVICE_COMES,
  VL_DEVICE_GOES,
  VL_DEVICE_EXTENDS,
  VL_DEVICE_HOLDS,
  VL_DEVICE_RETURNS,
  VL_DEVICE_STAYS
};
int vl_server_device_act (struct vl_app *app, const struct vl_record *record, const char *role,
                          const char *device, enum vl_device_way how);

#endif
