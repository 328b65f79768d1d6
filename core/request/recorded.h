/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is on record of a guest that exists: what it was made of, and the devices
 * that it has.  Plugins are asked about it as it is, never as it would be planned
 * today. */

#ifndef VL_CORE_RECORDED_H
#define VL_CORE_RECORDED_H

#include "request/guest.h"

/* A value as it was resolved. */
struct vl_recorded_prop {
  const char *name;   /* full */
  const char *device; /* "": of the guest */
  const char *type;   /* vl_row_type, NULL: not known */
  const char *value, *cause;
};

/* A feature that was active. */
struct vl_recorded_feature {
  const char *plugin, *version;
  const char *acts; /* vl_plugin_acts */
  const char *cause;
};

/* A disk or NIC, and what is kept of it beside its description. */
struct vl_recorded_device {
  int is_nic;
  struct vl_disk disk;
  struct vl_nic nic;
  const char *unit;    /* or NULL */
  const char *address; /* what the hypervisor gave it, NULL: not known */
};

struct vl_recorded {
  int earlier; /* of a schema without types and features: TYPE is NULL, FEATURES empty */
  struct vl_recorded_prop *props; /* in byte order of name and device */
  size_t n_props;
  struct vl_recorded_feature *features; /* in byte order of the plugin */
  size_t n_features;
  struct vl_entry *keys; /* metadata too, in that layer; the values of secrets are "" */
  size_t n_keys;
  struct vl_recorded_device *devices; /* the disks in their order, then the NICs */
  size_t n_devices;
};

/* "bool", "cpuset"; "int.N" of an indexed row. */
const char *vl_row_type (const struct vl_prop *row);
/* What PLUGIN does beside the build: "permit prepare", "" where it only writes;
 * arena memory of CALL. */
const char *vl_plugin_acts (struct vl_call *call, const struct vl_plugin *plugin);

/* Takes out of REQUEST, which is GUEST's, all entries of secret rows: what is kept of a
 * server has none. */
void vl_request_forget_secrets (const struct vl_guest *guest, struct vl_request *request);

/* Records a refusal (exit 7) with HINT for each value of WAS, of a feature that was
 * active, that the module of today does not take as it was written.  A row that
 * WAS lacks, and one that no loaded module has, is none.  ONLY: of that plugin; NULL: of
 * all.  0, or -1. */
int vl_recorded_check (struct vl_call *call, struct vl_registry *registry,
                       const struct vl_recorded *was, const char *only, const char *hint);
/* The guest that WAS describes, as the guest of CALL and in its memory, frozen: rows
 * have the values on record, where vl_recorded_check has nothing against them;
 * others are unset.  Settings of features that are not on record are those of today.  The features on record that are loaded are active; where WAS is
 * of an earlier schema, those that say so of these values.  WAS, which lives as long
 * as CALL, is borrowed. */
struct vl_guest *vl_guest_load (struct vl_call *call, struct vl_registry *registry,
                                const struct vl_config *config, struct vl_plugin *driver,
                                const struct vl_recorded *was, const struct vl_host *host);

/* The device of WAS (NULL: there is none) whose id is ID, or NULL. */
const struct vl_recorded_device *vl_recorded_device (const struct vl_recorded *was, const char *id);
/* What is on record of feature PLUGIN, or NULL. */
const struct vl_recorded_feature *vl_recorded_feature (const struct vl_recorded *was,
                                                       const char *plugin);

#endif
