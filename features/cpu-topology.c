/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cpu-topology: sockets, cores and threads of the guest's CPUs.  Flavor and
 * image say what they prefer and what is the most; the topology that meets most
 * of it is taken, for every guest that has a cpu element. */

#include <config.h>

#include <virtloom/feature.h>

#include <inttypes.h>

/* Nova's "no limit". */
#define NO_LIMIT 65536

/* Sockets, cores, threads, in this order everywhere. */
#define N_KINDS 3
static const char *const kinds[N_KINDS] = { "sockets", "cores", "threads" };
static const char *const prefer[N_KINDS] = { "sockets", "cores", "threads" };
static const char *const most[N_KINDS] = { "max-sockets", "max-cores", "max-threads" };
static const char *const unread[N_KINDS] = { "unread-max-sockets", "unread-max-cores",
                                             "unread-max-threads" };
static const char *const chosen[N_KINDS] = { "chosen-sockets", "chosen-cores", "chosen-threads" };

#define NUMBER(what, r, flavor, image, text)                                                       \
  {                                                                                                \
    .name = what, .type = VL_INT, .rule = r, .min = 1, .max = INT32_MAX, .flavor_key = flavor,     \
    .image_key = image, .invalid_code = "InvalidRequest",                                          \
    .conflict_code = "ImageVCPULimitsRangeExceeded", .help = text, .since = "0.1.0"                \
  }
#define RESULT(what, text)                                                                         \
  {                                                                                                \
    .name = what, .type = VL_INT, .help = text, .since = "0.1.0"                                   \
  }

static const struct vl_prop props[] = {
  NUMBER ("sockets", VL_BY_FEATURE, "hw:cpu_sockets", "hw_cpu_sockets",
          "preferred number of sockets"),
  NUMBER ("cores", VL_BY_FEATURE, "hw:cpu_cores", "hw_cpu_cores", "preferred cores of a socket"),
  NUMBER ("threads", VL_BY_FEATURE, "hw:cpu_threads", "hw_cpu_threads",
          "preferred threads of a core"),
  NUMBER ("max-sockets", VL_IMAGE_NARROWS, "hw:cpu_max_sockets", "hw_cpu_max_sockets",
          "most sockets; the image may only lower it"),
  NUMBER ("max-cores", VL_IMAGE_NARROWS, "hw:cpu_max_cores", "hw_cpu_max_cores",
          "most cores of a socket; the image may only lower it"),
  NUMBER ("max-threads", VL_IMAGE_NARROWS, "hw:cpu_max_threads", "hw_cpu_max_threads",
          "most threads of a core; the image may only lower it"),
  NUMBER ("unread-max-sockets", VL_RULE_NONE, "hw:max_cpu_sockets", NULL,
          "Nova accepts this spelling and never reads it: say hw:cpu_max_sockets"),
  NUMBER ("unread-max-cores", VL_RULE_NONE, "hw:max_cpu_cores", NULL,
          "Nova accepts this spelling and never reads it: say hw:cpu_max_cores"),
  NUMBER ("unread-max-threads", VL_RULE_NONE, "hw:max_cpu_threads", NULL,
          "Nova accepts this spelling and never reads it: say hw:cpu_max_threads"),
  RESULT ("chosen-sockets", "sockets of the guest"),
  RESULT ("chosen-cores", "cores of a socket"),
  RESULT ("chosen-threads", "threads of a core"),
};

static const struct vl_write writes[] = { { .path = "cpu/topology" } };

static const struct vl_name reads[] = { { .name = VL_GUEST_VCPUS },
                                        { .name = VL_GUEST_VIRT_TYPE },
                                        { .name = "cpu-model.element", .flags = VL_OPTIONAL } };

/* Three numbers; 0: none is asked for. */
struct triple {
  int64_t of[N_KINDS];
};

static struct triple
layer (struct vl_call *c, enum vl_layer which)
{
  struct triple got = { { 0, 0, 0 } };

  for (int i = 0; i < N_KINDS; i++)
    if (vl_layer_has (c, prefer[i], which))
      got.of[i] = vl_layer_int (c, prefer[i], which);
  return got;
}

/* The first of A's numbers that is above MAX's, or -1. */
static int
above (const struct triple *a, const struct triple *max)
{
  for (int i = 0; i < N_KINDS; i++)
    if (a->of[i] > max->of[i])
      return i;
  return -1;
}

static int
any (const struct triple *a)
{
  return a->of[0] || a->of[1] || a->of[2];
}

/* The limits: the image's, else the flavor's. */
static struct triple
limits (struct vl_call *c)
{
  struct triple max;

  for (int i = 0; i < N_KINDS; i++)
    max.of[i] = vl_has (c, most[i]) ? vl_int (c, most[i]) : NO_LIMIT;
  return max;
}

/* What is preferred, as Nova has it.  An image that prefers anything puts
 * all the flavor's preferences aside; *FROM is the layer it came from. */
static int
preferences (struct vl_call *c, const struct triple *max, struct triple *want, enum vl_layer *from)
{
  struct triple flavor = layer (c, VL_LAYER_FLAVOR), image = layer (c, VL_LAYER_IMAGE);
  int bad = above (&image, max);

  if (bad >= 0)
    return vl_refuse_as (c, VL_ERR_REQUEST, "ImageVCPUTopologyRangeExceeded", prefer[bad],
                         vl_printf (c, "lower hw_cpu_%s in the image", kinds[bad]),
                         "the image prefers %" PRId64 " %s, and the most is %" PRId64,
                         image.of[bad], kinds[bad], max->of[bad]);
  bad = above (&flavor, max);
  if (bad >= 0) {
    vl_advise (c, prefer[bad], NULL,
               "the flavor prefers %" PRId64 " %s, and the most is %" PRId64
               ": none of its preferences is followed",
               flavor.of[bad], kinds[bad], max->of[bad]);
    flavor = (struct triple) { { 0, 0, 0 } };
  }
  *from = any (&image) ? VL_LAYER_IMAGE : VL_LAYER_FLAVOR;
  *want = any (&image) ? image : flavor;
  return 0;
}

/* Does A come before B?  More preferences met, then fewest threads, then most
 * sockets. */
static int
better (const struct triple *a, const struct triple *b, const struct triple *want)
{
  int met_a = 0, met_b = 0;

  for (int i = 0; i < N_KINDS; i++) {
    met_a += want->of[i] && a->of[i] == want->of[i];
    met_b += want->of[i] && b->of[i] == want->of[i];
  }
  if (met_a != met_b)
    return met_a > met_b;
  if (a->of[2] != b->of[2])
    return a->of[2] < b->of[2];
  return a->of[0] > b->of[0];
}

/* The best of all s * c * t == VCPUS within MAX; 0 sockets: there is none. */
static struct triple
best_topology (int64_t vcpus, const struct triple *max, const struct triple *want)
{
  struct triple best = { { 0, 0, 0 } };

  for (int64_t s = 1; s <= vcpus && s <= max->of[0]; s++)
    for (int64_t c = 1; vcpus % s == 0 && c <= vcpus / s && c <= max->of[1]; c++) {
      struct triple one = { { s, c, vcpus / s / c } };

      if (vcpus / s % c || one.of[2] > max->of[2])
        continue;
      if (best.of[0] == 0 || better (&one, &best, want))
        best = one;
    }
  return best;
}

/* Which property made the number what it is, and in *REASON how. */
static const char *
cause (struct vl_call *c, const struct triple *want, const struct triple *best, int i,
       enum vl_layer from, const char **reason)
{
  const char *who = from == VL_LAYER_IMAGE ? "image" : "flavor";

  if (want->of[i] && want->of[i] == best->of[i]) {
    *reason = vl_printf (c, "the %s prefers it", who);
    return prefer[i];
  }
  for (int k = 0; k < N_KINDS; k++)
    if (vl_has (c, most[k])) {
      *reason = "the topology with the fewest threads and most sockets within the limits";
      return most[k];
    }
  *reason = any (want) ? vl_printf (c, "nearest to what the %s prefers", who)
                       : "the fewest threads and most sockets";
  return VL_GUEST_VCPUS;
}

static int
resolve (struct vl_call *c)
{
  int64_t vcpus = vl_int (c, VL_GUEST_VCPUS);
  struct triple max = limits (c), want, best;
  const char *limit = NULL;
  enum vl_layer from = VL_LAYER_DEFAULT;
  int result = 0;

  for (int i = N_KINDS - 1; i >= 0; i--)
    if (vl_has (c, most[i]))
      limit = most[i];
  for (int i = 0; i < N_KINDS; i++)
    if (vl_has (c, unread[i]))
      vl_warn (c, unread[i], vl_printf (c, "say hw:cpu_max_%s", kinds[i]),
               "hw:max_cpu_%s limits nothing: Nova accepts it and never reads it", kinds[i]);
  if (preferences (c, &max, &want, &from) < 0)
    return -1;
  best = best_topology (vcpus, &max, &want);
  if (best.of[0] == 0)
    return vl_refuse_as (
        c, VL_ERR_REQUEST, "ImageVCPULimitsRangeImpossible", limit,
        "raise hw:cpu_max_sockets, hw:cpu_max_cores or hw:cpu_max_threads, or what the image says "
        "of them",
        "%" PRId64 " CPUs cannot be made of at most %" PRId64 " sockets, %" PRId64
        " cores and %" PRId64 " threads",
        vcpus, max.of[0], max.of[1], max.of[2]);
  for (int i = 0; i < N_KINDS; i++) {
    const char *reason, *why = cause (c, &want, &best, i, from, &reason);

    result |= vl_put (c, chosen[i], vl_printf (c, "%" PRId64, best.of[i]), why, reason);
  }
  return result;
}

/* Where nothing chooses a CPU model, a virtual machine still has CPUs. */
static int
active (struct vl_call *c)
{
  if (vl_has (c, "cpu-model.element"))
    return vl_bool (c, "cpu-model.element");
  return ! vl_is (c, VL_GUEST_VIRT_TYPE, "lxc");
}

static int
contribute (struct vl_call *c)
{
  struct vl_node *node = vl_ensure (c, "cpu/topology", VL_GUEST_VCPUS);

  for (int i = 0; i < N_KINDS; i++)
    vl_set_from (node, kinds[i], chosen[i]);
  return 0;
}

VL_FEATURE (cpu_topology, "cpu-topology", .version = VL_VERSION,
            .summary = "sockets, cores and threads of the guest", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .reads = VL_TABLE (reads), .resolve = resolve,
            .active = active, .contribute = contribute);
