/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Operations and their undo log.  What an operation will make is written down
 * before it is made; what is undone is only what is
 * proven to be made by this operation.  Internal to core/server.
 *
 * An operation belongs to whoever holds the lock of its object; one whose lock
 * is free was left by a command that died. */

#ifndef VL_CORE_UNDO_H
#define VL_CORE_UNDO_H

#include "server/record.h"
#include "server/session.h"
#include "storage/storage.h"

/* Kinds of operations. */
#define VL_OP_SERVER_CREATE "server create"
#define VL_OP_SERVER_IMPORT "server import"
/* import-replace.c */
#define VL_OP_SERVER_REPLACE "server import replace"
#define VL_OP_SERVER_DELETE "server delete"
#define VL_OP_SERVER_UPDATE "server update"
/* The rest of a deletion: the guest is gone, plugins that are not there hold something. */
#define VL_OP_SERVER_RELEASE "server release"
/* Before "volume" or "interface": server-devices.c. */
#define VL_OP_SERVER_ATTACH "server attach "
#define VL_OP_SERVER_DETACH "server detach "
/* server-resize.c; before nothing, " confirm", " revert". */
#define VL_OP_SERVER_RESIZE "server resize"
/* Before a word of server-act.c, "server stop": the driver is called for it. */
#define VL_OP_SERVER "server "
#define VL_OP_SERVER_RESCUE "server rescue"
#define VL_OP_SERVER_UNRESCUE "server unrescue"
#define VL_OP_SERVER_REBUILD "server rebuild"
#define VL_OP_SERVER_SHELVE "server shelve"
#define VL_OP_SERVER_UNSHELVE "server unshelve"
#define VL_OP_SERVER_DUMP "server dump"
/* password.c */
#define VL_OP_SERVER_PASSWORD "server set password"
/* snapshot.c */
#define VL_OP_SERVER_SNAPSHOT "server create image"
#define VL_OP_SERVER_LIVE "server set live"
#define VL_OP_SERVER_SWAP "server swap volume"
/* server-volume.c */
#define VL_OP_SERVER_VOLUME_SNAPSHOT "server snapshot volume"
#define VL_OP_SERVER_VOLUME_MERGE "server unsnapshot volume"
#define VL_OP_SERVER_EXTEND "server extend volume"
/* live-migration.c */
#define VL_OP_SERVER_LIVE_MIGRATION "server live migration"
/* migrate.c */
#define VL_OP_SERVER_MIGRATE "server migrate"
#define VL_OP_IMAGE_CREATE "image create"
#define VL_OP_IMAGE_DELETE "image delete"
#define VL_OP_IMAGE_DOWNLOAD "image download"
/* The file goes, the record stays. */
#define VL_OP_IMAGE_EVICT "image evict"

/* Why an action is "interrupted". */
#define VL_WAS_KILLED "the command that did it was killed; the next one undid it"

/* Kinds of things that are made. */
#define VL_MADE_FOLDER "folder"
#define VL_MADE_FILE "file"
#define VL_MADE_INSIDE "image"
#define VL_MADE_DOMAIN "domain"
#define VL_MADE_DEVICE "equipment"  /* a disk or NIC of the server that is the object; its id */
#define VL_MADE_SNAPSHOT "snapshot" /* uuid of the image that the server's disk becomes */
#define VL_MADE_SIZE "size"         /* of a volume, which grows: its bytes, a blank, its id */
/* A volume's overlay, which is removed once neither guest nor record has it: its device and inode as
 * "1f:2a", a blank, its path.  Until then the operation goes on when its document is the current one. */
#define VL_MADE_MERGED "merged"
#define VL_MADE_VOLUME "volume"   /* id of a volume whose files below the first become others */
#define VL_MADE_REQUEST "request" /* what the server will be asked as: JSON */
#define VL_MADE_GIVEN "given"     /* what will be on its config drive: server.given */
#define VL_MADE_STILL "still"     /* that a guest stands still which ran */
/* Nothing that is made: how far an operation has come that replaces a guest.  "on" or "off": it
 * begins, with a guest that was that; "done", which is before these in the alphabet: the guest is
 * the new one.  "merged": the file below an overlay has all that is in that. */
#define VL_MADE_TURN "turn"

/* Nothing that is made either: the host that a server moves to, the generation that its record has there,
 * and the status that it had. */
#define VL_MOVES_TO "moves to"
#define VL_MOVES_WITH "moves with"
#define VL_MOVES_FROM "moves from"

/* Inside a transaction: operation KIND on OBJECT begins, which of a server's is in its history;
 * DRIVER or NULL. */
int vl_undo_begin (struct vl_store *store, const char *object, const char *kind,
                   const char *driver);
/* history.c, inside a transaction but for vl_history_end, which is one statement.  ACTION on SERVER
 * begins, done by the user that this process runs as. */
int vl_history_begin (struct vl_store *store, const char *server, const char *action);
/* What is under way on SERVER has ended with RESULT: "done", "failed" or "interrupted". */
int vl_history_end (struct vl_store *store, const char *server, const char *result,
                    const char *reason);
/* WHAT ("crashed") has happened to SERVER, which nobody did here. */
int vl_history_happened (struct vl_store *store, const char *server, const char *what,
                         const char *reason);
/* Thing NAME will be made; durable when the transaction is. */
int vl_undo_plan (struct vl_store *store, const char *object, const char *kind, const char *name);
/* Makes the folder PATH, which was planned, and marks it with the operation's own token, which
 * proves whose it is.  0, or -1 after a finding. */
int vl_undo_mkdir (struct vl_store *store, const char *object, const char *path);
/* Takes that mark away. */
void vl_undo_unmark (struct vl_call *call, const char *path);
/* The planned file, which is VL_MADE_INSIDE the marked folder FILE.new, will be moved to its
 * place; inside a transaction: it is there to stay, and the folder remains to be removed. */
int vl_undo_moves (struct vl_store *store, const char *object);
int vl_undo_moved (struct vl_store *store, const char *object);
/* The operation is over, whatever it made stays.  It was done, if vl_history_end did not say
 * otherwise before. */
int vl_undo_end (struct vl_store *store, const char *object);
/* The same in a transaction of its own; in its history the operation had RESULT ("failed") for REASON. */
int vl_undo_close (struct vl_store *store, const char *object, const char *result,
                   const char *reason);
/* The first NAME, in the order of the alphabet, of what KIND is planned for the operation on OBJECT;
 * NULL where there is none.  0, or -1 after a finding. */
int vl_undo_planned (struct vl_store *store, const char *object, const char *kind,
                     const char **name);
/* Removes what the operation on OBJECT made, newest kinds first: domain, files,
 * folders.  0, or -1 after findings; then the log stays for the next try. */
int vl_undo_roll_back (struct vl_app *app, struct vl_store *store, const char *object);

/* Finishes or rolls back the operation on OBJECT that a dead command left, if there is
 * one; the object's lock is held.  0, or -1 after findings. */
int vl_undo_mend (struct vl_app *app, struct vl_store *store, const char *object);
/* The same for all, once per session.  What cannot be mended now is a warning and
 * stays for later. */
void vl_recover (struct vl_app *app, struct vl_store *store);
/* The same for images alone, which opens no driver. */
void vl_recover_images (struct vl_app *app, struct vl_store *store);

/* Has the driver destroy the guest and clean up after it; a guest that is not
 * there is success. */
int vl_guest_remove (struct vl_app *app, const char *driver_name, const char *uuid);
/* server-delete.c: the rest of a deletion, from whatever point it had reached; the last of
 * it, when the guest is gone: plugins release what they hold, folder DIR goes (NULL: there
 * is none), the server is forgotten.  The lock is held.  A server whose plugins are not
 * there stays DELETING, after warnings, and that is success.  0, or -1 after findings. */
int vl_server_delete_rest (struct vl_app *app, const char *uuid, const char *driver);
int vl_server_forget (struct vl_app *app, const char *uuid, const char *dir);
/* image.c: the rest of the deletion of an image; its lock is held.  0, or -1 after a
 * finding. */
int vl_image_delete_rest (struct vl_app *app, const char *uuid);
/* image-create.c: undoes the download of image UUID, and forgets the image unless it had bytes
 * before.  Is it one that waits to be gone on with?  1, 0, -1.  Makes it one, if it can be. */
int vl_image_drop (struct vl_app *app, struct vl_store *store, const char *uuid);
int vl_image_parked (struct vl_store *store, const char *uuid);
int vl_image_download_mend (struct vl_app *app, struct vl_store *store, const char *uuid);
/* Can there be an image like IMAGE?  0, or -1 after findings.  Makes it, with its uuid, of what FILL,
 * which answers 0 or -1, puts into the new file PATH, in the image's format. */
typedef int (*vl_image_fill) (void *opaque, const char *path);
/* The same of an image that is on record and not here. */
int vl_image_fill_again (struct vl_app *app, const struct vl_image_info *image, vl_image_fill fill,
                         void *opaque);
int vl_image_judge (struct vl_app *app, const struct vl_image_info *image);
int vl_image_fill_in (struct vl_app *app, const struct vl_image_info *image, vl_image_fill fill,
                      void *opaque);
/* Downloads what IMAGE, which is on record, had. */
int vl_image_fetch_again (struct vl_app *app, const struct vl_image_info *image);
/* image-cache.c: the rest of removing the file of image UUID, which stays on record. */
int vl_image_evict_rest (struct vl_app *app, const char *uuid);
/* server-act.c: a command died when it called the driver for operation KIND on the
 * server: what came of that is recorded.  0 or -1. */
int vl_server_act_mend (struct vl_app *app, const char *uuid, const char *kind);
/* Removes the folders, anywhere, that have the mark of the operation on OBJECT, and what is in
 * them.  0, or -1 after a finding. */
int vl_undo_drop_folders (struct vl_app *app, struct vl_store *store, const char *object);
/* Where the new file PATH of the server UUID is made: a folder beside it, which nobody else can enter.
 * And the PATH that FOLDER is for; "" where it is none. */
const char *vl_undo_folder_of (struct vl_call *call, const char *path, const char *uuid);
const char *vl_undo_target_of (struct vl_call *call, const char *folder, const char *uuid);
/* server-volume.c: of VL_OP_SERVER_VOLUME_SNAPSHOT and _MERGE. */
int vl_server_volume_mend (struct vl_app *app, const char *uuid, const char *kind);
/* dump.c: a command died that wrote a dump of the server: that is gone, unless it was whole. */
int vl_server_dump_mend (struct vl_app *app, const char *uuid);
/* snapshot.c: a command died that made an image of the server's disk: the copy is given up, the guest
 * thawed, and what was made of it is gone, unless the image was whole. */
int vl_server_snapshot_mend (struct vl_app *app, const char *uuid);
/* password.c: a command died that set a password: whether it is set nobody can tell. */
int vl_server_password_mend (struct vl_app *app, const char *uuid);
/* live-migration.c: a command died in which the server's guest went to another host: it is given up,
 * where the guest is here; else the server stays MIGRATING. */
int vl_live_migration_mend (struct vl_app *app, const char *uuid);
/* import-replace.c: a command died in which the server's record was to be replaced: it is what it was. */
int vl_import_replace_mend (struct vl_app *app, const char *uuid);
/* server-extend.c: a command died in which a volume of the server grew: it grows. */
int vl_server_extend_mend (struct vl_app *app, const char *uuid);

/* server-resize.c: the same for operation KIND, VL_OP_SERVER_RESIZE and so on. */
int vl_server_resize_mend (struct vl_app *app, const char *uuid, const char *kind);
/* server-rescue.c: of VL_OP_SERVER_RESCUE and _UNRESCUE; server-rebuild.c. */
int vl_server_rescue_mend (struct vl_app *app, const char *uuid, const char *kind);
int vl_server_rebuild_mend (struct vl_app *app, const char *uuid);
/* server-shelve.c: of VL_OP_SERVER_SHELVE and _UNSHELVE. */
int vl_server_shelve_mend (struct vl_app *app, const char *uuid);
int vl_server_unshelve_mend (struct vl_app *app, const char *uuid);

#endif
