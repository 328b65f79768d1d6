/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The part of `plugin check` that has a storage plugin act: over the disks of a server that are made
 * by it, one of each kind, and over the volumes of one that has some. */

#include <config.h>

#include "plugin-check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CALLS 16

/* What became of one of its calls: the first thing that was wrong. */
struct storage_call {
  const char *word;
  int tried;
  char why[512];
};

struct trial {
  struct checking *c;
  struct storage_call calls[MOST_CALLS];
  size_t n;
  int lists; /* the plugin's calls are counted */
};

static void
note (void *opaque, const char *word, const char *why)
{
  struct trial *t = opaque;
  size_t i = 0;

  while (i < t->n && strcmp (t->calls[i].word, word) != 0)
    i++;
  if (i == t->n && t->n < MOST_CALLS)
    t->calls[t->n++].word = word;
  if (i >= t->n || t->lists)
    return;
  t->calls[i].tried = 1;
  if (why && *t->calls[i].why == '\0')
    snprintf (t->calls[i].why, sizeof t->calls[i].why, "%s", why);
}

/* Tries it with SERVER, which is deleted then. */
static void
try_server (struct trial *t, struct vl_app *app, const char *server)
{
  struct tap *tap = t->c->tap;
  int result;

  vl_findings_clear (app);
  result = vl_plugins_try_storage (app, t->c->name, server, note, t);
  if (tap_faulty (app) || vl_findings_count (app))
    tap_findings (tap, app);
  if (result < 0)
    tap_ok (tap, 0, "its storage calls can be tried", "the findings are above");
  vl_findings_clear (app);
  result = vl_server_delete (app, server, 0, NULL);
  if (! tap_ok (tap, result == 0, "what it made goes with the server", "the findings are below"))
    tap_findings (tap, app);
}

/* A guest with a root disk of an image, swap, an ephemeral disk and an empty one, all of images_type TYPE. */
static void
try_disks (struct trial *t, const char *type)
{
  static const char line[] = "a server whose disks it makes is made";
  const struct vl_flavor_info flavor = {
    .name = "check-disks", .vcpus = 1, .ram = 64, .disk = 1, .ephemeral = 1, .swap = 1
  };
  const struct vl_image_info image = { .name = "check-disks", .disk_format = "raw" };
  struct vl_create_options options = { .name = "check-disks",
                                       .flavor = "check-disks",
                                       .image = "check-disks" };
  char *path = vl_xasprintf ("%s/" TRIAL_VOLUME, t->c->folder);
  struct vl_app *app = check_open (t->c, NULL, 1);
  struct process_state *before;
  json_t *request = plain_request (t->c);

  json_object_set_new (request, "name", json_string ("check-disks"));
  json_object_set_new (request, "disk_kind", json_string (type));
  if (app && (vl_flavor_create (app, &flavor) < 0 || vl_image_create (app, path, &image) < 0)
      && ! tap_ok (t->c->tap, 0, line,
                   "a flavor and an image cannot be made; the findings are below"))
    tap_findings (t->c->tap, app);
  else if (app && check_create (t->c, app, &options, request, line, &before) == 0) {
    tap_ok (t->c->tap, 1, line, "%s", "it is not");
    try_server (t, app, "check-disks");
    stage_compare (t->c, "what its disks are put through", before, 1);
  }
  json_decref (request);
  vl_app_free (app);
  free (path);
}

/* The server that has all that the module does, volumes of --request among it. */
static void
try_volumes (struct trial *t)
{
  struct process_state *before;
  struct vl_app *app = check_open (t->c, NULL, 1);

  /* That of the stage before. */
  if (app && vl_server_find (app, "check"))
    (void)vl_server_delete (app, "check", 0, NULL);
  vl_app_free (app);
  app = check_made_server (t->c, "a server with its volumes is made", &before);
  if (app == NULL)
    return;
  try_server (t, app, "check");
  stage_compare (t->c, "what its volumes are put through", before, 1);
  vl_app_free (app);
}

void
check_storage (struct checking *c)
{
  struct trial t = { .c = c, .lists = 1 };
  struct vl_app *app = check_open (c, NULL, 1);
  const char *type = app ? vl_plugins_images_type (app, c->name) : NULL;
  char *kind = type ? vl_xasprintf ("%s", type) : NULL;

  if (app && vl_plugins_try_storage (app, c->name, NULL, note, &t) == 0)
    t.lists = 0;
  vl_app_free (app);
  if (t.lists)
    return;
  if (kind)
    try_disks (&t, kind);
  else
    try_volumes (&t);
  for (size_t i = 0; i < t.n; i++) {
    char *line = vl_xasprintf ("%s does what virtloom-storage(3) says", t.calls[i].word);

    if (t.calls[i].tried)
      tap_ok (c->tap, t.calls[i].why[0] == '\0', line, "%s", t.calls[i].why);
    else
      tap_skip (c->tap, line, "nothing was there that it could be tried with");
    free (line);
  }
  free (kind);
}
