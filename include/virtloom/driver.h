/* SPDX-License-Identifier: MIT
 *
 * What a driver is: the ComputeDriver calls in groups, each group with its own
 * size so that it can grow.  See virtloom-driver(3). */

#ifndef VIRTLOOM_DRIVER_H
#define VIRTLOOM_DRIVER_H

#include <virtloom/types.h>
#include <virtloom/feature.h>
#include <virtloom/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A driver's open connection; the driver defines what is in it. */
struct vl_conn;
struct vl_stamp; /* what facts rest on */

/* Power states, numbered as OpenStack numbers them. */
enum vl_state {
  VL_STATE_NONE = 0,
  VL_STATE_RUNNING = 1,
  VL_STATE_PAUSED = 3,
  VL_STATE_SHUTDOWN = 4,
  VL_STATE_CRASHED = 6,
  VL_STATE_SUSPENDED = 7,
};

struct vl_open {
  uint32_t size;
  uint32_t read_only;
  const char *state_dir; /* STATE; exists, 0700 */
};

/* A guest to be made, or made again. */
struct vl_spawn {
  uint32_t size;
  uint32_t power_on; /* 0: define without starting */
  const char *uuid;
  const char *domain;  /* its libvirt name */
  const char *run_dir; /* sockets and logs; exists */
  const struct vl_doc *doc;
  const struct vl_host *host; /* the facts that it was planned from */
};

struct vl_info {
  uint32_t size;
  enum vl_state state;
  int32_t id;                 /* the hypervisor's number, -1: not running */
  int64_t memory, max_memory; /* KiB */
  int64_t cpu_time;           /* ns */
  int32_t vcpus;
};

enum vl_reboot { VL_REBOOT_SOFT = 1, VL_REBOOT_HARD = 2 };

/* Every call answers 0, or -1 after vl_error ().  A NULL call, or one beyond
 * the group's size, is VL_ERR_UNSUPPORTED; the core says so. */
struct vl_power_calls {
  uint32_t size;
  int (*spawn) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  /* Stops the guest and forgets it.  A guest that is not there is success. */
  int (*destroy) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*cleanup) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*reboot) (struct vl_call *, struct vl_conn *, const struct vl_spawn *, enum vl_reboot how);
  int (*pause) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*unpause) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*suspend) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*resume) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  /* TIMEOUT seconds for the guest to shut down by itself, asked again every
   * RETRY seconds; then, always, the plug is pulled. */
  int (*power_off) (struct vl_call *, struct vl_conn *, const char *uuid, uint32_t timeout,
                    uint32_t retry);
  int (*power_on) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  int (*rescue) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  int (*unrescue) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  int (*resume_state_on_host_boot) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  int (*poll_rebooting_instances) (struct vl_call *, struct vl_conn *, uint32_t timeout);
  int (*trigger_crash_dump) (struct vl_call *, struct vl_conn *, const char *uuid);
};

typedef int (*vl_instance_fn) (void *opaque, const char *uuid, const char *domain,
                               enum vl_state state);

struct vl_inventory_calls {
  uint32_t size;
  /* Every guest of the hypervisor, ours or not. */
  int (*list_instances) (struct vl_call *, struct vl_conn *, vl_instance_fn fn, void *opaque);
  /* 1 yes, 0 no, -1 after vl_error. */
  int (*instance_exists) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*get_info) (struct vl_call *, struct vl_conn *, const char *uuid, struct vl_info *info);
  int (*get_host_uptime) (struct vl_call *, struct vl_conn *, int64_t *seconds);
};

struct vl_console_calls {
  uint32_t size;
  /* The last 100 KiB of the guest's console, NUL-terminated, in memory that
   * lives as long as CALL.  Codes ConsoleNotAvailable, InstanceNotFound. */
  int (*get_console_output) (struct vl_call *, struct vl_conn *, const char *uuid,
                             const char **text, size_t *length);
};

/* Groups that later versions fill. */
struct vl_device_calls {
  uint32_t size;
};
struct vl_image_calls {
  uint32_t size;
};
struct vl_migration_calls {
  uint32_t size;
};
struct vl_guest_calls {
  uint32_t size;
};
struct vl_event_calls {
  uint32_t size;
};

struct vl_driver {
  uint32_t body_size; /* filled by VL_DRIVER */
  const char *version;
  const char *summary;
  struct vl_table settings; /* struct vl_setting */

  /* The domain type that this driver gives a guest: kvm, qemu, lxc.  Offline:
   * settings and host facts only. */
  const char *(*virt_type) (struct vl_call *, const struct vl_host *);
  /* What an empty slot takes; NULL: the rule that all libvirt drivers share. */
  const char *(*slot_default) (struct vl_call *, const struct vl_guest *, const struct vl_host *,
                               const char *slot);
  /* Can this driver be used on this machine?  1 or 0 and, in *WHY, the reason.
   * Quick, and without side effects; used by driver = auto. */
  int (*usable) (struct vl_call *, const char **why);
  /* Are my settings possible on this host?  At open and at the start of every
   * plan. */
  int (*ready) (struct vl_call *, const struct vl_host *);
  int (*open) (struct vl_call *, const struct vl_open *, struct vl_conn **);
  void (*close) (struct vl_conn *);
  /* Fills HOST with what the hypervisor says of itself; what the kernel says is
   * added by the core. */
  int (*probe) (struct vl_call *, struct vl_conn *, struct vl_host *);
  /* A driver that stands for another host: a path, or a name under
   * $(datadir)/virtloom/hosts, of the host file that its plans use where the
   * caller names none.  NULL: the host is probed. */
  const char *(*host_file) (struct vl_call *);

  const struct vl_power_calls *power;
  const struct vl_inventory_calls *inventory;
  const struct vl_device_calls *devices;
  const struct vl_image_calls *images;
  const struct vl_migration_calls *migration;
  const struct vl_console_calls *console;
  const struct vl_guest_calls *guest;
  const struct vl_event_calls *events;
  /* What PROBE would answer rests on which files and words?  Asked without a
   * connection: while all of it is as it was, the facts of an earlier probe, kept
   * in STATE, are used.  NULL, or -1: the hypervisor is asked each time. */
  int (*stamp) (struct vl_call *, const struct vl_open *, struct vl_stamp *);
  /* 1: SPAWN refuses a document that is not valid by the installed libvirt's schema.
   * Then a server is made without checking that twice; where SPAWN fails, the core
   * looks for the culprit. */
  int validates;
  struct vl_table tools; /* struct vl_tool_row: outside programs, see tool.h */
  /* New members go below this line only. */
};

#define VL_DRIVER(ident, label, ...)                                                               \
  VL_NOTE_ (ident, label, VL_KIND_DRIVER, VL_VERSION);                                             \
  VL_EXPORT extern const struct vl_driver ident##_LTX_virtloom_module;                             \
  const struct vl_driver ident##_LTX_virtloom_module = { .body_size = sizeof (struct vl_driver),   \
                                                         __VA_ARGS__ }

/* ---- services of the core for drivers ---- */

/* "waiting for ..."; shown on a terminal, not with -q. */
VL_EXPORT void vl_progress (struct vl_call *call, const char *fmt, ...) VL_PRINTF (2, 3);

/* The sealed document as text, borrowed from DOC. */
VL_EXPORT const char *vl_doc_xml (const struct vl_doc *doc);

/* Is all that was contributed to DOC in XML, the hypervisor's own rendering, by
 * meaning?  LIVE is 1 for the XML of a running domain.  0, or -1 after one
 * ReadBackMismatch finding per contribution that is missing or different, with
 * path and owner. */
VL_EXPORT int vl_doc_read_back (struct vl_call *call, const struct vl_doc *doc,
                                const struct vl_host *host, const char *xml, int live);

/* Is XML valid by the installed libvirt's schema?  NAME is "domain".  0, or -1
 * after vl_error. */
VL_EXPORT int vl_xml_validate (struct vl_call *call, const char *name, const char *xml);

/* Reading XML that a hypervisor gave.  Elements live as long as CALL.  At most
 * LENGTH 16 MiB; no DTD, no entities, no network. */
VL_EXPORT const struct vl_xml *vl_xml_read (struct vl_call *call, const char *text, size_t length);
VL_EXPORT const char *vl_xml_name (const struct vl_xml *node);
VL_EXPORT const char *vl_xml_text (const struct vl_xml *node); /* trimmed; "" if none */
VL_EXPORT const char *vl_xml_attr (const struct vl_xml *node, const char *name); /* or NULL */
VL_EXPORT const struct vl_xml *vl_xml_child (const struct vl_xml *node,
                                             const char *name); /* first; NULL: any */
VL_EXPORT const struct vl_xml *vl_xml_next (const struct vl_xml *node, const char *name);
VL_EXPORT const struct vl_xml *vl_xml_find (const struct vl_xml *node,
                                            const char *path); /* "a/b/c", first */

/* Turning libvirt's answers into facts; the same code as `host import`.  XML is
 * a capabilities or domainCapabilities document.  CPU-model features of the
 * installed cpu_map are added for the models that DOMCAPABILITIES names. */
VL_EXPORT int vl_host_import_capabilities (struct vl_call *call, struct vl_host *host,
                                           const char *xml);
VL_EXPORT int vl_host_import_domcapabilities (struct vl_call *call, struct vl_host *host,
                                              const char *xml);
/* What the facts of a probe rest on.  A file counts by its identity, size, mode
 * and times, or as missing; a folder by its own and those of its entries that
 * match PATTERN, as a shell would, if that is not NULL; a word by its VALUE.  The core adds this boot,
 * the user, processors, memory, pools of pages, KVM and its own files. */
VL_EXPORT void vl_stamp_file (struct vl_stamp *stamp, const char *path);
VL_EXPORT void vl_stamp_folder (struct vl_stamp *stamp, const char *folder, const char *pattern);
VL_EXPORT void vl_stamp_word (struct vl_stamp *stamp, const char *name, const char *value);

#ifdef __cplusplus
}
#endif

#endif
