/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A request: flavor, image, networks, block devices, read from JSON with the
 * JSON path of each part kept for findings. */

#ifndef VL_CORE_REQUEST_H
#define VL_CORE_REQUEST_H

#include "context/call.h"
#include "lib/text.h"

/* The formats that an image may have, for requests and for `image create` alike. */
#define VL_DISK_FORMATS "raw qcow2 iso vmdk vdi vhd vpc vhdx ami aki ari"

/* One key of one layer. */
struct vl_entry {
  const char *key, *value;
  enum vl_layer layer;
  const char *origin; /* "flavor", "image", "request", "FILE:LINE"; of metadata "metadata" */
  const char *path;   /* JSON path, "$.flavor.extra_specs['hw:pmu']" */
};

struct vl_network {
  const char *id; /* the NIC's, NULL: by its place */
  const char *type, *bridge, *address, *vnic_type, *model, *mac;
  const char *tag;             /* by which the guest finds it in its config drive, or NULL */
  const char *details;         /* what its type has besides, an object's JSON text; or NULL */
  const char *profile;         /* Neutron's binding profile, likewise */
  const char *devname;         /* of its tap device, or NULL: made */
  const char *ovs_interfaceid; /* or NULL */
  int64_t mtu;                 /* 0: not given */
  struct vl_entry *properties; /* image keys for this interface alone */
  size_t n_properties;
};

/* A file that a volume lies over. */
struct vl_link {
  const char *path, *format;
};
/* So many files a volume may be. */
#define VL_CHAIN_MOST 12

struct vl_block_device {
  const char *source_type, *destination_type; /* image volume snapshot blank / local volume */
  int64_t boot_index;                         /* -1: none */
  const char *device_type, *disk_bus, *device_name, *guest_format;
  int64_t volume_size;         /* GiB, 0: not given */
  const char *uuid;            /* volume id, or NULL */
  const char *connection_info; /* JSON text, or NULL */
  const char *path, *format;   /* a local file given with --volume */
  /* The file that it lies over, of a volume that has a snapshot; or NULL. */
  const char *backing, *backing_format;
  struct vl_link *chain; /* what that lies over, the nearest first */
  size_t n_chain;
  const char *tag; /* by which the guest finds it in its config drive, or NULL */
  int encrypted;
  const char *encryption_format, *encryption_secret_uuid; /* or NULL */
  struct vl_entry *properties;                            /* image keys for this disk alone */
  size_t n_properties;
};

struct vl_request_image {
  const char *name, *uuid, *disk_format, *status, *kernel, *ramdisk;
  const char *stored_as;           /* the uuid of an image of this name in STATE, or NULL */
  const char *file;                /* the copy in STATE, or NULL: plan only */
  int64_t size, min_ram, min_disk; /* bytes, MiB, GiB */
  int64_t virtual_size;            /* bytes, 0: not known */
  int given;                       /* 0: no image (boot from volume) */
};

/* That a server is rescued from a disk of another image. */
struct vl_rescue {
  struct vl_request_image image;
  int stable; /* all devices stay as they are, and its disk is one more; else it takes the place
                 of the root disk, which is the second, and others are left out */
  const char *device, *bus; /* of its disk: hw_rescue_device, hw_rescue_bus; or NULL */
};

/* Which of a server's own disks are made anew, beside those that it has. */
enum vl_anew { VL_ANEW_NONE, VL_ANEW_SWAP, VL_ANEW_ALL };

struct vl_request {
  struct vl_arena *arena;
  const char *name, *uuid;
  struct {
    const char *name;
    int64_t vcpus, ram, disk, ephemeral, swap; /* MiB, GiB, GiB, MiB */
  } flavor;
  struct vl_request_image image;
  const struct vl_rescue *rescue; /* or NULL; in no JSON, so never on record */
  enum vl_anew anew;              /* in no JSON either */
  struct vl_entry *entries;       /* extra specs, image properties, request properties */
  size_t n_entries;
  struct vl_network *networks;
  size_t n_networks;
  struct vl_block_device *devices;
  size_t n_devices;
  int config_drive;
  struct vl_entry *metadata;
  size_t n_metadata;
  const char *user_data;        /* text, or NULL */
  const char *hostname;         /* the guest's, or NULL: made of NAME */
  struct vl_entry *public_keys; /* SSH keys: the key is what it is called */
  size_t n_public_keys;
  const struct vl_guest_file *files; /* for the config drive; in no JSON, so never on record */
  size_t n_files;
  const char *admin_pass; /* for the config drive; in no JSON, so never on record; or NULL */
  const char *disk_kind;  /* the images_type of a server that exists; NULL: by the settings */
  /* Where a real server's things are; a plan without STATE uses the defaults. */
  const char *state_dir;
};

/* QEMU's name of disk format FORMAT ("iso" is "raw", "vhd" is "vpc"), or NULL for one
 * that is not accepted. */
const char *vl_image_qemu_format (const char *format);
/* "raw" or "qcow2": in what QEMU format an image of FORMAT (NULL: raw) is kept; the others
 * are converted when the image is made. */
const char *vl_image_kept_format (const char *format);

/* Member NAME of DETAILS, JSON text of an object or NULL, as text: a text, number or boolean;
 * NULL where it is not there.  Arena memory of CALL. */
const char *vl_detail (struct vl_call *call, const char *details, const char *name);
/* The I-th network's DETAILS are among KNOWN (NULL: none), have values that are texts, numbers or
 * booleans, and each text is printable.  0, or -1 after findings. */
int vl_details_judge (struct vl_call *call, const char *details, const char *const *known,
                      size_t i);
/* Member NAME of NETWORK, or of its details ("profile.NAME": of its profile), as text; NULL
 * where it is not given; arena memory of CALL. */
const char *vl_network_member (struct vl_call *call, const struct vl_network *network,
                               const char *name);

/* Reads TEXT (at most 1 MiB, 32 deep; duplicate members, unknown members,
 * non-string properties, text after the end are refused, all in one run).
 * NULL after findings (exit 3) with ORIGIN and JSON path.  Missing uuid and
 * macs are derived from the canonical JSON. */
struct vl_request *vl_request_read (struct vl_call *call, const char *text, size_t length,
                                    const char *origin);
void vl_request_free (struct vl_request *request);
/* The canonical JSON (sorted, compact, with uuid and macs where given or
 * derived); reading it again gives the same plan.  Caller frees. */
char *vl_request_to_json (const struct vl_request *request);

/* TEXT, a request that was read without findings, with networks as all but Nova writes them.
 * Caller frees. */
char *vl_request_plain (struct vl_call *call, const char *text, size_t length);

/* A version 5 uuid of TEXT in virtloom's namespace; OUT has room for 37. */
void vl_uuid_from_text (const char *text, char *out);
/* A random (version 4) uuid. */
void vl_uuid_random (char *out);
/* "vl-" and the first 12 hex digits of UUID; OUT has room for 16. */
void vl_domain_name (const char *uuid, char *out);
/* What names and addresses may look like: each answers NULL for good, else what is wrong
 * and what is accepted, to stand after the value. */
/* A server name: 1 to 255 bytes of UTF-8, no control characters, no blank at
 * either end. */
const char *vl_server_name_problem (const char *name);
/* A host name by RFC 1123: labels of letters, digits and inner hyphens, with points between. */
const char *vl_hostname_problem (const char *name);
/* Any short text: 1 to 255 bytes, printable. */
const char *vl_text_name_problem (const char *text);
/* What a NIC is called for ever: "nic0". */
const char *vl_nic_id_problem (const char *id);
/* An absolute path without "..". */
const char *vl_path_problem (const char *path);
/* A kernel or ramdisk: an absolute path, or the name of another image. */
const char *vl_image_ref_problem (const char *text);
/* What the guest finds a device by. */
const char *vl_tag_problem (const char *text);
const char *vl_uuid_problem (const char *text);
/* A MAC address that an interface can have. */
const char *vl_mac_problem (const char *text);

#endif
