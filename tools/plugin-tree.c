/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The small tree of `plugin check`: copies of the shipped features and of one
 * driver, and the module that is checked, as if it were one of them.  Modules
 * are copied because the loader follows no links. */

#include <config.h>

#include "plugin-check.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DRIVER "fake"
#define MODULE_LIMIT ((size_t)64 << 20)

static int
make_folder (struct checking *c, const char *below)
{
  char *path = vl_xasprintf ("%s/%s", c->folder, below);
  int result = mkdir (path, 0755);

  if (result < 0)
    (void)vl_refuse (c->tool->call, VL_ERR_FAILED, NULL, NULL, "'%s' cannot be made: %m", path);
  else
    chmod (path, 0755);
  free (path);
  return result;
}

static int
write_bytes (struct checking *c, const char *below, const void *bytes, size_t length)
{
  char *path = vl_xasprintf ("%s/%s", c->folder, below);
  FILE *file = fopen (path, "we");
  int result = 0;

  if (file == NULL || fwrite (bytes, 1, length, file) != length || fflush (file) != 0
      || fchmod (fileno (file), 0644) != 0)
    result =
        vl_refuse (c->tool->call, VL_ERR_FAILED, NULL, NULL, "'%s' cannot be written: %m", path);
  if (file)
    fclose (file);
  free (path);
  return result;
}

static int
write_text (struct checking *c, const char *below, const char *text)
{
  return write_bytes (c, below, text, strlen (text));
}

static int
copy (struct checking *c, const char *from, const char *below)
{
  size_t length;
  char *bytes = tool_read (c->tool, from, MODULE_LIMIT, &length);
  int result = bytes ? write_bytes (c, below, bytes, length) : -1;

  free (bytes);
  return result;
}

/* Module and conf of one shipped plugin. */
static int
copy_plugin (struct checking *c, const struct vl_plugin_info *info)
{
  char *module, *conf;
  int result;

  if (strcmp (info->name, c->name) == 0)
    return 0;
  module = vl_xasprintf ("%s/.libs/%s.so",
                         info->kind == VL_KIND_DRIVER ? "drivers/" DRIVER : "features", info->name);
  conf = vl_xasprintf ("plugins.d/%s.conf", info->name);
  result = copy (c, info->module, module);
  result |= copy (c, info->conf, conf);
  free (module);
  free (conf);
  return result;
}

/* The host that plans are made for is the driver's own default, as a file. */
static int
write_hosts (struct checking *c, struct vl_app *app)
{
  const struct vl_host *host = vl_app_host (app);
  char *text;
  int result;

  if (host == NULL)
    return -1;
  text = vl_host_to_json (host);
  result = write_text (c, "host.json", text);
  free (text);
  result |= write_text (c, "bare.json",
                        "{\"virtloom_host\": 1, \"facts\": {\"host.arch\": \"x86_64\"}}\n");
  c->host = vl_xasprintf ("%s/host.json", c->folder);
  c->bare = vl_xasprintf ("%s/bare.json", c->folder);
  return result;
}

/* Shipped plugins ask it what a trait is. */
static int
copy_names (struct checking *c)
{
  const char *tree = args_value (c->tool->args, "tree");
  char *from = tree ? vl_xasprintf ("%s/packaging/nova-names.conf", tree)
                    : vl_xstrdup (VL_DATADIR "/nova-names.conf");
  int result = copy (c, from, "packaging/nova-names.conf");

  free (from);
  return result;
}

static int
copy_shipped (struct checking *c)
{
  const struct args *args = c->tool->args;
  struct vl_app_options options = {
    .config_dir = args_value (args, "config"),
    .state_dir = c->folder,
    .tree_dir = args_value (args, "tree"),
    .driver = DRIVER,
    .quiet = 1,
  };
  struct vl_app *app = vl_app_new (&options);
  int result = vl_app_load (app);

  if (result == 0)
    result = vl_plugins_load (app, DRIVER);
  for (size_t i = 0; i < vl_plugins_count (app) && result == 0; i++) {
    const struct vl_plugin_info *info = vl_plugins_get (app, i);

    if (info->state == VL_PLUGIN_LOADED
        && (info->kind == VL_KIND_FEATURE || strcmp (info->name, DRIVER) == 0))
      result = copy_plugin (c, info);
  }
  if (result == 0)
    result = write_hosts (c, app);
  if (result < 0)
    findings_copy (c->tool, app);
  vl_app_free (app);
  return result;
}

int
check_tree_make (struct checking *c, const unsigned char *bytes, size_t length)
{
  static const char *const folders[] = { "features",        "features/.libs",           "drivers",
                                         "drivers/" DRIVER, "drivers/" DRIVER "/.libs", "plugins.d",
                                         "packaging" };
  const char *base = getenv ("TMPDIR");
  char *path = vl_xasprintf ("%s/vl-XXXXXX", base && *base == '/' ? base : "/tmp"), *module, *conf;
  char *beside;
  int result = 0;

  c->folder = mkdtemp (path);
  if (c->folder == NULL) {
    (void)vl_refuse (c->tool->call, VL_ERR_FAILED, NULL, NULL, "no folder can be made: %m");
    free (path);
    return -1;
  }
  for (size_t i = 0; i < sizeof folders / sizeof folders[0] && result == 0; i++)
    result = make_folder (c, folders[i]);
  if (result == 0)
    result = write_text (c, "packaging/virtloom.conf", "[virtloom]\n") | copy_shipped (c);
  if (result == 0)
    result = copy_names (c);
  module = vl_xasprintf ("features/.libs/%s.so", c->name);
  conf = vl_xasprintf ("plugins.d/%s.conf", c->name);
  beside = vl_xasprintf ("%.*s.conf", (int)(strlen (c->file) - 3), c->file);
  if (result == 0)
    result = write_bytes (c, module, bytes, length);
  if (result == 0 && access (beside, R_OK) == 0) {
    c->conf_beside = 1;
    result = copy (c, beside, conf);
  }
  free (module);
  free (conf);
  free (beside);
  return result;
}

static int
remove_one (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void)st;
  (void)type;
  (void)ftw;
  return remove (path);
}

void
check_tree_remove (struct checking *c)
{
  if (c->folder)
    nftw (c->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  free (c->folder);
  free (c->host);
  free (c->bare);
}

int
check_tree_conf (struct checking *c, enum vl_kind kind, const char *keys)
{
  char *below = vl_xasprintf ("plugins.d/%s.conf", c->name);
  char *text = vl_xasprintf ("[plugin]\nkind = %s\nmodule = %s.so\n%s%s\n",
                             kind == VL_KIND_DRIVER ? "driver" : "feature", c->name,
                             *keys ? "keys =" : "", keys);
  int result = write_text (c, below, text);

  free (below);
  free (text);
  return result;
}

struct vl_app *
check_tree_open (struct checking *c, const char *host)
{
  struct vl_app_options options = {
    .state_dir = c->folder,
    .tree_dir = c->folder,
    .driver = DRIVER,
    .host_file = host,
    .quiet = 1,
  };
  struct vl_app *app = vl_app_new (&options);

  if (vl_app_load (app) == 0)
    return app;
  findings_copy (c->tool, app);
  vl_app_free (app);
  return NULL;
}
