/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cpu-quota: the guest's share of the host's CPU time and the most that it may
 * take of it.  The ranges are libvirt's. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>

/* Of the two versions of cgroups together. */
#define LEAST_SHARES 1
#define MOST_SHARES 262144
/* Libvirt that takes a weight of 1 where the version is 2. */
#define ONE_SINCE "9.1.0"
#define MOST_PERIOD 1000000
#define LEAST 1000
#define MOST_QUOTA 17592186044415

static const struct vl_prop props[] = {
  { .name = "shares",
    .type = VL_INT,
    .min = LEAST_SHARES,
    .max = MOST_SHARES,
    .flavor_key = "quota:cpu_shares",
    .help = "weight among the guests of the host when CPU time is short",
    .since = "0.1.0" },
  { .name = "period",
    .type = VL_INT,
    .min = LEAST,
    .max = MOST_PERIOD,
    .unit = "us",
    .flavor_key = "quota:cpu_period",
    .help = "time over which the quota is counted",
    .since = "0.1.0" },
  { .name = "quota",
    .type = VL_INT,
    .min = -1,
    .max = MOST_QUOTA,
    .unit = "us",
    .flavor_key = "quota:cpu_quota",
    .help = "CPU time that each vCPU may take in a period; 0: not set, -1: no limit",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "cputune/shares" },
                                          { .path = "cputune/period" },
                                          { .path = "cputune/quota" } };

#define N_PROPS (sizeof props / sizeof props[0])

/* The first row that is set, or NULL. */
static const char *
first (struct vl_call *c)
{
  for (size_t i = 0; i < N_PROPS; i++)
    if (vl_has (c, props[i].name))
      return props[i].name;
  return NULL;
}

static int
active (struct vl_call *c)
{
  return first (c) != NULL;
}

/* Version 2 of cgroups has weights to 10000, version 1 shares from 2 on. */
static int
check_shares (struct vl_call *c)
{
  int64_t shares = vl_int (c, "shares"), version = 0, least = 2, most = MOST_SHARES;

  if (shares >= 2 && shares <= 10000)
    return 0;
  if (vl_need_int (c, "shares", "cgroup.version", 1, &version) < 0)
    return -1;
  if (version == 2) {
    least = vl_fact_at_least (c, "libvirt.version", ONE_SINCE) == 1 ? 1 : 2;
    most = 10000;
  }
  if (shares >= least && shares <= most)
    return 0;
  return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "UnsupportedHostCPUControlPolicy", "shares",
                       "10000 is the most that every host takes",
                       "'%s' is out of the range of this host's cgroups, whose version is %" PRId64
                       "; accepted: %" PRId64 " to %" PRId64,
                       vl_str (c, "shares"), version, least, most);
}

static int
validate (struct vl_call *c)
{
  int64_t quota = vl_int (c, "quota");

  if (quota > 0 && quota < LEAST)
    return vl_refuse (c, VL_ERR_REQUEST, "quota",
                      "the quota is in us; with a longer quota:cpu_period it can be longer too",
                      "'%s' is too little; accepted: -1, 0, %d to %" PRId64, vl_str (c, "quota"),
                      LEAST, (int64_t)MOST_QUOTA);
  switch (vl_need_flag (c, first (c), "cgroup.cpu")) {
  case 1:
    return vl_has (c, "shares") ? check_shares (c) : 0;
  case 0:
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "UnsupportedHostCPUControlPolicy", first (c),
        "enable the controller, or take quota:cpu_... out of the flavor",
        "this host has no cgroup controller 'cpu', so CPU time cannot be shared out");
  default:
    return -1;
  }
}

/* A quota of 0 is libvirt's word for none, which it does not keep. */
static int
contribute (struct vl_call *c)
{
  for (size_t i = 0; i < N_PROPS; i++) {
    const char *name = props[i].name;

    if (vl_int (c, name) != 0)
      vl_text_from (vl_ensure (c, vl_printf (c, "cputune/%s", name), name), name);
  }
  return 0;
}

VL_FEATURE (cpu_quota, "cpu-quota", .version = VL_VERSION,
            .summary = "share and limit of the host's CPU time", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .active = active, .validate = validate,
            .contribute = contribute);
