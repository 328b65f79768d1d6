/* SPDX-License-Identifier: MIT
 *
 * Types that feature plugins and drivers share: opaque handles, error codes,
 * value types, table rows, the ELF note that every module carries.
 * Everything here is part of the stable ABI: members and enumerators are only
 * ever appended. */

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

/* Handles.  Nobody outside the core knows what is behind them. */
struct vl_call;  /* one call: its phase, its plugin, its findings, its memory */
struct vl_guest; /* the typed, resolved values of one guest */
struct vl_host;  /* the facts of one host, live or recorded */
struct vl_node;  /* an element of the document being built */
struct vl_doc;   /* a sealed document */
struct vl_xml;   /* an element of a document that was read */

/* What kind of failure a finding is.  The numbers are the exit codes of the
 * command and are never renumbered. */
enum vl_err {
  VL_ERR_FAILED = 1,        /* failed while running */
  VL_ERR_USAGE = 2,         /* called wrongly */
  VL_ERR_REQUEST = 3,       /* the request is invalid */
  VL_ERR_UNSUPPORTED = 4,   /* valid, but this host or driver cannot */
  VL_ERR_NOT_FOUND = 5,     /* no such object */
  VL_ERR_CONFLICT = 6,      /* two plugins, or two wishes, exclude each other */
  VL_ERR_REFUSED = 7,       /* a plugin was refused */
  VL_ERR_UNREACHABLE = 8,   /* the back end cannot be reached; try again */
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

/* The type of a property or setting.  The core parses; a plugin never sees
 * text that does not fit its row. */
enum vl_type {
  VL_BOOL = 1,     /* 1 t true on y yes / 0 f false off n no, any case */
  VL_TRISTATE = 2, /* a bool that may also be unset */
  VL_INT = 3,      /* decimal, within min and max */
  VL_SIZE = 4,     /* bytes; K M G T suffixes with i or not, B optional */
  VL_STRING = 5,   /* printable text, no control characters */
  VL_CHOICE = 6,   /* one of the row's choices */
  VL_LIST = 7,     /* comma-separated strings, blanks around items trimmed */
  VL_CPUSET = 8,   /* "0-3,^2"; kept in canonical form */
};

/* How a flavor key and an image key of one row combine. */
enum vl_rule {
  VL_RULE_NONE = 0,     /* the row has one key at most */
  VL_IMAGE_WINS = 1,    /* image, else flavor, else setting, else default */
  VL_FLAVOR_WINS = 2,   /* flavor, else image, else setting, else default */
  VL_MUST_AGREE = 3,    /* both set and different after parsing: conflict */
  VL_EITHER = 4,        /* true anywhere is true */
  VL_IMAGE_NARROWS = 5, /* number: image at most flavor, else conflict */
  VL_BY_FEATURE = 6,    /* both are parsed, the feature's resolve decides */
};

/* Where a value came from, lowest first. */
enum vl_layer {
  VL_LAYER_DEFAULT = 0, /* the row's own default */
  VL_LAYER_SETTING = 1, /* plugins.d or virtloom.conf */
  VL_LAYER_FLAVOR = 2,  /* flavor extra spec */
  VL_LAYER_IMAGE = 3,   /* image property */
  VL_LAYER_REQUEST = 4, /* given with the server itself (image keys) */
  VL_LAYER_RESOLVED = 5 /* set by a feature's resolve */
};
#define VL_N_LAYERS 6

/* Flags of a property or setting row. */
#define VL_NOCASE 0x1u      /* choices compare without case; kept as the choice is spelt */
#define VL_LOWER 0x2u       /* text is lower-cased before it is kept */
#define VL_EMPTY_OK 0x4u    /* empty text is a value, not an error */
#define VL_EMPTY_UNSET 0x8u /* empty text counts as not given */
#define VL_INDEXED 0x10u    /* the key ends in ".N": read from 0 to the first gap, at most 128 */
#define VL_DEPRECATED 0x20u

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
};

/* Another spelling of a row's key. */
struct vl_alias {
  const char *key;       /* "hide_hypervisor_id" */
  uint32_t image;        /* 0: a flavor key, 1: an image key */
  uint32_t deprecated;   /* 1: works, with a warning naming the new key */
  const char *value_map; /* "old=new,old2=new2", NULL: values are the same */
};

/* A property: what a request may say about a guest. */
struct vl_prop {
  const char *name; /* "action"; all others read it as "watchdog.action" */
  enum vl_type type;
  enum vl_rule rule;
  uint32_t flags;
  const char *deflt;          /* text, parsed like a user's; NULL: unset */
  const char *const *choices; /* VL_CHOICE: NULL-terminated */
  int64_t min, max;           /* VL_INT, VL_SIZE: checked where max > min */
  const char *unit;           /* "KiB", "ms"; NULL: none */
  const char *flavor_key;     /* "hw:watchdog_action", NULL: none */
  const char *image_key;      /* "hw_watchdog_action", NULL: none */
  struct vl_table aliases;    /* struct vl_alias */
  const char *setting;        /* the own setting that is its lowest layer, or NULL */
  const char *invalid_code;   /* Nova's exception for a bad value, NULL: "Invalid" */
  const char *conflict_code;  /* NULL: "FlavorImageConflict" */
  const char *fills;          /* the slot this property fills, or NULL */
  const char *help;           /* one line */
  const char *since;          /* virtloom version */
  /* New members go below this line only. */
};

/* A setting: what an operator says in plugins.d/NAME.conf. */
struct vl_setting {
  const char *name; /* as in nova.conf where one exists */
  enum vl_type type;
  uint32_t flags;
  const char *deflt;
  const char *const *choices;
  int64_t min, max;
  const char *unit;
  const char *nova; /* "libvirt.cpu_mode": the nova.conf option it stands for */
  const char *help;
  const char *since;
  /* New members go below this line only. */
};

/* A subtree of the document that a feature may touch: "a/b" (the element and
 * all below), "a/b/@x" (one attribute), "devices/[*]/driver". */
struct vl_write {
  const char *path;
  const char *since; /* libvirt version that knows it, NULL: the minimum */
};

/* Core properties: there whatever is loaded. */
#define VL_GUEST_NAME "guest.name"
#define VL_GUEST_UUID "guest.uuid"
#define VL_GUEST_ARCH "guest.arch"
#define VL_GUEST_VIRT_TYPE "guest.virt-type" /* kvm, qemu, lxc */
#define VL_GUEST_MACHINE "guest.machine"     /* slot */
#define VL_GUEST_VCPUS "guest.vcpus"
#define VL_GUEST_MEMORY "guest.memory"                     /* KiB */
#define VL_GUEST_RUN_DIR "guest.run-dir"                   /* sockets and logs live here */
#define VL_GUEST_BOOT_FROM_VOLUME "guest.boot-from-volume" /* bool */
#define VL_GUEST_KERNEL "guest.kernel"                     /* path, unset: boots from disk */
#define VL_GUEST_RAMDISK "guest.ramdisk"                   /* path */
#define VL_GUEST_FLAVOR "guest.flavor"                     /* the flavor's name */
#define VL_GUEST_IMAGE "guest.image"                       /* the image's name */
#define VL_STORAGE_IMAGES_TYPE "storage.images-type"
#define VL_STORAGE_PREALLOCATE "storage.preallocate-images" /* none, space */
#define VL_DRIVER_NAME "driver.name"
/* Slots: one feature may fill each; an empty one takes the driver's default. */
#define VL_DISK_BUS "disk.bus"
#define VL_CDROM_BUS "cdrom.bus"
#define VL_SCSI_MODEL "scsi.model"
#define VL_NIC_MODEL "nic.model"
/* Typed lists, read with vl_guest_disk() and vl_guest_nic(); this is how a
 * feature names them in `reads`. */
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

/* Saying what is wrong.  The core adds plugin, key, value, layer and origin.
 *
 * vl_error records an error and returns -1, so that a callback can end with
 * `return vl_error (...)`.  CODE is Nova's exception name where Nova has one,
 * NULL for the default of ERR.  PROP is the property at fault ("watchdog.action"
 * or the own short name "action"), NULL if none.  The text starts small, has no
 * full stop, quotes values and says what is accepted.
 * vl_hint adds how to mend it to the finding recorded last. */
VL_EXPORT int vl_error (struct vl_call *call, enum vl_err err, const char *code, const char *prop,
                        const char *fmt, ...) VL_PRINTF (5, 6);
VL_EXPORT void vl_warning (struct vl_call *call, const char *code, const char *prop,
                           const char *fmt, ...) VL_PRINTF (4, 5);
VL_EXPORT void vl_advice (struct vl_call *call, const char *code, const char *prop, const char *fmt,
                          ...) VL_PRINTF (4, 5);
VL_EXPORT void vl_hint (struct vl_call *call, const char *fmt, ...) VL_PRINTF (2, 3);
VL_EXPORT void vl_debug (struct vl_call *call, const char *fmt, ...) VL_PRINTF (2, 3);

/* Text that lives as long as CALL does. */
VL_EXPORT const char *vl_printf (struct vl_call *call, const char *fmt, ...) VL_PRINTF (2, 3);

/* The plugin's own settings.  A name that its table has not is a programming
 * error.  Text is NULL where the setting is unset. */
VL_EXPORT int vl_setting_has (struct vl_call *call, const char *name);
VL_EXPORT int vl_setting_bool (struct vl_call *call, const char *name);
VL_EXPORT int64_t vl_setting_int (struct vl_call *call, const char *name);
VL_EXPORT const char *vl_setting_str (struct vl_call *call, const char *name);
VL_EXPORT size_t vl_setting_count (struct vl_call *call, const char *name);
VL_EXPORT const char *vl_setting_item (struct vl_call *call, const char *name, size_t i);

/* Facts of the host.  A fact is true, false, a value, a list of values, or
 * unknown; predicates answer 1 yes, 0 no, -1 unknown.  Each look-up during a
 * build is recorded with the plan. */
VL_EXPORT int vl_host_flag (const struct vl_host *host, const char *key);
VL_EXPORT int vl_host_offers (const struct vl_host *host, const char *key, const char *value);
VL_EXPORT const char *vl_host_str (const struct vl_host *host, const char *key);
VL_EXPORT int64_t vl_host_int (const struct vl_host *host, const char *key, int64_t otherwise);
VL_EXPORT size_t vl_host_count (const struct vl_host *host, const char *key);
VL_EXPORT const char *vl_host_item (const struct vl_host *host, const char *key, size_t i);
/* Is the version in fact KEY ("libvirt.version") at least ATLEAST ("8.3.0")? */
VL_EXPORT int vl_host_at_least (const struct vl_host *host, const char *key, const char *atleast);
/* Does PATH exist on the host?  Live: a stat.  Recorded: the list "device". */
VL_EXPORT int vl_host_device (const struct vl_host *host, const char *path);
/* 1 for a host that is being probed, 0 for a recorded one. */
VL_EXPORT int vl_host_live (const struct vl_host *host);
/* What the domain capabilities say for this guest's type, arch and machine:
 * vl_host_cap (g, h, "loader.type", "pflash").  The whole key is
 * caps.VIRT.ARCH.MACHINE.WHAT; the machine's alias and its canonical name are
 * tried.  vl_host_cap_any asks all machines of the guest's arch. */
VL_EXPORT int vl_host_cap (const struct vl_guest *guest, const struct vl_host *host,
                           const char *what, const char *value);
VL_EXPORT int vl_host_cap_any (const struct vl_guest *guest, const struct vl_host *host,
                               const char *what, const char *value);
/* The key that vl_host_cap would look at, for vl_host_item and friends. */
VL_EXPORT const char *vl_host_cap_key (const struct vl_guest *guest, const struct vl_host *host,
                                       const char *what);
/* Records "the host file does not say KEY; ..." (exit 4) and returns -1. */
VL_EXPORT int vl_host_unknown (struct vl_call *call, const char *prop, const char *key);

/* Adding facts, in probe only.  Text "true" and "false" are flags. */
VL_EXPORT void vl_host_set (struct vl_host *host, const char *key, const char *value);
VL_EXPORT void vl_host_add (struct vl_host *host, const char *key, const char *value);

#ifdef __cplusplus
}
#endif

#endif
