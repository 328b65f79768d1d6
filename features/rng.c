/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * rng: a virtio random number generator fed from a device of the host.  Every
 * guest has one unless its flavor forbids it; the flavor may limit the rate. */

#include <config.h>

#include <virtloom/feature.h>

#include <string.h>

static const char *const models[] = { "virtio", NULL };

static const struct vl_prop props[] = {
  { .name = "allowed",
    .type = VL_BOOL,
    .deflt = "true",
    .flavor_key = "hw_rng:allowed",
    .help = "may the guest have a random number generator",
    .since = "0.1.0" },
  { .name = "rate-bytes",
    .type = VL_INT,
    .min = 0,
    .max = UINT32_MAX,
    .unit = "bytes",
    .flavor_key = "hw_rng:rate_bytes",
    .help = "how much the guest may read in one period; 0: no limit",
    .since = "0.1.0" },
  { .name = "rate-period",
    .type = VL_INT,
    .min = 0,
    .max = UINT32_MAX,
    .unit = "ms",
    .flavor_key = "hw_rng:rate_period",
    .help = "length of a period; 0: no limit",
    .since = "0.1.0" },
  { .name = "model",
    .type = VL_CHOICE,
    .deflt = "virtio",
    .choices = models,
    .image_key = "hw_rng_model",
    .help = "model of the device; there is one, so the key changes nothing",
    .since = "0.1.0" },
  { .name = "source",
    .type = VL_STRING,
    .flags = VL_EMPTY_OK,
    .deflt = "/dev/urandom",
    .setting = "rng_dev_path",
    .nova = "libvirt.rng_dev_path",
    .help = "device of the host that random numbers are read from; empty: the hypervisor's choice",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { .path = "devices/rng" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_VIRT_TYPE } };

/* The path of the host's device, NULL where the hypervisor chooses. */
static const char *
source_path (struct vl_call *c)
{
  const char *path = vl_str (c, "source");

  return path && path[0] ? path : NULL;
}

static int
active (struct vl_call *c)
{
  return vl_bool (c, "allowed") && ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

/* Every Linux kernel has these two, whether a recorded host lists them or not. */
static int
is_always_there (const char *path)
{
  return strcmp (path, "/dev/urandom") == 0 || strcmp (path, "/dev/random") == 0;
}

static int
check_source (struct vl_call *c, const char *path)
{
  if (path[0] != '/')
    return vl_refuse_as (c, VL_ERR_UNSUPPORTED, "RngDeviceNotExist", "source",
                         "set rng_dev_path in rng.conf to a device such as '/dev/urandom'",
                         "rng_dev_path is '%s', which is not an absolute path", path);
  switch (vl_fact_device (c, path)) {
  case 1:
    return 0;
  case 0:
    return vl_refuse_as (
        c, VL_ERR_UNSUPPORTED, "RngDeviceNotExist", "source",
        "set rng_dev_path in rng.conf to a device that is there, such as '/dev/urandom'",
        "the host has no '%s', from which guests are to get random numbers", path);
  default:
    return is_always_there (path) ? 0 : vl_unsaid (c, "source", "device");
  }
}

/* A rate needs both numbers, unlike libvirt's own default of one second. */
static int
has_rate (struct vl_call *c)
{
  return vl_int (c, "rate-bytes") > 0 && vl_int (c, "rate-period") > 0;
}

static int
validate (struct vl_call *c)
{
  int bytes = vl_int (c, "rate-bytes") > 0, period = vl_int (c, "rate-period") > 0;
  const char *path = source_path (c);

  if (bytes != period)
    vl_advise (c, bytes ? "rate-bytes" : "rate-period",
               bytes ? "add hw_rng:rate_period, in ms" : "add hw_rng:rate_bytes",
               "the rate is not limited: that takes both hw_rng:rate_bytes and hw_rng:rate_period");
  if (vl_cap (c, "rng.model", "virtio") == 0)
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "allowed", "say hw_rng:allowed=false in the flavor",
                      "the hypervisor of this host offers no virtio random number generator");
  return path ? check_source (c, path) : 0;
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *node = vl_append (c, "devices/rng", "allowed"), *child;

  vl_set_from (node, "model", "model");
  if (has_rate (c)) {
    child = vl_ensure_in (vl_because (node, "rate-bytes"), "rate");
    vl_set_from (child, "period", "rate-period");
    vl_set_from (child, "bytes", "rate-bytes");
  }
  child = vl_ensure_in (vl_because (node, "source"), "backend");
  vl_set (child, "model", "random");
  return source_path (c) ? vl_text (child, source_path (c)) : 0;
}

VL_FEATURE (rng, "rng", .version = VL_VERSION,
            .summary = "a virtio random number generator, with an optional rate",
            .props = VL_TABLE (props), .writes = VL_TABLE (writes), .reads = VL_TABLE (reads),
            .active = active, .validate = validate, .contribute = contribute);
