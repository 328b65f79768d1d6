/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Configuration of Nova: reading files of oslo.config's dialect, the names that options
 * had, and which of several lines counts.  All texts are the call's memory. */

#ifndef VL_TOOL_NOVA_H
#define VL_TOOL_NOVA_H

#include <virtloom/virtloom.h>

/* One assignment as it stands in a file. */
struct nova_option {
  const char *name;   /* "vnc.enabled": what Nova calls it today */
  const char *said;   /* "DEFAULT.vnc_enabled": what the file calls it */
  const char *value;  /* as it is written; nova_value () replaces "$name" in it */
  const char *origin; /* "FILE:LINE" */
  int file, line;     /* the number of the file, from 1 in the order of reading */
  int age;            /* 0: SAID is today's name; else which of the older ones it is */
  int gone;           /* Nova does not read SAID any more */
  int taken;          /* for the caller */
};

struct nova_conf {
  struct vl_call *call; /* set by the caller, the rest is zero at first */
  struct nova_option *options;
  size_t n, size;
  int n_files;
  size_t spent; /* of what all values together may become */
};

/* Adds what TEXT, the file PATH, assigns.  0; -1 after a finding for each bad line. */
int nova_read (struct nova_conf *conf, const char *path, const char *text);
/* Gives options their names of today, as sections [old] and [gone] of NAMES tell them, and
 * sorts: by name, and of one name the line that counts last, as oslo.config has it.
 * NAMES is what was read of nova-options.conf. */
void nova_settle (struct nova_conf *conf, const struct nova_conf *names);
/* The line that counts of option NAME of a CONF that is settled, or NULL. */
struct nova_option *nova_find (const struct nova_conf *conf, const char *name);
/* The value of OPTION with "$name", "${name}" and "$group.name" replaced by other options'
 * and "$$" by "$".  NULL after a finding: a name that no file sets, or that leads to
 * itself, or too much text altogether. */
const char *nova_value (struct nova_conf *conf, const struct nova_option *option);
void nova_free (struct nova_conf *conf);

#endif
