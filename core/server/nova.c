/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A configuration folder from the options of a nova.conf.  Which setting an
 * option stands for is said by the rows alone: nothing here knows an
 * option's name. */

#include <config.h>

#include "server/session.h"
#include "lib/file.h"
#include "plugin/ini.h"
#include "lib/text.h"

#include <errno.h>

struct writing {
  struct vl_call *call;
  const struct vl_nova_option *options;
  size_t n;
  int *taken; /* parallel to OPTIONS */
  int bad;
  mode_t mode; /* of the file under way: 0600 with a secret in it */
};

/* What cannot be written into an INI file without being read back as something
 * else, or NULL. */
static const char *
unwritable (const char *value, size_t room)
{
  if (strstr (value, " ;") || strstr (value, "\t;") || value[0] == ';')
    return "has ' ;', which begins a comment here";
  if (strlen (value) > room)
    return "is too long for one line here";
  return vl_text_problem (value, strlen (value));
}

static void
refuse (struct writing *w, const struct vl_prop *row, const struct vl_nova_option *option,
        const char *why)
{
  w->bad = vl_report (w->call,
                      &(struct vl_report) { .severity = VL_SEV_ERROR,
                                            .err = VL_ERR_REQUEST,
                                            .plugin = "core",
                                            .origin = option->origin },
                      "%s = '%s' %s", option->name,
                      row->flags & VL_SECRET ? VL_HIDDEN : option->value, why);
}

/* "KEY = VALUE"; a list goes on in indented lines where one line is too short. */
static void
put_value (struct writing *w, struct vl_str *out, const struct vl_prop *row, const char *key,
           const struct vl_nova_option *option, const struct vl_value *value)
{
  size_t room = VL_INI_LONGEST_LINE - strlen (key) - 3;
  int split = row->type == VL_LIST && strlen (option->value) > room;
  const char *problem = split ? NULL : unwritable (option->value, room);

  for (size_t i = 0; split && i < value->n_items && problem == NULL; i++)
    problem = unwritable (value->items[i], room - 2);
  if (problem)
    refuse (w, row, option, problem);
  else if (! split)
    vl_str_printf (out, "%s = %s\n", key, option->value);
  for (size_t i = 0; split && problem == NULL && i < value->n_items; i++)
    vl_str_printf (out, "%s%s%s%s\n", i ? "  " : key, i ? "" : " = ", value->items[i],
                   i + 1 < value->n_items ? "," : "");
}

/* Writes what the options say of ROW, if anything. */
static void
write_row (struct writing *w, struct vl_str *out, const struct vl_prop *row, const char *key,
           const char *section)
{
  for (size_t i = 0; row->nova && i < w->n; i++) {
    const struct vl_nova_option *option = &w->options[i];
    struct vl_value value;
    const char *why;

    if (! VL_STREQ (option->name, row->nova))
      continue;
    w->taken[i] = 1;
    /* oslo.config's way to say "unset" where unset is what the row begins with. */
    if (option->value[0] == '\0' && row->deflt == NULL && ! (row->flags & VL_EMPTY_OK))
      continue;
    if (vl_value_parse (w->call->arena, row, option->value, &value, &why) < 0) {
      refuse (w, row, option, why);
      continue;
    }
    if (row->flags & VL_SECRET)
      w->mode = 0600;
    if (section && (out->text == NULL || strstr (out->text, section) == NULL))
      vl_str_printf (out, "%s\n", section);
    put_value (w, out, row, key, option, &value);
  }
}

static int
write_out (struct writing *w, const char *path, const struct vl_str *text)
{
  VL_AUTOFREE char *whole = NULL;

  if (text->length == 0)
    return 0;
  whole =
      vl_xasprintf ("# Made from a nova.conf by `virtloom config import-nova`.\n%s", text->text);
  if (vl_file_write (path, whole, strlen (whole), w->mode) < 0)
    return vl_refuse (w->call, VL_ERR_FAILED, NULL, NULL, "'%s' cannot be written: %s", path,
                      strerror (errno));
  w->mode = 0644;
  return 0;
}

/* OUT/virtloom.conf.  Rows are grouped by section, as the table is. */
static int
write_main (struct writing *w, const char *out)
{
  VL_AUTOSTR struct vl_str text = { 0 };
  size_t n;
  const struct vl_prop *rows = vl_config_table (&n);

  for (size_t i = 0; i < n; i++) {
    const char *dot = strchr (rows[i].setting, '.');
    const char *section =
        dot ? vl_printf (w->call, "[%.*s]", (int)(dot - rows[i].setting), rows[i].setting)
            : "[virtloom]";

    write_row (w, &text, &rows[i], dot ? dot + 1 : rows[i].setting, section);
  }
  return write_out (w, vl_printf (w->call, "%s/virtloom.conf", out), &text);
}

static int
write_plugin (struct writing *w, const struct vl_plugin *plugin, const char *out)
{
  VL_AUTOSTR struct vl_str text = { 0 };

  for (size_t i = 0; i < plugin->n_props; i++)
    if (plugin->props[i].setting)
      write_row (w, &text, &plugin->props[i], plugin->props[i].setting, "[settings]");
  return write_out (w, vl_printf (w->call, "%s/plugins.d/%s.conf", out, plugin->name), &text);
}

int
vl_config_write_nova (struct vl_app *app, const struct vl_nova_option *options, size_t n,
                      const char *out, const char *const **left_out)
{
  struct vl_registry *registry = app->registry;
  struct writing w = { .call = app->call, .options = options, .n = n, .mode = 0644 };
  const char *folder = vl_printf (app->call, "%s/plugins.d", out);
  const char **left;
  size_t n_left = 0;

  w.taken = vl_arena_alloc (app->call->arena, (n + 1) * sizeof *w.taken);
  left = vl_arena_alloc (app->call->arena, (n + 1) * sizeof *left);
  if (vl_file_mkdirs (folder, 0755) < 0)
    return vl_refuse (app->call, VL_ERR_FAILED, NULL, NULL, "'%s' cannot be made: %s", folder,
                      strerror (errno));
  /* Drivers have settings too, whichever of them will be the chosen one. */
  for (size_t i = 0; i < registry->n; i++)
    if (registry->plugins[i]->state == VL_PLUGIN_UNUSED)
      w.bad |= vl_registry_load (app->call, registry, registry->plugins[i], &app->places);
  w.bad |= write_main (&w, out);
  for (size_t i = 0; i < registry->n; i++)
    w.bad |= write_plugin (&w, registry->plugins[i], out);
  for (size_t i = 0; i < n; i++)
    if (! w.taken[i])
      left[n_left++] = options[i].name;
  *left_out = left;
  return w.bad ? -1 : 0;
}
