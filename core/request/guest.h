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
#include "request/request.h"

/* What one layer says of a property. */
struct vl_raw {
  struct vl_value value;
  const char *key, *text, *origin; /* what was written where; key NULL: a default */
};

enum vl_resolution { VL_UNRESOLVED = 0, VL_RESOLVING, VL_RESOLVED, VL_FAILED };

struct vl_guest_prop {
  const char *name; /* full */
  const struct vl_prop *row;
  struct vl_plugin *plugin;              /* NULL: the core's own */
  size_t owner;                          /* the plugin's number in the registry; its n: the core */
  const struct vl_raw *raw[VL_N_LAYERS]; /* NULL: nothing was said there */
  struct vl_value value;
  enum vl_layer origin;
  const char *why;          /* property or fact it was derived from, or NULL */
  const char *reason;       /* how, or NULL */
  size_t filler;            /* of slots: 1 + the number of the property that fills it */
  enum vl_resolution state; /* of the core's own */
};

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
  size_t n_disks;
  struct vl_nic *nics;
  size_t n_nics;
  enum vl_resolution disks_state, nics_state;
  int frozen;
  const char **chain; /* what is being resolved, for the cycle message */
  size_t n_chain;
  struct vl_guest_work *work; /* core/request's own */
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
int vl_guest_failed (const struct vl_guest *guest, const struct vl_plugin *plugin);
/* Did PLUGIN read something that failed?  Then what it said since is dropped, as
 * it follows from that. */
int vl_guest_spoilt (struct vl_guest *guest, const struct vl_plugin *plugin);

struct vl_guest_prop *vl_guest_find (const struct vl_guest *guest, const char *full_name);
/* Sets a core property (core only). */
void vl_guest_put (struct vl_guest *guest, const char *name, const char *text, const char *why,
                   const char *reason);
/* CALL is about GUEST (or NULL): findings about its properties say where their
 * values come from. */
void vl_call_about (struct vl_call *call, struct vl_guest *guest);
/* "hw:watchdog_action=reset (flavor)" and, in *CHAIN, one line for each step
 * below it down to a request key, a setting or a host fact; arena memory. */
const char *vl_guest_cause (const struct vl_guest *guest, const char *prop, const char **chain);
/* One advice finding for each required trait that no active feature honours. */
void vl_guest_advise_traits (struct vl_guest *guest);

/* defaults.c: what an empty slot takes under libvirt. */
const char *vl_slot_default (struct vl_call *call, const struct vl_guest *guest,
                             const struct vl_host *host, const char *slot);

#endif
