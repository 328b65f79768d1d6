/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the tests of storage and records share: a rig, images made by qemu-img,
 * applications on a STATE below the rig. */

#ifndef VL_TESTS_ROOM_H
#define VL_TESTS_ROOM_H

#include "rig.h"

#include "server/session.h"

#define MIB (1 << 20)

extern struct rig rig;
/* The rig's context, in tests without an application. */
extern struct vl_call *call;
/* An application on STATE "state" of the rig. */
extern struct vl_app *app;

/* Fixtures: the rig with virtloom.conf CONF (NULL: none); the rig and APP. */
void room_start (const char *conf);
void room_setup (void);
void room_teardown (void);
void room_app_setup (void);
void room_app_teardown (void);

/* The number that SQL, of one row and column, answers. */
int64_t number (struct vl_store *store, const char *sql);
/* Path NAME of the rig's folder. */
const char *path (const char *name);
int exists (const char *name);
/* Runs ARGV, absolute program first, as it is; answers what it says, and ends the
 * test where it fails. */
const char *run (const char *const *argv);
/* The names in folder NAME, one a line. */
const char *listing (const char *name);
/* Runs qemu-img with up to seven words. */
void qemu_img (const char *a, const char *b, const char *c, const char *d, const char *e,
               const char *f, const char *g);
/* A new image; answers its path. */
const char *make (const char *name, const char *format, const char *size);

/* Another application; the caller frees. */
struct vl_app *open_app (const char *state);
/* The findings of OF so far, in words; then it has none. */
const char *findings (struct vl_app *of);

#endif
