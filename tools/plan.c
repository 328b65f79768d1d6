/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * virtloom plan: everything up to the sealed document, with no hypervisor
 * touched.  explain.c shows the same plan by its reasons. */

#include <config.h>

#include "tool.h"

#include <virtloom/feature.h>

#include <stdlib.h>
#include <string.h>

/* One more than the library takes, so that it is the one that refuses. */
#define REQUEST_LIMIT (((size_t)1 << 20) + 1)

static int
plan_file (struct tool *tool, const char *path, struct vl_plan **plan)
{
  size_t length;
  char *text = tool_read (tool, path, REQUEST_LIMIT, &length);
  int result = -1;

  if (text)
    result = vl_plan_request (tool->app, text, length, strcmp (path, "-") ? path : "stdin", plan);
  free (text);
  return result;
}

int
plan_make (struct tool *tool, const char *server, struct vl_plan **plan)
{
  const char *request = args_value (tool->args, "request");
  struct vl_create_options options = {
    .flavor = args_value (tool->args, "flavor"),
    .image = args_value (tool->args, "image"),
    .networks = args_list (tool->args, "network"),
    .volumes = args_list (tool->args, "volume"),
    .properties = args_list (tool->args, "property"),
    .config_drive = args_has (tool->args, "config-drive"),
  };
  int ways = (request != NULL) + (options.flavor != NULL) + (server != NULL);

  *plan = NULL;
  if (ways != 1) {
    (void)vl_refuse (
        tool->call, VL_ERR_USAGE, NULL,
        vl_printf (tool->call, "--request FILE, or --flavor FLAVOR with --image IMAGE%s",
                   tool->args->verb->words ? ", or the name of a server" : ""),
        "'%s' needs one request, not %s", tool->args->noun->name, ways ? "several" : "none");
    return -1;
  }
  if (request)
    return plan_file (tool, request, plan);
  return vl_plan_create (tool->app, &options, plan);
}

json_t *
plan_provenance (const struct vl_provenance *rows, size_t n)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < n; i++) {
    const struct vl_provenance *row = &rows[i];
    json_t *object = json_object ();

    json_put (object, "path", row->path);
    json_put (object, "value", row->value);
    json_put (object, "owners", row->owners);
    json_put (object, "cause", row->cause);
    json_put (object, "chain", row->chain);
    json_array_append_new (list, object);
  }
  return list;
}

/* A number that is not known is null. */
static void
put_known (json_t *object, const char *key, int64_t n)
{
  if (n < 0)
    json_put (object, key, NULL);
  else
    json_put_int (object, key, n);
}

/* What is taken for certain, or what is chosen and may come out otherwise. */
static json_t *
claims (const struct vl_plan *plan, int provisional)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < vl_plan_n_claims (plan); i++) {
    const struct vl_claim_info *claim = vl_plan_claim (plan, i);
    json_t *object;

    if (claim->provisional != provisional)
      continue;
    object = json_object ();
    json_put (object, claim->member ? "pool" : "resource", claim->resource);
    json_put (object, "plugin", claim->plugin);
    if (claim->member) {
      json_put (object, "holder", claim->holder);
      json_put (object, "member", claim->member);
    } else {
      json_put_int (object, "amount", claim->amount);
      put_known (object, "total", claim->total);
      put_known (object, "used", claim->used);
    }
    json_array_append_new (list, object);
  }
  return list;
}

static json_t *
active (const struct vl_plan *plan)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < vl_plan_n_active (plan); i++) {
    const char *why = NULL, *name = vl_plan_active (plan, i, &why);
    json_t *object = json_object ();

    json_put (object, "feature", name);
    json_put (object, "why", why);
    json_array_append_new (list, object);
  }
  return list;
}

static json_t *
disks (const struct vl_plan *plan)
{
  json_t *list = json_array ();

  for (size_t i = 0; i < vl_plan_n_disks (plan); i++) {
    const struct vl_disk *disk = vl_plan_disk (plan, i);
    json_t *object = json_object ();

    json_put (object, "id", disk->id);
    json_put (object, "role", disk->role);
    json_put (object, "device", disk->device);
    json_put (object, "bus", disk->bus);
    json_put (object, "target", disk->dev);
    json_array_append_new (list, object);
  }
  return list;
}

static json_t *
timings (const struct vl_plan *plan)
{
  json_t *list = json_array ();
  int64_t all = 0, ns = 0;
  const char *phase;

  for (size_t i = 0; i < vl_plan_n_timings (plan); i++) {
    (void)vl_plan_timing (plan, i, &phase, &ns);
    all += ns;
  }
  for (size_t i = 0; i < vl_plan_n_timings (plan); i++) {
    const char *plugin = vl_plan_timing (plan, i, &phase, &ns);
    json_t *object = json_object ();

    json_put (object, "phase", phase);
    json_put (object, "plugin", plugin);
    json_put_int (object, "ns", ns);
    /* Nobody reads more than three decimals. */
    json_object_set_new (object, "ms", json_real ((double)((ns + 500) / 1000) / 1000));
    json_object_set_new (object, "percent", json_real (all ? (double)(1000 * ns / all) / 10 : 0));
    json_array_append_new (list, object);
  }
  return list;
}

static void
show_timings (struct tool *tool, const struct vl_plan *plan)
{
  static const struct column columns[] = {
    { "phase", "Phase" }, { "plugin", "Plugin" }, { "ms", "ms" },
    { "percent", "%" },   { NULL, NULL },
  };

  tool_list (tool, "timings", timings (plan), columns);
}

static int
plan_run (struct tool *tool)
{
  struct vl_plan *plan;
  int result = plan_make (tool, NULL, &plan);

  if (plan && tool->json) {
    json_put (tool->data, "xml", vl_plan_xml (plan));
    json_object_set_new (
        tool->data, "provenance",
        plan_provenance (vl_plan_provenance (plan, 0), vl_plan_n_provenance (plan)));
    json_object_set_new (tool->data, "claims", claims (plan, 0));
    json_object_set_new (tool->data, "provisional", claims (plan, 1));
    json_object_set_new (tool->data, "active", active (plan));
    json_object_set_new (tool->data, "disks", disks (plan));
  }
  if (plan && args_has (tool->args, "timing"))
    show_timings (tool, plan);
  else if (result == 0 && ! tool->json)
    fputs (vl_plan_xml (plan), stdout);
  vl_plan_free (plan);
  return result;
}

static const struct verb verbs[] = {
  { NULL, NULL, 0, 0, "flavor image network volume property config-drive request timing",
    "xml json", "the domain that a request becomes, and why",
    "virtloom plan --flavor m1.small --image debian --driver libvirt-kvm --host host.json", 0,
    plan_run },
  { .run = NULL },
};

const struct noun plan_noun = { "plan", "the domain that a request becomes", verbs };
