/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Configuration folders: virtloom.conf and plugins.d/NAME.conf in three
 * layers, merged by key, each value with the file and line that set it. */

#ifndef VL_CORE_CONF_H
#define VL_CORE_CONF_H

#include "plugin/ini.h"
#include "plugin/registry.h"

/* One value of one file kind; FILE "virtloom.conf" or a plugin's name. */
struct vl_conf_entry {
  const char *file; /* "virtloom.conf" or "plugins.d/NAME.conf" */
  const char *section, *key, *value;
  const char *path; /* the file that won */
  int line;
  int continued;               /* the first indented line of VALUE, or 0 */
  int added;                   /* the last line that adds to the value with +=, or 0 */
  const char *packaged;        /* what the lowest layer says, or NULL */
  const char *packaged_origin; /* FILE:LINE of that */
  int layer;                   /* that won: 0 the packaged one */
  int onto; /* no layer says KEY = VALUE: what is added is added to the default */
};

/* A file kind that at least one layer has. */
struct vl_conf_file {
  const char *file;   /* as in vl_conf_entry; the same pointer */
  const char *plugin; /* the plugin's name, NULL: virtloom.conf */
  const char *path;   /* in the lowest layer that has it */
  const char *why;    /* why it is refused in some layer, or NULL */
};

struct vl_config {
  struct vl_arena *arena;
  struct vl_conf_entry *entries; /* sorted by file, section, key */
  size_t n, size;
  struct vl_config_value *public_values;
  struct vl_conf_file *files; /* sorted by file */
  size_t n_files, files_size;
  int layer;            /* that is read */
  struct vl_base *base; /* virtloom.conf, parallel to vl_config_table () */
  struct vl_ini known;  /* known.c's: nova-names.conf */
};

struct vl_config *vl_config_new (void);
void vl_config_free (struct vl_config *config);
/* Reads all layers.  0, or -1 after findings with file and line (exit 7) where
 * virtloom.conf or --config itself is at fault.  A plugin's bad file is a
 * finding and a vl_conf_file with its reason; the registry refuses the plugin. */
int vl_config_read (struct vl_call *call, struct vl_config *config, const struct vl_places *places);
const struct vl_conf_entry *vl_config_find (const struct vl_config *config, const char *file,
                                            const char *section, const char *key);
/* virtloom.conf's own settings, typed by the table in conf.c; NULL if unset.
 * KEY is "driver" (section virtloom) or "storage.images_type". */
const char *vl_config_str (const struct vl_config *config, const char *key);
int vl_config_bool (const struct vl_config *config, const char *key);
int64_t vl_config_int (const struct vl_config *config, const char *key);
/* The items of a list, NULL-terminated. */
const char *const *vl_config_items (const struct vl_config *config, const char *key, size_t *n);

/* What ENTRY (NULL: nothing is set) and the default say of ROW, typed.  0, or -1
 * with *WHY and, in *TEXT, what was written. */
int vl_base_read (struct vl_arena *arena, const struct vl_prop *row,
                  const struct vl_conf_entry *entry, struct vl_base *base, const char **text,
                  const char **why);
/* The name of the plugin whose FILE (no folder) ends in SUFFIX; NULL where it is none's. */
const char *vl_plugin_of_file (struct vl_arena *arena, const char *file, const char *suffix);
/* The value of an entry: a list's indented lines become items. */
const char *vl_conf_entry_text (struct vl_arena *arena, const struct vl_conf_entry *entry);

/* known.c: reads nova-names.conf, what Nova's names mean, at PATH.  0, or -1 after
 * findings with file and line (exit 7). */
int vl_known_read (struct vl_call *call, struct vl_config *config, const char *path);
/* The value of KEY in [SECTION] of it, or NULL. */
const char *vl_known (const struct vl_config *config, const char *section, const char *key);
/* Is request key KEY one of those that Nova knows and virtloom has not?  0: no; 1: yes,
 * and VALUE asks for nothing; -1: yes.  *WHY is a sentence of the file. */
int vl_known_unsupported (const struct vl_config *config, const char *key, const char *value,
                          const char **why);
/* Is NAME of the form of a trait or resource class: capitals, digits and '_'? */
int vl_trait_name_ok (const char *name);
/* Does one of GLOBS, apart from each other by blanks or commas, match TEXT? */
int vl_glob_any (const char *globs, const char *text);

#endif
