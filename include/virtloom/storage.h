/* SPDX-License-Identifier: MIT
 *
 * What a feature brings that reaches disks: where a disk's bytes are, and how they
 * are made, changed and removed.  See virtloom-storage(3). */

#ifndef VIRTLOOM_STORAGE_H
#define VIRTLOOM_STORAGE_H

#include <virtloom/feature.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A host that serves a network disk.  Members are NULL where they are not given. */
struct vl_endpoint {
  const char *name, *port;
  const char *transport; /* tcp, rdma, unix */
  const char *socket;    /* path, for unix */
  /* New members go below this line only. */
};

/* Where the bytes of a disk are.  All texts live as long as the call. */
struct vl_source {
  uint32_t size;                       /* sizeof (struct vl_source), filled by the core */
  const char *type;                    /* file, block, network; vhostuser where IS_SERVED */
  const char *format;                  /* raw, qcow2: how the bytes are to be read */
  const char *path;                    /* file, block: absolute */
  const char *protocol, *name;         /* network: "rbd", "pool/image" */
  struct vl_table hosts;               /* network: struct vl_endpoint */
  const char *auth_user;               /* network, or NULL */
  const char *auth_type, *secret_uuid; /* the secret of libvirt's for AUTH_USER: "ceph" */
  const char *serial;                  /* that the guest sees, or NULL */
  uint32_t readonly, shareable;
  const struct vl_source *backing; /* what lies below; NULL: nothing does */
  /* New members go below this line only. */
  /* Of a network volume: by which no two volumes are one, "10.0.0.1:10809/disk"; NULL: by its name,
   * which may be NULL only where this is not. */
  const char *identity;
  /* The secret of libvirt's that opens it, which the core fills in; NULL: it is not encrypted. */
  const char *luks_secret;
  /* Of a network volume: the name in the server's certificate, "": its host's; NULL: no TLS. */
  const char *tls_host;
  uint32_t is_scsi; /* of a network volume, 1: a guest may have it as a lun */
  /* 1: another process serves it, from the guest's memory: TYPE is "vhostuser", PATH that one's
   * socket. */
  uint32_t is_served;
  const char *conf; /* network: the cluster's own settings, a path; NULL: QEMU looks for them */
  /* Made disks: what their bytes are taken from ("lvm-vg0"), which claims and `capacity` name;
   * NULL: the file system of STATE. */
  const char *store;
  uint32_t is_dense; /* made disks, 1: all of its blocks are there before the guest writes */
};

/* A disk of a server as it is asked for.  Members that do not apply are NULL or 0. */
struct vl_volume {
  uint32_t size;             /* sizeof (struct vl_volume) */
  const char *id, *role;     /* as in struct vl_disk */
  const char *server;        /* its uuid */
  const char *dir, *name;    /* local disks: the server's folder, and Nova's name: "disk.swap" */
  const char *type;          /* the images_type, or the driver_volume_type */
  int64_t bytes;             /* wanted; 0: as many as the image has */
  const char *image;         /* local disks made of one: the path of its copy in STATE */
  const char *image_format;  /* what QEMU calls its format: qcow2, raw, vpc */
  int64_t image_bytes;       /* make: the size of the disk that the image is */
  const char *blank, *label; /* empty disks: "swap", "ext4" with label "ephemeral0"; or NULL */
  uint32_t preallocate;      /* make: 1: the disk's blocks are taken now */
  const char *connection;    /* volumes: connection_info, JSON, to be read with vl_info () */
  const char *where;         /* "$.block_devices[1].connection_info", for findings */
  const char *was;           /* the format that this disk has on record; NULL: it is new */
  /* New members go below this line only. */
  const char *was_at; /* its path or name on record, in that case */
  /* make: in place of IMAGE, where `image_clones` said that the disk can be cloned: the image, as
   * `image_look` calls it. */
  const char *image_url;
  /* locate, make: 1: another disk takes the place of the one at WAS_AT, which stays until the server has
   * the new one.  What lies elsewhere than in the server's folder has to lie at another place then. */
  uint32_t is_anew;
};

/* An image in a store that a plugin reaches. */
struct vl_image_place {
  uint32_t size;   /* sizeof (struct vl_image_place) */
  const char *url; /* whole: "rbd://FSID/POOL/IMAGE/SNAPSHOT" */
  int64_t bytes;   /* of the disk that it is, which is raw */
  /* New members go below this line only. */
};

/* Calls answer 0, or -1 after vl_refuse ().  One that is NULL, or beyond SIZE, is
 * refused as Unsupported where it is needed, but `connect` and `disconnect`: without
 * them there is nothing to do.
 *
 * An acting call is written down before it is made: where the command dies, or fails
 * later, the next one calls what undoes it.  Acting calls may find their work done
 * and may find nothing to undo. */
struct vl_storage_calls {
  uint32_t size; /* sizeof (struct vl_storage_calls) */
  /* What this plugin answers for: values of images_type in virtloom.conf, the first
   * is its name; values of driver_volume_type.  NULL-terminated, or NULL.  Two plugins
   * for one name are both refused. */
  const char *const *image_types, *const *volume_types;
  /* Pure: is images_type = default this plugin?  Exactly one must say 1; NULL: 0. */
  int (*is_default) (struct vl_call *);
  /* Pure, while the guest is laid out: where VOLUME is.  SOURCE has what every volume's
   * connection_info says: format ("raw" where nothing is said), serial, readonly and
   * shareable. */
  int (*locate) (struct vl_call *, const struct vl_volume *, struct vl_source *);

  /* Acting.  SOURCE is what `locate` answered, of a server that exists what is on
   * record of it. */
  /* Makes VOLUME at SOURCE, of its image or empty; nothing may be there. */
  int (*make) (struct vl_call *, const struct vl_volume *, const struct vl_source *);
  /* Grows VOLUME to VOLUME->bytes. */
  int (*resize) (struct vl_call *, const struct vl_volume *, const struct vl_source *);
  /* Removes VOLUME, if this plugin made it: also called where `make` was refused since something
   * else lies there.  What lies in the server's folder goes with the folder. */
  int (*remove) (struct vl_call *, const struct vl_volume *, const struct vl_source *);
  /* Writes what VOLUME is now, without anything below it, to the new file PATH in
   * FORMAT. */
  int (*snapshot) (struct vl_call *, const struct vl_volume *, const struct vl_source *,
                   const char *path, const char *format);
  /* The copy of an image in the store, which servers share: made before the first of
   * them, dropped after the last. */
  int (*image_make) (struct vl_call *, const struct vl_volume *);
  int (*image_drop) (struct vl_call *, const char *image);
  /* How many bytes disks of images_type TYPE may take here in all, and how many are
   * taken; DIR is where local disks lie.  STORE names what is counted, so that two
   * plugins on one file system count it once. */
  int (*capacity) (struct vl_call *, const char *dir, const char **store, int64_t *total,
                   int64_t *used);
  /* Volumes: before each start of the guest; when it is gone for ever; when its size
   * has changed. */
  int (*connect) (struct vl_call *, const struct vl_volume *, const struct vl_source *);
  int (*disconnect) (struct vl_call *, const struct vl_volume *, const struct vl_source *);
  int (*extend) (struct vl_call *, const struct vl_volume *, const struct vl_source *);
  /* New members go below this line only. */
  /* Members of connection_info's data that the command line gives as --volume
   * TYPE:FIRST,KEY=VALUE,...: the first, then the keys.  NULL-terminated, or NULL: none. */
  const char *const *volume_keys;
  /* Schemes of images that lie in a store of this plugin's: "rbd" of "rbd:POOL/IMAGE@SNAPSHOT".
   * NULL-terminated, or NULL. */
  const char *const *image_schemes;
  /* Is the image URL there, and does it stay as it is?  Fills PLACE. */
  int (*image_look) (struct vl_call *, const char *url, struct vl_image_place *place);
  /* Can disks of this plugin be cloned from URL?  Fills PLACE if they can, and leaves its url NULL
   * if not. */
  int (*image_clones) (struct vl_call *, const char *url, struct vl_image_place *place);
  /* Writes its bytes to the new file PATH. */
  int (*image_fetch) (struct vl_call *, const char *url, const char *path);
  /* Tells of each disk that lies outside of servers' folders and is called as one that was made for a
   * server: FN gets OPAQUE, the server's uuid, and what the disk is, with what shows it.  `state check`
   * says which of them are of no server on record. */
  int (*made) (struct vl_call *, void (*fn) (void *opaque, const char *server, const char *disk),
               void *opaque);
  /* Before a disk that lies elsewhere than in the server's folder is grown, whose server may become
   * again what it was: what is on it is kept.  And the two ends of that: the disk is what was kept, or
   * is what it is by now, and nothing is kept any more.  All of a guest that is off; each may find its
   * work done. */
  int (*checkpoint) (struct vl_call *, const struct vl_volume *, const struct vl_source *);
  int (*rollback) (struct vl_call *, const struct vl_volume *, const struct vl_source *);
  int (*commit) (struct vl_call *, const struct vl_volume *, const struct vl_source *);
};

/* What connection_info of VOLUME says at PATH: "driver_volume_type", "data.name",
 * "data.hosts.0".  Numbers are decimal, booleans "true" and "false"; NULL where there
 * is nothing, or an object or a list. */
VL_EXPORT const char *vl_info (struct vl_call *c, const struct vl_volume *volume, const char *path);
/* The same; NULL after a refusal that says what is missing. */
VL_EXPORT const char *vl_need_info (struct vl_call *c, const struct vl_volume *volume,
                                    const char *path);

/* Refuses: "WHAT "PATH": ..." with the words for ERROR, a value of errno; DiskFull where
 * there is no room.  PATH is NULL where WHAT says where.  Answers -1. */
VL_EXPORT int vl_file_failed (struct vl_call *c, const char *what, const char *path, int error);
/* Is there room for PATH, a file that is there, to become of BYTES?  0, or -1 after DiskFull,
 * before anything is written: a disk that is full stops the guests of all. */
VL_EXPORT int vl_file_room (struct vl_call *c, const char *path, int64_t bytes);

#ifdef __cplusplus
}
#endif

#endif
