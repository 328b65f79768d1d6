/* SPDX-License-Identifier: MIT
 *
 * What a driver is: the ComputeDriver calls in groups, each group with its own
 * size so that it can grow.  See virtloom-driver(3). */

#ifndef VIRTLOOM_DRIVER_H
#define VIRTLOOM_DRIVER_H

#include <virtloom/types.h>
#include <virtloom/feature.h>
#include <virtloom/migration.h>
#include <virtloom/version.h>

#include <stdio.h>

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
  /* 1: the application uses the driver's library itself.  It runs that library's event
   * loop, and its error handler stays. */
  uint32_t own_event_loop;
};

/* What a driver needs of the process that it runs in, and only the program may do. */
struct vl_process {
  uint32_t size;
  /* 1: threads of the driver's library run until the process ends, so the process has to
   * end by _exit (): exit () would tidy up libraries under running threads. */
  uint32_t quick_exit;
  /* Lines "NAME=VALUE", or NULL: to be set before the driver opens, where NAME is not set
   * yet. */
  const char *environment;
};

/* A guest to be made, or made again. */
struct vl_spawn {
  uint32_t size;
  uint32_t power_on; /* 0: define without starting */
  const char *uuid;
  const char *domain;  /* its libvirt name */
  const char *run_dir; /* sockets and logs; exists */
  const struct vl_doc *doc;
  struct vl_table files; /* struct vl_judged: what DOC has the guest open, and nothing else */
  /* `rebuild`: a folder for what the driver makes anew; `finish_revert_migration` after one that failed:
   * the same, where what is in it is put back; else NULL.  Files that begin with its libvirt name. */
  const char *kept;
  /* Which loader the hypervisor chose when the guest was started first, for vl_doc_xml_chosen; NULL:
   * it has chosen none. */
  const char *loader;
};

/* A file or block device that was judged under PATH.  The hypervisor must have this very
 * one open before the guest runs. */
struct vl_judged {
  const char *path;
  uint64_t device, inode; /* of a file; of a block device its own number, and 0 */
};

struct vl_info {
  uint32_t size;
  enum vl_state state;
  int32_t id;                 /* the hypervisor's number, -1: not running */
  int64_t memory, max_memory; /* KiB */
  int64_t cpu_time;           /* ns */
  int32_t vcpus;
  const char *reason; /* why and when it came into this state, or NULL; lives as long as the call */
  uint32_t with_xml;  /* given: 1 asks for XML */
  const char *xml; /* its domain as the hypervisor renders it, or NULL; lives as long as the call */
};

enum vl_reboot { VL_REBOOT_SOFT = 1, VL_REBOOT_HARD = 2 };

/* A timeout that is not given: it is as the driver's settings say. */
#define VL_TIMEOUT_AS_SET UINT32_MAX

/* Every call answers 0, or -1 after vl_refuse ().  A NULL call, or one beyond
 * the group's size, is VL_ERR_UNSUPPORTED; the core says so. */
struct vl_power_calls {
  uint32_t size;
  int (*spawn) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  /* Stops the guest and forgets it.  A guest that is not there is success. */
  int (*destroy) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*cleanup) (struct vl_call *, struct vl_conn *, const char *uuid);
  /* VL_REBOOT_SOFT gives the guest TIMEOUT seconds to shut down, or VL_TIMEOUT_AS_SET; 0 does not
   * ask it.  More than 0: so many seconds were given in vain, and the plug was pulled. */
  int (*reboot) (struct vl_call *, struct vl_conn *, const struct vl_spawn *, enum vl_reboot how,
                 uint32_t timeout);
  int (*pause) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*unpause) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*suspend) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*resume) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  /* TIMEOUT seconds for the guest to shut down by itself, asked again every
   * RETRY seconds; then, always, the plug is pulled.  1: it was pulled on a guest that ran. */
  int (*power_off) (struct vl_call *, struct vl_conn *, const char *uuid, uint32_t timeout,
                    uint32_t retry);
  int (*power_on) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  /* The guest, which is off or not, becomes that of SPAWN, whose first disk to boot from is another,
   * and is started where that says so (`power_on`).  Its firmware's variables and its TPM stay. */
  int (*rescue) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  /* The same where it becomes what it was before. */
  int (*unrescue) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  int (*resume_state_on_host_boot) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  int (*poll_rebooting_instances) (struct vl_call *, struct vl_conn *, uint32_t timeout);
  int (*trigger_crash_dump) (struct vl_call *, struct vl_conn *, const char *uuid);
  /* Asks the guest to shut down and does not wait: power_off, which follows, does not ask
   * at once again.  A guest that does not hear is success. */
  int (*shut_down) (struct vl_call *, struct vl_conn *, const char *uuid);
  /* Writes the guest's memory, as an ELF file, into the file PATH, which is there and empty. */
  int (*dump_memory) (struct vl_call *, struct vl_conn *, const char *uuid, const char *path);
  /* The guest, which is off and whose disks are made anew, becomes that of SPAWN, and is started
   * where that says so (`power_on`).  Its firmware's variables are as new; a guest that is not
   * there is made. */
  int (*rebuild) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
};

typedef int (*vl_instance_fn) (void *opaque, const char *uuid, const char *domain,
                               enum vl_state state);

/* What the host has and how much of it is taken, under Nova's names.  -1, and NULL: not known. */
struct vl_resources {
  uint32_t size;
  int32_t vcpus, vcpus_used;         /* processors of the host; of guests that run or are paused */
  int32_t guests;                    /* that run or are paused, ours or not */
  int32_t hypervisor_version;        /* 1,000,000 * major + 1,000 * minor + release */
  const char *hypervisor_type;       /* "QEMU"; lives as long as the call, as the next does */
  const char *hypervisor_hostname;   /* what the hypervisor calls this host */
  int64_t memory_mb, memory_mb_used; /* MiB */
  int64_t local_bytes, local_bytes_used; /* of the file system that STATE is on */
};

/* What the host's processors have done since its boot, in ns of all of them together. */
struct vl_host_cpu {
  uint32_t size;
  int32_t mhz; /* 0: not known */
  int64_t kernel, user, idle, iowait;
};

/* Figures of a guest.  -1: not known. */
struct vl_disk_figures {
  const char *target; /* "vda" */
  int64_t read_requests, read_bytes, write_requests, write_bytes, errors;
};
struct vl_nic_figures {
  const char *name; /* of the host's end */
  int64_t rx_bytes, rx_packets, rx_errors, rx_drop, tx_bytes, tx_packets, tx_errors, tx_drop;
};
struct vl_diagnostics {
  uint32_t size;
  enum vl_state state;
  const char *uuid, *domain;
  int64_t cpu_time;           /* ns */
  int64_t memory, max_memory; /* KiB: what the guest has, and may have */
  int64_t memory_used;        /* KiB of the host's memory that its process takes */
  const int64_t *vcpus;       /* ns of each */
  const struct vl_disk_figures *disks;
  const struct vl_nic_figures *nics;
  size_t n_vcpus, n_disks, n_nics;
};
/* What is behind DIAGNOSTICS lives as long as the call.  What is not 0 ends the listing. */
typedef int (*vl_diagnostics_fn) (void *opaque, const struct vl_diagnostics *diagnostics);

struct vl_inventory_calls {
  uint32_t size;
  /* Every guest of the hypervisor, ours or not. */
  int (*list_instances) (struct vl_call *, struct vl_conn *, vl_instance_fn fn, void *opaque);
  /* 1 yes, 0 no, -1 after vl_refuse (). */
  int (*instance_exists) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*get_info) (struct vl_call *, struct vl_conn *, const char *uuid, struct vl_info *info);
  int (*get_host_uptime) (struct vl_call *, struct vl_conn *, int64_t *seconds);
  /* To whom the files of a guest belong while it runs; -1 each where it runs as who asks. */
  int (*get_guest_owner) (struct vl_call *, struct vl_conn *, int64_t *uid, int64_t *gid);
  /* Fills the members that are within the size of the last argument. */
  int (*get_available_resource) (struct vl_call *, struct vl_conn *, struct vl_resources *);
  int (*get_host_cpu_stats) (struct vl_call *, struct vl_conn *, struct vl_host_cpu *);
  /* Of guest UUID, known or InstanceNotFound; of NULL: of all that run or are paused, by one
   * call of the hypervisor. */
  int (*get_instance_diagnostics) (struct vl_call *, struct vl_conn *, const char *uuid,
                                   vl_diagnostics_fn fn, void *opaque);
};

/* Where a console of a guest that runs is reached, on this host: a UNIX socket, a terminal, or a
 * TCP port.  Texts live as long as the call. */
struct vl_console {
  uint32_t size;
  int32_t port, tls_port; /* 0: none */
  const char *socket;     /* path, or NULL */
  const char *tty;        /* path, or NULL */
  const char *host;       /* of the ports */
};

struct vl_console_calls {
  uint32_t size;
  /* The last 100 KiB of the guest's console, NUL-terminated, in memory that
   * lives as long as CALL.  Codes ConsoleNotAvailable, InstanceNotFound. */
  int (*get_console_output) (struct vl_call *, struct vl_conn *, const char *uuid,
                             const char **text, size_t *length);
  /* Of guest UUID, which runs or is paused.  ConsoleTypeUnavailable: it has no such console. */
  int (*get_vnc_console) (struct vl_call *, struct vl_conn *, const char *uuid,
                          struct vl_console *);
  int (*get_spice_console) (struct vl_call *, struct vl_conn *, const char *uuid,
                            struct vl_console *);
  int (*get_serial_console) (struct vl_call *, struct vl_conn *, const char *uuid,
                             struct vl_console *);
  /* What is to be seen on the first display of guest UUID, which runs or is paused: a PNG, in
   * memory that lives as long as CALL.  ConsoleTypeUnavailable: it has no display. */
  int (*screenshot) (struct vl_call *, struct vl_conn *, const char *uuid, const void **png,
                     size_t *length);
};

/* A secret that the hypervisor keeps for guests, such as the key of a TPM's state. */
struct vl_secret {
  uint32_t size;
  uint32_t length; /* of BYTES; at least 1 */
  const char *uuid;
  const char *type;        /* what it is for: "vtpm", "ceph", "iscsi", "volume", "tls" */
  const char *usage;       /* its name, unique among the secrets of TYPE */
  const char *description; /* for people, or NULL */
  const void *bytes;       /* the caller's, who wipes them; never logged, never recorded */
};

struct vl_secrets_calls {
  uint32_t size;
  /* Keeps SECRET for good, so that guests can use it and no client can read it.  0: it is
   * kept.  1: UUID has a value already, which is left as it is, since what was encrypted
   * with it would be lost.  -1 after vl_refuse (), also where UUID is kept for another use. */
  int (*put) (struct vl_call *, struct vl_conn *, const struct vl_secret *secret);
  /* 1 yes, 0 no, -1 after vl_refuse ().  One that has no value yet is none. */
  int (*has) (struct vl_call *, struct vl_conn *, const char *uuid);
  /* Forgets the secret.  One that is not there is success. */
  int (*drop) (struct vl_call *, struct vl_conn *, const char *uuid);
};

/* A part of a guest that comes or goes. */
struct vl_device_part {
  const char *id;  /* of the disk or NIC that it is, NULL: a controller */
  const char *xml; /* the element of `devices` */
};

/* A disk or NIC that comes to a guest, or goes from it. */
struct vl_device_change {
  uint32_t size;
  uint32_t once; /* detach: 1: the guest is asked once, and has little time */
  /* In the order in which they come or go: a controller before what it drives, and after. */
  struct vl_table parts; /* struct vl_device_part */
  /* What the guest is made of afterwards, whole, and what it may have open then. */
  const struct vl_spawn *after;
};

/* A volume of a guest, that is of another size from now on. */
struct vl_volume_size {
  uint32_t size;
  const char *uuid;   /* of the guest */
  const char *id;     /* of the disk, */
  const char *target; /* and what it is called in the guest: "vdb" */
  int64_t bytes;
};

/* A volume whose bytes get another place. */
struct vl_volume_swap {
  uint32_t size;
  uint32_t settle;    /* 1: nothing begins; what has begun ends now */
  uint32_t off;       /* 1: the guest was off when this began: its definition alone changes */
  const char *id;     /* of the disk, */
  const char *target; /* and what it is called in the guest: "vdb" */
  const char *source; /* the file that it will be, */
  const char *xml;    /* its element of `devices` with that, */
  int64_t bytes;      /* and how large the disk is; not with SETTLE */
  const struct vl_spawn *after;
  uint32_t quiesce; /* an enum vl_quiesce: of a snapshot */
  /* Of what merges, where SOURCE is the file that the volume is already: what is below that is copied into
   * it, down to BASE (NULL: all, and nothing is below it then), or the overlay TOP, which others
   * lie over, is merged into the file below that.  XML says all files that are there afterwards. */
  uint32_t pulls;
  const char *top, *base;
};

/* The definition of the guest becomes that of AFTER, and a guest that runs or is paused gets
 * or loses PARTS.  What is done already, or is not there, is success, since a command that died
 * is followed by one that calls the same.
 *
 * Attach answers -1 where the guest is as it was, and 1, after vl_refuse () too, where some part
 * could not be taken back.  Detach answers 0 once the guest has let go, and -1 where it has not
 * (DeviceDetachFailed): it may do that later. */
struct vl_devices_calls {
  uint32_t size;
  int (*attach_volume) (struct vl_call *, struct vl_conn *, const struct vl_device_change *);
  int (*detach_volume) (struct vl_call *, struct vl_conn *, const struct vl_device_change *);
  int (*attach_interface) (struct vl_call *, struct vl_conn *, const struct vl_device_change *);
  int (*detach_interface) (struct vl_call *, struct vl_conn *, const struct vl_device_change *);
  /* Of a guest that has the volume open: makes it of that many bytes, unless it is, and has the
   * guest told.  0; 1 where no process of the hypervisor has it open: it is for the caller to grow,
   * and the guest sees it when it starts. */
  int (*extend_volume) (struct vl_call *, struct vl_conn *, const struct vl_volume_size *);
  /* A guest that runs or is paused has PARTS, devices which it has already, as they are from now on:
   * they differ in what `live` of the driver names alone.  0, or -1 where a part may be as it was or
   * as it is to be: the core calls the same the other way round then. */
  int (*change_live) (struct vl_call *, struct vl_conn *, const struct vl_device_change *);
  /* A guest that runs or is paused gets what is on its volume in another file, which is there, and uses
   * that from then on: 0.  -1 where it may have either: the core then asks the same with `settle`,
   * which a command that died is followed by, too: 0 where the guest has the new one; 1 where it has
   * the old one, and nothing is copied any more; -1 where that is not known. */
  int (*swap_volume) (struct vl_call *, struct vl_conn *, const struct vl_volume_swap *);
  /* The same, of an empty qcow2 overlay over the file that the volume is: nothing is copied, and the
   * guest writes to the overlay from then on.  QUIESCE: its file systems are frozen for that moment. */
  int (*volume_snapshot_create) (struct vl_call *, struct vl_conn *, const struct vl_volume_swap *);
  /* The same, of the file below the overlay that the volume is: what is in that is merged into it.  Of a
   * guest that is off the core has done that. */
  int (*volume_snapshot_delete) (struct vl_call *, struct vl_conn *, const struct vl_volume_swap *);
};

/* Are the file systems of a guest that runs to be frozen while a copy of its disk begins? */
enum vl_quiesce {
  VL_QUIESCE_NO = 0,
  VL_QUIESCE_TRY = 1,  /* by an agent that answers; else a warning, and no more */
  VL_QUIESCE_MUST = 2, /* without that there is no copy */
};

/* A copy of a disk of a guest that runs or is paused, as it is at one moment. */
struct vl_snapshot {
  uint32_t size;
  enum vl_quiesce quiesce;
  const char *uuid;
  const char *source; /* the disk: its path, as the document has it */
  const char
      *target; /* a file that is there and empty, as large as the disk; it becomes a raw one */
};

struct vl_images_calls {
  uint32_t size;
  /* Writes the copy; the guest goes on, with the disk that it has, all the time.  When it comes
   * back, nothing is frozen and nobody writes to the target any more; where it could not see to
   * that, or was killed, snapshot_end does. */
  int (*snapshot) (struct vl_call *, struct vl_conn *, const struct vl_snapshot *);
  /* Ends what a call of snapshot has left: the copy, which is given up, and the freeze.  Success
   * where there is nothing, and where there is no guest. */
  int (*snapshot_end) (struct vl_call *, struct vl_conn *, const struct vl_snapshot *);
};
/* What is done by the agent in a guest that runs.  QemuGuestAgentNotEnabled: it has no channel for
 * one. */
struct vl_guest_calls {
  uint32_t size;
  /* Freezes all file systems of the guest until unquiesce thaws them.  InstanceQuiesceFailed: the
   * agent does not answer, or cannot. */
  int (*quiesce) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*unquiesce) (struct vl_call *, struct vl_conn *, const char *uuid);
  /* USER's password, which is neither logged nor recorded.  InstancePasswordSetFailed: the agent does
   * not answer, or cannot.  SetAdminPasswdNotSupported: there is no agent in such guests. */
  int (*set_admin_password) (struct vl_call *, struct vl_conn *, const char *uuid, const char *user,
                             const char *password);
};
/* What the hypervisor says has happened to a guest. */
struct vl_guest_event {
  uint32_t size;
  uint32_t looks;     /* 1: the guest may be in another state now, for which it is looked at */
  uint32_t passes;    /* 1: with LOOKS: what follows in a moment may say otherwise */
  enum vl_event what; /* what features are told, or 0 */
  int64_t at;         /* seconds since 1970 */
  const char *uuid, *domain;
  const char *word;   /* as the history has it ("watchdog"), or NULL: LOOKS alone */
  const char *detail; /* what belongs to WORD ("reset"), or NULL */
  uint32_t devices;   /* 1: of a device, which an operation of ours may have brought about */
};
typedef int (*vl_guest_event_fn) (void *opaque, const struct vl_guest_event *event);
struct vl_events_calls {
  uint32_t size;
  /* Listens to all guests of the hypervisor: calls FN with NULL once it hears, and then at least
   * every second; and with each event, whose texts live until FN comes back.  Ends with what FN
   * answers where that is not 0; with 0 where the hypervisor has gone; -1 after vl_refuse ()
   * where there is nothing to listen to. */
  int (*listen) (struct vl_call *, struct vl_conn *, vl_guest_event_fn fn, void *opaque);
};

struct vl_driver {
  uint32_t body_size; /* filled by VL_DRIVER */
  const char *version;
  const char *summary;
  struct vl_table props;       /* struct vl_prop; rows with `setting` alone */
  struct vl_table offers;      /* struct vl_offer: what may stand in a slot that no feature fills */
  struct vl_table tools;       /* struct vl_tool_row (tool.h): programs that it runs */
  struct vl_table understands; /* struct vl_write: the parts of a document that SPAWN carries
                                  out; a document with more is refused when it is planned */
  /* 1: SPAWN compares what the hypervisor made with the whole document
   * (vl_doc_read_back), so that `understands` need not say anything. */
  uint32_t reads_back;
  /* 1: SPAWN refuses a document that is not valid by the installed libvirt's schema.
   * Then a server is made without checking that twice; where SPAWN fails, the core
   * looks for the culprit. */
  uint32_t validates;

  /* The domain type that this driver gives a guest: kvm, qemu, lxc.  Offline:
   * settings and host facts only. */
  const char *(*virt_type) (struct vl_call *);
  /* What an empty slot takes, and VL_DRIVER_SECRETS ("false": it starts no guest that
   * needs a secret).  Without it, and where it answers NULL: the rule that all libvirt
   * drivers share. */
  const char *(*slot_default) (struct vl_call *, const char *slot);
  /* Can this driver be used on this machine?  1 or 0 and, in *WHY, the reason.
   * Quick, and without side effects; used by driver = auto. */
  int (*usable) (struct vl_call *, const char **why);
  /* Are my settings possible on this host?  At open and at the start of every
   * plan. */
  int (*ready) (struct vl_call *);
  int (*open) (struct vl_call *, const struct vl_open *, struct vl_conn **);
  void (*close) (struct vl_conn *);
  /* Adds, with vl_fact_set () and vl_host_import_*, what the hypervisor says of
   * itself; what the kernel says is added by the core. */
  int (*probe) (struct vl_call *, struct vl_conn *);
  /* A driver that stands for another host: a path, or a name under
   * $(datadir)/virtloom/hosts, of the host file that its plans use where the
   * caller names none.  NULL: the host is probed. */
  const char *(*host_file) (struct vl_call *);

  /* What PROBE would answer rests on which files and words?  Asked without a
   * connection: while all of it is as it was, the facts of an earlier probe, kept
   * in STATE, are used.  NULL, or -1: the hypervisor is asked each time. */
  int (*stamp) (struct vl_call *, const struct vl_open *, struct vl_stamp *);

  const struct vl_power_calls *power;
  const struct vl_inventory_calls *inventory;
  const struct vl_devices_calls *devices;
  const struct vl_images_calls *images;
  const struct vl_migration_calls *migration;
  const struct vl_console_calls *console;
  const struct vl_guest_calls *guest;
  const struct vl_events_calls *events;
  const struct vl_secrets_calls *secrets;
  /* Fills the members of PROCESS that are within its size.  Asked before OPEN; texts live
   * as long as the call.  NULL: nothing special. */
  int (*process) (struct vl_call *, const struct vl_open *, struct vl_process *process);
  /* What `change_live` can change of a guest that runs: paths in the document ("devices/disk/iotune"),
   * each with all that is below it; NULL-terminated, or NULL: nothing. */
  const char *const *live;
  /* New members go below this line only. */
};

#define VL_DRIVER(ident, label, ...)                                                               \
  VL_NOTE_ (ident, label, VL_KIND_DRIVER, VL_VERSION);                                             \
  VL_EXPORT extern const struct vl_driver ident##_LTX_virtloom_module;                             \
  const struct vl_driver ident##_LTX_virtloom_module = { .body_size = sizeof (struct vl_driver),   \
                                                         __VA_ARGS__ }

/* ---- services of the core for drivers ---- */

/* The sealed document as text, borrowed from DOC. */
VL_EXPORT const char *vl_doc_xml (const struct vl_doc *doc);

/* The same with LOADER (vl_spawn) in place of the wish for one, where it is what DOC asks for and
 * nobody wanted another to be chosen; lives as long as the call.  What the hypervisor has
 * chosen vl_doc_read_back sees in a running domain. */
VL_EXPORT const char *vl_doc_xml_chosen (struct vl_call *c, const struct vl_doc *doc,
                                         const char *loader);
/* Has the domain XML, which was started from DOC, another template for its variables than
 * LOADER says, because it was chosen anew? */
VL_EXPORT int vl_loader_differs (struct vl_call *c, const struct vl_doc *doc, const char *loader,
                                 const char *xml);

/* Is all that was contributed to DOC in XML, the hypervisor's own rendering, by
 * meaning?  LIVE is 1 for the XML of a running domain.  0, or -1 after one
 * ReadBackMismatch finding per contribution that is missing or different, with
 * path and owner. */
VL_EXPORT int vl_doc_read_back (struct vl_call *c, const struct vl_doc *doc, const char *xml,
                                int live);

/* Is XML valid by the installed libvirt's schema?  NAME is "domain".  0, or -1
 * after vl_refuse (). */
VL_EXPORT int vl_xml_validate (struct vl_call *c, const char *name, const char *xml);

/* A wait for what another has, or does.  Other members are the core's, zero at first. */
struct vl_wait {
  const char *what;   /* "guest 'vl-0123' to shut down" */
  const char *holder; /* a file in which who has it has written its process and a line feed, or
                         NULL */
  uint32_t ms;        /* how long, by the clock */
  int32_t told;
  int64_t begun;
};
/* Waits some milliseconds, or until descriptor FD (-1: none) can be read.  After a second the
 * application is told what WAIT is for and which process is in the way.  1, or 0 at once
 * when the time is over. */
VL_EXPORT int vl_wait_more (struct vl_call *c, struct vl_wait *wait, int fd);
/* " (process 123, since 2026-11-27T10:00:00Z: virtloom server stop web1)", which has written
 * itself into the file HOLDER (NULL: none), or "" where there is none but the caller. */
VL_EXPORT const char *vl_wait_holder (struct vl_call *c, const char *holder);
/* MS milliseconds, or what the caller has left to wait for others, if that is less; at
 * least 1.  Who only wants to see waits a second or two. */
VL_EXPORT uint32_t vl_patience (struct vl_call *c, uint32_t ms);
/* To be called where another process has been set to work and will be waited for: what the core
 * will need then is made meanwhile, which takes some milliseconds. */
VL_EXPORT void vl_spare (struct vl_call *c);
/* Opens (O_PATH) the program NAME that is installed with virtloom for its own use, if nobody but
 * root and the caller can write to it.  A descriptor, or -1 after a finding (ToolFailed). */
VL_EXPORT int vl_program_open (struct vl_call *c, const char *name);

/* For work in a child process, of a library that holds until its process ends what others
 * wait for.  The child writes what C has recorded since there were FIRST
 * (vl_records_count) of them, findings, facts and addresses that were read back; the
 * parent records it again: 0, or -1 after a finding where FILE ends before. */
VL_EXPORT size_t vl_records_count (struct vl_call *c);
VL_EXPORT void vl_records_write (struct vl_call *c, size_t first, FILE *file);
VL_EXPORT int vl_records_read (struct vl_call *c, FILE *file);

/* Reading XML that a hypervisor gave.  Elements live as long as CALL.  At most
 * LENGTH 16 MiB; no DTD, no entities, no network. */
VL_EXPORT const struct vl_xml *vl_xml_read (struct vl_call *c, const char *text, size_t length);
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
VL_EXPORT int vl_host_import_capabilities (struct vl_call *c, const char *xml);
VL_EXPORT int vl_host_import_domcapabilities (struct vl_call *c, const char *xml);
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
