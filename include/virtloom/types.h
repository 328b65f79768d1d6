/* SPDX-License-Identifier: MIT
 *
 * What every plugin uses: the handle of a call, error codes, value types, table
 * rows, the ELF note that every module carries, and the calls that refuse, read
 * values and read facts.
 *
 * All of it is part of the stable ABI of VL_ABI: members and enumerators are
 * only ever appended, a function never changes and is never removed. */

#ifndef VIRTLOOM_TYPES_H
#define VIRTLOOM_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A module whose note carries another number is not loaded. */
#define VL_ABI 1

#define VL_EXPORT __attribute__ ((visibility ("default")))
#define VL_PRINTF(f, a) __attribute__ ((format (printf, f, a)))
#define VL_MUST_CHECK __attribute__ ((warn_unused_result))

/* Handles; only the core knows their members.
 *
 * A call is one call of one plugin.  It carries the guest, the host, the phase,
 * the plugin, its findings and its memory, and is the first argument of every
 * callback and the only thing that a callback needs to hand on.  It is valid
 * until the callback returns. */
struct vl_call;
struct vl_node; /* an element of the document being built, as one plugin sees it */
struct vl_doc;  /* a finished document */
struct vl_xml;  /* an element of an XML document that was read */
struct vl_host; /* the facts of one host, live or recorded */

/* What kind of failure a finding is.  The numbers are the exit codes of the
 * command and are never renumbered. */
enum vl_err {
  VL_ERR_FAILED = 1,        /* failed while running */
  VL_ERR_USAGE = 2,         /* called wrongly */
  VL_ERR_REQUEST = 3,       /* the request is invalid */
  VL_ERR_UNSUPPORTED = 4,   /* valid, but this host or driver cannot */
  VL_ERR_NOT_FOUND = 5,     /* no such object */
  VL_ERR_CONFLICT = 6,      /* two plugins exclude each other */
  VL_ERR_REFUSED = 7,       /* a plugin was refused */
  VL_ERR_UNREACHABLE = 8,   /* the back end cannot be reached; trying again may help */
  VL_ERR_NOT_PERMITTED = 9, /* the caller may not */
};

enum vl_severity {
  VL_SEV_ERROR = 1,
  VL_SEV_WARNING = 2,
  VL_SEV_ADVICE = 3,
};

enum vl_kind {
  VL_KIND_FEATURE = 1,
  VL_KIND_DRIVER = 2,
};

/* The type of a row.  The core parses; a plugin never sees text that does not
 * fit its row. */
enum vl_type {
  VL_BOOL = 1,     /* 1 t true on y yes / 0 f false off n no, any case */
  VL_TRISTATE = 2, /* a bool that may also be unset */
  VL_INT = 3,      /* decimal, within min and max */
  VL_SIZE = 4,     /* bytes; K M G T suffixes with i or not, B optional */
  VL_STRING = 5,   /* printable text, no control characters */
  VL_CHOICE = 6,   /* one of the row's choices */
  VL_LIST = 7,     /* comma-separated strings, blanks around items trimmed */
  VL_CPUSET = 8,   /* "0-3,^2"; kept in canonical form */
  VL_DECIMAL = 9,  /* "1.5", not negative; vl_int () reads it in ten-thousandths */
};

/* How a flavor key and an image key of one row combine. */
enum vl_rule {
  VL_RULE_NONE = 0,     /* the row has one key at most */
  VL_IMAGE_WINS = 1,    /* image, else flavor, else setting, else default */
  VL_FLAVOR_WINS = 2,   /* flavor, else image, else setting, else default */
  VL_MUST_AGREE = 3,    /* both set and different after parsing: conflict */
  VL_EITHER = 4,        /* true anywhere is true */
  VL_IMAGE_NARROWS = 5, /* number: image at most flavor, else conflict */
  VL_BY_FEATURE = 6,    /* the core does not combine: `resolve` reads both with
                           vl_layer_str () and its kin, and calls vl_put () */
};

/* Where a value came from, lowest first. */
enum vl_layer {
  VL_LAYER_DEFAULT = 0,  /* the row's own default */
  VL_LAYER_SETTING = 1,  /* plugins.d or virtloom.conf */
  VL_LAYER_FLAVOR = 2,   /* flavor extra spec */
  VL_LAYER_IMAGE = 3,    /* image property */
  VL_LAYER_REQUEST = 4,  /* given with the server itself (image keys) */
  VL_LAYER_RESOLVED = 5, /* set by vl_put () */
  VL_LAYER_METADATA = 6, /* vl_key () only: the server's metadata */
};
#define VL_N_LAYERS 6

/* Flags of a row. */
#define VL_NOCASE 0x1u      /* choices compare without case; kept as the choice is spelt */
#define VL_LOWER 0x2u       /* ASCII letters are lower-cased before the text is kept */
#define VL_EMPTY_OK 0x4u    /* empty text is a value, not an error */
#define VL_EMPTY_UNSET 0x8u /* empty text counts as not given */
#define VL_INDEXED 0x10u    /* the key ends in ".N": numbered from 0 without a gap, at most 128 */
#define VL_MASK 0x20u   /* VL_STRING: a CPU set; one that begins with '^' is what all others are */
#define VL_PUBLIC 0x40u /* other plugins may rely on it: it keeps its name and meaning */
#define VL_SECRET 0x80u /* the value is never shown, logged, or kept in a record */

/* A table of rows.  row_size lets each kind of row grow by itself. */
struct vl_table {
  const void *rows;
  uint32_t count, row_size;
};
#define VL_TABLE(array)                                                                            \
  {                                                                                                \
    (array), (uint32_t)(sizeof (array) / sizeof ((array)[0])), (uint32_t)sizeof ((array)[0])       \
  }

/* A row that is a name: reads, wakes, needs, conflicts, traits. */
struct vl_name {
  const char *name;
  uint32_t flags; /* VL_OPTIONAL */
  /* New members go below this line only. */
};
/* The feature, or the feature's property, may be absent.  Without it, a name that
 * no loaded feature has is refused when the module is loaded. */
#define VL_OPTIONAL 0x1u

/* Another spelling of a row's key. */
struct vl_alias {
  const char *key;       /* "hide_hypervisor_id" */
  uint32_t image;        /* 0: a flavor key, 1: an image key */
  uint32_t deprecated;   /* 1: works, with a warning that names the new key */
  const char *value_map; /* "old=new,old2=new2", NULL: values are the same */
  /* New members go below this line only. */
};

/* A property: a typed value that a flavor, an image, a request, a setting or the
 * feature itself may give.  Each key may be NULL: a row with `setting` alone is a
 * setting, one without any key or setting is a result that `resolve` or `claim`
 * sets.  Drivers use the same rows, with `setting` alone. */
struct vl_prop {
  const char *name; /* "action"; others read it as "watchdog.action" */
  enum vl_type type;
  enum vl_rule rule;
  uint32_t flags;
  const char *deflt;          /* text, parsed like a user's; NULL: unset */
  const char *const *choices; /* VL_CHOICE: NULL-terminated */
  int64_t min, max;           /* VL_INT, VL_SIZE: checked where max > min */
  const char *unit;           /* "KiB", "ms"; NULL: none */
  const char *flavor_key;     /* "hw:watchdog_action" */
  const char *image_key;      /* "hw_watchdog_action" */
  const char *setting;        /* its name in [settings] of plugins.d/NAME.conf */
  const char *nova;           /* "libvirt.cpu_mode": the option of nova.conf it stands for */
  const char *of;             /* NULL: one value for the guest; "disk", "nic": one for each
                                 device, read with vl_of_str () and its kin */
  struct vl_table aliases;    /* struct vl_alias */
  const char *invalid_code;   /* Nova's exception for a bad value, NULL: "Invalid" */
  const char *conflict_code;  /* NULL: "FlavorImageConflict" */
  const char *fills;          /* the slot this property fills, or NULL */
  const char *help;           /* one line */
  const char *since;          /* virtloom version */
  /* New members go below this line only. */
  /* Where it has an effect, if not everywhere: "NAME", "NAME=VALUE|VALUE" or "NAME!=VALUE" of
   * its own rows or PLUGIN.NAME; with blanks between them all must hold, with ';' one.  '-' is
   * the value of what is unset. */
  const char *only;
};

/* A subtree of the document: "a/b" (the element and all below it), "a/b/@x" (one
 * attribute), "devices/[*]/driver" ('*' in brackets: in any element; a path of
 * a driver's `understands` table too).  A row with keys, "devices/sound[model=virtio]",
 * is about elements with these attributes.  In `writes` it gives no right, and tells
 * `since` and `flags` of them; in `understands` it says which values are understood. */
struct vl_write {
  const char *path;
  const char *since; /* libvirt version that knows it, NULL: the minimum */
  uint32_t flags;    /* VL_GUARDED */
  /* New members go below this line only. */
};
/* What stands there protects the guest or its host.  A server whose document has
 * it is never given a document without it, or with another value, unless its
 * operator says so with --accept-loss PATH; also when the feature is gone. */
#define VL_GUARDED 0x1u

/* A value that may stand in a slot: a bus for disks, a model of an interface.
 * Who fills the slot, or the driver for its defaults, lists which there are. */
struct vl_offer {
  const char *slot;   /* VL_DISK_BUS, VL_NIC_MODEL ... */
  const char *name;   /* "virtio" */
  const char *prefix; /* of the names of devices on that bus: "vd"; NULL: none */
  uint32_t most;      /* how many devices one guest may have there, 0: no limit */
  const char *virt;   /* "kvm qemu": the domain types that have it, NULL: all */
  /* New members go below this line only. */
};

/* Core properties: there whatever is loaded.  "slot": one feature may fill it, by
 * `fills` in a row; an empty slot takes the driver's default. */
#define VL_GUEST_NAME "guest.name"
#define VL_GUEST_UUID "guest.uuid"
#define VL_GUEST_ARCH "guest.arch"
#define VL_GUEST_VIRT_TYPE "guest.virt-type" /* kvm, qemu, lxc */
#define VL_GUEST_MACHINE "guest.machine"     /* slot */
#define VL_GUEST_VCPUS "guest.vcpus"
/* slot: guest CPUs with a host CPU of their own */
#define VL_GUEST_DEDICATED_CPUS "guest.dedicated-cpus"
#define VL_GUEST_MEMORY "guest.memory"                     /* KiB */
#define VL_GUEST_RUN_DIR "guest.run-dir"                   /* sockets and logs live here */
#define VL_GUEST_BOOT_FROM_VOLUME "guest.boot-from-volume" /* bool */
#define VL_GUEST_KERNEL "guest.kernel"                     /* path, unset: boots from disk */
#define VL_GUEST_RAMDISK "guest.ramdisk"                   /* path */
#define VL_GUEST_FLAVOR "guest.flavor"                     /* the flavor's name */
#define VL_GUEST_IMAGE "guest.image"                       /* the image's name */
#define VL_GUEST_ROOT_SIZE "guest.root-size"               /* bytes, 0: as large as the image */
#define VL_STORAGE_IMAGES_TYPE "storage.images-type"
#define VL_STORAGE_COW "storage.use-cow-images"             /* bool */
#define VL_STORAGE_RAW "storage.force-raw-images"           /* bool */
#define VL_STORAGE_PREALLOCATE "storage.preallocate-images" /* none, space */
/* The bus that config_drive_bus gives the guest's config drive, which is a CD-ROM and whose image
 * names none. */
#define VL_STORAGE_CONFIG_DRIVE_BUS "storage.config-drive-bus"
#define VL_DRIVER_NAME "driver.name"
/* Can the driver start a guest that needs a secret of libvirt's?  bool */
#define VL_DRIVER_SECRETS "driver.secrets"
#define VL_DISK_BUS "disk.bus"     /* slot */
#define VL_CDROM_BUS "cdrom.bus"   /* slot */
#define VL_SCSI_MODEL "scsi.model" /* slot */
#define VL_NIC_MODEL "nic.model"   /* slot */
/* What the guest counts for, and what there is of it; see vl_claim (). */
#define VL_CLAIM_VCPUS "claim.vcpus"   /* slot */
#define VL_CLAIM_MEMORY "claim.memory" /* slot, MiB */
#define VL_HOST_VCPUS "host.vcpus"     /* slot: total, after ratio and reserve */
#define VL_HOST_MEMORY "host.memory"   /* slot, MiB: the same */
/* Typed lists, read with vl_disk () and vl_nic (); this is how `reads` names them. */
#define VL_GUEST_DISK "guest.disk"
#define VL_GUEST_NIC "guest.nic"

/* The note that every module carries, in section .note.virtloom.  It is read
 * from the file before anything of the module is run. */
#define VL_NOTE_OWNER "virtloom"
#define VL_NOTE_TYPE 1u
#define VL_NOTE_MAGIC 0x4d4f4f4cu /* "LOOM" */

struct vl_note_desc {
  uint32_t magic, abi, kind;
  char name[32];
  char built_for[32];
};

struct vl_note {
  uint32_t namesz, descsz, type;
  char owner[12]; /* "virtloom", padded to 4 */
  struct vl_note_desc desc;
};

#define VL_NOTE_(ident, label, what, version)                                                      \
  __attribute__ ((section (".note.virtloom"), used,                                                \
                  aligned (4))) static const struct vl_note ident##_note = {                       \
    sizeof (VL_NOTE_OWNER),                                                                        \
    sizeof (struct vl_note_desc),                                                                  \
    VL_NOTE_TYPE,                                                                                  \
    VL_NOTE_OWNER,                                                                                 \
    { VL_NOTE_MAGIC, VL_ABI, (what), label, version }                                              \
  }

/* ---- saying what is wrong ----
 *
 * The text starts small, has no full stop, quotes values and says what is
 * accepted.  PROP is the row at fault, by its own short name or as
 * "watchdog.action", NULL if there is none: the core adds the key, its value, the
 * layer and the file and line that it stands in.  A PROP that the plugin has
 * neither as a row nor in `reads` is a PluginFault, so that swapped arguments
 * show at once.  HINT says how to mend it, NULL if nothing can be said; make it
 * with vl_printf () where it holds values. */

/* Records an error and answers -1, so that a callback can end with
 * `return vl_refuse (...)`.  vl_refuse_as also gives CODE, Nova's exception. */
VL_EXPORT int vl_refuse (struct vl_call *c, enum vl_err err, const char *prop, const char *hint,
                         const char *fmt, ...) VL_PRINTF (5, 6);
VL_EXPORT int vl_refuse_as (struct vl_call *c, enum vl_err err, const char *code, const char *prop,
                            const char *hint, const char *fmt, ...) VL_PRINTF (6, 7);
/* Records a warning: what was asked is done, and the user should know something. */
VL_EXPORT void vl_warn (struct vl_call *c, const char *prop, const char *hint, const char *fmt, ...)
    VL_PRINTF (4, 5);
VL_EXPORT void vl_warn_as (struct vl_call *c, const char *code, const char *prop, const char *hint,
                           const char *fmt, ...) VL_PRINTF (5, 6);
/* Records an advice: something could be better. */
VL_EXPORT void vl_advise (struct vl_call *c, const char *prop, const char *hint, const char *fmt,
                          ...) VL_PRINTF (4, 5);
/* For -v. */
VL_EXPORT void vl_debug (struct vl_call *c, const char *fmt, ...) VL_PRINTF (2, 3);

/* ---- text: lives as long as the call ---- */

VL_EXPORT const char *vl_printf (struct vl_call *c, const char *fmt, ...) VL_PRINTF (2, 3);
/* LENGTH bytes of zeroes, for what a callback answers with. */
VL_EXPORT void *vl_memory (struct vl_call *c, size_t length);
/* The N ITEMS with BETWEEN between each two; "" for none. */
VL_EXPORT const char *vl_join (struct vl_call *c, const char *between, const char *const *items,
                               size_t n);

/* ---- reading values ----
 *
 * PROP is a row's full name; own rows may be given by their short name.  A row of
 * a feature that is not loaded reads as unset; one that is not in `reads` is a
 * PluginFault.  Reading resolves the owner first.  Where there is no guest (ready,
 * probe, drivers) an own row reads as its setting, else its default, and of the
 * core's properties VL_GUEST_VIRT_TYPE and VL_DRIVER_* can be read. */
VL_EXPORT int vl_has (struct vl_call *c, const char *prop);
VL_EXPORT int vl_bool (struct vl_call *c, const char *prop);        /* unset: 0 */
VL_EXPORT int64_t vl_int (struct vl_call *c, const char *prop);     /* unset: 0 */
VL_EXPORT const char *vl_str (struct vl_call *c, const char *prop); /* unset: NULL */
/* Is the text of PROP equal to TEXT?  0 where it is unset. */
VL_EXPORT int vl_is (struct vl_call *c, const char *prop, const char *text);
/* VL_LIST and indexed rows.  vl_item_int is 0 for an item that is no number. */
VL_EXPORT size_t vl_count (struct vl_call *c, const char *prop);
VL_EXPORT const char *vl_item (struct vl_call *c, const char *prop, size_t i);
VL_EXPORT int64_t vl_item_int (struct vl_call *c, const char *prop, size_t i);
/* Where the value came from. */
VL_EXPORT enum vl_layer vl_origin (struct vl_call *c, const char *prop);

/* What one layer says of an own row.  VL_LAYER_IMAGE answers for the request too. */
VL_EXPORT int vl_layer_has (struct vl_call *c, const char *prop, enum vl_layer layer);
VL_EXPORT int vl_layer_bool (struct vl_call *c, const char *prop, enum vl_layer layer);
VL_EXPORT int64_t vl_layer_int (struct vl_call *c, const char *prop, enum vl_layer layer);
VL_EXPORT const char *vl_layer_str (struct vl_call *c, const char *prop, enum vl_layer layer);

/* Rows with `of`: the value for the disk or NIC whose id is DEVICE. */
VL_EXPORT int vl_of_has (struct vl_call *c, const char *device, const char *prop);
VL_EXPORT int vl_of_bool (struct vl_call *c, const char *device, const char *prop);
VL_EXPORT int64_t vl_of_int (struct vl_call *c, const char *device, const char *prop);
VL_EXPORT const char *vl_of_str (struct vl_call *c, const char *device, const char *prop);

/* ---- facts of the host ----
 *
 * Each look-up during a build is recorded with the plan.  Predicates answer 1
 * yes, 0 no, -1: the host does not say. */
VL_EXPORT int vl_fact_flag (struct vl_call *c, const char *key);
VL_EXPORT int vl_fact_offers (struct vl_call *c, const char *key, const char *value);
/* Is the version in fact KEY ("libvirt.version") at least ATLEAST ("8.3.0")? */
VL_EXPORT int vl_fact_at_least (struct vl_call *c, const char *key, const char *atleast);
/* Does PATH exist on the host?  Live: by stat.  Recorded: the list "device". */
VL_EXPORT int vl_fact_device (struct vl_call *c, const char *path);
/* NULL where the host does not say. */
VL_EXPORT const char *vl_fact_str (struct vl_call *c, const char *key);
VL_EXPORT size_t vl_fact_count (struct vl_call *c, const char *key);
VL_EXPORT const char *vl_fact_item (struct vl_call *c, const char *key, size_t i);
/* A whole number of at least LEAST.  1; 0 where the host does not say, *N is left
 * as it is; -1 after a refusal (InvalidHostFile) that names KEY and what stands
 * there. */
VL_EXPORT int vl_fact_int (struct vl_call *c, const char *key, int64_t least, int64_t *n);
VL_EXPORT int vl_fact_item_int (struct vl_call *c, const char *key, size_t i, int64_t least,
                                int64_t *n);
/* As vl_fact_int, and what is not said is refused on behalf of PROP: 1 or -1. */
VL_EXPORT int vl_need_int (struct vl_call *c, const char *prop, const char *key, int64_t least,
                           int64_t *n);
/* 1 or 0; -1 after refusing what is not said. */
VL_EXPORT int vl_need_flag (struct vl_call *c, const char *prop, const char *key);
/* Refuses: "the host file does not say KEY", with a hint how to record it (exit 4); -1. */
VL_EXPORT int vl_unsaid (struct vl_call *c, const char *prop, const char *key);
/* 1 for a host that is being probed, 0 for a recorded one. */
VL_EXPORT int vl_host_is_live (struct vl_call *c);
/* What the domain capabilities say for this guest's type, arch and machine:
 * vl_cap (c, "loader.type", "pflash").  The whole key is
 * caps.VIRT.ARCH.MACHINE.WHAT; the machine's alias and its canonical name are
 * tried.  vl_cap_any asks all machines of the guest's arch; vl_cap_key is the key
 * that vl_cap would look at, for vl_fact_item and its kin. */
VL_EXPORT int vl_cap (struct vl_call *c, const char *what, const char *value);
VL_EXPORT int vl_cap_any (struct vl_call *c, const char *what, const char *value);
VL_EXPORT const char *vl_cap_key (struct vl_call *c, const char *what);
/* Which of the features of CPU model MODEL (NULL: none) and of the
 * comma-separated FLAGS does this host not have?  0: it has them all; 1: those in
 * *LACKS, comma-separated, lack; -1: the host does not say enough. */
VL_EXPORT int vl_cpu_lacks (struct vl_call *c, const char *model, const char *flags,
                            const char **lacks);

/* ---- own work ---- */

/* "waiting for ..."; shown on a terminal, not with -q. */
VL_EXPORT void vl_progress (struct vl_call *c, const char *fmt, ...) VL_PRINTF (2, 3);

#ifdef __cplusplus
}
#endif

#endif
