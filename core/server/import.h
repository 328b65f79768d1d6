/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A server that comes from another host by its record.  Internal to core/server. */

#ifndef VL_SERVER_IMPORT_H
#define VL_SERVER_IMPORT_H

#include "server/exported.h"
#include "server/hooks.h"

struct vl_import {
  struct vl_app *app;
  const char *origin; /* of the record, for the findings */
  struct vl_exported exported;
  struct vl_record record; /* as it will be here */
  struct vl_plugin *driver;
  struct vl_plan *plan;
  struct vl_hooks hooks;
  struct vl_change *changes;
  size_t n;
  const char *dir;
  int makes_dir;          /* the server has no folder here yet */
  int replaces;           /* the one that is on record here may be LOCAL, and goes */
  struct vl_record local; /* whose lock is held; its uuid is NULL where there is none */
  struct vl_lock lock;
};

/* Reads TEXT, a record of LENGTH bytes, and judges whether its server can be this host's.
 * 0, or -1 after findings.  vl_import_free in either case. */
int vl_import_judge (struct vl_import *m, const char *text, size_t length);
/* Takes the server's lock, which M has from then on, and its claims: until vl_import_end the server is
 * BUILD.  0, or -1 after findings. */
int vl_import_begin (struct vl_import *m);
/* The guest is defined, and the server is this host's: 0.  Else -1 after findings. */
int vl_import_end (struct vl_import *m);
/* Nothing of what vl_import_begin did is left; findings from number FIRST on are why. */
void vl_import_undo (struct vl_import *m, size_t first);
void vl_import_free (struct vl_import *m);

/* Inside a transaction: the images that the server's disks lie on are its own here. */
int vl_import_images (const struct vl_import *m);
/* The guest of RECORD, which is off, is made one of document ROLE by the driver's finish_migration, or
 * with BACK by finish_revert_migration; HOOKS are filled, and the caller's to free.  0, or -1. */
int vl_import_define (struct vl_app *app, const struct vl_record *record, const char *role,
                      int back, struct vl_hooks *hooks);
/* import-replace.c: may the server on record here, M's LOCAL, be replaced?  0, or -1 after findings. */
int vl_import_judge_local (struct vl_import *m);
/* Its record becomes M's, and its guest one of that; its disks are left alone.  0, or -1 after findings,
 * and both are what they were. */
int vl_import_replace (struct vl_import *m);

#endif
