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
    .setting = "rng_dev_path",
    .help = "device of the host that random numbers are read from; empty: the hypervisor's choice",
    .since = "0.1.0" },
};

static const struct vl_setting settings[] = {
  { .name = "rng_dev_path",
    .type = VL_STRING,
    .flags = VL_EMPTY_OK,
    .deflt = "/dev/urandom",
    .nova = "libvirt.rng_dev_path",
    .help = "device of the host that random numbers are read from; empty: the hypervisor's choice",
    .since = "0.1.0" },
};

static const struct vl_write writes[] = { { "devices/rng", NULL } };

static const struct vl_name reads[] = { { VL_GUEST_VIRT_TYPE } };

/* The path of the host's device, NULL where the hypervisor chooses. */
static const char *
source_path (const struct vl_guest *guest)
{
  const char *path = vl_guest_str (guest, "source");

  return path && path[0] ? path : NULL;
}

static int
active (const struct vl_guest *guest)
{
  return vl_guest_bool (guest, "allowed") && ! vl_guest_is (guest, VL_GUEST_VIRT_TYPE, "lxc");
}

/* Every Linux kernel has these two, whether a recorded host lists them or not. */
static int
is_always_there (const char *path)
{
  return strcmp (path, "/dev/urandom") == 0 || strcmp (path, "/dev/random") == 0;
}

static int
check_source (struct vl_call *call, const char *path, const struct vl_host *host)
{
  if (path[0] != '/') {
    vl_error (call, VL_ERR_UNSUPPORTED, "RngDeviceNotExist", "source",
              "rng_dev_path is '%s', which is not an absolute path", path);
    vl_hint (call, "set rng_dev_path in rng.conf to a device such as '/dev/urandom'");
    return -1;
  }
  switch (vl_host_device (host, path)) {
  case 1:
    return 0;
  case 0:
    vl_error (call, VL_ERR_UNSUPPORTED, "RngDeviceNotExist", "source",
              "the host has no '%s', from which guests are to get random numbers", path);
    vl_hint (call,
             "set rng_dev_path in rng.conf to a device that is there, such as '/dev/urandom'");
    return -1;
  default:
    return is_always_there (path) ? 0 : vl_host_unknown (call, "source", "device");
  }
}

/* A rate needs both numbers, unlike libvirt's own default of one second. */
static int
has_rate (const struct vl_guest *guest)
{
  return vl_guest_int (guest, "rate-bytes") > 0 && vl_guest_int (guest, "rate-period") > 0;
}

static int
validate (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  int bytes = vl_guest_has (guest, "rate-bytes"), period = vl_guest_has (guest, "rate-period");
  const char *path = source_path (guest);

  if (bytes != period) {
    vl_advice (call, NULL, bytes ? "rate-bytes" : "rate-period",
               "the rate is not limited: that takes both hw_rng:rate_bytes and hw_rng:rate_period");
    vl_hint (call, bytes ? "add hw_rng:rate_period, in ms" : "add hw_rng:rate_bytes");
  }
  if (vl_host_cap (guest, host, "rng.model", "virtio") == 0) {
    vl_error (call, VL_ERR_UNSUPPORTED, NULL, "allowed",
              "the hypervisor of this host offers no virtio random number generator");
    vl_hint (call, "say hw_rng:allowed=false in the flavor");
    return -1;
  }
  return path ? check_source (call, path, host) : 0;
}

static int
contribute (struct vl_call *call, const struct vl_guest *guest, const struct vl_host *host)
{
  struct vl_node *node = vl_append (call, NULL, "devices/rng", "allowed"), *child;

  (void)host;
  vl_set (call, node, "model", vl_guest_str (guest, "model"), "model");
  if (has_rate (guest)) {
    child = vl_ensure (call, node, "rate", 0, "rate-bytes");
    vl_set (call, child, "period", vl_guest_str (guest, "rate-period"), "rate-period");
    vl_set (call, child, "bytes", vl_guest_str (guest, "rate-bytes"), "rate-bytes");
  }
  child = vl_ensure (call, node, "backend", 0, "source");
  vl_set (call, child, "model", "random", "source");
  return source_path (guest) ? vl_text (call, child, source_path (guest), "source") : 0;
}

VL_FEATURE (rng, "rng", .version = VL_VERSION,
            .summary = "a virtio random number generator, with an optional rate",
            .props = VL_TABLE (props), .settings = VL_TABLE (settings), .writes = VL_TABLE (writes),
            .reads = VL_TABLE (reads), .active = active, .validate = validate,
            .contribute = contribute);
