/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The files of a volume that has snapshots: `path`, `backing` and `backing_chain` of a request. */

#include <config.h>

#include "server/chain.h"

#include "lib/text.h"
#include "server/method.h"
#include "server/record.h"

#include <jansson.h>

/* The block device of the request ROOT whose file is PATH, or NULL. */
static json_t *
device_of (const json_t *root, const char *path)
{
  json_t *device;
  size_t i;

  json_array_foreach (json_object_get (root, "block_devices"), i, device)
  {
    if (vl_text_same (json_string_value (json_object_get (device, "path")), path))
      return device;
  }
  return NULL;
}

static void
add (struct vl_call *call, struct vl_chain *chain, const json_t *path, const json_t *format)
{
  if (json_is_string (path) && chain->n < VL_CHAIN_MOST)
    chain->of[chain->n++] = (struct vl_link) {
      vl_arena_strdup (call->arena, json_string_value (path)),
      vl_arena_strdup (call->arena, json_is_string (format) ? json_string_value (format) : "raw")
    };
}

struct vl_chain
vl_chain_read (struct vl_call *call, const char *request, const char *path)
{
  struct vl_chain chain = { .n = 0 };
  json_t *root = path ? json_loads (request, 0, NULL) : NULL, *link;
  const json_t *device = root ? device_of (root, path) : NULL;
  size_t i;

  add (call, &chain, json_object_get (device, "path"), json_object_get (device, "format"));
  add (call, &chain, json_object_get (device, "backing"),
       json_object_get (device, "backing_format"));
  json_array_foreach (json_object_get (device, "backing_chain"), i, link)
      add (call, &chain, json_object_get (link, "path"), json_object_get (link, "format"));
  json_decref (root);
  return chain;
}

static int
is_named (const json_t *object, const char *name, const char *path)
{
  return vl_text_same (json_string_value (json_object_get (object, name)), path);
}

int
vl_chain_has (const char *request, const char *path)
{
  json_t *root = json_loads (request, 0, NULL), *device, *link;
  size_t i, j;
  int has = 0;

  json_array_foreach (json_object_get (root, "block_devices"), i, device)
  {
    has |= is_named (device, "path", path) || is_named (device, "backing", path);
    json_array_foreach (json_object_get (device, "backing_chain"), j, link) has |=
        is_named (link, "path", path);
  }
  json_decref (root);
  return has;
}

size_t
vl_chain_find (const struct vl_chain *chain, const char *path)
{
  size_t i = 0;

  while (i < chain->n && ! VL_STREQ (chain->of[i].path, path))
    i++;
  return i;
}

struct vl_chain
vl_chain_over (const struct vl_chain *chain, const char *path)
{
  struct vl_chain longer = { .of = { { path, "qcow2" } }, .n = 1 };

  for (size_t i = 0; i < chain->n && longer.n < VL_CHAIN_MOST; i++)
    longer.of[longer.n++] = chain->of[i];
  return longer;
}

struct vl_chain
vl_chain_without (const struct vl_chain *chain, size_t at, size_t n)
{
  struct vl_chain shorter = { .n = 0 };

  for (size_t i = 0; i < chain->n; i++)
    if (i < at || i >= at + n)
      shorter.of[shorter.n++] = chain->of[i];
  return shorter;
}

static void
set_link (json_t *object, const char *path, const char *format, const struct vl_link *link)
{
  json_object_set_new (object, path, json_string (link->path));
  json_object_set_new (object, format, json_string (link->format));
}

const char *
vl_chain_write (struct vl_call *call, const char *request, const struct vl_disk *disk,
                const struct vl_chain *chain)
{
  json_t *root = json_loads (request, 0, NULL), *list = json_array ();
  json_t *device = device_of (root, disk->source);
  const char *text = NULL;

  for (size_t i = 2; i < chain->n; i++) {
    json_t *link = json_object ();

    set_link (link, "path", "format", &chain->of[i]);
    json_array_append_new (list, link);
  }
  if (device) {
    set_link (device, "path", "format", &chain->of[0]);
    json_object_del (device, "backing");
    json_object_del (device, "backing_format");
    json_object_del (device, "backing_chain");
    if (chain->n > 1)
      set_link (device, "backing", "backing_format", &chain->of[1]);
    if (chain->n > 2)
      json_object_set (device, "backing_chain", list);
    text = vl_request_other_file (call, root, device, disk);
  }
  json_decref (list);
  json_decref (root);
  return text;
}

const char *
vl_chain_overlays (struct vl_call *call, const struct vl_chain *chain)
{
  const char *text = "";

  for (size_t i = 0; i + 1 < chain->n; i++)
    text = vl_printf (call, "%s%s\"%s\"", text, i ? ", " : "", chain->of[i].path);
  return text;
}
