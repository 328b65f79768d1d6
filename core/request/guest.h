/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The guest: every property of every loaded feature and of the core, raw by
 * layer, then resolved, with the reason for each value. */

#ifndef VL_CORE_GUEST_H
#define VL_CORE_GUEST_H

#include "context/call.h"
#include "host/host.h"
#include "plugin/conf.h"
#include "plugin/registry.h"
#include "lib/cpuset.h"
#include "request/request.h"

enum vl_resolution { VL_UNRESOLVED = 0, VL_RESOLVING, VL_RESOLVED, VL_FAILED };

struct vl_guest_prop {
  const char *name; /* full */
  const struct vl_prop *row;
  struct vl_plugin *plugin;        /* NULL: the core's own */
  const struct vl_raw *const *raw; /* by layer; NULL: nothing was said there */
  struct vl_value value;
  const char *why;    /* property or fact it was derived from, or NULL */
  const char *reason; /* how, or NULL */
  enum vl_layer origin;
  enum vl_resolution state; /* of the core's own */
  uint32_t owner;           /* the plugin's number in the registry; its n: the core */
  uint32_t filler;          /* of slots: 1 + the number of the property that fills it */
};

struct vl_recorded; /* recorded.h */

struct vl_guest {
  struct vl_call *call;
  struct vl_registry *registry;
  const struct vl_request *request;
  const struct vl_host *host;
  const struct vl_config *config;
  struct vl_plugin *driver;
  struct vl_guest_prop *props; /* in byte order of the name */
  size_t n_props;
  /* Parallel to registry->plugins. */
  enum vl_resolution *resolution;
  int *failed; /* left out of later phases */
  int *active;
  const char **active_why; /* "hw:watchdog_action=reset (flavor)", "woken by memory-pages" */
  struct vl_disk *disks;
  const struct vl_block_device *
      *disk_devices;         /* parallel to DISKS: NULL where not of the request */
  struct vl_volume *volumes; /* parallel to DISKS: as they were asked for, */
  struct vl_source *sources; /* and where they are */
  size_t n_disks;
  struct vl_nic *nics;
  size_t n_nics;
  enum vl_resolution disks_state, nics_state;
  int frozen;
  const char **chain; /* what is being resolved, for the cycle message */
  size_t n_chain;
  struct vl_guest_work *work; /* core/request's own */
  /* What is on record of it, NULL: it is new.  Set before resolve; a build gives its
   * devices back what they have. */
  const struct vl_recorded *was;
  int loaded; /* all of it is on record: the reason of a value is its cause */
};

/* Parse: makes the guest of REQUEST.  Unknown keys, bad values, conflicts are
 * findings; a guest always comes back, as the guest of CALL and in its memory.
 * REQUEST, which must not be a constant object, is changed in one thing: its
 * config_drive is set where the image or virtloom.conf make one mandatory. */
struct vl_guest *vl_guest_new (struct vl_call *call, struct vl_registry *registry,
                               const struct vl_config *config, struct vl_plugin *driver,
                               const struct vl_request *request, const struct vl_host *host);
/* Resolve: all features, core properties and slots, disks and NICs; then
 * freezes the guest. */
void vl_guest_resolve (struct vl_guest *guest);
/* Fails FEATURE and, from then on, all that read one of its properties. */
void vl_guest_fail (struct vl_guest *guest, struct vl_plugin *plugin);
/* Did PLUGIN read something that failed?  Then what it said since is dropped, as
 * it follows from that. */
int vl_guest_spoilt (struct vl_guest *guest, const struct vl_plugin *plugin);

struct vl_guest_prop *vl_guest_find (const struct vl_guest *guest, const char *full_name);
/* Sets a core property (core only). */
void vl_guest_put (struct vl_guest *guest, const char *name, const char *text, const char *why,
                   const char *reason);
/* CALL is about GUEST (or NULL): findings about its properties say where their
 * values come from. */
const char *vl_origin_text (struct vl_call *call, const char *prop);
void vl_call_about (struct vl_call *call, struct vl_guest *guest);
/* "hw:watchdog_action=reset (flavor)" and, in *CHAIN, one line for each step
 * below it down to a request key, a setting or a host fact; arena memory. */
const char *vl_guest_cause (const struct vl_guest *guest, const char *prop, const char **chain);
/* Refuses traits that the host has not and no active feature honours, those that are
 * forbidden and had, and resources that no active feature takes.  After activation. */
void vl_guest_judge_traits (struct vl_guest *guest);
/* Is KEY one of flavors, and none of images? */
int vl_key_is_flavors (struct vl_registry *registry, const char *key);
/* What is wrong with N keys and values of LAYER by themselves, as far as that shows
 * without a host: those of a flavor or an image that is set.  0, or -1 after findings. */
int vl_keys_judge (struct vl_call *call, struct vl_registry *registry,
                   const struct vl_config *config, enum vl_layer layer,
                   const struct vl_property *list, size_t n);

/* What DRIVER (NULL: none) says of SLOT, or with NULL which domain type it makes; NULL
 * where it says nothing.  A build that was told the answers of an earlier one does not
 * ask again. */
const char *vl_driver_answer (struct vl_call *call, const struct vl_plugin *driver,
                              const char *slot);
/* "true" where DRIVER (NULL: none) can start a guest that needs a secret of
 * libvirt's, else "false". */
const char *vl_driver_secrets (struct vl_call *call, const struct vl_plugin *driver);

/* What guests may have in all of TOTAL, by Nova's options for "cpu", "ram" (MiB) or
 * "disk" (GiB): less what is reserved for the host, times the allocation ratio.  *HOW
 * says so in a few words. */
int64_t vl_capacity (const struct vl_guest *guest, const char *what, int64_t total,
                     const char **how);
/* How many CPUs, or MiB of memory, the facts of the host count up to: -1 where they do
 * not say, or after a refusal. */
int64_t vl_host_cpus (struct vl_call *call);
int64_t vl_host_memory (struct vl_call *call);

/* defaults.c: what an empty slot takes under libvirt. */
const char *vl_slot_default (struct vl_call *call, const char *slot);

#endif
