/* SPDX-License-Identifier: MIT
 *
 * What a feature plugin is: a table of rows, the subtrees of the document that it
 * writes, and one callback per phase.  A feature that reaches disks or networks
 * brings a group of calls besides (storage.h, network.h).  See
 * virtloom-feature(3). */

#ifndef VIRTLOOM_FEATURE_H
#define VIRTLOOM_FEATURE_H

#include <virtloom/tool.h>
#include <virtloom/types.h>
#include <virtloom/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What someone wants to do to a server. */
enum vl_op {
  VL_OP_CREATE = 1,
  VL_OP_START = 2,
  VL_OP_STOP = 3,
  VL_OP_REBOOT = 4,
  VL_OP_PAUSE = 5,
  VL_OP_UNPAUSE = 6,
  VL_OP_SUSPEND = 7,
  VL_OP_RESUME = 8,
  VL_OP_RESCUE = 9,
  VL_OP_UNRESCUE = 10,
  VL_OP_REBUILD = 11,
  VL_OP_RESIZE = 12,
  VL_OP_UPDATE = 13, /* reboot --hard --update: take a plan of today */
  VL_OP_SNAPSHOT = 14,
  VL_OP_ATTACH_VOLUME = 15,
  VL_OP_DETACH_VOLUME = 16,
  VL_OP_SWAP_VOLUME = 17,
  VL_OP_EXTEND_VOLUME = 18,
  VL_OP_ATTACH_INTERFACE = 19,
  VL_OP_DETACH_INTERFACE = 20,
  VL_OP_SHELVE = 21,
  VL_OP_UNSHELVE = 22,
  VL_OP_SET_PASSWORD = 23,
  VL_OP_CRASH_DUMP = 24,
  VL_OP_MIGRATE = 25,      /* stopped, to another host */
  VL_OP_LIVE_MIGRATE = 26, /* running, to another host */
  VL_OP_EVACUATE = 27,
  VL_OP_DELETE = 28,
};
#define VL_N_OPS 29

/* What has happened to a server; see `event`. */
enum vl_event {
  VL_EVENT_CREATED = 1,
  VL_EVENT_STARTED = 2,
  VL_EVENT_STOPPED = 3,
  VL_EVENT_PAUSED = 4,
  VL_EVENT_UNPAUSED = 5,
  VL_EVENT_SUSPENDED = 6,
  VL_EVENT_RESUMED = 7,
  VL_EVENT_REBOOTED = 8,
  VL_EVENT_CRASHED = 9,
  VL_EVENT_WATCHDOG = 10,
  VL_EVENT_IO_ERROR = 11,
  VL_EVENT_AGENT = 12, /* the guest agent connected or left */
  VL_EVENT_ATTACHED = 13,
  VL_EVENT_DETACHED = 14,
  VL_EVENT_CHANGED = 15, /* another document is the current one */
  VL_EVENT_MIGRATED = 16,
  VL_EVENT_BLOCK_JOB = 17, /* a copy within a disk has ended */
};

struct vl_image_property {
  const char *key, *value;
};

/* An image that comes, or that a disk is to be made from; see `judge_image`. */
struct vl_image {
  uint32_t size;  /* sizeof (struct vl_image) */
  uint32_t comes; /* 1: it is being taken over; 0: a disk is to be made from it */
  const char *name;
  const char *path;     /* its file, which nobody changes; NULL: it stays in a store of its own */
  const char *given_as; /* the format that it had before it was converted; NULL: it was not */
  int64_t bytes;        /* of the file */
  const struct vl_image_property *properties; /* what it says of itself, as it was set */
  size_t n_properties;
  /* New members go below this line only. */
};

struct vl_storage_calls; /* storage.h */
struct vl_network_calls; /* network.h */

/* Callbacks answer 0, or -1 after vl_refuse ().  Any of them may be NULL. */
struct vl_feature {
  uint32_t body_size;  /* filled by VL_FEATURE */
  const char *version; /* the plugin's own */
  const char *summary; /* one line */

  struct vl_table props;     /* struct vl_prop */
  struct vl_table writes;    /* struct vl_write */
  struct vl_table reads;     /* struct vl_name: rows of others, the core's included */
  struct vl_table wakes;     /* struct vl_name: features that become active with this one */
  struct vl_table needs;     /* struct vl_name: features that must be active too */
  struct vl_table conflicts; /* struct vl_name: features that must not be */
  struct vl_table traits;    /* struct vl_name: traits it honours when it is active; '*' at
                                the end stands for anything */
  struct vl_table offers;    /* struct vl_offer: what may stand in a slot that it fills */
  struct vl_table tools;     /* struct vl_tool_row (tool.h): programs that it runs */
  uint32_t policy;           /* 1: `permit` is asked for every server, active or not */

  /* The build, in the order in which they are called. */
  int (*resolve) (struct vl_call *);    /* make the own rows final */
  int (*active) (struct vl_call *);     /* 0 or 1; NULL: always active */
  int (*validate) (struct vl_call *);   /* can this guest have it on this host? */
  int (*claim) (struct vl_call *);      /* what does it take of the host? */
  int (*contribute) (struct vl_call *); /* write the own subtrees */
  int (*adjust) (struct vl_call *);     /* add to elements of others */
  int (*check) (struct vl_call *);      /* judge the finished document */

  /* Outside the build. */
  int (*probe) (struct vl_call *); /* live hosts: add facts NAME.* with vl_fact_set () */
  int (*ready) (struct vl_call *); /* are my settings possible on this host? */
  /* May this be done to this server?  Asked before every operation. */
  int (*permit) (struct vl_call *, enum vl_op);
  /* Makes true, before each start of the guest, what has to be true on this host;
   * may find that all of it is done. */
  int (*prepare) (struct vl_call *);
  /* The guest is for ever gone from this host, or a device is detached: undoes what
   * `prepare` did.  May find that all of it is undone. */
  int (*release) (struct vl_call *);
  /* Something has happened, and is recorded; called at least once.  -1 is told as
   * a warning. */
  int (*event) (struct vl_call *, enum vl_event);

  const struct vl_storage_calls *storage;
  const struct vl_network_calls *network;
  /* New members go below this line only. */
  /* May disks be made from this image?  Every loaded feature is asked when a user brings an
   * image, and each time before a server is made, rebuilt or rescued from it.  There is no
   * guest. */
  int (*judge_image) (struct vl_call *, const struct vl_image *);
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

/* ---- everything that was asked: resolve and every later phase ---- */

/* Walks all keys of flavor, image and request and the server's metadata: 1 and the
 * I-th, or 0 at the end.  The values of secret rows are "". */
VL_EXPORT int vl_key (struct vl_call *c, size_t i, enum vl_layer *layer, const char **key,
                      const char **value);

/* Is the trait required (unsuffixed or in any group) by the flavor or image?
 * LAYERS is a mask of 1 << VL_LAYER_FLAVOR and 1 << VL_LAYER_IMAGE. */
VL_EXPORT int vl_trait (struct vl_call *c, const char *name, unsigned layers);
/* The required traits that start with PREFIX, in byte order: the I-th, or NULL. */
VL_EXPORT const char *vl_trait_item (struct vl_call *c, const char *prefix, unsigned layers,
                                     size_t i);
/* The CPU flag that trait NAME stands for, as libvirt spells it; NULL if none. */
VL_EXPORT const char *vl_trait_flag (struct vl_call *c, const char *name);
/* The amount of a `resources:NAME=` request (all groups added up), 0 for none. */
VL_EXPORT int64_t vl_resource (struct vl_call *c, const char *name);

/* A disk as it will be, laid out before any XML.  Text members are NULL where
 * they do not apply; all are borrowed from the call. */
struct vl_disk {
  const char *id;     /* never changes and is used once in a server: "root", "volume-..." */
  const char *role;   /* root, ephemeral, swap, config, volume */
  const char *device; /* disk, cdrom, floppy, lun */
  const char *type;   /* file, block, network, vhostuser */
  const char *source; /* path, of a socket for vhostuser, or name for network */
  const char *format; /* raw, qcow2 */
  const char *bus;    /* virtio, scsi, ide, sata, usb, fdc, or what another plugin offers */
  const char *dev;    /* vda */
  int64_t size;       /* bytes, 0: not known */
  int32_t boot;       /* place in the boot order from 1, 0: not booted from */
  int32_t index;      /* its number in guest.disk */
  const char *serial; /* volumes: the volume's id */
  uint32_t readonly, shareable;
  const char *why;    /* the property or key behind it */
  const char *plugin; /* the storage plugin that reaches it, NULL: a local path, or the config
                         drive */
  /* New members go below this line only. */
  uint32_t is_served; /* 1: another process, which maps the guest's memory, moves its bytes: QEMU
                         neither caches nor limits them */
  uint32_t is_dense;  /* 1: the host has all of its blocks, so that a write waits for none */
};
VL_EXPORT size_t vl_n_disks (struct vl_call *c);
VL_EXPORT const struct vl_disk *vl_disk (struct vl_call *c, size_t i);

/* Refuses, where the driver starts no guest that needs a secret of libvirt's: PROP or NULL, and
 * WHAT needs one, as a sentence without its end.  0, or -1 after that.  The plugin reads
 * VL_DRIVER_SECRETS and VL_DRIVER_NAME. */
VL_EXPORT int vl_need_secrets (struct vl_call *c, const char *prop, const char *what);
/* Is TEXT a uuid, of 8-4-4-4-12 hexadecimal digits? */
VL_EXPORT int vl_is_uuid (const char *text);
/* May PATH be a socket of a guest's: has it room in a socket's address, and is it a plain name in one
 * of the folders in own list PROP?  NULL where it may, else what is accepted.  Another socket of the
 * host's is none of a guest's: behind one may be who may do everything. */
VL_EXPORT const char *vl_socket_accepted (struct vl_call *c, const char *prop, const char *path);

/* Who moves the frames of an interface. */
enum vl_carrier {
  VL_CARRIER_HOST = 0, /* the host's kernel: limits, and vhost, are its own */
  VL_CARRIER_QEMU,     /* QEMU by itself, in one queue pair */
  VL_CARRIER_PROCESS,  /* another process, which maps the guest's memory (vhost-user) */
};

struct vl_nic {
  const char *id;     /* never changes and is used once in a server: "nic-..." */
  const char *type;   /* what a network plugin answers for */
  const char *source; /* the bridge's name; NULL where the type has none */
  const char *model;  /* virtio ... */
  const char *mac;
  const char *vnic_type;
  int32_t mtu; /* 0: not given */
  int32_t index;
  const char *why;
  const char *tap;    /* a name for its tap device, that no other server's NIC has */
  const char *plugin; /* the network plugin that reaches it */
  const char *port;   /* while the guest is built: the uuid of its port, which its id has
                         ("nic-UUID"), or that is made of server and id */
  uint32_t carrier;   /* enum vl_carrier, as the network plugin lays it out */
  /* New members go below this line only. */
};
VL_EXPORT size_t vl_n_nics (struct vl_call *c);
VL_EXPORT const struct vl_nic *vl_nic (struct vl_call *c, size_t i);

/* ---- resolve and claim: own rows ---- */

/* Sets an own row to VALUE, text that is parsed by the row's type; NULL unsets it.
 * WHY is the row it was derived from (NULL: none), REASON says how in a few words
 * ("the flavor asks for avx2").  0, or -1 after a refusal. */
VL_EXPORT int vl_put (struct vl_call *c, const char *prop, const char *value, const char *why,
                      const char *reason);
/* The same for a row with `of`. */
VL_EXPORT int vl_put_of (struct vl_call *c, const char *device, const char *prop, const char *value,
                         const char *why, const char *reason);

/* ---- what others hold, and what this guest takes ----
 *
 * Claims belong to the host.  What other servers hold may be asked from resolve
 * on; stopped servers hold what they hold.  A plan without STATE, or for a
 * recorded host, sees an empty host. */

/* How much of RESOURCE other servers hold. */
VL_EXPORT int64_t vl_taken (struct vl_call *c, const char *resource);
/* Is MEMBER of POOL held by another server? */
VL_EXPORT int vl_taken_one (struct vl_call *c, const char *pool, const char *member);
/* A build for a server that exists: the recorded text of an own row; else NULL. */
VL_EXPORT const char *vl_was (struct vl_call *c, const char *prop);

/* claim only: this guest needs AMOUNT, which is positive, of the TOTAL that the host
 * has of RESOURCE ("MEM_ENCRYPTION_CONTEXT:amd-sev").  Amounts of one resource are
 * added up.  0, or -1 after a refusal.  WHY is the row behind it. */
VL_EXPORT int vl_claim (struct vl_call *c, const char *resource, int64_t amount, int64_t total,
                        const char *why);
/* claim only: takes one member of POOL for HOLDER, a name of the claimant's own
 * ("mdev.0", a device's id).  The answer is what this holder has already if it is
 * still one of the N CANDIDATES, else the first of them that nobody holds; NULL
 * after a refusal where there is none. */
VL_EXPORT const char *vl_claim_one (struct vl_call *c, const char *pool, const char *holder,
                                    const char *const *candidates, size_t n, const char *why);
/* The same for a number from LOW to HIGH, which are not negative; -1 where none is
 * free. */
VL_EXPORT int64_t vl_claim_number (struct vl_call *c, const char *pool, const char *holder,
                                   int64_t low, int64_t high, const char *why);
/* From claim on: what HOLDER has of POOL, or NULL. */
VL_EXPORT const char *vl_claimed (struct vl_call *c, const char *pool, const char *holder);

/* ---- the document: contribute and adjust ----
 *
 * PATH is relative to the domain, in the calls that end in _in to NODE
 * ("features/kvm").  WHY is the row behind an element, NULL for what made the
 * feature active; a node keeps it, and what is written to the node has the same
 * reason unless the call names another.  A call that fails records a finding and
 * answers with a node that takes what is written to it and drops it, so that
 * callers need not test each answer.
 *
 * One path is reached in one way by all features: as a single element (ensure), as
 * a set with keys (keyed) or as a list (append).  Two different values for one
 * attribute are a conflict that names both plugins; equal ones are not. */

/* The domain element itself. */
VL_EXPORT struct vl_node *vl_domain (struct vl_call *c);
/* The one element at PATH; parents are made with it. */
VL_EXPORT struct vl_node *vl_ensure (struct vl_call *c, const char *path, const char *why);
VL_EXPORT struct vl_node *vl_ensure_in (struct vl_node *node, const char *path);
/* The same, and it goes where another feature forbids it. */
VL_EXPORT struct vl_node *vl_ensure_weak (struct vl_call *c, const char *path, const char *why);
/* The element of a set that has these attributes: pairs of name and value, ended
 * by NULL.  Values are any text. */
VL_EXPORT struct vl_node *vl_keyed (struct vl_call *c, const char *path, const char *why,
                                    const char *attr, const char *value, ...)
    __attribute__ ((sentinel));
VL_EXPORT struct vl_node *vl_keyed_in (struct vl_node *node, const char *path, const char *attr,
                                       const char *value, ...) __attribute__ ((sentinel));
VL_EXPORT struct vl_node *vl_keyed_weak (struct vl_call *c, const char *path, const char *why,
                                         const char *attr, const char *value, ...)
    __attribute__ ((sentinel));
/* One more element of a list. */
VL_EXPORT struct vl_node *vl_append (struct vl_call *c, const char *path, const char *why);
VL_EXPORT struct vl_node *vl_append_in (struct vl_node *node, const char *path);
/* No element at PATH; keyed ones as "devices/controller[type=usb]". */
VL_EXPORT int vl_forbid (struct vl_call *c, const char *path, const char *why);
/* NODE with another reason, for a few writes in a row. */
VL_EXPORT struct vl_node *vl_because (struct vl_node *node, const char *why);

/* Writes attribute ATTR, or the text, of NODE: VALUE; the text of the row PROP, with
 * PROP as the reason; VALUE with the reason WHY; a number.  0 or -1. */
VL_EXPORT int vl_set (struct vl_node *node, const char *attr, const char *value);
VL_EXPORT int vl_set_from (struct vl_node *node, const char *attr, const char *prop);
VL_EXPORT int vl_set_why (struct vl_node *node, const char *attr, const char *value,
                          const char *why);
VL_EXPORT int vl_set_int (struct vl_node *node, const char *attr, int64_t value);
VL_EXPORT int vl_text (struct vl_node *node, const char *value);
VL_EXPORT int vl_text_from (struct vl_node *node, const char *prop);
VL_EXPORT int vl_text_why (struct vl_node *node, const char *value, const char *why);
VL_EXPORT int vl_text_int (struct vl_node *node, int64_t value);
/* A weak value: it yields to any vl_set. */
VL_EXPORT int vl_set_default (struct vl_node *node, const char *attr, const char *value);

/* ---- the document: adjust and check ---- */

/* The attribute ("@bus", "target/@bus") or text ("model") at PATH below NODE,
 * NULL if absent.  In adjust: as contribute left the document. */
VL_EXPORT const char *vl_get (const struct vl_node *node, const char *path);
/* The element's name. */
VL_EXPORT const char *vl_node_name (const struct vl_node *node);
/* The id of the disk or NIC that the element describes or is part of, NULL for
 * others. */
VL_EXPORT const char *vl_node_device (const struct vl_node *node);
/* That disk or NIC itself; NULL where the element is of none. */
VL_EXPORT const struct vl_disk *vl_node_disk (const struct vl_node *node);
VL_EXPORT const struct vl_nic *vl_node_nic (const struct vl_node *node);
/* Calls FN for each element that PATH matches ('*' is any one element) below the
 * domain, in document order; stops at and answers with the first answer that is
 * not 0. */
typedef int (*vl_each_fn) (struct vl_call *c, struct vl_node *node, void *opaque);
VL_EXPORT int vl_each (struct vl_call *c, const char *path, vl_each_fn fn, void *opaque);

/* ---- probe only ---- */

/* Sets, or adds a value to, fact KEY, which begins with the feature's name and a
 * dot.  Text "true" and "false" are flags. */
VL_EXPORT void vl_fact_set (struct vl_call *c, const char *key, const char *value);
VL_EXPORT void vl_fact_add (struct vl_call *c, const char *key, const char *value);

/* ---- on the host: prepare, release, event and the acting calls of a group ---- */

/* Keeps TEXT under KEY ([A-Za-z0-9_.:-]+) for this server and plugin, in the record,
 * before the act that it describes; NULL forgets it.  0, or -1 after a refusal.  After
 * release all of it is forgotten.  vl_kept, which permit may call too, reads it; NULL if
 * there is none.  No secrets: records are not encrypted. */
VL_EXPORT int vl_keep (struct vl_call *c, const char *key, const char *text);
VL_EXPORT const char *vl_kept (struct vl_call *c, const char *key);
/* Takes the host-wide lock NAME of this plugin, waiting for it, until the callback
 * returns.  0, or -1 after a refusal that names who holds it. */
VL_EXPORT int vl_lock (struct vl_call *c, const char *name);
/* Defines a secret of libvirt's with the LENGTH BYTES, through the driver.  One that
 * exists already is left as it is: overwriting it silently loses what it opens.
 * TYPE is what it is for ("vtpm", "ceph", "iscsi", "volume", "tls"), USAGE its name,
 * unique on the host among those of its type.  0, or -1 after a refusal. */
VL_EXPORT int vl_secret_put (struct vl_call *c, const char *uuid, const char *type,
                             const char *usage, const void *bytes, size_t length);
/* Is there one, with a value?  1, 0, or -1 after a refusal. */
VL_EXPORT int vl_secret_has (struct vl_call *c, const char *uuid);
/* Removes it; one that is not there is success. */
VL_EXPORT int vl_secret_drop (struct vl_call *c, const char *uuid);
/* permit, event (of attach and detach) and release: the id of the disk or NIC that it is
 * about, NULL where it is about the server. */
VL_EXPORT const char *vl_op_device (struct vl_call *c);
/* What a disk image is. */
struct vl_image_facts {
  uint32_t size;        /* sizeof (struct vl_image_facts) */
  const char *format;   /* as QEMU names it */
  int64_t virtual_size; /* bytes that a guest sees */
  int64_t actual_size;  /* bytes that the file takes */
  /* New members go below this line only. */
};
/* Inspects the regular file PATH, whose bytes are not believed, as FORMAT ("qcow2",
 * "raw", "iso" ...): that it is one, and names no other file.  FACTS, whose size the
 * caller sets, may be NULL.  0, or -1 after ImageUnacceptable. */
VL_EXPORT int vl_image_inspect (struct vl_call *c, const char *path, const char *format,
                                struct vl_image_facts *facts);
/* Copies the regular file PATH, shared where the file system can and sparse elsewhere, to
 * TARGET, which must not exist, with mode 0600 and on disk when the call returns.  0, or
 * -1 after a refusal; TARGET is gone again then. */
VL_EXPORT int vl_copy (struct vl_call *c, const char *path, const char *target);
/* LENGTH bytes from the kernel's random generator. */
VL_EXPORT void vl_random (void *bytes, size_t length);

#ifdef __cplusplus
}
#endif

#endif
