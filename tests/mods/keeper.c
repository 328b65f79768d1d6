/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A feature that is asked before its guest is suspended, and that has a guarded
 * device and a secret.  Version 2 takes another type of value than version 1. */

#include "mock.h"

#if KEEPER == 1
#define VERSION "1.0"
#define LEVEL .type = VL_INT, .min = 0, .max = 99
#else
#define VERSION "2.0"
#define LEVEL .type = VL_CHOICE, .choices = levels
static const char *const levels[] = { "low", "high", NULL };
#endif

static const struct vl_prop props[] = {
  { .name = "level", LEVEL, .flavor_key = "keeper:level", .help = "a level", .since = "0.1" },
  { .name = "word",
    .type = VL_STRING,
    .flags = VL_SECRET,
    .flavor_key = "keeper:word",
    .help = "a secret",
    .since = "0.1" },
  { .name = "knows",
    .type = VL_BOOL,
    .help = "was the secret there when this was planned?",
    .since = "0.1" },
};

static const struct vl_write writes[] = { { .path = "devices/panic", .flags = VL_GUARDED } };

static int
resolve (struct vl_call *c)
{
  return vl_put (c, "knows", vl_has (c, "word") ? "true" : "false", NULL, "asked");
}

static int
active (struct vl_call *c)
{
  return vl_has (c, "level");
}

static int
contribute (struct vl_call *c)
{
  return vl_set (vl_append (c, "devices/panic", "level"), "model", "isa");
}

static int
permit (struct vl_call *c, enum vl_op op)
{
  if (op == VL_OP_SUSPEND && vl_has (c, "level"))
    return vl_refuse (c, VL_ERR_UNSUPPORTED, "level", NULL, "level %s keeps it awake%s",
                      vl_str (c, "level"), vl_has (c, "word") ? " and tells the word" : "");
  return 0;
}

VL_FEATURE (keeper, "keeper", .version = VERSION, .summary = "a keeper", .props = VL_TABLE (props),
            .writes = VL_TABLE (writes), .resolve = resolve, .active = active,
            .contribute = contribute, .permit = permit);
