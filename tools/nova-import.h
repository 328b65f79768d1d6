/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One run of `virtloom config import-nova`. */

#ifndef VL_TOOL_NOVA_IMPORT_H
#define VL_TOOL_NOVA_IMPORT_H

#include "nova.h"
#include "tool.h"

/* A file of the new folder. */
struct file {
  const char *path; /* "plugins.d/rng.conf" */
  struct vl_str text;
  const char *section; /* that TEXT is in */
  int lines;           /* of TEXT */
  mode_t mode;         /* 0600 with a secret in it */
  size_t n_settings;
};

/* A setting that was written. */
struct written {
  const struct nova_option *option;
  const char *path, *section, *key, *value;
  int first, last; /* its lines in PATH */
};

struct import {
  struct tool *tool;
  struct nova_conf conf, names;
  const char *out, *work; /* the folder, and what it is called until it is whole */
  const char *driver;     /* that was chosen, or NULL */
  struct file *files;
  size_t n_files, files_size;
  struct written *written;
  size_t n_written, written_size;
  int bad;
};

/* A finding about OPTION, at its origin; an error makes IM bad. */
void import_tell (struct import *im, enum vl_severity severity, const char *code,
                  const struct nova_option *option, const char *fmt, ...) VL_PRINTF (5, 6);
/* The value of KEY in [SECTION] of nova-options.conf, or "". */
const char *import_known (const struct import *im, const char *section, const char *key);
/* Is TEXT one of the words of LIST, which may be globs? */
int import_among (const char *list, const char *text);
/* nova-told.c: warns of lines that are not carried over though they say something of guests. */
void import_told_left (struct import *im);
/* Says what was written, and what was not. */
void import_told (struct import *im);

#endif
