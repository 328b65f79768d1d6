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

static const struct vl_write writes[] = { { "cputune/shares", NULL },
                                          { "cputune/period", NULL },
                                          { "cputune/quota", NULL } };

#define N_PROPS (sizeof props / sizeof props[0])

static int
active (const struct vl_guest *guest)
{
  for (size_t i = 0; i < N_PROPS; i++)
    if (vl_guest_has (guest, props[i].name))
      return 1;
  return 0;
}

static const char *
first (const struct vl_guest *guest)
{
  for (size_t i = 0; i < N_PROPS; i++)
    if (vl_guest_has (guest, props[i].name))
      return props[i].name;
  return NULL;
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int64_t quota = vl_guest_int (guest, "quota");

  if (quota > 0 && quota < LEAST) {
    vl_error (call, VL_ERR_REQUEST, NULL, "quota",
              "'%s' is too little; accepted: -1, 0, %d to %" PRId64, vl_guest_str (guest, "quota"),
              LEAST, (int64_t)MOST_QUOTA);
    vl_hint (call, "the quota is in us; with a longer quota:cpu_period it can be longer too");
    return -1;
  }
  switch (vl_host_flag (host, "cgroup.cpu")) {
  case 1:
    return 0;
  case 0:
    vl_error (call, VL_ERR_UNSUPPORTED, "UnsupportedHostCPUControlPolicy", first (guest),
              "this host has no cgroup controller 'cpu', so CPU time cannot be shared out");
    vl_hint (call, "enable the controller, or take quota:cpu_... out of the flavor");
    return -1;
  default:
    return vl_host_unknown (call, first (guest), "cgroup.cpu");
  }
}

/* A quota of 0 is libvirt's word for none, which it does not keep. */
static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  (void)host;
  for (size_t i = 0; i < N_PROPS; i++)
    if (vl_guest_int (guest, props[i].name) != 0)
      vl_text (
          call,
          vl_ensure (call, NULL, vl_printf (call, "cputune/%s", props[i].name), 0, props[i].name),
          vl_guest_str (guest, props[i].name), props[i].name);
  return 0;
}

VL_FEATURE (cpu_quota, "cpu-quota", .version = VL_VERSION,
            .summary = "share and limit of the host's CPU time", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .active = active, .validate = validate,
            .contribute = contribute);
