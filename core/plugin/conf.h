/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Configuration folders: virtloom.conf and plugins.d/NAME.conf in three
 * layers, merged by key, each value with the file and line that set it. */

#ifndef VL_CORE_CONF_H
#define VL_CORE_CONF_H

#include "plugin/registry.h"

/* One value of one file kind; FILE "virtloom.conf" or a plugin's name. */
struct vl_conf_entry {
  const char *file; /* "virtloom.conf" or "plugins.d/NAME.conf" */
  const char *section, *key, *value;
  const char *path; /* the file that won */
  int line;
  int continued; /* the first indented line of VALUE, or 0 */
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
  struct vl_setting_slot *slots; /* virtloom.conf, parallel to vl_config_table () */
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
/* The table behind it, for import-nova and `config show`. */
const struct vl_setting *vl_config_table (size_t *n);

/* The value of an entry whose row is TYPE: a list's indented lines become items.
 * NULL after *WHY where the value goes on in indented lines and is no list. */
const char *vl_conf_entry_text (struct vl_arena *arena, const struct vl_conf_entry *entry,
                                enum vl_type type, const char **why);

#endif
