/* SPDX-License-Identifier: MIT
 *
 * An example of a policy: it gives guests nothing, and says which may be made and what
 * may be done to them.  As its conf says that it is critical, no guest is made where it
 * is missing. */

#include <stdlib.h>
#include <string.h>

#include <virtloom/feature.h>

/* Servers of flavors that require it are watched over. */
#define TRAIT "CUSTOM_ACME_WATCHED"
#define GIB (INT64_C (1) << 30)

static const struct vl_prop props[] = {
  { .name = "protected",
    .type = VL_BOOL,
    .rule = VL_EITHER,
    .flavor_key = "acme:protected",
    .image_key = "acme_protected",
    .help = "the server is stopped and deleted with --force alone",
    .since = "0.1" },
  { .name = "max-root",
    .type = VL_SIZE,
    .min = GIB,
    .max = INT64_MAX,
    .unit = "bytes",
    .setting = "max_root_size",
    .help = "how large a root disk may be; unset: as large as it likes",
    .since = "0.1" },
  { .name = "forbidden",
    .type = VL_LIST,
    .setting = "forbidden_keys",
    .help = "keys that no flavor, image or request may have; '*' stands for any text",
    .since = "0.1" },
  { .name = "detach",
    .type = VL_BOOL,
    .deflt = "false",
    .setting = "allow_detach",
    .help = "volumes may be detached",
    .since = "0.1" },
};

static const struct vl_name reads[] = { { .name = VL_GUEST_DISK } };
static const struct vl_name traits[] = { { .name = TRAIT } };

/* ---- what may be made ---- */

static int
judge_root (struct vl_call *c)
{
  int64_t most = vl_int (c, "max-root");

  for (size_t i = 0; vl_has (c, "max-root") && i < vl_n_disks (c); i++) {
    const struct vl_disk *disk = vl_disk (c, i);

    /* A volume is the root disk where the guest boots from it first. */
    if (strcmp (disk->role, "root") != 0 && disk->boot != 1)
      continue;
    if (disk->size == 0)
      return vl_refuse (c, VL_ERR_REQUEST, "max-root",
                        "give the flavor a disk, or the volume a size",
                        "how large the root disk '%s' will be is not known; accepted: at most %s "
                        "bytes",
                        disk->id, vl_str (c, "max-root"));
    if (disk->size > most)
      return vl_refuse (c, VL_ERR_REQUEST, "max-root", "use a flavor with a smaller disk",
                        "the root disk '%s' has %lld bytes; accepted: at most %s bytes", disk->id,
                        (long long)disk->size, vl_str (c, "max-root"));
  }
  return 0;
}

/* Is TEXT one of PATTERN, in which '*' stands for any text? */
static int
matches (const char *pattern, const char *text)
{
  for (; *pattern != '*'; pattern++, text++)
    if (*pattern != *text)
      return 0;
    else if (*text == '\0')
      return 1;
  for (;; text++)
    if (matches (pattern + 1, text))
      return 1;
    else if (*text == '\0')
      return 0;
}

/* All of them are told in one run. */
static int
judge_keys (struct vl_call *c)
{
  static const char *const layers[VL_N_LAYERS] = {
    [VL_LAYER_FLAVOR] = "flavor", [VL_LAYER_IMAGE] = "image", [VL_LAYER_REQUEST] = "request"
  };
  const char *key, *value;
  enum vl_layer layer;
  int result = 0;

  for (size_t i = 0; vl_key (c, i, &layer, &key, &value); i++)
    for (size_t k = 0; layer < VL_N_LAYERS && k < vl_count (c, "forbidden"); k++)
      if (matches (vl_item (c, "forbidden", k), key))
        result = vl_refuse (c, VL_ERR_REQUEST, "forbidden",
                            vl_printf (c, "take it out of the %s", layers[layer]),
                            "the key '%s' of the %s is forbidden here by the pattern '%s'", key,
                            layers[layer], vl_item (c, "forbidden", k));
  return result;
}

static int
validate (struct vl_call *c)
{
  int root = judge_root (c);

  return judge_keys (c) < 0 || root < 0 ? -1 : 0;
}

static int
one_more (struct vl_call *c, struct vl_node *node, void *opaque)
{
  (void)c;
  (void)node;
  ++*(int *)opaque;
  return 0;
}

/* In the finished document, so that it does not matter which feature makes the watchdog. */
static int
check (struct vl_call *c)
{
  int watchdogs = 0;

  if (! vl_trait (c, TRAIT, 1u << VL_LAYER_FLAVOR))
    return 0;
  vl_each (c, "devices/watchdog", one_more, &watchdogs);
  if (watchdogs)
    return 0;
  return vl_refuse (c, VL_ERR_REQUEST, NULL, "set hw:watchdog_action in the flavor",
                    "the flavor requires the trait '" TRAIT "', and the guest has no watchdog");
}

/* ---- what may be done ---- */

/* Asked for every server: also for those that were made before this plugin was there. */
static int
permit (struct vl_call *c, enum vl_op op)
{
  switch (op) {
  case VL_OP_STOP:
  case VL_OP_DELETE:
    if (! vl_bool (c, "protected"))
      return 0;
    return vl_refuse (c, VL_ERR_NOT_PERMITTED, "protected", "--force does it all the same",
                      "the server is protected");
  case VL_OP_DETACH_VOLUME:
    if (vl_bool (c, "detach"))
      return 0;
    return vl_refuse (
        c, VL_ERR_NOT_PERMITTED, "detach", "set allow_detach = yes in plugins.d/acme-policy.conf",
        "no disk is detached from a server here%s%s", vl_op_device (c) ? ", and so not " : "",
        vl_op_device (c) ? vl_op_device (c) : "");
  default:
    return 0;
  }
}

VL_FEATURE (acme_policy, "acme-policy", .version = "1.0",
            .summary = "which guests may be made, and what may be done to them",
            .props = VL_TABLE (props), .reads = VL_TABLE (reads), .traits = VL_TABLE (traits),
            .policy = 1, .validate = validate, .check = check, .permit = permit);
