/* SPDX-License-Identifier: MIT
 *
 * The calls of a driver for guests that get other disks, or go to another host.  A part of
 * virtloom/driver.h, which includes it.  See virtloom-driver(3). */

#ifndef VIRTLOOM_MIGRATION_H
#define VIRTLOOM_MIGRATION_H

#include <virtloom/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vl_conn;
struct vl_spawn;

/* What both hosts know of a guest that goes from one to the other while it runs: Nova's migrate data.
 * Whoever has it move carries this between them.  Flags are 1, 0, or -1: not known yet. */
struct vl_migrate_data {
  uint32_t size;
  uint32_t disk_over_commit;       /* 1: what disks take counts, not how large they are */
  int32_t block_migration;         /* local disks are copied; -1: where they are not shared */
  int32_t is_shared_instance_path; /* both hosts have one folder for disks */
  int32_t is_shared_block_storage; /* no disk has to be copied */
  int64_t disk_available_mb;       /* MiB at the destination; -1: not known */
  const char *uuid, *domain;       /* of the guest */
  const char *filename;            /* of the destination's test file, or NULL */
  const char *cpu;          /* the guest's <cpu> as its host has it; NULL: it is not compared */
  const char *inbound_addr; /* where the destination takes guests; NULL: as its name says */
  const char *xml;          /* what the guest is on the destination; NULL: what it is */
  const char *const *migrate_disks; /* names of those to copy ("vda"), NULL-terminated, or NULL */
};

/* How far a guest has gone.  -1: not known. */
struct vl_migration_progress {
  uint32_t size;
  int32_t iteration;         /* of the copy of its memory */
  int64_t elapsed, downtime; /* ms; of DOWNTIME what is expected, or was */
  int64_t memory_total, memory_remaining, disk_total, disk_remaining; /* bytes */
  int64_t bps;                                                        /* bytes a second */
};
/* What FN answers: what is to be done with the guest that goes. */
enum vl_migration_order {
  VL_MIGRATION_GOES_ON = 0,
  VL_MIGRATION_ABORT = 1,
  VL_MIGRATION_FORCE_COMPLETE = 2,
};
/* Called now and then, maybe in a child process of the caller's. */
typedef int (*vl_migration_fn) (void *opaque, const struct vl_migration_progress *progress);

struct vl_migration_calls {
  uint32_t size;
  /* A guest that is off is given other disks, and another document.  It becomes that of SPAWN, and is
   * started where that says so (`power_on`).  What it has beside its disks, its firmware's
   * variables and its TPM, stays.  What is done already is success; a guest that is not there is made. */
  int (*finish_migration) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);
  /* The same where it becomes what it was before. */
  int (*finish_revert_migration) (struct vl_call *, struct vl_conn *, const struct vl_spawn *);

  /* The rest is of a guest that goes to another host while it runs, or is paused: "at the source" where
   * it is, "at the destination" where it goes.  Files, volumes and interfaces are the core's affair. */

  /* At the destination: can it come?  MigrationPreCheckError: this host's processor is less than
   * DATA's.  Fills what it knows of DATA. */
  int (*check_can_live_migrate_destination) (struct vl_call *, struct vl_conn *,
                                             struct vl_migrate_data *data);
  /* At the source: can it go?  InstanceNotFound, InstanceInvalidState.  Fills `domain`, `cpu` and, where
   * that is NULL, `xml`, which live as long as the call. */
  int (*check_can_live_migrate_source) (struct vl_call *, struct vl_conn *,
                                        struct vl_migrate_data *data);
  /* At the destination, before it comes.  InstanceExists: there is a guest of that uuid. */
  int (*pre_live_migration) (struct vl_call *, struct vl_conn *,
                             const struct vl_migrate_data *data);
  /* At the source: has it go to host DEST.  FN (or NULL) is told how far it is.  0: it has gone, and is
   * not known here any more.  -1 after a finding: it is here, and as it was; 1 after a finding: where it
   * is is not known. */
  int (*live_migration) (struct vl_call *, struct vl_conn *, const struct vl_migrate_data *data,
                         const char *dest, vl_migration_fn fn, void *opaque);
  /* At the source, while that goes on: it is given up; it is brought to its end, by post-copy where that
   * is permitted, else by pausing the guest.  NoActiveMigrationForInstance. */
  int (*live_migration_abort) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*live_migration_force_complete) (struct vl_call *, struct vl_conn *, const char *uuid);
  /* At the source, after it has gone: what is left of it goes.  InstanceInvalidState: it is here. */
  int (*post_live_migration) (struct vl_call *, struct vl_conn *, const char *uuid);
  int (*post_live_migration_at_source) (struct vl_call *, struct vl_conn *, const char *uuid);
  /* At the destination: it has come.  InstanceNotFound: it has not. */
  int (*post_live_migration_at_destination) (struct vl_call *, struct vl_conn *,
                                             const struct vl_migrate_data *data);
  /* At the source, after it has not gone, or nobody knows: 0: it is here, nothing copies it any more, and
   * it runs where it did; 1: it is not here. */
  int (*rollback_live_migration_at_source) (struct vl_call *, struct vl_conn *, const char *uuid);
  /* At the destination: what has come of it goes.  InstanceInvalidState: it has come whole. */
  int (*rollback_live_migration_at_destination) (struct vl_call *, struct vl_conn *,
                                                 const struct vl_migrate_data *data);
};

#ifdef __cplusplus
}
#endif

#endif
