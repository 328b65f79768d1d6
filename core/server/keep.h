/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Other disks and another document for the guest of a server, with the way back: what resize,
 * rebuild and rescue share.  Internal to core/server. */

#ifndef VL_CORE_KEEP_H
#define VL_CORE_KEEP_H

#include "server/hooks.h"

/* Where the disks of a server are kept while it may get others: FOLDER ("resize") of its own
 * folder DIR.  In it lie the disks that it had, as further names of the same files, and until they
 * take their places the new ones. */
struct vl_keeping {
  struct vl_app *app;
  const char *server, *dir, *folder;
  int anew; /* all disks are made anew: one that is gone is not missed */
};

/* The name of DISK in the server's folder DIR, NULL where it does not lie there. */
const char *vl_keep_name (const char *dir, const struct vl_disk *disk);
/* Is DISK there, and a file to be trusted, if it lies in the folder DIR?  Asked before a guest is
 * switched off, which may have it open still.  0, or -1 after a finding. */
int vl_keep_judge (struct vl_app *app, const char *dir, const struct vl_disk *disk);
/* The same of all disks of WAS. */
int vl_keep_judge_all (struct vl_app *app, const char *dir, const struct vl_recorded *was);
/* Makes the folder, which must not be there. */
int vl_keep_begin (const struct vl_keeping *keeping);
/* Keeps each disk of WAS, which the server has. */
int vl_keep_disks (const struct vl_keeping *keeping, const struct vl_recorded *was);
/* Makes the disks of PLAN beside those that are kept: what the guest's own data is on is copied
 * from WAS and grown, the config drive copied, since the password and the files on it are kept
 * nowhere else, and swap is made anew; with ANEW all are. */
int vl_keep_make (const struct vl_keeping *keeping, const struct vl_hooks *next,
                  const struct vl_plan *plan, const struct vl_recorded *was, int anew);
/* Each new disk takes its place, and what has no place any more goes: all of it is kept. */
int vl_keep_switch (const struct vl_keeping *keeping, const struct vl_recorded *was,
                    const struct vl_guest *guest);
/* Is there something kept? */
int vl_keep_there (const struct vl_keeping *keeping);
/* Lets go of it. */
int vl_keep_forget (const struct vl_keeping *keeping);
/* The disks of document OLD are what they were, however far their replacement by those of
 * document NEW had come; what else is kept is still. */
int vl_keep_bring_back (const struct vl_keeping *keeping, const char *old, const char *new);

/* A server whose guest becomes another one, for a while or for good. */
struct vl_turning {
  struct vl_app *app;
  const struct vl_rebuild_options *options;
  struct vl_record record; /* as it is */
  struct vl_plugin *driver;
  struct vl_hooks current;
  struct vl_plan *plan; /* of what it becomes */
  int on;               /* its guest is */
};
/* Finds SERVER, takes its lock, and has FN do what OPTIONS say.  0 or -1. */
int vl_turn (struct vl_app *app, const char *server, const struct vl_rebuild_options *options,
             int (*fn) (struct vl_turning *turning));
/* May operation WORD ("rescue", of states.c) be done to it?  What is on record of it is loaded.  0, or
 * -1 after findings. */
int vl_turn_load (struct vl_turning *turning, const char *word);
/* Are the devices of RECORD's server on record?  0, or -1 after GuestWouldChange. */
int vl_stored_judge (struct vl_call *call, const struct vl_record *record,
                     const struct vl_stored *stored);
/* The record of server UUID, on which a command died, and its driver.  0, or -1 after a finding. */
int vl_turn_left (struct vl_app *app, const char *uuid, struct vl_record *record,
                  struct vl_plugin **driver);

/* In the server's folder, where a rebuild keeps what it takes the place of. */
#define VL_KEPT_REBUILT "rebuild"

/* The driver's call that makes a guest one of another document. */
enum vl_becoming {
  VL_BECOME_NEXT,    /* finish_migration */
  VL_BECOME_BEFORE,  /* finish_revert_migration */
  VL_BECOME_RESCUED, /* rescue */
  VL_BECOME_ITSELF,  /* unrescue */
  VL_BECOME_REBUILT, /* rebuild */
  VL_BECOME_UNBUILT, /* finish_revert_migration, of a rebuild */
};
/* Has the driver make the guest of RECORD one of the document of HOOKS; it runs then, or not. */
int vl_guest_become (const struct vl_hooks *hooks, const struct vl_record *record, int runs,
                     enum vl_becoming how);
/* Does the guest of RECORD run, or stand still in memory?  1, 0, -1. */
int vl_guest_is_on (struct vl_app *app, struct vl_plugin *driver, const struct vl_record *record);
/* The guest is off, which may have shut down in SECONDS; that it did not is a warning. */
int vl_guest_switch_off (struct vl_app *app, struct vl_plugin *driver,
                         const struct vl_record *record, uint32_t seconds);

#endif
