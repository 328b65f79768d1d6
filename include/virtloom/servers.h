/* SPDX-License-Identifier: MIT
 *
 * The part of virtloom.h that is about flavors, images and servers, and what an application does
 * with those of a whole host.  An application includes virtloom.h, whose rules hold here too. */

#ifndef VIRTLOOM_SERVERS_H
#define VIRTLOOM_SERVERS_H

#include <virtloom/types.h>
#include <virtloom/driver.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vl_app;
struct vl_change;
struct vl_create_options;
struct vl_provenance;

/* ---- flavors, images, servers ---- */

struct vl_property {
  const char *key, *value;
};

struct vl_flavor_info {
  const char *name;
  int64_t vcpus, ram, disk, ephemeral, swap; /* MiB, GiB, GiB, MiB */
  const struct vl_property *properties;      /* in byte order of the key */
  size_t n_properties;
};
VL_EXPORT int vl_flavor_create (struct vl_app *app, const struct vl_flavor_info *flavor);
/* Sets the properties given, removes the keys in UNSET (NULL-terminated or NULL). */
VL_EXPORT int vl_flavor_change (struct vl_app *app, const char *name, const struct vl_property *set,
                                size_t n_set, const char *const *unset);
VL_EXPORT int vl_flavor_delete (struct vl_app *app, const char *name);
VL_EXPORT int vl_flavor_each (struct vl_app *app, int (*fn) (void *, const struct vl_flavor_info *),
                              void *opaque);
VL_EXPORT const struct vl_flavor_info *vl_flavor_find (struct vl_app *app, const char *name);

struct vl_image_info {
  const char *name;
  const char *uuid;
  const char *disk_format, *status;
  const char *file;           /* the copy in STATE */
  const char *checksum;       /* of the bytes, "sha256:..." */
  int64_t size, virtual_size; /* bytes */
  int64_t min_ram, min_disk;  /* MiB, GiB */
  const struct vl_property *properties;
  size_t n_properties;
  const char *url;          /* from where it can be fetched again, or NULL */
  const char *url_checksum; /* that proves what is there, or NULL */
  const char *used;         /* when a server began or ceased to use it, or NULL */
};
/* Inspects FILE as DISK_FORMAT, refuses what is unsafe (ImageUnacceptable),
 * copies it into STATE. */
VL_EXPORT int vl_image_create (struct vl_app *app, const char *file,
                               const struct vl_image_info *image);
/* The same from FILE, or else from URL (http, https).  CHECKSUM, "sha256:HEX" or "sha512:HEX", is
 * that of the bytes there, or NULL.  A download that was cut or killed is gone on with when
 * the image is asked for again; until then it is `queued`. */
struct vl_image_source {
  const char *file, *url, *checksum;
};
VL_EXPORT int vl_image_create_from (struct vl_app *app, const struct vl_image_source *source,
                                    const struct vl_image_info *image);
/* Writes the image to the new file FILE, which appears when it is whole and proven by its
 * checksum; with FILE NULL to descriptor FD. */
VL_EXPORT int vl_image_save (struct vl_app *app, const char *name, const char *file, int fd);
/* The names of the servers that use image NAME, and of the images that name it as their kernel or
 * RAM disk; both end with NULL, in memory of the application. */
VL_EXPORT int vl_image_users (struct vl_app *app, const char *name, const char *const **servers,
                              const char *const **images);
VL_EXPORT int vl_image_change (struct vl_app *app, const char *name, const struct vl_property *set,
                               size_t n_set, const char *const *unset);
VL_EXPORT int vl_image_delete (struct vl_app *app, const char *name);
VL_EXPORT int vl_image_each (struct vl_app *app, int (*fn) (void *, const struct vl_image_info *),
                             void *opaque);
VL_EXPORT const struct vl_image_info *vl_image_find (struct vl_app *app, const char *name);

/* The image cache is the images in STATE.  One that can be fetched again (URL and URL_CHECKSUM)
 * leaves it when no server has used it for a time, by settings of [storage], and stays on
 * record as `queued`; the next server that needs it has it fetched. */
struct vl_cache_entry {
  const char *name, *uuid, *status;
  int64_t size;     /* bytes on this host */
  int64_t servers;  /* that use it */
  const char *used; /* as of vl_image_info */
  const char *what; /* kept, removed, removable (with DRY_RUN), absent */
  const char *why;  /* a sentence */
};
/* Removes what is to be removed, or with DRY_RUN tells it, and has FN (or NULL) called with each
 * image.  0, what FN answered, or -1 after findings; the others are managed all the same. */
VL_EXPORT int vl_image_cache_manage (struct vl_app *app, int dry_run,
                                     int (*fn) (void *, const struct vl_cache_entry *),
                                     void *opaque);
/* Has image NAME in the cache: 0: it was there, and counts as used now; 1: it was fetched; -1 after
 * a finding. */
VL_EXPORT int vl_image_cache (struct vl_app *app, const char *name);

struct vl_server_info {
  const char *name, *uuid, *domain;
  const char *status;      /* one of vl_server_status () */
  const char *power_state; /* NOSTATE RUNNING PAUSED SHUTDOWN CRASHED SUSPENDED */
  const char *flavor, *image, *driver;
  const char *created; /* ISO 8601, UTC */
  const char *fault;   /* what went wrong last, or NULL */
  const char *run_dir;
  const char *xml; /* the document on record; server show only */
  /* What was done last although plugins had something against it, or NULL; server show
   * only. */
  const char *overruled;
  const char *locked;      /* why nothing is done to it, "" without a reason; NULL: not locked */
  const char *description; /* or NULL */
  /* The firmware's file that the hypervisor chose when the guest was started first, or NULL where the
   * next start chooses; server show only. */
  const char *loader;
  /* A number that grows with each change of the record, on whatever host; server show only. */
  const char *generation;
};

/* What is on record of a server's current document.  Texts all, NULL where there is none. */
struct vl_device_info {
  const char *id, *kind; /* "nic0"; "disk" or "nic" */
  const char *type, *source, *format, *bus, *target, *size, *model, *mac, *mtu, *tap;
  const char *address; /* what the hypervisor gave it */
  const char *plugin;
  /* Disks alone, what the file is now: bytes of the disk that the guest sees, bytes that it takes
   * of this host, what it may still come to take, and the image below it. */
  const char *virtual_size, *allocated, *over_committed, *backing;
  /* Disks alone: all files below it, the nearest first, NULL after the last one; NULL: none.  Those of a
   * volume with snapshots are told as they are on record. */
  const char *const *below;
};
struct vl_feature_info {
  const char *plugin, *version, *cause;
};
struct vl_value_info {
  const char *name, *device, *value, *cause;
};
struct vl_held_info {
  const char *resource, *plugin, *amount, *holder, *member;
};
struct vl_server_details {
  const char *request; /* JSON; see virtloom(1), without secrets */
  const struct vl_device_info
      *devices; /* disks in their order, then NICs; of a server that is rescued
                                         * those that it has then, and its own disks without a target
                                         * that it has not */
  size_t n_devices;
  const struct vl_feature_info *features; /* those that are active */
  size_t n_features;
  const struct vl_value_info *values; /* properties as they were resolved, with the reasons */
  size_t n_values;
  const struct vl_held_info *claims;
  size_t n_claims;
};
/* 0 with *DETAILS in arena memory of the application; -1 after a finding. */
VL_EXPORT int vl_server_details (struct vl_app *app, const char *server,
                                 struct vl_server_details *details);

/* What was done to a server, or happened to it. */
struct vl_action_info {
  const char *at, *ended; /* ISO 8601, UTC; NULL: it has not ended */
  const char
      *action;      /* the verb, "create", "add volume"; "crashed", "stopped" of the guest's own */
  const char *user; /* who did it, NULL: nobody here */
  const char *result; /* running done failed interrupted seen */
  const char *reason; /* or NULL */
  const char *n;      /* a number that grows */
};
/* The last 100 of SERVER, which may be gone by now, the last one first; arena memory of the
 * application. */
VL_EXPORT int vl_server_history (struct vl_app *app, const char *server,
                                 const struct vl_action_info **list, size_t *n);

VL_EXPORT int vl_server_create (struct vl_app *app, const struct vl_create_options *options,
                                const char **uuid);
/* SERVER is a name or uuid.  FORCE: what plugins have against it is a warning, and
 * recorded.  What the plugins ABANDON (NULL-terminated, or NULL) hold for it on this host is
 * given up.  Where a plugin that holds something is not there, the server stays DELETING
 * until it is, after a warning. */
VL_EXPORT int vl_server_delete (struct vl_app *app, const char *server, int force,
                                const char *const *abandon);
/* Asks the driver of each server for its state, one listing per driver.  A record that is
 * damaged is left out, after a finding. */
VL_EXPORT int vl_server_each (struct vl_app *app, int (*fn) (void *, const struct vl_server_info *),
                              void *opaque);
VL_EXPORT const struct vl_server_info *vl_server_find (struct vl_app *app, const char *server);
enum vl_server_action {
  VL_SERVER_START = 1,
  VL_SERVER_STOP = 2,
  VL_SERVER_REBOOT_SOFT = 3,
  VL_SERVER_REBOOT_HARD = 4,
  VL_SERVER_PAUSE = 5,
  VL_SERVER_UNPAUSE = 6,
  VL_SERVER_SUSPEND = 7,
  VL_SERVER_RESUME = 8,
  VL_SERVER_BOOT = 9, /* started again after a boot of the host: vl_host_resume */
};
/* TIMEOUT in seconds, for VL_SERVER_STOP and VL_SERVER_REBOOT_SOFT: how long the guest may take to
 * shut down (0: it is not asked); of a reboot also UINT32_MAX, as the driver's settings say.  A
 * guest that takes longer is told by a warning ShutdownTimeout and in the history.  FORCE, of
 * VL_SERVER_STOP alone: what plugins have against it is a warning, and recorded. */
VL_EXPORT int vl_server_act (struct vl_app *app, const char *server, enum vl_server_action action,
                             uint32_t timeout, int force);
/* VL_SERVER_STOP of N servers: all are asked to shut down first, and waited for together. */
VL_EXPORT int vl_server_stop (struct vl_app *app, const char *const *servers, size_t n,
                              uint32_t timeout, int force);
enum vl_device_kind { VL_DEVICE_VOLUME = 1, VL_DEVICE_INTERFACE = 2 };
/* Gives SERVER, whose guest may run, one more device as SPEC says: a volume or a network as of
 * vl_create_options.  NAME ("vdb", or NULL) is what a volume is called in the guest.  *ID (or
 * NULL) becomes the device's id, in memory of the application.  What the plan of today would
 * change beside the device is a refusal. */
VL_EXPORT int vl_server_attach (struct vl_app *app, const char *server, enum vl_device_kind kind,
                                const char *spec, const char *name, const char **id);
/* What SERVER's guest would call the volume SPEC, that is not attached to it: Nova's
 * get_device_name_for_instance.  NAME as above.  *DEVICE ("vdb") is memory of the application.  What
 * vl_server_attach would refuse is refused; nothing is changed. */
VL_EXPORT int vl_server_device_name (struct vl_app *app, const char *server, const char *spec,
                                     const char *name, const char **device);
/* Takes DEVICE away: a volume by its id, uuid, name in the guest or file, an interface by its id,
 * MAC address or tap.  It is the server's until the guest has let go of it (DeviceDetachFailed). */
VL_EXPORT int vl_server_detach (struct vl_app *app, const char *server, enum vl_device_kind kind,
                                const char *device);
/* VOLUME of SERVER, named as for vl_server_detach, has grown, or with BYTES, 0: as it is, is to
 * grow to that, which a file does here: a guest that runs is told.  It never gets smaller
 * (VolumeExtendFailed).  *NOW (or NULL) is what it has then. */
VL_EXPORT int vl_server_extend (struct vl_app *app, const char *server, const char *volume,
                                int64_t bytes, int64_t *now);
/* The file of SPEC ("path=FILE,format=FORMAT"), which is as large, or larger where the guest is off, takes the place of VOLUME
 * of SERVER, a file too.  To a guest that runs or is paused goes what is on the old one, over what was
 * in the new one; of one that is off nothing is copied.  Until it is done both are the server's. */
VL_EXPORT int vl_server_swap (struct vl_app *app, const char *server, const char *volume,
                              const char *spec);
/* The guest of SERVER writes what it changes of VOLUME, a file (raw or qcow2) that is the server's alone,
 * to an overlay from now on: the new qcow2 file PATH.  What the volume was stays as it is in its file, and
 * both are the server's.  A guest whose agent is enabled is frozen for that moment; with
 * os_require_quiesce it must be.  A volume that has a snapshot does not grow, is not swapped
 * and not taken away; it may have another. */
VL_EXPORT int vl_server_volume_snapshot (struct vl_app *app, const char *server, const char *volume,
                                         const char *path);
/* What is in OVERLAY of VOLUME, NULL: the one that its guest writes to, is merged into the file below, which
 * takes its place; the overlay is removed. */
VL_EXPORT int vl_server_volume_unsnapshot (struct vl_app *app, const char *server,
                                           const char *volume, const char *overlay);
/* What is in the files between BASE and the overlay that the guest writes to is copied into that one, which
 * lies over BASE then; NULL: over nothing.  They stay, and are not the server's any more. */
VL_EXPORT int vl_server_volume_pull (struct vl_app *app, const char *server, const char *volume,
                                     const char *base);
/* The I-th status that a server can have, "ACTIVE", or NULL. */
VL_EXPORT const char *vl_server_status (size_t i);
/* Gives SERVER the flavor FLAVOR on this host: its guest shuts down within TIMEOUT seconds, its disks
 * are copied and grown (never shrunk: ResizeError), and it starts again if it ran.  It is
 * VERIFY_RESIZE then: its old disks and document are kept until vl_server_resize_end, which with
 * REVERT gives it back what it was, and else lets that go.  What is guarded goes only at or below
 * the paths ACCEPT_LOSS (NULL-terminated, or NULL). */
VL_EXPORT int vl_server_resize (struct vl_app *app, const char *server, const char *flavor,
                                uint32_t timeout, const char *const *accept_loss);
VL_EXPORT int vl_server_resize_end (struct vl_app *app, const char *server, int revert,
                                    uint32_t timeout);
/* Makes an image, called NAME-shelved, of the root disk of SERVER, whose guest shuts down within TIMEOUT
 * seconds, and removes its local disks, but for the config drive: it is SHELVED_OFFLOADED then.  Its
 * record, volumes and interfaces stay its own; processors, memory and room for disks are free.  A server
 * that boots from a volume has no image.  ACCEPT_LOSS (NULL-terminated, or NULL): the disks that are in
 * no image and may go, "ephemeral0". */
VL_EXPORT int vl_server_shelve (struct vl_app *app, const char *server, uint32_t timeout,
                                const char *const *accept_loss);
/* Makes the disks of SERVER anew, the root disk of that image, and starts its guest; the image is
 * removed then, unless other servers use it.  ACCEPT_LOSS: as of vl_server_update. */
VL_EXPORT int vl_server_unshelve (struct vl_app *app, const char *server,
                                  const char *const *accept_loss);
/* How a server is rescued, or rebuilt. */
struct vl_rebuild_options {
  uint32_t timeout;                  /* seconds for the guest to shut down; 0: it is not asked */
  const char *image;                 /* NULL: the server's own */
  const char *password;              /* the administrator's, for the config drive alone, or NULL */
  const struct vl_guest_file *files; /* the same; of a rebuild */
  size_t n_files;
  const char *const *accept_loss; /* of a rebuild: as of vl_server_update */
  /* Of a rebuild, as of vl_create_options: the file that takes the place of the user data, pairs that
   * take the place of all metadata, and pairs that come to the server's own properties.  NULL: as
   * they are. */
  const char *user_data;
  const char *const *metadata, *const *properties;
};
/* Boots SERVER's guest from a new disk that is made of an image.  Where the image has hw_rescue_bus
 * or hw_rescue_device that is one disk more, and all else is as it was (Nova's stable rescue);
 * else it takes the place of the root disk, which is the second one, and no other is there.  The
 * server is RESCUE then: its own disks and document are kept until vl_server_unrescue, which
 * starts its guest as it was, and removes what was made. */
VL_EXPORT int vl_server_rescue (struct vl_app *app, const char *server,
                                const struct vl_rebuild_options *options);
VL_EXPORT int vl_server_unrescue (struct vl_app *app, const char *server);
/* Makes the disks of SERVER anew that are its own, from an image that becomes its image: root,
 * ephemeral, swap and config drive; what was on them is gone.  Its volumes are not touched; uuid,
 * interfaces and flavor stay.  It runs then, or is off where it was off. */
VL_EXPORT int vl_server_rebuild (struct vl_app *app, const char *server,
                                 const struct vl_rebuild_options *options);
/* Starts the servers that were ACTIVE before the host's boot and whose guests are off, once
 * in a boot; FN is called with the name of each that was started.  0; 1 where the setting
 * resume_guests_state_on_host_boot is off, and nothing is started; or -1 after findings: it can
 * be called again then. */
VL_EXPORT int vl_host_resume (struct vl_app *app, int (*fn) (void *, const char *), void *opaque);
/* Interrupts SERVER's guest (NMI), which then does what its system has for that; or, with PATH,
 * a file that is not there yet in a folder that nobody else can write to, writes its memory into
 * that file, which is the caller's alone.  0, or -1 after findings. */
VL_EXPORT int vl_server_dump (struct vl_app *app, const char *server, const char *path);
/* Makes the image IMAGE of SERVER's root disk, which stands alone, in the format of that disk.  Of
 * IMAGE its name and properties count: they stand above those that the server's own image had.  The
 * guest goes on: the image is the disk at one moment, and its file systems are frozen for that where
 * it has an agent; where its image says os_require_quiesce, an agent that does not answer is an
 * error.  0, or -1 after findings. */
VL_EXPORT int vl_server_snapshot (struct vl_app *app, const char *server,
                                  const struct vl_image_info *image);
/* Has the agent in SERVER's guest, which runs, set the password of its administrator: the user that the
 * image names (os_admin_user), else root, or Administrator under Windows.  PASSWORD, of 1 to 255
 * bytes, is neither logged nor recorded.  0, or -1 after findings. */
VL_EXPORT int vl_server_set_password (struct vl_app *app, const char *server, const char *password);
struct vl_guest_event; /* driver.h */
#define VL_LISTEN_TAKEN (-2)
/* Listens to the guests of the application's driver: FN is called as a driver's `listen` does
 * (driver.h), for guests with names of ours alone.  What FN answered where that is over 0; 0 where
 * the hypervisor has gone, -1 after findings.  VL_LISTEN_TAKEN where another process listens for
 * this STATE: it alone does. */
VL_EXPORT int vl_host_listen (struct vl_app *app, int (*fn) (void *, const struct vl_guest_event *),
                              void *opaque);
/* Records what EVENT tells: 0; 1 where another command works on the server, and it is to be
 * tried again; -1 after findings.  NULL: looks at all servers instead, for what nobody heard.
 * vl_events_tell_all calls `event` of features for all that is on record. */
VL_EXPORT int vl_event_record (struct vl_app *app, const struct vl_guest_event *event);
VL_EXPORT int vl_events_tell_all (struct vl_app *app);
/* What is periodic: ends what dead commands left, records what guests did by themselves, warns of
 * what is there without a record, and reboots hard each server whose soft reboot was interrupted
 * longer than the setting reboot_timeout ago, and whose guest is off; FN is called with its name.
 * 0; 1 where another process is at it; -1 after findings. */
VL_EXPORT int vl_host_tend (struct vl_app *app, int (*fn) (void *, const char *), void *opaque);
/* What of a server's record is changed; what is NULL stays. */
struct vl_server_change {
  const char *name;              /* the guest keeps its host name */
  const char *description;       /* up to 255 bytes; "": none */
  const char *status;            /* "active" or "error", where the one on record is wrong */
  const struct vl_property *set; /* image keys, above what the image says, and keys of
                                  * its flavor */
  size_t n_set;
  const char *const *unset; /* keys that the server itself has; NULL-terminated */
  int choose_loader;        /* 1: at the next start the hypervisor chooses firmware anew */
};
/* A guest that runs gets what its driver can change while it does, where nothing else changes; else
 * it goes on as it is: vl_server_diff shows what its next document will have, and vl_server_update
 * takes that.  An advice says which.  What a plan of the server with the change refuses, but for what it
 * refuses without it, is refused.  0; -1 after a finding, and nothing is changed. */
VL_EXPORT int vl_server_change (struct vl_app *app, const char *server,
                                const struct vl_server_change *change);
/* From now on nothing is done to SERVER (InstanceIsLocked) but what looks at it, what
 * vl_host_resume does, and a status that is put right; FORCE of a stop or a deletion overrules the
 * lock.  REASON: up to 255 bytes, or NULL.  Locked again it has the new reason. */
VL_EXPORT int vl_server_lock (struct vl_app *app, const char *server, const char *reason);
VL_EXPORT int vl_server_unlock (struct vl_app *app, const char *server);
/* What a plan of today would change of SERVER's document; arena memory of the
 * application.  0 with *N, or -1 where there is no such plan. */
VL_EXPORT int vl_server_diff (struct vl_app *app, const char *server,
                              const struct vl_change **changes, size_t *n);
/* Takes that plan, and boots the guest from it.  What is guarded goes only if it is at
 * or below a path of ACCEPT_LOSS (NULL-terminated, or NULL). */
VL_EXPORT int vl_server_update (struct vl_app *app, const char *server,
                                const char *const *accept_loss);
/* The document on record, by its reasons. */
VL_EXPORT int vl_server_provenance (struct vl_app *app, const char *server,
                                    const struct vl_provenance **rows, size_t *n);
VL_EXPORT int vl_server_log (struct vl_app *app, const char *server, const char **text,
                             size_t *length);

/* ---- guests that go to another host while they run ----
 *
 * Nova's calls, each by itself, for who runs both hosts: "at the destination" where the guest comes,
 * "at the source" where it is.  struct vl_migrate_data (driver.h) goes between them; what a call fills
 * is arena memory of the application.  Call order: at the destination check_can_live_migrate_destination,
 * at the source check_can_live_migrate_source, at the destination
 * cleanup_live_migration_destination_check, which follows in any case, and pre_live_migration; at the source live_migration; then
 * post_live_migration and post_live_migration_at_source there and
 * post_live_migration_at_destination, or, where it has not gone, both of rollback_*. */

/* Makes a file that who has the same folder for disks sees: *NAME, or NULL where SERVER has no local
 * disks here, so that there is nothing to share.  0, or -1 after a finding. */
VL_EXPORT int vl_check_instance_shared_storage_local (struct vl_app *app, const char *server,
                                                      const char **name);
/* Is NAME, which was made at the other host, there?  1, 0, or -1 after a finding.  And removes it: one
 * that is not there is success. */
VL_EXPORT int vl_check_instance_shared_storage_remote (struct vl_app *app, const char *name);
VL_EXPORT int vl_check_instance_shared_storage_cleanup (struct vl_app *app, const char *name);
/* At the destination: can a guest with DATA's `cpu` come?  Fills `filename`, `disk_available_mb` and what the
 * driver knows.  0, or -1 after MigrationPreCheckError or another finding: no file is left then. */
VL_EXPORT int vl_check_can_live_migrate_destination (struct vl_app *app,
                                                     struct vl_migrate_data *data);
VL_EXPORT int vl_cleanup_live_migration_destination_check (struct vl_app *app,
                                                           const struct vl_migrate_data *data);
/* At the source: can SERVER's guest go?  Features are asked (`permit`).  Fills the rest of DATA.
 * InvalidLocalStorage: its disks are to be copied, and are shared; InvalidSharedStorage: neither;
 * MigrationPreCheckError: there is no room for them. */
VL_EXPORT int vl_check_can_live_migrate_source (struct vl_app *app, const char *server,
                                                struct vl_migrate_data *data);
/* At the destination: makes the guest's folder, unless that is shared.  DestinationDiskExists: it is
 * there.  What it has done rollback_live_migration_at_destination undoes. */
VL_EXPORT int vl_pre_live_migration (struct vl_app *app, const struct vl_migrate_data *data);
/* At the source: has the guest of SERVER go to host DEST, a name or an address.  It is MIGRATING from
 * then on, and stays that where it has gone, or where nobody knows: nothing else is done to it.  0; -1
 * after a finding: what it is now vl_server_find tells.  InvalidHostname, LiveMigrationURINotAvailable. */
VL_EXPORT int vl_live_migration (struct vl_app *app, const char *server,
                                 const struct vl_migrate_data *data, const char *dest,
                                 vl_migration_fn fn, void *opaque);
/* At the source, from any process while that goes on.  NoActiveMigrationForInstance. */
VL_EXPORT int vl_live_migration_abort (struct vl_app *app, const char *server);
VL_EXPORT int vl_live_migration_force_complete (struct vl_app *app, const char *server);
/* At the source, after it has gone. */
VL_EXPORT int vl_post_live_migration (struct vl_app *app, const char *server);
VL_EXPORT int vl_post_live_migration_at_source (struct vl_app *app, const char *server);
/* At the destination: 0 where the guest has come and runs, or is paused. */
VL_EXPORT int vl_post_live_migration_at_destination (struct vl_app *app,
                                                     const struct vl_migrate_data *data);
/* At the source: SERVER, which is MIGRATING, is what it was, where its guest is here and nothing copies
 * it any more.  InstanceNotFound: it is not here, and stays MIGRATING. */
VL_EXPORT int vl_rollback_live_migration_at_source (struct vl_app *app, const char *server);
/* At the destination: what has come of the guest goes, but no disk. */
VL_EXPORT int vl_rollback_live_migration_at_destination (struct vl_app *app,
                                                         const struct vl_migrate_data *data);

/* What the host of the driver has, and what it does: Nova's get_available_resource,
 * get_host_cpu_stats and get_host_uptime.  What the driver cannot say is -1, and a warning says
 * why. */
struct vl_usage {
  struct vl_resources resources;
  struct vl_host_cpu cpu;
  int64_t uptime;     /* seconds */
  int64_t local_free; /* bytes */
  int64_t growth;     /* bytes that the disks of servers may still take of those: Nova's
                   * disk_available_least is what is left of both */
  const struct vl_host *host;
  const char *const *traits; /* COMPUTE_* of the driver's calls, NULL-terminated */
};
VL_EXPORT int vl_host_usage (struct vl_app *app, struct vl_usage *usage);
/* Figures of SERVER, which runs or is paused; of NULL: of all guests of the driver that do, ours
 * or not, which the hypervisor is asked about once. */
VL_EXPORT int vl_server_diagnostics (struct vl_app *app, const char *server, vl_diagnostics_fn fn,
                                     void *opaque);
/* Calls FN with each guest of the hypervisor of the application's driver, ours or not: Nova's
 * list_instances.  0, what FN answered, or -1 after a finding. */
VL_EXPORT int vl_host_instances (struct vl_app *app, vl_instance_fn fn, void *opaque);
/* Does the hypervisor have the guest INSTANCE: a server's name or uuid, or the uuid of a guest that is
 * on no record, of which the application's driver is asked?  1, 0, or -1 after a finding. */
VL_EXPORT int vl_instance_exists (struct vl_app *app, const char *instance);
/* What the hypervisor says of it, in the members that are within the size of INFO: 0, or -1 after a
 * finding.  Nova's get_info; InstanceNotFound where there is no such guest. */
VL_EXPORT int vl_instance_info (struct vl_app *app, const char *instance, struct vl_info *info);
/* What the server with this UUID is called on record, without asking a driver; NULL where there is
 * none.  Arena memory of the application. */
VL_EXPORT const char *vl_server_name (struct vl_app *app, const char *uuid);
/* What guests that run or are paused have done to one volume: Nova's block_stats, of which its
 * get_all_volume_usage is one for each. */
struct vl_volume_usage {
  const char *server, *uuid; /* the server's name and uuid */
  const char *id, *source;   /* of the volume, and where it is */
  const struct vl_disk_figures *figures;
};
typedef int (*vl_volume_usage_fn) (void *opaque, const struct vl_volume_usage *usage);
/* Calls FN with each volume of the driver's servers, by one call of the hypervisor.  A volume of which
 * nothing is known is left out.  0, what FN answered, or -1 after a finding. */
VL_EXPORT int vl_host_volume_usage (struct vl_app *app, vl_volume_usage_fn fn, void *opaque);
/* Where the console TYPE ("vnc", "spice", "serial", or what Nova calls them) of SERVER is reached.
 * ConsoleTypeInvalid: there is no such type; ConsoleTypeUnavailable: no guest, or this one, has
 * it.  Texts are arena memory of the application. */
VL_EXPORT int vl_server_console (struct vl_app *app, const char *server, const char *type,
                                 struct vl_console *console);
/* Takes the serial console of SERVER, which one process at a time can read, until APP is freed.
 * 0; -1 after a finding, ConsoleInUse where another one has it.  Nothing else is held up. */
VL_EXPORT int vl_server_console_hold (struct vl_app *app, const char *server);
/* What is to be seen on the display of SERVER, as a PNG: into the new file FILE, which is the
 * caller's alone, or, for NULL, to the descriptor FD.  FileExists: nothing is written over FILE. */
VL_EXPORT int vl_server_screenshot (struct vl_app *app, const char *server, const char *file,
                                    int fd);

/* ---- records between hosts ---- */

/* What is on record of SERVER as one JSON document, with checksum, host and generation: *TEXT, in memory of the
 * application, or, where FOLDER is not NULL, the file UUID.json in that, in the place of an older one, and
 * *TEXT is NULL.  It has no secret and no disk, but what they are called. */
VL_EXPORT int vl_server_export (struct vl_app *app, const char *server, const char *folder,
                                const char **text);
#define VL_IMPORT_DRY_RUN 1u /* nothing is written */
#define VL_IMPORT_REPLACE 2u /* one that is here, and off, becomes that of the record */
#define VL_IMPORT_FENCED 4u  /* the caller answers for it: the host of the record runs no guest */

/* Makes the server of TEXT, a record of LENGTH bytes that another host exported and that ORIGIN is for the
 * findings, one of this STATE, SHUTOFF: planned of the record and of what this host is.  Refused are a
 * server that is here (but with VL_IMPORT_REPLACE in FLAGS), one that may run on the host that exported it (but with
 * VL_IMPORT_FENCED), an older record than this host knows of, disks and images that are not there or others, and
 * what the guest would see.  No disk is made or removed.
 * *CHANGES are the *N differences of both documents, in memory of the application, also where they are
 * refused. */
VL_EXPORT int vl_server_import (struct vl_app *app, const char *text, size_t length,
                                const char *origin, unsigned flags,
                                const struct vl_change **changes, size_t *n);

/* ---- servers that move ---- */

#define VL_MIGRATE_DRY_RUN 1u /* all that can refuse it is asked, and nothing is done */
/* Moves SERVER, ACTIVE or SHUTOFF, to HOST, which migration_transport reaches: its guest is switched off (TIMEOUT
 * seconds to shut down), becomes the other host's by one step there, and is started there where it ran.  Its
 * disks are not copied: both hosts reach them.  *CHANGES are the *N differences that its document has there,
 * in memory of the application.  0; -1 after findings: it is what it was, or MIGRATING where the other
 * host does not answer, which each later command asks. */
VL_EXPORT int vl_server_migrate (struct vl_app *app, const char *server, const char *host,
                                 unsigned flags, uint32_t timeout, const struct vl_change **changes,
                                 size_t *n);
/* The other end of that, until IN ends: JSON lines from IN, answers to OUT; the descriptors stay the
 * caller's.  0, or -1 after a line that was none. */
VL_EXPORT int vl_migration_serve (struct vl_app *app, int in, int out);
/* A server on its way. */
struct vl_migration_info {
  const char *server, *uuid, *kind; /* "cold", "live" */
  const char *host;                 /* where it goes; NULL: a caller's affair */
  const char *status, *begun, *fault;
};
/* Calls FN for each until it answers other than 0.  That answer, or -1 after a finding. */
VL_EXPORT int vl_migration_each (struct vl_app *app,
                                 int (*fn) (void *opaque,
                                            const struct vl_migration_info *migration),
                                 void *opaque);

/* ---- STATE as a whole ---- */

/* Something that is in STATE and on no record, or the other way round. */
struct vl_state_fault {
  const char *kind; /* "store", "row", "operation", "server", "image", "folder", "file", "guest",
                       "driver" */
  const char *id;   /* what it is accepted by; NULL: it is not mended by vl_state_check */
  const char *loss; /* what goes where it is mended, or NULL */
  const char *text; /* a sentence */
  int mended;       /* it is mended next */
};
/* Compares the records with folders, images and guests, and has FN called for each fault.
 * MEND: what takes nothing is mended, and what takes something where its id is among ACCEPTED
 * (NULL-terminated, or NULL).  0, what FN answered, or -1 after findings. */
VL_EXPORT int vl_state_check (struct vl_app *app, int mend, const char *const *accepted,
                              int (*fn) (void *, const struct vl_state_fault *), void *opaque);
/* A copy of the records, in STATE/backup: *FILE (or NULL) is its path.  The first command of a
 * day that changes something makes one, too. */
VL_EXPORT int vl_state_backup (struct vl_app *app, const char **file);
/* Puts the copy FILE (NULL: the last one of STATE) in the place of the records, which are
 * moved to *KEPT. */
VL_EXPORT int vl_state_restore (struct vl_app *app, const char *file, const char **kept);

#ifdef __cplusplus
}
#endif

#endif
