/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cpu-quota: the guest's share of the host's CPU time and the most that it may
 * take of it.  The ranges are libvirt's. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>

#define MOST_SHARES 262144
#define MOST_PERIOD 1000000
#define LEAST 1000
#define MOST_QUOTA 17592186044415

static const struct vl_prop props[] = {
  { .name = "shares",
    .type = VL_INT,
    .min = 2,
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
    return 0;
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
