/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What every guest takes of its host, whatever features it has. */

#include <config.h>

#include "domain/doc.h"
#include "lib/file.h"
#include "lib/text.h"
#include "request/disks.h"

#include <virtloom/ascii.h>

#include <sys/statvfs.h>

/* Where the disks are that are made for servers. */
#define DISKS "DISK_GB:"
#define STORE DISKS "state"

/* ---- amounts ---- */

/* Adds RESOURCE to *UNSAID where the host does not say how much it has. */
static void
claim_amount (struct vl_call *call, const char *resource, int64_t amount, int64_t total,
              const char *why, struct vl_str *unsaid)
{
  if (amount > 0)
    vl_claim_amount (call, resource, amount, total, why);
  if (amount > 0 && total < 0)
    vl_str_printf (unsaid, "%s%s", unsaid->length ? ", " : "", resource);
}

static int64_t
total_of (struct vl_call *call, const char *slot)
{
  return vl_has (call, slot) ? vl_int (call, slot) : -1;
}

/* GiB that the disks need which are made for the guest in STORE; NULL: beside STATE. */
static int64_t
disk_space (const struct vl_guest *guest, const char *store)
{
  int64_t bytes = 0;

  for (size_t i = 0; i < guest->n_disks; i++) {
    const struct vl_block_device *bdm = guest->disk_devices ? guest->disk_devices[i] : NULL;

    if (! (bdm && vl_is_volume (bdm)) && vl_text_same (guest->sources[i].store, store)
        && __builtin_add_overflow (bytes, guest->disks[i].size, &bytes))
      return INT64_MAX / VL_GIB;
  }
  return bytes / VL_GIB + (bytes % VL_GIB != 0);
}

/* What is preallocated must fit into what is free now, whoever has the rest. */
static void
check_free (struct vl_call *call, int64_t gib)
{
  const char *state = call->guest->request->state_dir;
  struct statvfs fs;
  int64_t free_gib;

  if (! call->host->live || state == NULL || ! vl_is (call, VL_STORAGE_PREALLOCATE, "space")
      || statvfs (state, &fs) < 0)
    return;
  free_gib = (int64_t)((uint64_t)fs.f_bavail * fs.f_frsize / (uint64_t)VL_GIB);
  if (gib > free_gib)
    vl_refuse_as (call, VL_ERR_UNSUPPORTED, "ComputeResourcesUnavailable", VL_STORAGE_PREALLOCATE,
                  "make room, or say preallocate_images = none in section [storage] of "
                  "virtloom.conf",
                  "the guest's disks take %lld GiB at once, and \"%s\" has %lld GiB free",
                  (long long)gib, state, (long long)free_gib);
}

static int64_t
disk_capacity (struct vl_call *call)
{
  const char *how;
  int64_t bytes = 0;

  if (vl_fact_int (call, "storage.capacity", 0, &bytes) != 1)
    return -1;
  return vl_capacity (call->guest, "disk", bytes / VL_GIB, &how);
}

/* Claims what disks take of stores of their own, each once.  How much one has is known where a disk
 * is made in it. */
static void
claim_stores (struct vl_call *call, struct vl_str *unsaid)
{
  const struct vl_guest *guest = call->guest;

  for (size_t i = 0, k; i < guest->n_disks; i++) {
    const char *store = guest->sources[i].store;

    for (k = 0; store && k < i && ! vl_text_same (guest->sources[k].store, store); k++)
      ;
    if (store && k == i)
      claim_amount (call, vl_printf (call, DISKS "%s", store), disk_space (guest, store), -1, NULL,
                    unsaid);
  }
}

/* ---- members ---- */

/* Two paths may lead to one file or device, or to a disk and a partition of it; empty parts of
 * what a server of volumes calls one have no meaning ("pool//volume"). */
static int
same_volume (const char *a, const char *b)
{
  if (a[0] == '/' || b[0] == '/')
    return VL_STREQ (a, b) || (a[0] == b[0] && vl_file_shares (a, b));
  do {
    a += strspn (a, "/");
    b += strspn (b, "/");
    for (; *a && *a != '/' && *a == *b; a++)
      b++;
  } while (*a == '/' && *b == '/');
  return *(a + strspn (a, "/")) == '\0' && *(b + strspn (b, "/")) == '\0';
}

static void
claim_devices (struct vl_call *call)
{
  const struct vl_guest *guest = call->guest;

  for (size_t i = 0; i < guest->n_nics; i++) {
    char *mac = vl_arena_strdup (call->arena, guest->nics[i].mac);

    for (char *p = mac; p && *p; p++)
      *p = vl_ascii_lower (*p);
    if (mac)
      vl_claim_member (call, &(struct vl_wanted_member) {
                                 .pool = "MAC",
                                 .holder = guest->nics[i].id,
                                 .member = mac,
                                 .what = "MAC address",
                                 .hint = "give another one, or none to have one made" });
  }
  for (size_t i = 0; i < guest->n_disks; i++) {
    const struct vl_block_device *bdm = guest->disk_devices ? guest->disk_devices[i] : NULL;
    const struct vl_disk *disk = &guest->disks[i];

    struct vl_wanted_member want = {
      .pool = "VOLUME",
      .holder = disk->id,
      .member = disk->source,
      .shared = disk->shareable != 0,
      .what = "volume",
      .hint = "take it away there ('virtloom server remove volume'), or delete that server; a "
              "volume is shared where each server's connection_info says \"multiattach\": true",
      .own_hint = "name each volume once: another path or link to a file is the same volume"
    };

    if (! (bdm && vl_is_volume (bdm) && disk->source))
      continue;
    /* Of another machine only what is text can be said. */
    if (call->here || disk->source[0] != '/')
      want.same = same_volume;
    vl_claim_member (call, &want);
    /* What lies below it is the server's as well. */
    for (const struct vl_source *below = guest->sources[i].backing; below; below = below->backing) {
      want.member = below->path;
      want.holder = vl_printf (call, "%s" VL_HOLDER_BELOW, want.holder);
      vl_claim_member (call, &want);
    }
    want.holder = disk->id;
    /* One volume may be reached by several paths, or portals. */
    want.pool = "VOLUME_UUID";
    want.member = bdm->uuid;
    want.same = NULL;
    if (bdm->uuid)
      vl_claim_member (call, &want);
  }
}

void
vl_core_claim (struct vl_build *build)
{
  VL_AUTOSTR struct vl_str unsaid = { 0 };
  struct vl_call *call = build->call;

  claim_amount (call, "VCPU", vl_int (call, VL_CLAIM_VCPUS), total_of (call, VL_HOST_VCPUS),
                VL_GUEST_VCPUS, &unsaid);
  claim_amount (call, "MEMORY_MB", vl_int (call, VL_CLAIM_MEMORY), total_of (call, VL_HOST_MEMORY),
                VL_GUEST_MEMORY, &unsaid);
  check_free (call, disk_space (build->guest, NULL));
  claim_amount (call, STORE, disk_space (build->guest, NULL), disk_capacity (call), NULL, &unsaid);
  claim_stores (call, &unsaid);
  claim_devices (call);
  if (unsaid.length && call->holdings && call->verbose)
    vl_advise (call, NULL, "see what it says with: virtloom host show",
               "the host does not say how much it has of %s; that is counted, and not judged",
               unsaid.text);
}
