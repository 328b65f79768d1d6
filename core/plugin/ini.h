/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading one INI file strictly: whatever inih would split, cut, merge or pass
 * over in silence is refused with file and line. */

#ifndef VL_CORE_PLUGIN_INI_H
#define VL_CORE_PLUGIN_INI_H

#include "context/call.h"
#include "lib/text.h"

#define VL_INI_MOST_BYTES (64 * 1024)
#define VL_INI_LONGEST_LINE 198 /* inih cuts at 200 with newline and NUL */

struct vl_ini_entry {
  const char *section, *key;
  const char *value;   /* indented lines follow with '\n' between */
  int line, continued; /* the line of the key; of the first indented line, or 0 */
  int added;           /* LINE where it is written KEY += VALUE, else 0 */
};

struct vl_ini_section {
  const char *name;
  int line;
};

struct vl_ini {
  struct vl_ini_entry *entries; /* memory of the arena, in the order of the file */
  size_t n;
  struct vl_ini_section *sections;
  size_t n_sections;
};

/* Reads TEXT, LENGTH bytes, of file PATH.  0, or -1 after one finding per bad
 * line (exit 7) of plugin PLUGIN (NULL: the core) with origin PATH:LINE. */
int vl_ini_parse (struct vl_call *call, struct vl_arena *arena, const char *plugin,
                  const char *path, const char *text, size_t length, struct vl_ini *ini);

/* Opens PATH, checks owner and mode, reads and parses it.  0; 1 where there is
 * no such file; 2 where it is a mask, a link to /dev/null; -1 after findings. */
int vl_ini_read (struct vl_call *call, struct vl_arena *arena, const char *plugin, const char *path,
                 struct vl_ini *ini);

/* *NAMES gets what FOLDER has, sorted.  0; 1 where it is not there; -1 after a finding: *WHY it is
 * not trusted, and then there may be names all the same, for what they stand for to be
 * refused. */
int vl_ini_folder (struct vl_call *call, struct vl_arena *arena, const char *folder,
                   struct vl_strv *names, const char **why);

/* A finding with origin PATH:LINE (PATH alone where LINE is 0), VL_ERR_REFUSED. */
int vl_ini_error (struct vl_call *call, const char *plugin, const char *path, int line,
                  const char *hint, const char *fmt, ...) VL_PRINTF (6, 7);

/* Tells of names in the configuration folder FOLDER that are nearly those that are read. */
void vl_ini_tell_misspelt (struct vl_call *call, const char *folder);

#endif
