/* SPDX-License-Identifier: MIT
 *
 * What a feature plugin is: a table of properties, a table of settings, the
 * subtrees it writes, and one callback per phase.  See virtloom-feature(3). */

#ifndef VIRTLOOM_FEATURE_H
#define VIRTLOOM_FEATURE_H

#include <virtloom/tool.h>
#include <virtloom/types.h>
#include <virtloom/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What someone wants to do to a running guest. */
enum vl_op {
  VL_OP_SUSPEND = 1,
  VL_OP_RESUME = 2,
  VL_OP_LIVE_MIGRATE = 3,
  VL_OP_HOTPLUG = 4,
  VL_OP_SNAPSHOT = 5,
  VL_OP_RESIZE = 6,
};

enum vl_event {
  VL_EVENT_STARTED = 1,
  VL_EVENT_STOPPED = 2,
  VL_EVENT_PAUSED = 3,
  VL_EVENT_RESUMED = 4,
  VL_EVENT_WATCHDOG = 5,
};

/* Callbacks return 0, or -1 after vl_error ().  Any of them may be NULL. */
struct vl_feature {
  uint32_t body_size;  /* filled by VL_FEATURE */
  const char *version; /* the plugin's own */
  const char *summary; /* one line */

  struct vl_table props;     /* struct vl_prop */
  struct vl_table settings;  /* struct vl_setting */
  struct vl_table writes;    /* struct vl_write */
  struct vl_table reads;     /* struct vl_name: properties of others, core ones included */
  struct vl_table wakes;     /* struct vl_name: features made active with this one */
  struct vl_table needs;     /* struct vl_name: features that must be active too */
  struct vl_table conflicts; /* struct vl_name: features that must not be */
  struct vl_table traits;    /* struct vl_name: required traits it honours */

  /* In the order in which they are called. */
  int (*resolve) (struct vl_call *, struct vl_guest *, const struct vl_host *);
  int (*active) (const struct vl_guest *); /* 0 or 1; NULL: active */
  int (*validate) (struct vl_call *, const struct vl_guest *, const struct vl_host *);
  int (*claim) (struct vl_call *, const struct vl_guest *, const struct vl_host *);
  int (*contribute) (struct vl_call *, const struct vl_guest *, const struct vl_host *);
  int (*adjust) (struct vl_call *, const struct vl_guest *, const struct vl_host *);
  int (*check) (struct vl_call *, const struct vl_guest *, const struct vl_host *);

  /* Outside the build. */
  int (*probe) (struct vl_call *, struct vl_host *);       /* live hosts: add facts NAME.* */
  int (*ready) (struct vl_call *, const struct vl_host *); /* are my settings possible here? */
  int (*permit) (struct vl_call *, const struct vl_guest *, enum vl_op);
  int (*event) (struct vl_call *, const struct vl_guest *, enum vl_event);
  struct vl_table tools; /* struct vl_tool_row: outside programs, see tool.h */
  /* New members go below this line only. */
};

/* The last thing in a plugin's file:
 *
 *   VL_FEATURE (watchdog, "watchdog", .summary = "...", .props = VL_TABLE (props), ...);
 *
 * IDENT is the plugin's name with '_' for '-'. */
#define VL_FEATURE(ident, label, ...)                                                              \
  VL_NOTE_ (ident, label, VL_KIND_FEATURE, VL_VERSION);                                            \
  VL_EXPORT extern const struct vl_feature ident##_LTX_virtloom_module;                            \
  const struct vl_feature ident##_LTX_virtloom_module = { .body_size = sizeof (struct vl_feature), \
                                                          __VA_ARGS__ }

/* ---- reading values: resolve and every later phase ----
 *
 * PROP is a full name.  Own properties may be given by their short name.  A
 * property of a feature that is not loaded reads as unset; one that is not in
 * `reads` is a programming error.  Reading resolves its owner first. */
VL_EXPORT int vl_guest_has (const struct vl_guest *guest, const char *prop);
VL_EXPORT int vl_guest_bool (const struct vl_guest *guest, const char *prop);    /* unset: 0 */
VL_EXPORT int64_t vl_guest_int (const struct vl_guest *guest, const char *prop); /* unset: 0 */
VL_EXPORT const char *vl_guest_str (const struct vl_guest *guest,
                                    const char *prop); /* unset: NULL */
/* VL_LIST and indexed rows. */
VL_EXPORT size_t vl_guest_count (const struct vl_guest *guest, const char *prop);
VL_EXPORT const char *vl_guest_item (const struct vl_guest *guest, const char *prop, size_t i);
/* Is the resolved text of PROP equal to TEXT?  0 where it is unset. */
VL_EXPORT int vl_guest_is (const struct vl_guest *guest, const char *prop, const char *text);

/* Own raw values by layer, for VL_BY_FEATURE rows: what the flavor said, what
 * the image said (VL_LAYER_IMAGE also answers for the request layer). */
VL_EXPORT int vl_guest_layer_has (const struct vl_guest *guest, const char *prop,
                                  enum vl_layer layer);
VL_EXPORT int vl_guest_layer_bool (const struct vl_guest *guest, const char *prop,
                                   enum vl_layer layer);
VL_EXPORT int64_t vl_guest_layer_int (const struct vl_guest *guest, const char *prop,
                                      enum vl_layer layer);
VL_EXPORT const char *vl_guest_layer_str (const struct vl_guest *guest, const char *prop,
                                          enum vl_layer layer);
/* Where the resolved value came from. */
VL_EXPORT enum vl_layer vl_guest_origin (const struct vl_guest *guest, const char *prop);

/* Is the trait required (unsuffixed or in any group) by the flavor or image?
 * LAYERS is a mask of 1 << VL_LAYER_FLAVOR and 1 << VL_LAYER_IMAGE. */
VL_EXPORT int vl_guest_trait (const struct vl_guest *guest, const char *name, unsigned layers);
/* The required traits that start with PREFIX, in byte order: the I-th, or NULL. */
VL_EXPORT const char *vl_guest_trait_item (const struct vl_guest *guest, const char *prefix,
                                           unsigned layers, size_t i);
/* The amount of a `resources:NAME=` request (any group added up), 0 for none. */
VL_EXPORT int64_t vl_guest_resource (const struct vl_guest *guest, const char *name);

/* A disk as it will be, laid out before any XML.  Text members are NULL where
 * they do not apply; all are borrowed. */
struct vl_disk {
  const char *role;   /* root, ephemeral, swap, config, volume */
  const char *device; /* disk, cdrom, floppy, lun */
  const char *type;   /* file, block, network */
  const char *source; /* path or name */
  const char *format; /* raw, qcow2 */
  const char *bus;    /* virtio, scsi, ide, sata, usb, fdc */
  const char *dev;    /* vda */
  int32_t boot;       /* place in the boot order from 1, 0: not booted from */
  int32_t index;      /* its number in guest.disk */
  const char *serial; /* volumes: the volume's id */
  uint32_t readonly, shareable;
  const char *why; /* the property or key behind it */
  /* New members go below this line only. */
};
VL_EXPORT size_t vl_guest_n_disks (const struct vl_guest *guest);
VL_EXPORT const struct vl_disk *vl_guest_disk (const struct vl_guest *guest, size_t i);

struct vl_nic {
  const char *type;   /* bridge, user, network */
  const char *source; /* the bridge's name; NULL for user */
  const char *model;  /* virtio ... */
  const char *mac;
  const char *vnic_type;
  int32_t mtu; /* 0: not given */
  int32_t index;
  const char *why;
  /* New members go below this line only. */
};
VL_EXPORT size_t vl_guest_n_nics (const struct vl_guest *guest);
VL_EXPORT const struct vl_nic *vl_guest_nic (const struct vl_guest *guest, size_t i);

/* ---- resolve only ---- */

/* Sets an own property to VALUE, text that is parsed by the row's type; NULL
 * unsets it.  WHY is the property it was derived from (NULL: none), REASON says
 * how in a few words ("the flavor asks for avx2"). */
VL_EXPORT int vl_guest_set (struct vl_call *call, struct vl_guest *guest, const char *prop,
                            const char *value, const char *why, const char *reason);

/* ---- ready only ---- */

/* The domain type that the driver will give its guests: kvm, qemu, lxc; NULL
 * where there is no driver. */
VL_EXPORT const char *vl_ready_virt_type (const struct vl_call *call);

/* ---- claim only ---- */

/* This guest needs AMOUNT of the TOTAL that the host has of RESOURCE
 * ("MEM_ENCRYPTION_CONTEXT:amd-sev"). */
VL_EXPORT int vl_claim (struct vl_call *call, const char *resource, int64_t amount, int64_t total,
                        const char *why);

/* ---- the document: contribute and adjust ----
 *
 * NODE NULL is the domain.  PATH is relative to NODE ("features/kvm").  WHY is
 * the property behind the call, NULL for what made the feature active.  A call
 * that fails records a finding and answers with a node that swallows what is
 * written to it, so that callers need not test each answer. */
#define VL_WEAK 0x1u /* goes when another feature forbids it */

VL_EXPORT struct vl_node *vl_ensure (struct vl_call *call, struct vl_node *node, const char *path,
                                     unsigned flags, const char *why);
/* KEY is "attr=value[,attr=value]"; those attributes are set on it. */
VL_EXPORT struct vl_node *vl_ensure_keyed (struct vl_call *call, struct vl_node *node,
                                           const char *path, const char *key, unsigned flags,
                                           const char *why);
VL_EXPORT struct vl_node *vl_append (struct vl_call *call, struct vl_node *node, const char *path,
                                     const char *why);
/* No element at PATH (keyed ones: "devices/controller[type=usb]"). */
VL_EXPORT int vl_forbid (struct vl_call *call, const char *path, const char *why);
VL_EXPORT int vl_set (struct vl_call *call, struct vl_node *node, const char *attr,
                      const char *value, const char *why);
VL_EXPORT int vl_set_default (struct vl_call *call, struct vl_node *node, const char *attr,
                              const char *value, const char *why);
VL_EXPORT int vl_text (struct vl_call *call, struct vl_node *node, const char *value,
                       const char *why);

/* ---- the document: adjust and check ---- */

/* The attribute ("@bus", "target/@bus") or text ("model") at PATH below NODE,
 * NULL if absent.  In adjust: as contribute left the document. */
VL_EXPORT const char *vl_get (struct vl_call *call, const struct vl_node *node, const char *path);
/* The element's name. */
VL_EXPORT const char *vl_node_name (const struct vl_node *node);
/* Calls FN for each element that PATH matches ('*' is any one element) below
 * the domain, in document order; stops and answers with what is not 0. */
typedef int (*vl_each_fn) (struct vl_call *call, struct vl_node *node, void *opaque);
VL_EXPORT int vl_each (struct vl_call *call, const char *path, vl_each_fn fn, void *opaque);

#ifdef __cplusplus
}
#endif

#endif
