/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Host facts: a sorted map from dotted key to a value or a list of values. */

#ifndef VL_CORE_HOST_H
#define VL_CORE_HOST_H

#include "context/call.h"
#include "plugin/registry.h"

struct vl_fact {
  char *key;
  char **values; /* "true" and "false" are flags */
  size_t n, size;
  int list;  /* written as a list even with one value */
  int used;  /* looked up since vl_host_forget_use */
  int given; /* by vl_host_import_fact: the next one of its key is added */
};

struct vl_cpu_map; /* cpumap.c */

struct vl_host {
  struct vl_fact *facts; /* in byte order of the key once vl_host_sort ran */
  size_t n, size;
  size_t last; /* where the last one that was found is: the next look-up is often of it, too */
  int sorted;
  int live;
  struct vl_cpu_map *cpu_map; /* NULL until asked for */
};

/* Many facts at once: append them to an empty host with vl_host_append and
 * vl_fact_put, then merge.  A fact is good until the next append. */
struct vl_fact *vl_host_append (struct vl_host *host, const char *key, int list);
void vl_fact_put (struct vl_fact *fact,
                  const char *value); /* a value that is there is not added twice */
/* Is VALUE one of FACT's?  NULL has none. */
int vl_fact_has (const struct vl_fact *fact, const char *value);
/* Moves the facts of FRESH, which is left empty, into HOST: one that HOST has
 * too is replaced.  Where FRESH has a key twice, lists are joined and the later
 * value stays. */
void vl_host_merge (struct vl_host *host, struct vl_host *fresh);
void vl_host_sort (struct vl_host *host);
/* Is there a fact whose key begins with PREFIX? */
int vl_host_has_any (const struct vl_host *host, const char *prefix);
/* The facts whose key begins with PREFIX: *FIRST is the first, answers how many. */
size_t vl_host_range (const struct vl_host *host, const char *prefix, size_t *first);

const struct vl_fact *vl_host_find (const struct vl_host *host, const char *key);
/* Reads a host file.  NULL after a finding naming ORIGIN and the JSON path. */
struct vl_host *vl_host_from_json (struct vl_call *call, const char *text, size_t length,
                                   const char *origin);
/* NAME is a path, or a name under $(datadir)/virtloom/hosts (TREE/tests/hosts
 * and TREE/drivers/fake/hosts when uninstalled). */
struct vl_host *vl_host_load (struct vl_call *call, const char *tree, const char *name);
/* Which facts a build used, as a host file's JSON ("facts" only those). */
void vl_host_forget_use (struct vl_host *host);
char *vl_host_used_json (const struct vl_host *host);
/* Adds cpu-model.NAME.features of the installed cpu_map for each model named
 * in caps.* facts (and the models they are built on). */
void vl_host_add_cpu_map (struct vl_call *call, struct vl_host *host);
void vl_cpu_map_free (struct vl_cpu_map *map);
/* For STATE; the caller frees.  NULL: a value has a tab or the end of a line. */
char *vl_host_to_lines (const struct vl_host *host);
struct vl_host *vl_host_from_lines (const char *text);
#define VL_CPU_MAP VL_LIBVIRT_SCHEMAS "/../cpu_map"
/* What a file of /proc or /sys says; the caller frees.  NULL: it is not there. */
char *vl_kernel_file (const char *path);
/* Adds what the kernel says: release, module parameters, cgroups, devices. */
void vl_host_probe_system (struct vl_call *call, struct vl_host *host);
/* Adds storage.direct_io: can files in DIR be opened past the page cache?  And
 * storage.capacity: the bytes of the file system that DIR is in, storage.file_size those that
 * a file there can have. */
void vl_host_probe_storage (struct vl_call *call, struct vl_host *host, const char *dir);

/* What kept facts rest on; see vl_stamp_file in driver.h.  Zero-initialise; free
 * with vl_str_free. */
struct vl_stamp {
  struct vl_str text;
};
/* The kernel's part and ours: this boot, this user, processors, memory, pools of
 * pages, KVM, libvirt's CPU map. */
void vl_stamp_system (struct vl_stamp *stamp);

/* Facts of a host, for the core itself.  A fact is true, false, a value, a list of values, or
 * unknown; predicates answer 1 yes, 0 no, -1 unknown.  Each look-up during a
 * build is recorded with the plan. */
/* Is PATH a device of HOST: 1 or 0; -1 where its file does not say. */
int vl_host_device (const struct vl_host *host, const char *path);
int vl_host_flag (const struct vl_host *host, const char *key);
int vl_host_offers (const struct vl_host *host, const char *key, const char *value);
const char *vl_host_str (const struct vl_host *host, const char *key);
/* Is the version in fact KEY ("libvirt.version") at least ATLEAST ("8.3.0")? */
int vl_host_at_least (const struct vl_host *host, const char *key, const char *atleast);
/* Adding facts, in probe only.  Text "true" and "false" are flags. */
void vl_host_set (struct vl_host *host, const char *key, const char *value);
void vl_host_add (struct vl_host *host, const char *key, const char *value);

#endif
