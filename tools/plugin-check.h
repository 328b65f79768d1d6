/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the files of `plugin check` share: the tests so far, and a small tree in
 * which the module is loaded beside all shipped features. */

#ifndef VL_PLUGIN_CHECK_H
#define VL_PLUGIN_CHECK_H

#include "tool.h"

/* In memory that the child, where the module's code runs, shares. */
struct tap {
  int tests, failures;
  int finished; /* the child came to its end */
};

struct checking {
  struct tool *tool;
  struct tap *tap;
  const char *file;  /* as it was given */
  char *name;        /* of the plugin, from the file's name */
  char *folder;      /* the small tree; NULL: not made */
  char *host, *bare; /* host files in it */
  struct elf_facts elf;
  struct vl_note_desc note; /* as the gate read it */
  int conf_beside;          /* NAME.conf stands beside FILE and was taken */
};

/* "ok N - WHAT" or "not ok N - WHAT" with "# why" below; answers OK. */
int tap_ok (struct tap *tap, int ok, const char *what, const char *fmt, ...) VL_PRINTF (4, 5);
void tap_skip (struct tap *tap, const char *what, const char *why);
void tap_note (const char *fmt, ...) VL_PRINTF (1, 2);

/* plugin-tree.c: makes the tree, removes it.  0; -1 after a finding. */
int check_tree_make (struct checking *c, const unsigned char *bytes, size_t length);
void check_tree_remove (struct checking *c);
/* Writes plugins.d/NAME.conf with KEYS, blank-separated. */
int check_tree_conf (struct checking *c, enum vl_kind kind, const char *keys);
/* A session in the tree, with the driver that needs no hypervisor; NULL after a
 * finding of TOOL. */
struct vl_app *check_tree_open (struct checking *c, const char *host);

/* plugin-try.c: in the child. */
void check_code (struct checking *c);

#endif
