/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finding a host file: a path, or a name in the folders of recorded hosts. */

#include <config.h>

#include "host/host.h"

#include "lib/file.h"
#include "lib/text.h"

#include <dirent.h>
#include <errno.h>

#define MAX_BYTES ((size_t)8 * 1024 * 1024)
#define MAX_FOLDERS 3

/* The folders that hold NAME.json or NAME.facts, NULL-terminated. */
static void
folders_of (struct vl_call *call, const char *tree, const char *folders[MAX_FOLDERS])
{
  folders[0] = tree ? vl_printf (call, "%s/tests/hosts", tree) : VL_DATADIR "/hosts";
  folders[1] = tree ? vl_printf (call, "%s/drivers/fake/hosts", tree) : NULL;
  folders[2] = NULL;
}

static void
list_names (struct vl_strv *names, const char *folder)
{
  DIR *dir = opendir (folder);

  if (dir == NULL)
    return;
  for (struct dirent *entry; (entry = readdir (dir));) {
    const char *end = strrchr (entry->d_name, '.');

    if (end && end > entry->d_name && (VL_STREQ (end, ".json") || VL_STREQ (end, ".facts"))) {
      VL_AUTOFREE char *name = vl_xstrndup (entry->d_name, (size_t)(end - entry->d_name));

      if (! vl_strv_has (names, name))
        vl_strv_add (names, name);
    }
  }
  closedir (dir);
}

static void
all_names (struct vl_call *call, const char *tree, struct vl_strv *names)
{
  const char *folders[MAX_FOLDERS];

  folders_of (call, tree, folders);
  for (size_t i = 0; folders[i]; i++)
    list_names (names, folders[i]);
  vl_strv_sort (names);
}

/* The recorded host that NAME, a name or the name of a file, is nearest to, or NULL; a list of
 * all, with ", " between, goes to LIST (NULL: to nobody), who frees it. */
static const char *
nearest (struct vl_call *call, const char *tree, const char *name, char **list)
{
  VL_AUTOSTRV struct vl_strv names = { NULL, 0, 0 };
  const char *base = strrchr (name, '/') ? strrchr (name, '/') + 1 : name;
  const char *end = strrchr (base, '.');
  struct vl_spell spell = { .wanted = base };

  if (end && (VL_STREQ (end, ".json") || VL_STREQ (end, ".facts")))
    spell.wanted = vl_arena_strndup (call->arena, base, (size_t)(end - base));
  all_names (call, tree, &names);
  for (size_t i = 0; i < names.n; i++)
    vl_spell_offer (&spell, names.items[i]);
  if (list)
    *list = vl_strv_join (&names, ", ");
  return vl_arena_strdup (call->arena, spell.best);
}

/* Reads a host file or, where it is KEPT, what came with virtloom in the form of STATE. */
static struct vl_host *
read_file (struct vl_call *call, const char *path, int kept)
{
  VL_AUTOFREE char *text = NULL;
  const char *why = vl_name_problem (path, strlen (path)), *near;
  enum vl_err err;
  size_t length;

  if (why) {
    vl_refuse_as (call, VL_ERR_USAGE, "InvalidName", NULL, NULL,
                  "the name of the host file '%s' %s", vl_shown (call->arena, path), why);
    return NULL;
  }
  text = vl_file_read (path, MAX_BYTES, &length, &why);
  if (text)
    return kept ? vl_host_from_lines (text) : vl_host_from_json (call, text, length, path);
  err = vl_read_err (errno);
  near = nearest (call, call->tree, path, NULL);
  vl_refuse_as (call, err, err == VL_ERR_NOT_FOUND ? "HostFileNotFound" : NULL, NULL,
                near ? vl_printf (call,
                                  "did you mean the recorded host '%s'? 'virtloom host list' has "
                                  "them all",
                                  near)
                     : "a file, or one of the names that 'virtloom host list' has",
                "the host file '%s' cannot be read: %s", path, why);
  return NULL;
}

const char *const *
vl_hosts (struct vl_call *call)
{
  VL_AUTOSTRV struct vl_strv names = { NULL, 0, 0 };
  const char **list;

  all_names (call, call->tree, &names);
  list = vl_arena_alloc (call->arena, (names.n + 1) * sizeof *list);
  for (size_t i = 0; i < names.n; i++)
    list[i] = vl_arena_strdup (call->arena, names.items[i]);
  return list;
}

struct vl_host *
vl_hosts_load (struct vl_call *call, const char *name)
{
  return vl_host_load (call, call->tree, name);
}

static void
refuse_name (struct vl_call *call, const char *name, const char *tree)
{
  VL_AUTOFREE char *list = NULL;
  const char *near = nearest (call, tree, name, &list);

  vl_refuse_as (call, VL_ERR_NOT_FOUND, "HostFileNotFound", NULL,
                vl_did_you_mean (call, '"', near, NULL),
                "there is no recorded host \"%s\"; accepted: a path, %s", name,
                *list ? list : "or the name of a recorded host, of which there are none");
}

struct vl_host *
vl_host_load (struct vl_call *call, const char *tree, const char *name)
{
  const char *folders[MAX_FOLDERS], *path;

  if (strchr (name, '/'))
    return read_file (call, name, 0);
  folders_of (call, tree, folders);
  for (size_t i = 0; folders[i]; i++) {
    path = vl_printf (call, "%s/%s.json", folders[i], name);
    if (access (path, F_OK) == 0)
      return read_file (call, path, 0);
    path = vl_printf (call, "%s/%s.facts", folders[i], name);
    if (access (path, F_OK) == 0)
      return read_file (call, path, 1);
  }
  /* "--host h.json": a file here needs no "./" in front. */
  if (access (name, F_OK) == 0 || strchr (name, '.'))
    return read_file (call, name, 0);
  refuse_name (call, name, tree);
  return NULL;
}
